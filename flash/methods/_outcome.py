"""The result of a method's run, with the gap to the proven optimum where there is one."""

from __future__ import annotations

from time import perf_counter

from .._core.exact import Query, Search
from .._core.shgo import explore
from ..base.names import Metric
from ..base.record import deferred
from ..results.result import SearchResult
from ..solving.ground import TableGround

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ._task import Task

__all__ = ["KNOWN", "outcome"]

KNOWN = "the proven optimum is better"  # how a message ends where the bound is an optimum

INF = float("inf")
PROOF_S = 10.0  # of the proof after a run: it explains the answer, and is no search of its own


def outcome(
    task: Task,
    budgets: dict[str, float],
    limits: list[float],
    method: str,
    seed: int,
    stopped: str | None,
    certify: bool,
    started: float,
) -> SearchResult:
    """Return a run's result.

    With `certify`, flash's exact solver (predictor and NN-Degree on a SearchSpace) or a look
    through the whole table (tables of accuracies) tells the optimum, within what is left of the
    time limit; other evaluators know of none.
    """
    ground, objective = task.ground, task.objective
    spent_s = task.spent_s
    bound: float | None = None
    proven = False
    least: dict[str, float] | None = None
    prove = getattr(ground, "prove", None)
    if prove is not None:  # a ground with an accelerator for each network
        left = min(PROOF_S, max(0.0, task.ends_at - perf_counter()))
        if certify and stopped != "interrupt":
            bound, proven = prove(task, perf_counter() + left)
    elif ground.tabled and not task.evaluator.expensive:
        bound, proven = _by_solver(task, limits, certify)
    elif certify and stopped != "interrupt":
        bound, proven = task.evaluator.optimum(task)
    found = task.best
    named = objective.name(task.evaluator.score == "accuracy")
    if prove is not None:
        named = named.replace("nn_degree", "quantised nn_degree")
    fields: dict[str, Any] = {
        "objective_name": named,
        "method": method,
        "seed": seed,
        "nfev": task.nfev,
        "stopped": stopped,
        "trace": tuple(task.trace),
        "samples": task.asked,
        "spent_s": spent_s,
    }
    ended = f"; {stopped} ended the search" if stopped else ""
    if found is None:
        empty = proven and bound == -INF
        status = "INFEASIBLE" if empty else "TIME_LIMIT"
        message = f"{method} found no network within the budgets" + (ended or "; not proven")
        if empty:
            message = "proven: no network meets the budgets"
            if isinstance(ground, TableGround) and prove is None:
                from ..results.conflicts import least_budgets, refusal

                least = least_budgets(ground.problem, budgets)
                message = refusal(budgets, least)
        return SearchResult(
            ground.space,
            ground.target.name,
            budgets,
            status,
            message,
            upper_bound=None if bound is None or bound == -INF else task.reported(bound),
            least=least,
            proven=empty,
            elapsed_s=perf_counter() - started,
            **fields,
        )
    optimal = proven and bound is not None and found.merit >= bound
    if optimal:
        status, message = "OPTIMAL", "proven: no configuration within the budgets is better"
        bound = found.merit
    elif stopped == "time_limit_s":
        status, message = "TIME_LIMIT", "best so far; time_limit_s ended the search"
    else:
        status = "FEASIBLE"
        message = f"best that {method} found{ended}"
        if proven:
            message += f"; {KNOWN}"
    metrics = found.metrics.tolist()
    costs = ground.target.costs_among(metrics)
    row = found.row if prove is None else ground.network_row(found.row)  # type: ignore[attr-defined]
    accelerator = None if prove is None else ground.accelerator(found.row)  # type: ignore[attr-defined]
    degree, degrees = _degree(task, row)
    space, target = ground.space, ground.target
    objective_value = task.reported(found.merit)
    return SearchResult(
        space,
        target.name,
        budgets,
        status,
        message,
        x=row,
        nn_degree=degree,
        accuracy=found.accuracy if task.evaluator.score == "accuracy" else None,
        latency_ms=costs.get("latency_ms"),
        energy_mj=costs.get("energy_mj"),
        area_mm2=costs.get("area_mm2"),
        params=int(metrics[Metric.PARAMS]),
        macs=int(metrics[Metric.MACS]),
        objective=objective_value,
        upper_bound=None if bound is None else task.reported(bound),
        proven=optimal,
        cell_degrees=degrees,
        accelerator=accelerator,
        flags=deferred(lambda: target.cost(space.decode(row)).flags),
        elapsed_s=perf_counter() - started,
        **fields,
    )


def _by_solver(task: Task, limits: list[float], certify: bool) -> tuple[float | None, bool]:
    """Return (merit that none within the budgets exceeds, whether one has it or none fits)."""
    left = min(PROOF_S, max(0.0, task.ends_at - perf_counter()))
    ground = task.ground
    assert isinstance(ground, TableGround)
    core = Search(
        ground.problem.tables,
        Query(limits, task.least, task.objective.exponents),
        time_limit_s=left,
    )
    if task.best is not None:
        variant, *rows = ground.places(task.best.row)
        core.offer(variant, rows)
    try:
        if certify and left > 0.0:
            explore(core, 0)  # the proof starts from a good answer, whatever the method's is
            core.prove()
        else:
            core.bound_roots()
    except KeyboardInterrupt:
        return None, False
    if core.stopped:
        return (core.bound if core.bound < INF else None), False
    if certify and left > 0.0:
        return (-INF if core.best is None else core.best[2]), True
    return (core.bound if core.bound < INF else None), False


def _degree(task: Task, row: tuple[int, ...]) -> tuple[float | None, tuple[float, ...]]:
    """Return a network's NN-Degree and those of its cells, where it has cells."""
    ground = task.ground
    if isinstance(ground, TableGround):
        from ..problem.compiling import nn_degree_of, totals_of
        from ..spaces.index import rows_of

        problem = ground.problem
        totals, degrees = totals_of(problem, *rows_of(problem.space, row))
        return nn_degree_of(totals), degrees
    from ..errors import FlashError
    from ..networks.degree import nn_degree

    try:
        return float(nn_degree(ground.space.decode(row))), ()
    except FlashError:
        return None, ()
