"""NetAdapt (Yang et al., arXiv 1804.03230): coordinate descent of one layer at a time.

The baseline of `flash.methods.netadapt_v2`, with the same resource and targets: a step shrinks each
layer alone, just as far as the step's target asks, and goes on from the one of the best accuracy.
Where no layer can reach the target alone, the smallest network of the step goes on, so that the
descent takes more steps than planned (the cheapest layer caps a step). Its short fine-tuning
between steps is left out: the evaluator's supernet stands for it, as in NetAdaptV2's comparison.
"""

from __future__ import annotations

import numpy as np

from .netadapt_v2 import OPTIONS as _THEIRS
from .netadapt_v2 import Descent, choices_of, descend

TYPE_CHECKING = False
if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ._task import Task

__all__ = ["OPTIONS", "run"]

OPTIONS = {name: _THEIRS[name] for name in ("iterations", "decay")}


def run(task: Task) -> None:
    """Descend one layer at a time."""
    descend(Descent(task), _one_layer, task.max_evals)


def _one_layer(at: Descent, row: NDArray[np.int64], target: float) -> NDArray[np.int64]:
    """Return one network per layer that can shrink: the largest that holds the target, if any."""
    found = []
    used = float(at.usage(row)[0])
    for group in at.groups:
        trial = choices_of(at.task, row, group)
        now = at.usage(trial)
        holds = now <= target
        place = int(np.where(holds, now, -1.0).argmax()) if holds.any() else int(now.argmin())
        if now[place] < used:
            found.append(trial[place])
    return np.array(found, dtype=np.int64).reshape(-1, row.shape[1])
