"""Layer and Network: a network as a table of layers with their connections.

A row's `inputs` are numbers of earlier rows, -1 being the input image, so that a table can hold no
cycle. Where the order of things within a row matters: ``norm="input"`` is batch norm, activation,
then the operation (pre-activation); ``norm="output"`` (or True) is the operation, batch norm,
activation; ``"both"`` normalises and activates on either side; without a norm the activation
follows the operation.

Which rows count is told once (`counting`), for parameters, MACs, NN-Degree, predictors and costs:
those that an output is made of.
"""

from __future__ import annotations

from ..base.checks import (
    choice,
    faults,
    flag,
    integer,
    is_list,
    items,
    json_text,
    known_keys,
    path_of,
    public,
    shown,
    write_bytes_atomic,
)
from ..base.record import cached, text
from ..errors import ArgumentError, ArgumentTypeError, FormatError
from .architecture import Drawn
from .families import MAX_SEED
from .layer import (
    FAMILY_KINDS,
    KINDS,
    MAX_CHANNELS,
    MAX_LAYERS,
    MAX_POSITIONS,
    Layer,
    row_numbers,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    import onnx
    import torch

    from ..base.html import Part

__all__ = ["Layer", "Network"]

_WEIGHTED = ("conv", "linear", "matmul", "embedding", "recurrent")  # whose out_channels are said
_SEVERAL = ("add", "concat", "mul", "move", "elementwise", "scale", "reduce", "recurrent", "pool")


@public
class Network(Drawn):
    """A table of layers, with its connections.

    Parameters
    ----------
    layers : sequence of Layer
        Each row's input shape must be what its inputs hand on.
    input_shape : (int, int, int), default (3, 32, 32)
        Channels, height and width of the image.
    outputs : sequence of int, optional
        Rows whose results are handed out; default the last one. What no output is made of is no
        part of the network: it counts neither in `params` and `macs` nor in NN-Degree, in
        predictors or in costs. A row is made of what it reads, but zeros (mode "zero") of nothing,
        and a sum is not made of zeros. Of the targets those whose runtime executes every row, read
        or not, charge every row (their ``runs_every_row``).
    connected : bool, default True
        False: a list of layers as simulators write it, of which nobody says what reads what. Such a
        network has params, MACs and costs, every row counts, and what needs connections refuses it.
    input_bits : int, default 32
        Of each number of the image; those of other values are `Layer.bits`.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        If a row reads a row that is not above it, or shapes disagree; the message names the row.
    """

    layers: Sequence[Layer]
    input_shape: tuple[int, int, int] = (3, 32, 32)
    outputs: Sequence[int] | None = None
    connected: bool = True
    input_bits: int = 32

    @classmethod
    def known(cls, layers: tuple[Layer, ...], input_shape: tuple[int, int, int]) -> Network:
        """Make a network of layers that are right, all of which are read: see `Layer.known`."""
        self = cls.__new__(cls)
        state = self.__dict__
        state.update(cls._defaults, layers=layers, input_shape=input_shape)
        state["counted"] = None
        return self

    def __post_init__(self) -> None:
        state = self.__dict__
        state["input_shape"] = image_shape(self.input_shape)
        flag("connected", self.connected)
        if type(self.input_bits) is not int or not 1 <= self.input_bits <= 64:
            state["input_bits"] = integer("input_bits", self.input_bits, 1, 64)
        rows: list[Layer] = []
        shapes: list[tuple[int, int, int]] = []
        if not (hasattr(self.layers, "__next__") or is_list(self.layers)):
            raise ArgumentTypeError(f"layers must be a list of Layer, got {shown(self.layers)}")
        for number, layer in enumerate(self.layers):
            if not isinstance(layer, Layer):
                raise ArgumentTypeError(f"layers[{number}] must be a Layer, got {shown(layer)}")
            if number == MAX_LAYERS:
                raise ArgumentError(f"layers must be 1 to {MAX_LAYERS}, got more")
            rows.append(
                _connected(number, layer, shapes, self.input_shape)
                if self.connected
                else _loose(number, layer)
            )
            shapes.append(layer.shape_out)
        if not rows:
            raise ArgumentError("layers must be at least one, got none")
        state["layers"] = tuple(rows)
        state["outputs"] = _outputs(self.outputs, len(rows), self.connected)

    @classmethod
    def from_layers(
        cls,
        layers: Iterable[Mapping[str, Any] | Layer],
        input_shape: Sequence[int] | None = None,
        outputs: Sequence[int] | None = None,
        *,
        connected: bool = True,
    ) -> Network:
        """Make a network from a list of dictionaries, one per layer.

        Parameters
        ----------
        layers : iterable of dict
            Fields of `Layer`. What a row's inputs tell may be left out: in_channels, height and
            width, and out_channels except for conv and linear; where it is given it must agree.
        input_shape : (int, int, int), optional
            Channels, height and width of the image; default what the first row says it reads.
        outputs : sequence of int, optional
            Rows whose results are handed out; default the last one. See `Network`.
        connected : bool, default True
            False: the rows' connections are not known, as in the layer lists of simulators. Each
            row then says itself what it reads (in_channels, and height and width where these
            matter), no row has inputs, an addition counts as one of two maps and a concatenation as
            one of several.

        Raises
        ------
        FormatError
            If a row has an unknown key, or lacks one.
        ArgumentError, ArgumentTypeError
            If a value is not accepted or shapes disagree; the message names the row.

        Warns
        -----
        UserWarning
            If `outputs` is not given and rows are read by nobody: they do not count.
        """
        net = cls._of_rows(layers, input_shape, outputs, connected=connected)
        from .operations import charged

        charged(net)  # now, so that the first cost of it takes microseconds
        if outputs is None and connected:
            _warn_of_unread(net)
        return net

    @classmethod
    def _of_rows(
        cls,
        layers: Iterable[Mapping[str, Any] | Layer],
        input_shape: Sequence[int] | None = None,
        outputs: Sequence[int] | None = None,
        *,
        connected: bool = True,
    ) -> Network:
        """Do what `from_layers` does, without a warning and before it is known what costs."""
        listed: object = layers
        if hasattr(listed, "keys") or not (hasattr(listed, "__next__") or is_list(listed)):
            raise ArgumentTypeError(f"layers must be a list of dictionaries, got {shown(layers)}")
        flag("connected", connected)
        image = None if input_shape is None else image_shape(input_shape)
        rows: list[Layer] = []
        shapes: list[tuple[int, int, int]] = []
        for number, given in enumerate(layers):
            where = f"layers[{number}]"
            if number == MAX_LAYERS:
                raise ArgumentError(f"layers must be 1 to {MAX_LAYERS}, got more")
            data = given.to_dict() if isinstance(given, Layer) else given
            data = dict(known_keys(where, data, Layer.field_names))
            if image is None and connected:
                image = _first_shape(where, data)
            try:
                if image is None or not connected:
                    layer = _said(number, data)
                    image = image or layer.shape_in
                else:
                    layer = _complete(number, data, shapes, image)
            except FormatError:
                raise
            except ArgumentError as error:
                raise ArgumentError(_prefixed(where, error)) from None
            except ArgumentTypeError as error:
                raise ArgumentTypeError(_prefixed(where, error)) from None
            rows.append(layer)
            shapes.append(layer.shape_out)
        return cls(tuple(rows), image or (3, 32, 32), outputs, connected)

    @classmethod
    def from_torch(
        cls,
        module: Any,
        input_shape: Sequence[int] | None = None,
        *,
        example: Any = None,
    ) -> Network:
        """Read a network from a torch module.

        Parameters
        ----------
        module : torch.nn.Module or torch.export.ExportedProgram
            Is run once in evaluation mode, on torch's meta device, which computes no values, and
            left as it was, with all that it keeps between calls. One that asks for values is run
            on zeros, without its large products. Scripted, traced, compiled and quantised modules
            are read too.
        input_shape : sequence of int, default (3, 32, 32)
            Of the input without the batch: (channels, height, width), or as many axes as the
            module takes. A length alone stands for token numbers.
        example : tensor, tuple or dict, optional
            What the module is called with instead, with the batch: a tuple of arguments, or a
            dictionary of named ones. Only shapes and types count, unless the module asks for
            values.

        Returns
        -------
        Network
            Its operators as `Layer` tells them, with batch norms as the `norm` of the layer that
            they belong to. Activations are noted with the layer that they follow, where it has
            a place for them (`Layer.activation`). Dropout and reshaping cost nothing and are left
            out. A weight that is used more than once counts where it is used first, and what
            weights are computed of, such as gains, counts with them: `Layer.extra_params`; what is
            computed of weights alone is taken as a weight. Cells are told by modules with an
            attribute ``flash_cell``, as `Architecture.to_torch` makes them; without it see
            `flash.nn_degree`.

        Raises
        ------
        MissingExtraError
            If torch is not installed.
        UnknownOperatorsError
            If the module does what no layer stands for, or reads what it computes where that cannot
            be seen; the message names each operator and the submodule that calls it.
        ArgumentError, ArgumentTypeError
            If an argument is not accepted, or the module fails on an input of this shape.

        Warns
        -----
        UserWarning
            If what it does depends on values of its input, or weights are stored that nothing is
            made of.
        """
        from ..base.extras import require

        require("from_torch()", "torch", "torch")
        from .reading.from_torch.module import read_module

        shape = None if input_shape is None else _input_axes(input_shape)
        return read_module(module, shape, example)

    @classmethod
    def from_onnx(
        cls,
        source: str | os.PathLike[str] | bytes | onnx.ModelProto,
        input_shape: Sequence[int] | Mapping[str, Sequence[int]] | None = None,
    ) -> Network:
        """Read a network from an ONNX file.

        Parameters
        ----------
        source : str, path, bytes or onnx.ModelProto
            A file, its content, or a model: of any opset that the installed onnx knows. Only the
            structure and small constants are read: weights may be in external files that are not
            there.
        input_shape : sequence of int, or dict of them, optional
            Sizes of the input where the file leaves them open, with the batch or without; of
            several inputs by their names.

        Returns
        -------
        Network
            As `from_torch` says. A batch norm that the exporter folded into a convolution is that
            convolution's bias. What comes after the last layer and depends on values of the input
            (argmax, choosing boxes) is left out. Cells are known in files of
            `Architecture.to_onnx`.

        Raises
        ------
        MissingExtraError
            If onnx is not installed.
        UnknownOperatorsError
            If the file holds an operator that no layer stands for; the message names each one
            with its node, and what is supported.
        FormatError
            If it is no ONNX file, or truncated, inconsistent, larger than 2 GiB, or a size stays
            open.

        Warns
        -----
        UserWarning
            If a branch depends on values of the input: the one with more products counts.
        """
        from ..base.extras import require

        require("from_onnx()", "onnx", "onnx")
        from .reading.from_onnx.file import read_onnx

        return read_onnx(source, input_shape)

    @cached
    def counted(self) -> list[tuple[int, ...] | None] | None:
        """Of each row the inputs that it counts with, None for one that does not count.

        None where every row counts with all its inputs, the usual case.
        """
        from .counting import counted_inputs

        return counted_inputs(self)

    @property
    def counting_layers(self) -> Sequence[Layer]:
        """The layers that count, as they are in the table."""
        if self.counted is None:
            return self.layers
        pairs = zip(self.layers, self.counted, strict=True)
        return [layer for layer, inputs in pairs if inputs is not None]

    @cached
    def params(self) -> int:
        """Parameters of the layers that count: weights, biases, batch norms.

        A weight that several rows use counts once.
        """
        return sum(layer.params for layer in self.counting_layers)

    @cached
    def macs(self) -> int:
        """Multiply-accumulates of convolutions and linear layers that count, for one image."""
        return sum(layer.macs for layer in self.counting_layers)

    @cached
    def weights_kib(self) -> float:
        """Parameters of the layers that count, at the bits that they are stored with, in KiB."""
        return sum(layer.weights_bytes for layer in self.counting_layers) / 1024.0

    @property
    def peak_memory_kib(self) -> float:
        """The most that the network's values take while it runs one image, in KiB.

        Row by row in the order of the table, the image included and parameters not; a value is
        freed after its last reader, and views share memory. Norms, activations and sums are made in
        place where onnxruntime makes them so: ``flash/networks/memory.py`` has the whole schedule.

        Raises
        ------
        ArgumentError
            If its connections are not known.
        """
        from .memory import memory_of

        return memory_of(self).peak_kib

    def with_bits(self, bits: int) -> Network:
        """Return the network with its image, values and weights in numbers of so many bits.

        Parameters
        ----------
        bits : {8, 16, 32}
            8: integers, with what runtimes store for these beside weights (`Layer.weights_bytes`).

        Returns
        -------
        Network
            Rows that say other bits than 32 keep them. Parameters, multiply-accumulates and costs
            are the same; `weights_kib` and `peak_memory_kib` are not.

        Raises
        ------
        ArgumentError, ArgumentTypeError
            If `bits` is none of these.
        """
        from .bits import with_bits

        return with_bits(self, bits)

    def __len__(self) -> int:
        return len(self.layers)

    def network(self) -> Network:
        """Return the network itself: every kind of network has this."""
        return self

    def to_torch(self, *, seed: int = 0) -> torch.nn.Module:
        """Return a torch module of these layers, ready to train: what `flash.measure` runs.

        Of a network that was imported it is not the original: weights are drawn anew. With rows of
        kinds that no family has, it does the same work and takes as long, but computes another
        function: rows say how many numbers they read, not which.

        Parameters
        ----------
        seed : int, default 0
            Weights are torch's own initialisation, drawn from it.

        Raises
        ------
        MissingExtraError
            If torch is not installed.
        """
        from ..base.extras import require

        seed = integer("seed", seed, 0, MAX_SEED)
        require("to_torch()", "torch", "torch")
        from ..hardware._engines import torch_module

        return torch_module(self, seed)

    def to_torch_code(
        self, path: str | os.PathLike[str] | None = None, *, about: str | None = None
    ) -> str:
        """Return the module that `to_torch` gives as Python source code that needs torch alone, not
        flash, and write it where a path is given; see `Architecture.to_torch_code`.

        Raises
        ------
        ArgumentError, ArgumentTypeError
            If an argument is not accepted, or a row is of a kind that no family has: it says how
            much is computed, not what.
        """
        from .writing.torch_code.file import code
        from .writing.torch_code.rows import of_network

        return code(lambda told: of_network(self, told), path, about)

    def to_onnx(
        self,
        path: str | os.PathLike[str],
        *,
        module: torch.nn.Module | None = None,
        seed: int = 0,
        opset: int = 17,
        batch: int | None = None,
    ) -> None:
        """Write the network as an ONNX file, for inference; see `Architecture.to_onnx`.

        Raises
        ------
        MissingExtraError
            If torch or onnx is not installed.
        ArgumentError, ArgumentTypeError
            If an argument is not accepted, `module` is not one of this network, or torch cannot
            write it.
        """
        from ..base.extras import require

        path = path_of("path", path)
        opset = integer("opset", opset, 13, 20)
        batch = None if batch is None else integer("batch", batch, 1, 1 << 20)
        require("to_onnx()", "onnx", "torch", "onnx")
        if module is None:
            module = self.to_torch(seed=seed)
        elif getattr(module, "network", None) != self:
            raise ArgumentError(
                "module must be what to_torch() of this network returned, "
                f"got {type(module).__name__}"
            )
        write_bytes_atomic(path, onnx_of(module, self.input_shape, seed, opset, batch))

    def to_dict(self) -> dict[str, Any]:
        """Return plain data from which `from_dict` makes an equal network."""
        layers = [layer.to_dict() for layer in self.layers]
        data: dict[str, Any] = {"input_shape": list(self.input_shape), "layers": layers}
        if not self.connected:
            data["connected"] = False
        elif self.outputs is not None or _unread(self):
            data["outputs"] = list(self.outputs or (len(layers) - 1,))
        if self.input_bits != 32:
            data["input_bits"] = self.input_bits
        return data

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Network:
        """Make a network from plain data.

        Raises
        ------
        FormatError
            If a key is unknown or missing, or a value not accepted.
        """
        from ..base.plain import ANY, fields

        where = "the network"
        optional = ("input_shape", "outputs", "connected", "input_bits")
        given = fields(where, data, dict.fromkeys(("layers", *optional), ANY), optional=optional)
        bits = given.pop("input_bits", 32)
        with faults(where):
            net = cls.from_layers(**given)
            return net if type(bits) is int and bits == 32 else net.replace(input_bits=bits)

    def to_json(self, path: str | os.PathLike[str] | None = None) -> str:
        """Return the network as JSON text, and write it where a path is given."""
        return json_text(self.to_dict(), path)

    @classmethod
    def from_json(cls, source: str | os.PathLike[str]) -> Network:
        """Read a network from JSON text (it starts with a brace) or from a file."""
        from ..base.plain import parsed

        return cls.from_dict(parsed(source, "the network file"))

    def __str__(self) -> str:
        return text(self._parts())

    def _parts(self) -> list[Part]:
        return [(self._rows(), 0, True), self._totals()]

    def _totals(self) -> str:
        out = sum(inputs is None for inputs in self.counted or ())
        left = f"; layers that do not count: {out}" if out else ""
        memory = f", {self.weights_kib:,.1f} KiB of weights"
        if self.connected:
            memory += f", {self.peak_memory_kib:,.1f} KiB of values at most"
        counts = f"{self.params:,} params, {self.macs:,} macs"
        return f"{len(self.layers)} layers, {counts}{memory}{left}"

    def _rows(self) -> list[tuple[str, ...]]:
        """Return titles and the layers."""
        head = (
            *("row", "kind", "in", "out", "k", "s", "groups", "reads", "params", "macs"),
            *("KiB read", "written", "from"),
        )
        lines: list[tuple[str, ...]] = [head]
        for number, layer in enumerate(self.layers):
            side = f"{layer.frames * layer.height}x{layer.width}"
            window = (_sides(layer.kernel_size), _sides(layer.strides))
            counts = (f"{layer.params:,}", f"{layer.macs:,}")
            moved = [f"{one / 1024:,.1f}" for one in (layer.bytes_read, layer.bytes_written)]
            texts = map(str, (layer.in_channels, layer.out_channels, *window, layer.groups))
            lines.append(
                (str(number), _kind(layer), *texts, side, *counts, *moved, _names(layer.inputs))
            )
        return lines


def _input_axes(given: Any) -> tuple[int, ...]:
    shape: Any = (given,) if isinstance(given, int) and not isinstance(given, bool) else given
    if not is_list(shape) or not 0 < len(shape) <= 6:
        raise ArgumentError(
            "input_shape must be (channels, height, width), a length alone for token numbers, or "
            f"up to six sizes without the batch, got {shown(shape)}"
        )
    return tuple(
        integer(f"input_shape[{place}]", side, 1, MAX_CHANNELS) for place, side in enumerate(shape)
    )


def image_shape(shape: Any) -> tuple[int, int, int]:
    if not is_list(shape):
        raise ArgumentTypeError(
            f"input_shape must be (channels, height, width), got {shown(shape)}"
        )
    if len(shape) != 3:
        raise ArgumentError(f"input_shape must be (channels, height, width), got {shown(shape)}")
    channels, height, width = shape
    return (
        integer("input_shape[0]", channels, 1, MAX_CHANNELS),
        integer("input_shape[1]", height, 1, MAX_POSITIONS),
        integer("input_shape[2]", width, 1, MAX_POSITIONS),
    )


def _connected(
    number: int,
    layer: Layer,
    shapes: list[tuple[int, int, int]],
    image: tuple[int, int, int],
) -> Layer:
    """Return a row with its inputs, after a check of the shape that it reads."""
    if layer.inputs is None:
        layer = layer.replace(inputs=() if layer.kind == "input" else (number - 1,))
    if layer.kind not in FAMILY_KINDS or layer.reshaped:
        _check_foreign(number, layer, shapes, image)
        return layer
    expected = _shape_in(number, layer, shapes, image)
    got = layer.shape_in
    if got == expected:
        return layer
    remedy = ""
    if layer.inputs == (number - 1,):
        remedy = "; pass connected=False for a list of layers whose connections are not known"
        row = number - 1
        channels, height, width = image if row < 0 else shapes[row]
        if layer.kind == "linear" and height * width > 1 and channels == layer.in_channels:
            remedy = f"; put a pool of mode 'global_avg' before it, or{remedy[1:]}"
    raise ArgumentError(
        f"layers[{number}] ({layer.kind}) must read {_size(expected)} "
        f"from {_names(layer.inputs)}, got {_size(got)}{remedy}"
    )


def _check_foreign(
    number: int,
    layer: Layer,
    shapes: list[tuple[int, int, int]],
    image: tuple[int, int, int],
) -> None:
    """Check that a row reads what its inputs hand on: as many numbers, where all are read."""
    where = f"layers[{number}] ({layer.kind})"
    inputs = list(layer.inputs or ())
    _check_above(number, where, inputs)
    if layer.kind in ("input", "move"):
        return
    channels, height, width = layer.shape_in
    wanted = height * width if layer.kind == "embedding" else channels * height * width
    got = image if inputs[0] < 0 else shapes[inputs[0]]
    if not layer.reshaped and layer.kind != "embedding" and got != layer.shape_in:
        raise ArgumentError(
            f"{where} must read {_size(got)} from {_names(inputs)}, got {_size(layer.shape_in)}; "
            "reshaped=True reads as many numbers in another shape"
        )
    if got[0] * got[1] * got[2] != wanted:
        raise ArgumentError(
            f"{where} must read the {got[0] * got[1] * got[2]} numbers of {_names(inputs[:1])}, "
            f"got {wanted}"
        )
    if layer.kind == "matmul":
        if len(inputs) != 2:
            raise ArgumentError(f"{where}: inputs must be two rows, got {len(inputs)}")
        other = image if inputs[1] < 0 else shapes[inputs[1]]
        wanted = layer.in_channels // layer.groups * layer.out_channels
        if other[0] * other[1] * other[2] != wanted:
            raise ArgumentError(
                f"{where}: {_names(inputs[1:])} must hand on {wanted} numbers, got {_size(other)}"
            )
    elif len(inputs) > 1 and layer.kind not in _SEVERAL:
        raise ArgumentError(f"{where}: inputs must be one row, got {len(inputs)}")


def _check_above(number: int, where: str, inputs: Sequence[int]) -> None:
    for row in inputs:
        if row >= number:
            raise ArgumentError(f"{where}: inputs must be rows above it (or -1), got {row}")


def _loose(number: int, layer: Layer) -> Layer:
    if layer.inputs is not None:
        raise ArgumentError(
            f"layers[{number}] ({layer.kind}): inputs must be left out with connected=False, got "
            f"{_names(layer.inputs)}"
        )
    return layer


def _outputs(given: Any, count: int, connected: bool) -> tuple[int, ...] | None:
    """Return the rows handed out, None where it is the last one alone."""
    if given is None:
        return None
    if not connected:
        raise ArgumentError(f"outputs must be left out with connected=False, got {shown(given)}")
    listed = items("outputs", given, MAX_LAYERS)
    rows = tuple(sorted({integer("outputs", row, 0, count - 1) for row in listed}))
    if not rows:
        raise ArgumentError("outputs must name at least one row, got none")
    return None if rows == (count - 1,) else rows


def _unread(net: Network) -> list[int]:
    """Return the rows that are read by nobody and are no output."""
    read = {row for layer in net.layers for row in layer.inputs or ()}
    read.update(net.outputs or (len(net.layers) - 1,))
    return [row for row in range(len(net.layers)) if row not in read]


def _warn_of_unread(net: Network) -> None:
    unread = _unread(net)
    if not unread:
        return
    import warnings

    names = ", ".join(f"layers[{row}] ({net.layers[row].kind})" for row in unread[:3])
    more = f" and {len(unread) - 3} more" if len(unread) > 3 else ""
    warnings.warn(
        f"no row reads {names}{more}: what no output is made of does not count; say in outputs "
        "which rows are handed out",
        UserWarning,
        stacklevel=3,
    )


def _shape_in(
    number: int,
    layer: Layer,
    shapes: list[tuple[int, int, int]],
    image: tuple[int, int, int],
) -> tuple[int, int, int]:
    """Return the shape that a row must read, given what the rows above it hand on."""
    spots = layer.height * layer.width > 1  # a linear layer of each position
    return _joined(number, layer.kind, layer.inputs or (), layer.channels, shapes, image, spots)


def _joined(
    number: int,
    kind: str,
    inputs: Sequence[int],
    taken: int | None,
    shapes: list[tuple[int, int, int]],
    image: tuple[int, int, int],
    by_position: bool = False,
) -> tuple[int, int, int]:
    where = f"layers[{number}] ({kind})"
    _check_above(number, where, inputs)
    if kind == "input":
        return 1, 1, 1
    channels, height, width = image if inputs[0] < 0 else shapes[inputs[0]]
    if kind == "linear" and not by_position:
        channels, height, width = channels * height * width, 1, 1
    if len(inputs) == 1:
        if taken is not None and kind == "add":
            raise ArgumentError(f"{where}: channels needs a second input, got {taken}")
        if taken is not None and taken > channels:
            raise ArgumentError(f"{where}: channels must be at most {channels}, got {taken}")
        return taken or channels, height, width
    if kind not in FAMILY_KINDS:
        return channels, height, width
    if kind not in ("add", "concat"):
        raise ArgumentError(f"{where}: inputs must be one row, got {len(inputs)}")
    own = (channels, height, width)
    others = [image if row < 0 else shapes[row] for row in inputs[1:]]
    for row, shape in zip(inputs[1:], others, strict=True):
        if not _fits(kind, shape, own, taken):
            raise ArgumentError(
                f"{where}: {_names((row,))} must fit {_size(own)}, got {_size(shape)}"
            )
    if kind == "add":
        return own
    offered = sum(shape[0] for shape in others)
    if taken is not None and taken > offered:
        raise ArgumentError(f"{where}: channels must be at most {offered}, got {taken}")
    return channels + (offered if taken is None else taken), height, width


def _fits(
    kind: str, shape: tuple[int, int, int], own: tuple[int, int, int], taken: int | None
) -> bool:
    """Whether a map joins that of the first input; taken: how many of its channels are added."""
    if shape[1:] != own[1:]:
        return False
    if kind == "concat":
        return True
    return shape[0] == own[0] if taken is None else shape[0] >= taken


def _first_shape(where: str, data: dict[str, Any]) -> tuple[int, int, int]:
    for key in ("in_channels", "height", "width"):
        if key not in data:
            raise FormatError(f"{where} lacks {key!r}, and there is no input_shape to tell it")
    return image_shape((data["in_channels"], data["height"], data["width"]))


def _complete(
    number: int,
    data: dict[str, Any],
    shapes: list[tuple[int, int, int]],
    image: tuple[int, int, int],
) -> Layer:
    """Make a row, filling in what its inputs tell."""
    kind = choice("kind", data.get("kind"), KINDS)
    if kind == "input":
        data["inputs"] = ()
        for name in ("in_channels", "height", "width"):
            data.setdefault(name, 1)
        data.setdefault("out_channels", data["in_channels"])
        return Layer(**data)
    given = data.get("inputs")
    inputs = data["inputs"] = (number - 1,) if given is None else row_numbers(given)
    taken = data.get("channels")
    if taken is not None:
        taken = integer("channels", taken, 1, MAX_CHANNELS)
    spots = [data.get(side) for side in ("height", "width")]
    by_position = any(type(one) is int and one > 1 for one in spots)
    if data.get("reshaped") or kind == "embedding":  # it says itself how it reads its input
        _check_above(number, f"layers[{number}] ({kind})", inputs)
        shape = (image if inputs[0] < 0 else shapes[inputs[0]])[0], 1, 1
    else:
        shape = _joined(number, kind, inputs, taken, shapes, image, by_position)
    frames = data.get("frames", 1)
    if type(frames) is int and frames > 1 and shape[1] % frames == 0:
        shape = (shape[0], shape[1] // frames, shape[2])
    for name, value in zip(("in_channels", "height", "width"), shape, strict=True):
        data.setdefault(name, value)
    if kind not in _WEIGHTED:
        data.setdefault("out_channels", data["in_channels"])
    elif "out_channels" not in data:
        raise FormatError(f"layers[{number}] ({kind}) lacks 'out_channels'")
    return Layer(**data)


def _said(number: int, data: dict[str, Any]) -> Layer:
    """Make a row of a list without connections: it says itself what it reads."""
    kind = choice("kind", data.get("kind"), KINDS)
    needed = ["in_channels", *(("out_channels",) if kind in _WEIGHTED else ())]
    if kind != "linear":
        needed += ["height", "width"]
    for name in needed:
        if name not in data:
            raise FormatError(f"layers[{number}] ({kind}) lacks {name!r}: connected=False")
    data.setdefault("out_channels", data["in_channels"])
    return _loose(number, Layer(**data))


def _prefixed(where: str, error: Exception) -> str:
    text = str(error)
    return text if text.startswith(where) else f"{where}: {text}"


def _kind(layer: Layer) -> str:
    """Return a row's kind as it is shown: with its mode, or its activation's name."""
    about = layer.activation if layer.kind == "act" else layer.mode
    if layer.kind in FAMILY_KINDS or about is None:
        return f"transposed {layer.kind}" if layer.transposed else layer.kind
    return f"{layer.kind} {about}"


def _names(rows: Sequence[int] | None) -> str:
    names = ["image" if row < 0 else str(row) for row in rows or ()]
    return ",".join(names if len(names) < 5 else [*names[:3], f"..{names[-1]}"])


def _sides(pair: tuple[int, int]) -> str:
    return str(pair[0]) if pair[0] == pair[1] else f"{pair[0]}x{pair[1]}"


def _size(shape: tuple[int, int, int]) -> str:
    return "{} x {} x {}".format(*shape)


def onnx_of(
    module: torch.nn.Module,
    input_shape: tuple[int, ...],
    seed: int,
    opset: int,
    batch: int | None,
) -> bytes:
    """Return any module as ONNX, as torch writes it: see `Network.to_onnx`."""
    from ..hardware._engines import onnx_bytes

    return onnx_bytes(module, input_shape, seed, opset, batch)
