"""What the benchmarks measure on: spaces, budgets, exponent vectors.

Budgets are 20-80 % quantiles of the costs of random networks, drawn with a fixed seed before
anything is timed, and kept only where they bind jointly: dropping any one of them improves the
proven optimum. budgets.json keeps them; they are drawn anew where a space or a target changed.
"""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.common.files import write_json
from flash import DenseNet, Range, SearchSpace
from flash._core.search.exact import Query, Search
from flash._core.search.shgo import explore
from flash.evaluating import evaluate
from flash.hardware import as_target
from flash.problem.compiling import MACS, PARAMS, Problem, as_space, compile_problem

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

DRAWN = Path(__file__).with_name("budgets.json")
SEED = 20240601
NETWORKS = 4000  # random networks whose costs' quantiles are budgets
INF = float("inf")
METRICS = ("nn_degree", "latency_ms", "energy_mj", "area_mm2", "params", "macs")
MAX_DRAWS = 5000
HOPELESS = 1500  # draws without one that binds jointly, after which two of the budgets suffice
MAX_PROOF_S = 60.0
MAX_LEAVES = 1_000_000  # configurations weighed where a good answer does without a proof


class Case(NamedTuple):
    """A space on a target, under budgets on some costs."""

    name: str
    space: Callable[[], SearchSpace]
    target: str
    costs: tuple[str, ...]


RRAM = ("latency_ms", "energy_mj", "area_mm2")
CASES = {
    case.name: case
    for case in (
        Case("densenet x rram", lambda: as_space("densenet"), "rram", RRAM),
        Case("resnet x rram", lambda: as_space("resnet"), "rram", RRAM),
        Case("wide-resnet x rram", lambda: as_space("wide-resnet"), "rram", RRAM),
        Case("mobilenet-v2 x rram", lambda: as_space("mobilenet-v2"), "rram", RRAM),
        Case("densenet x cpu-x86", lambda: as_space("densenet"), "cpu-x86", RRAM[:1]),
        Case("resnet x cpu-x86", lambda: as_space("resnet"), "cpu-x86", RRAM[:1]),
        Case("wide-resnet x cpu-x86", lambda: as_space("wide-resnet"), "cpu-x86", RRAM[:1]),
        Case("mobilenet-v2 x cpu-x86", lambda: as_space("mobilenet-v2"), "cpu-x86", RRAM[:1]),
        Case(
            "mobilenet-v2 x cpu-x86, parameters too",
            lambda: as_space("mobilenet-v2"),
            "cpu-x86",
            ("latency_ms", "params"),
        ),
        Case("densenet of 4 cells x rram", lambda: DenseNet(cells=4), "rram", RRAM),
        Case("densenet of 5 cells x rram", lambda: DenseNet(cells=5), "rram", RRAM),
        Case(  # linear in each class: what solvers of integer programs can prove
            "densenet x rram, latency and area",
            lambda: as_space("densenet"),
            "rram",
            ("latency_ms", "area_mm2"),
        ),
    )
}
MAIN, LINEAR = "densenet x rram", list(CASES)[-1]
FOUR_CELLS, FIVE_CELLS = "densenet of 4 cells x rram", "densenet of 5 cells x rram"
PREDICTED = f"{MAIN}, default predictor"
FAMILY_CASES = tuple(list(CASES)[:9])


@cache
def problem_of(name: str) -> Problem:
    """Return the compiled problem of a case, with the columns that its budgets need."""
    case = CASES[name]
    extra = (PARAMS if "params" in case.costs else 0) | (MACS if "macs" in case.costs else 0)
    return compile_problem(case.space(), as_target(case.target), None, extra)


def query_of(budgets: dict[str, float]) -> Query:
    """Return budgets, by cost, in the core's terms."""
    return Query([budgets.get(metric, INF) for metric in METRICS])


def keywords(budgets: dict[str, float]) -> dict[str, Any]:
    """Return budgets as `flash.search` takes them."""
    return {f"max_{cost}": value for cost, value in budgets.items()}


def solve(tables: Any, query: Query, max_leaves: int = -1) -> tuple[Any, ...] | None:
    """Return the best (variant, rows, objective, metrics), or None if there is none.

    Proven, unless `max_leaves` ends it earlier.
    """
    search = Search(tables, query, time_limit_s=MAX_PROOF_S, max_leaves=max_leaves)
    explore(search, 0)
    search.prove()
    if search.stopped == 1:
        raise TimeoutError(f"no proof within {MAX_PROOF_S} s")
    best: tuple[Any, ...] | None = search.best
    return best


def _digest(case: Case) -> str:
    target = as_target(case.target)
    facts = [case.space().to_dict(), target.coefficients, target.links, case.costs]
    text = json.dumps([*facts, SEED, NETWORKS, MAX_DRAWS, HOPELESS])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def drawn(name: str, case: Case, make: Callable[[], Any]) -> Any:
    """Return what `make` draws for a case; DRAWN keeps it until the space or the target changes."""
    kept = json.loads(DRAWN.read_text()) if DRAWN.exists() else {}
    key, digest = f"{name}: {case.name}", _digest(case)
    if kept.get(key, {}).get("digest") != digest:
        kept[key] = {"digest": digest, "drawn": make()}
        write_json(DRAWN, dict(sorted(kept.items())))
    return kept[key]["drawn"]


