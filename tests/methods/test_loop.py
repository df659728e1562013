"""Method "flash": a model after every training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from twins.method_runs import SMALL, fake, plain

import flash
from flash.errors import ArgumentError
from flash.evaluators.by_function import FunctionEvaluator
from flash.evaluators.by_table import TableEvaluator
from flash.spaces.index import row_at

if TYPE_CHECKING:
    from pathlib import Path

TINY = flash.DenseNet(depths=flash.Range(5, 8), skips=[0, 8], width_multipliers=[1, 2])


def structured(seed: int) -> dict[str, float]:
    """Accuracies of all of TINY: values have parts, ordered ones smoothly, and a pair interacts."""
    rng = np.random.default_rng(seed)
    rows = np.array([row_at(TINY, i) for i in range(TINY.size)])
    total = np.zeros(len(rows))
    for column in rows.T:
        places = np.arange(column.max() + 1) / max(1, column.max())
        part = rng.normal() * places - rng.uniform(0, 2) * (places - rng.random()) ** 2
        total += part[column]
    total += 0.3 * rows[:, -1] * rows[:, -2]
    accuracies = 0.6 + 0.3 * np.tanh(0.4 * (total - total.mean()))
    return {str(i): float(value) for i, value in enumerate(accuracies)}


def search(evaluator: Any, **more: Any) -> Any:
    return flash.search(TINY, "cpu-x86", method="flash", evaluator=evaluator, **more)


def test_it_finds_the_best_of_a_table_in_few_evaluations() -> None:
    """Of 1,024 networks, 60 are trained at most: at random that finds the ten best in half."""
    for seed in range(4):
        table = structured(seed)
        found = search(TableEvaluator(table), max_evals=60, seed=seed, certify=False)
        assert found.nfev <= 60
        better = sum(value > found.accuracy for value in table.values())
        assert better <= 2
        assert f"{found.accuracy:.6f}" == f"{table[str(found.index)]:.6f}"


def test_it_ends_where_nothing_more_is_expected() -> None:
    table = TableEvaluator(structured(1))
    found = search(table, certify=False)
    assert found.nfev < TINY.size / 4
    assert "the most that another network is expected to gain is" in found.message
    soon = search(table, certify=False, options={"gain": 0.01, "patience": 2})
    assert soon.nfev < found.nfev
    at_once = search(table, certify=False, options={"gain": 1.0, "patience": 1})
    assert at_once.nfev == 4  # its first samples
    later = search(table, certify=False, options={"gain": 1.0, "patience": 1, "samples": 9})
    assert later.nfev == 9


def test_only_networks_within_the_budgets_are_trained() -> None:
    trained: list[Any] = []

    def noted(nets: list[Any]) -> list[float]:
        trained.extend(nets)
        return fake(nets)

    params = flash.evaluate(TINY, "cpu-x86", range(TINY.size))["params"]
    limit = float(np.quantile(params, 0.2))
    found = search(FunctionEvaluator(noted, "fake"), max_evals=30, max_params=limit)
    assert found.nfev == len(trained) <= 30
    assert all(net.params <= limit for net in trained)
    # accuracy rises with parameters: the largest within the budget is the best
    assert found.params == params[params <= limit].max()


def test_a_space_that_is_used_up_says_so() -> None:
    params = flash.evaluate(TINY, "cpu-x86", range(TINY.size))["params"]
    limit = float(np.sort(params)[6])
    found = search(FunctionEvaluator(fake), max_params=limit, options={"gain": 0.0})
    assert found.nfev == (params <= limit).sum()
    assert "nothing is left: every network within the budgets is measured" in found.message


@pytest.mark.parametrize("limit", [1, 3, 4, 7])
def test_max_evals_is_respected(limit: int) -> None:
    for batch in (1, 5):
        found = search(fake, max_evals=limit, options={"batch": batch})
        assert found.nfev == limit
        assert found.stopped == "max_evals"


def test_batches_are_distinct_and_of_their_size() -> None:
    sizes: list[int] = []
    seen: list[str] = []

    def noted(nets: list[Any]) -> list[float]:
        sizes.append(len(nets))
        seen.extend(str(net) for net in nets)
        return fake(nets)

    found = search(FunctionEvaluator(noted, "fake"), max_evals=20,
                   options={"samples": 5, "batch": 3, "gain": 0.0})  # fmt: skip
    assert found.nfev == 20 == len(set(seen))
    assert sizes == [5, 3, 3, 3, 3, 3]


def test_a_resumed_run_repeats_itself_bit_for_bit(tmp_path: Path) -> None:
    calls = [0]

    def stopped(nets: list[Any]) -> list[float]:
        calls[0] += 1
        if calls[0] == 9:
            raise KeyboardInterrupt
        return fake(nets)

    given: dict[str, Any] = {"max_evals": 25, "seed": 3, "max_params": 3e5}
    whole = search(FunctionEvaluator(fake, "fake"), **given)
    path = tmp_path / "journal.jsonl"
    first = search(FunctionEvaluator(stopped, "fake"), journal=path, **given)
    assert first.stopped == "interrupt"
    assert first.success  # the best until then is kept
    assert 0 < first.nfev < whole.nfev
    asked: list[int] = []

    def counted(nets: list[Any]) -> list[float]:
        asked.append(len(nets))
        return fake(nets)

    done = search(FunctionEvaluator(counted, "fake"), journal=path, **given)
    assert plain(done) == plain(whole)
    assert sum(asked) == whole.nfev - first.nfev


def test_a_table_that_lacks_networks_is_searched_where_it_has_them() -> None:
    table = structured(2)
    some = {name: table[name] for name in list(table)[::7]}
    found = search(TableEvaluator(some, missing="skip"), max_evals=40)
    assert str(found.index) in some
    assert found.accuracy == some[str(found.index)]
    assert sum(value > found.accuracy for value in some.values()) <= 1
    three = {name: table[name] for name in list(table)[:3]}
    all_of_them = search(TableEvaluator(three, missing="skip"))
    assert all_of_them.nfev == 3
    assert all_of_them.accuracy == max(three.values())


def test_a_product_is_what_is_searched() -> None:
    product = {"accuracy": 1, "latency_ms": -1}
    table = structured(3)
    costs = flash.evaluate(TINY, "cpu-x86", range(TINY.size))["latency_ms"]
    merit = np.array([table[str(i)] for i in range(TINY.size)]) / costs
    found = search(TableEvaluator(table), objective=product, max_evals=60, certify=False)
    assert found.objective == pytest.approx(merit[found.index])
    assert (merit > merit[found.index]).sum() <= 10


def test_it_learns_where_networks_are_built_one_by_one() -> None:
    best = max(range(SMALL.size), key=lambda i: SMALL.decode(i).params)
    found = flash.search(SMALL, "cpu-x86", method="flash", evaluator=fake, max_evals=30)
    assert found.architecture is not None
    assert found.architecture.params > 0.9 * SMALL.decode(best).params


def test_what_it_does_not_take() -> None:
    with pytest.raises(ArgumentError, match="method 'shgo' searches by a predictor"):
        flash.search(TINY, "cpu-x86", method="flash")
    for option in ("rounds", "kind", "candidates"):
        with pytest.raises(ArgumentError, match=f"has no '{option}'.*it takes samples, batch"):
            search(fake, options={option: 3})
    with pytest.raises(ArgumentError, match="samples"):
        search(fake, options={"samples": 2})


def test_a_time_limit_holds_where_nothing_fits() -> None:
    """Networks of cells are built one by one: drawing those within a budget took minutes."""
    space = flash.PNASCells(filters=8, resolution=8)
    calls: list[float] = []

    def stop(event: object) -> bool:
        calls.append(0.0)
        return len(calls) > 3

    result = flash.search(
        space, "cpu-x86", max_latency_ms=1e-6, method="flash", callback=stop,
        evaluator=lambda nets: [0.5] * len(nets), max_evals=10,
    )  # fmt: skip
    assert result.status == "NOT_FOUND"
    assert "callback ended the search" in result.message
    assert len(calls) == 4  # looked at between networks, not between proposals
    assert result.nfev == 0
