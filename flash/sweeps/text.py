"""The text of a sweep's result."""

from __future__ import annotations

from ..results.screen import count, duration, quantity, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..base.html import Part
    from .result import SweepResult

__all__ = ["parts", "screen"]


def screen(result: SweepResult) -> str:
    """Return the text of ``print(sweep_result)``."""
    return text(parts(result))


def parts(result: SweepResult) -> list[Part]:
    """Return what a sweep's result shows: lines of text, and a table."""
    what = "all" if result.sample is None else "a sample of"
    looked = f"{count(result.count)} of {count(result.size)}"
    lines: list[Part] = [
        f"{result.space.family} on {result.target}: {what} {count(result.size)} configurations"
        if result.complete
        else f"{result.space.family} on {result.target}: {looked} configurations",
        f"{count(result.feasible)} configuration{'s' * (result.feasible != 1)} within the budgets"
        + (f" where {result.where}" if result.where else ""),
    ]
    if result.message:
        lines.append(result.message)
    if result.top:
        costs = [
            name
            for name in ("accuracy", "nn_degree", "latency_ms", "energy_mj", "area_mm2")
            if getattr(result.top[0], name) is not None
        ]
        titles = ["", "objective", *costs, "params", "macs", "index"]
        rows = [
            [
                str(rank),
                quantity(one.objective if one.objective is not None else 0.0),
                *(_told(getattr(one, name)) for name in costs),
                *(quantity(value or 0) for value in (one.params, one.macs, one.index)),
            ]
            for rank, one in enumerate(result.top[:10], 1)
        ]
        lines += ["", ([titles, *rows], 0, True)]
        if len(result.top) > 10:
            lines.append(f"... and {len(result.top) - 10} more")
    if result.front is not None:
        lines += ["", f"front: {len(result.front['index'])} points"]
    if result.out is not None:
        lines += ["", f"{count(result.rows or 0)} rows in {result.out}"]
    if result.remade:
        lines.append(f"made again, damaged or missing: {', '.join(result.remade)}")
    if result.stopped:
        lines.append(f"stopped by {result.stopped}")
    lines += ["", f"{duration(result.elapsed_s)}"]
    if result.top:  # how far costs may be off is the same for all
        told = f"{result.target} is not calibrated"
        lines += [f"note: {one}" for one in result.top[0].flags if one.startswith(told)]
    return lines


def _told(value: float | None) -> str:
    return "-" if value is None else quantity(value)
