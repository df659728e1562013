"""scipy.optimize.differential_evolution: its own integers and constraints, vectorised by numpy.

It stops once its best feasible point is within 0.1 % of the optimum (known beforehand), or at the
limit: time to 0.1 %. `polish` is off, since it can't keep integers.
"""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import NonlinearConstraint, differential_evolution

from benchmarks.common.timing import Trace

from .outcome import goal_of, towards_goal

if TYPE_CHECKING:
    from typing import Any

    from .outcome import Outcome
    from .problem import PeerProblem

NAME = "scipy differential_evolution"

# constraints its own or a penalty, population per variable, strategy
SETTINGS = {
    "constraint, 15, best1bin": (True, 15, "best1bin"),
    "constraint, 40, best1bin": (True, 40, "best1bin"),
    "constraint, 8, best1bin": (True, 8, "best1bin"),
    "constraint, 15, rand1bin": (True, 15, "rand1bin"),
    "penalty, 15, best1bin": (False, 15, "best1bin"),
    "penalty, 40, best1bin": (False, 40, "best1bin"),
    "penalty, 40, rand1bin": (False, 40, "rand1bin"),
    "penalty, 40, currenttobest1bin": (False, 40, "currenttobest1bin"),
}


def solve(
    problem: PeerProblem, setting: str, limit_s: float, optimum: float = np.inf, seed: int = 0
) -> Outcome:
    """Run one setting once, to 0.1 % of the optimum or to the limit."""
    native, size, strategy = SETTINGS[setting]
    trace = Trace(limit_s, goal=goal_of(optimum))
    last: list[Any] = [None, None, None]

    def look(x: Any) -> tuple[Any, Any]:
        # objective and constraints are asked for the same population in turn
        if last[0] is None or last[0].shape != x.shape or (last[0] != x).any():
            metrics = problem.metrics(np.rint(x.T).astype(np.int64))
            over = problem.violation(metrics)
            feasible = (over <= 0.0).all(axis=0)
            best = metrics[0][feasible].max() if feasible.any() else -np.inf
            trace.offer(float(best), len(feasible))
            last[:] = x.copy(), metrics[0], over
        return last[1], last[2]

    def objective(x: Any) -> Any:
        return -look(x)[0]

    def penalised(x: Any) -> Any:
        score, over = look(x)
        excess = np.maximum(over, 0.0).sum(axis=0)
        return np.where(excess > 0.0, excess, -score)  # scores are positive

    options: dict[str, Any] = {}
    if native:
        options["constraints"] = NonlinearConstraint(lambda x: look(x)[1], -np.inf, 0.0)
    trace.start = start = perf_counter()
    differential_evolution(
        objective if native else penalised,
        problem.bounds,
        strategy=strategy,
        popsize=size,
        maxiter=10**6,
        tol=0.0,
        atol=-1.0,  # never content with a population that agrees
        integrality=[True] * len(problem.bounds),
        vectorized=True,
        updating="deferred",
        polish=False,
        rng=seed,
        callback=lambda intermediate_result: trace.done,
        **options,
    )
    return towards_goal(trace, perf_counter() - start)
