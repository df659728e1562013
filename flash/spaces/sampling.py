"""Distinct flat indices of a space: a shuffle that is stopped after n steps.

Step k swaps place k with one of those from k on, drawn by SplitMix64 (see `flash.base.seeds`), and
gives what then stands at k. Only places that were touched are kept, so memory and time grow with n,
not with the space.
"""

from __future__ import annotations

from ..base.seeds import below, stream

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["GOLDEN", "indices", "mixed", "product"]

FEW = 1000  # repeated draws that are looked into one by one
GOLDEN, FIRST, SECOND = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB


def indices(size: int, n: int, seed: int) -> Any:
    """Return n of the numbers below `size`: an int64 array, beyond 63 bits a list of ints."""
    state = stream(seed)
    if size >> 63:
        return _shuffled(_drawn(size, n, state))
    import numpy as np

    places: Any = np.arange(n, dtype=np.int64)
    drawn: Any = places + _below(size, n, state)
    ordered = np.sort(drawn)
    repeated = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    if len(repeated) > FEW:
        return np.array(_shuffled(drawn.tolist()), dtype=np.int64)
    if len(repeated):
        found = drawn.copy()
        for k in np.flatnonzero(np.isin(drawn, repeated)).tolist():
            found[k] = _standing(drawn, int(drawn[k]), k)
        return found
    return drawn


def _drawn(size: int, n: int, state: int) -> list[int]:
    """Return the place that each step swaps its own with."""
    found, counter = [], 0
    for place in range(n):
        offset, counter = below(size - place, state, counter)
        found.append(place + offset)
    return found


def _shuffled(drawn: list[int]) -> list[int]:
    """Return what stands at each step's place after its swap."""
    moved: dict[int, int] = {}
    result = []
    for place, other in enumerate(drawn):
        result.append(moved.get(other, other))
        moved[other] = moved.get(place, place)
    return result


def _standing(drawn: Any, place: int, step: int) -> int:
    """Return what stands at a place before a step."""
    import numpy as np

    while True:
        before = np.flatnonzero(drawn[:step] == place)
        if not len(before):
            return place
        place = step = int(before[-1])  # what stood at that step's own place came here


def _below(size: int, n: int, state: int) -> Any:
    """Return `flash.base.seeds.below` of size, size - 1, ...: two words each, below 2^63."""
    import numpy as np

    limits: Any = np.uint64(size) - np.arange(n, dtype=np.uint64)
    words = mixed(np.uint64(state) + np.arange(2 * n, dtype=np.uint64) * np.uint64(GOLDEN))
    high, low = product(words[0::2], limits)
    carry, _ = product(words[1::2], limits)
    total = low + carry
    return (high + (total < low)).astype(np.int64)


def mixed(values: Any) -> Any:
    """Return SplitMix64's outputs: `flash.base.seeds.mix` of many."""
    import numpy as np

    values = values + np.uint64(GOLDEN)
    values = (values ^ (values >> np.uint64(30))) * np.uint64(FIRST)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(SECOND)
    return values ^ (values >> np.uint64(31))


def product(one: Any, other: Any) -> tuple[Any, Any]:
    """Return the high and the low 64 bits of products."""
    import numpy as np

    half, mask = np.uint64(32), np.uint64(0xFFFFFFFF)
    a, b = one >> half, one & mask
    c, d = other >> half, other & mask
    low = b * d
    middle = a * d + (low >> half)
    middle_low = (middle & mask) + b * c
    return a * c + (middle >> half) + (middle_low >> half), one * other
