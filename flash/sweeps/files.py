"""A sweep's result as plain data."""

from __future__ import annotations

from ..base import checks as check
from ..base.names import BUDGETS, COSTS, COUNTS, TERMS
from ..errors import ArgumentError, ArgumentTypeError, FormatError
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
    check.known_keys(WHERE, data, ("format", *SweepResult.field_names, "complete"))
    for key in ("format", *SweepResult.field_names):
        if key not in data:
            raise FormatError(f"{WHERE} lacks the key {key!r}")
    if data["format"] != FORMAT:
        raise FormatError(f"{WHERE} has format {data['format']!r}; this flash reads {FORMAT}")
    try:
        return _checked(data)
    except FormatError:
        raise
    except (ArgumentError, ArgumentTypeError) as error:
        raise FormatError(f"{WHERE}: {error}") from None


def _checked(data: Mapping[str, Any]) -> SweepResult:
    space = SearchSpace.from_dict(data["space"])
    for key, value in check.known_keys("budgets", data["budgets"], BUDGETS).items():
        check.number(f"budgets.{key}", value)
    size = check.integer("size", data["size"], 0, space.size)
    count = check.integer("count", data["count"], 0, size)
    feasible = check.integer("feasible", data["feasible"], 0, count)
    sample, rows = data["sample"], data["rows"]
    if data["stopped"] not in (None, "callback"):
        raise FormatError(
            f'{WHERE}: stopped must be null or "callback", got {check.shown(data["stopped"])}'
        )
    top = tuple([SearchResult.from_dict(one) for one in _list("top", data["top"])])
    if any(one.space != space for one in top):
        raise FormatError(f"{WHERE}: top holds a network of another space")
    return SweepResult(
        space,
        _text("target", data["target"]),
        dict(data["budgets"]),
        _text("objective_name", data["objective_name"]),
        None if data["where"] is None else _text("where", data["where"]),
        None if sample is None else check.integer("sample", sample, 1),
        check.integer("seed", data["seed"], 0),
        size,
        count,
        feasible,
        top,
        None if data["histograms"] is None else _histograms(data["histograms"]),
        None if data["front"] is None else _front(data["front"]),
        None if data["out"] is None else _text("out", data["out"]),
        None if rows is None else check.integer("rows", rows, 0),
        tuple([_text("remade", one) for one in _list("remade", data["remade"])]),
        data["stopped"],
        float(check.number("elapsed_s", data["elapsed_s"], 0.0)),
    )


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise FormatError(f"{WHERE}: {name} must be a text, got {check.shown(value)}")
    return value


def _list(name: str, value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise FormatError(f"{WHERE}: {name} must be a list, got {check.shown(value)}")
    return value


def _histograms(data: Any) -> dict[str, Histogram]:
    found = {}
    for name, one in check.known_keys("histograms", data, HISTOGRAMS).items():
        where = f"histograms.{name}"
        check.known_keys(where, one, Histogram.field_names)
        for key in Histogram.field_names:
            if key not in one:
                raise FormatError(f"{WHERE}: {where} lacks the key {key!r}")
        counts = _list(f"{where}.counts", one["counts"])
        found[name] = Histogram(
            float(check.number(f"{where}.low", one["low"])),
            float(check.number(f"{where}.high", one["high"])),
            tuple([check.integer(f"{where}.counts", n, 0) for n in counts]),
        )
    return found


def _front(data: Any) -> dict[str, tuple[Any, ...]]:
    names = ("index", "nn_degree", *TERMS)
    found: dict[str, tuple[Any, ...]] = {}
    for name, column in check.known_keys("front", data, names).items():
        read = check.integer if name in ("index", *COUNTS) else check.number
        values = _list(f"front.{name}", column)
        found[name] = tuple([read(f"front.{name}", value) for value in values])
    if len({len(column) for column in found.values()}) > 1:
        raise FormatError(f"{WHERE}: the columns of front have different lengths")
    return found
