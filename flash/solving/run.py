"""One search, from the compiled problem to its result: SHGO, the proof, the report."""

from __future__ import annotations

from time import perf_counter

from .._core.exact import Query, Search
from .._core.shgo import explore
from ..base.names import STOPPED_BY, Column, Metric
from ..base.record import deferred
from ..problem.compiling import nn_degree_of, totals_of
from ..results.result import SearchResult
from ..spaces.index import row_of, rows_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ..problem.compiling import Problem
    from ..problem.objective import Objective
    from ..results.event import Event, Listener
    from .function import Found

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
        self.notify: Callable[[Search], bool] | None = None
        self.tell: Callable[[float | None, float | None, int], bool] | None = None
        self.listener: Listener | None = None

    def listen(
        self,
        callback: Callable[[Event], Any] | None,
        progress: bool,
        stop: list[bool] | None = None,
    ) -> None:
        """Prepare the core's notifications, where anybody listens; `stop`: what ends the search
        once it holds something, for threads, which see no signals."""
        if callback is None and not progress:
            if stop is not None:
                self.notify = lambda _: bool(stop)
            return

        from ..results.event import Listener

        self.listener = Listener(callback, progress, self.started)
        tell = self.listener.tell

        def notify(core: Search) -> bool:
            best, bound, predictor = core.best, core.bound, self.problem.predictor
            *_, nfev = core.counts
            return tell(
                None if best is None else self.wanted.report(best[2], predictor),
                None if bound - bound else self.wanted.report(bound, predictor),
                nfev,
            )

        self.tell, self.notify = tell, notify

    def go(self, method: str, certify: bool, deadline: float, evals: int) -> SearchResult:
        """Search, and report however it ends."""
        if self.wanted.function is not None:
            from .function import explore_function

            found = explore_function(self, deadline, evals)
            nothing = found.row is None and found.stopped is None and not self._any()
            return self.report(None, found.nfev, found.stopped, nothing, found=found)
        core = Search(
            self.problem.tables,
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
            if certify or core.best is None:
                core.prove()
                certify = True
            else:
                core.bound_roots()
        except KeyboardInterrupt:
            stopped = "interrupt"
        *_, nfev = core.counts
        stopped = stopped or self._stopped(core)
        return self.report(core, nfev, stopped, certify and stopped is None, method=method)

    def _stopped(self, core: Search) -> str | None:
        """Return what ended a core search early."""
        if self.listener is not None and self.listener.ended:
            return "callback"
        stopped = STOPPED_BY[core.stopped]
        return "interrupt" if stopped == "callback" else stopped  # of a fleet: see `listen`

    def _any(self) -> bool:
        """Whether some network meets the budgets, by the exact solver."""
        least = self.budgets.get("min_accuracy", -INF)
        core = Search(self.problem.tables, Query(self.limits, least), time_limit_s=1.0)
        core.prove()
        return core.best is not None or core.stopped != 0

    def report(
        self,
        core: Search | None,
        nfev: int,
        stopped: str | None,
        proven: bool,
        *,
        method: str = "shgo",
        found: Found | None = None,
    ) -> SearchResult:
        """The result: of a core search, or (core None) of what a function's search found."""
        problem, wanted, predictor = self.problem, self.wanted, self.problem.predictor
        fields: dict[str, Any] = {
            "objective_name": wanted.name(predictor is not None),
            "method": method,
            "seed": self.seed,
            "nfev": nfev,
            "stopped": stopped,
            "proven": proven,
        }
        bound = INF if core is None else core.bound
        best = None if core is None else core.best
        row, score = (None, None) if found is None else (found.row, found.score)
        notes = (found.note,) if found is not None and found.note else ()
        if best is None and row is None:
            fields["flags"] = notes
            return self._nothing(bound, stopped, fields)
        if best is not None:
            variant, rows, value, metrics = best
            own = problem.own_rows(variant, rows)
            row = row_of(problem.space, variant, own)
            score = wanted.report(value, predictor)
            bound = score if proven else wanted.report(bound, predictor) if bound < INF else INF
            totals, degrees = totals_of(problem, variant, own)
        else:
            assert row is not None
            assert found is not None
            assert found.metrics is not None
            totals, degrees = totals_of(problem, *rows_of(problem.space, row))
            metrics = found.metrics
        if proven:
            status, message = "OPTIMAL", "proven: no configuration within the budgets is better"
        elif stopped == "time_limit_s":
            status, message = "TIME_LIMIT", "best so far; time_limit_s ended the search"
        else:
            status, message = "FEASIBLE", "best found" + self._ended(stopped)
        space, target = problem.space, problem.target
        costs = target.costs_among(metrics)
        return SearchResult(
            space,
            target.name,
            self.budgets,
            status,
            message,
            x=row,
            nn_degree=metrics[Metric.SCORE] if predictor is None else nn_degree_of(totals),
            accuracy=None if predictor is None else predictor.accuracy_of(metrics[Metric.SCORE]),
            latency_ms=costs.get("latency_ms"),
            energy_mj=costs.get("energy_mj"),
            area_mm2=costs.get("area_mm2"),
            params=int(totals[Column.PARAMS]),
            macs=int(totals[Column.MACS]),
            objective=score,
            upper_bound=bound,
            cell_degrees=degrees,
            # when somebody asks: it takes longer than the search
            flags=deferred(lambda: notes + target.cost(space.decode(row)).flags),
            elapsed_s=perf_counter() - self.started,
            **fields,
        )

    def _nothing(self, bound: float, stopped: str | None, fields: dict[str, Any]) -> SearchResult:
        """The result where no configuration within the budgets was found."""
        least = None
        if fields["proven"]:
            from ..results.conflicts import least_budgets, refusal

            least = least_budgets(self.problem, self.budgets)
            status, message = "INFEASIBLE", refusal(self.budgets, least)
        else:
            status = "TIME_LIMIT"
            message = "no network within the budgets was found" + self._ended(stopped)
        return SearchResult(
            self.problem.space,
            self.problem.target.name,
            self.budgets,
            status,
            message,
            upper_bound=self.wanted.report(bound, self.problem.predictor) if bound < INF else None,
            least=least,
            elapsed_s=perf_counter() - self.started,
            **fields,
        )

    @staticmethod
    def _ended(stopped: str | None) -> str:
        return f"; {stopped} ended the search" if stopped else "; not proven"
