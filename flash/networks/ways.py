"""The ways from the image to the end of a network, and its cells: what topology is told from.

A way goes through what carries values on. Factors that only weigh a larger map, such as those of
squeeze and excitation, carry nothing: a product of values is a part of the way of its largest
factors alone, and what computes a smaller one (a *gate*) lies on no way. A product of two computed
matrices, as in attention, lies on the ways of both. Whatever else has one input, such as norms,
activations, scales, moves and interpolations, is passed through. A linear layer of each of several
positions is a convolution of kernel 1.

Cells are told by the layers' labels. Where there are none, a cell is a maximal run, in the order of
the table, of convolutions on the ways that have one number of output positions; a block between two
rows that all ways go through counts with the latter. Such a run is cut again where the width
changes by a quarter or more (networks that widen a little in each block have no stages by width):

- at a residual sum of another width than the sum before it; what follows that sum before belongs to
  the new cell, as the first block of a stage has no residual;
- in a run without sums and concatenations, at a convolution with a kernel above 1 and one group of
  another width than the one before it.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from .network import Layer, Network

__all__ = ["PASSED", "Ways", "depths_of", "is_convolution", "marks_of", "ways_of"]

Ways = list["tuple[int, ...] | None"]

PASSED = ("act", "elementwise", "move", "mul", "norm", "reduce", "resize", "scale")
WEIGHED = ("add", "elementwise", "mul")  # of several inputs the largest carry the value
_JOINED = -1
WIDER = 1.25
FIRST = ("recurrent", "reduce", "scale", "pool", "embedding", "resize", "norm", "act", "linear")


def is_convolution(layer: Layer) -> bool:
    """Whether a layer is a convolution, or a linear layer of each of several positions."""
    if layer.kind == "conv":
        return True
    return layer.kind == "linear" and layer.height * layer.width > 1


def ways_of(network: Network) -> Ways:
    """Return of each row the inputs that are on its ways, None for rows that lie on none.

    The network's rows all count (`counting.from_image`). Made once, then kept with it.
    """
    kept: Ways | None = network.__dict__.get("_ways")
    if kept is not None:
        return kept
    layers = network.layers
    last = len(layers) - 1
    found: Ways = [None] * (last + 1)
    wanted = [False] * (last + 1)
    for row in network.outputs or (last,):
        wanted[row] = True
    for number in range(last, -1, -1):
        if wanted[number]:
            carried = found[number] = _carried(network, layers[number])
            for row in carried:
                if row >= 0:
                    wanted[row] = True
    network.__dict__["_ways"] = found
    return found


def _carried(network: Network, layer: Layer) -> tuple[int, ...]:
    inputs = tuple(layer.inputs or (-1,))
    if len(inputs) < 2 or layer.kind in ("concat", "matmul"):
        return inputs
    if layer.kind == "move":
        return inputs if layer.mode == "concat" else inputs[:1]
    if layer.kind not in WEIGHED:
        return inputs[:1] if layer.kind in FIRST else inputs
    if layer.kind == "add" and not layer.reshaped:
        return inputs
    sizes = [_numbers(network, row) for row in inputs]
    return tuple(row for row, size in zip(inputs, sizes, strict=True) if size == max(sizes))


def _numbers(network: Network, row: int) -> int:
    channels, height, width = network.layers[row].shape_out if row >= 0 else network.input_shape
    return channels * height * width


def marks_of(network: Network, ways: Ways) -> list[int | None]:
    """Return the number of each row's cell, None for rows before the first one and, where layers
    have labels, for rows without."""
    labels = [layer.cell for layer in network.layers]
    used = sorted({label for label in labels if label is not None})
    if used:
        ordinals = {label: ordinal for ordinal, label in enumerate(used)}
        return [None if label is None else ordinals[label] for label in labels]
    starts = sorted(_starts(network.layers, ways))
    marks: list[int | None] = []
    cell = -1
    for number in range(len(labels)):
        if cell + 1 < len(starts) and starts[cell + 1] <= number:
            cell += 1
        marks.append(cell if cell >= 0 else None)
    return marks


def _starts(layers: Sequence[Layer], ways: Ways) -> set[int]:
    """Return the rows at which cells begin."""
    depths = depths_of(layers, ways)
    sizes = _sizes(layers, ways)
    starts: set[int] = set()
    size = None  # of the run
    width = chain = None  # of its last sum; of its last plain convolution
    cuts: list[int] = []  # of the run, if it has no joins
    after = 0  # the row after its last sum
    for number, (layer, inputs) in enumerate(zip(layers, ways, strict=True)):
        if inputs is None:
            continue
        if is_convolution(layer):
            plain = layer.groups == 1 and max(layer.kernel_size) > 1
            if sizes[number] != size:
                starts.update(cuts)
                starts.add(number)
                size, width, chain, cuts = sizes[number], None, None, []
            elif plain and chain not in (None, _JOINED) and _differs(chain, layer.out_channels):
                cuts.append(number)
            if plain and chain != _JOINED:
                chain = layer.out_channels
        elif layer.kind in ("add", "concat") and len(inputs) > 1 and _positions(layer) == size:
            chain, cuts = _JOINED, []
            if layer.kind == "add" and len({depths[row] for row in inputs}) > 1:
                if width is not None and _differs(width, layer.out_channels):
                    starts.add(_first(layers, ways, after))
                width, after = layer.out_channels, number + 1
    starts.update(cuts)
    return starts


def _differs(one: int, other: int) -> bool:
    """Whether widths are those of different stages: PyramidNets grow by a little in each block."""
    return max(one, other) >= WIDER * min(one, other)


def _positions(layer: Layer) -> int:
    return layer.out_frames * layer.out_height * layer.out_width


def _sizes(layers: Sequence[Layer], ways: Ways) -> list[int]:
    """Return the output positions of each row, and of the rows of a block those of its end.

    A block lies between two rows that every way goes through. Where its convolutions have other
    sizes than those two, it is none: it has cells of its own.
    """
    sizes = [_positions(layer) for layer in layers]
    last = list(range(len(layers)))  # that reads each row
    for number, inputs in enumerate(ways):
        for row in inputs or ():
            if row >= 0:
                last[row] = number
    reach, begin, before = 0, 0, 0
    for number, inputs in enumerate(ways):
        if reach <= number and inputs is not None:  # every way goes through this row
            inner = [row for row in range(begin, number + 1) if ways[row] is not None]
            found = {sizes[row] for row in inner if is_convolution(layers[row])}
            end = sizes[number]
            if found <= {before, end}:
                for row in inner:
                    sizes[row] = end
            begin, before = number + 1, end
        reach = max(reach, last[number])
    return sizes


def _first(layers: Sequence[Layer], ways: Ways, row: int) -> int:
    """Return the first convolution on the ways from a row on."""
    while ways[row] is None or not is_convolution(layers[row]):
        row += 1
    return row


def depths_of(layers: Sequence[Layer], ways: Ways) -> list[int]:
    """Return how many convolutions lie on the longest way to each row, and 0 for the image."""
    depths: list[int] = []
    for layer, inputs in zip(layers, ways, strict=True):
        before = max((depths[row] for row in inputs or () if row >= 0), default=0)
        depths.append(before + (inputs is not None and is_convolution(layer)))
    return [*depths, 0]  # so that row -1 is the image
