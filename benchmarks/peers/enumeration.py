"""Complete enumeration under budgets, as a good user of numba would write it.

The work is that of ``flash._core.sweep.count_range``: every configuration of a range is looked at,
the feasible ones are counted and the best one is found. The same loop order helps it: the inner
cell's rows are sorted by scale, so that a block of them has one class, whose factors and what the
other cells leave of each budget are worked out once; the inner loop has no branches, reduces a
count and a maximum that LLVM turns into vectors (seen in its assembly), and its rows stay
in the first cache. It compares float64 sums with rooms, and rechecks nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numba
import numpy as np

from flash._core.tables import COLUMNS
from flash.hardware import KINDS

if TYPE_CHECKING:
    from typing import Any

    from flash.problem import Problem

TILE = 512  # rows of seven columns of doubles that stay in the first cache
NONE = -1e300


class Enumeration:
    """One variant of a problem of three cells, its first cell innermost."""

    def __init__(self, problem: Problem, variant: int) -> None:
        tables = problem.tables
        self.sizes = tables.rows[variant]
        assert len(self.sizes) == 3
        self.cells = []
        for cell, n in enumerate(self.sizes):
            columns = np.zeros((len(COLUMNS), n))
            for k in range(len(COLUMNS)):
                data = tables.column(variant, cell, k)
                if data is not None:
                    columns[k] = np.frombuffer(data)
            self.cells.append(columns)
        target = problem.target
        links = KINDS[target.kind].links(target.links[target.set_for(problem.space.family)])
        self.linked = bool(links.get("classes"))
        classes = links.get("classes") or ((np.inf, 0.0, 0.0, 0.0),)
        self.classes = np.ascontiguousarray(np.array(classes, dtype=float).T)
        self.quantum = np.array(problem.model.links["quantum"])
        q = self.quantum
        self.leak = float(links.get("leakage", 0.0)) * q[1] / q[2]
        if self.linked:
            order = np.argsort(self.cells[0][5], kind="stable")
            self.cells[0] = np.ascontiguousarray(self.cells[0][:, order])

    def count(self, limits: Any, first: int, last: int) -> tuple[int, float]:
        """Return (feasible, best score) of the outer combinations [first, last)."""
        inner, *outer = self.cells
        room = np.array([np.inf, *limits[1:]]) / self.quantum
        area = self.classes[3] / self.quantum[3]
        n, best = _count(
            inner, outer[0], outer[1], self.linked, self.classes, area, self.leak, room, first, last
        )
        return int(n), float(best * self.quantum[0])

    def product(self, limits: Any, power: Any, first: int, last: int) -> tuple[int, float]:
        """Return (feasible, greatest logarithm of the weighted product)."""
        inner, *outer = self.cells
        room = np.array([np.inf, *limits[1:]]) / self.quantum
        area = self.classes[3] / self.quantum[3]
        n, best = _product(
            *(inner, outer[0], outer[1], self.classes, area, self.leak, room, self.quantum),
            *(np.array(power), first, last),
        )
        return int(n), float(best)


FLAGS = {"reassoc", "nsz", "contract", "nnan", "ninf"}


# Scores are whole numbers: LLVM makes vectors of a maximum of int64, not of one of float64.
@numba.njit(cache=True, boundscheck=False, fastmath=FLAGS, error_model="numpy")
def _linked(score, l, ls, e, es, s, a, f, h, s0, leak, lat0, rl, re, ra):  # type: ignore[no-untyped-def]  # noqa: E741
    n = 0
    found = np.int64(-1)
    for r in range(l.shape[0]):
        lat = l[r] + f * ls[r]
        energy = e[r] + h * es[r] + (s0 + leak * s[r]) * (lat0 + lat)
        ok = (lat <= rl) & (energy <= re) & (a[r] <= ra)
        n += ok
        found = max(found, score[r] if ok else np.int64(-1))
    return n, found


@numba.njit(cache=True, boundscheck=False, fastmath=FLAGS, error_model="numpy")
def _plain(score, l, p, m, rl, rp, rm):  # type: ignore[no-untyped-def]  # noqa: E741
    n = 0
    found = np.int64(-1)
    for r in range(l.shape[0]):
        ok = (l[r] <= rl) & (p[r] <= rp) & (m[r] <= rm)
        n += ok
        found = max(found, score[r] if ok else np.int64(-1))
    return n, found


@numba.njit(cache=True, boundscheck=False, fastmath=FLAGS, error_model="numpy")
def _weighted(score, l, ls, e, es, s, a, f, h, s0, leak, lat0, e0, a0, score0, room, q, power):  # type: ignore[no-untyped-def]  # noqa: E741
    n = 0
    best = NONE
    for r in range(l.shape[0]):
        lat = lat0 + l[r] + f * ls[r]
        energy = e0 + e[r] + h * es[r] + (s0 + leak * s[r]) * lat
        size = a0 + a[r]
        if (lat <= room[1]) & (energy <= room[2]) & (size <= room[3]):
            n += 1
            value = (
                power[0] * np.log(q[0] * (score0 + score[r]))
                + power[1] * np.log(q[1] * lat)
                + power[2] * np.log(q[2] * energy)
                + power[3] * np.log(q[3] * size)
            )
            best = value if value > best else best
    return n, best


@numba.njit(cache=True, boundscheck=False, error_model="numpy")
def _count(inner, second, third, linked, classes, area, leak, room, first, last):  # type: ignore[no-untyped-def]
    n = 0
    best = NONE
    rows = inner.shape[1]
    before = np.empty(9)
    score = inner[0].astype(np.int64)
    s = inner[5]
    for tile in range(0, rows, TILE):
        stop = min(rows, tile + TILE)
        for at in range(first, last):
            i, j = divmod(at, third.shape[1])
            for k in range(9):
                before[k] = second[k, i] + third[k, j]
            found = np.int64(-1)
            if not linked:
                t = slice(tile, stop)
                more, found = _plain(
                    score[t], inner[1][t], inner[7][t], inner[8][t],
                    room[1] - before[1], room[4] - before[7], room[5] - before[8],
                )  # fmt: skip
                n += more
            else:
                start = tile
                g = np.searchsorted(classes[0], before[5] + s[tile])
                while start < stop:
                    end = stop
                    if g < classes.shape[1] - 1:
                        end = min(stop, np.searchsorted(s, classes[0, g] - before[5], "right"))
                    if end > start:
                        f, h = classes[1, g], classes[2, g]
                        lat0 = before[1] + f * before[2]
                        t = slice(start, end)
                        more, one = _linked(
                            score[t], inner[1][t], inner[2][t], inner[3][t], inner[4][t], s[t],
                            inner[6][t], f, h, before[5] * leak, leak, lat0, room[1] - lat0,
                            room[2] - (before[3] + h * before[4]), room[3] - area[g] - before[6],
                        )  # fmt: skip
                        n += more
                        found = max(found, one)
                        start = end
                    g += 1
            if found >= 0:
                best = max(best, before[0] + found)
    return n, best


@numba.njit(cache=True, boundscheck=False, error_model="numpy")
def _product(inner, second, third, classes, area, leak, room, q, power, first, last):  # type: ignore[no-untyped-def]
    n = 0
    best = NONE
    rows = inner.shape[1]
    before = np.empty(9)
    s = inner[5]
    for tile in range(0, rows, TILE):
        stop = min(rows, tile + TILE)
        for at in range(first, last):
            i, j = divmod(at, third.shape[1])
            for k in range(9):
                before[k] = second[k, i] + third[k, j]
            start = tile
            g = np.searchsorted(classes[0], before[5] + s[tile])
            while start < stop:
                end = stop
                if g < classes.shape[1] - 1:
                    end = min(stop, np.searchsorted(s, classes[0, g] - before[5], "right"))
                if end > start:
                    f, h = classes[1, g], classes[2, g]
                    t = slice(start, end)
                    more, one = _weighted(
                        inner[0][t], inner[1][t], inner[2][t], inner[3][t], inner[4][t], s[t],
                        inner[6][t], f, h, before[5] * leak, leak, before[1] + f * before[2],
                        before[3] + h * before[4], area[g] + before[6], before[0], room, q, power,
                    )  # fmt: skip
                    n += more
                    best = max(best, one)
                    start = end
                g += 1
    return n, best
