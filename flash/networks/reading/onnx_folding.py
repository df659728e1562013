"""The arithmetic on sizes that exporters leave in ONNX files, worked out.

``x.view(x.size(0), -1)`` becomes Shape, Gather, Unsqueeze, Concat and Reshape, and onnx's own
inference does not always see through it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import helper

if TYPE_CHECKING:
    from .onnx_values import File

__all__ = ["fold", "reshaped"]

MAX_NUMBERS = 1 << 10


def fold(file: File, node: Any) -> None:
    """Note the value of a node's output where it is a few constant numbers."""
    fields = {one.name: helper.get_attribute_value(one) for one in node.attribute}
    if node.op_type == "Shape":
        shape = file.shapes.get(node.input[0], file.dims.get(node.input[0]))
        if shape is not None and None not in shape:
            value: Any = np.array(shape, np.int64)[fields.get("start", 0) : fields.get("end")]
            _note(file, node, value)
        return
    given = [file.constants[name] for name in node.input if name in file.constants]
    function = _FUNCTIONS.get(node.op_type)
    if function is None or not given or len(given) != len(node.input):
        return
    if sum(one.size for one in given) > MAX_NUMBERS:
        return
    try:
        _note(file, node, np.asarray(function(fields, *given)))
    except (ValueError, IndexError, TypeError, ZeroDivisionError, OverflowError):
        return  # sizes that do not fit: whoever reads them finds no constant


def _note(file: File, node: Any, value: Any) -> None:
    if value.size <= MAX_NUMBERS:
        file.constants[node.output[0]] = value
        file.dims[node.output[0]] = value.shape


def reshaped(before: tuple[int | None, ...] | None, target: Any) -> tuple[int, ...] | None:
    """Return the shape that a Reshape makes, or None where that is not known."""
    if before is None or target is None or None in before or target.ndim != 1:
        return None
    sizes = [int(one) for one in target]
    known = [int(one or 0) for one in before]
    if any(size == 0 and place >= len(known) for place, size in enumerate(sizes)):
        return None
    sizes = [known[place] if size == 0 else size for place, size in enumerate(sizes)]
    total, open_places = 1, [place for place, size in enumerate(sizes) if size == -1]
    for size in known:
        total *= size
    rest = 1
    for size in sizes:
        rest *= 1 if size == -1 else size
    if len(open_places) == 1 and rest > 0 and total % rest == 0:
        sizes[open_places[0]] = total // rest
        rest = total
    return tuple(sizes) if rest == total and min(sizes, default=0) > 0 else None


def _unsqueeze(fields: dict[str, Any], x: Any, axes: Any) -> Any:
    return np.expand_dims(x, tuple(int(one) for one in axes))


def _slice(fields: dict[str, Any], x: Any, starts: Any, ends: Any, *rest: Any) -> Any:
    axes = rest[0] if rest else range(len(starts))
    steps = rest[1] if len(rest) > 1 else [1] * len(starts)
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        index = [slice(None)] * x.ndim
        index[int(axis)] = slice(int(start), int(end), int(step))
        x = x[tuple(index)]
    return x


_FUNCTIONS: dict[str, Any] = {
    "Identity": lambda fields, x: x,
    "Cast": lambda fields, x: x,
    "Gather": lambda fields, x, index: np.take(x, index, axis=fields.get("axis", 0)),
    "Unsqueeze": _unsqueeze,
    "Squeeze": lambda fields, x, *axes: np.squeeze(x, *(tuple(map(int, one)) for one in axes)),
    "Concat": lambda fields, *parts: np.concatenate(parts, axis=fields["axis"]),
    "Slice": _slice,
    "Add": lambda fields, a, b: a + b,
    "Sub": lambda fields, a, b: a - b,
    "Mul": lambda fields, a, b: a * b,
    "Div": lambda fields, a, b: a // b if a.dtype.kind == "i" else a / b,
}
