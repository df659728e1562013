"""What the rows of a `BlockSpace`'s tables are made of: blocks in context, added up row by row.

A *context* is a block behind the one before it: what a runtime makes of a block's first rows may
depend on the row before them (a norm of its own or a folded one), and so does its memory. Each
distinct pair is made once, and whatever is counted of it, its parameters or its costs on a target,
is a vector; a table's row is the sum of the vectors of its blocks (of peaks the maximum).
"""

from __future__ import annotations

import numpy as np

from ...base.record import Record
from ...errors import ArgumentError
from ...networks.layer import Layer
from ...networks.network import Network
from .fragments import joined

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    import numpy.typing as npt

    from .fragments import Fragment
    from .numbering import Cell
    from .space import BlockSpace

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

__all__ = ["Context", "Recipe", "alike", "fragments", "recipe_of", "rows_of_cell"]


class Context(Record):
    """A block behind the one before it.

    Parameters
    ----------
    before : Fragment or None
        None where the block reads the image.
    fragment : Fragment
    last : bool
        Whether it ends the network.
    """

    before: Fragment | None
    fragment: Fragment
    last: bool

    @property
    def first(self) -> int:
        """Number of the block's first row in `network`."""
        return 0 if self.before is None else len(self.before.network)

    def network(self, bits: int = 32, tail: bool = False) -> Network:
        """Return both as one network whose input has so many bits; tail: with a row behind them, so
        that none is the last."""
        parts = [] if self.before is None else [(self.before.network, 0)]
        parts.append((self.fragment.network, 1))
        image = parts[0][0].input_shape
        found = joined(parts, image, bits)
        if not tail:
            return found
        channels, height, width = found.layers[-1].shape_out
        row = Layer(
            "act", channels, channels, height, width,
            inputs=(len(found) - 1,), activation="relu", cell=1,
        )  # fmt: skip
        return Network.known((*found.layers, row), image)


class _Spot(Record):
    """A block's place between two widths: which context each option is in.

    contexts: int array (endings before, options), -1 where nothing stands there; endings: the
    number of the ending that each leaves, of those in the next place.
    """

    contexts: Ints
    endings: Ints


class _Between(Record):
    """A cell between the width that it reads and the one that it hands on."""

    spots: tuple[_Spot, ...]
    start: int  # of its rows in the cell's table


class Recipe(Record):
    """How the rows of all tables come about.

    Parameters
    ----------
    contexts : tuple of Context
    cells : tuple of tuple of (Cell, tuple of _Between)
        Of each variant.
    """

    contexts: tuple[Context, ...]
    cells: tuple[tuple[tuple[Cell, tuple[_Between, ...]], ...], ...]


class _Writer:
    """Walks through every variant, and notes what stands where."""

    def __init__(self, space: BlockSpace) -> None:
        self.space, self.numbering = space, space.numbering
        self.contexts: list[Context] = []
        self.known: dict[tuple[Any, ...], int] = {}
        self.made: dict[Any, Any] = {}

    def write(self) -> Recipe:
        cells = tuple(self.variant(number) for number in range(len(self.numbering.layouts)))
        return Recipe(tuple(self.contexts), cells)

    def variant(self, number: int) -> tuple[tuple[Cell, tuple[_Between, ...]], ...]:
        layout = self.numbering.layouts[number]
        # of each width that may be handed on: the shape, and what may have come before
        state: dict[int, tuple[Any, tuple[Fragment | None, ...]]] = {
            self.space.channels: (layout.shape, (None,))
        }
        found = []
        last = len(layout.cells) - 1
        for place, cell in enumerate(layout.cells):
            before = tuple(
                (width, shape, tuple(map(id, some))) for width, (shape, some) in state.items()
            )
            key = (cell, before, place == last)
            known = self.made.get(key)
            if known is None:
                known = self.made[key] = self.cell(cell, state, place == last)
            betweens, state = known
            found.append((cell, betweens))
        return tuple(found)

    def cell(self, cell: Cell, state: Any, last: bool) -> tuple[tuple[_Between, ...], Any]:
        betweens: list[_Between] = []
        after: dict[int, tuple[Any, tuple[Fragment | None, ...]]] = {}
        follows = self.numbering.stages[cell.stage].widths is None
        for into in cell.into:
            shape, before = state[into]
            for width in (into,) if follows else cell.widths:
                spots, handed, endings = self.between(cell, into, width, shape, before, last)
                betweens.append(_Between(spots, len(betweens) * cell.each))
                if width in after:
                    other, some = after[width]
                    if other != handed:
                        raise ArgumentError(
                            f"stage {self.numbering.names[cell.stage]} hands on {other} or "
                            f"{handed}, "
                            "by the width that it reads; it must be one shape"
                        )
                    endings = _union(some, endings)
                after[width] = handed, endings
        return tuple(betweens), after

    def between(
        self,
        cell: Cell,
        into: int,
        width: int,
        shape: Any,
        before: tuple[Fragment | None, ...],
        last: bool,
    ) -> tuple[tuple[_Spot, ...], Any, tuple[Fragment | None, ...]]:
        numbering = self.numbering
        spots: list[_Spot] = []
        ended: tuple[Fragment | None, ...] = ()  # of networks with fewer blocks
        least = min(cell.depths)
        ending = cell.spots[-1] if last else None
        for place, spot in enumerate(cell.spots):
            if place >= least:
                ended = _union(ended, before)
            handed = numbering.shape_after(spot, into, width, shape)
            contexts = np.full((len(before), len(spot.options)), -1, np.int64)
            endings = np.zeros((len(before), len(spot.options)), np.int64)
            next_: tuple[Fragment | None, ...] = ()
            some = [
                numbering.fragment(spot, choice, into, width, shape)
                for choice in range(len(spot.options))
            ]
            for k, one in enumerate(before):
                for choice, fragment in enumerate(some):
                    end = one if fragment is None else fragment
                    next_ = _union(next_, (end,))
                    endings[k, choice] = _at(next_, end)
                    if fragment is not None:
                        contexts[k, choice] = self.context(one, fragment, spot is ending)
            spots.append(_Spot(contexts, endings))
            before, shape, into = next_, handed, width
        return tuple(spots), shape, _union(ended, before)

    def context(self, before: Fragment | None, fragment: Fragment, last: bool) -> int:
        key = (id(fragment.network), id(before and before.network), fragment.name, last)
        if key not in self.known:
            self.known[key] = len(self.contexts)
            self.contexts.append(Context(before, fragment, last))
        return self.known[key]


