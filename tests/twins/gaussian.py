"""Obvious numpy twins of `flash._core.gaussian.process`, and of the process made of it.

Kernels are written out pair by pair, and matrices are inverted, not factored.
"""

from __future__ import annotations

from math import erf, exp, log, pi, sqrt
from typing import Any

import numpy as np

Floats = Any  # arrays of float64


def whole(lower: Floats) -> Floats:
    """The symmetric matrix of a lower triangle."""
    low = np.tril(lower)
    return low + np.tril(low, -1).T


def factor(a: Floats) -> tuple[float, Floats]:
    """log |a| and L; NaN where a is not positive definite."""
    try:
        found = np.linalg.cholesky(whole(a))
    except np.linalg.LinAlgError:
        return float("nan"), np.zeros_like(a)
    return 2.0 * float(np.log(np.diag(found)).sum()), found


def inverse(lower: Floats) -> Floats:
    low = np.tril(lower)
    return np.linalg.inv(low @ low.T)


def forward(lower: Floats, b: Floats) -> Floats:
    return np.linalg.solve(np.tril(lower), b.T).T


def matrix_of(grams: Floats, distances: Floats, part: Any, noise: Floats, theta: Floats) -> Floats:
    """The matrix whose evidence is asked for."""
    n, linear, scaled = len(noise), grams.shape[2], distances.shape[2]
    parts = len(theta) - linear - scaled - 1
    found = np.zeros((n, n))
    for i in range(n):
        for k in range(n):
            for p in range(linear):
                found[i, k] += theta[p] * grams[i, k, p]
            for e in range(parts):
                far = 0.0
                for j in range(scaled):
                    if part[j] == e:
                        far += theta[linear + parts + j] * distances[i, k, j]
                found[i, k] += theta[linear + e] * exp(-far)
        found[i, i] += theta[-1] * noise[i]
    return found


def evidence(
    grams: Floats, distances: Floats, part: Any, noise: Floats, y: Floats, theta: Floats
) -> float:
    """Minus the log of the evidence, less its constant; infinite where there is none."""
    matrix = matrix_of(grams, distances, part, noise, theta)
    volume, _ = factor(matrix)
    if volume != volume:
        return float("inf")
    return 0.5 * (volume + float(y @ np.linalg.solve(matrix, y)))


def covariances(
    codes: Any, features: Floats, linear: Floats, tables: Floats, samples: Floats,
    along: Floats, across: Floats, weights: Floats,
) -> Floats:  # fmt: skip
    rows, n = len(codes), linear.shape[1]
    found = np.zeros((rows, n))
    for i in range(rows):
        for s in range(n):
            own = sum(linear[code, s] for code in codes[i])
            own += sum(along * features[i] * samples[:, s])
            for e, weight in enumerate(weights):
                far = sum(tables[e, code, s] for code in codes[i])
                far += sum(across[e] * (features[i] - samples[:, s]) ** 2)
                own += weight * exp(-far)
            found[i, s] = own
    return found


def weigh(covered: Floats, alpha: Floats, own: Floats) -> tuple[Floats, Floats]:
    """Means, and the most that one sample alone takes from variances."""
    return covered @ alpha, (covered**2 / own).max(axis=1, initial=0.0)


def improvement(ahead: Floats, deviation: Floats) -> tuple[Floats, Floats]:
    """What a normal variable is expected to be above 0, and how probably it is."""
    gain, chance = [], []
    for mean, off in zip(ahead.tolist(), deviation.tolist(), strict=True):
        u = mean / off
        above = 0.5 * (1.0 + erf(u / sqrt(2.0)))
        chance.append(above)
        gain.append(max(0.0, off * (u * above + exp(-0.5 * u * u) / sqrt(2.0 * pi))))
    return np.array(gain), np.array(chance)


# a process: `flash.suggesting.process.Process`


def gap(length: int, ordered: bool, one: int, other: int) -> float:
    """The distance of two values of a variable."""
    if ordered and length > 2:
        return abs(one - other) / (length - 1)
    return float(one != other)


