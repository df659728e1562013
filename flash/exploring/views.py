"""Fronts as the page draws them: some of their points, with what is shown under the mouse."""

from __future__ import annotations

from ..base.names import LABELS
from ..charts.thinning import thinned as look_alike
from ..fronts.front import QUANTISED
from .of_result import QUANTISED_DEGREE, hover_of, text_of, worded
from .shown import Change, FrontView

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from ..fronts.front import ParetoFront
    from .shown import Goal, Trained
    from .state import State

__all__ = ["SHOWN", "named", "offers_of", "texts_of", "thinned", "view_of"]

SHOWN = 800  # points
COARSER = (0.01, 0.03, 0.1)  # offered where an exact front is too large


def view_of(
    front: ParetoFront,
    state: State,
    target: str,
    request: int,
    goals: Sequence[Goal],
    here: Mapping[str, float] | None,
    trained: Sequence[Trained],
    among: Any = None,
) -> FrontView:
    """Return what is drawn of a front; among: the numbers of the points that are looked at, by
    default all."""
    import numpy as np

    columns = {one.name: _column(front, one.name) for one in goals}
    if among is None:
        among = np.arange(len(front))
    n = len(among)
    some = among[thinned([one[among] for one in columns.values()], n)]
    knee = None
    if n and front.complete and n == len(front):
        knee = front.knee_index
        some = np.union1d(some, [knee])
    places = some.tolist()
    message = front.message
    if n < len(front):
        message = f"{n:,} of {len(front):,} points meet the budgets; {message}"
    if n > len(places):
        message += f"; {len(places):,} of {n:,} points are drawn"
    if state.confidence is not None:
        message += "; by the costs themselves, not the upper ends of their intervals"
    return FrontView(
        target,
        state,
        request,
        tuple(goals),
        columns={name: tuple(column[some].tolist()) for name, column in columns.items()},
        places=tuple(places),
        texts=tuple(_texts(front, some)),
        total=n,
        exact=front.exact,
        message=message,
        knee=knee,
        here=here,
        trained=tuple(trained),
        front=front,
    )


def offers_of(state: State) -> tuple[Change, ...]:
    """Return coarser fronts than a state's, which take less time."""
    return tuple(
        [
            Change(f"within {100 * one:g} % of every network", state.replace(epsilon=one))
            for one in COARSER
            if one > state.epsilon
        ]
    )


def _column(front: ParetoFront, name: str) -> Any:
    if name == "accuracy" and front.predicted:
        return front.metrics["accuracy"]
    return front.values(name)


def thinned(columns: Sequence[Any], n: int) -> Any:
    """Return the numbers of the points that are drawn, rising."""
    import numpy as np

    if n <= SHOWN:
        return np.arange(n)
    log = bool((columns[0] > 0).all()), bool((columns[1] > 0).all())
    return look_alike(columns[0], columns[1], SHOWN, log=log)


def _texts(front: ParetoFront, some: Any) -> list[str]:
    told = {name: one[some] for name, one in front.metrics.items() if name != "score"}
    return texts_of(front.space, front.x[some], told)


def texts_of(space: Any, x: Any, metrics: Mapping[str, Any]) -> list[str]:
    """Return what is shown under the mouse of some networks: their metrics, and what they are."""
    columns = {_label(name): (name, one.tolist()) for name, one in metrics.items()}
    found = []
    for k, own in enumerate(hover_of(space, x) if len(x) else []):
        costs = [f"{label} {text_of(name, one[k])}" for label, (name, one) in columns.items()]
        found.append("\n".join([*costs, own]))
    return found


def named(goals: Sequence[Goal], front: ParetoFront) -> tuple[Goal, ...]:
    """Return a front's objectives by their names: with bits that are chosen and no predictor,
    NN-Degree is that of these bits."""
    if front.score_name != QUANTISED:
        return tuple(goals)
    return tuple(
        [one.replace(label=QUANTISED_DEGREE) if one.name == "accuracy" else one for one in goals]
    )


def _label(name: str) -> str:
    return LABELS.get(name, "NN-Degree" if name == "nn_degree" else worded(name))
