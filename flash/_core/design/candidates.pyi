from collections.abc import Sequence

__all__ = ("fitting", "undominated")

def fitting(uses: Sequence[Sequence[Sequence[int]]], limits: Sequence[int]) -> int: ...
def undominated(
    parts: Sequence[tuple[Sequence[Sequence[int]], Sequence[Sequence[int]]]],
    limits: Sequence[int],
) -> list[tuple[int, ...]]: ...
