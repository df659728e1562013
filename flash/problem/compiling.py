"""Compiling a search: space x target x predictor -> tables that every consumer reads."""

from __future__ import annotations

from .._core.model.compile import SCORE_UNIT, Model, Plan, compile_tables
from .._core.model.compile import totals_of as core_totals
from ..base.checks import public
from ..base.names import NO_LINK, Column, Metric
from ..base.record import Record, cached
from ..errors import ArgumentError
from ..hardware.target import Target
from ..networks.families import FAMILIES
from ..spaces.index import row_of
from ..spaces.space import SearchSpace, family_space
from ..spaces.tabled import TabledSpace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Container, Sequence
    from typing import Any

    from .._core.tables.tables import Tables
    from ..base.html import Part
    from ..predictors.predictor import AccuracyPredictor
    from .tiling import Tiled

__all__ = [
    "MACS",
    "PARAMS",
    "SCORE",
    "Problem",
    "as_space",
    "compile_any",
    "compile_each",
    "compile_problem",
    "compile_searched",
    "count_columns",
    "facts_of",
    "forget_kept",
    "kept_or_compiled",
    "nn_degrees",
]

SCORE, PARAMS, MACS = 1 << Column.SCORE, 1 << Column.PARAMS, 1 << Column.MACS  # columns as bits

KEPT_BYTES = 16 << 20  # of tables, all together; the core keeps as much memory for the next ones
KEPT = 4  # tables, at most

# Tables that the core made for searches, those used last first, each with all that it read to make
# them: the plan, the model, the columns, the predictor's link and terms. Of these the first two are
# the core's own and never change; they hold nothing of the user's. Replaced as a whole, never
# changed, so that threads need no lock: one may at most miss what another keeps at that moment.
_kept: tuple[tuple[tuple[Any, ...], Tables], ...] = ()
_last: list[tuple[Problem, int]] = []  # the last problem whose costs others made; its extra columns


def as_space(value: Any) -> SearchSpace:
    """Return a space that has tables from what users pass: see `flash.spaces.named.any_space`."""
    found: Any = value  # of blocks, or one of the families': all that follows takes either
    if type(value) is str and value in FAMILIES:  # most searches need no more than this
        found = family_space(value)
    elif not isinstance(value, TabledSpace):
        from ..spaces.named import any_space

        found = any_space(value)
        if not isinstance(found, TabledSpace):
            raise ArgumentError(
                f"space: {found.family!r} has no tables ({type(found).__name__}): it is searched "
                "by the methods of other papers alone, under budgets: method='evolution'"
            )
    return found  # type: ignore[no-any-return]


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

    def _parts(self) -> list[Part]:
        from ..base.html import facts, told

        told_by = None if self.predictor is None else self.predictor.title
        return [
            f"{self.space.family} on {self.target.name}, compiled",
            facts(
                {
                    "configurations": told(self.space.size),
                    "predictor": told_by,
                    "variants": told(len(self.tables.rows)),
                    "rows of tables": told(sum(map(sum, self.tables.rows))),
                }
            ),
        ]

    @property
    def searched(self) -> Tables:
        """The tables that the best network is looked for in: of rows that are equal in all columns
        they may have the first alone. See `rows_found`."""
        return self.tables

    def rows_found(self, variant: int, rows: Sequence[int]) -> Sequence[int]:
        """Return the rows of `tables` that rows of `searched` are."""
        return rows

    def own_rows(self, variant: int, rows: Sequence[int]) -> tuple[int, ...]:
        """Return the space's own row of each cell for a table row per cell."""
        sizes = self.tables.space_rows[variant]
        return tuple([row % size for row, size in zip(rows, sizes, strict=True)])

    def row(self, variant: int, rows: Sequence[int]) -> tuple[int, ...]:
        """Return the space's row of choice indices for a variant and a table row per cell."""
        return row_of(self.space, variant, self.own_rows(variant, rows))

    def facts(self, variant: int, rows: Sequence[int]) -> dict[str, Any]:
        """Return what a network is beside its costs, as `facts_of`; rows: the space's own."""
        return facts_of(self.plan, self.model, variant, rows)

    @property
    def of_degrees(self) -> bool:
        """Whether scores are NN-Degrees: without a predictor, or with one that adds to them."""
        return self.predictor is None or self.predictor.topology is None

    @cached
    def plain(self) -> Problem:
        """The problem without its predictor: its scores are NN-Degrees; with params and MACs."""
        return compile_problem(self.space, self.target, None, PARAMS | MACS)

    @cached
    def layout(self) -> tuple[int, ...]:
        """Cells per variant."""
        return tuple(len(rows) for rows in self.tables.rows)


def count_columns(metrics: Container[int]) -> int:
    """Return the columns, as bits, that metrics need beyond the score and the target's costs."""
    return (PARAMS if Metric.PARAMS in metrics else 0) | (MACS if Metric.MACS in metrics else 0)


def compile_problem(
    space: SearchSpace,
    target: Target,
    predictor: AccuracyPredictor | None = None,
    extra: int = 0,
    *,
    scored: bool = True,
) -> Problem:
    """Compile the tables.

    Parameters
    ----------
    space, target, predictor
        As validated by the caller.
    extra : int
        Columns needed beyond the score and the target's costs, as bits (`PARAMS`, `MACS`).
    scored : bool
        Whether the score is needed.

    Raises
    ------
    ArgumentError
        If the space is too large for tables, or a total leaves the range that is exact.
    """
    if space.numbering is not None:
        from .blocks import compile_blocks

        return compile_blocks(space, target, predictor, extra, scored=scored)
    _make_room()
    model = target.model(space.family)
    plan = space.core_plan
    wanted, link, terms = _asked(space, target, predictor, extra, scored)
    try:
        if target.table is None:
            tables = compile_tables(plan, model, wanted, link, terms)
        else:
            from .by_layers import tables_of

            tables = tables_of(space, target, model, wanted, link, terms)
    except ArgumentError:  # layers without a cost
        raise
    except (ValueError, OverflowError) as error:
        raise ArgumentError(f"space is out of range: {error}") from None
    return Problem(space, target, predictor, plan, model, tables)


