"""Lookup tables of bypass spaces: bit for bit what networks cost; the network of least usage."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest

import flash
from flash.errors import ArgumentTypeError
from flash.solving.ground import ground_of
from flash.solving.lookups import Lookups, lookups_of

SPACES = {
    "resnet": flash.BypassSpace(
        flash.Architecture("resnet", [flash.Cell(8, 1, 8), flash.Cell(12, 2, 12)], resolution=8)
    ),
    "imagenet": flash.BypassSpace(
        flash.Architecture("resnet", [flash.Cell(64, 1, 64), flash.Cell(96, 1, 96)], resolution=224)
    ),
    "narrowing": flash.BypassSpace(
        flash.Architecture(
            "wide-resnet", [flash.Cell(16, 1, 16), flash.Cell(12, 2, 12)], resolution=16
        ),
        levels=3,
    ),
    "mobilenet": flash.BypassSpace(
        flash.Architecture(
            "mobilenet-v2", [flash.Cell(8, 1, 8, 3, 3), flash.Cell(16, 2, 16, 2, 5)], resolution=32
        ),
        levels=2,
    ),
}
PLAIN = {
    name: flash.BypassSpace(space.architecture, space.levels, bypass=False)
    for name, space in SPACES.items()
}


def tables(space: Any, target: str) -> Lookups:
    found = lookups_of(space, flash.Target.load(target))
    assert found is not None
    return found


def some_rows(space: Any, n: int, seed: int) -> Any:
    rng = np.random.default_rng(seed)
    return space.canonical(rng.integers(0, space.lengths, size=(n, len(space.lengths))))


def every_row(space: Any) -> Any:
    return np.array(list(product(*map(range, space.lengths))))


def test_tables_hold_what_networks_cost_bit_for_bit() -> None:
    seen = 0
    for number, (name, target) in enumerate(product(SPACES, flash.targets())):
        space = (SPACES, PLAIN)[number % 2][name]
        device = flash.Target.load(target)
        ground = ground_of(space, device)
        if target in ("rram-neurosim", "rram-mesh"):  # a network's tile; its layers' in pairs
            assert ground.lookups is None  # type: ignore[attr-defined]
            continue
        rows = some_rows(space, 12, number)
        found = ground.costs(rows)
        for place, row in enumerate(rows.tolist()):
            net = space.network(row)
            cost = device.cost(net)
            costs = (cost.latency_ms, cost.energy_mj or 0.0, cost.area_mm2 or 0.0)
            assert tuple(found[1:, place]) == (*costs, net.params, net.macs), (name, target, row)
            seen += 1
        assert np.isnan(found[0]).all()
    assert seen > 1000


def test_a_target_of_layers_is_charged_network_by_network() -> None:
    space = SPACES["resnet"]
    table = flash.LayerTarget(lambda layer: 0.1 if layer.kind == "conv" else 0.0)
    ground = ground_of(space, table)
    assert ground.lookups is None  # type: ignore[attr-defined]
    assert ground.charge(np.zeros((1, 6), dtype=np.int64))[1, 0] == pytest.approx(0.1)


def test_scores_come_where_they_are_asked_for() -> None:
    space = SPACES["resnet"]
    ground = ground_of(space, flash.Target.load("cpu-x86"), None, lambda net: float(net.params))
    rows = some_rows(space, 6, 0)
    assert np.isnan(ground.costs(rows)[0]).all()
    whole = ground.charge(rows)
    assert whole[0].tolist() == whole[4].tolist()
    part = ground.costs(rows)
    ground.add_scores(rows, part, np.arange(6) < 2)
    assert part[0, :2].tolist() == part[4, :2].tolist()
    assert np.isnan(part[0, 2:]).all()


@pytest.mark.parametrize("name", SPACES)
@pytest.mark.parametrize("target", ["pixel-3", "cpu-x86", "rram", "systolic-32", "fpga-zu3eg"])
def test_the_least_network_is_that_of_complete_enumeration(name: str, target: str) -> None:
    for space in (SPACES[name], PLAIN[name]):
        lookups = tables(space, target)
        rows = every_row(space)
        metrics = lookups.charge(rows)
        scale = np.median(metrics, axis=1)
        for limited in ((1,), (4,), (1, 5)):  # latency; parameters; latency and MACs

            def usage(m: Any, on: tuple[int, ...] = limited, by: Any = scale) -> Any:
                return np.max([m[k] / by[k] for k in on], axis=0)

            found = lookups.least(usage)
            used = usage(lookups.charge(found))
            assert (np.diff(used) >= 0).all()
            assert used[0] == usage(metrics).min()


def test_the_least_network_keeps_the_choices_that_are_not_open() -> None:
    space = SPACES["resnet"]
    lookups = tables(space, "pixel-3")
    codes = [np.array([24]), np.arange(25), np.array([6, 12])]
    found = lookups.least(lambda metrics: metrics[1], codes)
    rows = every_row(space)
    open_ = (rows[:, 0] == 4) & (rows[:, 1] == 4)
    open_ &= ((rows[:, 4] == 1) & (rows[:, 5] == 1)) | ((rows[:, 4] == 2) & (rows[:, 5] == 2))
    best = lookups.charge(rows[open_])[1].min()
    assert lookups.charge(found[:1])[1, 0] == best
    assert found[0, :2].tolist() == [4, 4]


def test_plain_filters_hand_on_no_more_than_they_make() -> None:
    space = PLAIN["narrowing"]
    assert space.lengths == (4, 4, 3, 4, 4, 4)  # the stride of the second block must stay
    units = space.subnet([1, 2, 0, 0, 0, 0]).units
    assert [(one.filters, one.inner, one.made, one.out) for one in units] == [
        (6, 6, 11, 11), (4, 4, 0, 4), (0, 4, 0, 4),
    ]  # fmt: skip
    assert space.network(space.largest) == SPACES["narrowing"].network((3,) * 6)
    again = flash.BypassSpace.from_dict(space.to_dict())
    assert again == space != SPACES["narrowing"]
    assert again.bypass is False
    assert "bypass" not in SPACES["narrowing"].to_dict()  # files of before are its own
    with pytest.raises(ArgumentTypeError, match="bypass must be True or False"):
        flash.BypassSpace(bypass=1)  # type: ignore[arg-type]


def test_plain_blocks_that_no_shape_keeps_may_go() -> None:
    space = PLAIN["mobilenet"]
    for row in some_rows(space, 30, 3).tolist():
        net = space.network(row)
        assert net.layers[-1].out_channels == 10
        assert not any(layer.kind == "concat" for layer in net.layers)
    mixed = some_rows(SPACES["mobilenet"], 30, 3).tolist()
    kinds = {layer.kind for row in mixed for layer in SPACES["mobilenet"].network(row).layers}
    assert "concat" in kinds
