"""The chart of a calibration: left-out predictions beside what was measured, with intervals."""

from __future__ import annotations

from .._core.tables.tables import exponential, square_root
from ..charts.chart import Axis, Chart, Intervals, Line, Panel, Points
from ..charts.metrics import metric_axis
from ..errors import ArgumentError
from ._prediction import width_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from .target import Target

__all__ = ["chart_of", "charts_of"]

LEVEL = 0.9


def chart_of(target: Target) -> Chart:
    """Return the chart of ``target.plot()``.

    Raises
    ------
    ArgumentError
        If the target does not hold its networks one by one.
    """
    panels: list[Panel] = []
    notes: list[str] = []
    several = len(target.coefficients) > 1
    for place in target.coefficients:
        own = (target.residuals or {}).get(place, {})
        held = own.get("by_network")
        if not isinstance(held, dict):
            continue
        table = (target.intervals or {}).get(place, {})
        for metric in target.metrics:
            columns = held.get(metric)
            if columns and columns.get("measured"):
                panel, told = _panel(metric, held.get("names", ()), columns, table.get(metric))
                where = f"{place}: " if several else ""
                panels.append(panel.replace(title=f"{where}{panel.title}"))
                notes.append(f"{where}{told}")
    if not panels:
        raise ArgumentError(
            f"target {target.name!r} holds no networks with what was measured of them: "
            "flash.calibrate keeps those of a calibration of one's own, up to 500"
        )
    return Chart(f"calibration of {target.name}", panels, columns=min(3, len(panels)), notes=notes)


def charts_of(target: Target) -> list[Chart]:
    """Return the charts of a target's page: none where it does not hold its networks."""
    try:
        return [chart_of(target)]
    except ArgumentError:
        return []


def _panel(
    metric: str,
    names: Sequence[str],
    columns: Mapping[str, Sequence[float]],
    table: Mapping[str, Any] | None,
) -> tuple[Panel, str]:
    measured = list(columns["measured"])
    left = len(columns.get("held_out", ())) == len(measured)
    predicted = list(columns["held_out" if left else "fitted"])
    word = "left out" if left else "fitted"
    hover = [
        f"{names[k] if k < len(names) else k}\nmeasured {own:.4g}, {word} {told:.4g} "
        f"({100 * (told / own - 1):+.1f} %)"
        for k, (own, told) in enumerate(zip(measured, predicted, strict=True))
    ]
    low, high = min(measured), max(measured)
    ends = [low / 1.1, high * 1.1]
    marks: list[Any] = []
    errors = [abs(told / own - 1.0) for own, told in zip(measured, predicted, strict=True)]
    mean = 100.0 * sum(errors) / len(errors)
    note = f"{len(measured)} networks, each {word}: mean error {mean:.3g} %"
    spread = columns.get("leverage", ())
    if left and table is not None and table.get("scores") and len(spread) == len(measured):
        width = width_of(table["scores"], LEVEL)
        factors = [exponential(min(width * square_root(1.0 + one), 700.0)) for one in spread]
        ends_of = list(zip(predicted, factors, strict=True))
        low_ends = [told / factor for told, factor in ends_of]
        high_ends = [told * factor for told, factor in ends_of]
        inside = sum(a <= own <= b for own, a, b in zip(measured, low_ends, high_ends, strict=True))
        name = f"{100 * LEVEL:g} % interval"
        marks.append(Intervals(measured, low_ends, high_ends, name=name, colour=4))
        note += f"; the {100 * LEVEL:g} % intervals hold {100 * inside / len(measured):.0f} %"
    marks.append(Line(ends, ends, name="as measured", colour=-1, dash="dash"))
    marks.append(Points(measured, predicted, name=f"predicted, {word}", colour=0, hover=hover))
    axis = metric_axis(metric)
    wide = high / low > 4.0
    return (
        Panel(
            marks,
            x=Axis(f"measured {axis.title}", axis.unit, log=wide),
            y=Axis(f"predicted {axis.title}", axis.unit, log=wide),
            title=axis.title,
        ),
        note,
    )