class Budgets(NamedTuple):
    """Budgets of a case, and how they were drawn."""

    each: list[dict[str, float]]
    binding: int  # how many of the costs bind jointly
    draws: int  # tried


def budgets_of(name: str, n: int = 20) -> Budgets:
    """Return the first `n` of a case's 20 budgets."""
    case = CASES[name]
    data = drawn("budgets", case, lambda: _draw_budgets(case, 20))
    return Budgets(data["each"][:n], data["binding"], data["draws"])


def _draw_budgets(case: Case, n: int) -> dict[str, Any]:
    """Draw budgets cost by cost, in random order: a quantile from 20 % to 80 %, and below what the
    optimum under those drawn before has; kept where dropping any of them improves the optimum."""
    import numpy as np

    space, target = case.space(), as_target(case.target)
    tables = problem_of(case.name).tables
    random = evaluate(space, target, space.sample_indices(NETWORKS, seed=SEED))
    values = {cost: np.sort(random[cost].astype(float)) for cost in case.costs}
    rng = np.random.default_rng(SEED)
    kept: list[dict[str, float]] = []
    draws = 0
    wanted = len(case.costs)
    while len(kept) < n and draws < MAX_DRAWS:
        draws += 1
        if draws > HOPELESS and not kept:
            wanted = max(1, len(case.costs) - 1)
        budgets: dict[str, float] = {}
        best = None
        for k in rng.permutation(len(case.costs)):
            cost = case.costs[k]
            high = 0.8
            if best is not None:
                own = best[3][METRICS.index(cost)]
                high = min(high, float(np.searchsorted(values[cost], own)) / NETWORKS)
            if high <= 0.2:
                break
            value = float(np.quantile(values[cost], rng.uniform(0.2, high)))
            budgets[cost] = value if cost in RRAM else int(value)  # counts are whole
            best = solve(tables, query_of(budgets), MAX_LEAVES)
            if best is None:
                break
        if best is None or len(budgets) < len(case.costs):
            continue
        if not _bind(tables, budgets, best[2], wanted):
            continue
        best = solve(tables, query_of(budgets))  # proven, however long it takes
        assert best is not None, budgets
        if _bind(tables, budgets, best[2], wanted):
            kept.append(budgets)
    return {"each": kept, "binding": wanted, "draws": draws}


def _bind(tables: Any, budgets: dict[str, float], objective: float, wanted: int) -> bool:
    """Whether dropping improves the optimum for at least `wanted` of the budgets."""
    spare = len(budgets) - wanted
    for cost in budgets:
        others = {name: value for name, value in budgets.items() if name != cost}
        best = solve(tables, query_of(others), MAX_LEAVES)
        spare -= best is None or best[2] <= objective
        if spare < 0:
            return False
    return True


def exponents_of(name: str = MAIN, n: int = 20) -> list[dict[str, float]]:
    """Return `n` objectives, weighted products whose optimum is neither the cheapest network (least
    latency, energy and area) nor the one of highest score, and not the same as another's."""
    data: list[dict[str, float]] = drawn(
        "exponents", CASES[name], lambda: _draw_exponents(name, 20)
    )
    return data[:n]


def _draw_exponents(name: str, n: int) -> list[dict[str, float]]:
    import random

    rng = random.Random(SEED)
    problem = problem_of(name)
    costs = CASES[name].costs
    seen = {_product_optimum(problem, {"nn_degree": 1e-3, **dict.fromkeys(costs, -1.0)})}
    seen |= {_product_optimum(problem, {"nn_degree": 1.0, cost: -9.0}) for cost in costs}
    seen.add(_product_optimum(problem, {"nn_degree": 1.0}))
    kept: list[dict[str, float]] = []
    for _ in range(MAX_DRAWS):
        exponents = {"nn_degree": 1.0, **{cost: -(10 ** rng.uniform(-2, 0.3)) for cost in costs}}
        optimum = _product_optimum(problem, exponents)
        if optimum in seen:
            continue
        seen.add(optimum)
        kept.append({"accuracy": 1.0, **{cost: exponents[cost] for cost in costs}})
        if len(kept) == n:
            return kept
    raise RuntimeError(f"only {len(kept)} of {n} exponent vectors have an optimum of their own")


def product_query(objective: dict[str, float]) -> Query:
    """Return a weighted product as the core takes it."""
    named = {"nn_degree" if k == "accuracy" else k: v for k, v in objective.items()}
    return Query([INF] * 6, exponent=[named.get(metric, 0.0) for metric in METRICS])


def _product_optimum(problem: Problem, exponents: dict[str, float]) -> tuple[Any, ...]:
    best = solve(problem.tables, product_query(exponents))
    assert best is not None, exponents
    return best[0], *best[1]


def densenet(depths: Range, skips: int) -> SearchSpace:
    """Return the default DenseNet space with other depths or fewer link caps."""
    return DenseNet(depths=depths, skips=Range(0, skips - 1, unit="width/32"))


def budgets_at(space: SearchSpace, target: str, quantile: float) -> dict[str, float]:
    """Return one quantile of each modelled cost of random networks, as budgets."""
    import numpy as np

    random = evaluate(space, target, space.sample_indices(NETWORKS, seed=SEED))
    costs: Sequence[str] = as_target(target).metrics
    return {cost: float(np.quantile(random[cost], quantile)) for cost in costs}
