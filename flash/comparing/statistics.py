"""What runs are compared by: effort until a quality, medians, bootstrap intervals."""

from __future__ import annotations

from ..base.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from ..results.result import SearchResult

__all__ = [
    "Efforts",
    "best_after",
    "best_by",
    "efforts",
    "interval",
    "median",
    "ratio",
    "steps_of",
]

SAMPLES, EVALUATIONS, SECONDS, OBJECTIVE = range(4)  # of a step of `SearchResult.trace`

DRAWS = 2000
Triple = tuple[float, float, float]


class Efforts(Record):
    """What each run took until a quality; all that it spent where it never came there."""

    samples: list[float]
    evaluations: list[float]
    seconds: list[float]
    successes: list[bool]

    @property
    def reached(self) -> float:
        """Share of the runs that came there."""
        return sum(self.successes) / len(self.successes)

    def expected(self, what: str) -> float | None:
        """Return what reaching the quality takes in expectation; None where no run did.

        All that the runs spent, over the number of those that came there: the expected effort of
        running anew until it succeeds (ERT; Hansen et al., COCO, arXiv 1603.08785).
        """
        return sum(getattr(self, what)) / n if (n := sum(self.successes)) else None


def efforts(runs: Sequence[SearchResult[Any]], quality: float | None) -> Efforts:
    """Return samples, evaluations and seconds until an objective of at least `quality`."""
    steps = []
    successes = []
    for run in runs:
        own = steps_of(run)
        found = None
        if quality is not None:
            found = next((step for step in own if step[OBJECTIVE] >= quality), None)
        successes.append(found is not None)
        steps.append(found or (*_all(run), 0.0))
    return Efforts(
        [float(step[SAMPLES]) for step in steps],
        [float(step[EVALUATIONS]) for step in steps],
        [float(step[SECONDS]) for step in steps],
        successes,
    )


def _all(run: SearchResult[Any]) -> tuple[int, int, float]:
    """Return samples, evaluations and seconds of a whole run."""
    if run.samples is None or run.spent_s is None:
        return run.nfev, run.nfev, run.elapsed_s
    return run.samples, run.nfev, run.spent_s


def steps_of(run: SearchResult[Any]) -> tuple[tuple[int, int, float, float], ...]:
    """Return a run's trace: of flash's own methods, which keep none, its end."""
    if run.trace or run.objective is None:
        return run.trace
    return ((run.nfev, run.nfev, run.elapsed_s, run.objective),)


def best_after(run: SearchResult[Any], evaluations: float) -> float:
    """Return a run's objective after so many evaluations, NaN where it had none yet."""
    return _best(run, EVALUATIONS, evaluations)


def best_by(run: SearchResult[Any], seconds: float) -> float:
    """Return a run's objective after so many seconds, NaN where it had none yet."""
    return _best(run, SECONDS, seconds)


def _best(run: SearchResult[Any], column: int, most: float) -> float:
    best = float("nan")
    for step in steps_of(run):
        if step[column] > most:
            break
        best = step[OBJECTIVE]
    return best


def median(values: Sequence[float]) -> float | None:
    """Return the median, None of nothing."""
    if not values:
        return None
    ordered = sorted(values)
    half = len(ordered) // 2
    if len(ordered) % 2:
        return float(ordered[half])
    return 0.5 * (ordered[half - 1] + ordered[half])


def interval(values: Sequence[float], seed: int = 0) -> Triple:
    """Return (mean, low, high): the mean and its bootstrap interval of 95 % (percentiles)."""
    import numpy as np

    data = np.array(values, dtype=float)
    rng = np.random.default_rng(seed)
    means = data[rng.integers(0, len(data), size=(DRAWS, len(data)))].mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(data.mean()), float(low), float(high)


def ratio(base: Efforts, own: Efforts, what: str, seed: int = 0) -> Triple | None:
    """Return (ratio of expected efforts, low, high), with its bootstrap interval of 95 %.

    Draws in which one of the two never succeeds count as 0 or infinity. None where one never does.
    """
    import numpy as np

    first, second = base.expected(what), own.expected(what)
    if not first or not second:
        return None
    rng = np.random.default_rng(seed)
    drawn = []
    for efforts_ in (base, own):
        spent = np.array(getattr(efforts_, what))
        came = np.array(efforts_.successes, dtype=float)
        picks = rng.integers(0, len(spent), size=(DRAWS, len(spent)))
        with np.errstate(divide="ignore"):
            drawn.append(spent[picks].sum(axis=1) / came[picks].sum(axis=1))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = drawn[0] / drawn[1]
    ratios = np.sort(ratios[~np.isnan(ratios)])
    low, high = ratios[int(0.025 * (len(ratios) - 1))], ratios[int(0.975 * (len(ratios) - 1))]
    return first / second, float(low), float(high)
