"""FLASH searches without training, orders of magnitude faster than training in the loop: is it so?

On scikit-learn's digits, and on the networks of benchmarks/training, whose accuracies and processor
seconds are shipped. The accuracy to reach is that of the network which the timed search returns,
trained as the others were. Everything is counted in processor time, in two readings:

search alone    FLASH's search against the trainings of the other, each without the training of the
                network that it ends with
answer trained  FLASH's search and the training of its answer, against all trainings of the other,
                among which that of its own answer is

The first is how many times longer the search itself takes, and grows with what a training costs;
the second is bounded by how many trainings the other needs, whatever the search's speed. A search
of cells of PNAS by training goes with it. `methods_training` of `python -m benchmarks.report`.

    python -m benchmarks.claims.training_free --json out.json
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from time import process_time
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

import flash
from benchmarks.common.files import write_json
from benchmarks.training import answers
from flash.comparing import statistics
from flash.comparing.statistics import SECONDS, Efforts, steps_of
from flash.hardware import as_target
from flash.solving.ground import ground_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Array = NDArray[np.float64]

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
DRAWS = 2000  # of the bootstrap over trainings and draws


def training(folder: Path, seeds: int) -> dict[str, Any]:
    """Return the two experiments, and the search for a cell."""
    return {
        "digits": digits(folder / "digits", seeds),
        "shipped": shipped(seeds),
        "cells": cells(folder / "cells"),
    }


class Trained(flash.Evaluator):
    """Networks that were all trained before: their accuracies, and the processor seconds of each.

    Parameters
    ----------
    rows : int array, shape (n, variables)
    accuracy, seconds : array, shape (n,)
    """

    name = "trained before"

    def __init__(self, rows: Any, accuracy: Array, seconds: Array) -> None:
        self.places = {tuple(row): n for n, row in enumerate(rows.tolist())}
        self.accuracy, self.seconds = accuracy, seconds

    def evaluate(self, ground: Any, rows: Any, metrics: Any) -> tuple[Array, Array]:
        """Return what the trainings said and took."""
        places = [self.places[tuple(row)] for row in rows.tolist()]
        return self.accuracy[places], self.seconds[places]

    def answer_s(self, accuracy: float) -> float:
        """Return what training a network of this accuracy took; the mean where several have it."""
        return float(self.seconds[self.accuracy == accuracy].mean())


def trainings(
    folder: Path, space: Any, rows: Any, seeds: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Train every network of a small space under each seed, or read that from the folder.

    Returns
    -------
    accuracies, processor seconds : array, shape (seeds, n)
    """
    import torch

    from flash.training import data, feeding
    from flash.training.loop import fit
    from flash.training.preparing import recipe_of

    folder.mkdir(parents=True, exist_ok=True)
    kept = folder / "trained.jsonl"
    found: dict[tuple[int, int], list[float]] = {}
    if kept.exists():
        for text in kept.read_text().splitlines():
            seed, number, *told = json.loads(text)
            found[seed, number] = told
    images = data.read("digits", None, 0.2, 0)
    recipe, before = recipe_of(None, EPOCHS, None, images), torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with kept.open("a") as file:
            for seed in range(seeds):
                for number, row in enumerate(rows.tolist()):
                    if (seed, number) in found:
                        continue
                    arch = space.decode(tuple(row))
                    shown, _ = feeding.local(images, feeding.shape_of(arch), 2**30)
                    started = process_time()
                    told = fit(arch.to_torch(seed=seed), shown, recipe, seed=seed)
                    spent = process_time() - started
                    found[seed, number] = [told["accuracy"], spent]
                    file.write(json.dumps([seed, number, told["accuracy"], spent]) + "\n")
                    file.flush()
    finally:
        torch.set_num_threads(before)
    every = np.array(
        [[found[seed, number] for number in range(len(rows))] for seed in range(seeds)]
    )
    return every[:, :, 0], every[:, :, 1]


