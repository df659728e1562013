"""Where ticks stand on logarithmic axes, and numbers as a reader wants them."""

from __future__ import annotations

__all__ = ["even_ticks", "log_limits", "log_ticks", "plain"]

# Multiples of each power of ten, from few ticks to many; a tick is always a round number.
# All about evenly far apart on paper.
GRADES: tuple[tuple[float, ...], ...] = (
    (1,),
    (1, 3),
    (1, 2, 5),
    (1, 1.5, 2, 3, 5, 7),
    (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8),
)
FEWEST, MANY = 4, 9
LETTERS = ((1e12, "T"), (1e9, "G"), (1e6, "M"))
EDGE = 1e-9  # of a tick at the very end of an axis
LEAST = 1e-300  # of an axis


def plain(value: float) -> str:
    """Return a number as text: 0.002, 1,500, 2.5M, 3e-09."""
    from math import isfinite

    size = abs(value)
    if not isfinite(value) or value == 0.0:
        return f"{value:g}"
    if size >= 1e15 or size < 1e-6:
        return f"{value:.10g}" if size < 1e-6 else f"{value:.10g}".replace("e+", "e")
    for above, letter in LETTERS:
        if size >= above:
            return f"{_digits(value / above)}{letter}"
    return _digits(value)


def _digits(value: float) -> str:
    """Return ten significant digits without an exponent, nor zeros at their end."""
    from math import floor, log10

    places = max(0, 9 - floor(log10(abs(value))))
    text = f"{value:,.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def log_limits(low: float, high: float) -> tuple[float, float]:
    """Return where a logarithmic axis of values from low to high begins and ends.

    A twenty-fifth of its length is left free at both ends. An axis of one value reaches from half
    of it to its double, one of hardly more than one a hundredth beyond.
    """
    from math import exp, log

    if not high > low:
        free = 2.0
    else:
        free = max(exp(0.04 * log(high / low)), 1.01 if high / low < 1.02 else 1.0)
    return max(low / free, LEAST), min(high * free, 1.0 / LEAST)


def log_ticks(low: float, high: float) -> list[float]:
    """Return the ticks of a logarithmic axis, rising: at least four, and not many more than nine.

    Parameters
    ----------
    low, high : float
        The ends of the axis, 0 < low < high.

    Notes
    -----
    Powers of ten, every so many where there are many; else 1 and 3 of each, or 1, 2, 5 and so on,
    the least of these that gives four; in a narrow range the round numbers of an ordinary axis.
    """
    from math import ceil, floor, log10

    powers = range(floor(log10(low)) - 1, ceil(log10(high)) + 2)
    for digits in GRADES:
        # by their texts: 3 * 10.0**-5 is not 3e-05
        each = [(power, float(f"{digit}e{power}")) for power in powers for digit in digits]
        found = [one for one in each if low * (1.0 - EDGE) <= one[1] <= high * (1.0 + EDGE)]
        if len(found) >= FEWEST:
            every = ceil(len(found) / MANY) if len(digits) == 1 else 1
            return [value for power, value in found if power % every == 0]
    return even_ticks(low, high)


def even_ticks(low: float, high: float) -> list[float]:
    """Return four to nine evenly spaced round numbers within a range."""
    from math import ceil, floor, log10

    power = floor(log10(high - low))
    for digits in (5.0, 2.5, 2.0, 1.0, 0.5, 0.25, 0.2, 0.1):
        step = digits * 10.0**power
        first, last = ceil(low / step - EDGE), floor(high / step + EDGE)
        if last - first + 1 >= FEWEST:
            return [float(f"{k * step:.15g}") for k in range(first, last + 1)]
    return [low, high]  # as far apart as numbers can be told
