"""NetAdapt (Yang et al., arXiv 1804.03230): coordinate descent of one layer at a time.

The baseline of `flash.methods.netadapt_v2`, with the same resource and targets: a step shrinks each
layer alone, just as far as the step's target asks, and goes on from the one of the best accuracy.
Where no layer can reach the target alone, the smallest network of the step goes on, so that the
descent takes more steps than planned (the cheapest layer caps a step). Its short fine-tuning
between steps is left out: the evaluator's supernet stands for it, as in NetAdaptV2's comparison.
"""

from __future__ import annotations

from itertools import product

import numpy as np

from .netadapt_v2 import OPTIONS as _THEIRS
from .netadapt_v2 import Descent, descend

TYPE_CHECKING = False
if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ._task import Task

__all__ = ["OPTIONS", "run"]

OPTIONS = {name: _THEIRS[name] for name in ("iterations", "decay")}
MOST, MOST_BUILT = 4096, 256  # choices of a layer that are looked at; networks built one by one


def run(task: Task) -> None:
    """Descend one layer at a time."""
    descend(task, _one_layer)


def _one_layer(at: Descent, row: NDArray[np.int64], target: float) -> NDArray[np.int64]:
    """Return one network per layer that can shrink: the largest that holds the target, if any."""
    found = []
    used = float(at.usage(row)[0])
    for group in at.groups:
        trial = _choices(at.task, row, group)
        now = at.usage(trial)
        holds = now <= target
        place = int(np.where(holds, now, -1.0).argmax()) if holds.any() else int(now.argmin())
        if now[place] < used:
            found.append(trial[place])
    return np.array(found, dtype=np.int64).reshape(-1, row.shape[1])


def _choices(task: Task, row: NDArray[np.int64], group: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return rows with all choices of a layer, or of each of its variables where that is many."""
    lengths = task.lengths[group]
    most = MOST if task.ground.tabled else MOST_BUILT
    if float(np.prod(lengths.astype(float))) <= most:
        values = np.array(list(product(*(range(int(n)) for n in lengths))), dtype=np.int64)
        trial = np.repeat(row, len(values), axis=0)
        trial[:, group] = values
        return task.canonical(trial)
    parts = []
    for column, length in zip(group.tolist(), lengths.tolist(), strict=True):
        trial = np.repeat(row, length, axis=0)
        trial[:, column] = np.arange(length)
        parts.append(trial)
    return task.canonical(np.concatenate(parts))
