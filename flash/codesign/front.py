"""Fronts over network, accelerator and bits: every trade-off that no choice of all three betters.

Of all accelerators those that may be best (`DesignSpace.candidates`) are solved one by one. The
core's `Front` knows the points found so far: it leaves out what they dominate, most of it before
it is formed, and says which of them it dominates. Where accelerators had nothing new, several that
are alike are tried together next: if their relaxation (see `flash.codesign.joint`) has no point
that the known ones do not dominate, none of them has; the core looks for one such point only.
"""

from __future__ import annotations

from time import perf_counter

import numpy as np

from .._core.front.front import Front
from ..base.names import FRONT_STOPPED_BY, N_METRICS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from numpy import ndarray

    from .._core.tables.tables import Tables
    from .joint import Codesign

__all__ = ["JointFront"]

INF = float("inf")
FEWEST, LARGEST = 4, 64  # accelerators that are tried together


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
    metrics : ndarray of float64, shape (n, metrics)
    variants : ndarray of int32, shape (n,)
    rows : ndarray of int32, shape (n, cells)
        Of the tables.
    choices : ndarray of int64, shape (n, parts)
    stopped : {None, "time_limit_s", "callback", "interrupt"}
    weighed, solved, probed : int
        Sums compared; accelerators solved; sets whose least was tried.
    """

    weighed: int
    solved: int
    probed: int

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
            np.zeros((0, N_METRICS)),
            np.zeros(0, np.int32),
            np.zeros((0, cells), np.int32),
            np.zeros((0, len(codesign.design.parts)), np.int64),
        )
        self.tables: Tables | None = None  # of an accelerator: all have the same rows
        self.stopped: str | None = None
        self.weighed = self.solved = self.probed = 0
        self.done: float = 0.0
        self._new = False
        self._share = 0.0

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
        design = self.codesign.design
        several = len(design.parts) > 1  # else a relaxation is as much work as to solve each
        for choices in design.alike():
            left = sorted(choices, key=self._likeness) if several else choices
            self._share = 1.0 / max(1, len(design.candidates))
            size = 1
            while left and not self._ended():
                group, left = left[:size], left[size:]
                self._new = False
                self._settle(group)
                # several are tried together where those before had nothing new, then more
                size = 1 if self._new or not several else min(2 * size, LARGEST)

    def _likeness(self, choice: tuple[int, ...]) -> list[int]:
        """Return an order that keeps those with the same last parts together, large ones first."""
        parts = self.codesign.design.parts
        return [
            -number
            for part, k in reversed(list(zip(parts, choice, strict=True)))
            for number in (part.better[k] if part.better is not None else ())
        ]

    def _settle(self, group: list[tuple[int, ...]]) -> None:
        """Solve some accelerators, or drop them together."""
        if self._ended():
            return
        if len(group) >= FEWEST and self._hopeless(group):
            self.done += len(group) * self._share
        elif len(group) == 1:
            self._solve(group[0])
        elif self.stopped is None:
            half = len(group) // 2
            self._settle(group[:half])
            self._settle(group[half:])

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
        self.stopped = FRONT_STOPPED_BY[core.stopped]
        return core.stopped == 0

    def _solve(self, choice: tuple[int, ...]) -> None:
        """Join the front of an accelerator, as far as it comes, to what is known."""
        tables = self.codesign.compile([choice])
        core = self._front(tables, self._share, False)
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
                np.frombuffer(metrics).reshape(n, N_METRICS),
                np.frombuffer(variants, np.int32),
                np.frombuffer(rows, np.int32).reshape(n, -1),
                np.tile(np.array(choice, np.int64), (n, 1)),
            )
            self.found = tuple(
                np.concatenate([old[kept], new]) for old, new in zip(self.found, mine, strict=True)
            )
        if interrupted:
            raise KeyboardInterrupt
        self.stopped = FRONT_STOPPED_BY[core.stopped]
        self.done += self._share

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
