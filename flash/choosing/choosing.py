"""`flash.choose`: the best option of each group, proven."""

from __future__ import annotations

from fractions import Fraction
from time import perf_counter

import numpy as np

from ..base.checks import integer, listener, number, public, shown, watched
from ..base.record import Record, deferred
from ..errors import ArgumentError, ArgumentTypeError
from .answer import Alternative, ChoiceResult
from .conditions import Condition, PeakLimit, Row, read_conditions, with_clauses
from .goals import Goal, read_goals
from .model import Found, Limits, Model
from .numbers import fraction
from .problem import ChoiceProblem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any, Literal


__all__ = ["Question", "best", "choose"]

INF = float("inf")


class Question(Record):
    """What is asked: a problem, its conditions, objectives, and answers that are left out.

    Parameters
    ----------
    problem : ChoiceProblem
    conditions : tuple of Condition
    goals : tuple of Goal
    without : tuple of (picks, int)
        Answers, and in how many groups at least others must differ from them.
    """

    problem: ChoiceProblem
    conditions: tuple[Condition, ...]
    goals: tuple[Goal, ...]
    without: tuple[tuple[tuple[int, ...], int], ...] = ()

    def model(self, more: Sequence[Condition] = ()) -> Model:
        """Return the model, with further conditions."""
        made = Model(self.problem, (*self.conditions, *more))
        for picks, distance in self.without:
            made.without(picks, distance)
        return made

    def with_conditions(self, conditions: Sequence[Condition]) -> Question:
        """Return the same question with other conditions."""
        return Question(self.problem, tuple(conditions), self.goals, self.without)

    def values(self, picks: Sequence[int]) -> tuple[Fraction, ...]:
        """Return what an answer has of each objective; of a product its own, rounded."""
        return tuple(_value_of(self.problem, goal, picks) for goal in self.goals)

    def but(self, picks: tuple[int, ...], distance: int) -> Question:
        """Return the same question without an answer and what is near it."""
        return Question(
            self.problem, self.conditions, self.goals, (*self.without, (picks, distance))
        )


