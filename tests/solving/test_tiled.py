"""Spaces whose networks are on several tiles: every call answers as complete enumeration does.

The yardstick charges every network by itself, with `Target.cost`.
"""

from __future__ import annotations

import math
from collections import Counter
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from twins import reference
from twins.tiles import both, spaces

import flash
from flash import ResNet, SearchSpace
from flash.networks.architecture import FAMILIES
from flash.problem.tiling import parts_of
from flash.results.result import SearchResult
from flash.spaces.index import row_at

TERMS = ("accuracy", "latency_ms", "energy_mj", "area_mm2", "params", "macs")
BUDGETS = ("max_latency_ms", "max_energy_mj", "max_area_mm2", "max_params", "max_macs")
INF = math.inf
SMALL = ResNet(depths=[1, 2, 3], skips=[0, 16])  # width multipliers 1, 2, 3: both tiles


@cache
def networks(space: SearchSpace) -> list[list[float]]:
    return reference.networks(space, both())


def drawn(family: str, seeds: range) -> list[SearchSpace]:
    """Spaces on several tiles, and now and then one on one; of mobilenet-v2 there are no others."""
    found = spaces(family, seeds, 200)
    several = [one for one in found if len(parts_of(one, both())) > 1]
    return [*several[:10], *[one for one in found if one not in several][:3]]


def draw_budgets(random: Random, rows: list[list[float]]) -> dict[str, float]:
    budgets: dict[str, float] = {}
    for k, name in enumerate(BUDGETS, 1):
        if random.random() < 0.4:
            values = sorted(row[k] for row in rows)
            value = values[int(len(values) * random.choice([0.0, 0.2, 0.5, 0.8]))]
            budgets[name] = value * random.choice([1.0, 1.0, 1.1, 0.95])
    return budgets


def limits(budgets: dict[str, float]) -> tuple[float, ...]:
    return (INF, *(budgets.get(name, INF) for name in BUDGETS))


@pytest.mark.parametrize("method", ["shgo", "exact"])
@pytest.mark.parametrize("family", FAMILIES)
def test_search_is_proven_against_every_network(family: str, method: str) -> None:
    statuses: Counter[str] = Counter()
    for number, space in enumerate(drawn(family, range(100))):
        rows, random = networks(space), Random(number)
        for exponents in (
            None,
            (1, -1, 0, 0, 0, 0),
            (0.5, 0, -1, -0.5, 0, 0),
            (1, 0, 0, 0.5, 0, 0),
        ):
            budgets = draw_budgets(random, rows)
            objective: Any = "accuracy"
            if exponents is not None:
                objective = {k: e for k, e in zip(TERMS, exponents, strict=True) if e}
            found = flash.search(space, both(), objective=objective, method=method, **budgets)
            best = reference.best_network(rows, limits(budgets), exponent=exponents)
            statuses[found.status] += 1
            if best is None:
                assert found.status == "INFEASIBLE"
                continue
            assert found.proven
            assert found.upper_bound == found.objective
            own = rows[found.index or 0]
            assert [found.nn_degree, found.latency_ms, found.energy_mj, found.area_mm2] == own[:4]
            assert [found.params, found.macs] == own[4:]
            if exponents is None:
                assert found.index == best
            else:  # logarithms of two networks may round to the same
                value = reference.objective({}, rows[best], exponents)
                assert reference.objective({}, own, exponents) == pytest.approx(value, abs=1e-12)
    assert statuses["OPTIMAL"] > 8
    assert statuses["INFEASIBLE"] > 0


