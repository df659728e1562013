"""Processors: latency of a layer-by-layer runtime from counts of its inner loops.

Features of a convolution with output size P = height x width, ``cg`` input channels a group; the
runtime pads channels to blocks of 16 (``out``, ``cp``); a linear layer is a 1x1 convolution on one
position; depthwise means one channel a group:

=====================  ======================================================================
macs_spatial           dense with a kernel above 1: P * kernel^2 * cp * out
accumulations          dense: P * out * ceil(cg / 16), additions into the output
weights_streamed       dense: weights beyond 65536 numbers, once per output line
macs_depthwise         depthwise: P * kernel^2 * out
weights_depthwise      depthwise: kernel^2 * out
elementwise            numbers written by concatenations and by norms that can't be folded into
                       the convolution before them: those after an addition or a concatenation
elementwise_unaligned  the same where channels are no multiple of 16
im2col                 dense, cg at least 16 and no multiple of 4: P * kernel^2 * cg
out_unaligned          P * channels where output channels are no multiple of 16
kernels                1 per convolution or linear layer
macs_pointwise         dense with a kernel of 1: P * cg * channels, nothing padded
weights                dense: kernel^2 * cg * channels, read once
maps_out               P * output channels of every convolution: written, and read again by the
                       norm and the activation where a runtime does not fuse them
adds                   numbers that residual additions add, per input after the first
pools                  numbers that poolings read: P * channels * kernel^2
passes                 1 per concatenation, norm that can't be folded, and pooling
joins                  1 per addition (an input after the first)
=====================  ======================================================================

Latency is their sum, weighted. Which of them a device spends time on is told by the fit: a runtime
that folds norms, fuses activations and adds in place has coefficients for the first ten alone. A
`pool` of kernel 1 stands for any other pass over the maps.
"""

from __future__ import annotations

from ..base.checks import table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

FEATURES = (
    "macs_spatial",
    "accumulations",
    "weights_streamed",
    "macs_depthwise",
    "weights_depthwise",
    "elementwise",
    "elementwise_unaligned",
    "im2col",
    "out_unaligned",
    "kernels",
    "macs_pointwise",
    "weights",
    "maps_out",
    "adds",
    "pools",
    "passes",
    "joins",
)
FUSED = FEATURES[:10]  # of a runtime that fuses what it can; these the vector kernels have
ALIKE = (  # whose coefficients are of a size: of calls, of multiplications; the rest are numbers
    ("kernels", "passes", "joins"),
    ("macs_spatial", "macs_depthwise", "macs_pointwise"),
)
FASTEST_MACS_PER_MS = 3e8  # more than processors do of one image's layers
COLUMNS = ("latency_ms", "energy_mj")
SCALE = None  # no classes
GROUPED = True
# score, latency, energy, area, params, macs: 2^-36 ms is 15 femtoseconds; totals end at 2^17 ms
QUANTUM = (2.0**-36, 2.0**-36, 2.0**-36, 2.0**-36, 1.0, 1.0)
LINKS: tuple[str, ...] = ()


def check_links(where: str, data: Any) -> dict[str, Any]:
    """Return the links of a target file, checked: there are none."""
    return dict(table(where, data, LINKS))


def links(data: dict[str, Any]) -> dict[str, Any]:
    """Return the core's links: none, latency is a plain sum."""
    return {}


def array(parameters: dict[str, Any], where: str) -> tuple[int, int]:
    """Return the rows and columns of an array: none are read here."""
    return 1, 1
