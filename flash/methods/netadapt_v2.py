"""NetAdaptV2 (Yang, Liao, Sze; arXiv 2104.00031): multi-layer coordinate descent to a budget.

From the largest network, step by step to one within the budgets. The resource of a network is the
largest share of a budget that it uses, so that any metric a target knows will do, and several at
once; with ``measure`` latencies are measured here, in budgets and in the result, network by network
(a step shrinks by the target's model, which stands for the paper's lookup tables). A step makes
`samples` networks, each by shrinking a random set of `layers` layers until the step's target holds,
and goes on from the one of the best accuracy.

Seen in the paper's abstract and introduction: several layers at a time, any metric. From memory:
the steps above. Reconstruction: the targets follow a geometric series in the logarithm of the
resource, with steps that shrink by `decay` and end at the budget after `iterations`; a layer is a
group of variables (a cell, or a block of a `BypassSpace`); it shrinks by one choice of one variable
at a time. The paper's final training is the user's (`Supernet.cut`, `SearchResult.to_torch`).

NetAdapt (Yang et al., arXiv 1804.03230), its baseline, shrinks one layer at a time:
`flash.methods.netadapt`.
"""

from __future__ import annotations

import numpy as np

from ..base.names import Metric
from ..errors import ArgumentError
from ..solving.ground import Ground
from . import MethodOption

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from numpy.typing import NDArray

    from ..hardware.target import Target
    from ._task import Task

    Rows = NDArray[np.int64]
    Floats = NDArray[np.float64]
    Shrink = Callable[["Descent", Rows, float], Rows]

__all__ = ["OPTIONS", "Descent", "descend", "run"]

OPTIONS = {
    "iterations": MethodOption(20, 1, 10_000, about="steps from the largest network to the budget"),
    "decay": MethodOption(0.96, 0.1, 1.0, about="of the steps, each so much of the one before"),
    "samples": MethodOption(0, 0, 1 << 16, about="networks of a step; 0: 50, or max_evals' share"),
    "layers": MethodOption(
        0, 0, 1 << 10, about="layers that a network shrinks in; 0: half of them"
    ),
    "measure": MethodOption(False, about="measure latency here instead of asking the target"),
}
USUAL_SAMPLES = 50
MORE_STEPS = 4  # times `iterations`, after which a descent that falls behind its targets ends
MOVES = 1 << 12  # single shrinkings of a sample, before it stays above its target


class Descent:
    """What both descents share: the resource, the largest network, the targets.

    Parameters
    ----------
    task : Task
    """

    def __init__(self, task: Task) -> None:
        self.task = task
        self.groups: tuple[NDArray[np.int64], ...] = task.groups
        self.wanted = 1  # networks of the next step
        self._ground = task.ground
        if task.options.get("measure"):
            if not task.evaluator.expensive:
                raise ArgumentError(
                    "options['measure'] needs an evaluator: a predictor's scores come with the "
                    "target's own latencies"
                )
            task.ground = MeasuredGround(task.ground)

    def usage(self, rows: Rows) -> Floats:
        """Return the resource of rows: the largest share of a budget, 1 at the budget."""
        return self.task.usage(rows)

    def model(self, rows: Rows) -> Floats:
        """Return the resource by the target's cost model, also where latencies are measured."""
        task, ground = self.task, self.task.ground
        task.ground = self._ground
        try:
            return task.usage(rows)
        finally:
            task.ground = ground

    def largest(self) -> Rows:
        """Return the network from which no single choice leads to one that uses more."""
        row = np.zeros((1, len(self.task.lengths)), dtype=np.int64)
        before = -1.0
        while True:
            for column, length in enumerate(self.task.lengths.tolist()):
                trial = np.repeat(row, length, axis=0)
                trial[:, column] = np.arange(length)
                used = self.model(trial)
                used[~np.isfinite(used)] = -1.0
                # of choices that use the same (residuals, where parameters are the budget) the last
                place = int(np.flatnonzero(used == used.max())[-1])
                row = self.task.canonical(trial[[place]])
            now = float(self.model(row)[0])
            if now <= before:
                return row
            before = now

    def targets(self, first: float, count: int) -> list[float]:
        """Return the resource after each step, from `first` to 1."""
        decay = self.task.options["decay"]
        steps = decay ** np.arange(count)
        shares = np.cumsum(steps) / steps.sum()
        shares[-1] = 1.0
        found: list[float] = np.exp(np.log(first) * (1.0 - shares)).tolist()
        return found


class MeasuredGround(Ground):
    """A ground whose latencies are measured here, each network's once."""

    space: Any
    target: Target
    lengths: NDArray[np.int64]
    groups: tuple[NDArray[np.int64], ...]
    distinct: int

    def __init__(self, ground: Ground) -> None:
        self.base = ground
        self.space, self.target = ground.space, ground.target
        self.lengths, self.groups, self.distinct = ground.lengths, ground.groups, ground.distinct
        self._latency: dict[tuple[int, ...], float] = {}

    def charge(self, rows: Rows) -> Floats:
        metrics = self.base.charge(rows)
        metrics[Metric.LATENCY] = [self._measured(tuple(row)) for row in rows.tolist()]
        return metrics

    def _measured(self, row: tuple[int, ...]) -> float:
        if row not in self._latency:
            from ..hardware.measuring import measure

            found = measure(self.space.decode(row), time_limit_s=0.5, passes=2)
            self._latency[row] = float(found.latency_ms)
        return self._latency[row]

    def canonical(self, rows: Rows) -> Rows:
        return self.base.canonical(rows)

    def is_member(self, rows: Rows) -> NDArray[np.bool_] | None:
        return self.base.is_member(rows)

    def draw(self, rng: np.random.Generator, n: int) -> Rows:
        return self.base.draw(rng, n)


