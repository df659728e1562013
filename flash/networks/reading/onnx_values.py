"""What is known of an ONNX file while its nodes are read."""

from __future__ import annotations

import math
from typing import Any

from onnx import AttributeProto, helper

from ...errors import FormatError
from .operations import Listing

Shape = tuple[int | None, ...]

__all__ = ["File", "Shape"]

_KINDS: dict[type, Any] = {
    int: AttributeProto.INT,
    bytes: AttributeProto.STRING,
    list: AttributeProto.INTS,
    type(None): AttributeProto.INTS,
}


class File:
    """What is known of an ONNX file as its nodes are read in order.

    Parameters
    ----------
    cells : str or None
        Prefix of node names that is followed by the number of a cell.
    """

    def __init__(self, cells: str | None) -> None:
        self.listing: Listing = Listing()
        self.batch = 1
        self.dims: dict[str, tuple[int, ...]] = {}  # of constants
        self.constants: dict[str, Any] = {}  # their values, where small
        self.shapes: dict[str, Shape] = {}
        self.numbers: dict[str, int | None] = {}  # values that come from the image; None: unknown
        self.made: set[str] = set()
        self._cells = cells
        self._used: set[str] = set()
        self._aliases: dict[str, str] = {}
        self._again = 0  # numbers of the node's weights that an earlier node has used
        self._biasable: dict[int, Any] = {}  # linear layers and convolutions without a bias
        self.readers: dict[str, int] = {}  # how many nodes read a value
        self._node: Any = None
        self.path: str = ""
        self._cell: int | None = None

    @property
    def at(self) -> str:
        """Operator and name of the node, for errors."""
        return f"{self._node.op_type} at {self.path}"

    def begin(self, node: Any, name: str) -> None:
        """Say which node comes next."""
        self._node = node
        self._again = 0
        self.path = name.strip("/").replace("/", ".")
        self._cell = None
        if self._cells and self.path.startswith(self._cells):
            digits = self.path[len(self._cells) :].partition(".")[0]
            if digits.isdecimal() and len(digits) < 7:
                self._cell = int(digits)

    def alias(self, output: str, source: str) -> None:
        """One constant is another."""
        self.dims[output] = self.dims[source]
        self._aliases[output] = self._aliases.get(source, source)
        if source in self.constants:
            self.constants[output] = self.constants[source]

    def unknown(self, why: str) -> None:
        """Note the node as one that no layer stands for."""
        self.listing.unknown(self._node.op_type, self._node.name or self.path, why)
        for one in self._node.output:
            self.numbers[one] = None

    def give(self, kind: str, inputs: list[int], place: int = 0, **fields: Any) -> int:
        """List an operation as one of the node's outputs."""
        name = self._node.output[place]
        shape = self.shapes.get(name)
        known = None
        if shape is not None and len(shape) == 4 and None not in shape:
            known = (int(shape[1] or 0), int(shape[2] or 0), int(shape[3] or 0))
        if kind in ("conv", "linear"):
            fields["extra_params"] = -self._again
        number = self.listing.add(kind, inputs, self.path, self._cell, shape=known, **fields)
        self.numbers[name] = number
        if fields.get("bias") is False:
            self._biasable[number] = self.listing.operations[-1]
        return number

    def same(self, source: int | None, place: int = 0) -> None:
        """An output of the node is a value that is known already."""
        self.numbers[self._node.output[place]] = source

    def number(self, place: int) -> int | None:
        """Return the value of an input that comes from the image."""
        name = self.input(place)
        return self.numbers.get(name)

    def input(self, place: int) -> str:
        """Return the name of an input, empty where it is left out."""
        return str(self._node.input[place]) if len(self._node.input) > place else ""

    def shape(self, place: int) -> Shape | None:
        """Return the shape of an input."""
        name = self.input(place)
        return self.dims.get(name, self.shapes.get(name))

    def out_shape(self, place: int = 0) -> Shape | None:
        """Return the shape of an output."""
        return self.shapes.get(self._node.output[place])

    def weight(self, place: int) -> tuple[int, ...] | None:
        """Return the dimensions of an input that is a weight, and note its use.

        A matrix or kernel that is used again is stored once. Vectors count each time: exporters
        store equal ones of different layers once, such as those of fresh norms.
        """
        name = self.input(place)
        dims = self.dims.get(name)
        if dims is None and name not in self.numbers:
            shape = self.shapes.get(name)
            dims = None if shape is None or None in shape else tuple(int(d or 0) for d in shape)
        if dims is not None:
            origin = self._aliases.get(name, name)
            if origin in self._used and len(dims) > 1:
                self._again += math.prod(dims)
            self._used.add(origin)
        return dims

    def constant(self, place: int) -> Any:
        """Return the value of an input that is a small constant, None for any other."""
        return self.constants.get(self.input(place))

    def attribute(self, name: str, default: Any = None) -> Any:
        """Return an attribute of the node, of the type of its default (None: a list of int)."""
        kind = _KINDS[type(default)]
        for one in self._node.attribute:
            if one.name == name:
                if one.type != kind:
                    raise FormatError(f"{self.at}: {name} is of the wrong type")
                value = helper.get_attribute_value(one)
                return list(value) if kind == AttributeProto.INTS else value
        return default

    def add_bias(self, number: int, count: int) -> bool:
        """Give a bias to a layer without one; return whether that could be done."""
        operation = self._biasable.pop(number, None)
        if operation is None or operation.fields["out_channels"] != count:
            return False
        operation.fields["bias"] = True
        return True
