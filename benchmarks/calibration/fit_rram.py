"""Fit the `rram` target to NeuroSim's `pinned` runs and write its JSON file.

    python benchmarks/calibration/fit_rram.py DATA --out flash/data/rram.json
    python benchmarks/calibration/fit_rram.py DATA --tile 1024 --out flash/data/rram-1024.json

Two coefficient sets from one set of features: "densenet" on DenseNet-type concatenation cells
(nsim_dtc) and "default" on the other families (nsim_pinned without MobileNetV2, whose depthwise
layers NeuroSim does not have). Layer columns are fitted on layers, network links on networks, all
by non-negative least squares on relative residuals; errors are those of networks held out. With
`--tile` the runs are those of NeuroSim's own floorplanner (nsim_conv) in which it chose that tile.
"""

from __future__ import annotations

import argparse
import datetime
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from fitting import bounds, splits, summary, write_json
from rram_intervals import coverage_held_out, tables
from rram_model import MJ, MM2, MS, N_SPLITS, NAMES, SEED, Model, Runs, to_fit

if TYPE_CHECKING:
    from fitting import Array

SETS = {"densenet": "nsim_dtc", "default": "nsim_pinned"}
FAMILIES = ["densenet", "resnet", "wide-resnet"]


def held_out(runs: Runs, *, with_grid: bool = True) -> dict[str, Array]:
    """Return the relative errors of held-out networks over all splits."""
    errors: dict[str, list[Array]] = {}
    for use in splits(runs.groups, to_fit(runs), N_SPLITS, SEED):
        for name, ratio in Model(runs, use, with_grid=with_grid).totals(runs).items():
            errors.setdefault(name, []).append(ratio[~use] - 1)
    return {name: np.concatenate(e) for name, e in errors.items()}


def report(runs: Runs, model: Model) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the residuals and the ablation of one set."""
    cv = held_out(runs)
    flat = held_out(runs, with_grid=False)
    metrics = ("area_mm2", "energy_mj", "latency_ms")
    dropped = "energy, leakage dropped"
    residuals = {
        "networks": len(runs.names),
        "networks_to_fit": to_fit(runs),
        "splits": N_SPLITS,
        "held_out": {m: summary(cv[m]) for m in metrics},
        "held_out_parts": {m: summary(cv[m]) for m in ("dynamic energy", "leakage energy")},
        "all_networks": {m: summary(model.totals(runs)[m] - 1) for m in metrics},
        "layers": model.layer_errors(runs),
    }
    ablation = {
        "full": {m: summary(cv[m]) for m in metrics},
        "leakage_dropped": {"energy_mj": summary(cv[dropped])},
        "grid_dropped": {m: summary(flat[m]) for m in metrics},
    }
    return residuals, ablation


def ranges(runs: Runs) -> dict[str, Any]:
    """Return the least and the greatest value seen in fitting, of networks and of layers."""
    cin, kernel, cout, positions = zip(*runs.layers, strict=True)
    return {
        "network": {
            "tiles": bounds(runs.tiles.tolist()),
            "macs": bounds(runs.macs.tolist()),
            "layers": bounds(np.bincount(runs.net).tolist()),
            "latency_ms": bounds((runs.total_latency * MS).tolist()),
            "energy_mj": bounds(((runs.total_dynamic + runs.total_leak) * MJ).tolist()),
            "area_mm2": bounds((runs.area * MM2).tolist()),
        },
        "layer": {
            "in_channels": bounds(cin),
            "out_channels": bounds(cout),
            "kernel": bounds(kernel),
            "positions": bounds(positions),
        },
        "features": {
            name: bounds(runs.total(column).tolist())
            for name, column in zip(NAMES, runs.x.T, strict=True)
        },
    }


def own_floorplan(target: dict[str, Any], tile: int) -> dict[str, tuple[str, int]]:
    """Say in a target's head which floorplan it is of; return the set and its runs."""
    target["name"] = f"rram-{tile}"
    target["description"] += (
        f" Tiles of {tile} x {tile} cells, which NeuroSim's own floorplanner gives to networks "
        "with a layer of more than 64 output channels; to others it gives 512 x 512: rram."
    )
    target["parameters"] |= {"tile": tile, "pe": tile // 2}
    target["sets"] = {"default": FAMILIES}
    shown = target["provenance"]
    shown["runs"] = (
        f"nsim_conv without mobilenetv2, those on tiles of {tile} (resnet, wide-resnet, densenet "
        "with growth)"
    )
    shown["configuration"] = shown["configuration"].replace(
        "tile fixed at 512x512, PE 256x256", f"tiles chosen by the floorplanner: {tile}x{tile}"
    )
    shown["command"] = shown["command"].replace(
        "--out flash/data/rram.json", f"--tile {tile} --out flash/data/rram-{tile}.json"
    )
    return {"default": ("nsim_conv", tile)}


def main() -> None:
    """Fit both sets and write the target."""
    parser = argparse.ArgumentParser(description="Fit the rram target to NeuroSim's runs.")
    parser.add_argument("data", help="the data folder: the one that holds hardware/")
    parser.add_argument("--out", required=True, help="the target's JSON file, to write")
    parser.add_argument("--date", default=datetime.date.today().isoformat(), help="date of the fit")
    parser.add_argument(
        "--tile", type=int, help="side of the tile, in cells, that the floorplanner chose"
    )
    args = parser.parse_args()
    head = Path(__file__).with_name("rram_head.json")
    target: dict[str, Any] = json.loads(head.read_text(encoding="ascii"))
    target["features"] = list(NAMES)
    sections = (
        *("coefficients", "links", "calibrated_ranges", "intervals", "residuals", "ablation"),
    )
    for section in sections:
        target[section] = {}
    if args.tile:
        fit_to = own_floorplan(target, args.tile)
    else:
        fit_to = {name: (stem, 512) for name, stem in SETS.items()}
    for name, (stem, tile) in fit_to.items():
        runs = Runs(args.data, stem, tile)
        runs.check_rules()
        every = np.ones(len(runs.names), bool)
        model = Model(runs, every)
        residuals, ablation = report(runs, model)
        residuals["covered_pct"] = coverage_held_out(runs)
        parts = (
            *(model.coefficients(), model.links(runs.cycles), ranges(runs)),
            *(tables(runs, every, model), residuals, ablation),
        )
        for section, part in zip(sections, parts, strict=True):
            target[section][name] = part
        held = residuals["held_out"]
        print(
            name,
            {m: held[m]["mape_pct"] for m in held},
            residuals["covered_pct"],
            "%",
            json.dumps(ablation),
        )
    target["provenance"] = target.pop("provenance") | {"fitted": args.date}
    write_json(args.out, target)


if __name__ == "__main__":
    main()
