"""pareto(): the exact trade-offs of a space on a target."""

from __future__ import annotations

from time import perf_counter

from ..base.checks import (
    choice,
    flag,
    integer,
    is_list,
    items,
    listener,
    number,
    public,
    shown,
    watched,
)
from ..base.names import COSTS, TERMS
from ..choosing.problem import ChoiceProblem, refuse_others
from ..errors import ArgumentError, ArgumentTypeError
from ..hardware.target import as_target
from ..predictors.predictor import as_predictor
from ..problem.compiling import MACS, PARAMS, as_space, compile_any
from ..problem.objective import read_budgets
from ..solving.stored import limit_params, stored_of
from .front import FrontEvent, ParetoFront

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence
    from typing import Any, Literal, overload

    from ..choosing.front import ChoiceEvent, ChoiceFront
    from ..hardware.target import Target
    from ..predictors.predictor import AccuracyPredictor
    from ..spaces.tabled import TabledSpace

__all__ = ["FrontEvent", "ParetoFront", "pareto"]

INF = float("inf")
OBJECTIVES = ("accuracy", "latency_ms")
WITHIN = "where, min_nn_degree, max_memory_kib and max_weights_kib"


if TYPE_CHECKING:

    @overload
    def pareto(
        space: TabledSpace | str | os.PathLike[str],
        target: Target | str | os.PathLike[str],
        objectives: Sequence[str] = ("accuracy", "latency_ms"),
        *,
        max_latency_ms: float | None = None,
        max_energy_mj: float | None = None,
        max_area_mm2: float | None = None,
        max_params: float | None = None,
        max_macs: float | None = None,
        max_memory_kib: float | None = None,
        max_weights_kib: float | None = None,
        min_accuracy: float | None = None,
        predictor: AccuracyPredictor | str | os.PathLike[str] | None = None,
        where: str | Sequence[str] | None = None,
        min_nn_degree: float | None = None,
        codesign: bool = False,
        epsilon: float = 0.0,
        time_limit_s: float | None = None,
        threads: int | None = None,
        callback: Callable[[FrontEvent], object] | None = None,
        progress: bool | Literal["auto"] = False,
    ) -> ParetoFront: ...

    @overload
    def pareto(
        problem: ChoiceProblem,
        /,
        *,
        minimize: Any = None,
        maximize: Any = None,
        where: str | Sequence[str] | None = None,
        time_limit_s: float | None = None,
        callback: Callable[[ChoiceEvent], object] | None = None,
        progress: bool | Literal["auto"] = False,
    ) -> ChoiceFront: ...


