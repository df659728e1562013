"""The comparison of two builds: a build equals itself, and a changed answer is noticed."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from twins.places import BENCHMARKS, ROOT

import flash

PACKAGE = Path(flash.__file__).resolve().parent
pytestmark = [
    pytest.mark.skipif(
        not (BENCHMARKS / "same_answers").exists(),
        reason="the benchmarks are in the repository, not in the package",
    ),
    pytest.mark.processes,
    pytest.mark.slow,
]


def compare(old: Path, new: Path, *counts: int, code: int) -> list[str]:
    kinds = ("searches", "fronts", "sweeps", "codesigns")
    words = [f"--{kind}={count}" for kind, count in zip(kinds, counts, strict=True)]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.same_answers", str(old), str(new), *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return (done.stdout or done.stderr).splitlines()


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return a folder with the package in it."""
    left = shutil.ignore_patterns("__pycache__", "*.c", "*.pyx", "*.pxd")
    shutil.copytree(PACKAGE, tmp_path / "flash", ignore=left)
    return tmp_path


def test_a_build_equals_itself() -> None:
    told = compare(PACKAGE.parent, PACKAGE.parent, 25, 3, 3, 2, code=0)
    named = [line.split(" (")[0] for line in told]
    assert named == ["searches: 25", "fronts: 3", "sweeps: 3", "codesigns: 2"]
    assert all(line.endswith("all equal") for line in told)
    assert "OPTIMAL" in told[0]


def test_a_changed_answer_is_noticed(copy: Path) -> None:
    """One coefficient of the targets differs in its tenth digit."""
    for path in (copy / "flash" / "data").glob("*.json"):
        target = json.loads(path.read_text(encoding="utf-8"))
        for columns in target["coefficients"].values():
            name = next(iter(columns["latency_ms"]))
            columns["latency_ms"][name] *= 1.0 + 1e-10
        path.write_text(json.dumps(target), encoding="utf-8")
    told = compare(PACKAGE.parent, copy, 20, 0, 0, 0, code=1)
    assert any(".latency_ms: 0x1." in line for line in told)
    assert told[-1].endswith(" DIFFER")


def test_a_folder_without_a_build_is_refused(tmp_path: Path) -> None:
    told = compare(PACKAGE.parent, tmp_path, 1, 0, 0, 0, code=1)
    assert told[0].startswith(f"{tmp_path}: ")


def test_answers_of_another_machine(tmp_path: Path) -> None:
    """A file of them takes a build's place, and what differs in it is noticed."""
    script = BENCHMARKS / "same_answers" / "answers.py"
    words = ["--seed=0", "--searches=6", "--fronts=0", "--sweeps=0", "--codesigns=0"]
    done = subprocess.run(
        [sys.executable, str(script), *words], cwd=ROOT, capture_output=True, check=True
    )
    path = tmp_path / "answers.jsonl"
    path.write_bytes(done.stdout)
    told = compare(PACKAGE.parent, path, 6, 0, 0, 0, code=0)
    assert told[0].startswith("searches: 6 (")
    lines = path.read_text().splitlines()
    last = json.loads(lines[-1])
    last["outcome"] = "ANOTHER"
    path.write_text("\n".join([*lines[:-1], json.dumps(last)]))
    told = compare(path, PACKAGE.parent, 6, 0, 0, 0, code=1)
    assert "searches 5:" in told
    path.write_text("nothing")
    assert "no file of answers" in compare(path, PACKAGE.parent, 6, 0, 0, 0, code=1)[0]
