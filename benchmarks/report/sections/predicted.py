"""What predictors and imported networks take."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from benchmarks.common.cases import MAIN, PREDICTED
from benchmarks.report.format import BY_BOTH, both, middle, preferred, table
from benchmarks.report.measuring import run_suite
from benchmarks.report.section import Section, of_one

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from benchmarks.report.section import Line, Told

FIT_MS, COST_US, SEARCH_MS = 10.0, 10.0, 2.0  # "milliseconds", "microseconds", "under 2 ms"


def write(told: Sequence[dict[str, Any]]) -> str:
    """Return the time of predictors and of imported networks."""
    one = next(t for t in told if t["kind"] == "imported")
    text = (
        "## What predictors and imported networks take\n\n"
        f"{one['networks']} networks of NAS-Bench-Macro read from tables, {one['layers']:.0f} rows "
        "each (median); fits on all of them.\n\n"
        + f"{BY_BOTH}\n\n"
        + table(("job", "took"), [(job, _took(one, job)) for job in one["seconds"]])
    )
    rows = []
    for one in told:
        if one["kind"] != "search":
            continue
        whole = [run["whole"] for run in one["rows"]]
        gaps = [run["gap"] for run in one["rows"] if not run["proven"] and run["gap"] is not None]
        proven = sum(run["proven"] for run in one["rows"])
        done = f"{proven} of {len(whole)}"
        worst = f"{100 * max(gaps):.2g} %" if gaps else ""
        row = (one["case"], one["predictor"], f"{one['size']:.2g}", one["binding"], done)
        used = [run["whole_cpu"] for run in one["rows"] if "whole_cpu" in run]
        most = {"whole": max(whole), **({"whole_cpu": max(used)} if used else {})}
        times = both(middle(one["rows"], "whole"), "whole"), both(most, "whole")
        rows.append((*row, *times, worst))
    head = ("case", "predictor", "size", "budgets that bind jointly", "proven", "median",
            "worst", "largest gap where not proven")  # fmt: skip
    limit = next((t["limit_s"] for t in told if t["kind"] == "search"), 0.0)
    return (
        text + "\nWhole calls of `flash.search` with a topology predictor, under budgets that bind "
        f"jointly for NN-Degree; a search that is not proven ended at its limit of {limit:g} s:\n\n"
        + table(head, rows)
    )


def _took(one: dict[str, Any], job: str) -> str:
    used = one.get("cpu_s", {})
    return both({"s": one["seconds"][job], **({"s_cpu": used[job]} if job in used else {})}, "s")


def claims(told: Told) -> Iterator[Line]:
    """Yield the times of costing, fitting and searching with predictors."""
    found = told.get("predicted", ())
    # the main case is a claim of the section of searches, where that has it
    main_too = PREDICTED in {one["case"] for one in told.get("search", ())}
    one = next((t.get("cpu_s", t["seconds"]) for t in found if t["kind"] == "imported"), None)
    text = holds = None
    if one:
        first, again = (1e6 * one[f"cost, {k}"] for k in ("the first of a network", "again"))
        text = f"{first:.3g} us the first time, {again:.3g} us again"
        holds = max(first, again) <= COST_US
    yield "costing an imported network", f"microseconds (at most {COST_US:g})", text, holds
    text = holds = None
    if one:
        fit = 1e3 * one["AccuracyPredictor.fit"]
        text, holds = f"{fit:.2g} ms with its report", fit <= FIT_MS
    yield "fitting a predictor on 25 networks", f"milliseconds (at most {FIT_MS:g})", text, holds
    for one in found:
        if one["kind"] == "search" and not (main_too and one["case"] == MAIN):
            whole, which = preferred(one["rows"], "whole")
            proven = sum(run["proven"] for run in one["rows"])
            median = 1e3 * statistics.median(whole)
            yield (
                f"{one['case']}, search with a topology predictor",
                f"all proven, median at most {SEARCH_MS:g} ms",
                f"{proven} of {len(whole)} (within {one['limit_s']:g} s); "
                + (f"{median:.3g} ms" if median < 100 else f"{median:,.0f} ms")
                + f", {which}",
                proven == len(whole) and median <= SEARCH_MS,
            )
    if not found:
        yield "search with a topology predictor", f"median at most {SEARCH_MS:g} ms", None, None


SECTION = Section(of_one("predicted", write), run_suite, ("predicted",), claims=claims)
