"""Runs the core's search for a front, and turns its points into columns."""

from __future__ import annotations

from time import perf_counter

from .._core.front.front import Front
from .._core.search.exact import Query
from ..base.names import FRONT_STOPPED_BY, N_METRICS, STORED, TERMS, Metric
from ..problem.compiling import Problem, nn_degrees
from ..results.result import NOTHING, ended
from ..spaces.index import choices_at, places_of
from .front import FrontEvent, ParetoFront

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from numpy import ndarray

    from ..predictors.predictor import AccuracyPredictor
    from ..problem.tiling import Tiled
    from ..results.conflicts import Explanation

__all__ = ["best_first", "explained", "find", "reaching", "summary", "teller"]


def find(
    problem: Problem | Tiled,
    goals: tuple[str, ...],
    budgets: dict[str, float],
    limits: list[float],
    least: float,
    epsilon: float,
    deadline: float,
    callback: Callable[[FrontEvent], Any] | None,
    started: float,
) -> ParetoFront:
    """Search, and report however it ends."""
    tell = teller(callback, started)
    query = Query(limits, least)
    one = (goals, query, epsilon, deadline, started)
    weighed, stopped = 0, None
    found: list[tuple[Any, Any]] = []
    if isinstance(problem, Problem):
        core, stopped = _run(problem, *one, tell)
        weighed, points = core.weighed, _points(problem, core, least)
    else:
        parts = problem.parts
        for k, (part, own) in enumerate(parts):
            core, stopped = _run(own, *one, _of_part(tell, found, k, len(parts)))
            weighed += core.weighed
            x, metric = _points(own, core, least)
            found.append((part.rows(x), metric))
            if stopped is not None:
                break
        points = _merged(found, goals)
    x, metrics = columns(problem, *points, goals)
    why: dict[str, Any] = {}
    if len(x) or stopped:
        message = summary(len(x), stopped, epsilon)
    else:
        asked = (problem.space, problem.target, problem.predictor, budgets)
        if any(f"max_{name}" in budgets for name in STORED):
            from ..solving.within import why_none

            message = why_none(*asked).message
        else:
            from ..results.conflicts import why_not

            known = why_not(*asked)
            message, why = known.message, explained(known)
    front = ParetoFront(
        problem.space,
        problem.target,
        goals,
        budgets,
        epsilon,
        problem.predictor is not None,
        x,
        metrics,
        stopped,
        message,
        weighed=weighed,
        elapsed_s=perf_counter() - started,
        **why,
    )
    front.__dict__["_told_by"] = problem.predictor
    return front


def explained(known: Explanation) -> dict[str, Any]:
    """Return what a front has of why it is empty, but for the message."""
    return {
        "least": known.least,
        "conflicts": known.conflicts,
        "remedies": known.remedies,
    }


def summary(points: int, stopped: str | None, epsilon: float, where: str = "") -> str:
    """Return what a front's message says of its points; where: such as " on any accelerator"."""
    if not points:
        return NOTHING + ended(stopped)
    some = f"{points:,} points" if points > 1 else "1 point"
    if stopped is not None:
        return some + ended(stopped)
    if epsilon:
        return f"{some}, within {100 * epsilon:g} % of every network{where}"
    them = "any of them" if points > 1 else "it"
    proof = f"proven: nothing{where} dominates {them}, and none is missing"
    return f"{some}, {proof}"


def _run(
    problem: Problem,
    goals: tuple[str, ...],
    query: Query,
    epsilon: float,
    deadline: float,
    started: float,
    tell: Callable[[int, float], Any] | None,
) -> tuple[Front, str | None]:
    """Run the core's search; return it, and what ended it early."""
    core = Front(
        problem.tables,
        query,
        [TERMS.index(goal) for goal in goals],
        epsilon=epsilon,
        time_limit_s=max(0.0, deadline - (perf_counter() - started)),
        callback=None if tell is None else lambda core: tell(core.size, core.progress),
    )
    try:
        core.run()
    except KeyboardInterrupt:
        return core, "interrupt"
    return core, FRONT_STOPPED_BY[core.stopped]


def _of_part(
    tell: Callable[[int, float], bool] | None, found: list[Any], part: int, parts: int
) -> Callable[[int, float], bool] | None:
    """Return what is told of one part of a space as what is told of the whole."""
    if tell is None:
        return None
    before = sum(len(x) for x, _ in found)
    return lambda points, done: tell(before + points, (part + done) / parts)


