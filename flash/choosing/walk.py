"""Answers of a problem of choices gone through group after group: counted, listed, or drawn.

A *state* is what decides how a beginning of an answer goes on: what it hands to the next group, the
clauses that it has met, and its sums so far. Beginnings of one state are one row with a count, so
that counting takes as many rows as there are states; listing keeps them apart, each with its
options. Sums are integers, exactly; what cannot meet a condition any more is dropped.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from ..base.record import Record
from ..errors import ArgumentError
from .conditions import Clause, Condition, Link, PeakLimit, Row, _of_pair
from .model import Model, _below
from .numbers import most_of_sums

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

    import numpy.typing as npt

    from .problem import ChoiceProblem

__all__ = ["Column", "TooManyStatesError", "Walk"]

LARGEST = 2**60  # sums below it are int64, others Python's integers
WORD = 62  # clauses in one integer
CHUNK = 1 << 16  # beginnings that are continued together


class TooManyStatesError(Exception):
    """There are more states than a count may have."""


class Column(Record):
    """What is summed over an answer's options, or of which the largest counts.

    Parameters
    ----------
    whole : ndarray
        Integers, one for each option.
    peak : bool
    """

    whole: Any
    peak: bool = False


class Walk:
    """The way through one problem under its conditions.

    Parameters
    ----------
    problem : ChoiceProblem
    conditions : sequence of Condition
    columns : sequence of Column
        What is added up beside the conditions.
    """

    def __init__(
        self,
        problem: ChoiceProblem,
        conditions: Sequence[Condition],
        columns: Sequence[Column] = (),
    ) -> None:
        self.problem = problem
        self.n_groups = len(problem.groups)
        self.start: npt.NDArray[np.int32] = problem._start
        n = len(problem._labels)
        own = np.array(problem.group_of(), np.int64)
        self.after: npt.NDArray[np.int64] = (
            own if problem._until is None else np.array(problem._until, np.int64)
        ) + 1
        self.takes, self.gives = _states(problem)
        self.kept: npt.NDArray[np.bool_] = np.ones(n, bool)
        self.empty = False
        parts = [part for one in conditions for part in one.parts]
        for one in parts:
            if isinstance(one, PeakLimit):
                self.kept &= _below(problem.exact(one.metric), one)
        clauses = [one for one in parts if isinstance(one, Clause)]
        for one in parts:
            if isinstance(one, Link):
                clauses += [Clause(masks) for masks in _of_pair(one.left, "==", one.right)]
        self._read_clauses(clauses)
        rows = self._read_rows([one for one in parts if isinstance(one, Row)])
        self.columns = list(columns)
        sizes = [most_of_sums(one.whole, self.start) for one in self.columns]
        sizes += [most_of_sums(whole, self.start) + abs(limit) for whole, limit in rows]
        self.kind: Any = np.int64 if max(sizes, default=0) < LARGEST else object
        # sums that are at most a limit
        self.rows: list[tuple[Any, int]] = [(_as(one, self.kind), limit) for one, limit in rows]
        self.columns = [Column(_as(one.whole, self.kind), one.peak) for one in self.columns]
        self.least = [self.ends(whole, False, limit) for whole, limit in self.rows]
        self.most = [self.ends(whole, True, limit) for whole, limit in self.rows]
        # where a state's parts stand: what is handed on, clauses, rows, columns
        self.first_row = 1 + self.bits.shape[1]
        self.first_column = self.first_row + len(self.rows)

    def _read_clauses(self, clauses: list[Clause]) -> None:
        words = -(-len(clauses) // WORD)
        self.bits: npt.NDArray[np.int64] = np.zeros((len(self.kept), words), np.int64)
        # of each place between groups the clauses that must be met there
        self.due: npt.NDArray[np.int64] = np.zeros((self.n_groups + 1, words), np.int64)
        for c, clause in enumerate(clauses):
            word, bit = divmod(c, WORD)
            if not clause.masks:
                self.empty = True
                continue
            for g, mask in clause.masks.items():
                self.bits[self.start[g] + np.flatnonzero(mask), word] |= 1 << bit
            self.due[max(clause.masks) + 1 :, word] |= 1 << bit

    def _read_rows(self, rows: list[Row]) -> list[tuple[Any, int]]:
        plain = Model(self.problem, ())
        own = plain.place >= 0
        found: list[tuple[Any, int]] = []
        for row in rows:
            if row.sign == "!=":
                raise ArgumentError("where: sums of metrics are not compared by !=")
            found += [(whole[own], limit) for whole, _, limit in plain._upper(row)]
        return found

    def ends(self, whole: Any, most: bool, limit: int = 0) -> list[int]:
        """Return of each place between groups what the rest adds up to at least, or at most.

        Where nothing goes on: what no sum makes up for.
        """
        never = 2 * (most_of_sums(whole, self.start) + abs(limit)) + 1
        pick: Callable[..., int] = max if most else min
        found = [0] * (self.n_groups + 1)
        for g in reversed(range(self.n_groups)):
            options = range(self.start[g], self.start[g + 1])
            some = [int(whole[i]) + found[self.after[i]] for i in options if self.kept[i]]
            found[g] = pick(some, default=never)
            # a way that leads nowhere later on counts as one
            found[g] = max(-never, min(never, found[g]))
        return found

    # states

    def first(self) -> Any:
        """Return the state that all answers begin with."""
        state = np.zeros((1, self.first_column + len(self.columns)), self.kind)
        for j, column in enumerate(self.columns):
            if column.peak:  # the largest so far: nothing is below it
                state[0, self.first_column + j] = int(column.whole.min())
        return state

    def onward(self, g: int, states: Any) -> Iterator[tuple[int, Any, Any, Any]]:
        """Continue beginnings by each option of group g that fits.

        Yields
        ------
        tuple
            The place after it, the states there, and of each the beginning and the option that it
            comes from.
        """
        options = self.start[g] + np.flatnonzero(self.kept[self.start[g] : self.start[g + 1]])
        fits = np.ones((len(states), len(options)), bool)
        if self.takes is not None and g:
            fits &= states[:, :1] == self.takes[options][None, :]
        after = self.after[options]
        for r, (whole, limit) in enumerate(self.rows):
            rest = _as(np.array([limit - self.least[r][b] for b in after], object), self.kind)
            sums = states[:, self.first_row + r][:, None] + whole[options][None, :]
            fits &= (sums <= rest[None, :]).astype(bool)
        for place in np.unique(after).tolist():
            inside = fits & (after == place)[None, :]
            came, at = np.nonzero(inside)
            chosen = options[at]
            made = states[came]
            if self.takes is not None:
                made[:, 0] = self.gives[chosen]
            good: Any = None
            for w in range(self.bits.shape[1]):
                made[:, 1 + w] |= self.bits[chosen, w]
                due = int(self.due[place, w])
                new = due & ~int(self.due[g, w])
                if new:
                    met = (made[:, 1 + w] & new) == new
                    good = met if good is None else good & met
                if due:
                    made[:, 1 + w] &= ~due
            for r, (whole, _) in enumerate(self.rows):
                made[:, self.first_row + r] += whole[chosen]
            for j, column in enumerate(self.columns):
                at_column = self.first_column + j
                if column.peak:
                    made[:, at_column] = np.maximum(made[:, at_column], column.whole[chosen])
                else:
                    made[:, at_column] += column.whole[chosen]
            if good is not None:
                good = good.astype(bool)
                made, came, chosen = made[good], came[good], chosen[good]
            if len(made):
                yield place, made, came, chosen

    # counting

    def counted(
        self, most_states: int, most_work: int, tell: Callable[[int, int], object]
    ) -> tuple[Any, list[int]]:
        """Return the states at the end, and how many answers have each.

        Raises
        ------
        TooManyStatesError
            If there are more than `most_states` at one place, or `most_work` in all.
        """
        if self.kind is object:
            raise TooManyStatesError
        wide = self.problem.size >= LARGEST
        waiting: list[list[tuple[Any, Any]]] = [[] for _ in range(self.n_groups + 1)]
        if not self.empty:
            waiting[0].append((self.first(), np.ones(1, object if wide else np.int64)))
        work = 0
        for g in range(self.n_groups):
            states, counts = self._merged(g, waiting[g])
            waiting[g] = []
            step = max(1, CHUNK * 16 // max(1, int(self.start[g + 1] - self.start[g])))
            for begin in range(0, len(states), step):
                tell(g, len(states))
                some = states[begin : begin + step]
                for place, made, came, _ in self.onward(g, some):
                    work += len(made)
                    own = counts[begin : begin + step][came]
                    waiting[place].append(self._merged(place, [(made, own)]))
                    if len(waiting[place]) > 8:  # parts of one place overlap
                        waiting[place] = [self._merged(place, waiting[place])]
                    held = sum(len(one) for one, _ in waiting[place])
                    if held > 4 * most_states or work > most_work:
                        raise TooManyStatesError
            if any(len(one) > most_states for one, _ in waiting[g + 1]):
                raise TooManyStatesError
        states, counts = self._merged(self.n_groups, waiting[-1])
        return states, [int(one) for one in counts.tolist()]

    def _merged(self, place: int, parts: list[tuple[Any, Any]]) -> tuple[Any, Any]:
        """Return beginnings of one state as one. Sums that meet their limit whatever follows are
        one as well: the largest of them."""
        if not parts:
            return np.zeros((0, self.first_column + len(self.columns)), np.int64), np.zeros(0)
        states = np.concatenate([one for one, _ in parts])
        counts = np.concatenate([one for _, one in parts])
        for r, (_, limit) in enumerate(self.rows):
            column = states[:, self.first_row + r]
            np.maximum(column, limit - self.most[r][place], out=column)
        order = _order(states)
        states, counts = states[order], counts[order]
        new = np.ones(len(states), bool)
        new[1:] = (states[1:] != states[:-1]).any(1)
        at = np.flatnonzero(new)
        return states[at], np.add.reduceat(counts, at)

    # listing

    def listed(self) -> Iterator[tuple[Any, Any]]:
        """Yield all answers that meet the conditions, some at a time.

        Yields
        ------
        tuple
            The option of each group by its place in the problem, -1 where it is covered, and the
            columns' sums.
        """
        if self.empty:
            return
        stack: list[tuple[int, Any, Any]] = [
            (0, self.first(), np.full((1, self.n_groups), -1, np.int32))
        ]
        while stack:
            g, states, picks = stack.pop()
            if g == self.n_groups:
                yield picks, states[:, self.first_column :]
                continue
            step = max(1, CHUNK // int(self.start[g + 1] - self.start[g]))
            if len(states) > step:
                stack.append((g, states[step:], picks[step:]))
                states, picks = states[:step], picks[:step]
            for place, made, came, chosen in self.onward(g, states):
                own = picks[came]
                own[:, g] = chosen
                stack.append((place, made, own))

    # drawing

    def drawn(self, n: int, seed: int) -> Iterator[tuple[Any, Any, Any]]:
        """Yield answers that are drawn uniformly, each by itself, some at a time.

        Yields
        ------
        tuple
            As `listed`, and which of them meet the conditions.
        """
        ways = self._ways()
        for number, begin in enumerate(range(0, n, CHUNK)):
            draws = np.random.default_rng((seed, number)).random((CHUNK, self.n_groups))
            picks = self._drawn(draws[: min(CHUNK, n - begin)], ways)
            yield picks, *self.summed(picks)

    def _ways(self) -> list[dict[int, int]]:
        """Return in how many ways an answer goes on from each place, by what is handed to it."""
        ways: list[dict[int, int]] = [{} for _ in range(self.n_groups + 1)]
        most = 0 if self.takes is None else int(max(self.takes.max(), self.gives.max()))
        labels = list(range(most + 1))
        ways[-1] = dict.fromkeys(labels, 1)
        for g in reversed(range(self.n_groups)):
            for i in range(self.start[g], self.start[g + 1]):
                then = ways[self.after[i]].get(0 if self.takes is None else int(self.gives[i]), 0)
                taken = labels if self.takes is None or not g else [int(self.takes[i])]
                for label in taken:
                    ways[g][label] = ways[g].get(label, 0) + then
        return ways

    def _drawn(self, draws: Any, ways: list[dict[int, int]]) -> Any:
        n = len(draws)
        picks = np.full((n, self.n_groups), -1, np.int32)
        place, label = np.zeros(n, np.int64), np.zeros(n, np.int64)
        for g in range(self.n_groups):
            here = np.flatnonzero(place == g)
            handed_on = label[here]
            for state in np.unique(handed_on).tolist():
                rows = here[handed_on == state]
                options = np.arange(self.start[g], self.start[g + 1])
                if self.takes is not None and g:
                    options = options[self.takes[options] == state]
                total, ends = 0, []
                for i in options.tolist():
                    handed = 0 if self.takes is None else int(self.gives[i])
                    total += ways[self.after[i]].get(handed, 0)
                    ends.append(total)
                shares = np.array([float(Fraction(one, total)) for one in ends])
                at = np.searchsorted(shares, draws[rows, g], side="right")
                chosen = options[np.minimum(at, len(options) - 1)]
                picks[rows, g] = chosen
                place[rows] = self.after[chosen]
                if self.takes is not None:
                    label[rows] = self.gives[chosen]
        return picks

    def summed(self, picks: Any) -> tuple[Any, Any]:
        """Return the columns' sums of answers, and which meet the conditions."""
        inside = picks >= 0
        good = np.full(len(picks), not self.empty)
        good &= (self.kept[picks] | ~inside).all(1)
        for whole, limit in self.rows:
            good &= (np.where(inside, whole[picks], 0).sum(1) <= limit).astype(bool)
        for w in range(self.bits.shape[1]):
            met = np.bitwise_or.reduce(np.where(inside, self.bits[picks, w], 0), axis=1)
            good &= met == self.due[-1, w]
        sums = np.zeros((len(picks), len(self.columns)), self.kind)
        for j, column in enumerate(self.columns):
            numbers = column.whole[picks]
            if column.peak:
                sums[:, j] = np.where(inside, numbers, column.whole.min()).max(1)
            else:
                sums[:, j] = np.where(inside, numbers, 0).sum(1)
        return sums, good


def _states(problem: ChoiceProblem) -> tuple[Any, Any]:
    """Return what options take and give as numbers; None where nothing is handed on."""
    if problem._takes is None or problem._gives is None:
        return None, None
    number = {one: i for i, one in enumerate(dict.fromkeys((*problem._takes, *problem._gives)))}
    takes = np.array([number[one] for one in problem._takes], np.int64)
    gives = np.array([number[one] for one in problem._gives], np.int64)
    return takes, gives


def _as(whole: Any, kind: Any) -> Any:
    if kind is object:
        return np.array([int(one) for one in whole.tolist()], object)
    return np.array([int(one) for one in whole.tolist()], np.int64)


def _order(states: Any) -> Any:
    """Return an order in which equal states lie side by side."""
    code = np.zeros(len(states), np.int64)
    room = 1
    for column in states.T:
        low = int(column.min())
        span = int(column.max()) - low + 1
        room *= span
        if room >= LARGEST:
            return np.lexsort(states.T)
        code = code * span + (column - low)
    return np.argsort(code)
