"""What compiling the tables takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.report.format import BY_BOTH, both, table
from benchmarks.report.measuring import run_suite
from benchmarks.report.section import Section, of_one

if TYPE_CHECKING:
    from typing import Any


def write(told: list[dict[str, Any]]) -> str:
    """Return the times by case."""
    rows = [
        (one["case"], f"{one['rows']:,}", both(one, "needed"), both(one, "all_columns"))
        for one in told
    ]
    head = ("case", "rows", "what a search needs", "with params and MACs")
    return f"## Compiling the tables\n\n{BY_BOTH}\n\n" + table(head, rows)


SECTION = Section(of_one("compile", write), run_suite, ("compile",))
