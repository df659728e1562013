"""Rows of a sweep: configurations that are evaluated together, and what is kept of them."""

from __future__ import annotations

from ..base.names import COUNTS, STORED, TERMS, Metric
from ..problem.compiling import Problem, nn_degrees
from ..solving.stored import PER_KIB
from ..spaces.index import choices_at
from ..spaces.values import columns_of, columns_of_blocks
from .drawing import LARGEST, draw_places, indices_at

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .work import Job, Point

__all__ = ["Chunk"]


class Chunk:
    """Rows of a unit, evaluated together."""

    def __init__(self, job: Job, first: int, last: int, where: Any) -> None:
        import numpy as np

        from .._core.costing import batch
        from .._core.sweep import stream
        from ..base.seeds import stream as stream_of

        self.job = job
        n = last - first
        size = job.space.size
        tables = job.problem.tables
        self._index: Any = None
        self.variants: Any = _room(n, "i4")
        self.rows: Any = _room((n, max(job.problem.layout)), "i4")
        if size >= LARGEST:
            draw_places(tables, job.plan["seed"], first, self.variants, self.rows)
        else:
            if job.plan["sample"] is None or job.plan["sample"] >= size:
                self._index = np.arange(first, last, dtype=np.int64)
            else:
                self._index = _room(n, "i8")
                stream.draw(size, stream_of(job.plan["seed"]), first, self._index)
            stream.place_rows(tables, self._index, self.variants, self.rows)
        problem = job.problem
        self.metrics: list[Any] = [
            np.asarray(one)
            for one in (
                batch.evaluate(tables, self.variants, self.rows)
                if isinstance(problem, Problem)
                else problem.metrics(self.variants, self.rows)
            )
        ]
        feasible: Any = _room(n, "u1")
        self.objective: Any = _room(n)
        self.accuracy: Any = _room(n) if job.predictor is not None else None
        stream.weigh(tables, job.query, self.metrics, feasible, self.objective, self.accuracy)
        self.mask: Any = feasible.view(bool)
        self._table: dict[str, Any] | None = None
        for name in STORED:
            most = job.plan.get(name)
            if most is not None:
                self.mask = self.mask & (self._stored(name) <= most)
        if where is not None:
            own = {name: self._stored(name) for name in where.columns if name in STORED}
            if size >= LARGEST and "index" in where.columns:  # conditions are of floats
                own["index"] = self.index.astype(np.float64)
            self.mask = self.mask & where.mask(
                {**self._columns(), **own, **self._choices(where.columns)}
            )

    @property
    def index(self) -> Any:
        """Flat indices: int64, or of a space that is too large for them Python's ints."""
        if self._index is None:
            self._index = indices_at(self.job.problem.tables, self.variants, self.rows)
        return self._index

    def _order(self, kept: Any) -> tuple[Any, ...]:
        """Return keys of `numpy.lexsort` that order rows as their indices do."""
        if self.job.space.size < LARGEST:
            return (self.index[kept],)
        return (*self.rows[kept].T[::-1], self.variants[kept])

    @property
    def table(self) -> dict[str, Any]:
        """All rows as columns."""
        return {"index": self.index, **self._columns()}

    def _columns(self) -> dict[str, Any]:
        """Return all but the index, and that too where it is at hand."""
        if self._table is None:
            self._table = {name: self._column(name) for name in self.job.columns[1:]}
        return self._table if self._index is None else {"index": self._index, **self._table}

    def _choices(self, names: tuple[str, ...]) -> dict[str, Any]:
        """Return those of some columns that are choices of the space."""
        space = self.job.space
        if space.numbering is not None:
            return columns_of_blocks(space, self.variants, self.rows, names)
        some = [name for name in names if name in space.variables]
        if not some:
            return {}
        sizes = self.job.problem.tables.space_rows
        return columns_of(space, choices_at(space, sizes, self.variants, self.rows), some)

    def _stored(self, name: str) -> Any:
        """Return what each row's network takes on any device, in KiB."""
        import numpy as np

        weights = name == "weights_kib"
        if weights and not self.job.in_bytes:
            return self.metrics[Metric.PARAMS] / PER_KIB
        parts, join = (self.job.weights_of, np.add) if weights else (self.job.peaks_of, np.maximum)
        found: Any = np.empty(len(self.variants))
        for variant in np.unique(self.variants).tolist():
            some = self.variants == variant
            own = [one[self.rows[some, c]] for c, one in enumerate(parts(variant))]
            found[some] = join.reduce(own)
        return found

    def _column(self, name: str) -> Any:
        import numpy as np

        if name == "nn_degree":
            scores = self.metrics[Metric.SCORE]
            return nn_degrees(self.job.problem, scores, lambda: (self.variants, self.rows))
        if name == "accuracy":
            return self.accuracy
        column = self.metrics[TERMS.index(name)]
        return column.astype(np.int64) if name in COUNTS else column

    def kept_columns(self) -> dict[str, Any]:
        """Return the rows that meet budgets and condition, as columns."""
        if self.mask.all():
            return self.table
        return {name: column[self.mask] for name, column in self.table.items()}

    def reduced(self, least: float) -> dict[str, Any]:
        import numpy as np

        plan = self.job.plan
        kept = np.flatnonzero(self.mask)
        histogram: list[int] = []
        if plan["bins"]:
            low, per_bin = self.job.ranges
            for k, metric in enumerate(self.metrics):
                place = ((metric[kept] - low[k]) * per_bin[k]).astype(np.int64)
                place = np.clip(place, 0, plan["bins"] - 1)
                histogram += np.bincount(place, minlength=plan["bins"]).tolist()
        return {
            "count": len(self.variants),
            "feasible": len(kept),
            "top": self._top(kept, least),
            "histogram": histogram,
            "front": self._front(kept) if plan["pareto"] else [],
        }

    def _top(self, kept: Any, least: float) -> list[Point]:
        import numpy as np

        top = self.job.plan["top"]
        if not top:
            return []
        kept = kept[self.objective[kept] >= least]
        values = self.objective[kept]
        wanted = top
        while True:  # more, where many of them are the same network
            some = kept
            if len(kept) > wanted:
                place = len(kept) - wanted
                some = kept[values >= np.partition(values, place)[place]]
            points = list(self.job.distinct(self._points(some)).values())
            if len(points) == top or len(some) == len(kept):
                return points
            wanted *= 4

    def _points(self, kept: Any) -> list[Point]:
        """Return rows as points, best first."""
        import numpy as np

        # the last key counts first: see `work.order_of`
        costs = [cost[kept] for cost in self.metrics[Metric.ALL_COSTS]]
        score = self.metrics[Metric.SCORE][kept]
        order = np.lexsort((*self._order(kept), -score, *costs[::-1], -self.objective[kept]))
        cells = self.job.problem.layout
        points = []
        for i in kept[order].tolist():
            variant = int(self.variants[i])
            points.append(
                (
                    variant,
                    tuple(self.rows[i, : cells[variant]].tolist()),
                    float(self.objective[i]),
                    tuple([float(column[i]) for column in self.metrics]),
                )
            )
        return points

    def _front(self, kept: Any) -> list[tuple[Any, ...]]:
        import numpy as np

        from .._core.sweep.stream import nondominated

        if not len(kept):
            return []
        score = self.accuracy if self.accuracy is not None else self.metrics[Metric.SCORE]
        columns = [
            -score[kept] if name == "accuracy" else self.metrics[TERMS.index(name)][kept]
            for name in self.job.plan["pareto"]
        ]
        costs: Any = np.ascontiguousarray(np.stack(columns, 1))
        order: Any = np.lexsort((*self._order(kept), *costs.T[::-1]))
        best = [int(kept[j]) for j in nondominated(costs, order)]
        index = self.index[best] if self._index is not None else self._indices(best)
        found = []
        for i, number in zip(best, index.tolist(), strict=True):
            metrics = tuple([float(column[i]) for column in self.metrics])
            found.append((number, metrics, float(score[i])))
        return found

    def _indices(self, some: list[int]) -> Any:
        return indices_at(self.job.problem.tables, self.variants[some], self.rows[some])


def _room(shape: Any, kind: str = "f8") -> Any:
    import numpy as np

    return np.empty(shape, kind)
