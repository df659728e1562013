"""Budgets that hold for the upper ends of intervals: judged by complete enumeration."""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np
import pytest
from twins.problems import space as random_space

import flash
from flash.base.names import COSTS
from flash.errors import ArgumentError
from flash.hardware._cuts import End, cut_at
from flash.hardware._parts import features_of
from flash.hardware._prediction import lacking_features
from flash.networks.operations import charged

CASES = [
    ("resnet", "raspberry-pi-4"),
    ("densenet", "cpu-x86"),
    ("wide-resnet", "gtx-1080ti"),
    ("mobilenet-v2", "cpu-x86-torch"),
    ("densenet", "rram"),
]


@pytest.mark.parametrize(("family", "name"), CASES)
@pytest.mark.parametrize("level", [0.6, 0.9])
def test_equals_complete_enumeration(family: str, name: str, level: float) -> None:
    target = flash.Target.load(name)
    random = Random(f"{family}{name}{level}")
    space = random_space(random, family, 60)
    nets = [space.decode(i) for i in range(space.size)]
    degrees = np.array([flash.nn_degree(net) for net in nets])
    ends = [target.interval(net, level) for net in nets]
    metrics = [m for m in ("latency_ms", "energy_mj", "area_mm2") if m in ends[0]]
    proven = 0
    for _ in range(6):
        some = random.sample(metrics, random.randint(1, len(metrics)))
        uppers = {m: np.array([one[m][1] for one in ends]) for m in some}
        budgets: Any = {f"max_{m}": float(random.choice(uppers[m].tolist())) for m in some}
        inside = np.all([uppers[m] <= budgets[f"max_{m}"] for m in some], axis=0)
        result = flash.search(space, target, confidence=level, **budgets)
        proven += result.proven
        if not inside.any():
            assert result.x is None
            continue
        best = degrees[inside].max()
        if result.proven:
            assert result.objective == pytest.approx(best, rel=1e-12)
        if result.x is not None:
            assert result.objective is not None
            assert result.upper_bound is not None
            assert result.objective <= best * (1 + 1e-12) <= result.upper_bound * (1 + 2e-12)
            own = target.interval(result.architecture, level)  # type: ignore[arg-type]
            assert all(own[m][1] <= budgets[f"max_{m}"] for m in some)
        assert flash.SearchResult.from_json(result.to_json()) == result
    assert proven >= (4 if name != "rram" else 1)  # there classes without a run are no cost


@pytest.mark.parametrize(("family", "name"), CASES)
def test_a_cut_keeps_all_that_meet_the_budget(family: str, name: str) -> None:
    target = flash.Target.load(name)
    nets = random_space(Random(f"cut{name}"), family, 400).sample(12, seed=1)
    place = target.set_for(family)
    for metric in target.interval(nets[0]):
        costs = [{m: getattr(target.cost(net), m) or 0.0 for m in COSTS} for net in nets]
        upper = [target.interval(net, 0.9)[metric][1] for net in nets]
        for budget in sorted(upper)[::3]:
            end = End(target, family, metric, 0.9, budget)
            cuts = [end.flat()]
            cuts += [
                cut_at(end, charged(net.network()), own)
                for net, own in zip(nets, costs, strict=True)
            ]
            for cut in cuts:
                table = {**target.coefficients[place], **cut.coefficients}
                bent = target.replace(coefficients={**target.coefficients, place: table})
                for net, high in zip(nets, upper, strict=True):
                    if high <= budget:
                        assert getattr(bent.cost(net), metric) <= cut.limit * (1 + 1e-9)


def test_it_costs_what_the_note_says() -> None:
    sure = flash.search("resnet", "raspberry-pi-4", max_latency_ms=20.0, confidence=0.9)
    plain = flash.search("resnet", "raspberry-pi-4", max_latency_ms=20.0)
    assert sure.status == "OPTIMAL"
    assert sure.confidence == 0.9
    assert sure.objective is not None
    assert plain.objective is not None
    assert sure.objective < plain.objective
    assert sure.intervals is not None
    assert sure.intervals["latency_ms"][1] <= 20.0
    assert not any("lies within" in flag for flag in sure.flags)
    assert any(f"without it {plain.objective:.6g}" in flag for flag in sure.flags)
    assert "with 90 % intervals that end within the budgets" in str(sure)
    assert any("max_latency_ms 20 lies within the 90 % interval" in f for f in plain.flags)


def test_nothing_fits_with_confidence() -> None:
    least = flash.search("resnet", "raspberry-pi-4", objective={"latency_ms": -1}).latency_ms
    assert least is not None
    result = flash.search("resnet", "raspberry-pi-4", max_latency_ms=1.01 * least, confidence=0.9)
    assert (result.status, result.proven) == ("INFEASIBLE", True)
    assert "confidence 0.9" in result.message


