"""Why no network meets the conditions: minimal sets that exclude each other, and what would do.

A remedy takes something of every set: of one condition the nearest number, of several the least
common share by which all of them give, and then of each the nearest. Conditions on choices, and
those that compare no number, are as they are.
"""

from __future__ import annotations

from fractions import Fraction
from math import inf, nextafter
from time import perf_counter

from ..base.names import LIMITED, UPPER
from ..base.record import cached
from ..choosing.conditions import Row
from ..results.binding import margins
from ..results.conflicts import Oracle, Undecided, hitting_sets, joint_remedy, minimal_sets
from .asking import HIGH_DEGREE, Limit, fraction_of, least_score
from .searching import Search

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from .asking import Ask
    from .boxes import Answer

    Sets = list[tuple[str, ...]]

__all__ = ["Why", "binding_within"]

NONE = "proven: no network meets the conditions"
MANY = 8  # conditions of which all sets are tried; of more one set is narrowed down
FEW = 3  # that give together in what the message tells
ALL_S = 2.0  # for what binds
EQUAL = 1e-12  # relative: values of what is no exact sum are equal so far
NEARLY = 1.00001  # of two values that are not told apart
COUNTS = ("max_params", "max_macs")


class Why:
    """What excludes what, worked out when first asked for.

    Compiled anew: a result must not hold its tables.

    Parameters
    ----------
    asked : Ask
    """

    def __init__(self, asked: Ask) -> None:
        self.asked = asked

    @cached
    def _found(self) -> tuple[Sets, list[dict[str, float | None]], list[dict[str, float]]]:
        oracle = _Conditions(self.asked)
        sets: Sets = []
        conflicts: list[dict[str, float | None]] = []
        remedies: list[dict[str, float]] = []
        try:
            names = oracle.names
            sets = (
                minimal_sets(names, oracle.any)
                if len(names) <= MANY
                else _narrowed(names, oracle.any)
            )
            conflicts = [{name: oracle.needed(name, some) for name in some} for some in sets]
            for some in hitting_sets(sets):
                remedy = oracle.remedy(some)
                if remedy:
                    remedies.append(remedy)
        except KeyboardInterrupt:
            pass  # what is known by then
        return sets, conflicts, remedies

    @property
    def conflicts(self) -> tuple[Mapping[str, float | None], ...]:
        """As `SearchResult.conflicts`: None of what is no number."""
        return tuple(self._found[1])

    @property
    def remedies(self) -> tuple[Mapping[str, float], ...]:
        """As `SearchResult.remedies`."""
        return tuple(self._found[2])

    @property
    def message(self) -> str:
        """The same in a sentence."""
        sets, _, remedies = self._found
        told = NONE + "".join(f"{'; or ' if i else ': '}{_set(one)}" for i, one in enumerate(sets))
        some = [" and ".join(f"{name}: {value!r}" for name, value in one.items())
                for one in remedies[:FEW]]  # fmt: skip
        return told + (f"; nearest that would do: {'; or '.join(some)}" if some else "")


def binding_within(asked: Ask, value: float) -> dict[str, dict[str, float]]:
    """Return the upper budgets that bind, each with what it buys: see `SearchResult.binding`.

    Parameters
    ----------
    asked : Ask
    value : float
        The first objective of the proven answer.
    """
    oracle = _Conditions(asked)
    ends_at = perf_counter() + ALL_S

    def best(name: str, limit: float) -> float:
        if perf_counter() > ends_at:
            raise Undecided
        names = [one for one in oracle.names if one != name or limit < inf]
        found = oracle.best(names, {**oracle.given, name: limit}, asked.goals[0])
        if found is None or found.value - value <= EQUAL * abs(value):
            return value
        return found.value

    return margins(asked.budgets, value, best, asked.report)


