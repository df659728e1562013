"""Fitting accuracy predictors: known forms recovered, errors honest."""

from __future__ import annotations

import itertools
import math
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr
from twins.predictions import CURVE, NETS, TRUTH, curve, quiet, truth

import flash
from flash import AccuracyPredictor, Architecture, Cell
from flash.errors import ArgumentError, NotCalibratedWarning
from flash.predictors import fitting
from flash.predictors.cell_terms import terms_of
from flash.predictors.fitting import chance_of, fit_degree, fit_linear, left_out, logit, spearman
from flash.predictors.score import SCORE_BITS, logistic

# What is fitted


@pytest.mark.parametrize("family", ["densenet", "resnet", "wide-resnet", "mobilenet-v2"])
def test_recovers_an_additive_truth(family: str) -> None:
    nets = flash.SearchSpace(family).sample(80, seed=5)
    y = truth(nets)
    fitted = AccuracyPredictor.fit(nets[:25], y[:25])
    got = quiet(fitted.predict, nets[25:])
    assert spearmanr(got, y[25:])[0] > 0.98
    assert np.abs(got - y[25:]).mean() < 0.12 * np.std(y)
    assert fitted.kind == "topology"
    assert fitted.report is not None
    assert fitted.report.earns_its_keep
    assert "better than every baseline" in str(fitted.report)


def test_recovers_the_papers_form() -> None:
    nets = NETS[:25]
    fitted = AccuracyPredictor.fit(nets, curve(nets), kind="nn-degree")
    assert quiet(fitted.predict, NETS[25:]) == pytest.approx(curve(NETS[25:]), abs=1e-4)
    assert fitted.kind == "nn-degree"
    assert fitted.b is not None
    assert fitted.b > 0


@settings(max_examples=60)
@given(st.floats(0.3, 1.0), st.floats(0.05, 0.95), st.floats(0.05, 5.0), st.integers(3, 30))
def test_the_papers_form_from_any_of_its_curves(
    top: float, share: float, decay: float, count: int
) -> None:
    degrees = np.linspace(40.0, 400.0, count)
    y = top / (share + (1 - share) * np.exp(150.0 * decay / degrees))
    if y.max() - y.min() < 1e-3 or y.min() < 1e-3:
        return
    a, s, b = fit_degree(degrees, y)
    assert 0 < a <= 1
    assert 0 < s < 1
    assert b > 0
    assert np.abs(a / (s + (1 - s) * np.exp(b / degrees)) - y).max() < 0.02


def test_accuracies_that_fall_with_nn_degree_give_no_false_curve() -> None:
    order = sorted(NETS[:20], key=flash.nn_degree)
    fitted = AccuracyPredictor.fit(order, np.linspace(0.9, 0.6, 20), kind="nn-degree")
    assert np.ptp(fitted.predict(order)) < 0.02
    assert fitted.report is not None
    assert not fitted.report.earns_its_keep
    assert "NOT better" in str(fitted.report)


def test_imported_networks_are_fitted_alike() -> None:
    nets = [net.network() for net in NETS]
    y = truth(NETS)
    mine, other = AccuracyPredictor.fit(NETS[:25], y[:25]), AccuracyPredictor.fit(nets[:25], y[:25])
    a, b = quiet(mine.predict, NETS[25:]), quiet(other.predict, nets[25:])
    assert a == pytest.approx(b, rel=1e-6)
    assert quiet(other.predict, NETS[25:]) == pytest.approx(b, rel=1e-9)
    assert mine.evidence is not None
    assert other.evidence is not None
    assert (mine.evidence.families, other.evidence.families) == (("densenet",), ())


def test_accuracies_of_0_and_1_are_taken() -> None:
    y = [0.0, 1.0, *truth(NETS[:20])]
    for kind in ("topology", "nn-degree"):
        got = quiet(AccuracyPredictor.fit(NETS[:22], y, kind).predict, NETS)
        assert ((got >= 0) & (got <= 1)).all()


def test_one_input_one_answer() -> None:
    y = truth(NETS[:25], 0.1)
    for kind in ("topology", "nn-degree"):
        texts = {AccuracyPredictor.fit(NETS[:25], y, kind).to_json() for _ in range(3)}
        assert len(texts) == 1


