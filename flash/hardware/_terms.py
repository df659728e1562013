"""What a metric is made of on a target: its columns of features, for a fit or an interval.

Taken from the compiled model by probing it, so that a fit and the model that uses it cannot
disagree, whatever links the kind has: with the chip's class given by its tiles, every metric is
``offset + columns @ coefficients``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .._record import Record
from . import COLUMNS, KINDS
from ._units import UNIT, unit_models
from .costing import operations

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from ..network import Network
    from . import Target
    from ._fitting import Array

__all__ = ["Terms", "candidates", "counts", "terms", "totals"]

_METRIC = {"latency_ms": 1, "energy_mj": 2, "area_mm2": 3}
_PARTS = {
    "latency_ms": ("latency_ms", "ic_latency_ms"),
    "energy_mj": ("energy_mj", "ic_energy_mj"),
    "area_mm2": ("area_mm2",),
}


class Terms(Record):
    """A metric of some networks, taken apart.

    Parameters
    ----------
    names : tuple of (str, str)
        (column, feature) of each coefficient, p of them.
    columns : array, shape (n, p)
    offset : array, shape (n,)
        What does not depend on these coefficients: the chip's area beyond its tiles, leakage.
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
        charged = np.array(rows).reshape(-1, 7)
        for feature, column in chosen.items():
            result[:, feature] = charged[:, column] * UNIT
    return result


def totals(kind: str, networks: Sequence[Network], array: tuple[float, ...] = (512, 512)) -> Array:
    """Return the features of networks, summed over their rows, shape (n, features)."""
    charged = [[one for row in operations(net) for one in row] for net in networks]
    ends = np.cumsum([len(one) for one in charged])[:-1]
    features = counts(kind, [one for listed in charged for one in listed], array)
    return np.array([part.sum(axis=0) for part in np.split(features, ends)])


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
    target: Target, family: str, metric: str, features: Array, latency_ms: Array | None = None
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
    """
    kind = KINDS[target.kind]
    model = target.model(family)
    place = {name: i for i, name in enumerate(kind.FEATURES)}
    names = [
        (column, feature)
        for column in _PARTS[metric]
        if column in kind.COLUMNS
        for feature in candidates(target, column)
    ]
    n = len(features)
    factors = {column: np.empty(n) for column in _PARTS[metric]}
    offset = np.empty(n)
    for i in range(n):
        base = [0.0] * 9
        if kind.SCALE is not None:
            base[1 + COLUMNS.index("tiles")] = float(features[i, place[kind.SCALE]])
        if metric == "energy_mj" and latency_ms is not None:
            base[1] = float(latency_ms[i]) / kind.QUANTUM[1]
        offset[i] = _read(model, base, metric)
        for column in factors:
            probe = list(base)
            probe[1 + COLUMNS.index(column)] = 1.0 / _quantum(kind, column)
            factors[column][i] = _read(model, probe, metric) - offset[i]
    columns = np.empty((n, len(names)))
    for k, (column, feature) in enumerate(names):
        columns[:, k] = features[:, place[feature]] * factors[column]
    return Terms(tuple(names), columns, offset)


def _read(model: Any, totals: list[float], metric: str) -> float:
    return float(model.metrics(totals)[_METRIC[metric]])


def _quantum(kind: Any, column: str) -> float:
    number: float = kind.QUANTUM[_METRIC[column.removeprefix("ic_")]]
    return number
