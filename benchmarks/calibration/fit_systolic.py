"""Check the `systolic` kind against SCALE-Sim's runs and write its four targets.

    python benchmarks/calibration/fit_systolic.py DATA --out flash/data

Nothing is fitted: a layer takes the cycles of the formulas in `flash.hardware.systolic`, a cycle
takes 1 ns. The script compares every simulated layer and writes how far off they are.
"""

from __future__ import annotations

import argparse
import datetime
from pathlib import Path
from typing import Any

import numpy as np
from fitting import bounds, features, read_table, summary, write_json

CLOCK_GHZ = 1.0
FLOWS = {"os": "output", "ws": "weight"}
CYCLES = "Total Cycles"


def operation(row: dict[str, str]) -> tuple[int, ...]:
    """Return a simulated layer as an operation: one group of it, as it was run."""
    h, w, into, k, s, p, out = (int(row[c]) for c in ("H", "W", "Cin", "k", "s", "p", "Cout"))
    if p != k // 2:
        raise SystemExit(f"{row['name']}: padding {p} of kernel {k} is not modelled")
    groups = int(row["repeat_groups"])
    size = ((h + 2 * p - k) // s + 1, (w + 2 * p - k) // s + 1)
    begun = (-(-(h + 2 * p - k) // s) + 1, -(-(w + 2 * p - k) // s) + 1)
    return (0, k, into, out, groups, *size, k, *begun)


def main() -> None:
    """Compare and write."""
    parser = argparse.ArgumentParser(description="Check systolic cycles against SCALE-Sim.")
    parser.add_argument("data", help="the data folder: the one that holds hardware/")
    parser.add_argument("--out", required=True, help="the folder of the targets, to write into")
    parser.add_argument("--date", default=datetime.date.today().isoformat(), help="date of the run")
    args = parser.parse_args()
    records = read_table(args.data, "scalesim_layers")
    for side in (32, 128):
        for flow, stays in FLOWS.items():
            rows = [r for r in records if (int(r["array"]), r["dataflow"]) == (side, flow)]
            shapes = [operation(r) for r in rows]
            counted = features("systolic", shapes, (side, side))[:, list(FLOWS).index(flow)]
            groups = np.array([int(r["repeat_groups"]) for r in rows])
            cycles = np.array([float(r[CYCLES]) for r in rows]) * groups
            place: dict[str, int] = {}
            net = np.array([place.setdefault(r["name"], len(place)) for r in rows])
            totals = np.bincount(net, counted) / np.bincount(net, cycles)
            residuals = {
                "networks": len(place),
                "networks_to_fit": 0,
                "all_networks": {"latency_ms": summary(totals - 1)},
                "layers": {"latency_ms": summary(counted / cycles - 1)},
            }
            name = f"systolic-{side}" + ("-ws" if flow == "ws" else "")
            macs = np.bincount(net, [float(r["macs"]) for r in rows])
            write_json(
                str(Path(args.out) / f"{name}.json"),
                {
                    "format": 1,
                    "name": name,
                    "kind": "systolic",
                    "description": f"Systolic array of {side} x {side} processing elements, "
                    f"{stays}-stationary, layer by layer, batch 1, {CLOCK_GHZ:g} GHz: cycles of "
                    "the compute array, operands being there in time. Energy and area are not "
                    "modelled.",
                    "units": {"latency_ms": "ms per image"},
                    "parameters": {
                        "array_rows": side,
                        "array_columns": side,
                        "dataflow": f"{stays}-stationary",
                        "clock_ghz": CLOCK_GHZ,
                    },
                    "features": ["cycles_os", "cycles_ws"],
                    "coefficients": {"default": {"latency_ms": {f"cycles_{flow}": 1e-6}}},
                    "calibrated_ranges": {
                        "default": {
                            "network": {
                                "macs": bounds(macs.tolist()),
                                "layers": bounds(np.bincount(net).tolist()),
                                "latency_ms": bounds((np.bincount(net, cycles) * 1e-6).tolist()),
                            },
                            "layer": {
                                "in_channels": bounds([s[2] * s[4] for s in shapes]),
                                "out_channels": bounds([s[3] * s[4] for s in shapes]),
                                "kernel": bounds([s[1] for s in shapes]),
                                "positions": bounds([s[5] * s[6] for s in shapes]),
                            },
                        }
                    },
                    "residuals": {"default": residuals},
                    "provenance": {
                        "simulator": "SCALE-Sim 3 (scalesimproject/scale-sim-v3)",
                        "licence": "formulas; compared with runs of SCALE-Sim 3, which is MIT",
                        "source": "Samajdar et al., A systematic methodology for characterizing "
                        "scalability of DNN accelerators using SCALE-Sim, ISPASS 2020",
                        "configuration": "CIFAR-sized networks (resnet, wide-resnet, densenet with "
                        "growth, mobilenet-v2); total cycles without prefetching",
                        "method": "analytic; nothing is fitted",
                        "script": "benchmarks/calibration/fit_systolic.py",
                        "command": "python benchmarks/calibration/fit_systolic.py DATA "
                        "--out flash/data",
                        "fitted": args.date,
                    },
                },
            )
            print(name, residuals)


if __name__ == "__main__":
    main()
