"""What each function of torch is as an operation. Imports torch.

A handler takes (recorder, name, args, kwargs, result) and returns the number of the result's value,
a list of them for several results, or None where it noted the call as unknown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ..layer import ACTIVATIONS

if TYPE_CHECKING:
    from collections.abc import Callable

    from .torch_module import Recorder

    Handler = Callable[[Recorder, str, Any, dict[str, Any], Any], int | list[int] | None]

__all__ = ["HANDLERS", "PASSED", "NeedsValuesError", "plain_name"]

# Functions whose result is the same value as their first tensor
_PASSED = (
    "alpha_dropout bfloat16 channel_shuffle clone contiguous cpu cuda detach detach_ double",
    "dropout dropout1d dropout2d dropout3d dropout_ feature_alpha_dropout feature_dropout float",
    "half native_channel_shuffle native_dropout requires_grad_ to type type_as",
)
PASSED = frozenset(name for line in _PASSED for name in line.split())
_ACTIVATIONS = (
    "celu elu elu_ gelu hardsigmoid hardswish hardtanh hardtanh_ leaky_relu leaky_relu_",
    "log_softmax logsigmoid mish relu relu6 relu6_ relu_ selu sigmoid sigmoid_ silu silu_",
    "softmax softplus softsign tanh tanh_ clamp clamp_ clip neg abs",
)


class NeedsValuesError(Exception):
    """A value is needed that the meta device does not have."""


def plain_name(func: Any) -> str:
    """Return the name by which a function is known here."""
    if func is torch.batch_norm:  # its arguments are in another order than those of functional's
        return "torch.batch_norm"
    return str(getattr(func, "__name__", func))


def _take(args: Any, kwargs: dict[str, Any], place: int, name: str, default: Any = None) -> Any:
    return args[place] if len(args) > place else kwargs.get(name, default)


def _pair(value: Any) -> tuple[int, int]:
    if isinstance(value, (tuple, list)):
        return (int(value[0]), int(value[-1]))
    return (int(value), int(value))


def _source(recorder: Recorder, args: Any, kwargs: dict[str, Any]) -> tuple[Tensor, int | None]:
    x = args[0] if args else kwargs["input"]
    return x, recorder.number(x)


def _conv(recorder: Recorder, name: str, args: Any, kwargs: dict[str, Any], result: Any) -> Any:
    x, number = _source(recorder, args, kwargs)
    weight: Tensor = _take(args, kwargs, 1, "weight")
    bias = _take(args, kwargs, 2, "bias")
    if number is None or recorder.number(weight) is not None:
        return recorder.listing.unknown(name, recorder.path, "its weights depend on the image")
    beyond = recorder.weigh(_numbers(weight, bias), weight, bias)
    kernel = (int(weight.shape[2]), int(weight.shape[3]))
    dilation = _pair(_take(args, kwargs, 5, "dilation", 1))
    padding = _take(args, kwargs, 4, "padding", 0)
    if padding == "same":
        extra = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
        pads = (extra[0] // 2, extra[1] // 2, extra[0] - extra[0] // 2, extra[1] - extra[1] // 2)
    else:
        pads = _pair(0 if padding == "valid" else padding) * 2
    return recorder.add(
        "conv",
        [number],
        result,
        in_channels=int(x.shape[1]),
        out_channels=int(weight.shape[0]),
        kernel=kernel,
        stride=_pair(_take(args, kwargs, 3, "stride", 1)),
        padding=pads,
        dilation=dilation,
        groups=int(_take(args, kwargs, 6, "groups", 1)),
        bias=bias is not None,
        extra_params=beyond,
    )


def _linear(recorder: Recorder, name: str, args: Any, kwargs: dict[str, Any], result: Any) -> Any:
    x, number = _source(recorder, args, kwargs)
    weight: Tensor = _take(args, kwargs, 1, "weight")
    bias = _take(args, kwargs, 2, "bias")
    if number is None or recorder.number(weight) is not None:
        return recorder.listing.unknown(name, recorder.path, "its weights depend on the image")
    if x.dim() != 2:
        return recorder.listing.unknown(name, recorder.path, f"on {x.dim()} dimensions, not 2")
    beyond = recorder.weigh(_numbers(weight, bias), weight, bias)
    out, into = weight.shape
    fields: dict[str, Any] = {"in_channels": into, "out_channels": out, "bias": bias is not None}
    return recorder.add("linear", [number], result, extra_params=beyond, **fields)


def _numbers(*tensors: Tensor | None) -> int:
    return sum(one.numel() for one in tensors if one is not None)


def _norm(recorder: Recorder, name: str, args: Any, kwargs: dict[str, Any], result: Any) -> Any:
    x, number = _source(recorder, args, kwargs)
    at = 1 if name == "torch.batch_norm" else 3
    weight, bias = _take(args, kwargs, at, "weight"), _take(args, kwargs, at + 1, "bias")
    if number is None:
        return recorder.listing.unknown(name, recorder.path, "its image is a constant")
    if weight is None and bias is None:
        return number  # a norm without parameters: nothing to count
    channels = int(x.shape[1])
    beyond = recorder.weigh(2 * channels, weight, bias)
    return recorder.add("norm", [number], result, channels=channels, extra_params=beyond)


def _act(recorder: Recorder, name: str, args: Any, kwargs: dict[str, Any], result: Any) -> Any:
    number = _source(recorder, args, kwargs)[1]
    plain = name.rstrip("_")
    noted: str | None
    if plain in ("hardtanh", "clamp", "clip"):
        bounds = ("min_val", "max_val") if plain == "hardtanh" else ("min", "max")
        low, high = (_take(args, kwargs, k + 1, key) for k, key in enumerate(bounds))
        noted = {(0, 6): "relu6", (0, None): "relu"}.get((low, high), "hardtanh")
    else:
        noted = plain if plain in ACTIVATIONS else None
    if number is None:
        return recorder.listing.unknown(name, recorder.path, "its image is a constant")
    return recorder.add("act", [number], result, name=noted)


def _pool(recorder: Recorder, name: str, args: Any, kwargs: dict[str, Any], result: Any) -> Any:
    x, number = _source(recorder, args, kwargs)
    if x.dim() != 4 or not isinstance(result, Tensor) or number is None:
        return recorder.listing.unknown(name, recorder.path, "not of one 4-d map")
    kernel = _pair(_take(args, kwargs, 1, "kernel_size"))
    stride = _take(args, kwargs, 2, "stride")
    stride = kernel if stride is None or stride == [] else _pair(stride)
    padding = _pair(_take(args, kwargs, 3, "padding", 0))
    dilation = _pair(_take(args, kwargs, 4, "dilation", 1)) if name == "max_pool2d" else (1, 1)
    # what ceil_mode adds is padding at the end
    ends = [
        max(p, (out - 1) * s + d * (k - 1) + 1 - side - p)
        for p, out, s, d, k, side in zip(
            padding, result.shape[2:], stride, dilation, kernel, x.shape[2:], strict=True
        )
    ]
    return recorder.add(
        "pool",
        [number],
        result,
        kernel=kernel,
        stride=stride,
        padding=(*padding, *ends),
        dilation=dilation,
        mode=name[:3],
    )


def _adaptive(recorder: Recorder, name: str, args: Any, kwargs: dict[str, Any], result: Any) -> Any:
    x, number = _source(recorder, args, kwargs)
    if x.dim() != 4 or not isinstance(result, Tensor) or number is None:
        return recorder.listing.unknown(name, recorder.path, "not of one 4-d map")
    into, out = tuple(x.shape[2:]), tuple(result.shape[2:])
    if out == into:
        return number
    if out == (1, 1) and "avg" in name:
        return recorder.add("pool", [number], result, mode="global_avg")
    if out[0] > into[0] or out[1] > into[1]:
        return recorder.listing.unknown(name, recorder.path, f"it enlarges {into} to {out}")
    stride = tuple(a // b for a, b in zip(into, out, strict=True))
    kernel = tuple(a - (b - 1) * s for a, b, s in zip(into, out, stride, strict=True))
    mode = "avg" if "avg" in name else "max"
    fields: dict[str, Any] = {"kernel": kernel, "stride": stride, "padding": (0, 0, 0, 0)}
    return recorder.add("pool", [number], result, mode=mode, **fields)


def _mean(recorder: Recorder, name: str, args: Any, kwargs: dict[str, Any], result: Any) -> Any:
    x, number = _source(recorder, args, kwargs)
    dims = _take(args, kwargs, 1, "dim")
    dims = [dims] if isinstance(dims, int) else dims or range(x.dim())
    if number is None or x.dim() != 4 or sorted(d % 4 for d in dims) != [2, 3]:
        return recorder.listing.unknown(name, recorder.path, "not over the pixels of a map")
    return recorder.add("pool", [number], None, mode="global_avg")


def _shape(recorder: Recorder, name: str, args: Any, kwargs: dict[str, Any], result: Any) -> Any:
    """Flattening, regrouping of channels and reordering of them change no count."""
    x, number = _source(recorder, args, kwargs)
    if not isinstance(result, Tensor):
        return recorder.listing.unknown(name, recorder.path)
    before, after = tuple(x.shape), tuple(result.shape)
    if before == after and name not in ("transpose", "permute", "swapaxes"):
        return number
    if name in ("transpose", "permute", "swapaxes"):
        places = torch.empty(before, device="meta").stride()
        moved = getattr(torch.empty(before, device="meta"), name)(*args[1:], **kwargs).stride()
        if len(before) == 5 and moved[0] == places[0] and moved[3:] == places[3:]:
            return number
    elif before[:1] == after[:1]:
        pixels = before[-2:] if len(before) > 3 else (1, 1)
        kept = after[-2:] if len(after) > 3 else (1, 1)
        if len(after) == 2 or pixels == kept:
            return number
    return recorder.listing.unknown(name, recorder.path, f"from {before} to {after}")


def _cat(recorder: Recorder, name: str, args: Any, kwargs: dict[str, Any], result: Any) -> Any:
    given = _take(args, kwargs, 0, "tensors")
    dim = _take(args, kwargs, 1, "dim", 0)
    numbers = [recorder.number(one) for one in given]
    if dim % result.dim() != 1:
        return recorder.listing.unknown(name, recorder.path, f"along dimension {dim}, not 1")
    if any(number is None for number in numbers):
        return recorder.listing.unknown(name, recorder.path, "with a constant")
    return recorder.add("concat", numbers, result)  # type: ignore[arg-type]


def _select(recorder: Recorder, name: str, args: Any, kwargs: dict[str, Any], result: Any) -> Any:
    """Do to the numbers of the channels what is done to the channels."""
    x, number = _source(recorder, args, kwargs)
    several = not isinstance(result, Tensor)
    if number is None or x.dim() not in (2, 4):
        return recorder.listing.unknown(name, recorder.path, f"of {x.dim()} dimensions")
    subset = _subsampled(recorder, number, x, args, result) if name == "__getitem__" else None
    if subset is not None:
        return subset
    shape = (1, -1) if x.dim() == 2 else (1, -1, 1, 1)
    twin = torch.arange(x.shape[1]).view(shape).expand(x.shape)
    rest = [recorder.value(one) if isinstance(one, Tensor) else one for one in args[1:]]
    rest = [_valued(recorder, one) for one in rest]
    named = {key: _valued(recorder, one) for key, one in kwargs.items() if key != "input"}
    method = "split" if name == "split_with_sizes" else name
    with torch._C.DisableTorchFunction():
        picked = getattr(twin, method)(*rest, **named)
    numbers = []
    for channels in picked if several else [picked]:
        if channels.dim() != x.dim() or channels.shape[0] != 1 or channels.shape[2:] != x.shape[2:]:
            return recorder.listing.unknown(name, recorder.path, "not of channels")
        chosen = channels.flatten(2)[0, :, 0] if x.dim() == 4 else channels[0]
        whole = chosen.numel() == x.shape[1]
        numbers.append(
            number if whole else recorder.add("pick", [number], None, channels=chosen.tolist())
        )
    return numbers if several else numbers[0]


def _valued(recorder: Recorder, one: Any) -> Any:
    if isinstance(one, Tensor):
        return recorder.value(one).cpu()
    if isinstance(one, (tuple, list)):
        return type(one)(_valued(recorder, part) for part in one)
    return one


def _subsampled(recorder: Recorder, number: int, x: Tensor, args: Any, result: Any) -> int | None:
    """Every n-th pixel of a map is a pool of kernel 1."""
    index = args[1]
    if x.dim() != 4 or not isinstance(index, tuple) or len(index) != 4:
        return None
    if index[:2] != (slice(None), slice(None)) or not all(isinstance(i, slice) for i in index):
        return None
    if any(i.start not in (None, 0) or i.stop is not None for i in index[2:]):
        return None
    stride = tuple(i.step or 1 for i in index[2:])
    fields: dict[str, Any] = {"kernel": (1, 1), "stride": stride, "padding": (0, 0, 0, 0)}
    return recorder.add("pool", [number], result, mode="max", **fields)


def _add(recorder: Recorder, name: str, args: Any, kwargs: dict[str, Any], result: Any) -> Any:
    return _binary(recorder, name, args, kwargs, result, "add")


def _mul(recorder: Recorder, name: str, args: Any, kwargs: dict[str, Any], result: Any) -> Any:
    return _binary(recorder, name, args, kwargs, result, "gate")


def _binary(
    recorder: Recorder, name: str, args: Any, kwargs: dict[str, Any], result: Any, kind: str
) -> Any:
    first, second = _take(args, kwargs, 0, "input"), _take(args, kwargs, 1, "other")
    numbers = [recorder.number(one) for one in (first, second)]
    if numbers[0] is not None and numbers[1] is not None:
        if kind == "add" and first.shape != second.shape:
            shapes = f"{tuple(first.shape)} and {tuple(second.shape)}"
            return recorder.listing.unknown(name, recorder.path, f"of shapes {shapes}")
        both = [numbers[0], numbers[1]]
        return recorder.add(kind, both, None if kind == "gate" else result)
    at = 0 if numbers[0] is not None else 1
    x, constant = (first, second)[at], (first, second)[1 - at]
    number = numbers[at]
    if not isinstance(constant, Tensor):
        return number
    if recorder.is_learned(constant):
        return recorder.listing.unknown(name, recorder.path, "with a parameter of its own")
    if constant.numel() == 1 or number is None:
        return number
    if kind == "gate" and tuple(constant.shape) == (1, x.shape[1], 1, 1):
        kept = int(recorder.value(constant).count_nonzero())
        if kept and name != "div":
            whole = kept == x.shape[1]
            return number if whole else recorder.add("mask", [number], None, count=kept)
    why = f"with a constant of shape {tuple(constant.shape)}"
    return recorder.listing.unknown(name, recorder.path, why)


def _pad(recorder: Recorder, name: str, args: Any, kwargs: dict[str, Any], result: Any) -> Any:
    number = _source(recorder, args, kwargs)[1]
    pad = list(_take(args, kwargs, 1, "pad"))
    if number is None or len(pad) > 4 or min(pad) < 0:
        return recorder.listing.unknown(name, recorder.path, f"by {tuple(pad)}")
    left, right, top, bottom = [*pad, 0, 0][:4]
    return recorder.add("pad", [number], None, paddings=(top, left, bottom, right))


def _property(recorder: Recorder, name: str, args: Any, kwargs: dict[str, Any], result: Any) -> Any:
    number = _source(recorder, args, kwargs)[1]
    if result.shape == args[0].shape:  # .data
        return number
    return recorder.listing.unknown("a transposing property", recorder.path)


def _known_by(handler: Handler, *names: str) -> dict[str, Handler]:
    return dict.fromkeys((name for line in names for name in line.split()), handler)


HANDLERS: dict[str, Handler] = {
    **_known_by(_conv, "conv2d"),
    **_known_by(_linear, "linear"),
    **_known_by(_norm, "batch_norm torch.batch_norm"),
    **_known_by(_act, *_ACTIVATIONS),
    **_known_by(_pool, "max_pool2d avg_pool2d"),
    **_known_by(_adaptive, "adaptive_avg_pool2d adaptive_max_pool2d"),
    **_known_by(_mean, "mean"),
    **_known_by(_shape, "flatten reshape view squeeze unsqueeze unflatten"),
    **_known_by(_shape, "transpose permute swapaxes"),
    **_known_by(_cat, "cat concat concatenate"),
    **_known_by(_select, "chunk split split_with_sizes tensor_split narrow index_select"),
    **_known_by(_select, "__getitem__"),
    **_known_by(_add, "add add_ sub sub_ rsub __radd__ __add__ __iadd__ __rsub__"),
    **_known_by(_mul, "mul mul_ multiply div div_ true_divide __rmul__ __mul__ __imul__"),
    **_known_by(_pad, "pad"),
    **_known_by(_property, "__get__"),
}
