"""The explorer: a page of this machine, served until it is closed."""

from __future__ import annotations

from ..base.checks import flag, integer, is_list, items, public, real, shown, text
from ..base.extras import require
from ..base.record import Shown
from ..errors import ArgumentError, ArgumentTypeError
from .opening import opened
from .state import State

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence
    from types import TracebackType
    from typing import Any, Self

    from ..base.html import Part
    from ..choosing.front import ChoiceFront
    from ..choosing.problem import ChoiceProblem
    from ..fronts.front import ParetoFront
    from ..hardware.target import Target
    from ..predictors.predictor import AccuracyPredictor
    from ..spaces.space import SearchSpace
    from ..sweeps.result import SweepResult
    from .serving import Served
    from .source import Source

__all__ = ["Explorer", "explore", "started", "state_of"]

MOST = 100  # targets or conditions


@public
class Explorer(Shown):
    """A page that `flash.explore` serves: it ends with `close`, a ``with`` block, or the process.

    Attributes
    ----------
    address : str
        Of the page, with the state at its opening.
    title : str
        What is explored.
    """

    address: str
    title: str
    _source: Source
    _served: Served

    def __init__(self) -> None:
        raise ArgumentTypeError("an Explorer is made by flash.explore")

    @classmethod
    def _of(cls, source: Source, port: int | None) -> Self:
        from .serving import HOST, served

        self = cls.__new__(cls)
        self._source = source
        self._served = served(source, port)
        self.title = source.title
        query = source.start.to_query()
        self.address = f"http://{HOST}:{self._served.port}/" + (f"?{query}" if query else "")
        return self

    def _parts(self) -> list[Part]:
        from ..base.html import facts

        return [self.title, facts({"open at": self.address})]

    def wait(self) -> None:
        """Wait until the page is closed; Ctrl-C closes it and goes on as KeyboardInterrupt."""
        try:
            self._served.wait()
        finally:
            self.close()

    def close(self) -> None:
        """End the page; a second time does nothing."""
        self._served.close()
        self._source.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<flash.Explorer of {self.title}: {self.address}>"

    def _repr_html_(self) -> str:
        from html import escape

        link = escape(self.address)
        return (
            f'<div class="flash"><p>{escape(self.title)}: '
            f'<a href="{link}" target="_blank" rel="noopener">{link}</a></p></div>'
        )


@public
def explore(
    what: SearchSpace
    | ChoiceProblem
    | ParetoFront
    | ChoiceFront
    | SweepResult
    | str
    | os.PathLike[str]
    | Any,
    target: Target | str | os.PathLike[str] | Sequence[Target | str | os.PathLike[str]] = (),
    *,
    max_latency_ms: float | None = None,
    max_energy_mj: float | None = None,
    max_area_mm2: float | None = None,
    max_params: float | None = None,
    max_macs: float | None = None,
    max_memory_kib: float | None = None,
    max_weights_kib: float | None = None,
    min_accuracy: float | None = None,
    min_nn_degree: float | None = None,
    where: str | Sequence[str] | None = None,
    objective: str | Mapping[str, float] = "accuracy",
    confidence: float | None = None,
    codesign: bool = False,
    objectives: Sequence[str] = (),
    epsilon: float = 0.0,
    predictor: AccuracyPredictor | str | os.PathLike[str] | None = None,
    trained: Any = None,
    minimize: str | Sequence[str] | Mapping[str, Any] | None = None,
    maximize: str | Sequence[str] | Mapping[str, Any] | None = None,
    columns: Mapping[str, Any] | None = None,
    port: int | None = None,
    browser: bool = True,
) -> Explorer:
    """Serve a page on which budgets are moved and the proven answer follows.

    The page is this machine's alone (127.0.0.1), and loads nothing from elsewhere. See
    docs/howto/explore.md.

    Parameters
    ----------
    what : SearchSpace or BlockSpace, ChoiceProblem, ParetoFront, ChoiceFront, SweepResult, or str
        What is explored: a space goes with `target`. A name is that of a space, a path that of a
        space's file, of a table of choices, of the JSON of a problem or a front, or of the folder
        of a sweep.
    target : Target, or str or path, or a list of them
        Of a space; several stand side by side.
    max_latency_ms, max_energy_mj, max_area_mm2 : float, optional
        Budgets at the opening.
    max_params, max_macs, max_memory_kib, max_weights_kib : float, optional
    min_accuracy, min_nn_degree : float, optional
    where : str or list of str, optional
        Conditions at the opening.
    objective : str or dict
        "accuracy", or exponents of a weighted product, at the opening.
    confidence : float, optional
        At which budgets hold for the upper ends of the costs' intervals.
    codesign : bool
        Whether the accelerator is chosen too.
    objectives : list of str
        The two or three of the front that is shown.
    epsilon : float
        Of that front; 0 is exact.
    predictor : AccuracyPredictor, or str or path, optional
        Of a space.
    trained : optional
        Networks that are trained, shown beside the front: what `flash.suggest` takes.
    minimize, maximize : str, list of str, or dict, optional
        Of a problem of choices: the metrics of which less, or more, is better.
    columns : dict, optional
        Of a table of choices: what `ChoiceProblem.from_table` takes beside it.
    port : int, optional
        By default one that is free.
    browser : bool
        Whether the page is opened in the browser.

    Returns
    -------
    Explorer
        The page, served beside what follows: `Explorer.wait` waits for its end.

    Raises
    ------
    ArgumentError, ArgumentTypeError, FormatError, OSError
        If something is not accepted; a port that is taken.
    MissingExtraError
        If dash is not installed.
    """
    flag("browser", browser)
    if is_list(target):
        target = items("target", target, MOST)
    if port is not None:
        port = integer("port", port, 1, 65535)
    budgets = {
        "max_latency_ms": max_latency_ms,
        "max_energy_mj": max_energy_mj,
        "max_area_mm2": max_area_mm2,
        "max_params": max_params,
        "max_macs": max_macs,
        "max_memory_kib": max_memory_kib,
        "max_weights_kib": max_weights_kib,
        "min_accuracy": min_accuracy,
        "min_nn_degree": min_nn_degree,
    }
    start = state_of(
        budgets,
        where=where,
        objective=objective,
        confidence=confidence,
        codesign=codesign,
        objectives=objectives,
        epsilon=epsilon,
    )
    return started(
        what, target, predictor=predictor, trained=trained, minimize=minimize, maximize=maximize,
        columns=columns, start=start, port=port, browser=browser,
    )  # fmt: skip


