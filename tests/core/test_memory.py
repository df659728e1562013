"""Memory that ends in the middle of a search: MemoryError, and nothing else is the worse for it."""

from __future__ import annotations

import math
from random import Random
from typing import Any

import pytest
from twins.problems import TableProblem, make

import flash
from flash._core.search.exact import STOPS, Query, Search
from flash._core.search.shgo import explore, multistart
from flash._core.tables.tables import Tables
from flash.solving import run as solving

EVERY = 400  # the first requests are refused one after another, then fewer and fewer of them
# Lists that are thinned, nodes that are halved, and enumerations that are cut short.
SETTINGS: tuple[dict[str, Any], ...] = (
    {},
    {"leaf": 3.0, "thin": 2},
    {"leaf": 3.0, "patience": 5},
)
FAMILIES = (
    "plain",
    "classes",
    "boundaries",
    "leakage",
    "peaks",
    "logarithms",
    "product",
    "everything",
)


def start(problem: TableProblem, **options: Any) -> Search:
    return Search(
        Tables.from_arrays(problem.variants, problem.links),
        Query(problem.maximum, problem.min_accuracy, problem.exponent),
        **options,
    )


def go(core: Search, how: str) -> None:
    if how == "shgo":
        explore(core)
    elif how == "roots":
        core.bound_roots()
    elif how == "multistart":
        multistart(core, 1, 50)
    else:
        core.prove()


def refused(problem: TableProblem, how: str, options: dict[str, Any], expected: Any) -> int:
    """Refuse each request in turn; return after how many the search needs no more."""
    block = 1
    while True:
        core = start(problem, **options)
        core.refuse_memory(block)
        try:
            go(core, how)
        except MemoryError:
            pass
        else:
            return block - 1
        best = core.best
        assert core.bound == math.inf
        assert core.stopped == 4 == len(STOPS)
        assert best is None or all(
            m <= most for m, most in zip(best[3], problem.maximum, strict=True)
        )
        with pytest.raises(MemoryError):  # it has lost nodes, and says so for good
            core.prove()
        if best is not None:
            assert core.offer(best[0], best[1]) == 0
        if block % 7 == 1:
            del core
            after = start(problem, **options)
            after.prove()
            assert after.best == expected
        block += 1 if block < EVERY else block // 10


@pytest.mark.parametrize("family", FAMILIES)
def test_every_request_may_be_refused(family: str) -> None:
    asked = 0
    for seed in range(3):
        problem = make(Random(f"memory{family}{seed}"), family)
        expected = problem.best()
        for options in SETTINGS:
            for how in ("prove", "shgo", "roots", "multistart"):
                asked += refused(problem, how, options, expected)
    assert asked > 200


def test_of_a_search_with_many_open_nodes() -> None:
    """So many that the heap grows."""
    problem = make(Random("teverything19"), "everything")
    options = {"leaf": 3.0, "thin": 2, "max_leaves": 20_000}
    whole = start(problem, **options)
    whole.prove()
    assert whole.counts[0] > 100
    assert refused(problem, "prove", options, whole.best) > EVERY


def test_a_refusal_after_the_proof_changes_nothing() -> None:
    core = start(make(Random("memory"), "plain"))
    core.prove()
    best = core.best
    core.refuse_memory(1)
    core.prove()
    assert core.best == best
    assert core.stopped == 0


def test_the_library_raises_it(monkeypatch: pytest.MonkeyPatch) -> None:
    class Starved(Search):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self.refuse_memory(20)

    expected = flash.search("densenet", "rram", max_latency_ms=4.0)
    with monkeypatch.context() as patch:
        patch.setattr(solving, "Search", Starved)
        with pytest.raises(MemoryError, match="memory"):
            flash.search("densenet", "rram", max_latency_ms=4.0)
    assert flash.search("densenet", "rram", max_latency_ms=4.0).objective == expected.objective
