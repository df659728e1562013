"""Work units of a sweep: a range of configurations, reduced or written where the unit runs.

A unit takes the sweep's plan as compressed JSON and its own number, so that it can run in a thread,
another process or another machine; nothing else travels. What it returns is plain data, and merging
such results is exact and the same in any order.
"""

from __future__ import annotations

import json
import zlib

from .._core.search.exact import Query
from .._core.sweep import sweep as core
from ..base.names import COSTS, COUNTS, N_METRICS, STORED, TERMS, Metric
from ..base.record import Record, cached
from ..hardware.target import Target
from ..predictors.predictor import AccuracyPredictor
from ..problem.compiling import MACS, PARAMS, Problem, compile_any
from ..problem.objective import least_of
from ..solving.stored import BYTES, PER_KIB
from ..spaces.codec import cell_at
from ..spaces.index import GLOBALS, digits_of
from ..spaces.space import SearchSpace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

    from ..problem.tiling import Tiled

    Point = tuple[int, tuple[int, ...], float, tuple[float, ...]]
    Network = tuple[int | tuple[int, ...], ...]

__all__ = ["Job", "Reduction", "import_ahead", "job_of", "order_of", "pack_plan", "run_unit"]

INF = float("inf")
SLICE = 1 << 29  # configurations of one call of the core: a fraction of a second
SLICE_EXACT = 1 << 25
MOST_ROOM = 1 << 20  # points of one call, in search of as many different networks as are wanted

_job: tuple[bytes, Job] | None = None


def import_ahead() -> None:
    """Import what units need before threads work at them: a process that is forked while one of
    them imports would wait for the import for ever."""
    import array
    import contextlib

    import numpy as np

    from .._core.costing import batch
    from .._core.sweep import stream, sweep
    from ..base import conditions, seeds
    from . import drawing, rows, store

    del array, contextlib, np, batch, stream, sweep, conditions, seeds, drawing, rows, store


class Stopped(Exception):
    """A unit was told to stop."""


def pack_plan(plan: dict[str, Any]) -> bytes:
    """Return a plan as the bytes that work units take."""
    return zlib.compress(json.dumps(plan, sort_keys=True, allow_nan=False).encode(), 9)


def order_of(point: Point) -> tuple[Any, ...]:
    """Return the key that sorts points best first (flash_precedes in problem.h)."""
    variant, rows, objective, metrics = point
    return (-objective, *metrics[Metric.ALL_COSTS], -metrics[Metric.SCORE], variant, rows)


class Reduction:
    """What units found: counts, the best, histograms, a front. Merging is exact.

    Counts are of configurations, the best are different networks: of those that give the same one
    (see `Job.network_of`) the first, which is the one of smallest index.
    """

    def __init__(self, job: Job) -> None:
        plan = job.plan
        self.job = job
        self.plan = plan
        self._best: dict[Network, Point] = {}
        self.count: int = 0
        self.feasible: int = 0
        self.top: list[Point] = []
        self.histogram: list[int] = [0] * (N_METRICS * plan["bins"])
        self.front: list[tuple[Any, ...]] = []  # (index, metrics, accuracy)

    def add(self, part: dict[str, Any]) -> None:
        """Take what one unit returned."""
        self.count += part["count"]
        self.feasible += part["feasible"]
        if part["top"]:
            points = [(v, tuple(r), o, tuple(m)) for v, r, o, m in part["top"]]
            self._best = self.job.distinct(points, self._best)
            self.top = list(self._best.values())
        if part["histogram"]:
            self.histogram = [a + b for a, b in zip(self.histogram, part["histogram"], strict=True)]
        if part["front"]:
            points_ = [(i, tuple(m), a) for i, m, a in part["front"]]
            self.front = merge_fronts(self.plan["pareto"], self.front + points_)

    @property
    def least(self) -> float:
        """The objective that a configuration must reach to be among the best still."""
        return self.top[-1][2] if self.top and len(self.top) == self.plan["top"] else -INF


def costs_of(names: list[str], metrics: tuple[float, ...], accuracy: float) -> list[float]:
    """Return a point's coordinates, the less the better."""
    return [-accuracy if name == "accuracy" else metrics[TERMS.index(name)] for name in names]


