from typing_extensions import Buffer

from flash._core.model.compile import Model, Plan
from flash._core.tables.tables import Tables

__all__ = ("evaluate", "evaluate_layers")

def evaluate(tables: Tables, variant: Buffer, row: Buffer) -> list[memoryview]: ...
def evaluate_layers(plan: Plan, model: Model, variant: Buffer, row: Buffer) -> list[memoryview]: ...
