"""HURRICANE (Zhang, Yang, Jiang, Zhu, Liu; arXiv 1910.11609): pools per device, late layers first.

1. Profiling: every operator of every layer (of a space of blocks what a variable may be, of others
   what a cell's variables may be together) is costed on the target: in a network that is otherwise
   the default, by the target's cost model, or by running it here (``profile="measure"``: of a space
   of blocks each block alone, once).
2. Pools: a layer's operators are ranked by capacity against cost: first those that no other beats
   in both, then those that only these beat, and so on; of the last rank that still has room those
   are taken that lie evenly over its costs. So each target has its own pools.
3. Late layers: the early ones are fixed at a default of their pools, a supernet is trained over the
   late ones only (where the evaluator is one by supernet), and searched by evolution.
4. Early layers, if they are still worth it: the late ones are fixed as found, the supernet is
   trained on over the early ones, and these are searched; the search stops early when generations
   bring nothing better.

Seen: profiling and pools per device, two stages, late layers matter more. From memory: pools of a
handful of some 32 operators, the order of the stages, a fast default and the early stop.
Reconstruction, all else:

- Capacity is the sum of the logarithms of parameters and MACs (what a network can hold, and what it
  does with it; either alone prefers wide late or large early maps) and, of what compiles to tables,
  of NN-Degree, since parameters and MACs tell nothing of residuals. Of one layer's operators only
  the differences count, so that logarithms weigh what a layer adds as a share of the whole.
- The default is the operator of the same place in every pool, ordered by cost: the last one with
  which the whole network keeps to the budgets; without budgets the middle one.
- Variables that all layers share (a width multiplier) are searched with the late layers, each value
  with early layers of its own default.
- ``pool=0``: as many operators that a stage's pools hold four times as many networks as the stage
  may evaluate, and five at least. Fewer waste evaluations where layers are few and have thousands
  of numeric choices; more make the supernet learn what is never looked at.
- Early layers are worth it where what they could gain is more than `worth` of what was found: the
  largest capacity that early layers of their pools could add within the budgets, by the cost model
  alone, times what a unit of capacity brought among the late layers' networks (a regression's
  slope, its 95 % interval's far end). As early layers are said to matter less, that is much.
- A stage trains its share of the layers' share of the evaluator's epochs.

The paper's last step, to train the winner from scratch, is the user's. `flash.methods.spos` is its
baseline.
"""

from __future__ import annotations

from itertools import product
from math import prod

import numpy as np

from ..base.names import Metric
from ..errors import ArgumentError
from ..problem.objective import limits_on
from ..spaces.index import GLOBALS
from . import MethodOption
from ._evolving import evolve
from .spos import OPTIONS as _THEIRS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

    from ._evolving import Pool
    from ._task import Task

    Rows = NDArray[np.int64]
    Floats = NDArray[np.float64]

__all__ = ["OPTIONS", "Profile", "default", "profiles", "ranked", "run", "size_for", "split"]

OPTIONS = {
    "pool": MethodOption(
        0, 0, 1 << 12, about="operators kept of each layer; 0: as many as evaluations allow"
    ),
    "late": MethodOption(0.6, 0.0, 1.0, about="share of the layers that are searched first"),
    "profile": MethodOption(
        "model",
        choices=("model", "measure", "macs"),
        about="what tells an operator's cost; macs: one pool common to all targets",
    ),
    "worth": MethodOption(
        0.002, 0.0, 1.0, about="expected gain, relative, below which early layers are left"
    ),
    "patience": MethodOption(
        3, 1, 1 << 20, about="generations without a better network, early layers"
    ),
    **_THEIRS,
    "generations": MethodOption(
        0, 0, 1 << 20, about="at most; 0: 20, or as many as max_evals allows"
    ),
}
MOST, MOST_BUILT = 4096, 256  # operators of a layer that are profiled; networks built one by one
HANDFUL, ROOM = 5, 4  # least operators of a pool; networks of pools for each evaluation
USUAL_GENERATIONS = 20  # SPOS's
PLACES = 21  # places in pools that are tried for the default
TRIED, TRIED_BUILT = 512, 64  # early layers that are looked at; networks built one by one
FEWEST = 8  # networks of which a slope is told


