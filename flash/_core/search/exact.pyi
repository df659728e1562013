from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from typing_extensions import disjoint_base

from flash._core.tables.tables import Tables

__all__ = ("STOPS", "Query", "Search")

STOPS: tuple[str | None, ...]

# (variant, rows, objective, metrics)
_Point: TypeAlias = tuple[int, tuple[int, ...], float, tuple[float, ...]]

@disjoint_base
class Query:
    def __init__(
        self,
        maximum: Sequence[float],
        min_accuracy: float = ...,
        exponent: Sequence[float] | None = None,
    ) -> None: ...

@disjoint_base
class Search:
    def __init__(
        self,
        tables: Tables,
        query: Query,
        *,
        time_limit_s: float = ...,
        max_leaves: int = -1,
        leaf: float = 30_000.0,
        thin: int = 96,
        patience: int = 10_000,
        callback: Callable[[Search], Any] | None = None,
        incumbent: tuple[float, Sequence[float], bool] | None = None,
    ) -> None: ...
    @property
    def tables(self) -> Tables: ...
    @property
    def query(self) -> Query: ...
    @property
    def best(self) -> _Point | None: ...
    @property
    def bound(self) -> float: ...
    @property
    def stopped(self) -> int: ...
    @property
    def counts(self) -> tuple[int, int, int]: ...
    def offer(self, variant: int, row: Sequence[int]) -> int: ...
    def prove(self) -> None: ...
    def bound_roots(self) -> None: ...
    def refuse_memory(self, block: int) -> None: ...
