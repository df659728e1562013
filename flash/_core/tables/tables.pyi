from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from typing_extensions import Buffer, disjoint_base

__all__ = (
    "COLUMNS",
    "Classes",
    "MAX_CELLS",
    "MAX_STATES",
    "MAX_TOTAL",
    "METRICS",
    "Tables",
    "VERSION",
    "build_info",
    "exponential",
    "logarithm",
    "simd",
    "square_root",
)

# (states, column number -> float64 rows, column number -> float64 boundary[, states that come in])
_Cell: TypeAlias = (
    tuple[int, Mapping[int, Buffer], Mapping[int, Buffer]]
    | tuple[int, Mapping[int, Buffer], Mapping[int, Buffer], int]
)
# (constant of each column, cells)
_Variant: TypeAlias = tuple[Sequence[float], Sequence[_Cell]]

COLUMNS: tuple[str, ...]
VERSION: str
METRICS: tuple[str, ...]
MAX_CELLS: int
MAX_STATES: int
MAX_TOTAL: float

def build_info() -> dict[str, str]: ...
def simd() -> str: ...

@disjoint_base
class Classes:
    def __init__(self, classes: Sequence[Sequence[float]]) -> None: ...
    @staticmethod
    def of_grid(
        cycles_per_tile: float,
        leak_out: float,
        constant: float,
        per_row: float,
        per_col: float,
        most: int,
    ) -> Classes: ...
    def __len__(self) -> int: ...
    def __getitem__(self, i: int, /) -> tuple[float, ...]: ...

@disjoint_base
class Tables:
    @staticmethod
    def from_arrays(variants: list[_Variant], links: dict[str, Any]) -> Tables: ...
    @property
    def joined(self) -> bool: ...
    def with_columns(
        self, columns: dict[int, list[list[Buffer]]], links: dict[str, Any]
    ) -> Tables: ...
    @property
    def rows(self) -> tuple[tuple[int, ...], ...]: ...
    @property
    def space_rows(self) -> tuple[tuple[int, ...], ...]: ...
    @property
    def size(self) -> int: ...
    @property
    def size_bytes(self) -> int: ...
    def column(self, variant: int, cell: int, column: int) -> bytes | None: ...
    def whole(self, variant: int, column: int) -> bytes | None: ...
    def put(self, variant: int, column: int, out: Buffer) -> bool: ...
    def ends(self, variant: int, column: int) -> tuple[tuple[float, ...], tuple[float, ...]]: ...

def square_root(x: float) -> float: ...
def exponential(x: float) -> float: ...
def logarithm(x: float) -> float: ...
