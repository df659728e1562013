"""Fitting coefficients to measurements: the one fit, and the one definition of a residual.

A metric of a network is ``offset + columns @ coefficients``. Coefficients are never negative and
fitted to relative residuals (weights 1/y). With few samples they are drawn to a prior, the
coefficients of a base target or of a specification, times one factor; how strongly is chosen by
cross-validation. What is drawn are ratios to the prior: where features rise and fall together, the
cost goes to those that the prior says matter. A coefficient that hardly any network determines
stays at the prior, whatever its strength. Networks of equal layers form a group, and a group is
never on both sides of a split.

A residual is ``predicted / measured - 1``.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ..base.record import Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Mask = NDArray[np.bool_]

__all__ = [
    "STRENGTHS",
    "Prior",
    "choose_strength",
    "drawn_to",
    "fit_relative",
    "interval_table",
    "intervals_and_leverages",
    "leave_out",
    "splits",
    "summary",
    "undetermined",
]

# Pull to the prior, per sample, of a coefficient that is twice what the prior says (or, where that
# is 0, of one whose share of the metric is 1); infinite: the prior alone, times its factor.
STRENGTHS = (math.inf, 1.0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-8)
WORSE = 1.02  # an error so much above the least is as good: the networks do not tell
LEAST = 0.1  # of what the prior says, while it pulls: so that nothing real costs nothing
FOLDS = 10  # to choose the strength; errors are then those of leaving out one group
MOST_FOLDS = 60  # of the latter: with more groups several are left out at a time
_FLOOR = 1e-10  # with a prior, that of columns which the networks do not tell apart
_MANY = 1000
_MOST_OWN = 0.8  # leverage of a network in its own fit: more would make its error count for little
_LEAST = 1e-9  # of a prediction over its measurement: a logarithm is taken
_NORMAL = 1.4826  # standard deviation over the median of absolute errors, of normal ones
LEAST_NOISE = 1e-3  # of a measurement, relative
TIMES = 30.0  # as often the prior a coefficient costs the pull what the noise of a network does
DOUBT = 1.0  # a coefficient that is uncertain by as many times the prior is left at it ...
SURE = 4.0  # ... unless it is found to be as many times its uncertainty
# Of a network of another kind: by how many times the error within the set a share of the metric
# may be off.
KAPPA = 10.0


class Prior(Record):
    """What coefficients are drawn to, but for one common factor.

    Parameters
    ----------
    coefficients : array, shape (p,)
    likely : array, shape (p,), optional
        The most that each is likely to be: a scale for those that the prior is 0 for. By default
        what makes a share of 1.
    noise : float
        Of a measurement, relative: the pull is at least as strong as it says.
    held : array of bool, shape (p,), optional
        Those that stay at the prior.
    """

    coefficients: Array
    likely: Array | None = None
    noise: float = 0.0
    held: Mask | None = None

    def doubtful(self, fitted: Array) -> Array:
        """Return by how much those that are held may be wrong, 0 for the others, shape (p,)."""
        if self.held is None:
            return np.zeros(len(fitted))
        total = float(self.coefficients.sum())
        most = fitted if self.likely is None or not total else np.maximum(fitted, self.likely)
        return np.where(self.held, most, 0.0)


def fit_relative(
    columns: Array,
    y: Array,
    offset: Array | float = 0.0,
    prior: Array | Prior | None = None,
    strength: float = 0.0,
) -> Array:
    """Fit ``offset + columns @ coefficients = y`` with coefficients >= 0 and weights 1/y.

    Parameters
    ----------
    columns : array, shape (n, p), not negative
    y : array, shape (n,), positive
    offset : array, shape (n,), or 0
        What is known already.
    prior : array, shape (p,), or Prior, optional
        Coefficients to be drawn to, but for one common factor; zeros by default.
    strength : float
        See `STRENGTHS`.

    Returns
    -------
    array, shape (p,)
        A coefficient whose column is 0 throughout is that of the prior times its factor.

    Notes
    -----
    Minimised is ``|residuals|^2 + strength n |w|^2``, with w = coefficient / prior - 1, and
    where the prior is 0 the coefficient's share of the metric (root mean square).
    """
    from scipy.optimize import nnls

    a = columns / y[:, None]
    b: Array = 1.0 - np.broadcast_to(offset, y.shape) / y
    known = np.zeros(a.shape[1]) if prior is None else drawn_to(columns, y, offset, prior)
    if math.isinf(strength):
        return known
    unit, seen = _units(a, known, prior)
    if isinstance(prior, Prior) and prior.held is not None:
        seen = seen & ~prior.held
        b = b - a[:, prior.held] @ known[prior.held]
    system: Array = a[:, seen] * unit[seen]
    wanted: Array = np.asarray(b)
    least: Array = np.zeros(system.shape[1])
    if prior is not None or strength > 0.0:
        pull = _pull(a, known, prior, strength)[seen]
        middle: Array = np.where(known[seen] > 0, 1.0, 0.0)
        system = np.vstack([system, np.diag(pull)])
        wanted = np.concatenate([b, pull * middle])
        least = LEAST * middle * (strength > 0.0)
    if len(y) > _MANY:  # the same minimum from far fewer rows
        q, r = np.linalg.qr(system)
        system, wanted = np.asarray(r, float), np.asarray(q.T @ wanted, float)
    result = known.copy()
    if seen.any():
        result[seen] = (least + nnls(system, wanted - system @ least)[0]) * unit[seen]
    return result


def drawn_to(columns: Array, y: Array, offset: Array | float, prior: Array | Prior) -> Array:
    """Return the prior times its factor: the median over the networks."""
    known = prior.coefficients if isinstance(prior, Prior) else prior
    return known * _factor(columns / y[:, None], y, offset, known)


def _factor(a: Array, y: Array, offset: Array | float, known: Array) -> float:
    share = a @ known
    wanted = 1.0 - np.broadcast_to(offset, y.shape) / y
    use = share > 0
    return max(0.0, float(np.median(wanted[use] / share[use]))) if use.any() else 0.0


def _units(a: Array, known: Array, prior: Array | Prior | None = None) -> tuple[Array, Mask]:
    """Return what coefficients are counted in, and which of them the networks tell anything of.

    The prior, or where that is 0 what makes a share of 1, at most what is likely.
    """
    scale = np.sqrt((a * a).mean(axis=0))
    seen = scale > 0
    unit = np.where(known > 0, known, 1.0 / np.where(seen, scale, 1.0))
    if isinstance(prior, Prior) and prior.likely is not None:
        total = float(prior.coefficients.sum())
        most = prior.likely * (float(known.sum()) / total if total else 1.0)
        unit = np.where((known > 0) | (most <= 0), unit, np.minimum(unit, most))
    return unit, seen


def _pull(a: Array, known: Array, prior: Array | Prior | None, strength: float) -> Array:
    """Return how strongly each coefficient is drawn, shape (p,): what one unit too much costs."""
    plain, _ = _units(a, known)
    unit, _ = _units(a, known, prior)
    pull = np.full(len(unit), math.sqrt(max(strength, _FLOOR) * len(a))) * unit / plain
    return np.maximum(pull, prior.noise / TIMES if isinstance(prior, Prior) else 0.0)


def undetermined(
    columns: Array,
    y: Array,
    offset: Array | float,
    prior: Prior,
    strength: float,
    noise: float,
) -> Mask:
    """Return which coefficients hardly any network determines, shape (p,).

    Those whose part of the metric, `DOUBT` times as large as by the prior (or where that is 0, as
    is likely), would be lost in the noise of all networks; unless the fit sees so much more of it
    that it is not. What no network has is among them.
    """
    a = columns / y[:, None]
    unit, seen = _units(a, drawn_to(columns, y, offset, prior), prior)
    if math.isinf(noise):
        return np.ones(len(unit), bool)
    part = np.sqrt((a * a).sum(axis=0)) * unit
    error = np.where(seen, noise / np.maximum(part, 1e-300), math.inf)
    if math.isinf(strength):
        return error > DOUBT
    ratio = fit_relative(columns, y, offset, prior.replace(held=~seen), strength) / unit
    return ~seen | ((error > DOUBT) & (ratio < SURE * error))


def noise_of(left_out: Array, y: Array) -> float:
    """Return the relative error of predictions for left-out networks, as a standard deviation;
    infinite where none was left out."""
    if np.isnan(left_out).any():
        return math.inf
    return max(LEAST_NOISE, _NORMAL * float(np.median(np.abs(log_ratio(left_out, y)))))


def _folds(groups: Sequence[int] | Array, most: int) -> NDArray[np.int64]:
    """Return each network's fold: whole groups, dealt out in an order that follows no list."""
    unique, inverse = np.unique(np.asarray(groups), return_inverse=True)
    order = np.random.default_rng(0).permutation(len(unique))
    return np.asarray(order % min(most, len(unique)))[inverse]


