"""Write the targets of devices that nobody measured: from their specifications.

    python benchmarks/calibration/from_specification.py --out flash/data

They run the same kind of cores and runtime as the Raspberry Pi 4 that was measured. Its
coefficients are scaled: per MAC by the peak rate of a core, per number moved by the bandwidth of
the memory, per call by the clock. What the figures do not say (in-order cores, smaller caches) is
not in it, so that these are estimates to be replaced by `flash.calibrate`.

Energy is latency times the power of the whole board while its cores are busy, idle power included,
as a power meter or `flash.measure` would have it. The power is a published one; others that were
published make the range that the file and each cost's flags name. No interval is made of it, for
the latency that it multiplies has none.
"""

from __future__ import annotations

import argparse
import datetime
from pathlib import Path
from typing import Any, NamedTuple

from devices import CALLS, MOVED
from devices import DEVICES as FITTED
from fitting import write_json

from flash.hardware import Target

MEASURED = "raspberry-pi-4"
MEASURED_FIGURES = FITTED[MEASURED]


class Power(NamedTuple):
    """Power of a whole board in watts, all cores of the latency's estimate busy."""

    busy_w: float
    low_w: float
    high_w: float
    idle_w: float
    sources: str


class Specification(NamedTuple):
    """Figures of a device."""

    hardware: str
    clock_ghz: float
    macs_per_cycle: int  # a core's, single precision
    gbytes_per_s: float  # peak of the memory
    figures: str
    sources: str  # of the figures
    power: Power | None = None


VOLTS = 5.1  # that a Raspberry Pi is supplied with
OGASAWARA = "H. Ogasawara, VFP Benchmark, 2014 and 2015"
KNOWN = Specification("Raspberry Pi 4", 1.5, 4, 12.8, "", "")
DEVICES = {
    "raspberry-pi-3b": Specification(
        *("Raspberry Pi 3 Model B", 1.2, 4, 3.6),
        "BCM2837: 4 Cortex-A53 at 1.2 GHz, taken to do 4 MACs a cycle and core (NEON), 1 GB of "
        "LPDDR2-900, taken to be 32 bits wide (3.6 GB/s)",
        "Raspberry Pi Foundation, Raspberry Pi 3 on sale now at $35, 2016 (cores, clock); J. "
        "Hughes of Raspberry Pi, The Raspberry Pi 3, 2016 (LPDDR2-900). Not confirmed: the MACs a "
        "cycle of a Cortex-A53 and the width of the memory",
        Power(
            *(0.85 * VOLTS, 3.7, 1.34 * VOLTS, 0.30 * VOLTS),
            "raspberrypi/documentation, power-supplies.adoc, Typical Power Requirements: a Pi 3B "
            "under stress takes 0.85 A on average (busy) and 1.34 A at most (high), idle 0.30 A, "
            f"at {VOLTS} V, with a monitor, keyboard, mouse and wireless LAN. Low, 3.7 W: what "
            "magazines and owners report of all cores busy, with none of these; not confirmed. "
            "Nor is it that convolutions take what that stress does, or that the runtime keeps "
            "all four cores busy",
        ),
    ),
    "odroid-mc1": Specification(
        *("Odroid MC1 (one board)", 2.0, 4, 13.2),
        "Exynos 5422: 4 Cortex-A15 at 2.0 GHz (and 4 Cortex-A7 at 1.4 GHz, not used), 4 MACs a "
        "cycle and core (NEON), 2 GB of LPDDR3 at 825 MHz, two channels of 32 bits (13.2 GB/s)",
        "ODROID Magazine, Scientific Cluster Computations On An ODROID-MC1 (boards of an XU4, "
        "cores, clocks); Linux, exynos5422-odroid-core.dtsi (825 MHz, 32 bits); Hardkernel, "
        "ODROID-XU3 (933 MHz are 14.9 GB/s: two channels; the XU4's boards run at 825 MHz); "
        f"{OGASAWARA} (a Cortex-A15 does 8 operations a cycle)",
        Power(
            *(12.64, 8.75, 20.0, 3.89),
            "ThomasKaiser/sbc-bench, Efficiency_Graphing.md: an ODROID-HC2, of the same processor, "
            "takes 12.64 W with its four Cortex-A15 busy at 2.0 GHz (7-zip) and 3.89 W idle, "
            "supply and SATA bridge included, which a board of an MC1 lacks. Low, 8.75 W: the "
            "difference of the two, nothing but the cores' work. High, 20 W: the supply of an XU4, "
            "5 V and 4 A (Hardkernel). Not confirmed: any figure of a board of an MC1 itself, and "
            "that convolutions take what 7-zip does",
        ),
    ),
}


