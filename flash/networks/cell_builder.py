"""Layers of a `CellNetwork`; its torch twin is `writing.cell_modules`."""

from __future__ import annotations

from .network import Layer, Network

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .cell_networks import CellNetwork

    Value = tuple[int, int, int, int]

__all__ = ["build"]


class _Table:
    """Rows as they are added; a value is (row, channels, height, width)."""

    def __init__(self) -> None:
        self.rows: list[Layer] = []
        self.cell: int | None = None

    def add(self, kind: str, sources: list[Value], out: int, **fields: Any) -> Value:
        _, channels, height, width = sources[0]
        if kind == "concat":
            channels = out = sum(one[1] for one in sources)
        layer = Layer(
            kind,
            channels,
            out,
            height,
            width,
            inputs=tuple(one[0] for one in sources),
            cell=self.cell,
            **fields,
        )
        self.rows.append(layer)
        return len(self.rows) - 1, out, layer.out_height, layer.out_width

    def conv(self, x: Value, out: int, **fields: Any) -> Value:
        return self.add("conv", [x], out, **fields)


def build(net: CellNetwork) -> Network:
    """Return the network as a table of layers."""
    table = _Table()
    image = (-1, 3, net.resolution, net.resolution)
    big = net.is_imagenet
    # the released network does not pad the first convolution
    padding = 0 if big else 1
    read = {source for first, second, _, _ in net.blocks for source in (first, second)}
    older = newer = table.conv(
        image, net.stem_channels, kernel=3, stride=2 if big else 1, padding=padding, norm="output"
    )
    for number, (filters, stride) in enumerate(net.layout()):
        table.cell = number
        values = [older, newer]
        if 0 in read and not (big and number == 0):  # the first cell reads the stem as it is
            if older[2] == newer[2]:
                values[0] = table.conv(older, filters, norm="output")
            else:
                values[0] = _halved(table, older, filters, net.factorised)
        if 1 in read:
            values[1] = table.conv(newer, filters, norm="output")
        for first, second, left, right in net.blocks:
            parts = [
                _operator(table, name, values[source], filters, stride if source < 2 else 1)
                for source, name in ((first, left), (second, right))
            ]
            values.append(table.add("add", parts, filters))
        older, newer = newer, table.add("concat", values[2:], 0)
    table.cell = None
    pooled = table.add("pool", [newer], newer[1], mode="global_avg")
    table.add("linear", [pooled], net.num_classes, bias=True)
    return Network(tuple(table.rows), (3, net.resolution, net.resolution))


def _halved(table: _Table, x: Value, out: int, factorised: bool) -> Value:
    """Add what halves the older input: see `CellNetwork.factorised`."""
    first = out // 2
    if not factorised or not first:
        return table.conv(x, out, stride=2, norm="output")
    _, channels, height, width = x
    even = table.conv(x, first, stride=2)
    shifted = table.add("move", [x], channels, mode="slice", size=(height - 1, width - 1))
    odd = table.conv(shifted, out - first, stride=2, padding=0, padding_end=(1, 1))
    return table.add("concat", [even, odd], 0, norm="output")


def _operator(table: _Table, name: str, x: Value, out: int, stride: int) -> Value:
    """Add an operator's rows; activations before a convolution have no place in the table."""
    channels = x[1]
    if name == "identity":
        if stride == 1 and channels == out:
            return x
        return table.conv(x, out, stride=stride, norm="output")
    if name in ("avg3x3", "max3x3"):
        x = table.add("pool", [x], channels, kernel=3, stride=stride, padding=1, mode=name[:3])
        return x if channels == out else table.conv(x, out, norm="output")
    if name == "conv1x7-7x1":
        x = table.conv(x, channels, kernel=(1, 7), stride=(1, stride))
        return table.conv(x, out, kernel=(7, 1), stride=(stride, 1), norm="output")
    if name == "dil3x3":
        x = table.conv(x, channels, kernel=3, stride=stride, dilation=2, groups=channels)
        return table.conv(x, out, norm="output")
    kernel = int(name[-1])
    x = table.conv(x, channels, kernel=kernel, stride=stride, groups=channels)
    x = table.conv(x, out, norm="output", activation="relu")
    x = table.conv(x, out, kernel=kernel, groups=out)
    return table.conv(x, out, norm="output")
