"""PNAS's LSTM surrogate. Imports torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from .surrogates import MEMBERS, Surrogate, folds

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .surrogates import Vocabulary

__all__ = ["LSTM"]

HIDDEN = 100


class LSTM(Surrogate):
    """An ensemble of LSTMs that read a sequence's numbers one by one.

    Reconstruction of PNAS's: embeddings of 100 entries, shared by all numbers of a kind; one layer
    of 100 cells; a sigmoid of the last state; L1 loss, Adam; five members, each on 4/5 of the data.
    Own: values are scaled to the sigmoid's middle, epochs, and the decay of the rate from 0.01.
    """

    MEMBERS = MEMBERS
    BATCH = 32
    STEPS = 200
    RATE = 0.01
    CHUNK = 4096

    def _fit(self, tokens: NDArray[np.int64], values: NDArray[np.float64]) -> None:
        rng = np.random.default_rng([self.seed, 3])
        which = folds(len(values), self.MEMBERS, rng)
        low, high = float(values.min()), float(values.max())
        self._low, self._width = low, (high - low) or 1.0
        aim = torch.from_numpy(0.2 + 0.6 * (values - low) / self._width).float()
        given = torch.from_numpy(tokens)
        self._members = []
        with _one_thread(), torch.random.fork_rng(devices=[]):
            for number, mine in enumerate(which):
                seed = int(rng.integers(1 << 62)) + number
                torch.default_generator.manual_seed(seed)
                member = _Member(self.vocabulary)
                self._train(member, given, aim, mine, rng)
                self._members.append(member.eval())

    def _train(
        self,
        member: _Member,
        given: Tensor,
        aim: Tensor,
        mine: NDArray[np.int64],
        rng: np.random.Generator,
    ) -> None:
        adam = torch.optim.Adam(member.parameters(), lr=self.RATE)
        size = min(self.BATCH, len(mine))
        batches = max(1, len(mine) // size)
        order = mine
        for step in range(self.STEPS):
            if step % batches == 0:
                order = rng.permutation(mine)
            turn = step % batches
            taken = torch.from_numpy(order[turn * size : (turn + 1) * size])
            for group in adam.param_groups:
                group["lr"] = self.RATE * (1.0 - step / self.STEPS)
            loss = (member(given[taken]) - aim[taken]).abs().mean()
            adam.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(member.parameters(), 1.0)
            adam.step()

    def _predict(self, tokens: NDArray[np.int64]) -> NDArray[np.float64]:
        out = np.zeros(len(tokens))
        with _one_thread(), torch.no_grad():
            for first in range(0, len(tokens), self.CHUNK):
                given = torch.from_numpy(tokens[first : first + self.CHUNK])
                for member in self._members:
                    out[first : first + self.CHUNK] += member(given).double().numpy()
        mean = out / len(self._members)
        return self._low + (mean - 0.2) / 0.6 * self._width


class _Member(nn.Module):
    def __init__(self, vocabulary: Vocabulary) -> None:
        super().__init__()
        self.kinds = vocabulary.kinds.tolist()
        for number, basis in enumerate(vocabulary.bases):
            self.register_buffer(f"basis_{number}", torch.from_numpy(basis).float())
        self.embeddings = nn.ModuleList(
            nn.Linear(basis.shape[1], HIDDEN, bias=False) for basis in vocabulary.bases
        )
        self.lstm = nn.LSTM(HIDDEN, HIDDEN, batch_first=True)
        self.out = nn.Linear(HIDDEN, 1)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return values in (0, 1), shape (n,), of tokens (n, steps, columns)."""
        tables = [
            embedding(getattr(self, f"basis_{number}"))
            for number, embedding in enumerate(self.embeddings)
        ]
        steps, columns = tokens.shape[1:]
        there = tokens[:, :, 0] >= 0
        read = [
            tables[self.kinds[step][column]][tokens[:, step, column].clamp(min=0)]
            for step in range(steps)
            for column in range(columns)
        ]
        states, _ = self.lstm(torch.stack(read, 1))
        last = there.sum(1) * columns - 1
        return torch.sigmoid(self.out(states[torch.arange(len(tokens)), last])[:, 0])


class _one_thread:
    """Work on one thread, so that sums do not depend on how many there are."""

    def __enter__(self) -> None:
        self.threads = torch.get_num_threads()
        torch.set_num_threads(1)

    def __exit__(self, *_: object) -> None:
        torch.set_num_threads(self.threads)