@public
def choose(
    problem: ChoiceProblem,
    *,
    minimize: Any = None,
    maximize: Any = None,
    where: str | Sequence[str] | None = None,
    k: int = 1,
    min_distance: int = 1,
    start: ChoiceResult | Mapping[str, str] | None = None,
    time_limit_s: float | None = None,
    max_nodes: int | None = None,
    callback: Callable[[Any], Any] | None = None,
    progress: bool | Literal["auto"] = False,
) -> ChoiceResult:
    """Choose one option for each group: the best within the conditions, proven.

    Parameters
    ----------
    problem : ChoiceProblem
    minimize, maximize : str, dict or list
        One of them: a metric, a sum such as ``"loss + 0.1 * latency_ms"`` or ``{"sum": {"loss": 1,
        "latency_ms": 0.1}}``, a product of powers ``{"product": {"loss": 1, "latency_ms": 0.5}}``,
        or a list of objectives, each of which decides between answers that are equal in those
        before it.
    where : str or list of str, optional
        Conditions, joined by *and*: ``"latency_ms <= 12 and loss / macs <= 0.1"`` on sums of
        metrics (any sign, weights, ratios against a number), ``"sram_kib <= 320"`` on peaks, and on
        choices ``'layer_1 == "mb3"'``, ``'layer_1 in ("mb3", "skip")'``, ``"layer_1 == layer_2"``,
        ``'bits["conv2"] >= bits["conv1"]'``, with and, or and not between them.
    k : int
        How many answers: the best, then the best of those that differ from all before it in at
        least `min_distance` groups. 1 to 10,000.
    min_distance : int
    start : ChoiceResult or dict of str to str, optional
        An earlier answer, which may still do: less is left to search.
    time_limit_s : float, optional
        In seconds, for all k together.
    max_nodes : int, optional
        Of the search tree, for each answer.
    callback : callable, optional
        Called with a `flash.results.event.Event` now and then; True ends the search.
    progress : bool or "auto"
        Show on standard error how far it is: with rich's bar on a terminal, where rich is
        installed, else with a line now and then. "auto": on a terminal alone, and not before the
        first second.

    Returns
    -------
    ChoiceResult

    Raises
    ------
    ArgumentError, ArgumentTypeError
        If a condition or objective names nothing that is there, or cannot be held exactly; what to
        use instead is said. Before any work.

    Notes
    -----
    Branch and bound over the linear relaxation, solved by a dual simplex method whose basis is as
    large as the number of conditions that bind (generalised upper bounding: Dantzig and Van Slyke,
    Journal of Computer and System Sciences 1, 1967); options are ruled out by reduced costs. Every
    bound is worked out from multipliers alone, rounded outward, and numbers are integers: see
    docs/concepts/proof.md.

    Examples
    --------
    >>> problem = flash.ChoiceProblem.from_arrays(
    ...     {"loss": [[3, 1], [4, 2]], "latency_ms": [[1, 2], [1, 4]]}
    ... )
    >>> flash.choose(problem, minimize="loss", where="latency_ms <= 5").choices
    {'0': '0', '1': '1'}
    """
    began = perf_counter()
    if not isinstance(problem, ChoiceProblem):
        raise ArgumentTypeError(
            f"problem must be a flash.ChoiceProblem, got {shown(problem)} "
            f"({type(problem).__name__}); for a space and a target there is flash.search"
        )
    goals = read_goals(minimize, maximize, problem)
    conditions = read_conditions(where, problem)
    k = integer("k", k, 1, 10_000)
    groups = len(problem.groups)
    min_distance = integer("min_distance", min_distance, 1, groups)
    deadline = INF if time_limit_s is None else number("time_limit_s", time_limit_s, above=0.0)
    nodes = -1 if max_nodes is None else integer("max_nodes", max_nodes, 0, 2**62)
    listener("callback", callback)
    if watched("progress", progress):
        from ..results.event import Watch

        with Watch(callback, progress, "nodes", max_nodes, time_limit_s) as watch:
            made = choose(
                problem, minimize=minimize, maximize=maximize, where=where, k=k,
                min_distance=min_distance, start=start, time_limit_s=time_limit_s,
                max_nodes=max_nodes, callback=watch,
            )  # fmt: skip
            watch.end(made.objective, made.bound, made.nodes)
            return made
    first = [] if start is None else [_picks_of(start, problem)]
    question = Question(problem, tuple(conditions), tuple(goals))
    heard, ended = _listening(callback, goals[0], began)
    answers: list[Found] = []
    found = Found(None, None, None, True, False, None, 0)
    total = 0
    for _ in range(k):
        left = deadline - (perf_counter() - began)
        if answers and left <= 0.0:
            break
        found = best(question, Limits(max(left, 1e-3), nodes, heard), first)
        total += found.nodes
        if found.picks is None:
            break
        answers.append(found)
        question = question.but(found.picks, min_distance)
        if found.stopped is not None:
            break
    asked = Question(problem, tuple(conditions), tuple(goals))
    stopped = "callback" if ended() else found.stopped
    return _result(asked, answers, found, stopped, total, perf_counter() - began, where)


def best(question: Question, limits: Limits, start: Sequence[Sequence[int]] = ()) -> Found:
    """Answer a question: objectives one after another, each held while the next is sought."""
    ends_at = perf_counter() + limits.deadline
    held: list[Condition] = []
    found = Found(None, None, None, True, False, None, 0)
    first: Found | None = None
    nodes = 0
    for goal in question.goals:
        left = max(ends_at - perf_counter(), 1e-3)
        own = Limits(left, limits.nodes, limits.callback)
        then = _least(question, goal, held, own, start)
        nodes += then.nodes
        if first is None:
            first = then
        if then.picks is None and found.picks is not None:  # stopped: what the one before found
            return _of_first(first, found.picks, nodes, then.stopped)
        found = then
        if found.picks is None or found.value is None or not found.proven:
            return _of_first(first, found.picks, nodes, found.stopped)
        start = [found.picks]
        if goal is not question.goals[-1] and goal.kind != "product":
            parts = with_clauses(goal.kept(found.value), question.problem)
            held.append(Condition("", tuple(parts)))
    assert first is not None
    return _of_first(first, found.picks, nodes, found.stopped, found.proven)


def _of_first(
    first: Found,
    picks: tuple[int, ...] | None,
    nodes: int,
    stopped: str | None,
    proven: bool | None = None,
) -> Found:
    """Return the outcome in terms of the first objective."""
    if proven is None:
        proven = first.proven and stopped is None and picks == first.picks
    return Found(picks, first.value, first.bound, proven, first.rounded, stopped, nodes)


