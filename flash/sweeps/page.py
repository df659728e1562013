"""A sweep as a page."""

from __future__ import annotations

from ..base.html import facts, some_of, told
from ..base.names import UNITS
from ..base.pages import ROWS, call, cut
from ..networks.line import line_of
from ..results.page import histogram_parts, space_of
from ..results.screen import called, count, duration, quantity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from ..base.html import Part, Row
    from ..base.pages import Section
    from .result import SweepResult

__all__ = ["made", "sections"]

COSTS = ("accuracy", "nn_degree", "latency_ms", "energy_mj", "area_mm2", "params", "macs")


def made(result: SweepResult) -> str:
    """Return the call that gave a sweep, as far as it is known."""
    keywords: dict[str, Any] = dict(result.budgets)
    keywords |= {"where": result.where, "sample": result.sample, "seed": result.seed or None}
    keywords |= {"top": len(result.top) or None, "out": result.out}
    return call("sweep", space_of(result.space), result.target, **keywords)


def sections(result: SweepResult) -> list[Section]:
    """Return a sweep as the sections of a page."""
    looked = result.count if result.sample is None else min(result.count, result.size)
    share = f" ({100 * result.feasible / looked:.3g} %)" if looked else ""
    head = facts(
        {
            "target": result.target,
            "space": f"{result.space.family}, {count(result.space.size)} configurations",
            "looked at": f"{count(result.count)} of {count(result.size)}"
            + ("" if result.sample is None else ", a sample"),
            "within the budgets": f"{count(result.feasible)}{share}",
            "budgets": ", ".join(f"{name} {one:g}" for name, one in result.budgets.items()) or None,
            "conditions": result.where,
            "best by": called(result.objective_name) if result.top else None,
            "rows": None if result.out is None else f"{count(result.rows or 0)} in {result.out}",
            "made again, damaged or missing": ", ".join(result.remade) or None,
            "stopped by": result.stopped,
            "seed": result.seed,
            "time": duration(result.elapsed_s),
        }
    )
    first: list[Any] = [head, result.message or "", *result._charts()]
    if result.top:
        first += [f"note: {one}" for one in result.top[0].flags]
    found: list[Section] = [("", first)]
    if result.top:
        found.append(("The best", _best(result)))
    if result.histograms:
        found.append(("Histograms", histogram_parts(result.histograms)))
    if result.front is not None:
        found.append(("Front of what was looked at", _front(result.front)))
    return found


def _best(result: SweepResult) -> list[Part]:
    some = result.top[:ROWS]
    costs = [name for name in COSTS if getattr(result.top[0], name) is not None]
    rows: list[Row] = [["", "objective", *map(called, costs), "index", "network"]]
    for rank, one in enumerate(some, 1):
        row = [str(rank), "-" if one.objective is None else f"{one.objective:.6g}"]
        for name in costs:
            value = getattr(one, name)
            row.append("-" if value is None else quantity(value, UNITS.get(name, "")))
        rows.append([*row, told(one.index), line_of(one.architecture)])
    more = len(result.top) - len(some)
    return [(rows, 0, True), f"and {more:,} more: result.to_frame()" if more else ""]


def _front(front: Mapping[str, tuple[float, ...]]) -> list[Part]:
    names = list(front)
    n = len(front[names[0]]) if names else 0
    some = some_of(n, ROWS)
    rows: list[Row] = [["", *map(called, names)]]
    for i in some:
        cells = [quantity(front[name][i], UNITS.get(name, "")) for name in names]
        rows.append([str(i), *cells])
    return [(rows, 0, True), *cut(len(some), n, "points", "result.front, result.to_json(path)")]
