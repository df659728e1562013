"""`flash.search` with conditions beyond budgets: the search, and its results."""

from __future__ import annotations

from fractions import Fraction
from math import inf
from time import perf_counter

from ..base.checks import log
from ..base.names import TERMS
from ..base.record import Record, deferred
from ..choosing.conditions import Row
from ..results.result import NOTHING, SearchResult, ended, result_at, verdict
from .asking import Ask, Limit, fraction_of
from .boxes import Answer, Boxes
from .tables import Tables
from .together import Together

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from typing import Any, TypeAlias

    from .boxes import Asked
    from .confidence import Budget, Part

    Tell: TypeAlias = Callable[[float | None, float | None, int], bool]
    Without: TypeAlias = list[tuple[int, tuple[int, ...], int]]

__all__ = [
    "Found",
    "Search",
    "common_of",
    "joined",
    "nothing",
    "result_of",
    "search_within",
    "unsearched",
]

PROVEN = "proven: no configuration within the conditions is better"
SHORTEST_S = 1e-3  # left for a search whose time is over: it says so itself


class Found(Record):
    """How the search for one network ended.

    Parameters
    ----------
    answer : Answer or None
        With the first objective's value.
    bound : float
        What no network exceeds in the first objective.
    stopped : str or None
    nodes : int
    """

    answer: Answer | None
    bound: float
    stopped: str | None
    nodes: int


