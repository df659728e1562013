"""Every configuration of the default space, by `flash.sweep`, and the proven search beside it.

Apart from bench_sweep because it takes minutes.
"""

from __future__ import annotations

import os
from time import perf_counter, process_time
from typing import TYPE_CHECKING

import pytest

import flash
from benchmarks.common.cases import INF, MAIN, METRICS, budgets_of, keywords
from benchmarks.suites.bench_sweep import TOP, additive
from flash.problem.compiling import as_space

if TYPE_CHECKING:
    from typing import Any

PRODUCT = {"accuracy": 1.0, "latency_ms": -0.7, "energy_mj": -0.3, "area_mm2": -0.2}


@pytest.mark.parametrize("case", ["additive", "rram", "product"])
def test_whole_space(benchmark: Any, case: str, quick: bool) -> None:
    """All of 110,578,630,656 configurations under three budgets, on all processors."""
    space: Any = flash.DenseNet(depths=flash.Range(5, 12)) if quick else as_space("densenet")
    target = "rram"
    given: dict[str, Any] = {}
    if case == "additive":
        target = "cpu-x86"
        limits = additive()[1]
        given = {f"max_{METRICS[k]}": limits[k] for k in range(6) if limits[k] < INF}
    elif quick:
        given = {"max_latency_ms": 2.0, "max_energy_mj": 0.03}
    else:
        given = keywords(budgets_of(MAIN).each[0])
    if case == "product":
        given["objective"] = PRODUCT
    start, used = perf_counter(), process_time()
    result = flash.sweep(space, target, **given, top=TOP, bins=0)
    wall, used = perf_counter() - start, process_time() - used
    proven = flash.search(space, target, **given)
    assert proven.proven
    assert result.count == space.size
    assert result.best is not None
    assert (result.best.x, result.best.objective) == (proven.x, proven.objective)
    benchmark.extra_info.update(
        kind="whole",
        case=case,
        size=space.size,
        feasible=result.feasible,
        seconds=wall,
        cpu_s=used,
        ns_per_thread=1e9 * used / space.size,
        threads=os.cpu_count(),
    )
    benchmark.pedantic(lambda: flash.search(space, target, **given), rounds=3)
