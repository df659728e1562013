"""Blocks of mobile networks as layer rows: inverted residuals, the first convolution, heads.

Sandler et al., MobileNetV2 (arXiv 1801.04381): a block widens by a 1 x 1 convolution, convolves
each channel alone, and narrows; what it reads is added where that has its shape. Howard et al.,
MobileNetV3 (arXiv 1905.02244): squeeze and excitation behind the middle one, hard swish. Rows are
those that `Network.from_torch` reads of the modules in `_mbconv_torch`.
"""

from __future__ import annotations

from ...base.checks import choice, integer
from ...networks.families import make_divisible
from ..blocks.options import Option
from ..choices import parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    import torch

    from ..choices import Given

    Rows = list[dict[str, Any]]
    Shape = tuple[int, ...]

__all__ = [
    "HEAD",
    "INVERTED_RESIDUAL",
    "STEM",
    "after_stride",
    "block_option",
    "conv_row",
    "excitation_rows",
    "head_option",
    "inverted_residual",
    "layer_row",
    "mobile_choices",
    "mobile_head",
    "mobile_stem",
    "squeezed",
    "stem_option",
]

SQUEEZE = 4  # what squeeze and excitation divides channels by
MAX_RESOLUTION = 8192
MAX_EXPANSION = 64
MAX_KERNEL = 31
MAX_DEPTH = 32
MAX_MULTIPLIER = 64
ACTIVATIONS = ("relu", "relu6", "hardswish", "silu", "gelu")  # of `_mbconv_torch`


def mobile_choices(
    *,
    kernels: Given,
    expansions: Given,
    depths: Given,
    width_multipliers: Given,
    resolution: Given,
    num_classes: int,
) -> dict[str, Any]:
    """Return what the spaces of these blocks have to choose, checked."""
    factors = parse("width_multipliers", width_multipliers, above=0, high=MAX_MULTIPLIER)
    return {
        "kernels": parse("kernels", kernels, 1, MAX_KERNEL, odd=True),
        "expansions": parse("expansions", expansions, above=0, high=MAX_EXPANSION),
        "depths": parse("depths", depths, 1, MAX_DEPTH),
        "width_multipliers": factors,
        "resolution": parse("resolution", resolution, 1, MAX_RESOLUTION),
        "num_classes": integer("num_classes", num_classes, 1, 1 << 24),
    }


def middle(in_channels: int, expansion: float) -> int:
    """Return how many channels a block has between its 1 x 1 convolutions: a multiple of 8."""
    return make_divisible(in_channels * expansion)


