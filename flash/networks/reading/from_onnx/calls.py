"""A node of an ONNX file at work: what it reads, and what its operator says of it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import AttributeProto, helper

from ....base.checks import shown
from ....errors import FormatError
from .values import Shape, Stored, Value, bits_of, checked, is_float, joined, numpy_kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .walk import Reader, Scope

__all__ = ["Call", "Open", "Unknown"]

_KINDS: dict[type, tuple[int, ...]] = {
    int: (AttributeProto.INT,),
    float: (AttributeProto.FLOAT,),
    bytes: (AttributeProto.STRING,),
    list: (AttributeProto.INTS, AttributeProto.FLOATS, AttributeProto.STRINGS),
    type(None): (AttributeProto.INTS, AttributeProto.FLOATS, AttributeProto.STRINGS),
}
_FOLLOWING = ("act", "norm", "scale", "view")


class Open(Exception):
    """What a node needs to know depends on the data."""


class Unknown(Exception):
    """No layer stands for what a node does; the message says why."""


class Call:
    """One node: its inputs, its attributes, and what is said of its outputs."""

    def __init__(self, reader: Reader, scope: Scope, node: Any, name: str) -> None:
        self.reader = reader
        self.scope = scope
        self.node = node
        self.name = name
        self.operator: str = node.op_type
        self.inputs: list[Value | None] = []
        self.results: list[Value | None] = [None] * len(node.output)
        self.fields: dict[str, Any] = {}
        self.path = name.strip("/").replace("/", ".")
        self.place = self.path  # where a module is, by the names of torch's newer exporter
        self.is_norm_module = False
        self._again = False
        self._more: tuple[Value, ...] = ()  # what a constant result is made of besides

    @property
    def at(self) -> str:
        """Operator and name of the node, for errors."""
        return f"{self.operator} at {shown(self.name)[1:-1]}"

    def wrong(self, why: str) -> FormatError:
        """Return the error that the node contradicts itself."""
        return FormatError(f"{self.at}: {why}")

    def checked(self, shape: Iterable[int]) -> Shape:
        """Return a shape that can be worked with."""
        return checked(shape, self.at)

    # What it reads

    def has(self, place: int) -> bool:
        """Whether an input is given."""
        return place < len(self.inputs) and self.inputs[place] is not None

    def get(self, place: int) -> Value | None:
        """Return an input, None where it is left out."""
        return self.inputs[place] if place < len(self.inputs) else None

    def value(self, place: int) -> Value:
        """Return an input that must be there."""
        value = self.get(place)
        if value is None:
            raise self.wrong(f"input {place} is missing")
        return value

    def given(self) -> list[Value]:
        """Return the inputs that are there."""
        return [one for one in self.inputs if one is not None]

    def shape(self, place: int) -> Shape:
        """Return the shape of an input."""
        return self.shape_of(self.value(place))

    def shape_of(self, value: Value) -> Shape:
        """Return a value's shape."""
        if value.shape is None:
            raise Open("the shape of what it reads depends on the data")
        return value.shape

    def kind(self, place: int) -> int:
        """Return the type of an input's numbers."""
        value = self.get(place)
        return 0 if value is None else value.kind

    def array(self, place: int) -> Any:
        """Return the numbers of an input that must be a known constant."""
        value = self.value(place)
        if value.array is None:
            raise Open(f"input {place} is no constant that can be read")
        return value.array

    def ints(self, place: int) -> list[int]:
        """Return a constant input as a list of integers."""
        array = self.array(place)
        if array.dtype.kind not in "iufb" or (
            array.dtype.kind == "f" and not np.isfinite(array).all()
        ):
            raise self.wrong(f"input {place} must be numbers")
        return [int(one) for one in array.ravel().tolist()]

    def floats(self, place: int) -> list[float]:
        """Return a constant input as a list of numbers."""
        array = self.array(place)
        if array.dtype.kind not in "iufb" or not np.isfinite(array).all():
            raise self.wrong(f"input {place} must be finite numbers")
        return [float(one) for one in array.ravel().tolist()]

    def attribute(self, name: str, default: Any = None) -> Any:
        """Return an attribute, of the type of its default (None: a list)."""
        one = self.fields.get(name)
        if one is None:
            return default
        if one.type not in _KINDS[type(default)]:
            raise self.wrong(f"{name} is of the wrong type")
        value = helper.get_attribute_value(one)
        if isinstance(value, float) and not math.isfinite(value):
            raise self.wrong(f"{name} must be finite, got {value}")
        return value if isinstance(value, (int, float, bytes)) else list(value)

    def int_list(self, name: str, place: int | None = None) -> list[int] | None:
        """Return integers that are an attribute in some versions and an input in others."""
        given = self.attribute(name)
        if given is None:
            return self.ints(place) if place is not None and self.has(place) else None
        try:
            return [int(one) for one in given]
        except (TypeError, ValueError):
            raise self.wrong(f"{name} must be integers") from None

    def axis(self, axis: int, rank: int) -> int:
        """Return an axis counted from the front."""
        if not -rank <= axis < max(rank, 1):
            raise self.wrong(f"axis {axis} must be one of {rank} axes")
        return axis % rank if rank else 0

    # What it says

    def give(
        self,
        kind: str,
        inputs: Sequence[Value],
        shape: Iterable[int],
        place: int | None = 0,
        dtype: int | None = None,
        bits: int | None = None,
        **fields: Any,
    ) -> Value:
        """List an operation as one of the outputs (place None: as a step towards one).

        Of constants alone it is a constant.
        """
        size = checked(shape, self.at)
        first = inputs[0].kind if inputs else 0
        made = first if dtype is None else dtype
        lost = next((one for one in inputs if one.is_lost), None)
        numbers = [one.number for one in inputs if one.number is not None]
        if lost is not None or any(one.shape is None for one in inputs):
            result = Value(None if lost is not None else size, made)
            result.is_lost = lost is not None
            if lost is None:
                raise Open("the shape of what it reads depends on the data")
        elif 0 in size:
            result = Value.of(np.empty(size, numpy_kind(made) or np.float32))
        elif not numbers:
            result = Value(size, made, None, True, joined((*inputs, *self._more)))
        else:
            if kind in ("add", "mul") and len(numbers) < len(inputs):
                kind, fields = "elementwise", {"name": kind}  # one of them is a constant
            listing = self.reader.listing
            fields = {key: value for key, value in fields.items() if value is not None}
            width = bits_of(made) if bits is None else bits
            number = listing.add(
                kind, numbers, size, self.path, self.reader.cell(self.path), bits=width, **fields
            )
            result = Value(size, made, number)
            result.operation = listing.operations[-1]
            self.reader.before.pop(number, None)  # of a branch that was not taken
            if kind in _FOLLOWING and inputs[0].alone and inputs[0].operation is not None:
                self.reader.before[number] = inputs[0].operation
        if place is not None:
            self.set(place, result)
        return result

    def wants(self, place: int) -> bool:
        """Whether the node has an output, and something reads it."""
        name = self.node.output[place] if place < len(self.node.output) else ""
        return bool(name) and name in self.scope.readers

    def set(self, place: int, value: Value) -> None:
        """Say what an output is; nothing where the node has no such output."""
        if place < len(self.results):
            self.results[place] = value

    def same(self, value: Value, place: int = 0, dtype: int | None = None) -> None:
        """Say that an output is a value that is there already."""
        if dtype is not None and dtype != value.kind:
            value = value.copy()
            value.kind = dtype
        self.set(place, value)

    def view(
        self,
        value: Value,
        shape: Iterable[int],
        place: int | None = 0,
        partly: bool = False,
    ) -> Value:
        """Give the same numbers in another shape, or some of them."""
        size = tuple(shape)
        if not partly and value.shape is not None and math.prod(size) != math.prod(value.shape):
            raise self.wrong(f"{shown(value.shape)} cannot become {shown(size)}")
        if size == value.shape and not partly:
            if place is not None:
                self.set(place, value)
            return value
        more: dict[str, Any] = {"partly": True} if partly else {}
        return self.give("view", [value], size, place, **more)

    # What is stored

    def weigh(self, *values: Value | None, role: str = "weight") -> int:
        """Return how many parameters constants are made of that no node before has counted.

        role: "weight", "norm", "factor" of a product or sum, or "other"; constants of the last
        two may be no parameters.
        """
        total = 0
        for value in values:
            if value is None or not value.is_constant:
                continue
            kind = role if len(value.sources) == 1 else "other"
            found = 0
            for one in value.sources:
                if self._is_learned(one, kind) and self._is_new(one, kind):
                    worked_out = kind in ("factor", "other") and self._is_worked_out(one)
                    found += one.distinct if worked_out else one.count
            if value is values[0] and role == "weight" and value.sources and not found:
                self._again = True  # a layer that is used again: its other weights as well
            total += found
        return total

    def counted(self, value: Value, *weights: Value | None, implied: int) -> dict[str, int]:
        """Return as a field how many parameters a layer has beside those that its sizes imply."""
        if value.number is None:
            self._more = tuple(one for one in weights if one is not None)
            return {}
        extra = self.weigh(*weights) - implied
        return {"extra_params": extra} if extra else {}

    def split_bias(self, bias: Value | None) -> tuple[Value | None, Value | None]:
        """Return a bias as what a layer holds, or as what is added later since it is computed."""
        return (bias, None) if bias is None or bias.number is None else (None, bias)

    def add_later(self, made: Value, bias: Value | None, place: int | None) -> Value:
        """Add a bias that is not a layer's own."""
        if bias is None:
            return made
        shape = self.shape_of(made)
        if bias.number is not None:
            return self.give("add", [made, bias], shape, place)
        if made.number is None:
            self._more = (bias,)
            return self.give("scale", [made], shape, place)
        count = math.prod(self.shape_of(bias))
        params = self.weigh(bias, role="factor")
        return self.give("scale", [made], shape, place, mode="add", params=params, count=count)

    def _is_worked_out(self, stored: Stored) -> bool:
        """Whether torch's exporters made it of other tensors: of a table of positions, say."""
        reader = self.reader
        if not reader.is_torch or len(stored.shape) < 3:
            return False
        return not stored.is_named if reader.is_scripted else stored.name in reader.folded

    def _is_learned(self, stored: Stored, role: str) -> bool:
        reader = self.reader
        if stored.role is not None:
            return stored.role == "PARAMETER"
        if not is_float(stored.kind) and not stored.quantised:
            return False
        if role == "weight":
            return True
        if role == "norm":
            plain = reader.is_torch and (stored.in_node or reader.has_roles)
            return not (plain and stored.is_fresh)
        if reader.is_torch and stored.in_node:
            return False
        if reader.is_scripted and stored.is_named:
            return True
        if stored.count == 1 or stored.is_mask or (stored.is_filled and role == "other"):
            return False
        if role == "other" and stored.is_zero:
            return False
        if reader.has_roles and stored.name not in reader.folded:
            return False  # a number of the program's own
        return not (reader.is_torch and stored.is_buffer)

    def _is_new(self, stored: Stored, role: str) -> bool:
        key = ""
        vector = max(stored.shape, default=1) == stored.count
        if vector and not self.reader.is_scripted and stored.is_fresh:
            if self._again:
                return False
            key = (
                self.path if role in ("factor", "other") and not self.is_norm_module else self.place
            )
        if key in stored.used:
            return False
        stored.used.add(key)
        self.reader.uses.append((stored, key))
        return True
