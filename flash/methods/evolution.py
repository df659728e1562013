"""Regularised evolution (Real, Aggarwal, Huang, Le; arXiv 1802.01548): the oldest dies.

A population is a queue. A parent is the best of a random sample of it; its child, with one choice
changed, joins at the end, and the oldest leaves, however good it was. The paper's population 100
and sample 25 are the defaults. Its workers ran side by side; so does a batch of children here,
whose parents are drawn from the same population.
"""

from __future__ import annotations

import numpy as np

from . import MethodOption

TYPE_CHECKING = False
if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ._task import Answers, Task

__all__ = ["OPTIONS", "run"]

OPTIONS = {
    "population": MethodOption(100, 2, 1 << 16, about="networks that live at a time"),
    "sample": MethodOption(25, 1, 1 << 16, about="of which a parent is the best"),
    "batch": MethodOption(
        0, 0, 1 << 12, about="children at a time; 0: one, or 25 of a cheap evaluator"
    ),
}
TRIES = 16  # children drawn for each one wanted, before one over budget is let in


def run(task: Task) -> None:
    """Evolve until a limit."""
    size = task.options["population"]
    batch = task.options["batch"] or (1 if task.evaluator.expensive else 25)
    batch = min(batch, size)
    rows, merit = _found(task, size)
    free = np.concatenate(task.groups) if task.groups else np.arange(0)
    if not len(free):
        return
    oldest = 0
    while True:
        drawn = task.rng.integers(0, size, size=(batch, task.options["sample"]))
        parents = drawn[np.arange(batch), np.argmax(merit[drawn], axis=1)]
        children = _children(task, rows[parents], free)
        found = _strength(task.evaluate(children))
        places = (oldest + np.arange(batch)) % size
        rows[places], merit[places] = children, found
        oldest = (oldest + batch) % size


def _found(task: Task, size: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return a first population: random networks within the budgets, or the nearest to them."""
    rows = task.draw(size)
    merit = np.full(size, -np.inf)
    excess = task.excess(rows)
    for _ in range(TRIES * 16):
        over = np.flatnonzero(excess > 0.0)
        if not len(over):
            break
        others = task.draw(len(over))
        worse = task.excess(others)
        better = worse < excess[over]
        rows[over[better]], excess[over[better]] = others[better], worse[better]
    step = size if not task.evaluator.expensive else 1
    for first in range(0, size, step):
        merit[first : first + step] = _strength(task.evaluate(rows[first : first + step]))
    return rows, merit


def _strength(answers: Answers) -> NDArray[np.float64]:
    """Return merits, and below all of them the networks over budget, the nearest to it first."""
    over = -1e290 * (1.0 + np.minimum(answers.excess, 1e9))
    return np.where(answers.merit > -np.inf, answers.merit, over)


def _children(task: Task, parents: NDArray[np.int64], free: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return one child of each parent, with one choice changed, within the budgets if found."""
    children = parents.copy()
    excess = np.full(len(parents), np.inf)
    todo = np.arange(len(parents))
    for _ in range(TRIES):
        trial = parents[todo].copy()
        columns = free[task.rng.integers(0, len(free), size=len(todo))]
        lengths = task.lengths[columns]
        lines = np.arange(len(todo))
        step = 1 + (task.rng.random(len(todo)) * (lengths - 1)).astype(np.int64)
        trial[lines, columns] = (trial[lines, columns] + step) % lengths
        trial = task.canonical(trial)
        over = task.excess(trial)
        better = over < excess[todo]
        children[todo[better]], excess[todo[better]] = trial[better], over[better]
        todo = todo[excess[todo] > 0.0]
        if not len(todo):
            break
    return children
