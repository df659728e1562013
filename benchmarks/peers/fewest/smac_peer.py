"""SMAC's facade for hyperparameters: its random forest, log expected improvement, own first design.

Kinds are categorical, steps of numbers integers; asked and told one at a time, its own settings.
What was trained before costs nothing and is told again as a result; in a list that lacks
combinations the nearest candidate not yet trained stands for the answer, and is told as it.
Its forest is grown by one thread: the same trees, without threads that wait for each other.
"""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import joblib
from ConfigSpace import Categorical, ConfigurationSpace, Integer
from smac import HyperparameterOptimizationFacade, Scenario
from smac.runhistory.dataclasses import TrialValue

from .ledger import Ledger, orders

if TYPE_CHECKING:
    from .problems import Problem

MOST = 20  # questions for each training


def run(problem: Problem, seed: int, limit: int) -> list[int]:
    """Return the candidates in the order of training."""
    with joblib.parallel_config(backend="sequential"):
        return orders(_search, problem, seed, limit)


def _search(ledger: Ledger, seed: int) -> None:
    problem = ledger.problem
    logging.disable(logging.CRITICAL)
    space = ConfigurationSpace(seed=seed)
    names = [f"x{k}" for k in range(len(problem.lengths))]
    for name, length, ordered in zip(names, problem.lengths, problem.ordered, strict=True):
        kind = Integer(name, (0, length - 1)) if ordered else Categorical(name, list(range(length)))
        space.add(kind)
    with tempfile.TemporaryDirectory() as folder:
        scenario = Scenario(
            space,
            deterministic=True,
            n_trials=ledger.limit,
            seed=seed,
            output_directory=Path(folder),
        )
        facade = HyperparameterOptimizationFacade(
            scenario, lambda config, seed=0: 0.0, overwrite=True, logging_level=False
        )
        for _ in range(MOST * ledger.limit):
            trial = facade.ask()
            number = problem.snapped([int(trial.config[name]) for name in names], ledger.held)
            facade.tell(trial, TrialValue(cost=1.0 - ledger.train(number)), save=False)
