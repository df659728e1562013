"""A target to be found again by calibrating, and the networks for it."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from flash import SearchSpace, Target

CPU = Target.load("cpu-x86")
SPACES = ("densenet", "resnet", "wide-resnet", "mobilenet-v2")
MIXED = [arch for name in SPACES for arch in SearchSpace(name).sample(12, seed=3)]


def changed(target: Target, factor: Any) -> Target:
    """The same target with other coefficients: value -> factor(column, feature, value)."""
    data = json.loads(target.to_json())
    for columns in data["coefficients"].values():
        for column, values in columns.items():
            for feature in values:
                values[feature] = factor(column, feature, values[feature])
    return Target.from_dict(data)


def scaled(seed: int) -> Target:
    """cpu-x86 with each coefficient multiplied by a number of its own, from 0.3 to 3."""
    random = np.random.default_rng(seed)
    return changed(CPU, lambda c, f, v: v * float(np.exp(random.uniform(-1.1, 1.1))))


def latencies(target: Target, nets: Any) -> list[float]:
    return [target.cost(net).latency_ms for net in nets]


def noisy(truth: Target, nets: Any, seed: int, spread: float = 0.08) -> list[float]:
    random = np.random.default_rng(seed)
    return [v * float(np.exp(random.normal(0, spread))) for v in latencies(truth, nets)]
