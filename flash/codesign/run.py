"""search(codesign=True): runs the co-design solver and reports."""

from __future__ import annotations

from time import perf_counter

from .._core.model import compile as core
from .._core.search.exact import Query
from .._core.tables.tables import COLUMNS
from ..base.record import deferred
from ..errors import ArgumentError
from ..hardware.target import METRICS as COSTS
from ..problem.compiling import MACS, PARAMS
from ..results.conflicts import NAMES, refusal
from ..results.result import SearchResult
from ..solving.options import unsearched
from .joint import Codesign, joint_size, reward

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..hardware.designs import DesignSpace
    from ..predictors.predictor import AccuracyPredictor
    from ..results.accelerator import Accelerator
    from ..solving.options import Device, Options
    from ..spaces.space import SearchSpace
    from .joint import Found

__all__ = ["accelerator_of", "least_values", "search_codesign"]

INF = float("inf")
COUNTED = 10**7  # accelerators that are counted one by one: those that fit
PATIENCE_S = 1.0  # for each least value that explains a refusal
TERMS = ("latency_ms", "energy_mj", "area_mm2")


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
    if stop:
        name = wanted.name(predictor is not None)
        return unsearched(space, device, name, options.method, options.seed)
    design = target.design_space(space.family)
    rewarded = reward(wanted.exponents)
    if rewarded is not None:
        raise ArgumentError(
            f"objective must not reward a cost with codesign, got a positive exponent of "
            f"{TERMS[rewarded - 1]}"
        )
    fields: dict[str, Any] = {
        "objective_name": wanted.name(predictor is not None),
        "method": options.method,
        "seed": options.seed,
    }
    if design.cell_bits and predictor is None:
        fields["objective_name"] = fields["objective_name"].replace(
            "nn_degree", "quantised nn_degree"
        )
    short = design.least_shortage()
    if short is not None:
        return _refused(space, device, f"proven: no accelerator fits the device: {short}", fields,
                        None, started)  # fmt: skip
    columns = 1 | target.columns(space.family)
    columns |= PARAMS if limits[4] < INF or wanted.uses(4) else 0
    columns |= MACS if limits[5] < INF or wanted.uses(5) else 0
    if predictor is not None and predictor.terms is not None:
        columns |= PARAMS | MACS
    run = Codesign(
        space,
        design,
        predictor,
        Query(limits, device.least, wanted.exponents),
        columns,
        ends_at=started + options.deadline,
        evals=options.evals,
        notify=_notify(options, device, predictor, started, stop),
        seed=options.seed if options.method == "shgo" else None,
    )
    try:
        run.run()
    except KeyboardInterrupt:
        run.stopped = "interrupt"
    fields |= {"nfev": run.nfev, "stopped": run.stopped, "proven": run.stopped is None}
    best = run.best
    if best is None:
        if run.stopped is None:
            least = least_values(run, predictor, device.budgets)
            message = refusal(device.budgets, least, "network on any accelerator")
            return _refused(space, device, message, fields, least, started)
        message = f"no network within the budgets was found; {run.stopped} ended the search"
        return SearchResult(
            space, target.name, device.budgets, "TIME_LIMIT", message,
            elapsed_s=perf_counter() - started, **fields,
        )  # fmt: skip
    return _report(run, best, predictor, device, fields, started)


