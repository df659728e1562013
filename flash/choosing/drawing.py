"""What a picture of a front of choices shows."""

from __future__ import annotations

from ..charts.chart import GREY, Axis, Chart, Line, Panel, Points
from ..errors import ArgumentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..charts.chart import Mark
    from .front import ChoiceFront

__all__ = ["chart_of"]

SAID = 12  # groups that a hover text tells


def chart_of(front: ChoiceFront) -> Chart:
    """Return the chart of a front of two objectives, under the names that they have.

    Raises
    ------
    ArgumentError
        If there are more than two, or no point.
    """
    if len(front.objectives) != 2:
        raise ArgumentError(
            f"plot() draws a front of two objectives, this one has {len(front.objectives)}; "
            "to_frame() has the points"
        )
    if not front.points:
        raise ArgumentError(f"plot(): there is no point: {front.status}, {front.message}")
    x, y = zip(*(one.values for one in front.points), strict=True)
    title = f"{len(x):,} point{'s' * (len(x) != 1)}" + ("" if front.proven else ", not proven")
    marks: list[Mark] = [
        Line(x, y, colour=GREY, steps="after", width=0.8),
        Points(x, y, hover=lambda i: hover(front, i)),
    ]
    notes = [
        f"{name}: more is better"
        for name, greatest in zip(front.objectives, front.greatest, strict=True)
        if greatest
    ]
    across, up = map(Axis, front.objectives)
    return Chart(title, [Panel(marks, across, up)], notes=notes)


def hover(front: ChoiceFront, i: int) -> str:
    """Return what there is to say of a point: its metrics, and what is chosen."""
    point = front.points[i]
    lines = [f"point {i}", *(f"{name} {value:.6g}" for name, value in point.metrics.items())]
    chosen = [(group, one) for group, one in point.choices.items() if one is not None]
    lines += [f"{group}: {one}" for group, one in chosen[:SAID]]
    if len(chosen) > SAID:
        lines.append(f"and {len(chosen) - SAID} groups more")
    return "\n".join(lines)
