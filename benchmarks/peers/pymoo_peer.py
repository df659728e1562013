"""pymoo: its genetic algorithm on integers, constraints of its own, vectorised with numpy.

Two set-ups from its documentation: integer sampling with operators repaired by rounding, and the
mixed-variable algorithm (`MixedVariableGA`), whose points are dictionaries.
"""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
from pymoo.algorithms.soo.nonconvex.ga import GA
from pymoo.core.mixed import MixedVariableGA
from pymoo.core.problem import Problem
from pymoo.core.termination import Termination
from pymoo.core.variable import Integer
from pymoo.operators.crossover.sbx import SBX
from pymoo.operators.mutation.pm import PM
from pymoo.operators.repair.rounding import RoundingRepair
from pymoo.operators.sampling.rnd import IntegerRandomSampling
from pymoo.optimize import minimize

from benchmarks.common.timing import Trace

from .outcome import goal_of, towards_goal

if TYPE_CHECKING:
    from typing import Any

    from .outcome import Outcome
    from .problem import PeerProblem

NAME = "pymoo"
SETTINGS = {
    "GA, integers by rounding, 50": (False, 50),
    "GA, integers by rounding, 100": (False, 100),
    "mixed-variable GA, 50": (True, 50),
}


class _Until(Termination):
    def __init__(self, trace: Trace) -> None:
        super().__init__()
        self.trace = trace

    def _update(self, algorithm: Any) -> float:
        return 1.0 if self.trace.done else 0.0


class _Rows(Problem):
    def __init__(self, problem: PeerProblem, trace: Trace, mixed: bool) -> None:
        self.peer, self.trace, self.mixed = problem, trace, mixed
        if mixed:
            names = [f"x{k}" for k in range(len(problem.bounds))]
            self.names = names
            variables = dict(zip(names, (Integer(bounds=b) for b in problem.bounds), strict=True))
            super().__init__(vars=variables, n_obj=1, n_ieq_constr=3)
        else:
            low, high = np.array(problem.bounds).T
            super().__init__(n_var=len(low), n_obj=1, n_ieq_constr=3, xl=low, xu=high, vtype=int)

    def _evaluate(self, x: Any, out: dict[str, Any], *_: Any, **__: Any) -> None:
        if self.mixed:
            x = np.array([[point[name] for name in self.names] for point in x])
        metrics = self.peer.metrics(np.asarray(x, dtype=np.int64))
        over = self.peer.violation(metrics)
        feasible = (over <= 0.0).all(axis=0)
        best = metrics[0][feasible].max() if feasible.any() else -np.inf
        self.trace.offer(float(best), len(feasible))
        out["F"] = -metrics[0]
        out["G"] = over.T


def solve(
    problem: PeerProblem, setting: str, limit_s: float, optimum: float = np.inf, seed: int = 0
) -> Outcome:
    """Run one setting once, to 0.1 % of the optimum or to the limit."""
    mixed, size = SETTINGS[setting]
    trace = Trace(limit_s, goal=goal_of(optimum))
    if mixed:
        algorithm = MixedVariableGA(pop_size=size)
    else:
        repair = RoundingRepair()
        algorithm = GA(
            pop_size=size,
            sampling=IntegerRandomSampling(),
            crossover=SBX(prob=1.0, eta=3.0, vtype=float, repair=repair),
            mutation=PM(prob=1.0, eta=3.0, vtype=float, repair=repair),
            eliminate_duplicates=True,
        )
    trace.start = start = perf_counter()
    minimize(
        _Rows(problem, trace, mixed), algorithm, _Until(trace), seed=seed, copy_termination=False
    )
    return towards_goal(trace, perf_counter() - start)
