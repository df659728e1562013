"""docs/concepts/architecture.md and CONTRIBUTING.md say what is there."""

from __future__ import annotations

import ast
import itertools
import re
import runpy
import struct
import tomllib
from pathlib import Path

import pytest
from twins.places import ROOT

import flash
from flash._core.tables.tables import COLUMNS
from flash.problem.compiling import MACS, PARAMS, compile_problem

PACKAGE = ROOT / "flash"
ARCHITECTURE = ROOT / "docs" / "concepts" / "architecture.md"
CONTRIBUTING = ROOT / "CONTRIBUTING.md"
pytestmark = pytest.mark.skipif(
    not (PACKAGE.exists() and CONTRIBUTING.exists()), reason="the repository is not here"
)

SUFFIXES = "py|pyx|pxd|pyi|h|c|md|toml|json|yml|cff"
PATH = re.compile(rf"(?<![\w./*-])(?:[\w.-]+/)*[\w.-]+\.(?:{SUFFIXES})(?![\w*])")
STANDS_FOR = re.compile("NAME|KIND|SCRIPT")
SMALL = flash.DenseNet(width_multipliers=[1], cells=2, depths=[2, 3], skips=[0, 16])


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def named(text: str) -> set[str]:
    """The files that a text names, but for those that stand for others."""
    return {one for one in PATH.findall(text) if not STANDS_FOR.search(one)}


def exists(name: str) -> bool:
    """Whether a file is there: below the repository, the package or its core, or of any folder."""
    if any((folder / name).exists() for folder in (ROOT, PACKAGE, PACKAGE / "_core")):
        return True
    return any(
        next((ROOT / top).rglob(name), None) for top in ("flash", "tests", "docs", "benchmarks")
    )


def table_after(text: str, words: str, width: int) -> list[list[str]]:
    """The cells of the first table of so many columns after some words."""
    rows = []
    for line in text[text.index(words) :].splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and len(cells) == width:
            rows.append(cells)
        elif rows:
            break
    return rows[2:]


@pytest.mark.parametrize("name", ["CONTRIBUTING.md", "docs/concepts/architecture.md"])
def test_files_that_are_named_are_there(name: str) -> None:
    found = named(text_of(ROOT / name))
    assert len(found) > 20
    assert [one for one in sorted(found) if not exists(one)] == []


def test_every_package_is_described() -> None:
    told = table_after(text_of(ARCHITECTURE), "| package | holds |", 2)
    packages = [path.parent.name for path in PACKAGE.glob("*/__init__.py")]
    assert sorted(row[0].strip("`") for row in told) == sorted(
        f"flash/{name}/" for name in [*packages, "data"]
    )


def test_every_file_of_the_core_is_described() -> None:
    text = text_of(ARCHITECTURE)
    core = [path for path in (PACKAGE / "_core").rglob("*") if path.suffix in (".pyx", ".pxd")]
    core += (PACKAGE / "_core").rglob("*.h")
    stems = {path.stem for path in core}
    assert len(stems) > 40
    assert [s for s in sorted(stems) if not re.search(rf"\b{s}\.(pyx|pxd|h|c)\b", text)] == []


def test_the_layers_are_drawn_as_they_are_checked() -> None:
    level = runpy.run_path(str(ROOT / "tools" / "check_layers.py"))["LEVEL"]
    drawing = text_of(ARCHITECTURE).split("```")[1]
    lines = [
        [level[name] for name in re.findall(r"\w+", line[:48]) if name in level]
        for line in drawing.splitlines()
    ]
    lines = [line for line in lines if line]
    assert {one for line in lines for one in line} == set(level.values())
    for above, below in itertools.pairwise(lines):
        assert min(above) > max(below), (above, below)


