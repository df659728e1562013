"""Answers that are search results: of a space, of a front, of a sweep."""

from __future__ import annotations

import re

from ..base.names import LABELS, LIMITED, UNITS
from ..results.screen import (
    UNKNOWN,
    costs_of,
    ends_of,
    headline,
    network_parts,
    percent_of,
    proof_line,
    quantity,
    tells,
)
from .shown import Answer, Binds, Change, Explained, Measure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from ..base.html import Part
    from ..hardware.costing import Cost
    from ..hardware.target import Target
    from ..results.result import SearchResult
    from .state import State

__all__ = [
    "QUANTISED_DEGREE",
    "answer_of",
    "called",
    "changed",
    "cost_of",
    "eased",
    "explained_of",
    "hover_of",
    "objective_of",
    "text_of",
    "worded",
]

QUANTISED_DEGREE = "quantised NN-Degree"  # as a reader calls it
NOTHING_FITS = "No network meets the budgets"
NUMBER = re.compile(r"(<=|>=|<|>|==)\s*[-+.\w]+\s*$")


def called(keyword: str) -> str:
    """Return a budget as a reader calls it: "latency at most"."""
    metric = keyword[len("max_") :]
    label = LABELS.get(metric, "NN-Degree" if metric == "nn_degree" else metric)
    return f"{label} at {'least' if keyword.startswith('min_') else 'most'}"


def text_of(metric: str, value: float) -> str:
    """Return a value with its unit."""
    if metric == "accuracy":
        return f"{100 * value:.2f} %"
    return quantity(value, UNITS.get(metric.partition("@")[0], ""))


def answer_of(
    result: SearchResult[Any], state: State, target: str, title: str, request: int = 0
) -> Answer:
    """Return what the page shows of a result, without what takes longer than the search."""
    parts: list[Part] = []
    if result.x is not None:
        parts += network_parts(result)
        if result.accelerator is not None:
            from ..results.accelerator import accelerator_parts

            parts += accelerator_parts(result.accelerator)
        if result.alternatives:
            from ..results.further import alternatives

            parts += alternatives(result)
    found = result.x is not None
    said = headline(result) if found else NOTHING_FITS if result.proven else "No network was found"
    return Answer(
        target,
        title,
        state,
        request,
        found=found,
        proven=result.proven,
        status=result.status,
        headline=worded(said),
        proof=worded(proof_line(result)),
        measures=tuple(_scores(result) + _costs(result)),
        parts=tuple(parts),
        objective=result.objective,
        objective_name=result.objective_name,
        elapsed_s=result.elapsed_s,
        result=result,
    )


def worded(text: str) -> str:
    """Return a text in which NN-Degree at the bits chosen is called as a reader calls it."""
    for name in ("quantised nn_degree", "quantised_nn_degree"):
        text = text.replace(name, QUANTISED_DEGREE)
    return text


def _scores(result: SearchResult[Any]) -> list[Measure]:
    found = []
    if result.nn_degree is not None:
        value = result.nn_degree
        found.append(Measure("nn_degree", "NN-Degree", "", value, text_of("nn_degree", value)))
    if result.accuracy is not None and "min_accuracy" not in result.budgets:
        value = result.accuracy
        found.append(_measure(result, "accuracy", "accuracy", value, None))
    return found


def _costs(result: SearchResult[Any]) -> list[Measure]:
    if result.x is None:  # the budgets alone
        found = []
        for name, limit in result.budgets.items():
            metric = LIMITED.get(name, name[len("max_") :])
            own = LABELS.get(metric, metric)
            said = f"at {'least' if name.startswith('min_') else 'most'} {text_of(metric, limit)}"
            unit = UNITS.get(metric, "")
            found.append(Measure(metric, own, unit, None, "", limit=limit, limit_text=said))
        return found
    return [
        _measure(result, name, label, value, limit)
        for label, name, value, limit in costs_of(result)
    ]


def _measure(
    result: SearchResult[Any], name: str, label: str, value: float, limit: float | None
) -> Measure:
    ends = None if result.costs is not None else (result.intervals or {}).get(name)
    said = ""
    if ends is not None:
        low, high = ends_of(ends, name)
        said = f"{low.removesuffix(' %')} to {high}" if tells(ends) else UNKNOWN
    share, of = None, ""
    if limit is not None and name == "accuracy":
        of = f"at least {text_of(name, limit)}"
    elif limit is not None:
        share, of = percent_of(value, limit), f"of {text_of(name, limit)}"
    unit = UNITS.get(name, "")
    return Measure(name, label, unit, value, text_of(name, value), ends, said, limit, of, share)


