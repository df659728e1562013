"""Drawings of networks: what their scenes hold, and that both engines draw them."""

from __future__ import annotations

import pytest

import flash
from flash import Architecture, Cell
from flash.charts import palette
from flash.charts.chart import Boxes, Chart, Line
from flash.errors import ArgumentError
from flash.networks.drawing import chart_of, colours_of
from flash.networks.scene import COLOURS, MOST_UNITS, MOST_WAYS, Scene, scene_of


def boxes(chart: Chart) -> dict[str, Boxes]:
    return {one.name: one for one in chart.panels[0].marks if isinstance(one, Boxes)}


def test_links_of_a_concatenation_cell_are_those_that_are_drawn() -> None:
    arch = Architecture("densenet", [Cell(8, 5, 12), Cell(16, 2)])
    scene = scene_of(arch)
    assert [len(group.units) for group in scene.groups] == [5, 2, 2]
    assert scene.groups[0].lines == ("cell 1", "8 channels", "5 layers", "skips 12")
    assert [group.size for group in scene.groups] == ["32 x 32", "16 x 16", "1 x 1"]
    wanted = {}
    for cell, layer, channels in arch.links():
        assert cell == 0
        for channel in channels:
            pair = (float(channel // 8), float(layer))
            wanted[pair] = wanted.get(pair, 0) + 1
    assert {(way.start, way.end): way.share * 8 for way in scene.ways} == wanted


def test_residuals_go_over_their_blocks() -> None:
    scene = scene_of(Architecture("resnet", [Cell(8, 2, 4), Cell(8, 1, 8)]))
    # stem, four convolutions of two blocks, two of a block whose stride is 2: no residual there
    assert [(way.start, way.end, way.share) for way in scene.ways] == [
        (0.5, 2.5, 0.5),
        (2.5, 4.5, 0.5),
    ]
    assert [group.lines[0] for group in scene.groups] == ["stem", "cell 1", "cell 2", "head"]


def test_heights_are_roots_of_channels_and_lengths_are_depths() -> None:
    drawn = boxes(chart_of(Architecture("densenet", [Cell(4, 2), Cell(16, 3)])))["convolution"]
    high = [b - a for a, b in zip(drawn.low, drawn.high, strict=True)]
    assert high == pytest.approx([0.5, 0.5, 1.0, 1.0, 1.0])
    assert len({round(b - a, 9) for a, b in zip(drawn.left, drawn.right, strict=True)}) == 1
    assert list(drawn.left) == sorted(drawn.left)


def test_a_kind_has_one_colour_in_every_drawing() -> None:
    nets = [
        Architecture("resnet", [Cell(8, 2, 4)]),
        Architecture("mobilenet-v2", [Cell(8, 2, 8, expansion=3)]),
        Architecture("densenet", [Cell(4, 2), Cell(16, 3)]),
    ]
    seen: dict[str, set[int | None]] = {}
    for net in nets:
        own = boxes(chart_of(net))
        looks = {
            (palette.colour(one.colour or 0), palette.hatch(one.colour or 0))
            for one in own.values()
        }
        assert len(looks) == len(own)
        for kind, one in own.items():
            seen.setdefault(kind, set()).add(one.colour)
    assert seen["convolution"] == {0}
    assert all(len(one) == 1 for one in seen.values())
    assert len({*COLOURS.values()}) == len(COLOURS)


def test_a_block_has_one_colour_in_every_network_of_its_space() -> None:
    space = flash.MobileNetV3()
    low, high = (space.decode((one,) * len(space.variables)) for one in (0, 1))
    units = [{one.kind: one.colour for one in scene_of(net).units} for net in (low, high)]
    both = {*units[0]} & {*units[1]}
    assert {*units[0]} != {*units[1]}
    assert both
    assert all(units[0][kind] == units[1][kind] is not None for kind in both)
    merged = colours_of(scene_of(low), scene_of(high))
    assert len({*merged.values()}) == len(merged)
    assert all(merged[kind] == units[1][kind] for kind in units[1] if kind in merged)


def conv(in_channels, out_channels, stride, *, kernel=(3, 5)):  # type: ignore[no-untyped-def]
    sizes = {"in_channels": in_channels, "out_channels": out_channels, "stride": stride}
    return [dict(kind="conv", kernel=kernel, **sizes)]


def test_a_skipped_block_is_an_empty_box() -> None:
    body = flash.Stage({"conv": conv, "skip": None}, 8, 3, stride=2, name="body")
    space = flash.BlockSpace([body], input=(3, 8, 8))
    net = flash.BlockNetwork(space, {"block_body_1": 2})  # after two kernels
    scene = scene_of(net)
    told = [unit.skipped for unit in scene.units]
    assert told == [False, True, False]
    assert scene.groups[0].lines[2] == "2 of 3 blocks"
    drawn = boxes(chart_of(net))["skipped"]
    assert drawn.hollow
    assert len(drawn.left) == 1


def test_a_repeated_cell_has_a_panel_of_its_own() -> None:
    chart = chart_of(flash.CellNetwork.pnasnet5("cifar"))
    assert [panel.title for panel in chart.panels] == ["", "the cell"]
    inner = [one for one in chart.panels[1].marks if isinstance(one, Boxes)]
    assert sum(len(one.left) for one in inner) == 2 + 5 + 1
    assert "reduction cell" in boxes(chart)


def test_more_than_can_be_told_apart_is_counted() -> None:
    arch = Architecture("densenet", [Cell(4, 300, 16), Cell(4, 2)], resolution=8)
    scene = scene_of(arch)
    thin: Scene = scene.thinned()
    assert len(thin.units) <= MOST_UNITS < len(scene.units)
    assert sum(unit.times for unit in thin.units) == len(scene.units)
    assert len(thin.ways) <= MOST_WAYS
    count = sum(len({c // 4 for c in channels}) for _, _, channels in arch.links())
    assert f"of {count:,} links are drawn" in thin.notes[-1]
    assert "a box stands for up to 2 of the 304 layers" in thin.notes[0]


def test_tables_of_layers() -> None:
    rows = [
        {"kind": "conv", "out_channels": 8, "kernel": 3},
        {"kind": "conv", "out_channels": 8, "kernel": 1},
    ]
    net = flash.Network.from_layers([*rows, {"kind": "add", "inputs": (1, -1 + 1)}], (3, 8, 8))
    assert [(way.start, way.end) for way in scene_of(net).ways] == [(0.5, 1.5)]
    loose = flash.Network.from_layers(
        [{"kind": "conv", "in_channels": 3, "out_channels": 8, "height": 8, "width": 8}],
        connected=False,
    )
    assert "not known: no links" in scene_of(loose).notes[0]


def test_both_engines_draw() -> None:
    arch = Architecture("mobilenet-v2", [Cell(8, 2, 8, expansion=3)])
    figure = arch.plot()
    assert figure.axes[0].get_legend().get_texts()[0].get_text() == "link"
    assert len(figure.axes[0].patches) == 10  # stem, 2 x 3, a convolution, pool and linear
    plotly = arch.plot("plotly")
    assert {"depthwise convolution", "link"} <= {one.name for one in plotly.data}
    with pytest.raises(ArgumentError, match="engine must be one of"):
        arch.plot("gnuplot")  # type: ignore[call-overload]
    line = next(one for one in chart_of(arch).panels[0].marks if isinstance(one, Line) and one.name)
    assert line.name == "link"
