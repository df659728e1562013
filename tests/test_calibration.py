"""The fits of the shipped targets: they recover known coefficients, and the errors they report."""

from __future__ import annotations

import csv
import gzip
import json
import random
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))
import reference

from flash.hardware import KINDS, Target
from flash.hardware.cpu import FUSED

SCRIPTS = Path(__file__).parents[1] / "benchmarks" / "calibration"
needs_scripts = pytest.mark.skipif(
    not SCRIPTS.is_dir(), reason="the fit scripts are in the repository, not in the package"
)
FEATURES = {kind: module.FEATURES for kind, module in KINDS.items()}


def write_table(folder: Path, name: str, rows: Iterable[dict[str, Any]]) -> None:
    rows = list(rows)
    (folder / "hardware").mkdir(exist_ok=True)
    with gzip.open(folder / "hardware" / f"{name}.csv.gz", "wt", newline="") as file:
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows(rows)


def fit(script: str, folder: Path) -> Target:
    out = folder / "fitted.json"
    words = [str(SCRIPTS / script), str(folder), "--out", str(out), "--date", "2020-02-02"]
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
    "ic_latency_ms": ("bus_words",),
    "energy_mj": ("subarrays", "columns", "rows", "in_tiles", "out_tiles", "in_pes"),
    "ic_energy_mj": ("in_chip", "out_chip"),
    "area_mm2": ("tiles", "maps"),
}
BEYOND = {"rows_per_cycle": 22, "cols_per_cycle": 24}
SHARES = {"latency_row_share": 0.9, "energy_row_share": 0.85}
AREA = {"area_mm2_const": 2.0, "area_mm2_per_side": 0.25}
LEAKAGE = 3e-6


