"""What NN-Degree and NN-Mass count in a cell, of an architecture or of any network.

Of a network, `flash.networks.ways` tells the cells and what carries values on. Of the inputs of an
add or a concat the one with the most convolutions behind it is the main path (of equals the
latest); an input with fewer has skipped layers, and is long-range; one with as many is a parallel
branch, and is not.
"""

from __future__ import annotations

from ..base.record import Record
from .families import cell_inputs, convolutions, residual_blocks, used_links
from .ways import PASSED, depths_of, is_convolution, marks_of, ways_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from .architecture import Architecture
    from .network import Layer, Network
    from .ways import Ways

__all__ = ["CellTopology", "labelled", "of_architecture", "of_network"]


class CellTopology(Record):
    """Sums over one cell.

    Parameters
    ----------
    width_sum : int
        Output channels of the cell's convolutions, summed.
    convs : int
        How many convolutions it has.
    links : int
        Skip links: each long-range channel times the channels that it feeds.
    channels : int
        Long-range channels.
    possible : int
        Long-range channels if every earlier layer of the cell (concatenation) or of the block
        (addition) were linked.
    mass : float
        NN-Mass: density times width times depth; of addition cells, summed over blocks.
    """

    width_sum: int
    convs: int
    links: int
    channels: int
    possible: int
    mass: float


