"""Which subnets a step of training takes: rows of choice indices, drawn uniformly."""

from __future__ import annotations

from ..base.checks import integer, shown
from ..errors import ArgumentError, ArgumentTypeError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    import numpy as np

    from .weights import Weights

    Pools = Sequence[tuple[Sequence[int], Sequence[Sequence[int]]]]

__all__ = ["Draw"]

KEPT_SUBNETS = 1 << 14


class Draw:
    """Draws subnets: each pool of choices uniformly, and each variable that is in none.

    Parameters
    ----------
    weights : Weights
        Whose space is drawn from.
    pools : sequence of (variables, rows), or None
        See `train_supernet`.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        If a pool is empty, or a number out of range or there twice.
    """

    def __init__(self, weights: Weights, pools: Pools | None) -> None:
        import numpy as np

        space = self._space = weights.space
        self._weights = weights
        self._kept: dict[tuple[int, ...], Any] = {}
        lengths, names = space.lengths, space.variables
        self._pools: list[tuple[Any, Any]] = []
        seen: set[int] = set()
        for number, pool in enumerate(pools or ()):
            where = f"pools[{number}]"
            try:
                given, rows = pool
                columns = [integer(f"{where} variable", k, 0, len(lengths) - 1) for k in given]
                values = np.array([[int(one) for one in row] for row in rows], dtype=np.int64)
            except (TypeError, ValueError) as error:
                if isinstance(error, ArgumentError):
                    raise
                raise ArgumentTypeError(
                    f"{where} must be (variables, rows of choice indices), got {shown(pool)}"
                ) from None
            if seen.intersection(columns) or len(set(columns)) < len(columns):
                raise ArgumentError(f"{where} must hold variables that no other pool has")
            seen.update(columns)
            if values.ndim != 2 or values.shape[1] != len(columns) or not len(values):
                raise ArgumentError(
                    f"{where} must hold at least one row of {len(columns)} choice indices"
                )
            for k, column in enumerate(columns):
                low, high = int(values[:, k].min()), int(values[:, k].max())
                if low < 0 or high >= lengths[column]:
                    raise ArgumentError(
                        f"{where}: choice indices of {names[column]} must be 0 to "
                        f"{lengths[column] - 1}, got {low if low < 0 else high}"
                    )
            self._pools.append((columns, values))
        for column, length in enumerate(lengths):
            if column not in seen:
                self._pools.append(([column], np.arange(length)[:, None]))

    def plain(self) -> list[Any]:
        """Return the pools as plain data."""
        return [[list(columns), values.tolist()] for columns, values in self._pools]

    def rows(self, rng: np.random.Generator, n: int) -> np.ndarray[Any, Any]:
        """Return `n` rows, shape (n, variables)."""
        import numpy as np

        picks = rng.random((n, len(self._pools)))
        out = np.zeros((n, len(self._space.lengths)), dtype=np.int64)
        for k, (columns, values) in enumerate(self._pools):
            places = np.minimum((picks[:, k] * len(values)).astype(np.int64), len(values) - 1)
            out[:, columns] = values[places]
        return out

    def subnets(self, rng: np.random.Generator, n: int) -> list[Any]:
        """Return `n` subnets."""
        found = []
        for row in map(tuple, self.rows(rng, n).tolist()):
            if row not in self._kept:
                if len(self._kept) >= KEPT_SUBNETS:
                    self._kept.clear()
                self._kept[row] = self._weights.subnet(row)
            found.append(self._kept[row])
        return found
