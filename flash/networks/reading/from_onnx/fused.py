"""Operators of onnxruntime: several of ONNX's in one; and those of classical learning."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from onnx import TensorProto

from .calls import Call, Open, Unknown
from .constants import CONSTANTS
from .numbers import NUMBERS, act, normed
from .places import PLACES
from .products import attended, gemm, multiplied, split_heads, summed, with_past
from .quantised import as_stored, channels_first, channels_last
from .values import Value
from .windows import WINDOWS, convolved

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["FUSED"]

_MS = "com.microsoft."
_ML = "ai.onnx.ml."
_NCHWC = "com.microsoft.nchwc."
_ACTIVATIONS = {
    b"Relu": "relu", b"Tanh": "tanh", b"Sigmoid": "sigmoid", b"LeakyRelu": "leaky_relu",
    b"Clip": "relu6", b"HardSigmoid": "hardsigmoid", b"HardSwish": "hardswish", b"Gelu": "gelu",
}  # fmt: skip


def _activated(call: Call, made: Value) -> Value:
    """Give the activation that an attribute names."""
    name = call.attribute("activation", b"")
    if isinstance(name, bytes) and name in _ACTIVATIONS:
        return act(call, made, _ACTIVATIONS[name])
    if name:
        return call.give("elementwise", [made], call.shape_of(made), name="activation")
    return made


def _conv(call: Call) -> None:
    last = call.operator.endswith(("NhwcConv", "NhwcFusedConv"))
    value = channels_first(call, call.value(0)) if last else call.value(0)
    bias = call.get(2)
    if call.operator.startswith(_NCHWC):  # channels in blocks, the last of which may be padded
        shape, dims = call.shape_of(value), call.shape(1)
        wanted = dims[1] * int(call.attribute("group", 1))
        if len(shape) == 4 and 0 < wanted - shape[1] < 16:
            padded = (shape[0], wanted, *shape[2:])
            value = call.give("move", [value], padded, None, mode="pad")
    made = convolved(call, value, call.value(1), bias)
    made = _summed_up(call, made, call.get(3), last)
    made = _activated(call, made)
    if last:
        channels_last(call, made)


def _summed_up(call: Call, made: Value, other: Value | None, last: bool) -> Value:
    if other is None:
        return made
    return summed(call, made, channels_first(call, other) if last else other)


def _matmul(call: Call) -> None:
    left, right = call.value(0), call.value(1)
    if call.attribute("transBatchA", 0) or call.attribute("transBatchB", 0):
        raise Unknown("with batches exchanged")
    if call.attribute("transA", 0):
        left = _turned(call, left)
    if call.attribute("transB", 0):
        right = _turned(call, right)
    made = multiplied(call, left, right)
    if call.attribute("activation", b""):
        _activated(call, made)


def _turned(call: Call, value: Value) -> Value:
    shape = call.shape_of(value)
    if len(shape) < 2:
        return value
    return call.view(value, (*shape[:-2], shape[-1], shape[-2]), None)


def _gemm(call: Call) -> None:
    gemm(call, call.value(0), call.value(1), call.get(2))
    made = call.results[0]
    if made is not None:
        _activated(call, made)


def _gemm_gelu(call: Call) -> None:
    bias = call.get(2)
    own, later = call.split_bias(bias)
    made = multiplied(call, call.value(0), call.value(1), 0, None, own)
    act(call, call.add_later(made, later, 0), "gelu")


def _biased(name: str) -> Callable[[Call], None]:
    """An activation of a sum."""

    def handler(call: Call) -> None:
        value = call.value(0)
        bias = call.get(1)
        made = value if bias is None else _with_bias(call, value, bias)
        act(call, made, name)

    return handler


def _with_bias(call: Call, value: Value, bias: Value, place: int | None = None) -> Value:
    """Add a bias to each position, as part of the layer before where that has none."""
    operation = value.operation
    if (
        value.alone and operation is not None and bias.number is None
        and operation.kind == "linear" and operation.fields.get("bias") is False
        and math.prod(call.shape_of(bias)) == operation.fields["out_channels"]
    ):  # fmt: skip
        count = call.weigh(bias) - operation.fields["out_channels"]
        operation.fields["bias"] = True
        if count:
            operation.fields["extra_params"] = operation.fields.get("extra_params", 0) + count
        if place is not None:
            call.set(place, value)
        return value
    if bias.number is not None:
        return call.give("add", [value, bias], call.shape_of(value), place)
    params = call.weigh(bias, role="weight") if value.number is not None else 0
    count = math.prod(call.shape_of(bias))
    return call.give(
        "scale", [value], call.shape_of(value), place, mode="add", params=params, count=count
    )


def _bias_add(call: Call) -> None:
    made = _with_bias(call, call.value(0), call.value(1), None)
    if call.has(2):
        made = summed(call, made, call.value(2))
    call.set(0, made)


def _split_gelu(call: Call) -> None:
    """BiasSplitGelu: one half times the gelu of the other."""
    made = _with_bias(call, call.value(0), call.value(1))
    shape = call.shape_of(made)
    half = (*shape[:-1], shape[-1] // 2)
    left = call.give("view", [made], half, None, partly=True)
    right = call.give("view", [made], half, None, partly=True)
    call.give("mul", [left, act(call, right, "gelu", None)], half)


def _skip_norm(mode: str) -> Callable[[Call], None]:
    def handler(call: Call) -> None:
        made = summed(call, call.value(0), call.value(1), None)
        gamma, rest = call.value(2), (call.get(3), call.get(4))
        beta, bias = (None, rest[0]) if mode == "rms" else rest
        if bias is not None:
            made = _with_bias(call, made, bias)
        call.set(3, made)
        normed(call, mode, made, gamma, beta)

    return handler


def _simplified_norm(call: Call) -> None:
    normed(call, "rms", call.value(0), call.get(1))


def _embedded(call: Call) -> None:
    """EmbedLayerNormalization: words, places and segments summed up and normed."""
    ids, shape = call.value(0), call.shape(0)
    words = call.value(2)
    width = call.shape(2)[1]
    out = (*shape, width)

    def looked_up(index: Value, table: Value) -> Value:
        rows = call.shape_of(table)[0]
        return call.give(
            "embedding", [index], out, None, table.kind, rows=rows, weight_bits=table.bits,
            **call.counted(index, table, implied=rows * width),
        )  # fmt: skip

    made = looked_up(ids, words)
    places = call.value(3)
    params = call.weigh(places)
    made = call.give("scale", [made], out, None, mode="add", params=params, count=math.prod(out))
    if call.has(1) and call.has(4):
        made = call.give("add", [made, looked_up(call.value(1), call.value(4))], out, None)
    call.set(2, made)
    normed(call, "layer", made, call.get(5), call.get(6))
    call.set(1, Value((shape[0],), TensorProto.INT32, None, True))


def _attention(call: Call) -> None:
    """Attention with the layer that makes queries, keys and values."""
    value, weight, bias = call.value(0), call.value(1), call.get(2)
    quantised = call.operator.endswith("QAttention")
    if quantised:
        as_stored(weight)
    shape, dims = call.shape(0), call.shape(1)
    heads = int(call.attribute("num_heads", 0))
    if len(shape) != 3 or len(dims) != 2 or dims[0] != shape[2] or heads < 1:
        raise call.wrong(f"its weights {dims} do not fit {shape}")
    sizes = call.int_list("qkv_hidden_sizes") or [dims[1] // 3] * 3
    if sum(sizes) != dims[1] or len(sizes) != 3 or any(one % heads for one in sizes):
        raise call.wrong(f"{heads} heads do not fit {sizes} of {dims[1]}")
    kind = TensorProto.FLOAT if quantised else None
    made = multiplied(call, value, weight, None, kind, bias)
    parts = [call.give("view", [made], (*shape[:2], size), None, partly=True) for size in sizes]
    q, k, v = (split_heads(call, part, heads) for part in parts)
    past = None if quantised else call.get(4)
    if past is not None and 0 not in call.shape_of(past):
        before = call.shape_of(past)[1:]
        halves = [call.give("view", [past], before, None, partly=True) for _ in range(2)]
        k, v = with_past(call, halves[0], k, -1), with_past(call, halves[1], v, -1)
    if call.wants(1):
        both = (2, *call.shape_of(k))
        call.give("move", [k, v], both, 1, mode="concat")
    extra = None if quantised else call.get(5)
    result = attended(call, q, k, v, extra, None)
    call.view(result, (*shape[:2], sizes[2]))


def _heads(call: Call) -> None:
    """MultiHeadAttention."""
    heads = int(call.attribute("num_heads", 0))
    query = call.value(0)
    shape = call.shape(0)
    if len(shape) == 5:  # queries, keys and values in one: (batch, tokens, heads, 3, features)
        each = (shape[0], shape[2], shape[1], shape[4])
        q, k, v = (call.give("view", [query], each, None, partly=True) for _ in range(3))
    else:
        key = call.get(1)
        if key is not None and len(call.shape_of(key)) == 5:  # keys and values in one
            packed = call.shape_of(key)
            each = (packed[0], packed[2], packed[1], packed[4])
            k, v = (call.give("view", [key], each, None, partly=True) for _ in range(2))
        else:
            k = split_heads(call, call.value(1), heads)
            v = split_heads(call, call.value(2), heads)
        bias = call.get(3)
        if bias is not None and bias.number is None:
            params = call.weigh(bias)
            query = call.give(
                "scale", [query], shape, None, mode="add", params=params,
                count=math.prod(call.shape_of(bias)),
            )  # fmt: skip
        q = split_heads(call, query, heads)
    k, v = with_past(call, call.get(6), k, 1), with_past(call, call.get(7), v, 2)
    made = attended(call, q, k, v, call.get(5), None)
    size = call.shape_of(made)
    call.view(made, (size[0], size[2], size[1] * size[3]))


def _grouped_heads(call: Call) -> None:
    """GroupQueryAttention."""
    heads = int(call.attribute("num_heads", 0))
    fewer = int(call.attribute("kv_num_heads", 0))
    query, shape = call.value(0), call.shape(0)
    if heads < 1 or fewer < 1:
        raise call.wrong(f"num_heads and kv_num_heads must be at least 1, got {heads}, {fewer}")
    if call.has(1) and call.has(2):
        q = split_heads(call, query, heads)
        k, v = (split_heads(call, call.value(place), fewer) for place in (1, 2))
    else:
        width = shape[2] // (heads + 2 * fewer)
        parts = [(heads, heads), (fewer, fewer), (fewer, fewer)]
        q, k, v = (
            split_heads(
                call,
                call.give("view", [query], (*shape[:2], count * width), None, partly=True),
                count,
            )
            for count, _ in parts
        )
    if call.attribute("do_rotary", 0):
        q = call.give("elementwise", [q], call.shape_of(q), None, name="rotary")
        k = call.give("elementwise", [k], call.shape_of(k), None, name="rotary")
    k, v = with_past(call, call.get(3), k, 1), with_past(call, call.get(4), v, 2)
    made = attended(call, q, k, v, None, None)
    size = call.shape_of(made)
    call.view(made, (size[0], size[2], size[1] * size[3]))


def _rotary(call: Call) -> None:
    read = [one for one in call.given() if one.number is not None] or [call.value(0)]
    if call.value(0).number is None:
        read = [call.value(0)]
    call.give("elementwise", read, call.shape(0), 0, call.kind(0), name="rotary")


def _group_norm(call: Call) -> None:
    """GroupNorm and SkipGroupNorm, channels last."""
    value = call.value(0)
    if call.operator.endswith("SkipGroupNorm"):
        value = summed(call, value, call.value(3), None)
        if call.has(4):
            value = _with_bias(call, value, call.value(4))
        call.set(1, value)
    first = channels_first(call, value) if call.attribute("channels_last", 1) else value
    made = normed(call, "group", first, call.get(1), call.get(2))
    activation = call.attribute("activation", 0)
    if activation:
        made = act(call, made, "silu")
    if call.attribute("channels_last", 1):
        channels_last(call, made)


def _softmax(call: Call) -> None:
    made = summed(call, call.value(0), call.value(1), None)
    act(call, made, "softmax")


def _blocked(call: Call) -> None:
    """ReorderInput and ReorderOutput: channels in blocks, or as they were."""
    shape = list(call.shape(0))
    channels = int(call.attribute("channels", shape[1]))
    made = call.value(0)
    if channels != shape[1]:
        shape[1] = channels
        made = call.give("view", [made], shape, None, partly=True)
    call.give("move", [made], shape, mode="permute")


def _fourier(call: Call) -> None:
    """DFT and STFT by the shape that they hand on."""
    shape = list(call.shape(0))
    if call.operator == "STFT":
        step = call.ints(1)[0]
        length = call.ints(3)[0] if call.has(3) else call.shape(2)[0]
        if step < 1 or length < 1 or length > shape[1]:
            raise call.wrong(f"frames of {length} by {step} do not fit {shape}")
        bins = length // 2 + 1 if call.attribute("onesided", 1) else length
        frames = (shape[1] - length) // step + 1
        read = [one for one in call.given() if one.number is not None] or call.given()[:1]
        call.give("reduce", read, (shape[0], frames, bins, 2), name="stft")
        return
    axis = call.ints(2)[0] if call.has(2) else int(call.attribute("axis", 1))
    axis = call.axis(axis, len(shape))
    if call.has(1):
        shape[axis] = call.ints(1)[0]
    if call.attribute("onesided", 0):
        shape[axis] = shape[axis] // 2 + 1
    shape[-1] = 2
    call.give("reduce", [call.value(0)], shape, name="dft")


def _ended(call: Call) -> None:
    raise Open("what it hands on is no tensor")


def _features(call: Call) -> None:
    """ArrayFeatureExtractor: some columns."""
    shape, index = call.shape(0), call.value(1)
    count = math.prod(call.shape_of(index))
    out = (*shape[:-1], count) if len(shape) > 1 else (1, count)
    call.give("move", [one for one in call.given() if one.number is not None] or [index], out,
              dtype=call.kind(0), mode="gather")  # fmt: skip


def _scaler(call: Call) -> None:
    count = len(call.attribute("scale", None) or [1])
    shape = call.shape(0)
    made = call.give("scale", [call.value(0)], shape, None, mode="add", params=0, count=count)
    call.give("scale", [made], shape, mode="mul", params=0, count=count)


def _normaliser(call: Call) -> None:
    normed(call, "l2", call.value(0))


def _classical(call: Call) -> None:
    """LinearRegressor and LinearClassifier: coefficients are attributes."""
    shape = call.shape(0)
    into = shape[-1] if shape else 1
    held = len(call.attribute("coefficients", None) or [])
    out = held // into if into else 0
    if out < 1 or out * into != held:
        raise call.wrong(f"{held} coefficients do not fit {into} features")
    place = 1 if call.node.op_type == "LinearClassifier" else 0
    biased = bool(call.attribute("intercepts", None))
    made = call.give(
        "linear", [call.value(0)], (*shape[:-1], out), place, TensorProto.FLOAT,
        in_channels=into, out_channels=out, bias=biased,
    )  # fmt: skip
    if place:
        call.give("reduce", [made], (*shape[:-1],), 0, TensorProto.INT64, name="argmax")


def _swish(call: Call) -> None:
    act(call, call.value(0), "silu")


def _expand_dims(call: Call) -> None:
    shape, axis = list(call.shape(0)), call.ints(1)[0]
    shape.insert(call.axis(axis, len(shape) + 1), 1)
    call.view(call.value(0), shape)


def _passed(call: Call) -> None:
    call.same(call.value(0))


_HANDLERS: dict[str, Any] = {**NUMBERS, **PLACES, **WINDOWS, **CONSTANTS}
FUSED: dict[str, Callable[[Call], None]] = {
    **{
        _MS + name: _HANDLERS[name]
        for name in (
            "Gelu", "Pad", "GridSample", "Trilu", "MaxPool", "Conv", "ConvTranspose", "Cast",
            "LayerNormalization", "Dropout", "Range", "Resize", "ReduceSum", "Clip", "Softmax",
        )
    },
    **{
        _NCHWC + name: _HANDLERS[name]
        for name in ("MaxPool", "AveragePool", "GlobalMaxPool", "GlobalAveragePool", "Upsample")
    },
    _NCHWC + "Conv": _conv,
    _NCHWC + "ReorderInput": _blocked,
    _NCHWC + "ReorderOutput": _blocked,
    **dict.fromkeys((_MS + "FusedConv", _MS + "NhwcConv"), _conv),
    "com.ms.internal.nhwc.Conv": _conv,
    _MS + "NhwcFusedConv": _conv,
    **dict.fromkeys(
        (_MS + "FusedMatMul", _MS + "TransposeMatMul", _MS + "FusedMatMulActivation"), _matmul
    ),
    _MS + "FusedGemm": _gemm,
    _MS + "GemmFastGelu": _gemm_gelu,
    **dict.fromkeys((_MS + "FastGelu", _MS + "BiasGelu"), _biased("gelu")),
    _MS + "QuickGelu": _swish,
    _MS + "BiasAdd": _bias_add,
    _MS + "BiasSplitGelu": _split_gelu,
    _MS + "BiasSoftmax": _softmax,
    _MS + "BiasDropout": _bias_add,
    _MS + "SkipLayerNormalization": _skip_norm("layer"),
    _MS + "SkipSimplifiedLayerNormalization": _skip_norm("rms"),
    **dict.fromkeys(
        ("SimplifiedLayerNormalization", _MS + "SimplifiedLayerNormalization"), _simplified_norm
    ),
    _MS + "EmbedLayerNormalization": _embedded,
    **dict.fromkeys((_MS + "Attention", _MS + "QAttention"), _attention),
    _MS + "MultiHeadAttention": _heads,
    _MS + "GroupQueryAttention": _grouped_heads,
    **dict.fromkeys((_MS + "RotaryEmbedding", "RotaryEmbedding"), _rotary),
    **dict.fromkeys((_MS + "GroupNorm", _MS + "SkipGroupNorm"), _group_norm),
    _MS + "ExpandDims": _expand_dims,
    **dict.fromkeys(("DFT", "STFT"), _fourier),
    **dict.fromkeys((_ML + "ZipMap", _ML + "DictVectorizer", _ML + "CastMap"), _ended),
    **dict.fromkeys((_ML + "LabelEncoder", _ML + "Binarizer", _ML + "Imputer"), _passed),
    _ML + "ArrayFeatureExtractor": _features,
    _ML + "Scaler": _scaler,
    _ML + "Normalizer": _normaliser,
    **dict.fromkeys((_ML + "LinearRegressor", _ML + "LinearClassifier"), _classical),
}  # fmt: skip
