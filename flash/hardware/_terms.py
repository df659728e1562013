"""What metrics of many networks are made of on a target, as arrays: for a fit. See `_parts`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..base.names import Column
from ..base.record import Record
from ..networks.operations import Charged, charged
from . import KINDS
from ._parts import candidates, names_of, parts_of
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


def terms(
    target: Target,
    family: str,
    metric: str,
    features: Array,
    latency_ms: Array | None = None,
    networks: Sequence[Network | Charged] | None = None,
) -> Terms:
    """Return a metric's columns for networks of given features: see `parts_of`.

    Parameters
    ----------
    target, family, metric
    features : array, shape (n, features of the kind)
        Totals of the networks.
    latency_ms : array, shape (n,), optional
        Of the networks, for energy that grows with it.
    networks : sequence of Network, optional
        The networks themselves, of which features do not tell all.
    """
    names = names_of(target, metric)
    columns, offset = np.empty((len(features), len(names))), np.empty(len(features))
    for i, row in enumerate(features.tolist()):
        latency = None if latency_ms is None else float(latency_ms[i])
        counted = None if networks is None else _counted(networks[i])
        parts = parts_of(target, family, metric, row, latency, counted)
        columns[i], offset[i] = parts.columns, parts.offset
    return Terms(tuple(names), columns, offset)
