"""`flash.search` with conditions beyond budgets: what is asked, and the results."""

from __future__ import annotations

from fractions import Fraction
from math import inf, nextafter
from time import perf_counter

from ..base.checks import choice, flag, integer, listener, number, real, shown
from ..base.names import COSTS, MAXIMA, METRIC_OF, TERMS
from ..base.record import Record, deferred
from ..choosing.conditions import COMPARE, Clause, Link, Row, texts_of
from ..errors import ArgumentError, ArgumentTypeError
from ..problem.compiling import MACS, PARAMS, compile_problem
from ..problem.objective import least_of
from ..results.result import NOTHING, SearchResult, ended, verdict
from .boxes import Answer, Asked, Boxes
from .names import NetworkReader, names_choices
from .tables import Device, Tables
from .together import Together

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    from ..hardware.target import Target
    from ..predictors.predictor import AccuracyPredictor
    from ..spaces.space import SearchSpace

__all__ = ["search_within"]

PROVEN = "proven: no configuration within the conditions is better"
NONE = "proven: no network meets the conditions"
ALL_S = 10.0  # for all that explains why nothing fits


class _Limit(Record):
    """A condition on metrics: of a budget, or of the text."""

    name: str
    row: Row


class _Ask:
    """A search with its conditions, read and checked."""

    def __init__(
        self,
        space: SearchSpace,
        target: Target | Together,
        budgets: Mapping[str, float],
        predictor: AccuracyPredictor | None,
        given: Mapping[str, Any],
    ) -> None:
        self.space, self.target, self.predictor = space, target, predictor
        self.budgets = dict(budgets)
        self.texts = texts_of(given["where"])
        self.devices = dict(target.targets) if isinstance(target, Together) else {"": target}
        self.goals = self._goals(given["objective"], given["minimize"])
        self.plan = space.plan()
        self.limits = [*self._budget_limits(), *self._text_limits()]
        if given["min_nn_degree"] is not None:
            least = fraction_of(real("min_nn_degree", given["min_nn_degree"], 0.0))
            row = Row({"nn_degree": Fraction(1)}, {}, ">=", least)
            self.limits.append(_Limit("min_nn_degree", row))
        self.choices = [text for text in self.texts if names_choices(text, space)]
        floor = least_of(budgets.get("min_accuracy"))
        self.floor = floor if predictor is None else least_score(predictor, floor)
        self.least_accuracy = floor

    # names

    def suffixed(self, metric: str) -> list[str]:
        """Return the names that a cost has on the devices that model it."""
        return [
            f"{metric}@{name}" if name else metric
            for name, target in self.devices.items()
            if metric in target.metrics
        ]

    @property
    def metrics(self) -> list[str]:
        """All metrics that conditions may name."""
        costs = [one for metric in COSTS for one in self.suffixed(metric)]
        return [*costs, "params", "macs", "nn_degree"]

    def _goals(self, objective: Any, minimize: Any) -> list[dict[str, float]]:
        """Return what is maximised, one after another, as sums of metrics."""
        if minimize is not None:
            if objective != "accuracy":
                raise ArgumentError("give one of objective and minimize, and not both")
            some = list(minimize) if isinstance(minimize, (list, tuple)) else [minimize]
            if not some:
                raise ArgumentError("minimize must name at least one metric, got none")
            return [self._least(one) for one in some]
        some = list(objective) if isinstance(objective, (list, tuple)) else [objective]
        return [self._goal(one) for one in some]

    def _least(self, name: Any) -> dict[str, float]:
        if name == "accuracy":
            raise ArgumentError("minimize: accuracy is what objective='accuracy' maximises")
        return {choice("minimize", name, self.metrics): -1.0}

    def _goal(self, given: Any) -> dict[str, float]:
        if given in ("accuracy", "nn_degree"):
            return {"score" if given == "accuracy" else "nn_degree": 1.0}
        if not isinstance(given, dict) or set(given) != {"sum"}:
            raise ArgumentTypeError(
                "objective with where, k, minimize or several devices must be 'accuracy', "
                "'nn_degree', {'sum': {metric: weight}} or a list of them (products and functions "
                f"go without), got {shown(given)}"
            )
        weights = given["sum"]
        if not isinstance(weights, dict) or not weights:
            raise ArgumentTypeError(f"objective['sum'] must hold metrics, got {shown(weights)}")
        known = ["accuracy", *self.metrics]
        found: dict[str, float] = {}
        for name, weight in weights.items():
            choice("objective['sum']", name, known)
            if name == "accuracy" and self.predictor is not None:
                raise ArgumentError(
                    "objective['sum']: a predicted accuracy is no sum over cells; maximise "
                    "'accuracy' with budgets, or use a weighted product without where"
                )
            own = real(f"objective['sum'][{name!r}]", weight, -1e9, 1e9)
            if own:
                found["nn_degree" if name == "accuracy" else name] = own
        if not found:
            raise ArgumentError("objective['sum']: all weights are 0")
        return found

    # conditions

    def _budget_limits(self) -> list[_Limit]:
        found: list[_Limit] = []
        for budget in MAXIMA:
            if budget not in self.budgets:
                continue
            metric = TERMS[METRIC_OF[budget]]
            names = self.suffixed(metric) if metric in COSTS else [metric]
            limit = fraction_of(self.budgets[budget])
            found += [_Limit(budget, Row({name: Fraction(1)}, {}, "<=", limit)) for name in names]
        return found

    def _text_limits(self) -> list[_Limit]:
        found: list[_Limit] = []
        for text in self.texts:
            reader = NetworkReader(self.space, ["accuracy", *self.metrics], text, self.plan)
            for condition in reader.conditions():
                for part in condition.parts:
                    if isinstance(part, Row):
                        found.append(_Limit(condition.text, self._known(text, part)))
        return found

    def _known(self, text: str, row: Row) -> Row:
        """Return a condition on metrics in what the tables have."""
        if row.sign == "!=":
            raise ArgumentError(f"where {shown(text)}: sums of metrics are not compared by !=")
        if "accuracy" not in row.terms:
            return row
        if self.predictor is None:
            raise ArgumentError(
                f"where {shown(text)}: an accuracy needs a predictor; without one there is "
                "nn_degree"
            )
        if len(row.terms) > 1 or row.sign not in (">=", ">") or row.terms["accuracy"] <= 0:
            raise ArgumentError(
                f"where {shown(text)}: a predicted accuracy is no sum over cells; it can be at "
                "least a number: accuracy >= 0.9"
            )
        least = float(row.limit / row.terms["accuracy"])
        score = least_score(self.predictor, least)
        return Row({"score": Fraction(1)}, {}, ">=", fraction_of(max(score, -1e300)))

    def clauses(self, variant: int) -> tuple[list[Clause], list[Link]] | None:
        """Return the conditions on choices for a variant; None where one is never met."""
        found: list[Clause] = []
        links: list[Link] = []
        for text in self.choices:
            reader = NetworkReader(
                self.space, ["accuracy", *self.metrics], text, self.plan, variant
            )
            for condition in reader.conditions():
                for part in condition.parts:
                    if isinstance(part, Clause):
                        if not part.masks:
                            return None
                        found.append(part)
                    elif isinstance(part, Link):
                        links.append(part)
        return found, links

    def fits(self, metrics: Mapping[str, float], limits: Sequence[_Limit]) -> bool:
        """Whether exact metrics meet the conditions on them."""
        predictor = self.predictor
        if predictor is not None and self.least_accuracy > -inf:
            accuracy = predictor.accuracy_of(metrics["score"])
            return accuracy >= self.least_accuracy and _meets_all(metrics, limits)
        return _meets_all(metrics, limits)

    # solving

    def tables(self) -> Tables:
        """Compile the space on all devices."""
        counts = PARAMS | MACS
        devices: list[Device] = []
        for i, (name, target) in enumerate(self.devices.items()):
            predictor = self.predictor if i == 0 else None
            problem = compile_problem(self.space, target, predictor, counts)
            devices.append(Device(i, f"@{name}" if name else "", problem))
        scored = devices[0]
        degrees = scored
        if not scored.problem.of_degrees:
            degrees = Device(len(devices), "", scored.problem.plain)
        return Tables(devices, scored, degrees, self.predictor)

    def question(self, limits: Sequence[_Limit], goal: dict[str, float], choices: bool) -> Asked:
        return Asked(
            tuple(one.row for one in limits),
            self.clauses if choices else lambda _: ([], []),
            goal,
            self.floor,
            lambda metrics: self.fits(metrics, limits),
        )


