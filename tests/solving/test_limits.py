"""What ends a search early: each leaves the best so far, with a bound that holds."""

from __future__ import annotations

import json
import math
import os
import re
import signal
import subprocess
import sys
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import flash
from flash import DenseNet, SearchResult

# Eight cells of free widths under five budgets: far beyond what can be proven in a test.
WIDTHS = [16, 32, 48, 64, 96, 112]
HARD = DenseNet(cells=8, widths=WIDTHS)
BUDGETS = {
    "max_latency_ms": 8.0,
    "max_energy_mj": 0.08,
    "max_area_mm2": 150.0,
    "max_params": 6_000_000,
    "max_macs": 500_000_000,
}


def check(result: SearchResult, stopped: str) -> None:
    assert result.stopped == stopped
    assert not result.proven
    late = stopped == "time_limit_s"
    other = "FEASIBLE" if result.success else "NOT_FOUND"
    assert result.status == ("TIME_LIMIT" if late else other)
    assert stopped in str(result)
    assert SearchResult.from_json(result.to_json()) == result
    if result.success:
        assert result.latency_ms is not None
        assert result.latency_ms <= BUDGETS["max_latency_ms"]
        assert result.objective == flash.nn_degree(result.architecture)
        if result.upper_bound is not None:
            assert result.upper_bound >= result.objective
            assert result.gap == pytest.approx(1 - result.objective / result.upper_bound)


def test_time_limit() -> None:
    result = flash.search(HARD, "rram", time_limit_s=0.5, **BUDGETS)
    check(result, "time_limit_s")
    assert result.success
    assert result.upper_bound is not None
    assert result.gap is not None
    # the bound is no empty promise: far below what the space holds
    assert result.upper_bound < flash.search(HARD, "rram").nn_degree


@pytest.mark.parametrize("limit", [1e-9, 1e-4])
def test_no_time_at_all(limit: float) -> None:
    for method in ("shgo", "exact"):
        check(
            flash.search(HARD, "rram", time_limit_s=limit, method=method, **BUDGETS), "time_limit_s"
        )


@pytest.mark.parametrize(
    ("most", "method"), [(1, "shgo"), (10, "shgo"), (1000, "shgo"), (1, "exact"), (10, "exact")]
)
def test_max_evals(most: int, method: str) -> None:
    result = flash.search(HARD, "rram", max_evals=most, method=method, **BUDGETS)
    check(result, "max_evals")
    assert 1 <= result.nfev <= most


def test_limits_that_are_not_reached_change_nothing() -> None:
    free = flash.search("densenet", "rram", max_latency_ms=3.0)
    bound = flash.search(
        "densenet",
        "rram",
        max_latency_ms=3.0,
        time_limit_s=600,
        max_evals=10**9,
        callback=lambda event: None,
    )
    assert bound == free.replace(elapsed_s=bound.elapsed_s)


def test_callback() -> None:
    events: list[Any] = []

    def stop(event: Any) -> bool:
        events.append(event)
        return len(events) == 3

    result = flash.search(HARD, "rram", callback=stop, **BUDGETS)
    check(result, "callback")
    assert len(events) == 3
    assert result.success
    for before, after in pairwise(events):
        assert before.nfev <= after.nfev
        assert before.elapsed_s <= after.elapsed_s
        if before.objective is not None:
            assert before.objective <= after.objective
        if before.upper_bound is not None:
            assert after.upper_bound <= before.upper_bound
    last = events[-1]
    assert last.objective <= result.objective
    assert "nfev" in repr(last)


@pytest.mark.parametrize("answer", [None, False, 0, 1, "stop"])
def test_only_true_stops(answer: Any) -> None:
    count = 0

    def callback(event: Any) -> Any:
        nonlocal count
        count += 1
        return True if count > 2 else answer

    flash.search(HARD, "rram", callback=callback, **BUDGETS)
    assert count == 3


def test_an_error_in_the_callback_comes_through() -> None:
    def fail(event: Any) -> None:
        raise RuntimeError("from the callback")

    with pytest.raises(RuntimeError, match="from the callback"):
        flash.search(HARD, "rram", callback=fail, **BUDGETS)


