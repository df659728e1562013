"""pymoo: a genetic algorithm on integers, 60 generations of 50; for a front NSGA-II."""

from __future__ import annotations

from typing import Any

import numpy as np
from pymoo.algorithms.moo.nsga2 import NSGA2
from pymoo.algorithms.soo.nonconvex.ga import GA
from pymoo.core.problem import Problem
from pymoo.operators.crossover.sbx import SBX
from pymoo.operators.mutation.pm import PM
from pymoo.operators.repair.rounding import RoundingRepair
from pymoo.operators.sampling.rnd import IntegerRandomSampling
from pymoo.optimize import minimize

DISTRIBUTION = "pymoo"
GENERATIONS, SIZE = 60, 50


class _Choices(Problem):
    def __init__(self, problem: Any, objectives: int) -> None:
        self.tables = [np.array(table) for table in (problem["values"], *problem["costs"])]
        self.limits, self.objectives = np.array(problem["limits"]), objectives
        groups, options = self.tables[0].shape
        super().__init__(
            n_var=groups,
            n_obj=objectives,
            n_ieq_constr=len(self.limits),
            xl=0,
            xu=options - 1,
            vtype=int,
        )

    def _evaluate(self, x: Any, out: Any, *_: Any, **__: Any) -> None:
        groups = np.arange(x.shape[1])
        totals = [table[groups, x].sum(axis=1) for table in self.tables]
        out["F"] = np.stack(totals[: self.objectives], axis=1)
        out["G"] = np.stack(totals[1:], axis=1) - self.limits


def _run(kind: Any, problem: Any, objectives: int, seed: int) -> Any:
    repair = RoundingRepair()
    algorithm = kind(
        pop_size=SIZE,
        sampling=IntegerRandomSampling(),
        crossover=SBX(prob=1.0, eta=3.0, vtype=float, repair=repair),
        mutation=PM(prob=1.0, eta=3.0, vtype=float, repair=repair),
        eliminate_duplicates=True,
    )
    return minimize(_Choices(problem, objectives), algorithm, ("n_gen", GENERATIONS), seed=seed)


def solve(problem: Any, seed: int) -> tuple[list[int] | None, bool, str]:
    """Run the algorithm."""
    found = _run(GA, problem, 1, seed)
    if found.X is None:
        return None, False, "result.X is None"
    return [int(one) for one in found.X], False, f"best of {GENERATIONS} generations"


def front(problem: Any, seed: int) -> list[list[int]]:
    """Return the last set of points that none dominates."""
    found = _run(NSGA2, problem, 2, seed)
    return [] if found.X is None else [[int(one) for one in row] for row in np.atleast_2d(found.X)]
