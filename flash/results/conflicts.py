"""Why no network fits: which budgets exclude each other, and what would do instead; proven.

A *conflict* is a minimal set of budgets that no network meets together: without any one of them
some network would. A *remedy* is a minimal set of budgets that would have to give together, with
the values that would do: it has a budget of every conflict.
"""

from __future__ import annotations

from functools import partial
from itertools import combinations
from math import nextafter
from time import perf_counter

from .._core.search.exact import Query, Search
from .._core.search.shgo import explore
from ..base.names import METRIC_OF, N_METRICS, Metric
from ..base.record import Record
from ..problem.compiling import compile_each, count_columns
from ..problem.objective import least_of, limits_of
from .binding import Undecided

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from typing import Any, TypeVar

    from ..hardware.target import Target
    from ..predictors.predictor import AccuracyPredictor
    from ..spaces.space import SearchSpace

    T = TypeVar("T")

__all__ = [
    "Explanation",
    "Oracle",
    "TableOracle",
    "Undecided",
    "explain",
    "hitting_sets",
    "joint_remedy",
    "limits_and_floor",
    "minimal_sets",
    "why_not",
]

INF = float("inf")
PATIENCE_S = 2.0  # for each question: they explain a refusal, and are no search of their own
ALL_S = 10.0  # for all of them
TIES = 1e-6  # exponent of latency where area is to be least
NEAR = 1e-10  # relative: areas are not so near to each other and different
NEARLY = 1.0 + 1e-6  # two values so near to each other are not halved any more
STEPS = 10  # halvings of the common factor of a remedy, before its values are made least
FARTHEST = 1e200  # factor of a remedy beyond which nothing is asked


class Explanation(Record):
    """Why no network meets the budgets, as `SearchResult` has it.

    Parameters
    ----------
    least : dict of str to float
    conflicts, remedies : tuple of dict of str to float
    what : str
        What there is none of.
    """

    budgets: Mapping[str, float]
    least: dict[str, float]
    conflicts: tuple[Mapping[str, float], ...]
    remedies: tuple[Mapping[str, float], ...]
    what: str = "network"

    @property
    def message(self) -> str:
        """The same in a sentence."""
        start = f"proven: no {self.what} meets the budgets: "
        joint = [_listed(one) for one in self.conflicts if len(one) > 1]
        sets = [f"{one} exclude each other" for one in joint[:1]]
        sets += [f"{one} too" for one in joint[1:]]
        if not self.remedies:
            given = [f"{name} {value!r}" for name, value in self.budgets.items()]
            return start + (", ".join(sets) or "; ".join(given))
        said = ", ".join(sets) + "; " if sets else ""
        return start + said + "; or ".join(self._told(one) for one in self.remedies)

    def _told(self, remedy: Mapping[str, float]) -> str:
        parts: list[str] = []
        for name, value in remedy.items():
            bound = "at most" if name == "min_accuracy" else "at least"
            verb = "" if parts else "would have to be "
            parts.append(f"{name} {verb}{bound} {value!r} (given {self.budgets[name]!r})")
        return " and ".join(parts)


def _listed(names: Iterable[str]) -> str:
    *most, last = names
    return ", ".join(most) + " and " + last


class Oracle:
    """What is asked of a space: a subclass for each way to solve it.

    Raises
    ------
    Undecided
        By either question, where it takes too long to prove.
    """

    def __init__(self) -> None:
        self.ends_at = perf_counter() + ALL_S

    def patience(self) -> float:
        """Return the seconds that the next question may take."""
        left = self.ends_at - perf_counter()
        if left <= 0.0:
            raise Undecided
        return min(PATIENCE_S, left)

    def meets(self, budgets: Mapping[str, float]) -> bool:
        """Return whether some network meets all of these budgets."""
        raise NotImplementedError

    def least(self, name: str, others: Mapping[str, float]) -> float | None:
        """Return the least value that a budget could have beside others, of min_accuracy the
        greatest; None where there is no network, or the value means nothing to a user."""
        raise NotImplementedError


