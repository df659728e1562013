"""HAO: the accelerator by an integer program, bits for each cell, a sampled front.

Dong et al., HAO: Hardware-aware Neural Architecture Optimization for Efficient Inference, FCCM
2021, arXiv 2104.12766. Seen in its abstract: integer programming that prunes the design space and
returns the accelerator of least latency for a subgraph, an accuracy predictor over subgraphs and
quantisation schemes, accuracy-latency fronts. The rest is a reconstruction:

1. Subgraphs are drawn, with bits: one cell, repeated in all cells of a network.
2. For each the integer program gives the accelerator of least latency that the device has room for.
3. A subgraph that another beats in latency and score is dropped.
4. Networks are drawn whose cells come from the subgraphs left, each with an accelerator of its own;
   those that no other beats are the front, and the best within the budgets the answer.

Unlike in the paper layers follow one another, by the cost model that all of flash's methods share,
and a network's own accelerator is solved for, not the subgraph's taken over.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .._core.model import compile as core
from ..base.names import Column, Metric
from ..predictors.quantisation import quantised
from ..solving.ground import TableGround
from ..spaces.index import COUNT, rows_of
from ..spaces.network_space import NetworkSpace
from . import MethodOption
from ._design_ip import least_latency, unit_latencies, workload

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from .._core.search.exact import Query
    from ..evaluators import Evaluator
    from ..hardware.designs import DesignSpace
    from ..hardware.target import Target
    from ..predictors.predictor import AccuracyPredictor
    from ..predictors.quantisation import Effects
    from ..results.accelerator import Accelerator
    from ..spaces.space import SearchSpace
    from ._task import Task

__all__ = ["OPTIONS", "AcceleratorGround", "front_of", "ground_of", "run", "unfit", "unfit_target"]

OPTIONS = {
    "subgraphs": MethodOption(64, 1, 1 << 20, about="subgraphs drawn"),
    "samples": MethodOption(256, 1, 1 << 20, about="networks drawn of the subgraphs left"),
    "batch": MethodOption(32, 1, 1 << 20, about="networks at a time"),
}


def unfit(space: Any, evaluator: Evaluator) -> str | None:
    """It needs cells, and costs nothing to ask."""
    if isinstance(space, NetworkSpace) or space.numbering is not None:
        return "method 'hao' searches one of the four families"
    if evaluator.expensive:
        return (
            "method 'hao' draws many networks, quantised: it needs a predictor or NN-Degree, "
            f"and does not fit the evaluator {evaluator.name!r}"
        )
    return None


def unfit_target(target: Target) -> str | None:
    """It designs accelerators for FPGAs."""
    if target.kind != "fpga" or target.design is None:
        return (
            "method 'hao' designs the accelerator of an FPGA: target "
            f"{target.name!r} has no such design space"
        )
    return None


class AcceleratorGround(TableGround):
    """A space with bits for each cell, every network on its own accelerator of least latency.

    Rows are the space's, with the number of its bits' choice for each cell after them.
    """

    designs = True

    def __init__(
        self, space: SearchSpace, target: Target, predictor: AccuracyPredictor | None
    ) -> None:
        super().__init__(space, target, predictor)
        self.design: DesignSpace = target.design_space(space.family)
        self.predictor = predictor
        cells = len(space.cell_choices)
        self.effects: Effects = quantised(self.design, predictor, cells)
        self.bits: tuple[int, ...] = self.design.cell_bits or (8,)
        self.variables: int = len(self.lengths)
        self.cells = cells
        globals_, *own = space.groups
        self.variables_of = [np.array(one) for one in own]  # of each cell
        self.lengths = np.concatenate([self.lengths, np.full(cells, len(self.bits))])
        self.distinct: int = space.size * len(self.bits) ** cells
        self._group([globals_, *([*one, self.variables + c] for c, one in enumerate(own))])
        self._kept: dict[tuple[int, ...], tuple[float, tuple[int, ...]]] = {}
        options = self.design.pruned
        self.options: list[list[dict[str, Any]]] = [
            [part.options[k] for k in own]
            for part, own in zip(self.design.parts, options, strict=True)
        ]
        self.numbers = options
        self.uses: list[NDArray[np.int64]] = [
            np.array([part.uses[k] for k in own], dtype=np.int64).reshape(len(own), -1)
            for part, own in zip(self.design.parts, options, strict=True)
        ]
        parameters = target.parameters or {}
        self.bits_per_cycle: Any = parameters["bandwidth_gb_s"] * 8e3 / parameters["clock_mhz"]

    def charge(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        metrics = super().charge(rows[:, : self.variables])
        shift = np.zeros(len(rows))
        for i, row in enumerate(rows.tolist()):
            shift[i] = self._score_change(row)
            metrics[Metric.LATENCY, i], _ = self.solved(tuple(row))
        metrics[Metric.SCORE] += shift
        return metrics

    def canonical(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        plain = super().canonical(rows[:, : self.variables])
        bits = rows[:, self.variables :].copy()
        if len(self.space.cells) > 1:
            counts = np.array([int(n) for n in self.space.cells])[plain[:, COUNT]]
            bits[np.arange(self.cells) >= counts[:, None]] = 0
        return np.concatenate([plain, bits], axis=1)

    def draw(self, rng: np.random.Generator, n: int) -> NDArray[np.int64]:
        lengths, self.lengths = self.lengths, self.lengths[: self.variables]
        try:
            rows = super().draw(rng, n)
        finally:
            self.lengths = lengths
        bits = rng.integers(0, len(self.bits), size=(n, self.cells))
        return self.canonical(np.concatenate([rows, bits], axis=1))

    def network_row(self, row: tuple[int, ...]) -> tuple[int, ...]:
        return row[: self.variables]

    def bits_of(self, row: Sequence[int]) -> tuple[int, ...]:
        """Return the bits of each cell."""
        count = int(self.space.cells[row[COUNT]])
        return tuple(self.bits[k] for k in row[self.variables : self.variables + count])

    def _score_change(self, row: Sequence[int]) -> float:
        """Return what a row's bits add to the core's score: nothing or less."""
        chosen = row[self.variables : self.variables + int(self.space.cells[row[COUNT]])]
        variant, rows = rows_of(self.space, row[: self.variables])
        problem = self.problem
        degrees: Sequence[float] = (0.0,) * len(rows)
        effects = [of_cell[k] for of_cell, k in zip(self.effects, chosen, strict=False)]
        if any(factor != 1.0 for factor, _ in effects):
            _, degrees = core.totals_of(problem.plan, problem.model, variant, rows)
        unit = 1.0 / core.SCORE_UNIT
        change = 0.0
        for (factor, shift), degree in zip(effects, degrees, strict=True):
            change += float(np.rint(degree * factor + shift * unit)) - degree
        return change * core.SCORE_UNIT

    def solved(self, row: tuple[int, ...]) -> tuple[float, tuple[int, ...]]:
        """Return (latency in ms, accelerator) of a row, by the integer program; kept.

        The latency is infinite where no accelerator fits.
        """
        found = self._kept.get(row)
        if found is None:
            net = self.space.decode(self.network_row(row)).network()
            work = workload(self.design, net, self.bits_of(row))
            costs = [
                unit_latencies(layers, options, part.name == "depthwise", self.bits_per_cycle)
                if len(layers) else np.zeros(len(options))
                for layers, options, part in zip(
                    work.layers, self.options, self.design.parts, strict=True
                )
            ]  # fmt: skip
            best = least_latency(costs, self.uses, list(self.design.limits.values()))
            if best is None:
                found = (float("inf"), ())
            else:
                choice = tuple(own[k] for own, k in zip(self.numbers, best, strict=True))
                models = [self.design.models(part, k) for part, k in enumerate(choice)]
                units = sum(
                    own[self.bits.index(bits)].total(packed)[Column.LATENCY]
                    for own in models
                    for bits, packed in work.packed.items()
                )
                found = (units * 2.0**-36, choice)
            self._kept[row] = found
        return found

    def prove(self, query: Query, ends_at: float) -> tuple[float | None, bool]:
        """Return (merit that none within the budgets exceeds, whether that is the optimum)."""
        from ..codesign.joint import Codesign
        from ..problem.compiling import MACS, PARAMS, SCORE

        columns = SCORE | self.target.columns(self.space.family) | PARAMS | MACS
        run = Codesign(
            self.space,
            self.design,
            self.predictor,
            query,
            columns,
            ends_at=ends_at,
        )
        run.run()
        if run.stopped is not None:
            return (run.bound if run.bound < float("inf") else None), False
        return (-float("inf") if run.best is None else run.best.objective), True

    def accelerator(self, row: tuple[int, ...]) -> Accelerator:
        """Return a row's accelerator as a result shows it."""
        from ..codesign.run import accelerator_of

        _, choice = self.solved(row)
        bits = self.bits_of(row) if self.design.cell_bits else ()
        return accelerator_of(self.space, self.design, choice, bits)


