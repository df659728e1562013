"""Between flat index, row of choice indices and architecture: the inner part of `SearchSpace`."""

from __future__ import annotations

from ..base.checks import integer, shown
from ..errors import ArgumentError, ArgumentTypeError
from ..networks.architecture import Architecture, Cell
from ..networks.families import default_width
from .choices import cap_at, cap_index, index_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from .choices import Choices
    from .space import SearchSpace

__all__ = ["checked_row", "decode", "encode", "flat_of", "row_of"]


def _per(space: SearchSpace) -> int:
    """Return how many variables a cell has."""
    return len(space._per_cell[0])


def row_of(space: SearchSpace, flat: int) -> tuple[int, ...]:
    """Return the row of choice indices of a flat index."""
    sizes = len(space.resolution)
    factor, rest = divmod(flat, sum(space._blocks) * sizes)
    count = 0
    while rest >= space._blocks[count] * sizes:
        rest -= space._blocks[count] * sizes
        count += 1
    resolution, rest = divmod(rest, space._blocks[count])
    inner = [0] * (len(space._lengths) - 3)
    per = _per(space)
    for position in range(int(space.cells[count]) * per - 1, -1, -1):
        rest, inner[position] = divmod(rest, space._lengths[3 + position])
    return (factor, count, resolution, *inner)


def checked_row(space: SearchSpace, row: Any) -> tuple[int, ...]:
    """Return a user's row as a tuple of ints in range, 0 where a cell is surplus."""
    if isinstance(row, str) or not hasattr(row, "__len__"):
        raise ArgumentTypeError(f"a row must be choice indices, got {shown(row)}")
    if hasattr(row, "tolist"):
        row = row.tolist()
    if not hasattr(row, "__len__") or len(row) != len(space._lengths):
        raise ArgumentError(
            f"a row must have {len(space._lengths)} choice indices "
            f"({', '.join(space.variables[:5])}, ...), got {shown(row)}"
        )
    result = []
    for position, (value, length) in enumerate(zip(row, space._lengths, strict=True)):
        if isinstance(value, float) and value.is_integer():
            value = int(value)  # optimisers hand on whole floats
        if type(value) is not int or not 0 <= value < length:
            name = f"choice index of {space.variables[position]}"
            value = integer(name, value, 0, length - 1)
        result.append(value)
    used = 3 + int(space.cells[result[1]]) * _per(space)
    return (*result[:used], *[0] * (len(result) - used))


def flat_of(space: SearchSpace, row: Sequence[int]) -> int:
    """Return the flat index of a row of choice indices."""
    checked = checked_row(space, row)
    factor, count, resolution = checked[:3]
    used = 3 + int(space.cells[count]) * _per(space)
    flat = 0
    for value, length in zip(checked[3:used], space._lengths[3:used], strict=True):
        flat = flat * length + value
    sizes = len(space.resolution)
    before = sum(space._blocks[:count]) * sizes + resolution * space._blocks[count]
    return factor * sum(space._blocks) * sizes + before + flat


def decode(space: SearchSpace, i: Any) -> Architecture:
    """Return the architecture of a flat index or of a row of choice indices."""
    if hasattr(i, "__len__"):
        row = checked_row(space, i)
    else:
        row = row_of(space, integer("i", i, 0, space.size - 1))
    addition = space.family != "densenet"
    resolution = int(space.resolution[row[2]])
    per = _per(space)
    cells = []
    for cell in range(int(space.cells[row[1]])):
        start = 3 + cell * per
        values: list[Any] = [
            one[index]
            for one, index in zip(space._per_cell[cell], row[start : start + per], strict=True)
        ]
        free = space.widths is not None
        width = values.pop(0) if free else _width(space, row[0], cell, resolution)
        skips = cap_at(space.skips[cell], row[start + 1 + free], width, addition)
        cells.append(Cell(width, values[0], skips, *values[2:]))
    return Architecture(space.family, cells, resolution, space._classes, space.link_seed)


def encode(space: SearchSpace, architecture: Any) -> tuple[int, ...]:
    """Return the first row of choice indices that gives an architecture."""
    if not isinstance(architecture, Architecture):
        raise ArgumentTypeError(f"architecture must be an Architecture, got {shown(architecture)}")
    for name in ("family", "num_classes", "link_seed"):
        mine, other = getattr(space, name), getattr(architecture, name)
        if mine != other:
            raise ArgumentError(f"{name} of the space is {mine!r}, got {other!r}")
    count = _found("number of cells", space.cells, len(architecture.cells))
    size = _found("resolution", space.resolution, architecture.resolution)
    factor = _factor_of(space, architecture)
    row: list[int] = []
    for number, cell in enumerate(architecture.cells):
        where = f"of cell {number}"
        if space.widths is not None:
            row.append(_found(f"width {where}", space.widths[number], cell.width))
        row.append(_found(f"depth {where}", space.depths[number], cell.depth))
        addition = space.family != "densenet"
        skips = cap_index(space.skips[number], cell.skips, cell.width, addition)
        if skips is None:
            raise ArgumentError(
                f"skips {where} must be one of {shown(space.skips[number])}, got {cell.skips}"
            )
        row.append(skips)
        if space.expansions is not None and space.kernels is not None:
            row.append(_found(f"expansion {where}", space.expansions[number], cell.expansion))
            row.append(_found(f"kernel {where}", space.kernels[number], cell.kernel))
    surplus = len(space._lengths) - 3 - len(row)
    return (factor, count, size, *row, *[0] * surplus)


def _factor_of(space: SearchSpace, architecture: Architecture) -> int:
    if space.widths is not None:
        return 0
    given = tuple(cell.width for cell in architecture.cells)
    for factor in range(len(space._factors)):
        # The first cell decides nearly always; only then the others are worked out.
        if all(
            _width(space, factor, cell, architecture.resolution) == width
            for cell, width in enumerate(given)
        ):
            return factor
    raise ArgumentError(
        f"widths of the cells must follow one of the width_multipliers "
        f"{shown(space._factors)}, got {shown(given)}"
    )


def _found(name: str, choices: Choices, value: int) -> int:
    index = index_of(choices, value)
    if index is None:
        raise ArgumentError(f"{name} must be one of {shown(choices)}, got {value}")
    return index


def _width(space: SearchSpace, factor: int, cell: int, resolution: int) -> int:
    return default_width(space.family, space._factors[factor], cell, resolution > 64)
