"""Why no network fits: for each budget the least value that would do, found and proven."""

from __future__ import annotations

from .._core.search.exact import Query, Search
from ..base.names import METRIC_OF, N_METRICS, Metric
from ..problem.compiling import compile_problem, count_columns
from ..problem.objective import least_of, limits_of, limits_on

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from .._core.tables.tables import Tables
    from ..predictors.predictor import AccuracyPredictor
    from ..problem.compiling import Problem

__all__ = ["least_budgets", "others_of", "refusal", "reported"]

INF = float("inf")
PATIENCE_S = 0.5  # for each least value: they explain a refusal, and are no search of their own
TIES = 1e-6  # exponent of latency where area is to be least
NEAR = 1e-10  # relative: areas are not so near to each other and different


def least_budgets(problem: Problem, budgets: Mapping[str, float]) -> dict[str, float]:
    """Return for each budget the least value it could have, the others as given.

    Where the others alone admit no network either, or that takes long to prove, the least over the
    whole space; left out where that does. Of ``min_accuracy`` it is the greatest accuracy.
    """
    extra = count_columns(limits_on(limits_of(budgets)))
    tables = problem.tables
    if extra:
        tables = compile_problem(problem.space, problem.target, problem.predictor, extra).tables
    least: dict[str, float] = {}
    for name in budgets:
        for others in (budgets, {}):
            try:
                value = _least(tables, name, *others_of(others, name))
            except KeyboardInterrupt:
                return least
            if value is None:
                continue
            told = reported(name, value, problem.predictor)
            if told is not None:
                least[name] = told
            break
    return least


def others_of(budgets: Mapping[str, float], name: str) -> tuple[list[float], float]:
    """Return the limits and the least accuracy of all budgets but one."""
    least = least_of(budgets.get("min_accuracy")) if name != "min_accuracy" else -INF
    return limits_of(budgets, name), least


def reported(budget: str, value: float, predictor: AccuracyPredictor | None) -> float | None:
    """Return the least value of a budget as a result shows it, of the metric that it limits.

    None where it is a score that no predictor makes an accuracy of.
    """
    if budget == "min_accuracy":
        return None if predictor is None else predictor.accuracy_of(value)
    return int(value) if METRIC_OF[budget] in (Metric.PARAMS, Metric.MACS) else value


def _least(tables: Tables, name: str, limits: list[float], floor: float) -> float | None:
    """Return the least value of a cost within other budgets, or the greatest score; None where
    there is none, or it takes long to prove.

    Many networks may be of one area, and of them the one of least latency is asked for. Where that
    takes long, latency counts a little, and that nothing is smaller is proven apart.
    """
    k = METRIC_OF[name]
    for ties in (0.0, TIES) if k == Metric.AREA else (0.0,):
        exponents = [0.0] * N_METRICS
        exponents[Metric.LATENCY] = -ties
        exponents[k] = -1.0
        core = Search(
            tables, Query(limits, floor, exponents if k else None), time_limit_s=PATIENCE_S
        )
        core.prove()
        if core.stopped:
            continue
        if core.best is None:
            return None
        *_, metrics = core.best
        value: float = metrics[k]
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