@pytest.mark.parametrize("family", FAMILIES)
def test_evaluate_and_sweep_are_what_each_network_costs(family: str, tmp_path: Path) -> None:
    for number, space in enumerate(drawn(family, range(60))[:6]):
        rows = networks(space)
        given: list[Any] = [np.arange(space.size), [row_at(space, i) for i in range(space.size)]]
        given.append(list(range(space.size)))
        given.append(np.array(given[1], np.int16))
        for choices in given:
            table = flash.evaluate(space, both(), choices)
            assert np.stack(list(table.values()), axis=1).tolist() == rows
        budgets = draw_budgets(Random(number), rows)
        within = [
            i
            for i, m in enumerate(rows)
            if all(a <= b for a, b in zip(m, limits(budgets), strict=True))
        ]
        plain = flash.sweep(space, both(), top=5, bins=4, threads=2, **budgets)
        by_rows = flash.sweep(space, both(), top=5, bins=4, where="macs > 0", **budgets)
        quick = flash.sweep(space, both(), top=5, bins=0, **budgets)
        for swept in (plain, by_rows, quick):
            assert (swept.count, swept.feasible) == (space.size, len(within))
            assert [one.index for one in swept.top] == [one.index for one in plain.top]
            if within:
                assert swept.top[0].index == reference.best_network(rows, limits(budgets))
                assert [one.latency_ms for one in swept.top] == [
                    rows[one.index or 0][1] for one in swept.top
                ]
        assert plain.histograms == by_rows.histograms
    flash.sweep(space, both(), out=tmp_path / "rows", threads=1)
    parquet = pytest.importorskip("pyarrow.dataset")
    kept = parquet.dataset(tmp_path / "rows").to_table().to_pydict()
    assert kept["latency_ms"] == [row[1] for row in rows]


@pytest.mark.parametrize("family", FAMILIES)
def test_fronts_are_those_of_every_network(family: str) -> None:
    for number, space in enumerate(drawn(family, range(60))):
        rows, random = networks(space), Random(number)
        goals = random.sample(TERMS, random.randint(2, 4))
        budgets = draw_budgets(random, rows) if number % 2 else {}
        within = [
            (*(-m[0] if g == "accuracy" else m[TERMS.index(g)] for g in goals), *m[1:4], -m[0], i)
            for i, m in enumerate(rows)
            if all(a <= b for a, b in zip(m, limits(budgets), strict=True))
        ]
        n, kept = len(goals), dict[Any, int]()
        for one in sorted(within):
            if not any(all(a <= b for a, b in zip(k, one[:n], strict=True)) for k in kept):
                kept[one[:n]] = one[-1]
        front = flash.pareto(space, both(), goals, **budgets)
        assert {space.index(row) for row in front.x.tolist()} == set(kept.values())
        assert type(front).from_dict(front.to_dict()) == front
        if not kept:
            assert front.status == "INFEASIBLE"
            continue
        assert front.exact
        assert [one.latency_ms for one in front] == front.latency_ms.tolist()
        near = flash.pareto(space, both(), goals, epsilon=0.1, **budgets)
        some = [[near.values(g)[i].item() for g in goals] for i in range(len(near))]
        for one in within:
            assert any(
                all(
                    1.1 * b >= -a if g == "accuracy" else b <= 1.1 * a
                    for a, b, g in zip(one[:n], point, goals, strict=True)
                )
                for point in some
            )


def within(quantile: float) -> dict[str, float]:
    rows = networks(SMALL)
    return {
        name: sorted(row[k] for row in rows)[int(quantile * len(rows))]
        for k, name in enumerate(BUDGETS[:2], 1)
    }


def test_what_binds_and_why_nothing_fits() -> None:
    rows, budgets = networks(SMALL), within(0.4)
    found = flash.search(SMALL, both(), **budgets)
    assert found.binding
    for name, told in found.binding.items():
        others = {k: v for k, v in budgets.items() if k != name}
        best = reference.best_network(rows, limits(others))
        assert told["unlimited"] == rows[best or 0][0]
    none = flash.search(SMALL, both(), max_latency_ms=1e-3, max_energy_mj=1e-6, max_params=10**5)
    assert none.status == "INFEASIBLE"
    assert none.least == {
        name: min(row[TERMS.index(name[4:])] for row in rows) for name in none.budgets
    }


def test_limits_and_listeners() -> None:
    space, budgets = flash.DenseNet(), {"max_latency_ms": 4.0, "max_energy_mj": 0.5}
    known = flash.search(space, both(), **budgets)
    alone = [
        flash.search(flash.DenseNet(width_multipliers=m), target, **budgets)
        for m, target in (([1], "rram"), ([2, 3], "rram-1024"))
    ]
    assert known.objective == max(one.objective or 0.0 for one in alone)
    heard: list[Any] = []
    same = flash.search(space, both(), callback=lambda event: heard.append(event), **budgets)
    assert same == known.replace(elapsed_s=same.elapsed_s)
    assert heard
    assert all(event.upper_bound is None or event.upper_bound >= known.objective for event in heard)
    for given, why in (
        ({"max_evals": 50}, "max_evals"),
        ({"time_limit_s": 1e-9}, "time_limit_s"),
        ({"callback": lambda _: True}, "callback"),
    ):
        found = flash.search(space, both(), **given, **budgets)
        assert found.stopped == why
        assert not found.proven
        assert (found.objective or 0.0) <= (known.objective or 0.0)
        assert found.upper_bound is None or found.upper_bound >= (known.objective or 0.0)
    quick = flash.search(space, both(), certify=False, **budgets)
    assert quick.status == "FEASIBLE"
    assert quick.objective is not None
    assert quick.upper_bound is not None
    assert quick.objective <= (known.objective or 0.0) <= quick.upper_bound
    fleet = flash.search(space, [both(), "rram", both()], **budgets)
    assert [one.objective for one in fleet] == [
        known.objective,
        flash.search(space, "rram", **budgets).objective,
        known.objective,
    ]


