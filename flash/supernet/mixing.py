"""The subnets of a batch, one per image, as masks over channels. Imports torch."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..spaces.backbones import Backbone, Slot, Subnet, Unit, features_width

__all__ = ["Mixed", "MixedUnit", "below", "mix"]


class MixedUnit:
    """A block's part of the subnets of a batch: full width, and masks of (batch, channels, 1, 1).

    Attributes
    ----------
    entering, kept_first, kept_last : tensor
        Which channels enter, and which ones the first and the last convolution make.
    passed_first, passed_last : tensor or None
        Which channels are passed on around them; None: none of any image.
    residual : tensor or None
    inner : tensor
        Which channels are between the convolutions.
    kernels : int tensor of shape (batch,)
    expands : tensor of shape (batch, 1, 1, 1), or None
        Which images expand, where not all do.
    """

    filters: int
    made: int

    __slots__ = (
        "entering", "expands", "filters", "inner", "kept_first", "kept_last", "kernel", "made",
        "passed_first", "passed_last", "residual",
    )  # fmt: skip
    is_absent = False

    def __init__(self, slot: Slot, units: list[Unit], device: Any, mobile: bool) -> None:
        numbers = torch.tensor(units, device=device)
        entering, first, inner, last, out, kernel, expands = numbers.unbind(1)
        self.filters, self.made = slot.filters, slot.made
        self.kernel: Any | None = kernel if mobile else None
        self.entering: Any = below(entering, slot.entering)
        self.kept_first: Any = below(first, slot.filters)
        self.kept_last: Any = below(last, slot.made)
        if mobile:  # passed channels go round the whole block
            self.passed_first, self.inner = None, self.kept_first
            self.passed_last = _between(last, torch.minimum(out, entering), slot.made)
        else:
            self.passed_first = _between(first, inner, slot.filters)
            self.inner = below(inner, slot.filters)
            self.passed_last = _between(last, out, slot.made)
        residual = None
        if any(unit.residual for unit in units):
            residual = torch.zeros(len(units), slot.made, 1, 1)
            for image, unit in enumerate(units):
                count = len(unit.residual)
                if count and unit.residual[-1] == count - 1:
                    residual[image, :count] = 1.0
                elif count:
                    residual[image, torch.tensor(unit.residual)] = 1.0
            residual = residual.to(device)
        self.residual: Any | None = residual
        all_expand = bool(expands.all())
        self.expands: Any | None = None if all_expand else expands.bool()[:, None, None, None]


def below(count: Tensor, most: int) -> Tensor:
    """Return a mask of the first channels of each image, shape (batch, most, 1, 1)."""
    places = torch.arange(most, device=count.device)
    return (places < count[:, None]).float()[:, :, None, None]


def _between(low: Tensor, high: Tensor, most: int) -> Tensor | None:
    if not bool((high > low).any()):
        return None
    return below(high, most) * (1.0 - below(low, most))


class Mixed:
    """The subnets of a batch, one per image."""

    def __init__(self, backbone: Backbone, subnets: list[Subnet], device: Any) -> None:
        mobile = backbone.family == "mobilenet-v2"
        stems = torch.tensor([one.stem for one in subnets], device=device)
        self.stem: Any = below(stems, backbone.stem)
        self.units: list[MixedUnit] = [
            MixedUnit(slot, [one.units[place] for one in subnets], device, mobile)
            for place, slot in enumerate(backbone.slots)
        ]
        self.cells: Any = torch.tensor([one.cells for one in subnets], device=device)
        self.width: Any = torch.tensor([one.width for one in subnets], device=device)
        self.features: Any = torch.tensor(
            [features_width(one.width) for one in subnets], device=device
        )


def mix(backbone: Backbone, subnets: list[Subnet], device: Any) -> Mixed:
    """Return the subnets of a batch, one per image, as masks."""
    return Mixed(backbone, subnets, device)