def leave_out(
    columns: Array,
    y: Array,
    offset: Array | float,
    groups: Sequence[int] | Array,
    prior: Array | Prior | None,
    strength: float,
    most: int = MOST_FOLDS,
) -> Array:
    """Return what a fit to the other groups predicts for each network, shape (n,).

    With a single group there is nothing else to fit to: NaN.
    """
    fold = _folds(groups, most)
    offsets = np.broadcast_to(offset, y.shape)
    result = np.full(len(y), np.nan)
    if fold.max(initial=0) == 0:
        return result
    for k in range(int(fold.max()) + 1):
        out = fold == k
        found = fit_relative(columns[~out], y[~out], offsets[~out], prior, strength)
        result[out] = offsets[out] + columns[out] @ found
    return result


def choose_strength(
    columns: Array,
    y: Array,
    offset: Array | float,
    groups: Sequence[int] | Array,
    prior: Array | Prior | None,
) -> float:
    """Return the greatest strength that is about as good in cross-validation as the best one.

    By the mean absolute logarithmic error. 0 without a prior; infinite with one but without a
    second group to judge by.
    """
    if prior is None:
        return 0.0
    if len(np.unique(np.asarray(groups))) < 2:
        return math.inf
    errors = []
    for strength in STRENGTHS:
        found = leave_out(columns, y, offset, groups, prior, strength, FOLDS)
        errors.append(float(np.abs(log_ratio(found, y)).mean()))
    enough = WORSE * min(errors)
    return next(s for s, error in zip(STRENGTHS, errors, strict=True) if error <= enough)


