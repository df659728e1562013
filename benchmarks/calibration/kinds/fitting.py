"""Fit `cpu-x86` and `cpu-x86-torch` to networks of many kinds, and judge them by 40 kept aside.

    python -m benchmarks.calibration.kinds.fitting DATA [--times FILE] [--out flash/data]

FILE (by default times.json beside this script) is what `measuring` wrote with the same DATA, the
folder that holds hardware/: its 49 networks were measured anew with the others. Errors are those of
the 40 networks that no fit has seen, and of left-out networks of the others.

imagenet.json has 24 networks of the families at ImageNet's sizes, measured later on the same kind
of core, which 12 networks measured again with them tell. A target is first fitted without them and
judged by them; where `Fitted.imagenet` says so it is then fitted to them too. What was measured is
within the calibrated ranges either way.
"""

from __future__ import annotations

import argparse
import datetime
import json
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from flash import Network, Target
from flash.hardware._fitting import interval_table, leave_out, summary
from flash.hardware._terms import totals
from flash.hardware.calibrating import equal_layers, layer_ranges
from flash.hardware.cpu import FEATURES, FUSED
from flash.networks.families import FAMILIES

from . import imagenet
from .measuring import families, first_networks
from .networks import KEPT, NETWORKS, inputs, made

sys.path.insert(0, str(Path(__file__).parents[1]))
from fitting import bounds, named, write_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flash.hardware._fitting import Array

BLOCKS = {"channel_block": 16, "cached_weights": 65536}  # what its features are made of
OTHERS = FEATURES[FEATURES.index("moved") : FEATURES.index("maps_dressed")]
IMAGENET = Path(__file__).with_name("imagenet.json")


class Fitted(NamedTuple):
    """How a target is fitted.

    imagenet: whether to the networks of imagenet.json too, beside being judged by them before.
    """

    runtime: str
    features: tuple[str, ...]
    description: str
    eager: bool
    imagenet: bool


TARGETS = {
    "cpu-x86": Fitted(
        "onnxruntime",
        (*FUSED, *OTHERS),
        "onnxruntime, one thread of an x86-64 server core with AVX-512, batch 1, float32. Latency "
        "only: energy and area are not modelled.",
        eager=False,
        imagenet=True,
    ),
    "cpu-x86-torch": Fitted(
        "torch",
        FEATURES,
        "PyTorch in eager mode on one thread of an x86-64 server core, batch 1: every norm, "
        "activation and addition is a pass of its own.",
        eager=True,
        imagenet=False,
    ),
}


def imported() -> dict[str, Network]:
    """Return the networks of many kinds, as `Network.from_torch` reads them."""
    return {
        name: Network.from_torch(made(name), example=inputs(name)) for name in (*NETWORKS, *KEPT)
    }


def fitted(x: Array, y: Array, groups: Sequence[int]) -> tuple[Array, Array]:
    """Return coefficients, and what is predicted for each network by a fit without its group."""
    from flash.hardware._fitting import fit_relative

    return fit_relative(x, y), leave_out(x, y, 0.0, groups, None, 0.0)