class TableOracle(Oracle):
    """Asks the exact solver."""

    def __init__(
        self,
        space: SearchSpace,
        target: Target,
        predictor: AccuracyPredictor | None,
        names: Iterable[str],
    ) -> None:
        super().__init__()
        extra = count_columns([METRIC_OF[name] for name in names])
        self.problems = compile_each(space, target, predictor, extra)
        self.predictor = predictor

    def meets(self, budgets: Mapping[str, float]) -> bool:
        limits, floor = limits_and_floor(budgets)
        if floor > -INF:
            return self._most(limits, floor) is not None
        # The least of a cost is proven sooner than the best network.
        name = next(iter(budgets))
        limits[METRIC_OF[name]] = INF
        value = self._least(METRIC_OF[name], limits)
        return value is not None and value <= budgets[name]

    def least(self, name: str, others: Mapping[str, float]) -> float | None:
        others = {other: value for other, value in others.items() if other != name}
        limits, floor = limits_and_floor(others)
        k = METRIC_OF[name]
        if name == "min_accuracy":
            predictor, best = self.predictor, self._most(limits, -INF)
            if predictor is None or best is None:
                return None
            return predictor.accuracy_of(best[Metric.SCORE])
        value = self._least(k, limits) if floor == -INF else self._least_above(k, limits, floor)
        if value is None:
            return None
        return int(value) if k in (Metric.PARAMS, Metric.MACS) else value

    def _solved(
        self, limits: list[float], exponents: list[float] | None
    ) -> tuple[bool, tuple[float, ...] | None]:
        """Return whether that took too long, and the metrics of the best network."""
        found: Any = None
        for problem in self.problems:
            core = Search(
                problem.searched, Query(limits, -INF, exponents), time_limit_s=self.patience()
            )
            if exponents is None:
                explore(core, 0)
            core.prove()
            if core.stopped:
                return True, None
            best = core.best
            if best is not None and (found is None or best[2] > found[2]):
                found = best
        return False, None if found is None else found[3]

    def _most(self, limits: list[float], floor: float) -> tuple[float, ...] | None:
        """Return the metrics of the network of the greatest score, if that is an accuracy above
        the floor. Not asked for by the floor: without one there is soon something to prune by."""
        stopped, metrics = self._solved(limits, None)
        if stopped:
            raise Undecided
        if metrics is None:
            return None
        score = metrics[Metric.SCORE]
        return metrics if _accuracy(self.predictor, score) >= floor else None

    def _least_above(self, k: int, limits: list[float], floor: float) -> float | None:
        """Return the least value of a cost of networks above a floor of accuracy.

        Between two values: none is below `low`, and a network has `high`. Asked is the greatest
        accuracy up to a value between them, which is proven far sooner than the least cost.
        """
        best = self._most(limits, floor)
        low = self._least(k, limits)
        if best is None or low is None:
            return None
        high: float = best[k]
        while low < high:
            near = high <= low * NEARLY
            below = nextafter(high, low) if near else (low + high) / 2
            found = self._most([below if i == k else one for i, one in enumerate(limits)], floor)
            if found is not None:
                high = found[k]
            elif near:
                break
            else:
                low = below
        return high

    def _least(self, k: int, limits: list[float]) -> float | None:
        """Return the least value of a cost.

        Many networks may be of one area, and of them the one of least latency is asked for. Where
        that takes long, latency counts a little, and that nothing is smaller is proven apart.
        """
        for ties in (0.0, TIES) if k == Metric.AREA else (0.0,):
            exponents = [0.0] * N_METRICS
            exponents[Metric.LATENCY] = -ties
            exponents[k] = -1.0
            stopped, metrics = self._solved(limits, exponents)
            if stopped:
                continue
            if metrics is None:
                return None
            value: float = metrics[k]
            if ties:
                below = [value * (1.0 - NEAR) if i == k else one for i, one in enumerate(limits)]
                stopped, nearer = self._solved(below, exponents)
                if stopped or nearer is not None:
                    raise Undecided
            return value
        raise Undecided


def _accuracy(predictor: AccuracyPredictor | None, score: float) -> float:
    return score if predictor is None else predictor.accuracy_of(score)


def limits_and_floor(budgets: Mapping[str, float]) -> tuple[list[float], float]:
    """Return budgets as upper limits in the core's order and the least accuracy."""
    return limits_of(budgets), least_of(budgets.get("min_accuracy"))


def why_not(
    space: SearchSpace,
    target: Target,
    predictor: AccuracyPredictor | None,
    budgets: Mapping[str, float],
) -> Explanation:
    """Return why no network of a space meets the budgets."""
    return explain(TableOracle(space, target, predictor, budgets), budgets)