def log_ratio(predicted: Array, y: Array) -> Array:
    """Return ln(predicted / measured), kept finite."""
    return np.asarray(np.log(np.maximum(predicted / y, _LEAST)))


def splits(groups: Sequence[int] | Array, n_fit: int, n_splits: int, seed: int) -> Iterator[Mask]:
    """Yield boolean masks of the networks to fit on: ``n_fit`` of them, whole groups only."""
    rng = np.random.default_rng(seed)
    group = np.asarray(groups)
    for _ in range(n_splits):
        mask = np.zeros(len(group), bool)
        for g in rng.permutation(np.unique(group)):
            if mask.sum() + (group == g).sum() <= n_fit:
                mask |= group == g
        yield mask


def summary(errors: Array, digits: int = 3) -> dict[str, float]:
    """Return mean and maximum of absolute relative errors, in percent."""
    e = 100 * np.abs(errors)
    return {"mape_pct": round(float(e.mean()), digits), "max_pct": round(float(e.max()), digits)}


# Prediction intervals


def interval_table(
    columns: Array,
    y: Array,
    left_out: Array,
    groups: Sequence[int] | Array,
    known: Array,
    strength: float = 0.0,
    drawn: Array | None = None,
    unsure: Array | None = None,
) -> dict[str, Any]:
    """Return what `interval_width` needs, as plain data.

    Parameters
    ----------
    columns, y : array, shapes (n, p) and (n,)
    left_out : array, shape (n,)
        Predictions by fits without the network's group.
    groups : sequence of int, shape (n,)
    known : array, shape (p,)
        The coefficients; those whose column is 0 throughout stand unmeasured.
    strength : float
        Of the pull to the prior: what it holds has little leverage.
    drawn : array, shape (p,), optional
        What they were drawn to: see `drawn_to`.
    unsure : array, shape (p,), optional
        By how much those that stand unmeasured may be wrong, 0 for the others; by default by as
        much as they are.

    Returns
    -------
    dict
        "scores": the absolute logarithmic errors of left-out networks, each over sqrt(1 + h),
        rising, as many as there are groups; "inverse": the matrix Q of h = a Q a, where a is a
        row of columns over what is predicted for it: how far a network is from those measured
        (leverage); "most": the greatest h of a left-out network.

    Notes
    -----
    Conformal prediction from leave-one-out residuals ("jackknife"; Barber et al., Predictive
    inference with the jackknife+, Ann. Stat. 49, 2021), with residuals studentised as in linear
    regression. They are exchangeable with those of new networks drawn alike, up to the one sample
    that they lack.
    """
    return intervals_and_leverages(columns, y, left_out, groups, known, strength, drawn, unsure)[0]


