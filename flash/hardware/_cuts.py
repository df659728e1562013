"""Lower bounds on the upper end of a cost's interval that are costs of the same kind of model.

The upper end of a network with the columns a and the cost v is at least
``u(a) = v G(q / v)`` with ``q = sqrt(a' Q a)`` and ``G(t) = exp(w sqrt(1 + t^2))`` (see
`_prediction`; what lies beyond the measured range adds to it). G is convex and rises, v is linear
and q a norm of a: u is convex and homogeneous. So each tangent of G at some t and each y with
``y a <= q`` for all a give a bound on it for every network:

    u(a) >= (G(t) - t G'(t)) v + G'(t) y a

which is a cost with other coefficients, times a factor. With ``y = Q r / sqrt(r' Q r)`` and t of a
network r, it is u itself there. (Reconstruction: no paper of those implemented here has it.)
"""

from __future__ import annotations

import math

from ..base.record import Record
from ._parts import features_of, parts_of
from ._prediction import width_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from ..networks.operations import Charged
    from .target import Target

__all__ = ["Cut", "cut_at", "flat_cut"]

HALVINGS = 40  # of t, until no coefficient is negative


class Cut(Record):
    """A bound: the upper end is at least `factor` times the cost by these coefficients.

    Parameters
    ----------
    factor : float
    coefficients : dict of str to dict of str to float
        ``{column: {feature: value}}`` of the columns that differ from the target's.
    """

    factor: float
    coefficients: Mapping[str, Mapping[str, float]]


def flat_cut(target: Target, family: str, metric: str, level: float) -> Cut:
    """Return the bound that knows nothing of a network: ``exp(w)`` times its cost."""
    return Cut(math.exp(width_of(_table(target, family, metric)["scores"], level)), {})


def cut_at(
    target: Target,
    family: str,
    counted: Charged,
    costs: Mapping[str, float],
    metric: str,
    level: float,
) -> Cut:
    """Return the bound that is closest at one network, with no negative coefficient.

    costs: the network's own.
    """
    table, value = _table(target, family, metric), costs[metric]
    features = features_of(target.kind, counted, target.array)
    parts = parts_of(target, family, metric, features, costs["latency_ms"], counted)
    own = dict(zip(parts.names, parts.columns, strict=True))
    names = [tuple(name.split(".")) for name in table["terms"]]
    row = [own.get(name, 0.0) / value for name in names]
    slope = [sum(q * x for q, x in zip(line, row, strict=True)) for line in table["inverse"]]
    t = math.sqrt(max(0.0, sum(x * y for x, y in zip(row, slope, strict=True))))
    flat = flat_cut(target, family, metric, level)
    if t == 0.0:
        return flat
    width = math.log(flat.factor)
    known = target.coefficients[target.set_for(family)]
    for _ in range(HALVINGS):
        root = math.sqrt(1.0 + t * t)
        rise = width * t / root  # G' / G
        share = 1.0 - t * rise  # (G - t G') / G
        if share > 0.0:
            norm = math.sqrt(sum(x * y for x, y in zip(row, slope, strict=True)))
            bent: dict[str, dict[str, float]] = {
                column: dict(known.get(column, {})) for column, _ in names
            }
            for (column, feature), y in zip(names, slope, strict=True):
                before = bent[column].get(feature, 0.0)
                bent[column][feature] = before + rise / share * y / norm
            if all(v >= 0.0 for one in bent.values() for v in one.values()):
                return Cut(math.exp(width * root) * share, bent)
        t /= 2.0
    return flat


def _table(target: Target, family: str, metric: str) -> Mapping[str, Any]:
    table: Mapping[str, Any] = (target.intervals or {})[target.set_for(family)][metric]
    return table
