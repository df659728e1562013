"""What is installed, and what the project's own files promise."""

from __future__ import annotations

import ast
import importlib
import importlib.machinery
import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import metadata, version
from pathlib import Path

import pytest
from twins.places import ROOT

import flash
from flash.errors import CoreMissingError

PACKAGE = Path(flash.__file__).parent
SOURCES = sorted(PACKAGE.rglob("*.py"))


def test_one_version_everywhere() -> None:
    assert flash.__version__ == version("flash-nas")
    cited = re.search(r"^version: (.*)$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE)
    assert cited is not None
    assert cited[1] == flash.__version__


def test_the_licence_is_mit() -> None:
    assert metadata("flash-nas")["License-Expression"] == "MIT"
    assert (ROOT / "LICENSE").read_text().startswith("MIT License")


def test_typed_and_with_its_data() -> None:
    assert (PACKAGE / "py.typed").exists()
    assert {path.stem for path in (PACKAGE / "data").glob("*.json")} >= set(flash.targets())


def test_every_core_module_is_compiled_and_has_a_stub() -> None:
    suffixes = tuple(importlib.machinery.EXTENSION_SUFFIXES)
    built = [path for path in (PACKAGE / "_core").rglob("*") if path.name.endswith(suffixes)]
    assert built
    for path in built:
        name = path.name.split(".")[0]
        module = importlib.import_module(f"flash._core.{path.parent.name}.{name}")
        assert module.__file__ == str(path)
        assert path.with_name(f"{name}.pyi").exists(), name


def test_the_portable_build_keeps_its_promises() -> None:
    facts = flash.build_info()
    words = facts["flags"].split()
    assert facts["compiler"]
    assert facts["cython"]
    assert "-ffast-math" not in words
    assert "-Ofast" not in words
    assert "-ffp-contract=off" in words or "/fp:precise" in words
    if facts["switches"] == "none":
        assert "-O3" in words or "/O2" in words
        assert not any(word.startswith("-march") for word in words)


@pytest.mark.processes
def test_without_its_core_it_says_how_to_build_it(tmp_path: Path) -> None:
    compiled = shutil.ignore_patterns(*(f"*{s}" for s in importlib.machinery.EXTENSION_SUFFIXES))
    shutil.copytree(PACKAGE, tmp_path / "flash", ignore=compiled)
    done = subprocess.run(
        # -I would leave out the current folder; -S leaves out the installed flash.
        [sys.executable, "-S", "-c", "import flash"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert CoreMissingError.__name__ in done.stderr
    assert "pip install" in done.stderr, last
    assert issubclass(CoreMissingError, ImportError)


def test_public_names_exist_and_no_module_hides_a_function() -> None:
    assert len(set(flash.__all__)) == len(flash.__all__)
    for name in flash.__all__:
        value = getattr(flash, name)
        if callable(value) and not isinstance(value, type):
            assert not (PACKAGE / f"{name}.py").exists(), name
            assert not (PACKAGE / name).is_dir(), name
    assert set(flash.__all__) <= set(dir(flash))
    with pytest.raises(AttributeError, match="serach"):
        flash.serach  # type: ignore[attr-defined]  # noqa: B018


@pytest.mark.parametrize("path", SOURCES, ids=[str(p.relative_to(PACKAGE)) for p in SOURCES])
def test_source_keeps_the_rules_of_the_house(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= 400
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        else:
            names = []
        assert not {"pickle", "marshal", "shelve"} & {name.split(".")[0] for name in names}
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in ("eval", "exec")


def test_the_test_command_is_one_and_the_same() -> None:
    assert re.search(r"^make test$", (ROOT / ".ci" / "run").read_text(), re.MULTILINE)
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    assert "make test" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_only_lower_bounds() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    for requirement in [
        *project["dependencies"],
        *(one for all_ in extras.values() for one in all_),
    ]:
        if requirement == "torch==2.13.0" and requirement in extras["test"]:
            continue  # the one exception: pyproject.toml says why
        assert re.fullmatch(r"[\w-]+(\[[\w,]+\])?(>=[\d.]+)?", requirement), requirement


def test_every_switch_of_the_build_is_documented() -> None:
    text = (ROOT / "setup.py").read_text()
    for switch in ("FLASH_DEBUG", "FLASH_SANITIZE", "FLASH_COVERAGE", "FLASH_NATIVE"):
        assert re.search(rf"^{switch} +\S", text, re.MULTILINE)
