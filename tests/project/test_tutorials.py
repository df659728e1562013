"""The tutorials as they are kept: what each says first and last. The site's build runs them."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
TUTORIALS = sorted((ROOT / "docs" / "tutorials").glob("*.ipynb"))


def cells_of(path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return found


def text_of(path: Path) -> str:
    cells = cells_of(path)
    return "\n\n".join("".join(one["source"]) for one in cells if one["cell_type"] == "markdown")


def test_they_are_numbered() -> None:
    assert [path.name.split("-")[0] for path in TUTORIALS] == list("1234567")


@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
def test_kept_without_outputs_and_in_short_cells(path: Path) -> None:
    for cell in cells_of(path):
        source = "".join(cell["source"])
        assert source.strip()
        if cell["cell_type"] == "code":
            assert cell["outputs"] == []
            assert cell["execution_count"] is None
            compile(source.replace("%matplotlib inline", ""), path.name, "exec")
            assert len(source.splitlines()) <= 50


@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
def test_says_for_whom_with_what_and_what_to_trust(path: Path) -> None:
    text = text_of(path)
    assert re.match(r"# .+\n\nFor those (who|whose|to whom) ", text)
    assert "At the end you" in text.split("\n\n")[1].replace("\n", " ")
    assert text.count("\n## What to trust here, and what not\n") == 1
    assert text.rindex("\n## ") == text.index("\n## What to trust here")
    # the extras that it names are those that there are, and what the command installs
    (told,) = re.findall(r"Needs the extras? (.+?)(?:: | here)", text.replace("\n", " "))
    named = re.findall(r"`(\w+)`", told)
    (installed,) = re.findall(r"pip install '\.\[([\w,]+)\]'", text)
    assert set(named) == set(installed.split(","))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    assert set(named) <= set(extras)


@pytest.mark.parametrize("path", TUTORIALS, ids=lambda path: path.stem)
def test_links_lead_to_files(path: Path) -> None:
    for link in re.findall(r"\]\(([^)]+)\)", text_of(path)):
        if not link.startswith("https://"):
            assert (path.parent / link.split("#")[0]).is_file(), link
