"""A saved front, explored: its best point within budgets, as `ParetoFront.at` has it."""

from __future__ import annotations

import os
from shlex import quote

from ..base.names import BUDGET_OF, COUNTS, LABELS, LIMITED, UNITS
from ..choosing.front import ChoiceFront
from ..errors import ArgumentError, FlashError
from ..fronts.front import ParetoFront
from ..hardware.target import as_target
from ..problem.compiling import as_space
from ..results.screen import count, quantity
from .cloud import Kept, meets
from .exporting import EXPORTS, file_of
from .of_choices import choices_file, choices_view, parts_of
from .of_result import (
    QUANTISED_DEGREE,
    answer_of,
    called,
    changed,
    cost_of,
    explained_of,
    objective_of,
    text_of,
)
from .shown import Answer, Binds, Change, Explained, File, FrontView, Goal, Measure, Slider
from .source import REFUSED, Source, said
from .state import State, written
from .views import view_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from numpy import ndarray

    from ..choosing.front import ChoicePoint
    from ..hardware.costing import Cost
    from ..results.result import SearchResult

__all__ = ["ChoiceFrontSource", "FrontSource"]

KEPT = 32


class FrontSource(Source):
    """A front of `flash.pareto` of a space, from its JSON or as it is.

    Parameters
    ----------
    front : ParetoFront, or path
    start : State, optional
    """

    kind = "front"
    first = 3

    def __init__(self, front: Any, *, start: State | None = None) -> None:
        self._path = None if isinstance(front, ParetoFront) else os.fspath(front)
        whole: ParetoFront = front if self._path is None else ParetoFront.from_json(self._path)
        self.whole = whole
        self.first = min(3, len(whole.objectives))
        family, target = whole.space.family, whole.target.name
        title = f"a front of {family} on {target}"
        super().__init__(title, f"front~{family}~{target}~{'~'.join(whole.objectives)}")
        self.targets = (target,)
        self.exports = EXPORTS
        self.goals = tuple(
            [self._goal(one) for one in (*whole.objectives, *self._further()) if one]
        )
        self.sliders = tuple(self._slider(one) for one in self._limited()) if len(whole) else ()
        self.facts = (
            ("front", f"{len(whole):,} points"),
            ("objectives", ", ".join(whole.objectives)),
            ("space", f"{family}, {count(whole.space.size)} networks"),
            (target, whole.target.description),
            ("made within", ", ".join(self._made_within()) or "no budgets"),
            ("status", whole.message or whole.status),
        )
        self._answers = Kept(KEPT)
        given = State() if start is None else start
        self.start, wrong = self.checked(given.replace(source=self.key))
        if wrong:
            raise ArgumentError("; ".join(wrong))

    def _made_within(self) -> list[str]:
        within = [
            f"{called(name)} {text_of(LIMITED[name], value)}"
            for name, value in self.whole.budgets.items()
        ]
        return within + list(self.whole.where)

    def _further(self) -> list[str]:
        return [one for one in LABELS if one in self.whole.metrics and one != "accuracy"
                and one not in self.whole.objectives]  # fmt: skip

    def _goal(self, name: str) -> Goal:
        label = LABELS[name]
        if name == "accuracy" and not self.whole.predicted:
            quantised = self.whole.score_name != "nn_degree"
            label = QUANTISED_DEGREE if quantised else "NN-Degree"
        return Goal(name, label, UNITS.get(name, ""), name == "accuracy", self.targets)

    def _limited(self) -> list[str]:
        return [one for one in self.whole.objectives if one != "accuracy" or self.whole.predicted]

    def _slider(self, name: str) -> Slider:
        column = self.whole.metrics[name]
        low, high = column.min().item(), column.max().item()
        return Slider(
            BUDGET_OF[name],
            name,
            LABELS[name],
            UNITS.get(name, ""),
            low,
            high,
            log=low > 0 and name != "accuracy",
            greatest=name != "accuracy",
            whole=name in COUNTS,
            targets=self.targets,
        )

    # Questions

    def at(self, state: State) -> SearchResult:
        """Return what `ParetoFront.at` gives for a state's budgets."""
        asked = state.budgets_on(self.targets[0])
        found: SearchResult = self._answers.get(repr(asked), lambda: self.whole.at(**asked))
        return found

    def _answer(self, state: State, target: str, request: int) -> Answer:
        try:
            return answer_of(self.at(state), state, target, self.title, request)
        except REFUSED as error:
            return Answer(target, self.title, state, request, error=said(error))

    def _explained(self, state: State, target: str, request: int) -> Explained:
        try:
            result = self.at(state)
            found = explained_of(result, state, target, request)
            return found.replace(binds=tuple(self._binds(result, state, target)))
        except REFUSED as error:
            return Explained(target, request, message=said(error))

    def _cost(self, state: State, target: str) -> Cost | None:
        try:
            return cost_of(self.at(state), self.whole.target)
        except REFUSED:
            return None

    def _binds(self, result: SearchResult, state: State, target: str) -> list[Binds]:
        """Return which budgets bind, and the next step of each: of the front's own points."""
        import numpy as np

        if result.x is None or not self.whole.exact:
            return []
        budgets = state.budgets_on(target)
        wanted = result.objective_name == self.whole.score_name or self.whole.predicted
        goal = self.whole.score_name if wanted else result.objective_name.removesuffix("^-1")
        told: Any = self.whole.metrics["accuracy" if self.whole.predicted and wanted else goal]
        keys = self.whole.metrics[goal]
        now = _value_of(result, goal, self.whole)
        found = []
        for name, limit in budgets.items():
            others = meets(self.whole, {k: v for k, v in budgets.items() if k != name})
            better = np.flatnonzero(others & ((keys > now) if wanted else (keys < now)))
            if not len(better):
                continue
            up = name.startswith("max_")
            metric = LIMITED[name]
            column = self.whole.metrics[metric][better]
            step = column.min() if up else column.max()
            there = better[(column <= step) if up else (column >= step)]
            best = there[np.argmax(keys[there]) if wanted else np.argmin(keys[there])]
            most = better[np.argmax(keys[better]) if wanted else np.argmin(keys[better])]
            then, free = told[best].item(), told[most].item()
            label = goal if not wanted else result.objective_name
            text = (
                f"{called(name)} {text_of(metric, limit)} binds: "
                f"{text_of(metric, step.item())} gives {objective_of(label, then)}; "
                f"without it {objective_of(label, free)}"
            )
            changes = changed(state, {name: None}, target)
            found.append(Binds(name, text, then, free, None, changes))
        return found

    def front(self, state: State, request: int = 0) -> FrontView:
        import numpy as np

        target, goals = self.targets[0], self._goals(state, self.targets[0])
        try:
            others, limits = self._parted(state.budgets_on(target), goals)
            names = {one.keyword for one in self.sliders}
            inside = meets(self.whole, {k: v for k, v in others.items() if k in names})
            answer = self._answer(state, target, request)
            here = None
            if answer.found:
                here = {one.name: _value(answer.result, one.name) for one in goals}
            view = view_of(
                self.whole, state, target, request, goals, here, (), np.flatnonzero(inside)
            ).replace(limits=limits)
        except REFUSED as error:
            return FrontView(target, state, request, goals, error=said(error))
        drawn = {one.name for one in goals}
        if drawn == set(self.whole.objectives):
            return view
        every = ", ".join(self._goal(one).label for one in self.whole.objectives)
        why = f"{view.message}; by {every}, which are not the objectives drawn"
        if drawn - set(self.whole.objectives):
            why += ": points of theirs may be missing"
        return view.replace(message=why, exact=False)

    def go(self, state: State, place: int) -> State:
        if not 0 <= place < len(self.whole):
            raise ArgumentError(
                f"the front has {len(self.whole):,} points, and none of number {place}"
            )
        goals = list(self.whole.objectives)
        wanted = "accuracy" if "accuracy" in goals else goals[0]
        values = {
            BUDGET_OF[one]: self.whole.metrics[one][place].item() for one in goals if one != wanted
        }
        kept = {one.keyword: None for one in self.sliders}
        return state.with_budgets({**kept, **values})

    # Files and commands

    def _export(self, state: State, what: str) -> File:
        name = f"{self.whole.space.family}-{self.targets[0]}"
        return file_of(what, name, lambda: self.at(state), lambda: self.whole)

    def command(self, state: State) -> str:
        """Return the search that gives the same answer, where the command line can ask it."""
        whole = self.whole
        names = _default_names(whole)
        first = "accuracy" if "accuracy" in whole.objectives else whole.objectives[0]
        plain = whole.exact and not whole.predicted and whole.chosen is None and first == "accuracy"
        if names is None or not plain:
            return ""
        words = ["flash", "search", *names]
        merged = dict(whole.budgets)
        for name, value in state.budgets_on(self.targets[0]).items():
            merged[name] = min(value, merged.get(name, value))
        for name, value in merged.items():
            words += ["--" + name.replace("_", "-"), written(value)]
        words += [f"--where={one}" for one in whole.where]
        return " ".join(map(quote, words))

    def python(self, state: State) -> str:
        given = state.budgets_on(self.targets[0])
        words = ", ".join(f"{name}={written(value)}" for name, value in given.items())
        return f"{self.front_python(state)}\nfront.at({words})"

    def front_python(self, state: State) -> str:
        where = "..." if self._path is None else repr(self._path)
        return f"import flash\n\nfront = flash.ParetoFront.from_json({where})"

    def _wrong_budget(self, keyword: str, value: float) -> str:
        return "" if value > 0 else f"{keyword} must be above 0, got {value!r}"


