"""ConvNeXt's blocks as torch modules; `convnext` has them as rows. Imports torch."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from ...networks.writing.part import part

__all__ = ["Block", "Downsample", "FirstBlock", "Head", "Stem", "block"]

EPS = 1e-6
SCALE = 1e-6  # of the learned scales, at first


class ChannelNorm(nn.LayerNorm):
    """A layer norm over the channels of a map."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, eps=EPS)

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """Norm each position."""
        x = input.permute(0, 2, 3, 1)
        x = functional.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)
        return x.permute(0, 3, 1, 2)


@part
class Block(nn.Module):
    """A residual block; its linear layers read channels last."""

    def __init__(self, channels: int, kernel: int, ratio: int) -> None:
        super().__init__()
        self.layer_scale = nn.Parameter(torch.full((channels, 1, 1), SCALE))
        self.depthwise = nn.Conv2d(channels, channels, kernel, padding=kernel // 2, groups=channels)
        self.norm = nn.LayerNorm(channels, eps=EPS)
        self.expand = nn.Linear(channels, ratio * channels)
        self.activation = nn.GELU()
        self.project = nn.Linear(ratio * channels, channels)
        draw(self)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Add what the layers make of it."""
        y = self.norm(self.depthwise(x).permute(0, 2, 3, 1))
        y = self.project(self.activation(self.expand(y))).permute(0, 3, 1, 2)
        return self.layer_scale * y + x


@part
class Stem(nn.Sequential):
    """Patches that do not overlap, and a norm."""

    def __init__(self, in_channels: int, out_channels: int, patch: int) -> None:
        first = nn.Conv2d(in_channels, out_channels, patch, patch)
        super().__init__(first, ChannelNorm(out_channels))
        draw(self)


@part
class Downsample(nn.Sequential):
    """A norm, and patches that do not overlap."""

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        patches = nn.Conv2d(in_channels, out_channels, stride, stride)
        super().__init__(ChannelNorm(in_channels), patches)
        draw(self)


@part
class Head(nn.Sequential):
    """Pooling, a norm and the classifier."""

    def __init__(self, in_channels: int, num_classes: int) -> None:
        super().__init__(
            nn.AdaptiveAvgPool2d(1),
            ChannelNorm(in_channels),
            nn.Flatten(1),
            nn.Linear(in_channels, num_classes),
        )
        draw(self)


def draw(module: nn.Module) -> None:
    """Draw weights as the paper does: a normal of .02, cut off; biases 0."""
    for one in module.modules():
        if isinstance(one, (nn.Conv2d, nn.Linear)):
            nn.init.trunc_normal_(one.weight, std=0.02)
            if one.bias is not None:
                nn.init.zeros_(one.bias)


@part
class FirstBlock(nn.Sequential):
    """A residual block behind a downsampling."""

    def __init__(
        self, in_channels: int, out_channels: int, stride: int, kernel: int, ratio: int
    ) -> None:
        found = Block(out_channels, kernel, ratio)
        super().__init__(Downsample(in_channels, out_channels, stride), found)


def block(in_channels: int, out_channels: int, stride: int, kernel: int, ratio: int) -> nn.Module:
    """Return a residual block, behind a downsampling where stride or width change."""
    if stride == 1 and in_channels == out_channels:
        return Block(out_channels, kernel, ratio)
    return FirstBlock(in_channels, out_channels, stride, kernel, ratio)
