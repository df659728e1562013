"""Task: the problem as a search method sees it. One interface for all of them.

A method is ``run(task: Task) -> None``: it asks for rows of choice indices and returns when it is
done. Counting, budgets, limits, the best so far, the journal and the trace are the task's; a limit
ends the method by an exception that it must not catch.
"""

from __future__ import annotations

from math import prod
from time import perf_counter

import numpy as np

from ..base.checks import log, public
from ..base.names import N_METRICS, Metric
from ..base.record import Shown
from ..errors import ArgumentError, ArgumentTypeError
from ..problem.objective import limits_on
from ._answers import Answers, Best, Stop, ask

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from numpy.typing import NDArray

    from ..base.html import Part
    from ..evaluators import Evaluator, Pools
    from ..hardware.target import Target
    from ..predictors.predictor import AccuracyPredictor
    from ..problem.objective import Objective
    from ..solving.ground import Ground
    from ._journal import Journal

    Rows = NDArray[np.int64]
    Floats = NDArray[np.float64]

__all__ = ["Answers", "Best", "Stop", "Task"]

INF = float("inf")
IDLE = 100_000  # rows asked for without a new network among them: nothing is left to be found
IDLE_CALLS = 500  # the same in calls
KEPT = 1 << 20  # evaluations remembered of an evaluator that costs next to nothing


def is_network(metrics: Floats) -> NDArray[np.bool_]:
    """Return which rows are networks, by what `Ground.charge` says of them."""
    found: NDArray[np.bool_] = np.isfinite(metrics[Metric.PARAMS])
    return found


def checked_rows(rows: Any, lengths: NDArray[np.int64]) -> Rows:
    """Return rows of choice indices, or raise an error that says which are none."""
    found: Any = np.asarray(rows)
    n = len(lengths)
    if found.ndim != 2 or found.shape[1] != n:
        raise ArgumentError(
            f"rows must be of shape (n, {n}), a choice index for each variable, got {found.shape}"
        )
    if found.size and found.dtype.kind not in "iu":
        raise ArgumentTypeError(f"rows must be integers, got {found.dtype}")
    wrong = (found < 0) | (found >= lengths)
    if wrong.any():
        row, place = map(int, np.argwhere(wrong)[0])
        raise ArgumentError(
            f"rows[{row}][{place}] must be a choice index from 0 to {lengths[place] - 1}, got "
            f"{found[row, place]}"
        )
    return found.astype(np.int64, copy=False)  # type: ignore[no-any-return]


