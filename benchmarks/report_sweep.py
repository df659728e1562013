"""The report's sections on sweeps: counting, evaluating, streaming, Dask, against peers.

`WRITERS` takes what each section's suite leaves: lists of extra_info.
"""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from benchmarks.report_format import table

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    Line = tuple[str, str, str | None, bool | None]

LIMITS_NS = {"additive": 0.30, "rram": 0.50, "product": 0.60}
NAMES = {
    "additive": "densenet x cpu-x86, three budgets on plain sums",
    "rram": "densenet x rram, three budgets, classes and leakage",
    "product": "densenet x rram, three budgets, a weighted product",
}
PEERS = (("numpy", 5.0), ("numba", 3.0))


def _of(told: dict[str, Any], section: str, kind: str) -> list[dict[str, Any]]:
    return [one for one in told.get(section, ()) if one["kind"] == kind]


def _mean(one: dict[str, Any], key: str) -> float:
    return statistics.fmean(part[key] for part in one["parts"])


def _size(n: int) -> str:
    """Return a round number, as short as it goes: 1e8."""
    return f"{n:.0e}".replace("e+0", "e").replace("e+", "e")


def lines(told: dict[str, Any]) -> Iterator[Line]:
    """Yield claims: what, required, measured, whether it holds."""
    yield from _counted(told)
    yield from _evaluated(told)
    found = _of(told, "rows", "rows")
    if not found:
        yield "rows streamed to Parquet: memory", "at most 1 GiB", None, None
    for one in found:
        threads = f"{one['threads']} thread{'s' * (one['threads'] > 1)}"
        name = f"{_size(one['n'])} rows to Parquet, {threads}"
        gib = one["peak_gib"]
        yield f"{name}: memory", "at most 1 GiB", f"{gib:.2f} GiB", gib <= 1.0
        wall = one["alone_wall_s"] / one["wall_s"]
        used = one["alone_processor_s"] / one["processor_s"]
        text = f"{wall:.2f} of its rate; {used:.2f} per processor second"
        yield f"{name}: rate", "near pyarrow's alone (here: half of it)", text, wall >= 0.5
    shared = _of(told, "dask", "dask")
    text = holds = None
    if shared:
        one = shared[0]
        seconds = " and ".join(f"{row['processor_s']:.0f} s" for row in one["rows"])
        text, holds = f"{one['worth']:.2f}x; {seconds} of processor time", one["worth"] >= 1.8
    yield "two Dask workers against one, per processor second", "at least 1.8x", text, holds


def _counted(told: dict[str, Any]) -> Iterator[Line]:
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


def _evaluated(told: dict[str, Any]) -> Iterator[Line]:
    found = _of(told, "evaluate", "evaluate")
    n = _size(found[0]["n"]) if found else "1e7"
    ns = found[0]["ns"] if found else None
    for peer, least in PEERS:
        ratio = ns[peer] / ns["flash"] if ns else 0.0
        name = f"evaluate {n} random configurations, one thread, against {peer}"
        yield name, f"at least {least:.0f}x", f"{ratio:.1f}x" if ns else None, ratio >= least
    ratio = ns["flash"] / ns["stream"] if ns else 0.0
    text = f"{ratio:.1f}x" if ns else None
    yield "the same against writing the output arrays", "at most 3x", text, ratio <= 3.0


def _count(suite: list[dict[str, Any]]) -> str:
    told = {"sweep": suite}
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


def _whole(suite: list[dict[str, Any]]) -> str:
    rows = [
        (
            NAMES[one["case"]],
            f"{one['size']:,}",
            f"{one['feasible']:,}",
            one["threads"],
            f"{one['seconds']:.1f}",
            f"{one['ns_per_thread']:.3f}",
        )
        for one in suite
    ]
    head = ("case", "configurations", "within the budgets", "threads", "wall time, s")
    return (
        "## The whole space, swept\n\n`flash.sweep` with the best 100; in each case its best is "
        "the answer of the proven search.\n\n"
        + table((*head, "processor ns per configuration"), rows)
    )


def _evaluate(suite: list[dict[str, Any]]) -> str:
    told = {"evaluate": suite}
    text = "## Evaluating batches\n"
    for one in _of(told, "evaluate", "evaluate"):
        ns = one["ns"]
        cells = ("processor ns", *(f"{x:.1f}" for x in ns.values()))
        ratios = ("/ flash", *(f"{x / ns['flash']:.1f}" for x in ns.values()))
        text += (
            f"\n{one['n']:,} random rows of choices to all metrics, one thread, each; `stream`: "
            "filling six new arrays of the outputs' size. numpy and polars get a tenth of them.\n\n"
            + table(("", *ns), [cells, ratios])
        )
    rates = _of(told, "evaluate", "rate")
    if rates:
        # quick runs have fewer sizes
        jobs = sorted({(row["n"], row["threads"]) for one in rates for row in one["rows"]})
        rows = []
        for n, threads in jobs:
            every = [
                row["n"] / row["seconds"] / 1e6
                for one in rates
                for row in one["rows"]
                if (row["n"], row["threads"]) == (n, threads)
            ]
            rows.append((f"{n:,}", threads, *(f"{rate:.3g}" for rate in every)))
        head = ("configurations", "threads", *(f"{one['cells']} cells" for one in rates))
        text += (
            "\nMillions of configurations a second, whole calls, wall time, by the size of the "
            "batch (small ones stay on one thread), threads and cells of the DenseNet space on "
            "rram:\n\n" + table(head, rows)
        )
    return text


def _rows(suite: list[dict[str, Any]]) -> str:
    rows = [
        (
            _size(one["n"]),
            one["threads"],
            f"{one['n'] / one['wall_s']:.3g}",
            f"{one['n'] / one['alone_wall_s']:.3g}",
            f"{one['alone_wall_s'] / one['wall_s']:.2f}",
            f"{one['processor_s'] / one['alone_processor_s']:.1f}",
            f"{one['peak_gib']:.2f}",
            f"{one['bytes'] / one['n']:.1f}",
        )
        for one in suite
    ]
    head = ("rows", "threads", "rows/s", "pyarrow alone, rows/s", "share of its rate")
    return (
        "## Rows to Parquet\n\nA seeded sample of the default space, every choice and metric of "
        "it, drawn, evaluated and written, in a process of its own; pyarrow alone writes a quarter "
        "of the same parts again, from memory, with the same settings.\n\n"
        + table((*head, "processor time / its own", "peak GiB", "bytes a row"), rows)
    )


def _dask(suite: list[dict[str, Any]]) -> str:
    text = "## Dask\n"
    for one in suite:
        rows = [
            (
                row["workers"],
                f"{row['wall_s']:.1f}",
                f"{row['processor_s']:.1f}",
                f"{one['size'] / row['processor_s']:.3g}",
            )
            for row in one["rows"]
        ]
        head = ("workers", "wall time, s", "their processor time, s", "configurations a second")
        text += (
            f"\n{one['size']:,} configurations under three budgets, the best 100 kept, by local "
            f"workers of one thread each on {one['cores']} processors, which scheduler and client "
            f"use too; the last column is per processor second of the workers. Two are worth "
            f"{one['worth']:.2f} of one; what they find is the same.\n\n" + table(head, rows)
        )
    return text


WRITERS = {
    "sweep": _count,
    "whole": _whole,
    "evaluate": _evaluate,
    "rows": _rows,
    "dask": _dask,
}
