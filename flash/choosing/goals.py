"""Objectives: what is least or greatest, one after another."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from ..base.checks import hint, is_list, items, real, shown
from ..base.record import Record
from ..errors import ArgumentError, ArgumentTypeError
from .conditions import PeakLimit, Row, read_sum

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from .problem import ChoiceProblem

__all__ = ["Goal", "read_goals"]

MOST = 100  # objectives
FORMS = ("sum", "product")


class Goal(Record):
    """One objective.

    Parameters
    ----------
    name : str
    kind : {"sum", "peak", "product"}
    greatest : bool
        Whether it is maximised.
    row : Row
        Of a sum what is summed, of a peak its metric; negated where it is maximised.
    powers : dict of str to float
        Of a product.
    """

    name: str
    kind: str
    greatest: bool
    row: Row
    powers: Mapping[str, float]

    def told(self, value: Fraction | float) -> float:
        """Return the objective as it is asked for, of what the solver minimises."""
        if self.kind == "product":
            found = float(np.exp(float(value)))
            return 1.0 / found if self.greatest else found
        if self.kind == "peak":
            return float(value)
        whole = Fraction(value) - self.row.limit
        return float(-whole if self.greatest else whole)

    def kept(self, value: Fraction) -> tuple[Row | PeakLimit, ...]:
        """Return the condition that it is no worse than this."""
        if self.kind == "peak":
            return (PeakLimit(self.name, ">=" if self.greatest else "<=", value),)
        return (Row(self.row.terms, self.row.own, "<=", value),)


def read_goals(minimize: Any, maximize: Any, problem: ChoiceProblem) -> list[Goal]:
    """Read what is minimised or maximised: a metric, a sum, ``{"sum": {...}}``, ``{"product":
    {...}}``, or a list of them in order.

    Raises
    ------
    ArgumentError, ArgumentTypeError
    """
    if (minimize is None) == (maximize is None):
        raise ArgumentError("give one of minimize and maximize, and not both")
    name, given = ("minimize", minimize) if minimize is not None else ("maximize", maximize)
    some = [given]
    if is_list(given) and not isinstance(given, dict):
        some = items(name, given, MOST)
    if not some:
        raise ArgumentError(f"{name} must name at least one objective, got none")
    goals = [_goal(name, one, problem) for one in some]
    for one in goals[:-1]:
        if one.kind == "product":
            raise ArgumentError(f"{name}: a product can only be the last of several objectives")
    return goals


def _goal(name: str, given: Any, problem: ChoiceProblem) -> Goal:
    greatest = name == "maximize"
    if isinstance(given, str):
        row = read_sum(name, given, problem)
        if row.sign == "peak":
            return Goal(next(iter(row.terms)), "peak", greatest, row, {})
        if not row.terms and not row.own:
            raise ArgumentError(f"{name} {shown(given)} names no metric")
        return Goal(given, "sum", greatest, _signed(row, greatest), {})
    if not isinstance(given, dict) or len(given) != 1 or next(iter(given)) not in FORMS:
        raise ArgumentTypeError(
            f"{name} must be a metric, a sum such as 'loss + 0.1 * latency_ms', {{'sum': {{metric: "
            f"weight}}}}, {{'product': {{metric: power}}}} or a list of them, got {shown(given)}"
        )
    ((kind, weights),) = given.items()
    if not isinstance(weights, dict) or not weights:
        raise ArgumentTypeError(f"{name}: {kind!r} must hold metrics, got {shown(weights)}")
    for metric in weights:
        if metric not in problem.metrics or metric in problem.peaks:
            known = [one for one in problem.metrics if one not in problem.peaks]
            raise ArgumentError(
                f"{name} names no metric that adds up: {shown(metric)}{hint(str(metric), known)}; "
                f"these do: {', '.join(known)}"
            )
    numbers = {metric: real(f"{name}[{metric!r}]", one) for metric, one in weights.items()}
    label = f"{kind} of " + ", ".join(f"{metric} ({one:g})" for metric, one in numbers.items())
    if kind == "sum":
        terms = {metric: Fraction(repr(one)) for metric, one in numbers.items() if one}
        if not terms:
            raise ArgumentError(f"{name}: all weights are 0")
        return Goal(
            label, "sum", greatest, _signed(Row(terms, {}, "<=", Fraction(0)), greatest), {}
        )
    powers = {metric: -one if greatest else one for metric, one in numbers.items() if one}
    if not powers:
        raise ArgumentError(f"{name}: all powers are 0")
    return Goal(label, "product", greatest, Row({}, {}, "<=", Fraction(0)), powers)


def _signed(row: Row, greatest: bool) -> Row:
    """Return what is minimised. Its limit: what the constant of the expression takes away."""
    if not greatest:
        return row
    return Row(
        {name: -one for name, one in row.terms.items()},
        {key: -one for key, one in row.own.items()},
        row.sign,
        -row.limit,
    )
