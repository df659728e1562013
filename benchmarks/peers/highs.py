"""HiGHS, to a proof: one model per class, best bound first, until no bound beats the best answer.

HiGHS reckons in floating point: sums are given relative to their limits, scores in NN-Degree, gaps
are 0 and tolerances as tight as it takes them; the answer is checked exactly.
"""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

import highspy
import numpy as np

from .classes import answer_of, make_classes
from .outcome import Outcome

if TYPE_CHECKING:
    from typing import Any

    from .classes import ClassModel
    from .problem import PeerProblem

NAME = "HiGHS"
# presolve, and whether the cut-off is a row of its own (HiGHS takes none for integer programs)
SETTINGS = {
    "presolve, 1 thread": ("on", False),
    "no presolve, 1 thread": ("off", False),
    "presolve, cut-off row, 1 thread": ("on", True),
}


def solve(problem: PeerProblem, setting: str, limit_s: float, **_: Any) -> Outcome:
    """Prove the optimum under a latency and an area budget, or run into the limit.

    `extra`: seconds of filtering, building and the solver's calls; `seconds` is their sum.
    """
    presolve, cut_off = SETTINGS[setting]
    start = perf_counter()
    classes = make_classes(problem)
    filtered = perf_counter() - start
    built = solved = 0.0
    best, answer, calls = -1.0, None, 0
    finished = True
    points = []
    unit = float(problem.quantum[0])
    for one in classes:
        if one.bound * unit <= best:
            break
        begin = perf_counter()
        solver = highspy.Highs()
        solver.silent()
        for name, value in (
            ("threads", 1),
            ("presolve", presolve),
            ("mip_rel_gap", 0.0),
            ("mip_abs_gap", 0.5 * unit),
            ("mip_feasibility_tolerance", 1e-9),
            ("primal_feasibility_tolerance", 1e-9),
        ):
            solver.setOptionValue(name, value)
        solver.passModel(_model(one, best + unit if cut_off else None, unit))
        middle = perf_counter()
        solver.setOptionValue("time_limit", max(0.01, limit_s - (middle - start)))
        solver.run()
        calls += 1
        built += middle - begin
        solved += perf_counter() - middle
        status = solver.getModelStatus()
        if status == highspy.HighsModelStatus.kOptimal:
            values = np.array(solver.getSolution().col_value)
            groups = np.split(values, np.cumsum([len(s) for s in one.score])[:-1])
            chosen = [int(group.argmax()) for group in groups]
            total = sum(int(s[i]) for s, i in zip(one.score, chosen, strict=True)) * unit
            if total > best:
                best, answer = total, (one, chosen)
                points.append((perf_counter() - start, best))
        elif status != highspy.HighsModelStatus.kInfeasible:
            finished = False
            break
    seconds = perf_counter() - start
    objective = -float("inf")
    if answer is not None:
        objective = answer_of(problem, *answer)
    extra = {"filter_s": filtered, "build_s": built, "solver_s": solved, "classes": calls}
    return Outcome(seconds, objective, points, finished, 0, extra)


def _model(one: ClassModel, least: float | None, unit: float) -> Any:
    n_cells = len(one.score)
    score = np.concatenate(one.score) * unit
    weight = np.concatenate(one.weight) / np.maximum(one.limit, 1)
    cell = np.repeat(np.arange(n_cells), [len(s) for s in one.score])
    n = len(score)
    m = weight.shape[1]
    matrix = np.zeros((m + 1 + n_cells, n))
    matrix[:m] = weight.T
    matrix[m] = score / score.max()
    matrix[m + 1 + cell, np.arange(n)] = 1.0
    infinity = highspy.kHighsInf
    floor = -infinity if least is None else least / score.max()
    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_ = n, len(matrix)
    lp.sense_ = highspy.ObjSense.kMaximize
    lp.col_cost_ = score
    lp.col_lower_, lp.col_upper_ = np.zeros(n), np.ones(n)
    lp.row_lower_ = np.array([-infinity] * m + [floor] + [1.0] * n_cells)
    lp.row_upper_ = np.array([1.0] * m + [infinity] + [1.0] * n_cells)
    lp.integrality_ = [highspy.HighsVarType.kInteger] * n
    lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    used = matrix != 0.0
    lp.a_matrix_.start_ = np.concatenate(([0], np.cumsum(used.sum(axis=0))))
    lp.a_matrix_.index_ = np.tile(np.arange(len(matrix)), n)[used.T.ravel()]
    lp.a_matrix_.value_ = matrix.T.ravel()[used.T.ravel()]
    return lp
