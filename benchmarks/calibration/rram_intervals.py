"""Prediction intervals of the RRAM targets: networks left out of the fit, one group at a time.

Coefficients are fitted on layers, errors and distances are those of networks: the leverage of a
network is that of its totals among the totals of the networks fitted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from fitting import coverage, half_widths, interval_table, splits
from rram_model import COLUMNS, MJ, MM2, MS, N_SPLITS, SEED, Model, Runs, to_fit

if TYPE_CHECKING:
    from fitting import Array, Mask

METRICS = ("area_mm2", "energy_mj", "latency_ms")
RIDGE = 0.1  # in place of the layers, which tell coefficients apart that the networks do not


def measured(runs: Runs) -> dict[str, Array]:
    """Return the metrics of the networks in the target's units."""
    return {
        "area_mm2": runs.area * MM2,
        "energy_mj": (runs.total_dynamic + runs.total_leak) * MJ,
        "latency_ms": runs.total_latency * MS,
    }


def terms(model: Model, runs: Runs, metric: str) -> tuple[list[str], Array, Array]:
    """Return the names of a metric's coefficients above 0, their columns, and themselves.

    As `flash.hardware._terms.terms` gives them: the chip's class taken as known.
    """
    unit = metric.rsplit("_", 1)[1]
    parts = {metric: None, f"bus_in_{unit}": 0, f"bus_out_{unit}": 1}
    known = model.coefficients()
    names, columns, values = [], [], []
    for column, way in parts.items():
        if column not in COLUMNS:
            continue
        for name, feature in zip(COLUMNS[column], runs.columns(column).T, strict=True):
            if name not in known[column]:
                continue
            total = runs.total(feature)
            if way is not None:
                total = total * runs.factor[:, way + (2 if unit == "mj" else 0)]
            names.append(f"{column}.{name}")
            columns.append(total)
            values.append(known[column][name])
    return names, np.stack(columns, axis=1), np.array(values)


def tables(
    runs: Runs, use: Mask, model: Model, judged: Runs | None = None
) -> dict[str, dict[str, Any]]:
    """Return the interval table of each metric, of a model fitted on the networks of `use`.

    judged: further networks, which no fit has seen: their errors count as they are.
    """
    groups, wanted = np.array(runs.groups), measured(runs)
    left = {metric: np.full(len(groups), np.nan) for metric in METRICS}
    for group in np.unique(groups[use]):
        out = use & (groups == group)
        ratios = Model(runs, use & ~out).totals(runs)
        for metric in METRICS:
            left[metric][out] = (ratios[metric] * wanted[metric])[out]
    result = {}
    for metric in METRICS:
        names, columns, values = terms(model, runs, metric)
        parts = [(columns[use], wanted[metric][use], left[metric][use], groups[use])]
        if judged is not None:
            y = measured(judged)[metric]
            own = np.array(judged.groups) + groups.max() + 1
            found = model.totals(judged)[metric] * y
            parts.append((terms(model, judged, metric)[1], y, found, own))
        together = [np.concatenate(one) for one in zip(*parts, strict=True)]
        result[metric] = {"terms": names, **interval_table(*together, values, RIDGE)}
    return result


def covered(
    runs: Runs, use: Mask, judge: Mask, model: Model, other: Runs | None = None
) -> dict[str, Mask]:
    """Return for each metric whether the 90 % intervals of a model fitted on `use` hold: for the
    networks of `judge`, or for those of other runs."""
    made = tables(runs, use, model)
    at = runs if other is None else other
    ratios = model.totals(at)
    result = {}
    for metric, y in measured(at).items():
        chosen = judge if other is None else np.ones(len(y), bool)
        ratio = ratios[metric][chosen]
        width = half_widths(made[metric], terms(model, at, metric)[1][chosen], ratio * y[chosen])
        result[metric] = np.abs(np.log(ratio)) <= width
    return result


def coverage_held_out(runs: Runs) -> dict[str, float]:
    """Return how many of the networks held out their intervals hold, in percent."""
    found: dict[str, list[Mask]] = {}
    for use in splits(runs.groups, to_fit(runs), N_SPLITS, SEED):
        for metric, one in covered(runs, use, ~use, Model(runs, use)).items():
            found.setdefault(metric, []).append(one)
    return {metric: coverage(one) for metric, one in found.items()}
