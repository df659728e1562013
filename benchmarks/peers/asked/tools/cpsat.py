"""OR-tools CP-SAT, a Puzzle-like flow: exactly one Boolean a group, one worker."""

from __future__ import annotations

from typing import Any

from ortools.sat.python import cp_model

DISTRIBUTION = "ortools"


def solve(problem: Any, seed: int) -> tuple[list[int] | None, bool, str]:
    """Build the model, solve it, read the answer."""
    model = cp_model.CpModel()
    picks = [[model.new_bool_var("") for _ in row] for row in problem["values"]]
    for group in picks:
        model.add_exactly_one(group)

    def total(table: Any) -> Any:
        pairs = zip(picks, table, strict=True)
        return sum(
            number * pick for group, row in pairs for pick, number in zip(group, row, strict=True)
        )

    for table, limit in zip(problem["costs"], problem["limits"], strict=True):
        model.add(total(table) <= limit)
    model.minimize(total(problem["values"]))
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = seed
    status = solver.solve(model)
    said = solver.status_name(status)
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return None, status == cp_model.INFEASIBLE, said
    chosen = [next(i for i, p in enumerate(g) if solver.boolean_value(p)) for g in picks]
    return chosen, status == cp_model.OPTIMAL, said