def search_within(
    space: SearchSpace,
    target: Target | Together,
    budgets: Mapping[str, float],
    predictor: AccuracyPredictor | None,
    given: Mapping[str, Any],
    started: float,
) -> SearchResult:
    """Search with conditions beyond budgets, several devices, or for several networks.

    Parameters
    ----------
    space, target, budgets, predictor
        Checked.
    given : dict
        What `flash.search` was given besides.
    """
    k = integer("k", given["k"], 1, 10_000)
    distance = integer("min_distance", given["min_distance"], 1, len(space.variables))
    deadline = given["time_limit_s"]
    deadline = inf if deadline is None else number("time_limit_s", deadline, above=0.0)
    evals = given["max_evals"]
    evals = -1 if evals is None else integer("max_evals", evals, 1)
    listener("callback", given["callback"])
    progress = flag("progress", given["progress"])
    asked = _Ask(space, target, budgets, predictor, given)
    for text in asked.choices:  # names and texts before any work
        NetworkReader(space, ["accuracy", *asked.metrics], text, asked.plan).conditions()
    tables = asked.tables()
    notify, heard = _listening(given["callback"], progress, started)
    answers: list[Answer] = []
    without: list[tuple[int, tuple[int, ...], int]] = []
    bound, boxes = inf, None
    nodes = 0
    for _ in range(k):
        left = deadline - (perf_counter() - started)
        if answers and left <= 0.0:
            break
        boxes, bound = _lexicographic(asked, tables, without, max(left, 1e-3), evals, notify)
        nodes += boxes.nodes
        if boxes.best is None:
            break
        answers.append(boxes.best)
        without.append((boxes.best.variant, boxes.best.rows, distance))
        if boxes.stopped is not None:
            break
    assert boxes is not None
    stopped = "callback" if heard() else boxes.stopped
    common = {
        "where": tuple(asked.texts),
        "objective_name": _told(asked.goals, predictor),
        "method": given["method"],
        "seed": given["seed"],
        "nfev": nodes,
        "stopped": stopped,
        "elapsed_s": perf_counter() - started,
    }
    if not answers:
        return _nothing(asked, tables, common, bound)
    results = [
        _result(asked, tables, one, bound if i == len(answers) - 1 else one.value,
                stopped if i == len(answers) - 1 else None, common)
        for i, one in enumerate(answers)
    ]  # fmt: skip
    first, *others = results
    return first if not others else first.replace(alternatives=tuple(others))


