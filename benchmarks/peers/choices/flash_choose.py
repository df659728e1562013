"""flash: the problem made of the arrays, and `flash.choose`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import flash

from .answer import WALL, Answer, Stopwatch

if TYPE_CHECKING:
    from .problems import Choosing

NAME = "flash"


def solve(problem: Choosing, limit_s: float) -> Answer:
    """Choose within the budgets."""
    clock = Stopwatch(limit_s)
    names = [f"cost_{k}" for k in range(len(problem.costs))]
    table = {"value": problem.values, **dict(zip(names, problem.costs, strict=True))}
    limits = problem.limits.tolist()
    where = [f"{name} <= {limit!r}" for name, limit in zip(names, limits, strict=True)]
    found = flash.choose(
        flash.ChoiceProblem.from_arrays(table),
        minimize=None if problem.greatest else "value",
        maximize="value" if problem.greatest else None,
        where=where,
        time_limit_s=WALL * limit_s,
        callback=clock.over,
    )
    picks = None
    if found.choices is not None:
        picks = [int(one) for one in found.choices.values() if one is not None]
    return Answer(picks, found.bound, found.proven, found.nodes)
