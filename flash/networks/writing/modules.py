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
from . import plans
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
        self.head: Any = _head(arch)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits of shape (batch, num_classes)."""
        x = self.stem(x)
        for cell in self.cells:
            x = cell(x)
        return self.head(x)


def _dense_cell(arch: Architecture, number: int, in_channels: int) -> DenseCell:
    """Return a concatenation cell with the links that were drawn."""
    return DenseCell(
        in_channels,
        arch.cells[number].width,
        plans.stride_of(arch, number),
        plans.carried(arch, number),
        plans.is_bare(arch, number),
    )


class AdditionCell(nn.Sequential):
    """A cell of residual blocks."""

    def __init__(self, arch: Architecture, number: int, in_channels: int) -> None:
        width = arch.cells[number].width
        stride = plans.stride_of(arch, number)
        blocks = []
        for links in plans.carried(arch, number):
            units = plans.body_of(arch, number, in_channels, stride, bool(links))
            body = nn.Sequential(*(conv_unit(**unit) for unit in units))
            blocks.append(Block(body, width, links, plans.after_of(arch, bool(links))))
            in_channels, stride = width, 1
        super().__init__(*blocks)


def _stem(arch: Architecture) -> tuple[nn.Module, int]:
    """Return what comes before the cells, and the channels that it hands on."""
    unit, pool, channels = plans.stem_of(arch)
    stem = nn.Sequential() if unit is None else conv_unit(**unit)
    if pool:
        stem.add_module("pool", nn.MaxPool2d(3, 2, 1))
    return stem, channels


def _head(arch: Architecture) -> nn.Sequential:
    parts: list[tuple[str, nn.Module]] = []
    unit, norm, channels = plans.features_of(arch)
    if unit is not None:
        parts.append(("features", conv_unit(**unit)))
    if norm:
        parts += [("norm", nn.BatchNorm2d(channels)), ("act", nn.ReLU(inplace=True))]
    parts += [
        ("pool", nn.AdaptiveAvgPool2d(1)),
        ("flatten", nn.Flatten(1)),
        ("linear", nn.Linear(channels, arch.num_classes)),
    ]
    return nn.Sequential(OrderedDict(parts))
