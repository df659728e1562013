"""Left-out predictions of a predictor's own networks, and their chart."""

from __future__ import annotations

import numpy as np
import pytest

import flash
from flash import AccuracyPredictor
from flash.charts.chart import Intervals, Points
from flash.errors import ArgumentError
from flash.predictors.charted import chart_of, charts_of
from flash.predictors.left_out import left_out_of

SPACE = flash.DenseNet()


def trained(n: int) -> tuple[list[flash.Architecture], list[float]]:
    nets = [SPACE.decode(k) for k in SPACE.sample_indices(n, seed=5).tolist()]
    noise = np.random.default_rng(0).normal(0.0, 0.002, n)
    told = [0.6 + 0.02 * np.log(net.macs) / 2 + 0.01 * np.sin(net.cells[0].depth) for net in nets]
    return nets, np.clip(np.array(told) + noise, 0.0, 1.0).tolist()


@pytest.mark.parametrize(("kind", "n"), [("topology", 20), ("nn-degree", 12), ("grown", 52)])
def test_they_are_those_that_the_report_is_about(kind: str, n: int) -> None:
    predictor = AccuracyPredictor.fit(*trained(n), kind=kind)
    report = predictor.report
    assert report is not None
    found = left_out_of(predictor)
    assert float(np.abs(found.predicted - found.measured).mean()) == pytest.approx(report.mae)
    assert found.held >= 0.9 - 1.0 / n  # the conformal quantile of these very errors
    assert ((found.low < found.predicted) & (found.predicted < found.high)).all()
    chart = chart_of(predictor)
    points = next(mark for mark in chart.panels[0].marks if isinstance(mark, Points))
    assert list(points.y) == pytest.approx((100 * found.predicted).tolist())
    ends = next(mark for mark in chart.panels[0].marks if isinstance(mark, Intervals))
    assert list(ends.high) == pytest.approx((100 * found.high).tolist())
    assert report.verdict in chart.notes[-1]


def test_leaving_out_is_what_a_fit_without_a_network_says() -> None:
    nets, accuracies = trained(12)
    found = left_out_of(AccuracyPredictor.fit(nets, accuracies, kind="topology"))
    # in closed form the strength of the prior is that of all: a fit anew differs a little
    fewer = AccuracyPredictor.fit(nets[1:], accuracies[1:], kind="topology")
    assert found.predicted[0] == pytest.approx(fewer.predict_one(nets[0]), abs=2e-3)


def test_predictors_without_their_networks() -> None:
    shipped = AccuracyPredictor.load("default")
    with pytest.raises(ArgumentError, match="does not hold the networks"):
        shipped.plot()
    with pytest.raises(ArgumentError, match="made by hand"):
        AccuracyPredictor(1.1, 2.0, -3.0).plot()
    assert charts_of(shipped) == []
