"""Products of powers of sums, at their least: over boxes of the sums, each by the exact solver.

The logarithm of the product is a sum of powers times logarithms. Over a box of the sums each term
has a line below it (a chord where it is concave, a tangent where it is convex), so the least of the
lines, which is a problem of sums, bounds the box; its answer's own product is an upper bound.
The box with the least bound is halved at its answer, in the sum whose line is farthest below, until
no bound is below the best answer. Sums are integers in their scale, so halves share nothing.
"""

from __future__ import annotations

from fractions import Fraction
from heapq import heappop, heappush
from math import inf, log
from time import perf_counter

import numpy as np

from ..base.record import Record
from ..errors import ArgumentError
from .conditions import Condition, Row
from .model import Found, Limits, Model

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from .problem import ChoiceProblem

__all__ = ["least_product"]

SLACK = 1e-12  # of 1 + the logarithm: what its float64 may have lost
BITS = 20  # of a line's slope


class _Box(Record):
    low: dict[str, int]
    high: dict[str, int]


class _Product:
    """One problem, with the best answer so far."""

    def __init__(
        self,
        problem: ChoiceProblem,
        powers: Mapping[str, float],
        make: Callable[[Sequence[Condition]], Model],
        limits: Limits,
    ) -> None:
        self.problem, self.powers, self.make, self.limits = problem, powers, make, limits
        self.ends_at = perf_counter() + limits.deadline
        self.best = inf
        self.picks: tuple[int, ...] | None = None
        self.nodes = 0
        self.order = 0
        self.exact = {name: problem.exact(name) for name in powers}
        self.stopped: str | None = None

    def sums(self, picks: Sequence[int]) -> dict[str, int]:
        return {
            name: sum(int(one.whole[i]) for i in picks if i >= 0)
            for name, one in self.exact.items()
        }

    def value(self, sums: Mapping[str, int]) -> float:
        return sum(
            power * log(float(self.exact[name].scale * sums[name]))
            for name, power in self.powers.items()
        )

    def line(self, name: str, low: int, high: int, at: float) -> tuple[Fraction, float]:
        """Return slope and height of a line below a term over its interval, in the sum's units."""
        power, scale = self.powers[name], float(self.exact[name].scale)
        a, b = low * scale, high * scale
        if power > 0.0:
            slope = power * (log(b) - log(a)) / (b - a) if b > a else 0.0
        else:
            slope = power / min(max(at * scale, a), b)
        exact = Fraction(slope).limit_denominator(1 << 62) if slope else Fraction(0)
        exact = _short(exact)
        slope = float(exact)
        ends = [power * log(x) - slope * x for x in (a, b)]
        if power < 0.0 and slope < 0.0:
            middle = min(max(power / slope, a), b)
            ends.append(power * log(middle) - slope * middle)
        return exact, min(ends)

    def bound(self, box: _Box, at: Mapping[str, float]) -> tuple[float, Found]:
        """Return what the box's products are at least, and the answer where the lines are least."""
        terms, height, size = {}, 0.0, 1.0
        for name in self.powers:
            slope, own = self.line(name, box.low[name], box.high[name], at[name])
            terms[name] = slope
            height += own
            size += abs(own)
        rows = tuple(
            Row({name: Fraction(1)}, {}, sign, end * self.exact[name].scale)
            for name in self.powers
            for sign, end in (("<=", box.high[name]), (">=", box.low[name]))
        )
        left = self.ends_at - perf_counter()
        model = self.make([Condition("box", rows)])
        own_limits = Limits(max(left, 0.0), -1, self.limits.callback)
        found = model.solve(Row(terms, {}, "<=", Fraction(0)), own_limits)
        self.nodes += max(found.nodes, 1)
        if found.stopped is not None:
            self.stopped = found.stopped
        if found.bound is None:
            return (inf if found.proven else -inf), found
        return float(found.bound) + height - SLACK * size, found

    def push(self, heap: list[tuple[float, int, _Box, dict[str, int]]], box: _Box,
             at: Mapping[str, float]) -> None:  # fmt: skip
        if any(box.low[name] > box.high[name] for name in self.powers):
            return
        least, found = self.bound(box, at)
        if found.picks is None:
            if not found.proven:
                heappush(heap, (least, self.next(), box, {}))
            return
        sums = self.sums(found.picks)
        value = self.value(sums)
        if value < self.best:
            self.best, self.picks = value, found.picks
        if box.low != box.high and least < self.best - SLACK * (1.0 + abs(self.best)):
            heappush(heap, (least, self.next(), box, sums))

    def next(self) -> int:
        self.order += 1
        return self.order

    def halves(self, box: _Box, sums: Mapping[str, int]) -> tuple[_Box, _Box]:
        """Return the box's halves, apart in the sum whose line is farthest below its term."""
        worst, name = -1.0, ""
        for one in self.powers:
            low, high = box.low[one], box.high[one]
            if low == high:
                continue
            slope, height = self.line(one, low, high, sums[one])
            x = sums[one] * float(self.exact[one].scale)
            error = self.powers[one] * log(x) - (float(slope) * x + height)
            if error > worst:
                worst, name = error, one
        cut = min(max(sums[name], box.low[name]), box.high[name] - 1)
        middle = (box.low[name] + box.high[name]) // 2
        if cut in (box.low[name], box.high[name] - 1):
            cut = middle
        return (
            _Box(box.low, {**box.high, name: cut}),
            _Box({**box.low, name: cut + 1}, box.high),
        )

    def search(self, whole: _Box) -> float:
        """Return the least logarithm that is not ruled out."""
        heap: list[tuple[float, int, _Box, dict[str, int]]] = []
        self.push(
            heap, whole, {name: 0.5 * (whole.low[name] + whole.high[name]) for name in self.powers}
        )
        least = inf
        while heap and not self.ended():
            least, _, box, sums = heappop(heap)
            if least >= self.best - SLACK * (1.0 + abs(self.best)):
                return self.best
            for half in self.halves(box, sums):
                self.push(heap, half, sums)
        # stopped: the last box may not have been halved wholly
        return min(least, self.best, heap[0][0] if heap else inf) if self.stopped else self.best

    def ended(self) -> bool:
        if self.stopped is None and 0 <= self.limits.nodes <= self.nodes:
            self.stopped = "max_nodes"
        return self.stopped is not None


