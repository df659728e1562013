"""Curves of a comparison: quality against evaluations, and against time."""

from __future__ import annotations

from ..base.extras import require
from .statistics import EVALUATIONS, OBJECTIVE, SECONDS, steps_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from matplotlib.figure import Figure

    from .comparison import Comparison

__all__ = ["check", "draw", "save"]

POINTS = 60
FORMATS = ("png", "svg", "pdf")


def _pyplot() -> Any:
    return require("plot()", "plot", "matplotlib.pyplot")


def check(path: str) -> None:
    """Check what a plot needs, before hours of runs."""
    import os

    from ..base.checks import writable
    from ..errors import ArgumentError

    folder, name = os.path.split(path)
    if name.rpartition(".")[2] not in FORMATS or not name.rpartition(".")[0]:
        raise ArgumentError(f"--plot must be a .png, .svg or .pdf file, got {path!r}")
    if folder and not os.path.isdir(folder):
        raise ArgumentError(f"--plot must be in a folder that exists, got {path!r}")
    writable("--plot", path)
    _pyplot()


def save(comparison: Comparison[Any], path: str) -> None:
    """Write the plot to a file."""
    import io

    from ..base.checks import write_bytes_atomic

    with io.BytesIO() as buffer:
        draw(comparison).savefig(buffer, format=path.rpartition(".")[2])
        write_bytes_atomic(path, buffer.getvalue())


def draw(comparison: Comparison[Any]) -> Figure:
    """Draw the median of each method's runs with the middle half of them; return the Figure."""
    pyplot = _pyplot()
    figure: Figure
    figure, axes = pyplot.subplots(1, 2, figsize=(10, 4), sharey=True, layout="constrained")
    first = next(iter(comparison.runs.values()))[0]
    for number, (axis, column, label) in enumerate(
        zip(axes, (EVALUATIONS, SECONDS), ("evaluations", "time [s]"), strict=True)
    ):
        for method in comparison.runs:
            _curve(axis, comparison, method, column)
        if comparison.optimum is not None:
            axis.axhline(comparison.optimum, color="black", linestyle=":", label="proven optimum")
        axis.set(xlabel=label, xscale="log")
        if not number:
            axis.set_ylabel(first.objective_name)
            axis.legend(fontsize="small")
    figure.suptitle(f"{first.space.family} on {first.target}")
    return figure


def _curve(axis: Any, comparison: Comparison[Any], method: str, column: int) -> None:
    import numpy as np

    results = comparison.runs[method]
    runs = [steps_of(run) for run in results]
    ends = [max(run.nfev if column == EVALUATIONS else run.elapsed_s, 1e-9) for run in results]
    starts = [step[column] for steps in runs for step in steps if step[column] > 0]
    if not starts:
        return
    grid = np.geomspace(min(starts), max(*ends, *starts) * 1.0001, POINTS)
    values = np.full((len(runs), POINTS), np.nan)
    for line, steps in zip(values, runs, strict=True):
        for step in steps:
            line[grid >= step[column]] = step[OBJECTIVE]
    kept = np.mean(~np.isnan(values), axis=0) >= 0.5
    if not kept.any():
        return
    low, middle, high = np.nanpercentile(values[:, kept], [25, 50, 75], axis=0)
    (drawn,) = axis.plot(grid[kept], middle, label=method)
    axis.fill_between(grid[kept], low, high, alpha=0.15, color=drawn.get_color())