def run(task: Task) -> None:
    """Descend several layers at a time."""
    descend(task, _several_layers)


def descend(task: Task, shrink: Shrink) -> None:
    """Descend from the largest network to the budgets; `shrink` makes a step's networks."""
    at = Descent(task)
    row = at.largest()
    used = float(at.usage(row)[0])
    answers = task.evaluate(row)
    if used <= 1.0 or not np.isfinite(task.limits[Metric.LIMITED]).any():
        return  # the largest network is within the budgets
    count = task.options["iterations"]
    if task.max_evals is not None:
        count = max(1, min(count, task.max_evals - int(np.isfinite(answers.merit[0]))))
    targets = at.targets(used, count)
    for step in range(MORE_STEPS * count):
        target = targets[min(step, count - 1)]
        if target >= used:  # a large step was taken before
            continue
        left = sum(one < used for one in targets) or 1
        at.wanted = _samples(task, left)
        rows = shrink(at, row, target)
        rows = rows[at.usage(rows) < used]
        if not len(rows):
            return
        found = task.evaluate(rows, over=True)
        reached = at.usage(rows) <= target
        merit = np.where(np.isnan(found.likely), -np.inf, found.likely)
        if reached.any():
            merit[~reached] = -np.inf
        else:  # none came so far: the smallest goes on
            merit = -at.usage(rows)
        best = int(merit.argmax())
        row, used = rows[[best]], float(at.usage(rows[[best]])[0])
        if used <= 1.0:
            return


def _samples(task: Task, left: int) -> int:
    """Return how many networks a step makes, where `left` are to come."""
    if task.options.get("samples"):
        return int(task.options["samples"])
    if task.max_evals is None:
        return USUAL_SAMPLES
    return max(1, (task.max_evals - task.nfev) // left)


def _several_layers(at: Descent, row: Rows, target: float) -> Rows:
    """Return distinct networks, each shrunk in a random set of layers."""
    task = at.task
    count = len(at.groups)
    layers = min(task.options["layers"] or max(1, -(-count // 2)), count)
    wanted = at.wanted
    # where latencies are measured, the model's are off by about what this network's is off
    target *= float(at.model(row)[0]) / float(at.usage(row)[0])
    kept: dict[object, Rows] = {}
    for _ in range(4):  # draws that came out alike are drawn anew
        rows = np.repeat(row, wanted - len(kept), axis=0)
        chosen = np.zeros((len(rows), count), dtype=bool)
        order = task.rng.random(chosen.shape).argsort(axis=1)
        np.put_along_axis(chosen, order[:, :layers], True, axis=1)
        rows = _shrunk(at, rows, chosen, target)
        for key, one in zip(task.keys(task.canonical(rows)), rows, strict=True):
            kept.setdefault(key, one)
        if len(kept) >= wanted:
            break
    return np.array(list(kept.values()))


def _shrunk(at: Descent, rows: Rows, chosen: NDArray[np.bool_], target: float) -> Rows:
    """Return rows whose chosen layers have shrunk until they use `target` at most.

    Layers that cannot shrink further let all others shrink too.
    """
    task = at.task
    columns = np.concatenate([np.asarray(group) for group in at.groups])
    layer = np.repeat(np.arange(len(at.groups)), [len(group) for group in at.groups])
    allowed = chosen[:, layer]
    used = at.model(rows)
    tried = np.zeros((len(rows), len(columns), 2), dtype=bool)
    todo = np.flatnonzero(used > target)
    for _ in range(MOVES):
        if not len(todo):
            break
        weight = task.rng.random((len(todo), len(columns), 2))
        weight[tried[todo] | ~allowed[todo][:, :, None]] = -1.0
        flat = weight.reshape(len(todo), -1)
        picks = flat.argmax(axis=1)
        stuck = flat[np.arange(len(todo)), picks] < 0.0
        if stuck.any():
            rest = todo[stuck]
            done = allowed[rest].all(axis=1)
            allowed[rest] = True
            todo = np.setdiff1d(todo, rest[done])
            continue
        place, down = np.divmod(picks, 2)
        trial = rows[todo].copy()
        lines = np.arange(len(todo))
        moved = trial[lines, columns[place]] + np.where(down == 0, -1, 1)
        inside = (moved >= 0) & (moved < task.lengths[columns[place]])
        trial[lines, columns[place]] = np.where(inside, moved, trial[lines, columns[place]])
        trial = task.canonical(trial)
        now = at.model(trial)
        less = inside & (now < used[todo])
        tried[todo[~less], place[~less], down[~less]] = True
        tried[todo[less]] = False
        rows[todo[less]], used[todo[less]] = trial[less], now[less]
        todo = todo[used[todo] > target]
    return rows
