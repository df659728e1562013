"""FLASH with samples: a few evaluations, a predictor fitted on them, a search by the predictor.

The paper's way where accuracies cost something (arXiv 2108.00568; as few as 25 trained samples:
seen in its abstract, the rest a reconstruction): draw networks, evaluate them, fit an
`AccuracyPredictor`, and search by it. On a `SearchSpace` the search is the exact solver, its answer
the network that the predictor holds for the best within the budgets; of a `NetworkSpace` networks
are predicted one by one. The answer is evaluated, and joins the samples for `rounds` more fits.
"""

from __future__ import annotations

import numpy as np

from . import MethodOption

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

    from ..evaluators import Evaluator
    from ..predictors.predictor import AccuracyPredictor
    from ._task import Task

__all__ = ["OPTIONS", "run", "unfit"]

OPTIONS = {
    "samples": MethodOption(25, 8, 1000, about="networks evaluated for the first predictor"),
    "rounds": MethodOption(
        5, 1, 1000, about="fits, each followed by the evaluation of its best network"
    ),
    "kind": MethodOption("topology", choices=("topology", "nn-degree"), about="of the predictor"),
    "candidates": MethodOption(500, 1, 1 << 20, about="networks predicted, of a NetworkSpace"),
}
PATIENCE = 200  # draws for each sample, before one over budget is taken


def unfit(space: Any, evaluator: Evaluator) -> str | None:
    """A predictor needs no samples."""
    if not evaluator.expensive:
        return (
            "method 'flash' fits a predictor on evaluated samples, and does not fit the evaluator "
            f"{evaluator.name!r}: method 'shgo' searches by a predictor or NN-Degree"
        )
    return None


def run(task: Task) -> None:
    """Sample, fit, search and evaluate."""
    space = task.ground.space
    rows = _samples(task, task.options["samples"])
    known: dict[Any, tuple[Any, float]] = {}
    _add(task, known, rows)
    pool = None if task.ground.tabled else _pool(task, task.options["candidates"])
    for _ in range(task.options["rounds"]):
        predictor = _fit(list(known.values()), task.options["kind"])
        if predictor is None:
            return
        if pool is None:
            answer = _solve(task, predictor)
        else:
            fresh = np.array([key not in known for key in task.keys(pool)])
            if not fresh.any():
                return
            scores = np.array([_score(space, predictor, row) for row in pool[fresh].tolist()])
            answer = pool[fresh][np.argmax(scores)][None]
        if answer is None or task.keys(answer)[0] in known:
            return
        _add(task, known, answer)


def _samples(task: Task, n: int) -> NDArray[np.int64]:
    """Return distinct networks, within the budgets as far as those are found."""
    kept: dict[Any, NDArray[np.int64]] = {}
    for _ in range(PATIENCE):
        rows = task.draw(n)
        fits = task.excess(rows) == 0.0
        for key, row in zip(
            [key for key, fit in zip(task.keys(rows), fits, strict=True) if fit],
            rows[fits],
            strict=True,
        ):
            if len(kept) < n:
                kept.setdefault(key, row)
        if len(kept) == n:
            break
    if len(kept) < min(8, n):
        rows = task.draw(n)
        for key, row in zip(task.keys(rows), rows, strict=True):
            kept.setdefault(key, row)
    return np.array(list(kept.values()))


def _pool(task: Task, n: int) -> NDArray[np.int64]:
    """Return distinct candidates within the budgets."""
    kept: dict[Any, NDArray[np.int64]] = {}
    most = min(n, task.ground.distinct)
    for _ in range(PATIENCE):
        rows = task.draw(n)
        for key, row in zip(task.keys(rows), rows, strict=True):
            if len(kept) < most:
                kept.setdefault(key, row)
        if len(kept) == most:
            break
    rows = np.array(list(kept.values()))
    found: NDArray[np.int64] = rows[task.excess(rows) == 0.0]
    return found


def _add(task: Task, known: dict[Any, tuple[Any, float]], rows: NDArray[np.int64]) -> None:
    answers = task.evaluate(rows, over=True)
    space = task.ground.space
    for key, row, accuracy in zip(task.keys(rows), rows.tolist(), answers.accuracy, strict=True):
        if accuracy == accuracy:
            known[key] = (space.decode(tuple(row)), float(accuracy))


def _fit(known: list[tuple[Any, float]], kind: str) -> AccuracyPredictor | None:
    """Return a predictor, or None where these samples do not determine one."""
    from ..errors import ArgumentError
    from ..predictors.predictor import AccuracyPredictor

    try:
        return AccuracyPredictor.fit([net for net, _ in known], [a for _, a in known], kind=kind)
    except ArgumentError:
        return None


def _score(space: Any, predictor: AccuracyPredictor, row: list[int]) -> float:
    """Return what orders predictions; what is read off a network is kept with the space."""
    if predictor.topology is None:
        return predictor.predict_one(space.network(row))
    kept, key = space.terms, tuple(row)
    if key not in kept:
        from ..predictors.cell_terms import terms_of

        kept[key] = terms_of(space.network(row))
    return predictor.topology.score(kept[key])


def _solve(task: Task, predictor: AccuracyPredictor) -> NDArray[np.int64] | None:
    """Return the best network by a predictor, by the exact solver."""
    from time import perf_counter

    from .._core.search.exact import Query, Search
    from ..problem.compiling import MACS, PARAMS, compile_problem

    ground = task.ground
    problem = compile_problem(ground.space, ground.target, predictor, PARAMS | MACS)
    core = Search(
        problem.tables,
        Query(task.limits, task.least, task.objective.exponents),
        time_limit_s=max(0.0, task.ends_at - perf_counter()),
    )
    core.prove()
    if core.best is None:
        return None
    variant, rows = core.best[:2]
    return np.array([problem.row(variant, rows)], dtype=np.int64)
