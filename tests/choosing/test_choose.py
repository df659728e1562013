"""flash.choose equals complete enumeration, over the whole vocabulary."""

from __future__ import annotations

import random
from fractions import Fraction
from math import isclose
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twins.choices import Answer, Table, holds, met, random_conditions, random_problem

import flash

MANY = 400


def worth(answer: Answer, objective: Any, greatest: bool) -> Any:
    """What the least is asked of, for one objective or several."""
    if isinstance(objective, list):
        return tuple(worth(answer, one, greatest) for one in objective)
    if isinstance(objective, dict):
        value = 1.0
        for name, power in objective["product"].items():
            value *= float(answer.metrics[name]) ** power
    else:
        value = eval(holds(objective), {"Fraction": Fraction}, dict(answer.metrics))
    return -value if greatest else value


def differing(a: Answer, b: dict[str, Any]) -> int:
    return sum(a.choices[name] != option for name, option in b.items())


def check(seed: int) -> str:
    problem = random_problem(seed)
    table = Table(problem)
    where = random_conditions(problem, seed + 1)
    draw = random.Random(seed + 2)
    sums = [name for name in problem.metrics if name not in problem.peaks]
    objectives: list[Any] = [draw.choice(sums), f"3 * {sums[0]} - {sums[-1]} / 4"]
    objectives.append([draw.choice(problem.metrics), draw.choice(sums)])
    if "peak" in problem.metrics:
        objectives.append("peak")
    objective = draw.choice(objectives)
    greatest = draw.random() < 0.3
    k, distance = draw.choice([(1, 1), (1, 1), (3, 1), (2, 2)])
    distance = min(distance, len(problem.groups))
    result = flash.choose(
        problem, **{"maximize" if greatest else "minimize": objective},
        where=where, k=k, min_distance=distance,
    )  # fmt: skip
    answers = met(table, where)
    said = f"seed {seed}: {objective} {greatest} {where}"
    if not answers:
        assert result.status == "INFEASIBLE", said
        explained(result, table, where, said)
        return "INFEASIBLE"
    assert result.status == "OPTIMAL", said
    assert result.proven, said
    assert result.choices is not None
    found = [result.choices, *(one.choices for one in result.alternatives)]
    values = [result.metrics, *(one.metrics for one in result.alternatives)]
    best = min(worth(one, objective, greatest) for one in answers)
    for i, choices in enumerate(found):
        # each is the best of those that keep the distance to all before it
        left = [one for one in answers if all(differing(one, b) >= distance for b in found[:i])]
        own = next(one for one in answers if one.choices == choices)
        assert own in left, said
        assert worth(own, objective, greatest) == min(
            worth(one, objective, greatest) for one in left
        ), said
        assert values[i] == {name: float(one) for name, one in own.metrics.items()}, said
        if i:
            tied = worth(own, objective, greatest) == best
            assert result.alternatives[i - 1].tied == tied, said
    if len(found) < k:
        assert not [one for one in answers if all(differing(one, b) >= distance for b in found)], (
            said
        )
    if distance == 1:
        count = sum(worth(one, objective, greatest) == best for one in answers)
        assert result.tied == (count > 1), said
    return "OPTIMAL"


def explained(result: Any, table: Table, where: list[str], said: str) -> None:
    """Conflicts are minimal sets that nothing meets; a remedy's limit is the nearest."""
    texts = dict(zip(result.where, result.where, strict=True))
    for some in result.conflicts:
        assert not met(table, list(some)), said
        for one in some:
            assert met(table, [text for text in some if text != one]), (said, some)
    for remedy in result.remedies:
        assert not any(other != remedy and set(other) <= set(remedy) for other in result.remedies)
        assert all(set(remedy) & set(some) for some in result.conflicts), said
        eased = dict(texts)
        signs = {text: "<=" if "<" in text else ">=" for text in remedy}
        lefts = {
            text: text.split(" < ")[0].split(" <= ")[0].split(" > ")[0].split(" >= ")[0]
            for text in remedy
        }
        eased |= {text: f"{lefts[text]} {signs[text]} {v!r}" for text, v in remedy.items()}
        assert met(table, list(eased.values())), (said, remedy)
        for text, limit in remedy.items():
            off = -1e-6 if signs[text] == "<=" else 1e-6
            nearer = {**eased, text: f"{lefts[text]} {signs[text]} {limit + off!r}"}
            assert not met(table, list(nearer.values())), (said, remedy)


@pytest.mark.parametrize("first", range(0, MANY, 100))
def test_equals_complete_enumeration(first: int) -> None:
    seen = [check(1000 * seed) for seed in range(first, first + 100)]
    assert seen.count("OPTIMAL") > 30
    assert seen.count("INFEASIBLE") > 3


def test_several_conditions_give_together_by_the_least_common_share() -> None:
    problem = flash.ChoiceProblem.from_arrays(
        {"a": [[1, 2, 4], [1, 3, 5]], "b": [[9, 5, 2], [8, 4, 1]]}, groups=["g", "h"],
        options=[["x", "y", "z"]] * 2,
    )  # fmt: skip
    every = [
        (a + c, b + d) for a, b in ((1, 9), (2, 5), (4, 2)) for c, d in ((1, 8), (3, 4), (5, 1))
    ]
    found = flash.choose(problem, minimize="a", where=["a <= 1", "b <= 2"])
    assert found.conflicts == (("a <= 1",), ("b <= 2",))
    (remedy,) = found.remedies
    share = max(remedy["a <= 1"] / 1, remedy["b <= 2"] / 2)
    assert share == min(max(a / 1, b / 2) for a, b in every)
    assert (remedy["a <= 1"], remedy["b <= 2"]) in every
    # lower limits fall by the share, and what compares with no number stays
    found = flash.choose(problem, minimize="a", where=["a >= 12", "b >= 20", "g != 'x'"])
    assert {frozenset(one) for one in found.conflicts} == {
        frozenset({"a >= 12"}), frozenset({"b >= 20"})
    }  # fmt: skip
    (remedy,) = found.remedies
    inside = [(a + c, b + d) for a, b in ((2, 5), (4, 2)) for c, d in ((1, 8), (3, 4), (5, 1))]
    assert (remedy["a >= 12"], remedy["b >= 20"]) in inside
    share = max(12 / remedy["a >= 12"], 20 / remedy["b >= 20"])
    assert share == min(max(12 / a, 20 / b) for a, b in inside)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**9))
def test_equals_complete_enumeration_anywhere(seed: int) -> None:
    check(seed)


@pytest.mark.parametrize("seed", range(40))
def test_products_equal_enumeration(seed: int) -> None:
    draw = random.Random(seed)
    groups, options = draw.randint(1, 4), draw.randint(1, 4)
    metrics = {
        name: [[draw.randint(1, 50) / 4 for _ in range(options)] for _ in range(groups)]
        for name in ("a", "b", "c")
    }
    problem = flash.ChoiceProblem.from_arrays(metrics)
    powers = {name: draw.choice([-2.0, -1.0, 0.5, 1.0, 3.0]) for name in ("a", "b", "c")}
    objective = {"product": powers}
    where = [f"a + b <= {draw.randint(10, 25) * groups}"]
    answers = met(Table(problem), where)
    result = flash.choose(problem, maximize=objective, where=where)
    if not answers:
        assert result.status == "INFEASIBLE"
        return
    assert result.proven
    best = max(-worth(one, objective, True) for one in answers)
    assert result.objective is not None
    assert isclose(result.objective, best, rel_tol=1e-12)
