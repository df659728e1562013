"""ONNX operators on numbers of few bits: at the bits that they are stored and handed on with."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from onnx import TensorProto

from .calls import Call
from .numbers import act, normed, reduced
from .places import permuted
from .products import broadcast, gemm, multiplied, scaled, summed
from .values import Value, bits_of
from .windows import convolved, everywhere, pooled

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["QUANTISED", "as_stored", "channels_first", "channels_last"]


def as_stored(value: Value | None) -> Value | None:
    """Note that a constant is weights, though of integers."""
    if value is not None and value.is_constant:
        for one in value.sources:
            one.quantised = True
    return value


def _needed(call: Call, place: int) -> Value:
    value = call.value(place)
    as_stored(value)
    return value


def _quantize(call: Call) -> None:
    value = call.value(0)
    kind = call.kind(2) or int(call.attribute("output_dtype", 0)) or TensorProto.UINT8
    narrowed(call, value, kind)


def narrowed(call: Call, value: Value, kind: int, place: int = 0) -> None:
    """Hand on a value in fewer bits: what makes it does so, where nothing else reads it."""
    operation, bits = value.operation, bits_of(kind)
    if value.number is None:
        call.give("elementwise", [value], call.shape_of(value), place, kind)
        return None
    if operation is None or not value.alone:
        call.give("elementwise", [value], call.shape_of(value), place, kind, name="quantize")
        return None
    while operation is not None:
        operation.bits = bits
        operation = call.reader.before.get(operation.output)
    return call.same(value, place, dtype=kind)


def _dequantize(call: Call) -> None:
    value = _needed(call, 0)
    kind = call.kind(1) or TensorProto.FLOAT
    if value.number is not None or not value.is_constant:
        return call.same(value, dtype=kind)
    made = Value(value.shape, kind, None, True, value.sources)
    array, scale = value.array, call.value(1).array
    zero = call.value(2).array if call.has(2) else None
    if array is not None and scale is not None and scale.size == 1 and array.dtype.kind in "biuf":
        start = 0 if zero is None else float(zero.ravel()[0])
        made.know((array.astype("f4") - start) * float(scale.ravel()[0]))
    return call.set(0, made)


def _dynamic(call: Call) -> None:
    """DynamicQuantizeLinear: the scale and zero point are no values of the table."""
    value = call.value(0)
    call.give("elementwise", [value], call.shape(0), 0, TensorProto.UINT8, name="quantize")
    call.set(1, Value((), TensorProto.FLOAT, None, True))
    call.set(2, Value((), TensorProto.UINT8, None, True))


def _kind(call: Call, place: int) -> int:
    """Return the type of a zero point."""
    return call.kind(place) or TensorProto.UINT8


def channels_first(call: Call, value: Value) -> Value:
    """Return a map with its channels last as one with its channels on axis 1."""
    shape = call.shape_of(value)
    return call.view(value, (shape[0], shape[-1], *shape[1:-1]), None)


def channels_last(call: Call, value: Value, place: int = 0) -> None:
    """Hand on a map with its channels last."""
    shape = call.shape_of(value)
    call.set(place, call.view(value, (shape[0], *shape[2:], shape[1]), None))


def _conv(call: Call) -> None:
    value, weight = call.value(0), _needed(call, 3)
    bias = as_stored(call.get(8))
    last = bool(call.attribute("channels_last", 0))
    value = channels_first(call, value) if last else value
    made = convolved(call, value, weight, bias, 0, _kind(call, 7))
    if last:
        channels_last(call, made)


def _integer_conv(call: Call) -> None:
    convolved(call, call.value(0), _needed(call, 1), None, 0, TensorProto.INT32)


def _matmul(call: Call) -> None:
    multiplied(call, _needed(call, 0), _needed(call, 3), 0, _kind(call, 7))


def _integer_matmul(call: Call) -> None:
    multiplied(call, _needed(call, 0), _needed(call, 1), 0, TensorProto.INT32)


def _gemm(call: Call) -> None:
    kind = call.kind(8) or TensorProto.FLOAT
    gemm(call, _needed(call, 0), _needed(call, 3), as_stored(call.get(6)), kind)


def _float_matmul(call: Call) -> None:
    """MatMulIntegerToFloat and DynamicQuantizeMatMul: floats come out."""
    last = 6 if call.operator.endswith("MatMulIntegerToFloat") else 4
    bias = call.get(last)
    own, later = (bias, None) if bias is None or bias.number is None else (None, bias)
    kind = TensorProto.FLOAT
    weight = _needed(call, 1)
    if len(call.shape_of(weight)) != 2:
        own, later = None, bias
    made = multiplied(call, _needed(call, 0), weight, 0, kind, own)
    call.add_later(made, later, 0)


def _binary(mode: str) -> Callable[[Call], None]:
    def handler(call: Call) -> None:
        left, right = call.value(0), call.value(3)
        as_stored(left)
        as_stored(right)
        if mode == "add":
            made = summed(call, left, right)
        elif left.number is not None and right.number is not None:
            shape = broadcast(call, call.shape(0), call.shape(3))
            made = call.give("mul", [left, right], shape)
        else:
            made = scaled(call, left, right, broadcast(call, call.shape(0), call.shape(3)), 0)
        _at_bits(made, left.kind)

    return handler


def _at_bits(made: Value, kind: int) -> None:
    made.kind = kind
    if made.operation is not None and made.number is not None:
        made.operation.bits = bits_of(kind)


def _activation(name: str) -> Callable[[Call], None]:
    def handler(call: Call) -> None:
        act(call, call.value(0), name)

    return handler


def _concat(call: Call) -> None:
    values = [call.value(place) for place in range(2, len(call.inputs), 3)]
    first = call.shape_of(values[0])
    axis = call.axis(int(call.attribute("axis", 0)), len(first))
    total = sum(call.shape_of(one)[axis] for one in values)
    call.give("concat", values, (*first[:axis], total, *first[axis + 1 :]), axis=axis)


def _average_pool(call: Call) -> None:
    last = bool(call.attribute("channels_last", 0))
    value = channels_first(call, call.value(0)) if last else call.value(0)
    made = pooled(call, "avg", value)
    if last:
        channels_last(call, made)


def _global_pool(call: Call) -> None:
    last = bool(call.attribute("channels_last", 0))
    value = channels_first(call, call.value(0)) if last else call.value(0)
    made = everywhere(call, "avg", value)
    if last:
        channels_last(call, made)


def _max_pool(call: Call) -> None:
    made = pooled(call, "max", channels_first(call, call.value(0)))
    channels_last(call, made)


def _reduce(call: Call) -> None:
    reduced(call, call.int_list("axes"), "mean")


def _where(call: Call) -> None:
    values = [call.value(0), call.value(1), call.value(4)]
    shape = broadcast(call, *(call.shape_of(one) for one in values))
    call.give("elementwise", values, shape, 0, values[1].kind, name="where")


def _blocks(call: Call) -> None:
    """MatMulNBits and its like: weights of few bits in blocks, packed into bytes."""
    value, weight = call.value(0), call.value(1)
    sizes = [int(call.attribute(name, 0)) for name in ("K", "N")]
    bits = int(call.attribute("bits", 4))
    shape = call.shape(0)
    if min(sizes) < 1 or not 1 <= bits <= 8 or not shape or shape[-1] != sizes[0]:
        raise call.wrong(f"K, N and bits do not fit {shape}: {sizes} and {bits}")
    if len(weight.sources) == 1:
        weight.sources[0].count = sizes[0] * sizes[1]
    as_stored(weight)
    bias = call.get(5) if call.operator.endswith("MatMulNBits") else None
    own, later = call.split_bias(bias)
    implied = sizes[0] * sizes[1] + (sizes[1] if own is not None else 0)
    made = call.give(
        "linear", [value], (*shape[:-1], sizes[1]), 0, None,
        in_channels=sizes[0], out_channels=sizes[1], bias=own is not None, weight_bits=bits,
        **call.counted(value, weight, own, implied=implied),
    )  # fmt: skip
    call.add_later(made, later, 0)


def _lstm(call: Call) -> None:
    """DynamicQuantizeLSTM: weights lie the other way round."""
    value, weight, again, bias = call.value(0), _needed(call, 1), _needed(call, 2), call.get(3)
    shape, dims = call.shape(0), call.shape(1)
    hidden = call.shape(2)[1]
    if len(shape) != 3 or dims != (dims[0], shape[2], 4 * hidden):
        raise call.wrong(f"its weights {dims} do not fit {shape} and {hidden} hidden numbers")
    implied = dims[0] * 4 * hidden * (shape[2] + hidden + (2 if bias is not None else 0))
    made = call.give(
        "recurrent", [value], (*shape[:2], dims[0] * hidden), None,
        mode="lstm", hidden=hidden, directions=dims[0], bias=bias is not None,
        weight_bits=weight.bits, **call.counted(value, weight, again, bias, implied=implied),
    )  # fmt: skip
    call.view(made, (shape[0], dims[0], shape[1], hidden), 0)
    for place in (1, 2):
        call.give("view", [made], (dims[0], shape[1], hidden), place, partly=True)


def _permute(call: Call) -> None:
    order = call.int_list("perm") or list(reversed(range(len(call.shape(0)))))
    permuted(call, call.value(0), order)


def _embedded_norm(call: Call) -> None:
    """QEmbedLayerNormalization."""
    ids, table = call.value(0), _needed(call, 2)
    shape, dims = call.shape(0), call.shape(2)
    out = (*shape, dims[1])
    extra = 0
    for place in (3, 4):
        if call.has(place):
            extra += call.weigh(_needed(call, place))
    field = call.counted(ids, table, implied=math.prod(dims))
    total = extra + field.get("extra_params", 0)
    made = call.give(
        "embedding", [ids], out, None, TensorProto.FLOAT, rows=dims[0], weight_bits=table.bits,
        extra_params=total or None,
    )  # fmt: skip
    normed(call, "layer", made, as_stored(call.get(5)), as_stored(call.get(6)))
    call.set(1, Value((shape[0],), TensorProto.INT32, None, True))


_MS = "com.microsoft."
QUANTISED: dict[str, Callable[[Call], None]] = {
    "QuantizeLinear": _quantize,
    _MS + "QuantizeLinear": _quantize,
    "DequantizeLinear": _dequantize,
    _MS + "DequantizeLinear": _dequantize,
    "DynamicQuantizeLinear": _dynamic,
    "QLinearConv": _conv,
    _MS + "QLinearConv": _conv,
    "ConvInteger": _integer_conv,
    "QLinearMatMul": _matmul,
    "MatMulInteger": _integer_matmul,
    _MS + "MatMulInteger16": _integer_matmul,
    _MS + "QGemm": _gemm,
    **dict.fromkeys((_MS + "MatMulIntegerToFloat", _MS + "DynamicQuantizeMatMul"), _float_matmul),
    _MS + "QLinearAdd": _binary("add"),
    _MS + "QLinearMul": _binary("mul"),
    _MS + "QLinearSigmoid": _activation("sigmoid"),
    _MS + "QLinearLeakyRelu": _activation("leaky_relu"),
    _MS + "QLinearSoftmax": _activation("softmax"),
    _MS + "QLinearConcat": _concat,
    _MS + "QLinearAveragePool": _average_pool,
    _MS + "QLinearGlobalAveragePool": _global_pool,
    _MS + "QLinearReduceMean": _reduce,
    _MS + "QLinearWhere": _where,
    _MS + "NhwcMaxPool": _max_pool,
    **dict.fromkeys((_MS + "MatMulNBits", _MS + "MatMulBnb4", _MS + "MatMulFpQ4"), _blocks),
    _MS + "DynamicQuantizeLSTM": _lstm,
    _MS + "QLinearTranspose": _permute,
    _MS + "QEmbedLayerNormalization": _embedded_norm,
}
