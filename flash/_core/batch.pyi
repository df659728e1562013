from typing_extensions import Buffer

from flash._core.compile import Model, Plan
from flash._core.tables import Tables

__all__ = ("evaluate", "evaluate_choices", "evaluate_layers", "prepare")

def evaluate(tables: Tables, variant: Buffer, row: Buffer) -> list[memoryview]: ...
def evaluate_layers(plan: Plan, model: Model, variant: Buffer, row: Buffer) -> list[memoryview]: ...
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
