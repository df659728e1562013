"""FP-NAS (Yan, Dai, Zhang, Tian, Wu, Feiszli; arXiv 2011.10949): fast probabilistic search.

A distribution over networks is drawn from, and moved towards what was good among the draws:

- P(A) is a product over cells of a softmax each. At first every variable has a softmax of its own
  (factorised), later all variables of a cell have one together (joint): coarse to fine. Where the
  switch comes is a reconstruction: at a share of the first entropy. The joint logits start as the
  sum of the factors' (reconstruction). A variable of more choices than the paper's ever have (over
  16) is at first two factors, a coarse and a fine digit (reconstruction).
- The number of draws of an iteration is proportional to the entropy H of P, ``K = lambda H``. The
  paper's lambda of 1/4 gives 14 draws at the start of its space; here lambda is such that every
  space starts with `samples` draws (reconstruction: the same rule where H is smaller).
- Draw k has the weight ``q_k = P_k / sum P_j`` of its likelihood P_k. The paper's likelihood is
  that of a batch of validation images under a supernet. Known here is one figure of merit, so that
  ``P_k = exp(sharpness z_k)``, z being the merit in standard deviations of recent draws
  (reconstruction).
- The soft cost constraint adds ``beta log C`` to the loss, C the mean of
  ``max(0, cost/budget - 1)``. The gradient with respect to the logits is then
  ``sum_k (-q_k + beta C_k / sum C_j) grad log P(A_k)`` (score function; derived, its formula was
  not seen). Plain gradient steps (reconstruction: the optimiser was not seen).
- At the end the most probable network is the answer (here: evaluated like the others, and the best
  within the budgets returned).

With ``weights="joint"`` and a `SupernetEvaluator` of a dataset it is as the paper has it: a
supernet's weights are trained together with the distribution, and P_k is the likelihood of a batch
(`flash.methods._jointly`, `flash.supernet.joint`). The options sharpness and the scale of merits
have no part in that.

PARSEC (Casale et al., arXiv 1902.05116) is the same with a fixed number of draws and the joint
distribution from the start: `flash.methods.parsec`.
"""

from __future__ import annotations

from itertools import product
from math import ceil, prod, sqrt

import numpy as np

from . import MethodOption

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from numpy.typing import NDArray

    from ._task import Answers, Task

__all__ = [
    "OPTIONS",
    "Distribution",
    "Scale",
    "count_for",
    "descend",
    "factorised",
    "given_counts",
    "joint_groups",
    "layers_of",
    "less_cost",
    "run",
    "unfit_options",
]

MOST_CHOICES = 16  # of a variable, above which it is drawn by two digits at first
MOST_JOINT = 4096  # choices of a cell, above which its variables stay apart
FEWEST = 2  # draws of an iteration: one alone has nothing to be weighed against

OPTIONS = {
    "samples": MethodOption(
        14, 2, 4096, about="draws of the first iteration; later by the entropy"
    ),
    "adaptive": MethodOption(True, about="False: as many draws in every iteration"),
    "joint_at": MethodOption(
        0.5, 0.0, 1.0, about="share of the first entropy at which cells become joint"
    ),
    "learning_rate": MethodOption(0.5, 1e-6, 100.0, about="of the logits"),
    "sharpness": MethodOption(
        1.0, 0.0, 100.0, about="log likelihood of a standard deviation of merit"
    ),
    "beta": MethodOption(1.0, 0.0, 1e3, about="weight of the soft cost constraint"),
    "ends_at": MethodOption(
        0.02, 0.0, 1.0, about="share of the first entropy at which the search ends"
    ),
    "iterations": MethodOption(2000, 1, 1 << 30, about="at most"),
    "per_nat": MethodOption(
        0.0, 0.0, 1e3, about="draws per nat of entropy, the paper's lambda (1/4); 0: by samples"
    ),
    "weights": MethodOption(
        "given",
        choices=("given", "joint"),
        about="joint: a supernet's are trained with the distribution",
    ),
    "images": MethodOption(
        8.0, 0.0, 1e6, about="joint: images that a batch counts for; 0: all, as in the paper"
    ),
    "warmup": MethodOption(0, 0, 1 << 20, about="joint: epochs before the distribution moves"),
}


