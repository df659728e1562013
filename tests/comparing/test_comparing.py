"""flash.compare: tables, intervals, the shell, Ctrl-C."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twins.places import ACCURACIES

import flash
from flash import Comparison
from flash.base.progress import Progress
from flash.comparing import running, statistics
from flash.comparing.drawing import best_so_far
from flash.comparing.statistics import EVALUATIONS
from flash.errors import ArgumentError, ArgumentTypeError
from flash.evaluators.by_function import FunctionEvaluator
from flash.results.result import SearchResult
from flash.solving.ground import ground_of
from flash.spaces.nas_bench import NasBenchMacro

if TYPE_CHECKING:
    from twins.processes import Run

PART = ACCURACIES / "nas_bench_macro.csv"
SMALL = flash.DenseNet(width_multipliers=[1, 2], depths=[3, 4], skips=[0, 8], cells=2)


@pytest.mark.slow
def test_a_comparison(tmp_path: Path) -> None:
    seen: list[SearchResult] = []
    found = flash.compare(
        SMALL, "cpu-x86", seeds=3, max_evals=20, max_params=8e4, callback=seen.append
    )
    best = flash.search(SMALL, "cpu-x86", max_params=8e4)
    assert found.optimum == best.objective
    assert list(found.runs) == ["shgo", *[name for name in found.runs if name != "shgo"]]
    assert set(found.skipped) == {"flash", "hao"}
    assert [run.seed for run in found.runs["random"]] == [0, 1, 2]
    assert len(seen) == 3 * len(found.runs)
    twin = flash.search(SMALL, "cpu-x86", method="evolution", seed=1, max_evals=20, max_params=8e4)
    assert found.runs["evolution"][1].x == twin.x
    rows = {row["method"]: row for row in found.rows()}
    assert rows["shgo"]["gap"] == (0.0, 0.0, 0.0)
    assert rows["random"]["fewer"][0] == 1.0
    assert "proven optimum" in str(found)
    path = tmp_path / "comparison.json"
    found.to_json(path)
    assert Comparison.from_json(path) == found
    assert len(found.to_frame()) == len(seen)
    pytest.importorskip("matplotlib")
    figure = found.plot()
    assert [axis.get_xlabel() for axis in figure.axes] == ["evaluations", "time [s]"]
    assert [axis.get_ylabel() for axis in figure.axes] == ["NN-Degree"] * 2
    for line in (line for axis in figure.axes for line in axis.get_lines()):
        assert not (np.diff(np.asarray(line.get_ydata(), dtype=float)) < 0).any()
    assert {one.name for one in found.plot("plotly").data} == {*found.runs, "proven optimum"}


class Traced:
    """As much of a result as a curve is made of."""

    def __init__(self, steps: list[tuple[float, float]]) -> None:
        self.trace = tuple((int(at), int(at), at, best) for at, best in steps)
        self.nfev, self.elapsed_s = (int(steps[-1][0]), steps[-1][0]) if steps else (0, 0.0)
        self.objective = steps[-1][1] if steps else None


RUN = st.lists(st.tuples(st.integers(1, 50), st.floats(-5, 5)), max_size=8).map(
    lambda steps: Traced(
        [(float(at), max(v for t, v in steps if t <= at)) for at, _ in sorted(steps)]
    )
)


@settings(max_examples=40)
@given(st.lists(RUN, min_size=1, max_size=5))
def test_the_best_so_far_never_falls(runs: Any) -> None:
    efforts, *quartiles = best_so_far(runs, EVALUATIONS)
    ends = [one.objective if one.objective is not None else -math.inf for one in runs]
    for curve, share in zip(quartiles, (0.25, 0.5, 0.75), strict=True):
        known = curve[~np.isnan(curve)]
        assert (np.diff(known) >= 0).all()
        assert np.isnan(curve[: len(curve) - len(known)]).all()  # nothing, until it begins
        with np.errstate(invalid="ignore"):
            end = np.quantile(ends, share)
        assert known.size == 0 or known[-1] == pytest.approx(end)
        assert (known.size > 0) == bool(len(efforts) and np.isfinite(end))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"methods": "random"}, "methods must be a list"),
        ({"methods": []}, "methods must be at least one"),
        ({"methods": ["randon"]}, "did you mean 'random'"),
        ({"methods": ["evolution"], "baseline": "random"}, "baseline must be one of the methods"),
        ({"methods": ["random", "flash"]}, "methods: flash: method 'flash' learns from evaluated"),
        ({"seeds": 0}, "seeds must be an integer"),
        ({"seeds": [1, 1]}, "seeds must be different"),
        ({"max_latency": 3}, "did you mean 'max_latency_ms'"),
        ({"options": {"evolve": {}}}, "options must be one of"),
    ],
)
def test_bad_arguments_of_compare(given: dict[str, Any], message: str) -> None:
    with pytest.raises((ArgumentError, ArgumentTypeError), match=message):
        flash.compare(SMALL, "cpu-x86", **given)


@pytest.mark.parametrize(
    "given",
    [
        {"callback": 5},
        {"progress": 2},
        {"codesign": "no"},
        {"options": 5},
        {"options": {"random": 5}},
        {"options": {"evolution": {"no": 1}}},  # of the second method: it would run last
        {"journal": 5},
        {"max_evals": "x"},
        {"time_limit_s": -1},
        {"max_latency_ms": -1},
        {"min_accuracy": 2.0},
        {"objective": "x"},
        {"target": 5},
        {"seeds": range(10**12)},
    ],
)
def test_arguments_are_looked_at_before_the_first_evaluation(given: dict[str, Any]) -> None:
    asked: list[Any] = []

    def judge(nets: list[Any]) -> list[float]:
        asked.extend(nets)
        return [0.5] * len(nets)

    more: dict[str, Any] = {"target": "rram", "methods": ["random", "evolution"], "max_evals": 20}
    with pytest.raises((ArgumentError, ArgumentTypeError)):
        flash.compare(SMALL, evaluator=judge, **{**more, "seeds": 2, **given})
    assert not asked


def test_the_first_is_the_baseline_where_random_takes_no_part() -> None:
    more: dict[str, Any] = {"seeds": 1, "max_evals": 20}
    found = flash.compare(SMALL, "rram", methods=["pnas", "hurricane"], **more)
    assert found.baseline == "pnas"
    assert "the median of pnas" in str(found)
    found = flash.compare(SMALL, "rram", methods=["hurricane", "random"], **more)
    assert found.baseline == "random"


def test_a_gap_means_what_it_means_in_results() -> None:
    given: dict[str, Any] = {"max_params": 8e4, "max_evals": 4}
    found = flash.compare(SMALL, "cpu-x86", methods=["random", "shgo"], seeds=3, **given)
    gaps = [
        flash.search(SMALL, "cpu-x86", method="random", seed=seed, **given).gap for seed in range(3)
    ]
    objectives = [run.objective or 0.0 for run in found.runs["random"]]
    assert found.optimum is not None
    assert gaps == pytest.approx([1 - one / found.optimum for one in objectives])
    assert max(gaps) > 0.0
    (row,) = [row for row in found.rows() if row["method"] == "random"]
    assert row["gap"][0] == pytest.approx(np.mean(gaps))
    assert "gap: 1 - objective / optimum" in str(found)


def test_one_method_under_two_names() -> None:
    more: dict[str, Any] = {"seeds": 2, "max_evals": 10, "max_params": 8e4}
    found = flash.compare(
        SMALL,
        "cpu-x86",
        methods={"evolution": "evolution", "small": "evolution", "random": "random"},
        options={"small": {"population": np.int64(4), "sample": 2}},
        **more,
    )
    assert list(found.runs) == ["evolution", "small", "random"]
    own = {"method": "evolution", "seed": 1, **more}
    del own["seeds"]
    twin = flash.search(SMALL, "cpu-x86", options={"population": 4, "sample": 2}, **own)
    assert found.runs["small"][1].trace[0][:2] == twin.trace[0][:2]
    assert found.runs["small"][1].samples == twin.samples != found.runs["evolution"][1].samples
    assert found.options == {"small": {"population": 4, "sample": 2}}
    assert "small: population 4, sample 2" in str(found)
    assert Comparison.from_json(found.to_json()) == found
    assert list(found.to_frame()["method"].unique()) == ["evolution", "small", "random"]
    older = found.to_dict()
    del older["options"]
    assert Comparison.from_json(json.dumps(older)).options is None


@pytest.mark.parametrize(
    ("methods", "message"),
    [
        ({}, "methods must be at least one"),
        ({"random": "pnas"}, "methods: 'random' is another method's name"),
        ({" ": "pnas"}, "a name must not be empty"),
        ({3: "pnas"}, "methods: a name must be text, got 3"),
        ({"a": "pnsa"}, r"methods\['a'\] must be one of .* did you mean 'pnas'"),
        ({"a": 5}, r"methods\['a'\] must be one of 'shgo', .*'spos', or a function that takes a"),
    ],
)
def test_bad_names_of_methods(methods: Any, message: str) -> None:
    with pytest.raises((ArgumentError, ArgumentTypeError), match=message):
        flash.compare(SMALL, "cpu-x86", methods=methods)


def test_what_a_table_tells_of_each_method() -> None:
    """Evaluations used, the share of rows within the budgets, and where nothing was found."""
    found = flash.compare(
        "densenet", "rram", methods=["hurricane", "random"], seeds=2, max_evals=50,
        max_latency_ms=4.0, max_energy_mj=0.04, max_area_mm2=70.0,
    )  # fmt: skip
    rows = {row["method"]: row for row in found.rows()}
    for name, runs in found.runs.items():
        assert rows[name]["used"] == np.median([run.nfev for run in runs])
        asked = sum(run.samples or 0 for run in runs)
        assert rows[name]["feasible"] == sum(run.feasible or 0 for run in runs) / asked
        assert rows[name]["statuses"] == {"FEASIBLE": 2}
        assert rows[name]["found"] == 1.0
    assert rows["random"]["feasible"] < 0.2  # uniform draws: few are within the budgets
    table = str(found).splitlines()
    assert table[4].split() == [
        *("method", "objective", "found", "gap", "%", "used", "feasible", "reached"),
        *("evaluations", "fewer", "time"),
    ]


def test_uniform_draws_tell_how_many_networks_are_feasible() -> None:
    """The share that random search asks for within the budgets is that of the whole space."""
    right = np.mean([SMALL.decode(i).params <= 8e4 for i in range(SMALL.size)])
    result = flash.search(SMALL, "cpu-x86", method="random", max_evals=100, max_params=8e4)
    assert result.samples is not None
    assert result.feasible_share == pytest.approx(right, abs=0.1)
    drawn = round(result.feasible_share * result.samples)  # type: ignore[operator]
    assert result.feasible == drawn
    text = str(result)
    assert f"{drawn:,} of {result.samples:,} rows within the budgets" in text
    assert SearchResult.from_json(result.to_json()) == result
    assert flash.search(SMALL, "cpu-x86", max_params=8e4).feasible_share is None


def test_nothing_found_has_a_status() -> None:
    """No draw fits, and nobody can prove that none does: the table says what became of it."""
    given: dict[str, Any] = {
        "methods": ["random", "evolution"], "seeds": 1, "max_evals": 4, "time_limit_s": 0.2,
        "max_latency_ms": 1e-3,
    }  # fmt: skip
    found = flash.compare(
        flash.PNASCells(filters=8, resolution=8), "cpu-x86",
        evaluator=lambda nets: [0.5] * len(nets), **given,
    )  # fmt: skip
    for row in found.rows():
        assert row["found"] == 0.0
        assert row["objective"] is row["gap"] is None
        assert not row["feasible"]
        assert list(row["statuses"]) == ["TIME_LIMIT"]
    assert found.rows()[0]["feasible"] == 0.0
    assert not found.success
    assert str(found).count("TIME_LIMIT") >= 2
    assert Comparison.from_json(found.to_json()) == found


def test_it_says_how_long_the_rest_takes(capsys: pytest.CaptureFixture[str]) -> None:
    flash.compare(
        SMALL, "cpu-x86", methods=["random", "evolution"], seeds=2, max_evals=5, progress=True
    )
    *_, last = capsys.readouterr().err.splitlines()
    assert re.match(r"compare: 4 of 4 runs, evolution, seed 1: \S+, 5 evaluations, .* in ", last)


def test_the_clock_of_a_comparison(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter([0.0, 2.0, 8.0, 9.0])
    monkeypatch.setattr(running, "perf_counter", lambda: next(now))
    clock = running.Clock(["a", "b"], 3, Progress(False, "compare"))
    clock.ended("a", "")
    assert clock.left() == 2 * 2.0 + 3 * 2.0  # b is not known: as long as a
    clock.ended("b", "")
    assert clock.left() == 2 * 2.0 + 2 * 6.0
    clock.ended("a", "")  # faster than before: the latest counts
    assert clock.left() == 1 * 1.0 + 2 * 6.0


def test_compare_from_the_shell(cli: Run) -> None:
    done = cli("compare", "nas-bench-macro", "cpu-x86", "--table", str(PART), "--skip-missing",
               "--methods", "random,fp-nas", "--seeds", "2", "--max-evals", "4",
               "--option", "fp-nas.samples=4", "--json", "--progress")  # fmt: skip
    data = json.loads(done.stdout)
    assert [row["method"] for row in data["rows"]] == ["random", "fp-nas"]
    assert "fp-nas, seed 1: " in done.stderr
    error = cli("compare", "densenet", "rram", "--train", "digits", code=2)
    assert "--train needs --out" in error.stderr
    error = cli("compare", "densenet", "rram", "--option", "samples=4", code=2)
    assert "must name a method" in error.stderr


def test_methods_get_names_in_the_shell(cli: Run) -> None:
    words = ("compare", "densenet", "rram", "--seeds", "1", "--max-evals", "20", "--quiet")
    done = cli(*words, "--methods", "random,small=evolution", "--option", "small.population=4",
               "--option", "small.sample=2", "--json")  # fmt: skip
    data = json.loads(done.stdout)
    assert [row["method"] for row in data["rows"]] == ["random", "small"]
    assert data["runs"]["small"][0]["method"] == "evolution"
    assert data["options"] == {"small": {"population": 4, "sample": 2}}
    error = cli(*words, "--methods", "a=evolution,a=pnas", code=2)
    assert "--methods: two are called 'a'" in error.stderr


def test_a_comparison_where_nothing_fits(cli: Run) -> None:
    words = ("compare", "densenet", "rram", "--max-latency-ms", "1e-6", "--seeds", "1", "--quiet")
    done = cli(*words, "--methods", "random,evolution", "--max-evals", "20", code=1)
    assert "max_latency_ms would have to be at least" in done.stdout


def test_a_plot_is_checked_before_the_runs(cli: Run) -> None:
    words = ("compare", "densenet", "rram", "--plot")
    assert "must end in one of .html, .png, .svg, .pdf" in cli(*words, "front.txt", code=2).stderr
    assert "none/front.png" in cli(*words, "none/front.png", code=2).stderr


def test_ctrl_c_leaves_the_runs_that_were_done(tmp_path: Path) -> None:
    calls = 0

    def impatient(nets: list[Any]) -> list[float]:
        nonlocal calls
        calls += 1
        if calls == 5:
            raise KeyboardInterrupt
        return [0.5 + 1e-9 * net.params for net in nets]

    given: dict[str, Any] = {
        "evaluator": FunctionEvaluator(impatient), "max_evals": 32, "seeds": 2,
        "methods": ["random", "evolution", "parsec"],
    }  # fmt: skip
    found = flash.compare(SMALL, "cpu-x86", **given)
    assert found.interrupted
    assert {name: len(runs) for name, runs in found.runs.items()} == {"random": 1}
    assert found.skipped == {
        "random": "interrupted, 1 of 2 seeds done",
        "evolution": "interrupted, 0 of 2 seeds done",
        "parsec": "interrupted, 0 of 2 seeds done",
    }
    assert "left out: parsec: interrupted" in str(found)
    kept = tmp_path / "comparison.json"
    found.to_json(kept)
    assert flash.Comparison.from_json(kept) == found
    calls = 4
    with pytest.raises(KeyboardInterrupt):
        flash.compare(SMALL, "cpu-x86", **given)


def test_what_one_run_charged_costs_the_next_as_much() -> None:
    space = NasBenchMacro()
    target = flash.Target.load("cpu-x86")
    first, second = ground_of(space, target), ground_of(space, target)
    rows = first.draw(np.random.default_rng(0), 20)
    assert (first.charge(rows)[1:] == first.charge(rows)[1:]).all()
    assert first.saved_s == 0.0
    second.charge(rows)
    assert second.saved_s > 0.0
    once = second.saved_s
    second.charge(rows)
    assert second.saved_s == once


def run_of(*steps: tuple[int, float], nfev: int) -> SearchResult:
    trace = tuple((2 * n, n, n / 10, value) for n, value in steps)
    return SearchResult(
        SMALL, "cpu-x86", {}, "FEASIBLE", "", x=(0,) * len(SMALL.lengths),
        objective=steps[-1][1], nfev=nfev, elapsed_s=0.0, trace=trace,
        samples=3 * nfev, spent_s=nfev / 10,
    )  # fmt: skip


def test_expected_effort_counts_the_runs_that_fail() -> None:
    runs = [run_of((1, 0.1), (10, 0.9), nfev=20), run_of((5, 0.5), nfev=30)]
    found = statistics.efforts(runs, 0.8)
    assert found.reached == 0.5
    assert found.expected("evaluations") == 10 + 30  # over one success
    assert found.expected("samples") == 20 + 3 * 30  # all that the failing run asked for
    assert found.expected("seconds") == pytest.approx(1.0 + 3.0)
    assert statistics.efforts(runs, 1.5).expected("evaluations") is None
    both = statistics.efforts(runs, 0.5)
    assert both.expected("evaluations") == (10 + 5) / 2
    assert statistics.best_after(runs[0], 9) == 0.1
    assert np.isnan(statistics.best_after(runs[1], 4))
    assert statistics.best_by(runs[0], 0.99) == 0.1
    assert statistics.best_by(runs[0], 1.0) == 0.9


def test_bootstrap_intervals_hold_the_mean_as_often_as_they_say() -> None:
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(200):
        mean, low, high = statistics.interval(rng.normal(1.0, 1.0, size=20).tolist())
        assert low <= mean <= high
        held += low <= 1.0 <= high
    assert 175 <= held <= 199  # percentiles of 20 hold a little less than 95 %
    same = statistics.efforts([run_of((n, 0.9), nfev=n) for n in (8, 10, 12)], 0.5)
    found = statistics.ratio(same, same, "evaluations")
    assert found is not None
    assert found[1] < 1.0 == found[0] < found[2]


def test_what_speaks_against_the_costs_is_said() -> None:
    given: dict[str, Any] = {"seeds": 1, "max_evals": 4}
    told = str(flash.compare("resnet", "fpga-zu3eg", methods=["random"], **given))
    assert "note: fpga-zu3eg is not calibrated" in told
    assert (
        "1.78 to 2.24 times by what HAO's abstract implies" in told
    )  # its factor, in every result
    assert "note:" not in str(flash.compare("resnet", "rram", methods=["random"], **given))
