from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from typing_extensions import disjoint_base

__all__ = ("ENDS", "Choices")

ENDS: tuple[str | None, ...]

@disjoint_base
class Choices:
    callback: Callable[[Choices], Any] | None
    def __init__(
        self,
        start: npt.NDArray[np.int32],
        values: npt.NDArray[np.float64],
        rows: npt.NDArray[np.float64],
        limits: npt.NDArray[np.float64],
        pointer: npt.NDArray[np.int64],
        option: npt.NDArray[np.int32],
        number: npt.NDArray[np.float64],
        sparse_limits: npt.NDArray[np.float64],
        *,
        unit: float = 1.0,
        time_limit_s: float = ...,
        max_nodes: int = -1,
        callback: Callable[[Choices], Any] | None = None,
        first_work: int = ...,
        first_sets: int = ...,
    ) -> None: ...
    def offer(self, options: npt.NDArray[np.int32]) -> bool: ...
    def link(
        self, groups: npt.NDArray[np.int32], label: npt.NDArray[np.int32], labels: int
    ) -> None: ...
    def ask_above(self, value: float) -> None: ...
    def solve(self) -> None: ...
    @property
    def best(self) -> tuple[float, list[int]] | None: ...
    @property
    def bound(self) -> float: ...
    @property
    def ended(self) -> int: ...
    @property
    def counts(self) -> tuple[int, int, int]: ...
    @property
    def rounds(self) -> int: ...
