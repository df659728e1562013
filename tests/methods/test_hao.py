"""HAO: its integer program equals enumeration, and its answers are real accelerators' costs."""

from __future__ import annotations

from itertools import product
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twins.problems import space as draw_space

import flash
from flash._core.search.exact import Query
from flash.codesign.joint import Codesign
from flash.errors import ArgumentError
from flash.hardware import Target
from flash.methods._design_ip import (
    best_accelerator,
    charge_of,
    least_latency,
    undominated,
    unit_latencies,
    workload,
)
from flash.methods.hao import AcceleratorGround, front_of
from flash.networks.families import FAMILIES

INF = float("inf")


def random_case(random: Random) -> tuple[list[Any], list[Any], list[int]]:
    parts, resources = random.randint(1, 4), random.randint(1, 3)
    sizes = [random.randint(1, 9) for _ in range(parts)]
    costs = [np.array([float(random.randint(1, 60)) for _ in range(n)]) for n in sizes]
    uses = [
        np.array([[random.randint(0, 30) for _ in range(resources)] for _ in range(n)])
        for n in sizes
    ]
    limits = [random.randint(5, 30 * parts) for _ in range(resources)]
    return costs, uses, limits


def enumerated(costs: list[Any], uses: list[Any], limits: list[int]) -> float | None:
    best = None
    for choice in product(*(range(len(one)) for one in costs)):
        taken = sum(u[k] for u, k in zip(uses, choice, strict=True))
        if all(a <= b for a, b in zip(taken, limits, strict=True)):
            cost = sum(float(c[k]) for c, k in zip(costs, choice, strict=True))
            best = cost if best is None else min(best, cost)
    return best


def test_the_integer_program_equals_enumeration_on_200_cases() -> None:
    random = Random(0)
    infeasible = 0
    for _ in range(200):
        costs, uses, limits = random_case(random)
        wanted = enumerated(costs, uses, limits)
        found = least_latency(costs, uses, limits)
        few = best_accelerator(costs, uses, limits)
        if wanted is None:
            infeasible += 1
            assert found is None
            assert few is None
            continue
        assert few is not None
        assert (sum(u[k] for u, k in zip(uses, few, strict=True)) <= limits).all()
        assert sum(float(c[k]) for c, k in zip(costs, few, strict=True)) == wanted
        assert found is not None
        taken = sum(u[k] for u, k in zip(uses, found, strict=True))
        assert (taken <= limits).all()
        assert sum(float(c[k]) for c, k in zip(costs, found, strict=True)) == wanted
    assert 0 < infeasible < 150


@given(st.lists(st.tuples(st.integers(1, 6), st.integers(0, 6), st.integers(0, 6)), min_size=1))
def test_dropped_options_are_dominated(rows: list[tuple[int, int, int]]) -> None:
    costs = np.array([float(row[0]) for row in rows])
    uses = np.array([row[1:] for row in rows])
    kept = undominated(costs, uses)
    for k in range(len(rows)):
        assert any(costs[j] <= costs[k] and (uses[j] <= uses[k]).all() for j in kept)


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.sampled_from(FAMILIES))
def test_its_latencies_are_the_core_s(seed: int, family: str) -> None:
    """For all numbers of bits alike: those of the accelerator as an ordinary target."""
    random = Random(seed)
    space = draw_space(random, family)
    target = Target.load("fpga-zu3eg")
    design = target.design_space(family)
    net = space.sample(1, seed)[0]
    bits = random.choice(design.cell_bits)
    cells = len(net.cells)
    work = workload(design, net.network(), cells)
    choice = tuple(random.choice(own) for own in design.pruned)
    charge = charge_of(target, family)
    assert charge.bit > 0.0
    assert charge.layer > 0.0
    latency = sum(
        unit_latencies(layers, [part.options[k]], part.name == "depthwise", [bits] * cells, charge)[
            0
        ]
        for layers, part, k in zip(work.layers, design.parts, choice, strict=True)
    )
    cost = design.target_of(choice, bits).cost(net)
    assert latency == pytest.approx(cost.latency_ms, rel=1e-9, abs=1e-7)


