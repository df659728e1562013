"""A problem with an objective and conditions, as the core takes it."""

from __future__ import annotations

from fractions import Fraction
from time import perf_counter

import numpy as np

from .._core.choice.choices import ENDS, Choices
from ..base.checks import shown
from ..base.record import Record
from ..errors import ArgumentError
from .conditions import Clause, Condition, Link, PeakLimit, Row, labels_of, linked
from .numbers import Exact, combined, divisor_of, exact, most_of_sums, rounded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    import numpy.typing as npt

    from .problem import ChoiceProblem

__all__ = ["Found", "Limits", "Model"]

INF = float("inf")
# of numbers that were rounded: answers that are told apart by exact ones, and nodes of that
MOST_ROUNDS = 256
FREE_NODES = 10_000
ROUNDS = 4  # times the nodes of the first search
ROUNDED = 45  # bits of sums that are rounded
ROOM = 0.75  # of the machine's memory, which a problem may need


class Limits(Record):
    """When to stop.

    Parameters
    ----------
    deadline : float
        Seconds from now on.
    nodes : int
        Of the search tree; -1: any number.
    callback : callable or None
        Called with the core's search.
    """

    deadline: float = INF
    nodes: int = -1
    callback: Callable[[Any], Any] | None = None


class Found(Record):
    """What a solve ends with.

    Parameters
    ----------
    picks : tuple of int or None
        The option of each group by its place in the problem; -1 where one before covers the group.
    value : Fraction or None
        The least sum found.
    bound : Fraction or None
        No answer's is below it; None where nothing is known.
    proven : bool
        Whether the search ran to its end, in exact numbers: nothing is better, or nothing fits.
    rounded : bool
        Whether numbers were too wide for the solver and were rounded outward.
    stopped : str or None
    nodes : int
    """

    picks: tuple[int, ...] | None
    value: Fraction | None
    bound: Fraction | None
    proven: bool
    rounded: bool
    stopped: str | None
    nodes: int


