"""Targets that bring their memory as budgets: equal to complete enumeration, in int8 too."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import flash
from conditional.test_memory_budgets import SPACES, check
from conditional.test_search_within import columns
from flash.cli.main import main
from flash.errors import ArgumentError
from flash.hardware import Target

MICRO = Target.load("cortex-m7")
TABLES: dict[str, Any] = {}


def sized(target: Target, sram: float | None = None, flash_kib: float | None = None) -> Target:
    """A target with so much memory, of which a little is taken."""
    own = dict(target.without_memory_budgets().parameters or {})
    if sram is not None:
        own |= {"sram_kib": sram + 2.5, "sram_taken_kib": 2.5}
    if flash_kib is not None:
        own |= {"flash_kib": flash_kib + 8, "flash_taken_kib": 8}
    return Target.from_dict({**target.to_dict(), "parameters": own})


def enumerated(space: Any) -> dict[str, Any]:
    """All configurations' metrics, with the memory of each network in integers of 8 bits."""
    table = columns(space, {"": MICRO})
    nets = [space.decode(i).network().with_bits(8) for i in range(space.size)]
    table["memory_kib"] = np.array([net.peak_memory_kib for net in nets])
    table["weights_kib"] = np.array([net.weights_kib for net in nets])
    return table


@pytest.fixture(params=SPACES)
def both(request: pytest.FixtureRequest) -> tuple[Any, dict[str, Any]]:
    name = request.param
    if name not in TABLES:
        TABLES[name] = enumerated(SPACES[name])
    return SPACES[name], TABLES[name]


