"""docs/reference/spaces/convnext.md: its code runs and prints what the page says."""

from __future__ import annotations

import re
import tomllib

import pytest
from twins.places import ROOT

import flash
from flash.spaces.known.convnext import PUBLISHED, ConvNeXt

PAGE = ROOT / "docs" / "reference" / "spaces" / "convnext.md"
pytestmark = pytest.mark.skipif(not PAGE.exists(), reason="the repository is not here")


def test_its_code_runs(capsys: pytest.CaptureFixture[str]) -> None:
    text = PAGE.read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```", text, re.DOTALL)
    assert len(blocks) == text.count("```python") == 3
    names: dict[str, object] = {"__name__": "page"}
    for code, printed in blocks:
        exec(compile(code, str(PAGE), "exec"), names)
        assert capsys.readouterr().out == printed


def test_its_table_of_presets() -> None:
    text = PAGE.read_text(encoding="utf-8")
    rows = re.findall(
        r"^\| (\w+) \| ([\d, ]+) \| ([\d, ]+) \| ([\d,]+) \| ([\d,]+) \|$", text, re.M
    )
    assert [row[0] for row in rows] == list(PUBLISHED)
    for name, *told in rows:
        space = ConvNeXt(name)
        net = space.decode([length - 1 for length in space.lengths])
        widths, depths = (tuple(map(int, one.split(", "))) for one in told[:2])
        assert (widths, depths) == PUBLISHED[name]
        assert [f"{net.params:,}", f"{net.macs:,}"] == told[2:]


def test_its_stage_of_a_file() -> None:
    (text,) = re.findall(r"```toml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    stages = tomllib.loads(text)["stages"]
    data = {"input": [3, 32, 32], "stages": stages, "num_classes": 10}
    data["head"] = {"options": {"head": "convnext-head"}, "widths": 10}
    space = flash.BlockSpace.from_dict(data)
    assert space.size == 2 * (2 + 4 + 8)
    told = {one["name"]: one["block"] for one in space.to_dict()["stages"][0]["options"]}
    assert told["block"] == "convnext"
    assert flash.BlockSpace.from_dict(space.to_dict()) == space
