"""Conditions on answers, as text: ``latency <= 12 and not (a == "x" and b == "y")``.

A condition becomes what the solver holds exactly, joined by *and*:

* rows: sums of metrics, times numbers, compared with a number. A ratio is one where its denominator
  is positive: ``a / b <= 3`` says ``a - 3 * b <= 0``;
* limits of peaks: an option above one is out;
* clauses: conditions on single choices, joined by *or*. ``not`` and ``or`` of conditions on choices
  become clauses; a condition on two groups becomes one for each value of the first.

The text is parsed, never executed.
"""

from __future__ import annotations

import ast
import operator
import re
from fractions import Fraction
from itertools import product
from keyword import iskeyword

import numpy as np

from ..base.checks import hint, is_list, shown
from ..base.record import Record, cached
from ..errors import ArgumentError, ArgumentTypeError
from .numbers import fraction

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any

    from .problem import ChoiceProblem

__all__ = [
    "COMPARE",
    "Clause",
    "Condition",
    "Link",
    "Number",
    "Own",
    "PeakLimit",
    "Reader",
    "Row",
    "Sum",
    "labels_of",
    "linked",
    "read_conditions",
    "read_sum",
    "texts_of",
    "with_clauses",
]

MAX_TEXT = 100_000
NOTHING = "\0"  # stands for an entry that is missing, in comparisons of two groups
MAX_CLAUSES = 20_000  # that one condition may become
SIGNS: dict[type, str] = {
    ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!=",
    ast.In: "in", ast.NotIn: "not in",
}  # fmt: skip
COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
    "==": operator.eq, "!=": operator.ne,
}  # fmt: skip
TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}
DENIED = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "=="}
# a metric compared with a number: what most conditions are, read without the parser
PLAIN = re.compile(
    r"[ \t]*([A-Za-z_][A-Za-z0-9_]*(?:@[A-Za-z_][A-Za-z0-9_]*)?)[ \t]*(<=|>=|<|>|==|!=)[ \t]*"
    r"((?:0|[1-9][0-9]*)(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?)[ \t]*",
    re.ASCII,
)
MAX_PLAIN = 60  # characters of a number in one


class Row(Record):
    """sum of factor * metric + of an option's own numbers, compared with a limit.

    Parameters
    ----------
    terms : dict of str to Fraction
        Of each metric its factor.
    own : dict of (str, int) to Fraction
        Of the number that a group's option has in a column, its factor.
    sign : {"<=", "<", ">=", ">", "=="}
    limit : Fraction
    offset : Fraction or None
        What the number in the text is more than the limit; None where the text compares with no
        number, or a ratio.
    """

    terms: dict[str, Fraction]
    own: dict[tuple[str, int], Fraction]
    sign: str
    limit: Fraction
    offset: Fraction | None = None


class PeakLimit(Record):
    """What the largest number of a peak is compared with."""

    metric: str
    sign: str
    limit: Fraction


class Clause(Record):
    """At least one group takes one of its named options: of each group a mask of its options."""

    masks: dict[int, Any]


class Link(Record):
    """Two groups that take options of one value.

    Parameters
    ----------
    left, right : (int, sequence)
        A group, and what each of its options has.
    """

    left: tuple[int, Any]
    right: tuple[int, Any]


class Condition(Record):
    """One condition of several joined by *and*.

    Parameters
    ----------
    text : str
    parts : tuple
        Rows, limits of peaks and clauses, of which all must hold.
    """

    text: str
    parts: tuple[Row | PeakLimit | Clause | Link, ...]


class Number(Record):
    value: Fraction


class Text(Record):
    value: str


class Sum(Record):
    """A linear expression."""

    terms: dict[str, Fraction]
    own: dict[tuple[str, int], Fraction]
    constant: Fraction


class Ratio(Record):
    above: Sum
    below: Sum


class Peak(Record):
    metric: str


