from collections.abc import Sequence

from flash._core.tables.tables import Tables

__all__ = ("join", "total_of")

def join(base: Tables, parts: list[list[Tables]]) -> Tables: ...
def total_of(tables: Tables, variant: int, rows: Sequence[int], column: int) -> float: ...
