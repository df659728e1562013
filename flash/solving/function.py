"""A user's own objective: hierarchical SHGO over batches, never proven.

Its levels are a reconstruction of FLASH's, as those of `flash/_core/search/shgo.pyx` are. The core
knows nothing of a Python function, so no bound exists. The lattice, its star and the moves are
those of the compiled SHGO; configurations are costed by the core in batches and only those within
the budgets reach the function, compiled through numba where that helps (`_numba`).
"""

from __future__ import annotations

from time import perf_counter

import numpy as np

from .._core.costing import batch
from ..base.names import Metric
from ..base.record import Record
from ..errors import ArgumentError, ArgumentTypeError, FlashError
from ..spaces.index import GLOBALS, places_of
from .compiled import CLOSE, Again, Scorer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

    from .run import Run

__all__ = ["ObjectiveError", "explore_function"]

VERTICES = 2048
STARTS = 4


class ObjectiveError(FlashError, RuntimeError):
    """A user's objective function raised; its own exception is the cause."""


class _Stop(Exception):
    """A limit was reached."""


class _Batches:
    """Costs, feasibility and the user's score of rows of choice indices, each row once."""

    def __init__(self, run: Run, scorer: Scorer, deadline: float, most: int) -> None:
        self.run = run
        self.scorer = scorer
        self.limits = run.limits
        self.deadline = deadline
        self.most = most
        self.seen: dict[bytes, float] = {}
        self.count = 0
        self.best: tuple[float, NDArray[Any]] | None = None
        self.stopped: str | None = None

    def __call__(self, rows: NDArray[Any]) -> NDArray[Any]:
        """Scores, -inf where over a budget."""
        keys = [row.tobytes() for row in rows]
        fresh = list({key: i for i, key in enumerate(keys) if key not in self.seen}.values())
        if self.most >= 0 and self.count + len(fresh) > self.most:
            fresh = fresh[: max(0, self.most - self.count)]
            self.stopped = "max_evals"
        if fresh:
            self._weigh(rows[fresh], [keys[i] for i in fresh])
        if self.stopped is None and perf_counter() >= self.deadline:
            self.stopped = "time_limit_s"
        if self.stopped is None and self.run.tell is not None:
            best = None if self.best is None else self.best[0]
            if self.run.tell(best, None, self.count):
                self.stopped = "callback"
        if self.stopped:
            raise _Stop
        return np.array([self.seen[key] for key in keys])

    def _weigh(self, rows: NDArray[Any], keys: list[bytes]) -> None:
        data, fits = self._describe(rows)
        self.count += len(rows)
        scores = np.full(len(rows), -np.inf)
        if fits.any():
            scores[fits] = self._ask({name: value[fits] for name, value in data.items()})
        self.seen.update(zip(keys, scores.tolist(), strict=True))
        top = int(np.argmax(scores))
        if scores[top] > -np.inf and (self.best is None or scores[top] > self.best[0]):
            self.best = (float(scores[top]), rows[top].copy())

    def _describe(self, rows: NDArray[Any]) -> tuple[dict[str, Any], NDArray[Any]]:
        """What the function is given, and which rows are within the budgets."""
        from ..problem.compiling import nn_degrees

        problem = self.run.problem
        places = places_of(problem.space, rows)
        metrics = np.asarray(batch.evaluate(problem.tables, *places))
        limits = np.array(self.limits[Metric.LIMITED])[:, None]
        fits = np.all(metrics[Metric.LIMITED] <= limits, axis=0)
        scores = metrics[Metric.SCORE]
        data: dict[str, Any] = {"nn_degree": nn_degrees(problem, scores, lambda: places)}
        if problem.predictor is not None:
            predict = problem.predictor.accuracy_of
            data["accuracy"] = np.array([predict(float(g)) for g in scores])
            least = self.run.budgets.get("min_accuracy")
            if least is not None:
                fits &= data["accuracy"] >= least
        data.update(problem.target.costs_among(metrics))
        data["params"] = metrics[Metric.PARAMS].astype(np.int64)
        data["macs"] = metrics[Metric.MACS].astype(np.int64)
        data["choices"] = self.run.choices(rows)
        return data, fits

    def confirm(self) -> bool:
        """Whether the plain function agrees with a compiled one's score of the best so far.

        Its own score is taken, and where it is another the function runs as it is from now on.
        """
        if not self.scorer.may_differ or self.best is None:
            return True
        (score, row), note = self.best, self.scorer.note
        self.scorer.drop("its compiled score of the best configuration is another")
        self.best = None
        try:
            own = float(self._ask(self._describe(row[None])[0])[0])
        except FlashError:  # not within this batch alone
            return False
        if own > -np.inf:
            self.best = (own, row)
        if not np.isclose(own, score, rtol=CLOSE, atol=0.0):
            return False
        self.scorer.note = note
        return True

    def _ask(self, data: dict[str, Any]) -> NDArray[Any]:
        """The user's scores, checked."""
        name = self.run.wanted.name(False)
        n = len(data["choices"])
        try:
            scores = self.scorer(data)
        except Again:
            raise
        except Exception as error:
            raise ObjectiveError(
                f"objective {name!r} raised {type(error).__name__} on {n} configurations: {error}"
            ) from error
        try:
            array = np.asarray(scores)
            if array.dtype.kind == "c":
                raise TypeError
            array = array.astype(float)
        except (TypeError, ValueError):
            raise ArgumentTypeError(
                f"objective {name!r} must return an array of {n} numbers, "
                f"got {type(scores).__name__}"
            ) from None
        if array.shape != (n,):
            raise ArgumentError(
                f"objective {name!r} must return one score per configuration, shape ({n},), "
                f"got shape {array.shape}"
            )
        if np.isnan(array).any():
            raise ArgumentError(
                f"objective {name!r} returned NaN for {int(np.isnan(array).sum())} of {n} "
                "configurations; return -inf for what must not be chosen"
            )
        return array


