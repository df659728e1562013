"""What a sweep found."""

from __future__ import annotations

from ..base.checks import public
from ..base.record import Record, Reported
from ..results.histogram import Histogram

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence
    from typing import Any, Literal, overload

    from matplotlib.figure import Figure
    from pandas import DataFrame
    from plotly.graph_objects import Figure as PlotlyFigure

    from ..base.html import Part
    from ..base.pages import Section
    from ..charts.chart import Chart
    from ..results.result import SearchResult
    from ..spaces.space import SearchSpace

__all__ = ["Histogram", "SweepResult"]


@public
class SweepResult(Record, Reported):
    """The outcome of a sweep. Prints as one screen.

    Parameters
    ----------
    space : SearchSpace
    target : str
        Name of the target.
    budgets : dict of str to float
    objective_name : str
    where : str or None
    sample : int or None
        Configurations drawn, where not all were looked at.
    seed : int
        Of the sample.
    size : int
        Configurations that the sweep has.
    count : int
        Configurations looked at; `size` where it ran to its end.
    feasible : int
        Configurations within all budgets, for which `where` holds. (Several may be the same
        network: choices of skips beyond a cell's width are.)
    top : tuple of SearchResult
        The best networks, best first, each once: of the configurations looked at that give the
        same one, that of smallest index.
    histograms : dict of str to Histogram, or None
        Of each metric, over the feasible ones; "score" is what a predictor's accuracy is made of.
        None where they were not asked for.
    front : dict of str to tuple, or None
        With `pareto`: the configurations that no other beats in all its metrics, as columns
        "index" and the metrics; of equals the one of smallest index.
    out : str or None
        The folder of the Parquet dataset.
    rows : int or None
        Rows in it.
    remade : tuple of str
        Parts that were found damaged or missing, and made again.
    stopped : {None, "callback"}
        What ended it early.
    elapsed_s : float
    message : str or None
        Why nothing is within the budgets, where that is proven: what they would have to be.
    """

    space: SearchSpace
    target: str
    budgets: dict[str, float]
    objective_name: str
    where: str | None
    sample: int | None
    seed: int
    size: int
    count: int
    feasible: int
    top: tuple[SearchResult, ...]
    histograms: dict[str, Histogram] | None = None
    front: dict[str, tuple[float, ...]] | None = None
    out: str | None = None
    rows: int | None = None
    remade: tuple[str, ...] = ()
    stopped: str | None = None
    elapsed_s: float = 0.0
    message: str | None = None

    @property
    def complete(self) -> bool:
        """Whether every configuration of the sweep was looked at."""
        return self.count == self.size

    @property
    def best(self) -> SearchResult | None:
        """The best configuration, or None where none is feasible."""
        return self.top[0] if self.top else None

    def __hash__(self) -> int:
        return hash((self.target, self.size, self.count, self.feasible))

    def __repr__(self) -> str:
        return str(self)

    def __str__(self) -> str:
        from .text import screen

        return screen(self)

    def _parts(self) -> list[Part]:
        from .text import parts

        return parts(self)

    def _line(self) -> str:
        return f"{self.feasible:,} of {self.count:,} within the budgets"

    def _title(self) -> str:
        return f"sweep of {self.space.family} on {self.target}"

    def _sections(self) -> list[Section]:
        from .page import sections

        return sections(self)

    def _made(self) -> str:
        from .page import made

        return made(self)

    if TYPE_CHECKING:

        @overload
        def plot(
            self, engine: Literal["matplotlib"] = "matplotlib", *, kind: str = "histograms"
        ) -> Figure: ...
        @overload
        def plot(self, engine: Literal["plotly"], *, kind: str = "histograms") -> PlotlyFigure: ...

    def plot(
        self, engine: str = "matplotlib", *, kind: str = "histograms"
    ) -> Figure | PlotlyFigure:
        """Draw what is within the budgets, or the best ones.

        Parameters
        ----------
        engine : {"matplotlib", "plotly"}
        kind : {"histograms", "parallel"}, default "histograms"
            A histogram of each metric, with the budgets and what the best one has; or each of the
            best ones as a line through an axis for each metric and choice, and where the sweep has
            a folder (`out`) some of its rows, evenly chosen.

        Returns
        -------
        matplotlib.figure.Figure or plotly.graph_objects.Figure

        Raises
        ------
        ArgumentError
            If there is nothing to draw.
        MissingExtraError
            If the engine is not installed, or pyarrow for rows of a folder.
        """
        from ..base.checks import choice
        from .charted import KINDS, chart_of

        return chart_of(self, choice("kind", kind, KINDS)).draw(engine)

    def _charts(self) -> Sequence[Chart]:
        from .charted import charts_of

        return charts_of(self)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data from which `from_dict` makes an equal result.

        ``complete`` follows from the rest: it is there for other readers.
        """
        from .files import to_dict

        return to_dict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> SweepResult:
        """Make a result from plain data.

        Raises
        ------
        FormatError
            If a key is unknown or missing, or a value not accepted.
        """
        from .files import from_dict

        return from_dict(data)

    def to_json(self, path: str | os.PathLike[str] | None = None) -> str:
        """Return the result as JSON text, and write it where a path is given.

        The file is either complete or not there.
        """
        from ..base.checks import json_text

        return json_text(self.to_dict(), path, indent=1)

    @classmethod
    def from_json(cls, source: str | os.PathLike[str]) -> SweepResult:
        """Read a result from JSON text (it starts with a brace) or from a file.

        Raises
        ------
        FormatError
            If it is no JSON of a sweep's result.
        """
        from ..base.plain import parsed

        return cls.from_dict(parsed(source, "the result file"))

    def to_frame(self) -> DataFrame:
        """Return the best ones as a pandas DataFrame, best first: see `SearchResult.to_frame`."""
        from ..base.extras import require
        from ..results.result import frame_row

        pandas = require("to_frame()", "plot", "pandas")
        frame: DataFrame = pandas.DataFrame([frame_row(one) for one in self.top])
        return frame
