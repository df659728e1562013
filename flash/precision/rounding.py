"""Uniform rounding to a number of bits, with the scale of least squared error. Imports torch.

Of ``b`` bits a weight is one of the integers -2^(b-1) .. 2^(b-1) - 1 times its channel's scale,
zero among them; of one bit it is plus or minus the scale. The scale is, of those that the channel's
largest magnitude times `SCALES` gives, the one with the least squared error: with the largest
magnitude alone (the last of them) 2 to 4 bits lose far more. Of one bit it is the mean magnitude,
which is the least squares solution (Rastegari et al., XNOR-Net, arXiv 1603.05279, section 3.1).
"""

from __future__ import annotations

from typing import Any

import torch

__all__ = ["SCALES", "channels", "fitted", "on_grid", "rounded", "scale_of"]

SCALES = [0.2 + 0.05 * k for k in range(17)]


def rounded(x: Any, scale: Any, low: int, high: int) -> Any:
    """Return x on the grid of a scale."""
    return torch.clamp(torch.round(x / scale), low, high) * scale


def fitted(x: Any, bits: int, signed: bool, rows: bool) -> Any:
    """Return the scale of least squared error: one for each row, or one for all."""
    high = 2 ** (bits - 1) - 1 if signed else 2**bits - 1
    low = -(2 ** (bits - 1)) if signed else 0
    flat = x.flatten(1) if rows else x.flatten()[None]
    top = flat.abs().amax(1, keepdim=True).clamp_min(1e-12)
    best, least = top / high, torch.full_like(top, float("inf"))
    for share in SCALES:
        scale = share * top / high
        error = ((rounded(flat, scale, low, high) - flat) ** 2).mean(1, keepdim=True)
        best, least = torch.where(error < least, scale, best), torch.minimum(error, least)
    return best.reshape(-1, *[1] * (x.dim() - 1)) if rows else best.reshape(())


def channels(weight: Any, axis: int) -> int:
    """Return how many scales a weight has: one for each output channel."""
    return int(weight.shape[axis])


def scale_of(weight: Any, bits: int, axis: int) -> Any:
    """Return the scales of a weight, float32, shaped so that they multiply it.

    Parameters
    ----------
    weight : Tensor
        Of two dimensions or more.
    bits : int
        1 to 16.
    axis : int
        The dimension of output channels: 0, or 1 of a transposed convolution.
    """
    rows = weight.detach().float().transpose(0, axis)
    if bits == 1:
        scale = rows.flatten(1).abs().mean(1).clamp_min(1e-12)
        scale = scale.reshape(-1, *[1] * (rows.dim() - 1))
    else:
        scale = fitted(rows, bits, signed=True, rows=True)
    return scale.transpose(0, axis)


def on_grid(weight: Any, scale: Any, bits: int) -> Any:
    """Return a weight rounded to bits, in its own type."""
    x = weight.float()
    if bits == 1:
        return torch.where(x < 0, -scale, scale).to(weight.dtype)
    return rounded(x, scale, -(2 ** (bits - 1)), 2 ** (bits - 1) - 1).to(weight.dtype)
