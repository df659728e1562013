"""A Gaussian process over rows of choices: what trainings say of the networks not yet trained.

Its kernel is a sum of parts, each with a weight that the evidence decides: how often values occur
(linear, and a squared exponential), each variable by itself (additive), all variables together (the
exponential of how many differ, each with a weight of its own), and the logarithms of MACs and
parameters where the ground has them at no cost. The additive and linear parts are what the exact
solver maximises; the others are told of single networks. A reconstruction of a standard process
(Rasmussen and Williams 2006); the kernel is flash's own.
"""

from __future__ import annotations

from functools import cached_property
from math import log
from typing import TYPE_CHECKING

import numpy as np

from .._core.gaussian import process as core
from .encoding import root_of, solved

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from .encoding import Codes, Encoding

    Floats = NDArray[np.float64]

__all__ = ["Process", "Samples"]

FITTED_ON = 150  # samples that hyperparameters are fitted on: half of them the best
STEPS = 40
FURTHEST = 6.0  # deviations from the middle of a prior
FARTHEST_STEP = 2.0  # of a logarithm
JITTER = 1e-8  # of the variance, so that rounding leaves matrices positive definite
# Of the logarithms of the weights, with targets of variance 1: means and deviations of their priors
COUNTED = ADDED = SIZED = NEAR = log(0.3)
TOGETHER = log(0.6)
NOISE = log(0.02)
WIDE, NARROW, TOLD = 1.5, 3.0, 0.3


class Samples:
    """Rows as a process takes them.

    Parameters
    ----------
    codes : int32 array, shape (n, variables)
    features : float64 array, shape (n, counts + sizes)
        How often values occur, then what else is known of rows, centred and scaled.
    """

    def __init__(self, codes: Codes, features: Floats) -> None:
        self.codes = codes
        self.features: Floats = np.ascontiguousarray(features)

    def __len__(self) -> int:
        return len(self.codes)

    def take(self, places: NDArray[np.int64]) -> Samples:
        """Return some of them."""
        return Samples(np.ascontiguousarray(self.codes[places]), self.features[places])

    def with_those(self, others: Samples) -> Samples:
        """Return these and others."""
        codes = np.concatenate([self.codes, others.codes])
        return Samples(codes, np.concatenate([self.features, others.features]))


