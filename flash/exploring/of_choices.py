"""A problem of choices, explored: answers are those of `flash.choose`."""

from __future__ import annotations

import os
import re
from math import inf, nextafter
from shlex import quote

from ..base.checks import shown
from ..choosing.choosing import choose
from ..choosing.problem import ChoiceProblem
from ..errors import ArgumentError, ArgumentTypeError
from ..fronts.finding import pareto
from ..results.screen import count, percent_of, quantity
from .cloud import LIVE_S, Kept
from .exporting import csv_of
from .of_result import NUMBER, eased
from .shown import (
    Answer,
    Binds,
    Change,
    Explained,
    File,
    FrontView,
    Goal,
    Measure,
    Slider,
)
from .source import REFUSED, Source, said
from .state import State, written

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from ..base.html import Part, Row
    from ..choosing.answer import ChoiceResult
    from ..choosing.front import ChoiceFront, ChoicePoint

__all__ = ["ChoiceSource", "choices_file", "choices_view", "parts_of"]

ENDS_S = 1.0  # what the end of a slider may take
ANSWER_S = 10.0  # what an answer may take
KEPT = 32
SHOWN = 60  # groups of an answer
PLAIN = re.compile(r"[A-Za-z_]\w*")  # names that conditions can have
EXPORTS = (
    ("json", "the answer as JSON"),
    ("table", "the choices as a table (CSV)"),
    ("front-json", "the front as JSON"),
    ("front-table", "the front as a table (CSV)"),
)


