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

__all__ = [
    "Charge",
    "Workload",
    "best_accelerator",
    "charge_of",
    "least_latency",
    "undominated",
    "unit_latencies",
    "workload",
]

FEW = 20_000  # accelerators that arrays compare sooner than HiGHS begins


class Workload(Record):
    """What each part of an accelerator has to do for a network.

    Parameters
    ----------
    layers : tuple of float64 arrays, shape (layers, 7), one for each part
        taps, groups, input and output channels of a group, positions written, numbers read, cell.
    packed : tuple of array of int64
        The operations of each cell, as the core reads them.
    """

    layers: tuple[Floats, ...]
    packed: tuple[Any, ...]


def workload(design: DesignSpace, net: Any, cells: int) -> Workload:
    """Return a network's work; the stem goes with the first cell, the head with the last."""
    from array import array

    from ..networks.operations import CONVOLUTIONS, charged

    names = [part.name for part in design.parts]
    rows: list[list[tuple[float, ...]]] = [[] for _ in names]
    packed: list[Any] = [array("q") for _ in range(cells)]
    cell, last = 0, cells - 1
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
            packed[cell].extend(one)
            single = groups == into > 1
            name = "depthwise" if single else "conv"
            if not single and kernel * across == 1 and groups == 1 and "pointwise" in names:
                name = "pointwise"
            rows[names.index(name)].append(
                (kernel * across, groups, into // groups, out // groups, height * width,
                 float(reads) * into, cell)
            )  # fmt: skip
    return Workload(
        tuple(np.array(one, dtype=np.float64).reshape(-1, 7) for one in rows), tuple(packed)
    )


class Charge(Record):
    """What a target charges for.

    Parameters
    ----------
    bits_per_cycle : float
        Of the memory.
    cycle, bit, mac, layer : float
        Milliseconds of a cycle of the longer of computing and traffic, of a bit moved, of a
        multiply-accumulate and of a layer.
    """

    bits_per_cycle: float
    cycle: float
    bit: float = 0.0
    mac: float = 0.0
    layer: float = 0.0


def charge_of(target: Any, family: str) -> Charge:
    """Return what an FPGA target charges for a family's networks."""
    own = target.coefficients[target.set_for(family)]["latency_ms"]
    return Charge(
        target.parameters["bandwidth_gb_s"] * 8e3 / target.parameters["clock_mhz"],
        *(own.get(name, 0.0) for name in ("cycles", "bits_moved", "macs", "layers")),
    )


def unit_latencies(
    layers: Floats,
    options: Sequence[dict[str, Any]],
    depthwise: bool,
    cell_bits: Sequence[int],
    charge: Charge,
) -> Floats:
    """Return the milliseconds of all layers of a part on each of its options, shape (options,).

    The formulas of `flash.hardware.fpga`; cell_bits: the bits of each cell's numbers.
    """
    taps, groups, into, out, spots, reads = (layers[:, k][None] for k in range(6))
    bits = np.array(cell_bits, dtype=np.float64)[layers[:, 6].astype(np.int64)][None]
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
    total: Floats = (
        charge.cycle * np.maximum(cycles, moved / charge.bits_per_cycle)
        + charge.bit * moved
        + charge.mac * (taps * into * groups * out * spots)
        + charge.layer
    ).sum(axis=1)
    return total


def undominated(costs: Floats, uses: Ints) -> list[int]:
    """Return the options of which no other is as fast and takes no more, the first of equals."""
    order = np.lexsort((np.arange(len(costs)), uses.sum(axis=1), costs))
    kept: list[int] = []
    for k in order.tolist():
        if not kept or not (uses[kept] <= uses[k]).all(axis=1).any():
            kept.append(k)
    return sorted(kept)


def best_accelerator(
    costs: Sequence[Floats], uses: Sequence[Ints], limits: Sequence[int]
) -> tuple[int, ...] | None:
    """Return what `least_latency` does, by looking at all accelerators where they are few."""
    from math import prod

    if prod(map(len, costs)) > FEW:
        return least_latency(costs, uses, limits)
    total, taken = np.zeros(1), np.zeros((1, len(limits)), dtype=np.int64)
    for cost, use in zip(costs, uses, strict=True):
        total = (total[:, None] + cost).ravel()
        taken = (taken[:, None] + use).reshape(-1, len(limits))
    total[(taken > np.array(limits, dtype=np.int64)).any(axis=1)] = np.inf
    best = int(np.argmin(total))
    if total[best] == np.inf:
        return None
    return tuple(int(k) for k in np.unravel_index(best, [len(cost) for cost in costs]))


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
