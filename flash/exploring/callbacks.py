"""What the page asks, and what it is told: dash's callbacks.

Three questions go out, each in a lane of its own (`assets/explore.js`): the numbers at every drag,
as few and as small as can be; why they are no better, and the drawings, a moment later; the front,
only where another one is to be drawn. Whatever fails becomes a message in the page.
"""

from __future__ import annotations

from ..errors import FlashError
from .page import all_controls, table_of
from .pictures import drawing_of, front_figure, front_key, nothing
from .state import State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from .shown import Answer, Change, Explained, FrontView, Measure
    from .source import Source

__all__ = ["connect"]

SAID = {
    "OPTIMAL": "proven optimal",
    "FEASIBLE": "found, not proven",
    "INFEASIBLE": "nothing fits",
    "NOT_FOUND": "not found",
    "TIME_LIMIT": "out of time",
    "ERROR": "refused",
}
FAULT = "That failed, and the fault is in flash: {}. The log has more; all else goes on."


def connect(app: Any, source: Source) -> None:
    """Register the callbacks of a page."""
    _clientside(app, source)
    _answers(app, source)
    _reasons(app, source)
    _fronts(app, source)
    _exports(app, source)


def said_of(error: BaseException) -> str:
    """Return what the page says of an error; the log has what a maintainer needs."""
    import logging

    if isinstance(error, FlashError):
        return str(error)
    logging.getLogger("flash.exploring").error("a callback failed", exc_info=error)
    return FAULT.format(f"{type(error).__name__}: {error}")


def _clientside(app: Any, source: Source) -> None:
    from dash import ClientsideFunction, Input, Output
    from dash import State as Held

    count = len(all_controls(source))
    places = [("place-%d" % i, "value") for i in range(count)]
    texts = [("limit-%d" % i, "value") for i in range(count)]
    others = [("codesign", "value"), ("fronts", "value"), ("target", "value"), ("where", "value")]
    own = [*places, *texts, *others]
    app.clientside_callback(
        ClientsideFunction("explore", "collect"),
        [Output(*one) for one in own],
        Input("load", "data"),
        [Input(*one) for one in own],
        Held("settings", "data"),
    )
    for store in ("told", "reasoned", "drawn"):
        app.clientside_callback(
            ClientsideFunction("explore", store),
            Input(store, "data"),
        )


def _state_of(source: Source, query: str) -> tuple[State, list[str]]:
    read, unread = State.from_query(query)
    state, wrong = source.checked(read)
    return state, [*unread, *wrong]


# The numbers


def _answers(app: Any, source: Source) -> None:
    from dash import Input, Output, no_update
    from dash.exceptions import PreventUpdate

    cards = range(len(source.targets))
    kinds = [
        ("status", "children"),
        ("status", "className"),
        ("headline", "children"),
        ("measures", "children"),
        ("proof", "children"),
    ]
    outputs = [Output(f"{name}-{i}", what) for i in cards for name, what in kinds]

    @app.callback(
        *outputs,
        Output("messages", "children"),
        Output("told", "data"),
        Input("ask-answer", "data"),
        prevent_initial_call=True,
    )  # type: ignore[untyped-decorator]
    def answered(asked: dict[str, Any]) -> list[Any]:
        if not asked:
            raise PreventUpdate
        told = {"n": asked["n"], "query": asked["query"], "here": None}
        try:
            state, wrong = _state_of(source, asked["query"])
            answers = source.answer(state, asked["n"])
        except Exception as error:
            told["failed"] = True
            return [no_update] * len(outputs) + [_messages([said_of(error)]), told]
        told["query"] = state.to_query()
        told["here"] = _here(source, state, answers)
        shown = [one for answer in answers for one in _card(answer)]
        return [*shown, _messages(wrong), told]


def _card(answer: Answer) -> list[Any]:
    status = answer.status if answer.status in SAID else "ERROR"
    return [
        SAID[status],
        f"badge {status.lower()}",
        answer.headline or answer.error,
        [_measure(one) for one in answer.measures],
        answer.error if answer.headline else answer.proof,
    ]


