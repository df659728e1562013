"""Fewer points that look the same: what a picture cannot show need not be drawn."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    import numpy as np
    from numpy.typing import NDArray

__all__ = ["thinned"]

MANY = 200_000  # points, from which on less is to be done with each
FINEST = 2048  # cells along each side: finer than a screen's points


def thinned(
    x: Any, y: Any, most: int, *, log: tuple[bool, bool] = (False, False)
) -> NDArray[np.int64]:
    """Return the numbers of at most so many points, rising, that look like all of them.

    One point of each cell of a grid over the picture, the finest for which they are no more than
    `most`; with them the first and the last, the least and the greatest of x and of y.

    Parameters
    ----------
    x, y : ndarray of shape (n,)
        Finite; above 0 on logarithmic axes.
    most : int
        At least 6.
    log : (bool, bool)
        Whether the axes are logarithmic.
    """
    import numpy as np

    n = len(x)
    if n <= most:
        return np.arange(n)
    places = [
        _shares(np.asarray(one, dtype=float), own) for one, own in zip((x, y), log, strict=True)
    ]
    corners = [int(f(one)) for one in places for f in (np.argmin, np.argmax)]
    ends: NDArray[np.int64] = np.unique(np.array([0, n - 1, *corners], dtype=np.int64))
    some = np.arange(n)
    if n > MANY:  # one point of each of the smallest cells: all others lie with one of them
        some = np.union1d(_first(places, FINEST), ends)
        places = [one[some] for one in places]
    few, many = 1, FINEST
    best = ends
    while few <= many:  # the number of cells that are not empty rises with the grid's fineness
        side = (few + many) // 2
        found = np.union1d(some[_first(places, side)], ends)
        if len(found) <= most:
            few, best = side + 1, found
        else:
            many = side - 1
    return best


def _first(places: list[NDArray[Any]], side: int) -> NDArray[np.int64]:
    """Return the number of the first point of each cell of a grid."""
    import numpy as np

    cell = [np.minimum((one * side).astype(np.int64), side - 1) for one in places]
    both = cell[0] * side + cell[1]
    if len(both) < MANY:
        return np.unique(both, return_index=True)[1]
    found = np.full(side * side, -1)  # without sorting them
    found[both[::-1]] = np.arange(len(both))[::-1]  # of several the last that is written
    return found[found >= 0]


def _shares(values: NDArray[Any], log: bool) -> NDArray[Any]:
    """Return where values lie along an axis, from 0 to 1."""
    import numpy as np

    if log:
        values = np.log(values)
    low, high = values.min(), values.max()
    return (values - low) / (high - low) if high > low else np.zeros(len(values))
