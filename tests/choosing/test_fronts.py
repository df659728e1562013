"""flash.pareto of a problem of choices equals the front of complete enumeration."""

from __future__ import annotations

import json
import random
from fractions import Fraction
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twins.choices import Answer, Table, holds, met, random_conditions, random_problem

import flash
from flash.errors import ArgumentError, FormatError

if TYPE_CHECKING:
    from pathlib import Path


def values_of(answer: Answer, names: list[str], up: list[bool]) -> tuple[Fraction, ...]:
    """What an answer has of each objective, to be as small as it can."""
    found = []
    for name, greatest in zip(names, up, strict=True):
        value = eval(holds(name), {"Fraction": Fraction}, dict(answer.metrics))
        found.append(-value if greatest else value)
    return tuple(found)


def undominated(all_values: set[tuple[Fraction, ...]]) -> set[tuple[Fraction, ...]]:
    return {
        one
        for one in all_values
        if not any(
            other != one and all(a <= b for a, b in zip(other, one, strict=True))
            for other in all_values
        )
    }


def check(seed: int) -> int:
    """Compare one random front; return how many objectives it has."""
    problem = random_problem(seed)
    table = Table(problem)
    where = random_conditions(problem, seed + 1)
    draw = random.Random(seed + 2)
    sums = [name for name in problem.metrics if name not in problem.peaks]
    pool = [*problem.metrics, f"{sums[0]} - 2 * {sums[-1]} / 4 + 1"]
    names = draw.sample(pool, min(draw.choice([2, 2, 3, 4]), len(pool)))
    least = [name for name in names if draw.random() < 0.7]
    most = [name for name in names if name not in least]
    names, up = [*least, *most], [False] * len(least) + [True] * len(most)
    front = flash.pareto(problem, minimize=least or None, maximize=most or None, where=where)
    said = f"seed {seed}: {least} {most} {where}"
    answers = met(table, where)
    expected = undominated({values_of(one, names, up) for one in answers})
    told = [tuple(-x if u else x for x, u in zip(one.values, up, strict=True)) for one in front]
    assert front.proven, said
    assert front.status == ("OPTIMAL" if expected else "INFEASIBLE"), said
    assert front.objectives == tuple(names), said
    assert front.greatest == tuple(up), said
    assert told == sorted(tuple(map(float, one)) for one in expected), said
    for one in front:
        own = next(answer for answer in answers if answer.choices == one.choices)
        assert one.metrics == {name: float(value) for name, value in own.metrics.items()}, said
        assert values_of(own, names, up) in expected, said
    return len(names)


@pytest.mark.parametrize("first", range(0, 300, 100))
def test_equals_complete_enumeration(first: int) -> None:
    seen = [check(7000 * seed) for seed in range(first, first + 100)]
    assert set(seen) == {2, 3, 4}


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**9))
def test_equals_complete_enumeration_anywhere(seed: int) -> None:
    check(seed)


def problem_of(groups: int, options: int, metrics: int = 2, seed: int = 0) -> flash.ChoiceProblem:
    draw = random.Random(seed)
    names = ["loss", "latency_ms", "memory_mib"][:metrics]
    return flash.ChoiceProblem.from_arrays(
        {
            name: [[draw.randint(1, 60) for _ in range(options)] for _ in range(groups)]
            for name in names
        }
    )


def test_three_objectives_of_many_points() -> None:
    problem = problem_of(4, 6, 3)
    front = flash.pareto(problem, minimize=list(problem.metrics))
    answers = [tuple(one.metrics.values()) for one in Table(problem).answers()]
    assert {one.values for one in front} == {
        tuple(map(float, one)) for one in undominated(set(answers))
    }
    assert len(front) > 60


