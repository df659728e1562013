"""The best networks under conditions: boxes of totals, each a problem of choices, best first.

In a box every metric has a linear form below it and one above it (`Tables.form`), so conditions and
objective become sums over cells, which the exact solver of choices answers; its answer's own metrics
are exact. Where they meet the conditions and reach the box's bound, the box is done; else it is cut at the total that the forms were furthest off in, and where forms are the metrics themselves
the answer alone is left out. So what is found is the best of all, proven: no box that is left has a
bound above it.
"""

from __future__ import annotations

from fractions import Fraction
from heapq import heappop, heappush
from math import ceil, floor, frexp, inf, ldexp
from time import perf_counter

import numpy as np

from .._core.choice.choices import ENDS, Choices
from ..base.names import Column, Metric
from ..base.record import Record
from ..choosing.conditions import Clause, Row
from ..spaces.index import GLOBALS
from .tables import Box, Form, Tables, whole_box

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    import numpy.typing as npt

__all__ = ["Answer", "Asked", "Boxes"]

BITS = 46  # of a sum that is no exact one, in the solver
OFF = 0.1  # units that rounding may move a number by before it is rounded outward
EQUAL = 1e-12  # relative: objectives that are no exact sums are equal so far


class Asked(Record):
    """What is asked of the networks of a space.

    Parameters
    ----------
    rows : tuple of Row
        Conditions on metrics.
    clauses : callable
        Returns the clauses on a variant's cells, or None where it meets them in no way.
    objective : dict of str to float
        What is maximised: of each metric its weight ("score" among them).
    floor : float
        A score that is needed.
    fits : callable
        Whether an answer's exact metrics meet all conditions.
    """

    rows: tuple[Row, ...]
    clauses: Callable[[int], list[Clause] | None]
    objective: dict[str, float]
    floor: float
    fits: Callable[[dict[str, float]], bool]


class Answer(Record):
    """A network that was found: its place, and its exact metrics."""

    variant: int
    rows: tuple[int, ...]
    value: float
    metrics: dict[str, float]