def _measure(one: Measure) -> Any:
    from dash import html

    used: list[Any] = []
    if one.share is not None:
        full = min(max(one.share, 0.0), 100.0)
        used = [
            html.Span(
                html.Span(style={"width": f"{full:.1f}%"}, className="full"), className="bar"
            ),
            html.Span(f"{one.share:.1f} %", className="share"),
        ]
    return html.Tr(
        [
            html.Th(one.label, scope="row"),
            html.Td(one.text, className="number"),
            html.Td(one.interval_text, className="interval"),
            html.Td(one.limit_text, className="limit"),
            html.Td(used, className="used"),
        ]
    )


def _messages(texts: Sequence[str]) -> list[Any]:
    from dash import html

    return [html.P(one, className="message") for one in texts]


def _here(source: Source, state: State, answers: Sequence[Answer]) -> list[float] | None:
    """Return where the answer stands on the front: its second objective, then its first."""
    names = state.front or tuple(one.name for one in source.goals[:2])
    for answer in answers:
        if answer.target == (state.target or source.targets[0]) and answer.found:
            values = {one.name: one.value for one in answer.measures}
            if values.get("accuracy") is None and "nn_degree" in values:
                values["accuracy"] = values["nn_degree"]
            if all(values.get(name) is not None for name in names[:2]):
                return [float(values[names[1]]), float(values[names[0]])]  # type: ignore[arg-type]
    return None


# Why


def _reasons(app: Any, source: Source) -> None:
    from dash import Input, Output, no_update
    from dash.exceptions import PreventUpdate

    outputs = [Output(f"reasons-{i}", "children") for i in range(len(source.targets))]
    further = [Output("drawing", "figure"), Output("parts", "children")]
    further += [Output("command", "children"), Output("python", "children")]

    @app.callback(
        *outputs,
        *further,
        Output("reasoned", "data"),
        Input("ask-reasons", "data"),
        prevent_initial_call=True,
    )  # type: ignore[untyped-decorator]
    def reasoned(asked: dict[str, Any]) -> list[Any]:
        if not asked:
            raise PreventUpdate
        done = {"n": asked["n"]}
        try:
            state, _ = _state_of(source, asked["query"])
            answers = source.answer(state, asked["n"])
            explained = source.explain(state, asked["n"])
            own = _own_answer(source, state, answers)
            figure = drawing_of(own.result) if own.found else nothing(own.headline or own.error)
            return [
                *[_explained(one) for one in explained],
                figure,
                [table_of(part) for part in own.parts],
                source.command(state),
                source.python(state),
                done,
            ]
        except Exception as error:
            said = _messages([said_of(error)])
            rest = len(outputs) + len(further) - 1
            return [said, *[no_update] * rest, done]


def _own_answer(source: Source, state: State, answers: Sequence[Answer]) -> Answer:
    """Return the answer on the target that is looked at."""
    name = state.target or source.targets[0]
    return next(one for one in answers if one.target == name)


def _explained(one: Explained) -> list[Any]:
    from dash import html

    parts: list[Any] = []
    if one.conflicts:
        parts.append(html.H3("Why nothing fits"))
        parts.append(html.Ul([html.Li(text) for text in one.conflicts]))
    if one.changes:
        parts.append(html.H3("What would do"))
        parts += [_button(change) for change in one.changes]
    if one.binds:
        parts.append(html.H3("What binds"))
        for bound in one.binds:
            parts.append(
                html.Div(
                    [
                        html.P(bound.text),
                        html.Button(
                            "Lift it",
                            className="quiet",
                            **{
                                "data-query": bound.free.to_query(),
                                "aria-label": f"Lift {bound.keyword}",
                            },
                        ),
                    ],
                    className="binds",
                )
            )
    elif not one.conflicts and one.message:
        parts.append(html.P(one.message, className="note"))
    parts += [html.P(text, className="flag") for text in one.flags]
    return parts


