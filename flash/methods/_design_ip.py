"""The least-latency accelerator for a network, as an integer program.

One option of each part, together within every resource, of the least latency in all: a knapsack of
several constraints with a choice of one in each group, given to HiGHS (`scipy.optimize.milp`).
Options of which another takes no more of anything and is as fast are left out before.
"""

from __future__ import annotations

import numpy as np

from ..base.record import Record
from ..errors import ArgumentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from numpy.typing import NDArray

    from ..hardware.designs import DesignSpace

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

__all__ = ["Workload", "least_latency", "undominated", "unit_latencies", "workload"]


class Workload(Record):
    """What each part of an accelerator has to do for a network.

    Parameters
    ----------
    layers : tuple of float64 arrays, shape (layers, 7), one for each part
        taps, groups, input and output channels of a group, positions written, numbers read, bits.
    packed : dict of int to array of int64
        The operations of all cells with so many bits, as the core reads them.
    """

    layers: tuple[Floats, ...]
    packed: dict[int, Any]


def workload(design: DesignSpace, net: Any, bits: Sequence[int]) -> Workload:
    """Return a network's work; bits: of each cell (the stem goes with the first, the head with the
    last)."""
    from array import array

    from ..networks.operations import CONVOLUTIONS, charged

    names = [part.name for part in design.parts]
    rows: list[list[tuple[float, ...]]] = [[] for _ in names]
    packed: dict[int, Any] = {}
    cell, last = 0, len(bits) - 1
    counted = charged(net)
    for layer, operations in zip(counted.layers, counted.rows, strict=True):
        if layer.cell is not None:
            cell = layer.cell
        elif layer.kind == "linear" or cell:
            cell = last
        for one in operations:
            kind, kernel, into, out, groups, height, width, across, _, _, reads, _ = one
            if kind not in CONVOLUTIONS:
                continue
            own = bits[cell]
            packed.setdefault(own, array("q")).extend(one)
            single = groups == into > 1
            name = "depthwise" if single else "conv"
            if not single and kernel * across == 1 and groups == 1 and "pointwise" in names:
                name = "pointwise"
            rows[names.index(name)].append(
                (kernel * across, groups, into // groups, out // groups, height * width,
                 float(reads) * into, own)
            )  # fmt: skip
    return Workload(tuple(np.array(one, dtype=np.float64).reshape(-1, 7) for one in rows), packed)


def unit_latencies(
    layers: Floats, options: Sequence[dict[str, Any]], depthwise: bool, bits_per_cycle: float
) -> Floats:
    """Return the cycles of all layers of a part on each of its options, shape (options,).

    The formulas of `flash.hardware.fpga`.
    """
    taps, groups, into, out, spots, reads, bits = (layers[:, k][None] for k in range(7))
    names = ("into", "out", "bits", "weights_kib", "maps_kib")
    p_in, p_out, own, weights_kib, maps_kib = (
        np.array([one[name] for one in options], dtype=np.float64)[:, None] for name in names
    )
    if depthwise:
        cycles = np.ceil(taps / p_in) * np.ceil(groups * out / p_out)
    else:
        cycles = taps * groups * np.ceil(into / p_in) * np.ceil(out / p_out)
    cycles = cycles * spots * np.ceil(bits / own) ** 2
    weights, inputs = taps * into * groups * out * bits, reads * bits
    moved = np.minimum(
        inputs * np.ceil(weights / (8192.0 * weights_kib)) + weights,
        weights * np.ceil(inputs / (8192.0 * maps_kib)) + inputs,
    )
    moved = moved + spots * groups * out * bits
    total: Floats = np.maximum(cycles, moved / bits_per_cycle).sum(axis=1)
    return total


def undominated(costs: Floats, uses: Ints) -> list[int]:
    """Return the options of which no other is as fast and takes no more, the first of equals."""
    order = np.lexsort((np.arange(len(costs)), uses.sum(axis=1), costs))
    kept: list[int] = []
    for k in order.tolist():
        if not kept or not (uses[kept] <= uses[k]).all(axis=1).any():
            kept.append(k)
    return sorted(kept)


def least_latency(
    costs: Sequence[Floats], uses: Sequence[Ints], limits: Sequence[int]
) -> tuple[int, ...] | None:
    """Return the option of each part that together cost least within the limits, or None.

    Parameters
    ----------
    costs : sequence of float64 arrays, shape (options,), positive
    uses : sequence of int64 arrays, shape (options, resources)
    limits : sequence of int

    Raises
    ------
    ArgumentError
        If HiGHS gives up.
    """
    from itertools import pairwise

    from scipy.optimize import Bounds, LinearConstraint, milp

    kept = [np.array(undominated(c, u)) for c, u in zip(costs, uses, strict=True)]
    sizes = [len(one) for one in kept]
    starts = np.concatenate(([0], np.cumsum(sizes)))
    cost = np.concatenate([c[k] for c, k in zip(costs, kept, strict=True)])
    scale = float(cost.max()) or 1.0
    one_each = np.zeros((len(kept), starts[-1]))
    for part, (start, end) in enumerate(pairwise(starts)):
        one_each[part, start:end] = 1.0
    taken = np.concatenate([u[k] for u, k in zip(uses, kept, strict=True)]).T.astype(np.float64)
    most = np.array(limits, dtype=np.float64)
    size = np.maximum(most, 1.0)[:, None]
    constraints = [LinearConstraint(one_each, 1.0, 1.0)]
    if len(most):
        limit: Any = most / size[:, 0]
        constraints.append(LinearConstraint(taken / size, -np.inf, limit))
    found = milp(
        cost / scale,
        constraints=constraints,
        integrality=np.ones(len(cost)),
        bounds=Bounds(0.0, 1.0),
        options={"mip_rel_gap": 0.0},
    )
    if found.status == 2:
        return None
    if found.x is None:
        raise ArgumentError(f"HiGHS found no accelerator: {found.message}")
    return tuple(
        int(kept[part][int(np.argmax(found.x[start:end]))])
        for part, (start, end) in enumerate(pairwise(starts))
    )
