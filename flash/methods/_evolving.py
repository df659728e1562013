"""SPOS's evolutionary search (Guo et al., arXiv 1904.00420), over pools of choices.

A population of networks within the budgets; the best of all seen so far are parents of the next
one, half by crossover and half by mutation.
"""

from __future__ import annotations

from functools import partial

import numpy as np

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from ._task import Task

    Rows = NDArray[np.int64]
    Pool = tuple[NDArray[np.int64], NDArray[np.int64]]

__all__ = ["evolve"]

BARREN = 5  # generations without a new network
TRIES = 30  # draws for each network wanted, before one over budget is let in


def evolve(
    task: Task,
    pools: list[Pool],
    base: Rows,
    *,
    population: int,
    generations: int,
    parents: int,
    mutation: float,
    patience: int | None = None,
    first: Rows | None = None,
    evaluations: int | None = None,
    seen: list[tuple[Rows, NDArray[np.float64]]] | None = None,
) -> tuple[Rows, float]:
    """Search part of a space; return (best row, its merit).

    Parameters
    ----------
    task : Task
    pools : list of (variables, rows of choice indices)
        What may change: the variables of a pool take one of its rows together.
    base : int array, shape (1, variables)
        All other variables.
    population, generations, parents : int
    mutation : float
        Chance that a pool's choice is drawn anew.
    patience : int, optional
        Generations without a better network, after which the search ends.
    first : int array, shape (n, variables), optional
        Networks of the first generation; the others are drawn.
    evaluations : int, optional
        After so many the search ends, and after generations that bring no new network.
    seen : list, optional
        Takes (rows, their merits) of each generation, of networks within the budgets.
    """
    began = task.nfev
    barren = 0
    drawn = _within(task, population, partial(_random, task, pools, base))
    rows = drawn if first is None else np.concatenate([first, drawn])[:population]
    kept = np.zeros((0, base.shape[1]), dtype=np.int64)
    strength = np.zeros(0)
    idle = 0
    for generation in range(generations):
        rows = task.canonical(rows)
        asked = task.nfev
        answers = task.evaluate(rows)
        if seen is not None:
            told = answers.merit > -np.inf
            seen.append((rows[told], answers.merit[told]))
        # those over budget stand below all others, the nearest to it first
        over = -1e290 * (1.0 + np.minimum(answers.excess, 1e9))
        own = np.where(answers.merit > -np.inf, answers.merit, over)
        before = strength[0] if len(strength) else -np.inf
        kept, strength = _best(
            task, np.concatenate([kept, rows]), np.append(strength, own), parents
        )
        idle = 0 if strength[0] > before else idle + 1
        if generation + 1 == generations or (patience is not None and idle >= patience):
            break
        barren = 0 if task.nfev > asked else barren + 1
        if evaluations is not None and (task.nfev - began >= evaluations or barren >= BARREN):
            break
        crossed = population // 2
        rows = np.concatenate(
            [
                _within(task, crossed, partial(_crossed, task, pools, kept)),
                _within(task, population - crossed, partial(_mutated, task, pools, kept, mutation)),
            ]
        )
    return kept[:1], float(strength[0])


def _best(
    task: Task, rows: Rows, strength: NDArray[np.float64], count: int
) -> tuple[Rows, NDArray[np.float64]]:
    order = np.argsort(-strength, kind="stable")
    places, seen = [], set()
    keys = task.keys(rows)
    for place in order.tolist():
        if keys[place] not in seen:
            seen.add(keys[place])
            places.append(place)
        if len(places) == count:
            break
    return rows[places], strength[places]


def _within(task: Task, n: int, make: Callable[[int], Rows]) -> Rows:
    """Return `n` rows that `make` gives, drawn anew while they are over budget."""
    rows: Rows = task.canonical(make(n))
    excess = task.excess(rows)
    for _ in range(TRIES):
        over = np.flatnonzero(excess > 0.0)
        if not len(over):
            break
        trial = task.canonical(make(len(over)))
        now = task.excess(trial)
        less = now < excess[over]
        rows[over[less]], excess[over[less]] = trial[less], now[less]
    return rows


def _random(task: Task, pools: list[Pool], base: Rows, n: int) -> Rows:
    rows = np.repeat(base, n, axis=0)
    for columns, values in pools:
        rows[:, columns] = values[task.rng.integers(0, len(values), size=n)]
    return rows


def _crossed(task: Task, pools: list[Pool], kept: Rows, n: int) -> Rows:
    mothers, fathers = task.rng.integers(0, len(kept), size=(2, n))
    rows: Rows = kept[mothers].copy()
    for columns, _ in pools:
        swap = task.rng.random(n) < 0.5
        rows[np.ix_(swap, columns)] = kept[fathers[swap]][:, columns]
    return rows


def _mutated(task: Task, pools: list[Pool], kept: Rows, chance: float, n: int) -> Rows:
    rows: Rows = kept[task.rng.integers(0, len(kept), size=n)].copy()
    forced = task.rng.integers(0, max(1, len(pools)), size=n)  # one changes in any case
    for number, (columns, values) in enumerate(pools):
        new = (task.rng.random(n) < chance) | (forced == number)
        picks = task.rng.integers(0, len(values), size=int(new.sum()))
        rows[np.ix_(new, columns)] = values[picks]
    return rows
