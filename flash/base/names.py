"""Names that the whole package shares, each list of them once: metrics, columns, budgets, ends.

Their orders are those of the compiled core (flash/_core/tables/problem.h).
"""

from __future__ import annotations

__all__ = [
    "BUDGETS",
    "BUDGET_OF",
    "COSTS",
    "COST_COLUMNS",
    "COUNTS",
    "FRONT_STOPPED_BY",
    "LABELS",
    "LIMITED",
    "MAXIMA",
    "METRIC_OF",
    "NO_LINK",
    "STORED",
    "N_METRICS",
    "STATUSES",
    "STOPPED_BY",
    "STOPS",
    "TERMS",
    "UNITS",
    "UPPER",
    "Column",
    "Link",
    "Metric",
]


class Metric:
    """Numbers of what is reported of a configuration; limits and exponents have the same."""

    SCORE, LATENCY, ENERGY, AREA, PARAMS, MACS = range(6)
    ALL_COSTS = slice(LATENCY, PARAMS)  # those that a target models
    LIMITED = slice(LATENCY, None)  # those that have an upper budget


N_METRICS = 6


class Column:
    """Numbers of the columns of compiled tables, of which a configuration has totals."""

    SCORE, LATENCY, LATENCY_IN, LATENCY_OUT, ENERGY, ENERGY_IN, ENERGY_OUT = range(7)
    LEAK, LEAK_IN, SCALE, AREA, PEAK, PARAMS, MACS = range(7, 14)
    CHARGED = range(LATENCY, PARAMS)  # those that a target charges for


# The charged columns as target files call them; those of leaking latency follow from latency's own.
COST_COLUMNS = (
    *("latency_ms", "bus_in_ms", "bus_out_ms", "energy_mj", "bus_in_mj", "bus_out_mj"),
    *("leaking_ms", "leaking_in_ms", "tiles", "area_mm2", "peak_mm2"),
)

COSTS = ("latency_ms", "energy_mj", "area_mm2")  # what a target may model
COUNTS = ("params", "macs")  # what a network has on any target
TERMS = ("accuracy", *COSTS, *COUNTS)  # of objectives and fronts: TERMS[k] is metric k
# What a network takes on any device: its values while it runs, and its weights. The core has
# neither: they are held as conditions (flash/conditional).
STORED = ("memory_kib", "weights_kib")
UNITS = {
    "latency_ms": "ms",
    "energy_mj": "mJ",
    "area_mm2": "mm2",
    "memory_kib": "KiB",
    "weights_kib": "KiB",
}

# What each budget limits, as a reader calls it.
LABELS = {
    "latency_ms": "latency",
    "energy_mj": "energy",
    "area_mm2": "area",
    "params": "parameters",
    "macs": "MACs",
    "memory_kib": "peak memory",
    "weights_kib": "weights",
    "accuracy": "accuracy",
}

MAXIMA = tuple([f"max_{name}" for name in TERMS[Metric.LIMITED]])
UPPER = (*MAXIMA, *[f"max_{name}" for name in STORED])  # all upper budgets
BUDGETS = (*UPPER, "min_accuracy")
BUDGET_OF: dict[str, str] = dict(zip(TERMS, ("min_accuracy", *MAXIMA), strict=True))
METRIC_OF = {budget: k for k, budget in enumerate(BUDGET_OF.values())}  # that a budget limits
LIMITED = {  # the name of what each budget limits, in the order of `BUDGETS`
    budget: TERMS[METRIC_OF[budget]] if budget in METRIC_OF else budget[len("max_") :]
    for budget in BUDGETS
}


class Link:
    """Numbers of the core's ways from a score to an accuracy."""

    NONE, DEGREE, LOGISTIC = range(3)


NO_LINK = (Link.NONE, 0.0, 0.0, 0.0)  # scores are reported as they are

STATUSES = ("OPTIMAL", "FEASIBLE", "INFEASIBLE", "TIME_LIMIT", "NOT_FOUND")
STOPS = ("time_limit_s", "max_evals", "callback", "interrupt")  # what ends a search early
# By the number with which the core says what ended it. A front that is only asked whether there is
# a new point ends at one: number 2.
STOPPED_BY = (None, *STOPS[:3])
FRONT_STOPPED_BY = (None, "time_limit_s", None, "callback")