class ChoiceSource(Source):
    """A problem of choices.

    Parameters
    ----------
    problem : ChoiceProblem, or path
        Of a problem's JSON, or of a table as `ChoiceProblem.from_table` reads it.
    columns : dict, optional
        What `ChoiceProblem.from_table` takes beside a table's path: group, option, metrics, peaks,
        until, takes, gives.
    greatest : sequence of str
        Metrics of which more is better; of all others less is.
    start : State, optional
    """

    kind = "choices"

    def __init__(
        self,
        problem: Any,
        *,
        columns: Mapping[str, Any] | None = None,
        greatest: Sequence[str] = (),
        start: State | None = None,
    ) -> None:
        self._path = os.fspath(problem) if _is_path(problem) else None
        self._columns = {k: v for k, v in (columns or {}).items() if v not in (None, ())}
        # A file is a table, but for a problem's own JSON; where columns are named it is a table.
        self._own = self._path is not None and not self._columns and _is_problem(self._path)
        self.problem = _read(problem, self._columns, self._own)
        for name in greatest:
            if name not in self.problem.metrics:
                raise ArgumentError(
                    f"maximize names no metric: {shown(name)}; "
                    f"they are {', '.join(self.problem.metrics)}"
                )
        self._greatest = frozenset(greatest)
        name = os.path.basename(self._path) if self._path else "a problem of choices"
        super().__init__(name, f"choices~{name}")
        own = self.problem
        self.facts = (
            ("problem", name),
            (own.group_name, f"{len(own.groups):,}"),
            ("answers", count(own.size)),
            ("metrics", ", ".join(own.metrics)),
        )
        self.conditional = True
        self.goals = tuple(
            [Goal(one, one, "", one in self._greatest, ("",)) for one in own.metrics]
        )
        sums = [one for one in self.goals if one.name not in own.peaks]
        self.weights = tuple(sums) if len(sums) > 1 else ()
        self.exports = EXPORTS
        self._answers, self._fronts = Kept(KEPT), Kept(KEPT)
        self.sliders = self._all_sliders()
        given = State() if start is None else start
        self.start, wrong = self.checked(given.replace(source=self.key))
        if wrong:
            raise ArgumentError("; ".join(wrong))

    def _all_sliders(self) -> tuple[Slider, ...]:
        """Return a slider for each metric, between its values in the best answers by each."""
        own = self.problem
        best = [choose(own, **self._by(name), time_limit_s=ENDS_S) for name in own.metrics]
        some = [one.metrics for one in best if one.metrics is not None]
        found = []
        for name in own.metrics:
            values = [one[name] for one in some]
            if not values or not PLAIN.fullmatch(name):
                continue
            low, high = min(values), max(values)
            up = name not in self._greatest
            whole = all(one == one // 1 for one in own.values(name).tolist())
            found.append(
                Slider(
                    f"{'max' if up else 'min'}_{name}",
                    name,
                    name,
                    "",
                    low,
                    high,
                    log=low > 0 and high > 20.0 * low,
                    greatest=up,
                    whole=whole,
                    targets=("",),
                )
            )
        return tuple(found)

    def _by(self, name: str) -> dict[str, Any]:
        return {"maximize" if name in self._greatest else "minimize": name}

    # Questions

    def asked(self, state: State) -> dict[str, Any]:
        """Return what `flash.choose` is asked beside the problem, by keyword."""
        given = self._wanted(state)
        where = self._where(state)
        if where:
            given["where"] = where
        return given

    def _wanted(self, state: State) -> dict[str, Any]:
        weights = {name: one for name, one in state.objective.items() if one}
        if len(weights) == 1 and next(iter(weights.values())) > 0:
            return self._by(next(iter(weights)))
        if weights:
            signed = {name: -w if name in self._greatest else w for name, w in weights.items()}
            return {"minimize": {"sum": signed}}
        return self._by(self._main())

    def _main(self) -> str:
        """Return what is best where the state weighs nothing: the first goal."""
        first = next((one for one in self.problem.metrics if one in self._greatest), None)
        return first or self.problem.metrics[0]

    def _where(self, state: State, budgets: Mapping[str, float] | None = None) -> list[str]:
        own = state.budgets if budgets is None else budgets
        return [self._condition(name, value) for name, value in own.items()] + list(state.where)

    @staticmethod
    def _condition(budget: str, value: float) -> str:
        sign = ">=" if budget.startswith("min_") else "<="
        return f"{budget[len('max_') :]} {sign} {written(value)}"

    def choose(self, state: State) -> ChoiceResult:
        """Return what `flash.choose` gives for a state, within ten seconds."""
        asked = self.asked(state)
        found: ChoiceResult = self._answers.get(
            repr(asked), lambda: choose(self.problem, **asked, time_limit_s=ANSWER_S)
        )
        return found

    def _answer(self, state: State, target: str, request: int) -> Answer:
        try:
            result = self.choose(state)
        except REFUSED as error:
            return Answer(target, self.title, state, request, error=said(error))
        own = self.problem
        return Answer(
            target,
            self.title,
            state,
            request,
            found=result.success,
            proven=result.proven,
            status=result.status,
            headline=_headline(result),
            proof=_proof(result, self.problem.size),
            measures=tuple([self._measure(state, one, result) for one in self.problem.metrics]),
            parts=tuple(parts_of(result.choices, own.group_name, own.option_name)),
            objective=result.objective,
            objective_name=result.objective_name,
            elapsed_s=result.elapsed_s,
            result=result,
        )

    def _measure(self, state: State, name: str, result: ChoiceResult) -> Measure:
        value = None if result.metrics is None else result.metrics[name]
        up = name not in self._greatest
        limit = state.budgets.get(f"{'max' if up else 'min'}_{name}")
        share, of = None, ""
        if limit is not None:
            of = f"{'of' if up else 'at least'} {quantity(limit)}"
            if up and value is not None and limit > 0 and value >= 0:
                share = percent_of(value, limit)
        text = "" if value is None else quantity(value)
        return Measure(name, name, "", value, text, limit=limit, limit_text=of, share=share)

    def _explained(self, state: State, target: str, request: int) -> Explained:
        try:
            result = self.choose(state)
            budget_of = {self._condition(k, v): k for k, v in state.budgets.items()}

            def changed(values: Mapping[str, float | None]) -> State:
                budgets: dict[str, float | None] = {}
                where = list(state.where)
                for text, value in values.items():
                    if text in budget_of:
                        budgets[budget_of[text]] = value
                    elif text in where:
                        at = where.index(text)
                        where[at : at + 1] = [] if value is None else [_eased(text, value)]
                return state.with_budgets(budgets).replace(where=tuple(where))

            tied = ("another answer is as good",) if result.tied else ()
            return Explained(
                target,
                request,
                message=result.message,
                binds=tuple(
                    [
                        _binds(result, text, one, changed({text: None}))
                        for text, one in (result.binding or {}).items()
                    ]
                ),
                conflicts=tuple([_conflict(one) for one in result.conflicts]),
                changes=tuple(
                    [
                        Change(
                            " and ".join(_eased(text, value) for text, value in one.items()),
                            changed(one),
                        )
                        for one in result.remedies
                    ]
                ),
                flags=(*result.flags, *tied),
            )
        except REFUSED as error:
            return Explained(target, request, message=said(error))

    def whole_front(self, state: State) -> ChoiceFront:
        """Return the front of a state, as far as it is found in time."""
        asked = self._asked_front(state)
        found: ChoiceFront = self._fronts.get(
            repr(asked), lambda: pareto(self.problem, **asked, time_limit_s=LIVE_S)
        )
        return found

    def _asked_front(self, state: State) -> dict[str, Any]:
        goals = self._goals(state, "")
        given: dict[str, Any] = {}
        for keyword, up in (("minimize", False), ("maximize", True)):
            names = [one.name for one in goals if one.greatest == up]
            if names:
                given[keyword] = names
        where = self._where(state, self._parted(state.budgets, goals)[0])
        if where:
            given["where"] = where
        return given

    def front(self, state: State, request: int = 0) -> FrontView:
        goals = self._goals(state, "")
        if len(goals) < 2:
            return FrontView("", state, request, goals, error="a front needs two metrics")
        try:
            found = self.whole_front(state)
        except REFUSED as error:
            return FrontView("", state, request, goals, error=said(error))
        answer = self._answer(state, "", request)
        metrics = answer.result.metrics if answer.found else None
        here = None if metrics is None else {one.name: metrics[one.name] for one in goals}
        limits = self._parted(state.budgets, goals)[1]
        return choices_view(found, state, request, goals, here).replace(limits=limits)

    def go(self, state: State, place: int) -> State:
        front = self.whole_front(state)
        if not 0 <= place < len(front):
            raise ArgumentError(f"the front has {len(front):,} points, and none of number {place}")
        point, goals = front[place], self._goals(state, "")
        return self._reached(point, state, goals)

    def _reached(self, point: ChoicePoint, state: State, goals: Sequence[Goal]) -> State:
        """Return the state whose answer has a point's values."""
        first, *others = goals
        none = dict.fromkeys((f"max_{first.name}", f"min_{first.name}"))
        objective = {} if first.name == self._main() else {first.name: 1.0}
        exact = {
            f"{'min' if one.greatest else 'max'}_{one.name}": point.metrics[one.name]
            for one in others
        }
        found = state.with_budgets({**none, **exact}).replace(objective=objective)
        # sums are exact, and told as the nearest double: a limit may lie just below what it was
        for _ in range(2):
            metrics = self.choose(found).metrics
            if metrics is not None and metrics[first.name] == point.metrics[first.name]:
                break
            exact = {
                name: nextafter(value, -inf if name.startswith("min_") else inf)
                for name, value in exact.items()
            }
            found = found.with_budgets(exact)
        return found

    # Files and commands

    def _export(self, state: State, what: str) -> File:
        stem = os.path.splitext(self.title)[0].replace(" ", "-")
        return choices_file(
            what,
            stem,
            lambda: self.choose(state),
            lambda: self.whole_front(state),
            (self.problem.group_name, self.problem.option_name),
        )

    def _words(self, verb: Sequence[str]) -> list[str]:
        if self._path is None or self._own:
            return []  # the command line reads tables
        words = ["flash", *verb, self._path]
        for name, value in self._columns.items():
            words += [f"--{name}", value if isinstance(value, str) else ",".join(value)]
        return words

    def command(self, state: State) -> str:
        words = self._words(["choose"])
        return _joined(words, self.asked(state)) if words else ""

    def front_command(self, state: State) -> str:
        words = self._words(["pareto", "--choices"])
        return _joined(words, self._asked_front(state)) if words else ""

    def _call(self, function: str, given: Mapping[str, Any]) -> str:
        if self._path is None:
            first = "import flash"
        elif not self._own:
            more = "".join(f", {name}={value!r}" for name, value in self._columns.items())
            made = f"flash.ChoiceProblem.from_table({self._path!r}{more})"
            first = f"import flash\n\nproblem = {made}"
        else:
            first = f"import flash\n\nproblem = flash.ChoiceProblem.from_json({self._path!r})"
        words = ", ".join(["problem", *[f"{name}={value!r}" for name, value in given.items()]])
        return f"{first}\nflash.{function}({words})"

    def python(self, state: State) -> str:
        return self._call("choose", self.asked(state))

    def front_python(self, state: State) -> str:
        return self._call("pareto", self._asked_front(state))

    def _further_budgets(self) -> tuple[str, ...]:
        names = [one for one in self.problem.metrics if PLAIN.fullmatch(one)]
        return tuple(f"{end}_{one}" for one in names for end in ("max", "min"))


def _is_path(given: Any) -> bool:
    return isinstance(given, str) or hasattr(given, "__fspath__")


def _is_problem(path: str) -> bool:
    """Return whether a file is a problem's own JSON, not a table."""
    if not path.lower().endswith(".json"):
        return False
    from ..base.checks import parse_json, read_text
    from ..choosing.problem import FORMAT

    data = parse_json(read_text(path, "the problem's file"), path)
    return isinstance(data, dict) and data.get("format") == FORMAT


def _read(given: Any, columns: Mapping[str, Any], own: bool) -> ChoiceProblem:
    if isinstance(given, ChoiceProblem):
        return given
    if not _is_path(given):
        raise ArgumentTypeError(
            f"a problem must be a flash.ChoiceProblem or a path: {shown(given)}"
        )
    path = os.fspath(given)
    if own:
        return ChoiceProblem.from_json(path)
    named: dict[str, Any] = {"group": "group", "option": "option", **columns}
    return ChoiceProblem.from_table(path, **named)


def _headline(result: ChoiceResult) -> str:
    if result.objective is None:
        return "Nothing meets the conditions" if result.proven else "No answer was found"
    word = "greatest" if result.greatest else "least"
    return f"{word} {result.objective_name}: {result.objective:.6g}"


def _proof(result: ChoiceResult, size: int) -> str:
    of = f"of {count(size)} answers"
    if result.proven and result.success:
        return f"proven optimal: {of}, none within the conditions is better"
    if result.proven:
        return f"proven: {of}, none meets the conditions"
    if result.gap is not None:
        return f"not proven: {of}, none is better than {result.bound:.6g}"
    return "not proven: the search ended before"


def parts_of(
    choices: Mapping[str, str | None] | None, group: str = "group", option: str = "option"
) -> list[Part]:
    """Return an answer's choices as a table."""
    if choices is None:
        return []
    pairs = list(choices.items())
    rows: list[Row] = [[group, option]]
    rows += [[name, own or "(covered)"] for name, own in pairs[:SHOWN]]
    if len(pairs) > SHOWN:
        rows.append(f"... and {len(pairs) - SHOWN:,} more")
    return [(rows, 2, True)]


def _binds(result: ChoiceResult, text: str, one: Mapping[str, float], free: State) -> Binds:
    name = result.objective_name
    why = f"{text} binds"
    then = one.get("then")
    if "next" in one and then is not None:
        why += f": {_eased(text, one['next'])} gives {name} {then:.6g}"
    if "unlimited" in one:
        why += f"; without it {name} {one['unlimited']:.6g}"
    return Binds(text, why, then, one.get("unlimited"), None, free)


def _conflict(some: Sequence[str]) -> str:
    if len(some) == 1:
        return f"{some[0]} excludes every answer"
    return f"{', '.join(some[:-1])} and {some[-1]} exclude each other"


def _eased(text: str, value: float) -> str:
    return eased(text, value) if NUMBER.search(text) else f"{text} ({value!r})"


def _joined(words: Sequence[str], asked: Mapping[str, Any]) -> str:
    import json

    every = list(words)
    for name in ("minimize", "maximize"):
        if name in asked:
            value = asked[name]
            if isinstance(value, dict):
                every.append(f"--{name}={json.dumps(value)}")
            else:
                some = [value] if isinstance(value, str) else value
                every += [f"--{name}", ",".join(some)]
    every += [f"--where={one}" for one in asked.get("where", ())]
    return " ".join(map(quote, every))


def choices_view(
    front: ChoiceFront,
    state: State,
    request: int,
    goals: Sequence[Goal],
    here: Mapping[str, float] | None,
    values: Mapping[str, Any] | None = None,
    among: Any = None,
) -> FrontView:
    """Return what is drawn of a front of choices.

    values: each objective of all points, where that is known; among: the numbers of the points that
    are looked at, by default all.
    """
    import numpy as np

    from .views import thinned

    columns: Any = values
    if columns is None:
        columns = {
            one.name: np.array([point.metrics[one.name] for point in front.points], dtype=float)
            for one in goals
        }
    columns = {one.name: columns[one.name] for one in goals}
    if among is None:
        among = np.arange(len(front))
    n = len(among)
    some = among[thinned([one[among] for one in columns.values()], n)]
    message = f"{n:,} point{'s' * (n != 1)}; {front.message}"
    if n > len(some):
        message += f"; {len(some):,} of {n:,} points are drawn"
    if front.stopped == "time_limit_s":
        message += f"; it takes longer than {LIVE_S:g} s: narrower budgets take less"
    return FrontView(
        "",
        state,
        request,
        tuple(goals),
        columns={name: tuple(column[some].tolist()) for name, column in columns.items()},
        places=tuple(some.tolist()),
        texts=tuple([_text(front.points[i]) for i in some.tolist()]),
        total=n,
        exact=front.proven,
        message=message,
        here=here,
        front=front,
    )


def _text(point: ChoicePoint) -> str:
    costs = [f"{name} {quantity(value)}" for name, value in point.metrics.items()]
    some = [f"{group} {option}" for group, option in point.choices.items() if option is not None]
    more = [f"and {len(some) - 24:,} more"] if len(some) > 24 else []
    some = some[:24] + more
    return "\n".join([*costs, *[", ".join(some[i : i + 4]) for i in range(0, len(some), 4)]])


def choices_file(
    what: str,
    stem: str,
    answer: Any,
    front: Any,
    names: tuple[str, str] = ("group", "option"),
) -> File:
    """Return a file of an answer or a front of choices; both are called where they are needed.

    names: what the problem calls groups and options. No file has the name of the problem's own.
    """
    if what.startswith("front"):
        found = front()
        if what == "front-json":
            return File(f"{stem}-front.json", "application/json", _lined(found.to_json()))
        columns = found.columns()
        return File(f"{stem}-front.csv", "text/csv", _table(columns))
    result = answer()
    if what == "json":
        return File(f"{stem}-answer.json", "application/json", _lined(result.to_json()))
    if result.choices is None:
        raise ArgumentError(f"there is no answer to write: {result.status}, {result.message}")
    own = dict(zip(names, (list(result.choices), list(result.choices.values())), strict=True))
    return File(f"{stem}-choices.csv", "text/csv", _table(own))


def _lined(text: str) -> bytes:
    return (text + "\n").encode()


def _table(columns: Mapping[str, Sequence[Any]]) -> bytes:
    return csv_of(list(columns), list(zip(*columns.values(), strict=True)))
