"""The process behind `flash.suggest` against the same in plain numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from twins.gaussian import ProcessTwin, gap, scaled_accuracy

from flash.suggesting.encoding import Encoding, root_of
from flash.suggesting.process import FURTHEST, JITTER, Process, Samples, minimise
from flash.suggesting.scale import Scale

# every kind of encoding: shared kinds and none, ordered and not, choices of one value
ENCODINGS: dict[str, Any] = {
    "edges": lambda: Encoding([5] * 6, [False] * 6, ["edge"] * 6),
    "cells": lambda: Encoding([3, 1, 9, 4, 9, 4], [True] * 6, ["m", "r", "d", "s", "d", "s"]),
    "apart": lambda: Encoding([4, 2, 7], [False, True, True], "abc"),
    "fixed": lambda: Encoding([1, 1], [True, False], "ab"),
}
CASES = [(name, sizes, only) for name in ENCODINGS for sizes, only in ((0, 0), (3, 0), (3, 2))]


def rows_of(encoding: Any, n: int, rng: np.random.Generator) -> Any:
    return rng.integers(0, encoding.lengths, (n, len(encoding.lengths)))


def samples_of(encoding: Any, n: int, extra: int, rng: np.random.Generator) -> Samples:
    codes = encoding.codes(rows_of(encoding, n, rng))
    more = rng.normal(size=(n, extra)) / np.sqrt(max(1, extra))
    return Samples(codes, np.concatenate([encoding.features(codes), more], axis=1))


def fitted(
    name: str, extra: int, only: int, seed: int = 0, n: int = 24, noise: float | None = None
) -> tuple[Process, Samples, Any, Any]:
    rng = np.random.default_rng([seed, extra, only])
    encoding = ENCODINGS[name]()
    lean = rng.normal(size=extra)
    process = Process(encoding, lean if extra else None, noise, only)
    samples = samples_of(encoding, n, extra, rng)
    value = rng.normal(size=encoding.width)
    targets = value[samples.codes].sum(axis=1) + 0.1 * rng.normal(size=n)
    targets = (targets - targets.mean()) / (targets.std() or 1.0)
    repeats = 1.0 / rng.integers(1, 4, n)
    process.fit(samples, targets, repeats)
    return process, samples, targets, repeats


@pytest.mark.parametrize(("name", "extra", "only"), CASES)
def test_means_and_variances_are_the_twins(name: str, extra: int, only: int) -> None:
    process, samples, targets, noise = fitted(name, extra, only)
    twin = ProcessTwin(process, samples, targets, noise)
    rows = samples_of(process.encoding, 40, extra, np.random.default_rng(5))
    np.testing.assert_allclose(
        process.covariances(rows), twin.kernel(rows, samples), rtol=1e-9, atol=1e-10
    )
    mean, covariance = twin.posterior(rows)
    found, above = process.means(rows)
    np.testing.assert_allclose(found, mean, rtol=1e-5, atol=1e-5)
    exact = process.variances(rows)
    np.testing.assert_allclose(exact, np.diag(covariance), rtol=1e-4, atol=1e-5)
    assert (above >= exact * (1.0 - 1e-12)).all()
    np.testing.assert_allclose(process.prior(rows), np.diag(twin.kernel(rows, rows)), rtol=1e-9)


@pytest.mark.parametrize(("name", "extra", "only"), CASES)
def test_the_evidence_that_is_fitted_is_the_twins(
    name: str, extra: int, only: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What `fit` maximises: the evidence times the priors of the weights."""
    asked: list[Any] = []
    true = minimise

    def noted(cost: Any, start: Any, middle: Any, spread: Any) -> Any:
        asked.append((cost, middle, spread))
        return true(cost, start, middle, spread)

    monkeypatch.setattr("flash.suggesting.process.minimise", noted)
    process, samples, targets, noise = fitted(name, extra, only)
    [(cost, middle, spread)] = asked
    theta = process.theta
    value, slope = cost(np.log(theta))
    slope = slope.copy()
    twin = ProcessTwin(process, samples, targets, noise)
    prior = 0.5 * (((np.log(theta) - middle) / spread) ** 2).sum()
    assert value == pytest.approx(twin.evidence() + prior, rel=1e-6, abs=1e-6)
    for k in range(len(theta)):
        step = np.zeros(len(theta))
        step[k] = 1e-5
        ends = [cost(np.log(theta) + way * step)[0] for way in (1.0, -1.0)]
        assert slope[k] == pytest.approx((ends[0] - ends[1]) / 2e-5, rel=1e-3, abs=1e-4)
    # and it is better than where it began
    assert value <= cost(middle)[0]


