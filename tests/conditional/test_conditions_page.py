"""docs/howto/conditions.md: its code runs, its commands too, and what it refuses is refused."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Any

import pytest
from twins.places import ROOT

import flash
from flash.cli.main import main
from flash.errors import FlashError

if TYPE_CHECKING:
    from pathlib import Path

PAGE = ROOT / "docs" / "howto" / "conditions.md"
pytestmark = pytest.mark.skipif(not PAGE.exists(), reason="the page is in the repository")


def blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def test_the_code_runs(capsys: pytest.CaptureFixture[str]) -> None:
    known: dict[str, Any] = {}
    found = blocks("python")
    assert len(found) >= 9
    answers = 0
    for block in found:
        exec(compile(block, str(PAGE), "exec"), known)
        result = known.pop("r", None) if "r = " in block else None
        if result is not None and "print(r.message)" not in block:
            assert result.status == "OPTIMAL", block
            answers += 1
    assert answers >= 6
    assert len(known["table"]) == 5
    assert "exclude each other" in capsys.readouterr().out
    assert len(known["front"]) > 3
    assert known["rows"].feasible > 0
    assert all(one.proven for one in known["fleet"])


def test_the_commands_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (commands,) = blocks("sh")
    lines = commands.splitlines()
    assert len(lines) == 6
    for line in lines:
        assert main(shlex.split(line)[1:]) == 0, line
    (text,) = blocks("toml")
    (tmp_path / "asked.toml").write_text(text)
    capsys.readouterr()
    assert main(["search", "resnet", "rram", "--budgets", str(tmp_path / "asked.toml")]) == 0
    assert "3 networks, the best first" in capsys.readouterr().out


@pytest.mark.parametrize(
    "text",
    [
        "latency_ms * energy_mj <= 1", "latency_ms <= 2 or macs <= 1e8", "latency_ms != 2",
        "depth_0 + depth_1 <= 12", "depth_0 + latency_ms <= 9", "accuracy <= 0.9",
        "accuracy + params >= 1",
    ],
)  # fmt: skip
def test_what_is_refused(text: str) -> None:
    assert f"`{text}`" in PAGE.read_text(encoding="utf-8")
    with pytest.raises(FlashError):
        flash.search("resnet", "rram", where=text, predictor=None)
