"""Networks of any number of filters per layer, removed filters passing their input channel on.

NetAdaptV2's channel-level bypass connections (Yang, Liao, Sze; arXiv 2104.00031): a layer that
reads C channels and has T filters at most, M of them kept, hands on ``max(min(C, T), M)`` channels:
what the M filters made, then input channels M, M + 1, ... as they came. So depth and width are one
dimension: with M = 0 the layer is gone. The idea was seen in the paper, the formula is from memory.

Reconstruction: a layer is a convolution of a basic block, and a whole inverted residual (its hidden
channels have no counterpart among those that enter). A residual is added to channels that filters
made, where the input has such a channel; where a layer has stride 2, passed channels are
subsampled.

With ``bypass=False`` removed filters are gone and nothing takes their place: the same backbone with
plain choices of width and depth, against which the connections are judged.
"""

from __future__ import annotations

from ..base.checks import flag, integer, public, shown, text
from ..base.record import cached
from ..errors import ArgumentError, ArgumentTypeError, FormatError
from ..networks.architecture import Architecture, Cell
from ..networks.families import residual_blocks, stem_width, stride_of_cell
from ..networks.rows import Rows
from .backbones import FAMILIES, Backbone, Slot, Subnet, Unit, features_width
from .network_space import NetworkSpace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, ClassVar

    import numpy as np
    from numpy.typing import NDArray

    from ..networks.network import Network
    from .space import SearchSpace

    # channels, side, and whether an addition or a concatenation made them where that matters
    Entering = tuple[int, int, bool]

__all__ = ["BypassSpace"]

MAX_LEVELS = 256
_USUAL = Architecture("resnet", [Cell(16, 2, 16), Cell(32, 2, 32), Cell(64, 2, 64)])