def _ending(fragment: Fragment | None) -> Any:
    return None if fragment is None else fragment.ending


def _at(some: Sequence[Fragment | None], one: Fragment | None) -> int:
    return [_ending(other) for other in some].index(_ending(one))


def _union(
    some: tuple[Fragment | None, ...], others: tuple[Fragment | None, ...]
) -> tuple[Fragment | None, ...]:
    """Return those that end differently: one stands for all that end alike."""
    known = [_ending(one) for one in some]
    for one in others:
        if _ending(one) not in known:
            known.append(_ending(one))
            some = (*some, one)
    return some


def _behind(context: Context) -> str:
    return "the input" if context.before is None else context.before.name


def recipe_of(space: BlockSpace) -> Recipe:
    """Return how a space's tables come about: made once, then kept with it."""
    found: Recipe | None = space.__dict__.get("_recipe")
    if found is None:
        found = space.__dict__["_recipe"] = _Writer(space).write()
    return found


def fragments(space: BlockSpace) -> list[Fragment]:
    """Return the distinct blocks of a space."""
    found: dict[int, Fragment] = {}
    for one in recipe_of(space).contexts:
        found.setdefault(id(one.fragment.network), one.fragment)
    return list(found.values())


def rows_of_cell(
    recipe: Recipe, variant: int, place: int, values: Floats, peaks: int | None, what: str
) -> Floats:
    """Return what each table row of a cell adds up to, shape (rows, numbers).

    Parameters
    ----------
    values : array, shape (contexts, numbers)
    peaks : int or None
        The number that is a maximum and no sum.
    what : str
        What the numbers are, for the error.

    Raises
    ------
    ArgumentError
        If a block's numbers depend on what the cell before it ends with, and that differs.
    """
    cell, betweens = recipe.cells[variant][place]
    table = cell.table
    padded = np.vstack([values, np.zeros(values.shape[1])])  # -1: nothing
    found = np.zeros((len(betweens) * cell.each, values.shape[1]))
    for between in betweens:
        own = found[between.start : between.start + cell.each]
        at = np.zeros(cell.each, np.int64)
        for k, spot in enumerate(between.spots):
            if k == 0:
                alike(recipe, spot, padded, what)
            choice = table[:, 1 + k]
            there = choice >= 0
            which = np.where(there, spot.contexts[at, np.maximum(choice, 0)], -1)
            more = padded[which]
            if peaks is not None:
                most = np.maximum(own[:, peaks], more[:, peaks])
            own += more
            if peaks is not None:
                own[:, peaks] = most
            at = np.where(there, spot.endings[at, np.maximum(choice, 0)], 0)
    return found


def alike(recipe: Recipe, spot: _Spot, values: Floats, what: str) -> None:
    """Check that a cell's first block has the same numbers behind whatever may stand before it."""
    first = values[spot.contexts[:1]]
    wrong = np.argwhere((values[spot.contexts] != first).any(axis=2))
    if len(wrong):
        k, choice = map(int, wrong[0])
        one, other = (recipe.contexts[int(spot.contexts[n, choice])] for n in (0, k))
        raise ArgumentError(
            f"{what} of {one.fragment.name} depend on what stands before it: behind "
            f"{_behind(one)} they are others than behind {_behind(other)}. Options of a stage must "
            "end alike (all in an addition, or all in a convolution) where the next stage's first "
            "block begins with a norm; and a network whose first blocks may all be skipped needs a "
            "stem"
        )
