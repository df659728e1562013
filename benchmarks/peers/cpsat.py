"""OR-tools CP-SAT, to a proof: one model per class, best bound first, better than the last answer.

Integers throughout, as in flash's tables; nothing is scaled down.
"""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

from ortools.sat.python import cp_model

from .classes import answer_of, make_classes
from .outcome import Outcome

if TYPE_CHECKING:
    from typing import Any

    from .classes import ClassModel
    from .problem import PeerProblem

NAME = "OR-tools CP-SAT"
SETTINGS = {
    "one Boolean a row, 1 worker": ("choice", 1),
    "one Boolean a row, 2 workers": ("choice", 2),
    "table constraint, 1 worker": ("table", 1),
}


def solve(problem: PeerProblem, setting: str, limit_s: float, **_: Any) -> Outcome:
    """Prove the optimum under a latency and an area budget, or run into the limit.

    `extra`: seconds of filtering, building and the solver's calls; `seconds` is their sum.
    """
    form, workers = SETTINGS[setting]
    build = _with_choices if form == "choice" else _with_tables
    start = perf_counter()
    classes = make_classes(problem)
    filtered = perf_counter() - start
    built = solved = 0.0
    best, answer, calls = -1, None, 0
    finished = True
    points = []
    for one in classes:
        if one.bound < best + 1:
            break
        begin = perf_counter()
        model, chosen = build(one, best + 1)
        middle = perf_counter()
        solver = cp_model.CpSolver()
        solver.parameters.num_workers = workers
        solver.parameters.max_time_in_seconds = max(0.01, limit_s - (middle - start))
        status = solver.solve(model)
        calls += 1
        built += middle - begin
        solved += perf_counter() - middle
        if status in (cp_model.OPTIMAL, cp_model.FEASIBLE):
            best = round(solver.objective_value)
            answer = one, chosen(solver)
            points.append((perf_counter() - start, best * float(problem.quantum[0])))
        if status not in (cp_model.OPTIMAL, cp_model.INFEASIBLE):
            finished = False
            break
    seconds = perf_counter() - start
    objective = -float("inf")
    if answer is not None:
        objective = answer_of(problem, *answer)
    extra = {"filter_s": filtered, "build_s": built, "solver_s": solved, "classes": calls}
    return Outcome(seconds, objective, points, finished, 0, extra)


def _with_choices(one: ClassModel, least: int) -> tuple[Any, Any]:
    model = cp_model.CpModel()
    picks = [[model.new_bool_var("") for _ in range(len(score))] for score in one.score]
    for group in picks:
        model.add_exactly_one(group)
    every = [pick for group in picks for pick in group]
    for k in range(len(one.limit)):
        weights = [int(w) for weight in one.weight for w in weight[:, k]]
        model.add(cp_model.LinearExpr.weighted_sum(every, weights) <= int(one.limit[k]))
    scores = [int(s) for score in one.score for s in score]
    total = cp_model.LinearExpr.weighted_sum(every, scores)
    model.add(total >= least)
    model.maximize(total)

    def chosen(solver: Any) -> list[int]:
        return [
            next(i for i, pick in enumerate(group) if solver.boolean_value(pick)) for group in picks
        ]

    return model, chosen


def _with_tables(one: ClassModel, least: int) -> tuple[Any, Any]:
    model = cp_model.CpModel()
    parts = []
    for score, weight in zip(one.score, one.weight, strict=True):
        variables = [model.new_int_var(0, len(score) - 1, "")]
        variables.append(model.new_int_var(int(score.min()), int(score.max()), ""))
        variables += [
            model.new_int_var(int(weight[:, k].min()), int(weight[:, k].max()), "")
            for k in range(len(one.limit))
        ]
        lines = [(i, int(score[i]), *(int(w) for w in weight[i])) for i in range(len(score))]
        model.add_allowed_assignments(variables, lines)
        parts.append(variables)
    for k in range(len(one.limit)):
        model.add(sum(part[2 + k] for part in parts) <= int(one.limit[k]))
    total = sum(part[1] for part in parts)
    model.add(total >= least)
    model.maximize(total)
    return model, lambda solver: [solver.value(part[0]) for part in parts]
