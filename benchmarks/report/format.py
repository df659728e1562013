"""How figures are written: tables, times, shares, ratios with their intervals."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any


WORDS = {"accuracy": "accuracy", "latency_ms": "latency", "energy_mj": "energy",
         "area_mm2": "area"}  # fmt: skip


def goals(objectives: Iterable[str]) -> str:
    """Return the names of a front's objectives."""
    return ", ".join(WORDS.get(one, one) for one in objectives)


def table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return a Markdown table."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def ms(seconds: float | None) -> str:
    """Return a time in milliseconds, three digits."""
    return "" if seconds is None else f"{1e3 * seconds:.3g}"


def both(row: Mapping[str, Any], key: str, cpu: str | None = None) -> str:
    """Return milliseconds of processor time with the wall time in brackets.

    What was measured before both were is a wall time alone, behind a dash; nothing at all is "".
    """
    wall = row.get(key)
    if wall is None:
        return ""
    used = row.get(cpu or f"{key}_cpu")
    return f"{'-' if used is None else ms(used)} ({ms(wall)})"


def beside(row: Mapping[str, Any], cpu: str, wall: str, scale: float = 1e3) -> str:
    """Return a processor time, in milliseconds where it was kept in seconds, with the wall time in
    brackets; a dash where one was not measured."""
    shown = [None if row.get(key) is None else f"{scale * row[key]:.3g}" for key in (cpu, wall)]
    return "{} ({})".format(*(one or "-" for one in shown))


def preferred(rows: Sequence[Mapping[str, Any]], key: str) -> tuple[list[float], str]:
    """Return the processor times of all rows, or the wall times where one has no other; and which
    they are, in words."""
    used = [row.get(f"{key}_cpu") for row in rows]
    if used and all(one is not None for one in used):
        return [float(one) for one in used if one is not None], "processor time"
    return [float(row[key]) for row in rows], "by the clock"


def middle(rows: Sequence[Mapping[str, Any]], key: str) -> dict[str, float]:
    """Return the medians of one time over some rows, by both clocks as far as all rows have them;
    nothing where a row has none."""
    found = {}
    for name in (key, f"{key}_cpu"):
        values = [row[name] for row in rows if row.get(name) is not None]
        if values and len(values) == len(rows):
            found[name] = float(statistics.median(values))
    return found


BY_BOTH = "Milliseconds of processor time, in brackets by the clock; a dash: not measured then."


def clock(seconds: float) -> str:
    """Return a time with its unit: whole milliseconds, or hundredths of a second."""
    return f"{1e3 * seconds:.0f} ms" if seconds < 1.0 else f"{seconds:.2f} s"


def percent(share: float) -> str:
    """Return a share in percent."""
    return "0" if share == 0.0 else f"{100 * share:.2g} %"


def power(n: int) -> str:
    """Return a round number, as short as it goes: 1e8."""
    return f"{n:.0e}".replace("e+0", "e").replace("e+", "e")


def median(rows: Sequence[Mapping[str, Any]], key: str) -> float:
    """Return the median of one entry of each row."""
    return float(statistics.median(row[key] for row in rows))


def triple(found: Sequence[float | None] | None, scale: float = 1.0) -> str:
    """Return a figure with its interval."""
    if found is None:
        return "-"
    ratio, low, high = (None if one is None else scale * one for one in found)
    ends = ["" if one is None else f"{one:.3g}" for one in (low, high)]
    return f"{ratio:.3g} [{ends[0]}, {ends[1]}]"


def verdict(found: Sequence[float | None] | None, claimed: float) -> str:
    """Return what a ratio with its interval says of a claim.

    Reproduced is what reaches it by itself: not what an interval's far end reaches.
    """
    if found is None:
        return "not to be told: one of the two never came there"
    ratio, low, high = found
    if ratio is not None and low is not None and low > 1.0:
        return "reproduced" if ratio >= claimed else "reproduced in kind, less in size"
    if high is not None and high < 1.0:
        return "refuted: more"
    if high is not None and high < claimed:
        return "refuted in size; no difference shown"
    return f"not shown ({ratio:.2g}, interval includes 1)"


def covered(line: Mapping[str, Any]) -> float | None:
    """Return the share of unseen networks within 90 % intervals, in percent, where it is known.

    The mean over draws before their median, which few networks make coarse.
    """
    kinds = ("mean_coverage", "covered, mean", "coverage", "covered")
    value = next((line[k] for kind in kinds for k in line if k.startswith(kind)), None)
    if isinstance(value, list):
        value = value[0]
    return None if value is None else 100.0 * value if value <= 1.0 else float(value)