class Own(Record):
    """What a group's option has in a column; "" is its name."""

    column: str
    group: int


# A condition that is read: ("and" | "or", parts), ("not", part), a Row, a PeakLimit, or
# ("one", group, mask) and ("two", (group, values), sign, (group, values)); ("there", ones, tree):
# what is compared must be there for the comparison, and for its opposite.


def read_conditions(where: Any, problem: ChoiceProblem) -> list[Condition]:
    """Read `where`: a text, or a list of them that all must hold.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        If it names no metric or group, cannot be read, or cannot be held exactly; what to use
        instead is said.
    """
    return [part for one in texts_of(where) for part in Reader(problem, one).conditions()]


def texts_of(where: Any) -> list[str]:
    """Return the texts of `where`: one, or a list of them.

    Raises
    ------
    ArgumentError, ArgumentTypeError
    """
    if where is None:
        return []
    given = where if is_list(where) else [where]
    for one in given:
        if not isinstance(one, str):
            raise ArgumentTypeError(
                "where must be a condition such as 'latency_ms <= 12 and memory_mib <= 512', or a "
                f"list of them, got {shown(one)} ({type(one).__name__})"
            )
        if len(one) > MAX_TEXT:
            raise ArgumentError(f"where must have at most {MAX_TEXT} characters, got {len(one)}")
    return given


def read_sum(name: str, text: str, problem: ChoiceProblem) -> Row:
    """Read an expression that adds up: a metric, or ``2 * loss + latency_ms / 10``.

    Returns
    -------
    Row
        With the constant as its limit, negated.
    """
    reader = Reader(problem, text, name)
    if text.isascii() and reader.adds_up(text):
        return Row({text: Fraction(1)}, {}, "<=", Fraction(0))
    value = reader.value(reader.body())
    if isinstance(value, Peak):
        return Row({value.metric: Fraction(1)}, {}, "peak", Fraction(0))
    found = reader.sum_of(value)
    return Row(found.terms, found.own, "<=", -found.constant)


