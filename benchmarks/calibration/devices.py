"""NAS-Bench-201's networks and their measured latencies on six devices.

The networks are those of the public space. Which edges a device executes is a fact of its runtime,
told by the data (README.md): an eager runtime executes all of them, zeroed ones too, a converted
model those whose end reaches the output.
"""

from __future__ import annotations

import csv
import gzip
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from flash.networks.counting import every_row
from flash.networks.network import Network
from flash.spaces.nas_bench import EDGES, OPERATIONS, NasBench201

SPACE = NasBench201()
BIASES = 10  # the benchmark counts those of the linear layer as MACs


# Shares of the peak that convolutions and linear layers reach, by kind of layer; numbers that an
# element of a pass moves to and from memory; microseconds a call takes, fused and eager. Guesses,
# to be corrected by the fit: they say which of several features that rise together is meant.
EFFICIENCY = {"macs_spatial": 0.3, "macs_pointwise": 0.3, "macs_depthwise": 0.06}
MOVED = {"weights": 1, "maps_out": 2, "elementwise": 2, "adds": 3, "pools": 1}
CALL_US = {False: 5.0, True: 50.0}
CALLS = ("kernels", "passes", "joins")


class Device(NamedTuple):
    """A column of the table and how its runtime reads a network."""

    column: str
    kind: str
    eager: bool
    hardware: str
    origin: str
    gmacs_per_s: float  # peak of all cores, single precision
    gbytes_per_s: float  # peak of the memory
    figures: str
    sources: str  # of the figures


HELP = "HayeonLee/HELP (MIT)"
BENCH = "HW-NAS-Bench (GATECH-EIC, MIT) through HayeonLee/HELP (MIT)"
DEVICES = {
    "raspberry-pi-4": Device(
        *("lat_ms_raspi4", "cpu", False, "Raspberry Pi 4", BENCH),
        *(24.0, 12.8),
        "BCM2711: 4 Cortex-A72 at 1.5 GHz, 4 MACs a cycle and core (NEON), LPDDR4 at 3200 MT/s, "
        "taken to be 32 bits wide",
        "Raspberry Pi Press, The Official Raspberry Pi Beginner's Guide, appendix F (cores, clocks "
        "of processor and memory); H. Ogasawara, VFP Benchmark, 2015 (a Cortex-A72 does 8 "
        "operations a cycle: 15.9 GFLOPS at 2 GHz). Not confirmed: the width of the memory; other "
        "sources have 2400 MT/s",
    ),
    "pixel-3": Device(
        *("lat_ms_pixel3", "cpu", False, "Google Pixel 3", BENCH),
        *(44.8, 29.9),
        "Snapdragon 845: 4 Kryo 385 Gold (Cortex-A75) at 2.8 GHz, 4 MACs a cycle and core (NEON), "
        "four 16-bit channels of LPDDR4X at 1866 MHz",
        "AnandTech, Qualcomm Announces Snapdragon 845 SoC, 2017 (cores, clock, memory); Android "
        "Authority, Arm Cortex-A76 CPU deep dive, 2018 (two 128-bit pipelines, twice the width of "
        "the Cortex-A75's). Not confirmed: the clock in this phone",
    ),
    "gtx-1080ti": Device(
        *("lat_ms_1080ti_1", "gpu", True, "NVIDIA GTX 1080 Ti", HELP),
        *(5670.0, 484.0),
        "3584 cores at 1.582 GHz (boost), a MAC a cycle each; 484 GB/s GDDR5X",
        "NVIDIA's figures as listed by Vortez, NVIDIA GTX 1080 Ti Review, 2017",
    ),
    "xeon-gold-6240": Device(
        *("lat_ms_gold_6240", "cpu", True, "Intel Xeon Gold 6240", HELP),
        *(1498.0, 140.8),
        "18 cores at 2.6 GHz, 32 MACs a cycle and core (two AVX-512 units), 24.75 MB L3, six "
        "channels of DDR4-2933",
        "Intel ARK (clock, cache; two AVX-512 units as listed by jeffhammond/vpu-count); cores as "
        "Linux lists them; Dell, Balanced Memory with 2nd Generation Intel Xeon Scalable "
        "Processors, 2019 (six channels). Not confirmed for this model: DDR4-2933, that of its "
        "generation",
    ),
    "xeon-silver-4114": Device(
        *("lat_ms_silver_4114", "cpu", True, "Intel Xeon Silver 4114", HELP),
        *(352.0, 115.2),
        "10 cores at 2.2 GHz, 16 MACs a cycle and core (one AVX-512 unit), six channels of "
        "DDR4-2400",
        "Intel ARK (one AVX-512 unit, as listed by jeffhammond/vpu-count); CloudLab, machine type "
        "c220g5 (cores, clock); ServeTheHome, Intel Xeon Silver 4116 review (the series has "
        "DDR4-2400)",
    ),
}

Edges = tuple[str, ...]


def prior(device: Device) -> dict[str, float]:
    """Return coefficients by the specification, in ms: per MAC, per number moved, per call."""
    macs = {name: 1e-6 / (device.gmacs_per_s * share) for name, share in EFFICIENCY.items()}
    moved = {name: 4e-6 * count / device.gbytes_per_s for name, count in MOVED.items()}
    return {**macs, **moved, **dict.fromkeys(CALLS, 1e-3 * CALL_US[device.eager])}


def read(folder: str) -> list[dict[str, Any]]:
    """Return the networks that compute something: index, edges, params, MACs, latencies."""
    latency = {r["arch_idx"]: r for r in _table(folder, "hardware/nb201_latency_devices")}
    result = []
    for row in _table(folder, "accuracy/nb201_tss_accuracy"):
        edges = tuple(row[f"e{j}{i}"] for j, i in EDGES)
        if row["arch_idx"] in latency and reaches(edges):
            result.append({**row, **latency[row["arch_idx"]], "edges": edges})
    return result


def _table(folder: str, name: str) -> list[dict[str, str]]:
    with gzip.open(Path(folder) / f"{name}.csv.gz", "rt", newline="") as file:
        return list(csv.DictReader(file))


def reaches(edges: Edges) -> bool:
    """Return whether the input of a cell reaches its output: the others are near-empty."""
    fed = {0}
    for (end, start), one in zip(EDGES, edges, strict=True):
        if one != "none" and start in fed:
            fed.add(end)
    return 3 in fed


def twins(records: list[dict[str, Any]]) -> list[tuple[int, int]]:
    """Return pairs that do the same work: nodes 1 and 2 exchanged where nothing joins them."""
    place = {r["edges"]: n for n, r in enumerate(records)}
    pairs = []
    for n, record in enumerate(records):
        a, b, none, c, d, e = record["edges"]
        other = place.get((b, a, none, c, e, d))
        if none == "none" and other is not None and n < other:
            pairs.append((n, other))
    return pairs


def network(edges: Edges, *, eager: bool) -> Network:
    """Return a NAS-Bench-201 network of the public space, as a device runs it.

    eager: every row is executed; otherwise those that the output is made of.
    """
    row = [OPERATIONS.index(one) for one in edges]
    net = SPACE.decode(row)
    return every_row(net) if eager else net


def sample(records: list[dict[str, Any]], count: int, seed: int) -> list[dict[str, Any]]:
    """Return networks drawn without replacement, in the table's order."""
    drawn = np.random.default_rng(seed).choice(len(records), min(count, len(records)), False)
    return [records[n] for n in sorted(drawn.tolist())]
