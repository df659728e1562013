"""What the project's own files promise."""

from __future__ import annotations

import ast
import os
import re
import tomllib
from pathlib import Path

import pytest
from twins.places import ROOT

import flash

PACKAGE = Path(flash.__file__).parent
SOURCES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", SOURCES, ids=[str(p.relative_to(PACKAGE)) for p in SOURCES])
def test_source_keeps_the_rules_of_the_house(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
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


def test_benchmarks_import_what_there_is() -> None:
    """Inside of functions too, which nobody runs for months."""
    missing = []
    for path in sorted((ROOT / "benchmarks").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.ImportFrom) or not (node.module or "").startswith("flash"):
                continue
            module = PACKAGE.joinpath(*str(node.module).split(".")[1:])
            source = next(
                one
                for one in (module / "__init__.py", *map(module.with_suffix, (".py", ".pyi")))
                if one.exists()
            ).read_text(encoding="utf-8")
            missing += [
                f"{path.name}: {alias.name} of {node.module}"
                for alias in node.names
                if not re.search(rf"\b{alias.name}\b", source)
                and not any(module.glob(f"{alias.name}*"))
            ]
    assert not missing


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
        text = requirement.partition(";")[0].strip()
        if text in ("torch==2.13.0", "pyright[nodejs]==1.1.414") and requirement in extras["test"]:
            continue  # the exceptions: pyproject.toml says why
        assert re.fullmatch(r"[\w-]+(\[[\w,]+\])?(>=[\d.]+)?", text), requirement


def test_every_switch_of_the_build_is_documented() -> None:
    text = (ROOT / "setup.py").read_text()
    for switch in ("FLASH_DEBUG", "FLASH_SANITIZE", "FLASH_COVERAGE", "FLASH_NATIVE"):
        assert re.search(rf"^{switch} +\S", text, re.MULTILINE)


def test_every_target_of_make_is_told() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    told = set(re.findall(r"^# make (\w+)", makefile, re.MULTILINE))
    assert told >= {"search", "quick", "core", "test", "sanitize", "minimum", "bench", "clean"}
    assert told <= set(re.findall(r"^(\w+):", makefile, re.MULTILINE))


def test_nobody_is_told_to_install_what_is_on_no_index() -> None:
    """The distribution is not published: its name is free for anyone."""
    places = [*SOURCES, *ROOT.glob("docs/**/*.md"), *ROOT.glob("benchmarks/**/README.md")]
    told = re.compile(r"pip install (?!.*--no-index).*flash-nas")
    assert not [path for path in places if told.search(path.read_text(encoding="utf-8"))]
    assert told.search("pip install 'flash-nas[plot]'")


def test_what_takes_long_is_a_test_that_there_is() -> None:
    """tests/long.txt names tests that `make quick` leaves out: none that is gone."""
    for line in (ROOT / "tests" / "long.txt").read_text(encoding="utf-8").split():
        file, _, name = line.partition("::")
        assert f"def {name.rpartition('::')[2]}(" in (ROOT / file).read_text(encoding="utf-8"), line
