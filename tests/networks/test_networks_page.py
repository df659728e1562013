"""docs/howto/networks.md: its code runs, and what it says of kinds and memory is so."""

from __future__ import annotations

import re

import pytest
from twins.places import ROOT

from flash.networks.layer import KINDS
from flash.networks.memory import TWICE

PAGE = ROOT / "docs" / "howto" / "networks.md"
pytestmark = pytest.mark.skipif(not PAGE.exists(), reason="the repository is not here")


@pytest.mark.torch
def test_its_code_runs(capsys: pytest.CaptureFixture[str]) -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 4
    names: dict[str, object] = {"__name__": "page"}
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), names)
    out = capsys.readouterr().out
    assert "mul" in out
    assert "on raspberry-pi-4, one image" in out
    assert "more" in out


def test_it_names_every_kind_of_row() -> None:
    text = PAGE.read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([a-z, ]+) \|", text, re.MULTILINE)
    assert {kind for row in rows for kind in row.split(", ")} - {"kind"} == set(KINDS)


def test_it_names_the_activations_that_need_a_second_map() -> None:
    text = PAGE.read_text(encoding="utf-8")
    (line,) = [one for one in text.splitlines() if "need a second map" in one]
    assert all(name in line.lower() for name in TWICE)