def _lexicographic(
    asked: _Ask,
    tables: Tables,
    without: Sequence[tuple[int, tuple[int, ...], int]],
    deadline: float,
    evals: int,
    notify: Any,
) -> tuple[Boxes, float]:
    """Answer one objective after another, each held while the next is sought; the bound is of the
    first."""
    ends_at = perf_counter() + deadline
    limits = list(asked.limits)
    first: tuple[float, float] | None = None
    best: Answer | None = None
    boxes = None
    for goal in asked.goals:
        left = max(ends_at - perf_counter(), 1e-3)
        boxes = Boxes(tables, asked.question(limits, goal, True), left, evals, notify)
        boxes.left_out = list(without)
        bound = boxes.run()
        if boxes.best is None:
            if best is not None:
                boxes.best = best
            break
        best = boxes.best
        if first is None:
            first = (bound, best.value)
        if boxes.stopped is not None:
            break
        least = best.value
        if not boxes.exact:
            least -= 1e-12 * abs(least)
        terms = {name: Fraction(factor) for name, factor in goal.items()}
        limits.append(_Limit("", Row(terms, {}, ">=", fraction_of(least))))
    assert boxes is not None
    if best is not None and first is not None:
        goal = asked.goals[0]
        value = sum(factor * best.metrics[name] for name, factor in goal.items())
        boxes.best = Answer(best.variant, best.rows, value, best.metrics)
        return boxes, max(first[0], value) if boxes.stopped is not None else value
    return boxes, bound


def _told(goals: Sequence[dict[str, float]], predictor: Any) -> str:
    names = []
    for goal in goals:
        parts = []
        for name, factor in goal.items():
            called = name
            if name == "score":
                called = "nn_degree" if predictor is None else "accuracy"
            parts.append(called if factor == 1.0 else f"{factor:g} * {called}")
        names.append(" + ".join(parts))
    return ", then ".join(names)


def _report(asked: _Ask, value: float) -> float:
    """Return an objective as it is told."""
    goal = asked.goals[0]
    if "score" in goal and asked.predictor is not None:
        return asked.predictor.accuracy_of(value)
    return value


