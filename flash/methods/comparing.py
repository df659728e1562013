"""`flash.compare`: several methods on one problem, over several seeds."""

from __future__ import annotations

from .._record import Record
from .._validate import choice, integer, shown
from ..errors import ArgumentError, ArgumentTypeError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from matplotlib.figure import Figure
    from pandas import DataFrame

    from ..result import SearchResult

__all__ = ["CORE", "Comparison", "compare", "unfit_core"]

CORE = ("shgo", "exact")
DESIGNING = ("hao",)  # methods that choose the accelerator too
MAX_SEEDS = 1000


class Comparison(Record):
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
        Methods left out, and why they do not fit.
    """

    runs: dict[str, tuple[SearchResult, ...]]
    optimum: float | None
    baseline: str
    skipped: dict[str, str]

    @property
    def quality(self) -> float | None:
        """The quality to be reached: the median of what the baseline found; None if nothing."""
        from ._statistics import median

        found = [run.objective for run in self.runs[self.baseline]]
        return median([one for one in found if one is not None])

    def rows(self, seed: int = 0) -> list[dict[str, Any]]:
        """Return one line per method, with bootstrap intervals of 95 %.

        Returns
        -------
        list of dict
            "method", "seeds"; "objective": the median; "gap" to the proven optimum, relative:
            (mean, low, high) or None; "reached": the share of seeds that reached the quality;
            "evaluations", "samples" and "seconds" until then in expectation (see
            `flash.methods._statistics.Efforts.expected`), None where no seed reached it; "fewer"
            and "faster": the baseline's evaluations and seconds over the method's, as (ratio, low,
            high) or None; "elapsed_s": the median time of a whole run.
        """
        from . import _statistics as statistics

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
                    "objective": statistics.median(
                        [run.objective for run in runs if run.objective is not None]
                    ),
                    "gap": statistics.interval(gaps, seed=seed) if gaps else None,
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

    def _gap(self, run: SearchResult) -> float | None:
        if self.optimum is None or run.objective is None or not self.optimum:
            return None
        return max(0.0, self.optimum - run.objective) / abs(self.optimum)

    def curve(self, method: str, points: Sequence[int]) -> list[list[float]]:
        """Return each run's objective after so many evaluations, NaN where it had none yet."""
        from ._statistics import best_after

        return [[best_after(run, n) for n in points] for run in self.runs[method]]

    def __str__(self) -> str:
        from .._screen import table

        first = next(iter(self.runs.values()))[0]
        lines = [f"{first.space.family} on {first.target}, {first.objective_name}"]
        lines[0] += "".join(f", {name} {value:g}" for name, value in first.budgets.items())
        if self.optimum is not None:
            lines.append(f"proven optimum {self.optimum:.6g}")
        if self.quality is not None:
            lines.append(f"quality to reach {self.quality:.6g}: the median of {self.baseline}")
        titles = ["method", "objective", "gap %", "reached", "evaluations", "fewer", "time"]
        rows = [titles]
        for row in self.rows():
            rows.append(_line(row))
        lines += ["", *table(rows, 1), ""]
        seeds = len(next(iter(self.runs.values())))
        lines.append(
            f"{seeds} seeds; objective: median; gap: mean; in brackets 95 % bootstrap intervals; "
            "evaluations and time in expectation until the quality to reach; fewer: evaluations of "
            f"{self.baseline} over the method's"
        )
        lines += [f"left out: {name}: {why}" for name, why in self.skipped.items()]
        return "\n".join(lines)

    __repr__ = __str__

    def to_dict(self) -> dict[str, Any]:
        """Return plain data: the rows and every run."""
        return {
            "format": 1,
            "baseline": self.baseline,
            "optimum": self.optimum,
            "skipped": dict(self.skipped),
            "rows": [{name: _finite(value) for name, value in row.items()} for row in self.rows()],
            "runs": {name: [run.to_dict() for run in runs] for name, runs in self.runs.items()},
        }

    def to_json(self, path: str | os.PathLike[str] | None = None) -> str:
        """Return the comparison as JSON text, and write it where a path is given."""
        from .._validate import json_text

        return json_text(self.to_dict(), path)

    @classmethod
    def from_json(cls, source: str | os.PathLike[str]) -> Comparison:
        """Read a comparison from JSON text (it starts with a brace) or from a file.

        Raises
        ------
        FormatError
            If it is no comparison.
        """
        from .._validate import known_keys, parse_json, read_text
        from ..errors import FormatError
        from ..result import SearchResult

        given = source if isinstance(source, str) and source.lstrip().startswith("{") else None
        data = parse_json(given if given is not None else read_text(source, "the comparison"))
        keys = ("format", "baseline", "optimum", "skipped", "rows", "runs")
        known_keys("the comparison", data, keys)
        if data.get("format") != 1 or not data.get("runs"):
            raise FormatError("the comparison must have format 1 and runs")
        runs = {
            name: tuple(SearchResult.from_dict(run) for run in many)
            for name, many in data["runs"].items()
        }
        return cls(
            runs,
            data.get("optimum"),
            choice("baseline", data["baseline"], runs),
            dict(data.get("skipped") or {}),
        )

    def to_frame(self) -> DataFrame:
        """Return one row per run as a pandas DataFrame."""
        from pandas import concat

        return concat([run.to_frame() for runs in self.runs.values() for run in runs])

    def plot(self) -> Figure:
        """Draw quality against evaluations and against time; return the matplotlib Figure."""
        from ._drawing import draw

        return draw(self)


