"""Why nothing fits, and what binds: judged by complete enumeration."""

from __future__ import annotations

import gc
import math
import weakref
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import flash
from flash.base.names import MAXIMA
from flash.problem.compiling import MACS, kept_or_compiled

SPACE = flash.DenseNet(width_multipliers=[1, 2], depths=[5, 7, 9], skips=[0, 8, 32], cells=2)
EVERY = list(range(SPACE.size))
COLUMNS = dict(zip(MAXIMA, ("latency_ms", "energy_mj", "area_mm2", "params", "macs"), strict=True))
PREDICTOR = flash.AccuracyPredictor(1.0, 60.0, -0.8)
TABLE = flash.evaluate(SPACE, "rram", EVERY, predictor=PREDICTOR)


def column(budget: str) -> Any:
    return TABLE[COLUMNS.get(budget, "accuracy")]


def within(budgets: dict[str, float]) -> Any:
    """Which configurations meet budgets."""
    ok = np.ones(len(EVERY), bool)
    for name, limit in budgets.items():
        ok &= column(name) >= limit if name == "min_accuracy" else column(name) <= limit
    return ok


def least(name: str, others: dict[str, float]) -> float | None:
    values = column(name)[within({k: v for k, v in others.items() if k != name})]
    if not len(values):
        return None
    found: float = (values.max() if name == "min_accuracy" else values.min()).item()
    return found


@st.composite
def impossible(draw: st.DrawFn) -> dict[str, float]:
    """Budgets from below the least value to the middle of each metric."""
    names = draw(st.lists(st.sampled_from([*MAXIMA, "min_accuracy"]), min_size=1, unique=True))
    budgets = {}
    for name in names:
        share = draw(st.floats(0.0, 0.5))
        values = np.sort(column(name))
        if name == "min_accuracy":
            budgets[name] = min(1.0, float(values[-1 - int(share * (len(values) - 1))]) * 1.001)
        else:
            budgets[name] = float(values[int(share * (len(values) - 1))]) * 0.99
    return budgets


@settings(max_examples=60, deadline=None)
@given(impossible())
def test_equals_complete_enumeration(budgets: dict[str, float]) -> None:
    result = flash.search(SPACE, "rram", predictor=PREDICTOR, **budgets)
    assert (result.status == "OPTIMAL") == bool(within(budgets).any())
    if result.status == "OPTIMAL":
        assert result.conflicts == result.remedies == ()
        assert result.objective == TABLE["accuracy"][within(budgets)].max()
        return
    budgets = dict(result.budgets)  # in their order
    assert result.least == {name: least(name, {}) for name in budgets}
    sets = [
        some
        for size in range(1, len(budgets) + 1)
        for some in combinations(budgets, size)
        if not within({k: budgets[k] for k in some}).any()
    ]
    minimal = [s for s in sets if not any(set(o) < set(s) for o in sets)]
    assert [tuple(one) for one in result.conflicts] == minimal
    for one in result.conflicts:
        own = {name: budgets[name] for name in one}
        assert one == {name: least(name, own) for name in one}
    assert result.remedies
    for remedy in result.remedies:
        assert all(set(remedy) & set(one) for one in minimal)
        changed = {**budgets, **remedy}
        assert within(changed).any()
        for name, value in remedy.items():  # none of them can be less
            assert least(name, changed) == value
    for name in [s[0] for s in minimal if len(s) == 1]:
        assert name in result.message


def test_what_must_give_together_is_joined_by_and() -> None:
    budgets = {"max_latency_ms": 0.05, "max_energy_mj": 0.0001}
    result = flash.search("densenet", "rram", **budgets)
    assert [set(one) for one in result.conflicts] == [{"max_latency_ms"}, {"max_energy_mj"}]
    assert len(result.remedies) == 1
    assert " and max_energy_mj at least" in result.message
    assert "; or" not in result.message
    changed: Any = {**budgets, **result.remedies[0]}
    assert flash.search("densenet", "rram", **changed).status == "OPTIMAL"


