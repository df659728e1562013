"""Units of ShuffleNetV2: their rows are those of their modules, and they mix channels."""

from __future__ import annotations

from typing import Any

import pytest

import flash
from flash.errors import ArgumentError
from flash.hardware.charging import charges
from flash.hardware.costing import family_and_charged
from flash.spaces.known.shuffle import shuffle_option, xception_option

# (option, in channels, out channels, stride, shape)
PLACES: dict[str, Any] = {
    "basic": (shuffle_option(kernel=5), 16, 16, 1, (16, 9, 8)),
    "basic, se": (shuffle_option(kernel=3, se=True), 64, 64, 1, (64, 8, 8)),
    "down": (shuffle_option(kernel=7), 16, 32, 2, (16, 9, 8)),
    "down, se": (shuffle_option(kernel=3, se=True), 24, 48, 2, (24, 15, 15)),
    "widens": (shuffle_option(kernel=3), 16, 24, 1, (16, 6, 6)),
    "xception": (xception_option(kernel=3), 32, 32, 1, (32, 7, 7)),
    "xception, se": (xception_option(kernel=5, se=True), 32, 32, 1, (32, 7, 7)),
    "xception down": (xception_option(kernel=3), 16, 48, 2, (16, 8, 8)),
}


def built(place: str, module: bool = False) -> Any:
    option, into, out, stride, shape = PLACES[place]
    [keywords] = option.combinations
    make = option.module if module else option.build
    return make(into, out, stride, shape=shape, **keywords)


def read_of(place: str) -> flash.Network:
    """The module as it is read, with a convolution behind it that reads its concatenation."""
    torch = pytest.importorskip("torch")
    behind = torch.nn.Conv2d(PLACES[place][2], 4, 1)
    module = torch.nn.Sequential(built(place, module=True), behind)
    return flash.Network.from_torch(module, PLACES[place][-1])


@pytest.mark.torch
@pytest.mark.parametrize("place", PLACES)
def test_rows_are_those_of_the_module(place: str) -> None:
    torch = pytest.importorskip("torch")
    shape = PLACES[place][-1]
    rows = flash.Network.from_layers(built(place), shape)
    module = built(place, module=True)
    assert rows.layers == read_of(place).layers[:-1]
    assert rows.params == sum(one.numel() for one in module.parameters())
    with torch.no_grad():
        handed = module.eval()(torch.zeros(1, *shape)).shape[1:]
    assert tuple(handed) == rows.layers[-1].shape_out


@pytest.mark.torch
@pytest.mark.parametrize("name", ["cpu-x86", "raspberry-pi-4", "rram", "gtx-1080ti", "systolic-32"])
@pytest.mark.parametrize("place", ["basic, se", "down", "xception down"])
def test_rows_cost_what_the_module_costs(name: str, place: str) -> None:
    pytest.importorskip("torch")
    target, shape = flash.Target.load(name), PLACES[place][-1]
    rows = flash.Network.from_layers(
        [
            *built(place),
            {**read_of(place).layers[-1].to_dict(), "inputs": (len(built(place)) - 1,)},
        ],
        shape,
    )
    read = read_of(place)
    assert target.cost(rows) == target.cost(read)
    both = [charges(target, "", family_and_charged(one, target)[1]) for one in (rows, read)]
    assert (both[0] == both[1]).all()


@pytest.mark.torch
def test_half_of_the_channels_pass_and_all_are_shuffled() -> None:
    torch = pytest.importorskip("torch")
    unit = built("basic", module=True).eval()
    x = torch.randn(2, 16, 9, 8)
    with torch.no_grad():
        out = unit(x)
        made = unit.branch(x[:, 1::2])
    assert torch.equal(out[:, :8], x[:, ::2])
    assert torch.equal(out[:, 8:], made)


def test_depthwise_convolutions_and_what_they_stand_between() -> None:
    def told(place: str) -> list[str]:
        return [
            "dw" if row["kind"] == "conv" and row.get("groups", 1) > 1 else row["kind"]
            for row in built(place)
        ]

    assert told("basic") == ["move", "concat", "conv", "dw", "conv", "concat"]
    assert told("down") == ["dw", "conv", "conv", "dw", "conv", "concat"]
    assert told("xception").count("dw") == 3
    assert told("xception, se")[-5:] == ["pool", "conv", "conv", "mul", "concat"]
    rows = built("xception down")
    assert [row["stride"] for row in rows if row.get("groups", 1) > 1] == [2, 2, 1, 1]


def test_odd_channels_have_no_halves() -> None:
    with pytest.raises(ArgumentError, match="out_channels of a shuffle unit must be even, got 9"):
        shuffle_option(kernel=3).build(8, 9, 1, shape=(8, 4, 4), kernel=3)
