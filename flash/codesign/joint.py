"""Network and accelerator together: one proven answer over both, and over bits for each cell.

Of all accelerators only those count that no other has as much of everything as
(`DesignSpace.candidates`). Best first over sets of these: of a set each part's least, row by row,
is a cost model that no member beats, so the exact solver's answer on it bounds them all, and what
does not beat the best answer so far, which every solver starts from, is dropped. Where a member
costs the best network of a set as much as that least, the answer is real; else the set is halved,
by what that network costs. Every objective must be one in which lower costs are never worse.
"""

from __future__ import annotations

from heapq import heappop, heappush
from time import perf_counter

from .._core.design.joint import join, total_of
from .._core.model import compile as core
from .._core.search.exact import Query, Search
from .._core.search.shgo import explore
from ..base.names import NO_LINK, STOPPED_BY, Column, Metric
from ..base.record import Record, later
from ..errors import ArgumentError
from ..predictors.quantisation import quantised, worth_having
from ..spaces.index import digits_of, number_of, row_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .._core.tables.tables import Tables
    from ..hardware.designs import DesignSpace
    from ..predictors.predictor import AccuracyPredictor
    from ..predictors.quantisation import Effects
    from ..spaces.space import SearchSpace

    Choices = Sequence[tuple[int, ...]]

__all__ = ["Codesign", "Found", "joint_size", "rank", "reward"]

