"""Calibrations drawn: left-out predictions beside what was measured."""

from __future__ import annotations

import numpy as np
import pytest

import flash
from flash import Target
from flash.charts.chart import Intervals, Points
from flash.errors import ArgumentError
from flash.hardware._calibration_chart import chart_of, charts_of

SPACE = flash.ResNet(depths=[1, 2, 3])


def test_left_out_networks_lie_beside_what_was_measured(tmp_path) -> None:  # type: ignore[no-untyped-def]
    base = Target.load("raspberry-pi-4")
    nets = [SPACE.decode(k) for k in SPACE.sample_indices(30, seed=1).tolist()]
    noise = np.exp(np.random.default_rng(2).normal(0.0, 0.04, len(nets)))
    measured = [
        base.cost(net).latency_ms * float(one) for net, one in zip(nets, noise, strict=True)
    ]
    mine = flash.calibrate(base, nets, latency_ms=measured, path=tmp_path / "mine.json")
    for target in (mine, Target.load(tmp_path / "mine.json")):
        chart = chart_of(target)
        points = next(mark for mark in chart.panels[0].marks if isinstance(mark, Points))
        assert list(points.x) == pytest.approx(measured, rel=1e-5)
        errors = np.abs(np.array(points.y) / np.array(points.x) - 1.0)
        held_out = (target.residuals or {})["default"]["held_out"]["latency_ms"]["mape_pct"]
        assert 100 * errors.mean() == pytest.approx(held_out, abs=2e-3)
        ends = next(mark for mark in chart.panels[0].marks if isinstance(mark, Intervals))
        inside = [a <= x <= b for x, a, b in zip(points.x, ends.low, ends.high, strict=True)]
        assert f"90 % intervals hold {100 * sum(inside) / len(inside):.0f} %" in chart.notes[0]
        assert sum(inside) >= 0.9 * len(inside) - 1
        assert len(charts_of(target)) == 1


def test_targets_without_their_networks() -> None:
    shipped = Target.load("rram")
    with pytest.raises(ArgumentError, match="'rram' holds no networks"):
        shipped.plot()
    assert charts_of(shipped) == []
