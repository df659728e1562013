"""PNAS (Liu et al., arXiv 1712.00559, ECCV 2018): from simple networks to complex ones.

All the simplest networks are evaluated and a surrogate fitted to them. Then, level by level, the
best K so far are expanded to all that are one step more complex, the surrogate predicts these, the
K most promising are evaluated and the surrogate is fitted again.

On `PNASCells` a level is a block, as in the paper; K = 256, so 136 + 4 * 256 evaluations, and that
the surrogate is fitted anew rather than further, is a reconstruction. On other spaces it is a
reconstruction of the idea: a level is one more *run*. Networks whose cells are all alike come first
(cells: groups of equal choices, or single variables where no two groups have equal ones); a step
changes the first or the last cells of a run of equal ones, or all of them, to any other choice, or
one of what the cells share, such as the width multiplier.
"""

from __future__ import annotations

from math import prod

import numpy as np

from ..errors import ArgumentError
from . import MethodOption
from .surrogates import SURROGATES, Vocabulary, surrogate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from numpy.typing import NDArray

    from ..spaces.pnas import PNASCells
    from ._task import Task

    Rows = NDArray[np.int64]
    Floats = NDArray[np.float64]

__all__ = ["OPTIONS", "Blocks", "Runs", "run", "shares"]

OPTIONS = {
    "surrogate": MethodOption("mlp", choices=SURROGATES, about="what predicts"),
    "beam": MethodOption(
        0, 0, 1 << 16, about="networks kept at each level; 0: 256, or max_evals' share of a level"
    ),
    "first": MethodOption(
        0, 0, 1 << 20, about="of the simplest networks evaluated; 0: 136, or max_evals' share"
    ),
    "candidates": MethodOption(
        0, 0, 1 << 22, about="most expansions predicted at a level; 0: 2**19, lstm or runs 2**13"
    ),
}
USUAL_BEAM, USUAL_FIRST = 256, 136
ALL, SOME = 1 << 19, 1 << 13
INF = float("inf")
LOOKED_AT = 16  # times K: how far down networks within the budgets are sought, if costs take long


def run(task: Task) -> None:
    """Search level by level."""
    from ..spaces.pnas import PNASCells

    cells = isinstance(task.ground.space, PNASCells)
    growth: Blocks | Runs = Blocks(task.ground.space) if cells else Runs(task)
    options = task.options
    first, beams = shares(task.max_evals, options, growth, cells)
    most = options["candidates"]
    most = most or (ALL if cells and options["surrogate"] != "lstm" else SOME)
    climb = _Climb(task, growth, options["surrogate"])
    climb.evaluate(climb.affordable(growth.first(task.rng), first))
    for level, beam in enumerate(beams, 2):
        rows = climb.best(beam, level - 1)
        if not len(rows):
            break
        found = growth.expand(rows, most, task.rng)
        climb.evaluate(climb.affordable(found[climb.order(found)], beam))
    climb.settle(beams[-1] if beams else first)


