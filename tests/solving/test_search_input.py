"""flash.search refuses what it cannot use: nothing is searched, and the message says why."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import flash
from flash import SearchResult
from flash.errors import ArgumentError, ArgumentTypeError, FormatError

BUDGETS = ("max_latency_ms", "max_energy_mj", "max_area_mm2", "max_params", "max_macs")
PREDICTOR = flash.AccuracyPredictor(1.03, 60.0, -3.0)
INF = math.inf


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"space": "densnet"}, "space must be one of .* did you mean 'densenet'"),
        ({"space": "mobilenetv2"}, "did you mean 'mobilenet-v2'"),
        ({"target": "rramm"}, "target must be one of .* did you mean 'rram'"),
        ({"target": "cpu"}, "did you mean 'cpu-x86'"),
        ({"target": ""}, "target must be"),
        ({"target": []}, "at least one target"),
        ({"target": ["rram", "rran"]}, "did you mean 'rram'"),
        ({"method": "shgo2"}, "method must be one of .* did you mean 'shgo'"),
        ({"method": "exakt"}, "did you mean 'exact'"),
        ({"objective": "acuracy"}, "did you mean 'accuracy'"),
        ({"objective": {"latency": -1}}, "did you mean 'latency_ms'"),
        ({"objective": {}}, "not zero"),
        ({"objective": {"accuracy": 0}}, "not zero"),
        ({"objective": {"accuracy": math.nan}}, "finite"),
        ({"objective": {"accuracy": math.inf}}, "finite"),
        ({"target": "cpu-x86", "max_area_mm2": 5}, "max_area_mm2 cannot be used.*'cpu-x86'"),
        ({"target": "cpu-x86", "max_energy_mj": 5}, "does not model energy_mj"),
        ({"target": ["rram", "cpu-x86"], "max_energy_mj": 5}, "does not model energy_mj"),
        ({"target": "cpu-x86", "objective": {"area_mm2": -1}}, "does not model"),
        ({"min_accuracy": 0.9}, "min_accuracy needs a predictor"),
        ({"min_accuracy": 0.0, "predictor": PREDICTOR}, "above 0"),
        ({"min_accuracy": 1.1, "predictor": PREDICTOR}, "at most 1"),
        ({"min_accuracy": math.nan, "predictor": PREDICTOR}, "finite"),
        ({"space": "resnet", "predictor": "default"}, "comes for densenet only"),
        ({"evaluator": print}, "evaluator"),
        ({"seed": -1}, "seed must be"),
        ({"time_limit_s": 0}, "time_limit_s must be"),
        ({"time_limit_s": -1.0}, "time_limit_s must be"),
        ({"time_limit_s": math.nan}, "time_limit_s must be"),
        ({"max_evals": 0}, "max_evals must be"),
        ({"objective": len, "method": "exact"}, "'shgo' only"),
    ],
)
def test_refuses_values(changes: dict[str, Any], text: str) -> None:
    arguments: dict[str, Any] = {"space": "densenet", "target": "rram", **changes}
    with pytest.raises(ArgumentError, match=text):
        flash.search(arguments.pop("space"), arguments.pop("target"), **arguments)


@pytest.mark.parametrize("value", [0, 0.0, -1, -1.0, math.nan, INF, -INF, np.float64("nan")])
@pytest.mark.parametrize("name", BUDGETS)
def test_refuses_budgets(name: str, value: float) -> None:
    with pytest.raises(ArgumentError, match=f"{name} must be a finite number above 0"):
        flash.search("densenet", "rram", **{name: value})


@pytest.mark.parametrize("name", BUDGETS)
def test_refuses_budgets_that_no_float_holds(name: str) -> None:
    with pytest.raises(ArgumentError, match=f"{name} must be a finite number above 0"):
        flash.search("densenet", "rram", **{name: 10**400})


@pytest.mark.parametrize("name", ["max_params", "max_macs"])
def test_counts_are_any_positive_numbers(name: str) -> None:
    most = {"max_params": 2_500_000, "max_macs": 250_000_000}[name]
    whole = flash.search("densenet", "rram", **{name: most})
    assert whole.proven
    assert whole.budgets == {name: most}
    for same in (float(most), np.float64(most), np.int32(most), np.float32(most)):
        found = flash.search("densenet", "rram", **{name: same})
        assert found == whole.replace(elapsed_s=found.elapsed_s)
        assert isinstance(found.budgets[name], int)
    for near in (most + 0.5, np.nextafter(most, INF)):
        found = flash.search("densenet", "rram", **{name: near})
        assert found.index == whole.index
        assert found.budgets == {name: near}
        assert SearchResult.from_json(found.to_json()) == found
    own = getattr(whole, name[4:])
    below = flash.search("densenet", "rram", **{name: own - 0.5})
    assert getattr(below, name[4:]) < own


@pytest.mark.parametrize("method", ["shgo", "exact"])
@pytest.mark.parametrize("name", BUDGETS)
def test_extreme_budgets(name: str, method: str) -> None:
    free = flash.search("resnet", "rram", method=method)
    for most in (1.7976931348623157e308, 1e300, 10**18, 2**63, 2**1023):
        found = flash.search("resnet", "rram", method=method, **{name: most})
        assert (found.proven, found.index) == (True, free.index)
        assert SearchResult.from_json(found.to_json()) == found
        assert str(found)
    for least in (5e-324, 2.3e-308, 1e-300, 1e-9):
        found = flash.search("resnet", "rram", method=method, **{name: least})
        assert (found.status, found.proven) == ("INFEASIBLE", True)
        assert SearchResult.from_json(found.to_json()) == found
        assert str(found)


def test_the_budgets_of_a_result_are_those_given() -> None:
    given = {"max_latency_ms": 3, "max_params": 500_000}
    result = flash.search("densenet", "rram", **given)
    assert result.budgets == given
    again = flash.search("densenet", "rram", **result.budgets)
    assert again == result.replace(elapsed_s=again.elapsed_s)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"max_latency_ms": "4"}, "max_latency_ms must be a finite number above 0"),
        ({"max_latency_ms": True}, "max_latency_ms must be"),
        ({"max_latency_ms": [4.0]}, "max_latency_ms must be"),
        ({"max_params": 1j}, "max_params must be"),
        ({"space": 3}, "space must be"),
        ({"space": None}, "space must be"),
        ({"space": flash.Architecture("resnet", [flash.Cell(16, 1)])}, "space must be"),
        ({"target": 3}, "target must be"),
        ({"target": None}, "target must be"),
        ({"method": 3}, "method must be"),
        ({"objective": 3}, "objective must be"),
        ({"objective": None}, "objective must be"),
        ({"objective": {"accuracy": "1"}}, "must be a finite number"),
        ({"predictor": 3}, "predictor must be"),
        ({"certify": 1}, "certify must be True or False"),
        ({"progress": "yes"}, "progress must be True, False or 'auto'"),
        ({"seed": 0.5}, "seed must be an integer"),
        ({"max_evals": 1e3}, "max_evals must be an integer"),
        ({"callback": 3}, "callback must be callable"),
    ],
)
def test_refuses_types(changes: dict[str, Any], text: str) -> None:
    arguments: dict[str, Any] = {"space": "densenet", "target": "rram", **changes}
    with pytest.raises(ArgumentTypeError, match=text):
        flash.search(arguments.pop("space"), arguments.pop("target"), **arguments)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        "null",
        '{"format": 1, "kind": "nn-degree"}',
        '{"format": 2, "kind": "nn-degree", "a": 1.1, "b": 1, "c": 0}',
        '{"format": 1, "kind": "forest", "a": 1.1, "b": 1, "c": 0}',
        '{"format": 1, "kind": "nn-degree", "a": NaN, "b": 1, "c": 0}',
        '{"format": 1, "kind": "nn-degree", "a": 1e999, "b": 1, "c": 0}',
        '{"format": 1, "kind": "nn-degree", "a": 1.1, "b": -1, "c": 0}',
        '{"format": 1, "kind": "nn-degree", "a": 0.5, "b": 1, "c": -9}',
        '{"format": 1, "kind": "nn-degree", "a": "1", "b": 1, "c": 0}',
        '{"format": 1, "kind": "nn-degree", "a": 1.1, "b": 1, "c": 0, "d": 0}',
        '{"format": 1, "kind": "nn-degree", "a": 1.1, "b": 1, "c": 0, "provenance": 3}',
        "[" * 100_000,
    ],
)
def test_refuses_predictor_files(tmp_path: Path, text: str) -> None:
    path = tmp_path / "p.json"
    path.write_text(text)
    with pytest.raises(FormatError, match=r"p\.json"):
        flash.search("densenet", "rram", predictor=path)


def test_missing_files() -> None:
    for changes in ({"predictor": "nowhere.json"}, {"target": "nowhere.json"}):
        with pytest.raises(FileNotFoundError, match=r"nowhere\.json"):
            flash.search("densenet", **{"target": "rram", **changes})  # type: ignore[arg-type]
    with pytest.raises(FileNotFoundError, match=r"nowhere\.toml"):
        flash.search("nowhere.toml", "rram")


class Odd:
    """Has the methods of a number, and is none."""

    def __float__(self) -> float:
        raise RuntimeError("odd")

    def __repr__(self) -> str:
        raise RuntimeError("odd")


class Items:
    items = 3


@pytest.mark.parametrize(
    "value",
    ["4", b"4", True, np.True_, [], [4.0], np.array(4.0), np.array([4.0]), 1j, Decimal("sNaN"),
     Odd(), np.datetime64("2020"), "\u0664", (4,), ..., int],
)  # fmt: skip
@pytest.mark.parametrize("name", [*BUDGETS, "time_limit_s", "max_evals", "seed"])
def test_refuses_what_is_no_number(name: str, value: Any) -> None:
    with pytest.raises(ArgumentTypeError, match=f"{name} must be .* got "):
        flash.search("resnet", "rram", **{name: value})


def test_numbers_of_other_libraries() -> None:
    plain = flash.search("resnet", "rram", max_latency_ms=4, seed=3, max_evals=10**6)
    for four in (np.int8(4), np.float32(4), np.longdouble(4), Decimal(4), Fraction(4)):
        found = flash.search(
            "resnet", "rram", max_latency_ms=four, seed=np.uint8(3), max_evals=np.int64(10**6)
        )
        assert found == plain.replace(elapsed_s=found.elapsed_s)
        assert SearchResult.from_json(found.to_json()) == found


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"certify": Odd()}, "certify must be True or False, got <Odd>"),
        ({"objective": Items()}, "objective must be .* got Items"),
        ({"objective": [("accuracy", 1)]}, r"objective with where, .* got \('accuracy', 1\)"),
        ({"target": ["rram", ["cpu-x86"]]}, "target must be one or a list of them"),
        ({"space": {"family": "resnet"}}, "space must be .* got dict"),
    ],
)
def test_refuses_odd_types(changes: dict[str, Any], text: str) -> None:
    arguments: dict[str, Any] = {"space": "resnet", "target": "rram", **changes}
    with pytest.raises(ArgumentTypeError, match=text):
        flash.search(arguments.pop("space"), arguments.pop("target"), **arguments)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"space": "x\0.toml"}, "is no path"),
        ({"space": "/dev/null"}, "or the path of a .toml or .json file"),
        ({"target": "x\0.json"}, "is no path"),
        ({"target": "bin.toml"}, "or the path of a .json file"),
        ({"objective": ""}, "'accuracy', a dict of exponents or a function"),
        ({"objective": {"energy_mj": 10**400}}, "must be a finite number"),
    ],
)
def test_says_all_that_is_accepted(changes: dict[str, Any], text: str) -> None:
    test_refuses_values(changes, text)


@pytest.mark.parametrize("space", ["resnet", "densenet"])
@pytest.mark.parametrize("size", [1e6, 1.0, 1e-3, 1e-12, 1e-300, 5e-324])
def test_exponents_of_any_size(size: float, space: str) -> None:
    for term in ("accuracy", "latency_ms"):
        for sign in (1, -1):
            found = flash.search(space, "rram", objective={term: sign * size}, time_limit_s=60)
            plain = flash.search(space, "rram", objective={term: sign})
            assert found.proven
            assert getattr(found, term.replace("accuracy", "nn_degree")) == getattr(
                plain, term.replace("accuracy", "nn_degree")
            )
            assert SearchResult.from_json(found.to_json()) == found
            assert f"{sign * size:g}" in found.objective_name or sign * size == 1
            value = getattr(found, term.replace("accuracy", "nn_degree"))
            if size < 2:
                assert found.objective == pytest.approx(value ** (sign * size), rel=1e-12)
