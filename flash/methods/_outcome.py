"""The result of a method's run, with the gap to the proven optimum where there is one."""

from __future__ import annotations

from functools import partial
from time import perf_counter

from .._core.search.exact import Query, Search
from .._core.search.shgo import explore
from ..base.record import Record
from ..results.result import SearchResult, ended, no_result, result_at, verdict
from ..solving.ground import TableGround

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ..results.conflicts import Explanation
    from ..results.result import SearchResult
    from ._task import Best, Task

__all__ = ["KNOWN", "outcome"]

KNOWN = "the proven optimum is better"  # how a message ends where the bound is an optimum

INF = float("inf")
PROOF_S = 10.0  # of the proof after a run: it explains the answer, and is no search of its own


class Proof(Record):
    """What is known of the optimum after a run.

    Parameters
    ----------
    bound : float or None
        No network within the budgets has more merit; -inf: there is none.
    attained : bool
        Whether one has it, or there is none.
    """

    bound: float | None = None
    attained: bool = False

    @property
    def empty(self) -> bool:
        """Whether no network meets the budgets."""
        return self.attained and self.bound == -INF


def outcome(
    task: Task,
    budgets: dict[str, float],
    method: str,
    seed: int,
    stopped: str | None,
    certify: bool,
    started: float,
) -> SearchResult:
    """Return a run's result.

    With `certify`, flash's exact solver (predictor and NN-Degree on a SearchSpace) or a look
    through the whole table (tables of accuracies) tells the optimum, within what is left of the
    time limit; other evaluators know of none.
    """
    fields = {
        "objective_name": task.objective.name(
            task.evaluator.score == "accuracy", quantised=task.ground.designs
        ),
        "scored_by": task.evaluator.title if task.evaluator.score == "accuracy" else None,
        "method": method,
        "seed": seed,
        "nfev": task.nfev,
        "stopped": stopped,
        "trace": tuple(task.trace),
        "samples": task.asked,
        "feasible": task.feasible,
        "spent_s": task.spent_s,  # before the proof, which is not the method's
    }
    proof = _proof(task, certify, stopped)
    if task.best is None:
        return _nothing(task, proof, budgets, started, fields)
    return _found(task, task.best, proof, budgets, started, fields)


def _found(
    task: Task,
    best: Best,
    proof: Proof,
    budgets: dict[str, float],
    started: float,
    fields: dict[str, Any],
) -> SearchResult:
    """The result of the best network of a run."""
    ground, bound = task.ground, proof.bound
    optimal = proof.attained and bound is not None and best.merit >= bound
    binding = _binding(task, best, bound, budgets) if optimal and bound is not None else None
    if optimal:
        bound = best.merit
    otherwise = f"best that {fields['method']} found{ended(fields['stopped'])}"
    otherwise += told(task)
    if proof.attained:
        otherwise += f"; {KNOWN}"
    status, message = verdict(optimal, fields["stopped"], otherwise)
    if status == "TIME_LIMIT":  # whose message leaves out the rest
        message += told(task)
    row = ground.network_row(best.row)
    return result_at(
        ground.space,
        ground.target,
        budgets,
        row,
        best.metrics.tolist(),
        (status, message),
        predictor=task.predictor,
        accuracy=best.accuracy if task.evaluator.score == "accuracy" else None,
        objective=task.reported(best.merit),
        upper_bound=None if bound is None else task.reported(bound),
        proven=optimal,
        binding=binding,
        accelerator=ground.accelerator(best.row),
        elapsed_s=perf_counter() - started,
        **ground.facts(row),
        **fields,
    )


def told(task: Task) -> str:
    """Return what a method has to say of its end."""
    return "" if task.remark is None else f"; {task.remark}"


def _binding(
    task: Task, best: Best, value: float, budgets: dict[str, float]
) -> Callable[[], Any] | None:
    """Return what works out which budgets bind, where a solver proves; without the task's tables.

    value: the core's objective of the answer.
    """
    ground, wanted = task.ground, task.objective
    if not budgets or task.evaluator.expensive or not (ground.tabled or ground.designs):
        return None
    if ground.designs:
        from ..codesign.run import joint_binding

        design = ground.target.design_space(ground.space.family)
        return partial(joint_binding, ground.space, design, task.predictor, wanted, budgets, value)
    from ..results.binding import Asked, binding_budgets

    metrics = tuple(best.metrics.tolist())
    asked = ground.space, ground.target, task.predictor, wanted, budgets, value, metrics
    return partial(binding_budgets, Asked(*asked))


def _nothing(
    task: Task, proof: Proof, budgets: dict[str, float], started: float, fields: dict[str, Any]
) -> SearchResult:
    """The result of a run that found no network within the budgets."""
    ground, bound = task.ground, proof.bound
    why: str | Callable[[], Explanation] | None = None
    if proof.empty:
        why = "proven: no network meets the budgets"
        if isinstance(ground, TableGround) and not ground.designs:
            problem = ground.problem
            asked = problem.space, problem.target, problem.predictor, budgets
            why = partial(_why_not, *asked)
    return no_result(
        ground.space,
        ground.target,
        budgets,
        why,
        message=f"{fields['method']} found no network within the budgets{told(task)}",
        upper_bound=None if bound is None or bound == -INF else task.reported(bound),
        elapsed_s=perf_counter() - started,
        **fields,
    )


def _why_not(*asked: Any) -> Explanation:
    from ..results.conflicts import why_not

    return why_not(*asked)


def _proof(task: Task, certify: bool, stopped: str | None) -> Proof:
    """Return what is known of the optimum, within what is left of the time limit."""
    ground = task.ground
    if ground.tabled and not ground.designs and not task.evaluator.expensive:
        return _by_solver(task, certify)
    if not certify or stopped == "interrupt":
        return Proof()
    if ground.designs:
        return Proof(*ground.prove(_query(task), perf_counter() + _left(task)))
    return Proof(*task.evaluator.optimum(task))


def _by_solver(task: Task, certify: bool) -> Proof:
    """Return what the exact solver proves; without `certify` the bound of its root."""
    left = _left(task)
    ground = task.ground
    assert isinstance(ground, TableGround)
    core = Search(ground.problem.tables, _query(task), time_limit_s=left)
    if task.best is not None:
        variant, *rows = ground.places(task.best.row)
        core.offer(variant, rows)
    whole = certify and left > 0.0
    try:
        if whole:
            explore(core, 0)  # the proof starts from a good answer, whatever the method's is
            core.prove()
        else:
            core.bound_roots()
    except KeyboardInterrupt:
        return Proof()
    if whole and not core.stopped:
        return Proof(-INF if core.best is None else core.best[2], True)
    return Proof(core.bound if core.bound < INF else None)


def _query(task: Task) -> Query:
    return Query(task.limits, task.least, task.objective.exponents)


def _left(task: Task) -> float:
    """Return the seconds that a proof may take."""
    return min(PROOF_S, max(0.0, task.ends_at - perf_counter()))
