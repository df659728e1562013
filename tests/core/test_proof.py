"""Where float64 could cost the proof (docs/concepts/proof.md): sums that cancel, differences that
rounding hides, columns that are not there."""

from __future__ import annotations

import math
from array import array
from random import Random
from typing import Any

import pytest
from twins import reference

from flash._core.search.exact import Query, Search
from flash._core.search.exhaustive import enumerate_best
from flash._core.search.shgo import explore
from flash._core.tables.tables import Classes, Tables

FREE = (math.inf,) * 6
SCORE, LATENCY, LATENCY_IN, ENERGY = 0, 1, 2, 4
SCALE, PARAMS = reference.SCALE, reference.PARAMS


def tables(cells: list[dict[int, list[int]]], constant: int = 0, **links: Any) -> Tables:
    made: list[Any] = [
        (1, {k: array("d", map(float, x)) for k, x in cell.items()}, {}) for cell in cells
    ]
    own = [float(constant), *[0.0] * (len(reference.COLUMNS) - 1)]
    return Tables.from_arrays([(own, made)], {"quantum": (1.0,) * 6, "modelled": 63, **links})


def check(made: Tables, query: Query, **options: Any) -> None:
    expected, _ = enumerate_best(made, query, True)
    core = Search(made, query, **options)
    core.prove()
    assert core.stopped == 0
    assert core.best == expected
    assert enumerate_best(made, query)[0] == expected


@pytest.mark.parametrize("quantum", [0.7, 1.1, 1e-3, 1.0])
@pytest.mark.parametrize("weighted", [False, True])
def test_scores_that_cancel(quantum: float, weighted: bool) -> None:
    """What is left of them is as small as the rounding of what adds up."""
    for seed in range(12):
        random = Random(f"{seed}{quantum}")
        large = int(random.uniform(0.5, 0.99) * 2**50)
        cells = [
            {
                SCORE: [(large if c < 3 else -large) + random.randrange(3) for _ in range(4)],
                LATENCY: [random.randint(1, 5) for _ in range(4)],
            }
            for c in range(6)
        ]
        made = tables(cells, random.randint(1, 5), quantum=(quantum, *(1.0,) * 5))
        latency = random.choice([math.inf, 12.0, 18.0])
        query = Query(
            (math.inf, latency, *FREE[2:]),
            exponent=(2.0, -1.0, 0.0, 0.0, 0.0, 0.0) if weighted else None,
        )
        check(made, query)


@pytest.mark.parametrize("exponent", [1e3, 1e6, 1e9])
def test_large_exponents_that_cancel(exponent: float) -> None:
    for seed in range(20):
        random = Random(f"{seed}{exponent}")
        scores = [[random.randint(1000, 1010) for _ in range(8)] for _ in range(3)]
        cells = [{SCORE: s, LATENCY: [x + random.randint(-1, 1) for x in s]} for s in scores]
        power = (exponent, -exponent * random.choice([1.0, 1.0001]), 0.0, 0.0, 0.0, 0.0)
        check(tables(cells), Query(FREE, exponent=power))


def test_latencies_that_rounding_makes_equal() -> None:
    """Rows with less of a column are no better where reports are the same: the first is."""
    classes = Classes([(math.inf, 8191.0, 1.0, 1.0, 1.0, 0.0, 0.0)])
    for seed in range(4):
        random = Random(seed)
        cells = [
            {
                SCORE: [7] * 110,
                LATENCY: [random.randint(0, 1) for _ in range(110)],
                LATENCY_IN: [2**49] * 110,
                3: [0] * 110,
                SCALE: [1] * 110,
                PARAMS: [random.randint(1, 50) for _ in range(110)],
            }
            for _ in range(3)
        ]
        query = Query((*FREE[:4], float(random.randint(6, 20)), math.inf))
        check(tables(cells, classes=classes), query, leaf=3.0, patience=1)


def test_cells_without_what_counts() -> None:
    """A cell whose columns all weigh nothing."""
    nothing = {ENERGY: [0] * 5}
    some = {ENERGY: [0, 0, 0]}
    made = tables([nothing, some])
    for query in (Query(FREE), Query((math.inf, 3.0, *FREE[2:]))):
        check(made, query)
        core = Search(made, query)
        explore(core)
        assert core.best == (0, (0, 0), 0.0, (0.0,) * 6)
