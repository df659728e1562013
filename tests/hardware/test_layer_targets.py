"""Targets whose costs a Python function gives: `flash.LayerTarget`."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

import flash
from flash.hardware.charging import charges, totals_of
from flash.hardware.costing import family_and_charged
from flash.hardware.layers import QUANTUM


def time_of(layer: flash.Layer) -> float:
    return 1e-7 * layer.macs + 1e-6 * layer.numbers_written + 0.01


def three(layer: flash.Layer) -> tuple[float, float, float]:
    return time_of(layer), 2.0 * time_of(layer), 1e-3 * layer.weights


def network() -> flash.Network:
    return flash.Network.from_layers(
        [
            {"kind": "conv", "out_channels": 8, "kernel": 3, "norm": True, "activation": "relu"},
            {"kind": "conv", "out_channels": 8, "kernel": 3, "inputs": [0]},
            {"kind": "add", "inputs": [1, 0]},
            {"kind": "pool", "mode": "global_avg"},
            {"kind": "linear", "out_channels": 10, "bias": True},
        ],
        (3, 16, 16),
    )


def test_a_network_costs_the_sum_of_its_layers() -> None:
    target = flash.LayerTarget(three, name="mine", constant={"latency_ms": 0.5, "area_mm2": 2})
    net = network()
    cost = target.cost(net)
    assert target.metrics == ("latency_ms", "energy_mj", "area_mm2")
    expected = [three(layer) for layer in net.layers]
    assert cost.latency_ms == pytest.approx(0.5 + sum(one[0] for one in expected), rel=1e-8)
    assert cost.energy_mj == pytest.approx(sum(one[1] for one in expected), rel=1e-8)
    assert cost.area_mm2 == pytest.approx(2 + sum(one[2] for one in expected), rel=1e-6)
    assert sum(one.latency_ms for one in cost.by_layer) == pytest.approx(cost.latency_ms)
    assert sum(one.area_mm2 or 0.0 for one in cost.by_layer) == pytest.approx(cost.area_mm2)
    assert {one.bound for one in cost.by_layer} == {None}
    assert cost.flags == ()
    assert "conv 3x3 3>8" in cost.table()


def test_charges_are_rows_and_totals_hold_the_constant() -> None:
    target = flash.LayerTarget(time_of, constant=0.25)
    family, counted = family_and_charged(network(), target)
    rows = charges(target, family, counted)
    totals = totals_of(target, family, counted)
    assert totals[1] == rows[:, 1].sum() + 0.25 / QUANTUM[1]
    assert rows[:, 12].sum() == network().params
    assert not rows[:, 4].any()


@pytest.mark.parametrize(
    ("answer", "metrics"),
    [
        (1, ("latency_ms",)),
        ((1.0, 2.0), ("latency_ms", "energy_mj")),
        ([1.0, 2.0, 3.0], ("latency_ms", "energy_mj", "area_mm2")),
        ({"area_mm2": 3.0, "latency_ms": 1.0}, ("latency_ms", "area_mm2")),
    ],
)
def test_answers_come_in_several_forms(answer: Any, metrics: tuple[str, ...]) -> None:
    target = flash.LayerTarget(lambda layer: answer)
    assert target.metrics == metrics
    cost = target.cost(network())
    assert cost.latency_ms == 5.0
    assert cost.area_mm2 == (15.0 if "area_mm2" in metrics else None)


def test_each_distinct_layer_is_asked_for_once() -> None:
    asked: list[flash.Layer] = []

    def seen(layer: flash.Layer) -> float:
        asked.append(layer)
        return time_of(layer)

    target = flash.LayerTarget(seen, metrics=["latency_ms"])
    space = flash.ResNet(cells=[3], depths=[1, 2, 3], skips=[0, 16], width_multipliers=[1, 2])
    flash.search(space, target)
    first = len(asked)
    assert all(layer.cell is None for layer in asked)
    flash.search(space, target)
    for architecture in space.sample(20):
        target.cost(architecture)
        target.cost(flash.Network.from_dict(architecture.network().to_dict()))
    assert len(asked) == first
    assert first == len({repr(layer) for layer in asked}) + 8  # the first eight twice


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda layer: 1.0 / 0, "function failed for conv 3x3 16>32 at 16x16: .*ZeroDivisionError"),
        (lambda layer: float("nan"), "answer for conv 3x3 16>32 at 16x16 must be .* got nan"),
        (lambda layer: float("inf"), "must be a finite number|must be .* got inf"),
        (lambda layer: -1.0, "must be .*0.* got -1.0"),
        (lambda layer: "1", "must be .* got '1'"),
        (lambda layer: (1, 2, 3, 4), "must be 1 to 3 numbers"),
        (lambda layer: {"latency": 1.0}, "unknown cost 'latency'; did you mean 'latency_ms'"),
        (lambda layer: {"energy_mj": 1.0}, "lacks latency_ms"),
    ],
)
def test_what_is_no_cost_is_refused(function: Any, message: str) -> None:
    with pytest.raises(flash.FlashError, match=message):
        flash.LayerTarget(function)


def test_answers_of_other_metrics_are_refused() -> None:
    target = flash.LayerTarget(lambda layer: 1.0 if layer.kind == "conv" else (1.0, 2.0))
    with pytest.raises(flash.FlashError, match="must give every layer latency_ms, got latency_ms"):
        target.cost(network())


def test_a_function_that_is_not_deterministic_is_refused() -> None:
    count = iter(range(1000))
    target = flash.LayerTarget(lambda layer: float(next(count)))
    with pytest.raises(flash.FlashError, match="two different ones for conv 3x3 3>8 at 16x16"):
        target.cost(network())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"metrics": ["energy_mj"]}, "must hold 'latency_ms'"),
        ({"metrics": ["latency"]}, "metrics must be one of"),
        ({"constant": (1.0, 2.0)}, "constant has energy_mj"),
        ({"constant": -1.0}, "constant must be"),
        ({"name": ""}, "name must be printable"),
    ],
)
def test_other_arguments_are_checked(options: Any, message: str) -> None:
    with pytest.raises(flash.FlashError, match=message):
        flash.LayerTarget(time_of, **options)
    with pytest.raises(flash.FlashError, match="function must be callable"):
        flash.LayerTarget("time_of")  # type: ignore[arg-type]


def test_costs_too_large_to_be_added_up_are_refused() -> None:
    target = flash.LayerTarget(lambda layer: 1e12, metrics=["latency_ms"])
    with pytest.raises(flash.FlashError, match="too large to be added up exactly"):
        target.cost(network())


def test_it_is_a_value_but_no_file() -> None:
    target = flash.LayerTarget(time_of, name="mine")
    assert pickle.loads(pickle.dumps(target)) == target
    assert flash.LayerTarget(time_of, name="mine") == target
    assert flash.LayerTarget(three, name="mine") != target
    with pytest.raises(flash.FlashError, match="'mine' is a Python function"):
        target.to_json()
    with pytest.raises(flash.FlashError, match="can be written down"):
        flash.sweep(flash.ResNet(cells=[3], depths=[2], skips=[0]), target)
    with pytest.raises(flash.FlashError, match=r"Target.fitted"):
        flash.calibrate(target, [network()], latency_ms=[1.0])
    with pytest.raises(flash.FlashError, match="must have coefficients"):
        flash.calibration_design("resnet", target, 4)
    with pytest.raises(flash.FlashError, match="no table of layers"):
        target.fitted([network()], [1.0])
    assert target.interval(network()) == {}