def least_product(
    problem: ChoiceProblem,
    powers: Mapping[str, float],
    make: Callable[[Sequence[Condition]], Model],
    limits: Limits,
) -> Found:
    """Find the answer of the least product; values are its logarithms.

    Parameters
    ----------
    problem : ChoiceProblem
    powers : dict of str to float
    make : callable
        Returns the model with further conditions.
    limits : Limits

    Raises
    ------
    ArgumentError
        If a sum can be 0 or less.
    """
    low, high = {}, {}
    for name in powers:
        column = problem.exact(name)
        least = np.minimum.reduceat(column.whole, problem._start[:-1])
        most = np.maximum.reduceat(column.whole, problem._start[:-1])
        low[name] = sum(int(one) for one in least.tolist())
        high[name] = sum(int(one) for one in most.tolist())
        if problem._until is not None:
            low[name] = min(int(one) for one in column.whole.tolist())
        if low[name] <= 0:
            raise ArgumentError(
                f"the product takes a power of {name}, whose sum can be "
                f"{float(low[name] * column.scale):g}: it must be positive for every answer"
            )
    work = _Product(problem, powers, make, limits)
    least_open = work.search(_Box(low, high))
    bound = None if least_open in (inf, -inf) else Fraction(least_open)
    value = None if work.picks is None else Fraction(work.best)
    return Found(work.picks, value, bound, work.stopped is None, False, work.stopped, work.nodes)


def _short(slope: Fraction) -> Fraction:
    """Return a fraction near to another, of few bits: any slope will do."""
    if not slope:
        return slope
    shift = BITS - (abs(slope.numerator).bit_length() - slope.denominator.bit_length())
    power = Fraction(2) ** shift
    return Fraction(round(slope * power)) / power