class Search:
    """One call: the tables, and what is left of time and evaluations.

    Parameters
    ----------
    asked : Ask
    started : float
        When the call began, as `perf_counter` counts.
    tell : callable, optional
        Takes the objective so far, a bound and evaluations, and returns whether to stop; by default
        whoever listens to the search.
    stop : list, optional
        Of a fleet: what ends the search once it holds something, for threads see no signals.
    """

    def __init__(
        self,
        asked: Ask,
        started: float,
        tell: Tell | None = None,
        stop: list[bool] | None = None,
    ) -> None:
        self.asked, self.started = asked, started
        self.tables = asked.tables()
        self.nodes, self.most = asked.spent, asked.evals
        self.ends_at = started + asked.deadline
        self.best: float | None = None  # of the network that is sought
        self.heard = False
        self.before: Boxes | None = None  # of the last question
        self._parts: dict[tuple[Any, ...], list[Part]] = {}
        self._tell, self.stop = tell, stop
        if tell is None and asked.callback is not None:
            from ..results.event import Listener

            self._tell = Listener(asked.callback, started).tell

    def left_s(self) -> float:
        return self.ends_at - perf_counter()

    def over(self) -> str | None:
        """Return what ends the search before anything more is sought."""
        if self.left_s() <= 0.0:
            return "time_limit_s"
        return "max_evals" if self.evals() == 0 else None

    def evals(self) -> int:
        """Return how many evaluations are left; -1 where nobody counts."""
        return -1 if self.most is None else max(0, self.most - self.nodes)

    def _told(self, first: bool) -> Tell | None:
        """Return what tells whoever listens of the search so far, and whether it must end."""
        told, stop = self._tell, self.stop
        if told is None:
            return None if stop is None else lambda *_: bool(stop)

        def tell(value: float | None, bound: float | None, nodes: int) -> bool:
            own = value if first else self.best
            end = told(None if own is None else self.asked.report(own), bound, self.nodes + nodes)
            self.heard = self.heard or end
            return end

        return tell

    def next(
        self,
        found: Sequence[Answer] = (),
        without: Without | None = None,
        limits: Sequence[Limit] = (),
        beat: float | None = None,
        follow: bool = False,
    ) -> Found:
        """Find the best network: one objective after another, each held while the next is sought.

        Parameters
        ----------
        found : sequence of Answer
            Networks that it is not.
        without : list, optional
            Places that it is so many choices away from.
        limits : sequence of Limit
            Conditions beyond those asked for.
        beat : float, optional
            What its first objective is to be better than.
        follow : bool
            Whether the question is the last one's with more conditions.
        """
        asked = self.asked
        start = None if beat is None else Answer(-1, (), beat, {})
        held = [*asked.limits, *limits]
        best: Answer | None = None
        bound, stopped, before = inf, None, self.nodes
        self.best = None
        for i, goal in enumerate(asked.goals):
            if i and (stopped := self.over()) is not None:
                break
            tell = self._told(i == 0)
            boxes, own_bound = self.solved(
                held, goal, tell, found=found, without=without, start=start if i == 0 else None,
                before=self.before if follow and i == 0 else None,
            )  # fmt: skip
            if i == 0:
                self.before = boxes
            stopped = "callback" if self.heard else boxes.stopped
            if stopped == "callback" and self.stop:
                stopped = "interrupt"
            if i == 0:
                bound = own_bound
            if boxes.best is None or boxes.best is start:
                break
            value = boxes.best.value
            best = boxes.best if best is None else boxes.best.replace(value=self._first(boxes.best))
            self.best = best.value
            if stopped is not None:
                break
            least = value if boxes.exact else value - boxes.slack(value)
            terms = {name: Fraction(factor) for name, factor in goal.items()}
            held.append(Limit("", Row(terms, {}, ">=", fraction_of(least))))
        if best is not None:
            bound = max(bound, best.value) if stopped is not None else best.value
        return Found(best, bound, stopped, self.nodes - before)

    def solved(
        self,
        limits: Sequence[Limit],
        goal: dict[str, float],
        tell: Tell | None = None,
        names: Collection[str] | None = None,
        floor: bool = True,
        found: Sequence[Answer] = (),
        without: Without | None = None,
        budgets: Mapping[Budget, float] | None = None,
        start: Answer | None = None,
        before: Boxes | None = None,
    ) -> tuple[Boxes, float]:
        """Answer one question: return its boxes in the end, and the bound.

        Parameters
        ----------
        limits, goal, names, floor, found
            As `Ask.question` takes them.
        tell : callable, optional
        without : list, optional
        budgets : dict, optional
            Of those that hold with confidence the ones that are asked; all by default.
        start : Answer, optional
            What only better ones are sought than.
        before : Boxes, optional
            Of the same question with fewer conditions.
        """
        asked, sure = self.asked, self.asked.sure
        ends = {} if sure is None else sure.budgets if budgets is None else budgets
        if sure is None or not ends:
            question = asked.question(limits, goal, names, floor, found)
            return self._boxes(question, without, tell, start, before)
        key = tuple(ends.items())
        if key not in self._parts:
            self._parts[key] = sure.parts(self.tables, ends, self.left_s())
        best = start
        boxes: Boxes | None = None
        over: list[Answer] = []  # that no bound tells from others
        for part in self._parts[key]:
            seen: set[tuple[int, tuple[int, ...]]] = set()
            while True:
                question = asked.question(limits, goal, names, floor, [*found, *over])
                question = question.replace(rows=(*question.rows, *part.rows))
                boxes, bound = self._boxes(question, without, tell, best)
                answer = boxes.best
                broken: list[Budget] = []
                net = None if answer is None else asked.space.decode(self.row(answer))
                if net is not None and answer is not best:
                    broken = sure.over(net, ends)
                    if not broken:
                        best = answer
                boxes.best = best
                if boxes.stopped is not None:
                    return boxes, bound if part is self._parts[key][-1] else inf
                if answer is None or net is None or not broken:
                    break
                place = (answer.variant, answer.rows)
                if place in seen or not sure.bound(self.tables, part, net, broken):
                    over.append(answer)
                seen.add(place)
        assert boxes is not None  # there is a part at least
        return boxes, -inf if best is None else best.value

    def row(self, answer: Answer) -> tuple[int, ...]:
        """Return an answer's choice indices."""
        return self.tables.scored.problem.row(answer.variant, answer.rows)

    def _boxes(
        self,
        question: Asked,
        without: Without | None,
        tell: Tell | None,
        best: Answer | None = None,
        before: Boxes | None = None,
    ) -> tuple[Boxes, float]:
        boxes = Boxes(self.tables, question, max(self.left_s(), SHORTEST_S), self.evals(), tell)
        boxes.left_out = list(without or ())
        boxes.best = best
        if before is not None:
            boxes.follow(before)
        try:
            bound = boxes.run()
        except KeyboardInterrupt:  # outside the core
            boxes.stopped, bound = "interrupt", inf
        self.nodes += boxes.nodes
        return boxes, bound

    def _first(self, answer: Answer) -> float:
        """Return the first objective's value."""
        goal = self.asked.goals[0]
        return sum(factor * answer.metrics[name] for name, factor in goal.items())


def search_within(asked: Ask, started: float, stop: list[bool] | None = None) -> SearchResult:
    """Search with conditions beyond budgets, several devices, or for several networks.

    Parameters
    ----------
    asked : Ask
    started : float
        When the call began, as `perf_counter` counts.
    stop : list, optional
        As `Search` takes it.
    """
    if asked.parts:
        from .parted import search_parts

        return search_parts(asked, started, stop)
    log("search", "conditions are searched: %s on %s", asked.space.family, asked.target.name)
    search = Search(asked, started, stop=stop)
    found: list[Found] = []
    without: Without = []
    stopped, short = None, False
    while len(found) < asked.k:
        if found and (stopped := search.over()) is not None:
            break
        one = search.next([each.answer for each in found if each.answer is not None], without)
        stopped = one.stopped
        if one.answer is None:
            if not found:
                return nothing(asked, common_of(asked, search.nodes, started), one)
            short = stopped is None
            break
        found.append(one)
        if stopped is not None:
            break
        if asked.distance > 1:
            without.append((one.answer.variant, one.answer.rows, asked.distance))
    common = common_of(asked, search.nodes, started)
    results = [result_of(asked, search.tables, one, common) for one in found]
    return joined(asked, results, found[0], stopped, short)


