"""Supernets: a subnet computes what the network that is cut out does; bypassed channels."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("sklearn")

import numpy as np  # noqa: E402

import flash  # noqa: E402
from flash.errors import ArgumentError, ArgumentTypeError, FormatError  # noqa: E402
from flash.spaces.backbones import backbone_of, plan  # noqa: E402
from flash.spaces.network_space import network_space  # noqa: E402
from flash.supernet.cutting import cut_architecture, cut_subnet  # noqa: E402
from flash.supernet.mixing import mix  # noqa: E402
from flash.supernet.modules import ElasticNorm, build_module  # noqa: E402
from flash.supernet.of_backbones import activations  # noqa: E402

pytestmark = pytest.mark.torch

WHOLE = flash.Range(32, 32, unit="width/32")


def arch(family: str, *cells: tuple[int, ...], side: int = 8) -> flash.Architecture:
    return flash.Architecture(family, [flash.Cell(*cell) for cell in cells], resolution=side)


# every kind of choice, partial residuals, several numbers of cells, and the ImageNet stem
SPACES: dict[str, Any] = {
    "resnet": flash.ResNet(
        widths=[4, 6, 8], depths=[1, 2, 3], skips=[0, 3, 8], cells=[2, 3], resolution=8
    ),
    "wide-resnet": flash.WideResNet(
        width_multipliers=[0.25, 0.5, 1], depths=[1, 2], skips=WHOLE, cells=[1, 2], resolution=8
    ),
    "mobilenet-v2": flash.MobileNetV2(
        width_multipliers=[0.25, 0.5], cells=[2, 3], depths=[1, 2, 3], expansions=[1, 2, 3],
        kernels=[3, 5, 7], resolution=8,
    ),
    "resnet-imagenet": flash.ResNet(
        widths=[4, 8], depths=[1, 2], skips=[0, 8], cells=2, resolution=72, num_classes=10
    ),
    "mobilenet-imagenet": flash.MobileNetV2(
        widths=[4, 8], cells=2, depths=[1, 2], expansions=[2, 3], kernels=[3, 5], resolution=72,
        num_classes=10,
    ),
    "bypass-resnet": flash.BypassSpace(arch("resnet", (8, 2, 8), (12, 2, 12))),
    "bypass-narrowing": flash.BypassSpace(arch("wide-resnet", (16, 2, 16), (12, 2, 12)), levels=3),
    "bypass-off": flash.BypassSpace(arch("resnet", (8, 2, 8), (12, 2, 12)), bypass=False),
    "bypass-off-mobilenet": flash.BypassSpace(
        arch("mobilenet-v2", (8, 2, 8, 3, 5), (12, 2, 12, 3, 5)), levels=2, bypass=False
    ),
    "bypass-mobilenet": flash.BypassSpace(
        arch("mobilenet-v2", (8, 2, 8, 3, 5), (12, 2, 12, 3, 5))
    ),
}  # fmt: skip


def module_of(space: Any, seed: int = 1) -> Any:
    """A supernet's module whose norms are not the identity."""
    module = build_module(backbone_of(space), seed)
    generator = torch.Generator().manual_seed(seed)
    for part in module.modules():
        if isinstance(part, ElasticNorm):
            part.weight.data.uniform_(0.5, 1.5, generator=generator)
            part.bias.data.normal_(generator=generator)
            part.running_mean.normal_(generator=generator)
            part.running_var.uniform_(0.5, 2.0, generator=generator)
    return module.eval()


def subnets_of(space: Any, n: int, seed: int = 3) -> tuple[list[Any], list[Any]]:
    index = space.sample_indices(n, seed)
    nets = [space.decode(i) for i in index]
    if space.family == "bypass":
        return nets, [space.subnet(space.row(i)) for i in index]
    return nets, [plan(backbone_of(space), net) for net in nets]


def cut_of(module: Any, net: Any, subnet: Any) -> Any:
    if isinstance(net, flash.Architecture):
        return cut_architecture(module, net, subnet)
    return cut_subnet(module, subnet)


