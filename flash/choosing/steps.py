"""The objective as a function of one condition's limit: exact steps, from the front of the two."""

from __future__ import annotations

from fractions import Fraction

from ..base.checks import hint, shown
from ..charts.chart import Axis, Chart, Line, Panel, Points, Rule
from ..errors import ArgumentError
from .conditions import Row
from .explaining import limit_of, told_limit
from .goals import Goal
from .trade_offs import front_of_goals

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .answer import ChoiceResult
    from .conditions import Condition

__all__ = ["chart_of", "charts_of"]

BEYOND = 0.2  # of the range: how far the last step is drawn
LISTED = 12  # groups that the mouse tells of an answer
PAGE_S = 2.0  # for the steps of a page, which take a front: what takes longer is left out


def charts_of(result: ChoiceResult) -> list[Chart]:
    """Return the charts of an answer's page: the steps of its first limit, where that is quick."""
    asked = result.asked
    if asked is None or result.choices is None:
        return []
    sums = [one for one in asked.conditions if limit_of(one) is not None]
    if not sums or asked.goals[0].kind == "product":
        return []
    try:
        found = chart_of(result, sums[0].text, PAGE_S)
    except ArgumentError:  # nothing was found so soon
        return []
    return [found] if ", exact;" in found.notes[0] else []


def chart_of(
    result: ChoiceResult, condition: str | None, time_limit_s: float = float("inf")
) -> Chart:
    """Return the chart of ``answer.plot(condition=...)``."""
    one = _asked(result, condition)
    asked = result.asked
    goal: Goal = asked.goals[0]
    row = limit_of(one)
    assert row is not None
    upper = row.sign in ("<", "<=")
    terms = row.terms if upper else {name: -weight for name, weight in row.terms.items()}
    own = row.own if upper else {key: -weight for key, weight in row.own.items()}
    needed = Goal(one.text, "sum", not upper, Row(terms, own, "<=", Fraction(0)), {})
    others = [other for other in asked.conditions if other is not one]
    front = front_of_goals(asked.problem, others, [goal, needed], time_limit_s)
    if not front.points:
        raise ArgumentError(f"there are no steps: {front.message}")
    offset = float(row.offset or 0)
    points = sorted(front.points, key=lambda point: point.values[1] * (1 if upper else -1))
    limits = [point.values[1] + offset for point in points]
    best = [point.values[0] for point in points]
    given = told_limit(one, row.limit)
    ends = [*limits, given]
    room = BEYOND * (max(ends) - min(ends)) or 1.0
    last = max(ends) + room if upper else min(ends) - room
    marks: list[Any] = [
        Line(
            [*limits, last],
            [*best, best[-1]],
            name="the best answer",
            colour=0,
            steps="after",
        ),
        Points(
            limits,
            best,
            colour=0,
            size=4.5 if len(limits) <= 60 else 2.0,
            hover=lambda k: _told(points[k], limits[k], best[k]),
        ),
        Rule(given, name=f"the condition: {given:g}", upright=True),
    ]
    if result.choices is not None and result.objective is not None:
        reached = _reached(result, row)
        if reached is not None:
            marks.append(
                Points(
                    [reached + offset],
                    [result.objective],
                    name="this answer",
                    colour=5,
                    symbol="star",
                    size=13.0,
                )
            )
    word = "greatest" if goal.greatest else "least"
    proof = "exact" if front.proven else "not proven"
    beyond = "below" if upper else "above"
    notes = [
        f"{len(points):,} step{'s' * (len(points) != 1)}, {proof}; {beyond} {limits[0]:.6g} no "
        "answer meets the rest"
    ]
    binding = result.binding
    for other in others:
        binds = ""
        if binding is not None and limit_of(other) is not None:
            binds = "; at this answer it " + ("binds" if other.text in binding else "does not bind")
        notes.append(f"{other.text} throughout{binds}")
    return Chart(
        f"{word} {result.objective_name} by the limit of {one.text}",
        [
            Panel(
                marks,
                x=Axis(f"limit of {_side(one.text)}"),
                y=Axis(f"{word} {result.objective_name}"),
            )
        ],
        notes=notes,
    )


def _side(text: str) -> str:
    """Return what a condition limits, as its text has it before the sign."""
    for sign in ("<=", ">=", "<", ">"):
        left, found, _ = text.partition(sign)
        if found:
            return left.strip()
    return text


def _asked(result: ChoiceResult, condition: str | None) -> Condition:
    asked = result.asked
    if asked is None:
        raise ArgumentError("plot() is of an answer that flash.choose gave in this process")
    if asked.goals[0].kind == "product":
        raise ArgumentError("the steps of a limit are of objectives that are sums or peaks")
    sums: dict[str, Condition] = {
        one.text: one for one in asked.conditions if limit_of(one) is not None
    }
    if not sums:
        raise ArgumentError(
            "plot() draws the steps of a condition on a sum, such as 'ms <= 8', and there is none"
        )
    if condition is None:
        return next(iter(sums.values()))
    if type(condition) is not str or condition not in sums:
        raise ArgumentError(
            f"condition must be one on a sum, of {', '.join(map(repr, sums))}, got "
            f"{shown(condition)}{hint(condition, sums)}"
        )
    return sums[condition]


def _reached(result: ChoiceResult, row: Row) -> float | None:
    """Return what the answer has of a sum; None of one that is not of whole metrics."""
    if row.own or result.metrics is None or not set(row.terms) <= set(result.metrics):
        return None
    return sum(float(weight) * result.metrics[name] for name, weight in row.terms.items())


def _told(point: Any, limit: float, best: float) -> str:
    lines = [f"limit {limit:.6g}: {best:.6g}"]
    pairs = list(point.choices.items())
    lines += [f"{name}: {option or '(covered)'}" for name, option in pairs[:LISTED]]
    if len(pairs) > LISTED:
        lines.append(f"... and {len(pairs) - LISTED} more")
    return "\n".join(lines)
