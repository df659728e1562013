"""The names that the package shares say what the compiled core does."""

from __future__ import annotations

from flash._core.tables import tables
from flash.base.names import (
    BUDGET_OF,
    BUDGETS,
    COST_COLUMNS,
    COSTS,
    COUNTS,
    FRONT_STOPPED_BY,
    LIMITED,
    METRIC_OF,
    N_METRICS,
    STOPPED_BY,
    STOPS,
    TERMS,
    Column,
    Metric,
)


def numbers(names: type) -> dict[str, int]:
    own = {name: one for name, one in vars(names).items() if not name.startswith("__")}
    return {name.lower(): one for name, one in own.items() if type(one) is int}


def test_columns_and_metrics_are_in_the_core_s_order() -> None:
    assert numbers(Column) == {name: k for k, name in enumerate(tables.COLUMNS)}
    assert len(COST_COLUMNS) == len(Column.CHARGED)
    short = [name.partition("_")[0] for name in tables.METRICS]
    assert numbers(Metric) == {name: k for k, name in enumerate(short)}
    assert ("score", *TERMS[1:]) == ("score", *COSTS, *COUNTS) == tables.METRICS
    assert len(TERMS) == N_METRICS


def test_each_budget_limits_a_metric() -> None:
    assert (
        set(METRIC_OF)
        == set(BUDGET_OF.values())
        == set(BUDGETS) - {"max_memory_kib", "max_weights_kib"}
    )
    assert list(LIMITED) == list(BUDGETS)
    for budget, limited in LIMITED.items():
        assert budget.partition("_")[2] == limited
    for term, budget in BUDGET_OF.items():
        assert LIMITED[budget] == TERMS[METRIC_OF[budget]] == term
    assert TERMS[Metric.ALL_COSTS] == COSTS


def test_the_core_s_numbers_of_what_ended_a_search() -> None:
    assert STOPPED_BY == (None, "time_limit_s", "max_evals", "callback")
    assert set(FRONT_STOPPED_BY) < set(STOPPED_BY) < {None, *STOPS}
