"""Accuracy predictors: their files, and bad input."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twins.predictions import CURVE, NETS, TRUTH, quiet, truth

from flash import AccuracyPredictor
from flash.errors import ArgumentError, ArgumentTypeError, FormatError
from flash.predictors.fitting import groups_of
from flash.predictors.predictor import as_predictor

# Files


@pytest.mark.parametrize("kind", ["topology", "nn-degree"])
def test_round_trips(kind: str, tmp_path: Path) -> None:
    mine = {"data": "synthetic"}
    fitted = AccuracyPredictor.fit(NETS[:25], truth(NETS[:25], 0.1), kind, provenance=mine)
    path = tmp_path / "p.json"
    assert fitted.to_json(path) + "\n" == path.read_text()
    other = AccuracyPredictor.load(path)
    assert other == fitted
    assert other.provenance == mine
    assert (quiet(other.predict, NETS) == quiet(fitted.predict, NETS)).all()
    assert (other.interval(NETS) == fitted.interval(NETS)).all()
    assert str(other.report) == str(fitted.report)
    assert sorted(tmp_path.iterdir()) == [path]


def test_files_of_older_versions_load(tmp_path: Path) -> None:
    """Without the networks, the regression and the test against chance: nothing is made up."""
    fitted = AccuracyPredictor.fit(NETS[:25], truth(NETS[:25], 0.1))
    data = json.loads(fitted.to_json())
    del data["trained"], data["evidence"]["report"]["chance"]
    del data["evidence"]["report"]["rows"]["regression"]
    old = AccuracyPredictor.from_dict(data)
    assert old.trained == ()
    assert old.report is not None
    assert (old.report.chance, old.report.earns_its_keep) == (None, True)
    assert json.loads(old.to_json()) == data


def test_the_networks_fitted_on_are_kept(tmp_path: Path) -> None:
    nets = [*NETS[:8], *(net.network() for net in NETS[8:16]), NETS[0]]
    y = np.linspace(0.4, 0.6, 17).tolist()
    fitted = AccuracyPredictor.fit(nets, y)
    assert [net for net, _ in fitted.trained] == nets[:16]
    assert fitted.trained[0][1] == pytest.approx(0.5)  # the mean of two trainings
    fitted.to_json(tmp_path / "p.json")
    assert AccuracyPredictor.load(tmp_path / "p.json").trained == fitted.trained
    data = json.loads(fitted.to_json())
    data["trained"][3]["accuracy"] = 7.0
    with pytest.raises(FormatError, match=r"trained\[3\].accuracy must be"):
        _ = AccuracyPredictor.from_dict(data).trained


def test_load_takes_paths_and_the_default() -> None:
    shipped = AccuracyPredictor.load("default")
    assert shipped is as_predictor("default", "densenet")
    assert "full training" in str(shipped.only_ranks)
    for bad in (5, None, b"x"):
        with pytest.raises(ArgumentTypeError, match="must be a path, got"):
            AccuracyPredictor.load(bad)  # type: ignore[arg-type]
    with pytest.raises(FormatError, match="is no path"):
        AccuracyPredictor.load("a\0b")


def test_a_made_predictor_has_no_evidence(tmp_path: Path) -> None:
    for made in (AccuracyPredictor(*CURVE), AccuracyPredictor(topology=TRUTH)):
        made.to_json(tmp_path / "p.json")
        again = AccuracyPredictor.load(tmp_path / "p.json")
        assert again == made.replace(provenance={})
        assert again.report is None
        with pytest.raises(ArgumentError, match="fitted"):
            again.interval(NETS[0])
    with pytest.raises(ArgumentError, match="nn-degree"):
        AccuracyPredictor(*CURVE, topology=TRUTH)
    with pytest.raises(ArgumentError, match="kind 'nn-degree'"):
        AccuracyPredictor(topology=TRUTH).predict_degree(3.0)


def changes() -> list[tuple[str, Any]]:
    """Keys of a fitted predictor's file, and values that they must not have."""
    bad: list[tuple[str, Any]] = [("kind", "forest"), ("format", 2), ("score", 3), ("a", 1.0)]
    bad += [("score/cell", {}), ("score/cell/depth", 1.0), ("score/cell/size", "1")]
    bad += [("score/totals/macs", 1e9), ("score/intercept", None), ("provenance", [])]
    bad += [("evidence/scores", []), ("evidence/scores", [2.0, 1.0]), ("evidence/scores", [-1.0])]
    bad += [("evidence/centre", [1.0]), ("evidence/spread", [[1.0]]), ("evidence/spread/0", 5)]
    bad += [("evidence/families", "resnet"), ("evidence/base", -1.0), ("evidence/report", {})]
    bad += [("evidence/report/rows", {}), ("evidence/report/rows/macs", {"mae": 0.1})]
    bad += [("evidence/report/rows/macs/mae", 2.0), ("evidence/report/distinct", 0)]
    bad += [("evidence/report/chance", 1.5), ("evidence/report/chance", "x")]
    bad += [("evidence/widest", "x"), ("evidence/low", None), ("evidence/more", 1)]
    return bad


