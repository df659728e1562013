"""PNAS's claim on real accuracies: how many networks it evaluates to the same quality.

    python -m benchmarks.claims.pnas DATA --seeds 10 --json out.json
    python -m benchmarks.claims.pnas DATA --surrogates mlp --claims

DATA is a folder with nas_bench_macro_cifar10.csv.gz and nb201_tss_accuracy.csv.gz (the README names
their sources); a table that is not there is marked as absent. For each table and goal (the best
1 %, 0.1 %, and the best of all) it counts the evaluations of PNAS and of regularised evolution
until they hold a network that good, and says how many times as many the others need, with a 95 %
interval (bootstrap over seeds). Random search needs no runs: of N networks, k of them good enough,
it draws (N + 1) / (k + 1) different ones on average. A run that ends before it has one counts as
all its evaluations: of PNAS that flatters it, of the others it flatters them.

With --claims what was measured for the first surrogate goes into papers/pnas.json too, with the
sizes of the released networks.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import sys
from pathlib import Path
from typing import Any

import numpy as np

import flash
from benchmarks.claims.claim import Claim, judged, write
from benchmarks.common.files import write_json
from flash.evaluators.by_table import TableEvaluator
from flash.spaces.network_space import network_space

FILES = {
    "nas-bench-macro": ("nas_bench_macro_cifar10.csv.gz", "arch", ("acc1", "acc2", "acc3")),
    "nas-bench-201": ("nb201_tss_accuracy.csv.gz", "arch_str", ("acc_cifar10",)),
}
GOALS = {"best 1 %": 0.01, "best 0.1 %": 0.001, "the best": 0.0}
BASELINES = {
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


def measure(
    folder: Path, names: list[str], seeds: int, surrogates: list[str], limit: int, kept: Path | None
) -> dict[str, Any]:
    """Return all counts and ratios, as plain data; what is finished is kept in a file."""
    out: dict[str, Any] = {"seeds": seeds, "limit": limit, "tables": {}}
    for name in names:
        accuracies = read_table(folder, name)
        if accuracies is None:
            out["tables"][name] = None
            continue
        table, space = TableEvaluator(accuracies), network_space(name)
        ranked = sorted(accuracies.values(), reverse=True)
        goals = [ranked[int(len(ranked) * share)] for share in GOALS.values()]
        runs = {f"pnas ({one})": ("pnas", {"surrogate": one}, limit) for one in surrogates}
        runs |= {one: (one.split(",")[0], given, 3 * limit) for one, given in BASELINES.items()}
        good = [sum(value >= goal for value in ranked) for goal in goals]
        drawn = [(len(ranked) + 1) / (count + 1) for count in good]
        methods: dict[str, Any] = {
            "random": {"evaluations": [drawn] * seeds, "met": [seeds] * len(goals), "seconds": 0.0}
        }
        out["tables"][name] = {
            "size": len(accuracies),
            "goals": dict(zip(GOALS, goals, strict=True)),
            "methods": methods,
        }
        for title, (method, options, most) in runs.items():
            counts, seconds = [], []
            for seed in range(seeds):
                found, took = evaluations(
                    space, table, goals, seed, most, method=method, options=options
                )
                counts.append(found)
                seconds.append(took)
            methods[title] = {
                "evaluations": [[count for count, _ in found] for found in counts],
                "met": [sum(found[k][1] for found in counts) for k in range(len(goals))],
                "seconds": float(np.mean(seconds)),
            }
            _compare(methods, surrogates, len(goals))
            if kept:
                write_json(kept, out)
            print(name, title, methods[title]["met"], file=sys.stderr, flush=True)
    return out


def _compare(methods: dict[str, Any], surrogates: list[str], goals: int) -> None:
    """Add to each baseline how many times as many evaluations it took as each surrogate's PNAS."""
    for surrogate in surrogates:
        mine = methods.get(f"pnas ({surrogate})")
        if mine is None:
            continue
        own = np.array(mine["evaluations"], dtype=float)
        for title, one in methods.items():
            if not title.startswith("pnas"):
                others = np.array(one["evaluations"], dtype=float)
                one.setdefault("ratio", {})[surrogate] = [
                    interval(others[:, k], own[:, k]) for k in range(goals)
                ]


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
                for name_, ratios in one.get("ratio", {}).items():
                    text += "; {}: {:.1f}x [{:.1f}, {:.1f}]".format(name_, *ratios[k])
                cells.append(text)
            out.append(f"| {name} | {title} | {' | '.join(cells)} | {one['seconds']:.1f} |")
    return out


