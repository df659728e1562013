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

from flash.hardware._fitting import fit_relative, interval_table, leave_out, splits, summary
from flash.hardware._terms import counts as features

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flash.hardware._fitting import Array, Mask

__all__ = [
    "Array",
    "Mask",
    "bounds",
    "features",
    "fit_relative",
    "interval_table",
    "leave_out",
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
