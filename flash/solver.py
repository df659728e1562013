"""search(): the facade. Validate, compile, SHGO, prove, report."""

from __future__ import annotations

from time import perf_counter

from ._core.exact import Query, Search
from ._core.shgo import explore
from ._options import METHODS, check_device, check_options
from ._record import deferred
from ._validate import integer
from .hardware import METRICS as COSTS
from .hardware import as_target
from .predictor import as_predictor
from .problem import as_space, nn_degree_of, row_of, rows_of, totals_of
from .result import SearchResult

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from ._event import Event, Listener
    from ._function import Found
    from ._objective import Objective
    from .hardware import Target
    from .predictor import AccuracyPredictor
    from .problem import Problem
    from .spaces import SearchSpace

__all__ = ["METHODS", "Run", "search"]

INF = float("inf")
STOPS = (None, "time_limit_s", "max_evals", "interrupt")


def search(
    space: SearchSpace | str | os.PathLike[str],
    target: Target | str | os.PathLike[str] | Sequence[Target | str],
    *,
    max_latency_ms: float | Sequence[float | None] | None = None,
    max_energy_mj: float | Sequence[float | None] | None = None,
    max_area_mm2: float | Sequence[float | None] | None = None,
    max_params: float | Sequence[float | None] | None = None,
    max_macs: float | Sequence[float | None] | None = None,
    min_accuracy: float | Sequence[float | None] | None = None,
    predictor: AccuracyPredictor | str | os.PathLike[str] | None = None,
    objective: str | Mapping[str, float] | Callable[[Any], Any] = "accuracy",
    compile_objective: bool | None = None,
    method: str = "shgo",
    codesign: bool = False,
    certify: bool = True,
    evaluator: Any = None,
    options: Mapping[str, Any] | None = None,
    journal: str | os.PathLike[str] | None = None,
    seed: int = 0,
    time_limit_s: float | None = None,
    max_evals: int | None = None,
    callback: Callable[[Event], Any] | None = None,
    progress: bool = False,
    threads: int | None = None,
) -> Any:
    """Find the best network of a space for a target within budgets, and prove it.

    Parameters
    ----------
    space : SearchSpace, or str or path
        A space, the name of a default one ("densenet", "resnet", "wide-resnet", "mobilenet-v2"),
        or a TOML or JSON file.
    target : Target, str or path, or a list of them
        The hardware: see `flash.targets`. A list gives one result each, in a `FleetResult`.
    max_latency_ms, max_energy_mj, max_area_mm2, max_params, max_macs : float, optional
        Budgets, positive; a network is feasible if and only if its reported float64 is at most
        the budget. For a list of targets a budget may be a list too: one for each, or None.
    min_accuracy : float in (0, 1], optional
        Needs a predictor.
    predictor : AccuracyPredictor or path, optional
        None searches without training, by NN-Degree.
    objective : str, dict or function, default "accuracy"
        "accuracy": predicted accuracy, or NN-Degree without a predictor. A dict of exponents, for
        example ``{"accuracy": 1, "latency_ms": -1}``: the weighted product of these. A function
        takes a dict of arrays (what `flash.evaluate` returns, plus "choices") and returns one
        score per configuration, larger is better; it is searched by SHGO and never proven.
    compile_objective : bool, optional
        Whether numba, where installed, compiles an objective function; the result's flags say what
        was done and why. By default it does where the function loops in Python: array operations
        are compiled already, and compiling takes about a second. True: those too. False: never.
        Where numba cannot, or the scores would differ, the function runs as it is.
    method : str, default "shgo"
        "shgo": hierarchical SHGO, then the exact solver from its answer. "exact": only that.
        Methods of other papers, to compare: "random", "evolution", "pnas", "fp-nas", "parsec",
        "netadapt-v2", "netadapt", "hurricane", "spos", "hao" (see docs/methods.md).
    codesign : bool, default False
        Whether the accelerator is open to choice too, where the target has a design space (see
        docs/codesign.md): the exact solver proves the best of network, accelerator and, where the
        target has them, bits for each cell, whatever `certify` says.
    certify : bool, default True
        False: SHGO alone, with its gap to the bound. Of another paper's method: whether to work out
        the optimum afterwards, where it can be proven, and the gap to it.
    evaluator : optional
        Other papers' methods: what tells accuracies, instead of a predictor: a
        `TableEvaluator`, a `TrainingEvaluator`, the path of a table, or a function from a list of
        architectures to their accuracies.
    options : dict, optional
        Other papers' methods: their own options.
    journal : path, optional
        Other papers' methods: file of all evaluations. A run that finds its networks there takes
        their accuracies from it, so that one that was stopped goes on.
    seed : int, default 0
        The same seed gives the same answer.
    time_limit_s : float, optional
    max_evals : int, optional
        Configurations that may be evaluated. Combinations of some cells only, which the exact
        solver's enumeration looks at, count as one for every 64. Other papers' methods: networks
        whose accuracy is asked for; one over a budget is none.
    callback : callable, optional
        Called now and then with an `Event`; the search stops where it returns True.
    progress : bool, default False
        Print a line to stderr while searching.
    threads : int, optional
        For a list of targets; the answers are the same for any number. By default as many as there
        are processors. A callback, or an objective function, is called from one thread only, and
        methods of other papers use one.

    Returns
    -------
    SearchResult, or FleetResult (a list of SearchResult)

    Raises
    ------
    ArgumentError, ArgumentTypeError
        If an argument is not accepted; nothing was searched then.
    """
    started = perf_counter()
    given = {
        "predictor": predictor,
        "objective": objective,
        "compile_objective": compile_objective,
        "method": method,
        "codesign": codesign,
        "certify": certify,
        "evaluator": evaluator,
        "options": options,
        "journal": journal,
        "seed": seed,
        "time_limit_s": time_limit_s,
        "max_evals": max_evals,
        "callback": callback,
        "progress": progress,
    }
    costs = (max_latency_ms, max_energy_mj, max_area_mm2, max_params, max_macs)
    if isinstance(target, (list, tuple)):
        from .fleet import search_fleet

        return search_fleet(space, target, costs, min_accuracy, given, threads, started)
    if threads is not None:
        integer("threads", threads, 1, 1024)
    if isinstance(given["method"], str) and method not in METHODS:
        from .methods.running import prepare

        ready = prepare(space, given)
        return ready.search(ready.check(target, costs, min_accuracy), started)
    space = as_space(space)
    target = as_target(target)
    predictor = as_predictor(predictor, space.family)
    one: Any = (costs, min_accuracy, predictor, objective, compile_objective)
    device = check_device(target, *one)
    return check_options(given).search(space, predictor, device, started)


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

        from ._event import Listener

        self.listener = Listener(callback, progress, self.started)
        tell = self.listener.tell

        def notify(core: Search) -> bool:
            best, bound, predictor = core.best, core.bound, self.problem.predictor
            return tell(
                None if best is None else self.wanted.report(best[2], predictor),
                None if bound - bound else self.wanted.report(bound, predictor),
                core.counts[2],
            )

        self.tell, self.notify = tell, notify

    def go(self, method: str, certify: bool, deadline: float, evals: int) -> SearchResult:
        """Search, and report however it ends."""
        if self.wanted.function is not None:
            from ._function import explore_function

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
        stopped = stopped or ("callback" if self.ended_by_callback else STOPS[core.stopped])
        return self.report(
            core, core.counts[2], stopped, certify and stopped is None, method=method
        )

    @property
    def ended_by_callback(self) -> bool:
        return self.listener is not None and self.listener.ended

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
            sizes = problem.tables.space_rows[variant]
            own = tuple([r % n for r, n in zip(rows, sizes, strict=True)])
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
        known = target.metrics
        costs = {
            name: value for name, value in zip(COSTS, metrics[1:4], strict=True) if name in known
        }
        return SearchResult(
            space,
            target.name,
            self.budgets,
            status,
            message,
            x=row,
            nn_degree=metrics[0] if predictor is None else nn_degree_of(totals),
            accuracy=None if predictor is None else predictor.accuracy_of(metrics[0]),
            latency_ms=costs.get("latency_ms"),
            energy_mj=costs.get("energy_mj"),
            area_mm2=costs.get("area_mm2"),
            params=int(totals[-2]),
            macs=int(totals[-1]),
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
            from ._infeasible import least_budgets, refusal

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
