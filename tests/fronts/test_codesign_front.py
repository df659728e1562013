"""Fronts over network, accelerator and bits: equal to looking at everything."""

from __future__ import annotations

import copy
import json
from itertools import product
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twins.problems import space as draw_space

import flash
from flash import ParetoFront
from flash._core.costing import batch
from flash._core.search.exact import Query
from flash.codesign.front import JointFront
from flash.codesign.joint import Codesign, quantised
from flash.errors import ArgumentError
from flash.hardware import Target
from flash.networks.families import FAMILIES
from flash.problem.compiling import MACS, PARAMS
from flash.spaces.index import table_rows

INF = float("inf")
NAMES = ("accuracy", "latency_ms", "energy_mj", "area_mm2", "params", "macs")


def narrowed(name: str, family: str, random: Random, most: int) -> Target:
    """A shipped target with a few of its design's values, at most so many accelerators."""
    data = copy.deepcopy(json.loads(Target.load(name).to_json()))
    design = data["design"]
    if name.startswith("systolic"):
        design["limits"]["pes"] = 1 << 20
    full: list[tuple[dict[str, Any], str, list[Any]]] = []

    def thin(table: dict[str, Any]) -> None:
        for key, values in table.items():
            if isinstance(values, dict) and key not in ("limits", "references"):
                thin(values)
            elif isinstance(values, list) and key not in ("cell_bits", "adc_bits"):
                full.append((table, key, values))
                table[key] = [random.choice(values)]

    thin(design)
    random.shuffle(full)
    for table, key, values in full:
        before = table[key]
        some = random.sample(values, random.randint(1, min(3, len(values))))
        table[key] = sorted(some, key=values.index)
        if Target.from_dict(data).design_space(family).size > most:
            table[key] = before
    if "cell_bits" in design:
        design["cell_bits"] = random.choice([[8], [8, 4], [3, 8], [2, 4, 6]])
    return Target.from_dict(data)


def everything(space: flash.SearchSpace, target: Target) -> np.ndarray:
    """Metrics, (n, 6), of all networks with all choices of bits on all accelerators that fit."""
    design = target.design_space(space.family)
    columns = 1 | target.columns(space.family) | PARAMS | MACS
    run = Codesign(space, design, None, Query([INF] * 6), columns)
    run.bits = design.cell_bits  # all of them, also those never worth having
    run.effects = quantised(design, None, len(space.cell_choices))
    flat = np.arange(space.size)
    variants, rows = table_rows(space, flat)
    count = max(1, len(design.cell_bits))
    found = []
    for choice in design.configurations():
        tables = run.compile([choice])
        for bits in product(range(count), repeat=rows.shape[1]):
            stacked = np.zeros_like(rows)
            for v, sizes in enumerate(tables.space_rows):
                own = variants == v
                for c, size in enumerate(sizes):
                    each = size // count  # the rows of the space, for a width of the cell before
                    widths = 1 if space.widths is None else len(space.cell_choices[c][0])
                    block = each // widths
                    state, place = np.divmod(rows[own, c], each)
                    width, rest = np.divmod(place, block)
                    stacked[own, c] = state * size + width * block * count + bits[c] * block + rest
            told = batch.evaluate(tables, variants, stacked)
            found.append(np.stack([np.asarray(one) for one in told], 1))
    return np.concatenate(found) if found else np.zeros((0, 6))


def front_of(metrics: np.ndarray, goals: list[int]) -> np.ndarray:
    """The front, of equal points the first by latency, energy, area and score; sorted."""
    loss = metrics[:, goals] * [-1.0 if k == 0 else 1.0 for k in goals]
    order = np.lexsort([-metrics[:, 0], metrics[:, 3], metrics[:, 2], metrics[:, 1],
                        *loss.T[::-1]])  # fmt: skip
    kept: list[int] = []
    some = np.zeros((0, len(goals)))
    for i in order:  # only what comes before a point can dominate it
        if not (some <= loss[i]).all(1).any():
            kept.append(int(i))
            some = loss[kept]
    return metrics[kept][:, :4]