def _result(
    asked: _Ask,
    tables: Tables,
    answer: Answer,
    bound: float,
    stopped: str | None,
    common: Mapping[str, Any],
) -> SearchResult:
    from ..results.result import result_at

    problem = tables.scored.problem
    own = problem.own_rows(answer.variant, answer.rows)
    facts = problem.facts(answer.variant, own)
    row = problem.row(answer.variant, answer.rows)
    proven = stopped is None and bound <= answer.value
    predictor = asked.predictor
    said = verdict(proven, stopped, "best found" + ended(stopped, "; not proven"), PROVEN)
    fields = dict(common)
    fields.update(facts)
    fields.update(
        accuracy=None if predictor is None else predictor.accuracy_of(answer.metrics["score"]),
        objective=_report(asked, answer.value),
        upper_bound=_report(asked, answer.value if proven else bound) if bound < inf else None,
        proven=proven,
        stopped=stopped,
    )
    if isinstance(asked.target, Together):
        costs = {name: answer.metrics[name] for name in asked.target.metrics}
        return SearchResult(
            asked.space, asked.target.name, asked.budgets, *said, x=row, costs=costs,
            flags=deferred(lambda: _flags(asked, row)), **fields,
        )  # fmt: skip
    metrics = [0.0] * len(TERMS)
    for name in asked.target.metrics:
        metrics[TERMS.index(name)] = answer.metrics[name]
    return result_at(
        asked.space, asked.target, asked.budgets, row, metrics, said, predictor=predictor, **fields
    )


def _flags(asked: _Ask, row: Sequence[int]) -> tuple[str, ...]:
    net = asked.space.decode(row)
    return tuple(
        f"{name}: {one}" for name, target in asked.devices.items() for one in target.cost(net).flags
    )


def _nothing(asked: _Ask, tables: Tables, common: Mapping[str, Any], bound: float) -> SearchResult:
    stopped = common["stopped"]
    name = asked.target.name
    if stopped is None:
        return SearchResult(
            asked.space, name, asked.budgets, "INFEASIBLE",
            deferred(lambda: _why(asked, tables)), proven=True, **common,
        )  # fmt: skip
    status = "TIME_LIMIT" if stopped == "time_limit_s" else "NOT_FOUND"
    return SearchResult(
        asked.space, name, asked.budgets, status, NOTHING + ended(stopped, "; not proven"),
        upper_bound=None if bound - bound else _report(asked, bound), **common,
    )  # fmt: skip


def _why(asked: _Ask, tables: Tables) -> str:
    """Say which conditions exclude each other: the minimal sets of them."""
    from ..results.conflicts import minimal_sets

    names = list(dict.fromkeys(one.name for one in asked.limits))
    chosen = "the conditions on choices"
    if asked.choices:
        names.append(chosen)
    if asked.floor > -inf:
        names.append("min_accuracy")
    ends_at = perf_counter() + ALL_S

    def meets(some: Sequence[str]) -> bool | None:
        left = ends_at - perf_counter()
        if left <= 0.0:
            return None
        limits = [one for one in asked.limits if one.name in some]
        question = asked.question(limits, {"score": 1.0}, chosen in some)
        if "min_accuracy" not in some:
            question = question.replace(
                floor=-inf, fits=lambda metrics: _meets_all(metrics, limits)
            )
        boxes = Boxes(tables, question, left, -1, None)
        boxes.run()
        if boxes.best is not None:
            return True
        return None if boxes.stopped is not None else False

    try:
        sets = minimal_sets(names, meets)
    except KeyboardInterrupt:
        return NONE
    if not sets:
        return NONE
    return (
        NONE
        + ": "
        + "; or ".join(
            (" and ".join(one) + " exclude each other")
            if len(one) > 1
            else f"{one[0]} alone is too much"
            for one in sets
        )
    )


def _meets_all(metrics: Mapping[str, float], limits: Sequence[_Limit]) -> bool:
    return all(
        COMPARE[one.row.sign](
            sum(factor * Fraction(metrics[name]) for name, factor in one.row.terms.items()),
            one.row.limit,
        )
        for one in limits
    )


def _listening(
    callback: Callable[[Any], Any] | None, progress: bool, started: float
) -> tuple[Any, Callable[[], bool]]:
    if callback is None and not progress:
        return None, lambda: False
    from ..results.event import Listener

    heard = Listener(callback, progress, started)
    return heard.tell, lambda: heard.ended


def fraction_of(value: float) -> Fraction:
    """Return a limit as the float64 that it is: metrics are float64, and compared as such."""
    return Fraction(value)


def least_score(predictor: AccuracyPredictor, accuracy: float) -> float:
    """Return a score below which no accuracy reaches the one asked for."""
    if accuracy == -inf:
        return -inf
    low, high = (-745.0, 745.0) if predictor.topology is not None else (1e-300, 1e300)
    if predictor.accuracy_of(low) >= accuracy:
        return -inf
    if predictor.accuracy_of(high) < accuracy:
        return high
    while True:  # falls short at low, and not at high
        linear = predictor.topology is not None
        middle = 0.5 * (low + high) if linear else (low**0.5) * (high**0.5)
        if not low < middle < high:
            return nextafter(low, -inf)
        if predictor.accuracy_of(middle) < accuracy:
            low = middle
        else:
            high = middle
