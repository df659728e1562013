"""Fit the targets that were measured on NAS-Bench-201, and the torch twin of `cpu-x86`.

    python benchmarks/calibration/fit_devices.py DATA --out flash/data [--only NAME ...]

The fit is `flash.calibrate`, without a prior. Errors of networks held out are from 25 to fit, many
times, as in `benchmarks.bench_targets`. Of the 15,625 networks a part is drawn: the features are
counts of few kinds of edges, so that more of them change nothing but the time it takes.
"""

from __future__ import annotations

import argparse
import datetime
import json
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from devices import BIASES, DEVICES, Device, network, read, sample, twins
from fitting import equal_rows, held_out, median_draw, read_table, summary, write_json
from measured import network as measured_network

import flash
from flash.errors import CalibrationWarning
from flash.hardware import KINDS, Target
from flash.hardware._terms import totals

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flash.network import Network

N_FIT, N_SPLITS, SEED, DRAWN = 25, 40, 0, 800
UNKNOWN = "processor of unknown coefficients"
COMPUTE = ("macs_spatial", "macs_depthwise", "macs_pointwise")
STORED = ("weights", "maps_out", "adds", "pools", "elementwise")  # numbers of 4 bytes
EAGER = "all edges are executed, zeroed ones as a pass over their maps"
PRUNED = "edges that do nothing, or do not reach the output, are not executed"


def base(kind: str, coefficients: dict[str, float] | None = None) -> Target:
    """Return a target of a kind, to be calibrated."""
    known = {"kernels": 1.0} if coefficients is None else coefficients
    return Target.from_dict(
        {
            "format": 1,
            "name": UNKNOWN,
            "kind": kind,
            "coefficients": {"default": {"latency_ms": known}},
        }
    )


def floor(device: Device) -> dict[str, float]:
    """Return the least that a feature can cost by the specification: ms per MAC, per number."""
    mac, number = 1e-6 / device.gmacs_per_s, 4e-6 / device.gbytes_per_s
    return {**dict.fromkeys(COMPUTE, mac), **dict.fromkeys(STORED, number)}


def fitted(
    name: str,
    kind: str,
    networks: Sequence[Network],
    y: Any,
    facts: dict[str, Any],
    note: str,
    noise: Any,
    device: Device | None = None,
) -> dict[str, Any]:
    """Return a target's file, with the errors of networks held out and the noise floor.

    With a device, features that its networks do not have (depthwise layers) take the coefficients
    of cpu-x86 times one factor, on a GPU those of its specification, and none costs less than by
    the specification.
    """
    prior = None
    if device is not None:
        shipped = Target.load("cpu-x86").coefficients["default"]["latency_ms"]
        prior = floor(device) if kind == "gpu" else shipped
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CalibrationWarning)
        target = flash.calibrate(
            base(kind, prior),
            networks,
            latency_ms=y.tolist(),
            name=name,
            prior="none" if prior is None else "base",
        )
    data: dict[str, Any] = target.to_dict()
    x = totals(kind, networks)
    found = data["coefficients"]["default"]["latency_ms"]
    for feature, least in floor(device).items() if device is not None else ():
        found[feature] = max(found.get(feature, 0.0), float(f"{least:.6g}"))
    features = KINDS[kind].FEATURES
    predicted = x @ np.array([found.get(feature, 0.0) for feature in features])
    data["calibrated_ranges"]["default"].pop("features")
    errors = [one for one, _ in held_out(x, y, equal_rows(x), N_FIT, N_SPLITS, SEED)]
    own = data["residuals"]["default"]
    own.pop("by_network", None)
    own.pop("worst_network", None)
    own.pop("strength", None)
    own |= {
        "networks_to_fit": N_FIT,
        "splits": N_SPLITS,
        "held_out_by": f"{N_FIT} networks to fit, the others to judge but for their "
        f"duplicates; medians over {N_SPLITS} draws",
        "held_out": {"latency_ms": median_draw(errors)},
        "all_networks": {"latency_ms": summary(predicted / y - 1)},
        "noise_floor": {"latency_ms": summary(noise)},
    }
    method = data["provenance"]["method"]
    data["description"] = note
    data["provenance"] = {**facts, "method": method}
    return data


