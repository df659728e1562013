"""A fleet: 10,000 variants of a device, each with budgets of its own, answered and proven."""

from __future__ import annotations

import os
import random
from time import perf_counter, process_time
from typing import TYPE_CHECKING

import flash
from benchmarks.common.cases import MAIN, budgets_of
from benchmarks.common.timing import peak_gib
from flash import Target
from flash.hardware import as_target

if TYPE_CHECKING:
    from typing import Any

SEED = 20240601
DEVICES = 10_000
CHECKED = 200  # answers that are compared with the device's own search
VARIED = 0.3  # coefficients and budgets: by up to so much


def variant(base: dict[str, Any], number: int, draw: random.Random) -> Target:
    """Return the base with every coefficient, and its leakage, varied on its own."""

    def vary(value: float) -> float:
        return value * draw.uniform(1.0 - VARIED, 1.0 + VARIED)

    data = dict(base, name=f"{base['name']}-{number}")
    data["coefficients"] = {
        one: {
            column: {feature: vary(value) for feature, value in table.items()}
            for column, table in columns.items()
        }
        for one, columns in base["coefficients"].items()
    }
    data["links"] = {
        one: {**links, "leakage_w_per_tile": vary(links["leakage_w_per_tile"])}
        for one, links in base["links"].items()
    }
    return Target.from_dict(data)


def fleet(n: int) -> tuple[list[Target], dict[str, Any]]:
    """Return n variants of rram, and for each the benchmark's budgets in turn, varied too."""
    draw = random.Random(SEED)
    base = as_target("rram").to_dict()
    targets = [variant(base, i, draw) for i in range(n)]
    every = budgets_of(MAIN).each
    budgets: dict[str, Any] = {f"max_{cost}": [] for cost in every[0]}
    for i in range(n):
        for cost, value in every[i % len(every)].items():
            budgets[f"max_{cost}"].append(value * draw.uniform(1.0 - VARIED, 1.0 + VARIED))
    return targets, budgets


def test_fleet(benchmark: Any, quick: bool) -> None:
    n = 500 if quick else DEVICES
    targets, budgets = fleet(n)
    rows = []
    found = {}
    for threads in (1, 2, 8):
        best: dict[str, Any] = {}
        for _ in range(1 if quick else 3):
            wall, cpu = perf_counter(), process_time()
            results = flash.search("densenet", targets, threads=threads, **budgets)
            run = {
                "threads": threads,
                "seconds": perf_counter() - wall,
                "cpu_s": process_time() - cpu,
            }
            best = run if not best or run["seconds"] < best["seconds"] else best
        found[threads] = [(r.x, r.objective, r.status) for r in results]
        rows.append({**best, "proven": sum(r.proven for r in results)})
        assert all(r.proven for r in results)
    step = max(1, n // CHECKED)
    for i in range(0, n, step):
        own = {name: values[i] for name, values in budgets.items()}
        alone = flash.search("densenet", targets[i], **own)
        assert (alone.x, alone.objective, alone.status) == found[1][i]
    benchmark.extra_info.update(
        devices=n,
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        rows=rows,
        same=all(one == found[1] for one in found.values()),
        infeasible=sum(status == "INFEASIBLE" for _, _, status in found[1]),
        peak_mib=1024 * peak_gib(),
    )
    assert benchmark.extra_info["same"]
    some = {name: values[:100] for name, values in budgets.items()}
    benchmark.pedantic(lambda: flash.search("densenet", targets[:100], **some), rounds=5)