def joined(
    asked: Ask, results: Sequence[SearchResult], found: Found, stopped: str | None, short: bool
) -> SearchResult:
    """Return the first result with the others, and what is to be said of them.

    found: what the first result is of.
    """
    first = results[0]
    if first.proven and found.answer is not None and asked.budgets:
        value = found.answer.value
        first = first.replace(binding=deferred(lambda: _binding(asked, value)))
    if stopped is not None and first.stopped is None:
        told = f"{first.message}; {stopped} ended the search for further networks"
        first = first.replace(stopped=stopped, message=told)
    if short:
        few = (
            "there is no other" if len(results) == 1 else f"there are {len(results)} such networks"
        )
        first = first.replace(message=f"{first.message}; {few}, {asked.k} were asked for")
    return first if len(results) == 1 else first.replace(alternatives=tuple(results[1:]))


def _binding(asked: Ask, value: float) -> dict[str, dict[str, float]]:
    from .explaining import binding_within

    return binding_within(asked, value)


def common_of(asked: Ask, nodes: int, started: float) -> dict[str, Any]:
    """Return the fields that all results of a search share."""
    return {
        "confidence": asked.level,
        "where": asked.where,
        "objective_name": asked.objective_name,
        "method": asked.method,
        "seed": asked.seed,
        "nfev": nodes,
        "elapsed_s": perf_counter() - started,
        "int8": asked.int8,
    }


def result_of(asked: Ask, tables: Tables, one: Found, common: Mapping[str, Any]) -> SearchResult:
    """Return the result of a network."""
    answer, stopped = one.answer, one.stopped
    assert answer is not None
    problem = tables.scored.problem
    own = problem.own_rows(answer.variant, answer.rows)
    row = problem.row(answer.variant, answer.rows)
    proven = stopped is None
    predictor = asked.predictor
    within = PROVEN
    if asked.level is not None:
        within += f", with budgets that hold for the ends of intervals of {asked.level:.0%}"
    said = verdict(proven, stopped, "best found" + ended(stopped, "; not proven"), within)
    fields: dict[str, Any] = {**common, **problem.facts(answer.variant, own)}
    fields.update(
        accuracy=None if predictor is None else predictor.accuracy_of(answer.metrics["score"]),
        objective=asked.report(answer.value),
        upper_bound=asked.report(one.bound) if one.bound < inf else None,
        proven=proven,
        stopped=stopped,
    )
    if isinstance(asked.target, Together):
        costs = {name: answer.metrics[name] for name in asked.target.metrics}
        if predictor is not None:
            fields["scored_by"] = predictor.title
        return SearchResult(
            asked.space, asked.target.name, asked.budgets, *said, x=row, costs=costs,
            flags=deferred(lambda: _flags(asked, row)), **fields,
        )  # fmt: skip
    metrics = [0.0] * len(TERMS)
    for name in asked.target.metrics:
        metrics[TERMS.index(name)] = answer.metrics[name]
    return result_at(
        asked.space,
        asked.target,
        asked.budgets,
        row,
        metrics,
        said,
        predictor=predictor,
        notes=asked.notes,
        **fields,
    )


def _flags(asked: Ask, row: Sequence[int]) -> tuple[str, ...]:
    net = asked.space.decode(row)
    costs = ((name, target.cost(net)) for name, target in asked.devices.items())
    return (*asked.notes, *(f"{name}: {one}" for name, cost in costs for one in cost.flags))


def nothing(asked: Ask, common: Mapping[str, Any], one: Found) -> SearchResult:
    """Return the result where no network was found."""
    name, stopped = asked.target.name, one.stopped
    if stopped is None:
        from .explaining import Why

        why = Why(asked)
        return SearchResult(
            asked.space, name, asked.budgets, "INFEASIBLE", deferred(lambda: why.message),
            conflicts=deferred(lambda: why.conflicts), remedies=deferred(lambda: why.remedies),
            proven=True, **common,
        )  # fmt: skip
    bound = None if one.bound - one.bound else asked.report(one.bound)
    return _unfound(asked, stopped, upper_bound=bound, **common)


def _unfound(asked: Ask, stopped: str, **fields: Any) -> SearchResult:
    status = "TIME_LIMIT" if stopped == "time_limit_s" else "NOT_FOUND"
    message = NOTHING.replace("budgets", "conditions") + ended(stopped, "; not proven")
    return SearchResult(
        asked.space, asked.target.name, asked.budgets, status, message, stopped=stopped, **fields
    )


def unsearched(asked: Ask) -> SearchResult:
    """Return the result of a device that Ctrl-C left no time for."""
    return _unfound(
        asked, "interrupt", where=asked.where, objective_name=asked.objective_name,
        method=asked.method, seed=asked.seed, int8=asked.int8,
    )  # fmt: skip
