"""search(codesign=True): runs the co-design solver and reports."""

from __future__ import annotations

from time import perf_counter

from .._core.search.exact import Query
from ..base.checks import log
from ..base.names import METRIC_OF, N_METRICS, TERMS, Metric
from ..errors import ArgumentError
from ..problem.compiling import MACS, PARAMS, SCORE, count_columns, facts_of
from ..problem.objective import least_of, limits_of, limits_on
from ..results.result import ended, no_result, result_at, verdict
from ..solving.options import unsearched
from .joint import Codesign, joint_size, reward

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from ..hardware.designs import DesignSpace
    from ..hardware.target import Target
    from ..predictors.predictor import AccuracyPredictor
    from ..problem.objective import Objective
    from ..results.accelerator import Accelerator
    from ..results.conflicts import Explanation
    from ..results.result import SearchResult
    from ..solving.options import Device, Options
    from ..spaces.space import SearchSpace
    from .joint import Found

__all__ = [
    "ANY",
    "NO_ROOM",
    "PROVEN",
    "accelerator_of",
    "joint_binding",
    "joint_columns",
    "refuse_blocks",
    "search_codesign",
    "why_not",
]

INF = float("inf")
COUNTED = 10**7  # accelerators that are counted one by one: those that fit
ANY = "network on any accelerator"
NO_ROOM = "no accelerator fits the device"
PROVEN = f"proven: no {ANY} within the budgets is better"


def refuse_blocks(space: SearchSpace) -> None:
    """Refuse a space of blocks: accelerators are designed for the families' networks."""
    if space.numbering is not None:
        raise ArgumentError(
            f"codesign is for the families' spaces, not for one of blocks, {space.family!r}; the "
            "target as it is takes it"
        )


def search_codesign(
    options: Options,
    space: SearchSpace,
    predictor: AccuracyPredictor | None,
    device: Device,
    started: float,
    stop: list[bool] | None = None,
) -> SearchResult:
    """Search networks and accelerators for one target.

    Raises
    ------
    ArgumentError
        If the target has no design space, the objective rewards a cost, or what the bits of its
        cells cost in accuracy is not known.
    """
    target, wanted, limits = device.target, device.wanted, device.limits
    refuse_blocks(space)
    if stop:
        return unsearched(space, device, predictor is not None, options.method, options.seed)
    design = target.design_space(space.family)
    rewarded = reward(wanted.exponents)
    if rewarded is not None:
        raise ArgumentError(
            f"objective must not reward a cost with codesign, got a positive exponent of "
            f"{TERMS[rewarded]}"
        )
    fields: dict[str, Any] = {
        "objective_name": wanted.name(predictor is not None, quantised=bool(design.cell_bits)),
        "method": options.method,
        "seed": options.seed,
    }
    short = design.least_shortage()
    if short is not None:
        return no_result(
            space,
            target,
            device.budgets,
            f"proven: {NO_ROOM}: {short}",
            elapsed_s=perf_counter() - started,
            **fields,
        )
    log("search", "networks and accelerators are sought: %s on %s", space.family, target.name)
    counted = count_columns((*limits_on(limits), *wanted.metrics))
    run = Codesign(
        space,
        design,
        predictor,
        Query(limits, device.least, wanted.exponents),
        joint_columns(target, space, predictor, counted),
        ends_at=started + options.deadline,
        evals=options.evals,
        notify=_notify(options, device, predictor, started, stop),
        seed=options.seed if options.method == "shgo" else None,
    )
    try:
        run.run()
    except KeyboardInterrupt:
        run.stopped = "interrupt"
    fields |= {"nfev": run.nfev, "stopped": run.stopped}
    if run.best is None:
        return _nothing(run, predictor, device, fields, started)
    return _found(run, run.best, predictor, device, fields, started)


def _found(
    run: Codesign,
    best: Found,
    predictor: AccuracyPredictor | None,
    device: Device,
    fields: dict[str, Any],
    started: float,
) -> SearchResult:
    """Return the result of the network and accelerator that were found."""
    design, wanted, stopped = run.design, device.wanted, run.stopped
    proven = stopped is None
    score = wanted.report(best.objective, predictor)
    bound = score if proven else None
    asked = run.space, design, predictor, wanted, device.budgets, best.objective
    if bound is None and run.bound < INF:
        bound = wanted.report(run.bound, predictor)
    return result_at(
        run.space,
        design.target,
        device.budgets,
        run.row(best),
        best.metrics,
        verdict(proven, stopped, "best so far" + ended(stopped), PROVEN),
        charged=lambda: design.target_of(best.choice),
        predictor=predictor,
        accuracy=None if predictor is None else predictor.accuracy_of(best.metrics[Metric.SCORE]),
        objective=score,
        upper_bound=bound,
        proven=proven,
        binding=(lambda: joint_binding(*asked)) if proven and device.budgets else None,
        accelerator=accelerator_of(run.space, design, best.choice, best.bits),
        elapsed_s=perf_counter() - started,
        **facts_of(run.plan, design.models(0, best.choice[0])[0], best.variant, best.rows),
        **fields,
    )


