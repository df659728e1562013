"""Shapes of what torch's operators make, for those that are met most. Imports torch.

torch's own rules for the meta device are right for every operator, but take up to a millisecond a
call, and a second at the first. A rule here returns None where it does not know, and torch's own is
then asked, which also words the errors.
"""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .calls import Call
    from .recorder import Recorder

    Rule = Callable[[Recorder, Call], Any]

__all__ = ["HEAVY", "RULES", "broadcast", "sides", "window"]


def sides(value: Any, axes: int, default: int = 1) -> tuple[int, ...]:
    """Return a number for each axis."""
    if value is None:
        return (default,) * axes
    if isinstance(value, int):
        return (value,) * axes
    made = tuple(int(one) for one in value)
    if not made:
        return (default,) * axes
    return made * axes if len(made) == 1 else made


def broadcast(*shapes: Sequence[int]) -> tuple[int, ...] | None:
    """Return the shape of what broadcasts, None where it does not."""
    longest = max(map(len, shapes))
    result = [1] * longest
    for shape in shapes:
        for place, side in enumerate(shape, longest - len(shape)):
            if side != 1:
                if result[place] not in (1, side):
                    return None
                result[place] = side
    return tuple(result)


def window(call: Call, axes: int) -> dict[str, tuple[int, ...]] | None:
    """Return the sides of a convolution's window, None where it is none."""
    weight: Tensor = call.get("weight")
    kernel = tuple(weight.shape[2:])
    stride = sides(call.get("stride"), axes)
    dilation = sides(call.get("dilation"), axes)
    padding = call.get("padding", 0)
    if isinstance(padding, str):
        if padding == "valid":
            before = after = (0,) * axes
        else:
            reach = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
            before = tuple(r // 2 for r in reach)
            after = tuple(r - r // 2 for r in reach)
    else:
        before = after = sides(padding, axes, 0)
    found = {"kernel": kernel, "stride": stride, "dilation": dilation, "padding": (*before, *after)}
    if any(len(found[name]) != axes for name in ("kernel", "stride", "dilation")):
        return None
    return found


def _conv(recorder: Recorder, call: Call) -> Any:
    x, weight = call.get("input"), call.get("weight")
    if x is None:
        x = call.first()
    axes = weight.dim() - 2
    if x.dim() != weight.dim() or call.get("transposed") or x.dtype != weight.dtype:
        return None
    found = window(call, axes)
    groups = call.get("groups", 1)
    if found is None or x.shape[1] != weight.shape[1] * groups or weight.shape[0] % groups:
        return None
    out = []
    for axis in range(axes):
        pads = found["padding"][axis] + found["padding"][axis + axes]
        reach = found["dilation"][axis] * (found["kernel"][axis] - 1) + 1
        side = (x.shape[2 + axis] + pads - reach) // found["stride"][axis] + 1
        if x.shape[2 + axis] + pads < reach:
            return None
        out.append(side)
    return recorder.empty((x.shape[0], weight.shape[0], *out), x.dtype)


def _conv_transposed(recorder: Recorder, call: Call) -> Any:
    x, weight = call.get("input"), call.get("weight")
    axes = weight.dim() - 2
    groups = call.get("groups", 1)
    if x.dim() != weight.dim() or x.shape[1] != weight.shape[0] or x.shape[1] % groups:
        return None
    stride, dilation = sides(call.get("stride"), axes), sides(call.get("dilation"), axes)
    padding, more = sides(call.get("padding"), axes, 0), sides(call.get("output_padding"), axes, 0)
    out = [
        (side - 1) * s - 2 * p + d * (k - 1) + e + 1
        for side, s, p, d, k, e in zip(
            x.shape[2:], stride, padding, dilation, weight.shape[2:], more, strict=True
        )
    ]
    if min(out) < 1:
        return None
    return recorder.empty((x.shape[0], weight.shape[1] * groups, *out), x.dtype)


def _convolution(recorder: Recorder, call: Call) -> Any:
    return (_conv_transposed if call.get("transposed") else _conv)(recorder, call)


def _linear(recorder: Recorder, call: Call) -> Any:
    x, weight = call.get("input"), call.get("weight")
    if weight.dim() != 2 or not x.dim() or x.shape[-1] != weight.shape[1]:
        return None
    if x.dtype != weight.dtype:
        return None
    return recorder.empty((*x.shape[:-1], weight.shape[0]), x.dtype)


def _product(recorder: Recorder, call: Call) -> Any:
    a, b = call.args[-2:] if call.info.name in ("addmm", "baddbmm", "addmv") else call.args[:2]
    if a.dim() < 2 or b.dim() < 2 or a.shape[-1] != b.shape[-2] or a.dtype != b.dtype:
        return None
    batch = broadcast(a.shape[:-2], b.shape[:-2]) if a.dim() > 2 or b.dim() > 2 else ()
    if batch is None:
        return None
    return recorder.empty((*batch, a.shape[-2], b.shape[-1]), a.dtype)


def _attention(recorder: Recorder, call: Call) -> Any:
    q, k, v = call.get("query"), call.get("key"), call.get("value")
    if min(q.dim(), k.dim(), v.dim()) < 2 or q.shape[-1] != k.shape[-1]:
        return None
    if k.shape[-2] != v.shape[-2]:
        return None
    batch = q.shape[:-2]
    if k.shape[:-2] != batch and not call.get("enable_gqa"):
        found = broadcast(q.shape[:-2], k.shape[:-2])
        if found is None:
            return None
        batch = torch.Size(found)
    return recorder.empty((*batch, q.shape[-2], v.shape[-1]), q.dtype)


def _same(recorder: Recorder, call: Call) -> Any:
    x = call.first()
    if call.get("dtype") is not None and call.get("dtype") != x.dtype:
        return None
    return recorder.empty_like(x)


def _float_same(recorder: Recorder, call: Call) -> Any:
    x = call.first()
    return recorder.empty_like(x) if x.dtype.is_floating_point else None


def _batch_norm(recorder: Recorder, call: Call) -> Any:
    x = call.first()
    for name in ("weight", "bias", "running_mean"):
        one = call.get(name)
        if one is not None and (x.dim() < 2 or one.numel() != x.shape[1]):
            return None
    return recorder.empty_like(x)


def _layer_norm(recorder: Recorder, call: Call) -> Any:
    x, shape = call.first(), tuple(call.get("normalized_shape"))
    if tuple(x.shape[x.dim() - len(shape) :]) != shape:
        return None
    return recorder.empty(x.shape, x.dtype)


def _group_norm(recorder: Recorder, call: Call) -> Any:
    x, groups = call.first(), call.get("num_groups")
    if x.dim() < 2 or x.shape[1] % groups:
        return None
    weight = call.get("weight")
    if weight is not None and weight.numel() != x.shape[1]:
        return None
    return recorder.empty(x.shape, x.dtype)


def _binary(recorder: Recorder, call: Call) -> Any:
    a, b = call.args[:2] if len(call.args) > 1 else (call.first(), None)
    if not isinstance(a, Tensor):
        a, b = b, a
    if not isinstance(a, Tensor) or not a.dtype.is_floating_point or call.get("rounding_mode"):
        return None
    if not isinstance(b, Tensor):
        return recorder.empty_like(a) if isinstance(b, (int, float)) else None
    if a.dtype != b.dtype:
        if a.dim() and not b.dim() and not b.dtype.is_complex:
            return recorder.empty_like(a)
        return None
    if a.shape == b.shape:
        return recorder.empty_like(a)
    shape = broadcast(a.shape, b.shape)
    return None if shape is None else recorder.empty(shape, a.dtype)


def _compare(recorder: Recorder, call: Call) -> Any:
    a, b = call.args[:2]
    shapes = [one.shape for one in (a, b) if isinstance(one, Tensor)]
    shape = broadcast(*shapes)
    return None if shape is None else recorder.empty(shape, torch.bool)


def _where(recorder: Recorder, call: Call) -> Any:
    if len(call.args) < 3:
        return None
    given = [one for one in call.args if isinstance(one, Tensor)]
    kinds = {one.dtype for one in call.args[1:] if isinstance(one, Tensor)}
    shape = broadcast(*(one.shape for one in given))
    return None if len(kinds) != 1 or shape is None else recorder.empty(shape, kinds.pop())


def _cat(recorder: Recorder, call: Call) -> Any:
    given: Any = [one for one in call.first() if tuple(one.shape) != (0,)]
    if not given or len({one.dtype for one in given}) != 1:
        return None
    rank = given[0].dim()
    axis = call.get("dim", 0)
    if not isinstance(axis, int) or not -rank <= axis < rank:
        return None
    axis %= rank
    shapes = {(*one.shape[:axis], *one.shape[axis + 1 :]) for one in given}
    if len(shapes) != 1 or len({one.dim() for one in given}) != 1:
        return None
    shape = list(given[0].shape)
    shape[axis] = sum(one.shape[axis] for one in given)
    return recorder.empty(shape, given[0].dtype)


def _stack(recorder: Recorder, call: Call) -> Any:
    given: Any = list(call.first())
    axis = call.get("dim", 0)
    if len({(one.dtype, one.shape) for one in given}) != 1 or not isinstance(axis, int):
        return None
    shape = list(given[0].shape)
    if not -len(shape) - 1 <= axis <= len(shape):
        return None
    shape.insert(axis % (len(shape) + 1), len(given))
    return recorder.empty(shape, given[0].dtype)


def _reduced(recorder: Recorder, call: Call) -> Any:
    x, dims = call.first(), call.get("dim")
    if not x.dtype.is_floating_point or call.get("dtype") not in (None, x.dtype):
        return None
    rank = x.dim()
    dims = range(rank) if dims is None or dims == [] else [dims] if isinstance(dims, int) else dims
    if not all(isinstance(one, int) and -rank <= one < rank for one in dims):
        return None
    gone = {one % rank for one in dims}
    keep = call.get("keepdim", False)
    shape = [1 if i in gone else side for i, side in enumerate(x.shape) if keep or i not in gone]
    return recorder.empty(shape, x.dtype)


def _embedding(recorder: Recorder, call: Call) -> Any:
    weight, ids = call.args[:2]
    if weight.dim() != 2:
        return None
    return recorder.empty((*ids.shape, weight.shape[1]), weight.dtype)


def _pool(recorder: Recorder, call: Call) -> Any:
    x, axes = call.first(), int(call.info.name[8])
    kernel = sides(call.get("kernel_size"), axes)
    stride = sides(call.get("stride") or kernel, axes)
    padding, dilation = sides(call.get("padding"), axes, 0), sides(call.get("dilation"), axes)
    if x.dim() not in (axes + 1, axes + 2) or max(padding) > min(kernel):
        return None
    out = []
    for side, k, s, p, d in zip(x.shape[-axes:], kernel, stride, padding, dilation, strict=True):
        room = side + 2 * p - d * (k - 1) - 1
        made = (ceil(room / s) if call.get("ceil_mode") else room // s) + 1
        if call.get("ceil_mode") and (made - 1) * s >= side + p:
            made -= 1
        if made < 1:
            return None
        out.append(made)
    return recorder.empty((*x.shape[:-axes], *out), x.dtype)


def _adaptive(recorder: Recorder, call: Call) -> Any:
    name = call.info.name
    axes = int(name.rstrip("d")[-1])
    x, size = call.first(), call.get("output_size")
    size = sides(size, axes)
    if x.dim() not in (axes + 1, axes + 2) or len(size) != axes or min(size) < 1:
        return None
    return recorder.empty((*x.shape[:-axes], *size), x.dtype)


def _pad(recorder: Recorder, call: Call) -> Any:
    x, pads = call.first(), list(call.get("pad"))
    mode = call.get("mode", "constant")
    if len(pads) % 2 or len(pads) > 2 * x.dim() or mode != "constant":
        return None
    shape = list(x.shape)
    for axis in range(len(pads) // 2):
        shape[-1 - axis] += pads[2 * axis] + pads[2 * axis + 1]
    return recorder.empty(shape, x.dtype) if min(shape) > 0 else None


def _recurrent(recorder: Recorder, call: Call) -> Any:
    if "data" in call.info.index:
        return None  # packed sequences
    x, hx = call.get("input"), call.get("hx")
    states = list(hx) if isinstance(hx, (list, tuple)) else [hx]
    directions = 2 if call.get("bidirectional") else 1
    out = states[0].shape[-1] * directions
    if x.dim() != 3:
        return None
    made = [recorder.empty((*x.shape[:-1], out), x.dtype)]
    made += [recorder.empty(one.shape, x.dtype) for one in states]
    return tuple(made)


def _gather(recorder: Recorder, call: Call) -> Any:
    x, index = call.first(), call.get("index")
    name = call.info.name
    if name == "gather":
        return recorder.empty(index.shape, x.dtype)
    axis = call.get("dim")
    shape = list(x.shape)
    if index.dim() > 1 or not isinstance(axis, int) or not -len(shape) <= axis < len(shape):
        return None
    shape[axis] = index.numel()
    return recorder.empty(shape, x.dtype)


def _contiguous(recorder: Recorder, call: Call) -> Any:
    x = call.first()
    if call.get("memory_format") not in (None, torch.contiguous_format, torch.preserve_format):
        return None
    if call.info.name == "contiguous":
        return x if x.is_contiguous() else recorder.empty(x.shape, x.dtype)
    return recorder.empty_like(x)


def _repeat(recorder: Recorder, call: Call) -> Any:
    x, times = call.first(), list(call.get("repeats"))
    shape = [1] * (len(times) - x.dim()) + list(x.shape)
    if len(times) < x.dim():
        return None
    return recorder.empty([a * b for a, b in zip(shape, times, strict=True)], x.dtype)


def _dropout(recorder: Recorder, call: Call) -> Any:
    return None if call.get("train", call.get("training")) else call.first()


def _many(rule: Rule, *names: str) -> dict[str, Rule]:
    return dict.fromkeys((name for line in names for name in line.split()), rule)


_PRODUCTS = {
    **_many(_conv, "conv1d conv2d conv3d"),
    **_many(_conv_transposed, "conv_transpose1d conv_transpose2d conv_transpose3d"),
    **_many(_convolution, "convolution _convolution"),
    **_many(_linear, "linear"),
    **_many(_product, "matmul mm bmm addmm baddbmm"),
    **_many(_attention, "scaled_dot_product_attention"),
    **_many(_recurrent, "lstm gru rnn_tanh rnn_relu"),
}
HEAVY = frozenset(_PRODUCTS)  # what is not worked out even in a run on values
RULES: dict[str, Rule] = {
    **_PRODUCTS,
    **_many(_batch_norm, "batch_norm instance_norm"),
    **_many(_layer_norm, "layer_norm rms_norm"),
    **_many(_group_norm, "group_norm"),
    **_many(_float_same, "relu gelu silu sigmoid tanh hardswish hardsigmoid mish elu selu celu"),
    **_many(_float_same, "leaky_relu relu6 hardtanh softplus clamp clamp_min clamp_max sqrt rsqrt"),
    **_many(_float_same, "exp log sin cos erf reciprocal neg abs square floor ceil round"),
    **_many(_same, "softmax log_softmax _softmax _log_softmax cumsum"),
    **_many(_binary, "add sub mul div multiply divide subtract true_divide rsub pow maximum"),
    **_many(_binary, "minimum"),
    **_many(_compare, "eq ne gt lt ge le"),
    **_many(_where, "where"),
    **_many(_cat, "cat concat concatenate"),
    **_many(_stack, "stack"),
    **_many(_reduced, "mean sum amax amin linalg_vector_norm logsumexp var std"),
    **_many(_embedding, "embedding"),
    **_many(_pool, "max_pool1d max_pool2d max_pool3d avg_pool1d avg_pool2d avg_pool3d"),
    **_many(_adaptive, "adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d"),
    **_many(_pad, "pad constant_pad_nd"),
    **_many(_gather, "gather index_select"),
    **_many(_contiguous, "contiguous clone"),
    **_many(_repeat, "repeat"),
    **_many(_dropout, "dropout feature_dropout alpha_dropout feature_alpha_dropout"),
}
