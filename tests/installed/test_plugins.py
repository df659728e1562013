"""examples/: a plugin that is installed as any package is, and scripts of a stranger's hour."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from twins.places import ROOT
from twins.processes import environment

import flash

if TYPE_CHECKING:
    from collections.abc import Callable

    from twins.processes import Run

    Shell = Callable[..., subprocess.CompletedProcess[str]]

EXAMPLES = ROOT / "examples"
PLUGIN = EXAMPLES / "flash-plugin"
SCRIPTS = sorted(path.name for path in EXAMPLES.glob("*.py"))
pytestmark = pytest.mark.skipif(not PLUGIN.exists(), reason="the repository is not here")
GIVEN = ("--method", "hill-climbing", "--evaluator", "saturating", "--max-evals", "24")
BAD = "import a_package_that_is_not_there\n\n\ndef register() -> None: ...\n"


def shell(folder: Path, *words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    """Run Python where a folder's packages are installed."""
    path = os.pathsep.join([str(folder), environment()["PYTHONPATH"]])
    done = subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done


def install(source: Path, folder: Path) -> None:
    """Install a package from its sources, without an index and without building elsewhere."""
    words = ("install", "--no-build-isolation", "--no-deps", "--no-index", "--quiet")
    more = ("--disable-pip-version-check", "--no-input", "--target", str(folder), str(source))
    done = subprocess.run(
        [sys.executable, "-m", "pip", *words, *more], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder where the example is installed."""
    folder = tmp_path_factory.mktemp("installed")
    source = tmp_path_factory.mktemp("source") / "flash-plugin"
    shutil.copytree(PLUGIN, source, ignore=shutil.ignore_patterns("build", "*.egg-info"))
    install(source, folder)
    return folder


@pytest.fixture(scope="module")
def with_a_bad_one(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the example and a plugin that can't be imported."""
    folder = tmp_path_factory.mktemp("both") / "site"
    shutil.copytree(installed, folder)
    source = tmp_path_factory.mktemp("source") / "bad"
    source.mkdir()
    project = (PLUGIN / "pyproject.toml").read_text(encoding="utf-8")
    project = project.replace("flash-plugin-example", "flash-bad").replace("example = ", "bad = ")
    project = project.replace("flash_plugin_example", "flash_bad")
    (source / "pyproject.toml").write_text(project, encoding="utf-8")
    (source / "flash_bad").mkdir()
    (source / "flash_bad" / "__init__.py").write_text(BAD, encoding="utf-8")
    install(source, folder)
    return folder


def test_none_is_over_60_lines() -> None:
    files = [*EXAMPLES.glob("*.py"), *PLUGIN.rglob("flash_plugin_example/*.py")]
    assert len(files) >= 9
    lengths = {path.name: len(path.read_text(encoding="utf-8").splitlines()) for path in files}
    assert {name: n for name, n in lengths.items() if n > 60} == {}


def test_the_stranger_writes_one_of_each() -> None:
    assert SCRIPTS == ["own_evaluator.py", "own_method.py", "own_space.py", "own_target.py"]


@pytest.mark.torch
@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_runs(name: str, python: Run) -> None:
    if name == "own_space.py":
        for package in ("torch", "onnx", "onnxscript"):
            pytest.importorskip(package)
    done = python(str(EXAMPLES / name))
    assert done.stderr == ""
    assert len(done.stdout.splitlines()) >= 3


@pytest.mark.slow
@pytest.mark.processes
def test_each_is_used_by_its_name_from_python(installed: Path) -> None:
    code = """
import flash, sys
result = flash.search("densenet", "rram", method="random", max_evals=4)
assert "flash_plugin_example" not in sys.modules
result = flash.search("ladder", "example-array", method="hill-climbing", evaluator="saturating",
                      max_evals=24, max_latency_ms=0.01)
assert (result.space.family, result.target) == ("ladder", "example-array"), result
assert (result.method, result.nfev) == ("hill-climbing", 24)
assert result.scored_by == "function saturating"
assert result.latency_ms <= 0.01
assert flash.SearchResult.from_json(result.to_json()) == result
best = flash.search("ladder", "example-array", max_latency_ms=0.01)
assert best.proven and best.nn_degree >= result.nn_degree
back = flash.SearchResult.from_json(best.to_json())
assert back == best and back.space == best.space
cost = flash.Target.load("example-array").cost(best.architecture)
assert abs(cost.latency_ms - best.latency_ms) < 1e-12
from flash_plugin_example.space import ladder
longer = flash.search(ladder(rungs=5), "example-array")
assert flash.SearchResult.from_json(longer.to_json()).space.to_dict()["rungs"] == 5
assert flash.search("densenet", "example-array").proven
mixed = flash.compare("resnet", "example-array", methods=["random", "hill-climbing"], seeds=2,
                      evaluator="saturating", max_evals=20)
assert list(mixed.runs) == ["random", "hill-climbing"]
(plugin,) = flash.plugins()
print(plugin)
"""
    assert shell(installed, "-c", code).stdout.strip() == (
        "plugin 'example' of flash-plugin-example 0.1: space ladder, block rung, block top, "
        "target example-array, method hill-climbing, evaluator saturating"
    )


@pytest.mark.slow
@pytest.mark.processes
def test_each_is_used_by_its_name_on_the_command_line(installed: Path) -> None:
    def run(*words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        done = shell(installed, "-m", "flash", *words, code=code)
        assert "Traceback" not in done.stderr, done.stderr
        return done

    text = run("search", "ladder", "example-array", *GIVEN, "--option", "starts=2", "--json").stdout
    data = json.loads(text)
    assert (data["space"]["family"], data["target"]) == ("ladder", "example-array")
    assert (data["method"], data["nfev"]) == ("hill-climbing", 24)
    with pytest.raises(flash.FlashError, match=r"'ladder' is of no plugin that is installed here"):
        flash.SearchResult.from_json(text)
    words = ("--methods", "random,hill-climbing", *GIVEN[2:], "--seeds", "2", "--quiet")
    told = run("compare", "ladder", "example-array", *words).stdout
    assert "hill-climbing" in told
    assert "example-array" in run("targets").stdout
    assert json.loads(run("targets", "example-array", "--json").stdout)["kind"] == "layers"
    assert "plugin 'example' of flash-plugin-example 0.1: space ladder" in run("info").stdout
    told = run("search", "lader", "rram", code=2).stderr
    assert "SPACE must be one of 'densenet', " in told
    assert "did you mean 'ladder'?" in told
    assert "ladder on rram: OPTIMAL" in run("search", "ladder", "rram").stdout
    told = run("search", "ladder", "rram", "--depths", "3", *GIVEN, code=2).stderr
    assert "--depths" in told


@pytest.mark.slow
@pytest.mark.processes
def test_a_file_names_blocks_of_a_plugin(installed: Path, tmp_path: Path) -> None:
    file = str(PLUGIN / "tower.toml")
    done = shell(installed, "-m", "flash", "search", file, "example-array", "--json")
    (tmp_path / "result.json").write_text(done.stdout, encoding="utf-8")
    told = json.loads(done.stdout)["space"]["stages"][0]["options"]
    assert "rung" in [option["block"] for option in told]
    code = f"""
import flash, pathlib
text = pathlib.Path({str(tmp_path / "result.json")!r}).read_text(encoding="utf-8")
result = flash.SearchResult.from_json(text)
assert result.proven and result.space.family == "tower"
labels = result.space.choices_of("block_0_0")
assert {{label.partition(" ")[0] for label in labels}} == {{"rung", "mb"}}
print(result.architecture.params == result.params)
"""
    assert shell(installed, "-c", code).stdout.strip() == "True"
    with pytest.raises(flash.FlashError, match=r"block must be one of .*got 'rung'"):
        flash.SearchResult.from_json(done.stdout)


@pytest.mark.slow
@pytest.mark.processes
def test_a_plugin_that_can_not_be_imported_is_named(with_a_bad_one: Path) -> None:
    code = """
import flash, warnings
with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    for _ in range(2):
        result = flash.search("ladder", "example-array", method="hill-climbing",
                              evaluator="saturating", max_evals=8)
assert result.success
print(*[one.message for one in told], sep="\\n")
"""
    why = "ModuleNotFoundError: No module named 'a_package_that_is_not_there'"
    named = f"plugin 'bad' of flash-bad 0.1 can't be used: {why}"
    assert shell(with_a_bad_one, "-c", code).stdout.strip() == named
    told = shell(with_a_bad_one, "-m", "flash", "search", "ladders", "rram", code=2).stderr
    assert named in told
    told = shell(with_a_bad_one, "-m", "flash", "info").stdout
    assert "plugin 'bad' of flash-bad 0.1: nothing; failed: ModuleNotFoundError" in told
    done = shell(with_a_bad_one, "-m", "flash", "search", "densenet", "rram")
    assert done.stderr == ""
