"""`where`: conditions on columns, as text: ``latency_ms < 2 and (area_mm2 < 50 or macs < 1e9)``.

The text is parsed, never executed: only comparisons of columns with numbers, or with texts,
``in`` of a list of them, ``and``, ``or``, ``not`` and the signs ``+ - * /`` between numbers are
understood. A comparison with what a row does not have (NaN, of texts "": the depth of a cell that
is not there) is not met, nor is its opposite: ``not`` turns the signs of the comparisons within.
"""

from __future__ import annotations

import ast

from ..errors import ArgumentError, ArgumentTypeError
from .checks import hint, shown
from .record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

__all__ = ["Predicate", "as_predicate"]

MAX_TEXT = 4096
CONDITIONS = ("and", "or", "compare")
_SIGNS: dict[type, str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}
_COMPARE: dict[type, str] = {
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
}
DENIED = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "=="}


class Predicate(Record):
    """A condition that has been read.

    Parameters
    ----------
    text : str
        The condition in one form for all ways to write it.
    columns : tuple of str
        The columns that it reads.
    tree : tuple
        Nested tuples: (operator, operand, ...), ("column", name), ("number", value) or ("text",
        value); no "not".
    """

    text: str
    columns: tuple[str, ...]
    tree: tuple[Any, ...]

    def mask(self, table: Mapping[str, Any]) -> Any:
        """Return which rows of a table of numpy arrays meet the condition.

        Raises
        ------
        ArgumentError
            If a text is compared with a number, or by more or less.
        """
        import numpy as np

        with np.errstate(all="ignore"):
            return _value(self.tree, table)


def as_predicate(value: Any, columns: Iterable[str]) -> Predicate | None:
    """Read a condition; `columns` are those it may name.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        If it is no condition; what is wrong is named with its place.
    """
    if value is None or isinstance(value, Predicate):
        return value
    if not isinstance(value, str):
        raise ArgumentTypeError(
            f"where must be a condition such as 'latency_ms < 2 and area_mm2 < 50', "
            f"got {shown(value)} ({type(value).__name__})"
        )
    if len(value) > MAX_TEXT:
        raise ArgumentError(f"where must have at most {MAX_TEXT} characters, got {len(value)}")
    columns = tuple(columns)
    try:
        body = ast.parse(value.strip(), mode="eval").body
        used: list[str] = []
        tree = _read(body, columns, used, value)
        if tree[0] not in CONDITIONS:
            raise ArgumentError(f"where must compare columns, got {shown(value)}")
    except (SyntaxError, ValueError) as error:
        if isinstance(error, ArgumentError):
            raise
        raise ArgumentError(
            f"where {shown(value)} cannot be read: {getattr(error, 'msg', error)}"
        ) from None
    except (RecursionError, MemoryError):
        raise ArgumentError("where is nested too deeply") from None
    return Predicate(ast.unparse(body), tuple(dict.fromkeys(used)), tree)


def _read(node: ast.expr, columns: tuple[str, ...], used: list[str], text: str) -> tuple[Any, ...]:
    def read(one: ast.expr) -> tuple[Any, ...]:
        return _read(one, columns, used, text)

    if isinstance(node, ast.BoolOp):
        parts = [read(one) for one in node.values]
        _conditions(parts, text)
        return ("and" if isinstance(node.op, ast.And) else "or", *parts)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        part = read(node.operand)
        _conditions([part], text)
        return _denied(part)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
        part = _number(read(node.operand), text)
        return part if isinstance(node.op, ast.UAdd) else ("neg", part)
    if isinstance(node, ast.Compare):
        if any(isinstance(one, (ast.In, ast.NotIn)) for one in node.ops):
            return _member(node, read, text)
        operands = [_side(read(one), text) for one in (node.left, *node.comparators)]
        signs = _signs(node, text)
        if any(one[0] == "text" for one in operands) and not {*signs} <= {"==", "!="}:
            raise ArgumentError(f"where {shown(text)}: texts are compared by == and !=")
        return ("compare", signs, *operands)
    if isinstance(node, ast.BinOp) and type(node.op) in _SIGNS:
        return (
            _SIGNS[type(node.op)],
            _number(read(node.left), text),
            _number(read(node.right), text),
        )
    if isinstance(node, ast.Name):
        return _column(node.id, columns, used, text)
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return _literal(node.value, text)
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return ("text", node.value)
    raise ArgumentError(
        f"where {shown(text)}: {shown(ast.unparse(node))} is not understood; accepted are columns, "
        "numbers, texts, comparisons, and, or, not, + - * / and parentheses"
    )


def _member(node: ast.Compare, read: Callable[[ast.expr], Any], text: str) -> tuple[Any, ...]:
    """Return ``a in (1, 2)`` as comparisons."""
    (sign, *others), (given, *_) = node.ops, node.comparators
    if others or not isinstance(given, (ast.Tuple, ast.List, ast.Set)) or not given.elts:
        raise ArgumentError(
            f"where {shown(text)}: accepted comparisons are {' '.join(_COMPARE.values())}, and in "
            "of numbers: depth_0 in (5, 10)"
        )
    left = _side(read(node.left), text)
    parts = [("compare", ("==",), left, _side(read(one), text)) for one in given.elts]
    found = parts[0] if len(parts) == 1 else ("or", *parts)
    return found if isinstance(sign, ast.In) else _denied(found)


