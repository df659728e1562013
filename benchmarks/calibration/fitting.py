"""Shared by the fit scripts: tables and files. The fit is that of `flash.calibrate`.

Features come from the package's own compiled core, so that a fit and the model that uses it cannot
disagree (their plain twins are in tests/twins/reference.py).
"""

from __future__ import annotations

import csv
import gzip
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from flash.hardware._fitting import (
    choose_strength,
    drawn_to,
    fit_relative,
    interval_table,
    leave_out,
    splits,
    summary,
)
from flash.hardware._prediction import interval_width
from flash.hardware._terms import counts as features

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from flash.hardware._fitting import Array, Mask

__all__ = [
    "Array",
    "Fitted",
    "Judged",
    "Mask",
    "bounds",
    "coverage",
    "draws",
    "equal_rows",
    "features",
    "fit",
    "fit_relative",
    "half_widths",
    "held_out",
    "interval_table",
    "leave_out",
    "median_draw",
    "named",
    "read_table",
    "splits",
    "summary",
    "write_json",
]


def read_table(folder: str, name: str) -> list[dict[str, str]]:
    """Return the rows of ``<folder>/hardware/<name>.csv.gz`` as dictionaries of text."""
    path = Path(folder) / "hardware" / (name + ".csv.gz")
    with gzip.open(path, "rt", newline="") as file:
        return list(csv.DictReader(file))


def draws(
    groups: Sequence[int] | Array, n_fit: int, n_draws: int, seed: int
) -> Iterator[tuple[Mask, Mask]]:
    """Yield masks of the networks to fit on, drawn at random, and of those to judge.

    Judged are those that are no duplicates of one to fit on (of its group). Unlike `splits` this
    serves data in which a group holds many networks.
    """
    rng = np.random.default_rng(seed)
    group = np.asarray(groups)
    for _ in range(n_draws):
        use = np.zeros(len(group), bool)
        use[rng.choice(len(group), n_fit, replace=False)] = True
        yield use, ~np.isin(group, group[use])


class Fitted(NamedTuple):
    """Coefficients fitted as `flash.calibrate` does, with what intervals need."""

    coefficients: Array
    strength: float
    columns: NDArray[np.intp]  # numbers of those fitted: with a prior those that it is above 0 for
    table: dict[str, Any] | None  # of prediction intervals

    def half_widths(self, x: Array, level: float = 0.9) -> Array:
        """Return the half widths of the intervals of the logarithm, shape (networks,)."""
        assert self.table is not None
        own = x[:, self.columns]
        return half_widths(self.table, own, own @ self.coefficients[self.columns], level)


def fit(
    x: Array, y: Array, groups: Array, prior: Array | None = None, *, intervals: bool = False
) -> Fitted:
    """Fit as `flash.calibrate` does. What a prior is 0 for stays 0."""
    columns = np.arange(x.shape[1]) if prior is None else np.flatnonzero(prior)
    own, wanted = x[:, columns], None if prior is None else prior[columns]
    strength = choose_strength(own, y, 0.0, groups, wanted)
    found = fit_relative(own, y, 0.0, wanted, strength)
    coefficients, table = np.zeros(x.shape[1]), None
    coefficients[columns] = found
    if intervals:
        columns = columns[found > 0]
        left = leave_out(own, y, 0.0, groups, wanted, strength)
        drawn = None if wanted is None else drawn_to(own, y, 0.0, wanted)[found > 0]
        table = interval_table(x[:, columns], y, left, groups, found[found > 0], strength, drawn)
    return Fitted(coefficients, strength, columns, table)


def half_widths(table: dict[str, Any], x: Array, predicted: Array, level: float = 0.9) -> Array:
    """Return the half widths of networks' intervals of the logarithm, shape (networks,)."""
    rows = x / predicted[:, None]
    return np.array([interval_width(table, row.tolist(), level)[0] for row in rows])


class Judged(NamedTuple):
    """What one draw says of the networks that were not fitted."""

    errors: Array  # relative
    numbers: NDArray[np.intp]  # of the networks
    covered: Mask  # by their 90 % intervals


def held_out(
    x: Array,
    y: Array,
    groups: Sequence[int],
    n_fit: int,
    n_draws: int,
    seed: int,
    prior: Array | None = None,
) -> list[Judged]:
    """Return for each draw what it says of the networks that were not fitted."""
    group = np.asarray(groups)
    result = []
    for use, judge in draws(group, n_fit, n_draws, seed):
        found = fit(x[use], y[use], group[use], prior, intervals=True)
        ratio = x[judge] @ found.coefficients / y[judge]
        covered = np.abs(np.log(ratio)) <= found.half_widths(x[judge])
        result.append(Judged(ratio - 1, np.flatnonzero(judge), covered))
    return result


def coverage(drawn: Sequence[Mask]) -> float:
    """Return how many of the judged their intervals held, in percent: the mean of the draws."""
    return round(100 * float(np.mean([one.mean() for one in drawn])), 1)


def equal_rows(x: Array) -> list[int]:
    """Return for each row the number of the first one like it: networks of equal features."""
    seen: dict[bytes, int] = {}
    return [seen.setdefault(row.tobytes(), n) for n, row in enumerate(x)]


def median_draw(errors: Sequence[Array]) -> dict[str, float]:
    """Return medians over draws of the mean and the maximum of absolute errors, in percent."""
    each = [summary(e) for e in errors]
    return {key: round(float(np.median([one[key] for one in each])), 3) for key in each[0]}


def named(names: Sequence[str], values: Array, unit: float) -> dict[str, float]:
    """Return the non-zero coefficients by name, converted to the target's unit."""
    return {n: float(f"{v * unit:.12g}") for n, v in zip(names, values, strict=True) if v > 0}


def bounds(values: Sequence[float]) -> list[float]:
    """Return the least and the greatest value, as integers where they are."""
    ends = (min(values), max(values))
    return [int(v) if float(v).is_integer() else float(f"{v:.6g}") for v in ends]


def write_json(path: str, target: dict[str, Any]) -> None:
    """Write a target's file as ASCII JSON, each list of plain values on one line."""
    text = json.dumps(target, indent=1, allow_nan=False)
    text = re.sub(r"\[[^][{}]*\]", lambda m: "[" + " ".join(m[0][1:-1].split()) + "]", text)
    Path(path).write_text(text + "\n", encoding="ascii")
