"""Searches with a topology predictor, and products in which a cost may be 0."""

from __future__ import annotations

import math
from array import array
from random import Random
from typing import Any

import numpy as np
import pytest
from twins.problems import space
from twins.reference import COLUMNS, LATENCY, LATENCY_IN, LATENCY_OUT, SCALE, SCORE

import flash
from flash._core.search.exact import Query, Search
from flash._core.tables.tables import Tables
from flash.networks.architecture import FAMILIES
from flash.predictors.predictor import AccuracyPredictor
from flash.predictors.score import TopologyScore

INF = math.inf


def predictor(random: Random) -> AccuracyPredictor:
    cell = (random.uniform(0, 2), random.uniform(-1, 1), random.uniform(-0.05, 0.1))
    totals = (random.uniform(-0.2, 0.3), random.uniform(-0.2, 0.2))
    more = (random.uniform(-0.3, 0.3), 0.0)
    strides = random.uniform(-0.5, 0.5)
    return AccuracyPredictor(topology=TopologyScore(-1.0, (*cell, *more), totals, strides))


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("seed", range(3))
def test_equals_the_best_of_all_predictions(family: str, seed: int) -> None:
    random = Random(f"{family}{seed}")
    small, model = space(random, family, 3000), predictor(random)
    every = flash.evaluate(small, "cpu-x86", range(small.size), predictor=model)
    some = small.sample(min(10, small.size), seed)
    rows = [small.encode(net) for net in some]
    told = flash.evaluate(small, "cpu-x86", rows, predictor=model)
    assert told["accuracy"].tolist() == model.predict(some).tolist()
    assert told["nn_degree"].tolist() == [flash.nn_degree(net) for net in some]
    limit = float(np.median(every["latency_ms"]))
    result = flash.search(small, "cpu-x86", max_latency_ms=limit, predictor=model)
    assert result.proven
    assert result.accuracy == every["accuracy"][every["latency_ms"] <= limit].max()
    assert result.architecture is not None
    assert result.nn_degree == flash.nn_degree(result.architecture)


@pytest.mark.parametrize("family", FAMILIES)
def test_strides_count_as_in_each_network(family: str) -> None:
    more: dict[str, Any] = {"expansions": 2, "kernels": 3} if family == "mobilenet-v2" else {}
    small = flash.SearchSpace(
        family, width_multipliers=[1], cells=[1, 2, 3], depths=[2, 3], skips=[0, 8],
        resolution=[32, 96], **more,
    )  # fmt: skip
    score = TopologyScore(-1.0, (0.7, -0.3, 0.05, 0.1, 0.0), (0.05, -0.02), -0.37)
    model = AccuracyPredictor(topology=score)
    told = flash.evaluate(small, "cpu-x86", range(small.size), predictor=model)
    nets = [small.decode(number) for number in range(small.size)]
    assert told["accuracy"].tolist() == model.predict(nets).tolist()
    assert model.predict([net.network() for net in nets]) == pytest.approx(told["accuracy"])


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("seed", range(3))
def test_every_budget_at_once(family: str, seed: int) -> None:
    """As many constraints as there can be, on a target with classes."""
    random = Random(f"{seed}{family}")
    small, model = space(random, family, 3000), predictor(random)
    every = flash.evaluate(small, "rram", range(small.size), predictor=model)
    costs = ("latency_ms", "energy_mj", "area_mm2", "params", "macs")
    limits: dict[str, Any] = {
        f"max_{name}": np.quantile(every[name], random.uniform(0.6, 0.9)).item() for name in costs
    }
    within = np.logical_and.reduce([every[key[4:]] <= limit for key, limit in limits.items()])
    best = every["accuracy"][within].max()
    result = flash.search(
        small,
        "rram",
        predictor=model,
        min_accuracy=float(best),
        **limits,
    )
    assert result.proven
    assert result.accuracy == best


def test_a_large_space_under_budgets_that_bind_together() -> None:
    score = TopologyScore(-1.0, (1.0, -0.5, 0.05, -0.2, 0.0), (0.2, -0.1))
    limits: dict[str, Any] = {"max_latency_ms": 5.62, "max_energy_mj": 0.26, "max_area_mm2": 862.0}
    result = flash.search(
        "mobilenet-v2", "rram", predictor=AccuracyPredictor(topology=score), **limits
    )
    assert result.proven
    assert result.accuracy is not None
    assert result.accuracy > 0.5


def test_a_cost_of_nothing_in_some_rows_leaves_the_product_proven() -> None:
    for seed in range(20):
        random = Random(seed)
        n = 16
        score = [float(random.randint(1, 20)) for _ in range(n)]
        fixed = [float(random.randint(0, 2)) for _ in range(n)]
        other = [float(random.randint(0 if f else 1, 2)) for f in fixed]
        some = [float(random.randint(0, 1)) for _ in range(n)]
        columns = {SCORE: score, LATENCY: fixed, LATENCY_IN: other, LATENCY_OUT: some}
        columns[SCALE] = [1.0] * n
        tables = Tables.from_arrays(
            [([0.0] * len(COLUMNS), [(1, {k: array("d", x) for k, x in columns.items()}, {})])],
            {"quantum": (1.0,) * 6, "modelled": 63, "classes": ((INF, 1.0, 2.0, *[0.0] * 4),)},
        )
        search = Search(tables, Query((INF,) * 6, -INF, (1.0, -1.0, 0.0, 0.0, 0.0, 0.0)))
        search.prove()
        best = max(
            math.log(s) - math.log(f + i + 2 * o)
            for s, f, i, o in zip(score, fixed, other, some, strict=True)
        )
        assert search.best is not None
        assert search.best[2] == pytest.approx(best, rel=1e-12)


def test_many_cells_end() -> None:
    """The star of a vertex has 2^n corners: 24 cells must not walk them."""
    deep = flash.ResNet(cells=24, widths=[8], depths=[1, 2], skips=[0, 8])
    assert flash.search(deep, "cpu-x86", max_latency_ms=5.0, max_evals=20_000).architecture


@pytest.mark.parametrize("target", ["rram", "cpu-x86"])
def test_the_default_predictor_needs_few_evaluations(target: str) -> None:
    """Logarithms of MACs and parameters of opposite signs, classes, and networks that many choices
    make: where bounds were loose, 5e7 evaluations did not do."""
    space = flash.DenseNet()
    costs = flash.evaluate(space, target, space.sample_indices(500, seed=1))
    names = [name for name in ("latency_ms", "energy_mj", "area_mm2") if name in costs]
    for quantile in (0.05, 0.3, 0.5, 0.7):
        for some in (names, names[:1]):
            budgets = {f"max_{name}": float(np.quantile(costs[name], quantile)) for name in some}
            result = flash.search(space, target, predictor="default", max_evals=50_000, **budgets)
            assert result.proven, (budgets, result)
