"""What flash.choose answers with: numbers as they are written, data, texts, what stops it."""

from __future__ import annotations

import json
import pickle
import random
import signal
import subprocess
import sys
import time
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from twins.choices import Table, met

import flash
from flash.errors import ArgumentError, FormatError


def blocks(groups: int, options: int, seed: int = 0, metrics: int = 2) -> flash.ChoiceProblem:
    """Losses that fall as costs grow."""
    draw = random.Random(seed)
    names = ["ms", "mib", "uj", "kib", "mm2"][:metrics]
    costs = [[[draw.randint(1, 999) for _ in range(options)] for _ in range(groups)] for _ in names]
    loss = [
        [
            round(1000 / sum(one[g][k] for one in costs) ** 0.5 * draw.uniform(0.7, 1.3), 2)
            for k in range(options)
        ]
        for g in range(groups)
    ]
    return flash.ChoiceProblem.from_arrays({"loss": loss, **dict(zip(names, costs, strict=True))})


def subset_sums(groups: int, options: int) -> flash.ChoiceProblem:
    """Sums that are to come as near to a limit as they can: none meets it, which is hard to see."""
    draw = random.Random(0)
    return flash.ChoiceProblem.from_arrays(
        {
            name: [[draw.randint(1, 10**13) for _ in range(options)] for _ in range(groups)]
            for name in ("loss", "ms", "mib")
        }
    )


HARD = subset_sums(60, 3)
HARD_WHERE = [f"{name} >= {300 * 10**12}" for name in ("loss", "ms", "mib")]


# numbers


def test_decimals_are_what_they_say() -> None:
    problem = flash.ChoiceProblem.from_arrays({"a": [[0.1], [0.2]], "loss": [[1], [1]]})
    assert 0.1 + 0.2 > 0.3
    assert flash.choose(problem, minimize="loss", where="a <= 0.3").metrics == {"a": 0.3, "loss": 2}
    assert flash.choose(problem, minimize="loss", where="a == 0.3").proven
    assert flash.choose(problem, minimize="loss", where="a < 0.3").status == "INFEASIBLE"
    assert flash.choose(problem, minimize="loss", where="a > 0.3").status == "INFEASIBLE"
    assert flash.sweep(problem, where="a <= 0.3").feasible == 1
    assert flash.choose(problem, minimize="loss", where="a / loss <= 0.15").proven


def test_binary_fractions_are_what_they_are() -> None:
    third = 1 / 3
    problem = flash.ChoiceProblem.from_arrays({"a": [[third, 1.0]] * 3})
    exact = sum([Fraction(repr(third))] * 3, Fraction(0))
    assert exact < 1
    assert flash.choose(problem, minimize="a", where="a < 1").proven
    assert flash.choose(problem, maximize="a", where="a < 1").metrics == {"a": float(exact)}


def wide(draw: random.Random) -> float:
    """A number of any size."""
    small, large = draw.randint(1, 9) * 1e-9, draw.randint(1, 9) * 1e12
    return draw.choice([small, large, large + 0.5, draw.random() * 1e12, 0.0, draw.randint(0, 9)])


@pytest.mark.filterwarnings("ignore:the metric")
@pytest.mark.parametrize("first", range(0, 120, 40))
def test_numbers_beyond_the_range_of_the_solver(first: int) -> None:
    """1e-9 beside 1e12: rounded outward in the search, told by fractions in the answer."""
    rounded = 0
    for seed in range(first, first + 40):
        draw = random.Random(seed)
        groups, options = draw.randint(1, 4), draw.randint(1, 4)
        problem = flash.ChoiceProblem.from_arrays(
            {
                name: [[wide(draw) for _ in range(options)] for _ in range(groups)]
                for name in ("loss", "cost")
            }
        )
        table = Table(problem)
        limit = float(draw.choice(list(table.answers())).metrics["cost"])
        where = [f"cost <= {limit!r}"]
        answers = met(table, where)
        found = flash.choose(problem, minimize="loss", where=where)
        assert found.proven, seed
        if not answers:
            assert found.status == "INFEASIBLE", seed
            continue
        best = min(one.metrics["loss"] for one in answers)
        own = next(one for one in answers if one.choices == found.choices)
        assert own.metrics["loss"] == best, seed
        assert found.objective == found.bound == float(best), seed
        rounded += bool(found.flags)
        assert all("rounded outward" in one for one in found.flags)
        values = {(one.metrics["loss"], one.metrics["cost"]) for one in table.answers()}
        front = flash.pareto(problem, minimize=["loss", "cost"])
        assert front.proven, seed
        assert {one.values for one in front} == {
            tuple(map(float, one))
            for one in values
            if not any(o != one and o[0] <= one[0] and o[1] <= one[1] for o in values)
        }, seed
        assert flash.sweep(problem, where=where).feasible == len(answers), seed
    assert rounded > 10


