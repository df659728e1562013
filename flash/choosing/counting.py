"""`flash.sweep` of a problem of choices: how many answers meet its conditions, and how they lie.

Counted by states where those are few (`Walk.counted`), else gone through one by one up to a size
that is stated, else refused: a sample is the way out. The best answers are those of `choose`.
"""

from __future__ import annotations

from math import inf
from time import perf_counter

import numpy as np

from ..base.checks import integer, listener, number, path_of, watched, writable
from ..errors import ArgumentError
from .choosing import choose
from .conditions import read_conditions
from .goals import read_goals
from .tally import ChoiceSweep
from .walk import Column, TooManyStatesError, Walk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from fractions import Fraction
    from typing import Any

    from ..base.progress import Progress, Watching
    from ..results.histogram import Histogram
    from .answer import Alternative
    from .conditions import Condition
    from .problem import ChoiceProblem
    from .writing import Writer

__all__ = ["count_choices"]

FEW = 1_000_000  # answers that are gone through at once
MANY = 200_000_000  # answers beyond which none are gone through one by one
MOST_STATES = 2_000_000  # at one place
MOST_WORK = 100_000_000  # beginnings continued, in one count
MAX_TOP = 10_000
MAX_BINS = 65_536
MAX_SAMPLE = 1_000_000_000
BINS = 64
LEAST_S = 1e-3  # for the best answers, where time is up: they say so
WIDE = 2**56  # numbers of which 64 times as much is no int64


def count_choices(
    problem: ChoiceProblem,
    minimize: Any,
    maximize: Any,
    where: Any,
    top: Any,
    bins: Any,
    sample: Any,
    seed: Any,
    out: Any,
    progress: Any,
    time_limit_s: Any = None,
    callback: Any = None,
) -> ChoiceSweep:
    """Count: see `flash.sweep`.

    Raises
    ------
    ArgumentError, ArgumentTypeError
    """
    began = perf_counter()
    conditions = read_conditions(where, problem)
    wanted = minimize is not None or maximize is not None
    goals = read_goals(minimize, maximize, problem) if wanted else []
    top = integer("top", top, 0, MAX_TOP)
    least_bins = bins is None
    bins = BINS if least_bins else integer("bins", bins, 0, MAX_BINS)
    sample = None if sample is None else integer("sample", sample, 1, MAX_SAMPLE)
    seed = integer("seed", seed, 0, 2**64 - 1)
    deadline = inf if time_limit_s is None else number("time_limit_s", time_limit_s, above=0.0)
    work = _Count(problem, conditions, bins, watched("progress", progress), began)
    work.ends_at, work.callback = began + deadline, listener("callback", callback)
    if sample is not None and problem.size <= min(sample, MANY):
        sample = None  # all of them
    writer = None
    if out is not None:
        if sample is None and problem.size > MANY:
            raise ArgumentError(
                f"out takes every answer that meets the conditions, one by one, and there are "
                f"{_told(problem.size)} to go through, more than {MANY:,}; sample=100_000 writes "
                "those of a sample"
            )
        from .writing import writer_of

        writer = writer_of(writable("out", path_of("out", out)), problem)
    try:
        work.go(sample, seed, writer, least_bins)
    except _Stopped:
        if writer is not None:
            writer.drop()
            writer = None
            work.flags.append("out was not written: the sweep was ended before")
    except BaseException:
        if writer is not None:
            writer.drop()
        raise
    if writer is not None:
        writer.close()
    found = None
    if wanted and top and work.stopped is None:
        found = choose(
            problem, minimize=minimize, maximize=maximize, where=where, k=top, progress=progress,
            time_limit_s=None if deadline == inf else max(LEAST_S, work.ends_at - perf_counter()),
            callback=None if callback is None else lambda _: work.heard(),
        )  # fmt: skip
        if found.stopped is not None:
            work.stopped = found.stopped
            work.flags.append(f"the best answers are not all: stopped by {found.stopped}")
    return ChoiceSweep(
        size=problem.size,
        count=problem.size if sample is None else work.drawn,
        feasible=work.feasible,
        where=tuple(one.text for one in conditions),
        sample=sample,
        seed=0 if sample is None else seed,
        histograms=work.histograms(),
        objective_name=", then ".join(one.name for one in goals),
        greatest=maximize is not None,
        top=() if found is None else _answers(found),
        out=None if writer is None else path_of("out", out),
        rows=None if writer is None else writer.rows,
        flags=tuple(work.flags),
        stopped=work.stopped,
        counted=work.whole,
        elapsed_s=perf_counter() - began,
    )


