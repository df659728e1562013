"""The objective as a function of one budget: exact steps, from the front of the two."""

from __future__ import annotations

from ..base.checks import choice
from ..base.names import BUDGET_OF, COUNTS, TERMS, UPPER
from ..base.record import Record, cached
from ..charts.chart import Axis, Chart, Line, Panel, Points, Rule
from ..charts.metrics import unit_of
from ..errors import ArgumentError
from .axes import called, objective_axis
from .screen import quantity

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from typing import Any

    import numpy as np
    from numpy.typing import NDArray

    from ..fronts.front import ParetoFront
    from ..hardware.target import Target
    from ..predictors.predictor import AccuracyPredictor
    from .result import SearchResult

__all__ = ["Steps", "chart_of", "steps_of"]

TERM_OF = {budget: term for term, budget in BUDGET_OF.items()}
BEYOND = 1.25  # how far the last step is drawn


class Steps(Record):
    """What the best network reaches under each limit of one budget, the others as they were.

    Parameters
    ----------
    budget : str
    limits : ndarray of float, shape (n,)
        At which the objective improves, the tightest first.
    objectives : ndarray of float, shape (n,)
        From there on, until the next.
    front : ParetoFront
        The networks: point `order[k]` is that of step k.
    order : ndarray of int, shape (n,)
    """

    budget: str
    limits: NDArray[np.float64]
    objectives: NDArray[np.float64]
    front: ParetoFront
    order: NDArray[np.int64]

    @cached
    def pairs(self) -> tuple[tuple[float, float], ...]:
        """(limit, objective) of each step."""
        return tuple(zip(self.limits.tolist(), self.objectives.tolist(), strict=True))


def steps_of(
    result: SearchResult[Any],
    budget: str,
    target: Target | str | os.PathLike[str] | None = None,
    predictor: AccuracyPredictor | str | os.PathLike[str] | None = None,
) -> Steps:
    """Return the exact steps of a result's objective along a budget.

    Raises
    ------
    ArgumentError
        If there is no such budget or no exact front of the two; the message says why.
    """
    term = TERM_OF[choice("budget", budget, tuple(TERM_OF))]
    goal = _goal(result)
    if goal == term:
        raise ArgumentError(f"budget must not be one on what is searched for, got {budget}")
    if result.confidence is not None:
        raise ArgumentError(
            "the steps of a budget are of the costs themselves, and this result's budgets hold "
            f"for the upper end of {100 * result.confidence:g} % intervals: search without "
            "confidence"
        )
    if result.costs is not None:
        raise ArgumentError("the steps of a budget are of one device, this result is of several")
    own, told = _asked(result, budget, target, predictor)
    others: dict[str, Any] = {k: v for k, v in result.budgets.items() if k != budget}
    if result.where:
        others["where"] = list(result.where)
    if result.accelerator is not None:
        others["codesign"] = True
    from ..fronts.finding import pareto

    space: Any = result.space
    front: ParetoFront = pareto(space, own, [goal, term], predictor=told, **others)
    if not len(front):
        raise ArgumentError(f"there are no steps: {front.message}")
    return _steps(budget, front, goal, term)


def _goal(result: SearchResult[Any]) -> str:
    """Return the objective as a front has it."""
    name = result.objective_name
    if name in ("accuracy", "nn_degree", "quantised nn_degree"):
        return "accuracy"
    cost = name.removeprefix("-")
    if cost in TERMS and name != cost:
        return cost
    raise ArgumentError(
        "the steps of a budget are those of NN-Degree, of a predictor's accuracy or of one least "
        f"cost; this result's objective is {name!r}"
    )


def _asked(
    result: SearchResult[Any], budget: str, target: Any, predictor: Any
) -> tuple[Target, Any]:
    """Return the target and the predictor of a result: what it was searched with in this process,
    else what is given, else a target of the result's name."""
    from ..hardware.target import as_target
    from ..predictors.predictor import as_predictor

    kept = result.__dict__.get("_asked", (None, None))
    own = as_target(target if target is not None else kept[0] or result.target)
    if own.name != result.target:
        raise ArgumentError(f"target must be {result.target!r}, got {own.name!r}")
    told = as_predictor(predictor if predictor is not None else kept[1], result.space.family)
    if told is None and (result.accuracy is not None or "min_accuracy" in result.budgets):
        by = result.scored_by or "one that a file does not hold"
        raise ArgumentError(f"predictor must be given: the result's accuracies were told by {by}")
    if told is None and budget == "min_accuracy":
        raise ArgumentError(
            "budget must not be min_accuracy without a predictor: scores are NN-Degree then"
        )
    return own, told


