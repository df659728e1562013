"""What a network's totals cost, for all twins and peers: bit for bit what flash reports.

The one definition is `flash_metrics` in flash/_core/tables/problem.h; this is its twin for numba
and numpy, as a good user would write it once for all of a program.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numba
import numpy as np

from flash._core.tables.tables import COLUMNS

if TYPE_CHECKING:
    from typing import Any

    from flash._core.model.compile import Model

SCORE, LATENCY, LATENCY_IN, LATENCY_OUT, ENERGY, ENERGY_IN, ENERGY_OUT = range(7)
LEAK, LEAK_IN, SCALE, AREA, PEAK, PARAMS, MACS = range(7, len(COLUMNS))
COSTS = PARAMS  # columns up to here make score, latency, energy and area
# of a class: its greatest scale, and what it multiplies or adds
BOUND, F_IN, F_OUT, H_IN, H_OUT, F_LEAK_OUT, CLASS_AREA = range(7)


class Links:
    """A model's links in numpy arrays.

    Attributes
    ----------
    quantum : float64 array of shape (6,)
    bounds : float64 array of shape (classes,)
        The greatest scale of each class.
    classes : float64 array of shape (classes, 7)
    numbers : tuple of two floats
        Leakage, and area, per unit of the scale.
    """

    def __init__(self, model: Model) -> None:
        known = model.links
        self.quantum = np.array(known["quantum"])
        classes = known["classes"]
        self.linked = classes is not None
        none = [(np.inf, *[0.0] * 6)]
        self.classes = np.array([list(one) for one in (none if classes is None else classes)])
        self.bounds = np.ascontiguousarray(self.classes[:, BOUND])
        self.numbers = float(known.get("leakage", 0.0)), float(known.get("area_per_scale", 0.0))

    def metrics(self, total: Any) -> tuple[Any, Any, Any]:
        """Return latency, energy and area of column totals, shape (columns, n)."""
        own = self.classes[np.searchsorted(self.bounds, total[SCALE])].T
        found: tuple[Any, Any, Any] = costs.py_func(total, own, self.quantum, self.numbers)
        return found


@numba.njit(cache=True, inline="always")
def costs(x, own, quantum, numbers):  # type: ignore[no-untyped-def]
    """Latency, energy and area of column totals, with the numbers of their class."""
    leakage, per_scale = numbers
    ms, mj = quantum[1], quantum[2]
    out = ms * x[LATENCY_OUT]
    latency = ms * x[LATENCY] + (own[F_IN] * (ms * x[LATENCY_IN]) + own[F_OUT] * out)
    leaking = ms * x[LEAK] + (own[F_IN] * (ms * x[LEAK_IN]) + own[F_LEAK_OUT] * out)
    energy = mj * x[ENERGY] + (own[H_IN] * (mj * x[ENERGY_IN]) + own[H_OUT] * (mj * x[ENERGY_OUT]))
    energy = energy + (leakage * x[SCALE]) * leaking
    area = quantum[3] * (x[AREA] + x[PEAK]) + (per_scale * x[SCALE] + own[CLASS_AREA])
    return latency, energy, area


def added(parts: list[Any]) -> Any:
    """Return the totals of some cells' columns, shape (columns, n): sums; of peaks the maximum."""
    total = parts[0].copy()
    for part in parts[1:]:
        peak = np.maximum(total[PEAK], part[PEAK])
        total += part
        total[PEAK] = peak
    return total
