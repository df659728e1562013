"""SPOS (Guo et al., arXiv 1904.00420): single-stage one-shot search, HURRICANE's baseline.

Every layer's choices are open at once: an evolutionary search under the budgets, with accuracies of
a supernet trained by uniform single-path sampling (``SupernetEvaluator(..., sampling=
"single-path")``) or of any other evaluator. Population 50, 20 generations, 10 parents and a
mutation of 0.1 are the paper's.
"""

from __future__ import annotations

import numpy as np

from . import MethodOption
from ._evolving import evolve

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ._task import Task

__all__ = ["OPTIONS", "run"]

OPTIONS = {
    "population": MethodOption(50, 2, 1 << 16, about="networks of a generation"),
    "generations": MethodOption(20, 1, 1 << 20, about="at most"),
    "parents": MethodOption(10, 1, 1 << 16, about="best networks from which the next are made"),
    "mutation": MethodOption(0.1, 0.0, 1.0, about="chance that a choice is drawn anew"),
}


def run(task: Task) -> None:
    """Evolve over all choices."""
    base = np.zeros((1, len(task.lengths)), dtype=np.int64)
    pools = [
        (np.array([k]), np.arange(int(task.lengths[k]))[:, None])
        for group in task.groups
        for k in group
    ]
    given = task.options
    evolve(
        task,
        pools,
        base,
        population=given["population"],
        generations=given["generations"],
        parents=given["parents"],
        mutation=given["mutation"],
    )
