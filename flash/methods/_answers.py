"""What an evaluator and a task say of the rows that a method asks for, and how it ends one."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    import numpy as np
    from numpy.typing import NDArray

    from ..evaluators import Evaluator
    from ..solving.ground import Ground

    Floats = NDArray[np.float64]

__all__ = ["Answers", "Best", "Stop", "ask"]


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
    metrics : float64 array, shape (metrics, n)
        See `Ground.charge`.
    """

    __slots__ = ("accuracy", "excess", "likely", "merit", "metrics")

    def __init__(
        self, merit: Floats, likely: Floats, accuracy: Floats, excess: Floats, metrics: Floats
    ) -> None:
        self.merit: Floats = merit
        self.likely: Floats = likely
        self.accuracy: Floats = accuracy
        self.excess: Floats = excess
        self.metrics: Floats = metrics


class Best:
    """The best network so far, in the order of answers: merit, then costs, then its number."""

    __slots__ = ("accuracy", "key", "metrics", "row")

    def __init__(
        self, key: tuple[Any, ...], row: tuple[int, ...], accuracy: float, metrics: Floats
    ) -> None:
        self.key: tuple[Any, ...] = key
        self.row: tuple[int, ...] = row
        self.accuracy: float = accuracy
        self.metrics: Floats = metrics

    @property
    def merit(self) -> float:
        """What is maximised."""
        return -float(self.key[0])


def ask(
    evaluator: Evaluator, ground: Ground, rows: NDArray[np.int64], metrics: Floats
) -> tuple[Floats, Floats | None]:
    """Return what an evaluator says of rows, checked; EvaluationError where it failed."""
    import numpy as np

    from ..errors import FlashError
    from ..evaluators import EvaluationError

    try:
        found, cost = evaluator.evaluate(ground, rows, metrics)
    except FlashError:
        raise
    except Exception as error:
        raise EvaluationError(
            f"evaluator {evaluator.name!r} raised {type(error).__name__} on "
            f"{len(rows)} network{'s' * (len(rows) > 1)}: {error}"
        ) from error
    wrong = np.isnan(found)
    if evaluator.score == "accuracy":
        wrong |= (found < 0.0) | (found > 1.0)
    if wrong.any():
        place = int(np.flatnonzero(wrong)[0])
        raise EvaluationError(
            f"evaluator {evaluator.name!r} must give numbers"
            f"{' in [0, 1]' if evaluator.score == 'accuracy' else ''}, "
            f"got {found[place]} for row {tuple(rows[place].tolist())}"
        )
    return found, cost
