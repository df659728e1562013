"""Why an answer is no better, and why there is none: by further solves, each proven."""

from __future__ import annotations

from fractions import Fraction
from time import perf_counter

from ..base.checks import hint, integer, shown
from ..errors import ArgumentError
from ..results.conflicts import Oracle, Undecided, joint_remedy
from .conditions import Condition, Row
from .goals import Goal
from .model import Found, Limits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from .answer import ChoiceResult
    from .choosing import Question

    Steps = tuple[tuple[float, float], ...]

__all__ = ["binding", "explained", "is_tied", "limit_of", "sensitivity", "told_limit"]

ALL_S = 10.0  # for all that explains one answer
MANY = 8  # conditions of which all sets are tried; of more one set is narrowed down


class _Clock:
    def __init__(self) -> None:
        self.ends_at = perf_counter() + ALL_S

    def limits(self) -> Limits | None:
        left = self.ends_at - perf_counter()
        return Limits(left) if left > 0.0 else None


def _answer(question: Question, clock: _Clock) -> Found | None:
    """Return a proven outcome; None where it takes too long."""
    from .choosing import best

    limits = clock.limits()
    if limits is None:
        return None
    found = best(question, limits)
    return found if found.proven and found.stopped is None else None


def is_tied(asked: Question, first: Found) -> bool | None:
    """Return whether another answer has the same objective, in all of several."""
    assert first.picks is not None
    found = _answer(asked.but(first.picks, 1), _Clock())
    if found is None:
        return None
    return found.picks is not None and asked.values(found.picks) == asked.values(first.picks)


def limit_of(condition: Condition) -> Row | None:
    """Return the sum that a condition limits by a number; None of other conditions."""
    if len(condition.parts) != 1 or not isinstance(condition.parts[0], Row):
        return None
    row = condition.parts[0]
    return None if row.sign == "==" or row.offset is None else row


def told_limit(condition: Condition, limit: Fraction) -> float:
    """Return a limit as the condition's text has it."""
    row = condition.parts[0]
    assert isinstance(row, Row)
    return float(limit + (row.offset or 0))


def _eased(asked: Question, condition: Condition, limit: Fraction | None) -> Question:
    """Return the question with another limit of one condition; None: without it."""
    kept: list[Condition] = []
    for one in asked.conditions:
        if one is not condition:
            kept.append(one)
        elif limit is not None:
            row = one.parts[0]
            assert isinstance(row, Row)
            sign = "<=" if row.sign in ("<", "<=") else ">="
            kept.append(Condition(one.text, (Row(row.terms, row.own, sign, limit),)))
    return asked.with_conditions(kept)


def _next_step(
    asked: Question, condition: Condition, value: Fraction, clock: _Clock
) -> tuple[Fraction, Fraction] | None:
    """Return the nearest limit with which the objective falls below a value, and its least there.

    Of all answers that are better and meet the other conditions, the one that needs least.
    """
    from .choosing import Question

    row = condition.parts[0]
    assert isinstance(row, Row)
    goal = asked.goals[0]
    upper = row.sign in ("<", "<=")
    better = Condition("", tuple(_strictly(goal, value)))
    needed = Row(
        row.terms if upper else {name: -one for name, one in row.terms.items()},
        row.own if upper else {key: -one for key, one in row.own.items()},
        "<=",
        Fraction(0),
    )
    free = _eased(asked, condition, None)
    least = Question(
        asked.problem, (*free.conditions, better), (Goal("", "sum", False, needed, {}),),
        asked.without,
    )  # fmt: skip
    found = _answer(least, clock)
    if found is None or found.value is None:
        return None
    limit = found.value if upper else -found.value
    then = _answer(_eased(asked, condition, limit), clock)
    if then is None or then.value is None:
        return None
    return limit, then.value


def _strictly(goal: Goal, value: Fraction) -> list[Row]:
    return [Row(goal.row.terms, goal.row.own, "<", value)]


def binding(asked: Question, first: Found) -> dict[str, dict[str, float]] | None:
    """Return the conditions that bind, each with what giving way buys."""
    goal = asked.goals[0]
    if goal.kind != "sum" or first.value is None:
        return None
    clock, found = _Clock(), {}
    for condition in asked.conditions:
        if limit_of(condition) is None:
            continue
        free = _answer(_eased(asked, condition, None), clock)
        if free is None or free.value is None or free.value >= first.value:
            continue
        own = {"unlimited": goal.told(free.value)}
        step = _next_step(asked, condition, first.value, clock)
        if step is not None:
            own["next"], own["then"] = told_limit(condition, step[0]), goal.told(step[1])
        found[condition.text] = own
    return found


