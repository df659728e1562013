"""Fit a target of 32-pixel families alone, as `cpu-x86` first was, and write its JSON file.

    python benchmarks/calibration/fit_cpu.py DATA --out families.json

The target that is shipped is fitted to networks of many kinds: see kinds/fitting.py.

The measured networks are lists of convolutions; `measured` rebuilds what lies between them. What
counts is what `flash.hardware.costing` charges for. Coefficients are fitted by non-negative least
squares on relative residuals; errors are those of networks held out.
"""

from __future__ import annotations

import argparse
import datetime
import json
from pathlib import Path
from typing import Any

import numpy as np
from fitting import (
    bounds,
    coverage,
    features,
    fit,
    held_out,
    named,
    read_table,
    summary,
    write_json,
)
from measured import FAMILIES, network

from flash.hardware.costing import operations
from flash.hardware.cpu import FEATURES, FUSED

N_FIT, N_SPLITS, SEED = 25, 40, 0


def main() -> None:
    """Fit and write the target."""
    parser = argparse.ArgumentParser(description="Fit the cpu-x86 target to measured latencies.")
    parser.add_argument("data", help="the data folder: the one that holds hardware/")
    parser.add_argument("--out", required=True, help="the target's JSON file, to write")
    parser.add_argument("--date", default=datetime.date.today().isoformat(), help="date of the fit")
    args = parser.parse_args()

    records = read_table(args.data, "cpu_latency_nets")
    networks = [network(r) for r in records]
    charged = [[one for row in operations(net) for one in row] for net in networks]
    y = np.array([float(r["ort_ms"]) for r in records])
    halves = np.array([[float(r["ort_ms_half" + h]) for h in "AB"] for r in records])
    family = np.array([FAMILIES.get(r["family"], r["family"]) for r in records])
    counts = np.array([features("cpu", one).sum(axis=0) for one in charged])
    x = counts[:, : len(FUSED)]
    lists: dict[str, int] = {}
    groups = [lists.setdefault(r["layers"], i) for i, r in enumerate(records)]

    found = fit(x, y, np.array(groups), intervals=True)
    coefficients = found.coefficients
    fitted = x @ coefficients / y - 1
    drawn = held_out(x, y, groups, N_FIT, N_SPLITS, SEED)
    errors = np.concatenate([one.errors for one in drawn])
    which = np.concatenate([one.numbers for one in drawn])
    layers = [layer for net in networks for layer in net.layers if layer.weights]

    head = Path(__file__).with_name("cpu_head.json")
    target: dict[str, Any] = json.loads(head.read_text(encoding="ascii"))
    provenance = target.pop("provenance") | {"fitted": args.date}
    target["features"] = list(FUSED)
    target["coefficients"] = {"default": {"latency_ms": named(FUSED, coefficients, 1.0)}}
    target["calibrated_ranges"] = {
        "default": {
            "network": {
                "macs": bounds([net.macs for net in networks]),
                "layers": bounds([sum(layer.weights > 0 for layer in n.layers) for n in networks]),
                "latency_ms": bounds(y.tolist()),
            },
            "layer": {
                "in_channels": bounds([layer.in_channels for layer in layers]),
                "out_channels": bounds([layer.out_channels for layer in layers]),
                "kernel": bounds([layer.kernel for layer in layers]),
                "positions": bounds([layer.out_height * layer.out_width for layer in layers]),
            },
            "features": {
                name: bounds(column.tolist())
                for name, column in zip(FEATURES, counts.T, strict=True)
            },
        }
    }
    target["intervals"] = {
        "default": {
            "latency_ms": {
                "terms": [f"latency_ms.{FUSED[k]}" for k in found.columns],
                **(found.table or {}),
            }
        }
    }
    target["residuals"] = {
        "default": {
            "networks": len(y),
            "networks_to_fit": N_FIT,
            "splits": N_SPLITS,
            "held_out": {"latency_ms": summary(errors)},
            "covered_pct": {"latency_ms": coverage([one.covered for one in drawn])},
            "held_out_families": {
                f: {"latency_ms": summary(errors[family[which] == f])} for f in sorted(set(family))
            },
            "all_networks": {"latency_ms": summary(fitted)},
            "noise_floor": {"latency_ms": summary(halves[:, 0] / halves[:, 1] - 1)},
        }
    }
    target["provenance"] = provenance
    write_json(args.out, target)
    print(json.dumps(target["residuals"]["default"]))


if __name__ == "__main__":
    main()
