"""What front ends hand to `assemble`: operations on values, each value told by a number."""

from __future__ import annotations

from ...errors import UnknownOperatorsError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

__all__ = ["IMAGE", "SUPPORTED", "Listing", "Operation"]

IMAGE = 0  # the number of the value that is the input image
KINDS = ("conv", "linear", "pool", "norm", "act", "add", "concat", "pick", "mask", "gate", "pad")
SUPPORTED = (
    "2-d convolution, linear layer, max, average and adaptive pooling, mean over pixels, batch "
    "norm, addition, concatenation, split and selection of channels, product, zero padding, "
    "activations, dropout, flattening"
)
MAX_LISTED = 12


class Operation:
    """One operation.

    Parameters
    ----------
    kind : str
        One of `KINDS`. conv, linear, pool: as the kinds of `Layer`, which take `fields`.
        norm: a batch norm with two parameters per channel. act: an activation, `fields` has its
        name where a layer notes it. pick: some channels, `fields` has their numbers as "channels".
        mask: a product with a constant that is 0 but for "count" channels. gate: a product of two
        values. pad: padding, `fields` has "paddings" (top, left, bottom, right).
    inputs : sequence of int
        Numbers of the values read.
    output : int
    path : str
        Where in the module or file, for names and for errors; parts are joined by dots.
    cell : int or None
    shape : (int, int, int) or None
        Of the result, as the front end knows it: a check.
    """

    __slots__ = ("cell", "fields", "inputs", "kind", "output", "path", "shape")

    def __init__(
        self,
        kind: str,
        inputs: Sequence[int],
        output: int,
        path: str = "",
        cell: int | None = None,
        shape: tuple[int, int, int] | None = None,
        **fields: Any,
    ) -> None:
        self.shape: tuple[int, int, int] | None = shape
        self.kind: str = kind
        self.inputs: tuple[int, ...] = tuple(inputs)
        self.output: int = output
        self.path: str = path
        self.cell: int | None = cell
        self.fields: dict[str, Any] = fields


class Listing:
    """The operations of a network as a front end finds them, and what it did not know."""

    def __init__(self) -> None:
        self.operations: list[Operation] = []
        self.values: int = IMAGE + 1
        self._unknown: dict[str, None] = {}

    def add(
        self, kind: str, inputs: Sequence[int], path: str, cell: int | None = None, **fields: Any
    ) -> int:
        """Append an operation and return the number of its result."""
        output = self.values
        self.values += 1
        self.operations.append(Operation(kind, inputs, output, path, cell, **fields))
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
            f"{more}. Supported: {SUPPORTED}"
        )
