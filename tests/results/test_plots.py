"""A result drawn: steps of a budget, the difference of two, budgets used, the trace."""

from __future__ import annotations

from itertools import pairwise

import pytest

import flash
from flash import SearchResult
from flash.charts.chart import Bars, Chart, Line, Points, Rule
from flash.errors import ArgumentError, ArgumentTypeError
from flash.results.difference import chart_of as difference_chart
from flash.results.difference import choices_of, costs_of, parts_of, times_of
from flash.results.drawing import chart_of, trace_panel
from flash.results.steps import chart_of as steps_chart
from flash.results.steps import steps_of

SPACE = flash.DenseNet(width_multipliers=[1, 2], depths=[3, 5], skips=[0, 16])


@pytest.fixture(scope="module")
def result() -> SearchResult:
    return flash.search(SPACE, "rram", max_latency_ms=0.9, max_area_mm2=40.0)


def names(chart: Chart) -> list[str]:
    return [
        mark.name for panel in chart.panels for mark in panel.marks if getattr(mark, "name", "")
    ]


@pytest.mark.parametrize("budget", ["max_latency_ms", "max_energy_mj", "max_area_mm2"])
def test_steps_are_what_searches_find(result: SearchResult, budget: str) -> None:
    steps = result.sensitivity(budget)[budget]
    assert len(steps) > 1
    others = {name: limit for name, limit in result.budgets.items() if name != budget}
    for (limit, best), (following, better) in pairwise(steps):
        assert limit < following
        assert best < better
        for within, wanted in ((limit, best), (limit + 0.5 * (following - limit), best)):
            found = flash.search(SPACE, "rram", **others, **{budget: within})
            assert found.objective == wanted
    tight = flash.search(SPACE, "rram", **others, **{budget: steps[0][0] * (1 - 1e-9)})
    assert tight.x is None
    assert flash.search(SPACE, "rram", **others).objective == steps[-1][1]


def test_steps_of_a_least_cost_and_by_default_of_each_budget(result: SearchResult) -> None:
    assert list(result.sensitivity()) == ["max_latency_ms", "max_area_mm2"]
    least = flash.search(SPACE, "rram", minimize="latency_ms", max_area_mm2=60.0)
    steps = least.sensitivity("max_params")["max_params"]
    for limit, best in steps:
        found = flash.search(
            SPACE, "rram", minimize="latency_ms", max_area_mm2=60.0, max_params=limit
        )
        assert found.latency_ms == best
    assert [best for _, best in steps] == sorted((best for _, best in steps), reverse=True)


