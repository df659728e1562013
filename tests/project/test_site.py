"""The documentation's site: what its extension writes, and that nothing public is left out."""

from __future__ import annotations

import itertools
import os
import re
import runpy
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from twins.places import ROOT

import flash

DOCS = ROOT / "docs"
pytestmark = pytest.mark.skipif(
    not (DOCS / "conf.py").exists(), reason="the repository is not here"
)
LINK = re.compile(r"\]\(([^)\s]+)\)")


@pytest.fixture(scope="module")
def generated() -> dict[str, Any]:
    return runpy.run_path(str(DOCS / "generated.py"))


def test_every_public_name_has_its_place(generated: dict[str, Any]) -> None:
    told = Counter(itertools.chain(*generated["GROUPS"].values()))
    public = {name for name in flash.__all__ if not name.startswith("_")}
    assert set(told) == public
    assert set(told.values()) == {1}
    page = generated["python_page"]()
    assert all(f":: flash.{name}\n" in page for name in public)


@pytest.mark.processes
def test_every_command_has_its_place(generated: dict[str, Any]) -> None:
    told = generated["helped"]()
    named = re.findall(r"^  ([a-z]+) +\S", told, re.MULTILINE)
    assert sorted(generated["COMMANDS"]) == sorted(named)
    assert generated["helped"]("search").startswith("usage: flash search")


def test_links_out_of_the_pages_stay_on_the_site(generated: dict[str, Any]) -> None:
    text = (
        "[how](../../CONTRIBUTING.md#tests), [proof](proof.md), [net](https://example.org/a), "
        "[sums](../../benchmarks/README.md)"
    )
    assert generated["within"](ROOT, DOCS / "concepts", text) == (
        "[how](../contributing.md#tests), [proof](proof.md), [net](https://example.org/a), "
        "sums (`benchmarks/README.md`)"
    )


def test_links_lead_to_files() -> None:
    pages = [*DOCS.rglob("*.md"), *ROOT.glob("*.md")]
    assert len(pages) > 30
    lost = []
    for page in pages:
        for link in LINK.findall(re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.S)):
            place = link.partition("#")[0]
            if "://" in link or not place or link.startswith("mailto:"):
                continue
            if not Path(os.path.normpath(page.parent / place)).exists():
                lost.append(f"{page.relative_to(ROOT)}: {link}")
    assert lost == []
