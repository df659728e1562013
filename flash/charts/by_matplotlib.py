"""Charts drawn by matplotlib, without pyplot: nothing stays open, no window is opened."""

from __future__ import annotations

from ..base.extras import require
from . import palette
from .chart import Band, Bars, Boxes, Intervals, Line, Links, Parallel, Points, Rule, Texts
from .layout import curves, laid, names_of, shape_of, size_of, upright
from .scales import log_ticks, plain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .chart import Axis, Chart, Panel

__all__ = ["GID", "drawn", "figure_of", "styled"]

GID = "marks-"  # before the numbers of panel and mark, by which `svg` finds what was drawn
STYLE = {
    "font.family": "sans-serif",
    "font.size": 9.0,
    "text.parse_math": False,  # a dollar is a dollar
    "axes.titlesize": "medium",
    "axes.axisbelow": True,
    "axes.unicode_minus": True,
    "axes.spines.top": False,
}
SYMBOLS: dict[str, str] = dict(zip(palette.SYMBOLS, "osD^vXP*", strict=True))
DASHES: dict[str, Any] = {
    "solid": "-",
    "dash": (0, (5, 2)),
    "dot": (0, (1, 1.5)),
    "dashdot": (0, (5, 1.5, 1, 1.5)),
    "longdash": (0, (9, 2.5)),
}
STEPS = {"": "default", "after": "steps-post", "before": "steps-pre"}
FILLS = {"": None, "after": "post", "before": "pre"}
LETTER = 0.075  # inches of a letter of a legend
BELOW = 6  # names of a legend beside each other, below a drawing
QUIET = {"agg", "cairo", "pdf", "pgf", "ps", "svg", "template"}  # back ends without windows


def styled() -> Any:
    """Return a context in which figures look as all of flash's do."""
    matplotlib = require("plot()", "plot", "matplotlib", "matplotlib.figure")
    return matplotlib.rc_context(STYLE)


def figure_of(chart: Chart) -> Any:
    """Return the Figure of a chart.

    Where a script works with pyplot and a window it is one of pyplot's, so that pyplot.show()
    shows it.
    """
    return drawn(laid(chart, told=0), managed=True)


