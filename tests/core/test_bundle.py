"""The dual bound of a root (flash/_core/search/bundle.pxd), against the linear programme whose dual
it is."""

from __future__ import annotations

import math
from array import array
from itertools import product
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog
from twins import reference

from flash._core.search.exact import Query, Search
from flash._core.tables.tables import Tables

SCORE, LATENCY, ENERGY, AREA = (
    reference.COLUMNS.index(name) for name in ("score", "latency", "energy", "area")
)
COSTS = (LATENCY, ENERGY, AREA)


@st.composite
def problems(draw: Any) -> tuple[list[np.ndarray], list[float]]:
    """Rows of score and three costs for each cell, and budgets that some network meets."""
    numbers = st.integers(1, 60)
    cells = [
        np.array(draw(st.lists(st.tuples(*[numbers] * 4), min_size=1, max_size=6)), float)
        for _ in range(draw(st.integers(1, 4)))
    ]
    network = sum(cell[draw(st.integers(0, len(cell) - 1))] for cell in cells)
    spare = [draw(st.integers(0, 20)) for _ in COSTS]
    return cells, [float(network[1 + k]) + spare[k] for k in range(3)]


def relaxed(cells: list[np.ndarray], budgets: list[float]) -> float:
    """Return the most score of a mixture of each cell's rows within the budgets."""
    rows = np.concatenate(cells)
    one = np.zeros((len(cells), len(rows)))
    first = 0
    for c, cell in enumerate(cells):
        one[c, first : first + len(cell)] = 1.0
        first += len(cell)
    found = linprog(
        -rows[:, 0], A_ub=rows[:, 1:].T, b_ub=budgets, A_eq=one, b_eq=np.ones(len(cells))
    )
    assert found.status == 0
    return -float(found.fun)


def best(cells: list[np.ndarray], budgets: list[float]) -> float:
    """Return the most score of a network within the budgets."""
    sums = (sum(rows) for rows in product(*cells))
    return max(float(s[0]) for s in sums if (s[1:] <= budgets).all())


def search(cells: list[np.ndarray], budgets: list[float]) -> Search:
    made: list[Any] = [
        (1, {k: array("d", cell[:, i]) for i, k in enumerate((SCORE, *COSTS))}, {})
        for cell in cells
    ]
    tables = Tables.from_arrays(
        [([0.0] * len(reference.COLUMNS), made)], {"quantum": (1.0,) * 6, "modelled": 63}
    )
    return Search(tables, Query((math.inf, *budgets, math.inf, math.inf)))


@settings(max_examples=300, deadline=None)
@given(problems())
def test_the_bound_of_a_root(problem: tuple[list[np.ndarray], list[float]]) -> None:
    """It is never below the best network, and near the linear programme's optimum."""
    cells, budgets = problem
    own = search(cells, budgets)
    own.bound_roots()
    optimum = best(cells, budgets)
    assert own.bound >= optimum
    linear = relaxed(cells, budgets)
    assert linear >= optimum - 1e-6
    # rows that fit with no others are left out first, so the bound may be below the programme's
    assert own.bound <= linear + 0.05 * (1.0 + abs(linear))


@settings(max_examples=300, deadline=None)
@given(problems())
def test_the_answer(problem: tuple[list[np.ndarray], list[float]]) -> None:
    cells, budgets = problem
    own = search(cells, budgets)
    own.prove()
    assert own.best is not None
    assert own.best[2] == best(cells, budgets) == own.bound
