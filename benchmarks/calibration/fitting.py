"""Shared by the fit scripts: tables, features, relative non-negative least squares, splits.

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

from flash._core.compile import Model
from flash.hardware import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Mask = NDArray[np.bool_]


def read_table(folder: str, name: str) -> list[dict[str, str]]:
    """Return the rows of ``<folder>/hardware/<name>.csv.gz`` as dictionaries of text."""
    path = Path(folder) / "hardware" / (name + ".csv.gz")
    with gzip.open(path, "rt", newline="") as file:
        return list(csv.DictReader(file))


def features(kind: str, operations: Sequence[tuple[int, ...]]) -> Array:
    """Return the features of operations (see `flash.hardware.costing.operations`).

    Returns
    -------
    array, shape (operations, features of the kind)
    """
    names = KINDS[kind].FEATURES
    result = np.zeros((len(operations), len(names)))
    columns = (1, 2, 3, 4, 6)  # of a cost model, each rounded to the quantum: features to 1/16
    quantum = (2.0**-4,) * 6
    for start in range(0, len(names), len(columns)):
        chosen = dict(zip(range(start, len(names)), columns, strict=False))
        rows = [[float(k == chosen.get(i)) for k in range(7)] for i in range(len(names))]
        charged = np.array(Model(kind, rows, quantum, {}).charge(operations)).reshape(-1, 7)
        for feature, column in chosen.items():
            result[:, feature] = charged[:, column] * quantum[0]
    return result


def fit_relative(columns: Array, y: Array) -> tuple[Array, float]:
    """Fit ``columns @ coefficients = y`` with coefficients >= 0 and weights 1/y.

    Parameters
    ----------
    columns : array, shape (n, features)
    y : array, shape (n,), positive

    Returns
    -------
    coefficients : array, shape (features,)
    error : float
        Root mean square of the relative residuals.
    """
    a = columns / y[:, None]
    scale = a.max(axis=0)
    scale[scale == 0] = 1.0
    x, norm = nnls(a / scale, np.ones(len(y)))
    return np.asarray(x / scale), float(norm) / len(y) ** 0.5


def splits(groups: Sequence[int], n_fit: int, n_splits: int, seed: int) -> Iterator[Mask]:
    """Yield boolean masks of the networks to fit on: ``n_fit`` of them, whole groups only."""
    rng = np.random.default_rng(seed)
    group = np.asarray(groups)
    for _ in range(n_splits):
        mask = np.zeros(len(group), bool)
        for g in rng.permutation(np.unique(group)):
            if mask.sum() + (group == g).sum() <= n_fit:
                mask |= group == g
        yield mask


def summary(errors: Array, digits: int = 3) -> dict[str, float]:
    """Return mean and maximum of absolute relative errors, in percent."""
    e = 100 * np.abs(errors)
    return {"mape_pct": round(float(e.mean()), digits), "max_pct": round(float(e.max()), digits)}


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