def _asked(
    space: SearchSpace,
    target: Target,
    predictor: AccuracyPredictor | None,
    extra: int,
    scored: bool,
) -> tuple[int, tuple[int, float, float, float], tuple[float, ...] | None]:
    """Return what the core is asked for beside plan and model: columns, link and terms."""
    link = predictor.link if predictor is not None else NO_LINK
    terms = predictor.terms if predictor is not None else None
    if terms is not None:
        extra |= PARAMS | MACS
    return (SCORE if scored else 0) | target.columns(space.family) | extra, link, terms


def compile_any(
    space: SearchSpace,
    target: Target,
    predictor: AccuracyPredictor | None = None,
    extra: int = 0,
) -> Problem | Tiled:
    """Return `compile_problem`, or what stands for it on a target of several tiles."""
    if target.tiles is None:
        return compile_problem(space, target, predictor, extra)
    from .tiling import Tiled

    return Tiled(space, target, predictor, extra)


def compile_each(
    space: SearchSpace,
    target: Target,
    predictor: AccuracyPredictor | None = None,
    extra: int = 0,
) -> tuple[Problem, ...]:
    """Return the problems whose networks together are the space's: one, or on a target of several
    tiles one for each part."""
    if target.tiles is None:
        return (kept_or_compiled(space, target, predictor, extra),)
    problem = compile_any(space, target, predictor, extra)
    if isinstance(problem, Problem):
        return (problem,)
    return tuple([own for _, own in problem.parts])


def kept_or_compiled(
    space: SearchSpace, target: Target, predictor: AccuracyPredictor | None, extra: int
) -> Problem:
    """Return `compile_problem` of these arguments, of tables that are kept where there are some.

    What is kept follows from what the core reads, not from who asks: a target that `forget` was
    called on, or one with other coefficients, has another model, and a predictor counts by the
    numbers of its curve. Of problems whose costs others made (blocks, layers) the last one searched
    is kept: see `compile_searched`.
    """
    global _kept
    if space.numbering is not None or target.table is not None:
        for problem, known in _last:
            same = problem.space is space and problem.target is target
            if same and problem.predictor is predictor and not extra & ~known:
                return problem
        return compile_problem(space, target, predictor, extra)
    plan, model = space.core_plan, target.model(space.family)
    key = (plan, model, *_asked(space, target, predictor, extra, True))
    kept = _kept
    for one in kept:
        if one[0] == key:
            if one is not kept[0]:
                _kept = (one, *[other for other in kept if other is not one])
            return Problem(space, target, predictor, plan, model, one[1])
    problem = compile_problem(space, target, predictor, extra)
    _kept = _within(((key, problem.tables), *_kept), KEPT, KEPT_BYTES)
    return problem


def compile_searched(
    space: SearchSpace, target: Target, predictor: AccuracyPredictor | None, extra: int
) -> Problem:
    """Return the problem of a search, kept for the next ones and for what is asked of its answer.

    One whose costs others made is compiled anew by each search (they may say others then), and kept
    until the next is compiled.
    """
    if space.numbering is None and target.table is None:
        return kept_or_compiled(space, target, predictor, extra)
    problem = compile_problem(space, target, predictor, extra)
    if problem.tables.size_bytes <= KEPT_BYTES:
        _last[:] = [(problem, extra)]
    return problem


def forget_kept() -> None:
    """Drop all tables that are kept between searches: for tests, and for what measures."""
    global _kept
    _kept = ()
    _last.clear()


def _make_room() -> None:
    """Drop what was kept longest before tables are compiled: its memory is for these."""
    global _kept
    _last.clear()
    _kept = _within(_kept, KEPT - 1, KEPT_BYTES // 2)


def _within(kept: tuple[Any, ...], most: int, most_bytes: int) -> tuple[Any, ...]:
    """Return the first of what is kept, as many as both limits admit."""
    count = size = 0
    for _, tables in kept[:most]:
        size += tables.size_bytes
        if size > most_bytes:
            break
        count += 1
    return kept[:count]


def facts_of(plan: Plan, model: Model, variant: int, rows: Sequence[int]) -> dict[str, Any]:
    """Return what a network is beside its costs, without tables, as a `SearchResult` has it.

    Any model of the family will do: nn_degree, params, macs and cell_degrees don't depend on it.
    rows: the space's own row of each cell.
    """
    totals, degrees = core_totals(plan, model, variant, rows)
    return {
        "nn_degree": totals[Column.SCORE] * SCORE_UNIT,
        "params": int(totals[Column.PARAMS]),
        "macs": int(totals[Column.MACS]),
        "cell_degrees": tuple([degree * SCORE_UNIT for degree in degrees]),
    }


def nn_degrees(problem: Problem | Tiled, scores: Any, places: Callable[[], tuple[Any, Any]]) -> Any:
    """Return the NN-Degrees of configurations: their scores, or anew where these are a topology's.

    places: returns their places in tables, as arrays (`places_of`); called only then.
    """
    if problem.of_degrees:
        return scores
    variants, rows = places()
    import numpy as np

    from .._core.costing import batch

    return np.asarray(batch.evaluate(problem.plain.tables, variants, rows)[Metric.SCORE])