def target_of(
    name: str,
    nets: dict[str, Network],
    times: dict[str, Any],
    date: str,
    also: dict[str, Network] | None = None,
) -> dict[str, Any]:
    """Return a target's file.

    also : dict, optional
        Networks that were measured and are not fitted: they are within the calibrated ranges.
    """
    runtime, features, description, eager, _ = TARGETS[name]
    use = [n for n in nets if n not in KEPT]
    some = [nets[n] for n in use]
    every = totals("cpu", some)
    columns = [FEATURES.index(one) for one in features]
    x, y = every[:, columns], np.array([min(times[n][runtime]) for n in use])
    halves = np.array([_halves(times[n][runtime]) for n in use])
    groups = equal_layers(some)
    large = sum(n.startswith("imagenet-") for n in use)
    coefficients, left = fitted(x, y, groups)
    known = np.flatnonzero(coefficients)
    table = interval_table(x[:, known], y, left, groups, coefficients[known])
    within = {**{n: nets[n] for n in use}, **(also or {})}
    measured = list(within.values())
    ranges = layer_ranges(measured)
    convolutions = [one for net in measured for one in net.counting_layers if one.kind == "conv"]
    for side in ("in_channels", "out_channels"):  # which are those of convolutions in `Cost.flags`
        ranges["layer"][side] = bounds([getattr(one, side) for one in convolutions])
    ranges["network"]["latency_ms"] = bounds([min(times[n][runtime]) for n in within])
    seen = totals("cpu", measured)
    ranges["features"] = {
        one: bounds(column.tolist()) for one, column in zip(FEATURES, seen.T, strict=True)
    }
    terms = [f"latency_ms.{features[k]}" for k in known]
    return {
        "format": 1,
        "name": name,
        "kind": "cpu",
        "description": description,
        "parameters": {"runs_every_row": True} if eager else BLOCKS,
        "sets": {"default": list(FAMILIES)},
        "units": {"latency_ms": "CPU milliseconds per image"},
        "features": list(features),
        "coefficients": {"default": {"latency_ms": named(features, coefficients, 1.0)}},
        "calibrated_ranges": {"default": ranges},
        "not_calibrated_families": [],
        "intervals": {"default": {"latency_ms": {"terms": terms, **table}}},
        "residuals": {
            "default": {
                "networks": len(y),
                "groups": len(set(groups)),
                "held_out_by": "leaving out a tenth of the groups of equal networks at a time",
                "held_out": {"latency_ms": summary(left / y - 1)},
                "all_networks": {"latency_ms": summary(x @ coefficients / y - 1)},
                "noise_floor": {"latency_ms": summary(halves)},
                **(
                    {"imagenet": {"left_out": _by_part(dict(zip(use, left / y - 1, strict=True)))}}
                    if large
                    else {}
                ),
            }
        },
        "provenance": {
            "measurement": f"made for this project: {runtime}, processor time, the least of "
            "several rounds; noise_floor: two of the rounds, their difference over the square root "
            "of 2",
            "licence": "own measurements",
            "configuration": f"one thread of an x86-64 server core, batch 1: {len(NETWORKS)} "
            "networks of many kinds written for this, at 32 to 224 pixels and of tokens and "
            "sounds, and 61 of four families"
            f"{f', and {large} more of these at 160 to 224 pixels and 1,000 classes' * bool(large)}"
            + f"; {len(also or ())} such networks judge"
            * bool(also),
            "method": "non-negative least squares on relative residuals (weights 1/y), by network",
            "script": "benchmarks/calibration/kinds/fitting.py",
            "command": "python -m benchmarks.calibration.kinds.fitting DATA --out flash/data",
            "fitted": date,
        },
    }


def _by_part(
    errors: dict[str, float], held: dict[str, bool] | None = None
) -> dict[str, dict[str, Any]]:
    """Return errors of the networks at ImageNet's sizes: of all, of each family, of each side; and
    how many their intervals hold, where that is given."""
    names = [n for n in errors if n.startswith("imagenet-")]
    parts = {"all": names, **imagenet.families_of(names)}
    for side in imagenet.SIDES:
        parts[f"{side} pixels"] = [n for n in names if n.split("-")[-2] == str(side)]
    return {
        part: {
            "networks": len(some),
            "error_pct": round(100 * float(np.mean([abs(errors[n]) for n in some])), 2),
            "bias_pct": round(100 * float(np.mean([errors[n] for n in some])), 2),
            "worst_pct": round(100 * max((errors[n] for n in some), key=abs), 2),
            **(
                {"covered_pct": round(100 * float(np.mean([held[n] for n in some])), 1)}
                if held
                else {}
            ),
        }
        for part, some in parts.items()
        if some
    }


def _of_equal_rounds(times: dict[str, Any]) -> dict[str, Any]:
    """Return the latest rounds, as many of each network: the least of more of them is less."""
    least = min(len(rounds) for one in times.values() for rounds in one.values())
    return {
        name: {runtime: rounds[-least:] for runtime, rounds in one.items()}
        for name, one in times.items()
    }


def _halves(rounds: Sequence[float]) -> float:
    first, second = rounds[0::2], rounds[1::2]
    return float(np.log(min(first) / min(second)) / 2**0.5) if second else 0.0


