"""The arithmetic on sizes and masks that exporters leave in ONNX files, worked out.

``x.view(x.size(0), -1)`` becomes Shape, Gather, Unsqueeze, Concat and Reshape. What shape a result
has is known before: nothing here can make more numbers than were allowed.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from .values import SMALL, numpy_kind

if TYPE_CHECKING:
    from collections.abc import Callable

    from .calls import Call

__all__ = ["fold"]


def fold(call: Call) -> None:
    """Note the numbers of a node's outputs where they are few and constant."""
    function = _FUNCTIONS.get(call.operator)
    if function is None:
        return
    results = [one for one in call.results if one is not None]
    if not results or not all(one.is_constant and one.shape is not None for one in results):
        return
    if sum(math.prod(one.shape or ()) for one in results) > SMALL:
        return
    arrays: list[Any] = []
    for value in call.inputs:
        if value is None:
            arrays.append(None)
            continue
        if value.array is None or value.array.dtype.kind not in "biuf":
            return
        arrays.append(value.array)
    try:
        with np.errstate(all="ignore"):
            made = function(call, *arrays)
    except (ValueError, LookupError, TypeError, ArithmeticError, np.exceptions.AxisError):
        return  # sizes that do not fit: whoever reads them finds no constant
    for value, array in zip(call.results, made if isinstance(made, list) else [made], strict=False):
        if value is None or value in call.inputs:
            continue
        kind = numpy_kind(value.kind)
        array = np.asarray(array)
        if array.shape == value.shape:
            value.know(array if kind is None or array.dtype == kind else array.astype(kind))


def _axes(call: Call, given: Any) -> tuple[int, ...] | None:
    named = call.int_list("axes")
    if named is not None:
        return tuple(named)
    return None if given is None else tuple(int(one) for one in np.ravel(given))


def _slice(call: Call, x: Any, starts: Any = None, ends: Any = None, *rest: Any) -> Any:
    starts = call.int_list("starts") if starts is None else np.ravel(starts).tolist()
    ends = call.int_list("ends") if ends is None else np.ravel(ends).tolist()
    axes = _axes(call, rest[0] if rest else None)
    steps = [1] * len(starts) if len(rest) < 2 or rest[1] is None else np.ravel(rest[1]).tolist()
    for start, end, axis, step in zip(
        starts, ends, range(len(starts)) if axes is None else axes, steps, strict=True
    ):
        index = [slice(None)] * x.ndim
        stop = None if step < 0 and end < -x.shape[axis] else end
        index[axis] = slice(start, stop, step)
        x = x[tuple(index)]
    return x


