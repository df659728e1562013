"""What a network is, in a line of a table."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["line_of"]

LONGEST = 200  # characters


def line_of(net: Any) -> str:
    """Return in a line what a network is: its cells as width x depth + skips, or its blocks."""
    cells = getattr(net, "cells", None)
    if cells is not None:
        told_of = [f"{one.width}x{one.depth}+{one.skips}" for one in cells]
        if getattr(net, "family", "") == "mobilenet-v2":
            told_of = [
                f"{text} e{one.expansion} k{one.kernel}"
                for text, one in zip(told_of, cells, strict=True)
            ]
        return " / ".join(told_of)
    if hasattr(type(net), "labelled"):
        text = str(net)
    elif hasattr(net, "filters"):
        text = f"{net.filters} filters, {net.repeats} x {len(net.blocks)} blocks"
    else:
        text = str(getattr(net, "family", "")) or f"{len(net)} layers"
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."
