"""Drawings of networks: their layers or blocks as boxes, and the links over them."""

from __future__ import annotations

from math import copysign, cos, pi, sin, sqrt

from ..charts.chart import GREY, Axis, Boxes, Chart, Line, Links, Panel, Points, Texts
from .scene import colour_of, scene_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from .cell_networks import CellNetwork
    from .scene import Group, Scene, Way

__all__ = ["chart_of", "colours_of", "panel_of", "panels_of", "widest"]

INCHES = 11.0  # across a drawing
TALL = 3.2
LETTER = 0.066  # inches of a letter of its texts
PARTED = 0.9  # between groups, in boxes
THICK = 0.84  # of a box, along
LEAST = 0.07  # half height of the smallest box
STRENGTHS = ((0.34, 0.6), (0.67, 1.1), (1.01, 1.8))  # up to what share, how wide a link is
LINE = 0.14  # height of a line of text, where the tallest box has 1
ARC = 17  # points of an arc
MANY = 14  # groups: of more only the number and the channels are written
SKIPPED = "skipped"
LOOKS = 64  # pairs of colour and hatch
HIDDEN = Axis(hidden=True)


def chart_of(net: Any, inches: float = INCHES) -> Chart:
    """Return the chart of ``net.plot()``; inches: how wide it is."""
    panels, notes = panels_of(net, inches)
    title = f"{_called(net)}, {net.params:,} parameters, {net.macs:,} MACs"
    return Chart(title, panels, columns=1, notes=notes, size=(inches, TALL * len(panels)))


def _called(net: Any) -> str:
    return str(getattr(net, "family", "network"))


def panels_of(net: Any, inches: float = INCHES) -> tuple[tuple[Panel, ...], tuple[str, ...]]:
    """Return the panels that draw a network, and what is to be said below them."""
    scene = scene_of(net).thinned()
    told = "a box's height is the square root of its channels"
    wide = widest(scene)
    if any(one.channels > wide for one in scene.units):
        told += f", of {wide:,} and more alike"
    panels: tuple[Panel, ...] = (panel_of(scene, inches=inches),)
    if hasattr(net, "repeats"):
        panels = (*panels, _cell_panel(net))
    return panels, (told, *scene.notes)