def _default_names(front: ParetoFront) -> tuple[str, str] | None:
    """Return what the command line calls a front's space and target, where both are shipped."""
    space, target = front.space, front.target
    try:
        same = as_space(space.family) == space and as_target(target.name) == target
    except (FlashError, OSError):
        return None
    return (space.family, target.name) if same else None


def _value(result: Any, name: str) -> float:
    value = getattr(result, name)
    if value is None and name == "accuracy":
        value = result.objective if "nn_degree" in result.objective_name else result.nn_degree
    return value  # type: ignore[no-any-return]


def _value_of(result: SearchResult, goal: str, front: ParetoFront) -> float:
    """Return a metric of a point of a front, as the front has it."""
    import numpy as np

    at = np.flatnonzero((front.x == np.array(result.x)).all(axis=1))
    same = [i for i in at.tolist() if front.chosen is None or _same_choice(result, front, i)]
    return front.metrics[goal][same[0]].item()  # type: ignore[no-any-return]


def _same_choice(result: SearchResult, front: ParetoFront, i: int) -> bool:
    assert front.accelerators is not None
    return result.accelerator == front.accelerators[i]


class ChoiceFrontSource(Source):
    """A front of `flash.pareto` of a problem of choices, from its JSON or as it is.

    Parameters
    ----------
    front : ChoiceFront, or path
    start : State, optional
    """

    kind = "front"
    first = 3

    def __init__(self, front: Any, *, start: State | None = None) -> None:
        self._path = None if isinstance(front, ChoiceFront) else os.fspath(front)
        whole: ChoiceFront = front if self._path is None else ChoiceFront.from_json(self._path)
        self.whole = whole
        super().__init__("a front of choices", f"front~choices~{'~'.join(whole.objectives)}")
        pairs = list(zip(whole.objectives, whole.greatest, strict=True))
        self.goals = tuple([Goal(name, name, "", up, ("",)) for name, up in pairs])
        self._values: dict[str, Any] = _columns_of(whole)
        if whole.points:
            self.sliders = tuple([self._slider(one) for one in self.goals])
        self.exports = (
            ("table", "the choices as a table (CSV)"),
            ("front-json", "the front as JSON"),
            ("front-table", "the front as a table (CSV)"),
        )
        self.facts = (
            ("front", f"{len(whole):,} points"),
            ("objectives", ", ".join(whole.objectives)),
            ("conditions", "; ".join(whole.where) or "none"),
            ("status", whole.message),
        )
        given = State() if start is None else start
        self.start, wrong = self.checked(given.replace(source=self.key))
        if wrong:
            raise ArgumentError("; ".join(wrong))

    def _slider(self, goal: Goal) -> Slider:
        column = self._values[goal.name]
        low, high = column.min().item(), column.max().item()
        keyword = f"{'min' if goal.greatest else 'max'}_{goal.name}"
        wide = low > 0 and high > 20.0 * low
        whole = bool((column == column.round()).all())
        return Slider(
            keyword, goal.name, goal.label, "", low, high, wide, not goal.greatest, whole, ("",)
        )

    def _within(self, budgets: Mapping[str, float]) -> ndarray[Any, Any]:
        import numpy as np

        inside = np.ones(len(self.whole), dtype=bool)
        for name, limit in budgets.items():
            column = self._values[name[len("max_") :]]
            inside &= column >= limit if name.startswith("min_") else column <= limit
        return np.flatnonzero(inside)

    def at(self, state: State) -> int | None:
        """Return the number of the best point within a state's budgets: by the first objective
        without one, then by the others in their order."""
        import numpy as np

        some = self._within(state.budgets)
        if not len(some):
            return None
        free = [one for one in self.goals if _keyword(one) not in state.budgets]
        order = [*free[:1], *[one for one in self.goals if one not in free[:1]]]
        keys = [(-1.0 if one.greatest else 1.0) * self._values[one.name][some] for one in order]
        return int(some[np.lexsort(keys[::-1])[0]])

    def _answer(self, state: State, target: str, request: int) -> Answer:
        try:
            place = self.at(state)
        except REFUSED as error:
            return Answer(target, self.title, state, request, error=said(error))
        point = None if place is None else self.whole[place]
        proven = self.whole.proven
        status = "OPTIMAL" if proven else "FEASIBLE"
        if point is None:
            status = "INFEASIBLE" if proven else "NOT_FOUND"
        n = f"{len(self.whole):,} points of the front"
        proof = f"{'proven: ' if proven else 'not proven: '}of {n}, "
        proof += "none meets the budgets" if point is None else "none within the budgets is better"
        first = next((g for g in self.goals if _keyword(g) not in state.budgets), self.goals[0])
        value = None if point is None else self._values[first.name][place].item()
        return Answer(
            target,
            self.title,
            state,
            request,
            found=point is not None,
            proven=proven,
            status=status,
            headline=f"{first.name} {value:.6g}" if value is not None else "No point fits",
            proof=proof,
            measures=tuple(self._measures(state, place)),
            parts=() if point is None else tuple(parts_of(point.choices)),
            objective=value,
            objective_name=first.name,
            result=point,
        )

    def _measures(self, state: State, place: int | None) -> list[Measure]:
        found = []
        for one in self.goals:
            value = None if place is None else self._values[one.name][place].item()
            limit = state.budgets.get(_keyword(one))
            of = ""
            if limit is not None:
                of = f"{'at least' if one.greatest else 'of'} {quantity(limit)}"
            text = "" if value is None else quantity(value)
            found.append(Measure(one.name, one.label, "", value, text, limit=limit, limit_text=of))
        if place is not None:
            known = {one.name for one in self.goals}
            for name, value in self.whole[place].metrics.items():
                if name not in known:
                    found.append(Measure(name, name, "", value, quantity(value)))
        return found

    def _explained(self, state: State, target: str, request: int) -> Explained:
        try:
            if self.at(state) is not None or not self.whole.points:
                return Explained(target, request, self.whole.message, flags=self.whole.flags)
            changes = []
            for name in state.budgets:
                some = self._within({k: v for k, v in state.budgets.items() if k != name})
                if len(some):
                    column = self._values[name[len("max_") :]][some]
                    value = (column.max() if name.startswith("min_") else column.min()).item()
                    text = f"{name} {quantity(value)}"
                    changes.append(Change(text, state.with_budgets({name: value})))
            told = ("the budgets exclude each other",) if len(state.budgets) > 1 else ()
            return Explained(target, request, "no point of the front meets the budgets",
                             conflicts=told, changes=tuple(changes))  # fmt: skip
        except REFUSED as error:
            return Explained(target, request, message=said(error))

    def front(self, state: State, request: int = 0) -> FrontView:
        goals = self._goals(state, "")
        try:
            others, limits = self._parted(state.budgets, goals)
            some = self._within(others)
            place = self.at(state)
            here = None
            if place is not None:
                here = {one.name: self._values[one.name][place].item() for one in goals}
            view = choices_view(self.whole, state, request, goals, here, self._values, some)
            return view.replace(limits=limits)
        except REFUSED as error:
            return FrontView("", state, request, goals, error=said(error))

    def go(self, state: State, place: int) -> State:
        if not 0 <= place < len(self.whole):
            raise ArgumentError(
                f"the front has {len(self.whole):,} points, and none of number {place}"
            )
        first, *others = self.goals
        values = {_keyword(one): self._values[one.name][place].item() for one in others}
        return state.with_budgets({_keyword(first): None, **values})

    def _export(self, state: State, what: str) -> File:
        def answer() -> ChoicePoint:
            place = self.at(state)
            if place is None:
                raise ArgumentError("there is no point to write: none meets the budgets")
            return self.whole[place]

        return choices_file(what, "front", answer, lambda: self.whole)

    def python(self, state: State) -> str:
        where = "..." if self._path is None else repr(self._path)
        place = self.at(state)
        told = "" if place is None else f"\nfront[{place}]"
        return f"import flash\n\nfront = flash.ChoiceFront.from_json({where}){told}"

    def front_python(self, state: State) -> str:
        return self.python(state).rpartition("\nfront[")[0] or self.python(state)


def _keyword(goal: Goal) -> str:
    return f"{'min' if goal.greatest else 'max'}_{goal.name}"


def _columns_of(front: ChoiceFront) -> dict[str, Any]:
    """Return each objective of all points as an array."""
    import numpy as np

    values = np.array([one.values for one in front.points], dtype=float)
    values = values.reshape(len(front), len(front.objectives))
    return {name: values[:, k] for k, name in enumerate(front.objectives)}