def _steps(budget: str, front: ParetoFront, goal: str, term: str) -> Steps:
    import numpy as np

    limits = _values(front, term)
    objectives = _values(front, goal)
    tight = 1.0 if budget in UPPER else -1.0
    better = -1.0 if goal != "accuracy" else 1.0
    order = np.lexsort((-better * objectives, tight * limits))
    best = np.maximum.accumulate(better * objectives[order])
    kept = np.ones(len(order), bool)
    kept[1:] = best[1:] > best[:-1]
    order = order[kept]
    return Steps(budget, limits[order], objectives[order], front, order)


def _values(front: ParetoFront, term: str) -> Any:
    """Return what a front's points have of an objective, as a result tells it."""
    if term == "accuracy" and front.predicted:
        return front.metrics["accuracy"].astype(float)
    return front.values(term).astype(float)


def chart_of(result: SearchResult[Any], steps: Steps) -> Chart:
    """Return the chart of ``result.plot(budget=...)``."""
    import numpy as np

    budget, term = steps.budget, TERM_OF[steps.budget]
    upper = budget in UPPER
    limits, objectives = steps.limits, steps.objectives
    given = result.budgets.get(budget)
    ends = [float(limits.max()), *([float(given)] if given is not None else [])]
    x, y = limits, objectives
    if upper:
        x, y = np.append(limits, max(ends) * BEYOND), np.append(objectives, objectives[-1])
    else:  # a floor: from the loosest one on, which is 0, up to the tightest
        x, y = np.append(limits, 0.0), np.append(objectives, objectives[-1])
    name, unit = called(term), unit_of(term)
    marks: list[Any] = [
        Line(
            x,
            y,
            name="the best network",
            colour=0,
            steps="after",
            most=20_000,
        ),
        Points(
            limits,
            objectives,
            colour=0,
            size=4.5 if len(limits) <= 60 else 2.0,
            hover=lambda k: _told(steps, k),
        ),
    ]
    if given is not None:
        marks.append(Rule(given, name=f"the budget: {quantity(given, unit)}", upright=True))
    own = getattr(result, term) if term != "accuracy" else result.accuracy
    if result.objective is not None and own is not None:
        reached = result.objective if _goal(result) == "accuracy" else -result.objective
        marks.append(
            Points([own], [reached], name="this result", colour=5, symbol="star", size=13.0)
        )
    axis = _axis(result)
    title = f"{result.space.family} on {result.target}: {axis.title} by budget on {name}"
    spread = float(limits.max()) / max(float(limits.min()), 1e-300)
    return Chart(
        title,
        [
            Panel(
                marks,
                x=Axis(f"budget on {name}", unit, log=upper and spread > 4.0),
                y=axis,
            )
        ],
        notes=_notes(result, steps),
    )


def _axis(result: SearchResult[Any]) -> Axis:
    goal = _goal(result)
    if goal == "accuracy":
        return objective_axis(result)
    return Axis(f"least {called(goal)}", unit_of(goal))


def _limit(steps: Steps, k: int) -> str:
    """Return the limit of a step in words."""
    term = TERM_OF[steps.budget]
    value = float(steps.limits[k])
    return quantity(int(value) if term in COUNTS else value, unit_of(term))


def _told(steps: Steps, k: int) -> str:
    """Return a step in words, with its network."""
    point = int(steps.order[k])
    lines = [f"{steps.budget} {_limit(steps, k)}: {quantity(float(steps.objectives[k]))}"]
    net: Any = steps.front.architectures[point]
    cells: Any = getattr(net, "cells", None)
    if cells is None:
        return "\n".join([*lines, str(net)])
    for number, cell in enumerate(cells, 1):
        told = ", ".join(f"{key} {value}" for key, value in cell.to_dict().items())
        lines.append(f"cell {number}: {told}")
    return "\n".join(lines)


def _notes(result: SearchResult[Any], steps: Steps) -> list[str]:
    """Return what is to be said: where it begins, what else holds, and what of it binds."""
    count = len(steps.limits)
    front = steps.front
    proof = "exact" if front.exact else "not proven"
    tightest = _limit(steps, 0)
    none = "below" if steps.budget in UPPER else "above"
    notes = [
        f"{count:,} step{'s' * (count != 1)}, {proof}; {none} {tightest} no network meets the rest"
    ]
    binding = result.binding
    for name, limit in result.budgets.items():
        if name == steps.budget:
            continue
        told = f"{name} {quantity(limit, unit_of(TERM_OF.get(name, '')))} throughout"
        if binding is not None and name in UPPER:
            told += f"; at this result it {'binds' if name in binding else 'does not bind'}"
        notes.append(told)
    notes += [f"where {one}" for one in result.where]
    return notes
