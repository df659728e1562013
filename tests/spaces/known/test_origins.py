"""Spaces that come with flash are the same when they are read back, however options are spelt."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import flash
from flash.errors import ArgumentError

if TYPE_CHECKING:
    from collections.abc import Callable

SMALL = {
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 160,
    "vocab_size": 100,
}

CASES: dict[str, tuple[Callable[..., flash.BlockSpace], tuple[Any, ...], dict[str, Any]]] = {
    "a range of each layer": (flash.ViT, (), {"heads": flash.Range(3, 4)}),
    "a range in parts": (flash.ViT, (), {"mlp_ratio": flash.Range(3.0, 4.0, 0.5)}),
    "global ranges": (flash.ViT, ("small",), {"embed": flash.Range(192, 240, 24), "depth": 2}),
    "arrays": (flash.ViT, (), {"embed": np.array([192, 240]), "patch": np.int64(32)}),
    "images": (flash.ViT, (), {"input": [[3, 224, 224], (3, 192, 192)]}),
    "a config": (flash.Decoder, (SMALL,), {"kv_heads": flash.Range(1, 2), "skip": "ffn"}),
    "python's range": (flash.Decoder, (SMALL,), {"kv_heads": range(1, 3), "sequence": (64, 65)}),
    "fractions": (flash.Decoder, (SMALL,), {"ffn": flash.Range(0.25, 1.0, 0.25)}),
    "numbers": (flash.Decoder, (), {"num_hidden_layers": np.int64(2), "num_key_value_heads": None}),
    "each stage": (
        *(flash.ConvNeXt, ()),
        {"widths": [flash.Range(96, 128, 32), [192, 256]], "depths": [(2, 3), 2]},
    ),
    "a list of one": (flash.ConvNeXt, ("atto",), {"input": [(3, 64, 64)], "ratios": range(2, 4)}),
    "odd": (flash.MobileNetV3, ("small",), {"kernels": flash.Range(3, 7, 2), "bias": True}),
    "each block": (
        *(flash.FBNetV2, ()),
        {
            "widths": (flash.Range(16, 32, 8), [24]),
            "depths": (2, 1),
            "strides": [2, 1],
            "se": True,
            "activations": ["silu"],
            "head": [6, 0],
        },
    ),
    "one of each": (flash.MCUNet, (), {"width_multipliers": 0.5, "resolution": 160, "bits": 16}),
}


@pytest.mark.parametrize("case", CASES)
def test_files_hold_the_options_that_were_given(case: str) -> None:
    make, places, keywords = CASES[case]
    space = make(*places, **keywords)
    back = flash.BlockSpace.from_dict(json.loads(json.dumps(space.to_dict())))
    assert back == space
    assert (back.size, back.lengths, back.inputs) == (space.size, space.lengths, space.inputs)
    assert space != make()


@pytest.mark.parametrize(
    ("make", "usual"),
    [
        (flash.ViT, {"size": "tiny", "input": [3, 224, 224], "head_dim": 64}),
        (flash.Decoder, {"ffn": [1.0, 0.75, 0.5, 0.25, 0.1], "skip": ["attention", "ffn"]}),
        (flash.ConvNeXt, {"kernels": [3, 5, 7], "input": (3, 224, 224), "shared": False}),
        (flash.MobileNetV3, {"variant": "large", "depths": (2, 3, 4), "resolution": 224}),
        (flash.MCUNet, {"resolution": flash.Range(48, 224, 16), "bits": 8}),
    ],
)
def test_what_is_as_usual_is_not_held(
    make: Callable[..., flash.BlockSpace], usual: dict[str, Any]
) -> None:
    space = make(**usual)
    assert space.to_dict() == {"family": space.name}
    assert space == make()


def test_a_range_in_parts_is_its_values() -> None:
    space = flash.ViT(mlp_ratio=flash.Range(3.0, 4.0, 0.5), heads=3)
    labels = [f"layer mlp_ratio {ratio}" for ratio in (3.0, 3.5, 4.0)]
    assert list(space.choices_of("block_encoder_0")) == labels


@pytest.mark.parametrize(
    ("make", "given", "message"),
    [
        (flash.ViT, (3, 224), "input must be"),
        (flash.ViT, (3, 224, 230), "input must be a multiple of patch, 16"),
        (flash.ViT, [(3, 224, 224)] * 2000, "input must be at most 1024 shapes, got 2000"),
        (flash.ConvNeXt, (3, 16, 16), "sides of input must be"),
        (flash.ConvNeXt, [(3, 64, 64), 5], "input must be"),
    ],
)
def test_images_are_checked(
    make: Callable[..., flash.BlockSpace], given: Any, message: str
) -> None:
    with pytest.raises(ArgumentError, match=message):
        make(input=given)


def test_spaces_are_equal_however_their_input_is_spelt() -> None:
    stage = flash.Stage(lambda i, o, s: [{"kind": "conv", "in_channels": i, "out_channels": o}], 8)
    one = flash.BlockSpace([stage], input=(3, 8, 8))
    assert one == flash.BlockSpace([stage], input=[(3, 8, 8)])
    assert one == flash.BlockSpace([stage], input=[3, 8, 8])
    assert one != flash.BlockSpace([stage], input=(3, 8, 9))
    several = flash.BlockSpace([stage], input=[[3, 8, 8], (3, 9, 9)])
    assert several == flash.BlockSpace([stage], input=[(3, 8, 8), [3, 9, 9]])
