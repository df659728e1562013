"""The four families: their limits, widths, strides, blocks, links and residuals.

densenet      concatenation cells with drawn long-range links (DTC cells of SLDGroup/NN_Mass,
              arXiv 1910.00780), pre-activation
resnet        basic blocks with whole or partial residuals, post-activation
wide-resnet   the same, pre-activation (arXiv 1605.07146)
mobilenet-v2  inverted residuals (arXiv 1801.04381)

What a block of an addition cell (all but densenet's) is made of stands here once, in `convolutions`
and `STYLES`: layers (`builders`), torch modules (`writing.modules`), NN-Degree (`topology`) and the
predictors' terms follow from it. The compiled core has its own: flash/_core/model/families.pxd.

No convolution has a bias; padding is kernel // 2. A block carries its residual only where its
stride is 1 and its input and output widths agree: a stride block has no shortcut at all.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .architecture import Architecture, Cell

    Convolution = tuple[int, int, int, int]  # channels in, channels out, kernel, groups

__all__ = [
    "FAMILIES",
    "MOBILENET_WIDTHS",
    "STYLES",
    "cell_inputs",
    "convolutions",
    "default_cells",
    "default_width",
    "make_divisible",
    "residual_blocks",
    "stem_width",
    "stride_of_cell",
    "used_links",
]

FAMILIES = ("densenet", "resnet", "wide-resnet", "mobilenet-v2")

# Limits keep a hostile file from asking for a network that no machine could hold.
MAX_WIDTH = 1 << 20
MAX_DEPTH = 1000
MAX_SKIPS = 1 << 40
MAX_CELLS = 32  # as the compiled core has: of a space, and of any network of cells
MAX_STAGES = 7
MAX_EXPANSION = 1 << 10
MAX_KERNEL = 31
MAX_RESOLUTION = 1 << 13
MAX_CLASSES = 1 << 24
MAX_SEED = (1 << 64) - 1

MOBILENET_WIDTHS = (16, 24, 32, 64, 96, 160, 320)
_MOBILENET_STRIDES = {False: (1, 1, 2, 2, 1, 2, 1), True: (1, 2, 2, 2, 1, 2, 1)}
_BASE = {"densenet": (16, 32), "resnet": (16, 64), "wide-resnet": (16, 64)}
# Where a convolution has its norm and activation (on its input: pre-activation, with another before
# the head), which activation, and which follows a block, that is its sum where it has a residual.
STYLES: dict[str, tuple[str, str, str | None]] = {
    "densenet": ("input", "relu", None),
    "resnet": ("output", "relu", "relu"),
    "wide-resnet": ("input", "relu", None),
    "mobilenet-v2": ("output", "relu6", None),
}


def make_divisible(value: float, divisor: int = 8) -> int:
    """Round to a multiple of `divisor`, never below 90 % of the value (MobileNet's rule)."""
    rounded = max(divisor, int(value + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * value else rounded


def default_width(family: str, multiplier: float, cell: int, imagenet: bool) -> int:
    """Return the width of a cell where widths are not free: it doubles from cell to cell."""
    if family == "mobilenet-v2":
        return make_divisible(MOBILENET_WIDTHS[cell] * multiplier)
    return max(1, int(_BASE[family][imagenet] * multiplier * 2**cell + 0.5))


def default_cells(family: str, imagenet: bool) -> int:
    """Return the usual number of cells."""
    return 7 if family == "mobilenet-v2" else 4 if imagenet else 3


def stride_of_cell(family: str, cell: int, imagenet: bool) -> int:
    """Return the stride of a cell's first layer or block."""
    if family == "mobilenet-v2":
        return _MOBILENET_STRIDES[imagenet][cell]
    return 2 if cell else 1


def stem_width(family: str, first_width: int, imagenet: bool) -> int:
    """Return the channels that enter cell 0 (densenet at CIFAR size: those of the image)."""
    if family == "mobilenet-v2":
        return 2 * first_width
    if family == "wide-resnet":
        return 64 if imagenet else 16
    return 3 if family == "densenet" and not imagenet else first_width


def cell_inputs(arch: Architecture, cell: int) -> int:
    """Return the channels that enter a cell."""
    if cell:
        return arch.cells[cell - 1].width
    return stem_width(arch.family, arch.cells[0].width, arch.is_imagenet)


def convolutions(family: str, enters: int, cell: Cell) -> tuple[tuple[Convolution, ...], int]:
    """Return an addition cell's block as its convolutions, and which of them takes the stride.

    enters: the channels that the block reads.
    """
    width = cell.width
    if family == "mobilenet-v2":
        hidden = enters * cell.expansion
        depthwise = ((hidden, hidden, cell.kernel, hidden), (hidden, width, 1, 1))
        if cell.expansion == 1:
            return depthwise, 0
        return ((enters, hidden, 1, 1), *depthwise), 1
    return ((enters, width, 3, 1), (width, width, 3, 1)), 0


def residual_blocks(arch: Architecture, cell: int) -> range:
    """Return the blocks of an addition cell that can carry a residual."""
    first = arch.cells[cell]
    plain = stride_of_cell(arch.family, cell, arch.is_imagenet) == 1
    return range(0 if plain and cell_inputs(arch, cell) == first.width else 1, first.depth)


def used_links(width: int, depth: int, skips: int) -> int:
    """Return the sum over a concatenation cell's layers of min(skips, width * (layer - 1))."""
    if depth < 3 or skips <= 0:
        return 0
    full = min(depth - 2, skips // width)  # layers 2.. whose candidates are all taken
    return width * full * (full + 1) // 2 + skips * (depth - 2 - full)
