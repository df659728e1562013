"""FP-NAS and PARSEC with weights that are trained together with the distribution.

The loop of arXiv 2011.10949: in every iteration K networks are drawn, the weights take a step on a
batch of one half of the training images, and then the distribution one on a batch of the other
half, with the score-function gradient of `fp_nas`; q_k is the likelihood of that batch under
network k's weights (`flash.supernet.joint`). Costs are the target's: C_k is what
`flash.methods.fp_nas` weighs.

A network that is drawn twice in an iteration has one pass, and twice the weight: the same
gradients, for fewer passes than samples.

The run ends when the distribution is all but certain, or at a limit, and then its answer is the
most probable network that is within the budgets, with the accuracy that the trained weights have,
batch norms recalibrated. It is no choice by the images that judge: the best by these of the
networks drawn last is told apart.
"""

from __future__ import annotations

from typing import cast

import numpy as np

from ._task import Stop
from .fp_nas import Distribution, count_for, less_cost

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from numpy.typing import NDArray

    from ..evaluators.by_supernet import SupernetEvaluator
    from ..supernet.joint import JointTraining
    from ._task import Task

    Rows = NDArray[np.int64]
    Groups = list[NDArray[np.int64]]

__all__ = ["descend_jointly"]

MOST_TRIED = 4096  # networks looked at, from the most probable, for one within the budgets
LAST = 16  # networks drawn last that are scored beside the answer


class _Run:
    """One run: what is drawn from, and what was drawn."""

    def __init__(
        self, task: Task, learner: JointTraining, at: Distribution, joint: Groups | None, base: int
    ) -> None:
        self.task, self.learner, self.at, self.joint, self.base = task, learner, at, joint, base
        self.first = at.entropy
        self.iterations = self.passes = 0
        self.sure = False
        self.last: dict[tuple[int, ...], None] = {}  # networks within the budgets, the last behind
        if learner.state is not None:
            self._restore(learner.state)

    def _restore(self, state: dict[str, Any]) -> None:
        if state["joint"] and self.joint is not None:
            self.at, self.joint = self.at.joined(self.joint, self.task.lengths), None
        self.at.logits[:] = np.array(state["logits"], dtype=np.float64)
        self.at.refresh()
        self.iterations, self.passes = state["iterations"], state["passes"]
        self.last = dict.fromkeys(map(tuple, state["last"]))
        columns = len(self.task.lengths)
        networks = np.array(state["networks"], dtype=np.int64).reshape(-1, columns)
        self.task.go_on(networks, state["asked"])

    def state(self) -> dict[str, Any]:
        """Return all that a run needs to go on from here."""
        return {
            "logits": self.at.logits.tolist(),
            "joint": self.joint is None,
            "iterations": self.iterations,
            "passes": self.passes,
            "sure": self.sure,
            "last": [list(row) for row in self.last],
            "networks": self.task.networks.tolist(),
            "asked": self.task.asked,
        }

    def train(self) -> str | None:
        """Train until the distribution is sure, or return what cut it short."""
        learner, most = self.learner, self.task.options["iterations"]
        sure = self._is_sure()
        while not sure:
            if learner.epochs is not None and learner.done >= learner.epochs:
                return f"epochs={learner.epochs}"
            epoch = learner.done
            for batches in learner.batches(epoch):
                if self.iterations >= most:
                    return f"iterations={most}"
                self._iterate(batches, warm=epoch < self.task.options["warmup"])
                if self._is_sure():
                    break
            sure = self._is_sure()
            learner.keep(epoch + 1, self.state, sure or epoch + 1 == learner.epochs)
        return None

    def _is_sure(self) -> bool:
        """Return whether the entropy says that the search is over; or cells become joint."""
        options, entropy = self.task.options, self.at.entropy
        self.sure = entropy <= options["ends_at"] * self.first
        if self.joint is not None and not self.sure and entropy <= options["joint_at"] * self.first:
            if len(self.joint) < len(self.at.columns):
                self.at = self.at.joined(self.joint, self.task.lengths)
            self.joint = None
        return self.sure

    def _iterate(self, batches: Any, warm: bool) -> None:
        from ..base.seeds import stream

        task, options, at = self.task, self.task.options, self.at
        rng = np.random.Generator(np.random.PCG64(stream(self.base, self.iterations)))
        n = count_for(
            *(at.entropy, self.first, options["samples"], options["adaptive"]),
            per_nat=options["per_nat"],
        )
        rows, picks = at.draw(rng, n)
        rows, over = task.drawn(rows)
        real = np.isfinite(over)  # others are no networks, and have no likelihood
        if not real.any():
            self.iterations += 1
            return
        networks, place, times = _distinct(rows[real])
        counted = options["images"]
        self.learner.learn(networks, times, batches[0], self.iterations, counted)
        if not warm:
            likely = np.array(self.learner.weigh(networks, batches[1], self.iterations, counted))
            q = np.zeros(len(rows))
            q[real] = np.exp(likely[place] - likely.max())
            q /= q.sum()
            at.move(picks, less_cost(q, over, options["beta"]), options["learning_rate"])
        for row in rows[real & (over == 0.0)].tolist():
            self.last.pop(tuple(row), None)
            self.last[tuple(row)] = None
        while len(self.last) > LAST:
            del self.last[next(iter(self.last))]
        self.passes += len(networks)
        self.iterations += 1

    def answer(self) -> Rows | None:
        """Return the most probable network within the budgets, shape (1, variables)."""
        tried: list[Rows] = []
        for number, row in enumerate(self.at.by_probability()):
            tried.append(row)
            if len(tried) == 64 or number == 0:
                if (found := self._within(tried)) is not None:
                    return found
                tried = []
            if number + 1 == MOST_TRIED:
                break
        found = self._within(tried)
        if found is None and self.last:  # of a distribution that the budgets have no hold on
            found = np.array([list(self.last)[-1]], dtype=np.int64)
        return found

    def _within(self, rows: list[Rows]) -> Rows | None:
        if not rows:
            return None
        inside = np.flatnonzero(self.task.excess(np.concatenate(rows), look=False) == 0.0)
        return rows[int(inside[0])] if len(inside) else None

    def told(self, cut: str | None, scores: Sequence[float]) -> str:
        """Return what a result says of the run."""
        share = self.at.entropy / self.first if self.first else 0.0
        done = (
            f"weights trained with the distribution in {self.iterations} iterations, "
            f"{self.passes} passes, kept in {self.learner.folder!r}"
        )
        if cut is not None:
            done += (
                f"; cut short by {cut} with the entropy at {100 * share:.3g} % of the first, "
                f"where {100 * self.task.options['ends_at']:g} % ends a search"
            )
        if scores:
            done += (
                f"; of the {len(scores)} networks within the budgets drawn last the best has "
                f"accuracy {max(scores):.4f} by these weights"
            )
        return done


