"""From a chart as objects describe it to one in which everything is decided.

Colours, symbols and dashes are given, points thinned and counted, hover texts asked for, bars put
beside or onto each other, logarithmic axes have their ends. Both renderers draw what comes out.
"""

from __future__ import annotations

from ..base.record import Record
from . import palette
from .chart import (
    GREY,
    Axis,
    Band,
    Bars,
    Boxes,
    Intervals,
    Line,
    Links,
    Parallel,
    Points,
    Rule,
    Texts,
)
from .scales import even_ticks, log_limits, log_ticks, plain
from .thinning import thinned

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

    import numpy as np
    from numpy.typing import NDArray

    from .chart import Chart, Panel

    Floats = NDArray[np.float64]

__all__ = ["Upright", "curves", "greatest", "laid", "names_of", "shape_of", "size_of", "upright"]

# Of each kind of mark the fields that hold a number for each point: along x, along y, neither.
ALONG: dict[type, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    Points: (("x",), ("y",), ("shade", "weight")),
    Line: (("x",), ("y",), ()),
    Band: (("x",), ("low", "high"), ()),
    Intervals: (("x",), ("low", "high"), ()),
    Bars: (("places",), ("lengths", "start"), ("width",)),
    Boxes: (("left", "right"), ("low", "high"), ()),
    Links: (("x0", "x1"), ("y0", "y1"), ()),
    Texts: (("x",), ("y",), ()),
}
TEXTS = ("texts", "hover", "keys")
AREAS = (1.0, 12.0)  # of points with weights, times the area of one without


class Upright(Record):
    """One of the axes of parallel coordinates: where rows cross it, from 0 to 1, and its ticks."""

    shares: Floats
    ticks: list[tuple[float, str]]


def upright(axis: Axis, values: Floats) -> Upright:
    """Return an axis of parallel coordinates with the values on it."""
    import numpy as np

    if axis.categories is not None:
        ends = (-0.5, len(axis.categories) - 0.5)
        marks = [(float(place), one) for place, one in enumerate(axis.categories)]
    else:
        some = values[np.isfinite(values)]
        low, high = (float(some.min()), float(some.max())) if len(some) else (0.0, 1.0)
        log = axis.log and low > 0.0
        ends = log_limits(low, high) if log else (low, high) if high > low else (low - 1, high + 1)
        at = (log_ticks if log else even_ticks)(*ends)
        if axis.whole:
            at = [one for one in at if one == int(one)] or list(ends)
        marks = [(one, plain(one)) for one in at]
        if log:
            shares = (np.log(values) - np.log(ends[0])) / np.log(ends[1] / ends[0])
            ticks = [
                (float(np.log(one / ends[0]) / np.log(ends[1] / ends[0])), text)
                for one, text in marks
            ]
            return Upright(1.0 - shares if axis.flipped else shares, _turned(ticks, axis))
    shares = (values - ends[0]) / (ends[1] - ends[0])
    ticks = [((one - ends[0]) / (ends[1] - ends[0]), text) for one, text in marks]
    return Upright(1.0 - shares if axis.flipped else shares, _turned(ticks, axis))


def _turned(ticks: list[tuple[float, str]], axis: Axis) -> list[tuple[float, str]]:
    return [(1.0 - share, text) for share, text in ticks] if axis.flipped else ticks


def curves(mark: Any) -> tuple[Floats, Floats]:
    """Return links as one line that NaN parts."""
    import numpy as np

    share = np.linspace(0.0, 1.0, 2 if mark.bend == 0.0 else 17)
    dx, dy = mark.x1 - mark.x0, mark.y1 - mark.y0
    away = 4.0 * mark.bend * share * (1.0 - share)  # a parabola: `bend` in the middle
    gap = np.full((len(dx), 1), np.nan)
    x = mark.x0[:, None] + dx[:, None] * share - dy[:, None] * away
    y = mark.y0[:, None] + dy[:, None] * share + dx[:, None] * away
    return np.hstack([x, gap]).ravel(), np.hstack([y, gap]).ravel()


