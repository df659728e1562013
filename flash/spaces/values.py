"""What the choices of a network are: values by variable, not indices."""

from __future__ import annotations

from .codec import cell_at
from .index import COUNT, FACTOR, GLOBALS, RESOLUTION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from numpy.typing import NDArray

    from .space import SearchSpace

__all__ = ["columns_of", "columns_of_blocks", "is_text", "sizes_of", "told_at", "values_at"]


def values_at(space: SearchSpace, row: Sequence[int]) -> list[float | None]:
    """Return what each of `space.variables` is in a network; None of cells that it has not.

    Skips are those that its cell has: at most what its width allows. Blocks are texts.
    """
    if space.numbering is not None:
        told = told_at(space, row)
        return [None if one != one or one == "" else one for one in map(told.get, space.variables)]
    size = int(space.resolution[row[RESOLUTION]])
    found: list[float | None] = [space.factors[row[FACTOR]], int(space.cells[row[COUNT]]), size]
    each, free = space.variables_per_cell, space.widths is not None
    for cell in range(len(space.cell_choices)):
        start = GLOBALS + cell * each
        if cell >= space.cells[row[COUNT]]:
            found += [None] * each
            continue
        own = cell_at(space, row[FACTOR], size, cell, row[start : start + each])
        found += own if free else own[1:]
    return found


def columns_of(space: SearchSpace, x: NDArray[Any], names: Iterable[str]) -> dict[str, Any]:
    """Return some of `space.variables` as float64 columns of many networks; NaN where a network
    has no such cell.

    Parameters
    ----------
    x : ndarray of int, shape (n, variables)
        Rows of choice indices.
    """
    import numpy as np

    found: dict[str, Any] = {}
    each = space.variables_per_cell
    counts = np.array([int(one) for one in space.cells])[x[:, COUNT]]
    for name in names:
        place = space.variables.index(name)
        if place < GLOBALS:
            known = (space.factors, space.cells, space.resolution)[place]
            found[name] = np.array([float(one) for one in known])[x[:, place]]
            continue
        cell = (place - GLOBALS) // each
        if name.startswith("skips"):
            column = _skips(space, x, cell)
        else:
            choices = space.cell_choices[cell][(place - GLOBALS) % each]
            column = np.array([float(one) for one in choices])[x[:, place]]
        found[name] = np.where(counts > cell, column, np.nan)
    return found


def _skips(space: SearchSpace, x: NDArray[Any], cell: int) -> Any:
    """Return a cell's skips: what its width makes of them, once for each combination."""
    import numpy as np

    start = GLOBALS + cell * space.variables_per_cell
    free = space.widths is not None
    k = start + free  # of the depth; skips come after it
    places = [FACTOR, RESOLUTION, *([start] if free else []), k + 1]
    keys = np.zeros(len(x), np.int64)
    for place in places:
        keys = keys * space.lengths[place] + x[:, place]
    _, first, which = np.unique(keys, return_index=True, return_inverse=True)
    values = []
    for row in x[first].tolist():
        own = row[start : start + space.variables_per_cell]
        size = int(space.resolution[row[RESOLUTION]])
        values.append(float(cell_at(space, row[FACTOR], size, cell, own)[2]))
    return np.array(values)[which.ravel()]


def columns_of_blocks(
    space: Any, variants: NDArray[Any], rows: NDArray[Any], names: Iterable[str]
) -> dict[str, Any]:
    """Return some of the names by which conditions call a `BlockSpace`'s choices, as columns of
    many networks: numbers, NaN where a network has no such block, or texts.

    Parameters
    ----------
    variants, rows : ndarrays of int
        Places in tables.
    """
    import numpy as np

    numbering, found = space.numbering, {}
    for name in names:
        if name not in numbering.told:
            continue
        column: Any = None
        for variant in np.unique(variants).tolist():
            some = np.flatnonzero(variants == variant)
            cell, values = numbering.values(variant, name)
            layout = numbering.layouts[variant]
            if cell < 0:
                own = np.repeat(values, len(some))
            elif cell < len(layout.cells):
                own = values[rows[some, cell] % layout.cells[cell].rows]
            else:
                continue
            if column is None:
                missing: Any = "" if own.dtype.kind == "U" else float("nan")
                column = np.full(
                    len(variants), missing, own.dtype if own.dtype.kind == "U" else float
                )
            if own.dtype.kind == "U" and own.dtype.itemsize > column.dtype.itemsize:
                column = column.astype(own.dtype)
            column[some] = own
        found[name] = np.full(len(variants), float("nan")) if column is None else column
    return found


def is_text(space: Any, name: str) -> bool:
    """Whether a name of a choice stands for texts."""
    numbering = space.numbering
    if numbering is None or name not in numbering.told:
        return False
    some = (numbering.values(variant, name)[1] for variant in range(len(numbering.layouts)))
    return any(values.dtype.kind == "U" for values in some if len(values))


def told_at(space: Any, row: Sequence[int]) -> dict[str, Any]:
    """Return what each name of a choice is in one network, by the names that conditions use."""
    import numpy as np

    if space.numbering is None:
        return dict(zip(space.variables, values_at(space, row), strict=True))
    variant, rows = space.numbering.rows_of(row)
    columns = columns_of_blocks(
        space, np.array([variant]), np.array([rows]), tuple(space.numbering.told)
    )
    return {name: column.tolist()[0] for name, column in columns.items()}


def sizes_of(space: Any) -> int:
    """Return how many sizes of input a space has."""
    return len(space.resolution if space.numbering is None else space.inputs)
