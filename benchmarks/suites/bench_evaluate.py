"""Random configurations to all metrics: against peers, by batch size, threads and cells.

Against peers times are processor seconds of one thread, taken in turns: other processes on the
machine change them little. Rates of several threads are wall times.
"""

from __future__ import annotations

from time import perf_counter, process_time
from typing import TYPE_CHECKING

import numpy as np
import pytest

import flash
from benchmarks.common.cases import INF, SEED
from benchmarks.suites.bench_sweep import processor_s
from flash.hardware import as_target
from flash.problem.compiling import MACS, PARAMS, as_space, compile_problem

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

SIZES = (100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000)
CELLS = (2, 3, 4, 6)
LEAST_S = 0.1  # that a size is repeated for


def random_choices(space: Any, n: int) -> Any:
    """Return n rows of choices of the type that all peers take."""
    rng = np.random.default_rng(SEED)
    columns = [rng.integers(0, length, n, dtype=np.int16) for length in space.lengths]
    return np.stack(columns, axis=1)


def test_evaluate(benchmark: Any, quick: bool) -> None:
    """Random configurations from rows of choices to all metrics; outputs allocated beforehand or
    by the callee alike, one thread."""
    from benchmarks.twins.tables import TableTwin
    from benchmarks.twins.tables_polars import evaluate_polars

    n = 200_000 if quick else 10_000_000
    space = as_space("densenet")
    problem = compile_problem(space, as_target("rram"), None, PARAMS | MACS)
    choices = random_choices(space, n)
    twin = TableTwin(problem)
    few = choices[: n // 10]

    def by_numba() -> Any:
        return twin.numba_choices(choices, np.array(space.lengths))

    calls: dict[str, tuple[Callable[[], Any], int]] = {
        "flash": (lambda: flash.evaluate(space, "rram", choices, threads=1), n),
        "numba": (by_numba, n),
        "numpy": (lambda: twin.numpy(*twin.rows_of(few, space.lengths)), len(few)),
        "polars": (lambda: evaluate_polars(twin, few, space.lengths), len(few)),
        "stream": (lambda: [np.full(n, 1.0) for _ in range(6)], n),
    }
    times: dict[str, float] = {}
    own, theirs = calls["flash"][0](), by_numba()
    for k, name in enumerate(("nn_degree", "latency_ms", "energy_mj", "area_mm2", "params")):
        np.testing.assert_array_equal(own[name], theirs[k])
    np.testing.assert_array_equal(
        evaluate_polars(twin, few, space.lengths)[1], theirs[1][: len(few)]
    )
    del own, theirs
    for _ in range(2 if quick else 4):
        for name, (call, size) in calls.items():
            seconds, told = processor_s(call)
            del told
            times[name] = min(times.get(name, INF), 1e9 * seconds / size)
    benchmark.extra_info.update(kind="evaluate", n=n, ns=times)
    benchmark.pedantic(lambda: flash.evaluate(space, "rram", few, threads=1), rounds=3)


def best_s(call: Callable[[], Any], rounds: int = 3) -> tuple[float, float]:
    """Return the least wall and processor time of a call, of short ones the mean of many."""
    start = perf_counter()
    told = call()
    del told
    times = max(1, int(LEAST_S / max(perf_counter() - start, 1e-6)))
    best = best_cpu = INF
    for _ in range(rounds):
        start, used = perf_counter(), process_time()
        for _ in range(times):
            told = call()
            del told
        best_cpu = min(best_cpu, (process_time() - used) / times)
        best = min(best, (perf_counter() - start) / times)
    return best, best_cpu


@pytest.mark.parametrize("cells", CELLS)
def test_rate(benchmark: Any, cells: int, quick: bool) -> None:
    """The rate by the size of the batch and the number of threads; of the whole call."""
    space = flash.DenseNet(cells=cells)
    choices = random_choices(space, 100_000 if quick else SIZES[-1])
    rows = []
    one = flash.evaluate(space, "rram", choices, threads=1)
    two = flash.evaluate(space, "rram", choices, threads=2)
    assert all(np.array_equal(one[name], two[name]) for name in one)
    del one, two
    for n in SIZES:
        if n > len(choices):
            continue
        for threads in (1, 2):
            some = choices[:n]
            seconds, cpu_s = best_s(
                lambda some=some, threads=threads: flash.evaluate(
                    space, "rram", some, threads=threads
                )
            )
            rows.append({"n": n, "threads": threads, "seconds": seconds, "cpu_s": cpu_s})
    benchmark.extra_info.update(kind="rate", cells=cells, rows=rows)
    benchmark.pedantic(lambda: flash.evaluate(space, "rram", choices[:1000]), rounds=3)
