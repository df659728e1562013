"""Target.distance and intervals: networks unlike those of the calibration are told, and held."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from twins.calibrated import CPU, latencies

import flash
from flash import Architecture, Cell, Network, SearchSpace, Target
from flash.base.names import Column
from flash.errors import ArgumentError, ArgumentTypeError
from flash.hardware._classes import unseen_class
from flash.hardware.costing import family_and_network, own_tile
from flash.networks.operations import charged

FAMILIES = ("densenet", "resnet", "wide-resnet", "mobilenet-v2")
CALIBRATED = [name for name in flash.targets() if Target.load(name).intervals]
INTERVALS = ("latency_ms", "energy_mj", "area_mm2")


def half(target: Target, net: Any, metric: str = "latency_ms") -> float:
    low, high = target.interval(net)[metric]
    return 0.5 * math.log(high / low)


@pytest.fixture(scope="module", params=["densenet", "resnet", "mobilenet-v2"])
def narrow(request: pytest.FixtureRequest) -> tuple[str, Target, Target]:
    """A family, what plays the device, and a target calibrated on 25 networks of the family."""
    truth = Target.load("cpu-x86-torch")
    nets = flash.calibration_design(SearchSpace(request.param), CPU)
    random = np.random.default_rng(0)
    y = [v * random.uniform(0.97, 1.03) for v in latencies(truth, nets)]
    return request.param, truth, flash.calibrate(CPU, nets, latency_ms=y)


def test_networks_unlike_the_measured_ones_are_held_and_far(
    narrow: tuple[str, Target, Target],
) -> None:
    """Other families, and all of them at 224 pixels: at least 80 % are held, of the own family 85;
    nearly all of the former are told to be unlike, few of the latter."""
    family, truth, found = narrow
    held: dict[bool, list[bool]] = {True: [], False: []}
    far: dict[bool, list[bool]] = {True: [], False: []}
    for name in FAMILIES:
        for resolution in (32, 224):
            own = (name, resolution) == (family, 32)
            for net in SearchSpace(name, resolution=resolution).sample(25 if own else 10, seed=5):
                low, high = found.interval(net)["latency_ms"]
                held[own].append(low <= truth.cost(net).latency_ms <= high)
                far[own].append(found.distance(net)["latency_ms"] > 1.0)
                told = any(flag.startswith("unlike any network") for flag in found.cost(net).flags)
                assert told == far[own][-1]
    assert float(np.mean(held[True])) >= 0.85
    assert float(np.mean(held[False])) >= 0.8
    assert float(np.mean(far[True])) <= 0.2
    assert float(np.mean(far[False])) >= 0.7


def test_intervals_widen_with_the_distance(narrow: tuple[str, Target, Target]) -> None:
    family, _, found = narrow
    near = SearchSpace(family).sample(20, seed=6)
    large = SearchSpace(family, resolution=224).sample(20, seed=6)
    widths = [half(found, net) for net in (*near, *large)]
    apart = [found.distance(net)["latency_ms"] for net in (*near, *large)]
    assert min(apart[20:]) > 1.0 > float(np.median(apart[:20]))
    assert float(np.median(widths[20:])) > 1.5 * float(np.median(widths[:20]))
    assert (
        float(np.corrcoef(np.argsort(np.argsort(widths)), np.argsort(np.argsort(apart)))[0, 1])
        > 0.8
    )


@pytest.mark.parametrize("name", CALIBRATED)
def test_what_no_network_of_a_shipped_target_was_like_is_far(name: str) -> None:
    target = Target.load(name)
    like = SearchSpace("resnet").sample(1)[0]
    layers: list[dict[str, Any]] = [
        {"kind": "conv", "out_channels": 64, "kernel": 11, "padding": 5},
        {"kind": "conv", "out_channels": 64, "kernel": 7, "padding": 3},
        {"kind": "pool", "mode": "global_avg"},
        {"kind": "linear", "out_channels": 1000},
    ]
    odd = Network.from_layers(layers, (3, 2048, 2048))
    apart = target.distance(odd)
    assert list(apart) == list(target.interval(odd))
    assert all(one > 1.0 for one in apart.values())
    assert apart["latency_ms"] > target.distance(like)["latency_ms"]
    assert any(
        flag.startswith(f"unlike any network that {name}") for flag in target.cost(odd).flags
    )


def test_a_target_without_intervals_has_no_distance() -> None:
    net = Architecture("resnet", [Cell(16, 2, 0)])
    assert Target.load("fpga-zu3eg").distance(net) == {}
    with pytest.raises(ArgumentTypeError, match="net must be an Architecture or a Network"):
        CPU.distance("net")  # type: ignore[arg-type]


# Answers of searches, where no run or measurement stands behind them


def unbacked(target: Target, net: Architecture) -> list[str]:
    """What of a network no measurement of the target was like, worked out from its file alone."""
    target = own_tile(target, net)
    family, network = family_and_network(net)
    place = target.set_for(family)
    residuals = (target.residuals or {}).get(place)
    if isinstance(residuals, dict) and residuals.get("networks") == 0:
        return ["nothing was measured"]
    ranges = target.calibrated_ranges.get(place)
    if not ranges:
        return []
    cost = target.cost(net)
    weighted = [one for one in network.layers if one.kind in ("conv", "linear")]
    convs = [one for one in weighted if one.kind == "conv"]
    own = {
        "macs": [sum(one.macs for one in weighted)],
        "layers": [len(weighted)],
        **{metric: [getattr(cost, metric)] for metric in target.metrics},
    }
    layer = {
        "kernel": [max(one.kernel for one in convs)],
        "positions": [max(one.out_height * one.out_width for one in convs)],
        "out_channels": [one.out_channels for one in convs],
    }
    found = [f"family {family}"] if family in target.not_calibrated_families else []
    for part, values in (("network", own), ("layer", layer)):
        for name, listed in values.items():
            low, high = ranges[part].get(name, (0, math.inf))
            if name in ("kernel", "positions"):
                low = 0
            if not all(low <= one <= high for one in listed):
                found.append(name)
    tiles = target.model(family).total(charged(network).packed)[Column.SCALE]
    if ranges.get("tiles") and unseen_class(target, family, float(tiles)):
        found.append("class")
    return found


@pytest.mark.parametrize("name", flash.targets())
@pytest.mark.parametrize("family", FAMILIES)
def test_answers_that_nothing_backs_are_flagged(name: str, family: str) -> None:
    """Extreme, small, moderate and no budgets, on images of 32 and of 224 pixels."""
    target = Target.load(name)
    for resolution in (32, 224):
        space = SearchSpace(family, resolution=resolution)
        known = sorted(latencies(target, space.sample(12, seed=1)))
        for budget in (0.5 * known[0], known[1], known[6], 2 * known[-1], None):
            try:
                result = flash.search(space, target, max_latency_ms=budget)
            except ArgumentError as error:
                assert "out of range: totals" in str(error)  # noqa: PT017 a slow device, large maps
                continue
            if result.architecture is None:
                continue
            why = unbacked(target, result.architecture)
            assert bool(result.flags) or not why, (budget, why)
            far = target.distance(result.architecture)
            for metric, (low, high) in target.interval(result.architecture).items():
                assert low < high
                if far[metric] > 1.0:
                    assert any(flag.startswith("unlike") for flag in result.flags)
