"""The plots: quality against time, which is the median gap to the proven optimum over the budgets,
and real accuracies against predicted ones."""

from __future__ import annotations

import io
import statistics
from typing import TYPE_CHECKING

from benchmarks.common import MAIN
from benchmarks.timing import gaps_at

if TYPE_CHECKING:
    from typing import Any

FLOOR = 1e-5  # a gap of nothing is drawn here
SHOWN = (
    "scipy_shgo",
    "scipy_de",
    "pymoo_peer",
    "optuna_peer",
    "nevergrad_peer",
)


def curves(told: dict[str, Any]) -> dict[str, tuple[list[float], list[float]]]:
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


def proofs(told: dict[str, Any]) -> dict[str, float]:
    """Return the median time to a proof, by name."""
    main = next((one for one in told.get("search", ()) if one["case"] == MAIN), None)
    found = {}
    if main is not None:
        found["flash: proof"] = statistics.median(row["solver"] for row in main["rows"])
    if "plain_exact" in told:
        found["plain exact loop: proof"] = told["plain_exact"]["summary"]["seconds"]
    return found


def draw(told: dict[str, Any]) -> dict[str, bytes]:
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
    return _saved(figure, "quality")


def predictions(told: dict[str, Any]) -> dict[str, tuple[dict[str, Any], dict[str, float]]]:
    """Return one draw of each set, real and predicted accuracies, and the median ranks of all."""
    from benchmarks.report_models import OWN, SETS

    found = {}
    if own := told.get("training"):
        kinds = {"nn-degree": "NN-Degree, the paper's form", "topology": "flash: topology"}
        ranks = {kind: own["predictors"][name]["rank"][0] for kind, name in kinds.items()}
        found[OWN] = own["example"], ranks
    for key, title in SETS.items():
        one = told.get("predictors", {}).get("sets", {}).get(key, "absent")
        if isinstance(one, dict):
            data = one["cifar10"]
            ranks = {kind: data[kind]["25"]["rank"][0] for kind in ("nn-degree", "topology")}
            found[title] = data["example"], ranks
    return found


def draw_predictions(told: dict[str, Any]) -> dict[str, bytes]:
    """Return predictors.svg and .png: networks that were not fitted, real against predicted."""
    found = predictions(told)
    if not found:
        return {}
    pyplot = pyplot_of()
    figure, axes = pyplot.subplots(
        1, len(found), figsize=(3.4 * len(found), 3.9), layout="constrained", squeeze=False
    )
    for axis, (title, (drawn, ranks)) in zip(axes[0], found.items(), strict=True):
        one = {name: [100.0 * value for value in column] for name, column in drawn.items()}
        real = one["real"]
        for name, label, color, size in (
            ("nn-degree", "NN-Degree", "0.65", 9),
            ("topology", "topology", "tab:blue", 9),
        ):
            axis.scatter(one[name], real, s=size, color=color, alpha=0.7, lw=0,
                         label=f"{label}, rank correlation {ranks[name]:.2f}")  # fmt: skip
        shown = sorted([*real, *one["topology"]])
        trimmed = shown[len(shown) // 200], shown[-1]  # one failed training is no scale
        margin = 0.05 * (trimmed[1] - trimmed[0])
        ends = trimmed[0] - margin, trimmed[1] + margin
        axis.plot(ends, ends, color="black", lw=0.8, ls=":")
        axis.set(xlim=ends, ylim=ends, xlabel="predicted accuracy, %", title=title)
        axis.set_aspect("equal")
        axis.grid(alpha=0.3)
        axis.legend(fontsize=7, loc="upper left", markerscale=1.5)
    axes[0][0].set_ylabel("accuracy after training, %")
    figure.suptitle(
        "Fitted on 25 networks, asked of others: a draw on CIFAR-10, rank correlations of all draws"
    )
    return _saved(figure, "predictors")


def pyplot_of() -> Any:
    import matplotlib

    matplotlib.use("agg")
    matplotlib.rcParams["svg.hashsalt"] = "flash"
    from matplotlib import pyplot

    return pyplot


def _saved(figure: Any, name: str) -> dict[str, bytes]:
    pictures = {}
    for kind, extra in (("svg", {"metadata": {"Date": None}}), ("png", {"dpi": 130})):
        buffer = io.BytesIO()
        figure.savefig(buffer, format=kind, **extra)
        pictures[f"{name}.{kind}"] = buffer.getvalue()
    pyplot_of().close(figure)
    return pictures