def laid(chart: Chart, most: int | None = None, told: int | None = None) -> Chart:
    """Return the chart with everything decided.

    Parameters
    ----------
    most : int, optional
        Points of a mark that are drawn at most, beside its own number.
    told : int, optional
        Points that say what they are: none does where they are more.
    """
    given = _colours(chart)
    notes = _Notes()
    panels = [_panel(one, given, notes, most) for one in chart.panels]
    if told is not None:
        marks: list[Any] = [mark for one in panels for mark in one.marks]
        marks = [mark for mark in marks if getattr(mark, "hover", None)]
        if sum(len(mark.keys) for mark in marks) > told:
            panels = [one.replace(marks=[_silent(mark) for mark in one.marks]) for one in panels]
    panels = [one.replace(marks=[_worded(mark) for mark in one.marks]) for one in panels]
    return chart.replace(panels=tuple(panels), notes=(*chart.notes, *notes.lines()))


class _Notes:
    """What is to be said of a chart because of what it leaves out."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.thinned: dict[str, list[tuple[int, int]]] = {}  # of points, of lines: drawn, of all

    def lines(self) -> list[str]:
        """Return the notes, each once; where points were left out, lines through them count not."""
        kept = [one for one in ("points", "points of lines", "lines") if one in self.thinned][:1]
        counts = [
            f"{sum(drawn for drawn, _ in self.thinned[one]):,} of "
            f"{sum(total for _, total in self.thinned[one]):,} {one} drawn"
            for one in kept
        ]
        return [*dict.fromkeys(self.said), *counts]

    def thin(self, what: str, drawn: int, total: int) -> None:
        self.thinned.setdefault(what, []).append((drawn, total))


def names_of(chart: Chart) -> list[str]:
    """Return what a legend tells: nothing where fewer than two names are."""
    marks = [mark for panel in chart.panels for mark in panel.marks]
    names = [getattr(one, "name", "") for one in marks]
    found = list(dict.fromkeys(name for name in names if name))
    return found if len(found) > 1 else []


def shape_of(chart: Chart) -> tuple[int, int]:
    """Return how many rows and columns of panels there are."""
    columns = max(1, min(chart.columns or len(chart.panels), len(chart.panels)))
    return -(-len(chart.panels) // columns) or 1, columns


def size_of(chart: Chart) -> tuple[float, float]:
    """Return width and height in inches."""
    if chart.size is not None:
        return chart.size
    rows, columns = shape_of(chart)
    below = 0.16 * len(chart.notes)
    return (7.0, 4.6 + below) if rows * columns == 1 else (4.6 * columns, 3.6 * rows + below)


def greatest(panel: Panel, axis: str) -> float:
    """Return the greatest size of a number along an axis ("x", "y", "second"), 0 without any."""
    import numpy as np

    found = [np.abs(one[np.isfinite(one)]) for mark in panel.marks for one in _values(mark, axis)]
    return max((float(one.max()) for one in found if len(one)), default=0.0)


def _colours(chart: Chart) -> dict[str, int]:
    """Return the colour of each name: what a mark of it says, or the next free one."""
    marks: list[Any] = [mark for panel in chart.panels for mark in panel.marks]
    said: dict[str, int] = {}
    for mark in marks:
        own, name = getattr(mark, "colour", None), getattr(mark, "name", "")
        if own is not None and name:
            said.setdefault(name, own)
    free = (place for place in range(10**6) if place not in {*said.values()})
    for mark in marks:
        name = getattr(mark, "name", "")
        if name and hasattr(mark, "colour") and name not in said:
            said[name] = next(free)
    return said


def _panel(panel: Panel, given: dict[str, int], notes: _Notes, most: int | None) -> Panel:
    axes = {"x": panel.x, "y": panel.y, "second": panel.second}
    marks: list[Any] = [_arrays(one, given) for one in panel.marks]
    marks = _shaded(_placed(marks), notes)
    for name, axis in axes.items():
        if axis is None:
            continue
        values = [one for mark in marks for one in _values(mark, name)]
        if axis.log:
            axes[name] = axis = _log(axis, values)
        if not axis.log and axis.limits is not None and None in axis.limits:
            axes[name] = _ended(axis, values)
    done = []
    for mark in marks:
        logs = _logs(mark, axes)
        mark, lost = _drawable(_on_log(mark, axes), logs)
        if lost:
            notes.said.append(f"{_called(mark)}{lost:,} not drawn: not above 0, or no number")
        done.append(_few(mark, logs, notes, most))
    return panel.replace(marks=tuple(done), x=axes["x"], y=axes["y"], second=axes["second"])


def _is(mark: Any, *kinds: type) -> bool:
    """Return whether a mark is of a kind. (A checker holds it for one with arrays thereby.)"""
    return isinstance(mark, kinds)


def _called(mark: Any) -> str:
    return f"{mark.name}: " if mark.name else ""


def _arrays(mark: Any, given: dict[str, int]) -> Any:
    """Return a mark with arrays for its numbers and with its colour decided."""
    import numpy as np

    if _is(mark, Parallel):
        return mark.replace(columns=[np.asarray(one, dtype=float) for one in mark.columns])
    changes: dict[str, Any] = {}
    if mark.colour is None:
        changes["colour"] = given.get(getattr(mark, "name", ""), 0)
    for names in ALONG.get(type(mark), ()):
        for name in names:
            value = getattr(mark, name)
            if value is not None:
                changes[name] = np.asarray(value, dtype=float)
    place: Any = changes.get("colour", mark.colour)
    if _is(mark, Points) and mark.symbol is None:
        changes["symbol"] = palette.symbol(place)
    if _is(mark, Line, Links, Rule) and mark.dash is None:
        changes["dash"] = "solid" if place == GREY else palette.dash(place)
    return mark.replace(**changes)


def _values(mark: Any, axis: str) -> Iterator[Floats]:
    """Yield the numbers of a mark along an axis: "x", "y" or "second"."""
    if _is(mark, Rule):
        import numpy as np

        if axis == ("x" if mark.upright else "y"):
            yield np.array([mark.at], dtype=float)
        return
    if axis != _across(mark, "x") and axis != _across(mark, "y"):
        return
    along = ALONG.get(type(mark))
    if along is None:
        return
    flat = getattr(mark, "flat", False)
    names = along[0] if (axis == "x") != flat else along[1]
    for name in names:
        value = getattr(mark, name)
        if value is None:
            continue
        yield value
        if _is(mark, Bars) and name == "places":
            yield value - mark.width / 2.0
            yield value + mark.width / 2.0
        if _is(mark, Bars) and name == "lengths" and mark.start is not None:
            yield mark.start + value


def _on_log(mark: Any, axes: dict[str, Any]) -> Any:
    """Return bars that begin at the end of a logarithmic axis, where 0 is not."""
    if not _is(mark, Bars):
        return mark
    axis = axes[_across(mark, "x" if mark.flat else "y")]
    if axis is None or not axis.log:
        return mark
    start = mark.start.clip(min=axis.limits[0])
    return mark.replace(start=start, lengths=mark.start + mark.lengths - start)


def _across(mark: Any, axis: str) -> str:
    """Return the axis that a mark's x or y is measured along."""
    return "second" if axis == "y" and getattr(mark, "second", False) else axis


