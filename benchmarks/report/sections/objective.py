"""A user's own objective function."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.report.format import ms, table
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
            *(ms(one[key]) for key in ("plain", "compiled", "first")),
            "compiled" if "compiled by" in one["default"] else "plain",
        )
        for one in told
    ]
    head = ("case", "objective function", "evaluations", "plain, ms", "compiled, ms",
            "with compiling, ms", "by default")  # fmt: skip
    return "## A user's own objective, plain and through numba\n\n" + table(head, rows)


SECTION = Section(of_one("objective", write), run_suite, ("objective",))
