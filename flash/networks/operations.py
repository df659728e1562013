"""What a network is charged for: its operations, row by row, made once and kept with it.

Which rows of a network a target charges for (the same rule in flash/_core/model/families.pxd and in
the fits of benchmarks/calibration): convolutions and linear layers; concatenations of several
inputs; additions, once per input after the first; poolings; and norms that cannot be folded into a
convolution, those that follow an addition or a concatenation and those on the output of a row that
is no convolution. All other norms and the activations are free, or a part of their convolution. A
kind of target may give some of these no features. Rows that do not count (`counting`) cost nothing,
and neither do zeros, nor adding them.
"""

from __future__ import annotations

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

__all__ = ["MAX_PRODUCT", "Charged", "charged", "operations"]

CONV, ELEMENTWISE, ADD, POOL = range(4)
MAX_PRODUCT = 1 << 56  # of a layer's weights, so that counts of bits and of copies fit 62 bits


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
    widths : tuple or None
        Of its intervals, kept by flash/hardware/_prediction.py.
    """

    layers: Sequence[Layer]
    input_shape: tuple[int, int, int]

    __slots__ = (
        *("counts", "family", "input_shape", "layers", "packed", "rows", "too_large", "widths"),
    )

    def __init__(self, net: Layers | Network) -> None:
        self.widths: Any = None
        layers = net.layers
        self.layers, self.input_shape = layers, net.input_shape
        found = net.counted
        if found is None:
            found = [_inputs(layer, net.connected) for layer in layers]
        self.counts: list[bool] = [inputs is not None for inputs in found]
        self.rows: list[list[Operation]] = [
            [] if inputs is None else _operations(layers, layer, inputs)
            for layer, inputs in zip(layers, found, strict=True)
        ]
        numbers = [number for row in self.rows for one in row for number in one]
        # Not an array: that module brings collections, a fifth of what Python takes to start.
        self.packed = memoryview(bytearray(8 * len(numbers))).cast("q")
        for place, number in enumerate(numbers):
            self.packed[place] = number
        linked = any(one.kind == "concat" and one.cell is not None for one in self.counting_layers)
        self.family = "densenet" if linked else ""
        self.too_large: int | None = None
        for number, row in enumerate(self.rows):
            kind, kernel, into, out, *_, across, _, _, _, _ = row[-1] if row else (ADD, *(0,) * 11)
            if kind == CONV and kernel * across * into * out > MAX_PRODUCT:
                self.too_large = number
                break

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
        positions of the input, and those with its padding).
    """
    return charged(net).rows


def _inputs(layer: Layer, connected: bool) -> tuple[int, ...] | None:
    """Return what a row reads; without connections a sum is one of two, as is a concatenation."""
    if connected or layer.kind not in ("add", "concat"):
        return tuple(layer.inputs or (-1,))
    return (-1, -1)


def _operations(layers: Sequence[Layer], layer: Layer, inputs: Sequence[int]) -> list[Operation]:
    found: list[Operation] = []
    source = layers[inputs[0]] if inputs[0] >= 0 else None
    if source is not None and layer.norm in ("input", "both") and source.kind in ("add", "concat"):
        found.append(_sweep(source.out_channels, source.out_height, source.out_width))
    size = (layer.out_height, layer.out_width)
    kernel, across = layer.kernel_size
    into, out = layer.in_channels, layer.out_channels
    if layer.kind in ("conv", "linear"):
        top, left, bottom, right = layer.paddings
        reads = layer.height * layer.width
        padded = (layer.height + top + bottom) * (layer.width + left + right)
        rest = (across, *_begun(layer), reads, padded)
        found.append((CONV, kernel, into, out, layer.groups, *size, *rest))
        return found
    if layer.kind == "concat" and len(inputs) > 1:
        found.append(_sweep(out, *size))
    elif layer.kind == "add":
        spots = size[0] * size[1]
        one = (ADD, 1, 1, layer.channels or out, 1, *size, 1, *size, spots, spots)
        found += [one] * (len(inputs) - 1)
    elif layer.kind == "pool":
        if layer.mode == "global_avg":
            kernel, across = layer.height, layer.width
        reads = layer.height * layer.width
        found.append((POOL, kernel, 1, out, 1, *size, across, *size, reads, reads))
    if layer.norm in ("output", "both"):
        found.append(_sweep(out, *size))
    return found


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
