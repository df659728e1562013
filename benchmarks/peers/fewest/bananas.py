"""BANANAS (White, Neiswanger, Savani, 2019), rewritten small: not the authors' code.

Ten random candidates, then batches of ten: an ensemble of five networks (ten layers of twenty,
Adam with rate .01, batches of 32, mean absolute error, 150 epochs) is fitted to an encoding;
candidates are one change away from the best ones held (from the best down, to five of them, until
there are a hundred); the ten with the highest independent Thompson samples of a normal with the
ensemble's mean and spread are trained. The encoding is the paper's paths for the cells of
NAS-Bench-201, elsewhere the features. The five networks are trained side by side in numpy.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from .ledger import Ledger, drawn, orders

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .problems import Problem

    Floats = NDArray[np.float64]

NETWORKS, LAYERS, WIDTH = 5, 10, 20
RATE, BATCH, EPOCHS = 0.01, 32, 150
TOGETHER, PARENTS, CANDIDATES = 10, 5, 100
PATHS = ((3,), (0, 4), (1, 5), (0, 2, 5))  # edges of NAS-Bench-201 from the input to the output


def run(problem: Problem, seed: int, limit: int) -> list[int]:
    """Return the candidates in the order of training."""
    return orders(_search, problem, seed, limit)


def encoded(problem: Problem) -> Floats:
    """Return the encoding of all candidates: which sequences of operations lead through a cell."""
    if problem.space != "nas-bench-201":
        return problem.features
    kinds = problem.lengths[0]
    starts = np.cumsum([0] + [kinds**k for k in (1, 2, 3)])
    found = np.zeros((len(problem), starts[-1]))
    for path in PATHS:
        places = np.zeros(len(problem), dtype=np.int64)
        for edge in path:
            places = places * kinds + problem.rows[:, edge]
        found[np.arange(len(problem)), starts[len(path) - 1] + places] = 1.0
    return found


def _search(ledger: Ledger, seed: int) -> None:
    problem, rng = ledger.problem, np.random.default_rng(seed)
    encoding = encoded(problem)
    ledger.train_all(drawn(problem, rng))
    while True:
        near: dict[int, None] = {}
        for parent in ledger.ranked()[:PARENTS]:
            fresh = problem.neighbours(parent)
            near |= dict.fromkeys(rng.permutation(fresh[~ledger.held[fresh]]).tolist())
            if len(near) >= CANDIDATES:
                break
        numbers = list(near)[:CANDIDATES]
        if len(numbers) < TOGETHER:  # what is near was trained already
            others = rng.permutation(np.flatnonzero(~ledger.held)).tolist()
            numbers += [one for one in others if one not in near][: TOGETHER - len(numbers)]
        y = ledger.accuracies
        low, scale = y.mean(), y.std() or 1.0
        net = Ensemble(encoding.shape[1], rng)
        net.fit(encoding[ledger.order], (y - low) / scale)
        told = net.predict(encoding[numbers])
        sampled = rng.normal(told.mean(axis=0), told.std(axis=0))
        ledger.train_all([numbers[k] for k in np.argsort(-sampled)[:TOGETHER]])


class Ensemble:
    """Networks of dense layers with rectifiers, trained side by side."""

    def __init__(self, inputs: int, rng: np.random.Generator) -> None:
        self.rng = rng
        sizes = [inputs, *[WIDTH] * LAYERS, 1]
        self.weights: list[Floats] = []
        for fan, out in pairwise(sizes):  # Glorot's uniform
            bound = np.sqrt(6.0 / (fan + out))
            self.weights.append(rng.uniform(-bound, bound, (NETWORKS, fan, out)))
            self.weights.append(np.zeros((NETWORKS, 1, out)))

    def fit(self, x: Floats, y: Floats) -> None:
        """Train by Adam on mean absolute errors."""
        first = [np.zeros_like(one) for one in self.weights]
        second = [np.zeros_like(one) for one in self.weights]
        step = 0
        for _ in range(EPOCHS):
            order = np.stack([self.rng.permutation(len(y)) for _ in range(NETWORKS)])
            for start in range(0, len(y), BATCH):
                part = order[:, start : start + BATCH]
                gradients = self._gradients(x[part], y[part])
                step += 1
                rate = RATE * np.sqrt(1 - 0.999**step) / (1 - 0.9**step)
                for k, gradient in enumerate(gradients):
                    first[k] += 0.1 * (gradient - first[k])
                    second[k] += 0.001 * (gradient * gradient - second[k])
                    self.weights[k] -= rate * first[k] / (np.sqrt(second[k]) + 1e-8)

    def predict(self, x: Floats) -> Floats:
        """Return predictions, shape (networks, candidates)."""
        return self._forward(np.broadcast_to(x, (NETWORKS, *x.shape)))[-1][:, :, 0]

    def _forward(self, x: Floats) -> list[Floats]:
        found = [x]
        for k in range(0, len(self.weights), 2):
            out = found[-1] @ self.weights[k] + self.weights[k + 1]
            found.append(out if k == len(self.weights) - 2 else np.maximum(out, 0.0))
        return found

    def _gradients(self, x: Floats, y: Floats) -> list[Floats]:
        found = self._forward(x)
        back = np.sign(found[-1] - y[:, :, None]) / y.shape[1]
        out: list[Floats] = []
        for k in range(len(self.weights) - 2, -1, -2):
            before = found[k // 2]
            out += [back.sum(axis=1, keepdims=True), before.transpose(0, 2, 1) @ back]
            if k:
                back = (back @ self.weights[k].transpose(0, 2, 1)) * (before > 0.0)
        return out[::-1]