INF = float("inf")
CHARGED = sum(1 << k for k in Column.CHARGED)  # columns, as bits
SCALE = 1 << Column.SCALE


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
    metrics : tuple of float
    table_rows : tuple of int
        Of the tables.
    totals : list of float
        Of the tables' costs, in the core's units.
    """

    choice: tuple[int, ...]
    variant: int
    rows: tuple[int, ...]
    bits: tuple[int, ...]
    objective: float
    metrics: tuple[float, ...]
    table_rows: tuple[int, ...] = ()
    totals: list[float] = later([])


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
    seed : int or None
        Of SHGO, which finds what all others must beat; None: the exact solver alone.

    Attributes
    ----------
    best : Found or None
    bound : float
        No configuration's objective is above it.
    stopped : {None, "time_limit_s", "max_evals", "callback"}
    nfev, nodes : int
        Configurations weighed, sets looked at.
    """

    nfev: int
    nodes: int
    bits: tuple[int, ...]
    effects: Effects

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
        seed: int | None = 0,
    ) -> None:
        self.space = space
        self.design = design
        self.query = query
        self.columns = columns
        self.ends_at = ends_at
        self.evals = evals
        self.notify = notify
        self.seed = seed
        self.best: Found | None = None
        self.bound: float = INF
        self.stopped: str | None = None
        self.nfev = self.nodes = 0
        self.plan: core.Plan = space.core_plan
        self.link: tuple[int, float, float, float] = (
            predictor.link if predictor is not None else NO_LINK
        )
        self.terms: tuple[float, ...] | None = predictor.terms if predictor is not None else None
        self.bits, self.effects = worth_having(
            design.cell_bits, quantised(design, predictor, len(space.cell_choices))
        )
        self._costs = [k for k in Column.CHARGED if columns >> k & 1]
        self._parts: dict[tuple[int, int], Tables] = {}
        self._base: Tables | None = None

    def run(self) -> None:
        """Search until nothing better can be left, or a limit."""
        groups = self.design.alike()
        if len(self.design.parts) == 1:
            # a relaxation takes the tables of all: as much work as to solve each
            groups = [[choice] for choices in groups for choice in choices]
        heap: list[tuple[tuple[float, ...], int, Choices]] = [
            ((-INF,), k, choices) for k, choices in enumerate(groups) if choices
        ]
        count = len(heap)
        while heap:
            bound, _, choices = heap[0]
            self.bound = -bound[0]
            if self.best is not None and bound >= rank(self.best):
                break
            if self._spent():
                return
            heappop(heap)
            found = self._solve(choices)
            if self._over():
                return
            if found is None:
                continue
            real, halves = self._judge(choices, found)
            if real is not None:
                self.best = found.replace(choice=real)
                continue
            if self.best is None:  # so that all others have something to beat
                self.best = self._solve(halves[0][:1])
                if self._over():
                    return
            for half in halves:
                count += 1
                heappush(heap, (rank(found), count, half))
        self.bound = -INF if self.best is None else self.best.objective

    def _over(self) -> bool:
        return self.stopped is not None

    def _spent(self) -> bool:
        if perf_counter() >= self.ends_at:
            self.stopped = "time_limit_s"
        elif 0 <= self.evals <= self.nfev:
            self.stopped = "max_evals"
        elif self._told():
            self.stopped = "callback"
        return self._over()

    def _told(self) -> bool:
        """Tell whoever listens; whether that is to be the end."""
        best = None if self.best is None else self.best.objective
        return self.notify is not None and self.notify(best, self.bound, self.nfev)

    def _solve(self, choices: Choices) -> Found | None:
        """Return the best of a set's relaxation, or of an accelerator, that beats what is known."""
        self.nodes += 1
        tables = self.compile(choices)
        best = self.best
        solver = Search(
            tables,
            self.query,
            time_limit_s=max(0.0, self.ends_at - perf_counter()),
            max_leaves=-1 if self.evals < 0 else max(0, self.evals - self.nfev),
            callback=None if self.notify is None else lambda _: self._told(),
            incumbent=None if best is None else (best.objective, best.metrics, True),
        )
        if best is None and self.seed is not None:
            explore(solver, self.seed)
        solver.prove()
        *_, nfev = solver.counts
        self.nfev += nfev
        if solver.stopped:
            self.stopped = STOPPED_BY[solver.stopped]
        if solver.best is None:
            return None
        variant, rows, objective, metrics = solver.best
        own, bits = self.decode(tables, variant, rows)
        found = Found(tuple(choices[0]), variant, own, bits, objective, metrics, rows)
        found = found.replace(totals=self._totals(tables, found))
        if self.stopped is not None and len(choices) == 1:
            self.best = found
        return found

    def _judge(
        self, choices: Choices, found: Found
    ) -> tuple[tuple[int, ...] | None, list[Choices]]:
        """Return a member that costs a set's answer no more than its relaxation does, or None and
        two halves of the set, that on which it costs less first."""
        if len(choices) == 1:
            return choices[0], []
        costs = [
            {
                option: self._totals(self._parts[part, option], found)
                for option in dict.fromkeys(own)
            }
            for part, own in enumerate(zip(*choices, strict=True))
        ]
        for choice in choices:
            rows = [own[option] for own, option in zip(costs, choice, strict=True)]
            if self._joined(rows) == found.totals:
                return choice, []
        # by the part on which most depends
        widest, at, by = -1.0, 0, dict[int, float]()
        for part, own in enumerate(costs):
            shares = {
                option: sum([a / b for a, b in zip(row, found.totals, strict=True) if b])
                for option, row in own.items()
            }
            spread = max(shares.values()) - min(shares.values())
            if spread > widest:
                widest, at, by = spread, part, shares
        order = sorted(choices, key=lambda choice: by[choice[at]])
        middle = 0.5 * (by[order[0][at]] + by[order[-1][at]])
        cut = next((k for k, choice in enumerate(order) if by[choice[at]] > middle), 0)
        cut = cut or len(order) // 2  # every part costs the same: any halves will do
        return None, [order[:cut], order[cut:]]

    def _totals(self, tables: Tables, found: Found) -> list[float]:
        """Return what an answer's rows cost in tables, column by column."""
        return [total_of(tables, found.variant, found.table_rows, k) for k in self._costs]

    def _joined(self, rows: list[list[float]]) -> list[float]:
        """Return what parts cost together, column by column."""
        return [
            max(column) if k == Column.PEAK else sum(column)  # a part's peak is no sum
            for k, column in zip(self._costs, zip(*rows, strict=True), strict=True)
        ]

    def compile(self, choices: Choices) -> Tables:
        """Return the tables of an accelerator, or of what no accelerator of several costs less than
        (whose totals must become metrics alike)."""
        groups = [
            [self._part(part, option) for option in dict.fromkeys(own)]
            for part, own in enumerate(zip(*choices, strict=True))
        ]
        return join(self._networks(choices[0]), groups)

    def _part(self, part: int, option: int) -> Tables:
        """Return the costs of an option of a part."""
        tables = self._parts.get((part, option))
        if tables is None:
            models = self.design.models(part, option)
            tables = self._tables(models, self.columns & CHARGED, plain=True)
            if len(self.design.parts) > 1:
                self._parts[part, option] = tables
        return tables

    def _networks(self, choice: tuple[int, ...]) -> Tables:
        """Return tables with the scores, params and macs, which no accelerator changes."""
        if self._base is None:
            idle = self.design.idle
            models = self.design.models(0, choice[0]) if idle is None else idle
            # a model's classes need the scale
            self._base = self._tables(models, self.columns & (SCALE | ~CHARGED))
        return self._base

    def _tables(self, models: Sequence[core.Model], wanted: int, plain: bool = False) -> Tables:
        """Return tables; plain: without scores."""
        bits = self.design.cell_bits
        own = [models[bits.index(one)] for one in self.bits] or models
        effects = [[(1.0, 0.0)] * len(own)] * len(self.effects) if plain else self.effects
        link = NO_LINK if plain else self.link
        terms = None if plain else self.terms
        parts = [
            [(model, *effect) for model, effect in zip(own, of_cell, strict=True)]
            for of_cell in effects
        ]
        try:
            return core.compile_tables(self.plan, own[0], wanted, link, terms, parts)
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
            # a table's row is (width, bits, the rest), a space's (width, the rest)
            widths = 1 if self.space.widths is None else len(self.space.cell_choices[c][0])
            rest = size // (widths * count)
            width, bit, other = digits_of(row % size, (widths, count, rest))
            if choices:
                bits.append(choices[bit])
            own.append(number_of((width, other), (widths, rest)))
        return tuple(own), tuple(bits)

    def row(self, found: Found) -> tuple[int, ...]:
        """Return an answer's network as a row of choice indices."""
        return row_of(self.space, found.variant, found.rows)


def rank(found: Found) -> tuple[float, ...]:
    """Return what answers are compared by, the best first: objective, latency, energy, area."""
    return (-found.objective, *found.metrics[Metric.ALL_COSTS])


def joint_size(space: SearchSpace, design: DesignSpace, accelerators: int) -> int:
    """Return how many networks with bits for each cell there are on so many accelerators."""
    each = max(1, len(design.cell_bits))
    networks: int = sum(
        size * each ** int(cells)
        for size, cells in zip(space.combinations, space.cells, strict=True)
    )
    return networks * (space.size // sum(space.combinations)) * accelerators


def reward(exponents: Sequence[float] | None) -> int | None:
    """Return which cost's metric an objective rewards, or None."""
    costs = range(Metric.LATENCY, Metric.PARAMS)
    return next((k for k in costs if exponents is not None and exponents[k] > 0.0), None)
