"""Timing on a shared machine: everything that is compared is measured in turns, in one run."""

from __future__ import annotations

import gc
import resource
import statistics
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any


@contextmanager
def quiet() -> Iterator[None]:
    """No garbage collection while timing."""
    was_on = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def peak_gib() -> float:
    """Return the most memory that this process has had."""
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 2**20
    except OSError:
        pass
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # may be of what started it


def seconds(call: Callable[[], Any], repeat: int = 15, warm: int = 2) -> float:
    """Return the median wall time of a call."""
    return in_turns([call], repeat, warm)[0]


def in_turns(calls: Sequence[Callable[[], Any]], repeat: int = 15, warm: int = 2) -> list[float]:
    """Return the median wall time of each call, taken in turns: a b c, a b c, ..."""
    return [statistics.median(own) for own in times_in_turns(calls, repeat, warm)]


def times_in_turns(calls: Sequence[Callable[[], Any]], repeat: int, warm: int) -> list[list[float]]:
    """Return all wall times of each call, taken in turns."""
    for _ in range(warm):
        for call in calls:
            call()
    times: list[list[float]] = [[] for _ in calls]
    with quiet():
        for _ in range(repeat):
            for own, call in zip(times, calls, strict=True):
                start = perf_counter()
                call()
                own.append(perf_counter() - start)
    return times


class Trace:
    """The best objective found so far, against time: what a plot of quality needs.

    Attributes
    ----------
    points : list of (seconds, objective)
        Each improvement; feasible configurations only.
    """

    def __init__(self, limit_s: float = float("inf"), goal: float = float("inf")) -> None:
        self.points: list[tuple[float, float]] = []
        self.best = -float("inf")
        self.limit_s = limit_s
        self.goal = goal
        self.evaluations = 0
        self.start = perf_counter()

    def offer(self, objective: float, n: int = 1) -> None:
        """Record the best feasible objective of `n` evaluations; -inf where none was feasible."""
        self.evaluations += n
        if objective > self.best:
            self.best = objective
            self.points.append((perf_counter() - self.start, objective))

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return perf_counter() - self.start

    @property
    def done(self) -> bool:
        """Whether the goal is reached or the time is up."""
        return self.best >= self.goal or self.elapsed >= self.limit_s


class Stop(Exception):
    """Raised inside an objective function to end a peer that offers no other way."""


def gap(best: float, optimum: float) -> float:
    """Return how far an objective is short of the optimum, relative to it; 1 for none at all."""
    return 1.0 if best == -float("inf") else (optimum - best) / abs(optimum)


def gaps_at(
    times: Sequence[float], points: Sequence[Sequence[float]], optimum: float
) -> list[float]:
    """Return the gap at each of some times, from a trace's points."""
    result = []
    for time in times:
        best = max((value for at, value in points if at <= time), default=-float("inf"))
        result.append(gap(best, optimum))
    return result
