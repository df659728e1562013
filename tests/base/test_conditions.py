"""Conditions on columns: what is understood, and what is refused without being run."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flash.base.conditions import as_predicate
from flash.errors import ArgumentError, ArgumentTypeError

COLUMNS = ("index", "latency_ms", "area_mm2", "macs")
TABLE = {
    "index": np.arange(6),
    "latency_ms": np.array([0.5, 1.0, 1.5, 2.0, 2.5, 3.0]),
    "area_mm2": np.array([60.0, 50.0, 40.0, 30.0, 20.0, 10.0]),
    "macs": np.array([1, 2, 3, 4, 5, 6]) * 10**8,
}


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("latency_ms < 2", [0, 1, 2]),
        ("latency_ms <= 2.0", [0, 1, 2, 3]),
        ("2 > latency_ms >= 1", [1, 2]),
        ("latency_ms < 2 and area_mm2 < 50", [2]),
        ("latency_ms < 1 or area_mm2 < 15 or index == 2", [0, 2, 5]),
        ("not (latency_ms < 2) and macs != 5e8", [3, 5]),
        ("latency_ms * area_mm2 > 50", [2, 3]),
        ("area_mm2 / 10 - 1 < +3", [3, 4, 5]),
        ("-latency_ms + 1 >= 0", [0, 1]),
        ("(latency_ms < 2) and (latency_ms > 0.7)", [1, 2]),
    ],
)
def test_rows_that_are_kept(text: str, kept: list[int]) -> None:
    predicate = as_predicate(text, COLUMNS)
    assert predicate is not None
    assert np.flatnonzero(predicate.mask(TABLE)).tolist() == kept


def test_one_text_for_all_ways_to_write_it() -> None:
    one, other = (
        as_predicate(text, COLUMNS)
        for text in ("(latency_ms<2)and area_mm2<5", " latency_ms < 2 and area_mm2 < 5 ")
    )
    assert one == other
    assert one is not None
    assert one.text == "latency_ms < 2 and area_mm2 < 5"
    assert one.columns == ("latency_ms", "area_mm2")
    assert as_predicate(one, COLUMNS) is one
    assert as_predicate(None, COLUMNS) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("latency < 2", "unknown column 'latency'; did you mean 'latency_ms'\\?; the columns are"),
        ("latency_ms", "must compare columns"),
        ("latency_ms + 1", "must compare columns"),
        ("latency_ms < 2 and macs", "join comparisons only"),
        ("not macs", "join comparisons only"),
        ("(latency_ms < 2) < 3", "a comparison is no number"),
        ("latency_ms <", "cannot be read"),
        ("", "cannot be read"),
        ("latency_ms = 2", "cannot be read"),
        ("__import__('os').system('true') < 1", "is not understood"),
        ("latency_ms.size < 1", "is not understood"),
        ("[x for x in 'a'] < 1", "is not understood"),
        ("latency_ms ** 2 < 1", "is not understood"),
        ("latency_ms in macs", "accepted comparisons are"),
        ("latency_ms is 2", "accepted comparisons are"),
        ("latency_ms < 'a'", "texts are compared by == and !="),
        ("latency_ms + 'a' < 1", "'a' is no number"),
        ("latency_ms < True", "is not understood"),
        ("latency_ms < 1e999", "not finite"),
        ("latency_ms < 2j", "is not understood"),
        ("(" * 3000 + "1" + ")" * 3000, "at most 4096 characters"),
        ("-" * 4000 + "1 < 2", "nested too deeply|cannot be read"),
        ("(lambda: 1) < 2", "is not understood"),
    ],
)
def test_refusals(text: str, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        as_predicate(text, COLUMNS)


def test_texts() -> None:
    table = {
        "act": np.array(["relu", "gelu", "", "relu"]),
        "other": np.array(["relu", "relu", "", ""]),
        "kernel": np.array([3.0, 5.0, np.nan, 3.0]),
    }
    for text, expected in (
        ("act == 'relu'", [1, 0, 0, 1]),
        ("act != 'relu'", [0, 1, 0, 0]),
        ("not act == 'relu'", [0, 1, 0, 0]),
        ("act in ('gelu', 'tanh')", [0, 1, 0, 0]),
        ("act not in ('gelu', 'tanh')", [1, 0, 0, 1]),
        ("act == other", [1, 0, 0, 0]),
        ("act != other", [0, 1, 0, 0]),
        ("act == 'relu' and kernel in (3, 7)", [1, 0, 0, 1]),
    ):
        found = as_predicate(text, table)
        assert found is not None
        assert found.mask(table).tolist() == [bool(one) for one in expected], text
    for text, message in (
        ("act == 3", r"a text is compared with a number \(act\)"),
        ("kernel == 'relu'", r"compared with a number \(kernel and 'relu'\)"),
        ("act < other", r"by == and != \(act and other\)"),
        ("act + kernel < 1", "act and kernel is a text"),
    ):
        found = as_predicate(text, table)
        assert found is not None
        with pytest.raises(ArgumentError, match=message):
            found.mask(table)


@pytest.mark.parametrize("value", [3, b"a < 1", ["a < 1"], lambda: 1])
def test_wrong_types(value: Any) -> None:
    with pytest.raises(ArgumentTypeError, match="where must be a condition"):
        as_predicate(value, COLUMNS)


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        predicate = as_predicate(text, COLUMNS)
    except ArgumentError:
        return
    assert predicate is not None
    np.broadcast_to(predicate.mask(TABLE), 6)


def test_no_minus_before_a_text() -> None:
    predicate = as_predicate("-k > 2", ("k",))
    assert predicate is not None
    with pytest.raises(ArgumentError, match="where: k is a text, and no number"):
        predicate.mask({"k": np.array(["a", "b"])})
