"""The published networks as `flash.Network`: their tables give names, not layers.

Each builder follows the definition that its accuracies were trained with. Squeeze-and-excitation
and DIA units are no rows of a Network: such networks are built without them, as their backbones.
"""

from __future__ import annotations

import re
from typing import Any

from flash.networks.network import Network
from flash.networks.rows import Rows
from flash.spaces.nas_bench import nas_bench_201, nas_bench_macro

__all__ = ["imgclsmob", "nas_bench_201", "nas_bench_macro"]


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
        depth, cardinality, width = numbers
        return _resnext(depth, cardinality, width, classes)
    if name.startswith("DenseNet-"):
        return _densenet(numbers[0], numbers[1], name.startswith("DenseNet-BC"), classes)
    if name.startswith("PyramidNet-"):
        return _pyramid(numbers[0], numbers[1], name.endswith("BN)"), classes)
    return None


def _resnet(depth: int, pre: bool, classes: int) -> Network:
    bottleneck = (depth - 2) % 9 == 0 and depth > 110 and depth != 1202
    units = (depth - 2) // (9 if bottleneck else 6)
    table = Rows()
    at = table.conv(-1, 16, 3, norm=not pre, activation=None if pre else "relu")
    for stage in range(3):
        out = (64 if bottleneck else 16) << stage
        for unit in range(units):
            stride = 2 if stage and not unit else 1
            at = _unit(table, at, out, stride, pre, out // 4 if bottleneck else 0, 1)
    return table.close(at, classes, "input" if pre else False)


def _wide(depth: int, factor: int, classes: int) -> Network:
    table = Rows()
    at = table.conv(-1, 16, 3)
    for stage in range(3):
        for unit in range((depth - 4) // 6):
            at = _unit(table, at, 16 * factor << stage, 2 if stage and not unit else 1, True, 0, 1)
    return table.close(at, classes, "input")


def _resnext(depth: int, cardinality: int, width: int, classes: int) -> Network:
    table = Rows()
    at = table.conv(-1, 64, 3, norm=True, activation="relu")
    for stage in range(3):
        out = 256 << stage
        hidden = cardinality * (out // 4 * width // 64)
        for unit in range((depth - 2) // 9):
            stride = 2 if stage and not unit else 1
            at = _unit(table, at, out, stride, False, hidden, cardinality)
    return table.close(at, classes)


def _unit(table: Rows, at: int, out: int, stride: int, pre: bool, hidden: int, groups: int) -> int:
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
    table = Rows()
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
    table = Rows()
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
