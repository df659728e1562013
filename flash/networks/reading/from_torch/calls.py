"""What torch's schemas tell of an operator, and one call of it. Imports torch."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Call", "Info", "bits_of", "info_of", "tensors_in", "unpacked"]

PLAIN = (bool, int, float, str, type(None), torch.dtype, torch.device, torch.layout)
SPACES = ("aten", "torchvision", "quantized", "quantized_decomposed", "prims", "prim", "onednn")
DEPENDING = ("data_dependent_output", "dynamic_output_shape")


class Info:
    """What is known of an operator.

    Attributes
    ----------
    name : str
        Without its namespace, and without the underscore of those that work in place.
    index : dict of str to int
        Places of the arguments.
    writes : tuple of str
        Arguments that are written.
    has_out : bool
        Whether these are given for the results.
    is_view : bool
        Whether it hands on what it was given, in another shape.
    turns : bool
        Whether it changes the shape of what it was given, in place.
    """

    __slots__ = (
        *("composite", "depends", "has_out", "index", "is_foreign", "is_view", "name", "pointwise"),
        *("qualified", "space", "turns", "writes"),
    )

    def __init__(self, func: Any) -> None:
        schema = func._schema
        self.qualified: str = schema.name
        self.space, _, name = schema.name.partition("::")
        tags = {tag.name for tag in func.tags}
        self.index: dict[str, int] = {a.name: i for i, a in enumerate(schema.arguments)}
        self.writes: tuple[str, ...] = tuple(
            a.name for a in schema.arguments if a.alias_info is not None and a.alias_info.is_write
        )
        if self.writes and name.endswith("_") and not name.endswith("__"):
            name = name[:-1]
            func_of = getattr(getattr(torch.ops, self.space), name, None)
            if func_of is not None:
                for overload in func_of.overloads():
                    tags |= {tag.name for tag in getattr(func_of, overload).tags}
        elif name.startswith("__") and name.endswith("__"):
            name = name.strip("_")
            name = name[1:] if name.startswith("i") and self.writes else name
        self.name: str = name
        self.has_out: bool = any(a.is_out for a in schema.arguments)
        self.is_view: bool = any(
            one.alias_info is not None and not one.alias_info.is_write for one in schema.returns
        )
        self.turns: bool = "inplace_view" in tags
        self.pointwise: bool = "pointwise" in tags
        self.depends: bool = any(tag in tags for tag in DEPENDING)
        self.is_foreign: bool = self.space not in SPACES
        self.composite: bool = False
        with suppress(RuntimeError):  # an operator of the interpreter, which no dispatcher knows
            self.composite = bool(func._can_decompose())


_INFOS: dict[Any, Info] = {}


def info_of(func: Any) -> Info:
    """Return what is known of an operator."""
    found = _INFOS.get(func)
    if found is None:
        found = _INFOS[func] = Info(func)
    return found


class Call:
    """One call of an operator.

    Attributes
    ----------
    tensors : list of Tensor
        Those among the arguments, in their order.
    result : Any
        None until it is worked out.
    mask : int
        The weights that its tensors come from, a bit each.
    """

    __slots__ = ("args", "func", "info", "kwargs", "mask", "result", "tensors")

    def __init__(self, func: Any, info: Info, args: Any, kwargs: dict[str, Any]) -> None:
        self.func = func
        self.info = info
        self.args = args
        self.kwargs = kwargs
        self.tensors: list[Tensor] = list(tensors_in(args))
        if kwargs:
            self.tensors += tensors_in(tuple(kwargs.values()))
        self.result: Any = None
        self.mask = 0

    def get(self, name: str, default: Any = None) -> Any:
        """Return an argument by its name."""
        place = self.info.index.get(name)
        if place is not None and place < len(self.args):
            return self.args[place]
        return self.kwargs.get(name, default)

    def first(self) -> Any:
        """Return the first argument."""
        return self.args[0] if self.args else next(iter(self.kwargs.values()))


def tensors_in(value: Any) -> Iterator[Tensor]:
    """Yield the tensors in a value made of lists, tuples and dictionaries."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, (list, tuple)):
        for one in value:
            if isinstance(one, Tensor):
                yield one
            elif not isinstance(one, PLAIN):
                yield from tensors_in(one)
    elif isinstance(value, dict):
        for one in value.values():
            yield from tensors_in(one)


def bits_of(tensor: Tensor) -> int:
    """Return the bits of each number of a tensor."""
    size: int = tensor.element_size()
    return 8 * size


def unpacked(packed: Any) -> list[Tensor]:
    """Return the weights and biases that a quantised module has packed."""
    try:
        state = packed.unpack() if hasattr(packed, "unpack") else packed.__getstate__()
    except (RuntimeError, AttributeError):
        state = packed.__getstate__()
    return [one for one in tensors_in(state) if one.numel() and one.dim() > 0]
