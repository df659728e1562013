"""Curves of a comparison: quality against evaluations, and against time."""

from __future__ import annotations

from ..charts.chart import Axis, Band, Chart, Line, Panel, Rule
from ..charts.metrics import metric_axis
from .statistics import EVALUATIONS, OBJECTIVE, SECONDS, steps_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    import numpy as np
    from numpy.typing import NDArray

    from ..charts.chart import Mark
    from ..results.result import SearchResult
    from .comparison import Comparison

    Floats = NDArray[np.float64]

__all__ = ["best_so_far", "chart_of"]


def chart_of(comparison: Comparison[Any]) -> Chart:
    """Return the median of each method's runs, with the middle half of them."""
    first = next(iter(comparison.runs.values()))[0]
    up = metric_axis(first.objective_name, log=False)
    if (first.scored_by or "").startswith("function "):  # a user's own: nobody knows what it is
        up = up.replace(title="score")
    panels, unfinished = [], False
    for column, across in (
        (EVALUATIONS, Axis("evaluations", log=True)),
        (SECONDS, Axis("time", "s", log=True)),
    ):
        bands: list[Mark] = []
        lines: list[Mark] = []
        for method in comparison.runs:
            x, low, middle, high = best_so_far(comparison.runs[method], column)
            unfinished |= bool(len(x)) and bool((middle != middle).any())
            bands.append(Band(x, low, high, method, steps="after"))
            alone = int((middle == middle).sum()) == 1  # flash's own methods keep no trace
            lines.append(Line(x, middle, method, steps="after", marked=alone))
        if comparison.optimum is not None:
            lines.append(Rule(comparison.optimum, "proven optimum"))
        panels.append(Panel([*bands, *lines], across, up))
    seeds = max(map(len, comparison.runs.values()))
    notes = [f"the best so far: median and middle half of {seeds} seeds"] if seeds > 1 else []
    if unfinished:
        notes.append("a curve begins where half of the seeds have found a network")
    title = f"{first.space.family} on {first.target}"
    return Chart(title, panels, notes=notes, size=(10.0, 4.2 + 0.16 * len(notes)))


def best_so_far(runs: Sequence[SearchResult[Any]], column: int) -> tuple[Floats, ...]:
    """Return (efforts, lower quartile, median, upper quartile) of the best objective so far.

    They never fall: a run that has found nothing yet counts as one below all others, so that a
    quantile is NaN until enough runs have found a network. Efforts are all those at which a run
    found a better one, and the end of the longest.
    """
    import numpy as np

    steps = [steps_of(run) for run in runs]
    ends = [run.nfev if column == EVALUATIONS else run.elapsed_s for run in runs]
    at = {float(step[column]) for own in steps for step in own}
    if not at:
        nothing = np.zeros(0)
        return nothing, nothing, nothing, nothing
    # no time at all has no place on a logarithmic axis
    efforts = np.maximum(sorted(at | {float(max(ends))}), 1e-9)
    best = np.full((len(runs), len(efforts)), -np.inf)
    for line, own in zip(best, steps, strict=True):
        for step in own:
            since = efforts >= max(step[column], 1e-9)
            line[since] = np.maximum(line[since], step[OBJECTIVE])
    with np.errstate(invalid="ignore"):  # half way from nothing to something is nothing
        quartiles = np.quantile(best, [0.25, 0.5, 0.75], axis=0)
    quartiles[~np.isfinite(quartiles)] = np.nan
    return (efforts, *quartiles)