def ends(values: Any) -> list[float]:
    """Budgets below all values, at some of them and between two."""
    some = np.unique(values)
    middle = len(some) // 2
    return [
        float(some[0]) * 0.99,
        float(some[len(some) // 5]),
        float(some[middle]),
        float(some[middle - 1] + some[middle]) / 2,
        float(some[-1]),
    ]


def test_searches_equal_complete_enumeration(both: Any) -> None:
    space, table = both
    memory, weights, degrees = table["memory_kib"], table["weights_kib"], table["nn_degree"]
    for most in ends(memory):
        for heavy in ends(weights):
            mask = (memory <= most) & (weights <= heavy)
            found = flash.search(space, sized(MICRO, most, heavy))
            check(found, mask, degrees)
            assert found.budgets == pytest.approx(
                {"max_memory_kib": most, "max_weights_kib": heavy}
            )
            assert found.int8
            if found.success:
                assert found.memory_kib == memory[found.index]
                assert found.weights_kib == weights[found.index]
        check(flash.search(space, sized(MICRO, sram=most)), memory <= most, degrees)
    for heavy in ends(weights):
        mask = weights <= heavy
        fast = flash.search(space, sized(MICRO, flash_kib=heavy), minimize="latency_ms")
        check(fast, mask, -table["latency_ms"])
        least = flash.search(space, MICRO.without_memory_budgets(), where=f"weights_kib > {heavy}")
        check(least, weights > heavy, degrees)
    free = MICRO.without_memory_budgets()
    every = np.ones(space.size, bool)
    check(flash.search(space, free, minimize="weights_kib"), every, -weights)
    check(flash.search(space, free, minimize="memory_kib"), every, -memory)
    wanted: Any = {"sum": {"nn_degree": 1, "weights_kib": -0.5}}
    check(flash.search(space, free, objective=wanted), every, degrees - 0.5 * weights)
    product: Any = {"accuracy": 1, "weights_kib": -1, "memory_kib": -0.5}
    check(flash.search(space, free, objective=product), every, degrees / weights / memory**0.5)


def test_sweeps_and_fronts_equal_it(both: Any) -> None:
    space, table = both
    memory, weights, degrees = table["memory_kib"], table["weights_kib"], table["nn_degree"]
    most, heavy = float(np.quantile(memory, 0.6)), float(np.quantile(weights, 0.6))
    for sram, own in ((most, None), (None, heavy), (most, heavy)):
        target = sized(MICRO, sram, own)
        mask = np.ones(space.size, bool)
        mask &= memory <= (np.inf if sram is None else sram)
        mask &= weights <= (np.inf if own is None else own)
        sweep = flash.sweep(space, target, top=1)
        assert sweep.feasible == mask.sum()
        assert sweep.top[0].objective == degrees[mask].max()
        assert sweep.budgets == target.memory_budgets
        pairs = zip(degrees[mask], table["latency_ms"][mask], strict=True)
        points = {(-degree, latency) for degree, latency in pairs}
        best = {
            a for a in points if not any(b != a and b[0] <= a[0] and b[1] <= a[1] for b in points)
        }
        front = flash.pareto(space, target)
        told = set(zip(-front.metrics["nn_degree"], front.metrics["latency_ms"], strict=True))
        assert np.array(sorted(told)) == pytest.approx(np.array(sorted(best)))
        assert front.budgets == target.memory_budgets
    where = f"weights_kib <= {heavy!r} and memory_kib > {most!r}"
    some = (weights <= heavy) & (memory > most)
    assert flash.sweep(space, MICRO.without_memory_budgets(), where=where).feasible == some.sum()


def test_other_kinds_bring_them_in_their_own_bits() -> None:
    space = SPACES["resnet"]
    nets = [space.decode(i) for i in range(space.size)]
    memory = np.array([net.peak_memory_kib for net in nets])
    weights = np.array([net.weights_kib for net in nets])
    most, heavy = float(np.median(memory)), float(np.median(weights))
    target = sized(Target.load("raspberry-pi-4"), most, heavy)
    degrees = flash.evaluate(space, target, np.arange(space.size))["nn_degree"]
    mask = (memory <= most) & (weights <= heavy)
    found = flash.search(space, target)
    check(found, mask, degrees)
    assert not found.int8
    assert "int8" not in found.to_dict()
    assert flash.sweep(space, target).feasible == mask.sum()
    assert flash.pareto(space, target).budgets == target.memory_budgets


def test_what_is_given_comes_first() -> None:
    space = SPACES["resnet"]
    target = sized(MICRO, 40, 60)
    assert flash.search(space, target, max_memory_kib=50).budgets == {
        "max_memory_kib": 50,
        "max_weights_kib": 60,
    }
    assert flash.sweep(space, target, max_weights_kib=70).budgets["max_weights_kib"] == 70
    assert flash.pareto(space, target, max_weights_kib=70).budgets == {
        "max_memory_kib": 40,
        "max_weights_kib": 70,
    }
    free = target.without_memory_budgets()
    assert flash.search(space, free).budgets == {}
    assert flash.search(space, free, max_params=9e9, k=2).int8


def test_what_does_not_fit_is_explained() -> None:
    found = flash.search("mobilenet-v2", sized(MICRO, 1.0, 1e6))
    assert found.status == "INFEASIBLE"
    ((conflict, least),) = [next(iter(one.items())) for one in found.conflicts]
    assert conflict == "max_memory_kib"
    assert least is not None
    assert least > 1.0
    assert "max_memory_kib" in found.message
    assert flash.SearchResult.from_json(found.to_json()) == found


def test_results_round_trip() -> None:
    found = flash.search(SPACES["resnet"], sized(MICRO, 100, 200), k=3)
    assert len(found.alternatives) == 2
    data = found.to_dict()
    assert data["int8"]
    assert data["weights_kib"] == found.weights_kib
    assert flash.SearchResult.from_dict(data) == found
    screen = str(found)
    assert "peak memory" in screen
    assert "of 100 KiB" in screen


def test_lists_of_targets_and_several_devices() -> None:
    space = SPACES["resnet"]
    small, large = sized(MICRO, 30, 40), sized(Target.load("cortex-m4"), 60, 80)
    pi = Target.load("raspberry-pi-4")
    fleet = flash.search(space, [small, pi, large, "cortex-m7"])
    alone = [flash.search(space, one) for one in (small, pi, large, "cortex-m7")]
    for one, other in zip(fleet, alone, strict=True):
        assert (one.x, one.budgets, one.int8) == (other.x, other.budgets, other.int8)
    together = flash.search(space, flash.together(a=small, b=large))
    assert together.budgets == {"max_memory_kib": 30, "max_weights_kib": 40}
    assert together.int8
    assert together.nn_degree == fleet[0].nn_degree
    with pytest.raises(ArgumentError, match="must store networks alike, got 'cortex-m7'"):
        flash.search(space, flash.together(a=small, b=pi))
    with pytest.raises(ArgumentError, match=r"target\[1\]: target must be one of"):
        flash.search(space, [small, "nothing", pi])


def test_what_cannot_hold_them_says_so() -> None:
    space: Any = SPACES["resnet"]
    own = "which brings max_memory_kib and max_weights_kib"
    with pytest.raises(ArgumentError, match=f"'evolution' does not go with .*'cortex-m7', {own}"):
        flash.search(space, "cortex-m7", method="evolution", max_evals=5)
    with pytest.raises(ArgumentError, match=f"codesign does not go with .*{own}"):
        flash.search(space, "cortex-m7", codesign=True)
    with pytest.raises(ArgumentError, match=f"codesign does not go with .*{own}"):
        flash.search(space, ["cortex-m7"], codesign=True)
    with pytest.raises(ArgumentError, match=f"epsilon does not go with .*{own}"):
        flash.pareto(space, "cortex-m7", epsilon=0.1)
    with pytest.raises(ArgumentError, match="an objective function does not go with"):
        flash.search(space, "cortex-m7", objective=lambda table: table["nn_degree"])
    free = MICRO.without_memory_budgets()
    assert flash.search(space, free, method="random", max_evals=5).success


def test_on_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--depths", "1,3", "--skips", "0,8", "--cells", "2"]
    assert main(["search", "resnet", "cortex-m7", *words]) == 0
    told = capsys.readouterr().out
    assert "of 320 KiB" in told
    assert "of 984 KiB" in told
    assert main(["search", "resnet", "cortex-m7", "--max-memory-kib", "9", *words]) == 1
    assert "max_memory_kib alone is met by none" in capsys.readouterr().out
