"""Does the answer equal complete enumeration by the core, on three budgets of the default space?

A benchmark because it takes minutes; two budgets at a time, a thread each.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from time import perf_counter, thread_time
from typing import TYPE_CHECKING

import flash
from benchmarks.common.cases import MAIN, budgets_of, densenet, keywords, problem_of, query_of
from flash import Range
from flash._core.search.exhaustive import enumerate_best
from flash.problem.compiling import compile_problem
from flash.spaces.index import row_of

if TYPE_CHECKING:
    from typing import Any


def test_enumeration(benchmark: Any, quick: bool) -> None:
    if quick:  # a part of the space, 7e8 configurations
        space = densenet(depths=Range(5, 12), skips=80)
        tables = compile_problem(space, flash.Target.load("rram")).tables
    else:
        space, tables = flash.DenseNet(), problem_of(MAIN).tables
    chosen = budgets_of(MAIN).each[:3]

    def enumerate_one(budgets: dict[str, float]) -> tuple[Any, float, float]:
        start, used = perf_counter(), thread_time()
        best, _ = enumerate_best(tables, query_of(budgets))
        return best, perf_counter() - start, thread_time() - used

    start = perf_counter()
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(enumerate_one, chosen))
    elapsed = perf_counter() - start
    rows = []
    for budgets, (best, seconds, cpu_s) in zip(chosen, answers, strict=True):
        result = flash.search(space, "rram", **keywords(budgets))
        variant, own, objective, metrics = best
        assert result.x is not None
        index = space.index(result.x)
        flat = row_of(space, variant, own)
        equal = (
            result.proven
            and result.objective == objective
            and (result.latency_ms, result.energy_mj, result.area_mm2) == metrics[1:4]
            and space.index(flat) == index
        )
        rows.append(
            {
                "budgets": budgets,
                "seconds": seconds,
                "cpu_s": cpu_s,
                "ns_each": 1e9 * seconds / space.size,
                "ns_each_cpu": 1e9 * cpu_s / space.size,
                "objective": objective,
                "equal": equal,
            }
        )
        assert equal, (result, best)
    benchmark.extra_info.update(size=space.size, seconds=elapsed, rows=rows)
    benchmark.pedantic(lambda: flash.search(space, "rram", **keywords(chosen[0])), rounds=5)
