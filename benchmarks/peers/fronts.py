"""Fronts of pymoo and Optuna by hypervolume against time.

``python -m benchmarks.peers.fronts OUT.json``

Every network that a peer has looked at so far counts, not its last population alone. Hypervolumes
are shares of the exact front's, in the product of the objectives, costs as logarithms, from the
exact front's worst values on.
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

import flash
from benchmarks.common.cases import MAIN, problem_of
from benchmarks.common.files import write_json
from flash.base.names import TERMS
from flash.fronts.maths import hypervolume

from .problem import PeerProblem

if TYPE_CHECKING:
    from typing import Any

CASES = (("accuracy", "latency_ms"), ("accuracy", "latency_ms", "energy_mj"))
TIMES = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
PLANE = ("params", "macs", "area_mm2")  # names of objectives of which less is better


class Seen:
    """What a peer has looked at, and when."""

    def __init__(self, limit_s: float, which: list[int]) -> None:
        self.limit_s, self.which = limit_s, which
        self.start = perf_counter()
        self.chunks: list[tuple[float, Any]] = []

    def add(self, metrics: Any) -> Any:
        """Note the metrics of some points, shape (4, n), and return what is minimised, (n, m)."""
        some = metrics[self.which].T * np.where(np.array(self.which) == 0, -1.0, 1.0)
        self.chunks.append((perf_counter() - self.start, some))
        return some

    @property
    def done(self) -> bool:
        return perf_counter() - self.start >= self.limit_s


def pymoo(problem: PeerProblem, seen: Seen, size: int, seed: int) -> None:
    """NSGA-II on integers by rounding, vectorised."""
    from pymoo.algorithms.moo.nsga2 import NSGA2
    from pymoo.core.problem import Problem
    from pymoo.core.termination import Termination
    from pymoo.operators.crossover.sbx import SBX
    from pymoo.operators.mutation.pm import PM
    from pymoo.operators.repair.rounding import RoundingRepair
    from pymoo.operators.sampling.rnd import IntegerRandomSampling
    from pymoo.optimize import minimize

    class Rows(Problem):
        def __init__(self) -> None:
            low, high = np.array(problem.bounds).T
            super().__init__(n_var=len(low), n_obj=len(seen.which), xl=low, xu=high, vtype=int)

        def _evaluate(self, x: Any, out: dict[str, Any], *_: Any, **__: Any) -> None:
            out["F"] = seen.add(problem.metrics(np.asarray(x, dtype=np.int64)))

    class Until(Termination):
        def _update(self, algorithm: Any) -> float:
            return 1.0 if seen.done else 0.0

    repair = RoundingRepair()
    algorithm = NSGA2(
        pop_size=size,
        sampling=IntegerRandomSampling(),
        crossover=SBX(prob=0.9, eta=15.0, vtype=float, repair=repair),
        mutation=PM(eta=20.0, vtype=float, repair=repair),
        eliminate_duplicates=True,
    )
    seen.start = perf_counter()
    minimize(Rows(), algorithm, Until(), seed=seed, copy_termination=False)


def optuna(problem: PeerProblem, seen: Seen, sampler: str, seed: int) -> None:
    """One trial a point, as Optuna has it."""
    import optuna as package

    package.logging.set_verbosity(package.logging.WARNING)

    def objective(trial: Any) -> tuple[float, ...]:
        x = [trial.suggest_int(f"x{k}", low, high) for k, (low, high) in enumerate(problem.bounds)]
        if seen.done:
            trial.study.stop()
        return tuple(seen.add(problem.metrics(np.array([x])))[0].tolist())

    made = {"NSGA-II": package.samplers.NSGAIISampler, "TPE": package.samplers.TPESampler}
    study = package.create_study(
        directions=["minimize"] * len(seen.which), sampler=made[sampler](seed=seed)
    )
    seen.start = perf_counter()
    study.optimize(objective, timeout=seen.limit_s)


RUNS: dict[str, tuple[Any, Any]] = {
    "pymoo NSGA-II, 100": (pymoo, 100),
    "pymoo NSGA-II, 500": (pymoo, 500),
    "Optuna NSGA-II": (optuna, "NSGA-II"),
    "Optuna TPE": (optuna, "TPE"),
}


def undominated(points: Any) -> Any:
    """Return the points that no other dominates, of many."""
    points = np.unique(points, axis=0)  # sorted: only what comes before can dominate
    kept: Any = points[:0]
    for start in range(0, len(points), 256):
        some = points[start : start + 256]
        some = some[(some[:, None] >= some).all(axis=2).sum(axis=1) == 1]
        if len(kept):
            some = some[~(some[:, None] >= kept).all(axis=2).any(axis=1)]
        kept = np.concatenate([kept, some])
    return kept


def volume(points: Any, worst: Any, best: Any) -> float:
    """Return the hypervolume of minimised points in a box scaled to 1."""
    scaled = (undominated(points) - best) / (worst - best)
    return hypervolume(list(scaled.T), PLANE[: scaled.shape[1]], [1.0] * scaled.shape[1])


def told(points: Any) -> Any:
    """Costs as logarithms, the score as it is."""
    return np.column_stack([points[:, 0], np.log(points[:, 1:])])


def compare(limit_s: float, seeds: int) -> list[dict[str, Any]]:
    """Run every peer on every case."""
    rows = []
    problem = PeerProblem(problem_of(MAIN), {})
    times = [t for t in TIMES if t <= limit_s]
    for objectives in CASES:
        which = [TERMS.index(one) for one in objectives]
        seconds = []
        for _ in range(3):
            start = perf_counter()
            front = flash.pareto("densenet", "rram", objectives)
            seconds.append(perf_counter() - start)
        raw = np.column_stack([-front.nn_degree, *[front.values(o) for o in objectives[1:]]])
        exact = told(raw)
        worst, best = exact.max(axis=0), exact.min(axis=0)
        whole = volume(exact, worst, best)
        for name, (run, setting) in RUNS.items():
            shares, looked, hits = [], [], []
            for seed in range(seeds):
                seen = Seen(limit_s, which)
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    run(problem, seen, setting, seed)
                own = []
                for time in times:
                    chunks = [points for at, points in seen.chunks if at <= time]
                    points = told(np.concatenate(chunks)) if chunks else exact[:0]
                    own.append(volume(points, worst, best) / whole if len(points) else 0.0)
                shares.append(own)
                every = np.unique(np.concatenate([points for _, points in seen.chunks]), axis=0)
                both = np.concatenate([every, raw])
                hits.append((len(both) - len(np.unique(both, axis=0))) / len(raw))
                looked.append(sum(len(points) for _, points in seen.chunks))
            rows.append(
                {
                    "objectives": objectives,
                    "peer": name,
                    "times": times,
                    "share": np.median(shares, axis=0).tolist(),
                    "found": float(np.median(hits)),  # of the exact front's points
                    "evaluations": int(np.median(looked)),
                    "front_s": sorted(seconds)[1],
                    "points": len(front),
                }
            )
            print(rows[-1], flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--limit-s", type=float, default=30.0)
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args()
    write_json(args.out, {"rows": compare(args.limit_s, args.seeds), "limit_s": args.limit_s})


if __name__ == "__main__":
    main()
