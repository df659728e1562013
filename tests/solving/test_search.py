"""flash.search: its answer is the best of all networks, spelled out as layers and charged."""

from __future__ import annotations

import json
import math
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from twins import reference

import flash
from flash import DenseNet, MobileNetV2, Range, ResNet, SearchResult, WideResNet

HALVES = Range(0, 2, unit="width/2")
SPACES = {
    "densenet": DenseNet(
        width_multipliers=[2, 1], cells=[1, 2], depths=[3, 6], skips=Range(0, 3, unit="width/2")
    ),
    "densenet-free": DenseNet(widths=([8, 16], [24, 12]), cells=2, depths=[4, 2], skips=[30, 0, 9]),
    "densenet-imagenet": DenseNet(cells=2, resolution=[32, 224], depths=[3, 4], skips=[0, 40]),
    "resnet": ResNet(width_multipliers=[1, 2], cells=[2, 1], depths=[1, 3], skips=HALVES),
    "resnet-free": ResNet(widths=[16, 8], cells=[2, 1], depths=[1, 3], skips=[0, 8, 16]),
    "wide-resnet": WideResNet(width_multipliers=[1, 2], cells=2, depths=[2, 1], skips=HALVES),
    "wide-resnet-imagenet": WideResNet(
        width_multipliers=1, cells=[1, 3], resolution=224, depths=[1, 2], skips=[0, 64]
    ),
    "mobilenet-v2": MobileNetV2(
        width_multipliers=[0.5, 1], cells=2, depths=[1, 2], expansions=[1, 6], kernels=[3, 5]
    ),
    "mobilenet-v2-free": MobileNetV2(
        widths=[16, 24], cells=2, depths=[2], expansions=[1, 3], kernels=[3, 1], skips=[24]
    ),
}
TARGETS = ("rram", "cpu-x86")
BUDGETS = ("max_latency_ms", "max_energy_mj", "max_area_mm2", "max_params", "max_macs")
PREDICTOR = flash.AccuracyPredictor(1.03, 60.0, -3.0)
INF = math.inf


@cache
def networks(space: str, target: str) -> list[list[float]]:
    return reference.networks(SPACES[space], flash.Target.load(target))


def draw_budgets(random: Random, rows: list[list[float]], modelled: int) -> dict[str, float]:
    """Budgets at low quantiles of the costs: some mixes admit nothing."""
    budgets = {}
    for k, name in enumerate(BUDGETS, 1):
        if (k > modelled and k <= 3) or random.random() < 0.5:
            continue
        costs = sorted(row[k] for row in rows)
        value = costs[int(len(costs) * random.choice([0.0, 0.1, 0.3, 0.5, 0.8]))]
        budgets[name] = budget(name, value * random.choice([1.0, 1.0, 1.3, 0.9]))
    return budgets


def budget(name: str, value: float) -> float:
    """Counts are integers."""
    return int(value) if name in ("max_params", "max_macs") else value


def below(name: str, value: float) -> float:
    """The next lower value that the budget can have."""
    return value - 1 if name in ("max_params", "max_macs") else math.nextafter(value, 0.0)


def limits(budgets: dict[str, float]) -> tuple[float, ...]:
    return (INF, *(budgets.get(name, INF) for name in BUDGETS))


