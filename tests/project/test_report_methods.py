"""What the report says of a comparison of methods."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from twins.places import ROOT

pytestmark = pytest.mark.skipif(
    not (ROOT / "benchmarks" / "report").exists(),
    reason="the benchmarks are in the repository, not in the package",
)


def test_verdicts_follow_the_intervals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))
    from benchmarks.report.format import verdict

    assert verdict([2.8, 1.4, 5.0], 2.78) == "reproduced"
    assert verdict([2.8, 1.4, None], 2.78) == "reproduced"
    assert verdict([1.5, 1.2, 2.0], 2.78) == "reproduced in kind, less in size"
    assert verdict([2.39, 2.01, 2.89], 2.78) == "reproduced in kind, less in size"
    assert verdict([0.5, 0.2, 0.9], 2.78) == "refuted: more"
    assert verdict([1.1, 0.6, 1.9], 2.78) == "refuted in size; no difference shown"
    assert verdict([1.4, 0.7, 3.0], 2.78).startswith("not shown")
    assert verdict(None, 2.78).startswith("not to be told")


def test_nothing_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))
    from benchmarks.report.sections.methods import claims, draw, write

    assert write({}, []) == ""
    assert draw({}) == {}
    found = list(claims({}))
    assert len(found) == 5
    assert {one[2] for one in found} == {None}


@pytest.mark.slow
def test_the_section_holds_what_was_measured(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A comparison, overhead and FP-NAS's claim, measured in little and written down."""
    monkeypatch.syspath_prepend(str(ROOT))
    pytest.importorskip("matplotlib")
    from benchmarks.claims import fp_nas, methods, overhead
    from benchmarks.report.sections import methods as section

    given = methods.problems(None)
    assert given["nas-bench-201"] is None  # needs the measured data
    small = given["nas-bench-macro"]
    assert small is not None
    small.given["max_evals"] = 30
    small.given["methods"] = ["random", "evolution", "parsec"]
    monkeypatch.setattr(fp_nas, "problems", lambda data: {"nas-bench-macro": small})
    told = {
        "methods_tables": {"nas-bench-macro": methods.measure("m", small, 2), "nas-bench-201": None}
    }
    told = json.loads(json.dumps(told, allow_nan=False))
    del small.given["methods"]
    monkeypatch.setattr(fp_nas, "ENDS", (0.02,))
    told["methods_adaptive"] = fp_nas.adaptive(None, 2)
    monkeypatch.setattr(overhead, "OVERHEAD", ("random",))
    told["methods_overhead"] = overhead.overhead(1)

    text = section.write(told, [])
    one = told["methods_tables"]["nas-bench-macro"]
    assert f"### {one['about']}\n" in text
    for row in one["rows"]:
        assert f"| {row['method']} | {row['objective']:.6g} |" in text
    claims = {line[0]: line for line in section.claims(told)}
    assert "fewer" in str(claims["FP-NAS against PARSEC, samples until the search is over"][2])
    assert claims["methods' own time per evaluation, surrogates aside"][2] is not None
    pictures = section.draw(told)
    assert list(pictures) == ["methods-nas-bench-macro.png"]
    assert len(pictures["methods-nas-bench-macro.png"]) < 60_000


def test_the_claim_of_trainings_in_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """On the networks that are shipped, whose trainings took what they took."""
    monkeypatch.syspath_prepend(str(ROOT))
    from benchmarks.claims.training_free import shipped
    from benchmarks.report.sections.methods import claims

    found = shipped(1)
    assert [one["networks"] for one in found] == [96, 72, 48, 24]
    for one in found:
        random = one["methods"]["random"]
        # of n networks, k at least as good, a draw without repetition takes (n + 1) / (k + 1)
        wanted = (one["networks"] + 1) / (one["better"] + 2)
        assert random["evaluations"] == pytest.approx(wanted, rel=0.35)
        assert random["reached"] == 1.0
    claim = next(iter(claims({"methods_training": {"shipped": found}})))
    assert claim[2] is not None
