"""Runs one peer beside flash, in one process: ``python -m benchmarks.peers.run NAME OUT.json``.

All settings first, on a few budgets; the best of them then on all. flash's own solver call is
timed right before and after each run of the peer, by wall and by processor time: a long run loses
more of the former to other processes than a short one does. A process to each peer, since OR-tools
and HiGHS bring libraries that don't go together.
"""

from __future__ import annotations

import argparse
import json
import statistics
import warnings
from importlib import import_module
from pathlib import Path
from time import perf_counter, process_time
from typing import TYPE_CHECKING

import flash
from benchmarks.common.cases import CASES, LINEAR, MAIN, budgets_of, keywords, problem_of, query_of
from benchmarks.common.files import write_json
from benchmarks.common.timing import gap, in_turns, used_by_others
from flash._core.search.exact import Query, Search
from flash._core.search.shgo import explore
from flash.hardware import as_target
from flash.problem.compiling import compile_problem

from .problem import PeerProblem

if TYPE_CHECKING:
    from typing import Any

    from .outcome import Outcome


class Plan:
    """How a peer is run.

    Attributes
    ----------
    case : str
    limit_s : float
        Per run; a run that misses its goal counts as this long.
    rule : {"gap", "time"}
        The best setting has the least median gap, then the least median time; or the reverse,
        of those with the most runs that end by themselves.
    repeat : int
        Runs per budget, seeds 0, 1, ...; the median counts.
    choosing : int
        Budgets on which settings are compared.
    """

    def __init__(
        self, case: str, limit_s: float, rule: str, repeat: int = 1, choosing: int = 5
    ) -> None:
        self.case = case
        self.limit_s = limit_s
        self.rule = rule
        self.repeat = repeat
        self.choosing = choosing


PEERS = {
    "scipy_shgo": Plan(MAIN, 5.0, "gap", choosing=20),
    "scipy_de": Plan(MAIN, 3.0, "time", repeat=3),
    "optuna_peer": Plan(MAIN, 3.0, "gap", choosing=3),
    "pymoo_peer": Plan(MAIN, 3.0, "time", choosing=3),
    "nevergrad_peer": Plan(MAIN, 3.0, "gap", choosing=3),
    "cpsat": Plan(LINEAR, 20.0, "time", choosing=3),
    "highs": Plan(LINEAR, 20.0, "time", choosing=3),
    "plain_exact": Plan(MAIN, 20.0, "time", repeat=3),
}


MOST_BUSY = 1.0  # processors that others may use


def flash_call(tables: Any, query: Query) -> Any:
    """Solve as `flash.search` does, with the tables given."""
    search = Search(tables, query)
    explore(search, 0)
    search.prove()
    return search.best


