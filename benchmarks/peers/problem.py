"""flash's tables as a peer's user would hold them: numpy arrays, and what a function is to return.

Bit for bit the metrics that flash reports: the same numbers in the same order of operations. Two
evaluation functions, since that is what such users would write: numpy over a whole population where
the optimiser is vectorised, and a numba-compiled one for a single point where it isn't (numpy would
spend 30 microseconds on the calls alone).
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numba
import numpy as np

from benchmarks.common.cases import METRICS
from benchmarks.twins.links import AREA, COSTS, PEAK, SCALE, SCORE, Links, added, costs
from flash._core.search.exact import Query, Search

if TYPE_CHECKING:
    from typing import Any

    from flash.problem.compiling import Problem


class PeerProblem:
    """Maximise the score within budgets on latency, energy and area.

    Attributes
    ----------
    lengths : list of int
        Number of choices of each integer variable: width multiplier, then depth and link cap of
        each cell.
    columns : float64 array of shape (12, variants, cells, rows)
        Those that make score, latency, energy and area (parameters and MACs are not budgeted here),
        in units of `quantum`.
    resources : float64 array of the same shape
        The columns as rows are compared by, area in place of the peak: a row of fewer tiles, and of
        less area with its peak, takes no more whatever the peaks of the other cells are.
    links : Links
    maximum : float64 array of shape (3,)
        Budgets on latency, energy, area; inf where there is none.
    """

    def __init__(self, problem: Problem, budgets: dict[str, float]) -> None:
        self.tables = problem.tables
        self.budgets = budgets
        rows = self.tables.rows
        if len({cell for variant in rows for cell in variant}) > 1:
            raise ValueError("peers take spaces whose cells have equally many rows")
        n_cells, n_rows = len(rows[0]), rows[0][0]
        self.columns = np.zeros((COSTS, len(rows), n_cells, n_rows))
        for variant in range(len(rows)):
            for cell in range(n_cells):
                for k in range(COSTS):
                    data = self.tables.column(variant, cell, k)
                    if data is not None:
                        self.columns[k, variant, cell] = np.frombuffer(data)
        lengths = problem.space.lengths
        self.lengths = [length for length in lengths[:3] if length > 1] + list(lengths[3:])
        self.per_cell = np.array(lengths[3:]).reshape(n_cells, -1)
        self.links = Links(problem.model)
        self.quantum = self.links.quantum
        self.resources = self.columns.copy()
        per_tile = self.links.numbers[1] / self.quantum[3]
        self.resources[PEAK] += self.columns[AREA] + per_tile * self.columns[SCALE]
        self.maximum = np.array([budgets.get(cost, np.inf) for cost in METRICS[1:4]])

    @property
    def bounds(self) -> list[tuple[int, int]]:
        """Least and greatest value of each variable."""
        return [(0, length - 1) for length in self.lengths]

    def split(self, x: Any) -> tuple[Any, Any]:
        """Return variants (n,) and rows (n, cells) of integer points (n, variables)."""
        x = np.atleast_2d(x)
        n_cells, each = self.per_cell.shape
        rows = np.zeros((len(x), n_cells), dtype=np.int64)
        for k in range(each):
            rows = rows * self.per_cell[:, k] + x[:, 1 + k :: each]
        return x[:, 0], rows

    def totals(self, x: Any) -> Any:
        """Return the column totals, shape (12, n), of integer points (n, variables)."""
        variants, rows = self.split(x)
        cells = range(rows.shape[1])
        return added([self.columns[:, variants, cell, rows[:, cell]] for cell in cells])

    def metrics(self, x: Any) -> Any:
        """Return score, latency, energy and area, shape (4, n), of integer points."""
        total = self.totals(x)
        return np.stack([self.quantum[0] * total[SCORE], *self.links.metrics(total)])

    def violation(self, metrics: Any) -> Any:
        """Return each cost's relative excess over its budget, shape (3, n); 0 or less if within."""
        with np.errstate(invalid="ignore"):
            return np.where(
                np.isinf(self.maximum)[:, None],
                -1.0,
                metrics[1:] / self.maximum[:, None] - 1.0,
            )

    @property
    def known(self) -> tuple[Any, ...]:
        """What a compiled function needs for the costs of totals."""
        links = self.links
        return links.quantum, links.bounds, links.classes, links.numbers

    @cached_property
    def one(self) -> Any:
        """A compiled function of one real point: rounds, and fills score and relative excesses."""
        arguments = (
            self.columns,
            self.per_cell,
            self.known,
            np.where(np.isinf(self.maximum), 1e300, self.maximum),
        )

        def evaluate(x: Any, out: Any) -> None:
            _evaluate_one(x, out, *arguments)

        return evaluate

    def objective_of(self, x: Any) -> float:
        """Return the exact objective of one integer point; -inf where it breaks a budget."""
        variants, rows = self.split(np.asarray(x, dtype=np.int64))
        maximum = [np.inf, *self.maximum, np.inf, np.inf]
        search = Search(self.tables, Query(maximum))
        if search.offer(int(variants[0]), [int(r) for r in rows[0]]) < 0:
            return -float("inf")
        assert search.best is not None
        return float(search.best[2])


@numba.njit(cache=True)
def _evaluate_one(x, out, columns, per_cell, known, maximum):  # type: ignore[no-untyped-def]
    quantum, bounds, classes, numbers = known
    n_cells, each = per_cell.shape
    total = np.zeros(COSTS)
    variant = min(max(round(x[0]), 0), columns.shape[1] - 1)  # some step out of the bounds
    j = 1
    for cell in range(n_cells):
        row = 0
        for k in range(each):
            row = row * per_cell[cell, k] + min(max(round(x[j]), 0), per_cell[cell, k] - 1)
            j += 1
        peak = max(total[PEAK], columns[PEAK, variant, cell, row])
        for k in range(COSTS):
            total[k] += columns[k, variant, cell, row]
        total[PEAK] = peak
    own = classes[np.searchsorted(bounds, total[SCALE])]
    latency, energy, area = costs(total, own, quantum, numbers)
    out[0] = quantum[0] * total[SCORE]
    out[1] = latency / maximum[0] - 1.0
    out[2] = energy / maximum[1] - 1.0
    out[3] = area / maximum[2] - 1.0
