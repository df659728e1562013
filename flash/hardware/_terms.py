"""What a metric is made of on a target: its columns of features, for a fit or an interval.

Taken from the compiled model by probing it, so that a fit and the model that uses it cannot
disagree, whatever links the kind has: with the chip's class given by its tiles, every metric is
``offset + columns @ coefficients``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..base.names import COST_COLUMNS, Column, Metric
from ..base.record import Record
from ..networks.operations import Charged, charged
from . import KINDS
from ._columns import PARTS, quantum, read
from ._units import UNIT, unit_models

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from ..networks.network import Network
    from . import Target
    from ._fitting import Array

__all__ = ["Terms", "candidates", "counts", "terms", "totals"]


class Terms(Record):
    """A metric of some networks, taken apart.

    Parameters
    ----------
    names : tuple of (str, str)
        (column, feature) of each coefficient, p of them.
    columns : array, shape (n, p)
    offset : array, shape (n,)
        What does not depend on these coefficients: the chip's area beyond its tiles, the largest
        layer's buffers, leakage.
    """

    names: tuple[tuple[str, str], ...]
    columns: Array
    offset: Array


def counts(
    kind: str, operations: Sequence[tuple[int, ...]], array: tuple[float, ...] = (512, 512)
) -> Array:
    """Return the features of operations (see `flash.hardware.costing.operations`).

    array: rows and columns of the kind's array, `Target.array`.

    Returns
    -------
    array, shape (operations, features of the kind)
    """
    result = np.zeros((len(operations), len(KINDS[kind].FEATURES)))
    for chosen, model in unit_models(kind, array):
        rows: Any = model.charge(operations)  # type: ignore[arg-type]
        charged = np.array(rows).reshape(-1, Column.PARAMS)
        for feature, column in chosen.items():
            result[:, feature] = charged[:, column] * UNIT
    return result


def totals(
    kind: str, networks: Sequence[Network | Charged], array: tuple[float, ...] = (512, 512)
) -> Array:
    """Return the features of networks, shape (n, features): sums over their rows, or maxima."""
    listed = [[one for row in _counted(net).rows for one in row] for net in networks]
    ends = np.cumsum([len(one) for one in listed])[:-1]
    features = counts(kind, [one for rows in listed for one in rows], array)
    maxima = getattr(KINDS[kind], "MAXIMA", ())
    largest = np.array([name in maxima for name in KINDS[kind].FEATURES])
    return np.array(
        [
            np.where(largest, part.max(axis=0, initial=0.0), part.sum(axis=0))
            for part in np.split(features, ends)
        ]
    )


def _counted(net: Network | Charged) -> Charged:
    return net if isinstance(net, Charged) else charged(net)


def leaking_shares(target: Target, family: str, networks: Sequence[Network | Charged]) -> Array:
    """Return by what factor each network leaks more than its latency says, shape (n,)."""
    model = target.model(family)
    rest = [0, 0]  # no params, no MACs
    result = np.ones(len(networks))
    for i, net in enumerate(networks):
        totals = list(model.total(_counted(net).packed))
        whole = read(model, [*totals, *rest], "latency_ms")
        for k in (Column.ENERGY, Column.ENERGY_IN, Column.ENERGY_OUT):
            totals[k] = 0
        leaked = read(model, [*totals, *rest], "energy_mj")
        # the same of a network whose whole latency leaks as it is
        for k in range(Column.LATENCY, Column.SCALE):
            totals[k] = 0
        totals[Column.LEAK] = whole / KINDS[target.kind].QUANTUM[Metric.LATENCY]
        plain = read(model, [*totals, *rest], "energy_mj")
        result[i] = leaked / plain if plain > 0.0 else 1.0
    return result


def candidates(target: Target, column: str) -> tuple[str, ...]:
    """Return the features that a column may have.

    Those that the kind says (its COLUMN_FEATURES); else, where it has links, those that some
    shipped set uses; else all.
    """
    kind = KINDS[target.kind]
    named: dict[str, tuple[str, ...]] = getattr(kind, "COLUMN_FEATURES", {})
    if column in named:
        return named[column]
    used = {f for one in target.coefficients.values() for f, v in one.get(column, {}).items() if v}
    if kind.LINKS:
        return tuple(f for f in kind.FEATURES if f in used)
    return tuple(kind.FEATURES)


def terms(
    target: Target,
    family: str,
    metric: str,
    features: Array,
    latency_ms: Array | None = None,
    networks: Sequence[Network | Charged] | None = None,
) -> Terms:
    """Return a metric's columns for networks of given features.

    Parameters
    ----------
    target : Target
    family : str
        Whose set of coefficients and links counts; "" for none.
    metric : {"latency_ms", "energy_mj", "area_mm2"}
    features : array, shape (n, features of the kind)
        Totals of the networks.
    latency_ms : array, shape (n,), optional
        Of the networks, for energy that grows with it.
    networks : sequence of Network, optional
        The networks themselves, of which features do not tell by what factor they leak more than
        their latency says (`leaking_shares`; else 1), nor which layer is the largest in all (else
        the largest of each feature count together).
    """
    kind = KINDS[target.kind]
    model = target.model(family)
    place = {name: i for i, name in enumerate(kind.FEATURES)}
    names = [
        (column, feature)
        for column in PARTS[metric]
        if column in kind.COLUMNS
        for feature in candidates(target, column)
    ]
    n = len(features)
    factors = {column: np.empty(n) for column in PARTS[metric]}
    offset = np.empty(n)
    leaking, largest = np.ones(n), _largest(target, family, metric, features, networks)
    if metric == "energy_mj" and networks is not None:
        leaking = leaking_shares(target, family, networks)
    for i in range(n):
        base = [0.0] * (Column.MACS + 1)
        if kind.SCALE is not None:
            base[Column.SCALE] = float(features[i, place[kind.SCALE]])
        if metric == "energy_mj" and latency_ms is not None:
            leaks = float(leaking[i] * latency_ms[i])
            base[Column.LEAK] = leaks / kind.QUANTUM[Metric.LATENCY]
        base[Column.PEAK] = float(largest[i]) / kind.QUANTUM[Metric.AREA]
        offset[i] = read(model, base, metric)
        for column in factors:
            if (metric, kind.SCALE) == ("area_mm2", "tiles"):
                # the scale's own area is a link: what the model has of it is no offset
                factors[column][i] = 1.0
                own = model.links.get("area_per_scale", 0.0)
                offset[i] -= own * float(features[i, place[kind.SCALE]])
                continue
            probe = list(base)
            probe[Column.LATENCY + COST_COLUMNS.index(column)] = 1.0 / quantum(kind, column)
            factors[column][i] = read(model, probe, metric) - offset[i]
    columns = np.empty((n, len(names)))
    for k, (column, feature) in enumerate(names):
        columns[:, k] = features[:, place[feature]] * factors[column]
    return Terms(tuple(names), columns, offset)


def _largest(
    target: Target,
    family: str,
    metric: str,
    features: Array,
    networks: Sequence[Network | Charged] | None,
) -> Array:
    """Return the area that each network needs once, for its largest layer."""
    kind = KINDS[target.kind]
    peak = target.coefficients[target.set_for(family)].get("peak_mm2", {})
    if metric != "area_mm2" or not peak:
        return np.zeros(len(features))
    if networks is None:
        result = np.zeros(len(features))
        for name, value in peak.items():
            result += value * features[:, kind.FEATURES.index(name)]
        return result
    model = target.model(family)
    unit: float = kind.QUANTUM[Metric.AREA]
    return np.array([unit * model.total(_counted(net).packed)[Column.PEAK] for net in networks])