@pytest.mark.parametrize("name", SPACES)
def test_a_cut_subnet_computes_what_the_masked_supernet_does(name: str) -> None:
    space = SPACES[name]
    module = module_of(space)
    nets, subnets = subnets_of(space, 16)
    side = module.backbone.resolution
    x = torch.randn(16, 3, side, side, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        cuts = [cut_of(module, net, one) for net, one in zip(nets, subnets, strict=True)]
        own = torch.cat([cut(x[k : k + 1]) for k, cut in enumerate(cuts)])
        single = torch.cat([module(x[k : k + 1], one) for k, one in enumerate(subnets)])
        # slices of the weights: the same sums in the same order, bit for bit
        assert torch.equal(single, own)
        # masks: sums of more terms, zeros among them, in an order of their own
        masked = module(x, mix(module.backbone, subnets, "cpu"))
        scale = float(own.abs().max())
        assert float((masked - own).abs().max()) <= 2e-6 * scale
        module.double()
        cuts = [cut_of(module, net, one) for net, one in zip(nets, subnets, strict=True)]
        own = torch.cat([cut.double()(x[k : k + 1].double()) for k, cut in enumerate(cuts)])
        batch = mix(module.backbone, subnets, "cpu")
        masked = module(x.double(), batch)
        assert float((masked - own).abs().max()) <= 1e-13 * scale
    for net, cut in zip(nets, cuts, strict=True):
        assert sum(part.numel() for part in cut.parameters()) == net.params


def test_the_largest_subnet_uses_every_weight() -> None:
    for name in ("resnet", "bypass-resnet", "mobilenet-v2"):
        space = SPACES[name]
        module = build_module(backbone_of(space), 0).train()
        largest = [length - 1 for length in space.lengths]
        subnet = (
            space.subnet(largest)
            if space.family == "bypass"
            else plan(module.backbone, space.decode(largest))
        )
        module(torch.randn(4, 3, 8, 8), subnet).square().sum().backward()
        for key, part in module.named_parameters():
            unused = key.startswith("heads.2") and name != "bypass-resnet"
            assert (part.grad is None) == unused, key


def test_ordered_dropout_trains_only_what_an_image_has() -> None:
    space = SPACES["resnet"]
    module = build_module(backbone_of(space), 0).train()
    smallest = plan(module.backbone, space.decode([0] * len(space.lengths)))
    x = torch.randn(4, 3, 8, 8)
    module(x, mix(module.backbone, [smallest] * 4, "cpu")).square().sum().backward()
    first = module.blocks[0].first.weight.grad
    assert float(first[:4, :4].abs().max()) > 0.0
    assert float(first[4:].abs().max()) == float(first[:, 4:].abs().max()) == 0.0


# bypass


def test_zero_filters_remove_a_layer_and_removed_filters_pass_their_channel() -> None:
    space = SPACES["bypass-resnet"]
    module = module_of(space)
    x = torch.randn(2, 3, 8, 8)
    none = space.subnet([0] * 8)
    assert [unit.out for unit in none.units] == [8, 8, 8, 8]
    assert all(unit.is_absent for unit in none.units)
    with torch.no_grad():
        stem = module.stem(x, 8)
        at = stem
        for block, unit in zip(module.blocks, none.units, strict=True):
            at = block(at, unit)
        assert torch.equal(at, stem[:, :, ::2, ::2])  # the only thing left is the stride
        half = space.subnet([2, 0, *[0] * 6])
        out = module.blocks[0](stem, half.units[0])
        assert torch.equal(out[:, 4:], stem[:, 4:])
        whole = space.subnet([4, 0, *[0] * 6])
        assert torch.equal(out[:, :4], module.blocks[0](stem, whole.units[0])[:, :4])
    # Z = max(min(C, T), M): cell 1 has 12 filters and 8 channels enter
    assert [space.subnet([4] * 4 + [level, 0, 0, 0]).units[2].inner for level in range(5)] == [
        8, 8, 8, 9, 12,
    ]  # fmt: skip


@pytest.mark.parametrize("name", [name for name in SPACES if name.startswith("bypass")])
def test_a_bypass_network_is_the_module_that_is_cut(name: str) -> None:
    space = SPACES[name]
    module = module_of(space)
    for i in space.sample_indices(8, 5):
        net = space.decode(i)
        read = flash.Network.from_torch(cut_subnet(module, space.subnet(space.row(i))), (3, 8, 8))
        assert (read.params, read.macs) == (net.params, net.macs)
    whole = space.decode(space.largest)
    assert (whole.params, whole.macs) == (space.architecture.params, space.architecture.macs)
    assert network_space(space.to_dict()) == space
    assert space.parse(space.name(space.largest)) == space.largest
    with pytest.raises(FormatError, match="choice indices joined by"):
        space.parse("1-2")


def test_absent_inverted_residuals_are_one_configuration() -> None:
    space = SPACES["bypass-mobilenet"]
    rows = np.array([[0, 2, 1] * 4, [1, 2, 1] * 4])
    assert space.canonical(rows).tolist() == [[0, 0, 0] * 4, [1, 2, 1] * 4]
    assert space.network([0, 2, 1] * 4) == space.network([0] * 12)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"backbone": arch("densenet", (8, 2, 8))}, ArgumentError, "backbone must be one of"),
        ({"backbone": arch("resnet", (8, 2, 3))}, ArgumentError, "whole residuals or none, got 3"),
        ({"backbone": 3}, ArgumentTypeError, "backbone must be an Architecture"),
        ({"levels": 0}, ArgumentError, "levels must be"),
        ({"kernels": [3]}, ArgumentError, "kernels belongs to mobilenet-v2"),
        (
            {"backbone": arch("mobilenet-v2", (8, 1, 8, 2, 3)), "kernels": [5, 3]},
            ArgumentError,
            "kernels must be rising",
        ),
    ],
)
def test_bypass_spaces_that_are_none(
    given: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        flash.BypassSpace(**given)


def test_activations_count_what_the_layers_hand_on() -> None:
    for name in ("resnet", "mobilenet-v2", "bypass-mobilenet", "mobilenet-imagenet"):
        space = SPACES[name]
        net = space.decode([length - 1 for length in space.lengths])
        net = net.network() if hasattr(net, "network") else net
        own = sum(
            one.out_channels * one.out_height * one.out_width
            for one in net.layers[:-3]
            if one.kind == "conv"
        )
        if name.startswith("resnet"):
            own += sum(one.out_channels * one.out_height**2 for one in net.layers[-3:-2]
                       if one.kind == "conv")  # fmt: skip
        assert activations(backbone_of(space)) == own