def synthetic_runs(folder: Path, stem: str, known: dict[str, Any], seed: int) -> None:
    """Write networks that cost exactly what the model with these coefficients says."""
    random_ = random.Random(seed)
    nets, rows = [], []
    for number in range(34):
        shapes = []
        for _ in range(random_.randint(4, 12)):
            into, out = random_.randint(3, 600), random_.randint(8, 500)
            shapes.append((into, random_.choice([1, 3]), out, random_.choice([32, 16, 8])))
        features = [reference.rram_features(k, i, o, side * side) for i, k, o, side in shapes]
        tiles = int(sum(one[0] for one in features))
        grid_rows = next(r for r in range(1, tiles + 1) if r * r >= tiles)
        cols = -(-tiles // grid_rows)
        _, f, h, area = KINDS["rram"].grid_class(grid_rows, cols, BEYOND | SHARES | AREA)
        total = {"latency_ns": 0.0, "dyn_energy_pJ": 0.0, "area_um2": area * 1e6}
        for (into, kernel, out, side), one in zip(shapes, features, strict=True):
            part = {c: dot(known[c], "rram", one) for c in COLUMNS}
            latency = (part["latency_ms"] + f * part["ic_latency_ms"]) * 1e6
            energy = (part["energy_mj"] + h * part["ic_energy_mj"]) * 1e9
            total["latency_ns"] += latency
            total["dyn_energy_pJ"] += energy
            total["area_um2"] += part["area_mm2"] * 1e6
            padded = side + kernel - 1
            shape = {"Cin": into, "k": kernel, "Cout": out, "H": padded, "W": padded, "stride": 1}
            costs = {"latency_ns": latency, "dyn_energy_pJ": energy}
            mapped = {"speedup": side * side / one[1], "tiles": one[0]}
            rows.append({"name": number, **shape, **costs, **mapped})
        leakage = LEAKAGE * tiles * total["latency_ns"] * 1e3
        facts = {"n_tiles": tiles, "leak_energy_pJ": leakage, "macs": 10**6, "tile_cm": 512}
        nets.append({"name": number, "family": "resnet", **total, **facts})
    write_table(folder, stem + "_nets", nets)
    write_table(folder, stem + "_layers", rows)


@needs_scripts
def test_rram_coefficients_are_recovered(tmp_path: Path) -> None:
    random_ = random.Random(1)
    scale = {"latency_ms": 1e-8, "ic_latency_ms": 1e-8, "energy_mj": 1e-10, "ic_energy_mj": 1e-10}
    known = {
        name: {
            column: {one: random_.uniform(1, 3) * scale.get(column, 1e-6) for one in names}
            for column, names in COLUMNS.items()
        }
        for name in ("densenet", "default")
    }
    for name, stem in (("densenet", "nsim_dtc"), ("default", "nsim_pinned")):
        known[name]["area_mm2"]["tiles"] = 0.5
        synthetic_runs(tmp_path, stem, known[name], len(name))
    target = fit("fit_rram.py", tmp_path)
    for name in known:
        for column in COLUMNS:
            fitted = target.coefficients[name][column]
            assert fitted == pytest.approx(known[name][column], rel=1e-5), column
        links = target.links[name]
        assert links["beyond"] == pytest.approx(BEYOND | SHARES | AREA, rel=1e-5)
        assert links["leakage_w_per_tile"] == pytest.approx(LEAKAGE, rel=1e-9)
        for metric, error in target.residuals[name]["held_out"].items():
            assert error["max_pct"] < 0.01, metric
        # What the links add shows where they are left out.
        assert target.ablation[name]["leakage_dropped"]["energy_mj"]["mape_pct"] > 0
        assert target.ablation[name]["grid_dropped"]["latency_ms"]["mape_pct"] > 1


@needs_scripts
def test_intervals_of_rram_are_of_what_it_charges(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The columns that the script has of the simulator's networks are those of the target."""
    monkeypatch.syspath_prepend(str(SCRIPTS))
    import rram_intervals
    import rram_model

    from flash.hardware._terms import terms

    known = {column: dict.fromkeys(names, 1e-9) for column, names in COLUMNS.items()}
    for stem in ("nsim_dtc", "nsim_pinned"):
        synthetic_runs(tmp_path, stem, known, 3)
    target = fit("fit_rram.py", tmp_path)
    runs = rram_model.Runs(str(tmp_path), "nsim_dtc")
    model = rram_model.Model(runs, np.ones(len(runs.names), bool))
    totals = np.stack([runs.total(column) for column in runs.x.T], axis=1)
    for metric in rram_intervals.METRICS:
        found = terms(target, "densenet", metric, totals, np.ones(len(totals)))
        place = {".".join(name): k for k, name in enumerate(found.names)}
        names, columns, values = rram_intervals.terms(model, runs, metric)
        assert names == list((target.intervals or {})["densenet"][metric]["terms"])
        assert columns == pytest.approx(found.columns[:, [place[name] for name in names]])
        assert len(values) == len(names)


@needs_scripts
def test_runs_that_break_the_tiling_rules_are_refused(tmp_path: Path) -> None:
    known = {column: dict.fromkeys(names, 1e-8) for column, names in COLUMNS.items()}
    for stem in ("nsim_dtc", "nsim_pinned"):
        synthetic_runs(tmp_path, stem, known, 3)
    path = tmp_path / "hardware" / "nsim_dtc_layers.csv.gz"
    with gzip.open(path, "rt", newline="") as file:
        rows = list(csv.DictReader(file))
    rows[5]["tiles"] = "1000"
    write_table(tmp_path, "nsim_dtc_layers", rows)
    with pytest.raises(AssertionError, match="the rule for tiles does not reproduce the data"):
        fit("fit_rram.py", tmp_path)


# What ships


@pytest.mark.parametrize("name", ["densenet", "default"])
def test_held_out_errors_of_rram(name: str) -> None:
    """25 networks to fit: at most 0.9 % in area, 4.5 % in energy, 12 % in latency."""
    target = Target.load("rram")
    residuals = target.residuals[name]
    assert residuals["networks_to_fit"] == 25
    held = {metric: error["mape_pct"] for metric, error in residuals["held_out"].items()}
    assert held == GOLDEN[name]
    for metric, most in {"area_mm2": 0.9, "energy_mj": 4.5, "latency_ms": 12.0}.items():
        assert held[metric] <= most
    ablation = target.ablation[name]
    assert ablation["leakage_dropped"]["energy_mj"]["mape_pct"] > 5 * held["energy_mj"]
    for metric, without in ablation["grid_dropped"].items():
        assert without["mape_pct"] > held[metric]


GOLDEN = {
    "densenet": {"area_mm2": 0.389, "energy_mj": 0.331, "latency_ms": 0.056},
    "default": {"area_mm2": 0.547, "energy_mj": 0.382, "latency_ms": 0.193},
}


def test_held_out_errors_of_cpu() -> None:
    residuals = Target.load("cpu-x86").residuals["default"]
    assert residuals["networks_to_fit"] == 25
    assert residuals["held_out"]["latency_ms"] == {"mape_pct": 3.597, "max_pct": 16.499}
    assert set(residuals["held_out_families"]) == set(Target.load("cpu-x86").sets["default"])


def test_provenance_names_the_simulator_and_its_licence() -> None:
    provenance = Target.load("rram").provenance
    assert "NeuroSim V1.4" in provenance["simulator"]
    assert "CC BY-NC 4.0" in provenance["licence"]
    assert Target.load("cpu-x86").provenance["licence"] == "own measurements"
