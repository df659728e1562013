"""Charts drawn by plotly: for pages that answer to the mouse."""

from __future__ import annotations

from ..base.extras import require
from . import palette
from .chart import Band, Bars, Boxes, Intervals, Line, Links, Parallel, Points, Rule, Texts
from .layout import curves, greatest, laid, names_of, shape_of, size_of, upright
from .scales import log_ticks, plain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from .chart import Axis, Chart, Panel

__all__ = ["ZOOMED", "axis_of", "fragment_of", "figure_of"]

STEPS = {"": "linear", "after": "hv", "before": "vh"}
LETTERS = 1e6  # from here on numbers on an ordinary axis have them, as 2M
ANCHORS = {"start": "middle right", "middle": "middle center", "end": "middle left"}
POINT = 96.0 / 72.0  # a typographic point in those of a screen
TINTS = 24  # of lines of parallel coordinates
GRID = "#E3E3E3"
FRAGMENT = 2000  # points of a mark where it is a part of a page
LONGEST = 30  # letters of a name beside an axis
# widths as shares of a chart that is some 1,000 pixels wide: of a letter, of a sign in a legend
LETTER, SIGN = 0.0062, 0.05
NARROW = 0.4  # of a panel in which few numbers find room
WIDEST = 64  # letters of a line under the mouse
PATTERN = {"size": 7, "solidity": 0.25, "fillmode": "overlay"}
# Ticks are worked out for the ends that a logarithmic axis has at first: plotly's own after a zoom.
ZOOMED = """
const chart = document.getElementById("{plot_id}"), ends = {};
for (const name in chart._fullLayout) if (chart.layout[name] && chart.layout[name].ticktext
  && chart.layout[name].type === "log") ends[name] = chart.layout[name].range.slice();
chart.on("plotly_relayout", (told) => {
  const change = {};
  for (const name in ends) {
    if (!Object.keys(told).some((key) => key.startsWith(name + "."))) continue;
    const range = chart._fullLayout[name].range;
    const same = range.every((end, k) => Math.abs(end - ends[name][k]) < 1e-9);
    const mode = same ? "array" : "auto";
    if (chart.layout[name].tickmode !== mode) change[name + ".tickmode"] = mode;
  }
  if (Object.keys(change).length) Plotly.relayout(chart, change);
});
"""


def figure_of(chart: Chart, most: int | None = None) -> Any:
    """Return the plotly Figure of a chart."""
    graphs = require("plot(engine='plotly')", "plot", "plotly.graph_objects")
    return graphs.Figure(plain_of(chart, most))


def fragment_of(chart: Chart, name: str) -> str:
    """Return a part of a page that draws a chart, light enough to stand beside others."""
    told: str = figure_of(chart, FRAGMENT).to_html(
        full_html=False,
        include_plotlyjs=False,
        div_id=name,
        post_script=ZOOMED,
        config={"responsive": True, "displaylogo": False},
    )
    return told


class _Graphs:
    """Traces as plain data: plotly's own classes take ten times as long to say the same."""

    @staticmethod
    def Scatter(**given: Any) -> dict[str, Any]:
        return {"type": "scatter", **given}

    @staticmethod
    def Bar(**given: Any) -> dict[str, Any]:
        return {"type": "bar", **given}

    @staticmethod
    def Parcoords(**given: Any) -> dict[str, Any]:
        return {"type": "parcoords", **given}


