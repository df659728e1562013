"""A search space of one's own blocks, as torch modules: searched, proven, trained and exported.

python examples/own_space.py
"""

import tempfile
from pathlib import Path
from typing import Any

import torch
from torch import nn

import flash


def conv(into: int, out: int, kernel: int = 1, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    """Return a convolution with batch norm and activation."""
    layer = nn.Conv2d(into, out, kernel, stride, kernel // 2, groups=groups, bias=False)
    return [layer, nn.BatchNorm2d(out), nn.ReLU()]


def plain(into: int, out: int, stride: int, *, kernel: Any = (3, 5)) -> nn.Module:
    """Return one convolution; keywords whose default is a list are choices."""
    return nn.Sequential(*conv(into, out, kernel, stride))


def separable(into: int, out: int, stride: int, *, expansion: Any = (2, 4)) -> nn.Module:
    """Return a block with a wider middle, of which each channel is convolved alone."""
    wide = into * expansion
    middle = conv(wide, wide, 3, stride, groups=wide)
    return nn.Sequential(*conv(into, wide), *middle, nn.Conv2d(wide, out, 1, bias=False))


def head(into: int, classes: int, stride: int) -> nn.Module:
    """Return a mean over the map and a linear layer."""
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(into, classes))


def main() -> None:
    kinds: list[Any] = [plain, separable]
    fine = flash.Stage([*kinds, None], [16, 24], repeats=[1, 2, 3], name="fine")  # None: a skip
    coarse = flash.Stage(kinds, [32, 48], repeats=[1, 2], stride=2, name="coarse")
    space = flash.BlockSpace([fine, coarse], (3, 32, 32), head=head, num_classes=10, name="own")
    result = flash.search(space, "cpu-x86", max_latency_ms=0.3)
    print(result)
    best: Any = result.architecture  # a flash.BlockNetwork
    net = best.to_torch(seed=0)
    images, labels = torch.randn(8, 3, 32, 32), torch.randint(10, (8,))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    loss = nn.functional.cross_entropy(net(images), labels)
    loss.backward()
    optimizer.step()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "own.onnx"
        best.to_onnx(path, module=net)
        print(f"loss {loss.item():.2f}, {path.stat().st_size:,} bytes written")


if __name__ == "__main__":
    main()
