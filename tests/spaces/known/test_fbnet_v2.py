"""The space fbnet-v2: its size, its networks, and what is refused."""

from __future__ import annotations

import random
from typing import Any

import pytest

import flash
from flash.errors import ArgumentError, ArgumentTypeError
from flash.spaces.known.fbnet_v2 import FBNetV2
from flash.spaces.known.homes import known_space

SMALL: dict[str, Any] = {
    "widths": ([8, 16], [16, 24]), "depths": (1, 2), "strides": (1, 2), "kernels": (3, 5),
    "expansions": (1, 3), "stem": 8, "stem_stride": 1, "head": (0, 0), "resolution": 8,
    "num_classes": 10,
}  # fmt: skip


def test_size_and_choices() -> None:
    space = known_space("fbnet-v2")
    widths = (4, 4, 7, 8, 8)
    assert space.size == 72**17 * 4**3 * 4**3 * 7**3 * 8**4 * 8**4
    for stage, (count, depth) in enumerate(zip(widths, (3, 3, 3, 4, 4), strict=True), 1):
        for k in range(depth):
            assert len(space.choices_of(f"width_stage{stage}_{k}")) == count
            assert len(space.choices_of(f"block_stage{stage}_{k}")) == 72
    small = FBNetV2(**SMALL)
    assert small.size == (2 * 16) ** 3
    assert small.variables[:2] == ("width_stage1_0", "block_stage1_0")
    assert flash.BlockSpace.from_dict(small.to_dict()) == small


def test_largest_network() -> None:
    space = known_space("fbnet-v2")
    net = space.decode([length - 1 for length in space.lengths])
    assert [out for _, _, out in net.blocks] == [
        *(16, 16, 28, 28, 28, 40, 40, 40, 96, 96, 96, 128, 128, 128, 128, 224, 224, 224, 224, 1000)
    ]
    sides = [
        fragment.shape_out[1] for name, fragment in net.named() if name.endswith(("_0", "stem"))
    ]
    assert sides == [112, 56, 28, 14, 14, 7]
    linear = [one.out_channels for one in net.network().layers if one.kind == "linear"]
    assert linear == [1984, 1000]  # the published head
    assert {one.kernel for one in net.network().layers if one.groups > 1} == {3, 7}


@pytest.mark.torch
def test_networks_are_those_of_their_modules() -> None:
    space = FBNetV2(**SMALL)
    rng = random.Random(0)
    seen: set[str] = set()
    for _ in range(6):
        net = space.decode(rng.randrange(space.size))
        module = net.to_torch()
        seen |= {type(one).__name__ for one in module.modules()}
        assert sum(one.numel() for one in module.parameters()) == net.params
        read = flash.Network.from_torch(module, net.input_shape)
        assert (read.params, read.macs) == (net.params, net.macs)
    assert {"Hardswish", "ReLU", "SqueezeExcitation"} <= seen


def test_searches_are_proven() -> None:
    space = FBNetV2(**{**SMALL, "depths": (1, 1)})
    budget = sorted(space.decode(i).macs for i in range(0, space.size, 37))[10]
    found = flash.search(space, "cpu-x86", max_macs=budget)
    assert found.proven
    best = max(
        (net for net in map(space.decode, range(space.size)) if net.macs <= budget),
        key=lambda net: flash.nn_degree(net),
    )
    assert found.nn_degree == pytest.approx(flash.nn_degree(best))


@pytest.mark.parametrize(
    ("wrong", "error", "told"),
    [
        ({"widths": 16}, ArgumentTypeError, "widths must be a list, got 16"),
        ({"widths": ([16], [24], [24])}, ArgumentError, "3 widths, 2 depths, 2 strides"),
        ({"widths": ()}, ArgumentError, "widths must have at least one entry"),
        ({"depths": (1, 0)}, ArgumentError, r"depths\[1\] must be .*got 0"),
        ({"strides": (1, 9)}, ArgumentError, r"strides\[1\] must be .*got 9"),
        ({"activations": ("relu", "tanh")}, ArgumentError, r"activations\[1\] must be .*'tanh'"),
        ({"se": (True, True)}, ArgumentTypeError, "se must be True, False or both"),
        ({"se": "yes"}, ArgumentTypeError, "se must be True, False or both"),
        ({"head": 6}, ArgumentTypeError, r"head must be two multiples.*got 6"),
        ({"head": (6, -1)}, ArgumentError, r"head\[1\] must be .*got -1"),
        ({"stem_stride": 3}, ArgumentError, "stem_stride must be .*got 3"),
        ({"expansions": (0,)}, ArgumentError, "expansions must be .*got 0"),
    ],
)
def test_what_is_refused(wrong: dict[str, Any], error: type[Exception], told: str) -> None:
    with pytest.raises(error, match=told):
        FBNetV2(**{**SMALL, **wrong})
