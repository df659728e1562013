"""Obvious Python twins of what the compiled core computes: no vectors, no bounds, no tricks.

A table problem is plain data, as `Tables.from_arrays` takes it. Integers are summed as Python
integers, metrics follow problem.h word for word, and the best answer is found by looking at every
configuration.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

COLUMNS = (
    "score",
    "latency",
    "latency_scaled",
    "energy",
    "energy_scaled",
    "scale",
    "area",
    "params",
    "macs",
)
SCORE, LATENCY, LATENCY_SCALED, ENERGY, ENERGY_SCALED, SCALE, AREA, PARAMS, MACS = range(9)


def metrics(links: dict[str, Any], total: list[int]) -> list[float]:
    """The six reported numbers of a configuration's totals."""
    q = links["quantum"]
    f = h = a = 0.0
    if links.get("classes"):
        for bound, f, h, a in links["classes"]:
            if total[SCALE] <= bound:
                break
    latency = q[1] * total[LATENCY] + f * (q[1] * total[LATENCY_SCALED])
    energy = (q[2] * total[ENERGY] + h * (q[2] * total[ENERGY_SCALED])) + (
        links.get("leakage", 0.0) * total[SCALE]
    ) * latency
    area = q[3] * total[AREA] + a
    return [q[0] * total[SCORE], latency, energy, area, float(total[PARAMS]), float(total[MACS])]


def accuracy(links: dict[str, Any], score: float) -> float:
    kind, a, b, c = links.get("score", (0, 0.0, 0.0, 0.0))
    return 1.0 / (a + math.exp(b / score + c)) if kind else score


def totals(variant: tuple[Any, Any], rows: tuple[int, ...]) -> list[int]:
    constant, cells = variant
    out = [int(x) for x in constant]
    before = 0
    for (states, columns, boundaries), row in zip(cells, rows, strict=True):
        n = len(next(iter(columns.values())))
        state = row // (n // states)
        for k, data in columns.items():
            out[k] += int(data[row])
        for k, data in boundaries.items():
            out[k] += int(data[before * states + state])
        before = state
    return out


def objective(links: dict[str, Any], m: list[float], exponent: tuple[float, ...] | None) -> float:
    if exponent is None:
        return m[0]
    out = 0.0
    for k, e in enumerate(exponent):
        if e:
            out += e * math.log(m[k] if k else accuracy(links, m[0]))
    return out


def best(
    variants: list[Any],
    links: dict[str, Any],
    maximum: tuple[float, ...],
    min_accuracy: float = -math.inf,
    exponent: tuple[float, ...] | None = None,
) -> tuple[int, tuple[int, ...], float, tuple[float, ...]] | None:
    """Complete enumeration: (variant, rows, objective, metrics) of the answer, or None."""
    answer = None
    for v, variant in enumerate(variants):
        sizes = [len(next(iter(columns.values()))) for _, columns, _ in variant[1]]
        for rows in itertools.product(*map(range, sizes)):
            m = metrics(links, totals(variant, rows))
            if any(m[k] > maximum[k] for k in range(1, 6)) or accuracy(links, m[0]) < min_accuracy:
                continue
            value = objective(links, m, exponent)
            key = (-value, m[1], m[2], m[3], -m[0], v, rows)
            if answer is None or key < answer[0]:
                answer = (key, (v, rows, value, tuple(m)))
    return answer[1] if answer else None
