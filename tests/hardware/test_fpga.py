"""FPGA targets: what a layer costs on its unit, what a unit takes, and what a file may say."""

from __future__ import annotations

import copy
import json
import re
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twins.reference import fpga_layer

import flash
from flash.errors import ArgumentError, FormatError
from flash.hardware import Target, fpga
from flash.networks.architecture import Architecture, Cell
from flash.networks.families import FAMILIES
from flash.networks.network import Layer, Network

DEVICES = ("fpga-k26", "fpga-u200", "fpga-z7020", "fpga-zu3eg", "fpga-zu7ev", "fpga-zu9eg")
PLAIN = {"cycles": 5e-6}  # of 200 MHz
UNIT = st.fixed_dictionaries(
    {
        "into": st.integers(1, 40),
        "out": st.integers(1, 40),
        "bits": st.integers(2, 9),
        "mac": st.sampled_from(["dsp", "lut"]),
        "weights_kib": st.integers(1, 9),
        "maps_kib": st.integers(1, 9),
    }
)


def file_of(**changes: Any) -> dict[str, Any]:
    data = copy.deepcopy(json.loads(Target.load("fpga-zu3eg").to_json()))
    data["parameters"].update(changes)
    return data


def target_of(
    units: dict[str, Any], bits: int, bandwidth: float, further: dict[str, float] | None = None
) -> Target:
    further = further or {}
    resources = {"dsp": 100_000, "lut": 10_000_000, "bram": 100_000}
    data = file_of(units=units, bits=bits, bandwidth_gb_s=bandwidth, resources=resources, usable={})
    data["coefficients"]["default"]["latency_ms"] = {**PLAIN, **further}
    return Target.from_dict(data)


