"""Network and accelerator together: one proven answer over both, and over bits for each cell.

Best first over sets of accelerators. Of a set the least of its members, layer by layer, is a
cost model that no member beats: the exact solver's answer on it bounds them all, and what does not
beat the best answer so far, which every solver starts from, is dropped. A set is narrowed to what
fits the resources, and of options of which another is as good in everything that speeds a layer up,
only the best stay; what is left of one is an accelerator, and its answer is real. Every objective
must be one in which lower costs are never worse.
"""

from __future__ import annotations

from heapq import heappop, heappush
from time import perf_counter

from ._core import compile as core
from ._core.exact import Query, Search
from ._record import Record
from .errors import ArgumentError
from .hardware import KINDS
from .hardware.designs import maximal, prune
from .problem import plan_of, row_of
from .quantisation import quantised, worth_having

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ._core.tables import Tables
    from .hardware.designs import DesignSpace, Part
    from .predictor import AccuracyPredictor
    from .spaces import SearchSpace

    Lists = list[list[int]]

__all__ = ["Codesign", "Found", "joint_size", "pruned", "reward"]

INF = float("inf")
FEW = 24  # accelerators that are looked at one by one


class Found(Record):
    """The best of a network and an accelerator.

    Parameters
    ----------
    choice : tuple of int
        An option's number for each part of the design space.
    variant : int
    rows : tuple of int
        Of the space, one for each cell.
    bits : tuple of int
        Of each cell; empty where there is no such choice.
    objective : float
        In the core's terms.
    metrics : tuple of 6 floats
    """

    choice: tuple[int, ...]
    variant: int
    rows: tuple[int, ...]
    bits: tuple[int, ...]
    objective: float
    metrics: tuple[float, ...]


class Codesign:
    """One search over networks, accelerators and bits.

    Parameters
    ----------
    space : SearchSpace
    design : DesignSpace
    predictor : AccuracyPredictor or None
    query : Query
        Budgets and objective; lower costs must never be worse.
    columns : int
        What the tables hold, as bits.
    ends_at : float
        Until when, by `time.perf_counter`.
    evals : int
        Configurations that may be weighed; -1: any number.
    notify : callable, optional
        Takes (best objective or None, bound, evaluations), returns whether to stop.

    Attributes
    ----------
    best : Found or None
    bound : float
        No configuration's objective is above it.
    stopped : {None, "time_limit_s", "max_evals", "callback"}
    nfev, nodes, tables : int
        Configurations weighed, sets looked at, tables compiled.
    """

    def __init__(
        self,
        space: SearchSpace,
        design: DesignSpace,
        predictor: AccuracyPredictor | None,
        query: Query,
        columns: int,
        *,
        ends_at: float = INF,
        evals: int = -1,
        notify: Callable[[float | None, float, int], bool] | None = None,
    ) -> None:
        self.space = space
        self.design = design
        self.query = query
        self.columns = columns
        self.ends_at = ends_at
        self.evals = evals
        self.notify = notify
        self.best: Found | None = None
        self.bound = INF
        self.stopped: str | None = None
        self.nfev = self.nodes = 0
        self.plan = plan_of(space)
        self.link = predictor.link if predictor is not None else (0, 0.0, 0.0, 0.0)
        self.terms = predictor.terms if predictor is not None else None
        self.bits, self.effects = worth_having(
            design.cell_bits, quantised(design, predictor, len(space._per_cell))
        )
        self.relaxed = bool(KINDS[design.target.kind].RELAXED)

    def run(self) -> None:
        """Search until nothing better can be left, or a limit."""
        heap: list[tuple[float, int, Lists]] = []
        count = 0
        start = pruned(self.design)
        if all(start):
            if len(start) == 1 and (len(start[0]) <= FEW or not self.relaxed):
                heap = [(-INF, k, [[option]]) for k, option in enumerate(start[0])]
            else:
                heap.append((-INF, 0, start))
        while heap:
            bound, _, lists = heap[0]
            self.bound = -bound
            best = None if self.best is None else self.best.objective
            if best is not None and -bound < best:
                break
            if self._spent():
                return
            heappop(heap)
            fitting = self._fitting(lists)
            if fitting is None:
                continue
            tops = [maximal(p, one) for p, one in zip(self.design.parts, fitting, strict=True)]
            choice = self._leaf(fitting, tops)
            found = self._solve(tops, choice)
            if self.stopped is not None:
                return
            if found is None:
                continue
            if choice is not None:
                self.best = found
                continue
            for half in split(self.design.parts, fitting, tops):
                count += 1
                heappush(heap, (-found.objective, count, half))
        self.bound = -INF if self.best is None else self.best.objective

    def _spent(self) -> bool:
        if perf_counter() >= self.ends_at:
            self.stopped = "time_limit_s"
        elif 0 <= self.evals <= self.nfev:
            self.stopped = "max_evals"
        elif self.notify is not None:
            best = None if self.best is None else self.best.objective
            if self.notify(best, self.bound, self.nfev):
                self.stopped = "callback"
        return self.stopped is not None

    def _fitting(self, lists: Lists) -> Lists | None:
        """Return the options that fit with the smallest of the other parts, or None."""
        parts, most = self.design.parts, tuple(self.design.limits.values())
        if len(parts) == 1:
            return lists if lists[0] else None
        floors = [
            [min(column) for column in zip(*(part.uses[k] for k in one), strict=True)]
            for part, one in zip(parts, lists, strict=True)
        ]
        out = []
        for number, (part, one) in enumerate(zip(parts, lists, strict=True)):
            room = [
                limit - sum(floor[r] for other, floor in enumerate(floors) if other != number)
                for r, limit in enumerate(most)
            ]
            uses = part.uses
            kept = [k for k in one if all(a <= b for a, b in zip(uses[k], room, strict=True))]
            if not kept:
                return None
            out.append(kept)
        return out

    def _leaf(self, lists: Lists, tops: Lists) -> tuple[int, ...] | None:
        """Return the accelerator that is as good as any of a set, where there is one."""
        if any(len(top) > 1 for top in tops):
            return None
        parts = self.design.parts
        if len(parts) == 1:
            return (tops[0][0],)
        from itertools import product

        alike = []  # the same speed, other resources
        for part, one, (top,) in zip(parts, lists, tops, strict=True):
            better = part.better
            same = [k for k in one if better is not None and better[k] == better[top]]
            alike.append(same or [top])
        for choice in product(*alike):
            if self.design.shortage(choice) is None:
                return choice
        return None

    def _solve(self, tops: Lists, choice: tuple[int, ...] | None) -> Found | None:
        """Return the best of a set's relaxation, or of an accelerator, that beats what is known."""
        self.nodes += 1
        if choice is not None:
            choices = [choice]
        else:
            choices = [
                tuple([top[k % len(top)] for top in tops]) for k in range(max(map(len, tops)))
            ]
        tables = self.compile(choices)
        best = self.best
        solver = Search(
            tables,
            self.query,
            time_limit_s=max(0.0, self.ends_at - perf_counter()),
            max_leaves=-1 if self.evals < 0 else max(0, self.evals - self.nfev),
            incumbent=None if best is None else (best.objective, best.metrics, True),
        )
        solver.prove()
        self.nfev += solver.counts[2]
        if solver.stopped:
            self.stopped = "time_limit_s" if solver.stopped == 1 else "max_evals"
            if choice is None:
                return None
        if solver.best is None:
            return None
        variant, rows, objective, metrics = solver.best
        own, bits = self.decode(tables, variant, rows)
        found = Found(choice or (), variant, own, bits, objective, metrics)
        if self.stopped is not None:
            self.best = found
        return found

    def compile(self, choices: Sequence[Sequence[int]]) -> Tables:
        """Return the tables of an accelerator, or of the least of several."""
        own: tuple[int | None, ...] = self.bits or (None,)
        models = [self.design.model(choices, bits) for bits in own]
        pieces = [
            [(model, *effect) for model, effect in zip(models, of_cell, strict=True)]
            for of_cell in self.effects
        ]
        try:
            return core.compile_tables(
                self.plan, models[0], self.columns, self.link, self.terms, pieces
            )
        except (ValueError, OverflowError) as error:
            raise ArgumentError(f"space is out of range: {error}") from None

    def decode(
        self, tables: Tables, variant: int, rows: Sequence[int]
    ) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Return (row of the space, bits) of each cell for rows of the tables."""
        choices = self.bits
        count = max(1, len(choices))
        own, bits = [], []
        for c, (row, size) in enumerate(zip(rows, tables.space_rows[variant], strict=True)):
            widths = 1 if self.space.widths is None else len(self.space._per_cell[c][0])
            block = size // (widths * count)
            row %= size
            if choices:
                bits.append(choices[row // block % count])
            own.append(row // (block * count) * block + row % block)
        return tuple(own), tuple(bits)

    def row(self, found: Found) -> tuple[int, ...]:
        """Return an answer's network as a row of choice indices."""
        return row_of(self.space, found.variant, found.rows)


