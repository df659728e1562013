"""HURRICANE (Zhang, Yang, Jiang, Zhu, Liu; arXiv 1910.11609): pools per device, late layers first.

1. Profiling: every operator of every layer (what a group of variables may be, together) is costed
   on the target: in a network that is otherwise the default, by the target's cost model, or by
   running it here (``profile="measure"``).
2. Pools: of a layer's operators those remain that no other beats in both cost and capacity, thinned
   to `pool` of them from the cheapest to the most capable. So each target has its own pools.
3. Late layers: the early ones are fixed at a default operator of their pools, a supernet is trained
   over the late ones only (where the evaluator is one by supernet), and searched by evolution.
4. Early layers: the late ones are fixed as found, the supernet is trained on over the early ones,
   and these are searched; the search stops early when generations bring nothing better.

Seen: profiling and pools per device, two stages, late layers matter more. From memory: the order of
the stages and the early stop. Reconstruction: capacity is the sum of the logarithms of parameters,
MACs and (of the four families) NN-Degree; the default operator is the middle one of a pool by cost;
variables that all layers share (a width multiplier) are searched with the late layers; a stage
trains its share of the layers' share of the evaluator's epochs. The paper's last step, to train the
winner from scratch, is the user's. `flash.methods.spos` is its baseline.
"""

from __future__ import annotations

from itertools import product

import numpy as np

from ..base.names import Metric
from ..spaces.index import GLOBALS
from . import MethodOption
from ._evolving import evolve
from .spos import OPTIONS as _THEIRS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ._evolving import Pool
    from ._task import Task

    Rows = NDArray[np.int64]
    Floats = NDArray[np.float64]

__all__ = ["OPTIONS", "operator_pools", "run", "split"]

OPTIONS = {
    "pool": MethodOption(5, 1, 1 << 12, about="operators kept of each layer"),
    "late": MethodOption(0.6, 0.0, 1.0, about="share of the layers that are searched first"),
    "profile": MethodOption(
        "model",
        choices=("model", "measure", "macs"),
        about="what tells an operator's cost; macs: one pool common to all targets",
    ),
    "patience": MethodOption(
        3, 1, 1 << 20, about="generations without a better network, early layers"
    ),
    **_THEIRS,
}
MOST, MOST_BUILT = 4096, 256  # operators of a layer that are profiled; networks built one by one


def run(task: Task) -> None:
    """Profile, then search late layers, then early ones."""
    given = task.options
    pools, base = operator_pools(task, given["pool"], given["profile"])
    early, late = split(task, pools, given["late"])
    settings = {name: given[name] for name in ("population", "generations", "parents", "mutation")}
    count = max(1, len(pools))
    generations = settings.pop("generations")
    share = len(late) / count
    _focus(task, late, base, share)
    found, _ = evolve(task, late, base, generations=max(1, round(generations * share)), **settings)
    if not early:
        return
    _focus(task, early, found, 1.0 - share)
    evolve(
        task,
        early,
        found,
        generations=max(1, generations - round(generations * share)),
        patience=given["patience"],
        first=found,
        **settings,
    )


def _focus(task: Task, pools: list[Pool], base: Rows, share: float) -> None:
    """Have the evaluator know the networks of some pools, all else as in `base`."""
    plain = [(columns.tolist(), values.tolist()) for columns, values in pools]
    free = {k for columns, _ in plain for k in columns}
    fixed = [k for k in range(base.shape[1]) if k not in free]
    if fixed:
        plain.append((fixed, [base[0, fixed].tolist()]))
    task.focus(plain, share)


def split(task: Task, pools: list[Pool], late: float) -> tuple[list[Pool], list[Pool]]:
    """Return (pools of early layers, pools of late layers and of what all layers share)."""
    if not pools:  # a space of one network
        return [], []
    shared = 1 if task.ground.tabled and min(pools[0][0], default=GLOBALS) < GLOBALS else 0
    layers = pools[shared:]
    first = len(layers) - min(len(layers), max(1, round(late * len(layers))))
    return layers[:first], [*pools[:shared], *layers[first:]]


def operator_pools(task: Task, size: int, profile: str = "model") -> tuple[list[Pool], Rows]:
    """Return (a pool of operators for each layer, the default network).

    Parameters
    ----------
    task : Task
    size : int
        Operators of a pool, at most.
    profile : {"model", "measure", "macs"}
        Whether costs are the target's, latencies measured here, or MACs.
    """
    base = task.canonical((task.lengths[None] // 2).astype(np.int64))
    pools: list[Pool] = []
    for group in task.groups:
        values = _operators(task, group)
        rows = np.repeat(base, len(values), axis=0)
        rows[:, group] = values
        rows = task.canonical(rows)
        if profile == "measure":
            cost = _measured(task, rows)
        else:
            cost = task.usage(rows) if profile == "model" else task.ground.charge(rows)[Metric.MACS]
        kept = _front(cost, _capacity(task, rows), size)
        pools.append((np.asarray(group), values[kept]))
    default = base.copy()
    for columns, values in pools:
        default[:, columns] = values[len(values) // 2]
    return pools, task.canonical(default)


def _operators(task: Task, group: NDArray[np.int64]) -> Rows:
    """Return all choices of a layer, or a random part of them where they are many."""
    lengths = task.lengths[group]
    most = MOST if task.ground.tabled else MOST_BUILT
    if float(np.prod(lengths.astype(float))) <= most:
        return np.array(list(product(*(range(int(n)) for n in lengths))), dtype=np.int64)
    found: Rows = task.rng.integers(0, lengths, size=(most, len(lengths)))
    return np.unique(found, axis=0)


def _capacity(task: Task, rows: Rows) -> Floats:
    """Return how much networks can represent: higher is more."""
    metrics = task.ground.charge(rows)
    found: Floats = np.log(metrics[Metric.PARAMS]) + np.log(metrics[Metric.MACS])
    if task.ground.tabled:  # of residuals neither parameters nor MACs tell
        from ..evaluating import evaluate

        found += np.log(evaluate(task.ground.space, task.ground.target, rows)["nn_degree"])
    found[~np.isfinite(found)] = -np.inf
    return found


def _measured(task: Task, rows: Rows) -> Floats:
    """Return latencies measured here, in ms; of equal networks once."""
    from ..hardware.measuring import measure

    known: dict[object, float] = {}
    keys = task.keys(rows)
    for key, row in zip(keys, rows.tolist(), strict=True):
        if key not in known:
            net = task.ground.space.decode(tuple(row))
            known[key] = float(measure(net, time_limit_s=0.2, passes=2).latency_ms)
    return np.array([known[key] for key in keys])


def _front(cost: Floats, capacity: Floats, size: int) -> list[int]:
    """Return operators that none beats in cost and capacity, thinned, from cheap to capable."""
    front: list[int] = []
    most = -np.inf
    for place in np.lexsort((-capacity, cost)).tolist():
        if capacity[place] > most and np.isfinite(cost[place]):
            front.append(place)
            most = capacity[place]
    if len(front) <= size:
        return front
    wanted = np.linspace(0.0, 1.0, size) if size > 1 else np.array([0.5])
    level = capacity[front]
    level = (level - level[0]) / max(level[-1] - level[0], 1e-300)
    picked = {int(np.abs(level - one).argmin()) for one in wanted}
    return [front[k] for k in sorted(picked)]
