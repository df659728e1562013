"""Hurricane: 20 layers, each one of 30 types of operator, of which a device is to pick its own.

Zhang et al., "Fast Hardware-Aware Neural Architecture Search" (arXiv 1910.11609), choose for each
device, from many operators, those that a search draws from. Which operators these are could not be
read: from memory, some 32 of the families of ShuffleNetV2 and MobileNetV2, of kernel 3, 5 or 7,
several expansions, with and without squeeze and excitation, in 20 layers. What stands here is a
reconstruction from that: units of ShuffleNetV2 (arXiv 1807.11164), SPOS's shuffle Xception (arXiv
1904.00420) and inverted residuals (arXiv 1801.04381), in the layers of SPOS's supernet: 4, 4, 8 and
4 of 64, 160, 320 and 640 channels behind a stem of 16, and a last convolution of 1,024.
"""

from __future__ import annotations

from functools import cache, wraps

from ...base.checks import choice, flag, integer, items, public, shown
from ...errors import ArgumentError
from ..blocks.options import Option
from ..blocks.space import BlockSpace
from ..blocks.stage import Stage
from .mbconv import block_option, head_option, mobile_choices, stem_option
from .origins import origin_of
from .shuffle import shuffle_option, xception_option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    import torch

    from ..choices import Given

__all__ = ["OPERATORS", "Hurricane"]

NAME = "hurricane"
OPERATORS = ("shuffle", "xception", "mb")
STEM_WIDTH = 16
FEATURES = 1.6  # the last convolution's channels, 1,024, as a multiple of what it reads
MAX_STAGES, MAX_WIDTH, MAX_LAYERS, MAX_STRIDE = 16, 1 << 16, 64, 8
USUAL = {
    "operators": OPERATORS,
    "kernels": (3, 5, 7),
    "expansions": (1, 3, 6),
    "se": (False, True),
    "widths": (64, 160, 320, 640),
    "layers": (4, 4, 8, 4),
    "strides": (2, 2, 2, 2),
    "stem_stride": 2,
    "width_multipliers": (1,),
    "resolution": (224,),
    "num_classes": 1000,
}


@public
def Hurricane(
    *,
    operators: str | Sequence[str] = OPERATORS,
    kernels: Given = (3, 5, 7),
    expansions: Given = (1, 3, 6),
    se: bool | Sequence[bool] = (False, True),
    widths: Sequence[int] = (64, 160, 320, 640),
    layers: Sequence[int] = (4, 4, 8, 4),
    strides: Sequence[int] = (2, 2, 2, 2),
    stem_stride: int = 2,
    width_multipliers: Given = 1,
    resolution: Given = 224,
    num_classes: int = 1000,
) -> BlockSpace:
    """Return a space of layers that are one of many types of operator: 3.5e29 networks.

    Parameters
    ----------
    operators : names, default "shuffle", "xception", "mb"
        Units of ShuffleNetV2, shuffle Xception units of SPOS, inverted residuals of MobileNetV2.
    kernels : odd integers, default 3, 5, 7
        Choices of each operator.
    expansions : numbers above 0, default 1, 3, 6
        Choices of each inverted residual: how much wider its middle is than what it reads.
    se : bool, or both, default False and True
        Whether operators have squeeze and excitation, a choice where both are given.
    widths, layers, strides : sequences of int
        Channels (even numbers), layers and stride of each stage. Default 64, 160, 320, 640; 4, 4,
        8, 4; and 2, 2, 2, 2.
    stem_stride : int, default 2
        Of the first convolution, of 16 channels.
    width_multipliers : numbers above 0, default 1
        Choices of the whole network.
    resolution : integers, default 224
        Choices of the whole network.
    num_classes : int, default 1000

    Returns
    -------
    BlockSpace
        Named "hurricane".

    Raises
    ------
    ArgumentError, ArgumentTypeError
        If an argument is not accepted.

    Notes
    -----
    The default has 6 shuffle units, 6 shuffle Xception units and 18 inverted residuals for each of
    20 layers: a reconstruction of the paper's pool, whose text was not at hand.

    Examples
    --------
    >>> import flash
    >>> flash.Hurricane().size
    348678440100000000000000000000
    >>> flash.Hurricane(widths=(16, 32), layers=(2, 2), strides=(1, 2), stem_stride=1,
    ... resolution=8, num_classes=10, kernels=3).size
    10000
    """
    shared = mobile_choices(
        kernels=kernels,
        expansions=expansions,
        depths=1,
        width_multipliers=width_multipliers,
        resolution=resolution,
        num_classes=num_classes,
    )
    del shared["depths"]
    chosen: dict[str, Any] = {
        "operators": _operators(operators),
        **shared,
        "se": _flags(se),
        "widths": _counts("widths", widths, 2, MAX_WIDTH),
        "layers": _counts("layers", layers, 1, MAX_LAYERS),
        "strides": _counts("strides", strides, 1, MAX_STRIDE),
        "stem_stride": integer("stem_stride", stem_stride, 1, MAX_STRIDE),
    }
    counts = {name: len(chosen[name]) for name in ("widths", "layers", "strides")}
    if len(set(counts.values())) > 1:
        told = ", ".join(f"{count} {name}" for name, count in counts.items())
        raise ArgumentError(f"widths, layers and strides must be as many as stages, got {told}")
    for width in chosen["widths"]:
        if width % 2:
            raise ArgumentError(f"widths must be even, for units that split them, got {width}")
    options = _options(chosen)
    stages = [
        Stage(options, width, count, stride, name=f"stage{number}")
        for number, (width, count, stride) in enumerate(
            zip(*(chosen[name] for name in counts), strict=True), 1
        )
    ]
    return BlockSpace(
        stages,
        [(3, int(side), int(side)) for side in chosen["resolution"]],
        stem=Stage(
            {"conv": _usual(stem_option(activation="relu"))},
            STEM_WIDTH,
            stride=chosen["stem_stride"],
            name="stem",
        ),
        head={"head": _usual(head_option(features=FEATURES, hidden=0, activation="relu"))},
        num_classes=chosen["num_classes"],
        name=NAME,
        width_multipliers=chosen["width_multipliers"],
        origin=origin_of(chosen, USUAL),
    )


