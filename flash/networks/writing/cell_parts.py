"""What the modules of cell networks are made of. Imports torch.

It needs torch alone and no `CellNetwork`: `to_torch_code` writes the source of these parts too.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor, nn

__all__ = ["EPS", "BlockCell", "Factorised"]

EPS = 1e-3  # of batch norms: the released PNASNet-5


class BlockCell(nn.Module):
    """One cell: blocks that add two operators' results, all of them concatenated.

    Parameters
    ----------
    blocks : sequence of (int, int, str, str)
        Of each block the values that it reads and the operators on them: value 0 is the older
        input, 1 the newer one, 2 what the first block makes, and so on.
    older, newer : int
        Channels of the cell's inputs.
    filters, stride : int
    halves : bool
        Whether the older input is to be brought to half its size.
    factorised : bool
        Whether that leaves no pixels out.
    bare : bool
        Whether the older input is read as it is (the first cell on ImageNet).
    """

    def __init__(
        self,
        blocks: Sequence[tuple[int, int, str, str]],
        older: int,
        newer: int,
        filters: int,
        stride: int,
        halves: bool,
        factorised: bool,
        bare: bool,
    ) -> None:
        super().__init__()
        self.blocks = tuple(blocks)
        read = {source for first, second, _, _ in blocks for source in (first, second)}
        as_it_is = bare or 0 not in read
        self.older: nn.Module
        if as_it_is:
            self.older = nn.Identity()
        elif halves and factorised and filters > 1:
            self.older = Factorised(older, filters)
        else:
            self.older = unit(older, filters, 2 if halves else 1)
        self.newer = unit(newer, filters) if 1 in read else nn.Identity()
        operators = []
        for first, second, left, right in blocks:
            for source, name in ((first, left), (second, right)):
                channels = older if bare and source == 0 else filters
                operators.append(operator(name, channels, filters, stride if source < 2 else 1))
        self.operators = nn.ModuleList(operators)

    def forward(self, older: Tensor, newer: Tensor) -> Tensor:
        """Return the blocks' results, concatenated."""
        values = [self.older(older), self.newer(newer)]
        for number, (first, second, _, _) in enumerate(self.blocks):
            left = self.operators[2 * number](values[first])
            right = self.operators[2 * number + 1](values[second])
            values.append(left + right)
        return torch.cat(values[2:], 1)


class Factorised(nn.Module):
    """Halves a map without leaving pixels out.

    Parameters
    ----------
    in_channels, out_channels : int
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        first = out_channels // 2
        self.act = nn.ReLU()
        self.even = nn.Conv2d(in_channels, first, 1, 2, bias=False)
        self.odd = nn.Conv2d(in_channels, out_channels - first, 1, 2, bias=False)
        self.norm = nn.BatchNorm2d(out_channels, EPS)

    def forward(self, x: Tensor) -> Tensor:
        """Return both halves, concatenated."""
        x = self.act(x)
        shifted = nn.functional.pad(x[:, :, 1:, 1:], (0, 1, 0, 1))
        out: Tensor = self.norm(torch.cat([self.even(x), self.odd(shifted)], 1))
        return out


def unit(in_channels: int, out_channels: int, stride: int = 1) -> nn.Sequential:
    """Return activation, 1x1 convolution, norm."""
    conv = nn.Conv2d(in_channels, out_channels, 1, stride, bias=False)
    return nn.Sequential(
        OrderedDict(act=nn.ReLU(), conv=conv, norm=nn.BatchNorm2d(out_channels, EPS))
    )


def operator(name: str, channels: int, out: int, stride: int) -> nn.Module:
    if name == "identity":
        same = stride == 1 and channels == out
        return nn.Identity() if same else unit(channels, out, stride)
    if name in ("avg3x3", "max3x3"):
        pool: nn.Module
        if name == "max3x3":
            pool = nn.MaxPool2d(3, stride, 1)
        else:
            pool = nn.AvgPool2d(3, stride, 1, count_include_pad=False)
        if channels == out:
            return pool
        conv = nn.Conv2d(channels, out, 1, bias=False)
        return nn.Sequential(OrderedDict(pool=pool, conv=conv, norm=nn.BatchNorm2d(out, EPS)))
    if name == "conv1x7-7x1":
        return nn.Sequential(
            nn.ReLU(),
            nn.Conv2d(channels, channels, (1, 7), (1, stride), (0, 3), bias=False),
            nn.Conv2d(channels, out, (7, 1), (stride, 1), (3, 0), bias=False),
            nn.BatchNorm2d(out, EPS),
        )
    if name == "dil3x3":
        return nn.Sequential(*separable(channels, out, 3, stride, 2))
    kernel = int(name[-1])
    return nn.Sequential(*separable(channels, out, kernel, stride), *separable(out, out, kernel, 1))


def separable(
    channels: int, out: int, kernel: int, stride: int, dilation: int = 1
) -> list[nn.Module]:
    """Return activation, depthwise and pointwise convolution, norm."""
    reach = dilation * (kernel // 2)
    deep = nn.Conv2d(
        channels, channels, kernel, stride, reach, dilation, groups=channels, bias=False
    )
    return [nn.ReLU(), deep, nn.Conv2d(channels, out, 1, bias=False), nn.BatchNorm2d(out, EPS)]
