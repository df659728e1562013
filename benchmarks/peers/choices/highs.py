"""HiGHS through highspy: a binary variable an option, gap 0, one thread, presolve on.

The gap in absolute terms is half of what values differ by: nothing is given away, and it need not
close the rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import highspy
import numpy as np

from .answer import WALL, Answer, Stopwatch

if TYPE_CHECKING:
    from typing import Any

    from .problems import Choosing

NAME = "HiGHS"


def solve(problem: Choosing, limit_s: float, look_s: float = float("inf")) -> Answer:
    """Maximise or minimise within the budgets; look at what there is after `look_s`, too."""
    clock = Stopwatch(limit_s)
    solver = highspy.Highs()
    solver.silent()
    for name, value in (
        ("threads", 1),
        ("presolve", "on"),
        ("mip_rel_gap", 0.0),
        ("mip_abs_gap", 0.5 if problem.whole else 1e-9),
        ("time_limit", WALL * limit_s),
    ):
        solver.setOptionValue(name, value)

    early: list[tuple[float, float]] = []

    def stop(event: Any) -> None:
        if not early and clock.spent >= look_s:
            out = event.data_out
            early.append((float(out.mip_primal_bound), float(out.mip_dual_bound)))
        if clock.over():
            event.interrupt()

    solver.cbMipInterrupt += stop
    solver.passModel(_model(problem))
    solver.run()
    status, info = solver.getModelStatus(), solver.getInfo()
    picks = None
    if info.primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible:
        share = np.array(solver.getSolution().col_value).reshape(problem.values.shape)
        picks = share.argmax(axis=1).tolist()
    bound = float(info.mip_dual_bound) if np.isfinite(info.mip_dual_bound) else None
    proven = status in (highspy.HighsModelStatus.kOptimal, highspy.HighsModelStatus.kInfeasible)
    return Answer(picks, bound, proven, int(info.mip_node_count), early[0] if early else None)


def _model(problem: Choosing) -> Any:
    groups, options = problem.values.shape
    budgets, n = len(problem.costs), groups * options
    costs = problem.costs.reshape(budgets, n)
    # column by column: its costs that are not 0, then a 1 in its group's row
    entries = np.vstack([costs, np.ones(n)]).T
    rows = np.tile(np.arange(budgets + 1), (n, 1))
    rows[:, budgets] += np.repeat(np.arange(groups), options)
    used = entries != 0.0
    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_ = n, budgets + groups
    sense = highspy.ObjSense
    lp.sense_ = sense.kMaximize if problem.greatest else sense.kMinimize
    lp.col_cost_ = problem.values.ravel()
    lp.col_lower_, lp.col_upper_ = np.zeros(n), np.ones(n)
    lp.row_lower_ = np.concatenate((np.full(budgets, -highspy.kHighsInf), np.ones(groups)))
    lp.row_upper_ = np.concatenate((problem.limits, np.ones(groups)))
    lp.integrality_ = [highspy.HighsVarType.kInteger] * n
    lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    lp.a_matrix_.start_ = np.concatenate(([0], np.cumsum(used.sum(axis=1))))
    lp.a_matrix_.index_ = rows[used]
    lp.a_matrix_.value_ = entries[used]
    return lp
