"""Axes of metrics: what they are called in charts, with their units."""

from __future__ import annotations

from ..base.names import UNITS
from ..charts.chart import Axis
from .screen import LABELS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .result import SearchResult

__all__ = ["WORDS", "axis_of", "objective_axis", "unit_of"]

WORDS = {"nn_degree": "NN-Degree", "score": "score", **LABELS}
SHOWN_UNITS = {**UNITS, "area_mm2": "mm²"}


def unit_of(metric: str) -> str:
    """Return a metric's unit as charts show it, "" where it has none."""
    return SHOWN_UNITS.get(metric, "")


def axis_of(metric: str, log: bool = False, **more: Any) -> Axis:
    """Return a metric's axis."""
    return Axis(WORDS.get(metric, metric), unit_of(metric), log=log, **more)


def objective_axis(result: SearchResult[Any]) -> Axis:
    """Return the axis of what a result maximised."""
    name = result.objective_name
    if name == "accuracy" and (result.scored_by or "").endswith("that only ranks"):
        return Axis("score, which only ranks")
    cost = name.removeprefix("-")
    if cost != name and cost in WORDS:
        return Axis(f"-{WORDS[cost]}", unit_of(cost))
    return axis_of(name)
