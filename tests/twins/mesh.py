"""A mesh of tiles, pair by pair and channel by channel: the plain twin of core and package."""

from __future__ import annotations

from typing import Any

from .reference import ceil_div, rram_features, rram_leak_steps

Number = float


def way(source: tuple[int, int], to: tuple[int, int]) -> list[tuple[Any, ...]]:
    """Channels that a packet takes, each with the input that it comes by: first along the row."""
    (x, y), (to_x, to_y) = source, to
    steps, came = [], "own"
    while x != to_x:
        side = "east" if to_x > x else "west"
        steps.append(((x, y, side), came))
        x, came = x + (1 if side == "east" else -1), side
    while y != to_y:
        side = "south" if to_y > y else "north"
        steps.append(((x, y, side), came))
        y, came = y + (1 if side == "south" else -1), side
    steps.append(((x, y, "out"), came))
    return steps


def crossing(mesh: dict[str, float], tiles: int, wanted: int, act: float) -> tuple[float, ...]:
    """Cycles, flits times links, flits times routers between two layers."""
    side = next(side for side in range(1, 10**6) if side * side >= tiles + wanted)
    places = [(number % side, number // side) for number in range(tiles + wanted)]
    pairs = tiles * wanted
    volume = (act * mesh["activation_bits"] + mesh["flit_bits"]) * mesh["frames_per_s"] / pairs
    rate = volume / mesh["flit_bits"] / mesh["clock_hz"]
    if rate < 1e-5:
        rate = 1e-4
    flows: dict[Any, dict[str, int]] = {}
    hops = 0
    for source in places[:tiles]:
        for to in places[tiles:]:
            steps = way(source, to)
            hops += len(steps) - 1
            for channel, came in steps:
                inputs = flows.setdefault(channel, {})
                inputs[came] = inputs.get(came, 0) + 1
    waits = 0.0
    for channel, inputs in flows.items():
        beyond = mesh["exit_cycles"] if channel[2] == "out" else mesh["link_cycles"]
        taken = 1 + beyond
        load = min(rate * sum(inputs.values()) * taken, mesh["most_load"])
        for came, flow in inputs.items():
            others = rate * sum(one for other, one in inputs.items() if other != came)
            waits += flow * mesh["share"] * others * taken**2 / 2 / (1 - load)
    packets = (act / pairs * mesh["activation_bits"] + mesh["flit_bits"]) / mesh["flit_bits"]
    constant = hops / pairs + 4 * (hops / pairs + 1) + 3
    flits = packets * pairs
    return (
        (waits / pairs + 1) * packets + constant,
        flits * hops / pairs,
        flits * (hops / pairs + 1),
    )


def network(
    data: dict[str, Any],
    mesh: dict[str, float],
    layers: list[tuple[int, int, int, int, int, int]],
    tile: int = 512,
) -> dict[str, float]:
    """What a chip costs, its layers one after another.

    data: a target file's {"coefficients": of a set, "links": of a set}; layers: (kernel, in, out,
    positions, positions of the padded input, positions of the input).
    """
    names = (
        *("tiles", "adc_cycles", "tile_adds", "chip_adds", "in_chip", "out_chip", "in_tile"),
        *("out_tile", "in_words", "out_words", "subarrays", "columns", "rows", "roots", "image"),
        *("in_tiles", "out_tiles", "in_pes", "buffers", "tile_rows"),
    )
    known, links = data["coefficients"], data["links"]
    latency = leaking = energy = tiles = before = 0.0
    peak = 0.0
    for kernel, into, out, positions, padded, reads in layers:
        found = dict(
            zip(names, rram_features(kernel, into, out, positions, tile, padded), strict=True)
        )
        own = ceil_div(kernel * kernel * into, tile) * ceil_div(8 * out, tile)
        assert own == found["tiles"]

        def each(column: str, found: dict[str, float] = found) -> float:
            return sum(v * found.get(name, 0.0) for name, v in known[column].items())

        more = links["leakage_step"] * rram_leak_steps(kernel, into, out, tile)
        latency += each("latency_ms")
        leaking += (1 + more) * each("latency_ms")
        energy += each("energy_mj")
        peak = max(peak, each("peak_mm2"))
        if before:
            cycles, passed, routed = crossing(mesh, int(before), own, reads * into)
            latency += known["latency_ms"]["mesh_cycles"] * cycles
            leaking += known["latency_ms"]["mesh_cycles"] * cycles
            energy += known["energy_mj"]["mesh_links"] * passed
            energy += known["energy_mj"]["mesh_routers"] * routed
        tiles, before = tiles + own, own
    energy += links["leakage_w_per_tile"] * tiles * leaking
    area = known["area_mm2"]["tiles"] * tiles + peak
    return {"tiles": tiles, "latency_ms": latency, "energy_mj": energy, "area_mm2": area}
