"""Fronts as plain data."""

from __future__ import annotations

from ..base import checks as check
from ..base.names import BUDGETS, COSTS, COUNTS, STOPS
from ..errors import ArgumentError, ArgumentTypeError, FormatError
from ..hardware.target import Target
from ..spaces.space import SearchSpace
from .finding import read_objectives
from .front import QUANTISED, ParetoFront

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

__all__ = ["from_dict", "to_dict"]

FORMAT = 1
WHERE = "the front"


def to_dict(front: ParetoFront) -> dict[str, Any]:
    """Return a front as plain data."""
    return {
        "format": FORMAT,
        "space": front.space.to_dict(),
        "target": front.target.to_dict(),
        "objectives": list(front.objectives),
        "budgets": dict(front.budgets),
        "epsilon": front.epsilon,
        "predicted": front.predicted,
        "stopped": front.stopped,
        "message": front.message,
        "least": None if front.least is None else dict(front.least),
        "weighed": front.weighed,
        "elapsed_s": front.elapsed_s,
        "x": front.x.tolist(),
        "metrics": {name: column.tolist() for name, column in front.metrics.items()},
        "chosen": None if front.chosen is None else front.chosen.tolist(),
        "cell_bits": None if front.cell_bits is None else front.cell_bits.tolist(),
        # for other readers
        "accelerators": _accelerators(front),
        "status": front.status,
        "complete": front.complete,
        "knee": front.knee_index if len(front) else None,
    }


def from_dict(data: Mapping[str, Any]) -> ParetoFront:
    """Return the front that plain data describes, checked."""
    derived = ("format", "status", "complete", "knee", "accelerators")
    check.known_keys(WHERE, data, (*ParetoFront.field_names, *derived))
    for key in ("format", *ParetoFront.field_names):
        if key not in data and key not in ("chosen", "cell_bits"):
            raise FormatError(f"{WHERE} lacks the key {key!r}")
    if data["format"] != FORMAT:
        raise FormatError(f"{WHERE} has format {data['format']!r}; this flash reads {FORMAT}")
    try:
        return _checked(data)
    except FormatError:
        raise
    except (ArgumentError, ArgumentTypeError) as error:
        raise FormatError(f"{WHERE}: {error}") from None


def _checked(data: Mapping[str, Any]) -> ParetoFront:
    space = SearchSpace.from_dict(data["space"])
    target = Target.from_dict(data["target"], f"{WHERE}: target")
    objectives = read_objectives(data["objectives"], target)
    for name in ("budgets", "least"):
        if not (name == "least" and data[name] is None):
            for key, value in check.known_keys(name, data[name], BUDGETS).items():
                check.number(f"{name}.{key}", value)
    if not isinstance(data["predicted"], bool):
        raise FormatError(f"{WHERE}: predicted must be true or false")
    if not isinstance(data["message"], str):
        raise FormatError(f"{WHERE}: message must be a text")
    if data["stopped"] is not None:
        check.choice("stopped", data["stopped"], STOPS)
    x = _rows(data["x"], space)
    chosen, bits = _choices(data, space, target, x)
    names = ["nn_degree", *(["accuracy", "score"] if data["predicted"] else [])]
    if bits is not None and bits.shape[1] and not data["predicted"]:
        names.append(QUANTISED)
    names += [name for name in COSTS if name in target.metrics] + list(COUNTS)
    given = check.known_keys("metrics", data["metrics"], names)
    metrics = {}
    for name in names:
        if name not in given:
            raise FormatError(f"{WHERE}: metrics lacks {name!r}")
        metrics[name] = _column(name, given[name], len(x))
    return ParetoFront(
        space,
        target,
        objectives,
        dict(data["budgets"]),
        float(check.number("epsilon", data["epsilon"], 0.0, 1.0)),
        data["predicted"],
        x,
        metrics,
        data["stopped"],
        data["message"],
        None if data["least"] is None else dict(data["least"]),
        check.integer("weighed", data["weighed"], 0),
        float(check.number("elapsed_s", data["elapsed_s"], 0.0)),
        chosen,
        bits,
    )


def _accelerators(front: ParetoFront) -> list[dict[str, Any]] | None:
    """Return each accelerator of the front once: its row of `chosen`, and what its parts are."""
    if front.chosen is None:
        return None
    design = front.target.design_space(front.space.family)
    distinct = sorted(set(map(tuple, front.chosen.tolist())))
    return [{"chosen": list(one), "values": design.describe(one)} for one in distinct]


def _choices(
    data: Mapping[str, Any], space: SearchSpace, target: Target, x: Any
) -> tuple[Any, Any]:
    """Return the accelerators and bits of a front's points, checked; (None, None) without."""
    import numpy as np

    chosen: Any = data.get("chosen")
    bits: Any = data.get("cell_bits")
    if chosen is None and bits is None:
        return None, None
    design = target.design_space(space.family)
    cells = max(map(int, space.cells)) if design.cell_bits else 0
    for name, rows, width in (("chosen", chosen, len(design.parts)), ("cell_bits", bits, cells)):
        if not isinstance(rows, list) or len(rows) != len(x):
            raise FormatError(f"{WHERE}: {name} must be a list of {len(x)} rows")
        for row in rows:
            if not isinstance(row, list) or len(row) != width:
                raise FormatError(f"{WHERE}: {name} must hold lists of {width} numbers")
    given: Any = chosen
    for row in given:
        for part, option in zip(design.parts, row, strict=True):
            check.integer("chosen", option, 0, len(part.options) - 1)
        short = design.shortage(row)
        if short is not None:
            raise FormatError(f"{WHERE}: chosen {row} does not fit the device: {short}")
    for row, own in zip(bits, x.tolist(), strict=True):
        count = int(space.cells[own[1]])
        for c, one in enumerate(row):
            known = design.cell_bits if c < count else (0,)
            if check.integer("cell_bits", one, 0) not in known:
                raise FormatError(
                    f"{WHERE}: cell_bits must hold {', '.join(map(str, known))}, got {one}"
                )
    made = (
        np.array(chosen, dtype=np.int64).reshape(len(x), len(design.parts)),
        np.array(bits, dtype=np.int64).reshape(len(x), cells),
    )
    for column in made:
        column.flags.writeable = False
    return made


def _rows(rows: Any, space: SearchSpace) -> Any:
    import numpy as np

    from ..spaces.index import checked_row

    if not isinstance(rows, list):
        raise FormatError(f"{WHERE}: x must be a list of rows, got {check.shown(rows)}")
    for row in rows:
        if not isinstance(row, list):
            raise FormatError(f"{WHERE}: x must hold lists, got {check.shown(row)}")
        checked_row(space, row)
    x = np.array(rows, dtype=np.int64).reshape(len(rows), len(space.lengths))
    x.flags.writeable = False
    return x


def _column(name: str, values: Any, n: int) -> Any:
    import numpy as np

    if not isinstance(values, list) or len(values) != n:
        raise FormatError(f"{WHERE}: metrics.{name} must be a list of {n} numbers")
    read = check.integer if name in COUNTS else check.number
    for value in values:
        read(f"metrics.{name}", value)
    column = np.array(values, dtype=np.int64 if name in COUNTS else np.float64)
    column.flags.writeable = False
    return column