class Found(Record):
    """What was found without a core search: no row where nothing is within the budgets."""

    row: tuple[int, ...] | None
    score: float | None
    metrics: tuple[float, ...] | None  # of the row, by the problem's tables
    nfev: int
    stopped: str | None
    note: str  # how a function was run, and why


def explore_function(run: Run, limit_s: float, most: int) -> Found:
    """Search by SHGO, within a time limit and a number of evaluations (-1: any)."""
    function = run.wanted.function
    assert function is not None
    scorer = Scorer(function, run.wanted.compiled, limit_s)
    ask = _Batches(run, scorer, run.started + limit_s, most)
    try:
        _explore(ask)
        again = not ask.confirm() and ask.stopped in (None, "max_evals")
    except Again:
        again = True
    if again:  # the whole search with the plain function
        ask = _Batches(run, scorer, run.started + limit_s, most)
        _explore(ask)
    row, score, metrics = None, None, None
    if ask.best is not None:
        score, row = ask.best[0], tuple(int(v) for v in ask.best[1])
        problem = run.problem
        columns = batch.evaluate(problem.tables, *places_of(problem.space, ask.best[1][None]))
        metrics = tuple(np.asarray(columns)[:, 0].tolist())
    return Found(row, score, metrics, ask.count, ask.stopped, scorer.note)


def _explore(ask: _Batches) -> None:
    """Fill `ask` with the hierarchy's configurations, until all are asked or a limit is reached."""
    run = ask.run
    lengths = np.array(run.problem.space.lengths)
    try:
        pool: list[tuple[float, NDArray[Any]]] = []
        for first in np.ndindex(*(int(n) for n in lengths[:GLOBALS])):
            pool += _coarse(ask, lengths, np.array(first))
        pool.sort(key=lambda item: -item[0])
        for _, row in pool[:STARTS]:
            _refine(ask, lengths, row)
    except _Stop:
        pass
    except KeyboardInterrupt:
        ask.stopped = "interrupt"


def _coarse(
    ask: _Batches, lengths: NDArray[Any], first: NDArray[Any]
) -> list[tuple[float, NDArray[Any]]]:
    """Minimisers of a lattice with few levels per variable, for one set of global choices."""
    inner = lengths[GLOBALS:]
    free = np.flatnonzero(inner > 1)
    levels = np.ones(len(inner), dtype=int)
    for step in (2, 3, 4, 5):
        for k in free:
            more = levels.copy()
            more[k] = min(step, int(inner[k]))
            if np.prod(more.astype(float)) <= VERTICES:
                levels = more
    grids = [
        np.unique(np.linspace(0, n - 1, m).round().astype(int))
        if m > 1
        else np.array([(n - 1) // 2])
        for n, m in zip(inner, levels, strict=True)
    ]
    shape = tuple(len(g) for g in grids)
    points = np.stack([g.ravel() for g in np.meshgrid(*grids, indexing="ij")], axis=1)
    rows = np.hstack([np.tile(first, (len(points), 1)), points])
    scores = ask(rows).reshape(shape)
    # the star: one step up or down together in any set of the axes that have steps
    axes = [k for k, n in enumerate(shape) if n > 1][:8]
    minimal = scores > -np.inf
    for subset in range(1, 1 << len(axes)):
        here = [slice(None)] * len(shape)
        there = [slice(None)] * len(shape)
        for bit, axis in enumerate(axes):
            if subset >> bit & 1:
                here[axis], there[axis] = slice(None, -1), slice(1, None)
        minimal[tuple(here)] &= scores[tuple(there)] <= scores[tuple(here)]
        minimal[tuple(there)] &= scores[tuple(here)] < scores[tuple(there)]
    chosen = np.flatnonzero(minimal.ravel())
    return [(float(scores.ravel()[i]), rows[i]) for i in chosen]


def _refine(ask: _Batches, lengths: NDArray[Any], row: NDArray[Any]) -> None:
    """Local search with shrinking steps: one variable, or two at once."""
    free = [k for k in range(GLOBALS, len(lengths)) if lengths[k] > 1]
    here = float(ask(row[None])[0])
    for scale in range(2, 9):
        steps = {k: max(1, int(lengths[k]) >> scale) for k in free}
        moves = [(k, s * steps[k]) for k in free for s in (-1, 1)]
        while True:
            trials = [row.copy() for _ in moves]
            for trial, (k, by) in zip(trials, moves, strict=True):
                trial[k] = min(max(0, int(trial[k]) + by), int(lengths[k]) - 1)
            for i, (k, _) in enumerate(moves):
                for j, other in moves[i + 1 :]:
                    if j != k:
                        trial = trials[i].copy()
                        trial[j] = min(max(0, int(trial[j]) + other), int(lengths[j]) - 1)
                        trials.append(trial)
            scores = ask(np.array(trials))
            top = int(np.argmax(scores))
            if not scores[top] > here:
                break
            here, row = float(scores[top]), trials[top]
        if all(step == 1 for step in steps.values()):
            return