def test_one_sample_takes_no_more_than_the_bound_says() -> None:
    """With one sample the bound is the variance itself: nothing may be lost to rounding."""
    for seed in range(40):
        process, samples, _, _ = fitted("cells", 3, 0, seed, n=1, noise=1e-12)
        _, above = process.means(samples)
        assert (above >= process.variances(samples) - 1e-14 * process.prior(samples)).all()


@pytest.mark.parametrize(("name", "extra", "only"), CASES)
def test_the_mean_is_values_and_a_rest(name: str, extra: int, only: int) -> None:
    process, samples, targets, noise = fitted(name, extra, only)
    twin = ProcessTwin(process, samples, targets, noise)
    rows = samples_of(process.encoding, 30, extra, np.random.default_rng(6))
    of_values, of_sizes = process.values()
    assert of_values.shape == (process.encoding.width,)
    assert of_sizes.shape == (extra,)
    told = of_values[rows.codes].sum(axis=1)
    told += rows.features[:, process.encoding.counts :] @ of_sizes
    mean, _ = twin.additive_posterior(rows)
    # equal but for a number that all rows have in common
    np.testing.assert_allclose(told - told[0], mean - mean[0], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("name", "extra", "only"), [("edges", 0, 0), ("cells", 3, 2), CASES[7]])
def test_draws_have_the_mean_and_covariance_of_the_posterior(
    name: str, extra: int, only: int
) -> None:
    process, samples, targets, noise = fitted(name, extra, only, n=12)
    twin = ProcessTwin(process, samples, targets, noise)
    rows = samples_of(process.encoding, 6, extra, np.random.default_rng(7))
    rng = np.random.default_rng(8)
    draws = []
    for _ in range(3000):
        of_values, of_sizes = process.draw(rng)
        own = of_values[rows.codes].sum(axis=1)
        draws.append(own + rows.features[:, process.encoding.counts :] @ of_sizes)
    # what all rows of a draw have in common is no matter to who asks for the best
    apart = np.eye(6) - 1.0 / 6.0
    mean, covariance = twin.additive_posterior(rows)
    found = np.array(draws) @ apart
    right = apart @ covariance @ apart
    off = np.sqrt(np.diag(right) / len(draws))
    assert (np.abs(found.mean(axis=0) - apart @ mean) <= 5.0 * off + 1e-4).all()
    bound = 0.1 * float(np.diag(right).max())
    assert (np.abs(np.cov(found.T) - right) <= bound).all()


def test_a_fit_and_a_draw_are_the_same_again() -> None:
    one, other = (fitted("cells", 3, 0, n=40) for _ in range(2))
    assert (one[0].theta == other[0].theta).all()
    assert (one[0].alpha == other[0].alpha).all()
    for a, b in zip(*(p[0].draw(np.random.default_rng(3)) for p in (one, other)), strict=True):
        assert (a == b).all()


def test_weights_stay_where_they_were() -> None:
    process, samples, targets, noise = fitted("edges", 0, 0)
    kept = process.theta.copy()
    more = samples.with_those(samples.take(np.arange(3)))
    process.fit(
        more, np.concatenate([targets, targets[:3]]), np.concatenate([noise, np.ones(3)]),
        tuned=False,
    )  # fmt: skip
    assert (process.theta == kept).all()
    assert len(process.alpha) == len(more) == 27


def test_equal_rows_without_noise_are_taken() -> None:
    process = Process(ENCODINGS["apart"](), noise=0.0)
    rng = np.random.default_rng(1)
    samples = samples_of(process.encoding, 3, 0, rng)
    twice = samples.with_those(samples)
    process.fit(twice, rng.normal(size=6), np.full(6, 1e-12))
    mean, variance = process.means(twice)
    assert np.isfinite(mean).all()
    assert (variance > 0.0).all()


