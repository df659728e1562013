"""Networks by kind, made of `blocks`: what `networks` lists with their sizes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import nn

from . import blocks as b

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

S, L = nn.Sequential, nn.Linear
WORDS = 4000  # of vocabularies


def plain(widths: Sequence[int], each: int, side: int, hidden: int, norm: bool = True) -> nn.Module:
    """Convolutions and pools, then wide linear layers."""
    parts: list[nn.Module] = []
    before = 3
    for width in widths:
        for _ in range(each):
            parts.append(b.ConvNorm(before, width, norm="batch" if norm else ""))
            before = width
        parts.append(nn.MaxPool2d(2))
        side //= 2
    flat = before * side * side
    return S(
        *parts,
        nn.Flatten(),
        L(flat, hidden),
        nn.ReLU(),
        L(hidden, hidden),
        nn.ReLU(),
        L(hidden, 100),
    )


def stem(side: int, width: int, act: str = "relu", norm: str = "batch") -> list[nn.Module]:
    """What comes before the first stage, by the image's size."""
    if side < 100:
        return [b.ConvNorm(3, width, 3, act=act, norm=norm)]
    return [b.ConvNorm(3, width, 7, 2, act=act, norm=norm), nn.MaxPool2d(3, 2, 1)]


def staged(
    block: Callable[..., nn.Module],
    side: int,
    first: int,
    widths: Sequence[int],
    depths: Sequence[int],
    norm: str = "batch",
    **more: Any,
) -> nn.Module:
    """Stages of one kind of block."""
    parts, before = stem(side, first, norm=norm), first
    for n, (width, depth) in enumerate(zip(widths, depths, strict=True)):
        for k in range(depth):
            given = {key: one(width) if callable(one) else one for key, one in more.items()}
            parts.append(block(before, width, 2 if n and not k else 1, norm=norm, **given))
            before = width
    return S(*parts, b.Head(before, 100))


def mobile(
    side: int, first: int, rows: Sequence[tuple[Any, ...]], act: str, last: int, **more: Any
) -> nn.Module:
    """Inverted residuals: (factor, width, depth, stride, kernel) each."""
    parts: list[nn.Module] = [b.ConvNorm(3, first, 3, 2 if side > 100 else 1, act=act)]
    before = first
    for factor, width, depth, stride, kernel in rows:
        for k in range(depth):
            parts.append(b.inverted(before, width, 1 if k else stride, factor, kernel, act, **more))
            before = width
    return S(*parts, b.ConvNorm(before, last, 1, act=act), b.Head(last, 100))


def separable(side: int, widths: Sequence[int], act: str = "relu", kernel: int = 3) -> nn.Module:
    """Depthwise and pointwise convolutions in turns."""
    parts: list[nn.Module] = [b.ConvNorm(3, widths[0], 3, 2 if side > 100 else 1, act=act)]
    before = widths[0]
    for width in widths:
        stride = 2 if width > before else 1
        parts += [
            b.ConvNorm(before, before, kernel, stride, before, act),
            b.ConvNorm(before, width, 1, act=act),
        ]
        before = width
    return S(*parts, b.Head(before, 100))


