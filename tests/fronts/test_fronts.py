"""flash.pareto against brute force and search; the core's fronts are in test_fronts_core.py."""

from __future__ import annotations

import math
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twins.problems import space as random_space

import flash
from flash import ParetoFront, Range
from flash.errors import ArgumentError, ArgumentTypeError

COSTS = ("latency_ms", "energy_mj", "area_mm2", "params", "macs")
SMALL = flash.DenseNet(depths=Range(3, 9), skips=Range(0, 8, unit="width/8"), cells=2)


def losses(columns: dict[str, Any], objectives: tuple[str, ...]) -> np.ndarray:
    some = [-columns["nn_degree"] if o == "accuracy" else columns[o] for o in objectives]
    return np.stack(some, 1).astype(float)


def brute(loss: np.ndarray) -> np.ndarray:
    """Distinct rows that no other row is at most equal to, sorted."""
    loss = np.unique(loss, axis=0)
    keep = [not ((loss <= row).all(1) & (loss < row).any(1)).any() for row in loss]
    return loss[np.array(keep)] if len(loss) else loss


@pytest.fixture(scope="module")
def front() -> ParetoFront:
    return flash.pareto(SMALL, "rram")


@pytest.fixture(scope="module")
def front3() -> ParetoFront:
    return flash.pareto(SMALL, "rram", ("accuracy", "latency_ms", "energy_mj"))


@pytest.mark.slow
@settings(max_examples=200, derandomize=True, deadline=None)
@given(
    st.randoms(use_true_random=False),
    st.sampled_from(("densenet", "resnet", "wide-resnet", "mobilenet-v2")),
    st.sampled_from(("rram", "cpu-x86", "systolic-32")),
)
def test_equals_brute_force_on_random_spaces(random: Random, family: str, target: str) -> None:
    space = random_space(random, family, 3000)
    have = ["accuracy", "params", "macs", *flash.Target.load(target).metrics]
    objectives = tuple(random.sample(have, random.randint(2, min(4, len(have)))))
    columns = flash.evaluate(space, target, np.arange(space.size))
    budgets = {}
    for name in COSTS:
        if name in columns and random.random() < 0.3:
            budgets[f"max_{name}"] = columns[name][random.randrange(space.size)].item()
    inside = np.ones(space.size, dtype=bool)
    for name, limit in budgets.items():
        inside &= columns[name[4:]] <= limit
    found = flash.pareto(space, target, objectives, **budgets)
    expected = brute(losses(columns, objectives)[inside])
    got = losses(dict(found.metrics), objectives) if len(found) else np.zeros((0, len(objectives)))
    assert np.array_equal(np.unique(got, axis=0), expected)
    assert len(got) == len(expected)
    assert found.status == ("OPTIMAL" if len(got) else "INFEASIBLE")
    if not len(found):
        return
    again = flash.evaluate(space, target, found.x)
    for name, column in found.metrics.items():
        assert np.array_equal(column, again[name]), name


@pytest.mark.parametrize("target", ["rram", "cpu-x86"])
def test_at_is_what_search_finds(target: str) -> None:
    found = flash.pareto(SMALL, target)
    limits = np.quantile(found.latency_ms, np.linspace(0.0, 1.0, 9)).tolist()
    for limit in [*limits, *found.latency_ms[:5].tolist(), 1e9]:
        at, search = (
            found.at(max_latency_ms=limit),
            flash.search(SMALL, target, max_latency_ms=limit),
        )
        assert at.proven
        for name in (
            "x",
            "objective",
            "upper_bound",
            "budgets",
            "status",
            "cell_degrees",
            "flags",
            "objective_name",
            "message",
            "target",
            "space",
            *COSTS,
        ):
            assert getattr(at, name) == getattr(search, name), name