class Reader:
    """Reads one text."""

    def __init__(self, problem: ChoiceProblem, text: str, name: str = "where") -> None:
        self.problem = problem
        self.text = text
        self.name = name

    @cached
    def place(self) -> dict[str, int]:
        """The groups' places by name."""
        return {name: g for g, name in enumerate(self.problem.groups)}

    def fault(self, what: str) -> ArgumentError:
        return ArgumentError(f"{self.name} {shown(self.text)}: {what}")

    def body(self) -> ast.expr:
        try:
            return ast.parse(self.text.strip(), mode="eval").body
        except (SyntaxError, ValueError) as error:
            raise ArgumentError(
                f"{self.name} {shown(self.text)} cannot be read: {getattr(error, 'msg', error)}"
            ) from None
        except (RecursionError, MemoryError):
            raise ArgumentError(f"{self.name} is nested too deeply") from None

    def conditions(self) -> list[Condition]:
        found = self.plain_conditions()
        if found is not None:
            return found
        try:
            return [
                Condition(text, tuple(self.parts(self.read(node)))) for text, node in self.joined()
            ]
        except RecursionError:
            raise ArgumentError(f"{self.name} is nested too deeply") from None

    def joined(self) -> list[tuple[str, ast.expr]]:
        """Return what is joined by *and* at the outside, each with its text."""
        return [(ast.unparse(node), node) for node in _joined(self.body())]

    def plain_conditions(self) -> list[Condition] | None:
        """Return the conditions where each compares a metric with a number, as `read` would; None
        where one is more than that."""
        found: list[Condition] = []
        for text in self.text.split(" and "):
            some = PLAIN.fullmatch(text)
            if some is None:
                return None
            name, sign, digits = some.groups()
            if not self.adds_up(name) or len(digits) > MAX_PLAIN:
                return None
            value: float = int(digits) if digits.isdigit() else float(digits)
            if value - value != 0.0:
                return None
            limit = self.number(value).value
            part = Row({name: Fraction(1)}, {}, sign, limit, Fraction(0))
            found.append(Condition(f"{name} {sign} {value!r}", tuple(self.limits(part))))
        return found

    def adds_up(self, name: str) -> bool:
        """Whether a name is that of a metric that adds up, and not to be read otherwise."""
        problem = self.problem
        return name in problem.metrics and name not in problem.peaks and _is_name(name)

    # values

    def number(self, value: float) -> Number:
        return Number(fraction(value))

    def value(self, node: ast.expr) -> Any:
        if isinstance(node, ast.Constant):
            if isinstance(node.value, str):
                return Text(node.value)
            if (
                isinstance(node.value, (int, float))
                and not isinstance(node.value, bool)
                and node.value - node.value == 0.0
            ):
                return self.number(node.value)
            raise self.fault(f"{shown(node.value)} is no finite number and no text")
        if isinstance(node, ast.Name):
            return self.named(node.id)
        if isinstance(node, ast.Subscript):
            return self.subscript(node)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
            own = self.value(node.operand)
            return own if isinstance(node.op, ast.UAdd) else self.times(own, Fraction(-1))
        if isinstance(node, ast.BinOp):
            return self.arithmetic(node)
        raise self.fault(
            f"{shown(ast.unparse(node))} is not understood; accepted are metrics, groups, "
            'column["group"], numbers, texts, comparisons, in, and, or, not, + - * / and '
            "parentheses"
        )

    def named(self, name: str) -> Any:
        problem = self.problem
        if name in problem.peaks:
            return Peak(name)
        if name in problem.metrics:
            return Sum({name: Fraction(1)}, {}, Fraction(0))
        if name in self.place:
            return Own("", self.place[name])
        if name in problem.attributes:
            raise self.fault(
                f"{name} is a column of which not every entry is a number, so it does not add up "
                f'over groups; that of one group is {name}["{problem.groups[0]}"]'
            )
        raise self.fault(
            f"it names no metric and no {problem.group_name}: {shown(name)}"
            f"{hint(name, (*problem.metrics, *problem.groups))}; the metrics are "
            f"{', '.join(problem.metrics)}"
        )

    def subscript(self, node: ast.Subscript) -> Own:
        problem = self.problem
        columns = (problem.option_name, *problem.metrics, *problem.attributes)
        if not isinstance(node.value, ast.Name) or node.value.id not in columns:
            given = ast.unparse(node.value)
            raise self.fault(
                f"{shown(given)} is no column{hint(given, columns)}; the columns are "
                f"{', '.join(columns)}"
            )
        own = node.slice
        if not isinstance(own, ast.Constant) or not isinstance(own.value, (str, int)):
            raise self.fault(f'a column is asked as {node.value.id}["{problem.groups[0]}"]')
        if isinstance(own.value, int) and not isinstance(own.value, bool):
            if not 0 <= own.value < len(problem.groups):
                raise self.fault(
                    f"there are groups 0 to {len(problem.groups) - 1}, got {own.value}"
                )
            group = own.value
        elif own.value in self.place:
            group = self.place[str(own.value)]
        else:
            raise self.fault(
                f"there is no {problem.group_name} {shown(own.value)}"
                f"{hint(str(own.value), problem.groups)}"
            )
        name = node.value.id
        return Own("" if name == problem.option_name else name, group)

    def arithmetic(self, node: ast.BinOp) -> Any:
        left, right = self.value(node.left), self.value(node.right)
        if isinstance(node.op, (ast.Add, ast.Sub)):
            if isinstance(node.op, ast.Sub):
                right = self.times(right, Fraction(-1))
            if isinstance(left, Number) and isinstance(right, Number):
                return Number(left.value + right.value)
            return _plus(self.sum_of(left), self.sum_of(right))
        if isinstance(node.op, ast.Mult):
            if isinstance(right, Number):
                return self.times(left, right.value)
            if isinstance(left, Number):
                return self.times(right, left.value)
            raise self.fault(
                f"{shown(ast.unparse(node))} is a product of what is chosen, which does not add "
                "up over groups; a product can be an objective: {'product': {...}}"
            )
        if isinstance(node.op, ast.Div):
            if isinstance(right, Number):
                if right.value == 0:
                    raise self.fault("it divides by zero")
                return self.times(left, 1 / right.value)
            return Ratio(self.sum_of(left), self.sum_of(right))
        raise self.fault(
            f"{shown(ast.unparse(node))} does not add up over groups; accepted are + - * / with "
            "numbers"
        )

    def times(self, value: Any, factor: Fraction) -> Any:
        if isinstance(value, Number):
            return Number(value.value * factor)
        if isinstance(value, Ratio):
            return Ratio(_scaled(value.above, factor), value.below)
        return _scaled(self.sum_of(value), factor)

    def sum_of(self, value: Any) -> Sum:
        if isinstance(value, Sum):
            return value
        if isinstance(value, Number):
            return Sum({}, {}, value.value)
        if isinstance(value, Own):
            if value.column == "" or not self.numbers(value):
                raise self.fault("a choice that is a text is compared, not added")
            return Sum({}, {(value.column, value.group): Fraction(1)}, Fraction(0))
        if isinstance(value, Peak):
            raise self.fault(
                f"{value.metric} is a maximum over groups, which does not add up; compare it by "
                "itself with a number"
            )
        if isinstance(value, Text):
            raise self.fault(f"the text {shown(value.value)} is no number")
        raise self.fault("a ratio is compared with a number, and not added or divided")

    def numbers(self, own: Own) -> bool:
        return all(isinstance(one, float) for one in self.values(own))

    def values(self, own: Own) -> list[Any]:
        """Return what each of a group's options has in a column."""
        problem = self.problem
        start, end = problem._start[own.group : own.group + 2]
        if own.column == "":
            return problem._labels[start:end]
        if own.column in problem._values:
            numbers: list[Any] = problem._values[own.column][start:end].tolist()
            return numbers
        return problem.attributes[own.column][start:end]

    # comparisons

    def read(self, node: ast.expr) -> Any:
        if isinstance(node, ast.BoolOp):
            kind = "and" if isinstance(node.op, ast.And) else "or"
            return (kind, [self.read(one) for one in node.values])
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            return ("not", self.read(node.operand))
        if isinstance(node, ast.Compare):
            links = [
                self.compare(left, type(sign), right)
                for left, sign, right in zip(
                    (node.left, *node.comparators), node.ops, node.comparators, strict=False
                )
            ]
            return links[0] if len(links) == 1 else ("and", links)
        raise self.fault(f"{shown(ast.unparse(node))} is no comparison")

    def compare(self, left_node: ast.expr, kind: type, right_node: ast.expr) -> Any:
        if kind not in SIGNS:
            raise self.fault(f"accepted comparisons are {' '.join(SIGNS.values())}")
        sign = SIGNS[kind]
        left = self.value(left_node)
        if sign in ("in", "not in"):
            return self.member(left, sign, right_node)
        right = self.value(right_node)
        if isinstance(left, (Number, Text)) and not isinstance(right, (Number, Text)):
            left, right, sign = right, left, TURNED[sign]
        if isinstance(left, Own):
            if isinstance(right, (Number, Text)):
                return self.single(left, sign, right.value)
            if isinstance(right, Own):
                return self.pair(left, sign, right)
        if isinstance(left, Peak) and isinstance(right, Number):
            return PeakLimit(left.metric, sign, right.value)
        plain = isinstance(right, Number) and not isinstance(left, Ratio)
        if isinstance(left, Ratio):
            left, right, sign = self.unfolded(left, sign, right)
        elif isinstance(right, Ratio):
            left, right, sign = self.unfolded(right, TURNED[sign], left)
        both = _plus(self.sum_of(left), _scaled(self.sum_of(right), Fraction(-1)))
        if not both.terms and not both.own:
            raise self.fault("it compares numbers only")
        offset = self.sum_of(left).constant if plain else None
        return Row(both.terms, both.own, sign, -both.constant, offset)

    def unfolded(self, ratio: Ratio, sign: str, right: Any) -> tuple[Any, Any, str]:
        """a / b <= c as a <= c * b, where b is positive whatever is chosen."""
        if not isinstance(right, Number):
            raise self.fault("a ratio is compared with a number")
        if self.least(ratio.below) <= 0:
            raise self.fault(
                "the denominator of a ratio must be positive for every answer; write the "
                "condition without the fraction: energy <= 0.1 * latency"
            )
        return ratio.above, _scaled(ratio.below, right.value), sign

    def least(self, given: Sum) -> Fraction:
        """Return what a sum is at least, each metric by itself."""
        problem, total = self.problem, given.constant
        for name, factor in given.terms.items():
            column = problem.exact(name)
            pick = np.minimum if factor > 0 else np.maximum
            ends = pick.reduceat(column.whole, problem._start[:-1])
            total += factor * column.scale * sum(int(one) for one in ends.tolist())
        for (column_name, group), factor in given.own.items():
            numbers = [fraction(one) for one in self.values(Own(column_name, group))]
            total += factor * (min(numbers) if factor > 0 else max(numbers))
        return total

    def member(self, left: Any, sign: str, node: ast.expr) -> Any:
        if not isinstance(left, Own) or not isinstance(node, (ast.Tuple, ast.List, ast.Set)):
            raise self.fault('in is asked as a_group in ("one option", "another")')
        mask = np.zeros(len(self.values(left)), bool)
        for one in node.elts:
            value = self.value(one)
            if not isinstance(value, (Number, Text)):
                raise self.fault(f"{shown(ast.unparse(one))} is no text and no number")
            mask |= self.single(left, "==", value.value)[2]
        return ("one", left.group, mask if sign == "in" else ~mask)

    def single(self, own: Own, sign: str, value: Any) -> tuple[str, int, Any]:
        """A group's options whose number or text compares so with a value."""
        values = self.values(own)
        if isinstance(value, Fraction):
            numbers = [fraction(one) if isinstance(one, float) else None for one in values]
            if own.column == "":
                numbers = [_as_number(one) for one in values]
            if all(one is None for one in numbers):
                raise self.fault(f"{self.told(own)} is a text, compared with a number")
            mask = [one is not None and COMPARE[sign](one, value) for one in numbers]
            return ("one", own.group, np.array(mask, bool))
        if sign not in ("==", "!="):
            raise self.fault("texts are compared by == and != only")
        texts = [one if isinstance(one, str) else None for one in values]
        if value not in texts:
            known = [one for one in texts if one is not None]
            raise self.fault(f"{self.told(own)} is never {shown(value)}{hint(value, known)}")
        return ("one", own.group, np.array([COMPARE[sign](one, value) for one in texts], bool))

    def told(self, own: Own) -> str:
        group = self.problem.groups[own.group]
        return f'{own.column}["{group}"]' if own.column else f"{self.problem.group_name} {group}"

    def pair(self, left: Own, sign: str, right: Own) -> Any:
        values = []
        for own in (left, right):
            given = [NOTHING if one is None else one for one in self.values(own)]
            if sign not in ("==", "!="):
                numbers = [
                    _as_number(one) if isinstance(one, str) else fraction(one) for one in given
                ]
                if any(one is None for one in numbers):
                    raise self.fault(f"{self.told(own)} is a text, compared by == and != only")
                given = [float(one) for one in numbers if one is not None]
            values.append(given)
        if left.group == right.group:
            mask = [COMPARE[sign](a, b) for a, b in zip(*values, strict=True)]
            return ("one", left.group, np.array(mask, bool))
        return ("two", (left.group, values[0]), sign, (right.group, values[1]))

    # normal form

    def parts(self, tree: Any) -> list[Any]:
        """Return a condition as rows, limits of peaks and clauses."""
        tree = _settled(tree, False)
        if isinstance(tree, (Row, PeakLimit)):
            return self.limits(tree)
        if tree[0] == "and":
            return [part for one in tree[1] for part in self.parts(one)]
        if tree[0] == "two" and tree[2] == "==" and len(tree[1][1]) and len(tree[3][1]):
            return [Link(tree[1], tree[3])]
        if _sums_inside(tree):
            raise self.fault(
                "or and not join conditions on single choices only, not sums of metrics; search "
                "for each side by itself and take the better answer"
            )
        return [Clause(one) for one in self.clauses(tree)]

    def limits(self, part: Row | PeakLimit) -> list[Any]:
        """Return a limit as parts that the solver holds."""
        return with_clauses([part], self.problem)

    def clauses(self, tree: Any) -> list[dict[int, Any]]:
        """Return a condition on choices as clauses: all must hold, each by one of its groups."""
        if tree[0] == "one":
            return [{tree[1]: tree[2]}]
        if tree[0] == "two":
            return _of_pair(*tree[1:])
        lists = [self.clauses(one) for one in tree[1]]
        if tree[0] == "and":
            return [one for some in lists for one in some]
        count = 1
        for some in lists:
            count *= len(some)
        if count > MAX_CLAUSES:
            raise self.fault(f"it is too long: more than {MAX_CLAUSES} clauses")
        return [_either(some) for some in product(*lists)]