@settings(max_examples=8)
@given(st.integers(0, 10**6), st.sampled_from(FAMILIES), st.floats(0.0, 1.0))
def test_bits_are_the_best_within_the_cap_on_their_accelerator(
    seed: int, family: str, share: float
) -> None:
    """By enumeration of all bits on the accelerator that they end with."""
    random = Random(seed)
    space = draw_space(random, family)
    ground = AcceleratorGround(space, Target.load("fpga-zu3eg"), None)
    row = tuple(ground.draw(np.random.default_rng(seed), 1)[0].tolist())
    least, most = ground.span(row)
    cap = least + share * (most - least)
    found = ground.bits_within(row, cap)
    assert found[: ground.variables] == row[: ground.variables]
    latency, accelerator = ground.solved(found)
    assert latency <= cap
    table = ground._latencies(ground._work(found), accelerator)
    losses = ground._losses(found)
    chosen = found[ground.variables : ground.variables + len(table)]
    own = sum(loss[k] for loss, k in zip(losses, chosen, strict=True))
    best = min(
        sum(loss[k] for loss, k in zip(losses, picks, strict=True))
        for picks in product(range(len(ground.bits)), repeat=len(table))
        if sum(t[k] for t, k in zip(table, picks, strict=True)) * 2.0**-36 <= cap
    )
    assert own == best
    below = ground.bits_within(row, least * 0.9)
    assert set(below[ground.variables : ground.variables + len(table)]) == {4}  # of 2 bits
    assert ground.bits[4] == 2


@pytest.mark.parametrize("family", ["resnet", "mobilenet-v2"])
def test_pruned_options_leave_the_best_accelerator(family: str) -> None:
    """The integer program over the options kept against all accelerators that fit."""
    space = flash.SearchSpace(family)
    target = Target.load("fpga-zu3eg")
    ground = AcceleratorGround(space, target, None)
    design = ground.design
    for row in ground.draw(np.random.default_rng(3), 3).tolist():
        work = ground._work(tuple(row))
        costs = [
            unit_latencies(
                layers,
                part.options,
                part.name == "depthwise",
                ground.bits_of(row),
                ground.charged,
            )
            for layers, part in zip(work.layers, design.parts, strict=True)
        ]
        best = min(
            sum(cost[k] for cost, k in zip(costs, choice, strict=True))
            for choice in design.configurations()
        )
        assert ground.solved(tuple(row))[0] == pytest.approx(best, rel=1e-9)
        uses = [np.array(part.uses) for part in design.parts]
        found = least_latency(costs, uses, list(design.limits.values()))
        assert found is not None
        own = sum(cost[k] for cost, k in zip(costs, found, strict=True))
        assert own == pytest.approx(best, rel=1e-9)


