"""Which budgets keep an answer from being better, and what a little more of each would buy."""

from __future__ import annotations

from time import perf_counter

from .._core.search.exact import Query, Search
from .._core.search.shgo import explore
from ..base.names import MAXIMA, METRIC_OF
from ..base.record import Record
from ..problem.compiling import compile_each, count_columns
from ..problem.objective import limits_of, limits_on

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .._core.tables.tables import Tables
    from ..hardware.target import Target
    from ..predictors.predictor import AccuracyPredictor
    from ..problem.objective import Objective
    from ..spaces.space import SearchSpace

__all__ = ["Asked", "binding_budgets"]

INF = float("inf")
ALL_S = 2.0  # for all budgets: they explain an answer, and are no search of their own
MORE = 1.01  # times a budget: how much more of it is asked for


class Asked(Record):
    """A search whose answer is explained; not the compiled problem, which a result must not hold.

    Parameters
    ----------
    space, target, predictor, wanted
    budgets : dict of str to float
    value : float
        The core's objective of the proven answer.
    """

    space: SearchSpace
    target: Target
    predictor: AccuracyPredictor | None
    wanted: Objective
    budgets: Mapping[str, float]
    value: float


class _Undecided(Exception):
    """A question took too long."""


def binding_budgets(asked: Asked) -> dict[str, dict[str, float]]:
    """Return the upper budgets that bind, each with what it buys: see `SearchResult.binding`.

    Left out is what can't be proven in time.
    """
    limits = limits_of(asked.budgets)
    extra = count_columns((*limits_on(limits), *asked.wanted.metrics))
    problems = compile_each(asked.space, asked.target, asked.predictor, extra)
    tables = [problem.tables for problem in problems]
    ends_at = perf_counter() + ALL_S
    found: dict[str, dict[str, float]] = {}
    for name in MAXIMA:
        if name in asked.budgets:
            try:
                one = _bought(asked, tables, limits, METRIC_OF[name], ends_at)
            except (_Undecided, KeyboardInterrupt):
                continue
            if one:
                found[name] = one
    return found


def _bought(
    asked: Asked, tables: Sequence[Tables], limits: list[float], k: int, ends_at: float
) -> dict[str, float]:
    """Return what more of one budget buys; empty where it buys nothing."""

    def best(limit: float) -> float:
        """Return the objective of the best network with another limit."""
        own = [limit if i == k else one for i, one in enumerate(limits)]
        # a floor of what is maximised is met already by the answer
        floor = -INF if asked.wanted.of_score else asked.budgets.get("min_accuracy", -INF)
        query = Query(own, floor, asked.wanted.exponents)
        values = []
        for one in tables:
            left = ends_at - perf_counter()
            if left <= 0.0:
                raise _Undecided
            core = Search(one, query, time_limit_s=left)
            explore(core, 0)
            core.prove()
            if core.stopped:
                raise _Undecided
            if core.best is not None:
                values.append(float(core.best[2]))
        if not values:
            raise _Undecided
        return max(values)

    free = best(INF)
    if free <= asked.value:
        return {}
    report, predictor = asked.wanted.report, asked.predictor
    more = limits[k] * MORE
    now, then = report(asked.value, predictor), report(best(more), predictor)
    return {
        "unlimited": report(free, predictor),
        "one_percent": then,
        "per_unit": (then - now) / (more - limits[k]),
    }
