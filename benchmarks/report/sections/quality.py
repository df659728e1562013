"""Quality against time: the median gap to the proven optimum over the budgets."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from benchmarks.common.cases import MAIN
from benchmarks.common.files import PICTURES
from benchmarks.common.timing import gaps_at
from benchmarks.report.plotting import both, pyplot_of
from benchmarks.report.section import Section

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from benchmarks.report.section import Told

FLOOR = 1e-5  # a gap of nothing is drawn here
SHOWN = (
    "scipy_shgo",
    "scipy_de",
    "pymoo_peer",
    "optuna_peer",
    "nevergrad_peer",
)


def write(told: Told, pictures: Iterable[str]) -> str:
    """Return the picture."""
    shown = "quality.svg" in pictures
    return f"![quality against time]({PICTURES}/quality.svg)\n" if shown else ""


def draw(told: Told) -> dict[str, bytes]:
    """Return the plot as quality.svg and quality.png; nothing where nothing was measured."""
    found = curves(told)
    if not found:
        return {}
    pyplot = pyplot_of()
    figure, axes = pyplot.subplots(figsize=(9.0, 5.0), layout="constrained")
    for (name, (times, gaps)), color in zip(found.items(), pyplot.cm.tab10.colors, strict=False):
        own = name.startswith("flash")
        drawn = [(t, max(g, FLOOR)) for t, g in zip(times, gaps, strict=True) if g < 1.0]
        if drawn:
            axes.step(
                *zip(*drawn, strict=True),
                where="post",
                color=color,
                label=name,
                lw=3 - 1.5 * (not own),
            )
            if not own and drawn[-1][1] > FLOOR:
                axes.plot(*drawn[-1], "x", color=color)
        else:
            axes.plot([], [], color=color, label=f"{name} (none feasible)")
    for (name, seconds), mark in zip(proofs(told).items(), ("b*", "ks"), strict=False):
        axes.plot(seconds, FLOOR, mark, markersize=10, label=name)
    axes.set(
        xscale="log",
        yscale="log",
        xlabel="time of the solver's call, s",
        ylabel="median gap to the proven optimum",
        title="DenseNet x rram, 1.1e11 configurations, three budgets that bind jointly",
    )
    axes.set_ylim(FLOOR / 1.5, 1.0)
    axes.set_yticks(
        [1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0], ["none", "0.01 %", "0.1 %", "1 %", "10 %", "100 %"]
    )
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8, loc="upper right")
    return both(figure, "quality")


def curves(told: Told) -> dict[str, tuple[list[float], list[float]]]:
    """Return (times, median gaps) by name; times in seconds of the solver's call."""
    import numpy as np

    found = {}

    def add(name: str, runs: list[tuple[list[Any], float]], end: float) -> None:
        times = [float(t) for t in np.geomspace(5e-5, end, 300)]
        gaps = [gaps_at(times, points, optimum) for points, optimum in runs]
        found[name] = times, [statistics.median(column) for column in zip(*gaps, strict=True)]

    main = next((one for one in told.get("search", ()) if one["case"] == MAIN), None)
    if main is not None:
        runs = []
        for row in main["rows"]:
            optimum = row["objective"]
            reached = optimum * (1.0 - row["shgo_gap"])
            runs.append(([(row["shgo"], reached), (row["solver"], optimum)], optimum))
        add("flash: SHGO, then the proof", runs, max(row["solver"] for row in main["rows"]))
    for name in SHOWN:
        if name in told:
            runs = [(run["points"], run["optimum"]) for run in told[name]["runs"]]
            end = max(run["seconds"] for run in told[name]["runs"])
            add(f"{told[name]['peer']}: {told[name]['best']}", runs, end)
    return found


def proofs(told: Told) -> dict[str, float]:
    """Return the median time to a proof, by name."""
    main = next((one for one in told.get("search", ()) if one["case"] == MAIN), None)
    found = {}
    if main is not None:
        found["flash: proof"] = statistics.median(row["solver"] for row in main["rows"])
    if "plain_exact" in told:
        found["plain exact loop: proof"] = told["plain_exact"]["summary"]["seconds"]
    return found


SECTION = Section(write, draw=draw)
