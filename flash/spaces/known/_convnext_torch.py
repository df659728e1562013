"""ConvNeXt's blocks as torch modules; `convnext` has them as rows. Imports torch."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

__all__ = ["block", "downsample", "head", "stem"]

EPS = 1e-6
SCALE = 1e-6  # of the learned scales, at first


class ChannelNorm(nn.LayerNorm):
    """A layer norm over the channels of a map."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, eps=EPS)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Norm each position."""
        x = x.permute(0, 2, 3, 1)
        x = functional.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)
        return x.permute(0, 3, 1, 2)


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

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Add what the layers make of it."""
        y = self.norm(self.depthwise(x).permute(0, 2, 3, 1))
        y = self.project(self.activation(self.expand(y))).permute(0, 3, 1, 2)
        return self.layer_scale * y + x


def stem(in_channels: int, out_channels: int, patch: int) -> nn.Module:
    """Return patches that do not overlap, and a norm."""
    first = nn.Conv2d(in_channels, out_channels, patch, patch)
    return _drawn(nn.Sequential(first, ChannelNorm(out_channels)))


def downsample(in_channels: int, out_channels: int, stride: int) -> nn.Module:
    """Return a norm, and patches that do not overlap."""
    patches = nn.Conv2d(in_channels, out_channels, stride, stride)
    return _drawn(nn.Sequential(ChannelNorm(in_channels), patches))


def block(in_channels: int, out_channels: int, stride: int, kernel: int, ratio: int) -> nn.Module:
    """Return a residual block, behind a downsampling where stride or width change."""
    found = _drawn(Block(out_channels, kernel, ratio))
    if stride == 1 and in_channels == out_channels:
        return found
    return nn.Sequential(downsample(in_channels, out_channels, stride), found)


def head(in_channels: int, num_classes: int) -> nn.Module:
    """Return pooling, a norm and the classifier."""
    return _drawn(
        nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            ChannelNorm(in_channels),
            nn.Flatten(1),
            nn.Linear(in_channels, num_classes),
        )
    )


def _drawn(module: nn.Module) -> nn.Module:
    """Draw weights as the paper does: a normal of .02, cut off; biases 0."""
    for one in module.modules():
        if isinstance(one, (nn.Conv2d, nn.Linear)):
            nn.init.trunc_normal_(one.weight, std=0.02)
            if one.bias is not None:
                nn.init.zeros_(one.bias)
    return module
