"""Sweeps drawn: histograms, and the best ones on parallel axes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import flash
from flash.charts.chart import Bars, Parallel, Rule
from flash.errors import ArgumentError
from flash.sweeps.charted import chart_of, charts_of, read_rows

SPACE = flash.DenseNet(width_multipliers=[1, 2], depths=[3, 5, 6], skips=[0, 16])


@pytest.fixture(scope="module")
def sweep() -> flash.SweepResult:
    return flash.sweep(SPACE, "rram", max_latency_ms=1.5, top=5)


def test_histograms_count_all_that_is_within(sweep: flash.SweepResult) -> None:
    chart = chart_of(sweep, "histograms")
    assert f"{sweep.feasible:,} of {sweep.count:,} configurations" in chart.title
    assert len(chart.panels) == len(sweep.histograms or {})
    for panel in chart.panels:
        bars = next(mark for mark in panel.marks if isinstance(mark, Bars))
        assert sum(bars.lengths) == sweep.feasible
    rules = {one.name: one.at for one in chart.panels[1].marks if isinstance(one, Rule)}
    assert sweep.best is not None
    (bars,) = (one for one in chart.panels[1].marks if isinstance(one, Bars))
    end = bars.places[-1] + bars.width[-1] / 2.0
    assert 1.5 - 0.1 * bars.width[0] < end <= 1.5  # no bin goes on beyond the budget
    assert "ends at its budget" in chart.notes[-1]
    assert chart.panels[1].title.startswith("bins of 0.0")
    assert rules == {"the budget": 1.5, "the best one": sweep.best.latency_ms}


def test_the_best_are_lines_through_metrics_and_choices(sweep: flash.SweepResult) -> None:
    chart = chart_of(sweep, "parallel")
    (mark,) = chart.panels[0].marks
    assert isinstance(mark, Parallel)
    assert list(mark.columns[0]) == [one.objective for one in sweep.top]
    assert mark.axes[0].title == "NN-Degree"
    assert all(len(column) == len(sweep.top) for column in mark.columns)
    assert len(charts_of(sweep)) == 2


def test_colour_bars_say_by_what_lines_are_coloured(sweep: flash.SweepResult) -> None:
    chart = chart_of(sweep, "parallel")
    labels = [axes.get_ylabel() for axes in chart.matplotlib().axes]
    assert "colour: NN-Degree" in labels
    (lines,) = chart.plotly().data
    assert lines.type == "parcoords"
    assert lines.line.colorbar.title.text == "colour: NN-Degree"
    two = chart.replace(panels=chart.panels * 2, columns=1).plotly()
    assert "parcoords" not in {one.type for one in two.data}  # a second one's lines are not drawn
    bars = [one.marker.colorbar.title.text for one in two.data if one.marker.showscale]
    assert bars == ["colour: NN-Degree"] * 2
    drawn = sum(
        np.isnan(one.y).sum() for one in two.data if one.hoverinfo == "skip" and one.opacity
    )
    assert drawn == 2 * len(sweep.top)


def test_what_is_not_drawn() -> None:
    nothing = flash.sweep(SPACE, "rram", max_latency_ms=1e-6)
    with pytest.raises(ArgumentError, match="no configuration is within the budgets"):
        nothing.plot()
    with pytest.raises(ArgumentError, match="no best ones"):
        nothing.plot(kind="parallel")
    with pytest.raises(ArgumentError, match="kind must be one of"):
        nothing.plot(kind="pie")
    assert charts_of(nothing) == []


def test_rows_of_a_folder_lie_behind(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    made = flash.sweep(SPACE, "rram", max_latency_ms=1.5, top=3, out=tmp_path / "rows")
    columns = read_rows(str(tmp_path / "rows"), 7)
    assert {len(column) for column in columns.values()} == {7}
    assert "index" not in columns
    assert max(columns["latency_ms"]) <= 1.5
    chart = chart_of(made, "parallel")
    behind = chart.panels[0].marks[0]
    assert isinstance(behind, Parallel)
    assert len(behind.columns[0]) == min(1000, made.rows or 0)
    assert f"of the {made.rows:,} rows" in chart.notes[1]
