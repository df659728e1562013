"""Which part of a supernet a network is: a `Subnet`, and the `Backbone` that holds them all.

A backbone has one unit per block of its largest network. A subnet says for each of them how many
channels enter, how many filters of its convolutions are kept, and what is handed on. Filters are
always the first ones, so that every subnet is a prefix of the largest network in each layer.
"""

from __future__ import annotations

from ..base.record import Record
from ..errors import ArgumentError
from ..networks.families import (
    cell_inputs,
    default_width,
    residual_blocks,
    stem_width,
    stride_of_cell,
)
from .choices import largest, values
from .space import SearchSpace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..networks.architecture import Architecture

__all__ = [
    "FAMILIES", "Backbone", "Slot", "Subnet", "Unit", "backbone_of", "contains",
    "features_width", "plan",
]  # fmt: skip

FAMILIES = ("resnet", "wide-resnet", "mobilenet-v2")


class Unit(tuple[int, ...]):
    """One block of a subnet: nine whole numbers and the channels of its residual.

    A block that the subnet lacks has no filters and hands on what enters.

    Parameters
    ----------
    entering : int
        Channels that the block reads.
    filters : int
        Filters of the first convolution (mobilenet-v2: hidden channels).
    inner : int
        Channels between the convolutions: these filters, and entering channels passed on.
    made : int
        Filters of the last convolution.
    out : int
        Channels handed on: what was made, and channels passed on.
    kernel : int
        Side of the kernel (mobilenet-v2: of the depthwise one).
    expands : bool
        mobilenet-v2: whether there is a convolution before the depthwise one.
    residual : tuple of int
        Channels of the input that are added to those made.
    """

    residual: tuple[int, ...]

    def __new__(
        cls,
        entering: int,
        filters: int,
        inner: int,
        made: int,
        out: int,
        kernel: int = 3,
        expands: bool = True,
        residual: tuple[int, ...] = (),
    ) -> Unit:
        """Make a unit."""
        self = super().__new__(cls, (entering, filters, inner, made, out, kernel, int(expands)))
        self.residual = residual
        return self

    @property
    def entering(self) -> int:
        """Channels that the block reads."""
        return self[0]

    @property
    def filters(self) -> int:
        """Filters of the first convolution."""
        return self[1]

    @property
    def inner(self) -> int:
        """Channels between the convolutions."""
        return self[2]

    @property
    def made(self) -> int:
        """Filters of the last convolution."""
        return self[3]

    @property
    def out(self) -> int:
        """Channels handed on."""
        return self[4]

    @property
    def kernel(self) -> int:
        """Side of the kernel."""
        return self[5]

    @property
    def expands(self) -> bool:
        """Whether there is a convolution before the depthwise one."""
        return bool(self[6])

    @property
    def is_absent(self) -> bool:
        """Whether the subnet lacks the block."""
        return not self[1] and not self[3]


class Slot(Record):
    """One block of the backbone: what its weights must hold.

    Parameters
    ----------
    cell, block : int
        Its place.
    stride : int
    entering, filters, made : int
        The most channels, filters of the first and of the last convolution.
    kernels : tuple of int
        Kernels that subnets choose from, rising.
    expands : bool
        Whether some subnet has the convolution before the depthwise one.
    """

    cell: int
    block: int
    stride: int
    entering: int
    filters: int
    made: int
    kernels: tuple[int, ...] = (3,)
    expands: bool = True


class Backbone(Record):
    """The largest network, of which every subnet is a part.

    Parameters
    ----------
    family : {"resnet", "wide-resnet", "mobilenet-v2"}
    resolution, num_classes : int
    stem : int
        The most channels of the stem.
    slots : tuple of Slot
        All blocks, from the image on.
    exits : tuple of int
        Numbers of cells after which a subnet may end, rising; a head for each.
    ends : tuple of int
        The most channels that enter each of these heads.
    """

    family: str
    resolution: int
    num_classes: int
    stem: int
    slots: tuple[Slot, ...]
    exits: tuple[int, ...]
    ends: tuple[int, ...]

    @property
    def is_imagenet(self) -> bool:
        """Whether it has the ImageNet stem."""
        return self.resolution > 64


class Subnet(Record):
    """A network as part of a backbone.

    Parameters
    ----------
    stem : int
        Channels of the stem.
    units : tuple of Unit
        One per slot of the backbone.
    cells : int
        After which cell it ends.
    """

    stem: int
    units: tuple[Unit, ...]
    cells: int

    @property
    def width(self) -> int:
        """Channels that enter the head's pooling (mobilenet-v2: its features)."""
        return self.units[-1].out if self.units else self.stem


def features_width(width: int) -> int:
    """Return the channels of mobilenet-v2's last convolution."""
    return max(1280, 4 * width)


