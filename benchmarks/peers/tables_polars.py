"""Batch metrics from tables by polars expressions, for the job of ``flash.evaluate``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from flash._core.tables import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from benchmarks.twins import TableTwin


def evaluate_polars(twin: TableTwin, choices: Any, lengths: Sequence[int]) -> Any:
    """Return the six metrics, shape (6, n): rows are gathered from the tables and added."""
    import polars

    variants, rows = twin.rows_of(choices, lengths)
    cells = rows.shape[1]
    places = {f"c{c}": twin.first[variants, c] + rows[:, c] for c in range(cells)}
    frame = polars.DataFrame(places).lazy()
    tables = [polars.Series(name, twin.columns[k]) for k, name in enumerate(COLUMNS)]
    frame = frame.select(
        [
            sum(
                (polars.lit(table).gather(polars.col(f"c{c}")) for c in range(1, cells)),
                start=polars.lit(table).gather(polars.col("c0")),
            ).alias(name)
            for table, name in zip(tables, COLUMNS, strict=True)
        ]
    )
    q = twin.quantum
    scale_max, latency_factor, energy_factor, area_offset = (
        polars.Series(f"k{k}", column) for k, column in enumerate(twin.classes)
    )
    own = polars.col("scale").map_batches(
        lambda s: polars.Series(np.searchsorted(scale_max.to_numpy(), s.to_numpy())),
        return_dtype=polars.Int64,
    )
    frame = frame.with_columns(own.alias("class"))
    f, h, a = (
        polars.lit(one).gather(polars.col("class"))
        for one in (latency_factor, energy_factor, area_offset)
    )
    frame = frame.with_columns(
        (q[1] * polars.col("latency") + f * (q[1] * polars.col("latency_scaled"))).alias("ms")
    )
    table = frame.select(
        (q[0] * polars.col("score")).alias("0"),
        polars.col("ms"),
        (
            (q[2] * polars.col("energy") + h * (q[2] * polars.col("energy_scaled")))
            + (twin.leakage * polars.col("scale")) * polars.col("ms")
        ).alias("2"),
        (q[3] * polars.col("area") + a).alias("3"),
        polars.col("params"),
        polars.col("macs"),
    ).collect()
    return [column.to_numpy() for column in table]
