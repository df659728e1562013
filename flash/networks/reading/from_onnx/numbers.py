"""ONNX operators that work on each number, or sum numbers up: activations, norms, reductions."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from onnx import TensorProto

from .calls import Call, Open
from .products import aligned, broadcast, scaled, summed
from .values import Value, is_float
from .windows import everywhere

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["NUMBERS", "act", "normed"]

_NAMES = {  # of those that a layer notes, by torch's
    "Celu": "celu", "Elu": "elu", "Gelu": "gelu", "HardSigmoid": "hardsigmoid",
    "HardSwish": "hardswish", "LeakyRelu": "leaky_relu", "LogSoftmax": "log_softmax",
    "Mish": "mish", "Relu": "relu", "Selu": "selu", "Sigmoid": "sigmoid", "Softmax": "softmax",
    "Softplus": "softplus", "Softsign": "softsign", "Swish": "silu", "Tanh": "tanh",
}  # fmt: skip
_PLAIN = (
    "Abs Acos Acosh Asin Asinh Atan Atanh Bernoulli BitwiseNot Ceil Cos Cosh Erf Exp Floor Hardmax "
    "IsInf IsNaN Log Neg Not Reciprocal Round Shrink Sign Sin Sinh Sqrt Tan ThresholdedRelu Trilu"
)
_SEVERAL = (
    "Mod Pow And Or Xor BitShift BitwiseAnd BitwiseOr BitwiseXor Equal Greater GreaterOrEqual Less "
    "LessOrEqual Max Min Mean Where PRelu"
)
_LOGICAL = frozenset(
    [
        "And",
        "Or",
        "Xor",
        "Not",
        "Equal",
        "Greater",
        "GreaterOrEqual",
        "Less",
        "LessOrEqual",
        "IsInf",
        "IsNaN",
    ]
)
_REDUCED = (
    "ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd "
    "ReduceSum ReduceSumSquare"
)
_SPOTS = [{2}, {2, 3}, {2, 3, 4}]  # axes of the positions of a map, by how many they are


def act(call: Call, value: Value, name: str, place: int | None = 0) -> Value:
    """Give an activation."""
    return call.give("act", [value], call.shape_of(value), place, name=name)


def _act(call: Call) -> None:
    act(call, call.value(0), _NAMES[call.node.op_type])


def _clip(call: Call) -> None:
    """Clip, by attributes or inputs: relu and relu6 are clips too."""
    bounds: list[float | None] = []
    for place, name in ((1, "min"), (2, "max")):
        given = call.attribute(name, math.nan) if name in call.fields else None
        if call.has(place):
            array = call.value(place).array
            given = None if array is None or array.size != 1 else float(array.ravel()[0])
        bounds.append(given if given is None or abs(given) < 1e30 else None)
    low, high = bounds
    name = "hardtanh"
    if low == 0 and not (call.has(2) and high is None and call.value(2).array is None):
        name = {6.0: "relu6", None: "relu"}.get(high, "hardtanh")
    act(call, call.value(0), name)


def _plain(call: Call) -> None:
    value, kind = call.value(0), call.node.op_type
    dtype = TensorProto.BOOL if kind in _LOGICAL else None
    call.give("elementwise", [value], call.shape(0), 0, dtype, name=kind.lower())


def _several(call: Call) -> None:
    values, kind = call.given(), call.node.op_type
    if kind == "PRelu":
        shape = call.shape(0)
    else:
        values = [values[0], *(aligned(call, values[0], one) for one in values[1:])]
        shape = broadcast(call, *(call.shape_of(one) for one in values))
    if len(values) == 1:
        return call.same(values[0])
    dtype = TensorProto.BOOL if kind in _LOGICAL else values[1 if kind == "Where" else 0].kind
    role = "weight" if kind == "PRelu" else "other"
    computed = any(one.number is not None for one in values)
    params = call.weigh(*values, role=role) if computed else None
    call.give("elementwise", values, shape, 0, dtype, name=kind.lower(), params=params)
    return None


def _sum(call: Call) -> None:
    values = call.given()
    if not values:
        raise call.wrong("it must read at least one value")
    made = values[0]
    for other in values[1:]:
        made = summed(call, made, other, None)
    call.set(0, made)


def _add(call: Call) -> None:
    value, other = call.value(0), call.value(1)
    other = aligned(call, value, other)
    constant, computed = (value, other) if value.number is None else (other, value)
    if constant.number is None and computed.number is not None and call.operator == "Add":
        operation = computed.operation
        if computed.alone and operation is not None and _takes_bias(call, operation, constant):
            count = call.weigh(constant, role="weight") - operation.fields["out_channels"]
            operation.fields["bias"] = True
            if count:
                more = operation.fields.get("extra_params", 0) + count
                operation.fields["extra_params"] = more
            return call.same(computed)
    if call.operator == "Sub" and value.number is not None and other.number is not None:
        shape = broadcast(call, call.shape(0), call.shape_of(other))
        call.give("elementwise", [value, other], shape, name="sub")
        return None
    summed(call, value, other)
    return None


def _takes_bias(call: Call, operation: object, constant: Value) -> bool:
    """Whether a layer without bias can take a constant as its bias."""
    fields, kind = getattr(operation, "fields", {}), getattr(operation, "kind", "")
    if kind not in ("conv", "linear") or fields.get("bias") is not False:
        return False
    shape, channels = call.shape_of(constant), fields["out_channels"]
    if math.prod(shape) != channels or not constant.sources:
        return False
    if kind == "linear":
        return bool(shape[-1] == channels)
    spots = len(fields["kernel"])
    return len(shape) > spots and shape[-spots - 1] == channels


def _mul(call: Call) -> None:
    value, other = call.value(0), call.value(1)
    other = aligned(call, value, other)
    shape = broadcast(call, call.shape(0), call.shape_of(other))
    is_division = call.operator == "Div"
    if value.number is not None and other.number is not None:
        if is_division:
            call.give("elementwise", [value, other], shape, name="div")
        else:
            call.give("mul", [value, other], shape)
        return
    if is_division and value.number is None:
        params = call.weigh(value, role="other") if other.number is not None else None
        call.give("elementwise", [value, other], shape, name="div", params=params)
        return
    if value.number is None:
        value, other = other, value
    if not is_division and value.number is not None and len(shape) == 4:
        # a constant with zeros chooses channels; one without would be a weight
        dims, array = call.shape_of(other), other.array
        if array is not None and dims[-3:] == (shape[1], 1, 1) and array.size == shape[1]:
            kept = int((array != 0).sum())
            if 0 < kept < array.size and value.shape == shape:
                call.give("mask", [value], shape, count=kept)
                return
    scaled(call, value, other, shape, 0)


def _cast(call: Call) -> None:
    value = call.value(0)
    if call.operator == "CastLike":
        to = call.kind(1)
    elif "to" in call.fields and call.fields["to"].s:  # by its name, before opset 6
        to = TensorProto.DataType.Value(call.attribute("to", b"").decode())
    else:
        to = int(call.attribute("to", 0))
    if to == value.kind or not value.kind or not to:
        return call.same(value, dtype=to)
    if value.is_constant and value.number is None:
        made = value.copy()
        made.kind = to
        array = made.array
        made.origin = None
        made._array = None if array is None else _as_kind(array, to)
        return call.set(0, made)
    call.give("elementwise", [value], call.shape(0), 0, to, name="cast")
    return None


def _as_kind(array: np.ndarray, kind: int) -> np.ndarray | None:
    from .values import numpy_kind

    to = numpy_kind(kind)
    if to is None or array.dtype.kind not in "biuf":
        return None
    if array.dtype.kind == "f" and np.dtype(to).kind in "iu":
        array = np.nan_to_num(array, nan=0, posinf=0, neginf=0)
    with np.errstate(all="ignore"):
        return array.astype(to)


# Norms


def normed(
    call: Call,
    mode: str,
    value: Value,
    *stored: Value | None,
    axis: int | None = None,
    place: int | None = 0,
) -> Value:
    """Give a norm."""
    if value.number is None:
        call._more = tuple(one for one in stored if one is not None)
        return call.give("norm", [value], call.shape_of(value), place)
    params = call.weigh(*stored, role="norm")
    shape = call.shape_of(value)
    return call.give("norm", [value], shape, place, mode=mode, params=params, axis=axis)


def _batch_norm(call: Call) -> None:
    value, scale, bias = call.value(0), call.value(1), call.value(2)
    shape = call.shape(0)
    if len(shape) < 2 or call.shape(1) != call.shape(2):
        raise call.wrong(f"its scale must be one number for each channel, got {call.shape(1)}")
    if call.shape(1) != (shape[1],):
        raise call.wrong(f"it must read {call.shape(1)} channels, got {shape[1]}")
    normed(call, "batch", value, scale, bias)


def _instance_norm(call: Call) -> None:
    normed(call, "instance", call.value(0), call.value(1), call.value(2))


def _group_norm(call: Call) -> None:
    normed(call, "group", call.value(0), call.value(1), call.value(2))


def _layer_norm(mode: str) -> Callable[[Call], None]:
    def handler(call: Call) -> None:
        shape = call.shape(0)
        axis = call.axis(int(call.attribute("axis", -1)), len(shape))
        normed(call, mode, call.value(0), call.get(1), call.get(2),
               axis=axis if axis == len(shape) - 1 else None)  # fmt: skip
        for place in (1, 2):
            if call.wants(place):
                small = (*shape[:axis], *[1] * (len(shape) - axis))
                call.give("reduce", [call.value(0)], small, place, name="mean")

    return handler


def _lp_norm(call: Call) -> None:
    shape = call.shape(0)
    axis = call.axis(int(call.attribute("axis", -1)), len(shape))
    normed(call, "l2", call.value(0), axis=axis)


def _local_norm(call: Call) -> None:
    normed(call, "local", call.value(0))


def _mean_variance_norm(call: Call) -> None:
    normed(call, "instance", call.value(0))


# Sums


def reduced(call: Call, axes: list[int] | None, name: str, place: int = 0) -> None:
    """Give a reduction over axes (None: over all)."""
    value, shape = call.value(0), call.shape(0)
    kept = bool(call.attribute("keepdims", 1))
    if not axes:
        if call.attribute("noop_with_empty_axes", 0):
            return call.same(value, place)
        axes = list(range(len(shape)))
    chosen = {call.axis(axis, len(shape)) for axis in axes}
    out = [1 if axis in chosen else size for axis, size in enumerate(shape)]
    small = out if kept else [size for axis, size in enumerate(shape) if axis not in chosen]
    if name == "mean" and len(shape) in (4, 5) and chosen == _SPOTS[len(shape) - 3]:
        made = everywhere(call, "avg", value, None)
        call.set(place, call.view(made, small, None))
        return None
    call.give("reduce", [value], small, place, name=name)
    return None


def _reduce(call: Call) -> None:
    reduced(call, call.int_list("axes", 1), call.operator[len("Reduce") :].lower())


def _arg(call: Call) -> None:
    shape = call.shape(0)
    axis = call.axis(int(call.attribute("axis", 0)), len(shape))
    kept = call.attribute("keepdims", 1)
    out = [*shape[:axis], *((1,) if kept else ()), *shape[axis + 1 :]]
    call.give("reduce", [call.value(0)], out, 0, TensorProto.INT64, name=call.operator.lower())


def _top(call: Call) -> None:
    shape = list(call.shape(0))
    axis = call.axis(int(call.attribute("axis", -1)), len(shape))
    counts = [int(call.attribute("k", -1))] if "k" in call.fields else call.ints(1)
    if len(counts) != 1:
        raise call.wrong(f"k must be one number, got {counts[:8]}")
    count = counts[0]
    if not 0 <= count <= shape[axis]:
        raise call.wrong(f"k must be 0 to {shape[axis]}, got {count}")
    shape[axis] = count
    made = call.give("reduce", [call.value(0)], shape, name="topk")
    call.same(made, 1, dtype=TensorProto.INT64)


def _cumulative(call: Call) -> None:
    call.give("reduce", [call.value(0)], call.shape(0), name=call.operator.lower())


def _random(call: Call) -> None:
    """Numbers that are drawn: of no input, and no parameters."""
    shape = call.int_list("shape") if call.operator in ("RandomNormal", "RandomUniform") else None
    size = call.shape(0) if shape is None else shape
    kind = int(call.attribute("dtype", 0)) or (call.kind(0) if shape is None else 1)
    call.set(0, Value(tuple(size), kind if is_float(kind) else 1, None, True))


def _multinomial(call: Call) -> None:
    shape = call.shape(0)
    out = (shape[0], int(call.attribute("sample_size", 1)))
    call.give("reduce", [call.value(0)], out, name="multinomial")


def _determinant(call: Call) -> None:
    call.give("reduce", [call.value(0)], call.shape(0)[:-2], name="det")


def _swiglu(call: Call) -> None:
    gate = act(call, call.value(0), "silu", None)
    call.give("mul", [gate, call.value(1)], call.shape(0))


def _affine(call: Call) -> None:
    """AffineGrid: places for each pixel."""
    size = call.ints(1)
    out = (size[0], *size[2:], len(size) - 2)
    call.give("elementwise", [call.value(0)], out, name="affine")


def _mel(call: Call) -> None:
    """MelWeightMatrix: a constant."""
    out = (call.ints(1)[0] // 2 + 1, call.ints(0)[0])
    call.set(0, Value(call.checked(out), TensorProto.FLOAT, None, True))


def _data_sized(call: Call) -> None:
    raise Open("how many numbers it hands on depends on the data")


NUMBERS: dict[str, Callable[[Call], None]] = {
    **dict.fromkeys(_NAMES, _act),
    **dict.fromkeys(_PLAIN.split(), _plain),
    **dict.fromkeys(_SEVERAL.split(), _several),
    **dict.fromkeys(_REDUCED.split(), _reduce),
    **dict.fromkeys(("Add", "Sub"), _add),
    **dict.fromkeys(("Mul", "Div"), _mul),
    **dict.fromkeys(("Cast", "CastLike"), _cast),
    **dict.fromkeys(("ArgMax", "ArgMin"), _arg),
    **dict.fromkeys(("CumSum", "CumProd"), _cumulative),
    **dict.fromkeys(
        ("RandomNormal", "RandomUniform", "RandomNormalLike", "RandomUniformLike"), _random
    ),
    **dict.fromkeys(("NonZero", "Unique", "NonMaxSuppression"), _data_sized),
    "Sum": _sum,
    "Clip": _clip,
    "BatchNormalization": _batch_norm,
    "InstanceNormalization": _instance_norm,
    "GroupNormalization": _group_norm,
    "LayerNormalization": _layer_norm("layer"),
    "RMSNormalization": _layer_norm("rms"),
    "LpNormalization": _lp_norm,
    "LRN": _local_norm,
    "MeanVarianceNormalization": _mean_variance_norm,
    "TopK": _top,
    "Multinomial": _multinomial,
    "Det": _determinant,
    "SwiGLU": _swiglu,
    "AffineGrid": _affine,
    "MelWeightMatrix": _mel,
}
