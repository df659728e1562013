"""Complete enumeration of a space, against the search."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.report.format import table
from benchmarks.report.measuring import run_suite
from benchmarks.report.section import Section, of_one

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from benchmarks.report.section import Line, Told


def write(told: list[dict[str, Any]]) -> str:
    """Return what enumeration finds."""
    one = told[0]
    rows = [
        (
            ", ".join(f"{cost} {value:.4g}" for cost, value in run["budgets"].items()),
            f"{run['objective']:.6f}",
            _with(run, "cpu_s", "seconds", ".0f"),
            _with(run, "ns_each_cpu", "ns_each", ".2f"),
            "yes" if run["equal"] else "no",
        )
        for run in one["rows"]
    ]
    head = ("budgets", "best NN-Degree", "processor s (wall)", "ns each", "equals the search")
    return f"## Complete enumeration, {one['size']:,} configurations\n\n" + table(head, rows)


def _with(run: dict[str, Any], cpu: str, wall: str, digits: str) -> str:
    first = format(run[cpu], digits) if cpu in run else "-"
    return f"{first} ({run[wall]:{digits}})"


def claims(told: Told) -> Iterator[Line]:
    """Yield that searches find what enumeration does."""
    one = told["enumerate"][0] if "enumerate" in told else None
    text = holds = None
    if one is not None:
        equal = sum(row["equal"] for row in one["rows"])
        text = f"{equal} of {len(one['rows'])}, {one['size']:,} configurations"
        holds = equal == len(one["rows"])
    yield "equals complete enumeration, default space", "3 of 3", text, holds


SECTION = Section(of_one("enumerate", write), run_suite, ("enumerate",), claims=claims)
