"""Numbers on the command line: one form for all options, and what is said where it is another."""

from __future__ import annotations

from argparse import ArgumentTypeError

import pytest

from flash.cli.options import read
from flash.cli.read import amount_of, count, fraction, number


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1000", 1000),
        ("-1", -1),
        ("1_000", 1000),
        ("1e6", 1_000_000),
        ("2.5e3", 2500),
        ("2M", 2_000_000),
        ("0.5k", 500),
        ("1.5G", 1_500_000_000),
        ("18446744073709551615", 2**64 - 1),  # exactly, as it is an integer
        ("8e4", 80_000),
        ("0.0", 0),
    ],
)
def test_counts(text: str, value: int) -> None:
    found = count(text)
    assert (found, type(found)) == (value, int)


@pytest.mark.parametrize("text", ["2.5", "1e-3", "x", "", "M", "2MM", "nan", "inf", "1e999", "4ms"])
def test_no_counts(text: str) -> None:
    with pytest.raises(ArgumentTypeError, match="must be an integer, as 1000, 1e6 or 2M, got"):
        count(text)
    with pytest.raises(ValueError, match="must be an integer"):  # for flash.cli.words
        count(text)


def test_amounts_say_their_unit() -> None:
    assert amount_of("milliseconds")("4.5") == 4.5
    with pytest.raises(ArgumentTypeError, match=r"number of milliseconds, as 4 or 0.5, got '4ms'"):
        amount_of("milliseconds")("4ms")
    with pytest.raises(ArgumentTypeError, match=r"a number from 0 to 1, as 0.9, got '90%'"):
        fraction("90%")
    with pytest.raises(ArgumentTypeError, match=r"a number, as 0.1, got 'fast'"):
        number("fast")


def test_every_count_of_a_command_is_read_alike(capsys: pytest.CaptureFixture[str]) -> None:
    given = read(
        "sweep", ["resnet", "rram", "--sample", "1e6", "--max-params", "2M", "--top", "1e2"]
    )
    assert (given.sample, given.max_params, given.top) == (1_000_000, 2_000_000, 100)
    with pytest.raises(SystemExit):
        read("search", ["densenet", "rram", "--max-latency-ms", "4ms"])
    told = capsys.readouterr().err
    assert "--max-latency-ms: must be a number of milliseconds, as 4 or 0.5, got '4ms'" in told
