"""scipy.optimize.milp: the HiGHS that scipy brings, gap 0, presolve on.

It takes a limit of wall time alone, so beside others' work it has less processor time than asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array, vstack

from .answer import Answer

if TYPE_CHECKING:
    from .problems import Choosing

NAME = "scipy milp"


def solve(problem: Choosing, limit_s: float) -> Answer:
    """Maximise or minimise within the budgets."""
    groups, options = problem.values.shape
    n = groups * options
    sign = -1.0 if problem.greatest else 1.0
    every = np.arange(n)
    one_each = csr_array((np.ones(n), (every // options, every)), shape=(groups, n))
    rows = vstack([csr_array(problem.costs.reshape(-1, n)), one_each], format="csr")
    budgets = len(problem.limits)
    found = milp(
        sign * problem.values.ravel(),
        integrality=np.ones(n),
        bounds=Bounds(0.0, 1.0),
        constraints=LinearConstraint(
            rows,
            np.concatenate((np.full(budgets, -np.inf), np.ones(groups))),
            np.concatenate((problem.limits, np.ones(groups))),
        ),
        options={"presolve": True, "mip_rel_gap": 0.0, "time_limit": limit_s},
    )
    picks = None
    if found.x is not None:
        picks = found.x.reshape(groups, options).argmax(axis=1).tolist()
    bound = None if found.mip_dual_bound is None else sign * float(found.mip_dual_bound)
    return Answer(picks, bound, found.status in (0, 2), found.mip_node_count)