def started(
    what: Any, target: Any, *, port: int | None = None, browser: bool = True, **more: Any
) -> Explorer:
    """Serve what `opened` opens."""
    require("the explorer", "explore", "dash")
    source = opened(what, target, **more)
    try:
        made = Explorer._of(source, port)
    except BaseException:
        source.close()
        raise
    if browser:
        import webbrowser

        webbrowser.open(made.address)
    return made


def state_of(
    budgets: Mapping[str, float | None],
    *,
    where: Any = None,
    objective: Any = "accuracy",
    confidence: Any = None,
    codesign: Any = False,
    objectives: Any = (),
    epsilon: Any = 0.0,
) -> State:
    """Return the state that keywords name; its source says whether it holds there.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        If one is not of its type.
    """
    some = [where] if isinstance(where, str) else [] if where is None else where
    if not is_list(some):
        raise ArgumentTypeError(f"where must be a condition or a list of them, got {shown(where)}")
    if isinstance(objectives, str) or not is_list(objectives):
        raise ArgumentTypeError(
            f"objectives must be a list of two or three names, got {shown(objectives)}"
        )
    return State(
        budgets={k: real(k, v) for k, v in budgets.items() if v is not None},
        objective=_weights(objective),
        confidence=None if confidence is None else real("confidence", confidence),
        codesign=flag("codesign", codesign),
        front=tuple(_written("objectives", one) for one in items("objectives", objectives, 4)),
        epsilon=real("epsilon", epsilon, 0.0),
        where=tuple(_written("where", one) for one in items("where", some, MOST)),
    )


def _written(name: str, value: Any) -> str:
    """Return a text that a link can hold."""
    found = text(name, value)
    try:
        found.encode()
    except UnicodeEncodeError:
        raise ArgumentError(f"{name} must be a text, got {shown(found)}") from None
    return found


def _weights(given: Any) -> dict[str, float]:
    objective: Any = given
    if isinstance(given, str):
        if given in ("accuracy", "nn_degree"):
            return {}
        objective = None
    if not hasattr(objective, "items") or "sum" in objective:
        raise ArgumentError(
            'objective must be "accuracy" or exponents of a weighted product, such as '
            f'{{"accuracy": 1, "latency_ms": -1}}, got {shown(given)}'
        )
    return {_written("objective", k): real(f"objective[{k!r}]", v) for k, v in objective.items()}
