"""The chart of trainings: accuracy against what a network has, with the noise of repeats."""

from __future__ import annotations

from ..charts.chart import Axis, Chart, Intervals, Panel, Points
from ..errors import ArgumentError
from ..networks.degree import nn_degree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from .results import TrainedNetwork, TrainingResult

__all__ = ["chart_of", "charts_of"]

NINETY = 1.6448536269514722  # standard deviations to either end of a normal 90 % interval
WIDE = 8.0  # from the least to the greatest: beyond it an axis is logarithmic


def chart_of(result: TrainingResult) -> Chart:
    """Return the chart of ``result.plot()``.

    Raises
    ------
    ArgumentError
        If nothing is finished.
    """
    groups = result.groups
    if not groups:
        raise ArgumentError(f"there is nothing to plot: nothing is finished in {result.folder!r}")
    nets = [group[0].architecture for group in groups]
    columns = {
        "parameters": [float(net.params) for net in nets],
        "MACs": [float(net.macs) for net in nets],
        "NN-Degree": [_degree(net) for net in nets],
    }
    means = [100.0 * one for one in result.accuracies]
    noise = result.noise
    panels = [
        _panel(name, values, groups, means, noise)
        for name, values in columns.items()
        if all(one == one for one in values)
    ]
    notes = [f"{len(groups)} networks, {len(result.samples)} trainings"]
    if noise is None:
        notes.append("no network was trained twice: the noise of a training is not known")
    else:
        notes.append(
            f"intervals: 90 % of what the noise of a training, {100 * noise:.2g} points, makes of "
            "the mean of a network's trainings"
        )
    lost = [name for name, values in columns.items() if any(one != one for one in values)]
    if lost:
        notes.append(f"without {', '.join(lost)}: some networks have none")
    best = 100.0 * result.best.accuracy
    return Chart(f"trained networks, at best {best:.2f} %", panels, notes=notes)


def charts_of(result: TrainingResult) -> list[Chart]:
    """Return the charts of a training's page."""
    return [chart_of(result)] if result.samples else []


def _degree(net: Any) -> float:
    try:
        return float(nn_degree(net))
    except ArgumentError:  # its cells are not known
        return float("nan")


def _panel(
    name: str,
    values: Sequence[float],
    groups: Sequence[Sequence[TrainedNetwork]],
    means: Sequence[float],
    noise: float | None,
) -> Panel:
    hover = [
        f"network {group[0].index}: {mean:.2f} %, {len(group)} "
        f"training{'s' * (len(group) != 1)}\n{name} {value:,.6g}"
        for group, mean, value in zip(groups, means, values, strict=True)
    ]
    marks: list[Any] = []
    if noise is not None:
        half = [100.0 * NINETY * noise / len(group) ** 0.5 for group in groups]
        marks.append(
            Intervals(
                values,
                [mean - own for mean, own in zip(means, half, strict=True)],
                [mean + own for mean, own in zip(means, half, strict=True)],
                name="90 %, by the noise of trainings",
                colour=4,
            )
        )
    marks.append(Points(values, means, name="network", colour=0, hover=hover))
    low = min(values)
    wide = low > 0.0 and max(values) / low > WIDE
    rank = _rank(values, means)
    title = "" if rank is None else f"rank correlation {rank:.2f}"
    return Panel(marks, x=Axis(name, log=wide), y=Axis("accuracy", "%"), title=title)


def _rank(values: Sequence[float], means: Sequence[float]) -> float | None:
    """Return the rank correlation (Spearman), None where there is none."""
    if len(values) < 3:
        return None
    import numpy as np

    from ..predictors.fitting import spearman

    found = spearman(np.array(values), np.array(means))
    return None if found != found else float(found)
