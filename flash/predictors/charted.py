"""The chart of a predictor: left-out predictions beside what was measured, and simple baselines."""

from __future__ import annotations

from ..charts.chart import Axis, Bars, Chart, Intervals, Line, Panel, Points
from .left_out import LeftOut, left_out_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .evidence import Report
    from .predictor import AccuracyPredictor

__all__ = ["chart_of", "charts_of"]

LEVEL = 0.9
NAMES = {"params": "parameters", "macs": "MACs", "nn_degree": "NN-Degree", "nn-degree": "NN-Degree"}


def chart_of(predictor: AccuracyPredictor) -> Chart:
    """Return the chart of ``predictor.plot()``; ArgumentError where it does not hold its
    networks."""
    found = left_out_of(predictor, LEVEL)
    report = predictor.report
    panels = [_beside(found, predictor.only_ranks is not None)]
    title = predictor.title
    notes = [
        f"each of {len(found.measured):,} networks predicted by a fit without it; the "
        f"{100 * LEVEL:g} % intervals hold {100 * found.held:.0f} % of them"
    ]
    if report is not None:
        panels.append(_ranks(report, predictor.kind))
        rank = "unknown" if report.rank is None else f"{report.rank:.3f}"
        title += f": rank correlation {rank}, mean error {100 * report.mae:.2g} points"
        notes.append(f"the predictor is {report.verdict}")
    if predictor.only_ranks is not None:
        notes.append(f"its values only rank: {predictor.only_ranks}")
    return Chart(title, panels, notes=notes, size=(10.5, 5.0))


def charts_of(predictor: AccuracyPredictor) -> list[Chart]:
    """Return the charts of a predictor's page: none where it does not hold its networks."""
    from ..errors import ArgumentError

    try:
        return [chart_of(predictor)]
    except ArgumentError:
        return []


def _beside(found: LeftOut, ranks: bool) -> Panel:
    measured = [100.0 * one for one in found.measured.tolist()]
    predicted = [100.0 * one for one in found.predicted.tolist()]
    low = [100.0 * one for one in found.low.tolist()]
    high = [100.0 * one for one in found.high.tolist()]
    ends = min(*measured, *predicted), max(*measured, *predicted)
    hover = []
    for k, own in enumerate(measured):
        told = f"measured {own:.2f} %, predicted {predicted[k]:.2f} %"
        told += f" ({low[k]:.2f} to {high[k]:.2f})"
        hover.append(f"{told}\n{found.names[k]}" if found.names else told)
    marks: list[Any] = [
        Intervals(measured, low, high, name=f"{100 * LEVEL:g} % interval", colour=4),
        Line([*ends], [*ends], name="as measured", colour=-1, dash="dash"),
        Points(measured, predicted, name="left out", colour=0, hover=hover),
    ]
    word = "score" if ranks else "accuracy"
    return Panel(
        marks,
        x=Axis(f"measured {word}", "%"),
        y=Axis(f"predicted {word}, left out", "%"),
        wide=1.3,
    )


def _ranks(report: Report, kind: str) -> Panel:
    rows = [one for one in report.rows if one.rank is not None]
    own = [place for place, one in enumerate(rows) if one is report.rows[0]]
    others = [place for place in range(len(rows)) if place not in own]
    marks = []
    for name, some, colour in (("the predictor", own, 0), ("baselines", others, 1)):
        marks.append(
            Bars(
                some,
                [rows[place].rank or 0.0 for place in some],
                name=name,
                colour=colour,
                flat=True,
                how="over",
                hover=[
                    f"{rows[place].name}: rank {rows[place].rank:.3f}, error "
                    f"{100 * rows[place].mae:.3g} points"
                    for place in some
                ],
            )
        )
    return Panel(
        marks,
        x=Axis("rank correlation (Spearman)"),
        y=Axis(categories=[NAMES.get(one.name, one.name) for one in rows], flipped=True),
    )
