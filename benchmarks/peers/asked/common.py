"""The common problem: one option of each of six groups, two budgets, all combinations known."""

from __future__ import annotations

import itertools
import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

GROUPS, OPTIONS, BUDGETS, SEED = 6, 6, 2, 20240601
SHARE = 0.45  # of the way from the least to the most that a cost can be

Problem = dict[str, "Any"]


def drawn() -> Problem:
    """Return the problem, in whole numbers: blocks whose loss falls as what they cost grows.

    `values` and each of `costs` have a row for each group; a sum of `costs[k]` may be at most
    `limits[k]`.
    """
    draw = random.Random(SEED)
    sizes = [sorted(draw.random() for _ in range(OPTIONS)) for _ in range(GROUPS)]
    values = [[round(1000 * (1 - s) * draw.uniform(0.7, 1.3)) for s in row] for row in sizes]
    costs = [
        [[round(1000 * s * draw.uniform(0.5, 1.5)) for s in row] for row in sizes]
        for _ in range(BUDGETS)
    ]
    limits = []
    for table in costs:
        least, most = (sum(pick(row) for row in table) for pick in (min, max))
        limits.append(round(least + SHARE * (most - least)))
    return {"values": values, "costs": costs, "limits": limits}


def impossible(problem: Problem) -> Problem:
    """Return the same with a first budget that nothing meets."""
    least = sum(min(row) for row in problem["costs"][0])
    return {**problem, "limits": [least - 1, *problem["limits"][1:]]}


def sums(problem: Problem, picks: Sequence[int]) -> tuple[int, list[int]]:
    """Return the value and the costs of one option of each group."""

    def total(table: Sequence[Sequence[int]]) -> int:
        return sum(row[pick] for row, pick in zip(table, picks, strict=True))

    return total(problem["values"]), [total(table) for table in problem["costs"]]


def within(problem: Problem, picks: Sequence[int]) -> bool:
    """Whether an answer keeps all budgets."""
    _, spent = sums(problem, picks)
    return all(cost <= limit for cost, limit in zip(spent, problem["limits"], strict=True))


def every(problem: Problem) -> list[tuple[int, list[int], tuple[int, ...]]]:
    """Return value, costs and picks of all combinations within the budgets."""
    ranges = [range(len(row)) for row in problem["values"]]
    return [
        (*sums(problem, picks), picks)
        for picks in itertools.product(*ranges)
        if within(problem, picks)
    ]


def front(problem: Problem) -> set[tuple[int, int]]:
    """Return the exact trade-offs of value and first cost within the budgets."""
    found: set[tuple[int, int]] = set()
    least: float = float("inf")
    for value, spent in sorted((value, spent[0]) for value, spent, _ in every(problem)):
        if spent < least:
            found.add((value, spent))
            least = spent
    return found
