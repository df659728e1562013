"""A mesh of tiles: packets, ways between layers, compiled tables, proofs, refusals."""

from __future__ import annotations

import itertools
import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twins import mesh as twin

import flash
from flash import Target
from flash._core.model.compile import crossing
from flash.errors import ArgumentError, FormatError
from flash.hardware import costing, mesh
from flash.problem.compiling import compile_problem

NAME = "rram-mesh"
COSTS = ("latency_ms", "energy_mj", "area_mm2")


@pytest.fixture(scope="module")
def target() -> Target:
    return Target.load(NAME)


def numbers(target: Target, **changed: float) -> dict[str, float]:
    own: dict[str, float] = {**(target.parameters or {})["mesh"], **changed}
    return own


def rows_of(net: flash.Network) -> list[tuple[int, int, int, int, int, int]]:
    """Layers with tiles: kernel, in, out, positions, those of the padded input, of the input."""
    found = []
    for row in costing.charged(net).rows:
        for kind, kernel, into, out, _, height, width, _, _, _, reads, padded in row:
            if kind == 0:
                found.append((kernel, into, out, height * width, padded, reads))
    return found


def expected(target: Target, arch: flash.Architecture) -> dict[str, float]:
    name = target.set_for(arch.family)
    data = {"coefficients": target.coefficients[name], "links": target.links[name]}
    return twin.network(data, numbers(target), rows_of(arch.network()))


def cost_of(target: Target, result: flash.SearchResult) -> flash.Cost:
    assert result.architecture is not None
    return target.cost(result.architecture)


# Packets


def test_a_packet_alone_takes_what_booksim_says() -> None:
    """Five cycles a hop and seven at the ends; hops of each pattern as in BookSim's runs."""
    known: list[tuple[int, str, float]] = [
        (2, "uniform", 1.0),
        (4, "uniform", 2.5),
        (8, "uniform", 5.25),
        (3, "neighbor", 8 / 3),
        (8, "tornado", 7.5),
        (5, "tornado", 4.8),
        (4, "transpose", 2.5),
        (8, "bitcomp", 8.0),
    ]
    for side, traffic, hops in known:
        for flits in (1, 4):
            found = mesh.packet_latency(side, traffic, 0.0, flits)
            assert found == pytest.approx(5 * hops + 7 + flits - 1, rel=1e-12)


@pytest.mark.parametrize(
    ("side", "traffic", "rate", "flits", "cycles"),
    [  # BookSim 2, own runs: light, middling and heavy load
        (4, "uniform", 0.05, 1, 19.3576),
        (4, "uniform", 0.2, 1, 20.1711),
        (4, "uniform", 0.05, 4, 24.217),
        (4, "neighbor", 0.1, 4, 26.0316),
        (4, "neighbor", 0.3, 1, 22.6864),
        (8, "uniform", 0.1, 1, 33.9899),
        (8, "uniform", 0.15, 1, 37.5809),
        (8, "neighbor", 0.15, 4, 29.9017),
    ],
)
def test_packets_wait_as_booksims_do(
    side: int, traffic: str, rate: float, flits: int, cycles: float
) -> None:
    assert mesh.packet_latency(side, traffic, rate, flits) == pytest.approx(cycles, rel=0.05)


def test_load_only_adds() -> None:
    for traffic in mesh.TRAFFICS:
        found = [mesh.packet_latency(6, traffic, rate, 4) for rate in np.linspace(0, 0.4, 9)]
        assert all(a <= b for a, b in itertools.pairwise(found))
        assert math.isfinite(found[-1])  # beyond saturation


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"side": 0}, "side"),
        ({"side": 65}, "side"),
        ({"traffic": "unifrom"}, "uniform"),
        ({"injection_rate": -0.1}, "injection_rate"),
        ({"injection_rate": 1.5}, "injection_rate"),
        ({"packet_flits": 0}, "packet_flits"),
    ],
)
def test_packet_latency_refuses(given: dict[str, Any], message: str) -> None:
    own: dict[str, Any] = {"side": 4, **given}
    with pytest.raises(ArgumentError, match=message):
        mesh.packet_latency(**own)


# Two layers


