"""What a network is charged for: its operations, row by row, made once and kept with it.

Which rows of a network a target charges for (the same rule in flash/_core/model/families.pxd and in
the fits of benchmarks/calibration): convolutions and linear layers; concatenations of several
inputs; additions, once per input after the first; poolings; and norms that cannot be folded into a
convolution, those that follow an addition or a concatenation and those on the output of a row that
is no convolution. All other norms and the activations are free, or a part of their convolution. A
kind of target may give some of these no features. Rows that do not count (`counting`) cost nothing,
and neither do zeros, nor adding them.

Of networks that are read from elsewhere also products of two values (a convolution whose weights
are one of them), recurrent layers, and every pass over numbers: activations that no runtime works
into a convolution (any but relu and relu6), norms of their own, products and sums number by number,
copies, resizing and reductions. A transposed convolution is a product of each position of its input
with the whole kernel. Other ways of reading what is there, and inputs, cost nothing.
"""

from __future__ import annotations

from .layer import FAMILY_KINDS, GATES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, Protocol

    from .layer import Layer
    from .network import Network

    class Layers(Protocol):
        """What is read of a network."""

        @property
        def layers(self) -> Sequence[Layer]: ...
        @property
        def input_shape(self) -> tuple[int, int, int]: ...
        @property
        def counted(self) -> list[tuple[int, ...] | None] | None: ...
        @property
        def connected(self) -> bool: ...

    # the last five: width of the kernel, positions begun along the height and across the width,
    # positions of the input, and those with its padding
    Operation = tuple[int, int, int, int, int, int, int, int, int, int, int, int]

__all__ = ["CONVOLUTIONS", "FUSED", "MAX_PRODUCT", "PASS", "Charged", "charged", "operations"]

CONV, ELEMENTWISE, ADD, POOL, PASS, PRODUCT, RECURRENT, BARE, TOKENS = range(9)
PLAIN, CURVE, SOFTMAX, NORM, PERMUTE, RESIZE, UNROLL, REORDER, ELU, SOFTPLUS = range(10)
CONVOLUTIONS = (CONV, BARE, TOKENS)
MULTIPLIED = (*CONVOLUTIONS, PRODUCT, RECURRENT)
MAX_PRODUCT = 1 << 56  # of a layer's weights, so that counts of bits and of copies fit 62 bits
MAX_NUMBERS = 1 << 60  # of an operation's input and output
FUSED = (None, "relu", "relu6")  # activations that belong to the layer before them
# activations, and functions, by what they take of each number: an exponential or the like
ACTIVATED = {
    **dict.fromkeys(("gelu", "sigmoid", "silu", "softsign", "tanh", "erf", "exp", "log"), CURVE),
    **dict.fromkeys(("cos", "expm1", "log1p", "pow", "sin"), CURVE),
    **dict.fromkeys(("softmax", "log_softmax"), SOFTMAX),
    **dict.fromkeys(("elu", "selu", "celu", "logsigmoid"), ELU),
    **dict.fromkeys(("softplus", "mish"), SOFTPLUS),
}
OF_MAPS = ("act", "mul", "scale", "norm", "resize")  # passes that break a chain of convolutions
STRIDED = ("permute", "gather", "scatter")  # moves of single numbers


class Charged:
    """A network's operations, and what else its costs depend on.

    Attributes
    ----------
    layers : sequence of Layer
    input_shape : (int, int, int)
    rows : list of list of Operation
        Of each layer: see `operations`.
    packed : memoryview of int64
        All of them one after another, twelve numbers each: what the core reads.
    counts : list of bool
        Which layers count.
    family : str
        "densenet" where a cell of the network holds a concatenation, else "".
    too_large : int or None
        A layer too large to be counted in 62 bits.
    starts : sequence of int or None
        Rows with which its stem, blocks and head begin, where who built it told.
    widths : tuple or None
        Of its intervals, kept by flash/hardware/_prediction.py.
    """

    layers: Sequence[Layer]
    input_shape: tuple[int, int, int]

    __slots__ = (
        *("counts", "family", "input_shape", "layers", "packed", "rows", "starts", "too_large"),
        "widths",
    )

    def __init__(self, net: Layers | Network) -> None:
        self.widths: Any = None
        layers = net.layers
        self.layers, self.input_shape = layers, net.input_shape
        self.starts: Sequence[int] | None = net.__dict__.get("_starts")
        found = net.counted
        if found is None:
            found = [_inputs(layer, net.connected) for layer in layers]
        self.counts: list[bool] = [inputs is not None for inputs in found]
        self.rows: list[list[Operation]] = [
            [] if inputs is None else _operations(layers, layer, inputs)
            for layer, inputs in zip(layers, found, strict=True)
        ]
        self.too_large: int | None = None
        for number, row in enumerate(self.rows):
            for one in row:  # first a product that bounds all others
                most = one[1] * one[2] * one[3] * one[4] * one[7] * one[11]
                if (most > MAX_PRODUCT or one[0] == PASS) and _is_too_large(one):
                    self.too_large = number
                    break
            if self.too_large is not None:
                self.rows = [[] for _ in layers]  # their numbers are too long to be packed
                break
        numbers = [number for row in self.rows for one in row for number in one]
        # Not an array: that module brings collections, a fifth of what Python takes to start.
        self.packed = memoryview(bytearray(8 * len(numbers))).cast("q")
        for place, number in enumerate(numbers):
            self.packed[place] = number
        linked = any(one.kind == "concat" and one.cell is not None for one in self.counting_layers)
        self.family = "densenet" if linked else ""

    @property
    def counting_layers(self) -> list[Layer]:
        """The layers that count."""
        return [layer for layer, counts in zip(self.layers, self.counts, strict=True) if counts]


