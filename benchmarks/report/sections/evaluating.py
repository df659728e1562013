"""Evaluating batches of choices, against peers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.report.format import power, table
from benchmarks.report.measuring import run_suite
from benchmarks.report.section import Section, of_one

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from benchmarks.report.section import Line, Told

PEERS = (("numpy", 5.0), ("numba", 3.0))


def write(told: list[dict[str, Any]]) -> str:
    """Return the times of a configuration, and rates by size and threads."""
    text = "## Evaluating batches\n"
    for one in _of(told, "evaluate"):
        ns = one["ns"]
        cells = ("processor ns", *(f"{x:.1f}" for x in ns.values()))
        ratios = ("/ flash", *(f"{x / ns['flash']:.1f}" for x in ns.values()))
        text += (
            f"\n{one['n']:,} random rows of choices to all metrics, one thread, each; `stream`: "
            "filling six new arrays of the outputs' size. numpy and polars get a tenth of them.\n\n"
            + table(("", *ns), [cells, ratios])
        )
    rates = _of(told, "rate")
    if rates:
        # quick runs have fewer sizes
        jobs = sorted({(row["n"], row["threads"]) for one in rates for row in one["rows"]})
        rows = []
        for n, threads in jobs:
            every = [
                _rate(row)
                for one in rates
                for row in one["rows"]
                if (row["n"], row["threads"]) == (n, threads)
            ]
            rows.append((f"{n:,}", threads, *every))
        head = ("configurations", "threads", *(f"{one['cells']} cells" for one in rates))
        text += (
            "\nMillions of configurations a second of processor time, in brackets by the clock (a "
            "dash: not measured then), whole calls, by the size of the "
            "batch (small ones stay on one thread), threads and cells of the DenseNet space on "
            "rram:\n\n" + table(head, rows)
        )
    return text


def _rate(row: dict[str, Any]) -> str:
    used = row.get("cpu_s")
    first = "-" if used is None else f"{row['n'] / used / 1e6:.3g}"
    return f"{first} ({row['n'] / row['seconds'] / 1e6:.3g})"


def claims(told: Told) -> Iterator[Line]:
    """Yield by how much flash must be faster."""
    found = _of(told.get("evaluate", ()), "evaluate")
    n = power(found[0]["n"]) if found else "1e7"
    ns = found[0]["ns"] if found else None
    for peer, least in PEERS:
        ratio = ns[peer] / ns["flash"] if ns else 0.0
        name = f"evaluate {n} random configurations, one thread, against {peer}"
        yield name, f"at least {least:.0f}x", f"{ratio:.1f}x" if ns else None, ratio >= least
    ratio = ns["flash"] / ns["stream"] if ns else 0.0
    text = f"{ratio:.1f}x" if ns else None
    yield "the same against writing the output arrays", "at most 3x", text, ratio <= 3.0


def _of(suite: Iterable[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [one for one in suite if one["kind"] == kind]


SECTION = Section(of_one("evaluate", write), run_suite, ("evaluate",), claims=claims)
