from typing_extensions import Buffer

from flash._core.compile import Model, Plan
from flash._core.exact import Query, _Point
from flash._core.tables import Tables

__all__ = ("enumerate_best", "evaluate", "evaluate_layers")

def evaluate(tables: Tables, variant: Buffer, row: Buffer) -> list[memoryview]: ...
def evaluate_layers(plan: Plan, model: Model, variant: Buffer, row: Buffer) -> list[memoryview]: ...
def enumerate_best(tables: Tables, query: Query) -> tuple[_Point | None, int]: ...
