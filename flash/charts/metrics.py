"""The axes of what flash knows of a network: their titles, their units, whether by logarithm."""

from __future__ import annotations

from ..base.names import LABELS, UNITS
from .chart import Axis

__all__ = ["metric_axis", "unit_of"]

SCORES = {
    "nn_degree": "NN-Degree",
    "quantised_nn_degree": "quantised NN-Degree",
    "score": "predictor's score",
}
AREA = {"mm2": "mm²"}


def unit_of(name: str) -> str:
    """Return the unit of a metric as a chart shows it: "ms", "mm²", nothing for counts."""
    unit = UNITS.get(name.partition("@")[0], "")
    return AREA.get(unit, unit)


def metric_axis(name: str, *, log: bool | None = None, accuracy: str = "accuracy") -> Axis:
    """Return the axis of a metric.

    Parameters
    ----------
    name : str
        Such as "latency_ms", or "latency_ms@pi" of one of several devices.
    log : bool, optional
        By default costs and counts are logarithmic, scores and accuracies are not.
    accuracy : str
        What "accuracy" stands for, where it is none: "nn_degree".
    """
    if name == "accuracy":
        name = accuracy
    metric, at, device = name.replace("quantised nn", "quantised_nn").partition("@")
    title = SCORES.get(metric) or LABELS.get(metric, metric)
    cost = metric not in SCORES and metric != "accuracy"
    return Axis(
        f"{title} on {device}" if at else title, unit_of(name), cost if log is None else log
    )
