"""Processors: latency of a layer-by-layer runtime from counts of its inner loops.

Features of a convolution with output size P = height x width, ``cg`` input channels a group; the
runtime pads channels to blocks of 16 (``out``, ``cp``); a linear layer is a 1x1 convolution on one
position; depthwise means one channel a group:

=====================  ======================================================================
macs_spatial           dense with a kernel above 1: P * kernel^2 * cp * out
accumulations          dense: P * out * ceil(cg / 16), additions into the output
weights_streamed       dense: weights beyond 65536 numbers, once per output line (of maps that
                       are one column, as tokens and sounds: once per 32 positions)
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
moved                  numbers read and written by passes of other kinds (see below) and by
                       products of computed values
calls                  1 per such pass, product and recurrent layer
curves                 numbers through an exponential or the like: gelu, silu, sigmoid, tanh
softmaxes              numbers through a softmax
normed                 numbers normalised by their own means: layer, group, instance, RMS norms
permuted               numbers that end up elsewhere: permute, gather, scatter
resized                numbers written by an interpolation
macs_products          products of computed values: positions * channels a group * outputs
products               such products, one after another: their groups
macs_recurrent         recurrent layers: steps * states * outputs of the gates
steps                  of recurrent layers, in each direction
unrolled               numbers laid out one by one before they are multiplied: convolutions in
                       groups of no multiple of 16 channels, along one axis, of frames; of
                       transposed ones what is added up afterwards
macs_grouped           P * kernel^2 * cg * channels of convolutions in groups, not depthwise
weights_far            weights beyond 2^22 of a linear layer on one position
macs_tokens            P * cg * channels of linear layers on several positions
elus                   numbers through elu, selu, celu, logsigmoid, for which runtimes have no fast
                       way
softpluses             numbers through softplus and mish, for which they have still less
loops                  steps of GRU and plain recurrent layers, which eager runtimes make one by one
reordered              numbers that leave the runtime's blocks of channels, or come back: those of a
                       convolution with an activation of its own, other than relu and relu6, and
                       of passes over maps beside convolutions
weights_tokens         weights of linear layers on several positions
maps_far               P * channels beyond 2^18 of every convolution: what no cache holds
maps_dressed           maps_out of convolutions with a norm or an activation
kernels_dressed        1 per such convolution
windows                pools of poolings that write more than one position
maps_in                numbers that dense convolutions with a kernel above 1 read: those of a
                       runtime that lays them out anew each time
weights_maps           weights of dense convolutions that write more than one position: the same
=====================  ======================================================================

Latency is their sum, weighted. Which of them a device spends time on is told by the fit: a runtime
that folds norms, fuses activations and adds in place has coefficients for the first ten alone,
and for those from `moved` to `maps_far`, which no network of a family has but for `weights_far` and
`maps_far`; the vector kernels know no others. A `pool` of kernel 1 stands for any other pass
over the maps. The numbers of products and recurrent layers count among `accumulations` and
`macs_pointwise` too, so that devices whose calibration had none charge them as convolutions.

The other passes are those of networks that were read from elsewhere: activations other than relu
and relu6, norms of their own, products and sums number by number, copies, interpolations, sums over
axes, embeddings. A sum of what no convolution, pool, sum or concatenation hands on is among them
too, beside being an addition, for no runtime works it into another layer.
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
    "moved",
    "calls",
    "curves",
    "softmaxes",
    "normed",
    "permuted",
    "resized",
    "macs_products",
    "products",
    "macs_recurrent",
    "steps",
    "unrolled",
    "macs_grouped",
    "weights_far",
    "macs_tokens",
    "elus",
    "softpluses",
    "loops",
    "reordered",
    "weights_tokens",
    "maps_far",
    "maps_dressed",
    "kernels_dressed",
    "windows",
    "maps_in",
    "weights_maps",
)
FUSED = FEATURES[:10]  # of a runtime that fuses what it can; these the vector kernels have
ALIKE = (  # whose coefficients are of a size: of calls, of multiplications; the rest are numbers
    ("kernels", "passes", "joins", "calls", "products", "steps", "kernels_dressed"),
    (
        *("macs_spatial", "macs_depthwise", "macs_pointwise", "macs_products"),
        *("macs_recurrent", "macs_grouped", "macs_tokens"),
    ),
)
# which a fit gives coefficients where its base has some: in families they rise with others
WITH_BASE = FEATURES[-5:]
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