@public
def pareto(
    space: TabledSpace | str | os.PathLike[str] | ChoiceProblem,
    target: Target | str | os.PathLike[str] | None = None,
    objectives: Sequence[str] = OBJECTIVES,
    *,
    minimize: Any = None,
    maximize: Any = None,
    where: str | Sequence[str] | None = None,
    max_latency_ms: float | None = None,
    max_energy_mj: float | None = None,
    max_area_mm2: float | None = None,
    max_params: float | None = None,
    max_macs: float | None = None,
    max_memory_kib: float | None = None,
    max_weights_kib: float | None = None,
    min_accuracy: float | None = None,
    predictor: AccuracyPredictor | str | os.PathLike[str] | None = None,
    min_nn_degree: float | None = None,
    codesign: bool = False,
    epsilon: float = 0.0,
    time_limit_s: float | None = None,
    threads: int | None = None,
    callback: Callable[[Any], object] | None = None,
    progress: bool | Literal["auto"] = False,
) -> ParetoFront | ChoiceFront:
    """Find every trade-off between two to four objectives that no network of a space betters.

    Of a problem of choices: every trade-off between two or more sums and peaks that no answer
    betters, by `minimize`, `maximize` and `where`; the other arguments of a space are not its own.

    Parameters
    ----------
    space : SearchSpace, or str or path, or ChoiceProblem
    target : Target, or str or path
        Of a space.
    objectives : sequence of str, default ("accuracy", "latency_ms")
        Two to four of "accuracy", "latency_ms", "energy_mj", "area_mm2", "params" and "macs".
        Without a predictor "accuracy" means NN-Degree.
    minimize, maximize : list of str or dict, optional
        Of a problem of choices: objectives as `flash.choose` takes them, sums and peaks, two or
        more together: ``minimize=["loss", "latency_ms"]``.
    max_latency_ms, max_energy_mj, max_area_mm2, max_params, max_macs : float, optional
        Budgets, as for `search`: on objectives or on other costs.
    max_memory_kib, max_weights_kib : float, optional
        Budgets on what a network takes on any device, as for `search`; with one on memory, as with
        `where`, every point is a few exact searches. Without codesign.
    min_accuracy : float in (0, 1], optional
        Needs a predictor.
    predictor : AccuracyPredictor or path, optional
    where : str or list of str, optional
        Conditions beyond budgets, as `flash.search` takes them; every point is then a few exact
        searches. With neither codesign nor an epsilon. Of networks equal in all objectives any one
        is the point. Of a problem of choices as `flash.choose` takes them.
    min_nn_degree : float, optional
    codesign : bool, default False
        Whether the accelerator is open to choice too, where the target has a design space, and with
        it the bits of each cell, where the target has them (see docs/howto/codesign.md): nothing of
        all three together betters a point. Of points equal in every objective the one of lower
        latency, then energy and area, then higher accuracy is kept; of those equal in these too,
        the one of the accelerator looked at first.
    epsilon : float in [0, 1], default 0
        0: the exact front. Above: fewer points, and this guarantee: for every network within the
        budgets one of them has costs at most ``1 + epsilon`` times its own and an accuracy at most
        ``1 + epsilon`` times lower.
    time_limit_s : float, optional
        After it, and at Ctrl-C, the front is what was found, and not `complete`. What was found is
        still compared and sorted then: the search ends so much earlier.
    threads : int, optional
        Taken as by `sweep` and `evaluate`, and of no effect: a front is found on one thread, since
        what is compared next depends on what was kept before.
    callback : callable, optional
        Called now and then with a `FrontEvent`, of a problem of choices a `ChoiceEvent`; the search
        stops where it returns True.
    progress : bool or "auto", default False
        Show on standard error how far it is: with rich's bar on a terminal, where rich is
        installed, else with a line now and then. "auto": on a terminal alone, and not before the
        first second.

    Returns
    -------
    ParetoFront, or of a problem of choices a ChoiceFront

    Raises
    ------
    ArgumentError, ArgumentTypeError
        If an argument is not accepted; nothing was searched then.
    """
    if progress is not False:
        return _watched(locals())  # type: ignore[no-any-return]
    if isinstance(space, ChoiceProblem):
        of_a_space = {
            "target": target,
            "objectives": None if objectives is OBJECTIVES else objectives,
            "max_latency_ms": max_latency_ms,
            "max_energy_mj": max_energy_mj,
            "max_area_mm2": max_area_mm2,
            "max_params": max_params,
            "max_macs": max_macs,
            "max_memory_kib": max_memory_kib,
            "max_weights_kib": max_weights_kib,
            "min_accuracy": min_accuracy,
            "min_nn_degree": min_nn_degree,
            "predictor": predictor,
            "codesign": None if codesign is False else codesign,
            "epsilon": None if type(epsilon) is float and not epsilon else epsilon,
            "threads": threads,
        }
        refuse_others("pareto", of_a_space)
        from ..choosing.trade_offs import find_front

        return find_front(space, minimize, maximize, where, time_limit_s, callback)
    for name, given in (("minimize", minimize), ("maximize", maximize)):
        if given is not None:
            raise ArgumentError(
                f"{name} is for a flash.ChoiceProblem; a space takes objectives and max_... budgets"
            )
    if target is None:
        raise ArgumentTypeError("pareto() missing required argument: 'target'")
    started = perf_counter()
    space = as_space(space)
    if isinstance(target, (list, tuple)):
        raise ArgumentTypeError(
            f"target must be one, got {shown(target)}; a list is for flash.search"
        )
    target = as_target(target)
    predictor = as_predictor(predictor, space.family)
    goals = read_objectives(objectives, target)
    costs = (max_latency_ms, max_energy_mj, max_area_mm2, max_params, max_macs)
    stored = (max_memory_kib, max_weights_kib)
    budgets, limits, least = read_budgets(costs, min_accuracy, target, predictor is not None)
    epsilon = float(number("epsilon", epsilon, 0.0, 1.0))
    deadline = INF if time_limit_s is None else number("time_limit_s", time_limit_s, above=0.0)
    if threads is not None:
        integer("threads", threads, 1, 4096)
    listener("callback", callback)
    flag("codesign", codesign)
    own = stored_of(stored)
    if own and codesign:
        raise ArgumentError(f"codesign does not go with {WITHIN}")
    own = _with_memory(target, own, "codesign" if codesign else "epsilon" if epsilon else None)
    by_points = "max_memory_kib" in own or (
        "max_weights_kib" in own and (target.int8 or space.numbering is not None)
    )
    if where is not None or min_nn_degree is not None or by_points:
        from ..solving.within import UNASKED, Within
        from .within import find_within

        if codesign or epsilon:
            what = "codesign" if codesign else "epsilon"
            raise ArgumentError(f"{what} does not go with {WITHIN}")
        asks = {
            **UNASKED, "where": where, "min_nn_degree": min_nn_degree, "predictor": predictor,
            "time_limit_s": time_limit_s,
        }  # fmt: skip
        asked = Within(space, asks).check(target, (*costs, *stored), min_accuracy)
        if asked.parts:
            raise ArgumentError(
                f"target {target.name!r} has the models of several tiles, on which a front takes "
                f"none of {WITHIN}; take one of them: Target.on_tile"
            )
        return find_within(asked, goals, callback, started)
    budgets |= own
    limit_params(limits, own)
    if codesign:
        from ..codesign.run import refuse_blocks
        from .codesign import find_codesign

        refuse_blocks(space)
        return find_codesign(
            space, target, predictor, goals, budgets, limits, least, epsilon, deadline, callback,
            started,
        )  # fmt: skip
    from .run import find

    problem = compile_any(space, target, predictor, PARAMS | MACS)
    return find(problem, goals, budgets, limits, least, epsilon, deadline, callback, started)