def test_two_layers_by_hand() -> None:
    """Two tiles to two on a mesh of side 2, sources above destinations, 1,000 numbers of 8 bits.

    Hops: 1 straight down, 2 across and down: 1.5 on average. A pair gets 1000/4*8/32 + 1 = 63.5
    packets. At 250 images a second (8000 + 32) * 250 / 4 / 32 / 1e9 = 1.57e-5 packets a cycle. A
    column's way down has two inputs of two packets each from the two sources (own and from beside).
    """
    rate = (8000 + 32) * 250 / 4 / 32 / 1e9
    link, exit_, share = mesh.LINK, mesh.EXIT, mesh.SHARE
    # each column leads down to one destination: one packet of the source above, one of the other's;
    # what leaves the mesh comes from above alone
    down = 2 * (share * rate * (1 + link) ** 2 / 2 / (1 - 2 * rate * (1 + link)) * 2)
    waits = down / 4
    assert exit_ > 0
    cycles = (waits + 1) * 63.5 + 5 * 1.5 + 7
    assert mesh.layer_cycles(2, 2, 1000) == pytest.approx(cycles, rel=1e-12)


def test_one_tile_to_one() -> None:
    assert mesh.layer_cycles(1, 1, 64) == 17 + 5 + 7
    # at little more than nothing the published floor holds: of 5 sources there is a queue
    assert mesh.layer_cycles(5, 3, 1, frames_per_s=1e-6) == mesh.layer_cycles(
        5, 3, 1, frames_per_s=1e-3
    )


@settings(max_examples=150, deadline=None)
@given(
    st.one_of(st.integers(1, 6), st.integers(1, 70)),
    st.one_of(st.integers(1, 6), st.integers(1, 70)),
    st.integers(0, 10**6),
    st.sampled_from([1.0, 250.0, 1e4, 1e6]),
)
def test_layers_equal_the_twin(tiles: int, wanted: int, act: int, frames: float) -> None:
    own = numbers(Target.load(NAME), frames_per_s=frames)
    found = crossing(tuple(own.values()), tiles, wanted, float(act))
    assert found == pytest.approx(twin.crossing(own, tiles, wanted, act), rel=1e-11)


def test_a_huge_mesh_is_finite() -> None:
    assert math.isfinite(mesh.layer_cycles(10**9, 10**8, 1e9))
    for own, name in (((0, 1, 1), "tiles"), ((1, 0, 1), "next_tiles"), ((1, 1, -1), "next_act")):
        with pytest.raises(ArgumentError, match=name):
            mesh.layer_cycles(*own)
    with pytest.raises(ValueError, match="at least 1"):
        crossing(tuple(numbers(Target.load(NAME)).values()), 0, 1, 1.0)


# Networks

SPACES: dict[str, Any] = {
    "densenet": flash.DenseNet(),
    "densenet, one layer": flash.DenseNet(
        width_multipliers=[1, 3], cells=[1, 2, 4], depths=[1, 2, 9], skips=[60, 0, 20]
    ),
    "densenet, imagenet": flash.DenseNet(resolution=[32, 224], depths=[1, 7], skips=[0, 33]),
    "resnet": flash.ResNet(),
    "wide-resnet": flash.WideResNet(),
    "mobilenet-v2": flash.MobileNetV2(),
    "mobilenet-v2, plain blocks": flash.MobileNetV2(expansions=[1, 2, 6], kernels=[3, 5]),
    "resnet, free": flash.ResNet(widths=[[16, 32, 48], [32, 96], [64, 200]]),
    "wide-resnet, free": flash.WideResNet(widths=[[16, 32, 48], [32, 96], [64, 200]]),
    "densenet, free": flash.DenseNet(widths=[[16, 32], [32, 64]], cells=2, skips=[0, 10, 100]),
    "densenet, joined": flash.DenseNet(
        widths=[[16, 32], [48, 96], [64, 80]], depths=[1, 2, 6], skips=[0, 60], cells=3
    ),
    "mobilenet-v2, free": flash.MobileNetV2(
        widths=[[64, 96], [160, 320]], cells=2, depths=[1, 2, 3], expansions=[2, 6], kernels=[3]
    ),
}
JOINED = {"mobilenet-v2", "mobilenet-v2, plain blocks", "densenet, joined", "mobilenet-v2, free"}


@pytest.mark.parametrize("name", SPACES)
def test_tables_are_network_by_network(name: str, target: Target) -> None:
    space = SPACES[name]
    assert compile_problem(space, target).tables.joined == (name in JOINED)
    indices = [0, space.size - 1, *space.sample_indices(60, seed=1)]
    table = flash.evaluate(space, target, indices)
    for place, index in enumerate(indices):
        cost = target.cost(space.decode(int(index)))
        assert tuple(table[one][place] for one in COSTS) == tuple(
            getattr(cost, one) for one in COSTS
        )