def test_a_search_within_a_callback() -> None:
    inner: list[SearchResult] = []

    def callback(event: Any) -> bool:
        inner.append(flash.search("densenet", "rram", max_latency_ms=2.0))
        return True

    check(flash.search(HARD, "rram", callback=callback, **BUDGETS), "callback")
    assert inner[0].status == "OPTIMAL"


def test_progress(capsys: pytest.CaptureFixture[str]) -> None:
    flash.search(HARD, "rram", progress=True, time_limit_s=0.3, **BUDGETS)
    seen = capsys.readouterr()
    line = r"search: [\d,]+ evaluations, best \S+, bound \S+, gap \S+ %, in 0.\d s\n$"
    assert re.match(line, seen.err)
    assert seen.out == ""


def test_what_would_do_is_left_out_where_it_takes_too_long() -> None:
    """The bounds show at once that nothing fits; how little would do may be far harder."""
    result = flash.search(HARD, "rram", max_latency_ms=1.5, max_area_mm2=20, time_limit_s=1)
    if result.proven:
        assert result.status == "INFEASIBLE"
        assert "max_area_mm2" in result.message
    else:
        check(result, "time_limit_s")


# Ctrl-C

INTERRUPTED = """
import json, sys, flash
space = flash.DenseNet(cells=8, widths=[16, 32, 48, 64, 96, 112])
ready = False
def callback(event):
    global ready
    if not ready and event.objective is not None:
        ready = True
        print("searching", flush=True)
result = flash.search(space, "rram", callback=callback, **json.loads(sys.argv[1]))
print(result.to_json().replace(chr(10), ""))
"""
posix = pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")


def interrupt(process: subprocess.Popen[str]) -> tuple[str, str]:
    process.send_signal(signal.SIGINT)
    try:
        return process.communicate(timeout=120)
    finally:
        process.kill()


@pytest.mark.processes
@posix
def test_ctrl_c_returns_the_best_so_far() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, json.dumps(BUDGETS)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "searching\n"
    out, err = interrupt(process)
    assert process.returncode == 0, err
    result = SearchResult.from_json(out)
    check(result, "interrupt")
    assert result.success


@pytest.mark.processes
@posix
def test_ctrl_c_on_the_command_line() -> None:
    command = [sys.executable, "-m", "flash", "search", "densenet", "rram", "--cells", "8"]
    command += ["--widths", ",".join(map(str, WIDTHS))]
    for name, value in BUDGETS.items():
        command += [f"--{name.replace('_', '-')}", str(value)]
    process = subprocess.Popen(
        [*command, "--progress", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    assert process.stderr.read(1)  # the first sign of progress
    out, err = interrupt(process)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    check(SearchResult.from_json(out), "interrupt")


@posix
def test_ctrl_c_in_a_callback() -> None:
    def callback(event: Any) -> None:
        raise KeyboardInterrupt

    check(flash.search(HARD, "rram", callback=callback, **BUDGETS), "interrupt")


def score(data: dict[str, Any]) -> Any:
    return np.asarray(data["nn_degree"])


def test_limits_of_a_function() -> None:

    for most in (1, 50, 5000):
        result = flash.search("densenet", "rram", objective=score, max_evals=most)
        assert result.stopped == "max_evals"
        assert 1 <= result.nfev <= most
        assert result.success
    result = flash.search("densenet", "rram", objective=score, time_limit_s=1e-6)
    assert result.stopped == "time_limit_s"
    assert result.status == "TIME_LIMIT"
    assert not result.proven
    assert result.upper_bound is None or math.isfinite(result.upper_bound)


def test_callback_of_a_function() -> None:
    events: list[Any] = []

    def callback(event: Any) -> bool:
        events.append(event)
        return len(events) == 3

    result = flash.search("densenet", "rram", objective=score, callback=callback)
    assert result.stopped == "callback"
    assert [event.upper_bound for event in events] == [None] * 3
    assert result.objective >= events[0].objective


def test_ctrl_c_in_a_function() -> None:
    asked = 0

    def interrupted(data: dict[str, Any]) -> Any:
        nonlocal asked
        asked += 1
        if asked == 3:
            raise KeyboardInterrupt
        return data["nn_degree"]

    result = flash.search("densenet", "rram", objective=interrupted)
    assert result.stopped == "interrupt"
    assert result.success
    assert not result.proven