def _least(
    question: Question,
    goal: Goal,
    held: Sequence[Condition],
    limits: Limits,
    start: Sequence[Sequence[int]],
) -> Found:
    if goal.kind == "sum":
        return question.model(held).solve(goal.row, limits, start)
    if goal.kind == "peak":
        return _least_peak(question, goal, held, limits)
    from .product import least_product

    def make(more: Sequence[Condition]) -> Model:
        return question.model((*held, *more))

    return least_product(question.problem, goal.powers, make, limits)


def _least_peak(question: Question, goal: Goal, held: Sequence[Condition], limits: Limits) -> Found:
    """Halve the values that a peak can have: which of them an answer keeps to."""
    column = question.problem.exact(goal.name)
    values = sorted({int(one) for one in column.whole.tolist()})
    nothing = Row({}, {}, "<=", Fraction(0))
    ends_at = perf_counter() + limits.deadline
    nodes = 0

    def ask(value: int) -> Found:
        nonlocal nodes
        own = Limits(max(ends_at - perf_counter(), 1e-3), limits.nodes, limits.callback)
        limit = PeakLimit(goal.name, ">=" if goal.greatest else "<=", column.scale * value)
        parts = tuple(with_clauses([limit], question.problem))
        model = question.model((*held, Condition("", parts)))
        found = model.solve(nothing, own)
        nodes += found.nodes
        return found

    low, high = 0, len(values) - 1
    if goal.greatest:
        values.reverse()
    got = ask(values[high])
    if got.picks is None:
        return Found(None, None, None, got.proven, False, got.stopped, nodes)
    picks = got.picks
    while low < high:
        # values[high] is met, and none before `low`
        middle = (low + high) // 2
        got = ask(values[middle])
        if got.stopped is not None:
            break
        if got.picks is None:
            low = middle + 1
        else:
            high, picks = middle, got.picks
    scale = column.scale
    return Found(
        picks, scale * values[high], scale * values[low], low == high, False, got.stopped, nodes
    )


def _listening(
    callback: Callable[[Any], Any] | None, goal: Goal, began: float
) -> tuple[Callable[[Any], Any] | None, Callable[[], bool]]:
    """Return what the core calls, and whether the user's callback ended the search."""
    if callback is None:
        return None, lambda: False
    from ..results.event import Listener

    heard = Listener(callback, began)
    plain = goal.kind == "sum"

    def notify(core: Any) -> bool:
        nodes, *_ = core.counts
        best, bound = core.best, core.bound
        value = best[0] if best is not None and plain else None
        return heard.tell(value, bound if plain and bound - bound == 0 else None, nodes)

    return notify, lambda: heard.ended


def _picks_of(start: Any, problem: ChoiceProblem) -> tuple[int, ...]:
    """Return an earlier answer's options by their places in this problem."""
    choices = start.choices if isinstance(start, ChoiceResult) else start
    if not isinstance(choices, dict) or set(choices) != set(problem.groups):
        raise ArgumentError(
            "start must be an answer of flash.choose, or an option for each group, got "
            f"{shown(start)}"
        )
    picks: list[int] = []
    labels: Any = problem._labels
    ends = problem._start.tolist()
    for g, name in enumerate(problem.groups):
        option = choices[name]
        if option is None and problem._until is not None:
            picks.append(-1)
            continue
        try:
            picks.append(labels.index(option, ends[g], ends[g + 1]))
        except ValueError:
            raise ArgumentError(
                f"start: {problem.group_name} {shown(name)} has no {problem.option_name} "
                f"{shown(option)}"
            ) from None
    return tuple(picks)


def told_choices(problem: ChoiceProblem, picks: Sequence[int]) -> dict[str, str | None]:
    """Return an answer's options by name; None where one before covers the group."""
    return {
        name: None if pick < 0 else problem._labels[pick]
        for name, pick in zip(problem.groups, picks, strict=True)
    }


def told_metrics(problem: ChoiceProblem, picks: Sequence[int]) -> dict[str, float]:
    """Return an answer's metrics, exactly summed."""
    found: dict[str, float] = {}
    taken = np.array([i for i in picks if i >= 0])
    for name in problem.metrics:
        column = problem.exact(name)
        own = map(int, column.whole[taken].tolist())
        whole = max(own) if name in problem.peaks else sum(own)
        found[name] = whole * column.scale.numerator / column.scale.denominator
    return found


