"""Options of each method, tuned on other problems than those that the report shows.

    python -m benchmarks.claims.tuning --data FOLDER

A method has its default options and up to `TRIED` others, drawn from its grid, on held-out
problems: four of predictor and NN-Degree (other spaces or targets than the report's densenet x
rram), and NAS-Bench-201 by its accuracies on CIFAR-100 where the report shows those on CIFAR-10.
The best by the mean gap over problems and seeds, a run that found nothing counting as 1, is kept in
``tuned.json`` beside this file, with what it was tuned on; the default where nothing is better.
`benchmarks.claims.methods` shows each method by default and tuned. FOLDER is that of the measured
data (benchmarks/README.md names the sources); without it the tables are left out, and what was
tuned on them before is kept. Some minutes of one core.
"""

from __future__ import annotations

import argparse
import json
import sys
from itertools import product
from pathlib import Path
from time import process_time
from typing import TYPE_CHECKING

import numpy as np

import flash
from benchmarks.common.files import write_json
from benchmarks.common.timing import gap

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

__all__ = ["GRIDS", "KEPT", "KINDS", "tuned"]

KEPT = Path(__file__).with_name("tuned.json")
KINDS = ("scores", "tables")
SEEDS = 5
TRIED = 8  # others than the default

GRIDS: dict[str, dict[str, Sequence[Any]]] = {
    "evolution": {"population": (10, 25, 50, 100, 200), "sample": (3, 10, 25, 50)},
    "fp-nas": {
        "samples": (6, 14, 30),
        "learning_rate": (0.1, 0.25, 0.5, 1.0),
        "sharpness": (0.5, 1.0, 2.0, 4.0),
        "joint_at": (0.25, 0.5, 0.75),
    },
    "parsec": {
        "samples": (8, 16, 32),
        "learning_rate": (0.1, 0.25, 0.5, 1.0),
        "sharpness": (0.5, 1.0, 2.0, 4.0),
    },
    "netadapt-v2": {
        "iterations": (10, 20, 40),
        "decay": (0.9, 0.96, 0.99),
        "samples": (0, 25, 100),
        "layers": (0, 1, 2, 4),
        "refine": (0.3, 0.5, 0.7),
    },
    "netadapt": {"iterations": (10, 20, 40), "decay": (0.9, 0.96, 0.99)},
    "hurricane": {
        "pool": (0, 16, 64, 256),
        "late": (0.4, 0.6, 0.8),
        "population": (20, 50, 100),
        "generations": (0, 20, 40),
        "mutation": (0.05, 0.1, 0.2),
    },
    "spos": {
        "population": (20, 50, 100, 200),
        "generations": (20, 50),
        "parents": (5, 10, 25),
        "mutation": (0.05, 0.1, 0.2),
    },
    "pnas": {"surrogate": ("ridge",), "first": (0, 34, 272), "beam": (0, 64, 128, 512)},
}


class Problem:
    """A held-out problem: how `flash.search` is called, its optimum, and what it is."""

    def __init__(self, about: str, space: Any, target: str, **given: Any) -> None:
        self.about = about
        self.space, self.target, self.given = space, target, given
        if "evaluator" in given:  # a whole table: random search proves by a look through it
            own: dict[str, Any] = {"method": "random", **given, "max_evals": 1}
        else:
            own = {name: value for name, value in given.items() if name != "max_evals"}
        bound = flash.search(space, target, **own).upper_bound
        assert bound is not None
        self.optimum = bound

    def gaps(self, method: str, options: dict[str, Any], seeds: int) -> list[float]:
        """Return the gap of each seed, 1 where nothing was found."""
        found = []
        for seed in range(seeds):
            result = flash.search(
                self.space, self.target, method=method, options=options, seed=seed, certify=False,
                **self.given,
            )  # fmt: skip
            best = -float("inf") if result.objective is None else result.objective
            found.append(gap(best, self.optimum))
        return found


