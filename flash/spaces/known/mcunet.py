"""MCUNet: networks of the size that microcontrollers run.

Lin et al., "MCUNet: Tiny Deep Learning on IoT Devices" (arXiv 2007.10319): inverted residuals of
kernel 3, 5 or 7 and expansion 3, 4 or 6 in stages of two to four, whose input and widths are chosen
first, of 12 resolutions and 9 width multipliers. Widths, strides and the head are those of the
supernet that its authors published (github.com/mit-han-lab/mcunet): ProxylessNAS's.
"""

from __future__ import annotations

from ...base.checks import integer, public
from ..blocks.space import BlockSpace
from ..blocks.stage import Stage
from ..choices import Range
from .mbconv import block_option, head_option, mobile_choices, stem_option
from .origins import origin_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..choices import Given

__all__ = ["MCUNet"]

NAME = "mcunet"
STEM_WIDTH, FIRST_WIDTH = 32, 16
STAGES = ((24, 2), (40, 2), (80, 2), (96, 1), (192, 2))  # width and stride
LAST_WIDTH = 320
MULTIPLIERS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
RESOLUTIONS = Range(48, 224, 16)
USUAL = {
    "kernels": (3, 5, 7),
    "expansions": (3, 4, 6),
    "depths": (2, 3, 4),
    "width_multipliers": MULTIPLIERS,
    "resolution": RESOLUTIONS,
    "num_classes": 1000,
    "bits": 8,
}


@public
def MCUNet(
    *,
    kernels: Given = (3, 5, 7),
    expansions: Given = (3, 4, 6),
    depths: Given = (2, 3, 4),
    width_multipliers: Given = MULTIPLIERS,
    resolution: Given = RESOLUTIONS,
    num_classes: int = 1000,
    bits: int = 8,
) -> BlockSpace:
    """Return a space of networks for microcontrollers, of weights and activations of 8 bits.

    Parameters
    ----------
    kernels : odd integers, default 3, 5, 7
        Choices of each block.
    expansions : numbers above 0, default 3, 4, 6
        Choices of each block: how much wider its middle is than what it reads, rounded to a
        multiple of 8.
    depths : integers, default 2, 3, 4
        Choices of each stage but the last, which is one block.
    width_multipliers : numbers above 0, default 0.2, 0.3, ... 1.0
        Choices of the whole network.
    resolution : integers, default 48, 64, ... 224
        Choices of the whole network.
    num_classes : int, default 1000
    bits : {8, 4, 16, 32}, default 8
        Of weights and activations: what memory budgets count.

    Returns
    -------
    BlockSpace
        Named "mcunet".

    Raises
    ------
    ArgumentError, ArgumentTypeError
        If an argument is not accepted.

    Examples
    --------
    >>> import flash
    >>> flash.MCUNet(width_multipliers=0.5, resolution=160).size
    195827899432952372659
    """
    chosen: dict[str, Any] = {
        **mobile_choices(
            kernels=kernels,
            expansions=expansions,
            depths=depths,
            width_multipliers=width_multipliers,
            resolution=resolution,
            num_classes=num_classes,
        ),
        "bits": integer("bits", bits, 1, 32),
    }
    mb = block_option(kernel=chosen["kernels"], expansion=chosen["expansions"])
    stages = [
        Stage({"block": block_option(kernel=3, expansion=1)}, FIRST_WIDTH, name="first"),
        *(
            Stage({"mb": mb}, width, chosen["depths"], stride, name=f"stage{number}")
            for number, (width, stride) in enumerate(STAGES, 1)
        ),
        Stage({"mb": mb}, LAST_WIDTH, name="last"),
    ]
    return BlockSpace(
        stages,
        [(3, int(side), int(side)) for side in chosen["resolution"]],
        stem=Stage({"conv": stem_option()}, STEM_WIDTH, stride=2, name="stem"),
        head={"head": head_option(features=0, hidden=0, bias=True)},
        num_classes=chosen["num_classes"],
        name=NAME,
        width_multipliers=chosen["width_multipliers"],
        bits=bits,
        origin=origin_of(chosen, USUAL),
    )