def descend_jointly(task: Task, at: Distribution, joint: Groups | None) -> None:
    """Train and draw until the end; `joint` are the layers' variables, for the switch."""
    from ..evaluators.by_supernet import SupernetEvaluator
    from ..training.preparing import digest

    judge = cast("SupernetEvaluator", task.evaluator)
    base = int(task.rng.integers(1 << 62))
    search = {
        # how far it may go tells no two runs apart: one that was cut short may be let go on
        "options": {
            k: one for k, one in task.options.items() if k not in ("iterations", "ends_at")
        },
        "factors": [len(at.columns), at.parameters],
        "target": digest(task.target.to_dict()),
        "limits": [str(one) for one in task.limits],
        "draws": base,
    }
    ended: BaseException | None = None
    with judge.jointly(task.space, search) as learner:
        earlier = learner.seconds  # of runs before this one
        run = _Run(task, learner, at, joint, base)
        try:
            cut = run.train()
        except (Stop, KeyboardInterrupt) as stop:  # raised again, once there is an answer
            ended = stop
            cut = "an interrupt" if isinstance(stop, KeyboardInterrupt) else stop.why or "a limit"
        own = SupernetEvaluator(learner.supernet, calibration=judge.calibration)
        task.judge_by(own, earlier)
        judge.joined = learner.supernet
        learner.supernet.module.eval()  # no dropout where networks are scored
        found = run.answer()
        scores: list[float] = []
        if found is not None and not isinstance(ended, KeyboardInterrupt):
            scores = own.evaluate(
                task.ground, np.array(list(run.last), dtype=np.int64), np.empty(0)
            )[0].tolist() if run.last else []  # fmt: skip
        task.remark = run.told(cut, scores)
    if found is not None:
        try:
            task.evaluate(found)
        except Stop as stop:
            ended = ended or stop
    if ended is not None:
        raise ended


def _distinct(rows: Rows) -> tuple[list[list[int]], NDArray[np.int64], list[int]]:
    """Return (networks, each once in the order of coming; which of them each row is; how often)."""
    seen: dict[tuple[int, ...], int] = {}
    place = [seen.setdefault(tuple(row), len(seen)) for row in rows.tolist()]
    times = np.bincount(place, minlength=len(seen)).tolist()
    return [list(row) for row in seen], np.array(place, dtype=np.int64), times
