"""FBNetV2: the space that FP-NAS searches, of inverted residuals with all of their parts open.

Wan et al., "FBNetV2: Differentiable Neural Architecture Search for Spatial and Channel Dimensions"
(arXiv 2004.05565); Yan et al., FP-NAS (arXiv 2011.10949), search "FBNetV2-F": kernel,
non-linearity, squeeze and excitation, expansion and channels of each block. Ranges, strides and
depths of the stages are a reconstruction from memory: the papers' tables were not at hand. What
could be checked agrees: the networks that FBNetV2's authors published (F0 to F4, L1, L2, in
mobile-vision) have channels of 16 to 24, 24 to 40, 48 to 64, 64 to 112 and 128 to 184 in these five
stages, strides as here, kernels 3 and 5, expansions up to 6.9 (here 6), and a head of 1,984 behind
the mean.
"""

from __future__ import annotations

from ...base.checks import choice, integer, is_list, items, public, shown
from ...errors import ArgumentError, ArgumentTypeError
from ..blocks.space import BlockSpace
from ..blocks.stage import Stage
from ..choices import Range, parse
from .mbconv import MAX_DEPTH, block_option, head_option, mobile_choices, stem_option
from .origins import origin_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..choices import Choices, Given, PerCell

__all__ = ["FBNetV2"]

NAME = "fbnet-v2"
WIDTHS: tuple[Choices, ...] = (
    Range(16, 28, 4), Range(16, 40, 8), Range(48, 96, 8), Range(72, 128, 8), Range(112, 224, 16)
)  # fmt: skip
DEPTHS = (3, 3, 3, 4, 4)
STRIDES = (2, 2, 2, 1, 2)
STEM = 16  # channels of the stem and of the first block, which widens nothing
KERNELS, EXPANSIONS = (3, 5, 7), (1, 2, 3, 4, 5, 6)
ACTIVATIONS = ("relu", "hardswish", "relu6", "silu", "gelu")
NONLINEARITIES = ("relu", "hardswish")
HEAD = (6, 8.857)  # 1,984 of 224, as published
MAX_WIDTH = 1 << 16
MAX_STAGES = 16
MAX_STRIDE = 8
USUAL: dict[str, Any] = {
    "widths": WIDTHS,
    "depths": DEPTHS,
    "strides": STRIDES,
    "kernels": KERNELS,
    "expansions": EXPANSIONS,
    "activations": NONLINEARITIES,
    "se": (False, True),
    "stem": STEM,
    "stem_stride": 2,
    "head": HEAD,
    "resolution": (224,),
    "num_classes": 1000,
}