@given(
    UNIT,
    st.integers(1, 9),
    st.sampled_from([1, 3, 5]),
    st.sampled_from([1, 2]),
    st.integers(1, 30),
    st.integers(1, 30),
    st.sampled_from(["dense", "grouped", "depthwise"]),
    st.integers(5, 12),
    st.sampled_from([0.01, 0.4, 1000.0]),
)
def test_layers_take_the_longer_of_computing_and_traffic(
    unit: dict[str, Any],
    bits: int,
    kernel: int,
    stride: int,
    into: int,
    out: int,
    kind: str,
    side: int,
    bandwidth: float,
) -> None:
    groups = {"dense": 1, "grouped": 2, "depthwise": into}[kind]
    if kind == "grouped":
        into, out = 2 * into, 2 * out
    if kind == "depthwise":
        out = into
    if kind == "grouped" and into == 2:
        into = 4  # two groups of one channel would be depthwise
    layer = Layer("conv", into, out, side, side, kernel, stride, groups)
    units = {"depthwise": unit} if kind == "depthwise" and into > 1 else {"conv": unit}
    target = target_of(units, bits, bandwidth)
    made = -(-side // stride)
    cycles, moved = fpga_layer(unit, bits, kernel, into, out, groups, side * side, made * made)
    wanted = max(cycles, moved / (bandwidth * 8e3 / 200.0)) * 5e-6
    cost = target.cost(Network([layer], (into, side, side)))
    assert cost.latency_ms == pytest.approx(wanted, rel=1e-12, abs=2.0**-36)
    further = {"bits_moved": 1e-8, "layers": 0.02}
    more = target_of(units, bits, bandwidth, further).cost(Network([layer], (into, side, side)))
    assert more.latency_ms == pytest.approx(wanted + 1e-8 * moved + 0.02, rel=1e-12, abs=2.0**-35)


def test_a_layer_by_hand() -> None:
    """64 to 64 channels, 3 x 3, 16 x 16 pixels, 8 bits, on the shipped accelerator's 16 x 16."""
    target = Target.load("fpga-zu3eg")
    net = Network([Layer("conv", 64, 64, 16, 16, 3, 1, 1)], (64, 16, 16))
    computing = 9 * 4 * 4 * 256  # cycles
    weights, maps = 9 * 64 * 64 * 8, 64 * 256 * 8  # bits, of 32 KiB and 32 KiB there is room
    moved = min(maps * 2 + weights, weights * 1 + maps) + maps
    assert moved == 557_056
    assert computing == 36_864 > moved / (3.944 * 8e3 / 200)  # 3,531 cycles
    wanted = computing * 5e-6 + moved * 1.15294e-08 + 0.0239
    assert wanted == pytest.approx(0.214643, abs=1e-6)
    assert target.cost(net).latency_ms == pytest.approx(wanted, rel=1e-9)
    # 0.364 of the traffic, at 3.944 GB/s, is not hidden
    hidden = 1.0 - 1.15294e-08 * 3.944 * 8e6
    assert hidden == pytest.approx(0.63622, abs=1e-5)


def test_a_pointwise_unit_takes_what_is_1x1() -> None:
    slow, fast = ({"into": n, "out": n, "bits": 8, "mac": "dsp", "weights_kib": 64,
                   "maps_kib": 64} for n in (1, 8))  # fmt: skip
    net = Network([Layer("conv", 64, 64, 8, 8, 1, 1, 1)], (64, 8, 8))
    alone = target_of({"conv": slow}, 8, 1000.0).cost(net).latency_ms
    both = target_of({"conv": slow, "pointwise": fast}, 8, 1000.0).cost(net).latency_ms
    assert alone == pytest.approx(64 * both)


def test_what_a_unit_takes() -> None:
    # 16 x 16 multipliers of 8 bits: two in a slice; of LUTs (2 ceil(16 / 6) - 1) 16 = 80 each
    unit = {"into": 16, "out": 16, "bits": 8, "mac": "dsp", "weights_kib": 32, "maps_kib": 32}
    adders = 16 * (31 * 16 + 32)
    # 262144 bits behind two ports of 72 bits: two banks of four blocks, two buffers, twice
    assert fpga.uses(unit) == (128, 300 + -(-11 * adders // 10), 2 * 2 * 2 * 4)
    assert fpga.uses({**unit, "bits": 4})[0] == 64
    assert fpga.uses({**unit, "bits": 16})[0] == 256
    multipliers = 16 * 16 * 80
    assert fpga.uses({**unit, "mac": "lut"})[:2] == (
        0,
        300 + -(-11 * (adders + multipliers) // 10),
    )
    assert fpga.uses({**unit, "bits": 2, "mac": "lut"})[1] < fpga.uses({**unit, "mac": "lut"})[1]


@pytest.mark.parametrize("name", DEVICES)
def test_shipped_devices(name: str) -> None:
    target = Target.load(name)
    assert target.provenance is not None
    assert all(target.provenance[key] for key in ("source", "memory", "share", "ports", "clock"))
    share, peak = re.findall(r"[\d.]+", target.provenance["bandwidth"])[:2]
    through = re.search(r"at most ([\d.]+) GB/s", target.provenance["bandwidth"])
    limit = float(through[1]) if through else float("inf")
    speed = (target.parameters or {})["bandwidth_gb_s"]
    assert speed == pytest.approx(min(float(share) * float(peak), limit), abs=1e-3)
    limits = fpga.limits(target.parameters or {}, "")
    used = fpga.total((target.parameters or {})["units"])
    assert all(used[key] <= limits[key] for key in limits)
    for family in FAMILIES:
        assert target.design_space(family).least_shortage() is None
        result = flash.search(family, name)
        assert result.status == "OPTIMAL"


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"resources": {"dsp": 360, "lut": 70560}}, "resources lacks the key 'bram'"),
        ({"resources": {"dsp": 0, "lut": 70560, "bram": 216}}, "resources.dsp must be an integer"),
        ({"resources": {"dsp": 10**9, "lut": 7, "bram": 2}}, "from 1 to 100000, got 1000000000"),
        ({"resources": {"dsp": 100, "lut": 70560, "bram": 216}},
         "do not fit the device: dsp: 228 needed, 80 usable, 148 short"),
        ({"resources": None}, "resources must be a table"),
        ({"usable": {"dsp": 1.5}}, "usable.dsp must be a finite number from 0.01 to 1"),
        ({"bits": 0}, "bits must be an integer from 1 to 16"),
        ({"clock_mhz": -1}, "clock_mhz must be a finite number"),
        ({"bandwidth_gb_s": float("nan")}, "must be a finite number"),
        ({"units": {}}, "units must hold one of conv, depthwise, pointwise"),
        ({"units": {"conv": {"into": 8}}}, "units.conv lacks the key 'out'"),
        ({"units": {"softmax": {}}}, "softmax"),
    ],
)  # fmt: skip
def test_refused_parameters(changes: dict[str, Any], text: str) -> None:
    with pytest.raises(FormatError, match=text):
        Target.from_dict(file_of(**changes))


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("into", [], "design.conv.into|design.into must be a list of 1 to 64 values"),
        ("into", [8, 8], "must hold no value twice"),
        ("out", [0], "must be an integer from 1 to 1024"),
        ("mac", ["uram"], "must be one of 'dsp', 'lut', got 'uram'"),
        ("cell_bits", [64], "cell_bits must be an integer from 1 to 16"),
        ("speed", [1], "speed"),
    ],
)
def test_refused_designs(key: str, value: Any, text: str) -> None:
    data = file_of()
    keys = ("into", "out", "bits", "mac", "weights_kib", "maps_kib")
    data["design"] = {name: list(data["design"]["conv"][name]) for name in keys}
    data["design"][key] = value
    with pytest.raises(FormatError, match=text):
        Target.from_dict(data)


