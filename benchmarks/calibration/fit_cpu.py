"""Fit the `cpu-x86` target to measured onnxruntime latencies and write its JSON file.

    python benchmarks/calibration/fit_cpu.py DATA --out flash/data/cpu-x86.json

The measured networks are lists of convolutions; which norms, additions and concatenations lie
between them follows from each family's construction, rebuilt here. Coefficients are fitted by
non-negative least squares on relative residuals; errors are those of networks held out.
"""

from __future__ import annotations

import argparse
import datetime
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from cpu_features import BLOCK, CACHED_WEIGHTS, NAMES, features
from fitting import bounds, fit_relative, named, read_table, splits, summary, write_json

if TYPE_CHECKING:
    from fitting import Array

Row = tuple[str, int, int, int, int, int, int]  # the arguments of features()
Layer = dict[str, Any]
FAMILIES = {"wrn": "wide-resnet", "mobilenetv2": "mobilenet-v2"}  # the data's names: ours
N_FIT, N_SPLITS, SEED = 25, 40, 0


def conv(layer: Layer) -> Row:
    """Return the row of a convolution or of the linear layer."""
    kind = "linear" if layer["type"] == "fc" else "conv"
    size = (layer["Hout"], layer["Wout"])
    return (kind, layer["Cin"], layer["Cout"], layer["k"], layer.get("groups", 1), *size)


def tensor(kind: str, channels: int, side: int) -> Row:
    """Return the row of a norm or a concatenation."""
    return (kind, channels, channels, 1, 1, side, side)


def residual_rows(layers: list[Layer], skips: list[bool], pre_activation: bool) -> list[Row]:
    """Return the rows of a ResNet or Wide-ResNet: blocks of two convolutions, perhaps a shortcut.

    A pre-activation block's first norm is a row of its own where its input has another consumer
    (this block's residual) or comes from an addition (the previous block's).
    """
    rows, i, added = [conv(layers[0])], 1, False
    for skip in skips:
        first, last = layers[i], layers[i + 1]
        if pre_activation and (added or skip):
            rows.append(tensor("norm", first["Cin"], first["H"]))
        rows += [conv(first), conv(last)]
        i += 2
        if skip and (first["s"] != 1 or first["Cin"] != last["Cout"]):
            rows.append(conv(layers[i]))  # the 1x1 shortcut
            i += 1
        added = skip
    if pre_activation and added:
        rows.append(tensor("norm", last["Cout"], last["Hout"]))
    return [*rows, conv(layers[i])]


def dense_rows(layers: list[Layer], spec: dict[str, Any]) -> list[Row]:
    """Return the rows of a DenseNet with growth: concat, norm, [1x1,] 3x3; 1x1 transitions."""
    rows, i, fresh = [conv(layers[0])], 1, True  # fresh: nothing to concatenate yet
    while layers[i]["type"] != "fc":
        layer = layers[i]
        following = layers[i + 1]
        bottleneck = spec["bc"] and (following["k"], following["Cout"]) == (3, spec["growth"])
        if not fresh:
            rows.append(tensor("concat", layer["Cin"], layer["H"]))
        rows += [tensor("norm", layer["Cin"], layer["H"]), conv(layer)]
        fresh = layer["k"] == 1 and not bottleneck
        if bottleneck:
            rows.append(conv(following))
        i += 2 if bottleneck else 1
    channels, side = layers[i]["Cin"], layers[i - 1]["Hout"]
    tail = [tensor("concat", channels, side), tensor("norm", channels, side), conv(layers[i])]
    return rows + tail


def network_rows(record: dict[str, str]) -> list[Row]:
    """Return the rows of one measured network."""
    layers, spec = json.loads(record["layers"]), json.loads(record["spec"])
    if record["family"] == "densenet":
        return dense_rows(layers, spec)
    if record["family"] == "mobilenetv2":
        return [conv(layer) for layer in layers]
    return residual_rows(layers, spec["skips"], record["family"] == "wrn")


def held_out(x: Array, y: Array, groups: list[int]) -> tuple[Array, Array]:
    """Return relative errors of held-out networks over all splits, and the networks' numbers."""
    errors, which = [], []
    for use in splits(groups, N_FIT, N_SPLITS, SEED):
        coefficients, _ = fit_relative(x[use], y[use])
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
    networks = [network_rows(r) for r in records]
    y = np.array([float(r["ort_ms"]) for r in records])
    halves = np.array([[float(r["ort_ms_half" + h]) for h in "AB"] for r in records])
    family = np.array([FAMILIES.get(r["family"], r["family"]) for r in records])
    x = np.array([np.sum([features(*row) for row in rows], axis=0) for rows in networks])
    lists: dict[str, int] = {}
    groups = [lists.setdefault(r["layers"], i) for i, r in enumerate(records)]

    coefficients, _ = fit_relative(x, y)
    fitted = x @ coefficients / y - 1
    errors, which = held_out(x, y, groups)
    flat = [row for rows in networks for row in rows if row[0] in ("conv", "linear")]
    _, cin, cout, kernel, _, height, width = zip(*flat, strict=True)

    head = Path(__file__).with_name("cpu_head.json")
    target: dict[str, Any] = json.loads(head.read_text(encoding="ascii"))
    provenance = target.pop("provenance") | {"fitted": args.date}
    target["parameters"] = {"channel_block": BLOCK, "cached_weights": CACHED_WEIGHTS}
    target["features"] = list(NAMES)
    target["coefficients"] = {"default": {"latency_ms": named(NAMES, coefficients, 1.0)}}
    target["calibrated_ranges"] = {
        "default": {
            "network": {
                "macs": bounds([int(r["macs"]) for r in records]),
                "layers": bounds([int(r["n_layers"]) for r in records]),
                "latency_ms": bounds(y.tolist()),
            },
            "layer": {
                "in_channels": bounds(cin),
                "out_channels": bounds(cout),
                "kernel": bounds(kernel),
                "positions": bounds([h * w for h, w in zip(height, width, strict=True)]),
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
