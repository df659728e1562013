"""What a fitted predictor says of each of its networks when that is left out of the fit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..base.record import Record
from ..errors import ArgumentError
from ..networks.degree import nn_degree
from .cell_terms import terms_of
from .evidence import reach_of
from .features import DESIGN
from .fit import fitted_hat
from .fitting import fit_linear, groups_of, left_out, logit
from .grown import covariance, is_design

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .grown import Grown
    from .predictor import AccuracyPredictor

    Array = NDArray[np.float64]

__all__ = ["LeftOut", "left_out_of"]


class LeftOut(Record):
    """Networks left out one by one, with those that nothing tells from them.

    Parameters
    ----------
    measured, predicted, low, high : array, shape (n,)
        Accuracies in [0, 1]; low and high are the ends of the intervals.
    names : tuple of str
        What the networks are, where that is known.
    """

    measured: Array
    predicted: Array
    low: Array
    high: Array
    names: tuple[str, ...] = ()

    @property
    def held(self) -> float:
        """Share of the networks that their intervals hold."""
        inside = (self.low <= self.measured) & (self.measured <= self.high)
        return float(np.mean(inside))


def left_out_of(predictor: AccuracyPredictor, level: float = 0.9) -> LeftOut:
    """Return the left-out predictions of a predictor's own networks.

    Raises
    ------
    ArgumentError
        If the predictor does not hold them.
    """
    if predictor.evidence is None:
        raise ArgumentError(
            "there are no left-out predictions: the predictor was made by hand, not fitted"
        )
    if predictor.grown is not None:
        return _of_grown(predictor.grown, level)
    if len(predictor.trained) < 2:
        raise ArgumentError(
            "there are no left-out predictions: the predictor does not hold the networks that it "
            f"was fitted on ({predictor.evidence.report.networks} of them); AccuracyPredictor.fit "
            "keeps them, and to_json writes them"
        )
    nets = [net for net, _ in predictor.trained]
    y = np.array([accuracy for _, accuracy in predictor.trained])
    values = np.array([terms_of(net).design() for net in nets])
    degrees = np.array([nn_degree(net) for net in nets])
    hat, fitted = fitted_hat(values, degrees, y, predictor.kind)
    z = logit(y)
    errors, variances = left_out(hat, z - fitted, groups_of(values))
    names = tuple(_name(net) for net in nets)
    return _made(y, z - errors, variances, predictor.evidence.scores, level, names)


def _of_grown(grown: Grown, level: float) -> LeftOut:
    """Return the same of a grown one, whose own rows are all that it needs."""
    x, z = np.array(grown.rows, dtype=float), np.array(grown.targets)
    groups = groups_of(x)
    k = covariance(x, x, np.array(grown.linear), np.array(grown.narrow), grown.amplitude)
    hat = k @ np.linalg.inv(k + grown.noise * np.eye(len(z)))
    errors, variances = left_out(hat, z - z.mean() - hat @ (z - z.mean()), groups)
    places = [column for column, name in enumerate(grown.columns) if is_design(name)]
    assert len(places) <= len(DESIGN)
    if places:
        designs = x[:, places]  # standardised: a linear fit is the same
        model = fit_linear(designs, z)
        own = z - model.intercept - designs @ model.coefficients
        plain, _ = left_out(model.hat, own, groups_of(designs))
    else:
        plain = (z - z.mean()) * len(z) / (len(z) - 1.0)
    errors = plain + grown.share * (errors - plain)
    return _made(_accuracies(z), z - errors, variances, grown.scores, level, ())


def _made(
    y: Array,
    z: Array,
    variances: Array,
    scores: tuple[float, ...],
    level: float,
    names: tuple[str, ...],
) -> LeftOut:
    half = reach_of(scores, level) * np.sqrt(variances)
    return LeftOut(y, _accuracies(z), _accuracies(z - half), _accuracies(z + half), names)


def _accuracies(z: Array) -> Array:
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(z, -700.0, 700.0))))


def _name(net: object) -> str:
    text = str(net) if hasattr(net, "row") or hasattr(net, "cells") else ""
    return text if len(text) <= 300 else f"{text[:297]}..."
