"""Bounds on costs that every network meets whose upper end of an interval is within a budget.

The upper end of a network with the columns a and the cost v is at least

    u(v, q) = v exp(w sqrt(1 + c + k s(v)^2 + (q / v)^2)),  q = sqrt(a' Q a)

where s is how many times v lies above the greatest cost that was measured, v1, or below the least,
v0, as a logarithm (negative there), and c what lies beyond the measured range in every network of a
space (see `_prediction`). The set ``u <= B`` is convex in (v, q). With z = ln v it is
``q <= v S(z)``, ``S^2 = ((ln B - z) / w)^2 - 1 - c - k s^2``, and v S(ln v) has the second
derivative ``(S' + S'') / v``: where S > 0, both are below 0. From v0 on S falls, and as
``S <= (ln B - z) / w`` its slope is at least 1 / w in size; so S'' < 0 follows from
``S S'' + S'^2 = 1 / w^2``, less k beyond v1. Below v0 with ``A = ln B - z`` and ``m = ln v0 - z``
``S S' = k m - A / w^2``; from S > 0 ``A > w sqrt(k) m``, so S' < 0 if ``k w^2 <= 1``; and S'' <= 0
as ``S'^2 S^2 - (1 / w^2 - k) (A^2 / w^2 - k m^2) = (k / w^2) (A - m)^2`` is not below 0. (Where
``k w^2 > 1`` nothing is made of v0: u is then bounded from below.)
v is linear in a, and q a norm of it that u rises with. So for each point of the curve ``u = B`` and
each y with ``y a <= q`` for all a its tangent is a bound

    v + m (y a) <= v' + m q',  m = u_q / u_v at (v', q')

on a cost of the same kind with other coefficients. With ``y = Q r / sqrt(r' Q r)`` of a network r
and the point of the curve on the way to it, the bound cuts r off if r is over budget.
(Reconstruction: none of the papers implemented here has it.)
"""

from __future__ import annotations

import math

from ..base.names import TERMS
from ..base.record import Record
from . import KINDS
from ._parts import features_of, parts_of
from ._prediction import GAMMA, width_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from ..networks.operations import Charged
    from .target import Target

__all__ = ["Cut", "End", "cut_at"]

ROWS = 4096  # a network's rows, each of which is rounded to a unit: by so many a limit is wider
NEAR = 1e-12  # ... and by this part, for the rounding of what makes it
HALVINGS = 60  # of an interval that holds a point of the curve; and of t, until nothing is negative


class Cut(Record):
    """A bound: the cost by these coefficients is at most `limit`.

    Parameters
    ----------
    limit : float
    coefficients : dict of str to dict of str to float
        ``{column: {feature: value}}`` of the columns that differ from the target's.
    """

    limit: float
    coefficients: Mapping[str, Mapping[str, float]]


class End:
    """The curve ``u = B`` of a metric.

    Parameters
    ----------
    target, family, metric, level
    budget : float
    beyond : float
        How far every network of the space lies outside of what was measured, squared, but for its
        size; 0 is always right.
    """

    def __init__(
        self,
        target: Target,
        family: str,
        metric: str,
        level: float,
        budget: float,
        beyond: float = 0.0,
    ) -> None:
        place = target.set_for(family)
        self.target, self.family, self.metric = target, family, metric
        self.table: Mapping[str, Any] = (target.intervals or {})[place][metric]
        self.width = width_of(self.table["scores"], level)
        self.budget = budget
        self.k = GAMMA**2 * max(self.table["most"], 1.0)
        self.c = self.k * beyond
        ranges = target.calibrated_ranges.get(place) or {}
        low, high = ranges.get("network", {}).get(metric, (0.0, math.inf))
        self.largest = high if low > 0 else math.inf
        self.least = low if self.k * self.width**2 <= 1.0 else 0.0

    def outside(self, v: float) -> float:
        """Return how many times a cost lies above the measured ones, or below (negative), as a
        logarithm."""
        if v > self.largest:
            return math.log(v / self.largest)
        return math.log(v / self.least) if v < self.least else 0.0

    def root(self, v: float, t: float) -> float:
        return math.sqrt(1.0 + self.c + self.k * self.outside(v) ** 2 + t * t)

    def on_curve(self, t: float) -> float:
        """Return v of the point of the curve with ``q / v = t``, or a little more."""
        low, high = 0.0, self.budget
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            if math.log(middle / self.budget) + self.width * self.root(middle, t) <= 0.0:
                low = middle
            else:
                high = middle
        return high  # outward

    def tangent(self, t: float) -> tuple[float, float, float]:
        """Return (v, q, m) of the point with ``q / v = t``."""
        v = self.on_curve(t)
        root = self.root(v, t)
        rises = 1.0 + self.width * (self.k * self.outside(v) - t * t) / root
        return v, t * v, self.width * t / root / rises if rises > 0.0 else -1.0

    def flat(self) -> Cut:
        """Return the bound that knows nothing of a network."""
        return Cut(self.wider(self.on_curve(0.0)), {})

    def wider(self, limit: float) -> float:
        """Return a limit that rounding cannot break."""
        unit: float = KINDS[self.target.kind].QUANTUM[TERMS.index(self.metric)]
        return limit * (1.0 + NEAR) + ROWS * unit


def cut_at(end: End, counted: Charged, costs: Mapping[str, float]) -> Cut:
    """Return the bound by one network, with no negative coefficient.

    costs: the network's own.
    """
    target, table, value = end.target, end.table, costs[end.metric]
    features = features_of(target.kind, counted, target.array)
    latency = costs["latency_ms"]
    parts = parts_of(target, end.family, end.metric, features, latency, counted)
    own = dict(zip(parts.names, parts.columns, strict=True))
    names = [tuple(name.split(".")) for name in table["terms"]]
    row = [own.get(name, 0.0) / value for name in names]
    slope = [sum(q * x for q, x in zip(line, row, strict=True)) for line in table["inverse"]]
    norm = math.sqrt(max(0.0, sum(x * y for x, y in zip(row, slope, strict=True))))
    known = target.coefficients[target.set_for(end.family)]
    t = norm
    for _ in range(HALVINGS if norm > 0.0 else 0):
        v, q, m = end.tangent(t)
        if m >= 0.0:
            bent = {column: dict(known.get(column, {})) for column, _ in names}
            for (column, feature), y in zip(names, slope, strict=True):
                bent[column][feature] = bent[column].get(feature, 0.0) + m * y / norm
            if all(one >= 0.0 for each in bent.values() for one in each.values()):
                return Cut(end.wider(v + m * q), bent)
        t /= 2.0
    return end.flat()
