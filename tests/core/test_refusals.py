"""What the core refuses: more than it has room for, numbers that are not exact, short memory."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from twins.reference import AREA, COLUMNS, LATENCY, PEAK, SCORE

from flash._core.costing.batch import evaluate_layers
from flash._core.design.candidates import fitting, undominated
from flash._core.model.compile import Model, Plan, compile_tables, totals_of
from flash._core.tables.tables import MAX_CELLS, Classes, Tables, build_info
from flash.hardware import Target

LINKS: dict[str, Any] = {"quantum": (1.0,) * 6, "modelled": 0b111111}


def tables(cells: list[Any], constant: tuple[float, ...] = (0.0,) * len(COLUMNS)) -> Tables:
    return Tables.from_arrays([(constant, cells)], LINKS)


def cell(columns: dict[int, Any], boundaries: Any = (), states: int = 1) -> Any:
    return (
        states,
        {k: np.array(x, float) for k, x in columns.items()},
        {k: np.array(x, float) for k, x in dict(boundaries).items()},
    )


def plan(cells: int) -> Any:
    """A resnet of one choice a cell."""
    one = (1, (8,), (1,), ((0,),), (1,), (3,))
    return (1, 10, ((0, 32, (one,) * cells),))


def test_cells_have_one_limit() -> None:
    model = Target.load("cpu-x86").model("resnet")
    rows: Any = np.zeros((1, MAX_CELLS + 1), np.int32)
    variant: Any = np.zeros(1, np.int32)
    made = compile_tables(Plan(plan(MAX_CELLS)), model, 1)
    assert made.rows == ((1,) * MAX_CELLS,)
    assert len(totals_of(Plan(plan(MAX_CELLS)), model, 0, rows[0].tolist())[1]) == MAX_CELLS
    assert len(evaluate_layers(Plan(plan(MAX_CELLS)), model, variant, rows)) == 6
    more = Plan(plan(MAX_CELLS + 1))
    refused = f"a network has 1 to {MAX_CELLS} cells, got {MAX_CELLS + 1}"
    with pytest.raises(ValueError, match=refused):
        compile_tables(more, model, 1)
    with pytest.raises(ValueError, match=refused):
        totals_of(more, model, 0, rows[0].tolist())
    with pytest.raises(ValueError, match=refused):
        evaluate_layers(more, model, variant, rows)


def test_an_area_and_its_peak_are_exact_together() -> None:
    """Their totals are added up before anything is rounded."""
    half = 2.0**52
    assert tables([cell({SCORE: [1], AREA: [half - 1], PEAK: [half]})]).size == 1
    with pytest.raises(OverflowError, match="area and peak reach 2\\^53 units together"):
        tables([cell({SCORE: [1], AREA: [half], PEAK: [half]})])
    with pytest.raises(OverflowError, match="column area reach 2\\^53 units"):
        tables([cell({SCORE: [1], AREA: [2 * half], PEAK: [1]})])


def test_arrays_of_any_shape_get_the_room_that_they_take() -> None:
    """Boundaries as (states, states): their length is that of the first axis alone."""
    states = 48
    between = np.arange(float(states * states)).reshape(states, states)
    own = {SCORE: np.arange(float(states)), LATENCY: np.arange(float(states))}
    joined = cell(own, {LATENCY: between, SCORE: between}, states)
    made = tables([cell(own, states=states), joined])
    assert made.rows == ((states, states),)
    with pytest.raises(ValueError, match="cell 0: column latency has 4 rows, others 2"):
        tables([cell({SCORE: [1, 2], LATENCY: [[1, 2], [3, 4]]})])
    with pytest.raises(ValueError, match="cell 0: there is no column 14"):
        tables([cell({SCORE: [1], len(COLUMNS): [1]})])
    with pytest.raises(ValueError, match="cell 0: there is no column -1"):
        tables([cell({SCORE: [1]}, {-1: [1]})])
    with pytest.raises(ValueError, match="cell 0 has no columns"):
        tables([cell({})])


def test_models_and_plans_of_uneven_parts_are_refused() -> None:
    with pytest.raises(ValueError, match="coefficients: cpu has 43 features, got 44"):
        Model("cpu", [(0.0,) * 12] * 44, (1.0,) * 6, {"modelled": 0})
    with pytest.raises(ValueError, match="each width needs as many skips"):
        Plan((1, 10, ((0, 32, ((1, (8, 9), (1,), ((0,),), (1,), (3,)),)),)))
    with pytest.raises(ValueError, match="depths are at least 1, got 0"):
        Plan((1, 10, ((0, 32, ((1, (8,), (1, 0), ((0,),), (1,), (3,)),)),)))
    made = Plan(plan(1))
    with pytest.raises(ValueError, match="made once"):
        made.__init__(plan(1))  # type: ignore[misc]
    classes = Classes([(float("inf"), 1.0, 1.0, 1.0, 1.0, 1.0, 1.0)])
    with pytest.raises(ValueError, match="made once"):
        classes.__init__([(float("inf"), 1.0, 1.0, 1.0, 1.0, 1.0, 1.0)])  # type: ignore[misc]


def test_options_of_uneven_length_are_refused() -> None:
    with pytest.raises(ValueError, match="as many numbers each"):
        undominated([([(1,), (1, 2)], [(1,), (1,)])], [3])
    with pytest.raises(ValueError, match="uses: 1 limits need as many numbers, got 2"):
        undominated([([(1,), (2,)], [(1,), (1, 2)])], [3])
    with pytest.raises(ValueError, match="uses: 1 limits need as many numbers, got 3"):
        fitting([[(1,), (1, 2, 3)]], [3])


SHORT = """
import resource
from math import inf

