"""The fits of the shipped targets: they recover known coefficients, and the errors they report."""

from __future__ import annotations

import csv
import gzip
import json
import math
import random
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from twins import reference
from twins.places import BENCHMARKS

from flash.hardware import KINDS, Target
from flash.hardware.cpu import FUSED
from flash.hardware.rram import BETWEEN

SCRIPTS = BENCHMARKS / "calibration"
needs_scripts = pytest.mark.skipif(
    not SCRIPTS.is_dir(), reason="the fit scripts are in the repository, not in the package"
)
FEATURES = {kind: module.FEATURES for kind, module in KINDS.items()}
FEATURES["rram"] = FEATURES["rram"][: -len(BETWEEN)]  # a mesh's are of no run


def write_table(folder: Path, name: str, rows: Iterable[dict[str, Any]]) -> None:
    rows = list(rows)
    (folder / "hardware").mkdir(exist_ok=True)
    with gzip.open(folder / "hardware" / f"{name}.csv.gz", "wt", newline="") as file:
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows(rows)


def fit(script: str, folder: Path, *more: str) -> Target:
    out = folder / "fitted.json"
    words = [str(SCRIPTS / script), str(folder), "--out", str(out), "--date", "2020-02-02", *more]
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return Target.load(out)


def dot(coefficients: dict[str, float], kind: str, features: list[float]) -> float:
    named = dict(zip(FEATURES[kind], features, strict=True))
    return sum(value * named[name] for name, value in coefficients.items())


# cpu-x86


