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
group of variables (a cell, or a block of a `BypassSpace`); it shrinks by any number of choices of
one variable at a time, as long as the resource falls, and grows again as far as the target allows
where the last of these moves took it further than it asked. The paper's final training is the
user's (`Supernet.cut`, `SearchResult.to_torch`).

Ours, since a layer of a quarter of its filters may cost more than one of all of them or none
(concatenations, channels that fill no vector): where no move lowers the resource, layers change
jointly, to the network of least resource that their choices give (`Lookups.least`, which asks for
no evaluation); and where the descent ends above the budgets, it crosses to the least network of the
space. What `max_evals` leaves after the descent goes to some networks drawn at random within the
budgets, and then to networks round the best ones, random layers of which are drawn anew and brought
to the budget as in a step. A descent that was given no `max_evals` ends at the budget.

NetAdapt (Yang et al., arXiv 1804.03230), its baseline, shrinks one layer at a time:
`flash.methods.netadapt`.
"""

from __future__ import annotations

from itertools import product

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
    from ..solving.lookups import Lookups
    from ._task import Task

    Rows = NDArray[np.int64]
    Floats = NDArray[np.float64]
    Shrink = Callable[["Descent", Rows, float], Rows]

__all__ = ["OPTIONS", "Descent", "choices_of", "descend", "run"]

OPTIONS = {
    "iterations": MethodOption(20, 1, 10_000, about="steps from the largest network to the budget"),
    "decay": MethodOption(0.96, 0.1, 1.0, about="of the steps, each so much of the one before"),
    "samples": MethodOption(0, 0, 1 << 16, about="networks of a step; 0: 50, or max_evals' share"),
    "layers": MethodOption(
        0, 0, 1 << 10, about="layers that a network shrinks in; 0: half of them"
    ),
    "refine": MethodOption(
        0.5, 0.0, 1.0, about="share of max_evals for networks round the best, after the descent"
    ),
    "measure": MethodOption(False, about="measure latency here instead of asking the target"),
}
USUAL_SAMPLES = 50
EXPLORED, EXPLORING = 32, 16  # networks drawn at random after the descent, and draws for them
FEWEST_SAMPLES = 4  # of a step, where max_evals is small: there are fewer steps instead
MORE_STEPS = 4  # times `iterations`, after which a descent that falls behind its targets ends
MOVES = 1 << 12  # single shrinkings of a sample, before it stays above its target
FEW = 9  # choices of a variable that a move reaches all of; beyond, it goes by powers of two
MOST, MOST_BUILT = 4096, 256  # choices of a layer that are looked at; networks built one by one
AT_A_TIME, AT_A_TIME_BUILT = 256, 16  # networks drawn
DRAWN, DRAWN_BUILT = 1 << 16, 1 << 11  # networks drawn where no move leads within the budgets
FARTHER = 0.5  # of a random number between 0 and 1: moves over several choices come later
PARENTS = 5  # best networks that others are made round
GROWTH, NEAR = 64, 0.99  # moves of a network that grows, until it uses so much of its target
# Networks round the best at a time: so much of the evaluations that are left, within these; of
# each such share all layers are drawn anew.
SHARE, FEWEST, ATMOST, ANEW = 8, 4, 64, 4
STALE = 16  # such batches without a new network, after which none is left


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
        self.lookups: Lookups | None = getattr(task.ground, "lookups", None)
        self.cheap: bool = task.ground.tabled or self.lookups is not None  # no network is built
        self.draws = AT_A_TIME if self.cheap else AT_A_TIME_BUILT
        self.layer = np.zeros(len(task.lengths), dtype=np.int64)  # of each variable
        for number, group in enumerate(self.groups):
            self.layer[group] = number
        self.moves = Moves(task)
        self.measured = bool(task.options.get("measure"))
        if self.measured:
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
        """Return the network from which no single choice leads to one that uses more.

        A space that knows its largest network has that one.
        """
        own = getattr(self.task.space, "largest", None)
        if own is not None:
            return self.task.canonical(np.array([own], dtype=np.int64))
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

    def least(self, row: Rows, layers: NDArray[np.bool_] | None = None) -> Rows:
        """Return a network of least resource by the cost model; it asks for no evaluation.

        Parameters
        ----------
        row : int64 array, shape (1, variables)
            Where to start from, and what stays.
        layers : bool array, shape (layers,), optional
            Which layers may change; usually all.

        Notes
        -----
        By dynamic programming where the ground has lookup tables, and else layer by layer until no
        layer's choice lowers the resource: a local search.
        """
        lookups = self.lookups
        if lookups is not None:
            allowed = None
            if layers is not None:
                allowed = []
                for place, group in enumerate(lookups.groups):
                    open_ = bool(layers[self.layer[group]].any())
                    own = int(row[0, group] @ lookups.steps[place])
                    every = np.arange(lookups.parts[place].codes)
                    allowed.append(every if open_ else np.array([own]))
            found = lookups.least(self.task.used, allowed)
            return self.task.canonical(found[:1])
        used = float(self.model(row)[0])
        while True:
            before = used
            for number, group in enumerate(self.groups):
                if layers is not None and not layers[number]:
                    continue
                trial = choices_of(self.task, row, group)
                now = self.model(trial)
                place = int(now.argmin())
                if now[place] < used:
                    row, used = trial[[place]], float(now[place])
            if used >= before:
                return row

    def targets(self, first: float, count: int) -> list[float]:
        """Return the resource after each step, from `first` to 1."""
        decay = self.task.options["decay"]
        steps = decay ** np.arange(count)
        shares = np.cumsum(steps) / steps.sum()
        shares[-1] = 1.0
        found: list[float] = np.exp(np.log(first) * (1.0 - shares)).tolist()
        return found


class Moves:
    """Changes of one variable, by one choice or by several.

    Attributes
    ----------
    column, step, layer : int64 arrays, shape (moves,)
        Which variable changes, by how many choices, and which layer it belongs to.
    """

    def __init__(self, task: Task) -> None:
        moves = []
        for number, group in enumerate(task.groups):
            for column in group.tolist():
                length = int(task.lengths[column])
                spans = list(range(1, length))
                if length > FEW:
                    spans = [1 << k for k in range((length - 1).bit_length())]
                moves += [(column, sign * span, number) for span in spans for sign in (-1, 1)]
        made = np.array(moves, dtype=np.int64).reshape(-1, 3)
        self.column, self.step, self.layer = made.T
        self.later = np.where(np.abs(self.step) > 1, FARTHER, 0.0)


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
    """Descend several layers at a time, then look round the best."""
    at = Descent(task)
    evals = None
    if task.max_evals is not None:
        evals = task.max_evals
        evals -= round(task.options["refine"] * evals)
        evals = min(evals, max(1, task.max_evals - 1))  # one is kept for where it has to cross
    descend(at, _several_layers, evals)
    if task.best is None:
        cross(at)
    if task.max_evals is not None and task.options["refine"]:
        refine(at)


def descend(at: Descent, shrink: Shrink, evals: int | None) -> None:
    """Descend from the largest network to the budgets; `shrink` makes a step's networks.

    evals: networks that the descent may have evaluated, None where there is no limit.
    """
    task = at.task
    row = at.largest()
    used = float(at.usage(row)[0])
    task.evaluate(row)
    if used <= 1.0 or not np.isfinite(task.limits[Metric.LIMITED]).any():
        return  # the largest network is within the budgets
    count = _steps(task, evals)
    targets = at.targets(used, count)
    for step in range(MORE_STEPS * count):
        target = targets[min(step, count - 1)]
        if target >= used:  # a large step was taken before
            continue
        if evals is not None and task.nfev >= evals < (task.max_evals or 0):
            return
        left = sum(one < used for one in targets) or 1
        at.wanted = _samples(task, evals, left)
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


def cross(at: Descent) -> None:
    """Look for any network within the budgets, where the descent ended above them."""
    task = at.task
    for row in (at.largest(), np.zeros((1, len(task.lengths)), dtype=np.int64)):
        found = at.least(task.canonical(row))
        if task.evaluate(found).excess[0] == 0.0:
            return
    if at.measured:  # of which each would take a measurement
        return
    most = DRAWN if at.cheap else DRAWN_BUILT
    for _ in range(most // AT_A_TIME):
        rows = task.draw(AT_A_TIME)
        inside = np.flatnonzero(task.excess(rows) == 0.0)
        if len(inside):
            task.evaluate(rows[inside[:1]])
            return


def _steps(task: Task, evals: int | None) -> int:
    """Return how many steps there are, fewer than asked for where evaluations are few."""
    asked = int(task.options["iterations"])
    if evals is None:
        return asked
    each = int(task.options.get("samples", 0)) or FEWEST_SAMPLES
    left = max(1, evals - task.nfev)
    count = max(1, min(asked, left // each if "samples" in task.options else left))
    if task.options.get("samples") and count < asked:
        task.remark = (
            f"of {asked} iterations of {each} samples there were {count}, for max_evals="
            f"{task.max_evals} leaves the descent {evals} evaluations"
        )
    return count


def _samples(task: Task, evals: int | None, left: int) -> int:
    """Return how many networks a step makes, where `left` are to come."""
    own = int(task.options.get("samples", 0))
    if evals is None:
        return own or USUAL_SAMPLES
    return max(1, min(own or (evals - task.nfev) // left, evals - task.nfev))


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
        rows, chosen = _shrunk(at, rows, chosen, target)
        rows = _grown(at, rows, chosen, target, row)
        for key, one in zip(task.keys(task.canonical(rows)), rows, strict=True):
            kept.setdefault(key, one)
        if len(kept) >= wanted:
            break
    return np.array(list(kept.values()))


def _shrunk(
    at: Descent, rows: Rows, chosen: NDArray[np.bool_], target: float
) -> tuple[Rows, NDArray[np.bool_]]:
    """Return rows whose chosen layers have shrunk until they use `target` at most; and which layers
    had to.

    Layers that cannot shrink further by themselves change jointly, and where that is not enough let
    all others shrink too.
    """
    task, moves = at.task, at.moves
    chosen = chosen.copy()
    used = at.model(rows)
    tried = np.zeros((len(rows), len(moves.column)), dtype=bool)
    todo = np.flatnonzero(used > target)
    for _ in range(MOVES):
        if not len(todo):
            break
        picks, stuck = _picked(task, moves, tried[todo] | ~chosen[todo][:, moves.layer])
        if stuck.any():
            lines = todo[stuck]
            ended = [k for k in lines.tolist() if not _joint(at, rows, used, chosen, k)]
            tried[lines] = False
            todo = np.setdiff1d(todo[used[todo] > target], ended)
            continue
        trial, inside = _moved(task, moves, rows[todo], picks)
        now = at.model(trial)
        less = inside & (now < used[todo])
        tried[todo[~less], picks[~less]] = True
        tried[todo[less]] = False
        rows[todo[less]], used[todo[less]] = trial[less], now[less]
        todo = todo[used[todo] > target]
    return rows, chosen


def _joint(at: Descent, rows: Rows, used: Floats, chosen: NDArray[np.bool_], line: int) -> bool:
    """Change a row's chosen layers jointly, or choose all; return whether there was any of it."""
    found = at.least(rows[[line]], chosen[line])
    now = float(at.model(found)[0])
    if now < used[line]:
        rows[line], used[line] = found[0], now
        return True
    if chosen[line].all():
        return False
    chosen[line] = True
    return True


