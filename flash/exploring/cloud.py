"""Fronts under any budgets, live: cut from one front over all metrics, or found anew.

The *cloud* of a space on a target is its exact front over the accuracy and all costs that the
target models, without budgets. Let M be these metrics, each so that less is better, and let S be
some of them, the objectives of a front asked for, under budgets on some of M. Then the front is
what of the cloud meets the budgets and is bettered in S by nothing of the cloud that does:

* Every network x within the budgets has a point p of the cloud that has no more of any metric of M,
  and so is within the budgets too. So no values of S are lost, and none are added: what betters a
  point of the cloud in S has such a p itself, which betters it too.
* Of networks with equal values in S the front has the first by latency, energy, area, score and
  flat index. Let x be that one. Were a point p of the cloud no worse in M and better in one of M,
  it would be within the budgets and have the values of x in S, or better ones, which the front
  rules out; so it would come before x, for latency, energy, area and score are all of M. Hence
  nothing betters x in M, the cloud has its values, and of those with equal values in M the first by
  flat index: x.

Where all budgets are on S itself less is to do: what betters a point within them is within them
too, so that the front is what of the front without them meets them.
"""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock, Thread

from ..base.names import BUDGET_OF, COSTS, COUNTS, LIMITED
from ..errors import FlashError
from ..fronts.finding import pareto
from ..fronts.run import summary
from ..problem.objective import read_budgets

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping, Sequence
    from typing import Any

    from numpy import ndarray

    from ..fronts.front import ParetoFront
    from ..hardware.target import Target
    from ..predictors.predictor import AccuracyPredictor

__all__ = ["LIVE_S", "Fronts", "Kept", "within"]

LIVE_S = 4.0  # what a front may take to be shown at once
CLOUD_S = 30.0  # what the cloud may take, beside all else
LARGEST = 400_000  # points of a cloud that is cut from: of more, cutting takes longer than finding
KEPT = 8  # fronts
NICE = 10  # of the thread that finds the cloud: what the page asks goes first


class Kept:
    """The last few things that were made, each by one thread while others wait for it."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._found: OrderedDict[Hashable, Any] = OrderedDict()
        self._making: dict[Hashable, Lock] = {}
        self._lock = Lock()

    def get(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """Return what was made under a key, or make it; what raises is not kept."""
        with self._lock:
            if key in self._found:
                self._found.move_to_end(key)
                return self._found[key]
            own = self._making.setdefault(key, Lock())
        with own:
            with self._lock:
                if key in self._found:
                    return self._found[key]
            try:
                value = make()
            except BaseException:
                with self._lock:
                    self._making.pop(key, None)
                raise
            with self._lock:
                self._found[key] = value
                self._making.pop(key, None)
                while len(self._found) > self._most:
                    self._found.popitem(last=False)
            return value


class Fronts:
    """The fronts of a space on a target, each as soon as it can be had.

    Parameters
    ----------
    space, target, predictor
        As `flash.pareto` takes them, read.
    """

    def __init__(self, space: Any, target: Target, predictor: AccuracyPredictor | None) -> None:
        self.space, self.target, self.predictor = space, target, predictor
        self._kept = Kept(KEPT)
        self._cloud: _Cloud | None = None
        self._thread: Thread | None = None
        self._closed = False
        self._lock = Lock()

    def prepare(self) -> None:
        """Begin to find the cloud, in a thread of its own; once."""
        with self._lock:
            if self._thread is not None or self._closed:
                return
            self._thread = Thread(target=self._find_cloud, name="flash-cloud", daemon=True)
            self._thread.start()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait for the cloud; return whether there is one."""
        if self._thread is not None:
            self._thread.join(timeout_s)
        return self._cloud is not None

    def close(self) -> None:
        """End what runs beside."""
        self._closed = True

    def _find_cloud(self) -> None:
        _give_way()
        goals = ("accuracy", *self.target.metrics)
        if not 2 <= len(goals) <= 4 or self.target.memory_budgets:
            return
        try:
            found = pareto(
                self.space,
                self.target,
                goals,
                predictor=self.predictor,
                time_limit_s=CLOUD_S,
                callback=lambda event: self._closed or event.points > 4 * LARGEST,
            )
        except (FlashError, MemoryError):  # fronts are then found one by one, and say why not
            return
        if found.exact and len(found) <= LARGEST:
            self._cloud = _Cloud(found)

    def front(
        self,
        goals: Sequence[str],
        budgets: Mapping[str, float],
        *,
        where: Sequence[str] = (),
        codesign: bool = False,
        epsilon: float = 0.0,
    ) -> ParetoFront:
        """Return what `flash.pareto` returns of these arguments, within `LIVE_S` if not exact.

        Raises
        ------
        ArgumentError, ArgumentTypeError
            As `flash.pareto`.
        """
        goals = tuple(goals)
        floor = budgets.get("min_nn_degree")
        if floor is not None and self._by_degree(goals, codesign) and not epsilon:
            others = {name: value for name, value in budgets.items() if name != "min_nn_degree"}
            return within(self.front(goals, others, where=where), {"min_nn_degree": floor})
        more: dict[str, Any] = {"where": list(where) or None, "codesign": codesign}
        plain = not where and not codesign and not epsilon and _plain(budgets)
        checked = self._checked(budgets) if plain else dict(budgets)
        if epsilon:  # a point within a factor of a network's costs may be beyond a budget
            key = (goals, codesign, epsilon, tuple(where), tuple(sorted(checked.items())))
            coarse: ParetoFront = self._kept.get(
                key, lambda: self._found(goals, checked, more, epsilon)
            )
            return coarse
        own = {BUDGET_OF[one] for one in goals}
        if self.predictor is None:
            own.discard("min_accuracy")
        others = {name: value for name, value in checked.items() if name not in own}
        cloud = self._cloud if plain else None
        if cloud is not None and not cloud.holds(goals, others):
            cloud = None
        key = (goals, codesign, 0.0, tuple(where), tuple(sorted(others.items())))
        if cloud is not None:
            base = self._kept.get(key, lambda: cloud.cut(goals, others))
        else:
            base = self._kept.get(key, lambda: self._found(goals, others, more, 0.0))
        rest = {name: value for name, value in checked.items() if name in own}
        cut = within(base, rest) if rest else base
        if len(cut) or not base.exact:
            return cut
        return self._found(goals, checked, more, 0.0)  # what is said of an empty one

    def _by_degree(self, goals: tuple[str, ...], codesign: bool) -> bool:
        """Return whether NN-Degree is what is compared as the accuracy."""
        return self.predictor is None and "accuracy" in goals and not codesign

    def _checked(self, budgets: Mapping[str, float]) -> dict[str, Any]:
        given = dict(budgets)
        least = given.pop("min_accuracy", None)
        values = [given.pop(BUDGET_OF[one], None) for one in (*COSTS, *COUNTS)]
        return read_budgets(values, least, self.target, self.predictor is not None)[0]

    def _found(
        self, goals: tuple[str, ...], budgets: Mapping[str, Any], more: Any, epsilon: float
    ) -> ParetoFront:
        return pareto(
            self.space,
            self.target,
            goals,
            predictor=self.predictor,
            epsilon=epsilon,
            time_limit_s=LIVE_S,
            callback=lambda _: self._closed,
            **budgets,
            **more,
        )


