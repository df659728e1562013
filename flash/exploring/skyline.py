"""The points of a set that no other betters, in numpy: what a front under budgets is cut from.

A point *covers* a later one, in an order by (first cost, second, third, place), if it has no more
of the second and the third cost either: it betters it, or is its equal and comes first. The points
that nothing covers are the set's front, equal points once.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from numpy import ndarray

__all__ = ["best_of", "ordered", "ranks", "skyline"]

CHUNK = 1024  # points that are compared with what is kept at once
PAIRS = 192  # of these so few are compared with each other at once
MANY = 100_000  # points, of which most are ruled out before any is ranked
SAMPLE = 20_000  # of them, whose best rule the others out
PIVOTS = 64  # of these best
BITS = 21  # of a rank, three of which make a key


def best_of(costs: Sequence[ndarray[Any, Any]]) -> ndarray[Any, Any]:
    """Return the numbers of the points that nothing covers, of two or three costs, in their order.

    Of many points a sample's best first rule out what they better in the last cost, and in no other
    cost are worse than: such a point is none, whatever the order of equals.
    """
    import numpy as np

    some: Any = np.arange(len(costs[0]))
    if len(some) > MANY:
        sample = some[:: len(some) // SAMPLE]
        pivots = sample[best_of([one[sample] for one in costs])]
        own = np.stack([one[pivots].argsort().argsort() for one in costs])
        middle = pivots[own.sum(axis=0).argsort(kind="stable")]  # good in all: they rule out most
        for pivot in middle[:PIVOTS].tolist():
            covered = costs[-1][some] > costs[-1][pivot]
            for one in costs[:-1]:
                covered &= one[some] >= one[pivot]
            some = some[~covered]
    ranked = [ranks(one[some]) for one in costs]
    order = ordered(ranked)
    found: ndarray[Any, Any] = some[order[skyline([one[order] for one in ranked])]]
    return found


def ranks(costs: ndarray[Any, Any]) -> ndarray[Any, Any]:
    """Return the place of each cost among the distinct ones, from 0."""
    import numpy as np

    return np.unique(costs, return_inverse=True)[1].astype(np.int64).reshape(-1)


def ordered(own: list[ndarray[Any, Any]]) -> ndarray[Any, Any]:
    """Return the order of points by the ranks of two or three costs, of equals as they stand."""
    import numpy as np

    if len(own[0]) >= 1 << BITS:
        return np.lexsort(own[::-1])
    key = own[0]
    for one in own[1:]:
        key = (key << BITS) | one
    return np.argsort(key, kind="stable")


def skyline(own: list[ndarray[Any, Any]]) -> ndarray[Any, Any]:
    """Return which points nothing covers, of the ranks of two or three costs in `ordered`'s order.

    Returns
    -------
    ndarray of bool
    """
    import numpy as np

    n = len(own[0])
    if len(own) == 2:
        kept = np.ones(n, dtype=bool)
        least = np.minimum.accumulate(own[1])
        kept[1:] = own[1][1:] < least[:-1]
        return kept
    found = np.zeros(n, dtype=bool)
    # What is kept so far as steps: the second cost rising, and with it the third falling.
    steps: tuple[Any, Any] = (own[1][:0], own[2][:0])
    for low in range(0, n, CHUNK):
        steps = _chunk(own[1], own[2], np.arange(low, min(low + CHUNK, n)), steps, found)
    return found


def _chunk(
    second: ndarray[Any, Any],
    third: ndarray[Any, Any],
    some: ndarray[Any, Any],
    steps: tuple[Any, Any],
    found: ndarray[Any, Any],
) -> tuple[Any, Any]:
    """Mark what nothing covers of some points; return the steps with them."""
    import numpy as np

    b, c = steps
    if len(b):
        # the last step whose second cost is no more has the least third cost of all that are
        at = np.searchsorted(b, second[some], side="right") - 1
        some = some[(at < 0) | (c[at] > third[some])]
    if len(some) > PAIRS:
        half = len(some) // 2
        steps = _chunk(second, third, some[:half], steps, found)
        return _chunk(second, third, some[half:], steps, found)
    if not len(some):
        return steps
    own_b, own_c = second[some], third[some]
    before = (own_b[:, None] <= own_b[None, :]) & (own_c[:, None] <= own_c[None, :])
    some = some[~np.triu(before, 1).any(axis=0)]
    found[some] = True
    all_b, all_c = np.concatenate([b, second[some]]), np.concatenate([c, third[some]])
    order = np.lexsort((all_c, all_b))
    all_b, all_c = all_b[order], all_c[order]
    lower = np.ones(len(all_b), dtype=bool)
    lower[1:] = all_c[1:] < np.minimum.accumulate(all_c)[:-1]
    return all_b[lower], all_c[lower]
