"""Batch metrics from tables, as a good user of numpy or numba would write them.

The job is that of ``flash._core.costing.batch.evaluate``: variants and rows in, six metrics out,
bit for bit the same. The numba kernel reads rows whose columns lie side by side (one or two cache
lines a row, packed beforehand and not timed), looks the class up by the number of tiles, and runs
on one thread without allocating.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numba
import numpy as np

from benchmarks.twins.links import MACS, PARAMS, PEAK, SCALE, SCORE, Links, costs
from flash._core.tables.tables import COLUMNS

if TYPE_CHECKING:
    from typing import Any

    from flash.problem.compiling import Problem

LINE = 16  # doubles a row is padded to: two cache lines
DIRECT = 4096  # totals of tiles whose class is looked up without a search


class TableTwin:
    """A problem's tables in numpy arrays."""

    def __init__(self, problem: Problem) -> None:
        tables = problem.tables
        rows = tables.rows
        counts = [len(cells) for cells in rows]
        self.first = np.zeros((len(rows), max(counts)), dtype=np.int64)
        self.counts = np.array(counts)
        total = sum(sum(cells) for cells in rows)
        self.packed = np.zeros((total, LINE))
        at = 0
        for variant, cells in enumerate(rows):
            for cell, n in enumerate(cells):
                self.first[variant, cell] = at
                for k in range(len(COLUMNS)):
                    data = tables.column(variant, cell, k)
                    if data is not None:
                        self.packed[at : at + n, k] = np.frombuffer(data)
                at += n
        self.columns = np.ascontiguousarray(self.packed[:, : len(COLUMNS)].T)
        self.used = np.flatnonzero(self.columns.any(axis=1))
        self.links = Links(problem.model)
        self.direct = np.searchsorted(self.links.bounds, np.arange(float(DIRECT)))

    @property
    def _known(self) -> tuple[Any, ...]:
        links = self.links
        return links.quantum, links.bounds, links.classes, links.numbers

    def numba(self, variants: Any, rows: Any) -> Any:
        """Return the six metrics, shape (6, n), on one thread."""
        return _evaluate(
            variants,
            rows,
            self.first,
            self.counts,
            self.packed,
            self.direct,
            self._known,
        )

    def numba_choices(self, choices: Any, lengths: Any) -> Any:
        """Return the six metrics of rows of choice indices, on one thread, without `rows_of`."""
        return _evaluate_choices(
            choices,
            lengths,
            self.first,
            self.packed,
            self.direct,
            self._known,
        )

    @staticmethod
    def rows_of(choices: Any, lengths: Any) -> tuple[Any, Any]:
        """Return variants and table rows of rows of choice indices, two variables a cell."""
        wide = choices.astype(np.int32)
        variants = (wide[:, 0] * lengths[1] + wide[:, 1]) * lengths[2] + wide[:, 2]
        return variants, wide[:, 3::2] * np.array(lengths[4::2], np.int32) + wide[:, 4::2]

    def numpy(self, variants: Any, rows: Any) -> Any:
        """Return the six metrics, shape (6, n); variants have equally many cells here."""
        places = [self.first[variants, cell] + rows[:, cell] for cell in range(rows.shape[1])]
        total: list[Any] = [np.zeros(len(variants))] * len(COLUMNS)
        for k in self.used:
            join = np.maximum if k == PEAK else np.add
            total[k] = functools.reduce(join, (self.columns[k][place] for place in places))
        out = np.empty((6, len(variants)))
        out[0] = self.links.quantum[0] * total[SCORE]
        out[1:4] = self.links.metrics(total)
        out[4], out[5] = total[PARAMS], total[MACS]
        return out


@numba.njit(cache=True, inline="always")
def _add(total, packed, row, peak):  # type: ignore[no-untyped-def]
    """Add a row's columns, and return the greatest peak, which is a maximum."""
    for k in range(MACS + 1):
        total[k] += packed[row, k]
    return max(peak, packed[row, PEAK])


@numba.njit(cache=True, inline="always")
def _finish(out, i, total, direct, known):  # type: ignore[no-untyped-def]
    quantum, bounds, classes, numbers = known
    if total[SCALE] < len(direct):
        g = direct[int(total[SCALE])]
    else:
        g = np.searchsorted(bounds, total[SCALE])
    out[0, i] = quantum[0] * total[SCORE]
    out[1, i], out[2, i], out[3, i] = costs(total, classes[g], quantum, numbers)
    out[4, i], out[5, i] = total[PARAMS], total[MACS]


@numba.njit(cache=True, boundscheck=False)
def _evaluate(variants, rows, first, counts, packed, direct, known):  # type: ignore[no-untyped-def]
    n = len(variants)
    out = np.empty((6, n))
    total = np.empty(MACS + 1)
    for i in range(n):
        v = variants[i]
        total[:] = peak = 0.0
        for cell in range(counts[v]):
            peak = _add(total, packed, first[v, cell] + rows[i, cell], peak)
        total[PEAK] = peak
        _finish(out, i, total, direct, known)
    return out


@numba.njit(cache=True, boundscheck=False)
def _evaluate_choices(choices, lengths, first, packed, direct, known):  # type: ignore[no-untyped-def]
    n, width = choices.shape
    out = np.empty((6, n))
    total = np.empty(MACS + 1)
    for i in range(n):
        for k in range(width):
            if not 0 <= choices[i, k] < lengths[k]:
                raise ValueError("a choice is out of its range")
        v = (choices[i, 0] * lengths[1] + choices[i, 1]) * lengths[2] + choices[i, 2]
        total[:] = peak = 0.0
        for cell in range((width - 3) // 2):
            at = 3 + 2 * cell
            row = first[v, cell] + choices[i, at] * lengths[at + 1] + choices[i, at + 1]
            peak = _add(total, packed, row, peak)
        total[PEAK] = peak
        _finish(out, i, total, direct, known)
    return out
