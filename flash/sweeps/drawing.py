"""Samples of spaces whose indices 64 bits do not hold: places in tables, drawn by their position.

Each place of a sample is drawn by itself, from words that a seed and its position give (see
`flash.base.seeds`): the variant by its share of the space, then a row of each cell. So any unit
finds its own without those before it. That two of n are the same has a probability below
n^2 / 2^64; where indices fit, samples are a random order instead, and none comes twice.
"""

from __future__ import annotations

from ..base.seeds import stream
from ..spaces.sampling import GOLDEN, mixed, product

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from .._core.tables.tables import Tables

__all__ = ["LARGEST", "draw_places", "indices_at"]

LARGEST = 2**63  # configurations of a space whose indices are not of 64 bits


def draw_places(tables: Tables, seed: int, first: int, variants: Any, rows: Any) -> None:
    """Draw the places [first, first + n) of a sample into int32 arrays, shapes (n,), (n, cells).

    Entries of cells that a variant has not become 0.
    """
    import numpy as np

    n = len(variants)
    sizes = _sizes(tables)
    words = 1 + max(map(len, sizes))
    start = np.arange(first, first + n, dtype=np.uint64) * np.uint64(words)
    key = np.uint64(stream(seed))

    def word(place: int) -> Any:
        return mixed(key + (start + np.uint64(place)) * np.uint64(GOLDEN))

    variants[:] = np.searchsorted(_ends(sizes), word(0), side="right")
    drawn = [word(1 + place) for place in range(words - 1)]
    rows[:] = 0
    for variant in np.unique(variants).tolist():
        some = np.flatnonzero(variants == variant)
        handed: Any = 0
        own_sizes = sizes[variant]
        for cell, size in enumerate(own_sizes):
            own, _ = product(drawn[cell][some], np.full(len(some), size, np.uint64))
            own = own.astype(np.int64)
            rows[some, cell] = own + handed * size
            if cell + 1 < len(own_sizes):
                widths = tables.rows[variant][cell + 1] // own_sizes[cell + 1]
                handed = own // (size // widths)


def indices_at(tables: Tables, variants: Any, rows: Any) -> Any:
    """Return the flat indices of places: an array of Python's ints."""
    import numpy as np

    sizes = _sizes(tables)
    firsts = [0]
    for some in sizes:
        firsts.append(firsts[-1] + _many(some))
    found: Any = np.zeros(len(variants), dtype=object)
    for variant in np.unique(variants).tolist():
        at = np.flatnonzero(variants == variant)
        number: Any = np.zeros(len(at), dtype=object)
        for cell, size in enumerate(sizes[variant]):
            number = number * size + (rows[at, cell].astype(np.int64) % size).astype(object)
        found[at] = number + firsts[variant]
    return found


def _sizes(tables: Tables) -> Sequence[Sequence[int]]:
    """Return the own rows of each cell, by variant."""
    return tables.space_rows


def _many(sizes: Sequence[int]) -> int:
    count = 1
    for size in sizes:
        count *= size
    return count


def _ends(sizes: Sequence[Sequence[int]]) -> Any:
    """Return where the variants' shares of 2^64 end, but for the last."""
    import numpy as np

    counts = [_many(some) for some in sizes]
    total, at, found = sum(counts), 0, []
    for count in counts[:-1]:
        at += count
        found.append((at << 64) // total)
    return np.array(found, dtype=np.uint64)
