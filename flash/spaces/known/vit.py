"""Vision transformers: patches, encoder layers with heads and MLP of their own, a classifier.

The space is that of AutoFormer (Chen et al., ICCV 2021, arXiv 2107.00651), without its relative
positions. With one choice of everything it is a ViT or DeiT.
"""

from __future__ import annotations

from ...base.checks import choice, integer, public, real
from ..blocks.options import Option, listed
from ..blocks.space import BlockSpace
from ..blocks.stage import Stage
from .origins import images, origin_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    import torch

    from ..choices import Given

    Shape = tuple[int, ...]
    Rows = list[dict[str, Any]]

__all__ = ["ENCODER", "HEAD", "PATCHES", "SIZES", "ViT"]

# The supernets of the paper's table 1. Queries, keys and values have 64 numbers a head: 192 and 256
# of the tiny one.
SIZES: dict[str, dict[str, tuple[float, ...]]] = {
    "tiny": {
        "embed": (192, 216, 240), "heads": (3, 4), "mlp_ratio": (3.5, 4.0), "depth": (12, 13, 14),
    },
    "small": {
        "embed": (320, 384, 448), "heads": (5, 6, 7), "mlp_ratio": (3.0, 3.5, 4.0),
        "depth": (12, 13, 14),
    },
    "base": {
        "embed": (528, 576, 624), "heads": (8, 9, 10), "mlp_ratio": (3.0, 3.5, 4.0),
        "depth": (14, 15, 16),
    },
}  # fmt: skip
HEAD_DIM, PATCH = 64, 16
USUAL: dict[str, Any] = {
    "size": "tiny", "embed": None, "heads": None, "mlp_ratio": None, "depth": None,
    "head_dim": HEAD_DIM, "patch": PATCH, "input": (3, 224, 224), "num_classes": 1000, "bits": 32,
}  # fmt: skip


@public
def ViT(
    size: str = "tiny",
    *,
    embed: Given | None = None,
    heads: int | Sequence[int] | None = None,
    mlp_ratio: float | Sequence[float] | None = None,
    depth: Given | None = None,
    head_dim: int = HEAD_DIM,
    patch: int = PATCH,
    input: Any = (3, 224, 224),
    num_classes: int = 1000,
    bits: int = 32,
) -> BlockSpace:
    """Return the space of vision transformers that AutoFormer searches.

    Parameters
    ----------
    size : {"tiny", "small", "base"}, default "tiny"
        The paper's supernet whose choices are taken where none are given.
    embed : int, list or Range, optional
        Features of a token: of the whole network.
    heads : int or list of int, optional
        Of attention, each layer its own.
    mlp_ratio : float or list of float, optional
        Width of a layer's MLP in features of a token, rounded down; each layer its own.
    depth : int, list or Range, optional
        Encoder layers.
    head_dim : int, default 64
        Numbers of a head's queries, keys and values.
    patch : int, default 16
        Side of a patch; it must divide the image's.
    input : (int, int, int), default (3, 224, 224)
        Or a list of such: a choice.
    num_classes : int, default 1000
    bits : {32, 16, 8, 4}, default 32

    Returns
    -------
    BlockSpace
        Stages "embedding" (patches, class token, positions), "encoder" and "head" (norm and linear
        layer on the class token).

    Raises
    ------
    ArgumentError, ArgumentTypeError
        If an argument is not accepted.
    """
    choice("size", size, SIZES)
    usual = SIZES[size]
    given = {"embed": embed, "heads": heads, "mlp_ratio": mlp_ratio, "depth": depth}
    chosen: dict[str, Any] = {k: usual[k] if one is None else one for k, one in given.items()}
    counts = [integer("heads", one, 1, 1 << 16) for one in listed("heads", chosen["heads"])]
    ratios = [real("mlp_ratio", one, 0.01, 1e4) for one in listed("mlp_ratio", chosen["mlp_ratio"])]
    head_dim = integer("head_dim", head_dim, 1, 1 << 16)
    patch = integer("patch", patch, 1, 1 << 12)
    num_classes = integer("num_classes", num_classes, 1, 1 << 24)
    bits = integer("bits", bits, 1, 32)
    shapes = images(input, divisor=patch)
    layer: dict[str, Any] = {"heads": counts, "mlp_ratio": ratios}
    if head_dim != HEAD_DIM:
        layer["head_dim"] = head_dim
    told = {
        "size": size, **given, "head_dim": head_dim, "patch": patch, "input": input,
        "num_classes": num_classes, "bits": bits,
    }  # fmt: skip
    return BlockSpace(
        [
            Stage(
                {"layer": Option(ENCODER.build, ENCODER.module, layer, shape=True)},
                repeats=chosen["depth"], cell="block", name="encoder",
            )
        ],
        input=shapes,
        stem=Stage(
            {"patches": Option(PATCHES.build, PATCHES.module, {"patch": patch}, shape=True)},
            chosen["embed"], name="embedding",
        ),
        head=Stage({"classifier": HEAD}, num_classes, name="head"),
        num_classes=num_classes, name="vit", bits=bits,
        origin=origin_of(told, USUAL),
    )  # fmt: skip


