"""docs/howto/suggest.md: its code and its commands run."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from twins.places import ROOT

import flash
from flash.cli.main import main

PAGE = ROOT / "docs" / "howto" / "suggest.md"
pytestmark = pytest.mark.skipif(not PAGE.exists(), reason="the page is in the repository")


def blocks(language: str) -> list[str]:
    text = PAGE.read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def test_the_page_s_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    known: dict[str, Any] = {}
    found = blocks("python")
    assert len(found) == 4
    for block in found:
        exec(compile(block, str(PAGE), "exec"), known)
    assert len(known["measured"]) == 12
    assert known["asked"].ids == ("0005", "0006", "0007", "0008")
    assert known["asked"].trained == 4


def test_the_page_s_commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = "".join(
        f"{i},{0.5 + n / 99}\n" for n, i in enumerate(flash.DenseNet().sample_indices(12, 1))
    )
    (tmp_path / "trained.csv").write_text("index,accuracy\n" + rows)
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    assert len(lines) == 7
    for line in lines:
        assert line.startswith("flash ")
        assert main(line.split()[1:]) == 0, capsys.readouterr().err


def test_every_attribute_of_the_page_is_there() -> None:
    text = PAGE.read_text(encoding="utf-8")
    part = text[text.index("## What a suggestion holds") : text.index('`cost="macs"`')]
    names = re.findall(r"`(\w+)(?:\(\))?`", part)
    assert len(names) >= 12
    found = flash.suggest(flash.DenseNet(), "rram", n=1)
    for name in names:
        assert hasattr(found, name), name