def digits(folder: Path, seeds: int) -> list[dict[str, Any]]:
    """Return, for each budget, what every method takes to a network as good as FLASH's.

    A seed is one of the trainings and of the other method's draws at once: all networks are
    trained under it, FLASH's answer among them.
    """
    space = flash.SearchSpace.from_dict(DIGITS)
    ground = ground_of(space, as_target("cpu-x86"))
    rows = np.array(list(np.ndindex(*ground.lengths.tolist())))
    metrics = ground.charge(rows)
    accuracy, seconds = trainings(folder, space, rows, seeds)
    told = []
    for share in SHARES:
        budget = float(np.quantile(metrics[5], share, method="lower"))
        own, answer = timed_search(space, "cpu-x86", max_macs=budget)
        place = int(np.flatnonzero((rows == np.array(answer.x)).all(axis=1))[0])
        quality = accuracy[:, place]
        allowed = metrics[5] <= budget
        line: dict[str, Any] = {
            "budget": budget,
            "networks": int(allowed.sum()),
            "better": float((accuracy[:, allowed] > quality[:, None]).sum(axis=1).mean()),
            "quality": float(quality.mean()),
            "flash_s": statistics.median(own),
            "answer_s": float(seconds[:, place].mean()),
            "training_s": float(seconds.mean()),
            "methods": {},
        }
        flash_s = [statistics.median(own) or 0.0] * seeds
        for method, options in TRAINERS.items():
            whole, alone = [], []
            for seed in range(seeds):
                judge = Trained(rows, accuracy[seed], seconds[seed])
                run = flash.search(
                    space, "cpu-x86", method=method, evaluator=judge, options=options, seed=seed,
                    max_evals=len(rows), max_macs=budget, certify=False,
                )  # fmt: skip
                effort = statistics.efforts([run], float(quality[seed]))
                whole.append(effort)
                alone.append(_without_answer(effort, run, judge))
            line["methods"][method] = _against(
                flash_s, seconds[:, place].tolist(), _joined(whole), _joined(alone)
            )
        told.append(line)
        print(line, file=sys.stderr)
    return told


def _without_answer(effort: Efforts, run: Any, judge: Trained) -> Efforts:
    """Return an effort without the training of the network that reached the quality."""
    if not effort.successes[0]:
        return effort
    step = next(one for one in steps_of(run) if one[SECONDS] == effort.seconds[0])
    return effort.replace(seconds=[max(0.0, effort.seconds[0] - judge.answer_s(step[-1]))])


def _joined(efforts: Sequence[Efforts]) -> Efforts:
    names = ("samples", "evaluations", "seconds", "successes")
    return Efforts(*([one for own in efforts for one in getattr(own, name)] for name in names))


def timed_search(
    space: Any, target: str, repeats: int | None = None, **budgets: Any
) -> tuple[list[float], Any]:
    """Return the processor seconds of FLASH's whole call, without training, several times, and its
    answer."""
    own, answer = [], None
    for _ in range(REPEATS if repeats is None else repeats):
        started = process_time()
        answer = flash.search(space, target, **budgets)
        own.append(process_time() - started)
    return own, answer


def _against(
    search_s: Sequence[float], answer_s: Sequence[float], whole: Efforts, alone: Efforts
) -> dict[str, Any]:
    """Return what another method takes, and its ratios to FLASH in both readings.

    search_s, answer_s : FLASH's search and the training of its answer, by seed; whole, alone: the
    other's trainings, with and without that of the network it ends with.
    """
    once = [1.0] * len(search_s)
    bare = Efforts(once, once, list(search_s), [True] * len(once))
    both = [own + answer for own, answer in zip(search_s, answer_s, strict=True)]
    trained = bare.replace(seconds=both)
    return {
        "reached": whole.reached,
        "evaluations": whole.expected("evaluations"),
        "seconds": whole.expected("seconds"),
        "search_s": alone.expected("seconds"),
        "slower": plain(statistics.ratio(alone, bare, "seconds")),
        "slower_trained": plain(statistics.ratio(whole, trained, "seconds")),
    }


def plain(triple: Any) -> Any:
    """Return a ratio with None for what JSON has no number for."""
    return triple and [None if one - one != 0.0 else one for one in triple]


class Drawn(NamedTuple):
    """Random search against FLASH's answer under one budget.

    Attributes
    ----------
    line : dict
        What `shipped` tells of the budget.
    flash_s : float
    answer_s : list of float
        Of each training of FLASH's answer; none where it was not trained.
    drawn : list of array
        What `_drawn` returns for each of these.
    every_s : float
        What training all networks within the budget takes.
    """

    line: dict[str, Any]
    flash_s: float
    answer_s: list[float]
    drawn: list[Array]
    every_s: float


