"""evaluate(): the metrics of any batch of configurations, as columns."""

from __future__ import annotations

import os

from ._core.costing import batch
from ._core.costing import choices as choices_core
from .base.checks import integer, path_of, public, shown, writable
from .base.names import COSTS, Metric
from .base.record import Reported
from .errors import ArgumentError, ArgumentTypeError
from .hardware.target import as_target
from .predictors.predictor import as_predictor
from .problem.compiling import MACS, PARAMS, Problem, as_space, compile_any
from .spaces.index import table_rows

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any, overload

    import pyarrow
    from numpy.typing import ArrayLike, NDArray
    from pandas import DataFrame

    from .base.html import Part, Row
    from .base.pages import Section
    from .hardware.target import Target
    from .predictors.predictor import AccuracyPredictor
    from .problem.tiling import Tiled
    from .spaces.space import SearchSpace
    from .spaces.tabled import TabledSpace

__all__ = ["Table", "evaluate"]

CHUNK = 1 << 18  # rows of a row group
SHARE = 1 << 17  # configurations of a thread's turn: about a millisecond
FLAT = 1 << 13  # flat indices of a thread's turn: they and their rows stay in its own caches
SHOWN = 20  # rows in a notebook
ALONE = 1 << 18  # fewer are evaluated on one thread


