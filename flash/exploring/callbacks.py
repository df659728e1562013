"""What the page asks, and what it is told: dash's callbacks.

Four questions go out, each in a lane of its own (`assets/explore.js`): the numbers at every drag,
as few and as small as can be; what they look like, and why they are no better, a moment later; the
front, only where another one is to be drawn. Whatever fails becomes a message in the page.
"""

from __future__ import annotations

from ..errors import FlashError
from .page import pictures_of
from .pictures import (
    drawing_of,
    front_figure,
    front_key,
    layers_of,
    limits_of,
    nothing,
    picture_of,
    whole_of,
)
from .state import State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from .shown import Answer, Change, Explained, Measure
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
    _clientside(app)
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


def _clientside(app: Any) -> None:
    from dash import ClientsideFunction, Input

    stores = {"settings": "boot"}
    stores |= dict.fromkeys(("load", "pictured", "drawn", "wrong"), "")
    for store, function in stores.items():
        own = ClientsideFunction("explore", function or store)
        app.clientside_callback(own, Input(store, "data"))


def _asked() -> tuple[int, str]:
    """Return the number of a question and its query, as the script in the page posts them."""
    from flask import abort, request

    asked = request.get_json()
    if not isinstance(asked, dict):
        abort(400)
    number, query = asked.get("n"), asked.get("query")
    if not isinstance(number, int) or not isinstance(query, str):
        abort(400)
    return number, query


def _state_of(source: Source, query: str) -> tuple[State, list[str]]:
    read, unread = State.from_query(query)
    state, wrong = source.checked(read)
    return state, [*unread, *wrong]


# The numbers


def _answers(app: Any, source: Source) -> None:
    @app.server.post("/answer")  # type: ignore[untyped-decorator]
    def answered() -> dict[str, Any]:
        number, query = _asked()
        told: dict[str, Any] = {"n": number, "query": query}
        try:
            state, wrong = _state_of(source, query)
            answers = source.answer(state, number)
            own = _own_answer(source, state, answers)
            return {
                **told,
                "query": state.to_query(),
                "here": _here(source, state, own),
                "limits": limits_of(source, state),
                "front": whole_of(source, state).to_query(),
                "cards": [_card(one) for one in answers],
                "parts": list(own.parts),
                "messages": wrong,
            }
        except Exception as error:
            return {**told, "messages": [said_of(error)]}


def _card(answer: Answer) -> dict[str, Any]:
    """Return what is told of an answer, as the script in the page shows it."""
    status = answer.status if answer.status in SAID else "ERROR"
    return {
        "status": SAID[status],
        "kind": status.lower(),
        "headline": answer.headline or "Not accepted",
        "proof": answer.error or answer.proof,
        "measures": [_measure(one) for one in answer.measures],
    }


def _measure(one: Measure) -> list[Any]:
    of = one.limit_text if one.share is None else f"{one.share:.1f} % {one.limit_text}"
    return [one.label, one.text, one.interval_text, of, one.share]


def _here(source: Source, state: State, answer: Answer) -> list[float] | None:
    """Return where an answer stands on the front: its second objective, then its first."""
    names = state.front or tuple(one.name for one in source.goals[: source.first])
    values = {one.name: one.value for one in answer.measures}
    if values.get("accuracy") is None:
        values["accuracy"] = values.get("nn_degree")
    place = [values.get(name) for name in names[1::-1]]
    return None if not answer.found or None in place or len(place) < 2 else place  # type: ignore[return-value]


def _own_answer(source: Source, state: State, answers: Sequence[Answer]) -> Answer:
    """Return the answer on the target that is looked at."""
    name = state.target or source.targets[0]
    return next(one for one in answers if one.target == name)


# Why