class Distribution:
    """A product of softmaxes over choices, drawn from in one go.

    Parameters
    ----------
    columns : list of int arrays
        The variables of each factor.
    lengths : int array
        Choices of every variable.
    digits : list of (int, int) or None, optional
        Of each factor that is one digit of a variable: its place value, and how many it has.

    Attributes
    ----------
    logits : float64 array, shape (factors, choices)
        -inf beyond a factor's choices.
    p : float64 array of the same shape
    entropy : float
        In nats.
    parameters : int
        Logits: those of every factor.
    """

    def __init__(
        self,
        columns: list[NDArray[np.int64]],
        lengths: NDArray[np.int64],
        digits: list[tuple[int, int] | None] | None = None,
    ) -> None:
        self.columns = columns
        self.digits: list[tuple[int, int] | None] = digits or [None] * len(columns)
        self._last = None if digits is None else lengths - 1
        sizes = [
            int(np.prod(lengths[one])) if digit is None else digit[1]
            for one, digit in zip(columns, self.digits, strict=True)
        ]
        most = max(sizes, default=1)
        self.logits: NDArray[np.float64] = np.full((len(columns), most), -np.inf)
        self._rows = np.zeros((len(columns), most, len(lengths)), dtype=np.int64)
        for f, (one, size) in enumerate(zip(columns, sizes, strict=True)):
            self.logits[f, :size] = 0.0
            if (digit := self.digits[f]) is not None:
                self._rows[f, :size, one[0]] = digit[0] * np.arange(size)
                continue
            values = product(*(range(int(lengths[k])) for k in one))
            self._rows[f, :size, one] = np.array(list(values), dtype=np.int64).T
        self._factors = np.arange(len(columns))
        self.parameters: int = sum(sizes)
        self.refresh()

    def refresh(self) -> None:
        """Work out probabilities and entropy from the logits."""
        logits = self.logits - self.logits.max(axis=1, keepdims=True)
        p = np.exp(logits)
        total = p.sum(axis=1, keepdims=True)
        p /= total
        self.p = p
        logits[p == 0.0] = 0.0
        self.entropy: float = float(np.log(total).sum() - (p * logits).sum())

    def draw(self, rng: np.random.Generator, n: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return (rows of choice indices, choice of each factor), shapes (n, ...)."""
        steps = self.p.cumsum(axis=1)
        u = rng.random((n, len(self.columns))) * steps[:, -1]
        if steps.shape[1] <= 256:  # one call, where a search for each factor takes longer
            picks = (steps <= u[:, :, None]).sum(axis=2)
        else:
            picks = np.empty((n, len(self.columns)), dtype=np.int64)
            for f in self._factors:
                picks[:, f] = np.searchsorted(steps[f], u[:, f], side="right")
        np.minimum(picks, self.p.shape[1] - 1, out=picks)
        return self.rows(picks), picks

    def rows(self, picks: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the rows of choices of each factor."""
        found: NDArray[np.int64] = self._rows[self._factors, picks].sum(axis=1)
        return found if self._last is None else np.minimum(found, self._last)

    def mode(self) -> NDArray[np.int64]:
        """Return the most probable row, shape (1, variables)."""
        return self.rows(self.p.argmax(axis=1)[None])

    def by_probability(self) -> Iterator[NDArray[np.int64]]:
        """Yield rows of shape (1, variables) from the most probable on.

        A row may come again where different digits of a variable are the same choice.
        """
        from heapq import heappop, heappush

        with np.errstate(invalid="ignore"):
            logits = self.logits - self.logits.max(axis=1, keepdims=True)
        order = np.argsort(-logits, axis=1, kind="stable")
        loss = -np.take_along_axis(logits, order, axis=1)  # of each rank, to the most probable
        counts = np.isfinite(loss).sum(axis=1).tolist()
        heap: list[tuple[float, tuple[int, ...], int]] = [(0.0, (0,) * len(counts), 0)]
        while heap:
            lost, ranks, last = heappop(heap)
            yield self.rows(order[self._factors, np.array(ranks, dtype=np.int64)][None])
            for f in range(last, len(counts)):  # each set of ranks comes by one way only
                if (rank := ranks[f] + 1) < counts[f]:
                    more = lost - loss[f, rank - 1] + loss[f, rank]
                    heappush(heap, (float(more), (*ranks[:f], rank, *ranks[f + 1 :]), f))

    def move(self, picks: NDArray[np.int64], weights: NDArray[np.float64], rate: float) -> None:
        """Go up the gradient ``sum_k weights_k grad log P(A_k)``."""
        self.logits -= rate * float(weights.sum()) * self.p
        step = np.broadcast_to(rate * weights[:, None], picks.shape)
        np.add.at(self.logits, (self._factors[None, :], picks), step)
        self.refresh()

    def joined(self, groups: list[NDArray[np.int64]], lengths: NDArray[np.int64]) -> Distribution:
        """Return the same distribution with one factor per group."""
        out = Distribution(groups, lengths)
        at: dict[int, list[int]] = {}
        for f, one in enumerate(self.columns):
            at.setdefault(int(one[0]), []).append(f)
        for f, group in enumerate(groups):
            size = int(np.prod(lengths[group]))
            logits = np.zeros(size)
            for k in group:
                for part in at[int(k)]:
                    step, count = self.digits[part] or (1, int(lengths[k]))
                    logits += self.logits[part][out._rows[f, :size, k] // step % count]
            out.logits[f, :size] = logits
        out.refresh()
        return out


class Scale:
    """Mean and deviation of the merits of recent draws, by which a merit becomes a likelihood."""

    def __init__(self, window: int = 64) -> None:
        self.kept: list[float] = []
        self.window = window

    def weights(self, answers: Answers, sharpness: float) -> NDArray[np.float64]:
        """Return q_k: shares of the draws' likelihood, 0 where a draw has no merit."""
        merit = answers.likely
        real = np.isfinite(merit)
        if not real.any():
            return np.zeros(len(merit))
        self.kept = (self.kept + merit[real].tolist())[-self.window :]
        away = np.array(self.kept)
        away -= away.sum() / len(away)
        spread = float(np.sqrt((away * away).sum() / len(away)))
        z = np.where(real, merit - merit[real].max(), -np.inf) / (spread or 1.0)
        q = np.exp(sharpness * z)
        found: NDArray[np.float64] = q / q.sum()
        return found


def unfit_options(judge: Any, objective: Any, options: dict[str, Any]) -> str | None:
    """Return why options do not go with an evaluator and an objective, or None where they do."""
    if options["weights"] != "joint":
        return None
    if not hasattr(judge, "jointly") or judge.dataset is None:
        trained = " of a trained supernet" if hasattr(judge, "jointly") else f" by {judge.name}"
        return (
            "options['weights'] 'joint' needs a SupernetEvaluator of a dataset, such as "
            f"flash.SupernetEvaluator('digits', out=...), got one{trained}"
        )
    if objective not in (None, "accuracy"):
        return (
            "objective must be 'accuracy' where weights are trained jointly: networks are weighed "
            f"by their likelihood, and costs are budgets; got {objective!r}"
        )
    return None


def run(task: Task) -> None:
    """Search until the distribution is all but certain, or a limit."""
    descend(task, factorised(task), joint_groups(task))


def factorised(task: Task) -> Distribution:
    """Return a distribution with a factor for each variable.

    What a block is given has a factor for each: kernel, expansion and so on. Another variable of
    many choices has two digits.
    """
    factors: list[NDArray[np.int64]] = []
    digits: list[tuple[int, int] | None] = []
    for k in [k for group in task.groups for k in group]:
        n = int(task.lengths[k])
        own: list[tuple[int, int] | None] = [None]
        counts = given_counts(task.space, int(k))
        if counts is not None and len(counts) > 1:
            own = [(prod(counts[place + 1 :]), one) for place, one in enumerate(counts)]
        elif n > MOST_CHOICES:
            low = ceil(sqrt(n))
            own = [(low, -(-n // low)), (1, low)]
        factors += [np.array([k])] * len(own)
        digits += own
    return Distribution(factors, task.lengths, digits if any(digits) else None)


def given_counts(space: Any, k: int) -> list[int] | None:
    """Return the choices of each thing that a block is given, where variable `k` is a block.

    None where it is none, or one of several options.
    """
    numbering = getattr(space, "numbering", None)
    if numbering is None:
        return None
    variable = numbering.all[k]
    if variable.kind != "block":
        return None
    variants = numbering.stages[variable.stage].variants
    options = {id(variants[one].option): variants[one].option
               for one in numbering.options[variable.stage][variable.place > 0]}  # fmt: skip
    if len(options) != 1 or (option := next(iter(options.values()))) is None:
        return None
    return [len(some) for some in option.choices.values() if len(some) > 1]


def joint_groups(task: Task) -> list[NDArray[np.int64]]:
    """Return the variables of each cell, those of one with too many choices one by one.

    In a space of blocks these are layers: a block, the first of a stage with the stage's width.
    """
    joint: list[NDArray[np.int64]] = []
    for group in layers_of(task):
        fits = float(np.prod(task.lengths[group].astype(float))) <= MOST_JOINT
        joint += [group] if fits else [np.array([k]) for k in group]
    return joint


def layers_of(task: Task) -> list[NDArray[np.int64]]:
    """Return which variables are a cell's, or a layer's."""
    numbering = getattr(task.space, "numbering", None)
    if numbering is None:
        return list(task.groups)
    found: dict[tuple[Any, ...], list[int]] = {}
    for k in [int(k) for group in task.groups for k in group]:
        one = numbering.all[k]
        place = 0 if one.kind == "width" else one.place
        own = one.kind in ("width", "block")
        found.setdefault((one.stage, place) if own else (one.name,), []).append(k)
    return [np.array(columns) for columns in found.values()]


def descend(task: Task, at: Distribution, joint: list[NDArray[np.int64]] | None) -> None:
    """Draw and move until the end; `joint` are the cells' variables, for the switch."""
    options = task.options
    if options["weights"] == "joint":
        from ._jointly import descend_jointly

        descend_jointly(task, at, joint)
        return
    first = at.entropy
    scale = Scale()
    for _ in range(options["iterations"]):
        if at.entropy <= options["ends_at"] * first:
            break
        if joint is not None and at.entropy <= options["joint_at"] * first:
            if len(joint) < len(at.columns):
                at = at.joined(joint, task.lengths)
            joint = None
        n = count_for(
            at.entropy, first, options["samples"], options["adaptive"], options["per_nat"]
        )
        rows, picks = at.draw(task.rng, n)
        answers = task.evaluate(rows, over=True)
        weights = scale.weights(answers, options["sharpness"])
        weights = less_cost(weights, answers.excess, options["beta"])
        at.move(picks, weights, options["learning_rate"])
    if at.entropy > options["ends_at"] * first:
        task.remark = (
            f"cut short by iterations={options['iterations']} with the entropy at "
            f"{100 * at.entropy / first:.3g} % of the first, where {100 * options['ends_at']:g} % "
            "ends a search"
        )
    task.evaluate(at.mode())


def less_cost(
    q: NDArray[np.float64], excess: NDArray[np.float64], beta: float
) -> NDArray[np.float64]:
    """Return ``q_k - beta C_k / sum_j C_j``: what draws weigh in the step of the distribution.

    Costs are ``C_k = max(0, cost/budget - 1)``; without any there is nothing to be taken off, and
    what is no network (of infinite cost) has no part.
    """
    costs = np.where(np.isfinite(excess), excess, 0.0)
    total = float(costs.sum())
    return q - beta * costs / total if total > 0.0 else q


def count_for(
    entropy: float, first: float, samples: int, adaptive: bool, per_nat: float = 0.0
) -> int:
    """Return how many networks an iteration draws: ``lambda H``, where it is adaptive.

    Without lambda (`per_nat`) it is such that the first iteration draws `samples`.
    """
    if not adaptive or first <= 0.0:
        return samples
    return max(FEWEST, round(per_nat * entropy if per_nat else samples * entropy / first))
