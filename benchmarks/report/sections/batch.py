"""Metrics of many configurations at once, against numba and numpy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.report.format import table
from benchmarks.report.measuring import run_suite
from benchmarks.report.section import Section, of_one

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from benchmarks.report.section import Line, Told

ENGINES = ("flash", "numba", "numpy")


def write(told: list[dict[str, Any]]) -> str:
    """Return the times of one configuration."""
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


def claims(told: Told) -> Iterator[Line]:
    """Yield by how much flash must be faster."""
    suite = told.get("batch")
    for kind, peer, limit in (
        ("tables", "numba", 2),
        ("tables", "numpy", 5),
        ("layers", "numba", 4),
    ):
        job = "from tables" if kind == "tables" else "layer by layer"
        required = f"at least {limit}x faster than {peer}, per thread"
        ratios = {
            one["case"]: one[peer] / one["flash"] for one in suite or () if one["kind"] == kind
        }
        if not ratios:
            yield f"batch metrics {job}", required, None, None
            continue
        text = ", ".join(f"{case} {ratio:.1f}x" for case, ratio in ratios.items())
        yield f"batch metrics {job}", required, text, min(ratios.values()) >= limit


SECTION = Section(of_one("batch", write), run_suite, ("batch",), claims=claims)
