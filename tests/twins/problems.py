"""Random problems for the solvers: tables, and search spaces.

`make` draws tables of a family, each a trap of its own; the same generator drawn from a seed and
from Hypothesis gives the same kinds of problem. Columns hold small integers, so that ties, equal
rows and budgets met exactly are common.
"""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from flash import Range, SearchSpace
from twins import reference
from twins.reference import (
    COLUMNS,
    ENERGY,
    ENERGY_IN,
    ENERGY_OUT,
    LATENCY,
    LEAK,
    LEAK_IN,
    SCALE,
    SCORE,
)

FAMILIES = (
    "plain",
    "infeasible",
    "duplicates",
    "tight",
    "just-missed",
    "correlated",
    "tiny-scores",
    "huge-scores",
    "classes",
    "boundaries",
    "leakage",
    "peaks",
    "min-accuracy",
    "logarithms",
    "logarithms-and-classes",
    "product-of-logarithms",
    "product",
    "product-of-all",
    "unusual-product",
    "variants",
    "everything",
)
LARGEST = 3000  # configurations


@dataclass(frozen=True)
class TableProblem:
    """What `Tables.from_arrays` and `Query` take, and whether an exponent rewards a cost."""

    variants: list[Any]
    links: dict[str, Any]
    maximum: tuple[float, ...] = (math.inf,) * 6
    min_accuracy: float = -math.inf
    exponent: tuple[float, ...] | None = None

    @property
    def sizes(self) -> list[tuple[int, ...]]:
        """Rows per cell, for each variant."""
        return [tuple(_rows(cell) for cell in cells) for _, cells in self.variants]

    @property
    def size(self) -> int:
        return sum(math.prod(rows) for rows in self.sizes)

    @property
    def unusual(self) -> bool:
        return self.exponent is not None and (
            self.exponent[0] < 0 or any(e > 0 for e in self.exponent[1:])
        )

    def best(self) -> Any:
        """The answer by complete enumeration."""
        return reference.best(
            self.variants, self.links, self.maximum, self.min_accuracy, self.exponent
        )

    def with_(self, **changes: Any) -> TableProblem:
        return replace(self, **changes)


def make(random: Random, family: str) -> TableProblem:
    """Draw a problem of a family."""
    while True:
        problem = _draw(random, family)
        if problem.size <= LARGEST:
            return problem


def tables(random: Random, family: str, cells: int, rows: int, largest: int) -> TableProblem:
    """Draw tables of one variant with so many cells of so many rows, without budgets."""
    columns = _columns(random, family)
    made = [_cell(random, family, columns, 1, rows, 1, largest) for _ in range(cells)]
    return TableProblem([([0.0] * len(COLUMNS), made)], _links(random, family))


def hard(random: Random, cells: int) -> TableProblem:
    """Scores that follow the costs, and budgets that half of all networks break."""
    problem = tables(random, "correlated", cells, 60, 10**6)
    some = [some_metrics(random, problem) for _ in range(31)]
    middle = [sorted(column)[15] or math.inf for column in zip(*some, strict=True)]
    return problem.with_(maximum=(math.inf, *middle[1:]))