def _is_name(text: str) -> bool:
    return text.isidentifier() and not iskeyword(text)


def _joined(node: ast.expr) -> list[ast.expr]:
    """Return what is joined by *and* at the outside."""
    if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.And):
        return [part for one in node.values for part in _joined(one)]
    return [node]


def _settled(tree: Any, denied: bool) -> Any:
    """Return the condition with `not` gone: into comparisons."""
    if isinstance(tree, Row):
        if not denied:
            return tree
        return Row(tree.terms, tree.own, DENIED[tree.sign], tree.limit, tree.offset)
    if isinstance(tree, PeakLimit):
        return PeakLimit(tree.metric, DENIED[tree.sign], tree.limit) if denied else tree
    if tree[0] == "not":
        return _settled(tree[1], not denied)
    if tree[0] == "there":
        return ("and", [*tree[1], _settled(tree[2], denied)])
    if tree[0] == "one":
        return ("one", tree[1], ~tree[2]) if denied else tree
    if tree[0] == "two":
        return ("two", tree[1], DENIED[tree[2]], tree[3]) if denied else tree
    kind = tree[0] if not denied else "or" if tree[0] == "and" else "and"
    return (kind, [_settled(one, denied) for one in tree[1]])


def _sums_inside(tree: Any) -> bool:
    if isinstance(tree, (Row, PeakLimit)):
        return True
    return tree[0] in ("and", "or") and any(_sums_inside(one) for one in tree[1])