def squeezed(channels: int) -> int:
    """Return how many channels squeeze and excitation has inside."""
    return make_divisible(channels // SQUEEZE)


def inverted_residual(
    in_channels: int,
    out_channels: int,
    stride: int,
    *,
    shape: Shape,
    kernel: Any = (3, 5, 7),
    expansion: Any = (3, 4, 6),
    activation: str = "relu6",
    se: bool = False,
) -> Rows:
    """Return an inverted residual block.

    Parameters
    ----------
    kernel : odd integers
        Of the convolution of each channel alone.
    expansion : numbers above 0
        How much wider the middle is than what the block reads, rounded to a multiple of 8; where it
        is as wide there is no first convolution.
    activation : {"relu6", "relu", "hardswish", "silu", ...}
    se : bool
        Whether there is squeeze and excitation, with a hard sigmoid.
    """
    _, height, width = shape
    wide = middle(in_channels, expansion)
    rows: Rows = []
    if wide != in_channels:
        rows.append(conv_row(in_channels, wide, height, width, inputs=(-1,), activation=activation))
    rows.append(
        conv_row(
            *(wide, wide, height, width, kernel, stride),
            groups=wide,
            inputs=(len(rows) - 1,),
            activation=activation,
        )
    )
    high, long = after_stride(height, stride), after_stride(width, stride)
    if se:
        rows += excitation_rows(wide, high, long, len(rows) - 1)
    rows.append(conv_row(wide, out_channels, high, long, inputs=(len(rows) - 1,), activation=None))
    if stride == 1 and in_channels == out_channels:
        last = len(rows) - 1
        rows.append(layer_row("add", out_channels, out_channels, high, long, inputs=(last, -1)))
    return rows


def inverted_residual_module(
    in_channels: int,
    out_channels: int,
    stride: int,
    *,
    shape: Shape,
    kernel: int,
    expansion: float,
    activation: str = "relu6",
    se: bool = False,
) -> torch.nn.Module:
    """Return the same as a torch module."""
    from ._mbconv_torch import InvertedResidual

    wide = middle(in_channels, expansion)
    inner = squeezed(wide) if se else None
    choice("activation", activation, ACTIVATIONS)
    return InvertedResidual(in_channels, wide, out_channels, kernel, stride, activation, inner)


def mobile_stem(
    in_channels: int,
    out_channels: int,
    stride: int,
    *,
    shape: Shape,
    activation: str = "relu6",
) -> Rows:
    """Return a 3 x 3 convolution with norm and activation."""
    _, height, width = shape
    return [
        conv_row(
            *(in_channels, out_channels, height, width, 3, stride),
            inputs=(-1,),
            activation=activation,
        )
    ]


def mobile_stem_module(
    in_channels: int,
    out_channels: int,
    stride: int,
    *,
    shape: Shape,
    activation: str = "relu6",
) -> torch.nn.Module:
    """Return the same as a torch module."""
    from ._mbconv_torch import convolution

    choice("activation", activation, ACTIVATIONS)
    return convolution(in_channels, out_channels, 3, stride, 1, activation)


def mobile_head(
    in_channels: int,
    num_classes: int,
    stride: int,
    *,
    shape: Shape,
    features: float = 0,
    hidden: float = 0,
    activation: str = "relu6",
    bias: bool = True,
) -> Rows:
    """Return what ends a mobile network.

    Parameters
    ----------
    features : float
        Channels of a 1 x 1 convolution before the mean over the map, as a multiple of what the head
        reads, rounded to a multiple of 8; 0: there is none.
    hidden : float
        Channels of a linear layer with an activation after it, likewise.
    bias : bool
        Of that linear layer.
    """
    _, height, width = shape
    rows: Rows = []
    wide = in_channels
    if features:
        wide = middle(in_channels, features)
        rows.append(conv_row(in_channels, wide, height, width, inputs=(-1,), activation=activation))
    rows.append(
        layer_row("pool", wide, wide, height, width, mode="global_avg", inputs=(len(rows) - 1,))
    )
    if hidden:
        more = middle(in_channels, hidden)
        rows.append(
            layer_row(
                *("linear", wide, more, 1, 1),
                bias=bias,
                activation=activation,
                inputs=(len(rows) - 1,),
            )
        )
        wide = more
    rows.append(layer_row("linear", wide, num_classes, 1, 1, bias=True, inputs=(len(rows) - 1,)))
    return rows


def mobile_head_module(
    in_channels: int,
    num_classes: int,
    stride: int,
    *,
    shape: Shape,
    features: float = 0,
    hidden: float = 0,
    activation: str = "relu6",
    bias: bool = True,
) -> torch.nn.Module:
    """Return the same as a torch module."""
    from ._mbconv_torch import head

    wide = middle(in_channels, features) if features else None
    more = middle(in_channels, hidden) if hidden else None
    choice("activation", activation, ACTIVATIONS)
    return head(in_channels, wide, more, num_classes, activation, bias)


def excitation_rows(channels: int, height: int, width: int, read: int) -> Rows:
    """Return squeeze and excitation, with a hard sigmoid, of what row `read` hands on: the rows
    right behind it."""
    inner = squeezed(channels)
    return [
        layer_row("pool", channels, channels, height, width, mode="global_avg", inputs=(read,)),
        layer_row("conv", channels, inner, 1, 1, bias=True, activation="relu", inputs=(read + 1,)),
        layer_row(
            *("conv", inner, channels, 1, 1),
            bias=True,
            activation="hardsigmoid",
            inputs=(read + 2,),
        ),
        layer_row(
            *("mul", channels, channels, height, width),
            inputs=(read, read + 3),
            reads=channels * height * width + channels,
        ),
    ]


def after_stride(side: int, stride: int) -> int:
    """Return a side behind a convolution."""
    return (side - 1) // stride + 1  # of an odd kernel with padding (kernel - 1) / 2


def conv_row(
    in_channels: int,
    out_channels: int,
    height: int,
    width: int,
    kernel: int = 1,
    stride: int = 1,
    **more: Any,
) -> dict[str, Any]:
    """Return a row of a convolution with a norm behind it."""
    return layer_row(
        *("conv", in_channels, out_channels, height, width),
        **{"kernel": kernel, "stride": stride, "padding": kernel // 2, "norm": "output", **more},
    )


def layer_row(
    kind: str, in_channels: int, out_channels: int, height: int, width: int, **more: Any
) -> dict[str, Any]:
    """Return a row of any kind."""
    return {
        "kind": kind,
        "in_channels": in_channels,
        "out_channels": out_channels,
        "height": height,
        "width": width,
        **more,
    }


def _option(build: Any, module: Any, choices: dict[str, Any]) -> Option:
    return Option(build, module, choices, shape=True)


def block_option(**choices: Any) -> Option:
    """Return `inverted_residual` with these choices; one value alone is none."""
    return _option(inverted_residual, inverted_residual_module, choices)


def stem_option(**choices: Any) -> Option:
    """Return `mobile_stem` likewise."""
    return _option(mobile_stem, mobile_stem_module, choices)


def head_option(**choices: Any) -> Option:
    """Return `mobile_head` likewise."""
    return _option(mobile_head, mobile_head_module, choices)


INVERTED_RESIDUAL, STEM, HEAD = block_option(), stem_option(), head_option()
