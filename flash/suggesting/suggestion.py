"""Suggestion: which networks to train next, and why these."""

from __future__ import annotations

from ..base.checks import json_text, public
from ..base.names import LABELS, UNITS
from ..base.record import Generic, Record, Reported, cached
from .reading import name_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Sequence
    from typing import Any, Literal, overload

    import numpy as np
    from matplotlib.figure import Figure
    from numpy.typing import NDArray
    from pandas import DataFrame
    from plotly.graph_objects import Figure as PlotlyFigure
    from typing_extensions import TypeVar

    from ..base.html import Part
    from ..base.pages import Section
    from ..charts.chart import Chart
    from ..networks.architecture import Architecture
    from ..networks.cell_networks import Net

    N = TypeVar("N", bound=Net, default=Architecture, covariant=True)
else:
    N = None

__all__ = ["Suggestion"]

NINETY = 1.6448536269514722  # standard deviations to either end of a normal 90 % interval
SHOWN = 25  # networks of a screen
SHAPE = ("width", "depth", "skips")
NAMED = 24  # characters of a name in a table


@public
class Suggestion(Record, Reported, Generic[N]):
    """The networks to train next: what `flash.suggest` returns.

    Iterating gives the networks; it prints as one screen.

    Attributes
    ----------
    space : SearchSpace, BlockSpace or NetworkSpace
    target : str
        The target's name.
    rows : int64 array, shape (n, variables)
        Rows of choice indices.
    mean, deviation : float64 arrays, shape (n,)
        Expected accuracy of a network and its standard deviation; NaN where it was drawn at random.
    gain : float64 array, shape (n,)
        Expected improvement of accuracy over the best measured within the budgets.
    chance : float64 array, shape (n,)
        Probability to be better than that.
    costs : dict of str to float64 array
        "latency_ms" and what else the target models, "params" and "macs".
    budgets : dict of str to float
    left : float
        The largest expected improvement of any network that is not measured: what could still be
        gained.
    how : str
        How they were found.
    notes : tuple of str
        What the one who trains should know: trainings of a network that are far apart, files that
        could not be read, networks that failed.
    trained : int
        Networks that are measured.
    trainings : int
        Their trainings, repeats counted.
    noise : float or None
        Standard deviation of one training.
    best_row : tuple of int or None
        Of the best measured network within the budgets.
    best_accuracy : float or None
    seed : int
    folder : str or None
        Where the networks were asked for.
    ids : tuple of str
        By which they were: the names of their files in ``asked``.
    """

    space: Any
    target: str
    rows: NDArray[np.int64]
    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]
    gain: NDArray[np.float64]
    chance: NDArray[np.float64]
    costs: dict[str, NDArray[np.float64]]
    budgets: dict[str, float]
    left: float
    how: str
    notes: tuple[str, ...]
    trained: int
    trainings: int
    noise: float | None
    best_row: tuple[int, ...] | None
    best_accuracy: float | None
    seed: int
    folder: str | None = None
    ids: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[N]:
        return iter(self.networks)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Suggestion):
            return NotImplemented
        return self.to_dict() == other.to_dict()

    def __hash__(self) -> int:
        return hash((self.target, self.rows.tobytes()))

    def __repr__(self) -> str:
        return f"Suggestion({len(self)} networks of {self.space.family} on {self.target})"

    @cached
    def networks(self) -> tuple[N, ...]:
        """The networks, as the space decodes them."""
        return tuple([self.space.decode(tuple(row)) for row in self.rows.tolist()])

    @property
    def indices(self) -> tuple[int, ...]:
        """Their flat indices."""
        return tuple([self.space.index(tuple(row)) for row in self.rows.tolist()])

    @property
    def names(self) -> tuple[str, ...]:
        """What tables of accuracies call them: names of a `NetworkSpace`, else flat indices."""
        return tuple([name_of(self.space, tuple(row)) for row in self.rows.tolist()])

    @property
    def intervals(self) -> NDArray[np.float64]:
        """Low and high end of each accuracy's 90 % interval, shape (n, 2), within [0, 1]; NaN where
        it was drawn at random."""
        import numpy as np

        half = NINETY * self.deviation
        return np.clip(np.column_stack([self.mean - half, self.mean + half]), 0.0, 1.0)

    @property
    def best(self) -> tuple[N, float] | None:
        """The best measured network within the budgets and its accuracy; None: there is none."""
        if self.best_row is None or self.best_accuracy is None:
            return None
        return self.space.decode(self.best_row), self.best_accuracy

    if TYPE_CHECKING:

        @overload
        def plot(
            self, engine: Literal["matplotlib"] = "matplotlib", *, metric: str | None = None
        ) -> Figure: ...
        @overload
        def plot(self, engine: Literal["plotly"], *, metric: str | None = None) -> PlotlyFigure: ...

    def plot(
        self, engine: str = "matplotlib", *, metric: str | None = None
    ) -> Figure | PlotlyFigure:
        """Draw what is expected of each network, with 90 % intervals, beside the best measured one.

        Parameters
        ----------
        engine : {"matplotlib", "plotly"}
        metric : str, optional
            Of `costs`, which it is drawn against; default the first that has a budget, else the
            first.

        Returns
        -------
        matplotlib.figure.Figure or plotly.graph_objects.Figure

        Raises
        ------
        ArgumentError
            If nothing is expected of them: they were drawn at random.
        MissingExtraError
            If the engine is not installed.
        """
        from ..base.checks import choice
        from ..charts.chart import ENGINES
        from .charted import chart_of

        choice("engine", engine, ENGINES)
        return chart_of(self, metric).draw(engine)

    def _charts(self) -> Sequence[Chart]:
        from .charted import charts_of

        return charts_of(self)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data; what is NaN or infinite is None."""
        return {
            "space": self.space.to_dict(),
            "target": self.target,
            "budgets": dict(self.budgets),
            "networks": self.asks(),
            "best": None
            if self.best_row is None
            else {"name": name_of(self.space, self.best_row), "accuracy": self.best_accuracy},
            "left": _plain(self.left),
            "how": self.how,
            "notes": list(self.notes),
            "trained": self.trained,
            "trainings": self.trainings,
            "noise": self.noise,
            "seed": self.seed,
            "folder": self.folder,
        }

    def asks(self) -> list[dict[str, Any]]:
        """Return each network as plain data, as files of ``asked`` hold it."""
        ends = self.intervals.tolist()
        numbers = (self.mean, self.gain, self.chance)
        columns = [[_plain(one) for one in column.tolist()] for column in numbers]
        found = []
        for n, (row, net) in enumerate(zip(self.rows.tolist(), self.networks, strict=True)):
            ask: dict[str, Any] = {"id": self.ids[n]} if self.ids else {}
            ask |= {
                "name": name_of(self.space, row),
                "index": self.space.index(row),
                "row": row,
                "accuracy": columns[0][n],
                "interval": None if columns[0][n] is None else ends[n],
                "gain": columns[1][n],
                "chance": columns[2][n],
                "costs": {name: _plain(float(one[n])) for name, one in self.costs.items()},
                "budgets": dict(self.budgets),
                "network": net.to_dict(),
            }
            found.append(ask)
        return found

    def to_json(self, path: str | os.PathLike[str] | None = None) -> str:
        """Return it as JSON text, and write it where a path is given."""
        return json_text(self.to_dict(), path, 1)

    def to_frame(self) -> DataFrame:
        """Return a pandas DataFrame, one row a network."""
        from ..base.extras import require

        low, high = self.intervals.T
        columns: dict[str, Any] = {"id": self.ids} if self.ids else {}
        columns |= {"name": self.names, "index": self.indices, "accuracy": self.mean}
        columns |= {"accuracy_low": low, "accuracy_high": high, "gain": self.gain}
        columns |= {"chance": self.chance, **self.costs}
        frame: DataFrame = require("to_frame()", "plot", "pandas").DataFrame(columns)
        return frame

    def __str__(self) -> str:
        from ..results.screen import text

        return text(self._parts())

    def _title(self) -> str:
        return f"what to train next: {self.space.family} on {self.target}"

    def _sections(self) -> list[Section]:
        from .page import sections

        return sections(self)

    def _made(self) -> str:
        from .page import made

        return made(self)

    def _parts(self) -> list[Part]:
        from ..results.screen import count

        many = f"{len(self)} network{'s' * (len(self) != 1)} to train next"
        of = f"of {count(self.space.size)}"
        lines: list[Part] = [f"{self.space.family} on {self.target}: {many}, {of}"]
        if self.budgets:
            lines.append(f"within {_listed(self.budgets)}")
        lines += ["", (self._table(), 1, True)]
        if len(self) > SHOWN:
            lines.append(f"... and {len(self) - SHOWN} more")
        lines += ["", self.how, self._so_far()]
        if self.left == self.left:
            lines.append(
                f"to be gained by a training, at most: {100 * self.left:.2g} points expected"
            )
        if self.folder is not None:
            lines.append(f"asked for in {self.folder}: {', '.join(self.ids[:SHOWN])}")
        return [*lines, *[f"note: {note}" for note in self.notes]]

    def _table(self, most: int = SHOWN) -> list[list[str]]:
        from ..results.screen import quantity

        told = bool((self.mean == self.mean).any())
        head = ["id"] if self.ids else []
        shapes = [_shape(net) for net in self.networks[:most]]
        shaped = bool(shapes) and all(shapes)
        head += [
            "network",
            *(SHAPE if shaped else ()),
            *(["accuracy", "90 %", "gain", "chance"] if told else []),
        ]
        rows = [[*head, *map(_titled, self.costs)]]
        ends = self.intervals.tolist()
        for n, name in enumerate(self.names[:most]):
            row = [self.ids[n]] if self.ids else []
            row.append(name if len(name) <= NAMED else f"{name[: NAMED - 3]}...")
            row += shapes[n] if shaped else []
            if told:
                row += [
                    f"{100 * self.mean[n]:.2f} %",
                    f"{100 * ends[n][0]:.2f} to {100 * ends[n][1]:.2f}",
                    f"{100 * self.gain[n]:.2g}",
                    f"{100 * self.chance[n]:.0f} %",
                ]
            row += [
                quantity(int(one[n]) if title in ("params", "macs") else float(one[n]))
                for title, one in self.costs.items()
            ]
            rows.append(row)
        return rows

    def _so_far(self) -> str:
        if not self.trained:
            return "nothing is measured so far"
        noise = "" if self.noise is None else f", noise of a training {100 * self.noise:.2g} points"
        more = f" ({self.trainings} training{'s' * (self.trainings != 1)}{noise})"
        if self.best_row is None or self.best_accuracy is None:
            return f"{self.trained} networks are measured{more}, none of them within the budgets"
        return (
            f"best of {self.trained} measured{more}: {100 * self.best_accuracy:.2f} %, network "
            f"{name_of(self.space, self.best_row)}"
        )


def _shape(net: Any) -> list[str]:
    """Return an architecture's widths, depths and skips; nothing of other networks."""
    from ..networks.architecture import Architecture

    if not isinstance(net, Architecture):
        return []
    return ["/".join(str(getattr(cell, name)) for cell in net.cells) for name in SHAPE]


def _titled(name: str) -> str:
    unit = UNITS.get(name)
    return f"{LABELS[name]} {unit}" if unit else LABELS[name]


def _listed(budgets: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in budgets.items())


def _plain(value: float) -> float | None:
    return value if value - value == 0.0 else None
