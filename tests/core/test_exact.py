"""The exact solver: its answer is that of complete enumeration, on every kind of problem."""

from __future__ import annotations

import math
from array import array
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twins import reference
from twins.problems import FAMILIES, TableProblem, hard, make

import flash
from flash._core.search.exact import Query, Search
from flash._core.search.exhaustive import enumerate_best
from flash._core.search.shgo import explore, multistart
from flash._core.tables.tables import Tables
from flash.problem.compiling import compile_problem

SEEDS = 40  # problems per family
NOTHING = [0.0] * len(reference.COLUMNS)  # constants of a variant
# The usual ones, and small ones that make small problems branch and thin their lists.
SETTINGS: tuple[dict[str, Any], ...] = (
    {},
    {"leaf": 3.0, "thin": 2},
    {"leaf": 3.0},
    {"leaf": 100.0, "thin": 4},
)


def search(problem: TableProblem, **options: Any) -> Search:
    return Search(
        Tables.from_arrays(problem.variants, problem.links),
        Query(problem.maximum, problem.min_accuracy, problem.exponent),
        **options,
    )


def check(problem: TableProblem, *settings: dict[str, Any]) -> Any:
    """Compare with complete enumeration: variant, rows, objective and metrics, bit for bit.

    Every second one of the settings starts from SHGO's answer.
    """
    expected = problem.best()
    for number, options in enumerate(settings):
        core = search(problem, **options)
        if number % 2:
            explore(core)
        core.prove()
        assert core.stopped == 0
        assert core.best == expected, options
        assert core.bound == (-math.inf if expected is None else expected[2]), options
    return expected