def test_an_answer_is_kept_as_any_other() -> None:
    found = flash.search(SMALL, both(), **within(0.4))
    assert SearchResult.from_json(found.to_json()) == found
    assert found.target == "rram-neurosim"
    assert found.intervals == both().interval(found.architecture)
    assert set(both().cost(found.architecture).flags) <= set(found.flags)
    assert f"of {SMALL.size:,} configurations" in str(found)


def test_confidence_is_that_of_each_networks_own_tile() -> None:
    budgets = within(0.5)
    found = flash.search(SMALL, both(), confidence=0.9, **budgets)
    degrees = []
    for i in range(SMALL.size):
        arch = SMALL.decode(i)
        ends = both().interval(arch, 0.9)
        if all(ends[name[4:]][1] <= limit for name, limit in budgets.items()):
            degrees.append(flash.nn_degree(arch))
    assert found.proven
    assert found.objective == max(degrees)
    plain = flash.search(SMALL, both(), **budgets)
    assert f"without it {plain.objective:.6g}" in found.flags[0]
    none = flash.search(SMALL, both(), confidence=0.9, max_latency_ms=1e-3)
    assert none.status == "INFEASIBLE"


def test_an_objective_function_sees_the_whole_space() -> None:
    budgets, rows = within(0.6), networks(SMALL)
    seen: list[Any] = []

    def score(columns: Any) -> Any:
        seen.append((columns["choices"].copy(), columns["latency_ms"].copy()))
        return columns["nn_degree"] / columns["latency_ms"]

    found = flash.search(SMALL, both(), objective=score, compile_objective=False, **budgets)
    own = [
        m[0] / m[1] for m in rows if all(a <= b for a, b in zip(m, limits(budgets), strict=True))
    ]
    assert found.objective == max(own)  # not proven, but so small a space is covered
    assert found.objective == (found.nn_degree or 0.0) / (found.latency_ms or 1.0)
    multipliers = set()
    for choices, latencies in seen:
        for row, latency in zip(choices.tolist(), latencies.tolist(), strict=True):
            assert rows[SMALL.index(row)][1] == latency
            multipliers.add(row[0])
    assert multipliers == {0, 1, 2}
    none = flash.search(SMALL, both(), objective=score, max_latency_ms=1e-3)
    assert none.status == "INFEASIBLE"


def test_with_a_predictor() -> None:
    predictor = flash.AccuracyPredictor(1.03, 60.0, -3.0)
    rows, budgets = networks(SMALL), within(0.5)
    accuracies = [predictor.accuracy_of(row[0]) for row in rows]
    inside = [all(a <= b for a, b in zip(m, limits(budgets), strict=True)) for m in rows]
    best = max(a for a, own in zip(accuracies, inside, strict=True) if own)
    found = flash.search(SMALL, both(), predictor=predictor, **budgets)
    assert found.accuracy == best
    floor = sorted(accuracies)[len(rows) // 2]
    least = flash.search(
        SMALL, both(), predictor=predictor, min_accuracy=floor, objective={"latency_ms": -1}
    )
    assert least.latency_ms == min(
        m[1] for m, a in zip(rows, accuracies, strict=True) if a >= floor
    )
    above = flash.search(SMALL, both(), predictor=predictor, min_accuracy=best + 1e-9, **budgets)
    assert above.status == "INFEASIBLE"
    front = flash.pareto(SMALL, both(), predictor=predictor, min_accuracy=floor)
    assert front.exact
    assert front.accuracy.min() >= floor
    table = flash.evaluate(SMALL, both(), np.arange(SMALL.size), predictor)
    assert table["accuracy"].tolist() == accuracies
