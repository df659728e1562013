"""Where the project's files are, whether the tests run in the repository or beside a wheel."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BENCHMARKS = ROOT / "benchmarks"  # absent where the tests run without the repository
DATA = ROOT / "tests" / "data"
ACCURACIES = DATA / "accuracies"
