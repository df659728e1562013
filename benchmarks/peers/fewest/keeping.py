"""The stored results: a JSON file for each problem and method, with every seed as it was done."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from benchmarks.common.files import HERE, write_bytes

if TYPE_CHECKING:
    from pathlib import Path

    from .problems import Problem

RESULTS = HERE / "peers" / "fewest" / "results"


@dataclass
class Kept:
    """The runs of one method on one problem.

    Attributes
    ----------
    problem, method : str
        Their names.
    candidates : int
        How many the problem has.
    limit, own_limit : int
        Trainings that count, and those that this method's runs were given.
    goals : dict of str to float
        The least accuracy of each.
    good : dict of str to int
        How many candidates meet each.
    seeds : dict of str to dict
        met: trainings until each goal was met, or None; used: trainings in all; gap: of the best
        held within the limit to the best of all; seconds: processor time; best: pairs of trainings
        and the best accuracy held, where it rose.
    """

    problem: str
    method: str
    candidates: int
    limit: int
    own_limit: int
    goals: dict[str, float]
    good: dict[str, int]
    seeds: dict[str, dict[str, Any]]

    @classmethod
    def of(cls, folder: Path, problem: Problem, method: str, limit: int, own: int) -> Kept:
        """Return what is stored, or nothing yet; an error if it was run in another way."""
        good = {name: int((problem.truth >= goal).sum()) for name, goal in problem.goals.items()}
        goals = dict(problem.goals)
        fresh = cls(problem.name, method, len(problem), limit, own, goals, good, {})
        path = folder / problem.name / f"{method}.json"
        if path.exists():
            stored = read(path)
            if asdict(stored) | {"seeds": {}} != asdict(fresh):
                raise ValueError(f"{path} was run with another table or limit: remove it first")
            return stored
        return fresh

    def add(self, problem: Problem, seed: int, order: list[int], seconds: float) -> None:
        """Take in a run."""
        if len(set(order)) != len(order) or len(order) > self.own_limit:
            raise ValueError(f"{self.method} trained a network twice, or more than it may")
        best: list[tuple[int, float]] = []
        for count, number in enumerate(order, 1):
            value = float(problem.truth[number])
            if not best or value > best[-1][1]:
                best.append((count, value))
        within = [value for count, value in best if count <= self.limit]
        self.seeds[str(seed)] = {
            "met": {
                name: next((count for count, value in best if value >= goal), None)
                for name, goal in self.goals.items()
            },
            "used": len(order),
            "gap": round(float(problem.truth.max()) - within[-1], 6),
            "seconds": round(seconds, 3),
            "best": [[count, round(value, 6)] for count, value in best],
        }


def read(path: Path) -> Kept:
    """Return a file's runs."""
    return Kept(**json.loads(path.read_text()))


def store(folder: Path, kept: Kept) -> None:
    """Write the runs, a line a seed."""
    data = asdict(kept)
    seeds = data.pop("seeds")
    lines = [f"  {json.dumps(key)}: {json.dumps(seeds[key])}" for key in sorted(seeds, key=int)]
    head = json.dumps(data, indent=1)[:-2]
    text = f'{head},\n "seeds": {{\n' + ",\n".join(lines) + "\n }\n}\n"
    write_bytes(folder / kept.problem / f"{kept.method}.json", text.encode("ascii"))