@public
class Table(dict[str, "NDArray[Any]"], Reported):
    """Columns of equal length by name, as numpy arrays: a dict, and more where asked."""

    @property
    def rows(self) -> int:
        """Rows of the table."""
        return len(next(iter(self.values()))) if self else 0

    def _parts(self) -> list[Part]:
        n = self.rows
        some = range(n) if n <= SHOWN else [*range(SHOWN // 2), *range(n - SHOWN // 2, n)]
        rows: list[Row] = [["", *self]]
        rows += [[str(i), *(f"{column[i]:.6g}" for column in self.values())] for i in some]
        if n > SHOWN:
            rows.insert(1 + SHOWN // 2, f"... {n - SHOWN:,} more ...")
        return [(rows, 1, True), f"{n:,} rows"]

    def _line(self) -> str:
        return f"{self.rows:,} rows of {', '.join(self)}"

    def _title(self) -> str:
        return f"table of {self.rows:,} rows"

    def _sections(self) -> list[Section]:
        from .base.html import some_of
        from .base.pages import ROWS, cut

        some = some_of(self.rows, ROWS)
        rows: list[Row] = [["row", *self]]
        rows += [[str(i), *(f"{column[i]:.6g}" for column in self.values())] for i in some]
        where = "table.to_frame(), table.to_parquet(path)"
        told = [(rows, 0, True), *cut(len(some), self.rows, "rows", where)]
        return [("", [*self._charts(), *told])]

    def to_frame(self) -> DataFrame:
        """Return a pandas DataFrame that shares the columns."""
        from .base.extras import require

        frame: DataFrame = require("to_frame()", "plot", "pandas").DataFrame(dict(self), copy=False)
        return frame

    def to_arrow(self) -> pyarrow.Table:
        """Return a pyarrow Table that shares the columns."""
        from .base.extras import need_pyarrow

        need_pyarrow()
        import pyarrow

        return pyarrow.table(dict(self))

    def to_parquet(self, path: str | os.PathLike[str]) -> None:
        """Write a Parquet file; it is either complete or not there."""
        _write(path, iter([self]))


if TYPE_CHECKING:

    @overload
    def evaluate(
        space: TabledSpace | str | os.PathLike[str],
        target: Target | str | os.PathLike[str],
        choices: ArrayLike,
        predictor: AccuracyPredictor | str | os.PathLike[str] | None = None,
        *,
        threads: int | None = None,
        out: None = None,
        chunk: int | None = None,
    ) -> Table: ...
    @overload
    def evaluate(
        space: TabledSpace | str | os.PathLike[str],
        target: Target | str | os.PathLike[str],
        choices: ArrayLike | Iterator[ArrayLike],
        predictor: AccuracyPredictor | str | os.PathLike[str] | None = None,
        *,
        threads: int | None = None,
        out: str | os.PathLike[str],
        chunk: int | None = None,
    ) -> int: ...


@public
def evaluate(
    space: TabledSpace | str | os.PathLike[str],
    target: Target | str | os.PathLike[str],
    choices: ArrayLike | Iterator[ArrayLike],
    predictor: AccuracyPredictor | str | os.PathLike[str] | None = None,
    *,
    threads: int | None = None,
    out: str | os.PathLike[str] | None = None,
    chunk: int | None = None,
) -> Table | int:
    """Evaluate configurations of a space.

    Parameters
    ----------
    space : SearchSpace, name or path
    target : Target, name or path
    choices : array-like of int, shape (n, variables) or (n,), or an iterator of them
        Rows of choice indices (see `SearchSpace.variables`), or flat indices. Small integer types
        are read as they are, and fastest. An iterator needs `out`.
    predictor : AccuracyPredictor or path, optional
    threads : int, optional
        All processors by default; the columns are the same for any number.
    out : path, optional
        Write a Parquet file, a chunk at a time, instead of returning the columns: memory does not
        grow with n. The file is complete or not there.
    chunk : int, optional
        Rows of a row group in `out`; 262,144 by default.

    Returns
    -------
    Table, or int
        A dict of arrays of shape (n,): "nn_degree", "accuracy" (with a predictor), the target's
        costs ("latency_ms", "energy_mj", "area_mm2"), "params" and "macs", bit for bit what a
        search reports; with ``to_frame()``, ``to_arrow()`` and ``to_parquet(path)``. With `out`
        the number of rows written.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        If an argument is not accepted; an index out of its bounds is named.
    """
    space, target = as_space(space), as_target(target)
    predictor = as_predictor(predictor, space.family)
    threads = (os.cpu_count() or 1) if threads is None else integer("threads", threads, 1, 4096)
    chunk = CHUNK if chunk is None else integer("chunk", chunk, 1, 1 << 24)
    stream = hasattr(choices, "__next__")
    if stream and out is None:
        raise ArgumentError("choices can be an iterator only where out names a file for the rows")
    if out is not None:
        out = writable("out", out)
    problem = compile_any(space, target, predictor, PARAMS | MACS)
    if out is None:
        return _evaluate(problem, choices, threads)
    batches: Any = choices if stream else _pieces(choices, chunk)
    return _write(out, (_evaluate(problem, one, threads) for one in batches), chunk)


def _pieces(choices: Any, chunk: int) -> Iterator[Any]:
    if not hasattr(choices, "__getitem__") or not hasattr(choices, "__len__"):
        raise ArgumentTypeError(
            f"choices must be an array, a list or an iterator of them, got {shown(choices)}"
        )
    return (choices[at : at + chunk] for at in range(0, max(1, len(choices)), chunk))


def _evaluate(problem: Problem | Tiled, choices: Any, threads: int) -> Table:
    import numpy as np

    space = problem.space
    array = None if space.numbering is not None else _integers(space, choices)
    if not isinstance(problem, Problem):
        columns, params, macs = _on_tiles(problem, choices, array)
    elif array is None:
        variants, rows = table_rows(space, choices)
        metrics = np.asarray(batch.evaluate(problem.tables, variants, rows))
        columns = list(metrics[: Metric.PARAMS])
        params = metrics[Metric.PARAMS].astype(np.int64)
        macs = metrics[Metric.MACS].astype(np.int64)
    else:
        columns = [np.empty(len(array)) for _ in range(Metric.PARAMS)]
        params, macs = np.empty(len(array), np.int64), np.empty(len(array), np.int64)
        fill = _fill if array.ndim == 2 else _fill_flat
        fill(problem, array, columns, params, macs, threads)
    given = choices if array is None else array
    out = Table(nn_degree=_degrees(problem, given, columns[Metric.SCORE], threads))
    if problem.predictor is not None:
        out["accuracy"] = accuracies_of(problem, columns[Metric.SCORE])
    out.update(problem.target.costs_among(columns))
    out["params"] = params
    out["macs"] = macs
    return out


def _on_tiles(problem: Tiled, choices: Any, array: Any) -> tuple[list[Any], Any, Any]:
    """Return the same columns of a space whose networks are on several tiles."""
    import numpy as np

    from ._core.sweep import stream

    if array is not None and array.ndim == 1:
        _check_flat(problem.space, array)
        variants: Any = np.empty(len(array), np.int32)
        rows: Any = np.empty((len(array), len(problem.space.cell_choices)), np.int32)
        stream.place_rows(problem.tables, array, variants, rows)
    else:
        variants, rows = table_rows(problem.space, choices)
    *columns, params, macs = problem.metrics(variants, rows)
    return columns, params.astype(np.int64), macs.astype(np.int64)


def _integers(space: SearchSpace, choices: Any) -> Any:
    """Return choices as an array that the core reads in place; None for all else."""
    import numpy as np

    if isinstance(choices, (list, tuple, range)):
        try:  # at once: one by one takes fifty times as long
            choices = np.asarray(choices)
        except (ValueError, OverflowError, MemoryError):
            return None  # the slow way says what is wrong
    if not isinstance(choices, np.ndarray) or choices.dtype.kind not in "iu":
        return None
    if choices.ndim == 2 and choices.dtype not in (np.uint32, np.uint64):
        return np.ascontiguousarray(choices)
    if choices.ndim == 1 and choices.dtype != np.uint64 and space.size < 2**63:
        return choices.astype(np.int64)
    return None


def _fill(
    problem: Problem, array: Any, columns: list[Any], params: Any, macs: Any, threads: int
) -> None:
    import numpy as np

    space = problem.space
    lengths: Any = np.array(space.lengths, np.int64)
    if array.shape[1] != len(lengths):
        table_rows(space, array)  # says what is wrong
    n = len(array)
    choices_core.prepare(problem.tables, n)
    modelled = [True, *(name in problem.target.metrics for name in COSTS)]
    out = [c if known else None for c, known in zip(columns, modelled, strict=True)]

    def fill(first: int) -> int:
        return choices_core.evaluate_choices(
            problem.tables,
            array,
            lengths,
            space.variables_per_cell,
            space.widths is not None,
            first,
            min(n, first + share),
            out,
            params,
            macs,
        )

    share = n if threads == 1 or n <= ALONE else SHARE
    wrong = [one for one in _in_turns(fill, n, share, threads) if one >= 0]
    if wrong:
        _refuse(space, array, min(wrong) // len(lengths))


def _fill_flat(
    problem: Problem, index: Any, columns: list[Any], params: Any, macs: Any, threads: int
) -> None:
    import numpy as np

    from ._core.sweep import stream

    _check_flat(problem.space, index)
    n, cells = len(index), len(problem.space.cell_choices)
    choices_core.prepare(problem.tables, n)

    def fill(first: int) -> None:
        own = index[first : first + FLAT]
        variants: Any = np.empty(len(own), np.int32)
        rows: Any = np.empty((len(own), cells), np.int32)
        stream.place_rows(problem.tables, own, variants, rows)
        metrics = batch.evaluate(problem.tables, variants, rows)
        for column, metric in zip([*columns, params, macs], metrics, strict=True):
            column[first : first + FLAT] = metric

    _in_turns(fill, n, FLAT, 1 if n <= ALONE else threads)


def _check_flat(space: SearchSpace, index: Any) -> None:
    """Name the first flat index that is out of its bounds."""
    import numpy as np

    last = space.size - 1
    out_of_range = np.flatnonzero((index < 0) | (index > last))
    if len(out_of_range):
        i = int(out_of_range[0])
        integer(f"choices[{i}]", int(index[i]), 0, last)


def _in_turns(call: Callable[[int], Any], n: int, share: int, threads: int) -> list[Any]:
    """Return what a call makes of the start of each share of n configurations."""
    starts = range(0, n, max(1, share))
    if threads == 1 or len(starts) < 2:
        return [call(first) for first in starts]
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(call, starts))


def _refuse(space: SearchSpace, array: Any, i: int) -> None:
    """Name the first choice that is out of its bounds."""
    for k, (value, length) in enumerate(zip(array[i].tolist(), space.lengths, strict=True)):
        if not 0 <= value < length:
            raise ArgumentError(
                f"choices[{i}][{k}] ({space.variables[k]}) must be in 0..{length - 1}, got {value}"
            )


def accuracies_of(problem: Problem | Tiled, scores: Any) -> Any:
    """Return what the predictor makes of scores, as a search reports it."""
    import numpy as np

    from ._core.sweep.stream import accuracies

    out: Any = np.empty(len(scores))
    same: Any = np.ascontiguousarray(scores)
    accuracies(problem.tables, same, out)
    if problem.predictor is not None:
        for i in np.flatnonzero(out < 1e-300).tolist():  # it caps what it takes the exp of
            out[i] = problem.predictor.accuracy_of(float(scores[i]))
    return out


def _degrees(problem: Problem | Tiled, choices: Any, scores: Any, threads: int) -> Any:
    """Return the NN-Degrees of configurations: their scores, or anew where these are others."""
    if problem.of_degrees:
        return scores
    return _evaluate(problem.plain, choices, threads)["nn_degree"]


def _write(path: str | os.PathLike[str], tables: Iterable[Table], chunk: int = CHUNK) -> int:
    """Write tables as one Parquet file; how many rows."""
    from contextlib import suppress

    from .base.extras import need_pyarrow

    parquet = need_pyarrow()
    import pyarrow

    path = path_of("path", path)
    part = f"{path}.{os.urandom(6).hex()}.tmp"
    rows = 0
    out = None
    try:
        for table in tables:
            arrow = pyarrow.table(dict(table))
            if out is None:
                out = parquet.ParquetWriter(
                    part, arrow.schema, compression="zstd", use_dictionary=False
                )
            out.write_table(arrow, row_group_size=chunk)
            rows += arrow.num_rows
        if out is None:
            raise ArgumentError("choices must hold at least one array")
        out.close()
        os.replace(part, path)
        return rows
    except OSError as error:
        raise type(error)(error.errno, error.strerror or str(error), path) from None
    finally:
        if out is not None:
            with suppress(OSError):
                out.close()
        with suppress(OSError):
            os.unlink(part)
