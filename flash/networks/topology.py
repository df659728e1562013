"""What NN-Degree and NN-Mass count in a cell, of an architecture or of any network.

Of a network the cells are told by its layers' labels, or where it has none by maximal runs of
convolutions of one output size. Of the inputs of an add or a concat the one with the most
convolutions behind it is the main path (of equals the latest); an input with fewer has skipped
layers, and is long-range; one with as many is a parallel branch, and is not.
"""

from __future__ import annotations

from ..base.record import Record
from .families import cell_inputs, convolutions, residual_blocks, used_links

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .architecture import Architecture
    from .network import Layer, Network

__all__ = ["CellTopology", "of_architecture", "of_network"]


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
    """Return the sums of each cell of a network, from its connections and the layers that count."""
    from .counting import from_image, need_connections

    need_connections(network, "NN-Degree")
    network = from_image(network)
    layers = network.layers
    labels = _cells(network)
    depths = _depths(network)
    count = max((label for label in labels if label is not None), default=-1) + 1
    outs: list[list[int]] = [[] for _ in range(count)]
    links, channels, possible = [0] * count, [0] * count, [0] * count
    concatenated = [0] * count
    mass = [0.0] * count
    for row, layer in enumerate(layers):
        cell = labels[row]
        if cell is None:
            continue
        if layer.kind == "conv":
            used = _concatenated(network, layer, depths)
            outs[cell].append(layer.out_channels)
            links[cell] += used * layer.out_channels
            concatenated[cell] += used
        elif layer.kind == "add":
            main, skips = _main_and_skips(layer, depths)
            for source in skips:
                used = layer.out_channels if layer.channels is None else layer.channels
                links[cell] += used * layer.out_channels
                channels[cell] += used
                nodes, whole = _block(network, main, source, depths)
                possible[cell] += whole
                mass[cell] += nodes * used / whole if whole else 0.0
    result = []
    for cell in range(count):
        if not outs[cell]:
            continue
        width_sum = sum(outs[cell])
        if concatenated[cell]:
            whole = sum(out * (len(outs[cell]) - 2 - j) for j, out in enumerate(outs[cell][:-2]))
            possible[cell] += whole
            channels[cell] += concatenated[cell]
            if whole:
                mean = width_sum / len(outs[cell])
                mass[cell] += concatenated[cell] / whole * mean * len(outs[cell])
        result.append(
            CellTopology(
                width_sum,
                len(outs[cell]),
                links[cell],
                channels[cell],
                possible[cell],
                mass[cell],
            )
        )
    return result


def _cells(network: Network) -> list[int | None]:
    """Return the cell of each row, None for rows outside any."""
    labels = [layer.cell for layer in network.layers]
    used = sorted({label for label in labels if label is not None})
    if used:
        ordinals = {label: ordinal for ordinal, label in enumerate(used)}
        return [None if label is None else ordinals[label] for label in labels]
    size: tuple[int, int] | None = None
    run = -1
    runs: list[int | None] = []
    for layer in network.layers:
        here = (layer.out_height, layer.out_width)
        if layer.kind == "conv" and here != size:
            run, size = run + 1, here
        runs.append(run if run >= 0 and layer.kind in ("conv", "add", "concat") else None)
    return runs


def _out_channels(network: Network, row: int) -> int:
    return network.layers[row].out_channels if row >= 0 else network.input_shape[0]


def _depths(network: Network) -> list[int]:
    """Return how many convolutions lie on the longest path to each row, and 0 for the image."""
    depths: list[int] = []
    for layer in network.layers:
        before = max((depths[row] for row in layer.inputs or () if row >= 0), default=0)
        depths.append(before + (layer.kind == "conv"))
    return [*depths, 0]  # so that row -1 is the image


def _main_and_skips(layer: Layer, depths: list[int]) -> tuple[int, list[int]]:
    """Return the main path of an add or concat, and the inputs that have skipped layers."""
    rows = layer.inputs or (-1,)
    main = max(rows, key=lambda row: (depths[row], row))
    return main, [row for row in rows if depths[row] < depths[main]]


def _concatenated(network: Network, conv: Layer, depths: list[int]) -> int:
    """Return how many long-range channels a convolution reads from a concat."""
    row = (conv.inputs or (-1,))[0]
    while row >= 0 and network.layers[row].kind == "concat":
        source = network.layers[row]
        if len(source.inputs or ()) > 1:
            skips = _main_and_skips(source, depths)[1]
            offered = sum(_out_channels(network, one) for one in skips)
            return offered if source.channels is None else min(offered, source.channels)
        row = (source.inputs or (-1,))[0]  # a concat of one input is only a norm or a selection
    return 0


def _block(network: Network, end: int, source: int, depths: list[int]) -> tuple[int, int]:
    """Return (channels of the block's nodes, channels that could be linked over a layer).

    The block is what lies on the main path between the row that the residual comes from and the
    row that it is added to.
    """
    shortcut = {-1}
    while source >= 0:
        shortcut.add(source)
        source = _main_and_skips(network.layers[source], depths)[0]
    path: list[Layer] = []
    while end not in shortcut:
        layer = network.layers[end]
        if layer.kind == "conv":
            path.append(layer)
        end = _main_and_skips(layer, depths)[0]
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