def test_the_order_of_networks_does_not_matter() -> None:
    y = truth(NETS[:25], 0.1)
    order = Random(1).sample(range(25), 25)
    mine = AccuracyPredictor.fit(NETS[:25], y)
    other = AccuracyPredictor.fit([NETS[i] for i in order], [y[i] for i in order])
    assert quiet(mine.predict, NETS) == pytest.approx(quiet(other.predict, NETS), rel=1e-9)


# The score


def test_a_score_is_a_sum_over_cells_and_logs_of_totals() -> None:
    arch = Architecture("resnet", [Cell(16, 3, 16), Cell(32, 2, 8), Cell(64, 4, 64)])
    terms = terms_of(arch)
    units = sum(TRUTH.cell_score(cell) for cell in terms.cells)
    assert isinstance(units, int)
    plain = sum(a * b for c in terms.cells for a, b in zip(TRUTH.cell, c.basis(), strict=True))
    assert units * 2.0**-SCORE_BITS == pytest.approx(plain, abs=3 * 2.0**-SCORE_BITS)
    logs = 0.3 * math.log(arch.macs) + 0.2 * math.log(arch.params)
    assert TRUTH.score(terms) == pytest.approx(-9.0 + plain + logs)
    assert AccuracyPredictor(topology=TRUTH).predict(arch) == logistic(TRUTH.score(terms))


def test_a_cells_score_is_its_own() -> None:
    cells = [Cell(16, 3, 16), Cell(32, 2, 8), Cell(64, 4, 64)]
    base = terms_of(Architecture("resnet", cells)).cells
    for at in range(3):
        changed = [c.replace(depth=c.depth + (k == at)) for k, c in enumerate(cells)]
        other = terms_of(Architecture("resnet", changed)).cells
        assert [a == b for a, b in zip(base, other, strict=True)] == [k != at for k in range(3)]


@given(st.floats(-1e6, 1e6))
def test_the_link_rises_within_0_and_1(z: float) -> None:
    assert 0.0 <= logistic(z) <= 1.0
    assert logistic(z) <= logistic(z + 1.0)
    assert logistic(z) == pytest.approx(1.0 - logistic(-z), abs=1e-15)


# Errors


def test_errors_left_out_are_those_of_fits_without_each_group() -> None:
    random = np.random.default_rng(0)
    x, y = random.normal(size=(12, 3)), random.normal(size=12)
    groups = np.array([0, 1, 2, 3, 3, 4, 5, 5, 5, 6, 7, 8])

    def weights(rows: Any) -> Any:
        z = np.column_stack([np.ones(len(rows)), x[rows]])
        return np.linalg.solve(z.T @ z + np.diag([0, 2, 2, 2]), z.T)

    every = np.arange(12)
    z = np.column_stack([np.ones(12), x])
    hat = z @ weights(every)
    errors, variances = left_out(hat, y - hat @ y, groups)
    for k in every:
        rest = every[groups != groups[k]]
        left = weights(rest)
        assert errors[k] == pytest.approx(y[k] - z[k] @ left @ y[rest])
        inner = z[rest].T @ z[rest] + np.diag([0, 2, 2, 2])
        assert variances[k] == pytest.approx(1 + z[k] @ np.linalg.solve(inner, z[k]))


def test_the_linear_model_is_consistent() -> None:
    random = np.random.default_rng(1)
    x = np.column_stack([random.normal(size=(30, 4)) * [1, 10, 1e-3, 1], np.full(30, 7.25)])
    y = x[:, :4] @ [1.0, 0.2, 500.0, 0.0] + 0.1 * random.normal(size=30)
    model = fit_linear(x, y)
    assert model.coefficients[:3] == pytest.approx([1.0, 0.2, 500.0], rel=0.1)
    assert model.coefficients[4] == 0.0
    assert model.intercept + x @ model.coefficients == pytest.approx(model.hat @ y)
    away = x - model.centre
    variance = 1 / 30 + np.einsum("ij,jk,ik->i", away, model.spread, away)
    assert (variance >= model.hat.diagonal() * 0.99).all()


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=2, max_size=30))
def test_rank_correlation_is_scipys(pairs: list[tuple[int, int]]) -> None:
    x, y = zip(*pairs, strict=True)
    if len(set(x)) < 2 or len(set(y)) < 2:
        assert math.isnan(spearman(x, y))
    else:
        assert spearman(x, y) == pytest.approx(spearmanr(x, y)[0], abs=1e-12)


