"""Networks of any number of filters per layer, removed filters passing their input channel on.

NetAdaptV2's channel-level bypass connections (Yang, Liao, Sze; arXiv 2104.00031): a layer that
reads C channels and has T filters at most, M of them kept, hands on ``max(min(C, T), M)`` channels:
what the M filters made, then input channels M, M + 1, ... as they came. So depth and width are one
dimension: with M = 0 the layer is gone. The idea was seen in the paper, the formula is from memory.

Reconstruction: a layer is a convolution of a basic block, and a whole inverted residual (its hidden
channels have no counterpart among those that enter). A residual is added to channels that filters
made, where the input has such a channel; where a layer has stride 2, passed channels are
subsampled.
"""

from __future__ import annotations

from ..base.checks import integer, public, shown, text
from ..errors import ArgumentError, ArgumentTypeError, FormatError
from ..networks.architecture import Architecture, Cell
from ..networks.families import residual_blocks, stem_width, stride_of_cell
from ..networks.rows import Rows
from .backbones import FAMILIES, Backbone, Slot, Subnet, Unit, features_width
from .network_space import NetworkSpace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    import numpy as np
    from numpy.typing import NDArray

    from ..networks.network import Network
    from .space import SearchSpace

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

    family = "bypass"

    def __init__(
        self,
        backbone: Architecture | SearchSpace | Mapping[str, Any] | None = None,
        levels: int = 4,
        expansions: Sequence[int] | None = None,
        kernels: Sequence[int] | None = None,
    ) -> None:
        self.architecture = arch = _largest(backbone)
        self.levels: int = integer("levels", levels, 1, MAX_LEVELS)
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
        groups = []
        for number, cell in enumerate(cells):
            for block in range(cell.depth):
                where = f"{number}_{block}"
                start = len(lengths)
                if self.expansions is not None and self.kernels is not None:
                    lengths += [self.levels + 1, len(self.expansions), len(self.kernels)]
                    variables += [f"filters_{where}", f"expansion_{where}", f"kernel_{where}"]
                else:
                    lengths += [self.levels + 1] * 2
                    variables += [f"filters_{where}_a", f"filters_{where}_b"]
                groups.append(tuple(range(start, len(lengths))))
        self.lengths, self.variables, self.groups = tuple(lengths), tuple(variables), tuple(groups)

    def options(self) -> dict[str, Any]:
        """Return the arguments that make an equal space, as plain data."""
        given: dict[str, Any] = {"backbone": self.architecture.to_dict(), "levels": self.levels}
        given["expansions"] = None if self.expansions is None else list(self.expansions)
        given["kernels"] = None if self.kernels is None else list(self.kernels)
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
        gone = rows[:, ::3] == 0
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

    def _stride(self, cell: int, block: int) -> int:
        arch = self.architecture
        return 1 if block else stride_of_cell(arch.family, cell, arch.is_imagenet)

    def subnet(self, row: Sequence[int]) -> Subnet:
        """Return which part of the backbone a row is."""
        arch = self.architecture
        channels = stem = stem_width(arch.family, arch.cells[0].width, arch.is_imagenet)
        units = []
        place = 0
        for number, cell in enumerate(arch.cells):
            most = cell.width
            for block in range(cell.depth):
                carries = cell.skips > 0 and block in residual_blocks(arch, number)
                made = self._filters(most, row[place if self.kernels else place + 1])
                kernel, expands = 3, True
                if self.expansions is not None and self.kernels is not None:
                    expansion = self.expansions[row[place + 1]]
                    kernel, expands = self.kernels[row[place + 2]], expansion > 1
                    filters = inner = channels * expansion if made else 0
                    out = max(min(channels, most), made)
                    inner = inner or channels
                    place += 3
                else:
                    filters = self._filters(most, row[place])
                    inner = max(min(channels, most), filters)
                    out = max(min(inner, most), made)
                    place += 2
                count = min(made, channels) if carries else 0
                residual = tuple(range(count))
                units.append(Unit(channels, filters, inner, made, out, kernel, expands, residual))
                channels = out
        return Subnet(stem, tuple(units), len(arch.cells))

    def _filters(self, most: int, level: int) -> int:
        return -(-most * level // self.levels)

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
    family, big = arch.family, arch.is_imagenet
    table = Rows()
    norm: dict[str, Any] = {"norm": "output", "activation": "relu"}
    if family == "wide-resnet":
        norm = {}
    elif family == "mobilenet-v2":
        norm["activation"] = "relu6"
    stem = 3 if family == "mobilenet-v2" or not big else 7
    at = table.conv(-1, subnet.stem, stem, 2 if big else 1, **norm)
    if big and family != "mobilenet-v2":
        at = table.add("pool", [at], subnet.stem, kernel=3, stride=2, padding=1, mode="max")
    for slot, unit in zip(backbone.slots, subnet.units, strict=True):
        block = _inverted if family == "mobilenet-v2" else _basic
        at = block(table, family, at, slot, unit)
    if family == "mobilenet-v2":
        wide = features_width(subnet.width)
        at = table.conv(at, wide, 1, norm="output", activation="relu6")
    last: bool | str = "input" if family == "wide-resnet" else False
    rows = table.rows
    end = table.add(
        "pool", [at], table.channels[at], mode="global_avg", norm=last,
        activation="relu" if last else None,
    )  # fmt: skip
    table.add("linear", [end], arch.num_classes, out_channels=arch.num_classes, bias=True)
    from ..networks.network import Network

    return Network.from_layers(rows, (3, arch.resolution, arch.resolution))


def _basic(table: Rows, family: str, at: int, slot: Slot, unit: Unit) -> int:
    norm = "input" if family == "wide-resnet" else "output"
    enters = at
    if unit.filters:
        made = table.conv(at, unit.filters, 3, slot.stride, norm=norm, activation="relu")
    else:
        made = -1
    at = _passed(table, made, at, unit.filters, unit.inner, slot.stride)
    if not unit.made:
        return _passed(table, -1, at, 0, unit.out, 1)
    after = "relu" if family == "wide-resnet" or not unit.residual else None
    made = table.conv(at, unit.made, 3, norm=norm, activation=after)
    if unit.residual:
        last = None if family == "wide-resnet" else "relu"
        made = _added(table, made, enters, unit, last)
    return _passed(table, made, at, unit.made, unit.out, 1)


def _inverted(table: Rows, family: str, at: int, slot: Slot, unit: Unit) -> int:
    enters = at
    if not unit.made:
        return _passed(table, -1, at, 0, unit.out, slot.stride)
    more: dict[str, Any] = {"norm": "output", "activation": "relu6"}
    if unit.expands:
        at = table.conv(at, unit.filters, 1, **more)
    at = table.conv(at, unit.filters, unit.kernel, slot.stride, groups=unit.filters, **more)
    made = table.conv(at, unit.made, 1, norm="output")
    if unit.residual:
        made = _added(table, made, enters, unit, None)
    return _passed(table, made, enters, unit.made, unit.out, slot.stride)


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