def conv_row(into: int, out: int, kernel: int, stride: int, side: int, groups: int = 1) -> Any:
    after = (side + 2 * (kernel // 2) - kernel) // stride + 1
    size = {"H": side, "W": side, "Hout": after, "Wout": after}
    shape = {"Cin": into, "Cout": out, "k": kernel, "s": stride, "p": kernel // 2}
    return {"type": "conv", "groups": groups, **shape, **size}


def wide_resnet(random_: random.Random) -> tuple[Any, Any, list[list[float]]]:
    """Layers, spec and features of a pre-activation network with some residuals."""
    width, side = random_.choice([16, 24, 30, 48, 50, 64]), 32
    layers, skips = [conv_row(3, width, 3, 1, side)], []
    passes = []
    for _ in range(random_.randint(1, 5)):
        layers += [conv_row(width, width, 3, 1, side), conv_row(width, width, 3, 1, side)]
        skips.append(random_.random() < 0.6)
        if skips[-1]:  # followed by a norm, of the next block or before the pool
            passes.append(reference.cpu_features(True, 1, 1, width, 1, side, side))
    layers.append({**conv_row(width, 10, 1, 1, 1), "type": "fc"})
    return layers, {"family": "wrn", "skips": skips}, passes


def chain(random_: random.Random) -> tuple[Any, Any, list[list[float]]]:
    """The same of a plain sequence of convolutions, some of them depthwise."""
    width, side, layers = 3, 32, []
    for _ in range(random_.randint(2, 8)):
        depthwise = width > 3 and random_.random() < 0.4
        out = width if depthwise else random_.choice([8, 16, 20, 32, 96, 160, 330])
        stride = 2 if side > 4 and random_.random() < 0.3 else 1
        kernel = random_.choice([1, 3, 5]) if not depthwise else 3
        layers.append(conv_row(width, out, kernel, stride, side, width if depthwise else 1))
        width, side = out, layers[-1]["Hout"]
    layers.append({**conv_row(width, 10, 1, 1, 1), "type": "fc"})
    return layers, {"family": "mobilenetv2"}, []


@pytest.mark.processes
@needs_scripts
def test_cpu_coefficients_are_recovered(tmp_path: Path) -> None:
    random_ = random.Random(0)
    known = {name: random_.uniform(1, 3) * 1e-8 for name in FUSED}
    known["kernels"] = 0.002
    rows = []
    for number in range(60):
        family, make = ("wrn", wide_resnet) if number % 2 else ("mobilenetv2", chain)
        layers, spec, features = make(random_)
        for one in layers:
            shape = (one["k"], one["Cin"], one["Cout"], one["groups"], one["Hout"], one["Wout"])
            features.append(reference.cpu_features(False, *shape))
        weights = [o["Cin"] // o["groups"] * o["k"] ** 2 * o["Cout"] for o in layers]
        macs = sum(w * o["Hout"] * o["Wout"] for w, o in zip(weights, layers, strict=True))
        ms = sum(dot(known, "cpu", one) for one in features)
        texts = {"layers": json.dumps(layers), "spec": json.dumps(spec)}
        times = dict.fromkeys(("ort_ms", "ort_ms_halfA", "ort_ms_halfB"), ms)
        rows.append({"name": number, "family": family, "macs": macs, **texts, **times})
    write_table(tmp_path, "cpu_latency_nets", rows)
    target = fit("fit_cpu.py", tmp_path)
    assert target.coefficients["default"]["latency_ms"] == pytest.approx(known, rel=1e-6)
    residuals = target.residuals["default"]
    assert residuals["held_out"]["latency_ms"]["mape_pct"] < 0.1
    assert residuals["all_networks"]["latency_ms"] == {"mape_pct": 0.0, "max_pct": 0.0}
    assert residuals["noise_floor"]["latency_ms"]["max_pct"] == 0.0
    assert target.provenance["fitted"] == "2020-02-02"
    macs = [int(row["macs"]) for row in rows]
    network = target.calibrated_ranges["default"]["network"]
    assert network["macs"] == (min(macs), max(macs))


@pytest.mark.processes
@needs_scripts
def test_a_network_that_does_not_fit_its_family_is_refused(tmp_path: Path) -> None:
    layers = [conv_row(3, 16, 3, 1, 32), {**conv_row(16, 10, 1, 1, 1), "type": "fc"}]
    row = {"name": "x", "family": "mobilenetv2", "macs": 1, "spec": "{}", "ort_ms": 1}
    write_table(tmp_path, "cpu_latency_nets", [{**row, "layers": json.dumps(layers)}])
    with pytest.raises(AssertionError, match="x has 442528 MACs, the table 1"):
        fit("fit_cpu.py", tmp_path)


# rram

COLUMNS = {
    "latency_ms": FEATURES["rram"][1:8],
    "bus_in_ms": ("in_words",),
    "bus_out_ms": ("out_words",),
    "energy_mj": (
        *("subarrays", "columns", "rows", "roots", "image"),
        *("in_tiles", "out_tiles", "in_pes"),
    ),
    "bus_in_mj": ("in_chip",),
    "bus_out_mj": ("out_chip",),
    "area_mm2": ("tiles",),
    "peak_mm2": ("buffers", "tile_rows"),
}
LAYER_COLUMNS = ("latency_ms", "energy_mj")  # fitted whatever the tile
# Golden: the simulator's constants, by tile. Those of the bus and the floor are fitted for 1024,
# where these are made up.
CHIPS: dict[int, dict[str, Any]] = {
    512: {
        "coefficients": {
            "bus_in_ms": {"in_words": 1.2995e-8},
            "bus_out_ms": {"out_words": 1.2995e-8},
            "bus_in_mj": {"in_chip": 0.105529e-9},
            "bus_out_mj": {"out_chip": 0.293139e-9},
            "area_mm2": {"tiles": 0.570305},
            "peak_mm2": {"buffers": 0.020408, "tile_rows": 0.001853},
        },
        "links": {
            "cycles_per_tile": 0.0996054,
            "leakage_w_per_tile": 3.08872e-6,
            "leakage_step": 0.36079 / 3.08872,
            "grid_area_mm2": {"const": 0.003448, "per_row": 0.161371, "per_col": 0.119067},
        },
    },
    1024: {
        "coefficients": {
            "bus_in_ms": {"in_words": 0.9e-8},
            "bus_out_ms": {"out_words": 0.9e-8},
            "bus_in_mj": {"in_chip": 0.2e-9},
            "bus_out_mj": {"out_chip": 0.5e-9},
            "area_mm2": {"tiles": 1.9},
            "peak_mm2": {"buffers": 0.03},
        },
        "links": {
            "cycles_per_tile": 0.197884,
            "leakage_w_per_tile": 11.5455e-6,
            "leakage_step": 0.7216 / 11.5455,
            "grid_area_mm2": {"const": 2.0, "per_row": 0.25, "per_col": 0.25},
        },
    },
}


def synthetic_runs(
    folder: Path, stem: str, layers_cost: dict[str, Any], seed: int, tile: int = 512
) -> None:
    """Write networks that cost exactly what the model with these coefficients says."""
    random_ = random.Random(seed)
    links = CHIPS[tile]["links"]
    known = {**CHIPS[tile]["coefficients"], **layers_cost}
    grid, per_ns = links["grid_area_mm2"], links["leakage_w_per_tile"] * 1e3  # pJ a tile and ns
    nets, rows = [], []
    for number in range(34):
        shapes = [(3, 3, random_.randint(8, 200), 32)]
        for _ in range(random_.randint(4, 12)):
            into, out = random_.randint(4, 600), random_.randint(8, 500)
            shapes.append((into, random_.choice([1, 3]), out, random_.choice([32, 16, 8])))
        features = [
            reference.rram_features(k, i, o, side * side, tile, (side + k - 1) ** 2)
            for i, k, o, side in shapes
        ]
        tiles = int(sum(one[0] for one in features))
        high = next(r for r in range(1, tiles + 1) if r * r >= tiles)
        wide = -(-tiles // high)
        far, near = -(-wide // 2), max(0, high // 2 - 1)
        cycles = [math.ceil(links["cycles_per_tile"] * one) for one in (far, near)]
        total = {"latency_ns": 0.0, "dyn_energy_pJ": 0.0, "leak_energy_pJ": 0.0}
        parts = []
        for (into, kernel, out, side), one in zip(shapes, features, strict=True):
            part = {c: dot(known[c], "rram", one) for c in COLUMNS}
            parts.append(part)
            latency = part["latency_ms"] + high * cycles[0] * part["bus_in_ms"]
            latency = (latency + wide * cycles[1] * part["bus_out_ms"]) * 1e6
            steps = reference.rram_leak_steps(kernel, into, out, tile)
            leakage = per_ns * latency * (1 + links["leakage_step"] * steps)  # a tile
            energy = part["energy_mj"] + far * part["bus_in_mj"] + near * part["bus_out_mj"]
            energy = energy * 1e9 + one[0] * leakage  # a layer's own tiles work
            total["latency_ns"] += latency
            total["dyn_energy_pJ"] += energy
            total["leak_energy_pJ"] += (tiles - one[0]) * leakage
            padded = side + kernel - 1
            shape = {"Cin": into, "k": kernel, "Cout": out, "H": padded, "W": padded, "stride": 1}
            costs = {"latency_ns": latency, "dyn_energy_pJ": energy}
            mapped = {"speedup": side * side / one[1], "tiles": one[0]}
            rows.append({"name": number, **shape, **costs, **mapped})
        # the buffers are those of one layer, the tallest may be another
        names = FEATURES["rram"]
        area = known["area_mm2"]["tiles"] * tiles
        area += grid["const"] + grid["per_row"] * high + grid["per_col"] * wide
        for name, each in known["peak_mm2"].items():
            area += each * max(one[names.index(name)] for one in features)
        facts = {"n_tiles": tiles, "area_um2": area * 1e6, "macs": 10**6, "tile_cm": tile}
        nets.append({"name": number, "family": "resnet", **total, **facts})
    write_table(folder, stem + "_nets", nets)
    write_table(folder, stem + "_layers", rows)


STEMS = {"nsim_dtc": "densenet", "nsim_dtc2": "densenet", "nsim_pinned": "default"}


def random_costs(seed: int) -> dict[str, dict[str, dict[str, float]]]:
    """Latency and energy of layers, of each set."""
    random_ = random.Random(seed)
    return {
        name: {
            column: {
                one: random_.uniform(1, 3) * (1e-8 if column == "latency_ms" else 1e-10)
                for one in COLUMNS[column]
            }
            for column in LAYER_COLUMNS
        }
        for name in ("densenet", "default")
    }


@pytest.mark.processes
@needs_scripts
def test_rram_coefficients_are_recovered(tmp_path: Path) -> None:
    known = random_costs(1)
    for number, (stem, name) in enumerate(STEMS.items()):
        synthetic_runs(tmp_path, stem, known[name], number)
    target = fit("fit_rram.py", tmp_path)
    chip = CHIPS[512]
    for name in known:
        for column in COLUMNS:
            expected = {**chip["coefficients"], **known[name]}[column]
            assert target.coefficients[name][column] == pytest.approx(expected, rel=1e-5), column
        links = target.links[name]
        for one in ("cycles_per_tile", "leakage_w_per_tile", "leakage_step"):
            assert links[one] == pytest.approx(chip["links"][one], rel=1e-9)
        # a mean over layers of 1, or of 1 and a step where the last element needs two rows
        assert 1 < links["leak_out"] < 1 + chip["links"]["leakage_step"]
        grid, own = links["grid_area_mm2"], chip["links"]["grid_area_mm2"]
        assert (grid["const"], grid["per_col"]) == (own["const"], own["per_col"])
        # the tallest layer is not always that of the most buffers: what lies between
        assert 0 < grid["per_row"] - own["per_row"] < 0.01
        held = target.residuals[name]["held_out"]
        assert held["latency_ms"]["max_pct"] < 0.001
        assert held["energy_mj"]["max_pct"] < 0.001
        assert held["area_mm2"]["max_pct"] < 0.1
        # What the links add shows where they are left out.
        assert target.ablation[name]["leakage_dropped"]["energy_mj"]["mape_pct"] > 0
        assert target.ablation[name]["grid_dropped"]["latency_ms"]["mape_pct"] > 1
    assert target.residuals["densenet"]["judged"] == 34
    assert target.residuals["default"]["splits"] == 40


@pytest.mark.processes
@needs_scripts
def test_rram_of_another_tile_is_recovered(tmp_path: Path) -> None:
    """Where the floorplanner chooses a bus, its words, its energy and the floor are fitted too."""
    known = random_costs(2)["default"]
    synthetic_runs(tmp_path, "nsim_conv", known, 5, 1024)
    target = fit("fit_rram.py", tmp_path, "--tile", "1024")
    assert (target.name, target.array[0]) == ("rram-1024", 1024)
    chip = CHIPS[1024]
    for column, values in {**chip["coefficients"], **known}.items():
        assert target.coefficients["default"][column] == pytest.approx(values, rel=1e-5), column
    links = target.links["default"]
    for name in ("cycles_per_tile", "leakage_w_per_tile", "leakage_step"):
        assert links[name] == pytest.approx(chip["links"][name], rel=1e-9)
    assert links["grid_area_mm2"] == pytest.approx(chip["links"]["grid_area_mm2"], rel=1e-5)
    for metric, error in target.residuals["default"]["held_out"].items():
        assert error["max_pct"] < 0.01, metric


@pytest.mark.processes
@needs_scripts
@pytest.mark.parametrize("tile", [512, 1024])
def test_intervals_of_rram_are_of_what_it_charges(
    tile: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The columns that the script has of the simulator's networks are those of the target."""
    monkeypatch.syspath_prepend(str(SCRIPTS))
    import rram_intervals
    import rram_model

    from flash.hardware._terms import terms

    known = random_costs(3)["default"]
    stems = STEMS if tile == 512 else ("nsim_conv",)
    for stem in stems:
        synthetic_runs(tmp_path, stem, known, 3, tile)
    target = fit("fit_rram.py", tmp_path, *(() if tile == 512 else ("--tile", "1024")))
    name = target.set_for("densenet")
    runs = rram_model.Runs(str(tmp_path), next(iter(stems)), tile)
    model = rram_model.Model(runs, np.ones(len(runs.names), bool))
    totals = np.stack(
        [
            runs.largest(column) if name in ("buffers", "tile_rows") else runs.total(column)
            for name, column in zip(FEATURES["rram"], runs.x.T, strict=True)
        ],
        axis=1,
    )
    for metric in rram_intervals.METRICS:
        found = terms(target, "densenet", metric, totals, np.ones(len(totals)))
        place = {".".join(name): k for k, name in enumerate(found.names)}
        names, columns, values = rram_intervals.terms(model, runs, metric)
        assert names == list((target.intervals or {})[name][metric]["terms"])
        assert columns == pytest.approx(found.columns[:, [place[name] for name in names]])
        assert len(values) == len(names)
        # with what no coefficient multiplies they are the costs
        if metric == "area_mm2":
            whole = columns @ values + found.offset
            assert whole == pytest.approx(runs.area * 1e-6, rel=1e-3)
        if metric == "latency_ms":
            assert columns @ values == pytest.approx(runs.total_latency * 1e-6, rel=1e-6)


@pytest.mark.processes
@needs_scripts
@pytest.mark.parametrize(
    ("column", "rule"), [("tiles", "tiles"), ("speedup", "weight duplication")]
)
def test_runs_that_break_the_tiling_rules_are_refused(
    column: str, rule: str, tmp_path: Path
) -> None:
    known = random_costs(4)["default"]
    for stem in STEMS:
        synthetic_runs(tmp_path, stem, known, 3)
    path = tmp_path / "hardware" / "nsim_dtc_layers.csv.gz"
    with gzip.open(path, "rt", newline="") as file:
        rows = list(csv.DictReader(file))
    rows[5][column] = "1000"
    write_table(tmp_path, "nsim_dtc_layers", rows)
    with pytest.raises(AssertionError, match=f"the rule for {rule} does not reproduce the data"):
        fit("fit_rram.py", tmp_path)


# What ships


def test_provenance_names_the_simulator_and_its_licence() -> None:
    provenance = Target.load("rram").provenance
    assert "NeuroSim V1.4" in provenance["simulator"]
    assert "CC BY-NC 4.0" in provenance["licence"]
    assert Target.load("cpu-x86").provenance["licence"] == "own measurements"