def _finite(value: Any) -> Any:
    """Return None for what JSON has no number for."""
    if isinstance(value, tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and value - value != 0.0 else value


def _line(row: Mapping[str, Any]) -> list[str]:
    from .._screen import duration

    gap, fewer = row["gap"], row["fewer"]
    return [
        row["method"],
        "-" if row["objective"] is None else f"{row['objective']:.6g}",
        "-" if gap is None else "{:.3g} [{:.3g}, {:.3g}]".format(*(100 * g for g in gap)),
        f"{100 * row['reached']:.0f} %",
        "-" if row["evaluations"] is None else f"{row['evaluations']:,.0f}",
        "-" if fewer is None else "{:.3g} [{:.3g}, {:.3g}]".format(*fewer),
        "-" if row["seconds"] is None else duration(row["seconds"]),
    ]


def compare(
    space: Any,
    target: Any,
    *,
    methods: Sequence[str] | None = None,
    seeds: int | Sequence[int] = 10,
    baseline: str = "random",
    options: Mapping[str, Mapping[str, Any]] | None = None,
    evaluator: Any = None,
    max_evals: int | None = None,
    time_limit_s: float | None = None,
    callback: Callable[[SearchResult], Any] | None = None,
    progress: bool = False,
    codesign: bool = False,
    **problem: Any,
) -> Comparison:
    """Run several methods on the same problem, and compare what they found and what it took.

    Parameters
    ----------
    space, target
        As for `flash.search`.
    methods : sequence of str, optional
        All that fit, by default; one that is named and does not fit is an error.
    seeds : int or sequence of int, default 10
        How many seeds (0, 1, ...), or which. A method without chance runs once for all.
    baseline : str, default "random"
        The method that others are compared with.
    options : dict, optional
        Of each method, by its name.
    evaluator, max_evals, time_limit_s
        As for `flash.search`, the same for every method and each of its runs. A method that does
        not end by itself has 1000 evaluations (fewer by an evaluator that takes long) by default.
    callback : callable, optional
        Called with each result.
    progress : bool, default False
        Print a line to stderr for each run.
    codesign : bool, default False
        Compare what chooses the accelerator too: flash's own methods, with ``codesign=True``, and
        "hao", which is left out otherwise.
    **problem
        Budgets, min_accuracy, predictor, objective and journal, as for `flash.search`.

    Returns
    -------
    Comparison

    Raises
    ------
    ArgumentError, ArgumentTypeError
        If an argument is not accepted.
    """
    from ..evaluators import as_evaluator
    from ..predictor import as_predictor
    from ..solver import search
    from . import METHODS
    from .running import any_space, unfit

    space = any_space(space)
    accepted = {*_BUDGETS, "min_accuracy", "predictor", "objective", "journal"}
    for name in problem:
        if name not in accepted:
            choice("argument", name, sorted(accepted))
    predictor = as_predictor(problem.pop("predictor", None), space.family)
    journal = problem.pop("journal", None)
    judge = as_evaluator(evaluator, predictor)
    numbers = _seeds(seeds)
    known = (*CORE, *METHODS) if not codesign else (*CORE, *DESIGNING)
    named = methods is not None
    usual_methods = ["exact", *DESIGNING] if codesign else list(METHODS)
    wanted = usual_methods if methods is None else _names(methods, known)
    if codesign and baseline == "random":
        baseline = DESIGNING[0]
    if not codesign and not named and not judge.expensive and not hasattr(space, "groups"):
        wanted = ["shgo", *wanted]
    if choice("baseline", baseline, known) not in wanted:
        raise ArgumentError(f"baseline must be one of the methods compared, got {baseline!r}")
    given = options or {}
    for name in given:
        choice("options", name, known)
    skipped: dict[str, str] = {}
    for name in list(wanted):
        why = unfit_core(space, judge) if name in CORE else unfit(name, space, judge)
        if why is None and name in DESIGNING and not codesign:
            why = f"method {name!r} chooses the accelerator too: compare it with codesign=True"
        if why is not None:
            if named:
                raise ArgumentError(f"methods: {name}: {why}")
            skipped[name] = why
            wanted.remove(name)
    if baseline not in wanted:
        raise ArgumentError(f"baseline {baseline!r}: {skipped[baseline]}")
    usual = max_evals
    if max_evals is None and time_limit_s is None:
        usual = min(1000, judge.usual_evals)
    runs: dict[str, tuple[SearchResult, ...]] = {}
    optimum: float | None = None
    for name in wanted:
        own: list[SearchResult] = []
        for seed in numbers:
            if name in CORE:
                result = search(
                    space,
                    target,
                    method=name,
                    predictor=predictor,
                    seed=seed,
                    codesign=codesign,
                    time_limit_s=time_limit_s,
                    **problem,
                )
            else:
                result = search(
                    space, target, method=name, evaluator=judge, options=given.get(name),
                    journal=journal, seed=seed, time_limit_s=time_limit_s, max_evals=usual,
                    certify=optimum is None, **problem,
                )  # fmt: skip
            if result.stopped == "interrupt":
                raise KeyboardInterrupt
            if optimum is None:
                optimum = _optimum(result)
            own.append(result)
            if progress:
                _tell(name, seed, result)
            if callback is not None:
                callback(result)
        runs[name] = tuple(own)
    return Comparison(runs, optimum, baseline, skipped)


_BUDGETS = ("max_latency_ms", "max_energy_mj", "max_area_mm2", "max_params", "max_macs")


def _optimum(result: SearchResult) -> float | None:
    """Return the proven optimum that a certified result tells."""
    from ._outcome import KNOWN

    if result.proven or result.message.endswith(KNOWN):
        return result.upper_bound
    return None


def unfit_core(space: Any, judge: Any) -> str | None:
    """Return why flash's own search does not fit, or None where it does."""
    if judge.expensive or hasattr(space, "groups"):
        return "searches a SearchSpace by a predictor or NN-Degree"
    return None


def _names(methods: Any, known: Sequence[str]) -> list[str]:
    if isinstance(methods, str) or not hasattr(methods, "__iter__"):
        raise ArgumentTypeError(f"methods must be a list of names, got {shown(methods)}")
    names = [choice("methods", name, known) for name in methods]
    if not names:
        raise ArgumentError("methods must be at least one, got none")
    return list(dict.fromkeys(names))


def _seeds(seeds: Any) -> list[int]:
    if hasattr(seeds, "__len__") and not isinstance(seeds, str):
        found = [integer("seeds", seed, 0, 2**64 - 1) for seed in seeds]
        if not found or len(set(found)) < len(found):
            raise ArgumentError(
                f"seeds must be different numbers, at least one, got {shown(seeds)}"
            )
        return found
    return list(range(integer("seeds", seeds, 1, MAX_SEEDS)))


def _tell(name: str, seed: int, result: SearchResult) -> None:
    import sys

    objective = "nothing" if result.objective is None else f"{result.objective:.6g}"
    print(
        f"{name}, seed {seed}: {objective}, {result.nfev} evaluations, {result.elapsed_s:.2f} s",
        file=sys.stderr,
    )