@pytest.mark.parametrize(("key", "value"), changes())
def test_refuses_spoilt_files(key: str, value: Any, tmp_path: Path) -> None:
    data = json.loads(AccuracyPredictor.fit(NETS[:25], truth(NETS[:25])).to_json())
    at = data
    *way, last = [int(k) if k.isdigit() else k for k in key.split("/")]
    for step in way:
        at = at[step]
    at[last] = value
    path = tmp_path / "p.json"
    path.write_text(json.dumps(data))
    with pytest.raises(FormatError, match=r"p\.json"):
        AccuracyPredictor.load(path)


# Bad input

GOOD = truth(NETS[:12])


@pytest.mark.parametrize(
    ("nets", "accuracies", "more", "message"),
    [
        (NETS[:12], GOOD[:11], {}, "one length, got 12 and 11"),
        (NETS[:12], [100 * y for y in GOOD], {}, "look like percent"),
        (NETS[:12], [-0.1, *GOOD[1:]], {}, r"fractions from 0 to 1, got accuracies\[0\]=-0.1"),
        (NETS[:12], [300.0, *GOOD[1:]], {}, r"accuracies\[0\]=300"),
        (NETS[:12], [*GOOD[:11], math.nan], {}, r"accuracies\[11\] must be a finite number"),
        (NETS[:12], [math.inf, *GOOD[1:]], {}, r"accuracies\[0\] must be"),
        (NETS[:12], [0.5] * 12, {}, "all 12 are 0.5"),
        (NETS[:7], GOOD[:7], {}, "at least 8 that differ in topology .*got 7"),
        ([NETS[0]] * 12, GOOD, {}, "at least 8 that differ"),
        ([], [], {}, "at least 8"),
        (NETS[:2], GOOD[:2], {"kind": "nn-degree"}, "at least 3 of different NN-Degree"),
        ([NETS[0]] * 12, GOOD, {"kind": "nn-degree"}, "at least 3"),
        (NETS[:12], GOOD, {"kind": "forest"}, "kind must be one of"),
        (NETS[:12], GOOD, {"kind": "topologie"}, "did you mean 'topology'"),
    ],
)
def test_refuses(nets: Any, accuracies: Any, more: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        AccuracyPredictor.fit(nets, accuracies, **more)


@pytest.mark.parametrize(
    ("nets", "accuracies", "more", "message"),
    [
        (NETS[0], GOOD, {}, "architectures must be a list"),
        ("resnet", GOOD, {}, "architectures must be a list"),
        (["resnet"] * 12, GOOD, {}, "architectures must be Architecture or Network"),
        (NETS[:12], "high", {}, "accuracies must be a list"),
        (NETS[:12], [*GOOD[:11], "0.9"], {}, r"accuracies\[11\] must be"),
        (NETS[:12], [*GOOD[:11], None], {}, r"accuracies\[11\] must be"),
        (NETS[:12], GOOD, {"provenance": "here"}, "provenance must be a dict"),
    ],
)
def test_refuses_types(nets: Any, accuracies: Any, more: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentTypeError, match=message):
        AccuracyPredictor.fit(nets, accuracies, **more)


@given(
    st.lists(st.floats(0, 1), min_size=12, max_size=12),
    st.integers(0, 11),
    st.sampled_from([math.nan, math.inf, -math.inf, -1e-9, 1.0000001, 93.5, 1e300]),
    st.sampled_from(["topology", "nn-degree"]),
)
def test_no_number_outside_is_taken(y: list[float], at: int, bad: float, kind: str) -> None:
    y[at] = bad
    with pytest.raises(ArgumentError, match=rf"accuracies\[{at}\]"):
        AccuracyPredictor.fit(NETS[:12], y, kind)


@settings(max_examples=60)
@given(
    st.lists(st.floats(0, 1), min_size=12, max_size=12), st.sampled_from(["topology", "nn-degree"])
)
def test_any_fractions_give_finite_answers(y: list[float], kind: str) -> None:
    if min(y) == max(y):
        return
    fitted = AccuracyPredictor.fit(NETS[:12], y, kind)
    got = quiet(fitted.predict, NETS)
    assert np.isfinite(got).all()
    assert ((got >= 0) & (got <= 1)).all()
    assert np.isfinite(fitted.interval(NETS)).all()
    json.loads(fitted.to_json())


@pytest.mark.parametrize("level", [0.0, 1.0, -1, 2, math.nan, "0.9", None])
def test_refuses_levels(level: Any) -> None:
    fitted = AccuracyPredictor.fit(NETS[:12], GOOD)
    with pytest.raises((ArgumentError, ArgumentTypeError), match="level"):
        fitted.interval(NETS[0], level)


def test_equal_designs_are_one_group() -> None:
    designs = np.array([[1.0, 2.0], [0.0, 1.0], [1.0, 2.0]])
    assert groups_of(designs).tolist() == [1, 0, 1]