def scaled(device: Specification) -> dict[str, float]:
    """Return the measured device's coefficients, scaled."""
    mac = KNOWN.clock_ghz * KNOWN.macs_per_cycle / (device.clock_ghz * device.macs_per_cycle)
    moved, call = KNOWN.gbytes_per_s / device.gbytes_per_s, KNOWN.clock_ghz / device.clock_ghz
    factors = {**dict.fromkeys(MOVED, moved), **dict.fromkeys(CALLS, call)}
    known = Target.load(MEASURED).coefficients["default"]["latency_ms"]
    return {name: float(f"{v * factors.get(name, mac):.6g}") for name, v in known.items()}


def energy(latency: dict[str, float], power: Power) -> dict[str, float]:
    """Return coefficients in mJ: milliseconds times watts."""
    return {name: float(f"{value * power.busy_w:.12g}") for name, value in latency.items()}


def doubt(power: Power) -> str:
    """Return what is said of the energy wherever it is used."""
    return (
        f"energy_mj was not measured: it is the estimated latency times {power.busy_w:.3g} W, a "
        f"published power of the whole busy board; others are {power.low_w:.3g} to "
        f"{power.high_w:.3g} W"
    )


def target(name: str, date: str) -> dict[str, Any]:
    """Return a target's file."""
    device = DEVICES[name]
    assert device.power is not None
    latency, power = scaled(device), device.power
    return {
        "format": 1,
        "name": name,
        "kind": "cpu",
        "description": f"{device.hardware}, one image at a time. NOT CALIBRATED: latency is "
        f"estimated from its specification and from what was measured on a {KNOWN.hardware}, "
        f"energy from it and from {power.busy_w:.3g} W that a busy board takes (published: "
        f"{power.low_w:.3g} to {power.high_w:.3g} W). Neither was measured.",
        "units": {
            "latency_ms": "ms per image",
            "energy_mj": "mJ per image: latency x power of the whole board, idle power included",
        },
        "coefficients": {"default": {"latency_ms": latency, "energy_mj": energy(latency, power)}},
        "not_calibrated_families": ["densenet", "resnet", "wide-resnet", "mobilenet-v2"],
        "residuals": {"default": {"networks": 0, "doubts": [doubt(power)]}},
        "provenance": {
            "measurement": "none: not calibrated",
            "specification": device.figures,
            "specification_sources": device.sources,
            "energy": f"estimated, not measured: latency x {power.busy_w:.3g} W, the whole board "
            f"with all cores busy, idle power ({power.idle_w:.3g} W) included, as flash.measure "
            f"counts it. {power.busy_w - power.idle_w:.3g} W of it are above idle",
            "energy_sources": power.sources,
            "power_w": {
                "busy": float(f"{power.busy_w:.6g}"),
                "range": [float(f"{one:.6g}") for one in (power.low_w, power.high_w)],
                "idle": float(f"{power.idle_w:.6g}"),
            },
            "reference": f"{KNOWN.hardware}: {MEASURED_FIGURES.figures}. "
            f"{MEASURED_FIGURES.sources}",
            "method": f"coefficients of {MEASURED}: per MAC times the ratio of the cores' peak "
            "rates, per number moved of the memories' bandwidths, per call of the clocks; energy "
            "is latency times one power",
            "licence": f"as {MEASURED}: HW-NAS-Bench and HayeonLee/HELP, MIT",
            "script": "benchmarks/calibration/from_specification.py",
            "command": "python benchmarks/calibration/from_specification.py --out flash/data",
            "fitted": date,
        },
    }


def main() -> None:
    """Write the files."""
    parser = argparse.ArgumentParser(description="Write targets made from specifications.")
    parser.add_argument("--out", required=True, help="the folder of the targets, to write into")
    parser.add_argument("--date", default=datetime.date.today().isoformat(), help="date of writing")
    args = parser.parse_args()
    for name in DEVICES:
        write_json(str(Path(args.out) / f"{name}.json"), target(name, args.date))


if __name__ == "__main__":
    main()