def main() -> None:
    """Fit and write."""
    parser = argparse.ArgumentParser(description="Fit targets to measured latencies.")
    parser.add_argument("data", help="the data folder: the one that holds hardware/, accuracy/")
    parser.add_argument("--out", required=True, help="the folder of the targets, to write into")
    parser.add_argument("--only", nargs="*", help="names of targets; default: all")
    parser.add_argument("--date", default=datetime.date.today().isoformat(), help="date of the fit")
    args = parser.parse_args()
    script = {
        "script": "benchmarks/calibration/fit_devices.py",
        "command": "python benchmarks/calibration/fit_devices.py DATA --out flash/data",
        "fitted": args.date,
    }
    made = {}
    if not args.only or "cpu-x86-torch" in args.only:
        rows = read_table(args.data, "cpu_latency_nets")
        halves = np.array([[float(r["torch_ms_half" + h]) for h in "AB"] for r in rows])
        made["cpu-x86-torch"] = fitted(
            "cpu-x86-torch",
            "cpu",
            [measured_network(r) for r in rows],
            np.array([float(r["torch_ms"]) for r in rows]),
            {
                "measurement": "made for this project: torch eager, CPU time, minimum of 6 passes; "
                "noise_floor: the two halves of the passes, their difference over the square root "
                "of 2",
                "licence": "own measurements",
                "configuration": "one thread of an x86-64 server core, batch 1, 49 CIFAR-sized "
                "networks (resnet, wide-resnet, densenet with growth, mobilenet-v2)",
                **script,
            },
            "PyTorch in eager mode on one thread of an x86-64 server core, batch 1: every norm, "
            "activation and addition is a pass of its own.",
            np.log(halves[:, 0] / halves[:, 1]) / 2**0.5,
        )
    records = read(args.data)
    pairs = np.array(twins(records))
    drawn = sample(records, DRAWN, SEED)
    networks: dict[bool, list[Network]] = {}
    for name, device in DEVICES.items():
        if args.only and name not in args.only:
            continue
        if device.eager not in networks:
            networks[device.eager] = [network(r["edges"], eager=device.eager) for r in drawn]
        if device.eager:
            for record, net in zip(drawn, networks[True], strict=True):
                if (net.params, net.macs + BIASES) != (int(record["params"]), int(record["macs"])):
                    raise SystemExit(f"network {record['arch_idx']} is not the table's")
        every = np.array([float(r[device.column]) for r in records])
        both = np.log(every[pairs])
        made[name] = fitted(
            name,
            device.kind,
            networks[device.eager],
            np.array([float(r[device.column]) for r in drawn]),
            {
                "measurement": f"NAS-Bench-201 latencies on {device.hardware}, from "
                f"{device.origin}; noise_floor: networks that do the same work in another order; "
                "the difference of the two over the square root of 2",
                "specification": device.figures,
                "unseen": "what no network had (depthwise layers, weights beyond 65536) and what "
                "the fit left at nothing is not measured: "
                + ("specification" if device.kind == "gpu" else "as on cpu-x86, by one factor")
                + ", and nothing costs less than the specification allows",
                "licence": "MIT; the rows are not included",
                "configuration": f"{DRAWN} of the 15,625 networks of NAS-Bench-201 (32 x 32 "
                f"pixels, widths 16 to 64, batch 1); {EAGER if device.eager else PRUNED}",
                **script,
            },
            f"{device.hardware}, one image at a time: latency fitted to NAS-Bench-201, convolutions of 16 to "
            "64 channels with kernels of 1 and 3, none of them depthwise or grouped.",
            (both[:, 0] - both[:, 1]) / 2**0.5,
            device,
        )
        made[name]["not_calibrated_families"] = ["mobilenet-v2"]
    for name, data in made.items():
        write_json(str(Path(args.out) / f"{name}.json"), data)
        own = data["residuals"]["default"]
        print(name, json.dumps({k: own[k] for k in ("held_out", "all_networks", "noise_floor")}))


if __name__ == "__main__":
    main()
