"""Compiling a search: space x target x predictor -> tables that every consumer reads."""

from __future__ import annotations

import os

from .._core import compile as core
from .._core.tables import COLUMNS
from ..base.checks import choice, integer, public
from ..base.record import Record, cached
from ..errors import ArgumentError, ArgumentTypeError
from ..hardware.target import Target
from ..networks.architecture import FAMILIES
from ..predictors.predictor import AccuracyPredictor
from ..spaces.space import SearchSpace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from .._core.tables import Tables

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
        One row per cell choice and class of global choices (see flash/_core/problem.h).
    """

    space: SearchSpace
    target: Target
    predictor: AccuracyPredictor | None
    plan: core.Plan
    model: core.Model
    tables: Tables

    def row(self, variant: int, rows: Sequence[int]) -> tuple[int, ...]:
        """Return the space's row of choice indices for a variant and a table row per cell."""
        return row_of(
            self.space, variant, [r % n for r, n in zip(rows, self._sizes(variant), strict=True)]
        )

    def _sizes(self, variant: int) -> tuple[int, ...]:
        return self.tables.space_rows[variant]

    @cached
    def layout(self) -> tuple[int, ...]:
        """Cells per variant."""
        return tuple(len(rows) for rows in self.tables.rows)


def row_of(space: SearchSpace, variant: int, rows: Sequence[int]) -> tuple[int, ...]:
    """Return the row of choice indices for a variant and one row number per cell."""
    lengths = space._lengths
    out = [0] * len(lengths)
    for k in (2, 1, 0):
        variant, out[k] = divmod(variant, lengths[k])
    each = (len(lengths) - 3) // (max(1, len(space._per_cell)))
    for c, row in enumerate(rows):
        for k in range(3 + (c + 1) * each - 1, 2 + c * each, -1):
            row, out[k] = divmod(row, lengths[k])
    return tuple(out)


def rows_of(space: SearchSpace, row: Sequence[int]) -> tuple[int, tuple[int, ...]]:
    """Return (variant, one row number per cell) for a row of choice indices."""
    lengths = space._lengths
    variant = 0
    for k in range(3):
        variant = variant * lengths[k] + row[k]
    each = (len(lengths) - 3) // (max(1, len(space._per_cell)))
    rows = []
    for c in range(int(space.cells[row[1]])):
        number = 0
        for k in range(3 + c * each, 3 + (c + 1) * each):
            number = number * lengths[k] + row[k]
        rows.append(number)
    return variant, tuple(rows)


def plan_of(space: SearchSpace) -> core.Plan:
    """Return a space's plan in the core's form; read once, spaces never change."""
    plan = space.__dict__.get("_core_plan")
    if plan is None:
        plan = space.__dict__["_core_plan"] = core.Plan(space.plan())
    return plan


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
    plan = plan_of(space)
    link = predictor.link if predictor is not None else (0, 0.0, 0.0, 0.0)
    terms = predictor.terms if predictor is not None else None
    if terms is not None:
        extra |= PARAMS | MACS
    try:
        tables = core.compile_tables(
            plan, model, 1 | target.columns(space.family) | extra, link, terms
        )
    except (ValueError, OverflowError) as error:
        raise ArgumentError(f"space is out of range: {error}") from None
    return Problem(space, target, predictor, plan, model, tables)


def totals_of(
    problem: Problem, variant: int, rows: Sequence[int]
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return (column totals, NN-Degree of each cell) of a configuration, without the tables.

    rows: one row number of the space per cell.
    """
    totals, degrees = core.totals_of(problem.plan, problem.model, variant, rows)
    return totals, tuple([d * core.SCORE_UNIT for d in degrees])


def nn_degrees(problem: Problem, choices: Any, scores: Any) -> Any:
    """Return the NN-Degrees of configurations from their scores, or anew for a topology's."""
    if problem.predictor is None or problem.predictor.topology is None:
        return scores
    import numpy as np

    from .._core import batch

    plain = problem.__dict__.get("_plain")
    if plain is None:
        plain = compile_problem(problem.space, problem.target)
        problem.__dict__["_plain"] = plain
    return np.asarray(batch.evaluate(plain.tables, *table_rows(problem.space, choices))[0])


def nn_degree_of(totals: Sequence[float]) -> float:
    """Return NN-Degree from column totals."""
    return totals[0] * core.SCORE_UNIT


def table_rows(space: SearchSpace, choices: Any) -> tuple[Any, Any]:
    """Return (variants, table rows) as int32 arrays for rows of choices or flat indices."""
    import numpy as np

    if not isinstance(choices, (list, tuple)) or any(not isinstance(c, int) for c in choices):
        try:
            array = np.asarray(choices)
        except ValueError:
            raise ArgumentError(
                f"choices must be integers of shape (n,) or (n, {len(space._lengths)}), "
                f"got rows of different lengths"
            ) from None
    else:
        array = np.array(choices, dtype=object if max(choices, default=0) >= 2**63 else None)
    if array.ndim == 1:
        from ..spaces.codec import row_of as row_at

        last = space.size - 1
        flat = [integer(f"choices[{n}]", i, 0, last) for n, i in enumerate(array.tolist())]
        array = np.array([row_at(space, i) for i in flat], dtype=np.int64)
        array = array.reshape(-1, len(space._lengths))
    lengths = np.array(space._lengths)
    if array.ndim != 2 or array.shape[1] != len(lengths) or array.dtype.kind not in "iu":
        raise ArgumentError(
            f"choices must be integers of shape (n,) or (n, {len(lengths)}), "
            f"got shape {array.shape} of {array.dtype}"
        )
    bad = (array < 0) | (array >= lengths)
    if bad.any():
        i, k = map(int, np.argwhere(bad)[0])
        raise ArgumentError(
            f"choices[{i}][{k}] ({space.variables[k]}) must be in 0..{lengths[k] - 1}, "
            f"got {array[i, k]}"
        )
    variants = (array[:, 0] * lengths[1] + array[:, 1]) * lengths[2] + array[:, 2]
    cells = len(space._per_cell)
    each = (len(lengths) - 3) // max(1, cells)
    rows = np.zeros((len(array), cells), dtype=np.int32)
    width_before = np.zeros(len(array), dtype=np.int64)
    free = space.widths is not None
    for c in range(cells):
        number = np.zeros(len(array), dtype=np.int64)
        size = 1
        for k in range(3 + c * each, 3 + (c + 1) * each):
            number = number * lengths[k] + array[:, k]
            size *= int(lengths[k])
        rows[:, c] = number + (width_before * size if free and c else 0)
        width_before = array[:, 3 + c * each]
    return variants.astype(np.int32), rows
