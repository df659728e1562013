"""Complete enumeration under budgets, as a good user of numba would write it.

The work is that of ``flash._core.sweep.sweep.count_range``: every configuration of a range is
looked at, the feasible ones are counted and the best one is found. The same loop order helps it:
the inner cell's rows are sorted by scale, so that a block of them has one class, in which what its
rows cost is added up once, and what the other cells leave of each budget once a block; the inner
loop has no branches, reduces a count and a maximum that LLVM turns into vectors (seen in its
assembly), and its rows stay in the first cache. It compares float64 sums with rooms, and rechecks
nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numba
import numpy as np

from benchmarks.twins.links import (
    AREA,
    CLASS_AREA,
    ENERGY,
    ENERGY_IN,
    ENERGY_OUT,
    F_IN,
    F_LEAK_OUT,
    F_OUT,
    H_IN,
    H_OUT,
    LATENCY,
    LATENCY_IN,
    LATENCY_OUT,
    LEAK,
    LEAK_IN,
    MACS,
    PARAMS,
    PEAK,
    SCALE,
    SCORE,
    Links,
)

if TYPE_CHECKING:
    from typing import Any

    from flash.problem.compiling import Problem

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
            columns = np.zeros((MACS + 1, n))
            for k in range(MACS + 1):
                data = tables.column(variant, cell, k)
                if data is not None:
                    columns[k] = np.frombuffer(data)
            self.cells.append(columns)
        links = Links(problem.model)
        self.linked, self.bounds, self.classes = links.linked, links.bounds, links.classes
        self.quantum = q = links.quantum
        # in units of energy for those of latency, and of area
        leakage, per_scale = links.numbers
        self.leak, self.per_scale = leakage * q[1] / q[2], per_scale / q[3]
        if self.linked:
            order = np.argsort(self.cells[0][SCALE], kind="stable")
            self.cells[0] = np.ascontiguousarray(self.cells[0][:, order])

    def _known(self, limits: Any) -> tuple[Any, ...]:
        room = np.array([np.inf, *limits[1:]]) / self.quantum
        area = self.classes[:, CLASS_AREA] / self.quantum[3]
        return self.bounds, self.classes, area, self.leak, self.per_scale, room

    def count(self, limits: Any, first: int, last: int) -> tuple[int, float]:
        """Return (feasible, best score) of the outer combinations [first, last)."""
        inner, *outer = self.cells
        n, best = _count(inner, outer[0], outer[1], self.linked, self._known(limits), first, last)
        return int(n), float(best * self.quantum[0])

    def product(self, limits: Any, power: Any, first: int, last: int) -> tuple[int, float]:
        """Return (feasible, greatest logarithm of the weighted product)."""
        inner, *outer = self.cells
        n, best = _product(
            *(inner, outer[0], outer[1], self._known(limits), self.quantum),
            *(np.array(power), first, last),
        )
        return int(n), float(best)


FLAGS = {"reassoc", "nsz", "contract", "nnan", "ninf"}


# Scores are whole numbers: LLVM makes vectors of a maximum of int64, not of one of float64.
@numba.njit(cache=True, boundscheck=False, fastmath=FLAGS, error_model="numpy")
def _linked(score, lat, en, leak, s, size, s0, leak0, per, p0, peak, rl, re, ra):  # type: ignore[no-untyped-def]
    """size: what of the area the scale makes; re: what is left of energy but for leakage."""
    n = 0
    found = np.int64(-1)
    for r in range(lat.shape[0]):
        energy = en[r] + (s0 + per * s[r]) * (leak0 + leak[r])
        area = size[r] + max(p0, peak[r])
        ok = (lat[r] <= rl) & (energy <= re) & (area <= ra)
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
def _weighted(  # type: ignore[no-untyped-def]
    score,
    lat,
    en,
    leak,
    s,
    size,
    s0,
    leak0,
    per,
    p0,
    peak,
    lat0,
    en0,
    size0,
    score0,
    room,
    q,
    power,
):
    n = 0
    best = NONE
    for r in range(lat.shape[0]):
        latency = lat0 + lat[r]
        energy = en0 + en[r] + (s0 + per * s[r]) * (leak0 + leak[r])
        area = size0 + size[r] + max(p0, peak[r])
        if (latency <= room[1]) & (energy <= room[2]) & (area <= room[3]):
            n += 1
            value = (
                power[0] * np.log(q[0] * (score0 + score[r]))
                + power[1] * np.log(q[1] * latency)
                + power[2] * np.log(q[2] * energy)
                + power[3] * np.log(q[3] * area)
            )
            best = value if value > best else best
    return n, best


@numba.njit(cache=True, boundscheck=False, error_model="numpy", inline="always")
def _in_class(x, own):  # type: ignore[no-untyped-def]
    """Latency, energy but for leakage, and leaking latency of columns in a class."""
    out = x[LATENCY_OUT]
    return (
        x[LATENCY] + (own[F_IN] * x[LATENCY_IN] + own[F_OUT] * out),
        x[ENERGY] + (own[H_IN] * x[ENERGY_IN] + own[H_OUT] * x[ENERGY_OUT]),
        x[LEAK] + (own[F_IN] * x[LEAK_IN] + own[F_LEAK_OUT] * out),
    )


@numba.njit(cache=True, boundscheck=False, error_model="numpy", inline="always")
def _before(second, third, i, j, total):  # type: ignore[no-untyped-def]
    for k in range(MACS + 1):
        total[k] = second[k, i] + third[k, j]
    total[PEAK] = max(second[PEAK, i], third[PEAK, j])


@numba.njit(cache=True, boundscheck=False, error_model="numpy")
def _make(inner, tile, stop, own, made):  # type: ignore[no-untyped-def]
    for r in range(tile, stop):
        made[0, r - tile], made[1, r - tile], made[2, r - tile] = _in_class(inner[:, r], own)


@numba.njit(cache=True, boundscheck=False, error_model="numpy")
def _count(inner, second, third, linked, known, first, last):  # type: ignore[no-untyped-def]
    bounds, classes, area, leak, per_scale, room = known
    n = 0
    best = NONE
    rows = inner.shape[1]
    before = np.empty(MACS + 1)
    score = inner[SCORE].astype(np.int64)
    s, size = inner[SCALE], inner[AREA] + per_scale * inner[SCALE]
    # of a tile's rows in each class that it meets: made once, the rows' own part of each cost
    made = np.empty((len(bounds) if linked else 1, 3, TILE))
    ready = np.zeros(len(bounds), np.int64)
    for tile in range(0, rows, TILE):
        stop = min(rows, tile + TILE)
        for at in range(first, last):
            i, j = divmod(at, third.shape[1])
            _before(second, third, i, j, before)
            found = np.int64(-1)
            if not linked:
                t = slice(tile, stop)
                more, found = _plain(
                    score[t], inner[LATENCY][t], inner[PARAMS][t], inner[MACS][t],
                    room[1] - before[LATENCY], room[4] - before[PARAMS], room[5] - before[MACS],
                )  # fmt: skip
                n += more
            else:
                start = tile
                g = np.searchsorted(bounds, before[SCALE] + s[tile])
                while start < stop:
                    end = stop
                    if g < len(bounds) - 1:
                        end = min(stop, np.searchsorted(s, bounds[g] - before[SCALE], "right"))
                    if end > start:
                        if ready[g] != tile + 1:
                            ready[g] = tile + 1
                            _make(inner, tile, stop, classes[g], made[g])
                        lat, en, leaking = _in_class(before, classes[g])
                        t, own = slice(start, end), slice(start - tile, end - tile)
                        more, one = _linked(
                            score[t], made[g, 0, own], made[g, 1, own], made[g, 2, own], s[t],
                            size[t], before[SCALE] * leak, leaking, leak, before[PEAK],
                            inner[PEAK][t], room[1] - lat, room[2] - en,
                            room[3] - (area[g] + (before[AREA] + per_scale * before[SCALE])),
                        )  # fmt: skip
                        n += more
                        found = max(found, one)
                        start = end
                    g += 1
            if found >= 0:
                best = max(best, before[SCORE] + found)
    return n, best


@numba.njit(cache=True, boundscheck=False, error_model="numpy")
def _product(inner, second, third, known, q, power, first, last):  # type: ignore[no-untyped-def]
    bounds, classes, area, leak, per_scale, room = known
    n = 0
    best = NONE
    rows = inner.shape[1]
    before = np.empty(MACS + 1)
    s, size = inner[SCALE], inner[AREA] + per_scale * inner[SCALE]
    made = np.empty((len(bounds), 3, TILE))
    ready = np.zeros(len(bounds), np.int64)
    for tile in range(0, rows, TILE):
        stop = min(rows, tile + TILE)
        for at in range(first, last):
            i, j = divmod(at, third.shape[1])
            _before(second, third, i, j, before)
            start = tile
            g = np.searchsorted(bounds, before[SCALE] + s[tile])
            while start < stop:
                end = stop
                if g < len(bounds) - 1:
                    end = min(stop, np.searchsorted(s, bounds[g] - before[SCALE], "right"))
                if end > start:
                    if ready[g] != tile + 1:
                        ready[g] = tile + 1
                        _make(inner, tile, stop, classes[g], made[g])
                    lat, en, leaking = _in_class(before, classes[g])
                    t, own = slice(start, end), slice(start - tile, end - tile)
                    more, one = _weighted(
                        inner[SCORE][t], made[g, 0, own], made[g, 1, own], made[g, 2, own], s[t],
                        size[t], before[SCALE] * leak, leaking, leak, before[PEAK],
                        inner[PEAK][t], lat, en,
                        area[g] + (before[AREA] + per_scale * before[SCALE]), before[SCORE], room,
                        q, power,
                    )  # fmt: skip
                    n += more
                    best = max(best, one)
                    start = end
                g += 1
    return n, best