def _result(
    asked: Question,
    answers: list[Found],
    last: Found,
    stopped: str | None,
    nodes: int,
    elapsed_s: float,
    where: Any,
) -> ChoiceResult:
    problem, goal = asked.problem, asked.goals[0]
    texts = tuple(one.text for one in asked.conditions)
    names = [one.name for one in asked.goals]
    common: dict[str, Any] = {
        "objective_name": ", then ".join(names),
        "greatest": goal.greatest,
        "where": texts,
        "stopped": stopped,
        "nodes": nodes,
        "elapsed_s": elapsed_s,
    }
    if not answers:
        status = _status_of_none(last, stopped)
        explain = status == "INFEASIBLE"
        return ChoiceResult(
            status=status,
            proven=explain,
            bound=None if last.bound is None else goal.told(last.bound),
            conflicts=deferred(lambda: _explained(asked)[0]) if explain else (),
            remedies=deferred(lambda: _explained(asked)[1]) if explain else (),
            asked=asked,
            **common,
        )
    first, *others = answers
    assert first.picks is not None
    assert first.value is not None
    proven = first.proven
    metrics = told_metrics(problem, first.picks)
    objective = goal.told(first.value)
    bound = objective if proven or first.bound is None else goal.told(first.bound)
    alternatives = tuple(_alternative(asked, one, first) for one in others)
    status = "OPTIMAL" if proven else "TIME_LIMIT" if stopped == "time_limit_s" else "FEASIBLE"
    flags: tuple[str, ...] = ()
    if first.rounded:
        flags = (
            "numbers exceed the solver's range and were rounded outward; the answer was checked in "
            "exact ones",
        )
    return ChoiceResult(
        status=status,
        choices=told_choices(problem, first.picks),
        metrics=metrics,
        objective=objective,
        bound=bound if first.bound is not None or proven else None,
        proven=proven,
        alternatives=alternatives,
        tied=_tied(asked, first, others) if proven else None,
        flags=flags,
        binding=deferred(lambda: _binding(asked, first)) if proven else None,
        asked=asked,
        **common,
    )


def _value_of(problem: ChoiceProblem, goal: Goal, picks: Sequence[int]) -> Fraction:
    own = [i for i in picks if i >= 0]
    sums = {
        name: problem.exact(name).scale * sum(int(problem.exact(name).whole[i]) for i in own)
        for name in (*goal.row.terms, *goal.powers)
    }
    if goal.kind == "peak":
        column = problem.exact(goal.name)
        return column.scale * max(int(column.whole[i]) for i in own)
    if goal.kind == "product":
        total = 1.0
        for name, power in goal.powers.items():
            total *= float(sums[name]) ** power
        return Fraction(total)
    value = sum((factor * sums[name] for name, factor in goal.row.terms.items()), Fraction(0))
    for (name, g), factor in goal.row.own.items():
        i = picks[g]
        if i >= 0:
            column_of = problem._values.get(name, problem.attributes.get(name))
            assert column_of is not None
            value += factor * fraction(column_of[i])
    return value


def _alternative(asked: Question, one: Found, first: Found) -> Alternative:
    problem, goal = asked.problem, asked.goals[0]
    assert one.picks is not None
    assert one.value is not None
    return Alternative(
        told_choices(problem, one.picks),
        told_metrics(problem, one.picks),
        goal.told(one.value),
        one.proven,
        first.picks is not None and asked.values(one.picks) == asked.values(first.picks),
    )


def _status_of_none(last: Found, stopped: str | None) -> str:
    if last.proven and stopped is None:
        return "INFEASIBLE"
    return "TIME_LIMIT" if stopped == "time_limit_s" else "NOT_FOUND"


def _tied(asked: Question, first: Found, others: Sequence[Found]) -> Any:
    """Whether another answer is as good: known from the second best, else asked when needed."""
    if others:
        assert first.picks is not None
        assert others[0].picks is not None
        return asked.values(others[0].picks) == asked.values(first.picks)
    from .explaining import is_tied

    return deferred(lambda: is_tied(asked, first))


def _binding(asked: Question, first: Found) -> Any:
    from .explaining import binding

    return binding(asked, first)


def _explained(asked: Question) -> tuple[Any, Any]:
    from .explaining import explained

    return explained(asked)
