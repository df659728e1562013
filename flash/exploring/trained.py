"""Networks that are trained already, as points beside a front."""

from __future__ import annotations

from ..base.names import TERMS
from ..evaluating import evaluate
from ..suggesting.reading import name_of, read_trained
from .of_result import hover_of, text_of
from .shown import Trained

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from ..hardware.target import Target
    from ..predictors.predictor import AccuracyPredictor

__all__ = ["read"]


def read(
    space: Any, targets: Mapping[str, Target], predictor: AccuracyPredictor | None, given: Any
) -> tuple[dict[str, tuple[Trained, ...]], tuple[str, ...]]:
    """Return by target the trained networks with their costs there, and notes on the reading.

    Raises
    ------
    ArgumentError, ArgumentTypeError, FormatError
        If something is no network of the space, or no accuracy.
    """
    import numpy as np

    runs, notes = read_trained(space, given, "trained")
    rows = list(runs)
    if not rows:
        return {}, (*notes, "no network is trained yet")
    x = np.array(rows, dtype=np.int64)
    cells = hover_of(space, x)
    found: dict[str, tuple[Trained, ...]] = {}
    for name, target in targets.items():
        table = evaluate(space, target, x)
        told = [one for one in ("nn_degree", *TERMS) if one in table]
        some = []
        for k, row in enumerate(rows):
            accuracies = [accuracy for accuracy, _ in runs[row]]
            mean = sum(accuracies) / len(accuracies)
            metrics = {one: table[one][k].item() for one in told}
            costs = ", ".join(text_of(one, metrics[one]) for one in told if one in target.metrics)
            times = f", mean of {len(accuracies)} trainings" if len(accuracies) > 1 else ""
            text = f"trained: accuracy {100 * mean:.2f} %{times}, {costs}\n{cells[k]}"
            some.append(Trained(name_of(space, row), mean, len(accuracies), metrics, text))
        found[name] = tuple(some)
    return found, tuple(notes)
