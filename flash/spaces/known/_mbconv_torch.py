"""The blocks of `mbconv` as torch modules. Imports torch.

Weights stand in the order of torchvision's MobileNetV3, in tensors of the same shapes.
"""

from __future__ import annotations

import torch
from torch import nn

from ...networks.writing.part import part

__all__ = ["InvertedResidual", "SqueezeExcitation", "convolution", "head"]

ACTIVATIONS = {
    "relu": nn.ReLU,
    "relu6": nn.ReLU6,
    "hardswish": nn.Hardswish,
    "silu": nn.SiLU,
    "gelu": nn.GELU,
}
DROPPED = 0.2


def convolution(
    in_channels: int,
    out_channels: int,
    kernel: int,
    stride: int,
    groups: int,
    activation: str | None,
    eps: float = 1e-3,
    momentum: float = 0.01,
) -> nn.Sequential:
    """Return a convolution with its norm and its activation."""
    parts: list[nn.Module] = [
        nn.Conv2d(
            *(in_channels, out_channels, kernel, stride, kernel // 2),
            groups=groups,
            bias=False,
        ),
        nn.BatchNorm2d(out_channels, eps=eps, momentum=momentum),
    ]
    if activation is not None:
        parts.append(ACTIVATIONS[activation]())
    return nn.Sequential(*parts)


class SqueezeExcitation(nn.Module):
    """Multiplies channels by what their means say."""

    def __init__(self, channels: int, inner: int) -> None:
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.squeeze = nn.Conv2d(channels, inner, 1)
        self.excite = nn.Conv2d(inner, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        weights = torch.relu(self.squeeze(self.pool(x)))
        return x * nn.functional.hardsigmoid(self.excite(weights))


@part
class InvertedResidual(nn.Module):
    """An inverted residual block; inner: channels inside squeeze and excitation, or none.

    eps, momentum: of its batch norms.
    """

    def __init__(
        self,
        in_channels: int,
        wide: int,
        out_channels: int,
        kernel: int,
        stride: int,
        activation: str,
        inner: int | None,
        eps: float = 1e-3,
        momentum: float = 0.01,
    ) -> None:
        super().__init__()
        self.adds = stride == 1 and in_channels == out_channels
        parts: list[nn.Module] = []
        if wide != in_channels:
            parts.append(convolution(in_channels, wide, 1, 1, 1, activation, eps, momentum))
        parts.append(convolution(wide, wide, kernel, stride, wide, activation, eps, momentum))
        if inner is not None:
            parts.append(SqueezeExcitation(wide, inner))
        parts.append(convolution(wide, out_channels, 1, 1, 1, None, eps, momentum))
        self.block = nn.Sequential(*parts)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.block(x)
        return found + x if self.adds else found


def head(
    in_channels: int,
    features: int | None,
    hidden: int | None,
    num_classes: int,
    activation: str,
    bias: bool,
) -> nn.Sequential:
    """Return what ends the network: see `mbconv.mobile_head`."""
    parts: list[nn.Module] = []
    wide = in_channels
    if features is not None:
        parts.append(convolution(in_channels, features, 1, 1, 1, activation))
        wide = features
    parts += [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    if hidden is not None:
        parts += [
            nn.Linear(wide, hidden, bias=bias),
            ACTIVATIONS[activation](),
            nn.Dropout(DROPPED),
        ]
        wide = hidden
    parts.append(nn.Linear(wide, num_classes))
    return nn.Sequential(*parts)