class _Places:
    """Where everything of a scene lies, along the drawing."""

    def __init__(self, scene: Scene, inches: float) -> None:
        groups = scene.groups
        room = inches / LETTER - 2.0 * len(groups)  # letters beside each other
        wanted = sum(max(map(len, (*_lines(one, False), one.size)), default=0) for one in groups)
        self.short = len(groups) > MANY or wanted > room
        lines = [_lines(group, self.short) for group in groups]
        self.sizes = [group.size for group in groups]
        if self.short:  # only where it is another one
            before = ["", *self.sizes]
            self.sizes = [
                "" if own == last else _square(own)
                for own, last in zip(self.sizes, before, strict=False)
            ]
        letters = [
            max(map(len, (*own, *([] if self.short else [size]))), default=0)
            for own, size in zip(lines, self.sizes, strict=True)
        ]
        whole = sum(len(group.units) for group in groups) + PARTED * (len(groups) - 1)
        length = whole = max(whole, 1.0)
        for _ in range(12):  # what texts need depends on how long all is
            each = length * LETTER / inches
            length = PARTED * (len(groups) - 1) + sum(
                max(len(group.units), each * own)
                for group, own in zip(groups, letters, strict=True)
            )
            if length > 6 * whole:
                break
        each = length * LETTER / inches
        self.length = length
        self.middles: list[float] = []
        self.boxes: list[float] = []  # left ends
        at = 0.0
        for group, own in zip(groups, letters, strict=True):
            wide = max(len(group.units), each * own)
            start = at + (wide - len(group.units)) / 2.0
            self.middles.append(at + wide / 2.0)
            self.boxes += [start + k for k in range(len(group.units))]
            at += wide + PARTED
        self.each = each

    def at(self, place: float) -> float:
        """Return where a place of a scene lies."""
        low = int(place // 1)
        if place == low:
            return self.boxes[low] + 0.5
        if low < 0:
            return self.boxes[0] - 0.25
        if low + 1 >= len(self.boxes):
            return self.boxes[-1] + 1.25
        return (self.boxes[low] + 1.0 + self.boxes[low + 1]) / 2.0

    def ends(self, way: Way) -> tuple[float, float]:
        """Return where a link begins and ends: out of a gap close to the boxes that it skips."""
        first, last = self.at(way.start), self.at(way.end)
        if way.start != int(way.start):
            after = int(way.start + 0.5)
            first = self.boxes[after] - 0.02 if after < len(self.boxes) else first
        if way.end != int(way.end):
            before = int(way.end - 0.5)
            last = self.boxes[before] + 1.02 if before >= 0 else last
        return first, last


def _square(size: str) -> str:
    """Return the size of a map in as few letters as may be."""
    one, _, other = size.partition(" x ")
    return f"{one}²" if one == other else size


def _lines(group: Group, short: bool) -> tuple[str, ...]:
    lines = group.lines
    if short:
        lines = tuple(
            one.removeprefix("cell ").removesuffix(" channels").replace(" to\n", "-")
            for one in lines[:2]
        )
    return tuple(part for one in lines for part in one.split("\n"))


def panel_of(
    scene: Scene,
    title: str = "",
    most: int | None = None,
    inches: float = INCHES,
    colours: Mapping[str, int] | None = None,
) -> Panel:
    """Return a scene's panel.

    Parameters
    ----------
    scene : Scene
    title : str
    most : int, optional
        Channels of the tallest box; by default those of its own.
    inches : float
        How wide the panel is drawn: where there is less room, less is written.
    colours : dict of str to int, optional
        By kind of box: `colours_of` all scenes of a chart.
    """
    places = _Places(scene, inches)
    units = scene.units
    most = most or widest(scene)
    heights = [max(LEAST, 0.5 * sqrt(min(1.0, one.channels / most))) for one in units]
    middle = [places.at(-0.5), places.at(len(units) - 0.5)]
    marks: list[Any] = [Line(middle, [0.0, 0.0], colour=-2, dash="solid", width=0.8)]
    tops = _arcs(scene, places, heights, marks)
    own = colours_of(scene) if colours is None else colours
    for kind in dict.fromkeys(one.kind for one in units if not one.skipped):
        some = [k for k, one in enumerate(units) if one.kind == kind and not one.skipped]
        marks.append(_boxes(scene, places, heights, some, kind, own[kind]))
    some = [k for k, one in enumerate(units) if one.skipped]
    if some:
        marks.append(_boxes(scene, places, heights, some, SKIPPED, GREY))
    lines, top = _titles(scene, places, max(tops, default=0.5))
    marks.append(lines)
    low = -0.5 - 0.12
    marks.append(
        Texts(
            places.middles,
            [low] * len(places.middles),
            places.sizes,
            size=7.0,
        )
    )
    ends = [-max(0.6, places.each * (len(scene.reads) + 1)), places.length + 0.6]
    marks.append(Texts([ends[0] * 0.5], [0.0], [scene.reads.replace(" x ", " x\n")], size=7.0))
    return Panel(
        marks,
        x=HIDDEN.replace(limits=(ends[0], ends[1])),
        y=HIDDEN.replace(limits=(low - 0.12, top)),
        title=title,
    )


def colours_of(*scenes: Scene) -> dict[str, int]:
    """Return the colour of each kind of box, as a place in the palette: that which it has in every
    drawing. Where two would look alike, the later one has the next that is free."""
    found: dict[str, int] = {}
    for one in (one for scene in scenes for one in scene.units):
        if one.kind not in found and not one.skipped:
            place = (colour_of(one.kind) if one.colour is None else one.colour) % LOOKS
            while place in found.values() and len(found) < LOOKS:
                place = (place + 1) % LOOKS
            found[one.kind] = place
    return found


def widest(scene: Scene) -> int:
    """Return the channels of the tallest box: what classes or words a network ends with would
    dwarf the rest."""
    ends = scene.groups[-1].units
    inner = [one.channels for group in scene.groups[:-1] for one in group.units]
    return max(inner or [one.channels for one in ends])


def _boxes(
    scene: Scene,
    places: _Places,
    heights: Sequence[float],
    some: Sequence[int],
    kind: str,
    colour: int,
) -> Boxes:
    units = scene.units
    edge = (1.0 - THICK) / 2.0
    return Boxes(
        [places.boxes[k] + edge for k in some],
        [places.boxes[k] + 1.0 - edge for k in some],
        [-heights[k] for k in some],
        [heights[k] for k in some],
        name=kind,
        colour=colour,
        hover=[units[k].name for k in some],
        hollow=kind == SKIPPED,
    )


def _titles(scene: Scene, places: _Places, top: float) -> tuple[Texts, float]:
    """Return what stands above the groups, and where that ends."""
    texts = ["\n".join(_lines(group, places.short)) for group in scene.groups]
    lines = max(text.count("\n") for text in texts) + 1
    half = 0.5 * LINE * lines
    middle = top + half + 0.06
    size = 7.0 if places.short else 7.5
    return Texts(places.middles, [middle] * len(texts), texts, size=size), middle + half + 0.04


def _arcs(scene: Scene, places: _Places, heights: Sequence[float], marks: list[Any]) -> list[float]:
    """Add the links to the marks, by strength, and return how high they reach."""
    tops = [max(heights, default=0.5)]
    named = False
    dots: list[tuple[float, float, str]] = []  # what the mouse finds a link by
    for number, (share, width) in enumerate(STRENGTHS):
        before = STRENGTHS[number - 1][0] if number else -1.0
        x: list[float] = []
        y: list[float] = []
        for way in scene.ways:
            if not before < way.share <= share:
                continue
            xs, ys = _arc(way, places, heights)
            tops.append(max(ys))
            dots.append((xs[ARC // 2], ys[ARC // 2], way.name))
            x += [*xs, float("nan")]
            y += [*ys, float("nan")]
        if x:
            name = "" if named else "link"
            named = True
            marks.append(Line(x, y, name=name, colour=-2, dash="solid", width=width, most=1 << 20))
    if dots:
        across, up, names = zip(*dots, strict=True)
        marks.append(Points(across, up, colour=-2, size=1.5, symbol="circle", hover=names))
    return tops


def _arc(way: Way, places: _Places, heights: Sequence[float]) -> tuple[list[float], list[float]]:
    """Return the points of a link: from the top of what it leaves to the top of where it ends, or
    out of a gap and back into one."""
    first, last = places.ends(way)
    inner = range(max(0, int(way.start + 0.5)), min(len(heights), int(way.end + 0.5) + 1))
    top = max((heights[k] for k in inner), default=0.0)
    top += 0.05 + 0.06 * sqrt(abs(last - first))
    low = []
    for place in (way.start, way.end):
        at = int(place // 1)
        low.append(heights[at] if place == at else 0.0)
    square = 0.35 if way.start != int(way.start) else 0.8  # out of a gap: straight up
    middle, half = (first + last) / 2.0, (last - first) / 2.0
    xs, ys = [], []
    for k in range(ARC):
        angle = pi * k / (ARC - 1)
        across, up = -cos(angle), sin(angle)
        xs.append(middle + half * copysign(abs(across) ** square, across))
        own = low[0] if across < 0.0 else low[1]
        ys.append(own + (top - own) * max(up, 0.0) ** square)
    return xs, ys


def _cell_panel(net: CellNetwork) -> Panel:
    """Return the cell that a network repeats: its blocks, what each reads, and what it hands on."""
    depth = {0: 0, 1: 0}
    for number, (first, second, _, _) in enumerate(net.blocks):
        depth[number + 2] = 1 + max(depth[first], depth[second])
    last = max(depth.values()) + 1
    columns: dict[int, list[int]] = {}
    for node, level in depth.items():
        columns.setdefault(level, []).append(node)
    at: dict[int, tuple[float, float]] = {}
    for level, nodes in columns.items():
        for place, node in enumerate(nodes):
            at[node] = (2.2 * level, (len(nodes) - 1) / 2.0 - place)
    end = (2.2 * last, 0.0)
    half = (0.72, 0.32)
    names = {0: "cell before\nthe previous", 1: "previous cell"}
    for number, (_, _, left, right) in enumerate(net.blocks):
        names[number + 2] = f"{left}\n+ {right}"
    marks: list[Any] = []
    for number, (first, second, _, _) in enumerate(net.blocks):
        x, y = at[number + 2]
        for source, shift in ((first, 0.14), (second, -0.14)):
            a, b = at[source]
            marks.append(
                Links([a + half[0]], [b], [x - half[0]], [y + shift], width=1.2, colour=-2)
            )
    for node in range(2, len(net.blocks) + 2):
        a, b = at[node]
        marks.append(Links([a + half[0]], [b], [end[0] - half[0]], [end[1]], colour=-2, dash="dot"))
    kinds = {"input": range(2), "block: two operators, added": range(2, len(names))}
    for kind, members in kinds.items():
        marks.append(
            Boxes(
                [at[k][0] - half[0] for k in members],
                [at[k][0] + half[0] for k in members],
                [at[k][1] - half[1] for k in members],
                [at[k][1] + half[1] for k in members],
                texts=[names[k] for k in members],
                name=kind,
                colour=colour_of(kind),
            )
        )
    marks.append(
        Boxes(
            [end[0] - half[0]],
            [end[0] + half[0]],
            [-half[1]],
            [half[1]],
            texts=["all blocks\nconcatenated"],
            name="handed on",
            colour=colour_of("handed on"),
        )
    )
    return Panel(marks, x=HIDDEN, y=HIDDEN, title="the cell")
