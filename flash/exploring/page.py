"""The page's layout, in dash's components: everything that `callbacks` fills has its id here.

Controls are ranges and fields of the browser itself: they work by keyboard and are read out as they
are. All sliders are alike, whatever they move: a budget, a weight, a level of confidence.
"""

from __future__ import annotations

from ..base.record import Record
from .pictures import nothing
from .state import WEIGHT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from .source import Source

__all__ = ["INDEX", "STEPS", "Control", "layout_of", "pictures_of"]

STEPS = 1000  # places of a slider
MOST_WEIGHT = 3.0
EPSILONS = (0.001, 0.1)

ICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Cpath "
    "fill='%230072B2' d='M9 0 3 9h4l-1 7 7-10H8z'/%3E%3C/svg%3E"
)
INDEX = """\
<!DOCTYPE html>
<html lang="en">
<head>
{%metas%}
<title>{%title%}</title>
<link rel="icon" href="{icon}">
{%css%}
</head>
<body>
{%app_entry%}
<footer>
{%config%}
<script src="/assets/before.js"></script>
{%scripts%}
{%renderer%}
</footer>
</body>
</html>
""".replace("{icon}", ICON)


class Control(Record):
    """A slider with a field beside it, for one part of a link.

    Parameters
    ----------
    key : str
        Its name in a link.
    group : str
        The id of what holds it.
    label, unit : str
    low, high : float
    log, whole : bool
    greatest : bool
        Whether its free end is the right one.
    none : str
        What the free end is called, where links don't name it.
    steps : int
        Places of the slider.
    positive : bool
        Whether its values must lie above 0.
    """

    key: str
    group: str
    label: str
    unit: str
    low: float
    high: float
    log: bool = False
    whole: bool = False
    greatest: bool = True
    none: str = "no limit"
    steps: int = STEPS
    positive: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return it as the script in the page takes it."""
        return {name: getattr(self, name) for name in self.field_names}


def controls_of(source: Source) -> list[Control]:
    """Return the sliders of a page: budgets, weights, and what else has one."""
    choices = source.kind == "choices"
    found = [
        Control(
            one.keyword, "budgets", one.label, one.unit, one.low, one.high, log=one.log,
            whole=one.whole, greatest=one.greatest, positive=not choices,
        )
        for one in source.sliders
    ]  # fmt: skip
    for goal in source.weights:  # of choices the least weighted sum is looked for
        low, high = (0.0, MOST_WEIGHT) if goal.greatest or choices else (-MOST_WEIGHT, 0.0)
        found.append(
            Control(
                WEIGHT + goal.name, "weights", goal.label, "", low, high,
                greatest=high == 0.0, none="none", steps=30,
            )
        )  # fmt: skip
    if source.confidences:
        low, high = min(source.confidences), max(source.confidences)
        steps = round(100 * (high - low))
        found.append(
            Control(
                "confidence", "certainty", "confidence of costs", "", low, high, greatest=False,
                none="off", steps=steps,
            )
        )  # fmt: skip
    if source.coarser:
        found.append(
            Control(
                "epsilon", "coarse", "epsilon of the front", "", *EPSILONS, log=True,
                greatest=False, none="exact", steps=40,
            )
        )  # fmt: skip
    return found


def weights_of(source: Source) -> dict[str, float]:
    """Return the weights that stand where a link names none."""
    if source.start.objective:
        return dict(source.start.objective)
    return {source.weights[0].name: 1} if source.weights else {}


def settings_of(source: Source) -> dict[str, Any]:
    """Return what the script in the page knows of it."""
    return {
        "scales": [one.to_dict() for one in controls_of(source)],
        "weights": {WEIGHT + name: str(value) for name, value in weights_of(source).items()},
        "fronts": _fronts(source),
        "targets": list(source.targets),
        "query": source.start.to_query(),
    }


def _fronts(source: Source) -> list[str]:
    return [*source.start.front] or [one.name for one in source.goals[: source.first]]


def _attributes(given: dict[str, str]) -> dict[str, Any]:
    """Return attributes whose names Python cannot write."""
    return {**given}


def layout_of(source: Source) -> Any:
    """Return the page."""
    from dash import dcc, html

    stores = ("settings", "load", "go", "ask-picture", "pictured", "ask-front", "drawn", "wrong")
    data = {"settings": settings_of(source)}
    return html.Div(
        [
            html.A("Skip to the answer", href="#answers", className="skip"),
            _head(source),
            html.Div(id="lost", role="alert", className="banner", hidden=True),
            html.Div(id="messages", role="alert", className="messages"),
            *[html.P(one, className="doubt") for one in source.notes],
            html.Div(
                [_controls(source), _main(source)],
                className="page",
            ),
            *[dcc.Store(id=name, data=data.get(name)) for name in stores],
            dcc.Download(id="file"),
        ],
        className="flash",
    )


def _head(source: Source) -> Any:
    from dash import html

    exports = [
        html.Button(text, id={"type": "export", "what": name}, n_clicks=0, className="item")
        for name, text in (*source.exports, *pictures_of(source))
    ]
    return html.Header(
        [
            html.Div([html.Span("flash", className="brand"), html.H1(source.title)]),
            html.Div(
                [
                    html.Span(id="copied", role="status", className="copied"),
                    *[
                        html.Button(
                            f"Copy {said}", className="quiet", **_attributes({"data-copy": name})
                        )
                        for name, said in COPIED.items()
                    ],
                    html.Details(
                        [html.Summary("Save as"), html.Div(exports, className="menu")],
                        className="saves",
                        id="saves",
                    ),
                ],
                className="actions",
            ),
        ]
    )


def _controls(source: Source) -> Any:
    """Return the places of the sliders, which the script in the page makes: they are the browser's
    own, and dash need not know how they stand."""
    from dash import html

    parts = [html.H2("Budgets"), html.Div(id="budgets")]
    if source.weights:
        said = (
            "What is to be least: a weighted sum."
            if source.kind == "choices"
            else "What is best: a product of powers. What is better low has a weight below 0."
        )
        parts.append(_fold("Objective", [html.P(said, className="note"), html.Div(id="weights")]))
    more: list[Any] = []
    if source.confidences:
        more.append(html.Div(id="certainty"))
    if source.codesign:
        more.append(_chips("codesign", "Accelerator", [("1", "choose the accelerator too")], ()))
    if source.conditional:
        more.append(html.Div(id="condition", className="field"))
    if more:
        parts.append(_fold("Certainty and conditions", more))
    facts = [
        html.Div([html.Dt(name), html.Dd(value)], className="fact") for name, value in source.facts
    ]
    parts.append(_fold("What is explored", [html.Dl(facts, className="facts")]))
    return html.Aside(parts, className="controls", **_attributes({"aria-label": "What is asked"}))


def _fold(title: str, parts: list[Any]) -> Any:
    from dash import html

    return html.Details([html.Summary(html.H2(title)), *parts], className="fold")


def _main(source: Source) -> Any:
    from dash import html

    single = len(source.targets) == 1
    return html.Main(
        [
            html.Section(
                [_card(source, number, name) for number, name in enumerate(source.targets)],
                className=f"answers of-{min(len(source.targets), 4)}",
                id="answers",
                tabIndex=-1,
                **_attributes({"aria-label": "Answers"}),
            ),
            _front(source),
            _network(source),
            html.Section(
                [
                    html.H2("The same elsewhere"),
                    *[
                        html.Div(
                            [
                                html.P(said, className="note"),
                                html.Pre(
                                    id=name,
                                    tabIndex=0,
                                    role="group",
                                    **_attributes({"aria-label": said}),
                                ),
                            ]
                        )
                        for name, said in (("command", "In a shell"), ("python", "In Python"))
                    ],
                ],
                className="panel elsewhere",
                id="elsewhere",
            ),
        ],
        className="single" if single else "several",
    )


def _card(source: Source, number: int, name: str) -> Any:
    from dash import html

    title = name or source.title
    about = dict(source.facts).get(name, "")
    return html.Article(
        [
            html.Div(
                [
                    html.H2(title),
                    html.Span(about, className="note about", title=about),
                    html.Span(id=f"status-{number}", className="badge"),
                ],
                className="top",
            ),
            html.P(id=f"headline-{number}", className="headline", role="status"),
            html.Table(
                [
                    html.Caption(f"What it costs: {title}", className="hidden"),
                    html.Tbody(id=f"measures-{number}"),
                ],
                className="measures",
            ),
            html.P(id=f"proof-{number}", className="note"),
            html.Div(id=f"reasons-{number}", className="reasons"),
        ],
        className="panel card",
        id=f"card-{number}",
    )


COPIED = {"link": "link", "command": "command", "python": "Python"}
VIEWS = [("drawing", "drawing"), ("layers", "time and energy of its layers")]
GRAPH: Any = {"displaylogo": False, "displayModeBar": False, "responsive": True, "showTips": False}


def _chips(
    name: str, said: str, options: Sequence[tuple[str, str]], chosen: Sequence[str],
    single: bool = False, most: int | None = None,
) -> Any:  # fmt: skip
    """Return choices as buttons that stay pressed; single: one of them is."""
    from dash import html

    buttons = [
        html.Button(text, className="chip", **_attributes(
            {"data-value": value, "aria-pressed": str(value in chosen).lower()}
        ))
        for value, text in options
    ]  # fmt: skip
    kind = {"data-single": "1"} if single else {}
    if most is not None:
        kind["data-most"] = str(most)
    return html.Div(buttons, id=name, className="chips", role="group",
                    **_attributes({"aria-label": said, **kind}))  # fmt: skip


def _graph(name: str, *over: Any) -> Any:
    from dash import dcc, html

    graph = dcc.Graph(id=name, figure=nothing(""), config=GRAPH, responsive=True)
    return html.Div([graph, *over], className="graph")


def _front(source: Source) -> Any:
    from dash import dcc, html

    targets = [(one, one or source.title) for one in source.targets]
    goals = [(one.name, one.label) for one in source.goals]
    return html.Section(
        [
            html.H2("Every trade-off"),
            html.Div(
                _chips("target", "The front on", targets, source.targets[:1], single=True),
                hidden=len(targets) < 2,
            ),
            _chips("fronts", "Two or three objectives", goals, _fronts(source), most=3),
            _graph(
                "front",
                *[
                    html.Div(
                        id=name,
                        hidden=True,
                        className="over",
                        **_attributes({"aria-hidden": "true"}),
                    )
                    for name in ("limit-x", "limit-y", "here")
                ],
            ),
            html.P(id="front-said", className="note", role="status"),
            html.Div(id="front-offers", className="offers"),
            html.Div(
                [
                    html.Label("Along the front", htmlFor="along-place"),
                    html.Div(
                        dcc.Input(
                            id="along-place",
                            type="range",
                            min=0,
                            max=1,
                            step=1,
                            value=0,
                            disabled=True,
                        )
                    ),
                    html.Button("Go there", id="along-go", className="quiet", disabled=True),
                    html.Span(id="along-said", className="note", role="status"),
                ],
                className="along",
            ),
            *([html.Div(id="coarse")] if source.coarser else []),
        ],
        className="panel front",
        **_attributes({"aria-label": "Every trade-off"}),
    )


def _network(source: Source) -> Any:
    from dash import html

    said = "The network" if source.kind != "choices" else "What is chosen"
    return html.Section(
        [
            html.H2(said),
            html.Div(
                [
                    _chips("view", "What is drawn", VIEWS, ["drawing"], single=True),
                    _graph("drawing"),
                    html.P(id="drawing-said", className="note"),
                ],
                hidden=not has_drawing(source),
            ),
            html.Div(
                id="parts",
                className="parts",
                tabIndex=0,
                role="group",
                **_attributes({"aria-label": said}),
            ),
        ],
        className="panel network",
    )


def has_drawing(source: Source) -> bool:
    """Return whether answers are networks, which can be drawn."""
    return any(name == "onnx" for name, _ in source.exports)


def pictures_of(source: Source) -> list[tuple[str, str]]:
    """Return the pictures that a page saves: names, and what they are."""
    some = [("front", "the front")] if source.goals else []
    some += [("network", "the drawing of the network")] if has_drawing(source) else []
    return [
        (f"{name}-{kind}", f"{what} as a picture ({kind.upper()})")
        for name, what in some
        for kind in ("svg", "png")
    ]