def shipped(seeds: int) -> list[dict[str, Any]]:
    """Return the same on the 96 networks that benchmarks/training trained.

    The quality is that of the network which the timed search itself returns, from the whole space
    within a budget of MACs, trained as the 96 were (benchmarks/training/answers.json), one
    training after another; None where it was not. Random search draws from the 96 without
    repetition, until one is as accurate; each draw costs its training's processor seconds. Where
    none of them is as accurate as any of the answer's trainings, all that training them costs is
    the least that random search takes. Intervals are over trainings of the answer and draws.
    """
    told = []
    for one in draws_of_shipped(seeds):
        if one.drawn:
            random = ratios_of(one.drawn, one.answer_s, one.flash_s)
            if not random["reached"]:
                random["at_least"] = one.every_s / one.flash_s
            one.line["methods"]["random"] = random
        told.append(one.line)
        print(one.line, file=sys.stderr)
    return told


def draws_of_shipped(seeds: int) -> list[Drawn]:
    """Return random search against the answer under each budget."""
    nets, accuracy, seconds = zip(*answers.trained(), strict=True)
    macs = np.array([net.macs for net in nets])
    accuracy, seconds = np.array(accuracy), np.array(seconds)
    found = []
    for budget in answers.budgets():
        own, answer = timed_search(answers.space(), answers.TARGET, max_macs=budget)
        flash_s = statistics.median(own) or 0.0
        allowed = np.flatnonzero(macs <= budget)
        runs = answers.of_answer(answer.architecture)
        line: dict[str, Any] = {
            "budget": budget,
            "networks": len(allowed),
            "better": None,
            "quality": None,
            "flash_s": flash_s,
            "answer_s": None,
            "training_s": float(np.mean(seconds)),
            "methods": {},
        }
        qualities = [run["accuracy"] for run in runs]
        if runs:
            line["quality"] = float(np.mean(qualities))
            line["better"] = float(np.mean([(accuracy[allowed] > one).sum() for one in qualities]))
            line["answer_s"] = float(np.mean([run["cpu_s"] for run in runs]))
        drawn = [_drawn(accuracy[allowed], seconds[allowed], one, 10 * seeds) for one in qualities]
        answer_s = [run["cpu_s"] for run in runs]
        found.append(Drawn(line, flash_s, answer_s, drawn, float(seconds[allowed].sum())))
    return found


def _drawn(accuracy: Array, seconds: Array, quality: float, draws: int) -> Array:
    """Return what drawing networks without repetition takes until one is as accurate.

    Returns
    -------
    array, shape (draws, 4)
        Trainings, their seconds, these without the last one's, and whether one was as accurate.
    """
    found = []
    for seed in range(draws):
        order = np.random.default_rng(seed).permutation(len(accuracy))
        met = accuracy[order] >= quality
        count = 1 + int(np.argmax(met)) if met.any() else len(order)
        spent = float(seconds[order[:count]].sum())
        last = float(seconds[order[count - 1]]) if met.any() else 0.0
        found.append((count, spent, spent - last, float(met.any())))
    return np.array(found)


def ratios_of(drawn: Sequence[Array], answer_s: Sequence[float], flash_s: float) -> dict[str, Any]:
    """Return `_against` of random search; intervals by a bootstrap of trainings, then of draws."""
    every, answer = np.array(drawn), np.array(answer_s)  # (trainings, draws, 4)
    reached = float(every[:, :, 3].mean())
    if not reached:
        nothing = dict.fromkeys(("evaluations", "seconds", "search_s", "slower", "slower_trained"))
        return {"reached": 0.0, **nothing}

    def ratios(chosen: Array, own_s: Array) -> tuple[float, float]:
        came = chosen[..., 3].sum()
        if not came:
            return float("inf"), float("inf")
        spent, alone = (float(chosen[..., k].sum() / came) for k in (1, 2))
        return alone / flash_s, spent / (flash_s + float(own_s.mean()))

    rng = np.random.default_rng(0)
    n, draws = every.shape[:2]
    found = []
    for _ in range(DRAWS):
        which = rng.integers(0, n, size=n)
        picks = rng.integers(0, draws, size=(n, draws))
        found.append(ratios(every[which[:, None], picks], answer[which]))
    low, high = np.quantile(np.array(found), (0.025, 0.975), axis=0, method="nearest")
    middle = ratios(every, answer)
    came = every[:, :, 3].sum()
    return {
        "reached": reached,
        "evaluations": float(every[:, :, 0].sum() / came),
        "seconds": float(every[:, :, 1].sum() / came),
        "search_s": float(every[:, :, 2].sum() / came),
        "slower": plain((middle[0], float(low[0]), float(high[0]))),
        "slower_trained": plain((middle[1], float(low[1]), float(high[1]))),
    }


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
