"""HiGHS through highspy, a Puzzle-like flow: a binary variable an option, gap 0, one thread."""

from __future__ import annotations

from typing import Any

import highspy

DISTRIBUTION = "highspy"


def solve(problem: Any, seed: int) -> tuple[list[int] | None, bool, str]:
    """Build the model, solve it, read the answer."""
    solver = highspy.Highs()
    solver.silent()
    solver.setOptionValue("threads", 1)
    solver.setOptionValue("mip_rel_gap", 0.0)
    solver.setOptionValue("random_seed", seed)
    picks = [[solver.addBinary() for _ in row] for row in problem["values"]]
    for group in picks:
        solver.addConstr(sum(group) == 1)

    def total(table: Any) -> Any:
        pairs = zip(picks, table, strict=True)
        return sum(
            number * pick for group, row in pairs for pick, number in zip(group, row, strict=True)
        )

    for table, limit in zip(problem["costs"], problem["limits"], strict=True):
        solver.addConstr(total(table) <= limit)
    solver.minimize(total(problem["values"]))
    status = solver.getModelStatus()
    said = solver.modelStatusToString(status)
    if status == highspy.HighsModelStatus.kInfeasible:
        return None, True, said
    values = solver.getSolution().col_value
    chosen = [max(range(len(g)), key=lambda i, g=g: values[g[i].index]) for g in picks]
    return chosen, status == highspy.HighsModelStatus.kOptimal, said
