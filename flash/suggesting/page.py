"""A suggestion as a page."""

from __future__ import annotations

from ..base.pages import ROWS, Under, call
from ..results.page import space_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..base.html import Part
    from ..base.pages import Section
    from .suggestion import Suggestion

__all__ = ["made", "sections"]


def made(suggestion: Suggestion[Any]) -> str:
    """Return the call that gave a suggestion, as far as it is known."""
    measured = Under(f"[{suggestion.trained:,} trained networks]")
    keywords: dict[str, Any] = {"n": len(suggestion), **suggestion.budgets}
    space = space_of(suggestion.space)
    return call(
        "suggest", space, suggestion.target, measured, **keywords, seed=suggestion.seed or None
    )


def sections(suggestion: Suggestion[Any]) -> list[Section]:
    """Return a suggestion as the sections of a page."""
    said = [one for one in suggestion._parts() if isinstance(one, str)]
    lines = [one for one in said if not one.startswith("... and")]
    more = len(suggestion) - ROWS
    table: list[Part] = [
        (suggestion._table(ROWS), 1, True),
        f"and {more:,} more" if more > 0 else "",
    ]
    return [("", [*lines, *suggestion._charts()]), ("Networks to train", table)]
