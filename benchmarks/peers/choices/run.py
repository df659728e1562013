"""flash.choose and its peers in one run: ``python -m benchmarks.peers.choices.run OUT.json``.

    --quick           two problems of each kind
    --data FOLDER     the public instances too: FOLDER/mmkp/I01.txt.gz, ...
    --resume          keep what OUT.json has of this build
    --wall-s SECONDS  begin nothing more after that; --resume goes on
    --only TEXT       families whose name holds it

Each solver has a process of its own and gets the problems in turns: flash, the peers, flash again.
Times are of its processor, from the arrays to the answer, and so are limits: what others do on the
machine counts little. About 20 minutes of it in all. Answers are checked here, and a solver that
another's answer contradicts is told at the end.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from benchmarks.common.files import ROOT, write_json
from benchmarks.common.timing import used_by_others
from benchmarks.report.measuring import build_digest, environment

from .problems import (
    DRAWN,
    HIGHS_S,
    LARGE_PUBLIC,
    LARGE_S,
    SMALL_FLASH_S,
    SMALL_PEER_S,
    SMALL_PUBLIC,
    drawn,
    public,
)
from .summary import PUBLIC, contradictions, told_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

TWICE_S = 1.0  # flash runs before and after the peers where it takes less
SCIPY = 2  # problems of each family that scipy gets, which brings HiGHS too
QUICK = 2


class Worker:
    """A solver's process."""

    def __init__(self, name: str) -> None:
        words = [sys.executable, "-m", "benchmarks.peers.choices.worker", name]
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self.name = name
        self.process = subprocess.Popen(words, env=environment(), cwd=ROOT, text=True, **pipes)

    def ask(self, wanted: dict[str, Any], limit_s: float, **more: float) -> dict[str, Any]:
        """Let it solve a problem; return what it tells."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({**wanted, "limit_s": limit_s, "more": more}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name} ended with {self.process.wait()} on {wanted}")
        found: dict[str, Any] = json.loads(line)
        return found

    def end(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.wait()


class Task:
    """A problem, how long each solver has for it, and what else it is asked."""

    def __init__(
        self, family: str, wanted: dict[str, Any], limits: dict[str, float], look_s: float = 0.0
    ) -> None:
        self.family = family
        self.wanted = wanted
        self.limits = limits
        self.look_s = look_s

    @property
    def key(self) -> tuple[str, str]:
        """Family and name."""
        return self.family, str(self.wanted.get("name", self.wanted.get("seed")))


def tasks(quick: bool, data: str | None, only: str) -> Iterator[Task]:
    """Yield all problems, the first of each family before the second of any."""
    folder = None if data is None else Path(data, "mmkp")
    names = [
        name
        for name in (*SMALL_PUBLIC, *LARGE_PUBLIC)
        if folder is not None and (folder / f"{name}.txt.gz").exists()
    ]
    for i in range(QUICK if quick else 30):
        for family in DRAWN.values():
            if i < family.seeds and only in family.name:
                limits = {"flash": family.flash_s}
                if i < family.peers:
                    limits["HiGHS"] = family.peer_s
                    if family.kind != "doubles":
                        limits["CP-SAT"] = family.peer_s
                if i < min(SCIPY, family.peers):
                    limits["scipy milp"] = family.peer_s
                if quick:
                    limits = {name: min(one, 5.0) for name, one in limits.items()}
                yield Task(family.name, {"family": family.name, "seed": i}, limits)
        if i < len(names) and only in PUBLIC:
            yield _public_task(names[i], str(folder))


def _public_task(name: str, folder: str) -> Task:
    wanted = {"folder": folder, "name": name}
    if name in SMALL_PUBLIC:
        limits = {"flash": SMALL_FLASH_S, "HiGHS": SMALL_PEER_S, "CP-SAT": SMALL_PEER_S}
        return Task(PUBLIC, wanted, limits)
    limits = {"flash": LARGE_S, "HiGHS": HIGHS_S, "CP-SAT": LARGE_S}
    return Task(PUBLIC, wanted, limits, look_s=LARGE_S)


def measured(task: Task, workers: dict[str, Worker]) -> dict[str, Any]:
    """Run all solvers on one problem; return a row."""
    wanted = task.wanted
    problem = (
        public(Path(wanted["folder"]), wanted["name"])
        if "folder" in wanted
        else drawn(DRAWN[wanted["family"]], wanted["seed"])
    )
    solvers: dict[str, Any] = {}
    for name, limit in task.limits.items():
        if name not in workers:
            workers[name] = Worker(name)
        more = {"look_s": task.look_s} if name == "HiGHS" and task.look_s else {}
        solvers[name] = workers[name].ask(wanted, limit, **more)
    first = solvers["flash"]["seconds"]
    if first < TWICE_S and len(solvers) > 1:
        again = workers["flash"].ask(wanted, task.limits["flash"])
        solvers["flash"]["seconds"] = (first + again["seconds"]) / 2.0
    for name, one in solvers.items():
        one["limit_s"] = task.limits[name]
        picks = one.pop("picks")
        one["found"] = picks is not None
        one["objective"] = None if picks is None else problem.objective(picks)
    groups, options = problem.values.shape
    return {
        "family": task.family,
        "name": task.key[1],
        "groups": groups,
        "options": options,
        "budgets": len(problem.limits),
        "greatest": problem.greatest,
        "whole": problem.whole,
        "solvers": solvers,
    }


def _line(row: dict[str, Any]) -> str:
    parts = [
        f"{name} {1e3 * one['seconds']:.3g} ms{'' if one['proven'] else ' (not proven)'}"
        for name, one in row["solvers"].items()
    ]
    return f"{row['family']} #{row['name']}: " + ", ".join(parts)


def main() -> int:
    """Measure and write; 1 if another's answer contradicts flash."""
    parser = argparse.ArgumentParser(description="Run flash.choose beside its peers.")
    parser.add_argument("out", type=Path)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--data", help="folder of measured data, with mmkp in it")
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--wall-s", type=float, default=float("inf"))
    parser.add_argument("--only", default="")
    given = parser.parse_args()
    began, build = perf_counter(), build_digest()
    told: dict[str, Any] = {"build": build, "busy": used_by_others(), "load": [], "rows": []}
    if given.resume and given.out.exists():
        before = json.loads(given.out.read_text())
        if before["build"] != build:  # its rows would be lost
            parser.error(f"{given.out} is of another build: go on without --resume, elsewhere")
        told = before
    done = {(row["family"], row["name"]) for row in told["rows"]}
    workers: dict[str, Worker] = {}
    complete = True
    try:
        for task in tasks(given.quick, given.data, given.only):
            if task.key in done:
                continue
            if perf_counter() - began > given.wall_s:
                complete = False
                break
            row = measured(task, workers)
            told["rows"].append(row)
            told["load"].append(os.getloadavg()[0])
            print(_line(row), flush=True)
            write_json(given.out, told)
    finally:
        for one in workers.values():
            one.end()
    told["complete"] = complete and not given.only
    write_json(given.out, told)
    print(told_text(told))
    wrong = contradictions(told["rows"])
    for _, line in wrong:
        print(f"WRONG: {line}")
    return int(any(name == "flash" for name, _ in wrong))


if __name__ == "__main__":
    sys.exit(main())
