"""Accuracies as a process takes them: on a scale where the good are spread and the bad are not.

``-log(1 - accuracy)`` tells .99 from .98 as it tells .9 from .8. What lies far below the middle of
all is drawn in, so that networks that learn nothing do not decide what the others are: a search is
for the best ones. A reconstruction of a usual warping (Snelson et al. 2004: warped processes).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["Scale"]

ROOM = 1e-3  # of an error: no accuracy is at infinity
FAR = 2.0  # deviations below the middle from which accuracies are drawn in


class Scale:
    """A monotone function from accuracies to targets of mean 0 and variance 1.

    Parameters
    ----------
    accuracies : float64 array, shape (n,)
        In [0, 1]. Equal ones become 0.
    """

    def __init__(self, accuracies: Floats) -> None:
        z = _stretched(accuracies)
        self.middle: float = float(np.median(z))
        off = float(np.median(np.abs(z - self.middle)))
        self.spread: float = off if off > 1e-9 else float(z.std()) or 1.0
        drawn = self._drawn(z)
        self.mean: float = float(drawn.mean())
        self.deviation: float = float(drawn.std()) or 1.0

    def _drawn(self, z: Floats) -> Floats:
        t = (z - self.middle) / self.spread
        below = np.maximum(0.0, -FAR - t)
        return np.asarray(np.where(t < -FAR, -FAR - np.log1p(below), t))

    def targets(self, accuracies: Floats) -> Floats:
        """Return targets of accuracies."""
        return (self._drawn(_stretched(accuracies)) - self.mean) / self.deviation

    def accuracies(self, targets: Floats) -> Floats:
        """Return accuracies, in [0, 1], of targets."""
        t = targets * self.deviation + self.mean
        below = np.maximum(0.0, -FAR - t)
        t = np.where(t < -FAR, -FAR - np.expm1(np.minimum(below, 50.0)), t)
        z = t * self.spread + self.middle
        return np.clip(1.0 + ROOM - np.exp(-z), 0.0, 1.0)

    def slope(self, target: float) -> float:
        """Return by how much the accuracy grows with the target, there."""
        return float(self.slopes(np.array([target]))[0])

    def slopes(self, targets: Floats) -> Floats:
        """Return by how much the accuracy grows with each target."""
        step = 1e-4
        ends = self.accuracies(targets + step) - self.accuracies(targets - step)
        return np.asarray(ends / (2.0 * step))


def _stretched(accuracies: Floats) -> Floats:
    return np.asarray(-np.log(1.0 + ROOM - np.clip(accuracies, 0.0, 1.0)))
