"""A method: from some random networks up, one choice at a time, and again from others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import flash


def hill_climbing(task: flash.Task, *, starts: int = 4, tries: int = 8) -> None:
    """Climb from the best of `starts` draws until none of `tries` neighbours is better, again.

    The task ends it at a limit: until then it starts anew.
    """
    while True:
        rows = task.draw(starts)
        merit = task.evaluate(rows).merit
        here, height = rows[merit.argmax()], float(merit.max())
        while True:
            neighbours = np.repeat(here[None], tries, axis=0)
            columns = task.rng.integers(0, len(task.lengths), tries)
            neighbours[range(tries), columns] = task.rng.integers(0, task.lengths[columns])
            within = neighbours[task.excess(neighbours) == 0.0]  # costs are free to look at
            if not len(within):
                break
            merit = task.evaluate(within).merit
            if merit.max() <= height:
                break
            here, height = within[merit.argmax()], float(merit.max())
