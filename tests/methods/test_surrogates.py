"""Surrogates of PNAS: they rank what they have not seen, and answer alike on any threads."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from twins.processes import environment

from flash.errors import MissingExtraError
from flash.methods.surrogates import MLP, SURROGATES, Ridge, Vocabulary, _solve, folds, surrogate

CELLS = Vocabulary(np.tile([0, 0, 1, 1], (5, 1)), (6, 8), (False, False))
WORTH = np.array([1.0, 0.8, 0.9, 0.5, 0.1, 0.0, 0.3, 0.4])  # of an operator


def cells(n: int, lengths: tuple[int, ...], seed: int) -> tuple[Any, Any]:
    """Cells of some lengths, and values that depend on pairs of operators and on the inputs."""
    rng = np.random.default_rng(seed)
    tokens = np.full((n, 5, 4), -1)
    values = np.zeros(n)
    for k in range(n):
        count = lengths[k % len(lengths)]
        for block in range(count):
            a, b = rng.integers(0, block + 2, size=2)
            p, q = rng.integers(0, 8, size=2)
            tokens[k, block] = a, b, p, q
            values[k] += WORTH[p] + WORTH[q] + 0.3 * WORTH[p] * WORTH[q] + 0.2 * (a != b)
        values[k] /= count**0.7
    return tokens, values


def rank_correlation(a: Any, b: Any) -> float:
    return float(np.corrcoef(np.argsort(np.argsort(a)), np.argsort(np.argsort(b)))[0, 1])


NAMES = [
    pytest.param(name, marks=pytest.mark.torch if name == "lstm" else ()) for name in SURROGATES
]


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_it_ranks_longer_cells_than_it_has_seen(name: str) -> None:
    tokens, values = cells(150, (1, 2, 3), seed=1)
    new, truth = cells(300, (4,), seed=2)
    model = surrogate(name, CELLS, seed=0)
    if name == "lstm":
        model.STEPS = 80
    model.fit(tokens, values)
    assert rank_correlation(model.predict(new), truth) > 0.7
    same, truth = cells(300, (1, 2, 3), seed=3)
    error = np.abs(model.predict(same) - truth).mean()
    assert error < 0.6 * np.abs(values.mean() - truth).mean()


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_seeds_scales_and_odd_data(name: str) -> None:
    tokens, values = cells(30, (1, 2), seed=4)
    new, _ = cells(20, (3,), seed=5)

    def predicted(seed: int, values: Any, count: int = 30) -> Any:
        model = surrogate(name, CELLS, seed)
        if name != "ridge":
            model.STEPS = 20
        model.fit(tokens[:count], values[:count])
        return model.predict(new)

    first = predicted(1, values)
    assert np.array_equal(first, predicted(1, values))
    if name != "ridge":
        assert not np.array_equal(first, predicted(2, values))
    np.testing.assert_allclose(predicted(1, 1000.0 * values - 7.0), 1000.0 * first - 7.0, rtol=1e-3)
    assert np.isfinite(predicted(1, values, 2)).all()
    np.testing.assert_allclose(predicted(1, np.full(30, 0.25)), 0.25, atol=1.0)
    assert np.isfinite(predicted(1, np.full(30, 0.25))).all()


def test_folds_leave_each_sample_out_once() -> None:
    rng = np.random.default_rng(0)
    which = folds(20, 5, rng)
    assert which.shape == (5, 16)
    left_out = [set(range(20)) - set(mine.tolist()) for mine in which]
    assert set().union(*left_out) == set(range(20))
    assert all(len(one) == 4 for one in left_out)
    assert folds(3, 5, rng).shape == (5, 3)
    assert folds(23, 5, rng).shape == (5, 19)


def test_gradients_are_those_of_the_loss() -> None:
    tokens, values = cells(12, (1, 2, 3), seed=6)
    model = MLP(CELLS, 0)
    model.STEPS = 3
    model.fit(tokens, values)
    x = np.broadcast_to(model._inputs(tokens), (5, 12, CELLS.features))
    y = np.broadcast_to(values, (5, 12))

    def loss() -> float:
        kinds = len(CELLS.bases)
        _, b1, w2, b2, w3, b3 = model._weights[kinds:]
        joint, _ = model._first()
        h = np.maximum(x @ joint + b1, 0.0)
        h = np.maximum(h @ w2 + b2, 0.0)
        return float(np.abs((h @ w3 + b3)[..., 0] - y).mean(axis=1).sum())

    grads = model._gradients(x, y)
    rng = np.random.default_rng(1)
    for weight, grad in zip(model._weights, grads, strict=True):
        toward = rng.normal(size=weight.shape)
        start = weight.copy()
        sides = []
        for sign in (1.0, -1.0):
            weight[...] = start + sign * 1e-7 * toward
            sides.append(loss())
        weight[...] = start
        assert (sides[0] - sides[1]) / 2e-7 == pytest.approx(
            float((grad * toward).sum()), rel=1e-4, abs=1e-6
        )


@pytest.mark.parametrize("shape", [(40, 12), (12, 40), (1, 3)])
def test_ridge_solves_its_equations(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=shape), rng.normal(size=shape[0])
    expected = np.linalg.solve(x.T @ x + 0.1 * np.eye(shape[1]), x.T @ y)
    np.testing.assert_allclose(_solve(x, y, 0.1), expected, rtol=1e-7, atol=1e-9)


def test_ordered_numbers_are_read_between_those_seen() -> None:
    """Depths 0 to 99 of which a few were seen: neighbours mean nearly the same."""
    known = Vocabulary(np.array([[0], [1]]), (100, 100), (True, True))
    rng = np.random.default_rng(0)
    seen, new = rng.integers(0, 100, size=(40, 2, 1)), rng.integers(0, 100, size=(200, 2, 1))

    def value(tokens: Any) -> Any:
        return np.sqrt(tokens[:, 0, 0]) - 0.05 * tokens[:, 1, 0]

    model = Ridge(known)
    model.fit(seen, value(seen))
    assert rank_correlation(model.predict(new), value(new)) > 0.97
    flat = Ridge(Vocabulary(np.array([[0], [1]]), (100, 100), (False, False)))
    flat.fit(seen, value(seen))
    assert rank_correlation(flat.predict(new), value(new)) < 0.9


CODE = """
import sys, numpy as np
from test_surrogates import CELLS, cells
from flash.methods.surrogates import surrogate
tokens, values = cells(200, (1, 2, 3), seed=1)
new, _ = cells(1000, (4,), seed=2)
for name in sys.argv[1:]:
    model = surrogate(name, CELLS, 0)
    if name != "ridge":
        model.STEPS = 12
    model.fit(tokens, values)
    print(name, model.predict(new).tobytes().hex())
"""


@pytest.mark.processes
def test_any_number_of_threads_gives_the_same() -> None:
    names = ["mlp", "ridge"]
    try:
        import torch  # noqa: F401
    except ImportError:
        pass
    else:
        names.append("lstm")
    told = []
    for threads in ("1", "3"):
        keys = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
        env = environment(__file__, **dict.fromkeys(keys, threads))
        run = [sys.executable, "-c", CODE, *names]
        told.append(subprocess.run(run, env=env, check=True, capture_output=True).stdout)
    assert told[0].count(b"\n") == len(names)
    assert told[0] == told[1]


def test_torch_is_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtraError, match=r"'lstm' needs torch: pip install 'torch>="):
        surrogate("lstm", CELLS)
