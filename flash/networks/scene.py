"""What a drawing of a network shows, as plain data: boxes in groups, and links over them.

A *unit* is a box: a layer or a block. *Groups* are cells or stages, from the image to the end.
Links go from place to place: place k is the middle of unit k, k - 0.5 and k + 0.5 are the gaps
before and after it.
"""

from __future__ import annotations

from ..base.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    from .architecture import Architecture
    from .cell_networks import CellNetwork
    from .network import Layer, Network

__all__ = ["Group", "Scene", "Unit", "Way", "colour_of", "of_layers", "scene_of"]

MOST_UNITS = 240  # boxes: of more, several alike stand for one
MOST_WAYS = 300  # links drawn: of more, every so many
FINE = 8  # times as many are made, of which those are chosen
MOST_DRAWN = 1 << 20  # channels of links that are drawn one by one

# Which rows are boxes of their own, and what they are called; all else belongs to the box before.
KINDS = ("conv", "linear", "matmul", "embedding", "recurrent", "pool")

# Of each kind of box its colour, the same in every drawing: a place in the palette.
COLOURS = {
    "convolution": 0,
    "depthwise convolution": 1,
    "linear": 2,
    "product of values": 3,
    "1 x 1 convolution": 4,
    "pooling": 5,
    "embedding": 6,
    "recurrent": 7,
    "grouped convolution": 8,
    "cell": 10,
    "reduction cell": 11,
    "stem": 12,
    "head": 13,
    "input": 15,
    "block: two operators, added": 9,
    "handed on": 18,
}
OTHER = 14  # of any other kind


class Unit(Record):
    """One box.

    Parameters
    ----------
    name : str
        In full, for the mouse.
    channels : int
        That it hands on: its height.
    kind : str
        Its colour, and its name in the legend.
    skipped : bool
        Whether nothing stands there.
    times : int
        How many alike it stands for.
    colour : int or None
        Place in the palette of a kind that has none of its own in `COLOURS`.
    """

    name: str
    channels: int
    kind: str
    skipped: bool = False
    times: int = 1
    colour: int | None = None


class Group(Record):
    """Boxes that belong together.

    Parameters
    ----------
    lines : tuple of str
        What is written above, the title first.
    size : str
        What it hands on, written below.
    units : tuple of Unit
    """

    lines: tuple[str, ...]
    size: str
    units: tuple[Unit, ...]


class Way(Record):
    """A link.

    Parameters
    ----------
    start, end : float
        Places.
    share : float
        Of what it could carry, in [0, 1]: its strength.
    name : str
        For the mouse.
    """

    start: float
    end: float
    share: float = 1.0
    name: str = ""


class Scene(Record):
    """A whole drawing.

    Parameters
    ----------
    title, reads : str
        What the network is called, and what it reads.
    groups : tuple of Group
    ways : tuple of Way
    notes : tuple of str
        What is to be said below it.
    links : int or None
        How many links there are, where `ways` holds some alone.
    """

    title: str
    reads: str
    groups: tuple[Group, ...]
    ways: tuple[Way, ...] = ()
    notes: tuple[str, ...] = ()
    links: int | None = None

    @property
    def units(self) -> list[Unit]:
        """All boxes, in order."""
        return [one for group in self.groups for one in group.units]

    def thinned(self) -> Scene:
        """Return the scene with no more boxes and links than can be told apart; its notes say what
        was left out."""
        return _fewer_ways(_fewer_units(self))


def colour_of(kind: str) -> int:
    """Return the place in the palette of a kind of box."""
    return COLOURS.get(kind, OTHER)


