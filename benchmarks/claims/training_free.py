"""FLASH searches without training, orders of magnitude faster than training in the loop: is it so?

On scikit-learn's digits, and on the networks of benchmarks/training, whose accuracies and processor
seconds are shipped. The accuracy to reach is that of the network which the timed search returns. A
search of cells of PNAS by training goes with it. `methods_training` of
`python -m benchmarks.report`.

    python -m benchmarks.claims.training_free --json out.json
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from time import perf_counter, process_time
from typing import TYPE_CHECKING, Any

import numpy as np

import flash
from benchmarks.common.files import write_json
from benchmarks.training import answers
from flash.comparing import statistics
from flash.comparing.statistics import Efforts
from flash.hardware import as_target
from flash.solving.ground import ground_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SEEDS = 10

# 64 small networks, so that training all of them takes minutes
DIGITS = {
    "family": "densenet", "widths": [4, 8], "depths": [2, 4], "skips": [0, 8], "cells": 2,
    "resolution": 8,
}  # fmt: skip
EPOCHS = 3
SHARES = (1.0, 0.5)  # of the networks that a budget of MACs leaves
TRAINERS = {
    "random": {},
    "evolution": {"population": 10, "sample": 3},
    "pnas": {"surrogate": "ridge"},
    "fp-nas": {},
    "parsec": {},
    "flash": {"samples": 12},
}
REPEATS = 20  # of flash's own search, to time it


def training(folder: Path, seeds: int) -> dict[str, Any]:
    """Return the two experiments, and the search for a cell."""
    return {
        "digits": digits(folder / "digits", seeds),
        "shipped": shipped(seeds),
        "cells": cells(folder / "cells"),
    }


def digits(folder: Path, seeds: int) -> list[dict[str, Any]]:
    """Return, for each budget, what every method takes to a network as good as FLASH's."""
    space = flash.SearchSpace.from_dict(DIGITS)
    judge = flash.TrainingEvaluator("digits", folder, epochs=EPOCHS)
    ground = ground_of(space, as_target("cpu-x86"))
    rows = np.array(list(np.ndindex(*ground.lengths.tolist())))
    metrics = ground.charge(rows)
    accuracy, seconds = judge.evaluate(ground, rows, metrics)
    told = []
    for share in SHARES:
        budget = float(np.quantile(metrics[5], share, method="lower"))
        own, answer = timed_search(space, "cpu-x86", max_macs=budget)
        place = int(np.flatnonzero((rows == np.array(answer.x)).all(axis=1))[0])
        quality = float(accuracy[place])
        allowed = metrics[5] <= budget
        line: dict[str, Any] = {
            "budget": budget,
            "networks": int(allowed.sum()),
            "better": int((accuracy[allowed] > quality).sum()),
            "quality": quality,
            "flash_s": statistics.median(own),
            "answer_s": float(seconds[place]),
            "training_s": float(seconds.mean()),
            "methods": {},
        }
        for method, options in TRAINERS.items():
            runs = [
                flash.search(
                    space, "cpu-x86", method=method, evaluator=judge, options=options, seed=seed,
                    max_evals=len(rows), max_macs=budget, certify=False,
                )
                for seed in range(seeds)
            ]  # fmt: skip
            line["methods"][method] = _against(own, statistics.efforts(runs, quality))
        told.append(line)
        print(line, file=sys.stderr)
    return told


def timed_search(
    space: Any, target: str, clock: Callable[[], float] = perf_counter, **budgets: float
) -> tuple[list[float], Any]:
    """Return the seconds of FLASH's search without training, several times, and its answer."""
    own = []
    for _ in range(REPEATS):
        started = clock()
        answer = flash.search(space, target, **budgets)
        own.append(clock() - started)
    return own, answer


def _against(own: Sequence[float], other: Efforts) -> dict[str, Any]:
    base = Efforts([1.0] * len(own), [1.0] * len(own), list(own), [True] * len(own))
    return {
        "reached": other.reached,
        "evaluations": other.expected("evaluations"),
        "seconds": other.expected("seconds"),
        "slower": plain(statistics.ratio(other, base, "seconds")),
    }