FEWER, LESS = 5.0, 8.0  # the abstract: up to so many times fewer models, and less compute
TITLES = {"nas-bench-macro": "NAS-Bench-Macro", "nas-bench-201": "NAS-Bench-201"}
DIFFERS = (
    "against {baseline}, not the reinforcement learning of Zoph et al.; a table of {size} "
    "networks, in which a step is a run of equal cells and not a block (a reconstruction of the "
    "idea); the surrogate is {surrogate}, fitted anew at each level"
)
# parameters of the released weights of large, and of the variables that the released code makes
RELEASED = {"large": 86_057_668, "mobile": 5_064_487}
SAID = {
    "mlp": "an ensemble of perceptrons",
    "lstm": "an ensemble of LSTMs",
    "ridge": "a ridge regression (the paper's kinds are the default perceptrons and LSTMs)",
}
EASY = {  # what a table makes of the method
    "nas-bench-macro": "; the method begins with networks of equal cells, which are among the best "
    "of this table",
    "nas-bench-201": "",
}
AGAINST = ("random", "evolution, population 20")


def claims_of(found: dict[str, Any], surrogate: str) -> list[Claim]:
    """Return the paper's claims beside what was measured."""
    out = []
    for name, entry in found["tables"].items():
        for baseline in AGAINST if entry else ():
            out += _fewer(found, name, entry, baseline, surrogate)
    out += [
        Claim(
            f"parameters of PNASNet-5, {size}, without the auxiliary head",
            f"not read; {count:,} by the released code",
            f"{flash.CellNetwork.pnasnet5(size).params:,}, with "
            f"{flash.CellNetwork.pnasnet5(size).macs:,} MACs",
            None,
            0,
            judged((flash.CellNetwork.pnasnet5(size).params,) * 2, count),
            "drop path and the auxiliary head are not built; a stride-2 operator pads an even map "
            "alike on both sides",
        )
        for size, count in RELEASED.items()
    ]
    scale = "bound only: networks of this size are not trained here"
    nothing = "the network is built to the digit, and was not trained"
    return [
        *out,
        Claim("error of PNASNet-5 on CIFAR-10", "3.41 %", "not measured", None, 0, scale, nothing),
        Claim(
            "accuracy of PNASNet-5 large on ImageNet", "82.9 % top-1, 96.2 % top-5",
            "not measured", None, 0, scale, nothing,
        ),
    ]  # fmt: skip


def _fewer(
    found: dict[str, Any], name: str, entry: dict[str, Any], baseline: str, surrogate: str
) -> list[Claim]:
    """Return how many times as many networks a baseline evaluates, goal by goal, and the compute.

    Compute is told by evaluations, of the hardest goal that all runs of PNAS reached: a table's
    networks are trained alike.
    """
    out, seeds = [], found["seeds"]
    compute: list[Claim] = []
    own, other = entry["methods"][f"pnas ({surrogate})"], entry["methods"][baseline]
    for k, goal in enumerate(entry["goals"]):
        ratio, low, high = other["ratio"][surrogate][k]
        failed = seeds - own["met"][k]
        cut = seeds - other["met"][k]
        bound = f"{failed} of {seeds} runs of PNAS never came there" if failed else None
        least = f"; {cut} of {seeds} runs of {baseline} were cut short: at least" if cut else ""
        counts = [float(np.mean([run[k] for run in one["evaluations"]])) for one in (own, other)]
        differs = DIFFERS.format(
            baseline=baseline, size=f"{entry['size']:,}", surrogate=SAID[surrogate]
        )
        differs += EASY[name]
        out.append(
            Claim(
                f"models evaluated until {goal} is held, {TITLES[name]}, against {baseline}",
                "up to 5x fewer",
                f"{ratio:.3g}x: {counts[0]:.0f} by PNAS, {counts[1]:.0f}{least}",
                (low, high),
                seeds,
                judged((low, high), FEWER, bound=bound),
                differs,
            )
        )
        if not failed:
            compute = [
                Claim(
                    f"compute of a search, {TITLES[name]}, against {baseline}",
                    "up to 8x less",
                    f"{ratio:.3g}x by evaluations until {goal} is held",
                    (low, high),
                    seeds,
                    judged((low, high), LESS, bound="trainings of a table cost alike"),
                    differs,
                )
            ]
    return [*out, *compute]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("data", type=Path)
    parser.add_argument("--tables", default=",".join(FILES), help="names with commas")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--evals", type=int, default=200, help="of PNAS; evolution has 3 times")
    parser.add_argument(
        "--surrogates", default="mlp,ridge", help="names with commas: mlp, ridge, lstm"
    )
    parser.add_argument("--json", type=Path)
    parser.add_argument("--claims", action="store_true", help="leave papers/pnas.json too")
    given = parser.parse_args()
    names, surrogates = given.tables.split(","), given.surrogates.split(",")
    found = measure(given.data, names, given.seeds, surrogates, given.evals, given.json)
    print("\n".join(lines_of(found)))
    if given.claims:
        print(write("pnas", claims_of(found, surrogates[0])))


if __name__ == "__main__":
    main()