def _usual(option: Option) -> Option:
    """Return a block of mobile networks with the norms that shuffle units have: torch's own, for
    operators are compared after few epochs."""
    assert option.module is not None
    return option.replace(module=_with_usual_norms(option.module))


@cache  # one function of each: spaces are equal whose functions are the same
def _with_usual_norms(make: Callable[..., torch.nn.Module]) -> Callable[..., torch.nn.Module]:
    @wraps(make)
    def module(*places: Any, **keywords: Any) -> torch.nn.Module:
        from ._shuffle_torch import usual_norms

        return usual_norms(make(*places, **keywords))

    return module


def _options(chosen: dict[str, Any]) -> dict[str, Option]:
    plain = {"kernel": chosen["kernels"], "se": chosen["se"]}
    made = {
        "shuffle": lambda: shuffle_option(**plain),
        "xception": lambda: xception_option(**plain),
        "mb": lambda: _usual(
            block_option(kernel=chosen["kernels"], expansion=chosen["expansions"], se=chosen["se"])
        ),
    }
    return {name: made[name]() for name in chosen["operators"]}


def _operators(given: Any) -> tuple[str, ...]:
    some = [given] if isinstance(given, str) else items("operators", given, len(OPERATORS))
    if not some:
        raise ArgumentError(f"operators must be some of {', '.join(OPERATORS)}, got none")
    found = tuple(choice("operators", one, OPERATORS) for one in some)
    if len(set(found)) < len(found):
        raise ArgumentError(f"operators must hold each name once, got {shown(given)}")
    return found


def _flags(given: Any) -> tuple[bool, ...]:
    some = [given] if isinstance(given, bool) else items("se", given, 2)
    if not some or len({flag("se", one) for one in some}) < len(some):
        raise ArgumentError(f"se must be True, False or both, got {shown(given)}")
    return tuple(some)


def _counts(name: str, given: Any, low: int, high: int) -> tuple[int, ...]:
    """Return one number for each stage."""
    some = items(name, given, MAX_STAGES)
    if not some:
        raise ArgumentError(f"{name} must be a number for each stage, got none")
    return tuple(integer(f"{name}[{k}]", one, low, high) for k, one in enumerate(some))