def plain(triple: Any) -> Any:
    """Return a ratio with None for what JSON has no number for."""
    return triple and [None if one - one != 0.0 else one for one in triple]


def shipped(seeds: int) -> list[dict[str, Any]]:
    """Return the same on the 96 networks that benchmarks/training trained.

    The quality is that of the network which the timed search itself returns, from the whole space
    within a budget of MACs, trained as the 96 were (benchmarks/training/answers.json); None where
    it was not. Random search draws from the 96 without repetition, until one is as accurate; each
    draw costs its training's processor seconds, as the search is told by them. Where none of them
    is as accurate, all that training them cost is the least that random search takes.
    """
    nets, accuracy, seconds = zip(*answers.trained(), strict=True)
    macs = np.array([net.macs for net in nets])
    accuracy, seconds = np.array(accuracy), np.array(seconds)
    told = []
    for budget in answers.budgets():
        own, found = timed_search(answers.space(), answers.TARGET, process_time, max_macs=budget)
        allowed = np.flatnonzero(macs <= budget)
        trainings = answers.of_answer(found.architecture)
        line: dict[str, Any] = {
            "budget": budget,
            "networks": len(allowed),
            "better": None,
            "quality": None,
            "flash_s": statistics.median(own),
            "answer_s": None,
            "training_s": float(np.mean(seconds)),
            "methods": {},
        }
        if trainings:
            quality = float(np.mean([run["accuracy"] for run in trainings]))
            line["quality"] = quality
            line["better"] = int((accuracy[allowed] > quality).sum())
            line["answer_s"] = float(np.mean([run["cpu_s"] for run in trainings]))
            random = _drawn(accuracy[allowed], seconds[allowed], quality, 100 * seeds)
            line["methods"]["random"] = _against(own, random)
            if not random.reached:
                line["methods"]["random"]["at_least"] = float(
                    seconds[allowed].sum() / statistics.median(own)
                )
        told.append(line)
        print(line, file=sys.stderr)
    return told


def _drawn(accuracy: Any, seconds: Any, quality: float, draws: int) -> Efforts:
    """Return what drawing networks without repetition takes until one is as accurate."""
    counts, spent = [], []
    for seed in range(draws):
        order = np.random.default_rng(seed).permutation(len(accuracy))
        met = accuracy[order] >= quality
        count = 1 + int(np.argmax(met)) if met.any() else len(order)
        counts.append(float(count))
        spent.append(float(seconds[order[:count]].sum()))
    return Efforts(counts, counts, spent, [bool((accuracy >= quality).any())] * draws)


CELLS = {"filters": 4, "resolution": 8, "repeats": 1, "blocks": 3}
CELL_EVALS, CELL_SEEDS = 16, 2


def cells(folder: Path) -> dict[str, Any]:
    """Search for a cell of PNAS by training, progressively and at random."""
    space = flash.PNASCells(**CELLS)
    judge = flash.TrainingEvaluator("digits", folder, epochs=1)
    told: dict[str, Any] = {"evaluations": CELL_EVALS, "methods": {}}
    for method in ("pnas", "random"):
        runs = [
            flash.search(
                space, "cpu-x86", method=method, evaluator=judge, max_evals=CELL_EVALS, seed=seed
            )
            for seed in range(CELL_SEEDS)
        ]
        told["methods"][method] = {
            "accuracies": [run.accuracy for run in runs],
            "cell": space.name(runs[0].x),
            "seconds": [run.trace[-1][2] for run in runs],
        }
    return told


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--trainings", type=Path, help="folder that keeps the trainings")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--json", type=Path, required=True)
    args = parser.parse_args(arguments)
    if args.trainings is not None:
        told = training(args.trainings, args.seeds)
    else:
        with tempfile.TemporaryDirectory() as folder:
            told = training(Path(folder), args.seeds)
    write_json(args.json, told)


if __name__ == "__main__":
    main()
