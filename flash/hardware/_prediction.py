"""Prediction intervals of a network's costs, and how far it is from the measured ones.

Of a network with the value v of a metric the interval is ``v exp(-w)`` to ``v exp(w)`` with
``w = width(level) sqrt(1 + h + b)``. The width is that of networks like the measured ones; h, a
quadratic form of the network's columns over v, says how unlike the measured ones it is made up
(see `flash.hardware._fitting.interval_table`); b, `GAMMA` squared times the greatest h of a
measured network times `_beyond`, how much larger it is, and whether it has what none of them had.
Its distance is the root of h, over that greatest one, and `_beyond`.
"""

from __future__ import annotations

from .._core.tables.tables import exponential, logarithm, square_root
from ..base.checks import number
from ..base.names import COSTS, Column
from . import KINDS
from ._classes import as_in_class, unseen_class
from ._parts import features_of, parts_of
from .costing import cost, family_and_charged, own_tile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from ..networks.cell_networks import Net
    from ..networks.operations import Charged
    from . import Target

# How much farther a network is, in parts of the farthest measured, where it is e times as large as
# any of them, or has what none of them had. Chosen, with `KAPPA` of `_fitting`, on measured sets;
# benchmarks.models.intervals judges what one half of the sets would choose on the other half.
GAMMA = 0.5

__all__ = [
    "area_of_all",
    "distances",
    "distances_of",
    "interval",
    "interval_width",
    "lacking_features",
    "unseen_features",
    "width_of",
]


def interval(target: Target, net: Net, level: float) -> dict[str, tuple[float, float]]:
    """Return (low, high) of each cost that the target has intervals of; see `Target.interval`."""
    level = float(number("level", level, 0.5, 0.99))
    target = own_tile(target, net)
    family, counted = family_and_charged(net, target)
    costs = cost(target, net)
    own = {metric: getattr(costs, metric) for metric in target.metrics}
    found = {}
    beside = _beside(target, family, counted, own)
    for metric, (value, width, *_) in _widths(target, family, counted, own, level).items():
        half = min(width, 700.0)  # an exponential that is still a number
        low, high = beside.get(metric, (value, value))
        found[metric] = (low * exponential(-half), high * exponential(half))
    return found


def _beside(
    target: Target, family: str, counted: Charged, own: Mapping[str, float]
) -> dict[str, tuple[float, float]]:
    """Return between which costs a network lies whose class has no run: those that the nearest
    classes with one would give it. Empty where its class has a run."""
    if target.table is not None:
        return {}
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
    target = own_tile(target, net)
    family, counted = family_and_charged(net, target)
    costs = cost(target, net)
    own = {metric: getattr(costs, metric) for metric in target.metrics}
    return distances_of(target, family, counted, own)


def distances_of(
    target: Target, family: str, counted: Charged, own: Mapping[str, float | None]
) -> dict[str, float]:
    """Return the same of what a network is charged for, with its costs."""
    tables = (target.intervals or {}).get(target.set_for(family), {})
    return {
        metric: square_root(leverage / max(tables[metric]["most"], 1e-12) + beyond)
        for metric, (_, _, leverage, beyond) in _widths(target, family, counted, own, 0.9).items()
    }


def _widths(
    target: Target, family: str, counted: Charged, own: Mapping[str, float | None], level: float
) -> dict[str, tuple[float, float, float, float]]:
    """Return (value, half width of its logarithm, h, `_beyond`) of each metric with intervals.

    A result asks for them twice, for its intervals and for its flags: the last are kept.
    """
    asked = (id(target), family, level, *(own.get(metric) for metric in COSTS))
    kept = counted.widths
    if kept is not None and kept[0] == asked:
        found: dict[str, tuple[float, float, float, float]] = kept[2]
        return found
    result = _made_widths(target, family, counted, own, level)
    counted.widths = (asked, target, result)  # holding the target keeps its id its own
    return result


