"""Architecture.to_torch: the module is the architecture, its links are those that were drawn."""

from __future__ import annotations

import copy
import sys
from typing import Any

import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

import flash  # noqa: E402
from flash.errors import ArgumentError, MissingExtraError  # noqa: E402
from flash.networks.architecture import FAMILIES, Architecture, Cell  # noqa: E402

pytestmark = pytest.mark.torch


def small(family: str, skips: int = 20, resolution: int = 32, link_seed: int = 0) -> Architecture:
    more = {"expansion": 2, "kernel": 5} if family == "mobilenet-v2" else {}
    cells = [Cell(8, 4, skips, **more), Cell(12, 5, skips, **more)]
    return Architecture(family, cells, resolution, 7, link_seed)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("resolution", [32, 65])
@pytest.mark.parametrize("skips", [0, 3, 20, 500])
def test_parameters_and_shapes(family: str, resolution: int, skips: int) -> None:
    arch = small(family, skips, resolution)
    module = arch.to_torch()
    assert sum(p.numel() for p in module.parameters()) == arch.params
    out = module(torch.randn(2, 3, resolution, resolution))
    assert out.shape == (2, 7)
    out.sum().backward()
    assert all(p.grad is not None for p in module.parameters())
    assert module.training


def test_links_are_those_of_the_architecture() -> None:
    """A cell of plain sums instead of layers: each layer's input tells which channels it got."""
    arch = small("densenet", 9, link_seed=5)
    module = arch.to_torch().eval()
    cell = module.cells[1]
    seen: list[Any] = []

    class Marked(nn.Module):
        """Hands on channels whose value is their number in the cell, noting what it reads."""

        def __init__(self, number: int) -> None:
            super().__init__()
            self.number = number

        def forward(self, x: Any) -> Any:
            seen.append(x[0, :, 0, 0].tolist())
            width = arch.cells[1].width
            numbers = torch.arange(width) + self.number * width
            return numbers.float().view(1, -1, 1, 1)

    cell.layers = nn.ModuleList([Marked(number) for number in range(arch.cells[1].depth)])
    cell(torch.zeros(1, 8, 1, 1))
    for layer, channels in enumerate(seen[1:], 1):
        width = arch.cells[1].width
        before = [float(channel) for channel in range((layer - 1) * width, layer * width)]
        assert channels == before + [float(one) for one in arch.links_into(1, layer)]
    assert len(seen[4]) == 12 + 9


@pytest.mark.parametrize("family", ["resnet", "wide-resnet", "mobilenet-v2"])
def test_partial_residuals_carry_the_drawn_channels(family: str) -> None:
    arch = small(family, 5, link_seed=2)
    block = arch.to_torch().cells[1][2]
    block.body = nn.Sequential(nn.Conv2d(12, 12, 1, bias=False))
    nn.init.zeros_(block.body[0].weight)
    out = block(torch.ones(1, 12, 1, 1)).flatten()
    assert out.nonzero().flatten().tolist() == list(arch.links_into(1, 2))


def test_seeds() -> None:
    arch = small("densenet", 9)
    state = torch.random.get_rng_state()
    one, two, other = arch.to_torch(), arch.to_torch(seed=0), arch.to_torch(seed=1)
    assert torch.equal(torch.random.get_rng_state(), state)
    weights = [dict(m.named_parameters()) for m in (one, two, other)]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    name = "cells.1.layers.3.conv.weight"
    assert not torch.equal(weights[0][name], weights[2][name])
    fan = weights[0][name][0].numel()
    assert float(weights[0][name].detach().std()) == pytest.approx((2 / fan) ** 0.5, rel=0.1)


@pytest.mark.parametrize("family", FAMILIES)
def test_it_learns(family: str) -> None:
    """A few steps on eight images of four brightnesses: the loss halves."""
    torch.manual_seed(0)
    module = small(family, 5).to_torch()
    labels = torch.arange(8) % 4
    images = 0.1 * torch.randn(8, 3, 16, 16) + labels.view(-1, 1, 1, 1)
    optimizer = torch.optim.Adam(module.parameters(), lr=0.01)
    losses = []
    for _ in range(12):
        loss = nn.functional.cross_entropy(module(images), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.5 * losses[0]


def test_state_dicts() -> None:
    arch = small("densenet", 9)
    first, second = arch.to_torch(seed=1).eval(), arch.to_torch(seed=2).eval()
    second.load_state_dict(first.state_dict())
    x = torch.randn(2, 3, 32, 32)
    assert torch.equal(first(x), second(x))
    for family, key in (("densenet", "channels"), ("resnet", "mask")):
        mine, other = small(family, 5, link_seed=1), small(family, 5, link_seed=2)
        with pytest.raises(RuntimeError, match=rf"{key}: these weights have links of another"):
            other.to_torch().load_state_dict(mine.to_torch().state_dict())
    twin = copy.deepcopy(first)
    assert torch.equal(first(x), twin(x))


def test_meta_device_and_export() -> None:
    arch = small("densenet", 9)
    with torch.device("meta"):
        module = arch.to_torch()
    assert module(torch.empty(1, 3, 32, 32, device="meta")).shape == (1, 7)
    real = arch.to_torch().eval()
    x = torch.randn(2, 3, 32, 32)
    traced = torch.fx.symbolic_trace(real)
    assert torch.equal(traced(x), real(x))
    exported = torch.export.export(real, (x,)).module()
    assert torch.allclose(exported(x), real(x), atol=1e-5)


def test_a_search_result_has_a_module() -> None:
    result = flash.search("resnet", "rram", max_area_mm2=30.0)
    assert result.architecture is not None
    module = result.to_torch()
    assert sum(p.numel() for p in module.parameters()) == result.params
    nothing = flash.search("resnet", "rram", max_area_mm2=1e-6)
    with pytest.raises(ArgumentError, match=r"to_torch\(\): there is no network: INFEASIBLE"):
        nothing.to_torch()
    with pytest.raises(ArgumentError, match=r"to_onnx\(\): there is no network"):
        nothing.to_onnx("unwritten.onnx")


def test_bad_seed() -> None:
    with pytest.raises(ArgumentError, match="seed must be"):
        small("resnet").to_torch(seed=-1)


@pytest.mark.parametrize(
    ("absent", "call", "text"),
    [
        ("torch", lambda arch: arch.to_torch(), r"to_torch\(\) needs torch: .* 'torch>="),
        ("onnx", lambda arch: arch.to_onnx("x.onnx"), r"needs onnx: pip .*'onnx>="),
        ("torch", lambda arch: flash.Network.from_torch(None), r"from_torch\(\) needs torch"),
        ("onnx", lambda arch: flash.Network.from_onnx(b""), r"from_onnx\(\) needs onnx"),
    ],
)
def test_without_the_extra(
    monkeypatch: pytest.MonkeyPatch, absent: str, call: Any, text: str
) -> None:
    monkeypatch.setitem(sys.modules, absent, None)
    with pytest.raises(MissingExtraError, match=text):
        call(small("resnet"))
