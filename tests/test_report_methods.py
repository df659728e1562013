"""What the report says of a comparison of methods."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
pytestmark = pytest.mark.skipif(
    not (ROOT / "benchmarks" / "report_methods.py").exists(),
    reason="the benchmarks are in the repository, not in the package",
)


def test_verdicts_follow_the_intervals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))
    from benchmarks.report_methods import verdict

    assert verdict([2.8, 1.4, 5.0], 2.78) == "reproduced"
    assert verdict([2.8, 1.4, None], 2.78) == "reproduced"
    assert verdict([1.5, 1.2, 2.0], 2.78) == "reproduced in kind, less in size"
    assert verdict([0.5, 0.2, 0.9], 2.78) == "refuted: more"
    assert verdict([1.1, 0.6, 1.9], 2.78) == "refuted in size; no difference shown"
    assert verdict([1.4, 0.7, 3.0], 2.78).startswith("not shown")
    assert verdict(None, 2.78).startswith("not to be told")


def test_the_section_holds_what_was_measured(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.syspath_prepend(str(ROOT))
    from benchmarks.report_methods import sections

    assert sections(tmp_path / "none.json") == ""
    told = json.loads((ROOT / "benchmarks" / "methods.json").read_text())
    text = sections()
    for one in told.values():
        assert f"### {one['about']}\n" in text
        for row in one["rows"]:
            assert f"| {row['method']} | {row['objective']:.6g} |" in text
    assert "benchmarks" in sys.modules
