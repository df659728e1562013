"""Many rows of choice indices at once, for fronts and pages of them: see `flash.spaces.index`.

Apart from it, for a search imports that one.
"""

from __future__ import annotations

from .index import COUNT, FACTOR, GLOBALS, RESOLUTION, checked_row, number_of, used_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["checked_rows", "flats_of"]


def checked_rows(space: Any, rows: Any) -> Any:
    """Return many rows of users as an int64 array, each as `checked_row` has it.

    Lists of plain integers are looked at all at once; anything else row by row.
    """
    from itertools import chain

    import numpy as np

    lengths = np.array(space.lengths, dtype=np.int64)
    if space.numbering is None and isinstance(rows, (list, tuple)) and rows:
        lists = set(map(type, rows)) <= {list, tuple} and set(map(len, rows)) == {len(lengths)}
        if lists and set(map(type, chain.from_iterable(rows))) == {int}:
            try:
                x = np.array(rows, dtype=np.int64)
            except OverflowError:  # what follows names it
                x = None
            if x is not None and ((x >= 0) & (x < lengths)).all():
                ends = np.array([used_of(space, count) for count in range(len(space.cells))])
                x[np.arange(len(lengths)) >= ends[x[:, COUNT]][:, None]] = 0
                return x
    checked = [checked_row(space, row) for row in rows]
    return np.array(checked, dtype=np.int64).reshape(len(checked), len(lengths))


def flats_of(space: Any, choices: Any) -> Any:
    """Return the flat indices of int64 rows of choice indices, each within its range.

    As int64, of a space of 2^63 configurations or more as Python's own integers.
    """
    import numpy as np

    kind: Any = np.int64 if space.size < 2**63 else object
    found = np.zeros(len(choices), dtype=kind)
    if space.numbering is not None:
        variants, rows = space.numbering.places_of(choices)
        for variant, layout in enumerate(space.numbering.layouts):
            some = np.flatnonzero(variants == variant)
            counts = [cell.rows for cell in layout.cells]
            # a row of a table counts what the cell before hands on, too
            inner = [rows[some, c].astype(kind) % count for c, count in enumerate(counts)]
            found[some] = number_of(inner, counts) + layout.first
        return found
    sizes, combinations = len(space.resolution), space.combinations
    for count in range(len(combinations)):
        some = np.flatnonzero(choices[:, COUNT] == count)
        own = choices[some].T.astype(kind)
        end = used_of(space, count)
        flat = number_of(own[GLOBALS:end], space.lengths[GLOBALS:end])
        before = sum(combinations[:count]) * sizes + own[RESOLUTION] * combinations[count]
        found[some] = own[FACTOR] * (sum(combinations) * sizes) + before + flat
    return found
