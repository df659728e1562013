"""What each operator of ONNX is as an operation.

A handler takes (file, node) and says through `File.give` what the node's outputs are, or notes the
node as unknown.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ...errors import FormatError
from .onnx_folding import reshaped
from .onnx_values import File

if TYPE_CHECKING:
    from collections.abc import Callable

    Handler = Callable[[File, Any], None]

__all__ = ["HANDLERS", "IGNORED"]

IGNORED = ("Shape", "Size")  # of an image they are constants
_ACTIVATIONS = (
    "Abs Celu Clip Elu Erf Exp Gelu HardSigmoid HardSwish LeakyRelu LogSoftmax Mish Neg Relu Selu "
    "Sigmoid Softmax Softplus Softsign Sqrt Swish Tanh ThresholdedRelu"
)


_NAMES = {  # of those that a layer notes, by torch's
    "Celu": "celu", "Elu": "elu", "Gelu": "gelu", "HardSigmoid": "hardsigmoid",
    "HardSwish": "hardswish", "LeakyRelu": "leaky_relu", "LogSoftmax": "log_softmax",
    "Mish": "mish", "Relu": "relu", "Selu": "selu", "Sigmoid": "sigmoid", "Softmax": "softmax",
    "Softplus": "softplus", "Softsign": "softsign", "Swish": "silu", "Tanh": "tanh",
}  # fmt: skip


def _ints(value: Any) -> list[int]:
    return [int(one) for one in value]


def _window(file: File, kernel: list[int], pool: bool) -> dict[str, Any] | None:
    """Return the fields of a 2-d window, or None where it is none."""
    strides = _ints(file.attribute("strides", [1, 1]))
    dilations = _ints(file.attribute("dilations", [1, 1]))
    pads = _ints(file.attribute("pads", [0, 0, 0, 0]))
    auto = file.attribute("auto_pad", b"NOTSET")
    shape = file.shape(0)
    if [len(kernel), len(strides), len(dilations), len(pads)] != [2, 2, 2, 4]:
        file.unknown("not a 2-d window")
        return None
    if min(kernel + strides + dilations) < 1 or min(pads) < 0:
        raise FormatError(
            f"{file.at}: kernel, strides and dilations must be at least "
            f"1 and pads 0, got {kernel}, {strides}, {dilations} and {pads}"
        )
    if shape is None or len(shape) != 4 or None in shape:
        file.unknown("the shape that it reads is open")
        return None
    reach = [d * (k - 1) + 1 for d, k in zip(dilations, kernel, strict=True)]
    sides = [int(shape[2] or 0), int(shape[3] or 0)]
    if auto in (b"SAME_UPPER", b"SAME_LOWER"):
        pads = [0, 0, 0, 0]
        for axis in (0, 1):
            out = -(-sides[axis] // strides[axis])
            extra = max(0, (out - 1) * strides[axis] + reach[axis] - sides[axis])
            small, large = extra // 2, extra - extra // 2
            upper = auto == b"SAME_UPPER"
            pads[axis], pads[axis + 2] = (small, large) if upper else (large, small)
    elif auto == b"VALID":
        pads = [0, 0, 0, 0]
    if pool and file.attribute("ceil_mode", 0):
        for axis in (0, 1):
            room = sides[axis] + pads[axis] + pads[axis + 2] - reach[axis]
            out = -(-room // strides[axis]) + 1
            if (out - 1) * strides[axis] >= sides[axis] + pads[axis]:
                out -= 1  # no window may start in the padding at the end
            pads[axis + 2] = max(
                pads[axis + 2], (out - 1) * strides[axis] + reach[axis] - sides[axis] - pads[axis]
            )
    return {"kernel": tuple(kernel), "stride": tuple(strides), "padding": tuple(pads),
            "dilation": tuple(dilations)}  # fmt: skip


def _conv(file: File, node: Any) -> None:
    number, dims = file.number(0), file.weight(1)
    if number is None or dims is None or len(dims) != 4:
        return file.unknown("not 2-d, or its weights depend on the image")
    fields = _window(file, list(dims[2:]), pool=False)
    if fields is None:
        return None
    groups = int(file.attribute("group", 1))
    biased = bool(file.input(2))
    if biased:
        file.weight(2)
    file.give(
        "conv",
        [number],
        in_channels=dims[1] * groups,
        out_channels=dims[0],
        groups=groups,
        bias=biased,
        **fields,
    )
    return None


def _linear(file: File, node: Any) -> None:
    number, dims = file.number(0), file.weight(1)
    shape = file.shape(0)
    if number is None or dims is None or len(dims) != 2 or file.attribute("transA", 0):
        return file.unknown("not a map times a matrix of weights")
    if shape is None or len(shape) != 2:
        return file.unknown(f"on {'unknown' if shape is None else len(shape)} dimensions, not 2")
    into, out = reversed(dims) if file.attribute("transB", 0) else dims
    biased = bool(file.input(2))
    if biased and math.prod(file.weight(2) or ()) != out:
        return file.unknown("its bias is not one number per output")
    file.give("linear", [number], in_channels=into, out_channels=out, bias=biased)
    return None


def _norm(file: File, node: Any) -> None:
    number, dims = file.number(0), file.weight(1)
    file.weight(2)
    if number is None or dims is None or len(dims) != 1:
        return file.unknown("its scale is not a constant vector")
    file.give("norm", [number], channels=dims[0])
    return None


def _act(file: File, node: Any) -> None:
    name = _NAMES.get(node.op_type)
    if node.op_type == "Clip":
        bounds = [None if (one := file.constant(k)) is None else one.item() for k in (1, 2)]
        noted: dict[Any, str] = {(0, 6): "relu6", (0, None): "relu"}
        name = noted.get(tuple(bounds), "hardtanh")
    number = file.number(0)
    if number is None:
        return file.unknown("its first input is a constant")
    file.give("act", [number], name=name)
    return None


def _pass(file: File, node: Any) -> None:
    file.same(file.number(0))


def _pool(file: File, node: Any) -> None:
    number = file.number(0)
    fields = _window(file, _ints(file.attribute("kernel_shape", [])), pool=True)
    if fields is not None and number is not None:
        file.give("pool", [number], mode="max" if node.op_type == "MaxPool" else "avg", **fields)


def _global(file: File, node: Any) -> None:
    number, shape = file.number(0), file.shape(0)
    if number is None or shape is None or len(shape) != 4 or None in shape[1:]:
        return file.unknown("not of one 4-d map of fixed size")
    if node.op_type == "ReduceMean":
        axes = file.attribute("axes") or file.constant(1)
        if axes is None or sorted(int(one) % 4 for one in axes) != [2, 3]:
            return file.unknown("not over the pixels of a map")
    if node.op_type == "GlobalMaxPool":
        size = (shape[2], shape[3])
        file.give("pool", [number], mode="max", kernel=size, padding=(0, 0, 0, 0))
    else:
        file.give("pool", [number], mode="global_avg")
    return None


def _shape(file: File, node: Any) -> None:
    """Flattening and regrouping of channels change no count."""
    number, before, after = file.number(0), file.shape(0), file.out_shape()
    if (after is None or None in after) and node.op_type == "Reshape":
        after = reshaped(before, file.constant(1)) or after
        if after is not None:
            file.shapes[node.output[0]] = after
    if node.op_type == "Flatten" and file.attribute("axis", 1) == 1:
        return file.same(number)
    if before is not None and after is not None and before[:1] == after[:1]:
        pixels = before[-2:] if len(before) > 3 else (1, 1)
        kept = after[-2:] if len(after) > 3 else (1, 1)
        if before == after or len(after) == 2 or (pixels == kept and None not in kept):
            return file.same(number)
    return file.unknown(f"from {before} to {after}")


def _transpose(file: File, node: Any) -> None:
    order = _ints(file.attribute("perm", []))
    if len(order) == 5 and order[0] == 0 and order[3:] == [3, 4]:
        return file.same(file.number(0))
    return file.unknown(f"of dimensions {order}")


def _concat(file: File, node: Any) -> None:
    numbers = [file.number(place) for place in range(len(node.input))]
    rank = len(file.shape(0) or (0,) * 4)
    if file.attribute("axis", 0) % rank != 1:
        return file.unknown(f"along axis {file.attribute('axis', 0)}, not 1")
    inputs = [number for number in numbers if number is not None]
    if len(inputs) < len(numbers):
        return file.unknown("with a constant")
    file.give("concat", inputs)
    return None


def _channels(file: File) -> int | None:
    shape = file.shape(0)
    return shape[1] if shape is not None and len(shape) in (2, 4) else None


def _pick(file: File, channels: list[int], place: int = 0) -> None:
    number, total = file.number(0), _channels(file)
    if number is not None and len(channels) == total:
        file.same(number, place)
    elif number is not None:
        file.give("pick", [number], place, channels=channels)


def _gather(file: File, node: Any) -> None:
    indices, total = file.constant(1), _channels(file)
    if (
        file.attribute("axis", 0) not in (1, -3)
        or indices is None
        or indices.ndim != 1
        or not total
    ):
        return file.unknown("not of channels by a constant list")
    chosen = [int(one) + (total if one < 0 else 0) for one in indices.tolist()]
    if any(not 0 <= one < total for one in chosen):
        raise FormatError(f"Gather at {file.path}: indices must be below {total}, got {chosen[:8]}")
    _pick(file, chosen)
    return None


def _split(file: File, node: Any) -> None:
    total, count = _channels(file), len(node.output)
    if file.attribute("axis", 0) not in (1, -3) or not total:
        return file.unknown("not along channels")
    if file.input(1):
        given = file.constant(1)
        if given is None:
            return file.unknown("by sizes that are no constant")
        sizes = _ints(given.ravel())
    else:
        each = -(-total // count)
        sizes = [each] * (count - 1) + [total - each * (count - 1)]
    if len(sizes) != count or sum(sizes) != total or min(sizes) < 0:
        raise FormatError(
            f"Split at {file.path}: sizes must be {count} that add up to {total}, got {sizes[:8]}"
        )
    start = 0
    for place, size in enumerate(sizes):
        _pick(file, list(range(start, start + size)), place)
        start += size
    return None


def _slice(file: File, node: Any) -> None:
    shape, number = file.shape(0), file.number(0)
    parts = [file.constant(place) for place in (1, 2, 3, 4)]
    if shape is None or len(shape) != 4 or None in shape[1:] or number is None:
        return file.unknown("not of one 4-d map of fixed size")
    if parts[0] is None or parts[1] is None or (file.input(3) and parts[2] is None):
        return file.unknown("by bounds that are no constants")
    starts, ends = _ints(parts[0]), _ints(parts[1])
    axes = list(range(len(starts))) if parts[2] is None else [int(one) % 4 for one in parts[2]]
    steps = [1] * len(starts) if parts[3] is None else _ints(parts[3])
    if not len(starts) == len(ends) == len(axes) == len(steps) or 0 in steps:
        raise FormatError(f"Slice at {file.path}: starts, ends, axes and steps do not fit")
    chosen = {
        axis: range(int(shape[axis] or 0))[slice(start, end, step)]
        for start, end, axis, step in zip(starts, ends, axes, steps, strict=True)
    }
    if set(chosen) == {1}:
        return _pick(file, list(chosen[1]))
    whole = all(
        r.start == 0 and r.step > 0 and r.stop >= (shape[a] or 0) for a, r in chosen.items()
    )
    if whole and set(chosen) <= {2, 3}:
        stride = (chosen[2].step if 2 in chosen else 1, chosen[3].step if 3 in chosen else 1)
        window: dict[str, Any] = {"kernel": (1, 1), "stride": stride, "padding": (0, 0, 0, 0)}
        file.give("pool", [number], mode="max", **window)
        return None
    return file.unknown("neither of channels nor of every n-th pixel")


def _add(file: File, node: Any) -> None:
    numbers = [file.number(0), file.number(1)]
    if None not in numbers:
        if file.shape(0) != file.shape(1):
            return file.unknown(f"of shapes {file.shape(0)} and {file.shape(1)}")
        file.give("add", [int(number or 0) for number in numbers])
        return None
    at = 0 if numbers[0] is not None else 1
    dims, number = file.weight(1 - at), numbers[at]
    if dims is not None and number is not None:
        count = math.prod(dims)
        alone = file.readers.get(node.input[at]) == 1 and node.op_type == "Add"
        if count == 1 or (alone and file.add_bias(number, count)):
            return file.same(number)
    return file.unknown(f"with a constant of shape {dims}")


def _mul(file: File, node: Any) -> None:
    numbers = [file.number(0), file.number(1)]
    if None not in numbers:
        file.give("gate", [int(number or 0) for number in numbers])
        return None
    at = 0 if numbers[0] is not None else 1
    dims, number, shape = file.shape(1 - at), numbers[at], file.shape(at)
    if dims is not None and number is not None and None not in dims:
        if math.prod(int(one or 0) for one in dims) == 1:
            return file.same(number)
        value = file.constant(1 - at)
        if node.op_type == "Mul" and value is not None and shape is not None and len(shape) == 4:
            # a constant with zeros chooses channels; one without would be a weight
            kept = int((value != 0).sum())
            if dims[-3:] == (shape[1], 1, 1) and value.size == shape[1] and 0 < kept < value.size:
                file.give("mask", [number], count=kept)
                return None
    return file.unknown(f"with a constant of shape {dims}")


def _pad(file: File, node: Any) -> None:
    pads, axes, number = file.constant(1), file.constant(3), file.number(0)
    if pads is None or (file.input(3) and axes is None) or number is None:
        return file.unknown("by sizes that are no constant")
    sizes = _ints(pads)
    places = [int(one) % 4 for one in axes] if axes is not None else [0, 1, 2, 3]
    if len(sizes) != 2 * len(places) or len(file.shape(0) or ()) != 4:
        return file.unknown("not of one 4-d map")
    before = dict(zip(places, sizes, strict=False))
    after = dict(zip(places, sizes[len(places) :], strict=True))
    outer = [side.get(axis, 0) for side in (before, after) for axis in (0, 1)]
    inner = tuple(side.get(axis, 0) for side in (before, after) for axis in (2, 3))
    if any(outer) or min(inner) < 0:
        return file.unknown("not of the pixels of a map")
    if not any(inner):
        return file.same(number)
    file.give("pad", [number], paddings=inner)
    return None


HANDLERS: dict[str, Handler] = {
    **dict.fromkeys(_ACTIVATIONS.split(), _act),
    **dict.fromkeys(("Identity", "Dropout", "Cast"), _pass),
    **dict.fromkeys(("MaxPool", "AveragePool"), _pool),
    **dict.fromkeys(("GlobalAveragePool", "GlobalMaxPool", "ReduceMean"), _global),
    **dict.fromkeys(("Flatten", "Reshape", "Squeeze", "Unsqueeze"), _shape),
    **dict.fromkeys(("Add", "Sub"), _add),
    **dict.fromkeys(("Mul", "Div"), _mul),
    **dict.fromkeys(("Gemm", "MatMul"), _linear),
    "Conv": _conv,
    "BatchNormalization": _norm,
    "Transpose": _transpose,
    "Concat": _concat,
    "Gather": _gather,
    "Split": _split,
    "Slice": _slice,
    "Pad": _pad,
}