def problems(kind: str, data: Path | None) -> list[Problem]:
    """Return the held-out problems of a kind; none where their data are absent."""
    if kind == "scores":
        return [
            Problem(
                "default predictor, densenet x pixel-3, max_latency_ms 72",
                "densenet",
                "pixel-3",
                predictor="default",
                max_latency_ms=72.0,
                max_evals=2000,
            ),
            Problem(
                "NN-Degree, resnet x pixel-3, max_latency_ms 22",
                "resnet",
                "pixel-3",
                max_latency_ms=22.0,
                max_evals=2000,
            ),
            Problem(
                "NN-Degree, mobilenet-v2 x rram, max_latency_ms 7",
                "mobilenet-v2",
                "rram",
                max_latency_ms=7.0,
                max_evals=2000,
            ),
            Problem(
                "NN-Degree, wide-resnet x cpu-x86, max_latency_ms 1.8",
                "wide-resnet",
                "cpu-x86",
                max_latency_ms=1.8,
                max_evals=2000,
            ),
        ]
    path = None if data is None else data / "accuracy" / "nb201_tss_accuracy.csv.gz"
    if path is None or not path.exists():
        return []
    table = flash.TableEvaluator(path, name="arch_str", accuracy="acc_cifar100")
    return [
        Problem(
            "NAS-Bench-201, CIFAR-100, max_latency_ms 1.2",
            "nas-bench-201",
            "cpu-x86",
            evaluator=table,
            max_latency_ms=1.2,
            max_evals=400,
        )
    ]


def candidates(method: str) -> list[dict[str, Any]]:
    """Return the default options, and some of the method's grid, in an order drawn once."""
    grid = GRIDS[method]
    every = [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]
    if method == "evolution":
        every = [one for one in every if one["sample"] <= one["population"]]
    picks = np.random.default_rng(0).permutation(len(every))[:TRIED]
    return [{}, *(every[k] for k in picks)]


def tune(method: str, held: Sequence[Problem], seeds: int) -> dict[str, Any]:
    """Return a method's best options on problems, and how far they and the default fell short."""
    tried = []
    started = process_time()
    for options in candidates(method):
        gaps = [problem.gaps(method, options, seeds) for problem in held]
        tried.append((float(np.mean(gaps)), options))
    best = min(tried, key=lambda one: one[0])  # of equals the first: the default
    return {
        "options": best[1],
        "gap": best[0],
        "default_gap": tried[0][0],
        "tried": len(tried),
        "seeds": seeds,
        "seconds": round(process_time() - started, 1),
    }


def tuned(kind: str) -> dict[str, dict[str, Any]]:
    """Return the options kept for each method, of those for whom others than the default are."""
    if not KEPT.exists():
        return {}
    kept = json.loads(KEPT.read_text(encoding="utf-8")).get(kind, {"methods": {}})
    return {name: one["options"] for name, one in kept["methods"].items() if one["options"]}


def main(arguments: Sequence[str] | None = None) -> None:
    """Tune, and keep what is best."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--data", type=Path, help="folder of the measured data")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--methods", default=",".join(GRIDS), help="which, with commas between")
    parser.add_argument("--json", type=Path, default=KEPT)
    args = parser.parse_args(arguments)
    told: dict[str, Any] = {}
    if args.json.exists():
        told = json.loads(args.json.read_text(encoding="utf-8"))
    for kind in KINDS:
        held = problems(kind, args.data)
        if not held:
            continue
        before = told.get(kind, {})
        told[kind] = {
            "tuned_on": [one.about for one in held],
            "methods": dict(before.get("methods", {})),
        }
        for method in args.methods.split(","):
            told[kind]["methods"][method] = tune(method, held, args.seeds)
            print(kind, method, told[kind]["methods"][method], file=sys.stderr, flush=True)
            write_json(args.json, told)


if __name__ == "__main__":
    main()
