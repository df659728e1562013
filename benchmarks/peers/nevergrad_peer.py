"""nevergrad's NGOpt: ordered integers, and constraints by telling each point's violation.

It asks and tells one point at a time; the function of one point is compiled by numba.
"""

from __future__ import annotations

import warnings
from time import perf_counter
from typing import TYPE_CHECKING

import nevergrad as ng
import numpy as np

from benchmarks.common.timing import Trace

from .outcome import goal_of, towards_goal

if TYPE_CHECKING:
    from .outcome import Outcome
    from .problem import PeerProblem

NAME = "nevergrad NGOpt"
# how NGOpt is told of budgets
SETTINGS = {"ordered integers, constraint_violation": True, "ordered integers, penalty": False}
BUDGET = 10_000  # evaluations that NGOpt plans for; the time limit ends most runs earlier


def solve(
    problem: PeerProblem, setting: str, limit_s: float, optimum: float = np.inf, seed: int = 0
) -> Outcome:
    """Run one setting once, to 0.1 % of the optimum or to the limit."""
    native = SETTINGS[setting]
    trace = Trace(limit_s, goal=goal_of(optimum))
    out = np.zeros(4)
    evaluate = problem.one
    trace.start = start = perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        space = ng.p.Tuple(
            *(
                ng.p.Scalar(lower=low, upper=high).set_integer_casting()
                for low, high in problem.bounds
            )
        )
        space.random_state.seed(seed)
        optimizer = ng.optimizers.NGOpt(parametrization=space, budget=BUDGET, num_workers=1)
        while not trace.done and trace.evaluations < BUDGET:
            candidate = optimizer.ask()
            evaluate(np.array(candidate.value, dtype=float), out)
            over = np.maximum(out[1:], 0.0)
            excess = float(over.sum())
            trace.offer(-np.inf if excess > 0.0 else float(out[0]))
            if native:
                optimizer.tell(candidate, -float(out[0]), constraint_violation=over)
            else:
                optimizer.tell(candidate, excess if excess > 0.0 else -float(out[0]))
    return towards_goal(trace, perf_counter() - start)
