"""The explorer's pictures: charts of fronts and of networks, as the page takes them."""

from __future__ import annotations

from ..charts.chart import BLACK, GREY, Axis, Chart, Line, Panel, Points

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from .shown import File, FrontView, Goal, Trained
    from .source import Source
    from .state import State

__all__ = [
    "HERE", "drawing_of", "front_chart", "front_figure", "front_key",
    "layers_of",
    "limits_of", "nothing", "picture_of",
    "whole_of",
]  # fmt: skip

HERE = "answer"
LEGEND = {
    "orientation": "h", "x": 0.0, "y": 1.0, "yref": "container", "yanchor": "top", "entrywidth": 0,
}  # fmt: skip
ROOM = 0.05  # beside the outermost points
WIDE, NARROW = 9.5, 4.6  # inches of a drawing
LAYERS = 12  # with bars of their own
MARKED = 150  # points, up to which each is a dot on the line
FONT = {"family": "system-ui, sans-serif", "size": 12, "color": "#1f2933"}


def whole_of(source: Source, state: State) -> State:
    """Return a state whose front is drawn for it: budgets on the front's own objectives are lines
    across it, so that all of it is there to be gone to."""
    names = state.front or tuple(one.name for one in source.goals[: source.first])
    return state.with_budgets(dict.fromkeys(name for name in state.budgets if _on(name, names)))


def _on(budget: str, names: Sequence[str]) -> bool:
    metric = budget.partition("@")[0][len("max_") :]
    return metric in names or (metric == "nn_degree" and "accuracy" in names)


def limits_of(source: Source, state: State) -> list[float | None]:
    """Return the budgets on a front's second objective and on its first, as it is drawn."""
    names = (state.front or tuple(one.name for one in source.goals[: source.first]))[:2]
    budgets = state.budgets_on(state.target or source.targets[0])
    found = []
    for name in names[::-1]:
        own = [value for budget, value in budgets.items() if _on(budget, (name,))]
        found.append(own[0] if own else None)
    return found


def front_key(view: FrontView) -> str:
    """Return what tells one drawn front from another: the answer on it is moved by itself."""
    ends = [(name, len(own), own[:1], own[-1:]) for name, own in view.columns.items()]
    return repr((view.target, view.state.front, view.total, view.message, view.error, ends))


def front_chart(view: FrontView) -> Chart:
    """Return the chart of a front: its points, what is trained, and the answer on it.

    The first objective is upright; a third is told by colour.
    """
    first, second, *third = view.goals
    marks: list[Any] = []
    if view.cloud:
        marks.append(
            Points(
                view.cloud[second.name],
                view.cloud[first.name],
                "others looked at",
                colour=GREY,
                size=3,
            )
        )
    marks.append(_points(view, first, second, third))
    if view.knee is not None and view.knee in view.places:
        at = view.places.index(view.knee)
        marks.append(
            Points(
                [view.columns[second.name][at]],
                [view.columns[first.name][at]],
                "compromise",
                colour=1,
                symbol="diamond",
                size=7.5,
                hover=[_lines(view.texts[at])],
                keys=[view.knee],
            )
        )
    trained = [one for one in view.trained if _known(one, first, second)]
    if trained:
        marks.append(
            Points(
                [_value(one, second) for one in trained],
                [_value(one, first) for one in trained],
                "trained",
                colour=3,
                symbol="triangle-up",
                size=6.5,
                hover=[_lines(one.text) for one in trained],
            )
        )
    here = view.here or {}
    there = first.name in here and second.name in here
    marks.append(
        Points(
            [here[second.name]] if there else [],
            [here[first.name]] if there else [],
            HERE,
            colour=BLACK,
            symbol="star",
            size=11,
        )
    )
    return Chart("", [Panel(marks, x=_axis(view, second), y=_axis(view, first))])


def _points(view: FrontView, first: Goal, second: Goal, third: Sequence[Goal]) -> Points | Line:
    name = "proven" if view.exact else "not proven"
    if not third:
        # steps: between two points nothing is better than the first
        order = sorted(range(len(view.places)), key=view.columns[second.name].__getitem__)
        return Line(
            [view.columns[second.name][k] for k in order],
            [view.columns[first.name][k] for k in order],
            name, colour=0, hover=[_lines(view.texts[k]) for k in order],
            keys=[view.places[k] for k in order], width=1.8, marked=len(order) <= MARKED,
            steps="before" if second.greatest else "after", most=len(order),
        )  # fmt: skip
    shade = None if not third else view.columns[third[0].name]
    return Points(
        view.columns[second.name], view.columns[first.name], "", colour=0,
        hover=[_lines(one) for one in view.texts], keys=view.places, shade=shade,
        scale=_axis(view, third[0]) if third else None, size=4.5,
    )  # fmt: skip


def _lines(text: str) -> str:
    """Return what the mouse shows, a number a line: beside a point there is not much room."""
    first, *more = text.split("\n")
    return "\n".join([*first.split(", "), *more])


