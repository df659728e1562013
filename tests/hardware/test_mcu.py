"""Microcontrollers: what is counted, how published figures are met, what a file may say."""

from __future__ import annotations

from typing import Any

import pytest
from hardware.test_features import charged
from hypothesis import given, settings
from hypothesis import strategies as st

import flash
from flash.errors import ArgumentError, ArgumentTypeError, FormatError
from flash.hardware import KINDS, Target
from flash.hardware.mcu import FEATURES
from flash.networks.layer import Layer
from flash.networks.network import Network

NAMES = ("cortex-m4", "cortex-m55", "cortex-m7", "esp32-s3")


def counts(kernel: int, into: int, out: int, groups: int, height: int, width: int) -> list[float]:
    """A convolution's features, weight by weight and position by position."""
    each, found = into // groups, dict.fromkeys(FEATURES, 0)
    if groups > 1 and each == 1:
        kind = "depthwise"
    elif kernel > 1:
        kind = "conv" if each >= 4 else "image"
    else:
        kind = "linear" if height == width == 1 else "pointwise"
    weights = sum(kernel * kernel for _ in range(out) for _ in range(each))
    found[f"macs_{kind}"] = weights * height * width
    found["outputs"] = out * height * width
    found |= {"calls": 1, "weights": weights, "channels": out}
    return [float(found[name]) for name in FEATURES]


@settings(max_examples=200)
@given(
    st.integers(1, 7),
    st.integers(1, 40),
    st.integers(1, 40),
    st.sampled_from([1, 2, 3, "all"]),
    st.integers(1, 60),
    st.integers(1, 60),
)
def test_features_of_layers(
    kernel: int, into: int, out: int, groups: Any, height: int, width: int
) -> None:
    groups = into if groups == "all" else groups
    into, out = into * (1 if groups == into else groups), out * groups
    expected = counts(kernel, into, out, groups, height, width)
    assert charged("mcu", (0, kernel, into, out, groups, height, width)) == expected
    if kernel == 1 and groups == 1:
        assert charged("mcu", (8, kernel, into, out, groups, height, width)) == expected


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        ((1, 1, 1, 24, 1, 5, 7), {"copied": 840}),
        ((2, 1, 1, 24, 1, 5, 7), {"adds": 840}),
        ((3, 3, 1, 24, 1, 5, 7), {"pools": 7560}),
        ((4, 0, 30, 20, 20, 1, 1), {"moved": 50}),  # plain
        ((4, 1, 30, 30, 30, 1, 1), {"moved": 60, "curves": 30}),
        ((4, 3, 30, 30, 30, 1, 1), {"moved": 60}),  # a norm
        ((4, 9, 30, 30, 30, 1, 1), {"moved": 60, "curves": 30}),
        ((5, 1, 12, 8, 2, 3, 1), {"macs_products": 144, "outputs": 24}),
    ],
)
def test_features_of_passes(operation: tuple[int, ...], expected: dict[str, int]) -> None:
    found = dict(zip(FEATURES, charged("mcu", operation), strict=True))
    assert {name: value for name, value in found.items() if value} == {**expected, "calls": 1}
    for sub in (6, 7):  # what runtimes with other layouts do
        assert charged("mcu", (4, sub, 1, 1, 9, 1, 1)) == [0.0] * len(FEATURES)


def test_recurrent_layers() -> None:
    layer: Any = {"kind": "recurrent", "mode": "lstm", "in_channels": 6, "out_channels": 5,
                  "height": 9}  # fmt: skip
    net = Network.from_layers([layer], (6, 9, 1))
    target = Target.load("cortex-m7")
    rate = target.coefficients["default"]["latency_ms"]["macs_products"]
    assert target.cost(net).latency_ms == pytest.approx(rate * net.macs, rel=1e-6)


def separable() -> list[dict[str, Any]]:
    relu: Any = {"norm": True, "activation": "relu"}
    rows: list[dict[str, Any]] = [
        {"kind": "conv", "out_channels": 64, "kernel": (10, 4), "stride": 2, "padding": (4, 1),
         "padding_end": (5, 1), **relu},
    ]  # fmt: skip
    for _ in range(4):
        rows.append({"kind": "conv", "out_channels": 64, "kernel": 3, "groups": 64, **relu})
        rows.append({"kind": "conv", "out_channels": 64, "kernel": 1, **relu})
    rows.append({"kind": "pool", "mode": "global_avg"})
    return [*rows, {"kind": "linear", "out_channels": 12, "bias": True}]


def test_the_figures_that_the_rates_are_from() -> None:
    """MLPerf Tiny's DS-CNN: 13.759 and 60.988 inferences a second, at 120 and 280 MHz."""
    net = Network.from_layers(separable(), (1, 49, 10))
    assert net.macs == 2_656_768
    m4 = Target.load("cortex-m4").cost(net)
    assert m4.latency_ms == pytest.approx(1000 / 13.759, rel=1e-4)
    assert m4.energy_mj == pytest.approx(5.481633, rel=1e-3)
    m7 = Target.load("cortex-m7").cost(net)
    assert m7.latency_ms == pytest.approx(1000 / 60.988 * 280 / 216, rel=1e-4)
    assert m7.energy_mj is None


@pytest.mark.parametrize("name", NAMES)
def test_they_say_that_they_are_not_calibrated(name: str) -> None:
    target = Target.load(name)
    assert target.int8
    assert set(target.memory_budgets) == {"max_memory_kib", "max_weights_kib"}
    assert target.intervals == {}
    arch = flash.MobileNetV2(cells=3, resolution=32).decode(0)
    (flag,) = target.cost(arch).flags
    assert "not calibrated" in flag
    assert "published" in flag
    assert flag in flash.search("resnet", name, max_weights_kib=500).flags


