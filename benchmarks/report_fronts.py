"""The sections of RESULTS.md on fronts and fleets.

`WRITERS` takes what `bench_fronts`, `bench_fleet` and `peers.fronts` leave: lists of extra_info.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.report_format import table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

WORDS = {"accuracy": "accuracy", "latency_ms": "latency", "energy_mj": "energy",
         "area_mm2": "area"}  # fmt: skip


def _goals(objectives: Sequence[str]) -> str:
    return ", ".join(WORDS.get(one, one) for one in objectives)


def _seconds(value: float) -> str:
    return f"{1e3 * value:.0f} ms" if value < 1.0 else f"{value:.2f} s"


def fronts(told: list[dict[str, Any]]) -> str:
    """How long exact fronts take, and what enumeration says of them."""
    rows, checked = [], []
    for one in told:
        for row in one["rows"]:
            if one["kind"] == "fronts":
                kind = f"within {100 * row['epsilon']:g} %" if row["epsilon"] else "exact"
                rows.append(
                    (
                        f"{row['space']} ({row['size']:.2g})",
                        row["target"],
                        _goals(row["objectives"]),
                        kind,
                        _seconds(row["cpu_s"]),
                        _seconds(row["seconds"]),
                        f"{row['points']:,}",
                        f"{row['sums']:,}",
                    )
                )
            else:
                verdict = "none" if not row["not_covered"] else f"{row['not_covered']:,}"
                checked.append(
                    (
                        f"{row['size']:,}",
                        _goals(row["objectives"]),
                        f"{row['points']:,}",
                        _seconds(row["seconds"]),
                        _seconds(row["enumeration_s"]),
                        verdict if row["real"] and row["apart"] else "FAILED",
                    )
                )
    head = ("space", "target", "objectives", "front", "processor time", "wall time", "points",
            "sums compared")  # fmt: skip
    text = (
        "## Fronts\n\nOne thread; medians. `additive` is rram without classes and leakage: latency "
        "and energy are plain sums.\n\n" + table(head, rows)
    )
    if checked:
        head = ("configurations", "objectives", "points", "front", "numba looks at all",
                "not covered")  # fmt: skip
        text += (
            "\nEvery configuration of a space, by numba's own arithmetic: a front is the front if "
            "its points are real, none dominates another, and every configuration has a point that "
            "is at most equal to it in all objectives.\n\n" + table(head, checked)
        )
    return text


def peers(told: dict[str, Any]) -> str:
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
                f"in {_seconds(some[0]['front_s'])}",
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
        text += f"\n{_goals(objectives)}, {some[0]['points']:,} points:\n\n" + table(head, rows)
    return text


def fleet(told: list[dict[str, Any]]) -> str:
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


TWO, THREE = ["accuracy", "latency_ms"], ["accuracy", "latency_ms", "energy_mj"]
LIMITS = (  # target, objectives, epsilon, seconds
    ("additive", TWO, 0.0, 0.2),
    ("additive", THREE, 0.0, 2.0),
    ("rram", TWO, 0.001, 0.2),
    ("rram", THREE, 0.001, 2.0),
)
FLEET_S = 5.0


def lines(told: dict[str, Any]) -> Iterator[tuple[str, str, str | None, bool | None]]:
    """Yield claims: what, required, measured, whether it holds."""
    rows = [row for one in told.get("fronts", ()) for row in one["rows"]]
    timed = {
        (row["target"], tuple(row["objectives"]), row["epsilon"]): row
        for row in rows
        if row.get("space") == "densenet"
    }
    for target, goals, epsilon, limit in LIMITS:
        kind = f"front within {100 * epsilon:g} %" if epsilon else "exact front"
        name = f"{kind} of the default space, {target}: {_goals(goals)}"
        row = timed.get((target, tuple(goals), epsilon))
        text = None
        if row is not None:
            # of the one thread: the machine may be busy
            text = (
                f"{_seconds(row['cpu_s'])} of processor time ({_seconds(row['seconds'])} by the "
                f"clock), {row['points']:,} points"
            )
            exact = timed.get((target, tuple(goals), 0.0))
            if epsilon and exact is not None:
                text += f"; the exact one {_seconds(exact['cpu_s'])}"
        holds = row is not None and row["cpu_s"] <= limit
        yield name, f"at most {limit:g} s", text, holds
    checked = [row for row in rows if "not_covered" in row]
    text = holds = None
    if checked:
        equal = sum(row["real"] and row["apart"] and not row["not_covered"] for row in checked)
        text = f"{equal} of {len(checked)}, {max(row['size'] for row in checked):,} configurations"
        holds = equal == len(checked)
    yield "exact fronts equal complete enumeration, rram", "all", text, holds
    text = holds = None
    for one in told.get("fleet", ()):
        best = min(one["rows"], key=lambda row: float(row["seconds"]))
        proven = best["proven"] == one["devices"] and one["same"]
        text = f"{best['seconds']:.2f} s on {best['threads']} threads, {best['proven']:,} proven"
        holds = proven and best["seconds"] <= FLEET_S
    name = "10,000 device variants, the default space, own budgets"
    yield name, f"each proven, at most {FLEET_S:g} s", text, holds


WRITERS = {"fronts": fronts, "front_peers": peers, "fleet": fleet}
