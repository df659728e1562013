"""A user's own objective function."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.report.format import BY_BOTH, both, table
from benchmarks.report.measuring import run_suite
from benchmarks.report.section import Section, of_one

if TYPE_CHECKING:
    from typing import Any


def write(told: list[dict[str, Any]]) -> str:
    """Return the times of searches, plain and compiled."""
    rows = [
        (
            one["case"],
            one["function"].rstrip("."),
            f"{one['evaluations']:,}",
            *(both(one, key) for key in ("plain", "compiled", "first")),
            "compiled" if "compiled by" in one["default"] else "plain",
        )
        for one in told
    ]
    head = ("case", "objective function", "evaluations", "plain", "compiled",
            "with compiling", "by default")  # fmt: skip
    title = "## A user's own objective, plain and through numba"
    return f"{title}\n\n{BY_BOTH}\n\n" + table(head, rows)


SECTION = Section(of_one("objective", write), run_suite, ("objective",))
