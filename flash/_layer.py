"""Layer: one row of a network's table. Public as ``flash.network.Layer``."""

from __future__ import annotations

from ._record import Record
from ._validate import choice, integer, shown
from .errors import ArgumentError, ArgumentTypeError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

__all__ = ["KINDS", "MAX_CHANNELS", "MAX_LAYERS", "MAX_SIDE", "Layer", "row_numbers"]

KINDS = ("conv", "linear", "pool", "add", "concat")
ACTIVATIONS = ("relu", "relu6")
MODES = ("avg", "max", "global_avg")
NORMS = ("input", "output", "both")
MAX_CHANNELS = 1 << 40
MAX_SIDE = 1 << 16
MAX_LAYERS = 1 << 20

_COUNTS = (
    ("in_channels", 1, MAX_CHANNELS),
    ("out_channels", 1, MAX_CHANNELS),
    ("height", 1, MAX_SIDE),
    ("width", 1, MAX_SIDE),
    ("kernel", 1, MAX_SIDE),
    ("stride", 1, MAX_SIDE),
    ("groups", 1, MAX_CHANNELS),
)


class Layer(Record):
    """One row of a network's table.

    Parameters
    ----------
    kind : {"conv", "linear", "pool", "add", "concat"}
        A depthwise convolution is a conv with groups = in_channels. A linear layer flattens what
        it reads. A concat of one input with a norm is a batch norm of its own.
    in_channels, out_channels : int
        For add and concat the two are equal.
    height, width : int
        Of the input, in pixels; 1 for a linear layer.
    kernel, stride, groups : int, default 1
    padding : int, optional
        Zeros on each side. Default ``kernel // 2``, and 0 for a pool of even kernel, which is what
        such a pool means everywhere.
    inputs : sequence of int, optional
        Rows read, -1 for the image; default the row before.
    norm : {False, True, "output", "input", "both"}, default False
        Where batch norm is: over the output channels (True or "output"), the input channels, or
        both. Each channel has two parameters.
    bias : bool, default False
        One parameter per output channel (conv and linear).
    cell : int, optional
        The cell that the row belongs to; None for stem and head.
    activation : {None, "relu", "relu6"}
    mode : {None, "avg", "max", "global_avg"}
        Of a pool, where the default is "avg".
    channels : int, optional
        Of add and concat: how many channels are taken from each (add) or from all (concat) of the
        inputs after the first. None: all of them. Which ones an architecture takes,
        `Architecture.links_into` says.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        If a value is not accepted, or the kernel is larger than the padded input.
    """

    kind: str
    in_channels: int
    out_channels: int
    height: int = 1
    width: int = 1
    kernel: int = 1
    stride: int = 1
    groups: int = 1
    padding: int | None = None
    inputs: Sequence[int] | None = None
    norm: bool | str = False
    bias: bool = False
    cell: int | None = None
    activation: str | None = None
    mode: str | None = None
    channels: int | None = None

    def __post_init__(self) -> None:
        state = self.__dict__
        kind = self.kind
        if kind not in KINDS:
            choice("kind", kind, KINDS)
        for name, low, high in _COUNTS:
            value = state[name]
            if type(value) is not int or not low <= value <= high:
                state[name] = integer(name, value, low, high)
        if self.padding is None:
            state["padding"] = self._default_padding()
        else:
            state["padding"] = integer("padding", self.padding, 0, MAX_SIDE)
        if self.inputs is not None:
            state["inputs"] = row_numbers(self.inputs)
        if self.norm is True:
            state["norm"] = "output"
        elif self.norm is not False:
            choice("norm", self.norm, NORMS)
        if not isinstance(self.bias, bool):
            raise ArgumentTypeError(f"bias must be True or False, got {shown(self.bias)}")
        if self.cell is not None:
            state["cell"] = integer("cell", self.cell, 0, MAX_LAYERS)
        if self.activation is not None:
            choice("activation", self.activation, ACTIVATIONS)
        if kind == "pool":
            state["mode"] = choice("mode", self.mode or "avg", MODES)
        elif self.mode is not None:
            raise ArgumentError(f"mode belongs to a pool, got {shown(self.mode)} for a {kind}")
        if self.channels is not None:
            if kind not in ("add", "concat"):
                raise ArgumentError(
                    f"channels belongs to add and concat, got {shown(self.channels)} for a {kind}"
                )
            state["channels"] = integer("channels", self.channels, 1, self.out_channels)
        self._check_operation()

    def _default_padding(self) -> int:
        even_pool = self.kind == "pool" and self.kernel % 2 == 0
        return 0 if even_pool else self.kernel // 2

    def _check_operation(self) -> None:
        kind = self.kind
        if kind == "conv":
            if self.in_channels % self.groups or self.out_channels % self.groups:
                raise ArgumentError(
                    f"groups must divide in_channels and out_channels, got {self.groups} for "
                    f"{self.in_channels} and {self.out_channels}"
                )
        else:
            if self.groups != 1:
                raise ArgumentError(f"groups belongs to a conv, got {self.groups} for a {kind}")
            if kind == "linear":
                if (self.height, self.width, self.kernel, self.stride) != (1, 1, 1, 1):
                    raise ArgumentError(
                        "a linear layer has height, width, kernel and stride 1 (in_channels "
                        f"counts every pixel), got {self.height}, {self.width}, {self.kernel} "
                        f"and {self.stride}"
                    )
                return
            if self.in_channels != self.out_channels:
                raise ArgumentError(
                    f"out_channels of a {kind} must equal in_channels, got {self.out_channels} "
                    f"and {self.in_channels}"
                )
            if self.bias:
                raise ArgumentError(f"bias belongs to conv and linear, got True for a {kind}")
        if kind in ("conv", "pool"):
            if self.mode != "global_avg" and min(self.out_height, self.out_width) < 1:
                raise ArgumentError(
                    f"kernel must fit into the padded input, got {self.kernel} for "
                    f"{self.height} x {self.width} with padding {self.padding}"
                )
        elif self.kernel != 1 or self.stride != 1:
            raise ArgumentError(
                f"kernel and stride of {kind} must be 1, got {self.kernel} and {self.stride}"
            )

    def _out(self, side: int) -> int:
        if self.kind == "conv" or self.kind == "pool":
            if self.mode == "global_avg":
                return 1
            return (side + 2 * (self.padding or 0) - self.kernel) // self.stride + 1
        return side

    @property
    def out_height(self) -> int:
        """Height of the output in pixels."""
        return self._out(self.height)

    @property
    def out_width(self) -> int:
        """Width of the output in pixels."""
        return self._out(self.width)

    @property
    def weights(self) -> int:
        """Weights of a conv or linear layer, without bias and norm."""
        if self.kind == "conv":
            return self.in_channels // self.groups * self.kernel**2 * self.out_channels
        return self.in_channels * self.out_channels if self.kind == "linear" else 0

    @property
    def params(self) -> int:
        """Weights, biases and batch norm parameters (two per normalised channel)."""
        count = self.weights + (self.out_channels if self.bias else 0)
        if self.norm in ("input", "both"):
            count += 2 * self.in_channels
        if self.norm in ("output", "both"):
            count += 2 * self.out_channels
        return count

    @property
    def macs(self) -> int:
        """Multiply-accumulates of a conv or linear layer, for one image."""
        return self.weights * (self.out_height * self.out_width if self.kind == "conv" else 1)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields that differ from their defaults, as plain data."""
        usual = {**self._defaults, "padding": self._default_padding()}
        data: dict[str, Any] = {}
        for name in self._fields:
            value = self.__dict__[name]
            if name not in usual or value != usual[name]:
                data[name] = list(value) if name == "inputs" else value
        return data


def row_numbers(inputs: object) -> tuple[int, ...]:
    """Return the row numbers of a layer's inputs, checked."""
    if isinstance(inputs, str) or not hasattr(inputs, "__iter__"):
        raise ArgumentTypeError(f"inputs must be a list of row numbers, got {shown(inputs)}")
    rows = tuple(
        row if type(row) is int and row >= -1 else integer("inputs", row, -1) for row in inputs
    )
    if not rows:
        raise ArgumentError("inputs must name at least one row, got none")
    return rows
