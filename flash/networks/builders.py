"""Layers of an architecture: one generator per family (their rules: `families`)."""

from __future__ import annotations

from .families import residual_blocks, stem_width, stride_of_cell
from .network import Layer, Network

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from .architecture import Architecture, Cell

__all__ = ["build"]


class _Table:
    """Rows as they are added, with the shape that each one hands on."""

    def __init__(self, resolution: int) -> None:
        self.rows: list[Layer] = []
        self.channels, self.side = 3, resolution
        self.cell: int | None = None

    def add(self, kind: str, out: int, **fields: Any) -> int:
        layer = Layer(
            kind=kind,
            in_channels=fields.pop("in_channels", self.channels),
            out_channels=out,
            height=self.side,
            width=self.side,
            inputs=fields.pop("inputs", (len(self.rows) - 1,)),
            cell=self.cell,
            **fields,
        )
        self.rows.append(layer)
        self.channels, self.side = out, layer.out_height
        return len(self.rows) - 1

    def conv(self, out: int, kernel: int, stride: int = 1, **fields: Any) -> int:
        return self.add("conv", out, kernel=kernel, stride=stride, **fields)

    def residual(self, source: int, count: int, activation: str | None) -> int:
        channels = None if count == self.channels else count
        return self.add(
            "add",
            self.channels,
            inputs=(len(self.rows) - 1, source),
            channels=channels,
            activation=activation,
        )

    def max_pool(self) -> int:
        return self.add("pool", self.channels, kernel=3, stride=2, mode="max")

    def tail(self, classes: int, **fields: Any) -> None:
        self.cell = None
        self.add("pool", self.channels, mode="global_avg", **fields)
        self.add("linear", classes, bias=True)


def build(arch: Architecture) -> Network:
    """Return the network of an architecture."""
    table = _Table(arch.resolution)
    generator = {
        "densenet": _densenet,
        "resnet": _resnet,
        "wide-resnet": _wide_resnet,
        "mobilenet-v2": _mobilenet_v2,
    }[arch.family]
    generator(arch, table)
    return Network(tuple(table.rows), (3, arch.resolution, arch.resolution))


def _densenet(arch: Architecture, table: _Table) -> None:
    if arch.is_imagenet:
        table.conv(arch.cells[0].width, 7, 2, norm="output", activation="relu")
        table.max_pool()
    for number, cell in enumerate(arch.cells):
        table.cell = number
        made: list[int] = []
        for layer in range(cell.depth):
            used = min(cell.skips, cell.width * (layer - 1)) if layer > 1 else 0
            if used:
                table.add(
                    "concat",
                    cell.width + used,
                    in_channels=cell.width + used,
                    inputs=(made[-1], *made[:-1]),
                    channels=None if used == cell.width * (layer - 1) else used,
                )
            stride = stride_of_cell("densenet", number, arch.is_imagenet) if layer == 0 else 1
            bare = not table.rows  # the very first convolution sees the image: nothing to norm
            made.append(
                table.conv(
                    cell.width,
                    3,
                    stride,
                    norm=False if bare else "input",
                    activation=None if bare else "relu",
                )
            )
    table.tail(arch.num_classes, norm="input", activation="relu")


def _resnet(arch: Architecture, table: _Table) -> None:
    first = arch.cells[0].width
    if arch.is_imagenet:
        table.conv(first, 7, 2, norm="output", activation="relu")
        table.max_pool()
    else:
        table.conv(first, 3, norm="output", activation="relu")
    for number, cell in enumerate(arch.cells):
        table.cell = number
        for source, stride, skips in _blocks(arch, number, cell, table):
            table.conv(cell.width, 3, stride, norm="output", activation="relu")
            table.conv(cell.width, 3, norm="output", activation=None if skips else "relu")
            if skips:
                table.residual(source, skips, "relu")
    table.tail(arch.num_classes)


def _wide_resnet(arch: Architecture, table: _Table) -> None:
    if arch.is_imagenet:
        table.conv(stem_width("wide-resnet", 0, True), 7, 2)
        table.max_pool()
    else:
        table.conv(stem_width("wide-resnet", 0, False), 3)
    for number, cell in enumerate(arch.cells):
        table.cell = number
        for source, stride, skips in _blocks(arch, number, cell, table):
            table.conv(cell.width, 3, stride, norm="input", activation="relu")
            table.conv(cell.width, 3, norm="input", activation="relu")
            if skips:
                table.residual(source, skips, None)
    table.tail(arch.num_classes, norm="input", activation="relu")


def _mobilenet_v2(arch: Architecture, table: _Table) -> None:
    stem = stem_width("mobilenet-v2", arch.cells[0].width, False)
    table.conv(stem, 3, 2 if arch.is_imagenet else 1, norm="output", activation="relu6")
    for number, cell in enumerate(arch.cells):
        table.cell = number
        for source, stride, skips in _blocks(arch, number, cell, table):
            hidden = table.channels * cell.expansion
            if cell.expansion > 1:
                table.conv(hidden, 1, norm="output", activation="relu6")
            table.conv(
                hidden, cell.kernel, stride, groups=hidden, norm="output", activation="relu6"
            )
            table.conv(cell.width, 1, norm="output")
            if skips:
                table.residual(source, skips, None)
    table.cell = None
    table.conv(max(1280, 4 * arch.cells[-1].width), 1, norm="output", activation="relu6")
    table.tail(arch.num_classes)


def _blocks(
    arch: Architecture, number: int, cell: Cell, table: _Table
) -> Iterator[tuple[int, int, int]]:
    """Yield (row that enters the block, its stride, its residual channels) for each block."""
    carries = residual_blocks(arch, number)
    stride = stride_of_cell(arch.family, number, arch.is_imagenet)
    for block in range(cell.depth):
        skips = min(cell.skips, cell.width) if block in carries else 0
        yield len(table.rows) - 1, stride if block == 0 else 1, skips
