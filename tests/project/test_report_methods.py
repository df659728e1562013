"""What the report says of a comparison of methods."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

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


def _check_random(one: dict[str, Any], runs: list[dict[str, Any]]) -> None:
    """Each training of FLASH's answer is a quality; k of n networks are at least as good, and a
    draw without repetition takes (n + 1) / (k + 1), or all n where none is."""
    from benchmarks.training import answers

    random = one["methods"]["random"]
    allowed = [row for row in answers.trained() if row[0].macs <= one["budget"]]
    n = len(allowed)
    good = [sum(accuracy >= run["accuracy"] for _, accuracy, _ in allowed) for run in runs]
    came = sum(k > 0 for k in good) / len(good)
    assert random["reached"] == pytest.approx(came)
    if not came:
        assert random["slower"] is None
        assert random["at_least"] > 0.0
        return
    wanted = sum((n + 1) / (k + 1) if k else n for k in good) / len(good) / came
    assert random["evaluations"] == pytest.approx(wanted, rel=0.4)
    # without the training of the network that it ends with, and with that of both answers
    assert 0.0 < random["search_s"] < random["seconds"]
    assert random["slower"][0] == pytest.approx(random["search_s"] / one["flash_s"])
    both = one["flash_s"] + one["answer_s"]
    assert random["slower_trained"][0] == pytest.approx(random["seconds"] / both)
    for middle, low, high in (random["slower"], random["slower_trained"]):
        assert 0.0 < low <= middle
        assert high is None or middle <= high  # None: none of the drawn trainings was reached


def test_methods_are_shown_twice(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """By default and tuned on a problem held out, with what it was tuned on."""
    monkeypatch.syspath_prepend(str(ROOT))
    import flash
    from benchmarks.claims import methods, tuning
    from benchmarks.report.sections import methods as section

    small = flash.DenseNet(widths=[8, 16], depths=[2, 3], skips=[0, 8], cells=2, resolution=8)
    held = tuning.Problem("a small one", small, "cpu-x86", max_params=2e4, max_evals=6)
    monkeypatch.setattr(tuning, "problems", lambda kind, data: [held] * (kind == "scores"))
    monkeypatch.setattr(tuning, "TRIED", 3)
    monkeypatch.setattr(tuning, "KEPT", tmp_path / "tuned.json")
    words = ["--seeds", "2", "--methods", "evolution,spos", "--json", str(tuning.KEPT)]
    tuning.main(words)
    kept = json.loads(tuning.KEPT.read_text())
    assert list(kept) == ["scores"]
    assert kept["scores"]["tuned_on"] == ["a small one"]
    for name, one in kept["scores"]["methods"].items():
        assert one["tried"] == 4
        assert one["gap"] <= one["default_gap"] <= 1.0
        again = float(sum(held.gaps(name, one["options"], 2)) / 2)
        assert again == pytest.approx(one["gap"])
    assert tuning.tuned("tables") == {}
    assert set(tuning.tuned("scores")) == {
        name for name, one in kept["scores"]["methods"].items() if one["options"]
    }

    problem = methods.Problem("small", small, "rram", max_evals=8, max_params=2e4)
    assert methods.fitting(problem)[:2] == ["shgo", "random"]
    assert "flash" not in methods.fitting(problem)
    problem.given["methods"] = ["random", "evolution"]
    told = methods.measure("small", problem, 2, {"evolution": {"population": 4, "sample": 2}})
    told["tuned_on"] = ["a small one"]
    text = section.write({"methods": {"small": json.loads(json.dumps(told))}}, [])
    assert [row["method"] for row in told["rows"]] == ["random", "evolution", "evolution, tuned"]
    for row in told["rows"]:
        assert f"| {row['method']} | {row['objective']:.6g} | 100 % |" in text
    assert "Tuned on: a small one.\n\n- evolution, tuned: population 4, sample 2\n" in text


def test_grids_are_options_of_methods(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))
    from benchmarks.claims import tuning
    from flash.methods import options_for

    for method in tuning.GRIDS:
        tried = tuning.candidates(method)
        assert tried[0] == {}
        assert 1 < len(tried) <= 1 + tuning.TRIED
        for options in tried:
            options_for(method, options)
    for kind in tuning.KINDS:  # and what is kept still is
        for method, options in tuning.tuned(kind).items():
            options_for(method, options)


def test_claims_of_pnas_follow_the_intervals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))
    from benchmarks.claims import pnas

    own, other = [[10, 40]] * 10, [[60, 100]] * 10
    methods: dict[str, Any] = {
        "pnas (mlp)": {"evaluations": own, "met": [10, 7]},
        "random": {"evaluations": other, "met": [10, 10]},
        "evolution, population 20": {"evaluations": other, "met": [8, 10]},
    }
    pnas._compare(methods, ["mlp"], 2)
    entry = {"goals": {"best 1 %": 0.9, "the best": 0.95}, "size": 15_625, "methods": methods}
    found = {"seeds": 10, "tables": {"nas-bench-201": entry, "nas-bench-macro": None}}
    rows = {one.what: one for one in pnas.claims_of(found, "mlp")}
    first = rows["models evaluated until best 1 % is held, NAS-Bench-201, against random"]
    assert (first.interval, first.verdict, first.seeds) == ((6.0, 6.0), "reproduced", 10)
    assert first.ours == "6x: 10 by PNAS, 60"
    last = rows["models evaluated until the best is held, NAS-Bench-201, against random"]
    assert last.verdict == "bound only: 3 of 10 runs of PNAS never came there"
    cut = rows[
        "models evaluated until best 1 % is held, NAS-Bench-201, against evolution, population 20"
    ]
    assert "2 of 10 runs of evolution, population 20 were cut short: at least" in cut.ours
    compute = rows["compute of a search, NAS-Bench-201, against random"]
    assert "until best 1 % is held" in compute.ours  # the hardest that all runs reached
    assert compute.verdict.startswith("bound only")
    assert "5,064,487" in rows["parameters of PNASNet-5, mobile, without the auxiliary head"].ours
    assert rows["error of PNASNet-5 on CIFAR-10"].verdict.startswith("bound only")


def test_the_claim_of_trainings_in_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """The accuracy to reach is that of the network that the timed search itself returns."""
    monkeypatch.syspath_prepend(str(ROOT))
    from benchmarks.claims import training_free
    from benchmarks.report.sections.methods import claims
    from benchmarks.training import answers

    found = training_free.shipped(1)
    assert [one["networks"] for one in found] == [96, 72, 48, 24]
    for one in found:
        (own,) = {
            json.dumps(row["architecture"])
            for row in answers.kept()
            if row["max_macs"] == one["budget"]
        }
        assert json.loads(own) == answers.answer(one["budget"]).to_dict()
        runs = answers.of_answer(answers.answer(one["budget"]))
        assert sorted(run["seed"] for run in runs) == list(range(answers.SEEDS))
        assert one["quality"] == pytest.approx(sum(r["accuracy"] for r in runs) / len(runs))
        _check_random(one, runs)
    claim = next(iter(claims({"methods_training": {"shipped": found}})))
    assert claim[2] is not None
    assert "not told" not in claim[2]


def test_a_search_whose_own_network_was_not_trained_is_paired_with_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(str(ROOT))
    from benchmarks.claims import training_free
    from benchmarks.report.sections import methods

    monkeypatch.setattr(training_free.answers, "kept", list)
    monkeypatch.setattr(training_free, "REPEATS", 1)
    found = training_free.shipped(1)
    assert all(one["quality"] is None and not one["methods"] for one in found)
    told = {"digits": [], "shipped": found, "cells": {"methods": {}, "evaluations": 0}}
    text = methods.write({"methods_training": told}, [])
    said = "the timed search's own network is not among those trained"
    assert text.count(said) == 4
    line = next(iter(methods.claims({"methods_training": told})))
    assert "not told" in str(line[2])
    assert line[3] is False


def test_runs_that_were_cut_short_make_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))
    from benchmarks.report.sections import methods, peers

    def one(samples: int, **more: Any) -> dict[str, Any]:
        ratio = [samples / 1000] * 3
        return {
            "samples": [samples] * 10, "evaluations": [9] * 10, "seconds": [1.0] * 10,
            "gap": [0.1] * 10, "fewer_samples": ratio, "fewer_evaluations": ratio,
            "fewer_seconds": ratio, "worse": [0.0, 0.0, 0.0], **more,
        }  # fmt: skip

    def told(other: dict[str, Any]) -> tuple[str, str]:
        own = {"fp-nas": one(1000), "parsec, fixed 16": other}
        given = {"methods_adaptive": [{"about": "a", "ends_at": 0.02, "methods": own}]}
        lines = {line[0]: line for line in methods.claims(given)}
        text = methods.write(given, [])
        return text, str(lines["FP-NAS against PARSEC, samples until the search is over"][2])

    text, claim = told(one(5000, capped=0))
    assert "| at least 5 [" not in text
    assert claim == "80% fewer"
    for other in (one(32001), one(5000, capped=1)):  # what was kept before it was counted, too
        text, claim = told(other)
        assert f"| at least {other['samples'][0] / 1000:.3g} [" in text
        assert "at least: PARSEC was cut short" in claim
    assert peers.least({"n": 20, "finished": 10}) == ">="
    assert peers.least({"n": 20, "finished": 11}) == ""


def test_what_two_workers_are_worth_is_by_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))
    from benchmarks.report.sections import dask

    rows = [
        {"workers": n, "wall_s": wall, "processor_s": 50.0} for n, wall in ((1, 50.0), (2, 40.0))
    ]
    told = {"dask": [{"size": 10, "cores": 2, "rows": rows}]}
    ((_, _, text, holds),) = dask.claims(told)
    assert str(text).startswith("1.25x")
    assert not holds
    told["dask"][0]["alone"] = {"wall_s": 45.0, "processor_s": 45.0}
    assert "| one process, no Dask | 45.0 |" in dask.write(told["dask"])