def intervals_and_leverages(
    columns: Array,
    y: Array,
    left_out: Array,
    groups: Sequence[int] | Array,
    known: Array,
    strength: float = 0.0,
    drawn: Array | None = None,
    unsure: Array | None = None,
) -> tuple[dict[str, Any], Array]:
    """Return what `interval_table` does, and the h of each network when it is left out."""
    error = np.abs(log_ratio(left_out, y))
    inverse, doubted = _inverse(columns / y[:, None], known, strength, drawn, unsure)
    a = columns / np.maximum(left_out, _LEAST * y)[:, None]
    own = np.einsum("ij,jk,ik->i", a, inverse, a)
    # what the leverage was before the network itself was among the rows
    own = np.minimum(own, _MOST_OWN)
    kinds = _kinds(columns / y[:, None], known)
    plain = own / (1.0 - own) + np.einsum("ij,jk,ik->i", a, kinds, a)
    _, place = np.unique(np.asarray(groups), return_inverse=True)
    h, unit = plain, 1.0
    for _ in range(
        3
    ):  # a share of what was not measured may be wrong by itself: in units of scores
        score = np.bincount(place, error / np.sqrt(1.0 + h)) / np.bincount(place)
        unit = max(float(np.median(score)), 1e-3 * float(np.median(error)), 1e-6)
        h = plain + (a**2 @ doubted**2) / unit**2
    score = _of_groups(error / np.sqrt(1.0 + h), place)
    inverse = inverse + kinds + np.diag((doubted / unit) ** 2)
    table = {
        "scores": [float(f"{s:.6g}") for s in score],
        "most": float(f"{h.max():.6g}"),
        "inverse": [[float(f"{v:.6g}") for v in row] for row in inverse],
    }
    return table, h


def _of_groups(score: Array, place: NDArray[np.intp]) -> Array:
    """Return as many scores as there are groups, rising: quantiles of those of all networks.

    So many say how sure the greatest of them is, for networks of a group are alike; but they are
    spread as those of single networks are, each as likely as any other. Means of groups would be
    spread less, and intervals by them too narrow for any one network.
    """
    groups = int(place.max()) + 1
    levels = (np.arange(groups) + 0.5) / groups
    return np.asarray(np.sort(score)[np.ceil(levels * len(score) - 1e-9).astype(int) - 1])


def _kinds(a: Array, known: Array) -> Array:
    """Return what adds to the leverage of a network of another kind.

    A cost model is a little wrong for every kind of layer, which the fit makes up for as far as
    the measured networks have them in the same proportions. So the square of the distance between
    a network's shares of the metric, by feature, and their mean over the measured ones, times
    `KAPPA` squared: in units of the noise, for a model that errs little within its set is expected
    to err little beyond it.
    """
    mean = (a * known).mean(axis=0)
    apart = KAPPA * (np.eye(len(known)) - mean[:, None]) * known
    return np.asarray(apart.T @ apart)


def _inverse(
    a: Array, known: Array, strength: float, drawn: Array | None, unsure: Array | None
) -> tuple[Array, Array]:
    """Return the inverse of a' a of what was measured, and by how much the others may be wrong."""
    unit, seen = _units(a, np.zeros(len(known)) if drawn is None else drawn)
    doubted = np.where(seen, 0.0, known) if unsure is None else unsure
    seen = seen & (doubted <= 0.0)
    precision = np.full(len(unit), min(max(strength, 1e-6), 1e9) * len(a))
    precision[seen & (known == 0)] = 1e12  # held at zero by the fit, on the edge of what it may be
    b = (a * unit)[:, seen]
    inverse = np.zeros((len(unit), len(unit)))
    inverse[np.ix_(seen, seen)] = np.linalg.inv(b.T @ b + np.diag(precision[seen]))
    return np.asarray(inverse * np.outer(unit, unit), np.float64), np.where(seen, 0.0, doubted)
