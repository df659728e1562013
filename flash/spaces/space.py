"""Search spaces: which architectures there are, numbered without spelling them out.

Order of the variables: width multiplier, number of cells, resolution; then for each cell its
width (only where free), depth, skips, and for mobilenet-v2 expansion and kernel. A *row of choice
indices* has one entry per variable. A *flat index* counts networks in lexicographic order of the
three global choices, then of the cells' entries, cell 0 first; where the number of cells varies,
entries of surplus cells are 0 and count nothing.
"""

from __future__ import annotations

from ..base.checks import choice, integer, public, shown
from ..base.record import cached
from ..errors import ArgumentError
from ..networks.families import (
    FAMILIES,
    MAX_CELLS,
    MAX_CLASSES,
    MAX_DEPTH,
    MAX_EXPANSION,
    MAX_KERNEL,
    MAX_RESOLUTION,
    MAX_SEED,
    MAX_STAGES,
    MAX_WIDTH,
    default_cells,
    default_width,
)
from .choices import Range, largest, parse, per_cell
from .index import GLOBALS
from .tabled import TabledSpace

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence
    from typing import Any, TypeAlias

    from .._core.model.compile import Plan as CorePlan
    from ..base.html import Part
    from ..networks.architecture import Architecture
    from .choices import Choices, Given, PerCell
    from .plan import Plan

    Row: TypeAlias = tuple[int, ...]

__all__ = ["DenseNet", "MobileNetV2", "Range", "ResNet", "SearchSpace", "WideResNet"]

MAX_SKIP_CHOICE = 1 << 20
MAX_MULTIPLIER = 1 << 10

_RESIDUALS = Range(0, 32, unit="width/32")
_DEFAULTS: dict[str, dict[str, Any]] = {
    "densenet": {
        "width_multipliers": (1, 2, 3),
        "depths": Range(5, 30),
        "skips": Range(0, 127, unit="width/32"),
    },
    "resnet": {"width_multipliers": (1, 2, 3), "depths": Range(1, 18), "skips": _RESIDUALS},
    "wide-resnet": {
        "width_multipliers": (1, 2, 4, 6, 8, 10),
        "depths": Range(1, 6),
        "skips": _RESIDUALS,
    },
    "mobilenet-v2": {
        "width_multipliers": (0.5, 0.75, 1.0, 1.25, 1.5),
        "depths": Range(1, 4),
        "skips": Range(0, 1, unit="width/1"),
        "expansions": [2, 3, 4, 6],
        "kernels": [3, 5, 7],
    },
}


