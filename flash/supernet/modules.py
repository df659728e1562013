"""The weights of a supernet, and their forward passes. Imports torch.

Two kinds of pass share every weight: `Supernet` of one subnet, which works with slices of the
weights and costs what the subnet costs; and of one subnet per image (ordered dropout), which works
at full width and masks what an image's subnet lacks. Channels that a subnet lacks are zero
everywhere, so that both compute the same.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..spaces.backbones import Backbone, Slot, Subnet, features_width
from .mixing import Mixed, MixedUnit, below

__all__ = [
    "Elastic",
    "ElasticBlock",
    "ElasticNorm",
    "SupernetModule",
    "build_module",
    "fitted",
    "subsampled",
]

_ACTIVATIONS = {"relu": functional.relu, "relu6": functional.relu6, None: lambda x: x}


class ElasticNorm(nn.BatchNorm2d):
    """A batch norm of which the first channels are used.

    Attributes
    ----------
    own : None or tuple of two tensors
        Mean and variance of one subnet, instead of those of many that training keeps.
    measures : bool
        Whether a pass sets `own` to its batch's statistics.
    """

    own: Any = None
    measures = False

    def forward(self, x: Tensor) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Normalise the first channels."""
        count = x.shape[1]
        weight, bias = self.weight[:count], self.bias[:count]
        if self.measures:
            mean, variance = self.own = (x.new_zeros(count), x.new_ones(count))
            training, momentum = True, 1.0
        else:
            kept: Any = (self.running_mean, self.running_var)
            mean, variance = self.own or (kept[0][:count], kept[1][:count])
            training, momentum = self.training and self.own is None, self.momentum
        known: Any = momentum
        return functional.batch_norm(x, mean, variance, weight, bias, training, known, self.eps)