def check(
    space: str, target: str, budgets: dict[str, float], exponents: Any = None, **more: Any
) -> Any:
    """Search, and compare with the best of all networks."""
    rows = networks(space, target)
    predictor = more.get("predictor")
    links = {"score": predictor.link} if predictor else {}
    floor = more.get("min_accuracy", -INF)
    best = reference.best_network(rows, limits(budgets), floor, exponents, links)
    if exponents is not None:
        names = ("accuracy", *(name[4:] for name in BUDGETS))
        more["objective"] = {n: e for n, e in zip(names, exponents, strict=True) if e}
    result = flash.search(SPACES[space], target, **budgets, **more)
    assert result.proven
    if best is None:
        assert result.status == "INFEASIBLE"
        assert not result.success
        assert result.x is result.index is result.architecture is result.objective is None
        return result
    assert result.status == "OPTIMAL", result
    row = rows[best]
    modelled = flash.Target.load(target).metrics
    assert result.index == best, (result.objective, row)
    assert result.architecture == SPACES[space].decode(best)
    assert result.nn_degree == row[0] == sum(result.cell_degrees)
    assert result.latency_ms == row[1]
    assert result.energy_mj == (row[2] if "energy_mj" in modelled else None)
    assert result.area_mm2 == (row[3] if "area_mm2" in modelled else None)
    assert (result.params, result.macs) == (row[4], row[5])
    assert result.accuracy == (predictor.predict_degree(row[0]) if predictor else None)
    if exponents is None:
        assert result.objective == (result.accuracy if predictor else result.nn_degree)
    else:
        value = math.prod(
            (m if k or not predictor else predictor.predict_degree(m)) ** e
            for k, (m, e) in enumerate(zip(row, exponents, strict=True))
            if e
        )
        assert result.objective == pytest.approx(value, rel=1e-9)
    assert result.upper_bound == result.objective
    assert result.gap == 0.0
    assert SearchResult.from_json(result.to_json()) == result
    assert "proven" in str(result)
    return result


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("space", SPACES)
def test_answer_is_the_best_of_all_networks(space: str, target: str) -> None:
    rows = networks(space, target)
    modelled = len(flash.Target.load(target).metrics)
    check(space, target, {})
    found = 0
    for seed in range(15):
        random = Random(f"{space}{seed}")
        budgets = draw_budgets(random, rows, modelled)
        method = random.choice(["shgo", "exact"])
        found += check(space, target, budgets, method=method).success
    assert found > 4


@pytest.mark.parametrize("space", SPACES)
def test_weighted_products(space: str) -> None:
    """Any exponents, rewards for costs among them; with and without a predictor."""
    rows = networks(space, "rram")
    check(space, "rram", {}, (1.0, -1.0, -1.0, -1.0, 0.0, 0.0))
    for seed in range(8):
        random = Random(f"product{space}{seed}")
        exponents = [random.choice([1.0, 3.0, 8.0, 0.0])]
        exponents += [random.choice([-1.0, -0.5, -0.1, 0.0]) for _ in range(5)]
        if seed == 7:
            exponents = [-1.0, 0.5, -1.0, 0.0, 0.3, 0.0]
        if not any(exponents):
            exponents[1] = -1.0
        more = {"predictor": PREDICTOR} if seed % 2 else {}
        budgets = draw_budgets(random, rows, 3) if seed % 3 else {}
        check(space, "rram", budgets, tuple(exponents), **more)


@pytest.mark.parametrize("space", ["densenet", "resnet-free", "mobilenet-v2"])
def test_predictor(space: str) -> None:
    rows = networks(space, "rram")
    scores = sorted(row[0] for row in rows)
    for seed in range(8):
        random = Random(f"predictor{space}{seed}")
        budgets = draw_budgets(random, rows, 3)
        floor = PREDICTOR.predict_degree(random.choice(scores))
        check(space, "rram", budgets, predictor=PREDICTOR)
        check(space, "rram", budgets, predictor=PREDICTOR, min_accuracy=floor)
        # the least latency among networks of some accuracy
        check(
            space,
            "rram",
            budgets,
            (0.0, -1.0, 0.0, 0.0, 0.0, 0.0),
            predictor=PREDICTOR,
            min_accuracy=floor,
        )


def test_accuracy_of_the_best_is_reached_and_no_more() -> None:
    rows = networks("densenet", "rram")
    most = PREDICTOR.predict_degree(max(row[0] for row in rows))
    assert check("densenet", "rram", {}, predictor=PREDICTOR, min_accuracy=most).success
    above = math.nextafter(most, 1.0)
    result = check("densenet", "rram", {}, predictor=PREDICTOR, min_accuracy=above)
    assert result.least == {"min_accuracy": most}
    assert "min_accuracy" in result.message


def test_an_accuracy_that_every_prediction_has_refuses_none() -> None:
    """Predictions are capped below 1e-304, where the core's own accuracies go on to 0."""
    space = flash.DenseNet(widths=[1], depths=[1, 2, 3], skips=0, cells=1)
    predictor = flash.AccuracyPredictor(1.0, 1000.0, -2.0)
    floor = predictor.predict(space.decode(0))
    assert 0.0 < floor < 1e-304
    more: dict[str, Any] = {"predictor": predictor, "min_accuracy": floor}
    assert flash.search(space, "rram", **more).status == "OPTIMAL"
    assert flash.search(space, "rram", method="random", max_evals=3, **more).accuracy == floor
    assert flash.sweep(space, "rram", **more).feasible == 3
    assert flash.pareto(space, "rram", **more).status == "OPTIMAL"
    assert flash.evaluate(space, "rram", [0], predictor=predictor)["accuracy"][0] == floor
    more["min_accuracy"] = 2 * floor
    assert flash.search(space, "rram", **more).status == "INFEASIBLE"


