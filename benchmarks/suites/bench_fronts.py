"""Exact fronts: how long, how large, and that enumeration agrees."""

from __future__ import annotations

import statistics
from time import perf_counter, process_time, thread_time
from typing import TYPE_CHECKING

import numba
import numpy as np

import flash
from benchmarks.twins.links import COSTS, ENERGY, LATENCY, SCALE, SCORE, Links, costs
from flash import DenseNet, Range, Target
from flash._core.front.front import Front
from flash._core.search.exact import Query
from flash._core.tables.tables import COLUMNS
from flash.base.names import TERMS
from flash.hardware import as_target
from flash.problem.compiling import MACS, PARAMS, compile_problem

if TYPE_CHECKING:
    from typing import Any

TWO, THREE = ("accuracy", "latency_ms"), ("accuracy", "latency_ms", "energy_mj")
FOUR = (*THREE, "area_mm2")
CASES = (  # space, target, objectives, epsilon
    ("densenet", "cpu-x86", TWO, 0.0),
    ("densenet", "systolic-32", TWO, 0.0),
    ("densenet", "additive", TWO, 0.0),
    ("densenet", "additive", THREE, 0.0),
    ("densenet", "rram", TWO, 0.001),
    ("densenet", "rram", TWO, 0.0),
    ("densenet", "rram", THREE, 0.001),
    ("densenet", "rram", THREE, 0.0),
    ("densenet", "rram", FOUR, 0.01),
    ("densenet", "rram", FOUR, 0.0),
    ("mobilenet-v2", "rram", THREE, 0.0),
    ("densenet of 4 cells", "rram", TWO, 0.001),
    ("densenet of 4 cells", "rram", TWO, 0.0),
)
QUICK = CASES[:6]
ADDITIVE = 0b110111  # known of it: all but area


def additive() -> Target:
    """The rram target without its classes: latency and energy are plain sums.

    A made target: features and coefficients of rram, but words pass one tile in one cycle, whatever
    the grid, and nothing leaks.
    """
    data = as_target("rram").to_dict()
    data["name"] = "additive"
    for columns in data["coefficients"].values():
        for unit, metric in (("ms", "latency_ms"), ("mj", "energy_mj")):
            for way in ("in", "out"):
                columns[metric] |= columns.pop(f"bus_{way}_{unit}")
    for links in data["links"].values():
        links["leakage_w_per_tile"] = 0.0
    return Target.from_dict(data)


def problem_of(space: Any, target: Any) -> Any:
    if space == "densenet of 4 cells":
        space = DenseNet(cells=4)
    elif isinstance(space, str):
        space = flash.SearchSpace(space)
    model = additive() if target == "additive" else as_target(target)
    return compile_problem(space, model, None, PARAMS | MACS)


def plain_tables(problem: Any) -> Any:
    """Tables of the additive target's score, latency and energy, without classes."""
    from flash._core.tables.tables import Tables

    variants: list[Any] = []
    for v, sizes in enumerate(problem.tables.rows):
        cells: list[Any] = []
        for c in range(len(sizes)):
            columns = {k: problem.tables.column(v, c, k) for k in (SCORE, LATENCY, ENERGY)}
            cells.append((1, {k: np.frombuffer(data) for k, data in columns.items()}, {}))
        variants.append(([0.0] * len(COLUMNS), cells))
    links = {"quantum": problem.model.links["quantum"], "modelled": ADDITIVE}
    return Tables.from_arrays(variants, links)


def front_of(problem: Any, tables: Any, objectives: tuple[str, ...], epsilon: float) -> Front:
    core = Front(
        tables,
        Query([np.inf] * 6),
        [TERMS.index(one) for one in objectives],
        epsilon=epsilon,
    )
    core.run()
    assert core.stopped == 0
    return core


def test_fronts(benchmark: Any, quick: bool) -> None:
    rows = []
    for space, target, objectives, epsilon in QUICK if quick else CASES:
        problem = problem_of(space, target)
        tables = plain_tables(problem) if target == "additive" else problem.tables
        seconds: list[float] = []
        cpu: list[float] = []
        while len(seconds) < 5 and sum(seconds) < 10.0:
            start, own = perf_counter(), thread_time()
            core = front_of(problem, tables, objectives, epsilon)
            seconds.append(perf_counter() - start)
            cpu.append(thread_time() - own)
        rows.append(
            {
                "space": space,
                "size": problem.space.size,
                "target": target,
                "objectives": objectives,
                "epsilon": epsilon,
                "seconds": statistics.median(seconds),
                "cpu_s": statistics.median(cpu),  # of the one thread: the machine may be busy
                "points": core.size,
                "sums": core.weighed,
            }
        )
    benchmark.extra_info.update(kind="fronts", rows=rows)
    benchmark.pedantic(lambda: flash.pareto("densenet", "cpu-x86"), rounds=5)


