"""docs/howto/plots.md: its code runs, and what it names can be plotted."""

from __future__ import annotations

import re

import pytest
from twins.places import ROOT

import flash
from flash.training.results import TrainingResult

PAGE = ROOT / "docs" / "howto" / "plots.md"
pytestmark = pytest.mark.skipif(not PAGE.exists(), reason="the page is in the repository")
STANDS_FOR = {
    "architecture": flash.Architecture,
    "result": flash.SearchResult,
    "answer": flash.ChoiceResult,
    "cost": flash.Cost,
    "sweep": flash.SweepResult,
    "predictor": flash.AccuracyPredictor,
    "target": flash.Target,
    "trained": TrainingResult,
    "suggestion": flash.Suggestion,
    "front": flash.ParetoFront,
    "comparison": flash.Comparison,
}


@pytest.mark.slow
def test_the_page_s_code() -> None:
    pytest.importorskip("matplotlib")
    (block,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    exec(compile(block, str(PAGE), "exec"), {})


def test_what_the_page_names_can_be_plotted() -> None:
    named = set(re.findall(r"`(\w+)\.plot\(", PAGE.read_text(encoding="utf-8")))
    assert named == set(STANDS_FOR)
    for one in STANDS_FOR.values():
        assert callable(one.plot)
