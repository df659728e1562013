"""Optuna: TPE and NSGA-II, integers by `suggest_int`, budgets by `constraints_func`.

A trial is one point; its bookkeeping takes most of the time, so the function of one point being
compiled (numba) matters little.
"""

from __future__ import annotations

import warnings
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
import optuna

from benchmarks.common.timing import Trace

from .outcome import goal_of, towards_goal

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from .outcome import Outcome
    from .problem import PeerProblem

NAME = "Optuna"
SETTINGS = ("TPE", "NSGA-II")


def solve(
    problem: PeerProblem, setting: str, limit_s: float, optimum: float = np.inf, seed: int = 0
) -> Outcome:
    """Run one setting once, to 0.1 % of the optimum or to the limit."""
    trace = Trace(limit_s, goal=goal_of(optimum))
    out = np.zeros(4)
    evaluate = problem.one
    optuna.logging.set_verbosity(optuna.logging.WARNING)

    def objective(trial: Any) -> float:
        x = [trial.suggest_int(f"x{k}", low, high) for k, (low, high) in enumerate(problem.bounds)]
        evaluate(np.array(x, dtype=float), out)
        trial.set_user_attr("over", [float(value) for value in out[1:]])
        trace.offer(float(out[0]) if (out[1:] <= 0.0).all() else -np.inf)
        if trace.done:
            trial.study.stop()
        return float(out[0])

    def over(trial: Any) -> Sequence[float]:
        return trial.user_attrs["over"]

    trace.start = start = perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # constraints_func is marked experimental
        if setting == "TPE":
            sampler = optuna.samplers.TPESampler(
                seed=seed, multivariate=True, constraints_func=over
            )
        else:
            sampler = optuna.samplers.NSGAIISampler(seed=seed, constraints_func=over)
        study = optuna.create_study(direction="maximize", sampler=sampler)
        study.optimize(objective, timeout=limit_s)
    return towards_goal(trace, perf_counter() - start)
