"""Compiling a search: space x target x predictor -> tables that every consumer reads."""

from __future__ import annotations

import os

from .._core.model.compile import SCORE_UNIT, Model, Plan, compile_tables
from .._core.model.compile import totals_of as core_totals
from .._core.tables.tables import COLUMNS
from ..base.checks import choice, public
from ..base.record import Record, cached
from ..errors import ArgumentError, ArgumentTypeError
from ..hardware.target import Target
from ..networks.families import FAMILIES
from ..spaces.index import row_of, table_rows
from ..spaces.space import SearchSpace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from .._core.tables.tables import Tables
    from ..predictors.predictor import AccuracyPredictor

__all__ = ["Problem", "as_space", "compile_problem"]

PARAMS, MACS = 1 << COLUMNS.index("params"), 1 << COLUMNS.index("macs")

_spaces: dict[str, SearchSpace] = {}


def as_space(value: Any) -> SearchSpace:
    """Return a SearchSpace from what users pass: one, a family's name, or a file's path."""
    if isinstance(value, SearchSpace):
        return value
    if isinstance(value, os.PathLike):
        return SearchSpace.load(value)
    if not isinstance(value, str):
        raise ArgumentTypeError(
            "space must be a SearchSpace, a family's name or the path of a TOML or JSON file, "
            f"got {type(value).__name__}"
        )
    if value.endswith((".toml", ".json")):
        return SearchSpace.load(value)
    if value not in _spaces:
        choice("space", value, FAMILIES, " or the path of a .toml or .json file")
        _spaces[value] = SearchSpace(value)
    return _spaces[value]


@public
class Problem(Record):
    """A compiled problem: a space, a target and a predictor, and the tables made of them.

    Parameters
    ----------
    space : SearchSpace
    target : Target
    predictor : AccuracyPredictor or None
    plan : Plan
        The space's choices in the core's form.
    model : Model
        The target's cost model in the core's form.
    tables : Tables
        One row per cell choice and class of global choices (see flash/_core/tables/problem.h).
    """

    space: SearchSpace
    target: Target
    predictor: AccuracyPredictor | None
    plan: Plan
    model: Model
    tables: Tables

    def own_rows(self, variant: int, rows: Sequence[int]) -> tuple[int, ...]:
        """Return the space's own row of each cell for a table row per cell."""
        sizes = self.tables.space_rows[variant]
        return tuple([row % size for row, size in zip(rows, sizes, strict=True)])

    def row(self, variant: int, rows: Sequence[int]) -> tuple[int, ...]:
        """Return the space's row of choice indices for a variant and a table row per cell."""
        return row_of(self.space, variant, self.own_rows(variant, rows))

    @cached
    def layout(self) -> tuple[int, ...]:
        """Cells per variant."""
        return tuple(len(rows) for rows in self.tables.rows)


def compile_problem(
    space: SearchSpace,
    target: Target,
    predictor: AccuracyPredictor | None = None,
    extra: int = 0,
) -> Problem:
    """Compile the tables.

    Parameters
    ----------
    space, target, predictor
        As validated by the caller.
    extra : int
        Columns needed beyond the score and the target's costs, as bits (`PARAMS`, `MACS`).

    Raises
    ------
    ArgumentError
        If the space is too large for tables, or a total leaves the range that is exact.
    """
    model = target.model(space.family)
    plan = space.core_plan
    link = predictor.link if predictor is not None else (0, 0.0, 0.0, 0.0)
    terms = predictor.terms if predictor is not None else None
    if terms is not None:
        extra |= PARAMS | MACS
    try:
        tables = compile_tables(plan, model, 1 | target.columns(space.family) | extra, link, terms)
    except (ValueError, OverflowError) as error:
        raise ArgumentError(f"space is out of range: {error}") from None
    return Problem(space, target, predictor, plan, model, tables)


def totals_of(
    problem: Problem, variant: int, rows: Sequence[int]
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return (column totals, NN-Degree of each cell) of a configuration, without the tables.

    rows: one row number of the space per cell.
    """
    totals, degrees = core_totals(problem.plan, problem.model, variant, rows)
    return totals, tuple([d * SCORE_UNIT for d in degrees])


def nn_degrees(problem: Problem, choices: Any, scores: Any) -> Any:
    """Return the NN-Degrees of configurations from their scores, or anew for a topology's."""
    if problem.predictor is None or problem.predictor.topology is None:
        return scores
    import numpy as np

    from .._core.costing import batch

    plain = problem.__dict__.get("_plain")
    if plain is None:
        plain = compile_problem(problem.space, problem.target)
        problem.__dict__["_plain"] = plain
    return np.asarray(batch.evaluate(plain.tables, *table_rows(problem.space, choices))[0])


def nn_degree_of(totals: Sequence[float]) -> float:
    """Return NN-Degree from column totals."""
    return totals[0] * SCORE_UNIT
