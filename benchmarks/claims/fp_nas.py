"""FP-NAS draws fewer networks than PARSEC (arXiv 2011.10949: 64 % fewer): is it so here?

Each runs until its distribution is all but certain, which is when such a search is over, and is
judged by what it drew until then and by its answer; runs that the most iterations cut short are
counted. A run against FP-NAS with a fixed number of
draws tells what the adaptive number alone does. `methods_adaptive` of `benchmarks.report`.

    python -m benchmarks.claims.fp_nas --data FOLDER --json out.json
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import flash
from benchmarks.claims.methods import problems
from benchmarks.common.files import write_json
from flash.comparing import statistics
from flash.methods.fp_nas import FEWEST
from flash.spaces.named import any_space

if TYPE_CHECKING:
    from collections.abc import Sequence

SEEDS = 10
ITERATIONS = 100_000  # at most: enough that runs end by themselves
ENDS = (0.02, 0.1)  # share of the first entropy at which a search is over
ADAPTIVE = {
    "fp-nas": ("fp-nas", {}),
    "fp-nas, fixed 14": ("fp-nas", {"adaptive": False}),
    "parsec, fixed 16": ("parsec", {}),
}
DRAWS = {"fp-nas, fixed 14": 14, "parsec, fixed 16": 16}  # of an iteration, where it is fixed


def adaptive(data: Path | None, seeds: int) -> list[dict[str, Any]]:
    """Return one line per problem and end: draws, evaluations, seconds and answers."""
    lines = []
    for problem in problems(data).values():
        if problem is None:
            continue
        given = {k: v for k, v in problem.given.items() if k != "max_evals"}
        space = any_space(problem.space)
        known = flash.search(space, problem.target, method="random", max_evals=1, **given)
        for end in ENDS:
            line: dict[str, Any] = {"about": problem.about, "ends_at": end, "methods": {}}
            for title, (method, options) in ADAPTIVE.items():
                runs = [
                    flash.search(
                        space, problem.target, method=method, seed=seed, certify=False,
                        options={**options, "ends_at": end, "iterations": ITERATIONS}, **given,
                    )
                    for seed in range(seeds)
                ]  # fmt: skip
                fewest = DRAWS.get(title, FEWEST)
                line["methods"][title] = {
                    "capped": sum(fewest * ITERATIONS < (run.samples or 0) for run in runs),
                    "samples": [run.samples for run in runs],
                    "evaluations": [run.nfev for run in runs],
                    "seconds": [run.spent_s for run in runs],
                    "gap": [_gap(run.objective, known.upper_bound) for run in runs],
                }
            own = line["methods"]["fp-nas"]
            for title, other in line["methods"].items():
                for what in ("samples", "evaluations", "seconds"):
                    other[f"fewer_{what}"] = ratio_of_means(other[what], own[what])
                worse = np.array(own["gap"]) - np.array(other["gap"])
                other["worse"] = statistics.interval(worse.tolist())
                print(line["about"], end, title, other["fewer_samples"], file=sys.stderr)
            lines.append(line)
    return lines


def _gap(objective: float | None, optimum: float | None) -> float:
    assert optimum is not None
    return 1.0 if objective is None else (optimum - objective) / optimum


def ratio_of_means(others: Sequence[float], own: Sequence[float]) -> tuple[float, float, float]:
    """Return the ratio of two means, with its bootstrap interval of 95 % over seeds."""
    rng = np.random.default_rng(0)
    first, second = np.array(others, dtype=float), np.array(own, dtype=float)
    a = first[rng.integers(0, len(first), size=(10_000, len(first)))].mean(axis=1)
    b = second[rng.integers(0, len(second), size=(10_000, len(second)))].mean(axis=1)
    low, high = np.quantile(a / b, (0.025, 0.975))
    return float(first.mean() / second.mean()), float(low), float(high)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--data", type=Path, help="folder of the measured data")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--json", type=Path, required=True)
    args = parser.parse_args(arguments)
    write_json(args.json, adaptive(args.data, args.seeds))


if __name__ == "__main__":
    main()