def _grown(
    at: Descent, rows: Rows, chosen: NDArray[np.bool_], target: float, most: Rows | None = None
) -> Rows:
    """Return rows whose chosen layers have grown as far as the target allows.

    A row grows where it uses more of the resource; where lookup tables say that choices are numbers
    of filters, where it has more of them, up to those of `most`.
    """
    task, moves = at.task, at.moves
    used = at.model(rows)
    tried = np.zeros((len(rows), len(moves.column)), dtype=bool)
    filters = at.lookups is not None
    if filters:
        tried |= moves.step < 0
    near = NEAR * target
    todo = np.flatnonzero(used < near)
    for _ in range(GROWTH):
        if not len(todo):
            break
        picks, stuck = _picked(task, moves, tried[todo] | ~chosen[todo][:, moves.layer])
        trial, inside = _moved(task, moves, rows[todo], picks)
        now = at.model(trial)
        more = inside & ~stuck & (now <= target)
        if filters:
            more &= (trial != rows[todo]).any(axis=1)
            if most is not None:
                more &= (trial <= most).all(axis=1)
        else:
            more &= now > used[todo]
        tried[todo[~more], picks[~more]] = True
        rows[todo[more]], used[todo[more]] = trial[more], now[more]
        todo = todo[~stuck & (used[todo] < near)]
    return rows


