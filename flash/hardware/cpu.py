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
=====================  ======================================================================

Latency is their sum, weighted; residual additions, activations, pools and folded norms are free.
"""

from __future__ import annotations

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
)
COLUMNS = ("latency_ms", "energy_mj")
SCALE = None  # no classes
GROUPED = True
# score, latency, energy, area, params, macs: 2^-36 ms is 15 femtoseconds; totals end at 2^17 ms
QUANTUM = (2.0**-36, 2.0**-36, 2.0**-36, 2.0**-36, 1.0, 1.0)
LINKS: tuple[str, ...] = ()


def check_links(data: Any, where: str) -> dict[str, Any]:
    """Return the links of a target file, checked: there are none."""
    from ._format import table

    return dict(table(data, where, LINKS))


def links(data: dict[str, Any]) -> dict[str, Any]:
    """Return the core's links: none, latency is a plain sum."""
    return {}