def dense(side: int, growth: int, depths: Sequence[int], wide: int = 4) -> nn.Module:
    """Dense blocks, with halving between them."""
    parts, before = stem(side, 2 * growth), 2 * growth
    for n, depth in enumerate(depths):
        parts.append(b.Dense(before, growth, depth, wide))
        before += depth * growth
        if n < len(depths) - 1:
            parts += [
                nn.BatchNorm2d(before),
                nn.ReLU(),
                nn.Conv2d(before, before // 2, 1, bias=False),
                nn.AvgPool2d(2),
            ]
            before //= 2
    return S(*parts, nn.BatchNorm2d(before), nn.ReLU(), b.Head(before, 100))


def fire(into: int, squeezed: int, out: int) -> nn.Module:
    """A squeezing 1x1, and two widths of kernels beside each other."""
    return S(
        nn.Conv2d(into, squeezed, 1), nn.ReLU(),
        b.Branches(
            S(nn.Conv2d(squeezed, out // 2, 1), nn.ReLU()),
            S(nn.Conv2d(squeezed, out // 2, 3, padding=1), nn.ReLU()),
        ),
    )  # fmt: skip


def branched(into: int, w: int) -> nn.Module:
    """Four branches: 1x1, 3x3, two of 3x3 (or 1x7 and 7x1), a pool."""
    return b.Branches(
        b.ConvNorm(into, w, 1),
        S(b.ConvNorm(into, w, 1), b.ConvNorm(w, w, 3)),
        S(b.ConvNorm(into, w, 1), b.ConvNorm(w, w, (1, 7)), b.ConvNorm(w, w, (7, 1))),
        S(nn.AvgPool2d(3, 1, 1), b.ConvNorm(into, w, 1)),
    )


def modern(
    side: int,
    patch: int,
    widths: Sequence[int],
    depths: Sequence[int],
    kernel: int = 7,
    **more: Any,
) -> Any:
    """Blocks of a wide depthwise kernel and two linear layers."""
    parts: list[nn.Module] = [nn.Conv2d(3, widths[0], patch, patch), b.ChannelNorm(widths[0])]
    before = widths[0]
    for width, depth in zip(widths, depths, strict=True):
        if width != before:
            parts += [b.ChannelNorm(before), nn.Conv2d(before, width, 2, 2)]
            before = width
        parts += [b.ConvNext(width, kernel, **more) for _ in range(depth)]
    return S(*parts, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.LayerNorm(before), L(before, 100))


def mixing(width: int, depth: int, kernel: int, patch: int) -> nn.Module:
    """Depthwise kernels with a residual, and pointwise layers, at one size."""
    parts: list[nn.Module] = [nn.Conv2d(3, width, patch, patch), nn.GELU(), nn.BatchNorm2d(width)]
    for _ in range(depth):
        own = S(
            nn.Conv2d(width, width, kernel, 1, kernel // 2, groups=width),
            nn.GELU(),
            nn.BatchNorm2d(width),
        )
        parts += [
            b.Residual(own, None, None),
            nn.Conv2d(width, width, 1),
            nn.GELU(),
            nn.BatchNorm2d(width),
        ]
    return S(*parts, b.Head(width, 100))


def seeing(
    side: int, patch: int, width: int, heads: int, depth: int, token: bool = False, **more: Any
) -> Any:
    """A vision transformer."""
    rows = [b.Block(width, heads, **more) for _ in range(depth)]
    which = "first" if token else "mean"
    return S(
        b.Patches(side, patch, width, token=token),
        *rows,
        nn.LayerNorm(width),
        b.Pick(which),
        L(width, 100),
    )


def mixer(side: int, patch: int, width: int, hidden: int, depth: int) -> nn.Module:
    """A mixer of tokens and features."""
    tokens = (side // patch) ** 2
    rows = [b.Mix(tokens, width, hidden) for _ in range(depth)]
    return S(
        b.Patches(side, patch, width), *rows, nn.LayerNorm(width), b.Pick("mean"), L(width, 100)
    )


def windowed(
    side: int, patch: int, widths: Sequence[int], depths: Sequence[int], window: int
) -> nn.Module:
    """Attention within windows, every second time shifted."""
    parts: list[nn.Module] = [nn.Conv2d(3, widths[0], patch, patch), b.Swap(1, 2), b.Swap(2, 3)]
    before = widths[0]
    for width, depth in zip(widths, depths, strict=True):
        if width != before:
            parts.append(b.Merge(before, width))
            before = width
        parts += [
            b.Windows(width, width // 32, window, window // 2 * (k % 2)) for k in range(depth)
        ]
    return S(*parts, nn.LayerNorm(before), nn.Flatten(1, 2), b.Pick("mean"), L(before, 100))


def mixed(side: int) -> nn.Module:
    """Inverted residuals, then a transformer of what they say."""
    rows = [
        b.inverted(16, 32, 2, 4, 3, "silu"),
        b.inverted(32, 48, 2, 4, 3, "silu"),
        b.inverted(48, 64, 2, 4, 3, "silu"),
    ]
    tokens = [nn.Flatten(2), b.Swap(), *(b.Block(64, 4, 2.0, act="silu") for _ in range(4))]
    return S(b.ConvNorm(3, 16, 3, 2, act="silu"), *rows, *tokens, b.Pick("mean"), L(64, 100))


def reading(width: int, heads: int, depth: int, length: int, **more: Any) -> nn.Module:
    """A transformer's encoder of text, with a classifier."""
    rows = [b.Block(width, heads, **more) for _ in range(depth)]
    return b.Language(
        WORDS, width, length, S(*rows), S(b.Pick("first"), L(width, width), nn.Tanh(), L(width, 4))
    )


def writing(width: int, heads: int, depth: int, length: int, **more: Any) -> nn.Module:
    """A transformer's decoder, which says the next word."""
    rows = [b.Block(width, heads, causal=True, **more) for _ in range(depth)]
    return b.Language(
        WORDS, width, length, S(*rows), S(nn.LayerNorm(width), L(width, WORDS, bias=False))
    )


def gated(width: int, heads: int, depth: int, hidden: int) -> nn.Module:
    """The same of gated blocks with RMS norms."""
    rows = [b.Gated(width, heads, hidden) for _ in range(depth)]
    return b.Language(WORDS, width, 0, S(*rows), S(b.RootNorm(width), L(width, WORDS, bias=False)))


def spoken(kind: str, width: int, hidden: int, layers: int, both: bool = False) -> nn.Module:
    """Words through a recurrent layer to classes."""
    wide = hidden * (2 if both else 1)
    body = b.Recurrent(kind, width, hidden, layers, both)
    return b.Language(WORDS, width, 0, body, S(b.Pick("last"), L(wide, 20)))


def heard(widths: Sequence[int], kernel: int, act: str = "relu", groups: bool = False) -> nn.Module:
    """1-d convolutions of a sound."""
    parts: list[nn.Module] = []
    before, acts = 1, b.ACTS[act]
    for n, width in enumerate(widths):
        k, stride = (80, 4) if not n else (kernel, 1)
        if groups and n:
            parts += [
                nn.Conv1d(before, before, k, stride, k // 2, groups=before),
                nn.BatchNorm1d(before),
                acts(),
            ]
            k = 1
        parts += [
            nn.Conv1d(before, width, k, stride, k // 2),
            nn.BatchNorm1d(width),
            acts(),
            nn.MaxPool1d(4),
        ]
        before = width
    return S(*parts, nn.AdaptiveAvgPool1d(1), nn.Flatten(), L(before, 35))


def drawn(width: int, side: int, kernel: int = 4) -> nn.Module:
    """Transposed convolutions from numbers to an image."""
    parts: list[nn.Module] = [nn.ConvTranspose2d(100, width, 4), nn.BatchNorm2d(width), nn.ReLU()]
    size = 4
    while size < side // 2:
        parts += [
            nn.ConvTranspose2d(width, width // 2, kernel, 2, 1),
            nn.BatchNorm2d(width // 2),
            nn.ReLU(),
        ]
        width, size = width // 2, 2 * size
    return S(*parts, nn.ConvTranspose2d(width, 3, kernel, 2, 1), nn.Tanh())


def sharper(width: int, depth: int, factor: int) -> nn.Module:
    """An image made larger by shuffled channels."""
    body: list[nn.Module] = []
    for _ in range(depth):
        first, second = (nn.Conv2d(width, width, 3, 1, 1) for _ in range(2))
        body.append(b.Residual(S(first, nn.ReLU(), second), None, None))
    return S(
        nn.Conv2d(3, width, 3, 1, 1),
        *body,
        nn.Conv2d(width, 3 * factor**2, 3, 1, 1),
        nn.PixelShuffle(factor),
    )


def painted(width: int, depth: int) -> nn.Module:
    """Down, residual blocks with instance norms, and up again."""
    n = "instance"
    down = [
        b.ConvNorm(3, width, 9, norm=n),
        b.ConvNorm(width, 2 * width, 3, 2, norm=n),
        b.ConvNorm(2 * width, 4 * width, 3, 2, norm=n),
    ]
    up: list[nn.Module] = []
    for w in (2 * width, width):
        up += [nn.Upsample(scale_factor=2, mode="nearest"), b.ConvNorm(2 * w, w, 3, norm=n)]
    middle = [b.basic(4 * width, 4 * width, norm=n) for _ in range(depth)]
    return S(*down, *middle, *up, nn.Conv2d(width, 3, 9, 1, 4))


def filmed(widths: Sequence[int], separated: bool = False) -> nn.Module:
    """3-d convolutions of frames."""
    parts: list[nn.Module] = []
    before = 3
    for n, w in enumerate(widths):
        s = 2 if n else (1, 2, 2)
        if separated:
            parts += [
                nn.Conv3d(before, w, (1, 3, 3), (1, 2, 2), (0, 1, 1)),
                nn.BatchNorm3d(w),
                nn.ReLU(),
                nn.Conv3d(w, w, (3, 1, 1), 1, (1, 0, 0)),
            ]
        else:
            parts.append(nn.Conv3d(before, w, 3, s, 1))
        parts += [nn.BatchNorm3d(w), nn.ReLU()]
        before = w
    return S(*parts, nn.AdaptiveAvgPool3d(1), nn.Flatten(), L(before, 20))


def perceptron(into: int, hidden: Sequence[int], act: str = "relu") -> nn.Module:
    """Linear layers alone."""
    parts: list[nn.Module] = [nn.Flatten()]
    for one in hidden:
        parts += [L(into, one), b.ACTS[act]()]
        into = one
    return S(*parts, L(into, 10))


def lines(width: int, hidden: int) -> nn.Module:
    """Text in an image: convolutions, then a recurrent layer along the width."""
    parts = [
        b.ConvNorm(3, width),
        nn.MaxPool2d(2),
        b.ConvNorm(width, 2 * width),
        nn.MaxPool2d((2, 1)),
        b.ConvNorm(2 * width, 4 * width),
        nn.MaxPool2d((8, 1)),
    ]
    return S(
        *parts,
        nn.Flatten(1, 2),
        b.Swap(),
        b.Recurrent("lstm", 4 * width, hidden, 1, True),
        L(2 * hidden, 80),
    )


def gates(side: int, patch: int, width: int, hidden: int, depth: int) -> nn.Module:
    """Gated mixes of tokens."""
    tokens = (side // patch) ** 2
    rows = [b.GatedMix(tokens, width, hidden) for _ in range(depth)]
    return S(
        b.Patches(side, patch, width), *rows, nn.LayerNorm(width), b.Pick("mean"), L(width, 100)
    )


def pooled(side: int, widths: Sequence[int], depths: Sequence[int]) -> nn.Module:
    """Blocks that mix positions by pools."""
    parts: list[nn.Module] = [nn.Conv2d(3, widths[0], 7, 4, 2)]
    before = widths[0]
    for width, depth in zip(widths, depths, strict=True):
        if width != before:
            parts.append(nn.Conv2d(before, width, 3, 2, 1))
            before = width
        parts += [b.Pooling(width) for _ in range(depth)]
    return S(*parts, nn.GroupNorm(1, before), b.Head(before, 100))


def attended(side: int, widths: Sequence[int]) -> nn.Module:
    """Residual blocks, each followed by attention of channels and positions."""
    parts, before = stem(side, widths[0]), widths[0]
    for n, width in enumerate(widths):
        parts += [b.basic(before, width, 2 if n else 1), b.Spatial(width)]
        before = width
    return S(*parts, b.Head(before, 100))
