"""A space on one or several targets, explored."""

from __future__ import annotations

import os
from math import floor
from shlex import quote

from ..base.checks import is_list, shown
from ..base.names import COSTS, COUNTS, LABELS, LIMITED, STORED, UNITS
from ..errors import ArgumentError, ArgumentTypeError, FlashError
from ..hardware.target import as_target
from ..predictors.predictor import as_predictor
from ..problem.compiling import as_space
from ..results.screen import count
from ..searching import search
from .cloud import LIVE_S, Fronts, Kept
from .exporting import EXPORTS, file_of
from .of_result import QUANTISED_DEGREE, answer_of, called, cost_of, explained_of
from .shown import Answer, Explained, File, FrontView, Goal, Slider
from .source import REFUSED, Source, said
from .state import State, written
from .trained import read
from .views import named, offers_of, view_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from ..fronts.front import ParetoFront
    from ..hardware.costing import Cost
    from ..hardware.target import Target
    from ..predictors.predictor import AccuracyPredictor
    from ..results.result import SearchResult

__all__ = ["SpaceSource"]

LEVELS = (0.5, 0.8, 0.9, 0.95, 0.99)  # of confidence
ANSWER_S = 10.0  # what an answer may take
ENDS_S = 2.0  # what an end of a slider may take
MOST_TARGETS = 12  # side by side
RESULTS = 64  # that are kept: what explains an answer asks its result