def _logs(mark: Any, axes: dict[str, Any]) -> tuple[bool, bool]:
    found = [axes[_across(mark, name)] for name in ("x", "y")]
    return found[0] is not None and found[0].log, found[1] is not None and found[1].log


def _log(axis: Axis, values: Sequence[Floats]) -> Axis:
    """Return a logarithmic axis with its ends, an ordinary one where no value is above 0."""
    import numpy as np

    some = [one[np.isfinite(one) & (one > 0.0)] for one in values]
    some = [one for one in some if len(one)]
    if not some:
        return axis.replace(log=False)
    low, high = log_limits(
        min(float(one.min()) for one in some), max(float(one.max()) for one in some)
    )
    given = axis.limits or (None, None)
    ends = [
        own if own is not None and own > 0.0 else end
        for own, end in zip(given, (low, high), strict=True)
    ]
    return axis.replace(limits=(ends[0], ends[1]) if ends[0] < ends[1] else (low, high))


def _ended(axis: Axis, values: Sequence[Floats]) -> Axis:
    """Return an axis of which one end was given with both."""
    import numpy as np

    some = np.concatenate([one[np.isfinite(one)] for one in values] or [np.zeros(0)])
    low, high = axis.limits or (None, None)
    if not len(some) or (low is None and high is None):
        return axis.replace(limits=None)
    least, most = float(some.min()), float(some.max())
    if low is None and high is not None:
        low = min(least, high) - 0.05 * (abs(high - least) or 1.0)
    elif high is None and low is not None:
        high = max(most, low) + 0.05 * (abs(most - low) or 1.0)
    return axis.replace(limits=(low, high))


