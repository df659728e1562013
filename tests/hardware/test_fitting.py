"""The fit of coefficients, its errors and its intervals, piece by piece."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twins.calibrated import latencies

from flash import SearchSpace, Target
from flash.hardware import KINDS
from flash.hardware._fitting import (
    choose_strength,
    drawn_to,
    fit_relative,
    interval_table,
    leave_out,
    splits,
)
from flash.hardware._prediction import interval_width
from flash.networks.operations import charged

# The pieces


@settings(max_examples=50)
@given(st.integers(0, 2**32 - 1))
def test_the_fit_is_the_least_of_its_neighbours(seed: int) -> None:
    """Non-negative least squares: no step along an axis that stays in bounds lowers the sum."""
    random = np.random.default_rng(seed)
    x = random.uniform(0, 1, (12, 4)) * random.uniform(0.1, 10, 4)
    y = random.uniform(0.5, 2, 12)
    offset = random.uniform(0, 0.3, 12)
    found = fit_relative(x, y, offset)
    assert (found >= 0).all()

    def loss(c: Any) -> float:
        return float((((offset + x @ c) / y - 1) ** 2).sum())

    for axis in range(4):
        for step in (-1e-4, 1e-4):
            other = found.copy()
            other[axis] = max(0.0, other[axis] + step / x[:, axis].mean())
            assert loss(other) >= loss(found) - 1e-12


def test_many_rows_give_the_fit_of_the_normal_equations() -> None:
    random = np.random.default_rng(0)
    x, truth = random.uniform(0, 1, (3000, 5)), np.array([1.0, 2.0, 0.0, 0.5, 3.0])
    y = x @ truth * random.uniform(0.9, 1.1, 3000)
    whole = fit_relative(x, y)
    a = x / y[:, None]
    free = whole > 0
    want = np.linalg.solve(a[:, free].T @ a[:, free], a[:, free].sum(axis=0))
    assert whole[free] == pytest.approx(want, rel=1e-9)


def test_left_out_networks_take_no_part() -> None:
    random = np.random.default_rng(1)
    x, y = random.uniform(0, 1, (20, 3)), random.uniform(1, 2, 20)
    groups = [n // 2 for n in range(20)]
    found = leave_out(x, y, 0.0, groups, None, 0.0)
    for k in (0, 7):
        rest = np.array(groups) != groups[2 * k]
        want = x[~rest] @ fit_relative(x[rest], y[rest])
        assert found[~rest] == pytest.approx(want, rel=1e-9)
    assert np.isnan(leave_out(x, y, 0.0, [0] * 20, None, 0.0)).all()
    assert choose_strength(x, y, 0.0, [0] * 20, np.ones(3)) == math.inf
    assert choose_strength(x, y, 0.0, groups, None) == 0.0


@settings(max_examples=50)
@given(st.lists(st.integers(0, 8), min_size=1, max_size=30), st.integers(0, 30), st.integers(0, 9))
def test_splits_keep_groups_whole(groups: list[int], n_fit: int, seed: int) -> None:
    for mask in splits(groups, n_fit, 3, seed):
        assert mask.sum() <= n_fit
        for group in set(groups):
            assert len({bool(m) for m, g in zip(mask, groups, strict=True) if g == group}) == 1


def test_the_width_is_a_quantile_of_the_scores() -> None:
    """Without leverage: the 0.9 * 20-th of 19 scores is the 18th (conformal prediction)."""
    table = {"scores": [0.01 * (n + 1) for n in range(19)], "inverse": [[0.0]], "most": 0.0}
    assert interval_width(table, [0.0], 0.9)[0] == pytest.approx(0.18)
    assert interval_width(table, None, 0.5)[0] == pytest.approx(0.10)
    few = {"scores": [0.1, 0.1], "inverse": [[4.0]], "most": 1.0}
    # two scores cannot tell 90 %: Student's t with one degree of freedom, 6.3138
    assert interval_width(few, None, 0.9)[0] == pytest.approx(0.63138, rel=1e-4)
    width, leverage = interval_width(few, [0.5], 0.9)
    assert leverage == pytest.approx(1.0)
    assert width == pytest.approx(0.63138 * math.sqrt(2), rel=1e-4)


def test_leverage_is_that_of_linear_regression() -> None:
    random = np.random.default_rng(2)
    x = random.uniform(0.5, 1, (30, 3))
    y = x @ [1.0, 2.0, 3.0]
    found = interval_table(x, y, y * 1.05, list(range(30)), np.array([1.0, 2.0, 3.0]))
    a = x / y[:, None]
    # and of another mix of what it takes: ten times the noise, of the shares of the metric
    known = np.array([1.0, 2.0, 3.0])
    apart = 10 * (np.eye(3) - np.outer((a * known).mean(axis=0), np.ones(3))) * known
    want = np.linalg.inv(a.T @ a) + apart.T @ apart
    assert np.array(found["inverse"]) == pytest.approx(want, rel=1e-3)


def test_the_columns_of_a_metric_are_what_a_target_charges() -> None:
    from flash.hardware._parts import features_of, leaking_share
    from flash.hardware._terms import terms, totals

    for name in ("rram", "cpu-x86", "rram-1024"):
        target = Target.load(name)
        nets = SearchSpace("densenet").sample(5, seed=4)
        networks = [net.network() for net in nets]
        features = totals(target.kind, networks, target.array)
        assert features.shape == (5, len(KINDS[target.kind].FEATURES))
        assert features[0].tolist() == features_of(target.kind, charged(networks[0]), target.array)
        latency = np.array(latencies(target, nets))
        shares = np.array([leaking_share(target, "densenet", charged(one)) for one in networks])
        assert (shares > 1.0).all() if target.kind == "rram" else (shares == 1.0).all()
        for metric in target.metrics:
            found = terms(target, "densenet", metric, features, latency, networks)
            table = target.coefficients[target.set_for("densenet")]
            known = np.array([table.get(c, {}).get(f, 0.0) for c, f in found.names])
            costs = [getattr(target.cost(net), metric) for net in nets]
            assert found.offset + found.columns @ known == pytest.approx(costs, rel=1e-6)


def test_the_pull_is_to_ratios_of_the_prior() -> None:
    """Two columns that rise together: the cost goes to the one that the prior says matters."""
    random = np.random.default_rng(2)
    one = random.uniform(1, 5, 40)
    columns = np.stack([one, 1e-3 * one], axis=1)
    prior = np.array([2.0, 1.0])
    y = columns @ [6.0, 3.0]
    assert drawn_to(columns, y, 0.0, prior) == pytest.approx([6.0, 3.0])
    for strength in (1e-6, 1e-2, 1.0):
        assert fit_relative(columns, y, 0.0, prior, strength) == pytest.approx([6.0, 3.0])
    # nothing tells of the third, and the fourth, of which the prior says nothing, takes the rest
    wide = np.column_stack([columns, np.zeros(40), random.uniform(1, 5, 40)])
    y = wide @ [6.0, 3.0, 0.0, 1.0]
    found = fit_relative(wide, y, 0.0, np.array([2.0, 1.0, 5.0, 0.0]), 1e-6)
    assert found[2] == pytest.approx(drawn_to(wide, y, 0.0, np.array([2.0, 1.0, 5.0, 0.0]))[2])
    assert wide @ found == pytest.approx(y, rel=1e-3)
    assert found[3] == pytest.approx(1.0, rel=1e-2)


def test_a_pull_leaves_a_tenth_of_the_prior() -> None:
    """What the prior says takes time takes some, even where the networks would have it at 0."""
    columns = np.random.default_rng(5).uniform(1, 5, (30, 2))
    y = columns @ [1.0, 0.0]
    prior = np.array([1.0, 1.0])
    least = 0.1 * drawn_to(columns, y, 0.0, prior)[1]
    assert fit_relative(columns, y, 0.0, prior, 1e-6)[1] == pytest.approx(least)
    assert fit_relative(columns, y)[1] == pytest.approx(0.0, abs=1e-12)


def test_intervals_are_of_single_networks_where_layer_lists_repeat() -> None:
    """12 lists of layers, 25 measurements of each: as many scores as lists, spread as the single
    measurements are, not as means of 25."""
    random = np.random.default_rng(5)
    groups = np.repeat(np.arange(12), 25)
    columns = np.ones((300, 1))
    y = 2.0 * np.exp(random.normal(0.0, 0.1, 300))
    table = interval_table(columns, y, np.full(300, 2.0), groups, np.array([2.0]))
    assert len(table["scores"]) == 12
    assert table["scores"] == sorted(table["scores"])
    new = np.abs(random.normal(0.0, 0.1, 2000))
    width, _ = interval_width(table, [1.0 / 2.0], 0.9)
    assert 0.85 <= np.mean(new <= width) <= 0.97


def test_scores_of_networks_that_are_all_different_are_their_own() -> None:
    random = np.random.default_rng(6)
    y = 2.0 * np.exp(random.normal(0.0, 0.1, 30))
    table = interval_table(np.ones((30, 1)), y, np.full(30, 2.0), np.arange(30), np.array([2.0]))
    own = np.abs(np.log(y / 2.0))
    assert np.argsort(table["scores"]).tolist() == list(range(30))
    ratio = np.array(table["scores"]) / np.sort(own)
    assert ((ratio > 0.9) & (ratio <= 1.0)).all()  # over the root of 1 + h
