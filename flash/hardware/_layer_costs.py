"""What charges the rows of networks on a target of one's own layers: the part that tables and
functions share."""

from __future__ import annotations

from ..base.names import COSTS, Column
from ..errors import ArgumentError
from ._layer_rows import title
from .layers import QUANTUM

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    import numpy as np
    from numpy.typing import NDArray

    from ..networks.layer import Layer
    from ..networks.operations import Charged

    Units = tuple[int, ...]

__all__ = ["COST_COLUMN", "SHOWN", "LayerCosts", "units_of"]

COST_COLUMN: dict[str, int] = dict(
    zip(COSTS, (Column.LATENCY, Column.ENERGY, Column.AREA), strict=True)
)
SHOWN = 4  # layers that an error names
MOST = float(1 << 52)


def units_of(name: str, value: float, what: str) -> int:
    """Return a cost in the target's units."""
    units = value / QUANTUM[1 + COSTS.index(name)]
    if not units < MOST:
        raise ArgumentError(f"{name} of {what} is too large to be added up exactly: {value:.6g}")
    return round(units)


class LayerCosts:
    """Base of what charges layers.

    Attributes
    ----------
    metrics : tuple of str
        The costs that it knows, in the order of `COSTS`.
    free : frozenset of str
        Kinds of layers that cost nothing.
    written : bool
        Whether it can be written down, and read back.
    """

    metrics: tuple[str, ...]
    free: frozenset[str] = frozenset()
    written: bool = True

    def beside(self) -> dict[str, float]:
        """Return what a network costs beside its layers."""
        return {}

    def of_segment(
        self, layers: Sequence[Layer], lacking: list[Layer] | None = None
    ) -> list[Units]:
        """Return what each layer of a sequence adds, in units, by `metrics`.

        lacking: takes the layers for which there is no cost; without it they are an error.
        """
        raise NotImplementedError

    def constants(self) -> dict[int, float]:
        """Return what every network's totals have beside its rows, by column."""
        return {
            COST_COLUMN[name]: float(units_of(name, value, "a network"))
            for name, value in self.beside().items()
            if name in self.metrics
        }

    def charge(self, counted: Charged, table: NDArray[np.float64]) -> None:
        """Add each row's costs to a table of columns."""
        columns = [COST_COLUMN[name] for name in self.metrics]
        lacking: list[Layer] = []
        for rows in self.segments(counted):
            found = self.of_segment([counted.layers[row] for row in rows], lacking)
            for row, units in zip(rows, found, strict=True):
                for column, value in zip(columns, units, strict=True):
                    table[row, column] = value
        if lacking:
            raise ArgumentError(f"net has layers without a cost: {self.why_lacking(lacking)}")

    def totals(self, counted: Charged) -> list[int]:
        """Return a network's totals by column, up to the peak, as `Model.total` does."""
        found = [0] * Column.PARAMS
        lacking: list[Layer] = []
        columns = [COST_COLUMN[name] for name in self.metrics]
        for rows in self.segments(counted):
            for units in self.of_segment([counted.layers[row] for row in rows], lacking):
                for column, value in zip(columns, units, strict=True):
                    found[column] += value
        if lacking:
            raise ArgumentError(f"net has layers without a cost: {self.why_lacking(lacking)}")
        for column, beside in self.constants().items():
            found[column] += int(beside)
        return found

    def segments(self, counted: Charged) -> Iterator[list[int]]:
        """Yield the rows that take work and are charged, in parts that no block goes beyond: those
        that the network's builder told, else all of it."""
        starts = set(counted.starts or ())
        rows: list[int] = []
        for number, (layer, row) in enumerate(zip(counted.layers, counted.rows, strict=True)):
            if number in starts and rows:
                yield rows
                rows = []
            if row and layer.kind not in self.free:
                rows.append(number)
        if rows:
            yield rows

    def why_lacking(self, layers: Sequence[Layer]) -> str:
        """Return which layers have no cost, and why."""
        return named(layers)

    def uncharged(self, counted: Charged) -> list[str]:
        """Return what of a network costs nothing though it takes work."""
        kinds = {
            layer.kind
            for layer, row in zip(counted.layers, counted.rows, strict=True)
            if row and layer.kind in self.free
        }
        return [f"{kind} rows" for kind in sorted(kinds)]

    def flags(self, counted: Charged) -> list[str]:
        """Return what is to be said of a network's costs, to follow the target's name."""
        free = self.uncharged(counted)
        return [f"charges nothing for {', '.join(free)}"] if free else []

    def column(self, metric: str) -> int:
        """Return the column that a metric is charged in."""
        return COST_COLUMN[metric]

    def data(self, name: str = "") -> dict[str, Any]:
        """Return it as plain data. name: of the target, for errors.

        Raises
        ------
        ArgumentError
            If it is none.
        """
        raise NotImplementedError


def named(layers: Sequence[Layer]) -> str:
    """Return the names of layers, each once, the first few of them, and how many there are."""
    titles = list(dict.fromkeys(map(title, layers)))
    more = f" and {len(titles) - SHOWN:,} more" if len(titles) > SHOWN else ""
    return f"{'; '.join(titles[:SHOWN])}{more}"
