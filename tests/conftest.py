"""Shared fixtures. Tests run against the installed package, from a folder without one."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from twins.processes import Run

    from flash import ParetoFront

# No time limits on single examples: the machine that runs the tests may be busy.
settings.register_profile("flash", deadline=None, print_blob=True)
settings.load_profile("flash")
os.environ.setdefault("MPLBACKEND", "Agg")
# A shell's background job ignores Ctrl-C, and so would every process that a test starts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def left_out(config: pytest.Config, mark: str) -> bool:
    """Return whether ``-m`` says ``not mark``."""
    return f"not {mark}" in config.option.markexpr


class _NoTorch:
    def find_spec(self, name: str, *_: object) -> None:
        if name == "torch":
            raise ModuleNotFoundError("torch is left out", name=name)


def pytest_configure(config: pytest.Config) -> None:
    """Hide torch where it is left out: what needs it and lacks the mark fails or is skipped."""
    if left_out(config, "torch"):
        sys.meta_path.insert(0, _NoTorch())


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what starts a process by a fixture, and what takes long (`tools/times.py` wrote it)."""
    named = Path(__file__).with_name("long.txt").read_text(encoding="utf-8").split()
    slow = {tuple(one.split("::", 1)) for one in named}
    for item in items:
        file, _, test = item.nodeid.partition("::")
        if (file, test.partition("[")[0]) in slow:
            item.add_marker("long")
        if {"python", "cli", "chromium"} & set(getattr(item, "fixturenames", ())):
            item.add_marker("processes")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what needs torch where there is none."""
    if item.get_closest_marker("torch"):
        pytest.importorskip("torch")


@pytest.fixture(autouse=True, scope="session")
def _starts_no_processes(pytestconfig: pytest.Config) -> None:
    """Refuse other processes where they are left out."""
    if left_out(pytestconfig, "processes"):
        sys.addaudithook(_refuse)


def _refuse(event: str, args: tuple[object, ...]) -> None:
    if event in ("subprocess.Popen", "os.fork", "os.posix_spawn"):
        raise AssertionError(f"a test without the mark `processes` starts one: {args[:2]}")


@pytest.fixture(autouse=True, scope="session")
def _leaves_no_trainings() -> Iterator[None]:
    """Check that no test trains in the current folder: `flash.train` without out would."""
    before = set(Path.cwd().glob("flash-train-*"))
    yield
    assert set(Path.cwd().glob("flash-train-*")) <= before


@pytest.fixture
def python(tmp_path: Path) -> Run:
    """Return a function that runs Python with some arguments in an empty folder."""

    def run(*args: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, *args],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
            stdin=subprocess.DEVNULL,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done

    return run


@pytest.fixture
def cli(python: Run) -> Run:
    """Return a function that runs ``flash`` with some arguments, as a user would type them."""

    def run(*args: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        done = python("-m", "flash", *args, code=code)
        assert "Traceback" not in done.stderr, done.stderr
        return done

    return run


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no chart be drawn, which takes most of a page's time: as without matplotlib."""

    from flash.charts.chart import Chart
    from flash.errors import MissingExtraError

    def lacking(chart: Chart) -> str:
        raise MissingExtraError("charts need matplotlib: not here")

    monkeypatch.setattr(Chart, "svg", lacking)


@pytest.fixture(scope="session")
def chromium() -> str:
    """Return the path of a Chromium: FLASH_BROWSER's, else one that is installed.

    Where FLASH_BROWSER names none that there is, tests fail; where it isn't set, they are skipped.
    """
    named = os.environ.get("FLASH_BROWSER")
    browsers = [named] if named else ["chromium", "chromium-browser", "google-chrome"]
    found = [path for path in map(shutil.which, browsers) if path]
    if not found and not named:
        pytest.skip("no Chromium is installed")
    assert found, f"FLASH_BROWSER names no browser: {named}"
    return found[0]


@pytest.fixture(scope="session")
def front() -> ParetoFront:
    """Return a small front of co-design: one unit."""
    import flash

    space = flash.ResNet(depths=flash.Range(1, 4), skips=[0, 16])
    return flash.pareto(space, "fpga-zu3eg", codesign=True)


@pytest.fixture(scope="session")
def mobile() -> ParetoFront:
    """Return a small front of co-design: three units."""
    import flash

    space = flash.MobileNetV2(
        width_multipliers=[1], depths=[1, 2], skips=[0], kernels=[3], expansions=[1, 6]
    )
    return flash.pareto(space, "fpga-zu3eg", codesign=True)
