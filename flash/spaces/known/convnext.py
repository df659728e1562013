"""ConvNeXt: depthwise convolutions of many sizes in residual blocks, after Liu et al. 2022.

"A ConvNet for the 2020s", arXiv 2201.03545; torchvision's convnext_tiny, small, base and large and
timm's convnext_atto, femto, pico and nano are networks of this space.
"""

from __future__ import annotations

from ...base.checks import choice, flag, integer, is_list, items, public, shown
from ...errors import ArgumentError
from ..blocks.options import Option
from ..blocks.space import BlockSpace
from ..blocks.stage import Stage
from ..choices import Range, parse
from .origins import images, origin_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    import torch

    from ..choices import Choices, Given, PerCell

    Rows = list[dict[str, Any]]
    Shape = tuple[int, ...]

__all__ = ["BLOCK", "DOWNSAMPLE", "HEAD", "PUBLISHED", "STEM", "ConvNeXt"]

# Widths and depths of each stage, kernels 7 and ratios 4: atto to nano as timm has them.
PUBLISHED: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {
    "atto": ((40, 80, 160, 320), (2, 2, 6, 2)),
    "femto": ((48, 96, 192, 384), (2, 2, 6, 2)),
    "pico": ((64, 128, 256, 512), (2, 2, 6, 2)),
    "nano": ((80, 160, 320, 640), (2, 2, 8, 2)),
    "tiny": ((96, 192, 384, 768), (3, 3, 9, 3)),
    "small": ((96, 192, 384, 768), (3, 3, 27, 3)),
    "base": ((128, 256, 512, 1024), (3, 3, 27, 3)),
    "large": ((192, 384, 768, 1536), (3, 3, 27, 3)),
}
WIDTHS = ((96, 128), (192, 256), (384, 512), (768, 1024))
DEPTHS = ((2, 3), (2, 3), Range(6, 27, 3), (2, 3))
KERNELS = (3, 5, 7)
RATIOS = (2, 3, 4)
PATCH = 4
MAX_KERNEL = 31
MAX_RATIO = 16
USUAL: dict[str, Any] = {
    "preset": None,
    "widths": None,
    "depths": None,
    "kernels": KERNELS,
    "ratios": RATIOS,
    "shared": False,
    "input": (3, 224, 224),
    "num_classes": 1000,
    "bits": 32,
}


# Rows of blocks, as `Network.from_torch` reads the modules of `_convnext_torch`.


def stem_rows(in_channels: int, out_channels: int, stride: int, *, patch: int = PATCH) -> Rows:
    """Return a convolution of patches that do not overlap, and a layer norm."""
    return [_patches(in_channels, out_channels, patch, -1), _norm(out_channels, 0)]


def downsample_rows(in_channels: int, out_channels: int, stride: int) -> Rows:
    """Return a layer norm, and a convolution of patches as large as the stride."""
    return [_norm(in_channels, -1), _patches(in_channels, out_channels, stride, 0)]


