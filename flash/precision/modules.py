"""Layers with rounded weights. Imports torch."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn.utils import parametrize

from .groups import Group
from .rounding import on_grid, scale_of

__all__ = ["FakeQuantised", "places", "put"]


class _StraightThrough(torch.autograd.Function):
    """Rounds; the gradient passes, but for weights more than half a step beyond the grid's ends."""

    @staticmethod
    def forward(context: Any, weight: Any, scale: Any, bits: int) -> Any:
        if bits == 1:
            kept = weight.abs() <= 2 * scale  # a step is two scales
        else:
            low, high = -(2 ** (bits - 1)) - 0.5, 2 ** (bits - 1) - 0.5
            kept = (weight >= low * scale) & (weight <= high * scale)
        context.save_for_backward(kept)
        return on_grid(weight, scale, bits)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        (kept,) = ctx.saved_tensors
        return grad_outputs[0] * kept, None, None


class FakeQuantised(nn.Module):
    """A parametrization: a weight as it is when stored at so many bits.

    The scales are those of the weight at the start; they are a buffer, and training moves them not.
    """

    scale: Any

    def __init__(self, weight: Any, bits: int, axis: int) -> None:
        super().__init__()
        self.bits = bits
        self.register_buffer("scale", scale_of(weight, bits, axis))

    def forward(self, weight: Any) -> Any:
        """Return the rounded weight."""
        return _StraightThrough.apply(weight, self.scale, self.bits)

    def extra_repr(self) -> str:
        return f"bits={self.bits}"


def places(module: Any, group: Group) -> list[tuple[Any, str]]:
    """Return (layer, name of its parameter) of all that a group's bits are for."""
    own = module.get_submodule(group.path)
    tied = [(module.get_submodule(path), name) for path, name in group.tied]
    return [*((own, name) for name in group.weights), *tied]


def put(module: Any, group: Group, bits: int, trainable: bool) -> None:
    """Give a group of a module its bits."""
    for layer, name in places(module, group):
        weight = layer._parameters[name]
        if trainable:
            rounding = FakeQuantised(weight, bits, group.axis)
            parametrize.register_parametrization(layer, name, rounding)
    if trainable:
        return
    own = module.get_submodule(group.path)
    with torch.no_grad():
        for name in group.weights:  # those tied to them are the same tensors
            weight = own._parameters[name]
            weight.copy_(on_grid(weight, scale_of(weight, bits, group.axis), bits))
