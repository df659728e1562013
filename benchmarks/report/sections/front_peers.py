"""What peers see of the exact front, by time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.report.format import clock, goals, table
from benchmarks.report.measuring import told_by
from benchmarks.report.section import Section, of_one

if TYPE_CHECKING:
    from typing import Any

    from benchmarks.report.section import Options


def measure(fragment: str, options: Options) -> Any:
    """Run all peers."""
    given = ("1", "1") if options.quick else ("10", "2")
    return told_by("-m", "benchmarks.peers.fronts", "--limit-s", given[0], "--seeds", given[1])


def write(told: dict[str, Any]) -> str:
    """Hypervolume of peers' fronts against time."""
    text = (
        "## Fronts of peers\n\nShare of the exact front's hypervolume (costs as logarithms, from "
        "its worst values on) and of its points that a peer has seen, after so many seconds; all "
        "networks that it looked at count. The default space on rram.\n"
    )
    for objectives in dict.fromkeys(tuple(row["objectives"]) for row in told["rows"]):
        some = [row for row in told["rows"] if tuple(row["objectives"]) == objectives]
        times = some[0]["times"]
        rows = [
            (
                "flash, exact",
                *("100 %" if some[0]["front_s"] <= t else "-" for t in times),
                "100 %",
                f"in {clock(some[0]['front_s'])}",
            )
        ]
        rows += [
            (
                row["peer"],
                *(f"{100 * share:.2f} %" for share in row["share"]),
                f"{100 * row['found']:.1f} %",
                f"{row['evaluations']:,} evaluations",
            )
            for row in some
        ]
        head = ("", *(f"{t:g} s" for t in times), "points found", "")
        text += f"\n{goals(objectives)}, {some[0]['points']:,} points:\n\n" + table(head, rows)
    return text


SECTION = Section(of_one("front_peers", write), measure, ("front_peers",))