def test_predictor_from_its_file(tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    PREDICTOR.to_json(path)
    mine = flash.search(SPACES["densenet"], "rram", predictor=PREDICTOR, max_latency_ms=0.2)
    for given in (path, str(path)):
        other = flash.search(SPACES["densenet"], "rram", predictor=given, max_latency_ms=0.2)
        assert other == mine.replace(elapsed_s=other.elapsed_s)
    assert mine.objective_name == "accuracy"


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("space", ["densenet", "resnet-free", "wide-resnet", "mobilenet-v2"])
def test_a_budget_equal_to_the_optimums_cost_admits_it(space: str, target: str) -> None:
    modelled = flash.Target.load(target).metrics
    free = check(space, target, {})
    own = {
        name: getattr(free, name[4:])
        for name in BUDGETS
        if name[4:] in (*modelled, "params", "macs")
    }
    assert check(space, target, own).index == free.index
    for name, value in own.items():
        assert check(space, target, {name: value}).success
        other = check(space, target, {name: below(name, value)})
        assert other.index != free.index
        assert other.x is None or getattr(other, name[4:]) < value


def test_a_refusal_names_the_least_that_would_do() -> None:
    """The value reported is met by a network; one float below it, by none."""
    for space, target in (
        ("densenet", "rram"),
        ("resnet-free", "rram"),
        ("mobilenet-v2", "cpu-x86"),
    ):
        rows = networks(space, target)
        modelled = len(flash.Target.load(target).metrics)
        refused = 0
        for seed in range(60):
            random = Random(f"least{space}{seed}")
            budgets = draw_budgets(random, rows, modelled)
            if not budgets:
                continue
            name = random.choice(sorted(budgets))
            budgets[name] = budget(name, budgets[name] * random.choice([1.0, 0.3, 1e-2]))
            result = check(space, target, budgets)
            if result.success:
                continue
            refused += 1
            assert set(result.least) == set(budgets)
            for name, least in result.least.items():
                k = BUDGETS.index(name) + 1
                others = {key: value for key, value in budgets.items() if key != name}
                fit = [r for r in rows if all(r[i] <= limits(others)[i] for i in range(1, 6))]
                rest = others if fit else {}
                assert least == min(r[k] for r in (fit or rows)), (name, budgets)
                assert flash.search(SPACES[space], target, **{**rest, name: least}).success
                less = below(name, least)
                assert not flash.search(SPACES[space], target, **{**rest, name: less}).success
                if budgets[name] < min(r[k] for r in rows):
                    assert name in result.message
                    assert repr(least) in result.message or str(least) in result.message
            assert "no network" in result.message
            assert SearchResult.from_json(result.to_json()) == result
            if refused > 7:
                break
        assert refused > 3


def test_a_space_of_one_network() -> None:
    space = DenseNet(width_multipliers=1, cells=1, depths=5, skips=3)
    assert space.size == 1
    cost = flash.Target.load("rram").cost(space.decode(0))
    for method in ("shgo", "exact"):
        result = flash.search(space, "rram", method=method, max_latency_ms=cost.latency_ms)
        assert (result.status, result.index) == ("OPTIMAL", 0)
        tight = math.nextafter(cost.latency_ms, 0.0)
        result = flash.search(space, "rram", method=method, max_latency_ms=tight)
        assert result.status == "INFEASIBLE"
        assert result.least == {"max_latency_ms": cost.latency_ms}


def test_a_space_beyond_64_bits() -> None:
    space = DenseNet(cells=12, widths=[16], depths=Range(2, 9), skips=Range(0, 15, unit="width/4"))
    assert space.size == 128**12 > 2**64
    cost = flash.Target.load("rram").cost(space.decode(space.size // 2))
    budgets = {"max_latency_ms": cost.latency_ms, "max_energy_mj": cost.energy_mj}
    results = [
        flash.search(space, "rram", method=method, **budgets) for method in ("shgo", "exact")
    ]
    for result in results:
        assert result.status == "OPTIMAL"
        assert space.decode(result.index) == result.architecture
        assert result.latency_ms <= cost.latency_ms
        assert result.energy_mj <= cost.energy_mj
        assert result.nn_degree >= flash.nn_degree(space.decode(space.size // 2))
    assert results[0].x == results[1].x
    # Without budgets every cell takes its own best: all skips that there are.
    free = flash.search(space, "rram")
    each = flash.search(DenseNet(cells=1, widths=[16], depths=Range(2, 9), skips=60), "cpu-x86")
    assert free.nn_degree == 12 * each.nn_degree


def test_the_default_space_under_three_budgets() -> None:
    budgets = {"max_latency_ms": 4.0, "max_energy_mj": 0.04, "max_area_mm2": 70.0}
    result = flash.search("densenet", "rram", **budgets)
    assert result.status == "OPTIMAL"
    exact = flash.search("densenet", "rram", method="exact", **budgets)
    assert exact.x == result.x
    space = DenseNet()
    got = flash.evaluate(space, "rram", space.sample_indices(100_000, 3))
    fits = np.logical_and.reduce([got[name[4:]] <= value for name, value in budgets.items()])
    assert fits.sum() > 1000
    assert result.nn_degree >= got["nn_degree"][fits].max()
    cost = flash.Target.load("rram").cost(result.architecture)
    assert (cost.latency_ms, cost.energy_mj, cost.area_mm2) == (
        result.latency_ms,
        result.energy_mj,
        result.area_mm2,
    )


def test_uncertified() -> None:
    """SHGO alone: an answer within the budgets, and a bound above all networks."""
    for seed in range(20):
        budgets = draw_budgets(Random(f"uncertified{seed}"), networks("densenet", "rram"), 3)
        proven = flash.search(SPACES["densenet"], "rram", **budgets)
        plain = flash.search(SPACES["densenet"], "rram", certify=False, **budgets)
        assert SearchResult.from_json(plain.to_json()) == plain
        if plain.success:
            assert plain.status == "FEASIBLE" or plain.proven
            assert plain.objective <= proven.objective <= plain.upper_bound
            assert plain.gap >= 0.0
            assert plain.nn_degree == flash.nn_degree(plain.architecture)
        elif plain.proven:  # the bounds alone may show that nothing fits
            assert not proven.success
        else:
            assert plain.upper_bound is None or plain.upper_bound >= (proven.objective or 0.0)


def test_several_targets() -> None:
    results = flash.search("densenet", ["rram", flash.Target.load("cpu-x86")], max_latency_ms=2.0)
    assert [result.target for result in results] == ["rram", "cpu-x86"]
    for result in results:
        one = flash.search("densenet", result.target, max_latency_ms=2.0)
        assert one == result.replace(elapsed_s=one.elapsed_s)


def test_flags_say_what_is_outside_the_calibration() -> None:
    assert any("calibrat" in flag for flag in flash.search("mobilenet-v2", "rram").flags)
    tiny = DenseNet(width_multipliers=1, cells=1, depths=1, skips=0)
    assert any("outside" in flag for flag in flash.search(tiny, "rram").flags)


def test_spaces_and_targets_from_files(tmp_path: Path) -> None:
    SPACES["densenet"].save(tmp_path / "space.toml")
    expected = flash.search(SPACES["densenet"], "rram", max_area_mm2=30.0)
    for given in (tmp_path / "space.toml", str(tmp_path / "space.toml")):
        got = flash.search(given, "rram", max_area_mm2=30.0)
        assert got == expected.replace(elapsed_s=got.elapsed_s)


def test_numbers_of_numpy_are_numbers() -> None:
    expected = flash.search("densenet", "rram", max_latency_ms=2.0, max_params=1_000_000)
    got = flash.search(
        "densenet", "rram", max_latency_ms=np.float64(2.0), max_params=np.int64(1_000_000)
    )
    assert got == expected.replace(elapsed_s=got.elapsed_s)


def test_a_result_is_plain_json() -> None:
    result = flash.search("densenet", "rram", max_latency_ms=2.0)
    data = json.loads(result.to_json())
    assert data["status"] == "OPTIMAL"
    assert data["budgets"] == {"max_latency_ms": 2.0}
