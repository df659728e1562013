"""What the stored results say: medians with their intervals, in Markdown."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.report.format import table

from .keeping import RESULTS, read
from .methods import METHODS
from .problems import PROBLEMS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from .keeping import Kept

DRAWS = 10_000


def told(folder: Path = RESULTS) -> dict[str, dict[str, Any]]:
    """Return by problem and method what is stored, as plain figures."""
    out: dict[str, dict[str, Any]] = {}
    for problem in PROBLEMS:
        for method in METHODS:
            path = folder / problem / f"{method}.json"
            if path.exists():
                out.setdefault(problem, {})[method] = _figures(read(path))
    return out


def _figures(kept: Kept) -> dict[str, Any]:
    runs = list(kept.seeds.values())
    goals = {}
    for name in kept.goals:
        counts = [math.inf if run["met"][name] is None else run["met"][name] for run in runs]
        goals[name] = {
            "median": median(counts),
            "met": sum(count <= kept.limit for count in counts),
            "random": by_chance(kept.candidates, kept.good[name]),
        }
    return {
        "seeds": len(runs),
        "candidates": kept.candidates,
        "limit": kept.limit,
        "own_limit": kept.own_limit,
        "goals": goals,
        "used": float(np.median([run["used"] for run in runs])),
        "gap": float(np.median([run["gap"] for run in runs])),
        "seconds": float(np.median([run["seconds"] for run in runs])),
    }


def median(counts: Sequence[float]) -> tuple[float, float, float]:
    """Return the median and its 95 % bootstrap interval; inf where it is beyond the runs' ends."""
    values = np.array(counts, dtype=float)
    picks = np.random.default_rng(0).integers(0, len(values), (DRAWS, len(values)))
    ranked = np.sort(values[picks], axis=1)
    middle = (ranked[:, (len(values) - 1) // 2] + ranked[:, len(values) // 2]) / 2
    low, high = np.quantile(middle, (0.025, 0.975), method="nearest")
    return float(np.median(values)), float(low), float(high)


def by_chance(candidates: int, good: int) -> tuple[float, int]:
    """Return the mean and median number of random different candidates until a good one."""
    left, count = 1.0, 0
    while left > 0.5:
        left *= (candidates - good - count) / (candidates - count)
        count += 1
    return (candidates + 1) / (good + 1), count


def text_of(folder: Path = RESULTS) -> str:
    """Return a table for each problem."""
    return "\n".join(of_problem(name, methods) for name, methods in told(folder).items())


def of_problem(name: str, methods: dict[str, Any]) -> str:
    """Return one problem's table."""
    any_one = next(iter(methods.values()))
    limit, goals = any_one["limit"], any_one["goals"]
    chance = ", ".join(
        f"{goal} {one['random'][0]:,.0f} (median {one['random'][1]:,})"
        for goal, one in goals.items()
    )
    rows = []
    for method, one in methods.items():
        cells = []
        for goal in goals:
            middle, low, high = (_count(v, one["own_limit"]) for v in one["goals"][goal]["median"])
            met = one["goals"][goal]["met"]
            cells.append(f"{middle} [{low}, {high}]; {met} of {one['seeds']}")
        more = "" if one["own_limit"] == limit else f" (to {one['own_limit']:,})"
        used = f"{one['used']:,.0f}{more}"
        title, first = METHODS[method].title, METHODS[method].first
        rows.append((title, *cells, f"{100 * one['gap']:.2f}", used, first, _time(one["seconds"])))
    head = ("method", *goals, "gap, points", "used", "first", "CPU s")
    return (
        f"### {name}\n\n{any_one['candidates']:,} networks, at most {limit} trainings. "
        f"Random needs on average: {chance}.\n\n{table(head, rows)}"
    )


def _count(value: float, limit: int) -> str:
    return f">{limit:,}" if math.isinf(value) else f"{value:,.0f}"


def _time(seconds: float) -> str:
    return f"{seconds:.2g}" if seconds < 10 else f"{seconds:.0f}"
