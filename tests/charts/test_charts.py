"""Charts: what both renderers draw of one description."""

from __future__ import annotations

import math
import re
from itertools import combinations
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flash.charts import palette
from flash.charts.chart import (
    Axis,
    Band,
    Bars,
    Boxes,
    Chart,
    Intervals,
    Line,
    Links,
    Mark,
    Panel,
    Parallel,
    Points,
    Rule,
    Texts,
)
from flash.charts.files import check
from flash.charts.layout import laid, names_of
from flash.charts.metrics import metric_axis
from flash.charts.scales import log_limits, log_ticks, plain
from flash.charts.thinning import thinned
from flash.errors import ArgumentError, ArgumentTypeError

pytest.importorskip("matplotlib")
pytest.importorskip("plotly")

LOG = Axis("latency", "ms", log=True)
LETTERS = {"M": "e6", "G": "e9", "T": "e12"}


ORDINARY = Axis("number")


def of(*marks: Mark, x: Axis = ORDINARY, y: Axis = ORDINARY, **more: Any) -> Chart:
    return Chart("a chart", [Panel(marks, x, y, **more)])


EVERYTHING = Chart(
    "all marks of $5 & <more>",
    [
        Panel(
            [
                Band([1, 2, 3], [1, 1, 2], [2, 3, 4], "a"),
                Line([1, 2, 3], [1.5, 2, 3], "a", steps="after"),
                Line([1, 2, 3], [2.5, math.nan, 3.5], "b", marked=True),
                Points([1, 2, 3], [3, 2, 1], "c", shade=[1, 10, 100], scale=LOG,
                       weight=[1, 2, 3], weights=Axis("area", "mm²"), hover=["i", "ii", "iii"]),
                Intervals([1, 2], [1, 2], [2, 3], "d"),
                Rule(2.0, "e"),
                Texts([2], [2], ["two $ and $"]),
            ],
            LOG,
            Axis("quality"),
            title="curves",
        ),
        Panel(
            [Bars([0, 1], [3, 4], "wide"), Bars([0, 1], [30, 40], "deep", second=True)],
            Axis("cell", categories=["one", "two"]),
            Axis("width", limits=(0, None)),
            second=Axis("depth", whole=True),
        ),
        Panel(
            [
                Boxes([0, 2], [1, 3], [0, 0], [1, 1], ["in", "out"], colour=1,
                      hover=lambda i: f"box {i}"),
                Links([0.5], [1], [2.5], [1], bend=0.3),
            ],
            Axis(hidden=True),
            Axis(hidden=True),
            equal=True,
        ),
        Panel([Parallel([LOG, Axis("kernel", categories=["3", "5"])], [[1, 2, 9], [0, 1, 1]])]),
    ],
    columns=2,
    notes=["what there is to say"],
)  # fmt: skip


# Numbers on axes


@given(st.floats(-30.0, 30.0), st.floats(-7.0, 1.7))
def test_logarithmic_axes_have_four_plain_numbers(power: float, width: float) -> None:
    low = 10.0**power
    ends = log_limits(low, low * 10.0 ** (10.0**width))
    ticks = log_ticks(*ends)
    texts = [plain(one) for one in ticks]
    assert 4 <= len(set(texts)) == len(texts) < 12
    assert ends[0] * (1 - 1e-6) <= min(ticks) <= max(ticks) <= ends[1] * (1 + 1e-6)
    # over all of it: no gap, to the ends neither, is much wider than others
    gaps = np.diff(np.log([ends[0], *ticks, ends[1]]))
    assert gaps.max() <= 2.5 * np.median(gaps[1:-1])
    for tick, text in zip(ticks, texts, strict=True):
        number = re.sub("[MGT]", lambda one: LETTERS[one[0]], text.replace(",", ""))
        assert float(number) == pytest.approx(tick, rel=1e-8)
        assert not re.search(r"\.0$|\.\d*0$", text)


