"""The network behind SLDGroup/NN_Mass's published log (Apache-2.0): wm 2, depth 13, depthwise.

Their ``depth_wise_dense_cnn``, rebuilt from its description: a plain 3x3 first layer and 38 layers
of 1x1, depthwise 3x3 and 1x1 convolutions, each followed by batch norm of the width; a batch norm
of the width plus the layer's links around each layer; AvgPool2d(2) and Linear(2048, 10).
"""

from __future__ import annotations

from typing import Any

from flash.networks.network import Network

WIDTHS = (32, 64, 128)
DEPTH = 13
CAPS = (40, 80, 125)
# The log rounds the densities to eight digits.
DENSITY = (0.20454545, 0.20454545, 0.16276042)
NN_MASS = 526.1060606060606
PARAMS = 867_656


def used_links(width: int, cap: int, layer: int) -> int:
    """Return the channels that a layer takes from layers before its predecessor."""
    return min(cap, width * (layer - 1)) if layer >= 2 else 0


def network() -> Network:
    """Return the network as its layers, without cell labels."""
    rows: list[dict[str, Any]] = []

    def add(**row: Any) -> int:
        rows.append(row)
        return len(rows) - 1

    def separable(width: int, stride: int) -> int:
        add(kind="conv", out_channels=width, kernel=1, norm=True, activation="relu")
        add(
            kind="conv", out_channels=width, kernel=3, stride=stride, groups=width, norm=True,
            activation="relu",
        )  # fmt: skip
        return add(kind="conv", out_channels=width, kernel=1, norm=True)

    for cell, (width, cap) in enumerate(zip(WIDTHS, CAPS, strict=True)):
        made: list[int] = []
        for layer in range(DEPTH):
            used = used_links(width, cap, layer)
            if used:
                add(kind="concat", inputs=[made[-1], *made[:-1]], channels=used, norm=True)
            if cell == 0 and layer == 0:
                made.append(add(kind="conv", out_channels=width, kernel=3, norm=True))
                continue
            made.append(separable(width, 2 if layer == 0 else 1))
            if layer < 2:  # their norm comes after these two layers, not before
                made[-1] = add(kind="concat", norm=True)
    add(kind="pool", kernel=2, stride=2)
    add(kind="linear", out_channels=10, bias=True)
    return Network.from_layers(rows, (3, 32, 32))