@public
class BypassSpace(NetworkSpace):
    """Every layer of a network with a choice of filters, removed ones bypassed.

    Parameters
    ----------
    backbone : Architecture, dict or SearchSpace, optional
        The largest network: resnet, wide-resnet or mobilenet-v2, with whole residuals or none. Of
        a SearchSpace it is the largest one. Usually a resnet of 3 cells of 2 blocks, 16, 32 and 64
        channels wide.
    levels : int, default 4
        A layer of T filters keeps ``ceil(T * j / levels)`` of them, j = 0, ..., levels.
    expansions, kernels : sequence of int, optional
        mobilenet-v2: choices of every block, rising; usually its cells' own and all smaller ones
        of 1, 2, 3, 4, 6 and of 3, 5, 7.
    bypass : bool, default True
        Whether a removed filter passes its input channel on. False: M filters hand on M channels,
        and a layer can be gone only where shapes allow: it has no stride, and no more channels
        enter than its T filters make; it then hands on what enters.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        If an argument is not accepted.
    """

    lengths: tuple[int, ...]
    variables: tuple[str, ...]
    groups: tuple[tuple[int, ...], ...]
    architecture: Architecture
    levels: int
    expansions: tuple[int, ...] | None
    kernels: tuple[int, ...] | None
    bypass: bool
    least: tuple[int, ...]

    family = "bypass"
    further: ClassVar[tuple[str, ...]] = ("bypass",)

    def __init__(
        self,
        backbone: Architecture | SearchSpace | Mapping[str, Any] | None = None,
        levels: int = 4,
        expansions: Sequence[int] | None = None,
        kernels: Sequence[int] | None = None,
        bypass: bool = True,
    ) -> None:
        self.architecture = arch = _largest(backbone)
        self.levels: int = integer("levels", levels, 1, MAX_LEVELS)
        self.bypass: bool = flag("bypass", bypass)
        mobile = arch.family == "mobilenet-v2"
        for name, given in (("expansions", expansions), ("kernels", kernels)):
            if given is not None and not mobile:
                raise ArgumentError(f"{name} belongs to mobilenet-v2, got {shown(given)}")
        cells = arch.cells
        self.expansions = self.kernels = None
        if mobile:
            most = max(cell.expansion for cell in cells), max(cell.kernel for cell in cells)
            self.expansions = _choices("expansions", expansions, most[0], (1, 2, 3, 4, 6))
            self.kernels = _choices("kernels", kernels, most[1], (3, 5, 7))
            if any(kernel % 2 == 0 for kernel in self.kernels):
                raise ArgumentError(f"kernels must be odd, got {list(self.kernels)}")
        lengths: list[int] = []
        variables: list[str] = []
        least: list[int] = []
        groups = []
        entering = stem_width(arch.family, arch.cells[0].width, arch.is_imagenet)
        for number, cell in enumerate(cells):
            for block in range(cell.depth):
                where = f"{number}_{block}"
                start = len(lengths)
                # the level of choice 0: none of the filters, or the fewest
                first = int(not self._may_go(number, block, entering))
                if self.expansions is not None and self.kernels is not None:
                    lengths += [self.levels + 1 - first, len(self.expansions), len(self.kernels)]
                    variables += [f"filters_{where}", f"expansion_{where}", f"kernel_{where}"]
                    least += [first, 0, 0]
                else:
                    lengths += [self.levels + 1 - first, self.levels + 1]
                    variables += [f"filters_{where}_a", f"filters_{where}_b"]
                    least += [first, 0]
                groups.append(tuple(range(start, len(lengths))))
                entering = cell.width
        self.lengths, self.variables, self.groups = tuple(lengths), tuple(variables), tuple(groups)
        self.least = tuple(least)

    def _may_go(self, cell: int, block: int, entering: int) -> bool:
        """Whether a block's first layer may have no filters."""
        whole = self._stride(cell, block) == 1 and entering <= self.architecture.cells[cell].width
        return self.bypass or whole

    def options(self) -> dict[str, Any]:
        """Return the arguments that make an equal space, as plain data."""
        given: dict[str, Any] = {"backbone": self.architecture.to_dict(), "levels": self.levels}
        given["expansions"] = None if self.expansions is None else list(self.expansions)
        given["kernels"] = None if self.kernels is None else list(self.kernels)
        if not self.bypass:
            given["bypass"] = False
        return given

    def name(self, row: Sequence[int]) -> str:
        return "-".join(map(str, self.row(row)))

    def parse(self, name: str) -> tuple[int, ...]:
        try:
            return self.row(tuple(map(int, text("name", name).split("-"))))
        except (ValueError, ArgumentError):
            raise FormatError(
                f"a network of this bypass space is {len(self.lengths)} choice indices joined by "
                f"'-', got {name!r}"
            ) from None

    def canonical(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Set expansion and kernel of absent inverted residuals to their first choice."""
        if self.kernels is None:
            return rows
        rows = rows.copy()
        gone = rows[:, ::3] + self.least[::3] == 0
        rows[:, 1::3][gone] = 0
        rows[:, 2::3][gone] = 0
        return rows

    @property
    def largest(self) -> tuple[int, ...]:
        """The row of the largest network."""
        return tuple(length - 1 for length in self.lengths)

    def backbone(self) -> Backbone:
        """Return the backbone that holds every network of the space."""
        arch = self.architecture
        stem = stem_width(arch.family, arch.cells[0].width, arch.is_imagenet)
        slots = []
        entering = stem  # what enters may be more than the backbone's own width: none was removed
        for number, cell in enumerate(arch.cells):
            for block in range(cell.depth):
                stride = self._stride(number, block)
                if self.expansions is not None and self.kernels is not None:
                    filters, expands = entering * max(self.expansions), max(self.expansions) > 1
                    kernels = self.kernels
                else:
                    filters, kernels, expands = cell.width, (3,), True
                slots.append(
                    Slot(number, block, stride, entering, filters, cell.width, kernels, expands)
                )
                entering = cell.width
        count = len(arch.cells)
        return Backbone(
            arch.family, arch.resolution, arch.num_classes, stem, tuple(slots), (count,),
            (entering,),
        )  # fmt: skip

    def stride(self, place: int) -> int:
        """Return the stride of a block, by its number."""
        return self._stride(*self.blocks[place])

    @cached
    def lookups(self) -> dict[int, Any]:
        """What parts of networks cost, by target: see flash/solving/lookups.py."""
        return {}

    def _stride(self, cell: int, block: int) -> int:
        arch = self.architecture
        return 1 if block else stride_of_cell(arch.family, cell, arch.is_imagenet)

    def subnet(self, row: Sequence[int]) -> Subnet:
        """Return which part of the backbone a row is."""
        arch = self.architecture
        channels = stem = stem_width(arch.family, arch.cells[0].width, arch.is_imagenet)
        units = []
        for place, group in enumerate(self.groups):
            units.append(self.unit(place, channels, [row[k] for k in group]))
            channels = units[-1].out
        return Subnet(stem, tuple(units), len(arch.cells))

    def unit(self, place: int, channels: int, choices: Sequence[int]) -> Unit:
        """Return what a block is, by how many channels enter and its own choice indices.

        Parameters
        ----------
        place : int
            Number of the block, from the image on.
        channels : int
        choices : sequence of int
            One for each variable of ``groups[place]``.
        """
        arch = self.architecture
        number, block = self.blocks[place]
        most = arch.cells[number].width
        first, *_ = self.groups[place]
        levels = [choice + self.least[first + k] for k, choice in enumerate(choices)]
        kernel, expands = 3, True
        if self.expansions is not None and self.kernels is not None:
            made = self._filters(most, levels[0])
            expansion = self.expansions[choices[1]]
            kernel, expands = self.kernels[choices[2]], expansion > 1
            filters = inner = channels * expansion if made else 0
            out = self._handed(most, channels, made)
            inner = inner or channels
        else:
            filters, made = (self._filters(most, level) for level in levels)
            inner = self._handed(most, channels, filters)
            out = self._handed(most, inner, made)
        carries = arch.cells[number].skips > 0 and block in residual_blocks(arch, number)
        residual = tuple(range(min(made, channels) if carries else 0))
        return Unit(channels, filters, inner, made, out, kernel, expands, residual)

    @cached
    def blocks(self) -> tuple[tuple[int, int], ...]:
        """(cell, number in it) of each block, from the image on."""
        cells = self.architecture.cells
        return tuple((c, block) for c, cell in enumerate(cells) for block in range(cell.depth))

    def _handed(self, most: int, channels: int, made: int) -> int:
        """Return the channels that a layer hands on."""
        if self.bypass:
            return max(min(channels, most), made)
        return made or channels

    def _filters(self, most: int, level: int) -> int:
        return -(-most * level // self.levels)

    def piece(
        self, place: int, entering: Entering | None, choices: Sequence[int] = ()
    ) -> tuple[Network | None, int, Entering]:
        """Return a part of networks by itself, behind a row that hands on what enters it.

        It costs what it does in any network that it is a part of.

        Parameters
        ----------
        place : int
            -1: the stem, before which nothing is; the number of a block; their count: the head.
        entering : (int, int, bool) or None
            What enters, as the part before it told: channels, side, and whether an addition or a
            concatenation made them, where that matters to costs.
        choices : sequence of int
            A block's choice indices.

        Returns
        -------
        (Network or None, int, (int, int, bool))
            The network, None where the part has no rows; with which of its rows the part begins;
            and what the part hands on.
        """
        arch = self.architecture
        table = Rows()
        at, side = -1, arch.resolution
        if entering is not None:
            channels, side, joined = entering
            at = table.conv(-1, channels, 1)
            if joined:
                at = table.add("add", [at, table.conv(-1, channels, 1)], channels)
        first = len(table.rows)
        if place < 0:
            at = _stem(table, arch)
        elif place == len(self.blocks):
            at = _head(table, arch, at)
        else:
            assert entering is not None
            number, block = self.blocks[place]
            unit = self.unit(place, entering[0], choices)
            make = _inverted if arch.family == "mobilenet-v2" else _basic
            at = make(table, arch.family, at, self._stride(number, block), unit)
        if len(table.rows) == first:
            assert entering is not None
            return None, first, entering
        from ..networks.network import Network

        net = Network.from_layers(table.rows, (3, side, side))
        last = net.layers[-1]
        # only wide-resnets have norms that a runtime runs by themselves behind a joint
        joins = arch.family == "wide-resnet" and table.rows[at]["kind"] in ("add", "concat")
        return net, first, (table.channels[at], last.out_height, joins)

    def network(self, row: Sequence[int]) -> Network:
        return _spelt(self.architecture, self.backbone(), self.subnet(row))


def _largest(given: Any) -> Architecture:
    """Return the architecture that a space is made of."""
    from .space import SearchSpace

    if given is None:
        return _USUAL
    if isinstance(given, SearchSpace):
        given = given.decode([length - 1 for length in given.lengths])
    elif hasattr(given, "keys"):
        given = Architecture.from_dict(given)
    if not isinstance(given, Architecture):
        raise ArgumentTypeError(
            f"backbone must be an Architecture, its dict or a SearchSpace, got {shown(given)}"
        )
    if given.family not in FAMILIES:
        raise ArgumentError(f"backbone must be one of {', '.join(FAMILIES)}, got {given.family!r}")
    for number, cell in enumerate(given.cells):
        if 0 < cell.skips < cell.width:
            raise ArgumentError(
                f"backbone must have whole residuals or none, got {cell.skips} of {cell.width} "
                f"channels in cell {number}"
            )
    return given


def _choices(
    name: str, given: Sequence[int] | None, most: int, usual: tuple[int, ...]
) -> tuple[int, ...]:
    if given is None:
        return (*(one for one in usual if one < most), most)
    found = tuple(integer(name, one, 1, 1 << 10) for one in given)
    if not found or list(found) != sorted(set(found)):
        raise ArgumentError(f"{name} must be rising and at least one, got {shown(given)}")
    return found


def _spelt(arch: Architecture, backbone: Backbone, subnet: Subnet) -> Network:
    """Return a subnet as a table of layers."""
    table = Rows()
    at = _stem(table, arch)
    for slot, unit in zip(backbone.slots, subnet.units, strict=True):
        block = _inverted if arch.family == "mobilenet-v2" else _basic
        at = block(table, arch.family, at, slot.stride, unit)
    _head(table, arch, at)
    from ..networks.network import Network

    return Network.from_layers(table.rows, (3, arch.resolution, arch.resolution))


def _stem(table: Rows, arch: Architecture) -> int:
    family, big = arch.family, arch.is_imagenet
    norm: dict[str, Any] = {"norm": "output", "activation": "relu"}
    if family == "wide-resnet":
        norm = {}
    elif family == "mobilenet-v2":
        norm["activation"] = "relu6"
    width = stem_width(family, arch.cells[0].width, big)
    stem = 3 if family == "mobilenet-v2" or not big else 7
    at = table.conv(-1, width, stem, 2 if big else 1, **norm)
    if big and family != "mobilenet-v2":
        at = table.add("pool", [at], width, kernel=3, stride=2, padding=1, mode="max")
    return at


def _head(table: Rows, arch: Architecture, at: int) -> int:
    family = arch.family
    if family == "mobilenet-v2":
        wide = features_width(table.channels[at])
        at = table.conv(at, wide, 1, norm="output", activation="relu6")
    last: bool | str = "input" if family == "wide-resnet" else False
    end = table.add(
        "pool", [at], table.channels[at], mode="global_avg", norm=last,
        activation="relu" if last else None,
    )  # fmt: skip
    classes = arch.num_classes
    return table.add("linear", [end], classes, out_channels=classes, bias=True)


def _basic(table: Rows, family: str, at: int, stride: int, unit: Unit) -> int:
    norm = "input" if family == "wide-resnet" else "output"
    enters = at
    if unit.filters:
        made = table.conv(at, unit.filters, 3, stride, norm=norm, activation="relu")
    else:
        made = -1
    at = _passed(table, made, at, unit.filters, unit.inner, stride)
    if not unit.made:
        return _passed(table, -1, at, 0, unit.out, 1)
    after = "relu" if family == "wide-resnet" or not unit.residual else None
    made = table.conv(at, unit.made, 3, norm=norm, activation=after)
    if unit.residual:
        last = None if family == "wide-resnet" else "relu"
        made = _added(table, made, enters, unit, last)
    return _passed(table, made, at, unit.made, unit.out, 1)


def _inverted(table: Rows, family: str, at: int, stride: int, unit: Unit) -> int:
    enters = at
    if not unit.made:
        return _passed(table, -1, at, 0, unit.out, stride)
    more: dict[str, Any] = {"norm": "output", "activation": "relu6"}
    if unit.expands:
        at = table.conv(at, unit.filters, 1, **more)
    at = table.conv(at, unit.filters, unit.kernel, stride, groups=unit.filters, **more)
    made = table.conv(at, unit.made, 1, norm="output")
    if unit.residual:
        made = _added(table, made, enters, unit, None)
    return _passed(table, made, enters, unit.made, unit.out, stride)


def _added(table: Rows, made: int, enters: int, unit: Unit, activation: str | None) -> int:
    count = len(unit.residual)
    whole = count == unit.made == unit.entering
    return table.add(
        "add", [made, enters], unit.made, channels=None if whole else count, activation=activation
    )


def _passed(table: Rows, made: int, enters: int, filters: int, out: int, stride: int) -> int:
    """Add the channels that are passed on to those that filters made."""
    if out == filters:
        return made
    if stride > 1:
        enters = table.pool(enters, 1, stride)
    if filters:
        return table.add("concat", [made, enters], out, channels=out - filters)
    if out == table.channels[enters]:
        return enters
    return table.add("concat", [enters], out, channels=out)
