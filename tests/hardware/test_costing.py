"""What a network costs: layer by layer, against the compiled core, by hand."""

from __future__ import annotations

from array import array
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from twins import reference

import flash
from flash._core.model import compile as core
from flash.errors import ArgumentError, ArgumentTypeError
from flash.hardware import KINDS, Target, costing, flags_for, targets
from flash.networks.architecture import FAMILIES, Architecture, Cell
from flash.networks.degree import cell_degree_fixed, degree_fixed, nn_degree
from flash.networks.network import Layer, Network
from flash.networks.topology import of_architecture
from flash.spaces.space import SearchSpace

TARGETS = targets()
sizes = st.one_of(st.sampled_from([32, 224]), st.integers(1, 300))


@st.composite
def spaces(draw: st.DrawFn) -> tuple[SearchSpace, int, list[int]]:
    """A space of any family, a variant of it, and a row number for each of the variant's cells."""
    family = draw(st.sampled_from(FAMILIES))
    mobile = family == "mobilenet-v2"
    cells = draw(st.integers(1, 4))
    some = {"min_size": 1, "max_size": 3, "unique": True}
    choices: dict[str, Any] = {
        "cells": cells,
        "resolution": draw(st.lists(sizes, **some)),
        "num_classes": draw(st.integers(1, 1000)),
        "depths": draw(st.lists(st.integers(1, 9), **some)),
        "skips": draw(st.lists(st.integers(0, 700), **some)),
    }
    if mobile:
        choices["expansions"] = draw(st.lists(st.integers(1, 6), **some))
        choices["kernels"] = draw(st.lists(st.sampled_from([1, 3, 5, 7, 31]), **some))
    if draw(st.booleans()):
        choices["width_multipliers"] = draw(st.lists(st.sampled_from([0.5, 1, 2, 3.7]), **some))
    else:
        choices["widths"] = tuple(draw(st.lists(st.integers(1, 300), **some)) for _ in range(cells))
    space = SearchSpace(family, **choices)
    chosen = [draw(st.integers(0, high)) for _, high in space.bounds]
    return space, *located(space, chosen)


def located(space: SearchSpace, chosen: list[int]) -> tuple[int, list[int]]:
    """Return (variant, row number per cell) of a row of choice indices: mixed radix."""
    lengths = [high + 1 for _, high in space.bounds]
    variant = (chosen[0] * lengths[1] + chosen[1]) * lengths[2] + chosen[2]
    each = (len(lengths) - 3) // len(space.cell_choices)
    rows = []
    for start in range(3, len(lengths), each):
        row = 0
        for k in range(start, start + each):
            row = row * lengths[k] + chosen[k]
        rows.append(row)
    return variant, rows


def decoded(space: SearchSpace, variant: int, rows: list[int]) -> Architecture:
    """Return the network of a variant and its rows."""
    lengths = [high + 1 for _, high in space.bounds]
    chosen = [0] * len(lengths)
    for k in (2, 1, 0):
        variant, chosen[k] = divmod(variant, lengths[k])
    each = (len(lengths) - 3) // len(rows)
    for cell, row in enumerate(rows):
        for k in range(3 + (cell + 1) * each - 1, 2 + cell * each, -1):
            row, chosen[k] = divmod(row, lengths[k])
    return space.decode(chosen)


@pytest.mark.slow
@settings(max_examples=300)
@given(spaces(), st.sampled_from(TARGETS))
def test_equals_the_compiled_core(picked: tuple[SearchSpace, int, list[int]], name: str) -> None:
    """Bit for bit what a search reports: NN-Degree, costs, params and MACs."""
    space, variant, rows = picked
    arch = decoded(space, variant, rows)
    target = costing.own_tile(Target.load(name), arch)
    model = target.model(space.family)
    totals, degrees = core.totals_of(core.Plan(space.plan()), model, variant, rows)
    assume(max(totals) < 2**53)  # what tables accept
    names = ("nn_degree", "latency_ms", "energy_mj", "area_mm2", "params", "macs")
    metrics = dict(zip(names, model.metrics(totals), strict=True))
    cost = target.cost(arch)
    for metric in target.metrics:
        assert getattr(cost, metric) == metrics[metric]
    assert totals[reference.PARAMS :] == (arch.params, arch.macs)
    assert totals[0] == degree_fixed(arch)
    assert metrics["nn_degree"] == nn_degree(arch)
    assert list(degrees) == [
        cell_degree_fixed(cell.width_sum, cell.convs, cell.links) for cell in of_architecture(arch)
    ]


