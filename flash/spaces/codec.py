"""Between row of choice indices and architecture: the inner part of `SearchSpace`."""

from __future__ import annotations

from ..base.checks import integer, shown
from ..errors import ArgumentError, ArgumentTypeError
from ..networks.architecture import Architecture, Cell
from ..networks.families import default_width
from .choices import cap_at, cap_index, index_of
from .index import COUNT, FACTOR, GLOBALS, RESOLUTION, checked_row, number_of, row_at

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from .choices import Choices
    from .space import SearchSpace

__all__ = ["cell_at", "cell_columns", "decode", "encode"]


def decode(space: SearchSpace, i: Any) -> Architecture:
    """Return the architecture of a flat index or of a row of choice indices."""
    if hasattr(i, "__len__"):
        row = checked_row(space, i)
    else:
        row = row_at(space, integer("i", i, 0, space.size - 1))
    resolution = int(space.resolution[row[RESOLUTION]])
    each = space.variables_per_cell
    cells = []
    for cell in range(int(space.cells[row[COUNT]])):
        own = row[GLOBALS + cell * each : GLOBALS + (cell + 1) * each]
        cells.append(Cell(*cell_at(space, row[FACTOR], resolution, cell, own)))
    return Architecture(space.family, cells, resolution, space.classes, space.link_seed)


def cell_at(
    space: SearchSpace, factor: int, resolution: int, cell: int, own: Sequence[int]
) -> tuple[int, ...]:
    """Return a cell's width, depth, skips (and what else it has) of its own choice indices."""
    values: list[Any] = [
        one[index] for one, index in zip(space.cell_choices[cell], own, strict=True)
    ]
    free = space.widths is not None
    width = values.pop(0) if free else _width(space, factor, cell, resolution)
    skips = cap_at(space.skips[cell], own[1 + free], width, space.family != "densenet")
    return (width, values[0], skips, *values[2:])


def cell_columns(space: SearchSpace, x: Any) -> dict[str, Any]:
    """Return what the cells of many networks are, as columns: "cell0_width", "cell0_depth" ...

    x: rows of choice indices, shape (n, variables). A column is an array, or a list with None where
    a network has no such cell.
    """
    import numpy as np

    if space.numbering is not None:
        from .values import columns_of_blocks

        places = space.numbering.places_of(np.asarray(x, np.int64))
        told = columns_of_blocks(space, places[0], places[1], space.variables)
        return {name: _plain(column.tolist()) for name, column in told.items()}
    each = space.variables_per_cell
    found: dict[str, Any] = {}
    for cell in range(len(space.cell_choices)):
        start = GLOBALS + cell * each
        places = [FACTOR, COUNT, RESOLUTION, *range(start, start + each)]
        keys = number_of(x[:, places].T, [space.lengths[k] for k in places])
        _, first, which = np.unique(keys, return_index=True, return_inverse=True)
        rows, values = x[first][:, places], []
        for factor, count, size, *own in rows.tolist():
            there = cell < int(space.cells[count])
            resolution = int(space.resolution[size])
            values.append(
                Cell(*cell_at(space, factor, resolution, cell, own)).to_dict() if there else {}
            )
        names = dict.fromkeys(key for one in values for key in one)
        turn = which.ravel()
        for key in names:
            own_values = [one.get(key) for one in values]
            if None in own_values:
                found[f"cell{cell}_{key}"] = [own_values[k] for k in turn.tolist()]
            else:
                found[f"cell{cell}_{key}"] = np.array(own_values)[turn]
    return found


def _plain(column: list[Any]) -> list[Any]:
    """Return a column with None for NaN, and whole numbers as integers where all are."""
    known = [one for one in column if one == one]
    whole = all(isinstance(one, float) and one.is_integer() for one in known)
    return [None if one != one else int(one) if whole else one for one in column]


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
    surplus = len(space.lengths) - GLOBALS - len(row)
    return (factor, count, size, *row, *[0] * surplus)


def _factor_of(space: SearchSpace, architecture: Architecture) -> int:
    if space.widths is not None:
        return 0
    given = tuple(cell.width for cell in architecture.cells)
    for factor in range(len(space.factors)):
        # The first cell decides nearly always; only then the others are worked out.
        if all(
            _width(space, factor, cell, architecture.resolution) == width
            for cell, width in enumerate(given)
        ):
            return factor
    raise ArgumentError(
        f"widths of the cells must follow one of the width_multipliers "
        f"{shown(space.factors)}, got {shown(given)}"
    )


def _found(name: str, choices: Choices, value: int) -> int:
    index = index_of(choices, value)
    if index is None:
        raise ArgumentError(f"{name} must be one of {shown(choices)}, got {value}")
    return index


def _width(space: SearchSpace, factor: int, cell: int, resolution: int) -> int:
    return default_width(space.family, space.factors[factor], cell, resolution > 64)
