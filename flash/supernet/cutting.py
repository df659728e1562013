"""A subnet as a network of its own, with the weights of the supernet. Imports torch.

Of a SearchSpace it is the module that `Architecture.to_torch` makes; of a BypassSpace a
`BypassModule`. Slices are copied: what is done to the cut network leaves the supernet alone.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import torch
from torch import Tensor, nn

from ..networks.writing.modules import ArchitectureModule
from ..networks.writing.parts import conv_unit
from ..spaces.backbones import Slot, Subnet, Unit, features_width
from .modules import Elastic, SupernetModule, subsampled

__all__ = ["BypassModule", "cut_architecture", "cut_subnet"]


class BypassBlock(nn.Module):
    """A block of kept filters only, with the channels that are passed on around them."""

    unit: Unit
    family: str
    stride: int
    first: Any
    last: Any

    def __init__(self, family: str, slot: Slot, unit: Unit) -> None:
        super().__init__()
        self.unit, self.family, self.stride = unit, family, slot.stride
        self.first = self.last = None
        if family == "mobilenet-v2":
            if unit.made:
                hidden = unit.filters
                parts = []
                if unit.expands:
                    parts.append(conv_unit(unit.entering, hidden, 1, 1, "output", "relu6"))
                stride, kernel = slot.stride, unit.kernel
                parts.append(conv_unit(hidden, hidden, kernel, stride, "output", "relu6", hidden))
                self.first = nn.Sequential(*parts)
                self.last = conv_unit(hidden, unit.made, 1, 1, "output")
            return
        norm = "input" if family == "wide-resnet" else "output"
        if unit.filters:
            self.first = conv_unit(unit.entering, unit.filters, 3, slot.stride, norm, "relu")
        if unit.made:
            after = None if family == "resnet" and unit.residual else "relu"
            self.last = conv_unit(unit.inner, unit.made, 3, 1, norm, after)

    def forward(self, x: Tensor) -> Tensor:
        """Return the channels handed on."""
        unit = self.unit
        h = x if self.first is None else self.first(x)
        if self.family != "mobilenet-v2":
            h = self._passed(h, x, unit.filters, unit.inner, self.stride)
        if self.last is None:
            return self._passed(h, x if h is x else h, 0, unit.out, self._left())
        y = self.last(h)
        if unit.residual:
            count = len(unit.residual)
            if count == unit.made:
                y = y + x[:, :count]
            else:
                y = torch.cat([y[:, :count] + x[:, :count], y[:, count:]], 1)
            if self.family == "resnet":
                y = nn.functional.relu(y)
        around, stride = (x, self.stride) if self.family == "mobilenet-v2" else (h, 1)
        return self._passed(y, around, unit.made, unit.out, stride)

    def _left(self) -> int:
        return self.stride if self.family == "mobilenet-v2" else 1

    @staticmethod
    def _passed(y: Tensor, x: Tensor, made: int, out: int, stride: int) -> Tensor:
        if made == out:
            return y
        x = subsampled(x, stride)
        return torch.cat([y, x[:, made:out]], 1) if made else x[:, :out]


class BypassModule(nn.Module):
    """A network of a `BypassSpace`.

    Maps images of shape (batch, 3, resolution, resolution) to logits (batch, num_classes).
    """

    def __init__(self, supernet: SupernetModule, subnet: Subnet) -> None:
        super().__init__()
        backbone = supernet.backbone
        family, big = backbone.family, backbone.is_imagenet
        kernel = 7 if big and family != "mobilenet-v2" else 3
        norm, activation = (None, None) if family == "wide-resnet" else ("output", "relu")
        activation = "relu6" if family == "mobilenet-v2" else activation
        self.stem: Any = conv_unit(3, subnet.stem, kernel, 2 if big else 1, norm, activation)
        if kernel == 7:
            self.stem.add_module("pool", nn.MaxPool2d(3, 2, 1))
        self.blocks = nn.ModuleList(
            BypassBlock(family, slot, unit)
            for slot, unit in zip(backbone.slots, subnet.units, strict=True)
        )
        parts: list[tuple[str, nn.Module]] = []
        width = subnet.width
        if family == "mobilenet-v2":
            parts.append(
                ("features", conv_unit(width, features_width(width), 1, 1, "output", "relu6"))
            )
            width = features_width(width)
        elif family == "wide-resnet":
            parts += [("norm", nn.BatchNorm2d(width)), ("act", nn.ReLU(inplace=True))]
        parts += [
            ("pool", nn.AdaptiveAvgPool2d(1)),
            ("flatten", nn.Flatten(1)),
            ("linear", nn.Linear(width, backbone.num_classes)),
        ]
        self.head = nn.Sequential(OrderedDict(parts))

    def forward(self, x: Tensor) -> Tensor:
        """Return logits of shape (batch, num_classes)."""
        x = self.stem(x)
        for block in self.blocks:
            x = block(x)
        logits: Tensor = self.head(x)
        return logits


def cut_architecture(supernet: SupernetModule, arch: Any, subnet: Subnet) -> ArchitectureModule:
    """Return the module of an architecture with the supernet's weights, in the supernet's mode."""
    with torch.random.fork_rng(devices=[]):
        module = ArchitectureModule(arch)
    pairs: list[tuple[nn.Module, Elastic]] = [(module.stem, supernet.stem)]
    for slot, block in zip(supernet.backbone.slots, supernet.blocks, strict=True):
        if slot.cell < len(arch.cells) and slot.block < arch.cells[slot.cell].depth:
            cells: Any = module.cells
            pairs += _pairs(cells[slot.cell][slot.block].body, block)
    _copy(pairs)
    _copy_head(module.head, supernet.heads[str(subnet.cells)])
    _like(module, supernet)
    return module


def cut_subnet(supernet: SupernetModule, subnet: Subnet) -> BypassModule:
    """Return the module of a subnet with the supernet's weights, in the supernet's mode."""
    with torch.random.fork_rng(devices=[]):
        module = BypassModule(supernet, subnet)
    pairs: list[tuple[nn.Module, Elastic]] = [(module.stem, supernet.stem)]
    blocks: Any = zip(module.blocks, supernet.blocks, strict=True)
    for own, block in blocks:
        body = [*own.first] if own.family == "mobilenet-v2" and own.first is not None else []
        if own.family == "mobilenet-v2":
            body += [own.last] if own.last is not None else []
            pairs += _pairs(body, block) if body else []
            continue
        for unit, elastic in ((own.first, block.first), (own.last, block.last)):
            if unit is not None:
                pairs.append((unit, elastic))
    _copy(pairs)
    _copy_head(module.head, supernet.heads[str(subnet.cells)])
    _like(module, supernet)
    return module


def _pairs(body: Any, block: Any) -> list[tuple[nn.Module, Elastic]]:
    """Return (unit of a body of convolutions, the supernet's) one after the other."""
    if hasattr(block, "first"):
        elastics = [block.first, block.last]
    elif len(body) == 3:
        elastics = [block.expand, block.depthwise, block.project]
    else:
        elastics = [block.depthwise, block.project]
    return list(zip(body, elastics, strict=True))


def _copy(pairs: list[tuple[nn.Module, Elastic]]) -> None:
    with torch.no_grad():
        for unit, elastic in pairs:
            conv: Any = unit.conv
            weight, _ = elastic.sliced(conv.out_channels, conv.in_channels, conv.kernel_size[0])
            conv.weight.data = weight.detach().clone()
            if elastic.norm is not None:
                _copy_norm(unit.norm, elastic.norm)


def _copy_norm(own: Any, given: Any) -> None:
    count = own.num_features
    for name in ("weight", "bias", "running_mean", "running_var"):
        getattr(own, name).data = getattr(given, name).data[:count].clone()


def _copy_head(own: Any, given: Any) -> None:
    with torch.no_grad():
        if hasattr(given, "features"):
            _copy([(own.features, given.features)])
        elif hasattr(given, "norm"):
            _copy_norm(own.norm, given.norm)
        count = own.linear.in_features
        own.linear.weight.data = given.linear.weight.data[:, :count].clone()
        own.linear.bias.data = given.linear.bias.data.clone()


def _like(module: Any, supernet: SupernetModule) -> None:
    """Put a module where the supernet is, in its mode."""
    module.to(next(supernet.parameters()).device).train(supernet.training)
