"""Network.from_torch on modules drawn at random: counts against torch's own."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")
import torch.nn.functional as F  # noqa: E402
from torch import nn  # noqa: E402
from twins.torch_kinds import counted  # noqa: E402

from flash.networks.network import Network  # noqa: E402

pytestmark = pytest.mark.torch

CHANNELS, SIDE = 4, 6


class Drawn(nn.Module):
    """Steps that each hand on a map of the same shape."""

    def __init__(self, steps: list[tuple[str, int, int]]) -> None:
        super().__init__()
        self.steps = steps
        self.parts = nn.ModuleList()
        self.shared = nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1)
        self.gain = nn.Parameter(torch.ones(CHANNELS, 1, 1))
        for name, a, b in steps:
            self.parts.append(self._part(name, a, b))

    def _part(self, name: str, a: int, b: int) -> nn.Module:
        groups = (1, 2, 4)[a % 3]
        if name == "conv":
            kernel, dilation = (1, 3, 5)[b % 3], 1 + b % 2
            pad = dilation * (kernel // 2)
            return nn.Conv2d(4, 4, kernel, 1, pad, dilation, groups, bias=a % 2 == 0)
        if name == "transposed":
            return nn.ConvTranspose2d(4, 4, 3, 1, 1, groups=groups, bias=b % 2 == 0)
        if name == "norm":
            kinds = (nn.BatchNorm2d(4), nn.GroupNorm(2, 4), nn.InstanceNorm2d(4, affine=a % 2 == 0))
            return kinds[b % 3]
        if name in ("tokens", "attention"):
            return nn.Linear(4, 12 if name == "attention" else 4, bias=a % 2 == 0)
        if name == "recurrent":
            kind: Any = nn.LSTM if a % 2 else nn.GRU
            return kind(4, 2 if b % 2 else 4, bidirectional=b % 2 == 1, batch_first=True)
        if name == "squeeze":
            return nn.Sequential(nn.Linear(4, 2), nn.ReLU(inplace=True), nn.Linear(2, 4))
        return nn.Identity()

    def forward(self, x: Any) -> Any:
        before = x
        for (name, a, b), part in zip(self.steps, self.parts, strict=True):
            y = self._step(name, a, b, part, x, before)
            before, x = x, y
        return x * self.gain + self.shared(x)

    def _step(self, name: str, a: int, b: int, part: Any, x: Any, before: Any) -> Any:
        if name == "tokens":
            return part(x.flatten(2).transpose(1, 2)).transpose(1, 2).reshape(x.shape)
        if name == "attention":
            q, k, v = part(x.flatten(2).mT).unflatten(-1, (3, 2, 2)).permute(2, 0, 3, 1, 4)
            if a % 2:
                y = F.scaled_dot_product_attention(q, k, v, is_causal=b % 2 == 0)
            else:
                y = torch.einsum("bhqk,bhkd->bhqd", (q @ k.mT).softmax(-1), v)
            return y.transpose(1, 2).flatten(2).mT.reshape(x.shape)
        if name == "recurrent":
            return part(x.flatten(2).mT)[0].mT.reshape(x.shape)
        if name == "squeeze":
            return x * part(x.mean((2, 3)))[:, :, None, None].sigmoid()
        if name == "shared":
            return self.shared(x)
        if name == "scaled weights":
            return F.conv2d(x, self.shared.weight * self.gain, self.shared.bias, padding=1)
        if name == "act":
            return (F.relu, F.gelu, F.hardswish, F.silu, F.elu)[a % 5](x)
        if name in ("conv", "transposed", "norm"):
            return part(x)
        return self._moved(name, a, b, x, before)

    def _moved(self, name: str, a: int, b: int, x: Any, before: Any) -> Any:
        if name == "add":
            return x + before if a % 2 else before - 2 * x
        if name == "in place":
            y = x.clone()
            y[:, a % 4] = before[:, b % 4] * 2
            y.data[:, :, b % SIDE] += 1
            return y.add_(before) if a % 2 else y
        if name == "joined":
            parts = torch.cat([x, before], 1).chunk(2, 1)
            return parts[a % 2] + parts[1 - a % 2]
        if name == "filled":
            out = torch.zeros(x.shape, device=x.device)
            out[:, : 1 + a % 3] = x[:, : 1 + a % 3]
            out.view(1, CHANNELS, -1)[:, 1 + a % 3 :].copy_(before.flatten(2)[:, 1 + a % 3 :])
            return out
        if name == "chosen":
            return x[:, [3, 2, 1, 0]] if a % 2 else x.index_select(1, torch.tensor([1, 0, 3, 2]))
        if name == "pooled":
            kinds = (F.max_pool2d, F.avg_pool2d)
            return kinds[a % 2](x, 3, stride=1, padding=1)
        if name == "resized":
            mode = ("nearest", "bilinear", "bicubic")[a % 3]
            return F.interpolate(F.interpolate(x, scale_factor=2, mode=mode), size=(SIDE, SIDE))
        assert name == "rolled"
        return x.roll(1, 2).flip(3).permute(0, 1, 3, 2).contiguous()


NAMES = (
    *("conv", "transposed", "norm", "tokens", "attention", "recurrent", "squeeze", "shared"),
    *("scaled weights", "act", "add", "in place", "joined", "filled", "chosen", "pooled"),
    *("resized", "rolled"),
)
STEPS = st.lists(
    st.tuples(st.sampled_from(NAMES), st.integers(0, 11), st.integers(0, 11)),
    min_size=1,
    max_size=7,
)


@given(STEPS)
@settings(max_examples=80, suppress_health_check=[HealthCheck.too_slow])
def test_counts_of_drawn_modules(steps: list[tuple[str, int, int]]) -> None:
    torch.manual_seed(0)
    module = Drawn(steps).eval()
    shape = (CHANNELS, SIDE, SIDE)
    net = Network.from_torch(module, shape)
    assert (net.params, net.macs) == counted(module, torch.zeros(1, *shape))
    assert Network.from_dict(net.to_dict()) == net
    with torch.no_grad():
        out = module(torch.zeros(1, *shape))
    last = net.layers[-1]
    assert last.out_channels * last.out_height * last.out_width == out.numel()