def charged(net: Network) -> Charged:
    """Return what a network is charged for: made once, then kept with it."""
    found: Charged | None = net.__dict__.get("_charged")
    if found is None:
        found = net.__dict__["_charged"] = Charged(net)
    return found


def operations(net: Network) -> list[list[Operation]]:
    """Return what each row of a network is charged for, by the rule of this module.

    Returns
    -------
    list of list of tuple
        (0 a convolution, 1 an elementwise pass, 2 an addition or 3 a pooling, kernel, input
        channels, output channels, groups, height and width of the output, width of the kernel,
        positions along the height and across the width with those that have only begun at an edge,
        positions of the input, and those with its padding). 4 is any other pass: its sub-kind, the
        numbers read, written, and those that it is about; 5 a product of computed values; 6 a
        recurrent layer; 7 a convolution without norm and activation, 8 a linear layer of each
        position (see flash/_core/model/operations.pxd).
    """
    return charged(net).rows


def _inputs(layer: Layer, connected: bool) -> tuple[int, ...] | None:
    """Return what a row reads; without connections a sum is one of two, as is a concatenation."""
    if connected or layer.kind not in ("add", "concat"):
        return tuple(layer.inputs or (-1,))
    return (-1, -1)


def _is_too_large(one: Operation) -> bool:
    kind, kernel, into, out, groups, _, _, across, _, _, reads, padded = one
    if kind == PASS:
        return max(into, out, groups) > MAX_NUMBERS
    if kind not in MULTIPLIED:
        return False
    each = into // groups if kind == PRODUCT else into
    if kind == RECURRENT:
        kernel = across = 1
    return kernel * across * each * out > MAX_PRODUCT or max(reads, padded) * into > MAX_NUMBERS


def _operations(layers: Sequence[Layer], layer: Layer, inputs: Sequence[int]) -> list[Operation]:
    kind = layer.kind
    source = layers[inputs[0]] if inputs and inputs[0] >= 0 else None
    if kind not in FAMILY_KINDS:
        found = [] if layer.is_free else _foreign(layer)
        if kind in OF_MAPS and source is not None and _is_blocked(source):
            found.append(_pass(REORDER, 0, 0, 2 * layer.numbers_written))
        return found
    found = []
    if source is not None and layer.norm in ("input", "both") and source.kind in ("add", "concat"):
        found.append(_sweep(source.out_channels, source.out_height, source.out_width))
    if kind in ("conv", "linear"):
        found += _weighted(layer)
    else:
        found += _passed(layers, layer, inputs)
    if layer.activation not in FUSED:
        found += _unfused(layer)
    return found


def _passed(layers: Sequence[Layer], layer: Layer, inputs: Sequence[int]) -> list[Operation]:
    """Return the operations of a concatenation, addition or pool, and of its norm."""
    kind, out = layer.kind, layer.out_channels
    size = (layer.out_frames * layer.out_height, layer.out_width)
    found: list[Operation] = []
    if kind == "concat" and len(inputs) > 1:
        found.append(_sweep(out, *size))
    elif kind == "add":
        spots = size[0] * size[1]
        one = (ADD, 1, 1, layer.channels or out, 1, *size, 1, *size, spots, spots)
        found += [one] * (len(inputs) - 1)
        if layer.reshaped or any(_stands_alone(layers[row]) for row in inputs if row >= 0):
            found.append(_pass(PLAIN, layer.numbers_read, layer.numbers_written, 0))
    elif kind == "pool":
        kernel, across = layer.kernel_size
        kernel *= layer.kernel_frames
        if layer.mode == "global_avg":
            kernel, across = layer.frames * layer.height, layer.width
        reads = layer.frames * layer.height * layer.width
        found.append((POOL, kernel, 1, out, 1, *size, across, *size, reads, reads))
    if layer.norm in ("output", "both"):
        found.append(_sweep(out, *size))
    return found


def _unfused(layer: Layer) -> list[Operation]:
    """Return the passes of an activation that no runtime works into its layer."""
    channels, height, width = layer.shape_out
    numbers = channels * height * width
    found: list[Operation] = []
    if layer.norm in ("input", "both"):
        channels, height, width = layer.shape_in
        found.append(_activation(layer.activation, channels * height * width))
    if layer.norm != "input":
        found.append(_activation(layer.activation, numbers))
    if layer.kind == "conv":
        found.append(_pass(REORDER, 0, 0, 2 * numbers))
    return found


