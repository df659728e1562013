"""A mesh of routers between the tiles of an RRAM chip: packets, layers, and what they take.

A chip of the kind "rram" whose parameters say ``"interconnect": "mesh"`` has no bus: every tile has
a router, and the numbers that a layer reads come through the mesh from the tiles of the layer
before it. What that takes follows the published procedure of the FLASH authors' group (SIAM, as
MNSIM 2.0 carries it): for each pair of consecutive layers a mesh of its own, as large as their
tiles need; from each of the T tiles of a layer to each of the U of the next go
``(act Q / (T U) + W) / W`` packets of one flit, so that with a latency B of a packet, of which C
are links and routers,

    cycles = (max(0, B - C) + 1) * packets + C

``act`` is what the next layer reads: where skips concatenate, it is the concatenated input, which
comes from the layer before as a whole. Layers come one after another; the first one's input and the
last one's output do not pass the mesh. Depthwise layers have the tiles that the kind gives them.

B is BookSim's there. Here it is `packet_latency`: without load exactly BookSim's,
``5 * hops + 7 + flits - 1`` cycles, and waits of queues in addition. Routes go along the row first,
so a traffic pattern gives the load of every channel. In a channel packets wait for those of other
inputs, as independent arrivals do for a server of a fixed service time (M/D/1), times `SHARE`; a
channel is taken for a packet's flits and `LINK` cycles more (credits
return, a virtual channel is given anew), and a way out of the mesh for `EXIT` more. A source's own
queue is that of arrivals by chance in each cycle (Geo/D/1). These three numbers are fitted to
BookSim's runs by ``benchmarks.calibration.fit_mesh``; the structure of the waits is a
reconstruction, and loads beyond `MOST_LOAD` count as that: a saturated mesh has no latency.

Reconstructions, the procedure's text being silent: tiles lie row by row, sources first. Unlike the
copy in MNSIM, a side of 30 and more is not passed over.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise

from .._core.model.compile import crossing
from ..base.checks import choice, integer, real, table
from ..errors import ArgumentError, FormatError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

__all__ = ["NUMBERS", "TRAFFICS", "layer_cycles", "numbers_of", "packet_latency"]

PER_HOP = 5  # cycles of a link (1) and the router behind it (4)
ENDS = 7  # of the first router and of both ends of a packet's way
# Fitted to 333 stable runs of BookSim 2, k x k meshes, by benchmarks/calibration/fit_mesh.py
LINK = 1.5965
EXIT = 1.2108
SHARE = 0.6734
MOST_LOAD = 0.98
FLIT_BITS = 32
ACTIVATION_BITS = 8
CLOCK_HZ = 1e9
FRAMES_PER_S = 250.0
MAX_SIDE = 64  # of `packet_latency`, which goes through all pairs

# The numbers of a target's parameter "mesh", in the core's order, with what is accepted.
NUMBERS: dict[str, tuple[float, float]] = {
    "activation_bits": (1.0, 64.0),
    "flit_bits": (1.0, 65536.0),
    "frames_per_s": (1e-6, 1e9),
    "clock_hz": (1e3, 1e12),
    "link_cycles": (0.0, 1e3),
    "exit_cycles": (0.0, 1e3),
    "share": (0.0, 10.0),
    "most_load": (0.01, 0.999),
}


def _uniform(side: int, x: int, y: int) -> list[tuple[int, int]]:
    return [(to % side, to // side) for to in range(side * side)]


def _neighbor(side: int, x: int, y: int) -> list[tuple[int, int]]:
    return [((x + 1) % side, (y + 1) % side)]


def _tornado(side: int, x: int, y: int) -> list[tuple[int, int]]:
    step = (side + 1) // 2 - 1
    return [((x + step) % side, (y + step) % side)]


def _transpose(side: int, x: int, y: int) -> list[tuple[int, int]]:
    return [(y, x)]


def _bitcomp(side: int, x: int, y: int) -> list[tuple[int, int]]:
    return [(side - 1 - x, side - 1 - y)]


TRAFFICS = {
    "uniform": _uniform,
    "neighbor": _neighbor,
    "tornado": _tornado,
    "transpose": _transpose,
    "bitcomp": _bitcomp,
}


def packet_latency(
    side: int,
    traffic: str = "uniform",
    injection_rate: float = 0.0,
    packet_flits: int = 1,
    *,
    link: float = LINK,
    exit_: float = EXIT,
    share: float = SHARE,
) -> float:
    """Return the average latency of a packet on a square mesh, from source queue to last flit.

    Parameters
    ----------
    side : int
        Routers along a side, 1 to 64.
    traffic : {"uniform", "neighbor", "tornado", "transpose", "bitcomp"}
        Where packets go, as BookSim names it. Uniform traffic has the source among its
        destinations.
    injection_rate : float
        Packets a cycle and node, 0 to 1.
    packet_flits : int
        Flits of a packet, 1 to 1024; a channel carries one a cycle.
    link, exit_, share : float
        What is fitted: see the module.

    Returns
    -------
    float
        Cycles. Where a channel would be taken for more than 98 % of the time, those of 98 %: a
        saturated mesh has no average.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        If an argument is not accepted.

    Examples
    --------
    >>> packet_latency(4, "neighbor")
    22.0
    """
    side = integer("side", side, 1, MAX_SIDE)
    traffic = choice("traffic", traffic, TRAFFICS)
    rate = real("injection_rate", injection_rate, 0.0, 1.0)
    flits = integer("packet_flits", packet_flits, 1, 1024)
    hops, channels = _flows(side, traffic)
    found = PER_HOP * hops + ENDS + flits - 1
    if rate == 0.0:
        return found
    waits = 0.0
    for leaves, total, others in channels:
        own = flits + (exit_ if leaves else link)
        busy = min(rate * total * own, MOST_LOAD)
        waits += share * others * rate * own * own / 2.0 / (1.0 - busy)
    busy = min(rate * flits, MOST_LOAD)
    return found + waits / (side * side) + busy * (flits - 1) / 2.0 / (1.0 - busy)


@lru_cache(maxsize=64)
def _flows(side: int, traffic: str) -> tuple[float, tuple[tuple[bool, float, float], ...]]:
    """Return the mean number of hops, and of each channel whether it leaves the mesh, its flow in
    packets of a node, and the sum over its inputs of each one's flow times that of the others."""
    goes = TRAFFICS[traffic]
    flows: dict[Any, dict[Any, float]] = {}
    hops = 0.0
    for y in range(side):
        for x in range(side):
            to = goes(side, x, y)
            each = 1.0 / len(to)
            for at_x, at_y in to:
                hops += each * (abs(at_x - x) + abs(at_y - y))
                way = _way(x, y, at_x, at_y)
                for before, channel in pairwise(way):
                    inputs = flows.setdefault(channel, {})
                    inputs[before] = inputs.get(before, 0.0) + each
    channels = []
    for channel, inputs in flows.items():
        total = sum(inputs.values())
        others = total * total - sum(flow * flow for flow in inputs.values())
        channels.append((channel[0] == "out", total, others))
    return hops / (side * side), tuple(channels)


