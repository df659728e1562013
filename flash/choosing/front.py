"""ChoiceFront: the trade-offs of a problem of choices, as one object."""

from __future__ import annotations

from ..base.checks import public, shown, suggesting, table
from ..base.record import Record, Reported
from ..errors import FormatError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping
    from typing import Any, Literal, overload

    from matplotlib.figure import Figure
    from pandas import DataFrame
    from plotly.graph_objects import Figure as PlotlyFigure

    from ..base.html import Part
    from ..base.pages import Section
    from ..charts.chart import Chart
else:

    def overload(function):
        return function


__all__ = ["ChoiceEvent", "ChoiceFront", "ChoicePoint"]

FORMAT = "flash-choice-front-1"
ENDS = (None, "time_limit_s", "callback", "interrupt")
SHOWN = 12  # points on a screen


@suggesting
class ChoiceEvent(Record):
    """What a callback of `pareto` or `sweep` sees of a problem of choices: True from it ends it.

    Parameters
    ----------
    points : int
        Points so far; of a sweep answers found that meet the conditions.
    nodes : int
        Of the search trees; of a sweep states.
    elapsed_s : float
    """

    points: int
    nodes: int
    elapsed_s: float


@suggesting
class ChoicePoint(Record):
    """One point of a front, with one of the answers that reach it.

    Parameters
    ----------
    choices : dict of str to str or None
        The option of each group; None for a group that another's option covers.
    metrics : dict of str to float
    values : tuple of float
        Of each objective.
    proven : bool
        Whether no answer is as good in all objectives and better in one.
    """

    choices: Mapping[str, str | None]
    metrics: Mapping[str, float]
    values: tuple[float, ...]
    proven: bool = True

    def __hash__(self) -> int:
        return hash(self.values)


