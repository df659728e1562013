"""Operations to a table of layers: what is a row of its own, and what belongs to another row."""

from __future__ import annotations

from math import prod

from ...errors import ArgumentError, ArgumentTypeError
from ..layer import ACTIVATIONS, FAMILY_KINDS
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
ACROSS = ("softmax", "log_softmax")  # activations that look at several numbers
WINDOWED = ("conv", "pool")


class _Value:
    """A tensor: channels of rows, perhaps with a norm, an activation or a padding that no row has
    yet.

    Parameters
    ----------
    parts : list of (int, int)
        Rows (-1 the image) and how many channels of each, in the order of concatenation.
    shape : tuple of int
        With all its axes.
    viewed : bool
        Whether the rows' numbers are seen in another shape or order.
    """

    __slots__ = ("act", "cell", "extra", "mask", "norm", "pads", "parts", "shape", "viewed")

    def __init__(
        self,
        parts: list[Part],
        shape: tuple[int, ...],
        cell: int | None = None,
        viewed: bool = False,
    ) -> None:
        self.parts = parts
        self.shape = shape
        self.cell = cell
        self.viewed = viewed
        self.norm = False
        self.extra = 0  # of the norm: see Layer.extra_params
        self.act: str | None = None
        self.mask: int | None = None
        self.pads: tuple[int, ...] | None = None

    def copy(self) -> _Value:
        twin = _Value(self.parts, self.shape, self.cell, self.viewed)
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


def image_of(shape: Sequence[int]) -> Shape:
    """Return channels, height and width that hold a tensor of some axes, the batch's first.

    Maps are (batch, channels, ..., width), with all axes between stacked into the height; tokens
    (batch, tokens, features). Several images of a batch are stacked too.
    """
    first, rest = (shape[0] if shape else 1), tuple(shape[1:])
    if len(rest) <= 1:
        return (rest[0] if rest else 1), first, 1
    if len(rest) == 2:
        return rest[1], first * rest[0], 1
    return rest[0], first * prod(rest[1:-1]), rest[-1]


def map_of(shape: Sequence[int]) -> Shape:
    """Return channels, height and width of maps, whose axis 1 holds the channels."""
    if len(shape) == 3:
        return shape[1], shape[0] * shape[2], 1
    return image_of(shape)