@settings(max_examples=100)
@given(spaces(), st.sampled_from(TARGETS))
def test_layers_add_up(picked: tuple[SearchSpace, int, list[int]], name: str) -> None:
    arch = decoded(*picked)
    cost = Target.load(name).cost(arch)
    assert len(cost.by_layer) == len(arch.network())
    for metric in ("latency_ms", "energy_mj", "area_mm2"):
        shares = [getattr(layer, metric) for layer in cost.by_layer]
        whole = getattr(cost, metric)
        if whole is None:
            assert set(shares) == {None}
        else:
            assert sum(shares) == pytest.approx(whole, rel=1e-12)
            assert min(shares) >= 0


# Sums


@settings(max_examples=50)
@given(spaces(), st.sampled_from(TARGETS))
def test_totals_are_sums_of_charges(picked: tuple[SearchSpace, int, list[int]], name: str) -> None:
    """But for the peak's column, whose total is the greatest."""
    arch = decoded(*picked)
    target = costing.own_tile(Target.load(name), arch)
    model, rows = target.model(arch.family), costing.operations(arch.network())
    columns = zip(*model.charge([one for row in rows for one in row]), strict=True)
    expected = tuple(
        int(max(column)) if k == reference.PEAK else sum(map(int, column))
        for k, column in enumerate(columns)
    )
    assert model.total(costing.charged(arch.network()).packed) == expected


def of_macs(weight: float) -> core.Model:
    """A processor whose latency and peak are its multiplications times a weight, in 1/512."""
    rows = [[0.0] * 12 for _ in range(10)]
    rows[0][reference.LATENCY] = rows[0][reference.PEAK] = weight
    return core.Model("cpu", rows, (2.0**-9,) * 6, {})


def test_totals_beyond_what_a_float_counts_are_exact() -> None:
    model = of_macs(1 / 2**9)
    large, small = (0, 2, 1 << 26, 1 << 26, 1, 1, 1, 2, 1, 1, 1, 1), (0, 2, *(1,) * 5, 2, *(1,) * 4)
    each = [int(columns[1]) for columns in model.charge([large, small])]
    assert each == [1 << 54, 64]
    packed = array("q", [*large, *(small * 3)])
    assert model.total(packed)[reference.LATENCY] == (1 << 54) + 3 * 64
    assert model.total(packed)[reference.PEAK] == 1 << 54
    packed = array("q", [*small, *large, *small])  # wherever the largest is
    assert model.total(packed)[reference.PEAK] == 1 << 54
    packed = array("q", [*large, *(small * 3)])
    assert of_macs(1 / 2**15).total(packed)[reference.LATENCY] == (1 << 48) + 3
    assert of_macs(1 / 2**15).total(packed)[reference.PEAK] == 1 << 48


def test_totals_refuse_what_is_no_operation() -> None:
    model = Target.load("rram").model("densenet")
    with pytest.raises(ValueError, match="ops: 9 numbers; each operation has 12"):
        model.total(array("q", [0] * 9))
    assert model.total(array("q")) == (0,) * 12


# What a row is charged for


def made(*rows: dict[str, Any]) -> list[list[tuple[int, ...]]]:
    stem = {"kind": "conv", "out_channels": 8, "kernel": 3}
    return costing.operations(Network.from_layers([stem, *rows], (3, 10, 10)))[1:]


CONV = {"kind": "conv", "out_channels": 4, "kernel": 3, "stride": 2}
OPERATION = (0, 3, 8, 4, 1, 5, 5, 3, 6, 6, 100, 144)


def test_norms_are_folded_into_convolutions() -> None:
    for norm in (False, "input", "output", "both"):
        assert made({**CONV, "norm": norm}) == [[OPERATION]]
    pool = {"kind": "pool", "kernel": 2, "stride": 2}
    assert made(pool, {**CONV, "norm": "input"}) == [
        [(3, 2, 1, 8, 1, 5, 5, 2, 5, 5, 100, 100)],
        [(0, 3, 8, 4, 1, 3, 3, 3, 3, 3, 25, 49)],
    ]


