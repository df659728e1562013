"""Fitting a predictor: checks, the fit, left-out errors, baselines. Loads numpy."""

from __future__ import annotations

from math import isnan, log
from typing import TYPE_CHECKING, Any

import numpy as np

from ..base.checks import is_list, number, shown
from ..errors import ArgumentError, ArgumentTypeError
from ..networks.architecture import Architecture
from ..networks.degree import nn_degree
from .cell_terms import BASIS, TOTALS, terms_of
from .degree_curve import gradient
from .evidence import Evidence, Report, ReportRow
from .fitting import chance_of, fit_degree, fit_linear, groups_of, left_out, logit, spearman
from .score import LARGEST, TopologyScore, logistic

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ..networks.cell_networks import Net

    Array = NDArray[np.float64]

__all__ = ["LEAST", "fit", "fit_values", "fitted_hat", "means"]

MOST = 1_000_000
STRIDES = len(BASIS) + len(TOTALS)  # their place in a design
LEAST = {"topology": 8, "nn-degree": 3}


def fit(
    architectures: Any, accuracies: Any, kind: str
) -> tuple[TopologyScore | tuple[float, float, float], Evidence]:
    """Return a kind's numbers and their evidence, from what `AccuracyPredictor.fit` takes."""
    nets, y = _checked(architectures, accuracies)
    terms = [terms_of(net) for net in nets]
    degrees = np.array([nn_degree(net) for net in nets])
    families = tuple(sorted({net.family for net in nets if isinstance(net, Architecture)}))
    if len(families) and not all(isinstance(net, Architecture) for net in nets):
        families = ()  # imported networks are of any family
    values = np.array([one.design() for one in terms]).reshape(len(nets), STRIDES + 1)
    depths = np.array([float(sum(cell.convs for cell in one.cells)) for one in terms])
    return fit_values(values, degrees, y, kind, families, depths)


def means(nets: Any, accuracies: Any) -> tuple[tuple[Net, float], ...]:
    """Return each network once, with the mean of its accuracies."""
    found: dict[Net, list[float]] = {}
    for net, accuracy in zip(nets, accuracies, strict=True):
        found.setdefault(net, []).append(float(accuracy))
    return tuple((net, sum(own) / len(own)) for net, own in found.items())


def fit_values(
    values: Array,
    degrees: Array,
    y: Array,
    kind: str,
    families: tuple[str, ...] = (),
    depths: Array | None = None,
) -> tuple[TopologyScore | tuple[float, float, float], Evidence]:
    """Fit to what was read of the networks.

    Parameters
    ----------
    values : array, shape (n, 8)
        `NetworkTerms.design` of each network.
    degrees : array, shape (n,)
        NN-Degree of each.
    y : array, shape (n,)
        Accuracies in [0, 1].
    kind : str
    families : tuple of str
    depths : array, shape (n,), optional
        Convolutions of each, for the plain regression among the baselines.
    """
    judged = values if kind == "topology" else degrees[:, None]
    groups = groups_of(values)
    distinct = len(np.unique(judged, axis=0))
    what = "that differ in topology" if kind == "topology" else "of different NN-Degree"
    if distinct < LEAST[kind]:
        raise ArgumentError(
            f"architectures must be at least {LEAST[kind]} {what} for kind {kind!r}, got {distinct}"
        )
    z = logit(y)
    made: TopologyScore | tuple[float, float, float]
    if kind == "topology":
        made, fitted, hat, spread, centre, base = _topology(values, z)
    else:
        made, fitted, hat, spread, centre, base = _degree(degrees, y)
    errors, variances = left_out(hat, z - fitted, groups)
    baselines = {
        "params": np.exp(values[:, len(BASIS) + TOTALS.index("params")]),
        "macs": np.exp(values[:, len(BASIS) + TOTALS.index("macs")]),
        "nn_degree": np.maximum(degrees, 1e-9),
    }
    rows = [_row(kind, y, z - errors, None)]
    rows += [_baseline(name, proxy, y, z, groups) for name, proxy in baselines.items()]
    rows.append(_regression(values[:, len(BASIS) : STRIDES], depths, y, groups))
    rows.append(_baseline("mean", np.ones(len(y)), y, z, groups))
    linear = kind == "topology"
    chance = chance_of(judged, z, groups if linear else groups_of(judged), linear)
    evidence = Evidence(
        scores=tuple(np.sort(np.abs(errors) / np.sqrt(variances)).tolist()),
        centre=tuple(centre),
        spread=tuple(map(tuple, spread.tolist())),
        base=base,
        widest=float((variances - 1.0).max()),
        low=tuple(judged.min(axis=0).tolist()),
        high=tuple(judged.max(axis=0).tolist()),
        families=families,
        report=Report(tuple(rows), len(y), int(groups.max()) + 1, chance),
    )
    return made, evidence


