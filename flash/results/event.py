"""What those who listen to a search hear, or watch. Loaded where somebody does."""

from __future__ import annotations

from time import perf_counter

from ..base.record import Shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Any

    from ..base.progress import Progress, Watching

__all__ = ["Event", "Listener", "Watch"]

AFTER_S = 1.0  # a search that nobody asked to watch: nothing is loaded for it before
INF = float("inf")


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
    """Calls the callback, and knows whether to stop.

    Parameters
    ----------
    callback : callable
    started : float
        When the search began, as `perf_counter` counts.

    Attributes
    ----------
    ended : bool
        Whether the callback returned True.
    """

    def __init__(self, callback: Callable[[Event], Any], started: float) -> None:
        self.callback = callback
        self.started = started
        self.ended: bool = False

    def tell(self, objective: float | None, bound: float | None, nfev: int) -> bool:
        """Tell of the search so far; return whether to stop."""
        event = Event(objective, bound, nfev, perf_counter() - self.started)
        if self.callback(event) is True:
            self.ended = True
        return self.ended


class Watch:
    """A callback that shows how far a search is, and calls the user's; a context manager.

    Parameters
    ----------
    callback : callable or None
        The user's.
    progress : bool or "auto"
    unit : str
        What is counted: evaluations, nodes.
    most, limit_s
        The limits that end it, as users pass them; checked by the search itself.
    """

    def __init__(
        self,
        callback: Callable[[Event], Any] | None,
        progress: Watching,
        unit: str = "evaluations",
        most: Any = None,
        limit_s: Any = None,
    ) -> None:
        self.callback, self.unit = callback, unit
        self.progress: Watching = progress
        self.most = most if type(most) is int and most > 0 else None
        self.ends_s = INF if type(limit_s) not in (int, float) else float(limit_s)
        self.began = perf_counter()
        self._after_s = AFTER_S if progress == "auto" else 0.0
        self._shown: Progress | None = None

    def __call__(self, event: Event) -> Any:
        """Take what is told; return what the user's callback says."""
        if self._shown is not None or perf_counter() - self.began >= self._after_s:
            self._show(event)
        return None if self.callback is None else self.callback(event)

    def _show(self, event: Event) -> None:
        told = []
        best, bound = event.objective, event.upper_bound
        if best is not None:
            told.append(f"best {float(best):.6g}")
        if bound is not None:
            told.append(f"bound {float(bound):.6g}")
        if best is not None and bound is not None and bound != 0:
            told.append(f"gap {100 * abs(float((bound - best) / bound)):.2g} %")
        self._opened().update(event.nfev, ", ".join(told))

    def _opened(self) -> Progress:
        if self._shown is None:
            from ..base.progress import Progress

            self._shown = Progress(
                self.progress, "search", self.most, self.unit, ends_s=self.ends_s, began=self.began
            )
        return self._shown

    def __enter__(self) -> Watch:
        return self

    def end(self, objective: float | None, bound: float | None, nfev: int) -> None:
        """Take what the search came to."""
        if self._shown is not None or self.progress is True:
            self._show(Event(objective, bound, nfev, perf_counter() - self.began))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._shown is not None:
            self._shown.close()
