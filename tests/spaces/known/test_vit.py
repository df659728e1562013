"""The space of vision transformers: sizes, counts, and its modules."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import flash
from flash.errors import ArgumentError, ArgumentTypeError
from flash.spaces.known.vit import SIZES, ViT

CPU = flash.Target.load("cpu-x86")

# params and MACs of the modules of torchvision 0.29 and timm 1.0.31, counted by themselves and by
# `Network.from_torch` reads them; DeiT-Ti and DeiT-S are timm's of the same shape.
PUBLIC = {
    "vit_tiny_patch16_224": ({"embed": 192, "heads": 3, "depth": 12}, 5_717_416, 1_253_683_200),
    "vit_small_patch16_224": ({"embed": 384, "heads": 6, "depth": 12}, 22_050_664, 4_598_882_304),
    "vit_b_16": ({"embed": 768, "heads": 12, "depth": 12}, 86_567_656, 17_563_828_224),
    "vit_b_32": (
        {"embed": 768, "heads": 12, "depth": 12, "patch": 32}, 88_224_232, 4_409_186_304,
    ),
    "vit_l_16": ({"embed": 1024, "heads": 16, "depth": 24}, 304_326_632, 61_554_712_576),
}  # fmt: skip


@pytest.mark.parametrize("name", PUBLIC)
def test_public_models_are_members(name: str) -> None:
    options, params, macs = PUBLIC[name]
    space = ViT(mlp_ratio=4.0, **options)
    assert space.size == 1
    net = space.decode(0)
    assert (net.params, net.macs) == (params, macs)


@pytest.mark.parametrize(
    ("size", "options", "params"),
    [
        ("tiny", {"embed": 192, "heads": 3, "mlp_ratio": 4.0, "depth": 12}, 5_717_416),  # DeiT-Ti
        ("small", {"embed": 384, "heads": 6, "mlp_ratio": 4.0, "depth": 12}, 22_050_664),  # DeiT-S
    ],
)
def test_deits_lie_in_the_supernets(size: str, options: dict[str, Any], params: int) -> None:
    space = ViT(size)
    choices = {
        "width_embedding": space.choices_of("width_embedding").index(options["embed"]),
        "depth_encoder": space.choices_of("depth_encoder").index(options["depth"]),
    }
    label = f"layer heads {options['heads']} mlp_ratio {options['mlp_ratio']}"
    for layer in range(options["depth"]):
        name = f"block_encoder_{layer}"
        choices[name] = space.choices_of(name).index(label)
    net = flash.BlockNetwork(space, choices)
    assert net.params == params
    assert space.decode(space.numbering.flat_of(net.row)) == net


def test_sizes_are_those_of_the_paper() -> None:
    distinct = counted = 0
    for size, table in SIZES.items():
        each = len(table["heads"]) * len(table["mlp_ratio"])
        own = len(table["embed"]) * sum(each ** int(depth) for depth in table["depth"])
        assert ViT(size).size == own
        distinct += own
        # the paper counts the layers of the deepest network whatever the depth
        counted += len(table["embed"]) * len(table["depth"]) * each ** int(max(table["depth"]))
    assert 1.65e16 < counted < 1.75e16  # "more than 1.7 x 10^16"
    assert distinct == 6_322_468_660_628_274


def test_costs_are_those_of_the_whole_network() -> None:
    space = ViT(embed=[48, 64], heads=[1, 2], mlp_ratio=[2.0, 3.5], depth=[2, 3], input=(3, 32, 48))
    networks = space.sample(8, seed=3)
    costs = flash.evaluate(space, CPU, np.array([one.row for one in networks]))
    for k, net in enumerate(networks):
        cost = CPU.cost(net.network())
        assert costs["latency_ms"][k] == cost.latency_ms
        assert (costs["params"][k], costs["macs"][k]) == (net.params, net.macs)


def test_a_search_of_the_supernet_is_proven() -> None:
    result = flash.search(ViT(), CPU, max_latency_ms=40.0)
    assert result.status == "OPTIMAL"
    assert result.latency_ms <= 40.0


def test_attention_counts_products_of_all_heads() -> None:
    net = ViT(embed=64, heads=2, mlp_ratio=1.0, depth=1, input=(3, 32, 32)).decode(0)
    tokens, inner = 5, 128
    products = [one.macs for one in net.network().layers if one.kind == "matmul"]
    assert products == [tokens * tokens * inner] * 2


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"size": "huge"}, "size must be one of"),
        ({"patch": 15}, "multiple of patch, 15"),
        ({"input": (224, 224)}, "channels, height, width"),
        ({"heads": 0}, "heads"),
        ({"heads": [3, 3]}, "twice"),
        ({"mlp_ratio": "4"}, "mlp_ratio"),
        ({"head_dim": 0}, "head_dim"),
    ],
)
def test_what_is_wrong_is_named(options: dict[str, Any], told: str) -> None:
    with pytest.raises((ArgumentError, ArgumentTypeError), match=told):
        ViT(**options)


def test_plain_data_make_the_space_again() -> None:
    for space in (
        ViT(),
        ViT("small", heads=[5, 6], patch=32),
        ViT(input=[(3, 96, 96), (3, 32, 32)]),
    ):
        again = flash.BlockSpace.from_dict(space.to_dict())
        assert again == space
        assert again.size == space.size
    assert ViT().to_dict() == {"family": "vit"}


@pytest.mark.torch
def test_modules_are_their_rows() -> None:
    pytest.importorskip("torch")
    from flash.spaces.blocks.layouts import OnRows

    space = ViT(embed=[48, 64], heads=[2, 3], mlp_ratio=[2.0, 3.5], depth=2, input=(3, 32, 48))
    for one in space.fragments():
        module: Any = one.module()
        on = OnRows(module) if len(one.shape_in) == 2 else module
        assert flash.Network.from_torch(on, one.network.input_shape).layers == one.network.layers


@pytest.mark.torch
@pytest.mark.parametrize("target", ["cpu-x86", "raspberry-pi-4", "gtx-1080ti", "cpu-x86-torch"])
def test_networks_cost_what_their_modules_do(target: str) -> None:
    torch = pytest.importorskip("torch")
    space = ViT(embed=[48, 64], heads=[2, 3], mlp_ratio=[2.0, 3.5], depth=[1, 2], input=(3, 32, 48))
    own = flash.Target.load(target)
    for net in space.sample(3, seed=2):
        module = net.to_torch(seed=1)
        assert module(torch.zeros(2, 3, 32, 48)).shape == (2, 1000)
        assert sum(one.numel() for one in module.parameters()) == net.params
        whole = flash.Network.from_torch(module, (3, 32, 48))
        assert whole.macs == net.macs
        assert whole.peak_memory_kib == net.peak_memory_kib
        assert own.cost(whole).latency_ms == own.cost(net.network()).latency_ms
        assert flash.nn_degree(whole) == flash.nn_degree(net.network())


@pytest.mark.torch
def test_weights_have_the_shapes_of_deit() -> None:
    pytest.importorskip("torch")
    net = ViT(embed=192, heads=3, mlp_ratio=4.0, depth=1).decode(0)
    shapes = {name: tuple(one.shape) for name, one in net.to_torch().state_dict().items()}
    assert shapes == {
        "embedding.cls_token": (1, 1, 192), "embedding.pos_embed": (1, 197, 192),
        "embedding.proj.weight": (192, 3, 16, 16), "embedding.proj.bias": (192,),
        "encoder.norm1.weight": (192,), "encoder.norm1.bias": (192,),
        "encoder.attn.qkv.weight": (576, 192), "encoder.attn.qkv.bias": (576,),
        "encoder.attn.proj.weight": (192, 192), "encoder.attn.proj.bias": (192,),
        "encoder.norm2.weight": (192,), "encoder.norm2.bias": (192,),
        "encoder.mlp.fc1.weight": (768, 192), "encoder.mlp.fc1.bias": (768,),
        "encoder.mlp.fc2.weight": (192, 768), "encoder.mlp.fc2.bias": (192,),
        "head.norm.weight": (192,), "head.norm.bias": (192,),
        "head.head.weight": (1000, 192), "head.head.bias": (1000,),
    }  # fmt: skip
