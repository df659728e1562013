"""Other papers' methods as `flash.search` runs them, on the tables of flash's own spaces.

Regularised evolution (Real et al., 2019) and PNAS (Liu et al., 2018); PNAS shares its limit out
over its levels. The space is searched without budgets; what a method asks for again costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import flash
from flash.evaluators.by_table import TableEvaluator
from flash.spaces.network_space import network_space

from . import simple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from .problems import Problem


class _Noting(TableEvaluator):
    """A table that notes in which order its networks are asked for."""

    def __init__(self, table: dict[str, float]) -> None:
        super().__init__(table)
        self.asked: dict[tuple[int, ...], None] = {}

    def evaluate(
        self, ground: Any, rows: NDArray[np.int64], metrics: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        self.asked.update(dict.fromkeys(map(tuple, rows.tolist())))
        return super().evaluate(ground, rows, metrics)


def run(problem: Problem, seed: int, limit: int, method: str, **options: Any) -> list[int]:
    """Return the candidates in the order of training."""
    if problem.space is None:  # a list: evolution alone can do with it
        return simple.run(problem, seed, limit, method, **options)
    values = problem.accuracy.tolist()
    table = _Noting(dict(zip(problem.labels, values, strict=True)))
    flash.search(
        network_space(problem.space),
        "cpu-x86",
        evaluator=table,
        max_evals=limit,
        seed=seed,
        certify=False,
        method=method,
        options=options,
    )
    order = [problem.places[row] for row in table.asked]
    best = problem.truth[order].argmax()
    if problem.truth[order[best]] >= problem.truth.max():  # nothing is left to be found
        return order[: int(best) + 1]
    return order
