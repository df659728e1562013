"""Convolutions, matrix products, attention and recurrent layers as operations. Imports torch.

A handler takes (recorder, call) and returns the number of the result's value, a list of them for
several results, or NotImplemented where the operator is to be taken apart.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from .calls import bits_of, tensors_in, unpacked
from .shapes import sides, window
from .views import derived

if TYPE_CHECKING:
    from .calls import Call
    from .recorder import Recorder

__all__ = ["PRODUCTS", "QUANTIZED"]

GATES = {"lstm": 4, "gru": 3, "rnn": 1}


def _numbers(*tensors: Any) -> int:
    return sum(one.numel() for one in tensors if one is not None)


def conv(recorder: Recorder, call: Call) -> Any:
    """List a convolution, transposed or not."""
    x = call.get("input")
    x = call.first() if x is None else x
    weight: Tensor = call.get("weight")
    bias = call.get("bias")
    axes = weight.dim() - 2
    number = recorder.number(x)
    if recorder.number(weight) is not None or number is None:
        return _dynamic_conv(recorder, call, x, weight)
    transposed = "transpose" in call.info.name or bool(call.get("transposed"))
    groups = int(call.get("groups", 1))
    found = window(call, axes)
    if found is None:
        return NotImplemented
    result = call.result
    mask = recorder.mask(weight) | (0 if bias is None else recorder.constant_mask([bias]))
    own = bias is not None and recorder.number(bias) is None
    into, shape, images = tuple(x.shape), tuple(result.shape), 1
    if x.dim() == axes + 1:
        into, shape = (1, *into), (1, *shape)
    elif axes == 3 and into[0] > 1:  # of several videos, each is convolved by itself
        images = into[0]
        into, shape = (1, images * into[1], *into[2:]), (1, images * shape[1], *shape[2:])
    if into != tuple(x.shape):
        number = recorder.add_shaped("view", [number], into, bits_of(x))
    if transposed:
        found["padding"] = (0,) * (2 * axes)
    made = recorder.add_shaped(
        "conv",
        [number],
        shape,
        bits_of(result),
        mask,
        _count=images * (weight.numel() + (result.shape[-axes - 1] if own else 0)),
        out_channels=shape[1],
        groups=groups * images,
        bias=own,
        transposed=transposed,
        **found,
    )
    if shape != tuple(result.shape):
        made = recorder.add("view", [made], result)
    if bias is not None and not own:
        made = recorder.add("add", [made, recorder.value_of(bias)], result)
    return made


def _dynamic_conv(recorder: Recorder, call: Call, x: Tensor, weight: Tensor) -> Any:
    """List a convolution by weights that come from the image: a product of computed values."""
    groups = int(call.get("groups", 1))
    result: Tensor = call.result
    transposed = "transpose" in call.info.name or bool(call.get("transposed"))
    inner, columns = prod(weight.shape[1:]), weight.shape[0] // groups
    spots = result.numel() // (columns * groups)
    if transposed:
        spots = x.numel() // weight.shape[0]
        inner, columns = weight.shape[0] // groups, prod(weight.shape[1:])
    number = recorder.value_of(x)
    if not transposed and x.numel() != groups * spots * inner:
        shape = (groups, spots, inner)
        number = recorder.add_shaped("move", [number], shape, bits_of(x), mode="gather")
    inputs = [number, recorder.value_of(weight)]
    fields = {"batch": groups, "rows": spots, "inner": inner, "columns": columns}
    if transposed:
        shape = (groups, spots, columns)
        made = recorder.add_shaped("matmul", inputs, shape, bits_of(x), **fields)
        made = recorder.add("move", [made], result, mode="scatter")
    else:
        made = recorder.add("matmul", inputs, result, **fields)
    bias = call.get("bias")
    if bias is not None:
        made = plus(recorder, made, bias, result)
    return made


def plus(recorder: Recorder, number: int, bias: Tensor, result: Tensor) -> int:
    """List the addition of a tensor to a value."""
    other = recorder.number(bias)
    if other is not None:
        return recorder.add("add", [number, other], result)
    return recorder.add(
        "scale", [number], result, recorder.mask(bias) or 0, mode="add", count=bias.numel()
    )


def linear(recorder: Recorder, call: Call) -> Any:
    """List a linear layer."""
    x, weight, bias = call.get("input"), call.get("weight"), call.get("bias")
    number = recorder.number(x)
    result = call.result
    if number is None or recorder.number(weight) is not None or weight.dim() != 2:
        made = matmul_of(recorder, x, weight, result, turned=True)
        return made if bias is None else plus(recorder, made, bias, result)
    return _by_weight(recorder, number, weight, bias, result, tuple(weight.shape[::-1]))


def _by_weight(
    recorder: Recorder,
    number: int,
    weight: Tensor,
    bias: Tensor | None,
    result: Tensor,
    sizes: tuple[int, ...],
) -> int:
    into, out = sizes
    own = bias is not None and recorder.number(bias) is None and bias.numel() == out
    mask = recorder.mask(weight) | (recorder.mask(bias) if own and bias is not None else 0)
    made = recorder.add(
        "linear",
        [number],
        result,
        mask,
        _count=into * out + (out if own else 0),
        in_channels=into,
        out_channels=out,
        bias=own,
    )
    return made if own or bias is None else plus(recorder, made, bias, result)


def _linear(
    recorder: Recorder,
    number: int,
    weight: Tensor,
    shape: tuple[int, ...],
    result: Tensor,
    sizes: tuple[int, ...],
) -> int:
    """List a product by a weight, without bias, whose result is yet to be seen in another shape."""
    into, out = sizes
    return recorder.add_shaped(
        *("linear", [number], shape, bits_of(result), recorder.mask(weight)),
        _count=into * out,
        in_channels=into,
        out_channels=out,
        bias=False,
    )


def matmul_of(
    recorder: Recorder, a: Tensor, b: Tensor, result: Tensor, *, turned: bool = False
) -> int:
    """List a product; turned: the second factor is given as (columns, inner)."""
    left = (1, *a.shape) if a.dim() == 1 else tuple(a.shape)
    right = tuple(b.shape)
    if b.dim() == 1:
        right = (*right, 1)
    elif turned:
        right = (*right[:-2], right[-1], right[-2])
    rows, inner, columns = left[-2], left[-1], right[-1]
    first, second = recorder.number(a), recorder.number(b)
    if second is None and first is not None and len(right) == 2:
        if b.dim() == 1 or a.dim() == 1:
            shape = (*left[:-1], columns)
            made = _linear(recorder, first, b, shape, result, (inner, columns))
            return recorder.add("view", [made], result)
        return _by_weight(recorder, first, b, None, result, (inner, columns))
    if first is None and second is not None and len(left) == 2 and a.dim() == 2 and b.dim() > 1:
        seen = (*right[:-2], columns, inner)
        number = recorder.add_shaped("view", [second], seen, bits_of(b))
        shape = (*right[:-2], columns, rows)
        made = _linear(recorder, number, a, shape, result, (inner, rows))
        return recorder.add("view", [made], result)
    batch = result.numel() // (rows * columns)
    fields = {"batch": batch, "rows": rows, "inner": inner, "columns": columns}
    if prod(right) == inner * columns:
        fields.update(batch=1, rows=batch * rows)
    elif prod(left) == rows * inner:
        fields.update(batch=1, columns=batch * columns)
    one = _filled(recorder, a, fields["batch"] * fields["rows"] * inner)
    other = _filled(recorder, b, fields["batch"] * fields["columns"] * inner)
    return recorder.add("matmul", [one, other], result, **fields)


def _filled(recorder: Recorder, tensor: Tensor, numbers: int) -> int:
    """Return a factor's value, read more than once where a product broadcasts it."""
    number = recorder.value_of(tensor)
    if tensor.numel() == numbers:
        return number
    shape = (numbers // tensor.numel(), *tensor.shape)
    return recorder.add_shaped("move", [number], shape, bits_of(tensor), mode="view")


def matmul(recorder: Recorder, call: Call) -> Any:
    """List a product of two tensors."""
    a, b = call.args[:2]
    if a.dim() == 1 and b.dim() == 1:
        shaped = recorder.add_shaped
        first, second = recorder.value_of(a), recorder.value_of(b)
        fields = {"batch": 1, "rows": 1, "inner": a.shape[0], "columns": 1}
        return shaped("matmul", [first, second], (1,), bits_of(a), **fields)
    return matmul_of(recorder, a, b, call.result)


def added_matmul(recorder: Recorder, call: Call) -> Any:
    """List a product with a sum."""
    bias, a, b = call.args[:3]
    if recorder.number(a) is not None and recorder.number(b) is None and b.dim() == 2:
        number = recorder.number(a)
        assert number is not None
        plain = call.get("beta", 1) == 1 and call.get("alpha", 1) == 1
        if plain and recorder.number(bias) is None and bias.numel() == b.shape[1]:
            return _by_weight(recorder, number, b, bias, call.result, tuple(b.shape))
    made = matmul_of(recorder, a, b, call.result)
    return made if call.get("beta", 1) == 0 else plus(recorder, made, bias, call.result)


def scaled_matmul(recorder: Recorder, call: Call) -> Any:
    """List a product of numbers of few bits, whose scales are told beside."""
    return matmul_of(recorder, call.args[0], call.args[1], call.result)


def summed_matmul(recorder: Recorder, call: Call) -> Any:
    """List the sum of a batch of products with a sum."""
    bias, a, b = call.args[:3]
    shape = (a.shape[0], *call.result.shape)
    batch = torch.empty(shape, dtype=call.result.dtype, device="meta")
    made = matmul_of(recorder, a, b, batch)
    made = recorder.add("reduce", [made], call.result, name="sum")
    return made if call.get("beta", 1) == 0 else plus(recorder, made, bias, call.result)


def grouped_matmul(recorder: Recorder, call: Call) -> Any:
    """List products of groups of rows, each with its own weights: experts."""
    a, b, result = call.args[0], call.args[1], call.result
    number = recorder.number(a)
    if a.dim() != 2 or b.dim() != 3 or number is None or recorder.number(b) is not None:
        if a.dim() == 3 and b.dim() == 3:
            return matmul_of(recorder, a, b, result)
        return recorder.add_unknown(call, "of groups of computed values")
    into, out = b.shape[1:]
    made = recorder.add(
        "linear",
        [number],
        result,
        recorder.mask(b),
        _count=into * out,
        in_channels=into,
        out_channels=out,
        bias=False,
    )
    bias = call.get("bias")
    return made if bias is None else plus(recorder, made, bias, result)


def attention(recorder: Recorder, call: Call) -> Any:
    """List scaled dot product attention: two products and a softmax."""
    q, k, v = call.get("query"), call.get("key"), call.get("value")
    result = call.result
    first = result if isinstance(result, Tensor) else next(tensors_in(result))
    rows, inner, keys, width = q.shape[-2], q.shape[-1], k.shape[-2], v.shape[-1]
    batch = first.numel() // (rows * width)
    bits = bits_of(first)
    shape = (*first.shape[:-2], rows, keys)
    sizes = ((q, batch * rows * inner), (k, batch * keys * inner))
    values = [_filled(recorder, one, size) for one, size in sizes]
    fields = {"batch": batch, "rows": rows, "inner": inner, "columns": keys}
    made = recorder.add_shaped("matmul", values, shape, bits, **fields)
    bias = call.get("attn_mask", call.get("attn_bias"))
    if bias is not None:
        other = recorder.number(bias)
        if other is not None:
            made = recorder.add_shaped("add", [made, other], shape, bits)
        else:
            mask = recorder.mask(bias)
            count = bias.numel()
            made = recorder.add_shaped("scale", [made], shape, bits, mask, mode="add", count=count)
    made = recorder.add_shaped("act", [made], shape, bits, name="softmax")
    values = [made, _filled(recorder, v, batch * keys * width)]
    fields = {"batch": batch, "rows": rows, "inner": keys, "columns": width}
    made = recorder.add("matmul", values, first, **fields)
    if isinstance(result, Tensor):
        return made
    rest: list[Any] = list(tensors_in(result))[1:]
    return [made, *(None for _ in rest)]


def recurrent(recorder: Recorder, call: Call) -> Any:
    """List the layers of an LSTM, a GRU or a plain recurrent network."""
    if "data" in call.info.index:
        return NotImplemented
    name = call.info.name
    mode = "rnn" if name.startswith("rnn") else name
    x, hx, params = call.get("input"), call.get("hx"), list(call.get("params"))
    states = list(hx) if isinstance(hx, (list, tuple)) else [hx]
    biased, layers = bool(call.get("has_biases")), int(call.get("num_layers"))
    directions = 2 if call.get("bidirectional") else 1
    each = len(params) // (layers * directions)
    if each != (4 if biased else 2) or x.dim() != 3:
        return NotImplemented  # with projections: layer by layer
    hidden = params[1].shape[1]
    output, *ends = tensors_in(call.result)
    number = recorder.value_of(x)
    width = x.shape[-1]
    shape = (*x.shape[:-1], hidden * directions)
    inputs = [one for t in states if (one := _state(recorder, t)) is not None]
    for layer in range(layers):
        own = params[layer * directions * each : (layer + 1) * directions * each]
        if any(recorder.number(one) is not None for one in own):
            return NotImplemented
        gates = GATES[mode] * hidden * directions
        count = gates * (width + hidden) + (2 * gates if biased else 0)
        number = recorder.add_shaped(
            "recurrent",
            [number, *(inputs if not layer else ())],
            shape,
            bits_of(output),
            recorder.constant_mask(own),
            _count=count,
            mode=mode,
            hidden=hidden,
            directions=directions,
            bias=biased,
        )
        width = hidden * directions
    return [number, *(derived(recorder, number, output.numel(), one) for one in ends)]


def _state(recorder: Recorder, tensor: Tensor) -> int | None:
    number = recorder.number(tensor)
    if number is None and recorder.mask(tensor):
        return recorder.value_of(tensor)
    return number


def quantized_conv(recorder: Recorder, call: Call) -> Any:
    """List a convolution whose weights are packed."""
    x, packed = call.args[:2]
    weight, bias = (*unpacked(packed), None)[:2]
    number = recorder.number(x)
    if number is None or weight is None:
        return NotImplemented
    axes = weight.dim() - 2
    padding = sides(packed.padding(), axes, 0)
    made = recorder.add(
        "conv",
        [number],
        call.result,
        recorder.packed_mask(call),
        _count=_numbers(weight, bias),
        out_channels=call.result.shape[1],
        groups=packed.groups(),
        bias=bias is not None,
        transposed="transpose" in call.info.name,
        kernel=tuple(weight.shape[2:]),
        stride=sides(packed.stride(), axes),
        dilation=sides(packed.dilation(), axes),
        padding=(*padding, *padding),
    )
    return _activated(recorder, call, made)


def _activated(recorder: Recorder, call: Call, number: int) -> int:
    if call.info.name.endswith("_relu") or "_relu_" in call.info.name:
        return recorder.add("act", [number], call.result, name="relu")
    return number


def quantized_linear(recorder: Recorder, call: Call) -> Any:
    """List a linear layer whose weights are packed."""
    x, packed = call.args[:2]
    weight, bias = (*unpacked(packed), None)[:2]
    number = recorder.number(x)
    if number is None or weight is None:
        return NotImplemented
    out, into = weight.shape
    made = recorder.add(
        "linear",
        [number],
        call.result,
        recorder.packed_mask(call),
        _count=_numbers(weight, bias),
        in_channels=into,
        out_channels=out,
        bias=bias is not None,
    )
    return _activated(recorder, call, made)


def embedding(recorder: Recorder, call: Call) -> Any:
    """List a look-up of rows."""
    weight, ids = call.get("weight"), call.get("indices", call.get("input"))
    number = recorder.number(ids)
    if number is None:
        return recorder.add("move", [recorder.value_of(weight)], call.result, mode="gather")
    if recorder.number(weight) is not None:
        both = [recorder.value_of(weight), number]
        return recorder.add("move", both, call.result, mode="gather")
    return recorder.add(
        "embedding",
        [number],
        call.result,
        recorder.mask(weight),
        rows=weight.shape[0],
        _count=weight.numel(),
    )


def embedding_bag(recorder: Recorder, call: Call) -> Any:
    """List a look-up of rows and their sum."""
    weight, ids = call.get("weight"), call.get("indices")
    number = recorder.number(ids)
    result, *rest = tensors_in(call.result)
    if number is None or recorder.number(weight) is not None:
        return NotImplemented
    made = recorder.add_shaped(
        "embedding",
        [number],
        (*ids.shape, weight.shape[1]),
        bits_of(result),
        recorder.mask(weight),
        rows=weight.shape[0],
        _count=weight.numel(),
    )
    made = recorder.add("reduce", [made], result, name="sum")
    return [made, *(None for _ in rest)]


def _many(handler: Any, names: str) -> dict[str, Any]:
    return dict.fromkeys(names.split(), handler)


PRODUCTS: dict[str, Any] = {
    **_many(conv, "conv1d conv2d conv3d convolution _convolution mkldnn_convolution"),
    **_many(conv, "conv_transpose1d conv_transpose2d conv_transpose3d _conv_depthwise2d"),
    **_many(linear, "linear"),
    **_many(matmul, "matmul mm bmm mv dot linalg_matmul vdot"),
    **_many(added_matmul, "addmm baddbmm addmv"),
    **_many(scaled_matmul, "_int_mm _scaled_mm"),
    **_many(summed_matmul, "addbmm"),
    **_many(grouped_matmul, "_grouped_mm"),
    **_many(attention, "scaled_dot_product_attention _scaled_dot_product_attention_math"),
    **_many(attention, "_scaled_dot_product_flash_attention_for_cpu"),
    **_many(attention, "_scaled_dot_product_flash_attention"),
    **_many(attention, "_scaled_dot_product_efficient_attention"),
    **_many(attention, "_scaled_dot_product_cudnn_attention"),
    **_many(recurrent, "lstm gru rnn_tanh rnn_relu"),
    **_many(embedding, "embedding"),
    **_many(embedding_bag, "embedding_bag _embedding_bag _embedding_bag_forward_only"),
}
QUANTIZED: dict[str, Any] = {
    **_many(quantized_conv, "conv1d conv2d conv3d conv1d_relu conv2d_relu conv3d_relu"),
    **_many(quantized_conv, "conv_transpose1d conv_transpose2d conv_transpose3d"),
    **_many(quantized_linear, "linear linear_relu linear_dynamic linear_relu_dynamic"),
    **_many(quantized_linear, "linear_dynamic_fp16"),
}
