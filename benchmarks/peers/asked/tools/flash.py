"""flash: `flash.choose` and `flash.pareto` on a table of choices."""

from __future__ import annotations

from typing import Any

import flash

DISTRIBUTION = "flash-nas"


def _made(problem: Any) -> tuple[Any, list[str]]:
    names = [f"cost_{k}" for k in range(len(problem["costs"]))]
    table = {"value": problem["values"], **dict(zip(names, problem["costs"], strict=True))}
    where = [f"{name} <= {limit}" for name, limit in zip(names, problem["limits"], strict=True)]
    return flash.ChoiceProblem.from_arrays(table), where


def _picks(made: Any, choices: Any) -> list[int]:
    return [made.options(group).index(name) for group, name in choices.items()]


def solve(problem: Any, seed: int) -> tuple[list[int] | None, bool, str]:
    """Choose within the budgets."""
    made, where = _made(problem)
    found = flash.choose(made, minimize="value", where=where)
    picks = None if found.choices is None else _picks(made, found.choices)
    return picks, found.proven, str(found).splitlines()[0]


def front(problem: Any, seed: int) -> list[list[int]]:
    """Return the exact front of value and first cost."""
    made, where = _made(problem)
    found = flash.pareto(made, minimize=["value", "cost_0"], where=where)
    return [_picks(made, one.choices) for one in found]
