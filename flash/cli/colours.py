"""Colours of screens on a terminal: what is proven, what cannot be, heads of tables.

Never more than what the words say.
"""

from __future__ import annotations

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
# What a line begins with, and its colour; the first that fits.
BEGINNINGS = (
    ("proven: no ", "red"),
    (("proven optimal: ", "proven optimum "), "green"),
    ("not proven", "yellow"),
    ("note: ", "yellow"),
)


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
    if first and "  " in line.strip() and not any(map(_is_number, line.split())):
        return paint(line, "bold")  # the head of a table
    if line.startswith("proven: ") and ", none meets " in line:
        return paint(line, "red")
    for start, colour in BEGINNINGS:
        if line.startswith(start):
            return paint(line, colour)
    for status, colours in STATUSES.items():  # of a table of several
        before, found, after = line.partition(f" {status} ")
        if found and "  " in line:
            return f"{before} {paint(status, *colours)} {after}"
    return line


def _is_number(word: str) -> bool:
    return word.lstrip("-+(")[:1].isdigit()
