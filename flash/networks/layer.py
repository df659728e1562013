"""Layer: one row of a network's table. Public as ``flash.networks.network.Layer``."""

from __future__ import annotations

from ..base.checks import choice, flag, integer, is_list, items, public, shown
from ..base.record import Record, cached
from ..errors import ArgumentError, ArgumentTypeError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from ..base.html import Part

__all__ = ["ACTIVATIONS", "KINDS", "MAX_CHANNELS", "MAX_LAYERS", "MAX_SIDE", "Layer", "row_numbers"]

KINDS = (
    *("conv", "linear", "pool", "add", "concat"),  # what the families are made of
    *("matmul", "norm", "act", "mul", "scale", "embedding", "resize", "move", "reduce"),
    *("recurrent", "elementwise", "input"),
)
ACTIVATIONS = (
    *("relu", "relu6"),  # which all targets were calibrated with
    *("celu", "elu", "gelu", "hardsigmoid", "hardswish", "hardtanh", "leaky_relu", "log_softmax"),
    *("logsigmoid", "mish", "selu", "sigmoid", "silu", "softmax", "softplus", "softsign", "tanh"),
)
MODES = {
    "pool": ("avg", "max", "global_avg", "zero", "lp"),
    "norm": ("batch", "layer", "group", "instance", "rms", "l2", "local"),
    "scale": ("mul", "add"),
    "resize": ("nearest", "linear", "cubic", "area"),
    "move": ("view", "slice", "copy", "concat", "expand", "gather", "pad", "permute", "scatter"),
    "recurrent": ("lstm", "gru", "rnn"),
}
NAMED = ("reduce", "elementwise")  # whose mode is the name of a function
FREE = ("view", "slice")  # moves that a runtime makes by another way of reading
GATES = {"lstm": 4, "gru": 3, "rnn": 1}
NORMS = ("input", "output", "both")
FAMILY_KINDS = frozenset(KINDS[:5])
CHANNEL_BYTES = 12  # of an output channel in integers: bias, multiplier, shift
MAX_CHANNELS = 1 << 40
MAX_SIDE = 1 << 16
MAX_LAYERS = 1 << 20
MAX_POSITIONS = 1 << 24  # of a height that holds several axes
MAX_NUMBERS = 1 << 60

_COUNTS = (
    ("in_channels", 1, MAX_CHANNELS),
    ("out_channels", 1, MAX_CHANNELS),
    ("height", 1, MAX_POSITIONS),
    ("width", 1, MAX_POSITIONS),
    ("kernel", 1, MAX_SIDE),
    ("stride", 1, MAX_SIDE),
    ("groups", 1, MAX_CHANNELS),
    ("dilation", 1, MAX_SIDE),
)
_FRAMED = (
    ("frames", 1),
    ("kernel_frames", 1),
    ("stride_frames", 1),
    ("padding_frames", 0),
    ("dilation_frames", 1),
)
_FURTHER = (
    *_FRAMED,
    ("size", None),
    ("transposed", False),
    ("reshaped", False),
    ("reads", None),
    ("bits", 32),
    ("weight_bits", 32),
)
_SIDED = ("kernel", "stride", "padding", "dilation")