def _answers(found: Any) -> tuple[Alternative, ...]:
    from .answer import Alternative

    if found.choices is None:
        return ()
    first = Alternative(found.choices, found.metrics, found.objective, found.proven, True)
    return (first, *found.alternatives)


def _told(n: int) -> str:
    return f"{n:,}" if n < 10**12 else f"about 10^{len(str(n)) - 1}"


class _Stopped(Exception):
    """The sweep is ended."""


class _Count:
    """One sweep's counts."""

    def __init__(
        self,
        problem: ChoiceProblem,
        conditions: Sequence[Condition],
        bins: int,
        progress: Watching,
        began: float,
    ) -> None:
        self.problem, self.conditions, self.bins = problem, tuple(conditions), bins
        self.began = began
        self.progress: Watching = progress
        self.shown: Progress | None = None
        self.columns = {
            name: Column(problem.exact(name).whole, name in problem.peaks)
            for name in problem.metrics
        }
        self.ends_at = inf
        self.callback: Callable[[Any], Any] | None = None
        self.stopped: str | None = None
        self.whole = False  # whether all that was to be looked at was
        self.drawn = self.work = 0
        self.sample: int | None = None
        self.feasible = 0
        self.flags: list[str] = []
        self.bars: dict[str, _Bars] = {}
        if bins:
            free = Walk(problem, ())
            self.bars = {name: _Bars(column, free, bins) for name, column in self.columns.items()}

    def go(self, sample: int | None, seed: int, writer: Writer | None, lenient: bool) -> None:
        if self.progress:
            from ..base.progress import Progress

            limit_s = self.ends_at - self.began
            self.shown = Progress(self.progress, "sweep", ends_s=limit_s, began=self.began)
        try:
            self._go(sample, seed, writer, lenient)
        except KeyboardInterrupt:
            self.stopped = "interrupt"
            raise _Stopped from None
        finally:
            if self.shown is not None:
                self.shown.close()
        self.whole = True

    def _go(self, sample: int | None, seed: int, writer: Writer | None, lenient: bool) -> None:
        self.sample = sample
        if sample is not None:
            walk = Walk(self.problem, self.conditions, list(self.columns.values()))
            self._through(self._drawn(walk, sample, seed), writer)
        elif writer is not None or self.problem.size <= FEW or not self._counted(lenient):
            walk = Walk(self.problem, self.conditions, list(self.columns.values()))
            self.feasible = 0
            self.flags.clear()
            for one in self.bars.values():
                one.clear()
            self._through(walk.listed(), writer)

    def _drawn(self, walk: Walk, sample: int, seed: int) -> Iterator[tuple[Any, Any]]:
        for picks, sums, good in walk.drawn(sample, seed):
            self.drawn += len(picks)
            yield picks[good], sums[good]

    def heard(self) -> bool:
        """Tell of the sweep so far; whether to end it."""
        if self.callback is None:
            return False
        from .front import ChoiceEvent

        elapsed_s = perf_counter() - self.began
        return self.callback(ChoiceEvent(self.feasible, self.work, elapsed_s)) is True

    def _through(self, some: Iterator[tuple[Any, Any]], writer: Writer | None) -> None:
        """Go through answers that meet the conditions."""
        for picks, sums in some:
            self.feasible += len(picks)
            for j, one in enumerate(self.bars.values()):
                one.add(sums[:, j], None)
            if writer is not None:
                writer.write(picks, sums)
            share = None if self.sample is None else self.drawn / self.sample
            self._tell(f"{self.feasible:,} answers found", share, None if share is None else 1.0)

    def _counted(self, lenient: bool) -> bool:
        """Count by states; false where the answers are to be gone through one by one."""
        can_list = self.problem.size <= MANY
        try:
            if self.conditions:
                self.feasible = sum(self._states(None)[1])
            else:
                self.feasible = self.problem.size
        except TooManyStatesError:
            if can_list:
                return False
            raise ArgumentError(
                f"where: too many different sums to count the answers exactly (more than "
                f"{MOST_STATES:,} at once), and there are {_told(self.problem.size)}, more than "
                f"the {MANY:,} that are gone through one by one; sample=100_000 looks at a sample"
            ) from None
        left: list[str] = []
        for name, one in self.bars.items():
            try:
                states, counts = self._states(self.columns[name])
            except TooManyStatesError:
                if can_list:
                    return False
                left.append(name)
                continue
            one.add(states[:, -1], counts)
        if left and not lenient:
            raise ArgumentError(
                f"bins: {', '.join(left)} has too many different sums for an exact histogram, and "
                f"there are {_told(self.problem.size)} answers, more than the {MANY:,} that are "
                "gone through one by one; sample=100_000 looks at a sample, bins=0 counts alone"
            )
        for name in left:
            del self.bars[name]
            self.flags.append(
                f"no histogram of {name}: too many different sums; sample=100_000 gives one of a "
                "sample"
            )
        return True

    def _states(self, column: Column | None) -> tuple[Any, list[int]]:
        walk = Walk(self.problem, self.conditions, () if column is None else (column,))
        places = len(self.problem.groups)

        def tell(g: int, states: int) -> None:
            self.work = states
            self._tell(f"group {g + 1} of {places}, {states:,} states")

        return walk.counted(MOST_STATES, MOST_WORK, tell)

    def _tell(self, told: str, done: float | None = None, total: float | None = None) -> None:
        """Tell of the sweep so far: `done` of a `total`, where there is one."""
        if perf_counter() >= self.ends_at:
            self.stopped = "time_limit_s"
        elif self.heard():
            self.stopped = "callback"
        if self.stopped is not None:
            raise _Stopped
        if self.shown is not None:
            self.shown.update(done, told, total=total)

    def histograms(self) -> dict[str, Histogram]:
        return {name: one.made(self.problem.exact(name).scale) for name, one in self.bars.items()}


