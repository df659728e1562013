"""PNASCells: the cell space of PNAS (Liu et al., arXiv 1712.00559, ECCV 2018).

Order of the variables: number of blocks; then for each block its two inputs and its two operators.
Entries of surplus blocks are 0 and count nothing. In rows (not in flat indices) the first entry may
go on beyond the choices of `blocks`: these are *steps*, smaller cells that PNAS evaluates on its
way, which are no part of the space.
"""

from __future__ import annotations

from ..base.checks import choice, faults, integer, is_list, items, public, shown
from ..base.checks import text as any_text
from ..base.record import cached
from ..errors import ArgumentError, ArgumentTypeError, FormatError
from ..networks.cell_networks import (
    MAX_BLOCKS,
    OPERATORS,
    SIZES,
    CellNetwork,
    canonical_codes,
    further,
)
from .choices import parse, plain
from .index import digits_of, number_of
from .network_space import NetworkSpace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, Self

    import numpy as np
    from numpy.typing import NDArray

    from ..base.plain import Check
    from ..networks.network import Network
    from .choices import Choices, Range

    Codes = tuple[tuple[int, int], ...]

__all__ = ["PNASCells"]

STACKED = ("repeats", "filters", "resolution", "num_classes", "stem", "factorised")


@public
class PNASCells(NetworkSpace[CellNetwork]):
    """Cells of blocks: each adds two operators' results, inputs growing with the block.

    Block b (from 0) reads two of b + 2 values (the two previous cells, the blocks before it) by two
    of eight operators, so five blocks give 256 * 576 * 1024 * 1600 * 2304 = 556,627,761,561,600
    cells, equal ones counted as often as they are written. One block gives 256, of which 136
    differ.

    Parameters
    ----------
    blocks : int, list or Range, default 5
        Blocks of a cell, 1 to 8. Where there are several choices the cell may have any of them.
    repeats, filters, resolution, num_classes, stem, factorised
        Of the networks: see `CellNetwork`. The defaults are the paper's proxy on CIFAR-10;
        `preset` gives its other sizes.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        If an argument is not accepted; the message names it.

    Notes
    -----
    The operators and the growth of the inputs are known from the released code and notes on the
    paper; that equal cells are told by their graph is a reconstruction.
    """

    lengths: tuple[int, ...]
    variables: tuple[str, ...]
    groups: tuple[tuple[int, ...], ...]
    repeats: int
    filters: int
    resolution: int
    num_classes: int
    stem: int | None
    factorised: bool

    family = "pnas"

    def __init__(
        self,
        blocks: int | Sequence[int] | Range = 5,
        repeats: int = 2,
        filters: int = 24,
        resolution: int = 32,
        num_classes: int = 10,
        stem: int | None = None,
        factorised: bool = False,
    ) -> None:
        self.blocks: Choices = parse("blocks", blocks, 1, MAX_BLOCKS)
        usual = CellNetwork(
            ((0, 0, 4, 4),), repeats, filters, resolution, num_classes, stem, factorised
        )
        for name in STACKED:
            setattr(self, name, getattr(usual, name))
        self.most: int = max(int(count) for count in self.blocks)
        lengths: list[int] = [len(self.blocks)]
        names = ["blocks"]
        for block in range(self.most):
            lengths += [block + 2, block + 2, len(OPERATORS), len(OPERATORS)]
            names += [f"{kind}_{block}" for kind in ("input_1", "input_2", "op_1", "op_2")]
        self.lengths, self.variables = tuple(lengths), tuple(names)
        starts = range(1, len(lengths), 4)
        self.groups = (
            (0,),
            *(tuple(range(start, start + 4)) for start in starts),
        )

    @classmethod
    def preset(cls, size: str, blocks: int | Sequence[int] | Range = 5) -> Self:
        """Return the space of networks of one of the paper's sizes.

        Parameters
        ----------
        size : {"large", "mobile", "cifar", "proxy"}
            As `CellNetwork.pnasnet5` has them; "proxy" is the default space.
        blocks : int, list or Range, default 5

        Raises
        ------
        ArgumentError, ArgumentTypeError
            If an argument is not accepted; the message names it.
        """
        return cls(blocks, **SIZES[choice("size", size, SIZES)])

    def options(self) -> dict[str, Any]:
        """Return the arguments that make an equal space, as plain data."""
        return {
            "blocks": plain(self.blocks),
            "repeats": self.repeats,
            "filters": self.filters,
            "resolution": self.resolution,
            "num_classes": self.num_classes,
            **further(self),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Make a space from plain data; FormatError if a key is unknown or a value not accepted."""
        from ..base.plain import ANY, fields

        where = "the space"
        options: dict[str, Check] = dict.fromkeys(("blocks", *STACKED), ANY)
        given = fields(where, data, options, optional=options, also=("family",))
        with faults(where):
            return cls(**given)

    @cached
    def counts(self) -> tuple[int, ...]:
        """Blocks by the first entry of a row: the choices, then the steps."""
        choices = [int(count) for count in self.blocks]
        return (*choices, *(one for one in range(1, self.most) if one not in choices))

    def is_member(self, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return which rows are in the space: not those of steps."""
        found: NDArray[np.bool_] = rows[:, 0] < len(self.blocks)
        return found

    @cached
    def _cells(self) -> tuple[int, ...]:
        """For each choice of the number of blocks, how many cells there are."""
        counts = [1]
        for block in range(self.most):
            counts.append(counts[-1] * ((block + 2) * len(OPERATORS)) ** 2)
        return tuple(counts[int(count)] for count in self.blocks)

    @property
    def size(self) -> int:
        """How many cells there are as they are written, exactly."""
        return sum(self._cells)

    def row(self, i: int | str | Sequence[int]) -> tuple[int, ...]:
        """Return the row of a flat index, of a name, or of a row (checked; surplus entries 0).

        Raises
        ------
        ArgumentError, ArgumentTypeError
            If it is out of range.
        """
        if isinstance(i, str):
            return self.parse(i)
        if is_list(i):
            given = items("a row", i, 1 << 16)
            first = integer("choice index of blocks", given[0], 0) if given else 0
            if len(self.blocks) <= first < len(self.counts):
                given[0] = 0
            row = (first, *super().row(given)[1:]) if given else super().row(given)
            return (*row[: self._used(row)], *[0] * (len(row) - self._used(row)))
        rest = integer("i", i, 0, self.size - 1)
        choice = 0
        while rest >= self._cells[choice]:
            rest -= self._cells[choice]
            choice += 1
        inner = digits_of(rest, self.lengths[1 : self._used([choice])])
        return (choice, *inner, *[0] * (len(self.lengths) - 1 - len(inner)))

    def index(self, row: Sequence[int]) -> int:
        """Return the flat index of a row: by the number of blocks, then in lexicographic order.

        Raises
        ------
        ArgumentError, ArgumentTypeError
            If an entry is out of range, or the row is a step: it has no index.
        """
        checked = self.row(row)
        if checked[0] >= len(self.blocks):
            raise ArgumentError(
                f"blocks must be one of {shown(plain(self.blocks))}, got {self.counts[checked[0]]}"
            )
        used = self._used(checked)
        flat: int = number_of(checked[1:used], self.lengths[1:used])
        return sum(self._cells[: checked[0]]) + flat

    def _used(self, row: Sequence[int]) -> int:
        return 1 + 4 * self.counts[row[0]]

    # Cells as the search handles them: two numbers 8 * input + operator per block

    def codes(self, row: Sequence[int]) -> Codes:
        """Return the blocks of a row, each as two numbers ``8 * input + operator``."""
        return tuple(
            (8 * row[at] + row[at + 2], 8 * row[at + 1] + row[at + 3])
            for at in range(1, self._used(row), 4)
        )

    def row_of(self, codes: Codes) -> tuple[int, ...]:
        """Return the row of blocks given by such numbers.

        Raises
        ------
        ArgumentError
            If the space has neither cells nor steps of so many blocks.
        """
        if len(codes) not in self.counts:
            raise ArgumentError(
                f"blocks must be one of {shown(plain(self.blocks))}, got {len(codes)}"
            )
        row = [self.counts.index(len(codes))]
        for x, y in codes:
            row += [x >> 3, y >> 3, x & 7, y & 7]
        return (*row, *[0] * (len(self.lengths) - len(row)))

    def canonical(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the rows of the canonical forms of cells: see `cell_networks.canonical`."""
        import numpy as np

        found = [self.row_of(canonical_codes(self.codes(row))) for row in rows.tolist()]
        return np.array(found, dtype=np.int64).reshape(-1, len(self.lengths))

    # Networks

    def decode(self, i: int | str | Sequence[int]) -> CellNetwork:
        """Return the network of a flat index in [0, size), a row of choice indices, or a name.

        Raises
        ------
        ArgumentError, ArgumentTypeError
            If it is out of range.
        """
        blocks = [
            (x >> 3, y >> 3, OPERATORS[x & 7], OPERATORS[y & 7]) for x, y in self.codes(self.row(i))
        ]
        return CellNetwork(blocks, *self._stacked)

    @property
    def _stacked(self) -> tuple[Any, ...]:
        return tuple(getattr(self, name) for name in STACKED)

    def encode(self, network: CellNetwork) -> tuple[int, ...]:
        """Return the row of choice indices of a network, as it is written.

        Raises
        ------
        ArgumentError, ArgumentTypeError
            If it is not in the space; the message says why.
        """
        if not isinstance(network, CellNetwork):
            raise ArgumentTypeError(f"network must be a CellNetwork, got {shown(network)}")
        for name in STACKED:
            mine, other = getattr(self, name), getattr(network, name)
            if mine != other:
                raise ArgumentError(f"{name} of the space is {mine!r}, got {other!r}")
        if len(network.blocks) not in self.blocks:
            raise ArgumentError(
                f"blocks must be one of {shown(plain(self.blocks))}, got {len(network.blocks)}"
            )
        number = {name: place for place, name in enumerate(OPERATORS)}
        return self.row_of(
            tuple((8 * a + number[p], 8 * b + number[q]) for a, b, p, q in network.blocks)
        )

    def network(self, row: Sequence[int]) -> Network:
        """Return the layers of the network of a row of choice indices."""
        return self.decode(row).network()

    def sample(self, n: int, seed: int = 0) -> list[CellNetwork]:
        """Return networks of `n` distinct flat indices; two of them may be equal cells."""
        return [self.decode(i) for i in map(int, self.sample_indices(n, seed))]

    def name(self, row: Sequence[int]) -> str:
        """Return the text of a cell: "0.sep5x5+0.max3x3|1.sep7x7+1.max3x3" (input.operator)."""
        return "|".join(
            f"{x >> 3}.{OPERATORS[x & 7]}+{y >> 3}.{OPERATORS[y & 7]}"
            for x, y in self.codes(self.row(row))
        )

    def parse(self, name: str) -> tuple[int, ...]:
        """Return the row of a cell's text; FormatError where it is none of this space."""
        blocks: list[Any] = []
        try:
            for text in any_text("name", name).split("|"):
                (a, p), (b, q) = (half.split(".", 1) for half in text.split("+", 1))
                blocks.append((int(a), int(b), p, q))
            return self.encode(CellNetwork(blocks, *self._stacked))
        except ValueError as error:  # flash's own are ValueErrors too, and say more
            why = f": {error}" if isinstance(error, ArgumentError) else ""
            raise FormatError(f"{shown(name)} is no cell of {self!r}{why}") from None