def _way(x: int, y: int, to_x: int, to_y: int) -> list[tuple[Any, ...]]:
    """Return the channels of a packet: into the mesh, along the row, along the column, out."""
    way: list[tuple[Any, ...]] = [("in",)]
    while x != to_x:
        step = 1 if to_x > x else -1
        way.append(("x", x, y, step))
        x += step
    while y != to_y:
        step = 1 if to_y > y else -1
        way.append(("y", x, y, step))
        y += step
    return [*way, ("out", x, y)]


def layer_cycles(
    tiles: int,
    next_tiles: int,
    next_activations: float,
    *,
    activation_bits: float = ACTIVATION_BITS,
    flit_bits: float = FLIT_BITS,
    frames_per_s: float = FRAMES_PER_S,
    clock_hz: float = CLOCK_HZ,
) -> float:
    """Return the cycles that a layer's numbers take to the next layer: see the module.

    Parameters
    ----------
    tiles, next_tiles : int
        Of the layer and of the next one, at least 1.
    next_activations : float
        Numbers that the next layer reads.
    activation_bits, flit_bits : float
        Of a number, and of a flit: the width of a link.
    frames_per_s : float
        Images a second, which set how many packets are on their way at a time.
    clock_hz : float

    Raises
    ------
    ArgumentError, ArgumentTypeError
        If an argument is not accepted.

    Examples
    --------
    One tile to one, 64 numbers of 8 bits: a mesh of side 2, one hop, 17 packets.

    >>> layer_cycles(1, 1, 64)
    29.0
    """
    given = {
        "activation_bits": activation_bits,
        "flit_bits": flit_bits,
        "frames_per_s": frames_per_s,
        "clock_hz": clock_hz,
        "link_cycles": LINK,
        "exit_cycles": EXIT,
        "share": SHARE,
        "most_load": MOST_LOAD,
    }
    numbers = tuple(real(name, given[name], *ends) for name, ends in NUMBERS.items())
    found: float = crossing(
        numbers,
        integer("tiles", tiles, 1, 2**40),
        integer("next_tiles", next_tiles, 1, 2**40),
        real("next_activations", next_activations, 0.0, 2.0**60),
    )[0]
    return found


def numbers_of(parameters: Mapping[str, Any], where: str) -> tuple[float, ...]:
    """Return the numbers of a target's mesh in the core's order; empty where it has a bus.

    Raises
    ------
    FormatError
        If the parameter `interconnect` is neither "bus" nor "mesh", or `mesh` lacks a number or
        goes with no mesh.
    """
    kind = choice(f"{where}.interconnect", parameters.get("interconnect", "bus"), ("bus", "mesh"))
    if kind == "bus":
        if "mesh" in parameters:
            raise FormatError(f"{where}.mesh needs the interconnect 'mesh'")
        return ()
    own = table(f"{where}.mesh", parameters.get("mesh", {}), tuple(NUMBERS), tuple(NUMBERS))
    return tuple(real(f"{where}.mesh.{name}", own[name], *ends) for name, ends in NUMBERS.items())


def refuse_mesh(target: Any, what: str) -> None:
    """Refuse what charges rows one by one: on a mesh a layer's costs hang on the one before it.

    Raises
    ------
    ArgumentError
    """
    if target.meshed:
        raise ArgumentError(
            f"{what} cannot be searched on target {target.name!r}: on a mesh of tiles a layer's "
            "costs depend on the layer before it; Target.cost charges such networks one by one, "
            "and 'rram' has a bus"
        )