def _drawable(mark: Any, logs: tuple[bool, bool]) -> tuple[Any, int]:
    """Return a mark without points that have no place on the axes, and how many these were."""
    along = ALONG.get(type(mark))
    if along is None:
        return mark, 0
    import numpy as np

    flat = getattr(mark, "flat", False)
    bars = _is(mark, Bars)  # a bar on a logarithmic axis begins at its end
    good: Any = True
    gaps: Any = False
    for names, log in zip(along[:2], (logs[1], logs[0]) if flat else logs, strict=True):
        for name in names:
            value = getattr(mark, name)
            if value is None:
                continue
            good = good & np.isfinite(value)
            gaps = gaps | np.isnan(value)
            if log and not (bars and name == "start"):
                good = good & (value > 0.0)
    if np.all(good):
        return mark, 0
    if _is(mark, Line, Band):  # it is parted there
        low, high = (("y",), ("y",)) if _is(mark, Line) else (("low",), ("high",))
        parted = {name: np.where(good, getattr(mark, name), np.nan) for name in {*low, *high}}
        return mark.replace(**parted), int(np.sum(~good & ~gaps))
    return _picked(mark, np.flatnonzero(good)), int(np.sum(~good))


def _picked(mark: Any, some: NDArray[np.int64]) -> Any:
    """Return a mark with some of its points."""
    import numpy as np

    changes: dict[str, Any] = {}
    n = len(getattr(mark, ALONG[type(mark)][0][0]))
    for names in ALONG[type(mark)]:
        for name in names:
            value = getattr(mark, name)
            if value is not None and np.ndim(value):
                changes[name] = value[some]
    hover: Any = getattr(mark, "hover", None)
    if callable(hover):
        asked: Any = hover
        changes["hover"] = _Of(asked, some)
    for name in TEXTS:
        value = getattr(mark, name, None)
        if value is not None and not callable(value):
            changes[name] = [value[i] for i in some.tolist()]
    if hasattr(mark, "keys") and mark.keys is None and len(some) != n:
        changes["keys"] = some.tolist()
    return mark.replace(**changes)


class _Of:
    """The hover texts of some of a mark's points."""

    def __init__(self, text: Callable[[int], str], some: NDArray[np.int64]) -> None:
        self.text, self.some = text, some

    def __call__(self, i: int) -> str:
        return self.text(int(self.some[i]))


def _few(mark: Any, logs: tuple[bool, bool], notes: _Notes, most: int | None) -> Any:
    """Return a mark with the points that are drawn."""
    import numpy as np

    if _is(mark, Parallel):
        n = len(mark.columns[0]) if mark.columns else 0
        limit = mark.most if most is None else min(mark.most, most)
        if n > limit:
            notes.thin("lines", limit, n)
            some = np.linspace(0, n - 1, limit).round().astype(int)
            mark = mark.replace(columns=[one[some] for one in mark.columns])
        return mark
    if _is(mark, Points, Line):
        n = len(mark.x)
        limit = max(6, mark.most if most is None else min(mark.most, most))
        if n > limit and not np.isnan(mark.y).any():
            some = thinned(mark.x, mark.y, limit, log=logs)
            mark = _picked(mark, some)
            notes.thin("points" if _is(mark, Points) else "points of lines", len(some), n)
    along = ALONG.get(type(mark))
    if along is None or not hasattr(mark, "hover"):
        return mark
    keys = range(len(getattr(mark, along[0][0]))) if mark.keys is None else mark.keys
    return mark.replace(keys=[int(one) for one in keys])


def _silent(mark: Any) -> Any:
    return mark.replace(hover=None) if getattr(mark, "hover", None) is not None else mark