@public
class ChoiceFront(Record, Reported):
    """The answers that no other betters in every objective at once: `flash.pareto` of a problem.

    A sequence of points, the best by the first objective first. Points of equal values are one.

    Parameters
    ----------
    objectives : tuple of str
    greatest : tuple of bool
        Of each objective whether it was maximised.
    points : tuple of ChoicePoint
        Of each its choices, metrics and values, and whether it is proven.
    where : tuple of str
        The conditions, one each.
    proven : bool
        Whether the points are all that there are, and each is one.
    stopped : {None, "time_limit_s", "callback", "interrupt"}
        What ended the search early.
    flags : tuple of str
    nodes : int
        Of the search trees.
    elapsed_s : float
    """

    objectives: tuple[str, ...]
    greatest: tuple[bool, ...]
    points: tuple[ChoicePoint, ...]
    where: tuple[str, ...] = ()
    proven: bool = False
    stopped: str | None = None
    flags: tuple[str, ...] = ()
    nodes: int = 0
    elapsed_s: float = 0.0

    @property
    def status(self) -> str:
        """Return "OPTIMAL" (proven), "FEASIBLE", "TIME_LIMIT", "NOT_FOUND" or "INFEASIBLE"."""
        if self.proven:
            return "OPTIMAL" if self.points else "INFEASIBLE"
        if self.stopped == "time_limit_s":
            return "TIME_LIMIT"
        return "FEASIBLE" if self.points else "NOT_FOUND"

    @property
    def message(self) -> str:
        """The status in words."""
        if self.proven and self.points:
            return "proven: every point that no answer betters, each once"
        if self.proven:
            return "proven: no answer meets the conditions, or options don't go together"
        ended = "" if self.stopped is None else f", stopped by {self.stopped}"
        if not self.points:
            return f"no answer was found{ended}"
        return f"what was found{ended}; not proven to be all"

    def __len__(self) -> int:
        return len(self.points)

    def __bool__(self) -> bool:
        return bool(self.points)

    @overload
    def __getitem__(self, key: int) -> ChoicePoint: ...
    @overload
    def __getitem__(self, key: slice) -> tuple[ChoicePoint, ...]: ...  # noqa: F811
    def __getitem__(self, key: int | slice) -> ChoicePoint | tuple[ChoicePoint, ...]:  # noqa: F811
        return self.points[key]

    def __iter__(self) -> Iterator[ChoicePoint]:
        return iter(self.points)

    def __hash__(self) -> int:
        return hash((self.objectives, self.greatest, self.points, self.where))

    def __repr__(self) -> str:
        return str(self)

    def __str__(self) -> str:
        from ..results.screen import text

        return text(self._parts())

    def _line(self) -> str:
        return f"{self.status}, {len(self.points):,} points"

    def _title(self) -> str:
        from .page import titled

        return titled(self)

    def _sections(self) -> list[Section]:
        from .page import sections

        return sections(self)

    def _made(self) -> str:
        from .page import made

        return made(self)

    def _charts(self) -> list[Chart]:
        from .drawing import chart_of

        return [chart_of(self)] if self.points and len(self.objectives) == 2 else []

    def _parts(self) -> list[Part]:
        """Return what is shown: lines of text, and a table."""
        from ..results.screen import duration

        pairs = zip(self.objectives, self.greatest, strict=True)
        title = " against ".join(f"{name} (greatest)" if up else name for name, up in pairs)
        lines: list[Part] = [f"{title}: {self.status}"]
        n = len(self.points)
        if n:
            shown_at = sorted({round(k * (n - 1) / (SHOWN - 1)) for k in range(SHOWN)})
            # metrics that an objective shows already are not shown twice
            more = [one for one in self.points[0].metrics if one not in self.objectives]
            rows = [["point", *self.objectives, *more]]
            for i in shown_at:
                point = self.points[i]
                numbers = [*point.values, *(point.metrics[name] for name in more)]
                rows.append([str(i), *(f"{one:.6g}" for one in numbers)])
            lines += ["", (rows, 0, True), ""]
        lines.append(f"{n} point{'s' * (n != 1)}; {self.message}")
        lines += [f"where {one}" for one in self.where]
        lines += [f"note: {one}" for one in self.flags]
        lines.append(f"{self.nodes} nodes, {duration(self.elapsed_s)}")
        return lines

    def to_dict(self) -> dict[str, Any]:
        """Return plain data from which `from_dict` makes an equal front."""
        return {
            "format": FORMAT,
            "objectives": list(self.objectives),
            "greatest": list(self.greatest),
            "points": [
                {
                    "choices": dict(one.choices),
                    "metrics": dict(one.metrics),
                    "values": list(one.values),
                    "proven": one.proven,
                }
                for one in self.points
            ],
            "where": list(self.where),
            "proven": self.proven,
            "stopped": self.stopped,
            "flags": list(self.flags),
            "nodes": self.nodes,
            "elapsed_s": self.elapsed_s,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ChoiceFront:
        """Make a front from plain data.

        Raises
        ------
        FormatError
            If a key is missing or unknown, or a value not accepted.
        """
        from ..base.plain import COUNT, FLAG, REAL, TEXT, fields, list_of, maybe, one_of, table_of

        table("the front", data, None, ("format",))
        if data["format"] != FORMAT:
            raise FormatError(f"format must be {FORMAT!r}, got {shown(data['format'])}")
        own = {key: value for key, value in data.items() if key != "format"}

        def point(name: str, value: Any) -> ChoicePoint:
            read = fields(name, value, checks)
            return ChoicePoint(**read)

        checks = {
            "choices": table_of(maybe(TEXT)),
            "metrics": table_of(REAL),
            "values": list_of(REAL),
            "proven": FLAG,
        }
        given = fields(
            "the front",
            own,
            {
                "objectives": list_of(TEXT),
                "greatest": list_of(FLAG),
                "points": list_of(point),
                "where": list_of(TEXT),
                "proven": FLAG,
                "stopped": maybe(one_of([one for one in ENDS if one])),
                "flags": list_of(TEXT),
                "nodes": COUNT,
                "elapsed_s": REAL,
            },
        )
        n = len(given["objectives"])
        if len(given["greatest"]) != n or any(len(one.values) != n for one in given["points"]):
            raise FormatError(f"the front: there must be {n} values, one for each objective")
        return cls(**given)

    def to_json(self, path: str | os.PathLike[str] | None = None) -> str:
        """Return the front as JSON text, and write it where a path is given."""
        from ..base.checks import json_text

        return json_text(self.to_dict(), path, indent=1)

    @classmethod
    def from_json(cls, source: str | os.PathLike[str]) -> ChoiceFront:
        """Read a front from JSON text (it starts with a brace) or from a file."""
        from ..base.plain import parsed

        return cls.from_dict(parsed(source, "the front file"))

    def to_frame(self) -> DataFrame:
        """Return the points as a pandas DataFrame: objectives, metrics, and a column a group."""
        from ..base.extras import require

        pandas = require("to_frame()", "plot", "pandas")
        frame: DataFrame = pandas.DataFrame(self.columns())
        return frame

    def columns(self) -> dict[str, list[Any]]:
        """Return the points as columns: objectives, metrics and groups."""
        from .answer import columns_of

        values = zip(*(one.values for one in self.points), strict=True)
        first = {name: list(own) for name, own in zip(self.objectives, values, strict=False)}
        return columns_of([(one.choices, one.metrics) for one in self.points], first)

    @overload
    def plot(self, engine: Literal["matplotlib"] = "matplotlib") -> Figure: ...
    @overload
    def plot(self, engine: Literal["plotly"]) -> PlotlyFigure: ...  # noqa: F811
    def plot(self, engine: str = "matplotlib") -> Figure | PlotlyFigure:  # noqa: F811
        """Draw a front of two objectives.

        Parameters
        ----------
        engine : {"matplotlib", "plotly"}
            plotly shows what is chosen under the mouse.

        Returns
        -------
        matplotlib.figure.Figure or plotly.graph_objects.Figure

        Raises
        ------
        ArgumentError
            If there are more than two objectives, or no point.
        MissingExtraError
            If the engine is not installed.
        """
        from .drawing import chart_of

        return chart_of(self).draw(engine)
