"""How long does a proven search take: each family and target over 20 jointly binding budgets, four
cells, the weighted product? Whole calls in a warm process, and where their time goes."""

from __future__ import annotations

from time import process_time
from typing import TYPE_CHECKING

import pytest

import flash
from benchmarks.common.cases import (
    CASES,
    FAMILY_CASES,
    FIVE_CELLS,
    FOUR_CELLS,
    MAIN,
    PREDICTED,
    budgets_of,
    exponents_of,
    keywords,
    problem_of,
    product_query,
    query_of,
)
from benchmarks.common.timing import Took, by_both_clocks
from flash._core.search.exact import Query, Search
from flash._core.search.shgo import explore
from flash.hardware import as_target
from flash.predictors.predictor import as_predictor
from flash.problem.compiling import MACS, PARAMS, compile_problem, forget_kept

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

PATIENCE_S = 0.6  # a call is repeated for about so long in all
GIVE_UP_S = 20.0
TIMED = ("whole", "rebuilt", "compile", "solver", "shgo", "exact_alone")


def phases(
    name: str,
    query: Query,
    whole: Callable[[], Any],
    rounds: int,
    predictor: flash.AccuracyPredictor | None = None,
) -> tuple[dict[str, Any], Any]:
    """Time a whole call and its parts, in turns; return them and the call's result."""
    case = CASES[name]
    space, target = case.space(), as_target(case.target)
    problem = problem_of(name) if predictor is None else compile_problem(space, target, predictor)
    tables = problem.tables
    made = [bit for bit in (PARAMS, MACS) if tables.column(0, 0, bit.bit_length() - 1) is not None]
    extra = sum(made)

    def shgo() -> Any:
        search = Search(tables, query)
        explore(search, 0)
        return search

    def solver() -> Any:
        search = shgo()
        search.prove()
        return search.best

    def exact() -> Any:
        search = Search(tables, query)
        search.prove()
        return search.best

    def rebuilt() -> Any:
        forget_kept()
        return whole()

    # rounds: between whole calls nothing runs that touches more memory than they do, nor takes the
    # place of the tables that they keep
    calls = [rebuilt, lambda: compile_problem(space, target, predictor, extra), solver]
    others = [shgo, exact]
    used = process_time()
    result = whole()
    used = process_time() - used
    if result.proven:
        repeat = max(3, min(rounds, int(PATIENCE_S / max(result.elapsed_s, 1e-6))))
        every = by_both_clocks([whole], repeat, 1)
        every += by_both_clocks(calls, repeat, 1) + by_both_clocks(others, repeat, 1)
    else:
        every = [Took([result.elapsed_s], [used])] * (1 + len(calls) + len(others))
    times: dict[str, float] = {}
    for key, own in zip(TIMED, every, strict=True):
        times |= own.entries(key)
    search = shgo()
    reached = search.best
    search.prove()
    best = search.best
    return {
        **times,
        "least": min(every[0].wall),
        "least_cpu": min(every[0].cpu),
        "proven": result.proven,
        "objective": None if best is None else best[2],
        "variant": None if best is None else best[0],
        "shgo_gap": None if reached is None else (best[2] - reached[2]) / abs(best[2]),
        "nodes": search.counts[0],
        "scans": search.counts[1],
        "weighed": search.counts[2],
    }, result


@pytest.mark.parametrize("name", [*FAMILY_CASES, FOUR_CELLS, FIVE_CELLS])
def test_budgets(benchmark: Any, name: str, quick: bool) -> None:
    case = CASES[name]
    space, target = case.space(), as_target(case.target)
    drawn = budgets_of(name, 5 if quick else 20)

    def search_with(budgets: dict[str, float]) -> Any:
        return flash.search(space, target, time_limit_s=GIVE_UP_S, **keywords(budgets))

    rows = []
    for budgets in drawn.each:
        row, result = phases(
            name, query_of(budgets), lambda b=budgets: search_with(b), 5 if quick else 21
        )
        assert result.proven or result.status == "TIME_LIMIT", result
        rows.append({**row, "budgets": budgets})
    benchmark.extra_info.update(
        kind="budgets",
        case=name,
        size=space.size,
        binding=drawn.binding,
        draws=drawn.draws,
        rows=rows,
    )
    benchmark.pedantic(search_with, (drawn.each[0],), rounds=5, warmup_rounds=1)


def test_predictor(benchmark: Any, quick: bool) -> None:
    """Search by the predictor that comes with flash, under the budgets of the search without."""
    case = CASES[MAIN]
    space, target = case.space(), as_target(case.target)
    predictor = as_predictor("default", space.family)
    drawn = budgets_of(MAIN, 5 if quick else 20)

    def search_with(budgets: dict[str, float]) -> Any:
        return flash.search(
            space, target, predictor="default", time_limit_s=GIVE_UP_S, **keywords(budgets)
        )

    rows = []
    for budgets in drawn.each:
        row, result = phases(
            MAIN,
            query_of(budgets),
            lambda b=budgets: search_with(b),
            5 if quick else 21,
            predictor,
        )
        assert result.proven or result.status == "TIME_LIMIT", result
        rows.append({**row, "budgets": budgets})
    benchmark.extra_info.update(kind="budgets", case=PREDICTED, size=space.size, rows=rows)
    benchmark.pedantic(search_with, (drawn.each[0],), rounds=5, warmup_rounds=1)


def test_weighted_product(benchmark: Any, quick: bool) -> None:
    case = CASES[MAIN]
    space, target = case.space(), as_target(case.target)
    vectors = exponents_of(MAIN, 5 if quick else 20)

    def search_with(objective: dict[str, float]) -> Any:
        return flash.search(space, target, objective=objective, time_limit_s=GIVE_UP_S)

    rows = []
    for objective in vectors:
        row, result = phases(
            MAIN, product_query(objective), lambda o=objective: search_with(o), 5 if quick else 21
        )
        assert result.proven or result.status == "TIME_LIMIT", result
        rows.append({**row, "objective_of": objective})
    benchmark.extra_info.update(kind="product", case=MAIN, size=space.size, rows=rows)
    benchmark.pedantic(search_with, (vectors[0],), rounds=5, warmup_rounds=1)
