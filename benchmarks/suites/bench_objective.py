"""What does numba gain for a user's own objective function? Whole searches with the function run
plain and compiled, and the first compiled one, which has to compile it."""

from __future__ import annotations

import math
from time import perf_counter, process_time
from typing import TYPE_CHECKING

import numpy as np
import pytest

import flash
from benchmarks.common.timing import by_both_clocks
from flash.solving import compiled as _numba

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

BUDGETS: dict[str, Any] = {"max_latency_ms": 20.0}


def arrays(data: dict[str, Any]) -> Any:
    """Array operations alone."""
    return data["nn_degree"] / np.sqrt(data["latency_ms"]) * np.exp(-data["area_mm2"] / 100.0)


def loop(data: dict[str, Any]) -> Any:
    """A loop over the configurations."""
    scores = np.empty(len(data["choices"]))
    for i in range(len(scores)):
        slow = data["latency_ms"][i] > 10.0
        scores[i] = data["nn_degree"][i] - (5.0 * data["energy_mj"][i] if slow else 0.0)
    return scores


def nested(data: dict[str, Any]) -> Any:
    """A loop over the configurations, in it one over 200 steps of a model."""
    scores = np.empty(len(data["choices"]))
    for i in range(len(scores)):
        heat = 0.0
        for _ in range(200):
            heat = 0.99 * heat + data["energy_mj"][i] * math.exp(-heat)
        scores[i] = data["nn_degree"][i] - heat
    return scores


def compiled_first(search: Callable[[bool], Any]) -> tuple[float, float]:
    """Return the wall and processor time of a search that has to compile the function."""
    _numba._kept.clear()
    start, used = perf_counter(), process_time()
    result = search(True)
    seconds, cpu_s = perf_counter() - start, process_time() - used
    assert result.flags[0].startswith("objective compiled by numba"), result.flags
    return seconds, cpu_s


@pytest.mark.parametrize("function", [arrays, loop, nested])
@pytest.mark.parametrize("space", ["densenet", "mobilenet-v2"])
def test_objective(benchmark: Any, space: str, function: Any, quick: bool) -> None:
    numba = pytest.importorskip("numba")
    numba.njit(lambda x: x + 1.0)(1.0)  # numba's own start is no function's

    def search(compiled: bool) -> Any:
        return flash.search(
            space, "rram", objective=function, compile_objective=compiled, **BUDGETS
        )

    firsts = [compiled_first(search) for _ in range(1 if quick else 3)]
    first, first_cpu = (min(own) for own in zip(*firsts, strict=True))
    repeat = 3 if quick else 7
    plain, compiled = by_both_clocks([lambda: search(False), lambda: search(True)], repeat, 1)
    one, other = search(False), search(True)
    assert one.index == other.index
    benchmark.extra_info.update(
        case=f"{space} x rram",
        function=str(function.__doc__),
        default=flash.search(space, "rram", objective=function, **BUDGETS).flags[0],
        evaluations=one.nfev,
        **plain.entries("plain"),
        **compiled.entries("compiled"),
        first=first,
        first_cpu=first_cpu,
    )
    benchmark.pedantic(lambda: search(True), rounds=3, warmup_rounds=1)
