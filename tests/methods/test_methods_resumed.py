"""Search methods stopped, resumed, and by evaluators that take time or fail."""

from __future__ import annotations

import os
import re
import threading
from typing import TYPE_CHECKING, Any

import pytest
from twins.method_runs import ANYWHERE, DESCENTS, QUICK, SMALL, VARIED, fake, plain

import flash
import flash.searching as solver_module
from flash.errors import ArgumentError, FormatError
from flash.evaluators import EvaluationError
from flash.evaluators.by_function import FunctionEvaluator
from flash.methods import _task as task_module
from flash.methods import running as running_module
from flash.methods._journal import Journal

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.mark.parametrize("method", ANYWHERE)
def test_a_run_goes_on_where_it_was_stopped(method: str, tmp_path: Path) -> None:
    asked: list[int] = []

    def counted(nets: list[Any]) -> list[float]:
        asked.append(len(nets))
        return fake(nets)

    def broken(nets: list[Any]) -> list[float]:
        if sum(asked) >= 8:
            raise OSError("the power is gone")
        return counted(nets)

    given: dict[str, Any] = {"method": method, "max_evals": 45, "max_params": 8e5, "seed": 2}
    given["options"] = QUICK.get(method)
    whole = flash.search(SMALL, "cpu-x86", evaluator=FunctionEvaluator(fake, chunk=4), **given)
    path = tmp_path / "journal.jsonl"
    with pytest.raises(EvaluationError, match=r"raised OSError on \d networks?: the power is gone"):
        flash.search(
            SMALL, "cpu-x86", evaluator=FunctionEvaluator(broken, "fake", 4), journal=path, **given
        )
    kept = len(path.read_text().splitlines()) - 1
    assert kept == sum(asked) >= 8
    with path.open("ab") as file:  # killed while it wrote
        file.write(b'{"row": [0, 0')
    asked.clear()
    done = flash.search(
        SMALL, "cpu-x86", evaluator=FunctionEvaluator(counted, "fake", 4), journal=path, **given
    )
    assert plain(done) == plain(whole)
    assert sum(asked) == done.nfev - kept


@pytest.mark.parametrize("method", [name for name in ANYWHERE if name not in DESCENTS])
def test_an_interrupted_run_keeps_its_best(method: str, tmp_path: Path) -> None:
    calls = [0]

    def interrupted(nets: list[Any]) -> list[float]:
        calls[0] += 1
        if calls[0] == 3:
            raise KeyboardInterrupt
        return fake(nets)

    path = tmp_path / "journal.jsonl"
    evaluator = FunctionEvaluator(interrupted, "fake", 4)
    given: dict[str, Any] = {"method": method, "options": QUICK.get(method), "max_evals": 40}
    found = flash.search(SMALL, "cpu-x86", evaluator=evaluator, journal=path, **given)
    assert found.stopped == "interrupt"
    assert 1 < found.nfev <= 8
    assert found.success
    assert len(path.read_text().splitlines()) == 1 + found.nfev
    done = flash.search(SMALL, "cpu-x86", evaluator=evaluator, journal=path, **given)
    whole = flash.search(SMALL, "cpu-x86", evaluator=FunctionEvaluator(fake), **given)
    assert plain(done) == plain(whole)
    assert done.objective is not None
    assert done.objective >= (found.objective or 0.0)


