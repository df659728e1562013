"""Write the targets of devices that nobody measured: from their specifications.

    python benchmarks/calibration/from_specification.py --out flash/data

They run the same kind of cores and runtime as the Raspberry Pi 4 that was measured. Its
coefficients are scaled: per MAC by the peak rate of a core, per number moved by the bandwidth of
the memory, per call by the clock. What the figures do not say (in-order cores, smaller caches) is
not in it, so that these are estimates to be replaced by `flash.calibrate`.
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


class Specification(NamedTuple):
    """Figures of a device."""

    hardware: str
    clock_ghz: float
    macs_per_cycle: int  # a core's, single precision
    gbytes_per_s: float  # peak of the memory
    figures: str
    sources: str  # of the figures


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
    ),
    "odroid-mc1": Specification(
        *("Odroid MC1 (one board)", 2.0, 4, 13.2),
        "Exynos 5422: 4 Cortex-A15 at 2.0 GHz (and 4 Cortex-A7 at 1.4 GHz, not used), 4 MACs a "
        "cycle and core (NEON), 2 GB of LPDDR3 at 825 MHz, two channels of 32 bits (13.2 GB/s)",
        "ODROID Magazine, Scientific Cluster Computations On An ODROID-MC1 (boards of an XU4, "
        "cores, clocks); Linux, exynos5422-odroid-core.dtsi (825 MHz, 32 bits); Hardkernel, "
        "ODROID-XU3 (933 MHz are 14.9 GB/s: two channels; the XU4's boards run at 825 MHz); "
        f"{OGASAWARA} (a Cortex-A15 does 8 operations a cycle)",
    ),
}


def scaled(device: Specification) -> dict[str, float]:
    """Return the measured device's coefficients, scaled."""
    mac = KNOWN.clock_ghz * KNOWN.macs_per_cycle / (device.clock_ghz * device.macs_per_cycle)
    moved, call = KNOWN.gbytes_per_s / device.gbytes_per_s, KNOWN.clock_ghz / device.clock_ghz
    factors = {**dict.fromkeys(MOVED, moved), **dict.fromkeys(CALLS, call)}
    known = Target.load(MEASURED).coefficients["default"]["latency_ms"]
    return {name: float(f"{v * factors.get(name, mac):.6g}") for name, v in known.items()}


def main() -> None:
    """Write the files."""
    parser = argparse.ArgumentParser(description="Write targets made from specifications.")
    parser.add_argument("--out", required=True, help="the folder of the targets, to write into")
    parser.add_argument("--date", default=datetime.date.today().isoformat(), help="date of writing")
    args = parser.parse_args()
    for name, device in DEVICES.items():
        data: dict[str, Any] = {
            "format": 1,
            "name": name,
            "kind": "cpu",
            "description": f"{device.hardware}, one image at a time. NOT CALIBRATED: estimated "
            f"from its specification and from what was measured on a {KNOWN.hardware}.",
            "units": {"latency_ms": "ms per image"},
            "coefficients": {"default": {"latency_ms": scaled(device)}},
            "not_calibrated_families": ["densenet", "resnet", "wide-resnet", "mobilenet-v2"],
            "residuals": {"default": {"networks": 0}},
            "provenance": {
                "measurement": "none: not calibrated",
                "specification": device.figures,
                "specification_sources": device.sources,
                "reference": f"{KNOWN.hardware}: {MEASURED_FIGURES.figures}. "
                f"{MEASURED_FIGURES.sources}",
                "method": f"coefficients of {MEASURED}: per MAC times the ratio of the cores' peak "
                "rates, per number moved of the memories' bandwidths, per call of the clocks",
                "licence": f"as {MEASURED}: HW-NAS-Bench and HayeonLee/HELP, MIT",
                "script": "benchmarks/calibration/from_specification.py",
                "command": "python benchmarks/calibration/from_specification.py --out flash/data",
                "fitted": args.date,
            },
        }
        write_json(str(Path(args.out) / f"{name}.json"), data)


if __name__ == "__main__":
    main()