def patch_rows(
    in_channels: int, out_channels: int, stride: int, *, patch: int = PATCH, shape: Shape
) -> Rows:
    """Rows of patches, a class token before them, and their positions."""
    tokens = 1 + (shape[1] // patch) * (shape[2] // patch)
    return [
        {
            "kind": "conv", "out_channels": out_channels, "kernel": patch, "stride": patch,
            "padding": 0, "bias": True, "inputs": [-1],
        },
        {
            "kind": "input", "in_channels": out_channels, "out_channels": out_channels,
            "extra_params": out_channels,
        },
        {
            "kind": "move", "mode": "concat", "inputs": [1, 0], "in_channels": out_channels,
            "out_channels": out_channels, "height": 1, "width": 1, "size": (tokens, 1),
            "reads": tokens * out_channels,
        },
        {
            "kind": "scale", "mode": "add", "inputs": [2], "in_channels": out_channels,
            "out_channels": out_channels, "height": tokens, "extra_params": tokens * out_channels,
        },
    ]  # fmt: skip


def encoder_rows(
    in_channels: int,
    out_channels: int,
    stride: int,
    *,
    heads: Any = (3, 4),
    mlp_ratio: Any = (3.5, 4.0),
    head_dim: int = HEAD_DIM,
    shape: Shape,
) -> Rows:
    """Rows of an encoder layer: attention and MLP, each behind a norm and within an addition."""
    tokens, features = shape
    inner, wide = heads * head_dim, int(features * mlp_ratio)

    def row(kind: str, inputs: list[int], into: int, out: int, **fields: Any) -> dict[str, Any]:
        sizes = {"in_channels": into, "out_channels": out, "height": tokens}
        return {"kind": kind, "inputs": inputs, **sizes, **fields}

    def norm(source: int) -> dict[str, Any]:
        return row("norm", [source], features, features, mode="layer", extra_params=2 * features)

    scores = heads * tokens
    part = row("move", [1], 3 * inner, heads, mode="slice", size=(tokens, head_dim))
    return [
        norm(-1),
        row("linear", [0], features, 3 * inner, bias=True),
        *(part, part, part),  # queries, keys, values
        row("matmul", [2, 3], inner, scores, groups=heads, reshaped=True),
        row("act", [5], scores, scores, activation="softmax"),
        row("matmul", [6, 4], scores, inner, groups=heads),
        row("move", [7], inner, inner, mode="permute", size=(tokens, 1)),
        row("linear", [8], inner, features, bias=True),
        row("add", [-1, 9], features, features),
        norm(10),
        row("linear", [11], features, wide, bias=True, activation="gelu"),
        row("linear", [12], wide, features, bias=True),
        row("add", [10, 13], features, features),
    ]


def head_rows(in_channels: int, out_channels: int, stride: int, *, shape: Shape) -> Rows:
    """Rows of a norm and a classifier of the first token."""
    tokens, features = shape
    sizes = {"in_channels": features, "out_channels": features, "height": tokens}
    return [
        {"kind": "norm", "mode": "layer", "inputs": [-1], "extra_params": 2 * features, **sizes},
        {"kind": "move", "mode": "slice", "inputs": [0], "size": (1, 1), **sizes},
        {"kind": "linear", "in_channels": features, "out_channels": out_channels, "bias": True},
    ]


def patch_module(
    in_channels: int, out_channels: int, stride: int, *, patch: int = PATCH, shape: Shape
) -> torch.nn.Module:
    """Return them as a torch module."""
    from ._vit_torch import Patches

    return Patches(in_channels, out_channels, patch, shape)


def encoder_module(
    in_channels: int,
    out_channels: int,
    stride: int,
    *,
    heads: int,
    mlp_ratio: float,
    head_dim: int = HEAD_DIM,
    shape: Shape,
) -> torch.nn.Module:
    """Return it as a torch module."""
    from ._vit_torch import EncoderLayer

    return EncoderLayer(out_channels, heads, head_dim, int(out_channels * mlp_ratio))


def head_module(
    in_channels: int, out_channels: int, stride: int, *, shape: Shape
) -> torch.nn.Module:
    """Return it as a torch module."""
    from ._vit_torch import Classifier

    return Classifier(in_channels, out_channels)


PATCHES = Option(patch_rows, patch_module, {"patch": (16,)}, shape=True)
ENCODER = Option(encoder_rows, encoder_module, shape=True)
HEAD = Option(head_rows, head_module, shape=True)
