"""Architectures as torch modules: ``Architecture.to_torch``. Imports torch.

A module is `stem`, `cells`, `head`; a cell's convolutions, each with its norm and activation, are
units of their own, so that the names in a state_dict say where everything belongs:
``cells.1.layers.4.conv.weight`` (densenet), ``cells.1.2.body.0.conv.weight`` (others).
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import torch
from torch import Tensor, nn

from ..architecture import Architecture
from ..families import STYLES, convolutions, residual_blocks, stem_width, stride_of_cell
from .parts import Block, DenseCell, conv_unit, initialise

__all__ = ["AdditionCell", "ArchitectureModule", "build_module"]


def build_module(arch: Architecture, seed: int) -> ArchitectureModule:
    """Return the module of an architecture with weights drawn from `seed`.

    torch's own random numbers are left as they were.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        module = ArchitectureModule(arch)
        initialise(module)
    return module


class ArchitectureModule(nn.Module):
    """The network of an Architecture, its links drawn by ``link_seed``.

    Maps images of shape (batch, 3, resolution, resolution) to logits (batch, num_classes). Other
    image sizes work too; MACs are then not those of the architecture.

    Parameters
    ----------
    arch : Architecture
        Kept as ``.architecture``.
    """

    def __init__(self, arch: Architecture) -> None:
        super().__init__()
        self.architecture = arch
        self.stem, channels = _stem(arch)
        cells: list[nn.Module] = []
        for number, cell in enumerate(arch.cells):
            kind = _dense_cell if arch.family == "densenet" else AdditionCell
            made: Any = kind(arch, number, channels)
            made.flash_cell = number
            cells.append(made)
            channels = cell.width
        self.cells = nn.ModuleList(cells)
        self.head: Any = _head(arch, channels)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits of shape (batch, num_classes)."""
        x = self.stem(x)
        for cell in self.cells:
            x = cell(x)
        return self.head(x)


def _dense_cell(arch: Architecture, number: int, in_channels: int) -> DenseCell:
    """Return a concatenation cell with the links that were drawn."""
    cell = arch.cells[number]
    links = [arch.links_into(number, layer) for layer in range(cell.depth)]
    bare = number == 0 and not arch.is_imagenet  # its first layer sees the image
    stride = stride_of_cell("densenet", number, arch.is_imagenet)
    return DenseCell(in_channels, cell.width, stride, links, bare)


class AdditionCell(nn.Sequential):
    """A cell of residual blocks."""

    def __init__(self, arch: Architecture, number: int, in_channels: int) -> None:
        cell = arch.cells[number]
        stride = stride_of_cell(arch.family, number, arch.is_imagenet)
        carries = residual_blocks(arch, number)
        blocks = []
        for block in range(cell.depth):
            links = arch.links_into(number, block) if block in carries else ()
            body = _body(arch, number, in_channels, stride, bool(links))
            after = STYLES[arch.family][2] if links else None
            blocks.append(Block(body, cell.width, links, after))
            in_channels, stride = cell.width, 1
        super().__init__(*blocks)


def _stem(arch: Architecture) -> tuple[nn.Module, int]:
    """Return what comes before the cells, and the channels that it hands on."""
    family, big = arch.family, arch.is_imagenet
    channels = stem_width(family, arch.cells[0].width, big)
    if family == "mobilenet-v2":
        return conv_unit(3, channels, 3, 2 if big else 1, "output", "relu6"), channels
    if family == "densenet" and not big:
        return nn.Sequential(), channels
    norm: str | None = "output"
    activation: str | None = "relu"
    if family != "densenet" and STYLES[family][0] == "input":  # the first block has its norm
        norm = activation = None
    stem = conv_unit(3, channels, 7 if big else 3, 2 if big else 1, norm, activation)
    if big:
        stem.add_module("pool", nn.MaxPool2d(3, 2, 1))
    return stem, channels


def _body(
    arch: Architecture, number: int, in_channels: int, stride: int, residual: bool
) -> nn.Sequential:
    norm, activation, after = STYLES[arch.family]
    block, strided = convolutions(arch.family, in_channels, arch.cells[number])
    units = []
    for place, (into, out, kernel, groups) in enumerate(block):
        act: str | None = activation
        if norm == "output" and place + 1 == len(block):
            act = None if residual else after  # with a residual it follows the sum
        own = stride if place == strided else 1
        units.append(conv_unit(into, out, kernel, own, norm, act, groups=groups))
    return nn.Sequential(*units)


def _head(arch: Architecture, channels: int) -> nn.Sequential:
    parts: list[tuple[str, nn.Module]] = []
    if arch.family == "mobilenet-v2":
        wide = max(1280, 4 * arch.cells[-1].width)
        parts.append(("features", conv_unit(channels, wide, 1, 1, "output", "relu6")))
        channels = wide
    elif STYLES[arch.family][0] == "input":
        parts += [("norm", nn.BatchNorm2d(channels)), ("act", nn.ReLU(inplace=True))]
    parts += [
        ("pool", nn.AdaptiveAvgPool2d(1)),
        ("flatten", nn.Flatten(1)),
        ("linear", nn.Linear(channels, arch.num_classes)),
    ]
    return nn.Sequential(OrderedDict(parts))
