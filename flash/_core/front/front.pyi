from collections.abc import Callable, Sequence
from typing import Any

from typing_extensions import disjoint_base

from flash._core.search.exact import Query
from flash._core.tables.tables import Tables

__all__ = ("Front",)

@disjoint_base
class Front:
    def __init__(
        self,
        tables: Tables,
        query: Query,
        goals: Sequence[int],
        *,
        epsilon: float = 0.0,
        time_limit_s: float = ...,
        known: bytes = b"",
        only_new: bool = False,
        callback: Callable[[Front], Any] | None = None,
    ) -> None: ...
    @property
    def tables(self) -> Tables: ...
    @property
    def query(self) -> Query: ...
    @property
    def known(self) -> bytearray: ...
    @property
    def points(self) -> tuple[bytearray, bytearray, bytearray]: ...
    @property
    def stopped(self) -> int: ...
    @property
    def progress(self) -> float: ...
    @property
    def size(self) -> int: ...
    @property
    def weighed(self) -> int: ...
    def run(self) -> None: ...
