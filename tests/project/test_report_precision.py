"""What the benchmark and the report say of bits for each layer."""

from __future__ import annotations

import json
from typing import Any

import pytest
from twins.places import ROOT

pytestmark = pytest.mark.skipif(
    not (ROOT / "benchmarks" / "report").exists(),
    reason="the benchmarks are in the repository, not in the package",
)


def lines() -> list[dict[str, Any]]:
    """Return lines of two seeds, of which ours is better by 1 and 3 points in one network."""
    return [
        {"network": name, "seed": seed, "budget": budget, "way": way, "passes": 2, "loss": 0.5,
         "accuracy": 0.9 - 0.01 * (gap if way != "k best around" else 0), "float": 0.95,
         "kib_at_most": 4.0}
        for name, gaps in (("densenet", (1, 2, 3)), ("resnet", (0, 0, 0)))
        for seed, gap in enumerate(gaps)
        for budget in (2.5, 3, 3.5, 4)
        for way in ("uniform" if budget in (3, 4) else "uniform, less", "greedy", "k best around")
    ]  # fmt: skip


def test_differences_are_those_of_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))
    from benchmarks.claims.precision import summary

    found = {(one["network"], one["budget"]): one for one in summary(lines())}
    assert len(found) == 11
    half = 4.303 * 1.0 / 3**0.5  # gaps of 1, 2, 3 points: mean 2, deviation 1
    for budget in (3, 4, None):
        for way in ("uniform", "greedy"):
            mean, width = found["densenet", budget]["more"][way]
            assert (100 * mean, 100 * width) == pytest.approx((2.0, half))
    assert found["resnet", None]["more"]["greedy"] == (0.0, 0.0)
    mean, width = found[None, None]["more"]["uniform"]
    assert (100 * mean, 100 * width) == pytest.approx((1.0, half / 2))
    assert "uniform" not in found["resnet", 2.5]["more"]


def test_claims_follow_the_intervals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))
    from benchmarks.claims.precision import summary
    from benchmarks.report.sections.precision import SECTION, above

    assert (above((0.02, 0.01)), above((0.02, 0.03)), above((-0.1, 0.0))) == (True, False, False)
    assert [line[2:] for line in SECTION.claims({})] == [(None, None)] * 2
    told = {"precision": {"summary": summary(lines())}}
    for line in SECTION.claims(told):
        assert line[3] is False
        assert line[2] is not None
        assert line[2].startswith("densenet +2.0 ± 2.5; resnet +0.0 ± 0.0 points; single sizes: 0")


def test_the_section_holds_what_was_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))
    from benchmarks.claims.precision import summary
    from benchmarks.report.sections.precision import SECTION, points

    assert SECTION.write({}, []) == ""
    told = json.loads((ROOT / "benchmarks" / "claims" / "precision.json").read_text())
    again = json.loads(json.dumps(summary(told["lines"])))
    assert again == told["summary"]
    text = SECTION.write({"precision": told}, [])
    for one in told["summary"]:
        for way, pair in one["accuracy"].items():
            assert f"| {way} | {points(pair)} |" in text
        assert all(points(pair, "+") in text for pair in one["more"].values())
    for one in told["lines"]:
        assert one["kib"] <= one["kib_at_most"]


def test_greedy_choices_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))
    from benchmarks.claims.precision import budget_of, greedy, greedy_up
    from flash.precision.table import Sensitivities, Sensitivity

    losses = {"a": (3.0, 1.0, 0.0), "b": (0.5, 0.2, 0.0)}
    kib = {"a": (1.0, 2.0, 3.0), "b": (10.0, 20.0, 30.0)}
    rows = tuple(
        Sensitivity(layer, bits, losses[layer][n], None, kib[layer][n], 0, 8, 0, 0.0)
        for layer in losses
        for n, bits in enumerate((2, 3, 4))
    )
    made = Sensitivities("loss", 0.0, 4, 0.0, rows)
    assert (budget_of(made, 3), budget_of(made, 2.5)) == (22.0, 16.5)
    # b loses 0.02 a KiB first, a 1: b goes down
    assert greedy(made, 23.0) == {"a": 4, "b": 3}
    assert greedy(made, 13.0) == {"a": 4, "b": 2}
    assert greedy(made, 12.5) == {"a": 3, "b": 2}
    # by loss alone b too: 0.2 against 1
    assert greedy(made, 23.0, each=False) == {"a": 4, "b": 3}
    # from below a gains 2 and 1 a KiB, then b 0.03 and 0.02
    assert greedy_up(made, 12.5) == {"a": 3, "b": 2}
    assert greedy_up(made, 22.5) == {"a": 4, "b": 2}
    assert greedy_up(made, 33.0) == {"a": 4, "b": 4}
