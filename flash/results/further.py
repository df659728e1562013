"""What a result shows beyond one network's costs: devices, conditions, further networks."""

from __future__ import annotations

import re

from ..base.names import COSTS, LABELS, LIMITED, MAXIMA, STORED, UNITS, UPPER
from .screen import called, quantity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from ..base.html import Part, Row
    from .result import SearchResult

__all__ = ["alternatives", "costs_within", "least_cost", "limits_of"]

SHOWN = 12  # further networks on a screen
SIMPLE = re.compile(r"([A-Za-z_][\w@]*)\s*(<=|>=|<|>)\s*([-+.\w]+)")
JOINED = re.compile(r"\b(?:or|not)\b|[()]")


def least_cost(result: SearchResult[Any]) -> str:
    """Return the cost that the first objective is the negative of, or nothing."""
    name = result.objective_name.partition(", then ")[0].removeprefix("-")
    if name in (result.costs or ()):
        return name
    return name if name in (*COSTS, "params", "macs", "nn_degree") else ""


def limits_of(where: Iterable[str]) -> dict[str, float]:
    """Return what conditions of one metric and one number allow at most, by metric."""
    found: dict[str, float] = {}
    for text in where:
        if JOINED.search(text):
            continue
        for one in text.split(" and "):
            match = SIMPLE.fullmatch(one.strip())
            if match is None or match[2] not in ("<=", "<"):
                continue
            try:
                value = float(match[3])
            except ValueError:
                continue
            found[match[1]] = min(value, found.get(match[1], value))
    return found


def costs_within(result: SearchResult[Any]) -> list[tuple[str, str, float, float | None]]:
    """Return label, metric, value and budget of each cost, those of several devices too; budgets
    are also what conditions of one metric say."""
    budgets, limits = result.budgets, limits_of(result.where)

    def least(budget: str, name: str) -> float | None:
        some = [
            one for one in (budgets.get(budget), limits.get(name)) if one is not None and one > 0
        ]
        return min(some, default=None)

    found: list[tuple[str, str, float, float | None]] = []
    for name, value in (result.costs or {}).items():
        metric = name.partition("@")[0]
        found.append((called(name), metric, value, least(f"max_{metric}", name)))
    for budget, field in LIMITED.items():
        limit = least(budget, field) if budget in UPPER else budgets.get(budget)
        if limit is None and field in STORED:
            continue
        value = getattr(result, field)
        if value is not None and (limit is not None or budget in MAXIMA):
            found.append((LABELS[field], field, value, limit))
    return found


def alternatives(result: SearchResult[Any], most: int = SHOWN) -> list[Part]:
    """Return a table of the networks that were found, with what differs between them."""
    every = [result, *result.alternatives]
    some = every[: most + 1]
    names = result.space.variables
    chosen = [_choices(one) for one in some]
    differing = [k for k in range(len(names)) if len({one[k] for one in chosen}) > 1]
    costs = list(result.costs or ())
    plain = [name for name in COSTS if getattr(result, name) is not None]
    title = result.objective_name.partition(", then ")[0]
    rows: list[Row] = [["network", title, *costs, *plain, *(names[k] for k in differing)]]
    for number, (one, own) in enumerate(zip(some, chosen, strict=True), 1):
        row = [str(number), "-" if one.objective is None else quantity(one.objective)]
        given: Any = one.costs or {}
        row += [_quantity(given.get(name), name.partition("@")[0]) for name in costs]
        row += [_quantity(getattr(one, name), name) for name in plain]
        rows.append(row + [own[k] for k in differing])
    lines: list[Part] = [f"{len(every)} networks, the best first; what differs:", (rows, 0, True)]
    if len(every) > len(some):
        lines.append(f"... {len(every) - len(some):,} more ...")
    return lines


def _quantity(value: float | None, metric: str) -> str:
    return "-" if value is None else quantity(value, UNITS.get(metric, ""))


def _choices(result: SearchResult[Any]) -> list[str]:
    """Return what each variable of the space is in a network; "-" of cells that it has not."""
    from ..spaces.values import values_at

    space: Any = result.space
    x: Any = result.x
    told: list[Any] = values_at(space, x)
    return ["-" if one is None else one if isinstance(one, str) else f"{one:g}" for one in told]
