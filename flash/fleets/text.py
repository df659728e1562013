"""The text and the table of many results."""

from __future__ import annotations

from ..base.extras import require
from ..base.names import UNITS
from ..results.screen import duration, quantity, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pandas import DataFrame

    from ..base.html import Part, Row
    from ..results.result import SearchResult
    from .fleet import FleetResult

__all__ = ["frame", "parts", "screen"]

SHOWN = 20  # results on a screen


def screen(fleet: FleetResult) -> str:
    """Return the text of ``print(results)``: one line a device, the first and the last of many."""
    return text(parts(fleet))


def parts(fleet: FleetResult) -> list[Part]:
    """Return what many results show: lines of text, and a table."""
    if not len(fleet):
        return ["no results"]
    n = len(fleet)
    some = list(range(n)) if n <= SHOWN else [*range(SHOWN // 2), *range(n - SHOWN // 2, n)]
    costs = list(dict.fromkeys(name for i in some for name in fleet[i].costs or ()))
    several = any(fleet[i].alternatives for i in some)
    names = ["target", "status", fleet[0].objective_name, *UNITS, *costs]
    rows: list[Row] = [[*names, "networks"] if several else names]
    for i in some:
        one = fleet[i]
        row = [one.target, one.status, _shown(one, "objective")]
        row += [_shown(one, name, unit) for name, unit in UNITS.items()]
        row += [_cost(one, name) for name in costs]
        rows.append(row + [str(len(one.alternatives) + one.success)] * several)
    if n > len(some):
        rows.insert(1 + SHOWN // 2, f"... {n - len(some):,} more ...")
    proven = sum(one.proven for one in fleet)
    found = sum(one.success for one in fleet)
    told = f"{n:,} devices, {proven:,} proven, {found:,} with a network; "
    return [(rows, 2, True), "", told + duration(fleet.elapsed_s)]


def _shown(result: SearchResult, name: str, unit: str = "") -> str:
    value = getattr(result, name)
    return "-" if value is None else quantity(value, unit)


def _cost(result: SearchResult, name: str) -> str:
    value = (result.costs or {}).get(name)
    return "-" if value is None else quantity(value, UNITS[name.partition("@")[0]])


def frame(fleet: FleetResult) -> DataFrame:
    """Return the results as a pandas DataFrame."""
    pandas = require("to_frame()", "plot", "pandas")
    from ..results.result import frame_rows

    table: DataFrame = pandas.DataFrame([row for result in fleet for row in frame_rows(result)])
    return table