@pytest.mark.parametrize("level", [0.5, 0.9])
def test_intervals_cover_what_they_promise(level: float) -> None:
    nets = flash.SearchSpace("densenet").sample(400, seed=11)
    designs = np.array([terms_of(net).design() for net in nets])
    random = Random(2)
    covered = []
    for draw in range(40):
        y = truth(nets, 0.15, seed=draw)
        use = random.sample(range(400), 40)
        rest = random.sample(sorted(set(range(400)) - set(use)), 40)
        fitted = AccuracyPredictor.fit([nets[i] for i in use], [y[i] for i in use])
        ends = fitted.interval([nets[i] for i in rest], level)
        covered += [low <= y[i] <= high for i, (low, high) in zip(rest, ends, strict=True)]
    assert len(designs) == 400
    assert level - 0.03 < np.mean(covered) < level + 0.06


@pytest.mark.parametrize("kind", ["topology", "nn-degree"])
def test_intervals_are_nested_and_hold_the_prediction(kind: str) -> None:
    fitted = AccuracyPredictor.fit(NETS[:25], truth(NETS[:25], 0.2), kind)
    got = [fitted.interval(NETS, level) for level in (0.3, 0.9, 0.96, 0.99, 0.9999)]
    middle = quiet(fitted.predict, NETS)
    for inner, outer in itertools.pairwise(got):
        assert (outer[:, 0] <= inner[:, 0]).all()
        assert (outer[:, 1] >= inner[:, 1]).all()
    for ends in got:
        assert ends.shape == (60, 2)
        assert ((ends[:, 0] <= middle + 1e-12) & (middle - 1e-12 <= ends[:, 1])).all()
        assert ((ends >= 0) & (ends <= 1)).all()
    one = fitted.interval(NETS[0], 0.9)
    assert isinstance(one, tuple)
    assert one == tuple(got[1][0])


def test_repeated_networks_are_left_out_together() -> None:
    nets = [*NETS[:12], *NETS[:12]]
    random = Random(4)
    y = [random.uniform(0.4, 0.9) for _ in range(12)] * 2  # nothing to learn but the repeats
    fitted = AccuracyPredictor.fit(nets, y)
    assert fitted.report is not None
    assert (fitted.report.networks, fitted.report.distinct) == (24, 12)
    assert fitted.report.mae > 0.08
    assert "12 distinct" in str(fitted.report)


def test_the_report_knows_its_baselines() -> None:
    y = truth(NETS[:30], 0.1)
    report = AccuracyPredictor.fit(NETS[:30], y).report
    assert report is not None
    rows = {row.name: row for row in report.rows}
    assert list(rows) == ["topology", "params", "macs", "nn_degree", "regression", "mean"]
    assert rows["regression"].mae > rows["topology"].mae
    for name, values in (
        ("params", [net.params for net in NETS[:30]]),
        ("macs", [net.macs for net in NETS[:30]]),
        ("nn_degree", [flash.nn_degree(net) for net in NETS[:30]]),
    ):
        assert rows[name].rank == pytest.approx(spearmanr(values, y)[0])
        assert rows[name].mae > rows["topology"].mae
    assert rows["mean"].rank is None
    others = [logistic(np.delete(logit(np.array(y)), k).mean()) for k in range(30)]
    assert rows["mean"].mae == pytest.approx(np.abs(np.subtract(others, y)).mean())


def test_shuffled_accuracies_earn_nothing() -> None:
    """Of 1,100 draws 3 passed (84 without the test against chance); of these 60 none may."""
    nets = flash.DenseNet().sample(25, seed=0)
    draws = [np.random.default_rng(s).uniform(0.4, 0.6, 25) for s in range(60)]
    reports = [AccuracyPredictor.fit(nets, y).report for y in draws]
    chances = [report.chance or 0.0 for report in reports if report is not None]
    assert len(chances) == 60
    assert not any(report is not None and report.earns_its_keep for report in reports)
    assert sum(chance <= 0.1 for chance in chances) <= 12  # 6 are to be expected
    assert sum(chance <= 0.5 for chance in chances) >= 20
    assert sum("NOT better than chance" in str(report) for report in reports) >= 56


