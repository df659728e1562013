"""What is trained so far: rows of choice indices and the accuracies of their trainings."""

from __future__ import annotations

from math import fsum

import numpy as np

from ..base.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    Row = tuple[int, ...]
    Trained = tuple[float, float | None]  # accuracy and seconds of one training

__all__ = ["Known", "known_of"]


class Known(Record):
    """What is trained so far, each distinct canonical row once.

    Parameters
    ----------
    rows : int64 array, shape (m, variables)
    accuracy : float64 array, shape (m,)
        The mean of a row's trainings.
    repeats : int64 array, shape (m,)
        How many trainings a row had, at least 1.
    noise : float or None
        Standard deviation of one training, pooled over repeats; None where nothing tells it.
    pending : int64 array, shape (p, variables)
        Rows that are asked for and not told yet, or that could not be trained: not to be asked
        again.
    seconds : float64 array, shape (m,), or None
        What a training of each row took; None where that is not known of all.
    """

    rows: NDArray[np.int64]
    accuracy: NDArray[np.float64]
    repeats: NDArray[np.int64]
    noise: float | None
    pending: NDArray[np.int64]
    seconds: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.rows)


def known_of(
    trained: Mapping[Row, Iterable[Trained]],
    pending: Iterable[Row],
    variables: int,
    noise: float | None = None,
) -> Known:
    """Return what is known of trainings, in the order of their rows.

    Parameters
    ----------
    trained : mapping
        From a canonical row to the (accuracy, seconds or None) of each of its trainings.
    pending : iterable of rows
    variables : int
        Entries of a row.
    noise : float, optional
        Instead of what repeats say.
    """
    rows = sorted(row for row, runs in trained.items() if runs)
    groups = [list(trained[row]) for row in rows]
    accuracies = [sorted(accuracy for accuracy, _ in group) for group in groups]
    seconds = [[spent for _, spent in group if spent is not None] for group in groups]
    asked = sorted({tuple(row) for row in pending} - set(rows))
    whole = bool(rows) and all(seconds)
    return Known(
        np.array(rows, dtype=np.int64).reshape(len(rows), variables),
        np.array([fsum(one) / len(one) for one in accuracies], dtype=np.float64),
        np.array([len(one) for one in accuracies], dtype=np.int64),
        pooled(accuracies) if noise is None else noise,
        np.array(asked, dtype=np.int64).reshape(len(asked), variables),
        np.array([fsum(one) / len(one) for one in seconds]) if whole else None,
    )


def pooled(groups: Iterable[list[float]]) -> float | None:
    """Return the standard deviation within groups of trainings, None without a repeat."""
    squares, freedom = [], 0
    for group in groups:
        mean = fsum(group) / len(group)
        squares += [(one - mean) ** 2 for one in group]
        freedom += len(group) - 1
    found: float | None = (fsum(squares) / freedom) ** 0.5 if freedom else None
    return found
