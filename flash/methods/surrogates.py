"""Surrogates: what PNAS learns from the networks it has evaluated, to rank those it has not.

All take *tokens*, an integer array of shape (n, steps, columns): a network is a sequence of steps
(blocks of a cell, or cells), a step some numbers; -1 where a sequence has ended. A `Vocabulary`
says what the numbers are. They answer alike under any number of threads: products are kept below
the size at which OpenBLAS shares them out (2**18 multiplications).

An MLP and an LSTM are the two kinds of PNAS (arXiv 1712.00559); that each is an ensemble of five on
4/5 of the data, sizes, losses and rates are a reconstruction. The ridge regression is flash's own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..suggesting.encoding import hats

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Tokens = NDArray[np.int64]

__all__ = ["MLP", "SURROGATES", "Ridge", "Surrogate", "Vocabulary", "folds", "product", "surrogate"]

SURROGATES = ("mlp", "lstm", "ridge")
SHARED_OUT = 1 << 18  # multiplications from which OpenBLAS works on several threads
HIDDEN = 100
MEMBERS = 5


class Vocabulary:
    """What the numbers of a sequence are.

    Parameters
    ----------
    kinds : int array, shape (steps, columns)
        Numbers of the same kind mean the same and share an embedding.
    sizes : sequence of int
        How many values each kind has.
    ordered : sequence of bool
        Whether a kind's values are ordered (depths, skips): neighbours then mean nearly the same.
    """

    def __init__(
        self, kinds: NDArray[np.int64], sizes: Sequence[int], ordered: Sequence[bool]
    ) -> None:
        self.kinds = kinds
        self.sizes: tuple[int, ...] = tuple(sizes)
        self.bases: tuple[NDArray[np.float64], ...] = tuple(
            hats(size) if order else np.eye(size)
            for size, order in zip(sizes, ordered, strict=True)
        )
        # Where a kind stands in a column, it has a slot of features of its own.
        self.slots: list[tuple[int, int, slice]] = []
        at: dict[tuple[int, int], slice] = {}
        end = 0
        for column in range(kinds.shape[1]):
            for kind in sorted(set(kinds[:, column].tolist())):
                width = self.bases[kind].shape[1]
                at[column, kind] = slice(end, end + width)
                self.slots.append((column, kind, at[column, kind]))
                end += width
        self._at = at
        self.features: int = end

    def sums(self, tokens: Tokens) -> Floats:
        """Return how often each number, or what it is made of, occurs, shape (n, features)."""
        out = np.zeros((len(tokens), self.features))
        for step in range(tokens.shape[1]):
            here = tokens[:, step, 0] >= 0
            if not here.any():
                continue
            for column in range(tokens.shape[2]):
                kind = int(self.kinds[step, column])
                basis = self.bases[kind]
                values = np.where(here, tokens[:, step, column], 0)
                out[:, self._at[column, kind]] += basis[values] * here[:, None]
        return out


def product(a: Floats, b: Floats) -> Floats:
    """Return ``a @ b``, computed alike under any number of threads."""
    rows = max(1, SHARED_OUT // (2 * max(1, b.shape[-2] * b.shape[-1])))
    n = a.shape[-2]
    out: Floats
    if b.shape[-1] == 1:  # a vector, which older OpenBLAS shares out far sooner
        out = (a * np.swapaxes(b, -1, -2)).sum(axis=-1, keepdims=True)
        return out
    if n <= rows:
        out = np.matmul(a, b)
        return out
    out = np.empty((*np.broadcast_shapes(a.shape[:-2], b.shape[:-2]), n, b.shape[-1]))
    for first in range(0, n, rows):
        out[..., first : first + rows, :] = np.matmul(a[..., first : first + rows, :], b)
    return out


def folds(n: int, members: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return which of `n` samples each member learns, shape (members, m): all but a part.

    Of five members each leaves out another fifth; of fewer than five samples nobody leaves any.
    """
    order = rng.permutation(n)
    part = n // members if members > 1 else 0
    return np.array([np.delete(order, slice(k * part, (k + 1) * part)) for k in range(members)])


class Surrogate:
    """A function from sequences to values that is fitted to some of them.

    Parameters
    ----------
    vocabulary : Vocabulary
    seed : int
        The same seed and data give the same predictions.
    """

    def __init__(self, vocabulary: Vocabulary, seed: int = 0) -> None:
        self.vocabulary = vocabulary
        self.seed = seed
        self._middle, self._spread = 0.0, 1.0

    def fit(self, tokens: Tokens, values: Floats) -> None:
        """Fit to sequences and their values, from scratch.

        Parameters
        ----------
        tokens : int array, shape (n, steps, columns)
        values : float array, shape (n,)
            Finite, of any scale.
        """
        middle = float(values.mean())
        self._middle, self._spread = middle, float(values.std()) or 1.0
        self._fit(tokens, (values - middle) / self._spread)

    def predict(self, tokens: Tokens) -> Floats:
        """Return the values expected of sequences, shape (n,)."""
        return self._predict(tokens) * self._spread + self._middle

    def _fit(self, tokens: Tokens, values: Floats) -> None:
        raise NotImplementedError

    def _predict(self, tokens: Tokens) -> Floats:
        raise NotImplementedError


