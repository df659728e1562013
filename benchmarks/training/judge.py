"""What 25 trained networks tell of the others: the 25-sample claim judged on the shipped results.

    python -m benchmarks.training.judge [results.json] [--json FILE]

Each of `DRAWS` draws fits every predictor on 25 of the networks and judges it on all others: rank
correlation (Spearman) and errors in points of accuracy. Beside them stand what the noise of single
trainings allows at best, and what each plain number says by itself.
"""

from __future__ import annotations

import argparse
import json
import warnings
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import least_squares
from scipy.stats import spearmanr

import flash

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    # (networks to fit on, their accuracies, networks to judge): predictions
    Predict = Callable[[list[flash.Architecture], Array, list[flash.Architecture]], Array]

RESULTS = Path(__file__).with_name("results.json")
DRAWS = 100
SAMPLES = 25
LEVEL = 0.9
NOISE_DRAWS = 2000


def load(path: Path = RESULTS) -> tuple[list[flash.Architecture], list[list[float]]]:
    """Return the networks, and the accuracies of each one's trainings, that of seed 0 first."""
    data = json.loads(path.read_text())
    networks, accuracies = [], []
    for row in data["networks"]:
        cells = [
            flash.Cell(16 * row["multiplier"] * 2**number, depth, skips)
            for number, (depth, skips) in enumerate(zip(row["depths"], row["skips"], strict=True))
        ]
        networks.append(flash.Architecture("densenet", cells, resolution=data["resolution"]))
        accuracies.append([one["accuracy"] for one in row["trainings"]])
    return networks, accuracies


def noise(accuracies: list[list[float]]) -> float:
    """Return the standard deviation between trainings of one network."""
    repeated = [np.array(one) for one in accuracies if len(one) > 1]
    squares = sum(float(np.square(one - one.mean()).sum()) for one in repeated)
    return float(np.sqrt(squares / sum(len(one) - 1 for one in repeated)))


# What a network is described by


def shares(arch: flash.Architecture) -> list[float]:
    """Return links over width of each cell."""
    return [cell.skips / cell.width for cell in arch.cells]


def depths(arch: flash.Architecture) -> list[float]:
    """Return layers of each cell."""
    return [float(cell.depth) for cell in arch.cells]


NUMBERS: dict[str, Callable[[flash.Architecture], float]] = {
    "NN-Degree": flash.nn_degree,
    "NN-Degree (channels)": lambda arch: flash.nn_degree(arch, counting="channels"),
    "NN-Mass": flash.nn_mass,
    "params": lambda arch: arch.params,
    "MACs": lambda arch: arch.macs,
    "width": lambda arch: arch.cells[0].width,
    "depth": lambda arch: sum(depths(arch)),
    "links over width": lambda arch: float(np.mean(shares(arch))),
}


def paper_form(
    fitted: list[flash.Architecture], y: Array, judged: list[flash.Architecture]
) -> Array:
    """Fit 1 / (a + exp(b / g + c)) of NN-Degree g by least squares."""
    g = np.asarray(flash.nn_degree(fitted))

    def curve(theta: Array, degree: Array) -> Array:
        a, b, c = theta
        return 1 / (a + np.exp(np.minimum(b / degree + c, 50.0)))

    start = [1.0, float(g.mean()) / 4, 0.0]
    bounds = ([1e-6, 1e-6, -20.0], [1e3, 1e5, 20.0])
    found = least_squares(lambda theta: curve(theta, g) - y, start, bounds=bounds)
    return curve(found.x, np.asarray(flash.nn_degree(judged)))


def ridge(features: Callable[[flash.Architecture], list[float]], penalty: float) -> Predict:
    """Return a ridge regression of the logit of accuracy on standardised features."""

    def predict(
        fitted: list[flash.Architecture], y: Array, judged: list[flash.Architecture]
    ) -> Array:
        x = np.array([features(one) for one in fitted], dtype=float)
        mean, deviation = x.mean(axis=0), x.std(axis=0)
        deviation[deviation == 0] = 1.0
        x = (x - mean) / deviation
        z = np.log(y / (1 - y))
        weights = np.linalg.solve(x.T @ x + penalty * np.eye(x.shape[1]), x.T @ (z - z.mean()))
        other = (np.array([features(one) for one in judged], dtype=float) - mean) / deviation
        return 1 / (1 + np.exp(-(z.mean() + other @ weights)))

    return predict


