"""docs/howto/choosing.md: its code runs, in order, and its commands too."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Any

import pytest
from twins.places import ROOT

from flash.cli.main import main

if TYPE_CHECKING:
    from pathlib import Path

PAGE = ROOT / "docs" / "howto" / "choosing.md"
pytestmark = pytest.mark.skipif(not PAGE.exists(), reason="the page is in the repository")


def test_the_page_s_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = PAGE.read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(blocks) == 7
    known: dict[str, Any] = {}
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), known)
    lines = re.findall(r"^flash (.*)$", text, re.MULTILINE)
    assert len(lines) == 3
    for line in lines:
        assert main(shlex.split(line)) == 0


def test_every_condition_of_the_page_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import flash

    monkeypatch.chdir(tmp_path)
    text = PAGE.read_text(encoding="utf-8")
    table = text.split("| condition | as |")[1].split("\n\n")[0]
    conditions = [one for one in re.findall(r"`([^`]*)`", table) if one != "=="]
    assert len(conditions) >= 13
    first, second, *_ = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    known: dict[str, Any] = {}
    for block in (first, second):
        exec(compile(block, str(PAGE), "exec"), known)
    for one in conditions:
        found = flash.choose(known["problem"], minimize="loss", where=one)
        assert found.proven, one
