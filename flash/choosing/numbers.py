"""Numbers as they are meant: decimals and binary fractions as integers times one scale.

A table says 0.1 and means a tenth. Sums of such numbers are compared exactly where they are made
of integers: a column becomes integers and a scale that is a fraction. Where the solver's range
(2^53) is too small for that, integers are rounded outward for it, and answers are checked with what
stands here.
"""

from __future__ import annotations

from fractions import Fraction
from math import gcd, lcm

import numpy as np

from ..base.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    import numpy.typing as npt

__all__ = ["Exact", "combined", "divisor_of", "exact", "fraction", "most_of_sums", "size_of"]

LARGEST = 2.0**53
PLACES = 18  # decimal places that are looked for
FAR = 1 << 50  # sums below it are within the solver's range by far
SOME = 16  # numbers that are looked at before all are


class Exact(Record):
    """A column: `whole` times `scale`, exactly.

    Parameters
    ----------
    whole : ndarray
        Integers: float64 where each is below 2^53, else Python's own (dtype object).
    scale : Fraction
    """

    whole: Any
    scale: Fraction


def fraction(value: Any) -> Fraction:
    """Return a number as it is written: 0.1 is a tenth."""
    if isinstance(value, Fraction):
        return value
    if isinstance(value, int):
        return Fraction(value)
    value = float(value)
    if value.is_integer() and abs(value) < LARGEST:
        return Fraction(int(value))
    return Fraction(repr(value))


def exact(values: npt.NDArray[np.float64]) -> Exact:
    """Return a column of finite numbers exactly: as decimals where few places do."""
    largest = size_of(values)
    some = values[:SOME]
    if largest < LARGEST and (np.rint(values) == values).all():
        return _reduced(values, Fraction(1))
    for places in range(1, PLACES + 1):
        factor = 10.0**places
        if largest * factor >= LARGEST:
            break
        # the nearest double of the decimal is the value: division rounds to the nearest
        if not (np.rint(some * factor) / factor == some).all():
            continue
        whole = np.rint(values * factor)
        if (whole / factor == values).all():
            return _reduced(whole, Fraction(1, 10**places))
    return _by_fractions(values)


def size_of(values: npt.NDArray[np.float64]) -> float:
    """Return the largest of the numbers' sizes."""
    if not values.size:
        return 0.0
    return max(float(np.maximum.reduce(values)), -float(np.minimum.reduce(values)))


def divisor_of(whole: npt.NDArray[np.float64]) -> int:
    """Return the greatest common divisor of integers."""
    if gcd(*map(int, whole[:SOME].tolist())) == 1:  # so it is of all
        return 1
    return int(np.gcd.reduce(np.abs(whole).astype(np.int64)))


def _reduced(whole: npt.NDArray[np.float64], scale: Fraction) -> Exact:
    common = divisor_of(whole) if whole.size else 1
    if common > 1:
        return Exact(whole / common, scale * common)
    return Exact(whole, scale)


def _by_fractions(values: npt.NDArray[np.float64]) -> Exact:
    """Decimals of many places, or of very large and very small numbers, by Python's integers."""
    parts = [_decimal(one) for one in values.tolist()]
    most = max(places for _, places in parts)
    tens = [10**i for i in range(most + 1)]
    whole = [digits * tens[most - places] for digits, places in parts]
    common = gcd(*whole) or 1
    scale = Fraction(common, tens[most])
    whole = [one // common for one in whole]
    if max(map(abs, whole)) < LARGEST:
        return Exact(np.array(whole, float), scale)
    return Exact(np.array(whole, object), scale)


def _decimal(value: float) -> tuple[int, int]:
    """Return a number as it is written: digits, and how many of them are decimal places."""
    digits, _, exponent = repr(value).partition("e")
    whole, _, rest = digits.partition(".")
    places = len(rest) - int(exponent or 0)
    return (int(whole + rest), places) if places >= 0 else (int(whole + rest) * 10**-places, 0)


def combined(terms: Sequence[tuple[Fraction, Exact]]) -> Exact:
    """Return the sum of columns times factors, exactly."""
    if len(terms) == 1 and terms[0][0] == 1:
        return terms[0][1]
    factors = [factor * column.scale for factor, column in terms]
    base = lcm(*(one.denominator for one in factors))
    whole = [one.numerator * (base // one.denominator) for one in factors]
    common = gcd(*whole) or 1
    scale = Fraction(common, base)
    parts = [one // common for one in whole]
    if len(terms) == 1 and parts[0] == 1:  # the column itself
        return Exact(terms[0][1].whole, scale)
    size = sum(
        abs(part) * int(max(np.abs(column.whole).max(initial=0), 0))
        for part, (_, column) in zip(parts, terms, strict=True)
    )
    kind: Any = float if size < LARGEST else object
    total: Any = 0
    for part, (_, column) in zip(parts, terms, strict=True):
        own = column.whole
        if kind is object and own.dtype != object:
            own = np.array([int(one) for one in own.tolist()], object)
        total = total + own * (float(part) if kind is float else part)
    return Exact(total, scale)


def most_of_sums(whole: Any, start: npt.NDArray[np.int32]) -> int:
    """Return what no sum of one number a group exceeds in size: of small ones not the least."""
    if not len(whole):
        return 0
    if whole.dtype != object:
        most = (len(start) - 1) * int(size_of(whole))
        if most < FAR:
            return most
    size = np.abs(whole)
    return int(np.add.reduce(np.maximum.reduceat(size, start[:-1])))


def rounded(whole: Any, by: int, up: bool) -> npt.NDArray[np.float64]:
    """Return integers divided by 2^by, rounded to integers in one direction."""
    step = 1 << by
    values: Iterable[int] = (int(one) for one in whole.tolist())
    if up:
        return np.array([-((-one) // step) for one in values], float)
    return np.array([one // step for one in values], float)