def cells_sum(arch: flash.Architecture) -> list[float]:
    """Return per cell depth, links over width, and their saturating form; the log of the width."""
    used = [1 / (1 + one) for one in shares(arch)]
    missing = [depth * one for depth, one in zip(depths(arch), used, strict=True)]
    return [float(np.log(arch.cells[0].width)), *depths(arch), *used, *missing]


def _fitted(networks: list[flash.Architecture], y: Array) -> flash.AccuracyPredictor:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return flash.AccuracyPredictor.fit(networks, list(y), kind="topology")


def topology(fitted: list[flash.Architecture], y: Array, judged: list[flash.Architecture]) -> Array:
    """Fit flash's own predictor."""
    found = _fitted(fitted, y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some of the judged lie outside of what was fitted
        return np.asarray(found.predict(judged))


def one_log(name: str) -> Predict:
    """Return a line in the logarithm of one number."""
    return ridge(lambda arch: [float(np.log(NUMBERS[name](arch)))], 0.0)


PREDICTORS: dict[str, Predict] = {
    "mean of the 25": lambda fitted, y, judged: np.full(len(judged), y.mean()),
    "NN-Degree, the paper's form": paper_form,
    "log params": one_log("params"),
    "log MACs": one_log("MACs"),
    "log width, depth, links over width": ridge(
        lambda arch: [
            float(np.log(arch.cells[0].width)),
            sum(depths(arch)),
            float(np.mean(shares(arch))),
        ],
        0.1,
    ),
    "additive over cells": ridge(cells_sum, 1.0),
    "flash: topology": topology,
}


def rank(one: Array, two: Array) -> float:
    """Return Spearman's correlation, 0 where one side is constant."""
    return 0.0 if np.ptp(one) == 0 else float(spearmanr(one, two).statistic)


def judged(networks: list[flash.Architecture], y: Array) -> dict[str, dict[str, list[float]]]:
    """Return rank, MAE and RMSE (points) of each predictor: medians and quartiles over draws."""
    draw = np.random.default_rng(0)
    rows: dict[str, list[tuple[float, float, float]]] = {name: [] for name in PREDICTORS}
    for _ in range(DRAWS):
        order = draw.permutation(len(networks))
        fit, rest = order[:SAMPLES], order[SAMPLES:]
        for name, predict in PREDICTORS.items():
            guess = predict([networks[i] for i in fit], y[fit], [networks[i] for i in rest])
            error = 100 * (guess - y[rest])
            rows[name].append(
                (
                    rank(guess, y[rest]),
                    float(np.abs(error).mean()),
                    float(np.sqrt(np.square(error).mean())),
                )
            )
    result = {}
    for name, values in rows.items():
        quartiles = np.quantile(np.array(values), [0.5, 0.25, 0.75], axis=0).round(3)
        result[name] = dict(zip(("rank", "mae", "rmse"), quartiles.T.tolist(), strict=True))
    return result


def intervals(networks: list[flash.Architecture], y: Array) -> dict[str, float]:
    """Return what 90 % intervals of flash's predictor cover, how wide they are, how long fits take.

    On the draws of `judged`; widths in points, medians over draws but for the coverage, a mean.
    """
    draw = np.random.default_rng(0)
    rows = []
    for _ in range(DRAWS):
        order = draw.permutation(len(networks))
        fit, rest = order[:SAMPLES], order[SAMPLES:]
        start = perf_counter()
        found = _fitted([networks[i] for i in fit], y[fit])
        seconds = perf_counter() - start
        ends = np.asarray(found.interval([networks[i] for i in rest], LEVEL))
        inside = (ends[:, 0] <= y[rest]) & (y[rest] <= ends[:, 1])
        rows.append((inside.mean(), 100 * float(np.median(ends[:, 1] - ends[:, 0])), seconds))
    covered, width, seconds = np.array(rows).T
    return {
        "coverage": round(float(covered.mean()), 4),
        "width": round(float(np.median(width)), 2),
        "fit_s": round(float(np.median(seconds)), 5),
    }


def example(networks: list[flash.Architecture], y: Array) -> dict[str, Any]:
    """Return the draw of median rank for a plot: real accuracies, what two predictors say."""
    draw = np.random.default_rng(0)
    drawn = []
    for _ in range(DRAWS):
        order = draw.permutation(len(networks))
        fit, rest = order[:SAMPLES], order[SAMPLES:]
        known, unseen = [networks[i] for i in fit], [networks[i] for i in rest]
        guess = topology(known, y[fit], unseen)
        drawn.append((rank(guess, y[rest]), tuple(order), guess))
    _, chosen, guess = sorted(drawn, key=lambda one: one[0])[DRAWS // 2]
    fit, rest = np.array(chosen[:SAMPLES]), np.array(chosen[SAMPLES:])
    known, unseen = [networks[i] for i in fit], [networks[i] for i in rest]
    return {
        "real": y[rest].round(5).tolist(),
        "topology": guess.round(5).tolist(),
        "nn-degree": paper_form(known, y[fit], unseen).round(5).tolist(),
    }


def numbers_alone(networks: list[flash.Architecture], y: Array) -> dict[str, dict[str, float]]:
    """Return the rank correlation of each plain number: over all, and where others are fixed."""
    widths = np.array([one.cells[0].width for one in networks])
    linked = np.array([sum(shares(one)) > 0 for one in networks])
    result = {}
    for name, number in NUMBERS.items():
        x = np.array([float(number(one)) for one in networks])
        line = {"all": rank(x, y), "linked": rank(x[linked], y[linked])}
        for width in np.unique(widths):
            line[f"width {width}"] = rank(x[widths == width], y[widths == width])
        result[name] = {key: round(value, 3) for key, value in line.items()}
    return result


def left_over(networks: list[flash.Architecture], y: Array) -> dict[str, float]:
    """Return what the paper's form, fitted on all, leaves: rank correlations of its error."""
    error = y - paper_form(networks, y, networks)
    result = {"rmse": round(100 * float(np.sqrt(np.square(error).mean())), 2)}
    for name in ("width", "depth", "links over width"):
        x = np.array([float(NUMBERS[name](one)) for one in networks])
        result[name] = round(rank(x, error), 3)
    return result


def ceiling(y: Array, deviation: float) -> dict[str, float]:
    """Return what a predictor of the true means would reach on single trainings.

    The measured accuracies stand for the true means, which spreads them a little too far.
    """
    draw = np.random.default_rng(0)
    ranks = [rank(y, y + deviation * draw.standard_normal(len(y))) for _ in range(NOISE_DRAWS)]
    return {
        "rank": round(float(np.median(ranks)), 3),
        "mae": round(100 * deviation * float(np.sqrt(2 / np.pi)), 3),
        "rmse": round(100 * deviation, 3),
    }


def main() -> None:
    """Print the tables."""
    reader = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    reader.add_argument("results", nargs="?", type=Path, default=RESULTS)
    reader.add_argument("--json", metavar="FILE", type=Path)
    args = reader.parse_args()
    networks, accuracies = load(args.results)
    y, deviation = np.array([one[0] for one in accuracies]), noise(accuracies)
    found: dict[str, Any] = {
        "networks": len(networks),
        "accuracy": [round(float(y.min()), 4), round(float(y.max()), 4)],
        "spread": round(100 * float(y.std(ddof=1)), 2),
        "noise": round(100 * deviation, 2),
        "ceiling": ceiling(y, deviation),
        "numbers": numbers_alone(networks, y),
        "left_over": left_over(networks, y),
        "predictors": judged(networks, y),
        "intervals": intervals(networks, y),
        "example": example(networks, y),
    }
    print(f"{len(networks)} networks, accuracy {100 * y.min():.1f} to {100 * y.max():.1f} %, ")
    print(f"spread {found['spread']} points, seed noise {found['noise']} points (SD)")
    print(f"at best on single trainings: {found['ceiling']}")
    print("\nrank correlation of plain numbers")
    for name, line in found["numbers"].items():
        print(f"  {name:24}", "  ".join(f"{key} {value:6.3f}" for key, value in line.items()))
    print(f"\nwhat NN-Degree's form leaves, fitted on all: {found['left_over']}")
    print(f"\nfitted on {SAMPLES}, judged on the rest: median [quartiles] of {DRAWS} draws")
    for name, columns in found["predictors"].items():
        text = "  ".join(
            f"{key} {middle:6.3f} [{low:.3f}, {high:.3f}]"
            for key, (middle, low, high) in columns.items()
        )
        print(f"  {name:36} {text}")
    print(f"\nflash's 90 % intervals: {found['intervals']}")
    if args.json:
        args.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