def pruned(design: DesignSpace) -> Lists:
    """Return the options of each part that may be worth taking; worked out once."""
    found: Lists | None = design.__dict__.get("_pruned")
    if found is None:
        found = design.__dict__["_pruned"] = prune(design.parts, design.limits)
    return found


def split(parts: Sequence[Part], lists: Lists, tops: Lists) -> list[Lists]:
    """Return the two halves of a set: of the part and the number that its best options differ in
    most, the low values and the high ones."""
    number = max(range(len(parts)), key=lambda n: (len(tops[n]), len(lists[n])))
    better, own = parts[number].better, lists[number]
    if better is None:
        half = len(own) // 2
        low, high = own[:half], own[half:]
    else:
        spread, which = -1.0, 0
        among = tops[number] if len(tops[number]) > 1 else own
        for k in range(len(better[own[0]])):
            values = [better[option][k] for option in among]
            if max(values) / min(values) > spread and max(values) > min(values):
                spread, which = max(values) / min(values), k
        if spread < 0.0:  # they differ in what they take only
            half = len(own) // 2
            low, high = own[:half], own[half:]
        else:
            values = sorted({better[option][which] for option in among})
            middle = values[(len(values) - 1) // 2]
            low = [k for k in own if better[k][which] <= middle]
            high = [k for k in own if better[k][which] > middle]
    return [[*lists[:number], half, *lists[number + 1 :]] for half in (low, high) if half]


def joint_size(space: SearchSpace, design: DesignSpace, accelerators: int) -> int:
    """Return how many networks with bits for each cell there are on so many accelerators."""
    each = max(1, len(design.cell_bits))
    networks: int = sum(
        size * each ** int(cells) for size, cells in zip(space._blocks, space.cells, strict=True)
    )
    return networks * (space.size // sum(space._blocks)) * accelerators


def reward(exponents: Sequence[float] | None) -> int | None:
    """Return which cost (1 latency, 2 energy, 3 area) an objective rewards, or None."""
    return next((k for k in (1, 2, 3) if exponents is not None and exponents[k] > 0.0), None)
