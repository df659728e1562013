"""Operations to a table of layers: which norms, activations and selections belong to which row."""

from __future__ import annotations

from ...errors import ArgumentError, ArgumentTypeError
from ..layer import ACTIVATIONS
from ..network import Layer, Network
from .operations import IMAGE, Operation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    Shape = tuple[int, int, int]
    Part = tuple[int, int]

__all__ = ["assemble"]

SELF_GATED = {"sigmoid": "silu", "hardsigmoid": "hardswish"}
NORMED = ("conv", "linear")  # rows that take a norm on their output


class _Value:
    """Channels of rows, perhaps with a norm, an activation or a padding that no row has yet.

    Parameters
    ----------
    parts : list of (int, int)
        Rows (-1 the image) and how many channels of each, in the order of concatenation.
    """

    __slots__ = ("act", "cell", "extra", "mask", "norm", "pads", "parts")

    def __init__(self, parts: list[Part], cell: int | None = None) -> None:
        self.parts = parts
        self.cell = cell
        self.norm = False
        self.extra = 0  # of the norm: see Layer.extra_params
        self.act: str | None = None
        self.mask: int | None = None
        self.pads: tuple[int, ...] | None = None

    def copy(self) -> _Value:
        twin = _Value(self.parts, self.cell)
        twin.norm, twin.act, twin.mask, twin.pads = self.norm, self.act, self.mask, self.pads
        twin.extra = self.extra
        return twin


class _Row:
    """A layer in the making."""

    __slots__ = ("activated", "fields", "path", "shape")

    def __init__(self, fields: dict[str, Any], shape: Shape, path: str) -> None:
        self.fields = fields
        self.shape = shape
        self.path = path
        self.activated = False


def assemble(
    operations: Sequence[Operation], image: Shape, returned: Sequence[int] | None = None
) -> Network:
    """Return the network of a list of operations.

    returned: the numbers of the values that are handed out; default the last operation's.

    A batch norm belongs to the convolution or linear layer that only it reads (``norm="output"``),
    unless it is a sibling of the layer that alone reads it and not of the one before it: it is
    then that one's ``norm="input"``, as is a norm of anything else. One that several read is a row
    of its own.

    Raises
    ------
    ArgumentError
        If shapes disagree; the message names the operation.
    """
    if returned is None:
        returned = [operation.output for operation in operations[-1:]]
    operations = _joined_gates(operations, returned)
    table = _Table(operations, image)
    table.returned = set(returned)
    for operation in operations:
        try:
            table.take(operation)
        except (ArgumentError, ArgumentTypeError) as error:
            at = f"{operation.kind} at {operation.path or 'an unnamed place'}"
            raise ArgumentError(f"{at}: {error}") from None
    outputs = table.outputs(returned)
    if not outputs:
        raise ArgumentError("the network must have at least one layer, got none")
    return Network.from_layers([row.fields for row in table.rows], image, outputs)


def _joined_gates(operations: Sequence[Operation], returned: Sequence[int]) -> list[Operation]:
    """Return operations in which a value times its own sigmoid is one activation: silu."""
    readers: dict[int, list[Operation]] = {}
    for one in operations:
        for value in one.inputs:
            readers.setdefault(value, []).append(one)
    result: list[Operation] = []
    joined: dict[int, Operation] = {}  # by the number of the product
    for one in operations:
        name = SELF_GATED.get(one.fields.get("name") or "") if one.kind == "act" else None
        gates = readers.get(one.output, []) if name and one.output not in returned else []
        if len(gates) == 1 and gates[0].kind == "gate":
            gate = gates[0]
            if sorted(gate.inputs) == sorted((*one.inputs, one.output)):
                whole = Operation("act", one.inputs, gate.output, one.path, one.cell, name=name)
                joined[gate.output] = whole
                continue
        result.append(joined.get(one.output, one))
    return result


