"""Fit the `rram` targets to NeuroSim's runs and write their JSON files.

    python benchmarks/calibration/fit_rram.py DATA --out flash/data/rram.json
    python benchmarks/calibration/fit_rram.py DATA --tile 1024 --out flash/data/rram-1024.json
    python benchmarks/calibration/fit_rram.py DATA --both --out flash/data/rram-neurosim.json

Two coefficient sets from one set of features: "densenet" on DenseNet-type concatenation cells
(nsim_dtc, judged on nsim_dtc2, which the fit does not see) and "default" on the other families
(nsim_pinned without MobileNetV2, whose depthwise layers NeuroSim does not have; judged by
splits). The bus, leakage and area follow the simulator's structure (rram_model.STRUCTURE); fitted,
by non-negative least squares on relative residuals, are latency and energy of the layers on their
tiles. With `--tile` the runs are those of NeuroSim's own floorplanner (nsim_conv) in which it chose
that tile; what it makes of the bus and the floor is fitted too. With `--both` nothing is fitted:
the target has the models of the two shipped ones, of either tile.
"""

from __future__ import annotations

import argparse
import copy
import datetime
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from fitting import bounds, coverage, splits, summary, write_json
from rram_intervals import METRICS, coverage_held_out, covered_by_halves, tables
from rram_model import MJ, MM2, MS, N_SPLITS, NAMES, SEED, STRUCTURE, Model, Runs, to_fit

from flash import Target
from flash.hardware.rram import MAXIMA

if TYPE_CHECKING:
    from fitting import Array

SETS = {"densenet": ("nsim_dtc", "nsim_dtc2"), "default": ("nsim_pinned", None)}
FAMILIES = ["densenet", "resnet", "wide-resnet"]


def held_out(runs: Runs) -> dict[str, Array]:
    """Return the relative errors of held-out networks over all splits."""
    errors: dict[str, list[Array]] = {}
    for use in splits(runs.groups, to_fit(runs), N_SPLITS, SEED):
        for name, ratio in Model(runs, use).totals(runs).items():
            errors.setdefault(name, []).append(ratio[~use] - 1)
    return {name: np.concatenate(e) for name, e in errors.items()}


def without_grid(runs: Runs) -> Runs:
    """Return the runs as if every chip had the same grid, nothing of the structure known."""
    flat = copy.copy(runs)
    flat.factor = np.broadcast_to(runs.factor.mean(axis=0), runs.factor.shape)
    flat.grid = np.ones_like(runs.grid)
    free = dict.fromkeys(("word_ns", "bus_pj", "tile_um2", "grid_um2", "peak_um2"))
    flat.structure = {**runs.structure, **free}
    return flat


def report(
    runs: Runs, model: Model, judged: Runs | None
) -> tuple[dict[str, Any], dict[str, Any], dict[str, float]]:
    """Return the residuals and the ablation of one set, and how many networks intervals hold.

    Of the judged, which are in the table that ships: one half by a table of the other.
    """
    every = np.ones(len(runs.names), bool)
    flat = without_grid(runs)
    if judged is None:
        errors, plain = held_out(runs), held_out(flat)
        held = coverage_held_out(runs)
        how = {"networks_to_fit": to_fit(runs), "splits": N_SPLITS}
    else:
        errors = {name: ratio - 1 for name, ratio in model.totals(judged).items()}
        flat_model = Model(flat, every)
        plain = {n: r - 1 for n, r in flat_model.totals(without_grid(judged)).items()}
        within = covered_by_halves(runs, model, judged, N_SPLITS, SEED)
        held = {metric: coverage(masks) for metric, masks in within.items()}
        how = {"networks_to_fit": len(runs.names), "judged": len(judged.names)}
        how["covered_by"] = "intervals of those fitted and one half of the judged: the other half"
    residuals = {
        "networks": len(runs.names),
        **how,
        "held_out": {m: summary(errors[m], 4) for m in METRICS},
        "all_networks": {m: summary(model.totals(runs)[m] - 1, 4) for m in METRICS},
        "layers": model.layer_errors(runs),
    }
    ablation = {
        "full": {m: summary(errors[m], 4) for m in METRICS},
        "leakage_dropped": {"energy_mj": summary(errors["energy, leakage dropped"])},
        "grid_dropped": {m: summary(plain[m]) for m in METRICS},
    }
    return residuals, ablation, held