class SpaceSource(Source):
    """A space on targets: answers are those of `flash.search`, fronts those of `flash.pareto`.

    Parameters
    ----------
    space : SearchSpace, or str or path
        As `flash.search` takes it.
    targets : list of Target, or str or path
    predictor : AccuracyPredictor, or str or path, optional
    trained : optional
        Networks that are trained, as `flash.suggest` takes them: the folder of `flash.train`, a
        table, a journal, pairs.
    words : list of str, optional
        What names the space on a command line, where its name or path does not say it all:
        ``["densenet", "--cells", "3,4"]``.
    start : State, optional
        Budgets and conditions at the opening.
    """

    kind = "space"

    def __init__(
        self,
        space: Any,
        targets: Sequence[Any],
        *,
        predictor: Any = None,
        trained: Any = None,
        words: Sequence[str] | None = None,
        start: State | None = None,
    ) -> None:
        if not is_list(targets) or not targets:
            raise ArgumentTypeError(f"targets must be a list of at least one, got {shown(targets)}")
        if len(targets) > MOST_TARGETS:
            raise ArgumentError(
                f"targets: at most {MOST_TARGETS} stand side by side, got {len(targets)}"
            )
        self.space: Any = as_space(space)
        self._on: dict[str, Target] = {}
        self._target_words: dict[str, str | None] = {}
        for one in targets:
            if hasattr(one, "targets"):
                raise ArgumentError(
                    "targets: several devices together (flash.together) cannot be explored; name "
                    "each of them, for answers side by side"
                )
            target = as_target(one)
            if target.name in self._on:
                raise ArgumentError(f"targets must be different, got {shown(target.name)} twice")
            self._on[target.name] = target
            self._target_words[target.name] = _words_of_target(one, target)
        self.predictor: AccuracyPredictor | None = as_predictor(predictor, self.space.family)
        self._predictor_word = _path_of(predictor)
        self._space_words = _space_words(space, words)
        self._space_code = _space_code(space, words, self.space)
        family = self.space.family
        title = f"{family} on {', '.join(self._on)}"
        super().__init__(title, "~".join((family, *self._on)))
        self.targets = tuple(self._on)
        self.conditional = self.coarser = True
        self.codesign = any(_has_design(one, family) for one in self._on.values())
        self.confidences = LEVELS if self._with_intervals() else ()
        self.goals = self._all_goals()
        self.weights = self.goals
        self._results = Kept(RESULTS)
        self._fronts = {
            name: Fronts(self.space, one, self.predictor) for name, one in self._on.items()
        }
        self.sliders = self._all_sliders()
        self.exports = EXPORTS
        self.facts = self._all_facts()
        if trained is not None:
            found, notes = read(self.space, self._on, self.predictor, trained)
            self.trained, self.notes = found, notes
        given = State() if start is None else start
        self.start = given.replace(source=self.key)
        self.start, wrong = self.checked(self.start)
        if wrong:
            raise ArgumentError("; ".join(wrong))

    def close(self) -> None:
        for one in self._fronts.values():
            one.close()

    # What there is

    def _with_intervals(self) -> bool:
        return any(one.intervals for one in self._on.values())

    def _all_goals(self) -> tuple[Goal, ...]:
        every = self.targets
        name = "NN-Degree" if self.predictor is None else "accuracy"
        found = [Goal("accuracy", name, "", True, every)]
        for metric in COSTS:
            some = tuple([name for name, one in self._on.items() if metric in one.metrics])
            if some:
                found.append(Goal(metric, LABELS[metric], UNITS[metric], False, some))
        return (*found, *[Goal(metric, LABELS[metric], "", False, every) for metric in COUNTS])

    def _all_facts(self) -> tuple[tuple[str, str], ...]:
        found = [("space", self.space.family), ("networks", count(self.space.size))]
        for name, one in self._on.items():
            found.append((name, one.description))
        if self.predictor is not None:
            found.append(("accuracy by", self.predictor.title))
        else:
            found.append(("ranked by", "NN-Degree, without training"))
        return tuple(found)

    def _all_sliders(self) -> tuple[Slider, ...]:
        """Return a slider for each budget, from the least that a network has to what the best
        network has without any: beyond, no budget binds."""
        ends: dict[str, dict[str, list[float]]] = {}
        for name, target in self._on.items():
            for metric, values in self._ends(target).items():
                ends.setdefault(metric, {})[name] = values
        found: list[Slider] = []
        for keyword, metric in LIMITED.items():
            if metric != "accuracy" and metric in ends:
                found.append(_slider(keyword, metric, ends[metric], greatest=True))
        if self.predictor is not None and "accuracy" in ends:
            found.append(_slider("min_accuracy", "accuracy", ends["accuracy"], greatest=False))
        return tuple(found)

    def _ends(self, target: Target) -> dict[str, list[float]]:
        """Return of each metric its least and its greatest value that matters."""
        given: dict[str, Any] = {"predictor": self.predictor, "time_limit_s": ENDS_S}
        best = search(self.space, target, **given)
        some: dict[str, SearchResult[Any]] = {}
        for metric in (*target.metrics, *COUNTS):
            some[metric] = search(self.space, target, objective={metric: -1.0}, **given)
        ends: dict[str, list[float]] = {}
        for metric, least in some.items():
            low, high = getattr(least, metric), getattr(best, metric)
            if low is None or high is None:
                continue
            beyond = (best.intervals or {}).get(metric, (0.0, 0.0))[1]
            ends[metric] = [low, max(low, high, beyond)]
        for metric in STORED:
            values = [getattr(one, metric) for one in (best, *some.values())]
            known = [one for one in values if one is not None]
            if known:
                own = target.memory_budgets.get(f"max_{metric}")
                ends[metric] = [min(known), max(known[0] if own is None else own, min(known))]
        accuracies = [one.accuracy for one in (best, *some.values()) if one.accuracy is not None]
        if accuracies:
            ends["accuracy"] = [min(accuracies), max(accuracies)]
        return ends

    # Questions

    def asked(self, state: State, target: str) -> dict[str, Any]:
        """Return what `flash.search` is asked for a target beside space, target and predictor, by
        keyword."""
        given: dict[str, Any] = state.budgets_on(target)
        if state.objective:
            given["objective"] = dict(state.objective)
        if state.confidence is not None:
            given["confidence"] = state.confidence
        if state.codesign:
            given["codesign"] = True
        if state.where:
            given["where"] = list(state.where)
        return given

    def search(self, state: State, target: str) -> SearchResult[Any]:
        """Return what `flash.search` gives for a state on a target, within ten seconds."""
        asked = self.asked(state, target)
        key = (target, repr(asked))
        if self.predictor is not None:
            asked["predictor"] = self.predictor
        found: SearchResult[Any] = self._results.get(
            key, lambda: search(self.space, self._on[target], **asked, time_limit_s=ANSWER_S)
        )
        return found

    def _answer(self, state: State, target: str, request: int) -> Answer:
        title = f"{self.space.family} on {target}"
        try:
            return answer_of(self.search(state, target), state, target, title, request)
        except REFUSED as error:
            return Answer(target, title, state, request, error=said(error))

    def _explained(self, state: State, target: str, request: int) -> Explained:
        try:
            return explained_of(self.search(state, target), state, target, request)
        except REFUSED as error:
            return Explained(target, request, message=said(error))

    def _cost(self, state: State, target: str) -> Cost | None:
        try:
            return cost_of(self.search(state, target), self._on[target])
        except REFUSED:
            return None

    def prepare(self) -> None:
        """Begin what makes fronts fast, beside what the page asks."""
        for one in self._fronts.values():
            one.prepare()

    def whole_front(self, state: State) -> ParetoFront:
        """Return the front of a state, whole.

        Raises
        ------
        FlashError
            As `flash.pareto`.
        """
        target = self._target(state)
        goals = self._goals(state, target)
        return self._fronts[target].front(
            [one.name for one in goals],
            self._parted(state.budgets_on(target), goals)[0],
            where=state.where,
            codesign=state.codesign,
            epsilon=state.epsilon,
        )

    def front(self, state: State, request: int = 0) -> FrontView:
        target = self._target(state)
        goals = self._goals(state, target)
        try:
            found = self.whole_front(state)
            self._fronts[target].prepare()  # after the first, which is found by itself
        except REFUSED as error:
            return FrontView(target, state, request, goals, error=said(error))
        answer = self._answer(state, target, request)
        goals = named(goals, found)
        here = None if not answer.found else _values(answer.result, goals)
        trained = self.trained.get(target, ())
        view = view_of(found, state, target, request, goals, here, trained).replace(
            limits=self._parted(state.budgets_on(target), goals)[1]
        )
        if found.complete:
            return view
        why = f"the exact front takes longer than {LIVE_S:g} s: {found.message}"
        if by_points(state, target, self._on[target]):
            why += "; under conditions, and budgets on memory, each point is a search of its own"
            return view.replace(message=why)
        return view.replace(message=why, offers=offers_of(state))

    def go(self, state: State, place: int) -> State:
        front = self.whole_front(state)
        if not 0 <= place < len(front):
            raise ArgumentError(f"the front has {len(front):,} points, and none of number {place}")
        target = self._target(state)
        goals = list(front.objectives)
        wanted = "accuracy" if "accuracy" in goals else goals[0]
        budgets: dict[str, float | None] = {}
        for name in state.budgets:
            if name.partition("@")[0] in ("min_accuracy", "min_nn_degree"):
                budgets[name] = None  # the point may lie below it
        for name in goals:
            if name != wanted:
                value = front.metrics[name][place].item()
                keyword = f"max_{name}"
                own = f"{keyword}@{target}"
                budgets[own if own in state.budgets else keyword] = value
        return state.with_budgets(budgets).replace(
            objective={} if wanted == "accuracy" else {wanted: -1.0}, confidence=None
        )

    # Files and commands

    def _export(self, state: State, what: str) -> File:
        target = self._target(state)
        name = f"{self.space.family}-{target}"
        return file_of(
            what, name, lambda: self.search(state, target), lambda: self.whole_front(state)
        )

    def command(self, state: State) -> str:
        lines = [self._command(state, one) for one in self.targets]
        return "\n".join(lines) if all(lines) else ""

    def _head(self, verb: str, target: str) -> list[str]:
        word = self._target_words[target]
        unsaid = self.predictor is not None and self._predictor_word is None
        if word is None or self._space_words is None or unsaid:
            return []
        first, *options = self._space_words
        words = ["flash", verb, first, word, *options]
        if self._predictor_word is not None:
            words += ["--predictor", self._predictor_word]
        return words

    def _command(self, state: State, target: str) -> str:
        words = self._head("search", target)
        if not words:
            return ""
        words += _options(state.budgets_on(target))
        if state.objective:
            factors = [f"{name}={written(value)}" for name, value in state.objective.items()]
            words += ["--objective", ",".join(factors)]
        if state.confidence is not None:
            words += ["--confidence", written(state.confidence)]
        if state.codesign:
            words.append("--codesign")
        return _joined(words + _conditions(state.where))

    def front_command(self, state: State) -> str:
        target = self._target(state)
        words = self._head("pareto", target)
        if not words:
            return ""
        goals = self._goals(state, target)
        words += ["--objectives", ",".join(one.name for one in goals)]
        words += _options(self._parted(state.budgets_on(target), goals)[0])
        if state.codesign:
            words.append("--codesign")
        if state.epsilon:
            words += ["--epsilon", written(state.epsilon)]
        return _joined(words + _conditions(state.where))

    def _call(self, function: str, target: str, given: Mapping[str, Any], *places: str) -> str:
        word = self._target_words[target]
        device = f"Target.load({target!r})" if word is None else repr(word)
        own = dict(given)
        if self.predictor is not None:
            own["predictor"] = self._predictor_word or "predictor"
        words = [self._space_code, device, *places]
        words += [f"{name}={value_of(value)}" for name, value in own.items()]
        return f"flash.{function}({', '.join(words)})"

    def python(self, state: State) -> str:
        calls = [self._call("search", one, self.asked(state, one)) for one in self.targets]
        return "\n".join(["import flash", "", *calls])

    def front_python(self, state: State) -> str:
        target = self._target(state)
        goals = self._goals(state, target)
        _, limits = self._parted(state.budgets_on(target), goals)
        given = {
            name: value
            for name, value in self.asked(state, target).items()
            if name not in ("objective", "confidence") and name[len("max_") :] not in limits
        }
        if state.epsilon:
            given["epsilon"] = state.epsilon
        names = [one.name for one in goals]
        return f"import flash\n\n{self._call('pareto', target, given, repr(names))}"

    def _parted(
        self, budgets: Mapping[str, float], goals: Sequence[Goal]
    ) -> tuple[dict[str, float], dict[str, float]]:
        others, limits = super()._parted(budgets, goals)
        if "min_nn_degree" in others and any(one.name == "accuracy" for one in goals):
            limits["accuracy"] = others.pop("min_nn_degree")  # without a predictor the same
        return others, limits

    def _further_budgets(self) -> tuple[str, ...]:
        return (*LIMITED, "min_nn_degree")  # whatever a link of a target that has more names

    def _wrong_budget(self, keyword: str, value: float) -> str:
        if keyword == "min_nn_degree" and self.predictor is not None:
            return "min_nn_degree is of searches by NN-Degree, and this page has a predictor"
        metric = keyword[len("max_") :]
        if metric in COSTS and not any(metric in one.metrics for one in self._on.values()):
            devices = f"target {self.targets[0]!r} does" if len(self._on) == 1 else "the targets do"
            return f"{keyword} cannot be used: {devices} not model {metric}"
        if keyword == "min_accuracy" and self.predictor is None:
            return "min_accuracy needs a predictor, which this page has not"
        if value <= 0 or (keyword == "min_accuracy" and value > 1):
            return f"{called(keyword)} {value!r} is not accepted: it must be above 0"
        return ""


