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

__all__ = [
    "Context",
    "Recipe",
    "check_alike",
    "fragments",
    "recipe_of",
    "rows_of_cell",
    "with_tail",
]


class Context(Record):
    """A block behind the one before it.

    Parameters
    ----------
    before : Fragment or None
        None where the block reads the image.
    fragment : Fragment
    last : bool
        Whether it ends the network.
    inside : bool
        Whether both are of one cell of NN-Degree.
    """

    before: Fragment | None
    fragment: Fragment
    last: bool
    inside: bool = False

    @property
    def first(self) -> int:
        """Number of the block's first row in `network`."""
        return 0 if self.before is None else len(self.before.network)

    def network(self, bits: int = 32) -> Network:
        """Return both as one network whose input has so many bits."""
        parts = [] if self.before is None else [(self.before.network, 0)]
        parts.append((self.fragment.network, 1))
        return joined(parts, parts[0][0].input_shape, bits)


def with_tail(network: Network) -> Network:
    """Return a context's network with a row behind it, so that none of its rows is the last."""
    last = network.layers[-1]
    channels, height, width = last.shape_out
    row = Layer.known(
        kind="act", in_channels=channels, out_channels=channels, height=height, width=width,
        inputs=(len(network) - 1,), activation="relu", cell=1, padding=0,
    )  # fmt: skip
    return Network.known((*network.layers, row), network.input_shape)


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
                        inside = place > 0 and not cell.apart
                        contexts[k, choice] = self.context(one, fragment, spot is ending, inside)
            spots.append(_Spot(contexts, endings))
            before, shape, into = next_, handed, width
        return tuple(spots), shape, _union(ended, before)

    def context(self, before: Fragment | None, fragment: Fragment, last: bool, inside: bool) -> int:
        # only what ends in a concatenation has links into the block behind it
        inside = inside and before is not None and before.ending[0] > 0
        key = (id(fragment.network), id(before and before.network), fragment.name, last, inside)
        if key not in self.known:
            self.known[key] = len(self.contexts)
            self.contexts.append(Context(before, fragment, last, inside))
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
    recipe: Recipe, variant: int, place: int, values: Floats, peaks: int | None
) -> Floats:
    """Return what each table row of a cell adds up to, shape (rows, numbers).

    They are right where `check_alike` finds nothing.

    Parameters
    ----------
    values : array, shape (contexts, numbers)
    peaks : int or None
        The number that is a maximum and no sum.
    """
    cell, betweens = recipe.cells[variant][place]
    padded = np.vstack([values, np.zeros(values.shape[1])])  # -1: nothing
    found = np.zeros((len(betweens) * cell.each, values.shape[1]))
    for between in betweens:
        own = found[between.start : between.start + cell.each]
        (_add_shared if cell.shared else _add_up)(cell, between, padded, peaks, own)
    return found


def _add_up(cell: Cell, between: _Between, values: Floats, peaks: int | None, own: Floats) -> None:
    """Write the rows of a cell whose blocks have a choice each: those of more blocks are made of
    those of fewer, each of which goes on with every option."""
    places, start = {}, 0
    for depth, size in zip(cell.depths, cell.sizes, strict=True):
        places[depth] = slice(start, start + size)
        start += size
    here = np.zeros((1, values.shape[1]))
    at = np.zeros(1, np.int64)
    for depth, spot in enumerate(between.spots, 1):
        which = spot.contexts[at]
        more = values[which]
        most = None if peaks is None else np.maximum(here[:, None, peaks], more[..., peaks])
        more += here[:, None]
        if most is not None:
            more[..., peaks] = most
        here = more.reshape(-1, values.shape[1])
        at = spot.endings[at].ravel()
        if depth in places:
            own[places[depth]] = here


def _add_shared(
    cell: Cell, between: _Between, values: Floats, peaks: int | None, own: Floats
) -> None:
    """Write the rows of a cell whose blocks have one choice."""
    table = cell.table
    at = np.zeros(cell.each, np.int64)
    for k, spot in enumerate(between.spots):
        choice = table[:, 1 + k]
        there = choice >= 0
        which = np.where(there, spot.contexts[at, np.maximum(choice, 0)], -1)
        more = values[which]
        most = None if peaks is None else np.maximum(own[:, peaks], more[:, peaks])
        own += more
        if most is not None:
            own[:, peaks] = most
        at = np.where(there, spot.endings[at, np.maximum(choice, 0)], 0)


def check_alike(
    recipe: Recipe,
    variant: int,
    place: int,
    values: Floats,
    names: Sequence[str],
    near: float = 0.0,
    spot: int = 0,
) -> None:
    """Check that a block has the same numbers behind whatever may stand before it.

    Parameters
    ----------
    values : array, shape (contexts, numbers)
    names : sequence of str
        What the numbers are, for the error.
    near : float, default 0
        Relative difference of numbers that count as the same: of means over paths, which are
        rounded.
    spot : int, default 0
        Number of the block in the cell: rows of the cell stand for the first one alone.

    Raises
    ------
    ArgumentError
        If they differ.
    """
    padded = np.vstack([values, np.zeros(values.shape[1])])
    for between in recipe.cells[variant][place][1]:
        contexts = between.spots[spot].contexts
        first = padded[contexts[:1]]
        wrong = np.argwhere(np.abs(padded[contexts] - first) > near * np.abs(first))
        if not len(wrong):
            continue
        k, choice, number = wrong[0].tolist()
        one, other = (recipe.contexts[int(contexts[n, choice])] for n in (0, k))
        raise ArgumentError(
            f"{names[number]} of {one.fragment.name} depends on what stands before it, and is "
            f"another behind {_behind(one)} than behind {_behind(other)}; let all that can stand "
            "there end alike (in a convolution, in an addition, in a concatenation), or put a "
            "stage of one option between"
        )