def _fewer_units(scene: Scene) -> Scene:
    count = len(scene.units)
    if count <= MOST_UNITS:
        return scene
    each = -(-count // MOST_UNITS)
    groups: list[Group] = []
    places: list[int] = []  # of each box, which it becomes
    made = 0
    for group in scene.groups:
        units: list[Unit] = []
        for start in range(0, len(group.units), each):
            some = group.units[start : start + each]
            places += [made + len(units)] * len(some)
            units.append(_joined(some))
        made += len(units)
        groups.append(group.replace(units=tuple(units)))
    ways: dict[tuple[float, float], Way] = {}
    for way in scene.ways:
        pair = (_moved(places, way.start), _moved(places, way.end))
        if pair[1] > pair[0]:
            kept = ways.get(pair)
            if kept is None or kept.share < way.share:
                ways[pair] = way.replace(start=pair[0], end=pair[1])
    note = (
        f"a box stands for up to {each} of the {count:,} layers or blocks, links within it left out"
    )
    return scene.replace(
        groups=tuple(groups), ways=tuple(ways.values()), notes=(*scene.notes, note)
    )


def _moved(places: Sequence[int], place: float) -> float:
    """Return where a place lies among fewer boxes."""
    if place == int(place):
        return float(places[int(place)])
    before, after = int(place - 0.5), int(place + 0.5)
    if before < 0:
        return -0.5
    if after >= len(places) or places[before] != places[after]:
        return places[before] + 0.5
    return float(places[before])


def _joined(units: Sequence[Unit]) -> Unit:
    first = units[0]
    if len(units) == 1:
        return first
    largest = max(units, key=lambda one: one.channels)
    alike = {one.kind for one in units}
    kind = first.kind if len(alike) == 1 else largest.kind
    name = f"{first.name} to {units[-1].name}: {len(units)} together"
    return largest.replace(name=name, kind=kind, times=len(units))


def _fewer_ways(scene: Scene) -> Scene:
    count, made = scene.links or len(scene.ways), len(scene.ways)
    kept = scene.ways
    if made > MOST_WAYS:
        kept = tuple(scene.ways[k * made // MOST_WAYS] for k in range(MOST_WAYS))
    if len(kept) == count:
        return scene
    note = f"{len(kept):,} of {count:,} links are drawn, evenly chosen"
    return scene.replace(ways=kept, notes=(*scene.notes, note), links=None)


def scene_of(net: Any) -> Scene:
    """Return the scene of any network: an Architecture, a CellNetwork, a Network, or what tells its
    own (`scene`, as a BlockNetwork does)."""
    own = getattr(type(net), "_scene", None)
    if own is not None:
        found: Scene = own(net)
        return found
    if hasattr(net, "cells"):
        return _of_architecture(net)
    if hasattr(net, "repeats"):
        return _of_cell_network(net)
    return of_layers(net.network(), "network")


def _of_architecture(arch: Architecture) -> Scene:
    titles: dict[int, tuple[str, ...]] = {}
    word = "layers" if arch.family == "densenet" else "blocks"
    for number, cell in enumerate(arch.cells):
        lines = [f"cell {number + 1}", f"{cell.width} channels", _many(cell.depth, word)]
        if cell.skips and arch.family == "densenet":
            lines.append(f"skips {cell.skips:,}")
        elif cell.skips:
            lines.append(f"residual {min(cell.skips, cell.width):,}")
        if arch.family == "mobilenet-v2":
            lines.append(f"{cell.expansion}x, {cell.kernel}x{cell.kernel}")
        titles[number] = tuple(lines)
    net = arch.network()
    dense = arch.family == "densenet"
    scene = of_layers(net, arch.family, titles, linked=not dense)
    if not dense:
        return scene
    ways, count = _concatenated(arch, net)
    return scene.replace(ways=ways, links=count)


def _concatenated(arch: Architecture, net: Network) -> tuple[tuple[Way, ...], int]:
    """Return the drawn links of concatenation cells, one for each pair of layers, and how many
    there are: of very many every so many alone."""
    boxes = [layer.cell for layer in net.layers if layer.kind in KINDS]
    first = boxes.index(0)  # box of a cell's first layer
    drawn = sum(cell.skips * cell.depth for cell in arch.cells) < MOST_DRAWN
    pairs = sum(cell.depth * cell.depth // 2 for cell in arch.cells if cell.skips)
    each = 1 + pairs // (FINE * MOST_WAYS)
    found: list[Way] = []
    made = 0
    for number, cell in enumerate(arch.cells):
        for layer in range(2, cell.depth if cell.skips else 0):
            counts = [0.0] * (layer - 1)
            if drawn:
                for channel in arch.links_into(number, layer):
                    counts[channel // cell.width] += 1.0
            else:  # as many of each, which draws of so many come to
                taken = min(cell.skips, cell.width * (layer - 1))
                counts = [taken / (layer - 1)] * (layer - 1)
            for source, count in enumerate(counts):
                if not count:
                    continue
                made += 1
                if made % each:
                    continue
                name = (
                    f"cell {number + 1}: {count:,.0f} of {cell.width} channels of layer "
                    f"{source + 1} reach layer {layer + 1}"
                )
                found.append(Way(first + source, first + layer, count / cell.width, name))
        first += cell.depth
    return tuple(found), made


def _many(count: int, word: str) -> str:
    return f"{count:,} {word if count != 1 else word[:-1]}"


def of_layers(
    given: Network,
    title: str,
    titles: Mapping[int, tuple[str, ...]] | None = None,
    *,
    linked: bool = True,
) -> Scene:
    """Return the scene of a table of layers.

    Convolutions, linear layers, products, pools and the like are boxes; what lies between them
    belongs to the box before. Groups are the cells: by the layers' labels, or as NN-Degree tells
    them (`ways.marks_of`). linked: whether the links between them are told.
    """
    net = _drawn_rows(given)
    rows = net.layers
    marks = _marks(net)
    channels, height, width = given.input_shape
    boxes: list[list[int]] = []  # rows of each box
    at: list[int] = []  # the box of each row
    for number, layer in enumerate(rows):
        reads = [at[row] for row in _inputs(net, number) if row >= 0]
        if layer.kind in KINDS or not boxes:
            boxes.append([number])
            at.append(len(boxes) - 1)
        else:
            own = max(reads, default=0)
            boxes[own].append(number)
            at.append(own)
    groups: list[Group] = []
    last: object = ()
    members: list[int] = []
    for place, box in enumerate(boxes):
        mark = marks[box[0]]
        if members and mark != last:
            groups.append(_group(net, boxes, members, last, titles))
            members = []
        members.append(place)
        last = mark
    groups.append(_group(net, boxes, members, last, titles))
    notes = []
    left = len(given.layers) - len(rows)
    if left:
        notes.append(f"{_many(left, 'layers')} that no output is made of, not drawn")
    if not given.connected:
        notes.append("which layers read which is not known: no links")
    ways = tuple(_ways(net, at)) if given.connected and linked else ()
    return Scene(title, f"{channels} x {height} x {width}", tuple(groups), ways, tuple(notes))


def _drawn_rows(net: Network) -> Network:
    from .counting import counting

    return counting(net) if net.connected else net


def _inputs(net: Network, number: int) -> tuple[int, ...]:
    inputs = net.layers[number].inputs
    if inputs is None:
        return (number - 1,)
    return tuple(inputs)


def _marks(net: Network) -> list[int | None]:
    """Return the cell of each row; None of those in none."""
    if any(layer.cell is not None for layer in net.layers):
        return [layer.cell for layer in net.layers]
    if not net.connected:
        return [None] * len(net.layers)
    from .ways import marks_of, ways_of

    return marks_of(net, ways_of(net))


def _group(
    net: Network,
    boxes: Sequence[Sequence[int]],
    members: Sequence[int],
    mark: object,
    titles: Mapping[int, tuple[str, ...]] | None,
) -> Group:
    units = tuple(_unit(net, boxes[place][0]) for place in members)
    end = net.layers[boxes[members[-1]][-1]]
    if titles is not None and isinstance(mark, int):
        lines = titles[mark]
    else:
        wide = sorted({one.channels for one in units})
        told = f"{wide[0]:,}" if len(wide) == 1 else f"{wide[0]:,} to\n{wide[-1]:,}"
        name = f"cell {mark + 1}" if isinstance(mark, int) else "head" if members[0] else "stem"
        lines = (name, f"{told} channels", _many(len(units), "layers"))
    size = f"{end.out_height} x {end.out_width}"
    return Group(lines, size, units)


def _unit(net: Network, row: int) -> Unit:
    layer = net.layers[row]
    sides = " x ".join(str(one) for one in layer.shape_out)
    name = f"{row} {layer.kind}, {layer.in_channels:,} > {layer.out_channels:,}, hands on {sides}"
    if layer.kind in ("conv", "pool"):
        name += f", kernel {layer.kernel_size[0]} x {layer.kernel_size[1]}"
    name += f"\n{layer.params:,} parameters, {layer.macs:,} MACs"
    return Unit(name, layer.out_channels, _kind(layer))


def _kind(layer: Layer) -> str:
    if layer.kind == "conv":
        if layer.groups > 1:
            whole = layer.groups == layer.in_channels
            return "depthwise convolution" if whole else "grouped convolution"
        return "1 x 1 convolution" if max(layer.kernel_size) == 1 else "convolution"
    return {
        "linear": "linear",
        "matmul": "product of values",
        "pool": "pooling",
        "embedding": "embedding",
        "recurrent": "recurrent",
    }.get(layer.kind, layer.kind)


def _ways(net: Network, at: Sequence[int]) -> Iterator[Way]:
    """Yield the links between boxes that do not follow each other."""
    seen: set[tuple[float, float]] = set()
    for number, layer in enumerate(net.layers):
        inputs = _inputs(net, number)
        own = at[number]
        box = layer.kind in KINDS
        newest = max((at[row] if row >= 0 else -1 for row in inputs), default=-1)
        for place, row in enumerate(inputs):
            source = at[row] if row >= 0 else -1
            end = own - 0.5 if box else own + 0.5
            if (box and source >= own - 1) or (not box and source == newest):
                continue
            start = source + 0.5
            if end - start < 0.9 or (start, end) in seen:
                continue
            seen.add((start, end))
            offered = net.layers[row].out_channels if row >= 0 else net.input_shape[0]
            taken = offered
            if place and layer.channels is not None and layer.kind == "add":
                taken = layer.channels
            share = taken / offered if offered else 1.0
            name = (
                f"{taken:,} of {offered:,} channels" if taken != offered else f"{taken:,} channels"
            )
            yield Way(start, end, min(1.0, share), f"{layer.kind}: {name}")


def _of_cell_network(net: CellNetwork) -> Scene:
    """Return the cells of a network that repeats one, with the two that each of them reads."""
    groups: list[Group] = []
    stem = Unit(f"stem: convolution, 3 > {net.stem_channels}", net.stem_channels, "stem")
    units: list[Unit] = []
    ways: list[Way] = []
    made = 1
    blocks = len(net.blocks)
    reads = {source for first, second, _, _ in net.blocks for source in (first, second)}
    sizes = _cell_sizes(net)
    groups.append(Group(("stem",), sizes[0], (stem,)))
    layout = list(net.layout())
    for number, (filters, stride) in enumerate(layout):
        if units and stride == 2:
            groups.append(_stage(units, layout[number - 1][0], blocks, sizes[number], len(groups)))
            units = []
        kind = "reduction cell" if stride == 2 else "cell"
        wide = filters * blocks
        units.append(
            Unit(f"cell {number + 1}, stride {stride}: {blocks} blocks of {filters}", wide, kind)
        )
        if 0 in reads and made > 1:
            ways.append(Way(made - 1.5, made - 0.5, 1.0, "the cell before the previous one"))
        made += 1
    groups.append(_stage(units, layout[-1][0], blocks, sizes[-1], len(groups)))
    head = Unit(f"pooling, linear, {net.num_classes:,} classes", net.num_classes, "head")
    groups.append(Group(("head",), "", (head,)))
    side = f"3 x {net.resolution} x {net.resolution}"
    return Scene(net.family, side, tuple(groups), tuple(ways))


def _stage(units: Sequence[Unit], filters: int, blocks: int, size: str, number: int) -> Group:
    lines = (f"stage {number}", f"{filters * blocks:,} channels", _many(len(units), "cells"))
    return Group(lines, size, tuple(units))


def _cell_sizes(net: CellNetwork) -> list[str]:
    """Return the size that the stem and each cell hand on."""
    ends: dict[int | None, Layer] = {}
    first = net.network().layers[0]
    for layer in net.network().layers:
        ends[layer.cell] = layer
    found = [f"{first.out_height} x {first.out_width}"]
    for number in range(len(list(net.layout()))):
        found.append(f"{ends[number].out_height} x {ends[number].out_width}")
    return found
