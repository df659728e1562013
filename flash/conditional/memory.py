"""Peak memory of every row of compiled tables: a network's is the largest of its cells'."""

from __future__ import annotations

import numpy as np

from ..networks.cell_memory import peaks_of_cell, side_of
from .names import column_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    import numpy.typing as npt

    from ..spaces.space import SearchSpace

__all__ = ["peaks_of"]

KINDS = ("width", "depth", "skips", "expansion")


def peaks_of(
    space: SearchSpace, variant: int, sizes: Sequence[int], int8: bool = False
) -> list[npt.NDArray[np.float64]]:
    """Return the peak of each row of each cell of a variant, in numbers; of a `BlockSpace` in
    bytes.

    Parameters
    ----------
    space : SearchSpace
    variant : int
    sizes : sequence of int
        Rows of each cell in the tables, which repeat a cell's rows for each width that comes in.
    int8 : bool
        Whether numbers are of 8 bits, and not of 32.
    """
    if space.numbering is not None:
        from ..problem.blocks import peaks_of as peaks_of_blocks

        return peaks_of_blocks(space, variant, int8)
    _, classes, variants = space.plan()
    _, resolution, cells = variants[variant]
    side = side_of(space.family, resolution)
    found = []
    before: Any = np.zeros(1, np.int64)  # widths that may come in
    for number, (cell, size) in enumerate(zip(cells, sizes, strict=True)):
        width, depth, skips, expansion = (column_of(cell, kind).astype(np.int64) for kind in KINDS)
        rows = len(width)
        repeats = size // rows
        assert number == 0 or repeats == len(before)
        into = np.repeat(before, rows) if number else before
        width, depth, skips, expansion = (
            np.tile(one, repeats) for one in (width, depth, skips, expansion)
        )
        last = classes if number + 1 == len(cells) else None
        stride = cell[0]
        peaks = peaks_of_cell(
            space.family, resolution, side, stride, into, width, depth, skips, expansion,
            number == 0, last, not int8,
        )  # fmt: skip
        found.append(peaks.astype(np.float64))
        side = -(-side // stride)
        before = np.array(cell[1], np.int64)
    return found