def test_networks_that_need_another_unit() -> None:
    unit = {"into": 8, "out": 8, "bits": 8, "mac": "dsp", "weights_kib": 8, "maps_kib": 8}
    target = target_of({"conv": unit}, 8, 1.0)
    with pytest.raises(ArgumentError, match="has no depthwise unit, which mobilenet-v2 needs"):
        flash.search("mobilenet-v2", target)
    net = Network([Layer("conv", 8, 8, 8, 8, 3, 1, 8)], (8, 8, 8))
    with pytest.raises(ArgumentError, match="lacks: a depthwise unit, for a convolution of 8 to 8"):
        target.cost(net)
    assert flash.search("resnet", target).status == "OPTIMAL"


def test_search_and_single_costs_agree() -> None:
    random = Random(3)
    for family, cells in (
        ("densenet", [Cell(16, 5, 20), Cell(32, 7, 64), Cell(64, 6, 0)]),
        ("resnet", [Cell(16, 2, 16), Cell(32, 2, 32), Cell(64, 1, 0)]),
    ):
        arch = Architecture(family, cells)
        target = Target.load(random.choice(DEVICES))
        space = flash.SearchSpace(
            family,
            widths=tuple(cell.width for cell in cells),
            depths=tuple(cell.depth for cell in cells),
            skips=tuple(cell.skips for cell in cells),
        )
        assert space.size == 1
        assert flash.search(space, target).latency_ms == target.cost(arch).latency_ms


SAID = "published accelerators take 0.73 to 1.45 times as long as their models (median 1.03)"


@pytest.mark.parametrize("name", DEVICES)
def test_every_result_says_how_far_published_accelerators_are(name: str) -> None:
    parameters = Target.load(name).parameters or {}
    factor = parameters["published_factor"]
    assert 0.5 < factor["low"] <= factor["median"] <= factor["high"] < 2.0
    assert factor["source"]
    told = [
        *flash.search("mobilenet-v2", name, max_macs=300e6).flags,
        *flash.search("resnet", name, codesign=True).flags,
        *Target.load(name).cost(Architecture("resnet", [Cell(16, 1, 0)])).flags,
    ]
    assert sum("is not calibrated" in one and SAID in one for one in told) == 3
    assert f"note: {name} is not calibrated" in str(flash.pareto("resnet", name))
    swept = str(flash.sweep("resnet", name, sample=50))
    assert SAID in swept.replace("\n", " ")


@pytest.mark.parametrize(
    ("factor", "text"),
    [
        ({"low": 1.0, "median": 1.0, "high": 2.0}, "published_factor lacks the key 'source'"),
        ({"low": 2.0, "median": 1.0, "high": 2.0, "source": "x"}, "must rise from low to high"),
        ({"low": 0.0, "median": 1.0, "high": 2.0, "source": "x"}, "published_factor.low must be"),
        (1.5, "published_factor must be a table"),
    ],
)
def test_refused_factors(factor: Any, text: str) -> None:
    with pytest.raises(FormatError, match=text):
        Target.from_dict(file_of(published_factor=factor))


def test_without_a_factor_nothing_is_said_of_one() -> None:
    target = Target.from_dict(file_of(published_factor=None))
    flags = target.cost(Architecture("resnet", [Cell(16, 1, 0)])).flags
    assert any("is not calibrated" in one for one in flags)
    assert not any("published accelerators" in one for one in flags)


def test_a_layer_whose_constant_is_most_of_it_is_bound_by_the_call() -> None:
    net = Network.from_layers(
        [
            {"kind": "conv", "out_channels": 8, "kernel": 1},
            {"kind": "conv", "out_channels": 512, "kernel": 3},
            {"kind": "conv", "out_channels": 1024, "kernel": 8, "padding": 0},
        ],
        (8, 8, 8),
    )
    rows = Target.load("fpga-zu3eg").cost(net).by_layer
    assert [row.bound for row in rows] == ["calls", "compute", "memory"]
