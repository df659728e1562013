"""Fronts over network, accelerator and bits: every trade-off that no choice of all three betters.

Sets of accelerators are halved depth first, those that may be fastest before others; one is dropped
where an accelerator seen before is at least as good in everything that speeds a layer up. What is
left of a set is an accelerator, which the core's `Front` solves: it knows the points found so far,
leaves out what they dominate, most of it before it is formed, and says which of them it dominates.
Where accelerators had nothing new, several are tried together next: if the least of them (see
`flash.codesigning`) has no point that the known ones do not dominate, none of them has; the core
looks for one such point only.
"""

from __future__ import annotations

from itertools import islice
from time import perf_counter

import numpy as np

from ._core.front import Front
from .codesigning import pruned, split
from .hardware.designs import maximal, product

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from numpy import ndarray

    from ._core.tables import Tables
    from .codesigning import Codesign, Lists

__all__ = ["JointFront"]

INF = float("inf")
FEWEST, LARGEST = 4, 64  # accelerators that are tried together
ENDS = (None, "time_limit_s", None, "callback")


class JointFront:
    """One search for the front over networks, accelerators and bits.

    Of points that are equal in every goal the one of lower latency, then energy, then area, then
    higher score is kept; of those that are equal in these too, the one of the accelerator that was
    solved first, then of the lowest variant and rows of its tables.

    Parameters
    ----------
    codesign : Codesign
        Compiles sets of accelerators; its query's budgets hold, its objective is not read.
    goals : list of int
        Two to six metrics, in the core's order.
    epsilon : float, default 0
        As `flash.pareto` takes it.
    ends_at : float
        Until when, by `time.perf_counter`.
    notify : callable, optional
        Takes (points so far, share done), returns whether to stop.

    Attributes
    ----------
    metrics : ndarray of float64, shape (n, 6)
    variants : ndarray of int32, shape (n,)
    rows : ndarray of int32, shape (n, cells)
        Of the tables.
    choices : ndarray of int64, shape (n, parts)
    stopped : {None, "time_limit_s", "callback", "interrupt"}
    weighed, solved, probed : int
        Sums compared; accelerators solved; sets whose least was tried.
    """

    def __init__(
        self,
        codesign: Codesign,
        goals: list[int],
        *,
        epsilon: float = 0.0,
        ends_at: float = INF,
        notify: Callable[[int, float], bool] | None = None,
    ) -> None:
        self.codesign = codesign
        self.goals = goals
        self.epsilon = epsilon
        self.ends_at = ends_at
        self.notify = notify
        cells = max(map(int, codesign.space.cells))
        self.found: tuple[ndarray[Any, Any], ...] = (
            np.zeros((0, 6)),
            np.zeros(0, np.int32),
            np.zeros((0, cells), np.int32),
            np.zeros((0, len(codesign.design.parts)), np.int64),
        )
        self.tables: Tables | None = None  # of an accelerator: all have the same rows
        self.stopped: str | None = None
        self.weighed = self.solved = self.probed = 0
        self.done = 0.0
        self._new = False

    @property
    def metrics(self) -> ndarray[Any, Any]:
        return self.found[0]

    @property
    def variants(self) -> ndarray[Any, Any]:
        return self.found[1]

    @property
    def rows(self) -> ndarray[Any, Any]:
        return self.found[2]

    @property
    def choices(self) -> ndarray[Any, Any]:
        return self.found[3]

    def run(self) -> None:
        """Search until nothing is missing, or a limit."""
        try:
            self._run()
        except KeyboardInterrupt:
            self.stopped = "interrupt"

    def _run(self) -> None:
        leaves = self._leaves()
        size = 1
        while not self._ended():
            group = list(islice(leaves, size))
            if not group:
                return
            self._settle(group)
            # a set is tried where the accelerators before it had nothing new, a larger one then
            size = 1 if self._new or not self.codesign.relaxed else min(2 * size, LARGEST)
            self._new = False

    def _leaves(self) -> Iterator[tuple[tuple[int, ...], float]]:
        """Yield accelerators that no other is surely as good as, and the share that each covers."""
        run = self.codesign
        parts = run.design.parts
        start = pruned(run.design)
        stack: list[tuple[float, Lists]] = [(1.0, start)] if all(start) else []
        if len(start) == 1 and not run.relaxed:
            stack = [(1.0 / len(start[0]), [[option]]) for option in reversed(start[0])]
        known: list[tuple[int, ...]] = []
        while stack:
            share, lists = stack.pop()
            fitting = run._fitting(lists)
            if fitting is None:
                self.done += share
                continue
            tops = [maximal(part, one) for part, one in zip(parts, fitting, strict=True)]
            ideal = self._ideal(tops)
            if ideal and any(all(a >= b for a, b in zip(one, ideal, strict=True)) for one in known):
                self.done += share
                continue
            choice = run._leaf(fitting, tops)
            if choice is not None:
                known.append(ideal)
                yield choice, share
                continue
            halves = sorted(
                split(parts, fitting, tops), key=lambda half: product(self._ideal(half) or (1,))
            )
            stack += [(share / len(halves), half) for half in halves]

    def _settle(self, group: list[tuple[tuple[int, ...], float]]) -> None:
        """Solve some accelerators, or drop them together."""
        if self._ended():
            return
        if len(group) >= FEWEST and self._hopeless([choice for choice, _ in group]):
            self.done += sum(share for _, share in group)
        elif len(group) == 1:
            self._solve(*group[0])
        elif self.stopped is None:
            half = len(group) // 2
            self._settle(group[:half])
            self._settle(group[half:])

    def _ideal(self, lists: Lists) -> tuple[int, ...]:
        """Return the most of everything that speeds a layer up, of each part; () if not known."""
        out: list[int] = []
        for part, one in zip(self.codesign.design.parts, lists, strict=True):
            if part.better is None:
                return ()
            out += map(max, zip(*(part.better[k] for k in one), strict=True))
        return tuple(out)

    def _ended(self) -> bool:
        if self.stopped is not None:
            return True
        if perf_counter() >= self.ends_at:
            self.stopped = "time_limit_s"
        elif self.notify is not None and self.notify(len(self.metrics), self.done):
            self.stopped = "callback"
        return self.stopped is not None

    def _front(self, tables: Tables, share: float, only_new: bool) -> Front:
        notify = self.notify

        def tell(core: Front) -> bool:
            if notify is None:
                return False
            points = len(self.metrics) if only_new else core.size
            return notify(points, self.done + share * core.progress)

        return Front(
            tables,
            self.codesign.query,
            self.goals,
            epsilon=self.epsilon,
            time_limit_s=max(0.0, self.ends_at - perf_counter()),
            known=self.metrics.tobytes(),
            only_new=only_new,
            callback=None if notify is None else tell,
        )

    def _hopeless(self, choices: list[tuple[int, ...]]) -> bool:
        """Whether no accelerator of several has a point that the known ones do not dominate."""
        core = self._front(self.codesign.compile(choices), 0.0, True)
        self.probed += 1
        core.run()
        self.weighed += core.weighed
        self.stopped = ENDS[core.stopped]
        return core.stopped == 0

    def _solve(self, choice: tuple[int, ...], share: float) -> None:
        """Join the front of an accelerator, as far as it comes, to what is known."""
        tables = self.codesign.compile([choice])
        core = self._front(tables, share, False)
        interrupted = False
        try:
            core.run()
        except KeyboardInterrupt:
            interrupted = True
        self.tables = tables
        self.weighed += core.weighed
        self.solved += 1
        variants, rows, metrics = core.points
        n = len(variants) // 4
        if n:
            self._new = True
            kept = np.frombuffer(core.known, np.bool_)
            mine = (
                np.frombuffer(metrics).reshape(n, 6),
                np.frombuffer(variants, np.int32),
                np.frombuffer(rows, np.int32).reshape(n, -1),
                np.tile(np.array(choice, np.int64), (n, 1)),
            )
            self.found = tuple(
                np.concatenate([old[kept], new]) for old, new in zip(self.found, mine, strict=True)
            )
        if interrupted:
            raise KeyboardInterrupt
        self.stopped = ENDS[core.stopped]
        self.done += share

    def decoded(self) -> tuple[ndarray[Any, Any], ndarray[Any, Any]]:
        """Return each point's row of each cell of the space and the bits, shape (n, cells)."""
        own = np.zeros(self.rows.shape, np.int64)
        bits = np.zeros(self.rows.shape, np.int64)
        if self.tables is None:
            return own, bits
        for variant in np.unique(self.variants).tolist():
            some = np.flatnonzero(self.variants == variant)
            cells = len(self.tables.space_rows[variant])
            # each row once: many points share it
            distinct, place = zip(
                *(np.unique(self.rows[some, c], return_inverse=True) for c in range(cells)),
                strict=True,
            )
            most = max(map(len, distinct))
            told = [
                self.codesign.decode(
                    self.tables, variant, [int(d[min(k, len(d) - 1)]) for d in distinct]
                )
                for k in range(most)
            ]
            for c in range(cells):
                own[some, c] = np.array([one[0][c] for one in told], np.int64)[place[c]]
                if told[0][1]:
                    bits[some, c] = np.array([one[1][c] for one in told], np.int64)[place[c]]
        return own, bits