def run(task: Task) -> None:
    """Profile, then search late layers, then early ones."""
    given = task.options
    generations = given["generations"] or USUAL_GENERATIONS
    evaluations = given["population"] * generations
    if task.max_evals is not None:
        evaluations = task.max_evals
        generations = given["generations"] or max(generations, evaluations)
    if given["pool"] > evaluations:
        raise ArgumentError(
            f"options['pool'] must be at most the {evaluations} evaluations of the search, each of "
            f"which looks at one operator of a layer, got {given['pool']}"
        )
    profiled = profiles(task, given["profile"])
    early, late, shared = split(task, profiled, given["late"])
    count = max(1, len(early) + len(late))
    share = len(late) / count
    first = max(1, round(evaluations * share))
    population = min(given["population"], max(2, first // 4))  # few evaluations: generations still
    settings = {
        "population": population,
        "parents": min(given["parents"], population),
        "mutation": given["mutation"],
    }
    late_pools = [one.pool(given["pool"] or size_for(late, first)) for one in [*shared, *late]]
    early_pools = [
        one.pool(given["pool"] or size_for(early, max(1, evaluations - first))) for one in early
    ]
    _tell_small(task, late_pools, early_pools)
    base = default(task, early_pools, late_pools)
    pools = late_pools
    if shared and early_pools:  # each of what all share with early layers of its own
        pools = [_joint(task, early_pools, late_pools), *late_pools[1:]]
    _focus(task, pools, base, share)
    seen: list[tuple[Rows, Floats]] = []
    rounds = max(1, round(generations * share)) if given["generations"] else generations
    found, _ = evolve(
        task, pools, base, generations=rounds, evaluations=first, seen=seen, **settings
    )
    if not early_pools:
        return
    gain = _gain(task, early_pools, found, seen)
    if gain < given["worth"]:
        _remark(
            task,
            f"early layers stay at their default: they could gain {100 * gain:.2g} % at most, less "
            f"than {100 * given['worth']:.2g} % (worth)",
        )
        return
    _focus(task, early_pools, found, 1.0 - share)
    evolve(
        task,
        early_pools,
        found,
        generations=max(1, generations - rounds) if given["generations"] else generations,
        patience=given["patience"],
        first=found,
        evaluations=evaluations,
        **settings,
    )


def _tell_small(task: Task, late: list[Pool], early: list[Pool]) -> None:
    """Say that pools hold fewer networks than may be evaluated, where somebody chose their size."""
    held = sum(prod(len(values) for _, values in pools) for pools in (late, early) if pools)
    if task.options["pool"] and task.max_evals is not None and held < task.max_evals:
        _remark(
            task,
            f"pools of {task.options['pool']} hold {held:,} networks, fewer than the "
            f"{task.max_evals:,} evaluations",
        )


def _remark(task: Task, what: str) -> None:
    task.remark = what if task.remark is None else f"{task.remark}; {what}"


def _focus(task: Task, pools: list[Pool], base: Rows, share: float) -> None:
    """Have the evaluator know the networks of some pools, all else as in `base`."""
    plain = [(columns.tolist(), values.tolist()) for columns, values in pools]
    free = {k for columns, _ in plain for k in columns}
    fixed = [k for k in range(base.shape[1]) if k not in free]
    if fixed:
        plain.append((fixed, [base[0, fixed].tolist()]))
    task.focus(plain, share)


class Profile:
    """A layer's operators in the order in which a pool takes them.

    Attributes
    ----------
    columns : int array
        The variables that make the layer.
    values : int array, shape (operators, variables)
    cost, capacity : float arrays
    """

    def __init__(
        self, columns: NDArray[np.int64], values: Rows, cost: Floats, capacity: Floats
    ) -> None:
        self.columns, self.values = columns, values
        self.cost, self.capacity = cost, capacity

    def pool(self, size: int) -> Pool:
        """Return so many operators, from the cheapest to the dearest."""
        return self.columns, self.values[ranked(self.cost, self.capacity, size)]


def size_for(layers: list[Profile], evaluations: int) -> int:
    """Return how many operators of each layer evaluations allow: see the module."""
    if not layers:
        return HANDFUL
    wanted = ROOM * evaluations
    size = HANDFUL
    most = max(len(one.values) for one in layers)
    while size < most and prod(min(size, len(one.values)) for one in layers) < wanted:
        size += 1
    return size


def split(
    task: Task, layers: list[Profile], late: float
) -> tuple[list[Profile], list[Profile], list[Profile]]:
    """Return (early layers, late ones, what all layers share: one or none)."""
    shared = int(bool(layers) and min(layers[0].columns) < _globals(task))
    own = layers[shared:]
    first = len(own) - min(len(own), max(1, round(late * len(own))))
    return own[:first], own[first:], layers[:shared]


def profiles(task: Task, profile: str = "model") -> list[Profile]:
    """Return the operators of each layer with what they cost and can represent.

    Parameters
    ----------
    task : Task
    profile : {"model", "measure", "macs"}
        Whether costs are the target's, latencies measured here, or MACs.
    """
    base = (task.lengths[None] // 2).astype(np.int64)
    if _has_blocks(task):  # every block is there to be costed
        for k, one in enumerate(task.space.numbering.all):
            base[0, k] = len(one.values) - 1 if one.kind == "depth" else base[0, k]
    base = task.canonical(base)
    found = []
    known: dict[Any, float] = {}  # what was measured
    for group in _layers(task):
        values = _operators(task, group, profile)
        rows = np.repeat(base, len(values), axis=0)
        rows[:, group] = values
        rows = task.canonical(rows)
        if profile == "measure":
            cost = _measured(task, rows, known)
        else:
            cost = task.usage(rows) if profile == "model" else task.ground.charge(rows)[Metric.MACS]
        found.append(Profile(np.asarray(group), values, cost, _capacity(task, rows)))
    return found


def default(task: Task, early: list[Pool], late: list[Pool]) -> Rows:
    """Return the network with which the search begins: the operator of the same place in every
    pool, the last with which it keeps to the budgets, the first where none does."""
    rows = np.array([_at(task, [*early, *late], place) for place in _places(task)])
    rows = task.canonical(rows.reshape(len(rows), -1))
    within = np.flatnonzero(task.excess(rows) == 0.0)
    return rows[[within[0] if len(within) else -1]]


def _places(task: Task) -> Floats:
    """Return places in pools, as shares, the dearest first; the middle where there is no budget."""
    limited = any(k != Metric.SCORE for k in limits_on(task.limits))
    return np.linspace(1.0, 0.0, PLACES) if limited else np.array([0.5])


def _at(task: Task, pools: list[Pool], place: float) -> NDArray[np.int64]:
    row = task.lengths // 2
    for columns, values in pools:
        row[columns] = values[round(place * (len(values) - 1))]
    return row


def _joint(task: Task, early: list[Pool], late: list[Pool]) -> Pool:
    """Return what all layers share and early layers as one pool: of each value its own default."""
    (columns, values), *others = late
    rows = []
    for value in values:
        alone: list[Pool] = [(columns, value[None])]
        rows.append(default(task, early, [*alone, *others])[0])
    both = np.concatenate([columns, *(own for own, _ in early)])
    found = np.unique(np.array(rows)[:, both], axis=0)
    return both, found


def _gain(task: Task, pools: list[Pool], found: Rows, seen: list[tuple[Rows, Floats]]) -> float:
    """Return what other early layers could gain, at most, as a share of what was found."""
    rows = np.concatenate([rows for rows, _ in seen])
    merit = np.concatenate([merit for _, merit in seen])
    rows, places = np.unique(rows, axis=0, return_index=True)
    if len(rows) < FEWEST:
        return np.inf
    merit = merit[places]
    capacity = _capacity(task, rows)
    centred = capacity - capacity.mean()
    spread = float((centred**2).sum())
    if not np.isfinite(spread) or spread <= 0.0:
        return np.inf
    slope = float((centred * merit).sum()) / spread
    left = merit - merit.mean() - slope * centred
    error = 2.0 * float(np.sqrt((left**2).sum() / max(1, len(rows) - 2) / spread))
    tried = TRIED if task.ground.tabled else TRIED_BUILT
    others = np.repeat(found, tried, axis=0)
    for columns, values in pools:
        others[:, columns] = values[task.rng.integers(0, len(values), size=tried)]
    others = task.canonical(others)
    others = others[task.excess(others) == 0.0]
    more = _capacity(task, others) - _capacity(task, found)
    more = more[np.isfinite(more)]
    most = float(max([0.0, *((slope + error) * more), *((slope - error) * more)]))
    best = float(merit.max())
    most = most if most > 1e-9 * abs(best) else 0.0  # a rounding
    logarithm = task.objective.exponents is not None  # then differences are shares already
    return most if logarithm else most / abs(best) if best else np.inf


def _operators(task: Task, group: NDArray[np.int64], profile: str) -> Rows:
    """Return all choices of a layer, or a random part of them where they are many."""
    lengths = task.lengths[group]
    built = not task.ground.tabled or (profile == "measure" and not _has_blocks(task))
    most = MOST_BUILT if built else MOST
    if float(np.prod(lengths.astype(float))) <= most:
        return np.array(list(product(*(range(int(n)) for n in lengths))), dtype=np.int64)
    found: Rows = task.rng.integers(0, lengths, size=(most, len(lengths)))
    return np.unique(found, axis=0)


def _has_blocks(task: Task) -> bool:
    return task.ground.tabled and task.space.numbering is not None


def _globals(task: Task) -> int:
    """Return how many variables, the first ones, all layers share."""
    if not task.ground.tabled:
        return 0
    return len(task.space.numbering.globals) if _has_blocks(task) else GLOBALS


def _layers(task: Task) -> list[NDArray[np.int64]]:
    """Return the variables of each layer, those that all share first."""
    if not _has_blocks(task):
        return list(task.groups)
    shared = _globals(task)
    found = []
    for group in task.groups:
        found += [group] if group[0] < shared else [group[k : k + 1] for k in range(len(group))]
    return found


def _capacity(task: Task, rows: Rows) -> Floats:
    """Return how much networks can represent: higher is more."""
    metrics = task.ground.charge(rows)
    with np.errstate(divide="ignore"):
        found: Floats = np.log(metrics[Metric.PARAMS]) + np.log(metrics[Metric.MACS])
        if task.ground.tabled:  # of residuals neither parameters nor MACs tell
            from ..evaluating import evaluate

            found += np.log(evaluate(task.ground.space, task.ground.target, rows)["nn_degree"])
    found[~np.isfinite(found)] = -np.inf
    return found


def _measured(task: Task, rows: Rows, known: dict[Any, float]) -> Floats:
    """Return latencies measured here, in ms; of equal networks once.

    Of a space of blocks each block is measured alone, once for all networks that have it, and a
    network's latency is the sum.
    """
    from ..hardware.measuring import measure

    def latency(key: Any, net: Any) -> float:
        if key not in known:
            known[key] = float(measure(net, time_limit_s=0.2, passes=2).latency_ms)
        return known[key]

    if _has_blocks(task):
        numbering = task.space.numbering
        return np.array(
            [
                sum(
                    latency(id(one.network), one.network)
                    for *_, one in numbering.fragments_of(tuple(row))
                )
                for row in rows.tolist()
            ]
        )
    return np.array(
        [
            latency(key, task.ground.space.decode(tuple(row)))
            for key, row in zip(task.keys(rows), rows.tolist(), strict=True)
        ]
    )


def ranked(cost: Floats, capacity: Floats, size: int) -> list[int]:
    """Return `size` operators ranked by capacity against cost, from the cheapest to the dearest.

    First those that no other beats in both, then those that only these beat, and so on; of the
    last rank those that lie evenly over its costs. Operators of no finite cost are left out.
    """
    left = [place for place in np.lexsort((-capacity, cost)).tolist() if np.isfinite(cost[place])]
    found: list[int] = []
    while left and len(found) < size:
        front: list[int] = []
        others: list[int] = []
        most = -np.inf
        for place in left:
            if capacity[place] > most or not front:
                front.append(place)
                most = capacity[place]
            else:
                others.append(place)
        if len(found) + len(front) > size:
            front = _evenly(cost, front, size - len(found))
        found += front
        left = others
    return sorted(found, key=lambda place: (cost[place], capacity[place], place))


def _evenly(cost: Floats, front: list[int], size: int) -> list[int]:
    """Return `size` of a front that lie evenly over its costs, its ends among them."""
    level = cost[front]
    level = (level - level[0]) / max(level[-1] - level[0], 1e-300)
    left = list(range(len(front)))
    picked = []
    for wanted in np.linspace(0.0, 1.0, size) if size > 1 else (0.5,):
        place = min(left, key=lambda k: abs(level[k] - wanted))
        left.remove(place)
        picked.append(front[place])
    return picked