def _watched(given: dict[str, Any]) -> Any:
    """Find a front as `pareto` was asked to, and show how far it is."""
    from ..base.progress import Progress

    limit, callback = given["time_limit_s"], listener("callback", given["callback"])
    seen = Progress(
        watched("progress", given["progress"]),
        "front",
        ends_s=limit if type(limit) in (int, float) else INF,
    )

    def tell(event: Any) -> Any:
        points = f"{event.points:,} points"
        if hasattr(event, "nodes"):  # of a problem of choices
            seen.update(event.nodes, f"{points}, {event.nodes:,} nodes")
        elif event.done:
            seen.update(event.done, points, total=1.0)
        else:
            seen.update(0.0, points)
        return None if callback is None else callback(event)

    with seen:
        asked: dict[str, Any] = {**given, "progress": False, "callback": tell}
        found: Any = pareto(**asked)
        if seen.total is not None and found.stopped is None:
            seen.update(1.0, f"{len(found):,} points")
        return found


def _with_memory(target: Target, own: dict[str, float], what: str | None) -> dict[str, float]:
    """Return budgets on memory with those that a target brings; what: what they do not go with."""
    if not target.memory_budgets:
        return own
    if what is not None:
        from ..solving.stored import not_held

        raise not_held(target, what)
    return {**target.memory_budgets, **own}


def read_objectives(value: Any, target: Target) -> tuple[str, ...]:
    """Return the objectives that users name, checked."""
    if not (hasattr(value, "__next__") or is_list(value)):
        raise ArgumentTypeError(
            f"objectives must be a sequence of two to four of {', '.join(TERMS)}, "
            f"got {shown(value)}"
        )
    names = tuple(items("objectives", value, 99))
    for name in names:
        choice("objectives", name, TERMS)
        if name in COSTS and name not in target.metrics:
            raise ArgumentError(
                f"objectives: target {target.name!r} does not model {name} "
                f"(it models {', '.join(target.metrics)})"
            )
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ArgumentError(f"objectives must be different, got {twice!r} twice")
    if not 2 <= len(names) <= 4:
        raise ArgumentError(
            f"objectives must be two to four of {', '.join(TERMS)}, got {len(names)}: "
            f"{shown(names)}"
        )
    return names
