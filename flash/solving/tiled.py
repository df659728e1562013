"""search() on a target with the models of several tiles: the parts of the space one after another.

Each part (see `flash.problem.tiling`) is a problem of its own. All are explored first; then the
exact solver takes them in the order of what was found, each with the best answer so far to beat.
What no part betters is the best of the space, and its bound the greatest of theirs.
"""

from __future__ import annotations

from time import perf_counter

from .._core.search.exact import Query, Search
from .._core.search.shgo import explore
from ..base.names import Metric
from ..base.record import Record
from ..problem.tiling import Tiled, order_of
from .confident import Confident
from .run import Run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..predictors.predictor import AccuracyPredictor
    from ..problem.compiling import Problem
    from ..problem.objective import Objective
    from ..problem.tiling import Part
    from ..results.result import SearchResult
    from ..spaces.space import SearchSpace
    from .options import Device, Options

__all__ = ["TiledRun", "search_confident_tiled"]

INF = float("inf")


class Found(Record):
    """The best network of a part: its row in the whole space, the core's objective, metrics."""

    row: tuple[int, ...]
    value: float
    metrics: tuple[float, ...]

    @property
    def rank(self) -> tuple[Any, ...]:
        """What answers are compared by, the best first."""
        return order_of(self.value, self.metrics, self.row)


class _PartRun(Run):
    """A part of a search by an objective function."""

    def __init__(self, whole: TiledRun, part: Part, problem: Problem) -> None:
        super().__init__(
            problem,
            whole.budgets,
            whole.limits,
            whole.query,
            whole.wanted,
            whole.seed,
            whole.started,
        )
        self.part, self.tell = part, whole.tell

    def choices(self, rows: Any) -> Any:
        return self.part.rows(rows)