def test_alternatives_are_joined_by_or() -> None:
    budgets: Any = {"max_latency_ms": 0.9, "max_energy_mj": 0.006, "min_accuracy": 0.55}
    result = flash.search("densenet", "rram", predictor="default", **budgets)
    assert [set(one) for one in result.conflicts] == [
        {"max_latency_ms", "min_accuracy"},
        {"max_energy_mj", "min_accuracy"},
    ]
    assert [set(one) for one in result.remedies] == [
        {"min_accuracy"},
        {"max_latency_ms", "max_energy_mj"},
    ]
    assert "max_latency_ms and min_accuracy exclude each other" in result.message
    assert "; or max_latency_ms would have to be" in result.message
    for remedy in result.remedies:
        found = flash.search("densenet", "rram", predictor="default", **{**budgets, **remedy})
        assert found.status == "OPTIMAL"
    text = str(result)
    assert "change 1" in text
    assert "or change 2" in text


def test_round_trip_and_front() -> None:
    result = flash.search("densenet", "rram", max_latency_ms=0.05, max_energy_mj=0.0001)
    assert flash.SearchResult.from_json(result.to_json()) == result
    front = flash.pareto("densenet", "rram", max_latency_ms=0.05, max_energy_mj=0.0001)
    assert front.remedies == result.remedies
    assert front.message == result.message
    assert flash.ParetoFront.from_json(front.to_json()).conflicts == front.conflicts
    whole = flash.pareto(SPACE, "rram")
    refused = whole.at(max_latency_ms=1e-3)
    assert refused.status == "INFEASIBLE"
    assert refused.remedies == ({"max_latency_ms": TABLE["latency_ms"].min()},)


@pytest.mark.parametrize("objective", ["accuracy", {"accuracy": 1, "energy_mj": -0.3}])
@pytest.mark.parametrize("share", [0.1, 0.4, 0.9])
def test_binding_budgets_equal_enumeration(objective: Any, share: float) -> None:
    table = flash.evaluate(SPACE, "rram", EVERY)
    goal = table["nn_degree"]
    if objective != "accuracy":
        goal = goal * table["energy_mj"] ** -0.3
    budgets = {
        f"max_{name}": float(np.quantile(table[name], share, method="lower"))
        for name in ("latency_ms", "area_mm2", "params")
    }
    result = flash.search(SPACE, "rram", objective=objective, **budgets)  # type: ignore[arg-type]

    def best(**changes: float) -> float:
        return float(goal[within({**budgets, **changes})].max())

    assert result.binding is not None
    for name, limit in budgets.items():
        unlimited = best(**{name: math.inf})
        assert (name in result.binding) == (unlimited > best())
        if name in result.binding:
            told = result.binding[name]
            assert told["unlimited"] == pytest.approx(unlimited, rel=1e-12)
            assert told["one_percent"] == pytest.approx(best(**{name: 1.01 * limit}), rel=1e-12)
            gain = best(**{name: 1.01 * limit}) - best()
            assert told["per_unit"] == pytest.approx(gain / (0.01 * limit), abs=1e-6, rel=1e-6)


def test_nothing_found_is_a_status_of_its_own() -> None:
    def nothing(data: dict[str, Any]) -> Any:
        return np.full(len(data["choices"]), -np.inf)

    result = flash.search("densenet", "rram", objective=nothing)
    assert (result.status, result.stopped, result.proven) == ("NOT_FOUND", None, False)
    assert flash.SearchResult.from_json(result.to_json()) == result


@pytest.mark.parametrize("budget", [4.0, 0.01])
def test_a_result_is_freed_when_nobody_has_it(budget: float) -> None:
    """What works its notes out holds no result: a circle would be left to the collector."""
    result = flash.search("densenet", "rram", max_latency_ms=budget)
    left = weakref.ref(result)
    was_on = gc.isenabled()
    gc.disable()
    try:
        del result
        assert left() is None
    finally:
        if was_on:
            gc.enable()


def test_the_tables_of_the_last_search_are_kept_for_what_is_asked_of_it() -> None:
    target = flash.Target.load("rram")
    result = flash.search(SPACE, target, max_latency_ms=4.0)
    tables = kept_or_compiled(SPACE, target, None, 0).tables
    assert tables is kept_or_compiled(SPACE, target, None, 0).tables
    assert tables is not kept_or_compiled(SPACE, target, None, MACS).tables  # other columns
    binding = result.binding
    again = flash.search(SPACE, target, max_latency_ms=4.0)
    flash.search("resnet", "rram", max_latency_ms=1.0)
    assert again.binding == binding
