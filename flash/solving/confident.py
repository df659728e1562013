"""search(confidence=): budgets that hold for the upper end of the costs' intervals.

Solved are relaxations: the same search with bounds on the upper ends instead of them (see
`flash.hardware._cuts`), each closest to its end at the answer before it. The answer of one that
meets the budgets by its own upper ends is the best: nothing better is in that relaxation, which
holds every network that meets them.
"""

from __future__ import annotations

from time import perf_counter

from .._core.search.exact import Query, Search
from .._core.search.shgo import explore
from ..base.names import COSTS, N_METRICS, STOPPED_BY, UPPER, Metric
from ..base.record import Record
from ..errors import ArgumentError
from ..hardware._cuts import Cut, End, cut_at
from ..hardware._prediction import area_of_all, unseen_features
from ..networks.operations import charged
from ..problem.compiling import compile_problem, count_columns
from ..problem.objective import limits_on
from ..results.result import ended, no_result, result_at, verdict
from ..spaces.index import row_of
from ..spaces.values import sizes_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from ..hardware.target import Target
    from ..networks.architecture import Architecture
    from ..predictors.predictor import AccuracyPredictor
    from ..problem.compiling import Problem
    from ..results.conflicts import Explanation
    from ..results.result import SearchResult
    from ..spaces.space import SearchSpace
    from .options import Device, Options

__all__ = ["Confident", "intervals_of", "search_confident"]

INF = float("inf")
UNIT = 1e-9  # of a feature as a latency: totals stay within those of tables
ROUNDS = 40  # relaxations before the best answer so far is given, with the bound on better ones
LEAST_S = 2.0  # for the question whether every network has a feature
FURTHER = 4_000  # evaluations at most, where the relaxations prove nothing
STEPS = 30  # of a budget made smaller, until an answer meets its own


class Answer(Record):
    """What one relaxation found.

    Parameters
    ----------
    row : tuple of int
    net : Architecture
    value : float
        Of the core's objective.
    metrics : tuple of float
        By the target itself, in the core's order.
    upper : dict of str to float
        The upper end of each cost that has a budget.
    facts : dict
    """

    row: tuple[int, ...]
    net: Architecture
    value: float
    metrics: tuple[float, ...]
    upper: dict[str, float]
    facts: dict[str, Any]


def search_confident(
    options: Options,
    space: SearchSpace,
    predictor: AccuracyPredictor | None,
    device: Device,
    level: float,
    started: float,
) -> SearchResult:
    """Search for one device with budgets that hold at a level.

    Raises
    ------
    ArgumentError
        If no budget is on a cost that the target has intervals of.
    """
    run = Confident(options, space, predictor, device, level, started)
    if not run.limited:
        known = ", ".join(intervals_of(device.target, space)) or "none"
        raise ArgumentError(
            f"confidence needs a budget on a cost with intervals: {device.target.name!r} has "
            f"{known} for {space.family}"
        )
    try:
        run.go()
    except KeyboardInterrupt:
        run.stopped = "interrupt"
    found = run.result()
    if run.proven or run.empty or run.stopped is not None:
        return found
    return _once_more(run, found)


def _once_more(run: Confident, found: SearchResult) -> SearchResult:
    """Return the answer of the solver of conditions where that is proven, and what was found else.

    Relaxations may come to no end: each cuts an interval straight at one network. That solver takes
    it as it is, box by box of choices, which is slower where the rounds do end.
    """
    options, device = run.options, run.device
    exponents = device.wanted.exponents
    evals = FURTHER if options.evals < 0 else min(FURTHER, options.evals - run.nfev)
    if (exponents is not None and any(exponents[Metric.ALL_COSTS])) or evals < 1:
        return found
    from .within import UNASKED, Within

    deadline = options.deadline if options.deadline < INF else None
    asked: dict[str, Any] = {
        **UNASKED,
        "predictor": run.predictor,
        "method": options.method,
        "seed": options.seed,
        "confidence": run.level,
        "max_evals": evals,
        "time_limit_s": deadline,
    }
    within = Within(run.space, asked)
    budgets = [device.budgets.get(name) for name in UPPER]
    one = within.check(device.target, budgets, device.budgets.get("min_accuracy"))
    again = within.search(one, run.started)
    nfev, elapsed = run.nfev + again.nfev, perf_counter() - run.started
    return (again if again.proven else found).replace(nfev=nfev, elapsed_s=elapsed)


def intervals_of(target: Target, space: SearchSpace) -> tuple[str, ...]:
    """Return the costs of which a space's networks have intervals."""
    return tuple((target.intervals or {}).get(target.set_for(space.family), {}))


