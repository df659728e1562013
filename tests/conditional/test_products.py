"""Weighted products under conditions equal complete enumeration."""

from __future__ import annotations

import math
import random
from typing import Any

import numpy as np
import pytest

import flash
from conditional.test_search_within import SPACES, columns, columns_of, mask_of, random_where
from flash.errors import ArgumentError

COSTS = ("latency_ms", "energy_mj", "area_mm2")


def logarithms(product: dict[str, float], table: dict[str, Any], score: str = "nn_degree") -> Any:
    """The logarithm of every network's product."""
    return sum(
        power * np.log(table[score if name == "accuracy" else name])
        for name, power in product.items()
    )


def random_product(draw: random.Random, names: list[str]) -> dict[str, float]:
    found = {"accuracy": draw.choice([1.0, 0.5, 2.0])}
    for name in draw.sample(names, draw.randint(1, len(names))):
        found[name] = draw.choice([-1.0, -0.5, -0.2, -2.0, 0.3])
    return found


def near(result: flash.SearchResult, best: float) -> bool:
    assert result.objective is not None
    return abs(math.log(result.objective) - best) <= 1e-11 * (1.0 + abs(best))


@pytest.mark.parametrize("kind", SPACES)
@pytest.mark.parametrize("target", ["raspberry-pi-4", "rram"])
def test_one_device(kind: str, target: str) -> None:
    found = 0
    for seed in range(4):
        draw = random.Random(7 * seed + len(kind))
        space = SPACES[kind](draw)
        table = columns_of(space, (("", target),))
        product = random_product(draw, [*(c for c in COSTS if c in table), "macs"])
        where = random_where(draw, table, space)
        mask = np.ones(space.size, bool)
        for one in where:
            mask &= mask_of(one, table)
        result = flash.search(space, target, where=where, objective=product)
        said = (kind, seed, where, product)
        if not mask.any():
            assert result.status == "INFEASIBLE", said
            continue
        values = logarithms(product, table)
        assert result.status == "OPTIMAL", said
        assert mask[result.index], said
        assert near(result, values[mask].max()), said
        assert result.gap == 0.0
        found += 1
    assert found


@pytest.mark.parametrize("kind", ["topology", "nn-degree"])
@pytest.mark.parametrize("power", [3.0, -1.0])
def test_predicted_accuracies(kind: str, power: float) -> None:
    space = flash.DenseNet(depths=flash.Range(3, 5), skips=[0, 16, 40], cells=3, resolution=16)
    nets = [space.decode(i) for i in range(0, space.size, 97)]
    rng = np.random.default_rng(0)
    accuracies = [0.6 + 0.3 * (1 - 1e6 / (1e6 + net.macs)) + rng.normal(0, 0.002) for net in nets]
    predictor = flash.AccuracyPredictor.fit(nets, accuracies, kind=kind)
    for target in ("cpu-x86", "rram"):
        table = columns(space, {"": target}, predictor)
        product = {"accuracy": power, "latency_ms": -0.1, "nn_degree": 0.05}
        values = logarithms(product, table, "accuracy")
        least = float(np.quantile(table["latency_ms"], 0.4))
        where = [f"latency_ms >= {least!r}", "depth_0 != depth_2"]
        mask = mask_of(where[0], table) & mask_of(where[1], table)
        result = flash.search(space, target, predictor=predictor, objective=product, where=where)
        assert result.status == "OPTIMAL"
        assert mask[result.index]
        assert near(result, values[mask].max())
        assert result.objective_name.startswith("accuracy^")


def test_the_k_best_products_and_what_decides_between_equals() -> None:
    space = flash.DenseNet(depths=[3, 4], skips=[0, 16, 40, 100], cells=2, resolution=16)
    table = columns(space, {"": "cpu-x86"})
    product = {"accuracy": 1, "latency_ms": -0.5}
    result = flash.search(space, "cpu-x86", objective=product, k=12)
    every = [result, *result.alternatives]
    values: list[float] = []
    seen: list[Any] = []
    order = np.argsort(-logarithms(product, table), kind="stable").tolist()
    for i in order:
        net = space.decode(i)
        if net not in seen:
            seen.append(net)
            values.append(float(logarithms(product, table)[i]))
    assert len(every) == 12
    for one, value in zip(every, values, strict=False):
        assert near(one, value)
    # a product after a sum, and a sum after a product
    first = flash.search(space, "cpu-x86", objective=["nn_degree", {"latency_ms": -1}])
    tied = table["nn_degree"] == table["nn_degree"].max()
    assert first.latency_ms == table["latency_ms"][tied].min()
    then = flash.search(space, "cpu-x86", objective=[product, {"sum": {"params": -1}}])
    assert near(then, values[0])
    assert then.objective_name == "nn_degree * latency_ms^-0.5, then -params"


def test_several_devices() -> None:
    space = flash.ResNet(depths=flash.Range(1, 4), skips=[0, 16, 32], cells=3)
    devices = {"pi": "raspberry-pi-4", "chip": "rram"}
    table = columns_of(space, tuple(devices.items()))
    product = {"accuracy": 2, "latency_ms@pi": -0.5, "energy_mj@chip": -0.5}
    values = logarithms(product, table)
    result = flash.search(
        space, flash.together(**devices), objective=product, where="latency_ms@pi >= 30"
    )
    mask = table["latency_ms@pi"] >= 30
    assert mask[result.index]
    assert near(result, values[mask].max())


def test_it_is_plain_search_s_and_what_is_refused() -> None:
    space = flash.ResNet(depths=flash.Range(1, 4), skips=[0, 16, 32], cells=3)
    for product in ({"accuracy": 1e-5, "latency_ms": -1e-5}, {"accuracy": 1, "latency_ms": 2}):
        plain = flash.search(space, "rram", objective=product)
        within = flash.search(space, "rram", objective=product, where="macs >= 1")
        assert within.objective == pytest.approx(plain.objective, rel=1e-11)
        assert within.objective_name == plain.objective_name
        rewarded = [one for one in within.flags if "rewards a larger" in one]
        assert rewarded == [one for one in plain.flags if "rewards a larger" in one]
    for bad, message in [
        ({"latency": 1}, "latency_ms"),
        ({"accuracy": 0}, "not zero"),
        ({"accuracy": math.inf}, "objective"),
        ({"energy_mj": -1}, "energy_mj"),
    ]:
        with pytest.raises(ArgumentError, match=message):
            flash.search(space, "cpu-x86", objective=bad, where="macs >= 1")