class Model:
    """A problem with the conditions that it must meet, laid out for the core.

    Groups have an option more for each span that may cover them. Options that a condition rules out
    by itself are gone: `kept` are those that are left.
    """

    def __init__(self, problem: ChoiceProblem, conditions: Sequence[Condition]) -> None:
        self.problem = problem
        self.start: npt.NDArray[np.int32] = problem._start
        # of each option of the core its place in the problem, -1 where it is covered by another
        self.place: npt.NDArray[np.int64] = np.arange(len(problem._labels))
        self.sparse: list[tuple[list[npt.NDArray[np.int64]], list[Any], int]] = []
        self.empty = False  # a clause or a group has no option left
        self._add_states()
        parts = [part for one in conditions for part in one.parts]
        self.rows = [one for one in parts if isinstance(one, Row)]
        for one in self.rows:
            if one.sign == "!=":
                raise ArgumentError("where: sums of metrics are not compared by !=")
        self.linked, rest = linked([one for one in parts if isinstance(one, Link)])
        clauses = [one for one in parts if isinstance(one, Clause)] + rest
        self.kept: npt.NDArray[np.bool_] = np.ones(len(self.place), bool)
        self.all_kept = True
        for limit in parts:
            if isinstance(limit, PeakLimit):
                self.kept &= self._expanded(_below(problem.exact(limit.metric), limit), True)
                self.all_kept = False  # until they are counted
        for clause in clauses:
            self._add_clause(clause)
        self._renumber()

    # states and spans

    def _add_states(self) -> None:
        """Options of groups that are covered, and rows that let neighbours take only what is given.

        Between two groups something is handed on: a state, or that a span goes on, which a covered
        option takes and hands on until its end. What is given must be taken: a row for each.
        """
        problem = self.problem
        until, takes, gives = problem._until, problem._takes, problem._gives
        if until is None and (takes is None or gives is None):
            return
        n, group_of = len(problem._labels), problem.group_of()
        free = takes is None or gives is None
        places: list[list[int]] = [
            list(range(problem._start[g], problem._start[g + 1]))
            for g in range(len(problem.groups))
        ]
        given: list[list[Any]] = [[] for _ in problem.groups]
        taken: list[list[Any]] = [[] for _ in problem.groups]
        spans: list[dict[Any, None]] = [{} for _ in problem.groups]
        for i in range(n):
            g = group_of[i]
            end = g if until is None else until[i]
            state = None if free else gives[i]  # type: ignore[index]
            given[g].append(("span", end, state) if end > g else ("state", state))
            taken[g].append(("state", None if free else takes[i]))  # type: ignore[index]
            for h in range(g + 1, end + 1):
                spans[h]["span", end, state] = None
        for h, own in enumerate(spans):
            for _, end, state in own:
                places[h].append(-1)
                taken[h].append(("span", end, state))
                given[h].append(("span", end, state) if end > h else ("state", state))
        self.place = np.array([i for own in places for i in own], np.int64)
        self.start = np.cumsum([0, *map(len, places)]).astype(np.int32)
        for h in range(1, len(problem.groups)):
            for label in dict.fromkeys(given[h - 1]):
                out = [i for i, one in enumerate(given[h - 1]) if one == label]
                into = [i for i, one in enumerate(taken[h]) if one == label]
                self._tie(h - 1, out, h, into)
        first = [i for i, one in enumerate(taken[0]) if one[0] == "span"]
        assert not first

    def _tie(self, g: int, out: list[int], h: int, into: list[int]) -> None:
        """One of `out` in group g only with one of `into` in group h."""
        options = [
            self.start[g] + np.array(out, np.int64),
            self.start[h] + np.array(into, np.int64),
        ]
        self.sparse.append((options, [np.ones(len(out)), -np.ones(len(into))], 0))

    def _expanded(self, column: Any, covered: Any) -> Any:
        """Return a column of the problem's options for those of the core."""
        if len(self.place) == len(self.problem._labels):
            return column
        found = np.asarray(column)[self.place]
        found[self.place < 0] = covered
        return found

    # conditions

    def _add_clause(self, clause: Clause) -> None:
        problem = self.problem
        options: list[Any] = []
        for g, mask in clause.masks.items():
            inside = np.flatnonzero(mask)
            own = problem._start[g] + inside
            if len(self.place) != len(problem._labels):
                first, end = self.start[g], self.start[g + 1]
                own = first + np.flatnonzero(np.isin(self.place[first:end], own))
            options.append(own)
        if not options:
            self.empty = True
            return
        if len(options) == 1:
            g = next(iter(clause.masks))
            keep = np.zeros(len(self.place), bool)
            keep[options[0]] = True
            first, end = self.start[g], self.start[g + 1]
            self.kept[first:end] &= keep[first:end]
            self.all_kept = False
            return
        order = np.argsort([int(g) for g in clause.masks])
        options = [options[i] for i in order]
        self.sparse.append((options, [-np.ones(len(one)) for one in options], -1))

    def without(self, picks: Sequence[int], distance: int) -> None:
        """Ask for an answer that differs from another in so many groups at least."""
        places = {int(self.place[i]): i for i in range(len(self.place)) if self.place[i] >= 0}
        own = np.array(sorted(places[i] for i in picks if i >= 0), np.int64)
        # what is covered there counts as the same where it is covered here
        for g, pick in enumerate(picks):
            if pick < 0:
                first, end = self.start[g], self.start[g + 1]
                covered = first + np.flatnonzero(self.place[first:end] < 0)
                own = np.union1d(own, covered)
        self.sparse.append(([own], [np.ones(len(own))], len(picks) - distance))

    def _renumber(self) -> None:
        """What is ruled out by itself goes."""
        if self.all_kept:
            self.own_start: npt.NDArray[np.int32] = self.start
            return
        counts = np.add.reduceat(self.kept, self.start[:-1])
        self.empty |= bool((counts == 0).any())
        self.own_start = np.concatenate(([0], np.cumsum(counts))).astype(np.int32)
        self.all_kept = bool(self.kept.all())

    def column_of(self, row: Row) -> Exact:
        """Return the sum that a row compares, of each option of the core that is left."""
        problem = self.problem
        plain = self.all_kept and len(self.place) == len(problem._labels)
        if plain and len(row.terms) == 1 and not row.own:
            ((name, factor),) = row.terms.items()
            if factor == 1:
                return problem.exact(name)
        terms = [(factor, problem.exact(name)) for name, factor in row.terms.items()]
        for (name, g), factor in row.own.items():
            values = np.zeros(len(problem._labels))
            start, end = problem._start[g : g + 2]
            own = (
                problem._labels
                if name == ""
                else problem._values.get(name, problem.attributes.get(name))
            )
            assert own is not None
            values[start:end] = [float(one) for one in own[start:end]]
            terms.append((factor, exact(values)))
        if not terms:
            return Exact(np.zeros(int(self.own_start[-1])), Fraction(1))
        found = combined(terms)
        whole = self._expanded(found.whole, 0)
        return Exact(whole if self.all_kept else whole[self.kept], found.scale)

    def _upper(self, row: Row) -> list[tuple[Any, Fraction, int]]:
        """Return a row as sums of integers that are at most an integer: (numbers, scale, limit)."""
        column = self.column_of(row)
        limit = row.limit if column.scale == 1 else row.limit / column.scale
        whole, top = column.whole, limit.numerator // limit.denominator
        least = -((-limit.numerator) // limit.denominator)
        if row.sign == "<=":
            return [(whole, column.scale, top)]
        if row.sign == "<":
            return [(whole, column.scale, least - 1)]
        if row.sign == ">=":
            return [(-whole, column.scale, -least)]
        if row.sign == ">":
            return [(-whole, column.scale, -(top + 1))]
        if top != least:  # no sum of integers is equal to it
            return [(whole * 0, column.scale, -1)]
        return [(whole, column.scale, top), (-whole, column.scale, -top)]

    # solving

    def solve(self, objective: Row, limits: Limits, start: Sequence[Sequence[int]] = ()) -> Found:
        """Find the answer of the least objective.

        Parameters
        ----------
        objective : Row
            What is summed; its sign and limit do not count.
        limits : Limits
        start : sequence of picks
            Answers of other problems, which may meet this one's conditions.
        """
        if self.empty:
            return Found(None, None, None, True, False, None, 0)
        rows = [one for row in self.rows for one in self._upper(row)]
        wanted = self.column_of(objective)
        self._check_memory(len(rows))
        wide = [_excess(most_of_sums(one, self.own_start) + abs(limit)) for one, _, limit in rows]
        by = _excess(most_of_sums(wanted.whole, self.own_start))
        coarse = bool(by) or any(wide)
        found = self._run(rows, wide, wanted, by, limits, start, inner=False)
        if not coarse:
            return found
        return self._checked(found, rows, wide, wanted, by, limits, start)

    def _checked(
        self,
        found: Found,
        rows: list[tuple[Any, Fraction, int]],
        wide: list[int],
        wanted: Exact,
        by: int,
        limits: Limits,
        start: Sequence[Sequence[int]],
    ) -> Found:
        """Of rounded numbers: the answer in exact ones.

        Rounded outward, all that fits is admitted, and no sum is above its own. So answers are
        sought anew without those found, of sums that may be below the best one's, until there is
        none: then the best is proven. After too many (numbers that differ by less than is left of
        them) an answer is asked for that keeps the limits rounded the other way.
        """
        first = found
        ends_at = perf_counter() + limits.deadline
        allowed = FREE_NODES + ROUNDS * first.nodes
        nodes, best, least = 0, None, 0
        before = len(self.sparse)
        try:
            for _ in range(MOST_ROUNDS):
                nodes += found.nodes
                if found.picks is None:
                    break
                value = self.exact_sum(wanted, found.picks)
                if (best is None or value < least) and self._fits(found.picks, rows):
                    best, least = found.picks, value
                if found.stopped is not None or nodes > allowed:
                    break
                self.without(found.picks, 1)
                own = Limits(max(ends_at - perf_counter(), 1e-3), limits.nodes, limits.callback)
                most = None if best is None else least - 1
                found = self._run(rows, wide, wanted, by, own, (), inner=False, most=most)
        finally:
            del self.sparse[before:]
        done = found.picks is None and found.stopped is None
        stopped = found.stopped
        if best is None and not done and stopped is None:
            again = self._run(rows, wide, wanted, by, limits, start, inner=True)
            nodes += again.nodes
            best, stopped = again.picks, again.stopped
        if best is None:
            return Found(None, None, first.bound, done, True, stopped, nodes)
        exactly = self.exact_sum(wanted, best) * wanted.scale
        bound = exactly if done else first.bound
        return Found(best, exactly, bound, done, True, stopped, nodes)

    def exact_sum(self, column: Exact, picks: Sequence[int]) -> int:
        """Return the sum of a column of what is left over an answer's options."""
        places = np.flatnonzero(self.kept)
        at = {int(self.place[i]): j for j, i in enumerate(places) if self.place[i] >= 0}
        return sum(int(column.whole[at[i]]) for i in picks if i >= 0)

    def _fits(self, picks: Sequence[int], rows: list[tuple[Any, Fraction, int]]) -> bool:
        return all(
            self.exact_sum(Exact(whole, scale), picks) <= limit for whole, scale, limit in rows
        )

    def _run(
        self,
        rows: list[tuple[Any, Fraction, int]],
        wide: list[int],
        wanted: Exact,
        by: int,
        limits: Limits,
        start: Sequence[Sequence[int]],
        inner: bool,
        most: int | None = None,
    ) -> Found:
        """One solve; numbers that are too wide are rounded so that all that fits is admitted, or
        with `inner` nothing else. most: of the objective, an integer in its scale."""
        n = int(self.own_start[-1])
        dense = np.empty((len(rows), n))
        ends = np.empty(len(rows))
        for r, (whole, _, limit) in enumerate(rows):
            dense[r] = rounded(whole, wide[r], inner) if wide[r] else whole
            ends[r] = float(limit >> wide[r])
        # what is left may be small, though its column held numbers too wide for float64
        costs = rounded(wanted.whole, by, False) if by else np.asarray(wanted.whole, float)
        unit = _unit(costs, self.own_start)
        core = Choices(
            self.own_start, -costs, dense, ends, *self._sparse(), unit=unit,
            time_limit_s=limits.deadline, max_nodes=limits.nodes, callback=limits.callback,
        )  # fmt: skip
        if self.linked:
            groups, label, labels = self._labels()
            core.link(groups, label if self.all_kept else label[self.kept], labels)
        for picks in start:
            self._offer(core, picks)
        if most is not None:  # sums of parts rounded down are at most the sum rounded down
            core.ask_above(-float(most >> by) - 1.0)
        stopped = None
        try:
            core.solve()
        except KeyboardInterrupt:
            stopped = "interrupt"
        nodes, *_ = core.counts
        stopped = stopped or ENDS[core.ended]
        bound = _whole_bound(core, unit)
        scale = wanted.scale * (1 << by)
        low = None if bound is None else bound * scale
        if core.best is None:
            return Found(None, None, low, stopped is None, bool(by), stopped, nodes)
        value, picked = core.best
        places = self.place if self.all_kept else self.place[self.kept]
        picks = tuple(places[picked].tolist())
        return Found(picks, int(-value) * scale, low, stopped is None, bool(by), stopped, nodes)

    def _labels(self) -> tuple[Any, Any, int]:
        """Return what links groups, of each of the core's options; of covered ones nothing does."""
        groups, label, labels = labels_of(self.linked, self.problem._start)
        return groups, self._expanded(label, -1), labels

    def _offer(self, core: Choices, picks: Sequence[int]) -> None:
        """Offer an answer of another problem; nothing where an option is not there."""
        if self.all_kept and len(self.place) == len(self.problem._labels) and min(picks) >= 0:
            core.offer(np.array(picks, np.int32))  # places are those of the problem
            return
        places = self.place if self.all_kept else self.place[self.kept]
        own: list[int] = []
        for g, pick in enumerate(picks):
            first, end = self.own_start[g : g + 2]
            at = np.flatnonzero(places[first:end] == pick)
            if len(at) != 1:  # gone, or covered in one of several ways
                return
            own.append(int(first + at[0]))
        core.offer(np.array(own, np.int32))

    def _sparse(self) -> tuple[Any, Any, Any, Any]:
        """Return the rows of single options, as the core takes them."""
        if not self.sparse:
            return NO_ROWS
        number = np.cumsum(self.kept) - 1
        pointer, options, numbers, ends = [0], [], [], []
        for some, values, limit in self.sparse:
            option = np.concatenate(some).astype(np.int64)
            value = np.concatenate(values)
            inside = self.kept[option]
            option, value = number[option[inside]], value[inside]
            order = np.argsort(option, kind="stable")
            options.append(option[order])
            numbers.append(value[order])
            pointer.append(pointer[-1] + len(option))
            ends.append(float(limit))
        return (
            np.array(pointer, np.int64),
            np.concatenate(options).astype(np.int32),
            np.ascontiguousarray(np.concatenate(numbers), float),
            np.array(ends, float),
        )

    def _check_memory(self, rows: int) -> None:
        """Refuse what the machine has no memory for before it is asked for."""
        import os

        n = len(self.place)
        entries = sum(len(one) for some, _, _ in self.sparse for one in some)
        need = 8 * n * (2 * rows + 6) + 40 * entries
        try:
            have = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        except (AttributeError, ValueError, OSError):
            return
        if need > ROOM * have:
            raise ArgumentError(
                f"problem needs about {need / 2**30:.1f} GiB ({n} options, {rows} conditions), "
                f"and this machine has {have / 2**30:.1f}"
            )


NO_ROWS = (np.zeros(1, np.int64), np.zeros(0, np.int32), np.zeros(0), np.zeros(0))


def _below(column: Exact, limit: PeakLimit) -> Any:
    """Return which options a peak's upper limit admits."""
    whole = limit.limit / column.scale
    top = whole.numerator // whole.denominator
    if limit.sign == "<":
        top = -((-whole.numerator) // whole.denominator) - 1
    elif limit.sign != "<=":
        raise ArgumentError(f"where: a peak is compared by <= or >=, got {shown(limit.sign)}")
    return column.whole <= top


def _excess(size: int) -> int:
    """Return by how many bits sums are cut: none where they are within the solver's range, else to
    few enough that its float64 tells them apart by far."""
    bits = size.bit_length()
    return 0 if bits <= 52 else bits - ROUNDED


def _unit(costs: Any, start: Any) -> float:
    """Return what sums differ by: a multiple of it."""
    if divisor_of(costs[: start[1]] - costs[0]) == 1:  # those of the first group say it already
        return 1.0
    first = np.repeat(costs[start[:-1]], np.diff(start))
    return float(divisor_of(costs - first) or 1)


def _whole_bound(core: Choices, unit: float) -> int | None:
    """Return the least value that is not ruled out, as an integer; None where nothing is."""
    bound = core.bound
    if bound - bound:
        return None
    if core.best is not None:  # values lie at multiples of the unit from the one found
        value = core.best[0]
        steps = max(0.0, (bound - value) / unit)
        return int(-value) - int(steps) * int(unit)
    return -int(np.floor(bound))
