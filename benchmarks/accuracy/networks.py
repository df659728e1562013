"""The published networks as `flash.Network`: their tables give names, not layers.

Each builder follows the definition that its accuracies were trained with. Squeeze-and-excitation
and DIA units are no rows of a Network: such networks are built without them, as their backbones.
"""

from __future__ import annotations

import re
from typing import Any

from flash.network import Network

__all__ = ["imgclsmob", "nas_bench_201", "nas_bench_macro"]


class _Table:
    """Rows of a network as dictionaries, with the channels that each hands on."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.channels: list[int] = []

    def add(self, kind: str, inputs: list[int], out: int, **fields: Any) -> int:
        self.rows.append({"kind": kind, "inputs": inputs, **fields})
        self.channels.append(out)
        return len(self.rows) - 1

    def conv(self, source: int, out: int, kernel: int, stride: int = 1, **fields: Any) -> int:
        given = {"kernel": kernel, "stride": stride, "out_channels": out, **fields}
        return self.add("conv", [source], out, **given)

    def join(self, sources: list[int]) -> int:
        """Return the sum of some rows; of one, the row itself."""
        if len(sources) == 1:
            return sources[0]
        return self.add("add", sources, self.channels[sources[0]])

    def pool(self, source: int, kernel: int, stride: int) -> int:
        return self.add("pool", [source], self.channels[source], kernel=kernel, stride=stride)

    def close(self, source: int, classes: int, norm: bool | str = False) -> Network:
        at = self.add("pool", [source], self.channels[source], mode="global_avg", norm=norm)
        self.add("linear", [at], classes, out_channels=classes, bias=True)
        return Network.from_layers(self.rows, (3, 32, 32))


def nas_bench_macro(arch: str) -> Network:
    """Return a network of NAS-Bench-Macro: 8 digits, 0 identity, 1 MBConv e3 k3, 2 MBConv e6 k5.

    The first position of a stage has stride 2; an identity there is a 1x1 convolution.
    """
    table = _Table()
    at = table.conv(-1, 32, 3, norm=True)
    for number, digit in enumerate(arch):
        out = 64 if number < 2 else 128 if number < 5 else 256
        first = number in (0, 2, 5)
        if digit == "0":
            at = table.conv(at, out, 1, 2, norm=True) if first else at
            continue
        expansion, kernel = ((3, 3), (6, 5))[int(digit) - 1]
        hidden = table.channels[at] * expansion
        end = table.conv(at, hidden, 1, norm=True, activation="relu6")
        more = {"groups": hidden, "norm": True, "activation": "relu6"}
        end = table.conv(end, hidden, kernel, 2 if first else 1, **more)
        end = table.conv(end, out, 1, norm=True)
        at = end if first else table.join([end, at])
    at = table.conv(at, 1280, 1, norm=True, activation="relu6")
    return table.close(at, 10)


def nas_bench_201(arch: str, width: int = 16, repeats: int = 5) -> Network | None:
    """Return a network of NAS-Bench-201 (arXiv 2001.00326) from its arch_str.

    Three stages of repeated cells, a residual block of stride 2 between them. Edges whose source
    is constantly zero are left out, and with them their parameters; None where nothing of the
    image arrives at the end.
    """
    edges = [
        (node, int(source), name)
        for node, text in enumerate(arch.split("+"), 1)
        for name, source in re.findall(r"([a-z0-9_]+)~(\d)", text)
        if name != "none"
    ]
    table = _Table()
    at = table.conv(-1, width, 3, norm=True)
    for stage in range(3):
        out = width << stage
        if stage:
            end = table.conv(at, out, 3, 2, norm=True, activation="relu")
            end = table.conv(end, out, 3, norm=True, activation="relu")
            at = table.join([end, table.conv(table.pool(at, 2, 2), out, 1)])
        for _ in range(repeats):
            nodes: dict[int, int] = {0: at}
            for node in (1, 2, 3):
                sources = []
                for where, source, name in edges:
                    if where != node or source not in nodes:
                        continue
                    end = nodes[source]
                    if name.startswith("nor_conv"):
                        end = table.conv(end, out, int(name[-1]), norm=True, activation="relu")
                    elif name == "avg_pool_3x3":
                        end = table.pool(end, 3, 1)
                    sources.append(end)
                if sources:
                    nodes[node] = table.join(sources)
            if 3 not in nodes:
                return None
            at = nodes[3]
    return table.close(at, 10, norm="output")


def imgclsmob(model: str, classes: int = 10) -> Network | None:
    """Return a network of osmr/imgclsmob for 32x32 images, by name; None where it cannot be told.

    ResNet, PreResNet, WRN, ResNeXt, DenseNet and PyramidNet, with or without SE or DIA.
    """
    name = re.sub(r"^(SE|DIA)-", "", model)
    numbers = [int(text) for text in re.findall(r"\d+", name)]
    if re.fullmatch(r"(Pre)?ResNet-\d+(\(BN\))?", name):
        return _resnet(numbers[0], name.startswith("Pre"), classes)
    if re.fullmatch(r"WRN-\d+-\d+", name):
        return _wide(numbers[0], numbers[1], classes)
    if name.startswith("ResNeXt-"):
        return _resnext(*numbers, classes)
    if name.startswith("DenseNet-"):
        return _densenet(numbers[0], numbers[1], name.startswith("DenseNet-BC"), classes)
    if name.startswith("PyramidNet-"):
        return _pyramid(numbers[0], numbers[1], name.endswith("BN)"), classes)
    return None


def _resnet(depth: int, pre: bool, classes: int) -> Network:
    bottleneck = (depth - 2) % 9 == 0 and depth > 110 and depth != 1202
    units = (depth - 2) // (9 if bottleneck else 6)
    table = _Table()
    at = table.conv(-1, 16, 3, norm=not pre, activation=None if pre else "relu")
    for stage in range(3):
        out = (64 if bottleneck else 16) << stage
        for unit in range(units):
            stride = 2 if stage and not unit else 1
            at = _unit(table, at, out, stride, pre, out // 4 if bottleneck else 0, 1)
    return table.close(at, classes, "input" if pre else False)


def _wide(depth: int, factor: int, classes: int) -> Network:
    table = _Table()
    at = table.conv(-1, 16, 3)
    for stage in range(3):
        for unit in range((depth - 4) // 6):
            at = _unit(table, at, 16 * factor << stage, 2 if stage and not unit else 1, True, 0, 1)
    return table.close(at, classes, "input")


def _resnext(depth: int, cardinality: int, width: int, classes: int) -> Network:
    table = _Table()
    at = table.conv(-1, 64, 3, norm=True, activation="relu")
    for stage in range(3):
        out = 256 << stage
        hidden = cardinality * (out // 4 * width // 64)
        for unit in range((depth - 2) // 9):
            stride = 2 if stage and not unit else 1
            at = _unit(table, at, out, stride, False, hidden, cardinality)
    return table.close(at, classes)


def _unit(
    table: _Table, at: int, out: int, stride: int, pre: bool, hidden: int, groups: int
) -> int:
    """Add a residual block: of two 3x3 convolutions, or with `hidden` channels a bottleneck."""
    kind: dict[str, Any] = {"norm": "input" if pre else "output", "activation": "relu"}
    if hidden:
        end = table.conv(at, hidden, 1, **kind)
        end = table.conv(end, hidden, 3, stride, groups=groups, **kind)
        end = table.conv(end, out, 1, **kind)
    else:
        end = table.conv(table.conv(at, out, 3, stride, **kind), out, 3, **kind)
    if stride > 1 or table.channels[at] != out:
        at = table.conv(at, out, 1, stride, norm=False if pre else "output")
    return table.join([end, at])


def _densenet(depth: int, growth: int, bottleneck: bool, classes: int) -> Network:
    table = _Table()
    made = [table.conv(-1, 2 * growth, 3)]
    count = 2 * growth
    kind: dict[str, Any] = {"norm": "input", "activation": "relu"}
    for stage in range(3):
        for _ in range((depth - 4) // (6 if bottleneck else 3)):
            at = table.add("concat", made[::-1], count) if len(made) > 1 else made[0]
            if bottleneck:
                at = table.conv(at, 4 * growth, 1, **kind)
            made.append(table.conv(at, growth, 3, **kind))
            count += growth
        at = table.add("concat", made[::-1], count)
        if stage < 2:
            count //= 2
            made = [table.pool(table.conv(at, count, 1, **kind), 2, 2)]
    return table.close(at, classes, "input")


def _pyramid(depth: int, alpha: int, bottleneck: bool, classes: int) -> Network:
    """The width grows from block to block; shortcuts are the channels that there are."""
    units = (depth - 2) // (9 if bottleneck else 6)
    table = _Table()
    at = table.conv(-1, 16, 3, norm=True)
    for number in range(3 * units):
        width = round(16 + alpha / (3 * units) * (number + 1))
        stride = 2 if number and number % units == 0 else 1
        if bottleneck:
            end = table.conv(at, width, 1, norm="both", activation="relu")
            end = table.conv(end, width, 3, stride, norm="output", activation="relu")
            end = table.conv(end, 4 * width, 1, norm="output")
        else:
            end = table.conv(at, width, 3, stride, norm="both", activation="relu")
            end = table.conv(end, width, 3, norm="output")
        source = table.pool(at, 2, 2) if stride > 1 else at
        taken = table.channels[source]
        out = table.channels[end]
        at = table.add("add", [end, source], out, channels=None if taken == out else taken)
    return table.close(at, classes, "output")
