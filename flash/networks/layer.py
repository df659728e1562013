"""Layer: one row of a network's table. Public as ``flash.networks.network.Layer``."""

from __future__ import annotations

from ..base.checks import choice, flag, integer, is_list, items, public, shown
from ..base.record import Record, cached
from ..errors import ArgumentError, ArgumentTypeError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

__all__ = ["ACTIVATIONS", "KINDS", "MAX_CHANNELS", "MAX_LAYERS", "MAX_SIDE", "Layer", "row_numbers"]

KINDS = ("conv", "linear", "pool", "add", "concat")
ACTIVATIONS = (
    *("relu", "relu6"),  # which all targets were calibrated with
    *("celu", "elu", "gelu", "hardsigmoid", "hardswish", "hardtanh", "leaky_relu", "log_softmax"),
    *("logsigmoid", "mish", "selu", "sigmoid", "silu", "softmax", "softplus", "softsign", "tanh"),
)
MODES = ("avg", "max", "global_avg", "zero")
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
    ("dilation", 1, MAX_SIDE),
)
_SIDED = ("kernel", "stride", "padding", "dilation")


@public
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
        kernel, stride, padding and dilation may be given as (height, width) where these differ: see
        `kernel_width`.
    padding : int, optional
        Zeros on each side. Default ``dilation * (kernel // 2)``, and 0 for a pool of even kernel,
        which is what such a pool means everywhere.
    inputs : sequence of int, optional
        Rows read, -1 for the image; default the row before.
    norm : {False, True, "output", "input", "both"}, default False
        Where batch norm is: over the output channels (True or "output"), the input channels, or
        both. Each channel has two parameters.
    bias : bool, default False
        One parameter per output channel (conv and linear).
    cell : int, optional
        The cell that the row belongs to; None for stem and head.
    activation : {None, "relu", "relu6", "silu", "gelu", "hardswish", ...}
        By the names of torch.nn.functional. None of them changes a count; see `Cost.flags` for what
        a target says of them.
    mode : {None, "avg", "max", "global_avg", "zero"}
        Of a pool, where the default is "avg". "zero" hands on zeros: an edge of a cell that does
        nothing, where it is executed all the same. What it reads is not needed for them.
    channels : int, optional
        Of add and concat: how many channels are taken from each (add) or from all (concat) of the
        inputs after the first. None: all of them. Which ones an architecture takes,
        `Architecture.links_into` says. A concat of one input takes so many channels of it.
    dilation : int, default 1
        Step between the positions that a kernel reads.
    kernel_width, stride_width, padding_width, dilation_width : int, optional
        Across the width, where it differs from that along the height; None where it does not.
    padding_end : (int, int), optional
        Zeros at the bottom and at the right, where these differ from those at the top and at the
        left.
    extra_params : int, default 0
        Parameters beside weights, bias and norm, such as gains of the weights; negative where some
        of those are stored with another row, which counts them, and are used here again.

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
    dilation: int = 1
    kernel_width: int | None = None
    stride_width: int | None = None
    padding_width: int | None = None
    dilation_width: int | None = None
    padding_end: Sequence[int] | None = None
    extra_params: int = 0

    if TYPE_CHECKING:  # a pair stands for two fields

        def __init__(
            self,
            kind: str,
            in_channels: int,
            out_channels: int,
            height: int = 1,
            width: int = 1,
            kernel: int | Sequence[int] = 1,
            stride: int | Sequence[int] = 1,
            groups: int = 1,
            padding: int | Sequence[int] | None = None,
            inputs: Sequence[int] | None = None,
            norm: bool | str = False,
            bias: bool = False,
            cell: int | None = None,
            activation: str | None = None,
            mode: str | None = None,
            channels: int | None = None,
            dilation: int | Sequence[int] = 1,
            kernel_width: int | None = None,
            stride_width: int | None = None,
            padding_width: int | None = None,
            dilation_width: int | None = None,
            padding_end: Sequence[int] | None = None,
            extra_params: int = 0,
        ) -> None: ...

    @classmethod
    def known(cls, **fields: Any) -> Layer:
        """Make a layer of fields that are right, as `Layer` would leave them: nothing is checked.

        For those who work layers out themselves: the checks take longer than all else.
        """
        self = cls.__new__(cls)
        self.__dict__.update(cls._defaults, **fields)
        return self

    def __post_init__(self) -> None:
        state = self.__dict__
        kind: Any = self.kind
        if not isinstance(kind, str) or kind not in KINDS:
            choice("kind", kind, KINDS)
        self._check_counts()
        self._check_padding()
        if self.inputs is not None:
            state["inputs"] = row_numbers(self.inputs)
        if self.norm is True:
            state["norm"] = "output"
        elif self.norm is not False:
            choice("norm", self.norm, NORMS)
        if self.bias is not False:
            flag("bias", self.bias)
        if self.cell is not None:
            state["cell"] = integer("cell", self.cell, 0, MAX_LAYERS)
        if self.activation is not None:
            choice("activation", self.activation, ACTIVATIONS)
        self._check_operation()
        extra = self.extra_params
        if type(extra) is not int or extra != 0:
            state["extra_params"] = 0
            state["extra_params"] = integer("extra_params", extra, -self.params, MAX_CHANNELS)

    def _check_counts(self) -> None:
        state = self.__dict__
        for name in _SIDED:
            if type(state[name]) in (tuple, list):
                state[name], state[f"{name}_width"] = _two(name, state[name])
        for name, low, high in _COUNTS:
            value = state[name]
            if type(value) is not int or not low <= value <= high:
                state[name] = integer(name, value, low, high)
        for name in ("kernel", "stride", "dilation"):
            if state[f"{name}_width"] is not None:
                self._check_width(name, 1)

    def _check_padding(self) -> None:
        state = self.__dict__
        if self.padding is None:
            across = self._default_padding(*self._across("kernel", "dilation"))
            state["padding"] = self._default_padding(self.kernel, self.dilation)
            if self.padding_width is None and across != self.padding:
                state["padding_width"] = across
        else:
            state["padding"] = integer("padding", self.padding, 0, MAX_SIDE)
        if self.padding_width is not None:
            self._check_width("padding", 0)
        if self.padding_end is not None:
            bottom, right = _two("padding_end", self.padding_end)
            end = tuple(integer("padding_end", side, 0, MAX_SIDE) for side in (bottom, right))
            state["padding_end"] = None if end == self.paddings[:2] else end

    def _check_width(self, name: str, low: int) -> None:
        key = f"{name}_width"
        width = integer(key, self.__dict__[key], low, MAX_SIDE)
        self.__dict__[key] = None if width == self.__dict__[name] else width

    def _across(self, *names: str) -> tuple[int, ...]:
        """Return what holds across the width."""
        state = self.__dict__
        return tuple(
            state[name] if state[f"{name}_width"] is None else state[f"{name}_width"]
            for name in names
        )

    def _default_padding(self, kernel: int, dilation: int) -> int:
        even_pool = self.kind == "pool" and kernel % 2 == 0
        return 0 if even_pool else dilation * (kernel // 2)

    def _check_operation(self) -> None:
        """Check what some kinds of layers have and others have not."""
        state, kind = self.__dict__, self.kind
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
        self._check_shapes()

    def _check_shapes(self) -> None:
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
                if self._is_windowed() or (self.height, self.width) != (1, 1):
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
        elif self._is_windowed():
            raise ArgumentError(
                f"kernel and stride of {kind} must be 1, got {self.kernel} and {self.stride}"
            )

    def _is_windowed(self) -> bool:
        """Whether there is a kernel, stride or dilation other than 1."""
        return (*self.kernel_size, *self.strides, *self.dilations) != (1, 1, 1, 1, 1, 1)

    @property
    def kernel_size(self) -> tuple[int, int]:
        """Height and width of the kernel."""
        return self.kernel, self.kernel if self.kernel_width is None else self.kernel_width

    @property
    def strides(self) -> tuple[int, int]:
        """Stride along the height and across the width."""
        return self.stride, self.stride if self.stride_width is None else self.stride_width

    @property
    def dilations(self) -> tuple[int, int]:
        """Dilation along the height and across the width."""
        return self.dilation, self.dilation if self.dilation_width is None else self.dilation_width

    @property
    def paddings(self) -> tuple[int, int, int, int]:
        """Zeros at the top, left, bottom and right, in that order."""
        top = self.padding or 0
        left = top if self.padding_width is None else self.padding_width
        bottom, right = self.padding_end or (top, left)
        return top, left, bottom, right

    def _out(self, side: int, axis: int) -> int:
        if self.kind == "conv" or self.kind == "pool":
            if self.mode == "global_avg":
                return 1
            if self._plain:
                return (side + 2 * (self.padding or 0) - self.kernel) // self.stride + 1
            pads = self.paddings
            reach = self.dilations[axis] * (self.kernel_size[axis] - 1) + 1
            return (side + pads[axis] + pads[axis + 2] - reach) // self.strides[axis] + 1
        return side

    @cached
    def _plain(self) -> bool:
        """Whether the window is a square without dilation, padded alike on all sides."""
        sides = (self.kernel_width, self.stride_width, self.padding_width, self.dilation_width)
        return self.dilation == 1 and self.padding_end is None and sides == (None,) * 4

    @property
    def out_height(self) -> int:
        """Height of the output in pixels."""
        return self._out(self.height, 0)

    @property
    def out_width(self) -> int:
        """Width of the output in pixels."""
        return self._out(self.width, 1)

    @property
    def weights(self) -> int:
        """Weights of a conv or linear layer, without bias and norm."""
        if self.kind == "conv":
            down, across = self.kernel_size
            return self.in_channels // self.groups * down * across * self.out_channels
        return self.in_channels * self.out_channels if self.kind == "linear" else 0

    @property
    def params(self) -> int:
        """Weights, biases, batch norm parameters (two per normalised channel) and extra ones."""
        count = self.weights + (self.out_channels if self.bias else 0) + self.extra_params
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
        usual: dict[str, Any] = dict(self._defaults)
        if self._plain:
            usual["padding"] = self._default_padding(self.kernel, self.dilation)
        data: dict[str, Any] = {}
        for name in self.field_names:
            value = self.__dict__[name]
            if name not in usual or value != usual[name]:
                data[name] = list(value) if isinstance(value, tuple) else value
        return data


def _two(name: str, value: Any) -> tuple[Any, Any]:
    try:
        first, second = value
    except (TypeError, ValueError):
        raise ArgumentTypeError(
            f"{name} must be an integer or (height, width), got {shown(value)}"
        ) from None
    return first, second


def row_numbers(inputs: Any) -> tuple[int, ...]:
    """Return the row numbers of a layer's inputs, checked."""
    if not (hasattr(inputs, "__next__") or is_list(inputs)):
        raise ArgumentTypeError(f"inputs must be a list of row numbers, got {shown(inputs)}")
    if not isinstance(inputs, (list, tuple)):
        inputs = items("inputs", inputs, MAX_LAYERS)
    rows = tuple(
        row if type(row) is int and row >= -1 else integer("inputs", row, -1) for row in inputs
    )
    if not rows:
        raise ArgumentError("inputs must name at least one row, got none")
    return rows
