"""What a fresh process costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.report.format import ms, table
from benchmarks.report.measuring import run_suite
from benchmarks.report.section import Section, of_one

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from benchmarks.report.section import Line, Told

MIB = 1024.0


def write(told: list[dict[str, Any]]) -> str:
    """Return the times of whole processes."""
    one = told[0]
    bare = one["seconds"]["python -c pass"]
    rows = [(name, ms(t), f"{t / bare:.2f}") for name, t in one["seconds"].items()]
    peak = one["peak_kib"]
    return (
        "## Process start\n\n"
        + table(("process", "ms", "times bare Python"), rows)
        + f"\nPeak memory: {peak['search'] / 1024:.1f} MiB with a search, "
        f"{peak['bare'] / 1024:.1f} MiB bare. "
        f"Import and search add {one['modules_added']} modules.\n"
    )


def claims(told: Told) -> Iterator[Line]:
    """Yield what a start may take and load."""
    one = told["start"][0] if "start" in told else None
    for name, label, limit in (
        ("import flash and search", "fresh process, import and search", 2.0),
        ("flash search", "`flash search` from the shell", 4.0),
    ):
        ratio = one["seconds"][name] / one["seconds"]["python -c pass"] if one else None
        text = None if ratio is None else f"{ratio:.2f}x"
        yield label, f"at most {limit:.0f}x bare Python", text, (ratio or 0.0) <= limit
    text = None if one is None else ", ".join(one["heavy"]) or "none"
    yield "numpy, scipy, torch, numba, matplotlib loaded by it", "none", text, text == "none"
    extra = (one["peak_kib"]["search"] - one["peak_kib"]["bare"]) / MIB if one else None
    text = None if extra is None else f"{extra:.1f} MiB"
    yield "peak memory above bare Python", "under 50 MiB", text, (extra or 0.0) < 50.0


SECTION = Section(of_one("start", write), run_suite, ("start",), claims=claims)
