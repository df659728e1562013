"""What SHGO finds by itself."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from benchmarks.common.cases import MAIN
from benchmarks.report.format import both, median, middle, percent, table
from benchmarks.report.measuring import run_suite
from benchmarks.report.section import Section, of_one

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from benchmarks.report.section import Line, Told


def write(told: list[dict[str, Any]]) -> str:
    """Return its gaps to the proven optima."""
    rows = []
    for one in told:
        gaps = sorted(run["gap"] for run in one["rows"])
        rows.append(
            (
                one["case"],
                len(gaps),
                percent(statistics.median(gaps)),
                percent(gaps[int(0.9 * (len(gaps) - 1))]),
                percent(gaps[-1]),
                sum(gap == 0.0 for gap in gaps),
                f"{median(one['rows'], 'evaluations'):,.0f}",
                both(middle(one["rows"], "seconds"), "seconds"),
                percent(median(one["rows"], "multistart_gap")),
            )
        )
    head = (
        "case",
        "n",
        "median gap",
        "90 %",
        "worst",
        "optimal",
        "evaluations",
        "processor ms (wall)",
        "multistart's median gap",
    )
    return (
        "## SHGO by itself\n\nThe exact solver off; the gap is to the proven optimum. Multistart: "
        "random starts, the same moves, equal evaluations, median of 11 seeds.\n\n"
        + table(head, rows)
    )


def claims(told: Told) -> Iterator[Line]:
    """Yield that its gap is below those of multistart and scipy."""
    required = "below multistart's and scipy's"
    for one in told.get("shgo", ()):
        if MAIN not in one["case"]:
            continue
        own = statistics.median(row["gap"] for row in one["rows"])
        multistart = statistics.median(row["multistart_gap"] for row in one["rows"])
        others = [multistart]
        text = f"{100 * own:.2g} %; multistart {100 * multistart:.2g} %"
        if one["case"] == MAIN and "scipy_shgo" in told:
            others.append(told["scipy_shgo"]["summary"]["gap"])
            text += f", scipy {100 * others[-1]:.2g} %"
        yield f"SHGO's own median gap, {one['case']}", required, text, own < min(others)
    if "shgo" not in told:
        yield "SHGO's own median gap", required, None, None


SECTION = Section(of_one("shgo", write), run_suite, ("shgo",), claims=claims)