def _weighted(layer: Layer) -> list[Operation]:
    """Return the operations of a convolution or linear layer."""
    into, out, groups = layer.in_channels, layer.out_channels, layer.groups
    if layer.transposed or layer.frames > 1 or layer.kernel_frames > 1:
        return _unrolled(layer)
    down, across = layer.kernel_size
    top, left, bottom, right = layer.paddings
    reads = layer.height * layer.width
    padded = (layer.height + top + bottom) * (layer.width + left + right)
    code = CONV
    if layer.bias and not layer.norm and layer.activation is None and layer.kind == "conv":
        code = BARE
    elif reads > 1 and layer.kind == "linear":
        code = TOKENS
    size = (layer.out_height, layer.out_width)
    return [(code, down, into, out, groups, *size, across, *_begun(layer), reads, padded)]


def _unrolled(layer: Layer) -> list[Operation]:
    """Return the same of a transposed one, and of one over frames."""
    into, out, groups = layer.in_channels, layer.out_channels, layer.groups
    height, width = layer.frames * layer.height, layer.width
    reads = height * width
    down, across = layer.kernel_size
    down *= layer.kernel_frames
    if layer.transposed:
        spread = out * down * across
        own = (BARE, 1, into, spread, groups, height, width, 1, height, width, reads, reads)
        added = _pass(PLAIN, reads * spread, layer.numbers_written, 0)
        return [own, _pass(UNROLL, 0, 0, reads * spread), added]
    size = (layer.out_frames * layer.out_height, layer.out_width)
    top, left, bottom, right = layer.paddings
    given = layer.padding_frames
    frames = layer.frames + (2 * given if isinstance(given, int) else sum(given))
    padded = frames * (layer.height + top + bottom) * (layer.width + left + right)
    own = (CONV, down, into, out, groups, *size, across, *size, reads, padded)
    return [own, _pass(UNROLL, 0, 0, size[0] * size[1] * down * across * into)]


def _foreign(layer: Layer) -> list[Operation]:
    """Return the operations of a row of a kind that no family has."""
    kind, reads, writes = layer.kind, layer.numbers_read, layer.numbers_written
    height, width = layer.height, layer.width
    spots = height * width
    if kind == "matmul":
        size = (height, width)
        into, out = layer.in_channels, layer.out_channels
        found = [(PRODUCT, 1, into, out, layer.groups, *size, 1, *size, spots, spots)]
    elif kind == "recurrent":
        hidden = layer.out_channels // layer.groups
        into = layer.in_channels + hidden
        gates, out = GATES[str(layer.mode)], layer.weights // into
        found = [
            (RECURRENT, gates, into, out, layer.groups, spots, 1, hidden, spots, 1, spots, spots)
        ]
    elif kind == "act":
        return [_activation(layer.activation, writes)]
    elif kind == "norm" and layer.mode != "batch":
        found = [_pass(NORM, reads, writes, writes)]
    elif kind == "resize":
        found = [_pass(RESIZE, reads, writes, writes)]
    elif kind == "move" and layer.mode in STRIDED:
        found = [_pass(PERMUTE, reads, writes, writes)]
    else:
        sub = ACTIVATED.get(str(layer.mode), PLAIN) if kind == "elementwise" else PLAIN
        found = [_pass(sub, reads, writes, writes)]
    if layer.activation not in FUSED:
        found.append(_activation(layer.activation, writes))
    return found


def _stands_alone(layer: Layer) -> bool:
    """Whether no runtime works an addition into this layer."""
    if layer.kind == "linear":
        return layer.height * layer.width > 1
    return layer.kind not in FAMILY_KINDS


def _is_blocked(layer: Layer) -> bool:
    """Whether a runtime lays out in blocks of channels what a row hands on: maps."""
    return layer.kind in FAMILY_KINDS and layer.kind != "linear" and layer.out_width > 1


def _activation(name: str | None, numbers: int) -> Operation:
    return _pass(ACTIVATED.get(str(name), PLAIN), numbers, numbers, numbers)


def _pass(sub: int, reads: int, writes: int, numbers: int) -> Operation:
    return (PASS, sub, reads, writes, max(1, numbers), 1, 1, 1, 1, 1, 1, 1)


def _begun(layer: Layer) -> tuple[int, int]:
    top, left, bottom, right = layer.paddings
    padded = (layer.height + top + bottom, layer.width + left + right)
    down, across = (
        1 - (dilation * (kernel - 1) + 1 - side) // stride
        for side, kernel, stride, dilation in zip(
            padded, layer.kernel_size, layer.strides, layer.dilations, strict=True
        )
    )
    return down, across


def _sweep(channels: int, height: int, width: int) -> Operation:
    spots = height * width
    return (ELEMENTWISE, 1, 1, channels, 1, height, width, 1, height, width, spots, spots)
