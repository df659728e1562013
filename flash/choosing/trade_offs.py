"""The exact front of a problem of choices: every trade-off between objectives, each once.

Two objectives: the best by the first (of those the best by the second), then the best of what is
better in the second, and so on: each point by exact solves, an empty rest at the end.

More: the space of values that no point found is as good as is kept as corners, the local upper
bounds (Klamroth, Lacour and Vanderpooten, European Journal of Operational Research 245, 2015): what
lies below one in every objective may hold a further point. An answer that is best there by the
first objective, then by the sum of the others, is one, and parts the corners that it lies below.
The least of the first objective below one corner bounds it below all that are lower, which shows
most corners empty without a solve.
"""

from __future__ import annotations

from collections import deque
from fractions import Fraction
from time import perf_counter

from ..base.checks import is_list, items, listener, number, shown
from ..errors import ArgumentError, ArgumentTypeError
from .choosing import Question, best, told_choices, told_metrics
from .conditions import Condition, PeakLimit, Row, read_conditions, with_clauses
from .front import ChoiceEvent, ChoiceFront, ChoicePoint
from .goals import Goal, read_goals
from .model import Limits, Model
from .numbers import combined, most_of_sums

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from .model import Found
    from .problem import ChoiceProblem

    Values = tuple[int, ...]

__all__ = ["find_front", "front_of_goals"]

INF = float("inf")
MOST = 8  # objectives
LARGEST = 2**52  # sums that the solver takes as they are
ROUNDED = (
    "numbers exceed the solver's range and were rounded outward; the answers were checked in exact "
    "ones"
)


def find_front(
    problem: ChoiceProblem,
    minimize: Any,
    maximize: Any,
    where: Any,
    time_limit_s: Any,
    callback: Any,
) -> ChoiceFront:
    """Find the front: see `flash.pareto`.

    Raises
    ------
    ArgumentError, ArgumentTypeError
    """
    began = perf_counter()
    goals = _read(minimize, maximize, problem)
    conditions = read_conditions(where, problem)
    deadline = INF if time_limit_s is None else number("time_limit_s", time_limit_s, above=0.0)
    listener("callback", callback)
    search = _Search(problem, conditions, goals, began, deadline, callback)
    try:
        search.run()
    except KeyboardInterrupt:
        search.stopped = "interrupt"
    return search.front()


def front_of_goals(
    problem: ChoiceProblem,
    conditions: list[Condition],
    goals: list[Goal],
    time_limit_s: float = INF,
) -> ChoiceFront:
    """Find the front of objectives that are read already, sums and peaks, within conditions."""
    search = _Search(problem, conditions, goals, perf_counter(), time_limit_s, None)
    search.run()
    return search.front()


def _read(minimize: Any, maximize: Any, problem: ChoiceProblem) -> list[Goal]:
    goals: list[Goal] = []
    for name, given in (("minimize", minimize), ("maximize", maximize)):
        if given is None:
            continue
        some = [given]
        if is_list(given) and not isinstance(given, dict):
            some = items(name, given, 99)
        for one in some:
            if isinstance(one, (list, tuple)):
                raise ArgumentTypeError(f"{name} must be a list of objectives, got {shown(one)}")
            if name == "minimize":
                goals += read_goals(one, None, problem)
            else:
                goals += read_goals(None, one, problem)
    if len(goals) < 2 or len(goals) > MOST:
        raise ArgumentError(
            f"minimize and maximize together must name two to {MOST} objectives, such as "
            f"minimize=['loss', 'latency_ms'], got {len(goals)}"
            + ("; for one there is flash.choose" if len(goals) == 1 else "")
        )
    for one in goals:
        if one.kind == "product":
            raise ArgumentError(
                "a front is of sums and peaks, and a product is neither: give the metrics that it "
                "multiplies as objectives"
            )
    for i, one in enumerate(goals):
        if any(one.row == other.row and one.kind == other.kind for other in goals[:i]):
            raise ArgumentError(f"objectives must be different, got {shown(one.name)} twice")
    return goals