def backbone_of(space: Any) -> Backbone:
    """Return the backbone that holds every network of a space.

    Raises
    ------
    ArgumentError
        If the space is not one of the three families, or has several resolutions.
    """
    own = getattr(space, "backbone", None)
    if own is not None:
        found: Backbone = own()
        return found
    if not isinstance(space, SearchSpace) or space.family not in FAMILIES:
        raise ArgumentError(
            f"space must be one of {', '.join(FAMILIES)} or a BypassSpace for a backbone, "
            f"got {getattr(space, 'family', space)!r}"
        )
    if len(space.resolution) > 1:
        raise ArgumentError(
            "space must have one resolution for a supernet, whose images are of one size, "
            f"got {len(space.resolution)}"
        )
    return _of_search_space(space)


def _of_search_space(space: SearchSpace) -> Backbone:
    side = int(space.resolution[0])
    big = side > 64
    family = space.family
    exits = tuple(sorted(int(count) for count in values(space.cells)))
    widths = []
    for cell in range(exits[-1]):
        if space.widths is not None:
            widths.append(int(largest(space.widths[cell])))
        else:
            widths.append(default_width(family, largest(space.factors), cell, big))
    stem = stem_width(family, widths[0], big)
    slots = []
    for cell, width in enumerate(widths):
        entering = widths[cell - 1] if cell else stem
        for block in range(int(largest(space.depths[cell]))):
            filters, expands = width, True
            kernels: tuple[int, ...] = (3,)
            if space.expansions is not None and space.kernels is not None:
                choices = values(space.expansions[cell])
                filters = entering * max(choices)
                kernels = tuple(sorted(values(space.kernels[cell])))
                expands = max(choices) > 1
            stride = stride_of_cell(family, cell, big) if block == 0 else 1
            slots.append(Slot(cell, block, stride, entering, filters, width, kernels, expands))
            entering = width
    ends = tuple(widths[count - 1] for count in exits)
    return Backbone(family, side, space.classes, stem, tuple(slots), exits, ends)


def plan(backbone: Backbone, arch: Architecture) -> Subnet:
    """Return which part of a backbone an architecture is.

    Raises
    ------
    ArgumentError
        If it is no part of it; the message says why.
    """
    for name, own, given in (
        ("family", backbone.family, arch.family),
        ("resolution", backbone.resolution, arch.resolution),
        ("num_classes", backbone.num_classes, arch.num_classes),
    ):
        if own != given:
            raise ArgumentError(f"{name} of the supernet is {own!r}, got {given!r}")
    if len(arch.cells) not in backbone.exits:
        raise ArgumentError(
            f"the supernet has heads after {backbone.exits} cells, got {len(arch.cells)}"
        )
    stem = stem_width(arch.family, arch.cells[0].width, arch.is_imagenet)
    units = []
    channels = stem
    blocks = dict.fromkeys(range(len(arch.cells)), 0)
    for slot in backbone.slots:
        if slot.cell >= len(arch.cells) or slot.block >= arch.cells[slot.cell].depth:
            units.append(Unit(channels, 0, channels, 0, channels, slot.kernels[0]))
            continue
        cell = arch.cells[slot.cell]
        blocks[slot.cell] += 1
        filters = cell.width
        if arch.family == "mobilenet-v2":
            filters = channels * cell.expansion
            if cell.kernel not in slot.kernels:
                raise ArgumentError(
                    f"kernel of cell {slot.cell} must be one of {slot.kernels}, got {cell.kernel}"
                )
        if max(cell.width - slot.made, filters - slot.filters, channels - slot.entering) > 0:
            raise ArgumentError(
                f"cell {slot.cell} of width {cell.width} is wider than the supernet's"
            )
        links: tuple[int, ...] = ()
        if slot.block in residual_blocks(arch, slot.cell):
            links = arch.links_into(slot.cell, slot.block)
        unit = Unit(
            channels, filters, filters, cell.width, cell.width, cell.kernel, cell.expansion > 1
            or arch.family != "mobilenet-v2", links,
        )  # fmt: skip
        units.append(unit)
        channels = cell.width
    for number, cell in enumerate(arch.cells):
        if blocks[number] != cell.depth:
            raise ArgumentError(
                f"cell {number} must have at most {blocks[number]} blocks, got {cell.depth}"
            )
    assert cell_inputs(arch, 0) == stem
    return Subnet(stem, tuple(units), len(arch.cells))


def contains(backbone: Backbone, other: Backbone) -> bool:
    """Return whether every network of another backbone is a part of this one."""
    same = ("family", "resolution", "num_classes")
    if any(getattr(backbone, name) != getattr(other, name) for name in same):
        return False
    own = {(slot.cell, slot.block): slot for slot in backbone.slots}
    for slot in other.slots:
        held = own.get((slot.cell, slot.block))
        if (
            held is None
            or held.entering < slot.entering
            or held.filters < slot.filters
            or held.made < slot.made
            or not set(slot.kernels) <= set(held.kernels)
            or (slot.expands and not held.expands)
        ):
            return False
    return backbone.stem >= other.stem and set(other.exits) <= set(backbone.exits)
