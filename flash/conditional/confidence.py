"""Budgets that hold for the upper end of costs' intervals, beside conditions.

A budget is relaxed to bounds that every network meets whose upper end is within it (see
`flash.hardware._cuts`): each is the cost by other coefficients, so the tables of one more device.
An answer whose own upper ends are over a budget gives another bound, or is left out alone where no
bound tells it from others. So what is found at last is the best, proven.
"""

from __future__ import annotations

from fractions import Fraction
from math import inf

from .._core.search.exact import Query, Search
from ..base.names import COSTS, N_METRICS, Metric
from ..choosing.conditions import Row
from ..errors import ArgumentError
from ..hardware._cuts import End, cut_at
from ..hardware._prediction import area_of_all, unseen_features
from ..networks.operations import charged
from ..problem.compiling import compile_problem
from ..spaces.values import sizes_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from ..hardware.target import Target
    from ..spaces.space import SearchSpace
    from .tables import Tables

    Budget = tuple[str, str]  # of a device by its name, and a cost

__all__ = ["Part", "Sure"]

UNIT = 1e-9  # of a feature as a latency: totals stay within those of tables
LEAST_S = 2.0  # for the question whether every network has a feature


class Part:
    """A part of the space, and the bounds that its networks meet.

    Parameters
    ----------
    ends : dict
        The curve of each budget.
    rows : list of Row
        The bounds so far.
    """

    def __init__(self, ends: Mapping[Budget, End], rows: list[Row]) -> None:
        self.ends, self.rows = dict(ends), rows


class Sure:
    """The level at which budgets hold, on which devices, and what is known of them so far.

    Parameters
    ----------
    space : SearchSpace
    devices : dict of str to Target
    budgets : dict of str to float
    level : float

    Raises
    ------
    ArgumentError
        If no budget is on a cost with intervals.
    """

    def __init__(
        self,
        space: SearchSpace,
        devices: Mapping[str, Target],
        budgets: Mapping[str, float],
        level: float,
    ) -> None:
        self.space, self.devices, self.level = space, devices, level
        self.budgets: dict[Budget, float] = {}
        told = []
        for name, target in devices.items():
            known = (target.intervals or {}).get(target.set_for(space.family), {})
            told.append(f"{target.name!r} has {', '.join(known) or 'none'}")
            for metric in COSTS:
                if metric in known and f"max_{metric}" in budgets:
                    self.budgets[name, metric] = budgets[f"max_{metric}"]
        if not self.budgets:
            raise ArgumentError(
                "confidence needs a budget on a cost with intervals: "
                f"{'; '.join(told)} for {space.family}"
            )

    def among(self, names: Sequence[str]) -> dict[Budget, float]:
        """Return the budgets of some names: ``max_latency_ms``."""
        return {key: value for key, value in self.budgets.items() if f"max_{key[1]}" in names}

    def parts(self, tables: Tables, budgets: Mapping[Budget, float], left_s: float) -> list[Part]:
        """Return parts that hold all networks that meet the budgets.

        A network with a feature that no measured one had lies farther outside, and so do its
        intervals. Of one device that some networks have such a feature of, there are two parts:
        the networks without any, and all of them.
        """
        net = self.space.decode(0)
        counted = charged(net.network())
        beyond: dict[str, float] = {}
        apart: tuple[str, ...] = ()
        for name, target in self.devices.items():
            family = self.space.family
            beyond[name] = area_of_all(target, family, counted, sizes_of(self.space))
            unseen = unseen_features(target, family)
            if unseen and self._least(target, unseen, left_s) > 0.0:
                beyond[name] += 1.0
            elif len(self.devices) == 1:
                apart = unseen
        found = [self._part(budgets, beyond)]
        if apart:
            (target,) = self.devices.values()
            place = target.set_for(self.space.family)
            table = {**target.coefficients[place], "latency_ms": dict.fromkeys(apart, UNIT)}
            counting = target.replace(coefficients={**target.coefficients, place: table})
            called = tables.add(compile_problem(self.space, counting), "latency_ms")
            found[0].rows.append(Row({called: Fraction(1)}, {}, "<=", Fraction(UNIT / 4.0)))
            found.append(self._part(budgets, {name: one + 1.0 for name, one in beyond.items()}))
        return found

    def _part(self, budgets: Mapping[Budget, float], beyond: Mapping[str, float]) -> Part:
        ends, rows = {}, []
        for (name, metric), budget in budgets.items():
            target = self.devices[name]
            end = End(target, self.space.family, metric, self.level, budget, beyond[name])
            ends[name, metric] = end
            called = f"{metric}@{name}" if name else metric
            limit = Fraction(end.flat().limit)
            rows.append(Row({called: Fraction(1)}, {}, "<=", limit))
        return Part(ends, rows)

    def _least(self, target: Target, features: Sequence[str], left_s: float) -> float:
        """Return the least total of features in the space; 0 where it takes too long to know."""
        place = target.set_for(self.space.family)
        table = {"latency_ms": dict.fromkeys(features, UNIT)}
        counting = target.replace(coefficients={**target.coefficients, place: table})
        exponents = [-1.0 if k == Metric.LATENCY else 0.0 for k in range(N_METRICS)]
        query = Query([inf] * N_METRICS, -inf, exponents)
        tables = compile_problem(self.space, counting).tables
        core = Search(tables, query, time_limit_s=min(LEAST_S, max(left_s, 0.0)))
        core.prove()
        if core.best is None or core.stopped:
            return 0.0
        return float(core.best[3][Metric.LATENCY])

    def over(self, net: Any, budgets: Mapping[Budget, float]) -> list[Budget]:
        """Return the budgets that a network's upper ends are over."""
        ends = {
            name: self.devices[name].interval(net, self.level)
            for name in {key[0] for key in budgets}
        }
        return [key for key, budget in budgets.items() if ends[key[0]][key[1]][1] > budget]

    def bound(self, tables: Tables, part: Part, net: Any, over: Sequence[Budget]) -> bool:
        """Add bounds that a network's costs give; whether there is one."""
        counted = charged(net.network())
        more = False
        for name, metric in over:
            target = self.devices[name]
            cost = target.cost(net)
            costs = {one: getattr(cost, one) or 0.0 for one in COSTS}
            cut = cut_at(part.ends[name, metric], counted, costs)
            if not cut.coefficients:
                continue
            place = target.set_for(self.space.family)
            table = {**target.coefficients[place], **cut.coefficients}
            bent = target.replace(coefficients={**target.coefficients, place: table})
            called = tables.add(compile_problem(self.space, bent), metric)
            part.rows.append(Row({called: Fraction(1)}, {}, "<=", Fraction(cut.limit)))
            more = True
        return more
