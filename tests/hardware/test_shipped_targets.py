"""The targets that come with flash: what their files say, and what they say of networks."""

from __future__ import annotations

import json
from typing import Any

import pytest
from twins import reference

import flash
from flash import SearchSpace
from flash.errors import ArgumentError, CalibrationWarning
from flash.hardware import Target, rram, targets
from flash.hardware._prediction import distances
from flash.networks.architecture import FAMILIES, Architecture, Cell
from flash.networks.network import Network

NAMES = targets()
FPGAS = ("fpga-k26", "fpga-u200", "fpga-z7020", "fpga-zu3eg", "fpga-zu7ev", "fpga-zu9eg")
MICRO = ("cortex-m4", "cortex-m55", "cortex-m7", "esp32-s3")
ESTIMATED = (*MICRO, "odroid-mc1", "raspberry-pi-3b", *FPGAS, "systolic-dram")
MESHED = "rram-mesh"  # estimated too, of what is calibrated
DEVICES = ("cpu-x86", "cpu-x86-torch", "gtx-1080ti", "pixel-3", "raspberry-pi-4")
XEONS = ("xeon-gold-6240", "xeon-silver-4114")
CALIBRATED = (*DEVICES, *XEONS, "rram", "rram-1024")
SYSTOLIC = ("systolic-128", "systolic-128-ws", "systolic-32", "systolic-32-ws")


def architecture(family: str, width: int, depth: int, resolution: int = 32) -> Architecture:
    more: dict[str, Any] = {"expansion": 6, "kernel": 5} if family == "mobilenet-v2" else {}
    cells = [Cell(width * 2**k, depth, width, **more) for k in range(3)]
    return Architecture(family, cells, resolution=resolution)


def test_which_there_are() -> None:
    rram = ("rram", "rram-1024", "rram-neurosim", MESHED)
    assert set(NAMES) == {*ESTIMATED, *DEVICES, *XEONS, *SYSTOLIC, *rram}


@pytest.mark.parametrize("name", NAMES)
def test_files_say_where_they_come_from(name: str) -> None:
    target = Target.load(name)
    assert target.name == name
    assert target.description
    provenance = target.provenance or {}
    assert {"licence", "method", "script", "command", "fitted"} <= set(provenance)
    assert {"source", "sources", "simulator", "measurement"} & set(provenance)
    assert Target.from_dict(json.loads(target.to_json())) == target
    for place in target.coefficients:
        notes = (target.residuals or {})[place]
        if name in (*ESTIMATED, MESHED):
            assert notes["networks"] == 0
            assert set(notes) <= {"networks", "doubts"}
            continue
        assert notes["networks"] >= 21
        assert target.calibrated_ranges[place]["network"]["macs"]
        held = notes.get("held_out", notes["all_networks"])
        assert set(held) == set(target.metrics)
        assert set(notes.get("covered_pct", held)) == set(target.metrics)
    if name in XEONS:
        assert "MIT" in provenance["licence"]


@pytest.mark.parametrize("name", CALIBRATED)
@pytest.mark.parametrize("family", ["resnet", "densenet"])
def test_intervals_hold_the_prediction(name: str, family: str) -> None:
    target, arch = Target.load(name), architecture(family, 16, 8)
    wide, narrow, cost = target.interval(arch), target.interval(arch, 0.6), target.cost(arch)
    assert set(wide) == set(narrow) == set(target.metrics)
    for metric, (low, high) in wide.items():
        assert 0 < low < getattr(cost, metric) < high, metric
        assert low < narrow[metric][0] < narrow[metric][1] < high


def test_networks_like_those_of_the_calibration_are_near() -> None:
    rram = Target.load("rram")
    for family in ("densenet", "resnet", "wide-resnet"):
        near = distances(rram, architecture(family, 16, 8))
        assert set(near) == set(rram.metrics)
        assert max(near.values()) <= 1
    far = distances(rram, architecture("resnet", 2, 1))
    assert max(far.values()) > 1


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", NAMES)
def test_larger_networks_cost_more(name: str, family: str) -> None:
    """Wider, deeper, more pixels; and nothing costs nothing."""
    target = Target.load(name)
    small = target.cost(architecture(family, 16, 2))
    for larger in (
        architecture(family, 64, 2),
        architecture(family, 16, 4),
        architecture(family, 16, 2, 64),
    ):
        cost = target.cost(larger)
        for metric in target.metrics:
            assert getattr(cost, metric) >= getattr(small, metric) > 0
        assert cost.latency_ms > small.latency_ms


