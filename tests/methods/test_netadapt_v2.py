"""NetAdaptV2 under latency: it crosses where layers of fewer filters cost more, and finds whatever
there is; evaluations that the descent leaves go round the best."""

from __future__ import annotations

from functools import cache
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import flash
from flash.errors import ArgumentError
from flash.evaluators.by_function import FunctionEvaluator
from flash.methods import options_for
from flash.methods._task import Task
from flash.methods.netadapt_v2 import Descent, _grown, _shrunk, choices_of, run
from flash.problem.objective import PLAIN
from flash.solving.ground import ground_of

INF = float("inf")
TARGETS = ("pixel-3", "cpu-x86", "raspberry-pi-4", "rram", "systolic-32")
Cell = flash.Cell
BACKBONES = (
    flash.Architecture("resnet", [Cell(16, 1, 16), Cell(32, 2, 32)], resolution=16),
    flash.Architecture("resnet", [Cell(8, 2, 8), Cell(12, 1, 12)], resolution=8),
    flash.Architecture("wide-resnet", [Cell(16, 1, 16), Cell(12, 2, 12)], resolution=8),
    flash.Architecture("mobilenet-v2", [Cell(8, 1, 8, 3, 3), Cell(16, 2, 16, 2, 3)], resolution=32),
)
SPACES = tuple(flash.BypassSpace(one) for one in BACKBONES)


def by_size(nets: list[Any]) -> list[float]:
    """Accuracies that rise with MACs, and fall with depth."""
    return [
        1.0 - 1.0 / (2.0 + 1e-6 * net.macs) - 1e-3 * sum(one.kind == "conv" for one in net.layers)
        for net in nets
    ]


@cache
def charged(number: int, target: str) -> Any:
    """Metrics of every network of a space."""
    space = SPACES[number]
    rows = np.array(list(product(*map(range, space.lengths))))
    ground = ground_of(space, flash.Target.load(target))
    return ground.costs(ground.canonical(rows))


def task_of(space: Any, target: str, latency: float = INF, macs: float = INF, **more: Any) -> Task:
    return Task(
        ground_of(space, flash.Target.load(target)), FunctionEvaluator(by_size), PLAIN,
        [INF, latency, INF, INF, INF, macs], options=options_for("netadapt-v2", None), **more,
    )  # fmt: skip


def test_a_budget_that_random_draws_meet_is_met() -> None:
    whole = flash.ResNet(widths=[16, 32], depths=[1, 2], resolution=16)
    space = flash.BypassSpace(whole.decode(whole.size - 1))
    for evaluator in (None, FunctionEvaluator(by_size)):
        found: dict[str, list[float]] = {"netadapt-v2": [], "random": []}
        for method, seed in product(found, range(4)):
            run = flash.search(
                space, "pixel-3", method=method, evaluator=evaluator, max_latency_ms=0.7,
                max_evals=40, seed=seed,
            )  # fmt: skip
            assert run.success
            assert (run.latency_ms or INF) <= 0.7
            assert run.nfev == 40
            found[method].append(run.objective or 0.0)
        if evaluator is not None:
            assert min(found["netadapt-v2"]) > max(found["random"])


@settings(max_examples=40, deadline=None)
@given(
    number=st.integers(0, len(SPACES) - 1),
    target=st.sampled_from(TARGETS),
    share=st.floats(0.0, 1.0),
    also=st.sampled_from(["", "params", "macs", "energy_mj"]),
    evals=st.sampled_from([1, 2, 3, 20]),
    refine=st.sampled_from([0.0, 0.5, 1.0]),
    seed=st.integers(0, 3),
)
def test_wherever_a_network_is_within_the_budgets_one_is_found(
    number: int, target: str, share: float, also: str, evals: int, refine: float,
    seed: int,
) -> None:  # fmt: skip
    metrics = charged(number, target)
    k = {"": 0, "energy_mj": 2, "params": 4, "macs": 5}[also]
    order = np.sort(metrics[1])
    latency = float(order[int(share * (len(order) - 1))])
    budgets: dict[str, Any] = {"max_latency_ms": latency}
    if k and metrics[k].max() > 0.0:  # what the median of those within that latency takes
        budgets[f"max_{also}"] = float(np.median(metrics[k, metrics[1] <= latency]))
    found = flash.search(
        SPACES[number], target, method="netadapt-v2", evaluator=FunctionEvaluator(by_size),
        max_evals=evals, seed=seed, options={"refine": refine}, **budgets,
    )  # fmt: skip
    assert found.success, found.message
    assert 1 <= found.nfev <= evals
    for name, limit in budgets.items():
        assert getattr(found, name[4:]) <= limit


