"""A layer table's factor and constant, fitted to networks that were measured as wholes."""

from __future__ import annotations

from ..errors import ArgumentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from .target import Target

__all__ = ["fitted"]


def fitted(
    target: Target,
    networks: Any,
    latency_ms: Sequence[float] | None,
    energy_mj: Sequence[float] | None,
    name: str | None,
) -> Target:
    """Return what `Target.fitted` says."""
    import numpy as np
    from scipy.optimize import nnls

    from ._layer_table import LayerTable
    from ._samples import samples
    from .target import layer_target

    table = target.table
    if not isinstance(table, LayerTable):
        raise ArgumentError(
            f"target {target.name!r} has no table of layers to be fitted; targets of other kinds "
            "are fitted by flash.calibrate"
        )
    measured = samples(networks, {"latency_ms": latency_ms, "energy_mj": energy_mj})
    plain = layer_target(table.changed(scale={}, overhead={}), target.name)
    scale, overhead, told = dict(table.scale), dict(table.overhead), {}
    for metric in table.metrics:
        values = np.array([getattr(one, metric) or np.nan for one in measured], float)
        if np.isnan(values).any():
            if metric == "latency_ms":
                raise ArgumentError("networks must all have a measured latency_ms")
            continue
        sums = np.array([getattr(plain.cost(one.net), metric) for one in measured])
        columns = [sums / values]
        if len(values) > 1:
            columns.append(1.0 / values)
        found, _ = nnls(np.stack(columns, axis=1), np.ones(len(values)))
        scale[metric] = float(found[0])
        overhead[metric] = float(found[1]) if len(found) > 1 else 0.0
        off = np.abs((scale[metric] * sums + overhead[metric]) / values - 1.0)
        told[metric] = {
            "networks": len(values),
            "mape_pct": float(100.0 * off.mean()),
            "max_pct": float(100.0 * off.max()),
        }
    if not scale["latency_ms"]:
        raise ArgumentError(
            "networks take no longer where their layers do, by this table: it cannot be scaled"
        )
    notes = {**table.notes, "fitted": told}
    changed = table.changed(scale=scale, overhead=overhead, notes=notes)
    made = layer_target(changed, target.name if name is None else name, target.description)
    return made.replace(parameters=target.parameters) if target.parameters else made
