"""Building blocks of the networks that are measured: torch modules, written for this project."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

ACTS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "relu6": nn.ReLU6,
    "hardswish": nn.Hardswish,
    "silu": nn.SiLU,
    "gelu": nn.GELU,
    "elu": nn.ELU,
    "leaky": nn.LeakyReLU,
    "mish": nn.Mish,
    "tanh": nn.Tanh,
}


class ConvNorm(nn.Sequential):
    """Convolution, batch norm, activation."""

    def __init__(
        self,
        into: int,
        out: int,
        kernel: Any = 3,
        stride: int = 1,
        groups: int = 1,
        act: str | None = "relu",
        norm: str = "batch",
    ) -> None:
        pad: Any = tuple(k // 2 for k in kernel) if isinstance(kernel, tuple) else kernel // 2
        parts: list[nn.Module] = [
            nn.Conv2d(into, out, kernel, stride, pad, groups=groups, bias=norm != "batch")
        ]
        if norm == "batch":
            parts.append(nn.BatchNorm2d(out))
        elif norm == "group":
            parts.append(nn.GroupNorm(8, out))
        elif norm == "instance":
            parts.append(nn.InstanceNorm2d(out, affine=True))
        if act:
            parts.append(ACTS[act]())
        super().__init__(*parts)


class Residual(nn.Module):
    """What a body computes, added to its input or a projection of it."""

    def __init__(self, body: nn.Module, shortcut: nn.Module | None, act: str | None) -> None:
        super().__init__()
        self.body = body
        self.shortcut = shortcut
        self.act = ACTS[act]() if act else None

    def forward(self, x: Tensor) -> Tensor:
        y = self.body(x) + (x if self.shortcut is None else self.shortcut(x))
        return y if self.act is None else self.act(y)


class Excite(nn.Module):
    """Squeeze and excitation."""

    def __init__(self, channels: int, squeezed: int, act: str = "relu", gate: str = "sigmoid"):
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.down = nn.Conv2d(channels, squeezed, 1)
        self.act = ACTS[act]()
        self.up = nn.Conv2d(squeezed, channels, 1)
        self.gate: nn.Module = nn.Sigmoid() if gate == "sigmoid" else nn.Hardsigmoid()

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gate(self.up(self.act(self.down(self.pool(x)))))


def bottleneck(
    into: int,
    out: int,
    stride: int = 1,
    groups: int = 1,
    width: int | None = None,
    norm: str = "batch",
    excite: bool = False,
) -> nn.Module:
    """A residual block of 1x1, 3x3 (perhaps grouped), 1x1."""
    inner = width or out // 4
    parts: list[nn.Module] = [
        ConvNorm(into, inner, 1, norm=norm),
        ConvNorm(inner, inner, 3, stride, groups, norm=norm),
    ]
    if excite:
        parts.append(Excite(inner, max(8, into // 4)))
    parts.append(ConvNorm(inner, out, 1, act=None, norm=norm))
    same = stride == 1 and into == out
    shortcut = None if same else ConvNorm(into, out, 1, stride, act=None, norm=norm)
    return Residual(nn.Sequential(*parts), shortcut, "relu")


def basic(into: int, out: int, stride: int = 1, norm: str = "batch", act: str = "relu") -> Any:
    """A residual block of two 3x3."""
    body = nn.Sequential(
        ConvNorm(into, out, 3, stride, norm=norm, act=act),
        ConvNorm(out, out, 3, act=None, norm=norm),
    )
    same = stride == 1 and into == out
    shortcut = None if same else ConvNorm(into, out, 1, stride, act=None, norm=norm)
    return Residual(body, shortcut, act)


def inverted(
    into: int,
    out: int,
    stride: int = 1,
    factor: float = 6.0,
    kernel: int = 3,
    act: str = "relu6",
    excite: str | None = None,
) -> nn.Module:
    """An inverted residual, perhaps with squeeze and excitation ("sigmoid" or "hard")."""
    hidden = int(into * factor)
    parts: list[nn.Module] = []
    if factor != 1:
        parts.append(ConvNorm(into, hidden, 1, act=act))
    parts.append(ConvNorm(hidden, hidden, kernel, stride, hidden, act))
    if excite:
        gate = "sigmoid" if excite == "sigmoid" else "hard"
        parts.append(Excite(hidden, max(8, hidden // 4), "relu", gate))
    parts.append(ConvNorm(hidden, out, 1, act=None))
    body = nn.Sequential(*parts)
    return Residual(body, None, None) if stride == 1 and into == out else body


class Dense(nn.Module):
    """Layers that read all that is before them."""

    def __init__(self, into: int, growth: int, depth: int, wide: int = 4) -> None:
        super().__init__()
        self.layers = nn.ModuleList()
        for n in range(depth):
            channels = into + n * growth
            self.layers.append(
                nn.Sequential(
                    nn.BatchNorm2d(channels),
                    nn.ReLU(),
                    ConvNorm(channels, wide * growth, 1),
                    nn.Conv2d(wide * growth, growth, 3, 1, 1, bias=False),
                )
            )

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = torch.cat([x, layer(x)], 1)
        return x


class Branches(nn.Module):
    """Branches of one input, concatenated."""

    def __init__(self, *branches: nn.Module) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([branch(x) for branch in self.branches], 1)


class Shuffle(nn.Module):
    """One half of the channels goes on as it is, the other through a body; then they mix."""

    def __init__(self, channels: int, stride: int = 1) -> None:
        super().__init__()
        half = channels // 2
        self.stride = stride
        self.body = nn.Sequential(
            ConvNorm(half, half, 1),
            ConvNorm(half, half, 3, stride, half, None),
            ConvNorm(half, half, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        first, second = x.chunk(2, 1)
        y = torch.cat([first, self.body(second)], 1)
        n, c, h, w = y.shape
        return y.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)


class Ghost(nn.Module):
    """Half of the channels by a 1x1, the others by a cheap depthwise of these."""

    def __init__(self, into: int, out: int) -> None:
        super().__init__()
        half = out // 2
        self.main = ConvNorm(into, half, 1)
        self.cheap = ConvNorm(half, half, 3, 1, half)

    def forward(self, x: Tensor) -> Tensor:
        y = self.main(x)
        return torch.cat([y, self.cheap(y)], 1)


class ChannelNorm(nn.Module):
    """Layer norm over the channels of maps."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class ConvNext(nn.Module):
    """Depthwise convolution, layer norm, two linear layers of each position, a learned scale."""

    def __init__(self, channels: int, kernel: int = 7, factor: int = 4, scaled: bool = True):
        super().__init__()
        self.depthwise = nn.Conv2d(channels, channels, kernel, 1, kernel // 2, groups=channels)
        self.norm = nn.LayerNorm(channels)
        self.up = nn.Linear(channels, factor * channels)
        self.act = nn.GELU()
        self.down = nn.Linear(factor * channels, channels)
        self.scale = nn.Parameter(torch.ones(channels)) if scaled else None

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.depthwise(x).permute(0, 2, 3, 1))
        y = self.down(self.act(self.up(y)))
        if self.scale is not None:
            y = y * self.scale
        return x + y.permute(0, 3, 1, 2)


