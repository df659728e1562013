"""Charts of a result: its network, the budgets used, and how the search came there."""

from __future__ import annotations

from ..charts.chart import Axis, Bars, Chart, Intervals, Line, Panel, Points, Rule, Texts
from ..charts.metrics import unit_of
from ..errors import ArgumentError
from .axes import objective_axis
from .screen import costs_of, quantity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .result import SearchResult

__all__ = ["budgets_panel", "chart_of", "charts_of", "trace_panel"]

OVER = 1.04  # of the widest bar: where its text begins


def chart_of(result: SearchResult[Any]) -> Chart:
    """Return the chart of ``result.plot()``.

    Raises
    ------
    ArgumentError
        If no network was found.
    """
    if result.architecture is None:
        raise ArgumentError(f"there is no network to plot: {result.status}, {result.message}")
    from ..networks.drawing import panels_of

    panels, notes = panels_of(result.architecture)
    budgets = budgets_panel(result)
    trace = trace_panel(result)
    below = [one for one in (budgets, trace) if one is not None]
    told = list(notes)
    if budgets is None:
        told.append("there are no budgets")
    if result.accelerator is not None:
        for part, values in result.accelerator["values"].items():
            own = ", ".join(f"{key} {value}" for key, value in values.items())
            told.append(f"accelerator, {part}: {own}")
    if result.alternatives:
        more = len(result.alternatives)
        told.append(f"the best of {more + 1} networks")
    title = f"{result.space.family} on {result.target}: {_headline(result)}"
    every = [*panels, *below]
    high = 2.8 * len(every) + 0.16 * len(told)
    return Chart(title, every, columns=1, notes=told, size=(11.0, high))


def charts_of(result: SearchResult[Any]) -> list[Chart]:
    """Return the charts of a result's page."""
    return [] if result.architecture is None else [chart_of(result)]


def _headline(result: SearchResult[Any]) -> str:
    axis = objective_axis(result)
    if result.objective is None:
        return result.status
    return f"{axis.title} {quantity(result.objective, axis.unit)}, {result.status}"


def budgets_panel(result: SearchResult[Any]) -> Panel | None:
    """Return how much of each upper budget is used; None without budgets."""
    rows = [one for one in costs_of(result) if one[3] and one[1] != "accuracy"]
    if not rows:
        return None
    used = [100.0 * value / float(limit or 1.0) for _, _, value, limit in rows]
    texts = []
    for share, (_, field, value, limit) in zip(used, rows, strict=True):
        most = limit or 0.0
        if isinstance(value, int) and float(most).is_integer():  # counts: both in full
            most = int(most)
        texts.append(f"{share:.1f} %: {quantity(value)} of {quantity(most, unit_of(field))}")
    ends = [(result.intervals or {}).get(one[1]) for one in rows]
    spread = [
        (place, *(100.0 * end / float(rows[place][3] or 1.0) for end in pair))
        for place, pair in enumerate(ends)
        if pair is not None and result.costs is None
    ]
    longest = max(100.0, *used, *(high for _, _, high in spread))
    marks: list[Any] = [
        Bars(
            range(len(rows)),
            used,
            name="used",
            colour=-2,
            flat=True,
            how="over",
            hover=texts,
            width=0.6,
        )
    ]
    if spread:
        places, low, high = zip(*spread, strict=True)
        marks.append(
            Intervals(places, low, high, name="90 % of networks like it", colour=-1, flat=True)
        )
    marks.append(Rule(100.0, name="the budget", upright=True))
    marks.append(
        Texts([longest * OVER] * len(rows), range(len(rows)), texts, anchor="start", size=7.5)
    )
    return Panel(
        marks,
        x=Axis("used of each budget", "%", limits=(0.0, longest * 1.62)),
        y=Axis(
            categories=[one[0] for one in rows],
            flipped=True,
            limits=(-0.8, max(len(rows), 2) - 0.2),
        ),
    )


def trace_panel(result: SearchResult[Any]) -> Panel | None:
    """Return the best so far against evaluations, where the method kept it; it cannot fall."""
    if not result.trace:
        return None
    from ..base.gaps import gap_between

    count: list[float] = []
    best: list[float] = []
    for _, evaluations, _, value in result.trace:
        if not best or value > best[-1]:
            count.append(float(evaluations))
            best.append(value)
    hover = [f"after {a:,.0f} evaluations: {b:.6g}" for a, b in zip(count, best, strict=True)]
    end = float(max(result.nfev, count[-1]))
    marks: list[Any] = [
        Line(
            [*count, end],
            [*best, best[-1]],
            name=f"best so far, {result.method}",
            colour=0,
            steps="after",
        ),
        Points(count, best, colour=0, hover=hover),
    ]
    bound = result.upper_bound
    if bound is not None:
        share = None if result.proven else gap_between(best[-1], bound)
        gap = "" if share is None else f" (gap {100 * share:.3g} %)"
        marks.append(Rule(bound, name=f"no network is better: {bound:.6g}{gap}"))
    axis = objective_axis(result)
    spread = end > 30.0 * max(1.0, count[0])
    return Panel(marks, x=Axis("evaluations", log=spread, whole=True), y=axis)
