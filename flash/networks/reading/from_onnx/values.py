"""What is known of the values of an ONNX file: shapes, few numbers, and what is stored."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import TensorProto, numpy_helper

from ....base.checks import shown
from ....errors import FormatError
from ...layer import MAX_CHANNELS, MAX_NUMBERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["SMALL", "Shape", "Stored", "Value", "bits_of", "checked", "is_float"]

Shape = tuple[int, ...]

SMALL = 1 << 16  # numbers in a constant up to which they are worked with
MAX_COMPARED = 1 << 24  # numbers that are looked at for whether they are all equal
MAX_SORTED = 1 << 22
MAX_AXES = 32
MAX_SOURCES = 1 << 12
_WIDTHS = {
    TensorProto.FLOAT: (32, "float_data"),
    TensorProto.DOUBLE: (64, "double_data"),
    TensorProto.INT64: (64, "int64_data"),
    TensorProto.UINT64: (64, "uint64_data"),
    TensorProto.INT32: (32, "int32_data"),
    TensorProto.UINT32: (32, "uint64_data"),
    TensorProto.FLOAT16: (16, "int32_data"),
    TensorProto.BFLOAT16: (16, "int32_data"),
    TensorProto.INT16: (16, "int32_data"),
    TensorProto.UINT16: (16, "int32_data"),
    TensorProto.INT8: (8, "int32_data"),
    TensorProto.UINT8: (8, "int32_data"),
    TensorProto.BOOL: (8, "int32_data"),
    TensorProto.FLOAT8E4M3FN: (8, "int32_data"),
    TensorProto.FLOAT8E4M3FNUZ: (8, "int32_data"),
    TensorProto.FLOAT8E5M2: (8, "int32_data"),
    TensorProto.FLOAT8E5M2FNUZ: (8, "int32_data"),
    TensorProto.INT4: (4, "int32_data"),
    TensorProto.UINT4: (4, "int32_data"),
    getattr(TensorProto, "FLOAT4E2M1", 23): (4, "int32_data"),
    getattr(TensorProto, "FLOAT8E8M0", 24): (8, "int32_data"),
    getattr(TensorProto, "UINT2", 25): (2, "int32_data"),
    getattr(TensorProto, "INT2", 26): (2, "int32_data"),
}
_FLOATS = frozenset(
    kind
    for kind in _WIDTHS
    if TensorProto.DataType.Name(kind).startswith(("FLOAT", "DOUBLE", "BFLOAT"))
)
_NUMPY: dict[int, Any] = {
    TensorProto.FLOAT: np.float32, TensorProto.DOUBLE: np.float64, TensorProto.INT64: np.int64,
    TensorProto.UINT64: np.uint64, TensorProto.INT32: np.int32, TensorProto.UINT32: np.uint32,
    TensorProto.FLOAT16: np.float16, TensorProto.INT16: np.int16, TensorProto.UINT16: np.uint16,
    TensorProto.INT8: np.int8, TensorProto.UINT8: np.uint8, TensorProto.BOOL: np.bool_,
}  # fmt: skip
_KINDS: dict[Any, int] = {np.dtype(kind): number for number, kind in _NUMPY.items()}
# last parts of the names of torch buffers, which no optimiser changes
_BUFFERS = frozenset(
    [
        "running_mean",
        "running_var",
        "num_batches_tracked",
        "attn_mask",
        "inv_freq",
        "filt",
        "mean",
        "std",
        "anchors",
        "relative_coords_table",
        "relative_position_index",
        "position_ids",
        "image_mean",
        "image_std",
    ]
)
_PARAMETER = re.compile(r"[A-Za-z_]\w*(\.\w+)*")
_MADE = re.compile(r"(onnx::|val_|_val_|scalar_tensor|_tensor_constant|lift_fresh|c_)\w*|\d+")


def bits_of(kind: int) -> int:
    """Return the bits of each number of an ONNX type, 32 where that is not known."""
    return _WIDTHS.get(kind, (32, ""))[0]


def is_float(kind: int) -> bool:
    """Whether numbers of an ONNX type have fractions."""
    return kind in _FLOATS


def numpy_kind(kind: int) -> Any:
    """Return numpy's type for one of ONNX, None where there is none."""
    return _NUMPY.get(kind)


def checked(shape: Iterable[int], what: str) -> Shape:
    """Return a shape whose sizes can be worked with."""
    result = tuple(int(one) for one in shape)
    if len(result) > MAX_AXES or any(not 0 <= one <= MAX_CHANNELS for one in result):
        raise FormatError(
            f"{what}: a shape must have at most {MAX_AXES} axes of 0 to {MAX_CHANNELS}, got "
            f"{shown(list(result))}"
        )
    if math.prod(result) > MAX_NUMBERS:
        raise FormatError(f"{what}: a shape must hold at most 2^60 numbers, got {list(result)}")
    return result


