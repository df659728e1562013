"""Counting and keeping the best of many configurations, against numba doing the same work.

Times are processor seconds of one thread, taken in turns: other processes on the machine change
them little.
"""

from __future__ import annotations

from functools import partial
from time import process_time
from typing import TYPE_CHECKING

import numpy as np
import pytest

from benchmarks.common.cases import INF, MAIN, METRICS, SEED, budgets_of, problem_of
from flash._core.search.exact import Query
from flash._core.sweep import sweep
from flash.evaluating import evaluate
from flash.hardware import as_target
from flash.problem.compiling import MACS, PARAMS, as_space, compile_problem

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

EXPONENTS = (1.0, -0.7, -0.3, -0.2, 0.0, 0.0)
TOP = 100


def processor_s(call: Callable[[], Any]) -> tuple[float, Any]:
    start = process_time()
    told = call()
    return process_time() - start, told


def additive() -> tuple[Any, list[float]]:
    """The default space on a target whose costs are plain sums, under three budgets."""
    space, target = as_space("densenet"), as_target("cpu-x86")
    problem = compile_problem(space, target, None, PARAMS | MACS)
    random = evaluate(space, target, space.sample_indices(4000, seed=SEED))
    limits = [INF] * 6
    for k, share in ((1, 0.5), (4, 0.6), (5, 0.6)):
        limits[k] = float(np.quantile(random[METRICS[k]], share))
    return problem, limits


@pytest.mark.parametrize("case", ["additive", "rram", "product"])
def test_count(benchmark: Any, case: str, quick: bool) -> None:
    """A slice of each variant: count under three budgets and the best, one thread."""
    from benchmarks.twins.enumeration import Enumeration

    if case == "additive":
        problem, limits = additive()
    else:
        problem = problem_of(MAIN)
        limits = [budgets_of(MAIN).each[0].get(name, INF) for name in METRICS]
    exponent = EXPONENTS if case == "product" else None
    query = Query(limits, exponent=exponent)
    n = 50_000_000 if quick else 1_000_000_000
    parts = []
    for variant, (outer, inner) in enumerate(sweep.outer_sizes(problem.tables)):
        first, step = outer // 3, n // inner
        peer = Enumeration(problem, variant)
        few = step // (5 if case == "product" else 1)  # numba's logarithms take long

        def theirs(last: int, peer: Any = peer, first: int = first) -> Any:
            if exponent is None:
                return peer.count(limits, first, last)
            return peer.product(limits, exponent, first, last)

        def own(last: int, top: int = 1, variant: int = variant, first: int = first) -> Any:
            return sweep.count_range(problem.tables, query, variant, first, last, top=top)

        theirs(first + 1)
        best: dict[str, float] = {}
        for _ in range(1 if quick else 3):
            seconds, (feasible, score) = processor_s(partial(theirs, first + few))
            best["numba"] = min(best.get("numba", INF), 1e9 * seconds / (few * inner))
            seconds, told = processor_s(partial(own, first + few))
            if few == step:
                best["flash"] = min(best.get("flash", INF), 1e9 * seconds / (few * inner))
            assert abs(told[0] - feasible) <= 1e-6 * few * inner, (told, feasible)
            assert told[2][0][2] == pytest.approx(score, rel=1e-9)
            if few < step:
                seconds, told = processor_s(partial(own, first + step))
                best["flash"] = min(best.get("flash", INF), 1e9 * seconds / (step * inner))
            seconds, told = processor_s(partial(own, first + step, TOP))
            best["flash_top"] = min(best.get("flash_top", INF), 1e9 * seconds / (step * inner))
        parts.append({"variant": variant, "feasible": told[0] / (step * inner), **best})
    ratio = sum(one["numba"] for one in parts) / sum(one["flash"] for one in parts)
    benchmark.extra_info.update(kind="count", case=case, n=n, top=TOP, parts=parts, ratio=ratio)
    benchmark.pedantic(lambda: own(first + max(1, step // 50)), rounds=3)


def test_histograms(benchmark: Any, quick: bool) -> None:
    """What histograms of every metric add."""
    problem = problem_of(MAIN)
    limits = [budgets_of(MAIN).each[0].get(name, INF) for name in METRICS]
    from flash._core.sweep.stream import metric_ranges

    low, high = metric_ranges(problem.tables)
    per_bin: Any = np.array(
        [64 / (b - a) if b > a else 0.0 for a, b in zip(low, high, strict=True)]
    )
    least: Any = np.array(low)
    outer, inner = sweep.outer_sizes(problem.tables)[1]
    step = (2_000_000 if quick else 50_000_000) // inner

    def run() -> Any:
        return sweep.count_range(
            problem.tables,
            Query(limits),
            1,
            outer // 3,
            outer // 3 + step,
            top=TOP,
            bins=64,
            low=least,
            per_bin=per_bin,
        )

    seconds, told = processor_s(run)
    benchmark.extra_info.update(
        kind="histograms", ns=1e9 * seconds / (step * inner), feasible=told[0] / (step * inner)
    )
    benchmark.pedantic(run, rounds=2)
