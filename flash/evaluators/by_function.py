"""Accuracies by a function of the user's own."""

from __future__ import annotations

import numpy as np

from ..base.checks import shown
from . import EvaluationError, Evaluator

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from numpy.typing import NDArray

    from ..solving.ground import Ground

__all__ = ["FunctionEvaluator"]


class FunctionEvaluator(Evaluator):
    """Evaluates by a function.

    Parameters
    ----------
    function : callable
        Takes a list of Architecture (of a `NetworkSpace`: Network) and returns one accuracy in
        [0, 1] for each.
    name : str, optional
        Usually the function's own.
    chunk : int, default 16
        How many networks it is given at most.
    """

    usual_evals = 100

    def __init__(
        self, function: Callable[[list[Any]], Any], name: str | None = None, chunk: int = 16
    ) -> None:
        self.function = function
        self.name: str = name or str(getattr(function, "__name__", "function"))
        self.chunk: int | None = chunk

    @property
    def title(self) -> str:
        return f"function {self.name}"

    def evaluate(
        self, ground: Ground, rows: NDArray[np.int64], metrics: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], None]:
        nets = [ground.space.decode(tuple(row)) for row in rows.tolist()]
        given = self.function(nets)
        try:
            found = np.asarray(given, dtype=np.float64)
        except (TypeError, ValueError, OverflowError):
            found = None
        if found is None or found.shape != (len(nets),):
            shape = "" if found is None else f", an array of shape {found.shape}"
            raise EvaluationError(
                f"evaluator {self.name!r} must return one accuracy for each of {len(nets)} "
                f"networks, got {shown(given)} ({type(given).__name__}{shape})"
            )
        return found, None
