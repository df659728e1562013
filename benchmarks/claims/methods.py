"""Search methods side by side on the same problems; sections of `python -m benchmarks.report`.

`methods`: NN-Degree and the default predictor on the densenet space. `methods_tables`: real
accuracies of NAS-Bench-Macro and NAS-Bench-201 from the folder of the measured data (whose sources
benchmarks/README.md names; without it, the part of NAS-Bench-Macro that comes with the tests).
Each method by its default options, and once more by those of `benchmarks.claims.tuning`, which were
chosen on other problems. What each system claims is beside.

    python -m benchmarks.claims.methods methods --seeds 10 --json out.json
    python -m benchmarks.claims.methods methods_tables --data FOLDER --json out.json
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import flash
from benchmarks.claims.tuning import KEPT, tuned
from benchmarks.common.files import ACCURACIES, write_json
from flash.comparing import statistics
from flash.comparing.running import DESIGNING, unfit_core
from flash.evaluators import as_evaluator
from flash.methods import METHODS
from flash.methods.running import unfit
from flash.predictors.predictor import as_predictor
from flash.spaces.named import any_space

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from flash import Comparison, SearchResult

SECTIONS = {
    "methods": ("nn-degree", "predictor"),
    "methods_tables": ("nas-bench-macro", "nas-bench-201"),
}
BUDGETS = {"max_latency_ms": 4.0, "max_energy_mj": 0.04, "max_area_mm2": 70.0}
KINDS = {"methods": "scores", "methods_tables": "tables"}  # what methods are tuned on
SEEDS, QUICK_SEEDS = 10, 2
TUNED = ", tuned"  # at the end of a name
GRID = 40  # points of a curve
PART = ACCURACIES / "nas_bench_macro.csv"


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


def problems(data: Path | None) -> dict[str, Problem | None]:
    """Return the problems, None where their data are absent."""
    found: dict[str, Problem | None] = {}
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
    found["nas-bench-201"] = None
    if tss is not None and tss.exists():
        found["nas-bench-201"] = Problem(
            "NAS-Bench-201, CIFAR-10",
            "nas-bench-201",
            "cpu-x86",
            evaluator=flash.TableEvaluator(tss, name="arch_str", accuracy="acc_cifar10"),
            max_evals=400,
            max_latency_ms=1.2,
        )
    return found


def fitting(problem: Problem) -> list[str]:
    """Return the methods that search a problem's space by its evaluator."""
    space = any_space(problem.space)
    predictor = as_predictor(problem.given.get("predictor"), space.family)
    judge = as_evaluator(problem.given.get("evaluator"), predictor)
    names = [name for name in METHODS if name not in DESIGNING]
    names = [name for name in names if unfit(name, space, judge) is None]
    return names if unfit_core(space, judge) else ["shgo", *names]


def twice(names: Sequence[str], options: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return methods by name, and again those that are tuned, with their options."""
    methods = {}
    for name in names:
        methods[name] = name
        if name in options:
            methods[name + TUNED] = name
    own = {name + TUNED: options[name] for name in names if name in options}
    return {"methods": methods, "options": own}


def measure(
    name: str,
    problem: Problem,
    seeds: int,
    options: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """Return what a comparison says, and its curves; options: of each method, as tuned."""
    started = perf_counter()
    names = problem.given.get("methods") or fitting(problem)
    comparison = problem.compare(seeds=seeds, **twice(names, options or {}))
    print(f"{name}: {perf_counter() - started:.0f} s\n{comparison}", file=sys.stderr)
    runs = [run for many in comparison.runs.values() for run in many]
    times = [step[2] for run in runs for step in run.trace if step[2] > 0.0]
    grids = {
        "evaluations": _grid(1.0, max(run.nfev for run in runs)),
        "seconds": _grid(min(times), max(times)),
    }
    plain = comparison.to_dict()
    return {
        "about": problem.about,
        "budgets": dict(runs[0].budgets),
        "seeds": seeds,
        "max_evals": problem.given["max_evals"],
        "optimum": comparison.optimum,
        "quality": comparison.quality,
        "rows": plain["rows"],
        "options": plain["options"],
        "skipped": plain["skipped"],
        "curves": {
            what: {
                "grid": grid,
                "methods": {
                    method: [_middle(many, what, at) for at in grid]
                    for method, many in comparison.runs.items()
                },
            }
            for what, grid in grids.items()
        },
    }


def _grid(low: float, high: float) -> list[float]:
    return [float(f"{low * (high / low) ** (n / GRID):.6g}") for n in range(GRID + 1)]


def _middle(runs: Sequence[SearchResult], what: str, at: float) -> list[float] | None:
    """Return (median, lower, upper quartile) of the runs' objectives by then; None of nothing."""
    best = statistics.best_after if what == "evaluations" else statistics.best_by
    found = sorted(value for value in (best(run, at) for run in runs) if value == value)
    if 2 * len(found) <= len(runs):
        return None
    last = len(found) - 1
    picks = (found[last // 4], found[-1 - last // 4])
    return [float(f"{value:.7g}") for value in (statistics.median(found) or 0.0, *picks)]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure one section."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("section", choices=sorted(SECTIONS))
    parser.add_argument("--data", type=Path, help="folder of the measured data")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--json", type=Path, required=True)
    args = parser.parse_args(arguments)
    given = problems(args.data)
    told: dict[str, Any] = {}
    for name in SECTIONS[args.section]:
        problem = given[name]
        own = tuned(KINDS[args.section])
        told[name] = None if problem is None else measure(name, problem, args.seeds, own)
    if KEPT.exists():
        held = json.loads(KEPT.read_text(encoding="utf-8")).get(KINDS[args.section], {})
        for one in told.values():
            if one is not None:
                one["tuned_on"] = held.get("tuned_on", [])
    write_json(args.json, told)


if __name__ == "__main__":
    main()