def _has_design(target: Target, family: str) -> bool:
    try:
        target.design_space(family)
    except FlashError:
        return False
    return True


def by_points(state: State, target: str, device: Target) -> bool:
    """Return whether each point of a state's front is a search of its own, on which there is no
    epsilon."""
    budgets = {*state.budgets_on(target), *device.memory_budgets}
    return bool(state.where) or not budgets.isdisjoint(f"max_{name}" for name in STORED)


def _slider(keyword: str, metric: str, ends: Mapping[str, list[float]], greatest: bool) -> Slider:
    low = min(one[0] for one in ends.values())
    high = max(one[1] for one in ends.values())
    label = LABELS.get(metric, "NN-Degree")
    return Slider(
        keyword,
        metric,
        label,
        UNITS.get(metric, ""),
        low,
        high,
        log=low > 0 and metric != "accuracy",
        greatest=greatest,
        whole=metric in COUNTS,
        targets=tuple(ends),
    )


def _values(result: Any, goals: Sequence[Goal]) -> dict[str, float]:
    found: dict[str, float] = {}
    for one in goals:
        value = getattr(result, one.name)
        if one.label == QUANTISED_DEGREE:  # a result has it where it is what was maximised
            value = result.objective if result.objective_name == "quantised nn_degree" else None
        elif one.name == "accuracy" and value is None:
            value = result.nn_degree
        if value is not None:
            found[one.name] = value
    return found