class _Conditions(Oracle):
    """Asks searches under some of the conditions, with other numbers."""

    def __init__(self, asked: Ask) -> None:
        super().__init__()
        self.asked = asked
        asks = [own for _, own in asked.parts] or [asked]
        self.searches = [Search(one, perf_counter(), lambda *_: False) for one in asks]
        for search in self.searches:
            search.most = None
        self.search = self.searches[0]  # of what was found last
        by_name: dict[str, list[Limit]] = {}
        for one in asked.limits:
            by_name.setdefault(one.name, []).append(one)
        self.names = list(dict.fromkeys([*by_name, *asked.on_choices]))
        self.given: dict[str, float] = {}
        self.lower: set[str] = set()
        for name, limits in by_name.items():
            value = self._number(name, limits)
            if value is not None and name not in asked.on_choices:
                self.given[name] = value
                if name not in UPPER and limits[0].row.sign in (">=", ">"):
                    self.lower.add(name)
        if "min_accuracy" in asked.budgets:
            self.names.append("min_accuracy")
            self.given["min_accuracy"] = asked.budgets["min_accuracy"]
            self.lower.add("min_accuracy")

    def _number(self, name: str, limits: Sequence[Limit]) -> float | None:
        """Return the number that a condition compares with; None where it is none, or two."""
        if name in UPPER:
            return self.asked.budgets[name]
        if len(limits) > 1 or limits[0].row.sign == "==":
            return None
        ((limit,),) = (limits,)
        if limit.accuracy is not None:
            return limit.accuracy[1]
        if name == "min_nn_degree":
            return float(limit.row.limit)
        return None if limit.row.offset is None else float(limit.row.limit + limit.row.offset)

    # questions

    def any(self, names: Sequence[str]) -> bool | None:
        """Whether some network meets these conditions; None where it takes too long."""
        try:
            values = {name: one for name, one in self.given.items() if name in names}
            return self.best(names, values) is not None
        except Undecided:
            return None

    def needed(self, name: str, some: Sequence[str]) -> float | None:
        """Return the nearest number of a condition beside the others of a set; None of what
        compares none, or takes too long."""
        if name not in self.given:
            return None
        others = [one for one in some if one != name]
        try:
            return self._least(name, others, self.given)
        except Undecided:
            return None

    def remedy(self, names: tuple[str, ...]) -> dict[str, float] | None:
        """Return numbers with which all conditions can be met; None where there are none."""
        if any(name not in self.given for name in names):
            return None
        try:
            return joint_remedy(self, self.given, names, self.lower) or None
        except Undecided:
            return None

    def meets(self, budgets: Mapping[str, float]) -> bool:
        return self.best(self.names, budgets) is not None

    def least(self, name: str, others: Mapping[str, float]) -> float | None:
        return self._least(name, [one for one in self.names if one != name], others)

    # solving

    def _least(self, name: str, others: Sequence[str], values: Mapping[str, float]) -> float | None:
        """Return the nearest number of a condition with which some network meets others too."""
        asked = self.asked
        limits = [one for one in asked.limits if one.name == name]
        sures = [one.asked.sure for one in self.searches if one.asked.sure is not None]
        single = len(limits) <= 1 and not any(one.among([name]) for one in sures)
        if not single:
            return self._halved(name, others, values)
        row = limits[0].row if limits else Row({"score": Fraction(1)}, {}, ">=", Fraction(0))
        sign = 1.0 if name in self.lower else -1.0
        goal = {metric: sign * float(factor) for metric, factor in row.terms.items()}
        found = self.best(others, values, goal)
        if found is None:
            return None
        if name == "min_accuracy" or limits[0].accuracy is not None:
            assert asked.predictor is not None
            return asked.predictor.accuracy_of(found.metrics["score"])
        total = sum(one * Fraction(found.metrics[metric]) for metric, one in row.terms.items())
        exact = total + (row.offset or 0)
        value = float(exact)
        if (Fraction(value) < exact) == (sign < 0.0) and Fraction(value) != exact:
            value = nextafter(value, -inf if sign > 0.0 else inf)
        return int(value) if name in COUNTS else value

    def _halved(
        self, name: str, others: Sequence[str], values: Mapping[str, float]
    ) -> float | None:
        """The same of a budget that holds on several devices, or for the end of an interval:
        between two values, none meets the lower one, and a network the higher."""
        found = self.best(others, values)
        if found is None:
            return None
        low, high = 0.0, self._value(name, found)
        while high > low * NEARLY:
            middle = (low + high) / 2
            found = self.best([*others, name], {**values, name: middle})
            if found is not None:
                high = min(middle, self._value(name, found))
            else:
                low = middle
        return high

    def _value(self, name: str, found: Answer) -> float:
        """Return the number of a budget that a network needs."""
        asked = self.asked
        metric = LIMITED[name]
        names = [f"{metric}@{one}" if one else metric for one in asked.devices]
        known = [found.metrics[one] for one in names if one in found.metrics]
        sure = self.search.asked.sure
        if sure is not None and sure.among([name]):
            net = self.search.asked.space.decode(self.search.row(found))
            known += [
                sure.devices[device].interval(net, sure.level)[metric][1]
                for device, _ in sure.among([name])
            ]
        return max(known)

    def best(
        self,
        names: Collection[str],
        values: Mapping[str, float],
        goal: dict[str, float] | None = None,
    ) -> Answer | None:
        """Return the best network under some conditions, with these numbers.

        Raises
        ------
        Undecided
            If that takes too long.
        """
        asked = self.asked
        ends_at = perf_counter() + self.patience()
        limits = [self._eased(one, values) for one in asked.limits if one.name in names]
        if "min_accuracy" in names:
            limits.append(self._accurate("min_accuracy", values["min_accuracy"], ">="))
        best: Answer | None = None
        for search in self.searches:
            search.ends_at = ends_at
            sure = search.asked.sure
            budgets = None
            if sure is not None:
                budgets = {key: values[f"max_{key[1]}"] for key in sure.among(tuple(names))}
            boxes, _ = search.solved(
                limits, goal or {"score": 1.0}, None, tuple(names), floor=False, budgets=budgets
            )
            if boxes.stopped == "interrupt":
                raise KeyboardInterrupt
            found = boxes.best
            if boxes.stopped is not None and (found is None or goal is not None):
                raise Undecided
            if found is not None and (best is None or found.value > best.value):
                best, self.search = found, search
            if best is not None and goal is None:
                break
        return best

    def _eased(self, limit: Limit, values: Mapping[str, float]) -> Limit:
        """Return a condition with another number."""
        name, row = limit.name, limit.row
        value = values.get(name)
        if value is None or value == self.given[name]:
            return limit
        if limit.accuracy is not None:
            return self._accurate(name, value, ">=")
        sign = ">=" if name in self.lower else "<="
        return Limit(name, row.replace(sign=sign, limit=fraction_of(value) - (row.offset or 0)))

    def _accurate(self, name: str, value: float, sign: str) -> Limit:
        assert self.asked.predictor is not None
        score = least_score(self.asked.predictor, value)
        row = Row({"score": Fraction(1)}, {}, ">=", fraction_of(max(score, -HIGH_DEGREE)))
        return Limit(name, row, (sign, value))


def _set(names: Sequence[str]) -> str:
    """Return what a minimal set says."""
    if len(names) == 1:
        return f"{names[0]} alone is met by none"
    *most, last = names
    return f"{', '.join(most)} and {last} exclude each other"


def _narrowed(names: Sequence[str], meets: Callable[[Sequence[str]], bool | None]) -> Sets:
    """Return one minimal set of many conditions that nothing meets: what can be left out is."""
    kept = list(names)
    for name in names:
        fewer = [one for one in kept if one != name]
        if meets(fewer) is False:
            kept = fewer
    return [tuple(kept)]