def block_rows(
    in_channels: int,
    out_channels: int,
    stride: int,
    *,
    kernel: Any = KERNELS,
    ratio: Any = RATIOS,
    shape: Shape,
) -> Rows:
    """Return a residual block, behind a downsampling where stride or width change."""
    _, height, width = shape
    rows: Rows = []
    if stride != 1 or in_channels != out_channels:
        rows = downsample_rows(in_channels, out_channels, stride)
        height, width = ((side - stride) // stride + 1 for side in (height, width))
    start = len(rows) - 1
    wide = ratio * out_channels
    sides = {"height": height, "width": width}  # a linear layer at each position
    more = {"kernel": kernel, "groups": out_channels, "bias": True, "inputs": [start]}
    return [
        *rows,
        _row("conv", out_channels, out_channels, **more),
        _norm(out_channels, start + 1),
        _row("linear", out_channels, wide, **sides, bias=True, activation="gelu"),
        _row("linear", wide, out_channels, **sides, bias=True),
        _row("scale", out_channels, out_channels, mode="mul", extra_params=out_channels),
        _row("add", out_channels, out_channels, inputs=[start + 5, start]),
    ]


def head_rows(in_channels: int, out_channels: int, stride: int) -> Rows:
    """Return global pooling, a layer norm and a linear layer."""
    return [
        _row("pool", in_channels, in_channels, mode="global_avg", inputs=[-1]),
        _norm(in_channels, 0),
        _row("linear", in_channels, out_channels, bias=True),
    ]


def _patches(in_channels: int, out_channels: int, side: int, source: int) -> dict[str, Any]:
    more = {"kernel": side, "stride": side, "padding": 0, "bias": True, "inputs": [source]}
    return _row("conv", in_channels, out_channels, **more)


def _norm(channels: int, source: int) -> dict[str, Any]:
    more = {"mode": "layer", "extra_params": 2 * channels, "inputs": [source]}
    return _row("norm", channels, channels, **more)


def _row(kind: str, in_channels: int, out_channels: int, **more: Any) -> dict[str, Any]:
    return {"kind": kind, "in_channels": in_channels, "out_channels": out_channels, **more}


# The same as modules


def stem_module(
    in_channels: int, out_channels: int, stride: int, *, patch: int = PATCH
) -> torch.nn.Module:
    """Return the stem as a torch module."""
    from . import _convnext_torch as modules

    return modules.Stem(in_channels, out_channels, patch)


def downsample_module(in_channels: int, out_channels: int, stride: int) -> torch.nn.Module:
    """Return a downsampling as a torch module."""
    from . import _convnext_torch as modules

    return modules.Downsample(in_channels, out_channels, stride)


def block_module(
    in_channels: int,
    out_channels: int,
    stride: int,
    *,
    kernel: int,
    ratio: int,
    shape: Shape,
) -> torch.nn.Module:
    """Return a residual block as a torch module."""
    from . import _convnext_torch as modules

    return modules.block(in_channels, out_channels, stride, kernel, ratio)


def head_module(in_channels: int, out_channels: int, stride: int) -> torch.nn.Module:
    """Return the head as a torch module."""
    from . import _convnext_torch as modules

    return modules.Head(in_channels, out_channels)


STEM = Option(stem_rows, stem_module)
DOWNSAMPLE = Option(downsample_rows, downsample_module)
BLOCK = Option(block_rows, block_module, shape=True)
HEAD = Option(head_rows, head_module)


@public
def ConvNeXt(
    preset: str | None = None,
    *,
    widths: PerCell | None = None,
    depths: PerCell | None = None,
    kernels: Given = KERNELS,
    ratios: Given = RATIOS,
    shared: bool = False,
    input: Any = (3, 224, 224),
    num_classes: int = 1000,
    bits: int = 32,
) -> BlockSpace:
    """Return a space of ConvNeXt networks.

    A stem of 4 x 4 patches, stages of residual blocks (a depthwise convolution, a layer norm, a
    linear layer that widens, GELU, one that narrows, a learned scale, an addition), between stages
    a layer norm and a convolution of 2 x 2 patches, and a head of pooling, layer norm and linear
    layer.

    Parameters
    ----------
    preset : {None, "atto", "femto", "pico", "nano", "tiny", "small", "base", "large"}
        A published network, which is then the largest of the space: its widths, and of each stage
        half of its blocks to all of them. None: widths and depths of tiny, small and base.
    widths : sequence of int, list or Range, optional
        Channels of each stage: one entry per stage, a number or several to choose from.
        Default ``((96, 128), (192, 256), (384, 512), (768, 1024))``.
    depths : sequence of int, list or Range, optional
        Blocks of each stage, likewise. Default ``((2, 3), (2, 3), Range(6, 27, 3), (2, 3))``.
    kernels : int, list or Range, default (3, 5, 7)
        Sides of depthwise convolutions, odd, 31 at most: each block has its own.
    ratios : int, list or Range, default (2, 3, 4)
        How many times the linear layers widen: each block has its own.
    shared : bool, default False
        Whether all blocks of a stage have one kernel and one ratio.
    input : (int, int, int) or list of them, default (3, 224, 224)
        What networks read: (channels, height, width), of sides that the stem and the stages leave
        something of: 32 and more for four stages.
    num_classes : int, default 1000
    bits : {32, 16, 8, 4}, default 32
        Of weights and activations: what memory budgets count.

    Returns
    -------
    BlockSpace
        Stages "stem", "stage1", "down2", "stage2", ..., "head".

    Raises
    ------
    ArgumentError, ArgumentTypeError
        If an argument is not accepted.

    Notes
    -----
    Liu et al., "A ConvNet for the 2020s", 2022, arXiv 2201.03545. Networks of kernels 7 and ratios
    4 have the parameters and multiply-accumulates of torchvision's and timm's models of these
    names, and their weights in the same order.

    Examples
    --------
    >>> space = ConvNeXt("tiny")
    >>> flash.search(space, "cpu-x86", max_latency_ms=50.0)
    """
    num_classes = integer("num_classes", num_classes, 1, 1 << 24)
    bits = integer("bits", bits, 1, 32)
    flag("shared", shared)
    given = {"preset": preset, "widths": widths, "depths": depths, "kernels": kernels}
    given |= {"ratios": ratios, "shared": shared, "input": input}
    given |= {"num_classes": num_classes, "bits": bits}
    if preset is None:
        usual: tuple[Sequence[Choices], Sequence[Choices]] = WIDTHS, DEPTHS
    else:
        choice("preset", preset, tuple(PUBLISHED))
        own, deep = PUBLISHED[preset]
        usual = [(one,) for one in own], [Range((one + 1) // 2, one) for one in deep]
    wide = _of_stages("widths", widths, usual[0], 1 << 16)
    many = _of_stages("depths", depths, usual[1], 1 << 8)
    if len(wide) != len(many):
        raise ArgumentError(
            f"widths and depths must have an entry for each stage, got {len(wide)} and {len(many)}"
        )
    choices = {
        "kernel": _values("kernels", kernels, MAX_KERNEL, odd=True),
        "ratio": _values("ratios", ratios, MAX_RATIO),
    }
    shapes = images(input, PATCH << (len(wide) - 1))  # something is left behind all stages
    block = Option(block_rows, block_module, choices, shape=True)
    stages = []
    for number, (width, depth) in enumerate(zip(wide, many, strict=True), 1):
        if number > 1:
            stages.append(Stage({"patches": DOWNSAMPLE}, width, stride=2, name=f"down{number}"))
        stages.append(Stage({"block": block}, None, depth, shared=shared, name=f"stage{number}"))
    return BlockSpace(
        stages,
        shapes,
        Stage({"patches": STEM}, wide[0], name="stem"),
        Stage({"classifier": HEAD}, num_classes, name="head"),
        num_classes,
        name="convnext",
        bits=bits,
        origin=origin_of(given, USUAL),
    )


def _of_stages(name: str, given: Any, usual: Sequence[Choices], most: int) -> tuple[Choices, ...]:
    """Return the choices of each stage."""
    if given is None:
        return tuple(usual)
    if isinstance(given, Range) or not is_list(given):
        raise ArgumentError(f"{name} must have an entry for each stage, got {shown(given)}")
    found = items(name, given, 16)
    if not found:
        raise ArgumentError(f"{name} must have an entry for each stage, got none")
    return tuple(parse(f"{name}[{k}]", one, 1, most) for k, one in enumerate(found))


def _values(name: str, given: Any, most: int, odd: bool = False) -> tuple[int, ...]:
    from ..choices import values

    return values(parse(name, given, 1, most, odd=odd))
