"""How searches grow with cells and choices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.report.format import BY_BOTH, both, table
from benchmarks.report.measuring import run_suite
from benchmarks.report.section import Section, of_one

if TYPE_CHECKING:
    from typing import Any


def write(told: list[dict[str, Any]]) -> str:
    """Return the times by the space's size."""
    rows = []
    for one in told:
        if "kind" not in one:
            continue
        what = (
            f"{one['cells']} cells"
            if one["kind"] == "cells"
            else f"3 cells of {one['depths']} x {one['skips']} choices"
        )
        worst = {"whole": max(one["whole"])}
        if "whole_cpu" in one:
            worst["whole_cpu"] = max(one["whole_cpu"])
        done = f"{one['proven']} of {one['n']}"
        times = (both(one, "compile"), both(one, "median"), both(worst, "whole"))
        rows.append((what, f"{one['size']:.2g}", *times, done))
    return (
        "## Scaling\n\nDenseNet x rram, all three budgets at one quantile (30 to 70 %); by cells "
        "with width multiplier 1, by choices with 1, 2 and 3. "
        + BY_BOTH
        + "\n\n"
        + table(("space", "size", "compile", "search, median", "worst", "proven"), rows)
    )


SECTION = Section(of_one("scaling", write), run_suite, ("scaling",))
