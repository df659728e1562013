"""Batch metrics from tables by polars expressions, for the job of ``flash.evaluate``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from benchmarks.twins.links import PARAMS, PEAK
from flash._core.tables.tables import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from benchmarks.twins.tables import TableTwin


def evaluate_polars(twin: TableTwin, choices: Any, lengths: Sequence[int]) -> Any:
    """Return the six metrics, shape (6, n): rows are gathered from the tables and added."""
    import polars

    variants, rows = twin.rows_of(choices, lengths)
    cells = rows.shape[1]
    places = {f"c{c}": twin.first[variants, c] + rows[:, c] for c in range(cells)}
    frame = polars.DataFrame(places).lazy()
    present = [k for k in range(len(COLUMNS)) if twin.columns[k].any() or k >= PARAMS]
    tables = {COLUMNS[k]: polars.lit(polars.Series(twin.columns[k])) for k in present}

    def total(name: str) -> Any:
        parts = [tables[name].gather(polars.col(f"c{c}")) for c in range(cells)]
        return polars.max_horizontal(parts) if name == COLUMNS[PEAK] else sum(parts[1:], parts[0])

    frame = frame.select([total(name).alias(name) for name in tables])

    def column(name: str) -> Any:
        return polars.col(name) if name in tables else polars.lit(0.0)

    links = twin.links
    q, (leakage, per_scale) = links.quantum, links.numbers
    own = column("scale").map_batches(
        lambda s: polars.Series(np.searchsorted(links.bounds, s.to_numpy())),
        return_dtype=polars.Int64,
    )
    frame = frame.with_columns(own.alias("class"))
    _, f_in, f_out, h_in, h_out, leak_out, of_class = (
        polars.lit(polars.Series(one)).gather(polars.col("class")) for one in links.classes.T
    )
    out = q[1] * column("latency_out")
    latency = q[1] * column("latency") + (f_in * (q[1] * column("latency_in")) + f_out * out)
    energy = q[2] * column("energy") + (
        h_in * (q[2] * column("energy_in")) + h_out * (q[2] * column("energy_out"))
    )
    leaking = q[1] * column("leak") + (f_in * (q[1] * column("leak_in")) + leak_out * out)
    area = q[3] * (column("area") + column("peak")) + (per_scale * column("scale") + of_class)
    table = frame.select(
        (q[0] * polars.col("score")).alias("0"),
        latency.alias("1"),
        (energy + (leakage * column("scale")) * leaking).alias("2"),
        area.alias("3"),
        polars.col("params"),
        polars.col("macs"),
    ).collect()
    return [column.to_numpy() for column in table]