@pytest.mark.parametrize("kind", ["add", "concat"])
def test_norms_after_an_addition_or_a_concatenation_are_not(kind: str) -> None:
    both = {"kind": "conv", "out_channels": 8, "kernel": 3}
    join = {"kind": kind, "inputs": [1, 0]}
    width = 16 if kind == "concat" else 8
    size = (10, 10, 1, 10, 10, 100, 100)
    own = [(1, 1, 1, 16, 1, *size) if kind == "concat" else (2, 1, 1, 8, 1, *size)]
    for norm, count in ((False, 0), ("output", 0), ("input", 1), ("both", 1)):
        got = made(both, join, {**CONV, "norm": norm})
        conv = (0, 3, width, 4, 1, 5, 5, 3, 6, 6, 100, 144)
        assert got[1:] == [own, [(1, 1, 1, width, 1, *size)] * count + [conv]]


def test_norms_of_rows_that_are_no_convolution() -> None:
    size = (10, 10, 1, 10, 10, 100, 100)
    whole, joined = (1, 1, 1, 8, 1, *size), (2, 1, 1, 8, 1, *size)
    assert made({"kind": "concat", "norm": "output"}) == [[whole]]
    assert made({"kind": "concat"}) == [[]]
    assert made({"kind": "add", "inputs": [0, 0], "norm": True}) == [[joined, whole]]
    pool = {"kind": "pool", "mode": "global_avg", "norm": "input"}
    pooled = (3, 10, 1, 8, 1, 1, 1, 10, 1, 1, 100, 100)
    assert made(pool) == [[pooled]]
    assert made({"kind": "add", "inputs": [0, 0]}, pool) == [[joined], [whole, pooled]]
    assert made({"kind": "linear", "out_channels": 5, "norm": True}) == [
        [(0, 1, 800, 5, 1, 1, 1, 1, 1, 1, 1, 1)]
    ]


def test_kernels_that_are_not_square() -> None:
    conv = {"kind": "conv", "out_channels": 4, "kernel": (1, 7)}
    assert made(conv) == [[(0, 1, 8, 4, 1, 10, 10, 7, 10, 10, 100, 160)]]
    net = Network.from_layers([conv], (64, 10, 10))
    for name in TARGETS:
        target = Target.load(name)
        square = Network.from_layers([{**conv, "kernel": 1}], (64, 10, 10))
        assert target.cost(net).latency_ms > target.cost(square).latency_ms
        turned = Network.from_layers([{**conv, "kernel": (7, 1)}], (64, 10, 10))
        assert target.cost(net).latency_ms == target.cost(turned).latency_ms


def test_additions_and_pools() -> None:
    size = (10, 10, 1, 10, 10, 100, 100)
    assert made({"kind": "add", "inputs": [0, 0, 0]}) == [[(2, 1, 1, 8, 1, *size)] * 2]
    assert made({"kind": "add", "inputs": [0, 0], "channels": 3}) == [[(2, 1, 1, 3, 1, *size)]]
    pool = {"kind": "pool", "kernel": 3, "stride": 1, "padding": 1}
    assert made(pool) == [[(3, 3, 1, 8, 1, 10, 10, 3, 10, 10, 100, 100)]]


def test_by_hand_on_a_cpu() -> None:
    """One 3x3 convolution of 16 to 16 channels on 8 x 8 positions."""
    target = Target.load("cpu-x86")
    c = target.coefficients["default"]["latency_ms"]
    net = Network([Layer("conv", 16, 16, 8, 8, 3)], (16, 8, 8))
    whole = 64 * 9 * 256 * c["macs_spatial"] + 64 * 16 * c["accumulations"] + c["kernels"]
    cost = target.cost(net)
    assert cost.latency_ms == pytest.approx(whole, rel=1e-6)
    assert cost.energy_mj is None
    assert cost.area_mm2 is None
    assert cost.by_layer[0].name == "0 conv 3x3 16>16"