@public
class SearchSpace(TabledSpace):
    """A family of networks and the choices that are open.

    Each argument is a number (fixed), a list (explicit choices, in the order given) or a `Range`.
    Those per cell may also be a tuple of one such entry per cell. None means the family's usual.

    Parameters
    ----------
    family : {"densenet", "resnet", "wide-resnet", "mobilenet-v2"}
    width_multipliers : numbers above 0
        Global. Cell k has width ``16 * m * 2**k`` (ImageNet: 32 for densenet, 64 for resnet and
        wide-resnet), rounded; mobilenet-v2: (16, 24, 32, 64, 96, 160, 320)[k] * m to a multiple
        of 8.
    cells : integers, 1 to 32 (mobilenet-v2: 7)
        Global: number of cells. Usually 3, for ImageNet 4, for mobilenet-v2 7.
    resolution : integers, 1 to 8192, default 32
        Global: height and width of the image in pixels. Above 64 a network has the ImageNet stem.
    num_classes : int
        Usually 10, and 1000 where a resolution is above 64.
    depths : integers, 1 to 1000
        Per cell: layers (densenet) or blocks.
    skips : integers from 0
        Per cell: cap of a layer's long-range channels (densenet), else channels of a block's
        residual. A Range with ``unit="width/N"`` counts in ``ceil(width / N)`` channels.
    widths : integers, 1 to 2**20
        Per cell, instead of width_multipliers: channels, free in every cell.
    expansions, kernels : integers (kernels: odd, 1 to 31)
        Per cell, mobilenet-v2 only.
    link_seed : int, default 0
        Seed of the drawn links of every network of the space.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        If an argument is not accepted; the message names it.

    Notes
    -----
    The fields hold the checked choices: tuples and ranges, those per cell one for each of the
    greatest number of cells.
    """

    family: str
    width_multipliers: Choices | None = None
    cells: Choices = None  # type: ignore[assignment]
    resolution: Choices = 32  # type: ignore[assignment]
    num_classes: int = None  # type: ignore[assignment]
    depths: tuple[Choices, ...] = None  # type: ignore[assignment]
    skips: tuple[Choices, ...] = None  # type: ignore[assignment]
    widths: tuple[Choices, ...] | None = None
    expansions: tuple[Choices, ...] | None = None
    kernels: tuple[Choices, ...] | None = None
    link_seed: int = 0

    if TYPE_CHECKING:  # what is given is more than what the fields hold

        def __init__(
            self,
            family: str,
            width_multipliers: Given | None = None,
            cells: Given | None = None,
            resolution: Given = 32,
            num_classes: int | None = None,
            depths: PerCell | None = None,
            skips: PerCell | None = None,
            widths: PerCell | None = None,
            expansions: PerCell | None = None,
            kernels: PerCell | None = None,
            link_seed: int = 0,
        ) -> None: ...

    def __post_init__(self) -> None:
        state = self.__dict__
        usual = _DEFAULTS[choice("family", self.family, FAMILIES)]
        mobile = self.family == "mobilenet-v2"
        sizes = state["resolution"] = parse("resolution", self.resolution, 1, MAX_RESOLUTION)
        imagenet = largest(sizes) > 64
        classes = state["num_classes"]
        classes = (1000 if imagenet else 10) if classes is None else classes
        state["num_classes"] = integer("num_classes", classes, 1, MAX_CLASSES)
        counts = state["cells"]
        counts = default_cells(self.family, imagenet) if counts is None else counts
        state["cells"] = parse("cells", counts, 1, MAX_STAGES if mobile else MAX_CELLS)
        most = int(largest(state["cells"]))
        if self.widths is None:
            given = self.width_multipliers
            given = usual["width_multipliers"] if given is None else given
            factors = parse("width_multipliers", given, above=0, high=MAX_MULTIPLIER)
            widest = default_width(self.family, largest(factors), most - 1, imagenet)
            if widest > MAX_WIDTH:
                raise ArgumentError(
                    f"width_multipliers must keep widths at most {MAX_WIDTH}, got {widest}"
                )
            state["width_multipliers"] = factors
        elif self.width_multipliers is not None:
            got = shown(self.width_multipliers)
            raise ArgumentError(f"width_multipliers must not be given with widths, got {got}")
        else:
            state["widths"] = per_cell("widths", self.widths, most, low=1, high=MAX_WIDTH)
        for name, limits in (
            ("depths", {"high": MAX_DEPTH}),
            ("skips", {"low": 0, "high": MAX_SKIP_CHOICE, "unit": True}),
            ("expansions", {"high": MAX_EXPANSION}),
            ("kernels", {"high": MAX_KERNEL, "odd": True}),
        ):
            value = usual.get(name) if state[name] is None else state[name]
            if name not in usual:
                if value is not None:
                    raise ArgumentError(
                        f"{name} must not be given for {self.family}, got {shown(value)}"
                    )
            else:
                state[name] = per_cell(name, value, most, **limits)
        state["link_seed"] = integer("link_seed", self.link_seed, 0, MAX_SEED)

    # What there is to choose

    @property
    def classes(self) -> int:
        """Number of classes of the head: `num_classes`, which a space always has."""
        return self.num_classes or 0  # never 0: checked

    @cached
    def factors(self) -> Choices:
        """Choices of the width multiplier; one of no effect where widths are free."""
        return (1,) if self.width_multipliers is None else self.width_multipliers

    @cached
    def cell_choices(self) -> tuple[tuple[Choices, ...], ...]:
        """Choices of each cell's variables, in their order."""
        names = ("widths", "depths", "skips", "expansions", "kernels")
        used = [self.__dict__[name] for name in names if self.__dict__[name] is not None]
        return tuple(zip(*used, strict=True))

    @cached
    def variables_per_cell(self) -> int:
        """How many variables each cell has."""
        return len(self.cell_choices[0])

    @cached
    def combinations(self) -> tuple[int, ...]:
        """For each choice of the number of cells, how many combinations of their choices there
        are."""
        products = [1]
        for variables in self.cell_choices:
            size = 1
            for one in variables:
                size *= len(one)
            products.append(products[-1] * size)
        return tuple(products[int(count)] for count in self.cells)

    @cached
    def size(self) -> int:
        """How many configurations there are, exactly."""
        return len(self.factors) * sum(self.combinations) * len(self.resolution)

    @cached
    def variables(self) -> tuple[str, ...]:
        """Names of the variables, in order; the number behind a name is the cell's."""
        names = ["depth", "skips", "expansion", "kernel"][: 4 if self.expansions else 2]
        if self.widths is not None:
            names.insert(0, "width")
        inner = [f"{name}_{cell}" for cell in range(len(self.cell_choices)) for name in names]
        return ("width_multiplier", "cells", "resolution", *inner)

    @cached
    def lengths(self) -> tuple[int, ...]:
        """Choices of each variable, counted."""
        globals_ = (len(self.factors), len(self.cells), len(self.resolution))
        return (*globals_, *(len(one) for variables in self.cell_choices for one in variables))

    @property
    def groups(self) -> tuple[tuple[int, ...], ...]:
        """Numbers of the variables that belong together: the global ones, then cell by cell."""
        each = self.variables_per_cell
        starts = range(GLOBALS, len(self.lengths), each)
        cells = [tuple(range(start, start + each)) for start in starts]
        return (tuple(range(GLOBALS)), *cells)

    # Between flat index, row of choice indices and architecture

    def decode(self, i: int | Sequence[int]) -> Architecture:
        """Return the architecture of a flat index in [0, size), or of a row of choice indices.

        Raises
        ------
        ArgumentError, ArgumentTypeError
            If the index or an entry of the row is out of range.
        """
        from .codec import decode

        return decode(self, i)

    def encode(self, architecture: Architecture) -> Row:
        """Return the row of choice indices of an architecture, the first where there are several.

        Raises
        ------
        ArgumentError
            If the architecture is not in the space; the message says why.
        """
        from .codec import encode

        return encode(self, architecture)

    if TYPE_CHECKING:

        def sample(self, n: int, seed: int = 0) -> list[Architecture]: ...

    def _parts(self) -> list[Part]:
        from .files import parts

        return parts(self)

    # For the compiled core

    def plan(self) -> Plan:
        """Return the space as nested tuples of integers, from which tables are compiled.

        Returns
        -------
        (family, num_classes, variants)
            family: 0 densenet, 1 resnet, 2 wide-resnet, 3 mobilenet-v2. One variant per
            combination of the global choices: (its first flat index, resolution, cells), and each
            cell (stride of its first layer or block, widths, depths, skips, expansions, kernels),
            where skips holds for each width the channels of every choice.

        Raises
        ------
        ArgumentError
            If there are more than 2**16 variants, or 2**24 rows in a cell.
        """
        return self._plan

    @cached
    def _plan(self) -> Plan:
        from .plan import make_plan

        return make_plan(self)

    @cached
    def core_plan(self) -> CorePlan:
        """`plan` in the core's form; read once, spaces never change."""
        from .._core.model.compile import Plan as CorePlan

        return CorePlan(self.plan())

    # Files

    def to_dict(self) -> dict[str, Any]:
        """Return plain data from which `from_dict` makes an equal space."""
        from .files import to_dict

        return to_dict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> SearchSpace:
        """Make a space from plain data, as a TOML or JSON file holds it.

        A range is a table of low, high, step and unit; a list of numbers is the choices; a list
        that holds lists or tables has one entry per cell.

        Raises
        ------
        FormatError
            If a key is unknown or missing, or a value not accepted; the message names the key.
        """
        from .files import from_dict

        return from_dict(data)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> SearchSpace:
        """Read a space from a ``.toml`` or ``.json`` file."""
        from .files import load

        return load(path)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the space to a ``.toml`` or ``.json`` file."""
        from .files import save

        save(self, path)


# Functions named as what they make: `isinstance(space, SearchSpace)` is the one type there is.


@public
def DenseNet(
    *,
    width_multipliers: Given | None = None,
    cells: Given | None = None,
    resolution: Given = 32,
    num_classes: int | None = None,
    depths: PerCell | None = None,
    skips: PerCell | None = None,
    widths: PerCell | None = None,
    link_seed: int = 0,
) -> SearchSpace:
    """Return a space of concatenation cells: `SearchSpace` of family "densenet".

    The keywords are those of `SearchSpace`. Without arguments: width multipliers 1, 2, 3; 3 cells;
    depths 5 to 30; links up to j * ceil(width / 32) channels with j = 0..127; CIFAR-sized.
    110,578,630,656 configurations.
    """
    return SearchSpace(
        "densenet",
        width_multipliers,
        cells,
        resolution,
        num_classes,
        depths,
        skips,
        widths,
        link_seed=link_seed,
    )


@public
def ResNet(
    *,
    width_multipliers: Given | None = None,
    cells: Given | None = None,
    resolution: Given = 32,
    num_classes: int | None = None,
    depths: PerCell | None = None,
    skips: PerCell | None = None,
    widths: PerCell | None = None,
    link_seed: int = 0,
) -> SearchSpace:
    """Return a space of basic blocks, post-activation: a `SearchSpace` of family "resnet".

    The keywords are those of `SearchSpace`. Without arguments: width multipliers 1, 2, 3; 3 cells
    of 1 to 18 blocks; residuals of j * ceil(width / 32) channels with j = 0..32; CIFAR-sized.
    """
    return SearchSpace(
        "resnet",
        width_multipliers,
        cells,
        resolution,
        num_classes,
        depths,
        skips,
        widths,
        link_seed=link_seed,
    )


@public
def WideResNet(
    *,
    width_multipliers: Given | None = None,
    cells: Given | None = None,
    resolution: Given = 32,
    num_classes: int | None = None,
    depths: PerCell | None = None,
    skips: PerCell | None = None,
    widths: PerCell | None = None,
    link_seed: int = 0,
) -> SearchSpace:
    """Return a space of basic blocks, pre-activation: a `SearchSpace` of family "wide-resnet".

    The keywords are those of `SearchSpace`. Without arguments: width multipliers 1, 2, 4, 6, 8, 10;
    3 cells of 1 to 6 blocks; residuals of j * ceil(width / 32) channels with j = 0..32;
    CIFAR-sized.
    """
    return SearchSpace(
        "wide-resnet",
        width_multipliers,
        cells,
        resolution,
        num_classes,
        depths,
        skips,
        widths,
        link_seed=link_seed,
    )


@public
def MobileNetV2(
    *,
    width_multipliers: Given | None = None,
    cells: Given | None = None,
    resolution: Given = 32,
    num_classes: int | None = None,
    depths: PerCell | None = None,
    skips: PerCell | None = None,
    widths: PerCell | None = None,
    expansions: PerCell | None = None,
    kernels: PerCell | None = None,
    link_seed: int = 0,
) -> SearchSpace:
    """Return a space of inverted residuals: a `SearchSpace` of family "mobilenet-v2".

    The keywords are those of `SearchSpace`. Without arguments: width multipliers 0.5 to 1.5 in
    steps of 0.25; 7 stages of 1 to 4 blocks, each with its expansion (2, 3, 4, 6), its kernel
    (3, 5, 7) and whole residuals or none; CIFAR-sized.
    """
    return SearchSpace(
        "mobilenet-v2",
        width_multipliers,
        cells,
        resolution,
        num_classes,
        depths,
        skips,
        widths,
        expansions,
        kernels,
        link_seed=link_seed,
    )


_families: dict[str, SearchSpace] = {}


def family_space(family: str) -> SearchSpace:
    """Return the default space of a family, made once."""
    if family not in _families:
        _families[family] = SearchSpace(family)
    return _families[family]
