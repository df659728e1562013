"""Optuna: TPE with a constraints function, 200 trials; for a front NSGA-II, 1,000."""

from __future__ import annotations

import warnings
from typing import Any

import optuna

DISTRIBUTION = "optuna"
TRIALS, FRONT_TRIALS = 200, 1000
optuna.logging.set_verbosity(optuna.logging.ERROR)


def _study(problem: Any, sampler_of: Any, directions: list[str], trials: int) -> Any:
    def objective(trial: Any) -> Any:
        picks = [
            trial.suggest_int(str(k), 0, len(row) - 1)  # options are in order of size
            for k, row in enumerate(problem["values"])
        ]
        value, *costs = (
            sum(row[pick] for row, pick in zip(table, picks, strict=True))
            for table in (problem["values"], *problem["costs"])
        )
        over = [cost - limit for cost, limit in zip(costs, problem["limits"], strict=True)]
        trial.set_user_attr("over", over)
        return (value, costs[0])[: len(directions)] if len(directions) > 1 else value

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # constraints_func is marked experimental
        sampler = sampler_of(lambda trial: trial.user_attrs["over"])
    study = optuna.create_study(directions=directions, sampler=sampler)
    study.optimize(objective, n_trials=trials)
    return study


def _picks(trial: Any) -> list[int]:
    return [trial.params[str(k)] for k in range(len(trial.params))]


def solve(problem: Any, seed: int) -> tuple[list[int] | None, bool, str]:
    """Run a study; its best trial within the budgets, as `study.best_trial` has it."""
    study = _study(
        problem,
        lambda over: optuna.samplers.TPESampler(seed=seed, constraints_func=over),
        ["minimize"],
        TRIALS,
    )
    try:
        best = study.best_trial
    except ValueError as error:
        return None, False, str(error)
    return _picks(best), False, f"best of {TRIALS} trials"


def front(problem: Any, seed: int) -> list[list[int]]:
    """Return the best trials of two objectives."""
    study = _study(
        problem,
        lambda over: optuna.samplers.NSGAIISampler(seed=seed, constraints_func=over),
        ["minimize", "minimize"],
        FRONT_TRIALS,
    )
    return [_picks(trial) for trial in study.best_trials]
