from typing_extensions import Buffer

from flash._core.search.exact import Query, _Point
from flash._core.tables.tables import Tables

__all__ = ("count_range", "outer_sizes")

def outer_sizes(tables: Tables) -> list[tuple[int, int]]: ...
def count_range(
    tables: Tables,
    query: Query,
    variant: int,
    first: int,
    last: int,
    *,
    top: int = 1,
    least: float = ...,
    bins: int = 0,
    low: Buffer | None = None,
    per_bin: Buffer | None = None,
    exact: bool = False,
) -> tuple[int, int, list[_Point], bytes]: ...