@pytest.mark.parametrize("target", TARGETS)
def test_below_the_least_latency_nothing_is_found_and_at_it_something(target: str) -> None:
    least = float(charged(0, target)[1].min())
    given: dict[str, Any] = {"method": "netadapt-v2", "max_evals": 10}
    assert flash.search(SPACES[0], target, max_latency_ms=least, **given).success
    none = flash.search(SPACES[0], target, max_latency_ms=float(np.nextafter(least, 0.0)), **given)
    assert none.status == "NOT_FOUND"
    assert none.nfev == 0 or none.x is None


def test_steps_cross_where_one_filter_level_fewer_costs_more() -> None:
    """From rows that no level of any layer up or down makes cheaper, to their layers' least."""
    space = SPACES[0]
    metrics = charged(0, "pixel-3")[1].reshape(space.lengths)
    stuck = np.ones(space.lengths, dtype=bool)
    for axis in range(metrics.ndim):
        for shift in (1, -1):
            other = np.roll(metrics, shift, axis=axis)
            edge: list[Any] = [slice(None)] * metrics.ndim
            edge[axis] = 0 if shift == 1 else -1
            other[tuple(edge)] = INF
            stuck &= metrics <= other
    stuck &= metrics > metrics.min()
    rows = np.argwhere(stuck)
    assert len(rows) >= 5
    task = task_of(space, "pixel-3", latency=1.0)
    at = Descent(task)
    used = at.model(rows)
    target = float(0.999 * used.min())
    every = np.ones((len(rows), len(at.groups)), dtype=bool)
    found, _ = _shrunk(at, rows.copy(), every, target)
    assert (at.model(found) <= target).all()
    assert task.nfev == 0  # by the cost model alone


@pytest.mark.parametrize("number", range(len(SPACES)))
def test_what_shrank_too_far_grows_up_to_its_target_and_no_higher_than_it_was(number: int) -> None:
    task = task_of(SPACES[number], "pixel-3", latency=1e9, seed=1)
    at = Descent(task)
    most = at.largest()
    rows = task.canonical(np.zeros((20, len(task.lengths)), dtype=np.int64))
    chosen = np.zeros((20, len(at.groups)), dtype=bool)
    chosen[:, 1] = True
    target = float(at.model(most)[0])
    grown = _grown(at, rows.copy(), chosen, target, most)
    assert (at.model(grown) <= target).all()
    assert (grown >= rows).all()
    assert (grown <= most).all()
    assert (grown[:, at.groups[1]] > 0).any()
    others = np.concatenate([at.groups[k] for k in range(len(at.groups)) if k != 1])
    assert (grown[:, others] == rows[:, others]).all()


def test_the_least_network_of_any_space_and_of_some_layers() -> None:
    families = flash.MobileNetV2(widths=[8, 16], depths=[1, 2], expansions=[1, 2, 3], cells=2)
    for space in (SPACES[3], families):
        task = task_of(space, "cpu-x86", macs=1.0)
        at = Descent(task)
        row = at.largest()
        found = at.least(row)
        for group in at.groups:  # no layer's choice uses less
            assert at.model(choices_of(task, found, group)).min() == at.model(found)[0]
        one = np.zeros(len(at.groups), dtype=bool)
        one[-1] = True
        part = at.least(row, one)
        changed = np.flatnonzero((part != row)[0])
        assert set(changed) <= set(at.groups[-1].tolist())
        assert at.model(found)[0] <= at.model(part)[0] < at.model(row)[0]


def test_a_descent_starts_from_all_filters_whatever_they_cost() -> None:
    """The network of most latency may have fewer filters."""
    task = task_of(SPACES[0], "pixel-3", latency=1e-6)
    at = Descent(task)
    assert at.largest().tolist() == [list(SPACES[0].largest)]
    assert charged(0, "pixel-3")[1].max() > at.usage(at.largest())[0] * 1e-6


