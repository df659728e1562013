"""The units of `shuffle` as torch modules. Imports torch."""

from __future__ import annotations

import torch
from torch import nn

from ...networks.writing.part import MADE_WITH, part
from ._mbconv_torch import InvertedResidual, SqueezeExcitation

__all__ = ["ShuffleUnit", "usual_norms"]


def usual_norms(module: nn.Module) -> nn.Module:
    """Return a module whose batch norms have torch's own epsilon and momentum."""
    for one in module.modules():
        if isinstance(one, nn.BatchNorm2d):
            one.eps, one.momentum = 1e-5, 0.1
        if isinstance(one, InvertedResidual):  # as if it had been made with them
            places, keywords = getattr(one, MADE_WITH)
            setattr(one, MADE_WITH, (places, {**keywords, "eps": 1e-5, "momentum": 0.1}))
    return module


def conv(
    in_channels: int,
    out_channels: int,
    kernel: int = 1,
    stride: int = 1,
    groups: int = 1,
    active: bool = True,
) -> list[nn.Module]:
    parts: list[nn.Module] = [
        nn.Conv2d(
            *(in_channels, out_channels, kernel, stride, kernel // 2), groups=groups, bias=False
        ),
        nn.BatchNorm2d(out_channels),
    ]
    return [*parts, nn.ReLU(inplace=True)] if active else parts


@part
class ShuffleUnit(nn.Module):
    """A unit of ShuffleNetV2; inner: channels inside squeeze and excitation, or none."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int,
        stride: int,
        inner: int | None,
        depthwise: int,
    ) -> None:
        super().__init__()
        self.changes = stride != 1 or in_channels != out_channels
        half = out_channels // 2
        into = in_channels if self.changes else half
        self.passed = (
            nn.Sequential(
                *conv(in_channels, in_channels, kernel, stride, in_channels, False),
                *conv(in_channels, half),
            )
            if self.changes
            else None
        )
        if depthwise == 1:
            parts = [
                *conv(into, half),
                *conv(half, half, kernel, stride, half, False),
                *conv(half, half),
            ]
        else:
            parts = [*conv(into, into, kernel, stride, into, False), *conv(into, half)]
            for _ in range(depthwise - 1):
                parts += [*conv(half, half, kernel, 1, half, False), *conv(half, half)]
        if inner is not None:
            parts.append(SqueezeExcitation(half, inner))
        self.branch = nn.Sequential(*parts)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.passed is not None:
            return torch.cat([self.passed(x), self.branch(x)], 1)
        n, channels, height, width = x.shape  # those of even number pass
        x = x.reshape(n, channels // 2, 2, height, width).transpose(1, 2)
        kept, into = x.reshape(n, channels, height, width).chunk(2, 1)
        return torch.cat([kept, self.branch(into)], 1)
