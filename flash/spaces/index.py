"""How configurations are numbered: the one mixed-radix index.

A *row of choice indices* has one entry per variable of a space: the global ones first, then those
of each cell. It stands for a *flat index* (see `space`), and for a *place* in compiled tables: a
variant, which numbers the global choices, and a row number for each cell. All are mixed-radix
numbers, their most significant digit first.

Spaces number their own networks, so this lies with them and not with the compiled problem. The
families' rows are numbered here; a space whose cells differ in their variables has a `numbering` of
its own, which is asked then (`flash.spaces.blocks.numbering`).
"""

from __future__ import annotations

from ..base.checks import integer, shown
from ..errors import ArgumentError, ArgumentTypeError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    Row = tuple[int, ...]

MOST = 1 << 30  # rows at a time: what is worked out of them takes some 60 bytes for each

__all__ = [
    "COUNT",
    "FACTOR",
    "GLOBALS",
    "RESOLUTION",
    "choices_at",
    "checked_row",
    "digits_of",
    "flat_of",
    "in_range",
    "number_of",
    "places_of",
    "row_at",
    "row_of",
    "rows_of",
    "table_rows",
    "used_of",
]

# The global variables: width multiplier, number of cells, resolution.
FACTOR, COUNT, RESOLUTION = range(3)
GLOBALS = 3


# Digits: of integers, or of arrays of them


def number_of(digits: Sequence[Any], lengths: Sequence[int]) -> Any:
    """Return the number of mixed-radix digits, of which the first is never carried into."""
    number: Any = 0
    for digit, length in zip(digits, lengths, strict=True):
        number = number * length + digit
    return number


def digits_of(number: Any, lengths: Sequence[int]) -> list[Any]:
    """Return the mixed-radix digits of a number."""
    digits = [0] * len(lengths)
    for k in range(len(lengths) - 1, -1, -1):  # of integers faster than divmod
        length = lengths[k]
        digits[k] = number % length
        number = number // length
    return digits


# Between flat index and row of choice indices


def row_at(space: Any, flat: int) -> Row:
    """Return the row of choice indices of a flat index."""
    if space.numbering is not None:
        told: Row = space.numbering.row_at(flat)
        return told
    sizes, combinations = len(space.resolution), space.combinations
    factor, rest = divmod(flat, sum(combinations) * sizes)
    count = 0
    while rest >= combinations[count] * sizes:
        rest -= combinations[count] * sizes
        count += 1
    resolution, rest = divmod(rest, combinations[count])
    lengths = space.lengths
    used = used_of(space, count)
    inner = digits_of(rest, lengths[GLOBALS:used])
    return (factor, count, resolution, *inner, *[0] * (len(lengths) - used))


def flat_of(space: Any, row: Sequence[int]) -> int:
    """Return the flat index of a row of choice indices."""
    if space.numbering is not None:
        told: int = space.numbering.flat_of(row)
        return told
    checked = checked_row(space, row)
    factor, count, resolution = checked[:GLOBALS]
    used = used_of(space, count)
    flat: int = number_of(checked[GLOBALS:used], space.lengths[GLOBALS:used])
    sizes, combinations = len(space.resolution), space.combinations
    before = sum(combinations[:count]) * sizes + resolution * combinations[count]
    found: int = factor * sum(combinations) * sizes + before + flat
    return found


def checked_row(space: Any, row: Any) -> Row:
    """Return a user's row as a tuple of ints in range, 0 where a cell is surplus."""
    if space.numbering is not None:
        told: Row = space.numbering.checked_row(row)
        return told
    result = in_range(space.variables, space.lengths, row)
    used = used_of(space, result[COUNT])
    return (*result[:used], *[0] * (len(result) - used))


def in_range(variables: Sequence[str], lengths: Sequence[int], row: Any) -> list[int]:
    """Return a user's row as ints, each in the range of its variable."""
    if isinstance(row, str) or not hasattr(row, "__len__"):
        raise ArgumentTypeError(f"a row must be choice indices, got {shown(row)}")
    if hasattr(row, "tolist"):
        row = row.tolist()
    if not hasattr(row, "__len__") or len(row) != len(lengths):
        raise ArgumentError(
            f"a row must have {len(lengths)} choice indices "
            f"({', '.join(variables[:5])}, ...), got {shown(row)}"
        )
    result = []
    for position, (value, length) in enumerate(zip(row, lengths, strict=True)):
        if isinstance(value, float) and value.is_integer():
            value = int(value)  # optimisers hand on whole floats
        if type(value) is not int or not 0 <= value < length:
            name = f"choice index of {variables[position]}"
            value = integer(name, value, 0, length - 1)
        result.append(value)
    return result


def used_of(space: Any, count: int) -> int:
    """Return how many entries of a row count where the number of cells is choice `count`."""
    each: int = space.variables_per_cell
    return GLOBALS + int(space.cells[count]) * each


# Between row of choice indices and place


