"""What a task says of the rows that a method asks for, and how it ends one."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["Answers", "Best", "Stop"]


class Stop(BaseException):
    """A limit was reached; no error, so that no method catches it by mistake."""

    def __init__(self, why: str | None) -> None:
        super().__init__(why)
        self.why = why


class Answers:
    """What a task says of n rows.

    Attributes
    ----------
    merit : float64 array, shape (n,)
        What is maximised, larger is better: the score, or the logarithm of the weighted product.
        -inf where a row breaks a budget, is no network, or was not evaluated.
    accuracy : float64 array, shape (n,)
        The evaluator's; NaN where it was not asked.
    likely : float64 array, shape (n,)
        The merit without regard to the budgets, for a soft constraint: NaN where the accuracy was
        not asked.
    excess : float64 array, shape (n,)
        0 within the budgets, else how far the most exceeded one is exceeded: cost / budget - 1.
    metrics : float64 array, shape (6, n)
        See `Ground.charge`.
    """

    __slots__ = ("accuracy", "excess", "likely", "merit", "metrics")

    def __init__(
        self, merit: Floats, likely: Floats, accuracy: Floats, excess: Floats, metrics: Floats
    ) -> None:
        self.merit = merit
        self.likely = likely
        self.accuracy = accuracy
        self.excess = excess
        self.metrics = metrics


class Best:
    """The best network so far, in the order of answers: merit, then costs, then its number."""

    __slots__ = ("accuracy", "key", "metrics", "row")

    def __init__(
        self, key: tuple[Any, ...], row: tuple[int, ...], accuracy: float, metrics: Floats
    ) -> None:
        self.key = key
        self.row = row
        self.accuracy = accuracy
        self.metrics = metrics

    @property
    def merit(self) -> float:
        """What is maximised."""
        return -float(self.key[0])
