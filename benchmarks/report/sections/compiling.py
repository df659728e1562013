"""What compiling the tables takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.report.format import ms, table
from benchmarks.report.measuring import run_suite
from benchmarks.report.section import Section, of_one

if TYPE_CHECKING:
    from typing import Any


def write(told: list[dict[str, Any]]) -> str:
    """Return the times by case."""
    rows = [
        (one["case"], f"{one['rows']:,}", ms(one["needed"]), ms(one["all_columns"])) for one in told
    ]
    head = ("case", "rows", "ms", "with params and MACs, ms")
    return "## Compiling the tables\n\n" + table(head, rows)


SECTION = Section(of_one("compile", write), run_suite, ("compile",))
