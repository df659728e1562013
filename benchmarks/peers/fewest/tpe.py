"""Optuna's TPE, kinds by `suggest_categorical`'s distribution, steps of numbers as integers.

Its own settings: ten random trials first. What was trained before costs nothing and is not told
again, so that its densities hold each network once; after 10 such answers in turn a random
candidate is trained. In a list that lacks combinations the nearest candidate not yet trained
stands for the answer, and is told as what it is.
"""

from __future__ import annotations

import warnings
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import optuna

from .ledger import Ledger, orders

if TYPE_CHECKING:
    from .problems import Problem

IDLE = 10


def run(problem: Problem, seed: int, limit: int, multivariate: bool) -> list[int]:
    """Return the candidates in the order of training."""
    return orders(partial(_search, multivariate=multivariate), problem, seed, limit)


def _search(ledger: Ledger, seed: int, multivariate: bool) -> None:
    problem = ledger.problem
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # multivariate is marked experimental
        sampler = optuna.samplers.TPESampler(seed=seed, multivariate=multivariate)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    space: dict[str, optuna.distributions.BaseDistribution] = {}
    for k, length in enumerate(problem.lengths):
        if problem.ordered[k]:
            space[f"x{k}"] = optuna.distributions.IntDistribution(0, length - 1)
        else:
            space[f"x{k}"] = optuna.distributions.CategoricalDistribution(tuple(range(length)))
    rng = np.random.default_rng(seed)
    idle = 0
    while True:
        trial = study.ask(space)
        number = problem.snapped([int(trial.params[name]) for name in space], ledger.held)
        if ledger.held[number]:
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
            idle += 1
            if idle < IDLE:
                continue
            number = int(rng.choice(np.flatnonzero(~ledger.held)))
        idle = 0
        value = ledger.train(number)
        row = dict(zip(space, problem.rows[number].tolist(), strict=True))
        if row == trial.params:
            study.tell(trial, value)
        else:
            if trial.number not in (t.number for t in study.trials if t.state.is_finished()):
                study.tell(trial, state=optuna.trial.TrialState.FAIL)
            study.add_trial(optuna.trial.create_trial(params=row, distributions=space, value=value))