class _Bars:
    """A histogram of integers, exactly."""

    def __init__(self, column: Column, free: Walk, bins: int) -> None:
        whole = column.whole
        if column.peak:
            self.low, self.high = int(whole.min()), int(whole.max())
        else:
            self.low, self.high = free.ends(whole, False)[0], free.ends(whole, True)[0]
        self.bins = bins if self.high > self.low else 1
        self.wide = max(abs(self.low), abs(self.high)) >= WIDE
        self.clear()

    def clear(self) -> None:
        self.counts = [0] * self.bins

    def add(self, values: Any, counts: Sequence[int] | None) -> None:
        """Count integers, each as often as is said, or once."""
        if self.high == self.low:
            self.counts[0] += len(values) if counts is None else sum(counts)
            return
        if self.wide or values.dtype == object:
            values = np.array([int(one) for one in values.tolist()], object)
        at = (values - self.low) * self.bins // (self.high - self.low)
        at = np.minimum(at, self.bins - 1).astype(np.int64)
        if counts is None:
            for k, number in enumerate(np.bincount(at, minlength=self.bins).tolist()):
                self.counts[k] += number
        else:
            for k, number in zip(at.tolist(), counts, strict=True):
                self.counts[k] += number

    def made(self, scale: Fraction) -> Histogram:
        from ..results.histogram import Histogram

        return Histogram(float(self.low * scale), float(self.high * scale), tuple(self.counts))
