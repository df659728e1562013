"""Blocks of mobile networks: their rows are those of their modules."""

from __future__ import annotations

import pytest

import flash
from flash.hardware.charging import charges
from flash.hardware.costing import family_and_charged
from flash.spaces.known.mbconv import (
    block_option,
    head_option,
    inverted_residual,
    mobile_head,
    stem_option,
)

# (option, in channels, out channels, stride, shape)
PLACES = {
    "widens": (block_option(kernel=5, expansion=4), 16, 24, 2, (16, 57, 64)),
    "adds": (block_option(kernel=3, expansion=6, activation="hardswish"), 24, 24, 1, (24, 28, 28)),
    "se": (block_option(kernel=7, expansion=3, activation="relu", se=True), 40, 40, 1, (40, 9, 9)),
    "se, stride": (
        block_option(kernel=5, expansion=2.3, activation="hardswish", se=True),
        *(80, 112, 2, (80, 15, 15)),
    ),
    "no first convolution": (block_option(kernel=3, expansion=1), 32, 16, 1, (32, 12, 12)),
    "silu": (block_option(kernel=3, expansion=4, activation="silu"), 8, 8, 1, (8, 6, 6)),
    "stem": (stem_option(activation="hardswish"), 3, 16, 2, (3, 65, 48)),
    "plain head": (head_option(), 24, 10, 1, (24, 4, 4)),
    "whole head": (
        head_option(features=6, hidden=8, activation="hardswish", bias=False),
        *(32, 10, 1, (32, 4, 4)),
    ),
}


def built(place: str, module: bool = False):
    option, into, out, stride, shape = PLACES[place]
    [keywords] = option.combinations
    make = option.module if module else option.build
    return make(into, out, stride, shape=shape, **keywords)


@pytest.mark.torch
@pytest.mark.parametrize("place", PLACES)
def test_rows_are_those_of_the_module(place: str) -> None:
    shape = PLACES[place][-1]
    rows = flash.Network.from_layers(built(place), shape)
    read = flash.Network.from_torch(built(place, module=True), shape)
    assert rows.layers == read.layers
    assert (rows.params, rows.macs) == (read.params, read.macs)
    assert rows.params == sum(one.numel() for one in built(place, module=True).parameters())
    assert rows.peak_memory_kib == read.peak_memory_kib
    assert flash.nn_degree(rows) == flash.nn_degree(read)


@pytest.mark.torch
@pytest.mark.parametrize("name", ["cpu-x86", "raspberry-pi-4", "rram", "gtx-1080ti", "systolic-32"])
@pytest.mark.parametrize("place", ["widens", "se, stride", "whole head"])
def test_rows_cost_what_the_module_costs(name: str, place: str) -> None:
    target, shape = flash.Target.load(name), PLACES[place][-1]
    rows = flash.Network.from_layers(built(place), shape)
    read = flash.Network.from_torch(built(place, module=True), shape)
    assert target.cost(rows) == target.cost(read)
    both = [charges(target, "", family_and_charged(one, target)[1]) for one in (rows, read)]
    assert (both[0] == both[1]).all()


def test_middle_channels_are_multiples_of_8() -> None:
    rows = inverted_residual(24, 40, 1, shape=(24, 8, 8), kernel=3, expansion=3.67, se=True)
    assert rows[0]["out_channels"] == 88  # 24 x 3.67 is 88.08
    assert [row["kind"] for row in rows] == ["conv", "conv", "pool", "conv", "conv", "mul", "conv"]
    assert rows[3]["out_channels"] == 24  # a quarter, 22, rounded


def test_the_sum_stands_where_shapes_agree() -> None:
    def kinds(out: int, stride: int) -> list[str]:
        rows = inverted_residual(16, out, stride, shape=(16, 8, 8), kernel=3, expansion=3)
        return [row["kind"] for row in rows]

    assert kinds(16, 1)[-1] == "add"
    assert "add" not in kinds(24, 1) + kinds(16, 2)


def test_a_head_without_layers_of_its_own() -> None:
    rows = mobile_head(24, 10, 1, shape=(24, 4, 4))
    assert [row["kind"] for row in rows] == ["pool", "linear"]


@pytest.mark.torch
def test_an_activation_that_is_none_is_named() -> None:
    option = block_option(kernel=3, expansion=3, activation="tahn")
    [keywords] = option.combinations
    with pytest.raises(flash.FlashError, match=r"activation must be one of 'relu', .*got 'tahn'"):
        option.module(8, 8, 1, shape=(8, 4, 4), **keywords)


def test_files_name_the_blocks() -> None:
    mb = block_option(kernel=(3, 5), expansion=4, se=True)
    space = flash.BlockSpace(
        [flash.Stage({"mb": mb}, [16, 24], [1, 2], 2)],
        *((3, 32, 32), stem_option(), head_option()),
        num_classes=10,
        width_multipliers=(0.5, 1),
    )
    data = space.to_dict()
    choices = [["kernel", [3, 5]], ["expansion", [4]], ["se", [True]]]
    mobile = {"name": "mb", "block": "inverted-residual", "choices": choices}
    assert data["stages"][0]["options"] == [mobile]
    assert (data["stem"]["options"], data["head"]["options"]) == (
        [{"name": "mobile_stem", "block": "mobile-stem", "choices": []}],
        [{"name": "mobile_head", "block": "mobile-head", "choices": []}],
    )
    assert flash.BlockSpace.from_dict(data) == space
    data["stages"][0]["options"] = {"mb": {**mobile, "choices": dict(map(tuple, choices))}}
    assert flash.BlockSpace.from_dict(data) == space
