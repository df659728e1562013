"""Microcontrollers: cycles of a runtime with kernels for 8-bit integers, layer by layer.

A layer's features, nothing padded; P positions of the output, ``cg`` input channels a group:

===============  ==============================================================================
macs_conv        kernel above 1, four input channels a group or more: P * kernel^2 * cg * channels
macs_image       the same of fewer: an image's channels do not fill a word
macs_pointwise   kernel of 1 on several positions, linear layers of each position among them
macs_depthwise   one channel a group
macs_linear      linear layers, and convolutions of one position
macs_products    products of computed values, and recurrent layers
outputs          numbers that these write: each is scaled, rounded and stored
adds             numbers that additions add, per input after the first
pools            numbers that poolings read: P * channels * kernel^2
copied           numbers written by concatenations and by norms that can't be folded
moved            numbers read and written by passes of other kinds
curves           numbers through an exponential, or a table instead
calls            1 for each of all these
weights          weights of convolutions, linear and recurrent layers
channels         output channels of these: a bias, a multiplier and a shift each
===============  ==============================================================================

Latency is their sum, weighted: a coefficient is cycles of one over the clock. `parameters` say what
the device has: ``sram_kib`` and ``flash_kib``, what of them the runtime takes, and ``int8``
(`Target.memory_budgets`, `Target.int8`; any kind of target may have these). Activations relu and
relu6 are limits of the rounding and cost nothing.

The rates of the targets that come with flash are published ones of whole networks or kernels, none
was measured for flash: docs/howto/microcontrollers.md has the sources, and how far off they are
from the published latencies of other networks.
"""

from __future__ import annotations

from .cpu import COLUMNS, GROUPED, LINKS, QUANTUM, SCALE, array, check_links, links

__all__ = [
    "ALIKE",
    "BESIDE",
    "COLUMNS",
    "FASTEST_MACS_PER_MS",
    "FEATURES",
    "GROUPED",
    "LINKS",
    "QUANTUM",
    "SCALE",
    "array",
    "check_links",
    "links",
]

FEATURES = (
    *("macs_conv", "macs_image", "macs_pointwise", "macs_depthwise", "macs_linear"),
    *("macs_products", "outputs", "adds", "pools", "copied", "moved", "curves", "calls"),
    *("weights", "channels"),
)
ALIKE = (
    ("calls",),
    ("macs_conv", "macs_image", "macs_pointwise", "macs_depthwise", "macs_linear", "macs_products"),
)
FASTEST_MACS_PER_MS = 1e7
# Said of a target that is not calibrated
BESIDE = (
    ", rates of published kernels; docs/howto/microcontrollers.md has published latencies beside it"
)
