"""Numbers about a front: its knee and its hypervolume."""

from __future__ import annotations

from ..base.checks import choice, items, known_keys, number, shown
from ..errors import ArgumentError, ArgumentTypeError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from numpy import ndarray

__all__ = ["hypervolume", "knee"]


def _losses(values: Sequence[ndarray[Any, Any]], names: Sequence[str]) -> ndarray[Any, Any]:
    """Return the objectives as a matrix (n, objectives) of which less is better."""
    import numpy as np

    columns = [-v if name == "accuracy" else v for v, name in zip(values, names, strict=True)]
    return np.stack(columns, axis=1).astype(np.float64)


def knee(values: Sequence[ndarray[Any, Any]], names: Sequence[str]) -> int:
    """Return the number of the point farthest below the plane through the best of each objective.

    Logarithms are scaled to [0, 1], 0 the best on the front, so that neither units nor spans
    matter. Objectives that have the same best point share the weight of one. Where the plane's
    normal does not point into the front, that of the unit points. Of equally far points the first.
    """
    import numpy as np

    tiny = np.finfo(np.float64).tiny
    logs = []
    for column, name in zip(values, names, strict=True):
        log = np.log(np.maximum(np.asarray(column, dtype=np.float64), tiny))
        logs.append(-log if name == "accuracy" else log)
    loss = np.stack(logs, axis=1)
    span = np.ptp(loss, axis=0)
    scaled = (loss - loss.min(axis=0)) / np.where(span > 0.0, span, 1.0)
    ends = scaled[
        [int(np.lexsort((scaled.sum(axis=1), scaled[:, k]))[0]) for k in range(len(names))]
    ]
    # of the least norm: objectives with the same best point share the weight of one
    normal = np.linalg.lstsq(ends, np.ones(len(names)), rcond=None)[0]
    if not (normal > 0.0).all():
        normal = np.ones(len(names))
    return int(np.argmin(scaled @ normal))


def hypervolume(
    values: Sequence[ndarray[Any, Any]], names: Sequence[str], reference: Any = None
) -> float:
    """Return the volume between the points and the reference."""
    import numpy as np

    loss = _losses(values, names)
    worst = loss.max(axis=0) if reference is None and len(loss) else None
    if worst is None:
        worst = _reference(reference, names)
    loss = loss[(loss < worst).all(axis=1)]
    if not len(loss):
        return 0.0
    # farthest from the reference last: a sweep adds up slabs along the last objective
    return _volume(np.unique(loss, axis=0) - worst)


def _reference(reference: Any, names: Sequence[str]) -> ndarray[Any, Any]:
    import numpy as np

    if reference is None:
        return np.zeros(len(names))
    if hasattr(reference, "keys"):
        known_keys("reference", reference, names)
        missing = [name for name in names if name not in reference]
        if missing:
            raise ArgumentError(f"reference lacks {missing[0]!r}; objectives: {', '.join(names)}")
        given = [reference[name] for name in names]
    else:
        try:
            given = items("reference", reference, 99)
        except ArgumentTypeError:
            raise ArgumentTypeError(
                f"reference must be a mapping or a sequence of {len(names)} numbers, "
                f"got {shown(reference)}"
            ) from None
        if len(given) != len(names):
            raise ArgumentError(
                f"reference must have {len(names)} numbers ({', '.join(names)}), got {len(given)}"
            )
    found = [
        float(number(f"reference[{choice('reference', name, names)!r}]", value))
        for name, value in zip(names, given, strict=True)
    ]
    return np.array([-v if name == "accuracy" else v for v, name in zip(found, names, strict=True)])


def _volume(points: ndarray[Any, Any]) -> float:
    """Return the volume dominated up to the origin by points of negative coordinates."""
    import numpy as np

    if points.shape[1] == 2:
        points = points[np.lexsort((points[:, 1], points[:, 0]))]
        least = np.minimum.accumulate(points[:, 1])
        widths = np.diff(np.append(points[:, 0], 0.0))
        return float(np.sum(widths * -least))
    points = points[np.argsort(points[:, -1], kind="stable")]
    depth = np.diff(np.append(points[:, -1], 0.0))
    if points.shape[1] == 3:
        return _swept(points[:, :2].tolist(), depth.tolist())
    total = 0.0
    for i in range(len(points)):
        if depth[i] > 0.0:
            total += float(depth[i]) * _volume(points[: i + 1, :-1])
    return total


def _swept(points: list[list[float]], depth: list[float]) -> float:
    """Return the sum over points of depth times the area dominated by those so far.

    The staircase is kept sorted; a point changes the area of the steps that it covers alone.
    """
    from bisect import bisect_left
    from math import fsum

    xs: list[float] = []  # rising; the other coordinate falls
    ys: list[float] = []
    area = 0.0
    parts = []
    for (x, y), thick in zip(points, depth, strict=True):
        at = bisect_left(xs, x)
        if not ((at and ys[at - 1] <= y) or (at < len(xs) and xs[at] == x and ys[at] <= y)):
            end = at
            top = ys[at - 1] if at else 0.0
            left = x
            while end < len(xs) and ys[end] >= y:  # covered steps
                area += (xs[end] - left) * (top - y)
                left, top = xs[end], ys[end]
                end += 1
            right = xs[end] if end < len(xs) else 0.0
            area += (right - left) * (top - y)
            xs[at:end] = [x]
            ys[at:end] = [y]
        parts.append(area * thick)
    return fsum(parts)
