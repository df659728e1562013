"""What a metric of one network is made of, and how wide its interval is: without numpy.

A search's flags need it, and a plain search loads nothing heavy. `_terms` and `_fitting` do the
same for many networks.
"""

from __future__ import annotations

import math

from ..base.names import COST_COLUMNS, TERMS, Column
from ._units import UNIT, unit_models

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from ..networks.operations import Charged
    from . import Target

__all__ = ["GAMMA", "PARTS", "amounts", "interval_width", "quantum", "read", "row"]

PARTS = {
    "latency_ms": ("latency_ms", "bus_in_ms", "bus_out_ms"),
    "energy_mj": ("energy_mj", "bus_in_mj", "bus_out_mj"),
    "area_mm2": ("area_mm2",),
}
# How much farther a network is that is e times as large as any measured, or has what none of them
# had, in parts of the farthest measured.
GAMMA = 0.5


def read(model: Any, totals: Sequence[float], metric: str) -> float:
    """Return a metric of totals."""
    return float(model.metrics(totals)[TERMS.index(metric)])


def quantum(kind: Any, column: str) -> float:
    """Return the unit of a column's totals."""
    metric = next(metric for metric, parts in PARTS.items() if column in parts)
    number: float = kind.QUANTUM[TERMS.index(metric)]
    return number


def amounts(target: Target, counted: Charged) -> dict[str, float]:
    """Return a network's features: sums over its rows, or maxima."""
    from . import KINDS

    names = KINDS[target.kind].FEATURES
    found: dict[str, float] = {}
    for carried, model in unit_models(target.kind, target.array):
        total = model.total(counted.packed)
        for feature, column in carried.items():
            found[names[feature]] = total[column] * UNIT
    return found


def row(
    target: Target, family: str, metric: str, had: Mapping[str, float], names: Sequence[str]
) -> list[float]:
    """Return a network's columns of a metric, by its features: see `flash.hardware._terms.terms`.

    names: "column.feature" of each.
    """
    from . import KINDS

    kind = KINDS[target.kind]
    model = target.model(family)
    base = [0.0] * (Column.MACS + 1)
    if kind.SCALE is not None:
        base[Column.SCALE] = had[kind.SCALE]
    floor = read(model, base, metric)
    factors: dict[str, float] = {}
    result = []
    for name in names:
        column, feature = name.split(".")
        if column not in factors:
            probe = list(base)
            probe[Column.LATENCY + COST_COLUMNS.index(column)] = 1.0 / quantum(kind, column)
            one = read(model, probe, metric) - floor
            # the scale's own area is a link: see `terms`
            factors[column] = 1.0 if (metric, kind.SCALE) == ("area_mm2", "tiles") else one
        result.append(had[feature] * factors[column])
    return result


def interval_width(
    table: Mapping[str, Any], row: Sequence[float] | None, level: float, beyond: float = 0.0
) -> tuple[float, float]:
    """Return (half width of ln(metric), leverage) of a network.

    row: its columns over its prediction, shape (p,); None for one without leverage; beyond: how far
    it lies outside of what was measured, squared (see `flash.hardware._prediction`). With fewer
    than ``level / (1 - level)`` groups their greatest score says too little, and Student's t of
    their mean square takes over where it is wider.
    """
    scores = table["scores"]
    n = len(scores)
    rank = (n + 1) * level
    if rank <= n:
        # between order statistics, so that a mean over samples of this size covers the level
        low = int(rank)
        width = 0.0
        if low >= 1:
            high = min(low, n - 1)
            width = scores[low - 1] + (rank - low) * (scores[high] - scores[low - 1])
    else:
        from scipy.special import stdtrit

        spread = math.sqrt(sum(one * one for one in scores) / n)
        width = max(scores[-1], float(stdtrit(max(1, n - 1), 0.5 + level / 2)) * spread)
    own = [] if row is None else [float(one) for one in row]
    leverage = 0.0
    for one, line in zip(own, table["inverse"], strict=bool(own)):
        leverage += one * sum(a * b for a, b in zip(line, own, strict=True))
    leverage = max(0.0, leverage)
    more = GAMMA**2 * max(table["most"], 1.0) * beyond if beyond else 0.0
    return float(width) * math.sqrt(1.0 + leverage + more), leverage
