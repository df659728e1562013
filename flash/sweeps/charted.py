"""Charts of a sweep: histograms of what is within the budgets, and the best ones."""

from __future__ import annotations

from ..base.names import LIMITED
from ..charts.metrics import metric_axis
from ..errors import ArgumentError
from ..results.histograms import histograms_chart, parallel_chart
from ..results.screen import count

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from ..charts.chart import Chart
    from .result import SweepResult

__all__ = ["KINDS", "chart_of", "charts_of"]

KINDS = ("histograms", "parallel")
SAMPLE = 1000  # rows of the folder that are drawn
METRICS = ("accuracy", "nn_degree", "latency_ms", "energy_mj", "area_mm2", "params", "macs")


def chart_of(sweep: SweepResult, kind: str) -> Chart:
    """Return the chart of ``sweep.plot(kind=...)``.

    Raises
    ------
    ArgumentError
        If there is nothing to draw; the message says why.
    """
    if kind == "histograms":
        if not sweep.histograms:
            raise ArgumentError("there are no histograms: they were not asked for (bins=0)")
        if not sweep.feasible:
            why = f": {sweep.message}" if sweep.message else ""
            raise ArgumentError(f"no configuration is within the budgets{why}")
        return _histograms(sweep)
    if not sweep.top:
        raise ArgumentError("there are no best ones to draw: ask for them (top=10)")
    return _parallel(sweep)


def charts_of(sweep: SweepResult) -> list[Chart]:
    """Return the charts of a sweep's page: those that it has something for."""
    found = []
    if sweep.histograms and sweep.feasible:
        found.append(_histograms(sweep))
    if len(sweep.top) > 1:
        found.append(_parallel(sweep))
    return found


def _title(sweep: SweepResult) -> str:
    what = "a sample of " if sweep.sample is not None else ""
    share = sweep.feasible / sweep.count if sweep.count else 0.0
    return (
        f"{sweep.space.family} on {sweep.target}: {count(sweep.feasible)} of {what}"
        f"{count(sweep.count)} configurations within the budgets ({100 * share:.3g} %)"
    )


def _histograms(sweep: SweepResult) -> Chart:
    best = sweep.best
    limits = {LIMITED[name]: limit for name, limit in sweep.budgets.items()}
    own: dict[str, float] = {}
    for name in sweep.histograms or {}:
        value = None if best is None else getattr(best, name, None)
        if value is not None:
            own[name] = float(value)
    notes = [f"where {sweep.where}"] if sweep.where else []
    if not sweep.complete:
        notes.append(f"ended early: {count(sweep.count)} of {count(sweep.size)} were looked at")
    return histograms_chart(
        _title(sweep),
        sweep.histograms or {},
        counted="configurations",
        limits=limits,
        best=own,
        notes=notes,
    )


def _parallel(sweep: SweepResult) -> Chart:
    from ..spaces.values import values_at

    by = sweep.objective_name
    columns: dict[str, list[Any]] = {by: [one.objective for one in sweep.top]}
    for name in METRICS:
        values = [getattr(one, name) for one in sweep.top]
        if all(value is not None for value in values):
            columns.setdefault(name, values)
    space = sweep.space
    rows = [values_at(space, one.x or ()) for one in sweep.top]
    for place, name in enumerate(space.variables):
        columns[name] = [row[place] for row in rows]
    behind, notes = _sampled(sweep)
    if behind is not None and by not in behind:  # a product of what it has
        behind, notes = (
            None,
            [f"rows of {sweep.out} are not shown: they have no {metric_axis(by).title}"],
        )
    notes = [f"the {len(sweep.top)} best by {metric_axis(by).title}", *notes]
    return parallel_chart(_title(sweep), columns, by=by, behind=behind, notes=notes)


def _sampled(sweep: SweepResult) -> tuple[Mapping[str, Sequence[Any]] | None, list[str]]:
    """Return some of the rows of a sweep's folder, at even distances, where it is there."""
    import os

    if sweep.out is None or not sweep.rows:
        return None, []
    if not os.path.isdir(sweep.out):
        return None, [f"its rows are not shown: there is no folder {sweep.out} here"]
    columns = read_rows(sweep.out, SAMPLE)
    shown = len(next(iter(columns.values())))
    return columns, [f"{shown:,} of the {sweep.rows:,} rows in {sweep.out}, at even distances"]


def read_rows(folder: str, most: int) -> dict[str, Any]:
    """Return rows of a sweep's folder at even distances, as columns without the index: only the
    row groups that hold them are read."""
    import os

    import numpy as np

    from ..base.extras import need_pyarrow

    parquet = need_pyarrow()
    names = sorted(name for name in os.listdir(folder) if name.endswith(".parquet"))
    files = [parquet.ParquetFile(os.path.join(folder, name)) for name in names]
    try:
        groups = [
            (file, k, file.metadata.row_group(k).num_rows)
            for file in files
            for k in range(file.metadata.num_row_groups)
        ]
        total = sum(rows for _, _, rows in groups)
        wanted = np.unique(np.linspace(0, max(0, total - 1), min(most, total)).astype(np.int64))
        found: dict[str, list[Any]] = {}
        first = 0
        for file, k, rows in groups:
            some = wanted[(wanted >= first) & (wanted < first + rows)] - first
            first += rows
            if not len(some):
                continue
            table = file.read_row_group(k)
            for name in table.column_names:
                if name != "index":
                    found.setdefault(name, []).append(table[name].to_numpy()[some])
    finally:
        for file in files:
            file.close()
    return {name: np.concatenate(own) for name, own in found.items()}