# in integers of 8 bits


def test_bits_of_a_network() -> None:
    net = Network.from_layers(
        [
            {"kind": "conv", "out_channels": 8, "norm": True, "kernel": 3},
            {"kind": "conv", "out_channels": 8, "kernel": 1, "bias": True, "weight_bits": 4},
            {"kind": "norm", "mode": "layer", "extra_params": 16},
            {"kind": "pool", "mode": "global_avg"},
            {"kind": "linear", "out_channels": 10},
        ],
        (3, 16, 16),
    )
    small = net.with_bits(8)
    assert (small.params, small.macs, small.input_bits) == (net.params, net.macs, 8)
    assert [one.bits for one in small.layers] == [8] * 5
    assert [one.weight_bits for one in small.layers] == [8, 4, 8, 8, 8]
    stored = [27 * 8 + 12 * 8, (64 + 8) / 2, 16, 0, 80 + 12 * 10]
    assert [one.weights_bytes for one in small.layers] == stored
    assert small.weights_kib == sum(stored) / 1024
    # the first convolution with the image, which is gone before the norm's second map
    assert small.peak_memory_kib == 2 * 8 * 256 / 1024
    assert net.peak_memory_kib == 4 * (2 * 8 + 3) * 256 / 1024
    half = net.with_bits(16)
    assert half.peak_memory_kib == net.peak_memory_kib / 2
    assert half.with_bits(8).peak_memory_kib == half.peak_memory_kib  # rows keep what they say
    assert net.with_bits(32) == net
    assert Network.from_json(small.to_json()) == small
    assert "input_bits" not in net.to_dict()
    for name in NAMES:
        cost = Target.load(name).cost(net)
        assert cost.latency_ms == Target.load(name).cost(small).latency_ms
        assert cost.weights_kib == small.weights_kib
        assert cost.peak_memory_kib == small.peak_memory_kib
        assert max(one.memory_kib or 0 for one in cost.by_layer) == small.peak_memory_kib


@pytest.mark.parametrize(("bits", "error"), [
    (7, ArgumentError), (0, ArgumentError), (True, ArgumentTypeError), ("8", ArgumentTypeError),
    (8.0, ArgumentTypeError), (None, ArgumentTypeError),
])  # fmt: skip
def test_other_bits_are_refused(bits: Any, error: type[Exception]) -> None:
    net = Network([Layer("conv", 3, 4, 8, 8)], (3, 8, 8))
    with pytest.raises(error, match="bits must be 8, 16 or 32, got"):
        net.with_bits(bits)


def test_bits_of_the_image_are_checked() -> None:
    with pytest.raises(ArgumentError, match="input_bits must be an integer from 1 to 64"):
        Network([Layer("conv", 3, 4, 8, 8)], (3, 8, 8), input_bits=65)


# what a file may say


def file_of(kind: str = "mcu", **parameters: Any) -> dict[str, Any]:
    feature = KINDS[kind].FEATURES[0]
    return {
        "format": 1,
        "name": "mine",
        "kind": kind,
        "coefficients": {"default": {"latency_ms": {feature: 1e-5}}},
        "parameters": parameters,
    }


@pytest.mark.parametrize("kind", ["mcu", "cpu", "gpu"])
def test_any_kind_may_say_what_memory_it_has(kind: str) -> None:
    target = Target.from_dict(file_of(kind, sram_kib=100, sram_taken_kib=30.5, flash_kib=9))
    assert target.memory_budgets == {"max_memory_kib": 69.5, "max_weights_kib": 9.0}
    assert not target.int8
    assert Target.from_dict(target.to_dict()) == target
    free = target.without_memory_budgets()
    assert free.memory_budgets == {}
    assert free.coefficients == target.coefficients
    assert Target.from_dict(file_of(kind, int8=True)).memory_budgets == {}
    assert Target.load("raspberry-pi-4").memory_budgets == {}


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"int8": 1}, "int8 must be True or False"),
        ({"sram_kib": "320"}, "sram_kib must be a finite number"),
        ({"sram_kib": -1}, "sram_kib must be"),
        ({"flash_kib": 10, "flash_taken_kib": 10}, "flash_taken_kib must be less than flash_kib"),
        ({"sram_kib": 0}, "sram_taken_kib must be less than sram_kib, 0, got 0"),
        ({"sram_taken_kib": 3}, "sram_taken_kib is a part of sram_kib, which is not there"),
    ],
)
def test_wrong_memory_is_refused(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises((ArgumentError, ArgumentTypeError, FormatError), match=message):
        Target.from_dict(file_of(**parameters))


def test_memory_of_a_target_that_has_none() -> None:
    pi = Target.load("raspberry-pi-4")
    board = pi.with_memory(sram_kib=512, sram_taken_kib=12)
    assert board.memory_budgets == {"max_memory_kib": 500.0}
    assert not board.int8
    small = board.with_memory(flash_kib=64, int8=True)
    assert small.memory_budgets == {"max_memory_kib": 500.0, "max_weights_kib": 64.0}
    assert small.int8
    assert small.provenance == pi.provenance
    assert Target.from_dict(small.to_dict()) == small
    assert small.without_memory_budgets().memory_budgets == {}
    assert pi.memory_budgets == {}
    with pytest.raises(
        (ArgumentError, FormatError), match=r"with_memory\(\).sram_taken_kib must be"
    ):
        pi.with_memory(sram_kib=3, sram_taken_kib=3)
    with pytest.raises((ArgumentTypeError, FormatError), match=r"with_memory\(\).int8 must be"):
        pi.with_memory(int8=1)  # type: ignore[arg-type]