def test_at_with_two_budgets_and_those_of_the_front() -> None:
    found = flash.pareto(SMALL, "rram", ("accuracy", "latency_ms", "energy_mj"), max_area_mm2=20.0)
    tried = 0
    for result in found[:: max(1, len(found) // 10)]:
        budgets = {"max_latency_ms": result.latency_ms, "max_energy_mj": result.energy_mj}
        at = found.at(**budgets)
        search = flash.search(SMALL, "rram", max_area_mm2=20.0, **budgets)
        assert (at.x, at.objective, at.budgets) == (search.x, search.objective, search.budgets)
        tried += 1
    assert tried > 5


def test_at_by_another_objective() -> None:
    found = flash.pareto(SMALL, "rram", ("latency_ms", "energy_mj"))
    limit = float(np.median(found.energy_mj))
    at = found.at(max_energy_mj=limit)
    search = flash.search(SMALL, "rram", max_energy_mj=limit, objective={"latency_ms": -1})
    assert (at.x, at.objective, at.objective_name) == (
        search.x,
        search.objective,
        search.objective_name,
    )


def test_at_without_a_network() -> None:
    found = flash.pareto(SMALL, "rram")
    at = found.at(max_latency_ms=1e-6)
    search = flash.search(SMALL, "rram", max_latency_ms=1e-6)
    assert (at.status, at.x, at.least, at.message) == (
        "INFEASIBLE",
        None,
        search.least,
        search.message,
    )


def test_at_with_a_predictor() -> None:
    found = flash.pareto("densenet", "cpu-x86", predictor="default", max_params=1e6, epsilon=0.01)
    assert found.predicted
    least = float(np.median(found.accuracy))
    at = found.at(min_accuracy=least)
    assert at.accuracy >= least
    assert at.latency_ms == found.latency_ms[found.accuracy >= least].min()
    assert not at.proven
    with pytest.raises(ArgumentError, match="min_accuracy"):
        flash.pareto(SMALL, "rram").at(min_accuracy=0.5)


def test_an_epsilon_front_covers_the_exact_one(front3: ParetoFront) -> None:
    near = flash.pareto(SMALL, "rram", front3.objectives, epsilon=0.1)
    assert near.status == "FEASIBLE"
    assert near.complete
    assert not near.exact
    assert len(near) < len(front3) / 2
    for degree, latency, energy in zip(
        front3.nn_degree, front3.latency_ms, front3.energy_mj, strict=True
    ):
        slack = 1.1 * (1 + 1e-13)
        assert (
            (near.nn_degree * slack >= degree)
            & (near.latency_ms <= latency * slack)
            & (near.energy_mj <= energy * slack)
        ).any()


def test_interrupted() -> None:
    """Ctrl-C leaves what was found; so do a callback and the time limit."""
    space = flash.DenseNet(cells=4)
    partial = flash.pareto(space, "rram", ("accuracy", "latency_ms"), time_limit_s=0.02)
    assert partial.stopped == "time_limit_s"
    assert partial.status == "TIME_LIMIT"
    events = []
    stopped = flash.pareto(
        space, "rram", callback=lambda event: events.append(event) or len(events) > 1
    )
    assert stopped.stopped == "callback"
    assert 0.0 <= events[0].done <= events[1].done <= 1.0

    def stop(event: Any) -> None:
        raise KeyboardInterrupt

    cut = flash.pareto(space, "rram", callback=stop)
    assert cut.stopped == "interrupt"
    for one in (partial, stopped, cut):
        assert not one.complete
        assert len(one) > 0
        assert not one.knee.proven
        columns = flash.evaluate(space, "rram", one.x)
        assert np.array_equal(columns["latency_ms"], one.latency_ms)
        assert ParetoFront.from_json(one.to_json()) == one


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"objectives": ("accuracy",)}, "two to four"),
        ({"objectives": ()}, "two to four"),
        ({"objectives": ("accuracy", "latency_ms", "params", "macs", "energy_mj")}, "two to four"),
        ({"objectives": ("accuracy", "accuracy")}, "twice"),
        ({"objectives": ("accuracy", "latency")}, "did you mean 'latency_ms'"),
        ({"objectives": "accuracy"}, "sequence"),
        ({"objectives": 3}, "sequence"),
        (
            {"objectives": ("accuracy", "energy_mj"), "target": "cpu-x86"},
            "does not model energy_mj",
        ),
        ({"epsilon": -0.1}, "epsilon"),
        ({"epsilon": 1.5}, "epsilon"),
        ({"epsilon": float("nan")}, "epsilon"),
        ({"max_energy_mj": 1.0, "target": "cpu-x86"}, "max_energy_mj"),
        ({"max_latency_ms": -1.0}, "max_latency_ms"),
        ({"min_accuracy": 0.5}, "predictor"),
        ({"time_limit_s": 0}, "time_limit_s"),
        ({"callback": 3}, "callback"),
        ({"progress": 1}, "progress"),
        ({"threads": 0}, "threads"),
        ({"threads": 1.5}, "threads"),
        ({"target": ["rram", "rram"]}, "target must be one"),
    ],
)
def test_bad_arguments(arguments: dict[str, Any], message: str) -> None:
    given = {"space": SMALL, "target": "rram", **arguments}
    with pytest.raises((ArgumentError, ArgumentTypeError), match=message):
        flash.pareto(**given)


@pytest.mark.parametrize("budgets", [{}, {"max_area_mm2": 3.0}, {"max_latency_ms": 1, "max_x": 1}])
def test_bad_budgets_of_at(front: ParetoFront, budgets: dict[str, float]) -> None:
    if not budgets:
        assert front.at().x == front[0].x
        with pytest.raises(ArgumentError, match="leave an objective"):
            flash.pareto(SMALL, "rram", ("latency_ms", "energy_mj")).at(
                max_latency_ms=1.0, max_energy_mj=1.0
            )
        return
    with pytest.raises(ArgumentError, match="budget of at"):
        front.at(**budgets)


def test_infeasible_says_why() -> None:
    found = flash.pareto(SMALL, "rram", max_latency_ms=1e-6, max_params=10)
    search = flash.search(SMALL, "rram", max_latency_ms=1e-6, max_params=10)
    assert (found.status, found.message, found.least) == (
        "INFEASIBLE",
        search.message,
        search.least,
    )
    assert len(found) == 0
    assert not found
    for use in (lambda: found.knee, lambda: found.plot()):
        with pytest.raises(ArgumentError, match="proven"):
            use()


def test_a_floor_of_accuracy_holds_to_the_last_bit() -> None:
    """The core tells scores back from accuracies with slack: what is below the floor falls out."""
    space = flash.DenseNet(width_multipliers=[1, 2], depths=[5, 6, 7], skips=[0, 8, 32], cells=2)
    best = flash.search(space, "rram", predictor="default").accuracy
    assert best is not None
    met = flash.pareto(space, "rram", predictor="default", min_accuracy=best)
    assert len(met) == 1
    assert "1 point, proven: nothing dominates it" in met.message
    missed = flash.pareto(
        space, "rram", predictor="default", min_accuracy=math.nextafter(best, 2.0)
    )
    assert (len(missed), missed.status) == (0, "INFEASIBLE")