@pytest.mark.parametrize("family", FAMILIES)
def test_equals_complete_enumeration(family: str) -> None:
    found = 0
    for seed in range(SEEDS):
        problem = make(Random(f"{family}{seed}"), family)
        # A reward for a cost leaves bounds too loose to close by branching alone.
        settings = SETTINGS[:1] if problem.unusual else (SETTINGS[0], SETTINGS[1 + seed % 3])
        try:
            found += check(problem, *settings) is not None
        except AssertionError as error:
            raise AssertionError(f"make(Random('{family}{seed}'), {family!r}): {error}") from error
    # Both kinds of answer must have been seen, or the family tests less than it says.
    assert found >= (1 if family == "infeasible" else SEEDS // 3)
    if family == "infeasible":
        assert found <= SEEDS // 2


@settings(max_examples=60, derandomize=True)
@given(st.randoms(use_true_random=False), st.sampled_from(FAMILIES))
def test_equals_complete_enumeration_of_any_problem(random: Random, family: str) -> None:
    problem = make(random, family)
    check(problem, *(SETTINGS[:1] if problem.unusual else SETTINGS[:2]))


@pytest.mark.parametrize("family", ["plain", "classes", "leakage", "boundaries", "product"])
def test_the_optimums_own_costs_are_a_budget_that_admits_it(family: str) -> None:
    tried = 0
    for seed in range(20):
        problem = make(Random(f"own{seed}"), family)
        answer = problem.best()
        if answer is None:
            continue
        own = answer[3]
        exact = problem.with_(maximum=(math.inf, *own[1:]))
        assert check(exact, SETTINGS[0], SETTINGS[1]) == answer
        for k in range(1, 6):
            if own[k] == 0.0:
                continue
            below = list(exact.maximum)
            below[k] = math.nextafter(own[k], 0.0)
            other = check(problem.with_(maximum=tuple(below)), SETTINGS[0])
            assert other is None or other[3][k] < own[k]
            tried += 1
    assert tried > 20


def test_order_of_rows_does_not_matter() -> None:
    """Rows reversed: the same answer but for what ties do not look at."""
    for seed in range(30):
        problem = make(Random(f"order{seed}"), "correlated")
        turned = problem.with_(
            variants=[
                (constant, [(s, {k: x[::-1] for k, x in data.items()}, {}) for s, data, _ in cells])
                for constant, cells in problem.variants
            ]
        )
        first, second = check(problem, SETTINGS[0]), check(turned, SETTINGS[0])
        assert (first and first[3][:4]) == (second and second[3][:4])


@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_scale_of_the_score_does_not_matter(scale: float) -> None:
    for seed in range(30):
        problem = make(Random(f"scale{seed}"), "correlated")
        quantum = problem.links["quantum"]
        other = problem.with_(
            links={**problem.links, "quantum": (quantum[0] * scale, *quantum[1:])}
        )
        first, second = check(problem, SETTINGS[0]), check(other, SETTINGS[0])
        assert (first and first[:2]) == (second and second[:2])


def test_equal_rows_give_the_first() -> None:
    one = array("d", [5.0] * 7)
    problem = TableProblem(
        [(NOTHING, [(1, {0: one, 1: one}, {})] * 3)], {"quantum": (1.0,) * 6, "modelled": 63}
    )
    for options in SETTINGS:
        core = search(problem, **options)
        core.prove()
        assert core.best == (0, (0, 0, 0), 15.0, (15.0, 15.0, 0.0, 0.0, 0.0, 0.0))


@pytest.mark.parametrize("limit", [1, 200, 100_000])
def test_a_stopped_search_has_a_bound_that_holds(limit: int) -> None:
    """On problems too large to enumerate; the optimum is what the whole search proves."""
    stopped = 0
    for seed in range(6):
        problem = hard(Random(seed), 6)
        whole = search(problem)
        whole.prove()
        core = search(problem, max_leaves=limit)
        core.prove()
        if core.stopped == 0:
            assert core.best == whole.best
            continue
        stopped += 1
        assert core.stopped == 2
        assert core.counts[2] < limit + 5000  # the limit is looked at now and then
        assert core.bound >= whole.best[2]
        if core.best is not None:
            variant, rows, value, metrics = core.best
            total = reference.totals(problem.variants[variant], rows)
            assert list(metrics) == reference.metrics(problem.links, total)
            assert value <= whole.best[2]
            assert all(m <= most for m, most in zip(metrics, problem.maximum, strict=True))
    assert stopped > 1 or limit > 200


def test_no_bound_before_the_search() -> None:
    core = search(make(Random(1), "plain"))
    assert core.best is None
    assert core.bound == math.inf
    assert core.counts == (0, 0, 0)


def test_offer() -> None:
    random = Random(3)
    problem = make(random, "plain").with_(maximum=(math.inf,) * 6)
    core = search(problem)
    value = -math.inf
    for _ in range(20):
        rows = tuple(random.randrange(n) for n in problem.sizes[0])
        metrics = reference.metrics(problem.links, reference.totals(problem.variants[0], rows))
        expected = metrics[0] > value
        answer = core.offer(0, rows)
        assert answer in (0, 1)
        assert answer == 1 or not expected
        value = max(value, metrics[0])
        assert core.best[2] == value
    over = search(problem.with_(maximum=(math.inf, 1e-12, *(math.inf,) * 4)))
    assert over.offer(0, rows) == -1
    assert over.best is None
    for bad in ((1, rows), (-1, rows), (0, (10**6,) * 4), (0, (-1,) * 4)):
        with pytest.raises(IndexError):
            over.offer(*bad)


def test_an_answer_offered_is_kept_or_bettered() -> None:
    for seed in range(20):
        random = Random(f"offer{seed}")
        problem = make(random, "correlated")
        core = search(problem)
        for _ in range(5):
            core.offer(0, tuple(random.randrange(n) for n in problem.sizes[0]))
        core.prove()
        assert core.best == problem.best()


def test_callback_stops_and_its_errors_come_through() -> None:
    problem = hard(Random(4), 14)
    seen = []

    def stop(core: Search) -> bool:
        seen.append((core.best, core.bound))
        return True

    core = search(problem, callback=stop)
    core.prove()
    assert core.stopped == 3
    assert len(seen) == 1
    assert seen[0][0] is None or seen[0][0][2] <= seen[0][1]

    def fail(core: Search) -> bool:
        raise RuntimeError("from the callback")

    core = search(problem, callback=fail)
    with pytest.raises(RuntimeError, match="from the callback"):
        core.prove()


@pytest.mark.parametrize("family", FAMILIES)
def test_shgo_reports_what_is_true(family: str) -> None:
    """Its best is within the budgets, and what it says it is; its answers are the same again."""
    for seed in range(10):
        problem = make(Random(f"shgo{seed}"), family)
        expected = problem.best()
        core, again = search(problem), search(problem)
        explore(core)
        explore(again, 1)
        assert core.best == again.best
        assert core.counts[2] > 0
        if core.best is not None:
            variant, rows, value, metrics = core.best
            totals = reference.totals(problem.variants[variant], rows)
            assert list(metrics) == reference.metrics(problem.links, totals)
            assert value <= expected[2]
            assert all(m <= most for m, most in zip(metrics, problem.maximum, strict=True))


def test_bound_without_proof() -> None:
    for seed in range(20):
        problem = make(Random(f"bound{seed}"), "correlated")
        expected = problem.best()
        core = search(problem)
        explore(core)
        core.bound_roots()
        if expected is not None:
            assert core.bound >= expected[2]
            assert core.best is None or core.best[2] <= expected[2]


def test_multistart() -> None:
    problem = make(Random(5), "plain")
    core, again = search(problem), search(problem)
    multistart(core, 3, 500)
    multistart(again, 3, 500)
    assert core.best == again.best
    assert core.stopped == 0
    core.prove()
    assert core.best == problem.best()


@pytest.mark.parametrize("family", FAMILIES)
def test_enumeration_by_the_core(family: str) -> None:
    for seed in range(10):
        problem = make(Random(f"core{seed}"), family)
        tables = Tables.from_arrays(problem.variants, problem.links)
        query = Query(problem.maximum, problem.min_accuracy, problem.exponent)
        answer, feasible = enumerate_best(tables, query, count=True)
        assert answer == problem.best()
        assert enumerate_best(tables, query) == (answer, None)
        assert feasible == sum(
            reference.fits(problem.links, metrics, problem.maximum, problem.min_accuracy)
            for metrics in reference.all_metrics(problem.variants, problem.links)
        )


@pytest.mark.parametrize("widths", [((8, 16), (8, 16), (16,), (16,)), ((8,), (8, 16), (16,))])
def test_enumeration_of_cells_of_free_widths(widths: Any) -> None:
    """No network is counted whose cells disagree, whichever cell is the last to have a choice."""
    space = flash.ResNet(cells=len(widths), widths=widths, depths=[1, 2], skips=[0, 8])
    target = flash.Target.load("rram")
    tables = compile_problem(space, target).tables
    answer, feasible = enumerate_best(tables, Query([math.inf] * 6), count=True)
    assert feasible == space.size
    every = [target.cost(space.decode(index)) for index in range(space.size)]
    core = Search(tables, Query([math.inf] * 6))
    core.prove()
    assert core.best == answer
    assert answer is not None
    assert answer[3][1:4] in {(one.latency_ms, one.energy_mj, one.area_mm2) for one in every}
    limit = sorted(one.latency_ms for one in every)[space.size // 3]
    query = Query([math.inf, limit, *[math.inf] * 4])
    _, feasible = enumerate_best(tables, query, count=True)
    assert feasible == sum(one.latency_ms <= limit for one in every)


# What from_arrays refuses


def cell(*rows: float, states: int = 1, **more: Any) -> tuple[int, dict[int, Any], dict[int, Any]]:
    return states, {0: array("d", rows), 1: array("d", rows)}, more.get("boundaries", {})


LINKS = {"quantum": (1.0,) * 6, "modelled": 63}


@pytest.mark.parametrize(
    ("cells", "error", "text"),
    [
        ([], ValueError, "1 to 128 cells, got 0"),
        ([cell(1.0)] * 129, ValueError, "1 to 128 cells, got 129"),
        ([cell(1.0, 2.0, 3.0, states=2)], ValueError, "3 rows do not divide by 2 states"),
        ([cell(1.0, states=0)], ValueError, "states"),
        ([(1, {0: array("d"), 1: array("d")}, {})], ValueError, "0 rows"),
        ([cell(math.nan)], ValueError, "finite"),
        ([cell(1.0, math.nan)], ValueError, "finite"),
        ([cell(math.inf)], ValueError, "finite"),
        ([cell(-1.0)], ValueError, "negative"),
        ([cell(2.0**52)] * 2, OverflowError, "2\\^53"),
        ([(1, {0: array("d", [1.0])}, {}), cell(1.0)], ValueError, "latency is missing"),
        ([(1, {0: array("d", [1.0, 2.0]), 1: array("d", [1.0])}, {})], ValueError, "has 1 rows"),
        ([(1, {0: array("d", [1.0]), 1: array("d", [1.0, 2.0])}, {})], ValueError, "has 2 rows"),
        ([(1, {0: array("f", [1.0])}, {})], ValueError, "contiguous float64"),
        ([(1, {0: array("q", [1])}, {})], ValueError, "contiguous float64"),
        ([cell(1.0), cell(1.0, boundaries={0: array("d", [1.0] * 2)})], ValueError, "boundary"),
        ([cell(1.0, boundaries={0: array("d", [math.nan])})], ValueError, "finite"),
        ([cell(1.0, boundaries={1: array("d", [-2.0])})], ValueError, "negative"),
        ([cell(1.0, boundaries={0: array("d", [2.0**53])})], OverflowError, "2\\^53"),
    ],
)
def test_from_arrays_refuses(cells: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        Tables.from_arrays([(NOTHING, cells)], LINKS)


ONES = (1.0,) * 6  # what a class multiplies or adds


def but(number: int, value: float) -> tuple[float, ...]:
    return tuple(value if k == number else one for k, one in enumerate(ONES))


@pytest.mark.parametrize(
    ("classes", "text"),
    [
        (((1.0, *ONES),), "the last must have no bound"),
        (((2.0, *ONES), (1.0, *ONES), (math.inf, *ONES)), "bounds must rise"),
        (((2.0, *ONES), (2.0, *ONES), (math.inf, *ONES)), "bounds must rise"),
        (((math.nan, *ONES), (math.inf, *ONES)), "bounds must rise"),
        *(
            (classes, "must not be negative nor fall")
            for k in range(6)
            for classes in (
                ((2.0, *but(k, 2.0)), (math.inf, *ONES)),
                ((math.inf, *but(k, -1.0)),),
                ((1.0, *but(k, math.nan)), (math.inf, *ONES)),
                ((1.0, *ONES), (math.inf, *but(k, math.nan))),
            )
        ),
    ],
)
def test_from_arrays_refuses_classes(classes: Any, text: str) -> None:
    scaled = (
        1,
        {0: array("d", [1.0]), 1: array("d", [1.0]), reference.SCALE: array("d", [1.0])},
        {},
    )
    with pytest.raises(ValueError, match=f"classes: .*{text}"):
        Tables.from_arrays([(NOTHING, [scaled])], {**LINKS, "classes": classes})
    accepted = ((2.0, *but(3, 0.0)), (math.inf, *ONES))
    Tables.from_arrays([(NOTHING, [scaled])], {**LINKS, "classes": accepted})
    with pytest.raises(ValueError, match="classes need the column scale"):
        Tables.from_arrays([(NOTHING, [cell(1.0)])], {**LINKS, "classes": accepted})


def test_from_arrays_refuses_what_adds_up_to_a_peak() -> None:
    peak = array("d", [1.0])
    peaked = (1, {0: peak, 1: peak, reference.PEAK: peak}, {})
    constant = [float(k == reference.PEAK) for k in range(len(NOTHING))]
    with pytest.raises(ValueError, match="column peak has no constant"):
        Tables.from_arrays([(constant, [peaked])], LINKS)
    joined = (1, peaked[1], {reference.PEAK: peak})
    with pytest.raises(ValueError, match="column peak has no boundaries"):
        Tables.from_arrays([(NOTHING, [peaked, joined])], LINKS)


@pytest.mark.parametrize("area", [-1.0, math.nan, math.inf])
def test_from_arrays_refuses_areas_of_the_scale(area: float) -> None:
    with pytest.raises(ValueError, match="area_per_scale must be a number that is not negative"):
        Tables.from_arrays([(NOTHING, [cell(1.0)])], {**LINKS, "area_per_scale": area})


def test_negative_scores_are_allowed() -> None:
    rows = (1, {0: array("d", [-5.0, -3.0, -4.0]), 1: array("d", [1.0, 2.0, 1.0])}, {})
    problem = TableProblem([(NOTHING, [rows, rows])], LINKS)
    check(problem, *SETTINGS)
    check(problem.with_(maximum=(math.inf, 3.0, *(math.inf,) * 4)), *SETTINGS)
    check(problem.with_(maximum=(math.inf, 1.0, *(math.inf,) * 4)), *SETTINGS)


def test_facts_of_tables() -> None:
    made = Tables.from_arrays([(NOTHING, [cell(1.0, 2.0), cell(3.0, 4.0, 5.0)])] * 2, LINKS)
    assert made.rows == ((2, 3), (2, 3))
    assert made.space_rows == made.rows
    assert made.size == 12
    assert list(memoryview(made.column(0, 1, 0)).cast("d")) == [3.0, 4.0, 5.0]
    assert made.column(0, 1, 5) is None
    for bad in ((2, 0, 0), (-1, 0, 0), (0, 2, 0), (0, -1, 0), (0, 0, len(NOTHING)), (0, 0, -1)):
        with pytest.raises(IndexError):
            made.column(*bad)
