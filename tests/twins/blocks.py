"""What compiled tables of a space of blocks say of its networks."""

from __future__ import annotations

from typing import Any

import numpy as np

from flash._core.costing import batch
from flash.base.names import Metric
from flash.problem.blocks import compile_blocks

NAMES = {
    "score": Metric.SCORE,
    "latency_ms": Metric.LATENCY,
    "energy_mj": Metric.ENERGY,
    "area_mm2": Metric.AREA,
    "params": Metric.PARAMS,
    "macs": Metric.MACS,
}


def told_by_tables(
    space: Any, target: Any, nets: Any, predictor: Any = None
) -> list[dict[str, float]]:
    """The metrics of networks, read from the tables of their space."""
    problem = compile_blocks(space, target, predictor)
    choices = np.array([net.row for net in nets], np.int64).reshape(len(nets), -1)
    variants, rows = space.numbering.places_of(choices)
    metrics = np.asarray(batch.evaluate(problem.tables, variants, rows))
    return [{name: float(metrics[at, k]) for name, at in NAMES.items()} for k in range(len(nets))]
