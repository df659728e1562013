"""Peak memory of the four families' networks, of all rows of a cell at once.

The schedule of `memory` on the layers of `builders`, in closed form: a network's peak is the image
and the largest of its stem's, its cells' and its head's. A cell begins with the one value that the
cell before hands on and ends with its own. What it takes between is below; nothing depends on
kernels, nor on which links were drawn. In numbers, whatever their bits.
"""

from __future__ import annotations

import numpy as np

from .families import STYLES, stem_width

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    import numpy.typing as npt

    Numbers = npt.NDArray[np.int64]

__all__ = ["peaks_of_cell", "side_of"]

MOBILE_HEAD = 1280  # channels at least of what mobilenet-v2 has before its head


def side_of(family: str, resolution: int) -> int:
    """Return the side of the maps that enter cell 0."""
    if resolution <= 64:
        return resolution
    side = -(-resolution // 2)
    return side if family == "mobilenet-v2" else -(-side // 2)


def peaks_of_cell(
    family: str,
    resolution: int,
    side: int,
    stride: int,
    into: Any,
    width: Any,
    depth: Any,
    skips: Any,
    expansion: Any,
    first: bool,
    classes: int | None = None,
    keeps_image: bool = True,
) -> Numbers:
    """Return the peak of each row of a cell, with the image, and the stem's or the head's.

    Parameters
    ----------
    family : str
    resolution : int
    side : int
        Of the maps that enter the cell.
    stride : int
    into, width, depth, skips, expansion : arrays of int64
        Of each row: the channels that enter (of cell 0 they follow from the width), and its
        choices.
    first : bool
        Whether it is cell 0: the stem is with it.
    classes : int, optional
        Of the last cell: those of the head, which is with it.
    keeps_image : bool
        Whether the image stays, which is so unless it is of 8 bits (see `memory`).
    """
    big = resolution > 64
    before = STYLES[family][0] == "input"  # norms are before convolutions
    if first:
        into = np.broadcast_to(stem_width(family, width, big), width.shape)
    after, image = -(-side // stride), 3 * resolution**2
    enters, leaves = into * side**2, width * after**2
    peak: Any
    if family == "densenet":
        if first and not big:  # the very first convolution reads the image
            enters = np.full_like(leaves, 0 if keeps_image else image)
        peak = np.maximum(enters + leaves, _linked(width, depth, skips) * after**2)
    else:
        same = (into == width) & (stride == 1)  # a first block that hands on what it is like
        carries = (skips > 0) & ((depth > 1) | same)
        # a sum is written onto what it adds, or is a third map
        third = carries if before else carries & (skips < width)
        peak = np.where(third, 3 * leaves, 0)
        if family == "mobilenet-v2":
            taken = np.minimum(skips, width)
            own = _inverted(into, width, expansion, side, after, taken * same)
            later = _inverted(width, width, expansion, after, after, taken)
            peak = np.maximum(peak, np.maximum(own, np.where(depth > 1, later, 0)))
        else:
            peak = np.maximum(peak, np.maximum(enters, leaves) + leaves)
    if first and big and before:
        peak = np.maximum(peak, 2 * enters)  # what a pooling hands on is normed in another map
    if first:
        peak = np.maximum(peak, _stem(family, resolution, into, 0 if keeps_image else image))
    if classes is not None:
        peak = np.maximum(peak, _head(family, leaves, after**2, width, classes))
    found: Numbers = peak + image if keeps_image else peak
    return found


def _linked(width: Any, depth: Any, skips: Any) -> Any:
    """Return the channels that the layers of a concatenation cell hold, from the second on.

    With links every layer's channels are there until the last one has read them; a layer reads a
    map of what it takes, normed in another map. The last two are the largest.
    """
    last = np.minimum(skips, width * np.maximum(depth - 2, 0))
    before = np.minimum(skips, width * np.maximum(depth - 3, 0))
    some = np.maximum(depth * width + last, 2 * (width + last))
    some = np.maximum(some, np.where(depth > 3, (depth - 2) * width + 2 * (width + before), 0))
    plain = np.where(depth > 1, 2 * width, 0)
    return np.where(last > 0, np.maximum(some, 3 * width), plain)


def _inverted(into: Any, width: Any, expansion: Any, side: int, after: int, taken: Any) -> Any:
    """Return what an inverted residual holds, but for its sum; taken: its residual's channels."""
    hidden, enters = into * expansion, into * side**2
    wide, deep = hidden * side**2, hidden * after**2
    kept = np.where(taken > 0, enters, 0)
    made = np.where(taken < width, width * after**2, 0)  # a whole residual is written onto
    expanded = np.maximum(enters + wide, kept + wide + deep)
    begun = np.where(expansion > 1, expanded, enters + deep)
    return np.maximum(begun, kept + deep + made)


def _stem(family: str, resolution: int, into: Any, image: int) -> Any:
    """Return what the stem holds; image: the numbers of it that are freed after its first row."""
    if resolution <= 64:  # densenet has none
        return 0 if family == "densenet" else into * resolution**2 + image
    half = -(-resolution // 2)
    pooled = 0 if family == "mobilenet-v2" else (-(-half // 2)) ** 2
    return np.maximum(into * (half**2 + pooled), into * half**2 + image)


def _head(family: str, leaves: Any, spots: int, width: Any, classes: int) -> Any:
    if family != "mobilenet-v2":
        return np.maximum(leaves, classes) + width  # pooled, then classified
    last = np.maximum(MOBILE_HEAD, 4 * width)
    return np.maximum(np.maximum(leaves, last) + last * spots, last + classes)