def test_by_hand_on_rram() -> None:
    """The links: a grid of 2 rows and 1 column, where an input passes one tile in one cycle and an
    output none."""
    target = Target.load("rram")
    c, links = target.coefficients["default"], target.links["default"]
    net = Network([Layer("conv", 64, 64, 8, 8, 3)], (64, 8, 8))
    counted = reference.rram_features(3, 64, 64, 64, padded=100)
    f = dict(zip(KINDS["rram"].FEATURES[: len(counted)], counted, strict=True))
    assert (f["tiles"], f["buffers"], f["tile_rows"]) == (2, 4, 2)
    part = {column: sum(values[n] * f[n] for n in values) for column, values in c.items()}
    latency = part["latency_ms"] + 2 * part["bus_in_ms"]
    energy = part["energy_mj"] + part["bus_in_mj"] + links["leakage_w_per_tile"] * 2 * latency
    grid = links["grid_area_mm2"]
    area = 2 * c["area_mm2"]["tiles"] + grid["const"] + 2 * grid["per_row"] + grid["per_col"]
    area += 4 * c["peak_mm2"]["buffers"] + 2 * c["peak_mm2"]["tile_rows"]
    cost = target.cost(net)
    assert cost.latency_ms == pytest.approx(latency, rel=1e-8)
    assert cost.energy_mj == pytest.approx(energy, rel=1e-8)
    assert cost.area_mm2 == pytest.approx(area, rel=1e-8)


@pytest.mark.parametrize("name", ["rram", "rram-1024"])
@pytest.mark.parametrize("family", ["densenet", "resnet", "wide-resnet"])
def test_networks_on_rram_against_the_twin(family: str, name: str) -> None:
    target = Target.load(name)
    place = target.set_for(family)
    data = {"coefficients": target.coefficients[place], "links": target.links[place]}
    for arch in SearchSpace(family).sample(25, seed=6):
        layers = []
        for layer in arch.network().layers:
            if layer.weights:
                kernel, across = layer.kernel_size
                assert kernel == across
                top, left, bottom, right = layer.paddings
                padded = (layer.height + top + bottom) * (layer.width + left + right)
                spots = layer.out_height * layer.out_width
                layers.append((kernel, layer.in_channels, layer.out_channels, spots, padded))
        expected = reference.rram_network(data, layers, int(target.array[0]))
        cost = target.cost(arch)
        for metric in target.metrics:
            assert getattr(cost, metric) == pytest.approx(expected[metric], rel=1e-8), metric


def test_networks_take_the_set_of_their_structure() -> None:
    target = Target.load("rram")
    for family, skips in (("densenet", 40), ("resnet", 8), ("wide-resnet", 8)):
        arch = Architecture(family, [Cell(16, 6, skips), Cell(32, 6, skips)])
        assert target.cost(arch.network()) == target.cost(arch)
    # A network without labels, or without links, is read with the set "default".
    arch = Architecture("densenet", [Cell(16, 6, 40)])
    bare = Network([layer.replace(cell=None) for layer in arch.network().layers])
    assert target.cost(bare).latency_ms != target.cost(arch).latency_ms


def test_a_network_without_convolutions_costs_nothing_but_the_chip() -> None:
    net = Network([Layer("pool", 3, 3, 8, 8, 2, 2)], (3, 8, 8))
    assert Target.load("cpu-x86").cost(net).latency_ms == 0.0
    cost = Target.load("rram").cost(net)
    assert (cost.latency_ms, cost.energy_mj) == (0.0, 0.0)


@pytest.mark.parametrize("net", ["densenet", None, 3, [Cell(8, 1)]])
def test_neither_architecture_nor_network(net: Any) -> None:
    with pytest.raises(ArgumentTypeError, match="net must be an Architecture or a Network"):
        Target.load("rram").cost(net)


def test_a_layer_too_large_to_count() -> None:
    big = 1 << 39
    net = Network([Layer("conv", big, big, 1, 1, groups=1)], (big, 1, 1))
    with pytest.raises(ArgumentError, match=r"layers\[0\] must be at most 2\*\*56"):
        Target.load("rram").cost(net)
    big = 1 << 26
    net = Network([Layer("conv", big, big, 65536, 65536)], (big, 65536, 65536))
    for name in TARGETS:
        assert Target.load(name).cost(net).latency_ms > 1e6


# What lies outside the calibrated range


def test_within_the_range_nothing_is_flagged() -> None:
    arch = Architecture("densenet", [Cell(32, 14, 40), Cell(64, 14, 80), Cell(128, 14, 125)])
    assert Target.load("rram").cost(arch).flags == ()
    assert Target.load("cpu-x86").cost(arch).flags == ()


