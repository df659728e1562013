"""How long does a proposal take: the kernels of the process, and all of `flash.suggest`?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

import flash
from benchmarks.common.cases import SEED
from flash._core.gaussian import process

if TYPE_CHECKING:
    from typing import Any

core: Any = process

EDGES, CHOICES = 6, 5  # a space of 15,625 cells
ROWS = CHOICES**EDGES


def _matrix(n: int) -> Any:
    root = np.random.default_rng(SEED).normal(size=(n, n))
    return np.ascontiguousarray(root @ root.T / n + np.eye(n))


def test_factor(benchmark: Any, quick: bool) -> None:
    n = 100 if quick else 500
    whole = _matrix(n)
    volume = core.factor(whole.copy())
    assert np.isclose(volume, np.linalg.slogdet(whole)[1])
    benchmark.extra_info.update(kind="factor", n=n)
    benchmark.pedantic(core.factor, setup=lambda: ((whole.copy(),), {}), rounds=10, warmup_rounds=1)


def test_evidence(benchmark: Any, quick: bool) -> None:
    n = 50 if quick else 150
    rng = np.random.default_rng(SEED)
    choices = rng.integers(0, CHOICES, (n, EDGES))
    distances = (choices[:, None] != choices[None]).astype(np.float64)
    grams = np.ascontiguousarray((1.0 - distances.mean(axis=-1))[..., None])
    part: Any = np.zeros(EDGES, np.int32)
    theta = np.full(1 + 1 + EDGES + 1, 0.3)
    gradient = np.zeros(len(theta))
    y = rng.normal(size=n)
    benchmark.extra_info.update(kind="evidence", n=n)
    found = benchmark(core.evidence, grams, distances, part, np.ones(n), y, theta, gradient)
    assert np.isfinite(found)


def test_weigh(benchmark: Any, quick: bool) -> None:
    n = 20 if quick else 100
    rng = np.random.default_rng(SEED)
    choices = np.stack(np.unravel_index(np.arange(ROWS), (CHOICES,) * EDGES), 1)
    codes = np.ascontiguousarray(choices + CHOICES * np.arange(EDGES), dtype=np.int32)
    width, features = CHOICES * EDGES, 2
    mean, known = np.zeros(ROWS), np.zeros(ROWS)
    args: list[Any] = [
        codes, rng.normal(size=(ROWS, features)), rng.normal(size=(width, n)),
        rng.uniform(size=(2, width, n)), rng.normal(size=(features, n)), np.ones(features),
        rng.uniform(size=(2, features)), np.ones(2), rng.normal(size=n), np.full(n, 2.0),
        mean, known,
    ]  # fmt: skip
    benchmark.extra_info.update(kind="weigh", rows=ROWS, n=n)
    benchmark.pedantic(core.weigh, args, rounds=5, warmup_rounds=1)
    assert np.isfinite(mean).all()


@pytest.mark.parametrize("samples", [60, 500])
def test_whole(benchmark: Any, samples: int, quick: bool) -> None:
    space = flash.SearchSpace("densenet")
    nets = space.sample(samples, seed=SEED)
    accuracies = [0.9 - 0.2 / np.log10(net.params) for net in nets]
    measured = list(zip(nets, accuracies, strict=True))

    def suggest() -> Any:
        return flash.suggest(space, "rram", measured, n=1, max_latency_ms=4.0)

    benchmark.extra_info.update(kind="suggest", samples=samples)
    found = benchmark.pedantic(suggest, rounds=1 if quick else 5, warmup_rounds=1)
    assert len(found) == 1