import numpy as np

import flash
from flash._core.design.candidates import undominated
from flash._core.front.front import Front
from flash._core.search.exact import Query
from flash._core.sweep.sweep import count_range, outer_sizes
from flash.hardware import Target
from flash.problem.compiling import MACS, PARAMS, compile_problem

target = Target.load("rram")
query = Query((inf, 4.0, 0.04, 70.0, inf, inf), -inf, None)
anything = Query((inf,) * 6, -inf, None)
wide = flash.SearchSpace("densenet", cells=[2], depths=range(1, 61), skips=range(600))
some = flash.SearchSpace("densenet", cells=[3], depths=range(4, 12), skips=range(16))
tables = compile_problem(some, target, None, PARAMS | MACS).tables
parts = [([(i, -i) for i in range(80)], [(1,)] * 80)] * 2    # none is as good as another

def compiled():
    made = compile_problem(wide, target, None, PARAMS | MACS).tables
    return hash(made.column(0, 1, 1))

def swept():
    return count_range(tables, query, 0, 0, outer_sizes(tables)[0][0] // 50, bins=100_000,
                       low=np.zeros(6), per_bin=np.ones(6))[:2]

def front():
    made = Front(tables, anything, (0, 1, 2, 3))
    made.run()
    return hash(bytes(made.points[1]))

def kept():
    return hash(tuple(undominated(parts, [2])))

free = resource.getrlimit(resource.RLIMIT_AS)
page = resource.getpagesize()
failed = {}
for run in (compiled, swept, front, kept):
    failed[run.__name__] = 0
    for extra in [0, *(1 << k for k in range(14, 27))]:
        used = int(open("/proc/self/statm").read().split()[0]) * page
        resource.setrlimit(resource.RLIMIT_AS, (used + extra, free[1]))
        try:
            found = run()
        except MemoryError:
            failed[run.__name__] += 1
            found = None
        finally:
            resource.setrlimit(resource.RLIMIT_AS, free)
        assert found is None or found == run(), run
assert failed["compiled"] and failed["swept"], failed
"""


@pytest.mark.processes
@pytest.mark.skipif(sys.platform != "linux", reason="a limit on memory that is kept")
@pytest.mark.skipif("sanitize" in build_info()["switches"], reason="sanitizers need address space")
def test_short_memory_is_an_error_and_no_more() -> None:
    """Whichever allocation fails: MemoryError, and the same answers once there is memory again."""
    # what was freed is given back, so that it isn't there for the next attempt
    small = {f"MALLOC_{name}_": "32768" for name in ("MMAP_THRESHOLD", "TRIM_THRESHOLD")}
    subprocess.run([sys.executable, "-c", SHORT], check=True, timeout=300, env=os.environ | small)


def test_columns_of_all_cells() -> None:
    some = tables(
        [cell({SCORE: [3, 1], LATENCY: [5, 7]}), cell({SCORE: [2, 9, 4], LATENCY: [1] * 3})]
    )
    assert np.frombuffer(some.whole(0, SCORE) or b"").tolist() == [3, 1, 2, 9, 4]
    assert some.ends(0, SCORE) == ((1, 2), (3, 9))
    out = np.zeros(5)
    assert some.put(0, LATENCY, out)
    assert out.tolist() == [5, 7, 1, 1, 1]
    assert some.whole(0, AREA) is None
    assert not some.put(0, AREA, out)
    assert some.ends(0, AREA) == ((0, 0), (0, 0))
    for wrong in (np.zeros(4), np.zeros(6), np.zeros(5, np.int64)):
        with pytest.raises(ValueError, match="a float64 for each row"):
            some.put(0, SCORE, wrong)
    with pytest.raises((ValueError, BufferError)):
        some.put(0, SCORE, bytes(40))
    for variant, column in ((1, SCORE), (-1, SCORE), (0, 99)):
        with pytest.raises(IndexError):
            some.whole(variant, column)
