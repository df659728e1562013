"""The axis of what a result maximised."""

from __future__ import annotations

from ..charts.chart import Axis
from ..charts.metrics import metric_axis, unit_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .result import SearchResult

__all__ = ["called", "objective_axis"]


def called(metric: str) -> str:
    """Return what charts call a metric."""
    return metric_axis(metric).title


def objective_axis(result: SearchResult[Any]) -> Axis:
    """Return the axis of what a result maximised."""
    name = result.objective_name
    if name == "accuracy" and (result.scored_by or "").endswith("that only ranks"):
        return Axis("score, which only ranks")
    cost = name.removeprefix("-")
    if cost != name:
        return Axis(f"-{called(cost)}", unit_of(cost))
    return metric_axis(name, log=False)
