"""How figures are written: tables, times, shares."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any


def table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return a Markdown table."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def ms(seconds: float | None) -> str:
    """Return a time in milliseconds, three digits."""
    return "" if seconds is None else f"{1e3 * seconds:.3g}"


def percent(share: float) -> str:
    """Return a share in percent."""
    return "0" if share == 0.0 else f"{100 * share:.2g} %"


def median(rows: Sequence[dict[str, Any]], key: str) -> float:
    """Return the median of one entry of each row."""
    return float(statistics.median(row[key] for row in rows))