class ProcessTwin:
    """The posterior of a fitted process, from its weights, by plain matrices."""

    def __init__(self, process: Any, samples: Any, targets: Floats, noise: Floats) -> None:
        self.encoding, self.samples, self.noise = process.encoding, samples, noise
        self.only, self.sizes = process.only, process.sizes
        self.lean = process.lean[self.encoding.counts :]
        theta = list(process.theta)
        lengths = self.encoding.lengths
        self.free = [j for j, length in enumerate(lengths) if length > 1]
        counts, sized = self.encoding.counts > 0, self.sizes > 0
        self.counted = theta.pop(0) if counts else 0.0
        self.added = theta.pop(0)
        self.sized = theta.pop(0) if sized else 0.0
        self.together = theta.pop(0)
        self.near = theta.pop(0) if counts or sized else 0.0
        self.far = [theta.pop(0) for _ in self.free]
        self.far_counts = theta.pop(0) if counts else 0.0
        self.far_sizes = theta.pop(0) if sized else 0.0
        self.variance = theta.pop(0)
        assert not theta
        self.targets = targets - self.leaning(samples)
        self.matrix = self.kernel(samples, samples) + np.diag(self.variance * noise)
        self.inverse = np.linalg.inv(self.matrix)

    def leaning(self, rows: Any) -> Floats:
        return np.asarray(rows.features[:, self.encoding.counts :] @ self.lean)

    def parts(self, features: Floats) -> tuple[Floats, Floats]:
        """Features that count, and those of the sizes that the kernel reads."""
        counts = self.encoding.counts
        return features[:counts], features[counts + self.only :]

    def gaps(self, one: Any, other: Any) -> list[float]:
        encoding = self.encoding
        return [
            gap(encoding.lengths[j], encoding.ordered[j],
                int(one[j] - encoding.first[j]), int(other[j] - encoding.first[j]))
            for j in self.free
        ]  # fmt: skip

    def additive(self, a: Any, b: Any, fa: Floats, fb: Floats) -> float:
        """The part of the kernel that the exact solver maximises, sizes among it."""
        (ca, sa), (cb, sb) = self.parts(fa), self.parts(fb)
        alike = [1.0 - one for one in self.gaps(a, b)] or [1.0]
        found = self.counted * (ca @ cb) + self.sized * (sa @ sb)
        return float(found + self.added * sum(alike) / len(alike))

    def pair(self, a: Any, b: Any, fa: Floats, fb: Floats) -> float:
        (ca, sa), (cb, sb) = self.parts(fa), self.parts(fb)
        far = sum(w * one for w, one in zip(self.far, self.gaps(a, b), strict=True))
        near = self.far_counts * ((ca - cb) ** 2).sum() + self.far_sizes * ((sa - sb) ** 2).sum()
        found = self.additive(a, b, fa, fb) + self.together * exp(-far)
        return float(found + self.near * exp(-near))

    def kernel(self, rows: Any, others: Any, additive: bool = False) -> Floats:
        of = self.additive if additive else self.pair
        return np.array(
            [
                [of(a, b, fa, fb) for b, fb in zip(others.codes, others.features, strict=True)]
                for a, fa in zip(rows.codes, rows.features, strict=True)
            ]
        ).reshape(len(rows), len(others))

    def posterior(self, rows: Any) -> tuple[Floats, Floats]:
        """Means of rows, and their covariances."""
        own = self.kernel(rows, self.samples)
        mean = self.leaning(rows) + own @ self.inverse @ self.targets
        return mean, self.kernel(rows, rows) - own @ self.inverse @ own.T

    def additive_posterior(self, rows: Any) -> tuple[Floats, Floats]:
        """The same of the additive part, what is expected before any sample among it."""
        own = self.kernel(rows, self.samples, additive=True)
        mean = self.leaning(rows) + own @ self.inverse @ self.targets
        return mean, self.kernel(rows, rows, additive=True) - own @ self.inverse @ own.T

    def evidence(self) -> float:
        """Minus the log of the evidence, less its constant."""
        _, volume = np.linalg.slogdet(self.matrix)
        found: float = 0.5 * float(volume + self.targets @ self.inverse @ self.targets)
        return found


def scaled_accuracy(accuracy: float) -> float:
    """The logarithm by which accuracies are told apart."""
    return -log(1.001 - accuracy)
