from typing_extensions import Buffer

from flash._core.tables.tables import Tables

__all__ = ("evaluate_choices", "prepare")

def prepare(tables: Tables, n: int) -> None: ...
def evaluate_choices(
    tables: Tables,
    choices: Buffer,
    lengths: Buffer,
    each: int,
    free_widths: bool,
    first: int,
    last: int,
    out: list[Buffer | None],
    params: Buffer,
    macs: Buffer,
) -> int: ...