def _denied(tree: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return a condition's opposite."""
    if tree[0] != "compare":
        return ("or" if tree[0] == "and" else "and", *map(_denied, tree[1:]))
    signs, operands = tree[1], tree[2:]
    links = [
        ("compare", (DENIED[sign],), left, right)
        for sign, left, right in zip(signs, operands, operands[1:], strict=False)
    ]
    return links[0] if len(links) == 1 else ("or", *links)


def _signs(node: ast.Compare, text: str) -> tuple[str, ...]:
    """Return the signs of a comparison, which may be a chain."""
    for one in node.ops:
        if type(one) not in _COMPARE:
            raise ArgumentError(
                f"where {shown(text)}: accepted comparisons are {' '.join(_COMPARE.values())}"
            )
    return tuple(_COMPARE[type(one)] for one in node.ops)


def _column(name: str, columns: tuple[str, ...], used: list[str], text: str) -> tuple[Any, ...]:
    if name not in columns:
        raise ArgumentError(
            f"where {shown(text)} names an unknown column {shown(name)}"
            f"{hint(name, columns)}; the columns are {', '.join(columns)}"
        )
    used.append(name)
    return ("column", name)


def _literal(value: Any, text: str) -> tuple[Any, ...]:
    found = float(value)
    if found - found != 0.0:
        raise ArgumentError(f"where {shown(text)} holds a number that is not finite")
    return ("number", found)


def _conditions(parts: list[tuple[Any, ...]], text: str) -> None:
    for part in parts:
        if part[0] not in CONDITIONS:
            raise ArgumentError(f"where {shown(text)}: and, or and not join comparisons only")


def _side(part: tuple[Any, ...], text: str) -> tuple[Any, ...]:
    """Return a side of a comparison: a number, or a text."""
    return part if part[0] == "text" else _number(part, text)


def _number(part: tuple[Any, ...], text: str) -> tuple[Any, ...]:
    if part[0] in CONDITIONS:
        raise ArgumentError(f"where {shown(text)}: a comparison is no number")
    if part[0] == "text":
        raise ArgumentError(f"where {shown(text)}: {shown(part[1])} is no number")
    return part


def _value(tree: tuple[Any, ...], table: Mapping[str, Any]) -> Any:
    import numpy as np

    kind = tree[0]
    if kind == "column":
        return table[tree[1]]
    if kind in ("number", "text"):
        return tree[1]
    if kind == "neg":
        value = _value(tree[1], table)
        if _is_text(value):
            raise ArgumentError(f"where: {_names(tree)} is a text, and no number")
        return -value
    if kind in ("and", "or"):
        join = np.logical_and if kind == "and" else np.logical_or
        mask = _value(tree[1], table)
        for part in tree[2:]:
            mask = join(mask, _value(part, table))
        return mask
    if kind == "compare":
        values = [_value(part, table) for part in tree[2:]]
        mask = True
        for sign, left, right in zip(tree[1], values, values[1:], strict=False):
            texts = [_is_text(left), _is_text(right)]
            if any(texts):
                _check_texts(tree, texts, sign)
            mask = np.logical_and(mask, _OPERATORS[sign](left, right))
            if texts[0]:
                mask = np.logical_and(mask, (np.not_equal(left, "")) & (np.not_equal(right, "")))
            elif sign == "!=":  # what is not there is neither equal nor another
                mask = np.logical_and(mask, np.equal(left, left) & np.equal(right, right))
        return mask
    sides = [_value(one, table) for one in tree[1:]]
    if any(map(_is_text, sides)):
        raise ArgumentError(f"where: {_names(tree)} is a text, and no number")
    return _ARITHMETIC[kind](*sides)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) or getattr(getattr(value, "dtype", None), "kind", "") == "U"


def _names(tree: Any) -> str:
    """Return the columns of a tree, and its texts, as they are told."""
    if tree[0] in ("column", "text"):
        return str(tree[1]) if tree[0] == "column" else shown(tree[1])
    told = [
        _names(one) for one in tree[1:] if isinstance(one, tuple) and one and one[0] != "number"
    ]
    return " and ".join(one for one in told if one)


def _check_texts(tree: tuple[Any, ...], texts: list[bool], sign: str) -> None:
    names = _names(("compare", *tree[2:]))
    if not all(texts):
        raise ArgumentError(f"where: a text is compared with a number ({names})")
    if sign not in ("==", "!="):
        raise ArgumentError(f"where: texts are compared by == and != ({names})")


def _functions() -> tuple[dict[str, Callable[..., Any]], dict[str, Callable[..., Any]]]:
    import operator as o

    compare = {"<": o.lt, "<=": o.le, ">": o.gt, ">=": o.ge, "==": o.eq, "!=": o.ne}
    return compare, {"+": o.add, "-": o.sub, "*": o.mul, "/": o.truediv}


_OPERATORS, _ARITHMETIC = _functions()
