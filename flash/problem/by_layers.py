"""Tables of a family's space for a target that charges layers: see flash/hardware/layers.py.

A cell's row is a sum over its blocks, or layers, and of those few are distinct: each is made once
by the family's own builder, charged by the target, and rows are sums over them. Scores, parameters
and MACs are the core's, which compiles the same plan; the costs are put beside them.
"""

from __future__ import annotations

from .._core.model.compile import compile_tables
from ..base.names import Column
from ..errors import ArgumentError
from ..hardware._layer_costs import LayerCosts
from ..hardware._layer_rows import own_layer, title
from ..networks.architecture import Architecture, Cell
from ..networks.builders import charged_in

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    import numpy as np
    from numpy.typing import NDArray

    from .._core.model.compile import Model
    from .._core.tables.tables import Tables
    from ..hardware.target import Target
    from ..networks.layer import Layer
    from ..networks.operations import Charged
    from ..spaces.space import SearchSpace

    Columns = dict[int, list[list[NDArray[np.float64]]]]
    Vector = NDArray[np.float64]

__all__ = ["layers_of", "tables_of"]

KEPT_BYTES = 64 << 20
COSTS = 1 << Column.LATENCY | 1 << Column.ENERGY | 1 << Column.AREA

_kept: list[tuple[Target, Any, Columns]] = []  # the last ones used come first


def tables_of(
    space: SearchSpace,
    target: Target,
    model: Model,
    wanted: int,
    link: tuple[int, float, float, float],
    terms: Sequence[float] | None,
) -> Tables:
    """Return the tables of a space; wanted, link, terms: as `compile_tables` takes them.

    Raises
    ------
    ArgumentError
        If the target has no cost for layers of the space: how many, and which.
    """
    columns = _columns(space, target)
    base = compile_tables(space.core_plan, model, wanted & ~COSTS, link, terms)
    links = dict(model.links, score=link)
    if terms is not None:
        links["logs"] = tuple(terms[1:3])
    asked: Any = {k: one for k, one in columns.items() if wanted >> k & 1}
    return base.with_columns(asked, links)


def _columns(space: SearchSpace, target: Target) -> Columns:
    """Return the cost columns of a space, kept by what space and target are."""
    key = space.plan()
    for place, (owner, plan, found) in enumerate(_kept):
        if plan == key and owner.table == target.table:
            _kept.insert(0, _kept.pop(place))
            return found
    made = Making(space, target.table)
    columns = made.columns()
    if made.lacking:
        count = len(set(map(title, made.lacking)))
        raise ArgumentError(
            f"space has {count:,} layer{'s' * (count > 1)} for which {target.name} has no cost: "
            f"{target.table.why_lacking(made.lacking)}"
        )
    if _bytes(columns) <= KEPT_BYTES:
        _kept.insert(0, (target, key, columns))
        while sum(_bytes(one) for _, _, one in _kept) > KEPT_BYTES:
            _kept.pop()
    return columns


def _bytes(columns: Columns) -> int:
    every = {id(one): one.nbytes for column in columns.values() for own in column for one in own}
    return sum(every.values())


class Making:
    """Cost columns while they are made."""

    def __init__(self, space: SearchSpace, table: LayerCosts) -> None:
        self.table = table
        self.lacking: list[Layer] = []
        self.family = space.family
        self.space = space
        beside = table.constants()
        self.beside = [beside.get(table.column(metric), 0.0) for metric in table.metrics]

    def columns(self) -> Columns:
        """Return the columns: for each variant, for each cell, a number for each row."""
        import numpy as np

        numbers = [self.table.column(metric) for metric in self.table.metrics]
        result: Columns = {number: [] for number in numbers}
        whole: dict[Any, list[Vector]] = {}
        _, classes, variants = self.space.plan()
        for _, resolution, cells in variants:
            rows: list[list[Vector]] = [[] for _ in numbers]
            for c, cell in enumerate(cells):
                key = (resolution, c, c + 1 == len(cells), cells[max(0, c - 1) : c + 1])
                found = whole.get(key)
                if found is None:
                    before = cells[c - 1][1] if c else (None,)
                    made = np.stack(
                        [
                            [
                                self.of_width(resolution, classes, c, cells, came, w, key[2])
                                for w in range(len(cell[1]))
                            ]
                            for came in before
                        ]
                    )  # what came, width, metric, depth, skips, expansion, kernel
                    made = np.moveaxis(made, 2, 0)
                    found = whole[key] = [np.ascontiguousarray(one).ravel() for one in made]
                for own, one in zip(rows, found, strict=True):
                    own.append(one)
            for number, own in zip(numbers, rows, strict=True):
                result[number].append(own)
        return result

    def of_width(
        self,
        resolution: int,
        classes: int,
        c: int,
        cells: Sequence[Any],
        came: int | None,
        w: int,
        last: bool,
    ) -> Vector:
        """Return a cell's rows of one own width, shape (metrics, depths, skips, expansions,
        kernels), the stem in the first cell's and the head in the last one's."""
        import numpy as np

        _, widths, depths, skips, expansions, kernels = cells[c]
        probe = Probe(self, resolution, classes, c, came, widths[w], (expansions[0], kernels[0]))
        if self.family == "densenet":
            rows = probe.concatenations(depths, skips[w])[..., None, None]
        else:
            rows = probe.additions(depths, skips[w], expansions, kernels)
        ends = np.zeros(len(rows))
        if c == 0:  # which every network has once: what it costs beside its layers too
            ends += probe.stem() + self.beside
        if last:
            ends += probe.head()
        return rows + ends[:, None, None, None, None]

    def charge(self, counted: Charged, rows: range) -> Vector:
        """Return what rows of a network cost together."""
        import numpy as np

        layers = [
            counted.layers[row]
            for row in rows
            if counted.rows[row] and counted.layers[row].kind not in self.table.free
        ]
        if not layers:
            return np.zeros(len(self.table.metrics))
        found = self.table.of_segment(layers, self.lacking)
        whole: Vector = np.array(found, dtype=float).sum(axis=0)
        return whole