@pytest.mark.parametrize("name", SPACES)
def test_a_network_costs_what_the_twin_says(name: str, target: Target) -> None:
    space = SPACES[name]
    for index in space.sample_indices(3, seed=2):
        arch = space.decode(int(index))
        cost = target.cost(arch)
        for one, value in expected(target, arch).items():
            if one in COSTS:
                assert getattr(cost, one) == pytest.approx(value, rel=1e-8)
        assert cost.latency_ms == pytest.approx(sum(row.latency_ms for row in cost.by_layer))
        assert cost.energy_mj == pytest.approx(sum(row.energy_mj or 0.0 for row in cost.by_layer))


@st.composite
def small_spaces(draw: st.DrawFn) -> Any:
    family = draw(st.sampled_from(["DenseNet", "ResNet", "WideResNet", "MobileNetV2"]))
    cells = draw(st.integers(1, 3))
    options: dict[str, Any] = {
        "cells": [cells],
        "depths": sorted(draw(st.sets(st.integers(1, 5), min_size=1, max_size=2))),
        "skips": draw(
            st.sampled_from([[0], [0, 1], [1, 0]])
            if family == "MobileNetV2"
            else st.lists(st.integers(0, 16), min_size=1, max_size=3, unique=True)
        ),
    }
    if draw(st.booleans()):
        options["widths"] = [
            sorted(draw(st.sets(st.sampled_from([16, 32, 72, 136]), min_size=1, max_size=2)))
            for _ in range(cells)
        ]
    else:
        options["width_multipliers"] = [1, 3] if family != "MobileNetV2" else [1.0, 1.5]
    if family == "MobileNetV2":
        options["expansions"] = sorted(
            draw(st.sets(st.sampled_from([1, 2, 6]), min_size=1, max_size=2))
        )
        options["kernels"] = sorted(draw(st.sets(st.sampled_from([3, 7]), min_size=1, max_size=2)))
    return getattr(flash, family)(**options)


@settings(max_examples=60, deadline=None)
@given(small_spaces(), st.integers(0, 2**32), st.sampled_from([1.0, 250.0, 1e5]))
def test_answers_are_those_of_all_networks(space: Any, seed: int, frames: float) -> None:
    """Search, sweep and front against every network of a small space, charged one by one."""
    base = Target.load(NAME)
    own = {**(base.parameters or {}), "mesh": numbers(base, frames_per_s=frames)}
    target = base.replace(parameters=own)
    if space.size > 1500:
        return
    try:
        compile_problem(space, target)
    except ArgumentError as error:  # too many kinds of ends of cells
        if "states are supported" not in str(error):
            raise
        return
    table = flash.evaluate(space, target, np.arange(space.size))
    draws = np.random.default_rng(seed)
    for index in draws.integers(0, space.size, 5):
        cost = target.cost(space.decode(int(index)))
        assert table["latency_ms"][index] == cost.latency_ms
        assert table["energy_mj"][index] == cost.energy_mj
    limit = float(draws.choice(table["latency_ms"]))
    fits = table["latency_ms"] <= limit
    best = table["nn_degree"][fits].max()
    for method in ("shgo", "exact"):
        result = flash.search(space, target, max_latency_ms=limit, method=method)
        assert result.status == "OPTIMAL"
        assert result.nn_degree == best
        assert result.latency_ms == cost_of(target, result).latency_ms <= limit
    product = flash.search(space, target, objective={"latency_ms": -1.0, "energy_mj": -0.5})
    value = table["latency_ms"] * table["energy_mj"] ** 0.5
    assert product.energy_mj is not None
    assert product.latency_ms is not None
    assert product.latency_ms * product.energy_mj**0.5 == pytest.approx(value.min(), rel=1e-9)
    report = flash.sweep(space, target, max_latency_ms=limit, top=3, bins=5)
    assert report.feasible == fits.sum()
    assert report.best is not None
    assert report.best.nn_degree == best
    front = flash.pareto(space, target)
    points = np.array(sorted(zip(table["latency_ms"], -table["nn_degree"], strict=True)))
    kept = [points[0]]
    for one in points[1:]:
        if one[1] < kept[-1][1]:
            kept.append(one)
    found = sorted(zip(front.latency_ms, -np.array(front.nn_degree), strict=True))
    assert found == [tuple(one) for one in kept]


# The rest of the house


def test_results_say_what_is_not_measured(target: Target) -> None:
    result = flash.search("resnet", target, max_latency_ms=2.0)
    assert result.status == "OPTIMAL"
    assert any("no measurements" in flag for flag in result.flags)
    assert any("no measurements" in flag for flag in cost_of(target, result).flags)
    bus = cost_of(Target.load("rram"), result)
    assert not any("no measurements" in flag for flag in bus.flags)