def ground_of(
    space: SearchSpace, target: Target, predictor: AccuracyPredictor | None
) -> AcceleratorGround:
    """Return what a task of this method stands on."""
    return AcceleratorGround(space, target, predictor)


def run(task: Task) -> None:
    """Draw subgraphs, drop the dominated, draw networks of those left."""
    ground = task.ground
    assert isinstance(ground, AcceleratorGround)
    size = task.options["batch"]
    subgraphs = _subgraphs(task, ground, task.options["subgraphs"])
    seen: list[NDArray[np.float64]] = []
    for first in range(0, len(subgraphs), size):
        answers = task.evaluate(subgraphs[first : first + size])
        seen.append(answers.metrics[[Metric.SCORE, Metric.LATENCY]].T)
    points = np.concatenate(seen)
    kept = subgraphs[front_of(points[:, 0], points[:, 1])]
    left = task.options["samples"]
    while left > 0:
        count = min(left, size)
        task.evaluate(_networks(task, ground, kept, count))
        left -= count


def _subgraphs(task: Task, ground: AcceleratorGround, n: int) -> NDArray[np.int64]:
    """Draw networks of equal cells: each cell's choices are as far along as in the first."""
    rows = task.draw(n)
    share = task.rng.random((n, ground.space.variables_per_cell + 1))
    for c, own in enumerate(ground.variables_of):
        rows[:, own] = (share[:, :-1] * ground.lengths[own]).astype(np.int64)
        rows[:, ground.variables + c] = (share[:, -1] * len(ground.bits)).astype(np.int64)
    return np.unique(ground.canonical(rows), axis=0)


def _networks(
    task: Task, ground: AcceleratorGround, kept: NDArray[np.int64], n: int
) -> NDArray[np.int64]:
    """Draw networks whose cells are those of the subgraphs left."""
    rows = kept[task.rng.integers(0, len(kept), n)].copy()
    for c, own in enumerate(ground.variables_of):
        other = kept[task.rng.integers(0, len(kept), n)]
        columns = [*own, ground.variables + c]
        rows[:, columns] = other[:, columns]
    return ground.canonical(rows)


def front_of(scores: NDArray[np.float64], costs: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the points that no other beats: highest scores for their costs, cheapest first."""
    order = np.lexsort((-scores, costs))
    best = np.maximum.accumulate(scores[order])
    first = np.concatenate(([True], best[1:] > best[:-1]))
    return order[first & (costs[order] < np.inf)]
