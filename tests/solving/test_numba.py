"""A user's objective through numba: compiled where that helps, and the same answer either way."""

from __future__ import annotations

import copy
import functools
import math
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import flash
from flash import DenseNet, Range, SearchResult
from flash.errors import ArgumentError, ArgumentTypeError, FlashError
from flash.solving import compiled as core

if TYPE_CHECKING:
    from twins.processes import Run

SMALL = DenseNet(
    width_multipliers=[2, 1], cells=[1, 2], depths=[3, 6], skips=Range(0, 3, unit="width/2")
)
TABLE = np.array([1.0, 2.0, 3.0])
HALF = 0.5


def vector(data: dict[str, Any]) -> Any:
    return data["nn_degree"] / np.exp(data["latency_ms"])


def loop(data: dict[str, Any]) -> Any:
    scores = np.empty(len(data["choices"]))
    for i in range(len(scores)):
        scores[i] = data["nn_degree"][i] / math.exp(data["latency_ms"][i])
    return scores


def inner(x: float) -> float:
    total = 0.0
    for k in range(5):
        total += x / (k + 1)
    return total


def outer(x: float) -> float:
    return inner(x) + HALF


def with_helpers(data: dict[str, Any]) -> Any:
    return np.array([outer(x) for x in data["nn_degree"]])


def unlike(data: dict[str, Any]) -> Any:
    """Python's integers are large, numba's are not."""
    scores = np.zeros(len(data["choices"]))
    for i in range(len(scores)):
        scores[i] = float(int(data["macs"][i]) ** 4)
    return scores


def unlike_late(data: dict[str, Any]) -> Any:
    """Beyond what is checked first: only large networks overflow."""
    scores = np.zeros(len(data["choices"]))
    for i in range(len(scores)):
        scores[i] = float(int(data["macs"][i]) * 2_000_000_000)
    return scores


def over_items(data: dict[str, Any]) -> Any:
    total = 0.0
    for _, column in data.items():
        total = total + column.sum() * 0.0
    return data["nn_degree"] + total


def beyond(data: dict[str, Any]) -> Any:
    scores = np.zeros(len(data["choices"]))
    for i in range(len(scores)):
        scores[i] = TABLE[data["choices"][i, 4]]
    return scores


def by_zero(data: dict[str, Any]) -> Any:
    scores = np.zeros(len(data["choices"]))
    with np.errstate(all="ignore"):
        for i in range(len(scores)):
            scores[i] = -data["nn_degree"][i] / data["choices"][i, 0]
    return scores


def note(result: SearchResult) -> str:
    (text,) = (flag for flag in result.flags if flag.startswith("objective "))
    return text


def search(function: Any, space: Any = SMALL, **keywords: Any) -> SearchResult:
    result: SearchResult = flash.search(space, "rram", objective=function, **keywords)
    assert not result.proven
    assert f"note: {note(result)}" in str(result)
    assert SearchResult.from_json(result.to_json()) == result
    return result


def same(one: SearchResult, other: SearchResult) -> bool:
    return one.replace(elapsed_s=0.0, flags=()) == other.replace(elapsed_s=0.0, flags=())


@pytest.mark.parametrize("function", [vector, loop, with_helpers, lambda d: -d["latency_ms"]])
@pytest.mark.parametrize("space", [SMALL, "densenet"])
def test_compiled_and_plain_agree(function: Any, space: Any) -> None:
    numba = pytest.importorskip("numba")
    compiled = search(function, space, compile_objective=True, max_latency_ms=4.0)
    plain = search(function, space, compile_objective=False, max_latency_ms=4.0)
    assert note(compiled) == f"objective compiled by numba {numba.__version__}"
    assert note(plain) == "objective run as plain Python: compile_objective=False"
    assert same(compiled, plain)
    again = search(function, space, compile_objective=True, max_latency_ms=4.0)
    assert again == compiled.replace(elapsed_s=again.elapsed_s)


@pytest.mark.slow
@pytest.mark.parametrize("predictor", [None, flash.AccuracyPredictor(1.03, 60.0, -3.0)])
@pytest.mark.parametrize("without", [(), ("energy_mj",), ("area_mm2",), ("energy_mj", "area_mm2")])
def test_compiled_for_what_the_target_models(without: tuple[str, ...], predictor: Any) -> None:
    """Each column reaches the compiled function under its own name."""
    pytest.importorskip("numba")
    data = copy.deepcopy(flash.Target.load("rram").to_dict())
    for one in data["coefficients"].values():
        units = [name.split("_")[-1] for name in without]
        for column in [key for key in one if key.split("_")[-1] in units]:
            del one[column]
    data["calibrated_ranges"] = data["intervals"] = {}
    target = flash.Target.from_dict(data)
    names = ["nn_degree", "accuracy", "latency_ms", "energy_mj", "area_mm2", "params", "macs"]
    kept = [n for n in names if n not in without and (n != "accuracy" or predictor)]
    assert [n for n in kept if n.endswith(("_ms", "_mj", "_mm2"))] == list(target.metrics)
    functions = {
        "nn_degree": lambda data: data["nn_degree"] + data["choices"][:, 4],
        "accuracy": lambda data: data["accuracy"],
        "latency_ms": lambda data: -data["latency_ms"],
        "energy_mj": lambda data: -data["energy_mj"],
        "area_mm2": lambda data: -data["area_mm2"],
        "params": lambda data: data["params"] % 1009,
        "macs": lambda data: data["macs"] % 1009,
    }
    for name in kept:
        results = [
            flash.search(
                SMALL, target, objective=functions[name], compile_objective=wish,
                predictor=predictor,
            )
            for wish in (True, False)
        ]  # fmt: skip
        assert note(results[0]).startswith("objective compiled by numba")
        assert same(*results)


