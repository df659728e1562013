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
from ..spaces.index import choices_at

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from ..solving.ground import Ground, TableGround
    from .encoding import Encoding

    Floats = NDArray[np.float64]
    Rows = NDArray[np.int64]

__all__ = ["Solver", "neighbours", "unique", "whole"]

LOOKED_AT = 1 << 18  # rows of a space that are all looked at
UNIT = 2.0**-36  # of scores in tables
PROOF_S = 0.05  # for one function: where it is not enough, the best found until then will do


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
    return np.unique(rows, axis=0)


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


class Solver:
    """The exact solver on a space's tables, with a function of a row's values as its score.

    Parameters
    ----------
    ground : TableGround
    encoding : Encoding
    limits : sequence of float
        Budgets in the core's order.
    usual : float64 array, shape (2,)
        What is taken from the logarithms of MACs and parameters,
    scale : float64 array, shape (2,)
        and what they are multiplied with.
    """

    def __init__(
        self,
        ground: TableGround,
        encoding: Encoding,
        limits: Sequence[float],
        scale: Floats,
    ) -> None:
        self.ground, self.encoding, self.scale = ground, encoding, scale
        self.limits = list(limits)
        self._codes = _codes_of_tables(ground, encoding)

    def best(self, of_values: Floats, of_sizes: Floats) -> Rows | None:
        """Return the network with the largest sum of its values and sizes, shape (1, variables).

        None where no network meets the budgets.
        """
        problem = self.ground.problem
        column: list[list[Floats]] = []
        for base, cells in self._codes:
            start = float(of_values[base].sum())
            column.append(
                [
                    _whole_numbers(of_values[codes].sum(axis=1) - start * (c > 0))
                    for c, codes in enumerate(cells)
                ]
            )
        logs = tuple((of_sizes * self.scale).tolist())
        links = dict(problem.model.links, score=NO_LINK, logs=logs)
        tables = problem.tables.with_columns({Column.SCORE: column}, links)  # type: ignore[dict-item]
        core = Search(tables, Query(self.limits, -np.inf, None), time_limit_s=PROOF_S)
        core.prove()
        if core.best is None:
            return None
        variant, rows = core.best[:2]
        return np.array([problem.row(variant, rows)], dtype=np.int64)


def _whole_numbers(values: Floats) -> Floats:
    return np.ascontiguousarray(np.rint(values / UNIT))


def _codes_of_tables(ground: TableGround, encoding: Encoding) -> list[tuple[Rows, list[Rows]]]:
    """Return of each variant the codes of its first network, and of each cell's rows their own.

    A row's codes are those of the network that has it and the first row of every other cell; what
    a function of values says of a network is the sum of what it says of these, less the first
    network's for each cell but one.
    """
    problem = ground.problem
    kept = problem.__dict__.get("_codes")
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
            cells.append(encoding.codes(choices).astype(np.int64))
        found.append((cells[0][0], cells))
    problem.__dict__["_codes"] = found
    return found


def listed(ground: Ground, rows: Rows, allowed: Callable[[Rows], NDArray[np.bool_]] | None) -> Rows:
    """Return the networks of a list, each once."""
    found = unique(ground.canonical(rows))
    return found if allowed is None else found[allowed(found)]