def shares(
    limit: int | None, options: Mapping[str, Any], growth: Blocks | Runs, cells: bool
) -> tuple[int, tuple[int, ...]]:
    """Return how many networks are evaluated at the first level, and at each further one.

    Where fewer than the usual may be, cells keep half of what the first level leaves for the last
    one: cells of fewer blocks are no answers.

    Raises
    ------
    ArgumentError
        If nothing would be left for complete cells.
    """
    first, beam = options["first"] or USUAL_FIRST, options["beam"] or USUAL_BEAM
    further = growth.levels - 1
    if limit is None:
        return first, (beam,) * further
    least = growth.levels if cells else 1
    if limit < least:
        raise ArgumentError(
            f"max_evals must be at least {least} for method 'pnas' on cells of {growth.levels} "
            f"blocks, which grow by one at each level, got {limit}"
        )
    if not options["first"]:
        first = min(first, max(4, limit // 4), limit - least + 1)
    left = limit - min(first, growth.simplest)
    before = further - 1  # levels between the first and the last
    if cells and further and left <= before * (beam if options["beam"] else 1):
        raise ArgumentError(
            f"options 'first' and 'beam' must leave an evaluation for cells of {growth.levels} "
            f"blocks, got {limit} evaluations for {limit - left} of one block"
            + (f" and {before} times {beam} on the way" if options["beam"] else "")
        )
    if options["beam"] or not further:
        return first, (beam,) * further
    if not cells:
        return first, (min(beam, max(4, _share(left, further))),) * further
    if not before:
        return first, (min(beam, left),)
    middle = max(1, left // 2 // before)
    last = min(beam, left - before * middle)
    middle = min(beam, (left - last) // before)  # what the last one cannot take
    return first, (middle,) * before + (last,)


def _share(evaluations: int, levels: int) -> int:
    """Return a level's share of evaluations, of which some are left for the last one."""
    up = -(-evaluations // levels)
    return up if up * (levels - 1) < evaluations else max(1, evaluations // levels)


class _Climb:
    """What was evaluated so far, and what is to be evaluated next."""

    def __init__(self, task: Task, growth: Blocks | Runs, name: str) -> None:
        self.task = task
        self.growth = growth
        self.name = name
        width = len(task.lengths)
        self.rows = np.empty((0, width), dtype=np.int64)
        self.merit = np.empty(0)
        self.excess = np.empty(0)
        self.seen: set[object] = set()

    def affordable(self, rows: Rows, n: int) -> Rows:
        """Return the first `n` new ones within the budgets, of rows in order of promise.

        Where there are none, the nearest to the budgets that were looked at: they cost no
        evaluation, and what grows of them may fit.
        """
        task = self.task
        size = max(64, n)
        kept: list[Rows] = []
        over: list[tuple[float, tuple[int, ...]]] = []
        count = 0
        here: set[object] = set()
        most = len(rows) if task.ground.tabled else min(len(rows), LOOKED_AT * size)
        for start in range(0, most, size):
            part = task.canonical(rows[start : start + size])
            new = []
            for place, key in enumerate(task.keys(part)):
                if key not in self.seen and key not in here:
                    here.add(key)
                    new.append(place)
            part = part[new]
            excess = task.excess(part)
            kept.append(part[excess == 0.0])
            if not count:
                near = np.argsort(excess, kind="stable")[:n]
                over += [(float(excess[k]), tuple(part[k].tolist())) for k in near]
            count += len(kept[-1])
            if count >= n:
                break
        if count:
            return np.concatenate(kept)[:n]
        nearest = [row for _, row in sorted(over)[:n]]
        return np.array(nearest, dtype=np.int64).reshape(-1, rows.shape[1])

    def evaluate(self, rows: Rows) -> None:
        """Evaluate rows, the most promising first."""
        self.seen.update(self.task.keys(rows))
        answers = self.task.evaluate(rows)
        self.rows = np.concatenate([self.rows, rows])
        self.merit = np.concatenate([self.merit, answers.merit])
        self.excess = np.concatenate([self.excess, answers.excess])

    def settle(self, n: int) -> None:
        """Evaluate up to `n` complete networks within the budgets, where none was evaluated.

        They are found by costs alone, which is no evaluation: from the network that is least over
        the budgets, of those whose cells or blocks are all alike, one choice after the other is
        changed to what is least over them.
        """
        task, growth = self.task, self.growth
        if (growth.complete(self.rows, growth.levels) & (self.excess == 0.0)).any():
            return
        rows = task.canonical(
            growth.plain(task.rng)[: SOME if task.ground.tabled else LOOKED_AT**2]
        )
        excess = task.excess(rows)
        while excess.min(initial=INF) > 0.0:
            best = int(excess.argmin())
            near = task.canonical(growth.near(rows[best]))
            over = task.excess(near)
            if not over.min(initial=INF) < excess[best]:
                return
            rows, excess = near, over
        rows = rows[excess == 0.0]
        if task.max_evals is not None:
            n = min(n, task.max_evals - task.nfev)
        if len(rows) and n:
            self.evaluate(rows[self.order(rows)][:n])

    def best(self, n: int, level: int) -> Rows:
        """Return the best `n` that may be expanded; none within the budgets: the nearest."""
        may = np.flatnonzero(self.growth.complete(self.rows, level))
        order = np.lexsort((self.excess[may], -self.merit[may]))
        return self.rows[may[order[:n]]]

    def order(self, rows: Rows) -> NDArray[np.int64]:
        """Return the order of promise of rows: by a surrogate fitted to all that is known."""
        known = np.isfinite(self.merit)
        merit = self.merit[known]
        if len(merit) < 2 or merit.min() == merit.max():
            return self.task.rng.permutation(len(rows))
        seed = int(self.task.rng.integers(1 << 62))
        model = surrogate(self.name, self.growth.vocabulary, seed)
        model.fit(self.growth.tokens(self.rows[known]), merit)
        return np.argsort(-model.predict(self.growth.tokens(rows)), kind="stable")


def _changed(row: NDArray[np.int64], lengths: Sequence[int], variables: Iterable[int]) -> Rows:
    """Return all rows that differ from one in one of some variables."""
    places = [(k, value) for k in variables for value in range(lengths[k]) if value != row[k]]
    rows = np.tile(row, (len(places), 1))
    if places:
        which, values = np.array(places).T
        rows[np.arange(len(places)), which] = values
    return rows


class Blocks:
    """Cells of `PNASCells`, growing by a block at each level."""

    def __init__(self, space: PNASCells) -> None:
        self.space = space
        self.levels: int = space.most
        self.simplest = USUAL_FIRST
        kinds = np.tile(np.array([0, 0, 1, 1]), (space.most, 1))
        # one embedding of inputs and one of operators, as in the paper
        self.vocabulary: Vocabulary = Vocabulary(kinds, (space.most + 1, 8), (False, False))

    def first(self, rng: np.random.Generator) -> Rows:
        """Return all cells of one block that differ, in random order."""
        rows = [self.space.row_of(((x, y),)) for y in range(16) for x in range(y + 1)]
        return np.array(rows, dtype=np.int64)[rng.permutation(len(rows))]

    def plain(self, rng: np.random.Generator) -> Rows:
        """Return complete cells whose blocks are all alike: one for each cell of one block."""
        rows = self.first(rng)
        rows[:, 0] = self.space.counts.index(self.levels)
        rows[:, 1:] = np.tile(rows[:, 1:5], self.levels)
        return rows

    def near(self, row: NDArray[np.int64]) -> Rows:
        """Return complete cells that differ from one in one input or operator."""
        return _changed(row, self.space.lengths, range(1, len(row)))

    def complete(self, rows: Rows, level: int) -> NDArray[np.bool_]:
        """Return which rows have as many blocks as a level."""
        found: NDArray[np.bool_] = np.array(self.space.counts)[rows[:, 0]] == level
        return found

    def expand(self, parents: Rows, most: int, rng: np.random.Generator) -> Rows:
        """Return cells with one more block: all that there are, or a random choice of them."""
        count = self.space.counts[int(parents[0, 0])]
        right, left = np.tril_indices(8 * (count + 2))
        each, total = len(left), len(left) * len(parents)
        picks = np.arange(total) if total <= most else rng.integers(0, total, size=most)
        block = picks % each
        rows = parents[picks // each].copy()
        rows[:, 0] = self.space.counts.index(count + 1)
        at = 1 + 4 * count
        rows[:, at], rows[:, at + 2] = left[block] >> 3, left[block] & 7
        rows[:, at + 1], rows[:, at + 3] = right[block] >> 3, right[block] & 7
        return rows

    def tokens(self, rows: Rows) -> Rows:
        """Return rows as sequences of blocks."""
        tokens = rows[:, 1:].reshape(len(rows), -1, 4).copy()
        counts = np.array(self.space.counts)[rows[:, 0]]
        tokens[np.arange(tokens.shape[1]) >= counts[:, None]] = -1
        return tokens


class Runs:
    """Networks of any space, growing from cells that are all alike to runs of different ones."""

    def __init__(self, task: Task) -> None:
        groups = [np.asarray(group) for group in task.groups]
        shapes = [tuple(task.lengths[group].tolist()) for group in groups]
        if len(set(shapes)) == len(shapes):  # no two alike: perhaps their variables are
            groups = [np.array([variable]) for group in groups for variable in group]
            shapes = [tuple(task.lengths[group].tolist()) for group in groups]
        # cells are the groups that have the same choices; what is left, cells share
        usual = max(shapes, key=shapes.count, default=())
        alike = shapes.count(usual) > 1
        self.cells: list[NDArray[np.int64]] = [
            group for group, shape in zip(groups, shapes, strict=True) if shape == usual
        ]
        self.cells = self.cells if alike else []
        chosen = {id(group) for group in self.cells}
        self.heads: list[NDArray[np.int64]] = [group for group in groups if id(group) not in chosen]
        self.shape: tuple[int, ...] = usual if alike else ()
        self.lengths: NDArray[np.int64] = task.lengths
        self.levels: int = max(1, len(self.cells)) + len(self.heads)
        self.choices: int = prod(self.shape)
        self.head_shapes: list[tuple[int, ...]] = [
            tuple(task.lengths[group].tolist()) for group in self.heads
        ]
        self.simplest: int = self.choices
        for shape in self.head_shapes:
            self.simplest *= prod(shape)
        self._speak(task.ground.tabled)

    def _speak(self, ordered: bool) -> None:
        steps = [*self.heads, *self.cells]
        columns = max((len(step) for step in steps), default=1)
        kinds = np.zeros((max(1, len(steps)), columns), dtype=np.int64)
        sizes = [1]  # kind 0: no variable
        for place, step in enumerate(steps):
            for column, variable in enumerate(step.tolist()):
                kinds[place, column] = len(sizes)
                sizes.append(int(self.lengths[variable]))
        self.vocabulary: Vocabulary = Vocabulary(kinds, sizes, [ordered] * len(sizes))
        self.steps = steps

    def first(self, rng: np.random.Generator) -> Rows:
        """Return networks of equal cells in random order: all, or 2**13 of them."""
        total = self.simplest
        if total > SOME:  # perhaps more than an integer holds
            rows = rng.integers(0, self.lengths, size=(SOME, len(self.lengths)))
            for group in self.cells:
                rows[:, group] = rows[:, self.cells[0]]
            return rows
        flat = rng.permutation(total)
        rows = np.zeros((len(flat), len(self.lengths)), dtype=np.int64)
        for group, shape in zip(self.heads, self.head_shapes, strict=True):
            flat, value = np.divmod(flat, prod(shape))
            rows[:, group] = np.stack(np.unravel_index(value, shape), 1)
        if self.cells:
            value = np.stack(np.unravel_index(flat, self.shape), 1)
            for group in self.cells:
                rows[:, group] = value
        return rows

    def plain(self, rng: np.random.Generator) -> Rows:
        """Return networks of equal cells: all, or some of them."""
        return self.first(rng)

    def near(self, row: NDArray[np.int64]) -> Rows:
        """Return networks that differ from one in one choice."""
        return _changed(row, self.lengths.tolist(), range(len(row)))

    def complete(self, rows: Rows, level: int) -> NDArray[np.bool_]:
        """Return which rows may be expanded: all, they have at most as many runs as the level."""
        return np.ones(len(rows), dtype=np.bool_)

    def expand(self, parents: Rows, most: int, rng: np.random.Generator) -> Rows:
        """Return networks with at most one more run, or a random choice of them."""
        # (parent, what changes): a head, or cells start to stop
        spots = [(k, -1 - h, 0) for h in range(len(self.heads)) for k in range(len(parents))]
        for k, row in enumerate(parents):
            spots += [(k, start, stop) for start, stop in self._parts(row)]
        sizes = np.array(
            [
                self.choices if start >= 0 else prod(self.head_shapes[-1 - start])
                for _, start, _ in spots
            ]
        )
        ends = np.cumsum(sizes)
        total = int(ends[-1]) if len(ends) else 0
        picks = np.arange(total) if total <= most else rng.integers(0, total, size=most)
        which = np.searchsorted(ends, picks, side="right")
        table = np.array(spots, dtype=np.int64).reshape(-1, 3)[which]
        value = picks - (ends - sizes)[which] if total else picks
        rows = parents[table[:, 0]].copy()
        for number, (group, shape) in enumerate(zip(self.heads, self.head_shapes, strict=True)):
            here = np.flatnonzero(table[:, 1] == -1 - number)
            rows[here[:, None], group] = np.stack(np.unravel_index(value[here], shape), 1)
        for place, group in enumerate(self.cells):
            here = np.flatnonzero((table[:, 1] <= place) & (place < table[:, 2]))
            rows[here[:, None], group] = np.stack(np.unravel_index(value[here], self.shape), 1)
        return rows

    def _parts(self, row: NDArray[np.int64]) -> list[tuple[int, int]]:
        """Return the beginnings and ends of a row's runs of equal cells, and the runs."""
        values = [tuple(row[group].tolist()) for group in self.cells]
        parts: dict[tuple[int, int], None] = {}
        start = 0
        for place in range(1, len(values) + 1):
            if place == len(values) or values[place] != values[start]:
                parts.update({(start, stop): None for stop in range(start + 1, place + 1)})
                parts.update({(begin, place): None for begin in range(start + 1, place)})
                start = place
        return list(parts)

    def tokens(self, rows: Rows) -> Rows:
        """Return rows as sequences: what cells share, then the cells."""
        kinds = self.vocabulary.kinds
        tokens = np.zeros((len(rows), *kinds.shape), dtype=np.int64)
        for place, step in enumerate(self.steps):
            tokens[:, place, : len(step)] = rows[:, step]
        return tokens