class Stored:
    """A tensor that the file stores.

    Parameters
    ----------
    tensor : TensorProto
    name : str
    role : str or None
        What torch's exporter says it is: "PARAMETER", "BUFFER" ...
    in_node : bool
        Whether a node holds it, and not the list of initialisers.
    fetch : callable or None
        Returns the numbers of a tensor whose data lies outside, or None.
    """

    __slots__ = ("_array", "_fresh", "count", "fetch", "in_node", "is_filled", "kind", "name",
                 "quantised", "role", "shape", "tensor", "used")  # fmt: skip

    def __init__(
        self,
        tensor: Any,
        name: str,
        role: str | None = None,
        in_node: bool = False,
        fetch: Callable[[Any], Any] | None = None,
    ) -> None:
        self.tensor = tensor
        self.name = name
        self.role = role
        self.in_node = in_node
        self.fetch = fetch
        self.kind: int = tensor.data_type
        self.shape: Shape = checked(tensor.dims, f"initializer {shown(name)}")
        self.count = math.prod(self.shape)
        self.quantised = False
        self.is_filled = False
        self.used: set[str] = set()
        self._array: Any = None
        self._fresh: bool | None = None
        self._check()

    def _check(self) -> None:
        """Refuse a tensor whose dimensions and data disagree."""
        tensor = self.tensor
        if self.is_outside or tensor.data_type not in _WIDTHS:
            return
        width, field = _WIDTHS[tensor.data_type]
        if tensor.HasField("raw_data"):
            held: float = len(tensor.raw_data) * 8 / width
            fits = len(tensor.raw_data) == -(-self.count * width // 8)
        else:
            held = len(getattr(tensor, field))
            # numbers below a byte may stand together
            fits = held == self.count or (width < 8 and held == -(-self.count * width // 8))
        if not fits:
            raise FormatError(
                f"initializer {shown(self.name)}: its dimensions {shown(list(self.shape))} ask for "
                f"{self.count} numbers, got {held:g}"
            )

    @property
    def is_outside(self) -> bool:
        """Whether its numbers are in another file."""
        return bool(self.tensor.data_location == TensorProto.EXTERNAL)

    @property
    def array(self) -> Any:
        """Its numbers where they are few, else None."""
        if self._array is None and self.count <= SMALL:
            self._array = self._numbers()
        return self._array

    def _numbers(self) -> Any:
        if self.is_outside:
            return None if self.fetch is None else self.fetch(self.tensor)
        if self.kind not in _WIDTHS and self.kind != TensorProto.STRING:
            return None
        try:
            return numpy_helper.to_array(self.tensor)
        except Exception as error:  # whatever onnx makes of bytes that are no numbers
            raise FormatError(f"initializer {shown(self.name)} cannot be read: {error}") from None

    def _seen(self) -> Any:
        """Return its numbers as they are stored, or None where they are too many."""
        if self.is_outside or self.count > MAX_COMPARED or self.kind not in _WIDTHS:
            return None
        width, field = _WIDTHS[self.kind]
        if self.tensor.HasField("raw_data"):
            size = np.uint8 if width < 8 else np.dtype(f"u{width // 8}")
            return np.frombuffer(self.tensor.raw_data, size)
        return np.asarray(getattr(self.tensor, field))

    def _as_floats(self) -> Any:
        """Return its numbers, those that numpy knows of as such: -0 is 0."""
        seen, kind = self._seen(), numpy_kind(self.kind)
        if seen is None or kind is None or seen.dtype.kind != "u":
            return seen
        return seen.view(kind)

    @property
    def is_fresh(self) -> bool:
        """Whether all its numbers are equal, as in a norm before training.

        Exporters store such tensors of different layers once.
        """
        if self._fresh is None:
            seen = self._as_floats()
            if seen is None:
                self._fresh = len(self.shape) < 2
            else:
                self._fresh = not len(seen) or bool((seen == seen[0]).all())
        return self._fresh

    @property
    def is_zero(self) -> bool:
        """Whether all its numbers are known to be 0."""
        seen = self._as_floats() if self.is_fresh else None
        return seen is not None and len(seen) > 0 and bool(seen[0] == 0)

    @property
    def distinct(self) -> int:
        """How many of its numbers differ: what it was worked out of, as far as that can be told."""
        seen = self._as_floats()
        if seen is None or len(seen) > MAX_SORTED or max(self.shape, default=1) == self.count:
            return self.count
        found = len(np.unique(seen))
        return found if found < 0.75 * self.count else self.count  # a few are equal by chance

    @property
    def is_mask(self) -> bool:
        """Whether it holds zeros and one other number, or numbers that stand for minus infinity."""
        numbers = self._as_floats()
        if numbers is None or not is_float(self.kind) or len(numbers) < 2:
            return False
        if numbers.dtype.kind == "f" and not bool((numbers > -1e4).all()):
            return True
        other = numbers[numbers != 0]
        return 0 < len(other) < len(numbers) and bool((other == other[0]).all())

    @property
    def is_named(self) -> bool:
        """Whether it is named as torch names parameters."""
        if _PARAMETER.fullmatch(self.name) is None or _MADE.fullmatch(self.name):
            return False
        return not self.is_buffer

    @property
    def is_buffer(self) -> bool:
        """Whether it is named as torch modules name what no optimiser changes."""
        return self.name.rpartition(".")[2] in _BUFFERS

    @classmethod
    def filled(cls, shape: Shape, kind: int, name: str) -> Stored:
        """Return what stands for a tensor that a node fills with one number."""
        tensor = TensorProto(dims=shape, data_type=kind, data_location=TensorProto.EXTERNAL)
        made = cls(tensor, name, None, True)
        made._fresh = made.is_filled = True
        return made

    def twin(self, name: str) -> Stored:
        """Return what another name for it stands for, where equal tensors are stored once."""
        other = Stored(self.tensor, name, self.role, self.in_node, self.fetch)
        other._fresh, other.quantised = self._fresh, self.quantised
        return other


class Value:
    """A value of the file.

    It is a constant (`number` is None, `is_constant`), or what is computed of the inputs (`number`
    is the listing's), or what a network's table cannot say anything of, since its shape depends on
    the data (neither).

    Parameters
    ----------
    shape : tuple of int or None
        None where it depends on the data.
    kind : int
        ONNX's type of its numbers, 0 where unknown.
    """

    __slots__ = ("_array", "alone", "is_constant", "is_lost", "items", "kind", "number",
                 "operation", "origin", "shape", "sources")  # fmt: skip

    def __init__(
        self,
        shape: Shape | None,
        kind: int = 0,
        number: int | None = None,
        is_constant: bool = False,
        sources: tuple[Stored, ...] = (),
        array: Any = None,
    ) -> None:
        self.shape = shape
        self.kind = kind
        self.number = number
        self.is_constant = is_constant
        self.sources = sources
        self.items: list[Value] | None = None  # of a sequence
        self.operation: Any = None  # that made it
        self.alone = False  # whether one node reads it, and nothing else
        self.is_lost = False  # made by a node that is not known
        self.origin: Stored | None = None  # whose numbers these are, as they are
        self._array = array

    @classmethod
    def stored(cls, tensor: Stored) -> Value:
        """Return the constant that a stored tensor is."""
        made = cls(tensor.shape, tensor.kind, None, True, (tensor,))
        made.origin = tensor
        return made

    @classmethod
    def of(cls, array: Any) -> Value:
        """Return a constant of numbers that are known."""
        array = np.asarray(array)
        return cls(tuple(array.shape), _KINDS.get(array.dtype, 0), None, True, (), array)

    @classmethod
    def sequence(cls, items: list[Value]) -> Value:
        """Return a sequence of values."""
        made = cls(None, 0, None, all(one.is_constant for one in items))
        made.items = items
        return made

    @property
    def array(self) -> Any:
        """The numbers of a constant where they are known, else None."""
        if self._array is None and self.origin is not None:
            self._array = self.origin.array
        return self._array

    def know(self, array: Any) -> None:
        """Note the numbers of a constant."""
        self._array = array

    @property
    def bits(self) -> int:
        """Bits of each number: of a constant as it is stored."""
        widths = [bits_of(one.kind) for one in self.sources if one.quantised]
        return min(widths) if widths else bits_of(self.kind)

    def copy(self) -> Value:
        """Return the same under another name."""
        twin = Value(
            self.shape, self.kind, self.number, self.is_constant, self.sources, self._array
        )
        twin.items, twin.operation, twin.is_lost = self.items, self.operation, self.is_lost
        twin.alone, twin.origin = self.alone, self.origin
        return twin


def joined(values: Iterable[Value]) -> tuple[Stored, ...]:
    """Return the stored tensors that any of the values is made of."""
    found: dict[int, Stored] = {}
    for value in values:
        for one in value.sources:
            found[id(one)] = one
    if len(found) > MAX_SOURCES:
        raise FormatError(f"a constant must be made of at most {MAX_SOURCES} tensors")
    return tuple(found.values())
