"""Timing on a shared machine: everything that is compared is measured in turns, in one run."""

from __future__ import annotations

import gc
import os
import resource
import statistics
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter, process_time, sleep
from typing import TYPE_CHECKING, NamedTuple

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


def in_turns(
    calls: Sequence[Callable[[], Any]],
    repeat: int = 15,
    warm: int = 2,
    clock: Callable[[], float] = perf_counter,
) -> list[float]:
    """Return the median time of each call, taken in turns: a b c, a b c, ..."""
    return [statistics.median(own) for own in times_in_turns(calls, repeat, warm, clock)]


def times_in_turns(
    calls: Sequence[Callable[[], Any]],
    repeat: int,
    warm: int,
    clock: Callable[[], float] = perf_counter,
) -> list[list[float]]:
    """Return all times of each call, taken in turns."""
    for _ in range(warm):
        for call in calls:
            call()
    times: list[list[float]] = [[] for _ in calls]
    with quiet():
        for _ in range(repeat):
            for own, call in zip(times, calls, strict=True):
                start = clock()
                call()
                own.append(clock() - start)
    return times


class Took(NamedTuple):
    """What calls took: wall time, and processor time of this process (or of another clock)."""

    wall: list[float]
    cpu: list[float]

    def entries(self, name: str) -> dict[str, float]:
        """Return the medians as a suite tells them: `name` by the clock, `name`_cpu beside it."""
        return {name: statistics.median(self.wall), f"{name}_cpu": statistics.median(self.cpu)}


def by_both_clocks(
    calls: Sequence[Callable[[], Any]],
    repeat: int = 15,
    warm: int = 2,
    clock: Callable[[], float] = process_time,
) -> list[Took]:
    """Return all times of each call, taken in turns, by the wall and by the processor.

    `clock` tells processor seconds; `of_children` is one for calls that start processes.
    """
    for _ in range(warm):
        for call in calls:
            call()
    took = [Took([], []) for _ in calls]
    with quiet():
        for _ in range(repeat):
            for own, call in zip(took, calls, strict=True):
                start, used = perf_counter(), clock()
                call()
                own.cpu.append(clock() - used)
                own.wall.append(perf_counter() - start)
    return took


def of_children() -> float:
    """Return the processor seconds of all processes that this one has started and waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def used_by_others(seconds: float = 2.0) -> float:
    """Return how many processors are busy while this process sleeps; 0 where that is not known."""

    def ticks() -> tuple[int, int]:
        words = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]
        every = [int(word) for word in words]
        return sum(every), every[3] + every[4]  # idle, and waiting for a disk

    try:
        before = ticks()
        sleep(seconds)
        after = ticks()
    except (OSError, ValueError, IndexError):
        return 0.0
    whole, idle = (now - then for now, then in zip(after, before, strict=True))
    return (os.cpu_count() or 1) * (1.0 - idle / max(1, whole))


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
