"""Searches with conditions beyond budgets: `where`, `k`, `minimize`, sums and several devices."""

from __future__ import annotations

from ..base.checks import shown
from ..base.names import COSTS, LIMITED, MAXIMA, STORED, UPPER
from ..conditional.asking import Ask
from ..conditional.searching import search_within, unsearched
from ..conditional.together import Together
from ..errors import ArgumentError
from ..hardware.target import as_target
from ..predictors.predictor import as_predictor
from ..problem.compiling import as_space
from ..problem.objective import read_budgets
from ..spaces.network_space import HOMES, NetworkSpace
from .options import check_within
from .stored import not_held, stored_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from ..conditional.explaining import Why
    from ..predictors.predictor import AccuracyPredictor
    from ..results.result import SearchResult

__all__ = ["UNASKED", "Within", "not_held", "why_none"]

UNASKED: dict[str, Any] = {  # what a search takes besides, where nobody asks for it
    **dict.fromkeys(("where", "min_nn_degree", "predictor", "time_limit_s", "minimize")),
    **dict.fromkeys(("max_evals", "callback", "evaluator", "options", "journal", "confidence")),
    "compile_objective": None,
    **dict.fromkeys(("codesign", "progress"), False),
    "k": 1, "min_distance": 1, "objective": "accuracy", "method": "shgo", "certify": True,
    "seed": 0,
}  # fmt: skip
WHAT = (
    "where, k, min_distance, minimize, min_nn_degree, max_memory_kib, max_weights_kib, sums and "
    "several devices"
)


class Within:
    """A space and what is asked of its networks, checked once for all targets.

    Parameters
    ----------
    space : as `flash.search` takes it
    given : dict
        The arguments of `flash.search` by name, but for space, target and budgets.
    """

    def __init__(self, space: Any, given: Mapping[str, Any]) -> None:
        known = isinstance(space, str) and space in HOMES
        if known or isinstance(space, NetworkSpace):
            name = space if isinstance(space, str) else space.family
            raise ArgumentError(
                f"space: {WHAT} are of the families' spaces, not of {shown(name)}; what that has "
                "is searched by the methods of other papers under budgets: method='evolution', "
                "max_latency_ms=12"
            )
        self.space = as_space(space)
        self.predictor = as_predictor(given["predictor"], self.space.family)
        check_within(given)
        self.given = given

    def check(
        self,
        target: Any,
        costs: Sequence[Any],
        min_accuracy: Any,
        own: Mapping[str, Any] | None = None,
    ) -> Ask:
        """Return what is asked of one target.

        Parameters
        ----------
        target : Target, Together, str or path
        costs, min_accuracy
            Its budgets: those of `UPPER`, or of `MAXIMA` alone.
        own : dict, optional
            What is asked of this target alone: "where" besides that of all, "min_nn_degree".
        """
        given = self.given if own is None else _joined(self.given, own)
        predicted = self.predictor is not None
        stored = stored_of(costs[len(MAXIMA) :])
        costs = costs[: len(MAXIMA)]
        if isinstance(target, Together):
            stored = {**_room_of_all(target), **stored}
            budgets = _of_several(target, costs, min_accuracy, predicted) | stored
            return Ask(self.space, target, budgets, self.predictor, given)
        target = as_target(target)
        if target.memory_budgets:
            stored = {**target.memory_budgets, **stored}
        budgets = read_budgets(costs, min_accuracy, target, predicted)[0] | stored
        if target.tiles is None:
            return Ask(self.space, target, budgets, self.predictor, given)
        from ..problem.tiling import parts_of

        first, *others = parts_of(self.space, target)
        if not others:
            return Ask(self.space, first.target, budgets, self.predictor, given)
        asked = Ask(self.space, target, budgets, self.predictor, given, in_parts=True)
        asked.parts = tuple(
            (one, Ask(one.space, one.target, budgets, self.predictor, given, self.space))
            for one in (first, *others)
        )
        return asked

    def search(self, asked: Ask, started: float, stop: list[bool] | None = None) -> SearchResult:
        """Search for one target; `stop` ends it once it holds something."""
        return unsearched(asked) if stop else search_within(asked, started, stop)


def why_none(
    space: Any, target: Any, predictor: AccuracyPredictor | None, budgets: Mapping[str, float]
) -> Why:
    """Return why no network meets budgets, those on memory and weights too."""
    from ..conditional.explaining import Why

    costs = [budgets.get(name) for name in UPPER]
    within = Within(space, {**UNASKED, "predictor": predictor})
    return Why(within.check(target, costs, budgets.get("min_accuracy")))


def _joined(given: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    found = {**given, **own}
    both = [given["where"], own.get("where")]
    if all(one is not None for one in both):
        found["where"] = [
            text for one in both for text in (one if isinstance(one, list) else [one])
        ]
    elif own.get("where") is None:
        found["where"] = given["where"]
    return found


def _room_of_all(target: Together) -> dict[str, float]:
    """Return what the smallest device has for a network, as budgets; all must count alike."""
    devices = list(target.targets.values())
    whole = [one.name for one in devices if not one.int8]
    if 0 < len(whole) < len(devices):
        small = next(one.name for one in devices if one.int8)
        raise ArgumentError(
            "target: devices of flash.together() must store networks alike, got "
            f"{small!r}, which has them in integers of 8 bits, and {whole[0]!r}, which has not"
        )
    rooms = [one.memory_budgets for one in devices]
    return {
        name: min(one[name] for one in rooms if name in one)
        for name in (f"max_{one}" for one in STORED)
        if any(name in one for one in rooms)
    }


def _of_several(
    target: Together, costs: Sequence[Any], min_accuracy: Any, predicted: bool
) -> dict[str, float]:
    """Return budgets on several devices: each holds on those that model its cost."""
    devices = list(target.targets.values())
    found: dict[str, float] = {}
    for i, (name, cost) in enumerate(zip(MAXIMA, costs, strict=True)):
        if cost is None:
            continue
        metric = LIMITED[name]
        modelling = [one for one in devices if metric not in COSTS or metric in one.metrics]
        if not modelling:
            raise ArgumentError(
                f"{name} cannot be used: none of the devices models {metric} "
                f"(they model {', '.join(target.metrics)})"
            )
        alone = [cost if k == i else None for k in range(len(costs))]
        found |= read_budgets(alone, None, modelling[0], predicted)[0]
    nothing = [None] * len(costs)
    return found | read_budgets(nothing, min_accuracy, devices[0], predicted)[0]
