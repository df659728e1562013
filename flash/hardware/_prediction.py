"""Prediction intervals of a network's costs, and how far it is from the measured ones.

Of a network with the value v of a metric the interval is ``v exp(-w)`` to ``v exp(w)`` with
``w = width(level) sqrt(1 + h + b)``. The width is that of networks like the measured ones; h, a
quadratic form of the network's columns over v, says how unlike the measured ones it is made up
(see `flash.hardware._fitting.interval_table`); b, `GAMMA` squared times the greatest h of a
measured network times `_beyond`, how much larger it is, and whether it has what none of them had.
Its distance is the root of h, over that greatest one, and `_beyond`.
"""

from __future__ import annotations

import math

from ..base.checks import number
from ..base.names import Column
from ..networks.operations import charged
from ._classes import as_in_class, unseen_class
from ._columns import amounts, interval_width, row
from .costing import cost, family_and_network

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from ..networks.cell_networks import Net
    from ..networks.operations import Charged
    from . import Target

__all__ = ["distances", "distances_of", "interval"]


def interval(target: Target, net: Net, level: float) -> dict[str, tuple[float, float]]:
    """Return (low, high) of each cost that the target has intervals of; see `Target.interval`."""
    level = float(number("level", level, 0.5, 0.99))
    family, network = family_and_network(net, target)
    costs = cost(target, net)
    own = {metric: getattr(costs, metric) for metric in target.metrics}
    found = {}
    beside = _beside(target, family, charged(network), own)
    for metric, (value, width, *_) in _widths(target, family, charged(network), own, level).items():
        half = min(width, 700.0)  # an exponential that is still a number
        low, high = beside.get(metric, (value, value))
        found[metric] = (low * math.exp(-half), high * math.exp(half))
    return found


def _beside(
    target: Target, family: str, counted: Charged, own: Mapping[str, float]
) -> dict[str, tuple[float, float]]:
    """Return between which costs a network lies whose class has no run: those that the nearest
    classes with one would give it. Empty where its class has a run."""
    totals = target.model(family).total(counted.packed)
    gap = unseen_class(target, family, float(totals[Column.SCALE]))
    if gap is None:
        return {}
    ends = [
        as_in_class(target, family, totals, one)
        for one in (gap.below, gap.above)
        if one is not None
    ]
    result = {}
    for metric, value in own.items():
        others = [one[metric] for one in ends]
        if len(others) == 1:  # as far on the side where nothing was run
            others.append(value * value / others[0])
        result[metric] = (min(value, *others), max(value, *others))
    return result


def distances(target: Target, net: Net) -> dict[str, float]:
    """Return how far a network is from the measured ones, by metric; see `Target.distance`."""
    family, network = family_and_network(net, target)
    costs = cost(target, net)
    own = {metric: getattr(costs, metric) for metric in target.metrics}
    return distances_of(target, family, charged(network), own)


def distances_of(
    target: Target, family: str, counted: Charged, own: Mapping[str, float | None]
) -> dict[str, float]:
    """Return the same of what a network is charged for, with its costs."""
    tables = (target.intervals or {}).get(target.set_for(family), {})
    return {
        metric: math.sqrt(leverage / max(tables[metric]["most"], 1e-12) + beyond)
        for metric, (_, _, leverage, beyond) in _widths(target, family, counted, own, 0.9).items()
    }


def _widths(
    target: Target, family: str, counted: Charged, own: Mapping[str, float | None], level: float
) -> dict[str, tuple[float, float, float, float]]:
    """Return (value, half width of its logarithm, h, `_beyond`) of each metric with intervals."""
    place = target.set_for(family)
    tables = (target.intervals or {}).get(place)
    if not tables:
        return {}
    had = amounts(target, counted)
    ranges = target.calibrated_ranges.get(place) or {}
    scale = float(target.model(family).total(counted.packed)[Column.SCALE])
    new_class = unseen_class(target, family, scale) is not None
    result = {}
    for metric, table in tables.items():
        value = own.get(metric)
        if value is None or value <= 0.0:
            continue
        own_row = [one / value for one in row(target, family, metric, had, table["terms"])]
        beyond = _beyond(ranges, metric, value, counted, had) + new_class
        width, leverage = interval_width(table, own_row, level, beyond)
        result[metric] = (value, width, leverage, beyond)
    return result


def _beyond(
    ranges: Mapping[str, Any],
    metric: str,
    value: float,
    counted: Charged,
    had: Mapping[str, float],
) -> float:
    """Return how far a network lies outside of what was measured, squared.

    The squares of the logarithms of how many times its value, and its largest layer's positions,
    lie outside the calibrated range; and 1 where it has a feature that no measured network had.
    """
    weighted = (layer for layer in counted.counting if layer.kind in ("conv", "linear"))
    positions = max((layer.out_height * layer.out_width for layer in weighted), default=1)
    low, high = ranges.get("network", {}).get(metric, (value, value))
    most = ranges.get("layer", {}).get("positions", (1, positions))[1]
    seen = ranges.get("features", {})
    lacking = any(one > 0 and seen[name][1] == 0 for name, one in had.items() if name in seen)
    size = math.log(max(value / high, low / value, 1.0)) if low > 0 else 0.0
    area = math.log(max(positions / most, 1.0))
    return size**2 + area**2 + lacking
