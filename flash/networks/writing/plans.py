"""Stems, heads and blocks of the families as plain numbers: what their modules, and the source code
of these, are made of."""

from __future__ import annotations

from ..families import STYLES, convolutions, residual_blocks, stem_width, stride_of_cell

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..architecture import Architecture

    Unit = dict[str, Any]  # arguments of `parts.conv_unit`

__all__ = ["after_of", "body_of", "carried", "features_of", "is_bare", "stem_of", "stride_of"]


def stem_of(arch: Architecture) -> tuple[Unit | None, bool, int]:
    """Return the stem's convolution, whether a pool follows it, and the channels it hands on."""
    family, big = arch.family, arch.is_imagenet
    channels = stem_width(family, arch.cells[0].width, big)
    if family == "densenet" and not big:
        return None, False, channels
    mobile = family == "mobilenet-v2"
    unit: Unit = {"in_channels": 3, "out_channels": channels}
    unit["kernel"] = 7 if big and not mobile else 3
    if big:
        unit["stride"] = 2
    # before convolutions that have their norm on the input, the first block has the stem's
    if family == "densenet" or STYLES[family][0] != "input":
        unit["norm"], unit["activation"] = "output", STYLES[family][1]
    return unit, big and not mobile, channels


def stride_of(arch: Architecture, number: int) -> int:
    """Return the stride of a cell's first layer or block."""
    return stride_of_cell(arch.family, number, arch.is_imagenet)


def is_bare(arch: Architecture, number: int) -> bool:
    """Whether a concatenation cell's first layer is a convolution alone: it sees the image."""
    return number == 0 and not arch.is_imagenet


def carried(arch: Architecture, number: int) -> list[tuple[int, ...]]:
    """Return for each layer or block of a cell the channels of its long-range links."""
    blocks = range(arch.cells[number].depth)
    if arch.family == "densenet":
        return [arch.links_into(number, layer) for layer in blocks]
    carries = residual_blocks(arch, number)
    return [arch.links_into(number, block) if block in carries else () for block in blocks]


def after_of(arch: Architecture, residual: bool) -> str | None:
    """Return the activation of a block's sum."""
    return STYLES[arch.family][2] if residual else None


def body_of(
    arch: Architecture, number: int, in_channels: int, stride: int, residual: bool
) -> list[Unit]:
    """Return the convolutions of a block."""
    norm, activation, after = STYLES[arch.family]
    block, strided = convolutions(arch.family, in_channels, arch.cells[number])
    units = []
    for place, (into, out, kernel, groups) in enumerate(block):
        act: str | None = activation
        if norm == "output" and place + 1 == len(block):
            act = None if residual else after  # with a residual it follows the sum
        unit: Unit = {"in_channels": into, "out_channels": out, "kernel": kernel}
        unit["stride"] = stride if place == strided else 1
        unit.update(norm=norm, activation=act, groups=groups)
        units.append(unit)
    return units


def features_of(arch: Architecture) -> tuple[Unit | None, bool, int]:
    """Return the head's convolution, whether it begins with a norm instead, and the channels that
    the classifier reads."""
    channels = arch.cells[-1].width
    if arch.family == "mobilenet-v2":
        wide = max(1280, 4 * channels)
        unit: Unit = {"in_channels": channels, "out_channels": wide, "kernel": 1}
        return {**unit, "norm": "output", "activation": "relu6"}, False, wide
    return None, STYLES[arch.family][0] == "input", channels
