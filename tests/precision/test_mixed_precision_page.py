"""docs/howto/mixed-precision.md: its code runs, and does what the page says."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from twins.places import ROOT

import flash

if TYPE_CHECKING:
    from pathlib import Path

PAGE = ROOT / "docs" / "howto" / "mixed-precision.md"
pytestmark = [
    pytest.mark.torch,
    pytest.mark.slow,
    pytest.mark.processes,
    pytest.mark.skipif(not PAGE.exists(), reason="the page is in the repository"),
]


def test_the_page_s_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("sklearn")
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 7
    known: dict[str, Any] = {}
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), known)
    table, answer = known["table"], known["answer"]
    budget = table.totals(3)["weights_kib"]
    assert table.totals(answer)["weights_kib"] <= budget
    assert known["accuracy"](known["module"]) > 0.9
    assert known["tuned"] > known["accuracy"](known["uniform"])
    assert table.totals(answer)["loss"] <= table.totals(3)["loss"]
    assert table.totals(known["better"])["weights_kib"] <= budget
    assert (len(known["best"]), known["best"].gain >= 0.0) == (20, True)
    assert known["better"].loss <= known["best"].loss
    for name in ("best", "better"):
        mixed = flash.quantised(known["module"], known[name])
        assert known["accuracy"](mixed) > known["accuracy"](known["uniform"])
