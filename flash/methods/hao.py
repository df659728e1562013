"""HAO: the accelerator by an integer program, the bits by another, a sampled front.

Dong et al., HAO: Hardware-aware Neural Architecture Optimization for Efficient Inference, FCCM
2021, arXiv 2104.12766. Seen in its abstract: integer programming that prunes the design space and
returns the accelerator of least latency for a subgraph, an accuracy predictor over subgraphs and
quantisation schemes, accuracy-latency fronts; second-hand, that bits minimise an additive squared
error of the weights, weighted by the Hessian's trace, under a latency cap, that architectures are
drawn by Monte Carlo tree search, and that a support vector machine predicts accuracy. The rest is
a reconstruction:

1. Subgraphs are drawn: one cell, repeated in all cells of a network, with a latency cap.
2. The integer program gives the accelerator of least latency that the device has room for (where
   few accelerators may be best, by looking at all of them); given the accelerator, the bits of
   least loss within the cap are chosen, exactly (`AcceleratorGround.bits_within`); and again, until
   neither changes.
3. A subgraph that another beats in latency and score is dropped.
4. Networks are drawn whose cells come from the subgraphs left, each with bits and an accelerator of
   its own, as above; those that no other beats are the front, and the best within the budgets the
   answer.

Unlike in the paper layers follow one another, by the cost model that all of flash's methods share,
a network's own accelerator is solved for, not the subgraph's taken over, uniform draws stand for
the tree search, flash's predictors for the paper's, and the loss of bits is what
`flash.predictors.quantisation` knows of a cell: for the Hessian's there would have to be weights
(`flash.sensitivities` with ``measure="hessian"`` has them; docs/howto/mixed-precision.md).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .._core.model import compile as core
from ..base.names import Column, Metric
from ..errors import ArgumentError
from ..predictors.quantisation import quantised
from ..solving.ground import TableGround
from ..spaces.index import COUNT, rows_of
from ..spaces.network_space import NetworkSpace
from . import MethodOption
from ._design_ip import best_accelerator, charge_of, unit_latencies, workload

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
    from ._design_ip import Workload
    from ._task import Task

__all__ = ["OPTIONS", "AcceleratorGround", "front_of", "ground_of", "run", "unfit", "unfit_target"]

OPTIONS = {
    "subgraphs": MethodOption(64, 1, 1 << 20, about="subgraphs drawn"),
    "samples": MethodOption(256, 1, 1 << 20, about="networks drawn of the subgraphs left"),
    "batch": MethodOption(32, 1, 1 << 20, about="networks at a time"),
    "bits": MethodOption(
        "chosen", choices=("chosen", "drawn"), about="of each cell: the best within a cap, or any"
    ),
}
UNIT = 2.0**-36  # milliseconds of the core's latencies


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
        options = _worth(self.design)
        self.options: list[list[dict[str, Any]]] = [
            [part.options[k] for k in own]
            for part, own in zip(self.design.parts, options, strict=True)
        ]
        self.numbers = options
        self.uses: list[NDArray[np.int64]] = [
            np.array([part.uses[k] for k in own], dtype=np.int64).reshape(len(own), -1)
            for part, own in zip(self.design.parts, options, strict=True)
        ]
        self.charged = charge_of(target, space.family)
        self._works: dict[tuple[int, ...], Workload] = {}

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
        if rows.shape[1] == self.variables:  # as networks are drawn, without bits
            return plain
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

    def _losses(self, row: Sequence[int]) -> list[list[float]]:
        """Return what each number of bits takes off the core's score in each cell of a network, in
        the core's steps: whole numbers, at least 0."""
        count = int(self.space.cells[row[COUNT]])
        variant, rows = rows_of(self.space, row[: self.variables])
        problem = self.problem
        degrees: Sequence[float] = (0.0,) * len(rows)
        if any(factor != 1.0 for own in self.effects[:count] for factor, _ in own):
            _, degrees = core.totals_of(problem.plan, problem.model, variant, rows)
        unit = 1.0 / core.SCORE_UNIT
        return [
            [degree - float(np.rint(degree * factor + shift * unit)) for factor, shift in own]
            for own, degree in zip(self.effects[:count], degrees, strict=False)
        ]

    def _score_change(self, row: Sequence[int]) -> float:
        """Return what a row's bits add to the core's score: nothing or less."""
        losses = self._losses(row)
        chosen = row[self.variables : self.variables + len(losses)]
        return -core.SCORE_UNIT * sum(own[k] for own, k in zip(losses, chosen, strict=True))

    def _work(self, row: tuple[int, ...]) -> Workload:
        """Return the work of a row's network; kept."""
        own = self.network_row(row)
        found = self._works.get(own)
        if found is None:
            net = self.space.decode(own).network()
            cells = int(self.space.cells[row[COUNT]])
            found = self._works[own] = workload(self.design, net, cells)
        return found

    def solved(self, row: tuple[int, ...]) -> tuple[float, tuple[int, ...]]:
        """Return (latency in ms, accelerator) of a row, by the integer program; kept.

        The latency is infinite where no accelerator fits.
        """
        found = self._kept.get(row)
        if found is None:
            work, bits = self._work(row), self.bits_of(row)
            costs = [
                unit_latencies(layers, options, part.name == "depthwise", bits, self.charged)
                if len(layers) else np.zeros(len(options))
                for layers, options, part in zip(
                    work.layers, self.options, self.design.parts, strict=True
                )
            ]  # fmt: skip
            best = best_accelerator(costs, self.uses, list(self.design.limits.values()))
            if best is None:
                found = (float("inf"), ())
            else:
                choice = tuple(own[k] for own, k in zip(self.numbers, best, strict=True))
                table = self._latencies(work, choice)
                chosen = row[self.variables : self.variables + len(bits)]
                units = sum(own[k] for own, k in zip(table, chosen, strict=True))
                found = (units * UNIT, choice)
            self._kept[row] = found
        return found

    def _latencies(self, work: Workload, choice: Sequence[int]) -> list[list[int]]:
        """Return each cell's latency with each number of bits on an accelerator, in the core's
        units."""
        models = [self.design.models(part, k) for part, k in enumerate(choice)]
        return [
            [
                sum(own[k].total(packed)[Column.LATENCY] for own in models)
                for k in range(len(self.bits))
            ]
            for packed in work.packed
        ]

    def span(self, row: tuple[int, ...]) -> tuple[float, float]:
        """Return a network's latencies, in ms, with the fewest bits and with the most, each on its
        accelerator."""
        least, most = (
            self._with(row, [pick(range(len(self.bits)), key=lambda k: self.bits[k])] * self.cells)
            for pick in (min, max)
        )
        return self.solved(least)[0], self.solved(most)[0]

    def _with(self, row: tuple[int, ...], chosen: Sequence[int]) -> tuple[int, ...]:
        """Return a row with other bits: an index for each cell, those of surplus cells 0."""
        count = int(self.space.cells[row[COUNT]])
        return (*row[: self.variables], *chosen[:count], *(0,) * (self.cells - count))

    def bits_within(self, row: tuple[int, ...], cap_ms: float) -> tuple[int, ...]:
        """Return a row with the bits of least loss that were found within a latency.

        Given an accelerator, cells' losses and latencies add up: `flash.choose` is exact. The bits
        and the accelerator, which the row then has, are solved for in turn until neither changes;
        no step adds to the loss, since the bits before it are within the cap on the new accelerator
        too. It begins on each accelerator that is best for as many bits in all cells, and the best
        end counts. Where the fewest bits are over the cap, these.
        """
        alike = [self._with(row, [k] * self.cells) for k in range(len(self.bits))]
        few = alike[min(range(len(self.bits)), key=lambda k: self.bits[k])]
        if self.solved(few)[0] > cap_ms:
            return few
        losses = self._losses(row)
        ends = {}
        for accelerator in dict.fromkeys(self.solved(one)[1] for one in alike):
            end = self._in_turn(row, losses, accelerator, cap_ms)
            if end is not None:
                chosen = end[self.variables : self.variables + len(losses)]
                lost = sum(own[k] for own, k in zip(losses, chosen, strict=True))
                ends[lost, self.solved(end)[0]] = end
        return ends[min(ends)]

    def _in_turn(
        self,
        row: tuple[int, ...],
        losses: Sequence[Sequence[float]],
        accelerator: tuple[int, ...],
        cap_ms: float,
    ) -> tuple[int, ...] | None:
        """Return the bits that an accelerator and they end with, None where it is too slow."""
        work, now = self._work(row), None
        while True:
            table = self._latencies(work, accelerator)
            if sum(min(own) for own in table) * UNIT > cap_ms:
                return None
            better = self._with(row, _choice(losses, table, cap_ms))
            before, accelerator = accelerator, self.solved(better)[1]
            if better == now or accelerator == before:
                return better
            now = better

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


