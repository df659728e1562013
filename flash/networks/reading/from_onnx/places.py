"""ONNX operators that put numbers elsewhere: shapes, slices, parts, joints; and sequences."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import TensorProto

from .calls import Call
from .products import broadcast
from .values import Shape, Value, is_float

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["PLACES"]

MAX_PICKED = 1 << 20  # channels
WINDOWED = frozenset(
    [
        "Conv",
        "MaxPool",
        "AveragePool",
        "LpPool",
        "QLinearConv",
        "ConvInteger",
        "com.microsoft.FusedConv",
        "FusedConv",
    ]
)


def _same(call: Call) -> None:
    call.same(call.value(0))


def _identity(call: Call) -> None:
    value = call.value(0)
    origin = value.origin
    if origin is not None and call.reader.is_scripted and origin.is_fresh and is_float(origin.kind):
        # torch writes equal parameters of different layers once, and names the others so
        value = Value.stored(origin.twin(call.node.output[0]))
    call.same(value)


def _dropout(call: Call) -> None:
    call.same(call.value(0))
    if call.wants(1):
        call.set(1, Value(call.shape(0), TensorProto.BOOL, None, True))


def reshaped(call: Call, before: Shape, target: Sequence[int], zeros: bool) -> list[int]:
    """Return the shape that a Reshape makes."""
    sizes = list(target)
    batch = call.reader.fixed_batch
    if batch > 1 and sizes and sizes[0] == batch and before and before[0] == 1:
        sizes[0] = 1  # the file is made for several images
    for axis, size in enumerate(sizes):
        if size == 0 and not zeros:
            if axis >= len(before):
                raise call.wrong(f"{before} cannot become {list(target)}")
            sizes[axis] = before[axis]
        elif size < -1:
            raise call.wrong(f"{before} cannot become {list(target)}")
    total = math.prod(before)
    free = [axis for axis, size in enumerate(sizes) if size == -1]
    rest = math.prod(size for size in sizes if size != -1)
    if len(free) == 1 and rest > 0 and total % rest == 0:
        sizes[free[0]] = total // rest
    elif len(free) == 1 and rest == 0 and total == 0:
        sizes[free[0]] = 0
    if len(free) > 1 or -1 in sizes or math.prod(sizes) != total:
        raise call.wrong(f"{before} cannot become {list(target)}")
    return sizes


def _reshape(call: Call) -> None:
    given = call.attribute("shape")
    target = [int(one) for one in given] if given is not None else call.ints(1)
    shape = reshaped(call, call.shape(0), target, bool(call.attribute("allowzero", 0)))
    call.view(call.value(0), shape)


def _flatten(call: Call) -> None:
    shape = call.shape(0)
    axis = int(call.attribute("axis", 1))
    axis = len(shape) if axis == len(shape) else call.axis(axis, len(shape))
    call.view(call.value(0), (math.prod(shape[:axis]), math.prod(shape[axis:])))


def _squeeze(call: Call) -> None:
    shape = call.shape(0)
    axes = call.int_list("axes", 1)
    chosen = (
        {axis for axis, size in enumerate(shape) if size == 1}
        if axes is None
        else {call.axis(axis, len(shape)) for axis in axes}
    )
    if any(shape[axis] != 1 for axis in chosen):
        raise call.wrong(f"axes {sorted(chosen)} of {shape} must be 1")
    call.view(call.value(0), [size for axis, size in enumerate(shape) if axis not in chosen])


def _unsqueeze(call: Call) -> None:
    shape = call.shape(0)
    axes = call.int_list("axes", 1) or []
    rank = len(shape) + len(axes)
    chosen = {call.axis(axis, rank) for axis in axes}
    if len(chosen) != len(axes):
        raise call.wrong(f"axes must differ, got {axes}")
    rest = iter(shape)
    call.view(call.value(0), [1 if axis in chosen else next(rest) for axis in range(rank)])


def permuted(call: Call, value: Value, order: Sequence[int], place: int | None = 0) -> Value:
    """Give a value with its axes in another order."""
    shape = call.shape_of(value)
    if sorted(order) != list(range(len(shape))):
        raise call.wrong(f"perm must be an order of {len(shape)} axes, got {list(order)}")
    out = [shape[axis] for axis in order]
    moving = [axis for axis in order if shape[axis] != 1]
    if moving == sorted(moving):
        made = call.view(value, out, None)
        if place is not None:
            call.set(place, made)
        return made
    groups = len(order) == 5 and list(order) == [0, 2, 1, 3, 4]
    if groups:  # a shuffle of channels
        return call.give("view", [value], out, place)
    return call.give("move", [value], out, place, mode="permute")


def _transpose(call: Call) -> None:
    rank = len(call.shape(0))
    order = call.int_list("perm")
    permuted(call, call.value(0), list(reversed(range(rank))) if order is None else order)


def _concat(call: Call) -> None:
    values = [one for one in call.given() if one.shape is None or 0 not in one.shape]
    if not values:
        return call.same(call.value(0))
    first = call.shape_of(values[0])
    axis = call.axis(int(call.attribute("axis", 1)), len(first))
    total = 0
    for one in values:
        shape = call.shape_of(one)
        if len(shape) != len(first) or shape[:axis] + shape[axis + 1 :] != (
            first[:axis] + first[axis + 1 :]
        ):
            raise call.wrong(f"shapes {first} and {shape} do not join along axis {axis}")
        total += shape[axis]
    out = (*first[:axis], total, *first[axis + 1 :])
    if len(values) == 1:
        return call.same(values[0])
    computed = [one for one in values if one.number is not None]
    if len(computed) == len(values):
        call.give("concat", values, out, axis=axis)
    elif computed:
        params = call.weigh(*values, role="other")
        if params:
            call.give("elementwise", values, out, name="concat", params=params)
        else:
            call.give("move", values, out, mode="concat")
    else:
        call.give("move", values, out)
    return None


def _picked(call: Call, value: Value, axis: int, chosen: Sequence[int], place: int = 0) -> None:
    """Give some places of an axis."""
    shape = call.shape_of(value)
    out = (*shape[:axis], len(chosen), *shape[axis + 1 :])
    if len(chosen) == shape[axis] and (
        chosen == range(shape[axis]) or list(chosen) == list(range(shape[axis]))
    ):
        return call.same(value, place)
    if axis == 1 and len(shape) == 4 and 0 < len(chosen) <= MAX_PICKED:
        call.give("pick", [value], out, place, channels=list(chosen))
    else:
        call.give("view", [value], out, place, partly=True)
    return None


def _gather(call: Call) -> None:
    value, index = call.value(0), call.value(1)
    shape, spots = call.shape(0), call.shape(1)
    axis = call.axis(int(call.attribute("axis", 0)), len(shape))
    out = (*shape[:axis], *spots, *shape[axis + 1 :])
    if value.number is None and index.number is None:
        call.give("move", [value, index], out)
        return
    if value.number is None:
        if axis == 0 and len(shape) == 2 and value.sources and (
            is_float(value.kind) or any(one.quantised for one in value.sources)
        ):  # fmt: skip
            implied = shape[0] * shape[1]
            call.give(
                "embedding", [index], out, dtype=value.kind, rows=shape[0],
                weight_bits=value.bits, **call.counted(index, value, implied=implied),
            )  # fmt: skip
        else:
            params = call.weigh(value, role="other")
            call.give("elementwise", [index], out, dtype=value.kind, name="gather", params=params)
        return
    array = index.array
    if array is None or array.dtype.kind not in "iu":
        read = [value, index] if index.number is not None else [value]
        call.give("move", read, out, mode="gather")
        return
    chosen = [int(one) + (shape[axis] if one < 0 else 0) for one in array.ravel().tolist()]
    if any(not 0 <= one < shape[axis] for one in chosen):
        raise call.wrong(f"indices must be below {shape[axis]}, got {chosen[:8]}")
    if len(spots) == 1:
        steps = {b - a for a, b in pairwise(chosen)}
        if len(chosen) == 1 or len(steps) <= 1 or (axis == 1 and len(shape) == 4):
            _picked(call, value, axis, chosen)
            return
    if len(chosen) == 1:
        call.give("view", [value], out, partly=True)
    else:
        call.give("move", [value], out, mode="gather")


def _gather_elements(call: Call) -> None:
    out = call.shape(1)
    call.give("move", call.given(), out, dtype=call.kind(0), mode="gather")


def _gather_places(call: Call) -> None:
    shape, index = call.shape(0), call.shape(1)
    batch = int(call.attribute("batch_dims", 0))
    if not index or not 0 <= batch < len(index) or batch + index[-1] > len(shape):
        raise call.wrong(f"indices {index} do not fit {shape}")
    out = (*index[:-1], *shape[batch + index[-1] :])
    call.give("move", call.given(), out, dtype=call.kind(0), mode="gather")


def _scatter(call: Call) -> None:
    call.give("move", call.given(), call.shape(0), mode="scatter")


def _sizes(call: Call, count: int, total: int, axis: int) -> list[int]:
    """Return the sizes of the parts of a split."""
    given = call.int_list("split", 1)
    if given is None:
        given_count = int(call.attribute("num_outputs", count))
        each = -(-total // max(given_count, 1))
        given = [each] * (count - 1) + [total - each * (count - 1)]
    if len(given) != count or sum(given) != total or min(given) < 0:
        raise call.wrong(f"sizes must be {count} that add up to {total}, got {given[:8]}")
    return given


def _split(call: Call) -> None:
    value, shape = call.value(0), call.shape(0)
    axis = call.axis(int(call.attribute("axis", 0)), len(shape))
    start = 0
    for place, size in enumerate(_sizes(call, len(call.node.output), shape[axis], axis)):
        if size == 0:
            out = (*shape[:axis], 0, *shape[axis + 1 :])
            call.give("view", [value], out, place, partly=True)
        elif call.wants(place):
            _picked(call, value, axis, range(start, start + size), place)
        start += size


def _slice(call: Call) -> None:
    value, shape = call.value(0), call.shape(0)
    starts, ends = call.int_list("starts", 1), call.int_list("ends", 2)
    axes, steps = call.int_list("axes", 3), call.ints(4) if call.has(4) else None
    if starts is None or ends is None:
        raise call.wrong("starts and ends are missing")
    axes = list(range(len(starts))) if axes is None else [call.axis(a, len(shape)) for a in axes]
    steps = [1] * len(starts) if steps is None else steps
    if not len(starts) == len(ends) == len(axes) == len(steps) or 0 in steps:
        raise call.wrong("starts, ends, axes and steps do not fit")
    chosen = {
        axis: range(shape[axis])[slice(start, _end(end, step, shape[axis]), step)]
        for start, end, axis, step in zip(starts, ends, axes, steps, strict=True)
    }
    chosen = {axis: one for axis, one in chosen.items() if one != range(shape[axis])}
    out = [len(chosen[axis]) if axis in chosen else size for axis, size in enumerate(shape)]
    if not chosen:
        return call.same(value)
    if set(chosen) == {1} and len(shape) == 4 and value.number is not None:
        return _picked(call, value, 1, chosen[1])
    steps_down = [chosen[axis].step if axis in chosen else 1 for axis in (2, 3)]
    whole = all(
        one.start == 0 and one.step > 0 and one.stop >= shape[axis] for axis, one in chosen.items()
    )
    if whole and len(shape) == 4 and set(chosen) <= {2, 3} and value.number is not None:
        window: dict[str, Any] = {"kernel": (1, 1), "stride": tuple(steps_down)}
        call.give("pool", [value], out, mode="max", dilation=(1, 1), padding=(0, 0, 0, 0), **window)
        return None
    call.give("view", [value], out, partly=True)
    return None


def _end(end: int, step: int, size: int) -> int | None:
    """Return the end of a slice; far below the first place it is none where it goes backwards."""
    return None if step < 0 and end < -size else end


def _pad(call: Call) -> None:
    value, shape = call.value(0), call.shape(0)
    pads = call.int_list("pads") or call.int_list("paddings") or call.ints(1)
    axes = call.ints(3) if call.has(3) else list(range(len(shape)))
    axes = [call.axis(axis, len(shape)) for axis in axes]
    if len(pads) != 2 * len(axes):
        raise call.wrong(f"pads must be two for each of {len(axes)} axes, got {pads}")
    before, after = [0] * len(shape), [0] * len(shape)
    for place, axis in enumerate(axes):
        before[axis], after[axis] = pads[place], pads[place + len(axes)]
    out = [size + b + a for size, b, a in zip(shape, before, after, strict=True)]
    if min(out, default=1) < 0:
        raise call.wrong(f"{shape} cannot be cropped to {out}")
    if out == list(shape) and not any(before):
        return call.same(value)
    if all(one <= 0 for one in before + after):
        call.give("view", [value], out, partly=True)
        return None
    plain = call.attribute("mode", b"constant") == b"constant"
    number = call.get(2)
    zeros = number is None or number.array is None or not number.array.any()
    spots = len(shape) - 2
    readers = call.scope.readers.get(call.node.output[0], [])
    windowed = bool(readers) and all(one in WINDOWED for one in readers)
    inner = not any(before[:2] + after[:2]) and min(before + after) >= 0
    if plain and zeros and windowed and inner and 1 <= spots <= 3:
        call.give("pad", [value], out, paddings=(*before[2:], *after[2:]))
    else:
        call.give("move", [value], out, mode="pad")
    return None


def _expand(call: Call) -> None:
    value, target = call.value(0), call.ints(1)
    batch = call.reader.fixed_batch
    if batch > 1 and target and target[0] == batch and len(target) == len(call.shape(0)):
        target[0] = 1
    shape = broadcast(call, call.shape(0), tuple(target))
    if shape == value.shape:
        return call.same(value)
    call.give("move", [value], shape, mode="expand")
    return None


def _tile(call: Call) -> None:
    value, shape = call.value(0), call.shape(0)
    times = call.ints(1)
    if len(times) != len(shape) or min(times, default=0) < 0:
        raise call.wrong(f"repeats must be {len(shape)}, got {times}")
    out = [size * count for size, count in zip(shape, times, strict=True)]
    if tuple(out) == shape:
        return call.same(value)
    call.give("move", [value], out, mode="expand")
    return None


def _to_space(call: Call) -> None:
    shape, side = call.shape(0), int(call.attribute("blocksize", 1))
    if len(shape) != 4 or side < 1:
        raise call.wrong(f"it must read maps in blocks of at least 1, got {shape} and {side}")
    batch, channels, down, across = shape
    if call.operator == "DepthToSpace":
        if channels % (side * side):
            raise call.wrong(f"blocks of {side} do not fit {shape}")
        out = (batch, channels // (side * side), down * side, across * side)
    else:
        if down % side or across % side:
            raise call.wrong(f"blocks of {side} do not fit {shape}")
        out = (batch, channels * side * side, down // side, across // side)
    call.give("move", [call.value(0)], out, mode="permute")


def _one_hot(call: Call) -> None:
    shape, depth = call.shape(0), call.ints(1)[0]
    axis = int(call.attribute("axis", -1))
    axis = call.axis(axis, len(shape) + 1)
    out = (*shape[:axis], max(depth, 0), *shape[axis:])
    call.give("elementwise", [call.value(0)], out, 0, call.kind(2), name="onehot")


def _copied(call: Call) -> None:
    call.give("move", [call.value(0)], call.shape(0), mode="copy")


def _compress(call: Call) -> None:
    chosen = call.array(1).ravel()
    shape = call.shape(0)
    axis = call.attribute("axis", 0) if "axis" in call.fields else None
    if axis is None:
        call.give("move", [call.value(0)], (int(chosen.sum()),), mode="gather")
        return
    axis = call.axis(int(axis), len(shape))
    out = (*shape[:axis], int(chosen[: shape[axis]].sum()), *shape[axis + 1 :])
    call.give("move", [call.value(0)], out, mode="gather")


def _centred(call: Call) -> None:
    shape, target = list(call.shape(0)), call.ints(1)
    axes = call.int_list("axes") or list(range(len(shape)))
    if len(axes) != len(target):
        raise call.wrong("it must have one size for each axis")
    for axis, size in zip(axes, target, strict=True):
        shape[call.axis(axis, len(shape))] = size
    call.give("move", [call.value(0)], shape, mode="pad")


def _columns(call: Call) -> None:
    """Col2Im."""
    shape, image, block = call.shape(0), call.ints(1), call.ints(2)
    size = math.prod(block)
    if len(shape) != 3 or size < 1 or shape[1] % size:
        raise call.wrong(f"blocks {block} do not fit {shape}")
    call.give("move", [call.value(0)], (shape[0], shape[1] // size, *image), mode="scatter")


PLACES: dict[str, Callable[[Call], None]] = {
    "Identity": _identity,
    "Dropout": _dropout,
    "Optional": _same,
    "BitCast": lambda call: call.same(call.value(0), dtype=int(call.attribute("to", 0))),
    "OptionalGetElement": _same,
    "OptionalHasElement": lambda call: call.set(0, Value.of(np.array(call.has(0)))),
    "Reshape": _reshape,
    "Flatten": _flatten,
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
    "Transpose": _transpose,
    "Concat": _concat,
    "Gather": _gather,
    "GatherElements": _gather_elements,
    "GatherND": _gather_places,
    **dict.fromkeys(("Scatter", "ScatterElements", "ScatterND", "TensorScatter"), _scatter),
    "Split": _split,
    "Slice": _slice,
    "Pad": _pad,
    "Expand": _expand,
    "Tile": _tile,
    **dict.fromkeys(("DepthToSpace", "SpaceToDepth"), _to_space),
    "OneHot": _one_hot,
    "ReverseSequence": _copied,
    "Compress": _compress,
    "CenterCropPad": _centred,
    "Col2Im": _columns,
}