def test_numbers_as_they_are_measured_are_proven() -> None:
    """Seventeen digits each: their sums need more than the solver's range."""
    draw = random.Random(1)
    problem = flash.ChoiceProblem.from_arrays(
        {name: [[draw.random() for _ in range(20)] for _ in range(24)] for name in ("loss", "ms")}
    )
    found = flash.choose(problem, minimize="loss", where="ms <= 7.5")
    assert found.status == "OPTIMAL"
    assert found.objective == found.bound
    assert "rounded outward" in found.flags[0]
    assert flash.ChoiceResult.from_json(found.to_json()) == found


# data and text


def test_as_data() -> None:
    problem = blocks(5, 4)
    for where in (["ms <= 1500", "mib <= 1800"], ["ms <= 5"]):
        found = flash.choose(problem, minimize="loss", where=where, k=4, min_distance=2)
        again = flash.ChoiceResult.from_json(found.to_json())
        assert again == found
        assert hash(again) == hash(found)
        assert again.binding == found.binding
        assert again.conflicts == found.conflicts
        assert str(again) == str(found)
        assert json.loads(found.to_json())["format"] == "flash-choice-result-1"
        with pytest.raises(ArgumentError, match="a proven answer that flash"):
            again.sensitivity()
        assert found != found.replace(where=())
    assert pickle.loads(pickle.dumps(again)) == again


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("status", "FINE", "status must be one of 'OPTIMAL'"),
        ("choices", 5, "choices must be a table"),
        ("choices", {"a": 5}, r"choices\.a must be text"),
        ("metrics", {"a": "b"}, r"metrics\.a must be a finite number"),
        ("alternatives", 5, "alternatives must be a list"),
        ("alternatives", [{"choices": {}}], r"alternatives\[0\] lacks the key"),
        ("binding", {"a": 5}, r"binding\.a must be a table"),
        ("nodes", -1, "nodes must be an integer of at least 0"),
        ("stopped", "rain", "stopped must be one of"),
        ("proven", "yes", "proven must be True or False"),
        ("colour", 1, "unknown key 'colour'"),
        ("format", 1, "format must be 'flash-choice-result-1'"),
    ],
)
def test_damaged_data(key: str, value: Any, told: str) -> None:
    data = flash.choose(blocks(2, 2), minimize="loss").to_dict()
    with pytest.raises(FormatError, match=told):
        flash.ChoiceResult.from_dict({**data, key: value})


def test_files(tmp_path: Path) -> None:
    found = flash.choose(blocks(3, 3), minimize="loss")
    found.to_json(tmp_path / "answer.json")
    assert flash.ChoiceResult.from_json(tmp_path / "answer.json") == found
    with pytest.raises(FileNotFoundError):
        flash.ChoiceResult.from_json(tmp_path / "none.json")


def test_text() -> None:
    found = flash.choose(blocks(20, 4), minimize="loss", where="ms <= 9000", k=2)
    text = str(found)
    assert text == repr(found)
    for word in ("OPTIMAL: proven", "loss minimised: ", "where ms <= 9000", "... and 8 more",
                 "answer 2: ", " nodes, "):  # fmt: skip
        assert word in text
    assert "<table>" in found._repr_html_()


@pytest.mark.skipif(find_spec("pandas") is None, reason="needs pandas")
def test_as_a_frame() -> None:
    found = flash.choose(blocks(3, 3), minimize="loss", k=3)
    assert found.choices is not None
    frame = found.to_frame()
    assert list(frame.columns) == ["group", "option", "option_2", "option_3"]
    assert frame["option"].tolist() == list(found.choices.values())
    assert frame["option_3"].tolist() == list(found.alternatives[1].choices.values())
    with pytest.raises(ArgumentError, match="there is no answer: INFEASIBLE"):
        flash.choose(blocks(3, 3), minimize="loss", where="ms <= 0").to_frame()


# how it is stopped


def test_the_time_limit() -> None:
    found = flash.choose(HARD, minimize="loss", where=HARD_WHERE, time_limit_s=0.3)
    assert found.stopped == "time_limit_s"
    assert found.status == "TIME_LIMIT"
    assert not found.proven
    assert found.elapsed_s < 10.0
    assert found.objective is not None
    assert found.bound is not None
    assert found.bound <= found.objective
    assert found.gap is not None
    assert "stopped by time_limit_s; not proven" in str(found)