def _axis(view: FrontView, goal: Goal) -> Axis:
    """Return an axis as wide as what lies on it: a budget far off does not make it wider."""
    values = [*view.columns[goal.name], *view.cloud.get(goal.name, ())]
    values += [_value(one, goal) for one in view.trained if _known(one, goal)]
    low, high = min(values, default=0.0), max(values, default=1.0)
    log = 0 < 10 * low < high
    if log:
        pad = (high / low) ** ROOM
        return Axis(goal.label, goal.unit, log=True, limits=(low / pad, high * pad))
    pad = ROOM * (high - low) or abs(high) or 1.0
    return Axis(goal.label, goal.unit, limits=(low - pad, high + pad))


def _known(one: Trained, *goals: Goal) -> bool:
    return all(goal.name == "accuracy" or goal.name in one.metrics for goal in goals)


def _value(one: Trained, goal: Goal) -> float:
    if goal.name != "accuracy":
        return one.metrics[goal.name]
    return one.metrics["nn_degree"] if goal.label == "NN-Degree" else one.accuracy


def front_figure(view: FrontView) -> dict[str, Any]:
    """Return a front as the page's graph takes it; the script in the page puts the answer on it."""
    if len(view.goals) < 2 or not view.places:
        return nothing("nothing fits" if not view.error else "no front")
    figure = page_figure(front_chart(view))
    for trace in figure["data"]:
        if len(trace.get("customdata") or ()) == len(view.places):
            trace["meta"] = "front"
        if trace.get("name") == HERE:  # for the legend alone
            trace |= {"x": [None], "y": [None]}
    figure["layout"]["uirevision"] = repr((view.target, [one.name for one in view.goals]))
    return figure


def page_figure(chart: Chart) -> dict[str, Any]:
    """Return a chart as a graph of the page takes it: as large as its place."""
    from ..charts.by_plotly import plain_of

    figure = plain_of(chart)
    layout = figure["layout"]
    for name in ("height", "width", "template"):  # as large as its place; its own colours
        layout.pop(name, None)
    layout |= {
        "font": FONT,
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "hoverlabel": {"bgcolor": "white", "font": {"size": 12}, "align": "left"},
        "margin": {"l": 58, "r": 12, "t": 26, "b": 40},
        "legend": LEGEND,
    }
    return figure


def nothing(said: str) -> dict[str, Any]:
    """Return an empty graph with a line of text on it."""
    figure = page_figure(Chart("", [Panel([], x=Axis(hidden=True), y=Axis(hidden=True))]))
    figure["layout"]["annotations"] = [
        {"text": said, "showarrow": False, "xref": "paper", "yref": "paper", "x": 0.5, "y": 0.5}
    ]
    return figure


def layers_of(cost: Any) -> tuple[dict[str, Any], str] | None:
    """Return what a network's layers take, and what is to be said of it; None of no cost."""
    from ..hardware._cost_chart import panels_of

    if cost is None:
        return None
    panels, notes = panels_of(cost, LAYERS)
    named = [one for one in panels if any(getattr(one.y, "categories", None) or ())]
    first = panels.index(named[0]) if named else 0
    figure = page_figure(Chart("", panels[first:]))
    figure["layout"]["margin"] = {"l": 170, "r": 10, "t": 72, "b": 40}
    return figure, "; ".join(notes)


def drawing_of(result: Any, whole: bool) -> tuple[dict[str, Any], str] | None:
    """Return the drawing of what was found, and what is to be said of it; whole: as wide as the
    page, not as half of it."""
    from ..networks.drawing import chart_of

    net = getattr(result, "architecture", None)
    if net is None:
        return None
    chart = chart_of(net, WIDE if whole else NARROW)
    figure = page_figure(chart.replace(title="", notes=()))
    figure["layout"]["margin"] = {"l": 6, "r": 24, "t": 24, "b": 4}
    return figure, "; ".join(chart.notes)


def picture_of(source: Source, state: State, what: str) -> File:
    """Return a picture of a state, by a name of `page.pictures_of`.

    Raises
    ------
    ArgumentError
        If there is nothing to draw.
    """
    import os
    import tempfile

    from ..errors import ArgumentError
    from .shown import File

    which, _, kind = what.rpartition("-")
    if which == "front":
        view = source.front(state)
        if not view.places:
            raise ArgumentError(view.error or "there is no front to draw")
        chart = front_chart(view).replace(title=source.title, notes=(view.message,))
    else:
        from ..networks.drawing import chart_of

        name = state.target or source.targets[0]
        answer = next(one for one in source.answer(state) if one.target == name)
        if not answer.found:
            raise ArgumentError(f"there is no network to draw: {answer.headline or answer.error}")
        chart = chart_of(answer.result.architecture)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, f"{which}.{kind}")
        chart.save(path)
        with open(path, "rb") as file:
            data = file.read()
    return File(f"{which}.{kind}", "image/svg+xml" if kind == "svg" else "image/png", data)
