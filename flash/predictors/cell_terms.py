"""What the topology predictor reads: a few numbers per cell, of an architecture or any network.

A random path starts at the last row and goes back to the image, at each join choosing a channel
that it reads, all alike. The expected number of convolutions on it is a cell's mean depth: skips
make it less than the number of layers, at once for one that carries few channels, and more the
more it carries. Cells in sequence add up, which is what keeps a search provable. Which rows count
is said in ``flash/networks/counting.py``.
"""

from __future__ import annotations

from ..base.record import Record
from ..errors import ArgumentTypeError
from ..networks.architecture import Architecture
from ..networks.families import (
    STYLES,
    cell_inputs,
    convolutions,
    residual_blocks,
    stem_width,
    stride_of_cell,
    used_links,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..networks.network import Layer, Network

__all__ = ["BASIS", "TOTALS", "CellTerms", "NetworkTerms", "cells_of", "network_of", "terms_of"]

BASIS = ("saturation", "directness", "size", "reach", "pooling")
TOTALS = ("macs", "params")


class CellTerms(Record):
    """Numbers of one cell; the stem counts as of the first cell, the head as of the last.

    Parameters
    ----------
    convs : int
        Convolutions, and linear layers but the last row.
    params : int
    depth : float
        Expected number of them on a random path through the cell.
    spatial : float
        The same, of convolutions with a kernel larger than 1.
    pools : float, default 0
        The same, of pools of stride 1.
    strides : float, default 0
        How often the map is halved on such a path: logarithms to base 2 of strides, less those of
        enlargements.
    """

    convs: int
    params: int
    depth: float
    spatial: float
    pools: float = 0.0
    strides: float = 0.0

    def basis(self) -> tuple[float, float, float, float, float]:
        """Return the values of `BASIS`.

        saturation : ``E / (1 + E)`` with E the depth: another layer helps a deep cell less
        directness : ``(1 + E) / (1 + convs)``, 1 in a cell without skips
        size : ``((1 + params) / (1 + convs)) ** (1/4)``
        reach : ``sqrt(1 + spatial)``: how wide a path sees
        pooling : ``P / (1 + P + E)``

        The order of operations is that of the compiled core: equal bits.
        """
        from math import sqrt

        deep, count = 1.0 + self.depth, 1.0 + self.convs
        return (
            self.depth / deep,
            deep / count,
            sqrt(sqrt((1.0 + self.params) / count)),
            sqrt(1.0 + self.spatial),
            self.pools / (self.pools + deep),
        )


class NetworkTerms(Record):
    """Numbers of a network.

    Parameters
    ----------
    cells : tuple of CellTerms
    macs, params : int
        Of the rows that count and are made of the image.
    """

    cells: tuple[CellTerms, ...]
    macs: int
    params: int

    def design(self) -> list[float]:
        """Return what a score is linear in: sums of `BASIS` over cells, logs of `TOTALS`, and the
        sum of strides."""
        from math import log

        sums = [0.0] * len(BASIS)
        for cell in self.cells:
            for k, value in enumerate(cell.basis()):
                sums[k] += value
        strides = sum(cell.strides for cell in self.cells)
        return [*sums, log(max(1, self.macs)), log(max(1, self.params)), float(strides)]


def terms_of(net: object) -> NetworkTerms:
    """Return the numbers of an Architecture (by closed forms) or a Network (from its rows)."""
    if isinstance(net, Architecture):
        return _of_architecture(net)
    network = network_of(net)
    kept: NetworkTerms | None = network.__dict__.get("_terms")
    if kept is None:  # a deep network's walk takes milliseconds
        kept = network.__dict__["_terms"] = _of_network(network)
    return kept


def network_of(net: object) -> Network:
    """Return the rows of an Architecture, a Network, or of what can tell its rows."""
    from ..networks.spelled import spelled_out

    found = spelled_out(net)
    if found is not None:
        return found
    raise ArgumentTypeError(
        f"architectures must be Architecture or Network objects, got {type(net).__name__}"
    )


def _of_architecture(arch: Architecture) -> NetworkTerms:
    side, macs, last = arch.resolution, 0, len(arch.cells) - 1
    stem = stem_width(arch.family, arch.cells[0].width, arch.is_imagenet)
    concatenates = arch.family == "densenet"
    pre_activated = STYLES[arch.family][0] == "input"
    if arch.is_imagenet:
        side = _half(side, 2)
    convs = params = 0
    if not concatenates or arch.is_imagenet:
        weights = (49 if arch.is_imagenet and arch.family != "mobilenet-v2" else 9) * 3 * stem
        convs, params, macs = 1, weights, weights * side * side
        if concatenates or not pre_activated:
            params += 2 * stem  # else the first block normalises what it reads
    if arch.is_imagenet and arch.family != "mobilenet-v2":
        side = _half(side, 2)
    made = []
    for number in range(len(arch.cells)):
        stride = stride_of_cell(arch.family, number, arch.is_imagenet)
        before, side = side, _half(side, stride)
        head = [convs, params] if number == 0 else [0, 0]
        pick = _concatenation if concatenates else _addition
        terms, cost = pick(arch, number, before, side)
        macs += cost
        depth, spatial = terms.depth + head[0], terms.spatial + head[0]
        count, size = terms.convs + head[0], terms.params + head[1]
        if number == last:
            width = arch.cells[-1].width
            if arch.family == "mobilenet-v2":
                wide = max(1280, 4 * width)
                size += width * wide + 2 * wide
                macs += width * wide * side * side
                count, depth, width = count + 1, depth + 1.0, wide
            elif pre_activated:
                size += 2 * width
            size += (width + 1) * arch.num_classes
            macs += width * arch.num_classes
        strides = 1.0 if stride > 1 else 0.0
        if number == 0 and arch.is_imagenet:
            strides += 1.0 if arch.family == "mobilenet-v2" else 2.0  # a convolution, and a pool
        made.append(CellTerms(count, size, depth, spatial, strides=strides))
    return NetworkTerms(tuple(made), macs, sum(cell.params for cell in made))


def _half(side: int, stride: int) -> int:
    return (side - 1) // stride + 1


def _concatenation(
    arch: Architecture, number: int, before: int, side: int
) -> tuple[CellTerms, int]:
    """Return a DenseNet-type cell's own numbers, and its MACs."""
    cell, enters = arch.cells[number], cell_inputs(arch, number)
    width, depth = cell.width, cell.depth
    channels = enters + (depth - 1) * width + used_links(width, depth, cell.skips)
    bare = number == 0 and not arch.is_imagenet  # its first layer reads the image: no norm
    params = 9 * channels * width + 2 * (channels - enters if bare else channels)
    deep = concatenation_depth(width, depth, cell.skips)
    return CellTerms(depth, params, deep, deep), 9 * channels * width * side * side


def concatenation_depth(width: int, depth: int, skips: int) -> float:
    """Return the expected convolutions on a random path through a DenseNet-type cell.

    A layer reads the one before it, and of each earlier one an equal expected share of its links.
    """
    if skips <= 0 or depth < 3:
        return float(depth)
    total, previous, at = 0.0, 1.0, 2.0
    w = float(width)
    for layer in range(2, depth):
        total += previous  # of layers 0 to layer - 2
        previous = at
        links = float(min(skips, width * (layer - 1)))
        at = 1.0 + (w * at + links * (total / (layer - 1))) / (w + links)
    return at


def _addition(arch: Architecture, number: int, before: int, side: int) -> tuple[CellTerms, int]:
    """Return the own numbers of a cell of residual blocks, and its MACs."""
    cell = arch.cells[number]
    width, depth, normed = cell.width, cell.depth, STYLES[arch.family][0] == "output"
    blocks = len(residual_blocks(arch, number))
    path = depth - blocks * (0.5 * (min(cell.skips, width) / width))
    params = macs = convs = wide = 0
    for enters, count, seen in ((cell_inputs(arch, number), 1, before), (width, depth - 1, side)):
        block, strided = convolutions(arch.family, enters, cell)
        convs, wide, area = len(block), 0, seen * seen
        for place, (into, out, kernel, groups) in enumerate(block):
            if place == strided:
                area = side * side
            wide += kernel > 1
            weights = kernel * kernel * (into // groups) * out
            params += count * (weights + 2 * (out if normed else into))
            macs += count * weights * area
    return CellTerms(convs * depth, params, convs * path, wide * path), macs


Path = tuple[float, float, float, float]  # convolutions, wide ones, pools, strides


def _of_network(network: Network) -> NetworkTerms:
    from ..networks.counting import from_image, need_connections
    from ..networks.ways import ways_of

    need_connections(network, "a predictor")
    network = from_image(network)
    rows, ways = network.layers, ways_of(network)
    last = len(rows) - 1
    cells = cells_of(network)
    here: dict[int, Path] = {-1: (0.0, 0.0, 0.0, 0.0)}
    start, end = here[-1], here[-1]
    made: list[CellTerms] = []
    convs = params = macs = all_params = 0
    previous = 0
    for number, (layer, inputs) in enumerate(zip(rows, ways, strict=True)):
        if cells[number] != previous:
            made.append(_grown(convs, params, start, end))
            start, convs, params, previous = end, 0, 0, cells[number]
        params += layer.params
        all_params += layer.params
        macs += layer.macs
        if inputs is None:  # what weighs a larger map: its parameters count, and that is all
            continue
        depth, spatial, pools, strides = _arriving(network, layer, inputs or (-1,), here)
        if layer.kind == "conv" or (layer.kind == "linear" and number != last):
            convs += 1
            depth += 1.0
            if layer.kernel > 1:
                spatial += 1.0
        elif layer.kind == "pool" and layer.stride == 1 and layer.mode in ("avg", "max"):
            pools += 1.0
        end = here[number] = (depth, spatial, pools, strides + _halved(layer))
    made.append(_grown(convs, params, start, end))
    return NetworkTerms(tuple(made), macs, all_params)


def _grown(convs: int, params: int, start: Path, end: Path) -> CellTerms:
    """Return a cell's numbers from what was counted at its start and at its end."""
    depth, spatial, pools, strides = [b - a for a, b in zip(start, end, strict=True)]
    return CellTerms(convs, params, max(0.0, depth), max(0.0, spatial), max(0.0, pools), strides)


def _halved(layer: Layer) -> float:
    """Return how often a row halves the map, along its height and width on average."""
    from math import log2

    if layer.kind == "resize" or layer.transposed:
        before, after = layer.height * layer.width, layer.out_height * layer.out_width
        return 0.5 * log2(before / after)
    down, across = layer.strides
    if (down, across) == (1, 1) or layer.mode == "global_avg":
        return 0.0
    return 0.5 * log2(down * across)


def cells_of(network: Network) -> list[int]:
    """Return the cell of each row: by the labels, or else as `flash.networks.ways` tells them."""
    labels = [layer.cell for layer in network.layers]
    if all(label is None for label in labels):
        from ..networks.ways import marks_of, ways_of

        return [mark or 0 for mark in marks_of(network, ways_of(network))]
    found: list[int] = []
    mark: int | None = None
    cell = 0
    for label in labels:
        if label is not None and label != mark:
            cell += mark is not None
            mark = label
        found.append(cell)
    return found


def _arriving(
    network: Network, layer: Layer, inputs: tuple[int, ...], here: dict[int, Path]
) -> Path:
    """Return the counts at a row's input: means over the channels that it reads."""
    if len(inputs) == 1:
        return here[inputs[0]]
    main = max(inputs)
    others = list(inputs)
    others.remove(main)
    if layer.kind == "concat":
        offered = [_channels(network, row) for row in others]
        whole = sum(offered)
        taken = whole if layer.channels is None else layer.channels
        all_read = _channels(network, main) + taken
        first = _channels(network, main) / all_read
        shares = [count / whole * (taken / all_read) for count in offered]
    else:
        taken = layer.out_channels if layer.channels is None else layer.channels
        each = taken / layer.out_channels / len(inputs)
        first, shares = 1.0 - each * len(others), [each] * len(others)
    sums = [first * value for value in here[main]]
    for row, share in zip(others, shares, strict=True):
        for k, value in enumerate(here[row]):
            sums[k] += share * value
    return sums[0], sums[1], sums[2], sums[3]


def _channels(network: Network, row: int) -> int:
    return network.layers[row].out_channels if row >= 0 else network.input_shape[0]
