"""flash.sweep in memory: counts, the best, histograms and fronts, however it is run."""

from __future__ import annotations

import json
import math
import re
import shlex
from importlib.util import find_spec
from random import Random
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twins.choices import write_blocks
from twins.problems import space as random_space
from twins.processes import Run

import flash
import flash.sweeps.sweeping
from flash import Range
from flash.errors import ArgumentError, ArgumentTypeError
from flash.networks.families import FAMILIES
from flash.predictors.predictor import as_predictor

if TYPE_CHECKING:
    from pathlib import Path

SPACE = flash.DenseNet(depths=Range(3, 9), skips=[0, 16, 40], cells=3)
BUDGETS = {"max_latency_ms": 1.5, "max_energy_mj": 0.02}


def same(one: flash.SweepResult, other: flash.SweepResult) -> bool:
    """Equal but for the time they took and where the rows are."""
    return one.replace(elapsed_s=0.0, out=None) == other.replace(elapsed_s=0.0, out=None)


def brute(space: Any, target: str, budgets: dict[str, float], predictor: Any = None) -> Any:
    """All rows within the budgets as columns, best objective first."""
    table = flash.evaluate(space, target, list(range(space.size)), predictor)
    table["index"] = np.arange(space.size)
    mask = np.ones(space.size, bool)
    for name, value in budgets.items():
        mask &= table["accuracy"] >= value if name == "min_accuracy" else table[name[4:]] <= value
    kept = {name: column[mask] for name, column in table.items()}
    score = "accuracy" if predictor is not None else "nn_degree"
    ties = [kept[n] for n in ("area_mm2", "energy_mj", "latency_ms") if n in kept]
    order = np.lexsort((kept["index"], *ties, -kept[score]))
    return {name: column[order] for name, column in kept.items()}


def test_counts_the_best_and_histograms() -> None:
    expected = brute(SPACE, "rram", BUDGETS)
    result = flash.sweep(SPACE, "rram", **BUDGETS, top=30)
    assert result.count == result.size == SPACE.size
    assert result.complete
    assert result.feasible == len(expected["index"]) > 100
    assert [one.index for one in result.top] == expected["index"][:30].tolist()
    for one, degree, area in zip(
        result.top, expected["nn_degree"], expected["area_mm2"], strict=False
    ):
        assert one.objective == one.nn_degree == degree
        assert one.area_mm2 == area
    best = flash.search(SPACE, "rram", **BUDGETS)
    assert result.best is not None
    assert result.best.proven
    assert result.best.status == "OPTIMAL"
    assert (result.best.x, result.best.objective) == (best.x, best.objective)
    assert [one.proven for one in result.top[1:]] == [False] * 29
    assert result.histograms is not None
    for name, histogram in result.histograms.items():
        assert sum(histogram.counts) == result.feasible
        values = expected[name].astype(float)
        assert histogram.low <= values.min() <= values.max() <= histogram.high * (1 + 1e-12)
        counts, _ = np.histogram(values, np.array(histogram.edges))
        assert abs(counts - np.array(histogram.counts)).sum() <= 4  # edges are rounded


@settings(max_examples=25, deadline=None)
@given(st.randoms(use_true_random=False))
def test_spaces_drawn(random: Random) -> None:
    family = random.choice(FAMILIES)
    space = random_space(random, family, 3000)
    target = random.choice(["rram", "cpu-x86"])
    table = flash.evaluate(space, target, list(range(space.size)))
    budgets = {"max_latency_ms": float(random.choice(table["latency_ms"].tolist()))}
    if random.random() < 0.5:
        budgets["max_params"] = int(random.choice(table["params"].tolist()))
    expected = brute(space, target, budgets)
    first = {space.decode(i): i for i in expected["index"][::-1].tolist()}
    best = [i for i in expected["index"].tolist() if first[space.decode(i)] == i]
    for options in (
        {},
        {"threads": 2},
        {"where": "index >= 0"},
        {"where": "index >= 0", "chunk": 7},
    ):
        result = flash.sweep(space, target, **budgets, top=7, **options)
        assert result.feasible == len(expected["index"])
        assert [one.index for one in result.top] == best[:7]