def of_architecture(arch: Architecture) -> list[CellTopology]:
    """Return the sums of each cell by closed forms, without making the layers."""
    result = []
    for number, cell in enumerate(arch.cells):
        width, depth = cell.width, cell.depth
        if arch.family == "densenet":
            used = used_links(width, depth, cell.skips)
            possible = width * ((depth - 1) * (depth - 2) // 2)
            mass = used / possible * width * depth if used else 0.0
            result.append(CellTopology(width * depth, depth, width * used, used, possible, mass))
            continue
        blocks = len(residual_blocks(arch, number))
        taken = min(cell.skips, width)
        first, _ = convolutions(arch.family, cell_inputs(arch, number), cell)
        other, _ = convolutions(arch.family, width, cell)  # all later blocks are alike
        width_sum, nodes = 0, []
        for (_, out, _, _), (into, later, _, _) in zip(first, other, strict=True):
            width_sum += out + (depth - 1) * later
            nodes.append(into)
        nodes = _nodes(nodes, other[0][3], other[-1][2])
        possible = _linkable(nodes)
        mass = sum(nodes) * taken / possible
        result.append(
            CellTopology(
                width_sum,
                len(first) * depth,
                blocks * taken * width,
                blocks * taken,
                blocks * possible if taken else 0,
                blocks * mass,
            )
        )
    return result


def of_network(network: Network) -> list[CellTopology]:
    """Return the sums of each cell of a network, from its ways and the layers that count."""
    from .counting import from_image, need_connections

    need_connections(network, "NN-Degree")
    return list(_Walk(from_image(network)).cells().values())


def labelled(network: Network, *, across: bool = False) -> dict[int, CellTopology]:
    """Return the same by the labels of a network whose rows all have one, and all count.

    across: whether labels are those of blocks of one cell, between which there are links.
    """
    walk = _Walk(network, across)
    labels = sorted({layer.cell for layer in network.layers if layer.cell is not None})
    return {labels[ordinal]: one for ordinal, one in walk.cells().items()}


class _Walk:
    """A walk over the ways of a network whose rows all count: see `flash.networks.ways`."""

    def __init__(self, network: Network, across: bool = False) -> None:
        self.across = across
        self.layers: Sequence[Layer] = network.layers
        self.image: int = network.input_shape[0]
        self.ways: Ways = ways_of(network)
        self.marks: list[int | None] = marks_of(network, self.ways)
        self.depths: list[int] = depths_of(self.layers, self.ways)

    def cells(self) -> dict[int, CellTopology]:
        """Return the sums of the cells that have convolutions, by the cell's number."""
        count = max((mark for mark in self.marks if mark is not None), default=-1) + 1
        outs: list[list[int]] = [[] for _ in range(count)]
        links, channels, possible = [0] * count, [0] * count, [0] * count
        concatenated = [0] * count
        mass = [0.0] * count
        for row, layer in enumerate(self.layers):
            cell = self.marks[row]
            if cell is None or self.ways[row] is None:
                continue
            if is_convolution(layer):
                used = self.concatenated(row)
                outs[cell].append(layer.out_channels)
                links[cell] += used * layer.out_channels
                concatenated[cell] += used
            elif layer.kind == "add":
                main, skips = self.main_and_skips(row)
                for source in skips:
                    used = layer.out_channels if layer.channels is None else layer.channels
                    links[cell] += used * layer.out_channels
                    channels[cell] += used
                    nodes, whole = self.block(main, source)
                    possible[cell] += whole
                    mass[cell] += nodes * used / whole if whole else 0.0
        result: dict[int, CellTopology] = {}
        for cell in range(count):
            if not outs[cell]:
                continue
            width_sum = sum(outs[cell])
            if concatenated[cell]:
                whole = sum(
                    out * (len(outs[cell]) - 2 - j) for j, out in enumerate(outs[cell][:-2])
                )
                possible[cell] += whole
                channels[cell] += concatenated[cell]
                if whole:
                    mean = width_sum / len(outs[cell])
                    mass[cell] += concatenated[cell] / whole * mean * len(outs[cell])
            result[cell] = CellTopology(
                width_sum, len(outs[cell]), links[cell], channels[cell], possible[cell], mass[cell]
            )
        return result

    def out_channels(self, row: int) -> int:
        return self.layers[row].out_channels if row >= 0 else self.image

    def main_and_skips(self, row: int) -> tuple[int, list[int]]:
        """Return the main way into a row, and the inputs that have skipped layers."""
        rows = self.ways[row] or (-1,)
        depths = self.depths
        main = max(rows, key=lambda one: (depths[one], one))
        return main, [one for one in rows if depths[one] < depths[main]]

    def concatenated(self, row: int) -> int:
        """Return how many long-range channels a convolution reads from a concat of its cell."""
        cell = self.marks[row]
        row = (self.ways[row] or (-1,))[0]
        while row >= 0 and self.layers[row].kind in ("concat", *PASSED):
            source = self.layers[row]
            inputs = list(self.ways[row] or (-1,))
            if len(inputs) > 1:
                if source.kind != "concat":
                    return 0
                main, skips = self.main_and_skips(row)
                if not self.across and self._cell_of(row, main) not in (None, cell):
                    return 0
                offered = sum(self.out_channels(one) for one in skips)
                return offered if source.channels is None else min(offered, source.channels)
            row = inputs[0]  # only a norm or a selection
        return 0

    def _cell_of(self, row: int, main: int) -> int | None:
        """Return the cell of a concatenation: its label's, or that of what it is made of."""
        found = self.marks[row]
        while found is None and main >= 0:
            found = self.marks[main]
            main = self.main_and_skips(main)[0]
        return found

    def block(self, end: int, source: int) -> tuple[int, int]:
        """Return (channels of the block's nodes, channels that could be linked over a layer).

        The block is what lies on the main path between the row that the residual comes from and
        the row that it is added to.
        """
        shortcut = {-1}
        while source >= 0:
            shortcut.add(source)
            source = self.main_and_skips(source)[0]
        path: list[Layer] = []
        while end not in shortcut:
            layer = self.layers[end]
            if is_convolution(layer):
                path.append(layer)
            end = self.main_and_skips(end)[0]
        path.reverse()
        nodes = [layer.in_channels for layer in path]
        if path:
            nodes = _nodes(nodes, path[0].groups, path[-1].kernel)
        return sum(nodes), _linkable(nodes)


def _nodes(entering: list[int], groups: int, last: int) -> list[int]:
    """Return the channels that enter a block's convolutions, for its NN-Mass.

    One of a depthwise and a pointwise convolution counts as published for MobileNetV2, with an
    expansion layer of the input's width before them. groups: of the first; last: the last's kernel.
    """
    if len(entering) == 2 and groups == entering[0] and last == 1:
        return [entering[0], *entering]
    return entering


def _linkable(nodes: list[int]) -> int:
    """Return how many channels could be linked over a layer of a block."""
    over, below = 0, 0
    for out in nodes[:-1]:
        below += out
        over += below
    return over
