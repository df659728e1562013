"""The gradient of the paper's form, for intervals: no numpy, as a loaded predictor needs none."""

from __future__ import annotations

__all__ = ["gradient"]


def gradient(a: float, b: float, c: float, degree: float) -> list[float]:
    """Return derivatives of logit(y), ``y = 1 / (a + exp(b / g + c))``, by log(a), log(b) and c."""
    from math import exp

    degree = max(degree, 1e-300)
    grown = exp(min(700.0, b / degree + c))
    by_below = -1.0 / max(1e-12, a + grown - 1.0)  # of logit y = -log(1 / y - 1)
    return [by_below * a, by_below * grown * (b / degree), by_below * grown]