def test_the_most_nodes() -> None:
    found = flash.choose(HARD, minimize="loss", where=HARD_WHERE, max_nodes=100)
    assert found.stopped == "max_nodes"
    assert found.status in ("FEASIBLE", "NOT_FOUND")
    assert found.nodes <= 200
    assert flash.choose(blocks(2, 2), minimize="loss", max_nodes=0).status in (
        "OPTIMAL", "NOT_FOUND", "FEASIBLE",
    )  # fmt: skip


def test_a_callback_hears_and_ends_it() -> None:
    seen: list[Any] = []

    def hear(event: Any) -> bool:
        seen.append((event.objective, event.upper_bound, event.nfev, event.elapsed_s))
        return len(seen) > 3

    found = flash.choose(HARD, minimize="loss", where=HARD_WHERE, callback=hear)
    assert found.stopped == "callback"
    assert not found.proven
    assert len(seen) == 4
    assert [one[2] for one in seen] == sorted(one[2] for one in seen)


def test_progress_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    flash.choose(HARD, minimize="loss", where=HARD_WHERE, progress=True, max_nodes=20_000)
    assert capsys.readouterr().err.endswith("\n")


def test_an_error_of_a_callback_is_raised() -> None:
    def fail(event: Any) -> None:
        raise RuntimeError("of the user")

    with pytest.raises(RuntimeError, match="of the user"):
        flash.choose(HARD, minimize="loss", where=HARD_WHERE, callback=fail)


def test_ctrl_c_keeps_what_is_found() -> None:
    def stop(event: Any) -> None:
        raise KeyboardInterrupt

    found = flash.choose(HARD, minimize="loss", where=HARD_WHERE, callback=stop)
    assert found.stopped == "interrupt"
    assert not found.proven
    assert found.status in ("FEASIBLE", "NOT_FOUND")


CTRL_C = """
import sys
sys.path[:0] = sys.argv[1:]
import flash
from test_answers import HARD, HARD_WHERE
print("ready", flush=True)
found = flash.choose(HARD, minimize="loss", where=HARD_WHERE, time_limit_s=60)
print(found.stopped, found.choices is not None)
"""


@pytest.mark.processes
@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_ctrl_c_from_outside() -> None:
    here = Path(__file__).parent
    folders = [str(here), str(here.parent), str(Path(flash.__file__).parents[1])]
    with subprocess.Popen(
        [sys.executable, "-c", CTRL_C, *folders], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        told = process.stdout.read()
    assert told == "interrupt True\n"


# from an earlier answer


def test_a_start_costs_no_answer() -> None:
    """Whatever it is worth, the answer is the same."""
    for seed in range(12):
        problem = blocks(12, 8, seed)
        first = flash.choose(problem, minimize="loss", where=["ms <= 4000", "mib <= 4500"])
        for limit in (3000, 3990, 4000, 4010, 5000):
            where = [f"ms <= {limit}", "mib <= 4500"]
            cold = flash.choose(problem, minimize="loss", where=where)
            for start in (first, first.choices):
                warm = flash.choose(problem, minimize="loss", where=where, start=start)
                assert warm.objective == cold.objective
                assert warm.proven


def test_a_start_that_still_fits_saves_nodes() -> None:
    cold = warm = 0
    for seed in range(12):
        problem = blocks(32, 40, seed)
        first = flash.choose(problem, minimize="loss", where=["ms <= 9000", "mib <= 10000"])
        for limit in (9000, 9005, 9010):
            where = [f"ms <= {limit}", "mib <= 10000"]
            cold += flash.choose(problem, minimize="loss", where=where).nodes
            warm += flash.choose(problem, minimize="loss", where=where, start=first).nodes
    assert warm < 0.8 * cold


def test_wide_numbers_of_which_conditions_leave_small_ones() -> None:
    """A column of numbers of 17 digits and more, and groups that conditions fix."""
    wide = {"x": 0.1234567890123456, "y": 0.0, "z": 3e-6}
    problem = flash.ChoiceProblem.from_table(
        {
            f"g{i}": {name: {"loss": loss * (i + 1), "cost": 1} for name, loss in wide.items()}
            for i in range(8)
        }
    )
    for option in ("y", "z"):
        fixed = [f'g{i} == "{option}"' for i in range(8)]
        answer = flash.choose(problem, minimize="loss", where=["cost <= 9", *fixed])
        assert answer.proven
        assert answer.objective == pytest.approx(36 * wide[option], abs=0.0)
        assert set(answer.choices.values()) == {option}