def run_peer(name: str, quick: bool) -> dict[str, Any]:
    """Return all that a report says of a peer."""
    plan = PEERS[name]
    peer = import_module(f"benchmarks.peers.{name}")
    limit = min(plan.limit_s, 5.0) if quick else plan.limit_s
    every = budgets_of(plan.case).each[: 4 if quick else 20]
    settings = list(peer.SETTINGS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # compile what is compiled at first use, and import what is imported late
        for setting in settings:
            _run(peer, _problem(plan.case, every[0]), setting, min(limit, 1.0), 0.0, 0)
        choosing = every[: 2 if quick else plan.choosing]
        tried = {
            s: [_one(peer, plan, s, limit, budgets, 1) for budgets in choosing] for s in settings
        }
        best = _best(tried, plan.rule)
        runs = tried[best]
        if len(choosing) < len(every) or plan.repeat > 1:
            runs = [_one(peer, plan, best, limit, budgets, plan.repeat) for budgets in every]
    return {
        "peer": peer.NAME,
        "case": plan.case,
        "limit_s": limit,
        "rule": plan.rule,
        "best": best,
        "settings": {s: _summary(one) for s, one in tried.items()},
        "summary": _summary(runs),
        "runs": runs,
    }


def _problem(case: str, budgets: dict[str, float]) -> PeerProblem:
    problem = PeerProblem(problem_of(case), budgets)
    assert problem.one  # made before the clock runs
    return problem


def _run(
    peer: Any, problem: PeerProblem, setting: str, limit_s: float, optimum: float, seed: int
) -> Outcome:
    start = process_time()
    outcome: Outcome = peer.solve(problem, setting, limit_s=limit_s, optimum=optimum, seed=seed)
    used = process_time() - start
    if not outcome.finished:  # as its wall time
        used = max(used, limit_s)
    return outcome._replace(extra={**(outcome.extra or {}), "cpu_s": used})


def _one(
    peer: Any, plan: Plan, setting: str, limit: float, budgets: dict[str, float], repeat: int
) -> dict[str, Any]:
    """One set of budgets: the peer's median run, with flash's time before and after."""
    case = CASES[plan.case]
    space, target = case.space(), as_target(case.target)
    tables = problem_of(plan.case).tables
    query = query_of(budgets)
    best = flash_call(tables, query)
    optimum = float(best[2])
    kept = keywords(budgets)
    calls = [lambda: flash_call(tables, query), lambda: flash.search(space, target, **kept)]
    before, before_cpu = in_turns(calls, 9), in_turns(calls, 9, clock=process_time)
    start, start_cpu = perf_counter(), process_time()
    PeerProblem(compile_problem(space, target), budgets)
    prepare, prepare_cpu = perf_counter() - start, process_time() - start_cpu
    problem = _problem(plan.case, budgets)
    outcomes = [_run(peer, problem, setting, limit, optimum, seed) for seed in range(repeat)]
    after, after_cpu = in_turns(calls, 9), in_turns(calls, 9, clock=process_time)
    outcomes.sort(key=lambda one: one.seconds)
    one = outcomes[len(outcomes) // 2]
    if one.objective > optimum:
        one = one._replace(points=[])
        raise AssertionError(f"{peer.NAME} beats flash's optimum {optimum} on {budgets}: {one}")
    extra = one.extra or {}
    solver = extra.get("solver_s", one.seconds)
    own, whole = (statistics.mean(pair) for pair in zip(before, after, strict=True))
    own_cpu, whole_cpu = (statistics.mean(pair) for pair in zip(before_cpu, after_cpu, strict=True))
    cpu = extra["cpu_s"]
    return {
        "budgets": budgets,
        "optimum": optimum,
        "flash_s": own,
        "flash_whole_s": whole,
        "seconds": one.seconds,
        "solver_s": solver,
        "whole_s": prepare + one.seconds,
        "ratio": solver / own,
        "ratio_with_setup": one.seconds / own,
        "whole_ratio": (prepare + one.seconds) / whole,
        "cpu_s": cpu,
        "flash_cpu_s": own_cpu,
        "cpu_ratio": cpu * (solver / one.seconds if one.seconds else 1.0) / own_cpu,
        "whole_cpu_ratio": (prepare_cpu + cpu) / whole_cpu,
        "gap": gap(one.objective, optimum),
        "finished": one.finished,
        "evaluations": one.evaluations,
        "points": one.points[-200:],
        "extra": extra,
    }


def _summary(runs: list[dict[str, Any]]) -> dict[str, float]:
    def median(key: str) -> float:
        return float(statistics.median(run[key] for run in runs))

    keys = (
        *("gap", "seconds", "solver_s", "flash_s", "ratio", "ratio_with_setup", "whole_ratio"),
        *("cpu_s", "flash_cpu_s", "cpu_ratio", "whole_cpu_ratio"),
    )
    return {
        **{key: median(key) for key in (*keys, "evaluations")},
        "worst_gap": max(run["gap"] for run in runs),
        "finished": sum(run["finished"] for run in runs),
        "n": len(runs),
    }


def _best(tried: dict[str, list[dict[str, Any]]], rule: str) -> str:
    def key(setting: str) -> tuple[float, ...]:
        one = _summary(tried[setting])
        if rule == "gap":
            return one["gap"], one["seconds"]
        return -one["finished"], one["seconds"], one["gap"]

    return min(tried, key=key)


def main() -> None:
    """Run one peer and write what came out."""
    parser = argparse.ArgumentParser(description="Run one peer beside flash.")
    parser.add_argument("name", choices=sorted(PEERS))
    parser.add_argument("out", type=Path)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--loaded", action="store_true", help="measure beside others' work too")
    arguments = parser.parse_args()
    busy = used_by_others()
    if busy > MOST_BUSY and not arguments.loaded:
        parser.error(
            f"others keep {busy:.1f} processors busy: a ratio of a long run to a short one would "
            "be theirs; wait, or give --loaded"
        )
    result = run_peer(arguments.name, arguments.quick)
    write_json(arguments.out, result)
    print(json.dumps({key: result[key] for key in ("peer", "best", "summary")}, indent=1))


if __name__ == "__main__":
    main()
