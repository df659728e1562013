"""Sweeps against numpy, numba, polars and pyarrow doing the same work: ratios within one run.

Times are processor seconds of one thread, taken in turns: other processes on the machine change
them little. Rates of several threads are wall times.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from time import perf_counter, process_time
from typing import TYPE_CHECKING

import numpy as np
import pytest

import flash
from benchmarks.common import INF, MAIN, METRICS, SEED, budgets_of, keywords, problem_of
from flash._core import sweep
from flash._core.exact import Query
from flash.evaluating import evaluate
from flash.hardware import as_target
from flash.problem import MACS, PARAMS, as_space, compile_problem

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

EXPONENTS = (1.0, -0.7, -0.3, -0.2, 0.0, 0.0)
TOP = 100


def processor_s(call: Callable[[], Any]) -> tuple[float, Any]:
    start = process_time()
    told = call()
    return process_time() - start, told


def _additive() -> tuple[Any, list[float]]:
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
    from benchmarks.peers.enumeration import Enumeration

    if case == "additive":
        problem, limits = _additive()
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
    from flash._core.stream import metric_ranges

    low, high = metric_ranges(problem.tables)
    per_bin = np.array([64 / (b - a) if b > a else 0.0 for a, b in zip(low, high, strict=True)])
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
            low=np.array(low),
            per_bin=per_bin,
        )

    seconds, told = processor_s(run)
    benchmark.extra_info.update(
        kind="histograms", ns=1e9 * seconds / (step * inner), feasible=told[0] / (step * inner)
    )
    benchmark.pedantic(run, rounds=2)


def test_whole_space(benchmark: Any, quick: bool) -> None:
    """Every one of 110,578,630,656 configurations, and the proven search beside it."""
    if quick:
        space: Any = flash.DenseNet(depths=flash.Range(5, 12))
        budgets: dict[str, float] = {"max_latency_ms": 2.0, "max_energy_mj": 0.03}
    else:
        space, budgets = as_space("densenet"), keywords(budgets_of(MAIN).each[0])
    start, used = perf_counter(), process_time()
    result = flash.sweep(space, "rram", **budgets, top=TOP, bins=0)
    wall, used = perf_counter() - start, process_time() - used
    proven = flash.search(space, "rram", **budgets)
    assert result.best is not None
    assert (result.best.x, result.best.objective) == (proven.x, proven.objective)
    benchmark.extra_info.update(
        kind="whole",
        size=space.size,
        feasible=result.feasible,
        seconds=wall,
        ns_per_thread=1e9 * used / space.size,
        threads=os.cpu_count(),
    )
    benchmark.pedantic(lambda: flash.search(space, "rram", **budgets), rounds=3)


def test_evaluate(benchmark: Any, quick: bool) -> None:
    """Random configurations from rows of choices to all metrics; outputs allocated beforehand or
    by the callee alike, one thread."""
    from benchmarks.peers.tables_polars import evaluate_polars
    from benchmarks.twins import TableTwin

    n = 200_000 if quick else 10_000_000
    space = as_space("densenet")
    problem = compile_problem(space, as_target("rram"), None, PARAMS | MACS)
    rng = np.random.default_rng(SEED)
    choices = np.stack(
        [rng.integers(0, length, n, dtype=np.int16) for length in space._lengths], axis=1
    )
    twin = TableTwin(problem)
    few = choices[: n // 10]

    def by_numba() -> Any:
        return twin.numba_choices(choices, np.array(space._lengths))

    calls: dict[str, tuple[Callable[[], Any], int]] = {
        "flash": (lambda: flash.evaluate(space, "rram", choices, threads=1), n),
        "numba": (by_numba, n),
        "numpy": (lambda: twin.numpy(*twin.rows_of(few, space._lengths)), len(few)),
        "polars": (lambda: evaluate_polars(twin, few, space._lengths), len(few)),
        "stream": (lambda: [np.full(n, 1.0) for _ in range(6)], n),
    }
    times: dict[str, float] = {}
    own, theirs = calls["flash"][0](), by_numba()
    for k, name in enumerate(("nn_degree", "latency_ms", "energy_mj", "area_mm2", "params")):
        np.testing.assert_array_equal(own[name], theirs[k])
    np.testing.assert_array_equal(
        evaluate_polars(twin, few, space._lengths)[1], theirs[1][: len(few)]
    )
    del own, theirs
    for _ in range(2 if quick else 4):
        for name, (call, size) in calls.items():
            seconds, told = processor_s(call)
            del told
            times[name] = min(times.get(name, INF), 1e9 * seconds / size)
    benchmark.extra_info.update(kind="evaluate", n=n, ns=times)
    benchmark.pedantic(lambda: flash.evaluate(space, "rram", few, threads=1), rounds=3)


@pytest.mark.parametrize("threads", [1, 2])
def test_rows_to_parquet(benchmark: Any, threads: int, quick: bool) -> None:
    """A sample streamed to Parquet, in a process of its own whose memory is looked at."""
    pytest.importorskip("pyarrow")
    n = 1_000_000 if quick else 20_000_000
    with tempfile.TemporaryDirectory() as folder:
        words = [sys.executable, "-m", "benchmarks.bench_sweep", folder, str(n), str(threads)]
        done = subprocess.run(words, capture_output=True, text=True, check=True)
        told = json.loads(done.stdout)
    benchmark.extra_info.update(kind="rows", n=n, threads=threads, **told)
    benchmark.pedantic(lambda: flash.sweep("resnet", "rram", sample=10_000), rounds=3)


def _rows(folder: str, n: int, threads: int) -> dict[str, Any]:
    """Stream n rows, then write the same columns with pyarrow alone."""
    import pyarrow
    import pyarrow.parquet

    start, used = perf_counter(), process_time()
    result = flash.sweep(
        "densenet", "rram", sample=n, out=f"{folder}/rows", threads=threads, bins=0, top=1
    )
    wall, used = perf_counter() - start, process_time() - used
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    size = sum(path.stat().st_size for path in Path(folder, "rows").iterdir())
    parts = sorted(Path(folder, "rows").glob("*.parquet"))
    alone_wall = alone_used = 0.0
    for path in parts[: max(1, len(parts) // 4)]:
        table = pyarrow.parquet.read_table(path)
        start, begun = perf_counter(), process_time()
        pyarrow.parquet.write_table(
            table,
            f"{folder}/alone",
            compression="zstd",
            use_dictionary=False,
            row_group_size=1 << 18,
        )
        share = result.rows / table.num_rows if result.rows else 0.0
        alone_wall += (perf_counter() - start) * share
        alone_used += (process_time() - begun) * share
    tried = max(1, len(parts) // 4)
    return {
        "wall_s": wall,
        "processor_s": used,
        "alone_wall_s": alone_wall / tried,
        "alone_processor_s": alone_used / tried,
        "peak_gib": peak,
        "bytes": size,
        "rows": result.rows,
    }


if __name__ == "__main__":
    print(json.dumps(_rows(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))))