CASES = [(name, family) for name in ("fpga-zu3eg", "rram", "systolic-dram") for family in FAMILIES]


@pytest.mark.slow
@settings(max_examples=120, derandomize=True, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(CASES))
def test_equals_looking_at_everything(seed: int, case: tuple[str, str]) -> None:
    name, family = case
    random = Random(seed)
    space = draw_space(random, family, 250)
    try:
        target = narrowed(name, family, random, 40)
        wanted = everything(space, target)
        design = target.design_space(family)
    except ArgumentError:  # some chip's energies leave the range of the tables
        return
    have = [k for k, n in enumerate(NAMES) if k in (0, 4, 5) or n in target.metrics]
    goals = random.sample(have, random.randint(2, 3))
    budgets = {}
    for k in have[1:]:
        if len(wanted) and random.random() < 0.3:
            budgets[f"max_{NAMES[k]}"] = wanted[random.randrange(len(wanted)), k].item()
    for key, limit in budgets.items():
        wanted = wanted[wanted[:, NAMES.index(key[4:])] <= limit]
    found = flash.pareto(space, target, [NAMES[k] for k in goals], codesign=True, **budgets)
    assert found.exact
    assert found.status == ("OPTIMAL" if len(wanted) else "INFEASIBLE")
    if not len(wanted):
        return
    expected = front_of(wanted, goals)
    got = [found.values("accuracy")]
    got += [found.metrics[n] if n in found.metrics else 0.0 * got[0] for n in NAMES[1:4]]
    assert np.array_equal(np.unique(np.stack(got, 1), axis=0), np.unique(expected, axis=0))
    assert len(found) == len(expected)
    for i in range(0, len(found), max(1, len(found) // 4)):
        check_point(found, i, design)
    again = flash.pareto(space, target, [NAMES[k] for k in goals], codesign=True, **budgets)
    assert again == found
    assert ParetoFront.from_json(found.to_json()) == found


def check_point(found: ParetoFront, i: int, design: Any) -> None:
    """A point's accelerator fits, and is what it was charged on; a search finds no better one."""
    point = found[i]
    assert point.accelerator is not None
    choice = tuple(found.chosen[i].tolist())  # type: ignore[index]
    assert design.shortage(choice) is None
    assert point.accelerator["values"] == design.describe(choice)
    bits = point.accelerator["cell_bits"]
    assert len(bits) == (len(point.architecture.cells) if design.cell_bits else 0)  # type: ignore[union-attr]
    if len(set(bits)) < 2:
        cost = design.target_of(choice, bits[0] if bits else None).cost(point.architecture)
        assert (cost.latency_ms, cost.energy_mj, cost.area_mm2) == (
            point.latency_ms,
            point.energy_mj,
            point.area_mm2,
        )
    assert point.architecture.params == point.params  # type: ignore[union-attr]
    if "accuracy" in found.objectives:
        budgets: Any = point.budgets
        search = flash.search(found.space, found.target, codesign=True, **budgets)
        assert search.status == "OPTIMAL"
        assert (search.objective, search.objective_name) == (
            point.objective,
            point.objective_name,
        )
        if set(found.objectives) == {"accuracy", "latency_ms"}:
            assert search.latency_ms == point.latency_ms


@settings(max_examples=40, derandomize=True, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(CASES), st.sampled_from([0.003, 0.05, 0.5]))
def test_an_epsilon_front_covers_the_exact_one(
    seed: int, case: tuple[str, str], epsilon: float
) -> None:
    random = Random(seed)
    space = draw_space(random, case[1], 2000)
    try:
        target = narrowed(*case, random, 40)
        exact = flash.pareto(space, target, codesign=True)
    except ArgumentError:
        return
    near = flash.pareto(space, target, codesign=True, epsilon=epsilon)
    assert not near.exact
    assert bool(near) == bool(exact)
    slack = (1.0 + epsilon) * (1.0 + 1e-13)
    for score, latency in zip(exact.values("accuracy"), exact.latency_ms, strict=True):
        within = near.latency_ms <= latency * slack
        assert (near.values("accuracy")[within] * slack >= score).any()


def test_each_point_is_what_a_search_finds(front: ParetoFront, mobile: ParetoFront) -> None:
    """On all 35,136 accelerators with three units, and on those with one."""
    for found in (front, mobile):
        design = found.target.design_space(found.space.family)
        for i in range(0, len(found), max(1, len(found) // 12)):
            point = found[i]
            search = flash.search(
                found.space, found.target, codesign=True, max_latency_ms=point.latency_ms
            )
            for name in ("objective", "latency_ms", "status", "message", "objective_name"):
                assert getattr(point, name) == getattr(search, name), name
            assert point.flags
            check_point(found, i, design)
    assert len(mobile.target.design_space("mobilenet-v2").parts) == 3
    assert len({tuple(one) for one in mobile.chosen.tolist()}) > 3  # type: ignore[union-attr]


def test_resources_are_never_exceeded(front: ParetoFront, mobile: ParetoFront) -> None:
    for found in (front, mobile):
        assert found.accelerators is not None
        assert len(found.accelerators) == len(found)
        for one in found.accelerators:
            for used, most in one["resources"].values():
                assert used <= most


def test_small_devices_are_kept_within_their_resources() -> None:
    data = json.loads(Target.load("fpga-zu3eg").to_json())
    data["parameters"]["resources"] = {"dsp": 60, "lut": 20_000, "bram": 120}
    unit = {"into": 4, "out": 4, "bits": 4, "mac": "dsp", "weights_kib": 1, "maps_kib": 1}
    data["parameters"]["units"] = dict.fromkeys(("conv", "depthwise", "pointwise"), unit)
    target = Target.from_dict(data)
    space = flash.MobileNetV2(width_multipliers=[1], depths=[1], kernels=[3])
    found = flash.pareto(space, target, codesign=True)
    assert len(found) > 10
    assert found.accelerators is not None
    tight = 0
    for one in found.accelerators:
        for name, (used, most) in one["resources"].items():
            assert used <= most == int(0.7 * 20_000 if name == "lut" else
                                       0.8 * data["parameters"]["resources"][name])  # fmt: skip
            tight += 2 * used > most
    assert tight


def test_trying_several_accelerators_at_once_changes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Sets whose least has nothing new are dropped: the front is the same without that."""
    import flash.codesign.front as module

    target = Target.load("fpga-zu3eg")
    space = flash.SearchSpace("mobilenet-v2", width_multipliers=[0.5], depths=[1, 2])
    design = target.design_space("mobilenet-v2")

    def searched() -> JointFront:
        run = Codesign(space, design, None, Query([INF] * 6), 0b11)
        search = JointFront(run, [0, 1])
        search.run()
        return search

    plain = searched()
    monkeypatch.setattr(module, "FEWEST", 10**9)
    alone = searched()
    assert plain.probed
    assert plain.solved < alone.solved
    for one in (plain, alone):
        assert one.done == pytest.approx(1.0)
        one.found = tuple(a[np.argsort(one.metrics[:, 1])] for a in one.found)
    for a, b in zip(plain.found, alone.found, strict=True):
        assert np.array_equal(a, b)


def test_with_a_predictor() -> None:
    given: dict[str, Any] = {"codesign": True, "predictor": "default", "max_latency_ms": 5.0}
    found = flash.pareto("densenet", "fpga-zu3eg", min_accuracy=0.5, **given)
    assert found.exact
    assert found.accuracy.min() >= 0.5
    assert found.latency_ms.max() <= 5.0
    assert "quantised_nn_degree" not in found.metrics
    assert ParetoFront.from_json(found.to_json()) == found
    for i in (0, len(found) // 2, len(found) - 1):
        own = found[i]
        limits = {**given, "max_latency_ms": own.latency_ms, "time_limit_s": 30.0}
        search = flash.search("densenet", "fpga-zu3eg", **limits)
        for name in ("accuracy", "latency_ms", "objective", "objective_name", "status"):
            assert getattr(own, name) == getattr(search, name)