def ranges(parts: list[Runs]) -> dict[str, Any]:
    """Return the least and the greatest value seen, of networks and of layers, and all numbers of
    tiles: a class of the grid without one of them has no run behind it."""

    def of(values: Any) -> list[float]:
        return bounds(np.concatenate([np.asarray(values(one), float) for one in parts]).tolist())

    def totals(runs: Runs, name: str) -> Array:
        column = runs.x[:, NAMES.index(name)]
        return runs.largest(column) if name in MAXIMA else runs.total(column)

    layers = [layer for runs in parts for layer in runs.layers]
    cin, kernel, cout, positions = zip(*layers, strict=True)
    return {
        "network": {
            "tiles": of(lambda r: r.tiles),
            "macs": of(lambda r: r.macs),
            "layers": of(lambda r: np.bincount(r.net)),
            "latency_ms": of(lambda r: r.total_latency * MS),
            "energy_mj": of(lambda r: (r.total_dynamic + r.total_leak) * MJ),
            "area_mm2": of(lambda r: r.area * MM2),
        },
        "layer": {
            "in_channels": bounds(cin),
            "out_channels": bounds(cout),
            "kernel": bounds(kernel),
            "positions": bounds(positions),
        },
        "features": {name: of(lambda r, n=name: totals(r, n)) for name in NAMES},
        "tiles": sorted({int(t) for runs in parts for t in runs.tiles}),
    }


def own_floorplan(target: dict[str, Any], tile: int) -> dict[str, tuple[str, str | None]]:
    """Say in a target's head which floorplan it is of; return the set and its runs."""
    target["name"] = f"rram-{tile}"
    target["description"] += (
        f" Tiles of {tile} x {tile} cells, which NeuroSim's own floorplanner gives to networks "
        "with a layer of more than 64 output channels; to others it gives 512 x 512: rram."
    )
    target["parameters"] |= {"tile": tile, "pe": tile // 2, "floorplan": "neurosim"}
    target["sets"] = {"default": FAMILIES}
    del target["design"]  # that of rram has chips on either tile
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
    return {"default": ("nsim_conv", None)}


def main() -> None:
    """Fit both sets and write the target."""
    parser = argparse.ArgumentParser(description="Fit the rram target to NeuroSim's runs.")
    parser.add_argument("data", help="the data folder: the one that holds hardware/")
    parser.add_argument("--out", required=True, help="the target's JSON file, to write")
    parser.add_argument("--date", default=datetime.date.today().isoformat(), help="date of the fit")
    parser.add_argument(
        "--tile", type=int, help="side of the tile, in cells, that the floorplanner chose"
    )
    parser.add_argument(
        "--both", action="store_true", help="both tiles of the floorplan, from the shipped targets"
    )
    args = parser.parse_args()
    if args.both:
        write_json(args.out, Target.load("rram-1024").with_tiles("rram").to_dict())
        return
    head = Path(__file__).with_name("rram_head.json")
    target: dict[str, Any] = json.loads(head.read_text(encoding="ascii"))
    target["features"] = list(NAMES)
    sections = (
        *("coefficients", "links", "calibrated_ranges", "intervals", "residuals", "ablation"),
    )
    for section in sections:
        target[section] = {}
    tile = args.tile or 512
    fit_to = own_floorplan(target, tile) if args.tile else SETS
    for name, (stem, other) in fit_to.items():
        runs = Runs(args.data, stem, tile)
        judged = Runs(args.data, other, tile) if other else None
        seen = [runs] if judged is None else [runs, judged]
        for one in seen:
            one.check_rules()
        every = np.ones(len(runs.names), bool)
        model = Model(runs, every)
        residuals, ablation, held = report(runs, model, judged)
        residuals["covered_pct"] = held
        parts = (
            *(model.coefficients(), model.links(runs), ranges(seen)),
            *(tables(runs, every, model, judged), residuals, ablation),
        )
        for section, part in zip(sections, parts, strict=True):
            target[section][name] = part
        print(name, residuals["held_out"], held, "%", json.dumps(ablation))
    known = {key: value for key, value in STRUCTURE[tile].items() if value is not None}
    target["parameters"]["structure"] = known
    target["provenance"] = target.pop("provenance") | {"fitted": args.date}
    write_json(args.out, target)


if __name__ == "__main__":
    main()
