"""Layer features of the `cpu-x86` target: the obvious twin of the compiled kernel.

onnxruntime on one thread of an AVX-512 core keeps activations in blocks of 16 channels: channels
are padded to whole blocks, and what is not a multiple of 16 (or of 4) is reordered. Norms that
directly follow a convolution are folded into it, activations and residual additions are fused into
it, so none of these cost anything here; what remains are norms of their own (pre-activation) and
concatenations. Each feature counts one kind of work; the latency is a sum of features times
non-negative coefficients. Poolings are not modelled.
"""

from __future__ import annotations

BLOCK = 16  # channels in a vector of 512 bits
ALIGNMENT = 4  # channels that onnxruntime reorders at once
CACHED_WEIGHTS = 65536  # 256 KiB; more than that is read anew for every output row

NAMES = (
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


def blocks(channels: int) -> int:
    """Return the number of blocks of 16 channels."""
    return -(-channels // BLOCK)


def features(
    kind: str,
    in_channels: int,
    out_channels: int,
    kernel: int,
    groups: int,
    out_height: int,
    out_width: int,
) -> list[float]:
    """Return the features of one layer, in the order of ``NAMES``.

    Parameters
    ----------
    kind : str
        "conv", "linear" (a convolution of kernel, height and width 1), "norm" (one that is not
        folded) or "concat"; other kinds have no features.
    in_channels, out_channels, kernel, groups : int
        Of a norm or a concatenation only ``out_channels``, those of the tensor written, count.
    out_height, out_width : int
        Size of the output.

    Returns
    -------
    list of float
        ``len(NAMES)`` non-negative integers.
    """
    f = [0.0] * len(NAMES)
    positions = out_height * out_width
    if kind in ("norm", "concat"):
        f[5] = positions * out_channels
        f[6] = positions * out_channels if out_channels % BLOCK else 0
        return f
    if kind not in ("conv", "linear"):
        return f

    cin, taps = in_channels // groups, kernel * kernel
    padded_out = BLOCK * blocks(out_channels)
    if groups > 1 and cin == 1:  # depthwise
        f[3] = positions * taps * padded_out
        f[4] = taps * padded_out
    else:
        padded_in = cin if cin < BLOCK else BLOCK * blocks(cin)
        weights = taps * padded_in * padded_out
        f[0] = positions * weights if kernel > 1 else 0
        f[1] = positions * padded_out * blocks(cin)  # sums loaded and stored, once per input block
        f[2] = max(0, weights - CACHED_WEIGHTS) * out_height
        f[7] = positions * taps * cin if cin >= BLOCK and cin % ALIGNMENT else 0
    f[8] = positions * out_channels if out_channels % BLOCK else 0
    f[9] = 1
    return f
