"""What `flash.compare` returns: runs of several methods, their efforts side by side."""

from __future__ import annotations

from ..base.checks import choice, faults, integer, items, number, public, shown
from ..base.gaps import gap_between
from ..base.record import Generic, Record, Reported
from ..errors import FormatError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence
    from typing import Any, Literal, overload

    from matplotlib.figure import Figure
    from pandas import DataFrame
    from plotly.graph_objects import Figure as PlotlyFigure
    from typing_extensions import TypeVar

    from ..base.html import Part
    from ..base.pages import Section
    from ..charts.chart import Chart
    from ..networks.architecture import Architecture
    from ..networks.cell_networks import Net
    from ..results.result import SearchResult
    from ..spaces.network_space import NetworkSpace

    N = TypeVar("N", bound=Net, default=Architecture, covariant=True)
else:
    N = None

    def overload(function):
        return function


__all__ = ["Comparison"]

FORMAT = 1


@public
class Comparison(Record, Reported, Generic[N]):
    """Runs of several methods on one problem.

    Parameters
    ----------
    runs : dict of str to tuple of SearchResult
        One result per seed, the same seeds for every method.
    optimum : float or None
        The proven optimum of the objective, where there is one.
    baseline : str
        The method that others are compared with.
    skipped : dict of str to str
        Methods left out, and why.
    interrupted : bool
        Whether Ctrl-C ended the comparison: these are the runs that were done.
    options : dict of str to dict, or None
        Options given to methods, by name; None in files of older versions.
    """

    runs: Mapping[str, tuple[SearchResult[N], ...]]
    optimum: float | None
    baseline: str
    skipped: dict[str, str]
    interrupted: bool = False
    options: Mapping[str, Mapping[str, Any]] | None = None

    @property
    def success(self) -> bool:
        """Whether any run found a network within the budgets."""
        return any(run.success for runs in self.runs.values() for run in runs)

    @property
    def quality(self) -> float | None:
        """The quality to be reached: the median of what the baseline found; None if nothing."""
        from .statistics import median

        found = [run.objective for run in self.runs[self.baseline]]
        return median([one for one in found if one is not None])

    def rows(self, seed: int = 0) -> list[dict[str, Any]]:
        """Return one line per method, with bootstrap intervals of 95 %.

        Returns
        -------
        list of dict
            "method", "seeds"; "found": the share of seeds that found a network; "statuses": of
            each status how many runs ended so; "objective": the median of those found; "gap": how
            far they are short of the proven optimum, ``1 - objective / optimum`` as
            `SearchResult.gap` says it: (mean, low, high) or None; "used": the median of the
            evaluations of whole runs; "feasible": of the rows asked for, the share within the
            budgets, or None where that is not counted; "reached": the share of seeds that reached
            the quality;
            "evaluations", "samples" and "seconds" until then in expectation (see
            `flash.comparing.statistics.Efforts.expected`), None where no seed reached it; "fewer"
            and "faster": the baseline's evaluations and seconds over the method's, as (ratio, low,
            high) or None; "elapsed_s": the median time of a whole run.
        """
        from . import statistics

        seed = integer("seed", seed, 0)
        target = self.quality
        out = []
        base = statistics.efforts(self.runs[self.baseline], target)
        for name, runs in self.runs.items():
            own = statistics.efforts(runs, target)
            gaps = [one for one in (self._gap(run) for run in runs) if one is not None]
            out.append(
                {
                    "method": name,
                    "seeds": len(runs),
                    "found": sum(run.success for run in runs) / len(runs),
                    "statuses": _counted([run.status for run in runs]),
                    "objective": statistics.median(
                        [run.objective for run in runs if run.objective is not None]
                    ),
                    "gap": statistics.interval(gaps, seed=seed) if gaps else None,
                    "used": statistics.median([run.nfev for run in runs]),
                    "feasible": _feasible(runs),
                    "reached": own.reached,
                    "evaluations": own.expected("evaluations"),
                    "samples": own.expected("samples"),
                    "seconds": own.expected("seconds"),
                    "fewer": statistics.ratio(base, own, "evaluations", seed),
                    "faster": statistics.ratio(base, own, "seconds", seed),
                    "elapsed_s": statistics.median([run.elapsed_s for run in runs]),
                }
            )
        return out

    def _gap(self, run: SearchResult[Any]) -> float | None:
        """As `SearchResult.gap`, to the optimum that any of the runs proved."""
        if self.optimum is None or run.objective is None:
            return None
        return gap_between(run.objective, self.optimum)

    def curve(self, method: str, points: Sequence[int]) -> list[list[float]]:
        """Return each run's objective after so many evaluations, NaN where it had none yet.

        Raises
        ------
        ArgumentError, ArgumentTypeError
            If the method was not compared, or `points` are no numbers of at least 0.
        """
        from .statistics import best_after

        choice("method", method, self.runs)
        given = items("points", points, 1 << 20)
        after = [number(f"points[{n}]", one, 0.0) for n, one in enumerate(given)]
        return [[best_after(run, n) for n in after] for run in self.runs[method]]

    def __str__(self) -> str:
        from ..results.screen import text

        return text(self._parts())

    def _charts(self) -> list[Chart]:
        from .drawing import chart_of

        found = any(one.objective is not None for runs in self.runs.values() for one in runs)
        return [chart_of(self)] if found else []

    def _parts(self) -> list[Part]:
        first = next(iter(self.runs.values()))[0]
        head = f"{first.space.family} on {first.target}, {first.objective_name}"
        head += "".join(f", {name} {value:g}" for name, value in first.budgets.items())
        lines: list[Part] = [head]
        if self.optimum is not None:
            lines.append(f"proven optimum {self.optimum:.6g}")
        if not self.success:
            lines.append(first.message)
        if self.quality is not None:
            lines.append(f"quality to reach {self.quality:.6g}: the median of {self.baseline}")
        titles = ["method", "objective", "found", "gap %", "used", "feasible", "reached"]
        titles += ["evaluations", "fewer", "time"]
        rows = [titles]
        for row in self.rows():
            rows.append(_line(row))
        lines += ["", (rows, 1, True), ""]
        seeds = max(len(runs) for runs in self.runs.values())
        lines.append(
            f"{seeds} seed{'s' * (seeds > 1)}; objective: median of the runs that found a network\n"
            "gap: 1 - objective / optimum, its mean over them; in brackets 95 % intervals\n"
            "used: evaluations of a whole run, median; feasible: share of the rows asked for that "
            "was within the budgets\nevaluations and time: in expectation until the quality to "
            f"reach; fewer: evaluations of {self.baseline} over the method's"
        )
        for name, own in (self.options or {}).items():
            told = ", ".join(f"{option} {value}" for option, value in own.items())
            lines.append(f"{name}: {told}")
        lines += [f"left out: {name}: {why}" for name, why in self.skipped.items()]
        lines += [f"note: {one}" for one in self._doubts()]
        return lines

    def _doubts(self) -> list[str]:
        """Return what speaks against the target's costs, whatever the network."""
        for run in (one for runs in self.runs.values() for one in runs if one.success):
            return [one for one in run.flags if one.startswith(f"{run.target} is ")]
        return []

    def _title(self) -> str:
        first = next(iter(self.runs.values()))[0]
        return f"{', '.join(self.runs)}: {first.space.family} on {first.target}"

    def _sections(self) -> list[Section]:
        from .page import sections

        return sections(self)

    def _made(self) -> str:
        from .page import made

        return made(self)

    __repr__ = __str__

    def to_dict(self) -> dict[str, Any]:
        """Return plain data: the rows and every run."""
        return {
            "format": FORMAT,
            "baseline": self.baseline,
            "optimum": self.optimum,
            "skipped": dict(self.skipped),
            "interrupted": self.interrupted,
            "options": self.options and {name: dict(own) for name, own in self.options.items()},
            "rows": [{name: _finite(value) for name, value in row.items()} for row in self.rows()],
            "runs": {name: [run.to_dict() for run in runs] for name, runs in self.runs.items()},
        }

    def to_json(self, path: str | os.PathLike[str] | None = None) -> str:
        """Return the comparison as JSON text, and write it where a path is given."""
        from ..base.checks import json_text

        return json_text(self.to_dict(), path)

    @classmethod
    def from_dict(
        cls, data: Mapping[str, Any], space: NetworkSpace[N] | None = None
    ) -> Comparison[N]:
        """Make a comparison from plain data.

        Parameters
        ----------
        data : dict
        space : NetworkSpace, optional
            As `SearchResult.from_dict` takes it.

        Raises
        ------
        FormatError
            If it is no comparison.
        """
        from ..base.plain import FLAG, REAL, TEXT, by, list_of, made, maybe, table_of
        from ..results.result import SearchResult

        where = "the comparison"
        given: Any = space
        checks = {
            "runs": table_of(list_of(by(lambda one: SearchResult.from_dict(one, given)))),
            "optimum": maybe(REAL),
            "baseline": TEXT,
            "skipped": table_of(TEXT),
            "interrupted": FLAG,
            "options": maybe(table_of(table_of(_option))),
        }
        found = made(cls, where, data, checks, also=("rows",), version=FORMAT)
        if not found.runs or not all(found.runs.values()):
            raise FormatError(f"{where} must hold runs of each method")
        with faults(where):
            choice("baseline", found.baseline, found.runs)
        return found

    @classmethod
    def from_json(
        cls, source: str | os.PathLike[str], space: NetworkSpace[N] | None = None
    ) -> Comparison[N]:
        """Read a comparison from JSON text (it starts with a brace) or from a file: see
        `from_dict`."""
        from ..base.plain import parsed

        return cls.from_dict(parsed(source, "the comparison"), space)

    def to_frame(self) -> DataFrame:
        """Return one row per run as a pandas DataFrame; "method" is its name here."""
        from ..base.extras import require

        pandas = require("to_frame()", "plot", "pandas")
        from ..results.result import frame_row

        frame: DataFrame = pandas.DataFrame(
            [{**frame_row(run), "method": name} for name, runs in self.runs.items() for run in runs]
        )
        return frame

    @overload
    def plot(self, engine: Literal["matplotlib"] = "matplotlib") -> Figure: ...
    @overload
    def plot(self, engine: Literal["plotly"]) -> PlotlyFigure: ...  # noqa: F811
    def plot(self, engine: str = "matplotlib") -> Figure | PlotlyFigure:  # noqa: F811
        """Draw the best so far against evaluations and against time.

        The median of each method's seeds and the middle half of them: they never fall, as a seed
        that has not found a network yet counts as one that found nothing.

        Parameters
        ----------
        engine : {"matplotlib", "plotly"}

        Returns
        -------
        matplotlib.figure.Figure or plotly.graph_objects.Figure
        """
        from .drawing import chart_of

        return chart_of(self).draw(engine)


