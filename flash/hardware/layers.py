"""Targets of one's own layers: what each layer, or each block of them, costs is told from outside.

Either by a table of measured layers and blocks (`Target.from_layer_table`) or by a Python function
of a layer (`LayerTarget`). The costs of a network are the sums over its rows, and what a network
takes beyond that. There are no coefficients: the field `table` of such a target holds what charges.
"""

from __future__ import annotations

from ..base.names import COSTS, Metric
from .cpu import GROUPED, LINKS, SCALE, array, check_links, links

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from .._core.model.compile import Model
    from ._layer_table import LayerTable

__all__ = [
    "COLUMNS",
    "FEATURES",
    "GROUPED",
    "LINKS",
    "QUANTUM",
    "SCALE",
    "array",
    "check_links",
    "check_table",
    "links",
    "model",
]

FEATURES: tuple[str, ...] = ()
COLUMNS = COSTS
# score, latency, energy, area, params, macs: totals end at 2^21 milliseconds, half an hour
QUANTUM = (2.0**-36, 2.0**-32, 2.0**-32, 2.0**-32, 1.0, 1.0)


def check_table(where: str, data: Any) -> LayerTable:
    """Return the table of a target file, checked."""
    from ._layer_reading import from_data

    return from_data(where, data)


def model(metrics: tuple[str, ...]) -> Model:
    """Return a core model that has the links and metrics of such a target, and charges nothing."""
    from .._core.model.compile import Model

    known = [Metric.SCORE, Metric.PARAMS, Metric.MACS]
    known += [k for k, one in enumerate(COSTS, Metric.LATENCY) if one in metrics]
    modelled: Mapping[str, Any] = {"modelled": sum(1 << k for k in known)}
    return Model("cpu", (), QUANTUM, dict(modelled), (1, 1))