def joint_binding(
    space: SearchSpace,
    design: DesignSpace,
    predictor: AccuracyPredictor | None,
    wanted: Objective,
    budgets: Mapping[str, float],
    value: float,
) -> dict[str, dict[str, float]]:
    """Return the upper budgets that bind a proven answer: see `SearchResult.binding`.

    value: the core's objective of the answer.
    """
    from ..results.binding import ALL_S, Undecided, margins

    limits = limits_of(budgets)
    counted = count_columns((*limits_on(limits), *wanted.metrics))
    columns = joint_columns(design.target, space, predictor, counted)
    floor = least_of(budgets.get("min_accuracy"))
    ends_at = perf_counter() + ALL_S

    def best(name: str, limit: float) -> float:
        own = list(limits)
        own[METRIC_OF[name]] = limit
        run = Codesign(
            space, design, predictor, Query(own, floor, wanted.exponents), columns, ends_at=ends_at
        )
        run.run()
        if run.stopped is not None or run.best is None:
            raise Undecided
        return run.best.objective

    return margins(budgets, value, best, lambda one: wanted.report(one, predictor))


def _nothing(
    run: Codesign,
    predictor: AccuracyPredictor | None,
    device: Device,
    fields: dict[str, Any],
    started: float,
) -> SearchResult:
    """Return the result where nothing within the budgets was found."""
    space, design, budgets = run.space, run.design, device.budgets
    return no_result(
        space,
        design.target,
        budgets,
        (lambda: why_not(space, design, predictor, budgets)) if run.stopped is None else None,
        elapsed_s=perf_counter() - started,
        **fields,
    )


def joint_columns(
    target: Target, space: SearchSpace, predictor: AccuracyPredictor | None, counted: int
) -> int:
    """Return what tables of a joint search hold, as bits; counted: of params and MACs."""
    if predictor is not None and predictor.terms is not None:
        counted |= PARAMS | MACS
    return SCORE | target.columns(space.family) | counted


def accelerator_of(
    space: SearchSpace, design: DesignSpace, choice: tuple[int, ...], bits: tuple[int, ...]
) -> Accelerator:
    """Return an accelerator as a result shows it: an option for each part, bits of each cell."""
    used = design.used(choice)
    accelerators = design.feasible if design.size <= COUNTED else design.size
    return {
        "values": design.describe(choice),
        "resources": {name: [used[name], most] for name, most in design.limits.items()},
        "cell_bits": list(bits),
        "joint": joint_size(space, design, accelerators),
    }


def why_not(
    space: SearchSpace,
    design: DesignSpace,
    predictor: AccuracyPredictor | None,
    budgets: Mapping[str, float],
) -> Explanation:
    """Return why no network on any accelerator meets the budgets."""
    from ..results.conflicts import Oracle, Undecided, explain, limits_and_floor

    columns = joint_columns(design.target, space, predictor, 0)

    class Joint(Oracle):
        """Asks the solver of networks and accelerators."""

        def meets(self, budgets: Mapping[str, float]) -> bool:
            return self._best(budgets, None, 0) is not None

        def least(self, name: str, others: Mapping[str, float]) -> float | None:
            k = METRIC_OF[name]
            exponents = [-1.0 if i == k else 0.0 for i in range(N_METRICS)] if k else None
            best = self._best({o: v for o, v in others.items() if o != name}, exponents, k)
            if best is None:
                return None
            value = best.metrics[k]
            if name == "min_accuracy":
                return None if predictor is None else predictor.accuracy_of(value)
            return int(value) if k in (Metric.PARAMS, Metric.MACS) else value

        def _best(
            self, budgets: Mapping[str, float], exponents: list[float] | None, k: int
        ) -> Found | None:
            query = Query(*limits_and_floor(budgets), exponents)
            counted = count_columns((k, *limits_on(limits_and_floor(budgets)[0])))
            ends_at = perf_counter() + self.patience()
            run = Codesign(space, design, predictor, query, columns | counted, ends_at=ends_at)
            run.run()
            if run.stopped is not None and (exponents is not None or run.best is None):
                raise Undecided
            return run.best

    return explain(Joint(), budgets, ANY)


def _notify(
    options: Options,
    device: Device,
    predictor: AccuracyPredictor | None,
    started: float,
    stop: list[bool] | None,
) -> Any:
    """Return what is told of a search as it goes, where anybody listens."""
    if options.callback is None:
        return None if stop is None else lambda *_: bool(stop)
    from ..results.event import Listener

    listener = Listener(options.callback, started)
    wanted = device.wanted

    def notify(best: float | None, bound: float, nfev: int) -> bool:
        return listener.tell(
            None if best is None else wanted.report(best, predictor),
            wanted.report(bound, predictor) if -INF < bound < INF else None,
            nfev,
        )

    return notify
