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
        every = [(str(row["workers"]), row) for row in one["rows"]]
        if "alone" in one:
            every = [("one process, no Dask", one["alone"]), *every]
        rows = [
            (
                name,
                f"{row['wall_s']:.1f}",
                f"{row['processor_s']:.1f}",
                f"{one['size'] / row['wall_s']:.3g}",
            )
            for name, row in every
        ]
        head = ("workers", "wall time, s", "their processor time, s", "configurations a second")
        text += (
            f"\n{one['size']:,} configurations under three budgets, the best 100 kept, by local "
            f"workers of one thread each on {one['cores']} processors, which scheduler and client "
            f"use too; the last column is by the clock. Two are worth {_worth(one):.2f} of one; "
            f"what they find is the same. Their processor time is one's by construction, since "
            f"they share out the same work.\n\n" + table(head, rows)
        )
    return text


def _worth(one: dict[str, Any]) -> float:
    """Return how many times as fast as one worker two are, by the clock."""
    first, second = (row["wall_s"] for row in one["rows"])
    return float(first / second)


def claims(told: Told) -> Iterator[Line]:
    """Yield what a second worker must be worth."""
    shared = told.get("dask", ())
    text = holds = None
    if shared:
        one = shared[0]
        seconds = " and ".join(f"{row['wall_s']:.0f} s" for row in one["rows"])
        text, holds = f"{_worth(one):.2f}x; {seconds}", _worth(one) >= 1.8
        if "alone" in one:
            text += f"; one process without Dask {one['alone']['wall_s']:.0f} s"
    yield "two Dask workers against one, by the clock", "at least 1.8x", text, holds


SECTION = Section(of_one("dask", write), run_suite, ("dask",), claims=claims)