def _points(
    problem: Problem, core: Front, floor: float
) -> tuple[ndarray[Any, Any], ndarray[Any, Any]]:
    """Return the points' rows of choices and metrics, shape (n, metrics)."""
    import numpy as np

    variants, rows, values = core.points
    n = len(variants) // 4
    variant = np.frombuffer(variants, dtype=np.int32)
    row = np.frombuffer(rows, dtype=np.int32).reshape(n, max(problem.layout))
    metric = np.frombuffer(values, dtype=np.float64).reshape(n, N_METRICS)
    kept = reaching(problem.predictor, metric[:, Metric.SCORE], floor)
    x = choices_at(problem.space, problem.tables.space_rows, variant[kept], row[kept])
    return x, metric[kept]


def _merged(
    found: list[tuple[ndarray[Any, Any], ndarray[Any, Any]]], goals: tuple[str, ...]
) -> tuple[ndarray[Any, Any], ndarray[Any, Any]]:
    """Return the points of several fronts that none of the others betters; of those equal in all
    goals the first by latency, energy, area, score and row."""
    import numpy as np

    from .._core.sweep.stream import nondominated

    x = np.concatenate([one for one, _ in found])
    metric = np.concatenate([one for _, one in found])
    if not len(x):
        return x, metric
    costs: Any = np.stack([metric[:, TERMS.index(goal)] for goal in goals], axis=1)
    for k, goal in enumerate(goals):
        if goal == "accuracy":
            costs[:, k] *= -1.0
    keys = [*costs.T, *metric[:, Metric.ALL_COSTS].T, -metric[:, Metric.SCORE], *x.T]
    order: Any = np.lexsort(keys[::-1])
    same: Any = np.ascontiguousarray(costs)
    kept = np.array(nondominated(same, order), dtype=np.int64)
    return x[kept], metric[kept]


def teller(
    callback: Callable[[FrontEvent], Any] | None, started: float
) -> Callable[[int, float], bool] | None:
    """Return what is told (points so far, share done) and returns whether to stop; None where
    nobody listens."""
    if callback is None:
        return None

    def tell(points: int, done: float) -> bool:
        return callback(FrontEvent(points, done, perf_counter() - started)) is True

    return tell


def best_first(metric: ndarray[Any, Any], goals: tuple[str, ...]) -> ndarray[Any, Any]:
    """Return the order of points, shape (n, metrics), by each goal in turn."""
    import numpy as np

    columns = [metric[:, TERMS.index(goal)] for goal in goals]
    keys = [-c if goal == "accuracy" else c for c, goal in zip(columns, goals, strict=True)]
    return np.lexsort(keys[::-1])


def reaching(predictor: AccuracyPredictor | None, scores: ndarray[Any, Any], floor: float) -> Any:
    """Return which of the core's points have an accuracy of at least a floor.

    The core tells a score back from it, with slack; what falls out here dominates nothing that
    stays, for accuracy rises with the score.
    """
    import numpy as np

    if predictor is None or floor == float("-inf"):
        return np.ones(len(scores), dtype=bool)
    return np.array([predictor.accuracy_of(s) >= floor for s in scores.tolist()], dtype=bool)


def columns(
    problem: Problem | Tiled,
    x: ndarray[Any, Any],
    metric: ndarray[Any, Any],
    goals: tuple[str, ...],
) -> tuple[ndarray[Any, Any], dict[str, ndarray[Any, Any]]]:
    """Return points' rows of choices and metrics as columns, best first by each goal in turn."""
    import numpy as np

    order = best_first(metric, goals)
    x, metric = x[order], metric[order]
    predictor, scores = problem.predictor, metric[:, Metric.SCORE].copy()
    out: dict[str, ndarray[Any, Any]] = {
        "nn_degree": np.array(nn_degrees(problem, scores, lambda: places_of(problem.space, x)))
    }
    if predictor is not None:
        accuracies = [predictor.accuracy_of(s) for s in scores.tolist()]
        out["accuracy"] = np.array(accuracies, dtype=np.float64)
        out["score"] = scores
    costs = problem.target.costs_among(metric.T)
    out.update({name: column.copy() for name, column in costs.items()})
    out["params"] = metric[:, Metric.PARAMS].astype(np.int64)
    out["macs"] = metric[:, Metric.MACS].astype(np.int64)
    for column in (x, *out.values()):
        column.flags.writeable = False
    return x, out
