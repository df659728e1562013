"""What the report says of supernets."""

from __future__ import annotations

import json

import pytest
from twins.places import ROOT

pytestmark = pytest.mark.skipif(
    not (ROOT / "benchmarks" / "report").exists(),
    reason="the benchmarks are in the repository, not in the package",
)


def test_verdicts_follow_the_intervals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))
    from benchmarks.report.sections.supernets import judged, shown

    def effect(low: float, high: float) -> dict[str, object]:
        return {"difference": [(low + high) / 2, low, high], "effect_size": 0.5}

    assert judged(effect(0.01, 0.03)) == "reproduced"
    assert judged(effect(-0.03, -0.01)) == "refuted"
    assert judged(effect(-0.01, 0.03)) == "no difference shown"
    assert shown(effect(-0.01, 0.03)) == "+0.010 [-0.010, +0.030], d +0.50"


@pytest.mark.torch  # scipy looks for it
def test_effects_are_those_of_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("scipy")
    monkeypatch.syspath_prepend(str(ROOT))
    from benchmarks.claims.supernets import effect

    found = effect([0.5, 0.6, 0.7], [0.6, 0.8, 1.0])
    assert found["difference"][0] == pytest.approx(0.2)
    assert found["effect_size"] == pytest.approx(2.0)  # 0.1, 0.2, 0.3: mean 0.2, deviation 0.1
    low, high = found["difference"][1:]
    assert 0.099 < low < 0.2 < high < 0.301


def test_the_section_holds_what_was_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))
    from benchmarks.report.sections.supernets import shown, write

    assert write({}, []) == ""
    told = json.loads((ROOT / "benchmarks" / "claims" / "supernets.json").read_text())
    text = write({"supernets": told}, [])
    for against in told["rank"]["against"]:
        assert shown(against, 2) in text
    assert f"{told['cost']['ratio'][0]:.0f} [" in text


def test_the_section_of_switches_holds_what_was_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))
    from benchmarks.report.sections.netadapt import write
    from benchmarks.report.sections.supernets import shown

    assert write({}, []) == ""
    told = json.loads((ROOT / "benchmarks" / "claims" / "netadapt_v2.json").read_text())
    text = write({"netadapt-v2": told}, [])
    switches = told["switches"]
    assert len(switches["runs"]) == 8
    for one in (*switches["off"].values(), *switches["main"].values()):
        assert one["n"] == switches["seeds"] >= 10
        assert shown(one, 4) in text
    assert len(told["sweep"]["lines"]) >= 9
    for line in told["sweep"]["lines"]:
        assert line["found"]["netadapt-v2"] >= line["found"]["random"]
        assert f"| {line['max_latency_ms']:.3g} |" in text
