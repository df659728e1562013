"""Methods that fit nothing, and the plainest model.

random: different candidates in random order. evolution: regularised evolution (Real et al., 2019)
over a list of candidates, for lists that are no space of flash's: a child is one of the eight
candidates nearest to its parent that are not trained yet. local: local search
(White et al., 2020): from the best of ten random candidates all neighbours are trained, in random
order, and the best of them is gone on from, until none is better; then anew. ridge: ridge
regression on the features, its penalty chosen by leave-one-out, and the most promising candidate
is trained next, after ten random ones.
"""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from .ledger import Ledger, drawn, orders

if TYPE_CHECKING:
    from collections.abc import Callable

    from .problems import Problem

PENALTIES = np.logspace(-3, 2, 11)
NEAR = 8  # of which a child is one


def run(problem: Problem, seed: int, limit: int, kind: str, **options: int) -> list[int]:
    """Return the candidates in the order of training."""
    return orders(partial(KINDS[kind], **options), problem, seed, limit)


def _random(ledger: Ledger, seed: int) -> None:
    ledger.train_all(np.random.default_rng(seed).permutation(len(ledger.problem)).tolist())


def _evolution(ledger: Ledger, seed: int, population: int, sample: int) -> None:
    problem, rng = ledger.problem, np.random.default_rng(seed)
    living = deque(drawn(problem, rng, population), maxlen=population)
    ledger.train_all(living)
    while True:
        picked = [living[k] for k in rng.integers(0, len(living), sample)]
        parent = max(picked, key=lambda number: problem.accuracy[number])
        far = np.where(ledger.held, np.inf, problem.distances(parent))
        child = int(rng.choice(np.argsort(far, kind="stable")[: min(NEAR, (~ledger.held).sum())]))
        ledger.train(child)
        living.append(child)


def _local(ledger: Ledger, seed: int) -> None:
    problem, rng = ledger.problem, np.random.default_rng(seed)
    for number in drawn(problem, rng):
        ledger.train(number)
    at = ledger.ranked()[0]
    while True:
        near = rng.permutation(problem.neighbours(at))
        ledger.train_all(near.tolist())
        best = int(near[problem.accuracy[near].argmax()])
        if problem.accuracy[best] > problem.accuracy[at]:
            at = best
        else:
            at = int(rng.choice(np.flatnonzero(~ledger.held)))
            ledger.train(at)


def _ridge(ledger: Ledger, seed: int) -> None:
    problem, rng = ledger.problem, np.random.default_rng(seed)
    ledger.train_all(drawn(problem, rng))
    while True:
        x, y = problem.features[ledger.order], ledger.accuracies
        centre, level = x.mean(axis=0), y.mean()
        left, sizes, right = np.linalg.svd(x - centre, full_matrices=False)
        turned = left.T @ (y - level)
        errors = []
        for penalty in PENALTIES:
            kept = sizes**2 / (sizes**2 + penalty)
            rest = y - level - left @ (kept * turned)
            own = 1.0 / len(y) + np.square(left) @ kept  # how far each y pulls its own prediction
            errors.append(np.square(rest / np.maximum(1.0 - own, 1e-9)).mean())
        penalty = PENALTIES[int(np.argmin(errors))]
        weights = right.T @ (sizes / (sizes**2 + penalty) * turned)
        ledger.train_next(problem.features @ weights, rng)


KINDS: dict[str, Callable[..., None]] = {
    "random": _random,
    "evolution": _evolution,
    "local": _local,
    "ridge": _ridge,
}
