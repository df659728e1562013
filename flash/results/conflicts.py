"""Why no network fits: for each budget the least value that would do, found and proven."""

from __future__ import annotations

from .._core.search.exact import Query, Search
from ..problem.compiling import MACS, PARAMS, compile_problem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from .._core.tables.tables import Tables
    from ..problem.compiling import Problem

__all__ = ["least_budgets", "refusal"]

INF = float("inf")
PATIENCE_S = 0.5  # for each least value: they explain a refusal, and are no search of their own
TIES = 1e-6  # exponent of latency where area is to be least
NEAR = 1e-10  # relative: areas are not so near to each other and different
NAMES = ("", "max_latency_ms", "max_energy_mj", "max_area_mm2", "max_params", "max_macs")


def least_budgets(problem: Problem, budgets: Mapping[str, float]) -> dict[str, float]:
    """Return for each budget the least value it could have, the others as given.

    Where the others alone admit no network either, or that takes long to prove, the least over the
    whole space; left out where that does. Of ``min_accuracy`` it is the greatest accuracy.
    """
    extra = (PARAMS if "max_params" in budgets else 0) | (MACS if "max_macs" in budgets else 0)
    tables = problem.tables
    if extra:
        tables = compile_problem(problem.space, problem.target, problem.predictor, extra).tables
    least: dict[str, float] = {}
    for name in budgets:
        for others in (budgets, {}):
            limits = [others.get(n, INF) if n != name else INF for n in NAMES]
            floor = others.get("min_accuracy", -INF) if name != "min_accuracy" else -INF
            try:
                value = _least(tables, name, limits, floor)
            except KeyboardInterrupt:
                return least
            if value is None:
                continue
            if name in NAMES:
                least[name] = int(value) if name in ("max_params", "max_macs") else value
            elif problem.predictor is not None:
                least[name] = problem.predictor.accuracy_of(value)
            break
    return least


def _least(tables: Tables, name: str, limits: list[float], floor: float) -> float | None:
    """Return the least value of a cost within other budgets, or the greatest score; None where
    there is none, or it takes long to prove.

    Many networks may be of one area, and of them the one of least latency is asked for. Where that
    takes long, latency counts a little, and that nothing is smaller is proven apart.
    """
    k = NAMES.index(name) if name in NAMES else 0
    for ties in (0.0, TIES) if name == "max_area_mm2" else (0.0,):
        exponents = tuple(-1.0 if i == k else -ties if i == 1 else 0.0 for i in range(6))
        core = Search(
            tables, Query(limits, floor, exponents if k else None), time_limit_s=PATIENCE_S
        )
        core.prove()
        if core.stopped:
            continue
        if core.best is None:
            return None
        value: float = core.best[3][k]
        if ties:
            below = [value * (1.0 - NEAR) if i == k else one for i, one in enumerate(limits)]
            core = Search(tables, Query(below, floor, exponents), time_limit_s=PATIENCE_S)
            core.prove()
            if core.stopped or core.best is not None:
                return None
        return value
    return None


def refusal(budgets: Mapping[str, float], least: Mapping[str, float], what: str = "network") -> str:
    """Return a sentence that names what can't be met and the values that could."""
    parts = []
    alone = [
        name
        for name, value in least.items()
        if (value < budgets[name] if name == "min_accuracy" else value > budgets[name])
    ]
    for name in alone or least:
        bound = "at most" if name == "min_accuracy" else "at least"
        parts.append(f"{name} would have to be {bound} {least[name]!r} (given {budgets[name]!r})")
    if not parts:
        parts = [f"{name} {value!r}" for name, value in budgets.items()]
    return f"proven: no {what} meets the budgets: " + "; or ".join(parts)
