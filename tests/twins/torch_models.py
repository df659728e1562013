"""The torchvision architectures, written out (BSD-3's structure, not its code), and a count of what
they do that shares nothing with flash.

Parameter counts of the ImageNet models are those of torchvision's documentation.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

PUBLISHED = {
    "resnet18": 11_689_512,
    "resnet50": 25_557_032,
    "wide_resnet50_2": 68_883_240,
    "densenet121": 7_978_856,
    "mobilenet_v2": 3_504_872,
}


class BasicBlock(nn.Module):
    expansion = 1

    def __init__(self, into: int, width: int, stride: int, base: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(into, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = _downsample(into, width, stride)

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += x if self.downsample is None else self.downsample(x)
        return self.relu(out)


class Bottleneck(nn.Module):
    expansion = 4

    def __init__(self, into: int, width: int, stride: int, base: int) -> None:
        super().__init__()
        inner = width * base // 64
        self.conv1 = nn.Conv2d(into, inner, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, inner, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(inner)
        self.conv3 = nn.Conv2d(inner, 4 * width, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * width)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _downsample(into, 4 * width, stride)

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        out += x if self.downsample is None else self.downsample(x)
        return self.relu(out)


def _downsample(into: int, out: int, stride: int) -> nn.Module | None:
    if stride == 1 and into == out:
        return None
    return nn.Sequential(nn.Conv2d(into, out, 1, stride, bias=False), nn.BatchNorm2d(out))


class ResNet(nn.Module):
    def __init__(
        self, block: Any, depths: tuple[int, ...], base: int = 64, cifar: bool = False
    ) -> None:
        super().__init__()
        width = 16 if cifar else 64
        self.stem = nn.Sequential(
            nn.Conv2d(
                3, width, 3 if cifar else 7, 1 if cifar else 2, 1 if cifar else 3, bias=False
            ),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            nn.Identity() if cifar else nn.MaxPool2d(3, 2, 1),
        )
        into = width
        for stage, depth in enumerate(depths):
            blocks = []
            for number in range(depth):
                stride = 2 if stage and not number else 1
                blocks.append(block(into, width << stage, stride, base))
                into = (width << stage) * block.expansion
            self.add_module(f"layer{stage + 1}", nn.Sequential(*blocks))
        self.stages = len(depths)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(into, 10 if cifar else 1000)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for stage in range(self.stages):
            x = getattr(self, f"layer{stage + 1}")(x)
        return self.fc(torch.flatten(self.avgpool(x), 1))


class PreActivationBlock(nn.Module):
    """Of Wide-ResNet (arXiv 1605.07146): the shortcut reads the activated input."""

    def __init__(self, into: int, width: int, stride: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(into)
        self.conv1 = nn.Conv2d(into, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.dropout = nn.Dropout(0.3)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        same = stride == 1 and into == width
        self.shortcut = None if same else nn.Conv2d(into, width, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        out = torch.relu(self.bn1(x))
        short = x if self.shortcut is None else self.shortcut(out)
        out = self.dropout(torch.relu(self.bn2(self.conv1(out))))
        return self.conv2(out) + short


class WideResNet(nn.Module):
    def __init__(self, depth: int = 10, factor: int = 2) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        into, blocks = 16, []
        for stage in range(3):
            for number in range((depth - 4) // 6):
                out = 16 * factor << stage
                blocks.append(PreActivationBlock(into, out, 2 if stage and not number else 1))
                into = out
        self.blocks = nn.Sequential(*blocks)
        self.bn = nn.BatchNorm2d(into)
        self.fc = nn.Linear(into, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.bn(self.blocks(self.conv1(x))))
        x = nn.functional.avg_pool2d(x, 8)
        return self.fc(x.view(x.size(0), -1))


class DenseLayer(nn.Module):
    def __init__(self, into: int, growth: int) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(into)
        self.conv1 = nn.Conv2d(into, 4 * growth, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(4 * growth)
        self.conv2 = nn.Conv2d(4 * growth, growth, 3, 1, 1, bias=False)

    def forward(self, features: list[Tensor]) -> Tensor:
        x = self.conv1(torch.relu(self.norm1(torch.cat(features, 1))))
        return self.conv2(torch.relu(self.norm2(x)))


class DenseBlock(nn.ModuleList):
    def forward(self, x: Tensor) -> Tensor:
        features = [x]
        for layer in self:
            features.append(layer(features))
        return torch.cat(features, 1)


class DenseNet(nn.Module):
    def __init__(self, depths: tuple[int, ...], growth: int = 32, cifar: bool = False) -> None:
        super().__init__()
        width = 2 * growth
        parts: list[nn.Module] = [nn.Conv2d(3, width, 3, 1, 1, bias=False)]
        if not cifar:
            parts = [
                nn.Conv2d(3, width, 7, 2, 3, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(inplace=True),
                nn.MaxPool2d(3, 2, 1),
            ]
        for number, depth in enumerate(depths):
            layers = [DenseLayer(width + k * growth, growth) for k in range(depth)]
            parts.append(DenseBlock(layers))
            width += depth * growth
            parts.append(nn.BatchNorm2d(width))
            parts.append(nn.ReLU(inplace=True))
            if number < len(depths) - 1:
                parts += [nn.Conv2d(width, width // 2, 1, bias=False), nn.AvgPool2d(2, 2)]
                width //= 2
        self.features = nn.Sequential(*parts)
        self.classifier = nn.Linear(width, 10 if cifar else 1000)

    def forward(self, x: Tensor) -> Tensor:
        x = nn.functional.adaptive_avg_pool2d(self.features(x), (1, 1))
        return self.classifier(torch.flatten(x, 1))


class InvertedResidual(nn.Module):
    def __init__(self, into: int, out: int, stride: int, expand: int) -> None:
        super().__init__()
        hidden = into * expand
        self.residual = stride == 1 and into == out
        parts = [*_convbnrelu(into, hidden, 1)] if expand > 1 else []
        parts += _convbnrelu(hidden, hidden, 3, stride, hidden)
        parts += [nn.Conv2d(hidden, out, 1, bias=False), nn.BatchNorm2d(out)]
        self.conv = nn.Sequential(*parts)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(x) if self.residual else self.conv(x)


def _convbnrelu(
    into: int, out: int, kernel: int, stride: int = 1, groups: int = 1
) -> list[nn.Module]:
    conv = nn.Conv2d(into, out, kernel, stride, kernel // 2, groups=groups, bias=False)
    return [conv, nn.BatchNorm2d(out), nn.ReLU6(inplace=True)]


class MobileNetV2(nn.Module):
    def __init__(self, cifar: bool = False) -> None:
        super().__init__()
        rows = [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1)]
        rows += [(6, 160, 3, 2), (6, 320, 1, 1)]
        parts = _convbnrelu(3, 32, 3, 1 if cifar else 2)
        into = 32
        for stage, (expand, out, depth, stride) in enumerate(rows):
            if cifar and stage == 1:
                stride = 1
            for number in range(depth):
                parts.append(InvertedResidual(into, out, 1 if number else stride, expand))
                into = out
        self.features = nn.Sequential(*parts, *_convbnrelu(320, 1280, 1))
        self.classifier = nn.Sequential(nn.Dropout(0.2), nn.Linear(1280, 10 if cifar else 1000))

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.features(x).mean([2, 3]))


def imagenet(name: str) -> nn.Module:
    """Return a model without weights, on torch's meta device."""
    with torch.device("meta"):
        if name == "resnet18":
            return ResNet(BasicBlock, (2, 2, 2, 2))
        if name == "resnet50":
            return ResNet(Bottleneck, (3, 4, 6, 3))
        if name == "wide_resnet50_2":
            return ResNet(Bottleneck, (3, 4, 6, 3), base=128)
        if name == "densenet121":
            return DenseNet((6, 12, 24, 16))
        return MobileNetV2()


