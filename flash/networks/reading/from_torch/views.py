"""What views, selections and moves of a tensor are as operations. Imports torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from .calls import tensors_in

if TYPE_CHECKING:
    from .calls import Call
    from .recorder import Recorder

__all__ = ["derived", "moved", "pick", "select", "view"]


def derived(recorder: Recorder, number: int, numbers: int, result: Tensor) -> int:
    """List what reads a value of so many numbers in another way."""
    wanted = result.numel()
    if wanted == numbers:
        return recorder.add("view", [number], result)
    if wanted < numbers:
        return recorder.add("view", [number], result, partly=True)
    return recorder.add("move", [number], result, mode="view")  # read more than once


def view(recorder: Recorder, call: Call) -> Any:
    """List a view, or the copy where torch needs one."""
    x = next(one for one in call.tensors if recorder.number(one) is not None)
    number = recorder.number(x)
    assert number is not None
    return [_seen(recorder, call, x, number, one) for one in tensors_in(call.result)]


def _seen(recorder: Recorder, call: Call, x: Tensor, number: int, result: Tensor) -> int | None:
    if not result.numel():
        return None
    if result is x:
        return number
    aliased = recorder.stores.get(result.untyped_storage()._cdata)
    source = recorder.store(x)
    if aliased is source:
        known = recorder.number(result) if _known(recorder, result) else None
        if known is not None:
            return known
        return derived(recorder, number, x.numel(), result)
    if result.dtype != x.dtype:
        return recorder.add("elementwise", [number], result, name="cast")
    if result.numel() != x.numel():
        mode = "expand" if result.numel() > x.numel() else "gather"
        return recorder.add("move", [number], result, mode=mode)
    mode = "expand" if _is_expanded(x) else "permute"
    if call.info.name in ("to", "clone", "_to_copy"):
        mode = "copy"
    return recorder.add("move", [number], result, mode=mode)


def _known(recorder: Recorder, tensor: Tensor) -> bool:
    place = (tensor.storage_offset(), tuple(tensor.shape), tensor.stride())
    return place in recorder.store(tensor).views


def _is_expanded(x: Tensor) -> bool:
    return any(not s and n > 1 for n, s in zip(x.shape, x.stride(), strict=True))


def moved(mode: str) -> Any:
    """Return the handler of a function that puts numbers elsewhere."""

    def handler(recorder: Recorder, call: Call) -> Any:
        inputs = _values(recorder, call)
        return recorder.add("move", inputs, _first(call.result), mode=mode)

    return handler


def _first(result: Any) -> Tensor:
    return next(tensors_in(result))


def _values(recorder: Recorder, call: Call) -> list[int]:
    """Return the values that a call reads: of constants those that weights are in."""
    made = []
    for one in call.tensors:
        if recorder.number(one) is not None or recorder.mask(one):
            made.append(recorder.value_of(one))
    return made


def pick(recorder: Recorder, x: Tensor, number: int, channels: Any, result: Tensor) -> int | None:
    """List a selection of channels."""
    if not result.numel():
        return None
    chosen = list(channels)
    if chosen == list(range(x.shape[1])):
        return number
    return recorder.add("pick", [number], result, channels=chosen)


def select(recorder: Recorder, call: Call) -> Any:
    """List slices and splits: of channels, they are picked."""
    x = call.first()
    number = recorder.number(x)
    if number is None:
        return view(recorder, call)
    name = call.info.name
    results = list(tensors_in(call.result))
    axis = call.get("dim", 0)
    if x.dim() not in (2, 4, 5) or not isinstance(axis, int) or axis % x.dim() != 1:
        return view(recorder, call)
    if name in ("select", "unbind"):
        return view(recorder, call)
    numbers: list[int | None] = []
    start = 0
    for one in results:
        step = 1
        if name in ("slice", "narrow"):
            start = call.get("start") or 0
            if isinstance(start, Tensor):
                return view(recorder, call)
            start = max(0, start + x.shape[1] if start < 0 else start)
            step = call.get("step", 1)
        count = one.shape[1]
        numbers.append(pick(recorder, x, number, range(start, start + step * count, step), one))
        start += count
    return numbers


def index_select(recorder: Recorder, call: Call) -> Any:
    """List a selection by numbers."""
    x, index = call.first(), call.get("index")
    number = recorder.number(x)
    axis = call.get("dim")
    constant = recorder.number(index) is None and not recorder.mask(index)
    if number is not None and constant and x.dim() in (2, 4, 5) and axis % x.dim() == 1:
        return pick(recorder, x, number, recorder.values(index).flatten().tolist(), call.result)
    return moved("gather")(recorder, call)


def index(recorder: Recorder, call: Call) -> Any:
    """List an indexing by tensors."""
    x, places = call.first(), list(call.get("indices"))
    number = recorder.number(x)
    given = [(i, one) for i, one in enumerate(places) if one is not None]
    if number is None:
        at, one = given[0]
        ids = recorder.number(one)
        if len(given) == 1 and not at and x.dim() == 2 and ids is not None:
            return recorder.add(
                "embedding",
                [ids],
                call.result,
                recorder.mask(x),
                rows=x.shape[0],
                _count=x.numel(),
            )
        return moved("gather")(recorder, call)
    if len(given) == 1 and given[0][0] == 1 and x.dim() in (2, 4, 5):
        one = given[0][1]
        if recorder.number(one) is None and not recorder.mask(one) and one.dim() == 1:
            chosen = recorder.values(one)
            if chosen.dtype == torch.bool:
                chosen = chosen.nonzero().flatten()
            sides = x.shape[1]
            channels = [c + sides if c < 0 else c for c in chosen.tolist()]
            return pick(recorder, x, number, channels, call.result)
    return moved("gather")(recorder, call)


def copy(recorder: Recorder, call: Call) -> Any:
    """List a copy into a tensor: the value is what is copied."""
    target = call.first()
    source = call.args[1] if len(call.args) > 1 else call.get("src")
    number = recorder.number(source) if isinstance(source, Tensor) else None
    if number is None:
        return None
    if source.dtype != target.dtype:
        return recorder.add("elementwise", [number], target, name="cast")
    if source.numel() != target.numel():
        return recorder.add("move", [number], target, mode="expand")
    if source.shape != target.shape:
        return recorder.add("view", [number], target)
    return number


def convert(recorder: Recorder, call: Call) -> Any:
    """List a conversion to another type of numbers."""
    x = call.first()
    if recorder.number(x) is None:  # made like another tensor, as type_as
        return None
    return view(recorder, call)


def pad(recorder: Recorder, call: Call) -> Any:
    """List a padding."""
    x = call.first()
    number = recorder.number(x)
    pads = list(call.get("pad"))
    if number is None or call.result is x:
        return number
    while len(pads) > 2 and pads[-2:] == [0, 0]:
        pads = pads[:-2]
    if not any(pads):
        return recorder.add("move", [number], call.result, mode="copy")
    if max(pads) <= 0:
        return recorder.add("view", [number], call.result, partly=True)
    axes = len(pads) // 2
    maps = x.dim() - 2
    value = call.get("value") or 0
    constant = call.get("mode", "constant") == "constant"
    if min(pads) < 0 or axes > maps or maps > 3 or not constant or value not in (0, -float("inf")):
        return recorder.add("move", [number], call.result, mode="pad")
    before = [0] * (maps - axes) + [pads[2 * i] for i in reversed(range(axes))]
    after = [0] * (maps - axes) + [pads[2 * i + 1] for i in reversed(range(axes))]
    return recorder.add("pad", [number], call.result, paddings=(*before, *after))


def cat(recorder: Recorder, call: Call) -> Any:
    """List a concatenation."""
    given = [one for one in call.first() if one.numel()]
    numbers = [recorder.value_of(one) for one in given]
    if len(numbers) == 1:
        return numbers[0]
    rank = call.result.dim()
    return recorder.add("concat", numbers, call.result, axis=call.get("dim", 0) % rank)


def stack(recorder: Recorder, call: Call) -> Any:
    """List a stacking of values along a new axis."""
    numbers = [recorder.value_of(one) for one in call.first()]
    return recorder.add("move", numbers, call.result, mode="concat")
