"""Many devices in one call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.report.format import table
from benchmarks.report.measuring import run_suite
from benchmarks.report.section import Section, of_one

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from benchmarks.report.section import Line, Told

FLEET_S = 5.0


def write(told: list[dict[str, Any]]) -> str:
    """Many devices in one call."""
    text = "## Fleets\n\n"
    for one in told:
        rows = [
            (
                row["threads"],
                f"{row['seconds']:.2f} s",
                f"{row['cpu_s']:.2f} s",
                f"{1e3 * row['cpu_s'] / one['devices']:.2f} ms",
                f"{row['proven']:,}",
            )
            for row in one["rows"]
        ]
        same = "the same" if one["same"] else "NOT the same"
        text += (
            f"{one['devices']:,} variants of rram, every coefficient and the leakage varied by up "
            "to 30 %, budgets of their own, the default space. The answers of all numbers of "
            f"threads are {same}; {one['infeasible']:,} devices have none. "
            f"{one['cores']} processors; peak memory {one['peak_mib']:,.0f} MiB.\n\n"
            + table(("threads", "wall time", "processor time", "a device", "proven"), rows)
        )
    return text


def claims(told: Told) -> Iterator[Line]:
    """Yield the time of ten thousand devices."""
    text = holds = None
    for one in told.get("fleet", ()):
        best = min(one["rows"], key=lambda row: float(row["seconds"]))
        proven = best["proven"] == one["devices"] and one["same"]
        text = f"{best['seconds']:.2f} s on {best['threads']} threads, {best['proven']:,} proven"
        holds = proven and best["seconds"] <= FLEET_S
    name = "10,000 device variants, the default space, own budgets"
    yield name, f"each proven, at most {FLEET_S:g} s", text, holds


SECTION = Section(of_one("fleet", write), run_suite, ("fleet",), claims=claims)
