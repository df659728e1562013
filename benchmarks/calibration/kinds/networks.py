"""The networks that are measured: 100 and more of many kinds, 40 of them kept aside.

What is kept aside is of other types, or of other sizes, than what is fitted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from . import blocks as b
from .builders import (
    WORDS,
    attended,
    branched,
    dense,
    drawn,
    filmed,
    fire,
    gated,
    gates,
    heard,
    lines,
    mixed,
    mixer,
    mixing,
    mobile,
    modern,
    painted,
    perceptron,
    plain,
    pooled,
    reading,
    seeing,
    separable,
    sharper,
    spoken,
    staged,
    stem,
    windowed,
    writing,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

__all__ = ["KEPT", "NETWORKS", "inputs", "made"]

S, L = nn.Sequential, nn.Linear


V2 = (
    (1, 16, 1, 1, 3),
    (6, 24, 2, 2, 3),
    (6, 32, 3, 2, 3),
    (6, 64, 4, 2, 3),
    (6, 96, 3, 1, 3),
    (6, 160, 3, 2, 3),
    (6, 320, 1, 1, 3),
)
SMALL = ((1, 16, 1, 1, 3), (4, 24, 2, 1, 3), (4, 40, 2, 2, 5), (4, 80, 3, 2, 3), (6, 112, 2, 1, 5))
WIDE = (
    (1, 16, 1, 1, 3),
    (6, 24, 2, 2, 3),
    (6, 40, 2, 2, 5),
    (6, 80, 3, 2, 3),
    (6, 112, 3, 1, 5),
    (6, 192, 4, 2, 5),
    (6, 320, 1, 1, 3),
)
I32, I224, I64, I112, I160 = ((3, s, s) for s in (32, 224, 64, 112, 160))
I256, I128, I96 = (3, 256, 256), (3, 128, 128), (3, 96, 96)
Made = tuple["Callable[[], nn.Module]", "tuple[int, ...] | int"]  # a length alone: token numbers

NETWORKS: dict[str, Made] = {
    # classic
    "plain-32": (lambda: plain((32, 64, 128), 2, 32, 256), I32),
    "plain-224": (lambda: plain((32, 64, 128, 256, 256), 1, 224, 1024), I224),
    "plain-224-wide": (lambda: plain((64, 128, 256, 512, 512), 2, 224, 4096, False), I224),
    "residual-32": (lambda: staged(b.basic, 32, 16, (16, 32, 64), (3, 3, 3)), I32),
    "residual-32-wide": (lambda: staged(b.basic, 32, 64, (64, 128, 256, 512), (2, 2, 2, 2)), I32),
    "residual-224": (lambda: staged(b.basic, 224, 64, (64, 128, 256, 512), (2, 2, 2, 2)), I224),
    "residual-224-odd": (lambda: staged(b.basic, 224, 40, (40, 90, 180, 300), (2, 1, 2, 1)), I224),
    "bottleneck-224": (
        lambda: staged(b.bottleneck, 224, 64, (256, 512, 1024, 2048), (3, 4, 6, 3)),
        I224,
    ),
    "bottleneck-32": (lambda: staged(b.bottleneck, 32, 32, (128, 256, 512), (2, 2, 2)), I32),
    "dense-32": (lambda: dense(32, 12, (6, 6, 6)), I32),
    "dense-224": (lambda: dense(224, 32, (6, 12, 16, 8)), I224),
    "fire-224": (
        lambda: S(
            nn.Conv2d(3, 64, 3, 2),
            nn.ReLU(),
            nn.MaxPool2d(3, 2),
            fire(64, 16, 128),
            fire(128, 16, 128),
            nn.MaxPool2d(3, 2),
            fire(128, 32, 256),
            fire(256, 32, 256),
            nn.MaxPool2d(3, 2),
            fire(256, 48, 384),
            fire(384, 64, 512),
            b.Head(512, 100),
        ),
        I224,
    ),
    "branched-224": (
        lambda: S(
            *stem(224, 64),
            branched(64, 64),
            branched(256, 64),
            nn.MaxPool2d(3, 2, 1),
            branched(256, 96),
            branched(384, 128),
            nn.MaxPool2d(3, 2, 1),
            branched(512, 192),
            b.Head(768, 100),
        ),
        I224,
    ),
    "branched-32": (
        lambda: S(
            *stem(32, 32),
            branched(32, 32),
            nn.MaxPool2d(2),
            branched(128, 48),
            branched(192, 48),
            b.Head(192, 100),
        ),
        I32,
    ),
    # mobile
    "separable-224": (
        lambda: separable(224, (32, 64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 1024, 1024)),
        I224,
    ),
    "separable-32": (lambda: separable(32, (32, 64, 64, 128, 128, 256, 256), "relu6"), I32),
    "inverted-224": (lambda: mobile(224, 32, V2, "relu6", 1280), I224),
    "inverted-32": (lambda: mobile(32, 32, V2[:5], "relu6", 640), I32),
    "excited-224": (lambda: mobile(224, 16, SMALL, "hardswish", 480, excite="hard"), I224),
    "excited-32": (lambda: mobile(32, 16, SMALL, "hardswish", 480, excite="hard"), I32),
    "efficient-224": (lambda: mobile(224, 32, WIDE, "silu", 1280, excite="sigmoid"), I224),
    "efficient-32": (lambda: mobile(32, 24, SMALL, "silu", 400, excite="sigmoid"), I32),
    "shuffled-224": (
        lambda: S(
            b.ConvNorm(3, 24, 3, 2),
            nn.MaxPool2d(3, 2, 1),
            b.ConvNorm(24, 116, 1),
            *(b.Shuffle(116) for _ in range(4)),
            b.ConvNorm(116, 232, 1, 2),
            *(b.Shuffle(232) for _ in range(8)),
            b.ConvNorm(232, 464, 1, 2),
            *(b.Shuffle(464) for _ in range(4)),
            b.Head(464, 100),
        ),
        I224,
    ),
    # grouped
    "grouped-224": (
        lambda: staged(
            b.bottleneck,
            224,
            64,
            (256, 512, 1024, 2048),
            (3, 4, 6, 3),
            groups=32,
            width=lambda w: w // 2,
        ),
        I224,
    ),
    "grouped-32": (
        lambda: staged(
            b.bottleneck, 32, 32, (64, 128, 256), (2, 2, 2), groups=8, width=lambda w: w // 2
        ),
        I32,
    ),
    "grouped-224-wide": (
        lambda: staged(
            b.bottleneck, 224, 32, (64, 128, 320, 768), (1, 3, 4, 2), groups=4, width=lambda w: w
        ),
        I224,
    ),
    "regular-224": (
        lambda: staged(
            b.bottleneck,
            224,
            32,
            (48, 120, 336, 888),
            (1, 2, 5, 1),
            groups=6,
            width=lambda w: w,
            excite=True,
        ),
        I224,
    ),
    "regular-32": (
        lambda: staged(
            b.bottleneck,
            32,
            32,
            (64, 160, 384),
            (1, 2, 2),
            groups=4,
            width=lambda w: w,
            excite=True,
        ),
        I32,
    ),
    # depthwise and linear
    "modern-224": (lambda: modern(224, 4, (64, 128, 256, 512), (2, 2, 4, 2)), I224),
    "modern-32": (lambda: modern(32, 2, (48, 96, 192), (2, 2, 2)), I32),
    "mixing-224": (lambda: mixing(256, 6, 9, 14), I224),
    "mixing-32": (lambda: mixing(128, 6, 5, 2), I32),
    # tokens
    "seeing-224": (lambda: seeing(224, 16, 192, 3, 12, True), I224),
    "seeing-224-wide": (lambda: seeing(224, 16, 384, 6, 8, True), I224),
    "seeing-224-fused": (lambda: seeing(224, 16, 256, 4, 6, fused=True), I224),
    "seeing-32": (lambda: seeing(32, 4, 128, 4, 6, fused=True), I32),
    "seeing-32-wide": (lambda: seeing(32, 4, 320, 5, 6), I32),
    "mixer-224": (lambda: mixer(224, 16, 384, 192, 6), I224),
    "mixer-32": (lambda: mixer(32, 4, 128, 64, 6), I32),
    "windowed-224": (lambda: windowed(224, 4, (64, 128, 256), (2, 2, 4), 7), I224),
    "windowed-32": (lambda: windowed(32, 2, (64, 128), (2, 4), 4), I32),
    "reading-128": (lambda: reading(256, 4, 4, 128, first=False), 128),
    "reading-64": (lambda: reading(384, 6, 6, 64, first=False, fused=True), 64),
    "writing-64": (lambda: writing(256, 8, 4, 64), 64),
    "writing-256": (lambda: writing(192, 6, 6, 256, fused=True), 256),
    "gated-96": (lambda: gated(256, 4, 4, 688), 96),
    "translating-48": (lambda: b.Translator(WORDS, 256, 4, 3), 48),
    # up again
    "down-up-224": (lambda: b.UNet((16, 32, 64, 128), 2, "bilinear"), I224),
    "down-up-224-transposed": (lambda: b.UNet((24, 48, 96, 192), 2, "transposed"), I224),
    "down-up-32": (lambda: b.UNet((32, 64, 128), 4, "nearest", joined="sum"), I32),
    "drawn-64": (lambda: drawn(256, 64), (100, 1, 1)),
    "sharper-64": (lambda: sharper(32, 4, 2), I64),
    # norms of one image
    "group-normed-224": (
        lambda: staged(b.bottleneck, 224, 32, (128, 256, 512), (2, 2, 2), norm="group"),
        I224,
    ),
    "painted-112": (lambda: painted(16, 3), I112),
    # activations
    "residual-64-elu": (lambda: staged(b.basic, 64, 16, (16, 32, 64), (1, 2, 2), act="elu"), I64),
    "separable-64-mish": (lambda: separable(64, (32, 64, 64, 128), "mish"), I64),
    "residual-96-silu": (lambda: staged(b.basic, 96, 24, (24, 48, 96), (2, 2, 2), act="silu"), I96),
    "perceptron-tanh": (lambda: perceptron(3072, (512, 512, 512, 512), "tanh"), I32),
    # sounds and sequences
    "heard-16000": (lambda: heard((64, 64, 128, 256), 3), (1, 16000)),
    "heard-4000": (lambda: heard((32, 64, 96), 9), (1, 4000)),
    "wave-2048": (lambda: b.Wave(48, 10), (48, 2048)),
    "recurrent-64": (lambda: spoken("lstm", 128, 256, 1), 64),
    "recurrent-128-both": (lambda: spoken("lstm", 96, 128, 2, True), 128),
    "recurrent-gru-100": (lambda: spoken("gru", 200, 320, 1), 100),
    "filmed-8": (lambda: filmed((16, 32, 64, 128)), (3, 8, 64, 64)),
    # linear
    "perceptron": (lambda: perceptron(3072, (1024, 512, 256)), I32),
    "perceptron-wide": (lambda: perceptron(3072, (4096, 4096)), I32),
    "conditions": (lambda: b.Conditions(26, 1000, 32, (512, 256, 64)), 26),
}

KEPT: dict[str, Made] = {
    "kept-plain-224": (lambda: plain((48, 96, 192, 384), 2, 224, 512), I224),
    "kept-plain-64": (lambda: plain((64, 128, 256), 2, 64, 1000, False), I64),
    "kept-large-kernels-224": (
        lambda: S(
            nn.Conv2d(3, 64, 11, 4, 2),
            nn.ReLU(),
            nn.MaxPool2d(3, 2),
            nn.Conv2d(64, 192, 5, 1, 2),
            nn.ReLU(),
            nn.MaxPool2d(3, 2),
            nn.Conv2d(192, 384, 3, 1, 1),
            nn.ReLU(),
            nn.Conv2d(384, 256, 3, 1, 1),
            nn.ReLU(),
            nn.MaxPool2d(3, 2),
            nn.Flatten(),
            L(9216, 4096),
            nn.ReLU(),
            L(4096, 4096),
            nn.ReLU(),
            L(4096, 1000),
        ),
        I224,
    ),
    "kept-residual-160": (lambda: staged(b.basic, 160, 48, (48, 96, 192, 384), (3, 4, 6, 3)), I160),
    "kept-residual-elu-32": (
        lambda: staged(b.basic, 32, 32, (32, 64, 128), (2, 2, 2), act="elu"),
        I32,
    ),
    "kept-bottleneck-112": (
        lambda: staged(b.bottleneck, 112, 64, (192, 384, 768, 1536), (2, 3, 4, 2)),
        I112,
    ),
    "kept-wide-32": (lambda: staged(b.basic, 32, 96, (96, 192, 384), (2, 2, 2)), I32),
    "kept-dense-160": (lambda: dense(160, 24, (4, 8, 12, 8)), I160),
    "kept-dense-plain-32": (lambda: dense(32, 24, (5, 5, 5), 2), I32),
    "kept-branched-160": (
        lambda: S(
            *stem(160, 48),
            branched(48, 40),
            branched(160, 64),
            nn.MaxPool2d(3, 2, 1),
            branched(256, 112),
            branched(448, 112),
            b.Head(448, 100),
        ),
        I160,
    ),
    "kept-fire-64": (
        lambda: S(
            nn.Conv2d(3, 48, 3),
            nn.ReLU(),
            fire(48, 24, 96),
            nn.MaxPool2d(2),
            fire(96, 32, 192),
            fire(192, 32, 192),
            nn.MaxPool2d(2),
            fire(192, 64, 384),
            b.Head(384, 100),
        ),
        I64,
    ),
    "kept-attended-224": (lambda: attended(224, (64, 128, 256, 512)), I224),
    "kept-attended-32": (lambda: attended(32, (32, 64, 128)), I32),
    "kept-excited-160": (
        lambda: mobile(
            160,
            24,
            ((1, 24, 1, 1, 3), (3, 32, 3, 2, 5), (6, 56, 3, 2, 3), (6, 104, 4, 2, 5)),
            "hardswish",
            600,
            excite="hard",
        ),
        I160,
    ),
    "kept-inverted-224-narrow": (
        lambda: mobile(
            224,
            16,
            (
                (1, 8, 1, 1, 3),
                (6, 12, 2, 2, 3),
                (6, 16, 3, 2, 3),
                (6, 32, 4, 2, 3),
                (6, 80, 3, 2, 3),
            ),
            "relu6",
            640,
        ),
        I224,
    ),
    "kept-efficient-128": (
        lambda: mobile(
            128,
            40,
            (
                (1, 24, 2, 1, 3),
                (6, 32, 3, 2, 3),
                (6, 48, 3, 2, 5),
                (6, 96, 4, 2, 3),
                (6, 136, 4, 1, 5),
            ),
            "silu",
            1000,
            excite="sigmoid",
        ),
        I128,
    ),
    "kept-mish-96": (lambda: separable(96, (24, 48, 96, 96, 192, 192), "mish", 5), I96),
    "kept-ghosts-224": (
        lambda: S(
            b.ConvNorm(3, 16, 3, 2),
            b.Ghost(16, 32),
            b.ConvNorm(32, 32, 3, 2, 32),
            b.Ghost(32, 64),
            b.Ghost(64, 64),
            b.ConvNorm(64, 64, 5, 2, 64),
            b.Ghost(64, 160),
            b.Ghost(160, 160),
            b.ConvNorm(160, 160, 5, 2, 160),
            b.Ghost(160, 320),
            b.Ghost(320, 320),
            b.Head(320, 100),
        ),
        I224,
    ),
    "kept-shuffled-64": (
        lambda: S(
            b.ConvNorm(3, 48, 3, 2),
            *(b.Shuffle(48) for _ in range(3)),
            b.ConvNorm(48, 128, 1, 2),
            *(b.Shuffle(128) for _ in range(5)),
            b.Head(128, 100),
        ),
        I64,
    ),
    "kept-grouped-160": (
        lambda: staged(
            b.bottleneck, 160, 48, (192, 384, 768), (2, 3, 3), groups=16, width=lambda w: w // 2
        ),
        I160,
    ),
    "kept-regular-224": (
        lambda: staged(
            b.bottleneck,
            224,
            32,
            (64, 144, 320, 784),
            (1, 2, 4, 1),
            groups=8,
            width=lambda w: w,
            excite=True,
        ),
        I224,
    ),
    "kept-modern-160": (lambda: modern(160, 4, (80, 160, 320), (2, 2, 5), 5), I160),
    "kept-modern-64": (lambda: modern(64, 4, (96, 192), (3, 3), 7, scaled=False), I64),
    "kept-pooled-224": (lambda: pooled(224, (64, 128, 320), (2, 2, 4)), I224),
    "kept-gates-224": (lambda: gates(224, 16, 128, 768, 8), I224),
    "kept-seeing-160": (lambda: seeing(160, 16, 256, 8, 8, True), I160),
    "kept-seeing-96-fused": (lambda: seeing(96, 8, 192, 6, 8, fused=True), I96),
    "kept-mixer-112": (lambda: mixer(112, 14, 256, 128, 8), I112),
    "kept-windowed-112": (lambda: windowed(112, 4, (96, 192), (2, 6), 7), I112),
    "kept-mixed-256": (lambda: mixed(256), I256),
    "kept-reading-256": (lambda: reading(192, 3, 6, 256), 256),
    "kept-writing-100": (lambda: writing(320, 5, 5, 100), 100),
    "kept-gated-200": (lambda: gated(192, 6, 6, 512), 200),
    "kept-pyramid-224": (lambda: b.Pyramid((48, 96, 192), 96, 20), I224),
    "kept-down-up-160": (lambda: b.UNet((32, 64, 128), 5, "transposed", "group"), I160),
    "kept-drawn-128": (lambda: drawn(384, 128), (64 + 36, 1, 1)),
    "kept-sharper-48": (lambda: sharper(48, 6, 3), (3, 48, 48)),
    "kept-heard-8000": (lambda: heard((48, 96, 192, 192), 5, "silu", True), (1, 8000)),
    "kept-lines-32x128": (lambda: lines(32, 128), (3, 32, 128)),
    "kept-filmed-8-separated": (lambda: filmed((24, 48, 96), True), (3, 8, 56, 56)),
}


def made(name: str) -> nn.Module:
    """Return a network, in evaluation mode; its weights are drawn from its name."""
    build, _ = (NETWORKS | KEPT)[name]
    torch.manual_seed(sum(map(ord, name)))
    return build().eval()


def inputs(name: str) -> Tensor:
    """Return what a network is run on."""
    _, shape = (NETWORKS | KEPT)[name]
    generator = torch.Generator().manual_seed(0)
    if isinstance(shape, int):
        return torch.randint(0, 1000, (1, shape), generator=generator)
    return torch.randn((1, *shape), generator=generator)
