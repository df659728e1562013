"""MnasNet and FBNet as tables of layers: what HAO's speeds are compared with.

Written from memory of the published tables: MnasNet-A1 and -B1 of Tan et al. (arXiv 1807.11626,
figure 7 and its code), FBNet-C of Wu et al. (arXiv 1812.03443 and its code). Multiply-accumulates
and parameters are checked against the published ones in `PUBLISHED`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from flash.networks.network import Network

__all__ = ["NETWORKS", "PUBLISHED", "Stage", "network"]


class Stage(NamedTuple):
    """So many inverted residuals; `squeeze`: channels inside squeeze and excitation over those that
    the block reads, 0: none."""

    expansion: int
    kernel: int
    channels: int
    repeats: int
    stride: int
    squeeze: float = 0.0


# (channels of the stem, stages, channels of the last 1 x 1 convolution)
NETWORKS: dict[str, tuple[int, tuple[Stage, ...], int]] = {
    "mobilenet-v2": (
        32,
        (
            Stage(1, 3, 16, 1, 1), Stage(6, 3, 24, 2, 2), Stage(6, 3, 32, 3, 2),
            Stage(6, 3, 64, 4, 2), Stage(6, 3, 96, 3, 1), Stage(6, 3, 160, 3, 2),
            Stage(6, 3, 320, 1, 1),
        ),
        1280,
    ),
    "mnasnet-a1": (
        32,
        (
            Stage(1, 3, 16, 1, 1), Stage(6, 3, 24, 2, 2), Stage(3, 5, 40, 3, 2, 0.25),
            Stage(6, 3, 80, 4, 2), Stage(6, 3, 112, 2, 1, 0.25), Stage(6, 5, 160, 3, 2, 0.25),
            Stage(6, 3, 320, 1, 1),
        ),
        1280,
    ),
    "mnasnet-b1": (
        32,
        (
            Stage(1, 3, 16, 1, 1), Stage(3, 3, 24, 3, 2), Stage(3, 5, 40, 3, 2),
            Stage(6, 5, 80, 3, 2), Stage(6, 3, 96, 2, 1), Stage(6, 5, 192, 4, 2),
            Stage(6, 3, 320, 1, 1),
        ),
        1280,
    ),
    "fbnet-c": (
        16,
        (
            Stage(1, 3, 16, 1, 1), Stage(6, 3, 24, 1, 2), Stage(1, 3, 24, 2, 1),
            Stage(6, 5, 32, 1, 2), Stage(3, 5, 32, 1, 1), Stage(6, 5, 32, 1, 1),
            Stage(6, 3, 32, 1, 1), Stage(6, 5, 64, 1, 2), Stage(3, 5, 64, 1, 1),
            Stage(6, 5, 64, 2, 1), Stage(6, 5, 112, 3, 1), Stage(3, 5, 112, 1, 1),
            Stage(6, 5, 184, 4, 2), Stage(6, 3, 352, 1, 1),
        ),
        1984,
    ),
}  # fmt: skip
# millions of multiply-accumulates and of parameters, as published
PUBLISHED = {
    "mobilenet-v2": (300.0, 3.4),
    "mnasnet-a1": (312.0, 3.9),
    "mnasnet-b1": (315.0, 4.4),
    "fbnet-c": (375.0, 5.5),
}


def network(name: str) -> Network:
    """Return a network for images of 224 x 224 and 1000 classes."""
    stem, stages, last = NETWORKS[name]
    rows: list[dict[str, Any]] = []

    def conv(out: int, kernel: int = 1, stride: int = 1, groups: int = 1, **more: Any) -> int:
        rows.append({"kind": "conv", "out_channels": out, "kernel": kernel, "stride": stride,
                     "groups": groups, "norm": True, **more})  # fmt: skip
        return len(rows) - 1

    before = conv(stem, 3, 2)
    channels = stem
    for stage in stages:
        for block in range(stage.repeats):
            start, hidden = before, channels * stage.expansion
            stride = stage.stride if block == 0 else 1
            if stage.expansion > 1:
                conv(hidden, inputs=[start])
            wide = conv(hidden, stage.kernel, stride, hidden)
            if stage.squeeze:
                rows.append({"kind": "pool", "mode": "global_avg", "inputs": [wide]})
                inner = max(1, int(channels * stage.squeeze))
                conv(inner, norm=False, bias=True)
                gates = conv(hidden, norm=False, bias=True)
                rows.append({"kind": "mul", "inputs": [wide, gates]})
            before = conv(stage.channels)
            if stride == 1 and channels == stage.channels:
                rows.append({"kind": "add", "inputs": [before, start]})
                before = len(rows) - 1
            channels = stage.channels
    conv(last)
    rows.append({"kind": "pool", "mode": "global_avg"})
    rows.append({"kind": "linear", "out_channels": 1000, "bias": True})
    return Network.from_layers(rows, (3, 224, 224))