def _options(budgets: Mapping[str, float]) -> list[str]:
    words: list[str] = []
    for name, value in budgets.items():
        if name.removeprefix("max_") in COUNTS:  # of an integer the same
            value = floor(value)
        words += ["--" + name.replace("_", "-"), written(value)]
    return words


def _conditions(where: Sequence[str]) -> list[str]:
    return [f"--where={one}" for one in where]


def _joined(words: Sequence[str]) -> str:
    return " ".join(map(quote, words))


def value_of(value: Any) -> str:
    """Return a value as Python is written."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name!r}: {written(one)}" for name, one in value.items()) + "}"
    return written(value) if isinstance(value, float) else repr(value)


def _path_of(given: Any) -> str | None:
    return os.fspath(given) if isinstance(given, str) or hasattr(given, "__fspath__") else None


def _words_of_target(given: Any, target: Target) -> str | None:
    """Return what names a target on a command line: None where nothing does."""
    named = _path_of(given)
    if named is not None:
        return named
    try:
        return target.name if as_target(target.name) == target else None
    except (FlashError, OSError):
        return None


def _space_words(given: Any, words: Sequence[str] | None) -> list[str] | None:
    if words is not None:
        return list(words)
    named = _path_of(given)
    return None if named is None else [named]


def _space_code(given: Any, words: Sequence[str] | None, space: Any) -> str:
    """Return an expression that makes the space."""
    named = _path_of(given)
    if named is not None and (words is None or len(words) == 1):
        return repr(named)
    try:
        return f"flash.SearchSpace.from_dict({space.to_dict()!r})"
    except FlashError:
        return "space"
