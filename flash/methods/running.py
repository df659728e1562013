"""search() by a method of another paper: prepare its task, run it, prove how good its answer is."""

from __future__ import annotations

from time import perf_counter

import numpy as np

from .._objective import as_objective, read_budgets
from .._validate import choice, integer, number, shown
from ..errors import ArgumentError, ArgumentTypeError
from ..evaluators import as_evaluator
from ..hardware import as_target
from ..network_space import HOMES, NetworkSpace, network_space
from ..predictor import as_predictor
from ..problem import as_space
from ..spaces import SearchSpace
from . import METHODS, module_of, options_for
from ._ground import ground_of
from ._journal import Journal
from ._outcome import outcome
from ._task import Stop, Task

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from ..evaluators import Evaluator
    from ..result import SearchResult

__all__ = ["any_space", "search_by", "unfit"]

INF = float("inf")


def any_space(value: Any) -> SearchSpace | NetworkSpace:
    """Return a space of either kind from what users pass."""
    if isinstance(value, NetworkSpace):
        return value
    if isinstance(value, str) and value in HOMES:
        return network_space(value)
    return as_space(value)


def unfit(method: str, space: Any, evaluator: Evaluator) -> str | None:
    """Return why a method cannot search a space with an evaluator, or None where it can."""
    why = evaluator.unfit(space)
    if why is not None:
        return why
    asked = getattr(module_of(method), "unfit", None)
    return None if asked is None else asked(space, evaluator)


def search_by(
    method: str,
    space: Any,
    target: Any,
    budgets: tuple[Any, ...],
    *,
    min_accuracy: Any = None,
    predictor: Any = None,
    objective: Any = "accuracy",
    compile_objective: bool | None = None,
    certify: bool = True,
    evaluator: Any = None,
    options: Mapping[str, Any] | None = None,
    journal: Any = None,
    seed: int = 0,
    time_limit_s: float | None = None,
    max_evals: int | None = None,
    callback: Callable[[Any], Any] | None = None,
    progress: bool = False,
) -> SearchResult:
    """Search by a method: the arguments are those of `flash.search`, one target."""
    started = perf_counter()
    choice("method", method, METHODS)
    space = any_space(space)
    target = as_target(target)
    family = space.family
    predictor = as_predictor(predictor, family)
    judge = as_evaluator(evaluator, predictor)
    predictor = getattr(judge, "predictor", None)  # also where it came as an evaluator
    why = unfit(method, space, judge)
    if why is not None:
        raise ArgumentError(why)
    given, limits = read_budgets(budgets, target)
    least = -INF
    if min_accuracy is not None:
        least = float(number("min_accuracy", min_accuracy, above=0.0, high=1.0))
        if judge.score != "accuracy":
            raise ArgumentError(
                "min_accuracy needs a predictor or an evaluator of accuracies: without one the "
                "score is NN-Degree, no accuracy"
            )
        given["min_accuracy"] = least
    wanted = as_objective(objective, target, predictor, compile_objective)
    if wanted.function is not None:
        raise ArgumentError("an objective function is searched by method 'shgo' only")
    for name, flag in (("certify", certify), ("progress", progress)):
        if flag is not True and flag is not False:
            raise ArgumentTypeError(f"{name} must be True or False, got {shown(flag)}")
    seed = integer("seed", seed, 0, 2**64 - 1)
    limit_s = INF if time_limit_s is None else number("time_limit_s", time_limit_s, above=0.0)
    evals = None if max_evals is None else integer("max_evals", max_evals, 1, 2**62)
    if callback is not None and not callable(callback):
        raise ArgumentTypeError(f"callback must be callable, got {type(callback).__name__}")
    settings = options_for(method, options)
    usual = evals
    if evals is None and limit_s == INF and not METHODS[method].ends:
        usual = judge.usual_evals
    ground = ground_of(space, target, predictor, getattr(judge, "of_network", None))
    kept = None
    if journal is not None:
        kept = Journal(journal, {"space": space.to_dict(), **judge.facts()})
    tell = _teller(callback, progress, started)
    task = Task(
        ground,
        judge,
        wanted,
        limits,
        least,
        predictor,
        seed=seed,
        options=settings,
        max_evals=usual,
        ends_at=started + limit_s,
        notify=tell,
        journal=kept,
    )
    stopped: str | None = None
    try:
        with np.errstate(over="ignore", under="ignore"):
            module_of(method).run(task)
    except Stop as stop:
        stopped = None if stop.why == "max_evals" and evals is None else stop.why
    except KeyboardInterrupt:
        stopped = "interrupt"
    except Exception as error:
        if kept is not None:
            error.add_note(
                f"{len(kept)} evaluations are kept in {kept.path!r}; "
                "the same call with this journal goes on from there"
            )
        raise
    if progress:
        import sys

        print(file=sys.stderr)
    return outcome(task, given, limits, method, seed, stopped, certify, started)


def _teller(
    callback: Callable[[Any], Any] | None, progress: bool, started: float
) -> Callable[[float | None, int], bool] | None:
    """Return what a task notifies, or None where nobody listens."""
    if callback is None and not progress:
        return None
    from ..solver import Event

    next_line_s = 0.0

    def tell(objective: float | None, nfev: int) -> bool:
        nonlocal next_line_s
        event = Event(objective, None, nfev, perf_counter() - started)
        if progress and event.elapsed_s >= next_line_s:
            import sys

            next_line_s = event.elapsed_s + 0.1
            print(f"\r{event}", end="", file=sys.stderr, flush=True)
        return callback is not None and callback(event) is True

    return tell
