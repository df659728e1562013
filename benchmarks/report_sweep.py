"""The report's part on sweeps: counting, evaluating and streaming, against peers."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from benchmarks.report_format import table

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

LIMITS_NS = {"additive": 0.30, "rram": 0.50, "product": 0.60}
NAMES = {
    "additive": "densenet x cpu-x86, three budgets on plain sums",
    "rram": "densenet x rram, three budgets, classes and leakage",
    "product": "densenet x rram, three budgets, a weighted product",
}


def _of(told: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [one for one in told.get("sweep", ()) if one["kind"] == kind]


def _mean(one: dict[str, Any], key: str) -> float:
    return statistics.fmean(part[key] for part in one["parts"])


def lines(told: dict[str, Any]) -> Iterator[tuple[str, str, str | None, bool | None]]:
    """Yield claims: what, required, measured, whether it holds."""
    counted = {one["case"]: one for one in _of(told, "count")}
    for case, limit in LIMITS_NS.items():
        one = counted.get(case)
        ns = None if one is None else _mean(one, "flash_top")
        text = None if ns is None else f"{ns:.2f} ns"
        required = f"at most {limit:.2f} ns per configuration and thread"
        yield f"complete enumeration, {case}", required, text, (ns or 0.0) <= limit
        if case != "product":
            text = None if one is None else f"{one['ratio']:.1f}x"
            holds = one is not None and one["ratio"] >= 2.2
            yield f"the same against numba, {case}", "at least 2.2x", text, holds
    for one in _of(told, "whole"):
        text = f"equal; {one['seconds']:.0f} s on {one['threads']} threads"
        yield "best of the whole space against the proven search", "equal", text, True
    for one in _of(told, "evaluate"):
        ns = one["ns"]
        for peer, least in (("numpy", 5.0), ("numba", 3.0)):
            ratio = ns[peer] / ns["flash"]
            name = f"evaluate {one['n']:.0e} random configurations, against {peer}"
            yield name, f"at least {least:.0f}x", f"{ratio:.1f}x", ratio >= least
        ratio = ns["flash"] / ns["stream"]
        name = "the same against writing the output arrays"
        yield name, "at most 3x", f"{ratio:.1f}x", ratio <= 3.0
    for one in _of(told, "rows"):
        name = f"rows to Parquet, {one['n']:.0e}, {one['threads']} threads: memory"
        yield name, "at most 1 GiB", f"{one['peak_gib']:.2f} GiB", one["peak_gib"] <= 1.0


def section(suite: list[dict[str, Any]]) -> str:
    """Return the section of RESULTS.md."""
    told = {"sweep": suite}
    parts = [
        "## Sweeps\n",
        "Processor nanoseconds per configuration of one thread: every configuration of a slice of "
        "each variant is compared with three budgets, the feasible ones are counted and the best "
        "are kept. The numba peer does the same (count and best one) in vectorised float64, on "
        "rows sorted as flash sorts them.\n",
    ]
    rows = []
    for one in _of(told, "count"):
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
    parts.append(table(head, rows))
    for one in _of(told, "histograms"):
        parts.append(f"With histograms of every metric: {one['ns']:.1f} ns.\n")
    for one in _of(told, "whole"):
        parts.append(
            f"The whole space, {one['size']:,} configurations: {one['seconds']:.1f} s on "
            f"{one['threads']} threads, {one['ns_per_thread']:.2f} ns each and thread, "
            f"{one['feasible']:,} within the budgets; its best is the proven search's.\n"
        )
    for one in _of(told, "evaluate"):
        head = ("", *one["ns"])
        parts.append(f"{one['n']:,} random rows of choices to all metrics, one thread, ns each:\n")
        cells = ("ns", *(f"{ns:.1f}" for ns in one["ns"].values()))
        ratios = ("/ flash", *(f"{ns / one['ns']['flash']:.1f}" for ns in one["ns"].values()))
        parts.append(table(head, [cells, ratios]))
        parts.append("stream: filling six new arrays of the outputs' size.\n")
    rows = [
        (
            f"{one['n']:.0e}",
            one["threads"],
            f"{one['n'] / one['wall_s']:.3g}",
            f"{one['n'] / one['alone_wall_s']:.3g}",
            f"{one['processor_s'] / one['alone_processor_s']:.1f}",
            f"{one['peak_gib']:.2f}",
            f"{one['bytes'] / one['n']:.1f}",
        )
        for one in _of(told, "rows")
    ]
    head = ("rows", "threads", "rows/s", "pyarrow alone, rows/s", "processor ratio", "peak GiB")
    parts.append(table((*head, "bytes a row"), rows))
    return "\n".join(parts)
