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
    runs: Runs, use: Mask, model: Model, judged: Runs | None = None, part: Mask | None = None
) -> dict[str, dict[str, Any]]:
    """Return the interval table of each metric, of a model fitted on the networks of `use`.

    judged: further networks, which no fit has seen: their errors count as they are; part: of them.
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
            chosen = np.ones(len(judged.names), bool) if part is None else part
            y = measured(judged)[metric]
            own = np.array(judged.groups) + groups.max() + 1
            further = (terms(model, judged, metric)[1], y, model.totals(judged)[metric] * y, own)
            parts.append(tuple(one[chosen] for one in further))
        together = [np.concatenate(one) for one in zip(*parts, strict=True)]
        result[metric] = {"terms": names, **interval_table(*together, values, RIDGE)}
    return result


def covered(runs: Runs, use: Mask, judge: Mask, model: Model) -> dict[str, Mask]:
    """Return for each metric whether the 90 % intervals of a model fitted on `use` hold the
    networks of `judge`."""
    return _held(tables(runs, use, model), runs, judge, model)


def _held(made: dict[str, Any], runs: Runs, judge: Mask, model: Model) -> dict[str, Mask]:
    ratios = model.totals(runs)
    result = {}
    for metric, y in measured(runs).items():
        ratio = ratios[metric][judge]
        columns = terms(model, runs, metric)[1][judge]
        width = half_widths(made[metric], columns, ratio * y[judge])
        result[metric] = np.abs(np.log(ratio)) <= width
    return result


def coverage_held_out(runs: Runs) -> dict[str, float]:
    """Return how many of the networks held out their intervals hold, in percent."""
    found: dict[str, list[Mask]] = {}
    for use in splits(runs.groups, to_fit(runs), N_SPLITS, SEED):
        for metric, one in covered(runs, use, ~use, Model(runs, use)).items():
            found.setdefault(metric, []).append(one)
    return {metric: coverage(one) for metric, one in found.items()}


def covered_by_halves(
    runs: Runs, model: Model, judged: Runs, draws: int, seed: int
) -> dict[str, list[Mask]]:
    """Return for each metric and draw whether intervals hold one half of the judged runs, which
    neither the fit nor the table has seen: the table is of the fitted runs and the other half."""
    rng = np.random.default_rng(seed)
    every = np.ones(len(runs.names), bool)
    found: dict[str, list[Mask]] = {}
    for _ in range(draws):
        part = rng.permutation(len(judged.names)) < len(judged.names) // 2
        made = tables(runs, every, model, judged, part)
        for metric, one in _held(made, judged, ~part, model).items():
            found.setdefault(metric, []).append(one)
    return found
