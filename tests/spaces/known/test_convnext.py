"""ConvNeXt: networks that are published, rows and modules alike, arguments."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twins.blocks import told_by_tables

import flash
from flash.errors import ArgumentError, ArgumentTypeError
from flash.hardware.charging import charges
from flash.hardware.costing import family_and_charged
from flash.networks.memory import memory_of
from flash.networks.network import Network
from flash.spaces.known.blocks import BLOCKS, block_of
from flash.spaces.known.convnext import PUBLISHED, ConvNeXt
from flash.spaces.known.homes import known_space

TARGETS = [flash.Target.load(name) for name in ("cpu-x86", "raspberry-pi-4", "rram", "gtx-1080ti")]
# Parameters and multiply-accumulates of 224 x 224 pixels, counted on the modules of torchvision
# 0.29.1 (tiny to large) and timm 1.0.31 (all)
MODELS = {
    "atto": (3_695_520, 547_332_480),
    "femto": (5_217_784, 779_629_824),
    "pico": (9_045_672, 1_367_055_360),
    "nano": (15_593_560, 2_445_528_320),
    "tiny": (28_589_128, 4_455_531_264),
    "small": (50_223_688, 8_683_712_256),
    "base": (88_591_464, 15_354_729_472),
    "large": (197_767_336, 34_361_433_600),
}


def largest(space: flash.BlockSpace) -> flash.BlockNetwork:
    return space.decode([length - 1 for length in space.lengths])


@pytest.mark.parametrize("name", MODELS)
def test_published_networks(name: str) -> None:
    net = largest(ConvNeXt(name))
    assert (net.params, net.macs) == MODELS[name]
    assert set(MODELS) == set(PUBLISHED)


@pytest.mark.parametrize("name", ["tiny", "small", "base"])
def test_the_space_without_arguments_holds_them(name: str) -> None:
    space, (widths, depths) = ConvNeXt(), PUBLISHED[name]
    asked = {"width_stem": widths[0]}
    asked |= {f"width_down{k}": width for k, width in enumerate(widths[1:], 2)}
    asked |= {f"depth_stage{k}": depth for k, depth in enumerate(depths, 1)}
    choices = {key: space.choices_of(key).index(value) for key, value in asked.items()}
    blocks = [one for one in space.variables if one.startswith("block_")]
    choices |= {key: len(space.choices_of(key)) - 1 for key in blocks}
    net = flash.BlockNetwork(space, choices)
    assert (net.params, net.macs) == MODELS[name]


def test_size() -> None:
    """9 choices a block, each of the blocks that a network has."""
    short = 9**2 + 9**3
    assert ConvNeXt().size == 2**4 * short**3 * sum(9**deep for deep in range(6, 28, 3))
    own = ConvNeXt("tiny")
    assert own.size == short**3 * sum(9**deep for deep in range(5, 10))
    assert ConvNeXt("tiny", shared=True).size == (2 * 9) ** 3 * 5 * 9
    assert ConvNeXt("tiny", kernels=7, ratios=4, depths=[3, 3, 9, 3]).size == 1


@pytest.mark.torch
@pytest.mark.slow
@pytest.mark.parametrize("stride", [1, 2])
def test_rows_are_what_modules_are(stride: int) -> None:
    """Each block with every choice: as rows, and read from its module."""
    torch = pytest.importorskip("torch")
    head = flash.Stage({"head": block_of("", "convnext-head")}, 10)
    stem = flash.Stage({"stem": block_of("", "convnext-stem")}, 12, name="stem")
    block = flash.Stage({"block": block_of("", "convnext")}, 12 * stride, 2, stride)
    down = flash.Stage({"down": block_of("", "convnext-downsample")}, 32, stride=2)
    space = flash.BlockSpace([block, down], (3, 67, 64), stem, head, 10)
    found = space.fragments()
    assert len(found) == 1 + 9 * stride + 1 + 1
    for one in found:
        rows = one.network
        module = one.to_torch(seed=3)
        read = Network.from_torch(module, one.shape_in)
        assert rows.layers == read.layers, one.name
        assert (rows.params, rows.macs) == (read.params, read.macs)
        assert rows.params == sum(value.numel() for value in module.parameters())
        assert memory_of(rows) == memory_of(read)
        for target in TARGETS:
            both = [charges(target, "", family_and_charged(net, target)[1]) for net in (rows, read)]
            assert both[0].tobytes() == both[1].tobytes()
        with torch.no_grad():
            assert tuple(module.eval()(torch.zeros(1, *one.shape_in)).shape[1:]) == one.shape_out
    assert set(BLOCKS) >= {"convnext", "convnext-stem", "convnext-downsample", "convnext-head"}


@pytest.mark.torch
def test_module_of_a_network() -> None:
    """Parameters as its rows, in the order that public models have them; weights by seed."""
    torch = pytest.importorskip("torch")
    space = ConvNeXt("atto", input=(3, 64, 96), num_classes=10)
    net = space.sample(1, seed=5)[0]
    module = net.to_torch(seed=1)
    assert sum(one.numel() for one in module.parameters()) == net.params
    read = Network.from_torch(module, (3, 64, 96))
    assert (read.macs, read.peak_memory_kib) == (net.macs, net.peak_memory_kib)
    for target in TARGETS:
        one, other = target.cost(read), target.cost(net)
        assert (one.latency_ms, one.energy_mj) == (other.latency_ms, other.energy_mj)
    names = list(module.state_dict())
    assert names[:4] == ["stem.0.weight", "stem.0.bias", "stem.1.weight", "stem.1.bias"]
    assert names[4].endswith(".layer_scale")
    one, other = (net.to_torch(seed=1).eval(), net.to_torch(seed=2).eval())
    x = torch.ones(1, 3, 64, 96)
    with torch.no_grad():
        assert torch.equal(module.eval()(x), one(x))
        assert not torch.equal(one(x), other(x))


SMALL = ConvNeXt(
    widths=[8, [12, 16]], depths=[2, [1, 2]], kernels=[3, 9], input=(3, 32, 40), num_classes=5
)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_tables_are_what_targets_say(seed: int) -> None:
    net = SMALL.sample(1, seed)[0]
    for target in TARGETS:
        told, cost = told_by_tables(SMALL, target, [net])[0], target.cost(net)
        for name in ("latency_ms", "energy_mj", "area_mm2"):
            assert told[name] == (getattr(cost, name) or 0.0)
        assert (told["params"], told["macs"]) == (net.params, net.macs)


def test_search_is_proven() -> None:
    space = ConvNeXt("atto", input=(3, 64, 64), num_classes=10)
    most = flash.Target.load("cpu-x86").cost(largest(space)).latency_ms
    result = flash.search(space, "cpu-x86", max_latency_ms=most / 2)
    assert result.proven
    assert result.latency_ms <= most / 2
    assert result.params == result.architecture.params


def test_plain_data() -> None:
    assert known_space("convnext") == ConvNeXt()
    assert ConvNeXt().to_dict() == {"family": "convnext"}
    one = ConvNeXt("nano", depths=[1, flash.Range(1, 2), (2, 4), 1], kernels=(5, 9), bits=8)
    data = one.to_dict()
    assert data["preset"] == "nano"
    assert data["depths"][1] == {"low": 1, "high": 2}
    again = flash.BlockSpace.from_dict(data)
    assert again == one
    assert again.size == one.size
    assert flash.BlockSpace.from_dict(ConvNeXt(bits=8).to_dict()) != ConvNeXt()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"preset": "tiy"}, "preset must be one of .*tiny"),
        ({"kernels": [3, 4]}, "kernels must be odd"),
        ({"kernels": 33}, "kernels must be"),
        ({"ratios": 0}, "ratios must be"),
        ({"ratios": [2, 2]}, "ratios must hold each choice once"),
        ({"widths": 96}, "widths must have an entry for each stage"),
        ({"widths": []}, "widths must have an entry for each stage"),
        ({"widths": [8, 16]}, "widths and depths must have an entry for each stage, got 2 and 4"),
        ({"depths": [1, 2, 0, 1]}, r"depths\[2\] must be"),
        ({"input": (3, 16, 224)}, "sides of input must be .*32"),
        ({"input": (10, 10)}, "input must be"),
        ({"num_classes": 0}, "num_classes"),
        ({"bits": 3}, "bits must be one of"),
        ({"shared": 1}, "shared must be"),
    ],
)
def test_arguments_that_are_not_accepted(arguments: dict[str, object], text: str) -> None:
    with pytest.raises((ArgumentError, ArgumentTypeError), match=text):
        ConvNeXt(**arguments)


def test_several_inputs() -> None:
    """Sizes of the image are a choice; sides that strides do not divide lose their rest."""
    space = ConvNeXt(
        widths=[4, 8], depths=[1, 1], kernels=3, ratios=2,
        input=[(3, 32, 32), (3, 47, 51)], num_classes=3,
    )  # fmt: skip
    assert space.variables == ("input",)
    assert space.size == 2
    macs = [one.macs for one in space.sample(2)]
    assert len(set(macs)) == 2
    assert math.prod(macs) > 0


@pytest.mark.parametrize("most", [2001, 4000])
def test_evaluations_of_both_solvers_count(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    from flash import searching

    monkeypatch.setattr(searching, "FIRST", 2000)
    first = flash.search("convnext", "cpu-x86", max_latency_ms=60.0, max_evals=2000)
    found = flash.search("convnext", "cpu-x86", max_latency_ms=60.0, max_evals=most)
    assert first.stopped == "max_evals"
    assert first.objective is not None
    assert found.objective is not None
    assert found.objective >= first.objective
    assert first.nfev <= found.nfev <= most
