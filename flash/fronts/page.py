"""A front as a page."""

from __future__ import annotations

from ..base.html import facts, some_of
from ..base.names import UNITS
from ..base.pages import ROWS, Under, call, cut
from ..networks.line import line_of
from ..results.page import space_of
from ..results.screen import called, count, duration, quantity
from .text import accelerator_parts, joint_columns, parts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..base.html import Part, Row
    from ..base.pages import Section
    from .front import ParetoFront

__all__ = ["made", "named", "sections"]

ELSEWHERE = "front.to_frame(), front.to_json(path)"


def made(front: ParetoFront) -> str:
    """Return the call that gave a front, as far as the front knows it."""
    keywords: dict[str, Any] = dict(front.budgets)
    keywords["where"] = list(front.where) or None
    keywords["epsilon"] = front.epsilon or None
    keywords["codesign"] = None if front.chosen is None else True
    keywords["predictor"] = Under("...") if front.predicted else None
    target = front.target.name
    return call("pareto", space_of(front.space), target, list(front.objectives), **keywords)


def named(front: ParetoFront) -> list[str]:
    """Return the objectives as a reader calls them."""
    score = "accuracy" if front.predicted else "NN-Degree"
    return [score if one == "accuracy" else called(one) for one in front.objectives]


def sections(front: ParetoFront) -> list[Section]:
    """Return a front as the sections of a page."""
    n = len(front)
    head = facts(
        {
            "status": front.status,
            "points": count(n),
            "objectives": ", ".join(named(front)),
            "target": front.target.name,
            "space": f"{front.space.family}, {count(front.space.size)} configurations",
            "budgets": ", ".join(f"{name} {one:g}" for name, one in front.budgets.items()) or None,
            "conditions": " and ".join(f"({one})" for one in front.where) or None,
            "epsilon": f"{front.epsilon:g}" if front.epsilon else None,
            "stopped by": front.stopped,
            "sums compared": count(front.weighed),
            "time": duration(front.elapsed_s),
        }
    )
    notes: list[Part] = [
        one for one in parts(front) if isinstance(one, str) and one.startswith("note: ")
    ]
    found: list[Section] = [("", [head, front.message, *notes, *front._charts()])]
    if n:
        found += [("Knee", _knee(front)), ("Points", _points(front))]
    return found


def _knee(front: ParetoFront) -> list[Part]:
    from ..results.screen import network_parts

    one = front.knee
    rows = [("point", f"{front.knee_index:,}")]
    for name, column in front.metrics.items():
        if name != "score":
            rows.append(
                (called(name), quantity(column[front.knee_index].item(), UNITS.get(name, "")))
            )
    return [(rows, 2, False), *network_parts(one)]


def _points(front: ParetoFront) -> list[Part]:
    n = len(front)
    some = sorted({*some_of(n, ROWS - 1), front.knee_index}) if n > ROWS else list(range(n))
    metrics = [one for one in front.metrics if one != "score"]
    more = joint_columns(front, some)
    rows: list[Row] = [["point", *map(called, metrics), *more, "knee", "network"]]
    for place, i in enumerate(some):
        row = [str(i)]
        row += [quantity(front.metrics[one][i].item(), UNITS.get(one, "")) for one in metrics]
        row += [column[place] for column in more.values()]
        rows.append(
            [*row, "knee" if i == front.knee_index else "", line_of(front.architectures[i])]
        )
    told: list[Part] = [(rows, 0, True), *cut(len(some), n, "points", ELSEWHERE)]
    if hasattr(front.architectures[0], "cells"):
        told.append("of a network each cell's width x depth + skips")
    return [*told, *accelerator_parts(front, some)]
