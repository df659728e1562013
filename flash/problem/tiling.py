"""A space on a target with the models of several tiles (see `Target.with_tiles`).

The tables of a compiled problem have one set of links, so a space whose networks fall under several
tiles is solved in parts: disjoint products of choices, which together are the space, each with the
model of its tile. What is charged row by row (`evaluate`, a sweep's rows) reads the tables of the
whole space on each tile, and takes each row from those of its own.
"""

from __future__ import annotations

from ..base.names import N_METRICS, Metric
from ..base.record import Record, cached
from ..errors import ArgumentError
from ..hardware.target import KINDS, Target
from ..networks.families import default_width
from ..spaces.index import COUNT, GLOBALS, digits_of, row_of, rows_of
from ..spaces.space import SearchSpace
from .compiling import MACS, PARAMS, Problem, compile_problem, facts_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any, TypeAlias

    from numpy.typing import NDArray

    from ..predictors.predictor import AccuracyPredictor

    Numbers: TypeAlias = Sequence[int]
    Box: TypeAlias = tuple[Numbers, Numbers, Numbers, bool]

__all__ = ["Part", "Tiled", "order_of", "parts_of"]


class Part(Record):
    """A part of a space, all of whose networks are given the same tile.

    Parameters
    ----------
    space : SearchSpace
        The part, a space of its own.
    target : Target
        That of the tile alone.
    numbers : tuple of sequences of int
        For each variable of the part, the whole space's number of each choice, rising.
    length : int
        Variables of the whole space.
    """

    space: SearchSpace
    target: Target
    numbers: tuple[Numbers, ...]
    length: int

    def row(self, own: Sequence[int]) -> tuple[int, ...]:
        """Return a row of choice indices of the part as the whole space's."""
        used = GLOBALS + int(self.space.cells[own[COUNT]]) * self.space.variables_per_cell
        found = [numbers[k] for numbers, k in zip(self.numbers, own[:used], strict=False)]
        return (*found, *[0] * (self.length - used))

    def rows(self, own: NDArray[Any]) -> NDArray[Any]:
        """Return the same of many, shape (n, variables)."""
        import numpy as np

        found: NDArray[Any] = np.zeros((len(own), self.length), np.int64)
        for k, numbers in enumerate(self.numbers):
            found[:, k] = np.array(numbers)[own[:, k]]
        counts = np.array([int(one) for one in self.space.cells])[own[:, COUNT]]
        used = GLOBALS + counts * self.space.variables_per_cell
        found[np.arange(self.length) >= used[:, None]] = 0
        return found


def parts_of(space: SearchSpace, target: Target) -> tuple[Part, ...]:
    """Return the parts of a space by tile."""
    if space.numbering is not None:
        from ..hardware.tiles import several

        raise ArgumentError(
            f"target must have the model of one tile for a space of blocks, got {target.name!r}, "
            f"which has those of {several(target)} cells: use target.on_tile("
            f"{next(iter(target._by_tile))})"
        )
    kept = space.__dict__.get("_by_tile")
    if kept is None:
        kept = space.__dict__["_by_tile"] = tuple(_split(space, KINDS[target.kind]))
    return tuple(
        Part(own, target.on_tile(side), numbers, len(space.lengths)) for own, numbers, side in kept
    )