class _Search:
    """One search for a front; values are what is minimised, of each objective in its unit."""

    def __init__(
        self,
        problem: ChoiceProblem,
        conditions: list[Condition],
        goals: list[Goal],
        began: float,
        deadline: float,
        callback: Callable[[ChoiceEvent], object] | None,
    ) -> None:
        self.problem, self.conditions, self.told_goals = problem, tuple(conditions), goals
        self.began, self.ends_at = began, began + deadline
        self.callback = callback
        # sums first: what is minimised is one where there is one, and peaks are limits
        self.goals = sorted(goals, key=lambda one: one.kind == "peak")
        model = Model(problem, ())
        self.units = [
            problem.exact(one.name).scale if one.kind == "peak" else model.column_of(one.row).scale
            for one in self.goals
        ]
        self.stages = self._stages()
        self.found: dict[Values, tuple[tuple[int, ...], bool]] = {}
        self.all_proven = True
        self.rounded = False
        self.stopped: str | None = None
        self.ended = False  # by the callback
        self.nodes = 0

    def _stages(self) -> tuple[Goal, ...]:
        """Return objectives of which the best in turn is a point: the first, the sum of the other
        sums, each of them in its own unit, and peaks."""
        first, *others = self.goals
        sums = [one for one in others if one.kind == "sum"]
        peaks = [one for one in others if one.kind == "peak"]
        if len(sums) < 2 or any(one.row.own for one in sums):
            return tuple(self.goals)
        terms: dict[str, Fraction] = {}
        for one, unit in zip(self.goals[1:], self.units[1:], strict=True):
            if one.kind == "peak":
                break
            for name, factor in one.row.terms.items():
                terms[name] = terms.get(name, Fraction(0)) + factor / unit
        terms = {name: factor for name, factor in terms.items() if factor}
        if not terms:
            return tuple(self.goals)
        whole = combined([(factor, self.problem.exact(name)) for name, factor in terms.items()])
        if most_of_sums(whole.whole, self.problem._start) >= LARGEST:
            return tuple(self.goals)
        return (first, Goal("", "sum", False, Row(terms, {}, "<=", Fraction(0)), {}), *peaks)

    # asking

    def heard(self, _: object = None) -> bool:
        """Tell of the search so far; whether to end it."""
        elapsed_s = perf_counter() - self.began
        if self.callback is not None:
            event = ChoiceEvent(len(self.found), self.nodes, elapsed_s)
            self.ended = self.ended or self.callback(event) is True
        return self.ended

    def ask(self, below: Sequence[Any]) -> Found | None:
        """Return the best answer of which each objective is less than a value; None where the
        search has ended."""
        left = self.ends_at - perf_counter()
        if left <= 0.0:
            self.stopped = "time_limit_s"
            return None
        parts = [
            _less(goal, value * unit)
            for goal, unit, value in zip(self.goals, self.units, below, strict=True)
            if value != INF
        ]
        more = Condition("", tuple(with_clauses(parts, self.problem)))
        question = Question(self.problem, (*self.conditions, more), self.stages)
        found = best(question, Limits(left, -1, None if self.callback is None else self.heard))
        self.nodes += found.nodes
        self.rounded |= found.rounded
        if found.stopped is not None:
            self.stopped = "callback" if self.ended else found.stopped
        elif found.picks is None and not found.proven:
            self.all_proven = False
        return found

    def keep(self, found: Found) -> Values:
        """Keep an answer as a point, and return its values."""
        assert found.picks is not None
        picks = found.picks
        whole = Question(self.problem, (), tuple(self.goals)).values(picks)
        values = tuple(
            int((-value if goal.kind == "peak" and goal.greatest else value) / unit)
            for goal, unit, value in zip(self.goals, self.units, whole, strict=True)
        )
        self.found[values] = (picks, found.proven and found.stopped is None)
        if self.stopped is None and self.heard():
            self.stopped = "callback"
        return values

    def run(self) -> None:
        """Find all points, or as many as the limits let."""
        if len(self.goals) == 2:
            self.two()
        else:
            self.several()

    def two(self) -> None:
        """From the best by the first objective on, each better in the second than all before."""
        below: Any = INF
        while self.stopped is None:
            found = self.ask([INF, below])
            if found is None or found.picks is None:
                return
            below = self.keep(found)[1]
            if not found.proven and self.stopped is None:
                # of numbers that were rounded: something better in the first may have been missed
                self.several()
                return

    def several(self) -> None:
        """Corner after corner, until nothing lies below any. A point need not be proven by itself:
        what betters it lies below a corner, and is found there."""
        corners = _Corners(len(self.goals))
        for values in self.found:
            corners.part(values)
        while self.stopped is None:
            corner = corners.next()
            if corner is None:
                return
            found = self.ask(corner)
            if found is None or (found.picks is None and found.stopped is not None):
                return
            if found.picks is None:
                corners.bound(corner, corner[0])
                continue
            values = self.keep(found)
            if found.proven:
                corners.bound(corner, values[0])
            corners.part(values)

    # the outcome

    def front(self) -> ChoiceFront:
        places = [self.goals.index(one) for one in self.told_goals]
        points: list[tuple[Values, ChoicePoint]] = []
        complete = self.stopped is None and self.all_proven
        doubted = not all(proven for _, proven in self.found.values())
        for values, (picks, proven) in self.found.items():
            if doubted and self._is_bettered(values):
                continue
            own = tuple(values[i] for i in places)
            told = tuple(
                _told(goal, value * self.units[i])
                for goal, i, value in zip(self.told_goals, places, own, strict=True)
            )
            choices = told_choices(self.problem, picks)
            metrics = told_metrics(self.problem, picks)
            points.append((own, ChoicePoint(choices, metrics, told, proven or complete)))
        points.sort(key=lambda one: one[0])
        return ChoiceFront(
            objectives=tuple(one.name for one in self.told_goals),
            greatest=tuple(one.greatest for one in self.told_goals),
            points=tuple(one for _, one in points),
            where=tuple(one.text for one in self.conditions),
            proven=complete,
            stopped=self.stopped,
            flags=(ROUNDED,) if self.rounded else (),
            nodes=self.nodes,
            elapsed_s=perf_counter() - self.began,
        )

    def _is_bettered(self, values: Values) -> bool:
        return any(
            other != values and all(a <= b for a, b in zip(other, values, strict=True))
            for other in self.found
        )


