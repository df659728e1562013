"""What a page explores: the interface that all kinds share."""

from __future__ import annotations

from ..base.checks import hint, shown
from ..errors import ArgumentError, FlashError
from .shown import Answer, Explained, File, FrontView, Goal, Slider, Trained
from .state import State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from ..hardware.costing import Cost

__all__ = ["REFUSED", "Source", "said"]

# What a question that is not accepted, or cannot be answered, raises.
REFUSED: tuple[type[Exception], ...] = (FlashError, OSError, ArithmeticError, MemoryError)


class Source:
    """What is explored; made by `flash.exploring.opening.opened`. Its methods may be called from
    several threads at once, and raise nothing where a state asks for what there is not: answers and
    views hold a message then.

    Attributes
    ----------
    kind : {"space", "choices", "front", "sweep"}
    key : str
        What links carry, to tell whose they are: `State.source`.
    title : str
    facts : tuple of (str, str)
        What is explored, as names and values.
    targets : tuple of str
        Their names; of a problem of choices one, "".
    sliders : tuple of Slider
    goals : tuple of Goal
        What a front may have as objectives.
    weights : tuple of Goal
        What `State.objective` may weigh; empty where the objective is given.
    confidences : tuple of float
        Levels to choose from; empty where budgets hold for the costs alone.
    codesign : bool
        Whether an accelerator can be chosen on some target.
    conditional : bool
        Whether conditions (`State.where`) can be asked for.
    coarser : bool
        Whether a front within an epsilon (`State.epsilon`) can be asked for.
    start : State
        The state at the opening.
    trained : dict of str to tuple of Trained
        By target the networks that are trained.
    exports : tuple of (str, str)
        What `export` takes, and what it is.
    notes : tuple of str
        Doubts about what was opened, to be shown.
    """

    kind = ""
    first = 2  # objectives of the front at the opening

    def __init__(self, title: str, key: str) -> None:
        self.title = title
        self.key = key
        self.facts: tuple[tuple[str, str], ...] = ()
        self.targets: tuple[str, ...] = ("",)
        self.sliders: tuple[Slider, ...] = ()
        self.goals: tuple[Goal, ...] = ()
        self.weights: tuple[Goal, ...] = ()
        self.confidences: tuple[float, ...] = ()
        self.codesign = False
        self.conditional = False
        self.coarser = False
        self.start = State(source=key)
        self.trained: dict[str, tuple[Trained, ...]] = {}
        self.exports: tuple[tuple[str, str], ...] = ()
        self.notes: tuple[str, ...] = ()

    def close(self) -> None:
        """End what runs beside."""

    # Questions

    def answer(self, state: State, request: int = 0) -> tuple[Answer, ...]:
        """Return the answer on each target, side by side: what `flash.search` gives.

        Fast: a few milliseconds on the default spaces. What takes longer is in `explain`.
        """
        return tuple([self._answer(state, one, request) for one in self.targets])

    def explain(self, state: State, request: int = 0) -> tuple[Explained, ...]:
        """Return of each target's answer what binds and what more would buy, or what excludes what
        and what would do."""
        return tuple([self._explained(state, one, request) for one in self.targets])

    def costs(self, state: State) -> tuple[Cost | None, ...]:
        """Return what each target's answer costs there, layer by layer: None where there is no
        network, or where its layers' costs do not add up to the answer's (an accelerator of its
        own, an error)."""
        return tuple([self._cost(state, one) for one in self.targets])

    def front(self, state: State, request: int = 0) -> FrontView:
        """Return the front of the state's objectives on its target, within its budgets on all else:
        those on the objectives are `FrontView.limits`."""
        raise NotImplementedError

    def go(self, state: State, place: int) -> State:
        """Return the state whose proven answer is a point of `front` of a state.

        Parameters
        ----------
        state : State
        place : int
            One of `FrontView.places`.

        Raises
        ------
        ArgumentError
            If the front has no such point.
        """
        raise NotImplementedError

    def export(self, state: State, what: str) -> File:
        """Return a file of a state's answer or front, by a name of `exports`.

        Raises
        ------
        FlashError
            If there is nothing to write, or an extra is missing: the message says so.
        """
        if what not in dict(self.exports):
            known = tuple(dict(self.exports))
            raise ArgumentError(
                f"export must be one of {', '.join(known)}, got {shown(what)}{hint(what, known)}"
            )
        return self._export(state, what)

    def command(self, state: State) -> str:
        """Return the shell's commands that print the state's answers, a line each; "" where the
        command line cannot ask that."""
        return ""

    def python(self, state: State) -> str:
        """Return the lines of Python that give the state's answers."""
        return ""

    def front_command(self, state: State) -> str:
        """Return the shell's command that prints the state's front; "" where there is none."""
        return ""

    def front_python(self, state: State) -> str:
        """Return the lines of Python that give the state's front."""
        return ""

    def checked(self, state: State) -> tuple[State, tuple[str, ...]]:
        """Return what of a link's state holds here, and messages about what does not."""
        wrong: list[str] = []
        if state.source and state.source != self.key:
            wrong.append(
                f"the link is of {shown(state.source)}, and this page shows {shown(self.key)}: "
                "what both know is kept"
            )
        changes: dict[str, Any] = {"source": self.key}
        changes["budgets"] = self._known_budgets(state.budgets, wrong)
        weights = {one.name for one in self.weights}
        for name in state.objective:
            if name not in weights:
                wrong.append(f"{shown(name)} has no weight here{hint(name, weights)}")
        changes["objective"] = {k: v for k, v in state.objective.items() if k in weights}
        changes["front"] = self._known_goals(state.front, wrong)
        if state.target and state.target not in self.targets:
            wrong.append(f"there is no target {shown(state.target)} here")
            changes["target"] = ""
        changes |= self._known_options(state, wrong)
        return state.replace(**changes), tuple(wrong)

    def _known_budgets(self, budgets: Mapping[str, float], wrong: list[str]) -> dict[str, float]:
        keywords = {one.keyword for one in self.sliders} | set(self._further_budgets())
        whole = {one.keyword for one in self.sliders if one.whole}
        found: dict[str, float] = {}
        for name, value in budgets.items():
            keyword, at, device = name.partition("@")
            problem = self._wrong_budget(keyword, value)
            if keyword not in keywords:
                wrong.append(f"{shown(keyword)} is no budget here{hint(keyword, keywords)}")
            elif at and device not in self.targets:
                wrong.append(f"{shown(name)}: there is no target {shown(device)} here")
            elif problem:
                wrong.append(problem)
            else:
                found[name] = int(value) if keyword in whole and value == value // 1 else value
        return found

    def _known_goals(self, names: Sequence[str], wrong: list[str]) -> tuple[str, ...]:
        goals = {one.name for one in self.goals}
        for name in names:
            if name not in goals:
                wrong.append(f"{shown(name)} is no objective of a front here{hint(name, goals)}")
        front = tuple(dict.fromkeys(one for one in names if one in goals))
        if names and not 2 <= len(front) <= 3:
            wrong.append(f"a front has two or three objectives, got {len(front)}")
            return ()
        return front

    def _known_options(self, state: State, wrong: list[str]) -> dict[str, Any]:
        changes: dict[str, Any] = {}
        if state.confidence is not None and not (
            self.confidences and 0.5 <= state.confidence <= 0.99
        ):
            wrong.append(
                "confidence must lie between 0.5 and 0.99"
                if self.confidences
                else "confidence is of costs with intervals, which there are not here"
            )
            changes["confidence"] = None
        if state.codesign and not self.codesign:
            wrong.append("no target here has a design space: codesign is left out")
            changes["codesign"] = False
        if not 0.0 <= state.epsilon <= 1.0 or (state.epsilon and not self.coarser):
            wrong.append(
                "epsilon must lie between 0 and 1"
                if self.coarser
                else "epsilon is of the front of a space, and this is none"
            )
            changes["epsilon"] = 0.0
        if state.where and not self.conditional:
            wrong.append("conditions cannot be asked for here")
            changes["where"] = ()
        return changes

    # For subclasses

    def _answer(self, state: State, target: str, request: int) -> Answer:
        raise NotImplementedError

    def _explained(self, state: State, target: str, request: int) -> Explained:
        raise NotImplementedError

    def _export(self, state: State, what: str) -> File:
        raise NotImplementedError

    def _cost(self, state: State, target: str) -> Cost | None:
        return None

    def _parted(
        self, budgets: Mapping[str, float], goals: Sequence[Goal]
    ) -> tuple[dict[str, float], dict[str, float]]:
        """Return the budgets that a front is within, and by objective those on its objectives."""
        names = {one.name for one in goals}
        others: dict[str, float] = {}
        limits: dict[str, float] = {}
        for keyword, value in budgets.items():
            metric = keyword[len("max_") :]
            if metric in names:
                limits[metric] = value
            else:
                others[keyword] = value
        return others, limits

    def _further_budgets(self) -> tuple[str, ...]:
        """Return budgets that are accepted and have no slider."""
        return ()

    def _wrong_budget(self, keyword: str, value: float) -> str:
        """Return why a budget's value is not accepted; "" where it is."""
        return ""

    def _target(self, state: State) -> str:
        return state.target if state.target in self.targets else self.targets[0]

    def _goals(self, state: State, target: str) -> tuple[Goal, ...]:
        """Return the objectives of a state's front: its own, or the first ones."""
        by_name = {one.name: one for one in self.goals}
        if state.front:
            return tuple([by_name[one] for one in state.front if one in by_name])
        return tuple([one for one in self.goals if target in one.targets][: self.first])


def said(error: BaseException) -> str:
    """Return what an error says."""
    return str(error) or type(error).__name__