def assemble(
    operations: Sequence[Operation], shape: Sequence[int], returned: Sequence[int] | None = None
) -> Network:
    """Return the network of a list of operations.

    shape: of the input, the batch's axis included. returned: the numbers of the values that are
    handed out; default the last operation's.

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
    table = _Table(operations, tuple(shape))
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
    return Network.from_layers([row.fields for row in table.rows], table.image, outputs)


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
        if len(gates) == 1 and gates[0].kind == "mul":
            gate = gates[0]
            if sorted(gate.inputs) == sorted((*one.inputs, one.output)):
                joined[gate.output] = Operation(
                    *("act", one.inputs, gate.output, gate.shape, one.path, one.cell),
                    bits=gate.bits,
                    name=name,
                )
                continue
        result.append(joined.get(one.output, one))
    return result


class _Table:
    def __init__(self, operations: Sequence[Operation], shape: tuple[int, ...]) -> None:
        self.image = map_of(shape) if len(shape) == 3 else image_of(shape)
        self.rows: list[_Row] = []
        self.values: dict[int, _Value] = {IMAGE: _Value([(-1, self.image[0])], shape)}
        self.readers: dict[int, list[Operation]] = {}
        self.returned: set[int] = set()
        for operation in operations:
            for value in operation.inputs:
                self.readers.setdefault(value, []).append(operation)

    def outputs(self, returned: Sequence[int]) -> list[int]:
        """Return the rows that are handed out."""
        for number in returned:
            if self.values[number].norm:
                self._row(number)
        rows = {row for number in returned for row, _ in self.values[number].parts}
        return sorted(row for row in rows if row >= 0)

    def shape(self, row: int) -> Shape:
        return self.image if row < 0 else self.rows[row].shape

    def take(self, operation: Operation) -> None:
        """Work one operation into the table."""
        method = getattr(self, f"_{operation.kind}")
        value: _Value = method(operation, [self.values[one] for one in operation.inputs])
        self.values[operation.output] = value
        value.shape = operation.shape
        if value.pads is None:
            held = sum(taken * prod(self.shape(row)[1:]) for row, taken in value.parts)
            if held != prod(operation.shape):
                raise ArgumentError(
                    f"its result must be of shape {operation.shape}, got {held} numbers"
                )

    # Products

    def _conv(self, operation: Operation, values: list[_Value]) -> _Value:
        fields = dict(operation.fields)
        pads, shape = values[0].pads, values[0].shape
        if pads is not None:
            shape = _without(shape, pads)
            given = fields.get("padding", (0,) * len(pads))
            fields["padding"] = tuple(x + y for x, y in zip(given, pads, strict=True))
        axes = len(fields.get("kernel", shape[2:]))
        fields.update(_sides(fields, shape, axes))
        if fields.get("transposed"):
            out = operation.shape[2:]
            fields["size"] = (shape[0] * prod(out[:-1]), out[-1]) if axes > 1 else (*out, 1)
        return self._weighted(operation, fields, map_of(shape))

    def _pool(self, operation: Operation, values: list[_Value]) -> _Value:
        shape = values[0].shape
        if operation.fields.get("mode") == "global_avg" and shape[0] > 1:
            operation.fields["name"] = "mean"
            return self._reduce(operation, values)
        return self._conv(operation, values)

    def _linear(self, operation: Operation, values: list[_Value]) -> _Value:
        fields = dict(operation.fields)
        shape = values[0].shape
        channels = fields["in_channels"]
        if prod(shape) == channels:  # what is flat, or has yet to be flattened
            return self._weighted(operation, fields, None)
        if shape[-1] != channels:
            raise ArgumentError(f"it must read {channels} numbers, got {shape[-1]}")
        down, across = _positions(shape[:-1])
        return self._weighted(operation, fields, (channels, down, across))

    def _weighted(
        self, operation: Operation, fields: dict[str, Any], shape: Shape | None
    ) -> _Value:
        row, norm, act = self._read(operation.inputs[0], operation.kind)
        if norm:
            fields["norm"] = "input"
            extra = fields.get("extra_params", 0) + self.values[operation.inputs[0]].extra
            fields["extra_params"] = extra
            if act in ACTIVATIONS:
                fields["activation"] = act
        return self._append(operation, fields, (row,), shape=shape)

    def _matmul(self, operation: Operation, values: list[_Value]) -> _Value:
        given = operation.fields
        batch, inner, columns = given["batch"], given["inner"], given["columns"]
        fields = {"out_channels": batch * columns, "groups": batch}
        rows = [self._row(number) for number in operation.inputs]
        return self._append(operation, fields, rows, shape=(batch * inner, given["rows"], 1))

    def _embedding(self, operation: Operation, values: list[_Value]) -> _Value:
        fields = dict(operation.fields)
        table, width = fields.pop("rows"), operation.shape[-1]
        spots = (prod(operation.shape) // width, 1)
        fields["out_channels"] = width
        return self._append(
            operation, fields, [self._row(operation.inputs[0])], shape=(table, *spots)
        )

    def _recurrent(self, operation: Operation, values: list[_Value]) -> _Value:
        fields = dict(operation.fields)
        directions = fields.pop("directions", 1)
        fields["out_channels"] = fields.pop("hidden") * directions
        fields["groups"] = directions
        shape = values[0].shape
        rows = [self._row(number) for number in operation.inputs]
        return self._append(operation, fields, rows, shape=(shape[-1], prod(shape[:-1]), 1))

    # Functions of each number

    def _add(self, operation: Operation, values: list[_Value]) -> _Value:
        rows = [self._row(one) for one in operation.inputs]
        shapes = [self.shape(row) for row in rows]
        if len({value.shape for value in values}) == 1 and len(set(shapes)) == 1:
            masks = [value.mask for value in values]
            fields: dict[str, Any] = {}
            if masks[0] is not None and masks[1] is None and len(rows) == 2:
                rows.reverse()
                masks.reverse()
            if masks[0] is None and masks[1] is not None and len(set(masks[1:])) == 1:
                fields["channels"] = masks[1]
            return self._append(operation, fields, rows)
        return self._broadcast(operation, {"reshaped": True}, rows)

    def _mul(self, operation: Operation, values: list[_Value]) -> _Value:
        return self._broadcast(operation, {}, [self._row(one) for one in operation.inputs])

    def _scale(self, operation: Operation, values: list[_Value]) -> _Value:
        given = operation.fields
        fields: dict[str, Any] = {"mode": given["mode"]}
        params, count = given.get("params", 0), given.get("count", 0)
        if params:
            fields["extra_params"] = params
        if count > max(params, 1):
            fields["reads"] = prod(values[0].shape) + count - max(params, 0)
        return self._broadcast(operation, fields, [self._row(operation.inputs[0])])

    def _elementwise(self, operation: Operation, values: list[_Value]) -> _Value:
        given = operation.fields
        fields: dict[str, Any] = {"mode": _identifier(given.get("name"))}
        if given.get("params"):
            fields["extra_params"] = given["params"]
        return self._broadcast(operation, fields, [self._row(one) for one in operation.inputs])

    def _broadcast(self, operation: Operation, fields: dict[str, Any], rows: list[int]) -> _Value:
        """Add a row that works on each number, of one value or of several that broadcast."""
        counts = [prod(self.shape(row)) for row in rows]
        main = counts.index(max(counts))
        rows.insert(0, rows.pop(main))
        wanted = prod(operation.shape)
        if counts[main] != wanted:
            channels, *size = image_of(operation.shape)
            fields.update(out_channels=channels, size=tuple(size))
        if len(rows) > 1:
            fields["reads"] = sum(counts)
        return self._append(operation, fields, rows)

    # Windows and sums

    def _resize(self, operation: Operation, values: list[_Value]) -> _Value:
        fields = {**operation.fields, "size": map_of(operation.shape)[1:]}
        shape = map_of(values[0].shape)
        return self._append(operation, fields, [self._row(operation.inputs[0])], shape=shape)

    def _reduce(self, operation: Operation, values: list[_Value]) -> _Value:
        fields = self._sized(operation, {"mode": _identifier(operation.fields.get("name"))})
        rows = [self._row(one) for one in operation.inputs]
        return self._append(operation, fields, rows, "reduce")

    def _sized(self, operation: Operation, fields: dict[str, Any]) -> dict[str, Any]:
        channels, *size = image_of(operation.shape)
        return {**fields, "out_channels": channels, "size": tuple(size)}

    # Places

    def _concat(self, operation: Operation, values: list[_Value]) -> _Value:
        if not self._joins(values, operation.fields.get("axis", 1)):
            rows = [self._row(one) for one in operation.inputs]
            return self._moved(operation, rows, "concat")
        parts: list[Part] = []
        for number, value in zip(operation.inputs, values, strict=True):
            if value.norm or value.pads is not None:
                parts.append(self._part(self._row(number)))
            else:
                parts += value.parts
        return _Value(parts, operation.shape, operation.cell)

    def _joins(self, values: list[_Value], axis: int) -> bool:
        """Whether values can be joined channel by channel."""
        for value in values:
            channels = sum(taken for _, taken in value.parts)
            if value.viewed or value.pads is not None or value.shape[axis] != channels:
                return False
        return len({self.shape(row)[1:] for value in values for row, _ in value.parts}) == 1

    def _pick(self, operation: Operation, values: list[_Value]) -> _Value:
        value = values[0]
        if value.viewed or value.shape[1] != sum(taken for _, taken in value.parts):
            return self._moved(operation, [self._row(operation.inputs[0])], "slice")
        if self._waits(value):
            value = _Value([self._part(self._row(operation.inputs[0]))], value.shape)
        wanted: Sequence[int] = operation.fields["channels"]
        if len(value.parts) == 1:
            return _Value([(value.parts[0][0], len(wanted))], operation.shape, operation.cell)
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
        return _Value(parts, operation.shape, operation.cell)

    def _mask(self, operation: Operation, values: list[_Value]) -> _Value:
        result = values[0].copy()
        result.mask = operation.fields["count"]
        return result

    def _pad(self, operation: Operation, values: list[_Value]) -> _Value:
        pads: tuple[int, ...] = operation.fields["paddings"]
        readers = self.readers.get(operation.output, [])
        windowed = all(
            one.kind == "pad"
            or (2 * len(one.fields.get("kernel", ())) == len(pads) and not _spreads(one))
            for one in readers
        )
        before = values[0].pads
        if not windowed or operation.output in self.returned or values[0].viewed:
            return self._moved(operation, [self._row(operation.inputs[0])], "pad")
        if before is not None and len(before) != len(pads):
            return self._moved(operation, [self._row(operation.inputs[0])], "pad")
        result = values[0].copy()
        result.pads = tuple(x + y for x, y in zip(pads, before, strict=True)) if before else pads
        return result

    def _view(self, operation: Operation, values: list[_Value]) -> _Value:
        value, partly = values[0], operation.fields.get("partly")
        if not partly and image_of(operation.shape) == image_of(value.shape):
            return value.copy()
        row = self._row(operation.inputs[0])
        if partly:
            return self._moved(operation, [row], "slice")
        result = _Value([self._part(row)], operation.shape, operation.cell)
        result.viewed = image_of(operation.shape) != self.shape(row) or values[0].viewed
        return result

    def _move(self, operation: Operation, values: list[_Value]) -> _Value:
        rows = [self._row(one) for one in operation.inputs]
        return self._moved(operation, rows, operation.fields["mode"])

    def _moved(self, operation: Operation, rows: list[int], mode: str) -> _Value:
        fields = self._sized(operation, {"mode": mode})
        wanted = prod(operation.shape)
        if wanted != prod(self.shape(rows[0])) and mode not in ("view", "slice"):
            fields["reads"] = min(wanted, sum(prod(self.shape(row)) for row in rows))
        return self._append(operation, fields, rows, "move")

    def _input(self, operation: Operation, values: list[_Value]) -> _Value:
        shape = image_of(operation.shape)
        fields: dict[str, Any] = {"out_channels": shape[0]}
        if operation.fields.get("params"):
            fields["extra_params"] = operation.fields["params"]
        return self._append(operation, fields, (), shape=shape)

    # Rows

    def _append(
        self,
        operation: Operation,
        fields: dict[str, Any],
        inputs: Sequence[int],
        kind: str = "",
        shape: Shape | None = None,
    ) -> _Value:
        """Add a row, and return its value.

        shape: what it reads, where that is not the shape that its first input hands on.
        """
        kind = kind or operation.kind
        given = self.shape(inputs[0]) if inputs else (1, 1, 1)
        channels, height, width = given if shape is None else shape
        frames = fields.get("frames", 1)
        if kind == "linear" and shape is None:
            channels, height, width = channels * height * width, 1, 1
        elif kind == "concat":
            channels = fields.pop("in_channels")
        read = fields.get("in_channels", channels)
        if read != channels:
            raise ArgumentError(f"it must read {read} channels, got {channels}")
        numbers = channels * height * width
        if kind not in ("embedding", "move", "concat", "input"):
            if shape is not None and shape != given:
                fields["reshaped"] = True
            if inputs and numbers != prod(given):
                raise ArgumentError(f"it must read {numbers} numbers, got {prod(given)}")
        fields = {
            "out_channels": channels,
            **fields,
            "kind": kind,
            "in_channels": channels,
            "height": height // frames,
            "width": width,
            "inputs": tuple(inputs),
            "cell": operation.cell,
        }
        if operation.bits != 32:
            fields["bits"] = operation.bits
        if operation.weight_bits != 32:
            fields["weight_bits"] = operation.weight_bits
        layer = Layer(**fields)  # checks, and computes the output's size
        made = _Row(fields, layer.shape_out, operation.path)
        made.activated = kind == "concat" and "activation" in fields
        self.rows.append(made)
        parts = [(len(self.rows) - 1, layer.out_channels)]
        return _Value(parts, operation.shape, operation.cell)

    # Operations that belong to a row, or wait for one

    def _norm(self, operation: Operation, values: list[_Value]) -> _Value:
        value, source = values[0], operation.inputs[0]
        mode = operation.fields.get("mode", "batch")
        count = sum(taken for _, taken in value.parts)
        if mode != "batch" or value.viewed or value.shape[1] != count:
            return self._own_norm(operation, value)
        extra: int = operation.fields.get("params", 2 * count) - 2 * count
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
                return _Value(value.parts, operation.shape, value.cell)
        result = _Value([self._part(self._row(source))], operation.shape, operation.cell)
        result.norm, result.extra = True, extra
        return result

    def _own_norm(self, operation: Operation, value: _Value) -> _Value:
        """Add a norm that is a row of its own."""
        given, shape = operation.fields, value.shape
        mode = given.get("mode", "batch")
        first = mode in ("batch", "group", "instance", "local")
        axis = given.get("axis", 1 if first else len(shape) - 1) % len(shape)
        rest = shape[:axis] + shape[axis + 1 :]
        size = map_of(shape)[1:] if axis == 1 else _positions(rest)
        fields: dict[str, Any] = {"mode": mode}
        params = given.get("params", 2 * shape[axis] if mode == "batch" else 0)
        if params:
            fields["extra_params"] = params
        rows = [self._row(operation.inputs[0])]
        return self._append(operation, fields, rows, "norm", shape=(shape[axis], *size))

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
        if value.norm and value.act is None and name in ACTIVATIONS and name not in ACROSS:
            value.act = name
            return value
        row = self._whole(value)
        if row is not None and row >= 0 and alone and not self._waits(value):
            made = self.rows[row]
            kind = made.fields["kind"]
            takes = kind in FAMILY_KINDS and name in ACTIVATIONS and not made.activated
            if takes and not self._is_across(made, name):
                made.activated = True
                pre = made.fields.get("norm") == "input"
                plain = kind != "pool" or name not in ("relu", "relu6")
                if not pre and plain:
                    made.fields.setdefault("activation", name)
                return value
        return self._own_act(operation, name)

    def _is_across(self, row: _Row, name: str | None) -> bool:
        """Whether an activation looks at several numbers, and the row is no classifier."""
        return name in ACROSS and (row.fields["height"], row.fields["width"]) != (1, 1)

    def _own_act(self, operation: Operation, name: str | None) -> _Value:
        rows = [self._row(operation.inputs[0])]
        if name in ACTIVATIONS:
            return self._append(operation, {"activation": name}, rows, "act")
        return self._append(operation, {"mode": _identifier(name)}, rows, "elementwise")

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
        if value.norm and self._is_alone(number) and value.pads is None:
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
        result = _Value([self._part(made)], value.shape, value.cell)
        result.mask, result.pads = value.mask, value.pads
        self.values[number] = result
        return made

    def _joined(self, value: _Value, fields: dict[str, Any]) -> int:
        """Add the row that joins a value's parts."""
        if not sum(taken for _, taken in value.parts):
            raise ArgumentError("it must read at least one channel, got none")
        parts = list(value.parts)
        join = Operation("concat", (), 0, value.shape, "", value.cell)
        if parts[0] != self._part(parts[0][0]):
            # the first input of a concat is taken whole: begin with one that is
            first = next((p for p in parts if p == self._part(p[0])), None)
            if first is None:
                first = next(part for part in parts if part[1])
                if len(parts) > 1:
                    only = _Value([first], value.shape, value.cell)
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