def _told(goal: Goal, value: Fraction) -> float:
    """Return an objective as it is asked for, of what is minimised."""
    return goal.told(-value if goal.kind == "peak" and goal.greatest else value)


def _less(goal: Goal, value: Fraction) -> Row | PeakLimit:
    """Return the condition that an objective is less than a value."""
    if goal.kind == "peak":
        return PeakLimit(goal.name, *((">", -value) if goal.greatest else ("<", value)))
    return Row(goal.row.terms, goal.row.own, "<", value)


class _Corners:
    """The local upper bounds that are still to be looked below."""

    def __init__(self, n: int) -> None:
        self.n = n
        self.open: deque[tuple[Any, ...]] = deque([(INF,) * n])
        self.taken: tuple[tuple[Any, ...], ...] = ()  # what is asked about
        # (the others' corner, the least of the first objective below it)
        self.least: list[tuple[tuple[Any, ...], Any]] = []

    def next(self) -> tuple[Any, ...] | None:
        """Return a corner below which a point may lie, or None."""
        while self.open:
            corner = self.open.popleft()
            first, others = corner[0], corner[1:]
            if not any(value >= first and _within(others, own) for own, value in self.least):
                self.taken = (corner,)
                return corner
        return None

    def bound(self, corner: tuple[Any, ...], least: Any) -> None:
        """Below a corner's others the first objective is no less than this."""
        self.least.append((corner[1:], least))

    def part(self, values: Values) -> None:
        """A point: each corner that it lies below gives way to one for each objective."""
        above: list[tuple[Any, ...]] = []
        kept: list[tuple[Any, ...]] = []
        for one in (*self.taken, *self.open):
            (above if all(a < b for a, b in zip(values, one, strict=True)) else kept).append(one)
        self.taken = ()
        new = {(*one[:j], values[j], *one[j + 1 :]) for one in above for j in range(self.n)}
        for one in new:
            # what lies below it lies below the other
            if not any(other is not one and _within(one, other) for other in (*kept, *new)):
                kept.append(one)
        self.open = deque(kept)


def _within(one: Sequence[Any], other: Sequence[Any]) -> bool:
    return all(a <= b for a, b in zip(one, other, strict=True))
