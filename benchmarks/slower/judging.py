"""Which calls became slower: least times of pairs of processes, their ratios, an interval."""

from __future__ import annotations

import statistics
from math import comb
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.report.format import table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LEVEL = 0.95
MARGIN = 0.03  # what two processes of one build may differ by
SLOWER, FASTER, EQUAL, OPEN = "SLOWER", "faster", "as before", "not told apart"


class Verdict(NamedTuple):
    """What became of a call.

    Attributes
    ----------
    before, now : float
        The least processor seconds of all.
    least, median : float
        Now over before: of these; and the median over pairs of processes.
    low, high : float
        An interval of the median, at least 95 % where there are six pairs or more.
    word : str
    """

    before: float
    now: float
    least: float
    median: float
    low: float
    high: float
    word: str


def judged(pairs: Sequence[tuple[Sequence[float], Sequence[float]]], margin: float) -> Verdict:
    """Return what became of a call that pairs of processes timed.

    Each pair counts once, by the ratio of its least times: what a process's place in memory does to
    a call stays the same for as long as it runs, and more rounds of it tell nothing new.
    """
    ratios = sorted(min(after) / min(before) for before, after in pairs)
    before = min(min(own) for own, _ in pairs)
    now = min(min(own) for _, own in pairs)
    skipped = outside(len(ratios))
    low, high = ratios[skipped], ratios[-1 - skipped]
    least = now / before
    if low > 1.0 + margin and least > 1.0 + margin:
        word = SLOWER
    elif high < 1.0 / (1.0 + margin) and least < 1.0:
        word = FASTER
    elif high <= 1.0 + margin and low >= 1.0 / (1.0 + margin):
        word = EQUAL
    else:
        word = OPEN
    return Verdict(before, now, least, statistics.median(ratios), low, high, word)


def outside(n: int) -> int:
    """Return how many of `n` sorted values at each end the median's interval leaves out: as many as
    keep it at 95 % by the sign test, whatever they are distributed like."""
    left, tail = 0, 1 + n  # of 2 ** n: what lies beyond the interval that leaves out one more
    while 2 * (left + 1) < n and 2 * tail <= (1.0 - LEVEL) * 2**n:
        left += 1
        tail += comb(n, left + 1)
    return left


def told(found: Mapping[str, Verdict]) -> str:
    """Return the table of all calls."""
    rows = [
        (
            name,
            f"{1e3 * one.before:.3g}",
            f"{1e3 * one.now:.3g}",
            f"{one.least:.3f}",
            f"{one.median:.3f}",
            f"{one.low:.3f} to {one.high:.3f}",
            one.word,
        )
        for name, one in found.items()
    ]
    head = ("call", "before, ms", "now, ms", "now / before, least", "median", "95 %", "verdict")
    return table(head, rows)
