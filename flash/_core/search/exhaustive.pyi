from flash._core.search.exact import Query, _Point
from flash._core.tables.tables import Tables

__all__ = ("enumerate_best",)

def enumerate_best(
    tables: Tables, query: Query, count: bool = False
) -> tuple[_Point | None, int | None]: ...
