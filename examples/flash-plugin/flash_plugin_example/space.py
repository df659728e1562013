"""A space: plain stacks of convolutions, each rung with a width and a kernel of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import flash

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTHS = (8, 16, 24, 32)
KERNELS = (1, 3, 5)


class Ladder(flash.NetworkSpace):
    """Rungs of one convolution, every second of stride 2, then a linear layer.

    Parameters
    ----------
    rungs : int
    resolution, num_classes : int
    """

    family = "ladder"  # the name that files bear, and that it is registered by

    def __init__(self, rungs: int = 4, resolution: int = 16, num_classes: int = 10) -> None:
        self.rungs, self.resolution, self.num_classes = rungs, resolution, num_classes
        names = [(f"width_{n}", f"kernel_{n}") for n in range(rungs)]
        self.variables = tuple(name for pair in names for name in pair)
        self.lengths = (len(WIDTHS), len(KERNELS)) * rungs
        self.groups = tuple((2 * n, 2 * n + 1) for n in range(rungs))

    def options(self) -> dict[str, Any]:
        """Return what makes an equal space: results keep it."""
        return {
            "rungs": self.rungs, "resolution": self.resolution, "num_classes": self.num_classes
        }  # fmt: skip

    def name(self, row: Sequence[int]) -> str:
        """Return the text by which tables of accuracies know a network."""
        return "-".join(map(str, row))

    def parse(self, name: str) -> tuple[int, ...]:
        """Return the row of such a text."""
        return self.row(tuple(map(int, name.split("-"))))

    def network(self, row: Sequence[int]) -> flash.Network:
        """Return the network of a row of choice indices."""
        layers: list[dict[str, Any]] = [
            {"kind": "conv", "out_channels": WIDTHS[width], "kernel": KERNELS[kernel],
             "stride": 1 + n % 2, "norm": True, "activation": "relu"}
            for n, (width, kernel) in enumerate(zip(row[::2], row[1::2], strict=True))
        ]  # fmt: skip
        layers.append({"kind": "linear", "out_channels": self.num_classes})
        return flash.Network.from_layers(layers, (3, self.resolution, self.resolution))
