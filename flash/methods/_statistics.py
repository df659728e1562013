"""What runs are compared by: effort until a quality, medians, bootstrap intervals."""

from __future__ import annotations

from .._record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..result import SearchResult

__all__ = ["Efforts", "best_after", "efforts", "interval", "median", "ratio"]

DRAWS = 2000
Triple = tuple[float, float, float]


class Efforts(Record):
    """What each run took until a quality; all it spent where it never came there."""

    samples: list[float]
    evaluations: list[float]
    seconds: list[float]
    reached: float


def efforts(runs: Sequence[SearchResult], quality: float | None) -> Efforts:
    """Return samples, evaluations and seconds until an objective of at least `quality`."""
    steps = []
    reached = 0
    for run in runs:
        found = None
        for step in _steps(run):
            if quality is not None and step[3] >= quality:
                found = step
                break
        reached += found is not None
        last = (max((s[0] for s in _steps(run)), default=0), run.nfev, run.elapsed_s, 0.0)
        steps.append(found or last)
    return Efforts(
        [float(step[0]) for step in steps],
        [float(step[1]) for step in steps],
        [float(step[2]) for step in steps],
        reached / len(runs),
    )


def _steps(run: SearchResult) -> tuple[tuple[int, int, float, float], ...]:
    if run.trace or run.objective is None:
        return run.trace
    return ((run.nfev, run.nfev, run.elapsed_s, run.objective),)  # flash's own methods


def best_after(run: SearchResult, evaluations: int) -> float:
    """Return a run's objective after so many evaluations, NaN where it had none yet."""
    best = float("nan")
    for step in _steps(run):
        if step[1] > evaluations:
            break
        best = step[3]
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


def ratio(base: Sequence[float], own: Sequence[float], seed: int = 0) -> Triple | None:
    """Return (ratio, low, high) of medians, with its bootstrap interval of 95 %."""
    import numpy as np

    a, b = np.array(base, dtype=float), np.array(own, dtype=float)
    if not len(a) or not len(b) or np.median(b) <= 0.0:
        return None
    rng = np.random.default_rng(seed)
    tops = np.median(a[rng.integers(0, len(a), size=(DRAWS, len(a)))], axis=1)
    bottoms = np.median(b[rng.integers(0, len(b), size=(DRAWS, len(b)))], axis=1)
    low, high = np.percentile(tops / np.maximum(bottoms, 1e-12), [2.5, 97.5])
    return float(np.median(a) / np.median(b)), float(low), float(high)
