"""search() by a method of another paper: prepare its task, run it, prove how good its answer is."""

from __future__ import annotations

import numpy as np

from ..base.checks import flag, log
from ..base.record import Record
from ..errors import ArgumentError
from ..evaluators import as_evaluator
from ..hardware.target import as_target
from ..predictors.predictor import as_predictor
from ..problem.objective import as_objective, read_budgets
from ..solving.ground import ground_of
from ..solving.options import METHODS as CORE
from ..solving.options import Device, check_common, unsearched
from ..spaces.named import any_space
from ..spaces.network_space import NetworkSpace
from ..spaces.space import SearchSpace
from ..spaces.tabled import TabledSpace
from . import METHODS, module_of, options_for
from ._journal import Journal, held
from ._outcome import outcome
from ._task import Stop, Task
from .own import as_method

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from ..evaluators import Evaluator
    from ..predictors.predictor import AccuracyPredictor
    from ..results.result import SearchResult
    from ..solving.options import Common
    from .own import OwnMethod

__all__ = ["Ready", "prepare", "unfit"]

INF = float("inf")


def _inside(method: str | OwnMethod) -> Any:
    """Return what has `run`, `OPTIONS` and so on: a module of this package, or the method."""
    return module_of(method) if isinstance(method, str) else method


def unfit(method: str | OwnMethod, space: Any, evaluator: Evaluator) -> str | None:
    """Return why a method cannot search a space with an evaluator, or None where it can."""
    why = evaluator.unfit(space)
    if why is not None:
        return why
    asked = getattr(_inside(method), "unfit", None)
    return None if asked is None else asked(space, evaluator)


class Ready(Record):
    """A method's run, checked up to the target: what `prepare` returns."""

    method: str | OwnMethod
    space: SearchSpace | NetworkSpace
    judge: Evaluator
    predictor: AccuracyPredictor | None
    objective: Any
    compile_objective: bool | None
    settings: dict[str, Any]
    journal: Any
    common: Common

    @property
    def name(self) -> str:
        """What results call the method."""
        return self.method if isinstance(self.method, str) else self.method.name

    def check(self, target: Any, costs: Sequence[Any], min_accuracy: Any) -> Device:
        """Return a target with its budgets, from latency to MACs, and its objective."""
        target = as_target(target)
        refuse = getattr(_inside(self.method), "unfit_target", None)
        why = None if refuse is None else refuse(target)
        if why is not None:
            raise ArgumentError(why)
        if target.tiles is not None and isinstance(self.space, TabledSpace):
            from ..hardware.tiles import refuse_several

            refuse_several(target, f"for method {self.name!r}")
        if target.memory_budgets:
            from ..solving.stored import not_held

            raise not_held(target, f"method {self.name!r}")
        scored = self.judge.score == "accuracy"
        given, limits, least = read_budgets(
            costs, min_accuracy, target, scored, "predictor or an evaluator of accuracies"
        )
        wanted = as_objective(self.objective, target, self.compile_objective)
        return Device(target, given, limits, least, wanted)

    def search(
        self, device: Device, started: float, stop: list[bool] | None = None
    ) -> SearchResult:
        """Search for one device; `stop`: whether Ctrl-C ended the search of one before it."""
        with held(self.journal, self.judge.held):
            return self._search(device, started, stop)

    def _search(self, device: Device, started: float, stop: list[bool] | None) -> SearchResult:
        inside, judge, common = _inside(self.method), self.judge, self.common
        known = METHODS[self.method] if isinstance(self.method, str) else self.method
        if stop:
            scored = judge.score == "accuracy"
            return unsearched(self.space, device, scored, self.name, common.seed)
        evals = common.evals
        if evals is None and common.deadline == INF and not known.ends:
            evals = judge.usual_evals
        of_network = getattr(judge, "of_network", None)
        kept = None
        if self.journal is not None:
            kept = Journal(self.journal, {"space": self.space.to_dict(), **judge.facts()})
        listener = None
        if common.callback is not None:
            from ..results.event import Listener

            listener = Listener(common.callback, started)
        own = getattr(inside, "ground_of", None)
        ground = (
            ground_of(self.space, device.target, self.predictor, of_network)
            if own is None
            else own(self.space, device.target, self.predictor)
        )
        task = Task(
            ground,
            judge,
            device.wanted,
            device.limits,
            device.least,
            self.predictor,
            seed=common.seed,
            options=self.settings,
            max_evals=evals,
            ends_at=started + common.deadline,
            notify=None if listener is None else lambda best, n: listener.tell(best, None, n),
            journal=kept,
            checked=known is self.method,
        )
        stopped: str | None = None
        log("methods", "%s begins: %s on %s", self.name, self.space.family, device.target.name)
        try:
            judge.prepare(task, device.budgets)
            with np.errstate(over="ignore", under="ignore"):
                inside.run(task)
        except Stop as stopping:
            unasked = stopping.why == "max_evals" and common.evals is None
            stopped = None if unasked else stopping.why
        except KeyboardInterrupt:
            stopped = "interrupt"
        except Exception as error:
            if kept is not None:
                error.add_note(
                    f"{len(kept)} evaluations are kept in {kept.path!r}; "
                    "the same call with this journal goes on from there"
                )
            raise
        ended = "ended by itself" if stopped is None else f"was ended by {stopped}"
        log("methods", "%s %s: %d evaluations", self.name, ended, task.nfev)
        return outcome(
            task,
            device.budgets,
            self.name,
            common.seed,
            stopped,
            common.certify,
            started,
        )


def _unused(method: str, space: Any, given: Mapping[str, Any]) -> ArgumentError:
    """Return the error of what flash's own methods do not take: it names those that do."""
    name = next(name for name in ("evaluator", "options", "journal") if given[name] is not None)
    judge = given["evaluator"] if callable(given["evaluator"]) else None
    judge = as_evaluator(judge, None)
    takers = [other for other in METHODS if unfit(other, space, judge) is None]
    return ArgumentError(
        f"{name} is not used by method {method!r}, which trains nothing; these methods take it: "
        f"{', '.join(map(repr, takers)) or 'none that searches this space'}"
    )


def prepare(space: Any, given: Mapping[str, Any]) -> Ready:
    """Check what `flash.search` takes, by name, except targets and budgets.

    Raises
    ------
    ArgumentError, ArgumentTypeError
        If an argument is not accepted, or the method cannot search the space by the evaluator.
    """
    method = as_method(given["method"], CORE)
    name = method if isinstance(method, str) else method.name
    if flag("codesign", given.get("codesign", False)):
        raise ArgumentError(f"codesign is for methods {' and '.join(CORE)}, got {name!r}")
    if given.get("confidence") is not None:
        raise ArgumentError(f"confidence is for methods {' and '.join(CORE)}, got {name!r}")
    space = any_space(space)
    if isinstance(method, str) and method in CORE:
        raise _unused(method, space, given)
    predictor = as_predictor(given["predictor"], space.family)
    judge = as_evaluator(given["evaluator"], predictor)
    why = unfit(method, space, judge)
    if why is not None:
        raise ArgumentError(why)
    if callable(given["objective"]):
        raise ArgumentError("an objective function is searched by method 'shgo' only")
    settings = options_for(method, given["options"])
    refuse = getattr(_inside(method), "unfit_options", None)
    why = None if refuse is None else refuse(judge, given["objective"], settings)
    if why is not None:
        raise ArgumentError(why)
    return Ready(
        method,
        space,
        judge,
        getattr(judge, "predictor", None),  # also where it came as an evaluator
        given["objective"],
        given["compile_objective"],
        settings,
        given["journal"],
        check_common(given),
    )
