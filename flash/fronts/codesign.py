"""pareto(codesign=True): runs the search for a joint front, and turns its points into columns."""

from __future__ import annotations

from collections.abc import Sequence as Sequences
from time import perf_counter

import numpy as np

from .._core.costing import batch
from .._core.model import compile as core
from .._core.search.exact import Query
from ..base.names import TERMS, Metric
from ..codesign.front import JointFront
from ..codesign.joint import Codesign
from ..codesign.run import NO_ROOM, accelerator_of, joint_columns, why_not
from ..problem.compiling import MACS, PARAMS, SCORE, Problem, count_columns, facts_of
from ..problem.objective import limits_on
from ..spaces.index import COUNT, choices_at, places_of, rows_of
from .front import QUANTISED, FrontEvent, ParetoFront
from .run import best_first, explained, reaching, summary, teller

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from numpy import ndarray

    from ..hardware.designs import DesignSpace
    from ..hardware.target import Target
    from ..predictors.predictor import AccuracyPredictor
    from ..results.accelerator import Accelerator
    from ..spaces.space import SearchSpace

__all__ = ["Accelerators", "facts_in", "find_codesign"]


class Accelerators(Sequences["Accelerator"]):
    """The accelerators of a front's points, as `SearchResult.accelerator`, each made when it is
    asked for."""

    def __init__(
        self,
        space: SearchSpace,
        design: DesignSpace,
        chosen: ndarray[Any, Any],
        bits: ndarray[Any, Any],
        x: ndarray[Any, Any],
    ) -> None:
        self._space, self._design = space, design
        self._chosen, self._bits, self._x = chosen, bits, x

    def __len__(self) -> int:
        return len(self._chosen)

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, slice):
            return [self[i] for i in range(*key.indices(len(self)))]
        i = range(len(self))[key]
        cells = int(self._space.cells[self._x[i, COUNT]])
        choice, bits = self._chosen[i].tolist(), self._bits[i, :cells].tolist()
        return accelerator_of(self._space, self._design, tuple(choice), tuple(bits))

    def __repr__(self) -> str:
        return f"<{len(self):,} accelerators of {self._design.target.name}>"


def find_codesign(
    space: SearchSpace,
    target: Target,
    predictor: AccuracyPredictor | None,
    goals: tuple[str, ...],
    budgets: dict[str, float],
    limits: list[float],
    least: float,
    epsilon: float,
    deadline: float,
    callback: Callable[[FrontEvent], Any] | None,
    started: float,
) -> ParetoFront:
    """Search, and report however it ends.

    Raises
    ------
    ArgumentError
        If the target has no design space, or what the bits of its cells cost in accuracy is not
        known.
    """
    design = target.design_space(space.family)
    compared = [TERMS.index(goal) for goal in goals]
    counted = count_columns((*compared, *limits_on(limits)))
    columns = joint_columns(target, space, predictor, counted)
    run = Codesign(space, design, predictor, Query(limits, least), columns)
    search = JointFront(
        run,
        compared,
        epsilon=epsilon,
        ends_at=started + deadline,
        notify=teller(callback, started),
    )
    short = design.least_shortage()
    if short is None:
        search.run()
    x, chosen, bits, metrics = _columns(run, predictor, search, goals, least)
    why: dict[str, Any] = {}
    stopped = search.stopped
    if short is not None:
        message = f"proven: {NO_ROOM}: {short}"
    elif len(x) or stopped:
        message = summary(len(x), stopped, epsilon, " on any accelerator")
    else:
        known = why_not(space, design, predictor, budgets)
        message, why = known.message, explained(known)
    front = ParetoFront(
        space,
        target,
        goals,
        budgets,
        epsilon,
        predictor is not None,
        x,
        metrics,
        stopped,
        message,
        weighed=search.weighed,
        elapsed_s=perf_counter() - started,
        chosen=chosen,
        cell_bits=bits,
        **why,
    )
    front.__dict__["_told_by"] = predictor
    return front


def _columns(
    run: Codesign,
    predictor: AccuracyPredictor | None,
    search: JointFront,
    goals: tuple[str, ...],
    floor: float,
) -> tuple[Any, Any, Any, dict[str, Any]]:
    """Return rows of choices, options' numbers, bits and metrics, best first by each goal."""
    space, design = run.space, run.design
    metric = search.metrics
    order = best_first(metric, goals)
    order = order[reaching(predictor, metric[:, Metric.SCORE], floor)[order]]
    own, bits = search.decoded()
    metric = metric[order]
    plain = _networks(space, design)
    x = choices_at(space, plain.tables.space_rows, search.variants[order], own[order])
    told = batch.evaluate(plain.tables, *places_of(space, x))
    out: dict[str, Any] = {"nn_degree": np.array(told[Metric.SCORE])}
    scores = metric[:, Metric.SCORE].copy()
    if predictor is not None:
        accuracies = [predictor.accuracy_of(s) for s in scores.tolist()]
        out["accuracy"] = np.array(accuracies, dtype=np.float64)
        out["score"] = scores
    elif design.cell_bits:
        out[QUANTISED] = scores
    costs = design.target.costs_among(metric.T)
    out.update({name: column.copy() for name, column in costs.items()})
    out["params"] = np.array(told[Metric.PARAMS]).astype(np.int64)
    out["macs"] = np.array(told[Metric.MACS]).astype(np.int64)
    chosen, bits = search.choices[order], bits[order]
    if not design.cell_bits:
        bits = bits[:, :0]
    for column in (x, chosen, bits, *out.values()):
        column.flags.writeable = False
    return x, chosen, bits, out


def _networks(space: SearchSpace, design: DesignSpace) -> Problem:
    """Return tables of what the networks themselves tell: NN-Degree, params and MACs."""
    plan, model = space.core_plan, _any_model(design)
    columns = SCORE | PARAMS | MACS | design.target.columns(space.family)
    tables = core.compile_tables(plan, model, columns)
    return Problem(space, design.target, None, plan, model, tables)


def _any_model(design: DesignSpace) -> core.Model:
    first = design.pruned[0]
    return design.models(0, first[0] if first else 0)[0]


def facts_in(front: ParetoFront, x: tuple[int, ...]) -> dict[str, Any]:
    """Return what a network of a joint front is beside its costs, as a result has it."""
    design = front.target.design_space(front.space.family)
    return facts_of(front.space.core_plan, _any_model(design), *rows_of(front.space, x))
