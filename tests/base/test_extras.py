"""What an extra brings, told wherever flash came from."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from twins.distributions import made_up
from twins.places import ROOT

import flash
from flash.base import extras
from flash.base.extras import install, require, sources, wanted
from flash.errors import MissingExtraError

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
NESTED = re.compile(r"flash-nas\[(.+)\]")


def brought(extra: str) -> set[str]:
    """What pyproject.toml says, extras within extras followed."""
    found = set()
    for line in EXTRAS[extra]:
        nested = NESTED.fullmatch(line)
        found |= set().union(*map(brought, nested[1].split(","))) if nested else {line}
    return found


USERS = [name for name in EXTRAS if name not in ("test", "bench", "docs")]


@pytest.mark.parametrize("extra", USERS)
def test_an_extra_is_told_by_its_packages(
    extra: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """By the sources beside flash and by the metadata of what is installed, the same."""
    told = brought(extra)
    lines = [f'{one}; extra == "{name}"' for name, all_ in EXTRAS.items() for one in all_]
    own = [line.replace("flash-nas[", "made-up[") for line in lines]
    made_up(tmp_path, "made-up", "1.0", requires=["numpy>=1.24.2", *own])
    if sources():
        assert set(wanted(extra)) == told
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(extras, "OWN", "made-up")
    assert sources() == ""
    assert set(wanted(extra)) == told
    # As a shell reads it, pip gets the requirements and nothing else: `>` redirects nothing.
    assert set(shlex.split(install(extra))[2:]) == told


def test_every_extra_that_flash_names_exists() -> None:
    named = set()
    for path in Path(flash.__file__).parent.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        named |= set(re.findall(r"\brequire\(\s*[^,()]+(?:\(\)[^,()]*)?, *\"([\w-]+)\"", text))
        named |= set(re.findall(r"\binstall\(\"([\w-]+)\"", text))
    assert len(named) > 5
    assert named <= set(EXTRAS)


def test_where_nothing_says_what_it_brings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "sources", lambda: "")
    monkeypatch.setattr(extras, "OWN", "flash-that-is-not-installed")
    assert wanted("plot") == []
    assert install("plot", "matplotlib") == "pip install matplotlib"
    assert install("train", "PIL") == "pip install pillow"
    monkeypatch.setitem(sys.modules, "sklearn", None)
    with pytest.raises(MissingExtraError, match=r"^a needs scikit-learn: pip install scikit-learn"):
        require("a", "train", "sklearn")


def test_the_sources_are_those_beside_flash() -> None:
    assert sources() in ("", str(Path(flash.__file__).resolve().parents[1]))


@pytest.mark.processes
def test_a_flash_in_another_project_is_no_source(tmp_path: Path) -> None:
    """pyproject.toml beside an installed package is somebody else's."""
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "another"\n')
    (tmp_path / "flash").symlink_to(Path(flash.__file__).parent)
    code = "from flash.base.extras import sources; print(repr(sources()))"
    done = subprocess.run(
        [sys.executable, "-S", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout == "''\n"
