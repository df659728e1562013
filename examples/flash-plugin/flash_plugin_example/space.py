"""A space: rungs of one convolution, each with a width and a kernel of its own."""

from __future__ import annotations

from typing import Any

import flash

WIDTHS = (8, 16, 24, 32)
Rows = list[dict[str, Any]]


def rung(in_channels: int, out_channels: int, stride: int, *, kernel: Any = (1, 3, 5)) -> Rows:
    """Return a convolution as layer rows; a torch module does as well. Its kernel is a choice."""
    row = {"kind": "conv", "out_channels": out_channels, "kernel": kernel, "stride": stride}
    return [{**row, "norm": True, "activation": "relu"}]


def top(in_channels: int, num_classes: int, stride: int) -> Rows:
    """Return the head: a mean over the map, and a linear layer."""
    mean = {"kind": "pool", "mode": "global_avg"}
    return [mean, {"kind": "linear", "out_channels": num_classes, "bias": True}]


def ladder(rungs: int = 4, resolution: int = 16, num_classes: int = 10) -> flash.BlockSpace:
    """Return the space, every second rung of stride 2. Results keep the options that are given.

    Parameters
    ----------
    rungs : int
    resolution, num_classes : int
    """
    options = {"rungs": rungs, "resolution": resolution, "num_classes": num_classes}
    return flash.BlockSpace(
        [flash.Stage(rung, WIDTHS, stride=1 + n % 2) for n in range(rungs)],
        input=(3, resolution, resolution),
        head=top,
        num_classes=num_classes,
        name="ladder",  # the name that files bear, and that it is registered by
        origin=options,
    )
