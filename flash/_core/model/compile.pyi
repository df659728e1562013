from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from typing_extensions import Buffer, disjoint_base

from flash._core.tables.tables import Tables

__all__ = ("KINDS", "Model", "Plan", "SCORE_UNIT", "compile_tables", "crossing", "totals_of")

# (kind, kernel, input channels, output channels, groups, height, width[, width of the kernel,
# positions begun along the height and across the width[, positions of the input[, the same with its
# padding]]])
_Op: TypeAlias = (
    tuple[int, int, int, int, int, int, int]
    | tuple[int, int, int, int, int, int, int, int, int, int]
    | tuple[int, int, int, int, int, int, int, int, int, int, int]
    | tuple[int, int, int, int, int, int, int, int, int, int, int, int]
)
_Ints: TypeAlias = tuple[int, ...]
# (stride, widths, depths, skips of each width, expansions, kernels)
_PlanCell: TypeAlias = tuple[int, _Ints, _Ints, tuple[_Ints, ...], _Ints, _Ints]
# (family, classes, variants of (first flat index, resolution, cells))
_SpacePlan: TypeAlias = tuple[int, int, tuple[tuple[int, int, tuple[_PlanCell, ...]], ...]]

SCORE_UNIT: float
KINDS: dict[str, int]

@disjoint_base
class Model:
    def __init__(
        self,
        kind: str,
        coefficients: Sequence[Sequence[float]],
        quantum: Sequence[float],
        links: Mapping[str, Any],
        array: Sequence[float] = (512, 512),
    ) -> None: ...
    @property
    def links(self) -> dict[str, Any]: ...
    def charge(self, ops: Iterable[_Op]) -> list[tuple[float, ...]]: ...
    def total(self, ops: Buffer) -> tuple[int, ...]: ...
    def metrics(self, total: Sequence[float]) -> tuple[float, ...]: ...

@disjoint_base
class Plan:
    def __init__(self, plan: _SpacePlan) -> None: ...

def compile_tables(
    plan: Plan,
    model: Model,
    wanted: int,
    score: tuple[int, float, float, float] = (0, 0.0, 0.0, 0.0),
    terms: Sequence[float] | None = None,
    parts: Sequence[Sequence[tuple[Model, float, float]]] | None = None,
) -> Tables: ...
def crossing(
    numbers: Sequence[float], sources: int, wanted: int, activations: float
) -> tuple[float, float, float]: ...
def totals_of(
    plan: Plan, model: Model, variant: int, rows: Sequence[int]
) -> tuple[tuple[float, ...], tuple[float, ...]]: ...