def test_an_imported_network_is_charged(target: Target) -> None:
    layers = [
        flash.Layer("conv", in_channels=3, out_channels=64, kernel=3, height=32, width=32),
        flash.Layer("conv", in_channels=64, out_channels=128, kernel=3, height=32, width=32),
    ]
    net = flash.Network(layers, (3, 32, 32))
    data = {one: getattr(target, one)["default"] for one in ("coefficients", "links")}
    want = twin.network(data, numbers(target), rows_of(net))
    cost = target.cost(net)
    for one in COSTS:
        assert getattr(cost, one) == pytest.approx(want[one], rel=1e-8)


def test_the_bus_is_as_it_was() -> None:
    """Of the same network the mesh has the tiles' costs, and none of the bus's."""
    bus, meshed = Target.load("rram"), Target.load(NAME)
    assert meshed.metrics == bus.metrics
    assert not any(one.startswith("bus_") for one in meshed.coefficients["default"])
    for name, columns in meshed.coefficients.items():
        for feature, value in bus.coefficients[name]["latency_ms"].items():
            assert columns["latency_ms"][feature] == value
    own = (meshed.parameters or {})["mesh"]
    assert (own["link_cycles"], own["exit_cycles"], own["share"], own["most_load"]) == (
        *(mesh.LINK, mesh.EXIT, mesh.SHARE, mesh.MOST_LOAD),
    )
    assert target_round(meshed) == meshed


def target_round(target: Target) -> Target:
    return Target.from_dict(json.loads(target.to_json()))


def test_a_space_of_blocks_is_refused_by_name(target: Target) -> None:
    with pytest.raises(ArgumentError, match="BlockSpace cannot be searched on target 'rram-mesh'"):
        flash.search("mobilenet-v3", target)


def test_conditions_where_cells_go_in_pairs(target: Target) -> None:
    found = flash.search("resnet", target, where="latency_ms * 1 <= 2", max_latency_ms=2.0)
    assert found.nn_degree == flash.search("resnet", target, max_latency_ms=2.0).nn_degree
    with pytest.raises(ArgumentError, match="charges this space's cells by pairs"):
        flash.search("mobilenet-v2", target, where="depth_0 == 3", max_latency_ms=2.0)


def test_codesign_is_refused(target: Target) -> None:
    with pytest.raises(ArgumentError, match="'rram-mesh' has no design space"):
        flash.search("resnet", target, codesign=True, max_latency_ms=2.0)


def test_fleets_and_methods(target: Target) -> None:
    fleet = flash.search("resnet", ["rram", target], max_latency_ms=2.0)
    alone = flash.search("resnet", target, max_latency_ms=2.0)
    assert [one.target for one in fleet] == ["rram", NAME]
    assert list(fleet)[1].nn_degree == alone.nn_degree
    found = flash.search(
        "mobilenet-v2", target, max_latency_ms=2.0, method="random", max_evals=50, seed=3
    )
    assert found.latency_ms == cost_of(target, found).latency_ms


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"parameters": {"interconnect": "ring"}}, "interconnect"),
        ({"parameters": {"interconnect": "bus"}}, "mesh needs the interconnect 'mesh'"),
        ({"mesh": {"share": -1.0}}, "share"),
        ({"mesh": {"frames_per_s": 0.0}}, "frames_per_s"),
        ({"mesh": {"ports": 5}}, "ports"),
        ({"links": {"cycles_per_tile": 0.1}}, "links"),
        ({"bus": 1e-8}, "bus_in_ms"),
    ],
)
def test_files_are_checked(change: dict[str, Any], message: str, target: Target) -> None:
    data = json.loads(target.to_json())
    data["parameters"].update(change.get("parameters", {}))
    data["parameters"]["mesh"].update(change.get("mesh", {}))
    data["links"]["default"].update(change.get("links", {}))
    if "bus" in change:
        data["coefficients"]["default"]["bus_in_ms"] = {"in_words": change["bus"]}
    with pytest.raises((ArgumentError, FormatError), match=message):
        Target.from_dict(data)


def test_a_bus_has_no_mesh() -> None:
    data = json.loads(Target.load("rram").to_json())
    data["coefficients"]["default"]["latency_ms"]["mesh_cycles"] = 1e-6
    with pytest.raises(FormatError, match="mesh_routers, goes with the interconnect 'mesh'"):
        Target.from_dict(data)
    data = json.loads(Target.load("rram").to_json())
    data["links"]["default"] = {"leakage_w_per_tile": 1e-6, "leakage_step": 0.1}
    with pytest.raises(FormatError, match=r"links\.default goes with the interconnect 'mesh'"):
        Target.from_dict(data)
