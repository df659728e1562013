"""Layers of an architecture: of concatenation cells, and of addition cells (rules: `families`)."""

from __future__ import annotations

from .families import STYLES, convolutions, residual_blocks, stem_width, stride_of_cell
from .layer import Layer
from .operations import Charged, charged

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from .architecture import Architecture, Cell
    from .network import Network

__all__ = ["build", "charged_in"]


class _Built:
    """What `Charged` reads of a network: all layers are read."""

    counted = None
    connected = True

    def __init__(self, arch: Architecture) -> None:
        table = _Table(arch.resolution)
        (_concatenations if arch.family == "densenet" else _additions)(arch, table)
        self.layers = tuple(table.rows)
        self._starts = tuple(table.starts)
        self.input_shape = (3, arch.resolution, arch.resolution)


class _Table:
    """Rows as they are added, with the shape that each one hands on."""

    def __init__(self, resolution: int) -> None:
        self.rows: list[Layer] = []
        self.starts: list[int] = []  # of blocks and of the head
        self.channels, self.side = 3, resolution
        self.cell: int | None = None

    def begin(self) -> None:
        """Begin a block, or the head."""
        self.starts.append(len(self.rows))

    def add(self, kind: str, out: int, **fields: Any) -> int:
        layer = Layer.known(
            kind=kind,
            in_channels=fields.pop("in_channels", self.channels),
            out_channels=out,
            height=self.side,
            width=self.side,
            padding=fields.get("kernel", 1) // 2,  # of odd kernels, the default
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
    from .network import Network

    made = _Built(arch)
    net = Network.known(made.layers, made.input_shape)
    net.__dict__["_starts"] = made._starts
    if "_charged" in arch.__dict__:
        net.__dict__["_charged"] = arch.__dict__["_charged"]
    return net


def charged_in(arch: Architecture) -> Charged:
    """Return what an architecture is charged for: made once, then kept with it.

    Its network is not made for that: what brings networks in takes longer than the layers.
    """
    state = arch.__dict__
    found: Charged | None = state.get("_charged")
    if found is None:
        net = state.get("_network")
        found = state["_charged"] = Charged(_Built(arch)) if net is None else charged(net)
    return found


def _concatenations(arch: Architecture, table: _Table) -> None:
    if arch.is_imagenet:
        table.conv(arch.cells[0].width, 7, 2, norm="output", activation="relu")
        table.max_pool()
    for number, cell in enumerate(arch.cells):
        table.cell = number
        made: list[int] = []
        for layer in range(cell.depth):
            table.begin()
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
    table.begin()
    table.tail(arch.num_classes, norm="input", activation="relu")


def _additions(arch: Architecture, table: _Table) -> None:
    norm, activation, after = STYLES[arch.family]
    mobile, big = arch.family == "mobilenet-v2", arch.is_imagenet
    more: dict[str, Any] = {"norm": norm, "activation": activation}
    stem = stem_width(arch.family, arch.cells[0].width, big)
    wide = big and not mobile
    table.conv(stem, 7 if wide else 3, 2 if big else 1, **(more if norm == "output" else {}))
    if wide:
        table.max_pool()
    for number, cell in enumerate(arch.cells):
        table.cell = number
        for source, stride, skips in _blocks(arch, number, cell, table):
            table.begin()
            block, strided = convolutions(arch.family, table.channels, cell)
            for place, (_, out, kernel, groups) in enumerate(block):
                own = dict(more, groups=groups)
                if norm == "output" and place + 1 == len(block):
                    own["activation"] = None if skips else after
                table.conv(out, kernel, stride if place == strided else 1, **own)
            if skips:
                table.residual(source, skips, after)
    table.begin()
    if mobile:
        table.cell = None
        table.conv(max(1280, 4 * arch.cells[-1].width), 1, **more)
    table.tail(arch.num_classes, **(more if norm == "input" else {}))


def _blocks(
    arch: Architecture, number: int, cell: Cell, table: _Table
) -> Iterator[tuple[int, int, int]]:
    """Yield (row that enters the block, its stride, its residual channels) for each block."""
    carries = residual_blocks(arch, number)
    stride = stride_of_cell(arch.family, number, arch.is_imagenet)
    for block in range(cell.depth):
        skips = min(cell.skips, cell.width) if block in carries else 0
        yield len(table.rows) - 1, stride if block == 0 else 1, skips