def plain_of(chart: Chart, most: int | None = None) -> dict[str, Any]:
    """Return the figure of a chart as plain data, arrays among it: ``data`` and ``layout``."""
    graphs = _Graphs
    chart = laid(chart, most)
    rows, columns = shape_of(chart)
    high = size_of(chart)[1]
    data: list[dict[str, Any]] = []
    shapes: list[dict[str, Any]] = []
    names = names_of(chart)
    stands = _stands(chart, names)
    layout: dict[str, Any] = {}
    annotations: list[dict[str, Any]] = []
    shares = [panel.wide for panel in chart.panels[:columns]]
    gaps = [max(map(_gap, chart.panels[k::columns]), default=0.0) for k in range(columns)]
    several = sum(_is_parallel(panel) for panel in chart.panels) > 1
    for number, panel in enumerate(chart.panels):
        row, column = divmod(number, columns)
        across = _place(shares, gaps, column, 0.06 if panel.second is not None else 0.0)
        up = _place([1.0] * rows, [0.3 / rows] * rows, rows - 1 - row)
        drawn = _Drawn(graphs, panel, number, across, up, several=several)
        data += drawn.traces(stands)
        layout |= drawn.layout
        annotations += drawn.annotations
        shapes += drawn.shapes
    notes = "<br>".join(_text(one) for one in chart.notes)
    if notes:
        annotations.append(
            {
                "text": notes,
                "showarrow": False,
                "xref": "paper",
                "yref": "paper",
                "x": 0.0,
                "y": 0.0,
                "yshift": -54,
                "xanchor": "left",
                "yanchor": "top",
                "align": "left",
                "font": {"size": 11},
            }
        )
    above = 26 if _titled(chart) else 0  # what stands over the panels of the first row
    lines = -(-sum(SIGN + LETTER * len(one) for one in names) // 1.0)  # of the legend
    top = round(22 + 30 * bool(chart.title) + 20 * lines + 6 * bool(names) + above)
    bottom, height = 60 + 16 * len(chart.notes), round(high * 100)
    return {
        "data": data,
        "layout": {
            "title": {
                "text": _text(chart.title), "font": {"size": 15},
                "y": 1.0, "yanchor": "top", "pad": {"t": 14},
            },
            "annotations": annotations,
            "shapes": shapes,
            "template": "plotly_white",
            "hovermode": "closest",
            "hoverlabel": {"align": "left"},
            "barmode": "overlay",  # where bars stand is decided already
            "showlegend": bool(names),
            "legend": {
                "orientation": "h", "x": 0.0, "yanchor": "bottom",
                "y": 1.0 + (4 + above) / max(height - top - bottom, 100),
            },
            "margin": {"l": 80, "r": 60, "t": top, "b": bottom},
            "height": height,
            **layout,
        },
    }  # fmt: skip


def _stands(chart: Chart, names: Sequence[str]) -> set[int]:
    """Return the ids of the marks that a legend shows: the first of each name, bands last."""
    marks: list[Any] = [mark for panel in chart.panels for mark in panel.marks]
    marks.sort(key=lambda mark: isinstance(mark, Band))
    first: dict[str, int] = {}
    for mark in marks:
        first.setdefault(getattr(mark, "name", ""), id(mark))
    return {first[name] for name in names}


def _is_parallel(panel: Panel) -> bool:
    return bool(panel.marks) and isinstance(panel.marks[0], Parallel)


def _titled(chart: Chart) -> bool:
    first = chart.panels[: shape_of(chart)[1]]
    return any(panel.title or _is_parallel(panel) for panel in first)


def _place(
    shares: Sequence[float], gaps: Sequence[float], n: int, less: float = 0.0
) -> tuple[float, float]:
    """Return where panel n begins and ends, from 0 to 1; gaps: what is left free before each."""
    room = (1.0 - sum(gaps[1:])) / sum(shares)
    begin = sum(shares[:n]) * room + sum(gaps[1 : n + 1])
    return begin, min(begin + shares[n] * room, 1.0) - less


def _gap(panel: Panel) -> float:
    """Return how much of a chart's width is left free before a panel: its names stand there."""
    names = panel.y.categories or ()
    return 0.09 + max((min(len(one), LONGEST) * LETTER for one in names), default=0.0)


def _short(text: str) -> str:
    """Return a name that finds room beside an axis."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _wrapped(text: str) -> str:
    """Return a hover text in lines that find room in a panel."""
    if all(len(line) <= WIDEST for line in text.split("\n")):
        return _text(text)
    from textwrap import wrap

    lines = [part for line in text.split("\n") for part in wrap(line, WIDEST) or [""]]
    return _text("\n".join(lines))


def _text(text: Any) -> str:
    """Return a text in which plotly finds no markup of its own."""
    from html import escape

    return escape(str(text), quote=False).replace("\n", "<br>")


def axis_of(axis: Axis, greatest: float = 0.0) -> dict[str, Any]:
    """Return an axis as plotly's layout has it; greatest: the value on it."""
    found: dict[str, Any] = {
        "title": {"text": _text(axis.label)},
        "gridcolor": GRID,
        "zeroline": False,
        "visible": not axis.hidden,
        "tickmode": "auto",
        "ticks": "outside",
        "ticklen": 4,
        "tickcolor": GRID,
    }
    low, high = axis.limits or (None, None)
    if axis.log and low is not None and high is not None:
        from math import log10

        ticks = log_ticks(low, high)
        found |= {
            "type": "log",
            "range": [log10(low), log10(high)],
            "tickmode": "array",
            "tickvals": ticks,
            "ticktext": [plain(one) for one in ticks],
            "tickformat": ",~r",
            "nticks": 8,
        }
    elif axis.categories is not None:
        found |= {
            "tickmode": "array",
            "tickvals": list(range(len(axis.categories))),
            "ticktext": [_text(_short(one)) for one in axis.categories],
        }
    else:
        found |= {
            "separatethousands": True,
            "exponentformat": "SI" if greatest >= LETTERS else "none",
        }
        if axis.whole:
            found["tickformat"] = ",d"
    if not axis.log and low is not None and high is not None:
        found["range"] = [low, high]
    if axis.flipped:
        if "range" in found:
            found["range"].reverse()
        else:
            found["autorange"] = "reversed"
    return found


class _Drawn:
    """A panel as traces of plotly, and what its layout holds."""

    def __init__(
        self,
        graphs: Any,
        panel: Panel,
        number: int,
        across: tuple[float, float],
        up: tuple[float, float],
        *,
        several: bool = False,
    ) -> None:
        self.several = several  # panels of parallel coordinates
        self.graphs, self.panel, self.across, self.up = graphs, panel, across, up
        self.shapes: list[dict[str, Any]] = []
        self.layout: dict[str, Any] = {}
        self.annotations: list[dict[str, Any]] = []
        first, second = 2 * number + 1, 2 * number + 2
        self.x, self.y = (f"{one}{first if first > 1 else ''}" for one in "xy")
        self.second = f"y{second}"
        if panel.title:
            self.annotations.append(
                {
                    "text": _text(panel.title),
                    "showarrow": False,
                    "xref": "paper",
                    "yref": "paper",
                    "x": sum(across) / 2.0,
                    "y": up[1],
                    "xanchor": "center",
                    "yanchor": "bottom",
                    "font": {"size": 13},
                }
            )
        if _is_parallel(panel):
            return
        ends = [greatest(panel, name) for name in ("x", "y", "second")]
        x = {**axis_of(panel.x, ends[0]), "domain": list(across), "anchor": self.y}
        y = {**axis_of(panel.y, ends[1]), "domain": list(up), "anchor": self.x}
        if across[1] - across[0] < NARROW and "nticks" not in x and not panel.x.categories:
            x |= {"nticks": 5, "tickangle": 0}
        y["automargin"] = True
        if panel.equal:
            y |= {"scaleanchor": self.x, "scaleratio": 1}
        self.layout[f"xaxis{self.x[1:]}"] = x
        self.layout[f"yaxis{self.y[1:]}"] = y
        if panel.second is not None:
            own = {**axis_of(panel.second, ends[2]), "anchor": self.x, "overlaying": self.y}
            self.layout[f"yaxis{second}"] = {**own, "side": "right", "showgrid": False}

    def traces(self, stands: set[int]) -> list[Any]:
        """Return the traces of all marks; stands: which marks the legend shows, by their id."""
        found: list[Any] = []
        for mark in self.panel.marks:
            own = self._mark(mark)
            found += own
            if isinstance(mark, Parallel):
                continue
            second, name = getattr(mark, "second", False), getattr(mark, "name", "")
            for trace in own:
                trace.update(xaxis=self.x, yaxis=self.second if second else self.y)
                trace.update(name=_text(name), legendgroup=name, showlegend=False)
            own[-1]["showlegend"] = id(mark) in stands
        return found

    def _mark(self, mark: Any) -> list[Any]:
        draw = {
            Points: self._points,
            Line: self._line,
            Band: self._band,
            Intervals: self._intervals,
            Bars: self._bars,
            Rule: self._rule,
            Boxes: self._boxes,
            Links: self._links,
            Texts: self._texts,
            Parallel: self._parallel,
        }
        return list(draw[type(mark)](mark))

    def _told(self, mark: Any) -> dict[str, Any]:
        """Return what the mouse shows of a mark, and what a click gives back."""
        found: dict[str, Any] = {"customdata": list(mark.keys or ())}
        if mark.hover is not None:
            found["hovertext"] = [_wrapped(one) for one in mark.hover]
            found["hovertemplate"] = "%{hovertext}<extra></extra>"
        return found

    def _points(self, mark: Any) -> list[Any]:
        import numpy as np

        size = mark.size if mark.weight is None else mark.weight
        marker: dict[str, Any] = {
            "size": np.asarray(size) * POINT if mark.weight is not None else size * POINT,
            "symbol": mark.symbol,
            "opacity": 1.0,
            "color": palette.colour(mark.colour),
            "line": {"width": 0.8 if mark.size > 9 else 0, "color": "white"},
        }
        if mark.shade is not None and len(mark.shade):
            low, high = mark.scale.limits
            bar = self._beside(mark.scale.label)
            shade = mark.shade
            if mark.scale.log:
                ticks = log_ticks(low, high)
                bar |= {
                    "tickvals": np.log10(ticks).tolist(),
                    "ticktext": [plain(one) for one in ticks],
                }
                shade, low, high = np.log10(shade), np.log10(low), np.log10(high)
            marker |= {
                "color": shade,
                "cmin": low,
                "cmax": high,
                "showscale": not mark.scale.hidden,
                "colorscale": palette.SHADES.title(),
                "colorbar": bar,
            }
        return [
            self.graphs.Scatter(
                x=mark.x, y=mark.y, mode="markers", marker=marker, **self._told(mark)
            )
        ]

    def _beside(self, label: str) -> dict[str, Any]:
        """Return a colour bar to the right of the panel."""
        return {
            "title": {"text": _text(label), "side": "right"},
            "thickness": 14,
            "x": self.across[1] + 0.01,
            "xanchor": "left",
            "y": sum(self.up) / 2.0,
            "len": self.up[1] - self.up[0],
        }

    def _line(self, mark: Any) -> list[Any]:
        line = {
            "color": palette.colour(mark.colour),
            "dash": mark.dash,
            "width": mark.width * POINT,
            "shape": STEPS[mark.steps],
        }
        mode = "lines+markers" if mark.marked else "lines"
        marker = {"symbol": palette.symbol(mark.colour), "size": 5}
        return [
            self.graphs.Scatter(
                x=mark.x, y=mark.y, mode=mode, line=line, marker=marker, **self._told(mark)
            )
        ]

    def _band(self, mark: Any) -> list[Any]:
        good = (mark.low == mark.low) & (mark.high == mark.high)
        options: dict[str, Any] = {
            "mode": "lines",
            "hoverinfo": "skip",
            "line": {"width": 0, "shape": STEPS[mark.steps], "color": palette.colour(mark.colour)},
        }
        filled = {"fill": "tonexty", "fillcolor": _faint(palette.colour(mark.colour), 0.18)}
        return [
            self.graphs.Scatter(x=mark.x[good], y=mark.low[good], **options),
            self.graphs.Scatter(x=mark.x[good], y=mark.high[good], **options, **filled),
        ]

    def _intervals(self, mark: Any) -> list[Any]:
        middle = (mark.low + mark.high) / 2.0
        half = {
            "type": "data",
            "array": mark.high - middle,
            "thickness": 1.5,
            "width": 0,
            "color": palette.colour(mark.colour),
        }
        place = {"x": middle, "y": mark.x} if mark.flat else {"x": mark.x, "y": middle}
        marker = {"size": 2, "color": palette.colour(mark.colour)}
        error = {"error_x" if mark.flat else "error_y": half}
        line = {"color": palette.colour(mark.colour), "width": 2}  # what a legend shows
        return [
            self.graphs.Scatter(
                **place, mode="markers", marker=marker, **error, **self._told(mark)
            ),
            self.graphs.Scatter(x=[None], y=[None], mode="lines", line=line, hoverinfo="skip"),
        ]

    def _bars(self, mark: Any) -> list[Any]:
        long, across = ("x", "y") if mark.flat else ("y", "x")
        return [
            self.graphs.Bar(
                **{long: mark.lengths, across: mark.places},
                base=mark.start,
                width=mark.width,
                orientation="h" if mark.flat else "v",
                marker={
                    "color": palette.colour(mark.colour),
                    "line": {"width": 0},
                    "pattern": {"shape": palette.hatch(mark.colour), "fgcolor": "white", **PATTERN},
                },
                **self._told(mark),
            )
        ]

    def _boxes(self, mark: Any) -> list[Any]:
        colour = palette.colour(mark.colour)
        if mark.hollow:
            return self._outlines(mark, colour)
        texts = None if mark.texts is None else [_text(one) for one in mark.texts]
        return [
            self.graphs.Bar(
                x=(mark.left + mark.right) / 2.0,
                y=mark.high - mark.low,
                base=mark.low,
                width=mark.right - mark.left,
                text=texts,
                textposition="inside",
                insidetextanchor="middle",
                textangle=0,
                textfont={"color": palette.colour(-1), "size": 10},
                marker={
                    "color": _faint(colour, 0.3),
                    "line": {"color": colour, "width": 1},
                    "pattern": {"shape": palette.hatch(mark.colour), "fgcolor": colour, **PATTERN},
                },
                **self._told(mark),
            )
        ]

    def _outlines(self, mark: Any, colour: str) -> list[Any]:
        """Return hollow boxes: bars of plotly have no dashed lines."""
        import numpy as np

        gap = np.full(len(mark.left), np.nan)
        x = np.stack([mark.left, mark.right, mark.right, mark.left, mark.left, gap], axis=1)
        y = np.stack([mark.low, mark.low, mark.high, mark.high, mark.low, gap], axis=1)
        line = {"color": colour, "dash": "dash", "width": 1.2}
        scatter = self.graphs.Scatter
        return [
            scatter(
                x=(mark.left + mark.right) / 2.0,
                y=(mark.low + mark.high) / 2.0,
                mode="markers",
                marker={"color": "rgba(0,0,0,0)", "size": 8},
                **self._told(mark),
            ),
            scatter(x=x.ravel(), y=y.ravel(), mode="lines", line=line, hoverinfo="skip"),
        ]

    def _rule(self, mark: Any) -> list[Any]:
        line = {"color": palette.colour(mark.colour), "dash": mark.dash, "width": 1.5}
        own, other = ("x", "y") if mark.upright else ("y", "x")
        refs = {"x": self.x, "y": self.y}
        # on a logarithmic axis a shape stands at its value, as points do
        self.shapes.append(
            {
                "type": "line",
                "line": line,
                f"{own}0": mark.at,
                f"{own}1": mark.at,
                f"{other}0": 0,
                f"{other}1": 1,
                f"{own}ref": refs[own],
                f"{other}ref": f"{refs[other]} domain",
            }
        )
        return [self.graphs.Scatter(x=[None], y=[None], mode="lines", line=line, hoverinfo="skip")]

    def _links(self, mark: Any) -> list[Any]:
        x, y = curves(mark)
        line = {
            "color": palette.colour(mark.colour),
            "width": mark.width * POINT,
            "dash": mark.dash,
        }
        return [self.graphs.Scatter(x=x, y=y, mode="lines", line=line, hoverinfo="skip")]

    def _texts(self, mark: Any) -> list[Any]:
        return [
            self.graphs.Scatter(
                x=mark.x,
                y=mark.y,
                mode="text",
                text=[_text(one) for one in mark.texts],
                textposition=ANCHORS[mark.anchor],
                textfont={"color": palette.colour(mark.colour), "size": mark.size * POINT},
                hoverinfo="skip",
            )
        ]

    def _parallel(self, mark: Any) -> list[Any]:
        axes = [upright(*one) for one in zip(mark.axes, mark.columns, strict=True)]
        if self.several:  # plotly draws the lines of the first of its own alone
            return self._lines(mark, axes)
        dimensions = [
            {
                "label": _text(axis.label),
                "values": one.shares,
                "range": [0, 1],
                "tickvals": [share for share, _ in one.ticks],
                "ticktext": [text for _, text in one.ticks],
            }
            for axis, one in zip(mark.axes, axes, strict=True)
        ]
        line = {"color": axes[mark.shade].shares, **self._scale(mark, axes)}
        domain = {"x": list(self.across), "y": list(self.up)}
        return [self.graphs.Parcoords(dimensions=dimensions, line=line, domain=domain)]

    def _scale(self, mark: Any, axes: Sequence[Any]) -> dict[str, Any]:
        """Return the scale and the bar that tell by what lines are coloured."""
        ticks = axes[mark.shade].ticks
        return {
            "colorscale": palette.SHADES.title(),
            "cmin": 0,
            "cmax": 1,
            "showscale": True,
            "colorbar": {
                **self._beside(f"colour: {mark.axes[mark.shade].label}"),
                "tickvals": [share for share, _ in ticks],
                "ticktext": [_text(text) for _, text in ticks],
            },
        }

    def _lines(self, mark: Any, axes: Sequence[Any]) -> list[Any]:
        """Return parallel coordinates as ordinary lines, in a few shades."""
        import numpy as np
        from plotly.colors import sample_colorscale

        n, count = len(axes), len(axes[0].shares)
        hidden = {"visible": False, "fixedrange": True}
        x = {**hidden, "domain": list(self.across), "anchor": self.y, "range": [-0.4, n - 0.6]}
        y = {**hidden, "domain": list(self.up), "anchor": self.x, "range": [-0.04, 1.14]}
        self.layout |= {f"xaxis{self.x[1:]}": x, f"yaxis{self.y[1:]}": y}
        heights = np.stack([one.shares for one in axes] + [np.full(count, np.nan)], axis=1)
        across = np.arange(n + 1.0)
        share = np.nan_to_num(axes[mark.shade].shares).clip(0.0, 1.0)
        shades = np.rint(share * (TINTS - 1)).astype(int)
        tints = sample_colorscale(palette.SHADES, [k / (TINTS - 1) for k in range(TINTS)])
        scatter = self.graphs.Scatter
        faint = max(0.3, min(0.9, 60.0 / max(count, 1)))
        found = [
            scatter(
                x=np.broadcast_to(across, (len(some), n + 1)).ravel(),
                y=heights[some].ravel(),
                mode="lines",
                line={"color": tints[k], "width": 0.8 * POINT},
                opacity=faint,
                hoverinfo="skip",
            )
            for k in range(TINTS)
            if len(some := np.flatnonzero(shades == k))
        ]
        black = palette.colour(-1)
        found.append(
            scatter(
                x=[place for k in range(n) for place in (k, k, None)],
                y=[0.0, 1.0, None] * n,
                mode="lines",
                line={"color": black, "width": 1},
                hoverinfo="skip",
            )
        )
        ticks = [(k - 0.02, *tick) for k, one in enumerate(axes) for tick in one.ticks]
        names = [(k, 1.09, axis.label) for k, axis in enumerate(mark.axes)]
        for texts, where in ((ticks, "middle left"), (names, "middle center")):
            found.append(
                scatter(
                    x=[one[0] for one in texts],
                    y=[one[1] for one in texts],
                    text=[_text(one[2]) for one in texts],
                    mode="text",
                    textposition=where,
                    textfont={"color": black, "size": 11},
                    cliponaxis=False,
                    hoverinfo="skip",
                )
            )
        marker = {"color": [0.0], **self._scale(mark, axes)}
        found.append(scatter(x=[None], y=[None], mode="markers", marker=marker))
        for trace in found:
            trace.update(xaxis=self.x, yaxis=self.y, showlegend=False)
        return found


def _faint(colour: str, share: float) -> str:
    """Return a colour with so much of it that what lies below shows."""
    red, green, blue = (int(colour[k : k + 2], 16) for k in (1, 3, 5))
    return f"rgba({red},{green},{blue},{share:g})"
