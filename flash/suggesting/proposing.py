"""Which networks to train next: drawn at random, until a model takes this module's place."""

from __future__ import annotations

import numpy as np

from ..base.record import Record
from ..errors import FlashError
from ..problem.objective import limits_on

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from numpy.typing import NDArray

    from ..solving.ground import Ground
    from .known import Known

__all__ = ["NothingLeft", "Proposal", "propose"]

PATIENCE = 200  # draws, each of some hundred rows


class NothingLeft(FlashError, LookupError):
    """No network that is not measured yet meets the budgets."""


class Proposal(Record):
    """Networks to train next.

    Parameters
    ----------
    rows : int64 array, shape (n, variables)
    mean, deviation : float64 arrays, shape (n,)
        Expected accuracy and its standard deviation, NaN where a row was drawn at random.
    gain : float64 array, shape (n,)
        Expected improvement over the best measured within the budgets.
    chance : float64 array, shape (n,)
        Probability to be better than that.
    how : str
        How they were found, in words.
    left : float
        The largest expected gain of anything unmeasured: what could still be better.
    """

    rows: NDArray[np.int64]
    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]
    gain: NDArray[np.float64]
    chance: NDArray[np.float64]
    how: str
    left: float


def propose(
    ground: Ground,
    known: Known,
    n: int,
    *,
    limits: Sequence[float],
    least: float,
    seed: int,
    options: Mapping[str, Any],
) -> Proposal:
    """Return up to `n` unmeasured networks within the budgets.

    Parameters
    ----------
    ground : Ground
    known : Known
    n : int
    limits : sequence of float
        Budgets in the core's order, inf where there is none.
    least : float
        The least accuracy, -inf where any will do.
    seed : int
    options : mapping
        "cost", "columns", "prior": see `flash.suggest`.

    Raises
    ------
    NothingLeft
        If no unmeasured network meets the budgets.
    """
    rng = np.random.default_rng(seed)
    held = {tuple(row) for row in (*known.rows.tolist(), *known.pending.tolist())}
    limited = list(limits_on(limits))
    bounds = np.array([limits[k] for k in limited])[:, None]
    found: list[tuple[int, ...]] = []
    for _ in range(PATIENCE):
        rows = ground.draw(rng, 256)
        metrics = ground.charge(rows)
        fits = (metrics[limited] <= bounds).all(axis=0) & np.isfinite(metrics[-1])
        member = ground.is_member(rows)
        if member is not None:
            fits &= member
        for row in map(tuple, rows[fits].tolist()):
            if row not in held and len(found) < n:
                found.append(row)
                held.add(row)
        if len(found) == n or len(held) >= ground.distinct:
            break
    if not found:
        raise NothingLeft("no network that is not measured yet was found within the budgets")
    nothing = np.full(len(found), np.nan)
    return Proposal(
        np.array(found, dtype=np.int64),
        nothing,
        nothing,
        nothing,
        nothing,
        "random: drawn from all networks within the budgets",
        float("nan"),
    )