def test_what_is_compiled_by_default() -> None:
    pytest.importorskip("numba")
    assert "it has no loops" in note(search(vector))
    for function in (loop, with_helpers):
        assert note(search(function)).startswith("objective compiled by numba")
        assert "time_limit_s=1" in note(search(function, time_limit_s=1))


def test_loops() -> None:
    def within(data: dict[str, Any]) -> Any:
        return outer(data["nn_degree"])

    def recursive(n: int) -> Any:
        return recursive(n - 1) if n else vector

    def late() -> Any:
        return unset  # noqa: F821

    for function in (loop, with_helpers, within, lambda d: [x for x in d["nn_degree"]]):  # noqa: C416
        assert core.loops(function)
    for plain in (vector, recursive, late, lambda d: d["nn_degree"]):
        assert not core.loops(plain)


@pytest.mark.parametrize(
    ("function", "why"),
    [
        (unlike, "its scores differ: -?[0-9.e+]+ instead of"),
        (over_items, "numba cannot compile it: TypingError"),
        (functools.partial(vector), "Python functions only, not a partial"),
        (by_zero, "ZeroDivisionError|numba cannot compile it"),
        (lambda d: [str(x) and x for x in d["nn_degree"]], "numba"),
    ],
)
def test_what_numba_cannot_do_runs_plain(function: Any, why: str) -> None:
    pytest.importorskip("numba")
    result = search(function, compile_objective=True)
    assert same(result, search(function, compile_objective=False))
    import re

    assert re.search(why, note(result)) or note(result).startswith("objective compiled")
    assert result.flags == search(function, compile_objective=True).flags


def test_what_differs_later_is_searched_anew() -> None:
    """Large networks overflow: the first scores agree, and later ones do not."""
    pytest.importorskip("numba")
    result = search(unlike_late, "densenet", compile_objective=True)
    assert "scores differ" in note(result)
    assert same(result, search(unlike_late, "densenet", compile_objective=False))


def test_the_winner_is_looked_at_once_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch of one, which no sample of a batch can miss."""
    pytest.importorskip("numba")
    best = search(loop, compile_objective=False)
    monkeypatch.setattr(core, "_difference", lambda *_: None)
    result = search(unlike, compile_objective=True)
    assert "its compiled score of the best configuration is another" in note(result)
    assert same(result, search(unlike, compile_objective=False))
    assert same(search(loop, compile_objective=True), best)


@pytest.mark.parametrize("function", [beyond, lambda d: [d["no_such"] for _ in d["params"]]])
def test_errors_are_those_of_the_plain_function(function: Any) -> None:
    with pytest.raises(FlashError) as plain:
        search(function, compile_objective=False)
    with pytest.raises(FlashError) as compiled:
        search(function, compile_objective=True)
    assert str(compiled.value) == str(plain.value)
    assert type(compiled.value.__cause__) is type(plain.value.__cause__)
    assert isinstance(compiled.value.__cause__, (IndexError, KeyError))


def test_functions_that_numba_compiled_before() -> None:
    numba = pytest.importorskip("numba")
    for function in (loop, vector):
        result = search(numba.njit(function), compile_objective=None)
        assert note(result).startswith("objective compiled by numba")
        assert result.objective_name == function.__name__
        assert same(result, search(function, compile_objective=False))
    result = search(numba.njit(over_items))
    assert "numba cannot compile it" in note(result)
    assert same(result, search(over_items))


@pytest.mark.slow
def test_changed_globals_are_compiled_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("numba")
    first = search(with_helpers)
    monkeypatch.setattr(sys.modules[__name__], "HALF", 100.5)
    second = search(with_helpers)
    assert second.objective == first.objective + 100.0

    def scaled(by: Any) -> Any:
        return lambda data: [x * by[0] for x in data["nn_degree"]]

    for by in (np.array([2.0]), (3.0,), (3,), np.array([2.0])):
        result = search(scaled(by), compile_objective=True)
        assert note(result).startswith("objective compiled")
        assert result.objective == result.nn_degree * by[0]


def test_compiled_once() -> None:
    numba = pytest.importorskip("numba")
    core._kept.clear()
    for _ in range(3):
        search(lambda data: [x for x in data["nn_degree"]])  # noqa: C416
    assert len(core._kept) == 1
    for k in range(2 * core.KEPT):
        core._kept[k] = numba
    search(loop)
    assert len(core._kept) == core.KEPT


def test_without_numba(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numba", None)
    result = search(loop)
    assert "numba is not installed (pip install 'numba>=" in note(result)
    assert same(result, search(loop, compile_objective=False))


def test_the_wish_is_checked() -> None:
    for wish in (1, "yes", np.True_):
        with pytest.raises(ArgumentTypeError, match="compile_objective must be None, True or Fal"):
            search(loop, compile_objective=wish)
    with pytest.raises(ArgumentError, match="for an objective function only"):
        flash.search(SMALL, "rram", compile_objective=True)


def test_a_function_that_nothing_asks_is_not_compiled() -> None:
    result = flash.search(SMALL, "rram", objective=loop, max_latency_ms=1e-6)
    assert (result.status, result.flags) == ("INFEASIBLE", ())


def test_numba_is_loaded_where_a_function_is_compiled_only(python: Run) -> None:
    script = (
        "import sys, flash\n"
        "def f(d): return {}\n"
        "r = flash.search('resnet', 'rram', objective=f)\n"
        "print('numba' in sys.modules)\n"
    )
    assert python("-c", script.format("d['nn_degree']")).stdout == "False\n"
    pytest.importorskip("numba")
    assert python("-c", script.format("[x for x in d['nn_degree']]")).stdout == "True\n"