class MLP(Surrogate):
    """An ensemble of perceptrons on the mean of the steps' embeddings (numpy).

    Reconstruction of PNAS's: a number's embedding has 100 entries, shared by all columns of its
    kind; a step is its numbers' embeddings one after another; their mean over the steps goes
    through two layers of 100 ReLU; L1 loss, Adam. Own: the number of Adam's steps, the decay of
    its rate from 0.01, the initial scale of the embeddings.
    """

    MEMBERS = MEMBERS
    BATCH = 20
    STEPS = 600
    RATE = 0.01

    def _inputs(self, tokens: Tokens) -> Floats:
        steps = np.maximum(1, (tokens[:, :, 0] >= 0).sum(axis=1))
        means: Floats = self.vocabulary.sums(tokens) / steps[:, None]
        return means

    def _fit(self, tokens: Tokens, values: Floats) -> None:
        rng = np.random.default_rng([self.seed, 1])
        known = self.vocabulary
        inputs = self._inputs(tokens)
        which = folds(len(values), self.MEMBERS, rng)
        members, n = which.shape
        columns = known.kinds.shape[1]
        scale = (6.0 / (HIDDEN * columns)) ** 0.5
        self._weights = [
            *(rng.normal(0.0, 1.0, (members, b.shape[1], HIDDEN)) for b in known.bases),
            rng.uniform(-scale, scale, (members, columns * HIDDEN, HIDDEN)),
            np.zeros((members, 1, HIDDEN)),
            rng.uniform(-0.245, 0.245, (members, HIDDEN, HIDDEN)),  # sqrt(6 / 100)
            np.zeros((members, 1, HIDDEN)),
            rng.uniform(-0.1, 0.1, (members, HIDDEN, 1)),
            np.zeros((members, 1, 1)),
        ]
        adam = _Adam(self._weights)
        size = min(self.BATCH, n)
        batches = max(1, n // size)
        place = np.arange(members)[:, None]
        order = which
        for step in range(self.STEPS):
            if step % batches == 0:
                order = rng.permuted(which, axis=1)
            turn = step % batches
            taken = order[place, np.arange(turn * size, (turn + 1) * size)[None]]
            grads = self._gradients(inputs[taken], values[taken])
            adam.step(grads, self.RATE * (1.0 - step / self.STEPS))

    def _first(self) -> tuple[Floats, list[tuple[int, slice, slice]]]:
        """Return embeddings times first layer, shape (members, features, 100), and its parts."""
        known = self.vocabulary
        weights = self._weights[len(known.bases)]
        out = np.empty((len(weights), known.features, HIDDEN))
        parts = []
        for column, kind, slot in known.slots:
            rows = slice(column * HIDDEN, (column + 1) * HIDDEN)
            out[:, slot] = product(self._weights[kind], weights[:, rows])
            parts.append((kind, slot, rows))
        return out, parts

    def _gradients(self, x: Floats, y: Floats) -> list[Floats]:
        kinds = len(self.vocabulary.bases)
        first, b1, w2, b2, w3, b3 = self._weights[kinds:]
        joint, parts = self._first()
        h1 = np.maximum(product(x, joint) + b1, 0.0)
        h2 = np.maximum(product(h1, w2) + b2, 0.0)
        error = (product(h2, w3) + b3)[..., 0] - y
        d3 = (np.sign(error) / error.shape[1])[..., None]
        d2 = d3 * np.swapaxes(w3, 1, 2) * (h2 > 0.0)
        d1 = product(d2, np.swapaxes(w2, 1, 2)) * (h1 > 0.0)
        dj = product(np.swapaxes(x, 1, 2), d1)
        grads = [np.zeros_like(one) for one in self._weights]
        for kind, slot, rows in parts:
            # d(joint) = E W: to the embedding, and to the layer's rows of this column
            grads[kind] += product(dj[:, slot], np.swapaxes(first[:, rows], 1, 2))
            turned = np.swapaxes(self._weights[kind], 1, 2)
            grads[kinds][:, rows] += product(turned, dj[:, slot])
        grads[kinds + 1] = d1.sum(axis=1, keepdims=True)
        grads[kinds + 2] = product(np.swapaxes(h1, 1, 2), d2)
        grads[kinds + 3] = d2.sum(axis=1, keepdims=True)
        grads[kinds + 4] = product(np.swapaxes(h2, 1, 2), d3)
        grads[kinds + 5] = d3.sum(axis=1, keepdims=True)
        return grads

    def _predict(self, tokens: Tokens) -> Floats:
        _, b1, w2, b2, w3, b3 = self._weights[len(self.vocabulary.bases) :]
        joint, _ = self._first()
        inputs = self._inputs(tokens)
        total = np.zeros(len(tokens))
        for k in range(len(w2)):
            h = np.maximum(product(inputs, joint[k]) + b1[k], 0.0)
            h = np.maximum(product(h, w2[k]) + b2[k], 0.0)
            total += (product(h, w3[k]) + b3[k])[:, 0]
        return total / len(w2)


class _Adam:
    """Adam (Kingma and Ba, arXiv 1412.6980) with its usual constants."""

    def __init__(self, weights: list[Floats]) -> None:
        self.weights = weights
        self.first = [np.zeros_like(one) for one in weights]
        self.second = [np.zeros_like(one) for one in weights]
        self.count = 0

    def step(self, grads: list[Floats], rate: float) -> None:
        self.count += 1
        one, two = 1.0 - 0.9**self.count, 1.0 - 0.999**self.count
        for weight, grad, m, v in zip(self.weights, grads, self.first, self.second, strict=True):
            m += 0.1 * (grad - m)
            v += 0.001 * (grad * grad - v)
            weight -= (rate / one) * m / (np.sqrt(v / two) + 1e-8)


class Ridge(Surrogate):
    """Ridge regression on how often each number occurs, alone and in pairs (numpy).

    flash's own. Features are the means over the steps of each number's share, their squares and
    products where these are few, and the number of steps; the penalty is the one of five that
    predicts left-out fifths best.
    """

    PENALTIES = (0.01, 0.1, 1.0, 10.0, 100.0)
    MOST = 420  # features: with more, products are left out

    def _inputs(self, tokens: Tokens) -> Floats:
        steps = np.maximum(1, (tokens[:, :, 0] >= 0).sum(axis=1))[:, None].astype(np.float64)
        shares = self.vocabulary.sums(tokens) / steps
        parts = [shares, steps]
        width = shares.shape[1]
        if width * (width + 1) // 2 <= self.MOST:
            left, right = np.triu_indices(width)
            parts.append(shares[:, left] * shares[:, right])
        return np.concatenate(parts, axis=1)

    def _fit(self, tokens: Tokens, values: Floats) -> None:
        inputs = self._inputs(tokens)
        self._mean = inputs.mean(axis=0)
        spread = inputs.std(axis=0)
        self._scale = np.where(spread > 1e-12, 1.0 / np.maximum(spread, 1e-12), 0.0)
        x = (inputs - self._mean) * self._scale
        n = len(x)
        members = min(MEMBERS, n)
        part = np.random.default_rng([self.seed, 2]).permutation(n) % members
        errors = np.zeros(len(self.PENALTIES))
        if members > 1:
            for k in range(members):
                kept = part != k
                for number, penalty in enumerate(self.PENALTIES):
                    found = _solve(x[kept], values[kept], penalty)
                    missed = product(x[~kept], found[:, None])[:, 0] - values[~kept]
                    errors[number] += float((missed * missed).sum())
        self._weights = _solve(x, values, self.PENALTIES[int(np.argmin(errors))])

    def _predict(self, tokens: Tokens) -> Floats:
        x = (self._inputs(tokens) - self._mean) * self._scale
        return product(x, self._weights[:, None])[:, 0]


def _solve(x: Floats, y: Floats, penalty: float) -> Floats:
    """Return the weights that minimise ``|x w - y|**2 + penalty |w|**2``, by conjugate gradients.

    Not by LAPACK, whose last digits depend on the number of threads.
    """
    n, width = x.shape
    small = n < width  # then w = x' a, with (x x' + penalty) a = y
    rows = x if small else np.ascontiguousarray(x.T)
    gram = product(rows, np.ascontiguousarray(rows.T))
    right = y if small else product(rows, y[:, None])[:, 0]
    found = np.zeros(len(gram))
    rest = right.copy()
    along = rest.copy()
    size = first = float((rest * rest).sum())
    for _ in range(4 * len(gram)):
        if size <= 1e-20 * first:
            break
        turned = product(gram, along[:, None])[:, 0] + penalty * along
        step = size / float((along * turned).sum())
        found += step * along
        rest -= step * turned
        before, size = size, float((rest * rest).sum())
        along = rest + (size / before) * along
    return product(np.ascontiguousarray(x.T), found[:, None])[:, 0] if small else found


def surrogate(name: str, vocabulary: Vocabulary, seed: int = 0) -> Surrogate:
    """Return a surrogate by its name: "mlp", "lstm" (needs torch) or "ridge".

    Raises
    ------
    MissingExtraError
        If torch is not installed.
    """
    if name == "lstm":
        from ..base.extras import require

        require("PNAS's surrogate 'lstm'", "torch", "torch")
        from ._lstm import LSTM

        return LSTM(vocabulary, seed)
    return {"mlp": MLP, "ridge": Ridge}[name](vocabulary, seed)
