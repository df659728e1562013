"""tools/minimum.py, tools/packages.py: pyproject.toml's lower bounds, and what extras need."""

from __future__ import annotations

import runpy
import tomllib
from typing import Any

import pytest
from twins.places import ROOT

SCRIPT = ROOT / "tools" / "minimum.py"
pytestmark = pytest.mark.skipif(not SCRIPT.exists(), reason="the tools are in the repository")

PYPROJECT = """
[build-system]
requires = ["cython>=3.1"]
[project]
name = "own"
dependencies = ["numpy>=2.9"]
[project.optional-dependencies]
one = ["own[two]", "numpy>=2.10", "plain", "torch==2.13.0; sys_platform != 'darwin'"]
two = ["rich[jupyter]>=15.0"]
three = ["absent>=1"]
"""


def constraints(*extras: str, text: str = PYPROJECT) -> list[str]:
    function: Any = runpy.run_path(str(SCRIPT))["constraints"]
    return function(text, list(extras))  # type: ignore[no-any-return]


def test_the_highest_lower_bound_of_each() -> None:
    assert constraints() == ["cython==3.1", "numpy==2.9"]
    assert constraints("one") == ["cython==3.1", "numpy==2.10", "rich==15.0", "torch==2.13.0"]


def test_other_bounds_are_refused() -> None:
    with pytest.raises(SystemExit, match="no lower bound alone: numpy<3"):
        constraints(text=PYPROJECT.replace("numpy>=2.9", "numpy<3"))


def test_what_extras_need_is_told_once_however_they_name_one_another() -> None:
    function: Any = runpy.run_path(str(ROOT / "tools" / "packages.py"))["packages"]
    project = tomllib.loads(PYPROJECT)["project"]
    assert list(function(project, [])) == ["numpy>=2.9"]
    assert list(function(project, ["one", "two"])) == [
        "numpy>=2.9", "numpy>=2.10", "plain", "torch==2.13.0; sys_platform != 'darwin'",
        "rich[jupyter]>=15.0",
    ]  # fmt: skip


def test_this_project_has_a_lower_bound_for_each_of_its_packages() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    named = {line.split("==")[0] for line in constraints("test", text=text)}
    assert {"cython", "hypothesis", "numpy", "scipy", "torch"} <= named
