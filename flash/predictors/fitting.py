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
    "chance_of",
    "fit_degree",
    "fit_linear",
    "groups_of",
    "left_out",
    "logit",
    "spearman",
]

EDGE = 1e-4  # accuracies count as at least this far from 0 and 1, where the logit has no end
PRIOR = 2.0 ** np.arange(-6, 9)  # noise over prior variance of a standardised coefficient
SHUFFLES = 999
AT_ONCE = 1 << 20  # numbers of shuffled targets that are held at a time


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
        z, scale = _standardised(designs)
        u, s, vt = np.linalg.svd(z, full_matrices=False)
        t = targets - targets.mean()
        along = u.T @ t
        shrink, weights = _weights(s, along[None], np.array([t @ t]), n)
        weight = weights[0]
        keep = weight @ shrink
        gain = weight @ (1.0 / (s**2 + PRIOR[:, None]))
        self.coefficients: Array = vt.T @ (s * gain * along) / scale
        self.intercept: float = float(targets.mean() - self.coefficients @ self.centre)
        back = vt / scale
        self.spread: Array = (back.T * gain) @ back
        self.hat: Array = (u * keep) @ u.T + 1.0 / n


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


def chance_of(designs: Array, targets: Array, groups: NDArray[np.intp], linear: bool) -> float:
    """Return how often shuffled targets are ranked as well as these: a permutation test.

    Networks that nothing tells apart enter as one, with the mean of their targets. Where they have
    nothing to do with the targets, the value is at most p in a share p of all draws, for every p.

    Parameters
    ----------
    designs : array, shape (n, features)
    targets : array, shape (n,)
    groups : array of int, shape (n,)
        The same for networks that nothing tells apart.
    linear : bool
        True: what ranks is the left-out prediction of `fit_linear`, fitted to each shuffle anew.
        False: the first feature itself.

    Returns
    -------
    float
        From 1 / (SHUFFLES + 1) to 1. The shuffles are always the same.
    """
    _, first = np.unique(groups, return_index=True)
    count = np.bincount(groups)
    y = np.bincount(groups, weights=targets) / count
    order = np.lexsort(designs[first].T[::-1])  # not the order in which networks were given
    y, x = y[order], designs[first][order]
    places = _ranks(y) - 0.5 * (len(y) + 1)
    random = np.random.default_rng(0)
    step = max(1, AT_ONCE // len(y))
    found: list[Array] = []
    for start in range(0, SHUFFLES + 1, step):
        size = min(step, SHUFFLES + 1 - start)
        moved = random.permuted(np.tile(np.arange(len(y)), (size, 1)), axis=1)
        if start == 0:
            moved[0] = np.arange(len(y))
        own = _ranks(x[:, 0])
        if linear:
            own = np.argsort(np.argsort(_left_out_of(x, y[moved]), axis=1), axis=1).astype(float)
        found.append((own * places[moved]).sum(axis=1))
    scores = np.concatenate(found)
    room = 1e-9 * (1.0 + abs(scores[0]))
    return float((scores >= scores[0] - room).sum()) / (SHUFFLES + 1)


def _left_out_of(designs: Array, targets: Array) -> Array:
    """Return left-out predictions of `fit_linear` for many targets, shape (many, n)."""
    z, _ = _standardised(designs)
    u, s, _ = np.linalg.svd(z, full_matrices=False)
    mean = targets.mean(axis=1, keepdims=True)
    t = targets - mean
    along = t @ u
    shrink, weight = _weights(s, along, (t**2).sum(axis=1), len(designs))
    keep = weight @ shrink
    fitted = (along * keep) @ u.T
    room = np.maximum(1.0 - keep @ (u**2).T - 1.0 / len(designs), 1e-9)
    return np.asarray(targets - (t - fitted) / room)


def _standardised(designs: Array) -> tuple[Array, Array]:
    """Return features of mean 0 and variance 1, and by what they were divided; 0 where constant."""
    centre = designs.mean(axis=0)
    x = designs - centre
    scale = np.sqrt((x**2).mean(axis=0))
    # A constant column tells nothing; its rounding must not be blown up to a feature.
    constant = scale <= 1e-9 * (1.0 + np.abs(centre))
    scale[constant] = np.inf
    return x / scale, scale


def _weights(s: Array, along: Array, square: Array, n: int) -> tuple[Array, Array]:
    """Return what each prior width keeps of each direction, and its weight for each target.

    Parameters
    ----------
    s : array, shape (directions,)
        Singular values of the features.
    along : array, shape (many, directions)
        Targets less their mean, along each direction.
    square : array, shape (many,)
        Sums of their squares.
    n : int
        Networks.

    Returns
    -------
    shrink : array, shape (widths, directions)
    weight : array, shape (many, widths)
        By the evidence of each width, the noise integrated out.
    """
    shrink = s**2 / (s**2 + PRIOR[:, None])
    least = np.maximum(1e-12 * square, 1e-300)  # also of targets that hardly differ
    left = np.maximum(square[:, None] - along**2 @ shrink.T, least[:, None])
    evidence = -0.5 * np.log1p(s**2 / PRIOR[:, None]).sum(axis=1) - 0.5 * (n - 1) * np.log(left)
    weight = np.exp(evidence - evidence.max(axis=1, keepdims=True))
    return shrink, weight / weight.sum(axis=1, keepdims=True)


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
        if not 1e-9 < a + g < 1e300:  # accuracies that are hardly more than 0 give anything
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
