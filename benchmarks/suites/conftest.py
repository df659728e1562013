"""`pytest benchmarks/suites` collects bench_*.py; `--quick` takes fewer budgets and rounds."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1]))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--quick", action="store_true", help="benchmarks: fewer budgets and rounds")


def pytest_configure(config: pytest.Config) -> None:
    # peers and plotting warn of things that are not ours
    config.addinivalue_line("filterwarnings", "ignore")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Module | None:
    named = parent.session.isinitpath(file_path)  # on the command line: collected anyway
    if file_path.parent == HERE and file_path.match("bench_*.py") and not named:
        return pytest.Module.from_parent(parent, path=file_path)
    return None


@pytest.fixture
def quick(request: pytest.FixtureRequest) -> bool:
    """Whether to take fewer budgets and rounds."""
    return bool(request.config.getoption("--quick"))