@pytest.mark.parametrize("method", ANYWHERE)
def test_by_an_evaluator_that_takes_time(
    method: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Budgets hold, progress is shown, and the time limit ends the run."""
    given: dict[str, Any] = {"method": method, "options": QUICK.get(method), "max_params": 8e5}
    found = flash.search(SMALL, "cpu-x86", evaluator=fake, max_evals=40, progress=True, **given)
    assert found.x is not None
    assert flash.evaluate(SMALL, "cpu-x86", [found.x])["params"][0] == found.params <= 8e5
    assert found.nfev <= 40
    assert found.samples is not None
    assert found.spent_s is not None
    assert found.samples >= found.nfev
    assert found.spent_s >= found.trace[-1][2]
    shown = capfd.readouterr().err
    assert re.match(r"search: \d+ of 40 evaluations, best \S+, in \d", shown)
    assert shown.endswith(" s\n")

    now = [0.0]
    for module in (task_module, running_module):
        if hasattr(module, "perf_counter"):
            monkeypatch.setattr(module, "perf_counter", lambda: now[0])
    monkeypatch.setattr(solver_module, "perf_counter", lambda: now[0])

    def slow(nets: list[Any]) -> list[float]:
        now[0] += len(nets)
        return fake(nets)

    evaluator = FunctionEvaluator(slow, chunk=2)
    stopped = flash.search(SMALL, "cpu-x86", evaluator=evaluator, time_limit_s=7.0, **given)
    assert stopped.stopped == "time_limit_s"
    assert stopped.status == "TIME_LIMIT"
    assert 7 <= stopped.nfev <= 8  # one by one, or by twos
    assert stopped.spent_s is not None
    assert stopped.spent_s >= 7.0


@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_journal_and_a_folder_are_held_by_one_search(tmp_path: Path, elsewhere: bool) -> None:
    """By a comparison throughout, between its searches too."""
    path = tmp_path / "journal.jsonl"
    refused: list[str] = []

    def other() -> None:
        with pytest.raises(ArgumentError) as caught:
            flash.search(
                SMALL, "cpu-x86", method="random", evaluator=judge(fake), max_evals=3, journal=path
            )
        refused.append(str(caught.value))

    def judge(function: Callable[[Any], Any]) -> FunctionEvaluator:
        made = FunctionEvaluator(function, "fake")
        made.held = str(tmp_path / "folder")
        return made

    def tried(nets: list[Any]) -> list[float]:
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        return fake(nets)

    given: dict[str, Any] = {"max_evals": 3, "journal": path}
    if elsewhere:  # only the folder is the same
        given["journal"] = None
    methods = ["random", "evolution"]

    def between(result: Any) -> None:
        tried([])

    flash.compare(
        SMALL,
        "cpu-x86",
        methods=methods,
        seeds=1,
        evaluator=judge(tried),
        callback=between,
        **given,
    )
    assert len(refused) >= 3
    held = "folder" if elsewhere else "journal"
    for one in refused:
        assert f"in use by process {os.getpid()} on " in one
        assert held in one
    assert not list(tmp_path.glob("**/*lock"))


def test_a_full_disk_under_a_journal_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "journal.jsonl"
    calls = [0]

    def full(fd: int) -> None:
        calls[0] += 1
        if calls[0] == 3:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    evaluator = FunctionEvaluator(fake, "fake", 4)
    given: dict[str, Any] = {"method": "random", "max_evals": 12, "journal": path}
    with pytest.raises(OSError, match="No space") as caught:
        flash.search(SMALL, "cpu-x86", evaluator=evaluator, **given)
    assert caught.value.filename == str(path)
    assert "4 evaluations are kept" in caught.value.__notes__[0]
    assert len(path.read_text().splitlines()) == 5
    assert flash.search(SMALL, "cpu-x86", evaluator=evaluator, **given).nfev == 12


def test_a_journal_belongs_to_one_space_and_evaluator(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    given: dict[str, Any] = {"method": "random", "max_evals": 3, "journal": path}
    flash.search(SMALL, "cpu-x86", evaluator=FunctionEvaluator(fake), **given)
    with pytest.raises(ArgumentError, match="journal must be of the same space"):
        flash.search(VARIED[2], "cpu-x86", evaluator=FunctionEvaluator(fake), **given)
    with pytest.raises(ArgumentError, match="journal must be of the same evaluator"):
        flash.search(SMALL, "cpu-x86", evaluator=FunctionEvaluator(fake, "other"), **given)
    lines = path.read_text().splitlines()
    for line, message in (
        ('{"row": [0], "accuracy": "high", "seconds": 0}', "accuracy must be a finite number"),
        ('{"row": [0], "seconds": 0}', "line 2 lacks the key 'accuracy'"),
        ("[]", "line 2 is no JSON object"),
    ):
        path.write_text("\n".join([lines[0], line, ""]))
        with pytest.raises(FormatError, match=message):
            flash.search(SMALL, "cpu-x86", evaluator=FunctionEvaluator(fake), **given)
    path.write_text("{}\n")
    with pytest.raises(FormatError, match="is no journal of evaluations"):
        Journal(path, {"space": 1})


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda nets: [0.5] * (len(nets) + 1), "must return one accuracy for each"),
        (lambda nets: "many", "must return one accuracy for each"),
        (lambda nets: [float("nan")] * len(nets), "must give numbers in \\[0, 1\\], got nan"),
        (lambda nets: [93.5] * len(nets), "must give numbers in \\[0, 1\\], got 93.5"),
        (lambda nets: 1 / 0, "raised ZeroDivisionError"),
    ],
)
def test_an_evaluator_that_fails(answer: Callable[[Any], Any], message: str) -> None:
    with pytest.raises(EvaluationError, match=message):
        flash.search(SMALL, "cpu-x86", method="random", max_evals=5, evaluator=answer)


@pytest.mark.slow
def test_an_expensive_evaluator_is_never_asked_twice() -> None:
    seen: set[Any] = set()

    def once(nets: list[Any]) -> list[float]:
        assert not seen & set(nets)
        seen.update(nets)
        return fake(nets)

    for method in ANYWHERE:
        seen.clear()
        found = flash.search(
            SMALL, "cpu-x86", method=method, evaluator=once, max_evals=50, max_params=9e5
        )
        assert found.nfev == len(seen) <= 50