def test_many_accelerators_are_left_to_the_integer_program(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from flash.methods import _design_ip

    monkeypatch.setattr(_design_ip, "FEW", 8)
    random = np.random.default_rng(1)
    costs = [random.random(3) + 0.1 for _ in range(2)]
    uses = [np.ones((3, 1), dtype=np.int64)] * 2
    best = tuple(int(np.argmin(cost)) for cost in costs)
    assert best_accelerator(costs, uses, [2]) == best
    assert best_accelerator(costs, uses, [1]) is None


def test_a_time_limit_ends_many_subgraphs() -> None:
    options = {"subgraphs": 1 << 20, "samples": 1, "batch": 4}
    found = flash.search(
        "resnet", "fpga-zu3eg", method="hao", options=options, time_limit_s=0.3, certify=False
    )
    assert found.status in ("FEASIBLE", "STOPPED", "UNKNOWN", "TIME_LIMIT")
    assert found.elapsed_s < 60.0


def test_bits_under_a_predictor() -> None:
    given: dict[str, Any] = {"options": {"subgraphs": 4, "samples": 8}, "max_latency_ms": 3.0}
    found = flash.search("densenet", "fpga-u200", method="hao", predictor="default", **given)
    assert found.success
    assert found.accuracy is not None
    assert found.upper_bound is not None
    assert found.objective is not None
    assert found.objective <= found.upper_bound


def test_networks_of_several_numbers_of_cells() -> None:
    space = flash.ResNet(cells=[2, 3], depths=flash.Range(1, 3), skips=[0, 16])
    given: dict[str, Any] = {"options": {"subgraphs": 8, "samples": 24}, "max_latency_ms": 1.5}
    found = flash.search(space, "fpga-zu3eg", method="hao", **given)
    assert found.success
    assert found.gap is not None
    assert found.accelerator is not None
    assert len(found.accelerator["cell_bits"]) == len(found.architecture.cells)


def test_its_answer_is_what_the_exact_solver_sees() -> None:
    """Every network it charged has the score and the latency of the solver's tables."""
    from flash._core.costing import batch

    space = flash.ResNet(depths=flash.Range(1, 4), skips=[0, 16])
    target = Target.load("fpga-zu3eg")
    ground = AcceleratorGround(space, target, None)
    rows = ground.draw(np.random.default_rng(0), 12)
    metrics = ground.charge(rows)
    design = ground.design
    for row, (score, latency) in zip(rows.tolist(), metrics[:2].T, strict=True):
        choice = ground.solved(tuple(row))[1]
        run = Codesign(space, design, None, Query([INF] * 6), 0b11)
        run.bits, run.effects = ground.bits, ground.effects
        tables = run.compile([choice])
        variant, *own = ground.places(ground.network_row(row))
        stacked = []
        for c, place in enumerate(own):
            block = tables.space_rows[variant][c] // len(ground.bits)
            stacked.append(row[ground.variables + c] * block + place)
        found = batch.evaluate(tables, np.array([variant], np.int32), np.array([stacked], np.int32))
        assert float(np.asarray(found[0])[0]) == pytest.approx(score, abs=1e-9)
        assert float(np.asarray(found[1])[0]) == latency


@pytest.mark.parametrize("family", ["resnet", "mobilenet-v2"])
def test_never_better_than_the_proof(family: str) -> None:
    options = {"subgraphs": 12, "samples": 24}
    budget = {"resnet": 3.0, "mobilenet-v2": 2.5}[family]
    found = flash.search(family, "fpga-zu3eg", method="hao", options=options, max_latency_ms=budget)
    proven = flash.search(family, "fpga-zu3eg", codesign=True, max_latency_ms=budget)
    assert found.status in ("FEASIBLE", "OPTIMAL")
    assert found.objective is not None
    assert proven.objective is not None
    assert found.objective <= proven.objective
    assert found.upper_bound == proven.objective
    assert found.latency_ms is not None
    assert found.latency_ms <= budget
    assert found.accelerator is not None
    for used, most in found.accelerator["resources"].values():
        assert used <= most
    again = flash.search(family, "fpga-zu3eg", method="hao", options=options, max_latency_ms=budget)
    assert (again.x, again.accelerator) == (found.x, found.accelerator)


def test_the_sampled_front_lies_on_or_below_the_exact_one() -> None:
    space = flash.ResNet(depths=flash.Range(1, 6), skips=[0, 16, 32])
    exact = flash.pareto(space, "fpga-zu3eg", ("latency_ms", "accuracy"), codesign=True)
    assert exact.exact
    scores, latencies = exact.values("accuracy"), exact.latency_ms
    assert (np.diff(latencies) > 0).all()
    assert (np.diff(scores) > 0).all()
    ground = AcceleratorGround(space, Target.load("fpga-zu3eg"), None)
    metrics = ground.charge(ground.draw(np.random.default_rng(1), 40))
    kept = front_of(metrics[0], metrics[1])
    for score, latency in metrics[:2, kept].T:
        at = int(np.searchsorted(latencies, latency, side="right"))
        assert at > 0
        assert score <= scores[at - 1] + 1e-9


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"target": "rram"}, "method 'hao' designs the accelerator of an FPGA: target 'rram'"),
        ({"target": "cpu-x86"}, "has no such design space"),
        ({"codesign": True}, "codesign is for methods shgo and exact, got 'hao'"),
        ({"options": {"subgraphs": 0}}, "subgraphs"),
        ({"options": {"bits": "hessian"}}, "bits.* must be one of 'chosen', 'drawn'"),
        ({"evaluator": lambda nets: [0.5] * len(nets)}, "needs a predictor or NN-Degree"),
    ],
)
def test_refusals(given: dict[str, Any], text: str) -> None:
    with pytest.raises(ArgumentError, match=text):
        flash.search("resnet", **{"target": "fpga-zu3eg", "method": "hao", **given})


@pytest.mark.slow
def test_comparing() -> None:
    options = {"hao": {"subgraphs": 8, "samples": 8}}
    both = flash.compare(
        "resnet", "fpga-zu3eg", codesign=True, seeds=1, max_latency_ms=3.0, options=options
    )
    assert set(both.runs) == {"shgo", "hao"}
    assert "hao" in str(both)
    plain = flash.compare("resnet", "fpga-zu3eg", seeds=1, max_evals=50, max_latency_ms=20.0)
    assert "hao" in plain.skipped
