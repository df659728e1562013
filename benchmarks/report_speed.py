"""The sections of RESULTS.md that tell how fast: searches, their parts, batches, peers."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from benchmarks import report_fronts, report_sweep
from benchmarks.common import FOUR_CELLS, MAIN
from benchmarks.report_format import median, ms, percent, table

if TYPE_CHECKING:
    from typing import Any


def _start(told: list[dict[str, Any]]) -> str:
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


def _compile(told: list[dict[str, Any]]) -> str:
    rows = [
        (one["case"], f"{one['rows']:,}", ms(one["needed"]), ms(one["all_columns"])) for one in told
    ]
    head = ("case", "rows", "ms", "with params and MACs, ms")
    return "## Compiling the tables\n\n" + table(head, rows)


def _batch(told: list[dict[str, Any]]) -> str:
    rows = []
    for one in told:
        per = [f"{1e9 * one[k] / one['n']:.1f}" if k in one else "" for k in ENGINES]
        ratios = [f"{one[k] / one['flash']:.1f}x" if k in one else "" for k in ENGINES[1:]]
        job = "from tables" if one["kind"] == "tables" else f"{one['layers']:.0f} layers each"
        rows.append((one["case"], job, *per, *ratios))
    head = ("case", "job", "flash, ns", "numba, ns", "numpy, ns", "numba/flash", "numpy/flash")
    return (
        "## Batch metrics\n\nNanoseconds per configuration and thread; all give the same bits.\n\n"
        + table(head, rows)
    )


ENGINES = ("flash", "numba", "numpy")


def _search(told: list[dict[str, Any]]) -> str:
    rows = []
    for one in told:
        name = one["case"] + (", weighted product" if one["kind"] == "product" else "")
        runs = one["rows"]
        whole = [run["whole"] for run in runs]
        binding = one.get("binding")
        rows.append(
            (
                name,
                f"{one['size']:.2g}",
                len(runs),
                binding or "",
                ms(statistics.median(whole)),
                ms(max(whole)),
                ms(median(runs, "least")),
                *(ms(median(runs, key)) for key in ("compile", "shgo", "solver", "exact_alone")),
                f"{median(runs, 'nodes'):.0f}",
                sum(run["proven"] for run in runs),
            )
        )
    head = (
        "case",
        "size",
        "n",
        "budgets that bind jointly",
        "whole call, median ms",
        "worst",
        "median of the least",
        "compile",
        "SHGO",
        "SHGO and proof",
        "exact alone",
        "nodes",
        "proven",
    )
    text = (
        "## Search\n\nWhole calls of `flash.search` in a warm process, tables rebuilt in each; "
        "medians of repeated calls for each set of budgets, then median and worst of them. Least: "
        "of each set's calls the shortest, which nothing else on the machine held up. Parts are "
        "solver calls, with the tables given.\n\n" + table(head, rows)
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
            ms(median(runs, "whole")),
            ms(max(run["whole"] for run in runs)),
            f"{median(runs, 'nodes'):.0f}",
            f"{median(runs, 'weighed'):,.0f}",
        )
        for variant, runs in sorted(groups.items(), key=str)
    ]
    head = ("variant", "budgets", "median ms", "worst ms", "nodes", "configurations weighed")
    return table(head, rows)


def _shgo(told: list[dict[str, Any]]) -> str:
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
                ms(median(one["rows"], "seconds")),
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
        "ms",
        "multistart's median gap",
    )
    return (
        "## SHGO by itself\n\nThe exact solver off; the gap is to the proven optimum. Multistart: "
        "random starts, the same moves, equal evaluations, median of 11 seeds.\n\n"
        + table(head, rows)
    )


def _scaling(told: list[dict[str, Any]]) -> str:
    rows = []
    for one in told:
        if "kind" not in one:
            continue
        what = (
            f"{one['cells']} cells"
            if one["kind"] == "cells"
            else f"3 cells of {one['depths']} x {one['skips']} choices"
        )
        worst = max(one["whole"])
        done = f"{one['proven']} of {one['n']}"
        row = (what, f"{one['size']:.2g}", ms(one["compile"]), ms(one["median"]), ms(worst), done)
        rows.append(row)
    return (
        "## Scaling\n\nDenseNet x rram, all three budgets at one quantile (30 to 70 %); by cells "
        "with width multiplier 1, by choices with 1, 2 and 3.\n\n"
        + table(("space", "size", "compile, ms", "search, median ms", "worst", "proven"), rows)
    )


def _enumerate(told: list[dict[str, Any]]) -> str:
    one = told[0]
    rows = [
        (
            ", ".join(f"{cost} {value:.4g}" for cost, value in run["budgets"].items()),
            f"{run['objective']:.6f}",
            f"{run['seconds']:.0f}",
            f"{run['ns_each']:.2f}",
            "yes" if run["equal"] else "no",
        )
        for run in one["rows"]
    ]
    head = ("budgets", "best NN-Degree", "s", "ns each", "equals the search")
    return f"## Complete enumeration, {one['size']:,} configurations\n\n" + table(head, rows)


def peers(told: dict[str, Any]) -> str:
    from benchmarks.report import PEERS

    found = [told[name] for name in PEERS if name in told]
    if not found:
        return ""
    rows, settings = [], []
    for one in found:
        s = one["summary"]
        rows.append(
            (
                one["peer"],
                one["best"],
                one["case"],
                percent(s["gap"]),
                f"{s['finished']} of {s['n']}",
                ms(s["solver_s"]),
                ms(s["flash_s"]),
                f"{s['ratio']:.0f}",
                f"{s['ratio_with_setup']:.0f}",
                f"{s['whole_ratio']:.0f}",
            )
        )
        for name, other in one["settings"].items():
            mark = " (chosen)" if name == one["best"] else ""
            settings.append(
                (
                    one["peer"],
                    name + mark,
                    percent(other["gap"]),
                    f"{other['finished']} of {other['n']}",
                    ms(other["seconds"]),
                    f"{other['ratio']:.0f}",
                )
            )
    head = (
        "peer",
        "setting",
        "case",
        "median gap",
        "goal or proof reached",
        "solver, ms",
        "flash, ms",
        "ratio of solver calls",
        "with model building",
        "ratio of whole calls",
    )
    return (
        "## Peers\n\nThe same tables and budgets, one thread, flash's solver call timed right "
        "before and after each run. A ratio is the median of per-budget ratios; a run that misses "
        "its goal counts as its limit. Heuristics may stop at 0.1 % of the optimum, which they are "
        "told; scipy's shgo ends by itself; exact peers end with a proof. Whole calls compile the "
        "tables too.\n\n"
        + table(head, rows)
        + "\nAll settings, on the budgets on which the setting was chosen:\n\n"
        + table(("peer", "setting", "median gap", "reached", "ms", "ratio"), settings)
    )


def _aarch64(told: dict[str, Any]) -> str:
    if "skipped" in told:
        return ""
    phases = [(name, f"{count:,}") for name, count in told["instructions"].items()]
    estimates = [
        (name, f"{cpi:.2f}", told["pi3b_s"][name], told["pi3b_with_kernel_s"][name])
        for name, cpi in told["cpi"].items()
    ]
    return (
        "## Raspberry Pi 3B, an estimate\n\nInstructions of a fresh process, counted by callgrind "
        "(portable kernels), each phase above the one before:\n\n"
        + table(("phase", "instructions"), phases)
        + "\n"
        + table(("cycles per instruction", "", "s", "with the kernel's share, s"), estimates)
    )


def _objective(told: list[dict[str, Any]]) -> str:
    rows = [
        (
            one["case"],
            one["function"].rstrip("."),
            f"{one['evaluations']:,}",
            *(ms(one[key]) for key in ("plain", "compiled", "first")),
            "compiled" if "compiled by" in one["default"] else "plain",
        )
        for one in told
    ]
    head = ("case", "objective function", "evaluations", "plain, ms", "compiled, ms",
            "with compiling, ms", "by default")  # fmt: skip
    return "## A user's own objective, plain and through numba\n\n" + table(head, rows)


WRITERS = {
    "search": _search,
    "start": _start,
    "compile": _compile,
    "batch": _batch,
    "shgo": _shgo,
    "scaling": _scaling,
    "enumerate": _enumerate,
    "objective": _objective,
    **report_sweep.WRITERS,
    **report_fronts.WRITERS,
    "aarch64": _aarch64,
}