def _made_widths(
    target: Target, family: str, counted: Charged, own: Mapping[str, float | None], level: float
) -> dict[str, tuple[float, float, float, float]]:
    place = target.set_for(family)
    tables = (target.intervals or {}).get(place)
    if not tables:
        return {}
    features = features_of(target.kind, counted, target.array)
    ranges = target.calibrated_ranges.get(place) or {}
    scale = float(target.model(family).total(counted.packed)[Column.SCALE])
    new_class = unseen_class(target, family, scale) is not None
    result = {}
    for metric, table in tables.items():
        value = own.get(metric)
        if value is None or value <= 0.0:
            continue
        latency = own["latency_ms"]
        parts = parts_of(target, family, metric, features, latency, counted)
        columns = dict(zip(parts.names, parts.columns, strict=True))
        row = [columns.get(tuple(name.split(".")), 0.0) / value for name in table["terms"]]
        beyond = _beyond(target, ranges, metric, value, counted, features) + new_class
        width, leverage = interval_width(table, row, level, beyond)
        result[metric] = (value, width, leverage, beyond)
    return result


def _beyond(
    target: Target,
    ranges: Mapping[str, Any],
    metric: str,
    value: float,
    counted: Charged,
    features: Sequence[float],
) -> float:
    """Return how far a network lies outside of what was measured, squared.

    The squares of the logarithms of how many times its value, and its largest layer's positions,
    lie outside the calibrated range; and 1 where it has a feature that no measured network had.
    """
    low, high = ranges.get("network", {}).get(metric, (value, value))
    size = logarithm(max(value / high, low / value, 1.0)) if low > 0 else 0.0
    lacking = bool(lacking_features(target, ranges, features))
    return size**2 + _area(ranges, counted) + lacking


def _area(ranges: Mapping[str, Any], counted: Charged) -> float:
    """Return the square of the logarithm of how many times the largest layer is too large."""
    weighted = (layer for layer in counted.layers if layer.kind in ("conv", "linear"))
    positions = max((layer.out_height * layer.out_width for layer in weighted), default=1)
    most = ranges.get("layer", {}).get("positions", (1, positions))[1]
    return logarithm(max(positions / most, 1.0)) ** 2


def lacking_features(
    target: Target, ranges: Mapping[str, Any], features: Sequence[float]
) -> list[str]:
    """Return the features of a network that no measured one had."""
    seen = ranges.get("features", {})
    named = zip(KINDS[target.kind].FEATURES, features, strict=True)
    return [name for name, one in named if one > 0 and name in seen and seen[name][1] == 0]


def unseen_features(target: Target, family: str) -> tuple[str, ...]:
    """Return the features that no measured network had."""
    ranges = target.calibrated_ranges.get(target.set_for(family)) or {}
    return tuple([name for name, (_, high) in ranges.get("features", {}).items() if high == 0])


def area_of_all(target: Target, family: str, counted: Charged, resolutions: int) -> float:
    """Return what the largest layer adds to `_beyond` in every network of a space.

    counted: one of them; resolutions: how many the space has: with one the largest layer is as
    large in all of them, for it reads the image.
    """
    ranges = target.calibrated_ranges.get(target.set_for(family)) or {}
    return _area(ranges, counted) if resolutions == 1 else 0.0


def interval_width(
    table: Mapping[str, Any], row: Sequence[float] | None, level: float, beyond: float = 0.0
) -> tuple[float, float]:
    """Return (half width of ln(metric), leverage) of a network.

    row: its columns over its prediction, p numbers; None for one without leverage; beyond: how far
    it lies outside of what was measured, squared. With fewer than ``level / (1 - level)`` groups
    their greatest score says too little, and Student's t of their mean square takes over where it
    is wider.
    """
    width = width_of(table["scores"], level)
    leverage = 0.0
    if row is not None:
        own = [sum(q * x for q, x in zip(line, row, strict=True)) for line in table["inverse"]]
        leverage = max(0.0, sum(x * y for x, y in zip(row, own, strict=True)))
    more = GAMMA**2 * max(table["most"], 1.0) * beyond if beyond else 0.0
    return width * square_root(1.0 + leverage + more), leverage


def width_of(scores: Sequence[float], level: float) -> float:
    """Return the half width of ln(metric) of a network like those of the calibration."""
    n = len(scores)
    rank = (n + 1) * level
    if rank <= n:
        if rank < 1:
            return 0.0
        # between order statistics, so that a mean over samples of this size covers the level
        below = int(rank)
        low, high = scores[below - 1], scores[min(below, n - 1)]
        return low + (rank - below) * (high - low)
    from scipy.special import stdtrit

    spread = square_root(sum(s * s for s in scores) / n)
    return max(scores[-1], float(stdtrit(max(1, n - 1), 0.5 + level / 2)) * spread)
