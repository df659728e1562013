"""The benchmark that judges predictors: absent data is said to be absent, present data judged."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest
from twins.places import ACCURACIES, BENCHMARKS, ROOT

JUDGE = BENCHMARKS / "models" / "predictors.py"
pytestmark = [
    pytest.mark.skipif(
        not JUDGE.exists(), reason="the benchmark is in the repository, not in the package"
    ),
    pytest.mark.processes,
    pytest.mark.slow,
]


def judge(data: Path, out: Path) -> str:
    words = ["-m", "benchmarks.models.predictors", str(data), "--out", str(out), "--draws", "4"]
    done = subprocess.run(
        [sys.executable, *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_absent_data_is_said_to_be_absent(tmp_path: Path) -> None:
    text = judge(tmp_path, tmp_path / "r.json")
    for name in ("nas-bench-macro", "imgclsmob", "nas-bench-201"):
        assert f"{name}: absent" in text
    assert set(json.loads((tmp_path / "r.json").read_text())["sets"].values()) == {"absent"}


def test_present_data_is_judged(tmp_path: Path) -> None:
    lines = (ACCURACIES / "nas_bench_macro.csv").read_text().splitlines()
    rows = [line.split(",") for line in lines if not line.startswith("#")][1:]
    table = ["arch,acc1,acc2,acc3"] + [f"{a},{y},{y},{float(y) + 0.01:.4f}" for a, y, *_ in rows]
    (tmp_path / "accuracy").mkdir()
    name = "nas_bench_macro_cifar10.csv.gz"
    with gzip.open(tmp_path / "accuracy" / name, "wt") as file:
        file.write("\n".join(table) + "\n")
    text = judge(tmp_path, tmp_path / "r.json")
    assert "imgclsmob: absent" in text
    found = json.loads((tmp_path / "r.json").read_text())["sets"]["nas-bench-macro"]["cifar10"]
    assert found["networks"] == 300
    assert found["proxies"]["macs"] == pytest.approx(0.75, abs=0.05)
    got = found["topology"]["25"]
    assert got["rank"][0] > 0.93
    assert 0.75 < got["mean_coverage"][0] <= 1.0
    assert found["nn-degree"]["25"]["rank"][0] < 0.6