def with_clauses(parts: Sequence[Any], problem: ChoiceProblem) -> list[Any]:
    """Return parts with the limits of peaks that are lower ones as clauses: some group's option is
    that large."""
    found: list[Any] = []
    for one in parts:
        if not isinstance(one, PeakLimit) or one.sign in ("<", "<="):
            found.append(one)
            continue
        if one.sign == "!=":
            raise ArgumentError(f"where: {one.metric} is a maximum, which is not compared by !=")
        column = problem.exact(one.metric)
        sign = ">=" if one.sign == "==" else one.sign
        reached = np.array(
            [COMPARE[sign](column.scale * int(x), one.limit) for x in column.whole.tolist()], bool
        )
        start = problem._start
        masks = {g: reached[start[g] : start[g + 1]] for g in range(len(problem.groups))}
        found.append(Clause({g: mask for g, mask in masks.items() if mask.any()}))
        if one.sign == "==":
            found.append(PeakLimit(one.metric, "<=", one.limit))
    return found


def _of_pair(
    left: tuple[int, list[Any]], sign: str, right: tuple[int, list[Any]]
) -> list[dict[int, Any]]:
    """Return a comparison of two groups' choices as clauses.

    For an order: whoever is at least t on one side is so on the other. Else: whoever has a value
    finds one of those that go with it.
    """
    (g, own), (h, other) = left, right
    if not len(own) or not len(other):  # of a group that is not there
        return [{}]
    if sign in (">", ">="):
        return _of_pair(right, TURNED[sign], left)
    a, b = np.asarray(own), np.asarray(other)
    if sign in ("<", "<="):
        return [{g: a < t, h: COMPARE[sign](t, b)} for t in np.unique(a)]
    return [{g: a != value, h: COMPARE[sign](value, b)} for value in np.unique(a)]


