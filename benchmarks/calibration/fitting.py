"""Shared by the fit scripts: tables and files. The fit is that of `flash.calibrate`.

Features come from the package's own compiled core, so that a fit and the model that uses it cannot
disagree (their plain twins are in tests/reference.py).
"""

from __future__ import annotations

import csv
import gzip
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from flash.hardware._fitting import (
    choose_strength,
    fit_relative,
    interval_table,
    leave_out,
    splits,
    summary,
)
from flash.hardware._terms import counts as features

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from flash.hardware._fitting import Array, Mask

__all__ = [
    "bounds",
    "draws",
    "equal_rows",
    "features",
    "fit",
    "fit_relative",
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


def fit(x: Array, y: Array, groups: Array) -> Array:
    """Return coefficients as `flash.calibrate` fits them without a prior."""
    return fit_relative(x, y, strength=choose_strength(x, y, 0.0, groups, None))


def held_out(
    x: Array, y: Array, groups: Sequence[int], n_fit: int, n_draws: int, seed: int
) -> list[tuple[Array, Array]]:
    """Return for each draw the relative errors of the judged networks, and their numbers."""
    group = np.asarray(groups)
    result = []
    for use, judge in draws(group, n_fit, n_draws, seed):
        coefficients = fit(x[use], y[use], group[use])
        result.append(((x @ coefficients / y - 1)[judge], np.flatnonzero(judge)))
    return result


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