def fitted_hat(values: Array, degrees: Array, y: Array, kind: str) -> tuple[Array, Array]:
    """Return (hat, fitted logits) of a kind's fit: see `fitting.left_out`."""
    _, fitted, hat, *_ = _topology(values, logit(y)) if kind == "topology" else _degree(degrees, y)
    return hat, fitted


def _topology(
    values: Array, z: Array
) -> tuple[TopologyScore, Array, Array, Array, list[float], float]:
    model = fit_linear(values, z)
    coefficients = np.clip(model.coefficients, -LARGEST, LARGEST).tolist()
    made = TopologyScore(
        model.intercept,
        coefficients[: len(BASIS)],
        coefficients[len(BASIS) : STRIDES],
        coefficients[STRIDES],
    )
    fitted = model.intercept + values @ model.coefficients
    return made, fitted, model.hat, model.spread, model.centre.tolist(), 1.0 / len(z)


def _degree(
    degrees: Array, y: Array
) -> tuple[tuple[float, float, float], Array, Array, Array, list[float], float]:
    top, share, decay = fit_degree(degrees, y)
    made = (share / top, decay, log((1.0 - share) / top))
    if made[0] + (1.0 - share) / top < 1.0:  # rounding must not lift accuracies above 1
        made = (made[0] * (1.0 + 1e-12), *made[1:])
    slope = np.array([gradient(*made, g) for g in degrees.tolist()])
    inverse = np.linalg.pinv(slope.T @ slope, rcond=1e-8, hermitian=True)
    fitted = logit(1.0 / (made[0] + np.exp(np.minimum(700.0, made[1] / degrees + made[2]))))
    return made, fitted, slope @ inverse @ slope.T, inverse, [0.0, 0.0, 0.0], 0.0


def _baseline(name: str, proxy: Array, y: Array, z: Array, groups: NDArray[np.intp]) -> ReportRow:
    model = fit_linear(np.log(proxy)[:, None], z)
    fitted = model.intercept + np.log(proxy) * model.coefficients[0]
    errors, _ = left_out(model.hat, z - fitted, groups)
    return _row(name, y, z - errors, proxy)


def _regression(
    totals: Array, depths: Array | None, y: Array, groups: NDArray[np.intp]
) -> ReportRow:
    """Return the row of a line through accuracies by log(MACs), log(parameters) and depth."""
    columns = [*totals.T] if depths is None else [*totals.T, depths]
    x = np.stack(columns, axis=1)
    model = fit_linear(x, y)
    errors, _ = left_out(model.hat, y - model.intercept - x @ model.coefficients, groups)
    predicted = np.clip(y - errors, 0.0, 1.0)
    rank = spearman(predicted, y)
    error = float(np.abs(predicted - y).mean())
    return ReportRow("regression", error, None if isnan(rank) else rank)


def _row(name: str, y: Array, predicted: Array, proxy: Array | None) -> ReportRow:
    error = np.mean([abs(logistic(a) - b) for a, b in zip(predicted, y, strict=True)])
    rank = spearman(predicted if proxy is None else proxy, y)
    return ReportRow(name, float(error), None if isnan(rank) else rank)


def _checked(architectures: Any, accuracies: Any) -> tuple[Sequence[Any], Array]:
    for name, given in (("architectures", architectures), ("accuracies", accuracies)):
        if isinstance(given, dict) or not is_list(given):
            raise ArgumentTypeError(
                f"{name} must be a list, got {shown(given)} ({type(given).__name__})"
            )
    if len(architectures) != len(accuracies):
        raise ArgumentError(
            "architectures and accuracies must be of one length, "
            f"got {len(architectures)} and {len(accuracies)}"
        )
    if len(architectures) > MOST:
        raise ArgumentError(f"architectures must be at most {MOST:,}, got {len(architectures):,}")
    y = [float(number(f"accuracies[{n}]", value)) for n, value in enumerate(accuracies)]
    outside = [n for n, value in enumerate(y) if not 0.0 <= value <= 1.0]
    if outside:
        first = outside[0]
        percent = all(0.0 <= value <= 100.0 for value in y)
        more = "; they look like percent: divide them by 100" if percent else ""
        raise ArgumentError(
            f"accuracies must be fractions from 0 to 1, got accuracies[{first}]={y[first]}{more}"
        )
    if len(y) > 1 and min(y) == max(y):
        raise ArgumentError(f"accuracies must differ: all {len(y)} are {y[0]}")
    return list(architectures), np.array(y, dtype=float)