def drawn(chart: Chart, managed: bool = False) -> Any:
    """Return the Figure of a chart that is laid out."""
    with styled():
        rows, columns = shape_of(chart)
        figure = _empty(size_of(chart), managed)
        alone = len(chart.panels) == 1 and not chart.panels[0].title
        if chart.title and not alone:
            figure.suptitle(chart.title)
        wide = [panel.wide for panel in chart.panels[:columns]] or [1.0]
        grid = figure.add_gridspec(rows, columns, width_ratios=wide)
        told: set[str] = set()
        wanted = set(names_of(chart))
        for number, panel in enumerate(chart.panels):
            place = grid[number // columns, number % columns]
            axes = figure.add_subplot(place)
            if alone:
                axes.set_title(chart.title)
            _Drawn(figure, axes, panel, number).draw(wanted - told)
            told |= {name for mark in panel.marks if (name := getattr(mark, "name", ""))}
        if chart.notes:
            # a text of the figure has no room kept for it: the label below all panels has
            figure.supxlabel("\n".join(chart.notes), fontsize="small", color=palette.colour(-1))
    return figure


def _empty(size: tuple[float, float], managed: bool) -> Any:
    """Return a Figure without anything in it."""
    import sys

    from matplotlib import get_backend
    from matplotlib.figure import Figure

    pyplot: Any = sys.modules.get("matplotlib.pyplot")
    options: dict[str, Any] = {"figsize": size, "layout": "constrained", "facecolor": "white"}
    if managed and pyplot is not None:
        backend = str(get_backend()).lower()
        if backend not in QUIET and "inline" not in backend:
            return pyplot.figure(**options)

    class Shown(Figure):
        def _repr_png_(self) -> bytes:
            from io import BytesIO

            with BytesIO() as file:
                self.savefig(file, format="png", dpi=110)
                return file.getvalue()

    Shown.__name__ = Shown.__qualname__ = "Figure"
    return Shown(**options)


class _Drawn:
    """A panel on axes of matplotlib."""

    def __init__(self, figure: Any, axes: Any, panel: Panel, number: int) -> None:
        self.figure, self.axes, self.panel, self.number = figure, axes, panel, number
        self.second = axes.twinx() if panel.second is not None else None
        self.handles: dict[str, Any] = {}

    def draw(self, wanted: set[str]) -> None:
        panel = self.panel
        if panel.title:
            self.axes.set_title(panel.title)
        if panel.marks and isinstance(panel.marks[0], Parallel):
            self._parallel(panel.marks[0])
            return
        for order, mark in enumerate(panel.marks):
            on = self.second if getattr(mark, "second", False) and self.second else self.axes
            drawn = self._mark(on, mark, 2.0 + 0.05 * order, f"{GID}{self.number}-{order}")
            name = getattr(mark, "name", "")
            if drawn is not None and name in wanted:
                self.handles[name] = (*self.handles.get(name, ()), drawn)
        self._axis(self.axes, "x", panel.x)
        self._axis(self.axes, "y", panel.y)
        if self.second is not None and panel.second is not None:
            self._axis(self.second, "y", panel.second)
            self.second.spines["right"].set_visible(True)
        elif not panel.y.hidden:
            self.axes.spines["right"].set_visible(False)
        if panel.equal:
            self.axes.set_aspect("equal", adjustable="datalim")
        if panel.x.hidden and panel.y.hidden:
            self.axes.set_axis_off()
        elif self.second is None:
            self.axes.grid(alpha=0.25, linewidth=0.6)
        if self.handles:
            top = self.second if self.second is not None else self.axes
            where: dict[str, Any] = {"loc": "best"}
            if panel.x.hidden and panel.y.hidden:  # a drawing has no room for it: below
                longest = max(map(len, self.handles))
                room = int(self.figure.get_size_inches()[0] / (LETTER * (longest + 7)))
                many = min(len(self.handles), BELOW, max(1, room))
                where = {"loc": "upper center", "bbox_to_anchor": (0.5, 0.0), "ncols": many}
                where["frameon"] = False
            names = list(self.handles)
            top.legend(list(self.handles.values()), names, fontsize="small", **where)

    def _axis(self, axes: Any, which: str, axis: Axis) -> None:
        from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

        own = getattr(axes, f"{which}axis")
        if axis.hidden:
            own.set_visible(False)
        getattr(axes, f"set_{which}label")(axis.label)
        if axis.log:
            getattr(axes, f"set_{which}scale")("log")
            own.set_major_locator(_log_locator())
            own.set_minor_locator(NullLocator())
        if axis.categories is not None:
            self._categories(axes, which, axis.categories)
        else:
            if axis.whole and not axis.log:
                own.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
            own.set_major_formatter(FuncFormatter(lambda value, _: plain(value)))
        if axis.limits is not None:
            low, high = axis.limits
            if which == "x":
                axes.set_xlim(left=low, right=high)
            else:
                axes.set_ylim(bottom=low, top=high)
        if axis.flipped:
            getattr(axes, f"invert_{which}axis")()

    def _categories(self, axes: Any, which: str, categories: Any) -> None:
        names = [str(one) for one in categories]
        getattr(axes, f"set_{which}ticks")(range(len(names)), names)
        if which == "x" and sum(map(len, names)) > 60:
            axes.tick_params(axis="x", rotation=90 if max(map(len, names)) > 12 else 45)

    def _mark(self, axes: Any, given: Any, order: float, gid: str) -> Any:
        """Draw one mark; return what stands for it in the legend."""
        mark: Any = given
        colour = palette.colour(getattr(mark, "colour", 0))
        if isinstance(given, Points):
            return self._points(axes, mark, colour, order, gid)
        if isinstance(given, Line):
            (drawn,) = axes.plot(
                mark.x,
                mark.y,
                color=colour,
                linestyle=DASHES[mark.dash or "solid"],
                linewidth=mark.width,
                drawstyle=STEPS[mark.steps],
                zorder=order,
                marker=SYMBOLS[palette.symbol(mark.colour or 0)] if mark.marked else None,
                markersize=4.5,
            )
            return drawn
        if isinstance(given, Band):
            return axes.fill_between(
                mark.x,
                mark.low,
                mark.high,
                color=colour,
                alpha=0.18,
                linewidth=0,
                step=FILLS[mark.steps],
                zorder=1.0,
            )
        if isinstance(given, Intervals):
            lines = axes.hlines if mark.flat else axes.vlines
            return lines(mark.x, mark.low, mark.high, color=colour, linewidth=1.2, zorder=order)
        if isinstance(given, Bars):
            return self._bars(axes, mark, colour, order, gid)
        if isinstance(given, Rule):
            line = axes.axvline if mark.upright else axes.axhline
            return line(
                mark.at,
                color=colour,
                linestyle=DASHES[mark.dash or "solid"],
                linewidth=1.2,
                zorder=order,
            )
        if isinstance(given, Boxes):
            return self._boxes(axes, mark, colour, order, gid)
        if isinstance(given, Links):
            (drawn,) = axes.plot(
                *curves(mark),
                color=colour,
                linewidth=mark.width,
                zorder=order,
                linestyle=DASHES[mark.dash or "solid"],
            )
            return drawn
        if isinstance(given, Texts):
            for x, y, one in zip(mark.x.tolist(), mark.y.tolist(), mark.texts, strict=True):
                side = {"start": "left", "middle": "center", "end": "right"}[mark.anchor]
                axes.text(
                    x, y, one, color=colour, ha=side, va="center", fontsize=mark.size, zorder=order
                )
        return None

    def _points(self, axes: Any, mark: Any, colour: str, order: float, gid: str) -> Any:
        from matplotlib.colors import LogNorm, Normalize
        from matplotlib.ticker import FuncFormatter

        size = mark.size if mark.weight is None else mark.weight
        options: dict[str, Any] = {"color": colour}
        if mark.shade is not None and len(mark.shade):
            norm = (LogNorm if mark.scale.log else Normalize)(*mark.scale.limits)
            options = {"c": mark.shade, "norm": norm, "cmap": palette.SHADES}
        drawn = axes.scatter(
            mark.x,
            mark.y,
            s=size**2,
            marker=SYMBOLS[mark.symbol],
            zorder=order,
            gid=gid,
            edgecolors="white" if mark.size > 9 else "none",
            linewidths=0.6,
            **options,
        )
        if mark.shade is not None and not mark.scale.hidden:
            bar = self.figure.colorbar(
                drawn,
                ax=axes,
                label=mark.scale.label,
                ticks=_log_locator() if mark.scale.log else None,
                format=FuncFormatter(lambda value, _: plain(value)),
            )
            bar.minorticks_off()
        return drawn

    def _bars(self, axes: Any, mark: Any, colour: str, order: float, gid: str) -> Any:
        start, length = mark.start, mark.lengths
        options: dict[str, Any] = {
            "facecolor": colour, "edgecolor": "white", "linewidth": 0.0, "zorder": order,
            "hatch": 2 * palette.hatch(mark.colour),
        }  # fmt: skip
        if mark.flat:
            drawn = axes.barh(mark.places, length, mark.width, left=start, **options)
        else:
            drawn = axes.bar(mark.places, length, mark.width, bottom=start, **options)
        for number, one in enumerate(drawn):
            one.set_gid(f"{gid}-{number}")
        return drawn[0] if len(drawn) else None

    def _boxes(self, axes: Any, mark: Any, colour: str, order: float, gid: str) -> Any:
        from matplotlib.patches import Rectangle

        first = None
        for i in range(len(mark.left)):
            x, y = float(mark.left[i]), float(mark.low[i])
            wide, high = float(mark.right[i]) - x, float(mark.high[i]) - y
            look: dict[str, Any] = {
                "facecolor": palette.pale(mark.colour),
                "hatch": palette.hatch(mark.colour),
            }
            if mark.hollow:
                look = {"facecolor": "none", "linestyle": DASHES["dash"]}
            box = Rectangle(
                (x, y), wide, high, edgecolor=colour, linewidth=0.8, zorder=order,
                gid=f"{gid}-{i}", **look,
            )  # fmt: skip
            axes.add_patch(box)
            first = first or box
            if mark.texts is not None:
                axes.text(x + wide / 2, y + high / 2, mark.texts[i], ha="center", va="center",
                          fontsize=7.5, zorder=order + 0.01, bbox=HALO)  # fmt: skip
        axes.autoscale_view()
        return first

    def _parallel(self, mark: Any) -> None:
        import numpy as np
        from matplotlib import colormaps
        from matplotlib.collections import LineCollection

        axes, own = self.axes, [upright(*one) for one in zip(mark.axes, mark.columns, strict=True)]
        axes.set_axis_off()
        axes.set(xlim=(-0.4, len(own) - 0.4), ylim=(-0.04, 1.1))
        for place, one in enumerate(own):
            axes.plot([place, place], [0, 1], color=palette.colour(-1), linewidth=0.8, zorder=3)
            axes.text(place, 1.05, mark.axes[place].label, ha="center", va="bottom")
            for share, text in one.ticks:
                axes.plot(
                    [place - 0.02, place],
                    [share, share],
                    color=palette.colour(-1),
                    linewidth=0.8,
                    zorder=3,
                )
                axes.text(
                    place - 0.04,
                    share,
                    text,
                    ha="right",
                    va="center",
                    fontsize="small",
                    zorder=4,
                    bbox=HALO,
                )
        if own and len(own[0].shares):
            heights = np.stack([one.shares for one in own], axis=1)
            places = np.broadcast_to(np.arange(len(own)), heights.shape)
            colours = colormaps[palette.SHADES](own[mark.shade].shares)
            segments: Any = np.stack([places, heights], axis=2)
            lines = LineCollection(
                segments,
                colors=colours,
                linewidths=0.8,
                alpha=max(0.15, min(0.9, 60.0 / len(heights))),
            )
            axes.add_collection(lines)
            self._bar(own[mark.shade], mark.axes[mark.shade].label)

    def _bar(self, own: Any, label: str) -> None:
        """Draw the bar that tells by what lines of parallel coordinates are coloured."""
        from matplotlib.cm import ScalarMappable
        from matplotlib.colors import Normalize

        shades = ScalarMappable(Normalize(0.0, 1.0), palette.SHADES)
        bar = self.figure.colorbar(shades, ax=self.axes, label=f"colour: {label}")
        shares, texts = zip(*own.ticks, strict=True)
        bar.set_ticks(list(shares), labels=list(texts))


HALO = {"facecolor": "white", "alpha": 0.7, "edgecolor": "none", "pad": 0.5}


def _log_locator() -> Any:
    """Return what finds the ticks of a logarithmic axis, also after its ends were moved."""
    from matplotlib.ticker import Locator

    class LogLocator(Locator):
        def __call__(self) -> Any:
            axis: Any = self.axis
            return self.tick_values(*axis.get_view_interval())

        def tick_values(self, vmin: float, vmax: float) -> Any:
            low, high = min(vmin, vmax), max(vmin, vmax)
            return log_ticks(low, high) if 0.0 < low < high else []

    return LogLocator()