class Process:
    """A process fitted to samples.

    Parameters
    ----------
    encoding : Encoding
    lean : float64 array, shape (sizes,), optional
        Of each feature beyond the encoding's counts: the mean before any sample is so much of it.
    only : int, default 0
        So many of these features, the first, are in that mean alone, and not in the kernel.
    noise : float, optional
        Variance of one training in units of the targets, where that is known.
    """

    def __init__(
        self,
        encoding: Encoding,
        lean: Floats | None = None,
        noise: float | None = None,
        only: int = 0,
    ) -> None:
        own = np.zeros(0) if lean is None else lean
        sizes = len(own) - only  # features that the kernel reads
        self.encoding = encoding
        self.sizes: int = sizes
        self.only = only
        self.lean: Floats = np.concatenate([np.zeros(encoding.counts), own])
        d = len(encoding.lengths)
        self.free = [j for j in range(d) if encoding.lengths[j] > 1]
        c = encoding.counts > 0
        linear = [COUNTED] * c + [ADDED] + [SIZED] * (sizes > 0)
        near = c or sizes > 0
        weights = [TOGETHER] + [NEAR] * near
        distances = [log(2.0 / max(1, len(self.free)))] * len(self.free)
        distances += [0.0] * (c + (sizes > 0))
        self._middle: Floats = np.array([*linear, *weights, *distances, NOISE])
        self._spread: Floats = np.array(
            [WIDE] * (len(linear) + len(weights))
            + [NARROW] * len(self.free)
            + [1.0] * (c + (sizes > 0))
            + [WIDE if noise is None else TOLD]
        )
        if noise is not None:
            self._middle[-1] = log(max(noise, 1e-6))
        self._linear, self._parts, self._c = len(linear), len(weights), int(c)
        self._of = np.array([0] * len(self.free) + [1] * (c + (sizes > 0)), dtype=np.int32)
        self.theta: Floats = np.exp(self._middle)

    # fitting

    def fit(self, samples: Samples, targets: Floats, noise: Floats, tuned: bool = True) -> None:
        """Fit to samples.

        Parameters
        ----------
        samples : Samples
        targets : float64 array, shape (n,)
            Of variance about 1.
        noise : float64 array, shape (n,)
            Of each sample, in units of one training's: 1 over its repeats.
        tuned : bool, default True
            Whether weights are fitted too, or stay what they were.
        """
        own = targets - self._leaning(samples)
        if tuned:
            self._tune(samples, own, noise)
        self.samples, self.targets, self.noise = samples, own, noise
        self._prepare()

    def _leaning(self, rows: Samples) -> Floats:
        """Return the mean of rows before any sample."""
        return np.asarray((rows.features * self.lean).sum(axis=1))

    def _tune(self, samples: Samples, targets: Floats, noise: Floats) -> None:
        if len(targets) > FITTED_ON:
            order = np.argsort(-targets, kind="stable")
            rest = order[FITTED_ON // 2 :]
            spread = rest[np.linspace(0, len(rest) - 1, FITTED_ON - FITTED_ON // 2).astype(int)]
            kept = np.sort(np.concatenate([order[: FITTED_ON // 2], spread]))
            samples, targets, noise = samples.take(kept), targets[kept], noise[kept]
        grams, distances = self._grams(samples)
        gradient = np.zeros(len(self._middle))

        def cost(logs: Floats) -> tuple[float, Floats]:
            value = core.evidence(
                grams, distances, self._of, noise, targets, np.exp(logs), gradient
            )
            if not np.isfinite(value):
                return 1e100, np.zeros(len(logs))
            away = (logs - self._middle) / self._spread
            return value + 0.5 * float((away * away).sum()), gradient + away / self._spread

        self.theta = np.exp(minimise(cost, np.log(self.theta), self._middle, self._spread))

    def _grams(self, samples: Samples) -> tuple[Floats, Floats]:
        """Return Gram matrices of the linear parts, and distances, of all pairs of samples."""
        encoding, counts = self.encoding, self.encoding.counts
        apart = np.stack(
            [
                encoding.gaps[j][np.ix_(own, own)]
                for j in self.free
                for own in [samples.codes[:, j] - encoding.first[j]]
            ]
            or [np.zeros((len(samples), len(samples)))],
            axis=-1,
        )
        grams = [1.0 - apart.mean(axis=-1)]
        distances = [apart] if self.free else []
        start = counts + self.only
        for first, last in ((0, counts), (start, start + self.sizes)):
            if first == last:
                continue
            own = samples.features[:, first:last]
            gram = (own[:, None] * own[None]).sum(axis=-1)
            square = ((own[:, None] - own[None]) ** 2).sum(axis=-1)
            grams.insert(0 if first == 0 and counts else len(grams), gram)
            distances.append(square[..., None])
        empty = np.zeros((len(samples), len(samples), 0))
        return (
            np.ascontiguousarray(np.stack(grams, axis=-1)),
            np.ascontiguousarray(np.concatenate([empty, *distances], axis=-1)),
        )

    # what follows of the weights

    @property
    def noise_variance(self) -> float:
        """Of one training, in units of the targets."""
        return float(self.theta[-1])

    def _weights(self) -> tuple[float, float, float]:
        """Return the weights of the linear parts: counts, variables, sizes."""
        own = self.theta[: self._linear].tolist()
        counted = own.pop(0) if self._c else 0.0
        return counted, own[0], own[1] if self.sizes else 0.0

    def _prepare(self) -> None:
        """Lay out what covariances with the samples are made of, and factor their matrix."""
        encoding, counts = self.encoding, self.encoding.counts
        n, start = len(self.samples), counts + self.only
        q = start + self.sizes
        counted, added, sized = self._weights()
        parts = self.theta[self._linear : self._linear + self._parts]
        scales = self.theta[self._linear + self._parts : -1]
        self.__dict__.pop("_root", None)
        self._linear_table = np.zeros((encoding.width, n))
        self._tables = np.zeros((self._parts, encoding.width, n))
        for j, scale in zip(self.free, scales[: len(self.free)], strict=True):
            first, last = encoding.first[j], encoding.first[j + 1]
            gaps = encoding.gaps[j][:, self.samples.codes[:, j] - first]
            self._linear_table[first:last] = (added / len(self.free)) * (1.0 - gaps)
            self._tables[0, first:last] = scale * gaps
        self._along = np.zeros(q)
        self._along[:counts], self._along[start:] = counted, sized
        self._across = np.zeros((self._parts, q))
        for k, (first, last) in enumerate(
            [pair for pair in ((0, counts), (start, q)) if pair[0] < pair[1]]
        ):
            self._across[1, first:last] = scales[len(self.free) + k]
        self._own = np.ascontiguousarray(self.samples.features.T)
        self._part_weights: Floats = np.ascontiguousarray(parts)
        if not self.free:
            self._linear_table += added / max(1, len(encoding.lengths))
        matrix = self.covariances(self.samples)
        variance = self.prior(self.samples)
        matrix[np.arange(n), np.arange(n)] = (
            variance + self.noise_variance * self.noise + JITTER * (1.0 + variance)
        )
        whole = matrix.copy()
        room = JITTER
        while not np.isfinite(core.factor(matrix)):  # rounding: equal rows, and hardly any noise
            room *= 10.0
            matrix = whole.copy()
            matrix[np.arange(n), np.arange(n)] += room * (1.0 + variance)
        self._factor: Floats = matrix
        self.alpha: Floats = self.solved(self.targets)
        self._whole = whole.diagonal() + (room * (1.0 + variance) if room > JITTER else 0.0)

    def solved(self, targets: Floats) -> Floats:
        """Return the inverse of the samples' matrix times targets."""
        found: Floats = solved(self._factor, targets[None])[0]
        return found

    def _args(
        self, rows: Samples
    ) -> tuple[Codes, Floats, Floats, Floats, Floats, Floats, Floats, Floats]:
        return (
            rows.codes, rows.features, self._linear_table, self._tables, self._own, self._along,
            self._across, self._part_weights,
        )  # fmt: skip

    def covariances(self, rows: Samples) -> Floats:
        """Return covariances with the samples, shape (rows, n)."""
        out = np.zeros((len(rows), len(self.samples)))
        core.covariances(*self._args(rows), out)
        return out

    def prior(self, rows: Samples) -> Floats:
        """Return variances before any sample, shape (rows,)."""
        _, added, _ = self._weights()
        own = (rows.features**2 * self._along).sum(axis=1)
        return np.asarray(own + added + float(self._part_weights.sum()))

    def means(self, rows: Samples) -> tuple[Floats, Floats]:
        """Return means, and variances that are never below the right ones, shape (rows,)."""
        mean, known = np.zeros(len(rows)), np.zeros(len(rows))
        core.weigh(*self._args(rows), self.alpha, self._whole, mean, known)
        return mean + self._leaning(rows), np.maximum(self.prior(rows) - known, 1e-12)

    def variances(self, rows: Samples) -> Floats:
        """Return variances of the function, without a training's noise, shape (rows,)."""
        own = self.covariances(rows)
        core.forward(self._factor, own)
        found: Floats = np.maximum(self.prior(rows) - (own * own).sum(axis=1), 1e-12)
        return found

    # what the exact solver maximises

    def values(self, targets: Floats | None = None) -> tuple[Floats, Floats]:
        """Return the additive part of the mean: of each value, and the weights of sizes.

        Parameters
        ----------
        targets : float64 array, shape (n,), optional
            The inverse of the samples' matrix times what is explained; usually `alpha`.

        Returns
        -------
        of_values : float64 array, shape (width,)
        of_sizes : float64 array, shape (sizes,)
            With what is expected before any sample.
        """
        alpha = self.alpha if targets is None else targets
        counts = self.encoding.counts
        along = (self._own * alpha).sum(axis=1) * self._along
        of_values = (self._linear_table * alpha).sum(axis=1)
        of_values = of_values + (self.encoding.basis * along[:counts]).sum(axis=1)
        return of_values, along[counts:] + self.lean[counts:]

    def draw(self, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Return the additive part of a function drawn from the process (Thompson sampling).

        By Matheron's rule: a draw from before the samples, moved by what it misses of them.
        """
        encoding, counts = self.encoding, self.encoding.counts
        counted, added, sized = self._weights()
        rows = self.samples
        of_values = np.zeros(encoding.width)
        for j in self.free:
            first, last = encoding.first[j], encoding.first[j + 1]
            noise = rng.normal(size=last - first) * np.sqrt(added / len(self.free))
            of_values[first:last] = (encoding.roots[j] * noise).sum(axis=1)
        along = rng.normal(size=counts) * np.sqrt(counted)
        of_values += (encoding.basis * along).sum(axis=1)
        of_sizes = rng.normal(size=self.only + self.sizes) * np.sqrt(sized)
        of_sizes[: self.only] = 0.0
        at = of_values[rows.codes].sum(axis=1) - float((encoding.usual * along).sum())
        at = at + (rows.features[:, counts:] * of_sizes).sum(axis=1)  # the lean is not in targets
        at = at + (self._root * rng.normal(size=len(at))).sum(axis=1)
        missed = self.solved(self.targets - at)
        moved, sizes = self.values(missed)
        return of_values + moved, of_sizes + sizes

    @cached_property
    def _root(self) -> Floats:
        """A root of the samples' covariances by the parts that are not additive, and noise."""
        whole = self.covariances(self.samples)
        linear = np.zeros_like(whole)
        for column in self.samples.codes.T:
            linear += self._linear_table[column]
        own = self.samples.features
        for column, weight in zip(own.T, self._along.tolist(), strict=True):
            if weight:
                linear += (weight * column)[:, None] * column
        rest = 0.5 * ((whole - linear) + (whole - linear).T)
        room = JITTER * (1.0 + rest.diagonal()) + self.noise_variance * self.noise
        return root_of(rest, room)


def minimise(
    cost: Callable[[Floats], tuple[float, Floats]], start: Floats, middle: Floats, spread: Floats
) -> Floats:
    """Return where a function with a gradient is least, near enough: BFGS with backtracking.

    Of some ten numbers: products of small matrices, on one thread whatever a BLAS does, and the
    same steps everywhere. (Nocedal and Wright 2006, algorithm 6.1.)

    Parameters
    ----------
    cost : function
        From numbers to (value, gradient).
    start : float64 array, shape (k,)
    middle, spread : float64 arrays, shape (k,)
        Numbers stay within `FURTHEST` spreads of the middle.
    """
    low, high = middle - FURTHEST * spread, middle + FURTHEST * spread
    x = np.clip(start, low, high)
    value, slope = cost(x)
    inverse = np.diag(spread * spread)  # the priors' curvature: what is known of it at the start
    for _ in range(STEPS):
        step = -(inverse * slope).sum(axis=1)
        along = float((step * slope).sum())
        if not along < 0.0:
            inverse = np.diag(spread * spread)
            step = -(inverse * slope).sum(axis=1)
            along = float((step * slope).sum())
        size = min(1.0, FARTHEST_STEP / max(float(np.abs(step).max()), 1e-300))
        for _ in range(20):
            there = np.clip(x + size * step, low, high)
            next_value, next_slope = cost(there)
            if next_value <= value + 1e-4 * size * along:
                break
            size *= 0.5
        else:
            break
        moved, turned = there - x, next_slope - slope
        done = value - next_value <= 1e-6 * (1.0 + abs(value))
        x, value, slope = there, next_value, next_slope
        if done:
            break
        curved = float((moved * turned).sum())
        if curved > 1e-10:
            by = (inverse * turned).sum(axis=1)
            inverse = (
                inverse
                + (1.0 + float((turned * by).sum()) / curved) * np.outer(moved, moved) / curved
                - (np.outer(by, moved) + np.outer(moved, by)) / curved
            )
    return x