class Probe:
    """Small networks of a family that end in one cell, from which its blocks are read."""

    def __init__(
        self,
        making: Making,
        resolution: int,
        classes: int,
        c: int,
        came: int | None,
        width: int,
        least: tuple[int, int],
    ) -> None:
        self.making, self.resolution, self.classes = making, resolution, classes
        self.c, self.width, self.least = c, width, least
        first = width if came is None else came
        # of the cells before only what comes out of the last matters
        self.before = [self._cell(first, 1, 0, *least) for _ in range(c)]

    def _cell(self, width: int, depth: int, skips: int, expansion: int, kernel: int) -> Cell:
        if self.making.family == "mobilenet-v2":
            return Cell(width, depth, skips, expansion, kernel)
        return Cell(width, depth, skips)

    def _built(self, depth: int, skips: int, expansion: int, kernel: int) -> Charged:
        cell = self._cell(self.width, depth, skips, expansion, kernel)
        return charged_in(
            Architecture(self.making.family, [*self.before, cell], self.resolution, self.classes)
        )

    def _block(self, counted: Charged, number: int) -> Vector:
        """Return the cost of a block of the cell."""
        starts = counted.starts or ()
        at = self.c + number
        return self.making.charge(counted, range(starts[at], starts[at + 1]))

    def stem(self) -> Vector:
        counted = self._built(1, 0, *self.least)
        return self.making.charge(counted, range((counted.starts or (0,))[0]))

    def head(self) -> Vector:
        counted = self._built(1, 0, *self.least)
        return self.making.charge(counted, range((counted.starts or (0,))[-1], len(counted.layers)))

    def concatenations(self, depths: Sequence[int], caps: Sequence[int]) -> Vector:
        """Return a concatenation cell's rows, shape (metrics, depths, caps).

        The layer at position p > 1 draws min(cap, width * (p - 1)) links: all layers that draw as
        many are alike.
        """
        import numpy as np

        deepest, width = max(depths), self.width
        position = np.arange(deepest)
        own = np.array(caps)
        drawn = np.minimum(own[:, None], width * np.maximum(position - 1, 0)[None])
        drawn[own == 0] = 0
        by_links: dict[int, Vector] = {}
        first = np.zeros(len(self.making.table.metrics))
        # the largest first: it has a layer of every number of links that saturates none
        for cap in sorted(set(caps), reverse=True):
            if cap in by_links and cap != max(caps):
                continue
            depth = min(deepest, -(-cap // width) + 2)
            counted = self._built(depth, cap, *self.least)
            first = self._block(counted, 0)
            for p in range(depth - 1, 0, -1):
                links = int(min(cap, width * (p - 1)))
                if links in by_links:
                    if cap != max(caps):
                        break
                    continue
                by_links[links] = self._block(counted, p)
        known = np.array(sorted(by_links))
        if len(known):
            values = np.stack([by_links[one] for one in known.tolist()])
            costs = values[np.searchsorted(known, drawn)]  # cap, position, metric
        else:
            costs = np.zeros((len(caps), deepest, len(first)))
        costs[:, 0] = first
        sums = np.cumsum(costs, axis=1)[:, np.array(depths) - 1]
        return np.ascontiguousarray(sums.transpose(2, 1, 0))

    def additions(
        self,
        depths: Sequence[int],
        caps: Sequence[int],
        expansions: Sequence[int],
        kernels: Sequence[int],
    ) -> Vector:
        """Return an addition cell's rows, shape (metrics, depths, caps, expansions, kernels).

        The first block is one of its own, all others are alike.
        """
        import numpy as np

        several = min(2, max(depths))
        shape = (len(caps), len(expansions), len(kernels))
        blocks = np.zeros((2, *shape, len(self.making.table.metrics)))
        seen: dict[tuple[int, int, int], list[Vector]] = {}
        for i, cap in enumerate(caps):
            for j, expansion in enumerate(expansions):
                for k, kernel in enumerate(kernels):
                    key = (cap, expansion, kernel)
                    if key not in seen:
                        counted = self._built(several, *key)
                        seen[key] = [self._block(counted, n) for n in range(several)]
                    for n, one in enumerate(seen[key]):
                        blocks[n, i, j, k] = one
        more = np.array(depths, dtype=float) - 1.0
        rows = blocks[0][None] + more[:, None, None, None, None] * blocks[1][None]
        return np.ascontiguousarray(np.moveaxis(rows, -1, 0))


class Seeing(LayerCosts):
    """Charges nothing, and remembers what it was asked for."""

    def __init__(self) -> None:
        self.metrics = ("latency_ms",)
        self.seen: dict[Any, Layer] = {}

    def of_segment(
        self, layers: Sequence[Layer], lacking: list[Layer] | None = None
    ) -> list[tuple[int, ...]]:
        for layer in layers:
            own = own_layer(layer)
            self.seen.setdefault(own._values(), own)
        return [(0,)] * len(layers)


def layers_of(space: SearchSpace) -> list[Layer]:
    """Return the distinct layers of a space that take work, each as a target of layers sees it."""
    table = Seeing()
    Making(space, table).columns()
    return list(table.seen.values())