def test_steps_of_a_floor_of_accuracy() -> None:
    asked = {"predictor": "default", "minimize": "latency_ms"}
    least: SearchResult = flash.search(SPACE, "rram", min_accuracy=0.4, **asked)  # type: ignore[call-overload]
    steps = least.sensitivity("min_accuracy")["min_accuracy"]
    for limit, best in (steps[0], steps[len(steps) // 2], steps[-1]):
        found = flash.search(SPACE, "rram", min_accuracy=limit, **asked)  # type: ignore[call-overload]
        assert found.latency_ms == best
    assert steps[0][0] > steps[-1][0]  # the tightest first
    again = least.replace(seed=1)  # a copy knows its predictor too
    assert again.sensitivity("min_accuracy")["min_accuracy"] == steps
    read = SearchResult.from_json(least.to_json())
    with pytest.raises(ArgumentError, match="predictor must be given"):
        read.sensitivity("min_accuracy")
    assert read.sensitivity("min_accuracy", predictor="default")["min_accuracy"] == steps


def test_the_chart_of_a_budget_says_where_one_stands(result: SearchResult) -> None:
    chart = steps_chart(result, steps_of(result, "max_latency_ms"))
    line, points, rule, own = chart.panels[0].marks
    assert isinstance(line, Line)
    assert line.steps == "after"
    assert isinstance(points, Points)
    assert isinstance(rule, Rule)
    assert rule.at == 0.9
    assert isinstance(own, Points)
    assert (own.x[0], own.y[0]) == (result.latency_ms, result.objective)
    assert "exact; below" in chart.notes[0]
    binds = "binds" if "max_area_mm2" in (result.binding or {}) else "does not bind"
    assert chart.notes[1] == f"max_area_mm2 40 mm² throughout; at this result it {binds}"
    assert callable(points.hover)
    assert "cell 1: width" in points.hover(0)


def test_a_result_from_a_file_has_the_same_steps(result: SearchResult) -> None:
    read = SearchResult.from_json(result.to_json())
    assert read.sensitivity("max_area_mm2") == result.sensitivity("max_area_mm2")
    with pytest.raises(ArgumentError, match="target must be 'rram', got 'cpu-x86'"):
        read.sensitivity("max_area_mm2", target="cpu-x86")


@pytest.mark.parametrize(
    ("options", "budget", "message"),
    [
        ({}, "max_latency", "did you mean 'max_latency_ms'"),
        ({"confidence": 0.9}, "max_area_mm2", "search without confidence"),
        ({"objective": {"accuracy": 1, "latency_ms": -1}}, "max_area_mm2", "of NN-Degree, of a"),
        ({"minimize": "latency_ms"}, "max_latency_ms", "not be one on what is searched for"),
        ({"max_area_mm2": 1.0}, "max_latency_ms", "there are no steps: "),
    ],
)
def test_there_are_not_always_steps(options: dict[str, object], budget: str, message: str) -> None:
    given = {"max_latency_ms": 20.0, **options}
    found: SearchResult = flash.search(SPACE, "rram", **given)  # type: ignore[call-overload]
    with pytest.raises(ArgumentError, match=message):
        found.sensitivity(budget)


def test_the_difference_of_two_results(result: SearchResult) -> None:
    other = flash.search(SPACE, "rram", max_latency_ms=0.7)
    chosen = [row for row in choices_of(result, other) if row[1] != row[2]]
    assert chosen
    for name, one, two in chosen:
        _, number, field = name.split()
        for own, net in ((one, result.architecture), (two, other.architecture)):
            assert net is not None
            assert own == str(getattr(net.cells[int(number) - 1], field))
    ratios = {name: ratio for name, _, _, ratio in costs_of(result, other)}
    assert ratios["params"] == other.params / result.params  # type: ignore[operator]
    times = times_of(result, other)
    assert times is not None
    assert sum(one for _, one, _ in times) == pytest.approx(result.latency_ms)
    assert sum(two for _, _, two in times) == pytest.approx(other.latency_ms)
    text = result.difference(other)
    assert "chosen otherwise" in text
    assert f"{ratios['params']:.4g}" in text
    chart = difference_chart(result, other)
    assert len(chart.panels) == 4
    bars = next(mark for mark in chart.panels[2].marks if isinstance(mark, Bars))
    ends = [(low, low + long) for low, long in zip(bars.start, bars.lengths, strict=True)]
    some = [ratio for ratio in ratios.values() if ratio is not None]
    for (low, high), ratio in zip(ends, some, strict=True):
        assert (low, high) == pytest.approx((min(1.0, ratio), max(1.0, ratio)))
    assert "the same network" in parts_of(result, result)


def test_what_is_not_drawn(result: SearchResult) -> None:
    nothing = flash.search(SPACE, "rram", max_latency_ms=0.001)
    for draw in (nothing.plot, lambda: nothing.plot(against=result)):
        with pytest.raises(ArgumentError, match="no network"):
            draw()
    with pytest.raises(ArgumentError, match="against has no network: INFEASIBLE"):
        result.plot(against=nothing)
    with pytest.raises(ArgumentTypeError, match="against must be a SearchResult, got 3"):
        result.plot(against=3)  # type: ignore[call-overload]
    with pytest.raises(ArgumentError, match="different plots"):
        result.plot(against=result, budget="max_params")
    with pytest.raises(ArgumentError, match="belong to a plot of a budget"):
        result.plot(target="rram")
    assert nothing._charts() == []


def test_budgets_are_shares_of_their_limits(result: SearchResult) -> None:
    chart = chart_of(result)
    used = next(mark for mark in chart.panels[1].marks if isinstance(mark, Bars))
    wanted = [100 * result.latency_ms / 0.9, 100 * result.area_mm2 / 40]  # type: ignore[operator]
    assert list(used.lengths) == pytest.approx(wanted)
    assert "OPTIMAL" in chart.title
    assert "the budget" in names(chart)


def test_budgets_and_what_is_used_of_them_are_written_alike() -> None:
    found = flash.search(SPACE, "rram", max_params=1.5e6, max_area_mm2=60.0)
    bars = next(one for one in chart_of(found).panels[1].marks if isinstance(one, Bars))
    texts = [text.partition(": ")[2] for text in bars.hover or ()]  # type: ignore[union-attr]
    assert texts == [f"{found.area_mm2:.6g} of 60 mm²", f"{found.params:,} of 1,500,000"]


def test_the_best_so_far_cannot_fall() -> None:
    found = flash.search(SPACE, "rram", method="random", max_evals=40, max_latency_ms=2.0, seed=3)
    late = found.replace(trace=((1, 1, 0.1, 5.0), (2, 2, 0.2, 4.0), (3, 3, 0.3, 6.0)))
    panel = trace_panel(late)
    assert panel is not None
    line = next(mark for mark in panel.marks if isinstance(mark, Line))
    assert list(line.y) == [5.0, 6.0, 6.0]
    assert list(line.x) == [1.0, 3.0, float(found.nfev)]
    assert trace_panel(found.replace(trace=())) is None
    assert len(chart_of(found).panels) == 3