def _divided(call: Call, a: Any, b: Any) -> Any:
    if a.dtype.kind in "iu":
        return (np.sign(a) * np.sign(b)) * (abs(a) // np.maximum(abs(b), 1))
    return a / b


def _reduced(function: Any) -> Callable[..., Any]:
    def worked(call: Call, x: Any, axes: Any = None) -> Any:
        chosen = _axes(call, axes)
        if not chosen and call.attribute("noop_with_empty_axes", 0):
            return x
        return function(x, axis=chosen or None, keepdims=bool(call.attribute("keepdims", 1)))

    return worked


def _constant(call: Call, *given: Any) -> Any:
    attribute = call.fields.get("value")
    shape = call.results[0].shape if call.results[0] is not None else ()
    if attribute is None:
        return np.zeros(shape or (), np.float32)
    from onnx import numpy_helper

    return np.full(shape or (), numpy_helper.to_array(attribute.t).ravel()[0])


def _range(call: Call, start: Any, limit: Any, delta: Any) -> Any:
    size = call.results[0]
    count = 0 if size is None or not size.shape else size.shape[0]
    return (
        np.ravel(start)[0] + np.arange(count).astype(np.asarray(start).dtype) * np.ravel(delta)[0]
    )


def _split(call: Call, x: Any, sizes: Any = None) -> Any:
    axis = int(call.attribute("axis", 0))
    ends = np.cumsum([one.shape[axis] if one and one.shape else 0 for one in call.results])[:-1]
    return list(np.split(x, ends, axis))


def _reshape(call: Call, x: Any, shape: Any = None) -> Any:
    made = call.results[0]
    return x.reshape(made.shape) if made is not None and made.shape is not None else x


def _scattered(call: Call, x: Any, index: Any, updates: Any) -> Any:
    made = x.copy()
    made[tuple(np.moveaxis(index, -1, 0))] = updates
    return made


def _elements(call: Call, x: Any, index: Any, updates: Any) -> Any:
    made = x.copy()
    np.put_along_axis(made, index, updates, int(call.attribute("axis", 0)))
    return made


def _one_hot(call: Call, index: Any, depth: Any, values: Any) -> Any:
    count, axis = int(np.ravel(depth)[0]), int(call.attribute("axis", -1))
    spots = np.arange(count) == (index[..., None] % count)
    return np.moveaxis(np.where(spots, values[1], values[0]), -1, axis)


def _triangle(call: Call, x: Any, k: Any = None) -> Any:
    below = 0 if k is None else int(np.ravel(k)[0])
    return np.triu(x, below) if call.attribute("upper", 1) else np.tril(x, below)


def _cumulative(call: Call, x: Any, axis: Any) -> Any:
    along = int(np.ravel(axis)[0])
    if call.attribute("reverse", 0) or call.attribute("exclusive", 0):
        raise ValueError("not worked out")
    return np.cumsum(x, along)


def _pair(function: Any) -> Callable[..., Any]:
    return lambda call, a, b: function(a, b)


def _single(function: Any) -> Callable[..., Any]:
    return lambda call, x: function(x)


def _all(function: Any) -> Callable[..., Any]:
    def worked(call: Call, first: Any, *rest: Any) -> Any:
        for one in rest:
            first = function(first, one)
        return first

    return worked


def _mod(call: Call, a: Any, b: Any) -> Any:
    return np.fmod(a, b) if call.attribute("fmod", 0) else np.mod(a, b)


def _clip(call: Call, x: Any, low: Any = None, high: Any = None) -> Any:
    low = call.attribute("min", -math.inf) if "min" in call.fields else low
    high = call.attribute("max", math.inf) if "max" in call.fields else high
    return np.clip(x, low, high) if low is not None or high is not None else x


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    **dict.fromkeys(("Reshape", "Flatten", "Squeeze", "Unsqueeze"), _reshape),
    "Gather": lambda call, x, index: np.take(x, index, axis=int(call.attribute("axis", 0))),
    "GatherND": lambda call, x, index: x[tuple(np.moveaxis(index, -1, 0))],
    "GatherElements": lambda call, x, index: np.take_along_axis(
        x, index, int(call.attribute("axis", 0))
    ),
    "ScatterND": _scattered,
    "ScatterElements": _elements,
    "Concat": lambda call, *parts: np.concatenate(parts, axis=int(call.attribute("axis", 0))),
    "Transpose": lambda call, x: np.transpose(x, call.int_list("perm")),
    "Slice": _slice,
    "Split": _split,
    "Expand": lambda call, x, shape: np.broadcast_to(x, call.results[0].shape),
    "Tile": lambda call, x, times: np.tile(x, [int(one) for one in times]),
    "ConstantOfShape": _constant,
    "Range": _range,
    "OneHot": _one_hot,
    "Trilu": _triangle,
    "CumSum": _cumulative,
    "Where": lambda call, chosen, a, b: np.where(chosen, a, b),
    "Div": _divided,
    "Mod": _mod,
    "Clip": _clip,
    "Relu": lambda call, x: np.maximum(x, 0),
    "Sigmoid": lambda call, x: 1 / (1 + np.exp(-x)),
    "Sum": _all(np.add),
    "Max": _all(np.maximum),
    "Min": _all(np.minimum),
    "MatMul": _pair(np.matmul),
    **{
        name: _pair(function)
        for name, function in {
            "Add": np.add, "Sub": np.subtract, "Mul": np.multiply, "Pow": np.power,
            "Equal": np.equal, "Less": np.less, "LessOrEqual": np.less_equal,
            "Greater": np.greater, "GreaterOrEqual": np.greater_equal,
            "And": np.logical_and, "Or": np.logical_or, "Xor": np.logical_xor,
        }.items()
    },
    **{
        name: _single(function)
        for name, function in {
            "Not": np.logical_not, "Neg": np.negative, "Abs": np.abs, "Ceil": np.ceil,
            "Floor": np.floor, "Round": np.round, "Sqrt": np.sqrt, "Exp": np.exp, "Log": np.log,
            "Sign": np.sign, "Reciprocal": np.reciprocal, "Sin": np.sin, "Cos": np.cos,
            "Tanh": np.tanh, "IsNaN": np.isnan, "IsInf": np.isinf,
        }.items()
    },
    **{
        f"Reduce{name}": _reduced(function)
        for name, function in {
            "Sum": np.sum, "Prod": np.prod, "Max": np.max, "Min": np.min, "Mean": np.mean,
        }.items()
    },
}  # fmt: skip