def _picked(
    task: Task, moves: Moves, shut: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return a random move of each row, of those that are open to it; and which rows have none."""
    weight = task.rng.random(shut.shape) - moves.later
    weight[shut] = -np.inf
    picks = weight.argmax(axis=1)
    return picks, np.isneginf(weight[np.arange(len(picks)), picks])


def _moved(
    task: Task, moves: Moves, rows: Rows, picks: NDArray[np.int64]
) -> tuple[Rows, NDArray[np.bool_]]:
    """Return rows after a move each, and which of these stay among the choices."""
    trial = rows.copy()
    lines, columns = np.arange(len(rows)), moves.column[picks]
    moved = trial[lines, columns] + moves.step[picks]
    inside = (moved >= 0) & (moved < task.lengths[columns])
    trial[lines, columns] = np.where(inside, moved, trial[lines, columns])
    return task.canonical(trial), inside


def refine(at: Descent) -> None:
    """Spend what is left of the evaluations on networks round the best ones within the budgets.

    It ends early where none is left to be found.
    """
    task = at.task
    if task.best is None:
        return
    best: dict[object, tuple[float, Rows]] = {}
    parents: list[Rows] = [np.array(task.best.row, dtype=np.int64)]
    stale = 0
    rows = _explored(at, min(EXPLORED, ((task.max_evals or 0) - task.nfev) // 2))
    while stale < STALE:
        if len(rows):
            before = task.nfev
            found = task.evaluate(rows)
            stale = 0 if task.nfev > before else stale + 1
            for key, merit, one in zip(task.keys(rows), found.merit.tolist(), rows, strict=True):
                if merit > -np.inf:
                    best[key] = (merit, one)
            best = _kept(at, best)
            parents = [one for _, one in best.values()] or parents
        left = (task.max_evals or 0) - task.nfev
        batch = min(max(left // SHARE, FEWEST), ATMOST)
        rows = _around(at, parents, batch) if stale < STALE // 4 else _elsewhere(at, stale)


def _explored(at: Descent, n: int) -> Rows:
    """Return up to `n` networks within the budgets, drawn at random.

    What is good need not lie near the largest network: NN-Degree of a bypass space counts channels
    that are passed on, of which the largest has none.
    """
    task = at.task
    found = np.empty((0, len(task.lengths)), dtype=np.int64)
    if at.measured:
        return found
    for _ in range(EXPLORING):
        if len(found) >= n:
            break
        rows = task.canonical(task.draw(at.draws))
        found = np.concatenate([found, rows[task.excess(rows) == 0.0]])
    return found[:n]


def _kept(at: Descent, found: dict[object, tuple[float, Rows]]) -> dict[object, tuple[float, Rows]]:
    """Return the best networks, and beside them the best of others' first layer (of a family what
    all cells share), since from one such choice to another no few changes may lead."""
    order = sorted(found.items(), key=lambda item: -item[1][0])
    kept = dict(order[:PARENTS])
    first = at.groups[0] if at.groups else np.array([], dtype=np.int64)
    known = {tuple(one[first].tolist()) for _, one in kept.values()}
    for key, (merit, one) in order[PARENTS:]:
        own = tuple(one[first].tolist())
        if own not in known and len(known) < 2 * PARENTS:
            known.add(own)
            kept[key] = (merit, one)
    return kept


def _around(at: Descent, parents: list[Rows], batch: int) -> Rows:
    """Return networks round others: random layers changed, then brought to the budgets.

    In a layer that changes a variable is drawn anew, makes a move, or stays. Of some networks all
    layers are drawn anew, so that the search does not end at the first good one.
    """
    task, rng = at.task, at.task.rng
    count = len(at.groups)
    layers = min(task.options["layers"] or max(1, -(-count // 2)), count)
    # the better a parent, the more often
    picks = np.minimum(rng.integers(0, len(parents), batch), rng.integers(0, len(parents), batch))
    rows = np.array([parents[k] for k in picks])
    several = rng.integers(1, layers + 1, batch)
    anew = np.arange(batch) % ANEW == ANEW - 1
    several[anew] = count
    order = rng.random((batch, count)).argsort(axis=1)
    chosen = np.zeros((batch, count), dtype=bool)
    np.put_along_axis(chosen, order, np.arange(count) < several[:, None], axis=1)
    drawn = rng.integers(0, task.lengths, size=rows.shape)
    bits = np.array([max(1, (int(n) - 1).bit_length()) for n in task.lengths])
    span = 1 << rng.integers(0, bits, size=rows.shape)
    moved = np.clip(rows + np.where(rng.random(rows.shape) < 0.5, -span, span), 0, task.lengths - 1)
    kind = rng.random(rows.shape)
    open_ = chosen[:, at.layer]
    near = open_ & (kind < 0.5)
    far = (open_ & (kind > 0.75)) | anew[:, None]
    rows = task.canonical(np.where(far, drawn, np.where(near, moved, rows)))
    rows, opened = _shrunk(at, rows, chosen, 1.0)
    half = rng.random(batch) < 0.5
    if half.any():
        rows[half] = _grown(at, rows[half], opened[half], 1.0)
    return task.canonical(rows)


def _elsewhere(at: Descent, stale: int) -> Rows:
    """Return networks within the budgets as few as these are: the least ones, or random ones."""
    task = at.task
    if at.measured:
        return task.draw(FEWEST)
    if at.lookups is not None and stale == STALE // 4:
        return task.canonical(at.lookups.least(task.used))
    return task.draw(at.draws)


def choices_of(task: Task, row: Rows, group: NDArray[np.int64]) -> Rows:
    """Return rows with all choices of a layer, or of each of its variables where that is many."""
    lengths = task.lengths[group]
    most = MOST if task.ground.tabled else MOST_BUILT
    if float(np.prod(lengths.astype(float))) <= most:
        values = np.array(list(product(*(range(int(n)) for n in lengths))), dtype=np.int64)
        trial = np.repeat(row.reshape(1, -1), len(values), axis=0)
        trial[:, group] = values
        return task.canonical(trial)
    parts = []
    for column, length in zip(group.tolist(), lengths.tolist(), strict=True):
        trial = np.repeat(row.reshape(1, -1), length, axis=0)
        trial[:, column] = np.arange(length)
        parts.append(trial)
    return task.canonical(np.concatenate(parts))
