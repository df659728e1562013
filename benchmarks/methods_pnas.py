"""PNAS's claim on real accuracies: how many networks it evaluates to the same quality.

    python -m benchmarks.methods_pnas DATA --seeds 10 --json out.json

DATA is a folder with nas_bench_macro_cifar10.csv.gz and nb201_tss_accuracy.csv.gz (columns and
sources: benchmarks/accuracy); a table that is not there is marked as absent. For each table and
goal (the best 1 %, 0.1 %, and the best of all) it counts the evaluations of PNAS, random search and
regularised evolution until they hold a network that good, and says how many times as many the
others need, with a 95 % interval (bootstrap over seeds). A run that ends before it has one counts
as all its evaluations: of PNAS that flatters it, of the others it flatters them.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

import flash
from flash.evaluators.by_table import TableEvaluator
from flash.network_space import network_space

FILES = {
    "nas-bench-macro": ("nas_bench_macro_cifar10.csv.gz", "arch", ("acc1", "acc2", "acc3")),
    "nas-bench-201": ("nb201_tss_accuracy.csv.gz", "arch_str", ("acc_cifar10",)),
}
GOALS = {"best 1 %": 0.01, "best 0.1 %": 0.001, "the best": 0.0}
BASELINES = {
    "random": {"batch": 1},
    "evolution": {},  # the paper's population of 100 and samples of 25
    "evolution, population 20": {"population": 20, "sample": 5},
}


def read_table(folder: Path, name: str) -> dict[str, float] | None:
    """Return mean accuracies by network, or None where the file is absent."""
    file, key, columns = FILES[name]
    path = folder / file
    if not path.exists():
        return None
    with gzip.open(path, "rt", newline="") as lines:
        return {
            row[key]: float(np.mean([float(row[column]) for column in columns])) / 100.0
            for row in csv.DictReader(lines)
        }


def evaluations(
    space: Any, table: TableEvaluator, goals: list[float], seed: int, limit: int, **given: Any
) -> tuple[list[tuple[int, bool]], float]:
    """Return (evaluations until a goal is met, whether it was) of each goal, and seconds."""
    result = flash.search(
        space, "cpu-x86", evaluator=table, max_evals=limit, seed=seed, certify=False, **given
    )
    found = []
    for goal in goals:
        first = next((nfev for _, nfev, _, value in result.trace if value >= goal), None)
        found.append((result.nfev, False) if first is None else (first, True))
    return found, result.elapsed_s


def interval(others: Any, own: Any) -> tuple[float, float, float]:
    """Return the ratio of means and its 95 % bootstrap interval."""
    rng = np.random.default_rng(0)
    picks = rng.integers(0, len(own), size=(2, 10_000, len(own)))
    ratios = others[picks[0]].mean(axis=1) / own[picks[1]].mean(axis=1)
    low, high = np.quantile(ratios, (0.025, 0.975))
    return float(others.mean() / own.mean()), float(low), float(high)


def measure(folder: Path, seeds: int, surrogates: list[str], limit: int) -> dict[str, Any]:
    """Return all counts and ratios, as plain data."""
    out: dict[str, Any] = {"seeds": seeds, "limit": limit, "tables": {}}
    for name in FILES:
        accuracies = read_table(folder, name)
        if accuracies is None:
            out["tables"][name] = None
            continue
        table, space = TableEvaluator(accuracies), network_space(name)
        ranked = sorted(accuracies.values(), reverse=True)
        goals = [ranked[int(len(ranked) * share)] for share in GOALS.values()]
        runs = {f"pnas ({one})": ("pnas", {"surrogate": one}, limit) for one in surrogates}
        runs |= {one: (one.split(",")[0], given, 10 * limit) for one, given in BASELINES.items()}
        entry: dict[str, Any] = {"goals": dict(zip(GOALS, goals, strict=True)), "methods": {}}
        for title, (method, options, most) in runs.items():
            counts, seconds = [], []
            for seed in range(seeds):
                found, took = evaluations(
                    space, table, goals, seed, most, method=method, options=options
                )
                counts.append(found)
                seconds.append(took)
            entry["methods"][title] = {
                "evaluations": [[count for count, _ in found] for found in counts],
                "met": [sum(found[k][1] for found in counts) for k in range(len(goals))],
                "seconds": float(np.mean(seconds)),
            }
            print(name, title, entry["methods"][title]["met"], file=sys.stderr, flush=True)
        own = np.array(entry["methods"][f"pnas ({surrogates[0]})"]["evaluations"], dtype=float)
        for title in BASELINES:
            others = np.array(entry["methods"][title]["evaluations"], dtype=float)
            entry["methods"][title]["ratio"] = [
                interval(others[:, k], own[:, k]) for k in range(len(goals))
            ]
        out["tables"][name] = entry
    return out


def lines_of(found: dict[str, Any]) -> list[str]:
    """Return the table in Markdown."""
    out = [
        "| table | method | " + " | ".join(GOALS) + " | seconds a run |",
        "|---|---|" + "---|" * (len(GOALS) + 1),
    ]
    for name, entry in found["tables"].items():
        if entry is None:
            out.append(f"| {name} | absent |" + " |" * (len(GOALS) + 1))
            continue
        for title, one in entry["methods"].items():
            counts = np.array(one["evaluations"], dtype=float)
            cells = []
            for k in range(len(GOALS)):
                text = f"{counts[:, k].mean():.0f}"
                if one["met"][k] < found["seeds"]:
                    text += f" (met in {one['met'][k]} of {found['seeds']})"
                if "ratio" in one:
                    text += "; {:.1f}x [{:.1f}, {:.1f}]".format(*one["ratio"][k])
                cells.append(text)
            out.append(f"| {name} | {title} | {' | '.join(cells)} | {one['seconds']:.1f} |")
    return out


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("data", type=Path)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--evals", type=int, default=200, help="of PNAS; the others have 10 times")
    parser.add_argument(
        "--surrogates", default="mlp", help="names with commas; the first is judged"
    )
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    found = measure(given.data, given.seeds, given.surrogates.split(","), given.evals)
    if given.json:
        given.json.write_text(json.dumps(found, indent=1) + "\n")
    print("\n".join(lines_of(found)))


if __name__ == "__main__":
    main()
