"""The networks that may be trained next: all of a space, those of a list, or a pool of good ones.

Of a space too large to look at each network, the exact solver gives the best by what is additive in
the model, its mean and functions drawn from it (`Process.values`, `Process.draw`): each proven the
best of the whole space within the budgets. Their neighbours and those of the best trained are
looked at too, in `proposing`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .._core.search.exact import Query, Search
from ..base.names import NO_LINK, Column
from ..base.record import Record
from ..networks.architecture import Architecture, Cell
from ..networks.families import residual_blocks
from ..spaces.codec import cell_at
from ..spaces.index import COUNT, FACTOR, GLOBALS, RESOLUTION, choices_at, number_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from numpy.typing import NDArray

    from ..solving.ground import Ground, TableGround
    from .encoding import Encoding

    Floats = NDArray[np.float64]
    Rows = NDArray[np.int64]

__all__ = ["Solver", "listed", "neighbours", "representatives", "unique", "whole"]

LOOKED_AT = 1 << 18  # rows of a space that are all looked at
UNIT = 2.0**-36  # of scores in tables
LEAVES = 5_000  # for one function, of which a proof takes a hundred: else the best until then


def whole(ground: Ground) -> Rows | None:
    """Return every network of a ground once, None where there are too many to look at."""
    space = ground.space
    kept = space.__dict__.get("_all_rows")
    if kept is not None:
        return kept  # type: ignore[no-any-return]
    size = 1
    for length in ground.lengths.tolist():
        size *= int(length)
        if size > LOOKED_AT:
            return None
    rows = np.stack(np.unravel_index(np.arange(size), ground.lengths.tolist()), 1)
    rows = unique(ground.canonical(rows.astype(np.int64).reshape(size, len(ground.lengths))))
    member = ground.is_member(rows)
    found = rows if member is None else rows[member]
    space.__dict__["_all_rows"] = found
    return found


def unique(rows: Rows) -> Rows:
    """Return each row once, in lexicographic order."""
    order = np.lexsort(rows.T[::-1])
    rows = rows[order]
    kept = np.ones(len(rows), dtype=np.bool_)
    kept[1:] = (rows[1:] != rows[:-1]).any(axis=1)
    return rows[kept]


def neighbours(ground: Ground, rows: Rows, rng: np.random.Generator, most: int) -> Rows:
    """Return networks that differ from rows in one choice: all, or `most` drawn of them."""
    lengths = ground.lengths
    each = int((lengths - 1).sum())
    total = each * len(rows)
    picks = np.arange(total) if total <= most else np.sort(rng.choice(total, most, replace=False))
    parent, step = picks // max(1, each), picks % max(1, each)
    ends = np.cumsum(lengths - 1)
    variable = np.searchsorted(ends, step, side="right")
    value = step - (ends - (lengths - 1))[variable]
    found = rows[parent].copy()
    own = found[np.arange(len(found)), variable]
    found[np.arange(len(found)), variable] = value + (value >= own)
    return unique(ground.canonical(found))


def representatives(ground: Ground, rows: Rows) -> Rows:
    """Return for each row one that all rows of the same network share.

    In the families several rows of choices may describe one network: skips beyond what a cell's
    layers can take saturate, and a cell without layers that take any has none. Of those the first
    choice stands for all. (Width multipliers that round to the same widths are told apart.)
    """
    rows = ground.canonical(rows)
    space = ground.space
    if not ground.tabled or ground.designs or space.numbering is not None:
        return rows
    kept: dict[tuple[int, int], int] = ground.__dict__.setdefault("_first_skips", {})
    each, free = space.variables_per_cell, space.widths is not None
    counts = np.array(space.cells)[rows[:, COUNT]]
    found = rows.copy()
    for cell, start in enumerate(range(GLOBALS, rows.shape[1], each)):
        # what a cell's residuals depend on: its own choices, and the width that comes in
        places = [*range(GLOBALS), *([start - each] if free and cell else [])]
        places += range(start, start + each)
        keys = number_of(list(rows[:, places].T), [int(ground.lengths[k]) for k in places])
        _, first, which = np.unique(keys, return_index=True, return_inverse=True)
        skips = start + free + 1
        values = np.empty(len(first), dtype=np.int64)
        for number, at in enumerate(first.tolist()):
            key = (cell, int(keys[at]))
            if key not in kept:
                kept[key] = (
                    _first_skips(space, rows[at].tolist(), cell, skips)
                    if counts[at] > cell
                    else int(rows[at, skips])
                )
            values[number] = kept[key]
        found[:, skips] = values[which.ravel()]
    return found


def _first_skips(space: Any, row: list[int], cell: int, place: int) -> int:
    """Return the first choice of a cell's skips with which a row describes the same network."""
    own = _effective_skips(space, row, cell)
    for choice in range(row[place]):
        if _effective_skips(space, [*row[:place], choice, *row[place + 1 :]], cell) == own:
            return choice
    return row[place]


