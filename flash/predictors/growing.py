"""Fitting the kernel part of a grown predictor. Loads numpy, and scipy's optimiser.

Weights of a Gaussian process (`grown`) maximise the likelihood of the fitted accuracies times broad
log-normal priors. Each block of features has one weight in the linear term and all share one length
of Matern's term: eleven numbers, with the noise, for however many features there are. That, and
that the additive form is a block of its own, is why features that tell nothing cost little.
"""

from __future__ import annotations

from math import isnan
from typing import TYPE_CHECKING, Any

import numpy as np

from .evidence import Report, ReportRow
from .features import CHOICES, DESIGN, PART, WHOLE, features_of
from .fitting import fit_linear, groups_of, left_out, logit, spearman
from .grown import BLOCKS, Grown, covariance, is_design, matern, read, text_of
from .score import logistic

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from .evidence import Evidence
    from .features import Features
    from .grown import Column

    Array = NDArray[np.float64]

__all__ = ["FEWEST", "columns_of", "grow", "grow_features", "partition_of"]

FEWEST, DIFFERENT = 50, 40  # networks, and those that differ: else the additive part stays alone
SMALL = 25  # networks for which the additive part is made: the process counts at most 1 - SMALL / n
SHARES = np.linspace(0.0, 1.0, 11)  # of `SMALL`'s limit, among which left-out errors choose
FEW = range(3, 7)  # values of a number that are told apart by indicators too
COUNTED = 3  # networks in which a count is not 0, at least
MOST = 2000  # networks in the kernel, and those of them by which weights are chosen
MOST_WEIGHED = 300
DECIMALS = 6  # of a standardised feature: what is stored is what was fitted
STEPS = 60
CHOSEN = 12  # numbers that all networks choose, those left out too: the weights, and the share
# of each weight its prior's median, and the deviation of its logarithm
LINEAR, AMPLITUDE, NARROW, NOISE = (0.3, 1.5), (0.3, 1.5), (0.25, 1.0), (0.05, 1.5)


def grow(
    nets: Sequence[Any], accuracies: Sequence[float], evidence: Evidence, always: bool = False
) -> Grown | None:
    """Return the kernel part for networks, or None where it is not better than the additive one.

    Parameters
    ----------
    nets : sequence of Architecture, Network or what can tell its rows
    accuracies : sequence of float
    evidence : Evidence
        Of the additive part, fitted on the same networks.
    always : bool, default False
        Whether it is returned in any case.
    """
    if len(nets) < FEWEST and not always:
        return None
    y = np.array([float(one) for one in accuracies])
    return grow_features([features_of(net) for net in nets], y, evidence.report, always)


def grow_features(
    features: Sequence[Features], y: Array, additive: Report, always: bool = False
) -> Grown | None:
    """Do what `grow` does with what was read of the networks.

    What the process counts beside the additive part is what left-out errors of log odds are least
    with, up to a limit: with few networks such a choice is not to be trusted. Both together are
    better where networks left out are ranked better, and their accuracies told with a lesser error.
    """
    whole = np.array([one.whole for one in features])
    order = np.lexsort((y, *whole.T[::-1]))  # not the order in which networks were given
    order = order[_spread(len(order), MOST)]
    features, y = [features[number] for number in order.tolist()], y[order]
    partition = partition_of(features)
    columns = columns_of(features, partition)
    values = read(features, columns, partition)
    centre, scale = values.mean(axis=0), values.std(axis=0)
    told = scale > 1e-9 * (1.0 + np.abs(centre))
    columns = [column for column, kept in zip(columns, told, strict=True) if kept]
    z = logit(y)
    if not columns or z.min() == z.max():
        return None
    centre, scale = centre[told], scale[told]
    x = np.round((values[:, told] - centre) / scale, DECIMALS)
    order = np.lexsort((y, *x.T[::-1]))
    x, y, z = x[order], y[order], z[order]
    designs = np.array([features[number].whole[: len(DESIGN)] for number in order.tolist()])
    groups = groups_of(x)
    if not always and (len(y) < FEWEST or int(groups.max()) + 1 < DIFFERENT):
        return None
    linear, narrow, amplitude, noise = _weights(x, z, columns, scale)
    k = covariance(x, x, linear, narrow, amplitude)
    hat = k @ np.linalg.inv(k + noise * np.eye(len(z)))
    fitted = z.mean() + hat @ (z - z.mean())
    errors, variances = left_out(hat, z - fitted, groups)
    model = fit_linear(designs, z)
    plain, _ = left_out(
        model.hat, z - model.intercept - designs @ model.coefficients, groups_of(designs)
    )
    worse = min(1.0, float((errors**2).mean() / max(1e-300, (plain**2).mean())))
    shares = SHARES[1 if always else 0 :] * (1.0 - worse * SMALL / max(len(z), 2 * SMALL))
    found = [float(np.abs(plain + one * (errors - plain)).mean()) for one in shares]
    share = float(shares[int(np.argmin(found))])
    errors = plain + share * (errors - plain)
    own, alone = _row("grown", z - errors, y), _row("topology", z - plain, y)
    if not always and not (own.mae < alone.mae and (own.rank or 0.0) > (alone.rank or 0.0)):
        return None
    # the networks left out had a say in these numbers
    stretched = (1.0 + CHOSEN / len(z)) * np.abs(errors) / np.sqrt(variances)
    report = Report((own, *additive.rows), len(y), int(groups.max()) + 1, additive.chance)
    return Grown(
        tuple(columns),
        partition,
        tuple(centre.tolist()),
        tuple(scale.tolist()),
        tuple(linear.tolist()),
        tuple(narrow.tolist()),
        amplitude,
        noise,
        tuple(map(tuple, x.tolist())),
        tuple(z.tolist()),
        share,
        tuple(np.sort(stretched).tolist()),
        float((variances - 1.0).max()),
        report,
    )


