"""A plain compiled exact loop (numba): dominance filter, then nested loops, best scores first.

For each width multiplier: leave out the rows of a cell that another one betters in everything, sort
the rest by falling score, and go through all combinations; break where the best scores left can't
beat the best answer, skip where the least costs left already break a budget.
"""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

import numba
import numpy as np

from benchmarks.twins.links import AREA, CLASS_AREA, COSTS, PEAK, SCALE, costs

from .outcome import Outcome

if TYPE_CHECKING:
    from typing import Any

    from .problem import PeerProblem

NAME = "plain exact loop"
SETTINGS = ("numba, 1 thread",)


def solve(problem: PeerProblem, setting: str, limit_s: float, **_: Any) -> Outcome:
    """Prove the optimum."""
    tiles = np.arange(problem.columns[SCALE].max(axis=2).sum(axis=1).max() + 1.0)
    quantum, bounds, classes, numbers = problem.known
    by_tiles = classes[np.searchsorted(bounds, tiles)]
    start = perf_counter()
    links = (quantum, by_tiles, numbers, problem.maximum, np.empty(COSTS))
    best, rows = _search(problem.columns, problem.resources, links)
    seconds = perf_counter() - start
    objective = -float("inf")
    if best >= 0.0:
        x = [int(rows[0])]
        for cell, row in enumerate(rows[1:]):
            x += divmod(int(row), int(problem.per_cell[cell, 1]))
        objective = problem.objective_of([x])
    return Outcome(seconds, objective, [(seconds, objective)], True)


@numba.njit(cache=True)
def _search(columns, resources, links):  # type: ignore[no-untyped-def]
    """links: what `_fits` takes: classes by number of tiles, and room for a sum."""
    answer = np.zeros(4, np.int64)
    best = -1.0
    tops = np.zeros(columns.shape[1])
    for variant in range(len(tops)):
        for cell in range(3):
            tops[variant] += columns[0, variant, cell].max()
    pair, zero = np.empty((1, COSTS)), np.zeros((1, COSTS))
    for variant in np.argsort(-tops):  # widest first
        n0, n1, n2 = (
            _undominated(resources[:, variant, 0]),
            _undominated(resources[:, variant, 1]),
            _undominated(resources[:, variant, 2]),
        )
        t0, t1, t2 = (
            _gather(columns[:, variant, 0], n0),
            _gather(columns[:, variant, 1], n1),
            _gather(columns[:, variant, 2], n2),
        )
        least0, least1, least2 = _least(t0), _least(t1), _least(t2)
        # without rows that break a budget even beside the least of the other cells
        k0 = _alone(t0, least1, least2, links)
        k1 = _alone(t1, least0, least2, links)
        k2 = _alone(t2, least0, least1, links)
        n0, n1, n2, t0, t1, t2 = n0[k0], n1[k1], n2[k2], t0[k0], t1[k1], t2[k2]
        if len(n0) == 0 or len(n1) == 0 or len(n2) == 0:
            continue
        least1, least2 = _least(t1), _least(t2)
        for i in range(t0.shape[0]):
            if t0[i, 0] + t1[0, 0] + t2[0, 0] <= best:
                break
            if not _fits(t0, i, least1, 0, least2, 0, links):
                continue
            for j in range(t1.shape[0]):
                if t0[i, 0] + t1[j, 0] + t2[0, 0] <= best:
                    break
                if not _fits(t0, i, t1, j, least2, 0, links):
                    continue
                for k in range(COSTS):
                    pair[0, k] = t0[i, k] + t1[j, k]
                pair[0, PEAK] = max(t0[i, PEAK], t1[j, PEAK])
                for k in range(t2.shape[0]):
                    if pair[0, 0] + t2[k, 0] <= best:
                        break
                    if _fits(pair, 0, t2, k, zero, 0, links):
                        best = pair[0, 0] + t2[k, 0]
                        answer[0], answer[1], answer[2], answer[3] = variant, n0[i], n1[j], n2[k]
                        break
    return best, answer


@numba.njit(cache=True)
def _alone(table, other, third, links):  # type: ignore[no-untyped-def]
    kept = np.empty(table.shape[0], np.bool_)
    for i in range(table.shape[0]):
        kept[i] = _fits(table, i, other, 0, third, 0, links)
    return np.flatnonzero(kept)


@numba.njit(cache=True)
def _fits(x, i, y, j, z, k, links):  # type: ignore[no-untyped-def]
    quantum, by_tiles, numbers, maximum, total = links
    tiles = x[i, SCALE] + y[j, SCALE] + z[k, SCALE]
    own = by_tiles[int(tiles)]
    peak = max(x[i, PEAK], y[j, PEAK], z[k, PEAK])
    area = quantum[3] * ((x[i, AREA] + y[j, AREA] + z[k, AREA]) + peak)
    if area + (numbers[1] * tiles + own[CLASS_AREA]) > maximum[2]:
        return False
    for m in range(COSTS):
        total[m] = x[i, m] + y[j, m] + z[k, m]
    total[PEAK] = peak
    latency, energy, area = costs(total, own, quantum, numbers)
    return latency <= maximum[0] and energy <= maximum[1] and area <= maximum[2]


@numba.njit(cache=True)
def _least(table):  # type: ignore[no-untyped-def]
    least = np.empty((1, table.shape[1]))
    for k in range(table.shape[1]):
        least[0, k] = table[:, k].min()
    return least


@numba.njit(cache=True)
def _gather(columns, numbers):  # type: ignore[no-untyped-def]
    table = np.empty((len(numbers), COSTS))
    for j in range(len(numbers)):
        for k in range(COSTS):
            table[j, k] = columns[k, numbers[j]]
    return table


@numba.njit(cache=True)
def _undominated(columns):  # type: ignore[no-untyped-def]
    """Rows by falling score that no row of at least their score betters in every resource.

    columns: see `PeerProblem.resources`.
    """
    order = np.argsort(-columns[0])
    kept = np.empty(len(order), np.int64)
    front = np.empty((len(order), COSTS - 1))
    count = 0
    for i in order:
        dominated = False
        for j in range(count - 1, -1, -1):
            dominated = True
            for k in range(COSTS - 1):
                if front[j, k] > columns[k + 1, i]:
                    dominated = False
                    break
            if dominated:
                break
        if not dominated:
            kept[count] = i
            for k in range(COSTS - 1):
                front[count, k] = columns[k + 1, i]
            count += 1
    return kept[:count].copy()
