"""The arguments of a search that hold for every target, checked once."""

from __future__ import annotations

from .._core.search.exact import Query
from ..base.checks import choice, flag, integer, listener, number, watched
from ..base.record import Record
from ..errors import ArgumentError
from ..problem.compiling import compile_problem, compile_searched, count_columns
from ..problem.objective import as_objective, limits_on, read_budgets
from ..results.result import no_result

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from ..hardware.target import Target
    from ..predictors.predictor import AccuracyPredictor
    from ..problem.objective import Objective
    from ..results.result import SearchResult
    from ..spaces.space import SearchSpace

__all__ = [
    "METHODS",
    "Device",
    "Options",
    "check_common",
    "check_device",
    "check_options",
    "check_within",
    "unsearched",
    "with_confidence",
]

METHODS = ("shgo", "exact")
INF = float("inf")


class Device(Record):
    """A target with its budgets, by name and in the core's order, and what is maximised on it."""

    target: Target
    budgets: dict[str, float]
    limits: list[float]
    least: float
    wanted: Objective

    @property
    def query(self) -> Query:
        """The budgets and the objective in the core's terms.

        The best network meets a floor of what is maximised, or none does: without one there is
        sooner something to prune by.
        """
        least = -INF if self.wanted.of_score else self.least
        return Query(self.limits, least, self.wanted.exponents)


class Options(Record):
    """How to search, as `flash.search` takes it."""

    method: str
    certify: bool
    seed: int
    deadline: float
    evals: int
    callback: Callable[[Any], Any] | None
    codesign: bool = False
    confidence: float | None = None

    def search(
        self,
        space: SearchSpace,
        predictor: AccuracyPredictor | None,
        device: Device,
        started: float,
        stop: list[bool] | None = None,
    ) -> SearchResult:
        """Search for one device; `stop` ends it once it holds something."""
        from .run import Run

        wanted, limits = device.wanted, device.limits
        if stop:
            return unsearched(space, device, predictor is not None, self.method, self.seed)
        if device.target.tiles is not None:
            from ..problem.tiling import parts_of

            first, *others = parts_of(space, device.target)
            if others:
                return self._tiled(space, predictor, device, started, stop)
            device = device.replace(target=first.target)
        if self.confidence is not None:
            from .confident import search_confident

            return search_confident(self, space, predictor, device, self.confidence, started)
        extra = count_columns((*limits_on(limits), *wanted.metrics))
        known = device.target.compiled
        if stop is None:
            problem = compile_searched(space, device.target, predictor, extra)
        else:
            problem = compile_problem(space, device.target, predictor, extra)
            if not known:  # of a fleet: a model for each would fill the memory
                device.target.forget()
        run = Run(problem, device.budgets, limits, device.query, wanted, self.seed, started)
        run.floor = device.least
        run.listen(self.callback, stop)
        return run.go(self.method, self.certify, self.deadline, self.evals)

    def _tiled(
        self,
        space: SearchSpace,
        predictor: AccuracyPredictor | None,
        device: Device,
        started: float,
        stop: list[bool] | None,
    ) -> SearchResult:
        """Search a space whose networks are on several tiles."""
        from ..problem.tiling import Tiled
        from .tiled import TiledRun, search_confident_tiled

        wanted, limits = device.wanted, device.limits
        if self.confidence is not None:
            return search_confident_tiled(self, space, predictor, device, self.confidence, started)
        extra = count_columns((*limits_on(limits), *wanted.metrics))
        known = device.target.compiled
        problem = Tiled(space, device.target, predictor, extra)
        run = TiledRun(problem, device.budgets, limits, device.query, wanted, self.seed, started)
        if stop is not None and not known:
            device.target.forget()
        run.floor = device.least
        run.listen(self.callback, stop)
        return run.go(self.method, self.certify, self.deadline, self.evals)


def unsearched(
    space: Any, device: Device, predicted: bool, method: str, seed: int
) -> SearchResult[Any]:
    """Return the result of a device that Ctrl-C left no time for; predicted: of accuracies."""
    return no_result(
        space,
        device.target,
        device.budgets,
        stopped="interrupt",
        objective_name=device.wanted.name(predicted),
        method=method,
        seed=seed,
    )


def check_device(
    target: Target,
    values: Sequence[float | None],
    min_accuracy: float | None,
    predictor: AccuracyPredictor | None,
    objective: str | Mapping[str, float] | Callable[[Any], Any],
    compile_objective: bool | None,
) -> Device:
    """Return a device of what users pass; values: the budgets from latency to MACs."""
    budgets, limits, least = read_budgets(values, min_accuracy, target, predictor is not None)
    wanted = as_objective(objective, target, compile_objective)
    return Device(target, budgets, limits, least, wanted)


class Common(Record):
    """What every method takes, checked."""

    certify: bool
    seed: int
    deadline: float
    evals: int | None
    callback: Callable[[Any], Any] | None


def check_common(given: Mapping[str, Any]) -> Common:
    """Return what every method takes of what users pass, by name."""
    flag("certify", given["certify"])
    watched("progress", given["progress"])
    seed = integer("seed", given["seed"], 0, 2**64 - 1)
    limit, evals = given["time_limit_s"], given["max_evals"]
    deadline = INF if limit is None else number("time_limit_s", limit, above=0.0)
    evals = None if evals is None else integer("max_evals", evals, 1, 2**62)
    callback = listener("callback", given["callback"])
    return Common(given["certify"], seed, deadline, evals, callback)


def check_within(given: Mapping[str, Any]) -> None:
    """Refuse what does not go with conditions beyond budgets."""
    what = (
        "where, k, min_distance, minimize, min_nn_degree, max_memory_kib, max_weights_kib, sums "
        "and several devices"
    )
    choice("method", given["method"], METHODS, f" with {what}, which the exact solver answers")
    check_common(given)
    for name in ("evaluator", "options", "journal", "compile_objective"):
        if given[name] is not None:
            raise ArgumentError(f"{name} does not go with {what}")
    if flag("codesign", given["codesign"]):
        raise ArgumentError(
            f"codesign does not go with {what}: it takes budgets; or search without it, on one "
            "accelerator's own target"
        )
    if callable(given["objective"]):
        raise ArgumentError(f"an objective function does not go with {what}")


def with_confidence() -> ArgumentError:
    """Return the error of what does not go with confidence."""
    return ArgumentError(
        "confidence goes with neither codesign, an objective function, a callback, progress nor "
        "certify=False"
    )


def check_options(given: Mapping[str, Any]) -> Options:
    """Return the options of what users pass, by name."""
    method = given["method"]
    choice("method", method, METHODS)
    for name in ("evaluator", "options", "journal"):
        if given[name] is not None:
            raise ArgumentError(f"{name} is not used by method {method!r}, which trains nothing")
    common = check_common(given)
    if callable(given["objective"]) and method != "shgo":
        raise ArgumentError("an objective function is searched by method 'shgo' only")
    codesign = flag("codesign", given["codesign"])
    if codesign and callable(given["objective"]):
        raise ArgumentError("codesign takes no objective function: it would prove nothing by it")
    evals = -1 if common.evals is None else common.evals
    confidence = given.get("confidence")
    if confidence is not None:
        confidence = number("confidence", confidence, 0.5, 0.99)
        other = codesign or callable(given["objective"]) or common.callback
        if other or given["progress"] is True or not common.certify:
            raise with_confidence()
    return Options(
        method, common.certify, common.seed, common.deadline, evals, common.callback,
        codesign, confidence,
    )  # fmt: skip
