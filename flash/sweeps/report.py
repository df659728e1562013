"""From what a sweep's units found to its SweepResult."""

from __future__ import annotations

from time import perf_counter

from ..base.names import COSTS, COUNTS, STORED, TERMS, Metric
from ..results.result import result_at, verdict
from .work import Reduction

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..problem.objective import Objective
    from ..results.result import SearchResult
    from .result import SweepResult
    from .run import Settings
    from .store import Store
    from .work import Job

__all__ = ["report", "result_of"]

ALL = "proven: every configuration was accounted for"


def report(
    settings: Settings,
    job: Job,
    store: Store | None,
    found: Reduction,
    budgets: dict[str, float],
    wanted: Objective,
    stopped: str | None,
) -> SweepResult:
    """Return the result; with a folder, make it complete."""
    if store is not None and stopped is None:
        if store.result is None:
            store.result = _plain(found)
        store.finish(store.result)
        found = Reduction(job)
        found.add(store.result)
    rows = None if store is None else sum(one["part"]["rows"] for one in store.done.values())
    remade = () if store is None else tuple(store.remade)
    elapsed_s = perf_counter() - settings.started
    kept = (settings.out, rows, remade, stopped, elapsed_s)
    return result_of(job, found, budgets, wanted, kept)


def result_of(
    job: Job,
    found: Reduction,
    budgets: dict[str, float],
    wanted: Objective,
    kept: tuple[str | None, int | None, tuple[str, ...], str | None, float],
) -> SweepResult:
    """Return the result of what was found. kept: the folder, its rows, parts that were made again,
    what ended it early, and how long it took."""
    from .result import SweepResult

    plan = job.plan
    return SweepResult(
        job.space,
        job.problem.target.name,
        budgets,
        wanted.name(job.predictor is not None),
        plan["where"],
        plan["sample"],
        plan["seed"],
        job.total,
        found.count,
        found.feasible,
        _best(job, found, budgets, wanted),
        _histograms(job, found),
        _front(job, found),
        *kept,
        _why_not(job, found, budgets),
    )


def _why_not(job: Job, found: Reduction, budgets: dict[str, float]) -> str | None:
    """Return why no configuration is within the budgets, where that is proven of the whole space.

    All were looked at, or one of the budgets alone is met by none.
    """
    if found.feasible or not budgets:
        return None
    problem = job.problem
    why: Any
    if any(f"max_{name}" in budgets for name in STORED):
        from ..solving.within import why_none

        why = why_none(problem.space, problem.target, problem.predictor, budgets)
    else:
        from ..results.conflicts import why_not

        why = why_not(problem.space, problem.target, problem.predictor, budgets)
    every = found.count == job.space.size and job.plan["where"] is None
    alone = any(len(one) == 1 for one in why.conflicts)
    return why.message if every or alone else None


def _plain(found: Reduction) -> dict[str, Any]:
    return {
        "count": found.count,
        "feasible": found.feasible,
        "top": found.top,
        "histogram": found.histogram,
        "front": found.front,
    }


def _best(
    job: Job, found: Reduction, budgets: dict[str, float], wanted: Objective
) -> tuple[SearchResult, ...]:
    if not found.top:
        return ()
    problem, predictor = job.problem, job.problem.predictor
    whole = found.count == job.space.size and job.plan["where"] is None
    bound = wanted.report(found.top[0][2], predictor) if whole else None
    within = f"{found.feasible:,} configurations are within the budgets"
    results = []
    for rank, (variant, rows, value, metrics) in enumerate(found.top, 1):
        proven = whole and rank == 1
        result = result_at(
            job.space,
            problem.target,
            budgets,
            problem.row(variant, rows),
            metrics,
            verdict(proven, None, f"number {rank} of the networks; {within}", ALL),
            predictor=predictor,
            accuracy=None if predictor is None else predictor.accuracy_of(metrics[Metric.SCORE]),
            objective=wanted.report(value, predictor),
            upper_bound=bound,
            objective_name=wanted.name(predictor is not None),
            proven=proven,
            method="sweep",
            seed=job.plan["seed"],
            nfev=found.count,
            **problem.facts(variant, problem.own_rows(variant, rows)),
        )
        results.append(result)
    return tuple(results)


def _histograms(job: Job, found: Reduction) -> dict[str, Any] | None:
    from ..problem.compiling import MACS, PARAMS
    from .result import Histogram

    bins = job.plan["bins"]
    if not bins:
        return None
    lows, per_bin = job.ranges
    score = "nn_degree" if job.predictor is None else "score"
    names = [score, *COSTS, *COUNTS]
    counted = {"params": job.plan["extra"] & PARAMS, "macs": job.plan["extra"] & MACS}
    known = {*job.problem.target.metrics, score, *(one for one in COUNTS if counted[one])}
    result = {}
    for k, name in enumerate(names):
        if name in known:
            width = 1.0 / per_bin[k] if per_bin[k] else 0.0
            counts = found.histogram[k * bins : (k + 1) * bins]
            result[name] = Histogram(lows[k], lows[k] + bins * width, tuple(counts))
    return result


def _front(job: Job, found: Reduction) -> dict[str, tuple[Any, ...]] | None:
    names = job.plan["pareto"]
    if names is None:
        return None
    columns: dict[str, tuple[Any, ...]] = {"index": tuple([i for i, _, _ in found.front])}
    score = "nn_degree" if job.predictor is None else "accuracy"
    columns[score] = tuple([accuracy for _, _, accuracy in found.front])
    for name in (*job.problem.target.metrics, *COUNTS):
        k, read = TERMS.index(name), int if name in COUNTS else float
        columns[name] = tuple([read(metrics[k]) for _, metrics, _ in found.front])
    return columns