def _worth(design: DesignSpace) -> list[list[int]]:
    """Return the options of each part that a best accelerator may have, fastest first."""
    try:
        candidates = design.candidates
    except ArgumentError:  # too many to be found: the integer program has more to look at
        return design.pruned
    used = [set(own) for own in zip(*candidates, strict=True)]
    if not used:
        return design.pruned
    return [[k for k in own if k in kept] for own, kept in zip(design.pruned, used, strict=True)]


def _choice(
    losses: Sequence[Sequence[float]], latencies: Sequence[Sequence[int]], cap_ms: float
) -> list[int]:
    """Return each cell's bits, of least loss, and of these of least latency, within a latency that
    some meet."""
    from math import floor

    from ..choosing.choosing import choose
    from ..choosing.problem import ChoiceProblem

    most = sum(max(own) for own in latencies)
    problem = ChoiceProblem.from_arrays({"loss": losses, "latency": latencies})
    where = None if cap_ms >= most * UNIT else f"latency <= {floor(cap_ms / UNIT)}"
    found = choose(problem, minimize=["loss", "latency"], where=where).choices
    assert found is not None
    return [int(found[group] or 0) for group in problem.groups]


def run(task: Task) -> None:
    """Draw subgraphs, drop the dominated, draw networks of those left."""
    ground = task.ground
    assert isinstance(ground, AcceleratorGround)
    size = task.options["batch"]
    budget = task.limits[Metric.LATENCY]
    chosen = task.options["bits"] == "chosen"
    drawn = _subgraphs(task, ground, task.options["subgraphs"])
    seen: list[NDArray[np.float64]] = []
    looked: list[NDArray[np.int64]] = []
    for first in range(0, len(drawn), size):
        rows = drawn[first : first + size]
        looked.append(_with_bits(task, ground, rows) if chosen else rows)
        answers = task.evaluate(looked[-1])
        seen.append(answers.metrics[[Metric.SCORE, Metric.LATENCY]].T)
    points, subgraphs = np.concatenate(seen), np.concatenate(looked)
    kept = subgraphs[front_of(points[:, 0], points[:, 1])]
    left = task.options["samples"]
    full = task.objective.of_score and budget < np.inf  # faster than the budget is no better
    while left > 0:
        count = min(left, size)
        rows = _networks(task, ground, kept, count)
        if chosen and full:
            rows = np.array([ground.bits_within(tuple(row), budget) for row in rows.tolist()])
        elif chosen:
            rows = _with_bits(task, ground, rows, budget)
        task.evaluate(rows)
        left -= count