class _Table:
    def __init__(self, operations: Sequence[Operation], image: Shape) -> None:
        self.image = image
        self.rows: list[_Row] = []
        self.values: dict[int, _Value] = {IMAGE: _Value([(-1, image[0])])}
        self.readers: dict[int, list[Operation]] = {}
        self.returned: set[int] = set()
        self.gates: set[int] = set()  # rows that a product reads beside the one it stands for
        for operation in operations:
            for value in operation.inputs:
                self.readers.setdefault(value, []).append(operation)

    def outputs(self, returned: Sequence[int]) -> list[int]:
        """Return the rows that are handed out: those returned, and those that gates are."""
        for number in returned:
            if self.values[number].norm:
                self._row(number)
        rows = {row for number in returned for row, _ in self.values[number].parts}
        return sorted(row for row in rows | self.gates if row >= 0)

    def shape(self, row: int) -> Shape:
        return self.image if row < 0 else self.rows[row].shape

    def take(self, operation: Operation) -> None:
        """Work one operation into the table."""
        method = getattr(self, f"_{operation.kind}")
        value: _Value = method(operation, [self.values[one] for one in operation.inputs])
        self.values[operation.output] = value
        expected = operation.shape
        if expected is not None and value.pads is None:
            channels = sum(taken for _, taken in value.parts)
            got = (channels, *self.shape(value.parts[0][0])[1:])
            if got != expected:
                raise ArgumentError(f"its result must be of shape {expected}, got {got}")

    # Operations that are rows

    def _conv(self, operation: Operation, values: list[_Value]) -> _Value:
        fields = dict(operation.fields)
        if values[0].pads is not None:
            fields["padding"] = _sum(fields.get("padding", (0, 0, 0, 0)), values[0].pads)
        return self._windowed(operation, fields)

    def _pool(self, operation: Operation, values: list[_Value]) -> _Value:
        return self._conv(operation, values)

    def _linear(self, operation: Operation, values: list[_Value]) -> _Value:
        return self._windowed(operation, dict(operation.fields))

    def _windowed(self, operation: Operation, fields: dict[str, Any]) -> _Value:
        row, norm, act = self._read(operation.inputs[0], operation.kind)
        pads = fields.pop("padding", None)
        if pads is not None:
            fields["padding"] = (pads[0], pads[1])
            fields["padding_end"] = (pads[2], pads[3])
        if norm:
            fields["norm"] = "input"
            extra = fields.get("extra_params", 0) + self.values[operation.inputs[0]].extra
            fields["extra_params"] = extra
            if act in ACTIVATIONS:
                fields["activation"] = act
        return self._append(operation, fields, (row,))

    def _add(self, operation: Operation, values: list[_Value]) -> _Value:
        rows = [self._row(one) for one in operation.inputs]
        masks = [value.mask for value in values]
        fields: dict[str, Any] = {}
        if masks[0] is not None and masks[1] is None and len(rows) == 2:
            rows.reverse()
            masks.reverse()
        if masks[0] is None and masks[1] is not None and len(set(masks[1:])) == 1:
            fields["channels"] = masks[1]
        return self._append(operation, fields, rows)

    def _append(
        self, operation: Operation, fields: dict[str, Any], inputs: Sequence[int], kind: str = ""
    ) -> _Value:
        """Add a row, and return its value; the shapes of its inputs are looked up."""
        kind = kind or operation.kind
        channels, height, width = self.shape(inputs[0])
        if kind == "linear":
            channels, height, width = channels * height * width, 1, 1
            read = fields.pop("in_channels", channels)
            if read != channels:
                raise ArgumentError(f"it must read {read} numbers, got {channels}")
        elif kind == "concat":
            channels = fields.pop("in_channels")
        elif kind == "add":
            for row in inputs[1:]:
                if self.shape(row) != (channels, height, width):
                    raise ArgumentError(
                        f"its inputs must have one shape, got {(channels, height, width)} and "
                        f"{self.shape(row)}"
                    )
        elif fields.get("in_channels", channels) != channels:
            raise ArgumentError(f"it must read {fields['in_channels']} channels, got {channels}")
        fields = {
            "out_channels": channels,
            **fields,
            "kind": kind,
            "in_channels": channels,
            "height": height,
            "width": width,
            "inputs": tuple(inputs),
            "cell": operation.cell,
        }
        layer = Layer(**fields)  # checks, and computes the output's size
        shape = (layer.out_channels, layer.out_height, layer.out_width)
        made = _Row(fields, shape, operation.path)
        made.activated = kind == "concat" and "activation" in fields
        self.rows.append(made)
        return _Value([(len(self.rows) - 1, shape[0])], operation.cell)

    # Operations that belong to a row, or wait for one

    def _norm(self, operation: Operation, values: list[_Value]) -> _Value:
        value, source = values[0], operation.inputs[0]
        extra: int = operation.fields.get("extra_params", 0)
        count = sum(taken for _, taken in value.parts)
        if operation.fields["channels"] != count:
            raise ArgumentError(
                f"it must read {operation.fields['channels']} channels, got {count}"
            )
        row = self._whole(value)
        if row is not None and row >= 0 and not self._waits(value):
            made = self.rows[row]
            free = self._is_alone(source) and not made.activated
            free = (
                free
                and made.fields["kind"] in NORMED
                and made.fields.get("norm", False)
                in (
                    False,
                    "input",
                )
            )
            if free and not self._belongs_ahead(operation, made.path):
                before = made.fields.get("norm", False)
                made.fields["norm"] = "both" if before == "input" else "output"
                made.fields["extra_params"] = made.fields.get("extra_params", 0) + extra
                return _Value(value.parts, value.cell)
        result = _Value([self._part(self._row(source))], operation.cell)
        result.norm, result.extra = True, extra
        return result

    def _is_alone(self, number: int) -> bool:
        """Whether a value has one reader, and is not handed out besides."""
        return len(self.readers[number]) == 1 and number not in self.returned

    def _belongs_ahead(self, norm: Operation, producer: str) -> bool:
        """Whether a norm is the sibling of the layer that reads it, and not of the one before."""
        parent = norm.path.rpartition(".")[0]
        if not parent or producer.rpartition(".")[0] == parent:
            return False
        reader: Operation | None = norm
        while reader is not None and reader.kind in ("norm", "act"):
            readers = self.readers.get(reader.output, [])
            reader = readers[0] if len(readers) == 1 else None
        return (
            reader is not None
            and reader.kind in ("conv", "linear", "pool")
            and reader.path.rpartition(".")[0] == parent
        )

    def _act(self, operation: Operation, values: list[_Value]) -> _Value:
        name = operation.fields.get("name")
        source = operation.inputs[0]
        alone = self._is_alone(source)
        if values[0].norm and not alone:
            self._row(source)  # the norm is read elsewhere too: a row of its own
        value = self.values[source].copy()
        if value.norm:
            value.act = value.act or name or "other"
            return value
        row = self._whole(value)
        if row is not None and row >= 0 and alone and not self._waits(value):
            made = self.rows[row]
            if not made.activated:
                made.activated = True
                pre = made.fields.get("norm") == "input"
                plain = made.fields["kind"] != "pool" or name not in ("relu", "relu6")
                if name in ACTIVATIONS and not pre and plain:
                    made.fields.setdefault("activation", name)
        return value

    def _concat(self, operation: Operation, values: list[_Value]) -> _Value:
        parts: list[Part] = []
        for number, value in zip(operation.inputs, values, strict=True):
            if value.norm or value.pads is not None:
                parts.append(self._part(self._row(number)))
            else:
                parts += value.parts
        sizes = {self.shape(row)[1:] for row, _ in parts}
        if len(sizes) > 1:
            raise ArgumentError(f"its inputs must have one height and width, got {sorted(sizes)}")
        return _Value(parts, operation.cell)

    def _pick(self, operation: Operation, values: list[_Value]) -> _Value:
        value = values[0]
        if self._waits(value):
            value = _Value([self._part(self._row(operation.inputs[0]))])
        wanted: Sequence[int] = operation.fields["channels"]
        if len(value.parts) == 1:
            return _Value([(value.parts[0][0], len(wanted))], operation.cell)
        ends, total = [], 0
        for _, taken in value.parts:
            total += taken
            ends.append(total)
        counts = [0] * len(ends)
        place = 0
        for channel in sorted(wanted):
            while channel >= ends[place]:
                place += 1
            counts[place] += 1
        parts = [(row, n) for (row, _), n in zip(value.parts, counts, strict=True) if n]
        return _Value(parts, operation.cell)

    def _mask(self, operation: Operation, values: list[_Value]) -> _Value:
        result = values[0].copy()
        result.mask = operation.fields["count"]
        return result

    def _gate(self, operation: Operation, values: list[_Value]) -> _Value:
        """A product stands for its larger factor, or for the first of equals."""
        sizes = []
        for value in values:
            _, height, width = self.shape(value.parts[0][0])
            sizes.append(sum(taken for _, taken in value.parts) * height * width)
        rows = [self._row(number) for number in operation.inputs]
        main = rows[sizes.index(max(sizes))]
        self.gates.update(row for row in rows if row != main)
        return _Value([self._part(main)])

    def _pad(self, operation: Operation, values: list[_Value]) -> _Value:
        result = values[0].copy()
        pads: tuple[int, ...] = operation.fields["paddings"]
        result.pads = _sum(pads, result.pads) if result.pads else pads
        for reader in self.readers.get(operation.output, []):
            if reader.kind not in ("conv", "pool", "pad"):
                raise ArgumentError(f"padding must come before a conv or pool, got {reader.kind}")
        return result

    # Rows of values

    def _part(self, row: int) -> Part:
        return row, self.shape(row)[0]

    def _whole(self, value: _Value) -> int | None:
        """Return the row that a value is all of, if it is of one."""
        if len(value.parts) == 1 and value.parts[0] == self._part(value.parts[0][0]):
            return value.parts[0][0]
        return None

    def _waits(self, value: _Value) -> bool:
        return value.norm or value.pads is not None

    def _read(self, number: int, kind: str) -> tuple[int, bool, str | None]:
        """Return the row that an operation reads, and whether it takes the norm that waits."""
        value = self.values[number]
        if value.norm and self._is_alone(number):
            row = value.parts[0][0]
            _, height, width = self.shape(row)
            if kind != "linear" or height * width == 1:
                return row, True, value.act
        return self._row(number), False, None

    def _row(self, number: int) -> int:
        """Return the row that a value is, making one where it is none yet."""
        value = self.values[number]
        row = self._whole(value)
        if row is not None and not value.norm:
            return row
        fields: dict[str, Any] = {}
        if value.norm:
            fields["norm"] = "output"
            fields["extra_params"] = value.extra
            if value.act in ACTIVATIONS:
                fields["activation"] = value.act
        made = self._joined(value, fields)
        result = _Value([self._part(made)], value.cell)
        result.mask, result.pads = value.mask, value.pads
        self.values[number] = result
        return made

    def _joined(self, value: _Value, fields: dict[str, Any]) -> int:
        """Add the row that joins a value's parts."""
        if not sum(taken for _, taken in value.parts):
            raise ArgumentError("it must read at least one channel, got none")
        parts = list(value.parts)
        join = Operation("concat", (), 0, "", value.cell)
        if parts[0] != self._part(parts[0][0]):
            # the first input of a concat is taken whole: begin with one that is
            first = next((p for p in parts if p == self._part(p[0])), None)
            if first is None:
                first = next(part for part in parts if part[1])
                if len(parts) > 1:
                    only = _Value([first], value.cell)
                    parts[parts.index(first)] = first = self._part(self._joined(only, {}))
            parts.remove(first)
            parts.insert(0, first)
        total = sum(taken for _, taken in parts)
        rest = parts[1:]
        taken = sum(count for _, count in rest)
        if not rest:
            if parts[0] != self._part(parts[0][0]):
                fields["channels"] = total
        elif any(part != self._part(part[0]) for part in rest):
            fields["channels"] = taken
        fields["in_channels"] = total
        made = self._append(join, fields, [row for row, _ in parts], "concat")
        return made.parts[0][0]


def _sum(a: Sequence[int], b: Sequence[int]) -> tuple[int, ...]:
    return tuple(x + y for x, y in zip(a, b, strict=True))