def test_chance_is_a_count_of_shuffles() -> None:
    x, y = np.arange(6.0)[:, None], np.array([1.0, 2.0, 3.0, 4.0, 6.0, 5.0])
    found = chance_of(x, y, np.arange(6), False)
    own = spearmanr(x[:, 0], y)[0]
    every = [spearmanr(x[:, 0], p)[0] for p in itertools.permutations(y)]
    assert found == pytest.approx(np.mean([p >= own - 1e-9 for p in every]), abs=0.01)
    again = chance_of(x[::-1], y[::-1], np.arange(6)[::-1], False)
    assert again == found
    assert chance_of(x, y[[3, 1, 5, 0, 4, 2]], np.arange(6), True) > 0.05


def test_many_left_out_predictions_are_those_of_one_fit_each() -> None:
    random = np.random.default_rng(1)
    x, targets = random.normal(size=(14, 3)), random.normal(size=(5, 14))
    for y, got in zip(targets, fitting._left_out_of(x, targets), strict=True):
        model = fit_linear(x, y)
        fitted = model.intercept + x @ model.coefficients
        errors, _ = left_out(model.hat, y - fitted, np.arange(14))
        assert got == pytest.approx(y - errors, rel=1e-9)


def test_a_plain_regression_is_among_the_baselines() -> None:
    """Accuracies linear in three plain numbers: the regression is better, and it says so."""
    nets, random = flash.ResNet().sample(60, seed=0), np.random.default_rng(0)
    totals = [[math.log(net.macs), math.log(net.params)] for net in nets]
    x = np.c_[totals, [sum(cell.depth for cell in net.cells) for net in nets]]
    x = (x - x.mean(0)) / x.std(0)
    y = 0.7 + x @ [0.03, -0.02, 0.03] + random.normal(0, 0.004, 60)
    report = AccuracyPredictor.fit(nets, y.tolist()).report
    assert report is not None
    a = np.c_[np.ones(60), x]
    plain = []
    for i in range(60):
        line = np.linalg.lstsq(np.delete(a, i, 0), np.delete(y, i), rcond=None)[0]
        plain.append(a[i] @ line)
    row = {row.name: row for row in report.rows}["regression"]
    assert row.mae == pytest.approx(np.abs(plain - y).mean(), rel=0.02)
    assert row.mae < report.mae
    assert report.better == ("regression",)
    assert not report.earns_its_keep
    assert "NOT better than every baseline: regression does as well" in str(report)


def test_degree_0_is_the_least_accuracy() -> None:
    made = AccuracyPredictor(1.0, 5.0, -2.0)
    assert 0.0 < made.predict_degree(0) < 1e-300
    assert made.predict_degree(0) == made.predict_degree(1e-9)
    for bad in (-1.0, math.nan, math.inf):
        with pytest.raises(ArgumentError, match="degree must be"):
            made.predict_degree(bad)


def test_flags_what_lies_outside() -> None:
    fitted = AccuracyPredictor.fit(NETS[:25], truth(NETS[:25]))
    assert fitted.extrapolates(NETS).mean() < 0.3
    assert not fitted.extrapolates(NETS[0])
    far = Architecture("densenet", [Cell(512, 90), Cell(512, 90), Cell(512, 90)])
    other = flash.SearchSpace("resnet").sample(1)[0]
    assert fitted.extrapolates([far, other]).tolist() == [True, True]
    with pytest.warns(NotCalibratedWarning, match=r"2 of 3 networks .* \(numbers 1, 2\)"):
        fitted.predict([NETS[0], far, other])
    with pytest.warns(NotCalibratedWarning, match="the network lies outside"):
        fitted.predict(far)
    degree = AccuracyPredictor.fit(NETS[:25], curve(NETS[:25]), "nn-degree")
    assert degree.extrapolates(far)
    assert not degree.extrapolates(NETS[0])
    assert not AccuracyPredictor(*CURVE).extrapolates(far)