def test_the_least_of_a_front_is_what_choose_finds() -> None:
    problem = problem_of(30, 8)
    front = flash.pareto(problem, minimize=["loss", "latency_ms"])
    assert front.proven
    assert len(front) > 100
    for i in (0, len(front) // 2, len(front) - 1):
        budget = front[i].values[1]
        found = flash.choose(problem, minimize="loss", where=f"latency_ms <= {budget}")
        assert found.objective == front[i].values[0]
    losses, latencies = zip(*(one.values for one in front), strict=True)
    assert list(losses) == sorted(set(losses))
    assert list(latencies) == sorted(set(latencies), reverse=True)


@pytest.mark.parametrize("metrics", [2, 3])
def test_a_callback_ends_it(metrics: int) -> None:
    problem = problem_of(12, 6, metrics)
    seen: list[Any] = []

    def hear(event: Any) -> bool:
        seen.append(event)
        return event.points >= 3

    front = flash.pareto(problem, minimize=list(problem.metrics), callback=hear)
    assert front.stopped == "callback"
    assert not front.proven
    assert front.status == "FEASIBLE"
    assert len(front) == 3
    assert seen[-1].points == 3
    assert seen[-1].elapsed_s > 0.0
    whole = flash.pareto(problem, minimize=list(problem.metrics))
    assert {one.values for one in front if one.proven} <= {one.values for one in whole}
    assert "stopped by callback; not proven" in str(front)


def test_ctrl_c_keeps_what_is_found() -> None:
    def hear(event: Any) -> None:
        if event.points == 2:
            raise KeyboardInterrupt

    front = flash.pareto(problem_of(12, 6), minimize=["loss", "latency_ms"], callback=hear)
    assert front.stopped == "interrupt"
    assert len(front) == 2
    assert not front.proven


def test_the_time_limit() -> None:
    problem = problem_of(60, 20, 3)
    front = flash.pareto(problem, minimize=list(problem.metrics), time_limit_s=0.2)
    assert front.status == "TIME_LIMIT"
    assert front.stopped == "time_limit_s"
    assert len(front) > 0
    assert front.elapsed_s < 10.0
    none = flash.pareto(problem, minimize=["loss", "latency_ms"], time_limit_s=1e-9)
    assert (none.status, len(none), none.proven) == ("TIME_LIMIT", 0, False)


def test_progress_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    flash.pareto(problem_of(6, 4), minimize=["loss", "latency_ms"], progress=True)
    assert " points, " in capsys.readouterr().err


def test_nothing_within_the_conditions() -> None:
    front = flash.pareto(problem_of(3, 3), minimize=["loss", "latency_ms"], where="loss <= 0")
    assert front.status == "INFEASIBLE"
    assert front.proven
    assert not front
    assert "no answer meets the conditions" in str(front)
    with pytest.raises(ArgumentError, match="there is no point: INFEASIBLE"):
        front.plot()


def test_as_data_and_text() -> None:
    problem = problem_of(5, 4)
    front = flash.pareto(problem, minimize=["loss", "latency_ms"], where=["loss <= 200"])
    again = flash.ChoiceFront.from_json(front.to_json())
    assert again == front
    assert hash(again) == hash(front)
    assert front != front.replace(where=())
    assert front[0] is front.points[0]
    assert front[:2] == front.points[:2]
    assert list(front) == list(front.points)
    text = str(front)
    assert text == repr(front)
    assert "loss against latency_ms: OPTIMAL" in text
    assert "where loss <= 200" in text
    assert "<table>" in front._repr_html_()
    for key, value in (("points", 5), ("proven", "yes"), ("stopped", "rain"), ("nodes", -1)):
        with pytest.raises(FormatError, match=key):
            flash.ChoiceFront.from_dict({**front.to_dict(), key: value})
    with pytest.raises(FormatError, match="2 values, one for each objective"):
        flash.ChoiceFront.from_dict({**front.to_dict(), "greatest": [True]})
    with pytest.raises(FormatError, match="format must be 'flash-choice-front-1'"):
        flash.ChoiceFront.from_dict({**front.to_dict(), "format": "flash-front-1"})


def test_it_is_written(tmp_path: Path) -> None:
    front = flash.pareto(problem_of(3, 3), minimize=["loss", "latency_ms"])
    front.to_json(tmp_path / "front.json")
    assert json.loads((tmp_path / "front.json").read_text())["proven"] is True
    assert flash.ChoiceFront.from_json(tmp_path / "front.json") == front


@pytest.mark.skipif(find_spec("pandas") is None, reason="needs pandas")
def test_as_a_frame() -> None:
    front = flash.pareto(problem_of(3, 3), minimize=["loss", "latency_ms"])
    frame = front.to_frame()
    assert list(frame.columns) == ["loss", "latency_ms", "0", "1", "2"]
    assert frame["loss"].tolist() == [one.values[0] for one in front]
    assert frame["1"].tolist() == [one.choices["1"] for one in front]


@pytest.mark.skipif(find_spec("matplotlib") is None, reason="needs matplotlib")
def test_a_picture() -> None:
    figure = flash.pareto(problem_of(5, 5), minimize="loss", maximize="latency_ms").plot()
    (axes,) = figure.axes
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("loss", "latency_ms")
    assert "latency_ms: more is better" in figure._supxlabel.get_text()
    problem = problem_of(3, 3, 3)
    with pytest.raises(ArgumentError, match="two objectives, this one has 3"):
        flash.pareto(problem, minimize=list(problem.metrics)).plot()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, r"two to 8 objectives, such as minimize=\['loss', 'latency_ms'\], got 0"),
        ({"minimize": "loss"}, "got 1; for one there is flash.choose"),
        ({"minimize": ["loss", "loss"]}, "must be different, got 'loss' twice"),
        ({"minimize": ["loss", {"product": {"loss": 1}}]}, "a product is neither"),
        ({"minimize": ["loss", "latency"]}, "did you mean 'latency_ms'"),
        ({"minimize": ["loss", "latency_ms"], "max_macs": 5}, "max_macs is of a space"),
        ({"minimize": ["loss", "latency_ms"], "epsilon": 0.1}, "epsilon is of a space"),
        ({"minimize": ["loss", "latency_ms"], "where": "lost < 3"}, "did you mean 'loss'"),
        ({"minimize": ["loss", "latency_ms"], "time_limit_s": 0}, "time_limit_s must be"),
    ],
)
def test_bad_input(given: dict[str, Any], told: str) -> None:
    with pytest.raises(ArgumentError, match=told):
        flash.pareto(problem_of(2, 2), **given)


def test_arguments_of_a_problem_are_not_those_of_a_space() -> None:
    with pytest.raises(ArgumentError, match=r"minimize is for a flash\.ChoiceProblem"):
        flash.pareto("densenet", "rram", minimize=["loss", "x"])  # type: ignore[call-overload]
    with pytest.raises(flash.FlashError, match="missing required argument: 'target'"):
        flash.pareto("densenet")  # type: ignore[call-overload]
