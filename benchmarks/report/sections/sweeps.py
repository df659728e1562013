"""Sweeps: slices of spaces against numba, and whole spaces against the proven search."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from benchmarks.report.format import table
from benchmarks.report.measuring import run_suite
from benchmarks.report.section import Section

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from benchmarks.report.section import Line, Told

LIMITS_NS = {"additive": 0.30, "rram": 0.50, "product": 0.60}
NAMES = {
    "additive": "densenet x cpu-x86, three budgets on plain sums",
    "rram": "densenet x rram, three budgets, classes and leakage",
    "product": "densenet x rram, three budgets, a weighted product",
}


def write(told: Told, pictures: Iterable[str]) -> str:
    """Return the times of one configuration, of slices and of whole spaces."""
    parts = [_count(told)] if "sweep" in told else []
    parts += [_whole(told)] if "whole" in told else []
    return "\n".join(parts)


def claims(told: Told) -> Iterator[Line]:
    """Yield the time of a configuration, and that sweeps find what searches prove."""
    counted = {one["case"]: one for one in _of(told, "sweep", "count")}
    whole = {one["case"]: one for one in _of(told, "whole", "whole")}
    for case, limit in LIMITS_NS.items():
        found = counted.get(case)
        ns = None if found is None else _mean(found, "flash_top")
        text = None if ns is None else f"{ns:.2f} ns"
        required = f"at most {limit:.2f} ns per configuration and thread"
        yield f"enumeration, {case}", required, text, (ns or 0.0) <= limit
        if case != "product":
            text = None if found is None else f"{found['ratio']:.1f}x"
            holds = found is not None and found["ratio"] >= 2.2
            yield f"the same against numba, {case}", "at least 2.2x", text, holds
        one = whole.get(case)
        text = None
        if one is not None:
            text = (
                f"equal; {one['ns_per_thread']:.2f} ns, {one['size']:,} configurations in "
                f"{one['seconds']:.0f} s"
            )
        name = f"the whole space, {case}: its best against the proven search"
        holds = one is not None and one["ns_per_thread"] <= limit
        yield name, f"equal, at most {limit:.2f} ns", text, holds


def _count(told: Told) -> str:
    rows = []
    for one in _of(told, "sweep", "count"):
        for part in one["parts"]:
            rows.append(
                (
                    NAMES[one["case"]],
                    part["variant"],
                    f"{100 * part['feasible']:.1f} %",
                    f"{part['flash']:.3f}",
                    f"{part['flash_top']:.3f}",
                    f"{part['numba']:.3f}",
                    f"{part['numba'] / part['flash']:.1f}",
                )
            )
    head = ("case", "variant", "feasible", "flash, best", "best 100", "numba, best", "numba/flash")
    text = (
        "## Sweeps\n\n"
        "Processor nanoseconds per configuration of one thread: every configuration of a slice of "
        "each variant is compared with three budgets, the feasible ones are counted and the best "
        "are kept. The numba peer does the same (count and best one) in vectorised float64, on "
        "rows sorted as flash sorts them.\n\n" + table(head, rows)
    )
    for one in _of(told, "sweep", "histograms"):
        text += f"\nWith histograms of every metric: {one['ns']:.1f} ns.\n"
    return text


def _whole(told: Told) -> str:
    rows = [
        (
            NAMES[one["case"]],
            f"{one['size']:,}",
            f"{one['feasible']:,}",
            one["threads"],
            f"{one['cpu_s']:.1f}" if "cpu_s" in one else "-",
            f"{one['seconds']:.1f}",
            f"{one['ns_per_thread']:.3f}",
        )
        for one in told["whole"]
    ]
    head = ("case", "configurations", "within the budgets", "threads", "processor time, s",
            "wall time, s")  # fmt: skip
    return (
        "## The whole space, swept\n\n`flash.sweep` with the best 100; in each case its best is "
        "the answer of the proven search.\n\n"
        + table((*head, "processor ns per configuration"), rows)
    )


def _of(told: Told, section: str, kind: str) -> list[dict[str, Any]]:
    return [one for one in told.get(section, ()) if one["kind"] == kind]


def _mean(one: dict[str, Any], key: str) -> float:
    return statistics.fmean(part[key] for part in one["parts"])


SECTION = Section(write, run_suite, ("sweep", "whole"), claims=claims)