class TiledRun(Run):
    """One search over the parts of a space."""

    problem: Any  # a Tiled

    def __init__(
        self,
        problem: Tiled,
        budgets: dict[str, float],
        limits: list[float],
        query: Query,
        wanted: Objective,
        seed: int,
        started: float,
    ) -> None:
        super().__init__(problem, budgets, limits, query, wanted, seed, started)  # type: ignore[arg-type]
        self.tiled = problem
        self.found: Found | None = None
        self.bounds = [INF] * len(problem.parts)
        self.nfev = 0  # of cores that are done with
        self.ends_at, self.evals = INF, -1
        self.at = 0

    def go(self, method: str, certify: bool, deadline: float, evals: int) -> SearchResult:
        self.ends_at, self.evals = perf_counter() + deadline, evals
        if self.wanted.function is not None:
            return self._by_functions(method)
        certify = certify or method == "exact"
        stopped: str | None = None
        try:
            stopped, certify = self._search(method, certify)
        except KeyboardInterrupt:
            stopped = "interrupt"
        proven = certify and stopped is None
        found, bound = self._reached(), max(self.bounds)
        if found is None:
            return self._nothing(
                -INF if proven else bound, stopped, proven, method=method, nfev=self.nfev
            )
        return self._found(
            found.row,
            found.metrics,
            self.tiled.facts(*self._place(found.row)),
            self.wanted.report(found.value, self.tiled.predictor),
            max(bound, found.value),
            stopped,
            proven,
            method=method,
            nfev=self.nfev,
            binding=self._binding(found.value, found.metrics) if proven and self.budgets else None,
            notes=self.wanted.notes,
        )

    def _place(self, row: tuple[int, ...]) -> tuple[int, tuple[int, ...]]:
        from ..spaces.index import rows_of

        return rows_of(self.tiled.space, row)

    def _search(self, method: str, certify: bool) -> tuple[str | None, bool]:
        """Look at every part; return what ended it early, and whether the rest is proven."""
        parts = range(len(self.tiled.parts))
        own: list[float] = [-INF] * len(parts)
        cores: list[Search] = []
        if method == "shgo":
            for k in parts:
                core = self._core(k, None)
                cores.append(core)
                try:
                    explore(core, self.seed)
                finally:
                    self._take(k, core)
                own[k] = -INF if core.best is None else core.best[2]
                if core.stopped:
                    return self._stopped(core), certify
        if cores and not certify and self._reached() is not None:
            for k, core in enumerate(cores):
                before = core.counts[-1]
                core.bound_roots()
                self.bounds[k] = core.bound
                self.nfev += core.counts[-1] - before
            return None, False
        del cores
        for k in sorted(parts, key=lambda k: -own[k]):
            best = self.found
            # first: of networks that are equal in all else the row decides
            core = self._core(k, None if best is None else (best.value, best.metrics, False))
            try:
                core.prove()
            finally:
                self.bounds[k] = core.bound
                self._take(k, core)
            if core.stopped:
                return self._stopped(core), True
        return None, True

    def _core(self, k: int, incumbent: Any) -> Search:
        self.at = k
        _, problem = self.tiled.parts[k]
        return Search(
            problem.tables,
            self.query,
            time_limit_s=max(0.0, self.ends_at - perf_counter()),
            max_leaves=self.evals if self.evals < 0 else max(0, self.evals - self.nfev),
            callback=self.notify,
            incumbent=incumbent,
        )

    def _take(self, k: int, core: Search) -> None:
        """Take what a core found, and its evaluations."""
        self.nfev += core.counts[-1]
        found = self._of(k, core)
        if found is not None and (self.found is None or found.rank < self.found.rank):
            self.found = found

    def _of(self, k: int, core: Search) -> Found | None:
        if core.best is None:
            return None
        variant, rows, value, metrics = core.best
        part, problem = self.tiled.parts[k]
        return Found(part.row(problem.row(variant, rows)), value, metrics)

    def _reached(self) -> Found | None:
        """Return the best so far; None where it does not reach the floor of accuracy."""
        found, predictor = self.found, self.tiled.predictor
        if found is None or predictor is None or self.floor == -INF:
            return found
        return found if predictor.accuracy_of(found.metrics[Metric.SCORE]) >= self.floor else None

    def _now(self, core: Search) -> tuple[float | None, float, int]:
        best, found = super()._now(core)[0], self._reached()
        if found is not None:
            best = found.value if best is None else max(best, found.value)
        bounds = [*self.bounds[: self.at], core.bound, *self.bounds[self.at + 1 :]]
        return best, max(bounds), self.nfev + core.counts[-1]

    def _by_functions(self, method: str) -> SearchResult:
        """Search every part by the user's own objective, of which no bound is known."""
        from .function import explore_function

        best: Any = None
        notes: tuple[str, ...] = ()
        stopped, nfev, proven = None, 0, True
        for part, problem in self.tiled.parts:
            run = _PartRun(self, part, problem)
            left = max(0.0, self.ends_at - perf_counter())
            evals = self.evals if self.evals < 0 else max(0, self.evals - nfev)
            found = explore_function(run, left, evals)
            nfev += found.nfev
            stopped = found.stopped
            if found.note:
                notes = tuple(dict.fromkeys((*notes, found.note)))
            if found.row is not None and found.score is not None:
                if best is None or found.score > best[0].score:
                    best = (found, part.row(found.row))
            elif best is None and stopped is None:
                proven = proven and not run._any()
            if stopped is not None:
                break
        if best is None:
            proven = proven and stopped is None
            return self._nothing(INF, stopped, proven, method=method, nfev=nfev, flags=notes)
        found, row = best
        return self._found(
            row,
            found.metrics,
            self.tiled.facts(*self._place(row)),
            found.score,
            INF,
            stopped,
            False,
            method=method,
            nfev=nfev,
            notes=notes,
        )


def search_confident_tiled(
    options: Options,
    space: SearchSpace,
    predictor: AccuracyPredictor | None,
    device: Device,
    level: float,
    started: float,
) -> SearchResult:
    """Search the parts of a space with budgets that hold at a level: each in rounds of its own, the
    best of their answers."""
    from ..problem.tiling import parts_of

    whole = Confident(options, space, predictor, device, level, started)
    runs: list[Confident] = []
    for part in parts_of(space, device.target):
        own = device.replace(target=part.target)
        run = Confident(options, part.space, predictor, own, level, started)
        run.nfev = whole.nfev  # a limit is on those of all parts
        try:
            run.go()
        except KeyboardInterrupt:
            run.stopped = "interrupt"
        runs.append(run)
        whole.nfev, whole.stopped = run.nfev, run.stopped
        if run.plain is not None:
            whole.plain = run.plain if whole.plain is None else max(whole.plain, run.plain)
        if run.best is not None:
            found = run.best.replace(row=part.row(run.best.row))
            if whole.best is None or _rank(found) < _rank(whole.best):
                whole.best = found
        if run.stopped is not None:
            break
    whole.empty = whole.stopped is None and all(run.empty for run in runs)
    if whole.stopped is None:
        whole.bound = max(-INF if run.empty else run.bound for run in runs)
    best = whole.best
    whole.proven = best is not None and whole.stopped is None and whole.bound <= best.value
    return whole.result()


def _rank(found: Any) -> tuple[Any, ...]:
    return order_of(found.value, found.metrics, found.row)
