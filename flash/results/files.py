"""A search's result as plain data."""

from __future__ import annotations

import json

from ..base.checks import faults, real, shown
from ..base.names import BUDGETS, COSTS, STATUSES, STOPS, STORED
from ..base.plain import (
    AMOUNT,
    COUNT,
    FLAG,
    NUMBER,
    POSITIVE,
    TEXT,
    Check,
    by,
    fields,
    list_of,
    made,
    maybe,
    one_of,
    row_of,
    table_of,
    within,
)
from ..errors import ArgumentTypeError, FormatError
from ..spaces.named import space_from
from .accelerator import read_accelerator
from .consistent import agree
from .result import SearchResult

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

__all__ = ["from_dict", "to_dict"]

FORMAT = 1
WHERE = "the search result"
INTERVALS = (*COSTS, "accuracy")
MARGINS = ("unlimited", "one_percent", "per_unit")
# from the rest: for other readers
DERIVED = ("architecture", "index", "gap", "success", *STORED)


def _same_space(space: Any) -> Check:
    """Return a check that plain data are those of a space, if it is one."""
    from ..spaces.network_space import NetworkSpace
    from ..spaces.tabled import TabledSpace

    if not isinstance(space, (TabledSpace, NetworkSpace)):
        raise ArgumentTypeError(
            f"space must be a SearchSpace or a NetworkSpace, got {shown(space)} "
            f"({type(space).__name__})"
        )

    def check(name: str, value: Any) -> Any:
        own = json.loads(json.dumps(space.to_dict()))
        if json.loads(json.dumps(value)) != own:
            raise FormatError(f"{name} is not the space given: {shown(value)}, not {shown(own)}")
        return space

    return check


def _margins(name: str, value: Any) -> dict[str, float]:
    return fields(name, value, dict.fromkeys(MARGINS, NUMBER), join=".")


CHECKS: dict[str, Check] = {
    "space": by(space_from),
    "target": TEXT,
    "budgets": table_of(POSITIVE, BUDGETS),
    "status": one_of(STATUSES),
    "message": TEXT,
    "x": maybe(list_of(COUNT)),
    **dict.fromkeys(
        ("nn_degree", "accuracy", "latency_ms", "energy_mj", "area_mm2"), maybe(NUMBER)
    ),
    **dict.fromkeys(("params", "macs"), maybe(COUNT)),
    **dict.fromkeys(("objective", "upper_bound"), maybe(NUMBER)),
    "objective_name": TEXT,
    "proven": FLAG,
    "method": TEXT,
    **dict.fromkeys(("seed", "nfev"), COUNT),
    "elapsed_s": AMOUNT,
    "stopped": maybe(one_of(STOPS)),
    "least": maybe(table_of(NUMBER, BUDGETS)),
    "cell_degrees": list_of(NUMBER),
    "trace": list_of(row_of(COUNT, COUNT, AMOUNT, NUMBER)),
    "accelerator": maybe(read_accelerator),
    "samples": maybe(COUNT),
    "spent_s": maybe(AMOUNT),
    "scored_by": maybe(TEXT),
    "flags": list_of(TEXT),
    "confidence": maybe(within(real, 0.0, 1.0)),
    "intervals": maybe(table_of(row_of(AMOUNT, AMOUNT), INTERVALS)),
    "conflicts": list_of(table_of(maybe(NUMBER))),
    "remedies": list_of(table_of(NUMBER)),
    "binding": maybe(table_of(_margins, BUDGETS)),
    "where": list_of(TEXT),
    "costs": maybe(table_of(NUMBER)),
    "alternatives": list_of(by(lambda value: from_dict(value))),
    "int8": FLAG,
    "feasible": maybe(COUNT),
}


def to_dict(result: SearchResult[Any]) -> dict[str, Any]:
    """Return a result as plain data."""
    data: dict[str, Any] = {"format": FORMAT}
    for name, value in zip(result.field_names, result._values(), strict=True):
        data[name] = list(value) if isinstance(value, tuple) else value
    if not result.int8:  # files of other targets are as they were
        del data["int8"]
    if result.feasible is None:  # and those of other methods
        del data["feasible"]
    data["trace"] = [list(step) for step in result.trace]
    data["space"] = result.space.to_dict()
    data["budgets"] = dict(result.budgets)
    data["least"] = None if result.least is None else dict(result.least)
    data["conflicts"] = [dict(one) for one in result.conflicts]
    data["remedies"] = [dict(one) for one in result.remedies]
    if result.intervals is not None:
        data["intervals"] = {name: list(ends) for name, ends in result.intervals.items()}
    if result.binding is not None:
        data["binding"] = {name: dict(one) for name, one in result.binding.items()}
    data["alternatives"] = [to_dict(one) for one in result.alternatives]
    data["costs"] = None if result.costs is None else dict(result.costs)
    data["accelerator"] = None if result.accelerator is None else dict(result.accelerator)
    data["index"], data["gap"], data["success"] = result.index, result.gap, result.success
    for name in STORED:  # where they were asked for: they take longer than many a search
        if f"max_{name}" in result.budgets:
            data[name] = getattr(result, name)
    data["architecture"] = result.architecture and result.architecture.to_dict()
    return data


def from_dict(data: Mapping[str, Any], space: Any = None) -> SearchResult[Any]:
    """Return the result that plain data describes, checked; its network twice."""
    checks = CHECKS if space is None else {**CHECKS, "space": _same_space(space)}
    result = made(SearchResult, WHERE, data, checks, also=DERIVED, version=FORMAT)
    with faults(WHERE):
        found = result.architecture
    if "architecture" not in data:
        raise FormatError(f"{WHERE} lacks the key 'architecture'")
    if data["architecture"] != (found and found.to_dict()):
        raise FormatError(f"{WHERE}: x and architecture are not the same network")
    _agree_on_names(result)
    agree(WHERE, result)
    return result


def _agree_on_names(result: SearchResult[Any]) -> None:
    """Refuse explanations by what was not asked for: without conditions budgets alone explain."""
    if result.where:
        return
    for field in ("conflicts", "remedies"):
        for one in getattr(result, field):
            for name, value in one.items():
                if name not in BUDGETS or value is None:
                    raise FormatError(f"{WHERE}: {field} has {name!r}: {value}, which is no budget")
