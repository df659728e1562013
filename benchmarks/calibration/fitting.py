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
from scipy.optimize import nnls

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
    "fit_near",
    "fit_relative",
    "held_out",
    "interval_table",
    "leave_out",
    "left_out_near",
    "median_draw",
    "named",
    "read_table",
    "splits",
    "strength_near",
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


STRENGTHS = (1.0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5)
LEAST = 0.1  # of what the prior says, so that nothing real costs nothing
WORSE = 1.02  # an error so much above the least is as good: the networks do not tell


def fit_near(x: Array, y: Array, prior: Array, strength: float) -> Array:
    """Fit ``x @ coefficients = y`` to relative residuals, each coefficient drawn to its prior.

    What is drawn are factors: a coefficient is ``prior * factor * z``, and ``strength * (z - 1)^2``
    is added per network, z being at least 0.1. So where features rise and fall together, the cost goes to those that the
    prior says matter; what has no prior stays 0, and what no network has keeps its own.
    """
    share = x * prior / y[:, None]
    factor = 1.0 / float(np.median(share.sum(axis=1)))
    pull = (strength * len(y)) ** 0.5
    system = np.vstack([share * factor, pull * np.eye(len(prior))])
    wanted = np.concatenate([np.ones(len(y)), np.full(len(prior), pull)])
    z = LEAST + nnls(system, wanted - LEAST * system.sum(axis=1))[0]
    return np.asarray(prior * factor * z)


def left_out_near(x: Array, y: Array, groups: Array, prior: Array, strength: float) -> Array:
    """Return what fits to nine tenths of the groups predict for the last."""
    names, place = np.unique(groups, return_inverse=True)
    fold = np.random.default_rng(0).permutation(len(names))[place] % 10
    result = np.empty(len(y))
    for k in range(10):
        out = fold == k
        if out.any():
            result[out] = x[out] @ fit_near(x[~out], y[~out], prior, strength)
    return result


def strength_near(x: Array, y: Array, groups: Array, prior: Array) -> float:
    """Return the greatest strength that is about as good in cross-validation as the best one."""
    errors = [
        float(np.abs(left_out_near(x, y, groups, prior, s) / y - 1).mean()) for s in STRENGTHS
    ]
    return next(s for s, e in zip(STRENGTHS, errors, strict=True) if e <= WORSE * min(errors))


def held_out(
    x: Array,
    y: Array,
    groups: Sequence[int],
    n_fit: int,
    n_draws: int,
    seed: int,
    prior: Array | None = None,
) -> list[tuple[Array, Array]]:
    """Return for each draw the relative errors of the judged networks, and their numbers.

    Each draw is fitted as `flash.calibrate` does without a prior, or by `fit_near` with one.
    """
    group = np.asarray(groups)
    result = []
    for use, judge in draws(group, n_fit, n_draws, seed):
        some = x[use], y[use], group[use]
        if prior is None:
            coefficients = fit(*some)
        else:
            coefficients = fit_near(*some[:2], prior, strength_near(*some, prior))
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
