"""Bytes of the weights of every row of compiled tables, in integers of 8 bits.

By the rule of `Layer.weights_bytes`: weights of a byte, twelve bytes an output channel, and a byte
for each parameter that no convolution takes up. Weights and channels are two features of
microcontrollers, whose tables are compiled here whatever the target; the rest follows from the
parameters.
"""

from __future__ import annotations

import numpy as np

from .._core.model.compile import Model, compile_tables
from ..base.names import N_METRICS, Column
from ..hardware.mcu import FEATURES
from ..networks.families import STYLES, stem_width
from ..networks.layer import CHANNEL_BYTES
from .names import column_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    import numpy.typing as npt

    from .._core.tables.tables import Tables
    from ..spaces.space import SearchSpace

__all__ = ["Stored"]

WANTED = 1 << Column.SCORE | 1 << Column.LATENCY | 1 << Column.ENERGY | 1 << Column.PARAMS
BIG = 64  # pixels of the largest image without the stem of large ones


class Stored:
    """What the networks of a space take of a memory for weights.

    Parameters
    ----------
    space : SearchSpace
    """

    def __init__(self, space: SearchSpace) -> None:
        self.space = space
        rows = [[0.0] * Column.PARAMS for _ in FEATURES]
        rows[FEATURES.index("weights")][Column.LATENCY] = 1.0
        rows[FEATURES.index("channels")][Column.ENERGY] = 1.0
        links = {"modelled": (1 << N_METRICS) - 1}
        model = Model("mcu", rows, (1.0,) * N_METRICS, links, (1, 1))
        self.tables: Tables = compile_tables(space.core_plan, model, WANTED)
        self._bytes: dict[int, list[npt.NDArray[np.float64]]] = {}

    def bytes_of(self, variant: int) -> list[npt.NDArray[np.float64]]:
        """Return the bytes of each row of each cell of a variant."""
        if variant not in self._bytes:
            self._bytes[variant] = self._worked_out(variant)
        return self._bytes[variant]

    def _worked_out(self, variant: int) -> list[npt.NDArray[np.float64]]:
        _, classes, variants = self.space.plan()
        _, resolution, cells = variants[variant]
        sizes = self.tables.rows[variant]
        found = []
        for c in range(len(sizes)):
            weights, channels, params = (
                self._column(variant, c, k) for k in (Column.LATENCY, Column.ENERGY, Column.PARAMS)
            )
            own = CHANNEL_BYTES * channels
            if STYLES[self.space.family][0] == "output":  # all norms are convolutions'
                found.append(own + weights)
                continue
            own += params
            if c + 1 == len(sizes):  # the classifier's bias is among the channels' bytes
                own -= classes
            if c == 0 and resolution > BIG and self.space.family == "densenet":
                own -= 2 * self._stems(cells[0], sizes[0])
            found.append(own)
        return found

    def _stems(self, cell: Sequence[Any], size: int) -> npt.NDArray[np.float64]:
        """Return the channels of the stem, whose norm is on its output, of each row of cell 0."""
        width = column_of(cell, "width").astype(np.int64)
        wide: Any = np.broadcast_to(stem_width(self.space.family, width, True), width.shape)
        return np.tile(wide, size // len(width)).astype(np.float64)

    def _column(self, variant: int, cell: int, k: int) -> npt.NDArray[np.float64]:
        raw = self.tables.column(variant, cell, k)
        assert raw is not None  # it is among those wanted
        return np.frombuffer(raw)