def sensitivity(
    asked: Question, result: ChoiceResult, condition: str | None, steps: int
) -> dict[str, Steps]:
    """Return the steps of the optimum: see `ChoiceResult.sensitivity`."""
    steps = integer("steps", steps, 1, 1000)
    goal = asked.goals[0]
    if goal.kind != "sum":
        raise ArgumentError("sensitivity() is of objectives that are sums")
    sums = {one.text: one for one in asked.conditions if limit_of(one) is not None}
    if condition is not None and (type(condition) is not str or condition not in sums):
        raise ArgumentError(
            f"condition must be one on a sum, of {', '.join(map(repr, sums)) or 'none'}, got "
            f"{shown(condition)}{hint(condition, sums)}"
        )
    found: dict[str, Steps] = {}
    for text, one in sums.items():
        if condition is not None and text != condition:
            continue
        row = limit_of(one)
        assert row is not None
        own = [(told_limit(one, row.limit), result.objective or 0.0)]
        clock = _Clock()
        first = _answer(asked, clock)
        value = None if first is None else first.value
        while value is not None and len(own) < steps:
            step = _next_step(asked, one, value, clock)
            if step is None:
                break
            value = step[1]
            own.append((told_limit(one, step[0]), goal.told(value)))
        found[text] = tuple(own)
    return found


def explained(
    asked: Question,
) -> tuple[tuple[tuple[str, ...], ...], tuple[dict[str, float], ...]]:
    """Return minimal sets of conditions that exclude each other, and limits that would do."""
    from ..results.conflicts import hitting_sets, minimal_sets
    from .choosing import Question

    clock = _Clock()
    by_text = {one.text: one for one in asked.conditions}
    nothing = (Goal("", "sum", False, Row({}, {}, "<=", Fraction(0)), {}),)

    def meets(names: Sequence[str]) -> bool | None:
        some = tuple(by_text[name] for name in names)
        found = _answer(Question(asked.problem, some, nothing, asked.without), clock)
        return None if found is None else found.picks is not None

    names = list(by_text)
    try:
        if meets(()) is False:  # options that don't go together, whatever is asked
            return (), ()
        sets = [_narrowed(names, meets)] if len(names) > MANY else minimal_sets(names, meets)
        oracle = _Conditions(asked, clock)
        remedies = [
            remedy for some in hitting_sets(sets) if (remedy := oracle.remedy(some)) is not None
        ]
    except KeyboardInterrupt:
        return (), ()
    return tuple(tuple(one) for one in sets if one), tuple(remedies)


def _narrowed(
    names: Sequence[str], meets: Callable[[Sequence[str]], bool | None]
) -> tuple[str, ...]:
    """Return one minimal set: without any one of its conditions some answer meets the rest."""
    left = list(names)
    for name in names:
        fewer = [one for one in left if one != name]
        if meets(fewer) is False:
            left = fewer
    return tuple(left)


class _Conditions(Oracle):
    """Asks for answers under all conditions, some of which have other limits."""

    def __init__(self, asked: Question, clock: _Clock) -> None:
        super().__init__()
        self.asked, self.clock = asked, clock
        self.sums = {one.text: one for one in asked.conditions if limit_of(one) is not None}
        self.given = {text: told_limit(one, _row(one).limit) for text, one in self.sums.items()}
        self.lower = {text for text, one in self.sums.items() if _row(one).sign in (">", ">=")}

    def remedy(self, texts: tuple[str, ...]) -> dict[str, float] | None:
        """Return limits with which all can be met: of one condition the nearest, of several the
        nearest after the least common share; None where there are none, or it takes too long."""
        if any(text not in self.sums for text in texts):
            return None
        try:
            return joint_remedy(self, self.given, texts, self.lower) or None
        except Undecided:
            return None

    def meets(self, budgets: Mapping[str, float]) -> bool:
        nothing = Goal("", "sum", False, Row({}, {}, "<=", Fraction(0)), {})
        return self._solved(self._eased(budgets), nothing).picks is not None

    def least(self, name: str, others: Mapping[str, float]) -> float | None:
        row = _row(self.sums[name])
        factor = -1 if name in self.lower else 1
        needed = Row(
            {metric: factor * one for metric, one in row.terms.items()},
            {key: factor * one for key, one in row.own.items()},
            "<=",
            Fraction(0),
        )
        rest = [one for one in self._eased(others) if one.text != name]
        found = self._solved(rest, Goal("", "sum", False, needed, {}))
        return None if found.value is None else told_limit(self.sums[name], factor * found.value)

    def _eased(self, limits: Mapping[str, float]) -> list[Condition]:
        """Return the conditions with other limits."""
        found = []
        for one in self.asked.conditions:
            value = limits.get(one.text)
            if value is not None and value != self.given[one.text]:
                row = _row(one)
                sign = ">=" if one.text in self.lower else "<="
                limit = Fraction(repr(value)) - (row.offset or 0)  # as the text would have it
                one = Condition(one.text, (Row(row.terms, row.own, sign, limit, row.offset),))
            found.append(one)
        return found

    def _solved(self, conditions: Sequence[Condition], goal: Goal) -> Found:
        from .choosing import Question

        asked = self.asked
        question = Question(asked.problem, tuple(conditions), (goal,), asked.without)
        found = _answer(question, self.clock)
        if found is None:
            raise Undecided
        return found


def _row(condition: Condition) -> Row:
    row = condition.parts[0]
    assert isinstance(row, Row)
    return row
