"""Fit the `cpu-x86` target to measured onnxruntime latencies and write its JSON file.

    python benchmarks/calibration/fit_cpu.py DATA --out flash/data/cpu-x86.json

The measured networks are lists of convolutions; `measured` rebuilds what lies between them. What
counts is what `flash.hardware.costing` charges for. Coefficients are fitted by non-negative least
squares on relative residuals; errors are those of networks held out.
"""

from __future__ import annotations

import argparse
import datetime
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from fitting import bounds, features, fit_relative, named, read_table, splits, summary, write_json
from measured import FAMILIES, network

from flash.hardware.costing import operations
from flash.hardware.cpu import FEATURES

if TYPE_CHECKING:
    from fitting import Array

N_FIT, N_SPLITS, SEED = 25, 40, 0


def held_out(x: Array, y: Array, groups: list[int]) -> tuple[Array, Array]:
    """Return relative errors of held-out networks over all splits, and the networks' numbers."""
    errors, which = [], []
    for use in splits(groups, N_FIT, N_SPLITS, SEED):
        coefficients = fit_relative(x[use], y[use])
        errors.append((x @ coefficients / y - 1)[~use])
        which.append(np.flatnonzero(~use))
    return np.concatenate(errors), np.concatenate(which)


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
    x = np.array([features("cpu", one).sum(axis=0) for one in charged])
    lists: dict[str, int] = {}
    groups = [lists.setdefault(r["layers"], i) for i, r in enumerate(records)]

    coefficients = fit_relative(x, y)
    fitted = x @ coefficients / y - 1
    errors, which = held_out(x, y, groups)
    layers = [layer for net in networks for layer in net.layers if layer.weights]

    head = Path(__file__).with_name("cpu_head.json")
    target: dict[str, Any] = json.loads(head.read_text(encoding="ascii"))
    provenance = target.pop("provenance") | {"fitted": args.date}
    target["features"] = list(FEATURES)
    target["coefficients"] = {"default": {"latency_ms": named(FEATURES, coefficients, 1.0)}}
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
        }
    }
    target["residuals"] = {
        "default": {
            "networks": len(y),
            "networks_to_fit": N_FIT,
            "splits": N_SPLITS,
            "held_out": {"latency_ms": summary(errors)},
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
