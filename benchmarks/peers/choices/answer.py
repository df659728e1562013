"""What a solver hands back, and the clock that stops it."""

from __future__ import annotations

from time import process_time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

# a solver's own limit is of wall time: beside others' work no more than a safeguard
WALL = 30.0


class Answer(NamedTuple):
    """One run.

    Attributes
    ----------
    picks : sequence of int, optional
        The option of each group; None where nothing was found.
    bound : float, optional
        No answer is better, as the solver says.
    proven : bool
        As the solver says.
    nodes : int, optional
    early : (float, float), optional
        Of a solver that lets one look: best sum and bound at the time that was asked for.
    """

    picks: Sequence[int] | None
    bound: float | None
    proven: bool
    nodes: int | None = None
    early: tuple[float, float] | None = None


class Stopwatch:
    """Processor time of this process, all its threads, from now on."""

    def __init__(self, limit_s: float) -> None:
        self.limit_s = limit_s
        self.start = process_time()

    @property
    def spent(self) -> float:
        """Seconds of processor time."""
        return process_time() - self.start

    def over(self, *_: object) -> bool:
        """Whether the limit is passed; what flash calls now and then."""
        return self.spent >= self.limit_s