def test_a_chip_of_a_class_without_a_run_is_flagged() -> None:
    arch = Architecture("densenet", [Cell(32, 13, 40), Cell(64, 13, 80), Cell(128, 13, 125)])
    flag, unlike = Target.load("rram").cost(arch).flags
    assert flag.startswith("no run of rram has 170 to 182 tiles, as this network (181): ")
    assert unlike.startswith("unlike any network that rram was calibrated on")


def test_activations_that_cost_nothing_are_named_once() -> None:
    def net(*names: str | None) -> Network:
        row = {"kind": "conv", "out_channels": 8, "kernel": 3}
        return Network.from_layers([{**row, "activation": name} for name in names], (3, 16, 16))

    costs = [Target.load("raspberry-pi-4").cost(net(*names)) for names in (
        ("relu", "relu6"), ("silu", "gelu"), ("relu", None), ("silu", "silu"),
    )]  # fmt: skip
    said = [[flag for flag in cost.flags if "activations" in flag] for cost in costs]
    free = "raspberry-pi-4 charges nothing for the activations"
    assert said == [[], [f"{free} gelu, silu"], [], [f"{free} silu"]]
    assert len({cost.latency_ms for cost in costs}) == 1


def test_flags() -> None:
    rram, cpu = Target.load("rram"), Target.load("raspberry-pi-4")
    tiny = rram.cost(Architecture("densenet", [Cell(1, 1)])).flags
    assert len(tiny) == 9
    assert tiny[-1].startswith("unlike any network that rram was calibrated on: its distance is ")
    assert any(flag.startswith("latency_ms 0.0") for flag in tiny)
    assert any(flag.startswith("no run of rram has 2 tiles") for flag in tiny)
    arch = Architecture("mobilenet-v2", [Cell(1800, 2, 0, 6, 7)], 224)
    flags = cpu.cost(arch).flags
    for start in ("latency_ms", "macs", "channels 21600", "kernel 7", "resolution 224"):
        assert any(flag.startswith(start) for flag in flags), start
    assert "kernel 7 is outside the calibrated range, 1 to 3" in flags
    assert "resolution 224 is outside the calibrated range, 1 to 32" in flags
    first = rram.cost(arch).flags[0]
    assert first.startswith("mobilenet-v2 on rram is not calibrated: ")
    assert "densenet, resnet, wide-resnet" in first
    (note,) = [flag for flag in rram.cost(arch.network()).flags if "grouped" in flag]
    assert note == "grouped convolutions on rram are not calibrated: they are costed as dense"


@settings(max_examples=50)
@given(spaces(), st.sampled_from(TARGETS))
def test_flags_of_a_search_are_those_of_the_cost(
    picked: tuple[SearchSpace, int, list[int]], name: str
) -> None:
    try:
        result = flash.search(picked[0], Target.load(name).without_memory_budgets())
    except ArgumentError as error:  # kernels so large that totals leave 2^53 units
        if "2^53" not in str(error):
            raise
        return
    assert result.architecture is not None
    of_costs = tuple(one for one in result.flags if "hardly counts depth" not in one)
    assert of_costs == Target.load(name).cost(result.architecture).flags


def test_features_that_no_network_had_are_flagged() -> None:
    result = flash.search("mobilenet-v2", "raspberry-pi-4")
    (flag,) = [one for one in result.flags if one.startswith("macs_depthwise ")]
    assert flag.endswith(" is outside the calibrated range: no network had any")
    assert str(result).count("note: ") == len(result.flags) >= 2
    assert flash.SearchResult.from_json(result.to_json()).flags == result.flags


def test_flags_without_ranges() -> None:
    target = Target.load("rram").replace(calibrated_ranges={})
    assert flags_for(target, "densenet", {"latency_ms": 1e9}, 10**6, 31, 8192) == ()
    assert flags_for(target, "mobilenet-v2", {})[0].startswith("mobilenet-v2 on rram")


def test_a_network_keeps_its_costs() -> None:
    net = Architecture("resnet", [Cell(8, 2, 8)]).network()
    rram, cpu = Target.load("rram"), Target.load("cpu-x86")
    assert rram.cost(net) is rram.cost(net)
    assert cpu.cost(net) != rram.cost(net)
    twin = Target.from_dict(rram.to_dict())
    assert twin.cost(net) == rram.cost(net)
    for _ in range(20):  # only the last few are kept
        Target.from_dict(rram.to_dict()).cost(net)
    assert len(net.__dict__["_costs"]) <= 8
    assert rram.cost(net) == twin.cost(net)
