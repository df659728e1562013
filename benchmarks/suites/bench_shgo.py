"""How good is flash's SHGO by itself, with the exact solver off: its gap and its evaluations over
20 budgets, against random multistart with the same moves at equal evaluations?"""

from __future__ import annotations

import math
import statistics
from typing import TYPE_CHECKING

import pytest

from benchmarks.common.cases import (
    FAMILY_CASES,
    FOUR_CELLS,
    MAIN,
    budgets_of,
    exponents_of,
    problem_of,
    product_query,
    query_of,
)
from benchmarks.common.timing import by_both_clocks
from flash._core.search.exact import Query, Search
from flash._core.search.shgo import explore, multistart

if TYPE_CHECKING:
    from typing import Any

SEEDS = 11  # of multistart; their median counts


def compare(tables: Any, query: Query, product: bool = False) -> dict[str, Any]:
    """Gap to the proven optimum of SHGO and of multistart, and SHGO's evaluations and time."""
    certified = Search(tables, query, time_limit_s=60.0)
    explore(certified, 0)
    certified.prove()
    assert not certified.stopped
    assert certified.best is not None
    optimum = certified.best[2]
    search = Search(tables, query)
    explore(search, 0)
    evaluations = search.counts[2]

    def gap(best: Any) -> float:
        if best is None:
            return 1.0
        if product:  # the objective is its logarithm
            return -math.expm1(best[2] - optimum)
        return float((optimum - best[2]) / abs(optimum))

    others = []
    for seed in range(1, SEEDS + 1):
        other = Search(tables, query)
        multistart(other, seed, evaluations)
        others.append(gap(other.best))

    def shgo() -> None:
        explore(Search(tables, query), 0)

    return {
        "gap": gap(search.best),
        "evaluations": evaluations,
        **by_both_clocks([shgo], 7, warm=1)[0].entries("seconds"),
        "multistart_gap": statistics.median(others),
        "multistart_gaps": others,
    }


@pytest.mark.parametrize("name", [*FAMILY_CASES, FOUR_CELLS])
def test_uncertified(benchmark: Any, name: str, quick: bool) -> None:
    tables = problem_of(name).tables
    queries = [query_of(budgets) for budgets in budgets_of(name, 5 if quick else 20).each]
    rows = [compare(tables, query) for query in queries]
    benchmark.extra_info.update(case=name, rows=rows)
    benchmark.pedantic(lambda: explore(Search(tables, queries[0]), 0), rounds=5, warmup_rounds=1)


def test_uncertified_product(benchmark: Any, quick: bool) -> None:
    tables = problem_of(MAIN).tables
    queries = [product_query(objective) for objective in exponents_of(MAIN, 5 if quick else 20)]
    rows = [compare(tables, query, product=True) for query in queries]
    benchmark.extra_info.update(case=f"{MAIN}, weighted product", rows=rows)
    benchmark.pedantic(lambda: explore(Search(tables, queries[0]), 0), rounds=5, warmup_rounds=1)