def linked(links: Sequence[Link]) -> tuple[dict[int, Any], list[Clause]]:
    """Return the largest set of groups that have one value all, with what their options have; and
    the rest as clauses."""
    sets: list[dict[int, Any]] = []
    rest: list[Clause] = []
    for one in links:
        (g, own), (h, other) = one.left, one.right
        homes = [some for some in sets if _has(some, g, own) or _has(some, h, other)]
        joined: dict[int, Any] = {g: own, h: other}
        clash = False
        for some in homes:
            for group, values in some.items():
                clash |= group in joined and not np.array_equal(joined[group], values)
                joined.setdefault(group, values)
        if clash:  # a group that is linked by two of its columns
            rest += [Clause(masks) for masks in _of_pair(one.left, "==", one.right)]
            continue
        sets = [some for some in sets if not any(some is home for home in homes)]
        sets.append(joined)
    if not sets:
        return {}, rest
    largest = max(sets, key=len)
    for some in sets:
        if some is not largest:
            (g, own), *others = some.items()
            rest += [Clause(m) for pair in others for m in _of_pair((g, own), "==", pair)]
    return largest, rest


def _has(some: dict[int, Any], group: int, values: Any) -> bool:
    return group in some and np.array_equal(some[group], values)


def labels_of(groups: dict[int, Any], start: Any) -> tuple[Any, Any, int]:
    """Return linked groups as the core takes them: their numbers, a label of each option, and how
    many labels there are."""
    some = sorted(groups)
    arrays = [np.asarray(groups[g]) for g in some]
    values, codes = np.unique(np.concatenate(arrays), return_inverse=True)
    label = np.full(int(start[-1]), -1, np.int32)
    at = 0
    for g, own in zip(some, arrays, strict=True):
        label[start[g] : start[g] + len(own)] = codes[at : at + len(own)]
        at += len(own)
    return np.array(some, np.int32), label, len(values)


def _either(some: Iterable[dict[int, Any]]) -> dict[int, Any]:
    found: dict[int, Any] = {}
    for one in some:
        for g, mask in one.items():
            found[g] = found[g] | mask if g in found else mask
    return found


def _plus(a: Sum, b: Sum) -> Sum:
    terms, own = dict(a.terms), dict(a.own)
    for name, factor in b.terms.items():
        terms[name] = terms.get(name, Fraction(0)) + factor
    for key, factor in b.own.items():
        own[key] = own.get(key, Fraction(0)) + factor
    return Sum(
        {name: one for name, one in terms.items() if one},
        {key: one for key, one in own.items() if one},
        a.constant + b.constant,
    )


def _scaled(a: Sum, factor: Fraction) -> Sum:
    return Sum(
        {name: factor * one for name, one in a.terms.items()} if factor else {},
        {key: factor * one for key, one in a.own.items()} if factor else {},
        factor * a.constant,
    )


def _as_number(text: str) -> Fraction | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return fraction(value) if value - value == 0.0 else None
