"""One search, from the compiled problem to its result: SHGO, the proof, the report."""

from __future__ import annotations

from time import perf_counter

from .._core.search.exact import Query, Search
from .._core.search.shgo import explore
from ..base.checks import log
from ..base.names import STOPPED_BY, Metric
from ..problem.objective import least_of
from ..results.result import SearchResult, ended, no_result, result_at, verdict
from ..spaces.index import row_of, rows_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ..problem.compiling import Problem
    from ..problem.objective import Objective
    from ..results.conflicts import Explanation
    from ..results.event import Event, Listener
    from ..results.result import SearchResult

__all__ = ["Run"]

INF = float("inf")


class Run:
    """One search from compiled problem to result."""

    def __init__(
        self,
        problem: Problem,
        budgets: dict[str, float],
        limits: list[float],
        query: Query,
        wanted: Objective,
        seed: int,
        started: float,
    ) -> None:
        self.problem = problem
        self.budgets = budgets
        self.limits = limits
        self.query = query
        self.wanted = wanted
        self.seed = seed
        self.started = started
        self.floor = -INF  # of accuracy
        self.notify: Callable[[Search], bool] | None = None
        self.tell: Callable[[float | None, float | None, int], bool] | None = None
        self.listener: Listener | None = None

    def listen(
        self, callback: Callable[[Event], Any] | None, stop: list[bool] | None = None
    ) -> None:
        """Prepare the core's notifications, where anybody listens; `stop`: what ends the search
        once it holds something, for threads, which see no signals."""
        if callback is None:
            if stop is not None:
                self.notify = lambda _: bool(stop)
            return

        from ..results.event import Listener

        self.listener = Listener(callback, self.started)
        tell = self.listener.tell

        def notify(core: Search) -> bool:
            (best, bound, nfev), predictor = self._now(core), self.problem.predictor
            return tell(
                None if best is None else self.wanted.report(best, predictor),
                None if bound - bound else self.wanted.report(bound, predictor),
                nfev,
            )

        self.tell, self.notify = tell, notify

    def go(self, method: str, certify: bool, deadline: float, evals: int) -> SearchResult:
        """Search, and report however it ends."""
        problem = self.problem
        log("search", "%s begins: %s on %s", method, problem.space.family, problem.target.name)
        if self.wanted.function is not None:
            return self._by_function(method, deadline, evals)
        core = Search(
            self.problem.searched,
            self.query,
            time_limit_s=deadline,
            max_leaves=evals,
            callback=self.notify,
        )
        certify = certify or method == "exact"
        stopped = None
        try:
            if method == "shgo":
                explore(core, self.seed)
            if certify or self._best(core) is None:
                core.prove()
                certify = True
            else:
                core.bound_roots()
        except KeyboardInterrupt:
            stopped = "interrupt"
        stopped = stopped or self._stopped(core)
        return self._by_core(core, method, stopped, certify and stopped is None)

    def _now(self, core: Search) -> tuple[float | None, float, int]:
        """Return (best objective so far, bound, evaluations) of a search that goes on."""
        best = self._best(core)
        *_, nfev = core.counts
        return None if best is None else best[2], core.bound, nfev

    def choices(self, rows: Any) -> Any:
        """Return rows of the problem as an objective function is given them."""
        return rows

    def _best(self, core: Search) -> Any:
        """Return the best network so far; None where it does not reach the floor: none does."""
        best, predictor = core.best, self.problem.predictor
        if best is None or predictor is None or self.floor == -INF:
            return best
        *_, metrics = best
        return best if predictor.accuracy_of(metrics[Metric.SCORE]) >= self.floor else None

    def _stopped(self, core: Search) -> str | None:
        """Return what ended a core search early."""
        if self.listener is not None and self.listener.ended:
            return "callback"
        stopped = STOPPED_BY[core.stopped]
        return "interrupt" if stopped == "callback" else stopped  # of a fleet: see `listen`

    def _by_core(
        self, core: Search, method: str, stopped: str | None, proven: bool
    ) -> SearchResult:
        """The result of the core's search."""
        problem, wanted = self.problem, self.wanted
        *_, nfev = core.counts
        found = self._best(core)
        if found is None:
            return self._nothing(
                -INF if proven else core.bound, stopped, proven, method=method, nfev=nfev
            )
        variant, rows, value, metrics = found
        own = problem.own_rows(variant, problem.rows_found(variant, rows))
        return self._found(
            row_of(problem.space, variant, own),
            metrics,
            problem.facts(variant, own),
            wanted.report(value, problem.predictor),
            core.bound,
            stopped,
            proven,
            method=method,
            nfev=nfev,
            binding=self._binding(value, metrics) if proven and self.budgets else None,
            notes=self.wanted.notes,
        )

    def _binding(self, value: float, metrics: tuple[float, ...]) -> Callable[[], Any]:
        """Return what works out which budgets bind; without this problem's tables."""
        problem = self.problem
        asked = (problem.space, problem.target, problem.predictor)
        wanted, budgets = self.wanted, self.budgets

        def binding() -> dict[str, dict[str, float]]:
            from ..results.binding import Asked, binding_budgets

            return binding_budgets(Asked(*asked, wanted, budgets, value, metrics))

        return binding

    def _by_function(self, method: str, deadline: float, evals: int) -> SearchResult:
        """Search by the user's own objective, of which no bound is known, and report."""
        from .function import explore_function

        found = explore_function(self, deadline, evals)
        notes = (found.note,) if found.note else ()
        if found.row is None or found.metrics is None or found.score is None:
            proven = found.stopped is None and not self._any()
            return self._nothing(
                INF, found.stopped, proven, method=method, nfev=found.nfev, flags=notes
            )
        return self._found(
            found.row,
            found.metrics,
            self.problem.facts(*rows_of(self.problem.space, found.row)),
            found.score,
            INF,
            found.stopped,
            False,
            method=method,
            nfev=found.nfev,
            notes=notes,
        )

    def _any(self) -> bool:
        """Whether some network meets the budgets, by the exact solver."""
        least = least_of(self.budgets.get("min_accuracy"))
        core = Search(self.problem.searched, Query(self.limits, least), time_limit_s=1.0)
        core.prove()
        return core.best is not None or core.stopped != 0

    def _found(
        self,
        row: tuple[int, ...],
        metrics: tuple[float, ...],
        facts: dict[str, Any],
        score: float,
        bound: float,
        stopped: str | None,
        proven: bool,
        **fields: Any,
    ) -> SearchResult:
        """The result of a network that was found; `bound` is the core's."""
        problem, predictor = self.problem, self.problem.predictor
        log("search", "ended, found: %s", "proven" if proven else stopped or "not proven")
        return result_at(
            problem.space,
            problem.target,
            self.budgets,
            row,
            metrics,
            verdict(proven, stopped, "best found" + ended(stopped, "; not proven")),
            predictor=predictor,
            accuracy=None if predictor is None else predictor.accuracy_of(metrics[Metric.SCORE]),
            objective=score,
            upper_bound=score if proven else self._bound(bound),
            objective_name=self.wanted.name(predictor is not None),
            seed=self.seed,
            stopped=stopped,
            proven=proven,
            elapsed_s=perf_counter() - self.started,
            **facts,
            **fields,
        )

    def _nothing(
        self, bound: float, stopped: str | None, proven: bool, **fields: Any
    ) -> SearchResult:
        """The result where no configuration within the budgets was found."""
        problem, budgets = self.problem, self.budgets
        space, target, predictor = problem.space, problem.target, problem.predictor

        log("search", "ended, nothing found: %s", "proven" if proven else stopped or "not proven")

        def why() -> Explanation:  # not by this problem: a result must not hold its tables
            from ..results.conflicts import why_not

            return why_not(space, target, predictor, budgets)

        return no_result(
            space,
            target,
            budgets,
            why if proven else None,
            upper_bound=self._bound(bound),
            objective_name=self.wanted.name(predictor is not None),
            seed=self.seed,
            stopped=stopped,
            elapsed_s=perf_counter() - self.started,
            **fields,
        )

    def _bound(self, bound: float) -> float | None:
        """Return the core's bound as a result has it; None where there is none."""
        return self.wanted.report(bound, self.problem.predictor) if bound < INF else None