def _effective_skips(space: Any, row: list[int], cell: int) -> int:
    """Return how many channels a cell's skips carry at most."""
    factor, size = row[FACTOR], int(space.resolution[row[RESOLUTION]])
    each = space.variables_per_cell
    cells = [
        Cell(*cell_at(space, factor, size, c, row[start : start + each]))
        for c, start in enumerate(range(GLOBALS, GLOBALS + (cell + 1) * each, each))
    ]
    own = cells[cell]
    if space.family == "densenet":
        return min(own.skips, own.width * max(0, own.depth - 2))
    arch = Architecture(space.family, cells, resolution=size)
    return min(own.skips, own.width) if len(residual_blocks(arch, cell)) else 0


class Solver:
    """The exact solver on a space's tables, with a function of a network's values as its score.

    Logarithms of MACs and parameters are taken as linear near a network: totals that add up are
    proven in a millisecond, and those of logarithms in fifty.

    Parameters
    ----------
    ground : TableGround
    encoding : Encoding
    limits : sequence of float
        Budgets in the core's order.
    near : float64 array, shape (2,)
        MACs and parameters of that network.

    Attributes
    ----------
    rows : int
        Rows of all tables: what one function takes time for.
    """

    def __init__(
        self, ground: TableGround, encoding: Encoding, limits: Sequence[float], near: Floats
    ) -> None:
        self.ground, self.encoding, self.near = ground, encoding, near
        self.limits = list(limits)
        self._tables = _tables_of(ground, encoding)
        self.rows: int = sum(len(cell.macs) for variant in self._tables for cell in variant.cells)

    def best(self, of_values: Floats, of_sizes: Floats) -> Rows | None:
        """Return the network with the largest sum of its values and sizes, shape (1, variables).

        None where no network meets the budgets, or none was found in time.

        Parameters
        ----------
        of_values : float64 array, shape (width,)
        of_sizes : float64 array, shape (2,)
            Factors of the logarithms of MACs and parameters.
        """
        problem = self.ground.problem
        macs, params = (of_sizes / self.near).tolist()
        column: list[list[Floats]] = []
        for variant in self._tables:
            start = float(of_values[variant.first].sum())
            own = []
            for c, cell in enumerate(variant.cells):
                values = np.zeros(len(cell.codes[0]))
                for codes in cell.codes:
                    values += of_values[codes]
                values += macs * cell.macs + params * cell.params - start * (c > 0)
                own.append(np.ascontiguousarray(np.rint(values / UNIT)))
            column.append(own)
        links = dict(problem.model.links, score=NO_LINK, logs=(0.0, 0.0))
        tables = problem.tables.with_columns({Column.SCORE: column}, links)  # type: ignore[dict-item]
        core = Search(tables, Query(self.limits, -np.inf, None), max_leaves=LEAVES)
        core.prove()
        if core.best is None:
            return None
        variant_number, rows = core.best[:2]
        return np.array([problem.row(variant_number, rows)], dtype=np.int64)


class _Cell(Record):
    """A cell's rows: the codes of each variable, and what they add to MACs and parameters."""

    codes: list[NDArray[np.int64]]
    macs: Floats
    params: Floats


class _Variant(Record):
    """A variant's cells, and the codes of the network of their first rows."""

    first: NDArray[np.int64]
    cells: list[_Cell]


def _tables_of(ground: TableGround, encoding: Encoding) -> list[_Variant]:
    """Return what tables' rows stand for.

    A row's codes are those of the network that has it and the first row of every other cell; what
    a function of values says of a network is the sum of what it says of these, less the first
    network's for each cell but one.
    """
    problem = ground.problem
    kept = problem.__dict__.get("_suggesting")
    if kept is not None:
        return kept  # type: ignore[no-any-return]
    tables, found = problem.tables, []
    widest = max(len(own) for own in tables.rows)
    for variant, sizes in enumerate(tables.rows):
        cells = []
        for c, size in enumerate(sizes):
            rows = np.zeros((size, widest), dtype=np.int32)
            rows[:, c] = np.arange(size)
            variants = np.full(size, variant, dtype=np.int32)
            choices = choices_at(ground.space, tables.space_rows, variants, rows)
            codes = encoding.codes(choices).astype(np.int64)
            macs, params = (
                np.frombuffer(tables.column(variant, c, k) or bytes(8 * size), dtype=np.float64)
                for k in (Column.MACS, Column.PARAMS)
            )
            cells.append(_Cell(list(np.ascontiguousarray(codes.T)), macs, params))
        first = np.array([column[0] for column in cells[0].codes])
        found.append(_Variant(first, cells))
    problem.__dict__["_suggesting"] = found
    return found


def listed(ground: Ground, rows: Rows, allowed: Callable[[Rows], NDArray[np.bool_]] | None) -> Rows:
    """Return the networks of a list, each once."""
    found = unique(ground.canonical(rows))
    return found if allowed is None else found[allowed(found)]
