"""Prediction intervals of a network's costs, and how far it is from the measured ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..base.checks import number
from ..base.names import Column
from ..networks.operations import charged
from ._classes import as_in_class, unseen_class
from ._fitting import interval_width
from ._terms import terms, totals
from .costing import cost, family_and_network

if TYPE_CHECKING:
    from ..networks.cell_networks import Net
    from . import Target

__all__ = ["distances", "interval"]


def interval(target: Target, net: Net, level: float) -> dict[str, tuple[float, float]]:
    """Return (low, high) of each cost that the target has intervals of; see `Target.interval`."""
    level = float(number("level", level, 0.5, 0.99))
    found = {}
    beside = _beside(target, net)
    for metric, (value, width, _) in _widths(target, net, level).items():
        half = min(width, 700.0)  # an exponential that is still a number
        low, high = beside.get(metric, (value, value))
        found[metric] = (low * float(np.exp(-half)), high * float(np.exp(half)))
    return found


def _beside(target: Target, net: Net) -> dict[str, tuple[float, float]]:
    """Return between which costs a network lies whose class has no run: those that the nearest
    classes with one would give it. Empty where its class has a run."""
    family, network = family_and_network(net, target)
    totals = target.model(family).total(charged(network).packed)
    gap = unseen_class(target, family, float(totals[Column.SCALE]))
    if gap is None:
        return {}
    own = cost(target, net)
    ends = [
        as_in_class(target, family, totals, one)
        for one in (gap.below, gap.above)
        if one is not None
    ]
    result = {}
    for metric in target.metrics:
        value = float(getattr(own, metric))
        others = [one[metric] for one in ends]
        if len(others) == 1:  # as far on the side where nothing was run
            others.append(value * value / others[0])
        result[metric] = (min(value, *others), max(value, *others))
    return result


def distances(target: Target, net: Net) -> dict[str, float]:
    """Return for each metric the network's leverage over the greatest of the calibration.

    Above 1 the network is made up unlike any that was measured.
    """
    tables = (target.intervals or {}).get(target.set_for(family_and_network(net)[0]), {})
    return {
        metric: leverage / max(tables[metric]["most"], 1e-12)
        for metric, (_, _, leverage) in _widths(target, net, 0.9).items()
    }


def _widths(target: Target, net: Net, level: float) -> dict[str, tuple[float, float, float]]:
    """Return (value, half width of its logarithm, leverage) of each metric with intervals."""
    family, network = family_and_network(net, target)
    tables = (target.intervals or {}).get(target.set_for(family))
    if not tables:
        return {}
    own = cost(target, net)
    features = totals(target.kind, [network], target.array)
    result = {}
    for metric, table in tables.items():
        value = getattr(own, metric)
        if value is None or value <= 0.0:
            continue
        latency = np.array([own.latency_ms])
        found = terms(target, family, metric, features, latency, [network])
        columns = dict(zip(found.names, found.columns[0].tolist(), strict=True))
        row = [columns.get(tuple(name.split(".")), 0.0) / value for name in table["terms"]]
        width, leverage = interval_width(table, np.array(row), level)
        result[metric] = (value, width, leverage)
    return result
