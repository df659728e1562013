"""Many results as a page."""

from __future__ import annotations

from ..base.html import some_of
from ..base.names import UNITS
from ..base.pages import ROWS, Under, call, cut
from ..networks.line import line_of
from ..results.page import budget_called, space_of
from ..results.screen import called, duration, quantity

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..base.html import Part, Row
    from ..base.pages import Section
    from .fleet import FleetResult

__all__ = ["made", "sections", "titled"]

PLAIN = ("accuracy", "nn_degree", "latency_ms", "energy_mj", "area_mm2", "params", "macs")


def titled(fleet: FleetResult) -> str:
    """Return what a page of results is called."""
    families = dict.fromkeys(one.space.family for one in fleet)
    names = ", ".join(families) if len(families) < 4 else f"{len(families)} spaces"
    return f"{names} on {len(fleet):,} targets" if len(fleet) else "no results"


def made(fleet: FleetResult) -> str:
    """Return the call that gave results, as far as it is known."""
    if not len(fleet):
        return ""
    targets = [one.target for one in fleet]
    given = targets if len(targets) <= 8 else Under(f"[{len(targets):,} targets]")
    budgets = dict.fromkeys(name for one in fleet for name in one.budgets)
    return call("search", space_of(fleet[0].space), given, **dict.fromkeys(budgets, Under("...")))


def sections(fleet: FleetResult) -> list[Section]:
    """Return results as the sections of a page."""
    n = len(fleet)
    some = some_of(n, ROWS)
    costs = list(dict.fromkeys(name for i in some for name in fleet[i].costs or ()))
    plain = [name for name in PLAIN if any(getattr(fleet[i], name) is not None for i in some)]
    budgets = list(dict.fromkeys(name for i in some for name in fleet[i].budgets))
    rows: list[Row] = [
        [
            *("", "target", "status", "objective", *map(called, (*plain, *costs))),
            *(*map(budget_called, budgets), "evaluations", "network"),
        ]
    ]
    for i in some:
        one = fleet[i]
        given = one.costs or {}
        rows.append(
            [
                str(i),
                one.target,
                one.status,
                "" if one.objective is None else f"{one.objective:.6g}",
                *(_told(getattr(one, name), name) for name in plain),
                *(_told(given.get(name), name.partition("@")[0]) for name in costs),
                *(_told(one.budgets.get(name), name.removeprefix("max_")) for name in budgets),
                f"{one.nfev:,}",
                "" if one.x is None else line_of(one.architecture),
            ]
        )
    proven = sum(one.proven for one in fleet)
    found = sum(one.success for one in fleet)
    head = f"{n:,} results: {found:,} with a network, {proven:,} proven"
    head += f", {duration(fleet.elapsed_s)}" if fleet.elapsed_s else ""
    refused: list[Part] = [
        f"{fleet[i].target}: {fleet[i].message}" for i in some if not fleet[i].success
    ]
    table: list[Part] = [
        (rows, 0, True),
        *cut(len(some), n, "results", "to_frame(), to_json(path)"),
    ]
    every: list[Section] = [("", [head, *fleet._charts()]), ("Targets", table if n else [])]
    return [*every, *([("Where nothing fits", refused[:100])] if refused else [])]


def _told(value: float | None, metric: str) -> str:
    return "" if value is None else quantity(value, UNITS.get(metric, ""))
