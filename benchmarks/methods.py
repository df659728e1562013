"""Search methods side by side on the same problems: ``python -m benchmarks.methods``.

Problems: NN-Degree and the default predictor on the densenet space; real accuracies of
NAS-Bench-Macro and NAS-Bench-201 from the folder of the measured data (README.md names their
sources; without it, the part of NAS-Bench-Macro that comes with the tests); trainings on
scikit-learn's digits, where a folder for them is given. Leaves methods.json, from which
report_methods makes a section of RESULTS.md, and one picture per problem.

    python -m benchmarks.methods --data FOLDER --trainings FOLDER
    python -m benchmarks.methods --only nn-degree,predictor --seeds 20
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import flash
from benchmarks.common import HERE, write_json
from flash.methods import _statistics as statistics

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from flash import Comparison

PROBLEMS = ("nn-degree", "predictor", "nas-bench-macro", "nas-bench-201", "digits")
BUDGETS = {"max_latency_ms": 4.0, "max_energy_mj": 0.04, "max_area_mm2": 70.0}
SEEDS = 20
GRID = 40  # points of a curve
PART = HERE.parent / "tests" / "accuracies" / "nas_bench_macro.csv"
# 64 small networks, so that training all of them takes minutes
DIGITS = {
    "family": "densenet", "widths": [4, 8], "depths": [2, 4], "skips": [0, 8], "cells": 2,
    "resolution": 8,
}  # fmt: skip


class Problem:
    """One problem: how `flash.compare` is called, and what it is."""

    def __init__(self, about: str, space: Any, target: str, **given: Any) -> None:
        self.about = about
        self.space = space
        self.target = target
        self.given = given

    def compare(self, **more: Any) -> Comparison:
        """Run the methods."""
        return flash.compare(self.space, self.target, **{**self.given, **more})


def problems(data: Path | None, trainings: Path | None) -> dict[str, Problem | None]:
    """Return the problems, None where their data are absent."""
    found: dict[str, Problem | None] = dict.fromkeys(PROBLEMS)
    more: dict[str, Any] = {"max_evals": 2000, **BUDGETS}
    found["nn-degree"] = Problem("NN-Degree", "densenet", "rram", **more)
    found["predictor"] = Problem(
        "default predictor", "densenet", "rram", predictor="default", **more
    )
    macro = None if data is None else data / "accuracy" / "nas_bench_macro_cifar10.csv.gz"
    whole = macro is not None and macro.exists()
    found["nas-bench-macro"] = Problem(
        "NAS-Bench-Macro, CIFAR-10" + ("" if whole else " (300 of 6,561 networks)"),
        "nas-bench-macro",
        "cpu-x86",
        evaluator=flash.TableEvaluator(
            macro if whole and macro else PART, missing="error" if whole else "skip"
        ),
        max_evals=400 if whole else 100,
        max_latency_ms=1.2,
    )
    tss = None if data is None else data / "accuracy" / "nb201_tss_accuracy.csv.gz"
    if tss is not None and tss.exists():
        found["nas-bench-201"] = Problem(
            "NAS-Bench-201, CIFAR-10",
            "nas-bench-201",
            "cpu-x86",
            evaluator=flash.TableEvaluator(tss, name="arch_str", accuracy="acc_cifar10"),
            max_evals=400,
            max_latency_ms=1.2,
        )
    if trainings is not None:
        found["digits"] = Problem(
            "trainings on digits, 3 epochs",
            flash.SearchSpace.from_dict(DIGITS),
            "cpu-x86",
            evaluator=flash.TrainingEvaluator("digits", trainings, epochs=3),
            max_evals=40,
            options={"flash": {"samples": 12}},
        )
    return found


def measure(name: str, problem: Problem, seeds: int, tell: Callable[[str], None]) -> dict[str, Any]:
    """Return what a comparison says, its curves and the claims that it tells of."""
    started = perf_counter()
    comparison = problem.compare(seeds=seeds)
    tell(f"{name}: {perf_counter() - started:.0f} s\n{comparison}")
    comparison.plot().savefig(HERE / f"methods-{name}.svg")
    most = max(run.nfev for runs in comparison.runs.values() for run in runs)
    grid = sorted({max(1, round(most ** (n / GRID))) for n in range(GRID + 1)})
    plain = comparison.to_dict()
    return {
        "about": problem.about,
        "budgets": dict(next(iter(comparison.runs.values()))[0].budgets),
        "seeds": seeds,
        "max_evals": problem.given["max_evals"],
        "optimum": comparison.optimum,
        "quality": comparison.quality,
        "rows": plain["rows"],
        "skipped": plain["skipped"],
        "grid": grid,
        "curves": {
            method: [
                None if value != value else value
                for value in map(_middle, zip(*comparison.curve(method, grid), strict=True))
            ]
            for method in comparison.runs
        },
        "adaptive": adaptive(problem, comparison, seeds),
    }


def _middle(values: Any) -> float:
    found = statistics.median([value for value in values if value == value])
    return float("nan") if found is None else found


def adaptive(problem: Problem, comparison: Comparison, seeds: int) -> dict[str, Any]:
    """Return FP-NAS against PARSEC, and against itself with a fixed number of draws.

    The quality to be reached is the median of what the fixed one found; samples are rows drawn.
    """
    fixed = problem.compare(
        seeds=seeds,
        methods=["fp-nas"],
        baseline="fp-nas",
        options={"fp-nas": {"adaptive": False}},
    ).runs["fp-nas"]
    own = comparison.runs["fp-nas"]
    out = {}
    for name, others in (("parsec", comparison.runs["parsec"]), ("fixed", fixed)):
        quality = statistics.median([r.objective for r in others if r.objective is not None])
        base, mine = statistics.efforts(others, quality), statistics.efforts(own, quality)
        out[name] = {
            "quality": quality,
            "reached": [base.reached, mine.reached],
            "samples": [base.expected("samples"), mine.expected("samples")],
            "fewer": _plain(statistics.ratio(base, mine, "samples")),
            "faster": _plain(statistics.ratio(base, mine, "seconds")),
        }
    return out


def _plain(triple: Any) -> Any:
    return triple and [None if one - one != 0.0 else one for one in triple]


def main() -> None:
    """Measure, problem by problem; what was measured before stays."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--data", type=Path, help="folder of the measured data")
    parser.add_argument("--trainings", type=Path, help="folder of the trainings on digits")
    parser.add_argument("--only", default=",".join(PROBLEMS), help="problems, by commas")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--out", type=Path, default=HERE / "methods.json")
    args = parser.parse_args()
    told = json.loads(args.out.read_text()) if args.out.exists() else {}
    for name, problem in problems(args.data, args.trainings).items():
        if name not in args.only.split(","):
            continue
        if problem is None:
            print(f"{name}: its data are absent")
            continue
        told[name] = measure(name, problem, args.seeds, print)
        write_json(args.out, told)


if __name__ == "__main__":
    main()
