"""ChoiceResult: the options that were chosen, what they cost, and how far that is proven."""

from __future__ import annotations

from ..base.checks import public, shown, table
from ..base.gaps import gap_between
from ..base.record import Record, Reported, cached, later
from ..errors import ArgumentError, FormatError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence
    from typing import Any, Literal, overload

    from matplotlib.figure import Figure
    from pandas import DataFrame
    from plotly.graph_objects import Figure as PlotlyFigure

    from ..base.html import Part, Row
    from ..base.pages import Section
    from ..base.plain import Check
    from ..charts.chart import Chart
    from .explaining import Steps

__all__ = ["Alternative", "ChoiceResult", "columns_of"]

FORMAT = "flash-choice-result-1"
STATUSES = ("OPTIMAL", "FEASIBLE", "INFEASIBLE", "TIME_LIMIT", "NOT_FOUND")
ENDS = ("time_limit_s", "max_nodes", "callback", "interrupt")
SHOWN = 12  # groups on a screen


class Alternative(Record):
    """A further answer of `choose` with ``k``.

    Parameters
    ----------
    choices : dict of str to str or None
    metrics : dict of str to float
    objective : float
    proven : bool
        Whether no better one keeps the distance to those before it.
    tied : bool
        Whether it is as good as the best.
    """

    choices: Mapping[str, str | None]
    metrics: Mapping[str, float]
    objective: float
    proven: bool
    tied: bool


