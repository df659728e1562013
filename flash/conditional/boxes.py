"""The best networks under conditions: boxes of totals, each a problem of choices, best first.

In a box every metric has a linear form below it and one above it (`Tables.form`), so conditions
and objective become sums over cells, which the exact solver of choices answers; the metrics of its
answer are exact. Where they meet the conditions and reach the box's bound, the box is done; else it
is cut at the total that the forms were furthest off in, and where forms are the metrics themselves
the answer alone is left out. So what is found is the best of all, proven: no box that is left has a
bound above it.
"""

from __future__ import annotations

from fractions import Fraction
from heapq import heapify, heappop, heappush
from math import ceil, floor, frexp, inf, ldexp
from time import perf_counter

import numpy as np

from .._core.choice.choices import ENDS, Choices
from ..base.names import Column, Metric
from ..base.record import Record
from ..choosing.conditions import Clause, Link, Row, labels_of, linked
from ..spaces.index import GLOBALS
from .products import FACTOR, logarithm, middle
from .tables import MEMORY, Box, Device, Form, Tables, whole_box

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    import numpy.typing as npt

__all__ = ["Answer", "Asked", "Boxes"]

BITS = 46  # of a sum that is no exact one, in the solver
FEW = 2000  # rows, of which what all values are multiples of is worked out
OFF = 0.1  # units that rounding may move a number by before it is rounded outward
NARROW = 0.02  # of a factor's interval: nearer to an end it is not cut
EQUAL = 1e-12  # relative: objectives that are no exact sums are equal so far
KEPT = 1 << 20  # numbers of rows that are kept for the next search

_kept: list[Any] = []


