"""The text and the table of many results."""

from __future__ import annotations

from ..base.extras import require
from ..base.names import UNITS
from ..results.screen import duration, quantity, table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pandas import DataFrame

    from ..results.result import SearchResult
    from .fleet import FleetResult

__all__ = ["frame", "screen"]

SHOWN = 20  # results on a screen


def screen(fleet: FleetResult) -> str:
    """Return the text of ``print(results)``: one line a device, the first and the last of many."""
    if not len(fleet):
        return "no results"
    n = len(fleet)
    some = list(range(n)) if n <= SHOWN else [*range(SHOWN // 2), *range(n - SHOWN // 2, n)]
    names = ["target", "status", fleet[0].objective_name, *UNITS]
    rows = [names]
    for i in some:
        one = fleet[i]
        row = [one.target, one.status, _shown(one, "objective")]
        rows.append(row + [_shown(one, name, unit) for name, unit in UNITS.items()])
    lines = [line.rstrip() for line in table(rows, 2)]
    if n > len(some):
        lines.insert(1 + SHOWN // 2, f"... {n - len(some):,} more ...")
    proven = sum(one.proven for one in fleet)
    found = sum(one.success for one in fleet)
    lines += ["", f"{n:,} devices, {proven:,} proven, {found:,} with a network; "
              + duration(fleet.elapsed_s)]  # fmt: skip
    return "\n".join(lines)


def _shown(result: SearchResult, name: str, unit: str = "") -> str:
    value = getattr(result, name)
    return "-" if value is None else quantity(value, unit)


def frame(fleet: FleetResult) -> DataFrame:
    """Return the results as a pandas DataFrame."""
    pandas = require("to_frame()", "plot", "pandas")
    from ..results.result import frame_row

    table: DataFrame = pandas.DataFrame([frame_row(result) for result in fleet])
    return table
