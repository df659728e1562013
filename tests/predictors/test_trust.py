"""What an answer by a predictor says of its own worth."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

import flash
from flash import AccuracyPredictor, SearchResult
from flash.predictors.trust import trust

SMALL = flash.DenseNet(widths=[6, 8, 10, 12], depths=[3, 5, 7], skips=[0, 8], resolution=16)
NETS = SMALL.sample(25, seed=0)
GROWN = [0.3 + 0.08 * math.log10(net.macs / 1e5) for net in NETS]
RRAM = flash.Target.load("rram")


def told(result: SearchResult[Any], words: str) -> list[str]:
    return [flag for flag in result.flags if words in flag]


def test_an_answer_outside_says_so() -> None:
    predictor = AccuracyPredictor.fit(NETS, GROWN)
    result = flash.search("densenet", "rram", max_latency_ms=3.0, predictor=predictor)
    (outside,) = told(result, "extrapolated")
    assert "images of 32 x 32, fitted on 16" in outside
    assert f"note: {outside}" in str(result)
    assert outside in json.loads(result.to_json())["flags"]
    low, high = predictor.interval(result.architecture)
    (interval,) = told(result, "is predicted")
    assert f"{100 * low:.1f} to {100 * high:.1f} % (90 %), from 25 trained networks" in interval
    found = trust(predictor, result.space, result.x or (), result.budgets, RRAM)
    assert found.accuracy == result.accuracy
    assert found.accuracy_interval == pytest.approx((low, high), rel=1e-9)
    assert found.extrapolates is True
    assert result.scored_by == "predictor (topology)"
    assert found.to_dict()["rank"] == found.rank
    json.dumps(found.to_dict(), allow_nan=False)


def test_a_predictor_no_better_than_chance_says_so() -> None:
    shuffled = np.random.default_rng(3).uniform(0.4, 0.6, 25).tolist()
    predictor = AccuracyPredictor.fit(NETS, shuffled)
    result = flash.search(SMALL, "rram", predictor=predictor)
    assert told(result, "NOT better than chance")
    assert trust(predictor, SMALL, result.x or (), {}, RRAM).earns_its_keep is False


def test_names_the_best_trained_network_within_the_budgets() -> None:
    shuffled = np.random.default_rng(3).uniform(0.4, 0.6, 25).tolist()
    predictor = AccuracyPredictor.fit(NETS, shuffled)
    limit = float(np.median([RRAM.cost(net).latency_ms for net in NETS]))
    fitting = [
        (y, net)
        for y, net in zip(shuffled, NETS, strict=True)
        if RRAM.cost(net).latency_ms <= limit and net.params <= 15_000
    ]
    accuracy, best = max(fitting, key=lambda one: one[0])
    result = flash.search(
        SMALL, "rram", predictor=predictor, max_latency_ms=limit, max_params=15_000
    )
    found = trust(predictor, SMALL, result.x or (), result.budgets, RRAM).best_trained
    assert found is not None
    assert (found.accuracy, found.network) == (accuracy, best)
    assert found.index == SMALL.index(SMALL.encode(best))
    (flag,) = told(result, "the best within the budgets")
    assert f"measured at {100 * accuracy:.2f} %" in flag
    assert (", more than is predicted here" in flag) == (accuracy > (result.accuracy or 0.0))
    assert f"index {found.index}" in flag
    none = trust(predictor, SMALL, result.x or (), {"max_params": 10}, RRAM)
    assert none.best_trained is None
    least = trust(predictor, SMALL, result.x or (), {"min_accuracy": 0.99}, RRAM)
    assert least.best_trained is None


def test_a_good_fit_inside_says_only_what_it_is_worth() -> None:
    random = np.random.default_rng(0)
    terms = [net.params**0.25 + 3 * sum(cell.depth for cell in net.cells) for net in NETS]
    y = [0.3 + 0.004 * t + random.normal(0, 0.001) for t in terms]
    predictor = AccuracyPredictor.fit(NETS, y)
    inside = trust(predictor, SMALL, NETS[0], {}, RRAM)
    assert inside.extrapolates is False
    assert [flag.split(" ", 2)[0] for flag in inside.flags if "NOT" not in flag] == [
        "accuracy",
        "of",
    ]


def test_a_predictor_made_by_hand_has_nothing_to_say() -> None:
    made = AccuracyPredictor(1.06, 60.0, -2.5)
    result = flash.search(SMALL, "rram", predictor=made)
    assert not told(result, "predict")
    assert trust(made, SMALL, NETS[0], {}, RRAM).to_dict() == {
        "accuracy_interval": None,
        "rank": None,
        "earns_its_keep": None,
        "extrapolates": False,
        "only_ranks": None,
        "best_trained": None,
    }


def test_the_default_only_ranks() -> None:
    result = flash.search("densenet", "rram", max_latency_ms=3.0, predictor="default")
    line = str(result).splitlines()[1]
    assert line.startswith("accuracy 54.6")
    assert "% by a predictor (topology) that only ranks, NN-Degree" in line
    (flag,) = told(result, "only ranks networks")
    assert "10 x 10 pixels" in flag
    again = SearchResult.from_json(result.to_json())
    assert str(again) == str(result)


@pytest.mark.parametrize("how", ["exact", "random", "codesign", "sweep"])
def test_every_way_to_an_answer_carries_it(how: str) -> None:
    predictor = AccuracyPredictor.fit(NETS, GROWN)
    more: dict[str, Any] = {"predictor": predictor}
    if how == "sweep":
        result = flash.sweep(SMALL, "rram", sample=50, top=1, **more).top[0]
    elif how == "codesign":
        result = flash.search(SMALL, "systolic-128", codesign=True, time_limit_s=20, **more)
    else:
        evals = {"max_evals": 40} if how == "random" else {}
        result = flash.search(SMALL, "rram", method=how, **more, **evals)
    assert told(result, "is predicted")
    assert told(result, "that the predictor was fitted on, the best")


def test_numbers_of_a_function_are_a_score() -> None:
    def macs(nets: list[Any]) -> list[float]:
        return [net.macs / 1e10 for net in nets]

    result = flash.search("resnet", "rram", method="random", evaluator=macs, max_evals=20)
    line = str(result).splitlines()[1]
    assert line == f"score {result.accuracy:.6g} (function macs), NN-Degree {result.nn_degree:.6g}"
    assert "accuracy" not in str(result)
    assert str(SearchResult.from_json(result.to_json())) == str(result)