def _give_way() -> None:
    """Let other threads go first, where a thread can."""
    import os
    import sys
    from contextlib import suppress
    from threading import get_native_id

    if sys.platform == "linux":  # elsewhere it would be the process
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, get_native_id(), NICE)


def _plain(budgets: Mapping[str, float]) -> bool:
    """Return whether the budgets are those that the core's fronts have by themselves."""
    return all(LIMITED.get(name) in ("accuracy", *COSTS, *COUNTS) for name in budgets)


class _Cloud:
    """The cloud: its points in the order of what tells equals apart, with the rank of each cost."""

    def __init__(self, front: ParetoFront) -> None:
        import numpy as np

        from .skyline import ranks

        self.front = front
        costs: dict[str, Any] = {"accuracy": -front.values("accuracy")}
        costs |= {name: front.metrics[name] for name in COSTS if name in front.metrics}
        tie = [costs[name] for name in COSTS if name in costs]
        self.rows: Any = np.lexsort([costs["accuracy"], *tie[::-1]])
        self.ranks = {name: ranks(column)[self.rows] for name, column in costs.items()}
        self._orders = Kept(KEPT)

    def holds(self, goals: Sequence[str], others: Mapping[str, float]) -> bool:
        """Return whether a front of these objectives and further budgets can be cut from it."""
        if len(goals) > 3 and set(goals) != set(self.ranks):
            return False
        return set(self.ranks) >= {*goals, *(LIMITED[name] for name in others)}

    def cut(self, goals: tuple[str, ...], others: Mapping[str, float]) -> ParetoFront:
        """Return the front of some objectives under budgets on others: see above."""
        import numpy as np

        from .skyline import ordered, skyline

        own = [self.ranks[one] for one in goals]
        inside = meets(self.front, others)[self.rows] if others else None
        if len(goals) > 3:  # of all its metrics, without others: the cloud in another order
            at: Any = np.lexsort(own[::-1])
        else:
            order: Any = self._orders.get(goals, lambda: ordered(own))
            at = order if inside is None else order[inside[order]]
            at = at[skyline([one[at] for one in own])]
        return taken(self.front, self.rows[at], goals, others)


def meets(front: ParetoFront, budgets: Mapping[str, float]) -> ndarray[Any, Any]:
    """Return which points of a front meet budgets: an array of bool."""
    import numpy as np

    inside = np.ones(len(front), dtype=bool)
    for name, limit in budgets.items():
        metric = name[len("min_") :]
        column = front.metrics[metric]
        inside &= column >= limit if name.startswith("min_") else column <= limit
    return inside


def within(front: ParetoFront, budgets: Mapping[str, float]) -> ParetoFront:
    """Return what of a front meets budgets on its own objectives."""
    import numpy as np

    return taken(front, np.flatnonzero(meets(front, budgets)), front.objectives, budgets)


def taken(
    front: ParetoFront,
    rows: ndarray[Any, Any],
    goals: tuple[str, ...],
    budgets: Mapping[str, float],
) -> ParetoFront:
    """Return the points of some rows as the front of some objectives within more budgets."""
    merged = dict(front.budgets)
    for name, value in budgets.items():
        tighter = max if name.startswith("min_") else min
        merged[name] = tighter(value, merged[name]) if name in merged else value
    columns: dict[str, Any] = {"x": front.x[rows]}
    for name in ("chosen", "cell_bits"):
        whole = getattr(front, name)
        columns[name] = None if whole is None else whole[rows]
    metrics = {name: column[rows] for name, column in front.metrics.items()}
    for column in (*columns.values(), *metrics.values()):
        if column is not None:
            column.flags.writeable = False
    where = " on any accelerator" if front.chosen is not None else ""
    cut = front.replace(
        objectives=goals,
        budgets=merged,
        metrics=metrics,
        message=summary(len(rows), front.stopped, front.epsilon, where),
        **columns,
    )
    cut.__dict__["_told_by"] = front._told_by
    return cut