def _row(name: str, predicted: Array, y: Array) -> ReportRow:
    accuracies = np.array([logistic(one) for one in predicted.tolist()])
    rank = spearman(accuracies, y)
    error = float(np.abs(accuracies - y).mean())
    return ReportRow(name, error, None if isnan(rank) else rank)


def _spread(count: int, most: int) -> NDArray[np.intp]:
    """Return at most so many of the numbers below `count`, evenly."""
    if count <= most:
        return np.arange(count)
    return np.unique(np.linspace(0, count - 1, most).round().astype(np.intp))


def partition_of(features: Sequence[Features]) -> str:
    """Return the parts that all networks have equally many of: cells, or runs where these are
    more; else levels."""
    alike = [
        (len(features[0].parts[name]), name)
        for name in ("runs", "cells")
        if len({len(one.parts[name]) for one in features}) == 1
    ]
    if not alike:
        return "levels"
    return "cells" if alike[-1][1] == "cells" and alike[-1][0] >= alike[0][0] else alike[0][1]


def columns_of(features: Sequence[Features], partition: str) -> list[Column]:
    """Return what may tell networks apart: all numbers, and counts that are not 0 in several."""
    parts = max(len(one.parts[partition]) for one in features)
    found: list[Column] = [("whole", name) for name in WHOLE]
    found += [("part", str(k), name) for k in range(parts) for name in PART]
    for k in range(parts):
        of = [one.parts[partition] for one in features]
        for name in CHOICES:
            place = PART.index(name)
            texts = sorted({text_of(one[k][place]) for one in of if k < len(one)})
            if len(texts) in FEW:
                found += [("value", str(k), name, text) for text in texts]
    seen: dict[Column, int] = {}
    for one in features:
        names: list[Column] = [("walk", *walk) for walk in one.walks]
        names += [("count", str(k), sign) for k, sign in one.counts[partition]]
        names += [("width", str(k), sign, str(width)) for k, sign, width in one.widths]
        for column in names:
            seen[column] = seen.get(column, 0) + 1
    return found + sorted([column for column, count in seen.items() if count >= COUNTED])


def _weights(
    x: Array, z: Array, columns: Sequence[Column], scale: Array
) -> tuple[Array, Array, float, float]:
    """Return the weights of each feature in the linear term and in the distance, Matern's
    amplitude and the noise: the mode of their likelihood times their priors."""
    from scipy.optimize import minimize

    shares = _shares(columns, scale)
    use = _spread(len(z), MOST_WEIGHED)
    x, z = x[use], z[use]
    spread = float(z.std())
    t = (z - z.mean()) / (spread if spread > 0.0 else 1.0)
    eye = np.eye(len(t))
    grams = [(x * share) @ x.T for share in shares]
    wide = np.mean(shares[1:], axis=0) if len(shares) > 1 else np.zeros(len(columns))
    y = x * np.sqrt(wide)
    length = (y**2).sum(axis=1)
    square = np.maximum(length[:, None] + length - 2.0 * y @ y.T, 0.0)
    priors = np.array([*[LINEAR] * len(grams), AMPLITUDE, NARROW, NOISE])
    middle = np.log(priors[:, 0])

    def unlikely(p: Array) -> tuple[float, Array]:
        """Minus the logarithm of likelihood times priors, and its gradient."""
        *weights, amplitude, narrow, noise = np.exp(p)
        smooth = matern(narrow * square)
        parts = [weight * gram for weight, gram in zip(weights, grams, strict=True)]
        k = 1.0 + sum(parts) + amplitude * smooth + noise * eye
        try:
            low = np.linalg.cholesky(k)
        except np.linalg.LinAlgError:
            return 1e10, np.zeros_like(p)
        inverse = np.linalg.inv(k)
        own = inverse @ t
        inner = 0.5 * (inverse - np.outer(own, own))
        r = np.sqrt(5.0 * narrow * square)
        # of Matern's function by the logarithm of `narrow`
        by_narrow = amplitude * (-r * r / 6.0) * (1.0 + r) * np.exp(-r)
        slopes = [*parts, amplitude * smooth, by_narrow, noise * eye]
        away = (p - middle) / priors[:, 1]
        value = 0.5 * t @ own + np.log(low.diagonal()).sum() + 0.5 * away @ away
        slope = np.array([float((inner * one).sum()) for one in slopes]) + away / priors[:, 1]
        return float(value), slope

    done = minimize(unlikely, middle, jac=True, method="L-BFGS-B", options={"maxiter": STEPS})
    *weights, amplitude, narrow, noise = np.exp(done.x).tolist()
    linear = np.sum([w * share for w, share in zip(weights, shares, strict=True)], axis=0)
    return linear, narrow * wide, amplitude, noise


def _shares(columns: Sequence[Column], scale: Array) -> list[Array]:
    """Return what each feature counts in each block, 1 in all: in the design of the topology form,
    and in each of `BLOCKS`. Numbers count alike, counts by their variance."""
    design = np.array([float(is_design(column)) for column in columns])
    chosen = np.array([float(column[0] == "part" and column[2] in CHOICES) for column in columns])
    found = [design, chosen]
    for block in BLOCKS:
        own = np.array([float(column[0] == block) for column in columns])
        found.append(own if block in ("whole", "part") else own * scale**2)
    return [one / one.sum() for one in found if one.sum() > 0.0]
