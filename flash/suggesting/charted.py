"""The chart of a suggestion: what is expected of each network, beside the best measured one."""

from __future__ import annotations

from ..charts.chart import Axis, Chart, Intervals, Panel, Points, Rule
from ..charts.metrics import metric_axis
from ..errors import ArgumentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .suggestion import Suggestion

__all__ = ["chart_of", "charts_of"]

WIDE = 4.0  # from the least to the greatest: beyond it an axis is logarithmic


def chart_of(suggestion: Suggestion[Any], metric: str | None) -> Chart:
    """Return the chart of ``suggestion.plot()``.

    Raises
    ------
    ArgumentError
        If nothing is expected of the networks, for they were drawn at random, or the metric is not
        one of theirs.
    """
    from ..base.checks import choice

    if not (suggestion.mean == suggestion.mean).any():
        raise ArgumentError(
            "there is nothing to plot: nothing is expected of networks drawn at random; tell "
            "trained ones"
        )
    across = _across(suggestion) if metric is None else choice("metric", metric, suggestion.costs)
    x = suggestion.costs[across]
    mean, ends = 100.0 * suggestion.mean, 100.0 * suggestion.intervals
    hover = [
        f"{name}: {100.0 * one:.2f} % ({low:.2f} to {high:.2f})\nexpected gain "
        f"{100.0 * gain:.2g} points, better with {100.0 * chance:.0f} %"
        for name, one, (low, high), gain, chance in zip(
            suggestion.names,
            suggestion.mean.tolist(),
            ends.tolist(),
            suggestion.gain.tolist(),
            suggestion.chance.tolist(),
            strict=True,
        )
    ]
    marks: list[Any] = [
        Intervals(x, ends[:, 0], ends[:, 1], name="90 % interval", colour=4),
        Points(x, mean, name="to train next", colour=0, size=6.0, hover=hover),
    ]
    if suggestion.best_accuracy is not None:
        best = 100.0 * suggestion.best_accuracy
        marks.append(Rule(best, name=f"best of {suggestion.trained} measured: {best:.2f} %"))
    limit = suggestion.budgets.get(f"max_{across}")
    if limit is not None:
        axis = metric_axis(across)
        told = f"{limit:g} {axis.unit}".rstrip()
        marks.append(Rule(limit, name=f"the budget: {told}", upright=True, dash="dash"))
    notes = [suggestion.how]
    lost = int((suggestion.mean != suggestion.mean).sum())
    if lost:
        notes.append(f"{lost} networks drawn at random are not shown: nothing is expected of them")
    if suggestion.left == suggestion.left:
        notes.append(
            f"to be gained by a training, at most: {100 * suggestion.left:.2g} points expected"
        )
    wide = float(x.min()) > 0.0 and float(x.max()) / float(x.min()) > WIDE
    many = f"{len(suggestion)} network{'s' * (len(suggestion) != 1)} to train next"
    return Chart(
        f"{suggestion.space.family} on {suggestion.target}: {many}",
        [Panel(marks, x=metric_axis(across, log=wide), y=Axis("expected accuracy", "%"))],
        notes=notes,
    )


def charts_of(suggestion: Suggestion[Any]) -> list[Chart]:
    """Return the charts of a suggestion's page."""
    return [chart_of(suggestion, None)] if (suggestion.mean == suggestion.mean).any() else []


def _across(suggestion: Suggestion[Any]) -> str:
    """Return the cost that is shown: the first that has a budget, else the first."""
    limited = [name for name in suggestion.costs if f"max_{name}" in suggestion.budgets]
    return (limited or list(suggestion.costs))[0]
