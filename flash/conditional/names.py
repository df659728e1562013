"""What conditions on networks may name: metrics, and the choices of a space."""

from __future__ import annotations

import ast
import re
from fractions import Fraction

import numpy as np

from ..base.checks import hint, shown
from ..choosing.conditions import COMPARE, Number, Own, PeakLimit, Reader, Row, Sum, Text
from ..spaces.index import GLOBALS, digits_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from ..spaces.space import SearchSpace

__all__ = ["NetworkReader", "column_of", "names_of"]

_AT = "__at__"
_DEVICE = re.compile(r"([A-Za-z_]\w*)@([A-Za-z_]\w*)")
GLOBAL = -1  # stands for a group, of a choice that all cells share


class NetworkReader(Reader):
    """Reads conditions on the networks of one variant of a space.

    Parameters
    ----------
    space : SearchSpace
    metrics : sequence of str
        What adds up, and what compares alone ("accuracy").
    text : str
    plan : tuple
        `SearchSpace.plan`.
    variant : int or None
        None: a look at the names alone.
    name : str
    parsed : dict, optional
        Texts that were parsed before, of the same space and metrics.
    variables : sequence of str, optional
        The names of choices: those of a larger space that the space is a part of.
    """

    def __init__(
        self,
        space: SearchSpace,
        metrics: Sequence[str],
        text: str,
        plan: Any,
        variant: int | None = None,
        name: str = "where",
        parsed: dict[str, list[tuple[str, ast.expr]]] | None = None,
        variables: Sequence[str] | None = None,
    ) -> None:
        self.space, self.known = space, tuple(metrics)
        self.variables = names_of(space) if variables is None else variables
        self.text, self.name = text, name
        self.plan = plan
        self.variant = 0 if variant is None else variant
        self.parsed = {} if parsed is None else parsed

    def number(self, value: float) -> Number:
        try:
            return Number(Fraction(float(value)))  # what metrics are: float64
        except OverflowError:
            raise self.fault(f"{shown(value)} is beyond the range of numbers") from None

    def value(self, node: ast.expr) -> Any:
        self.check(node)
        return super().value(node)

    def check(self, node: ast.expr) -> None:
        """Refuse what conditions on networks do not have."""
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
            if _has_names(node.left) and _has_names(node.right):
                raise self.fault(
                    f"{shown(self.plain(node))} is a product of metrics, which does not add up "
                    "over cells; a ratio does (energy_mj / latency_ms <= 0.01), and a product can "
                    "be an objective: {'accuracy': 1, 'latency_ms': -1}"
                )
        elif isinstance(node, ast.BinOp):
            if not isinstance(node.op, (ast.Add, ast.Sub, ast.Div)):
                raise self.fault(
                    f"{shown(self.plain(node))} does not add up over cells; accepted are + - * / "
                    "with numbers"
                )
        elif not isinstance(node, (ast.Constant, ast.Name, ast.UnaryOp)):
            raise self.fault(
                f"{shown(self.plain(node))} is not understood; accepted are metrics, choices as "
                "depth_0, numbers, comparisons, in, and, or, not, + - * / and parentheses"
            )

    @staticmethod
    def plain(node: ast.expr) -> str:
        return ast.unparse(node).replace(_AT, "@")

    def body(self) -> ast.expr:
        """The text with ``latency_ms@pi`` as one name: to Python it would be a product."""
        own, self.text = self.text, _DEVICE.sub(rf"\1{_AT}\2", self.text)
        try:
            return super().body()
        finally:
            self.text = own

    def joined(self) -> list[tuple[str, ast.expr]]:
        found = self.parsed.get(self.text)
        if found is None:
            found = [(text.replace(_AT, "@"), node) for text, node in super().joined()]
            self.parsed[self.text] = found
        return found

    def adds_up(self, name: str) -> bool:
        return name in self.known

    def names_choices(self) -> bool:
        """Whether a condition names a choice of the space: it then differs between variants."""
        return any(
            isinstance(one, ast.Name) and one.id in self.variables
            for _, node in self.joined()
            for one in ast.walk(node)
        )

    def named(self, name: str) -> Any:
        name = name.replace(_AT, "@")
        if name in self.known:
            return Sum({name: Fraction(1)}, {}, Fraction(0))
        variables = self.variables
        if name not in variables:
            raise self.fault(
                f"it names no metric and no choice: {shown(name)}"
                f"{hint(name, (*self.known, *variables))}; the metrics are "
                f"{', '.join(self.known)}, the choices {', '.join(variables)}"
            )
        numbering = self.space.numbering
        if numbering is not None:
            return Own(name, numbering.values(self.variant, name)[0])
        place = variables.index(name)
        if place < GLOBALS:
            return Own(name, GLOBAL)
        kind, _, cell = name.rpartition("_")
        return Own(kind, int(cell))

    def sum_of(self, value: Any) -> Sum:
        if isinstance(value, Own):
            raise self.fault(
                f"{self.told(value)} is a choice: it is compared with a number or another choice, "
                "and not added to metrics"
            )
        return super().sum_of(value)

    def least(self, given: Sum) -> Fraction:
        """Every cost and every count is positive."""
        positive = all(one > 0 for one in given.terms.values()) and given.constant >= 0
        return Fraction(1 if positive and given.terms else -1)

    def told(self, own: Own) -> str:
        if self.space.numbering is not None:
            return own.column
        return own.column if own.group == GLOBAL else f"{own.column}_{own.group}"

    def values(self, own: Own) -> Any:
        """Return what each of a cell's rows has of a choice; of a global one a single number."""
        space = self.space
        if space.numbering is not None:
            return space.numbering.values(self.variant, own.column)[1]
        _, resolution, cells = self.plan[2][self.variant]
        if own.group == GLOBAL:
            factor, count, _ = digits_of(self.variant, space.lengths[:GLOBALS])
            number = {
                "width_multiplier": space.factors[factor],
                "cells": space.cells[count],
                "resolution": resolution,
            }[own.column]
            return np.array([float(number)])
        if own.group >= len(cells):
            return np.zeros(0)
        return column_of(cells[own.group], own.column)

    def single(self, own: Own, sign: str, value: Any) -> Any:
        values = self.values(own)
        of_text = values.dtype.kind == "U"
        if of_text != isinstance(value, str) and len(values):
            other = shown(value) if isinstance(value, str) else f"{float(value):g}"
            kinds = ("a text", "the number") if of_text else ("a number", "the text")
            raise self.fault(f"{self.told(own)} is {kinds[0]}, compared with {kinds[1]} {other}")
        if of_text and sign not in ("==", "!="):
            raise self.fault(f"{self.told(own)} is a text: it is compared by == and !=")
        mask = COMPARE[sign](values, value if isinstance(value, str) else float(value))
        if own.group == GLOBAL:
            return ("one", 0, np.full(1, bool(mask[0])))
        return _where_there(("one", own.group, mask), (own.group, values))

    def member(self, left: Any, sign: str, node: ast.expr) -> Any:
        if not isinstance(left, Own) or not isinstance(node, (ast.Tuple, ast.List, ast.Set)):
            raise self.fault("in is asked of a choice: depth_0 in (5, 10)")
        values = [self.value(one) for one in node.elts]
        if not values or not all(isinstance(one, (Number, Text)) for one in values):
            raise self.fault(f"{shown(ast.unparse(node))} must hold numbers, or texts")
        some = ("or", [self.single(left, "==", one.value) for one in values])
        if sign == "in":
            return some
        return ("and", [("not", one) for one in some[1]])

    def pair(self, left: Own, sign: str, right: Own) -> Any:
        a, b = self.values(left), self.values(right)
        if len(a) and len(b) and "U" in (a.dtype.kind, b.dtype.kind):
            told = f"{self.told(left)} and {self.told(right)}"
            if a.dtype.kind != b.dtype.kind:
                raise self.fault(f"{told} are a text and a number")
            if sign not in ("==", "!="):
                raise self.fault(f"{told} are texts: they are compared by == and !=")
        if left.group == right.group or GLOBAL in (left.group, right.group):
            group = max(left.group, right.group, 0)
            found = ("one", group, np.asarray(COMPARE[sign](a, b)))
            return _where_there(found, (left.group, a), (right.group, b))
        two = ("two", (left.group, _filled(a)), sign, (right.group, _filled(b)))
        return _where_there(two, (left.group, a), (right.group, b))

    def limits(self, part: Row | PeakLimit) -> list[Any]:
        return [part]


