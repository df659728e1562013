"""What flash.choose does not accept: told by name, with what is accepted, before any work."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest

import flash
from flash.choosing.conditions import read_conditions
from flash.errors import ArgumentError, ArgumentTypeError

PROBLEM = flash.ChoiceProblem.from_arrays(
    {"loss": [[3, 1], [4, 2]], "ms": [[1, 2], [1, 4]], "kib": [[1, 2], [1, 4]]},
    peaks=["kib"],
    groups=["conv1", "conv2"],
    options=[["int4", "int8"], ["int4", "int8"]],
)


@pytest.mark.parametrize(
    ("options", "metrics", "more", "told"),
    [
        ({}, {"m": [1]}, {}, "options must have at least one group, got none"),
        ({"a": [], "b": ["x"]}, {"m": [1]}, {}, "group 'a' has no option"),
        ({"a": ["x", "x"]}, {"m": [1, 2]}, {}, "group 'a' has the option 'x' twice"),
        ({"a": ["x", "y"]}, {"m": [1, float("nan")]}, {}, "finite numbers, got nan at place 1"),
        ({"a": ["x", "y"]}, {"m": [1, -float("inf")]}, {}, "finite numbers, got -inf at place 1"),
        ({"a": ["x", "y"]}, {"m": [1]}, {}, "'m' must have 2 numbers, got 1"),
        ({"a": ["x", "y"]}, {"m": ["1", "fast"]}, {}, "'m' holds something that is no number"),
        ({"a": ["x"]}, {}, {}, "metrics must hold at least one, got none"),
        ({"a": ["x"]}, {5: [1]}, {}, "metrics must be named by texts, got 5"),
        ({"a": ["x"]}, {"m": [1]}, {"peaks": ["n"]}, "peaks names an unknown metric 'n'"),
        ({"a": ["x"]}, {"m": [1]}, {"peaks": "m"}, "peaks must be a list of names, got 'm'"),
        ({"a": ["x"]}, {"m": [1]}, {"attributes": {"m": [1]}}, "'m' is a metric"),
        ({"a": ["x"]}, {"m": [1]}, {"attributes": {"k": []}}, "'k' has 0 entries for 1 options"),
        ({"a": ["x"]}, {"m": [1]}, {"attributes": {"k": [[1]]}}, "'k' must be a finite number"),
        ({"a": ["x"]}, {"m": [1]}, {"until": ["b"]}, "names an unknown group 'b'"),
        ({"a": ["x"]}, {"m": [1]}, {"until": []}, "until has 0 entries for 1 options"),
        ({"a": ["x"]}, {"m": [1]}, {"until": "a"}, "until must be a list of groups, got 'a'"),
        ({"a": ["x"]}, {"m": [1]}, {"takes": [1, 2]}, "takes has 2 entries for 1 options"),
        ({"a": ["x"]}, {"m": [1]}, {"gives": "a"}, "gives must be a list of states, got 'a'"),
        (["a"], {"m": [1]}, {}, r"options must be a table of names, got \['a'\]"),
        ({"a": "x"}, {"m": [1]}, {}, "options of 'a' must be a list of names, got 'x'"),
        ({"a": ["x"]}, [1], {}, r"metrics must be a table of names, got \[1\]"),
    ],
)
def test_problems(options: Any, metrics: Any, more: dict[str, Any], told: str) -> None:
    with pytest.raises((ArgumentError, ArgumentTypeError), match=told):
        flash.ChoiceProblem(options, metrics, **more)


def test_a_span_that_ends_before_it_begins() -> None:
    with pytest.raises(
        ArgumentError, match="group 'b', option 'y' is 'a', which comes before its own"
    ):
        flash.ChoiceProblem({"a": ["x"], "b": ["y"]}, {"m": [1, 2]}, until=[None, "a"])


def test_spans_that_overlap_have_no_answer() -> None:
    """Each option of a spans to b, and each of b to c, with nothing of c alone: nothing fits."""
    problem = flash.ChoiceProblem(
        {"a": ["x"], "b": ["y"], "c": ["z"]}, {"m": [1, 2, 3]}, until=["b", "c", None]
    )
    found = flash.choose(problem, minimize="m")
    assert found.choices == {"a": "x", "b": None, "c": "z"}
    late = flash.choose(problem, minimize="m", where='b == "y"')
    assert late.status == "INFEASIBLE"


def test_options_that_never_go_together() -> None:
    problem = flash.ChoiceProblem(
        {"a": ["x"], "b": ["y"]}, {"m": [1, 2]}, takes=["s", "s"], gives=["t", "t"]
    )
    found = flash.choose(problem, minimize="m", where="m <= 9")
    assert (found.status, found.proven, found.conflicts) == ("INFEASIBLE", True, ())
    assert "options don't go together" in found.message
    assert problem.size == 0


@pytest.mark.parametrize(("small", "large", "told"), [(1e-9, 1e9, True), (1e-3, 1e8, False)])
def test_mixed_units(small: float, large: float, told: bool, recwarn: Any) -> None:
    flash.ChoiceProblem({"a": ["x", "y"]}, {"ms": [small, large]})
    messages = [str(one.message) for one in recwarn]
    expected = [f"the metric ms spans from {small:g} to {large:g}: are its units mixed?"]
    assert messages == (expected if told else [])


@pytest.mark.parametrize(
    ("where", "told"),
    [
        ("latency <= 3", "names no metric and no group: 'latency'"),
        ("mss <= 3", "did you mean 'ms'"),
        ("conv3 == conv1", "names no metric and no group: 'conv3'; did you mean"),
        ('conv1 == "int5"', "group conv1 is never 'int5'; did you mean 'int8'"),
        ('option["conv3"] == "int4"', "no group 'conv3'; did you mean"),
        ("opton[0] == 1", "'opton' is no column; did you mean 'option'"),
        ("option[2] == 1", "there are groups 0 to 1, got 2"),
        ("ms <= ", "cannot be read: invalid syntax"),
        ("", "cannot be read"),
        ("ms", "'ms' is no comparison"),
        ("3 <= 5", "compares numbers only"),
        ("ms * loss <= 3", r"a product of what is chosen.* \{'product': \{...\}\}"),
        ("ms ** 2 <= 3", r"'ms \*\* 2' does not add up over groups"),
        ("ms % 2 == 0", "'ms % 2' does not add up over groups"),
        ("abs(ms) <= 3", r"'abs\(ms\)' is not understood; accepted are metrics"),
        ("ms <= 3 or loss <= 2", "search for each side by itself"),
        ("not (ms <= 3 and loss <= 2)", "search for each side by itself"),
        ("kib + ms <= 3", "kib is a maximum over groups, which does not add up"),
        ("kib != 3", "is not compared by !="),
        ("ms != 3", "sums of metrics are not compared by !="),
        ("loss / (ms - 9) <= 3", "denominator of a ratio must be positive"),
        ("ms / 0 <= 3", "divides by zero"),
        ("ms <= 1e999", "no finite number"),
        ("ms <= nan", "'nan'"),
        ("ms == True", "True is no finite number"),
        ("conv1 < conv2", "is a text, compared by == and != only"),
        ("conv1 <= 3", "is a text, compared with a number"),
        ('ms <= "fast"', "the text 'fast' is no number"),
        ("conv1 in 5", r"in is asked as a_group in \("),
        ("(" * 300 + "ms" + ")" * 300 + " <= 3", "nested too deeply|cannot be read"),
        (5, "where must be a condition such as"),
        ([5], "where must be a condition such as"),
        ("ms <= 3" + " " * 100_000, "at most 100000 characters"),
    ],
)
def test_conditions(where: Any, told: str) -> None:
    for call in (flash.choose, flash.sweep):
        with pytest.raises((ArgumentError, ArgumentTypeError), match=told):
            call(PROBLEM, minimize="loss", where=where)  # type: ignore[operator]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "give one of minimize and maximize, and not both"),
        ({"minimize": "loss", "maximize": "ms"}, "give one of minimize and maximize"),
        ({"minimize": "los"}, "names no metric and no group: 'los'; did you mean 'loss'"),
        ({"minimize": "5"}, "minimize '5' names no metric"),
        ({"minimize": 5}, "minimize must be a metric, a sum such as"),
        ({"minimize": []}, "must name at least one objective, got none"),
        ({"minimize": "loss * ms"}, "a product of what is chosen"),
        ({"minimize": {"sum": {"loss": float("nan")}}}, r"minimize\['loss'\] must be a finite"),
        ({"minimize": {"sum": {"los": 1}}}, "no metric that adds up: 'los'; did you mean 'loss'"),
        ({"minimize": {"sum": {"loss": 0}}}, "all weights are 0"),
        ({"minimize": {"product": {"kib": 1}}}, "no metric that adds up: 'kib'"),
        ({"minimize": [{"product": {"loss": 1}}, "ms"]}, "a product can only be the last"),
        ({"minimize": "loss", "k": 0}, "k must be an integer from 1 to 10000, got 0"),
        ({"minimize": "loss", "k": 10_001}, "k must be an integer from 1 to 10000, got 10001"),
        ({"minimize": "loss", "k": 1.0}, "k must be an integer from 1 to 10000, got 1.0"),
        ({"minimize": "loss", "min_distance": 3}, "from 1 to 2, got 3"),
        ({"minimize": "loss", "min_distance": 0}, "from 1 to 2, got 0"),
        ({"minimize": "loss", "time_limit_s": 0}, "time_limit_s must be a finite number above 0"),
        ({"minimize": "loss", "max_nodes": -1}, "max_nodes must be an integer from 0"),
        ({"minimize": "loss", "callback": 5}, "callback must be callable, got int"),
        ({"minimize": "loss", "progress": 1}, "progress must be True, False or 'auto', got 1"),
        ({"minimize": "loss", "start": 5}, "start must be an answer of flash.choose"),
        ({"minimize": "loss", "start": {"conv1": "int4"}}, "or an option for each group"),
        (
            {"minimize": "loss", "start": {"conv1": "int4", "conv2": "int5"}},
            "start: group 'conv2' has no option 'int5'",
        ),
        (
            {"minimize": "loss", "start": {"conv1": "int4", "conv2": None}},
            "start: group 'conv2' has no option None",
        ),
        ({"minimize": "loss", "wher": "ms <= 3"}, "'wher'; did you mean 'where'"),
    ],
)
def test_arguments(given: dict[str, Any], told: str) -> None:
    with pytest.raises((ArgumentError, ArgumentTypeError), match=told):
        flash.choose(PROBLEM, **given)


def test_what_is_no_problem() -> None:
    with pytest.raises(ArgumentTypeError, match=r"must be a flash\.ChoiceProblem, got 'densenet'"):
        flash.choose("densenet", minimize="loss")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("metrics", "more", "told"),
    [
        ({}, {}, "metrics must hold at least one, got none"),
        ({"m": 5}, {}, r"'m' must be an array of shape \(groups, options\)"),
        ({"m": [1, 2]}, {}, r"'m' must be an array of shape \(groups, options\)"),
        ({"m": []}, {}, r"'m' must be an array of shape \(groups, options\)"),
        ({"m": [[1], []]}, {}, "group '1' has no option"),
        ({"m": [["fast"]]}, {}, "'m' holds something that is no number"),
        ({"m": [[1], [2]], "n": [[1, 2]]}, {}, "'n' has another shape than the first"),
        ({"m": [[1], [2]]}, {"groups": ["a", "a"]}, "2 different names, got 2 of which 1 differ"),
        ({"m": [[1], [2]]}, {"groups": 5}, "groups must be a list of names, got 5"),
        ({"m": [[1], [2]]}, {"options": 5}, "options must be a list of lists, one a group, got 5"),
        ({"m": [[1], [2]]}, {"options": [["a"], ["b", "c"]]}, "must name as many as"),
    ],
)
def test_arrays(metrics: Any, more: dict[str, Any], told: str) -> None:
    with pytest.raises((ArgumentError, ArgumentTypeError), match=told):
        flash.ChoiceProblem.from_arrays(metrics, **more)


def test_names_that_are_not_there() -> None:
    with pytest.raises(ArgumentError, match="there is no group 'conv'; did you mean 'conv2'"):
        PROBLEM.options("conv")
    with pytest.raises(ArgumentError, match="there is no metric 'los'; did you mean 'loss'"):
        PROBLEM.values("los")


def test_conditions_that_conflict_are_named() -> None:
    found = flash.choose(PROBLEM, minimize="loss", where=["ms <= 3", "loss <= 4", "kib <= 9"])
    assert found.status == "INFEASIBLE"
    assert found.conflicts == (("ms <= 3", "loss <= 4"),)
    assert "no answer meets together ms <= 3 and loss <= 4" in str(found)
    assert {"ms <= 3": 6.0} in found.remedies
    assert {"loss <= 4": 5.0} in found.remedies


def test_memory_is_told_before_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    if not hasattr(os, "sysconf"):
        pytest.skip("this system does not say how much memory it has")
    problem = flash.ChoiceProblem.from_arrays({"loss": np.ones((40, 40)), "ms": np.ones((40, 40))})
    monkeypatch.setattr(os, "sysconf", lambda name: 64)
    with pytest.raises(ArgumentError, match=r"needs about .* GiB \(1600 options, 1 conditions\)"):
        flash.choose(problem, minimize="loss", where="ms <= 50")


@pytest.mark.parametrize(
    "text",
    [
        "loss <= 3", "ms<4.50", " ms >= 1e0 and loss != 2", "loss == 07", "loss <= 1_0", "ms > .5",
        "loss <= 5. and ms <= 0.1e1", "kib <= 4 and ms <= 4", "loss <= 1e999", "lambda <= 3",
        "lossy <= 3", "loss <= 3 and", "loss <= 3  and ms > 1", "ms <= 0x10",
    ],
)  # fmt: skip
def test_plain_conditions_are_read_as_others(text: str) -> None:
    """With parentheses around it a condition goes through the parser."""

    def read(one: str) -> Any:
        try:
            return [(own.text, own.parts) for own in read_conditions(one, PROBLEM)]
        except ArgumentError as error:
            return str(error).partition(": ")[2]

    assert read(text) == read(f"({text})")