def test_the_frame_is_that_of_each_result() -> None:
    pandas = pytest.importorskip("pandas")
    result = flash.sweep(SPACE, "rram", **BUDGETS, top=9)
    frame = result.to_frame()
    assert len(frame) == 9
    for i, one in enumerate(result.top):
        pandas.testing.assert_series_equal(
            frame.iloc[i], one.to_frame().iloc[0], check_names=False, check_dtype=False
        )
    assert frame["cell1_depth"].tolist() == [one.architecture.cells[1].depth for one in result.top]
    assert flash.sweep(SPACE, "rram", max_latency_ms=1e-9).to_frame().empty


def test_frames_work_no_notes_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a target notes of a network takes longer than the search."""
    result = flash.sweep(SPACE, "rram", top=5)
    monkeypatch.setattr(flash.Target, "cost", None)
    assert len(result.to_frame()) == 5


@pytest.mark.slow
def test_any_threads_and_chunks() -> None:
    whole = flash.sweep(SPACE, "rram", **BUDGETS, top=20, bins=16)
    for threads in (1, 2, 8):
        assert same(flash.sweep(SPACE, "rram", **BUDGETS, top=20, bins=16, threads=threads), whole)
    rows = [
        flash.sweep(
            SPACE, "rram", **BUDGETS, top=20, bins=16, where="macs > 0", pareto=FRONT,
            threads=threads, chunk=chunk,
        )
        for threads in (1, 2, 8)
        for chunk in (11, 5000, None)
    ]  # fmt: skip
    assert all(same(one, rows[0]) for one in rows)
    assert rows[0].histograms == whole.histograms
    assert [a.x for a in rows[0].top] == [a.x for a in whole.top]


FRONT = ("accuracy", "latency_ms", "area_mm2")


@pytest.mark.slow
@pytest.mark.parametrize("names", [FRONT, ("latency_ms", "params"), (*FRONT, "energy_mj")])
@pytest.mark.parametrize("predictor", [None, flash.AccuracyPredictor(1.02, 30.0, -2.5)])
def test_front(names: tuple[str, ...], predictor: Any) -> None:
    table = brute(SPACE, "rram", BUDGETS, predictor)
    score = "nn_degree" if predictor is None else "accuracy"
    costs = np.stack([-table[score] if n == "accuracy" else table[n] for n in names], 1)
    expected = []
    for i, own in enumerate(costs):
        less = (costs <= own).all(1)
        equal = (costs == own).all(1)
        if not (less & ~equal).any() and table["index"][equal].min() == table["index"][i]:
            expected.append(int(table["index"][i]))
    result = flash.sweep(SPACE, "rram", **BUDGETS, predictor=predictor, pareto=names, chunk=500)
    assert result.front is not None
    assert sorted(result.front["index"]) == sorted(expected)
    at = {int(i): n for n, i in enumerate(table["index"])}
    for name in ("latency_ms", "params", score):
        assert list(result.front[name]) == [table[name][at[i]] for i in result.front["index"]]


def test_where_and_products() -> None:
    table = brute(SPACE, "rram", BUDGETS)
    kept = table["area_mm2"] < 15
    result = flash.sweep(
        SPACE, "rram", **BUDGETS, where="area_mm2 < 15",
        objective={"accuracy": 1, "latency_ms": -0.5},
    )  # fmt: skip
    assert result.feasible == kept.sum() > 0
    products = (table["nn_degree"] * table["latency_ms"] ** -0.5)[kept]
    assert result.best is not None
    assert result.best.objective == pytest.approx(products.max(), rel=1e-12)
    assert not result.best.proven  # of those for which `where` holds only
    exact = flash.search(SPACE, "rram", **BUDGETS, objective={"accuracy": 1, "latency_ms": -0.5})
    whole = flash.sweep(SPACE, "rram", **BUDGETS, objective={"accuracy": 1, "latency_ms": -0.5})
    assert whole.best is not None
    assert (whole.best.x, whole.best.objective) == (exact.x, exact.objective)


@pytest.mark.parametrize("predictor", ["default", flash.AccuracyPredictor(1.02, 30.0, -2.5)])
def test_predictors(predictor: Any) -> None:
    for least in (None, 0.6):
        budgets = {**BUDGETS, **({} if least is None else {"min_accuracy": least})}
        table = brute(SPACE, "rram", budgets, as_predictor(predictor, "densenet"))
        result = flash.sweep(SPACE, "rram", **budgets, predictor=predictor, top=3)
        assert result.feasible == len(table["index"])
        assert [one.accuracy for one in result.top] == table["accuracy"][:3].tolist()
        assert result.histograms is not None
        assert "score" in result.histograms


@pytest.mark.slow
def test_samples() -> None:
    whole = flash.sweep(SPACE, "rram", sample=SPACE.size * 2)
    assert whole.size == SPACE.size
    assert whole.feasible == SPACE.size
    part = flash.sweep(SPACE, "rram", **BUDGETS, sample=2000, seed=3, top=2000)
    assert part.size == part.count == 2000
    assert len({one.x for one in part.top}) == part.feasible < 2000
    again = flash.sweep(
        SPACE, "rram", **BUDGETS, sample=2000, seed=3, top=2000, chunk=17, threads=2
    )
    assert same(part, again)
    more = flash.sweep(SPACE, "rram", **BUDGETS, sample=3000, seed=3, top=3000)
    assert {one.x for one in part.top} <= {one.x for one in more.top}
    other = flash.sweep(SPACE, "rram", **BUDGETS, sample=2000, seed=4, top=2000)
    assert {one.x for one in part.top} != {one.x for one in other.top}
    assert not part.top[0].proven


def test_nothing_fits() -> None:
    result = flash.sweep(SPACE, "rram", max_latency_ms=1e-9)
    assert (result.feasible, result.top, result.best) == (0, (), None)
    assert "0 configurations within the budgets" in str(result)
    assert flash.SweepResult.from_json(result.to_json()) == result
    sought = flash.search(SPACE, "rram", max_latency_ms=1e-9)
    assert result.message == sought.message
    assert f"at least {sought.least['max_latency_ms']!r}" in str(result)  # type: ignore[index]
    # of a sample too, where one budget alone says it; never because of a condition
    sampled = flash.sweep(SPACE, "rram", max_latency_ms=1e-9, sample=20, where="macs > 0")
    assert sampled.message == result.message
    odd = flash.sweep(SPACE, "rram", max_latency_ms=2.0, where="macs < 0")
    assert (odd.feasible, odd.message) == (0, None)
    old = {name: value for name, value in odd.to_dict().items() if name != "message"}
    assert flash.SweepResult.from_dict(old) == odd
    assert len(result.to_dict()["top"]) == 0


def test_callback_sees_and_stops() -> None:
    seen: list[Any] = []
    result = flash.sweep(SPACE, "rram", where="macs > 0", chunk=100, callback=seen.append)
    assert result.complete
    assert seen[-1].count == seen[-1].size == SPACE.size
    assert seen[-1].units == seen[-1].total_units > 5
    assert [one.count for one in seen] == sorted(one.count for one in seen)
    stopped = flash.sweep(
        SPACE, "rram", where="macs > 0", chunk=100, threads=1, callback=lambda event: True
    )
    assert stopped.stopped == "callback"
    assert 0 < stopped.count < SPACE.size
    assert not stopped.complete
    assert not stopped.top[0].proven


def test_json_and_screen() -> None:
    result = flash.sweep(SPACE, "rram", **BUDGETS, top=12, pareto=("accuracy", "latency_ms"))
    data = json.loads(result.to_json())
    assert data["feasible"] == result.feasible
    assert data["complete"] is True
    assert len(data["top"]) == 12
    assert data["front"]["index"] == list(result.front["index"]) if result.front else False
    text = str(result)
    assert f"{result.feasible:,} configurations within the budgets" in text
    assert "... and 2 more" in text
    assert "front: " in text


def test_a_long_sweep_is_estimated_first() -> None:
    with pytest.raises(
        ArgumentError,
        match=r"368,005,682,823,168 configurations is estimated .* on 1 worker; yes",
    ):
        flash.sweep(flash.DenseNet(cells=4), "rram", threads=1)
    with pytest.raises(ArgumentError, match="estimated to take"):
        flash.sweep("densenet", "rram", threads=1, bins=8)


@pytest.mark.parametrize(
    ("given_", "error", "message"),
    [
        ({"top": -1}, ArgumentError, "top must be"),
        ({"bins": 1.5}, ArgumentTypeError, "bins must be"),
        ({"sample": 0}, ArgumentError, "sample must be"),
        ({"seed": -1}, ArgumentError, "seed must be"),
        ({"chunk": 0}, ArgumentError, "chunk must be"),
        ({"threads": 0}, ArgumentError, "threads must be"),
        ({"pareto": "accuracy"}, ArgumentTypeError, "pareto must be two to four"),
        ({"pareto": ["accuracy"]}, ArgumentError, "two to four different"),
        ({"pareto": ["macs", "macs"]}, ArgumentError, "two to four different"),
        ({"pareto": ["macs", "latency"]}, ArgumentError, "latency_ms"),
        ({"where": "latency < 2"}, ArgumentError, "unknown column 'latency'"),
        ({"objective": len}, ArgumentError, "takes no function"),
        ({"min_accuracy": 0.5}, ArgumentError, "needs a predictor"),
        ({"max_latency_ms": 0}, ArgumentError, "max_latency_ms"),
        ({"executor": 3}, ArgumentTypeError, "executor must be"),
        ({"callback": 3}, ArgumentTypeError, "callback must be"),
        ({"resume": 1}, ArgumentTypeError, "resume must be True or False"),
        ({"yes": "y"}, ArgumentTypeError, "yes must be True or False"),
    ],
)
def test_refusals(given_: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        flash.sweep(SPACE, "rram", **given_)


def test_metrics_a_target_lacks() -> None:
    with pytest.raises(ArgumentError, match="does not model energy_mj"):
        flash.sweep(SPACE, "cpu-x86", pareto=["accuracy", "energy_mj"])
    with pytest.raises(ArgumentError, match="unknown column 'energy_mj'"):
        flash.sweep(SPACE, "cpu-x86", where="energy_mj < 1")
    with pytest.raises(ArgumentError, match=r"out of range: totals of column score reach 2\^53"):
        flash.sweep(flash.DenseNet(cells=12), "rram", sample=5)


def test_command_line(cli: Run, tmp_path: Any) -> None:
    words = ("sweep", "densenet", "rram", "--depths", "3:9", "--skips", "0,16,40")
    words += ("--max-latency-ms", "1.5", "--max-energy-mj", "0.02", "--top", "3")
    told = json.loads(cli(*words, "--json").stdout)
    expected = flash.sweep(SPACE, "rram", **BUDGETS, top=3)
    assert told["feasible"] == expected.feasible
    assert [one["x"] for one in told["top"]] == [list(one.x or ()) for one in expected.top]
    text = cli(*words, "--json", str(tmp_path / "sweep.json"), "--pareto", "macs,accuracy").stdout
    assert f"{expected.feasible:,} configurations within the budgets" in text
    assert json.loads((tmp_path / "sweep.json").read_text())["front"]
    assert cli(*words[:-6], "--max-latency-ms", "1e-9", code=1).stdout
    failed = cli("sweep", "densenet", "rram", "--cells", "4", code=2).stderr
    assert "estimated to take" in failed
    assert "--yes" in failed
    failed = cli(*words, "--where", "latency < 2", code=2).stderr
    assert "unknown column 'latency'; did you mean 'latency_ms'?" in failed


def test_the_examples_of_the_help_run(cli: Run, tmp_path: Path) -> None:
    write_blocks(tmp_path / "blocks.csv")
    examples = re.findall(r"^  flash (sweep .*)$", cli("sweep", "--help").stdout, re.MULTILINE)
    assert len(examples) >= 4
    for example in examples:
        if "--out" not in example or find_spec("pyarrow") is not None:
            cli(*shlex.split(example))


def test_rates_are_told(cli: Run) -> None:
    words = ("sweep", "densenet", "rram", "--depths", "3:9", "--skips", "0,16,40", "--sample")
    done = cli(*words, "1000", "--progress")
    assert re.match(r"sweep: 100 %, \S+/s, 1,000 feasible, best \S+, in \S+ s\n$", done.stderr)
    assert math.isfinite(float(done.stderr.split("%, ")[1].split("/s")[0]))
