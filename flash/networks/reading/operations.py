"""What front ends hand to `assemble`: operations on values, each value told by a number.

A value is a tensor with all its axes, the batch's included. A front end says what each operation
reads, what it hands on and in which shape; `assemble` decides which of them are rows of their own
and which belong to another row.
"""

from __future__ import annotations

from ...errors import UnknownOperatorsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

__all__ = ["IMAGE", "Listing", "Operation"]

IMAGE = 0  # the number of the value that is the input image
KINDS = (
    *("conv", "linear", "matmul", "embedding", "recurrent"),  # products
    *("norm", "act", "add", "mul", "scale", "elementwise"),  # of each number
    *("pool", "resize", "reduce"),
    *("concat", "pick", "mask", "pad", "view", "move"),
    "input",
)
MAX_LISTED = 12


class Operation:
    """One operation.

    Parameters
    ----------
    kind : str
        conv
            Over the last one, two or three axes; axis 1 holds the channels. Fields: out_channels,
            kernel, stride, dilation (a number an axis), padding (before each axis, then after
            each), groups, bias, transposed, extra_params.
        linear
            Over the last axis, for every position. Fields: in_channels, out_channels, bias,
            extra_params.
        matmul
            A product of two computed values. Fields: batch (independent products), rows, inner,
            columns.
        embedding
            Fields: rows (of the table), extra_params; the result's last axis is its width.
        recurrent
            Fields: mode ("lstm", "gru", "rnn"), hidden, directions, bias, extra_params; axes of the
            input: any, the last one its features.
        norm
            Fields: mode (see `Layer`), params (stored ones, 0 without gains); "batch", "group",
            "instance" and "local" go over axis 1, the others over the last axis or, with the field
            axis, over that one. A batch norm's params default to two for each channel.
        act
            Fields: name (by torch.nn.functional), or None where no layer notes it.
        add, mul
            Of two values that broadcast.
        scale
            A product with or sum (mode "mul", "add") with learned or constant numbers, of the value
            or of a smaller shape. Fields: mode, params (stored ones, 0 for constants), count
            (numbers read).
        elementwise
            Any other function of each number, of one value or several. Fields: name, params.
        pool
            As conv over the last axes. Fields: kernel, stride, dilation, padding, mode ("avg",
            "max", "global_avg", "lp").
        resize
            Fields: mode ("nearest", "linear", "cubic", "area").
        reduce
            Sums, means, sorts, cumulative sums. Fields: name.
        concat
            Fields: axis.
        pick
            Some channels (axis 1) of a map. Fields: channels, their numbers.
        mask
            A product with a constant that is 0 but for "count" channels (axis 1).
        pad
            Zeros around a map that a conv or pool reads. Fields: paddings (before each axis, then
            after each, of the last axes).
        view
            The same numbers in another shape or order, without work. Or some of them: then
            "partly" is True.
        move
            Numbers go elsewhere. Fields: mode (see `Layer`).
        input
            A further input of the network.
    inputs : sequence of int
        Numbers of the values read.
    output : int
    path : str
        Where in the module or file, for names and for errors; parts are joined by dots.
    cell : int or None
    shape : tuple of int
        Of the result, the batch's axis included. Zero numbers are no shape.
    bits, weight_bits : int or None
        Of each number of the result, and of the weights as stored; None: 32.
    """

    __slots__ = (
        *("bits", "cell", "fields", "inputs", "kind", "output", "path", "shape", "weight_bits"),
    )

    def __init__(
        self,
        kind: str,
        inputs: Sequence[int],
        output: int,
        shape: Sequence[int],
        path: str = "",
        cell: int | None = None,
        bits: int | None = None,
        weight_bits: int | None = None,
        **fields: Any,
    ) -> None:
        self.kind: str = kind
        self.inputs: tuple[int, ...] = tuple(inputs)
        self.output: int = output
        self.shape: tuple[int, ...] = tuple(shape)
        self.path: str = path
        self.cell: int | None = cell
        self.bits: int = 32 if bits is None else bits
        self.weight_bits: int = 32 if weight_bits is None else weight_bits
        self.fields: dict[str, Any] = fields


class Listing:
    """The operations of a network as a front end finds them, and what it did not know."""

    def __init__(self) -> None:
        self.operations: list[Operation] = []
        self.values: int = IMAGE + 1
        self._unknown: dict[str, None] = {}

    def add(
        self,
        kind: str,
        inputs: Sequence[int],
        shape: Sequence[int],
        path: str = "",
        cell: int | None = None,
        **fields: Any,
    ) -> int:
        """Append an operation and return the number of its result."""
        output = self.values
        self.values += 1
        self.operations.append(Operation(kind, inputs, output, shape, path, cell, **fields))
        return output

    def unknown(self, operator: str, path: str, why: str = "") -> None:
        """Note an operator that no layer stands for."""
        at = f" at {path}" if path else ""
        self._unknown[f"{operator}{at}{f' ({why})' if why else ''}"] = None

    def refuse_unknown(self, what: str) -> None:
        """Raise an error that names all operators noted, if there are any."""
        if not self._unknown:
            return
        named = list(self._unknown)
        more = f" and {len(named) - MAX_LISTED} more" if len(named) > MAX_LISTED else ""
        raise UnknownOperatorsError(
            f"{what} holds operators that no layer stands for: {', '.join(named[:MAX_LISTED])}"
            f"{more}. What is read: docs/howto/networks.md"
        )