def test_many_samples_are_fitted_on_some(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flash.suggesting.process.FITTED_ON", 40)
    process, samples, targets, noise = fitted("cells", 3, 0, n=70)
    twin = ProcessTwin(process, samples, targets, noise)
    assert len(process.alpha) == 70
    mean, _ = process.means(samples)
    np.testing.assert_allclose(mean, twin.posterior(samples)[0], rtol=1e-4, atol=1e-4)
    assert np.corrcoef(mean, targets)[0, 1] > 0.9


def test_known_noise_is_kept_to() -> None:
    told, _, _, _ = fitted("edges", 0, 0, noise=0.5)
    assert told.noise_variance > 0.1
    little, _, _, _ = fitted("edges", 0, 0, noise=1e-4)
    assert little.noise_variance < 1e-3


# minimise


def rosenbrock(x: Any) -> tuple[float, Any]:
    a, b = 1.0 - x[0], x[1] - x[0] ** 2
    slope = np.array([-2.0 * a - 40.0 * x[0] * b, 20.0 * b])
    return a * a + 10.0 * b * b, slope


@given(st.integers(0, 2**32 - 1), st.integers(1, 8))
@settings(max_examples=40)
def test_minimise_finds_what_scipy_finds(seed: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(k, k))
    matrix, at = root @ root.T / k + 0.2 * np.eye(k), rng.normal(size=k)

    def cost(x: Any) -> tuple[float, Any]:  # convex, and no parabola
        off = x - at
        value = 0.5 * float(off @ matrix @ off) + float(np.cosh(0.3 * off).sum())
        return value, matrix @ off + 0.3 * np.sinh(0.3 * off)

    start, middle, spread = rng.normal(size=k), np.zeros(k), np.ones(k)
    found = minimise(cost, start, middle, spread)
    bounds = [(-FURTHEST, FURTHEST)] * k
    right = minimize(cost, start, jac=True, bounds=bounds, method="L-BFGS-B")
    assert cost(found)[0] <= right.fun + 1e-4 * (1.0 + abs(right.fun))


def test_minimise_of_a_valley_and_of_a_wall() -> None:
    found = minimise(rosenbrock, np.array([-1.0, 1.0]), np.zeros(2), np.ones(2))
    np.testing.assert_allclose(found, [1.0, 1.0], atol=0.05)
    # a function that falls for ever ends at the furthest
    down = minimise(
        lambda x: (-float(x[0]), np.array([-1.0])), np.zeros(1), np.zeros(1), np.ones(1)
    )
    assert down[0] == pytest.approx(FURTHEST)
    flat = minimise(lambda x: (1.0, np.zeros(1)), np.array([0.5]), np.zeros(1), np.ones(1))
    assert flat.tolist() == [0.5]


# Scale


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=40))
def test_a_scale_is_monotone_and_comes_back(accuracies: list[float]) -> None:
    own = np.array(accuracies)
    scale = Scale(own)
    grid = np.linspace(0.0, 1.0, 201)
    targets = scale.targets(grid)
    assert np.isfinite(targets).all()
    assert (np.diff(targets) > 0.0).all()
    assert np.isfinite(scale.targets(own)).all()
    back = scale.accuracies(targets)
    assert ((back >= 0.0) & (back <= 1.0)).all()
    assert (np.diff(back) >= 0.0).all()


@given(st.lists(st.floats(0.05, 0.99), min_size=4, max_size=40, unique=True))
def test_a_scale_s_round_trip_and_slope(accuracies: list[float]) -> None:
    own = np.array(accuracies)
    if own.std() < 0.01:
        return
    scale = Scale(own)
    targets = scale.targets(own)
    assert targets.mean() == pytest.approx(0.0, abs=1e-9)
    assert targets.std() == pytest.approx(1.0)
    np.testing.assert_allclose(scale.accuracies(targets), own, rtol=1e-6, atol=1e-6)
    for target in targets:
        ends = scale.accuracies(np.array([target - 1e-3, target + 1e-3]))
        assert scale.slope(float(target)) == pytest.approx((ends[1] - ends[0]) / 2e-3, rel=0.1)


