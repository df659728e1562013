"""How does a search grow with the number of cells, and with the choices of each cell?"""

from __future__ import annotations

import statistics
from time import process_time
from typing import TYPE_CHECKING

import pytest

import flash
from benchmarks.common.cases import budgets_at, densenet, keywords
from benchmarks.common.timing import by_both_clocks
from flash import Range
from flash.problem.compiling import compile_problem

if TYPE_CHECKING:
    from typing import Any

    from flash import SearchSpace

QUANTILES = (0.3, 0.4, 0.5, 0.6, 0.7)
GIVE_UP_S = 5.0
# (depths, link caps): choices per cell from 64 to 25,600
CHOICES = ((8, 8), (16, 16), (26, 32), (26, 128), (50, 128), (100, 256))


def measure(space: SearchSpace, target: Any, quick: bool) -> dict[str, Any]:
    """Median whole call and compile time over budgets at equal quantiles of all costs."""
    whole, whole_cpu, parts, parts_cpu, proven = [], [], [], [], 0
    for quantile in QUANTILES[1::2] if quick else QUANTILES:
        kept = keywords(budgets_at(space, target.name, quantile))
        used = process_time()
        result = flash.search(space, target, time_limit_s=GIVE_UP_S, **kept)
        used = process_time() - used
        proven += result.proven
        if not result.proven:
            whole.append(result.elapsed_s)
            whole_cpu.append(used)
            continue
        repeat = 3 if quick or result.elapsed_s > 0.05 else 9
        calls = [
            lambda kept=kept: flash.search(space, target, **kept),
            lambda: compile_problem(space, target),
        ]
        own, compiled = by_both_clocks(calls, repeat, warm=1)
        whole.append(statistics.median(own.wall))
        whole_cpu.append(statistics.median(own.cpu))
        parts += compiled.wall
        parts_cpu += compiled.cpu
    return {
        "size": space.size,
        "whole": whole,
        "whole_cpu": whole_cpu,
        "median": statistics.median(whole),
        "median_cpu": statistics.median(whole_cpu),
        "compile": statistics.median(parts) if parts else None,
        "compile_cpu": statistics.median(parts_cpu) if parts else None,
        "proven": proven,
        "n": len(whole),
    }


@pytest.mark.parametrize("cells", range(1, 9))
def test_cells(benchmark: Any, cells: int, quick: bool) -> None:
    space = flash.DenseNet(cells=cells, width_multipliers=[1])
    target = flash.Target.load("rram")
    found = measure(space, target, quick)
    benchmark.extra_info.update(kind="cells", cells=cells, **found)
    kept = keywords(budgets_at(space, "rram", 0.5))
    benchmark.pedantic(
        lambda: flash.search(space, target, time_limit_s=GIVE_UP_S, **kept), rounds=1
    )


@pytest.mark.parametrize(("depths", "skips"), CHOICES)
def test_choices(benchmark: Any, depths: int, skips: int, quick: bool) -> None:
    space = densenet(depths=Range(5, 4 + depths), skips=skips)
    target = flash.Target.load("rram")
    found = measure(space, target, quick)
    benchmark.extra_info.update(kind="choices", depths=depths, skips=skips, **found)
    kept = keywords(budgets_at(space, "rram", 0.5))
    benchmark.pedantic(
        lambda: flash.search(space, target, time_limit_s=GIVE_UP_S, **kept), rounds=1
    )
