"""The kernels of a Gaussian process equal their twins in numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twins import gaussian as twin

from flash._core.gaussian import process

core: Any = process  # arrays are buffers to it, which numpy's types do not say

SIZES = st.integers(0, 40)
SEEDS = st.integers(0, 2**32 - 1)
NEAR: dict[str, Any] = {"rtol": 1e-9, "atol": 1e-10}


def definite(rng: np.random.Generator, n: int) -> Any:
    a = rng.normal(size=(n, n + 3))
    return np.ascontiguousarray(a @ a.T / (n + 3) + 0.1 * np.eye(n))


@given(SIZES, SIZES, SEEDS)
def test_factor_inverse_and_forward(n: int, m: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    a = definite(rng, n)
    upper = np.triu(rng.normal(size=(n, n)), 1)
    given_ = np.ascontiguousarray(np.tril(a) + upper)  # the upper triangle is not read
    volume, lower = twin.factor(a)
    assert core.factor(given_) == pytest.approx(volume, rel=1e-9, abs=1e-9)
    np.testing.assert_allclose(np.tril(given_), lower, **NEAR)
    assert (np.triu(given_, 1) == upper).all()
    out = np.full((n, n), np.nan)
    core.inverse(given_, out)
    np.testing.assert_allclose(out, twin.inverse(given_), rtol=1e-8, atol=1e-9)
    assert (out == out.T).all()
    b = rng.normal(size=(m, n))
    right = twin.forward(given_, b)
    core.forward(given_, b)
    np.testing.assert_allclose(b, right, **NEAR)


@given(st.integers(1, 40), SEEDS, st.sampled_from(["negative", "zero", "nan", "equal"]))
def test_what_is_not_positive_definite_is_nan(n: int, seed: int, kind: str) -> None:
    rng = np.random.default_rng(seed)
    a = definite(rng, n)
    place = int(rng.integers(n))
    if kind == "equal":  # a row twice, exactly: small integers
        a = np.ones((n + 1, n + 1))
    else:
        a[place, place] = {"negative": -1.0, "zero": 0.0, "nan": np.nan}[kind]
    assert np.isnan(core.factor(a.copy()))


@given(SEEDS, st.integers(1, 12), st.integers(0, 3), st.integers(0, 3), st.integers(0, 5))
@settings(max_examples=60)
def test_evidence_and_its_gradient(seed: int, n: int, linear: int, parts: int, far: int) -> None:
    rng = np.random.default_rng(seed)
    far = far if parts else 0
    places = rng.normal(size=(n, 2, linear + far))
    grams = np.einsum("ikp,jkp->ijp", places[..., :linear], places[..., :linear])
    distances = ((places[:, None, :, linear:] - places[None, :, :, linear:]) ** 2).sum(axis=2)
    part: Any = np.sort(rng.integers(0, max(1, parts), far)).astype(np.int32)
    noise, y = rng.uniform(0.2, 1.0, n), rng.normal(size=n)
    theta = rng.uniform(0.1, 2.0, linear + parts + far + 1)
    grams, distances = np.ascontiguousarray(grams), np.ascontiguousarray(distances)
    gradient = np.full(len(theta), np.nan)
    found = core.evidence(grams, distances, part, noise, y, theta, gradient)

    def at(logs: Any) -> float:
        return twin.evidence(grams, distances, part, noise, y, np.exp(logs))

    logs = np.log(theta)
    assert found == pytest.approx(at(logs), rel=1e-8, abs=1e-8)
    for k in range(len(theta)):
        step = np.zeros(len(theta))
        step[k] = 1e-5
        slope = (at(logs + step) - at(logs - step)) / 2e-5
        assert gradient[k] == pytest.approx(slope, rel=1e-4, abs=1e-5)


def test_evidence_where_there_is_none() -> None:
    grams, far = -np.ones((2, 2, 1)), np.zeros((2, 2, 0))
    part: Any = np.zeros(0, np.int32)
    gradient, theta = np.ones(2), np.array([1.0, 0.5])
    found = core.evidence(grams, far, part, np.ones(2), np.ones(2), theta, gradient)
    assert found == float("inf") == twin.evidence(grams, far, part, np.ones(2), np.ones(2), theta)
    assert not gradient.any()


def covered(rng: np.random.Generator, rows: int, n: int, d: int, q: int, parts: int) -> list[Any]:
    """Arguments of `covariances`, less the last."""
    width = int(rng.integers(1, 9))
    along, across = rng.uniform(0, 1, q), rng.uniform(0, 1, (parts, q))
    along[rng.random(q) < 0.3] = 0.0  # features that are told in one part alone
    across[rng.random((parts, q)) < 0.3] = 0.0
    return [
        rng.integers(0, width, (rows, d)).astype(np.int32),
        rng.normal(size=(rows, q)),
        rng.normal(size=(width, n)),
        rng.uniform(0, 1, (parts, width, n)),
        rng.normal(size=(q, n)),
        along,
        across,
        rng.uniform(0, 1, parts),
    ]


@given(SEEDS, SIZES, SIZES, st.integers(0, 5), st.integers(0, 4), st.integers(0, 2))
@settings(max_examples=60)
def test_covariances_and_weigh(seed: int, rows: int, n: int, d: int, q: int, parts: int) -> None:
    rng = np.random.default_rng(seed)
    args = covered(rng, rows, n, d, q, parts)
    out = np.full((rows, n), np.nan)
    core.covariances(*args, out)
    right = twin.covariances(*args)
    np.testing.assert_allclose(out, right, **NEAR)
    alpha, own = rng.normal(size=n), rng.uniform(0.5, 2.0, n)
    mean, known = np.zeros(rows), np.zeros(rows)
    core.weigh(*args, alpha, own, mean, known)
    for got, wanted in zip((mean, known), twin.weigh(right, alpha, own), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-9, atol=1e-9)


@given(SEEDS, SIZES)
def test_improvement(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    ahead, deviation = rng.normal(size=n) * 2.0, 10.0 ** rng.uniform(-3, 2, n)
    gain, chance = np.full(n, np.nan), np.full(n, np.nan)
    core.improvement(ahead, deviation, gain, chance)
    right = twin.improvement(ahead, deviation)
    np.testing.assert_allclose(gain, right[0], rtol=1e-7, atol=1e-12)
    np.testing.assert_allclose(chance, right[1], rtol=1e-7, atol=1e-12)
    assert (gain >= np.maximum(ahead, 0.0) * (1.0 - 1e-12)).all()
    assert ((chance >= 0.0) & (chance <= 1.0)).all()


def test_improvement_far_away() -> None:
    ahead = np.array([-1e300, -50.0, 0.0, 50.0, 1e300])
    gain, chance = np.zeros(5), np.zeros(5)
    core.improvement(ahead, np.ones(5), gain, chance)
    assert gain[:2].tolist() == [0.0, 0.0]
    assert gain[2:].tolist() == pytest.approx([1.0 / np.sqrt(2.0 * np.pi), 50.0, 1e300])
    assert chance.tolist() == pytest.approx([0.0, 0.0, 0.5, 1.0, 1.0])


def square(n: int, m: int | None = None) -> Any:
    return np.zeros((n, n if m is None else m))


@pytest.mark.parametrize(
    "call",
    [
        lambda: core.factor(square(3, 4)),
        lambda: core.inverse(square(3, 4), square(3)),
        lambda: core.inverse(square(3), square(3, 4)),
        lambda: core.inverse(square(3), square(4, 3)),
        lambda: core.forward(square(3, 4), square(2, 3)),
        lambda: core.forward(square(3), square(2, 4)),
        lambda: core.improvement(np.zeros(2), np.ones(3), np.zeros(2), np.zeros(2)),
        lambda: core.improvement(np.zeros(2), np.ones(2), np.zeros(3), np.zeros(2)),
        lambda: core.improvement(np.zeros(2), np.ones(2), np.zeros(2), np.zeros(1)),
    ],
)
def test_wrong_sizes_are_refused(call: Any) -> None:
    with pytest.raises(ValueError, match="arrays must be of one size"):
        call()


def longer(array: Any, axis: int) -> Any:
    shape = list(array.shape)
    shape[axis] += 1
    return np.zeros(shape, array.dtype)


def test_wrong_sizes_of_many_arrays_are_refused() -> None:
    rng = np.random.default_rng(0)
    # of each argument the axes that another argument has too; values of rows may be any number
    axes = [(0,), (0, 1), (0, 1), (0, 1, 2), (0, 1), (0,), (0, 1), (0,)]
    args = covered(rng, 4, 3, 2, 2, 2)
    out, alpha, own = np.zeros((4, 3)), np.zeros(3), np.ones(3)
    mean, known = np.zeros(4), np.zeros(4)
    whole: list[Any] = [*args, alpha, own, mean, known]
    core.covariances(*args, out)
    core.weigh(*whole)
    for k, own_axes in enumerate([*axes, (0,), (0,), (0,), (0,)]):
        for axis in own_axes:
            wrong = [*whole]
            wrong[k] = longer(whole[k], axis)
            with pytest.raises(ValueError, match="of one size"):
                core.weigh(*wrong)
            if k < len(args):
                with pytest.raises(ValueError, match="of one size"):
                    core.covariances(*wrong[: len(args)], out)
    for axis in (0, 1):
        with pytest.raises(ValueError, match="of one size"):
            core.covariances(*args, longer(out, axis))


def told(n: int = 3, linear: int = 1, far: int = 2, parts: int = 2) -> list[Any]:
    """Arguments of `evidence`."""
    return [
        np.zeros((n, n, linear)), np.zeros((n, n, far)), np.arange(far, dtype=np.int32) % 2,
        np.ones(n), np.zeros(n), np.ones(linear + parts + far + 1),
        np.zeros(linear + parts + far + 1),
    ]  # fmt: skip


def test_wrong_sizes_of_evidence_are_refused() -> None:
    core.evidence(*told())
    for k, axes in enumerate([(0, 1), (0, 1), (0,), (0,), (0,), (0,), (0,)]):
        for axis in axes:
            wrong = told()
            wrong[k] = longer(wrong[k], axis)
            with pytest.raises(ValueError, match="of one size"):
                core.evidence(*wrong)
    for code in (-1, 2):
        wrong = told()
        wrong[2][1] = code
        with pytest.raises(ValueError, match=rf"part {code} is not in 0\.\.1"):
            core.evidence(*wrong)
    for few in (told(0), told(far=0, parts=-1)):
        with pytest.raises(ValueError, match="theta must have a number for each part"):
            core.evidence(*few)


@pytest.mark.parametrize("code", [-1, 1000])
def test_codes_out_of_range_are_refused(code: int) -> None:
    args = covered(np.random.default_rng(1), 4, 3, 2, 2, 2)
    args[0][3, 1] = code
    with pytest.raises(ValueError, match=f"code {code} is not in 0"):
        core.covariances(*args, np.zeros((4, 3)))
    with pytest.raises(ValueError, match=f"code {code} is not in 0"):
        core.weigh(*args, np.zeros(3), np.ones(3), np.zeros(4), np.zeros(4))