def _worded(mark: Any) -> Any:
    """Return a mark with its hover texts asked for."""
    if not callable(getattr(mark, "hover", None)):
        return mark
    return mark.replace(hover=[mark.hover(i) for i in range(len(mark.keys))])


def _shaded(marks: list[Any], notes: _Notes) -> list[Any]:
    """Return marks with common ends of their colour bars and with areas for their weights.

    Points that are told by the same scale have one bar: the first one's is shown. Ends are those of
    all points, whichever are drawn.
    """
    shades = _common(marks, "shade", "scale")
    weights = _common(marks, "weight", "weights")
    shown: set[str] = set()
    done = []
    for mark in marks:
        if _is(mark, Points) and mark.weight is not None and len(mark.weight):
            axis = mark.weights or Axis()
            low, high = weights[axis.label]
            mark = mark.replace(weight=_diameters(mark, low, high))
            ends = f"{plain(float(f'{low:.4g}'))} to {plain(float(f'{high:.4g}'))}"
            text = f"the larger a point, the more {axis.title}: {ends} {axis.unit}"
            notes.said.append(text.rstrip())
        if _is(mark, Points) and mark.shade is not None and len(mark.shade):
            axis = mark.scale or Axis()
            low, high = shades[axis.label]
            axis = axis.replace(log=axis.log and low > 0.0, hidden=axis.label in shown)
            shown.add(axis.label)
            if axis.log and high / low < 1.02:
                low, high = log_limits(low, high)
            elif not high > low:
                low, high = low - 0.5, high + 0.5
            mark = mark.replace(scale=axis.replace(limits=(low, high)))
        done.append(mark)
    return done


def _common(marks: Sequence[Any], values: str, axis: str) -> dict[str, tuple[float, float]]:
    """Return the least and the greatest value of all marks on an axis, by its label."""
    import numpy as np

    found: dict[str, list[Any]] = {}
    for mark in marks:
        own = getattr(mark, values) if _is(mark, Points) else None
        if own is not None and np.isfinite(own).any():
            label = (getattr(mark, axis) or Axis()).label
            found.setdefault(label, []).append(own[np.isfinite(own)])
    ends = {label: np.concatenate(own) for label, own in found.items()}
    return {label: (float(own.min()), float(own.max())) for label, own in ends.items()}


def _diameters(mark: Any, low: float, high: float) -> Floats:
    """Return how large points are: their areas rise with their weights."""
    import numpy as np

    log = mark.weights is not None and mark.weights.log and low > 0.0
    scale = np.log if log else np.asarray
    span = float(scale(high) - scale(low))
    share = (scale(mark.weight) - scale(low)) / span if span > 0.0 else np.zeros(len(mark.weight))
    share = np.nan_to_num(share).clip(0.0, 1.0)
    grown: Floats = mark.size * np.sqrt(AREAS[0] + (AREAS[1] - AREAS[0]) * share)
    return grown


def _placed(marks: Sequence[Any]) -> list[Any]:
    """Return marks with bars beside or onto each other, as one width and start for each bar."""
    import numpy as np

    beside = [one for one in marks if _is(one, Bars) and one.how == "beside"]
    ends: dict[tuple[bool, bool, float], tuple[float, float]] = {}
    done, number = [], 0
    for mark in marks:
        if not _is(mark, Bars):
            done.append(mark)
            continue
        width = np.broadcast_to(np.asarray(mark.width, dtype=float), mark.places.shape)
        places, start = mark.places, mark.start
        if mark.how == "beside":
            width = width / len(beside)
            places = places + (number - (len(beside) - 1) / 2.0) * width
            number += 1
        if mark.how == "stacked":
            start = np.zeros(len(places))
            for i, (place, length) in enumerate(
                zip(places.tolist(), mark.lengths.tolist(), strict=True)
            ):
                key = (mark.flat, mark.second, place)
                up, down = ends.get(key, (0.0, 0.0))
                start[i] = up if length >= 0 else down
                ends[key] = (up + max(length, 0.0), down + min(length, 0.0))
        if start is None:
            start = np.zeros(len(places))
        done.append(mark.replace(places=places, width=np.array(width), start=start))
    return done