@public
class ChoiceResult(Record, Reported):
    """The outcome of `flash.choose`. Prints as one screen and round-trips through JSON.

    Parameters
    ----------
    status : {"OPTIMAL", "FEASIBLE", "INFEASIBLE", "TIME_LIMIT", "NOT_FOUND"}
        As `SearchResult` has it.
    choices : dict of str to str, or None
        The option of each group; None for a group that another's option covers.
    metrics : dict of str to float
        Of each metric the sum, of peaks the maximum.
    objective, bound : float or None
        The value of the first objective, and what no answer betters.
    objective_name : str
    greatest : bool
        Whether it was maximised.
    proven : bool
        Whether `status` is proven, in exact numbers: nothing is better, or nothing meets the
        conditions.
    where : tuple of str
        The conditions, one each.
    alternatives : tuple of Alternative
        The further answers of ``k``.
    tied : bool or None
        Whether another answer is as good; None where that is not known.
    flags : tuple of str
    binding : dict of str to dict, or None
        Proven: the conditions on sums without which a better answer would be found. Of each
        ``"unlimited"``, the objective without it; ``"next"``, the nearest limit with which it is
        better, and ``"then"``, the objective there.
    conflicts : tuple of tuple of str
        INFEASIBLE: minimal sets of conditions that no answer meets together.
    remedies : tuple of dict of str to float
        INFEASIBLE: of a set of conditions that have to give together the limits that would do: the
        nearest, of several after the least common share by which all of them give.
    stopped : {None, "time_limit_s", "max_nodes", "callback", "interrupt"}
    nodes : int
        Of the search trees.
    elapsed_s : float

    Notes
    -----
    `tied`, `binding`, `conflicts` and `remedies` are worked out when first asked for.
    """

    status: str
    choices: Mapping[str, str | None] | None = None
    metrics: Mapping[str, float] | None = None
    objective: float | None = None
    bound: float | None = None
    objective_name: str = ""
    greatest: bool = False
    proven: bool = False
    where: tuple[str, ...] = ()
    alternatives: tuple[Alternative, ...] = ()
    tied: bool | None = later(None)
    flags: tuple[str, ...] = ()
    binding: Mapping[str, Mapping[str, float]] | None = later(None)
    conflicts: tuple[tuple[str, ...], ...] = later(())
    remedies: tuple[Mapping[str, float], ...] = later(())
    stopped: str | None = None
    nodes: int = 0
    elapsed_s: float = 0.0
    asked: Any = None

    @property
    def success(self) -> bool:
        """Whether an answer was found."""
        return self.choices is not None

    @property
    def gap(self) -> float | None:
        """How far the answer is at most short of the best one, as a share of `bound`.

        ``(objective - bound) / |bound|`` of what is minimised, ``(bound - objective) / |bound|`` of
        what is maximised; 0.0 if proven. None where there is no answer, no bound, or a bound of 0
        that was not reached.
        """
        if self.objective is None:
            return None
        if self.proven:
            return 0.0
        if self.bound is None:
            return None
        return gap_between(self.objective, self.bound, greatest=self.greatest)

    @cached
    def message(self) -> str:
        """The status in words."""
        if self.status == "OPTIMAL":
            return "proven: no answer within the conditions is better"
        if self.status == "INFEASIBLE":
            if not self.conflicts:
                return "proven: no answer meets the conditions, or options don't go together"
            sets = "; or ".join(" and ".join(one) for one in self.conflicts)
            return f"proven: no answer meets together {sets}"
        ended = "" if self.stopped is None else f", stopped by {self.stopped}"
        if self.choices is None:
            return f"no answer was found{ended}"
        return f"best found{ended}; not proven"

    def sensitivity(self, condition: str | None = None, *, steps: int = 10) -> dict[str, Steps]:
        """Return how the optimum changes as a limit grows: the exact steps.

        Parameters
        ----------
        condition : str, optional
            One of `where`, on a sum; by default all that are.
        steps : int
            How many at most, 1 to 1,000.

        Returns
        -------
        dict of str to tuple of (float, float)
            Of each condition its limits at which the objective improves, nearest first, each with
            the objective from there on; the first is that of the answer itself.

        Raises
        ------
        ArgumentError
            If the answer is not proven, was read from a file, or the condition is none of `where`.
        """
        from .explaining import sensitivity

        if self.asked is None or not self.proven or self.choices is None:
            raise ArgumentError(
                "sensitivity() is of a proven answer that flash.choose gave in this process"
            )
        return sensitivity(self.asked, self, condition, steps)

    if TYPE_CHECKING:

        @overload
        def plot(
            self, engine: Literal["matplotlib"] = "matplotlib", *, condition: str | None = None
        ) -> Figure: ...
        @overload
        def plot(
            self, engine: Literal["plotly"], *, condition: str | None = None
        ) -> PlotlyFigure: ...

    def plot(
        self, engine: str = "matplotlib", *, condition: str | None = None
    ) -> Figure | PlotlyFigure:
        """Draw the best objective under each limit of a condition, the others as they are: the
        exact steps, from the front of the two.

        Parameters
        ----------
        engine : {"matplotlib", "plotly"}
        condition : str, optional
            One of `where`, on a sum; default the first that is.

        Returns
        -------
        matplotlib.figure.Figure or plotly.graph_objects.Figure

        Raises
        ------
        ArgumentError
            If the answer was read from a file, the condition is none of `where`, or the objective
            is a product.
        MissingExtraError
            If the engine is not installed.
        """
        from ..base.checks import choice
        from ..charts.chart import ENGINES
        from .steps import chart_of

        choice("engine", engine, ENGINES)
        return chart_of(self, condition).draw(engine)

    def _charts(self) -> Sequence[Chart]:
        from .steps import charts_of

        return charts_of(self)

    def __hash__(self) -> int:
        return hash((self.status, self.objective, self.bound, self.where))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ChoiceResult) and self.to_dict() == other.to_dict()

    def __repr__(self) -> str:
        return str(self)

    def __str__(self) -> str:
        from ..results.screen import text

        return text(self._parts())

    def _line(self) -> str:
        value = "" if self.objective is None else f", {self.objective_name} {self.objective:.6g}"
        return self.status + value

    def _title(self) -> str:
        from .page import titled

        return titled(self)

    def _sections(self) -> list[Section]:
        from .page import sections

        return sections(self)

    def _made(self) -> str:
        from .page import made

        return made(self)

    def _parts(self) -> list[Part]:
        """Return what is shown: lines of text, and a table of the choices."""
        from ..results.screen import duration

        lines: list[Part] = [f"{self.status}: {self.message}"]
        if self.objective is not None:
            word = "maximised" if self.greatest else "minimised"
            lines.append(f"{self.objective_name} {word}: {self.objective:.6g}")
            if not self.proven and self.bound is not None:
                gap = "" if self.gap is None else f" (gap {100 * self.gap:.3g} %)"
                lines.append(f"bound: {self.bound:.6g}{gap}")
        if self.metrics:
            lines.append(", ".join(f"{name} {one:.6g}" for name, one in self.metrics.items()))
        lines += [f"where {one}" for one in self.where]
        if self.choices is not None:
            pairs = list(self.choices.items())
            rows: list[Row] = [[name, option or "(covered)"] for name, option in pairs[:SHOWN]]
            if len(pairs) > SHOWN:
                rows.append(f"... and {len(pairs) - SHOWN} more")
            lines += ["", (rows, 2, False), ""]
        for i, alternative in enumerate(self.alternatives):
            tie = ", as good" if alternative.tied else ""
            lines.append(f"answer {i + 2}: {alternative.objective:.6g}{tie}")
        lines += [f"note: {one}" for one in self.flags]
        lines.append(f"{self.nodes} nodes, {duration(self.elapsed_s)}")
        return lines

    def to_dict(self) -> dict[str, Any]:
        """Return plain data from which `from_dict` makes an equal result."""
        data: dict[str, Any] = {"format": FORMAT}
        for name in _FIELDS:
            value = getattr(self, name)
            if isinstance(value, tuple):
                value = [
                    {field: getattr(one, field) for field in _OF_ALTERNATIVE}
                    if isinstance(one, Alternative)
                    else list(one)
                    if isinstance(one, tuple)
                    else dict(one)
                    if isinstance(one, dict)
                    else one
                    for one in value
                ]
            data[name] = value
        data["gap"] = self.gap
        return data

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ChoiceResult:
        """Make a result from plain data.

        Raises
        ------
        FormatError
            If a key is missing or unknown, or a value not accepted.
        """
        from ..base.plain import (
            COUNT,
            FLAG,
            REAL,
            TEXT,
            fields,
            list_of,
            maybe,
            one_of,
            part,
            table_of,
        )

        table("the result", data, None, ("format",))
        if data["format"] != FORMAT:
            raise FormatError(f"format must be {FORMAT!r}, got {shown(data['format'])}")
        answer: dict[str, Check] = {
            "choices": table_of(maybe(TEXT)),
            "metrics": table_of(REAL),
            "objective": REAL,
            "proven": FLAG,
            "tied": FLAG,
        }
        checks: dict[str, Check] = {
            "status": one_of(STATUSES),
            "choices": maybe(table_of(maybe(TEXT))),
            "metrics": maybe(table_of(REAL)),
            "objective": maybe(REAL),
            "bound": maybe(REAL),
            "objective_name": TEXT,
            "greatest": FLAG,
            "proven": FLAG,
            "where": list_of(TEXT),
            "alternatives": list_of(part(Alternative, answer)),
            "tied": maybe(FLAG),
            "flags": list_of(TEXT),
            "binding": maybe(table_of(table_of(REAL))),
            "conflicts": list_of(list_of(TEXT)),
            "remedies": list_of(table_of(REAL)),
            "stopped": maybe(one_of(ENDS)),
            "nodes": COUNT,
            "elapsed_s": REAL,
        }
        own = {key: value for key, value in data.items() if key != "format"}
        return cls(**fields("the result", own, checks, optional=cls._defaults, also=("gap",)))

    def to_json(self, path: str | os.PathLike[str] | None = None) -> str:
        """Return the result as JSON text, and write it where a path is given."""
        from ..base.checks import json_text

        return json_text(self.to_dict(), path, indent=1)

    @classmethod
    def from_json(cls, source: str | os.PathLike[str]) -> ChoiceResult:
        """Read a result from JSON text (it starts with a brace) or from a file."""
        from ..base.plain import parsed

        return cls.from_dict(parsed(source, "the result file"))

    def to_frame(self) -> DataFrame:
        """Return the choices as a pandas DataFrame: a row a group, a column an answer."""
        from ..base.extras import require

        pandas = require("to_frame()", "plot", "pandas")
        if self.choices is None:
            raise ArgumentError(f"to_frame(): there is no answer: {self.status}, {self.message}")
        frame: DataFrame = pandas.DataFrame(self.columns())
        return frame

    def columns(self) -> dict[str, list[Any]]:
        """Return the choices as columns: groups, and the options of each answer."""
        columns: dict[str, list[Any]] = {
            "group": list(self.choices or ()),
            "option": list((self.choices or {}).values()),
        }
        for i, one in enumerate(self.alternatives):
            columns[f"option_{i + 2}"] = list(one.choices.values())
        return columns


_FIELDS = (
    "status", "choices", "metrics", "objective", "bound", "objective_name", "greatest", "proven",
    "where", "alternatives", "tied", "flags", "binding", "conflicts", "remedies", "stopped",
    "nodes", "elapsed_s",
)  # fmt: skip
_OF_ALTERNATIVE = ("choices", "metrics", "objective", "proven", "tied")


def columns_of(
    answers: Sequence[tuple[Mapping[str, str | None], Mapping[str, float]]],
    first: Mapping[str, list[Any]],
) -> dict[str, list[Any]]:
    """Return answers, (choices, metrics) each, as columns after others: metrics, then groups.

    A metric that is among the first is not told twice; a group whose name a column has already is
    "group NAME".
    """
    found = dict(first)
    if answers:
        choices, metrics = answers[0]
        for name in metrics:
            found.setdefault(name, [one[name] for _, one in answers])
        for name in choices:
            own = f"group {name}" if name in found else name
            found[own] = [one[name] for one, _ in answers]
    return found
