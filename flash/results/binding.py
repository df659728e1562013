"""Which budgets keep an answer from being better, and what a little more of each would buy."""

from __future__ import annotations

from time import perf_counter

from .._core.search.exact import Query, Search
from .._core.search.shgo import explore
from ..base.names import METRIC_OF, UPPER
from ..base.record import Record
from ..problem.compiling import compile_each, count_columns
from ..problem.objective import LEAST, least_of, limits_of, limits_on

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..hardware.target import Target
    from ..predictors.predictor import AccuracyPredictor
    from ..problem.objective import Objective
    from ..spaces.space import SearchSpace

__all__ = ["Asked", "Undecided", "binding_budgets", "margins"]

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
    metrics : tuple of float
        Of that answer.
    """

    space: SearchSpace
    target: Target
    predictor: AccuracyPredictor | None
    wanted: Objective
    budgets: Mapping[str, float]
    value: float
    metrics: tuple[float, ...]


class Undecided(Exception):
    """A question took too long."""


def binding_budgets(asked: Asked) -> dict[str, dict[str, float]]:
    """Return the upper budgets that bind, each with what it buys: see `SearchResult.binding`.

    Left out is what can't be proven in time.
    """
    limits = limits_of(asked.budgets)
    extra = count_columns((*limits_on(limits), *asked.wanted.metrics))
    problems = compile_each(asked.space, asked.target, asked.predictor, extra)
    # a floor of what is maximised is met already by the answer
    floor = -INF if asked.wanted.of_score else least_of(asked.budgets.get("min_accuracy"))
    ends_at = perf_counter() + ALL_S

    def best(name: str, limit: float) -> float:
        """Return the objective of the best network with another limit."""
        own = list(limits)
        own[METRIC_OF[name]] = limit
        query = Query(own, floor, asked.wanted.exponents)
        most = asked.value
        for one in problems:
            left = ends_at - perf_counter()
            if left <= 0.0:
                raise Undecided
            incumbent = (asked.value, asked.metrics, True)
            core = Search(one.searched, query, time_limit_s=left, incumbent=incumbent)
            explore(core, 0)
            core.prove()
            if core.stopped:
                raise Undecided
            if core.best is not None:
                most = max(most, float(core.best[2]))
        return most

    wanted, predictor = asked.wanted, asked.predictor
    return margins(asked.budgets, asked.value, best, lambda value: wanted.report(value, predictor))


def margins(
    budgets: Mapping[str, float],
    value: float,
    best: Callable[[str, float], float],
    report: Callable[[float], float],
) -> dict[str, dict[str, float]]:
    """Return the upper budgets that bind, each with what it buys.

    Parameters
    ----------
    budgets : dict of str to float
    value : float
        The objective of the proven answer, as `best` has it.
    best : callable
        Takes a budget's name and another limit, returns the objective of the best network then;
        raises `Undecided` where that takes too long.
    report : callable
        Returns an objective as a result has it.
    """
    found: dict[str, dict[str, float]] = {}
    for name in UPPER:
        if name not in budgets:
            continue
        try:
            free = best(name, INF)
            if free <= value:
                continue
            limit = max(float(budgets[name]), LEAST)
            more = limit * MORE
            now, then = report(value), report(best(name, more))
        except (Undecided, KeyboardInterrupt):
            continue
        found[name] = {
            "unlimited": report(free),
            "one_percent": then,
            "per_unit": (then - now) / (more - limit),
        }
    return found
