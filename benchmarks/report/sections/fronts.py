"""Exact fronts: how long, how large, and that enumeration agrees."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.report.format import clock, goals, table
from benchmarks.report.measuring import run_suite
from benchmarks.report.section import Section, of_one

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from benchmarks.report.section import Line, Told

TWO, THREE = ["accuracy", "latency_ms"], ["accuracy", "latency_ms", "energy_mj"]
LIMITS = (  # target, objectives, epsilon, seconds
    ("additive", TWO, 0.0, 0.2),
    ("additive", THREE, 0.0, 2.0),
    ("rram", TWO, 0.001, 0.2),
    ("rram", THREE, 0.001, 2.0),
)


def write(told: list[dict[str, Any]]) -> str:
    """How long exact fronts take, and what enumeration says of them."""
    rows, checked = [], []
    for one in told:
        for row in one["rows"]:
            if one["kind"] == "fronts":
                kind = f"within {100 * row['epsilon']:g} %" if row["epsilon"] else "exact"
                rows.append(
                    (
                        f"{row['space']} ({row['size']:.2g})",
                        row["target"],
                        goals(row["objectives"]),
                        kind,
                        clock(row["cpu_s"]),
                        clock(row["seconds"]),
                        f"{row['points']:,}",
                        f"{row['sums']:,}",
                    )
                )
            else:
                verdict = "none" if not row["not_covered"] else f"{row['not_covered']:,}"
                checked.append(
                    (
                        f"{row['size']:,}",
                        goals(row["objectives"]),
                        f"{row['points']:,}",
                        _with(row, "cpu_s", "seconds"),
                        _with(row, "enumeration_cpu_s", "enumeration_s"),
                        verdict if row["real"] and row["apart"] else "FAILED",
                    )
                )
    head = ["space", "target", "objectives", "front", "processor time", "wall time", "points",
            "sums compared"]  # fmt: skip
    text = (
        "## Fronts\n\nOne thread; medians. `additive` is rram without classes and leakage: latency "
        "and energy are plain sums.\n\n" + table(head, rows)
    )
    if checked:
        head = ["configurations", "objectives", "points", "front", "numba looks at all",
                "not covered"]  # fmt: skip
        text += (
            "\nEvery configuration of a space, by numba's own arithmetic: a front is the front if "
            "its points are real, none dominates another, and every configuration has a point that "
            "is at most equal to it in all objectives. Processor time, in brackets by the "
            "clock.\n\n" + table(head, checked)
        )
    return text


def _with(row: dict[str, Any], cpu: str, wall: str) -> str:
    return f"{clock(row[cpu]) if cpu in row else '-'} ({clock(row[wall])})"


def claims(told: Told) -> Iterator[Line]:
    """Yield the time of a front, and that enumeration finds the same."""
    rows = [row for one in told.get("fronts", ()) for row in one["rows"]]
    timed = {
        (row["target"], tuple(row["objectives"]), row["epsilon"]): row
        for row in rows
        if row.get("space") == "densenet"
    }
    for target, wanted, epsilon, limit in LIMITS:
        kind = f"front within {100 * epsilon:g} %" if epsilon else "exact front"
        name = f"{kind} of the default space, {target}: {goals(wanted)}"
        row = timed.get((target, tuple(wanted), epsilon))
        text = None
        if row is not None:
            # of the one thread: the machine may be busy
            text = (
                f"{clock(row['cpu_s'])} of processor time ({clock(row['seconds'])} by the "
                f"clock), {row['points']:,} points"
            )
            exact = timed.get((target, tuple(wanted), 0.0))
            if epsilon and exact is not None:
                text += f"; the exact one {clock(exact['cpu_s'])}"
        holds = row is not None and row["cpu_s"] <= limit
        yield name, f"at most {limit:g} s", text, holds
    checked = [row for row in rows if "not_covered" in row]
    text = holds = None
    if checked:
        equal = sum(row["real"] and row["apart"] and not row["not_covered"] for row in checked)
        text = f"{equal} of {len(checked)}, {max(row['size'] for row in checked):,} configurations"
        holds = equal == len(checked)
    yield "exact fronts equal complete enumeration, rram", "all", text, holds


SECTION = Section(of_one("fronts", write), run_suite, ("fronts",), claims=claims)
