"""Fit the targets that were measured on NAS-Bench-201.

    python benchmarks/calibration/fit_devices.py DATA --out flash/data [--only NAME ...]

Errors of networks held out are from 25 to fit, many times, as in `benchmarks.models.targets`. The
networks of this benchmark differ by the kinds of six edges only, so most counts rise and fall
together: the coefficients are drawn to the device's specification. Of the 15,625 networks a part is
drawn: more of them change nothing but the time it takes.
"""

from __future__ import annotations

import argparse
import datetime
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from devices import BIASES, DEVICES, Device, network, prior, read, sample, twins
from fitting import (
    bounds,
    coverage,
    equal_rows,
    fit,
    held_out,
    median_draw,
    named,
    summary,
    write_json,
)

from flash.hardware import KINDS
from flash.hardware._terms import totals
from flash.hardware.calibrating import equal_layers, layer_ranges

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fitting import Array

    from flash.networks.network import Network

N_FIT, N_SPLITS, SEED, DRAWN = 25, 40, 0, 800
EAGER = "all edges are executed, zeroed ones as a pass over their maps"
PRUNED = "edges that do nothing, or do not reach the output, are not executed"


def fitted(
    name: str,
    kind: str,
    networks: Sequence[Network],
    y: Array,
    facts: dict[str, Any],
    note: str,
    noise: Array,
    device: Device | None = None,
    *,
    eager: bool,
) -> dict[str, Any]:
    """Return a target's file, with the errors of networks held out and the noise floor.

    A device's coefficients are drawn to those by its specification.
    """
    features = KINDS[kind].FEATURES
    x, groups = totals(kind, networks), np.array(equal_layers(networks))
    guess = None
    if device is not None:
        guess = np.array([prior(device).get(feature, 0.0) for feature in features])
    found = fit(x, y, groups, guess, intervals=True)
    coefficients = found.coefficients
    drawn = held_out(x, y, equal_rows(x), N_FIT, N_SPLITS, SEED, guess)
    ranges = layer_ranges(networks)
    ranges["network"]["latency_ms"] = bounds(y.tolist())
    ranges["features"] = {
        feature: bounds(column.tolist()) for feature, column in zip(features, x.T, strict=True)
    }
    return {
        "format": 1,
        "name": name,
        "kind": kind,
        "description": note,
        **({"parameters": {"runs_every_row": True}} if eager else {}),
        "units": {"latency_ms": "ms per image"},
        "features": list(features),
        "coefficients": {"default": {"latency_ms": named(features, coefficients, 1.0)}},
        "calibrated_ranges": {"default": ranges},
        "not_calibrated_families": [] if device is None else ["mobilenet-v2"],
        "intervals": {
            "default": {
                "latency_ms": {
                    "terms": [f"latency_ms.{features[k]}" for k in found.columns],
                    **(found.table or {}),
                }
            }
        },
        "residuals": {
            "default": {
                "networks": len(y),
                "groups": len(set(groups.tolist())),
                "networks_to_fit": N_FIT,
                "held_out_by": f"{N_FIT} networks to fit, the others to judge but for their "
                f"duplicates; medians over {N_SPLITS} draws",
                "held_out": {"latency_ms": median_draw([one.errors for one in drawn])},
                "covered_pct": {"latency_ms": coverage([one.covered for one in drawn])},
                "all_networks": {"latency_ms": summary(x @ coefficients / y - 1)},
                "noise_floor": {"latency_ms": summary(noise)},
            }
        },
        "provenance": {
            **facts,
            "method": "non-negative least squares on relative residuals (weights 1/y), by network"
            + (
                ""
                if device is None
                else "; coefficients drawn, as factors, to those by the specification"
            ),
        },
    }


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
                "specification_sources": device.sources,
                "unseen": "depthwise layers were not measured: they cost what the specification "
                "makes them cost beside dense ones",
                "licence": "MIT; the rows are not included",
                "configuration": f"{DRAWN} of the 15,625 networks of NAS-Bench-201 (32 x 32 "
                f"pixels, widths 16 to 64, batch 1); {EAGER if device.eager else PRUNED}",
                **script,
            },
            f"{device.hardware}, one image at a time: latency fitted to NAS-Bench-201, "
            "convolutions of 16 to 64 channels with kernels of 1 and 3, none of them depthwise "
            "or grouped.",
            (both[:, 0] - both[:, 1]) / 2**0.5,
            device,
            eager=device.eager,
        )
    for name, data in made.items():
        write_json(str(Path(args.out) / f"{name}.json"), data)
        own = data["residuals"]["default"]
        print(
            name,
            json.dumps(
                {k: own[k] for k in ("held_out", "covered_pct", "all_networks", "noise_floor")}
            ),
        )


if __name__ == "__main__":
    main()
