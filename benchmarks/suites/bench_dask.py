"""Two Dask workers of one thread each against one, and against no Dask, on a sweep of a minute.

By the clock: scheduler, client and workers share the machine, so that two workers on two cores are
worth less than two. The work is shared out whole, so that the processor time of two is that of one
by construction; what it tells is what Dask adds to a process of its own.
"""

from __future__ import annotations

import os
from time import perf_counter
from typing import TYPE_CHECKING

import pytest

import flash
from benchmarks.common.cases import MAIN, budgets_of, keywords

if TYPE_CHECKING:
    from typing import Any

WIDTHS = 8  # multipliers: so many times the default space's 3.7e10 of each


def _processor_s() -> float:
    times = os.times()
    return times.user + times.system


def test_dask(benchmark: Any, quick: bool) -> None:
    """The same sweep in this process, by one worker and by two; what it finds is the same."""
    distributed = pytest.importorskip("distributed")
    space = (
        flash.DenseNet(depths=flash.Range(5, 16))
        if quick
        else flash.DenseNet(width_multipliers=list(range(1, WIDTHS + 1)))
    )
    given: dict[str, Any] = keywords(budgets_of(MAIN).each[0])
    sweep = {**given, "top": 100, "bins": 0, "yes": True}
    before, start = _processor_s(), perf_counter()
    result = flash.sweep(space, "rram", **sweep, threads=1)
    alone = {"wall_s": perf_counter() - start, "processor_s": _processor_s() - before}
    found, rows = [result.replace(elapsed_s=0.0)], []
    for workers in (1, 2):
        with (
            distributed.LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                processes=True,
                dashboard_address="127.0.0.1:0",
            ) as cluster,
            distributed.Client(cluster) as client,
        ):
            before = sum(client.run(_processor_s).values())
            start = perf_counter()
            result = flash.sweep(space, "rram", **sweep, executor=client.get_executor())
            wall = perf_counter() - start
            used = sum(client.run(_processor_s).values()) - before
        rows.append({"workers": workers, "wall_s": wall, "processor_s": used})
        found.append(result.replace(elapsed_s=0.0))
    assert found[0] == found[1] == found[2]
    assert found[0].count == space.size
    benchmark.extra_info.update(
        kind="dask", size=space.size, alone=alone, rows=rows, cores=os.cpu_count()
    )
    benchmark.pedantic(lambda: flash.search(space, "rram", **given), rounds=3)