@numba.njit(cache=True)
def not_covered(  # type: ignore[no-untyped-def]
    columns, known, front, table, edges_l, edges_e, three
):
    """Count the configurations that no point of a front is at most equal to; look at every one.

    columns: (12, cells, rows) of what makes score, latency, energy and area. front: (points, 3) of
    score, latency and energy, by falling score. table: the best score of points below a corner of
    the grid of edges, for most configurations enough.
    """
    quantum, bounds, classes, numbers = known
    missing, looked = 0, 0
    n = columns.shape[2]
    last = 0
    total = np.empty(COSTS)
    for i in range(n):
        for j in range(n):
            two = columns[:, 0, i] + columns[:, 1, j]
            for k in range(n):
                for m in range(COSTS):  # no part of latency and energy is a maximum
                    total[m] = two[m] + columns[m, 2, k]
                score = quantum[0] * total[SCORE]
                own = classes[np.searchsorted(bounds, total[SCALE])]
                latency, energy, _ = costs(total, own, quantum, numbers)
                if not three:
                    energy = 0.0
                if (
                    front[last, 0] >= score
                    and front[last, 1] <= latency
                    and (not three or front[last, 2] <= energy)
                ):
                    continue
                a = np.searchsorted(edges_l, latency, side="right") - 1
                b = np.searchsorted(edges_e, energy, side="right") - 1 if three else 0
                if a >= 0 and b >= 0 and table[a, b] >= score:
                    continue
                looked += 1
                covered = False
                for p in range(front.shape[0]):
                    if front[p, 0] < score:
                        break
                    if front[p, 1] <= latency and (not three or front[p, 2] <= energy):
                        covered = True
                        last = p
                        break
                if not covered:
                    missing += 1
    return missing, looked


def test_enumeration_agrees(benchmark: Any, quick: bool) -> None:
    """Every configuration of a space of 1e9 is looked at, by numba's own arithmetic.

    A front is the front if its points are configurations of the space, none of them dominates
    another, and every configuration has a point that is at most equal to it in every objective.
    """
    skips = 12 if quick else 40
    space = DenseNet(
        width_multipliers=2, depths=Range(5, 30), skips=Range(0, skips - 1, unit=f"width/{skips}")
    )
    rows = []
    for objectives in (TWO, THREE):
        start, used = perf_counter(), process_time()
        front = flash.pareto(space, "rram", objectives)
        seconds, cpu_s = perf_counter() - start, process_time() - used
        problem = problem_of(space, "rram")
        columns = np.zeros((COSTS, 3, problem.tables.rows[0][0]))
        for k in range(COSTS):
            for c in range(3):
                data = problem.tables.column(0, c, k)
                if data is not None:
                    columns[k, c] = np.frombuffer(data)
        links = Links(problem.model)
        known = links.quantum, links.bounds, links.classes, links.numbers
        three = len(objectives) == 3
        points = np.stack(
            [front.nn_degree, front.latency_ms, front.energy_mj if three else 0 * front.latency_ms],
            axis=1,
        )
        edges_l = np.quantile(points[:, 1], np.linspace(0, 1, 400), method="lower")
        edges_e = np.quantile(points[:, 2], np.linspace(0, 1, 400), method="lower")
        table = np.full((400, 400), -np.inf)
        for score, latency, energy in points:
            a, b = np.searchsorted(edges_l, latency), np.searchsorted(edges_e, energy)
            if a < 400 and b < 400:
                table[a, b] = max(table[a, b], score)
        table = np.maximum.accumulate(np.maximum.accumulate(table, axis=0), axis=1)
        start, used = perf_counter(), process_time()
        missing, looked = not_covered(columns, known, points, table, edges_l, edges_e, three)
        elapsed, elapsed_cpu = perf_counter() - start, process_time() - used
        again = flash.evaluate(space, "rram", front.x)
        real = all(np.array_equal(again[name], front.metrics[name]) for name in objectives[1:])
        losses = np.stack([-points[:, 0], points[:, 1], points[:, 2]], axis=1)
        apart = not any(
            ((losses <= one).all(axis=1) & (losses < one).any(axis=1)).any() for one in losses
        )
        rows.append(
            {
                "size": space.size,
                "objectives": objectives,
                "points": len(front),
                "seconds": seconds,
                "cpu_s": cpu_s,
                "enumeration_s": elapsed,
                "enumeration_cpu_s": elapsed_cpu,
                "not_covered": int(missing),
                "scanned": int(looked),
                "real": bool(real),
                "apart": apart,
            }
        )
        assert missing == 0
        assert real
        assert apart
    benchmark.extra_info.update(kind="enumeration", rows=rows)
    benchmark.pedantic(lambda: flash.pareto(space, "rram"), rounds=3)
