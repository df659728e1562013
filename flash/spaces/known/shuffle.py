"""Units of ShuffleNetV2 as layer rows, and the one with three depthwise convolutions of SPOS.

Ma et al., ShuffleNetV2 (arXiv 1807.11164): channels are shuffled, half of them pass, the other half
goes through a 1 x 1, a depthwise and a 1 x 1 convolution, and both are put together again. A unit
that changes stride or width has two branches that read all channels. Guo et al., SPOS (arXiv
1904.00420): "shuffle Xception", three depthwise convolutions, each with a 1 x 1 one behind it. The
shuffle stands at the beginning of a unit, where SPOS's code has it, and not at its end, as
ShuffleNetV2's: one unit behind another is the same either way. Squeeze and excitation stands at the
end of the branch. Rows are those that `Network.from_torch`
reads of the modules in `_shuffle_torch`.
"""

from __future__ import annotations

from ...errors import ArgumentError
from ..blocks.options import Option
from .mbconv import after_stride, conv_row, excitation_rows, layer_row, squeezed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    import torch

    Rows = list[dict[str, Any]]
    Shape = tuple[int, ...]

__all__ = ["SHUFFLE", "XCEPTION", "shuffle_option", "shuffle_unit", "xception_option"]


def shuffle_unit(
    in_channels: int,
    out_channels: int,
    stride: int,
    *,
    shape: Shape,
    kernel: Any = (3, 5, 7),
    se: bool = False,
    depthwise: int = 1,
) -> Rows:
    """Return a unit of ShuffleNetV2.

    Parameters
    ----------
    in_channels, out_channels : int
        Even numbers.
    kernel : odd integers
        Of the convolutions of each channel alone.
    se : bool
        Whether there is squeeze and excitation at the end of the branch, with a hard sigmoid.
    depthwise : {1, 3}
        How many convolutions of each channel alone there are; 3: SPOS's shuffle Xception.
    """
    half = _check(in_channels, out_channels)
    _, height, width = shape
    changes = stride != 1 or in_channels != out_channels
    high, long = after_stride(height, stride), after_stride(width, stride)
    rows: Rows = []
    if changes:
        rows += [
            conv_row(
                *(in_channels, in_channels, height, width, kernel, stride),
                groups=in_channels,
                inputs=(-1,),
            ),
            conv_row(in_channels, half, high, long, inputs=(0,), activation="relu"),
        ]
        into, source, passed = in_channels, -1, 1
    else:
        rows += [
            layer_row(
                *("move", in_channels, in_channels, height, width),
                inputs=(-1,),
                mode="permute",
                size=(height, width),
            ),
            layer_row("concat", half, half, height, width, channels=half, inputs=(0,)),
        ]
        into, source, passed = half, 1, 0

    def convolve(wide: int, out: int, *sides: int, **more: Any) -> None:
        nonlocal source
        rows.append(conv_row(wide, out, *sides, inputs=(source,), **more))
        source = len(rows) - 1

    if depthwise == 1:
        convolve(into, half, height, width, activation="relu")
        convolve(half, half, height, width, kernel, stride, groups=half)
        convolve(half, half, high, long, activation="relu")
    else:
        convolve(into, into, height, width, kernel, stride, groups=into)
        convolve(into, half, high, long, activation="relu")
        for _ in range(depthwise - 1):
            convolve(half, half, high, long, kernel, 1, groups=half)
            convolve(half, half, high, long, activation="relu")
    if se:
        rows += excitation_rows(half, high, long, source)
        source = len(rows) - 1
    joined: dict[str, Any] = {"inputs": (passed, source)}
    if not changes:  # those that were made, and of what was shuffled those that pass
        joined = {"inputs": (source, passed), "channels": half}
    rows.append(layer_row("concat", out_channels, out_channels, high, long, **joined))
    return rows


def shuffle_unit_module(
    in_channels: int,
    out_channels: int,
    stride: int,
    *,
    shape: Shape,
    kernel: int,
    se: bool = False,
    depthwise: int = 1,
) -> torch.nn.Module:
    """Return the same as a torch module."""
    from ._shuffle_torch import ShuffleUnit

    half = _check(in_channels, out_channels)
    inner = squeezed(half) if se else None
    return ShuffleUnit(in_channels, out_channels, kernel, stride, inner, depthwise)


def xception_unit(
    in_channels: int,
    out_channels: int,
    stride: int,
    *,
    shape: Shape,
    kernel: Any = (3, 5, 7),
    se: bool = False,
) -> Rows:
    """Return SPOS's shuffle Xception unit: `shuffle_unit` with three depthwise convolutions."""
    return shuffle_unit(
        in_channels, out_channels, stride, shape=shape, kernel=kernel, se=se, depthwise=3
    )


def xception_unit_module(
    in_channels: int,
    out_channels: int,
    stride: int,
    *,
    shape: Shape,
    kernel: int,
    se: bool = False,
) -> torch.nn.Module:
    """Return the same as a torch module."""
    return shuffle_unit_module(
        in_channels, out_channels, stride, shape=shape, kernel=kernel, se=se, depthwise=3
    )


def _check(in_channels: int, out_channels: int) -> int:
    """Return half of the out channels."""
    for name, count in (("in_channels", in_channels), ("out_channels", out_channels)):
        if count % 2:
            raise ArgumentError(f"{name} of a shuffle unit must be even, got {count}")
    return out_channels // 2


def shuffle_option(**choices: Any) -> Option:
    """Return `shuffle_unit` with these choices; one value alone is none."""
    return Option(shuffle_unit, shuffle_unit_module, choices, shape=True)


def xception_option(**choices: Any) -> Option:
    """Return `xception_unit` likewise."""
    return Option(xception_unit, xception_unit_module, choices, shape=True)


SHUFFLE, XCEPTION = shuffle_option(), xception_option()
