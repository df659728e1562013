"""flash.sweep of a problem of choices equals complete enumeration, whichever way it counts."""

from __future__ import annotations

import csv
import random
from collections import Counter
from fractions import Fraction
from importlib.util import find_spec
from math import prod
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twins.choices import Answer, Table, met, random_conditions, random_problem

import flash
from flash.choosing import counting
from flash.errors import ArgumentError, FormatError

if TYPE_CHECKING:
    from pathlib import Path

BINS = 7


def bars(values: list[Fraction], low: float, high: float, n: int) -> tuple[int, ...]:
    """A histogram in fractions."""
    counts = [0] * n
    first, last = Fraction(repr(low)), Fraction(repr(high))
    for value in values:
        at = 0 if first == last else int((value - first) * n // (last - first))
        counts[min(at, n - 1)] += 1
    return tuple(counts)


def check(seed: int) -> bool:
    """Compare one random sweep; return whether anything met its conditions."""
    problem = random_problem(seed)
    table = Table(problem)
    where = random_conditions(problem, seed + 1)
    swept = flash.sweep(problem, where=where, bins=BINS)
    answers = met(table, where)
    said = f"seed {seed}: {where}"
    assert swept.size == swept.count == problem.size == sum(1 for _ in table.answers()), said
    assert swept.exact, said
    assert swept.feasible == len(answers), said
    assert set(swept.histograms) == set(problem.metrics), said
    for name, one in swept.histograms.items():
        values = [answer.metrics[name] for answer in answers]
        assert one.counts == bars(values, one.low, one.high, len(one.counts)), (said, name)
    return bool(answers)


@pytest.fixture(params=["by states", "one by one"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Either way, whatever the size."""
    if request.param == "by states":
        monkeypatch.setattr(counting, "FEW", 0)
        monkeypatch.setattr(counting, "MANY", 0)
    return str(request.param)


@pytest.mark.usefixtures("way")
def test_equals_complete_enumeration() -> None:
    seen = [check(9000 * seed) for seed in range(250)]
    assert seen.count(True) > 100
    assert seen.count(False) > 20


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**9))
def test_equals_complete_enumeration_anywhere(seed: int) -> None:
    check(seed)


def problem_of(groups: int, options: int, most: int = 30, seed: int = 0) -> flash.ChoiceProblem:
    draw = random.Random(seed)
    return flash.ChoiceProblem.from_arrays(
        {
            name: [[draw.randint(1, most) for _ in range(options)] for _ in range(groups)]
            for name in ("loss", "latency_ms")
        }
    )


def test_more_answers_than_can_be_listed() -> None:
    """Counts of sums, convolved by hand."""
    problem = problem_of(40, 6)
    swept = flash.sweep(problem, where="latency_ms <= 500")
    ways = Counter({0: 1})
    start = problem._start
    for g in range(40):
        then: Counter[int] = Counter()
        for x in problem.values("latency_ms")[start[g] : start[g + 1]].tolist():
            for total, number in ways.items():
                then[total + int(x)] += number
        ways = then
    expected = sum(number for total, number in ways.items() if total <= 500)
    assert swept.size == 6**40
    assert swept.feasible == expected
    assert sum(swept.histograms["loss"].counts) == expected
    assert "10^" in str(swept) or "e+" in str(swept)
    assert flash.ChoiceSweep.from_json(swept.to_json()) == swept


def test_the_best_are_those_of_choose() -> None:
    problem = problem_of(4, 4)
    swept = flash.sweep(problem, where="latency_ms <= 70", minimize="loss", top=12)
    losses = sorted(one.metrics["loss"] for one in met(Table(problem), ["latency_ms <= 70"]))
    assert [one.objective for one in swept.top] == list(map(float, losses[:12]))
    assert all(one.proven for one in swept.top)
    assert swept.best is swept.top[0]
    assert swept.objective_name == "loss"
    assert len({tuple(one.choices.values()) for one in swept.top}) == 12
    none = flash.sweep(problem, where="latency_ms <= 0", minimize="loss")
    assert (none.feasible, none.top, none.best) == (0, (), None)
    assert flash.sweep(problem, minimize="loss", top=0).top == ()


def test_too_much_to_count_is_refused_and_sampled() -> None:
    draw = random.Random(3)
    numbers = [[draw.random() for _ in range(10)] for _ in range(20)]
    problem = flash.ChoiceProblem.from_arrays(
        {"loss": numbers, "ms": [[draw.randint(1, 9) for _ in range(10)] for _ in range(20)]}
    )
    with pytest.raises(ArgumentError, match=r"where: too many different sums .* sample=100_000"):
        flash.sweep(problem, where="loss <= 8")
    with pytest.raises(ArgumentError, match=r"bins: loss has too many .* bins=0 counts alone"):
        flash.sweep(problem, where="ms <= 90", bins=10)
    swept = flash.sweep(problem, where="ms <= 90")
    assert list(swept.histograms) == ["ms"]
    assert "no histogram of loss: too many different sums" in swept.flags[0]
    sampled = flash.sweep(problem, where="ms <= 90", sample=30_000, seed=1)
    low, high = sampled.interval
    assert low < swept.share < high
    assert (sampled.exact, sampled.count, sampled.size) == (False, 30_000, 10**20)
    assert sum(sampled.histograms["loss"].counts) == sampled.feasible
    assert "a sample of 30,000 of" in str(sampled)
    assert sampled == flash.sweep(problem, where="ms <= 90", sample=30_000, seed=1).replace(
        elapsed_s=sampled.elapsed_s
    )


@pytest.mark.parametrize("seed", range(6))
def test_samples_are_uniform(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over spans and states too: each answer comes as often as any other."""
    monkeypatch.setattr(counting, "MANY", 0)
    draw = random.Random(seed)
    codes: list[int] = []
    while len(codes) < 4:
        problem = flash.ChoiceProblem(
            {f"g{g}": ["x", "y"] for g in range(4)},
            {"m": [1, 2] * 4, "code": [2**i for i in range(8)]},
            until=[f"g{min(3, i // 2 + 1)}" if draw.random() < 0.3 else None for i in range(8)],
            takes=[draw.choice("ab") for _ in range(8)],
            gives=[draw.choice("ab") for _ in range(8)],
        )
        codes = [int(one.metrics["code"]) for one in Table(problem).answers()]
    n = 2000 * len(codes)
    swept = flash.sweep(problem, sample=n, bins=255, seed=seed)
    bars_of = swept.histograms["code"]
    low, high, counts = int(bars_of.low), int(bars_of.high), bars_of.counts
    assert swept.feasible == n
    assert sum(counts) == n
    k = len(counts)
    by_bin = Counter(min((code - low) * k // max(1, high - low), k - 1) for code in codes)
    for at, number in by_bin.items():
        expected = 2000 * number
        assert abs(counts[at] - expected) < 6 * expected**0.5
    assert sum(counts[at] for at in by_bin) == n


@pytest.mark.parametrize("seed", range(0, 60, 3))
def test_samples_know_the_conditions(seed: int) -> None:
    """What a sample counts is what meets the conditions, for each answer drawn."""
    problem = random_problem(seed)
    where = random_conditions(problem, seed + 1)
    table = Table(problem)
    answers = met(table, where)
    everything = sum(1 for _ in table.answers())
    if everything < 2:
        return
    swept = flash.sweep(problem, where=where, sample=everything - 1, seed=seed)
    assert swept.sample == everything - 1
    if len(answers) == everything:
        assert swept.feasible == swept.count
    if not answers:
        assert swept.feasible == 0
    whole = flash.sweep(problem, where=where, sample=everything)
    assert whole.sample is None
    assert whole.feasible == len(answers)


def as_row(answer: Answer) -> tuple[float | str | None, ...]:
    return (*map(float, answer.metrics.values()), *answer.choices.values())


def test_rows_as_csv(tmp_path: Path) -> None:
    problem = problem_of(3, 3)
    path = tmp_path / "rows.csv"
    swept = flash.sweep(problem, where="latency_ms <= 50", out=path)
    with path.open(encoding="utf-8", newline="") as file:
        names, *rows = csv.reader(file)
    expected = {as_row(one) for one in met(Table(problem), ["latency_ms <= 50"])}
    assert names == ["loss", "latency_ms", "0", "1", "2"]
    assert {(float(a), float(b), *more) for a, b, *more in rows} == expected
    assert swept.rows == len(rows) == len(expected)
    assert swept.out == str(path)
    assert f"{len(rows)} rows in {path}" in str(swept)
    assert [one.name for one in tmp_path.iterdir()] == ["rows.csv"]


@pytest.mark.skipif(find_spec("pyarrow") is None, reason="needs pyarrow")
def test_rows_as_parquet(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    problem = flash.ChoiceProblem(
        {"a": ["x", "y"], "m": ["z"]}, {"m": [1, 2, 3]}, until=["m", None, None]
    )
    path = tmp_path / "rows.parquet"
    flash.sweep(problem, out=path)
    rows = pq.read_table(path).to_pylist()
    assert sorted(rows, key=str) == [
        {"m": 1.0, "a": "x", "group m": None}, {"m": 5.0, "a": "y", "group m": "z"},
    ]  # fmt: skip
    drawn = flash.sweep(problem_of(30, 9), sample=500, out=path)
    assert drawn.rows == len(pq.read_table(path)) == 500


def test_nothing_half_written_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(counting._Count, "_tell", stop)
    ended = flash.sweep(problem_of(3, 3), out=tmp_path / "rows.csv")
    assert (ended.stopped, ended.counted, ended.out) == ("interrupt", False, None)
    assert list(tmp_path.iterdir()) == []


def test_ways_are_as_many_as_the_product() -> None:
    problem = problem_of(5, 3)
    assert flash.sweep(problem).feasible == prod([3] * 5)


def test_progress_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    flash.sweep(problem_of(40, 6), where="latency_ms <= 500", bins=0, progress=True)
    assert "group 40 of 40, " in capsys.readouterr().err
    flash.sweep(problem_of(3, 6), progress=True)
    assert " answers found" in capsys.readouterr().err


def test_as_data_and_text() -> None:
    swept = flash.sweep(problem_of(4, 4), where=["latency_ms <= 70"], minimize="loss", top=20)
    again = flash.ChoiceSweep.from_json(swept.to_json())
    assert again == swept
    assert hash(again) == hash(swept)
    text = str(swept)
    assert text == repr(swept)
    assert f"256 answers\n{swept.feasible} meet the conditions" in text
    assert "where latency_ms <= 70" in text
    assert "... and 10 more" in text
    assert "<table>" in swept._repr_html_()
    for key, value in (("feasible", -1), ("top", [5]), ("histograms", {"m": {}}), ("seed", "x")):
        with pytest.raises(FormatError, match=key):
            flash.ChoiceSweep.from_dict({**swept.to_dict(), key: value})
    with pytest.raises(FormatError, match="format must be 'flash-choice-sweep-1'"):
        flash.ChoiceSweep.from_dict({**swept.to_dict(), "format": 1})


@pytest.mark.skipif(find_spec("pandas") is None, reason="needs pandas")
def test_as_a_frame() -> None:
    swept = flash.sweep(problem_of(3, 3), minimize="2 * loss", top=3)
    frame = swept.to_frame()
    assert list(frame.columns) == ["2 * loss", "loss", "latency_ms", "0", "1", "2"]
    assert frame["2 * loss"].tolist() == [one.objective for one in swept.top]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"sample": 0}, "sample must be an integer from 1"),
        ({"top": -1}, "top must be an integer from 0"),
        ({"bins": -1}, "bins must be an integer from 0"),
        ({"seed": -1}, "seed must be an integer from 0"),
        ({"out": "rows.txt"}, r"out must end in \.csv or \.parquet, got 'rows.txt'"),
        ({"minimize": "loss", "maximize": "loss"}, "one of minimize and maximize"),
        ({"where": "lost < 3"}, "did you mean 'loss'"),
        ({"where": "loss != 3"}, "sums of metrics are not compared by !="),
        ({"max_latency_ms": 3}, "max_latency_ms is of a space"),
        ({"executor": 5}, "executor is of a space"),
        ({"objective": {"accuracy": 1}}, "objective is of a space"),
    ],
)
def test_bad_input(
    given: dict[str, Any], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ArgumentError, match=told):
        flash.sweep(problem_of(2, 2), **given)
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_more_than_can_be_listed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=r"out takes every answer .* sample=100_000"):
        flash.sweep(problem_of(30, 9), out=tmp_path / "rows.csv")
    with pytest.raises(FileNotFoundError, match=r"rows\.csv"):
        flash.sweep(problem_of(2, 2), out=tmp_path / "none" / "rows.csv")


def test_arguments_of_a_problem_are_not_those_of_a_space() -> None:
    with pytest.raises(ArgumentError, match=r"minimize is for a flash\.ChoiceProblem"):
        flash.sweep("densenet", "rram", minimize="loss")  # type: ignore[call-overload]
    with pytest.raises(flash.FlashError, match="missing required argument: 'target'"):
        flash.sweep("densenet")  # type: ignore[call-overload]
