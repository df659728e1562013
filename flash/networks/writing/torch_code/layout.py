"""Expressions, laid out as ruff would."""

from __future__ import annotations

from ....base.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

__all__ = ["WIDTH", "Group", "call", "group", "joined", "laid_out", "literal", "raw", "statement"]

WIDTH = 100
STEP = 4


class Group(Record):
    """Expressions between brackets, behind a name where it is a call.

    Parameters
    ----------
    begin, end : str
        "nn.Sequential(" and ")".
    items : tuple of (str, str or Group)
        Each behind what stands before it: "stride=", or nothing.
    comma : str
        What separates them: nothing between the lines of one text.
    """

    begin: str
    end: str
    items: tuple[tuple[str, str | Group], ...]
    comma: str = ","


def call(name: str, places: Sequence[Any] = (), keywords: Mapping[str, Any] | None = None) -> Group:
    """Return a call; arguments are groups, or values that are written as they are."""
    items = [("", _node(one)) for one in places]
    items += [(f"{key}=", _node(one)) for key, one in (keywords or {}).items()]
    return Group(f"{name}(", ")", tuple(items))


def group(items: Sequence[Any], brackets: str = "()") -> Group:
    """Return a tuple or a list."""
    return Group(brackets[0], brackets[1], tuple(("", _node(one)) for one in items))


def raw(text: str) -> Group:
    """Return an expression that is text already."""
    return Group(text, "", ())


def joined(lines: Sequence[str]) -> Group:
    """Return a text as lines, each a text of its own; what separates words ends the line."""
    texts = [f"{line} " for line in lines[:-1]] + [lines[-1]]
    return Group("(", ")", tuple(("", literal(one)) for one in texts), "")


def _node(value: Any) -> str | Group:
    return value if isinstance(value, Group) else literal(value)


def literal(value: Any) -> str | Group:
    """Return a value as Python text; of a text that is too long, lines of it."""
    if isinstance(value, tuple):
        return group(value)
    if isinstance(value, list):
        return group(value, "[]")
    if isinstance(value, str) and value.isprintable() and '"' not in value and "\\" not in value:
        return f'"{value}"'
    return repr(value)


def flat(node: str | Group) -> str:
    """Return an expression in one line."""
    if isinstance(node, str):
        return node
    inner = f"{node.comma} ".join(before + flat(one) for before, one in node.items)
    lonely = node.begin == "(" and len(node.items) == 1
    return f"{node.begin}{inner}{',' if lonely else ''}{node.end}"


def laid_out(node: str | Group, indent: int, before: str = "", after: str = "") -> str:
    """Return the lines of an expression behind `before`, the first one indented too."""
    pad = " " * indent
    line = f"{pad}{before}{flat(node)}{after}"
    if len(line) <= WIDTH or isinstance(node, str) or not node.items:
        return line
    own = " " * (indent + STEP)
    inner = ", ".join(one_before + flat(one) for one_before, one in node.items)
    lonely = node.begin == "(" and len(node.items) == 1
    if len(own) + len(inner) <= WIDTH and not lonely:
        return f"{pad}{before}{node.begin}\n{own}{inner}\n{pad}{node.end}{after}"
    comma = node.comma if lonely or len(node.items) > 1 else ""
    lines = [laid_out(one, indent + STEP, one_before, comma) for one_before, one in node.items]
    return "\n".join([f"{pad}{before}{node.begin}", *lines, f"{pad}{node.end}{after}"])


def statement(target: str, node: str | Group, indent: int = 0) -> str:
    """Return ``target = expression`` as lines."""
    return laid_out(node, indent, f"{target} = ") + "\n"
