"""Plain command lines are read without argparse, and just as it reads them."""

from __future__ import annotations

import random
from typing import Any

import pytest

from flash.cli.options import _PREPARE, WATCHED, parser
from flash.cli.words import UnclearError, Words


def words_of(command: str) -> Words:
    made: Any = Words()
    _PREPARE[command](made)
    if command in WATCHED:
        made.add_argument("--progress", action="store_true")
    return made


def argparse_reads(command: str, line: list[str]) -> dict[str, Any] | None:
    try:
        return vars(parser(command).parse_args(line))
    except SystemExit:
        return None


@pytest.mark.parametrize("command", list(_PREPARE))
def test_random_lines_are_read_as_argparse_reads_them(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = random.Random(command)
    words = words_of(command)
    names = [*words._options, "--help", "-h", "--max", "--", "-", "-1", "--no-such=1"]
    texts = ["densenet", "rram", "0", "3", "-2", "1e-3", "a b", "", "x=y", "-1.5", "out.json"]
    read = 0
    for _ in range(800):
        line = [rng.choice(texts[:4]) for _ in range(rng.choice((0, 1, 2, 2, 2, 3)))]
        for _ in range(rng.choice((0, 1, 1, 2, 4))):
            name, text = rng.choice(names), rng.choice(texts)
            new = rng.choice(([name], [name, text], [f"{name}={text}"], [name, text]))
            at = len(line) if rng.random() < 0.7 else rng.randrange(len(line) + 1)
            line[at:at] = new
        for name, value in (("--data", "digits"), ("--target", "rram")):
            required = words._options.get(name, ("", {}))[1].get("required")
            if rng.random() < 0.5 and required:
                line += [name, value]
        try:
            found = vars(words.read(line))
        except UnclearError:
            continue
        read += 1
        assert found == argparse_reads(command, line), line
    capsys.readouterr()
    assert read >= 10


@pytest.mark.parametrize(
    "line",
    [
        "search densenet rram --max-latency-ms 4 --max-energy-mj=0.04 --max-area-mm2 70",
        "search --seed 3 densenet rram --json",
        "search densenet rram cpu-x86 --json out.json --objective accuracy=1 --objective params=-1",
        "search densenet --targets devices --threads 2",
        "evaluate densenet rram 0 1,2,3 --json",
        "targets rram",
        "info",
    ],
)
def test_usual_lines_need_no_argparse(line: str) -> None:
    command, *rest = line.split()
    assert vars(words_of(command).read(rest)) == argparse_reads(command, rest)


@pytest.mark.parametrize(
    "line",
    [
        "search",
        "search densenet rram --max-latency 4",
        "search densenet rram --seed 1.5",
        "search densenet rram --seed",
        "search densenet rram --codesign=yes",
        "search densenet rram --help",
        "evaluate densenet rram --json 0 1",
        "targets rram cpu-x86",
        "cost model.onnx",
        "calibrate --from a b",
    ],
)
def test_others_are_left_to_argparse(line: str) -> None:
    command, *rest = line.split()
    with pytest.raises(UnclearError):
        words_of(command).read(rest)