class Attention(nn.Module):
    """Attention of several heads; of its own tokens or of others."""

    def __init__(self, width: int, heads: int, causal: bool = False, fused: bool = False) -> None:
        super().__init__()
        self.heads, self.causal, self.fused = heads, causal, fused
        self.query = nn.Linear(width, width)
        self.both = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor, other: Tensor | None = None) -> Tensor:
        n, t, c = x.shape
        source = x if other is None else other
        s = source.shape[1]
        q = self.query(x).view(n, t, self.heads, c // self.heads).transpose(1, 2)
        kv = self.both(source).view(n, s, 2, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        k, v = kv[0], kv[1]
        if self.fused:
            y = functional.scaled_dot_product_attention(q, k, v, is_causal=self.causal)
        else:
            score = (q @ k.transpose(-2, -1)) * (c // self.heads) ** -0.5
            if self.causal:
                mask = torch.ones(t, s, dtype=torch.bool).tril()
                score = score.masked_fill(~mask, float("-inf"))
            y = score.softmax(-1) @ v
        return self.out(y.transpose(1, 2).reshape(n, t, c))


class Block(nn.Module):
    """A transformer's block: attention (perhaps of other tokens too) and two linear layers."""

    def __init__(
        self,
        width: int,
        heads: int,
        factor: float = 4.0,
        causal: bool = False,
        crossed: bool = False,
        fused: bool = False,
        act: str = "gelu",
        first: bool = True,
    ) -> None:
        super().__init__()
        hidden = int(width * factor)
        self.first = first
        self.attention = Attention(width, heads, causal, fused)
        self.norm = nn.LayerNorm(width)
        self.cross = Attention(width, heads, fused=fused) if crossed else None
        self.between = nn.LayerNorm(width) if crossed else None
        self.after = nn.LayerNorm(width)
        self.up, self.down = nn.Linear(width, hidden), nn.Linear(hidden, width)
        self.act = ACTS[act]()

    def forward(self, x: Tensor, other: Tensor | None = None) -> Tensor:
        if not self.first:  # norms after the sums
            x = self.norm(x + self.attention(x))
            return self.after(x + self.down(self.act(self.up(x))))
        x = x + self.attention(self.norm(x))
        if self.cross is not None and self.between is not None:
            x = x + self.cross(self.between(x), other)
        return x + self.down(self.act(self.up(self.after(x))))


class RootNorm(nn.Module):
    """A norm by the root of the mean square, as language models spell it out."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * self.weight


class Gated(nn.Module):
    """A block with RMS norms and a gated pair of linear layers, as language models have it."""

    def __init__(self, width: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.norm, self.after = RootNorm(width), RootNorm(width)
        self.attention = Attention(width, heads, causal=True)
        self.gate = nn.Linear(width, hidden, bias=False)
        self.up = nn.Linear(width, hidden, bias=False)
        self.down = nn.Linear(hidden, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.norm(x))
        y = self.after(x)
        return x + self.down(functional.silu(self.gate(y)) * self.up(y))


class Mix(nn.Module):
    """A mixer's block: linear layers across the tokens, then across the features."""

    def __init__(self, tokens: int, width: int, hidden: int, factor: int = 4) -> None:
        super().__init__()
        self.norm, self.after = nn.LayerNorm(width), nn.LayerNorm(width)
        self.across = nn.Sequential(nn.Linear(tokens, hidden), nn.GELU(), nn.Linear(hidden, tokens))
        self.along = nn.Sequential(
            nn.Linear(width, factor * width), nn.GELU(), nn.Linear(factor * width, width)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.across(self.norm(x).transpose(1, 2)).transpose(1, 2)
        return x + self.along(self.after(x))


class Patches(nn.Module):
    """Patches of an image as tokens, with learned positions."""

    def __init__(self, side: int, patch: int, width: int, into: int = 3, token: bool = False):
        super().__init__()
        self.conv = nn.Conv2d(into, width, patch, patch)
        self.tokens = (side // patch) ** 2 + token
        self.token = nn.Parameter(torch.zeros(1, 1, width)) if token else None
        self.place = nn.Parameter(torch.zeros(1, self.tokens, width))

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(x).flatten(2).transpose(1, 2)
        if self.token is not None:
            y = torch.cat([self.token, y], 1)
        return y + self.place


class Windows(nn.Module):
    """A block of attention within windows of the maps, perhaps shifted."""

    def __init__(self, width: int, heads: int, window: int, shift: int = 0) -> None:
        super().__init__()
        self.window, self.shift = window, shift
        self.norm, self.after = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )

    def forward(self, x: Tensor) -> Tensor:
        n, h, w, c = x.shape
        k = self.window
        y = self.norm(x)
        if self.shift:
            y = torch.roll(y, (-self.shift, -self.shift), (1, 2))
        y = y.view(n, h // k, k, w // k, k, c).transpose(2, 3).reshape(-1, k * k, c)
        y = self.attention(y).view(n, h // k, w // k, k, k, c).transpose(2, 3)
        y = y.reshape(n, h, w, c)
        if self.shift:
            y = torch.roll(y, (self.shift, self.shift), (1, 2))
        x = x + y
        return x + self.mlp(self.after(x))


class Merge(nn.Module):
    """Four neighbours become one position."""

    def __init__(self, width: int, out: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(4 * width)
        self.linear = nn.Linear(4 * width, out, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        parts = [x[:, i::2, j::2] for j in range(2) for i in range(2)]
        return self.linear(self.norm(torch.cat(parts, -1)))


class Pick(nn.Module):
    """One step of a sequence: the last, the first, or the mean of all."""

    def __init__(self, which: str) -> None:
        super().__init__()
        self.which = which

    def forward(self, x: Tensor) -> Tensor:
        if self.which == "mean":
            return x.mean(1)
        return x[:, -1] if self.which == "last" else x[:, 0]


class Swap(nn.Module):
    """Two axes change places."""

    def __init__(self, first: int = 1, second: int = 2) -> None:
        super().__init__()
        self.axes = (first, second)

    def forward(self, x: Tensor) -> Tensor:
        return x.transpose(*self.axes)


class Recurrent(nn.Module):
    """An LSTM or GRU without its states."""

    def __init__(self, kind: str, into: int, hidden: int, layers: int = 1, both: bool = False):
        super().__init__()
        make = nn.LSTM if kind == "lstm" else nn.GRU
        self.inner = make(into, hidden, layers, batch_first=True, bidirectional=both)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.inner(x)[0]
        return result


class UNet(nn.Module):
    """Down and up again, with what was on the way down beside it."""

    def __init__(
        self, widths: Sequence[int], out: int, up: str, norm: str = "batch", joined: str = "cat"
    ) -> None:
        super().__init__()
        self.joined = joined
        self.down, self.ups, self.mixed = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        before = 3
        for width in widths:
            self.down.append(
                nn.Sequential(ConvNorm(before, width, norm=norm), ConvNorm(width, width, norm=norm))
            )
            before = width
        for width in reversed(widths[:-1]):
            if up == "transposed":
                self.ups.append(nn.ConvTranspose2d(before, width, 2, 2))
            else:
                corners = False if up == "bilinear" else None
                self.ups.append(
                    nn.Sequential(
                        nn.Upsample(scale_factor=2, mode=up, align_corners=corners),
                        nn.Conv2d(before, width, 1),
                    )
                )
            both = 2 * width if joined == "cat" else width
            self.mixed.append(ConvNorm(both, width, norm=norm))
            before = width
        self.last = nn.Conv2d(before, out, 1)

    def forward(self, x: Tensor) -> Tensor:
        kept: list[Tensor] = []
        for n, stage in enumerate(self.down):
            x = stage(functional.max_pool2d(x, 2) if n else x)
            kept.append(x)
        for up, mix, beside in zip(self.ups, self.mixed, reversed(kept[:-1]), strict=True):
            x = up(x)
            x = mix(torch.cat([x, beside], 1) if self.joined == "cat" else x + beside)
        result: Tensor = self.last(x)
        return result


class Head(nn.Sequential):
    """Mean over the positions, and a linear layer."""

    def __init__(self, into: int, classes: int) -> None:
        super().__init__(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(into, classes))


class Wave(nn.Module):
    """Dilated 1-d convolutions with gates, all of which are added up."""

    def __init__(self, channels: int, layers: int, kernel: int = 3) -> None:
        super().__init__()
        self.gates, self.outs = nn.ModuleList(), nn.ModuleList()
        for n in range(layers):
            step = 2 ** (n % 6)
            self.gates.append(
                nn.Conv1d(
                    channels, 2 * channels, kernel, dilation=step, padding=step * (kernel // 2)
                )
            )
            self.outs.append(nn.Conv1d(channels, channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        total = torch.zeros(())
        for gate, out in zip(self.gates, self.outs, strict=True):
            a, b = gate(x).chunk(2, 1)
            y = out(torch.tanh(a) * torch.sigmoid(b))
            x, total = x + y, total + y
        return total


class Language(nn.Module):
    """Tokens through an embedding and a body; numbers of the vocabulary or of classes come out."""

    def __init__(
        self, vocabulary: int, width: int, length: int, body: nn.Module, head: nn.Module
    ) -> None:
        super().__init__()
        self.words = nn.Embedding(vocabulary, width)
        self.places = nn.Parameter(torch.zeros(1, length, width)) if length else None
        self.body, self.head = body, head

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.words(tokens)
        if self.places is not None:
            x = x + self.places
        result: Tensor = self.head(self.body(x))
        return result


class Translator(nn.Module):
    """An encoder and a decoder that looks at what it says; the same tokens for both."""

    def __init__(self, vocabulary: int, width: int, heads: int, depth: int) -> None:
        super().__init__()
        self.words = nn.Embedding(vocabulary, width)
        self.encoder = nn.ModuleList(Block(width, heads) for _ in range(depth))
        self.decoder = nn.ModuleList(
            Block(width, heads, causal=True, crossed=True) for _ in range(depth)
        )
        self.last = nn.Linear(width, vocabulary)

    def forward(self, tokens: Tensor) -> Tensor:
        x = y = self.words(tokens)
        for block in self.encoder:
            x = block(x)
        for block in self.decoder:
            y = block(y, x)
        result: Tensor = self.last(y)
        return result


class GatedMix(nn.Module):
    """Linear layers of each token, gated by a mix across the tokens."""

    def __init__(self, tokens: int, width: int, hidden: int) -> None:
        super().__init__()
        self.norm, self.inner = nn.LayerNorm(width), nn.LayerNorm(hidden // 2)
        self.up, self.down = nn.Linear(width, hidden), nn.Linear(hidden // 2, width)
        self.across = nn.Conv1d(tokens, tokens, 1)

    def forward(self, x: Tensor) -> Tensor:
        a, b = functional.gelu(self.up(self.norm(x))).chunk(2, -1)
        return x + self.down(a * self.across(self.inner(b)))


class Pooling(nn.Module):
    """A block that mixes positions by a mean of neighbours."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm, self.after = nn.GroupNorm(1, channels), nn.GroupNorm(1, channels)
        self.pool = nn.AvgPool2d(3, 1, 1, count_include_pad=False)
        self.up, self.down = (
            nn.Conv2d(channels, 4 * channels, 1),
            nn.Conv2d(4 * channels, channels, 1),
        )
        self.scale = nn.Parameter(torch.ones(channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(x)
        x = x + (self.pool(y) - y)
        return x + self.scale * self.down(functional.gelu(self.up(self.after(x))))


class Pyramid(nn.Module):
    """Maps of three sizes, each with what the smaller ones say added to it."""

    def __init__(self, widths: Sequence[int], wide: int, out: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(ConvNorm(3, widths[0], 7, 2), nn.MaxPool2d(3, 2, 1))
        self.stages, self.sides = nn.ModuleList(), nn.ModuleList()
        before = widths[0]
        for n, width in enumerate(widths):
            self.stages.append(
                nn.Sequential(basic(before, width, 2 if n else 1), basic(width, width))
            )
            self.sides.append(nn.Conv2d(width, wide, 1))
            before = width
        self.last = nn.Sequential(ConvNorm(wide, wide), nn.Conv2d(wide, out, 1))

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        maps: list[Tensor] = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        y = self.sides[-1](maps[-1])
        for side, own in zip(self.sides[-2::-1], maps[-2::-1], strict=True):
            y = functional.interpolate(y, scale_factor=2.0, mode="nearest") + side(own)
        result: Tensor = self.last(y)
        return result


class Spatial(nn.Module):
    """Attention of channels and of positions, by means and maxima."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(
            nn.Conv2d(channels, channels // 8, 1), nn.ReLU(), nn.Conv2d(channels // 8, channels, 1)
        )
        self.conv = nn.Conv2d(2, 1, 7, padding=3)

    def forward(self, x: Tensor) -> Tensor:
        means = self.mlp(functional.adaptive_avg_pool2d(x, 1))
        most = self.mlp(functional.adaptive_max_pool2d(x, 1))
        x = x * torch.sigmoid(means + most)
        both = torch.cat([x.mean(1, keepdim=True), x.amax(1, keepdim=True)], 1)
        return x * torch.sigmoid(self.conv(both))


class Conditions(nn.Module):
    """A recommender: wide tables, and linear layers of what they hold."""

    def __init__(self, tables: int, rows: int, width: int, hidden: Sequence[int]) -> None:
        super().__init__()
        self.words = nn.Embedding(rows, width)
        parts: list[nn.Module] = []
        before = tables * width
        for one in hidden:
            parts += [nn.Linear(before, one), nn.ReLU()]
            before = one
        self.mlp = nn.Sequential(*parts, nn.Linear(before, 1), nn.Sigmoid())

    def forward(self, tokens: Tensor) -> Tensor:
        result: Tensor = self.mlp(self.words(tokens).flatten(1))
        return result
