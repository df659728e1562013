"""Evaluators: what tells a method how accurate a network is.

A method asks for accuracies and never how they come about: from a predictor (microseconds), from a
table of real accuracies, from a training, or from a function of the user's own.
"""

from __future__ import annotations

from ..base.checks import public
from ..base.record import Shown
from ..errors import FlashError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    import numpy as np
    from numpy.typing import NDArray

    from ..base.html import Part
    from ..solving.ground import Ground
    from .task import Task

    Pools = Sequence[tuple[Sequence[int], Sequence[Sequence[int]]]]

__all__ = ["EvaluationError", "Evaluator", "as_evaluator"]


class EvaluationError(FlashError, RuntimeError):
    """An evaluator raised, or gave no accuracies; what was evaluated before is in the journal."""


@public
class Evaluator(Shown):
    """Base of evaluators.

    A function from a list of networks to accuracies is enough where no more is to be said; a
    subclass says what is below. See docs/howto/plugins.md.

    Attributes
    ----------
    name : str
        For tables and messages.
    score : {"accuracy", "nn_degree"}
        What it gives.
    expensive : bool
        Whether each evaluation is worth a line in a journal.
    chunk : int or None
        Networks that are evaluated between two looks at the time limit; None: all at once.
    usual_evals : int
        Evaluations of a method that would not end by itself, where no limit is given.
    held : str or None
        A folder in which nobody else may work during a search.
    """

    name: str = ""
    score: str = "accuracy"
    expensive: bool = True
    chunk: int | None = None
    usual_evals: int = 1000
    held: str | None = None

    @property
    def title(self) -> str:
        """What results call it."""
        return self.name

    def _parts(self) -> list[Part]:
        from ..base.html import facts, told

        own = {name: told(one) for name, one in vars(self).items() if name[:1] != "_"}
        gives = {"gives": self.score, "in a journal": told(self.expensive)}
        return [self.title or type(self).__name__, facts({**gives, **own})]

    def unfit(self, space: Any) -> str | None:
        """Return why it cannot evaluate networks of a space, or None where it can."""
        return None

    def facts(self) -> dict[str, Any]:
        """Return plain data that tell two evaluators apart: a journal belongs to one."""
        return {"evaluator": self.name}

    def knows(self, ground: Ground, rows: NDArray[np.int64]) -> NDArray[np.bool_] | None:
        """Return which rows it can evaluate at all; None: every one."""
        return None

    def listed(self, ground: Ground) -> NDArray[np.int64] | None:
        """Return all rows that it can evaluate, where these are few; None: they are not listed."""
        return None

    def evaluate(
        self, ground: Ground, rows: NDArray[np.int64], metrics: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
        """Return (accuracies, seconds that each cost), shape (n,).

        Seconds None: as long as it took.

        Parameters
        ----------
        ground : Ground
        rows : int64 array, shape (n, variables)
            Canonical rows of choice indices, each once.
        metrics : float64 array, shape (metrics, n)
            What `Ground.charge` says of them.
        """
        raise NotImplementedError

    def prepare(self, task: Task, budgets: Mapping[str, float]) -> None:
        """Get ready for a run, or raise an ArgumentError where that would be in vain."""

    def focused(
        self, ground: Ground, pools: Pools, share: float = 1.0
    ) -> tuple[Evaluator, float] | None:
        """Return (an evaluator for part of the space, the seconds that preparing it took).

        None where there is no better one for a part than this.

        Parameters
        ----------
        ground : Ground
        pools : sequence of (variables, rows)
            The part: variables of these numbers take together one of these rows of choice indices.
        share : float, default 1.0
            Of the usual effort.
        """
        return None

    def optimum(self, task: Task) -> tuple[float | None, bool]:
        """Return (merit that no network within the budgets exceeds, whether one has it).

        (-inf, True) where none meets the budgets, (None, False) where nothing is known.
        """
        return None, False


def as_evaluator(value: Any, predictor: Any) -> Evaluator:
    """Return an evaluator from what users pass.

    None is by predictor (or NN-Degree without one); a function takes a list of architectures and
    returns their accuracies; a name is what was registered by it; a path is a table of accuracies.
    """
    import os

    from ..base import registry
    from ..base.checks import shown
    from ..errors import ArgumentError, ArgumentTypeError

    if value is None:
        from .by_predictor import PredictorEvaluator

        return PredictorEvaluator(predictor)
    if predictor is not None:
        raise ArgumentError("predictor and evaluator must not both be given: one tells accuracies")
    if isinstance(value, Evaluator):
        return value
    if isinstance(value, (str, os.PathLike)):
        if isinstance(value, str) and registry.is_name(value):
            return _by_name(value)
        from .by_table import TableEvaluator

        return TableEvaluator(value)
    if callable(value):
        return _by_object(value, None)
    raise ArgumentTypeError(
        "evaluator must be None, an evaluator, the name of a registered one, the path of a table "
        f"or a function, got {shown(value)} ({type(value).__name__})"
    )


def _by_name(name: str) -> Evaluator:
    """Return the evaluator that is registered by a name."""
    from ..base import registry
    from ..base.checks import hint
    from ..errors import ArgumentError

    thing = registry.registered("evaluator", name)
    if thing is not None:
        return _by_object(thing, name)
    known = registry.names("evaluator")
    raise ArgumentError(
        "evaluator must be an evaluator, a function, the path of a table (.csv, .json, .parquet) "
        f"or a registered name ({', '.join(known) or 'there is none'}), got {name!r}"
        f"{hint(name, known)}{registry.why_missing('evaluator', name)}"
    )


def _by_object(thing: Any, name: str | None) -> Evaluator:
    """Return the evaluator that a function, a class of evaluators or an evaluator stands for.

    A class makes a new one for each search.
    """
    from ..base import registry
    from ..base.checks import shown
    from ..errors import ArgumentTypeError

    if isinstance(thing, type) and issubclass(thing, Evaluator):
        thing = registry.call("evaluator", name or thing.__name__, thing, {})
    if isinstance(thing, Evaluator):
        return thing
    if callable(thing):
        from .by_function import FunctionEvaluator

        return FunctionEvaluator(thing, name)
    raise ArgumentTypeError(
        f"evaluator {name!r}, as it is registered, must be a flash.Evaluator or a function from a "
        f"list of networks to accuracies, got {shown(thing)} ({type(thing).__name__})"
    )
