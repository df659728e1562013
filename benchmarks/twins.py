"""Batch metrics from tables, as a good user of numpy or numba would write them.

The job is that of ``flash._core.batch.evaluate``: variants and rows in, six metrics out, bit for
bit the same. The numba kernel reads rows whose columns lie side by side (one or two cache lines a
row, packed beforehand and not timed), looks the class up by the number of tiles, and runs on one
thread without allocating.
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
        target = problem.target
        links = KINDS[target.kind].links(target.links[target.set_for(problem.space.family)])
        self.quantum = np.array(problem.model.links["quantum"])
        classes = links.get("classes") or ((np.inf, 0.0, 0.0, 0.0),)
        self.classes = np.ascontiguousarray(np.array(classes).T)
        self.direct = np.searchsorted(self.classes[0], np.arange(float(DIRECT)))
        self.leakage = float(links.get("leakage", 0.0))

    def numba(self, variants: Any, rows: Any) -> Any:
        """Return the six metrics, shape (6, n), on one thread."""
        return _evaluate(
            variants,
            rows,
            self.first,
            self.counts,
            self.packed,
            self.quantum,
            self.classes,
            self.direct,
            self.leakage,
        )

    def numba_choices(self, choices: Any, lengths: Any) -> Any:
        """Return the six metrics of rows of choice indices, on one thread, without `rows_of`."""
        return _evaluate_choices(
            choices,
            lengths,
            self.first,
            self.packed,
            self.quantum,
            self.classes,
            self.direct,
            self.leakage,
        )

    @staticmethod
    def rows_of(choices: Any, lengths: Any) -> tuple[Any, Any]:
        """Return variants and table rows of rows of choice indices, two variables a cell."""
        wide = choices.astype(np.int32)
        variants = (wide[:, 0] * lengths[1] + wide[:, 1]) * lengths[2] + wide[:, 2]
        return variants, wide[:, 3::2] * np.array(lengths[4::2], np.int32) + wide[:, 4::2]

    def numpy(self, variants: Any, rows: Any) -> Any:
        """Return the six metrics, shape (6, n); variants have equally many cells here."""
        total = self.columns[:, self.first[variants, 0] + rows[:, 0]]
        for cell in range(1, rows.shape[1]):
            total += self.columns[:, self.first[variants, cell] + rows[:, cell]]
        q = self.quantum
        scale_max, latency_factor, energy_factor, area_offset = self.classes
        g = np.searchsorted(scale_max, total[5])
        out = np.empty((6, len(variants)))
        out[0] = q[0] * total[0]
        out[1] = q[1] * total[1] + latency_factor[g] * (q[1] * total[2])
        out[2] = (q[2] * total[3] + energy_factor[g] * (q[2] * total[4])) + (
            self.leakage * total[5]
        ) * out[1]
        out[3] = q[3] * total[6] + area_offset[g]
        out[4:] = total[7:]
        return out


@numba.njit(cache=True, boundscheck=False)
def _evaluate(variants, rows, first, counts, packed, quantum, classes, direct, leakage):  # type: ignore[no-untyped-def]
    n = len(variants)
    out = np.empty((6, n))
    total = np.empty(9)
    for i in range(n):
        v = variants[i]
        row = first[v, 0] + rows[i, 0]
        for k in range(9):
            total[k] = packed[row, k]
        for cell in range(1, counts[v]):
            row = first[v, cell] + rows[i, cell]
            for k in range(9):
                total[k] += packed[row, k]
        if total[5] < len(direct):
            g = direct[int(total[5])]
        else:
            g = np.searchsorted(classes[0], total[5])
        latency = quantum[1] * total[1] + classes[1, g] * (quantum[1] * total[2])
        out[0, i] = quantum[0] * total[0]
        out[1, i] = latency
        out[2, i] = (quantum[2] * total[3] + classes[2, g] * (quantum[2] * total[4])) + (
            leakage * total[5]
        ) * latency
        out[3, i] = quantum[3] * total[6] + classes[3, g]
        out[4, i] = total[7]
        out[5, i] = total[8]
    return out


@numba.njit(cache=True, boundscheck=False)
def _evaluate_choices(choices, lengths, first, packed, quantum, classes, direct, leakage):  # type: ignore[no-untyped-def]
    n, width = choices.shape
    out = np.empty((6, n))
    total = np.empty(9)
    for i in range(n):
        for k in range(width):
            if not 0 <= choices[i, k] < lengths[k]:
                raise ValueError("a choice is out of its range")
        v = (choices[i, 0] * lengths[1] + choices[i, 1]) * lengths[2] + choices[i, 2]
        for k in range(9):
            total[k] = 0.0
        for cell in range((width - 3) // 2):
            at = 3 + 2 * cell
            row = first[v, cell] + choices[i, at] * lengths[at + 1] + choices[i, at + 1]
            for k in range(9):
                total[k] += packed[row, k]
        if total[5] < len(direct):
            g = direct[int(total[5])]
        else:
            g = np.searchsorted(classes[0], total[5])
        latency = quantum[1] * total[1] + classes[1, g] * (quantum[1] * total[2])
        out[0, i] = quantum[0] * total[0]
        out[1, i] = latency
        out[2, i] = (quantum[2] * total[3] + classes[2, g] * (quantum[2] * total[4])) + (
            leakage * total[5]
        ) * latency
        out[3, i] = quantum[3] * total[6] + classes[3, g]
        out[4, i] = total[7]
        out[5, i] = total[8]
    return out
