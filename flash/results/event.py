"""What those who listen to a search hear. Loaded where somebody does."""

from __future__ import annotations

from time import perf_counter

from ..base.record import Shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

__all__ = ["Event", "Listener"]

LINE_S = 0.1  # between two lines of progress


class Event(Shown):
    """What a callback sees: the search so far. Return True from the callback to stop it.

    Attributes
    ----------
    objective : float or None
        Of the best configuration so far.
    upper_bound : float or None
        No configuration within the budgets exceeds it; None where not known yet.
    nfev : int
        Configurations evaluated.
    elapsed_s : float
    """

    __slots__ = ("elapsed_s", "nfev", "objective", "upper_bound")

    def __init__(
        self, objective: float | None, upper_bound: float | None, nfev: int, elapsed_s: float
    ) -> None:
        self.objective: float | None = objective
        self.upper_bound: float | None = upper_bound
        self.nfev: int = nfev
        self.elapsed_s: float = elapsed_s

    def __repr__(self) -> str:
        return (
            f"Event(objective={self.objective}, upper_bound={self.upper_bound}, "
            f"nfev={self.nfev}, elapsed_s={self.elapsed_s:.3f})"
        )


class Listener:
    """Calls the callback, prints the line of progress, and knows whether to stop.

    Parameters
    ----------
    callback : callable or None
    progress : bool
    started : float
        When the search began, as `perf_counter` counts.

    Attributes
    ----------
    ended : bool
        Whether the callback returned True.
    """

    def __init__(
        self, callback: Callable[[Event], Any] | None, progress: bool, started: float
    ) -> None:
        self.callback = callback
        self.progress = progress
        self.started = started
        self.ended: bool = False
        self._next_line_s = 0.0

    def tell(self, objective: float | None, bound: float | None, nfev: int) -> bool:
        """Tell of the search so far; return whether to stop."""
        event = Event(objective, bound, nfev, perf_counter() - self.started)
        if self.progress and event.elapsed_s >= self._next_line_s:
            import sys

            self._next_line_s = event.elapsed_s + LINE_S
            print(f"\r{event}", end="", file=sys.stderr, flush=True)
        if self.callback is not None and self.callback(event) is True:
            self.ended = True
        return self.ended