@public
class Layer(Record):
    """One row of a network's table.

    Parameters
    ----------
    kind : {"conv", "linear", "pool", "add", "concat", ...}
        A depthwise convolution is a conv with groups = in_channels. A linear layer flattens what
        it reads, or with height and width is one for each of the positions (tokens). A concat of
        one input with a norm is a batch norm of its own. Of networks that are read from elsewhere
        also

        matmul
            A product of two computed values, `groups` independent ones: each (height * width,
            in_channels / groups) by (in_channels / groups, out_channels / groups).
        norm
            By `mode` a "batch", "layer", "group", "instance", "rms", "l2" or "local" (response)
            norm of its own; its parameters are extra_params.
        act
            An `activation` of its own, softmax among them.
        mul
            A product of values of the network, as in squeeze and excitation; one may be smaller.
        scale
            A product with, or sum (`mode`) with learned or constant numbers (extra_params).
        embedding
            Rows of a table of in_channels x out_channels, one for each of the positions.
        resize
            Interpolation by `mode` "nearest", "linear", "cubic" or "area" to `size`.
        move
            Numbers go elsewhere: by `mode` a "view" or "slice" (no work), a "copy", "concat"
            (along another axis than the channels), "expand", "gather", "pad", "permute", "scatter".
        reduce
            A sum, mean, maximum, sort ... (`mode` is its name).
        recurrent
            By `mode` an "lstm", "gru" or "rnn" layer: height steps, `groups` directions,
            out_channels the numbers that all directions hand on.
        elementwise
            Any other function of each number (`mode` is its name), of one or several inputs.
        input
            A further input beside the image.
    in_channels, out_channels : int
        For add and concat the two are equal.
    height, width : int
        Of the input, in pixels. What has more axes is laid out so that channels, height and width
        hold it: tokens are (features, tokens, 1).
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
    mode : {None, "avg", "max", "global_avg", "zero", ...}
        Of a pool, where the default is "avg"; other kinds are told above. "zero" hands on zeros: an
        edge of a cell that does nothing, where it is executed all the same. What it reads is not
        needed for them.
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
    size : (int, int), optional
        Height and width of the output, where nothing else tells it: for transposed, embedding,
        resize, move, reduce, mul, scale and elementwise; default those of the input.
    transposed : bool, default False
        Of a conv: weights are spread over the output instead of the input.
    frames : int, default 1
        Of a 3-d conv or pool: how many maps of height x width it reads, one below the other.
    kernel_frames, stride_frames, dilation_frames : int, default 1
    padding_frames : int or (int, int), default 0
        Zeros before the first and after the last frame.
    reshaped : bool, default False
        The input is read in another shape, with as many numbers.
    reads : int, optional
        Numbers read beside weights, where shapes don't tell: of factors that are smaller, say.
    bits, weight_bits : int, default 32
        Of each number that is handed on, and of each weight as stored.

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
    size: Sequence[int] | None = None
    transposed: bool = False
    frames: int = 1
    kernel_frames: int = 1
    stride_frames: int = 1
    padding_frames: int | Sequence[int] = 0
    dilation_frames: int = 1
    reshaped: bool = False
    reads: int | None = None
    bits: int = 32
    weight_bits: int = 32

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
            size: Sequence[int] | None = None,
            transposed: bool = False,
            frames: int = 1,
            kernel_frames: int = 1,
            stride_frames: int = 1,
            padding_frames: int | Sequence[int] = 0,
            dilation_frames: int = 1,
            reshaped: bool = False,
            reads: int | None = None,
            bits: int = 32,
            weight_bits: int = 32,
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
        self._check_further()
        if self.inputs is not None:
            state["inputs"] = row_numbers(self.inputs) if kind != "input" else ()
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

    def _check_further(self) -> None:
        """Check what only rows of networks from elsewhere have."""
        state = self.__dict__
        if all(state[name] is value or _is_same(state[name], value) for name, value in _FURTHER):
            return
        for name in ("transposed", "reshaped"):
            flag(name, state[name])
        for name in ("frames", "kernel_frames", "stride_frames", "dilation_frames"):
            state[name] = integer(name, state[name], 1, MAX_SIDE)
        if is_list(self.padding_frames):
            pair = _two("padding_frames", self.padding_frames)
            before, after = (integer("padding_frames", side, 0, MAX_SIDE) for side in pair)
            state["padding_frames"] = before if before == after else (before, after)
        else:
            state["padding_frames"] = integer("padding_frames", self.padding_frames, 0, MAX_SIDE)
        if self.size is not None:
            pair = _two("size", self.size)
            state["size"] = tuple(integer("size", side, 1, MAX_POSITIONS) for side in pair)
        if self.reads is not None:
            state["reads"] = integer("reads", self.reads, 0, MAX_NUMBERS)
        for name in ("bits", "weight_bits"):
            state[name] = integer(name, state[name], 1, 64)
        if self.kind not in ("conv", "pool") and self._is_framed():
            raise ArgumentError(f"frames belong to a conv or pool, got them for a {self.kind}")
        if self.transposed and self.kind != "conv":
            raise ArgumentError(f"transposed belongs to a conv, got True for a {self.kind}")
        if self.size is not None and not self._is_sized():
            raise ArgumentError(
                f"the size of a {self.kind} follows from its input, got {self.size}"
            )

    def _is_framed(self) -> bool:
        state = self.__dict__
        return any(state[name] != value for name, value in _FRAMED)

    def _is_sized(self) -> bool:
        """Whether its output's size is said, and not worked out."""
        return (
            self.transposed
            or (self.kind not in FAMILY_KINDS and self.kind not in ("matmul", "norm", "act"))
            or (self.kind == "add" and self.reshaped)
        )

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
            state["mode"] = choice("mode", self.mode or "avg", MODES["pool"])
        elif kind in MODES:
            state["mode"] = choice("mode", self.mode, MODES[kind])
        elif kind in NAMED:
            if not (isinstance(self.mode, str) and self.mode.isidentifier()):
                raise ArgumentError(
                    f"mode of a {kind} must be the name of a function, got {shown(self.mode)}"
                )
        elif self.mode is not None:
            raise ArgumentError(f"mode belongs to a pool, got {shown(self.mode)} for a {kind}")
        if kind == "act" and self.activation is None:
            raise ArgumentError("activation of an act must be a name, got None")
        if self.channels is not None:
            if kind not in ("add", "concat"):
                raise ArgumentError(
                    f"channels belongs to add and concat, got {shown(self.channels)} for a {kind}"
                )
            state["channels"] = integer("channels", self.channels, 1, self.out_channels)
        self._check_shapes()

    def _check_shapes(self) -> None:
        kind = self.kind
        if kind not in FAMILY_KINDS:
            self._check_foreign()
            return
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
                if self._is_windowed():
                    raise ArgumentError(
                        "a linear layer has kernel and stride 1 (in_channels counts every pixel "
                        "where height and width are 1), got "
                        f"{self.kernel} and {self.stride}"
                    )
                return
            if self.in_channels != self.out_channels and not self.reshaped:
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

    def _check_foreign(self) -> None:
        kind, into, out = self.kind, self.in_channels, self.out_channels
        if kind in ("matmul", "recurrent"):
            if (kind == "matmul" and into % self.groups) or out % self.groups:
                raise ArgumentError(
                    f"groups of a {kind} must divide its channels, got {self.groups} for {into} "
                    f"and {out}"
                )
        elif self.groups != 1:
            raise ArgumentError(f"groups belongs to a conv, got {self.groups} for a {kind}")
        if kind in ("norm", "act", "resize") and into != out:
            raise ArgumentError(
                f"out_channels of a {kind} must equal in_channels, got {out} and {into}"
            )
        if self.bias and kind != "recurrent":
            raise ArgumentError(f"bias belongs to conv and linear, got True for a {kind}")
        if self._is_windowed():
            raise ArgumentError(
                f"kernel and stride of {kind} must be 1, got {self.kernel} and {self.stride}"
            )

    def _is_windowed(self) -> bool:
        """Whether there is a kernel, stride or dilation other than 1."""
        return (*self.kernel_size, *self.strides, *self.dilations) != (1, 1, 1, 1, 1, 1)

    def _parts(self) -> list[Part]:
        from ..base.html import shown_by, told

        read, made = (" x ".join(map(str, one)) for one in (self.shape_in, self.shape_out))
        counts = f"{told(self.params)} params, {told(self.macs)} MACs"
        return [*shown_by(self), f"{read} to {made}, {counts}"]

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
        if self.size is not None:
            return int(self.size[axis])
        if self.kind == "conv" or self.kind == "pool":
            if self.mode == "global_avg":
                return 1
            if self._plain:
                return (side + 2 * (self.padding or 0) - self.kernel) // self.stride + 1
            pads = self.paddings
            reach = self.dilations[axis] * (self.kernel_size[axis] - 1) + 1
            return (side + pads[axis] + pads[axis + 2] - reach) // self.strides[axis] + 1
        return side

    @property
    def out_frames(self) -> int:
        """How many maps a 3-d conv or pool hands on, one below the other; else 1."""
        if self.frames == 1 or self.mode == "global_avg" or self.size is not None:
            return 1
        given = self.padding_frames
        pads: int = 2 * given if isinstance(given, int) else sum(given)
        reach = self.dilation_frames * (self.kernel_frames - 1) + 1
        return (self.frames + pads - reach) // self.stride_frames + 1

    @property
    def shape_in(self) -> tuple[int, int, int]:
        """Channels, height (of all frames) and width of what is read first."""
        return self.in_channels, self.frames * self.height, self.width

    @property
    def shape_out(self) -> tuple[int, int, int]:
        """Channels, height (of all frames) and width of what is handed on."""
        return self.out_channels, self.out_frames * self.out_height, self.out_width

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
        """Weights of a conv, linear, embedding or recurrent layer, without bias and norm."""
        kind = self.kind
        if kind == "conv":
            down, across = self.kernel_size
            window = self.kernel_frames * down * across
            return self.in_channels // self.groups * window * self.out_channels
        if kind == "linear" or kind == "embedding":
            return self.in_channels * self.out_channels
        if kind == "recurrent":
            hidden = self.out_channels // self.groups
            return GATES[str(self.mode)] * self.out_channels * (self.in_channels + hidden)
        return 0

    @property
    def params(self) -> int:
        """Weights, biases, batch norm parameters (two per normalised channel) and extra ones."""
        count = self.weights + self.extra_params
        if self.bias:
            gates = GATES[str(self.mode)] * 2 if self.kind == "recurrent" else 1
            count += gates * self.out_channels
        if self.norm in ("input", "both"):
            count += 2 * self.in_channels
        if self.norm in ("output", "both"):
            count += 2 * self.out_channels
        return count

    @property
    def macs(self) -> int:
        """Multiply-accumulates of a product with weights or of two values, for one image.

        As torch counts: convolutions, transposed ones, linear layers, products of computed values
        and recurrent layers.
        """
        kind = self.kind
        if kind == "conv":
            if self.transposed:
                return self.weights * self.frames * self.height * self.width
            return self.weights * self.out_frames * self.out_height * self.out_width
        if kind == "linear" or kind == "recurrent":
            return self.weights * self.height * self.width
        if kind == "matmul":
            positions = self.height * self.width
            return self.in_channels // self.groups * self.out_channels * positions
        return 0

    @property
    def is_free(self) -> bool:
        """Whether nothing runs: another way of reading what is there, or an input."""
        return self.kind == "input" or (self.kind == "move" and self.mode in FREE)

    @property
    def is_int8(self) -> bool:
        """Whether it reads, multiplies and hands on integers of 8 bits."""
        return self.bits == 8 and self.weight_bits == 8

    @property
    def numbers_read(self) -> int:
        """Numbers that are read beside weights, each once."""
        if self.reads is not None:
            return self.reads
        if self.is_free:
            return 0
        channels, height, width = self.shape_in
        kind = self.kind
        if kind == "embedding":
            return height * width * (1 + self.out_channels)
        own = channels * height * width
        if kind == "add":
            return own * len(self.inputs or (-1, -1))
        if kind == "matmul":
            return own + self.in_channels // self.groups * self.out_channels
        return own

    @property
    def numbers_written(self) -> int:
        """Numbers that are handed on and were not there before."""
        if self.is_free:
            return 0
        channels, height, width = self.shape_out
        return channels * height * width

    @property
    def weights_bytes(self) -> float:
        """Bytes of the parameters as they are stored.

        Of a row that runs in integers of 8 bits (`is_int8`) what runtimes for these store: weights
        of a byte; of each output channel of a convolution or linear layer a bias, a multiplier and
        a shift of four bytes each, a norm on its output being folded into these; a byte for each
        other parameter.
        """
        if not self.is_int8 or self.kind not in ("conv", "linear"):
            return self.params * self.weight_bits / 8
        folded = 2 * self.out_channels if self.norm in ("output", "both") else 0
        folded += self.out_channels if self.bias else 0
        return float(self.params - folded + CHANNEL_BYTES * self.out_channels)

    @property
    def bytes_read(self) -> float:
        """Bytes read for one image: of what it works on, and of parameters, those that are stored
        with another row among them (of an embedding those of the rows that are looked up)."""
        stored = 0.0 if self.kind == "embedding" else self.weights_bytes
        if self.kind != "embedding" and self.extra_params < 0:
            stored -= self.extra_params * self.weight_bits / 8
        return self.numbers_read * self.bits / 8 + stored

    @property
    def bytes_written(self) -> float:
        """Bytes handed on for one image."""
        return self.numbers_written * self.bits / 8

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


def _is_same(value: Any, default: Any) -> bool:
    return type(value) is int and value == default  # an array would compare number by number


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