class Tiled(Record):
    """A space on a target of several tiles: what stands for a `Problem` of it.

    Parameters
    ----------
    space : SearchSpace
    target : Target
    predictor : AccuracyPredictor or None
    extra : int
        Columns beyond the score and the target's costs, as bits.
    """

    space: SearchSpace
    target: Target
    predictor: AccuracyPredictor | None = None
    extra: int = PARAMS | MACS

    @cached
    def parts(self) -> tuple[tuple[Part, Problem], ...]:
        """The parts of the space, each compiled with the model of its tile."""
        return tuple(
            (part, compile_problem(part.space, part.target, self.predictor, self.extra))
            for part in parts_of(self.space, self.target)
        )

    @cached
    def wholes(self) -> dict[int, Problem]:
        """The whole space on each tile that a part of it has."""
        found = {}
        for part in parts_of(self.space, self.target):
            side = int((part.target.parameters or {})["tile"])
            if side not in found:
                found[side] = compile_problem(self.space, part.target, self.predictor, self.extra)
        return found

    @property
    def tables(self) -> Any:
        """Tables of the whole space on some tile: of them only what is no cost may be read."""
        return next(iter(self.wholes.values())).tables

    @property
    def of_degrees(self) -> bool:
        """Whether scores are NN-Degrees: as `Problem.of_degrees`."""
        return self.predictor is None or self.predictor.topology is None

    @cached
    def plain(self) -> Problem:
        """The problem without its predictor, on some tile: its scores are NN-Degrees."""
        target = parts_of(self.space, self.target)[0].target
        return compile_problem(self.space, target, None, PARAMS | MACS)

    @cached
    def layout(self) -> tuple[int, ...]:
        """Cells per variant."""
        space = self.space
        counts = [int(count) for count in space.cells for _ in space.resolution]
        return tuple(counts * len(space.factors))

    @cached
    def _sizes(self) -> tuple[int, ...]:
        """The space's own rows of each cell."""
        found = []
        for variables in self.space.cell_choices:
            size = 1
            for one in variables:
                size *= len(one)
            found.append(size)
        return tuple(found)

    def own_rows(self, variant: int, rows: Sequence[int]) -> tuple[int, ...]:
        """Return the space's own row of each cell for a table row per cell."""
        del variant  # all have the same choices
        return tuple([row % size for row, size in zip(rows, self._sizes, strict=False)])

    def row(self, variant: int, rows: Sequence[int]) -> tuple[int, ...]:
        """Return the space's row of choice indices for a variant and a table row per cell."""
        return row_of(self.space, variant, self.own_rows(variant, rows))

    def facts(self, variant: int, rows: Sequence[int]) -> dict[str, Any]:
        """Return what a network is beside its costs, as `Problem.facts`."""
        target = parts_of(self.space, self.target)[0].target
        model = target.model(self.space.family)
        return facts_of(self.space.core_plan, model, variant, rows)

    def place(self, part: Part, problem: Problem, point: Any) -> Any:
        """Return (variant, rows, ...) of a part's tables as the whole space's: rows its own."""
        variant, rows, *rest = point
        own = row_of(part.space, variant, problem.own_rows(variant, rows))
        return (*rows_of(self.space, part.row(own)), *rest)

    def sides(self, variants: Any, rows: Any) -> NDArray[Any]:
        """Return the side of the tile of each configuration, given by its place in tables."""
        import numpy as np

        space, kind = self.space, KINDS[self.target.kind]
        lengths = space.lengths[:GLOBALS]
        globals_ = [tuple(digits_of(v, lengths)) for v in range(len(self.layout))]
        if space.widths is None:
            narrow = np.array([_is_narrow(space, kind, *one) for one in globals_])[variants]
        else:
            of_cells = [_narrow_cells(space, kind, size) for _, _, size in globals_]
            may = np.array([one is not None for one in of_cells])
            narrow = may[variants]
            some = next((one for one in of_cells if one is not None), ())
            cells = np.array(self.layout)[variants]
            for c, own in enumerate(some):
                width = rows[:, c] % self._sizes[c] // (self._sizes[c] // len(own))
                narrow = narrow & (np.array(own)[width] | (cells <= c))
        sides: NDArray[Any] = np.where(narrow, kind.side_of(True), kind.side_of(False))
        return sides

    def metrics(self, variants: Any, rows: Any) -> list[Any]:
        """Return the metrics of configurations, given by their places in the whole space's tables,
        in the core's order, each by the model of its tile."""
        import numpy as np

        from .._core.costing import batch

        sides = self.sides(variants, rows)
        found: list[Any] = [np.empty(len(variants)) for _ in range(N_METRICS)]
        for side in np.unique(sides).tolist():
            at = np.flatnonzero(sides == side)
            own: Any = np.ascontiguousarray(rows[at])
            values = batch.evaluate(self.wholes[side].tables, variants[at], own)
            for column, one in zip(found, values, strict=True):
                column[at] = one
        return found


def order_of(value: float, metrics: Sequence[float], row: Sequence[int]) -> tuple[Any, ...]:
    """Return the key that sorts answers best first, as flash_precedes in the core's problem.h."""
    return (-value, *metrics[Metric.ALL_COSTS], -metrics[Metric.SCORE], tuple(row))