def test_the_small_problem_is_the_compiled_one() -> None:
    text = text_of(ARCHITECTURE)
    target = flash.Target.load("systolic-128")
    problem = compile_problem(SMALL, target, None, PARAMS | MACS)
    columns = ("score", "latency", "params", "macs")
    numbers = {}
    for cell, rows in enumerate(problem.tables.rows[0]):
        for name in columns:
            data = problem.tables.column(0, cell, COLUMNS.index(name))
            assert data is not None
            numbers[cell, name] = struct.unpack(f"{rows}d", data)
    told = table_after(text, "| cell | row | depth | skips |", 8)
    assert len(told) == sum(problem.tables.rows[0])
    for cell, row, depth, skips, *own in told:
        arch = SMALL.decode(problem.row(0, [int(row) if c == int(cell) else 0 for c in range(2)]))
        chosen = arch.cells[int(cell)]
        assert (chosen.depth, chosen.skips) == (int(depth), int(skips))
        assert [int(x) for x in own] == [numbers[int(cell), name][int(row)] for name in columns]
    totals = [int(x) for x in table_after(text, "\n| score | latency | params | macs |", 4)[0]]
    assert totals == [numbers[0, name][3] + numbers[1, name][1] for name in columns]
    arch = SMALL.decode(problem.row(0, (3, 1)))
    cost = target.cost(arch)
    assert (totals[0] * 2.0**-36, totals[1] * 2.0**-36) == (flash.nn_degree(arch), cost.latency_ms)
    assert f"= {cost.latency_ms:.6f} ms" in text.replace("\n", " ")
    assert totals[2:] == [arch.params, arch.macs]


def test_classes_and_states_of_the_small_problem() -> None:
    problem = compile_problem(SMALL, flash.Target.load("rram"))
    tiles = 0.0
    for cell, row in ((0, 3), (1, 1)):
        data = problem.tables.column(0, cell, COLUMNS.index("scale"))
        assert data is not None
        tiles += struct.unpack(f"{len(data) // 8}d", data)[row]
    classes = problem.model.links["classes"]
    assert tiles == next(one[0] for one in classes if one[0] >= tiles) == 6.0 == 3 * 2
    free = SMALL.replace(width_multipliers=None, widths=[8, 16])
    tables = compile_problem(free, flash.Target.load("systolic-128")).tables
    assert (tables.rows, tables.space_rows) == (((8, 16),), ((8, 8),))


def strings(path: Path) -> set[str]:
    nodes = ast.walk(ast.parse(text_of(path)))
    return {one.value for one in nodes if isinstance(one, ast.Constant) and type(one.value) is str}


def test_a_family_without_ways_of_its_own_is_known_where_the_list_says() -> None:
    """wide-resnet has nothing but its blocks: where else is it told from others?"""
    known = {
        path.relative_to(ROOT).as_posix()
        for path in PACKAGE.rglob("*.py")
        if "wide-resnet" in strings(path)
    }
    known |= {
        path.relative_to(ROOT).as_posix()
        for path in (PACKAGE / "_core").rglob("*.p[xy][xd]")
        if re.search(r"\bWIDE_RESNET\b", text_of(path))
    }
    supernets = {one for one in known if one.startswith(("flash/supernet/", "flash/spaces/b"))}
    listed = text_of(CONTRIBUTING).split("**A family of networks**")[1].split("Tests run")[0]
    assert known - supernets == named(listed)


def test_a_kind_of_target_is_known_where_the_list_says() -> None:
    core = [
        path.relative_to(ROOT).as_posix()
        for path in (PACKAGE / "_core").rglob("*.p[xy][xd]")
        if re.search(r"\bKIND_FPGA\b", text_of(path))
    ]
    listed = text_of(CONTRIBUTING).split("**A kind of target**")[1].split("Its plain twin")[0]
    assert set(core) == {one for one in named(listed) if one.startswith("flash/_core/")}


def test_commands_and_marks_are_those_that_there_are() -> None:
    text = text_of(CONTRIBUTING)
    makefile = text_of(ROOT / "Makefile")
    commands = set(re.findall(r"\bmake ([a-z]+)\b", text))
    assert commands >= {"quick", "core", "test", "sanitize", "minimum", "bench"}
    assert commands <= set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    switches = set(re.findall(r"\bFLASH_[A-Z]+\b", text))
    code = makefile + text_of(ROOT / "setup.py")
    code += text_of(PACKAGE / "_core" / "tables" / "tables.pyx")
    assert {one for one in switches if one not in code} == set()
    pytest_ini = tomllib.loads(text_of(ROOT / "pyproject.toml"))["tool"]["pytest"]["ini_options"]
    marks = [row[0].strip("`") for row in table_after(text, "| mark |", 3)]
    assert marks == [line.partition(":")[0] for line in pytest_ini["markers"]]
