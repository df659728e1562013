"""How well calibrated targets predict networks that were not measured, and what intervals cover.

    python -m benchmarks.models.calibrating DATA [--draws 40] [--json FILE]

In each draw 25 networks are fitted by `flash.calibrate` and the rest are predicted; networks of
equal layers stay on one side. Given are medians over the draws. No prior is used (the shipped
coefficients have seen these networks). What is absent from DATA is marked so. "design": 25 networks
chosen among them as `flash.calibration_design` chooses, instead of at random.
"""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "calibration"))
from fitting import read_table, splits
from measured import network

import flash
from flash.errors import CalibrationWarning
from flash.hardware._terms import terms, totals
from flash.hardware.calibrating import equal_layers
from flash.networks.network import Network
from flash.problem.calibration_design import pick

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flash.networks.architecture import Architecture

    Net = Architecture | Network

N_FIT, LEVEL = 25, 0.9


def measured_cpu(data: str, column: str) -> tuple[list[Net], dict[str, list[float]], str]:
    """Return the measured networks of the x86 core, their latency and their base target."""
    rows = read_table(data, "cpu_latency_nets")
    return (
        [network(row) for row in rows],
        {"latency_ms": [float(r[column]) for r in rows]},
        "cpu-x86",
    )


def simulated_rram(data: str, stem: str) -> tuple[list[Net], dict[str, list[float]], str]:
    """Return NeuroSim's networks without mobilenetv2, and what it says of them."""
    nets: list[Net] = []
    y: dict[str, list[float]] = {"latency_ms": [], "energy_mj": [], "area_mm2": []}
    layers: dict[str, list[dict[str, str]]] = {}
    for row in read_table(data, stem + "_layers"):
        layers.setdefault(row["name"], []).append(row)
    for row in read_table(data, stem + "_nets"):
        if row["family"] == "mobilenetv2":
            continue
        nets.append(_rram_network(layers[row["name"]], concat=row["family"] == "densenet-type"))
        y["latency_ms"].append(float(row["latency_ns"]) * 1e-6)
        y["energy_mj"].append((float(row["dyn_energy_pJ"]) + float(row["leak_energy_pJ"])) * 1e-9)
        y["area_mm2"].append(float(row["area_um2"]) * 1e-6)
    return nets, y, "rram"


def _rram_network(rows: Sequence[dict[str, str]], *, concat: bool) -> Network:
    """Return the convolutions of NeuroSim's list, which has no connections.

    concat: tells the densenet set from the default one, by a concatenation, which costs nothing.
    """
    layers: list[dict[str, Any]] = [
        {
            "kind": "conv",
            "in_channels": int(r["Cin"]),
            "out_channels": int(r["Cout"]),
            "height": int(r["H"]),
            "width": int(r["W"]),
            "kernel": int(r["k"]),
            "stride": int(r["stride"]),
            "padding": 0,
            "cell": 0,
        }
        for r in rows
    ]
    if concat:
        names = ("in_channels", "height", "width", "cell")
        layers.append({"kind": "concat", **{name: layers[0][name] for name in names}})
    return Network.from_layers(layers, (3, 32, 32), connected=False)


def device(data: str, name: str) -> tuple[list[Net], dict[str, list[float]], str]:
    """Return 300 networks of NAS-Bench-201 and their latency on a device.

    The base is a target of the same kind (its coefficients take no part without a prior).
    """
    from devices import DEVICES, network, read

    one = DEVICES[name]
    records = read(data)
    chosen = np.random.default_rng(0).permutation(len(records))[:300]
    nets: list[Net] = [network(records[i]["edges"], eager=one.eager) for i in chosen]
    return nets, {"latency_ms": [float(records[i][one.column]) for i in chosen]}, name


