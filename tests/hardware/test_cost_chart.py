"""Layers by time and energy, and under the roofs of the target."""

from __future__ import annotations

import pytest

import flash
from flash import Architecture, Cell, Target
from flash.charts.chart import Bars, Panel, Points
from flash.errors import ArgumentError
from flash.hardware._cost_chart import chart_of

NET = Architecture("mobilenet-v2", [Cell(16, 2, 16, expansion=3), Cell(24, 2, 24, expansion=3)])


def lengths(panel: Panel) -> list[float]:
    return [float(one) for mark in panel.marks if isinstance(mark, Bars) for one in mark.lengths]


@pytest.mark.parametrize(
    "name",
    ["cpu-x86", "raspberry-pi-4", "cortex-m7", "fpga-zu3eg", "systolic-dram", "systolic-128"],
)
def test_no_layer_is_above_its_roofs(name: str) -> None:
    cost = Target.load(name).cost(NET)
    roofs = cost.roofs
    assert roofs is not None
    most = max(roofs["macs_per_ms"].values())
    size = 1.0 if roofs["bits"] is None else roofs["bits"] / 32.0
    for one in cost.by_layer:
        if not one.macs:
            continue
        reached = one.macs / one.latency_ms
        assert reached <= most * (1 + 1e-6)
        if roofs["bytes_per_ms"] is not None:
            speed = roofs["bytes_per_ms"]
            # a layer's bytes hold its norm's parameters too, which accelerators fold
            assert reached <= speed * one.macs / (one.bytes * size) * 1.01
    memory = any("memory roof" in note for note in chart_of(cost, 24).notes)
    assert memory == (roofs["bytes_per_ms"] is None)


def test_roofs_of_an_accelerator_are_those_of_its_numbers() -> None:
    roofs = Target.load("systolic-dram").cost(NET).roofs  # 64 x 64 at 1 GHz, 8 GB/s, 8 bits
    assert roofs is not None
    assert roofs["macs_per_ms"]["array"] == pytest.approx(64 * 64 * 1e6)
    assert roofs["bytes_per_ms"] == pytest.approx(8e6)
    assert roofs["bits"] == 8


def test_bars_hold_all_of_the_time() -> None:
    cost = Target.load("rram").cost(Architecture("densenet", [Cell(16, 4, 16), Cell(32, 4, 16)]))
    chart = chart_of(cost, 24)
    time, energy = chart.panels  # crossbars have no roofline
    assert sum(lengths(time)) == pytest.approx(cost.latency_ms)
    assert sum(lengths(energy)) == pytest.approx(cost.energy_mj)
    assert "no roof for them" in chart.notes[-1]


def test_the_longest_are_named_and_the_others_told() -> None:
    cost = Target.load("cpu-x86").cost(NET)
    chart = chart_of(cost, 3)
    named, every, roofline = chart.panels
    assert sum(lengths(every)) == pytest.approx(cost.latency_ms)
    longest = sorted((one.latency_ms for one in cost.by_layer), reverse=True)
    assert sorted(lengths(named), reverse=True) == pytest.approx(longest[:3])
    rest = cost.latency_ms - sum(longest[:3])
    assert f"others take {rest:.4g} ms together" in chart.notes[0]
    points = [mark for mark in roofline.marks if isinstance(mark, Points)]
    counted = sum(1 for one in cost.by_layer if one.macs)
    assert sum(len(mark.x) for mark in points) == counted


def test_targets_of_layers_have_no_roof_and_plot() -> None:
    target = flash.LayerTarget(lambda layer: 0.01 + layer.macs / 2e6, name="mine")
    cost = target.cost(NET)
    chart = chart_of(cost, 24)
    assert len(chart.panels) == 1
    assert "not known: no roof" in chart.notes[-1]
    assert cost.to_dict()["roofs"]["macs_per_ms"] == {}
    with pytest.raises(ArgumentError, match="top must be"):
        cost.plot(top=0)
