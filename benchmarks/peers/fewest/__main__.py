"""How many trained networks each method needs until it holds one of the best: runs and summary.

    python -m benchmarks.peers.fewest DATA --methods gp,tpe --problems trained --seeds 20
    python -m benchmarks.peers.fewest --summary

DATA is the folder that holds accuracy/ (its README names the sources); a table that is not there
is marked as absent. A file for each problem and method keeps every seed as it is done: a run that
was interrupted goes on. One thread is best: OMP_NUM_THREADS=1. Needs scikit-learn, and for the
peers of these names optuna, botorch and smac; what is not installed is left out and said.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from .keeping import RESULTS, Kept, store
from .methods import METHODS
from .problems import PROBLEMS
from .summary import text_of


def main() -> None:
    """Run what is asked for, or print the summary."""
    parser = argparse.ArgumentParser(
        prog="benchmarks.peers.fewest", description="Trainings until one of the best is held."
    )
    parser.add_argument("data", type=Path, nargs="?", help="the folder that holds accuracy/")
    parser.add_argument("--methods", default=",".join(METHODS), help="names with commas")
    parser.add_argument("--problems", default=",".join(PROBLEMS), help="names with commas")
    parser.add_argument("--seeds", type=int, default=20, help="0 to so many less one")
    parser.add_argument("--limit", type=int, default=150, help="trainings of a run")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the results")
    parser.add_argument("--summary", action="store_true", help="print what the folder holds")
    given = parser.parse_args()
    names, methods = given.problems.split(","), given.methods.split(",")
    if unknown := {*names} - {*PROBLEMS} | {*methods} - {*METHODS}:
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    if not given.summary:
        if given.data is None:
            parser.error("DATA is needed to run")
        for name in names:
            for method in methods:
                _run(given.data, name, method, given.seeds, given.limit, given.out)
    print(text_of(given.out))


def _run(data: Path, name: str, title: str, seeds: int, limit: int, folder: Path) -> None:
    """Run one method on one problem, all seeds that are not there yet."""
    method = METHODS[title]
    problem = PROBLEMS[name](data)
    if problem is None:
        print(f"{name}: absent", file=sys.stderr)
        return
    if (method.spaces and problem.space is None) or (
        "source" in method.options and method.options["source"] not in problem.others
    ):
        return
    limit = min(limit, len(problem))
    own = min(limit * method.longer, len(problem))
    kept = Kept.of(folder, problem, title, limit, own)
    for seed in range(seeds):
        if str(seed) in kept.seeds:
            continue
        start = time.process_time()
        try:
            order = method.run(problem, seed, own)
        except ImportError as error:
            print(f"{title}: left out: {error}", file=sys.stderr, flush=True)
            return
        kept.add(problem, seed, order, time.process_time() - start)
        store(folder, kept)
    done = [one["met"] for one in kept.seeds.values()]
    print(name, title, [[one[goal] for one in done] for goal in problem.goals], file=sys.stderr)


if __name__ == "__main__":
    main()
