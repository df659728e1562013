"""What a metric of one network is made of on a target; without arrays, so that a result's interval
and flags load none.

Taken from the compiled model by probing it, so that a fit, an interval and the model that uses the
coefficients cannot disagree, whatever links the kind has: with the chip's class given by its tiles,
every metric is ``offset + sum(column * coefficient)``.
"""

from __future__ import annotations

from ..base.names import COST_COLUMNS, TERMS, Column, Metric
from . import KINDS
from ._units import UNIT, unit_models

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from ..networks.operations import Charged
    from . import Target

__all__ = ["PARTS", "Parts", "candidates", "features_of", "leaking_share", "names_of", "parts_of"]

PARTS = {
    "latency_ms": ("latency_ms", "bus_in_ms", "bus_out_ms"),
    "energy_mj": ("energy_mj", "bus_in_mj", "bus_out_mj"),
    "area_mm2": ("area_mm2",),
}


class Parts:
    """A metric of one network, taken apart.

    Attributes
    ----------
    names : list of (str, str)
        (column, feature) of each coefficient, p of them.
    columns : list of float
    offset : float
        What does not depend on these coefficients: the chip's area beyond its tiles, the largest
        layer's buffers, leakage.
    """

    __slots__ = ("columns", "names", "offset")

    def __init__(self, names: list[tuple[str, str]], columns: list[float], offset: float) -> None:
        self.names, self.columns, self.offset = names, columns, offset


def features_of(kind: str, counted: Charged, array: tuple[float, ...]) -> list[float]:
    """Return a network's features, in the kind's order: sums over its rows, or maxima."""
    result = [0.0] * len(KINDS[kind].FEATURES)
    for chosen, model in unit_models(kind, array):
        total = model.total(counted.packed)
        for feature, column in chosen.items():
            result[feature] = total[column] * UNIT
    return result


def candidates(target: Target, column: str) -> tuple[str, ...]:
    """Return the features that a column may have.

    Those that the kind says (its COLUMN_FEATURES); else, where it has links, those that some
    set of the target uses; else all, of its WITH_BASE those that some set uses.
    """
    kind = KINDS[target.kind]
    named: dict[str, tuple[str, ...]] = getattr(kind, "COLUMN_FEATURES", {})
    if column in named:
        return named[column]
    used = {f for one in target.coefficients.values() for f, v in one.get(column, {}).items() if v}
    if kind.LINKS:
        return tuple(f for f in kind.FEATURES if f in used)
    beside: tuple[str, ...] = getattr(kind, "WITH_BASE", ())
    return tuple([f for f in kind.FEATURES if f not in beside or f in used])


def names_of(target: Target, metric: str) -> list[tuple[str, str]]:
    """Return the (column, feature) of each coefficient of a metric."""
    kind = KINDS[target.kind]
    return [
        (column, feature)
        for column in PARTS[metric]
        if column in kind.COLUMNS
        for feature in candidates(target, column)
    ]


def leaking_share(target: Target, family: str, counted: Charged) -> float:
    """Return by what factor a network leaks more than its latency says."""
    model = target.model(family)
    totals: list[Any] = [*model.total(counted.packed), 0, 0]  # no params, no MACs
    whole = read(model, totals, "latency_ms")
    for k in (Column.ENERGY, Column.ENERGY_IN, Column.ENERGY_OUT):
        totals[k] = 0
    leaked = read(model, totals, "energy_mj")
    # the same of a network whose whole latency leaks as it is
    for k in range(Column.LATENCY, Column.SCALE):
        totals[k] = 0
    totals[Column.LEAK] = whole / KINDS[target.kind].QUANTUM[Metric.LATENCY]
    plain = read(model, totals, "energy_mj")
    return leaked / plain if plain > 0.0 else 1.0


def parts_of(
    target: Target,
    family: str,
    metric: str,
    features: Sequence[float],
    latency_ms: float | None = None,
    counted: Charged | None = None,
) -> Parts:
    """Return a metric's columns for a network of given features.

    Parameters
    ----------
    target : Target
    family : str
        Whose set of coefficients and links counts; "" for none.
    metric : {"latency_ms", "energy_mj", "area_mm2"}
    features : sequence of float
        Totals of the network, in the kind's order.
    latency_ms : float, optional
        Of the network, for energy that grows with it.
    counted : Charged, optional
        The network itself, of which features do not tell by what factor it leaks more than its
        latency says (else 1), nor which layer is the largest in all (else the largest of each
        feature count together).
    """
    kind = KINDS[target.kind]
    model = target.model(family)
    place = {name: i for i, name in enumerate(kind.FEATURES)}
    base = [0.0] * (Column.MACS + 1)
    scale = 0.0 if kind.SCALE is None else float(features[place[kind.SCALE]])
    if kind.SCALE is not None:
        base[Column.SCALE] = scale
    if metric == "energy_mj" and latency_ms is not None:
        share = 1.0 if counted is None else leaking_share(target, family, counted)
        base[Column.LEAK] = share * latency_ms / kind.QUANTUM[Metric.LATENCY]
    largest = _largest(target, family, metric, features, counted)
    base[Column.PEAK] = largest / kind.QUANTUM[Metric.AREA]
    offset = start = read(model, base, metric)
    factors = {}
    for column in PARTS[metric]:
        if (metric, kind.SCALE) == ("area_mm2", "tiles"):
            # the scale's own area is a link: what the model has of it is no offset
            factors[column] = 1.0
            offset -= model.links.get("area_per_scale", 0.0) * scale
            continue
        probe = list(base)
        probe[Column.LATENCY + COST_COLUMNS.index(column)] = 1.0 / _quantum(kind, column)
        factors[column] = read(model, probe, metric) - start
    names = names_of(target, metric)
    columns = [features[place[feature]] * factors[column] for column, feature in names]
    return Parts(names, columns, offset)


def _largest(
    target: Target,
    family: str,
    metric: str,
    features: Sequence[float],
    counted: Charged | None,
) -> float:
    """Return the area that a network needs once, for its largest layer."""
    kind = KINDS[target.kind]
    peak = target.coefficients[target.set_for(family)].get("peak_mm2", {})
    if metric != "area_mm2" or not peak:
        return 0.0
    if counted is None:
        one_by_one = (v * features[kind.FEATURES.index(name)] for name, v in peak.items())
        return float(sum(one_by_one))
    unit: float = kind.QUANTUM[Metric.AREA]
    total = target.model(family).total(counted.packed)
    return unit * float(total[Column.PEAK])


def read(model: Any, totals: list[float], metric: str) -> float:
    return float(model.metrics(totals)[TERMS.index(metric)])


def _quantum(kind: Any, column: str) -> float:
    metric = next(metric for metric, parts in PARTS.items() if column in parts)
    number: float = kind.QUANTUM[TERMS.index(metric)]
    return number
