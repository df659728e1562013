"""What a peer hands back."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Any

    from benchmarks.common.timing import Trace

WITHIN = 1e-3  # of the optimum: where the heuristics may stop


class Outcome(NamedTuple):
    """One run of a peer on one set of budgets.

    Attributes
    ----------
    seconds : float
        Of the solver's call, its own stopping included; at most about the limit.
    objective : float
        Exact objective of the answer, checked by flash's own definition; -inf without one.
    points : list of (seconds, objective)
        Improvements on the way, where the peer lets one look.
    finished : bool
        It ended by itself: goal reached, or proof done.
    evaluations : int
        Configurations evaluated; 0 where the peer doesn't work that way.
    extra : dict
        Times and counts of its own.
    """

    seconds: float
    objective: float
    points: list[tuple[float, float]]
    finished: bool
    evaluations: int = 0
    extra: dict[str, Any] | None = None


def goal_of(optimum: float) -> float:
    """Return the objective that is near enough to the optimum."""
    return optimum - WITHIN * abs(optimum)


def towards_goal(trace: Trace, seconds: float) -> Outcome:
    """Return the outcome of a run that ends at its goal; one that missed it counts to the limit."""
    reached = trace.best >= trace.goal
    if not reached:
        seconds = max(seconds, trace.limit_s)
    return Outcome(seconds, trace.best, trace.points, reached, trace.evaluations)