def _finite(value: Any) -> Any:
    """Return None for what JSON has no number for."""
    if isinstance(value, tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and value - value != 0.0 else value


def _counted(statuses: Sequence[str]) -> dict[str, int]:
    """Return how often each status comes, in the order in which they first do."""
    return {status: statuses.count(status) for status in dict.fromkeys(statuses)}


def _feasible(runs: Sequence[SearchResult[Any]]) -> float | None:
    """Return the share of all rows asked for that was within the budgets."""
    asked = sum(run.samples or 0 for run in runs)
    if not asked or any(run.feasible is None for run in runs):
        return None
    return sum(run.feasible or 0 for run in runs) / asked


def _option(name: str, value: Any) -> Any:
    """Return an option's value as a file may have it: a number, text, true or false."""
    if not isinstance(value, (bool, int, float, str)):
        raise FormatError(f"{name} must be a number, text, true or false, got {shown(value)}")
    return value


def _line(row: Mapping[str, Any]) -> list[str]:
    from ..results.screen import duration

    gap, fewer, nothing = row["gap"], row["fewer"], " ".join(row["statuses"])
    return [
        row["method"],
        nothing if row["objective"] is None else f"{row['objective']:.6g}",
        f"{100 * row['found']:.0f} %",
        "-" if gap is None else "{:.3g} [{:.3g}, {:.3g}]".format(*(100 * g for g in gap)),
        f"{row['used']:,.0f}",
        "-" if row["feasible"] is None else f"{100 * row['feasible']:.3g} %",
        f"{100 * row['reached']:.0f} %",
        "-" if row["evaluations"] is None else f"{row['evaluations']:,.0f}",
        "-" if fewer is None else "{:.3g} [{:.3g}, {:.3g}]".format(*fewer),
        "-" if row["seconds"] is None else duration(row["seconds"]),
    ]