def draw(
    nets: list[Net], y: dict[str, list[float]], base: str, use: Any
) -> dict[str, tuple[float, float, float, float]]:
    """Return for each metric of the held-out networks: MAPE, worst, coverage, half width (%)."""
    inside, outside = np.flatnonzero(use), np.flatnonzero(~use)
    values: dict[str, Any] = {m: [column[i] for i in inside] for m, column in y.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CalibrationWarning)
        target = flash.calibrate(base, [nets[i] for i in inside], prior="none", **values)
    result: dict[str, Any] = {}
    for metric, column in y.items():
        errors, covered, widths = [], [], []
        for i in outside:
            low, high = target.interval(nets[i], LEVEL)[metric]
            errors.append(abs(getattr(target.cost(nets[i]), metric) / column[i] - 1))
            covered.append(low <= column[i] <= high)
            widths.append((high / low) ** 0.5 - 1)
        parts = (np.mean(errors), np.max(errors), np.mean(covered), np.median(widths))
        result[metric] = tuple(100 * float(part) for part in parts)
    return result


def judge(
    nets: list[Net], y: dict[str, list[float]], base: str, draws: int
) -> dict[str, dict[str, float]]:
    """Return the medians over the draws, the mean coverage, and the error after the design."""
    groups = equal_layers([net if isinstance(net, Network) else net.network() for net in nets])
    found: dict[str, list[tuple[float, ...]]] = {metric: [] for metric in y}
    for use in splits(groups, N_FIT, draws, 0):
        for metric, row in draw(nets, y, base, use).items():
            found[metric].append(row)
    chosen = np.zeros(len(nets), bool)
    chosen[_designed(nets, base)] = True
    fixed = draw(nets, y, base, np.isin(groups, np.asarray(groups)[chosen]))
    names = ("mape_pct", "worst_pct", "coverage_pct", "half_width_pct")
    return {
        metric: {
            **dict(zip(names, np.median(rows, axis=0).round(3).tolist(), strict=True)),
            "mean_coverage_pct": round(float(np.mean([row[2] for row in rows])), 2),
            "design_mape_pct": round(fixed[metric][0], 3),
        }
        for metric, rows in found.items()
    }


def _designed(nets: list[Net], base: str) -> list[int]:
    from flash.hardware.costing import family_and_network

    target = flash.Target.load(base)
    family = family_and_network(nets[0])[0]
    features = totals(target.kind, [family_and_network(net)[1] for net in nets], target.array)
    found = terms(target, family, "latency_ms", features)
    table = target.coefficients[target.set_for(family)]
    share = found.columns * [table.get(c, {}).get(f, 0.0) for c, f in found.names]
    predicted = share.sum(axis=1)
    return pick(share / predicted[:, None], np.log(predicted), N_FIT)


SETS = {
    "onnxruntime, one x86 thread": (measured_cpu, "ort_ms"),
    "torch eager, one x86 thread": (measured_cpu, "torch_ms"),
    "rram, nsim_pinned": (simulated_rram, "nsim_pinned"),
    "rram, nsim_dtc": (simulated_rram, "nsim_dtc"),
    "raspberry-pi-4": (device, "raspberry-pi-4"),
    "pixel-3": (device, "pixel-3"),
    "gtx-1080ti": (device, "gtx-1080ti"),
    "xeon-gold-6240": (device, "xeon-gold-6240"),
    "xeon-silver-4114": (device, "xeon-silver-4114"),
}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Errors and coverage of calibrated targets.")
    parser.add_argument("data", help="the data folder: the one that holds hardware/")
    parser.add_argument("--draws", type=int, default=40, help="random draws (40)")
    parser.add_argument("--only", metavar="TEXT", default="", help="sets whose name holds it")
    parser.add_argument("--json", metavar="FILE", help="write the figures, too")
    args = parser.parse_args()
    results: dict[str, Any] = {}
    for name, (read, what) in SETS.items():
        if args.only not in name:
            continue
        try:
            nets, y, base = read(args.data, what)
        except (FileNotFoundError, ModuleNotFoundError) as error:
            print(f"{name}: absent ({error})")
            continue
        results[name] = judge(nets, y, base, args.draws)
        for metric, row in results[name].items():
            print(f"{name}, {metric}: " + ", ".join(f"{k} {v}" for k, v in row.items()))
    if args.json:
        Path(args.json).write_text(json.dumps(results, indent=1) + "\n", encoding="ascii")


if __name__ == "__main__":
    main()
