"""Fitting accuracy predictors: a Bayesian linear model, the paper's three parameters, their errors.

Imported only to fit, so that a search does not load numpy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Array = NDArray[np.float64]

__all__ = [
    "EDGE",
    "Linear",
    "fit_degree",
    "fit_linear",
    "groups_of",
    "left_out",
    "logit",
    "spearman",
]

EDGE = 1e-4  # accuracies count as at least this far from 0 and 1, where the logit has no end
PRIOR = 2.0 ** np.arange(-6, 9)  # noise over prior variance of a standardised coefficient


def logit(accuracies: Array) -> Array:
    """Return ``log(y / (1 - y))``."""
    y = np.clip(accuracies, EDGE, 1.0 - EDGE)
    return np.asarray(np.log(y / (1.0 - y)))


def groups_of(designs: Array) -> NDArray[np.intp]:
    """Return a number per row, the same for equal rows: networks that nothing tells apart."""
    _, number = np.unique(designs, axis=0, return_inverse=True)
    return np.asarray(number).reshape(-1)


class Linear:
    """A fitted linear model with what its errors need.

    Attributes
    ----------
    intercept : float
    coefficients : array, shape (features,)
    centre : array, shape (features,)
        Means of the features.
    spread : array, shape (features, features)
        With x a design less the centre, ``1/n + x @ spread @ x`` is the variance of the fitted
        mean at x over that of the noise.
    hat : array, shape (n, n)
        Fitted values are ``hat @ targets``.
    """

    def __init__(self, designs: Array, targets: Array) -> None:
        n = len(designs)
        self.centre: Array = designs.mean(axis=0)
        x = designs - self.centre
        scale = np.sqrt((x**2).mean(axis=0))
        # A constant column tells nothing; its rounding must not be blown up to a feature.
        constant = scale <= 1e-9 * (1.0 + np.abs(self.centre))
        scale[constant] = 1.0
        z = np.where(constant, 0.0, x / scale)
        u, s, vt = np.linalg.svd(z, full_matrices=False)
        t = targets - targets.mean()
        along = u.T @ t
        shrink = s**2 / (s**2 + PRIOR[:, None])
        # Evidence of each prior width, the noise integrated out.
        left = np.maximum(t @ t - (along**2 * shrink).sum(axis=1), 1e-12 * (t @ t))
        evidence = -0.5 * np.log1p(s**2 / PRIOR[:, None]).sum(axis=1) - 0.5 * (n - 1) * np.log(left)
        weight = np.exp(evidence - evidence.max())
        weight /= weight.sum()
        keep = weight @ shrink
        gain = weight @ (1.0 / (s**2 + PRIOR[:, None]))
        self.coefficients: Array = np.where(constant, 0.0, vt.T @ (s * gain * along) / scale)
        self.intercept: float = float(targets.mean() - self.coefficients @ self.centre)
        back = vt / scale
        self.spread: Array = (back.T * gain) @ back
        self.spread[constant, :] = self.spread[:, constant] = 0.0
        self.hat: Array = (u * keep) @ u.T + 1.0 / n
        self.constant = constant


def fit_linear(designs: Array, targets: Array) -> Linear:
    """Fit a Bayesian linear model.

    Coefficients of standardised features have a normal prior of mean 0; its width is averaged over
    the powers of two of `PRIOR`, each weighted by its evidence.

    Parameters
    ----------
    designs : array, shape (n, features)
    targets : array, shape (n,)
        Not all equal.
    """
    return Linear(designs, targets)


def left_out(hat: Array, residuals: Array, groups: NDArray[np.intp]) -> tuple[Array, Array]:
    """Return errors of a linear smoother when each group is left out, in closed form.

    Parameters
    ----------
    hat : array, shape (n, n)
        Fitted values are ``hat @ targets``.
    residuals : array, shape (n,)
        Targets less fitted values.
    groups : array of int, shape (n,)

    Returns
    -------
    errors : array, shape (n,)
    variances : array, shape (n,)
        Of these errors, over that of the noise: 1 + that of the mean fitted without the group.
    """
    room = np.maximum(1.0 - hat.diagonal(), 1e-9)
    errors, variances = residuals / room, 1.0 / room
    for group in np.flatnonzero(np.bincount(groups) > 1):
        at = np.flatnonzero(groups == group)
        inverse = np.linalg.pinv(np.eye(len(at)) - hat[np.ix_(at, at)])
        errors[at] = inverse @ residuals[at]
        variances[at] = np.maximum(1.0, inverse.diagonal())
    return errors, variances


def fit_degree(degrees: Array, accuracies: Array) -> tuple[float, float, float]:
    """Fit ``accuracy = top / (share + (1 - share) exp(decay / g))`` by least squares of logits.

    The paper's a is share / top, its b decay, its exp(c) (1 - share) / top (reconstruction).

    Returns
    -------
    top, share, decay : float
        In (0, 1], (0, 1) and above 0.
    """
    from scipy.optimize import least_squares

    target = logit(accuracies)
    middle = float(np.median(degrees))
    inverse = middle / degrees
    low, high = np.array([1e-3, 1e-6, -12.0]), np.array([1.0, 1.0 - 1e-6, 6.0])

    def curve(p: Array) -> tuple[Array, Array]:
        """Logits and their gradient by top, share and log(decay / middle)."""
        top, share = p[0], p[1]
        reach = np.exp(p[2]) * inverse
        e = np.exp(np.minimum(reach, 300.0))
        below = share + (1.0 - share) * e
        y = np.clip(top / below, EDGE, 1.0 - EDGE)
        by_decay = -top * (1.0 - share) * e * reach / below**2
        slope = np.stack([1.0 / below, top * (e - 1.0) / below**2, by_decay], axis=1)
        return np.log(y / (1.0 - y)), slope / (y * (1.0 - y))[:, None]

    # 1 / accuracy is linear in share / top and (1 - share) / top: a start for each decay.
    best = np.clip([float(accuracies.max()), 0.5, -1.0], low, high)
    least = float(((curve(best)[0] - target) ** 2).sum())
    for decay in np.linspace(-6.0, 3.0, 19):
        e = np.exp(np.minimum(np.exp(decay) * inverse, 300.0))
        x = np.stack([np.ones_like(e), e], axis=1) * accuracies[:, None]
        a, g = np.linalg.lstsq(x, np.ones_like(e), rcond=None)[0]
        if a + g <= 0.0:
            continue
        start = np.clip([1.0 / (a + g), a / (a + g), decay], low, high)
        cost = float(((curve(start)[0] - target) ** 2).sum())
        if cost < least:
            best, least = start, cost
    done = least_squares(
        lambda p: curve(p)[0] - target,
        np.clip(best, low + 1e-6, high - 1e-6),
        lambda p: curve(p)[1],  # pyright: ignore[reportArgumentType]
        bounds=(low, high),
        x_scale=(0.1, 0.2, 1.0),
        max_nfev=30,
    )
    found = done.x if 2.0 * done.cost < least else best
    return float(found[0]), float(found[1]), middle * float(np.exp(found[2]))


def spearman(x: Sequence[float] | Array, y: Sequence[float] | Array) -> float:
    """Return the rank correlation, ties at their mean rank; nan where either is constant."""
    a, b = _ranks(np.asarray(x, dtype=float)), _ranks(np.asarray(y, dtype=float))
    a, b = a - a.mean(), b - b.mean()
    both = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / both if both > 0 else float("nan")


def _ranks(x: Array) -> Array:
    _, number, count = np.unique(x, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(count) - 0.5 * (count - 1))[number.reshape(-1)])
