"""A user's own objective: searched by SHGO, within the budgets, and never called proven."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import flash
from flash import DenseNet, Range, SearchResult
from flash.errors import ArgumentError, ArgumentTypeError, FlashError

SMALL = DenseNet(
    width_multipliers=[2, 1], cells=[1, 2], depths=[3, 6], skips=Range(0, 3, unit="width/2")
)
BUDGETS = {"max_latency_ms": 4.0, "max_energy_mj": 0.04, "max_area_mm2": 70.0}


def degree(data: dict[str, Any]) -> Any:
    return data["nn_degree"]


def degree_per_area(data: dict[str, Any]) -> Any:
    return data["nn_degree"] / data["area_mm2"]


def check(result: SearchResult, function: Any) -> None:
    assert result.status == "FEASIBLE"
    assert not result.proven
    assert result.upper_bound is None
    assert result.gap is None
    assert result.objective_name == function.__name__
    assert result.nfev > 0
    space, index = result.space, result.index
    data = flash.evaluate(space, result.target, [index])
    data["choices"] = np.array([space.encode(space.decode(index))])
    assert result.objective == float(np.asarray(function(data))[0])
    for name in ("nn_degree", "latency_ms", "energy_mj", "area_mm2", "params", "macs"):
        if name in data:
            assert getattr(result, name) == data[name][0]
    for name, most in result.budgets.items():
        assert getattr(result, name[4:]) <= most
    assert SearchResult.from_json(result.to_json()) == result
    assert "not proven" in str(result)


def test_it_finds_the_optimum_of_small_spaces() -> None:
    data = flash.evaluate(SMALL, "rram", range(SMALL.size))
    for function in (degree, degree_per_area):
        result = flash.search(SMALL, "rram", objective=function)
        check(result, function)
        assert result.objective == np.max(function(data))


def test_it_comes_close_on_the_default_space() -> None:
    result = flash.search("densenet", "rram", objective=degree, **BUDGETS)
    check(result, degree)
    best = flash.search("densenet", "rram", **BUDGETS).objective
    assert 0.9 * best < result.objective <= best


def test_what_the_function_is_given() -> None:
    seen: list[dict[str, Any]] = []

    def look(data: dict[str, Any]) -> Any:
        seen.append(data)
        return np.zeros(len(data["choices"]))

    predictor = flash.AccuracyPredictor(1.03, 60.0, -3.0)
    flash.search(SMALL, "rram", objective=look, predictor=predictor, max_area_mm2=20.0)
    names = {"nn_degree", "accuracy", "latency_ms", "energy_mj", "area_mm2", "params", "macs"}
    for data in seen:
        assert set(data) == {*names, "choices"}
        n = len(data["choices"])
        assert data["choices"].shape == (n, len(SMALL.variables))
        assert all(data[name].shape == (n,) for name in names)
        again = flash.evaluate(SMALL, "rram", data["choices"], predictor=predictor)
        assert all((again[name] == data[name]).all() for name in names)
        assert (data["area_mm2"] <= 20.0).all()
    # each network once
    rows = np.concatenate([data["choices"] for data in seen])
    assert len(np.unique(rows, axis=0)) == len(rows)


def test_what_is_reported_with_a_predictor_of_topologies() -> None:
    """The answer's numbers are those of the network, as `evaluate` has them."""
    result = flash.search(
        SMALL, "rram", objective=lambda data: data["accuracy"], predictor="default"
    )
    assert result.x is not None
    table = flash.evaluate(SMALL, "rram", [result.x], "default")
    assert result.accuracy == result.objective == table["accuracy"][0] < 1.0
    for name in ("nn_degree", "latency_ms", "energy_mj", "area_mm2"):
        assert getattr(result, name) == table[name][0]


def test_the_same_again() -> None:
    first = flash.search("densenet", "rram", objective=degree_per_area, **BUDGETS)
    again = flash.search("densenet", "rram", objective=degree_per_area, **BUDGETS)
    assert again == first.replace(elapsed_s=again.elapsed_s)


@pytest.mark.parametrize(
    "form", [list, tuple, lambda x: x.astype(np.float32), lambda x: x.astype(int), np.ndarray.copy]
)
def test_forms_of_scores(form: Any) -> None:
    result = flash.search(SMALL, "rram", objective=lambda data: form(data["nn_degree"]))
    assert result.success


def test_minus_infinity_is_never_chosen() -> None:
    def even(data: dict[str, Any]) -> Any:
        return np.where(data["params"] % 2 == 0, data["nn_degree"], -np.inf)

    result = flash.search(SMALL, "rram", objective=even)
    assert result.params % 2 == 0

    def nothing(data: dict[str, Any]) -> Any:
        return np.full(len(data["choices"]), -np.inf)

    result = flash.search(SMALL, "rram", objective=nothing)
    assert not result.success
    assert not result.proven
    assert result.status != "INFEASIBLE"


