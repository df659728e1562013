"""What a peer hands back."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from typing import Any


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
    extra: dict[str, Any] = {}