class Boxes:
    """One question, its open boxes, and what was found."""

    def __init__(
        self,
        tables: Tables,
        asked: Asked,
        deadline: float,
        evals: int,
        notify: Callable[[float | None, float | None, int], bool] | None,
    ) -> None:
        self.tables, self.asked = tables, asked
        self.ends_at = perf_counter() + deadline
        self.evals, self.notify = evals, notify
        self.best: Answer | None = None
        self.left_out: list[tuple[int, tuple[int, ...], int]] = []  # answers, and how near
        self.stopped: str | None = None
        self.nodes = 0
        self._order = 0
        self._clauses: dict[int, Any] = {}
        self._variables = self._count_variables()
        self.exact = self._is_exact()
        self.keys = self._keys()

    # what the question needs

    def _names(self) -> set[str]:
        found = {name for row in self.asked.rows for name in row.terms}
        found |= set(self.asked.objective)
        return found | ({"score"} if self.asked.floor > -inf else set())

    def _keys(self) -> list[tuple[int, int]]:
        """Return the totals that boxes are cut at: scales, peaks, and counts in logarithms."""
        names, tables = self._names(), self.tables
        keys: list[tuple[int, int]] = []
        for device in tables.costs:
            own = {k for name, k in device.metrics.items() if name in names}
            if (device.classes and own) or (device.leakage and Metric.ENERGY in own):
                keys.append((device.number, Column.SCALE))
            if Metric.AREA in own and device.problem.tables.column(0, 0, Column.PEAK) is not None:
                keys.append((device.number, Column.PEAK))
        if "score" in names:
            number = tables.scored.number
            keys += [(number, Column.MACS)] * (tables.log_macs != 0.0)
            keys += [(number, Column.PARAMS)] * (tables.log_params != 0.0)
        return keys

    def _is_exact(self) -> bool:
        """Whether the objective is one exact sum, whose values are compared as integers."""
        if len(self.asked.objective) != 1:
            return False
        name = next(iter(self.asked.objective))
        return self.tables.form(name, Box(0, _Zeros(), _Zeros()), True).exact

    def _count_variables(self) -> int:
        space = self.tables.scored.problem.space
        return len(space.variables)

    # one box

    def linear(self, terms: dict[str, float], box: Box, upper: bool) -> Form:
        """Return a form below a sum of metrics over a box, or above it."""
        weights: dict[tuple[int, int], float] = {}
        constant, exact = 0.0, True
        for name, factor in terms.items():
            own = self.tables.form(name, box, upper == (factor > 0.0))
            for key, weight in own.weights.items():
                weights[key] = weights.get(key, 0.0) + factor * weight
            constant += factor * own.constant
            exact &= own.exact
        return Form(weights, constant, exact and len(terms) == 1)

    def numbers(self, form: Form, variant: int, keep: Sequence[Any]) -> npt.NDArray[np.float64]:
        """Return a form's part of each row that is kept, cell after cell."""
        parts = []
        for c, some in enumerate(keep):
            total: Any = 0.0
            for (device, k), weight in form.weights.items():
                total = total + weight * self.tables.column(variant, c, device, k)[some]
            parts.append(np.broadcast_to(total, len(some)))
        return np.concatenate(parts)

    def solve(self, box: Box, bound: float) -> tuple[float, tuple[int, ...] | None]:
        """Return the greatest objective that a box may hold, and the rows where that is; -inf where
        nothing fits or nothing is better than the best."""
        clauses = self.clauses(box.variant)
        if clauses is None:
            return -inf, None
        clauses = [*clauses, *self.peaks(box)]
        keep = self.kept(box, clauses)
        if any(not len(one) for one in keep) or any(not one.masks for one in clauses):
            return -inf, None
        start = np.cumsum([0, *map(len, keep)]).astype(np.int32)
        rows: list[Any] = []
        limits: list[float] = []
        for row in self.asked.rows:
            for terms, limit in _upper(row):
                self.add_row(terms, limit, box, keep, start, rows, limits)
        if self.asked.floor > -inf:
            self.add_row({"score": -1.0}, -self.asked.floor, box, keep, start, rows, limits)
        for key in self.keys:
            if key[1] != Column.PEAK:
                one = Form({key: 1.0}, 0.0, True)
                own = self.numbers(one, box.variant, keep)
                rows += [own, -own]
                limits += [box.high[key], -box.low[key]]
        form = self.linear(self.asked.objective, box, True)
        values = self.numbers(form, box.variant, keep)
        unit = self.unit_of(form, values, start)
        values = np.rint(values / unit) if self.exact else np.ceil(values / unit + OFF)
        core = Choices(
            start, values,
            np.array(rows) if rows else np.zeros((0, len(values))), np.array(limits),
            *self.sparse(box.variant, clauses, keep, start),
            unit=_common(values, start), time_limit_s=max(self.ends_at - perf_counter(), 0.0),
            max_nodes=-1 if self.evals < 0 else max(self.evals - self.nodes, 0),
            callback=self.told,
        )  # fmt: skip
        if self.best is not None:
            least = (self.best.value - form.constant) / unit
            core.ask_above(float(round(least)) if self.exact else floor(least) - 1.0)
        try:
            core.solve()
        except KeyboardInterrupt:
            self.stopped = "interrupt"
        nodes, *_ = core.counts
        self.nodes += max(nodes, 1)
        ended = ENDS[core.ended]
        self.stopped = self.stopped or ("max_evals" if ended == "max_nodes" else ended)
        if core.best is None:
            if self.stopped is not None:
                return bound, None
            return -inf, None
        value, picked = core.best
        found = tuple(int(keep[c][i - start[c]]) for c, i in enumerate(picked))
        most = core.bound if self.stopped is not None else value
        return most * unit + form.constant, found

    def told(self, core: Any) -> bool:
        """Tell of the search so far; whether it must end."""
        if self.notify is None:
            return False
        own = None if self.best is None else self.best.value
        if self.notify(own, None, self.nodes):
            self.stopped = "callback"
            return True
        return False

    def unit_of(self, form: Form, values: Any, start: Any) -> float:
        if self.exact:
            ((_, weight),) = form.weights.items()
            return abs(weight)
        return _unit(values, start)

    def add_row(
        self,
        terms: dict[str, float],
        limit: float,
        box: Box,
        keep: Sequence[Any],
        start: Any,
        rows: list[Any],
        limits: list[float],
    ) -> None:
        """Add a sum of metrics that is at most a limit, outward."""
        form = self.linear(terms, box, False)
        values = self.numbers(form, box.variant, keep)
        if form.exact:
            ((_, weight),) = form.weights.items()
            # one column in its unit: the limit is what decides
            rows.append(np.rint(values / abs(weight)))
            limits.append(float(floor(Fraction(limit) / Fraction(abs(weight)))))
            return
        unit = _unit(values, start)
        slack = EQUAL * (abs(limit) + abs(form.constant))
        rows.append(np.floor(values / unit - OFF))
        limits.append(float(ceil((limit - form.constant + slack) / unit)))

    def peaks(self, box: Box) -> list[Clause]:
        """Return that some cell has at least the box's peak."""
        found = []
        for (device, k), low in box.low.items():
            if k == Column.PEAK:
                cells = range(len(self.tables.sizes(box.variant)))
                masks = {c: self.tables.column(box.variant, c, device, k) >= low for c in cells}
                if not any(mask.all() for mask in masks.values()):
                    found.append(Clause({c: mask for c, mask in masks.items() if mask.any()}))
        return found

    def kept(self, box: Box, clauses: Sequence[Clause]) -> list[Any]:
        """Return each cell's rows that a box and single-cell conditions leave."""
        found = []
        for c, n in enumerate(self.tables.sizes(box.variant)):
            mask = np.ones(n, bool)
            for clause in clauses:
                if len(clause.masks) == 1 and c in clause.masks:
                    mask &= clause.masks[c]
            for (device, k), high in box.high.items():
                if k == Column.PEAK:
                    mask &= self.tables.column(box.variant, c, device, k) <= high
            found.append(np.flatnonzero(mask))
        return found

    def clauses(self, variant: int) -> list[Clause] | None:
        """Return a variant's clauses, for the rows of its tables."""
        if variant not in self._clauses:
            own = self.asked.clauses(variant)
            self._clauses[variant] = None if own is None else self._widened(variant, own)
        found: list[Clause] | None = self._clauses[variant]
        return found

    def _widened(self, variant: int, clauses: Sequence[Clause]) -> list[Clause] | None:
        """Return clauses on the space's own rows for those of the tables; None: one is never met.

        Tables repeat a cell's rows for each width that comes in."""
        sizes = self.tables.sizes(variant)
        own = self.tables.scored.problem.tables.space_rows[variant]
        found = []
        for clause in clauses:
            masks = {}
            for c, mask in clause.masks.items():
                if c < len(sizes):
                    wide = np.tile(np.broadcast_to(mask, own[c]), sizes[c] // own[c])
                    if wide.any():
                        masks[c] = wide
            if not masks:
                return None
            found.append(Clause(masks))
        return found

    def sparse(
        self, variant: int, clauses: Sequence[Clause], keep: Sequence[Any], start: Any
    ) -> tuple[Any, Any, Any, Any]:
        """Return rows of single options: clauses on several cells, widths handed on, answers that
        are left out."""
        made: list[tuple[list[Any], list[Any], float]] = []
        for clause in clauses:
            if len(clause.masks) > 1:
                options, numbers = [], []
                for c in sorted(clause.masks):
                    own = np.flatnonzero(clause.masks[c][keep[c]])
                    options.append(start[c] + own)
                    numbers.append(-np.ones(len(own)))
                made.append((options, numbers, -1.0))
        made += self.handed_on(variant, keep, start)
        for other, rows, distance in self.left_out:
            one = self.near(variant, other, rows, distance, keep, start)
            if one is not None:
                made.append(one)
        if not made:
            return NO_ROWS
        pointer = np.cumsum([0, *(sum(map(len, one[0])) for one in made)]).astype(np.int64)
        return (
            pointer,
            np.concatenate([part for one in made for part in one[0]]).astype(np.int32),
            np.concatenate([part for one in made for part in one[1]]).astype(float),
            np.array([one[2] for one in made], float),
        )

    def handed_on(
        self, variant: int, keep: Sequence[Any], start: Any
    ) -> list[tuple[list[Any], list[Any], float]]:
        """Where widths are free: what a cell gives the next one takes."""
        sizes = self.tables.sizes(variant)
        own = self.tables.scored.problem.tables.space_rows[variant]
        space = self.tables.scored.problem.space
        if space.widths is None:
            return []
        made = []
        for c in range(1, len(sizes)):
            incoming = sizes[c] // own[c]
            if incoming == 1:
                continue
            given = (keep[c - 1] % own[c - 1]) // (own[c - 1] // len(space.widths[c - 1]))
            taken = keep[c] // own[c]
            for width in range(incoming):
                out = np.flatnonzero(given == width)
                into = np.flatnonzero(taken == width)
                made.append((
                    [start[c - 1] + out, start[c] + into],
                    [np.ones(len(out)), -np.ones(len(into))],
                    0.0,
                ))  # fmt: skip
        return made

    def near(
        self,
        variant: int,
        other: int,
        rows: tuple[int, ...],
        distance: int,
        keep: Sequence[Any],
        start: Any,
    ) -> tuple[list[Any], list[Any], float] | None:
        """Return the row that keeps answers a distance away from one: equal choices are counted."""
        problem = self.tables.scored.problem
        space = problem.space
        mine, its = problem.row(variant, [0] * len(keep)), problem.row(other, rows)
        if mine[1] != its[1] and distance <= 1:
            return None
        equal = sum(a == b for a, b in zip(mine[:GLOBALS], its[:GLOBALS], strict=True))
        options, numbers = [], []
        own_sizes = problem.tables.space_rows[variant]
        each = space.variables_per_cell
        for c in range(len(keep)):
            same = np.zeros(len(keep[c]))
            left = keep[c] % own_sizes[c]
            for k in range(GLOBALS + (c + 1) * each - 1, GLOBALS + c * each - 1, -1):
                length = space.lengths[k]
                same += left % length == its[k]
                left = left // length
            inside = np.flatnonzero(same)
            options.append(start[c] + inside)
            numbers.append(same[inside])
        # choices of cells that neither has are equal
        total = len(space.lengths)
        surplus = total - GLOBALS - len(keep) * each
        return options, numbers, float(total - distance - equal - surplus)

    # all boxes

    def run(self) -> float:
        """Search; return what nothing that is left exceeds."""
        heap: list[tuple[float, int, Box]] = []
        variants = range(len(self.tables.scored.problem.tables.rows))
        for variant in variants:
            if self.clauses(variant) is not None:
                box = whole_box(self.tables, variant, self.keys)
                heappush(heap, (-self.roughly(box), self.next(), box))
        while heap and not self.ended():
            bound, _, box = heappop(heap)
            if not self.worth(-bound):
                break
            most, rows = self.solve(box, -bound)
            if self.ended() and rows is None:
                heappush(heap, (bound, self.next(), box))
                break
            if rows is None:
                continue
            most = min(most, -bound)
            self.look_at(box, rows, most, heap)
        if self.best is not None and (not heap or not self.worth(-heap[0][0])):
            return self.best.value
        return -heap[0][0] if heap else -inf

    def ended(self) -> bool:
        return self.stopped is not None

    def roughly(self, box: Box) -> float:
        """Return what no network of a box exceeds: the best row of each cell by itself."""
        form = self.linear(self.asked.objective, box, True)
        total = form.constant
        for c, n in enumerate(self.tables.sizes(box.variant)):
            total += float(
                self.numbers(
                    form, box.variant, _only(c, np.arange(n), len(self.tables.sizes(box.variant)))
                ).max()
            )
        return total + EQUAL * abs(total)

    def worth(self, bound: float) -> bool:
        """Whether a box of this bound may hold something better than the best."""
        if self.best is None:
            return bound > -inf
        if self.exact:
            return bound > self.best.value
        return bound > self.best.value + EQUAL * abs(self.best.value)

    def look_at(
        self, box: Box, rows: tuple[int, ...], most: float, heap: list[tuple[float, int, Box]]
    ) -> None:
        """Take an answer that fits, and go on where its box may hold more."""
        metrics = self.tables.metrics_of(box.variant, rows)
        fits = self.asked.fits(metrics)
        value = sum(factor * metrics[name] for name, factor in self.asked.objective.items())
        if fits and (self.best is None or value > self.best.value):
            self.best = Answer(box.variant, rows, value, metrics)
        if self.stopped is not None:
            heappush(heap, (-most, self.next(), box))
            return
        if fits and (value >= most if self.exact else value >= most - EQUAL * abs(most)):
            return
        totals = self.tables.totals_of(box.variant, rows, self.keys)
        parts = self.halves(box, totals, fits)
        if parts is None:
            # forms are the metrics themselves up to rounding: this answer alone is left out
            self.left_out.append((box.variant, rows, 1))
            heappush(heap, (-most, self.next(), box))
            return
        for one in parts:
            if all(one.low[key] <= one.high[key] for key in self.keys):
                heappush(heap, (-most, self.next(), one))

    def halves(
        self, box: Box, totals: dict[tuple[int, int], float], fits: bool
    ) -> tuple[Box, Box] | None:
        """Return the box's parts, cut so that the answer's own costs are known at an end; None
        where there is nothing left to cut."""
        widest, key = 0.0, None
        for one in self.keys:
            width = (box.high[one] - box.low[one]) / max(1.0, abs(box.high[one]))
            if one[1] in (Column.SCALE, Column.PEAK) and not fits and totals[one] > box.low[one]:
                return box.cut(one, totals[one] - 1.0)
            if width > widest and box.high[one] > box.low[one]:
                widest, key = width, one
        if key is None:
            return None
        at = min(max(totals[key], box.low[key]), box.high[key] - 1.0)
        if at == box.low[key] - 1.0 or key[1] in (Column.MACS, Column.PARAMS):
            at = float(floor(0.5 * (box.low[key] + box.high[key])))
        return box.cut(key, at)

    def next(self) -> int:
        self._order += 1
        return self._order


NO_ROWS = (np.zeros(1, np.int64), np.zeros(0, np.int32), np.zeros(0), np.zeros(0))


class _Zeros(dict[tuple[int, int], float]):
    """A box of which only the form of the forms is asked."""

    def __missing__(self, key: tuple[int, int]) -> float:
        return 1.0


def _only(c: int, some: Any, n: int) -> list[Any]:
    return [some if i == c else np.zeros(0, np.int64) for i in range(n)]


def _upper(row: Row) -> list[tuple[dict[str, float], float]]:
    """Return a condition as sums that are at most a limit; strict ones are checked later."""
    terms = {name: float(factor) for name, factor in row.terms.items()}
    limit = float(row.limit)
    turned = {name: -factor for name, factor in terms.items()}
    if row.sign in ("<=", "<"):
        return [(terms, limit)]
    if row.sign in (">=", ">"):
        return [(turned, -limit)]
    return [(terms, limit), (turned, -limit)]


def _unit(values: Any, start: Any) -> float:
    """Return a power of two of which sums of the values are at most so many bits."""
    most = float(np.maximum.reduceat(np.abs(values), start[:-1]).sum())
    return ldexp(1.0, frexp(most)[1] - BITS) if most else 1.0


def _common(values: Any, start: Any) -> float:
    first = np.repeat(values[start[:-1]], np.diff(start))
    differences = np.abs(values - first)
    if not differences.any():
        return 1.0
    return float(np.gcd.reduce(differences.astype(np.int64)))