def _split(space: SearchSpace, kind: Any) -> Iterator[tuple[SearchSpace, tuple[Numbers, ...], int]]:
    """Yield (part, numbers, side of its tile): see `Part`.

    Fixed widths follow from the global choices, which are parted into boxes. Free widths are parted
    by the first cell that is too wide for the smaller tile: no network is in two of these parts.
    """
    lengths = space.lengths[:GLOBALS]
    if space.widths is None:
        for *whole, narrow in _boxes(lengths, lambda *at: _is_narrow(space, kind, *at)):
            yield (*_part(space, whole), kind.side_of(narrow))
        return
    for factors, counts, sizes, wide in _boxes(
        lengths, lambda _f, _c, size: _narrow_cells(space, kind, size) is None
    ):
        cells = None if wide else _narrow_cells(space, kind, sizes[0])
        if cells is None:
            yield (*_part(space, (factors, counts, sizes)), kind.side_of(False))
            continue
        every = [range(len(own)) for own in cells]
        fits = [[k for k, one in enumerate(own) if one] for own in cells]
        too_wide = [[k for k, one in enumerate(own) if not one] for own in cells]
        for first in range(len(cells) + 1):  # the first cell that is too wide; the last: none is
            widths = [*fits[:first], *too_wide[first : first + 1], *every[first + 1 :]]
            own_counts = [
                count
                for count in counts
                if (first < int(space.cells[count]) or first == len(cells))
                and all(widths[: int(space.cells[count])])
            ]
            if own_counts:
                box = (factors, own_counts, sizes)
                yield (*_part(space, box, widths), kind.side_of(first == len(cells)))


def _is_narrow(space: SearchSpace, kind: Any, factor: int, count: int, size: int) -> bool:
    """Whether a variant of fixed widths is given the smaller tile."""
    imagenet = space.resolution[size] > 64
    widths = [
        default_width(space.family, space.factors[factor], cell, imagenet)
        for cell in range(int(space.cells[count]))
    ]
    narrow = kind.narrow_widths(space.family, widths, space.classes, imagenet)
    return narrow is not None and all(narrow)


def _narrow_cells(space: SearchSpace, kind: Any, size: int) -> list[list[bool]] | None:
    """Return for each cell of free widths which of them go with the smaller tile; None where no
    network at this resolution has it."""
    imagenet = space.resolution[size] > 64
    cells = [
        kind.narrow_widths(space.family, [int(one) for one in own], space.classes, imagenet)
        for own in space.widths or ()
    ]
    return None if any(one is None for one in cells) else cells


def _boxes(lengths: Sequence[int], of: Callable[..., bool]) -> Iterator[Box]:
    """Yield the boxes of global choices that are alike: (numbers of factors, of counts, of sizes,
    what `of` says of them)."""
    factors, counts, sizes = (range(length) for length in lengths)
    by_factor: dict[Any, list[int]] = {}
    for f in factors:
        said = tuple([tuple([of(f, c, s) for s in sizes]) for c in counts])
        by_factor.setdefault(said, []).append(f)
    for said, own_factors in by_factor.items():
        by_count: dict[Any, list[int]] = {}
        for c in counts:
            by_count.setdefault(said[c], []).append(c)
        for row, own_counts in by_count.items():
            by_size: dict[bool, list[int]] = {}
            for s in sizes:
                by_size.setdefault(row[s], []).append(s)
            for value, own_sizes in by_size.items():
                yield own_factors, own_counts, own_sizes, value


def _part(
    space: SearchSpace, box: Sequence[Numbers], widths: Sequence[Numbers] | None = None
) -> tuple[SearchSpace, tuple[Numbers, ...]]:
    """Return a part of a space, and the whole's numbers of its choices, by variable."""
    factors, counts, sizes = box
    most = max(int(space.cells[count]) for count in counts)
    numbers: list[Numbers] = [factors, counts, sizes]
    for cell, variables in enumerate(space.cell_choices[:most]):
        numbers += [range(len(one)) for one in variables]
        if widths is not None:
            numbers[-len(variables)] = widths[cell]
    if [len(one) for one in numbers] == list(space.lengths):
        return space, tuple(numbers)
    changes: dict[str, Any] = {
        "cells": tuple([space.cells[k] for k in counts]),
        "resolution": tuple([space.resolution[k] for k in sizes]),
    }
    if space.width_multipliers is not None:
        changes["width_multipliers"] = tuple([space.factors[k] for k in factors])
    for name in ("widths", "depths", "skips", "expansions", "kernels"):
        known = getattr(space, name)
        if known is not None:
            changes[name] = known[:most]
    if widths is not None and space.widths is not None:
        changes["widths"] = tuple(
            [tuple([space.widths[cell][k] for k in widths[cell]]) for cell in range(most)]
        )
    return space.replace(**changes), tuple(numbers)
