"""A mesh of tiles between RRAM's layers, from what `benchmarks.claims.mesh` left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.common.files import HERE
from benchmarks.report.format import beside, percent, table
from benchmarks.report.section import Section

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any

    from benchmarks.report.section import Line, Told

GOAL = 0.05
GOAL_MS = 2.0
HOW = (
    "The target rram-mesh: `python -m benchmarks.claims.mesh FOLDER`. Packets: the model of "
    "docs/concepts/mesh.md, fitted to BookSim's runs of all side lengths but the one that it is "
    "judged on; stable runs, and of these those not next to saturation (the next rate of the curve "
    "is stable and the latency less than twice that without load).\n"
)


def write(told: Told, pictures: Iterable[str]) -> str:
    """Return the packets' errors and what searches take."""
    if "mesh" not in told:
        return ""
    found = told["mesh"]
    packets = found["packets"]
    lines = [
        ("all stable runs", packets["all"]),
        ("not next to saturation", packets["light"]),
        *((f"of these {name}", one) for name, one in packets["by_traffic"].items()),
        *((f"of these side {side}, left out", one) for side, one in packets["by_side"].items()),
    ]
    head = ("runs", "number", "mean error", "median", "above 5 %", "most")
    rows = [
        (
            *(name, one["runs"], percent(one["mean"]), percent(one["median"])),
            *(one["over"], percent(one["most"])),
        )
        for name, one in lines
    ]
    searches = [
        (
            *(one["space"], f"{one['budget']:g} ms", f"{one['networks']:.3g}", one["status"]),
            beside(one, "ms", "ms_wall", 1.0),
            one["nodes"],
            one["evaluations"],
            beside(one, "bus_ms", "bus_ms_wall", 1.0),
        )
        for one in found["searches"]
    ]
    return "\n".join(
        (
            "## A mesh of tiles\n",
            HOW,
            table(head, rows),
            "Searches, tables and proof with them, milliseconds of processor time, the least of "
            "many, in brackets by the clock (a dash: not measured then); beside them the same "
            "budget on the bus of rram.\n",
            table(
                ("space", "budget", "networks", "status", "time", "nodes", "evaluations", "bus"),
                searches,
            ),
        )
    )


def claims(told: Told) -> Iterator[Line]:
    """Yield how near the packets come, and how long searches take."""
    found = told.get("mesh")
    light = found["packets"]["light"] if found else None
    every = found["packets"]["all"] if found else None
    yield (
        "a mesh's packet latency against BookSim's runs, side lengths left out of the fit, not "
        "next to saturation",
        "mean error at most 5 %",
        f"{percent(light['mean'])}; {light['over']} of {light['runs']} runs above 5 %"
        if light
        else None,
        light["mean"] <= GOAL if light else None,
    )
    yield (
        "the same, all stable runs",
        "mean error at most 5 %",
        f"{percent(every['mean'])}; {every['over']} of {every['runs']} above 5 %, at most "
        f"{percent(every['most'])}"
        if every
        else None,
        every["mean"] <= GOAL if every else None,
    )
    for free in (False, True):
        lines = _searches(found, free) if found else []
        slow = [one for one in lines if one["ms"] > GOAL_MS]
        yield (
            f"searches on a mesh, {'free widths' if free else 'default spaces'}, three budgets each"
            ", proven",
            "at most 2 ms",
            "; ".join(f"{one['space']} {one['budget']:g} ms: {one['ms']:.2f}" for one in lines)
            if lines
            else None,
            (not slow and all(one["proven"] for one in lines)) if lines else None,
        )


def _searches(found: Mapping[str, Any], free: bool) -> list[Mapping[str, Any]]:
    return [one for one in found["searches"] if ("free" in one["space"]) == free]


SECTION = Section(write, kept={"mesh": HERE / "claims" / "mesh.json"}, claims=claims)