def _button(change: Change) -> Any:
    from dash import html

    return html.Button(
        change.text, className="remedy", **{"data-query": change.state.to_query()}
    )


# The front


def _fronts(app: Any, source: Source) -> None:
    from dash import Input, Output, ctx, no_update
    from dash import State as Held
    from dash.exceptions import PreventUpdate

    kept: dict[str, FrontView] = {}

    @app.callback(
        Output("front", "figure"),
        Output("front-said", "children"),
        Output("front-offers", "children"),
        Output("along", "max"),
        Output("drawn", "data"),
        Input("ask-front", "data"),
        prevent_initial_call=True,
    )  # type: ignore[untyped-decorator]
    def drawn(asked: dict[str, Any]) -> list[Any]:
        if not asked:
            raise PreventUpdate
        done: dict[str, Any] = {"n": asked["n"], "key": None}
        try:
            state, _ = _state_of(source, asked["query"])
            view = source.front(state, asked["n"])
            kept["last"] = view
            key = front_key(view)
            if key == asked.get("key"):
                return [no_update, no_update, no_update, no_update, done]
            done["key"] = key
            said = view.error or view.message
            offers = [_button(one) for one in view.offers]
            most = max(len(view.places) - 1, 0)
            return [front_figure(view), said, offers, most, done]
        except Exception as error:
            return [nothing(""), said_of(error), [], no_update, done]

    @app.callback(
        Output("along-said", "children"),
        Input("along", "value"),
        Input("drawn", "data"),
        prevent_initial_call=True,
    )  # type: ignore[untyped-decorator]
    def along(value: Any, _: Any) -> str:
        view = kept.get("last")
        if view is None or not view.places:
            return ""
        place = min(max(int(float(value or 0)), 0), len(view.places) - 1)
        number = f"{place + 1} of {len(view.places):,}"
        told = [
            f"{goal.label} {view.columns[goal.name][place]:.5g} {goal.unit}".strip()
            for goal in view.goals
        ]
        return f"{number}: {', '.join(told)}"

    @app.callback(
        Output("load", "data"),
        Output("messages", "children", allow_duplicate=True),
        Input("front", "clickData"),
        Input("along-go", "n_clicks"),
        Held("along", "value"),
        Held("told", "data"),
        prevent_initial_call=True,
    )  # type: ignore[untyped-decorator]
    def gone(click: Any, clicks: int, value: Any, told: dict[str, Any] | None) -> list[Any]:
        try:
            state, _ = _state_of(source, (told or {}).get("query", ""))
            if ctx.triggered_id == "along-go":
                view = source.front(state)
                place = view.places[min(int(float(value or 0)), len(view.places) - 1)]
            else:
                place = click["points"][0].get("customdata")
                if place is None:
                    return [no_update, no_update]
                place = place[0] if isinstance(place, list) else place
            there = source.go(state, int(place))
            return [{"query": there.to_query(), "t": clicks}, []]
        except Exception as error:
            return [no_update, _messages([said_of(error)])]


# Files


def _exports(app: Any, source: Source) -> None:
    from dash import ALL, Input, Output, ctx, no_update
    from dash import State as Held

    @app.callback(
        Output("file", "data"),
        Output("messages", "children", allow_duplicate=True),
        Input({"type": "export", "what": ALL}, "n_clicks"),
        Held("told", "data"),
        prevent_initial_call=True,
    )  # type: ignore[untyped-decorator]
    def exported(clicks: list[int], told: dict[str, Any] | None) -> list[Any]:
        from base64 import b64encode

        if not any(clicks):
            return [no_update, no_update]
        try:
            state, _ = _state_of(source, (told or {}).get("query", ""))
            file = source.export(state, ctx.triggered_id["what"])
        except Exception as error:
            return [no_update, _messages([said_of(error)])]
        data = {
            "content": b64encode(file.data).decode(),
            "filename": file.name,
            "type": file.media,
            "base64": True,
        }
        return [data, []]
