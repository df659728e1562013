"""Charts of sweeps of problems of choices."""

from __future__ import annotations

from ..errors import ArgumentError
from ..results.histograms import histograms_chart, parallel_chart

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..charts.chart import Chart
    from .tally import ChoiceSweep

__all__ = ["KINDS", "chart_of", "charts_of"]

KINDS = ("histograms", "parallel")


def chart_of(sweep: ChoiceSweep, kind: str) -> Chart:
    """Return the chart of ``sweep.plot(kind=...)``.

    Raises
    ------
    ArgumentError
        If there is nothing to draw; the message says why.
    """
    if kind == "histograms":
        if not sweep.histograms:
            raise ArgumentError("there are no histograms: they were not asked for (bins=0)")
        if not sweep.feasible:
            raise ArgumentError("no answer meets the conditions: there is nothing to draw")
        return _histograms(sweep)
    if not sweep.top:
        raise ArgumentError("there are no best answers to draw: ask for them (top=10)")
    return _parallel(sweep)


def charts_of(sweep: ChoiceSweep) -> list[Chart]:
    """Return the charts of a sweep's page: those that it has something for."""
    found = [_histograms(sweep)] if sweep.histograms and sweep.feasible else []
    return [*found, _parallel(sweep)] if len(sweep.top) > 1 else found


def _title(sweep: ChoiceSweep) -> str:
    what = "" if sweep.sample is None else "a sample of "
    least = "" if sweep.counted else "at least "
    return (
        f"{least}{_count(sweep.feasible)} of {what}{_count(sweep.count)} answers meet the "
        f"conditions ({100 * sweep.share:.3g} %)"
    )


def _count(value: int) -> str:
    return f"{value:,}" if value < 10**15 else f"{float(value):.3g}"


def _histograms(sweep: ChoiceSweep) -> Chart:
    best = {} if sweep.best is None else dict(sweep.best.metrics)
    return histograms_chart(
        _title(sweep),
        sweep.histograms,
        counted="answers",
        limits={},
        best=best,
        notes=[f"where {one}" for one in sweep.where],
    )


def _parallel(sweep: ChoiceSweep) -> Chart:
    by = sweep.objective_name or "objective"
    columns: dict[str, list[Any]] = {by: [one.objective for one in sweep.top]}
    for name in sweep.top[0].metrics:
        columns.setdefault(name, [one.metrics[name] for one in sweep.top])
    for name in sweep.top[0].choices:
        columns.setdefault(name, [one.choices[name] or "(covered)" for one in sweep.top])
    word = "greatest" if sweep.greatest else "least"
    notes = [f"the {len(sweep.top)} answers of {word} {by}"]
    return parallel_chart(_title(sweep), columns, by=by, notes=notes)
