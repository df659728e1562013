"""Write the targets that are specified, not fitted: FPGAs, and a systolic array with a memory.

python benchmarks/calibration/design_spaces.py --out flash/data
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

FITTED = "2026-11-23"
SCRIPT = "benchmarks/calibration/design_spaces.py"
FABER = (
    "necst/faber_fpga, src/model/boards.py (MIT), and Xilinx/finn, src/finn/util/platforms.py "
    "(BSD-3-Clause); block RAM counted in 36 kbit"
)
FINN = (
    "Xilinx/finn, src/finn/util/platforms.py (BSD-3-Clause), LUTs rounded there; block RAM counted "
    "in 36 kbit"
)
# name, part, board, DSP, LUT, BRAM, MHz, GB/s, its peak, source, units, scale of the design's sizes
DEVICES: list[tuple[Any, ...]] = [
    ("fpga-zu3eg", "XCZU3EG", "Ultra96", 360, 70_560, 216, 200, 4.27,
     "32-bit LPDDR4 at 2133 MT/s (8.5 GB/s)", FABER,
     {"conv": (16, 16, 32, 32), "depthwise": (9, 8, 4, 16), "pointwise": (8, 16, 16, 16)}, 1.0),
    ("fpga-zu7ev", "XCZU7EV", "ZCU104", 1728, 230_400, 312, 200, 9.6,
     "64-bit DDR4 at 2400 MT/s (19.2 GB/s)", FABER + "; UltraRAM is left out",
     {"conv": (32, 32, 64, 64), "depthwise": (9, 32, 4, 32), "pointwise": (32, 32, 32, 32)}, 2.0),
    ("fpga-zu9eg", "XCZU9EG", "ZCU102", 2520, 274_000, 912, 200, 8.5,
     "64-bit DDR4 at 2133 MT/s (17 GB/s)", FINN,
     {"conv": (32, 48, 128, 128), "depthwise": (9, 32, 16, 64), "pointwise": (32, 32, 64, 64)},
     2.0),
    ("fpga-z7020", "XC7Z020", "PYNQ-Z1", 220, 53_200, 140, 100, 1.05,
     "16-bit DDR3 at 1050 MT/s (2.1 GB/s)", FINN,
     {"conv": (12, 12, 16, 16), "depthwise": (9, 8, 4, 8), "pointwise": (8, 12, 16, 16)}, 0.5),
]  # fmt: skip


def unit(into: int, out: int, weights_kib: int, maps_kib: int) -> dict[str, Any]:
    """Return a unit of 8-bit multipliers in DSP slices."""
    return {"into": into, "out": out, "bits": 8, "mac": "dsp", "weights_kib": weights_kib,
            "maps_kib": maps_kib}  # fmt: skip


def design(scale: float) -> dict[str, Any]:
    """Return a design space with sizes for a device so large."""

    def sizes(*values: int) -> list[int]:
        return [max(1, int(value * scale)) for value in values]

    wide = sizes(8, 16, 24, 32, 48, 64)
    buffers = sizes(16, 32, 64, 128)
    return {
        "into": wide,
        "out": wide,
        "bits": [8, 4],
        "mac": ["dsp", "lut"],
        "weights_kib": buffers,
        "maps_kib": buffers,
        "cell_bits": [8, 6, 4, 3, 2],
        "families": {
            "mobilenet-v2": {  # its dense convolution is the stem
                "conv": {"into": [4], "out": sizes(8, 16, 32), "weights_kib": [16],
                         "maps_kib": [16]},
                "depthwise": {"into": [9], "out": sizes(8, 16, 32), "weights_kib": [8],
                              "maps_kib": [16]},
                "pointwise": {"into": sizes(8, 16, 32, 48, 64), "out": sizes(8, 16, 32, 48, 64),
                              "weights_kib": sizes(16, 64, 128), "maps_kib": sizes(16, 64)},
            }
        },
    }  # fmt: skip


def fpga(
    name: str,
    part: str,
    board: str,
    dsp: int,
    lut: int,
    bram: int,
    clock: int,
    speed: float,
    peak: str,
    source: str,
    units: dict[str, Any],
    scale: float,
) -> dict[str, Any]:
    """Return the file of a device."""
    return {
        "format": 1,
        "name": name,
        "kind": "fpga",
        "description": f"{part} ({board}): an accelerator of one compute unit for each kind of "
        f"operator, layer by layer, batch 1, {clock} MHz; NOT CALIBRATED. Energy and area are not "
        "modelled.",
        "units": {"latency_ms": "ms per image"},
        "parameters": {
            "device": part,
            "board": board,
            "clock_mhz": clock,
            "bandwidth_gb_s": speed,
            "bits": 8,
            "resources": {"dsp": dsp, "lut": lut, "bram": bram},
            "usable": {"dsp": 0.8, "lut": 0.7, "bram": 0.8},
            "units": {key: unit(*value) for key, value in units.items()},
        },
        "features": ["cycles", "bits_moved", "macs", "layers"],
        "coefficients": {"default": {"latency_ms": {"cycles": 1e-3 / clock}}},
        "design": design(scale),
        "residuals": {"default": {"networks": 0}},
        "provenance": {
            "source": source,
            "licence": "numbers of devices, and published formulas",
            "usable": "shares recommended for timing closure: 0.8 of DSP slices and block RAM, 0.7 "
            "of LUTs (Xilinx/finn, src/finn/util/platforms.py)",
            "bandwidth": f"an estimate: half of the peak of {peak}, from memory of the board's "
            "manual",
            "lut": "FINN-R's formula (Blott et al., FINN-R, ACM TRETS 11(3), 2018) as Xilinx/finn "
            "computes it, with 32-bit accumulators",
            "dsp": "4 multipliers of 4 bits or 2 of 8 bits in a DSP slice, as FINN's matrix-vector "
            "units pack them (mvu_4sx4u, mvu_8sx8u)",
            "clock": "a choice: what such designs reach without much effort",
            "paper": "Dong et al., HAO: Hardware-aware Neural Architecture Optimization for "
            "Efficient Inference, FCCM 2021, arXiv 2104.12766; its constants were not at hand",
            "method": "analytic; nothing is fitted",
            "script": SCRIPT,
            "command": f"python {SCRIPT} --out flash/data",
            "fitted": FITTED,
        },
    }


def systolic() -> dict[str, Any]:
    """Return the file of an array with buffers and a memory."""
    buffers = [32, 64, 128, 192, 224]
    return {
        "format": 1,
        "name": "systolic-dram",
        "kind": "systolic",
        "description": "Systolic array of up to 4096 processing elements with buffers and a memory "
        "of 8 GB/s, layer by layer, batch 1, 1 GHz, 8-bit numbers: the longer of the array's "
        "cycles (SCALE-Sim's) and of the traffic; NOT CALIBRATED. Energy and area are not "
        "modelled.",
        "units": {"latency_ms": "ms per image"},
        "parameters": {
            "array_rows": 64,
            "array_columns": 64,
            "dataflow": "output-stationary",
            "clock_ghz": 1.0,
            "bandwidth_gb_s": 8.0,
            "bits": 8,
            "weights_kib": 128,
            "maps_kib": 128,
        },
        "features": ["cycles_os", "cycles_ws"],
        "coefficients": {"default": {"latency_ms": {"cycles_os": 1e-6}}},
        "design": {
            "rows": [16, 32, 64, 128, 256],
            "columns": [16, 32, 64, 128, 256],
            "dataflow": ["os", "ws"],
            "weights_kib": buffers,
            "maps_kib": buffers,
            "limits": {"pes": 4096, "sram_kib": 256},
        },
        "residuals": {"default": {"networks": 0}},
        "provenance": {
            "simulator": "SCALE-Sim 3 (scalesimproject/scale-sim-v3)",
            "licence": "formulas",
            "source": "Samajdar et al., A systematic methodology for characterizing scalability of "
            "DNN accelerators using SCALE-Sim, ISPASS 2020",
            "method": "analytic: SCALE-Sim's cycles, and a roofline of traffic; bandwidth and "
            "buffers are examples",
            "script": SCRIPT,
            "command": f"python {SCRIPT} --out flash/data",
            "fitted": FITTED,
        },
    }


def main() -> None:
    """Write the files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    out = parser.parse_args().out
    for data in (*(fpga(*device) for device in DEVICES), systolic()):
        (out / f"{data['name']}.json").write_text(json.dumps(data, indent=1) + "\n")


if __name__ == "__main__":
    main()
