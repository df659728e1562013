"""The problem as MILP users would split it: one linear model per class.

A class is a width multiplier and a tile grid g: there latency is the sum of ``L + f[g] * in +
h[g] * out`` over the cells, and total tiles are at most the grid's bound. (Networks of fewer tiles
fall into a smaller grid, where they cost no more: letting them in is safe, and makes "few tiles" a
resource like the others.) Area is a sum, plus ``a[g]``, plus the greatest peak of a cell: one limit
for each cell, on the sum and that cell's own peak. Rows that another one betters in everything are
left out. An energy budget has no place here, since leakage is a product of tiles and latency.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, NamedTuple

import numba
import numpy as np

from benchmarks.twins.links import (
    AREA,
    CLASS_AREA,
    F_IN,
    F_OUT,
    LATENCY,
    LATENCY_IN,
    LATENCY_OUT,
    PEAK,
    SCALE,
    SCORE,
)

if TYPE_CHECKING:
    from typing import Any

    from .problem import PeerProblem

LATENCY_BITS = (
    8  # latency is counted in 2^-44 ms, so that what g multiplies rounds far below any budget
)
STEPS = 60


class ClassModel(NamedTuple):
    """Maximise the summed score with one row per cell and all sums within their limits.

    Attributes
    ----------
    variant : int
    rows : list of int array of shape (m_c,)
        Row numbers that are left, by cell.
    score : list of int64 array of shape (m_c,)
    weight : list of int64 array of shape (m_c, 2 + cells)
        latency, tiles, and of each cell the area with that cell's peak.
    limit : int64 array of shape (2 + cells,)
    bound : float
        No choice in the class scores higher (Lagrangian).
    """

    variant: int
    rows: list[Any]
    score: list[Any]
    weight: list[Any]
    limit: Any
    bound: float


def make_classes(problem: PeerProblem) -> list[ClassModel]:
    """Return the models of all classes that can be met, best bound first."""
    if not np.isinf(problem.maximum[1]):
        raise ValueError("an energy budget is no linear constraint")
    models = []
    quantum, bounds, classes, (_, per_scale) = problem.known
    columns = problem.columns
    n_cells = columns.shape[2]
    for variant in range(columns.shape[1]):
        least = columns[SCALE, variant].min(axis=1).sum()
        most = columns[SCALE, variant].max(axis=1).sum()
        first, last = np.searchsorted(bounds, (least, most))
        undominated = [
            _undominated(columns[:, variant, cell], problem.resources[:, variant, cell])
            for cell in range(n_cells)
        ]
        for g in range(first, last + 1):
            area = problem.maximum[2] - classes[g, CLASS_AREA]
            if area <= 0.0:
                break
            limit = np.array(
                [
                    _units(problem.maximum[0], quantum[1], LATENCY_BITS),
                    min(bounds[g], most),
                    *[_units(area, quantum[3], 0)] * n_cells,
                ],
                dtype=np.int64,
            )
            model = _class_model(undominated, variant, classes[g], per_scale / quantum[3], limit)
            if model is not None:
                models.append(model)
    return sorted(models, key=lambda model: -model.bound)


def _units(value: float, quantum: float, bits: int) -> int:
    return int(Fraction(value) / Fraction(quantum) * 2**bits)


def _undominated(columns: Any, compared: Any) -> tuple[Any, Any]:
    """Return the rows that none betters in any class, best score first, and their columns."""
    names = [LATENCY, LATENCY_IN, LATENCY_OUT, AREA, PEAK, SCALE]
    resources = np.ascontiguousarray(compared[names].T)
    order = np.lexsort((*resources.T, -columns[SCORE]))
    kept = order[_front(resources[order])]
    return kept, columns[:, kept]


def _class_model(
    cells: Any, variant: int, of: Any, per_scale: float, limit: Any
) -> ClassModel | None:
    """of: the class' numbers; per_scale: area of a tile, in units."""
    rows, scores, weights = [], [], []
    unit = 2.0**LATENCY_BITS
    every = []
    for number, (_, one) in enumerate(cells):
        latency = np.rint(one[LATENCY_IN] * (of[F_IN] * unit))
        latency += one[LATENCY] * unit + np.rint(one[LATENCY_OUT] * (of[F_OUT] * unit))
        area = one[AREA] + np.rint(one[SCALE] * per_scale)
        areas = [area + one[PEAK] * (cell == number) for cell in range(len(cells))]
        every.append(np.stack([latency, one[SCALE], *areas], axis=1))
    least = np.array([weight.min(axis=0) for weight in every])
    room = limit - least.sum(axis=0)
    if (room < 0).any():
        return None
    for (numbers, one), weight, low in zip(cells, every, least, strict=True):
        fits = np.flatnonzero((weight - low <= room).all(axis=1))
        kept = fits[_front(weight[fits])]
        rows.append(numbers[kept])
        scores.append(one[SCORE, kept].astype(np.int64))
        weights.append(weight[kept].astype(np.int64))
    bound = _bound(
        np.concatenate(scores).astype(float),
        np.concatenate(weights) / np.maximum(limit, 1),
        np.cumsum([0, *map(len, rows)]),
    )
    return ClassModel(variant, rows, scores, weights, limit, float(bound))


@numba.njit(cache=True)
def _front(weight):  # type: ignore[no-untyped-def]
    """Of rows in order of falling score: those that no earlier row betters in every weight."""
    n, m = weight.shape
    kept = np.empty(n, np.int64)
    count = 0
    for i in range(n):
        for j in range(count - 1, -1, -1):
            other = kept[j]
            dominated = True
            for k in range(m):
                if weight[other, k] > weight[i, k]:
                    dominated = False
                    break
            if dominated:
                break
        else:
            kept[count] = i
            count += 1
    return kept[:count].copy()


@numba.njit(cache=True)
def _bound(score, weight, start):  # type: ignore[no-untyped-def]
    """Least Lagrangian bound over some steps of its prices, weights relative to their limits."""
    n_cells, m = len(start) - 1, weight.shape[1]
    price = np.zeros(m)
    best = np.inf
    step = 0.3 * score.max()
    for _ in range(STEPS):
        total = 0.0
        used = np.full(m, -1.0)
        for cell in range(n_cells):
            top, at = -np.inf, start[cell]
            for i in range(start[cell], start[cell + 1]):
                value = score[i]
                for k in range(m):
                    value -= price[k] * weight[i, k]
                if value > top:
                    top, at = value, i
            total += top
            used += weight[at]
        best = min(best, total + price.sum())
        price = np.maximum(price + step * used, 0.0)
        step *= 0.93
    return best


def answer_of(problem: PeerProblem, model: ClassModel, chosen: list[int]) -> float:
    """Return the exact objective of one row a cell; -inf where it breaks a budget."""
    x = [model.variant]
    for cell, row in enumerate(chosen):
        x += divmod(int(model.rows[cell][row]), int(problem.per_cell[cell, 1]))
    return problem.objective_of([x])
