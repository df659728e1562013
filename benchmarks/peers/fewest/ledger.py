"""What a run has trained so far; ends the run when nothing is left to be found or paid for."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

    from .problems import Problem

FIRST = 10  # random candidates that a model starts from, unless its own way says otherwise


class Finished(Exception):
    """The limit is reached, or the best of all is held: a method must not catch it."""


class Ledger:
    """The candidates that a run has trained, in order; each counts once, repeats are free."""

    def __init__(self, problem: Problem, limit: int) -> None:
        self.problem = problem
        self.limit = min(limit, len(problem))
        self.order: list[int] = []
        self.held = np.zeros(len(problem), dtype=bool)
        self._best = float(problem.truth.max())

    def train(self, number: int) -> float:
        """Return a candidate's accuracy."""
        accuracy = float(self.problem.accuracy[number])
        if not self.held[number]:
            self.held[number] = True
            self.order.append(int(number))
            if len(self.order) >= self.limit or self.problem.truth[number] >= self._best:
                raise Finished
        return accuracy

    def train_all(self, numbers: Iterable[int]) -> None:
        """Train several in order."""
        for number in numbers:
            self.train(number)

    @property
    def accuracies(self) -> NDArray[np.float64]:
        """Accuracies of what was trained, in order."""
        return self.problem.accuracy[self.order]

    def train_next(self, promise: NDArray[np.float64], rng: np.random.Generator) -> None:
        """Train the most promising candidate of those not held; one at random of equal ones."""
        promise = np.where(self.held, -np.inf, promise)
        self.train(int(rng.choice(np.flatnonzero(promise >= promise.max()))))

    def ranked(self) -> list[int]:
        """Return what was trained, the best first."""
        return [self.order[place] for place in np.argsort(-self.accuracies, kind="stable")]


def orders(
    search: Callable[[Ledger, int], None], problem: Problem, seed: int, limit: int
) -> list[int]:
    """Return the candidates that a search trains, in order."""
    ledger = Ledger(problem, limit)
    with suppress(Finished):
        search(ledger, seed)
    return ledger.order


def drawn(problem: Problem, rng: np.random.Generator, count: int = FIRST) -> list[int]:
    """Return different random candidates."""
    found: list[int] = rng.choice(len(problem), min(count, len(problem)), replace=False).tolist()
    return found