def judged(
    target: Target, nets: dict[str, Network], times: dict[str, Any], runtime: str
) -> dict[str, Any]:
    """Return how a target does on networks: errors in percent, and how many its intervals hold."""
    y = np.array([min(times[n][runtime]) for n in nets])
    cost = np.array([target.cost(net).latency_ms for net in nets.values()])
    ends = np.array([target.interval(net)["latency_ms"] for net in nets.values()])
    error = cost / y - 1
    held = (ends[:, 0] <= y) & (y <= ends[:, 1])
    parts = _by_part(dict(zip(nets, error, strict=True)), dict(zip(nets, held, strict=True)))
    worst = np.argsort(-np.abs(np.log(cost / y)))[:3]
    return {
        "networks": len(y),
        "error_pct": round(float(100 * np.abs(error).mean()), 2),
        "bias_pct": round(float(100 * error.mean()), 2),
        "covered_pct": round(float(100 * held.mean()), 1),
        "worst": {list(nets)[k]: round(float(1 + error[k]), 2) for k in worst},
        **({"by_part": parts} if parts else {}),
    }


def main() -> None:
    """Fit, judge, and write."""
    parser = argparse.ArgumentParser(description="Fit the processor targets to many kinds.")
    parser.add_argument("data", help="the data folder: the one that holds hardware/")
    parser.add_argument("--times", type=Path, default=Path(__file__).with_name("times.json"))
    parser.add_argument("--out", type=Path, help="the folder of the targets, to write into")
    parser.add_argument("--date", default=datetime.date.today().isoformat(), help="date of the fit")
    args = parser.parse_args()
    times = json.loads(args.times.read_text(encoding="ascii"))
    later = json.loads(IMAGENET.read_text(encoding="ascii"))["times"]
    large: dict[str, Network] = {
        name: arch.network() for name, arch in imagenet.networks().items() if name in later
    }
    times = _of_equal_rounds({**times, **{name: later[name] for name in large}})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        first = {name: arch.network() for name, arch in families().items()}
        first |= first_networks(args.data)
        nets = {**imported(), **first}
    nets = {name: net for name, net in nets.items() if name in times}
    parts = {
        "kept aside": {n: net for n, net in nets.items() if n in KEPT},
        "fitted, of many kinds": {n: net for n, net in nets.items() if n in NETWORKS},
        "fitted, of the families": {n: net for n, net in nets.items() if n in first},
        "at ImageNet's sizes": large,
    }
    for name, how in TARGETS.items():
        before = Target.load(name)
        data = target_of(name, nets, times, args.date, large)
        unseen = judged(Target.from_dict(data), large, times, how.runtime)
        if how.imagenet:
            data = target_of(name, {**nets, **large}, times, args.date)
        after = Target.from_dict(data)
        aside = judged(after, parts["kept aside"], times, how.runtime)
        own = data["residuals"]["default"]
        own["kept_aside"] = {k: v for k, v in aside.items() if k != "worst"}
        own["covered_pct"] = {"latency_ms": aside["covered_pct"]}
        own["imagenet"] = {
            "fitted": how.imagenet,
            "not_fitted": {k: v for k, v in unseen.items() if k != "worst"},
            **own.get("imagenet", {}),
            "anchors": _anchors(times, later, how.runtime),
        }
        for title, some in parts.items():
            print(name, title, json.dumps(judged(after, some, times, how.runtime)))
            print("   as shipped", json.dumps(judged(before, some, times, how.runtime)))
        print("   not fitted to ImageNet's sizes", json.dumps(own["imagenet"]))
        print("   left out", json.dumps(own["held_out"]), data["coefficients"]["default"])
        if args.out:
            write_json(str(args.out / f"{name}.json"), data)


def _anchors(times: dict[str, Any], later: dict[str, Any], runtime: str) -> dict[str, Any]:
    """Return how the second measurement of some networks compares with the first."""
    ratios = [min(later[n][runtime]) / min(times[n][runtime]) for n in imagenet.ANCHORS]
    return {
        "networks": len(ratios),
        "median_ratio": round(float(np.median(ratios)), 3),
        "range": [round(min(ratios), 3), round(max(ratios), 3)],
    }


if __name__ == "__main__":
    main()