def test_a_fleet_takes_it() -> None:
    both = flash.search(
        "resnet", ["raspberry-pi-4", "cpu-x86"], max_latency_ms=20.0, confidence=0.9
    )
    alone = flash.search("resnet", "raspberry-pi-4", max_latency_ms=20.0, confidence=0.9)
    assert both[0].x == alone.x


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"confidence": 90}, "confidence must be a finite number from 0.5 to 0.99"),
        ({"confidence": 0.9}, "confidence needs a budget on a cost with intervals"),
        (
            {"confidence": 0.9, "max_latency_ms": 9.0, "method": "random"},
            "confidence is for methods",
        ),
        (
            {"confidence": 0.9, "max_latency_ms": 9.0, "certify": False},
            "certify=False",
        ),
        (
            {"confidence": 0.9, "max_latency_ms": 9.0, "progress": True},
            "confidence goes with neither",
        ),
    ],
)
def test_what_is_refused(given: dict[str, Any], text: str) -> None:
    with pytest.raises(ArgumentError, match=text):
        flash.search("resnet", "raspberry-pi-4", **given)


def test_evaluations_are_those_of_all_rounds() -> None:
    result = flash.search(
        "densenet", "cpu-x86", max_latency_ms=20.0, confidence=0.9, max_evals=1500
    )
    assert result.stopped == "max_evals"
    assert not result.proven
    free = flash.search("densenet", "cpu-x86", max_latency_ms=20.0, confidence=0.9)
    assert free.proven
    assert result.nfev < free.nfev


def test_networks_with_features_that_no_run_had_are_a_part_of_their_own() -> None:
    """The widening of their intervals is another, so that one bound for all would stay open."""
    target = flash.Target.load("raspberry-pi-4")
    space = flash.ResNet(cells=3, depths=[1, 4, 17], skips=[0, 16], width_multipliers=[1, 2, 3])
    nets = [space.decode(i) for i in range(space.size)]
    degrees = np.array([flash.nn_degree(net) for net in nets])
    upper = np.array([target.interval(net)["latency_ms"][1] for net in nets])
    ranges = target.calibrated_ranges[target.set_for("resnet")]
    features = [features_of(target.kind, charged(net.network()), target.array) for net in nets]
    unseen = np.array([bool(lacking_features(target, ranges, one)) for one in features])
    assert 0 < unseen.sum() < len(nets)
    answers = set()
    for budget in np.quantile(upper, np.linspace(0.02, 0.98, 20)).tolist():
        result = flash.search(space, target, max_latency_ms=budget, confidence=0.9)
        assert result.status == "OPTIMAL"
        assert result.objective == pytest.approx(degrees[upper <= budget].max(), rel=1e-12)
        assert result.index is not None
        answers.add(bool(unseen[result.index]))
    assert answers == {False, True}


def test_remedies_and_binding_equal_complete_enumeration() -> None:
    target = flash.Target.load("cpu-x86")
    space = flash.DenseNet(cells=2, depths=[2, 3, 4], skips=[0, 16], width_multipliers=[0.5, 1])
    nets = [space.decode(i) for i in range(space.size)]
    degrees = np.array([flash.nn_degree(net) for net in nets])
    upper = np.array([target.interval(net)["latency_ms"][1] for net in nets])
    params = np.array([net.params for net in nets])
    few: Any = {"max_params": int(np.quantile(params, 0.3))}
    low = float(upper[params <= few["max_params"]].min())
    refused = flash.search(space, target, max_latency_ms=0.9 * low, confidence=0.9, **few)
    assert refused.status == "INFEASIBLE"
    assert refused.least == {
        "max_latency_ms": pytest.approx(upper.min(), rel=2e-5),
        "max_params": params.min(),
    }
    remedies = {tuple(one): one for one in refused.remedies}
    assert remedies["max_latency_ms",]["max_latency_ms"] == pytest.approx(low, rel=2e-5)
    for remedy in refused.remedies:
        budgets: Any = {"max_latency_ms": 0.9 * low, **few, **remedy}
        assert flash.search(space, target, confidence=0.9, **budgets).success
    limit = float(np.quantile(upper, 0.5))
    result = flash.search(space, target, max_latency_ms=limit, confidence=0.9)
    assert result.binding is not None
    told = result.binding["max_latency_ms"]
    assert told["unlimited"] == pytest.approx(degrees.max(), rel=1e-12)
    more = degrees[upper <= 1.01 * limit].max()
    assert told["one_percent"] == pytest.approx(more, rel=1e-12)


@pytest.mark.parametrize("share", [0.35, 0.5])
def test_where_relaxations_come_to_no_end_the_solver_of_conditions_proves(share: float) -> None:
    free = flash.search("resnet", "rram").latency_ms
    assert free is not None
    budget = share * free
    result = flash.search("resnet", "rram", max_latency_ms=budget, confidence=0.9)
    same = flash.search(
        "resnet", "rram", max_latency_ms=budget, confidence=0.9, where="depth_0 >= 0"
    )
    assert (result.proven, same.proven) == (True, True)
    assert result.objective == same.objective
    assert result.intervals is not None
    assert result.intervals["latency_ms"][1] <= budget
    few = flash.search("resnet", "rram", max_latency_ms=budget, confidence=0.9, max_evals=3000)
    assert few.nfev <= 3000