def _reasons(app: Any, source: Source) -> None:
    from dash import Input, Output, no_update
    from dash.exceptions import PreventUpdate

    @app.callback(
        Output("drawing", "figure"),
        Output("pictured", "data"),
        Input("ask-picture", "data"),
        prevent_initial_call=True,
    )  # type: ignore[untyped-decorator]
    def pictured(asked: dict[str, Any]) -> list[Any]:
        if not asked:
            raise PreventUpdate
        done: dict[str, Any] = {"n": asked["n"]}
        try:
            state, _ = _state_of(source, asked["query"])
            own = _own_answer(source, state, source.answer(state, asked["n"]))
            done["command"], done["python"] = source.command(state), source.python(state)
            figure, said = _drawn(source, state, own, asked.get("view"))
            return [figure, {**done, "said": said}]
        except Exception as error:
            return [no_update, {**done, "messages": [said_of(error)]}]

    @app.server.post("/reasons")  # type: ignore[untyped-decorator]
    def reasoned() -> dict[str, Any]:
        number, query = _asked()
        try:
            state, _ = _state_of(source, query)
            cards = [_explained(one) for one in source.explain(state, number)]
            return {"n": number, "cards": cards}
        except Exception as error:
            return {"n": number, "messages": [said_of(error)]}


def _drawn(source: Source, state: State, own: Answer, view: Any) -> tuple[dict[str, Any], str]:
    """Return the drawing of the network that is looked at, or of its layers' costs."""
    if not own.found:
        return nothing(own.headline or "not drawn: see above"), ""
    if view == "layers":
        cost = source.costs(state)[source.targets.index(own.target)]
        return layers_of(cost) or (nothing("no costs layer by layer"), "")
    return drawing_of(own.result, len(source.targets) == 1) or (nothing(""), "")


def _explained(one: Explained) -> dict[str, Any]:
    return {
        "conflicts": list(one.conflicts),
        "changes": _changes(one.changes),
        "binds": [[bound.text, bound.free.to_query(), bound.keyword] for bound in one.binds],
        "message": one.message,
        "flags": list(one.flags),
    }


def _changes(some: Sequence[Change]) -> list[list[str]]:
    return [[one.text, one.state.to_query()] for one in some]


# The front


def _fronts(app: Any, source: Source) -> None:
    from dash import Input, Output, ctx, no_update
    from dash import State as Held
    from dash.exceptions import PreventUpdate

    @app.callback(
        Output("front", "figure"),
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
            view = source.front(whole_of(source, state), asked["n"])
            key = front_key(view)
            if key == asked.get("key"):
                return [no_update, done]
            done |= {"key": key, "said": view.error or view.message}
            done["offers"] = _changes(view.offers)
            figure = front_figure(view)
            figure["layout"]["meta"] = key  # by which the page knows that it is drawn
            return [figure, done]
        except Exception as error:
            done |= {"key": "", "said": said_of(error), "offers": []}
            return [nothing("no front"), done]

    @app.callback(
        Output("load", "data"),
        Output("wrong", "data", allow_duplicate=True),
        Input("front", "clickData"),
        Input("go", "data"),
        Held("ask-front", "data"),
        prevent_initial_call=True,
    )  # type: ignore[untyped-decorator]
    def gone(click: Any, go: Any, asked: dict[str, Any] | None) -> list[Any]:
        try:
            if ctx.triggered_id == "go":
                place = (go or {}).get("key")
            else:
                place = click["points"][0].get("customdata")
            place = place[0] if isinstance(place, list) else place
            if place is None or not asked:
                return [no_update, no_update]
            state, _ = _state_of(source, asked["query"])
            there = source.go(whole_of(source, state), int(place))
            return [{"query": there.to_query(), "n": asked["n"]}, []]
        except Exception as error:
            return [no_update, [said_of(error)]]


# Files


def _exports(app: Any, source: Source) -> None:
    from dash import ALL, Input, Output, ctx, no_update
    from dash import State as Held

    @app.callback(
        Output("file", "data"),
        Output("wrong", "data", allow_duplicate=True),
        Input({"type": "export", "what": ALL}, "n_clicks"),
        Held("ask-picture", "data"),
        prevent_initial_call=True,
    )  # type: ignore[untyped-decorator]
    def exported(clicks: list[int], asked: dict[str, Any] | None) -> list[Any]:
        from base64 import b64encode

        if not any(clicks):
            return [no_update, no_update]
        try:
            state, _ = _state_of(source, (asked or {}).get("query", ""))
            button: Any = ctx.triggered_id
            what = button["what"]
            picture = what in dict(pictures_of(source))
            file = picture_of(source, state, what) if picture else source.export(state, what)
        except Exception as error:
            return [no_update, [said_of(error)]]
        data = {
            "content": b64encode(file.data).decode(),
            "filename": file.name,
            "type": file.media,
            "base64": True,
        }
        return [data, []]
