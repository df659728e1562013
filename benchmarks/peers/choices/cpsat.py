"""OR-tools CP-SAT: exactly one of a group's Booleans, integers throughout, one worker, gap 0."""

from __future__ import annotations

from threading import Event, Thread
from typing import TYPE_CHECKING

from ortools.sat.python import cp_model

from .answer import WALL, Answer, Stopwatch

if TYPE_CHECKING:
    from .problems import Choosing

NAME = "CP-SAT"
LOOKS_S = 0.05  # between looks at the processor time


def solve(problem: Choosing, limit_s: float) -> Answer:
    """Maximise or minimise within the budgets."""
    clock = Stopwatch(limit_s)
    groups, options = problem.values.shape
    model = cp_model.CpModel()
    picks = [[model.new_bool_var("") for _ in range(options)] for _ in range(groups)]
    for group in picks:
        model.add_exactly_one(group)
    every = [pick for group in picks for pick in group]
    for cost, limit in zip(problem.costs, problem.limits, strict=True):
        total = cp_model.LinearExpr.weighted_sum(every, cost.ravel().astype(int).tolist())
        model.add(total <= int(limit))
    value = cp_model.LinearExpr.weighted_sum(every, problem.values.ravel().astype(int).tolist())
    if problem.greatest:
        model.maximize(value)
    else:
        model.minimize(value)
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.cp_model_presolve = True
    solver.parameters.relative_gap_limit = 0.0
    solver.parameters.absolute_gap_limit = 0.0
    solver.parameters.max_time_in_seconds = WALL * limit_s
    done = Event()

    def watch() -> None:
        while not done.wait(LOOKS_S):
            if clock.over():
                solver.stop_search()

    watcher = Thread(target=watch, daemon=True)
    watcher.start()
    status = solver.solve(model)
    done.set()
    watcher.join()
    found = None
    if status in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        found = [
            next(i for i, pick in enumerate(group) if solver.boolean_value(pick)) for group in picks
        ]
    proven = status in (cp_model.OPTIMAL, cp_model.INFEASIBLE)
    return Answer(found, float(solver.best_objective_bound), proven, int(solver.num_branches))
