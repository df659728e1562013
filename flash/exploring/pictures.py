"""The explorer's pictures: charts of fronts and of networks, as the page takes them."""

from __future__ import annotations

from ..charts.chart import BLACK, Axis, Chart, Panel, Points

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from .shown import FrontView, Goal, Trained

__all__ = ["HERE", "drawing_of", "front_chart", "front_figure", "front_key", "nothing"]

HERE = "this answer"
FONT = {"family": "system-ui, sans-serif", "size": 12, "color": "#1f2933"}


def front_key(view: FrontView) -> str:
    """Return what tells one drawn front from another: the point of the answer is moved alone."""
    ends = [(name, len(own), own[:1], own[-1:]) for name, own in view.columns.items()]
    return repr((view.target, view.state.front, view.total, view.message, view.error, ends))


def front_chart(view: FrontView) -> Chart:
    """Return the chart of a front: its points, what is trained, and the answer on it.

    The first objective is upright; a third is told by colour.
    """
    first, second, *third = view.goals
    marks: list[Any] = [_points(view, first, second, third)]
    if view.knee is not None and view.knee in view.places:
        at = view.places.index(view.knee)
        marks.append(
            Points(
                [view.columns[second.name][at]], [view.columns[first.name][at]], "best compromise",
                colour=1, symbol="diamond", size=7.5, hover=[view.texts[at]], keys=[view.knee],
            )  # fmt: skip
        )
    trained = [one for one in view.trained if _known(one, first, second)]
    if trained:
        marks.append(
            Points(
                [_value(one, second) for one in trained], [_value(one, first) for one in trained],
                "trained", colour=3, symbol="triangle-up", size=6.5,
                hover=[one.text for one in trained],
            )  # fmt: skip
        )
    here = view.here or {}
    there = first.name in here and second.name in here
    marks.append(
        Points(
            [here[second.name]] if there else [], [here[first.name]] if there else [], HERE,
            colour=BLACK, symbol="star", size=11,
        )  # fmt: skip
    )
    return Chart("", [Panel(marks, x=_axis(view, second), y=_axis(view, first))])


def _points(view: FrontView, first: Goal, second: Goal, third: Sequence[Goal]) -> Points:
    shade = None if not third else view.columns[third[0].name]
    return Points(
        view.columns[second.name], view.columns[first.name], "proven trade-offs", colour=0,
        hover=view.texts, keys=view.places, shade=shade,
        scale=_axis(view, third[0]) if third else None, size=4.5,
    )  # fmt: skip


def _axis(view: FrontView, goal: Goal) -> Axis:
    values = view.columns[goal.name]
    wide = bool(values) and min(values) > 0 and max(values) > 10 * min(values)
    return Axis(goal.label, goal.unit, log=wide)


def _known(one: Trained, *goals: Goal) -> bool:
    return all(goal.name == "accuracy" or goal.name in one.metrics for goal in goals)


def _value(one: Trained, goal: Goal) -> float:
    if goal.name != "accuracy":
        return one.metrics[goal.name]
    return one.metrics["nn_degree"] if goal.label == "NN-Degree" else one.accuracy


def front_figure(view: FrontView) -> dict[str, Any]:
    """Return a front as the page's graph takes it."""
    if len(view.goals) < 2 or not view.places:
        return nothing(view.error or view.message or "there is no front")
    figure = page_figure(front_chart(view))
    for trace in figure["data"]:
        if trace.get("name") == HERE:
            trace["meta"] = "here"
    figure["layout"]["uirevision"] = repr((view.target, [one.name for one in view.goals]))
    return figure


def page_figure(chart: Chart, high: int | None = None) -> dict[str, Any]:
    """Return a chart as a graph of the page takes it: as large as its place, unless `high`."""
    figure: dict[str, Any] = chart.plotly().to_plotly_json()
    layout = figure["layout"]
    layout.pop("height", None)
    layout.pop("width", None)
    if high is not None:
        layout["height"] = high
    layout |= {
        "font": FONT,
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "hoverlabel": {"bgcolor": "white", "font": {"size": 12}, "align": "left"},
        "margin": {**layout.get("margin", {}), "l": 62, "r": 14},
        "transition": {"duration": 0},
    }
    return figure


def nothing(said: str) -> dict[str, Any]:
    """Return an empty graph with a line of text on it."""
    return page_figure(
        Chart("", [Panel([], x=Axis(hidden=True), y=Axis(hidden=True))], notes=(said,))
    )


def drawing_of(result: Any) -> dict[str, Any]:
    """Return the drawing of what was found."""
    return nothing("")