class Confident:
    """The rounds of a search."""

    def __init__(
        self,
        options: Options,
        space: SearchSpace,
        predictor: AccuracyPredictor | None,
        device: Device,
        level: float,
        started: float,
    ) -> None:
        self.options, self.space, self.predictor = options, space, predictor
        self.device, self.level, self.started = device, level, started
        known = intervals_of(device.target, space)
        self.limited = [name for name in COSTS if f"max_{name}" in device.budgets and name in known]
        self.extra = count_columns((*limits_on(device.limits), *device.wanted.metrics))
        self.bound, self.nfev = INF, 0
        self.stopped: str | None = None
        self.empty = self.proven = False
        self.best: Answer | None = None
        self.plain: float | None = None  # the objective without confidence

    def go(self) -> None:
        """Solve the parts of the space, each until nothing better is left in it."""
        whole = dict.fromkeys(self.limited, 1.0)
        plain = {m: Cut(self.device.budgets[f"max_{m}"], {}) for m in self.limited}
        first = self._solve(plain, whole)
        if first is None:
            self.empty = self.stopped is None
            return
        self.plain = self.device.wanted.report(first.value, self.predictor)
        if not self.limited:
            self.best, self.bound, self.proven = first, first.value, True
            return
        self.bound, bound = first.value, -INF
        parts = self._parts(first)
        for number, (beyond, without) in enumerate(parts, 1):
            ends = {
                m: End(self.device.target, self.space.family, m, self.level, cut.limit, beyond)
                for m, cut in plain.items()
            }
            cuts = {m: end.flat() for m, end in ends.items()}
            own = self._rounds(ends, cuts, without)
            bound = max(bound, own)
            if self.stopped is None and (self.best is None or own > self.best.value):
                self._shrink(cuts, without)
            if number == len(parts):
                self.bound = min(self.bound, bound)
            if self.stopped is not None:
                return
        self.empty = self.best is None and bound == -INF
        self.proven = self.best is not None and self.best.value >= bound

    def _parts(self, found: Answer) -> list[tuple[float, tuple[str, ...]]]:
        """Return parts that hold all networks that meet the budgets: of each how far its networks
        lie outside of what was measured, but for their size, and the features that none has.

        A network with a feature that no measured one had lies farther outside. Where some have one
        there are two parts: the networks without any, and all of them, held to the wider interval.
        """
        target, space = self.device.target, self.space
        family = space.family
        unseen = unseen_features(target, family)
        area = area_of_all(target, family, charged(found.net.network()), sizes_of(space))
        if unseen and self._least(unseen) > 0.0:
            return [(area + 1.0, ())]
        if not unseen or self._unused() is None:
            return [(area, ())]
        return [(area, unseen), (area + 1.0, ())]

    def _least(self, features: tuple[str, ...]) -> float:
        """Return the least total of features in the space; 0 where it takes too long to know."""
        target, space = self.device.target, self.space
        table = {"latency_ms": dict.fromkeys(features, UNIT)}
        place = target.set_for(space.family)
        counting = target.replace(coefficients={**target.coefficients, place: table})
        exponents = [-1.0 if k == Metric.LATENCY else 0.0 for k in range(N_METRICS)]
        query = Query([INF] * N_METRICS, -INF, exponents)
        limit = min(LEAST_S, self._left())
        core = Search(compile_problem(space, counting).tables, query, time_limit_s=limit)
        core.prove()
        if core.best is None or core.stopped:
            return 0.0
        return float(core.best[3][Metric.LATENCY])

    def _unused(self) -> str | None:
        """Return a cost that the target does not model, by which networks can be left out."""
        return next((name for name in COSTS if name not in self.device.target.metrics), None)

    def _rounds(
        self, ends: dict[str, End], cuts: dict[str, Cut], without: tuple[str, ...]
    ) -> float:
        """Solve relaxations of a part until one's answer meets its own budgets, or none better than
        the best is left; return what no network of the part exceeds. The last cuts are kept."""
        whole = dict.fromkeys(self.limited, 1.0)
        bound = INF
        seen: set[tuple[int, ...]] = set()
        for _ in range(ROUNDS):
            found = self._solve(cuts, whole, without)
            if found is None and self.stopped is not None:
                return bound
            if found is None:
                return -INF if self.best is None else self.best.value
            bound = min(bound, found.value)
            if not self._over(found):
                self.best = found
                return bound
            if found.row in seen:
                break
            seen.add(found.row)
            for metric in self.limited:
                if self._bends(metric):
                    counted = charged(found.net.network())
                    cuts[metric] = cut_at(ends[metric], counted, self._costs(found))
        return bound

    def _bends(self, metric: str) -> bool:
        """Whether a cost's coefficients may be others than the target's: nothing else reads them,
        neither the objective nor the energy that leaks in the meantime."""
        target, exponents = self.device.target, self.device.wanted.exponents
        if exponents is not None and any(exponents[Metric.ALL_COSTS]):
            return False
        leaks = target.network_links(self.space.family).get("leakage", 0.0) > 0.0
        return not (metric == "latency_ms" and leaks and "max_energy_mj" in self.device.budgets)

    def _left(self) -> float:
        """Return the seconds that are left."""
        return max(0.0, self.options.deadline - (perf_counter() - self.started))

    def _costs(self, found: Answer) -> dict[str, float]:
        return dict(zip(COSTS, found.metrics[Metric.ALL_COSTS], strict=True))

    def _over(self, found: Answer) -> list[str]:
        """Return the costs whose upper end is over budget."""
        return [m for m in self.limited if found.upper[m] > self.device.budgets[f"max_{m}"]]

    def _shrink(self, cuts: dict[str, Cut], without: tuple[str, ...]) -> None:
        """Look for a better answer with smaller budgets, where relaxations come to no end."""
        shares = dict.fromkeys(self.limited, 1.0)
        for _ in range(STEPS):
            found = self._solve(cuts, shares, without)
            if found is None:
                return
            over = self._over(found)
            if not over:
                self.best = found
                return
            for metric in over:
                budget = self.device.budgets[f"max_{metric}"]
                shares[metric] *= min(0.999, budget / found.upper[metric])

    def _solve(
        self, cuts: dict[str, Cut], shares: dict[str, float], without: tuple[str, ...] = ()
    ) -> Answer | None:
        """Return the best network of a relaxation; None where none is better than the best so far,
        or time is up. without: features that it has none of."""
        options, device = self.options, self.device
        target, limits = device.target, list(device.limits)
        bent: dict[str, Mapping[str, float]]
        bent = {column: one for cut in cuts.values() for column, one in cut.coefficients.items()}
        unused = self._unused()
        if without and unused is not None:
            bent[unused] = dict.fromkeys(without, UNIT)
            limits[Metric.LATENCY + COSTS.index(unused)] = UNIT / 4.0
        if bent:
            place = target.set_for(self.space.family)
            table = {**target.coefficients[place], **bent}
            target = target.replace(coefficients={**target.coefficients, place: table})
        for metric in self.limited:
            limit = cuts[metric].limit * shares[metric]
            limits[Metric.LATENCY + COSTS.index(metric)] = limit
        problem = compile_problem(self.space, target, self.predictor, self.extra)
        evals = options.evals  # of all rounds together; negative: any number
        core = Search(
            problem.tables,
            Query(limits, device.least, device.wanted.exponents),
            time_limit_s=self._left(),
            max_leaves=evals if evals < 0 else max(1, evals - self.nfev),
            incumbent=None if self.best is None else (self.best.value, self.best.metrics, True),
        )
        if options.method == "shgo":
            explore(core, options.seed)
        core.prove()
        self.nfev += core.counts[-1]
        if core.stopped:
            self.stopped = STOPPED_BY[core.stopped]
            return None
        return None if core.best is None else self._answer(problem, core.best)

    def _answer(self, problem: Problem, best: Any) -> Answer:
        variant, rows, value, metrics = best
        own = problem.own_rows(variant, rows)
        row = row_of(self.space, variant, own)
        net = self.space.decode(row)
        cost = self.device.target.cost(net)
        costs = tuple([getattr(cost, name) or 0.0 for name in COSTS])
        ends = self.device.target.interval(net, self.level)
        facts = problem.facts(variant, own)
        known = (metrics[Metric.SCORE], *costs, float(facts["params"]), float(facts["macs"]))
        assert len(known) == N_METRICS
        upper = {m: ends[m][1] for m in self.limited}
        return Answer(row, net, value, known, upper, facts)

    def result(self) -> SearchResult:
        """Return the result, however it ended."""
        device, options, level = self.device, self.options, self.level
        wanted, predictor, found = device.wanted, self.predictor, self.best
        bound = wanted.report(self.bound, predictor) if self.bound < INF else None
        fields: dict[str, Any] = {
            "objective_name": wanted.name(predictor is not None),
            "method": options.method,
            "seed": options.seed,
            "nfev": self.nfev,
            "stopped": self.stopped,
            "elapsed_s": perf_counter() - self.started,
            "confidence": level,
        }
        if found is None:
            known = options, self.space, predictor, device, level

            def why() -> Explanation:
                from .sure import why_not

                return why_not(*known)

            return no_result(
                self.space,
                device.target,
                device.budgets,
                why if self.empty else None,
                upper_bound=bound,
                **fields,
            )
        objective = wanted.report(found.value, predictor)
        asked = options, self.space, predictor, device, level, found.value

        def binding() -> dict[str, dict[str, float]]:
            from .sure import binding

            return binding(*asked)

        within = f"whose intervals of {100 * level:g} % end within the budgets"
        score = found.metrics[Metric.SCORE]
        return result_at(
            self.space,
            device.target,
            device.budgets,
            found.row,
            found.metrics,
            verdict(
                self.proven,
                self.stopped,
                "best found" + ended(self.stopped, "; not proven"),
                f"proven: no configuration {within} is better",
            ),
            accuracy=None if predictor is None else predictor.accuracy_of(score),
            objective=objective,
            upper_bound=objective if self.proven else bound,
            proven=self.proven,
            binding=binding if self.proven else None,
            predictor=predictor,
            notes=(
                *wanted.notes,
                f"with confidence {level:g} the objective is {objective:.6g}, without it "
                f"{self.plain:.6g}",
            ),
            **found.facts,
            **fields,
        )
