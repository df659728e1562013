"""Accuracies that end where their exponent does: proofs and sweeps by complete enumeration."""

from __future__ import annotations

from random import Random
from typing import Any

import numpy as np
import pytest

import flash

SPACE = flash.DenseNet(cells=2, width_multipliers=[0.0625, 0.25], depths=[1, 2, 3], skips=[0, 8])
TABLE = flash.evaluate(SPACE, "rram", np.arange(SPACE.size))


def predictor_of(random: Random) -> tuple[flash.AccuracyPredictor, Any]:
    """Return a predictor whose exponent ends among the networks of the space."""
    degrees = TABLE["nn_degree"]
    middle = float(np.quantile(degrees, random.random()))
    b = random.uniform(600, 800) * middle * random.choice([1.0, 1.0, 3.0, 0.3])
    made = flash.AccuracyPredictor(random.choice([1.0, 2.0]), b, random.uniform(-3, 3))
    return made, np.array([made.predict_degree(float(one)) for one in degrees])


@pytest.mark.parametrize("seed", range(40))
def test_a_search_equals_complete_enumeration(seed: int) -> None:
    random = Random(seed)
    predictor, accuracy = predictor_of(random)
    latency = TABLE["latency_ms"]
    limit = float(np.quantile(latency, random.uniform(0.2, 1.0)))
    inside = latency <= limit
    given: dict[str, Any] = {"max_latency_ms": limit}
    if random.random() < 0.5:
        given["min_accuracy"] = float(random.choice(accuracy.tolist()))
        inside &= accuracy >= given["min_accuracy"]
    scores = accuracy
    if seed % 2:
        powers = {"accuracy": random.choice([1, -1, 2]), "latency_ms": random.choice([-1, -50])}
        given["objective"] = powers
        scores = powers["accuracy"] * np.log(accuracy) + powers["latency_ms"] * np.log(latency)
    result = flash.search(SPACE, "rram", predictor=predictor, **given)
    if not inside.any():
        assert result.status == "INFEASIBLE"
        return
    assert result.status == "OPTIMAL"
    assert result.index is not None
    assert inside[result.index]
    best = float(scores[inside].max())
    assert float(scores[result.index]) == pytest.approx(best, rel=1e-9)
    swept = flash.sweep(SPACE, "rram", predictor=predictor, **given)
    assert swept.feasible == inside.sum()
    assert swept.best is not None
    assert swept.best.x == result.x


def test_the_least_accuracy_is_one() -> None:
    predictor = flash.AccuracyPredictor(1.0, 1000.0, -2.0)
    space = flash.DenseNet(widths=[1], depths=[1, 2, 3], skips=0, cells=1)
    least = predictor.predict(space.decode(0))
    assert 0.0 < least < 1e-303
    found = flash.search(space, "rram", predictor=predictor, min_accuracy=least)
    assert (found.status, found.accuracy) == ("OPTIMAL", max(predictor.predict(space.sample(3))))
