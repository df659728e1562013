"""Histogram: how often a metric fell into each bin."""

from __future__ import annotations

from ..base.checks import suggesting
from ..base.record import Record

__all__ = ["Histogram"]


@suggesting
class Histogram(Record):
    """How often a metric fell into each bin.

    Parameters
    ----------
    low, high : float
        Where the bins begin and end; all are equally wide. No configuration of the space lies
        beyond.
    counts : tuple of int
        Configurations within budgets (and `where`) per bin.
    """

    low: float
    high: float
    counts: tuple[int, ...]

    @property
    def edges(self) -> tuple[float, ...]:
        """The bins' edges, one more than there are bins."""
        n = len(self.counts)
        step = (self.high - self.low) / n
        return (*(self.low + step * k for k in range(n)), self.high)
