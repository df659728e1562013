"""Constants of ONNX files, and sequences of values."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from onnx import TensorProto

from .calls import Call, Open
from .values import Stored, Value, is_float

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["CONSTANTS"]

MAX_ITEMS = 1 << 12  # of a sequence


def _shape(call: Call) -> None:
    shape = call.shape(0)
    rank = len(shape)
    start, end = int(call.attribute("start", 0)), int(call.attribute("end", rank))
    call.set(0, Value.of(np.array(shape[slice(start, end)], np.int64)))


def _size(call: Call) -> None:
    call.set(0, Value.of(np.array(math.prod(call.shape(0)), np.int64)))


def _constant(call: Call) -> None:
    for name, attribute in call.fields.items():
        if name in ("value", "sparse_value"):
            tensor = attribute.t if name == "value" else attribute.sparse_tensor.values
            stored = Stored(tensor, call.node.output[0], None, True, call.reader.fetch)
            stored.role = call.reader.roles.get(stored.name)
            value = Value.stored(stored)
            if name == "sparse_value":
                value.shape, value.origin = tuple(attribute.sparse_tensor.dims), None
            call.set(0, value)
        elif name in ("value_int", "value_ints"):
            number = attribute.i if name == "value_int" else list(attribute.ints)
            call.set(0, Value.of(np.array(number, np.int64)))
        elif name in ("value_float", "value_floats"):
            real = attribute.f if name == "value_float" else list(attribute.floats)
            call.set(0, Value.of(np.array(real, np.float32)))
        elif name.startswith("value_string"):
            count = () if name == "value_string" else (len(attribute.strings),)
            call.set(0, Value(count, TensorProto.STRING, None, True))
    if call.results[0] is None:
        raise call.wrong("it holds no value")


def _filled(call: Call) -> None:
    """ConstantOfShape."""
    shape = tuple(call.ints(0))
    attribute = call.fields.get("value")
    kind = TensorProto.FLOAT if attribute is None else attribute.t.data_type
    made = Value(call.checked(shape), kind, None, True)
    if is_float(kind) and math.prod(shape) > 1:
        made.sources = (Stored.filled(shape, kind, call.node.output[0]),)
    call.set(0, made)


def _range(call: Call) -> None:
    start, limit, delta = (call.floats(place)[0] for place in range(3))
    if delta == 0:
        raise call.wrong("its step must not be 0")
    count = max(0, math.ceil((limit - start) / delta))
    call.set(0, Value(call.checked((count,)), call.kind(0), None, True))


def _eye(call: Call) -> None:
    kind = int(call.attribute("dtype", 0)) or call.kind(0)
    call.set(0, Value(call.shape(0), kind, None, True))


def _drawn_window(call: Call) -> None:
    """HannWindow and its like."""
    call.set(0, Value(call.checked((call.ints(0)[0],)), TensorProto.FLOAT, None, True))


# Sequences


def _items(call: Call, place: int = 0) -> list[Value]:
    value = call.value(place)
    if value.items is None:
        raise Open("which values its sequence holds depends on the data")
    return value.items


def _sequence(call: Call, items: list[Value]) -> None:
    call.set(0, Value.sequence(items))


def _place(call: Call, place: int, count: int, default: int) -> int:
    spot = call.ints(place)[0] if call.has(place) else default
    if not -count <= spot <= count:
        raise call.wrong(f"position {spot} must be one of {count}")
    return spot


def _at(call: Call) -> None:
    items = _items(call)
    spot = call.ints(1)[0]
    if not -len(items) <= spot < len(items):
        raise call.wrong(f"position {spot} must be one of {len(items)}")
    call.same(items[spot])


def _insert(call: Call) -> None:
    items = list(_items(call))
    items.insert(_place(call, 2, len(items), len(items)), call.value(1))
    _sequence(call, items)


def _erase(call: Call) -> None:
    items = list(_items(call))
    del items[_place(call, 1, len(items), -1)]
    _sequence(call, items)


def _length(call: Call) -> None:
    call.set(0, Value.of(np.array(len(_items(call)), np.int64)))


def _split_sequence(call: Call) -> None:
    value, shape = call.value(0), call.shape(0)
    axis = call.axis(int(call.attribute("axis", 0)), len(shape))
    total, kept = shape[axis], call.attribute("keepdims", 1) or call.has(1)
    if call.has(1) and call.shape(1) != ():
        sizes = call.ints(1)
    else:
        each = call.ints(1)[0] if call.has(1) else 1
        if each < 1 or total > each * MAX_ITEMS:
            raise call.wrong(f"{total} in parts of {each} must make at most {MAX_ITEMS}")
        sizes = [min(each, total - start) for start in range(0, total, each)]
    if sum(sizes) != total or min(sizes, default=1) < 0 or len(sizes) > MAX_ITEMS:
        raise call.wrong(f"sizes must add up to {total}, got {sizes[:8]}")
    items = []
    for size in sizes:
        middle = (size,) if kept else ()
        out = (*shape[:axis], *middle, *shape[axis + 1 :])
        items.append(call.give("view", [value], out, None, partly=True))
    _sequence(call, items)


def _joined_sequence(call: Call) -> None:
    items = _items(call)
    if not items:
        raise call.wrong("its sequence is empty")
    axis, fresh = int(call.attribute("axis", 0)), bool(call.attribute("new_axis", 0))
    first = list(call.shape_of(items[0]))
    rank = len(first) + fresh
    axis = call.axis(axis, rank)
    if fresh:
        first.insert(axis, len(items))
    else:
        first[axis] = sum(call.shape_of(one)[axis] for one in items)
    if all(one.array is not None for one in items):
        arrays = [one.array for one in items]
        whole = np.stack(arrays, axis) if fresh else np.concatenate(arrays, axis)
        return call.set(0, Value.of(whole))
    computed = [one for one in items if one.number is not None] or items
    if not fresh and len(computed) == len(items) > 1:
        call.give("concat", items, first, axis=axis)
    else:
        call.give("move", computed, first, mode="concat")
    return None


CONSTANTS: dict[str, Callable[[Call], None]] = {
    "Shape": _shape,
    "Size": _size,
    "Constant": _constant,
    "ConstantOfShape": _filled,
    "Range": _range,
    "EyeLike": _eye,
    **dict.fromkeys(("HannWindow", "HammingWindow", "BlackmanWindow"), _drawn_window),
    "SequenceEmpty": lambda call: _sequence(call, []),
    "SequenceConstruct": lambda call: _sequence(call, call.given()),
    "SequenceAt": _at,
    "SequenceInsert": _insert,
    "SequenceErase": _erase,
    "SequenceLength": _length,
    "SplitToSequence": _split_sequence,
    "ConcatFromSequence": _joined_sequence,
}
