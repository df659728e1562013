"""Rows streamed to Parquet, against pyarrow alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.report.format import power, table
from benchmarks.report.measuring import run_suite
from benchmarks.report.section import Section, of_one

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from benchmarks.report.section import Line, Told


def write(told: list[dict[str, Any]]) -> str:
    """Return rates, memory and bytes."""
    rows = [
        (
            power(one["n"]),
            one["threads"],
            f"{one['n'] / one['wall_s']:.3g}",
            f"{one['n'] / one['alone_wall_s']:.3g}",
            f"{one['alone_wall_s'] / one['wall_s']:.2f}",
            f"{one['processor_s'] / one['alone_processor_s']:.1f}",
            f"{one['peak_gib']:.2f}",
            f"{one['bytes'] / one['n']:.1f}",
        )
        for one in told
    ]
    head = ("rows", "threads", "rows/s", "pyarrow alone, rows/s", "share of its rate")
    return (
        "## Rows to Parquet\n\nA seeded sample of the default space, every choice and metric of "
        "it, drawn, evaluated and written, in a process of its own; pyarrow alone writes a quarter "
        "of the same parts again, from memory, with the same settings.\n\n"
        + table((*head, "processor time / its own", "peak GiB", "bytes a row"), rows)
    )


def claims(told: Told) -> Iterator[Line]:
    """Yield the memory and the rate that streaming must keep."""
    found = told.get("rows", ())
    if not found:
        yield "rows streamed to Parquet: memory", "at most 1 GiB", None, None
    for one in found:
        threads = f"{one['threads']} thread{'s' * (one['threads'] > 1)}"
        name = f"{power(one['n'])} rows to Parquet, {threads}"
        gib = one["peak_gib"]
        yield f"{name}: memory", "at most 1 GiB", f"{gib:.2f} GiB", gib <= 1.0
        wall = one["alone_wall_s"] / one["wall_s"]
        used = one["alone_processor_s"] / one["processor_s"]
        text = f"{wall:.2f} of its rate; {used:.2f} per processor second"
        yield f"{name}: rate", "near pyarrow's alone (here: half of it)", text, wall >= 0.5


SECTION = Section(of_one("rows", write), run_suite, ("rows",), claims=claims)
