"""What a target charges for each row of a network, in the compiled problem's columns.

This is how whatever is no family comes by costs: a block's rows are added up to what the block adds
to a network, and tables are made of such sums.
"""

from __future__ import annotations

from ..base.names import Column

TYPE_CHECKING = False
if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..networks.operations import Charged
    from .target import Target

__all__ = ["COLUMNS", "charges", "constants", "totals_of"]

COLUMNS = Column.MACS + 1


def charges(target: Target, family: str, counted: Charged) -> NDArray[np.float64]:
    """Return what each row of a network adds to its totals.

    Parameters
    ----------
    target : Target
        Of one tile: see `Target.on_tile`.
    family : str
        Whose coefficients hold; "" for none.
    counted : Charged
        The network's rows and their operations.

    Returns
    -------
    ndarray of float64, shape (rows, 14)
        Integers in the target's units, by `Column`: their sums over the rows, of the peak their
        maximum, are the totals that `Model.total` gives, with the parameters and MACs of rows that
        count beside them. The score's column is zero: no score belongs to a row.
    """
    import numpy as np

    table = np.zeros((len(counted.layers), COLUMNS))
    if target.table is not None:
        target.table.charge(counted, table)
    else:
        _by_operations(target, family, counted, table)
    for number, (layer, counts) in enumerate(zip(counted.layers, counted.counts, strict=True)):
        if counts:
            table[number, Column.PARAMS] = layer.params
            table[number, Column.MACS] = layer.macs
    return table


def constants(target: Target) -> dict[int, float]:
    """Return what the totals of every network have beside its rows, by column, in units.

    Tables hold it in the rows of one cell that every network has: solvers know sums of rows alone.
    """
    return {} if target.table is None else target.table.constants()


def totals_of(target: Target, family: str, counted: Charged) -> tuple[int, ...]:
    """Return a network's totals by column, parameters and MACs not among them."""
    if target.table is not None:
        return tuple(target.table.totals(counted))
    return target.model(family).total(counted.packed)


def _by_operations(
    target: Target, family: str, counted: Charged, table: NDArray[np.float64]
) -> None:
    """Add up the operations of each row as the core charges them."""
    charged = iter(target.model(family).charge([one for row in counted.rows for one in row]))
    for number, row in enumerate(counted.rows):
        for _ in row:
            for column, value in enumerate(next(charged)):
                if not value:
                    continue
                if column == Column.PEAK:
                    table[number, column] = max(table[number, column], value)
                else:
                    table[number, column] += value