@pytest.mark.parametrize(("low", "high"), [(0.65, 2.3), (5e-5, 8e4), (4.1e8, 4.9e8), (7.0, 7.0)])
def test_both_draw_these_numbers(low: float, high: float) -> None:
    chart = of(Points([low, high], [low, high]), x=LOG, y=LOG)
    wanted = [plain(one) for one in log_ticks(*log_limits(low, high))]
    figure = chart.matplotlib()
    figure.canvas.draw()
    axes = figure.axes[0]
    for axis in (axes.xaxis, axes.yaxis):
        assert [one.get_text() for one in axis.get_ticklabels()] == wanted
        assert not [one for one in axis.get_ticklabels(minor=True) if one.get_text()]
    layout = chart.plotly().layout
    assert list(layout.xaxis.ticktext) == list(layout.yaxis.ticktext) == wanted
    assert axes.get_xlabel() == layout.xaxis.title.text == "latency [ms]"


def test_plain_numbers() -> None:
    values = [0.1 + 0.2, 1234567.0, 2e9, 0.00002, 1500, 0.0, -2.5, 3e-9, 1e18]
    texts = ["0.3", "1.234567M", "2G", "0.00002", "1,500", "0", "-2.5", "3e-09", "1e18"]
    assert [plain(one) for one in values] == texts


def test_axes_of_metrics() -> None:
    assert metric_axis("latency_ms@pi").label == "latency on pi [ms]"
    assert metric_axis("area_mm2").label == "area [mm²]"
    assert metric_axis("accuracy", accuracy="nn_degree") == Axis("NN-Degree")
    assert metric_axis("params") == Axis("parameters", log=True)


# Colours and legends


def test_legends_show_the_colours_of_their_marks() -> None:
    chart = laid(EVERYTHING)
    marks: list[Any] = [mark for panel in chart.panels for mark in panel.marks]
    own = {one.name: palette.colour(one.colour) for one in marks if getattr(one, "name", "")}
    assert list(own) == names_of(chart) == ["a", "b", "c", "d", "e", "wide", "deep"]
    from matplotlib.colors import to_hex

    shown = {}
    for axes in EVERYTHING.matplotlib().axes:
        if legend := axes.get_legend():
            handles = getattr(legend, "legend_handles", None) or legend.legendHandles  # before 3.7
            for text, handle in zip(legend.get_texts(), handles, strict=True):
                shown[text.get_text()] = to_hex(
                    handle.get_color()
                    if hasattr(handle, "get_color")
                    else np.ravel(handle.get_facecolor())[:3]
                ).upper()
    del shown["c"], own["c"]  # by a colour bar
    assert shown == own
    traces = {one.name: one for one in EVERYTHING.plotly().data if getattr(one, "showlegend", 0)}
    for name, colour in own.items():
        one = traces[name]
        assert colour in (one.line.color if one.type == "scatter" else "", one.marker.color)


def test_a_legend_needs_two_names() -> None:
    chart = of(Points([1], [1], "front"), Points([2], [2]))
    assert chart.matplotlib().axes[0].get_legend() is None
    assert not chart.plotly().layout.showlegend


# How the colour-blind see: Machado, Oliveira, Fernandes, IEEE TVCG 15, 2009, severity 1
SIGHTS = {
    "all": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "no red": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216),
               (-0.003882, -0.048116, 1.051998)),
    "no green": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413),
                 (-0.011820, 0.042940, 0.968881)),
    "no blue": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602),
                (0.004733, 0.691367, 0.303900)),
}  # fmt: skip
TO_XYZ = np.array(
    [[0.4339, 0.3762, 0.1899], [0.2126, 0.7152, 0.0722], [0.0177, 0.1095, 0.8728]]
)  # of sRGB, white being 1


def lab(colour: str, sight: str) -> Any:
    """Return a colour as it is seen, in CIE 1976 L*a*b*."""
    given = np.array([int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)])
    linear = np.where(given <= 0.04045, given / 12.92, ((given + 0.055) / 1.055) ** 2.4)
    xyz = TO_XYZ @ (np.array(SIGHTS[sight]) @ linear).clip(0, 1)
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("sight", SIGHTS)
def test_colours_are_told_apart(sight: str) -> None:
    seen = [lab(one, sight) for one in palette.PALETTE]
    assert min(np.linalg.norm(a - b) for a, b in combinations(seen, 2)) > 15  # 2 can just be told
    assert max(one[0] for one in seen) < 75  # on white


