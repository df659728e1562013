"""What evaluators read of the task that a method works on: the tasks themselves lie above them."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    import numpy as np
    from numpy.typing import NDArray

    from ..problem.objective import Objective
    from ..solving.ground import Ground

    class Task(Protocol):
        """A problem as `flash.methods._task.Task` has it."""

        ground: Ground
        objective: Objective
        limits: list[float]
        ends_at: float

        def excess(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
            """Return how far rows of choice indices are over the budgets; 0: within."""
            ...

        def used(self, metrics: NDArray[np.float64]) -> NDArray[np.float64]:
            """Return the largest share of a budget that costs use, shape (n,)."""
            ...

        def merits(
            self, accuracy: NDArray[np.float64], metrics: NDArray[np.float64]
        ) -> NDArray[np.float64]:
            """Return what is maximised, shape (n,)."""
            ...


__all__ = ["Task"]