def row_of(space: Any, variant: int, rows: Sequence[int]) -> Row:
    """Return the row of choice indices for a variant and one row number per cell."""
    if space.numbering is not None:
        told: Row = space.numbering.row_of(variant, rows)
        return told
    lengths, each = space.lengths, space.variables_per_cell
    row = [0] * len(lengths)
    start = end = 0
    for number in (variant, *rows):  # digits in place: every search goes this way
        start, end = end, end + each if end else GLOBALS
        for k in range(end - 1, start - 1, -1):
            length = lengths[k]
            row[k] = number % length
            number //= length
    return tuple(row)


def rows_of(space: Any, row: Sequence[int]) -> tuple[int, Row]:
    """Return (variant, one row number per cell) for a row of choice indices."""
    if space.numbering is not None:
        told: tuple[int, Row] = space.numbering.rows_of(row)
        return told
    lengths, each = space.lengths, space.variables_per_cell
    rows = [
        number_of(row[start : start + each], lengths[start : start + each])
        for start in range(GLOBALS, used_of(space, row[COUNT]), each)
    ]
    return number_of(row[:GLOBALS], lengths[:GLOBALS]), tuple(rows)


# The same of many


def places_of(space: Any, choices: Any) -> tuple[Any, Any]:
    """Return int32 (variants, table rows of each cell) of int64 rows of choice indices.

    Where widths are free, tables have a block of rows for each width that the cell before hands on:
    that width is a table row's first digit.
    """
    if space.numbering is not None:
        told: tuple[Any, Any] = space.numbering.places_of(choices)
        return told
    import numpy as np

    lengths, each = space.lengths, space.variables_per_cell
    variants = number_of(choices[:, :GLOBALS].T, lengths[:GLOBALS])
    rows = np.zeros((len(choices), len(space.cell_choices)), dtype=np.int32)
    for c, start in enumerate(range(GLOBALS, len(lengths), each)):
        columns = list(range(start, start + each))
        if c and space.widths is not None:
            columns.insert(0, start - each)
        rows[:, c] = number_of(choices[:, columns].T, [lengths[k] for k in columns])
    return variants.astype(np.int32), rows


def choices_at(space: Any, sizes: Sequence[Row], variants: Any, rows: Any) -> Any:
    """Return rows of choice indices, shape (n, variables), for variants and table rows.

    sizes: the space's own rows of each cell, by variant (`Tables.space_rows`).
    """
    if space.numbering is not None:
        return space.numbering.choices_at(variants, rows)
    import numpy as np

    lengths, each = space.lengths, space.variables_per_cell
    found = np.zeros((len(variants), len(lengths)), dtype=np.int64)
    for variant, own_sizes in enumerate(sizes):
        own = np.flatnonzero(variants == variant)
        found[own, :GLOBALS] = digits_of(variant, lengths[:GLOBALS])
        for c, size in enumerate(own_sizes):
            start = GLOBALS + c * each
            left = rows[own, c].astype(np.int64) % size
            for k, digit in enumerate(digits_of(left, lengths[start : start + each]), start):
                found[own, k] = digit
    return found


def table_rows(space: Any, choices: Any) -> tuple[Any, Any]:
    """Return `places_of` a user's rows of choices or flat indices.

    Raises
    ------
    ArgumentError
        If they are no such array, or one is out of range; it is named.
    """
    import numpy as np

    lengths = np.array(space.lengths, np.int64)
    array = _integers(space, choices)
    if array.ndim == 2 and array.shape[1] == len(lengths) == 0:
        array = array.astype(np.int64)  # of a space of one network, which has no variables
    if array.ndim == 1:
        last = space.size - 1
        flat = [integer(f"choices[{n}]", i, 0, last) for n, i in enumerate(array.tolist())]
        array = np.array([row_at(space, i) for i in flat], dtype=np.int64)
        array = array.reshape(len(flat), len(lengths))
    if array.ndim != 2 or array.shape[1] != len(lengths) or array.dtype.kind not in "iu":
        raise ArgumentError(
            f"choices must be integers of shape (n,) or (n, {len(lengths)}), "
            f"got shape {array.shape} of {array.dtype}"
        )
    bad = (array < 0) | (array >= lengths)
    if bad.any():
        i, k = map(int, np.argwhere(bad)[0])
        raise ArgumentError(
            f"choices[{i}][{k}] ({space.variables[k]}) must be in 0..{lengths[k] - 1}, "
            f"got {array[i, k]}"
        )
    return places_of(space, array.astype(np.int64, copy=False))


def _integers(space: Any, choices: Any) -> Any:
    """Return what users pass as choices as an array: of objects where 64 bits do not hold one."""
    import numpy as np

    if isinstance(choices, range) and choices:
        for end in (choices[0], choices[-1]):  # a long one is not tried row by row
            integer("choices", end, 0, space.size - 1)
        if len(choices) > MOST:
            raise ArgumentError(f"choices must be at most {MOST:,} at a time, got {shown(choices)}")
    if isinstance(choices, (list, tuple)) and all(isinstance(c, int) for c in choices):
        return np.array(choices, dtype=object if max(choices, default=0) >= 2**63 else None)
    try:
        return np.asarray(choices)
    except ValueError:
        raise ArgumentError(
            f"choices must be integers of shape (n,) or (n, {len(space.lengths)}), "
            f"got rows of different lengths"
        ) from None