def test_nothing_is_told_by_colour_alone() -> None:
    places = range(len(palette.PALETTE))
    assert len({palette.symbol(k) for k in places}) == len(places)
    assert len({(palette.colour(k), palette.dash(k)) for k in range(40)}) == 40
    assert all(palette.dash(k) != palette.dash(k + 1) for k in places)


# What is left out


@settings(max_examples=30)
@given(st.integers(0, 2**32), st.integers(7, 400))
def test_thinned_points_look_the_same(seed: int, most: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = np.exp(3 * rng.normal(size=500)), rng.normal(size=500)
    some = thinned(x, y, most, log=(True, False))
    assert len(some) <= most
    assert (np.diff(some) > 0).all()
    for ends in (0, 499, x.argmin(), x.argmax(), y.argmin(), y.argmax()):
        assert ends in some
    # of a grid of half as many cells as points fit, none that has a point is empty
    side = max(1, math.isqrt(most - 6) // 2)
    shares = [(one - one.min()) / np.ptp(one) for one in (np.log(x), y)]
    cells = [np.minimum((one * side).astype(int), side - 1) for one in shares]
    number = cells[0] * side + cells[1]
    assert len(np.unique(number[some])) >= 0.6 * len(np.unique(number))


def test_points_that_are_left_out_are_counted() -> None:
    asked: list[int] = []

    def hover(i: int) -> str:
        asked.append(i)
        return str(i)

    x = np.linspace(1, 2, 3000)
    chart = of(Line(x, x), Points(x, x * x, hover=hover, most=100))
    drawn = laid(chart)
    points: Any = drawn.panels[0].marks[1]
    n = len(points.x)
    assert 50 < n <= 100
    assert drawn.notes == (f"{n} of 3,000 points drawn",)
    assert asked == points.keys == [int(one) for one in points.hover]
    assert points.x.tolist() == x[points.keys].tolist()
    asked.clear()
    chart.matplotlib()
    assert not asked  # nothing is under a mouse there
    trace = chart.plotly().data[1]
    assert list(trace.customdata) == asked
    assert "of 3,000 points drawn" in chart.plotly().layout.annotations[-1].text


def test_what_has_no_place_is_counted() -> None:
    x, y = [0.0, 1.0, 2.0, -1.0], [1.0, math.nan, 3.0, 1.0]
    drawn = laid(of(Points(x, y, "some", hover=["a", "b", "c", "d"], keys=[7, 8, 9, 10]), x=LOG))
    points: Any = drawn.panels[0].marks[0]
    assert (points.x.tolist(), points.hover, points.keys) == ([2.0], ["c"], [9])
    assert drawn.notes == ("some: 3 not drawn: not above 0, or no number",)
    nothing = laid(of(Points([0.0, -1.0], [1.0, 2.0]), x=LOG))
    assert not nothing.panels[0].x.log
    assert len(nothing.panels[0].marks[0].x) == 2
    for chart in (of(Points([], []), x=LOG), of(Line([], []), Bars([], [])), Chart("nothing")):
        chart.matplotlib().canvas.draw()
        chart.plotly().to_json()


# Marks


def test_bars_stand_beside_and_onto_each_other() -> None:
    beside = laid(of(Bars([1, 2], [3, 4], "a"), Bars([1, 2], [5, 6], "b", second=True),
                     second=Axis("right")))  # fmt: skip
    first, second = beside.panels[0].marks
    assert first.places.tolist() == pytest.approx([0.8, 1.8])
    assert second.places.tolist() == pytest.approx([1.2, 2.2])
    assert first.width.tolist() == pytest.approx([0.4, 0.4])
    stacked = laid(of(*(Bars([1, 2], [3, -4], how="stacked") for _ in range(2))))
    assert [one.start.tolist() for one in stacked.panels[0].marks] == [[0, 0], [3, -4]]
    high = laid(of(Bars([1, 2], [30, 4]), y=Axis(log=True)))
    (bars,) = high.panels[0].marks
    assert bars.start[0] > 0  # where the axis begins
    assert (bars.start + bars.lengths).tolist() == pytest.approx([30, 4])


def test_points_of_one_scale_have_one_colour_bar() -> None:
    marks = [Points([1, 2], [1, 2], name, shade=[k, 10 * k], scale=LOG) for k, name in
             ((1, "a"), (5, "b"))]  # fmt: skip
    drawn: Any = laid(of(*marks)).panels[0].marks
    assert [one.scale.limits for one in drawn] == [(1, 50)] * 2
    assert [one.scale.hidden for one in drawn] == [False, True]
    assert len(of(*marks).matplotlib().axes) == 2
    assert [one.marker.showscale for one in of(*marks).plotly().data] == [True, False]


def test_texts_are_as_they_were_given() -> None:
    figure = EVERYTHING.matplotlib()
    figure.canvas.draw()
    assert figure._suptitle.get_text() == EVERYTHING.title
    layout = EVERYTHING.plotly().layout
    assert layout.title.text == "all marks of $5 &amp; &lt;more&gt;"
    told = [one for one in EVERYTHING.plotly().data if getattr(one, "hovertemplate", None)]
    assert [list(one.hovertext) for one in told] == [["i", "ii", "iii"], ["box 0", "box 1"]]


# Files


def test_svg() -> None:
    text = EVERYTHING.svg()
    root = ElementTree.fromstring(text)
    spaces = "{http://www.w3.org/2000/svg}"
    assert root.tag == f"{spaces}svg"
    assert root.get("role") == "img"
    assert EVERYTHING.title in str(root.get("aria-label"))
    assert "what there is to say" in str(root.get("aria-label"))
    patterns = list(root.iter(f"{spaces}pattern"))  # what is filled is told by hatches, too
    assert patterns
    for one in patterns:
        (ground,), (lines,) = one.iter(f"{spaces}rect"), one.iter(f"{spaces}path")
        assert f"stroke: {ground.get('fill')}" not in str(lines.get("style"))
    assert [one.text for one in root.iter(f"{spaces}title")] == ["i", "ii", "iii", "box 0", "box 1"]
    assert "latency [ms]" in [one.text for one in root.iter(f"{spaces}text")]
    assert not root.findall(f".//{spaces}style")  # it would be the whole page's
    own = [one.get("id") for one in root.iter() if one.get("id")]
    other = of(Points([1, 2], [3, 4])).svg()
    assert other == of(Points([1, 2], [3, 4])).svg()
    assert own
    assert len({*own}) == len(own)
    assert not {*own} & {*re.findall(r' id="([^"]+)"', other)}
    for target in re.findall(r'(?:url\(#|href="#)([\w-]+)', text):
        assert target in own
    assert not re.search(r'href="(?!#|data:image/png;)', text)


def test_pictures_are_written(tmp_path: Path) -> None:
    chart = of(Points([1, 2], [3, 4]))
    begins = {"png": b"\x89PNG", "pdf": b"%PDF", "svg": b"<?xml", "html": b"<"}
    for kind, first in begins.items():
        path = tmp_path / f"chart.{kind}"
        chart.save(path)
        assert path.read_bytes()[: len(first)].lower() == first.lower()
    assert len(list(tmp_path.iterdir())) == 4
    assert "plotly_relayout" in (tmp_path / "chart.html").read_text()  # ticks after a zoom


def test_a_part_of_a_page() -> None:
    x = np.linspace(1, 2, 4000)
    told = of(Points(x, x)).fragment("one")
    assert 'id="one"' in told
    assert "of 4,000 points drawn" in told
    assert re.findall(r"<script[^>]*src", told) == []  # the page loads plotly


@pytest.mark.parametrize("path", ["chart.bmp", "chart", 5, "", "a\0.png"])
def test_bad_paths_of_pictures(path: Any) -> None:
    with pytest.raises((ArgumentError, ArgumentTypeError), match="--plot"):
        check("--plot", path)
    with pytest.raises((ArgumentError, ArgumentTypeError), match="path"):
        EVERYTHING.save(path)
    with pytest.raises(ArgumentError, match="engine must be one of 'matplotlib', 'plotly'"):
        EVERYTHING.draw("bokeh")


def test_a_figure_shows_itself_in_a_notebook() -> None:
    from matplotlib.figure import Figure

    figure: Any = of(Points([1], [1])).matplotlib()
    assert isinstance(figure, Figure)
    assert figure._repr_png_().startswith(b"\x89PNG")
