"""Fronts cut from one front over all metrics are those of `flash.pareto`, point by point."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import combinations
from threading import Event
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import flash
from flash.exploring import skyline as skylines
from flash.exploring.cloud import Fronts, Kept, within
from flash.exploring.skyline import best_of, ordered, ranks, skyline
from flash.hardware.target import as_target

SMALL = flash.DenseNet(width_multipliers=[1, 2], depths=[2, 4, 7], skips=[0, 8, 40])
GOALS = ("accuracy", "latency_ms", "energy_mj", "area_mm2")
BUDGET = {"latency_ms": "max_latency_ms", "energy_mj": "max_energy_mj", "area_mm2": "max_area_mm2"}


@given(st.integers(2, 3), st.integers(0, 400), st.integers(1, 60), st.integers(0, 2**32))
@settings(max_examples=60)
def test_skylines_equal_those_by_definition(k: int, n: int, values: int, seed: int) -> None:
    costs = np.random.default_rng(seed).integers(0, values, (n, k)).astype(float)
    own = [ranks(one) for one in costs.T]
    order = ordered(own)
    assert order.tolist() == np.lexsort([*costs.T[::-1]]).tolist()
    kept = order[skyline([one[order] for one in own])]
    expected = []
    for place, i in enumerate(order.tolist()):
        before = costs[order[:place]]
        if not (before <= costs[i]).all(axis=1).any():
            expected.append(i)
    assert kept.tolist() == expected


def test_long_skylines() -> None:
    """More points on it than are compared at once."""
    a = np.arange(5000.0)
    columns = [ranks(a), ranks(-a), ranks(np.zeros(5000))]
    assert skyline(columns).all()
    assert skyline([ranks(a), ranks(a), ranks(-a)]).all()
    assert skyline([ranks(a), ranks(a), ranks(a)]).tolist() == [True] + [False] * 4999


@pytest.mark.parametrize("k", [2, 3])
def test_many_points_are_ruled_out_first(k: int, monkeypatch: pytest.MonkeyPatch) -> None:
    costs = [*np.random.default_rng(k).integers(0, 300, (k, 30_000)).astype(float)]
    expected = best_of(costs)
    monkeypatch.setattr(skylines, "MANY", 1000)
    monkeypatch.setattr(skylines, "SAMPLE", 500)
    found = best_of(costs)
    assert found.tolist() == expected.tolist()
    assert len(found) < 500


def test_thinning_many_points_leaves_what_thinning_few_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from flash.charts import thinning

    x, noise = np.random.default_rng(0).random((2, 20_000))
    y = x + 0.1 * noise
    expected = thinning.thinned(x, y, 300)
    monkeypatch.setattr(thinning, "MANY", 1000)
    found = thinning.thinned(x, y, 300)
    assert (np.diff(found) > 0).all()
    assert 250 < len(found) <= 300
    assert len(np.intersect1d(found, expected)) > 250
    assert {0, len(x) - 1, int(x.argmin()), int(y.argmax())} <= {*found.tolist()}


@pytest.fixture(scope="module")
def live() -> Any:
    fronts = Fronts(SMALL, as_target("rram"), None)
    fronts.prepare()
    assert fronts.wait(60.0)
    yield fronts
    fronts.close()


@given(st.data())
@settings(max_examples=40)
def test_cut_fronts_equal_those_that_are_found(live: Fronts, data: Any) -> None:
    sets = [one for n in (2, 3, 4) for one in combinations(GOALS, n)]
    goals = data.draw(st.permutations(data.draw(st.sampled_from(sets))))
    cloud = live.front(GOALS, {})
    budgets = {}
    for name in data.draw(st.sets(st.sampled_from(GOALS[1:]))):
        column = cloud.metrics[name]
        budgets[BUDGET[name]] = float(column[data.draw(st.integers(0, len(column) - 1))]) * (
            data.draw(st.sampled_from([1.0, 0.9999, 1.3]))
        )
    assert live.front(goals, budgets) == flash.pareto(SMALL, "rram", goals, **budgets)


def test_before_the_cloud_is_there_fronts_are_the_same(live: Fronts) -> None:
    direct = Fronts(SMALL, as_target("rram"), None)
    for budgets in ({}, {"max_latency_ms": 2.0}, {"max_params": 400_000}, {"max_latency_ms": 0.01}):
        assert direct.front(GOALS[:2], budgets) == live.front(GOALS[:2], budgets)
    empty = live.front(GOALS[:2], {"max_latency_ms": 0.01})
    assert empty.remedies
    assert empty.status == "INFEASIBLE"


def test_with_a_predictor_and_a_least_accuracy() -> None:
    fronts = Fronts(SMALL, as_target("cpu-x86"), flash.AccuracyPredictor.load("default"))
    fronts.prepare()
    assert fronts.wait(60.0)
    some: Any = ({"min_accuracy": 0.45}, {"min_accuracy": 0.45, "max_latency_ms": 3.0})
    for budgets in some:
        expected = flash.pareto(SMALL, "cpu-x86", predictor="default", **budgets)
        assert len(expected) > 1
        found = fronts.front(("accuracy", "latency_ms"), budgets)
        assert found == expected
        assert found[0] == expected[0].replace(elapsed_s=found.elapsed_s, nfev=found.weighed)


def test_other_questions_are_asked_as_they_are(live: Fronts) -> None:
    coarse = live.front(GOALS[:2], {}, epsilon=0.1)
    assert coarse == flash.pareto(SMALL, "rram", epsilon=0.1)
    floor = live.front(GOALS[:2], {"min_nn_degree": 300.0})
    assert len(floor) == int((live.front(GOALS[:2], {}).nn_degree >= 300.0).sum())
    small = flash.ResNet(depths=[1, 2], skips=[0])
    own = Fronts(small, as_target("rram"), None)
    where = ("depth_0 == depth_1",)
    assert len(own.front(GOALS[:2], {}, where=where)) == len(
        flash.pareto(small, "rram", where="depth_0 == depth_1")
    )
    joint = Fronts(small, as_target("fpga-zu3eg"), None)
    limited = joint.front(GOALS[:2], {"max_latency_ms": 1.0}, codesign=True)
    assert limited == flash.pareto(small, "fpga-zu3eg", codesign=True, max_latency_ms=1.0)
    with pytest.raises(flash.FlashError, match="does not model energy_mj"):
        joint.front(GOALS[:2], {"max_energy_mj": 1.0})


def test_budgets_on_what_a_front_compares_filter_it(live: Fronts) -> None:
    front = live.front(("accuracy", "latency_ms"), {})
    cut = within(front, {"max_latency_ms": float(front.latency_ms[3])})
    assert len(cut) == len(front) - 3
    assert not cut.x.flags.writeable


def test_what_is_kept_is_made_once_by_many_threads() -> None:
    kept, made = Kept(2), list[str]()
    begun = Event()

    def make(name: str) -> str:
        made.append(name)
        begun.wait(0.05)
        return name

    with ThreadPoolExecutor(8) as pool:
        names = [*"aaaabbbb"]
        assert list(pool.map(lambda name: kept.get(name, lambda: make(name)), names)) == names
    assert sorted(made) == ["a", "b"]
    kept.get("c", lambda: make("c"))
    kept.get("b", lambda: make("b"))
    kept.get("a", lambda: make("a"))  # made room for the third
    assert sorted(made) in (["a", "a", "b", "c"], ["a", "a", "b", "b", "c"])

    def fails() -> str:
        raise ValueError

    for _ in range(2):
        with pytest.raises(ValueError):  # noqa: PT011
            kept.get("d", fails)
    assert kept.get("d", lambda: "at last") == "at last"
