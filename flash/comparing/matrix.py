"""Which method searches which space by which evaluator: the table of docs/howto/methods.md."""

from __future__ import annotations

from ..evaluators.by_function import FunctionEvaluator
from ..evaluators.by_predictor import PredictorEvaluator
from ..evaluators.by_supernet import SupernetEvaluator
from ..evaluators.by_table import TableEvaluator
from ..evaluators.by_training import TrainingEvaluator
from ..methods import METHODS
from ..methods.running import unfit
from ..spaces.known.homes import known_space
from ..spaces.network_space import HOMES, network_space
from ..spaces.space import SearchSpace
from ..spaces.tabled import TabledSpace
from .running import CORE, unfit_core

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..evaluators import Evaluator

__all__ = ["matrix"]


def _nothing(nets: list[Any]) -> list[float]:
    return [0.0] * len(nets)


def matrix() -> str:
    """Return the compatibility matrix as a Markdown table, one line per space and evaluator."""
    spaces: list[tuple[str, Any]] = [("the four families", SearchSpace("densenet"))]
    spaces.append(("a `BlockSpace` of images", known_space("mobilenet-v3")))
    spaces += [(f"`{family}`", network_space(family)) for family in HOMES]
    methods = (*CORE, *METHODS)
    head = ["space", "evaluator", *(f"`{name}`" for name in methods)]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for title, space in spaces:
        for what, evaluator in _evaluators(space):
            if what == "supernet" and space.family == "densenet":
                title, space = "`resnet`, `wide-resnet`, `mobilenet-v2`", SearchSpace("resnet")
            marks = [_mark(name, space, evaluator) for name in methods]
            lines.append("| " + " | ".join([title, what, *marks]) + " |")
    return "\n".join(lines)


def _evaluators(space: Any) -> list[tuple[str, Evaluator]]:
    name = "0" if isinstance(space, TabledSpace) else space.name(space.row(0))
    return [
        ("predictor, NN-Degree", PredictorEvaluator()),
        ("table", TableEvaluator({name: 0.5})),
        ("training", TrainingEvaluator("digits", "trainings")),
        ("function", FunctionEvaluator(_nothing)),
        ("supernet", SupernetEvaluator("digits", "supernet")),
    ]


def _mark(method: str, space: Any, evaluator: Evaluator) -> str:
    why = unfit_core(space, evaluator) if method in CORE else unfit(method, space, evaluator)
    return "yes" if why is None else "-"
