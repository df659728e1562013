"""The steps of a condition's limit, and sweeps of problems of choices, drawn."""

from __future__ import annotations

import pytest

import flash
from flash.charts.chart import Bars, Parallel, Points, Rule
from flash.choosing.charted import chart_of as sweep_chart
from flash.choosing.steps import chart_of, charts_of
from flash.errors import ArgumentError

PROBLEM = flash.ChoiceProblem.from_table(
    {
        layer: {
            f"int{bits}": {"loss": round(work / 2**bits, 4), "ms": work * bits, "kib": 3 * bits}
            for bits in (2, 3, 4)
        }
        for layer, work in [("a", 1), ("b", 3), ("c", 2)]
    },
    group="layer",
    option="bits",
)
WHERE = "ms <= 20 and kib <= 30"


@pytest.mark.parametrize(
    ("given", "condition"),
    [
        ({"minimize": "loss"}, "ms <= 20"),
        ({"minimize": "loss"}, "kib <= 30"),
        ({"maximize": "2 * ms - kib"}, "kib <= 30"),
    ],
)
def test_steps_are_what_flash_chooses(given: dict[str, str], condition: str) -> None:
    answer = flash.choose(PROBLEM, where=WHERE, **given)
    chart = chart_of(answer, condition)
    points = next(mark for mark in chart.panels[0].marks if isinstance(mark, Points))
    other = next(one for one in answer.where if one != condition)
    name = condition.split()[0]
    for limit, best in zip(points.x, points.y, strict=True):
        found = flash.choose(PROBLEM, where=f"{other} and {name} <= {limit!r}", **given)
        assert found.objective == best
    below = flash.choose(PROBLEM, where=f"{other} and {name} <= {points.x[0] - 1e-6!r}", **given)
    assert below.choices is None
    rule = next(mark for mark in chart.panels[0].marks if isinstance(mark, Rule))
    assert rule.at == float(condition.split()[-1])
    assert f"{other} throughout" in chart.notes[1]
    after = [(x, y) for x, y in zip(points.x, points.y, strict=True) if x > rule.at]
    steps = answer.sensitivity(condition)[condition][1:]
    assert list(steps) == after


def test_a_floor_is_read_from_above() -> None:
    answer = flash.choose(PROBLEM, minimize="ms", where="kib >= 20")
    points = next(
        mark for mark in chart_of(answer, None).panels[0].marks if isinstance(mark, Points)
    )
    assert list(points.x) == sorted(points.x, reverse=True)
    for limit, best in zip(points.x, points.y, strict=True):
        assert flash.choose(PROBLEM, minimize="ms", where=f"kib >= {limit!r}").objective == best


def test_what_has_no_steps() -> None:
    answer = flash.choose(PROBLEM, minimize="loss", where=WHERE)
    with pytest.raises(ArgumentError, match="condition must be one on a sum, of 'ms <= 20'"):
        answer.plot(condition="ms <= 21")
    with pytest.raises(ArgumentError, match="there is none"):
        flash.choose(PROBLEM, minimize="loss").plot()
    read = flash.ChoiceResult.from_json(answer.to_json())
    with pytest.raises(ArgumentError, match="in this process"):
        read.plot()
    assert charts_of(read) == []
    assert len(charts_of(answer)) == 1


def test_a_sweep_of_a_problem() -> None:
    sweep = flash.sweep(PROBLEM, where=WHERE, minimize="loss", top=4)
    chart = sweep_chart(sweep, "histograms")
    for panel in chart.panels:
        bars = next(mark for mark in panel.marks if isinstance(mark, Bars))
        assert sum(bars.lengths) == sweep.feasible
    (mark,) = sweep_chart(sweep, "parallel").panels[0].marks
    assert isinstance(mark, Parallel)
    assert list(mark.columns[0]) == [one.objective for one in sweep.top]
    with pytest.raises(ArgumentError, match="no best answers"):
        flash.sweep(PROBLEM, where=WHERE).plot(kind="parallel")
