from typing_extensions import Buffer

from flash._core.tables import Tables

__all__ = ("evaluate",)

def evaluate(tables: Tables, variant: Buffer, row: Buffer) -> list[memoryview]: ...