@public
def FBNetV2(
    *,
    widths: PerCell = WIDTHS,
    depths: Any = DEPTHS,
    strides: Any = STRIDES,
    kernels: Given = KERNELS,
    expansions: Given = EXPANSIONS,
    activations: Any = NONLINEARITIES,
    se: Any = (False, True),
    stem: int = STEM,
    stem_stride: int = 2,
    head: tuple[float, float] = HEAD,
    resolution: Given = 224,
    num_classes: int = 1000,
) -> BlockSpace:
    """Return the space of FBNetV2 that FP-NAS searches, or a smaller one of the same parts.

    Each block is an inverted residual that has its own channels, kernel, expansion, non-linearity,
    and squeeze and excitation or none.

    Parameters
    ----------
    widths : sequence of int, list or Range
        Choices of each block's channels: one entry per stage, a number or several to choose from.
        Default 16 to 28 by 4; 16 to 40, 48 to 96 and 72 to 128 by 8; 112 to 224 by 16
        (reconstruction). Tables take 64 pairs of what a block reads and hands on.
    depths : sequence of int, default 3, 3, 3, 4, 4
        Blocks of each stage.
    strides : sequence of int, default 2, 2, 2, 1, 2
        Of the first block of each stage.
    kernels : odd integers, default 3, 5, 7
        Choices of each block.
    expansions : numbers above 0, default 1 to 6
        Choices of each block: how much wider its middle is than what it reads, rounded to a
        multiple of 8.
    activations : sequence of str, default "relu", "hardswish"
        Choices of each block: "relu", "hardswish", "relu6", "silu", "gelu".
    se : bool or sequence of bool, default (False, True)
        Choices of each block: whether there is squeeze and excitation.
    stem : int, default 16
        Channels of the first convolution, and of the block behind it (kernel 3, no expansion).
    stem_stride : {2, 1}, default 2
        1 for small images.
    head : (float, float), default (6, 8.857)
        Channels of a 1 x 1 convolution before the mean and of a linear layer behind it, as
        multiples of what the head reads, rounded to a multiple of 8; 0: there is none.
    resolution : integers, default 224
        Choices of the whole network.
    num_classes : int, default 1000

    Returns
    -------
    BlockSpace
        Named "fbnet-v2".

    Raises
    ------
    ArgumentError, ArgumentTypeError
        If an argument is not accepted.

    Notes
    -----
    A block has a residual where its stride is 1 and it hands on as many channels as it reads. Every
    block is a stage of one: "stage1_0", "stage1_1", and so on.

    Examples
    --------
    >>> import flash
    >>> small = flash.FBNetV2(
    ...     widths=([8, 16], [16, 24]), depths=(1, 1), strides=(1, 2), kernels=(3, 5),
    ...     expansions=(1, 3), stem=8, stem_stride=1, head=(0, 0), resolution=8, num_classes=10,
    ... )
    >>> small.size
    1024
    """
    chosen: dict[str, Any] = {
        **mobile_choices(
            kernels=kernels,
            expansions=expansions,
            depths=1,
            width_multipliers=1,
            resolution=resolution,
            num_classes=num_classes,
        ),
    }
    del chosen["width_multipliers"]
    chosen["widths"] = tuple(
        parse(f"widths[{k}]", one, 1, MAX_WIDTH) for k, one in enumerate(_listed("widths", widths))
    )
    for name, given, most in (("depths", depths, MAX_DEPTH), ("strides", strides, MAX_STRIDE)):
        chosen[name] = tuple(
            integer(f"{name}[{k}]", one, 1, most) for k, one in enumerate(_listed(name, given))
        )
    counts = {name: len(chosen[name]) for name in ("widths", "depths", "strides")}
    if len(set(counts.values())) > 1:
        told = ", ".join(f"{count} {name}" for name, count in counts.items())
        raise ArgumentError(
            f"widths, depths and strides must have an entry for each stage, got {told}"
        )
    chosen["activations"] = tuple(
        choice(f"activations[{k}]", one, ACTIVATIONS)
        for k, one in enumerate(_listed("activations", activations))
    )
    chosen["se"] = _flags(se)
    chosen["stem"] = integer("stem", stem, 1, MAX_WIDTH)
    chosen["stem_stride"] = integer("stem_stride", stem_stride, 1, 2)
    chosen["head"] = _head(head)
    block = block_option(
        kernel=chosen["kernels"],
        expansion=chosen["expansions"],
        activation=chosen["activations"],
        se=chosen["se"],
    )
    first = block_option(kernel=3, expansion=1, activation="hardswish", se=False)
    stages = [
        Stage({"block": first}, chosen["stem"], name="first"),
        *(
            Stage({"mb": block}, width, 1, 1 if k else stride, name=f"stage{number}_{k}")
            for number, (width, depth, stride) in enumerate(
                zip(chosen["widths"], chosen["depths"], chosen["strides"], strict=True), 1
            )
            for k in range(depth)
        ),
    ]
    features, hidden = chosen["head"]
    return BlockSpace(
        stages,
        [(3, int(side), int(side)) for side in chosen["resolution"]],
        stem=Stage(
            {"conv": stem_option(activation="hardswish")},
            *(chosen["stem"], 1, chosen["stem_stride"]),
            name="stem",
        ),
        head={"head": head_option(features=features, hidden=hidden, activation="hardswish")},
        num_classes=chosen["num_classes"],
        name=NAME,
        origin=origin_of(chosen, USUAL),
    )


def _listed(name: str, given: Any) -> list[Any]:
    """Return an option of one entry per stage, or per choice."""
    if isinstance(given, Range) or not is_list(given):
        raise ArgumentTypeError(f"{name} must be a list, got {shown(given)}")
    found = items(name, given, MAX_STAGES)
    if not found:
        raise ArgumentError(f"{name} must have at least one entry, got none")
    return list(found)


def _flags(given: Any) -> tuple[bool, ...]:
    found = tuple(items("se", given, 2)) if is_list(given) else (given,)
    if not found or any(not isinstance(one, bool) for one in found) or len(set(found)) < len(found):
        raise ArgumentTypeError(f"se must be True, False or both, got {shown(given)}")
    return found


def _head(given: Any) -> tuple[float, float]:
    from ...base.checks import number

    if not is_list(given) or len(given) != 2:
        raise ArgumentTypeError(
            f"head must be two multiples, such as (6, 8.857) or (0, 0), got {shown(given)}"
        )
    first, second = (number(f"head[{k}]", one, 0.0, 1e3) for k, one in enumerate(given))
    return first, second