def _draw(random: Random, family: str) -> TableProblem:
    several = family in ("variants", "everything")
    largest = random.choice([3, 10, 100, 1000, 10**6])
    columns = _columns(random, family)
    variants = []
    for _ in range(random.randint(2, 3) if several else 1):
        n_cells = random.randint(1, 4)
        before = 1
        cells = []
        for _ in range(n_cells):
            joined = family in ("boundaries", "everything")
            states = random.randint(1, 3) if joined else 1
            rows = states * random.randint(1, (200, 50, 14, 7)[n_cells - 1] // states)
            cells.append(_cell(random, family, columns, states, rows, before, largest))
            before = states
        constant = [
            float(random.randint(0, 3))
            if k in columns and k != reference.PEAK and random.random() < 0.5
            else 0.0
            for k in range(len(COLUMNS))
        ]
        variants.append((constant, cells))
    problem = TableProblem(variants, _links(random, family))
    return _demands(random, family, problem)


def _columns(random: Random, family: str) -> list[int]:
    """Score and latency, what the family needs, and some of the others."""
    needed = {SCORE, LATENCY}
    if family in ("classes", "leakage", "everything", "logarithms-and-classes"):
        needed |= {*range(ENERGY_IN), ENERGY_IN, ENERGY_OUT, LEAK, LEAK_IN, SCALE, reference.AREA}
    if "logarithms" in family:
        needed |= {reference.PARAMS, reference.MACS}
    if family == "product-of-all":
        needed |= {ENERGY, reference.AREA, reference.PARAMS, reference.MACS}
    for column, share in ((ENERGY, 0.7), (reference.AREA, 0.5)):
        if random.random() < share:
            needed.add(column)
    for column in (reference.PARAMS, reference.MACS, reference.PEAK):
        if random.random() < 0.3 or (family == "peaks" and column == reference.PEAK):
            needed.add(column)
    return sorted(needed)


def _cell(
    random: Random,
    family: str,
    columns: list[int],
    states: int,
    rows: int,
    before: int,
    largest: int,
) -> tuple[int, dict[int, Any], dict[int, Any]]:
    base = [random.randint(1, largest) for _ in range(rows)]
    data: dict[int, list[float]] = {}
    for k in columns:
        if k == SCALE:
            data[k] = [float(random.randint(1, 6)) for _ in base]
        elif family == "correlated" or (family == "everything" and largest % 2):
            data[k] = [float(b * random.randint(1, 2) + random.randint(0, 2)) for b in base]
        else:
            data[k] = [float(random.randint(1, largest)) for _ in base]
    if family == "duplicates" or (family == "everything" and random.random() < 0.3):
        for _ in range(rows // 2):
            i, j = random.randrange(rows), random.randrange(rows)
            for k in columns:
                data[k][i] = data[k][j]
    boundary = {}
    if states * before > 1:
        for k in columns:
            if k != reference.PEAK and (k != SCORE or random.random() < 0.3):
                most = max(1, largest // 3)
                boundary[k] = array(
                    "d", [float(random.randint(0, most)) for _ in range(before * states)]
                )
    return states, {k: array("d", x) for k, x in data.items()}, boundary


def _links(random: Random, family: str) -> dict[str, Any]:
    quantum = [2.0 ** -random.randint(0, 6)] * 4 + [1.0, 1.0]
    quantum[0] *= {"tiny-scores": 1e-6, "huge-scores": 1e6}.get(family, 1.0)
    links: dict[str, Any] = {"quantum": tuple(quantum), "modelled": 63}
    if family in ("classes", "leakage", "everything", "logarithms-and-classes"):
        classes = []
        bound, own = 0, [1.0, random.choice([0.0, 0.5]), 1.0, random.choice([0.0, 1.0]), 0.0, 0.0]
        n = random.randint(1, 6)
        for i in range(n):
            bound += random.randint(1, 8)
            last = i == n - 1
            classes.append((math.inf if last else float(bound), *own))
            for k, most in enumerate((1.0, 1.0, 3.0, 3.0, 1.0, 5.0)):
                own[k] += random.choice([0.0, most * random.random()])
        links["classes"] = tuple(classes)
        links["leakage"] = random.choice([0.0, 1e-3, 0.1])
        links["area_per_scale"] = random.choice([0.0, 0.5, 3 * random.random()])
        if family == "leakage":
            links["leakage"] = random.choice([1e-3, 0.1, 2.0])
    if family == "min-accuracy" or (
        family in ("product", "product-of-all", "everything") and random.random() < 0.5
    ):
        # the steep ones saturate: all digits of the score are lost in the accuracy
        steep = random.choice([2.0, 2.0, 5.0, 15.0, 25.0, 34.0])
        links["score"] = (1, 1.02, (5 * random.random() + 0.1) * quantum[0] / 2**-6, -steep)
    if "logarithms" in family:
        span = 2.0 ** -random.randint(0, 6) * random.choice([1.0, 10.0, 100.0])
        links["logs"] = tuple(random.choice([0.0, 1.0, 1.0, -1.0]) * span for _ in range(2))
        if any(links["logs"]) and (family == "product-of-logarithms" or random.random() < 0.5):
            # scaled, so that the logistic does not saturate
            links["quantum"] = (quantum[0] * 2.0**-10, *quantum[1:])
            links["logs"] = tuple(x / 50.0 / span for x in links["logs"])
            links["score"] = (2, 0.97, 0.0, 0.0)
    return links


def _demands(random: Random, family: str, problem: TableProblem) -> TableProblem:
    """Add budgets and an objective, mostly from costs that configurations really have."""
    maximum = [math.inf] * 6
    share = 0.9 if family in ("tight", "just-missed", "peaks") else 0.5
    own = some_metrics(random, problem)
    for k in range(1, 6):
        if random.random() >= share:
            continue
        if family in ("tight", "just-missed"):
            maximum[k] = own[k]
        else:
            maximum[k] = some_metrics(random, problem)[k] * random.choice([1, 1, 1, 1.2, 0.5])
    if family == "just-missed":  # one float below what one configuration costs
        k = random.choice([k for k in range(1, 6) if own[k] > 0])
        maximum[k] = math.nextafter(own[k], -math.inf)
    if family == "infeasible":
        k = random.choice([k for k in range(1, 6) if own[k] > 0])
        maximum[k] = own[k] * random.choice([1e-9, 0.01, 0.3])
    problem = problem.with_(maximum=tuple(maximum))
    if family == "min-accuracy" or (
        (family == "everything" or "score" in problem.links) and random.random() < 0.3
    ):
        score = some_metrics(random, problem)[0]
        problem = problem.with_(min_accuracy=reference.accuracy(problem.links, score))
    if family in ("product", "product-of-all", "unusual-product", "product-of-logarithms") or (
        family == "everything" and random.random() < 0.4
    ):
        problem = problem.with_(exponent=_exponents(random, family, own))
    return problem


def _exponents(random: Random, family: str, own: list[float]) -> tuple[float, ...]:
    while True:
        exponent = [random.choice([1.0, 2.0, 0.5, 0.0])]
        exponent += [-random.choice([0.0, 0.5, 1.0, 2.0]) for _ in own[1:]]
        if family == "product-of-all":
            exponent = [e or (-1.0 if k else 1.0) for k, e in enumerate(exponent)]
        if family == "unusual-product":
            exponent = [-e if random.random() < 0.5 else e for e in exponent]
        exponent = [e if m > 0 else 0.0 for e, m in zip(exponent, own, strict=True)]
        if any(exponent):
            return tuple(exponent)


def some_metrics(random: Random, problem: TableProblem) -> list[float]:
    """The metrics of a random configuration."""
    v = random.randrange(len(problem.variants))
    rows = tuple(random.randrange(n) for n in problem.sizes[v])
    return reference.metrics(problem.links, reference.totals(problem.variants[v], rows))


def _rows(cell: tuple[int, dict[int, Any], dict[int, Any]]) -> int:
    return len(next(iter(cell[1].values())))


def space(random: Random, family: str, largest: int | None = None) -> SearchSpace:
    """Draw a search space of a family, of at most `largest` configurations."""
    while True:
        made = _space(random, family)
        if largest is None or made.size <= largest:
            return made


def _space(random: Random, family: str) -> SearchSpace:
    most = random.choice([1, 2, 2, 3])
    cells = sorted(random.sample(range(1, most + 1), random.randint(1, most)))
    choices: dict[str, Any] = {
        "cells": cells,
        "resolution": random.choice([32, 32, 7, 64, 65, 224, [32, 224], [96, 33]]),
        "num_classes": random.choice([None, 2, 100]),
        # unsorted lists: choices are taken in the order given
        "depths": random.choice(
            [Range(1, 4), Range(2, 12, 5), random.sample(range(1, 20), random.randint(1, 4))]
        ),
        "skips": random.choice(
            [
                Range(0, 6, unit="width/4"),
                Range(1, 3, unit="width/1"),
                random.sample(range(200), random.randint(1, 5)),
                [64, 0, 8, 31],
                0,
            ]
        ),
    }
    if random.random() < 0.4:
        choices["widths"] = random.sample([4, 6, 8, 12, 16, 24, 30], random.randint(1, 3))
    elif random.random() < 0.9:
        choices["width_multipliers"] = random.sample([0.5, 1, 1.3, 2, 3], random.randint(1, 3))
    if family == "mobilenet-v2":
        choices["expansions"] = random.sample([1, 2, 3, 6], random.randint(1, 3))
        choices["kernels"] = random.sample([1, 3, 5, 7], random.randint(1, 2))
    return SearchSpace(family, **choices)
