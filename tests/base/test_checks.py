"""Checks of arguments and files: what they accept, and what their errors say."""

from __future__ import annotations

import itertools
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import flash
from flash.base import checks as check
from flash.base.checks import hint, is_list, items, path_of
from flash.errors import ArgumentError, ArgumentTypeError, FlashError, FormatError


class Hostile:
    def __repr__(self) -> str:
        raise RuntimeError


def test_kinds_of_errors() -> None:
    assert issubclass(ArgumentError, (FlashError, ValueError))
    assert issubclass(ArgumentTypeError, TypeError)
    assert issubclass(ArgumentTypeError, FlashError)
    assert issubclass(FormatError, ArgumentError)


@pytest.mark.parametrize("value", [5, np.int64(5), np.uint8(5)])
def test_integer_accepts(value: Any) -> None:
    got = check.integer("n", value, 1, 9)
    assert got == 5
    assert type(got) is int


@pytest.mark.parametrize(
    "value", [True, np.bool_(True), 5.0, np.float64(5), "5", None, [5], np.array([5]), Hostile()]
)
def test_integer_refuses_types(value: Any) -> None:
    with pytest.raises(ArgumentTypeError, match="n must be an integer from 1 to 9, got"):
        check.integer("n", value, 1, 9)


@pytest.mark.parametrize(
    "value", [0, 10, -(10**5000), 10**5000], ids=["low", "high", "least", "huge"]
)
def test_integer_refuses_range(value: int) -> None:
    with pytest.raises(ArgumentError, match="n must be an integer from 1 to 9, got"):
        check.integer("n", value, 1, 9)


@pytest.mark.parametrize("value", [1, 1.5, np.float32(1.5), np.int8(2), Decimal("1.5")])
def test_number_accepts(value: Any) -> None:
    assert check.number("x", value, 1, 2) == float(value)


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), -float("inf"), np.nan, 0, 2.5, 10**400]
)
def test_number_refuses_range(value: Any) -> None:
    with pytest.raises(ArgumentError, match="x must be a finite number from 1 to 2, got"):
        check.number("x", value, 1, 2)
    with pytest.raises(ArgumentError):
        check.number("x", value, above=0, high=2)


@pytest.mark.parametrize("value", [True, "1", None, 1j, [1.0], np.array([1.0])])
def test_number_refuses_types(value: Any) -> None:
    with pytest.raises(ArgumentTypeError, match="x must be a finite number"):
        check.number("x", value)


def test_number_refuses_what_no_float_holds() -> None:
    with pytest.raises(ArgumentError, match="x must be a finite number above 0"):
        check.number("x", 10**400, above=0)


def test_choice() -> None:
    assert check.choice("target", "rram", ("rram", "cpu-x86")) == "rram"
    with pytest.raises(ArgumentError, match="got 'rrma'; did you mean 'rram'"):
        check.choice("target", "rrma", ("rram", "cpu-x86"))
    with pytest.raises(ArgumentError, match="did you mean 'rram'"):
        check.choice("target", "RRAM", ("rram", "cpu-x86"))
    with pytest.raises(ArgumentError) as caught:
        check.choice("target", "zzzzzz" * 10**6, ("rram",))
    assert len(str(caught.value)) < 200
    with pytest.raises(ArgumentTypeError, match=r"got 3 \(int\)"):
        check.choice("target", 3, ("rram",))


def test_shown() -> None:
    assert check.shown(Hostile()) == "<Hostile>"
    assert len(check.shown("x" * 1000)) == 80
    assert check.shown(10**5000) == "<int>"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "not valid JSON"),
        ("{", "not valid JSON"),
        ('{"a": NaN}', "holds NaN"),
        ('{"a": -Infinity}', "holds -Infinity"),
        ('{"a": [1e999]}', "holds 1e999, which no double holds"),
        ('{"a": -12e308}', "holds -12e308, which no double holds"),
        ("1" * 400 + ".0", "which no double holds"),
        ('{"a": 1, "a": 2}', "the key 'a' twice"),
        ("[" * 100_000 + "]" * 100_000, "nested too deeply"),
        ("1" * 10_000, "not valid JSON"),
    ],
)
def test_hostile_json(text: str, fault: str) -> None:
    with pytest.raises(FormatError, match=fault):
        check.parse_json(text, "it")


def test_hints_know_what_else_a_name_is_called() -> None:
    assert hint("gpu", ("cpu", "cuda")) == "; did you mean 'cuda'?"
    assert hint("gpu", ("cpu", "disk")) == "; did you mean 'cpu'?"
    assert hint("rpi4", flash.targets()) == "; did you mean 'raspberry-pi-4'?"
    assert hint("xyz", flash.targets()) == ""


def test_a_file_of_another_kind_is_called_by_its_name() -> None:
    result = flash.search("densenet", "rram", max_latency_ms=4.0).to_dict()
    for read in (flash.Target.from_dict, flash.AccuracyPredictor.from_dict):
        with pytest.raises(FormatError, match="is a search result; what is read here has"):
            read(result)
    target = flash.Target.load("rram").to_dict()
    with pytest.raises(FormatError, match="the search result is a target; "):
        flash.SearchResult.from_dict(target)
    with pytest.raises(FormatError, match="unknown key 'fast'"):  # a target all the same
        flash.Target.from_dict({**target, "fast": 1})


def test_items_are_counted_before_they_are_gone_through() -> None:
    assert items("x", iter("ab"), 2) == ["a", "b"]
    for endless in (itertools.count(), range(10**12), "abcd", {"a": 1}, np.array(1), 5, None):
        with pytest.raises((ArgumentError, ArgumentTypeError), match="x must"):
            items("x", endless, 3)
    assert is_list([1])
    assert is_list(np.zeros(2))
    for no in ("a", b"a", 5, np.array(1), iter([1]), range(10**30)):
        assert not is_list(no)


def test_paths_are_text_that_a_system_takes() -> None:
    assert path_of("out", Path("a/b")) == str(Path("a/b"))
    for bad in (5, None, b"x", ["x"]):
        with pytest.raises(ArgumentTypeError, match="out must be a path, got"):
            path_of("out", bad)
    for bad in ("a\0b", "\ud800"):
        with pytest.raises(ArgumentError, match="is no path"):
            path_of("out", bad)


def test_known_keys() -> None:
    assert check.known_keys("it", {"a": 1}, ("a", "b")) == {"a": 1}
    with pytest.raises(FormatError, match="unknown key 'width'; did you mean 'widths'"):
        check.known_keys("it", {"width": 1}, ("widths",))
    for bad in ([], "a", None, 3, {1: 2}):
        with pytest.raises(FormatError):
            check.known_keys("it", bad, ("a",))


def test_atomic_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.json"
    check.write_text_atomic(path, "é\n")
    assert path.read_bytes() == "é\n".encode()
    with pytest.raises(UnicodeEncodeError):
        check.write_text_atomic(path, "\ud800")
    assert path.read_bytes() == "é\n".encode()
    with pytest.raises(OSError, match="directory"):
        check.write_text_atomic(tmp_path / "none" / "a.json", "x")
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.json"]


def test_read_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(FormatError, match="not UTF-8"):
        check.read_text(path, "the file")
    monkeypatch.setattr(check, "MAX_FILE_BYTES", 1)
    with pytest.raises(FormatError, match="larger than 1 bytes"):
        check.read_text(path, "the file")