def cifar(name: str) -> nn.Module:
    """Return a small model with weights."""
    torch.manual_seed(0)
    if name == "resnet20":
        return ResNet(BasicBlock, (3, 3, 3), cifar=True)
    if name == "wide_resnet":
        return WideResNet()
    if name == "densenet":
        return DenseNet((4, 4, 4), 12, cifar=True)
    return MobileNetV2(cifar=True)


CIFAR = ("resnet20", "wide_resnet", "densenet", "mobilenet_v2")


def counted(module: nn.Module, shape: tuple[int, int, int]) -> tuple[int, int]:
    """Return (parameters, MACs) by torch's own count and by hooks on convolutions and linear."""
    macs = 0

    def hook(part: Any, _: Any, out: Tensor) -> None:
        nonlocal macs
        if isinstance(part, nn.Conv2d):
            each = part.in_channels // part.groups * part.kernel_size[0] * part.kernel_size[1]
            macs += out[0].numel() * each
        else:
            macs += out[0].numel() * part.in_features

    kinds = (nn.Conv2d, nn.Linear)
    parts = [part for part in module.modules() if isinstance(part, kinds)]
    hooks = [part.register_forward_hook(hook) for part in parts]
    training = module.training
    device = next(module.parameters()).device
    with torch.no_grad():
        module.eval()(torch.zeros(1, *shape, device=device))
    module.train(training)
    for one in hooks:
        one.remove()
    return sum(p.numel() for p in module.parameters()), macs