def test_no_network_within_the_budgets() -> None:
    """Whether anything fits does not depend on the function: that much is proven."""
    result = flash.search(SMALL, "rram", objective=degree, max_latency_ms=1e-6)
    assert (result.status, result.proven, result.x) == ("INFEASIBLE", True, None)
    assert result.least == flash.search(SMALL, "rram", max_latency_ms=1e-6).least
    assert "max_latency_ms" in result.message


def test_raising() -> None:
    def fails(data: dict[str, Any]) -> Any:
        raise ZeroDivisionError("by nought")

    with pytest.raises(
        FlashError, match=r"objective 'fails' raised ZeroDivisionError.*by nought"
    ) as info:
        flash.search(SMALL, "rram", objective=fails)
    assert isinstance(info.value.__cause__, ZeroDivisionError)


@pytest.mark.parametrize(
    ("answer", "error", "text"),
    [
        (lambda n: np.full(n, math.nan), ArgumentError, "returned NaN for"),
        (lambda n: np.zeros(n + 1), ArgumentError, "shape"),
        (lambda n: np.zeros((n, 1)), ArgumentError, "shape"),
        (lambda n: np.zeros((n, n)), ArgumentError, "shape"),
        (lambda n: 1.0, ArgumentError, "shape"),
        (lambda n: [], ArgumentError, "shape"),
        (lambda n: None, ArgumentError, "NaN|shape"),
        (lambda n: "high", ArgumentTypeError, "numbers"),
        (lambda n: ["high"] * n, ArgumentTypeError, "numbers"),
        (lambda n: [[1.0], [2.0, 3.0]], ArgumentTypeError, "numbers"),
        (lambda n: np.zeros(n, dtype=complex) + 1j, ArgumentTypeError, "numbers"),
        (lambda n: {"a": 1}, ArgumentTypeError, "numbers"),
    ],
)
def test_scores_that_are_none(answer: Any, error: type[Exception], text: str) -> None:
    def score(data: dict[str, Any]) -> Any:
        return answer(len(data["choices"]))

    with pytest.raises(error, match=f"objective 'score'.*({text})"):
        flash.search(SMALL, "rram", objective=score)


def test_a_function_cannot_spoil_the_search() -> None:
    """What it is given is its own: writing into it changes no reported number."""

    def vandal(data: dict[str, Any]) -> Any:
        score = data["nn_degree"].copy()
        for column in data.values():
            column[...] = 0
        return score

    spoilt = flash.search(SMALL, "rram", objective=vandal)
    plain = flash.search(SMALL, "rram", objective=degree)
    assert spoilt.objective == plain.objective
    assert spoilt.index == plain.index
    assert spoilt.latency_ms == plain.latency_ms


def test_compiled_by_numba() -> None:
    numba = pytest.importorskip("numba")

    @numba.njit
    def score(degrees: Any, latency: Any) -> Any:
        return degrees / latency

    def objective(data: dict[str, Any]) -> Any:
        return score(data["nn_degree"], data["latency_ms"])

    check(flash.search(SMALL, "rram", objective=objective), objective)


def test_a_rewarded_cost_is_noted() -> None:
    result = flash.search("densenet", "rram", objective={"latency_ms": 1})
    assert any("did you mean -1?" in flag for flag in result.flags)
    plain = flash.search("densenet", "rram", objective={"accuracy": 1})
    assert not any("did you mean" in flag for flag in plain.flags)


def test_words_of_a_least_cost() -> None:
    text = str(flash.search("densenet", "rram", objective={"latency_ms": -1}))
    assert "NN-Degree 112, latency 0.654189 ms" in text
    assert "none has a lower latency" in text


def test_a_floor_without_a_predictor_says_what_is_missing() -> None:
    with pytest.raises(ArgumentError, match="min_accuracy needs a predictor"):
        flash.search("densenet", "rram", min_accuracy=300)


def test_nets_of_the_least_depth_are_noted() -> None:
    """NN-Degree of mobilenet-v2 picks depth 1 in every cell under a tight budget."""
    result = flash.search("mobilenet-v2", "cpu-x86", max_latency_ms=0.6)
    assert {cell.depth for cell in result.architecture.cells} == {1}  # type: ignore[union-attr]
    assert any("NN-Degree hardly counts depth" in flag for flag in result.flags)
    deep = flash.search("densenet", "rram", max_latency_ms=4.0)
    assert not any("hardly counts depth" in flag for flag in deep.flags)