@pytest.mark.parametrize("name", [*DEVICES, *XEONS, *ESTIMATED[len(MICRO) : -1]])  # but the array
def test_latencies_are_in_milliseconds(name: str) -> None:
    """A ResNet-18 of half the width at 32 x 32 pixels takes 0.2 ms to 1 s on all of them, and
    never less than its MACs do at 10 TMAC/s."""
    arch = Architecture("resnet", [Cell(32, 2, 32), Cell(64, 2, 64), Cell(128, 2, 128)])
    latency = Target.load(name).cost(arch).latency_ms
    assert 0.2 < latency < 1000
    assert latency > arch.macs / 1e10


def test_estimates_say_so() -> None:
    arch = architecture("resnet", 16, 2)
    for name in ESTIMATED:
        target = Target.load(name)
        for net in (arch, arch.network()):
            flags = target.cost(net).flags
            assert any("is not calibrated: its costs are estimated" in one for one in flags)
        assert "NOT CALIBRATED" in target.description
    measured = Target.load("raspberry-pi-4").cost(arch)
    assert Target.load("raspberry-pi-3b").cost(arch).latency_ms > measured.latency_ms
    assert not measured.flags


def test_depthwise_layers_cost() -> None:
    """Their MACs are few, but no target passes over them."""
    rows = [{"kind": "conv", "out_channels": 64, "kernel": 3, "groups": 64}] * 4
    for name in NAMES:
        one, four = (
            Target.load(name).cost(Network.from_layers(rows[:n], (64, 16, 16))).latency_ms
            for n in (1, 4)
        )
        assert 0 < one < four


def test_the_gpu_is_bound_by_launches() -> None:
    """Many small layers take longer than a few large ones of more MACs."""
    target = Target.load("gtx-1080ti")
    small, large = architecture("resnet", 8, 12), architecture("resnet", 64, 2)
    assert large.macs > 2 * small.macs
    assert target.cost(small).latency_ms > 2 * target.cost(large).latency_ms


def test_floorplan() -> None:
    """NeuroSim's floorplanner takes the larger tile where a layer has more than 512 columns."""
    for width, tile in ((16, 512), (64, 512), (65, 1024), (300, 1024)):
        arch = Architecture("resnet", [Cell(width, 2, 0)], num_classes=10)
        assert rram.floorplan(arch.network()) == tile
    arch = Architecture("resnet", [Cell(8, 1, 0)], num_classes=100)
    assert rram.floorplan(arch.network()) == 1024


def test_both_tiles_are_those_of_the_other_targets() -> None:
    assert Target.load("rram-neurosim") == Target.load("rram-1024").with_tiles("rram")


def test_a_network_on_other_tiles_is_flagged_and_left_out() -> None:
    """rram-1024 says which rule names the tile; the tile of rram is fixed."""
    target = Target.load("rram-1024")
    assert target.parameters
    assert target.parameters["floorplan"] == "neurosim"
    nets = SearchSpace("resnet").sample(30, seed=1)
    fits = [rram.floorplan(net.network()) == 1024 for net in nets]
    assert 0 < sum(fits) < 30
    for net, fit in zip(nets, fits, strict=True):
        told = any(flag.startswith("the floorplanner gives") for flag in target.cost(net).flags)
        assert told != fit
        assert not any("floorplanner" in flag for flag in Target.load("rram").cost(net).flags)
    y = [target.cost(net).latency_ms for net in nets]
    with pytest.warns(CalibrationWarning, match=f"{30 - sum(fits)} of 30 networks .* are left out"):
        found = flash.calibrate(target, nets, latency_ms=y)
    assert found.residuals
    assert found.residuals["default"]["networks"] == sum(fits)
    small = [net for net, fit in zip(nets, fits, strict=True) if not fit]
    with pytest.raises(ArgumentError, match="must be given tiles of 1024 cells"):
        flash.calibrate(target, small, latency_ms=[1.0] * len(small))
    with pytest.raises(ArgumentError, match="floorplan must be one of 'neurosim', got 'mine'"):
        Target.from_dict(
            target.to_dict() | {"parameters": {**target.parameters, "floorplan": "mine"}}
        )


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", NAMES)
def test_search_is_proven_against_every_network(name: str, family: str) -> None:
    choices: dict[str, Any] = {
        "cells": 2,
        "depths": [1, 2, 3],
        "skips": [0, 16],
        "width_multipliers": [1, 2],
    }
    if family == "mobilenet-v2":
        choices |= {"expansions": [1, 4], "kernels": [3], "depths": [1, 2]}
    space = flash.SearchSpace(family, **choices)
    target = Target.load(name).without_memory_budgets()
    rows = reference.networks(space, target)
    budget = sorted(row[1] for row in rows)[len(rows) // 2]
    found = flash.search(space, target, max_latency_ms=budget)
    infinite = float("inf")
    best = reference.best_network(rows, (infinite, budget, *[infinite] * 4))
    assert best is not None
    assert found.proven
    assert (found.nn_degree, found.latency_ms) == tuple(rows[best][:2])
    assert found.architecture == space.decode(best)
