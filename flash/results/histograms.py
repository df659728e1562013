"""Charts of many configurations: histograms of metrics, and the best ones on parallel axes."""

from __future__ import annotations

from ..charts.chart import Axis, Bars, Chart, Panel, Parallel, Rule
from ..charts.metrics import metric_axis, unit_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from .histogram import Histogram

    Column = Sequence[Any]

__all__ = ["histograms_chart", "parallel_chart"]

COLUMNS = 3
MOST_AXES = 14
FEW = 8  # whole numbers that an axis names one by one
LETTERS = 14  # of a text on an axis: what is longer has no room between two
WIDE = 40.0  # from the least to the greatest: beyond it an axis is logarithmic


def histograms_chart(
    title: str,
    histograms: Mapping[str, Histogram],
    *,
    counted: str,
    limits: Mapping[str, float],
    best: Mapping[str, float],
    notes: Sequence[str] = (),
) -> Chart:
    """Return a histogram of each metric.

    Parameters
    ----------
    title : str
    histograms : dict of str to Histogram
    counted : str
        What is counted, as "configurations".
    limits : dict of str to float
        By metric the budget on it.
    best : dict of str to float
        By metric what the best one has.
    notes : sequence of str
    """
    panels = [
        _histogram(name, one, counted, limits.get(name), best.get(name))
        for name, one in histograms.items()
    ]
    rows = -(-len(panels) // COLUMNS)
    told = "bins are equally wide over all that the space has"
    if any(_cut(name, one, limits.get(name)) is not None for name, one in histograms.items()):
        told += ", but for one that ends at its budget"
    return Chart(
        title,
        panels,
        columns=min(COLUMNS, len(panels)),
        notes=[*notes, f"{told}; those at the ends without any are not shown"],
        size=(3.8 * min(COLUMNS, len(panels)), 2.8 * rows + 0.6),
    )


def _histogram(
    name: str, one: Histogram, counted: str, limit: float | None, best: float | None
) -> Panel:
    counts = [float(count) for count in one.counts]
    step = (one.high - one.low) / len(counts)
    edges = list(one.edges)
    cut = _cut(name, one, limit)
    if cut is not None and limit is not None:
        edges[cut] = limit
    some = [k for k, count in enumerate(counts) if count]
    shown = range(some[0], some[-1] + 1) if some else range(len(counts))
    unit = unit_of(name)
    hover = [
        f"{edges[k]:.5g} to {edges[k + 1]:.5g} {unit}".rstrip() + f": {one.counts[k]:,}"
        for k in shown
    ]
    low, high = edges[shown[0]], edges[shown[-1] + 1]
    marks: list[Any] = [
        Bars(
            [(edges[k] + edges[k + 1]) / 2.0 for k in shown],
            [counts[k] for k in shown],
            name=counted,
            colour=0,
            how="over",
            width=[0.94 * ((edges[k + 1] - edges[k]) or 1.0) for k in shown],
            hover=hover,
        )
    ]
    if limit is not None:
        marks.append(Rule(limit, name="the budget", upright=True))
        low, high = min(low, limit), max(high, limit)
    if best is not None:
        marks.append(Rule(best, name="the best one", colour=5, upright=True, dash="dash"))
        low, high = min(low, best), max(high, best)
    room = 0.03 * (high - low)
    limits = (low - room, high + room) if high > low else None
    x = metric_axis(name, log=False).replace(limits=limits)
    wide = f"{step:.3g}" if step < 1000.0 else f"{float(f'{step:.3g}'):,.0f}"
    title = f"bins of {wide} {unit}".rstrip() if step > 0.0 else ""
    return Panel(marks, x=x, y=Axis(counted), title=title)


def _cut(name: str, one: Histogram, limit: float | None) -> int | None:
    """Return which edge of a histogram lies beyond the budget, in a bin that has some: all of them
    are within it."""
    some = [k for k, count in enumerate(one.counts) if count]
    if limit is None or not some:
        return None
    upper = name != "accuracy"
    own = some[-1] if upper else some[0]
    return own + upper if one.edges[own] < limit < one.edges[own + 1] else None


def parallel_chart(
    title: str,
    columns: Mapping[str, Column],
    *,
    by: str,
    behind: Mapping[str, Column] | None = None,
    notes: Sequence[str] = (),
) -> Chart:
    """Return the chart of configurations as lines through one axis for each metric and choice.

    Parameters
    ----------
    title : str
    columns : dict of str to sequence
        Of the best ones: numbers, texts, or None where a network has no such choice. Columns of
        one value are told in a note.
    by : str
        The column that lines are coloured by, the first axis.
    behind : dict of str to sequence, optional
        A sample of others, with some of the columns: drawn first, in a panel of its own.
    notes : sequence of str
    """
    order = [by, *(name for name in columns if name != by)]
    constant = [name for name in order if len({*map(str, columns[name])}) == 1 and name != by]
    long = [name for name in order if max(map(len, _texts(columns[name])), default=0) > LETTERS]
    varying = [name for name in order if name not in constant and name not in long]
    shown, left = varying[:MOST_AXES], varying[MOST_AXES:]
    left += [name for name in long if name not in constant]
    told = list(notes)
    if constant:
        same = ", ".join(f"{name} {_short(columns[name][0])}" for name in constant[:8])
        more = f" and {len(constant) - 8} others" if len(constant) > 8 else ""
        told.append(f"the same in all of them: {same}{more}")
    if left:
        told.append(f"not shown: {', '.join(left[:8])}{' ...' if len(left) > 8 else ''}")
    panels = [_parallel(shown, columns, "the best ones" if behind else "")]
    if behind:
        own = [name for name in order if name in behind]
        panels.insert(0, _parallel(own, behind, f"{len(behind[by]):,} others"))
    wide = max(7.0, 1.05 * max(len(shown), 5))
    return Chart(title, panels, columns=1, notes=told, size=(wide, 4.2 * len(panels)))


def _texts(column: Column) -> list[str]:
    return [one for one in column if isinstance(one, str)]


def _short(value: Any) -> str:
    return f"{value:.5g}" if isinstance(value, float) else str(value)


def _parallel(names: Sequence[str], columns: Mapping[str, Column], title: str) -> Panel:
    axes, values = [], []
    for name in names:
        axis, own = _axis(name, columns[name])
        axes.append(axis)
        values.append(own)
    return Panel([Parallel(axes, values)], title=title)


def _axis(name: str, column: Column) -> tuple[Axis, list[float]]:
    """Return an axis for a column, and the column as numbers."""
    if any(isinstance(one, str) for one in column):
        texts = sorted({_text(one) for one in column})
        return Axis(name, categories=texts), [float(texts.index(_text(one))) for one in column]
    values = [float("nan") if one is None else float(one) for one in column]
    known = sorted({one for one in values if one == one})
    whole = all(one == int(one) for one in known)
    if whole and len(known) <= FEW:  # choices such as depths
        axis = Axis(metric_axis(name).title, categories=[f"{int(one):,}" for one in known])
        return axis, [known.index(one) if one == one else one for one in values]
    wide = bool(known) and known[0] > 0.0 and known[-1] / known[0] > WIDE
    return metric_axis(name, log=wide).replace(whole=whole), values


def _text(value: Any) -> str:
    return "none" if value is None else str(value)