def test_a_scale_tells_the_good_apart_and_draws_in_the_bad() -> None:
    good = np.array([0.90, 0.92, 0.94, 0.95, 0.96])
    usual, with_bad = Scale(good), Scale(np.array([*good, 0.1]))
    z = [scaled_accuracy(value) for value in good]
    t = usual.targets(good)
    np.testing.assert_allclose(np.diff(t) / (t[-1] - t[0]), np.diff(z) / (z[-1] - z[0]))
    # one that learns nothing is the lowest, but not by as much as it is
    t = with_bad.targets(np.array([*good, 0.1]))
    far = (scaled_accuracy(0.90) - scaled_accuracy(0.1)) / (z[-1] - z[0])
    assert 0.0 < (t[0] - t[-1]) / (t[4] - t[0]) < 0.7 * far


def test_equal_accuracies_become_nothing() -> None:
    assert Scale(np.full(4, 0.7)).targets(np.full(4, 0.7)).tolist() == [0.0] * 4


# Encoding


@pytest.mark.parametrize("name", ENCODINGS)
def test_codes_gaps_and_roots(name: str) -> None:
    encoding = ENCODINGS[name]()
    assert encoding.width == sum(encoding.lengths)
    last = encoding.codes(np.array([encoding.lengths]) - 1)[0]
    assert last.tolist() == (np.cumsum(encoding.lengths) - 1).tolist()
    for j, (length, ordered) in enumerate(zip(encoding.lengths, encoding.ordered, strict=True)):
        right = [[gap(length, ordered, a, b) for b in range(length)] for a in range(length)]
        np.testing.assert_allclose(encoding.gaps[j], right)
        root = encoding.roots[j]
        np.testing.assert_allclose(root @ root.T, 1.0 - encoding.gaps[j], atol=1e-8)


def test_values_of_a_kind_are_counted() -> None:
    edges = ENCODINGS["edges"]()
    assert edges.counts == 5
    one, same, other = edges.codes(np.array([[0, 1, 1, 2, 3, 4], [4, 3, 2, 1, 1, 0], [0] * 6]))
    found = edges.features(np.array([one, same, other]))
    np.testing.assert_allclose(found[0], found[1])
    assert found[2, 0] > found[0, 0]
    scale = (found[2, 0] - found[0, 0]) / 5  # so much for each
    np.testing.assert_allclose((found[0] - found[2]) / scale, [-5, 2, 1, 1, 1])
    rows = rows_of(edges, 20_000, np.random.default_rng(0))
    many = edges.features(edges.codes(rows))
    np.testing.assert_allclose(many.mean(axis=0), 0.0, atol=0.02)
    assert (many**2).sum(axis=1).mean() == pytest.approx(1.0, rel=0.05)


def test_kinds_of_one_variable_or_one_value_are_not_counted() -> None:
    assert ENCODINGS["apart"]().counts == 0
    assert Encoding([1, 1, 1], [True] * 3, "aaa").counts == 0
    cells = ENCODINGS["cells"]()
    assert cells.counts == 6 + 4  # depths by hats at six knots, skips one by one


def test_hats_of_a_long_list_are_between_their_knots() -> None:
    encoding = Encoding([26, 26], [True, True], "aa")
    assert encoding.counts == 6
    basis = encoding.basis[:26] / encoding.basis.max()
    np.testing.assert_allclose(basis.sum(axis=1), 1.0)
    np.testing.assert_allclose(basis[::5], np.eye(6), atol=1e-12)
    assert ((basis > 1e-12).sum(axis=1) <= 2).all()


def test_a_root_of_what_is_hardly_positive() -> None:
    low = root_of(np.ones((3, 3)), np.full(3, 1e-20))
    np.testing.assert_allclose(low @ low.T, np.ones((3, 3)), atol=1e-6)
    assert (np.triu(low, 1) == 0.0).all()
    assert JITTER > 0.0
