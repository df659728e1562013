"""What rows of choice indices cost: by compiled tables, or network by network."""

from __future__ import annotations

from time import perf_counter

import numpy as np

from .._core.costing import batch
from ..base.names import N_METRICS, Metric
from ..errors import FlashError
from ..problem.compiling import MACS, PARAMS, compile_problem
from ..spaces.index import COUNT, GLOBALS, places_of, rows_of
from ..spaces.network_space import MAX_KEPT, NetworkSpace
from .lookups import Lookups, lookups_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from numpy.typing import NDArray

    from .._core.search.exact import Query
    from ..hardware.target import Target
    from ..networks.network import Network
    from ..predictors.predictor import AccuracyPredictor
    from ..problem.compiling import Problem
    from ..results.accelerator import Accelerator
    from ..spaces.space import SearchSpace

__all__ = ["Ground", "NetworkGround", "TableGround", "ground_of"]


class Ground:
    """A space on a target, as every method sees it.

    Attributes
    ----------
    lengths : int64 array, shape (variables,)
        Choices of each variable.
    groups : tuple of int arrays
        Numbers of the variables that belong together: first the global ones, then cell by cell.
        Variables of one choice are left out, and groups of none.
    distinct : int
        How many rows `canonical` leaves, at most.
    tabled : bool
        Whether compiled tables hold costs and scores, so that the exact solver can prove.
    designs : bool
        Whether each network has an accelerator of its own, and rows say which: then the ground
        proves by itself (`prove`).
    saved_s : float
        What charging took of which another run had done the work before: it counts for this one
        too, or methods that run later would seem faster.
    """

    tabled: bool = False
    designs: bool = False
    saved_s: float = 0.0

    space: Any
    target: Target
    lengths: NDArray[np.int64]
    groups: tuple[NDArray[np.int64], ...]
    distinct: int

    def charge(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return metrics of canonical rows, shape (metrics, n).

        The core's score (NaN where the ground has none), latency in ms, energy in mJ, area in mm2
        (0 where the target does not model them), parameters and MACs. All infinite where a row is
        no network.
        """
        raise NotImplementedError

    def costs(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return what `charge` does; scores may be missing (NaN): see `add_scores`."""
        return self.charge(rows)

    def add_scores(
        self, rows: NDArray[np.int64], metrics: NDArray[np.float64], wanted: NDArray[np.bool_]
    ) -> None:
        """Put the scores of wanted rows into metrics that `costs` returned."""

    def canonical(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the rows that stand for all that are the same configuration."""
        raise NotImplementedError

    def is_member(self, rows: NDArray[np.int64]) -> NDArray[np.bool_] | None:
        """Return which rows may be an answer; None: all of them."""
        return None

    def draw(self, rng: np.random.Generator, n: int) -> NDArray[np.int64]:
        """Draw `n` canonical rows, each configuration as likely as any other."""
        raise NotImplementedError

    def network_row(self, row: tuple[int, ...]) -> tuple[int, ...]:
        """Return the space's part of a row."""
        return row

    def facts(self, row: tuple[int, ...]) -> dict[str, Any]:
        """Return what the network of a space's row is beside its costs, as a result has it."""
        from ..networks.degree import nn_degree

        net = self.space.decode(row)
        try:
            degree: float | None = float(nn_degree(net))
        except FlashError:  # it has no cells
            degree = None
        return {"nn_degree": degree, "params": net.params, "macs": net.macs}

    def accelerator(self, row: tuple[int, ...]) -> Accelerator | None:
        """Return a row's accelerator as a result has it, where each network has its own."""
        return None

    def prove(self, query: Query, ends_at: float) -> tuple[float | None, bool]:
        """Return (merit that none within the budgets exceeds, whether that is the optimum; -inf
        where nothing fits), of a ground that `designs`."""
        raise NotImplementedError

    def _group(self, groups: Any) -> None:
        kept = [np.array([k for k in group if self.lengths[k] > 1]) for group in groups]
        self.groups = tuple(group.astype(np.int64) for group in kept if len(group))


class TableGround(Ground):
    """A `SearchSpace`: one kernel of the core charges and scores a batch.

    Parameters
    ----------
    space : SearchSpace
    target : Target
    predictor : AccuracyPredictor or None
        The score is its, or NN-Degree.
    """

    tabled = True

    def __init__(
        self, space: SearchSpace, target: Target, predictor: AccuracyPredictor | None
    ) -> None:
        self.space = space
        self.target = target
        self.problem: Problem = compile_problem(space, target, predictor, PARAMS | MACS)
        self.lengths: NDArray[np.int64] = np.array(space.lengths, dtype=np.int64)
        self.distinct: int = space.size
        self._group(space.groups)
        if space.numbering is not None:
            return
        each = space.variables_per_cell
        self._used = np.array([GLOBALS + int(cells) * each for cells in space.cells])
        # a place is linear in the choices: of each choice's first step it is the matrix of the map
        steps = np.eye(len(self.lengths), dtype=np.int64)
        self._weights = np.column_stack(places_of(space, steps)).astype(np.int64)
        blocks = [float(block) for block in space.combinations]
        self._counts = np.array(blocks) / sum(blocks)

    def charge(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        if self.space.numbering is not None:
            return np.array(batch.evaluate(self.problem.tables, *places_of(self.space, rows)))
        places = (rows @ self._weights).astype(np.int32)
        variants: Any = np.ascontiguousarray(places[:, 0])
        cells: Any = np.ascontiguousarray(places[:, 1:])
        return np.array(batch.evaluate(self.problem.tables, variants, cells))

    def places(self, row: Sequence[int]) -> list[int]:
        """Return (variant, table row of each of its cells) of a row."""
        if self.space.numbering is not None:
            variants, own = places_of(self.space, np.array([row], np.int64))
            variant = int(variants[0])
            return [variant, *own[0, : self.problem.layout[variant]].tolist()]
        found = np.array(row, dtype=np.int64) @ self._weights
        return [int(v) for v in found[: 1 + int(self.space.cells[row[COUNT]])]]

    def facts(self, row: tuple[int, ...]) -> dict[str, Any]:
        return self.problem.facts(*rows_of(self.space, row))

    def canonical(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        if self.space.numbering is not None:
            same: NDArray[np.int64] = self.space.numbering.canonical(rows)
            return same
        if len(self._used) == 1:
            return rows
        surplus = np.arange(rows.shape[1]) >= self._used[rows[:, COUNT]][:, None]
        kept: NDArray[np.int64] = np.where(surplus, 0, rows)
        return kept

    def draw(self, rng: np.random.Generator, n: int) -> NDArray[np.int64]:
        if self.space.numbering is not None:
            drawn: NDArray[np.int64] = self.space.numbering.draw(rng, n)
            return drawn
        rows = rng.integers(0, self.lengths, size=(n, len(self.lengths)))
        if len(self._counts) > 1:
            rows[:, COUNT] = rng.choice(len(self._counts), size=n, p=self._counts)
        return self.canonical(rows)


class NetworkGround(Ground):
    """A `NetworkSpace`: networks are built and charged one by one, each once.

    Those of a `BypassSpace` are charged part by part from lookup tables, and built for their scores
    alone.

    Parameters
    ----------
    space : NetworkSpace
    target : Target
    score : callable, optional
        From a Network to its score; without it scores are NaN.
    """

    def __init__(
        self, space: NetworkSpace, target: Target, score: Callable[[Network], float] | None = None
    ) -> None:
        self.space = space
        self.target = target
        self.score = score
        self.lengths: NDArray[np.int64] = np.array(space.lengths, dtype=np.int64)
        self.distinct: int = space.size
        self._group(space.groups)
        kept = space.charged
        key = (id(target), None if score is None else id(getattr(score, "__self__", score)))
        if key not in kept:
            if len(kept) >= 8:
                kept.clear()
            kept[key] = ((target, score), {})  # held, so that the numbers stay theirs
        self._kept: dict[tuple[int, ...], tuple[tuple[float, ...], float]] = kept[key][1]
        self._own: set[tuple[int, ...]] = set()
        self.lookups: Lookups | None = lookups_of(space, target)
        if self.lookups is not None:
            self.saved_s = self.lookups.made_s

    def charge(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        if self.lookups is not None:
            metrics = self.lookups.charge(rows)
            self.add_scores(rows, metrics, np.ones(len(rows), dtype=bool))
            return metrics
        found = np.array([self._one(tuple(row)) for row in rows.tolist()], dtype=np.float64)
        return found.reshape(-1, N_METRICS).T

    def costs(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        return self.charge(rows) if self.lookups is None else self.lookups.charge(rows)

    def add_scores(
        self, rows: NDArray[np.int64], metrics: NDArray[np.float64], wanted: NDArray[np.bool_]
    ) -> None:
        if self.lookups is not None and self.score is not None:
            for place in np.flatnonzero(wanted).tolist():
                metrics[Metric.SCORE, place] = self._one(tuple(rows[place].tolist()))[0]

    def _one(self, row: tuple[int, ...]) -> tuple[float, ...]:
        kept = self._kept.get(row)
        if kept is None:
            started = perf_counter()
            net = self.space.network(row)
            if net is None:
                found = (float("nan"), *[float("inf")] * (N_METRICS - 1))
            else:
                cost = self.target.cost(net)
                costs = (cost.latency_ms, cost.energy_mj or 0.0, cost.area_mm2 or 0.0)
                score = float("nan") if self.score is None else float(self.score(net))
                found = (score, *costs, float(net.params), float(net.macs))
            if len(self._kept) >= MAX_KEPT:
                self._kept.clear()
                self._own.clear()
            kept = self._kept[row] = (found, perf_counter() - started)
        elif row not in self._own:
            self.saved_s += kept[1]
        self._own.add(row)
        return kept[0]

    def canonical(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        space: NetworkSpace = self.space
        return space.canonical(rows)

    def is_member(self, rows: NDArray[np.int64]) -> NDArray[np.bool_] | None:
        space: NetworkSpace = self.space
        return space.is_member(rows)

    def draw(self, rng: np.random.Generator, n: int) -> NDArray[np.int64]:
        rows: NDArray[np.int64] = rng.integers(0, self.lengths, size=(n, len(self.lengths)))
        return self.canonical(rows)


def ground_of(
    space: Any,
    target: Target,
    predictor: AccuracyPredictor | None = None,
    score: Callable[[Network], float] | None = None,
) -> Ground:
    """Return the ground of a space of either kind.

    `predictor` scores a SearchSpace's tables (None: by NN-Degree), `score` a NetworkSpace's
    networks.

    Raises
    ------
    ArgumentError
        If the space is too large for tables.
    """
    if isinstance(space, NetworkSpace):
        return NetworkGround(space, target, score)
    return TableGround(space, target, predictor)