class Asked(Record):
    """What is asked of the networks of a space.

    Parameters
    ----------
    rows : tuple of Row
        Conditions on metrics.
    clauses : callable
        Returns the clauses and links on a variant's cells, or None where it meets them in no way.
    objective : dict of str to float
        What is maximised: of each metric its weight ("score" among them).
    floor : float
        A score that is needed.
    fits : callable
        Whether an answer's exact metrics meet all conditions.
    """

    rows: tuple[Row, ...]
    clauses: Callable[[int], tuple[list[Clause], list[Link]] | None]
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
        # what the peak memory alone is compared with bounds boxes; all else are sums
        self.least_memory, self.most_memory = -inf, inf
        self.sums = [row for row in asked.rows if not self._of_memory(row)]
        self.upper = [one for row in self.sums for one in _upper(row)]
        self._limits: dict[tuple[float, float, float], float] = {}
        self._dense: npt.NDArray[np.float64] = np.zeros(0)
        self.best: Answer | None = None
        self.left_out: list[tuple[int, tuple[int, ...], int]] = []  # answers, and how near
        self.stopped: str | None = None
        self.leaves: list[tuple[float, Box]] = []  # that part the space in the end, with bounds
        self.passed: list[Answer] = []  # that were left out, though they fit
        self.nodes = 0
        self._order = 0
        self._clauses: dict[int, Any] = {}
        self._linked: dict[int, Any] = {}
        self._variables = self._count_variables()
        terms = [*asked.objective, *(name for row in asked.rows for name in row.terms)]
        self.products = list(dict.fromkeys(name for name in terms if name in tables.products))
        self._cut: set[tuple[tuple[int, int], bool]] = set()  # ends of factors that rows hold
        self._narrow: Box | None = None  # the last box, as far as its factors reach
        self._size = float(any(name in tables.products for name in asked.objective))
        self.exact = self._is_exact()
        self.keys = self._keys()

    # what the question needs

    def _of_memory(self, row: Row) -> bool:
        """Whether a condition is on the peak memory alone; its limit is kept then."""
        if set(row.terms) != {"memory_kib"} or row.sign not in ENDS_OF:
            return False
        limit = row.limit / row.terms["memory_kib"] * self.tables.per_kib
        for end in ENDS_OF[row.sign if row.terms["memory_kib"] > 0 else TURNED[row.sign]]:
            strict = len(row.sign) == 1
            if end > 0:
                most = ceil(limit) - 1 if strict else floor(limit)
                self.most_memory = min(self.most_memory, float(most))
            else:
                least = floor(limit) + 1 if strict else ceil(limit)
                self.least_memory = max(self.least_memory, float(least))
        return True

    def _bounded(self, box: Box) -> Box | None:
        """Return a box within what the peak memory may be; None where nothing is."""
        if self.least_memory == -inf and self.most_memory == inf:
            return box
        low = max(box.low.get(MEMORY, -inf), self.least_memory)
        high = min(box.high.get(MEMORY, inf), self.most_memory)
        if low > high:
            return None
        return box.replace(low={**box.low, MEMORY: low}, high={**box.high, MEMORY: high})

    def _names(self) -> set[str]:
        found = {name for row in self.sums for name in row.terms}
        found |= set(self.asked.objective)
        for product in self.products:
            found |= {name for name, _ in self.tables.products[product].powers}
        return found | ({"score"} if self.asked.floor > -inf else set())

    def _keys(self) -> list[tuple[int, int]]:
        """Return the totals that boxes are cut at: scales, peaks, and counts in logarithms."""
        names, tables = self._names(), self.tables
        keys: list[tuple[int, int]] = []
        for device, metrics in self._costs():
            own = {k for name, k in metrics.items() if name in names}
            if (device.classes and own) or (device.leakage and Metric.ENERGY in own):
                keys.append((device.number, Column.SCALE))
            if Metric.AREA in own and device.problem.tables.column(0, 0, Column.PEAK) is not None:
                keys.append((device.number, Column.PEAK))
        if "score" in names:
            number = tables.scored.number
            keys += [(number, Column.MACS)] * (tables.log_macs != 0.0)
            keys += [(number, Column.PARAMS)] * (tables.log_params != 0.0)
        keys += [MEMORY] * ("memory_kib" in names)
        self.tables.remembers |= MEMORY in keys or len(self.sums) < len(self.asked.rows)
        used = {name for one in self.products for name, _ in tables.products[one].powers}
        keys += [(FACTOR, -1 - i) for i, name in enumerate(tables.factors) if name in used]
        return keys

    def _costs(self) -> list[tuple[Device, dict[str, int]]]:
        """Return each device, and its costs by name."""
        found = [(one, one.metrics) for one in self.tables.costs]
        return found + [(one, {name: k}) for name, (one, k) in self.tables.added.items()]

    def _is_exact(self) -> bool:
        """Whether the objective is one exact sum, whose values are compared as integers."""
        if len(self.asked.objective) != 1:
            return False
        name = next(iter(self.asked.objective))
        if name in self.tables.products:
            return False
        return self.tables.form(name, Box(0, _Zeros(), _Zeros()), True).exact

    def _count_variables(self) -> int:
        space = self.tables.scored.problem.space
        return len(space.variables)

    # one box

    def linear(self, terms: dict[str, float], box: Box, upper: bool) -> Form:
        """Return a form below a sum of metrics over a box, or above it."""
        weights: dict[tuple[int, int], float] = {}
        constant, exact = 0.0, True
        if len(terms) == 1:
            ((name, factor),) = terms.items()
            if factor == 1.0:
                return self.tables.form(name, box, upper)
        for name, factor in terms.items():
            own = self.tables.form(name, box, upper == (factor > 0.0))
            for key, weight in own.weights.items():
                weights[key] = weights.get(key, 0.0) + factor * weight
            constant += factor * own.constant
            exact &= own.exact
        return Form(weights, constant, exact and len(terms) == 1)

    def numbers(self, form: Form, variant: int, keep: Any) -> npt.NDArray[np.float64]:
        """Return a form's part of each row that is kept; keep: a mask, or None for all."""
        total: Any = None
        for (device, k), weight in form.weights.items():
            column = self.tables.whole(variant, device, k)
            own = weight * (column if keep is None else column[keep])
            total = own if total is None else total + own
        if total is None:
            n = int(self.tables.start(variant)[-1]) if keep is None else int(keep.sum())
            return np.zeros(n)
        found: npt.NDArray[np.float64] = total
        return found

    def whole_numbers(self, form: Form, variant: int, keep: Any) -> npt.NDArray[np.float64]:
        """Return an exact form's part of each row in its column's unit: integers."""
        (((device, k), weight),) = form.weights.items()
        column = self.tables.whole(variant, device, k)
        own: npt.NDArray[np.float64] = column if keep is None else column[keep]
        return own if weight > 0.0 else -own

    def solve(self, box: Box, bound: float) -> tuple[float, tuple[int, ...] | None]:
        """Return the greatest objective that a box may hold, and the rows where that is; -inf where
        nothing fits or nothing is better than the best."""
        clauses = self.clauses(box.variant)
        if clauses is None:
            return -inf, None
        clauses = [*clauses, *self.peaks(box)]
        keep, start = self.kept(box, clauses)
        if start is None or any(not one.masks for one in clauses):
            return -inf, None
        if self.products:
            self._narrow = self.narrowed(box, keep, start)
            if self._narrow is None:
                return -inf, None
            box = self._narrow
        rows, limits = self.limited(box, keep, start)
        form = self.linear(self.asked.objective, box, True)
        if self.exact:
            ((_, weight),) = form.weights.items()
            unit, values = abs(weight), self.whole_numbers(form, box.variant, keep)
        else:
            values = self.numbers(form, box.variant, keep)
            unit = _unit(values, start)
            if form.weights:
                values = np.ceil(values / unit + OFF)
        core = Choices(
            start, values,
            self.dense(box.variant, rows, len(values)), np.array(limits),
            *self.sparse(box.variant, clauses, keep, start),
            unit=1.0 if len(values) > FEW else _common(values, start),
            time_limit_s=max(self.ends_at - perf_counter(), 0.0),
            max_nodes=-1 if self.evals < 0 else max(self.evals - self.nodes, 0),
            callback=None if self.notify is None else self.told,
        )  # fmt: skip
        links = self._linked[box.variant]
        if links is not None:
            groups, label, labels = links
            core.link(groups, label if keep is None else label[keep], labels)
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
        places = picked if keep is None else np.flatnonzero(keep)[picked].tolist()
        first = self.tables.start(box.variant).tolist()
        found = tuple(int(i - at) for i, at in zip(places, first, strict=False))
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

    def limited(self, box: Box, keep: Any, start: Any) -> tuple[list[Any], list[float]]:
        """Return conditions on metrics, and the box itself, as sums and what these are at most."""
        rows: list[Any] = []
        limits: list[float] = []
        for terms, limit in self.upper:
            self.add_row(terms, limit, box, keep, start, rows, limits)
        if self.asked.floor > -inf:
            self.add_row({"score": -1.0}, -self.asked.floor, box, keep, start, rows, limits)
        for key in self.keys:
            if key[0] == FACTOR:
                name = self.tables.factors[-1 - key[1]]
                if (key, True) in self._cut:
                    self.add_row({name: 1.0}, box.high[key], box, keep, start, rows, limits)
                if (key, False) in self._cut:
                    self.add_row({name: -1.0}, -box.low[key], box, keep, start, rows, limits)
            elif key[1] != Column.PEAK:
                own = self.whole_numbers(Form({key: 1.0}, 0.0, True), box.variant, keep)
                rows += [own, -own]
                limits += [box.high[key], -box.low[key]]
        return rows, limits

    def add_row(
        self,
        terms: dict[str, float],
        limit: float,
        box: Box,
        keep: Any,
        start: Any,
        rows: list[Any],
        limits: list[float],
    ) -> None:
        """Add a sum of metrics that is at most a limit, outward."""
        form = self.linear(terms, box, False)
        if form.exact:
            ((_, weight),) = form.weights.items()
            # one column in its unit: the limit is what decides
            if keep is None and weight > 0.0:
                rows.append(next(iter(form.weights)))
            else:
                rows.append(self.whole_numbers(form, box.variant, keep))
            key = (limit, form.constant, abs(weight))
            if key not in self._limits:
                most = (Fraction(limit) - Fraction(form.constant)) / Fraction(abs(weight))
                self._limits[key] = float(floor(most))
            limits.append(self._limits[key])
            return
        values = self.numbers(form, box.variant, keep)
        unit = _unit(values, start)
        slack = EQUAL * (abs(limit) + abs(form.constant))
        if not form.weights:  # the same of every network of the box
            rows.append(values)
            limits.append(0.0 if form.constant <= limit + slack else -1.0)
            return
        rows.append(np.floor(values / unit - OFF))
        limits.append(float(ceil((limit - form.constant + slack) / unit)))

    def dense(self, variant: int, rows: Sequence[Any], n: int) -> npt.NDArray[np.float64]:
        """Return rows, each an array or the column that it is, as one array, till the next call."""
        size = len(rows) * n
        if len(self._dense) < size:
            self._dense = _taken(size)
        found = self._dense[:size].reshape(len(rows), n)
        for own, row in zip(found, rows, strict=True):
            if isinstance(row, tuple):
                device, k = row
                self.tables.put(variant, device, k, own)
            else:
                own[:] = row
        return found

    def narrowed(self, box: Box, keep: Any, start: Any) -> Box | None:
        """Return the box with factors only as far as its rows reach; None where one has nothing."""
        low, high = dict(box.low), dict(box.high)
        first = start[:-1]
        self._cut = set()
        for key in self.keys:
            if key[0] != FACTOR:
                continue
            name = self.tables.factors[-1 - key[1]]
            for upper in (False, True):
                form = self.tables.form(name, box, upper)
                values = self.numbers(form, box.variant, keep)
                ends = (np.maximum if upper else np.minimum).reduceat(values, first)
                slack = EQUAL * (float(np.abs(ends).sum()) + abs(form.constant))
                own = float(ends.sum()) + form.constant
                if high[key] < own + slack if upper else low[key] > own - slack:
                    self._cut.add((key, upper))
                elif upper:
                    high[key] = own + slack
                else:
                    low[key] = own - slack
            if low[key] > high[key]:
                return None
        return Box(box.variant, low, high, box.at)

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

    def kept(self, box: Box, clauses: Sequence[Clause]) -> tuple[Any, Any]:
        """Return which rows a box and single-cell conditions leave (None: all) and where each
        cell's begin among them; (None, None) where a cell has none."""
        start = self.tables.start(box.variant)
        masks: list[tuple[slice, Any]] = []
        for clause in clauses:
            if len(clause.masks) == 1:
                ((c, mask),) = clause.masks.items()
                masks.append((slice(start[c], start[c + 1]), mask))
        for (device, k), high in box.high.items():
            if k == Column.PEAK and high < self.tables.peak(box.variant, device):
                masks.append((slice(None), self.tables.whole(box.variant, device, k) <= high))
        if not masks:
            return None, start
        keep = np.ones(start[-1], bool)
        for where, mask in masks:
            keep[where] &= mask
        counts = np.add.reduceat(keep, start[:-1], dtype=np.int32)
        if not counts.all():
            return None, None
        return keep, np.concatenate(([0], np.cumsum(counts))).astype(np.int32)

    def clauses(self, variant: int) -> list[Clause] | None:
        """Return a variant's clauses, for the rows of its tables."""
        if variant not in self._clauses:
            own = self.asked.clauses(variant)
            self._clauses[variant] = None
            if own is not None:
                groups, rest = linked(own[1])
                self._clauses[variant] = self._widened(variant, [*own[0], *rest])
                self._linked[variant] = self._repeated(variant, groups)
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

    def _repeated(self, variant: int, groups: dict[int, Any]) -> Any:
        """Return linked cells as the core takes them, for the tables' rows; None: none are."""
        if not groups:
            return None
        sizes = self.tables.sizes(variant)
        wide = {c: np.tile(own, sizes[c] // len(own)) for c, own in groups.items()}
        return labels_of(wide, self.tables.start(variant))

    def sparse(
        self, variant: int, clauses: Sequence[Clause], keep: Any, start: Any
    ) -> tuple[Any, Any, Any, Any]:
        """Return rows of single options: clauses on several cells, widths handed on, answers that
        are left out. They are made for all rows, and those that are gone left out."""
        first = self.tables.start(variant)
        made: list[tuple[list[Any], list[Any], float]] = []
        for clause in clauses:
            if len(clause.masks) > 1:
                options = [first[c] + np.flatnonzero(clause.masks[c]) for c in sorted(clause.masks)]
                made.append((options, [-np.ones(len(one)) for one in options], -1.0))
        made += self.handed_on(variant)
        for other, rows, distance in self.left_out:
            one = self.near(variant, other, rows, distance)
            if one is not None:
                made.append(one)
        if not made:
            return NO_ROWS
        option = [np.concatenate(one[0]) for one in made]
        value = [np.concatenate(one[1]) for one in made]
        if keep is not None:
            number = np.cumsum(keep) - 1
            inside = [keep[one] for one in option]
            option = [number[one[some]] for one, some in zip(option, inside, strict=True)]
            value = [one[some] for one, some in zip(value, inside, strict=True)]
        return (
            np.cumsum([0, *map(len, option)]).astype(np.int64),
            np.concatenate(option).astype(np.int32),
            np.concatenate(value).astype(float),
            np.array([one[2] for one in made], float),
        )

    def handed_on(self, variant: int) -> list[tuple[list[Any], list[Any], float]]:
        """Where widths are free: what a cell gives the next one takes."""
        sizes, first = self.tables.sizes(variant), self.tables.start(variant)
        own = self.tables.scored.problem.tables.space_rows[variant]
        space = self.tables.scored.problem.space
        if space.numbering is not None:
            cells = space.numbering.layouts[variant].cells
            states = [len(cell.widths) for cell in cells]
        elif space.widths is None:
            return []
        else:
            states = [len(one) for one in space.widths]
        made = []
        for c in range(1, len(sizes)):
            incoming = sizes[c] // own[c]
            if incoming == 1:
                continue
            each = own[c - 1] // states[c - 1]
            given = (np.arange(sizes[c - 1]) % own[c - 1]) // each
            taken = np.arange(sizes[c]) // own[c]
            for width in range(incoming):
                out = first[c - 1] + np.flatnonzero(given == width)
                into = first[c] + np.flatnonzero(taken == width)
                made.append(([out, into], [np.ones(len(out)), -np.ones(len(into))], 0.0))
        return made

    def near(
        self, variant: int, other: int, rows: tuple[int, ...], distance: int
    ) -> tuple[list[Any], list[Any], float] | None:
        """Return the row that keeps answers a distance away from one: equal choices are counted."""
        problem = self.tables.scored.problem
        space, first = problem.space, self.tables.start(variant)
        sizes = self.tables.sizes(variant)
        mine = problem.row(variant, [0] * len(sizes))
        # of another part of the space: its choices by this part's numbers and by the whole's
        if space.numbering is not None:
            return self._near(space.numbering, variant, mine, problem.row(other, rows), distance)
        its: Any
        whole: Any
        its, whole = rows if other < 0 else [problem.row(other, rows)] * 2
        if mine[1] != its[1] and distance <= 1:
            return None
        equal = sum(a == b for a, b in zip(mine[:GLOBALS], its[:GLOBALS], strict=True))
        options, numbers = [], []
        own_sizes = problem.tables.space_rows[variant]
        each = space.variables_per_cell
        for c, n in enumerate(sizes):
            same = np.zeros(n)
            left = np.arange(n) % own_sizes[c]
            for k in range(GLOBALS + (c + 1) * each - 1, GLOBALS + c * each - 1, -1):
                length = space.lengths[k]
                same += left % length == its[k]
                left = left // length
            inside = np.flatnonzero(same)
            options.append(first[c] + inside)
            numbers.append(same[inside])
        # of a cell that this variant lacks choices are 0
        equal += sum(digit == 0 for digit in whole[GLOBALS + len(sizes) * each :])
        return options, numbers, float(len(whole) - distance - equal)

    def _near(
        self, numbering: Any, variant: int, mine: Any, its: Any, distance: int
    ) -> tuple[list[Any], list[Any], float] | None:
        """Return the same of a space whose cells have variables of their own."""
        first, sizes = self.tables.start(variant), self.tables.sizes(variant)
        count = len(numbering.globals)
        equal = sum(a == b for a, b in zip(mine[:count], its[:count], strict=True))
        if distance <= 1 and equal < count:
            return None
        options, numbers = [], []
        left = set(range(count, len(its)))
        for c, n in enumerate(sizes):
            variables, digits = numbering.spots_of(variant, c)
            left -= set(variables)
            wanted = np.array([its[k] for k in variables], np.int64)
            same = (digits == wanted).sum(axis=1).astype(float)
            same = np.tile(same, n // len(same))
            inside = np.flatnonzero(same)
            options.append(first[c] + inside)
            numbers.append(same[inside])
        equal += sum(its[k] == 0 for k in left)  # of what this variant lacks choices are 0
        return options, numbers, float(len(its) - distance - equal)

    # all boxes

    def follow(self, before: Boxes) -> None:
        """Go on from the boxes of a question whose conditions are all held here too: what bounds
        them there bounds them here."""
        if before.keys != self.keys or before.stopped is not None:
            return
        self.leaves = before.leaves
        self.left_out = list(before.left_out)
        fits = [one for one in before.passed if self.asked.fits(one.metrics)]
        self.passed = fits
        self.best = max(fits, key=lambda one: one.value, default=None)

    def run(self) -> float:
        """Search; return what nothing that is left exceeds."""
        heap = [
            (-bound, self.next(), own)
            for bound, box in self.leaves
            if (own := self._bounded(box)) is not None
        ]
        heapify(heap)
        begin = not self.leaves
        self.leaves = []
        bound = self._run(heap, begin)
        self.leaves += [(-own, box) for own, _, box in heap]
        return bound

    def _run(self, heap: list[tuple[float, int, Box]], begin: bool) -> float:
        variants = range(len(self.tables.scored.problem.tables.rows))
        at = -inf, 0, Box(0, {}, {})  # what is looked at: all of them
        try:
            for variant in variants if begin else ():
                if self.clauses(variant) is not None:
                    box = self._bounded(whole_box(self.tables, variant, self.keys))
                    if box is not None:
                        heappush(heap, (-self.roughly(box), self.next(), box))
            while heap and not self.ended():
                at = heappop(heap)
                bound, _, box = at
                if not self.worth(-bound):
                    heappush(heap, at)
                    break
                most, rows = self.solve(box, -bound)
                if self.ended() and rows is None:
                    heappush(heap, at)
                    break
                if rows is None:
                    if self.best is not None:  # nothing better than that is in it
                        own = self.best.value + self.slack(self.best.value)
                        self.leaves.append((min(own, -bound), box))
                    continue
                most = min(most, -bound)
                self.look_at(box, rows, most, heap)
        except KeyboardInterrupt:  # what comes while the core works is noted by `solve`
            self.stopped = "interrupt"
            heappush(heap, at)
        _kept[:] = [self._dense] if len(self._dense) <= KEPT else []
        if self.best is not None and (not heap or not self.worth(-heap[0][0])):
            return self.best.value
        return -heap[0][0] if heap else -inf

    def ended(self) -> bool:
        return self.stopped is not None

    def roughly(self, box: Box) -> float:
        """Return what no network of a box exceeds: each column at its end by itself."""
        form = self.linear(self.asked.objective, box, True)
        return self.tables.end(form, box.variant, True)

    def worth(self, bound: float) -> bool:
        """Whether a box of this bound may hold something better than the best."""
        if self.best is None:
            return bound > -inf
        if self.exact:
            return bound > self.best.value
        return bound > self.best.value + self.slack(self.best.value)

    def slack(self, value: float) -> float:
        """Return by how much objectives near a value are equal so far."""
        return EQUAL * (abs(value) + self._size)

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
        if fits and (value >= most if self.exact else value >= most - self.slack(most)):
            self.leaves.append((most, box))
            return
        parts = None
        own = self.keys
        if self.products:
            own = [key for key in self.keys if key[0] != FACTOR]
            box = self._narrow or box
            if fits:
                parts = self.cut_at_factor(box, metrics, 0.1 * (most - value))
        if parts is None:
            parts = self.halves(box, self.tables.totals_of(box.variant, rows, own), own, fits)
        if parts is None and self.products:
            parts = self.cut_at_factor(box, metrics, 0.0)
        if parts is None:
            # forms are the metrics themselves up to rounding: this answer alone is left out
            self.left_out.append((box.variant, rows, 1))
            if fits:
                self.passed.append(Answer(box.variant, rows, value, metrics))
            heappush(heap, (-most, self.next(), box))
            return
        for one in parts:
            if all(one.low[key] <= one.high[key] for key in self.keys):
                heappush(heap, (-most, self.next(), one))

    def cut_at_factor(
        self, box: Box, metrics: dict[str, float], least: float
    ) -> tuple[Box, Box] | None:
        """Return the box's parts, cut at the factor whose line is farthest from its logarithm at
        an answer; None where none is farther than so much."""
        tables = self.tables
        farthest, found = 0.0, ""
        for product in self.products:
            for name, power in tables.products[product].powers:
                slope, height = tables.line(name, power, box, True)
                value = metrics[name]
                exact = power * logarithm(name, value, tables.predictor)
                off = slope * value + height - exact
                if off > farthest:
                    farthest, found = off, name
        if farthest <= max(self.slack(1.0), least):
            return None
        i = tables.factors.index(found)
        key = (FACTOR, -1 - i)
        low, high = box.low[key], box.high[key]
        at = metrics[found]
        if not low + NARROW * (high - low) < at < high - NARROW * (high - low):
            at = middle(found, low, high)
        if not low <= at < high:
            return None
        touched = {k: metrics[name] for k, name in enumerate(tables.factors)}
        return box.cut(key, at, touched)

    def halves(
        self,
        box: Box,
        totals: dict[tuple[int, int], float],
        keys: Sequence[tuple[int, int]],
        fits: bool,
    ) -> tuple[Box, Box] | None:
        """Return the box's parts, cut so that the answer's own costs are known at an end; None
        where there is nothing left to cut."""
        widest, key = 0.0, None
        for one in keys:
            width = (box.high[one] - box.low[one]) / max(1.0, abs(box.high[one]))
            if one[1] in (Column.SCALE, Column.PEAK) and not fits and totals[one] > box.low[one]:
                return box.cut(one, totals[one] - 1.0)
            if width > widest and box.high[one] > box.low[one]:
                widest, key = width, one
        if key is None:
            return None
        at = min(max(totals[key], box.low[key]), box.high[key] - 1.0)
        if key == MEMORY:
            at = float(floor(0.5 * (box.low[key] + min(totals[key], box.high[key] - 1.0))))
        elif at == box.low[key] - 1.0 or key[1] in (Column.MACS, Column.PARAMS):
            at = float(floor(0.5 * (box.low[key] + box.high[key])))
        return box.cut(key, at)

    def next(self) -> int:
        self._order += 1
        return self._order


# On which side a condition on the peak memory alone bounds it: 1 from above, -1 from below.
ENDS_OF = {"<=": (1,), "<": (1,), ">=": (-1,), ">": (-1,), "==": (1, -1)}
TURNED = {"<=": ">=", "<": ">", ">=": "<=", ">": "<", "==": "=="}
NO_ROWS = (np.zeros(1, np.int64), np.zeros(0, np.int32), np.zeros(0), np.zeros(0))


def _taken(size: int) -> npt.NDArray[np.float64]:
    """Return room for so many numbers: that of an earlier search, whose pages are in place."""
    try:
        found = _kept.pop()
    except IndexError:
        return np.empty(size)
    return found if len(found) >= size else np.empty(size)


class _Zeros(dict[tuple[int, int], float]):
    """A box of which only the form of the forms is asked."""

    def __missing__(self, key: tuple[int, int]) -> float:
        return 1.0


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
