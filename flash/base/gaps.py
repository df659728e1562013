"""What "gap" means, everywhere: how far what was found is short of what is known to be possible."""

from __future__ import annotations

__all__ = ["gap_between"]

INF = float("inf")


def gap_between(found: float, bound: float, *, greatest: bool = True) -> float | None:
    """Return how far an objective is short of its bound, as a share of the bound.

    Parameters
    ----------
    found, bound : float
        The objective found, and what none betters: the optimum, where that is known.
    greatest : bool, default True
        Whether the objective is maximised.

    Returns
    -------
    float or None
        ``(bound - found) / |bound|`` where it is maximised, which is ``1 - found / bound`` for a
        positive bound; ``(found - bound) / |bound|`` where it is minimised. 0 where nothing is
        missing; at most 1 of positive objectives that are maximised, and without limit otherwise.
        None where something is missing of a bound of 0, or the share is no finite number.
    """
    short = bound - found if greatest else found - bound
    if short <= 0.0:
        return 0.0
    share = short / abs(bound) if bound else INF
    return share if share < INF else None
