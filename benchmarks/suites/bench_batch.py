"""How fast are many configurations evaluated, from tables and layer by layer, against numpy and
numba doing the same job on one thread?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from benchmarks.common.cases import CASES, SEED
from benchmarks.common.timing import by_both_clocks
from flash._core.costing import batch
from flash.hardware import as_target
from flash.problem.compiling import MACS, PARAMS, compile_problem
from flash.spaces.index import table_rows

if TYPE_CHECKING:
    from typing import Any

TABLE_CASES = ("densenet x rram", "mobilenet-v2 x rram", "densenet x cpu-x86")
LAYER_CASES = ("densenet x rram", "resnet x rram", "mobilenet-v2 x rram", "densenet x cpu-x86")


def _random(name: str, n: int) -> tuple[Any, Any, Any]:
    """A case's problem with all columns, and n random configurations of it."""
    case = CASES[name]
    space = case.space()
    problem = compile_problem(space, as_target(case.target), None, PARAMS | MACS)
    rng = np.random.default_rng(SEED)
    choices = rng.integers(0, np.array(space.lengths), size=(n, len(space.lengths)))
    return problem, *table_rows(space, choices)


@pytest.mark.parametrize("name", TABLE_CASES)
def test_tables(benchmark: Any, name: str, quick: bool) -> None:
    from benchmarks.twins.tables import TableTwin

    n = 20_000 if quick else 100_000
    problem, variants, rows = _random(name, n)
    twin = TableTwin(problem)
    # until it has seen a large block freed, glibc returns each one, and every call of all three
    # pays for fresh pages
    np.empty(31 << 17).fill(0.0)
    calls = [
        lambda: batch.evaluate(problem.tables, variants, rows),
        lambda: twin.numba(variants, rows),
        lambda: twin.numpy(variants, rows),
    ]
    own, *others = (np.asarray(call()) for call in calls)
    for other in others:
        np.testing.assert_array_equal(own, other)
    took = by_both_clocks(calls, 5 if quick else 15)
    benchmark.extra_info.update(kind="tables", case=name, n=n)
    for engine, own_took in zip(("flash", "numba", "numpy"), took, strict=True):
        benchmark.extra_info.update(own_took.entries(engine))
    benchmark.pedantic(calls[0], rounds=5, warmup_rounds=1)


@pytest.mark.parametrize("name", LAYER_CASES)
def test_layers(benchmark: Any, name: str, quick: bool) -> None:
    from benchmarks.twins.layers import LayerTwin

    n = 1000 if quick else 4000
    problem, variants, rows = _random(name, n)
    plan = problem.space.core_plan
    twin = LayerTwin(problem)
    calls = [
        lambda: batch.evaluate_layers(plan, problem.model, variants, rows),
        lambda: twin.numba(variants, rows),
    ]
    own, other = (np.asarray(call()) for call in calls)
    np.testing.assert_array_equal(own, other)
    np.testing.assert_array_equal(own, np.asarray(batch.evaluate(problem.tables, variants, rows)))
    took = by_both_clocks(calls, 5 if quick else 9)
    layers = twin.layers(variants, rows)
    benchmark.extra_info.update(
        kind="layers",
        case=name,
        n=n,
        layers=layers,
        **took[0].entries("flash"),
        **took[1].entries("numba"),
    )
    benchmark.pedantic(calls[0], rounds=3, warmup_rounds=1)
