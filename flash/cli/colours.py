"""Colours of screens on a terminal: what is proven, what cannot be, heads of tables.

Never more than what the words say.
"""

from __future__ import annotations

import re

from ..base.terminal import coloured, paint

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["tinted"]

STATUSES = {
    "OPTIMAL": ("bold", "green"),
    "INFEASIBLE": ("bold", "red"),
    **dict.fromkeys(("FEASIBLE", "TIME_LIMIT", "NOT_FOUND"), ("bold", "yellow")),
}
STATUS = re.compile(rf"(?<![\w^-])({'|'.join(STATUSES)})(?![\w-])")
# What a line begins with, and its colour; the first that fits.
BEGINNINGS = (
    ("proven: no ", "red"),
    (("proven optimal: ", "proven optimum "), "green"),
    ("not proven", "yellow"),
    ("note: ", "yellow"),
)
NONE_MEETS = re.compile(r"proven: .*, none meets ")
NUMBER = re.compile(r"(^|\s)[-+(]?[\d.]")
HEAD = re.compile(r"\S.*?\S {2,}\S|\S+ {2,}\S")  # of a table: words with gaps between them


def tinted(text: str, stream: Any) -> str:
    """Return a screen with colours, where these may be written to a stream."""
    if not coloured(stream):
        return text
    lines = text.split("\n")
    before = ""
    for number, line in enumerate(lines):
        lines[number] = _line(line, not before.strip())
        before = line
    return "\n".join(lines)


def _line(line: str, first: bool) -> str:
    """Return a line in its colours; first: of what stands between empty lines."""
    title, colon, status = line.rpartition(": ")
    if colon and status in STATUSES:
        return paint(title + colon, "bold") + paint(status, *STATUSES[status])
    if first and HEAD.match(line) and not NUMBER.search(line):
        return paint(line, "bold")
    if NONE_MEETS.match(line):
        return paint(line, "red")
    for start, colour in BEGINNINGS:
        if line.startswith(start):
            return paint(line, colour)
    return STATUS.sub(lambda found: paint(found[0], *STATUSES[found[0]]), line)
