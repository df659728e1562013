"""Networks whose accuracies are made up by a known predictor."""

from __future__ import annotations

import warnings
from random import Random
from typing import Any

import flash
from flash import AccuracyPredictor
from flash.errors import NotCalibratedWarning
from flash.predictors.cell_terms import terms_of
from flash.predictors.score import TopologyScore, logistic

NETS = flash.SearchSpace("densenet").sample(60, seed=3)
TRUTH = TopologyScore(-9.0, [0.8, -0.6, 0.05, 0.2, 0.0], [0.3, 0.2])
CURVE = (1.06, 60.0, -2.5)


def truth(nets: Any, noise: float = 0.0, seed: int = 0) -> list[float]:
    random = Random(seed)
    return [logistic(TRUTH.score(terms_of(net)) + noise * random.gauss(0, 1)) for net in nets]


def curve(nets: Any) -> list[float]:
    return [AccuracyPredictor(*CURVE).predict(net) for net in nets]


def quiet(function: Any, *args: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotCalibratedWarning)
        return function(*args)