class Elastic(nn.Module):
    """A convolution with its norm and activation, of which the first channels are used.

    Parameters
    ----------
    entering, filters : int
        The most channels.
    kernel : int
        The largest; smaller ones are its centre.
    norm : {None, "input", "output"}
        Before (with its activation) or after the convolution.
    depthwise : bool
        One filter per channel that enters.
    """

    kernel: int
    stride: int
    depthwise: bool
    normed: str | None
    activation: str | None

    def __init__(
        self,
        entering: int,
        filters: int,
        kernel: int,
        stride: int = 1,
        norm: str | None = "output",
        activation: str | None = "relu",
        depthwise: bool = False,
    ) -> None:
        super().__init__()
        shape = (filters, 1 if depthwise else entering, kernel, kernel)
        self.weight = nn.Parameter(torch.empty(shape))
        self.kernel, self.stride, self.depthwise = kernel, stride, depthwise
        self.normed, self.activation = norm, activation
        self.norm: ElasticNorm | None = (
            ElasticNorm(entering if norm == "input" else filters) if norm else None
        )

    def forward(
        self, x: Tensor, filters: int, kernel: Any = None, present: Tensor | None = None
    ) -> Tensor:
        """Return the output of the first `filters` filters.

        Parameters
        ----------
        kernel : int or int tensor of shape (batch,), optional
            Of each image; None: the largest.
        present : tensor of shape (batch, channels, 1, 1), optional
            Which channels of x an image has, for a norm before the convolution.
        """
        if self.normed == "input":
            x = self.normalised(x)
            if present is not None:
                x = x * present
        if kernel is None or isinstance(kernel, int):
            x = self.convolved(x, filters, kernel or self.kernel)
        else:
            x = self._by_kernel(x, filters, kernel)
        return self.normalised(x) if self.normed == "output" else x

    def convolved(self, x: Tensor, filters: int, kernel: int) -> Tensor:
        """Convolve with the first filters and the centre of the kernel."""
        weight, groups = self.sliced(filters, x.shape[1], kernel)
        return functional.conv2d(x, weight, None, self.stride, kernel // 2, 1, groups)

    def sliced(self, filters: int, entering: int, kernel: int) -> tuple[Tensor, int]:
        """Return (weights of the first filters for the first channels, groups)."""
        edge = (self.kernel - kernel) // 2
        weight = self.weight[:filters, : 1 if self.depthwise else entering]
        if edge:
            weight = weight[:, :, edge : edge + kernel, edge : edge + kernel]
        return weight.contiguous(), filters if self.depthwise else 1

    def normalised(self, x: Tensor) -> Tensor:
        """Normalise the first channels, and activate."""
        assert self.norm is not None
        return _ACTIVATIONS[self.activation](self.norm(x))

    def _by_kernel(self, x: Tensor, filters: int, kernels: Tensor) -> Tensor:
        """Convolve each image with its own kernel."""
        sizes = torch.unique(kernels).tolist()
        if len(sizes) == 1:
            return self.convolved(x, filters, sizes[0])
        order, parts = [], []
        for size in sizes:
            rows = torch.nonzero(kernels == size)[:, 0]
            order.append(rows)
            parts.append(self.convolved(x[rows], filters, size))
        return torch.cat(parts)[torch.argsort(torch.cat(order))]


class ElasticBlock(nn.Module):
    """A block of the backbone: basic (both kinds of resnet) or inverted residual."""

    slot: Slot
    family: str

    def __init__(self, family: str, slot: Slot) -> None:
        super().__init__()
        self.slot, self.family = slot, family
        if family == "mobilenet-v2":
            hidden = slot.filters
            if slot.expands:
                self.expand: Elastic = Elastic(slot.entering, hidden, 1, activation="relu6")
            self.depthwise: Elastic = Elastic(
                hidden, hidden, slot.kernels[-1], slot.stride, activation="relu6", depthwise=True
            )
            self.project: Elastic = Elastic(hidden, slot.made, 1, activation=None)
            return
        wide = family == "wide-resnet"
        norm = "input" if wide else "output"
        self.first: Elastic = Elastic(slot.entering, slot.filters, 3, slot.stride, norm)
        # post-activation: what follows the last norm is the sum, then the activation
        self.last: Elastic = Elastic(slot.filters, slot.made, 3, 1, norm, "relu" if wide else None)

    def forward(self, x: Tensor, unit: Any) -> Tensor:
        """Return what the block hands on, for a `Unit` or a `MixedUnit`."""
        if self.family == "mobilenet-v2":
            return self._inverted(x, unit)
        mixed = _mixed(unit)
        h = x
        if unit.filters:
            h = self.first(x, unit.filters, None, mixed and mixed.entering)
        h = _hand_on(h, x, self.slot.stride, unit, "first")
        if not unit.made:
            return h[:, : unit.out]
        y = self.last(h, unit.made, None, mixed and mixed.inner)
        y = _add(y, x, unit)
        if self.family == "resnet":
            y = functional.relu(y)
        return _hand_on(y, h, 1, unit, "last")

    def _inverted(self, x: Tensor, unit: Any) -> Tensor:
        mixed = _mixed(unit)
        if not unit.made:
            return subsampled(x, self.slot.stride)[:, : unit.out]
        h = x
        if mixed is None:
            if unit.expands:
                h = self.expand(x, unit.filters)
        elif self.slot.expands:
            h = self.expand(x, unit.filters)
            if mixed.expands is not None:
                h = torch.where(mixed.expands, h, fitted(x, unit.filters))
            h = h * mixed.inner
        h = self.depthwise(h, unit.filters, unit.kernel)
        if mixed is not None:
            h = h * mixed.inner
        y = _add(self.project(h, unit.made), x, unit)
        return _hand_on(y, x, self.slot.stride, unit, "last")


def _mixed(unit: Any) -> Any:
    return unit if isinstance(unit, MixedUnit) else None


def _add(y: Tensor, x: Tensor, unit: Any) -> Tensor:
    """Add the residual."""
    if isinstance(unit, MixedUnit):
        return y if unit.residual is None else y + fitted(x, y.shape[1]) * unit.residual
    count = len(unit.residual)
    if not count:
        return y
    if count == unit.made:
        return y + x[:, :count]
    mask = y.new_zeros(1, unit.made, 1, 1)
    mask[0, torch.tensor(unit.residual, device=y.device)] = 1.0
    return y + fitted(x, unit.made) * mask


def _hand_on(y: Tensor, x: Tensor, stride: int, unit: Any, which: str) -> Tensor:
    """Return what filters made, and the channels of x that are passed on around them."""
    if isinstance(unit, MixedUnit):
        first = which == "first"
        kept = unit.kept_first if first else unit.kept_last
        passed = unit.passed_first if first else unit.passed_last
        y = y * kept
        return y if passed is None else y + fitted(subsampled(x, stride), y.shape[1]) * passed
    made, out = (unit.filters, unit.inner) if which == "first" else (unit.made, unit.out)
    if made == out:
        return y
    x = subsampled(x, stride)
    return torch.cat([y, x[:, made:out]], 1) if made else x[:, :out]


def subsampled(x: Tensor, stride: int) -> Tensor:
    """Return every `stride`-th pixel along both axes."""
    return x if stride == 1 else x[:, :, ::stride, ::stride]


def fitted(x: Tensor, channels: int) -> Tensor:
    """Return the first channels of x, zeros where it has none."""
    missing = channels - x.shape[1]
    return functional.pad(x, (0, 0, 0, 0, 0, missing)) if missing > 0 else x[:, :channels]


class Head(nn.Module):
    """What follows the last cell."""

    def __init__(self, backbone: Backbone, width: int) -> None:
        super().__init__()
        self.family: str = backbone.family
        if self.family == "mobilenet-v2":
            self.features: Elastic = Elastic(width, features_width(width), 1, activation="relu6")
            width = features_width(width)
        elif self.family == "wide-resnet":
            self.norm: ElasticNorm = ElasticNorm(width)
        self.linear = nn.Linear(width, backbone.num_classes)

    def forward(self, x: Tensor, subnet: Any) -> Tensor:
        """Return logits of shape (batch, classes)."""
        mixed = isinstance(subnet, Mixed)
        if self.family == "mobilenet-v2":
            filters = self.features.weight.shape[0] if mixed else features_width(subnet.width)
            x = self.features(fitted(x, self.features.weight.shape[1]) if mixed else x, filters)
            if mixed:
                x = x * below(subnet.features, filters)
        elif self.family == "wide-resnet":
            x = functional.relu(self.norm(x))
            if mixed:
                x = x * below(subnet.width, x.shape[1])
        x = functional.adaptive_avg_pool2d(x, 1).flatten(1)
        weight = self.linear.weight[:, : x.shape[1]].contiguous()  # as a cut network's: same bits
        return functional.linear(x, weight, self.linear.bias)


class SupernetModule(nn.Module):
    """All weights of a backbone.

    Maps images of shape (batch, 3, resolution, resolution), and which subnet to use, to logits
    (batch, num_classes).
    """

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        self.backbone = backbone
        family, big = backbone.family, backbone.is_imagenet
        activation = {"resnet": "relu", "mobilenet-v2": "relu6", "wide-resnet": None}[family]
        kernel = 7 if big and family != "mobilenet-v2" else 3
        norm = None if family == "wide-resnet" else "output"
        self.stem: Elastic = Elastic(3, backbone.stem, kernel, 2 if big else 1, norm, activation)
        self.pool = nn.MaxPool2d(3, 2, 1) if kernel == 7 else None
        self.blocks = nn.ModuleList(ElasticBlock(family, slot) for slot in backbone.slots)
        self.heads = nn.ModuleDict(
            {
                str(count): Head(backbone, width)
                for count, width in zip(backbone.exits, backbone.ends, strict=True)
            }
        )

    def measure(self, subnet: Subnet, images: Tensor) -> None:
        """Give the batch norms a subnet's own statistics, those of these images in one batch.

        They hold until `forget`; those that training keeps stay as they are.
        """
        norms = self._norms()
        try:
            for one in norms:
                one.measures, one.own = True, None
            with torch.inference_mode():
                self(images, subnet)
        finally:
            for one in norms:
                one.measures = False

    def forget(self) -> None:
        """Return to the statistics that training keeps."""
        for one in self._norms():
            one.own = None

    def _norms(self) -> list[ElasticNorm]:
        return [one for one in self.modules() if isinstance(one, ElasticNorm)]

    def forward(self, x: Tensor, subnet: Subnet | Mixed) -> Tensor:
        """Return logits of one subnet, or of each image's own."""
        if isinstance(subnet, Mixed):
            return self._mixed(x, subnet)
        x = self.stem(x, subnet.stem)
        if self.pool is not None:
            x = self.pool(x)
        for block, unit, slot in zip(self.blocks, subnet.units, self.backbone.slots, strict=True):
            if slot.cell < subnet.cells:
                x = block(x, unit)
        logits: Tensor = self.heads[str(subnet.cells)](x, subnet)
        return logits

    def _mixed(self, x: Tensor, batch: Mixed) -> Tensor:
        x = self.stem(x, self.backbone.stem) * batch.stem
        if self.pool is not None:
            x = self.pool(x)
        logits: Tensor | None = None
        slots = self.backbone.slots
        for place, (block, unit) in enumerate(zip(self.blocks, batch.units, strict=True)):
            x = block(x, unit)
            done = slots[place].cell + 1
            ends = place + 1 == len(slots) or slots[place + 1].cell == done
            if ends and str(done) in self.heads:
                found = self.heads[str(done)](x, batch)
                own = (batch.cells == done)[:, None]
                logits = found if logits is None else torch.where(own, found, logits)
        assert logits is not None
        return logits


def build_module(backbone: Backbone, seed: int) -> SupernetModule:
    """Return a supernet's module with weights drawn from `seed`, as `to_torch` draws them.

    torch's own random numbers are left as they were.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        module = SupernetModule(backbone)
        for part in module.modules():
            if isinstance(part, Elastic):
                nn.init.kaiming_normal_(part.weight, mode="fan_in", nonlinearity="relu")
            if isinstance(part, nn.Linear):
                nn.init.zeros_(part.bias)
    return module
