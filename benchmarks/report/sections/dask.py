"""Sweeps on Dask's workers."""

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
    """Return what each number of workers takes."""
    text = "## Dask\n"
    for one in told:
        rows = [
            (
                row["workers"],
                f"{row['wall_s']:.1f}",
                f"{row['processor_s']:.1f}",
                f"{one['size'] / row['processor_s']:.3g}",
            )
            for row in one["rows"]
        ]
        head = ("workers", "wall time, s", "their processor time, s", "configurations a second")
        text += (
            f"\n{one['size']:,} configurations under three budgets, the best 100 kept, by local "
            f"workers of one thread each on {one['cores']} processors, which scheduler and client "
            f"use too; the last column is per processor second of the workers. Two are worth "
            f"{one['worth']:.2f} of one; what they find is the same.\n\n" + table(head, rows)
        )
    return text


def claims(told: Told) -> Iterator[Line]:
    """Yield what a second worker must be worth."""
    shared = told.get("dask", ())
    text = holds = None
    if shared:
        one = shared[0]
        seconds = " and ".join(f"{row['processor_s']:.0f} s" for row in one["rows"])
        text, holds = f"{one['worth']:.2f}x; {seconds} of processor time", one["worth"] >= 1.8
    yield "two Dask workers against one, per processor second", "at least 1.8x", text, holds


SECTION = Section(of_one("dask", write), run_suite, ("dask",), claims=claims)
