"""FLASH with trainings: the loop that trains the networks from which most is expected.

The paper's way where accuracies cost something (arXiv 2108.00568) fits a predictor on 25 samples
and searches by it once. Here a model is fitted after every training, and says which network to
train next, or that there is nothing left to gain (`flash.suggesting`): flash's own.
"""

from __future__ import annotations

import numpy as np

from . import MethodOption

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..evaluators import Evaluator
    from ..suggesting.proposing import Proposal
    from ._task import Task

__all__ = ["OPTIONS", "run", "unfit"]

OPTIONS = {
    "samples": MethodOption(4, 3, 100_000, about="networks drawn at random before the first model"),
    "batch": MethodOption(1, 1, 10_000, about="networks proposed at a time"),
    "gain": MethodOption(
        0.00005, 0.0, 1.0, about="expected gain of accuracy below which the search ends"
    ),
    "patience": MethodOption(5, 1, 10_000, about="proposals in a row below it"),
    "cost": MethodOption(
        "none", choices=("none", "macs"), about="what an expected gain is divided by"
    ),
}


def unfit(space: Any, evaluator: Evaluator) -> str | None:
    """A predictor needs no samples."""
    if not evaluator.expensive:
        return (
            "method 'flash' learns from evaluated samples, and does not fit the evaluator "
            f"{evaluator.name!r}: method 'shgo' searches by a predictor or NN-Degree"
        )
    return None


def run(task: Task) -> None:
    """Propose, evaluate, and learn."""
    from ..suggesting.known import known_of
    from ..suggesting.proposing import NothingLeft, propose

    options, variables = task.options, len(task.lengths)
    trained: dict[tuple[int, ...], list[tuple[float, float | None]]] = {}
    failed: list[tuple[int, ...]] = []
    seed = int(task.rng.integers(1 << 62))
    asked = {
        "first": options["samples"],
        "among": task.evaluator.listed(task.ground),
        "allowed": _allowed(task),
        "exponents": task.objective.exponents,
        "cost": options["cost"],
        "look": task.look,
    }
    below = 0
    while True:
        count = options["batch"]
        if len(trained) < options["samples"]:
            count = options["samples"] - len(trained)
        known = known_of(trained, failed, variables)
        try:
            found = propose(
                task.ground, known, count,
                limits=task.limits, least=task.least, seed=seed, options=asked,
            )  # fmt: skip
        except NothingLeft as nothing:
            task.remark = str(nothing)
            return
        _tell(task, found)
        below = below + 1 if found.left < options["gain"] else 0
        if below >= options["patience"]:
            return
        answers = task.evaluate(found.rows)
        for row, accuracy in zip(found.rows.tolist(), answers.accuracy.tolist(), strict=True):
            if accuracy == accuracy:
                trained[tuple(row)] = [(accuracy, None)]
            else:
                failed.append(tuple(row))


def _allowed(task: Task) -> Any:
    """Return which rows the evaluator can judge at all, as a function."""

    def allowed(rows: Any) -> Any:
        known = task.evaluator.knows(task.ground, rows)
        return np.ones(len(rows), dtype=np.bool_) if known is None else known

    return allowed


def _tell(task: Task, found: Proposal) -> None:
    """Say in the result what could still be better."""
    if found.left == found.left:
        task.remark = f"the most that another network is expected to gain is {found.left:.2g}"
