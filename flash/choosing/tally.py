"""ChoiceSweep: how many answers of a problem of choices meet its conditions, and how they lie."""

from __future__ import annotations

from ..base.checks import public, shown, table
from ..base.record import Record, Reported
from ..errors import FormatError
from .answer import Alternative

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
    from ..results.histogram import Histogram

__all__ = ["ChoiceSweep"]

FORMAT = "flash-choice-sweep-1"
SHOWN = 10  # answers on a screen
LEVEL = 1.959963984540054  # of a normal distribution, for 95 %


@public
class ChoiceSweep(Record, Reported):
    """The outcome of `flash.sweep` of a problem of choices. Prints as one screen.

    Parameters
    ----------
    size : int
        How many answers there are, conditions aside.
    count : int
        How many were looked at; `size`, unless it is a sample.
    feasible : int
        How many of those meet the conditions.
    where : tuple of str
        The conditions, one each.
    sample : int or None
        How many answers were drawn, uniformly and each by itself; None: the counts are exact.
    seed : int
        Of the sample.
    histograms : dict of str to Histogram
        Of each metric, over the feasible ones, between what the metric can be at least and at most.
    objective_name : str
    greatest : bool
        Whether it was maximised.
    top : tuple of Alternative
        The best answers, best first, each with choices, metrics, objective and whether it is
        proven: of all answers, also where the counts are of a sample.
    out : str or None
        The file of the rows.
    rows : int or None
        Rows in it.
    flags : tuple of str
    elapsed_s : float
    stopped : {None, "time_limit_s", "callback", "interrupt"}
        What ended it early.
    counted : bool
        Whether everything was looked at before that: if not, `feasible` and `histograms` are of
        what was found by then (of a sample `count` says how many were drawn).
    """

    size: int
    count: int
    feasible: int
    where: tuple[str, ...]
    sample: int | None
    seed: int
    histograms: Mapping[str, Histogram]
    objective_name: str = ""
    greatest: bool = False
    top: tuple[Alternative, ...] = ()
    out: str | None = None
    rows: int | None = None
    flags: tuple[str, ...] = ()
    elapsed_s: float = 0.0
    stopped: str | None = None
    counted: bool = True

    @property
    def exact(self) -> bool:
        """Whether the counts are those of all answers."""
        return self.sample is None and self.counted

    @property
    def best(self) -> Alternative | None:
        """The best answer; None where none was asked for or meets the conditions."""
        return self.top[0] if self.top else None

    @property
    def share(self) -> float:
        """The share of answers that meet the conditions; of a sample its own."""
        return self.feasible / self.count if self.count else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """Between what the share of all answers lies: of a sample at 95 % (Wilson's interval)."""
        if self.sample is None and not self.counted:
            return self.share, 1.0
        if self.exact or not self.count:
            return self.share, self.share
        from math import sqrt

        n, p, z = self.count, self.share, LEVEL
        middle = (p + z * z / (2 * n)) / (1 + z * z / n)
        half = z / (1 + z * z / n) * sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        return max(0.0, middle - half), min(1.0, middle + half)

    def __hash__(self) -> int:
        return hash((self.size, self.count, self.feasible, self.where))

    def __repr__(self) -> str:
        return str(self)

    def __str__(self) -> str:
        from ..results.screen import text

        return text(self._parts())

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
        """Return what is shown: lines of text, and tables."""
        from ..results.screen import duration

        if self.sample is None:
            lines: list[Part] = [f"{_count(self.size)} answers"]
        else:
            lines = [f"a sample of {_count(self.count)} of {_count(self.size)} answers"]
        met = f"{_count(self.feasible)} meet{'s' * (self.feasible == 1)} the conditions"
        percent = f" ({100 * self.share:.3g} %)"
        if self.stopped is not None and not self.counted:
            met = f"ended by {self.stopped}: at least {met}"
            percent = ""
        if self.sample is not None:
            met = met.replace("at least ", "")
            low, high = self.interval
            percent = f" ({100 * self.share:.3g} %; of all {100 * low:.3g} to {100 * high:.3g} %)"
        lines.append(met + percent)
        lines += [f"where {one}" for one in self.where]
        if self.top:
            word = "maximised" if self.greatest else "minimised"
            lines += ["", f"{self.objective_name} {word}:"]
            names = [one for one in self.top[0].metrics if one != self.objective_name]
            rows = [["", self.objective_name, *names]]
            for i, answer in enumerate(self.top[:SHOWN]):
                numbers = [answer.objective, *(answer.metrics[name] for name in names)]
                rows.append([str(i + 1), *(f"{number:.6g}" for number in numbers)])
            lines.append((rows, 0, True))
            if len(self.top) > SHOWN:
                lines.append(f"... and {len(self.top) - SHOWN} more")
        if self.histograms and self.feasible:
            rows = [["metric", "", "half lie below about"]]
            for name, one in self.histograms.items():
                rows.append([name, _bars(one.counts), f"{_median(one):.6g}"])
            lines += ["", (rows, 2, True)]
        if self.out is not None:
            lines += ["", f"{_count(self.rows or 0)} rows in {self.out}"]
        lines += [f"note: {one}" for one in self.flags]
        lines += ["", duration(self.elapsed_s)]
        return lines

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
        """Draw what is within the conditions, or the best ones.

        Parameters
        ----------
        engine : {"matplotlib", "plotly"}
        kind : {"histograms", "parallel"}, default "histograms"
            A histogram of each metric, with what the best answer has; or each of the best ones as a
            line through an axis for each metric and choice.

        Returns
        -------
        matplotlib.figure.Figure or plotly.graph_objects.Figure

        Raises
        ------
        ArgumentError
            If there is nothing to draw.
        MissingExtraError
            If the engine is not installed.
        """
        from ..base.checks import choice
        from .charted import KINDS, chart_of

        return chart_of(self, choice("kind", kind, KINDS)).draw(engine)

    def _charts(self) -> Sequence[Chart]:
        from .charted import charts_of

        return charts_of(self)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data from which `from_dict` makes an equal result."""
        return {
            "format": FORMAT,
            "size": self.size,
            "count": self.count,
            "feasible": self.feasible,
            "where": list(self.where),
            "sample": self.sample,
            "seed": self.seed,
            "histograms": {
                name: {"low": one.low, "high": one.high, "counts": list(one.counts)}
                for name, one in self.histograms.items()
            },
            "objective_name": self.objective_name,
            "greatest": self.greatest,
            "top": [
                {
                    "choices": dict(one.choices),
                    "metrics": dict(one.metrics),
                    "objective": one.objective,
                    "proven": one.proven,
                    "tied": one.tied,
                }
                for one in self.top
            ],
            "out": self.out,
            "rows": self.rows,
            "flags": list(self.flags),
            "elapsed_s": self.elapsed_s,
            "stopped": self.stopped,
            "counted": self.counted,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ChoiceSweep:
        """Make a result from plain data.

        Raises
        ------
        FormatError
            If a key is missing or unknown, or a value not accepted.
        """
        from ..base.checks import integer
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
            within,
        )  # fmt: skip
        from ..results.histogram import Histogram

        table("the sweep", data, None, ("format",))
        if data["format"] != FORMAT:
            raise FormatError(f"format must be {FORMAT!r}, got {shown(data['format'])}")
        own = {key: value for key, value in data.items() if key != "format"}
        whole = within(integer, 0)  # counts of answers need more than 64 bits
        answer = {
            "choices": table_of(maybe(TEXT)),
            "metrics": table_of(REAL),
            "objective": REAL,
            "proven": FLAG,
            "tied": FLAG,
        }
        bars = {"low": REAL, "high": REAL, "counts": list_of(whole)}
        given = fields(
            "the sweep",
            own,
            {
                "size": whole,
                "count": whole,
                "feasible": whole,
                "where": list_of(TEXT),
                "sample": maybe(COUNT),
                "seed": COUNT,
                "histograms": table_of(part(Histogram, bars)),
                "objective_name": TEXT,
                "greatest": FLAG,
                "top": list_of(part(Alternative, answer)),
                "out": maybe(TEXT),
                "rows": maybe(COUNT),
                "flags": list_of(TEXT),
                "elapsed_s": REAL,
                "stopped": maybe(one_of(("time_limit_s", "callback", "interrupt"))),
                "counted": FLAG,
            },
            optional=("stopped", "counted"),
        )
        return cls(**given)

    def to_json(self, path: str | os.PathLike[str] | None = None) -> str:
        """Return the result as JSON text, and write it where a path is given."""
        from ..base.checks import json_text

        return json_text(self.to_dict(), path, indent=1)

    @classmethod
    def from_json(cls, source: str | os.PathLike[str]) -> ChoiceSweep:
        """Read a result from JSON text (it starts with a brace) or from a file."""
        from ..base.plain import parsed

        return cls.from_dict(parsed(source, "the sweep file"))

    def to_frame(self) -> DataFrame:
        """Return the best answers as a pandas DataFrame: objective, metrics, a column a group."""
        from ..base.extras import require

        pandas = require("to_frame()", "plot", "pandas")
        frame: DataFrame = pandas.DataFrame(self.columns())
        return frame

    def columns(self) -> dict[str, list[Any]]:
        """Return the best answers as columns: objective, metrics and groups."""
        from .answer import columns_of

        pairs = [(one.choices, one.metrics) for one in self.top]
        objective = [one.objective for one in self.top]
        return columns_of(pairs, {self.objective_name or "objective": objective})


def _count(n: int) -> str:
    return f"{n:,}" if n < 10**15 else f"{float(n):.4g}" if n < 10**300 else f"10^{len(str(n)) - 1}"


def _bars(counts: tuple[int, ...]) -> str:
    """Return a histogram as a line of 32 bars."""
    each = max(1, -(-len(counts) // 32))
    sums = [sum(counts[i : i + each]) for i in range(0, len(counts), each)]
    most = max(sums) or 1
    return "".join(" .:-=+*#@"[-(-8 * one // most)] for one in sums)


def _median(one: Histogram) -> float:
    half, passed = sum(one.counts) / 2, 0
    edges = one.edges
    for k, number in enumerate(one.counts):
        passed += number
        if passed >= half:
            return edges[k + 1]
    return edges[-1]
