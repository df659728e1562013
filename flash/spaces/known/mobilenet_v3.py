"""MobileNetV3: the once-for-all space, and the two published networks.

Cai et al., "Once-for-All: Train One Network and Specialize it for Efficient Deployment" (arXiv
1908.09791): five stages of two to four inverted residuals, each with kernel 3, 5 or 7 and expansion
3, 4 or 6; widths, strides, activations and which stages have squeeze and excitation are those of
MobileNetV3-Large (Howard et al., arXiv 1905.02244).
"""

from __future__ import annotations

from ...base.checks import choice, flag, public
from ...base.record import Record
from ..blocks.network import BlockNetwork
from ..blocks.space import BlockSpace
from ..blocks.stage import Stage
from .mbconv import block_option, head_option, mobile_choices, stem_option
from .origins import origin_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..blocks.options import Option
    from ..choices import Given

__all__ = ["MobileNetV3", "published"]

NAME = "mobilenet-v3"
USUAL = {
    "variant": "large",
    "kernels": (3, 5, 7),
    "expansions": (3, 4, 6),
    "depths": (2, 3, 4),
    "width_multipliers": (1,),
    "resolution": (224,),
    "num_classes": 1000,
    "bias": False,
}


class _Part(Record):
    """One stage of a variant: channels, stride, activation, squeeze and excitation."""

    width: int
    stride: int
    activation: str
    se: bool


# What a variant is made of: the block behind the stem, the stages, and the head's layers as
# multiples of what it reads (960 and 1,280 of 160; 576 and 1,024 of 96).
FIRST = {"large": _Part(16, 1, "relu", False), "small": _Part(16, 2, "relu", True)}
PARTS = {
    "large": (
        _Part(24, 2, "relu", False),
        _Part(40, 2, "relu", True),
        _Part(80, 2, "hardswish", False),
        _Part(112, 1, "hardswish", True),
        _Part(160, 2, "hardswish", True),
    ),
    "small": (
        _Part(24, 2, "relu", False),
        _Part(40, 2, "hardswish", True),
        _Part(48, 1, "hardswish", True),
        _Part(96, 2, "hardswish", True),
    ),
}
HEADS = {"large": (6, 8), "small": (6, 32 / 3)}

# The published networks: (kernel, expansion) of each block of each stage.
PUBLISHED = {
    "large": (
        ((3, 4), (3, 3)),
        ((5, 3), (5, 3), (5, 3)),
        ((3, 6), (3, 2.5), (3, 2.3), (3, 2.3)),
        ((3, 6), (3, 6)),
        ((5, 6), (5, 6), (5, 6)),
    ),
    "small": (
        ((3, 4.5), (3, 3.67)),
        ((5, 4), (5, 6), (5, 6)),
        ((5, 3), (5, 3)),
        ((5, 6), (5, 6), (5, 6)),
    ),
}


@public
def MobileNetV3(
    variant: str = "large",
    *,
    kernels: Given = (3, 5, 7),
    expansions: Given = (3, 4, 6),
    depths: Given = (2, 3, 4),
    width_multipliers: Given = 1,
    resolution: Given = 224,
    num_classes: int = 1000,
    bias: bool = False,
) -> BlockSpace:
    """Return the once-for-all space of MobileNetV3: 2.18e19 networks.

    Parameters
    ----------
    variant : {"large", "small"}, default "large"
        Whose widths, strides, activations and squeeze and excitation stages have. The paper's space
        is that of "large", with five stages; "small" has four.
    kernels : odd integers, default 3, 5, 7
        Choices of each block.
    expansions : numbers above 0, default 3, 4, 6
        Choices of each block: how much wider its middle is than what it reads, rounded to a
        multiple of 8.
    depths : integers, default 2, 3, 4
        Choices of each stage: its blocks.
    width_multipliers : numbers above 0, default 1
        Choices of the whole network. The paper has two spaces, of 1.0 and of 1.2.
    resolution : integers, default 224
        Choices of the whole network. The paper's: `flash.Range(128, 224, 4)`.
    num_classes : int, default 1000
    bias : bool, default False
        Whether the head's first linear layer has a bias: in the published networks it has, in the
        once-for-all network it has none.

    Returns
    -------
    BlockSpace
        Named "mobilenet-v3".

    Raises
    ------
    ArgumentError, ArgumentTypeError
        If an argument is not accepted.

    Notes
    -----
    As in the once-for-all network a stage's blocks are kernel and expansion each, and there are
    (9^2 + 9^3 + 9^4)^5 networks for one resolution. The published networks have other expansions:
    see `published`.

    Examples
    --------
    >>> import flash
    >>> flash.MobileNetV3().size
    21758655492572485851
    """
    choice("variant", variant, tuple(PARTS))
    flag("bias", bias)
    chosen: dict[str, Any] = {
        "variant": variant,
        **mobile_choices(
            kernels=kernels,
            expansions=expansions,
            depths=depths,
            width_multipliers=width_multipliers,
            resolution=resolution,
            num_classes=num_classes,
        ),
        "bias": bias,
    }
    first, (features, hidden) = FIRST[variant], HEADS[variant]
    stages = [
        Stage({"block": _block(first, 3, 1)}, first.width, stride=first.stride, name="first"),
        *(
            Stage(
                {"mb": _block(part, chosen["kernels"], chosen["expansions"])},
                *(part.width, chosen["depths"], part.stride),
                name=f"stage{number}",
            )
            for number, part in enumerate(PARTS[variant], 1)
        ),
    ]
    stem = stem_option(activation="hardswish")
    head = head_option(features=features, hidden=hidden, activation="hardswish", bias=bias)
    return BlockSpace(
        stages,
        [(3, int(side), int(side)) for side in chosen["resolution"]],
        stem=Stage({"conv": stem}, 16, stride=2, name="stem"),
        head={"head": head},
        num_classes=chosen["num_classes"],
        name=NAME,
        width_multipliers=chosen["width_multipliers"],
        origin=origin_of(chosen, USUAL),
    )


def _block(part: _Part, kernels: Any, expansions: Any) -> Option:
    return block_option(
        kernel=kernels, expansion=expansions, activation=part.activation, se=part.se
    )


def published(variant: str = "large", *, num_classes: int = 1000) -> BlockNetwork:
    """Return MobileNetV3-Large or -Small as published, a network of the space of its expansions.

    Parameters
    ----------
    variant : {"large", "small"}, default "large"
    num_classes : int, default 1000

    Returns
    -------
    BlockNetwork
        Of ``MobileNetV3(variant, kernels=(3, 5), expansions=..., bias=True)``. Its torch module has
        the weights of torchvision's in the same order and shapes.

    Examples
    --------
    >>> from flash.spaces.known.mobilenet_v3 import published
    >>> published().params
    5483032
    """
    choice("variant", variant, tuple(PARTS))
    blocks = PUBLISHED[variant]
    expansions = sorted({one for stage in blocks for _, one in stage})
    space = MobileNetV3(
        *(variant,), kernels=(3, 5), expansions=expansions, num_classes=num_classes, bias=True
    )
    choices: dict[str, int] = {}
    for number, stage in enumerate(blocks, 1):
        depths = space.choices_of(f"depth_stage{number}")
        choices[f"depth_stage{number}"] = depths.index(len(stage))
        for place, (kernel, expansion) in enumerate(stage):
            name = f"block_stage{number}_{place}"
            label = f"mb kernel {kernel} expansion {expansion}"
            choices[name] = space.choices_of(name).index(label)
    return BlockNetwork(space, choices)
