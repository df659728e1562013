"""A sweep's result as plain data."""

from __future__ import annotations

from ..base.checks import faults, integer, known_keys, real
from ..base.names import BUDGETS, COSTS, COUNTS, TERMS
from ..base.plain import (
    COUNT,
    NUMBER,
    POSITIVE,
    REAL,
    TEXT,
    Check,
    by,
    fields,
    list_of,
    maybe,
    one_of,
    part,
    table_of,
    within,
)
from ..errors import FormatError
from ..results.result import SearchResult
from ..spaces.space import SearchSpace
from .result import Histogram, SweepResult

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

__all__ = ["from_dict", "to_dict"]

FORMAT = 1
WHERE = "the sweep's result"
HISTOGRAMS = ("nn_degree", "score", *COSTS, *COUNTS)  # what may have one


def to_dict(result: SweepResult) -> dict[str, Any]:
    """Return a result as plain data."""
    data: dict[str, Any] = {"format": FORMAT}
    data |= dict(zip(result.field_names, result._values(), strict=True))
    data["space"] = result.space.to_dict()
    data["budgets"] = dict(result.budgets)
    data["top"] = [one.to_dict() for one in result.top]
    if result.histograms is not None:
        data["histograms"] = {
            name: {"low": one.low, "high": one.high, "counts": list(one.counts)}
            for name, one in result.histograms.items()
        }
    if result.front is not None:
        data["front"] = {name: list(values) for name, values in result.front.items()}
    return data | {"remade": list(result.remade), "complete": result.complete}


def from_dict(data: Mapping[str, Any]) -> SweepResult:
    """Return the result that plain data describes, checked."""
    given = fields(WHERE, data, CHECKS, optional=OPTIONAL, also=("complete",), version=FORMAT)
    result = SweepResult(**given)
    with faults(WHERE):
        integer("size", result.size, 0, result.space.size)
        integer("count", result.count, 0, result.size)
        integer("feasible", result.feasible, 0, result.count)
    if result.out is None and result.rows is not None:
        raise FormatError(f"{WHERE}: rows are given, though out is null")
    if any(one.space != result.space for one in result.top):
        raise FormatError(f"{WHERE}: top holds a network of another space")
    if len({len(column) for column in (result.front or {}).values()}) > 1:
        raise FormatError(f"{WHERE}: the columns of front have different lengths")
    return result


def _front(name: str, value: Any) -> dict[str, tuple[Any, ...]]:
    """Check the columns of a front."""
    given = known_keys(name, value, ("index", "nn_degree", *TERMS))
    if "index" not in given:
        raise FormatError(f"{name} lacks the key 'index'")
    checks: dict[str, Check] = {"index": within(integer, 0), **dict.fromkeys(COUNTS, COUNT)}
    return {
        key: list_of(checks.get(key, NUMBER))(f"{name}.{key}", one) for key, one in given.items()
    }


CHECKS: dict[str, Check] = {
    "space": by(SearchSpace.from_dict),
    "target": TEXT,
    "budgets": table_of(POSITIVE, BUDGETS),
    "objective_name": TEXT,
    "where": maybe(TEXT),
    "sample": maybe(within(integer, 1)),
    "seed": COUNT,
    **dict.fromkeys(("size", "count", "feasible"), within(integer, 0)),
    "top": list_of(by(SearchResult.from_dict)),
    "histograms": maybe(
        table_of(part(Histogram, {"low": REAL, "high": REAL, "counts": list_of(COUNT)}), HISTOGRAMS)
    ),
    "front": maybe(_front),
    "out": maybe(TEXT),
    "rows": maybe(COUNT),
    "remade": list_of(TEXT),
    "stopped": maybe(one_of(("callback",))),
    "elapsed_s": within(real, 0.0),
    "message": maybe(TEXT),
}
OPTIONAL = ("message",)  # older files have none
