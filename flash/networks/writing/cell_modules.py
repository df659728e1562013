"""Cell networks as torch modules: ``CellNetwork.to_torch``. Imports torch.

A module is `stem`, `cells`, `head`; a cell is `older` and `newer` (its inputs, brought to the
cell's channels) and `operators`, two for each block.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import torch
from torch import Tensor, nn

from ..cell_networks import CellNetwork
from .cell_parts import EPS, BlockCell
from .parts import initialise

__all__ = ["CellNetworkModule", "build_module"]


def build_module(net: CellNetwork, seed: int) -> CellNetworkModule:
    """Return the module of a cell network with weights drawn from `seed`.

    torch's own random numbers are left as they were.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        module = CellNetworkModule(net)
        initialise(module)
    return module


class CellNetworkModule(nn.Module):
    """The network of a `CellNetwork`.

    Maps images of shape (batch, 3, resolution, resolution) to logits (batch, num_classes).

    Parameters
    ----------
    net : CellNetwork
        Kept as ``.architecture``.
    """

    def __init__(self, net: CellNetwork) -> None:
        super().__init__()
        self.architecture = net
        big = net.is_imagenet
        channels = net.stem_channels
        conv = nn.Conv2d(3, channels, 3, 2 if big else 1, 0 if big else 1, bias=False)
        self.stem = nn.Sequential(OrderedDict(conv=conv, norm=nn.BatchNorm2d(channels, EPS)))
        older = newer = channels
        halves = False  # whether the older input is twice as large as the newer one
        cells = []
        for number, (filters, stride) in enumerate(net.layout()):
            bare = big and number == 0
            cell: Any = BlockCell(
                net.blocks, older, newer, filters, stride, halves, net.factorised, bare
            )
            cell.flash_cell = number
            cells.append(cell)
            older, newer = newer, filters * len(net.blocks)
            halves = stride == 2
        self.cells = nn.ModuleList(cells)
        parts = {
            "act": nn.ReLU(),
            "pool": nn.AdaptiveAvgPool2d(1),
            "flatten": nn.Flatten(1),
            "linear": nn.Linear(newer, net.num_classes),
        }
        self.head = nn.Sequential(OrderedDict(parts))

    def forward(self, x: Tensor) -> Tensor:
        """Return logits of shape (batch, num_classes)."""
        older = newer = self.stem(x)
        for cell in self.cells:
            older, newer = newer, cell(older, newer)
        return self.head(newer)
