from collections.abc import Sequence

from typing_extensions import Buffer

from flash._core.search.exact import Query
from flash._core.tables.tables import Tables

__all__ = ("accuracies", "draw", "metric_ranges", "nondominated", "place_rows", "weigh")

def draw(size: int, key: int, first: int, out: Buffer) -> None: ...
def place_rows(tables: Tables, index: Buffer, variant: Buffer, row: Buffer) -> None: ...
def metric_ranges(tables: Tables) -> tuple[list[float], list[float]]: ...
def nondominated(value: Buffer, order: Buffer) -> list[int]: ...
def weigh(
    tables: Tables,
    query: Query,
    metrics: Sequence[Buffer],
    feasible: Buffer,
    objective: Buffer,
    accuracy: Buffer | None = None,
) -> None: ...
def accuracies(tables: Tables, score: Buffer, accuracy: Buffer) -> None: ...