def test_evaluations_that_the_descent_leaves_are_spent() -> None:
    space = SPACES[1]
    limit = float(np.quantile(charged(1, "pixel-3")[1], 0.5))
    given: dict[str, Any] = {
        "method": "netadapt-v2", "evaluator": FunctionEvaluator(by_size), "max_latency_ms": limit,
    }  # fmt: skip
    runs = [flash.search(space, "pixel-3", max_evals=50, seed=seed, **given) for seed in range(5)]
    bare = [
        flash.search(space, "pixel-3", max_evals=50, seed=seed, options={"refine": 0.0}, **given)
        for seed in range(5)
    ]
    assert all(run.nfev == 50 for run in runs)
    assert sum(run.objective or 0.0 for run in runs) >= sum(run.objective or 0.0 for run in bare)
    alone = flash.search(space, "pixel-3", **given)
    assert alone.stopped is None  # without max_evals it ends at the budget
    largest = flash.search(space, "pixel-3", max_evals=30, method="netadapt-v2", max_latency_ms=1e6)
    assert largest.nfev == 30


def test_it_ends_where_nothing_is_left() -> None:
    space = flash.BypassSpace(flash.Architecture("resnet", [Cell(8, 1, 8)], resolution=8), levels=2)
    found = flash.search(space, "cpu-x86", method="netadapt-v2", max_evals=1000, max_macs=10**9)
    assert found.nfev == space.size == 9


def test_the_same_seed_gives_the_same_answer_with_tables_filled_or_not() -> None:
    runs = []
    for seed in (0, 0, 1, 0):
        space = flash.BypassSpace(BACKBONES[0])  # tables of its own
        runs.append(
            flash.search(
                space, "pixel-3", method="netadapt-v2", max_latency_ms=0.3, max_evals=30, seed=seed
            )
        )
    first, again, other, last = ((run.x, run.objective, run.samples) for run in runs)
    assert first == again == last
    assert first != other


def test_more_iterations_than_evaluations_are_told() -> None:
    given: dict[str, Any] = {
        "method": "netadapt-v2", "max_evals": 40, "max_latency_ms": 0.3,
        "evaluator": FunctionEvaluator(by_size),
    }  # fmt: skip
    found = flash.search(SPACES[0], "pixel-3", options={"iterations": 30, "samples": 10}, **given)
    assert found.success
    assert "of 30 iterations of 10 samples there were 2" in found.message
    assert "iterations" not in flash.search(SPACES[0], "pixel-3", **given).message


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"refine": 1.5}, "refine"),
        ({"refine": -0.1}, "refine"),
        ({"iterations": 0}, "iterations"),
        ({"samples": -1}, "samples"),
        ({"layers": 1.5}, "layers"),
        ({"decay": 0.0}, "decay"),
        ({"refines": 0.5}, "did you mean 'refine'"),
    ],
)
def test_options_that_are_not_accepted(options: dict[str, Any], message: str) -> None:
    with pytest.raises((ArgumentError, TypeError), match=message):
        flash.search(
            SPACES[0], "pixel-3", method="netadapt-v2", max_latency_ms=0.3, options=options
        )


def test_targets_fall_and_used_falls_with_them() -> None:
    task = task_of(SPACES[0], "pixel-3", latency=0.3, seed=2, max_evals=200)
    asked: list[float] = []
    evaluate = task.evaluate

    def noted(rows: Any, **more: Any) -> Any:
        if more:  # a step's networks
            asked.append(float(at.usage(rows).min()))
        return evaluate(rows, **more)

    at = Descent(task)
    task.evaluate = noted  # type: ignore[method-assign]
    task.options["refine"] = 0.0
    run(task)
    targets = at.targets(5.0, 12)
    assert (np.diff(targets) < 0.0).all()
    assert (np.diff(asked) < 0.0).all()
    assert asked[-1] <= 1.0
    assert task.best is not None


def test_measured_networks_are_few_where_nothing_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    from flash.hardware import measuring

    seen: list[int] = []

    class Told:
        latency_ms = 5.0

    def fake(net: Any, **given: Any) -> Told:
        seen.append(net.macs)
        return Told()

    monkeypatch.setattr(measuring, "measure", fake)
    found = flash.search(
        SPACES[0], "cpu-x86", method="netadapt-v2", evaluator=FunctionEvaluator(by_size),
        max_latency_ms=1.0, max_evals=20, options={"measure": True, "iterations": 2},
    )  # fmt: skip
    assert found.status == "NOT_FOUND"
    assert 3 <= len(seen) <= 40
