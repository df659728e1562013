"""Weighted products of metrics as the objective: sums of logarithms, with lines that bound them.

Over an interval of a metric, the logarithm of its power has a tangent or a chord above it, and one
below it; with the metric's own linear forms these make a linear form of the whole product. Boxes
are cut at the metrics (`boxes.py`), so that in the end the lines meet the logarithms.
"""

from __future__ import annotations

from math import exp, frexp, ldexp, log, sqrt

from ..base.checks import choice, number, shown
from ..base.names import COSTS, Link
from ..base.record import Record
from ..errors import ArgumentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from ..predictors.predictor import AccuracyPredictor

__all__ = ["FACTOR", "Product", "line", "logarithm", "read_product"]

FACTOR = -1  # stands for a device in keys of boxes: of a metric that is a product's factor
LEAST = 5e-324  # what a factor of 0 counts as: its logarithm is finite then
STEEPEST = 600.0  # exponents of a link beyond which it counts as bent at its end
LARGEST = 1.7976931348623157e308


class Product(Record):
    """A weighted product.

    Parameters
    ----------
    powers : tuple of (str, float)
        Of metrics, "score" for an accuracy, in the core's order.
    shift : int
        The powers are those asked for times two to this power.
    """

    powers: tuple[tuple[str, float], ...]
    shift: int = 0

    def value(self, metrics: Mapping[str, float], predictor: AccuracyPredictor | None) -> float:
        """Return the logarithm of an answer's product."""
        return sum(power * logarithm(name, metrics[name], predictor) for name, power in self.powers)

    def report(self, value: float) -> float:
        """Return the product of its logarithm."""
        value = ldexp(value, -self.shift)
        return exp(value) if value < 709.0 else LARGEST

    def told(self, predicted: bool) -> str:
        """The product in words."""
        texts = []
        for name, power in self.powers:
            called = name if name != "score" else "accuracy" if predicted else "nn_degree"
            own = ldexp(power, -self.shift)
            texts.append(called if own == 1.0 else f"{called}^{own:g}")
        return " * ".join(texts)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user may not have meant: a cost that the objective rewards."""
        return tuple(
            f"the objective rewards a larger {name} (exponent {own:g}): did you mean {-own:g}?"
            for name, power in self.powers
            if name.split("@")[0] in COSTS and (own := ldexp(power, -self.shift)) > 0.0
        )


def read_product(given: Mapping[Any, Any], metrics: Sequence[str], predicted: bool) -> Product:
    """Return a product of what users pass: exponents by metric.

    Raises
    ------
    ArgumentError, ArgumentTypeError
    """
    known = ["accuracy", *metrics]
    powers: dict[str, float] = {}
    for key, exponent in given.items():
        name = choice("objective", key, known)
        own = float(number(f"objective[{key!r}]", exponent, -1e6, 1e6))
        called = "score" if name == "accuracy" else name
        if called == "nn_degree" and not predicted:
            called = "score"
        powers[called] = powers.get(called, 0.0) + own
    powers = {name: one for name, one in powers.items() if one}
    if not powers:
        raise ArgumentError(
            f"objective must have an exponent that is not zero, got {shown(dict(given))}"
        )
    top = max(map(abs, powers.values()))
    shift = 0 if top > 2.0**-10 else 1 - frexp(top)[1]  # else all logarithms would round alike
    order = ["score", *metrics]
    some = sorted(powers.items(), key=lambda one: order.index(one[0]))
    return Product(tuple((name, ldexp(one, shift)) for name, one in some), shift)


def logarithm(name: str, value: float, predictor: AccuracyPredictor | None) -> float:
    """Return the logarithm of a factor; of a score that a predictor reads, of the accuracy."""
    if name == "score" and predictor is not None:
        value = predictor.accuracy_of(value)
    return log(max(value, LEAST))


def line(
    name: str,
    power: float,
    low: float,
    high: float,
    at: float,
    predictor: AccuracyPredictor | None,
    upper: bool,
) -> tuple[float, float]:
    """Return slope and height of a line above a factor's term over an interval, or below it.

    Parameters
    ----------
    name, power
        The term is the power times the logarithm of the factor.
    low, high : float
    at : float
        Where a tangent touches.
    predictor : AccuracyPredictor or None
    upper : bool
    """
    ends = [power * logarithm(name, x, predictor) for x in (low, high)]
    if name == "score" and predictor is not None and not _is_concave(predictor, low):
        return 0.0, max(ends) if upper else min(ends)
    if (power > 0.0) != upper:  # a chord
        slope = (ends[1] - ends[0]) / (high - low) if high > low else 0.0
        return slope, ends[0] - slope * low
    at = min(max(at, low), high)
    if name != "score" or predictor is None:
        if at <= 0.0:  # of an interval from 0 on any tangent will do
            at = high
        if at <= 0.0:
            return 0.0, power * log(LEAST)
    slope = power * _slope(name, at, predictor)
    return slope, power * logarithm(name, at, predictor) - slope * at


def middle(name: str, low: float, high: float) -> float:
    """Return what parts an interval of a factor."""
    if low > 0.0 and name != "score":
        return sqrt(low) * sqrt(high)
    return 0.5 * (low + high)


def _is_concave(predictor: AccuracyPredictor, low: float) -> bool:
    """Whether the logarithm of the accuracy is a concave function of scores from here on."""
    kind, a, b, c = predictor.link
    if kind == Link.LOGISTIC:
        return low > -STEEPEST
    return a > 0.0 and b >= 0.0 and low > 0.0 and b / low + c < STEEPEST


def _slope(name: str, at: float, predictor: AccuracyPredictor | None) -> float:
    """Return the derivative of a factor's logarithm."""
    if name != "score" or predictor is None:
        return 1.0 / at
    kind, a, b, c = predictor.link
    if kind == Link.LOGISTIC:
        return 1.0 / (1.0 + exp(at)) if at < STEEPEST else 0.0
    grown = exp(b / at + c)
    return grown / (a + grown) * b / (at * at)