def _with_bits(
    task: Task, ground: AcceleratorGround, rows: NDArray[np.int64], budget: float = float("inf")
) -> NDArray[np.int64]:
    """Choose the bits of each row within a cap, drawn between what the fewest bits and the most
    take; no cap is above the budget."""
    found = []
    for row, share in zip(rows.tolist(), task.rng.random(len(rows)).tolist(), strict=True):
        least, most = ground.span(tuple(row))
        most = max(least, min(most, budget))
        cap = least + share * (most - least) if least < np.inf else least
        found.append(ground.bits_within(tuple(row), cap))
    return np.array(found, dtype=np.int64)


def _subgraphs(task: Task, ground: AcceleratorGround, n: int) -> NDArray[np.int64]:
    """Draw networks of equal cells: each cell's choices are as far along as in the first."""
    rows = task.draw(n)
    share = task.rng.random((n, ground.space.variables_per_cell + 1))
    for c, own in enumerate(ground.variables_of):
        rows[:, own] = (share[:, :-1] * ground.lengths[own]).astype(np.int64)
        rows[:, ground.variables + c] = (share[:, -1] * len(ground.bits)).astype(np.int64)
    return ground.canonical(rows)


def _networks(
    task: Task, ground: AcceleratorGround, kept: NDArray[np.int64], n: int
) -> NDArray[np.int64]:
    """Draw networks whose cells, bits included, are those of the subgraphs left."""
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