def _there(values: Any) -> Any:
    """Return which rows have a choice at all: a block that is skipped has no kernel."""
    return values != "" if values.dtype.kind == "U" else values == values


def _where_there(tree: Any, *sides: tuple[int, Any]) -> Any:
    """Return a comparison that is met, as its opposite is, only where both sides are there."""
    some = [("one", group, there) for group, values in sides if not (there := _there(values)).all()]
    return ("there", some, tree) if some else tree


def _filled(values: Any) -> Any:
    """Return values with another's for those that are not there, which are left out elsewhere."""
    there = _there(values)
    return values if there.all() or not there.any() else np.where(there, values, values[there][0])


def names_of(space: Any) -> Sequence[str]:
    """Return the names by which conditions call the choices of a space."""
    return space.variables if space.numbering is None else tuple(space.numbering.told)


def _has_names(node: ast.expr) -> bool:
    return any(isinstance(one, ast.Name) for one in ast.walk(node))


def column_of(cell: Any, name: str) -> Any:
    """Return a choice of each row of a cell, in the space's own order."""
    _, widths, depths, skips, expansions, kernels = cell
    shape = (len(widths), len(depths), len(skips[0]), len(expansions), len(kernels))
    table = {"width": widths, "depth": depths, "expansion": expansions, "kernel": kernels}
    if name == "skips":
        grid = np.asarray(skips, float)[:, None, :, None, None]
    else:
        axis = ("width", "depth", "skips", "expansion", "kernel").index(name)
        grid = np.asarray(table[name], float).reshape([-1 if k == axis else 1 for k in range(5)])
    return np.broadcast_to(grid, shape).reshape(-1).copy()
