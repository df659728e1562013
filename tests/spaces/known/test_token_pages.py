"""docs/reference/spaces/vit.md and decoder.md: their code runs, and prints what they show."""

from __future__ import annotations

import re
from typing import Any

import pytest
from twins.places import ROOT

import flash
from flash.spaces.known.decoder import Decoder
from flash.spaces.known.vit import ViT

PAGES = {name: ROOT / "docs" / "reference" / "spaces" / f"{name}.md" for name in ("vit", "decoder")}
pytestmark = pytest.mark.skipif(not PAGES["vit"].exists(), reason="the pages are in the repository")


def run(name: str) -> dict[str, Any]:
    known: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", PAGES[name].read_text("utf-8"), re.DOTALL):
        exec(compile(block, str(PAGES[name]), "exec"), known)
    return known


@pytest.mark.parametrize("name", PAGES)
def test_a_page_s_code_prints_what_it_shows(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    run(name)
    printed = capsys.readouterr().out
    text = PAGES[name].read_text("utf-8")
    shown = re.findall(r"\n\n```\n(.*?)```", text, re.DOTALL)
    assert len(shown) == 1
    for line in shown[0].splitlines():
        assert line == "..." or line.rstrip() in printed


def test_the_numbers_of_the_tables() -> None:
    for line in re.findall(
        r"^\| `(\w+)` \|.*\| ([\d.e]+) \|$", PAGES["vit"].read_text("utf-8"), re.M
    ):
        assert f"{ViT(line[0]).size:.2e}".replace("e+0", "e").replace("e+", "e") == line[1]
    rows = re.findall(
        r"^\| `([\w.-]+)` \| (\d+) \| ([\d,]+) \| ([\d,]+) \|$",
        PAGES["decoder"].read_text("utf-8"),
        re.M,
    )
    assert len(rows) == 8
    for parent, layers, params, macs in rows:
        space = Decoder(parent)
        net: flash.BlockNetwork = space.decode([0] * len(space.variables))
        assert len(net.blocks) == int(layers) + 2
        assert (f"{net.params:,}", f"{net.macs:,}") == (params, macs)
