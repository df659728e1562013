"""Whether a stream is a terminal, and whether what is written to it may have colours."""

from __future__ import annotations

from os import environ

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["coloured", "is_terminal", "moves", "paint"]

PLAIN = ("dumb", "unknown")  # TERM of what shows letters and can do nothing else
COLOURS = {"bold": "1", "red": "31", "green": "32", "yellow": "33"}


def is_terminal(stream: Any) -> bool:
    """Return whether a stream, or None, is a terminal."""
    try:
        return stream is not None and bool(stream.isatty())
    except (AttributeError, ValueError):  # what stands for a stream, or one that is closed
        return False


def moves(stream: Any) -> bool:
    """Return whether a stream is a terminal on which a line can be drawn anew."""
    return is_terminal(stream) and environ.get("TERM", "") not in PLAIN


def coloured(stream: Any) -> bool:
    """Return whether colours may be written to a stream: those of a terminal alone, but where the
    environment says otherwise.

    NO_COLOR forbids them, then FORCE_COLOR and CLICOLOR_FORCE (but for "0") ask for them, then
    CLICOLOR=0 and TERM=dumb forbid them.
    """
    if environ.get("NO_COLOR"):
        return False
    if any(environ.get(name, "0") not in ("", "0") for name in ("FORCE_COLOR", "CLICOLOR_FORCE")):
        return True
    if environ.get("CLICOLOR") == "0" or environ.get("TERM", "") in PLAIN:
        return False
    return is_terminal(stream)


def paint(text: str, *colours: str) -> str:
    """Return text in colours: of `COLOURS`."""
    codes = ";".join([COLOURS[one] for one in colours])
    return f"\x1b[{codes}m{text}\x1b[0m"
