"""What explains an answer with confidence: why nothing fits, and what binds, by intervals' ends."""

from __future__ import annotations

from time import perf_counter

from ..base.names import METRIC_OF, N_METRICS, Metric
from ..problem.objective import Objective
from ..results.binding import ALL_S, margins
from ..results.conflicts import Oracle, Undecided, explain, limits_and_floor
from .confident import Confident, intervals_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..predictors.predictor import AccuracyPredictor
    from ..results.conflicts import Explanation
    from ..spaces.space import SearchSpace
    from .confident import Answer
    from .options import Device, Options

__all__ = ["binding", "why_not"]

INF = float("inf")
NEARLY = 1.00001  # of two upper ends


def why_not(
    options: Options,
    space: SearchSpace,
    predictor: AccuracyPredictor | None,
    device: Device,
    level: float,
) -> Explanation:
    """Return why no network of a space meets a device's budgets with confidence."""
    oracle = _Sure(options, space, predictor, device, level)
    return explain(oracle, device.budgets, f"network with confidence {level:g}")


def binding(
    options: Options,
    space: SearchSpace,
    predictor: AccuracyPredictor | None,
    device: Device,
    level: float,
    value: float,
) -> dict[str, dict[str, float]]:
    """Return the upper budgets that bind a proven answer: see `SearchResult.binding`.

    value: the core's objective of the answer.
    """
    ends_at = perf_counter() + ALL_S
    wanted = device.wanted

    def best(name: str, limit: float) -> float:
        left = ends_at - perf_counter()
        if left <= 0.0:
            raise Undecided
        budgets = {**device.budgets, name: limit}
        if limit == INF:
            del budgets[name]
        own = options.replace(deadline=left, evals=-1)
        other = _with(device, budgets, wanted)
        run = Confident(own, space, predictor, other, level, perf_counter())
        run.go()
        if run.best is None or not run.proven:
            raise Undecided
        return run.best.value

    return margins(device.budgets, value, best, lambda one: wanted.report(one, predictor))


class _Sure(Oracle):
    """Asks searches with confidence; of a cost with intervals a value is their upper end."""

    def __init__(
        self,
        options: Options,
        space: SearchSpace,
        predictor: AccuracyPredictor | None,
        device: Device,
        level: float,
    ) -> None:
        super().__init__()
        self.options, self.space, self.predictor = options, space, predictor
        self.device, self.level = device, level
        self.known = intervals_of(device.target, space)

    def meets(self, budgets: Mapping[str, float]) -> bool:
        return self._any(budgets) is not None

    def least(self, name: str, others: Mapping[str, float]) -> float | None:
        others = {other: value for other, value in others.items() if other != name}
        k, cost = METRIC_OF[name], name.removeprefix("max_")
        if cost in self.known:
            return self._least_end(name, cost, others)
        exponents = tuple([-1.0 if i == k else 0.0 for i in range(N_METRICS)]) if k else None
        run = self._run(others, Objective(exponents))
        if run.empty:
            return None
        if run.best is None or not run.proven:
            raise Undecided
        value = run.best.metrics[k]
        if not k:
            return None if self.predictor is None else self.predictor.accuracy_of(value)
        return int(value) if k in (Metric.PARAMS, Metric.MACS) else value

    def _least_end(self, name: str, cost: str, others: Mapping[str, float]) -> float | None:
        """Return the least upper end of a cost of networks that meet other budgets.

        Between two values: none is below `low`, and a network has `high`. Bounds on ends are
        rounded outward, so ends that are nearer to each other than `NEARLY` are not told apart.
        """
        found = self._any(others)
        if found is None:
            return None
        low, high = 0.0, self.device.target.interval(found.net, self.level)[cost][1]
        while high > low * NEARLY:
            middle = (low + high) / 2
            found = self._any({**others, name: middle})
            if found is not None:
                high = found.upper[cost]
            else:
                low = middle
        return high

    def _any(self, budgets: Mapping[str, float]) -> Answer | None:
        """Return a network within budgets; None where there is none."""
        run = self._run(budgets, Objective())
        if run.best is None and not run.empty:
            raise Undecided
        return run.best

    def _run(self, budgets: Mapping[str, float], wanted: Objective) -> Confident:
        options = self.options.replace(deadline=self.patience(), evals=-1)
        device = _with(self.device, budgets, wanted)
        run = Confident(options, self.space, self.predictor, device, self.level, perf_counter())
        run.go()
        return run


def _with(device: Device, budgets: Mapping[str, float], wanted: Objective) -> Device:
    limits, floor = limits_and_floor(budgets)
    return device.replace(budgets=dict(budgets), limits=limits, least=floor, wanted=wanted)