def _positions(axes: Sequence[int]) -> tuple[int, int]:
    """Return height and width of what has these axes beside its channels, the batch's first."""
    axes = [*axes[1:]] if axes and axes[0] == 1 else [*axes]
    if len(axes) == 2:
        return axes[0], axes[1]
    return prod(axes), 1


def _without(shape: tuple[int, ...], pads: tuple[int, ...]) -> tuple[int, ...]:
    """Return a shape without padding of its last axes."""
    axes = len(pads) // 2
    first = len(shape) - axes
    sides = zip(shape[first:], pads[:axes], pads[axes:], strict=True)
    return (*shape[:first], *(side - before - after for side, before, after in sides))


def _sides(fields: dict[str, Any], shape: tuple[int, ...], axes: int) -> dict[str, Any]:
    """Return a window's fields as a layer has them: along the height and across the width, and with
    three axes along the frames. Images of a batch are frames too."""
    made: dict[str, Any] = {}
    more = fields.get("mode") == "global_avg"
    for name in ("kernel", "stride", "dilation"):
        sides = fields.get(name)
        if sides is None:
            continue
        if axes == 3:
            made[f"{name}_frames"], sides = sides[0], sides[1:]
        made[name] = tuple(sides) if axes > 1 else (sides[0], 1)
    pads = fields.get("padding")
    if pads is not None:
        before, after = tuple(pads[:axes]), tuple(pads[axes:])
        if axes == 3:
            made["padding_frames"] = (before[0], after[0])
            before, after = before[1:], after[1:]
        elif axes == 1:
            before, after = (before[0], 0), (after[0], 0)
        made["padding"], made["padding_end"] = before, after
    batch = shape[0]
    if axes == 3:
        if batch > 1 and (made["kernel_frames"], made.get("stride_frames", 1)) != (1, 1):
            raise ArgumentError(f"a window over three axes must read one image, got {batch}")
        made["frames"] = batch * shape[2]
    elif batch > 1 and not more:
        made["frames"] = batch
    return made


def _spreads(operation: Operation) -> bool:
    return bool(operation.fields.get("transposed"))


def _identifier(name: Any) -> str:
    text = "".join(one if one.isalnum() else "_" for one in str(name or "other"))
    return text if text.isidentifier() else f"f_{text}"