@public
class Task(Shown):
    """A space, a target, budgets, an evaluator and limits, for one run of one method.

    Parameters
    ----------
    ground : Ground
        The space on the target.
    evaluator : Evaluator
    objective : Objective
        The score, or a weighted product (no function).
    limits : sequence of float
        Budgets in the core's order, inf where there is none.
    least : float
        The least accuracy, -inf where any will do.
    predictor : AccuracyPredictor or None
        Links the core's scores to accuracies.
    seed : int
    options : mapping
        The method's options, complete and checked.
    max_evals : int or None
        Networks whose accuracy may be asked for.
    ends_at : float
        Until when, by `time.perf_counter`.
    notify : callable, optional
        Takes (objective so far or None, evaluations) and returns whether to stop.
    journal : Journal, optional
    checked : bool, default False
        Look at rows before they are taken: methods from outside may ask for what is none.

    Attributes
    ----------
    rng : numpy.random.Generator
        The only source of chance.
    lengths, groups
        The ground's: choices of each variable, and which variables make a cell.
    asked : int
        Rows that were asked for: samples, repetitions and rows over budget included.
    feasible : int
        Those of them that were within the budgets; one of too little accuracy is not.
    nfev : int
        Networks whose accuracy was asked for, each once: evaluations.
    cost_s : float
        What these evaluations cost in seconds: what the evaluator says, else the time it took.
    best : Best or None
    remark : str or None
        What a method has to say of its end: it follows in the result's message.
    trace : list of (asked, nfev, seconds, objective)
        One entry whenever a better network was found; seconds are the method's own time so far plus
        `cost_s`, so that evaluations from a journal or a table count what they cost.
    """

    def __init__(
        self,
        ground: Ground,
        evaluator: Evaluator,
        objective: Objective,
        limits: Sequence[float],
        least: float = -INF,
        predictor: AccuracyPredictor | None = None,
        *,
        seed: int = 0,
        options: Mapping[str, Any] | None = None,
        max_evals: int | None = None,
        ends_at: float = INF,
        notify: Callable[[float | None, int], bool] | None = None,
        journal: Journal | None = None,
        checked: bool = False,
    ) -> None:
        self.ground = ground
        self.evaluator: Evaluator = evaluator
        self.objective = objective
        self.predictor = predictor
        self.options: dict[str, Any] = dict(options or {})
        self.rng: np.random.Generator = np.random.default_rng(seed)
        self.lengths: NDArray[np.int64] = ground.lengths
        self.groups: tuple[NDArray[np.int64], ...] = ground.groups
        self.max_evals = max_evals
        self.ends_at = ends_at
        self.notify = notify
        self.journal = journal
        self.checked = checked
        self.least = least
        self.asked: int = 0
        self.feasible: int = 0
        self.nfev: int = 0
        self.cost_s: float = 0.0
        self.best: Best | None = None
        self.trace: list[tuple[int, int, float, float]] = []
        self.remark: str | None = None
        self.limits: list[float] = list(limits)
        self._limited = [k for k in limits_on(limits) if k != Metric.SCORE]
        self._limits = np.array([limits[k] for k in self._limited])[:, None]
        self._known: dict[Any, float] = {}
        self._drawn: dict[Any, tuple[int, ...]] = {}
        self._idle = self._idle_calls = 0
        self._from = 0  # evaluations before the evaluator was another
        self._started = perf_counter()
        self._away = 0.0  # time inside the evaluator
        lengths = self.lengths.tolist()
        values = [prod(lengths[k + 1 :]) for k in range(len(lengths))]  # of a step of each digit
        self._places = np.array(values) if prod(lengths) < 1 << 62 else None

    @property
    def spent_s(self) -> float:
        """The method's own seconds so far and `cost_s`."""
        own = perf_counter() - self._started - self._away + self.ground.saved_s
        return own + self.cost_s

    # What a method uses

    @property
    def space(self) -> Any:
        """The space: a SearchSpace, or a NetworkSpace."""
        return self.ground.space

    @property
    def target(self) -> Target:
        """The target."""
        return self.ground.target

    def _parts(self) -> list[Part]:
        from ..base.html import facts, told

        best = None if self.best is None else told(self.reported(self.best.merit))
        return [
            f"{self.space.family} on {self.target.name}, judged by {self.evaluator.title}",
            facts(
                {
                    "rows asked for": told(self.asked),
                    "within the budgets": told(self.feasible),
                    "evaluations": told(self.nfev),
                    "at most": None if self.max_evals is None else told(self.max_evals),
                    "best so far": best,
                    "options": told(self.options) or None,
                }
            ),
        ]

    def draw(self, n: int) -> Rows:
        """Draw `n` rows, each configuration of the space as likely as any other."""
        return self.ground.draw(self.rng, n)

    def canonical(self, rows: Rows) -> Rows:
        """Return the rows that stand for all that are the same configuration."""
        return self.ground.canonical(rows)

    def keys(self, rows: Rows) -> list[Any]:
        """Return a number or text for each canonical row, equal where rows are equal."""
        if self._places is not None:
            keys: list[Any] = (rows @ self._places).tolist()
            return keys
        return [row.tobytes() for row in rows]

    def excess(self, rows: Rows, *, look: bool = True) -> Floats:
        """Return how far rows are over the budgets (0: within), by the cost model alone.

        Neither samples nor evaluations: it only looks at the limits of time, where it is to.
        """
        rows = self._rows(rows)
        if look:
            self.look()
        return self._over(self.ground.costs(rows))

    def evaluate(self, rows: Rows, *, over: bool = False) -> Answers:
        """Ask for rows of choice indices.

        Rows over a budget cost nothing but the look at their costs and have merit -inf; the others
        cost an evaluation each, the first time.

        Parameters
        ----------
        rows : int array, shape (n, variables)
        over : bool, default False
            Whether to evaluate the accuracy of rows over budget too: for a soft constraint.

        Raises
        ------
        Stop
            At a limit: the rows until then were still weighed.
        EvaluationError
            If the evaluator failed.
        """
        rows = self._rows(rows)
        n = len(rows)
        self.asked += n
        metrics = self.ground.costs(rows)
        excess = self._over(metrics)
        wanted = is_network(metrics) if over else excess == 0.0
        self.ground.add_scores(rows, metrics, wanted)
        known = self.evaluator.knows(self.ground, rows)
        if known is not None:
            wanted &= known
        keys = self.keys(rows)
        fresh = self._fresh(keys, wanted)
        before = (self.asked - n, self.nfev, self.cost_s)
        spent: list[float] = []
        stop: BaseException | None
        try:
            stop = self._evaluate(rows, metrics, keys, fresh, spent)
        except (KeyboardInterrupt, Exception) as error:  # what was evaluated before it counts
            stop = error
        self._idle, self._idle_calls = (0, 0) if fresh else (self._idle + n, self._idle_calls + 1)
        nothing = float("nan")
        found = [self._known.get(key, nothing) for key in keys]
        accuracy = np.where(wanted, np.array(found, dtype=np.float64).reshape(n), nothing)
        likely = self._merit(accuracy, metrics)
        merit = self._within(likely, accuracy, excess)
        self.feasible += int((wanted & (excess == 0.0) & ~(accuracy < self.least)).sum())
        self._consider(rows, merit, accuracy, metrics, (before, fresh[: len(spent)], spent))
        if stop is not None:
            raise stop
        if self._idle >= IDLE or self._idle_calls >= IDLE_CALLS:
            raise Stop(None)
        if self.nfev - self._from >= self.ground.distinct:
            raise Stop(None)
        self.look()
        return Answers(merit, likely, accuracy, excess, metrics)

    def merits(self, accuracy: Floats, metrics: Floats) -> Floats:
        """Return what is maximised for known accuracies: see `Answers.merit`."""
        return self._within(self._merit(accuracy, metrics), accuracy, self._over(metrics))

    def usage(self, rows: Rows) -> Floats:
        """Return the largest share of a budget that rows use; of latency where there is none.

        Infinite where a row is no network. It only looks at costs, as `excess` does.
        """
        rows = self._rows(rows)
        self.look()
        return self.used(self.ground.costs(rows))

    def used(self, metrics: Floats) -> Floats:
        """Return what `usage` does, of metrics."""
        if self._limited:
            used = (metrics[self._limited] / self._limits).max(axis=0)
        else:
            used = metrics[Metric.LATENCY]
        return np.where(is_network(metrics), used, INF)

    def focus(self, pools: Pools, share: float = 1.0) -> bool:
        """Have an evaluator for part of the space, where there is one (`Evaluator.focused`).

        What was evaluated before counts as an evaluation, and is compared with nothing after: best
        and known accuracies are forgotten. The journal ends.
        """
        found = self.evaluator.focused(self.ground, pools, share)
        if found is None:
            return False
        self.judge_by(*found)
        return True

    def judge_by(self, evaluator: Evaluator, seconds: float) -> None:
        """Have another evaluator from here on, which took so long to prepare: see `focus`."""
        self.evaluator = evaluator
        self.cost_s += seconds
        self._known, self._from = {}, self.nfev
        self.best = self.journal = None

    def drawn(self, rows: Rows) -> tuple[Rows, Floats]:
        """Count rows that the method weighs by itself; return (canonical rows, their excess).

        All are samples, and each network is an evaluation the first time, as by `evaluate`.

        Raises
        ------
        Stop
            At a limit. One evaluation of `max_evals` stays for the answer.
        """
        rows = self._rows(rows)
        self.look()
        fresh = {
            key: tuple(row)
            for key, row in zip(self.keys(rows), rows.tolist(), strict=True)
            if key not in self._drawn
        }
        if self.max_evals is not None and self.nfev + len(fresh) >= self.max_evals:
            raise Stop("max_evals")
        self._drawn.update(fresh)
        self.asked += len(rows)
        self.nfev += len(fresh)
        return rows, self._over(self.ground.charge(rows))

    @property
    def networks(self) -> Rows:
        """What `drawn` has counted, each network once, in the order of coming."""
        return np.array(list(self._drawn.values()), dtype=np.int64).reshape(-1, len(self.lengths))

    def go_on(self, networks: Rows, asked: int) -> None:
        """Count what a run drew that this one goes on from."""
        self._drawn = dict(zip(self.keys(networks), map(tuple, networks.tolist()), strict=True))
        self.nfev += len(self._drawn)
        self.asked += asked

    # How it is done

    def _rows(self, rows: Rows) -> Rows:
        """Return the canonical rows of what a method asks for."""
        if self.checked:
            rows = checked_rows(rows, self.lengths)
        return self.canonical(np.asarray(rows, dtype=np.int64))

    def _over(self, metrics: Floats) -> Floats:
        if not self._limited:
            return np.where(is_network(metrics), 0.0, INF)
        used = metrics[self._limited]
        ratio = (used / self._limits).max(axis=0) - 1.0
        fits = (used <= self._limits).all(axis=0)  # exactly, as the core decides
        return np.where(fits, 0.0, np.maximum(ratio, 1e-15))

    def _fresh(self, keys: list[Any], wanted: NDArray[np.bool_]) -> list[int]:
        """Return the places of networks that were never evaluated, each once."""
        known, seen, out = self._known, set(), []
        for place in np.flatnonzero(wanted).tolist():
            key = keys[place]
            if key not in known and key not in seen:
                seen.add(key)
                out.append(place)
        return out

    def _evaluate(
        self, rows: Rows, metrics: Floats, keys: list[Any], fresh: list[int], spent: list[float]
    ) -> Stop | None:
        """Evaluate new networks in chunks, up to a limit; add to `spent` what each cost."""
        stop = None
        if self.max_evals is not None and self.nfev + len(fresh) > self.max_evals:
            fresh = fresh[: self.max_evals - self.nfev]
            stop = Stop("max_evals")
        if len(self._known) + len(fresh) > KEPT and not self.evaluator.expensive:
            self._known.clear()
        size = self.evaluator.chunk or max(1, len(fresh))
        for first in range(0, len(fresh), size):
            if first:
                try:
                    self.look()
                except Stop as early:
                    return early
            part = fresh[first : first + size]
            spent += self._ask(rows[part], metrics[:, part], [keys[i] for i in part])
        return stop

    def _ask(self, rows: Rows, metrics: Floats, keys: list[Any]) -> list[float]:
        """Have one chunk evaluated, or read it from the journal; return the seconds of each."""
        accuracy = np.full(len(rows), np.nan)
        seconds = np.zeros(len(rows))
        recalled = [] if self.journal is None else self.journal.recall(rows)
        rest = list(range(len(rows)))
        if recalled:
            for place, line in enumerate(recalled):
                if line is not None:
                    accuracy[place], seconds[place] = line
            rest = [place for place, line in enumerate(recalled) if line is None]
            hits = len(rows) - len(rest)
            log("methods", "%d of %d from the journal", hits, len(rows), detail=True)
        if rest:
            started = perf_counter()
            found, cost = ask(self.evaluator, self.ground, rows[rest], metrics[:, rest])
            took = perf_counter() - started
            self._away += took
            accuracy[rest] = found
            seconds[rest] = took / len(rest) if cost is None else cost
            if self.journal is not None:
                self.journal.write(rows[rest], accuracy[rest], seconds[rest])
        self._known.update(zip(keys, accuracy.tolist(), strict=True))
        self.nfev += len(rows)
        costs: list[float] = seconds.tolist()
        self.cost_s += sum(costs)
        return costs

    def _merit(self, accuracy: Floats, metrics: Floats) -> Floats:
        exponents = self.objective.exponents
        if exponents is None:  # scores, where there are some: accuracies may round to the same
            plain = self.ground.tabled and not self.evaluator.expensive
            return (
                np.where(np.isnan(accuracy), np.nan, metrics[Metric.SCORE])
                if plain
                else accuracy.copy()
            )
        total = np.zeros(len(accuracy))
        with np.errstate(divide="ignore", invalid="ignore"):
            for k in range(N_METRICS):
                if exponents[k]:
                    total += exponents[k] * np.log(metrics[k] if k else accuracy)
        total[np.isnan(total)] = -INF  # as the core: 0 times infinity
        return total

    def _within(self, likely: Floats, accuracy: Floats, excess: Floats) -> Floats:
        """Return merits, -inf where a budget is broken."""
        out = (excess > 0.0) | np.isnan(accuracy)
        if self.least > -INF:
            out |= ~(accuracy >= self.least)
        return np.where(out, -INF, likely)

    def _consider(
        self,
        rows: Rows,
        merit: Floats,
        accuracy: Floats,
        metrics: Floats,
        spent: tuple[tuple[int, int, float], list[int], list[float]],
    ) -> None:
        """Weigh rows against the best so far."""
        ours = self.ground.is_member(rows)
        if ours is not None:
            merit = np.where(ours, merit, -INF)
        top = float(merit.max(initial=-INF))
        best = self.best
        if top == -INF or (best is not None and top < best.merit):
            return
        found = best
        for place in np.flatnonzero(merit == top).tolist():
            costs = metrics[Metric.ALL_COSTS, place].tolist()
            row = tuple(rows[place].tolist())
            key = (-top, *costs, -float(metrics[Metric.SCORE, place]), row)
            if found is None or key < found.key:
                found = Best(key, row, float(accuracy[place]), metrics[:, place].copy())
        if found is best or found is None:
            return
        self.best = found
        if best is None or found.merit > best.merit:
            self._record(merit, -INF if best is None else best.merit, *spent)

    def _record(
        self,
        merit: Floats,
        best: float,
        before: tuple[int, int, float],
        fresh: list[int],
        spent: list[float],
    ) -> None:
        """Add the steps of one batch to the trace, as if its rows had come one by one."""
        asked, nfev, cost_s = before
        own = self.spent_s - self.cost_s
        peaks = np.maximum.accumulate(merit)
        last = np.concatenate(([best], np.maximum(peaks[:-1], best)))
        done = 0
        for place in np.flatnonzero(merit > last).tolist():
            while done < len(fresh) and fresh[done] <= place:
                cost_s += spent[done]
                done += 1
            step = (asked + place + 1, nfev + done, own + cost_s, self.reported(merit[place]))
            self.trace.append(step)

    def reported(self, merit: float) -> float:
        """Return a merit on the scale of `SearchResult.objective`."""
        score = self.ground.tabled and not self.evaluator.expensive
        return float(self.objective.report(float(merit), self.predictor if score else None))

    def look(self) -> None:
        """Stop at the time limit, or where a callback wants it."""
        if perf_counter() >= self.ends_at:
            raise Stop("time_limit_s")
        if self.notify is not None:
            best = None if self.best is None else self.reported(self.best.merit)
            if self.notify(best, self.nfev):
                raise Stop("callback")