def merge_fronts(names: list[str], points: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Return the points that no other dominates, sorted; of equals the smallest index."""
    import numpy as np

    from .._core.sweep.stream import nondominated

    if not points:
        return []
    values: list[Any] = [costs_of(names, m, a) for _, m, a in points]
    costs: Any = np.array(values)
    rank = np.empty(len(points), np.int64)  # of indices, which may be larger than 64 bits
    rank[sorted(range(len(points)), key=lambda n: points[n][0])] = np.arange(len(points))
    order: Any = np.lexsort((rank, *costs.T[::-1]))
    same: Any = np.ascontiguousarray(costs)
    return [points[i] for i in nondominated(same, order)]


class Job(Record):
    """A plan made ready to run: the problem compiled, the budgets read."""

    plan: dict[str, Any]

    @cached
    def space(self) -> SearchSpace:
        return SearchSpace.from_dict(self.plan["space"])

    @cached
    def predictor(self) -> AccuracyPredictor | None:
        text = self.plan["predictor"]
        return None if text is None else AccuracyPredictor.from_dict(json.loads(text), "the plan")

    @cached
    def problem(self) -> Problem | Tiled:
        extra = PARAMS | MACS if self.plan["rows"] else self.plan["extra"]
        target = Target.from_dict(self.plan["target"])
        return compile_any(self.space, target, self.predictor, extra)

    @cached
    def problems(self) -> list[Problem]:
        """The problems whose configurations together are the space's: more than one where its
        networks are on several tiles."""
        problem = self.problem
        if isinstance(problem, Problem):
            return [problem]
        return [own for _, own in problem.parts]

    @cached
    def query(self) -> Query:
        plan = self.plan
        limits = [INF if one is None else one for one in plan["limits"]]
        return Query(limits, least_of(plan["min_accuracy"]), plan["exponents"])

    @cached
    def ranges(self) -> tuple[list[float], list[float]]:
        """Low end and 1 / width of the bins of each metric's histogram."""
        from .._core.sweep.stream import metric_ranges

        ends = [metric_ranges(problem.tables) for problem in self.problems]
        lows = [min(one) for one in zip(*(low for low, _ in ends), strict=True)]
        highs = [max(one) for one in zip(*(high for _, high in ends), strict=True)]
        bins = self.plan["bins"]
        return lows, [
            bins / (high - low) if high > low else 0.0
            for low, high in zip(lows, highs, strict=True)
        ]

    @cached
    def parts(self) -> list[tuple[int, int, int, int, int]]:
        """Of each variant of each problem: both numbers, outer combinations, those of a unit, and
        units."""
        found = []
        for number, problem in enumerate(self.problems):
            for variant, (outer, inner) in enumerate(core.outer_sizes(problem.tables)):
                step = max(1, self.plan["unit"] // inner)
                found.append((number, variant, outer, step, -(-outer // step)))
        return found

    @cached
    def total(self) -> int:
        """Configurations of the sweep."""
        size: int = self.space.size
        sample: int | None = self.plan["sample"]
        return size if sample is None else min(sample, size)

    @cached
    def units(self) -> int:
        if self.plan["rows"]:
            step: int = self.plan["unit"]
            return -(-self.total // step)
        return sum(units for *_, units in self.parts)

    def size_of(self, unit: int) -> int:
        """Return how many configurations a unit has."""
        if self.plan["rows"]:
            step = self.plan["unit"]
            return int(min(step, self.total - unit * step))
        problem, variant, first, last = self.place(unit)
        return int(last - first) * int(core.outer_sizes(self.problems[problem].tables)[variant][1])

    def place(self, unit: int) -> tuple[int, int, int, int]:
        """Return (problem, variant, first, last) of a unit's outer combinations."""
        for problem, variant, outer, step, units in self.parts:
            if unit < units:
                return problem, variant, unit * step, min(outer, (unit + 1) * step)
            unit -= units
        raise IndexError(unit)

    def points(self, number: int, points: list[Any]) -> list[Any]:
        """Return points of a problem as the whole space's."""
        problem = self.problem
        if isinstance(problem, Problem):
            return points
        part, own = problem.parts[number]
        return [problem.place(part, own, point) for point in points]

    def run(
        self,
        unit: int,
        least: float = -INF,
        write: Callable[[dict[str, Any]], None] | None = None,
        stopping: Callable[[], bool] = lambda: False,
    ) -> dict[str, Any]:
        """Run one unit; `write` takes each chunk of its rows as columns."""
        reduction = Reduction(self)
        if self.plan["rows"]:
            self._run_rows(unit, least, write, stopping, reduction)
        else:
            self._run_core(unit, least, stopping, reduction)
        return {
            "unit": unit,
            "count": reduction.count,
            "feasible": reduction.feasible,
            "top": reduction.top,
            "histogram": reduction.histogram,
            "front": reduction.front,
        }

    def _run_core(
        self, unit: int, least: float, stopping: Callable[[], bool], found: Reduction
    ) -> None:
        from array import array

        number, variant, first, last = self.place(unit)
        tables = self.problems[number].tables
        inner = core.outer_sizes(tables)[variant][1]
        bins = self.plan["bins"]
        low, per_bin = self.ranges if bins else ([0.0] * N_METRICS, [0.0] * N_METRICS)
        step = max(1, (SLICE_EXACT if bins else SLICE) // inner)
        for start in range(first, last, step):
            if stopping():
                raise Stopped
            end = min(last, start + step)
            enough, room = max(least, found.least), self._room[0]
            feasible, _, points, histogram = core.count_range(
                tables,
                self.query,
                variant,
                start,
                end,
                top=room,
                least=enough,
                bins=bins,
                low=array("d", low),
                per_bin=array("d", per_bin),
            )
            points = self.points(number, points)
            if self._ran_out(points, room):
                points = self._further(number, variant, start, end, enough)
            found.add(
                {
                    "count": (end - start) * inner,
                    "feasible": feasible,
                    "top": points,
                    "histogram": array("q", histogram).tolist(),
                    "front": [],
                }
            )

    # The best are different networks

    @cached
    def _room(self) -> list[int]:
        """How many points a call of the core is to keep: more where many are the same network."""
        return [self.plan["top"]]

    @cached
    def _cells(self) -> dict[tuple[int, int, int], tuple[int, ...]]:
        return {}

    def network_of(self, variant: int, rows: tuple[int, ...]) -> Network:
        """Return what tells the network of a place in the tables from all others of the space."""
        space, known = self.space, self._cells
        if space.numbering is not None:
            own_rows = self.problem.own_rows(variant, rows)
            network: Network = space.numbering.network_at(variant, own_rows)
            return network
        factor, _, size = digits_of(variant, space.lengths[:GLOBALS])
        resolution, each = int(space.resolution[size]), space.variables_per_cell
        found: list[int | tuple[int, ...]] = [resolution]
        for cell, row in enumerate(self.problem.own_rows(variant, rows)):
            at = (variant, cell, row)
            one = known.get(at)
            if one is None:
                start = GLOBALS + cell * each
                own = digits_of(row, space.lengths[start : start + each])
                one = known[at] = cell_at(space, factor, resolution, cell, own)
            found.append(one)
        return tuple(found)

    def distinct(
        self, points: Iterable[Point], known: Mapping[Network, Point] | None = None
    ) -> dict[Network, Point]:
        """Return the best different networks of points and of those known, best first.

        Each has the first of its points, which is the one of smallest index: in all else they are
        equal.
        """
        best = dict(known or {})
        for point in points:
            network = self.network_of(point[0], point[1])
            other = best.get(network)
            if other is None or point[:2] < other[:2]:
                best[network] = point
        order = sorted(best.items(), key=lambda item: order_of(item[1]))
        return dict(order[: self.plan["top"]])

    def _ran_out(self, points: list[Point], room: int) -> bool:
        """Whether points were cut off that may be networks among the best."""
        top = self.plan["top"]
        return top > 0 and room <= len(points) and len(self.distinct(points)) < top

    def _further(
        self, number: int, variant: int, first: int, last: int, least: float
    ) -> list[Point]:
        """Return the best different networks of a range in which many points are the same one."""
        while True:
            room = self._room[0]
            _, _, points, _ = core.count_range(
                self.problems[number].tables,
                self.query,
                variant,
                first,
                last,
                top=room,
                least=least,
            )
            points = self.points(number, points)
            if not self._ran_out(points, room):
                return list(self.distinct(points).values())
            if room >= MOST_ROOM and last - first > 1:
                break
            self._room[0] = 4 * room
        middle = (first + last) // 2
        best = self._further(number, variant, first, middle, least)
        if len(best) == self.plan["top"]:
            least = best[-1][2]
        best += self._further(number, variant, middle, last, least)
        return list(self.distinct(best).values())

    def _run_rows(
        self,
        unit: int,
        least: float,
        write: Callable[[dict[str, Any]], None] | None,
        stopping: Callable[[], bool],
        found: Reduction,
    ) -> None:
        from ..base.conditions import as_predicate
        from .rows import Chunk

        where = as_predicate(self.plan["where"], self.conditions)
        first = unit * self.plan["unit"]
        last = min(self.total, first + self.plan["unit"])
        for start in range(first, last, self.plan["chunk"]):
            if stopping():
                raise Stopped
            chunk = Chunk(self, start, min(last, start + self.plan["chunk"]), where)
            found.add(chunk.reduced(max(least, found.least)))
            if write is not None:
                write(chunk.kept_columns())

    @cached
    def columns(self) -> tuple[str, ...]:
        """The columns of a row, as `flash.evaluate` names them."""
        known = self.problem.target.metrics
        costs = [name for name in COSTS if name in known]
        score = ("nn_degree", "accuracy") if self.predictor is not None else ("nn_degree",)
        return ("index", *score, *costs, *COUNTS)

    @property
    def conditions(self) -> tuple[str, ...]:
        """What conditions may name: the columns, memory and weights, and the space's choices."""
        numbering = self.space.numbering
        own = self.space.variables if numbering is None else tuple(numbering.told)
        return (*self.columns, *STORED, *own)

    def no_rows(self, names: Iterable[str]) -> dict[str, Any]:
        """Return columns of no row: numbers, or texts."""
        import numpy as np

        from ..spaces.values import is_text

        return {name: np.zeros(0, "U1" if is_text(self.space, name) else float) for name in names}

    @cached
    def _peaks(self) -> dict[int, list[Any]]:
        return {}

    def peaks_of(self, variant: int) -> list[Any]:
        """Return the peak memory of each cell's rows, in KiB."""
        known = self._peaks
        if variant not in known:
            from ..conditional.memory import peaks_of

            sizes = self.problem.tables.rows[variant]
            found = peaks_of(self.space, variant, sizes, self.int8)
            known[variant] = [one / (BYTES if self.in_bytes else PER_KIB) for one in found]
        return known[variant]

    @cached
    def int8(self) -> bool:
        """Whether networks are stored in integers of 8 bits."""
        return self.problem.target.int8

    @cached
    def in_bytes(self) -> bool:
        """Whether what networks take is counted in bytes, and not in numbers of 32 bits."""
        return self.int8 or self.space.numbering is not None

    @cached
    def _store(self) -> Any:
        from ..conditional.storing import Stored

        return Stored(self.space)

    def weights_of(self, variant: int) -> list[Any]:
        """Return what the weights of each cell's rows take, in KiB."""
        if self.space.numbering is not None:
            from ..problem.blocks import weights_of

            return [one / BYTES for one in weights_of(self.space, variant, self.int8)]
        return [one / BYTES for one in self._store.bytes_of(variant)]


def job_of(packed: bytes) -> Job:
    """Return the job of a packed plan; the last one is kept, for the next unit here."""
    global _job
    kept = _job
    if kept is None or kept[0] != packed:
        kept = _job = (packed, Job(json.loads(zlib.decompress(packed))))
    return kept[1]


def run_unit(
    packed: bytes, unit: int, least: float = -INF, folder: str | None = None
) -> dict[str, Any]:
    """Run one unit of a packed plan, here: what executors call."""
    job = job_of(packed)
    if folder is None:
        return job.run(unit, least)
    from .store import write_part

    return write_part(job, unit, least, folder)