def _report(
    run: Codesign,
    best: Found,
    predictor: AccuracyPredictor | None,
    device: Device,
    fields: dict[str, Any],
    started: float,
) -> SearchResult:
    space, design, wanted = run.space, run.design, device.wanted
    totals, degrees = core.totals_of(
        run.plan, design.models(0, best.choice[0])[0], best.variant, best.rows
    )
    score = wanted.report(best.objective, predictor)
    if run.stopped is None:
        status = "OPTIMAL"
        message = "proven: no network on any accelerator within the budgets is better"
    else:
        status = "TIME_LIMIT" if run.stopped == "time_limit_s" else "FEASIBLE"
        message = f"best so far; {run.stopped} ended the search"
    row = run.row(best)
    metrics = best.metrics
    known = design.target.metrics
    costs = {name: v for name, v in zip(COSTS, metrics[1:4], strict=True) if name in known}
    bound = score if run.stopped is None else None
    if bound is None and run.bound < INF:
        bound = wanted.report(run.bound, predictor)
    return SearchResult(
        space,
        design.target.name,
        device.budgets,
        status,
        message,
        x=row,
        nn_degree=totals[0] * core.SCORE_UNIT,
        accuracy=None if predictor is None else predictor.accuracy_of(metrics[0]),
        latency_ms=costs.get("latency_ms"),
        energy_mj=costs.get("energy_mj"),
        area_mm2=costs.get("area_mm2"),
        params=int(totals[COLUMNS.index("params")]),
        macs=int(totals[COLUMNS.index("macs")]),
        objective=score,
        upper_bound=bound,
        cell_degrees=tuple(d * core.SCORE_UNIT for d in degrees),
        accelerator=accelerator_of(space, design, best),
        flags=deferred(
            lambda: design.target_of(best.choice).cost(space.decode(row)).flags
        ),
        elapsed_s=perf_counter() - started,
        **fields,
    )  # fmt: skip


def accelerator_of(space: SearchSpace, design: DesignSpace, found: Found) -> Accelerator:
    """Return an accelerator as a result shows it."""
    used = design.used(found.choice)
    accelerators = design.feasible if design.size <= COUNTED else design.size
    return {
        "values": design.describe(found.choice),
        "resources": {name: [used[name], most] for name, most in design.limits.items()},
        "cell_bits": list(found.bits),
        "joint": joint_size(space, design, accelerators),
    }


def _refused(
    space: SearchSpace,
    device: Device,
    message: str,
    fields: dict[str, Any],
    least: dict[str, float] | None,
    started: float,
) -> SearchResult:
    return SearchResult(
        space,
        device.target.name,
        device.budgets,
        "INFEASIBLE",
        message,
        least=least,
        elapsed_s=perf_counter() - started,
        **{**fields, "proven": True},
    )


def least_values(
    run: Codesign, predictor: AccuracyPredictor | None, budgets: dict[str, float]
) -> dict[str, float]:
    """Return for each budget the least value it could have over all accelerators, the others as
    given where they alone admit a network."""
    found: dict[str, float] = {}
    for name in budgets:
        for others in (budgets, {}):
            limits = [others.get(n, INF) if n != name else INF for n in NAMES]
            floor = others.get("min_accuracy", -INF) if name != "min_accuracy" else -INF
            exponents = None
            if name in NAMES:
                k = NAMES.index(name)
                exponents = [-1.0 if i == k else 0.0 for i in range(6)]
            columns = run.columns | PARAMS * (name == "max_params") | MACS * (name == "max_macs")
            least = Codesign(
                run.space, run.design, predictor, Query(limits, floor, exponents), columns,
                ends_at=perf_counter() + PATIENCE_S,
            )  # fmt: skip
            least.run()
            if least.best is None or least.stopped is not None:
                continue
            if name in NAMES:
                value = least.best.metrics[NAMES.index(name)]
                found[name] = int(value) if name in ("max_params", "max_macs") else value
            elif predictor is not None:
                found[name] = predictor.accuracy_of(least.best.metrics[0])
            break
    return found


def _notify(
    options: Options,
    device: Device,
    predictor: AccuracyPredictor | None,
    started: float,
    stop: list[bool] | None,
) -> Any:
    """Return what is told of a search as it goes, where anybody listens."""
    if options.callback is None and not options.progress:
        return None if stop is None else lambda *_: bool(stop)
    from ..results.event import Listener

    listener = Listener(options.callback, options.progress, started)
    wanted = device.wanted

    def notify(best: float | None, bound: float, nfev: int) -> bool:
        return listener.tell(
            None if best is None else wanted.report(best, predictor),
            wanted.report(bound, predictor) if -INF < bound < INF else None,
            nfev,
        )

    return notify
