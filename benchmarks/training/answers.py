"""Train what FLASH's own search answers, by the recipe of the 96 networks beside it.

    python -m benchmarks.training.answers FOLDER     # -> answers.json; stopped, it goes on

The searches are those that `benchmarks.claims.training_free` times: the default DenseNet space at
10 x 10 pixels, NN-Degree, under budgets of MACs that are quantiles of the trained networks' MACs.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import flash
from benchmarks.training.judge import RESULTS

if TYPE_CHECKING:
    from typing import Any

ANSWERS = Path(__file__).with_name("answers.json")
SHARES = (1.0, 0.75, 0.5, 0.25)  # of the trained networks that a budget of MACs leaves
SEEDS = 3
TARGET = "cpu-x86"


def trained() -> list[tuple[flash.Architecture, float, float]]:
    """Return the shipped networks, with the means of their trainings: accuracy and seconds."""
    data = json.loads(RESULTS.read_text())
    found = []
    for one in data["networks"]:
        widths = [16 * one["multiplier"] * 2**k for k in range(3)]
        cells = [
            flash.Cell(*cell) for cell in zip(widths, one["depths"], one["skips"], strict=True)
        ]
        arch = flash.Architecture("densenet", cells, resolution=data["resolution"])
        runs = one["trainings"]
        accuracy, seconds = (
            float(np.mean([run[what] for run in runs])) for what in ("accuracy", "cpu_s")
        )
        found.append((arch, accuracy, seconds))
    return found


def budgets() -> list[float]:
    """Return the budgets of MACs."""
    macs = np.array([arch.macs for arch, _, _ in trained()])
    return [float(np.quantile(macs, share, method="lower")) for share in SHARES]


def space() -> flash.SearchSpace:
    """Return the space that is searched."""
    return flash.DenseNet(resolution=json.loads(RESULTS.read_text())["resolution"])


def answer(budget: float) -> flash.Architecture:
    """Return what the search finds, proven."""
    found = flash.search(space(), TARGET, max_macs=budget)
    assert found.proven
    assert found.architecture is not None
    return found.architecture


def kept() -> list[dict[str, Any]]:
    """Return the trainings that are shipped; none where there is no file."""
    if not ANSWERS.exists():
        return []
    rows: list[dict[str, Any]] = json.loads(ANSWERS.read_text())["trainings"]
    return rows


def of_answer(arch: flash.Architecture) -> list[dict[str, Any]]:
    """Return the trainings of a network, seed by seed; none where it was not trained."""
    return [row for row in kept() if row["architecture"] == arch.to_dict()]


def main() -> None:
    """Train what the file lacks."""
    import torch

    from benchmarks.training.train_cifar import RECIPE, SETTING, images
    from flash.training.loop import fit

    torch.set_num_threads(1)
    data = images(Path(sys.argv[1]))
    jobs = [(budget, answer(budget), seed) for seed in range(SEEDS) for budget in budgets()]
    for budget, arch, seed in jobs:
        if any(row["seed"] == seed for row in of_answer(arch)):
            continue
        start = time.process_time()
        found = fit(arch.to_torch(seed=seed), data, RECIPE, seed=seed)
        row = {
            "max_macs": budget,
            "seed": seed,
            "accuracy": found["accuracy"],
            "loss": round(found["loss"], 4),
            "cpu_s": round(time.process_time() - start, 2),
            "architecture": arch.to_dict(),
        }
        head = {
            "provenance": "Trained by benchmarks/training/answers.py as results.json was: the "
            f"answers of flash.search, NN-Degree; torch {torch.__version__}, one thread.",
            "setting": SETTING,
            "recipe": RECIPE.to_dict(),
        }
        rows = ",\n".join("  " + json.dumps(one) for one in [*kept(), row])
        body = json.dumps(head, indent=1)[:-2]
        ANSWERS.write_text(f'{body},\n "trainings": [\n{rows}\n ]\n}}\n')
        print(f"{budget:.4g} MACs, seed {seed}: {found['accuracy']:.4f}", flush=True)


if __name__ == "__main__":
    main()
