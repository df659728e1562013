"""How long a proven search takes, and where its time goes."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from benchmarks.common.cases import FIVE_CELLS, FOUR_CELLS, MAIN, PREDICTED
from benchmarks.report.format import BY_BOTH, both, median, middle, preferred, table
from benchmarks.report.measuring import run_suite
from benchmarks.report.section import Section, of_one

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from benchmarks.report.section import Line, Told

MOBILE = "mobilenet-v2 x cpu-x86"
PARTS = ("compile", "shgo", "solver", "exact_alone")


def write(told: list[dict[str, Any]]) -> str:
    """Return the times of whole calls and of their parts."""
    rows = []
    for one in told:
        name = one["case"] + (", weighted product" if one["kind"] == "product" else "")
        runs = one["rows"]
        binding = one.get("binding")
        rows.append(
            (
                name,
                f"{one['size']:.2g}",
                len(runs),
                binding or "",
                both(middle(runs, "whole"), "whole"),
                both(_most(runs, "whole"), "whole"),
                both(middle(runs, "least"), "least"),
                both(middle(runs, "rebuilt"), "rebuilt"),
                *(both(middle(runs, key), key) for key in PARTS),
                f"{median(runs, 'nodes'):.0f}",
                sum(run["proven"] for run in runs),
            )
        )
    head = (
        "case",
        "size",
        "n",
        "budgets that bind jointly",
        "whole call, median",
        "worst",
        "median of the least",
        "tables rebuilt",
        "compile",
        "SHGO",
        "SHGO and proof",
        "exact alone",
        "nodes",
        "proven",
    )
    text = (
        "## Search\n\nWhole calls of `flash.search` in a warm process, on a space and a target "
        "searched before, whose tables are kept; beside them calls that build the tables anew. "
        "Medians of repeated calls for each set of budgets, then median and worst of them. Least: "
        "of each set's calls the shortest, which nothing else on the machine held up. Parts are "
        "solver calls, with the tables given. " + BY_BOTH + "\n\n" + table(head, rows)
    )
    for one in told:
        if one["case"] in (MAIN, FOUR_CELLS) and one["kind"] == "budgets":
            text += f"\n{one['case']}, by width multiplier of the optimum:\n\n" + _by_class(one)
    return text


def _by_class(one: dict[str, Any]) -> str:
    groups: dict[Any, list[dict[str, Any]]] = {}
    for run in one["rows"]:
        groups.setdefault(run["variant"], []).append(run)
    rows = [
        (
            variant,
            len(runs),
            both(middle(runs, "whole"), "whole"),
            both(_most(runs, "whole"), "whole"),
            f"{median(runs, 'nodes'):.0f}",
            f"{median(runs, 'weighed'):,.0f}",
        )
        for variant, runs in sorted(groups.items(), key=str)
    ]
    head = ("variant", "budgets", "median", "worst", "nodes", "configurations weighed")
    return table(head, rows)


def _most(runs: list[dict[str, Any]], key: str) -> dict[str, float]:
    """Return the greatest of a time, by each clock that all runs have."""
    return {
        name: max(run[name] for run in runs)
        for name in (key, f"{key}_cpu")
        if all(name in run for run in runs)
    }


def claims(told: Told) -> Iterator[Line]:
    """Yield the times that searches must keep, and that all are proven."""
    suite = told.get("search")
    wanted = (
        (MAIN, "budgets", 0.3, 5.0),
        (FOUR_CELLS, "budgets", 1.0, None),
        (FIVE_CELLS, "budgets", 0.8, None),
        (MOBILE, "budgets", 20.0, None),
        (PREDICTED, "budgets", 2.0, None),
        (MAIN, "product", 3.0, None),
    )
    for case, kind, limit, worst in wanted:
        name = f"{case}, {'weighted product' if kind == 'product' else 'whole call'}"
        required = f"median at most {limit} ms" + (f", worst {worst} ms" if worst else "")
        found = [one for one in suite or () if one["case"] == case and one["kind"] == kind]
        if not found:
            yield name, required, None, None
            continue
        seconds, which = preferred(found[0]["rows"], "whole")
        times = [1e3 * one for one in seconds]
        middle = statistics.median(times)
        holds = middle <= limit and (worst is None or max(times) <= worst)
        text = f"{middle:.3g} ms, worst {max(times):.3g} ms, {which} ({len(times)})"
        yield name, required, text, holds
    rows = [row for one in suite or () for row in one["rows"]]
    proven = sum(row["proven"] for row in rows)
    every = f"{proven} of {len(rows)}" if rows else None
    yield "answers proven, all cases", "all", every, proven == len(rows)


SECTION = Section(of_one("search", write), run_suite, ("search",), claims=claims)
