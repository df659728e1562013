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
        per = [_per(one, k) for k in ENGINES]
        ratios = [f"{ratio(one, k):.1f}x" if k in one else "" for k in ENGINES[1:]]
        job = "from tables" if one["kind"] == "tables" else f"{one['layers']:.0f} layers each"
        rows.append((one["case"], job, *per, *ratios))
    head = ("case", "job", "flash, ns", "numba, ns", "numpy, ns", "numba/flash", "numpy/flash")
    return (
        "## Batch metrics\n\nNanoseconds of processor time per configuration and thread, in "
        "brackets by the clock (a dash: not measured then); all give the same bits. Ratios are of "
        "processor times where there are both.\n\n" + table(head, rows)
    )


def ratio(one: dict[str, Any], peer: str) -> float:
    """Return how many times as long a peer takes: by the processor where that was measured."""
    kind = "_cpu" if f"{peer}_cpu" in one and "flash_cpu" in one else ""
    return float(one[peer + kind] / one["flash" + kind])


def _per(one: dict[str, Any], engine: str) -> str:
    if engine not in one:
        return ""
    wall, used = one[engine], one.get(f"{engine}_cpu")
    first = "-" if used is None else f"{1e9 * used / one['n']:.1f}"
    return f"{first} ({1e9 * wall / one['n']:.1f})"


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
        ratios = {one["case"]: ratio(one, peer) for one in suite or () if one["kind"] == kind}
        if not ratios:
            yield f"batch metrics {job}", required, None, None
            continue
        text = ", ".join(f"{case} {times:.1f}x" for case, times in ratios.items())
        yield f"batch metrics {job}", required, text, min(ratios.values()) >= limit


SECTION = Section(of_one("batch", write), run_suite, ("batch",), claims=claims)
