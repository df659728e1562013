"""Fronts under conditions beyond budgets: point by point, each an exact search.

What no point found is as good as is kept as corners, the local upper bounds (Klamroth, Lacour and
Vanderpooten, European Journal of Operational Research 245, 2015): a further point is better than
some corner in every objective. The network that is best there by the first objective, of those by
the second and so on, is one, for what betters it would be better than the corner too. It parts each
corner that it is better than, once by each objective. Nothing in the popped corner is better by the
first objective, which leaves one part less; of two objectives the rest is a single corner.
"""

from __future__ import annotations

from fractions import Fraction
from math import inf, nextafter
from time import perf_counter

from ..base.names import N_METRICS, TERMS, Metric
from ..choosing.conditions import Row
from ..conditional.asking import Limit
from ..conditional.explaining import Why
from ..conditional.searching import Search
from ..conditional.tables import Box
from .front import ParetoFront
from .run import columns, summary, teller

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, TypeAlias

    from ..conditional.asking import Ask
    from ..conditional.boxes import Answer
    from ..conditional.tables import Tables

    Values: TypeAlias = tuple[float, ...]

__all__ = ["find_within"]

EQUAL = 1e-11  # relative: values of what is no exact sum are equal so far


def find_within(
    asked: Ask,
    goals: tuple[str, ...],
    callback: Callable[[Any], Any] | None,
    started: float,
) -> ParetoFront:
    """Find the front, and report however it ends.

    Parameters
    ----------
    asked : Ask
        Its budgets and conditions; of one target.
    goals : tuple of str
        Names of `TERMS`.
    callback : callable, optional
        As `flash.pareto` takes it.
    started : float
    """
    asked.goals = [{"score": 1.0} if one == "accuracy" else {one: -1.0} for one in goals]
    points: list[Answer] = []
    tell = teller(callback, started)

    def listen(value: float | None, bound: float | None, nodes: int) -> bool:
        return tell is not None and tell(len(points), 0.0)

    search = Search(asked, started, None if tell is None else listen)
    try:
        stopped = _collect(search, goals, points, listen)
    except KeyboardInterrupt:  # between two searches
        stopped = "interrupt"
    return _front(search, goals, _nondominated(points, goals), stopped, started)


def _collect(
    search: Search,
    goals: Sequence[str],
    points: list[Answer],
    listen: Callable[[float | None, float | None, int], bool],
) -> str | None:
    """Find all points; return what ended that early."""
    worst = (inf,) * len(goals)
    corners: list[tuple[Values, float]] = [(worst, -inf)]  # each with what its first is at least
    last: Values | None = None
    while corners:
        corner, _ = corners.pop()
        if (stopped := search.over()) is not None:
            return stopped
        # what lies below a corner below the last: its boxes are those of the last
        within = last is not None and all(a <= b for a, b in zip(corner, last, strict=True))
        found = search.next(limits=_below(search.tables, goals, corner), follow=within)
        last = corner
        if found.answer is None:
            if found.stopped is not None:
                return found.stopped
            continue
        if found.stopped is not None:
            if not points:  # not proven to be on the front, and all that there is
                points.append(found.answer)
            return found.stopped
        points.append(found.answer)
        corners = _parted([*corners, (corner, -inf)], _values(found.answer, goals))
        if listen(None, None, 0):
            return "callback"
    return None


def _values(answer: Answer, goals: Sequence[str]) -> Values:
    """Return a point's coordinates, the less the better."""
    metrics = answer.metrics
    return tuple([-metrics["score"] if one == "accuracy" else metrics[one] for one in goals])


def _below(tables: Tables, goals: Sequence[str], corner: Values) -> list[Limit]:
    """Return that every objective is better than a corner's."""
    found = []
    for name, value in zip(goals, corner, strict=True):
        if value == inf:
            continue
        metric, sign = ("score", ">=") if name == "accuracy" else (name, "<=")
        below = nextafter(value, -inf)
        if not tables.form(metric, Box(0, _Ones(), _Ones()), True).exact:
            below = value - EQUAL * abs(value)  # else all that equal it would be looked at
        limit = Fraction(-below if name == "accuracy" else below)
        found.append(Limit("", Row({metric: Fraction(1)}, {}, sign, limit)))
    return found


class _Ones(dict[tuple[int, int], float]):
    """A box of which only the form of forms is asked."""

    def __missing__(self, key: tuple[int, int]) -> float:
        return 1.0


def _parted(corners: list[tuple[Values, float]], point: Values) -> list[tuple[Values, float]]:
    """Return corners without what a point is as good as."""
    kept, made = [], []
    *_, (popped, _) = corners
    for corner, least in corners:
        if not all(a < b for a, b in zip(point, corner, strict=True)):
            kept.append((corner, least))
            continue
        own = max(least, point[0]) if corner == popped else least
        for k, value in enumerate(point):
            part = (*corner[:k], value, *corner[k + 1 :])
            if part[0] > own:
                made.append((part, own))
    for part, least in made:  # those within another have nothing of their own
        others = [one for one, _ in (*kept, *made) if one != part]
        if not any(all(a <= b for a, b in zip(part, one, strict=True)) for one in others) and all(
            part != one for one, _ in kept
        ):
            kept.append((part, least))
    return kept


def _nondominated(points: Sequence[Answer], goals: Sequence[str]) -> list[Answer]:
    """Return the points that none betters: objectives that are no exact sums are equal up to
    rounding where they are searched."""
    values = [_values(one, goals) for one in points]

    def bettered(own: Values) -> bool:
        return any(
            other != own and all(a <= b for a, b in zip(other, own, strict=True))
            for other in values
        )

    first = dict(reversed(list(zip(values, points, strict=True))))
    return [one for own, one in first.items() if not bettered(own)]


def _front(
    search: Search,
    goals: tuple[str, ...],
    points: Sequence[Answer],
    stopped: str | None,
    started: float,
) -> ParetoFront:
    import numpy as np

    asked, tables = search.asked, search.tables
    problem = tables.scored.problem
    rows = [problem.row(one.variant, one.rows) for one in points]
    x = np.array(rows, np.int64).reshape(len(rows), len(asked.space.lengths))
    metric = np.zeros((len(points), N_METRICS))
    for i, one in enumerate(points):
        metric[i, Metric.SCORE] = one.metrics["score"]
        for name, k in zip(TERMS[1:], range(1, N_METRICS), strict=True):
            metric[i, k] = one.metrics.get(name, 0.0)
    x, metrics = columns(problem, x, metric, goals)
    message = summary(len(x), stopped, 0.0)
    if not len(x) and stopped is None:
        message = Why(asked).message
    front = ParetoFront(
        asked.space,
        problem.target,
        goals,
        asked.budgets,
        0.0,
        asked.predictor is not None,
        x,
        metrics,
        stopped,
        message,
        weighed=search.nodes,
        elapsed_s=perf_counter() - started,
        where=asked.where,
    )
    front.__dict__["_told_by"] = asked.predictor
    return front