def explain(oracle: Oracle, budgets: Mapping[str, float], what: str = "network") -> Explanation:
    """Return why nothing meets the budgets, as far as it can be proven in time.

    The sets are asked for by size, so that each that excludes itself and holds no smaller one that
    does is minimal.
    """
    least: dict[str, float] = {}
    conflicts: list[dict[str, float]] = []
    remedies: list[dict[str, float]] = []

    def meets(names: tuple[str, ...]) -> bool | None:
        return _known(lambda: oracle.meets(_of(budgets, names)))

    def least_of(name: str, others: Mapping[str, float]) -> float | None:
        return _known(lambda: oracle.least(name, others))

    try:
        for name in budgets:
            value = least_of(name, {})
            if value is not None:
                least[name] = value
        sets = minimal_sets(list(budgets), meets)
        for names in sets:
            each = {name: least_of(name, _of(budgets, names)) for name in names}
            conflicts.append({name: value for name, value in each.items() if value is not None})
        for names in hitting_sets(sets):
            remedy = _known(partial(joint_remedy, oracle, budgets, names))
            if remedy:
                remedies.append(remedy)
    except KeyboardInterrupt:
        pass  # what is known by then
    return Explanation(budgets, least, tuple(conflicts), tuple(remedies), what)


def _known(ask: Callable[[], T]) -> T | None:
    """Return an answer, or None where it takes too long."""
    try:
        return ask()
    except Undecided:
        return None


def _of(budgets: Mapping[str, float], names: Iterable[str]) -> dict[str, float]:
    return {name: budgets[name] for name in names}


def minimal_sets(
    names: Sequence[str], meets: Callable[[tuple[str, ...]], bool | None]
) -> list[tuple[str, ...]]:
    """Return the minimal sets of budgets that nothing meets; a set that holds one of which that is
    not known is none of them."""
    found: list[tuple[str, ...]] = []
    open_sets: list[tuple[str, ...]] = []
    for size in range(1, len(names) + 1):
        for some in combinations(names, size):
            if any(set(one) <= set(some) for one in (*found, *open_sets)):
                continue
            met = meets(some)
            if met is None:
                open_sets.append(some)
            elif not met:
                found.append(some)
    return found


def hitting_sets(sets: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Return the minimal sets that have something of every set, the smallest first."""
    names = tuple(dict.fromkeys(name for one in sets for name in one))
    found: list[tuple[str, ...]] = []
    for size in range(1, len(names) + 1):
        for some in combinations(names, size):
            if all(set(some) & set(one) for one in sets) and not any(
                set(one) <= set(some) for one in found
            ):
                found.append(some)
    return found


def joint_remedy(
    oracle: Oracle,
    budgets: Mapping[str, float],
    names: tuple[str, ...],
    lower: Collection[str] = ("min_accuracy",),
) -> dict[str, float]:
    """Return values of some budgets with which a network meets all: none of them can be less.

    Of several budgets the same share more is asked for first, the least that does.

    Parameters
    ----------
    oracle : Oracle
    budgets : dict of str to float
    names : tuple of str
        Those that give.
    lower : collection of str
        Those that are lower ones.

    Raises
    ------
    Undecided
    """
    values: dict[str, Any] = dict(budgets)
    if len(names) > 1:
        low, high = 1.0, 2.0
        while not oracle.meets(_eased(budgets, names, high, lower)):
            low, high = high, high * high
            if high > FARTHEST:
                raise Undecided
        for _ in range(STEPS):
            middle = (low * high) ** 0.5
            if oracle.meets(_eased(budgets, names, middle, lower)):
                high = middle
            else:
                low = middle
        values = _eased(budgets, names, high, lower)
    for name in names:
        others = {other: value for other, value in values.items() if other != name}
        values[name] = oracle.least(name, others)
        if values[name] is None:
            return {}
    return {name: values[name] for name in names}


def _eased(
    budgets: Mapping[str, float], names: Sequence[str], factor: float, lower: Collection[str]
) -> dict[str, float]:
    """Return budgets of which some ask for less, by a factor."""
    return {
        name: value
        if name not in names
        else value / factor
        if (name in lower) == (value > 0.0)
        else value * factor
        for name, value in budgets.items()
    }