def cost_of(result: SearchResult[Any], target: Target) -> Cost | None:
    """Return what a result's network costs on its target, layer by layer; None where that is not
    what the result says: of an accelerator that was chosen."""
    if result.x is None or result.accelerator is not None or result.architecture is None:
        return None
    return target.cost(result.architecture)


def explained_of(
    result: SearchResult[Any], state: State, target: str, request: int = 0
) -> Explained:
    """Return what of a result takes longer than the search: what binds, conflicts, flags."""
    return Explained(
        target,
        request,
        message=result.message,
        binds=tuple(
            [
                _binds(result, name, one, state, target)
                for name, one in (result.binding or {}).items()
            ]
        ),
        conflicts=tuple([_conflict(one, result.budgets) for one in result.conflicts]),
        changes=tuple([_change(one, result.budgets, state, target) for one in result.remedies]),
        flags=tuple(result.flags),
    )


def objective_of(name: str, value: float | None) -> str:
    """Return an objective with its name."""
    if value is None:
        return ""
    if name == "accuracy":
        return f"accuracy {100 * value:.2f} %"
    return f"{'NN-Degree' if name == 'nn_degree' else worded(name)} {value:.6g}"


def _binds(
    result: SearchResult[Any],
    name: str,
    bought: Mapping[str, float],
    state: State,
    target: str,
) -> Binds:
    metric = LIMITED.get(name, name)
    limit, unit = result.budgets.get(name), UNITS.get(metric, "")
    each = bought["per_unit"]
    own = f"{called(name)} {text_of(metric, limit)}" if limit is not None else name
    name_of = result.objective_name
    now, then, free = (
        objective_of(name_of, one)
        for one in (result.objective, bought["one_percent"], bought["unlimited"])
    )
    if then == now:
        more = "1 % more buys nothing yet"
    else:
        more = f"1 % more gives {then}" + (f" ({each:.4g} for each {unit})" if unit else "")
    text = f"{own} binds: {more}; without it {free}"
    return Binds(
        name,
        text,
        bought["one_percent"],
        bought["unlimited"],
        each,
        changed(state, {name: None}, target),
    )


def _conflict(values: Mapping[str, float | None], budgets: Mapping[str, float]) -> str:
    told = [
        f"{called(name)} {text_of(LIMITED.get(name, name[4:]), budgets[name])}"
        if name in budgets
        else name
        for name in values
    ]
    if len(told) == 1:
        return f"{told[0]} excludes every network"
    *most, last = told
    return f"{', '.join(most)} and {last} exclude each other"


def _change(
    remedy: Mapping[str, float], budgets: Mapping[str, float], state: State, target: str
) -> Change:
    told = []
    for name, value in remedy.items():
        if name in budgets:
            metric = LIMITED.get(name, name[len("max_") :])
            told.append(f"{called(name)} {text_of(metric, value)}")
        else:
            told.append(eased(name, value))
    return Change(" and ".join(told), changed(state, remedy, target))


def eased(condition: str, value: float) -> str:
    """Return a condition with another number at its end."""
    return NUMBER.sub(lambda found: f"{found[1]} {value!r}", condition)


def changed(state: State, values: Mapping[str, float | None], target: str) -> State:
    """Return a state with other values of budgets and conditions, by name; None: without them."""
    budgets: dict[str, float | None] = {}
    where = list(state.where)
    for name, value in values.items():
        if name in where:
            at = where.index(name)
            where[at : at + 1] = [] if value is None else [eased(name, value)]
            continue
        own = f"{name}@{target}"
        if own in state.budgets:
            budgets[own] = value
        if own not in state.budgets or value is None:
            budgets[name] = value
    return state.with_budgets(budgets).replace(where=tuple(where))


def hover_of(space: Any, x: Any) -> list[str]:
    """Return a few lines on each of some networks, rows of choices: their cells or blocks."""
    from ..spaces.codec import cell_columns

    columns = cell_columns(space, x)
    texts: list[str] = []
    if space.numbering is not None:
        for k in range(len(x)):
            told = [f"{name} {_value(one[k])}" for name, one in columns.items() if _is(one[k])]
            texts.append("\n".join(", ".join(told[i : i + 4]) for i in range(0, len(told), 4)))
        return texts
    cells: dict[str, dict[str, list[Any]]] = {}
    for name, column in columns.items():
        cell, _, key = name.partition("_")
        cells.setdefault(cell.removeprefix("cell"), {})[key] = column
    for k in range(len(x)):
        lines = []
        for cell, own in cells.items():
            told = [f"{key} {_value(one[k])}" for key, one in own.items() if one[k] is not None]
            if told:
                lines.append(f"cell {int(cell) + 1}: {', '.join(told)}")
        texts.append("\n".join(lines))
    return texts


def _is(value: Any) -> bool:
    return value is not None and value == value and value != ""


def _value(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
