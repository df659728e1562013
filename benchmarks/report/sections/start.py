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
BARE = "python -c pass"
HEAD = ("process", "processor time, ms", "times bare Python", "wall time, ms", "times bare Python")


def write(told: list[dict[str, Any]]) -> str:
    """Return the times of whole processes."""
    one = told[0]
    bare = one["seconds"][BARE]
    used = one.get("cpu_s")
    rows = [
        (
            name,
            "-" if used is None else ms(used[name]),
            "-" if used is None else f"{used[name] / used[BARE]:.2f}",
            ms(wall),
            f"{wall / bare:.2f}",
        )
        for name, wall in one["seconds"].items()
    ]
    peak = one["peak_kib"]
    return (
        "## Process start\n\n"
        + table(HEAD, rows)
        + f"\nPeak memory: {peak['search'] / 1024:.1f} MiB with a search, "
        f"{peak['bare'] / 1024:.1f} MiB bare. "
        f"Import and search add {one['modules_added']} modules.\n"
    )


def claims(told: Told) -> Iterator[Line]:
    """Yield what a start may take and load."""
    one = told["start"][0] if "start" in told else None
    for name, label, limit in (
        ("import flash and search", "fresh process, import and search", 1.7),
        ("flash search", "`flash search` from the shell", 4.0),
    ):
        times = (one.get("cpu_s") or one["seconds"]) if one else None
        which = "processor time" if one and "cpu_s" in one else "by the clock"
        ratio = times[name] / times[BARE] if times else None
        text = None if ratio is None else f"{ratio:.2f}x, {which}"
        yield label, f"at most {limit:g}x bare Python", text, (ratio or 0.0) <= limit
    text = None if one is None else ", ".join(one["heavy"]) or "none"
    yield "numpy, scipy, torch, numba, matplotlib loaded by it", "none", text, text == "none"
    extra = (one["peak_kib"]["search"] - one["peak_kib"]["bare"]) / MIB if one else None
    text = None if extra is None else f"{extra:.1f} MiB"
    yield "peak memory above bare Python", "under 50 MiB", text, (extra or 0.0) < 50.0


SECTION = Section(of_one("start", write), run_suite, ("start",), claims=claims)
