"""Fronts as plain data."""

from __future__ import annotations

from ..base.checks import faults, integer, real, shown
from ..base.names import BUDGETS, COSTS, COUNTS, STOPS
from ..base.plain import (
    ANY,
    COUNT,
    FLAG,
    NUMBER,
    POSITIVE,
    REAL,
    TABLE,
    TEXT,
    Check,
    by,
    fields,
    list_of,
    maybe,
    one_of,
    table_of,
    within,
)
from ..errors import ArgumentTypeError, FormatError
from ..hardware.target import Target
from ..spaces.index import COUNT as COUNT_OF_CELLS
from ..spaces.many import checked_rows
from ..spaces.space import SearchSpace
from .finding import read_objectives
from .front import QUANTISED, ParetoFront

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from ..hardware.designs import DesignSpace

__all__ = ["from_dict", "to_dict"]

FORMAT = 1
WHERE = "the front"


def to_dict(front: ParetoFront, intervals: bool = False) -> dict[str, Any]:
    """Return a front as plain data."""
    from .text import ends_of

    more = {"intervals": ends_of(front)} if intervals else {}
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
        "conflicts": [dict(one) for one in front.conflicts],
        "remedies": [dict(one) for one in front.remedies],
        "where": list(front.where),
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
        **more,
    }


def from_dict(data: Mapping[str, Any]) -> ParetoFront:
    """Return the front that plain data describes, checked."""
    more = (*CHOSEN, *SETS, "where")
    given = fields(WHERE, data, CHECKS, optional=more, also=DERIVED, version=FORMAT)
    space, target = given["space"], given["target"]
    with faults(WHERE):
        given["objectives"] = read_objectives(given["objectives"], target)
        given["x"] = _array(checked_rows(space, given["x"]), len(space.lengths))
        if any(given.get(name) is not None for name in CHOSEN):
            _choose(given, target.design_space(space.family))
        given["metrics"] = _columns(given)
        return ParetoFront(**given)


def _columns(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the metrics of a front's points, checked, as arrays: all that it has, in order."""
    bits, predicted = given.get("cell_bits"), given["predicted"]
    names = ["nn_degree", *(["accuracy", "score"] if predicted else [])]
    if bits is not None and bits.shape[1] and not predicted:
        names.append(QUANTISED)
    names += [name for name in COSTS if name in given["target"].metrics] + list(COUNTS)
    n = len(given["x"])
    checks = {name: _column_of(name in COUNTS, n) for name in names}
    metrics = fields(f"{WHERE}: metrics", given["metrics"], checks, join=".")
    return {
        name: _array(column, kind="i8" if name in COUNTS else "f8")
        for name, column in metrics.items()
    }


def _column_of(whole: bool, n: int) -> Check:
    """Return a check of a column of n numbers, which looks at plain ones all at once."""
    one_by_one = list_of(LARGE if whole else REAL, n)
    plain = {int} if whole else {int, float}

    def checked(name: str, value: Any) -> Any:
        import numpy as np

        if isinstance(value, (list, tuple)) and len(value) == n and set(map(type, value)) <= plain:
            try:
                column = np.array(value, dtype="i8" if whole else "f8")
            except OverflowError:  # what follows names it
                return one_by_one(name, value)
            if (column >= 0).all() if whole else np.isfinite(column).all():
                return column
        return one_by_one(name, value)

    return checked


def _target(name: str, value: Any) -> Target:
    return Target.from_dict(value, name)


def _rows(name: str, value: Any) -> Any:
    if not isinstance(value, (list, tuple)):
        raise ArgumentTypeError(f"{name} must be a list, got {shown(value)}")
    return value


DERIVED = (
    "status",
    "complete",
    "knee",
    "accelerators",
    "intervals",
)  # from the rest: for other readers
SETS = ("conflicts", "remedies")
CHOSEN = ("chosen", "cell_bits")  # of a front with codesign only
LARGE = within(integer, 0, (1 << 63) - 1)
CHECKS: dict[str, Check] = {
    "space": by(SearchSpace.from_dict),
    "target": _target,
    "objectives": ANY,  # the target says which there are
    "budgets": table_of(POSITIVE, BUDGETS),
    "epsilon": within(real, 0.0, 1.0),
    "predicted": FLAG,
    "x": _rows,  # the space says which there are
    "metrics": TABLE,
    "stopped": maybe(one_of(STOPS)),
    "message": TEXT,
    "least": maybe(table_of(NUMBER, BUDGETS)),
    "weighed": COUNT,
    "elapsed_s": within(real, 0.0),
    **dict.fromkeys(SETS, list_of(table_of(NUMBER, BUDGETS))),
    "where": list_of(TEXT),
    **dict.fromkeys(CHOSEN, maybe(list_of(list_of(COUNT)))),
}


def _accelerators(front: ParetoFront) -> list[dict[str, Any]] | None:
    """Return each accelerator of the front once: its row of `chosen`, and what its parts are."""
    if front.chosen is None:
        return None
    design = front.target.design_space(front.space.family)
    distinct = sorted(set(map(tuple, front.chosen.tolist())))
    return [{"chosen": list(one), "values": design.describe(one)} for one in distinct]


def _choose(given: dict[str, Any], design: DesignSpace) -> None:
    """Check the accelerators and bits of a front's points, and make arrays of them."""
    space, x = given["space"], given["x"]
    cells = max(map(int, space.cells)) if design.cell_bits else 0
    for name, width in zip(CHOSEN, (len(design.parts), cells), strict=True):
        rows = given.get(name)
        if rows is None or len(rows) != len(x):
            raise FormatError(f"{WHERE}: {name} must be a list of {len(x)} rows")
        if any(len(row) != width for row in rows):
            raise FormatError(f"{WHERE}: {name} must hold lists of {width} numbers")
    for row in given["chosen"]:
        _fits(row, design)
    if cells:
        for bits, row in zip(given["cell_bits"], x.tolist(), strict=True):
            _known_bits(bits, int(space.cells[row[COUNT_OF_CELLS]]), design.cell_bits)
    given["chosen"] = _array(given["chosen"], len(design.parts))
    given["cell_bits"] = _array(given["cell_bits"], cells)


def _fits(row: tuple[int, ...], design: DesignSpace) -> None:
    """Refuse options that there are not, and accelerators that the device has no room for."""
    for part, option in zip(design.parts, row, strict=True):
        integer("chosen", option, 0, len(part.options) - 1)
    short = design.shortage(row)
    if short is not None:
        raise FormatError(f"{WHERE}: chosen {list(row)} does not fit the device: {short}")


def _known_bits(bits: tuple[int, ...], cells: int, accepted: tuple[int, ...]) -> None:
    """Refuse bits that there are not, and bits of cells that a network does not have."""
    for c, one in enumerate(bits):
        known = accepted if c < cells else (0,)
        if one not in known:
            raise FormatError(
                f"{WHERE}: cell_bits must hold {', '.join(map(str, known))}, got {one}"
            )


def _array(values: Any, width: int | None = None, kind: str = "i8") -> Any:
    """Return an array that nobody writes to; of rows of a width where that is given."""
    import numpy as np

    found = np.array(values, dtype=kind)
    if width is not None:
        found = found.reshape(len(values), width)
    found.flags.writeable = False
    return found
